"""What characters does the file hold, and where did each of them stand?"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from . import docx, pdf
from .fault import MAX_BYTES, MAX_CHARACTERS, MAX_LINES, ReaderError, Row
from .record import Paragraph
from .script import simplified

# Copies of the same plan differ in these; each is replaced by one other character, so offsets stay valid.
_SAME_WIDTH = str.maketrans(
    {
        **{chr(0xFF10 + i): chr(0x30 + i) for i in range(10)},
        **{chr(0xFF21 + i): chr(0x41 + i) for i in range(26)},
        **{chr(0xFF41 + i): chr(0x61 + i) for i in range(26)},
        **dict(zip("％＋－／．～﹝﹞[]［］【】(){}", "%+-/.~〔〕〔〕〔〕〔〕（）（）", strict=True)),
        **dict(zip(";!?˙•∙⋅・–—―「」『』", "；！？·····---“”“”", strict=True)),
    }
)
# A half-width comma or colon is punctuation unless digits stand on both sides (1,000; 12:30).
_COMMA = re.compile(r"(?<!\d),|,(?!\d)")
_COLON = re.compile(r"(?<!\d):|:(?!\d)")
_STOP = re.compile(
    r"(?<=[%）”》\u4e00-\u9fff])\."
)  # a full stop typed in half width; 1. and 3.6 have a digit before it

_FOREIGN = (  # (first bytes, what the file is, what to do)
    (b"\xd0\xcf\x11\xe0", "an old Word document or one with a password", "Save it as .docx without a password."),
    (b"{\\rtf", "rich text", "Save the document as .docx or plain text (UTF-8)."),
    (b"\xff\xfe", "UTF-16 text", "Save it as UTF-8."),
    (b"\xfe\xff", "UTF-16 text", "Save it as UTF-8."),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One non-blank line, in offsets of the stripped text."""

    start: int
    end: int
    indent: int  # columns of leading space; an ideographic space is two
    opens: bool  # the line begins a paragraph
    page: int


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text twice over: raw as decoded, stripped of all white space; `plain` is stripped with one
    spelling for full-width digits, brackets and signs, character by character."""

    encoding: str
    raw: str
    stripped: str
    plain: str
    offsets: Sequence[int]  # stripped offset → raw offset
    lines: tuple[Line, ...]
    paged: bool

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """The raw offsets of a stripped span."""
        if not self.offsets:
            return 0, 0
        if end <= start:
            at = self.offsets[min(start, len(self.offsets) - 1)]
            return at, at
        return self.offsets[start], self.offsets[end - 1] + 1

    def page(self, at: int) -> int | None:
        """The page a stripped offset stands on, where the text shows its pages."""
        if not self.paged:
            return None
        line = bisect_right(self.lines, at, key=lambda line: line.start) - 1
        return self.lines[max(line, 0)].page


def paragraphs(text: Text, lines: Sequence[Line]) -> tuple[Paragraph, ...]:
    """Lines put together to paragraphs, as they are to be shown."""
    out: list[Paragraph] = []
    for line in lines:
        if line.opens or not out:
            out.append(Paragraph(line.start, line.end, line.page if text.paged else None))
        else:
            out[-1] = Paragraph(out[-1].start, line.end, out[-1].page)
    return tuple(out)


def decode(data: bytes, name: str = "") -> tuple[str, str]:
    """Decode UTF-8 (with or without mark) or GB18030; raise ReaderError for anything else."""
    what = name or "the document"
    for magic, kind, hint in _FOREIGN:
        if data.startswith(magic):
            raise ReaderError(f"{what} is {kind}; only plain text can be read", hint)
    if b"\x00" in data:
        at = data.index(b"\x00")
        raise ReaderError(
            f"{what} holds a zero byte at position {at}: it is not text", "Save it as plain text (UTF-8)."
        )
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text, "utf-8" if encoding == "utf-8-sig" else encoding
    raise ReaderError(f"{what} is neither UTF-8 nor GB18030 text", "Save it as UTF-8 and read it again.")


def load(data: bytes, name: str = "") -> Text:
    """Extract or decode a file's text, strip its white space and remember where every character and line stood."""
    what = name or "the document"
    if len(data) > MAX_BYTES:
        raise ReaderError(f"{what} is larger than {MAX_BYTES >> 20} MB", "Split it, or remove its pictures.")
    rows: list[Row] | None = None
    if data[:1024].lstrip().startswith(b"%PDF"):
        rows, encoding = pdf.rows(data, what), "pdf"
    elif data.startswith(b"PK"):
        rows, encoding = docx.rows(data, what), "docx"
    else:
        raw, encoding = decode(data, name)
    if rows is not None:
        raw = _joined(rows)
    if len(raw) > MAX_CHARACTERS:
        raise ReaderError(
            f"{what} holds more than {MAX_CHARACTERS // 1_000_000} million characters", "Split it into its documents."
        )
    stripped = "".join(raw.split())
    if not stripped:
        raise ReaderError(f"{what} is empty", "Is it the right file? A scanned page has no text.")
    offsets = array("I")
    for m in re.finditer(r"\S+", raw):
        offsets.extend(range(m.start(), m.end()))
    lines, paged = _given(rows) if rows is not None else _lines(raw)
    if len(lines) > MAX_LINES:
        raise ReaderError(f"{what} has more than {MAX_LINES:,} lines", "Split it into its documents.")
    return Text(encoding, raw, stripped, _plain(stripped), offsets, lines, paged)


