"""What is the science? Degree days, sound levels, and an outlook from the day's cycle."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

DAY_S = 86_400


def degree_days(mean_degc: ArrayLike, base_degc: float, *, cooling: bool = False) -> NDArray[np.float64]:
    """Degrees by which a day's mean temperature misses the base: one day's share of the degree days.

    Parameters: `mean_degc` daily means, any shape [degC]; `base_degc` [degC]; `cooling` counts what lies above the base instead
    of below. Returns: degree days of each day, same shape [degC d].
    Valid for: daily means.
    References: JGJ 134-2010, Design standard for energy efficiency of residential buildings in hot summer and cold winter
    zone: HDD18 and CDD26.

    >>> degree_days([5.0, 20.0], 18.0).tolist()
    [13.0, 0.0]
    >>> degree_days([31.5, 20.0], 26.0, cooling=True).tolist()
    [5.5, 0.0]
    """
    gap = np.asarray(mean_degc, float) - base_degc
    share: NDArray[np.float64] = np.maximum(gap if cooling else -gap, 0.0)
    return share


def equivalent_level(level_db: ArrayLike) -> float:
    """The steady sound level that carries the same energy as levels of equal duration.

    Parameters: `level_db` levels, shape (n,), n > 0 [dB]. Returns: equivalent continuous level [dB].
    Valid for: A-weighted levels over intervals of equal length.
    References: GB 3096-2008, Environmental quality standard for noise, section 3.

    >>> round(equivalent_level([60.0, 50.0]), 2)
    57.4
    """
    return float(10.0 * np.log10(np.mean(10.0 ** (np.asarray(level_db, float) / 10.0))))


def diurnal_cycle(time_s: ArrayLike, value: ArrayLike, step_s: int = 900) -> NDArray[np.float64]:
    """Mean of a series at each time of the day.

    Parameters: `time_s` seconds since 1970-01-01 UTC, shape (n,), n > 0; `value` shape (n,) [any unit]; `step_s` length of a
    step [s], a divisor of 86400. Returns: mean by step of the UTC day, shape (86400 / step_s,) [unit of `value`]; steps without
    readings are interpolated between their neighbours around the clock.
    Valid for: a few days to a few weeks, over which the season hardly moves.
    References: Wilks (2019), Statistical Methods in the Atmospheric Sciences, 4th ed., ch. 10, doi:10.1016/C2017-0-03921-6.

    >>> diurnal_cycle([0, 43200, 86400, 129600], [10.0, 20.0, 12.0, 22.0], 21600).tolist()
    [11.0, 16.0, 21.0, 16.0]
    """
    steps = DAY_S // step_s
    step = (np.asarray(time_s, float) % DAY_S // step_s).astype(np.int64)
    count = np.bincount(step, minlength=steps)
    total = np.bincount(step, weights=np.asarray(value, float), minlength=steps)
    known = np.flatnonzero(count)
    return np.interp(np.arange(steps), known, total[known] / count[known], period=steps)


def temperature_outlook(
    time_s: ArrayLike, value_degc: ArrayLike, ahead_s: ArrayLike, memory_h: float = 12.0, step_s: int = 900
) -> NDArray[np.float64]:
    """Temperature ahead: the usual course of the day plus the present departure from it, which fades.

    Parameters: `time_s` ascending seconds since 1970-01-01 UTC and `value_degc`, shape (n,), n > 0 [degC]; `ahead_s` moments to tell,
    shape (m,) [s since 1970]; `memory_h` the time in which the departure shrinks to 1/e [h]; `step_s` as for `diurnal_cycle`.
    Returns: temperature, shape (m,) [degC]. The present departure is the mean over the last two hours of readings.
    Valid for: up to a day ahead without a change of air mass; a yardstick for better models, not a weather forecast.
    References: damped persistence, van den Dool (2007), Empirical Methods in Short-Term Climate Prediction, ch. 3,
    doi:10.1093/oso/9780199202782.001.0001.

    >>> temperature_outlook([0, 43200, 86400, 129600], [10.0, 20.0, 10.0, 24.0], [216000], 24.0, 43200).round(3).tolist()
    [22.736]
    """
    time, value, ahead = (np.asarray(x, float) for x in (time_s, value_degc, ahead_s))
    cycle = diurnal_cycle(time, value, step_s)
    recent = time > time[-1] - 7200.0
    departure = np.mean(value[recent] - cycle[(time[recent] % DAY_S // step_s).astype(np.int64)])
    fading = np.exp(-(ahead - time[-1]) / (3600.0 * memory_h))
    outlook: NDArray[np.float64] = cycle[(ahead % DAY_S // step_s).astype(np.int64)] + departure * fading
    return outlook
