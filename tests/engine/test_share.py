"""Targets divided: parts and checks against figures worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.engine import catalog, load, share, track
from citytwin.engine.share import Part
from citytwin.engine.twin import Twin
from citytwin.kernel.asset import Asset
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.plan import Binding, Place, Plan, Target
from citytwin.kernel.store import Change
from citytwin.kernel.title import Title

DUE = date(2025, 12, 31)
PLAN = Plan("p", Title("规划", "Plan"), ("市水务局",), 1, issued=date(2022, 3, 15))
MEAN = Binding("tank.level_month", "t1")


def target(value: float | None = 10, unit: str = "个", comparator: str = ">=", **more: Any) -> Target:
    kind = "numeric" if value is not None else "milestone"
    base: dict[str, Any] = {
        "not_measured": None if "measured_by" in more else Title("未接入", "Not connected"),
        "subject": Title("新增水箱", "New tanks"),
        "deadline": DUE,
        "lead": ("市水务局",),
    }
    base |= more
    subject = base.pop("subject")
    return Target("x", subject, kind, comparator, Place("一", 0, 1), value, unit=unit, **base)  # type: ignore[arg-type]


@pytest.fixture
def tanks(twin: Twin) -> Twin:
    """Three tanks with brims of 1, 2 and 5 m."""
    catalog.add(
        twin,
        [
            Asset(f"t{n}", "tank.basin", Title(f"{n}号水箱", f"Tank {n}"), None, {"brim_m": brim})
            for n, brim in ((1, 1.0), (2, 2.0), (3, 5.0))
        ],
    )
    return twin


def figures(twin: Twin, held: Mapping[tuple[str, str], float]) -> None:
    """Put monthly levels on record: `{("t1", "2020-12"): 4.0}`."""
    table = pa.table(
        {
            "asset": pa.array([k[0] for k in held], pa.string()),
            "period": pa.array([datetime(int(k[1][:4]), int(k[1][5:]), 1) for k in held], pa.timestamp("us")),
            "value": pa.array(list(held.values()), pa.float64()),
        }
    )
    twin.store.commit(
        Change(
            "INSERT INTO indicator_row SELECT 'tank.level_month', asset, timezone('Asia/Shanghai', period), value, 'v', now() FROM figures",
            tables={"figures": table},
        )
    )


def values(division: share.Division) -> list[float | None]:
    return [p.value for p in division.parts]


def test_counts_by_a_column_stay_whole_and_add_up(tanks: Twin) -> None:
    found = share.preview(tanks, PLAN, target(10), "tank.basin", "column", column="brim_m")
    assert values(found) == [1, 3, 6]  # quotas 1.25, 2.5, 6.25: the unit left over goes to .5
    assert (found.sum, found.goal, found.difference, found.rule) == (10, 10, 0, "sum")
    assert [p.asset for p in found.parts] == ["t1", "t2", "t3"]
    assert found.parts[0] == Part(Title("1号水箱", "Tank 1"), 1.0, "t1", None, ("市水务局",), DUE, 1.0)


def test_amounts_are_cut_into_sensible_decimals(tanks: Twin) -> None:
    found = share.preview(tanks, PLAN, target(50000, "kW"), "tank.basin", "equal")
    assert values(found) == [16667, 16667, 16666]
    lengths = share.preview(tanks, PLAN, target(143.8, "km"), "tank.basin", "equal")
    assert values(lengths) == [47.94, 47.93, 47.93]
    assert lengths.difference == 0


def test_names_lead_their_own_parts(tanks: Twin) -> None:
    found = share.preview(tanks, PLAN, target(10), names=[" 甲区", "乙区 ", "丙区"])
    assert [(p.title.zh, p.value, p.lead, p.asset) for p in found.parts] == [
        ("甲区", 4, ("甲区",), ""),
        ("乙区", 3, ("乙区",), ""),
        ("丙区", 3, ("丙区",), ""),
    ]


def test_chosen_assets_keep_their_order_and_their_weights(tanks: Twin) -> None:
    found = share.preview(tanks, PLAN, target(10), "tank.basin", "column", assets=["t3", "t1"], weights=[1, 4])
    assert [(p.asset, p.value) for p in found.parts] == [("t3", 2), ("t1", 8)]


def test_institutions_lead_their_own_parts(make_twin: Callable[..., Twin]) -> None:
    assert share._is_body(share._Member(Title("甲", "A"), "a", "institution.reporting_body"))
    assert not share._is_body(share._Member(Title("甲", "A"), "a", "tank.basin"))


def test_by_baseline_takes_the_last_figure_of_the_baseline_year(tanks: Twin) -> None:
    figures(
        tanks,
        {
            ("t1", "2020-11"): 9.0, ("t1", "2020-12"): 1.0, ("t2", "2020-12"): 2.0, ("t3", "2020-12"): 1.0,
            ("t1", "2021-12"): 50.0, ("t1", "2019-12"): 50.0,
        },
    )  # fmt: skip
    t = target(100, baseline=2020, measured_by=MEAN)
    found = share.preview(tanks, PLAN, t, "tank.basin", "baseline")
    assert values(found) == [25, 50, 25]
    assert [p.baseline_value for p in found.parts] == [1, 2, 1]


def test_without_a_baseline_year_the_newest_figure_before_the_plan_counts(tanks: Twin) -> None:
    # the plan is of 15 March 2022: February is complete, March is not
    figures(
        tanks,
        {(t, m): v for t in ("t1", "t2", "t3") for m, v in (("2021-12", 7.0), ("2022-02", 3.0), ("2022-03", 99.0))},
    )
    found = share.preview(tanks, PLAN, target(9, measured_by=MEAN), "tank.basin", "baseline")
    assert [p.baseline_value for p in found.parts] == [3, 3, 3]


def test_a_figure_of_another_year_weighs_but_is_not_stated_as_the_baseline(tanks: Twin) -> None:
    figures(tanks, {("t1", "2021-12"): 1.0, ("t2", "2021-12"): 1.0, ("t3", "2021-12"): 2.0, ("t1", "2020-12"): 5.0})
    found = share.preview(tanks, PLAN, target(8, baseline=2020, measured_by=MEAN), "tank.basin", "baseline")
    assert values(found) == [2, 2, 4]
    assert [p.baseline_value for p in found.parts] == [5, None, None]


def test_ratios_hold_for_each_and_as_a_mean_where_denominators_are_known(tanks: Twin) -> None:
    rate = target(90, "%", subject=Title("收集率", "Collection rate"))
    each = share.preview(tanks, PLAN, rate, "tank.basin", "equal")
    assert (values(each), each.sum, each.difference, each.rule) == ([90, 90, 90], 90, 0, "each")
    weighed = share.preview(tanks, PLAN, rate, "tank.basin", "column", column="brim_m")
    assert (values(weighed), weighed.sum, weighed.rule) == ([90, 90, 90], 90, "mean")


def test_ratios_by_baseline_close_the_same_share_of_the_gap(tanks: Twin) -> None:
    figures(tanks, {("t1", "2020-12"): 40.0, ("t2", "2020-12"): 60.0, ("t3", "2020-12"): 90.0})
    # the indicator is in metres; a percentage bound to it is read as it stands
    rate = target(88, "%", baseline=2020, measured_by=MEAN, subject=Title("收集率", "Collection rate"))
    found = share.preview(tanks, PLAN, rate, "tank.basin", "baseline", column="brim_m")
    # mean (40 + 2*60 + 5*90) / 8 = 76.25; what is lacking shrinks to 12 / 23.75
    expected = [100 - gap * 12 / 23.75 for gap in (60, 40, 10)]
    assert values(found) == pytest.approx(expected)
    assert (found.sum, found.difference, found.rule) == (88, 0, "mean")
    with pytest.raises(BadRequest, match="weighted mean"):
        share.preview(tanks, PLAN, rate, "tank.basin", "baseline")


def test_a_reduction_in_percent_is_the_same_rate_for_each(tanks: Twin) -> None:
    t = target(10, "%", "reduce_by", baseline=2020, subject=Title("能耗总量", "Total energy"))
    found = share.preview(tanks, PLAN, t, names=["甲", "乙"])
    assert (values(found), found.rule, found.difference) == ([10, 10], "each", 0)


def test_rates_that_differ_come_to_the_same_reduction(tanks: Twin) -> None:
    t = target(10, "%", "reduce_by", baseline=2020, measured_by=MEAN)
    indicator = replace(tanks.indicators["tank.level_month"], unit="t")
    tanks.indicators = {**tanks.indicators, "tank.level_month": indicator}
    figures(tanks, {("t1", "2020-12"): 100.0, ("t2", "2020-12"): 200.0, ("t3", "2020-12"): 500.0})
    same = share.preview(tanks, PLAN, t, "tank.basin", "baseline")
    assert (values(same), same.rule, same.difference) == ([10, 10, 10], "mean", 0)
    # 80 t in all, shared 2:1:1 -> 40, 20, 20 t of 100, 200, 500
    shared = share.preview(tanks, PLAN, t, "tank.basin", "column", weights=[2, 1, 1])
    assert values(shared) == pytest.approx([40, 10, 4])
    assert (shared.rule, shared.sum, shared.difference) == ("mean", 10, 0)
    with pytest.raises(BadRequest, match=r"1号水箱.*reduce by 235 %"):  # 98 % of 240 t
        share.preview(tanks, PLAN, replace(t, value=30.0), "tank.basin", "column", weights=[98, 1, 1])
    # by hand: 20 % of 100 and nothing else are 20 of 800
    edited = [replace(p, value=v) for p, v in zip(same.parts, (20, 0, 0), strict=True)]
    assert share.check(t, edited, indicator=indicator) == (2.5, -7.5, "mean")


def test_the_reduction_of_an_intensity_weighs_by_baseline_and_denominator() -> None:
    t = target(3, "%", "reduce_by", baseline=2020, subject=Title("单位建筑面积能耗", "Energy per floor area"))
    parts = [Part(Title("甲", "A"), 6.0, baseline_value=10.0), Part(Title("乙", "B"), 0.0, baseline_value=20.0)]
    # area 3 and 1: (3*10*6 + 1*20*0) / (3*10 + 1*20) = 180 / 50
    assert share.check(t, parts, weights=[3, 1]) == (3.6, 0.6, "mean")
    assert share.check(t, parts) == (0, -3, "each")  # without areas nobody knows: each is asked for all


def test_points_by_baseline(tanks: Twin) -> None:
    t = target(10, "pp", "increase_by", baseline=2020, measured_by=MEAN)
    tanks.indicators = {"tank.level_month": replace(tanks.indicators["tank.level_month"], unit="%")}
    figures(tanks, {("t1", "2020-12"): 50.0, ("t2", "2020-12"): 70.0, ("t3", "2020-12"): 90.0})
    found = share.preview(tanks, PLAN, t, "tank.basin", "baseline", weights=[1, 1, 1])
    assert values(found) == pytest.approx([50 / 3, 10, 10 / 3])  # from 70 to 80: a third of what is lacking
    assert (found.rule, found.difference) == ("mean", 0)


@pytest.mark.parametrize(
    ("comparator", "levels", "least"),
    [(">=", (91, 88), 88), ("<=", (91, 88), 91), ("=", (91, 88), 88), ("approx", (92, 90), 92)],
)
def test_each_tells_the_part_that_asks_least(comparator: str, levels: tuple[float, float], least: float) -> None:
    parts = [Part(Title("甲", "A"), levels[0]), Part(Title("乙", "B"), levels[1])]
    assert share.check(target(90, "%", comparator), parts) == (least, least - 90, "each")


@pytest.mark.parametrize(
    ("unit", "zh", "en", "adds"),
    [
        ("家", "节水型单位", "Water-saving organisations", True),
        ("个", "每区示范项目", "Projects of each district", False),
        ("个", "每年新增5G基站", "New base stations a year", True),
        ("批", "调查", "Surveys", True),
        ("kW", "光伏装机峰值功率", "Peak capacity", True),
        ("t", "人均垃圾产生量", "Waste", False),
        ("", "数据中心PUE", "PUE of data centres", False),
        ("", "机构数", "Institutions", True),
        ("%", "覆盖率", "Coverage", False),
        ("pp", "占比", "Share", False),
        ("kgce/m2", "能耗", "Energy", False),
        ("元/吨", "水价", "Price of water", False),
        ("m", "除险水位", "Water level", False),
        ("m", "管网长度", "Length of sewers", True),
        ("mg/L", "氨氮", "Ammonia", False),
        ("min", "到达时间", "Time to arrive", False),
        ("万元", "投资", "Investment", True),
    ],
)
def test_what_adds_up(unit: str, zh: str, en: str, adds: bool) -> None:
    assert (share._kind(target(3, unit, subject=Title(zh, en)), None) == "amount") is adds


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, ["nobody is named", "asset type"]),
        ({"among": "tank.pond"}, ["no asset type 'tank.pond'", "/api/types"]),
        ({"among": "tank.basin", "names": ["甲"]}, ["together"]),
        ({"names": ["甲", "甲 "]}, ["stands twice"]),
        ({"names": ["", "乙"]}, ["name 1 has 0"]),
        ({"names": ["x"] * 1001}, ["at most 1000"]),
        ({"assets": ["t9"]}, ["no asset 't9'"]),
        ({"assets": ["t1", "t1"]}, ["stands twice"]),
        ({"among": "tank.basin", "by": "column"}, ["needs a column or weights"]),
        ({"among": "tank.basin", "by": "column", "column": "material"}, ["no numeric attribute", "brim_m"]),
        ({"among": "tank.basin", "by": "column", "weights": [1, 2]}, ["2 weights are given for 3 parts"]),
        ({"among": "tank.basin", "by": "column", "weights": [1, 0, 2]}, ["t2", "weight is 0", "above 0"]),
        ({"among": "tank.basin", "by": "column", "weights": [1, -3, 2]}, ["t2", "weight is -3"]),
        ({"among": "tank.basin", "by": "column", "weights": [1, 2, math.nan]}, ["t3", "weight is nan"]),
        ({"among": "tank.basin", "by": "column", "weights": [1, 2, True]}, ["t3", "weight is 'True'"]),
        (
            {"among": "tank.basin", "by": "column", "weights": [1, 1, 1], "column": "brim_m"},
            ["both a column and weights"],
        ),
        ({"names": ["甲"], "by": "column", "column": "brim_m"}, ["plain names have no columns"]),
        ({"among": "tank.basin", "by": "baseline"}, ["no indicator measures"]),
    ],
)
def test_what_cannot_be_divided_is_said(tanks: Twin, request_: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(BadRequest) as caught:
        share.preview(tanks, PLAN, target(10), **request_)
    told = str(caught.value)
    assert caught.value.where
    assert caught.value.hint
    for word in words:
        assert word in told


def test_a_column_that_is_empty_for_some_names_them(tanks: Twin) -> None:
    catalog.add(tanks, [Asset("t2", "tank.basin", Title("2号水箱", "Tank 2"), None, {})])
    with pytest.raises(BadRequest, match="brim_m is missing for 't2'"):
        share.preview(tanks, PLAN, target(10), "tank.basin", "column", column="brim_m")


def test_baselines_that_are_missing_or_zero_name_the_part(tanks: Twin) -> None:
    bound = target(10, baseline=2020, measured_by=MEAN)
    with pytest.raises(BadRequest, match="no figures for these parts before the plan"):
        share.preview(tanks, PLAN, bound, "tank.basin", "baseline")
    figures(tanks, {("t1", "2020-12"): 1.0, ("t2", "2020-12"): 0.0})
    with pytest.raises(BadRequest, match="2 of 3 parts"):
        share.preview(tanks, PLAN, bound, "tank.basin", "baseline")
    with pytest.raises(BadRequest, match=r"reckoned per tank\.basin"):
        share.preview(tanks, PLAN, bound, names=["甲"], by="baseline")


def test_a_milestone_is_asked_of_each(tanks: Twin) -> None:
    done = target(None, "", "done_by")
    found = share.preview(tanks, PLAN, done, names=["甲", "乙"])
    assert found == share.Division(found.parts, None, None, None, "each")
    assert [t.value for t in share.targets(tanks, done, found.parts)] == [None, None]
    with pytest.raises(BadRequest, match="no value to divide"):
        share.preview(tanks, PLAN, done, "tank.basin", "column", column="brim_m")


def test_parts_edited_by_hand_are_checked() -> None:
    parts = [Part(Title("甲", "A"), 0.1), Part(Title("乙", "B"), 0.2)]
    assert share.check(target(0.3, "t"), parts) == (0.3, 0, "sum")  # not 0.30000000000000004
    assert share.check(target(1, "t"), parts) == (0.3, -0.7, "sum")
    with pytest.raises(BadRequest, match=r"part 1 .*has no number"):
        share.check(target(1, "t"), [replace(parts[0], value=math.nan)])


def test_parts_become_targets(tanks: Twin) -> None:
    parent = target(10, measured_by=MEAN, baseline=2020, systems=("D01",), participants=("市财政局",))
    found = share.preview(tanks, PLAN, parent, "tank.basin", "equal")
    first, *_ = made = share.targets(tanks, parent, found.parts)
    assert [t.id for t in made] == ["x_p01", "x_p02", "x_p03"]
    assert first == replace(
        parent,
        id="x_p01",
        subject=Title("新增水箱（1号水箱）", "New tanks (Tank 1)"),
        scope="1号水箱",
        value=4.0,
        measured_by=Binding("tank.level_month", "t1"),
        part_of="x",
        asset="t1",
    )
    assert [t.measured_by and t.measured_by.asset for t in made] == ["t1", "t2", "t3"]
    for t in made:
        assert not list(load.target_faults(t))
    figures(tanks, {("t1", "2025-05"): 4.0})
    stood = track.progress(tanks, date(2025, 6, 30), [replace(PLAN, targets=made)])
    assert [p.status for p in stood] == ["met", "not_measured", "not_measured"]


def test_parts_that_nothing_measures_say_why(tanks: Twin) -> None:
    bound = target(10, measured_by=MEAN)
    (name,) = share.targets(tanks, bound, [Part(Title("甲区", "District A"), 10.0)])
    assert name.measured_by is None
    assert name.not_measured is not None
    assert "资产" in name.not_measured.zh
    assert "asset" in name.not_measured.en
    per = replace(tanks.indicators["tank.level_month"], per="base.region")
    tanks.indicators = {"tank.level_month": per}
    (other,) = share.targets(tanks, bound, [Part(Title("甲", "A"), 10.0, "t1")])
    assert other.not_measured == Title(
        "指标“月均水位”按base.region统计，没有甲的数据",
        "'Monthly mean level' is reckoned per base.region: there are no figures for A",
    )
    tanks.indicators = {}
    (gone,) = share.targets(tanks, bound, [Part(Title("甲", "A"), 10.0, "t1")])
    assert gone.not_measured is not None
    assert "not installed" in gone.not_measured.en
    unbound = target(10)
    (same,) = share.targets(tanks, unbound, [Part(Title("甲", "A"), 10.0, "t1")])
    assert same.not_measured == unbound.not_measured


def test_only_levels_keep_the_upper_end_of_a_range(tanks: Twin) -> None:
    part = [Part(Title("甲", "A"), 3.0)]
    assert share.targets(tanks, target(3, "个", value_max=5.0), part)[0].value_max is None
    assert share.targets(tanks, target(3, "%", value_max=5.0), part)[0].value_max == 5.0


def test_parts_that_are_none_are_named(tanks: Twin) -> None:
    parts = [
        Part(Title("", ""), 1.0),
        Part(Title("甲", "A"), None),
        Part(Title("乙", "B"), 1.0, "t9"),
        Part(Title("丙", "C"), 1.0, "t1", math.inf),
        Part(Title("丁" * 201, "D"), 1.0, "t1"),
    ]
    with pytest.raises(BadRequest) as caught:
        share.targets(tanks, target(10), parts)
    told = sorted(str(f) for f in caught.value.faults)
    assert [t.split(":")[0] for t in told] == ["part 1", "part 2", "part 3", "part 4", "part 5", "part 5"]
    with pytest.raises(BadRequest, match="1 faults") as many:
        share.targets(tanks, target(10), [Part(Title(f"甲{i}", f"A{i}"), 1.0) for i in range(1001)])
    assert "at most 1000" in str(many.value.faults[0])


@given(st.integers(1, 10**9), st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=500))
def test_counts_and_amounts_add_up_whatever_the_weights(goal: int, weights: list[float]) -> None:
    members = [share._Member(Title(str(i), str(i))) for i in range(len(weights))]
    for unit in ("个", "kW"):
        t = target(goal, unit)
        found = share._values(t, None, members, "column", weights, None)
        parts = [Part(m.title, v) for m, v in zip(members, found, strict=True)]
        assert share.check(t, parts) == (goal, 0, "sum")


def test_five_hundred_parts(tanks: Twin) -> None:
    found = share.preview(tanks, PLAN, target(499), names=[f"第{i}街道" for i in range(500)])
    assert (sum(v or 0 for v in values(found)), values(found)[-1]) == (499, 0)
    assert [t.id for t in share.targets(tanks, target(499), found.parts)][::499] == ["x_p001", "x_p500"]
    one = share.preview(tanks, PLAN, target(499), names=["甲"])
    assert values(one) == [499]
