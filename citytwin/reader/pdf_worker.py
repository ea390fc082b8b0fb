"""Which lines of text stand where on the pages of a PDF? A program of its own, run by `pdf`: what a malicious file does
to the parser ends with this process. Reads the PDF from standard input, writes JSON to standard output."""

from __future__ import annotations

import contextlib
import ctypes
import json
import sys
from typing import Any

MAX_PAGES = 3000
MAX_CHARACTERS = 3_000_000
CPU_SECONDS = 60
MEMORY = 480 << 20

WIDE = 1.6  # a gap of so many ems parts a line: between columns, the cells of a table, or spaced letters


class RefusedError(Exception):
    """What is wrong, and what to do about it."""


def main() -> None:
    """Answer with {"pages": [[height, [[pieces, bottom, top], …]], …]}, a piece being [text, left, right], or {"fault": [what, hint]}."""
    _confine()
    answer: dict[str, Any]
    try:
        answer = {"pages": pages(sys.stdin.buffer.read())}
    except RefusedError as e:
        answer = {"fault": e.args}
    except MemoryError:
        answer = {"fault": ("needs too much memory to be read", "Print it into a new PDF, or export its text.")}
    sys.stdout.write(json.dumps(answer))


def _confine() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # where the system has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def pages(data: bytes) -> list[list[Any]]:
    """The lines of every page, in the order of the file."""
    import pypdfium2
    from pypdfium2 import raw

    try:
        document = pypdfium2.PdfDocument(data)
        count = len(document)
    except pypdfium2.PdfiumError as e:
        if raw.FPDF_GetLastError() in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY) or "password" in str(e).lower():
            raise RefusedError("is encrypted", "Save a copy without a password and read that.") from None
        raise RefusedError("is a damaged PDF", "Open it in a viewer and save it anew, or export its text.") from None
    if count > MAX_PAGES:
        raise RefusedError(f"has more than {MAX_PAGES:,} pages", "Split it into its documents.")
    if count == 0:
        raise RefusedError("is a PDF without pages", "Is it the right file?")
    out: list[list[Any]] = []
    seen = damaged = unmapped = 0
    for n in range(count):
        try:
            page = document[n]
            height = page.get_height()
            text = page.get_textpage()
        except pypdfium2.PdfiumError:
            damaged += 1
            out.append([0, []])
            continue
        size = raw.FPDFText_CountChars(text)
        seen += max(size, 0)
        if seen > MAX_CHARACTERS:
            raise RefusedError(f"holds more than {MAX_CHARACTERS // 1_000_000} million characters", "Split it.")
        codes = [raw.FPDFText_GetUnicode(text, i) for i in range(size)]
        unmapped += sum(c in (0, 0xFFFD, 0xFFFE, 0xFFFF) or 0xE000 <= c < 0xF900 for c in codes)
        out.append([height, _lines(raw, text, codes)])
        text.close()
        page.close()
    if damaged == count:
        raise RefusedError("is a damaged PDF", "Open it in a viewer and save it anew, or export its text.")
    if not any(lines for _, lines in out):
        raise RefusedError("is a scan: this PDF has no text layer", "Run text recognition (OCR) on it first.")
    if unmapped > 0.3 * seen:
        raise RefusedError(
            "has no readable text layer", "Its fonts do not say which characters they draw: run OCR first."
        )
    return out


def _lines(raw: Any, text: Any, codes: list[int]) -> list[list[Any]]:
    box = raw.FS_RECTF()
    there = ctypes.byref(box)

    def place(i: int) -> tuple[float, float, float, float]:
        raw.FPDFText_GetLooseCharBox(text, i, there)
        return box.left, box.right, box.bottom, box.top

    out: list[list[Any]] = []
    i, size = 0, len(codes)
    while i < size:
        stop = i
        while stop < size and codes[stop] not in (10, 13):
            stop += 1
        inked = [k for k in range(i, stop) if codes[k] > 32 and codes[k] not in (0xA0, 0x3000)]
        if inked:
            first = last = place(inked[0])
            em = max(first[3] - first[2], 1.0)
            words, before, left = [_char(codes[inked[0]])], inked[0], first[0]
            pieces: list[list[Any]] = []
            for k in inked[1:]:
                here = place(k)
                if here[0] - last[1] > WIDE * em:
                    pieces.append([_text(words), left, last[1]])
                    words, left = [], here[0]
                elif k > before + 1:
                    words.append(" ")
                words.append(_char(codes[k]))
                last, before = here, k
            pieces.append([_text(words), left, last[1]])
            gap = first[0] - out[-1][0][-1][2] if out and abs(first[2] - out[-1][1]) < 0.3 * em else -em
            if gap > WIDE * em:  # drawn apart, but on the same line
                out[-1][0] += pieces
            elif gap > -0.2 * em:
                end = out[-1][0][-1]
                end[0] += (" " if gap > 0.2 * em else "") + pieces[0][0]
                end[2] = pieces[0][2]
                out[-1][0] += pieces[1:]
            else:
                out.append([pieces, first[2], first[3]])
        i = stop + 1
    return out


def _text(words: list[str]) -> str:
    return "".join(words).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _char(code: int) -> str:
    if code in (0xFFFE, 2, 0xAD):  # how the library marks a hyphen at a line's end
        return "-"
    return chr(code) if 0 < code < 0x110000 else "\ufffd"


if __name__ == "__main__":
    main()
