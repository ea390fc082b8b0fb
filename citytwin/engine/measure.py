"""What do the readings mean? Computes indicators anew where readings came in, in the order in which they depend on each other."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from citytwin.engine import period
from citytwin.engine.twin import Twin, find, rows
from citytwin.kernel.errors import BadDeclaration, CityTwinError, Fault
from citytwin.kernel.indicator import Indicator
from citytwin.kernel.store import Change

log = logging.getLogger("citytwin.measure")
TIME = pa.timestamp("us", tz="UTC")
SAME = 1e-12
"""Figures that differ by less than this part of them are the same: sums of numbers depend on their order, and nothing promises one."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
SUMS = {"observation_minute", "observation_hour", "observation_day", "stream_day"}
"""Views that are made of roll-ups, which are brought up before these are read."""
READINGS = {"observation", "observation_all", "arrival", "alarm"} | SUMS
"""Views that hold readings of every stream, or what follows from them."""


def measure(twin: Twin, until: datetime) -> dict[str, datetime]:
    """Bring every indicator up to date with the readings recorded so far. Idempotent: a second call finds nothing to do.

    Reads the batches that came since each indicator was last computed; appends to `indicator_value`, keeping every figure that
    changes in `indicator_revision`. Returns the first changed period of each indicator that changed. A figure that fails
    keeps its old values, is logged, and does not hold up the others.
    """
    with twin.turn:
        last = rows(twin.store.fetch("SELECT coalesce(max(batch), 0) AS batch FROM batch"))[0]["batch"]
        marks = {r["name"]: r for r in rows(twin.store.fetch("SELECT name, batch, version, until FROM watermark"))}
        changed: dict[str, datetime] = {}
        for indicator in ordered(twin.indicators.values()):
            mark = marks.get(indicator.id)
            if mark and mark["version"] == indicator.version:
                since = _touched(twin, indicator, mark["batch"], mark["until"], until)
                earlier = [changed[i] for i in indicator.reads if i in changed]
                since = min([*earlier, *([since] if since else [])], default=None)
            else:
                since = BEGINNING
            if since is None:
                continue
            try:
                first = compute(twin, indicator, since, until, last)
            except CityTwinError as e:
                log.error("indicator %s was not computed: %s", indicator.id, e)
                continue
            if first:
                changed[indicator.id] = first
        return changed


def ordered(indicators: Iterable[Indicator]) -> list[Indicator]:
    """Each indicator after those it reads. Raises BadDeclaration when they go round in a circle."""
    by_id = {i.id: i for i in indicators}
    done: dict[str, Indicator] = {}

    def visit(id: str, chain: tuple[str, ...]) -> None:
        if id in done:
            return
        if id in chain:
            circle = " → ".join((*chain[chain.index(id) :], id))
            raise BadDeclaration(
                "indicators read each other in a circle",
                "break it",
                by_id[id].path,
                (Fault(by_id[id].path, "SQL", circle),),
            )
        for read in by_id[id].reads:
            if read in by_id:
                visit(read, (*chain, id))
        done[id] = by_id[id]

    for id in sorted(by_id):
        visit(id, ())
    return list(done.values())


def _touched(twin: Twin, indicator: Indicator, batch: int, seen: datetime | None, until: datetime) -> datetime | None:
    """The earliest reading that came after `batch` into what the indicator reads, or the period that has begun since."""
    streams = [r for r in indicator.reads if r in twin.streams]
    if READINGS & set(indicator.reads):
        streams = list(twin.streams)
    since = None
    if streams:
        found = twin.store.fetch(
            "SELECT min(since) AS since FROM batch_span AS b JOIN wanted AS w ON w.stream_type = b.stream_type WHERE b.batch > $batch",
            {"batch": batch},
            {"wanted": pa.table({"stream_type": streams})},
        )
        since = rows(found)[0]["since"]
    if "alarm" in indicator.reads:  # alarms carry no batch: what became of any since the batch was recorded counts
        found = twin.store.fetch(
            """SELECT min(a.since) AS since FROM alarm_history AS h JOIN alarm AS a ON a.alarm = h.alarm
               WHERE h.time >= (SELECT coalesce(max(recorded), TIMESTAMPTZ '1970-01-01 00:00:00+00') FROM batch WHERE batch <= $batch)""",
            {"batch": batch},
        )
        changed = rows(found)[0]["since"]
        since = min(since, changed) if since and changed else since or changed
    if (
        seen and period.end(seen, indicator.every, twin.city.zone) <= until
    ):  # a period has ended: it may now be complete
        since = min(since, seen) if since else seen
    return since


