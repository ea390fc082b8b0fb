"""What do readings add up to, step by step? From the roll-ups where they hold whole steps, from the readings at the edges and where the roll-ups are behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from citytwin.kernel.errors import BadRequest
from citytwin.store.rollup import COLUMNS, FAST, ROLLED, STANDS, UNIT_S, merged, period, summed, whole_hours
from citytwin.store.union import union_all

Ask = Callable[[str, Mapping[str, Any], Mapping[str, pa.Table]], pa.Table]
FEW = 200
"""Streams that are named one by one in a statement; more are a table of it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEEDS = {
    "n": ("n",),
    "mean": ("n", "total"),
    "low": ("low",),
    "high": ("high",),
    "first": ("first", "first_time"),
    "last": ("last", "last_time"),
    "quality": ("worst",),
}
"""What a roll-up must give for each column of an answer."""


def unit(step: int | str, zone: str) -> str:
    """The longest roll-up whose periods make up whole steps; empty where none does."""
    if step == "day":
        return "day"
    assert isinstance(step, int)
    if step % 3600 == 0 and whole_hours(zone):
        return "hour"
    return "minute" if step % 60 == 0 else ""


def series(
    ask: Ask,
    held: Callable[[datetime, datetime], str],
    zone: str,
    keys: Sequence[int] | None,
    since: datetime,
    until: datetime,
    step: int | str,
    want: Sequence[str] = (),
) -> pa.Table:
    """Sums of the standing readings of streams (None: all) from `since` to before `until`, by steps of so many seconds since 1970, or by the city's `day`.

    Gives stream (key), time (the beginning of the step) and those columns of a roll-up that `want` (of `NEEDS`; none: all) needs, in no order;
    where the mean is asked for and n is not, `mean` in place of n and total.
    """
    if isinstance(step, str) and step != "day":
        raise BadRequest(f"there is no step '{step[:20]}'", "seconds, or 'day'", "step")
    if isinstance(step, int) and not 1 <= step <= 366 * 86400:
        raise BadRequest(f"a step of {step} s cannot be used", "1 s to 366 days", "step")
    if unknown := [w for w in want if w not in NEEDS]:
        raise BadRequest(f"there is no column '{unknown[0][:20]}'", f"one of: {', '.join(NEEDS)}", "columns")
    needed = {c for w in want or NEEDS for c in NEEDS[w]}
    cols = [c for c in COLUMNS if c in needed]
    answer = _meant(ask) if "mean" in want and "n" not in want else ask
    tables: dict[str, pa.Table] = {}
    which = "TRUE"
    if keys is not None:
        if len(keys) <= FEW:
            which = f"r.stream IN ({', '.join(map(str, keys)) or 'NULL'})"
        else:
            which = "r.stream IN (SELECT key FROM wanted)"
            tables["wanted"] = pa.table({"key": pa.array(keys, pa.int32())})
    by = unit(step, zone)
    if by == "minute" and not _fast(ask, which, tables):
        by = ""
    if not by:
        return answer(
            _raw(
                cols, held(since, until), which, _bucket(step, zone, "r.time"), "r.time >= $since AND r.time < $until"
            ),
            {"since": since, "until": until},
            tables,
        )
    return _rolled(ask, answer, held, zone, which, tables, since, until, step, by, cols)


def _meant(ask: Ask) -> Ask:
    """Ask for means in place of n and total: where a month of a city is asked for, handing over two columns and dividing them later costs more than the scan."""
    return lambda sql, params, tables: ask(
        f"SELECT * EXCLUDE (n, total), total / n AS mean FROM ({sql})", params, tables
    )


