"""Tests of readings against their neighbours, against the same sums written out reading by reading; and the formulas' examples."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.science import editing, neighbours

NUMBER = st.one_of(st.integers(-4, 4).map(float), st.just(math.nan))
ROWS = st.lists(st.tuples(st.integers(0, 2), NUMBER), max_size=30).map(lambda rows: sorted(rows, key=lambda r: r[0]))


@pytest.mark.parametrize("module", [neighbours, editing])
def test_examples(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


@given(ROWS)
def test_spike_against_each_reading_by_itself(rows: list[tuple[int, float]]) -> None:
    got = neighbours.spike(np.array([s for s, _ in rows], int), np.array([v for _, v in rows]))
    for i, (series, v) in enumerate(rows):
        beside = [rows[k] for k in (i - 1, i + 1) if 0 <= k < len(rows) and rows[k][0] == series]
        if len(beside) < 2 or any(math.isnan(x) for x in (v, beside[0][1], beside[1][1])):
            assert math.isnan(got[i])
            continue
        a, b = beside[0][1], beside[1][1]
        # on the same side of both: the lesser of the two distances; else nothing
        assert got[i] == (min(abs(v - a), abs(v - b)) if (v - a) * (v - b) > 0 else 0.0)


@given(ROWS, st.integers(1, 5))
def test_rate_against_each_reading_by_itself(rows: list[tuple[int, float]], step: int) -> None:
    series, value = np.array([s for s, _ in rows], int), np.array([v for _, v in rows])
    time = np.arange(len(rows)) * step * 3_600_000_000
    got = neighbours.rate(series, time, value)
    for i in range(len(rows)):
        if i == 0 or series[i] != series[i - 1] or math.isnan(value[i]) or math.isnan(value[i - 1]):
            assert math.isnan(got[i])
        else:
            assert got[i] == abs(value[i] - value[i - 1]) / step


@given(ROWS, st.integers(2, 6), st.integers(0, 2))
def test_flat_line_against_each_reading_by_itself(rows: list[tuple[int, float]], count: int, within: int) -> None:
    series, value = np.array([s for s, _ in rows], int), np.array([v for _, v in rows])
    got = neighbours.flat(series, value, float(within), count)
    for i in range(len(rows)):
        before = [k for k in range(i - count, i) if k >= 0 and series[k] == series[i]]
        assert got[i] == (len(before) == count and all(abs(value[i] - value[k]) <= within for k in before))
