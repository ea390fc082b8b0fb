"""What is usual at this hour? Robust expectations from the same hour of earlier days."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

LEAST = 5
"""Earlier days that an expectation needs."""
MAD = 1.4826
"""Of a normal distribution the standard deviation over the median absolute deviation: 1 / Phi^-1(3/4)."""


def usual(
    hours: NDArray[np.float64], days: NDArray[np.integer], learn: int, kinds: NDArray[np.integer] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and robust standard deviation of each hour over the `learn` days before a day.

    Parameters
    ----------
    hours : shape (n, d, h), means by series, day and hour, in any unit; NaN where there is none
    days : shape (k,), places of days on the second axis
    learn : how many days before
    kinds : shape (d,), the kind of each day: a day is held against those of its own kind (None: all are of one)

    Returns
    -------
    shapes (n, k, h), in the same unit; NaN where fewer than `LEAST` of those days have a mean.

    References
    ----------
    Rousseeuw and Croux, Alternatives to the median absolute deviation, JASA 88 (1993), section 1.

    >>> hours = np.full((1, 7, 24), np.nan)
    >>> hours[0, :, 8] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 99.0]
    >>> middle, spread = usual(hours, np.array([6]), 6)
    >>> float(middle[0, 0, 8]), round(float(spread[0, 0, 8]), 4), bool(np.isnan(middle[0, 0, 9]))
    (3.5, 2.2239, True)
    """
    middle, spread = (np.full((len(hours), len(days), hours.shape[2]), np.nan) for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an hour without any mean
        for k, day in enumerate(days.tolist()):
            before = hours[:, max(0, day - learn) : day]
            if kinds is not None:
                before = before[:, kinds[max(0, day - learn) : day] == kinds[day]]
            known = np.isfinite(before).sum(axis=1) >= LEAST
            if not known.any():
                continue
            centre = np.nanmedian(before, axis=1)
            around = MAD * np.nanmedian(np.abs(before - centre[:, None]), axis=1)
            middle[:, k], spread[:, k] = np.where(known, centre, np.nan), np.where(known, around, np.nan)
    return middle, spread
