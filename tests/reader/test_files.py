"""Plans as PDF and DOCX: the same commitments as from their text, or a ReaderError, in bounded time and memory."""

from __future__ import annotations

import contextlib
import io
import time
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citytwin.reader import ReaderError, read, rows
from citytwin.reader.numbering import chinese, shown

from .conftest import WORD, docx_of, p_of, pdf_of, typeset

PLAN = [
    "青岚市供水发展规划（2023—2025年）",
    "青政发〔2023〕8号",
    "一、重点任务",
    "（一）管网更新",
    "到2025年，全市供水管网漏损率降至8%以下，累计更换老旧管网320公里以上、新建加压泵站14座，日供水能力达到45万立方米，水质合格率保持在99%以上。",
    "2024年底前，完成二次供水设施普查，建成供水调度平台。（市水务局牵头，市、区财政局等配合）",
    *(
        f"{n}.开展{name}行动。到2025年，改造{name}片区管网{7 * n}公里，安装智能水表{n}万只，全市用水总量控制在{n + 3}亿立方米以内，持续提升保障能力。"
        for n, name in enumerate("东湖 西林 南桥 北渡 中塘 上洲 下坪 前岗 后溪 左滩 右岭 新埠".split(), 1)  # noqa: SIM905
    ),
]
KEYS = ("section", "kind", "quote", "subject", "comparator", "value", "unit", "deadline", "lead", "participants")


def told(data: bytes) -> list[list[object]]:
    return [[row[k] for k in KEYS] for row in rows(read(data, "plan"))]


TWIN = told("\n".join(PLAN).encode())


# -- PDF ----------------------------------------------------------------------------------------------------------


def test_a_pdf_with_headers_and_page_numbers_reads_like_its_text() -> None:
    reading = read(pdf_of(typeset(PLAN, "青岚市供水发展规划", lines=9)), "plan.pdf")
    assert [[row[k] for k in KEYS] for row in rows(reading)] == TWIN
    assert reading.encoding == "pdf"
    assert reading.text.count("青岚市供水发展规划") == 1  # the title; the headers are gone
    pages = [row["page"] for row in rows(reading)]
    assert pages[0] == 1
    assert pages[-1] == reading.text.count("\f") + 1 > 3
    assert pages == sorted(pages)  # type: ignore[type-var]


def test_offsets_lead_into_the_text_of_a_pdf() -> None:
    reading = read(pdf_of(typeset(PLAN, "页眉", lines=9)))
    for c in reading.documents[0].commitments:
        assert "".join(reading.text[c.raw_start : c.raw_end].split()) == c.quote


def test_cells_of_a_pdf_table_stay_apart() -> None:
    table = [("指标名称", "2020年", "2025年"), ("污水处理率", "95", "98"), ("管网漏损率", "12", "8")]
    cells = [(60.0 + 140 * j, 700.0 - 20 * i, words) for i, row in enumerate(table) for j, words in enumerate(row)]
    found = rows(read(pdf_of([[(60, 760, "青岚市供水发展规划"), *cells]])))
    assert [
        (row["subject"], row["comparator"], row["value"], row["baseline_value"], row["quote"]) for row in found
    ] == [
        ("污水处理率", ">=", 98, 95, "污水处理率|95|98"),
        ("管网漏损率", "<=", 8, 12, "管网漏损率|12|8"),
    ]


def test_a_pdf_of_two_columns_is_read_column_by_column() -> None:
    """Full-width titles stay where they are; the left column comes before the right one, however the file draws them."""
    left = typeset(PLAN[2:9], wide=19, lines=60)[0]
    right = [(x + 250, y, words) for x, y, words in typeset(PLAN[9:], wide=19, lines=60)[0]]
    rowwise = sorted([*left, *right], key=lambda place: (-place[1], place[0]))
    for drawn in ([*left, *right], [*right, *left], rowwise):
        page = [(120.0, 800.0, PLAN[0] + "的通知"), (240.0, 780.0, PLAN[1]), *drawn]
        assert told(pdf_of([page])) == TWIN


