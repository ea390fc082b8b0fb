"""What is the science? Storm intensity, pipe capacity, unit hydrographs and infiltration."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

MM_H_PER_L_S_HA = 0.36  # 1 L/(s ha) is 0.36 mm/h exactly


def storm_intensity(
    return_period_a: ArrayLike, duration_min: ArrayLike, a1: float, c: float, b: float, n: float
) -> NDArray[np.float64]:
    """Mean intensity of the design storm of a return period over a duration: q = a1 (1 + c lg P) / (t + b)^n.

    Parameters: `return_period_a` [a] and `duration_min` [min], any shapes that broadcast; `a1` [L/(s ha)], `c`, `b`
    [min], `n` of the city (table storm_formula). Returns: intensity [mm/h].
    Valid for: durations up to 180 min; return periods from 2 to 100 a (1 a as customary), as far as the city's data
    reach.
    References: DB31/T 1043-2017 (Shanghai); GB 50014-2021 chapter 4. Shanghai plans for 58.1 mm in the hour that
    returns every 5 years (storm drainage plan 2020-2035).

    >>> np.round(storm_intensity([1.0, 5.0], 60.0, 1600, 0.846, 7.0, 0.656), 1).tolist()
    [36.5, 58.1]
    """
    P, t = np.asarray(return_period_a, float), np.asarray(duration_min, float)
    return np.asarray(MM_H_PER_L_S_HA * a1 * (1.0 + c * np.log10(P)) / (t + b) ** n)


def design_storm(
    return_period_a: float,
    duration_min: float,
    step_min: float,
    peak_share: float,
    a1: float,
    c: float,
    b: float,
    n: float,
) -> NDArray[np.float64]:
    """Depths of a Chicago design storm: any block around its peak has the depth of the intensity formula.

    Parameters: `return_period_a` [a]; `duration_min`, `step_min` [min]; `peak_share` place of the peak, 0 to 1; the
    rest as in `storm_intensity`. Returns: (duration/step,) depth of each step [mm]; their sum is the depth of the
    whole duration.
    Valid for: as `storm_intensity`.
    References: Keifer, Chu (1957), Synthetic storm pattern for drainage design, J. Hydraul. Div. 83(4),
    doi:10.1061/JYCEAJ.0000104.

    >>> storm = design_storm(5.0, 120.0, 5.0, 0.405, 1600, 0.846, 7.0, 0.656)
    >>> len(storm), round(float(storm.sum()), 4)
    (24, 76.4042)
    >>> round(float(storm_intensity(5.0, 120.0, 1600, 0.846, 7.0, 0.656)) * 2, 4)
    76.4042
    """
    if not 0.0 < peak_share < 1.0:
        raise ValueError(f"peak_share is {peak_share}, outside 0 to 1")

    def depth(minutes: NDArray[np.float64]) -> NDArray[np.float64]:
        return storm_intensity(return_period_a, minutes, a1, c, b, n) * minutes / 60.0

    edge = np.linspace(0.0, duration_min, round(duration_min / step_min) + 1)
    peak = peak_share * duration_min
    before = -peak_share * depth(np.maximum(peak - edge, 0.0) / peak_share)
    after = (1.0 - peak_share) * depth(np.maximum(edge - peak, 0.0) / (1.0 - peak_share))
    return np.diff(np.where(edge < peak, before, after))


def manning_flow(
    area_m2: ArrayLike, hydraulic_radius_m: ArrayLike, slope: ArrayLike, roughness: ArrayLike
) -> NDArray[np.float64]:
    """Uniform flow of a section: Q = A R^(2/3) S^(1/2) / n.

    Parameters: `area_m2` [m2], `hydraulic_radius_m` [m], `slope` [m/m], `roughness` Manning's n [s/m^(1/3)]; shapes
    that broadcast. Returns: flow [m3/s]; 0 where the slope is not positive.
    Valid for: rough turbulent flow, n from 0.009 to 0.03.
    References: Manning (1891), On the flow of water in open channels and pipes, Trans. ICE Ireland 20:161.

    >>> round(float(manning_flow(np.pi / 4, 0.25, 0.001, 0.013)), 4)  # full pipe of 1 m at 1 in 1000
    0.7582
    """
    A, R, S, n = (np.asarray(x, float) for x in (area_m2, hydraulic_radius_m, slope, roughness))
    return np.asarray(A * R ** (2.0 / 3.0) * np.sqrt(np.maximum(S, 0.0)) / n)


def full_flow(diameter_m: ArrayLike, slope: ArrayLike, roughness: ArrayLike) -> NDArray[np.float64]:
    """Capacity of a circular pipe that flows full (Manning).

    Parameters: `diameter_m` [m], `slope` [m/m], `roughness` [s/m^(1/3)]; shapes that broadcast. Returns: flow [m3/s].
    Valid for: as `manning_flow`.
    References: as `manning_flow`.

    >>> round(float(full_flow(1.0, 0.001, 0.013)), 4)
    0.7582
    """
    D = np.asarray(diameter_m, float)
    return manning_flow(np.pi * D**2 / 4.0, D / 4.0, slope, roughness)


def _partial_flow(filling: float) -> float:
    """Flow over full flow of a circular pipe at a filling (depth over diameter)."""
    theta = 2.0 * np.arccos(1.0 - 2.0 * filling)
    area, perimeter = (theta - np.sin(theta)) / (2.0 * np.pi), theta / (2.0 * np.pi)
    return float(area ** (5.0 / 3.0) / perimeter ** (2.0 / 3.0)) if filling > 0.0 else 0.0


_FILLING = np.array(
    [0.0] + [brentq(lambda y, q=q: _partial_flow(y) - q, 1e-9, 0.938) for q in np.linspace(0.0, 1.0, 201)[1:] ** 2]
)


def filling(flow_share: ArrayLike) -> NDArray[np.float64]:
    """Depth over diameter of uniform flow in a circular pipe, from its flow over the full flow.

    Parameters: `flow_share` Q/Q_full, any shape. Returns: filling, 0 to 1; 1 where Q exceeds Q_full.
    Valid for: Manning's n constant with depth; the branch below the crest of the rating curve; interpolated to 1e-4.
    References: Chow (1959), Open-channel hydraulics, section 6-4.

    >>> np.round(filling([0.0, 0.5, 0.9119, 1.2]), 3).tolist()  # a pipe filled to 0.5 carries half of its full flow
    [0.0, 0.5, 0.75, 1.0]
    """
    share = np.asarray(flow_share, float)
    root = np.sqrt(np.clip(share, 0.0, 1.0))
    return np.where(share > 1.0, 1.0, np.interp(root, np.linspace(0.0, 1.0, 201), _FILLING))


def unit_response(share: float, peak_h: float, recession: float, step_s: float) -> NDArray[np.float64]:
    """Share of a pulse of rain that runs off in each step: the triangle of an RTK set, integrated exactly.

    Parameters: `share` R, of the rain that becomes runoff; `peak_h` T, time to the peak [h]; `recession` K, length of
    the falling limb over T; `step_s` [s]. Returns: (steps,) shares, whose sum is R.
    Valid for: linear response; T over 0, K over 0.
    References: Vallabhaneni, Chan, Burgess (2007), Computer tools for sanitary sewer system capacity analysis and
    planning, EPA/600/R-07/111, section 2.3.

    >>> response = unit_response(0.05, 1.0, 2.0, 300.0)
    >>> len(response), round(float(response.sum()), 12)
    (36, 0.05)
    >>> round(float(response.max() * 12), 4)  # per hour; the triangle's tip is 2 R / (T + K T) = 0.0333
    0.0326
    """
    if peak_h <= 0.0 or recession <= 0.0:
        raise ValueError("the time to the peak and the recession must be above 0")
    step, base = step_s / 3600.0, peak_h * (1.0 + recession)
    edge = np.arange(int(np.ceil(base / step - 1e-9)) + 1) * step
    rising = np.minimum(edge, peak_h) ** 2 / (peak_h * base)
    left = np.clip(base - edge, 0.0, base - peak_h)
    falling = (base - peak_h) / base - left**2 / ((base - peak_h) * base)
    return np.asarray(share * np.diff(rising + falling))


def rain_derived_flow(
    rain_mm: NDArray[np.float64], area_m2: float, share: float, peak_h: float, recession: float, step_s: float
) -> NDArray[np.float64]:
    """Rain-derived inflow to a sewer: the rain convolved with one triangle of an RTK set.

    Parameters: `rain_mm` (steps,) depth of each step [mm]; `area_m2` sewered area [m2]; the rest as in
    `unit_response`.
    Returns: (steps + length of the response - 1,) mean flow of each step [m3/s]; its volume is R P A exactly.
    Valid for: as `unit_response`.
    References: as `unit_response`.

    >>> flow = rain_derived_flow(np.array([0.0, 10.0, 20.6]), 1e6, 0.05, 1.0, 2.0, 300.0)
    >>> round(float(flow.sum() * 300), 6)  # 0.05 of 30.6 mm on a square kilometre
    1530.0
    """
    response = unit_response(share, peak_h, recession, step_s)
    return np.convolve(np.asarray(rain_mm, float), response) * area_m2 / 1000.0 / step_s


def night_infiltration(night_minimum: ArrayLike, mean: ArrayLike, night_share: float) -> NDArray[np.float64]:
    """Infiltration from the night minimum: what flows at night beyond the share of sewage that people then make.

    Solves Q_night = I + s (Q_mean - I) for I.
    Parameters: `night_minimum`, `mean` flows of a dry day, in one unit, shapes that broadcast; `night_share` s, night
    minimum over mean flow of pure sewage. Returns: infiltration in that unit, from 0 to the mean.
    Valid for: dry days, domestic sewage, gravity sewers (pumping hides the minimum), s below 1.
    References: US EPA (2014), Guide for estimating infiltration and inflow; Mitchell, Stevens, Nazaroff (2007),
    Quantifying base infiltration in sewers, WEFTEC.

    >>> round(float(night_infiltration(0.35 * 100 + 20, 100 + 20, 0.35)), 9)  # 100 of sewage and 20 of infiltration
    20.0
    """
    if not 0.0 <= night_share < 1.0:
        raise ValueError(f"night_share is {night_share}, outside 0 to 1")
    low, q = np.asarray(night_minimum, float), np.asarray(mean, float)
    return np.clip((low - night_share * q) / (1.0 - night_share), 0.0, q)
