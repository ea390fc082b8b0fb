"""Two versions of a plan: invented documents whose differences were written down before they were compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citytwin.engine.compare import (
    GRAVITY,
    Comparison,
    Difference,
    common_unit,
    compare,
    match,
    opposed,
    plain,
    records_of,
)
from citytwin.kernel.draft import Record
from citytwin.kernel.plan import Binding, Place, Plan, Target
from citytwin.kernel.title import Title
from citytwin.reader import read


def records(text: str) -> tuple[Record, ...]:
    """What the reader finds in a document, as records of a draft."""
    (document,) = read(text.encode(), "plan.txt").documents
    rows = [c.row() for c in document.commitments]
    names = set(Record.__dataclass_fields__)
    found = []
    for n, row in enumerate(rows):
        given = {k: v for k, v in row.items() if k in names and v is not None}
        given |= {k: tuple(given[k]) for k in ("lead", "participants")}  # type: ignore[arg-type]
        if "deadline" in given:
            given["deadline"] = date.fromisoformat(str(given["deadline"]))
        found.append(Record(id=f"r{n:03d}", **given))  # type: ignore[arg-type]
    return tuple(found)


WATER_OLD = """\
清江市水环境治理三年行动方案（征求意见稿）
清水发〔2023〕8号

一、主要目标
到2025年，全市城市生活污水集中收集率达到70%，城市污水处理率达到95%以上，农村生活污水治理率达到40%。再生水利用率达到25%。
二、重点任务
（一）补齐管网短板
到2025年底，新建污水管网120公里，改造老旧污水管网80公里。（责任单位：市水务局、市住房城乡建设局）
（二）整治入河排污口
2024年底前，完成入河排污口排查。2025年底前，完成入河排污口整治。（责任单位：市生态环境局）
（三）推进再生水利用
2025年底前，建成再生水厂3座，新增再生水生产能力10万立方米/日。（责任单位：市水务局）
（四）强化节水
到2025年，万元国内生产总值用水量较2020年下降16%，公共供水管网漏损率控制在9%以内。（责任单位：市水务局）
（五）加强监测
2024年底前，建设水质自动监测站20个。（责任单位：市生态环境局）
"""
WATER_NEW = """\
清江市水环境治理三年行动方案
清水发〔2023〕15号

一、主要目标
到2025年，全市城镇生活污水集中收集率达到73%，农村生活污水治理率达到45%，城市污水处理率达到95%左右。再生水利用率达到25%。
二、重点任务
（一）加强监测能力建设
2024年底前，建设水质自动监测站24个。（责任单位：市生态环境局）
（二）整治入河排污口
2024年6月底前，完成入河排污口排查。2026年底前，完成入河排污口整治。（责任单位：市生态环境局）
（三）完善污水管网
到2025年底，改造老旧污水管网80公里，新建污水管网150公里。（责任单位：市住房城乡建设局）
（四）强化节水
到2025年，万元国内生产总值用水量较2020年下降15%，公共供水管网漏损率控制在8%以内。（责任单位：市水务局）
（五）推进再生水利用
2025年底前，新增再生水生产能力10万立方米/日。（责任单位：市水务局）
（六）建设海绵城市
到2025年，建成区45%以上的面积达到海绵城市要求。（责任单位：市住房城乡建设局）
"""
WATER = [
    ("城镇生活污水集中收集率", "tightened", {"value"}),
    ("农村生活污水治理率", "tightened", {"value"}),
    ("城市污水处理率", "loosened", {"comparator"}),
    ("再生水利用率", "same", set()),
    ("水质自动监测站", "tightened", {"value"}),
    ("入河排污口排查", "advanced", {"deadline"}),
    ("入河排污口整治", "postponed", {"deadline"}),
    ("老旧污水管网", "changed", {"lead"}),
    ("污水管网", "tightened", {"value", "lead"}),
    ("万元国内生产总值用水量", "loosened", {"value"}),
    ("公共供水管网漏损率", "tightened", {"value"}),
    ("再生水生产能力", "same", set()),
    ("海绵城市", "added", set()),
    ("再生水厂", "dropped", set()),
]

ENERGY_OLD = """\
海宁湾市公共机构节约能源资源行动计划（2023年版）

