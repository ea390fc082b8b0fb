"""Shares against hand-worked divisions and against what must hold of every one."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.science import share

WEIGHTS = st.lists(st.floats(min_value=1e-300, max_value=1e300), min_size=1, max_size=60)


def test_largest_remainders_against_a_textbook_division() -> None:
    # Balinski, Young (2001), table of the 1791 census is longer; this is the usual classroom case: 100000 votes, 10 seats
    votes = [47000.0, 16000.0, 15900.0, 12000.0, 6000.0, 3100.0]
    assert share.apportion(10, votes) == [5, 2, 1, 1, 1, 0]


def test_the_earlier_of_equal_parts_gets_the_unit_left_over() -> None:
    assert share.apportion(7, [1.0] * 3) == [3, 2, 2]


@given(st.integers(0, 10**18), WEIGHTS)
def test_whole_shares_add_up_and_keep_their_quota(units: int, weights: list[float]) -> None:
    shares = share.apportion(units, weights)
    assert sum(shares) == units
    whole = sum(Fraction(w) for w in weights)
    for got, w in zip(shares, weights, strict=True):
        quota = units * Fraction(w) / whole
        assert math.floor(quota) <= got <= math.ceil(quota)


@given(st.integers(0, 1000), WEIGHTS)
def test_a_heavier_part_never_gets_less(units: int, weights: list[float]) -> None:
    got = sorted(zip(weights, share.apportion(units, weights), strict=True))
    assert all(a[1] <= b[1] for a, b in pairwise(got) if a[0] < b[0])


@given(st.floats(-1e12, 1e12), WEIGHTS, st.integers(0, 9))
def test_amounts_add_up(total: float, weights: list[float], digits: int) -> None:
    shares = share.proportional(total, weights, digits)
    assert math.fsum(shares) == pytest.approx(total, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 500])
def test_more_parts_than_units(n: int) -> None:
    assert sorted(share.apportion(1, [1.0] * n), reverse=True) == [1] + [0] * (n - 1)


def test_a_digit_beyond_the_decimals_goes_to_the_largest() -> None:
    assert share.proportional(10.25, [1.0, 3.0], 0) == [3.0, 7.25]


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_weights_that_are_none_are_refused(bad: float) -> None:
    for call in (
        lambda: share.apportion(3, [1.0, bad]),
        lambda: share.proportional(3.0, [1.0, bad], 1),
        lambda: share.mean([1.0, 2.0], [1.0, bad]),
    ):
        with pytest.raises(ValueError, match="weight 2"):
            call()


def test_no_parts_and_no_number_are_refused() -> None:
    with pytest.raises(ValueError, match="no weights"):
        share.apportion(3, [])
    with pytest.raises(ValueError, match="cannot be divided"):
        share.apportion(-1, [1.0])
    with pytest.raises(ValueError, match="cannot be divided"):
        share.proportional(math.nan, [1.0], 1)


PERCENT = st.lists(st.tuples(st.floats(0.0, 100.0), st.floats(1e-3, 1e6)), min_size=1, max_size=50)


@given(PERCENT, st.floats(0.0, 100.0))
def test_moved_levels_come_to_the_goal_and_stay_possible(parts: list[tuple[float, float]], goal: float) -> None:
    levels, weights = [p[0] for p in parts], [p[1] for p in parts]
    now = share.mean(levels, weights)
    if now < 1e-6 and goal <= now:
        return  # nothing to scale
    moved = share.moved(levels, weights, goal, 100.0)
    assert share.mean(moved, weights) == pytest.approx(goal, abs=1e-6)
    assert all(-1e-9 <= x <= 100.0 + 1e-9 for x in moved)
    order = sorted(zip(levels, moved, strict=True))
    assert all(a[1] <= b[1] + 1e-6 for a, b in pairwise(order))


def test_levels_of_nothing_cannot_be_scaled() -> None:
    with pytest.raises(ValueError, match="all 0"):
        share.moved([0.0, 0.0], [1.0, 1.0], 5.0)


def test_the_mean_of_huge_weights_is_finite() -> None:
    assert share.mean([1.0, 3.0], [1e308, 1e308]) == 2.0
