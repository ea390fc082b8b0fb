"""What does a series become when it is corrected? Drift, straight lines through gaps, and another series in its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def drift(
    time: NDArray[np.int64], value: NDArray[np.float64], since: int, until: int, first: float, last: float
) -> NDArray[np.float64]:
    """Values corrected for a sensor that drifted linearly between two inspections.

    Parameters: `time` and `value`, shape (n,); `since`, `until` the inspections, in the unit of `time`; `first` and `last` what is to be added at
    either, in the unit of the values. Returns: shape (n,), v + first + (last - first) (t - since) / (until - since). Valid for: since <= t <= until,
    and drift that grew evenly.
    References: Wagner, Boulger, Oblinger, Smith (2006), Guidelines and Standard Procedures for Continuous Water-Quality Monitors, USGS Techniques and
    Methods 1-D3, "Corrections to the record" (errors of fouling and calibration drift are prorated linearly over time).

    >>> drift(np.array([0, 5, 10]), np.array([1.0, 1.0, 1.0]), 0, 10, 0.0, -0.4).tolist()
    [1.0, 0.8, 0.6]
    """
    corrected: NDArray[np.float64] = value + (first + (last - first) * ((time - since) / (until - since)))
    return corrected


def gap_times(time: NDArray[np.int64], since: int, until: int, step: int) -> NDArray[np.int64]:
    """Moments at which a series with an even step lacks a reading.

    Parameters: `time`, shape (n,), ascending; `since`, `until` and `step` in the unit of `time`. Returns: moments in [since, until), counted in steps from the last
    reading before each gap; a gap is what is longer than one and a half steps. Before the first reading and after the last there is none.
    Valid for: step > 0. References: none needed, it is a definition.

    >>> gap_times(np.array([0, 10, 40, 50]), 0, 100, 10).tolist()
    [20, 30]
    """
    wide = np.flatnonzero(np.diff(time) * 2 > 3 * step)
    made = [np.arange(time[i] + step, time[i + 1], step, dtype=np.int64) for i in wide.tolist()]
    # the last one may come closer than half a step to the reading behind the gap
    made = [m[time[i + 1] - m >= step / 2] for i, m in zip(wide.tolist(), made, strict=True)]
    found = np.concatenate(made) if made else np.array([], np.int64)
    return found[(found >= since) & (found < until)]


def straight(at: NDArray[np.int64], time: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values on the straight lines between readings.

    Parameters: `at`, shape (m,); `time` ascending and `value`, shape (n,), no value missing. Returns: shape (m,), NaN outside of the readings.
    Valid for: gaps short against what the quantity does. References: linear interpolation, as `numpy.interp`.

    >>> straight(np.array([5, 15, 25]), np.array([0, 10, 20]), np.array([0.0, 1.0, 3.0])).tolist()
    [0.5, 2.0, nan]
    """
    if not len(time):
        return np.full(len(at), np.nan)
    origin = int(time[0])  # microseconds since 1970 lose digits as floats
    found = np.interp((at - origin).astype(float), (time - origin).astype(float), value, np.nan, np.nan)
    return np.asarray(found)


def apart(at: NDArray[np.int64], time: NDArray[np.int64]) -> NDArray[np.int64]:
    """How far each moment is from the nearest of others.

    Parameters: `at`, shape (m,); `time`, shape (n,), ascending, in one unit. Returns: shape (m,), the greatest integer where there are no others.
    Valid for: any. References: none needed, it is a definition.

    >>> apart(np.array([0, 7, 20]), np.array([5, 10])).tolist()
    [5, 2, 10]
    """
    far = np.iinfo(np.int64).max
    if not len(time):
        return np.full(len(at), far)
    after = np.searchsorted(time, at)
    left = np.where(after > 0, at - time[np.maximum(after - 1, 0)], far)
    right = np.where(after < len(time), time[np.minimum(after, len(time) - 1)] - at, far)
    nearest: NDArray[np.int64] = np.minimum(left, right)
    return nearest
