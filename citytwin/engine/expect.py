"""What is usual at this hour? Expectations of stream types from what the same hour of the city's clock brought in the days before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from citytwin.engine.twin import Twin
from citytwin.kernel.rule import Rule
from citytwin.science.expected import usual

SECOND = 1_000_000
QUARTER = 900 * SECOND
"""Clocks of zones differ by whole quarters of an hour."""
DAY = 86_400 * SECOND
SPREAD = 4_000_000
"""Hours that are looked at in one go."""


def local(time: NDArray[np.int64], zone: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Days since 1970 and the hour, of the city's calendar and clock, of microseconds since 1970."""
    quarter = time // QUARTER
    if not len(quarter):
        return quarter, quarter
    low, which = int(quarter.min()), None
    if low == int(quarter.max()):
        few = np.array([low])
    else:
        few, which = np.unique(quarter, return_inverse=True)
    stamp = pa.array(few * QUARTER).cast(pa.timestamp("us", tz=zone))
    seconds = pc.local_timestamp(stamp).cast(pa.int64()).to_numpy() // SECOND
    day, hour = seconds // 86_400, seconds % 86_400 // 3_600
    if which is None:
        return np.full(len(time), day[0]), np.full(len(time), hour[0])
    return day[which], hour[which]


def expected(
    twin: Twin,
    rule: Rule,
    names: Sequence[str],
    index: NDArray[np.int64],
    time: NDArray[np.int64],
    *,
    roll: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What is usual of the rule's stream type at each row, and its robust standard deviation from day to day; NaN where fewer than five days tell.

    Parameters: `names`, assets; `index`, the asset of each row, by its place in `names`; `time`, microseconds since 1970; `roll`: bring the roll-ups up first. Returns shape (n,), in the unit of the stream type.
    """
    middle, spread = (np.full(len(time), np.nan) for _ in range(2))
    if not len(time):
        return middle, spread
    if roll:
        twin.store.roll()
    day, hour = local(time, twin.city.zone)
    hours, at = np.unique(hour, return_inverse=True)
    first, last = int(day.min()) - rule.learn_days, int(day.max())
    days, which = np.unique(day, return_inverse=True)
    kinds = _kinds(twin, first, last) if rule.alike == "workday" else None
    step = max(1, SPREAD // ((last - first + 1) * len(hours)))
    for low in range(0, len(names), step):
        some = names[low : low + step]
        means = _means(twin, rule, some, first, last, hours)
        rows = np.flatnonzero((index >= low) & (index < low + step))
        centre, around = usual(means, days - first, rule.learn_days, kinds)
        where = (index[rows] - low, which[rows], at[rows])
        middle[rows], spread[rows] = centre[where], around[where]
    return middle, spread


def _means(
    twin: Twin, rule: Rule, names: Sequence[str], first: int, last: int, hours: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The means of some hours of the clock at some assets, from a day to a day: shape (asset, day, hour)."""
    begin = (first - 1) * DAY
    moments = np.arange(begin, (last + 2) * DAY, QUARTER)  # hours of the clock may begin at any
    then, clock = local(moments, twin.city.zone)
    fits = np.isin(clock, hours) & (then >= first) & (then <= last)
    wanted = pa.table({"period": pa.array(moments[fits]).cast(pa.timestamp("us", tz="UTC"))})
    named = pa.table({"asset_id": pa.array(names, pa.string())})
    sql = """SELECT h.asset_id, h.period, h.mean FROM observation_hour AS h JOIN wanted AS w ON w.period = h.period JOIN named AS n ON n.asset_id = h.asset_id
             WHERE h.stream_type = $id AND h.period >= $low AND h.period <= $high AND h.n > 0"""
    given = {"id": rule.stream, "low": _moment(begin), "high": _moment((last + 2) * DAY)}
    table = twin.store.fetch(sql, given, {"wanted": wanted, "named": named})
    found = np.full((len(names), last - first + 1, len(hours)), np.nan)
    if table.num_rows:
        asset = pc.index_in(
            table["asset_id"].cast(pa.string()), value_set=named["asset_id"].combine_chunks()
        ).to_numpy()
        period = table["period"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
        then, clock = local(period, twin.city.zone)
        found[asset, then - first, np.searchsorted(hours, clock)] = table["mean"].to_numpy()
    return found


def _kinds(twin: Twin, first: int, last: int) -> NDArray[np.int64]:
    """Whether each day from a day to a day is a working day of the city."""
    epoch = date(1970, 1, 1)
    return np.array(
        [twin.calendar.works(epoch + timedelta(days=n), guess=True) for n in range(first, last + 1)], np.int64
    )


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)