def _rolled(
    ask: Ask,
    answer: Ask,
    held: Callable[[datetime, datetime], str],
    zone: str,
    which: str,
    tables: dict[str, pa.Table],
    since: datetime,
    until: datetime,
    step: int | str,
    by: str,
    cols: Sequence[str],
) -> pa.Table:
    low, high = _whole(since, until, by, zone)
    if low >= high:
        return answer(
            _raw(
                cols, held(since, until), which, _bucket(step, zone, "r.time"), "r.time >= $since AND r.time < $until"
            ),
            {"since": since, "until": until},
            tables,
        )
    bound: dict[str, Any] = {"low": low, "high": high}
    # What came in since the roll-ups were brought up, and what they cannot tell: periods of flagged readings alone. A roll-up that is brought
    # up after this question was asked only makes more of it be read from the readings themselves.
    stale = ask(
        union_all(
            [
                f"SELECT DISTINCT r.stream, {period(by, zone, 'r.time')} AS period FROM {table} AS r WHERE r.{batch} > $rolled AND {which} AND r.time >= $low AND r.time < $high"
                for table, batch in (("reading", "batch"), ("superseded", "by_batch"))
            ]
            + [
                f"SELECT r.stream, r.period FROM rollup_{by} AS r WHERE r.n = 0 AND {which} AND r.period >= $low AND r.period < $high"
            ]
        ),
        {**bound, "rolled": _mark(ask)},
        tables,
    )
    stale = stale.group_by(["stream", "period"]).aggregate([])
    time = (
        "r.period"
        if step in (UNIT_S[by], "day") and (by == "day") == (step == "day")
        else _bucket(step, zone, "r.period")
    )
    wide = time == "r.period"  # a period is a step: what one period holds needs no summing
    clean = f"SELECT r.stream, {time} AS time, {', '.join(cols)} FROM rollup_{by} AS r WHERE {which} AND r.period >= $low AND r.period < $high"
    parts = []
    if stale.num_rows:
        tables = {**tables, "stale": stale}
        span = pc.min_max(stale["period"].cast(pa.timestamp("us", tz="UTC")))
        begin, end = span["min"].as_py(), span["max"].as_py()
        bound |= {"begin": begin, "end": end}
        parts.append(f"{clean} AND (r.period < $begin OR r.period > $end)")
        parts.append(
            f"""{clean} AND r.period BETWEEN $begin AND $end
                AND NOT EXISTS (SELECT 1 FROM stale AS s WHERE s.stream = r.stream AND s.period = r.period)"""
        )
        after = end + timedelta(seconds=UNIT_S[by] + (3600 if by == "day" else 0))
        again = _raw(
            cols,
            f"(SELECT r.* FROM {held(begin, after)} AS r JOIN stale AS s ON s.stream = r.stream AND s.period = {period(by, zone)})",
            which,
            _bucket(step, zone, "r.time"),
            "TRUE",
        )
    else:
        parts.append(clean)
        again = ""
    edges = []
    for name, begin, end in (("head", since, low), ("tail", high, until)):
        if begin < end:
            bound |= {f"{name}_low": begin, f"{name}_high": end}
            edges.append(
                _raw(
                    cols,
                    held(begin, end),
                    which,
                    _bucket(step, zone, "r.time"),
                    f"r.time >= ${name}_low AND r.time < ${name}_high",
                )
            )
    few = [*([again] if again else []), *edges]
    if wide:  # the edges are parts of other steps than the whole ones, and of each other's
        return answer(union_all([*parts, *few]), bound, tables)
    return answer(
        f"SELECT stream, time, {merged(cols)} FROM ({union_all([*parts, *few])}) GROUP BY stream, time",
        bound,
        tables,
    )


def _raw(cols: Sequence[str], source: str, which: str, time: str, within: str) -> str:
    return f"SELECT r.stream, {time} AS time, {summed(cols)} FROM {source} AS r WHERE {which} AND {within} AND {STANDS} GROUP BY 1, 2"


def _bucket(step: int | str, zone: str, time: str) -> str:
    """SQL for the beginning of the step that holds a moment."""
    if isinstance(step, str):
        return period("day", zone, time)
    size = step * 1_000_000
    return f"make_timestamptz(epoch_us({time}) - ((epoch_us({time}) % {size}) + {size}) % {size})"


def _whole(since: datetime, until: datetime, by: str, zone: str) -> tuple[datetime, datetime]:
    """The whole periods within a span: from the first to the end of the last."""
    if by == "day":
        at = ZoneInfo(zone)
        midnight = since.astimezone(at).replace(hour=0, minute=0, second=0, microsecond=0)
        low = midnight if midnight.astimezone(UTC) >= since else midnight + timedelta(days=1)
        high = until.astimezone(at).replace(hour=0, minute=0, second=0, microsecond=0)
        return low.astimezone(UTC), high.astimezone(UTC)
    size = timedelta(seconds=UNIT_S[by])
    return _EPOCH + -((_EPOCH - since) // size) * size, _EPOCH + (until - _EPOCH) // size * size


def _mark(ask: Ask) -> int:
    found = ask("SELECT value FROM meta WHERE name = $name", {"name": ROLLED}, {})["value"].to_pylist()
    return int(found[0]) if found else 0


def _fast(ask: Ask, which: str, tables: Mapping[str, pa.Table]) -> bool:
    """Whether all these streams have roll-ups by the minute."""
    key = which.replace("r.stream", "r.key")
    sql = f"SELECT 1 AS slow FROM stream_row AS r WHERE {key} AND NOT ({FAST.replace('stream IN', 'r.key IN', 1)}) LIMIT 1"
    return not ask(sql, {}, tables).num_rows
