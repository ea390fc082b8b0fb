"""Control charts against published run lengths, the engineering handbook's worked example, the sums written out figure by figure, and runs that were played."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.science import control

ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(-16, 16).map(lambda v: v / 4)), max_size=40).map(
    lambda rows: sorted(rows, key=lambda r: r[0])
)


def test_examples() -> None:
    result = doctest.testmod(control)
    assert result.attempted > 0
    assert result.failed == 0


# Montgomery (2009), table 9.3, k = 0.5, as printed
@pytest.mark.parametrize(
    ("h", "shift", "printed"),
    [
        *zip([4.0] * 8, [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0], ["168", "74.2", "26.6", "13.3", "8.38", "4.75", "3.34", "2.19"], strict=True),
        *zip([5.0] * 8, [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0], ["465", "139", "38.0", "17.0", "10.4", "5.75", "4.01", "2.57"], strict=True),
    ],
)  # fmt: skip
def test_run_length_of_cusum_against_montgomery(h: float, shift: float, printed: str) -> None:
    digit = 10.0 ** -len(printed.partition(".")[2])
    assert control.cusum_run_length(0.5, h, shift) == pytest.approx(float(printed), abs=0.6 * digit)


# Lucas, Saccucci (1990), table 3 (Montgomery 2009, table 9.11), as printed
@pytest.mark.parametrize(
    ("weight", "width", "shift", "printed"),
    [
        (weight, width, shift, value)
        for weight, width, values in [
            (0.4, 3.054, ["500", "224", "71.2", "28.4", "14.3"]),
            (0.25, 2.998, ["500", "170", "48.2", "20.1", "11.1"]),
            (0.2, 2.962, ["500", "150", "41.8", "18.2", "10.5"]),
            (0.1, 2.814, ["500", "106", "31.3", "15.9", "10.3"]),
            (0.05, 2.615, ["500", "84.1", "28.8", "16.4", "11.4"]),
        ]
        for shift, value in zip([0.0, 0.25, 0.5, 0.75, 1.0], values, strict=True)
    ],
)
def test_run_length_of_ewma_against_lucas_and_saccucci(weight: float, width: float, shift: float, printed: str) -> None:
    digit = 10.0 ** -len(printed.partition(".")[2])
    assert control.ewma_run_length(weight, width, shift) == pytest.approx(float(printed), abs=1.0 * digit)


def test_ewma_against_the_worked_example_of_the_engineering_handbook() -> None:
    # NIST/SEMATECH e-Handbook of Statistical Methods, section 6.3.2.4
    x = np.array([52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5, 49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])  # fmt: skip
    printed = [50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33, 50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99]  # fmt: skip
    told = control.ewma(np.zeros(20, int), x, 0.3, np.array([50.0]))
    assert told == pytest.approx(printed, abs=0.0051)
    assert 50.0 + control.ewma_limit(0.3, 3.0, 2.0539) == pytest.approx(52.5884, abs=5e-5)


@given(
    ROWS, st.sampled_from([0.25, 0.5, 1.0]), st.lists(st.integers(0, 8).map(lambda v: v / 4), min_size=6, max_size=6)
)
def test_cusum_against_each_figure_by_itself(rows: list[tuple[int, float]], k: float, begin: list[float]) -> None:
    start = np.array(begin).reshape(3, 2)
    got = control.cusum(np.array([s for s, _ in rows], int), np.array([v for _, v in rows]), k, start)
    names = sorted({s for s, _ in rows})
    sums: dict[int, list[float]] = {s: start[p].tolist() for p, s in enumerate(names)}
    for i, (s, v) in enumerate(rows):
        up, down = sums[s]
        sums[s] = [max(0.0, up + v - k), max(0.0, down - v - k)]
        assert got[i].tolist() == sums[s]


@given(ROWS, st.sampled_from([0.25, 0.5, 1.0]))
def test_ewma_against_each_figure_by_itself(rows: list[tuple[int, float]], weight: float) -> None:
    got = control.ewma(np.array([s for s, _ in rows], int), np.array([v for _, v in rows]), weight)
    mean = {s: 0.0 for s, _ in rows}
    for i, (s, v) in enumerate(rows):
        mean[s] = (1.0 - weight) * mean[s] + weight * v
        assert got[i] == pytest.approx(mean[s], abs=1e-12)


def test_a_missing_figure_changes_no_sum() -> None:
    told = control.cusum(np.zeros(3, int), np.array([2.0, math.nan, 2.0]), 0.0)
    assert told[:, 0].tolist() == [2.0, 2.0, 4.0]


def test_run_lengths_against_charts_that_were_played() -> None:
    # what the charts of this module do, not what the theory says of them: 4,000 runs each, whose mean is known to about 1.6 %
    runs = 4000
    x = np.random.default_rng(20).normal(0.5, 1.0, (runs, 200)).ravel()
    series = np.repeat(np.arange(runs), 200)
    sums = control.cusum(series, x, 0.5).max(axis=1).reshape(runs, 200) > 4.0
    assert sums.any(axis=1).mean() > 0.999
    first = 1.0 + sums.argmax(axis=1)
    assert first[sums.any(axis=1)].mean() == pytest.approx(control.cusum_run_length(0.5, 4.0, 0.5), rel=0.05)
    mean = np.abs(control.ewma(series, x, 0.1)).reshape(runs, 200) > control.ewma_limit(0.1, 2.814)
    first = 1.0 + mean.argmax(axis=1)
    assert first[mean.any(axis=1)].mean() == pytest.approx(control.ewma_run_length(0.1, 2.814, 0.5), rel=0.05)


def test_a_shift_that_is_not_found_has_a_run_without_end() -> None:
    assert control.cusum_run_length(0.5, 5.0, 4.0) == pytest.approx(2.01, abs=0.006)  # the other side never tells
    assert control.cusum_run_length(1.0, 30.0) > 1e12