一、总体目标
到2025年，全市公共机构能源消费总量控制在120万吨标准煤以内，单位建筑面积能耗、人均综合能耗、人均用水量较2020年分别下降5%、6%、6%。到2030年，全市公共机构能源消费总量控制在110万吨标准煤以内。
二、主要措施
（一）推广分布式光伏
到2025年，确保新增公共机构光伏装机容量30万千瓦。（牵头单位：市机管局）
（二）开展能源审计
到2025年，600家公共机构完成能源审计。（牵头单位：市机管局）
（三）推行合同能源管理
到2025年，实施合同能源管理项目不少于60个。（牵头单位：市机管局）
（四）推进绿色学校
到2025年，70%以上的学校达到绿色学校创建要求。（牵头单位：市教育局）
"""
ENERGY_NEW = """\
海宁湾市公共机构节约能源资源行动计划（2024年版）

一、总体目标
到2025年，全市公共机构能源消耗总量控制在115万吨标煤以内，单位建筑面积能耗、人均综合能耗、人均用水量较2020年分别下降5%、7%、5%。到2030年，全市公共机构能源消耗总量控制在110万吨标煤以内。
二、主要措施
（一）开展能源审计
到2026年，500家公共机构完成能源审计。（牵头单位：市机管局）
（二）推行合同能源管理
到2025年，实施合同能源管理项目不少于60个。（牵头单位：市发展改革委）
（三）推广分布式光伏
到2025年，力争新增公共机构光伏装机容量300兆瓦。（牵头单位：市机管局）
（四）推进绿色学校
到2025年，70%以上的学校达到绿色学校创建标准。（牵头单位：市教育局）
（五）推进绿色医院
到2025年，50%以上的医院达到绿色医院创建标准。（牵头单位：市卫生健康委）
"""
ENERGY = [
    ("能源消耗总量 2025", "tightened", {"value"}),
    ("单位建筑面积能耗", "same", set()),
    ("人均综合能耗", "tightened", {"value"}),
    ("人均用水量", "loosened", {"value"}),
    ("能源消耗总量 2030", "reworded", set()),
    ("能源审计", "loosened", {"value", "deadline"}),
    ("合同能源管理", "changed", {"lead"}),
    ("光伏装机容量", "loosened", {"modality"}),
    ("学校", "reworded", set()),
    ("医院", "added", set()),
]

DISTRICT_OLD = """\
云山市生活垃圾分类工作方案（2022—2025年）

一、工作目标
到2025年，城东区生活垃圾回收利用率达到38%，城西区生活垃圾回收利用率达到35%，河口县生活垃圾回收利用率达到30%。
到2025年，全市生活垃圾无害化处理率达到100%，原生生活垃圾零填埋。
二、工作任务
1.加快设施建设
到2024年，新建生活垃圾焚烧发电厂2座，新增处理能力3000吨/日。（责任单位：市城管局）
2.健全收运体系
2023年底前，更新分类运输车辆260辆。（责任单位：市城管局、市交通运输局）
3.加强宣传引导
每年开展主题宣传活动12次。（责任单位：市文明办）
"""
DISTRICT_NEW = """\
云山市生活垃圾分类工作方案（修订稿）
云政发〔2023〕12号

