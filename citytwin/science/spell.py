"""When was it so? Spells of a state with hysteresis, over many series at once."""

from __future__ import annotations

from collections.abc import Iterator

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


def chains(
    series: NDArray[np.integer],
    time: NDArray[np.integer],
    on: NDArray[np.bool_],
    off: NDArray[np.bool_],
    on_delay: NDArray[np.integer],
    off_delay: NDArray[np.integer],
    start: NDArray[np.integer] | None = None,
) -> NDArray[np.int64]:
    """Spells with delays: what has lasted, of states that came and went.

    A spell of `spells` counts once it has lasted `on_delay`, up to the first row that is off, or up to its last row where its series ends. From then on it goes on over
    times in which the state is off for less than `off_delay`. A spell that has not lasted so long, and may yet, is pending.

    Parameters
    ----------
    series, time, on, off : shape (n,), ordered by series, then time; times and delays are in one unit
    on_delay, off_delay : shape (n,), those of each row's series
    start : shape (n,), when the state of a row began, where that is not the row's own time

    Returns
    -------
    shape (k, 5): the first row; the last row that is not off, + 1; the first row that is off (-1: there is none yet); whether it is over
    (0: it is on, or has been off for less than `off_delay`); whether it is pending. In order.

    >>> series, time = np.zeros(6, int), np.arange(6) * 10
    >>> on = np.array([1, 1, 0, 1, 0, 0], bool)
    >>> delay = np.full(6, 20)
    >>> chains(series, time, on, ~on, delay, delay).tolist()
    [[0, 4, 4, 0, 0]]
    """
    found = spells(series, on, off)
    if not len(found):
        return np.empty((0, 5), np.int64)
    begin, end = found[:, 0], found[:, 1]
    since = (time if start is None else start)[begin]
    n = len(series)
    after = np.minimum(end, n - 1)
    left = (end < n) & (series[after] == series[begin])  # a row follows, and it is off
    until = np.where(left, time[after], time[end - 1])
    lasts = until - since >= on_delay[begin]
    # chains: spells of a series that follow on each other so soon that an alarm would not have ended
    same = series[begin[1:]] == series[begin[:-1]]
    soon = same & (since[1:] - until[:-1] < off_delay[begin[1:]])
    # an off stretch counts from its first row; one that is cut by the series' end has no next spell
    chain = np.cumsum(np.append(True, ~soon)) - 1
    count = chain[-1] + 1
    which = np.arange(len(found))
    none = len(found)
    first = np.full(count, none)
    np.minimum.at(first, chain[lasts], which[lasts])  # of each chain the first that lasted
    last = np.zeros(count, np.int64)
    np.maximum.at(last, chain, which)
    newest = np.append(series[1:] != series[:-1], True)  # of each series the last row
    final = time[np.flatnonzero(newest)]
    ends = final[np.searchsorted(np.flatnonzero(newest), begin)]  # the last time of each spell's series
    raised = np.flatnonzero(first < none)
    a, z = first[raised], last[raised]
    over = left[z] & (ends[z] - until[z] >= off_delay[begin[z]])
    alarms = np.stack([begin[a], end[z], np.where(left[z], after[z], -1), over, np.zeros(len(a), np.int64)], axis=1)
    waits = np.flatnonzero(~left & ~lasts & (first[chain] == none))
    pending = np.stack(
        [begin[waits], end[waits], np.full(len(waits), -1), np.zeros(len(waits), int), np.ones(len(waits), int)], axis=1
    )
    both = np.concatenate([alarms, pending]).astype(np.int64)
    return both[np.argsort(both[:, 0], kind="stable")]


def asof(
    series: NDArray[np.integer],
    time: NDArray[np.integer],
    of: NDArray[np.integer],
    at: NDArray[np.integer],
    age: int,
) -> NDArray[np.int64]:
    """Of every question the row that stood at that time: the last of the series `of` not after `at`, and no older than `age`; -1 where there is none.

    `series` and `time`, shape (n,), are ordered by series, then time; `of` and `at`, shape (m,), are in any order; shape (m,) comes back.

    >>> asof(np.array([0, 0, 1]), np.array([10, 20, 15]), np.array([0, 0, 1]), np.array([19, 40, 14]), 15).tolist()
    [0, -1, -1]
    """
    if not len(series):
        return np.full(len(of), -1, np.int64)
    low = min(int(time.min()), int(at.min()) if len(at) else 0)
    width = max(int(time.max()), int(at.max()) if len(at) else 0) - low + 1
    row = np.searchsorted(series * width + (time - low), of * width + (at - low), "right") - 1
    safe = np.maximum(row, 0)
    fits = (row >= 0) & (series[safe] == of) & (at - time[safe] <= age)
    return np.where(fits, row, -1)


def turns(series: NDArray[np.integer]) -> Iterator[NDArray[np.int64]]:
    """The rows of the first of each series, then those of the second of each, and so on; each series at most once in a turn.

    Parameters: `series`, shape (n,); rows of a series are in order. For what has to be reckoned one after the other, of many series at once.

    >>> [t.tolist() for t in turns(np.array([4, 4, 7, 4]))]
    [[0, 2], [1], [3]]
    """
    if not len(series):
        return
    row = np.arange(len(series))
    if (np.diff(series) < 0).any():
        row = np.argsort(series, kind="stable")
    of = series[row]
    first = np.flatnonzero(np.append(True, of[1:] != of[:-1]))
    if len(first) == len(row):  # each has one
        yield row
        return
    count = np.diff(np.append(first, len(of)))
    # those with most rows first, so that those of a turn lie together
    order = np.argsort(-count, kind="stable")
    first, count = first[order], count[order]
    for k in range(int(count[0])):
        yield row[first[: int(np.searchsorted(-count, -k, side="left"))] + k]
