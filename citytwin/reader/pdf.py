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

SECONDS = 60
_NUMBER = re.compile(r"\d{1,6}")
_LAST = re.compile(r"\d{1,6}(?=\D*$)")
_COLUMN = 5  # a column of text has so many lines at least
_EDGE = 3  # headers and footers are among so many outermost lines of a page
_WORKER = str(Path(__file__).with_name("pdf_worker.py"))


class _Piece(NamedTuple):
    text: str
    left: float
    right: float


class _Line(NamedTuple):
    pieces: tuple[_Piece, ...]
    bottom: float
    top: float
    column: int = 0  # 1 left, 2 right, 0 where the page has one column

    @property
    def text(self) -> str:
        """The words, with a space where the line has a wide gap."""
        return " ".join(p.text for p in self.pieces)

    @property
    def left(self) -> float:
        """Where the line begins."""
        return self.pieces[0].left

    @property
    def right(self) -> float:
        """Where the line ends."""
        return self.pieces[-1].right


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
    return arranged(
        [
            [_Line(tuple(_Piece(*piece) for piece in pieces), bottom, top) for pieces, bottom, top in lines]
            for _, lines in answer["pages"]
        ]
    )


def arranged(pages: list[list[_Line]]) -> list[Row]:
    """Drop what is repeated, put columns one after the other, keep cells apart, and see where paragraphs begin."""
    kept = [(n, line) for n, lines in enumerate(_without_repeated(pages), 1) for line in in_columns(lines)]
    margins = {c: _margins([line for _, line in kept if line.column == c]) for c in (0, 1, 2)}
    gaps = [len(line.pieces) - 1 for _, line in kept]
    texts = [line.text for _, line in kept]
    tabular = [False] * len(kept)
    for i, (_, line) in enumerate(kept):
        near = max(gaps[max(i - 1, 0) : i] + gaps[i + 1 : i + 2], default=0)
        tabular[i] = gaps[i] >= 1 and near >= 1 and gaps[i] + near >= 3 and len(line.text) > 2 * gaps[i] + 2
    at = 0
    while at < len(kept):
        stop = at
        while stop < len(kept) and tabular[stop] and kept[stop][0] == kept[at][0]:
            stop += 1
        if stop > at:
            texts[at:stop] = _cells([line for _, line in kept[at:stop]])
        at = max(stop, at + 1)
    out: list[Row] = []
    before: _Line | None = None
    page = 0
    for i, (n, line) in enumerate(kept):
        turned = n != page or (before is not None and before.column != line.column)
        opens = tabular[i] or (i > 0 and tabular[i - 1]) or _opens(line, before, margins, turned)
        out.append(Row(texts[i], opens, n))
        before, page = line, n
    return out


def in_columns(lines: list[_Line]) -> list[_Line]:
    """The lines of a page in reading order: where it has two columns the left one first; a line over the full width
    parts what is above it from what is below."""
    gutter = _gutter(lines)
    if gutter is None:
        return lines
    sides: list[_Line] = []
    for line in lines:
        if line.left < gutter < line.right and not any(p.left >= gutter for p in line.pieces):
            sides.append(line)  # over the full width
            continue
        for column in (1, 2):
            own = tuple(p for p in line.pieces if (p.left >= gutter) == (column == 2))
            if own:
                sides.append(_Line(own, line.bottom, line.top, column))
    out: list[_Line] = []
    wide = sorted((line for line in sides if line.column == 0), key=lambda line: -line.bottom)
    rest = sorted((line for line in sides if line.column), key=lambda line: (line.column, -line.bottom))
    for title in wide:
        out += [line for line in rest if line.bottom > title.bottom]
        rest = [line for line in rest if line.bottom <= title.bottom]
        out.append(title)
    return out + rest


def _gutter(lines: list[_Line]) -> float | None:
    """The middle of the white band between two columns of running text, or None. Columns of a table have no full lines."""
    pieces = [p for line in lines for p in line.pieces]
    if len(pieces) < 2 * _COLUMN:
        return None
    em = sorted(line.top - line.bottom for line in lines)[len(lines) // 2]
    left, right = min(p.left for p in pieces), max(p.right for p in pieces)
    for percent in sorted(range(35, 66), key=lambda n: abs(n - 50)):
        middle = left + percent / 100 * (right - left)
        before = [p for p in pieces if p.right <= middle]
        after = [p for p in pieces if p.left >= middle]
        if min(len(before), len(after)) < _COLUMN or len(pieces) - len(before) - len(after) > 0.25 * len(pieces):
            continue
        edge, begin = max(p.right for p in before), min(p.left for p in after)
        if begin - edge >= 0.8 * em and _running(before, edge, em) and _running(after, right, em):
            return (edge + begin) / 2
    return None


def _running(pieces: list[_Piece], edge: float, em: float) -> bool:
    """Whether pieces are lines of running text: long ones, most of which reach the margin."""
    full = sum(p.right > edge - 2 * em for p in pieces)
    return full >= 0.5 * len(pieces) and sum(len(p.text) for p in pieces) >= 10 * len(pieces)


def _cells(lines: list[_Line]) -> list[str]:
    """The lines of a table with bars between their cells; a cell that is empty keeps its place where columns are clear."""
    columns: list[list[float]] = []
    for p in sorted((p for line in lines for p in line.pieces), key=lambda p: p.left):
        if columns and p.left < columns[-1][1]:
            columns[-1][1] = max(columns[-1][1], p.right)
        else:
            columns.append([p.left, p.right])
    most = max(len(line.pieces) for line in lines)
    out: list[str] = []
    for line in lines:
        own = {
            next(n for n, (a, b) in enumerate(columns) if a <= p.left < b or p.left == a): p.text for p in line.pieces
        }
        if len(columns) == most and len(own) == len(line.pieces):
            out.append(" | ".join(own.get(n, "") for n in range(most)))
        else:
            out.append(" | ".join(p.text for p in line.pieces))
    return out


def _opens(line: _Line, before: _Line | None, margins: dict[int, tuple[float, float]], turned: bool) -> bool:
    em = max(line.top - line.bottom, 1.0)
    left, right = margins[line.column]
    if before is None or right <= left:
        return True
    above, edge = margins[before.column]
    if line.left > left + 1.4 * em and abs(line.left - left - (before.left - above)) > 0.5 * em:
        return True
    if not turned and before.bottom - line.top > 1.6 * em:  # more than a line of white space
        return True
    if before.right >= edge - 2 * em:
        return False
    return before.text[-1] in "。！？：；）”!?:;.)" or before.right < above + 0.8 * (edge - above)


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
