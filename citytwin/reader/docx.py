"""Which paragraphs does a DOCX hold, with the numbers that are drawn before them, and which cells its tables?"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET
from xml.parsers import expat

from .fault import MAX_CHARACTERS, MAX_LINES, ReaderError, Row
from .grid import DITTO, names_columns
from .numbering import Numbering

MAX_XML = 40 << 20  # of the text, unpacked; a thousand pages take about half of it
MAX_SMALL = 6 << 20  # of styles, numbering and notes
MAX_RATIO = 400  # unpacked to packed; text reaches about 30
MAX_MEMBERS = 5000
MAX_CELLS = 1000
_DEEPEST = 400
_LONGEST_CELL = 60
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, KeyError, ValueError, IndexError, OverflowError,
    RuntimeError, NotImplementedError, ET.ParseError, expat.ExpatError,
)  # fmt: skip
_SAVE = "Open it in a word processor and save it anew, or save it as plain text."
# Left out whole: deleted text, moved text at its old place, field codes, the second copy of a text box.
_LEFT_OUT = frozenset(
    ["del", "moveFrom", "instrText", "delText", "delInstrText", "Fallback", "pPrChange", "rPrChange", "numberingChange"]
)


def rows(data: bytes, what: str) -> list[Row]:
    """The paragraphs and table rows of a DOCX."""
    try:
        return _rows(data, what)
    except ReaderError:
        raise
    except _DAMAGED as e:
        if isinstance(e, RuntimeError) and "password" in str(e):
            raise ReaderError(f"{what} is encrypted", "Save a copy without a password and read that.") from None
        raise ReaderError(f"{what} is a damaged DOCX or another zip archive", _SAVE) from None


def _rows(data: bytes, what: str) -> list[Row]:
    if data.count(b"PK\x01\x02") > MAX_MEMBERS:
        raise ReaderError(f"{what} is an archive of more than {MAX_MEMBERS:,} files", "A DOCX holds a few dozen.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = set(archive.namelist())
        main = _main(archive, names, what)
        folder = main.rpartition("/")[0] + "/" if "/" in main else ""

        def small(name: str) -> bytes:
            return _part(archive, folder + name, MAX_SMALL, what) if folder + name in names else b""

        numbering = Numbering(small("numbering.xml"), small("styles.xml"))
        notes: dict[str, str] = {}
        for kind in ("footnote", "endnote"):
            body = small(f"{kind}s.xml")
            if body:
                _Body(numbering, notes, what, kind).parse(body)
        reader = _Body(numbering, notes, what)
        reader.parse(_part(archive, main, MAX_XML, what))
        return reader.out


def _main(archive: zipfile.ZipFile, names: set[str], what: str) -> str:
    if "word/document.xml" in names:
        return "word/document.xml"
    if "_rels/.rels" in names:
        for e in ET.fromstring(_part(archive, "_rels/.rels", MAX_SMALL, what)):
            target = e.get("Target", "").lstrip("/")
            if e.get("Type", "").endswith("/officeDocument") and target in names and "word" in target:
                return target
    kinds = (("xl/", "a spreadsheet"), ("ppt/", "a presentation"), ("content.xml", "an OpenDocument file"))
    kind = next((k for start, k in kinds if any(n.startswith(start) for n in names)), "a zip archive, not a DOCX")
    raise ReaderError(f"{what} is {kind}", "Save the document as .docx or plain text (UTF-8) and read that.")


def _part(archive: zipfile.ZipFile, name: str, limit: int, what: str) -> bytes:
    """One file of the archive, never more than its limit whatever the archive says about it."""
    info = archive.getinfo(name)
    with archive.open(info) as file:
        body = file.read(limit + 1)
    if len(body) > limit:
        raise ReaderError(f"{what} holds more than {limit >> 20} MB in {name}", "Split it into its documents.")
    if len(body) > 1 << 20 and len(body) > MAX_RATIO * max(info.compress_size, 1):
        raise ReaderError(f"{what} is packed more than {MAX_RATIO} times: it is no text", _SAVE)
    for encoding in ("ascii", "utf-16-le", "utf-16-be"):
        if "<!DOCTYPE".encode(encoding) in body or "<!ENTITY".encode(encoding) in body:
            raise ReaderError(
                f"{what} declares XML entities in {name}", "No word processor does; do not trust the file."
            )
    return body


@dataclass(slots=True)
class _Paragraph:
    page: int
    words: list[str] = field(default_factory=list)
    size: int = 0
    done: list[Row] = field(default_factory=list)  # lines ended by a break inside the paragraph
    after: list[Row] = field(default_factory=list)  # what its text boxes hold
    notes: list[str] = field(default_factory=list)
    style: str = ""
    num: str | None = None
    level: int | None = None
    opens: bool = True

    def cut(self, opens: bool, page: int) -> None:
        """End the line here; what follows goes on as another one."""
        text = "".join(self.words)
        if text.strip():
            self.done.append(Row(text, self.opens, self.page))
            self.opens = opens
        self.words, self.page = [], page


@dataclass(slots=True)
class _Cell:
    rows: list[Row] = field(default_factory=list)
    wide: int = 1  # so many columns
    goes_on: bool = False  # the lower part of a cell over several rows


@dataclass(slots=True)
class _Table:
    cells: list[_Cell] = field(default_factory=list)
    columns: int = 0  # of the row that is open
    headed: bool | None = None  # whether its first row names columns; not known before that row


class _Body:
    """A document as its parser walks through it: nothing is kept but the open paragraphs and the rows so far."""

    def __init__(self, numbering: Numbering, notes: dict[str, str], what: str, kind: str = "") -> None:
        self.numbering, self.notes, self.what, self.kind = numbering, notes, what, kind
        self.out: list[Row] = []
        self.open: list[_Paragraph | _Table] = []
        self.depth = self.skip = self.size = self.lines = 0
        self.hidden = self.text = False
        self.page = 1
        self.note = ""
        self.names: dict[str, str] = {}

    def parse(self, data: bytes) -> None:
        """Walk through one XML part."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        parser.Parse(data, True)

    def _name(self, full: str) -> str:
        uri, _, local = full.rpartition(" ")
        if (
            ("/wordprocessingml/" in uri and uri.endswith("/main"))
            or local == "Fallback"
            or (local == "t" and uri.endswith("/math"))
        ):
            return local
        return ""

    def start(self, full: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ReaderError(f"{self.what} nests more than {_DEEPEST} elements", _SAVE)
        name = self.names.get(full)
        if name is None:
            name = self._name(full)
            if len(self.names) < 1000:
                self.names[full] = name
        if self.skip or name in _LEFT_OUT:
            self.skip += 1
            return
        if not name:
            return
        if name == "p":
            self.open.append(_Paragraph(self.page))
        elif name == "t":
            self.text = True
        elif name == "r":
            self.hidden = False
        elif name == "tbl":
            self.open.append(_Table())
        elif name in (self.kind, "tc", "tr"):
            table = self.open[-1] if self.open else None
            if name == self.kind:
                self.note, self.out = _val(attributes, "id"), []
            elif isinstance(table, _Table):
                if name == "tr":
                    table.cells, table.columns = [], 0
                else:
                    table.cells.append(_Cell())
                    self._widen(table, 1)
        else:
            self._mark(name, attributes)

    def _mark(self, name: str, attributes: dict[str, str]) -> None:
        p = self.open[-1] if self.open else None
        if name == "lastRenderedPageBreak":
            self.page += 1
        if name == "vMerge" and isinstance(p, _Table) and p.cells:
            p.cells[-1].goes_on = _val(attributes, "val") != "restart"
        if name == "gridSpan" and isinstance(p, _Table) and p.cells:
            said = _val(attributes, "val")
            p.cells[-1].wide = int(said) if said.isascii() and said.isdigit() and 0 < len(said) < 5 else 1
            self._widen(p, p.cells[-1].wide - 1)
        if not isinstance(p, _Paragraph):
            return
        match name:
            case "pStyle":
                p.style = _val(attributes, "val")
            case "numId":
                p.num = _val(attributes, "val")
            case "ilvl":
                level = _val(attributes, "val")
                p.level = int(level) if level.isascii() and level.isdigit() and len(level) < 3 else None
            case "vanish":
                self.hidden = _val(attributes, "val") not in ("0", "false", "off")
            case "tab" | "ptab":
                p.words.append(" ")
            case "noBreakHyphen":
                p.words.append("-")
            case "br" | "cr":
                p.cut(True, self.page)
            case "lastRenderedPageBreak":
                p.cut(False, self.page)
            case "footnoteReference" | "endnoteReference":
                note = self.notes.get(name.removesuffix("Reference") + _val(attributes, "id"))
                if note:
                    p.notes.append(f"（注：{note}）")
                    self._count(len(note))

    def _widen(self, table: _Table, by: int) -> None:
        table.columns += by
        self._count(3 * by)  # the bars between cells are characters too
        if table.columns > MAX_CELLS:
            raise ReaderError(f"{self.what} has a table of more than {MAX_CELLS} columns", _SAVE)

    def characters(self, data: str) -> None:
        p = self.open[-1] if self.open else None
        if self.text and not self.skip and not self.hidden and isinstance(p, _Paragraph):
            p.words.append(data)
            self._count(len(data))

    def end(self, full: str) -> None:
        self.depth -= 1
        if self.skip:
            self.skip -= 1
            return
        name = self.names.get(full) or self._name(full)
        if name == "t":
            self.text = False
        elif name == "r":
            self.hidden = False
        elif name == "p" and self.open and isinstance(p := self.open[-1], _Paragraph):
            self.open.pop()
            self._put(self._closed(p))
        elif name == "tr" and self.open and isinstance(table := self.open[-1], _Table):
            if table.headed is None and any(cell.rows for cell in table.cells):
                table.headed = names_columns([_said(cell) for cell in table.cells])
            made = _row(table.cells, bool(table.headed))
            table.cells = []
            outer = self.open.pop()
            self._put(made)
            self.open.append(outer)
        elif name == "tbl" and self.open and isinstance(self.open[-1], _Table):
            self.open.pop()
        elif name and name == self.kind:
            self.notes[self.kind + self.note] = "".join(row.text for row in self.out)[:250]
            self.out = []

    def _count(self, more: int) -> None:
        self.size += more
        if self.size > MAX_CHARACTERS:
            raise ReaderError(
                f"{self.what} holds more than {MAX_CHARACTERS // 1_000_000} million characters", "Split it."
            )

    def _closed(self, p: _Paragraph) -> list[Row]:
        p.words += p.notes
        p.cut(True, self.page)
        label = "" if self.kind else self.numbering.label(p.style, p.num, p.level)
        if self.numbering.contents(p.style):
            return p.after  # the table of contents would be a second set of headings
        if label and p.done:
            p.done[0] = p.done[0]._replace(text=f"{label} {p.done[0].text.lstrip()}")
        self.lines += len(p.done)
        if self.lines > MAX_LINES:
            raise ReaderError(f"{self.what} has more than {MAX_LINES:,} lines", "Split it into its documents.")
        return p.done + p.after

    def _put(self, made: list[Row]) -> None:
        """Add finished lines to whatever they stand in: a cell, the paragraph that holds their text box, or the text."""
        around = self.open[-1] if self.open else None
        if isinstance(around, _Paragraph):
            around.after += made
        elif around is not None and around.cells:
            around.cells[-1].rows += made
        else:
            self.out += made


def _val(attributes: dict[str, str], name: str) -> str:
    return next((v for k, v in attributes.items() if k.rpartition(" ")[2] == name), "")


def _said(cell: _Cell) -> str:
    return " ".join(row.text.strip() for row in cell.rows) or (DITTO if cell.goes_on else "")


def _row(cells: list[_Cell], headed: bool) -> list[Row]:
    """A row is one line, its cells apart; where cells hold sentences and no header says what they are, each is read as
    running text."""
    inside = [row for cell in cells for row in cell.rows]
    words = [_said(cell) for cell in cells]
    long = any(len(t) > _LONGEST_CELL or "。" in t or "；" in t for t in words)
    if not inside or (not headed and (long or len(cells) < 2)) or sum(cell.wide for cell in cells) < 2:
        return inside
    # A cell over several columns is followed by empty ones, so that columns stay in line.
    spread = [t for cell, text in zip(cells, words, strict=True) for t in (text, *[""] * (cell.wide - 1))]
    return [Row(" | ".join(spread), True, inside[0].page)]