def span(twin: Twin, indicator: Indicator, since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """Whole periods from the one that holds `since` to the one that holds `until`."""
    zone = twin.city.zone
    return (period.start(since, indicator.every, zone) if since > BEGINNING else since), period.end(
        until, indicator.every, zone
    )


def evaluate(twin: Twin, indicator: Indicator, since: datetime, until: datetime) -> pa.Table:
    """The indicator's rows over [since, until): asset_id, period, value, without those that have no value."""
    if SUMS & set(indicator.reads):
        twin.store.roll()
    result = twin.store.fetch(
        indicator.sql, {k: v for k, v in (("since", since), ("until", until)) if f"${k}" in indicator.sql}
    )
    missing = {"asset_id", "period", "value"} - set(result.column_names)
    if missing:
        raise BadDeclaration(
            f"{indicator.id} does not give {', '.join(sorted(missing))}",
            "SELECT asset_id, period, value",
            indicator.path,
        )
    result = pa.table(
        {
            "asset_id": result["asset_id"].cast(pa.string()),
            "period": _periods(result["period"], indicator),
            "value": result["value"].cast(pa.float64()),
        }
    )
    return result.filter(pc.and_(pc.is_finite(result["value"]), pc.is_valid(result["period"])))


def _periods(column: pa.ChunkedArray, indicator: Indicator) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type) and column.type.tz:
        return column.cast(TIME)
    raise BadDeclaration(
        f"{indicator.id}: period is {column.type}",
        "give the beginning of the period: date_trunc('day', time)",
        indicator.path,
    )


def compute(twin: Twin, indicator: Indicator, since: datetime, until: datetime, batch: int) -> datetime | None:
    """Compute one indicator from `since` on and put it on record; returns the first period whose figure changed, if any did."""
    low, high = span(twin, indicator, since, until)
    result = evaluate(twin, indicator, low, high)
    keep = pc.and_(
        pc.greater_equal(result["period"], pa.scalar(low, TIME)), pc.less(result["period"], pa.scalar(high, TIME))
    )
    result = result.filter(keep)
    names = {"indicator": indicator.id, "low": low, "high": high}
    diff = """
      FROM (SELECT asset_id, period, value FROM indicator_row WHERE indicator = $indicator AND period >= $low AND period < $high) AS old
      FULL JOIN fresh AS new ON new.asset_id = old.asset_id AND new.period = old.period
      WHERE old.value IS NULL OR new.value IS NULL OR abs(old.value - new.value) > $same * greatest(abs(old.value), abs(new.value))"""
    found = twin.store.fetch(
        f"SELECT coalesce(new.asset_id, old.asset_id) AS asset_id, coalesce(new.period, old.period) AS period, new.value AS value {diff}",
        {**names, "same": SAME},
        {"fresh": result},
    )
    now = twin.clock.now()
    mark = Change(
        "INSERT INTO watermark VALUES ($name, $batch, $version, $until) "
        "ON CONFLICT (name) DO UPDATE SET batch = excluded.batch, version = excluded.version, until = excluded.until",
        {"name": indicator.id, "batch": batch, "version": indicator.version, "until": until},
    )
    if found.num_rows == 0:
        twin.store.commit(mark)
        return None
    fresh = found.filter(pc.is_valid(found["value"]))
    touched = "EXISTS (SELECT 1 FROM touched AS t WHERE t.asset_id = o.asset_id AND t.period = o.period)"
    twin.store.commit(
        Change(
            "INSERT INTO indicator_revision SELECT o.indicator, o.asset_id, o.period, o.value, o.version, o.recorded, $now FROM indicator_row AS o "
            f"WHERE o.indicator = $indicator AND {touched}",
            {"indicator": indicator.id, "now": now},
            {"touched": found},
        ),
        Change(
            f"DELETE FROM indicator_row AS o WHERE o.indicator = $indicator AND {touched}",
            {"indicator": indicator.id},
            {"touched": found},
        ),
        Change(
            "INSERT INTO indicator_row SELECT $indicator, asset_id, period, value, $version, $now FROM fresh",
            {"indicator": indicator.id, "version": indicator.version, "now": now},
            {"fresh": fresh},
        ),
        mark,
    )
    return pc.min(found["period"]).as_py()  # type: ignore[no-any-return]  # Arrow's scalar of a time stamp


def series(twin: Twin, id: str, assets: Sequence[str] = ()) -> pa.Table:
    """All figures of an indicator, oldest first: asset_id, period, value."""
    find(twin.indicators, id, "indicator")
    where = "AND asset_id IN (SELECT asset_id FROM wanted)" if assets else ""
    return twin.store.fetch(
        f"SELECT asset_id, period, value FROM indicator_value WHERE indicator = $id {where} ORDER BY asset_id, period",
        {"id": id},
        {"wanted": pa.table({"asset_id": pa.array(list(assets), pa.string())})} if assets else None,
    )
