"""Writers of small PDF and DOCX files, so that no binary document lies in the repository."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

import pytest

Place = tuple[float, float, str]  # left, baseline from the bottom, words
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
SIZE, LINE = 12, 20


def pdf_of(pages: Sequence[Sequence[Place]], size: float = SIZE, encrypted: bool = False) -> bytes:
    """A PDF with words at places: one composite font without outlines, its characters told by a ToUnicode map."""
    font, tounicode = 3, 5
    kids = [6 + 2 * n for n in range(len(pages))]
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /U def /CMapType 2 def "
        "1 begincodespacerange <0000> <FFFF> endcodespacerange "
        + " ".join(f"1 beginbfrange <{h:02X}00> <{h:02X}FF> <{h:02X}00> endbfrange" for h in range(256))
        + " endcmap end end"
    ).encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{k} 0 R' for k in kids)}] >>".encode(),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Sample /Encoding /Identity-H /DescendantFonts [4 0 R] /ToUnicode 5 0 R >>",
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Sample /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) "
        b"/Supplement 0 >> /DW 1000 /W [32 126 500] /FontDescriptor << /Type /FontDescriptor /FontName /Sample /Flags 4 "
        b"/FontBBox [0 -200 1000 800] /Ascent 800 /Descent -200 /CapHeight 700 /ItalicAngle 0 /StemV 80 >> >>",
        _stream(cmap),
    ]
    assert (font, tounicode) == (3, 5)
    for kid, places in zip(kids, pages, strict=True):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {kid + 1} 0 R "
            "/Resources << /Font << /F 3 0 R >> >> >>".encode()
        )
        drawn = "".join(
            f"BT /F {size} Tf 1 0 0 1 {x} {y} Tm <{words.encode('utf-16-be').hex()}> Tj ET\n" for x, y, words in places
        )
        objects.append(_stream(drawn.encode()))
    out = bytearray(b"%PDF-1.7\n")
    at = []
    for n, body in enumerate(objects, 1):
        at.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (n, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % a for a in at)
    locked = (
        f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'41' * 32}> /U <{'42' * 32}> >> /ID [<00><00>]"
        if encrypted
        else ""
    )
    out += f"trailer << /Size {len(objects) + 1} /Root 1 0 R {locked} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def _stream(body: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%b\nendstream" % (len(body), body)


def typeset(
    paragraphs: Sequence[str], header: str = "", lines: int = 30, wide: int = 38, indent: int = 2
) -> list[list[Place]]:
    """Paragraphs broken into lines of so many characters and pages of so many lines, as a printed plan is."""
    broken: list[tuple[int, str]] = []
    for p in paragraphs:
        first = p.startswith(" ")
        words, room = p.strip(), wide if first else wide - indent
        broken.append((0 if first else indent, words[:room]))
        broken += [(0, words[i : i + wide]) for i in range(room, len(words), wide)]
    pages: list[list[Place]] = []
    for n in range(0, len(broken), lines):
        page: list[Place] = [(60.0, 800.0, header)] if header else []
        page += [(60.0 + SIZE * i, 760.0 - LINE * k, words) for k, (i, words) in enumerate(broken[n : n + lines])]
        if header:
            page.append((280.0, 40.0, f"- {len(pages) + 1} -"))
        pages.append(page)
    return pages


def p_of(words: str, style: str = "", num: int | None = None, level: int = 0, before: str = "") -> str:
    """A paragraph of WordprocessingML."""
    numbered = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{num}"/></w:numPr>' if num is not None else ""
    styled = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{styled}{numbered}</w:pPr>{before}<w:r><w:t>{escape(words)}</w:t></w:r></w:p>"


def docx_of(body: str, numbering: str = "", styles: str = "", **parts: str) -> bytes:
    """A DOCX with this body; parts are further files of its word folder."""
    files = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>",
        **({"word/numbering.xml": f"<w:numbering {WORD}>{numbering}</w:numbering>"} if numbering else {}),
        **({"word/styles.xml": f"<w:styles {WORD}>{styles}</w:styles>"} if styles else {}),
        **{f"word/{name}.xml": text for name, text in parts.items()},
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


@pytest.fixture(scope="session")
def make_pdf() -> Callable[..., bytes]:
    """The writer of PDF files."""
    return pdf_of


@pytest.fixture(scope="session")
def make_docx() -> Callable[..., bytes]:
    """The writer of DOCX files."""
    return docx_of