def test_an_empty_cell_of_a_pdf_table_keeps_its_place() -> None:
    table = [
        ("指标名称", "单位", "2020年", "2025年", "责任单位"),
        ("污水处理率", "%", "95", "98", "市水务局"),
        ("雨水管网", "公里", "", "60", "市城管局"),
    ]
    cells = [(60.0 + 90 * j, 700.0 - 20 * i, w) for i, row in enumerate(table) for j, w in enumerate(row) if w]
    found = rows(read(pdf_of([[(60, 760, "青岚市供水发展规划"), *cells]])))
    assert [(r["subject"], r["value"], r["unit"], r["baseline_value"], r["lead"]) for r in found] == [
        ("污水处理率", 98, "%", 95, ["市水务局"]),
        ("雨水管网", 60, "km", None, ["市城管局"]),
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pdf_of([[]]), "this PDF has no text layer"),
        (pdf_of([[(60, 700, "供水")]], encrypted=True), "encrypted"),
        (pdf_of([[(60, 700, "供水")]])[:700], "damaged PDF"),
        (b"%PDF-1.7\n", "damaged PDF"),
        (pdf_of([[(60, 700, "\ue000\ue001\ue002")]]), "no readable text layer"),
        (pdf_of([[]] * 3001), "more than 3,000 pages"),
    ],
)
def test_a_pdf_that_cannot_be_read_says_why(data: bytes, said: str) -> None:
    with pytest.raises(ReaderError, match=said) as caught:
        read(data, "plan.pdf")
    assert caught.value.message.startswith("plan.pdf")
    assert caught.value.hint


def test_a_hundred_pages_take_less_than_five_seconds() -> None:
    pages = typeset(PLAN * 80, "青岚市供水发展规划", lines=24)[:100]
    data = pdf_of(pages)
    begun = time.perf_counter()
    read(data)
    assert len(pages) == 100
    assert time.perf_counter() - begun < 5.0


# -- DOCX ---------------------------------------------------------------------------------------------------------

LIST = """<w:abstractNum w:abstractNumId="0">
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCountingThousand"/><w:pStyle w:val="H1"/><w:lvlText w:val="%1、"/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/><w:lvlText w:val="（%2）"/></w:lvl>
<w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%3."/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="2"><w:startOverride w:val="1"/></w:lvlOverride></w:num>"""
STYLES = """<w:style w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>
<w:style w:styleId="H1a"><w:name w:val="heading own"/><w:basedOn w:val="H1"/></w:style>
<w:style w:styleId="T1"><w:name w:val="toc 1"/></w:style>"""


def numbered() -> bytes:
    """The plan with its numbers drawn by the word processor instead of written."""
    body = (
        p_of(PLAN[0])
        + p_of(PLAN[1])
        + p_of("一、重点任务", "T1")
        + p_of("重点任务", "H1")
        + p_of("管网更新", num=1, level=1)
    )
    body += p_of(PLAN[4]) + p_of(PLAN[5])
    return docx_of(body + "".join(p_of(p.partition(".")[2], num=1, level=2) for p in PLAN[6:]), LIST, STYLES)


def test_automatic_numbers_make_the_same_sections_and_commitments() -> None:
    assert told(numbered()) == TWIN


def lines(body: str, **parts: str) -> list[str]:
    return read(docx_of(body, LIST, STYLES, **parts)).text.replace("\f", "").split("\n")


def test_numbers_restart_below_the_next_heading_and_where_a_list_says_so() -> None:
    steps = [
        ("H1", None, 0),
        ("", 1, 2),
        ("", 1, 2),
        ("H1a", None, 0),
        ("", 1, 1),
        ("", 1, 2),
        ("", 1, 2),
        ("", 2, 2),
        ("", 2, 2),
        ("", 0, 0),
    ]
    drawn = lines("".join(p_of("甲", style, num, level) for style, num, level in steps))
    assert drawn == ["一、 甲", "1. 甲", "2. 甲", "二、 甲", "（一） 甲", "1. 甲", "2. 甲", "1. 甲", "2. 甲", "甲"]


def test_numbers_of_several_levels_and_legal_style() -> None:
    level = '<w:lvl w:ilvl="{}"><w:start w:val="{}"/><w:numFmt w:val="{}"/>{}<w:lvlText w:val="{}"/></w:lvl>'
    levels = level.format(0, 3, "upperRoman", "", "第%1章") + level.format(1, 1, "decimal", "<w:isLgl/>", "%1.%2")
    numbering = f'<w:abstractNum w:abstractNumId="4">{levels}</w:abstractNum><w:num w:numId="7"><w:abstractNumId w:val="4"/></w:num>'
    body = p_of("总则", num=7) + p_of("目标", num=7, level=1) + p_of("范围", num=7, level=1)
    assert read(docx_of(body, numbering)).text.split("\n") == ["第III章 总则", "3.1 目标", "3.2 范围"]


