"""Which lines does a PDF hold, without what is repeated on every page, and which of them begin a paragraph?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from .fault import ReaderError, Row
from .pdf_worker import GAP

SECONDS = 60
_NUMBER = re.compile(r"\d{1,6}")
_LAST = re.compile(r"\d{1,6}(?=\D*$)")
_EDGE = 3  # headers and footers are among so many outermost lines of a page
_WORKER = str(Path(__file__).with_name("pdf_worker.py"))


class _Line(NamedTuple):
    text: str
    left: float
    right: float
    bottom: float
    top: float


def rows(data: bytes, what: str) -> list[Row]:
    """The lines of a PDF in reading order, read by a process with bounded time and memory."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", _WORKER], input=data, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ReaderError(
            f"{what} takes longer than {SECONDS} s to read", "Print it into a new PDF, or export its text."
        ) from None
    except OSError as e:
        raise ReaderError(f"{what} cannot be read here: {e.strerror}", "A PDF is read by a second process.") from e
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise ReaderError(
            f"{what} is a damaged PDF, or one that needs too much memory",
            "Print it into a new PDF, or export its text.",
        ) from None
    if "fault" in answer:
        told, hint = answer["fault"]
        raise ReaderError(f"{what} {told}", hint)
    return arranged([(height, [_Line(*line) for line in lines]) for height, lines in answer["pages"]])


def arranged(pages: list[tuple[float, list[_Line]]]) -> list[Row]:
    """Drop what is repeated, keep cells apart, and see where paragraphs begin."""
    kept = [(n, line) for n, lines in enumerate(_without_repeated([p for _, p in pages]), 1) for line in lines]
    left, right = _margins([line for _, line in kept])
    cells = [line.text.count(GAP) for _, line in kept]
    out: list[Row] = []
    before: _Line | None = None
    page = tabular = 0
    for i, (n, line) in enumerate(kept):
        near = max(cells[max(i - 1, 0) : i] + cells[i + 1 : i + 2], default=0)
        table = cells[i] >= 1 and near >= 1 and cells[i] + near >= 3 and len(line.text) > 2 * cells[i] + 2
        text = line.text.replace(GAP, " | " if table else " ")
        opens = table or bool(tabular) or _opens(line, before, left, right, n != page)
        out.append(Row(text, opens, n))
        before, page, tabular = line, n, table
    return out


def _opens(line: _Line, before: _Line | None, left: float, right: float, turned: bool) -> bool:
    em = max(line.top - line.bottom, 1.0)
    if before is None or right <= left:
        return True
    if line.left > left + 1.4 * em and abs(line.left - before.left) > 0.5 * em:
        return True
    if not turned and before.bottom - line.top > 1.6 * em:  # more than a line of white space
        return True
    if before.right >= right - 2 * em:
        return False
    return before.text[-1] in "。！？：；）”!?:;.)" or before.right < left + 0.8 * (right - left)


def _margins(lines: list[_Line]) -> tuple[float, float]:
    """Where most lines begin and where the full ones end; equal where every line is a paragraph of its own."""
    if len(lines) < 2:
        return 0.0, 0.0
    left = float(Counter(round(line.left) for line in lines).most_common(1)[0][0])
    left = min(left, sorted(line.left for line in lines)[len(lines) // 2])
    ends = sorted(line.right for line in lines)
    right = ends[int(0.95 * (len(ends) - 1))] if len(ends) > 20 else ends[-1]
    em = max(sorted(line.top - line.bottom for line in lines)[len(lines) // 2], 1.0)
    full = sum(end > right - 2 * em for end in ends)
    return (left, right) if full >= 0.25 * len(lines) and right - left > 12 * em else (0.0, 0.0)


def _without_repeated(pages: list[list[_Line]]) -> list[list[_Line]]:
    """Take away the outermost lines that stand in the same place on many pages, but for the page's number."""
    count = sum(bool(lines) for lines in pages)
    seen: Counter[tuple[str, str, int]] = Counter()
    edges: list[dict[int, set[tuple[str, str, int]]]] = []
    for n, lines in enumerate(pages):
        order = sorted(range(len(lines)), key=lambda i, lines=lines: -lines[i].bottom)  # type: ignore[misc]
        here: dict[int, set[tuple[str, str, int]]] = {}
        for where, some in (("top", order[:_EDGE]), ("foot", order[-_EDGE:])):
            for i in some:
                words = "".join(lines[i].text.split())
                at = int(lines[i].bottom // 8)
                # All of it repeats, or all but one number: the page's, which stands first or last.
                same = {words, *(_counting(words, m, n) for m in (_NUMBER.search(words), _LAST.search(words)) if m)}
                here.setdefault(i, set()).update((where, form, at + d) for form in same for d in (0, 1))
        edges.append(here)
        seen.update({key for keys in here.values() for key in keys})
    least = max(3, 0.4 * count)
    out: list[list[_Line]] = []
    for n, (lines, here) in enumerate(zip(pages, edges, strict=True), 1):
        gone = {i for i, keys in here.items() if any(seen[key] >= least for key in keys)}
        # On a page or two nothing can repeat; there a line that is the page's number and nothing else goes.
        gone |= {i for i in here if count < 3 and re.fullmatch(rf"[-—–·\s]*{n}[-—–·\s]*", lines[i].text)}
        out.append([line for i, line in enumerate(lines) if i not in gone])
    return out


def _counting(words: str, m: re.Match[str], page: int) -> str:
    """A line with a number that goes up with the pages, as all of them have it."""
    return f"{words[: m.start()]}#{int(m.group()) - page}{words[m.end() :]}"
