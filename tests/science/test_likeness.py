"""Likeness of names: against cosines worked out by hand, and how it behaves on names of a city."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citytwin.science.likeness import cover, likeness, parts, shared, weights

NAMES = [
    "城市生活污水集中收集率",
    "污水处理率",
    "再生水利用率",
    "绿化覆盖率",
    "新建污水管网",
    "公共机构能耗",
    "人均用水量",
    "公共机构用水量",
]
KNOWN = weights(NAMES)
MANY = weights([*NAMES, *(f"其他指标{n}" for n in range(20))])


def test_the_cosine_by_hand() -> None:
    known = weights(["ab cd", "ab ef"])  # ab stands in both, the others in one
    ab, other = math.log(2), math.log(3)
    expected = ab**2 / (ab**2 + other**2)
    assert likeness(["ab cd"], ["ab ef"], known)[0, 0] == pytest.approx(expected)
    assert cover(["ab"], ["ab ef"], known)[0, 0] == pytest.approx(1.0)
    assert cover(["ab ef"], ["ab"], known)[0, 0] == pytest.approx(expected)


def test_the_cosine_is_the_mean_of_both_covers() -> None:
    there, back = cover(NAMES, NAMES, KNOWN), cover(NAMES, NAMES, KNOWN).T
    assert likeness(NAMES, NAMES, KNOWN) == pytest.approx(np.sqrt(there * back), abs=1e-6)


def test_words_that_most_names_have_weigh_little() -> None:
    found = likeness(["污水收集率"], NAMES, KNOWN)[0]
    assert found.argmax() == 0
    assert found[1] > 3 * found[3]  # 污水…率 says more than …率
    assert likeness(["处理率"], ["覆盖率"], KNOWN)[0, 0] < 0.1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("水率", {"水", "率", "水率"}),
        ("Stations BUILT and audited", {"station", "built", "audit"}),
        ("５Ｇ基站", {"5g", "基", "站", "基站"}),
        ("PM2.5浓度", {"pm2.5", "浓", "度", "浓度"}),
        ("（）、", set()),
        ("speed", {"speed"}),
    ],
)
def test_parts(name: str, expected: set[str]) -> None:
    assert parts(name) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("城市污水集中收集率", "生活污水收集率", ("收集率", "污水")),
        ("公共机构用水量", "人均用水量", ("用水量",)),
        ("人均再生水利用量", "再生水利用人均量", ("再生水利用", "人均")),  # the weightier first
        ("Energy audits", "Institutions audited for energy", ("audits", "energy")),
        ("绿化", "污水", ()),
    ],
)
def test_what_names_share(a: str, b: str, expected: tuple[str, ...]) -> None:
    assert shared(a, b, MANY) == expected


def test_what_most_names_have_is_no_reason() -> None:
    known = weights([f"第{n}类项目数" for n in "一二三四五六七八九十"])
    assert shared("一类项目数", "三类项目数", known) == ()


def test_nothing_is_like_nothing() -> None:
    assert likeness([""], ["", "水"], KNOWN).tolist() == [[0.0, 0.0]]
    assert likeness([], ["水"], KNOWN).shape == (0, 1)
    assert likeness(["水"], ["水"], weights([]))[0, 0] == pytest.approx(1.0)


@given(
    st.lists(st.text("城市污水处理率ab cd1", max_size=8), max_size=6),
    st.lists(st.text("城市污水ab cd", max_size=8), max_size=6),
)
@settings(deadline=None)
def test_bounds_and_symmetry(a: list[str], b: list[str]) -> None:
    known = weights([*a, *b])
    found = likeness(a, b, known)
    assert ((found >= 0) & (found <= 1)).all()
    assert found == pytest.approx(likeness(b, a, known).T, abs=1e-6)
    own = likeness(a, a, known).diagonal()
    assert own == pytest.approx([1.0 if parts(x) else 0.0 for x in a], abs=1e-6)


def test_five_hundred_by_five_hundred_in_a_moment() -> None:
    text = "".join(chr(0x4E00 + (n * n * 7 + n * 31) % 2500) for n in range(12_000))
    names = [text[n : n + 12] for n in range(0, 12_000, 12)]
    spent = []
    for _ in range(3):
        parts.cache_clear()
        began = time.process_time()
        likeness(names[:500], names[500:], weights(names))
        spent.append(time.process_time() - began)
    assert min(spent) < 0.4  # about 0.1 s of one core; processor time, so that a busy machine does not matter
