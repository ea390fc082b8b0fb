"""The periodic report: sentences and cells of an invented plan written out by hand, and files that others can open."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

from citytwin import reader
from citytwin.engine import report, seal
from citytwin.engine.report import Content, Heading, Table, Text, words
from citytwin.engine.report.content import Facts, compose
from citytwin.engine.report.words import Language
from citytwin.engine.twin import Twin
from citytwin.kernel.indicator import Indicator
from citytwin.kernel.plan import Attachment, Binding, Measure, Place, Plan, Progress, Report, Status, Target
from citytwin.kernel.store import Change
from citytwin.kernel.title import Title

AS_OF = date(2025, 6, 30)
MADE = datetime(2025, 7, 2, 17, 30, tzinfo=UTC)  # 3 July in Shanghai
PLACE = Place("一", 0, 1)
NOT_YET = Title("台账尚未接入", "The register is not connected yet")
ROOT = "4f8c" * 16


def target(id: str, zh: str, en: str, value: float | None, unit: str, comparator: str = ">=", **more: object) -> Target:
    base: dict[str, object] = {
        "deadline": date(2025, 12, 31),
        "lead": ("市水务局",),
        "measured_by": Binding(f"w.{id}", "town"),
    }
    base |= more
    kind = "milestone" if value is None else "numeric"
    return Target(id, Title(zh, en), kind, comparator, PLACE, value, unit=unit, **base)  # type: ignore[arg-type]


def stands(
    id: str, status: Status, unit: str, value: float | None = None, goal: float | None = None, **more: object
) -> Progress:
    period = date(2025, 5, 31) if value is not None else None
    return Progress(f"p.{id}", "p", AS_OF, status, unit, value, period, goal, **more)  # type: ignore[arg-type]


def said(measure: str, state: str, day: date, by: str, note: str = "", *attached: Attachment) -> Report:
    return Report(measure, state, datetime(day.year, day.month, day.day, 1, tzinfo=UTC), by, note, attached)  # type: ignore[arg-type]


def indicator(id: str, zh: str, en: str, unit: str, every: str = "month", better: str = "higher") -> Indicator:
    source = Title("直报数据汇总", "sum of what is reported")
    return Indicator(f"w.{id}", Title(zh, en), unit, "w.town", every, better, source, "")  # type: ignore[arg-type]


PLAN = Plan(
    "p",
    Title("清河市水环境方案", "Qinghe Water Plan"),
    ("清河市水务局",),
    1,
    "清水〔2023〕5号",
    date(2023, 3, 1),
    (
        target("rate", "污水收集率", "Sewage collection rate", 88.0, "%"),
        target("pv", "光伏装机容量", "Solar capacity", 50000.0, "kW", lead=("市机管局", "市发展改革委")),
        target("pv_p01", "光伏装机容量（东区）", "Solar capacity (East)", 50000.0, "kW", part_of="pv", lead=("东区机管局",), measured_by=None, not_measured=NOT_YET),
        target("leak", "管网漏损率", "Leakage", 9.0, "%", "<="),
        target("area", "单位面积能耗", "Energy per area", 3.0, "%", "reduce_by", baseline=2020),
        target("mix", "混接点改造", "Misconnections rebuilt", 1200.0, "处", deadline=date(2024, 12, 31), lead=()),
        target("study", "评估报告", "Assessment report", None, "", "done_by", deadline=date(2025, 8, 31), measured_by=None, not_measured=NOT_YET),
    ),
    (
        Measure("m1", Title("编制方案", "Draw up the scheme"), PLACE, ("市水务局",), (), date(2025, 3, 31)),
        Measure("m2", Title("提标改造", "Upgrade the plants"), PLACE, ("市水务局",), (), date(2025, 9, 30)),
        Measure("m3", Title("建立台账", "Keep a register"), PLACE, ("市生态环境局",), (), None, "mix"),
        Measure("m4", Title("宣传周", "Hold a campaign"), PLACE, (), (), date(2025, 5, 31)),
        Measure("m5", Title("管网更新", "Renew pipes"), PLACE, ("西区政府",), (), date(2025, 6, 29)),
    ),
)  # fmt: skip
PROGRESS = (
    stands("rate", "at_risk", "%", 81.37, 88.0, expected=85.61, forecast=83.9, low=82.1, high=85.7, probability=0.004),
    stands(
        "pv",
        "on_track",
        "kW",
        43251.0,
        50000.0,
        expected=43000.0,
        forecast=50001.0,
        low=47100.0,
        high=52860.0,
        probability=0.5,
    ),
    stands("leak", "at_risk", "%", 9.004, 9.0, reason=Title("按路径判断", "Judged by the path")),
    stands("area", "met", "kgce/m2", 24.1, 24.25),
    stands("mix", "missed", "1", 1130.0, 1200.0),
)
PROOF = Attachment("9f86" * 16, "总结.pdf", 12345)
REPORTS = {
    "m1": said("m1", "delayed", date(2025, 6, 10), "王芳", "已征求\n两轮意见"),
    "m3": said("m3", "delayed", date(2025, 4, 2), "赵敏", "涉及道路开挖许可"),
    "m4": said("m4", "done", date(2025, 5, 20), "陈洁", "", PROOF),
    "m2": said("m2", "under_way", date(2025, 6, 20), "李强"),
}
INDICATORS = {
    i.id: i
    for i in (
        indicator("rate", "收集率", "Collection rate", "%"),
        indicator("pv", "装机", "Capacity", "kW"),
        indicator("leak", "漏损率", "Leakage", "%", better="lower"),
        indicator("area", "能耗", "Energy", "kgce/m2", "year", "lower"),
        indicator("mix", "改造数", "Rebuilt", "1"),
    )
}
FACTS = Facts(
    PLAN, {p.target: p for p in PROGRESS}, REPORTS, AS_OF, MADE, "Asia/Shanghai", INDICATORS, {"p.rate": date(2025, 2, 3)}, 42, ROOT
)  # fmt: skip


def texts(content: Content, section: int) -> list[str]:
    return [b.text for b in content.sections[section].blocks if isinstance(b, Text)]


def tables(content: Content, section: int) -> list[Table]:
    return [b for b in content.sections[section].blocks if isinstance(b, Table)]


ZH, EN = compose(FACTS, "zh"), compose(FACTS, "en")


def test_sections_stand_in_the_official_order() -> None:
    assert ZH.title == "关于《清河市水环境方案》实施情况的报告"
    assert ZH.subtitle == "（截至2025年6月30日）"
    assert [s.title for s in ZH.sections] == [
        "一、总体情况",
        "二、各项目标进展",
        "三、滞后事项及原因",
        "四、下一步工作",
    ]
    assert [s.title for s in ZH.annexes] == ["数据来源与口径", "数据存证与核验"]
    assert (ZH.issuer, ZH.day) == (("清河市水务局",), "2025年7月3日")
    headings = [b.text for b in ZH.sections[3].blocks if isinstance(b, Heading)]
    assert headings == [
        "（一）未来90天内到期的事项",
        "（二）未来91至180天内到期的事项",
        "（三）滞后目标所需进度",
        "（四）尚缺数据的目标",
    ]
    assert [s.title for s in EN.sections] == [
        "I. Overview",
        "II. Progress",
        "III. What lags, and why",
        "IV. Next steps",
    ]
    assert [[type(b) for b in s.blocks] for s in EN.sections] == [[type(b) for b in s.blocks] for s in ZH.sections]


def test_titles_in_titles_take_single_brackets() -> None:
    plan = replace(PLAN, title=Title("关于印发《水方案》的通知", "Notice"))
    assert compose(replace(FACTS, plan=plan), "zh").title == "关于《关于印发〈水方案〉的通知》实施情况的报告"


def test_overview_counts() -> None:
    assert texts(ZH, 0) == [
        "《清河市水环境方案》（清水〔2023〕5号）于2023年3月1日印发。截至2025年6月30日，共有目标6项，其中已达成1项、按期推进1项、存在风险2项、"
        "未达成1项、尚未测量1项。有数据的5项中，已达成和按期推进的2项，占40%。另有分解到各单位的分项目标1项，其中存在风险或未达成0项。",
        "任务措施共5项，其中已完成1项、推进中1项、滞后2项、未启动1项；超过期限尚未完成的2项。",
        "目标数据取自5项指标，最新一期截至2025年5月31日，来源与口径见附件1；任务进展由各单位填报。数据存证见附件2。",
    ]
    assert texts(EN, 0)[0] == (
        "“Qinghe Water Plan” (清水〔2023〕5号) was issued on 1 March 2023. As of 30 June 2025 it has 6 targets: 1 met, 1 on track, 2 at risk, 1 missed, "
        "1 not yet measured. Of the 5 with figures, 2 (40%) are met or on track. Divided among bodies there are 1 more, 0 of them at risk or missed."
    )  # fmt: skip


def test_progress_cells() -> None:
    targets, measures = tables(ZH, 1)
    assert targets.rows == (
        ("1", "污水收集率", "不低于88%\n2025年底前", "81.4%", "2025年5月", "85.6%", "83.9%\n82.1至85.7%", "存在风险", "市水务局"),
        ("2", "光伏装机容量", "不低于5万千瓦\n2025年底前", "4.33万千瓦", "2025年5月", "4.3万千瓦", "5.0001万千瓦\n4.71至5.29万", "按期推进", "市机管局、市发展改革委"),
        ("2.1", "光伏装机容量（东区）", "不低于5万千瓦\n2025年底前", "—", "—", "—", "—", "尚未测量", "东区机管局"),
        ("3", "管网漏损率", "不高于9%\n2025年底前", "9.004%", "2025年5月", "—", "—", "存在风险", "市水务局"),
        ("4", "单位面积能耗", "较2020年下降3%（即24.25千克标准煤/平方米）\n2025年底前", "24.1千克标准煤/平方米", "2025年", "—", "—", "已达成", "市水务局"),
        ("5", "混接点改造", "不少于1200处\n2024年底前", "1130处", "2025年5月", "—", "—", "未达成", "—"),
        ("6", "评估报告", "完成\n2025年8月31日前", "—", "—", "—", "—", "尚未测量", "市水务局"),
    )  # fmt: skip
    assert measures.rows == (
        ("1", "编制方案", "市水务局", "2025年3月31日", "滞后\n超期91天", "2025年6月10日"),
        ("2", "提标改造", "市水务局", "2025年9月30日", "推进中", "2025年6月20日"),
        ("3", "建立台账", "市生态环境局", "—", "滞后", "2025年4月2日"),
        ("4", "宣传周", "—", "2025年5月31日", "已完成", "2025年5月20日"),
        ("5", "管网更新", "西区政府", "2025年6月29日", "未启动\n超期1天", "—"),
    )
    assert tables(EN, 1)[0].rows[1][2:7] == (
        "at least 50,000 kW\nby 31 December 2025", "43,251 kW", "May 2025", "43,000 kW", "50,001 kW\n47,100–52,860",
    )  # fmt: skip
    assert tables(EN, 1)[1].rows[4][4] == "not started\noverdue 1 day"


def test_every_table_fills_the_type_area() -> None:
    for content in (ZH, EN):
        for section in (*content.sections, *content.annexes):
            for table in (b for b in section.blocks if isinstance(b, Table)):
                assert sum(table.widths) == 156
                assert {len(r) for r in (table.head, table.widths, *table.rows)} == {len(table.head)}


def test_what_lags_is_told_with_figures_and_the_last_note() -> None:
    assert texts(ZH, 2) == [
        "1.污水收集率：要求不低于88%，2025年底前。2025年5月为81.4%，比当期应达85.6%少4.2个百分点。按现有趋势，到期预计83.9%（90%区间82.1至85.7%），"
        "按期达成的概率低于1%。按跟踪记录，自2025年2月3日起滞后。牵头单位：市水务局。原因尚无单位填报。",
        "2.管网漏损率：要求不高于9%，2025年底前。2025年5月为9.004%，比要求多0.004个百分点。牵头单位：市水务局。说明：按路径判断。原因尚无单位填报。",
        "3.混接点改造：要求不少于1200处，2024年底前。2025年5月为1130处，比要求少70处。期限已过181天。未写明牵头单位。最近说明（赵敏，2025年4月2日）：“涉及道路开挖许可”。",
        "1.编制方案：期限2025年3月31日，已超期91天，滞后。牵头单位：市水务局。最近说明（王芳，2025年6月10日）：“已征求 两轮意见”。",
        "2.建立台账：滞后。牵头单位：市生态环境局。最近说明（赵敏，2025年4月2日）：“涉及道路开挖许可”。",
        "3.管网更新：期限2025年6月29日，已超期1天，未启动。牵头单位：西区政府。尚未填报。",
    ]
    assert texts(EN, 2)[0] == (
        "1. Sewage collection rate: required at least 88%, by 31 December 2025. In May 2025 it was 81.4%, 4.2 percentage points short of the 85.6% "
        "expected by now. On the present trend 83.9% are expected at the deadline (90% interval 82.1–85.7%); probability of attainment below 1%. "
        "On record as lagging since 3 February 2025. Lead: 市水务局. No body has reported the cause yet."
    )  # fmt: skip


def test_next_steps_are_derived() -> None:
    soon, needed, lacking = tables(ZH, 3)[0], tables(ZH, 3)[2], tables(ZH, 3)[3]
    assert soon.rows == (("市水务局", "目标：评估报告", "2025年8月31日", "尚未测量"),)
    later = tables(ZH, 3)[1]
    assert later.rows == (
        ("市水务局", "任务：提标改造", "2025年9月30日", "推进中"),
    )  # the end of the year is 184 days off
    # from 30 June to 31 December: 184 days are 6.0453 months; (88 - 81.37) / 6.0453 = 1.0967
    assert needed.rows == (
        ("1", "污水收集率", "6.6个百分点", "6.0个月", "1.1个百分点", "市水务局"),
        ("3", "管网漏损率", "高出0.004个百分点", "6.0个月", "降低0.001个百分点", "市水务局"),
        ("5", "混接点改造", "70处", "期限已过", "—", "—"),
    )
    assert lacking.rows == (
        ("2.1", "光伏装机容量（东区）", "台账尚未接入", "东区机管局"),
        ("6", "评估报告", "台账尚未接入", "市水务局"),
    )


def test_due_items_stand_by_body_the_first_due_first() -> None:
    measures = tuple(
        Measure(f"d{i}", Title(f"事{i}", f"Item {i}"), PLACE, (lead,), (), day)
        for i, (lead, day) in enumerate(
            [
                ("乙", date(2025, 9, 28)), ("甲", date(2025, 9, 1)), ("乙", date(2025, 6, 30)), ("甲", date(2025, 7, 5)),
                ("丙", date(2025, 9, 29)), ("丙", date(2025, 12, 27)), ("丙", date(2025, 12, 28)), ("丁", date(2025, 6, 29)),
            ]
        )
    )  # fmt: skip
    content = compose(replace(FACTS, plan=replace(PLAN, targets=(), measures=measures), reports={}), "zh")
    soon, later = tables(content, 3)
    assert [(r[0], r[1]) for r in soon.rows] == [
        ("乙", "任务：事2"),
        ("乙", "任务：事0"),
        ("甲", "任务：事3"),
        ("甲", "任务：事1"),
    ]
    assert [r[1] for r in later.rows] == [
        "任务：事4",
        "任务：事5",
    ]  # 91 and 180 days off; 181 is too far, yesterday is overdue


def test_the_last_month_needs_all_that_is_missing() -> None:
    due = replace(PLAN.targets[5], deadline=date(2025, 7, 10))
    content = compose(replace(FACTS, plan=replace(PLAN, targets=(due,))), "zh")
    assert tables(content, 3)[-1].rows == (("1", "混接点改造", "70处", "10天", "70处", "—"),)


def test_a_target_within_its_limit_but_heading_out_is_to_be_kept() -> None:
    held = replace(PROGRESS[2], value=8.2, forecast=9.6, low=9.0, high=10.2, probability=0.05, expected=9.3)
    facts = replace(FACTS, plan=replace(PLAN, targets=(PLAN.targets[3],)), progress={held.target: held})
    content = compose(facts, "zh")
    assert "2025年5月为8.2%，已不落后于当期应达9.3%。" in texts(content, 2)[0]
    assert tables(content, 3)[1].rows[0][2:5] == ("无（须保持）", "6.0个月", "—")


def test_an_empty_plan_has_a_report_too() -> None:
    plan = Plan("e", Title("空规划", "Empty"), (), 1)
    content = compose(replace(FACTS, plan=plan, progress={}, reports={}, size=0), "zh")
    assert texts(content, 0)[0] == "《空规划》的实施情况如下。截至2025年6月30日，没有登记目标。"
    assert texts(content, 0)[1] == "没有登记任务措施。"
    assert texts(content, 2) == ["没有。", "没有。"]
    assert report.html(content)
    assert reader.read(report.docx(content), "a.docx").documents


def test_a_target_without_progress_is_not_measured() -> None:
    content = compose(replace(FACTS, progress={}), "en")
    assert "6 targets: 0 met, 0 on track, 0 at risk, 0 missed, 6 not yet measured." in texts(content, 0)[0]
    assert "No target has figures yet" in texts(content, 0)[2]
    assert tables(content, 3)[-1].rows[0][2] == "No reason on record"


def test_evidence_names_the_checkpoint_and_the_files() -> None:
    blocks = ZH.annexes[1].blocks
    assert isinstance(blocks[0], Text)
    assert "2025年7月3日 01:30" in blocks[0].text
    assert "共有42条" in blocks[0].text
    assert blocks[1] == Text(ROOT)
    assert isinstance(blocks[2], Text)
    assert "/api/evidence/leaves/41" in blocks[2].text
    assert isinstance(blocks[-1], Table)
    assert blocks[-1].rows == (("宣传周", "总结.pdf", "9f86" * 16),)
    (sources,) = (b for b in ZH.annexes[0].blocks if isinstance(b, Table))
    assert sources.rows[0] == ("收集率", "%", "逐月", "2025年5月", "直报数据汇总")
    assert sources.rows[3] == ("能耗", "千克标准煤/平方米", "逐年", "2025年", "直报数据汇总")


@pytest.mark.parametrize(
    ("comparator", "value", "unit", "more", "zh", "en"),
    [
        (">", 5.5, "km", {}, "高于5.5公里", "more than 5.5 km"),
        ("<", 300.0, "mg/L", {}, "低于300毫克/升", "less than 300 mg/L"),
        ("=", 500.0, "个", {}, "500个", "500"),
        ("approx", 43.0, "%", {}, "43%左右", "about 43%"),
        ("increase_by", 2.0, "pp", {"baseline": 2020}, "较2020年提高2个百分点", "up by 2 percentage points from 2020"),
        ("reduce_by", 4000.0, "tce", {}, "下降4000吨标准煤", "down by 4,000 tce"),
        (">=", 3.0, "%", {"value_max": 5.0}, "不低于3至5%", "at least 3–5%"),
        ("<=", 1710000.0, "tce", {}, "不高于171万吨标准煤", "at most 1.71 million tce"),
        ("<=", 120.0, "家", {}, "不超过120家", "at most 120"),
        ("=", None, "", {}, "按文件要求", "as the document says"),
    ],
)
def test_what_is_required_in_words(
    comparator: str, value: float | None, unit: str, more: dict[str, object], zh: str, en: str
) -> None:
    t = target("x", "目标", "Target", value, unit, comparator, deadline=None, **more)
    for lang, expected in (("zh", zh), ("en", en)):
        content = compose(replace(FACTS, plan=replace(PLAN, targets=(t,))), lang)  # type: ignore[arg-type]
        assert tables(content, 1)[0].rows[0][2] == expected


@pytest.mark.parametrize(
    ("unit", "value", "zh", "en"),
    [
        ("m3", 150_000_000.0, "1.5亿立方米", "150 million m³"),
        ("kW", 43_251.0, "4.33万千瓦", "43,251 kW"),
        ("kW", 1_234.5, "1234千瓦", "1,234 kW"),
        ("1e4CNY", 25_000.0, "25000万元", "25,000 10⁴ yuan"),
        ("%", 0.375, "0.38%", "0.38%"),
        ("kgce/m2", 24.249, "24.25千克标准煤/平方米", "24.25 kgce/m²"),
        ("mg/L", 0.04567, "0.0457毫克/升", "0.0457 mg/L"),
        ("家", 471.0, "471家", "471"),
        ("1", 1_200_000_000.0, "12亿", "1.2 billion"),
        ("t", -3.0, "-3吨", "-3 t"),
        ("t", 0.0, "0吨", "0 t"),
        ("ug/m3", 32.0, "32微克/立方米", "32 µg/m³"),
        ("m3/person", 12.5, "12.5立方米/人", "12.5 m³/person"),
    ],
)
def test_figures_for_people(unit: str, value: float, zh: str, en: str) -> None:
    assert words.scale(unit, [value], "zh").figure(value) == zh
    assert words.scale(unit, [value], "en").figure(value) == en


def test_figures_that_differ_never_look_the_same() -> None:
    s = words.scale("kW", [50000.0], "zh")
    assert (s.apart(49_990.0, 50000.0), s.apart(50000.0, 50000.0)) == ("4.999", "5")
    assert words.scale("家", [600.0], "zh").apart(599.7, 600.0) == "599.7"


def test_lagging_since_is_the_first_day_of_the_unbroken_spell(make_twin: Callable[..., Twin]) -> None:
    twin = make_twin((PLAN,))
    days = [
        ("rate", 1, "at_risk"),
        ("rate", 2, "on_track"),
        ("rate", 3, "missed"),
        ("rate", 4, "at_risk"),
        ("rate", 9, "met"),
    ]
    days += [("leak", 2, "at_risk"), ("mix", 2, "at_risk"), ("mix", 3, "met")]
    table = pa.table(
        {
            "target": [f"p.{d[0]}" for d in days],
            "as_of": pa.array([date(2025, 6, d[1]) for d in days], pa.date32()),
            "status": [d[2] for d in days],
        }
    )
    sql = "INSERT INTO target_progress_row (target, plan, as_of, status) SELECT target, 'p', as_of, status FROM days"
    twin.store.commit(Change(sql, tables={"days": table}))
    content = report.content(twin, PLAN, PROGRESS, REPORTS, date(2025, 6, 5))
    told = texts(content, 2)
    assert "自2025年6月3日起滞后" in told[0]
    assert "自2025年6月2日起滞后" in told[1]
    assert "起滞后" not in told[2]  # its last day on record is a good one
    root = seal.checkpoint(twin.store)[1]
    assert content.annexes[1].blocks[1] == Text(root)
    assert content.date == date(2025, 6, 30)  # the clock's day in the city's zone


# --- files

HOSTILE = "<script>alert(1)</script> & \"'\x00\x0b\ud800\u202e\ufffe]]> ☃" + "长" * 10_000


def hostile() -> Facts:
    """The same plan with hostile words wherever somebody can write."""
    title = Title(HOSTILE, HOSTILE)
    return replace(
        FACTS,
        plan=replace(
            PLAN,
            title=title,
            number=HOSTILE,
            issuer=(HOSTILE,),
            targets=tuple(
                replace(
                    t,
                    subject=title,
                    lead=(HOSTILE,),
                    unit=t.unit if t.measured_by else HOSTILE,
                    not_measured=t.not_measured and title,
                )
                for t in PLAN.targets
            ),
            measures=tuple(replace(m, title=title, lead=(HOSTILE,)) for m in PLAN.measures),
        ),
        progress={p.target: replace(p, reason=title) for p in PROGRESS},
        reports={
            k: replace(r, by=HOSTILE, note=HOSTILE, attachments=(replace(PROOF, name=HOSTILE),))
            for k, r in REPORTS.items()
        },
        indicators={k: replace(i, title=title, source=title) for k, i in INDICATORS.items()},
    )


class WellFormed(HTMLParser):
    """Collects what a page opens, closes and says. Raises AssertionError where tags do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "col"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_is_well_formed_and_loads_nothing(lang: Language) -> None:
    page = WellFormed(report.html(compose(FACTS, lang)))
    assert "script" not in page.tags
    assert not [a for a, _ in page.attributes if a in ("src", "href") or a.startswith("on")]
    assert "url(" not in report.html(compose(FACTS, lang))
    assert page.tags.count("h2") == 6
    assert page.tags.count("thead") == page.tags.count("table") == 8


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_hostile_words_stay_words(lang: Language) -> None:
    content = compose(hostile(), lang)
    page = report.html(content)
    parsed = WellFormed(page)
    assert "script" not in parsed.tags
    assert any("<script>alert(1)</script> & \"'" in s for s in parsed.said)
    assert not any(c in page for c in "\x00\x0b\u202e\ufffe")
    page.encode()
    with zipfile.ZipFile(io.BytesIO(report.docx(content))) as archive:
        for name in archive.namelist():
            ET.fromstring(archive.read(name))
    assert reader.read(report.docx(content), "a.docx").documents


