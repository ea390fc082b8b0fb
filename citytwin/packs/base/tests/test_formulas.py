"""Are the formulas right? Against hand calculation, and in their limits."""

import doctest
from typing import Any

import numpy as np
import pytest

from citytwin.packs.base import formulas
from citytwin.packs.base.formulas import degree_days, diurnal_cycle, equivalent_level, temperature_outlook


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(formulas).failed == 0


@pytest.mark.parametrize("mean", [5.0, [5.0, 20.0], np.array([[5.0], [30.0]])])
def test_degree_days_keep_the_shape(mean: Any) -> None:
    assert degree_days(mean, 18.0).shape == np.shape(mean)


def test_equivalent_level_of_a_steady_sound_is_its_level() -> None:
    assert equivalent_level([55.0] * 9) == pytest.approx(55.0)


def test_twice_as_long_silence_lowers_by_three_decibels() -> None:
    assert equivalent_level([60.0, -200.0]) == pytest.approx(60.0 - 10 * np.log10(2))


def test_diurnal_cycle_against_a_pure_sine() -> None:
    time_s = np.arange(0, 5 * 86400, 900.0)
    sine = 20 + 5 * np.sin(2 * np.pi * time_s / 86400)
    assert np.allclose(diurnal_cycle(time_s, sine), sine[:96])


def test_diurnal_cycle_bridges_gaps_around_midnight() -> None:
    cycle = diurnal_cycle(np.array([82800.0, 3600.0 + 86400.0]), np.array([10.0, 14.0]), 3600)
    assert cycle[[23, 0, 1]].tolist() == [10.0, 12.0, 14.0]


def test_outlook_without_memory_is_the_cycle_and_with_long_memory_the_shifted_cycle() -> None:
    time_s = np.arange(0, 4 * 86400, 900.0)
    value = 20 + 5 * np.sin(2 * np.pi * time_s / 86400)
    value[-8:] += 3.0  # two hours of a warmer air mass
    ahead = time_s[-1] + 900.0 * np.arange(1, 97)
    cycle = diurnal_cycle(time_s, value)
    phase = (ahead % 86400 // 900).astype(int)
    assert np.allclose(temperature_outlook(time_s, value, ahead, 1e-3), cycle[phase])
    departure = 3.0 - 3.0 / 4.0  # a quarter of it has entered the mean of four days
    assert np.allclose(temperature_outlook(time_s, value, ahead, 1e9), cycle[phase] + departure)
