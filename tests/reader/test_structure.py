"""Files, documents, headings and responsibilities, on texts written for these tests."""

from __future__ import annotations

import re
from datetime import date

import pytest

from citytwin.reader import Document, ReaderError, read

PLAN = """关于印发《兰溪市海绵城市建设行动方案（2023—2025年）》的通知
兰建发〔2023〕18号

各区人民政府，市有关部门：
　　现将《兰溪市海绵城市建设行动方案（2023—2025年）》印发给你们，请认真组织实施。

兰溪市住房和城乡建设局
兰溪市水务局
2023年3月2日

兰溪市海绵城市建设行动方案（2023—2025年）
　　为推进海绵城市建设，制定本方案。
　　一、工作目标
　　到2025年，建成区45%以上的面积达到海绵城市建设要求。
　　二、主要任务
　　（一）源头减排
　　1.改造老旧小区60个。（市住房城乡建设局牵头，市、区财政局等配合）
　　2.新建雨水花园30处；完成时间另行通知。（责任单位：市园林局；完成时限：2024年6月底前）
　　（二）过程控制
　　新建雨水管网50公里。（市水务局、市城管局按职责分工负责）加强管网养护，清淤管道200公里。（市城管局负责）
　　三、保障措施
　　牵头单位：市政府办公室
　　配合单位：市发展改革委、市财政局
　　加强资金保障，统筹安排资金6亿元。
"""

CHAPTERS = """南屏区综合交通规划（2021—2035年）
第一章 总则
第一节 背景
近年来，轨道里程达到90公里。
第二节 规划目标
到2025年，轨道里程达到150公里。
第二章 任务
第一节 轨道
2024年建成2号线。
专栏1 重点工程
改建枢纽3座，
"""


def only(text: str) -> Document:
    (document,) = read(text.encode()).documents
    return document


def test_head_of_a_notice_against_reading_by_hand() -> None:
    d = only(PLAN)
    assert d.title == "兰溪市海绵城市建设行动方案（2023—2025年）"
    assert d.number == "兰建发〔2023〕18号"
    assert d.bodies == ("兰溪市住房和城乡建设局", "兰溪市水务局")
    assert (d.issued, d.year) == (date(2023, 3, 2), 2023)


def test_section_tree_against_reading_by_hand() -> None:
    assert [(s.path, s.title) for s in only(PLAN).sections] == [
        ("一", "工作目标"),
        ("二", "主要任务"),
        ("二/一", "源头减排"),
        ("二/一/1", "改造老旧小区60个"),
        ("二/一/2", "新建雨水花园30处"),
        ("二/二", "过程控制"),
        ("三", "保障措施"),
    ]
    assert [s.path for s in only(CHAPTERS).sections] == ["一", "一/一", "一/二", "二", "二/一", "二/一/专栏1"]


def test_sections_nest_and_cover() -> None:
    d = only(PLAN)
    for s in d.sections:
        assert s.start <= s.body <= s.end <= d.end
        above = [p for p in d.sections if s.path.startswith(p.path + "/")]
        assert all(p.start < s.start and s.end <= p.end for p in above)


def test_headings_out_of_order_are_not_headings() -> None:
    d = only(
        "江北市节水方案\n一、目标\n到2025年，达到\n8.5万立方米以下的用水量。\n三十、不是标题\n二、任务\n推进节水。\n"
    )
    assert [s.path for s in d.sections] == ["一", "二"]


def test_number_glued_to_a_name_is_an_item() -> None:
    text = (
        "江北市工作要点\n" + "".join(f"{i}.推进第{i}项工作。\n" for i in range(1, 11)) + "11.121工程建设。培养人才。\n"
    )
    assert only(text).sections[-1].path == "11"


def test_leads_against_reading_by_hand() -> None:
    lead = {c.quote.rstrip("。"): (c.lead, c.participants) for c in only(PLAN).commitments if c.kind == "numeric"}
    assert lead["改造老旧小区60个"] == (("市住房城乡建设局",), ("市财政局", "区财政局"))
    assert lead["新建雨水花园30处"] == (("市园林局",), ())
    assert lead["新建雨水管网50公里"] == (("市水务局", "市城管局"), ())
    assert lead["清淤管道200公里"] == (("市城管局",), ())


def test_lines_of_responsibility_against_reading_by_hand() -> None:
    last = only(PLAN).sections[-1]
    assert (last.lead, last.participants) == (("市政府办公室",), ("市发展改革委", "市财政局"))


def test_deadline_beside_the_bodies_holds_for_their_block() -> None:
    (c,) = [c for c in only(PLAN).commitments if "雨水花园" in c.quote]
    assert (c.deadline, c.deadline_source) == (date(2024, 6, 30), "inherited")


def test_deadline_of_the_document_is_marked_as_such() -> None:
    (c,) = [c for c in only(PLAN).commitments if "雨水管网" in c.quote]
    assert (c.deadline, c.deadline_source, c.sources["deadline"]) == (date(2025, 12, 31), "document", "assumed")


def test_background_holds_facts_and_goals_hold_promises() -> None:
    kinds = [(c.section, c.kind, c.value) for c in only(CHAPTERS).commitments]
    assert kinds[:2] == [("一/一", "fact", 90), ("一/二", "numeric", 150)]


SENTENCE = "到2025年，全市新增公共停车泊位2.4万个，城市道路网密度达到8.2公里/平方公里，慢行系统总里程突破600公里。"


def wrapped(text: str, gap: str) -> str:
    """The text broken every 30 characters, spaces around digits, as it comes out of a PDF."""
    lines = [line[i : i + 30] for line in text.splitlines() for i in range(0, max(len(line), 1), 30)]
    return gap.join(re.sub(r"(\d+)", r" \1 ", line) for line in lines)