def test_what_no_file_can_hold_is_left_out_of_any_content() -> None:
    table = Table((HOSTILE,), (156,), ((HOSTILE,),))
    section = report.Section(HOSTILE, (Text(HOSTILE), Heading(HOSTILE), table))
    content = replace(ZH, title=HOSTILE, subtitle=HOSTILE, sections=(section,), annexes=(section,), issuer=(HOSTILE,))
    page = report.html(content)
    page.encode()
    assert "\x0b" not in page
    assert "script" not in WellFormed(page).tags
    with zipfile.ZipFile(io.BytesIO(report.docx(content))) as archive:
        for name in archive.namelist():
            ET.fromstring(archive.read(name))


W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def part(data: bytes, name: str) -> ET.Element:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return ET.fromstring(archive.read(name))


@pytest.mark.parametrize("content", [ZH, EN], ids=["zh", "en"])
def test_our_reader_finds_the_sections_of_the_docx_in_order(content: Content) -> None:
    text = "".join(reader.read(report.docx(content), "report.docx").text.split())
    wanted = [
        content.title,
        *(s.title for s in content.sections),
        *content.issuer,
        content.day,
        *(a.title for a in content.annexes),
        ROOT,
    ]
    at = 0
    for words_ in wanted:
        at = text.index("".join(words_.split()), at) + 1