@pytest.mark.parametrize(
    ("value", "format", "drawn"),
    [
        (12, "chineseCounting", "十二"), (20, "taiwaneseCountingThousand", "二十"), (105, "chineseCountingThousand", "一百零五"),
        (10, "ideographDigital", "一〇"), (3, "ideographTraditional", "丙"), (5, "chineseLegalSimplified", "伍"), (4, "decimalEnclosedCircleChinese", "④"),
        (9, "lowerRoman", "ix"), (28, "upperLetter", "BB"), (7, "decimalZero", "07"), (6, "unheard of", "6"), (6, "none", ""), (10**9, "lowerRoman", "1000000000"),
    ],
)  # fmt: skip
def test_number_formats(value: int, format: str, drawn: str) -> None:
    assert shown(value, format) == drawn


def test_chinese_counters_are_all_different() -> None:
    assert len({chinese(n) for n in range(10000)}) == 10000


def test_deleted_text_is_left_out_and_inserted_text_kept() -> None:
    body = (
        "<w:p><w:r><w:t>用水总量控制在</w:t></w:r><w:del><w:r><w:delText>9</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>7</w:t></w:r></w:ins><w:r><w:rPr><w:vanish/></w:rPr><w:t>隐藏</w:t></w:r><w:r><w:t>亿立方米以内</w:t></w:r></w:p>"
    )
    assert lines(body) == ["用水总量控制在7亿立方米以内"]


def test_tables_keep_cells_apart_and_cells_with_sentences_are_running_text() -> None:
    def row(*cells: str) -> str:
        return "<w:tr>" + "".join(f"<w:tc>{p_of(c)}</w:tc>" for c in cells) + "</w:tr>"

    body = "<w:tbl>" + row("指标", "2020年", "2025年") + row("绿化覆盖率", "41", "45") + row("", "", "") + "</w:tbl>"
    body += "<w:tbl>" + row("任务", "到2025年，新增绿地60公顷。") + "</w:tbl>"
    assert lines(body) == ["指标 | 2020年 | 2025年", "绿化覆盖率 | 41 | 45", "任务", "到2025年，新增绿地60公顷。"]
    found = rows(read(docx_of(p_of("青岚市绿化规划") + body)))
    assert [(r["kind"], r["value"]) for r in found] == [("numeric", 45), ("numeric", 600000)]


def test_merged_cells_of_a_docx_table_against_reading_by_hand() -> None:
    def cell(words: str, wide: int = 1, merged: str = "") -> str:
        span = f'<w:gridSpan w:val="{wide}"/>' if wide > 1 else ""
        part = {"": "", "restart": '<w:vMerge w:val="restart"/>', "more": "<w:vMerge/>"}[merged]
        return f"<w:tc><w:tcPr>{span}{part}</w:tcPr>{p_of(words)}</w:tc>"

    def row(*cells: str) -> str:
        return "<w:tr>" + "".join(cells) + "</w:tr>"

    body = "<w:tbl>"
    body += row(cell("指标名称"), cell("单位"), cell("规划指标", 2), cell("责任单位"))
    body += row(cell(""), cell(""), cell("2022年"), cell("2025年"), cell(""))
    body += row(cell("水务", 5))
    body += row(cell("污水处理率"), cell("%"), cell("95"), cell("≥98"), cell("市水务局", 1, "restart"))
    body += row(cell("漏损率"), cell("%"), cell("12"), cell("8"), cell("", 1, "more"))
    body += row(cell("绿化覆盖率"), cell("%"), cell("41"), cell("45"), cell(""))
    body += "</w:tbl>"
    tasks = "<w:tbl>" + row(cell("工作任务"), cell("牵头单位"), cell("完成时限"))
    tasks += row(cell("改造管网120公里；建成调度平台。"), cell("市水务局"), cell("2024年6月底前")) + "</w:tbl>"
    reading = read(docx_of(p_of("青岚市供水规划（2023—2025年）") + body + p_of("任务分工如下。") + tasks))
    found = [
        (r["subject"], r["comparator"], r["value"], r["baseline_value"], r["deadline"], r["lead"])
        for r in rows(reading)
    ]
    assert found == [
        ("污水处理率", ">=", 98, 95, "2025-12-31", ["市水务局"]),
        ("漏损率", "<=", 8, 12, "2025-12-31", ["市水务局"]),
        ("绿化覆盖率", ">=", 45, 41, "2025-12-31", []),
        ("管网", "=", 120, None, "2024-06-30", ["市水务局"]),
        ("调度平台", "done_by", None, None, "2024-06-30", ["市水务局"]),
    ]
    assert all(0 < share <= 1 for c in reading.documents[0].commitments for share in c.sure.values())


