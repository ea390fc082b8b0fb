"""Digits, magnitudes, units and times, against values worked out by hand."""

from __future__ import annotations

from datetime import date

import pytest

from citytwin.reader.tokens import masked, moments, period_end, quantities

QUANTITIES = {
    "5万千瓦": [(50_000, "kW")],
    "6千吨": [(6_000, "t")],
    "5千瓦": [(5, "kW")],
    "1.2万亿元": [(1.2e12, "CNY")],
    "3亿千瓦时": [(3e8, "kWh")],
    "1.6万TEU": [(16_000, "TEU")],
    "30亿t标准煤": [(3e9, "tce")],
    "1,250个": [(1250, "个")],
    "10余种": [(10, "种")],
    "3万多户": [(30_000, "户")],
    "2个百分点": [(2, "pp")],
    "35微克/立方米": [(35, "μg/m3")],
    "0.9千克/人": [(0.9, "kg/人")],
    "12公顷": [(120_000, "m2")],
    "8平方公里": [(8e6, "m2")],
    "40千米": [(40, "km")],
    "100G": [(100, "Gbps")],
    "36点位120套": [(36, "点位"), (120, "套")],
    "第3个": [],
    "T2线": [],
    "PM2.5": [],
    "6号区": [],
    "208片区": [],
    "10部门": [],
    "翻一番": [(100, "%")],
    "百分之三十五": [(35, "%")],
    "一半": [(50, "%")],
}


@pytest.mark.parametrize(("text", "want"), QUANTITIES.items())
def test_quantity_against_reading_by_hand(text: str, want: list[tuple[float, str]]) -> None:
    assert [(q.value, q.unit) for q in quantities(text, 0, len(text), []) if q.unit] == want


def test_ranges_keep_both_ends() -> None:
    (q,) = quantities("3-5万个", 0, 5, [])
    assert (q.value, q.value_max, q.unit) == (30_000, 50_000, "个")
    (q,) = quantities("12米至20米", 0, 7, [])
    assert (q.value, q.value_max, q.unit) == (12, 20, "m")


MOMENTS = {
    "到2025年": ("by", date(2025, 12, 31)),
    "2024年底前": ("by", date(2024, 12, 31)),
    "2024年年底前": ("by", date(2024, 12, 31)),
    "2024年6月底前": ("by", date(2024, 6, 30)),
    "2023年10月": ("by", date(2023, 10, 31)),
    "今年上半年": ("by", date(2023, 6, 30)),
    "到今年年底": ("by", date(2023, 12, 31)),
    "年内": ("by", date(2023, 12, 31)),
    "“十四五”期间": ("by", date(2025, 12, 31)),
    "“十三五”期间": ("past", date(2020, 12, 31)),
    "截至2022年底": ("past", date(2022, 12, 31)),
    "较2020年": ("base", None),
    "与2020年相比": ("base", None),
    "在2020年基础上": ("base", None),
    "2024年起2年内": ("by", date(2025, 12, 31)),
    "自2024年1月1日起": ("name", date(2024, 1, 1)),
}


@pytest.mark.parametrize(("text", "want"), MOMENTS.items())
def test_moment_against_reading_by_hand(text: str, want: tuple[str, date | None]) -> None:
    found = moments(text, 2023, False)
    assert [(t.role, t.when) for t in found] == [want]


def test_period_end_against_published_plans() -> None:
    assert [period_end(n) for n in (10, 13, 14, 15)] == [2005, 2020, 2025, 2030]


def test_masking_keeps_length_and_hides_titles() -> None:
    text = "落实《“十四五”规划（2021年）》，（含3个）建成“5G+工厂”10个。"
    mask = masked(text)
    assert len(mask) == len(text)
    assert [q.value for q in quantities(mask, 0, len(mask), [])] == [10]