def test_the_docx_keeps_to_gb_t_9704() -> None:
    data = report.docx(ZH)
    document, styles = part(data, "word/document.xml"), part(data, "word/styles.xml")
    margins = next(document.iter(f"{W}pgMar")).attrib
    millimetres = {k.removeprefix(W): int(v) * 25.4 / 1440 for k, v in margins.items()}
    assert [round(millimetres[k]) for k in ("top", "left", "right", "bottom")] == [37, 28, 26, 35]
    size = next(document.iter(f"{W}pgSz")).attrib
    assert (size[f"{W}w"], size[f"{W}h"]) == ("11906", "16838")  # A4 as Word writes it
    grid = next(document.iter(f"{W}docGrid")).attrib
    assert (grid[f"{W}type"], int(grid[f"{W}linePitch"]) / 20) == ("linesAndChars", pytest.approx(28.95))

    def style(id: str) -> tuple[str | None, float | None]:
        """East Asian font and size [pt] of a style; None where it takes the document's."""
        (found,) = (s for s in styles.iter(f"{W}style") if s.get(f"{W}styleId") == id)
        font, points = found.find(f".//{W}rFonts"), found.find(f".//{W}sz")
        return (
            None if font is None else font.get(f"{W}eastAsia"),
            None if points is None else int(points.get(f"{W}val") or 0) / 2,
        )

    default = styles.find(f"{W}docDefaults")
    assert default is not None
    assert [e.get(f"{W}eastAsia") for e in default.iter(f"{W}rFonts")] == ["仿宋_GB2312"]
    assert [e.get(f"{W}val") for e in default.iter(f"{W}sz")] == ["32"]
    assert style("Title") == ("方正小标宋简体", 22)
    assert style("Heading1") == ("黑体", None)
    assert style("Heading2") == ("楷体_GB2312", None)
    assert style("Footer") == ("宋体", 14)
    (body,) = (s for s in styles.iter(f"{W}style") if s.get(f"{W}styleId") == "BodyText")
    spacing, indent = body.find(f".//{W}spacing"), body.find(f".//{W}ind")
    assert spacing is not None
    assert indent is not None
    assert (spacing.get(f"{W}line"), spacing.get(f"{W}lineRule")) == ("579", "exact")
    assert indent.get(f"{W}firstLineChars") == "200"
    assert all(t.find(f"{W}tr/{W}trPr/{W}tblHeader") is not None for t in document.iter(f"{W}tbl"))
    sides = ["".join(part(data, f"word/footer{n}.xml").itertext()) for n in (1, 2)]
    assert sides == ["—  PAGE 1 —"] * 2
    assert [e.get(f"{W}val") for n in (1, 2) for e in part(data, f"word/footer{n}.xml").iter(f"{W}jc")] == [
        "right",
        "left",
    ]
    assert part(data, "word/settings.xml").find(f"{W}evenAndOddHeaders") is not None


