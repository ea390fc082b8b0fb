"""Formulas that packs share, against published or independent figures."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import citytwin.science
from citytwin.science.spell import spells
from citytwin.science.synthetic import normal, smooth, uniform
from citytwin.science.trend import trend


@pytest.mark.parametrize("name", sorted(m.name for m in pkgutil.iter_modules(citytwin.science.__path__)))
def test_examples_in_docstrings(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"citytwin.science.{name}"))
    assert result.failed == 0


def test_trend_against_scipy() -> None:
    rng = np.random.default_rng(1)
    t = np.sort(rng.uniform(0, 10, 30))
    y = 3 - 0.7 * t + rng.normal(0, 0.5, 30)
    line, peer = trend(t, y), stats.linregress(t, y)
    assert line is not None
    assert (line.slope, line.intercept) == pytest.approx((peer.slope, peer.intercept))
    assert line.spread / np.sqrt(line.t_squares) == pytest.approx(peer.stderr)


def test_nine_of_ten_new_observations_fall_into_the_interval() -> None:
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(2000):
        t = np.arange(8.0)
        y = 1 + 2 * t + rng.normal(0, 1, 8)
        line = trend(t, y)
        assert line is not None
        _, low, high = line.predict(11.0)
        inside += low <= 1 + 2 * 11 + rng.normal(0, 1) <= high
    assert 0.88 <= inside / 2000 <= 0.92


@pytest.mark.parametrize(("memory", "n"), [(0.0, 30), (0.5, 40), (0.8, 60)])
def test_intervals_of_figures_with_memory_against_simulation(memory: float, n: int) -> None:
    rng = np.random.default_rng(4)
    inside = inside_if_independent = 0
    runs = 600
    for _ in range(runs):
        noise = np.zeros(n + 7)
        noise[0] = rng.normal()
        for i in range(1, n + 7):
            noise[i] = memory * noise[i - 1] + np.sqrt(1 - memory**2) * rng.normal()
        t = np.arange(n + 7.0)
        y = 3 + 0.2 * t + noise
        line = trend(t[:n], y[:n])
        assert line is not None
        _, low, high = line.predict(t[-1])
        inside += low <= y[-1] <= high
        _, low, high = replace(
            line, effective=float(n), spread=line.spread * np.sqrt((line.effective - 2) / (n - 2) * n / line.effective)
        ).predict(t[-1])
        inside_if_independent += low <= y[-1] <= high
    assert 0.84 <= inside / runs <= 0.97
    if memory == 0.8:
        assert inside_if_independent / runs < 0.83  # what would be claimed without regard to memory


def test_a_perfect_line_has_no_memory_and_no_spread() -> None:
    line = trend(np.arange(10.0), 2 * np.arange(10.0))
    assert line is not None
    assert (line.memory, line.effective) == (0.0, 10.0)
    assert line.spread == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("t", [[], [1.0], [1.0, 2.0], [1.0, 1.0, 1.0]])
def test_a_trend_needs_three_points_and_two_moments(t: list[float]) -> None:
    assert trend(np.array(t), np.array(t)) is None


def test_spells_against_a_state_machine() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        n = int(rng.integers(0, 40))
        series = np.sort(rng.integers(0, 4, n))
        level = rng.integers(0, 3, n)  # 2 on, 0 off, 1 in between
        expected, begin, state = [], 0, False
        for i in range(n + 1):
            new = i == n or (i > 0 and series[i] != series[i - 1])
            if state and (new or level[i] == 0):
                expected.append([begin, i])
                state = False
            if i < n and not state and level[i] == 2:
                begin, state = i, True
        assert spells(series, level == 2, level == 0).tolist() == expected


def test_noise_depends_on_its_arguments_alone() -> None:
    step = np.arange(-50, 5000)
    assert (normal(1, 2, step)[100:] == normal(1, 2, step[100:])).all()
    assert (uniform(1, 2, step) != uniform(1, 3, step)).mean() > 0.99
    assert (uniform(1, 2, step) != uniform(2, 2, step)).mean() > 0.99


def test_noise_against_its_distributions() -> None:
    draws = uniform(9, np.arange(50)[:, None], np.arange(400)[None, :]).ravel()
    assert stats.kstest(draws, "uniform").pvalue > 0.001
    assert stats.kstest(normal(9, 1, np.arange(20000)), "norm").pvalue > 0.001
    assert abs(np.corrcoef(normal(9, 1, np.arange(5000)), normal(9, 2, np.arange(5000)))[0, 1]) < 0.05


def test_smooth_noise_is_continuous() -> None:
    x = np.linspace(-3, 3, 6001)
    assert np.abs(np.diff(smooth(4, 1, x))).max() < 0.01
