"""Is the shared rain what its docstring says?"""

import doctest

import numpy as np
import pytest

from citytwin.science import rain
from citytwin.science.rain import SLOT_S, storm_depth, storm_intensity

GAUGES = np.arange(8)[:, None]


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(rain).failed == 0


def test_intensity_does_not_depend_on_the_company_it_is_asked_in() -> None:
    time_s = np.arange(0, 10 * 86400, 300.0)
    whole = storm_intensity(2022, GAUGES, time_s)
    assert (storm_intensity(2022, 3, time_s[1000:1100]) == whole[3, 1000:1100]).all()
    assert storm_intensity(2022, 3, time_s[1000]) == whole[3, 1000]


def test_depth_against_the_sum_of_intensities() -> None:
    minute = np.arange(0, 6 * 86400, 60.0)
    depth = storm_depth(2022, GAUGES, minute[::60], minute[::60] + 3600).sum(axis=1)
    assert np.allclose(depth, storm_intensity(2022, GAUGES, minute).sum(axis=1) / 60, rtol=1e-4)


@pytest.mark.parametrize("seed", [1, 7, 42, 2022])
def test_every_storm_is_heavy_at_one_gauge_and_not_at_another(seed: int) -> None:
    hours = np.arange(0, 200 * SLOT_S, 3600.0)
    depth = storm_depth(seed, GAUGES, hours, hours + 3600).reshape(8, 200, SLOT_S // 3600)
    assert (depth.max(axis=(0, 2)) > 20).all()
    assert (depth.max(axis=2).min(axis=0) < 20).all()
    assert (depth == 0).mean() > 0.8


def test_gauges_rain_together() -> None:
    time_s = np.arange(0, 20 * SLOT_S, 900.0)
    rain_by_gauge = storm_intensity(7, GAUGES, time_s)
    storms = rain_by_gauge.reshape(8, 20, -1).argmax(axis=2) * 900.0
    assert (np.ptp(storms, axis=0) <= 4 * 3600).all()
