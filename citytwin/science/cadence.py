"""Does a series come as often as it should? What is expected of a cadence, how much of it came, what lacks, and how late one is."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

STATES: Final = ("fresh", "late", "silent", "never", "unknown")
"""What `states` numbers: a reading is due at most; readings are missing; it is taken for dead; it never reported; it has no cadence."""
FRESH, SILENT = 2.0, 3.0
"""Cadences since the last reading up to which a series is fresh, and after which it is silent."""
FRESH_S, SILENT_S = 300.0, 600.0
"""The same in seconds, for series so fast that a short pause of the line would say nothing of them."""
GAP = 1.5
"""An interval of more cadences lacks a reading at least, whatever the jitter of the source."""
SPREAD = 1.0
"""Interquartile range over median of its intervals above which a series has no cadence: it reports when something happens."""
_ROUNDING = 1e-9


def expected(length_s: NDArray[np.float64], cadence_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Readings that a series of this cadence brings into any window of this length: the whole number ⌊L / c⌋.

    Wherever the window begins, it holds ⌊L / c⌋ or ⌈L / c⌉ instants of the cadence; the lesser is expected, so that a series without fault is
    never charged with a reading that falls beside the window.

    Parameters
    ----------
    length_s, cadence_s : any shapes that go together, in seconds; a cadence that is not known is NaN

    Returns
    -------
    counts; 0 where the window is shorter than the cadence, or there is none.

    >>> expected(np.array([3600.0, 3600.0, 60.0, 3600.0]), np.array([900.0, 420.0, 300.0, np.nan])).tolist()
    [4.0, 8.0, 0.0, 0.0]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = np.floor(np.maximum(length_s, 0.0) / cadence_s + _ROUNDING)
    return np.where(np.isfinite(whole), whole, 0.0)


def completeness(
    count: NDArray[np.float64], length_s: NDArray[np.float64], cadence_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of the expected readings that came, counted in steps: min(Σ min(n, ⌈L / c⌉ + 1), E) / E with E = ⌊ΣL / c⌋.

    Of a step no more is counted than fits into it, and one that the jitter of the source moved over its edge: so readings sent too often in one step do
    not fill the gap of another.

    Parameters
    ----------
    count : shape (n, m), readings of n series in m steps
    length_s : shape (n, m), how much of each step counts for the series, in seconds; 0 where it does not
    cadence_s : shape (n,), in seconds; NaN where there is none

    Returns
    -------
    shape (n,), 0 to 1; NaN where nothing is expected.

    >>> hours = np.full((1, 4), 3600.0)
    >>> completeness(np.array([[4.0, 3.0, 5.0, 4.0]]), hours, np.array([900.0])).tolist()  # jitter
    [1.0]
    >>> completeness(np.array([[60.0, 0.0, 0.0, 4.0]]), hours, np.array([900.0])).tolist()  # a burst, and two hours lost
    [0.5625]
    """
    due = expected(length_s.sum(axis=1), cadence_s)
    with np.errstate(invalid="ignore", divide="ignore"):
        room = np.where(length_s > 0, np.ceil(length_s / cadence_s[:, None] - _ROUNDING) + 1, 0.0)
        came = np.minimum(count, np.nan_to_num(room)).sum(axis=1)
        return np.where(due > 0, np.minimum(came, due) / due, np.nan)


def states(age_s: NDArray[np.float64], cadence_s: NDArray[np.float64]) -> NDArray[np.int8]:
    """How series stand, as places in `STATES`, by the age of their last reading.

    Fresh up to max(2 c, 300 s), late up to max(3 c, 600 s), silent after that.

    Parameters
    ----------
    age_s : shape (n,), seconds since the last reading; NaN where there was none
    cadence_s : shape (n,), in seconds; NaN where there is none

    >>> age = np.array([1800.0, 1801.0, 2701.0, np.nan, 5.0, 500.0])
    >>> [STATES[s] for s in states(age, np.array([900.0, 900.0, 900.0, 900.0, np.nan, 1.0]))]
    ['fresh', 'late', 'silent', 'never', 'unknown', 'late']
    """
    with np.errstate(invalid="ignore"):
        late = age_s > np.fmax(FRESH * cadence_s, FRESH_S)
        silent = age_s > np.fmax(SILENT * cadence_s, SILENT_S)
    found = late.astype(np.int8) + silent.astype(np.int8)
    found[np.isnan(cadence_s)] = STATES.index("unknown")
    found[np.isnan(age_s)] = STATES.index("never")
    return found


def regular(quartiles_s: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cadence that the intervals between readings show: their median, if they lie close to it.

    The median is unmoved by gaps as long as fewer than half of the intervals hold one. A series whose interquartile range exceeds the median has no
    cadence: it reports when something happens.

    Parameters
    ----------
    quartiles_s : shape (n, 3), lower quartile, median and upper quartile of the intervals of n series, in seconds
    count : shape (n,), intervals of each

    Returns
    -------
    shape (n,), seconds; NaN where there are fewer than 2 intervals, or no cadence.

    >>> regular(np.array([[60.0, 60.0, 61.0], [4.0, 150.0, 2025.0], [60.0, 60.0, 60.0]]), np.array([5.0, 4.0, 1.0])).tolist()
    [60.0, nan, nan]
    """
    low, median, high = quartiles_s.T
    with np.errstate(invalid="ignore"):
        sound = (count >= 2) & (median > 0) & (high - low <= SPREAD * median)
    return np.where(sound, median, np.nan)


def quantiles(
    group: NDArray[np.integer], value: NDArray[np.float64], q: tuple[float, ...], n: int
) -> NDArray[np.float64]:
    """Quantiles of the values of each group, linear between order statistics (definition 7 of Hyndman and Fan, 1996), all groups at once.

    Parameters
    ----------
    group : shape (k,), 0 to n - 1
    value : shape (k,), without NaN
    q : levels between 0 and 1
    n : number of groups

    Returns
    -------
    shape (n, len(q)); NaN for a group without values.

    >>> quantiles(np.array([1, 0, 1, 1, 1]), np.array([4.0, 7.0, 1.0, 2.0, 3.0]), (0.5, 0.95), 3).tolist()
    [[7.0, 7.0], [2.5, 3.8499999999999996], [nan, nan]]
    """
    order = np.lexsort((value, group))
    ranked = value[order]
    count = np.bincount(group, minlength=n)
    start = np.cumsum(count) - count
    out = np.full((n, len(q)), np.nan)
    there = np.flatnonzero(count)
    for i, level in enumerate(q):
        at = level * (count[there] - 1)
        low = np.floor(at).astype(np.int64)
        below = ranked[start[there] + low]
        above = ranked[start[there] + np.minimum(low + 1, count[there] - 1)]
        out[there, i] = below + (above - below) * (at - low)
    return out


def gaps(time_s: NDArray[np.float64], cadence_s: float, since_s: float, until_s: float) -> list[tuple[float, float]]:
    """Intervals without a reading that are longer than 1.5 cadences, within a window, in order.

    They lie between readings that follow each other, before the first one in the window and after the last one.

    Parameters
    ----------
    time_s : shape (n,), in order
    cadence_s, since_s, until_s : seconds

    >>> gaps(np.array([0.0, 60, 120, 300, 360]), 60.0, 0.0, 600.0)
    [(120.0, 300.0), (360.0, 600.0)]
    """
    inside = time_s[(time_s >= since_s) & (time_s <= until_s)]
    edges = np.concatenate([[since_s], inside, [until_s]])
    long = np.flatnonzero(np.diff(edges) > GAP * cadence_s)
    return [(float(edges[i]), float(edges[i + 1])) for i in long]
