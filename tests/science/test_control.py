"""Control charts against published run lengths, the engineering handbook's worked example, the sums written out figure by figure, and runs that were played."""

from __future__ import annotations

import doctest
import math
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.science import chart, control

ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(-16, 16).map(lambda v: v / 4)), max_size=40).map(
    lambda rows: sorted(rows, key=lambda r: r[0])
)


@pytest.mark.parametrize("module", [control, chart])
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
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
    assert 50.0 + chart.ewma_limit(0.3, 3.0, 2.0539) == pytest.approx(52.5884, abs=5e-5)


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
    mean = np.abs(control.ewma(series, x, 0.1)).reshape(runs, 200) > chart.ewma_limit(0.1, 2.814)
    first = 1.0 + mean.argmax(axis=1)
    assert first[mean.any(axis=1)].mean() == pytest.approx(control.ewma_run_length(0.1, 2.814, 0.5), rel=0.05)


def test_a_shift_that_is_not_found_has_a_run_without_end() -> None:
    assert control.cusum_run_length(0.5, 5.0, 4.0) == pytest.approx(2.01, abs=0.006)  # the other side never tells
    assert control.cusum_run_length(1.0, 30.0) > 1e12


DAYS = np.arange(400, dtype=np.int64) * chart.DAY_US


def test_charts_of_a_reading_a_day_against_the_sums_and_averages() -> None:
    x = np.random.default_rng(5).normal(0.0, 1.0, 400)  # nothing in it is clipped or capped
    told = chart.Charts("cusum", 20.0).update(DAYS, x)
    np.testing.assert_allclose(told * 20.0, control.cusum(np.zeros(400, int), x, 0.5).max(axis=1), atol=1e-9)
    told = chart.Charts("ewma", 9.0).update(DAYS, x)
    limit = chart.ewma_limit(0.1, 9.0)
    np.testing.assert_allclose(told * limit, np.abs(control.ewma(np.zeros(400, int), x, 0.1)), atol=1e-9)


@pytest.mark.parametrize(("method", "deviation"), [("cusum", 5.0), ("ewma", 2.814)])
def test_charts_of_days_whose_readings_are_off_together_against_the_run_length(method: str, deviation: float) -> None:
    """A level that moved by one deviation is found as soon as with a reading a day, at whatever pace readings come: 300 charts, whose mean is known to about 3 %."""
    runs, days = 300, 60
    off = np.random.default_rng(8).normal(1.0, 1.0, (runs, days))
    known = control.cusum_run_length(0.5, deviation, 1.0) if method == "cusum" else control.ewma_run_length(0.1, deviation, 1.0)  # fmt: skip
    for each in (1, 24):
        time = np.tile(np.arange(days * each, dtype=np.int64) * (chart.DAY_US // each), runs)
        series = np.repeat(np.arange(runs), days * each)
        charts = chart.Charts(method, deviation, 86_400.0 / each, runs)
        told = charts.update(time, np.repeat(off, each, axis=1).ravel(), series).reshape(runs, -1) >= 1.0
        assert told.any(axis=1).all()
        assert (1.0 + told.argmax(axis=1) / each).mean() == pytest.approx(known, rel=0.1)


def test_charts_in_pieces_over_a_pickle_against_one_go() -> None:
    rng = np.random.default_rng(2)
    time, x, series = (
        np.sort(rng.integers(0, 30 * chart.DAY_US, 900)),
        rng.normal(0.5, 1.5, 900),
        rng.integers(0, 3, 900),
    )
    for method in ("cusum", "ewma"):
        whole = chart.Charts(method, 2.0, series=3).update(time, x, series)
        charts, parts = chart.Charts(method, 2.0, series=3), []
        for k in range(0, 900, 70):
            parts.append(charts.update(time[k : k + 70], x[k : k + 70], series[k : k + 70]))
            other = chart.Charts(method, 2.0, series=3)
            other.recall(np.arange(3), charts.known(np.arange(3)))
            charts = other
        assert np.concatenate(parts).tolist() == whole.tolist()
        assert whole.max() <= chart.CAP


def test_one_wild_reading_is_no_alarm_and_an_unknown_one_changes_nothing() -> None:
    for method, deviation in (("cusum", 5.0), ("ewma", 2.814)):
        charts = chart.Charts(method, deviation)
        told = charts.update(DAYS[:3], np.array([50.0, math.nan, 0.0]))
        assert (told < 1.0).all()
        assert told[1] == told[0] > told[2] > 0.0


@pytest.mark.parametrize(("method", "deviation"), [("shewhart", 3.0), ("cusum", 0.0), ("ewma", math.inf)])
def test_a_chart_that_is_none_is_refused(method: str, deviation: float) -> None:
    with pytest.raises(ValueError, match="cusum"):
        chart.Charts(method, deviation)
