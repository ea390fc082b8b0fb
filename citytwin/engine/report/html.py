"""The report as one HTML page: no scripts, nothing loaded, ready to print on A4."""

from __future__ import annotations

import html as markup

from citytwin.engine.report.content import Block, Content, Heading, Section, Table, Text
from citytwin.engine.report.words import clean

# Sizes, margins and type of GB/T 9704-2012; where a font is not there, the nearest kind that is.
_STYLE = """
@page { size: A4; margin: 37mm 26mm 35mm 28mm; }
@page :right { @bottom-right { content: "— " counter(page) " —"; font: 14pt SimSun, "Songti SC", "Noto Serif CJK SC", serif; vertical-align: top; padding: 5mm 14pt 0 0; } }
@page :left { @bottom-left { content: "— " counter(page) " —"; font: 14pt SimSun, "Songti SC", "Noto Serif CJK SC", serif; vertical-align: top; padding: 5mm 0 0 14pt; } }
* { box-sizing: border-box; }
html { background: #eceef0; color: #000; }
body { margin: 0 auto; max-width: 210mm; padding: 37mm 26mm 35mm 28mm; background: #fff;
  font: 16pt/28.95pt "Times New Roman", FangSong_GB2312, 仿宋_GB2312, FangSong, STFangsong, "Noto Serif CJK SC", "Songti SC", serif;
  overflow-wrap: anywhere; }
h1 { margin: 0 0 8pt; font: normal 22pt/35pt "Times New Roman", FZXiaoBiaoSong-B05S, 方正小标宋简体, STZhongsong, "Noto Serif CJK SC", "Songti SC", serif;
  text-align: center; text-wrap: balance; }
:lang(zh) .as-of, :lang(en) .as-of { margin: 0 0 28.95pt; text-align: center; text-indent: 0; font-family: "Times New Roman", KaiTi_GB2312, 楷体_GB2312, KaiTi, STKaiti, "Noto Serif CJK SC", serif; }
h2 { margin: 0; padding-left: 2em; text-indent: 0; font: normal 16pt/28.95pt "Times New Roman", SimHei, 黑体, "Heiti SC", "Noto Sans CJK SC", sans-serif; break-after: avoid; }
h3 { margin: 0; padding-left: 2em; font: normal 16pt/28.95pt "Times New Roman", KaiTi_GB2312, 楷体_GB2312, KaiTi, STKaiti, "Noto Serif CJK SC", serif; break-after: avoid; }
:lang(en) h2, :lang(en) h3 { padding-left: 0; }
:lang(en) h2 { font-weight: bold; margin-top: 10pt; }
:lang(en) h3 { font-style: italic; }
p { margin: 0; text-indent: 2em; text-align: justify; orphans: 2; widows: 2; }
:lang(en) p { text-indent: 0; text-align: left; margin-bottom: 6pt; line-height: 22pt; }
table { width: 100%; margin: 4pt 0 12pt; border-collapse: collapse; table-layout: fixed; font-size: 9pt; line-height: 13pt; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th, td { border: 0.5pt solid #000; padding: 2pt 2.5pt; text-align: left; vertical-align: middle; white-space: pre-line; }
th { text-align: center; font-weight: normal; font-family: "Times New Roman", SimHei, 黑体, "Heiti SC", "Noto Sans CJK SC", sans-serif; }
:lang(en) th { font-weight: bold; }
.list { margin-top: 28.95pt; break-inside: avoid; break-after: avoid; }
.list p { padding-left: 5em; text-indent: -3em; text-align: left; }
.list p + p { padding-left: 5em; text-indent: 0; }
:lang(en) .list p, :lang(en) .list p + p { padding-left: 0; text-indent: 0; }
.signed { margin: 57.9pt 0 0 auto; width: fit-content; padding-right: 2em; text-align: center; break-inside: avoid; }
.signed p { text-indent: 0; text-align: center; }
.annex p { text-align: left; }
.annex { break-before: page; margin-top: 57.9pt; }
.annex h2 { padding: 0; }
.annex h3 { padding: 0; margin: 0 0 8pt; text-align: center; font: normal 22pt/35pt "Times New Roman", FZXiaoBiaoSong-B05S, 方正小标宋简体, STZhongsong, "Noto Serif CJK SC", serif; }
@media print { html { background: none; } body { max-width: none; padding: 0; } .annex { margin-top: 0; } }
@media screen and (max-width: 800px) { body { padding: 12mm 6mm; } .sheet { overflow-x: auto; } .sheet table { min-width: 150mm; } }
""".strip()


def html(content: Content) -> str:
    """The report as a page of its own. The same content makes the same text."""
    zh = content.lang == "zh"
    label = "附件" if zh else "Annex"
    list_ = "".join(
        f"<p>{label + '：' if zh and i == 1 else '' if zh else label + ' '}{i}.{'' if zh else ' '}{_text(annex.title)}</p>\n"
        for i, annex in enumerate(content.annexes, 1)
    )
    signed = "".join(f"<p>{_text(body)}</p>\n" for body in (*content.issuer, content.day))
    annexes = "".join(
        f'<section class="annex">\n<h2>{label}{"" if zh else " "}{i}</h2>\n<h3>{_text(annex.title)}</h3>\n{_blocks(annex)}</section>\n'
        for i, annex in enumerate(content.annexes, 1)
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{"zh-CN" if zh else "en"}">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(content.title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        f'<h1>{_text(content.title)}</h1>\n<p class="as-of">{_text(content.subtitle)}</p>\n'
        + "".join(f"<section>\n<h2>{_text(s.title)}</h2>\n{_blocks(s)}</section>\n" for s in content.sections)
        + f'<div class="list">\n{list_}</div>\n<div class="signed">\n{signed}</div>\n{annexes}</body>\n</html>\n'
    )


def _text(text: str) -> str:
    return markup.escape(clean(text))


def _blocks(section: Section) -> str:
    return "".join(map(_block, section.blocks))


def _block(block: Block) -> str:
    match block:
        case Text(text):
            return f"<p>{_text(text)}</p>\n"
        case Heading(text):
            return f"<h3>{_text(text)}</h3>\n"
        case Table(head, widths, rows):
            whole = sum(widths)
            columns = "".join(f'<col style="width:{100 * w / whole:.2f}%">' for w in widths)
            first = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in head)
            body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
            return (
                f'<div class="sheet"><table>\n<colgroup>{columns}</colgroup>\n<thead><tr>{first}</tr></thead>\n'
                f"<tbody>\n{body}</tbody>\n</table></div>\n"
            )
