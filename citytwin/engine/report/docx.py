"""The report as a Word document in the layout of GB/T 9704-2012, Layout key for official document of Party and government organs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from citytwin.engine.report.content import Block, Content, Heading, Table, Text
from citytwin.engine.report.words import clean

_TWIPS_MM = 1440 / 25.4  # a twip is 1/1440 inch
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of every member, so that the same report is the same file


def _twips(mm: float) -> int:
    return round(mm * _TWIPS_MM)


# 5.2.1: A4, top 37 mm, binding side 28 mm, type area 156 mm x 225 mm
_WIDE, _HIGH = _twips(210), _twips(297)
_TOP, _LEFT, _AREA = _twips(37), _twips(28), _twips(156)
_RIGHT, _BOTTOM = _WIDE - _LEFT - _AREA, _HIGH - _TOP - _twips(225)
_LINE = _twips(225) // 22  # 5.2.3: 22 lines of 28 characters; rounded up, only 21 would fit
_SPACE = round((_AREA / 28 / 20 - 16) * 4096)  # what a character of 16 pt takes more, in 1/4096 pt
_FOOTER = (
    _BOTTOM - _twips(7) - 200
)  # 7.5: the dash lies 7 mm below the type area; 200 twips is half a line of 14 pt and its descent

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_KIND = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

_TYPES = f"""{_HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/word/document.xml" ContentType="{_KIND}.document.main+xml"/>
<Override PartName="/word/styles.xml" ContentType="{_KIND}.styles+xml"/>
<Override PartName="/word/settings.xml" ContentType="{_KIND}.settings+xml"/>
<Override PartName="/word/footer1.xml" ContentType="{_KIND}.footer+xml"/>
<Override PartName="/word/footer2.xml" ContentType="{_KIND}.footer+xml"/>
<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>
</Types>"""
_ROOT = f"""{_HEAD}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="{_R}/officeDocument" Target="word/document.xml"/>
<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/>
</Relationships>"""
_PARTS = f"""{_HEAD}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="{_R}/styles" Target="styles.xml"/>
<Relationship Id="rId2" Type="{_R}/settings" Target="settings.xml"/>
<Relationship Id="rId3" Type="{_R}/footer" Target="footer1.xml"/>
<Relationship Id="rId4" Type="{_R}/footer" Target="footer2.xml"/>
</Relationships>"""
_SETTINGS = f"""{_HEAD}<w:settings xmlns:w="{_W}"><w:zoom w:percent="100"/><w:evenAndOddHeaders/>
<w:characterSpacingControl w:val="compressPunctuation"/>
<w:compat><w:compatSetting w:name="compatibilityMode" w:uri="http://schemas.microsoft.com/office/word" w:val="15"/></w:compat></w:settings>"""


def docx(content: Content) -> bytes:
    """The report as a DOCX file. The same content makes the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in _members(content):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 0  # else the file tells what system wrote it
            archive.writestr(info, text.encode())
    return out.getvalue()


def _members(content: Content) -> Iterable[tuple[str, str]]:
    yield "[Content_Types].xml", _TYPES
    yield "_rels/.rels", _ROOT
    yield "docProps/core.xml", _core(content)
    yield "word/_rels/document.xml.rels", _PARTS
    yield "word/settings.xml", _SETTINGS
    yield "word/styles.xml", _styles(content.lang == "zh")
    # 7.5: odd pages right, even pages left, one character from the edge
    yield "word/footer1.xml", _footer('<w:jc w:val="right"/>', "right")
    yield "word/footer2.xml", _footer('<w:jc w:val="left"/>', "left")
    yield "word/document.xml", _document(content)


def _text(text: str) -> str:
    return escape(clean(text))


def _core(content: Content) -> str:
    by = f"<dc:creator>{_text('、'.join(content.issuer))}</dc:creator>" if content.issuer else ""
    day = f"{content.date.isoformat()}T00:00:00Z"
    return (
        f'{_HEAD}<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<dc:title>{_text(content.title[:255])}</dc:title>{by}"
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{day}</dcterms:created>'
        f'<dcterms:modified xsi:type="dcterms:W3CDTF">{day}</dcterms:modified></cp:coreProperties>'
    )


def _fonts(east: str) -> str:
    return f'<w:rFonts w:ascii="Times New Roman" w:hAnsi="Times New Roman" w:cs="Times New Roman" w:eastAsia={quoteattr(east)}/>'


def _style(id: str, name: str, paragraph: str, run: str, based: str = "Normal") -> str:
    parent = f'<w:basedOn w:val="{based}"/>' if based else ""
    default = "" if based else ' w:default="1"'
    return (
        f'<w:style w:type="paragraph"{default} w:styleId="{id}"><w:name w:val="{name}"/>{parent}<w:qFormat/>'
        f"<w:pPr>{paragraph}</w:pPr><w:rPr>{run}</w:rPr></w:style>"
    )


def _styles(zh: bool) -> str:
    """Type of the standard: title 小标宋 2号 (22 pt), body 仿宋 3号 (16 pt), first level 黑体, second level 楷体; tables in 小五 (9 pt).

    In English the same sizes, with Western bold and italic for the headings.
    """
    indent = '<w:ind w:firstLineChars="200" w:firstLine="640"/>' if zh else ""
    after = "" if zh else ' w:after="120"'
    exact = f'<w:spacing w:line="{_LINE}" w:lineRule="exact"'
    size = '<w:sz w:val="32"/><w:szCs w:val="32"/>'
    small = '<w:sz w:val="18"/><w:szCs w:val="18"/>'
    tight = '<w:snapToGrid w:val="0"/><w:spacing w:line="250" w:lineRule="exact"/>'
    bold, italic = ("", "") if zh else ("<w:b/>", "<w:i/>")
    lang = '<w:lang w:val="en-GB" w:eastAsia="zh-CN"/>'
    level1 = f'<w:keepNext/>{exact}{after}/>{indent}<w:outlineLvl w:val="0"/>'
    level2 = f'<w:keepNext/>{exact}{after}/>{indent}<w:outlineLvl w:val="1"/>'
    big = '<w:spacing w:line="700" w:lineRule="exact"/><w:jc w:val="center"/>'
    return (
        f'{_HEAD}<w:styles xmlns:w="{_W}"><w:docDefaults><w:rPrDefault><w:rPr>{_fonts("仿宋_GB2312")}{size}{lang}</w:rPr></w:rPrDefault>'
        "<w:pPrDefault/></w:docDefaults>"
        + _style("Normal", "Normal", "", "", "")
        + _style("Title", "Title", big, f'{_fonts("方正小标宋简体")}<w:sz w:val="44"/><w:szCs w:val="44"/>')
        + _style("Subtitle", "Subtitle", f'{exact} w:after="{_LINE}"/><w:jc w:val="center"/>', _fonts("楷体_GB2312"))
        + _style("BodyText", "Body Text", f'{exact}{after}/>{indent}<w:jc w:val="{"both" if zh else "left"}"/>', "")
        + _style("Heading1", "heading 1", level1, _fonts("黑体") + bold)
        + _style("Heading2", "heading 2", level2, _fonts("楷体_GB2312") + italic)
        + _style("Cell", "Table Text", tight, small)
        + _style("CellHead", "Table Head", f'{tight}<w:jc w:val="center"/>', _fonts("黑体") + bold + small)
        + _style("AnnexLabel", "Annex Label", f"<w:pageBreakBefore/>{exact}/>", _fonts("黑体") + bold)
        + _style(
            "Footer", "footer", '<w:snapToGrid w:val="0"/>', f'{_fonts("宋体")}<w:sz w:val="28"/><w:szCs w:val="28"/>'
        )
        + "</w:styles>"
    )


def _footer(jc: str, side: str) -> str:
    def run(inside: str) -> str:
        # half-width figures in 宋体: the standard's, where the rest of the text has Times
        return f'<w:r><w:rPr><w:rFonts w:ascii="宋体" w:hAnsi="宋体" w:eastAsia="宋体"/></w:rPr>{inside}</w:r>'

    page = (
        run('<w:fldChar w:fldCharType="begin"/>')
        + run('<w:instrText xml:space="preserve"> PAGE </w:instrText>')
        + run('<w:fldChar w:fldCharType="separate"/>')
        + run("<w:t>1</w:t>")
        + run('<w:fldChar w:fldCharType="end"/>')
    )
    dash = run('<w:t xml:space="preserve">— </w:t>'), run('<w:t xml:space="preserve"> —</w:t>')
    return (
        f'{_HEAD}<w:ftr xmlns:w="{_W}"><w:p><w:pPr><w:pStyle w:val="Footer"/><w:ind w:{side}Chars="100" w:{side}="280"/>{jc}</w:pPr>'
        f"{dash[0]}{page}{dash[1]}</w:p></w:ftr>"
    )


def _paragraph(style: str, text: str, more: str = "") -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{more}</w:pPr><w:r><w:t xml:space="preserve">{_text(text)}</w:t></w:r></w:p>'


def _document(content: Content) -> str:
    zh = content.lang == "zh"
    body = [_paragraph("Title", content.title), _paragraph("Subtitle", content.subtitle)]
    for section in content.sections:
        body.append(_paragraph("Heading1", section.title))
        body += map(_block, section.blocks)
    body += _list(content, zh)
    body += _signed(content, zh)
    for i, annex in enumerate(content.annexes, 1):
        body.append(_paragraph("AnnexLabel", f"附件{i}" if zh else f"Annex {i}"))
        body.append(_paragraph("Title", annex.title))
        # addresses and hashes do not break: justified, the line before them would be torn apart
        body += [_block(block, '<w:jc w:val="left"/>') for block in annex.blocks]
    return (
        f'{_HEAD}<w:document xmlns:w="{_W}" xmlns:r="{_R}"><w:body>{"".join(body)}<w:sectPr>'
        '<w:footerReference w:type="default" r:id="rId3"/><w:footerReference w:type="even" r:id="rId4"/>'
        f'<w:pgSz w:w="{_WIDE}" w:h="{_HIGH}"/><w:pgMar w:top="{_TOP}" w:right="{_RIGHT}" w:bottom="{_BOTTOM}" w:left="{_LEFT}" '
        f'w:header="851" w:footer="{_FOOTER}" w:gutter="0"/>'
        f'<w:docGrid w:type="linesAndChars" w:linePitch="{_LINE}" w:charSpace="{_SPACE}"/></w:sectPr></w:body></w:document>'
    )


_KEPT = "<w:keepNext/>"  # 7.3.5.6: the signature does not stand on a page without text


def _list(content: Content, zh: bool) -> Iterable[str]:
    """7.3.4: the annexes by name, a line below the text, two characters in."""
    yield _paragraph("BodyText", "", _KEPT)
    for i, annex in enumerate(content.annexes, 1):
        if zh:
            # the number of the second stands below that of the first: 附件： takes three characters
            characters = 2 if i == 1 else 5
            indent = f'{_KEPT}<w:ind w:firstLineChars="{characters * 100}" w:firstLine="{characters * 320}"/>'
            yield _paragraph("BodyText", f"{'附件：' if i == 1 else ''}{i}.{annex.title}", indent)
        else:
            yield _paragraph("BodyText", f"Annex {i}. {annex.title}", _KEPT)


def _signed(content: Content, zh: bool) -> Iterable[str]:
    """7.3.5.2 (no seal): issuing bodies two characters from the right edge, the date below begins two characters further in."""
    wide = {body: _characters(body) for body in content.issuer}
    first, day = max(wide.values(), default=0.0), _characters(content.day)
    further = 2.0 if wide else 0.0
    # where the widest body begins, in characters from the right edge: it or the date, whichever ends further right, leaves two
    left = max(first, day + further) + 2.0
    right = '<w:jc w:val="right"/>'
    yield _paragraph("BodyText", "", _KEPT) * 2
    for body, width in wide.items():
        yield _paragraph("BodyText", body, _KEPT + _right(left - (first + width) / 2, zh) + right)
    yield _paragraph("BodyText", content.day, _right(left - further - day, zh) + right)


def _characters(text: str) -> float:
    """Width in Chinese characters; others take half a one."""
    return sum(1.0 if ord(c) > 0x2E7F else 0.5 for c in text)


def _right(characters: float, zh: bool) -> str:
    if not zh:
        return '<w:ind w:right="640"/>'
    held = max(0.0, min(characters, 20.0))
    return f'<w:ind w:firstLineChars="0" w:firstLine="0" w:rightChars="{round(held * 100)}" w:right="{round(held * 320)}"/>'


def _block(block: Block, more: str = "") -> str:
    match block:
        case Text(text):
            return _paragraph("BodyText", text, more)
        case Heading(text):
            return _paragraph("Heading2", text)
        case Table(head, widths, rows):
            columns = [
                _AREA * sum(widths[: i + 1]) // sum(widths) - _AREA * sum(widths[:i]) // sum(widths)
                for i in range(len(widths))
            ]
            grid = "".join(f'<w:gridCol w:w="{w}"/>' for w in columns)
            edges = "".join(
                f'<w:{side} w:val="single" w:sz="4" w:space="0" w:color="auto"/>'
                for side in ("top", "left", "bottom", "right", "insideH", "insideV")
            )
            return (
                f'<w:tbl><w:tblPr><w:tblW w:w="{_AREA}" w:type="dxa"/><w:tblBorders>{edges}</w:tblBorders><w:tblLayout w:type="fixed"/>'
                '<w:tblCellMar><w:left w:w="45" w:type="dxa"/><w:right w:w="45" w:type="dxa"/></w:tblCellMar></w:tblPr>'
                f"<w:tblGrid>{grid}</w:tblGrid>"
                + _row(head, columns, "CellHead", "<w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>")
                + "".join(_row(row, columns, "Cell", "") for row in rows)
                # tables that touch grow together, so a line parts each from what follows
                + '</w:tbl><w:p><w:pPr><w:pStyle w:val="Cell"/></w:pPr></w:p>'
            )


def _row(cells: tuple[str, ...], columns: list[int], style: str, properties: str) -> str:
    made = "".join(
        f'<w:tc><w:tcPr><w:tcW w:w="{w}" w:type="dxa"/><w:vAlign w:val="center"/></w:tcPr>'
        + "".join(_paragraph(style, part) for part in cell.split("\n"))
        + "</w:tc>"
        for cell, w in zip(cells, columns, strict=True)
    )
    return f"<w:tr>{properties}{made}</w:tr>"