def _joined(rows: list[Row]) -> str:
    parts: list[str] = []
    page = rows[0].page if rows else 1
    for row in rows:
        parts.append(("\f" if row.page != page else "") + row.text)
        page = row.page
    return "\n".join(parts)


def _given(rows: list[Row]) -> tuple[tuple[Line, ...], bool]:
    """The lines of a file that knows its own paragraphs and pages."""
    lines: list[Line] = []
    at, opens = 0, True
    for row in rows:
        size = sum(map(len, row.text.split()))
        opens = opens or row.opens
        if size:
            lines.append(Line(at, at + size, 0, opens, row.page))
            at, opens = at + size, False
    return tuple(lines), bool(rows) and rows[-1].page > 1


def _plain(stripped: str) -> str:
    text = simplified(stripped.translate(_SAME_WIDTH))
    return _STOP.sub("。", _COLON.sub("：", _COMMA.sub("，", text)))


def columns(text: str) -> int:
    """Width on a screen or a page: a Chinese character takes two columns."""
    return sum(2 if ord(c) > 0x2E7F else 1 for c in text)


def _lines(raw: str) -> tuple[tuple[Line, ...], bool]:
    rows: list[tuple[str, int, bool, bool]] = []  # body, indent, blank line before, form feed before
    wide: list[int] = []
    blank = feed = False
    for n, line in enumerate(raw.split("\n")):
        if n > 20 * MAX_LINES or len(rows) > MAX_LINES:
            raise ReaderError(f"the text has more than {MAX_LINES:,} lines", "Split it into its documents.")
        feed = feed or "\f" in line
        body = "".join(line.split())
        if not body:
            blank = True
            continue
        lead = line[: len(line) - len(line.lstrip())]
        indent = sum(2 if c == "\u3000" else 4 if c == "\t" else 1 for c in lead if c not in "\f\r")
        rows.append((body, indent, blank, feed))
        wide.append(columns(line.strip()) + indent)
        blank = feed = False
    width = _wrap_width(wide)
    # Text pulled out of a PDF has a blank line between any two lines: there a blank line says nothing.
    doubled = len(rows) > 20 and sum(row[2] for row in rows) > 0.6 * len(rows)
    feeds = any(row[3] for row in rows)
    lines: list[Line] = []
    at, page, ended = 0, 1, True
    for (body, indent, blank, feed), wideness in zip(rows, wide, strict=True):
        # ... and a line without one, one space in, is the first of a page.
        page += bool(lines) and (feed if feeds else doubled and not blank and indent == 1)
        ruled = "|" in body  # a row of a table stands for itself
        opens = ended or ruled or indent >= 2 or (blank and not doubled)
        lines.append(Line(at, at + len(body), indent, opens, page))
        at += len(body)
        # A line broken by machine reaches the margin; one that stops before it, with a sentence, ends a paragraph.
        ended = (
            ruled
            or not width
            or (wideness < width - 7 and (body[-1] in "。！？：；）”!?:;)" or wideness < 0.8 * width))
        )
    return tuple(lines), page > 1


def _wrap_width(wide: list[int]) -> int:
    """The column at which lines were broken by machine, or 0 where each line is a paragraph of its own."""
    if len(wide) < 4:
        return 0
    width = sorted(wide)[int(0.95 * (len(wide) - 1))]
    if not 40 <= width <= 120:
        return 0
    near = sum(width - 8 <= n <= width + 4 for n in wide)
    return width if near >= 0.3 * len(wide) else 0
