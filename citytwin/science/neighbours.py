"""Is a reading like its neighbours? Spike, rate of change and flat line, over many series at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

HOUR_US = 3.6e9


def spike(series: NDArray[np.integer], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each reading stands out from both its neighbours, on the same side of both.

    Parameters: `series` and `value`, shape (n,), ordered by series, then time; no value is NaN. Returns: shape (n,), in the unit of the values,
    |v - (a + b) / 2| - |(b - a) / 2| of a reading v between a and b, at least 0; NaN at the ends of a series and beside a missing value.
    Valid for: readings close enough in time for a straight line. The second term is what a slope or a step gives by itself; without it
    (QARTOD's plain form) each neighbour of a spike would be taken for one.
    References: U.S. IOOS (2015), Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data, version 2.0, test 6 (spike),
    doi 10.7289/V5V40SD4; the form is that of GTSPP: UNESCO-IOC (1990), GTSPP Real-Time Quality Control Manual, Manuals and Guides 22, test 2.7.

    >>> spike(np.zeros(5, int), np.array([1.0, 1.0, 9.0, 1.0, 1.0])).tolist()
    [nan, 0.0, 8.0, 0.0, nan]
    """
    found = np.full(len(value), np.nan)
    if len(value) > 2:
        a, v, b = value[:-2], value[1:-1], value[2:]
        out = np.maximum(np.abs(v - (a + b) / 2.0) - np.abs((b - a) / 2.0), 0.0)
        found[1:-1] = np.where(series[2:] == series[:-2], out, np.nan)
    return found


def rate(series: NDArray[np.integer], time: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """How fast a series went from the reading before to each.

    Parameters: `series`, `time` (microseconds) and `value`, shape (n,), ordered by series, then time; no value is NaN. Returns: shape (n,), unit of
    the values per hour, at least 0; NaN at the beginning of a series and beside a missing value. Valid for: two readings at different times.
    References: U.S. IOOS (2015), Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data, version 2.0, test 7 (rate of change);
    the limit is fixed, as the manual allows, not a multiple of the deviation of the last 25 hours.

    >>> rate(np.zeros(3, int), np.array([0, 1_800_000_000, 5_400_000_000]), np.array([1.0, 2.0, 1.0])).tolist()
    [nan, 2.0, 1.0]
    """
    found = np.full(len(value), np.nan)
    if len(value) > 1:
        hours = np.diff(time) / HOUR_US
        with np.errstate(divide="ignore", invalid="ignore"):
            fast = np.abs(np.diff(value)) / hours
        found[1:] = np.where((series[1:] == series[:-1]) & (hours > 0), fast, np.nan)
    return found


def flat(series: NDArray[np.integer], value: NDArray[np.float64], within: float, count: int) -> NDArray[np.bool_]:
    """Whether each reading differs from every one of the `count` readings before it by at most `within`.

    Parameters: `series` and `value`, shape (n,), ordered by series, then time; no value is NaN; `within` in the unit of the values. Returns: shape (n,).
    A reading with fewer readings before it, or with a missing one among them, is not flat. Valid for: quantities that never stand still.
    References: U.S. IOOS (2015), Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data, version 2.0, test 8 (flat line).

    >>> flat(np.zeros(5, int), np.array([2.0, 2.0, 2.0, 2.1, 2.1]), 0.0, 2).tolist()
    [False, False, True, False, False]
    """
    n = len(value)
    found = np.zeros(n, bool)
    if n <= count:
        return found
    # greatest and least of value[i : i + count]; a missing one makes both useless
    missing = np.isnan(value)
    shift = {"size": count, "origin": -(count // 2), "mode": "nearest"}
    most = ndimage.maximum_filter1d(np.where(missing, np.inf, value), **shift)[: n - count]
    least = ndimage.minimum_filter1d(np.where(missing, -np.inf, value), **shift)[: n - count]
    now = value[count:]
    with np.errstate(invalid="ignore"):
        close = (most - now <= within) & (now - least <= within)
    found[count:] = close & (series[count:] == series[:-count])
    return found