@pytest.mark.parametrize(
    ("issuer", "body", "day"),
    [
        # 6 characters of date: it ends two from the edge, a short name begins two further left
        ("水务局", 6 + 2 + 2 - 3, 2.0),
        # a long name ends two from the edge, the date begins two after it
        ("清河市公共机构节能工作联席会议办公室", 2.0, 18 + 2 - 2 - 6),
    ],
)
def test_the_date_begins_two_characters_after_the_name(issuer: str, body: float, day: float) -> None:
    content = compose(replace(FACTS, plan=replace(PLAN, issuer=(issuer,))), "zh")
    found = {
        "".join(p.itertext()): int(e.get(f"{W}rightChars") or 0) / 100
        for p in part(report.docx(content), "word/document.xml").iter(f"{W}p")
        for e in p.iter(f"{W}ind")
        if e.get(f"{W}rightChars")
    }
    assert found == {issuer: body, "2025年7月3日": day}


def test_the_same_facts_make_the_same_bytes() -> None:
    assert report.docx(compose(FACTS, "zh")) == report.docx(ZH)
    assert report.html(compose(FACTS, "en")) == report.html(EN)
    with zipfile.ZipFile(io.BytesIO(report.docx(ZH))) as archive:
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert "2025-07-03T00:00:00Z" in ET.tostring(part(report.docx(ZH), "docProps/core.xml"), "unicode")


def test_parts_of_parts_stand_below_them() -> None:
    chain = tuple(replace(PLAN.targets[0], id=f"t{i}", part_of=f"t{i - 1}" if i else "") for i in range(2000))
    content = compose(replace(FACTS, plan=replace(PLAN, targets=chain), progress={}), "zh")
    numbers = [r[0] for r in tables(content, 1)[0].rows]
    assert numbers[:3] == ["1", "1.1", "1.1.1"]
    assert len(numbers) == 2000