@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_hard_wrapped_text_reads_like_running_text(gap: str) -> None:
    plan = "".join(line for line in PLAN.splitlines(keepends=True)[10:])
    whole = plan.replace("　　（二）过程", f"　　{SENTENCE * 6}\n　　（二）过程")
    want = [(c.kind, c.value, c.unit, c.deadline) for c in only(whole).commitments]
    assert len(want) > 18
    assert [(c.kind, c.value, c.unit, c.deadline) for c in only(wrapped(whole, gap)).commitments] == want


def test_offsets_against_the_raw_text() -> None:
    text = wrapped(PLAN + SENTENCE * 6, "\n\n")
    reading = read(text.encode())
    stripped = "".join(text.split())
    found = [c for d in reading.documents for c in d.commitments]
    assert len(found) > 18
    for c in found:
        assert stripped[c.start : c.end] == c.quote
        assert "".join(reading.text[c.raw_start : c.raw_end].split()) == c.quote


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_read_alike(encoding: str) -> None:
    rows = [c.row() for c in read(PLAN.encode(encoding)).documents[0].commitments]
    assert rows == [c.row() for c in only(PLAN).commitments]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04rest", "zip"),
        (b"\xd0\xcf\x11\xe0old", "Word"),
        ("规划".encode("utf-16"), "UTF-16"),
        (b"a\x00b", "zero byte"),
        (b"\xff\xff\xff", "neither"),
    ],
)
def test_other_files_are_refused_by_name(data: bytes, word: str) -> None:
    with pytest.raises(ReaderError) as raised:
        read(data, "plan.bin")
    assert word in raised.value.message
    assert raised.value.message.startswith("plan.bin")
    assert raised.value.hint


def test_half_width_signs_read_like_full_width() -> None:
    full = "青山区绿色出行方案（2024年）\n一、任务\n（一）公交。新增车辆20辆，准点率达到９５％以上。（区交通局牵头，区财政局配合）\n"
    half = full.translate(str.maketrans("，。（）９５％", ",.()95%"))
    keep = [(c.kind, c.value, c.comparator, c.lead) for c in only(full).commitments]
    assert keep == [("numeric", 20, "=", ("区交通局",)), ("numeric", 95, ">=", ("区交通局",))]
    assert [(c.kind, c.value, c.comparator, c.lead) for c in only(half).commitments] == keep


def test_several_documents_in_one_file() -> None:
    news = "我市三座泵站投入运行\n昨日，记者获悉，泵站总投资2.3亿元，已改造管网56公里。二期计划于2024年10月底前建成。\n来源：兰溪日报\n"
    reading = read((news + PLAN + "来源：市政府网站\n" + CHAPTERS).encode())
    assert [d.index for d in reading.documents] == [1, 2, 3]
    assert [d.number for d in reading.documents] == [None, "兰建发〔2023〕18号", None]
    kinds = [c.kind for c in reading.documents[0].commitments]
    assert kinds == ["fact", "fact", "milestone"]


def test_flattened_table_is_passed_on_whole() -> None:
    rows = [
        "指标名称 单位 2022年 2025年 属性",
        "再生水利用率 % 18 25 约束性",
        "漏损率 % 10 8 约束性",
        "管网长度 公里 1200 1500 预期性",
    ]
    d = only("云岭市水务规划\n一、规划目标\n到2025年，漏损率降至8%。\n" + "\n".join(rows) + "\n二、任务\n推进改造。\n")
    assert [c.kind for c in d.commitments] == ["numeric", "table"]


def test_head_of_a_web_copy_against_reading_by_hand() -> None:
    d = only(
        "索引号：00012/2021-0045\n成文日期：2021年10月8日\n标题：云中省人民政府关于印发2030年前节能行动方案的通知\n发文字号：云政发〔2021〕31号\n"
        "云中省人民政府关于印发\n2030年前节能行动方案的通知\n各市人民政府：\n现印发给你们。\n一、目标\n到2025年，能耗强度下降14%。\n"
        "二、任务\n新增风电200万千瓦。\n"
    )
    assert (d.title, d.number, d.bodies) == ("2030年前节能行动方案", "云政发〔2021〕31号", ("云中省人民政府",))
    assert (d.issued, d.year) == (date(2021, 10, 8), 2021)
    assert [(c.value, str(c.deadline)) for c in d.commitments] == [(14, "2025-12-31"), (2_000_000, "2030-12-31")]


def test_report_of_a_year_against_reading_by_hand() -> None:
    d = only(
        "东平县人民政府工作报告\n——2024年1月15日在县第十八届人民代表大会上\n一、2023年工作回顾\n新增就业6500人。\n"
        "二、2024年重点工作\n新增就业7000人，6月底前完成快速路建设。\n"
    )
    assert d.issued == date(2024, 1, 15)
    assert [(c.kind, c.value, str(c.deadline)) for c in d.commitments] == [
        ("fact", 6500, "None"),
        ("numeric", 7000, "2024-12-31"),
        ("milestone", None, "2024-06-30"),
    ]


def test_a_subject_keeps_the_words_of_its_brackets() -> None:
    text = "青山区水环境方案（2024年）\n一、目标\n（一）水质。到2025年，河湖水质优良（一、二类）比例达到85%以上。\n"
    (commitment,) = only(text).commitments
    assert commitment.subject == "河湖水质优良（一、二类）比例"


def test_no_subject_shows_a_blanked_out_place() -> None:
    text = (
        "青山区绿色出行方案（2024年）\n一、任务\n（一）公交。（区交通局、区财政局负责）新增车辆（纯电动）20辆，"
        "《出行条例》宣传覆盖率和站点（含首末站）覆盖率分别达到95%和90%。\n"
    )
    assert "□" not in "".join(c.subject for c in only(text).commitments)