一、工作目标
到2025年，河口县生活垃圾回收利用率达到32%，城东区生活垃圾回收利用率达到38%，城南区生活垃圾回收利用率达到36%。
到2025年，全市生活垃圾无害化处理率达到100%，原生生活垃圾零填埋。到2030年，全市生活垃圾无害化处理率保持在100%。
二、工作任务
1.健全收运体系
2025年底前，更新分类运输车辆300辆。（责任单位：市交通运输局、市城管局）
2.加快设施建设
到2024年，新建生活垃圾焚烧发电厂1座，新增处理能力2000吨/日。（责任单位：市城管局）
3.加强宣传引导
每年开展主题宣传活动12次。（责任单位：市文明办）
"""
DISTRICT = [
    ("河口县生活垃圾回收利用率", "tightened", {"value"}),
    ("城东区生活垃圾回收利用率", "same", set()),
    ("城南区生活垃圾回收利用率", "added", set()),
    ("生活垃圾无害化处理率 2025", "same", set()),
    ("原生生活垃圾", "same", set()),
    ("生活垃圾无害化处理率 2030", "added", set()),
    ("分类运输车辆", "postponed", {"value", "deadline"}),
    ("生活垃圾焚烧发电厂", "loosened", {"value"}),
    ("处理能力", "loosened", {"value"}),
    ("主题宣传活动", "same", set()),
    ("城西区生活垃圾回收利用率", "dropped", set()),
]
VERSIONS = {
    "water": (WATER_OLD, WATER_NEW, WATER),
    "energy": (ENERGY_OLD, ENERGY_NEW, ENERGY),
    "districts": (DISTRICT_OLD, DISTRICT_NEW, DISTRICT),
}


def told(comparison: Comparison) -> list[tuple[str, str, set[str]]]:
    """Each difference as its expectation is written down: name, kind, and the fields that say more than other words."""
    return [
        (
            (d.new or d.old).subject,  # type: ignore[union-attr]  # a difference has one side at least
            d.kind,
            {x.field for x in d.details if x.change not in ("reworded", "moved")},
        )
        for d in comparison.changes
    ]


@pytest.mark.parametrize("name", VERSIONS)
def test_versions_differ_as_written_down(name: str) -> None:
    old, new, expected = VERSIONS[name]
    found = compare(records(old), records(new))
    assert [(kind, fields) for _, kind, fields in told(found)] == [(kind, fields) for _, kind, fields in expected]
    for (subject, _, _), (wanted, _, _) in zip(told(found), expected, strict=True):
        assert wanted.split()[0] in subject or subject in wanted
    assert found.counts == {kind: Counter(k for _, k, _ in expected)[kind] for kind in GRAVITY}


def test_deadlines_pair_by_year() -> None:
    found = compare(records(ENERGY_OLD), records(ENERGY_NEW))
    totals = [d for d in found.changes if d.new and "总量" in d.new.subject]
    assert [(d.old.deadline, d.new.deadline) for d in totals if d.old and d.new] == [
        (date(2025, 12, 31), date(2025, 12, 31)),
        (date(2030, 12, 31), date(2030, 12, 31)),
    ]


def record(subject: str = "城市污水处理率", **more: Any) -> Record:
    given: dict[str, Any] = {
        "id": "r", "kind": "numeric", "quote": f"{subject}达到目标", "section": "一", "section_title": "目标", "start": 0, "end": 9,
        "raw_start": 0, "raw_end": 9, "comparator": ">=", "value": 95.0, "unit": "%", "deadline": date(2025, 12, 31),
    }  # fmt: skip
    return Record(**{**given, "subject": subject, **more})


def changes(old: Record, new: Record) -> dict[str, str]:
    (found,) = compare([old], [new]).changes
    return {d.field: d.change for d in found.details}


@pytest.mark.parametrize(
    ("before", "after", "field", "change"),
    [
        ({}, {"value": 96.0}, "value", "tightened"),
        ({}, {"value": 94.0}, "value", "loosened"),
        ({"comparator": "<="}, {"comparator": "<=", "value": 94.0}, "value", "tightened"),
        ({"comparator": "<="}, {"comparator": "<=", "value": 96.0}, "value", "loosened"),
        ({"comparator": "reduce_by", "value": 3.0}, {"comparator": "reduce_by", "value": 4.0}, "value", "tightened"),
        ({"comparator": "increase_by", "value": 3.0}, {"comparator": "increase_by", "value": 2.0}, "value", "loosened"),
        ({}, {"comparator": "approx"}, "comparator", "loosened"),
        ({"comparator": "approx"}, {"comparator": "="}, "comparator", "tightened"),
        ({}, {"comparator": ">"}, "comparator", "tightened"),
        ({}, {"comparator": "="}, "comparator", "changed"),
        ({}, {"comparator": "<="}, "comparator", "changed"),
        ({}, {"qualifier": "basically"}, "qualifier", "loosened"),
        ({"qualifier": "annual"}, {}, "qualifier", "changed"),
        ({"modality": "确保", "force": "must"}, {"modality": "力争", "force": "strive"}, "modality", "loosened"),
        ({"modality": "力争"}, {"modality": "确保"}, "modality", "tightened"),
        ({"modality": "力争"}, {"modality": "争取"}, "modality", "reworded"),
        ({}, {"deadline": date(2026, 12, 31)}, "deadline", "postponed"),
        ({}, {"deadline": date(2024, 12, 31)}, "deadline", "advanced"),
        ({}, {"deadline": None}, "deadline", "loosened"),
        ({"deadline": None}, {}, "deadline", "tightened"),
        ({}, {"lead": ("市水务局",)}, "lead", "changed"),
        ({"baseline": 2020}, {"baseline": 2019}, "baseline", "changed"),
        ({"scope": "主城区"}, {"scope": "各县城"}, "scope", "changed"),
        ({}, {"value": None}, "value", "loosened"),
        ({"unit": "万吨", "value": 3.0}, {"unit": "t", "value": 29000.0}, "value", "loosened"),
        ({"unit": "%"}, {"unit": "家", "value": 96.0}, "unit", "changed"),
        ({}, {"kind": "milestone", "comparator": "done_by", "value": None, "unit": ""}, "kind", "changed"),
    ],
)  # fmt: skip
def test_one_field_at_a_time(before: dict[str, Any], after: dict[str, Any], field: str, change: str) -> None:
    assert changes(record(**before), record(**after))[field] == change


def test_less_is_better_where_the_name_says_so() -> None:
    old = record("化学需氧量排放总量", comparator="=", value=100.0, unit="t")
    assert changes(old, replace(old, value=90.0)) == {"value": "tightened"}
    stations = record("水质自动监测站", comparator="=", value=100.0, unit="个")
    assert changes(stations, replace(stations, value=90.0)) == {"value": "loosened"}


def test_the_same_amount_in_another_unit_is_the_same() -> None:
    old = record("能源消费总量", comparator="<=", value=120.0, unit="万吨标准煤")
    (found,) = compare([old], [replace(old, value=1_200_000.0, unit="tce")]).changes
    assert found.kind == "reworded"
    assert [(d.field, d.change) for d in found.details] == [("unit", "reworded")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"subject": "城市污水处理率"}, {"subject": "农村污水治理率", "value": 40.0}),
        ({"subject": "城东区污水处理率"}, {"subject": "城西区污水处理率"}),
        ({"subject": "污水处理率", "scope": "浦东新区"}, {"subject": "污水处理率", "scope": "闵行区"}),
        ({"subject": "化学需氧量排放总量"}, {"subject": "氨氮排放总量"}),
        ({"subject": "人均综合能耗"}, {"subject": "单位建筑面积能耗"}),
        ({"subject": "人均综合能耗"}, {"subject": "人均用水量"}),
        ({"subject": "生活垃圾回收利用率", "value": 40.0}, {"subject": "生活垃圾无害化处理率", "value": 100.0}),
        ({"subject": "新建污水管网", "unit": "km"}, {"subject": "改造老旧雨水管网", "unit": "km"}),
        ({"subject": "公共供水管网漏损率", "comparator": "<=", "value": 9.0}, {"subject": "公共供水管网覆盖率"}),
        ({"subject": "绿色建筑面积比例"}, {"subject": "装配式建筑面积比例", "value": 40.0}),
        ({"subject": "养老床位数", "unit": "张"}, {"subject": "医疗床位数", "unit": "张", "value": 60.0}),
        ({"subject": "建成区绿化覆盖率"}, {"subject": "建成区绿地率", "value": 38.0}),
        ({"subject": "污水管网", "unit": "km"}, {"subject": "污水管网改造", "deadline": date(2035, 12, 31), "value": 10.0, "quote": "另有安排"}),
        ({"subject": "绿色学校比例", "value": 70.0}, {"subject": "绿色医院比例", "value": 50.0}),
    ],
)  # fmt: skip
def test_other_targets_are_not_paired(old: dict[str, Any], new: dict[str, Any]) -> None:
    found = compare([record(**old)], [record(**new)])
    assert {k: n for k, n in found.counts.items() if n} == {"dropped": 1, "added": 1}


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        ("农村生活污水治理率", "农村生活污水处理率", 45.0),
        ("学校达到绿色学校创建要求", "学校达到绿色学校创建标准", 75.0),
        ("城市污水处理率", "污水处理率（城市）", 96.0),
        ("能源消费总量", "全市公共机构能源消费总量", 90.0),
        ("新建充电桩", "新建公共充电桩", 96.0),
        ("入河排污口整治", "入河排污口清理整治", 96.0),
        ("万元国内生产总值用水量", "万元GDP用水量", 96.0),
        ("既有建筑绿色化改造项目", "既有建筑的绿色化改造", 99.0),
        (
            "生活垃圾回收利用率",
            "生活垃圾资源化利用率",
            95.0,
        ),  # as far apart as others that differ, but the same number by the same day
    ],
)
def test_a_reworded_target_is_the_same(before: str, after: str, value: float) -> None:
    beside = [
        record(s, id=s, start=99) for s in ("森林覆盖率", "节水型企业", "空气质量优良天数比率", "人均公园绿地面积")
    ]
    old, new = record(before), record(after, value=value)
    assert (old, new) in match([old, *beside], [*beside, new])


def test_a_renumbered_section_is_no_change() -> None:
    old = record(section="二/三", section_title="补齐短板")
    (found,) = compare(
        [old], [replace(old, id="x", section="三/一", section_title="完善管网", start=900, end=909)]
    ).changes
    assert found.kind == "same"
    assert [(d.field, d.change) for d in found.details] == [("section", "moved")]


def test_the_gravest_detail_names_the_difference() -> None:
    old = record()
    new = replace(old, value=97.0, deadline=date(2027, 12, 31), lead=("市水务局",), quote="城市污水处理率须达到97%")
    (found,) = compare([old], [new]).changes
    assert found.kind == "postponed"
    assert {d.change for d in found.details} == {"tightened", "postponed", "changed"}


def test_what_is_no_promise_is_left_out() -> None:
    old = record()
    assert compare([replace(old, kind="fact")], [replace(old, kind="rule")]).changes == ()
    assert compare([replace(old, standing="dropped")], []).changes == ()
    assert compare([old], [replace(old, standing="rejected")]).changes == ()
    assert compare([replace(old, standing="rejected")], [old]).changes == ()
    (found,) = compare([replace(old, standing="accepted")], [replace(old, standing="rejected")]).changes
    assert found.kind == "dropped"


TARGET = Target(
    "t1", Title("城市污水处理率", "Sewage treatment rate"), "numeric", ">=", Place("一", 10, 30), 95.0, unit="%", qualifier="力争",
    deadline=date(2025, 12, 31), lead=("市水务局",), measured_by=Binding("drainage.sewage_treatment_rate", "lingang"),
)  # fmt: skip
PLAN = Plan("p", Title("规划", "Plan"), (), 1, targets=(TARGET, replace(TARGET, id="t1_a", part_of="t1")))


def test_targets_in_force_are_accepted_records() -> None:
    (found,) = records_of(PLAN)
    assert (found.id, found.standing, found.start, found.end, found.measured_by) == (
        "t1",
        "accepted",
        10,
        30,
        TARGET.measured_by,
    )
    assert (found.modality, found.force, found.qualifier, found.quote) == ("力争", "strive", "", "")


def test_a_draft_against_the_plan_in_force() -> None:
    told = record("污水处理率（城市）", modality="力争", force="strive", lead=("市水务局",), value=96.0, section="二")
    (found,) = compare(records_of(PLAN), [told]).changes
    assert (found.kind, {d.field: d.change for d in found.details}) == (
        "tightened",
        {"value": "tightened", "subject": "reworded"},
    )
    # a plan keeps no word that strengthens: its absence is no change
    (plain_plan,) = records_of(replace(PLAN, targets=(replace(TARGET, qualifier=""),)))
    assert compare([plain_plan], [replace(told, value=95.0, modality="确保", force="must")]).counts["tightened"] == 0


def test_the_same_place_and_number_is_the_same_target_under_another_name() -> None:
    (held,) = records_of(PLAN)
    read = record("全市", start=12, end=30, quote="全市达到95%")
    assert match([held], [read]) == [(held, read)]
    assert match([held], [replace(read, start=40, end=60)]) == [(None, replace(read, start=40, end=60)), (held, None)]


@pytest.mark.parametrize(
    ("source", "target", "factor"),
    [("万吨", "t", 1e4), ("家", "所", 1.0), ("%", "个", None), ("%", "%", 1.0), ("m2", "mu", 15 / 1e4), ("工作日", "天", None), ("", "个", 1.0),
     ("tce/人", "kgce/person", 1e3), ("m3/日", "m3/d", 1.0), ("t/人", "t", None), ("degF", "degC", None), ("t", "tce", None)],
)  # fmt: skip
def test_units_in_common(source: str, target: str, factor: float | None) -> None:
    assert common_unit(source, target) == (None if factor is None else pytest.approx(factor))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("城市污水处理率", "农村污水治理率", True),
        ("城镇污水处理率", "城市污水处理率", False),
        ("老旧小区改造", "住宅小区改造", False),
        ("浦东新区绿化率", "闵行区绿化率", True),
        ("浦东新区绿化率", "绿化率", False),
        ("中心城区绿化率", "建成区绿化率", False),
    ],
)
def test_opposed_names(a: str, b: str, expected: bool) -> None:
    assert opposed(plain(a), plain(b)) is expected
    assert opposed(plain(b), plain(a)) is expected


some_records = st.lists(
    st.builds(
        record,
        subject=st.sampled_from(["城市污水处理率", "农村污水治理率", "城市污水集中处理率", "再生水利用率", "公共供水管网漏损率", "污水管网", "", "全市"]),
        kind=st.sampled_from(["numeric", "coverage", "milestone"]),
        quote=st.sampled_from(["", "到2025年达到目标", "城市污水处理率达到95%", "管网漏损率控制在9%以内"]),
        section_title=st.sampled_from(["目标", "任务"]),
        start=st.integers(0, 50),
        end=st.integers(51, 99),
        comparator=st.sampled_from([">=", "<=", "=", "approx", "reduce_by", "increase_by", ">", None]),
        value=st.sampled_from([None, 0.0, 3.0, 90.0, 95.0]),
        unit=st.sampled_from(["%", "", "个", "km", "m"]),
        deadline=st.sampled_from([None, date(2025, 12, 31), date(2030, 12, 31)]),
        modality=st.sampled_from(["", "力争", "确保"]),
        scope=st.sampled_from(["", "浦东新区", "闵行区", "全市"]),
        lead=st.sampled_from([(), ("市水务局",)]),
    ),
    max_size=6,
).map(lambda found: [replace(r, id=f"r{n}") for n, r in enumerate(found)])  # fmt: skip
MIRROR = {
    "added": "dropped", "dropped": "added", "tightened": "loosened", "loosened": "tightened", "postponed": "advanced",
    "advanced": "postponed",
}  # fmt: skip


def facts(changes: Sequence[Difference]) -> set[tuple[str | None, str | None, frozenset[tuple[str, str]]]]:
    return {
        (d.old and d.old.id, d.new and d.new.id, frozenset((x.field, x.change) for x in d.details)) for d in changes
    }


@given(some_records)
@settings(deadline=None)
def test_a_version_does_not_differ_from_itself(version: list[Record]) -> None:
    found = compare(version, version)
    assert found.counts["same"] == len(found.changes) == len(version)


@given(some_records, some_records)
@settings(max_examples=150, deadline=None)
def test_the_way_back_mirrors_the_way_there(a: list[Record], b: list[Record]) -> None:
    there, back = compare(a, b), compare(b, a)
    mirrored = {(new, old, frozenset((f, MIRROR.get(c, c)) for f, c in x)) for old, new, x in facts(there.changes)}
    assert facts(back.changes) == mirrored
    for x, y in (("added", "dropped"), ("reworded", "reworded"), ("same", "same")):
        assert there.counts[x] == back.counts[y]


@given(some_records, some_records, st.randoms())
@settings(deadline=None)
def test_the_order_given_does_not_matter(a: list[Record], b: list[Record], random: Any) -> None:
    expected = compare(a, b)
    assert compare(random.sample(a, len(a)), random.sample(b, len(b))) == expected


@given(some_records, some_records)
@settings(deadline=None)
def test_every_record_is_told_once(a: list[Record], b: list[Record]) -> None:
    pairs = match(a, b)
    assert sorted(x.id for x, _ in pairs if x) == sorted(r.id for r in a)
    assert [y.id for _, y in pairs if y] == [r.id for r in b]