def test_text_boxes_notes_and_page_breaks() -> None:
    box = f"<w:r><w:pict><w:txbxContent>{p_of('框内')}</w:txbxContent></w:pict></w:r>"
    body = f"<w:p>{box}<w:r><w:t>新增绿地</w:t><w:lastRenderedPageBreak/><w:t>5公顷。</w:t><w:footnoteReference w:id='2'/></w:r></w:p>"
    notes = f'<w:footnotes {WORD}><w:footnote w:id="2">{p_of("含3个区")}</w:footnote></w:footnotes>'
    assert lines(body, footnotes=notes) == ["新增绿地", "5公顷。（注：含3个区）", "框内"]
    found = rows(read(docx_of(p_of("青岚市2025年工作要点") + body + p_of("新建公园3座。"))))
    assert [(r["quote"], r["page"]) for r in found] == [("新增绿地5公顷", 1), ("新建公园3座", 2)]


def zipped(name: str, body: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, body)
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zipped("word/document.xml", b" " * (45 << 20)), "more than 40 MB"),
        (zipped("word/document.xml", b" " * (30 << 20)), "packed more than"),
        (zipped("word/document.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "XML entities"),
        (zipped("word/document.xml", "<!DOCTYPE a>".encode("utf-16")), "XML entities"),
        (zipped("word/document.xml", b"<a>" * 1000), "nests more than"),
        (zipped("word/document.xml", b"<a>"), "damaged DOCX"),
        (zipped("xl/workbook.xml", b"<a/>"), "a spreadsheet"),
        (zipped("a.txt", b"a"), "not a DOCX"),
        (docx_of(""), "is empty"),
        (b"PK\x03\x04", "damaged DOCX"),
        (b"PK\x01\x02" * 5001, "more than 5,000 files"),
        (b"a" * ((50 << 20) + 1), "larger than 50 MB"),
    ],
)
def test_an_archive_that_cannot_be_read_says_why(data: bytes, said: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(ReaderError, match=said) as caught:
        read(data, "plan.docx")
    assert caught.value.hint
    assert time.perf_counter() - begun < 5.0


# -- damaged files -------------------------------------------------------------------------------------------------

BYTES = st.lists(st.tuples(st.integers(0, 1 << 30), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4)
SMALL_PDF = pdf_of([[(60, 700, "到2025年，新增绿地5公顷。")]])


def spoilt(data: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    out = bytearray(data)
    for at, piece in changes:
        at %= len(out)
        out[at : at + len(piece)] = piece
    return bytes(out)


def only_reader_errors(data: bytes) -> None:
    with contextlib.suppress(ReaderError):
        read(data, "spoilt")


@given(BYTES)
@settings(max_examples=150, deadline=None)
def test_spoilt_docx(changes: list[tuple[int, bytes]]) -> None:
    only_reader_errors(spoilt(numbered(), changes))


@given(BYTES, st.sampled_from(["document", "numbering", "styles"]))
@settings(max_examples=150, deadline=None)
def test_spoilt_xml_inside_a_docx(changes: list[tuple[int, bytes]], which: str) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(numbered())) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            new.writestr(name, spoilt(body, changes) if which in name else body)
    only_reader_errors(made.getvalue())


@given(BYTES)
@settings(max_examples=25, deadline=None)
def test_spoilt_pdf(changes: list[tuple[int, bytes]]) -> None:
    only_reader_errors(spoilt(SMALL_PDF, changes))
