"""Are the formulas right? Published values, closed forms and inverses."""

import doctest
from typing import Any

import numpy as np
import pytest

from citytwin.packs.drainage import formulas
from citytwin.packs.drainage.formulas import (
    design_storm,
    filling,
    full_flow,
    night_infiltration,
    rain_derived_flow,
    storm_intensity,
    unit_response,
)

SHANGHAI: dict[str, Any] = {"a1": 1600.0, "c": 0.846, "b": 7.0, "n": 0.656}


def test_every_docstring_example_holds() -> None:
    failed, tried = doctest.testmod(formulas)
    assert tried > 10
    assert failed == 0


@pytest.mark.parametrize(("years", "mm"), [(1.0, 36.5), (3.0, 51.3), (5.0, 58.1)])
def test_shanghais_design_hours_are_the_published_ones(years: float, mm: float) -> None:
    assert round(float(storm_intensity(years, 60.0, **SHANGHAI)), 1) == mm


@pytest.mark.parametrize("share", [0.2, 0.405, 0.7])
def test_every_block_around_the_peak_has_the_depth_of_the_formula(share: float) -> None:
    storm = design_storm(5.0, 120.0, 0.5, share, **SHANGHAI)
    cumulated = np.concatenate([[0.0], np.cumsum(storm)])
    for minutes in (10.0, 30.0, 60.0, 120.0):
        blocks = cumulated[round(minutes * 2) :] - cumulated[: len(cumulated) - round(minutes * 2)]
        assert blocks.max() == pytest.approx(float(storm_intensity(5.0, minutes, **SHANGHAI)) * minutes / 60, rel=2e-3)


def test_a_peak_outside_the_storm_is_refused() -> None:
    with pytest.raises(ValueError, match="peak_share"):
        design_storm(5.0, 120.0, 5.0, 1.0, **SHANGHAI)


@pytest.mark.parametrize("y", [0.05, 0.25, 0.5, 0.8])
def test_filling_inverts_the_partial_flow_of_a_circle(y: float) -> None:
    theta = 2 * np.arccos(1 - 2 * y)
    area, radius = (theta - np.sin(theta)) / 8, (theta - np.sin(theta)) / (4 * theta)
    flow = formulas.manning_flow(area, radius, 0.002, 0.013) / full_flow(1.0, 0.002, 0.013)
    assert float(filling(flow)) == pytest.approx(y, abs=2e-4)


def test_filling_rises_with_flow_up_to_the_crown() -> None:
    y = filling(np.linspace(0.0, 1.0, 500))
    assert (np.diff(y) > 0).all()
    assert float(filling(1.01)) == 1.0


def test_the_volume_of_rain_derived_flow_is_r_p_a() -> None:
    rain = np.random.default_rng(5).gamma(0.2, 2.0, 200)
    for peak_h, recession in ((0.37, 1.3), (1.0, 2.0), (5.9, 2.45)):
        flow = rain_derived_flow(rain, 123_000.0, 0.043, peak_h, recession, 300.0)
        assert flow.sum() * 300 == pytest.approx(0.043 * rain.sum() / 1000 * 123_000.0, rel=1e-12)


def test_the_response_peaks_at_t_and_ends_at_t_times_one_plus_k() -> None:
    response = unit_response(1.0, 2.0, 3.0, 60.0)
    assert len(response) == 2 * 4 * 60
    assert abs(int(response.argmax()) - 120) <= 1


@pytest.mark.parametrize(
    ("low", "mean", "wanted"), [(0.35, 1.0, 0.0), (1.0, 1.0, 1.0), (0.1, 1.0, 0.0), (0.675, 1.0, 0.5)]
)
def test_night_infiltration_is_the_closed_form_within_its_bounds(low: float, mean: float, wanted: float) -> None:
    assert float(night_infiltration(low, mean, 0.35)) == pytest.approx(wanted)


def test_a_night_share_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="night_share"):
        night_infiltration(1.0, 1.0, 1.0)
