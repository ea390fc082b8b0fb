"""When was it so? Spells of a state with hysteresis, over many series at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def spells(series: NDArray[np.integer], on: NDArray[np.bool_], off: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First and last+1 row of every spell.

    Rows are ordered by series, then time. A spell begins at a row that is `on`, goes on over rows that are neither, and ends before
    the first row that is `off` (the deadband lies between the two) or at the end of its series.

    Parameters
    ----------
    series, on, off : shape (n,)

    Returns
    -------
    shape (k, 2), rows [begin, end) of each spell, in order.

    >>> series = np.zeros(7, int)
    >>> spells(series, np.array([0, 1, 0, 0, 0, 1, 1], bool), np.array([1, 0, 0, 1, 1, 0, 0], bool)).tolist()
    [[1, 3], [5, 7]]
    """
    n = len(series)
    if n == 0:
        return np.empty((0, 2), np.int64)
    first = np.append(True, series[1:] != series[:-1])
    # a row decides where it is on, off, or opens a series; every other row is as the last row that decided
    decides = on | off | first
    at = np.maximum.accumulate(np.where(decides, np.arange(n), 0))
    state = on[at]
    begin = state & np.append(True, ~state[:-1] | first[1:])
    end = state & np.append(~state[1:] | first[1:], True)
    return np.stack([np.flatnonzero(begin), np.flatnonzero(end) + 1], axis=1)
