"""What characters does the file hold, and where did each of them stand?"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from citytwin.kernel.errors import CityTwinError

# Copies of the same plan differ in these; each is replaced by one other character, so offsets stay valid.
_SAME_WIDTH = str.maketrans(
    {
        **{chr(0xFF10 + i): chr(0x30 + i) for i in range(10)},
        **{chr(0xFF21 + i): chr(0x41 + i) for i in range(26)},
        **{chr(0xFF41 + i): chr(0x61 + i) for i in range(26)},
        **dict(zip("％＋－／．～﹝﹞[]［］【】(){}", "%+-/.~〔〕〔〕〔〕〔〕（）（）", strict=True)),
        **dict(zip(";!?˙•∙⋅・–—―", "；！？·····---", strict=True)),
    }
)

_FOREIGN = (  # (first bytes, what the file is, what to do)
    (b"%PDF", "a PDF", "Export its text (for example with pdftotext -layout) and read the .txt file."),
    (b"PK\x03\x04", "a DOCX or another zip archive", "Save the document as plain text (UTF-8) and read that."),
    (b"\xd0\xcf\x11\xe0", "an old Word document", "Save the document as plain text (UTF-8) and read that."),
    (b"{\\rtf", "rich text", "Save the document as plain text (UTF-8) and read that."),
    (b"\xff\xfe", "UTF-16 text", "Save it as UTF-8."),
    (b"\xfe\xff", "UTF-16 text", "Save it as UTF-8."),
)


class ReaderError(CityTwinError):
    """A document that cannot be read: what happened, and what to do about it."""

    code = "unreadable"


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
    offsets: tuple[int, ...]  # stripped offset → raw offset
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
    """Decode a file, strip its white space and remember where every character and line stood."""
    raw, encoding = decode(data, name)
    if not raw.strip():
        raise ReaderError(f"{name or 'the document'} is empty", "Is it the right file? A scanned page has no text.")
    offsets = tuple(i for i, c in enumerate(raw) if not c.isspace())
    stripped = "".join(raw[i] for i in offsets)
    lines, paged = _lines(raw)
    return Text(encoding, raw, stripped, _plain(stripped), offsets, lines, paged)


def _plain(stripped: str) -> str:
    text = list(stripped.translate(_SAME_WIDTH))
    last = len(text) - 1
    for i, c in enumerate(text):
        # A half-width comma or colon is punctuation unless digits stand on both sides (1,000; 12:30).
        if c in ",:" and not (0 < i < last and text[i - 1].isdigit() and text[i + 1].isdigit()):
            text[i] = "，" if c == "," else "："
        elif c == "." and i and (text[i - 1] in "%）”》" or "\u4e00" <= text[i - 1] <= "\u9fff"):
            text[i] = "。"  # a full stop typed in half width; 1. and 3.6 have a digit before it
    return "".join(text)


def columns(text: str) -> int:
    """Width on a screen or a page: a Chinese character takes two columns."""
    return sum(2 if ord(c) > 0x2E7F else 1 for c in text)


def _lines(raw: str) -> tuple[tuple[Line, ...], bool]:
    rows: list[tuple[str, int, bool, bool]] = []  # body, indent, blank line before, form feed before
    wide: list[int] = []
    blank = feed = False
    for line in raw.split("\n"):
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
        opens = ended or indent >= 2 or (blank and not doubled)
        lines.append(Line(at, at + len(body), indent, opens, page))
        at += len(body)
        # A line broken by machine reaches the margin; one that stops before it, with a sentence, ends a paragraph.
        ended = wideness < width - 7 and (body[-1] in "。！？：；）”!?:;)" or wideness < 0.8 * width) if width else True
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
