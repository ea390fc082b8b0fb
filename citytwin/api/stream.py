"""What is measured? Streams, their readings and forecasts, and the door through which readings come in."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

import anyio.to_thread
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from citytwin.api.flight import holder
from citytwin.api.house import House
from citytwin.api.page import Page, Paged, fetched, title, where
from citytwin.api.route import Call, Query, Route
from citytwin.engine import decode, unpack
from citytwin.engine.twin import find
from citytwin.kernel.errors import BadRequest, NotFound, TooLarge
from citytwin.kernel.observation import Batch, Receipt
from citytwin.kernel.stream import stream_parts
from citytwin.kernel.title import Title
from citytwin.kernel.units import quantity
from citytwin.science.cadence import SILENT, SILENT_S

TIME = pa.timestamp("us", tz="UTC")
DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = -(2**62)
"""Microseconds before all that a clock can tell: of a stream that did not report yet."""


class Reading(msgspec.Struct, frozen=True):
    """One reading."""

    time: datetime
    value: float | None
    quality: int


class State(msgspec.Struct, frozen=True):
    """A state that a stream may be in, and the number that its readings have then."""

    code: int
    id: str
    title: Title


class StreamItem(msgspec.Struct, frozen=True, kw_only=True):
    """A stream, its last reading, and whether it still reports. Where it has `states`, values are their codes."""

    id: str
    asset: str
    asset_title: Title
    type: str
    title: Title
    quantity: str
    unit: str
    cadence_s: int
    latest: Reading | None
    alive: bool
    states: list[State]


class StreamDetail(StreamItem, frozen=True, kw_only=True):
    """The same, with the range of what is plausible."""

    low: float | None
    high: float | None
    quantity_title: Title
    asset_type: str


class Observations(msgspec.Struct, frozen=True):
    """Readings in columns: as they are where `step_s` is 0, else the mean (of states: the last), least and greatest of equal steps.

    A step takes the readings that are fit for use, if there are any; its `quality` is the worst of all its readings.
    """

    stream: str
    unit: str
    since: datetime
    until: datetime
    step_s: int
    time: list[int]
    value: list[float | None]
    low: list[float | None]
    high: list[float | None]
    quality: list[int]


class Forecast(msgspec.Struct, frozen=True):
    """What the latest finished run that wrote the stream expects."""

    stream: str
    run: str | None
    model: str | None
    until: datetime | None
    time: list[int]
    value: list[float | None]


class Latest(msgspec.Struct, frozen=True):
    """The last reading of every stream of one type, in columns."""

    type: str
    unit: str
    asset: list[str]
    time: list[int]
    value: list[float | None]
    quality: list[int]


class StreamQuery(Paged, frozen=True, kw_only=True):
    """Which streams."""

    type: Annotated[str, msgspec.Meta(description="stream type")] | None = None
    asset: Annotated[str, msgspec.Meta(description="asset")] | None = None
    q: (
        Annotated[str, msgspec.Meta(description="part of an id, or of a title of the stream type or the asset")] | None
    ) = None
    alive: Annotated[bool, msgspec.Meta(description="whether it still reports")] | None = None


class SpanQuery(Query, frozen=True, kw_only=True):
    """Which readings, and how many points at most."""

    since: Annotated[datetime, msgspec.Meta(description="from this time on; default: a day before `until`")] | None = (
        None
    )
    until: Annotated[datetime, msgspec.Meta(description="before this time; default: the end of the data")] | None = None
    points: Annotated[int, msgspec.Meta(ge=2, le=50_000, description="how many points at most")] = 1000


class LatestQuery(Query, frozen=True, kw_only=True):
    """Of which stream type."""

    type: Annotated[str, msgspec.Meta(description="stream type")]


class IngestQuery(Query, frozen=True, kw_only=True):
    """How a batch is to be taken."""

    unit: Annotated[str, msgspec.Meta(description="unit of all values that name none")] = ""
    key: Annotated[str, msgspec.Meta(max_length=200, description="a key of your own: a batch is taken once only")] = ""
    source: Annotated[str, msgspec.Meta(max_length=200, description="who sends it")] = ""
    partial: Annotated[bool, msgspec.Meta(description="take the rows that are not at fault")] = False


_SELECT = """
  SELECT s.stream, s.asset_id, s.stream_type, a.title_zh, a.title_en, a.type AS asset_type, l.time, l.value, l.quality,
         coalesce(l.time >= k.since, FALSE) AS alive
  FROM stream AS s LEFT JOIN asset AS a ON a.asset_id = s.asset_id LEFT JOIN latest_reading AS l ON l.stream = s.stream
  LEFT JOIN kind AS k ON k.stream_type = s.stream_type"""
MATCH = "strpos(lower({0} || ' ' || coalesce(a.title_zh, '') || ' ' || coalesce(a.title_en, '')), lower($q)) > 0"


def _kinds(house: House, q: str | None) -> pa.Table:
    """Of each stream type: since when its streams must have reported to count as alive, and whether a title of it holds `q`."""
    now = house.now()
    kinds = house.twin.streams
    since = [now - timedelta(seconds=max(SILENT * kind.cadence_s, SILENT_S)) for kind in kinds.values()]
    part = (q or "").lower()
    sought = [part != "" and any(part in t.lower() for t in (k.title.zh, k.title.en)) for k in kinds.values()]
    return pa.table(
        {
            "stream_type": pa.array(list(kinds), pa.string()),
            "since": pa.array(since, TIME),
            "sought": pa.array(sought, pa.bool_()),
        }
    )


def _tables(house: House, q: str | None = None) -> dict[str, pa.Table]:
    return {"latest_reading": house.twin.store.latest(), "kind": _kinds(house, q)}


def item(house: House, row: dict[str, Any]) -> dict[str, Any]:
    """The fields of a stream's item."""
    kind = house.twin.streams.get(row["stream_type"])
    return {
        "id": row["stream"],
        "asset": row["asset_id"],
        "asset_title": title(row, row["asset_id"]),
        "type": row["stream_type"],
        "title": kind.title if kind else Title(row["stream_type"], row["stream_type"]),
        "quantity": kind.quantity if kind else "",
        "unit": quantity(kind.quantity).unit if kind else "",
        "cadence_s": kind.cadence_s if kind else 0,
        "latest": Reading(row["time"], row["value"], row["quality"]) if row["time"] else None,
        "alive": row["alive"],
        "states": [State(c.code, c.id, c.title) for c in kind.choices] if kind else [],
    }


def streams(house: House, query: StreamQuery) -> Page[StreamItem]:
    """Streams that have ever reported, with their last reading"""
    clause, params = where(
        {
            "s.stream_type = $type": query.type,
            "s.asset_id = $asset": query.asset,
            f"(coalesce(k.sought, FALSE) OR {MATCH.format('s.stream')})": query.q,
            "coalesce(l.time >= k.since, FALSE) = $alive": query.alive,
        }
    )
    sql = f"{_SELECT} {clause}"
    return fetched(
        house, sql, params, query, {"stream": str}, lambda r: StreamItem(**item(house, r)), _tables(house, query.q)
    )


def of_asset(house: House, asset: str) -> list[StreamItem]:
    """The streams of one asset."""
    sql = f"{_SELECT} WHERE s.asset_id = $asset ORDER BY s.stream"
    return [StreamItem(**item(house, r)) for r in house.rows(sql, {"asset": asset}, _tables(house))]


def stream(house: House, id: str) -> StreamDetail:
    """A stream; also one that is declared and has not reported yet"""
    found = house.rows(f"{_SELECT} WHERE s.stream = $id", {"id": id}, _tables(house))
    row = found[0] if found else _silent(house, id)
    kind = house.twin.streams.get(row["stream_type"])
    known = quantity(kind.quantity) if kind else None
    return StreamDetail(
        **item(house, row),
        low=_first(kind.low if kind else None, known.low if known else None),
        high=_first(kind.high if kind else None, known.high if known else None),
        quantity_title=known.title if known else Title("", ""),
        asset_type=row["asset_type"] or "",
    )


def _first(*values: float | None) -> float | None:
    return next((v for v in values if v is not None), None)


def _silent(house: House, id: str) -> dict[str, Any]:
    """The row of a stream that may report but has not yet. Raises NotFound."""
    asset, kind = stream_parts(id)
    declared = house.twin.streams.get(kind)
    found = house.rows("SELECT type, title_zh, title_en FROM asset WHERE asset_id = $asset", {"asset": asset})
    if declared is None or not found or found[0]["type"] != declared.asset:
        raise NotFound(f"there is no stream '{id}'", "a stream is <asset>.<pack>.<stream type>; see /api/streams", id)
    return {
        "stream": id,
        "asset_id": asset,
        "stream_type": kind,
        "title_zh": found[0]["title_zh"],
        "title_en": found[0]["title_en"],
        "asset_type": found[0]["type"],
        "time": None,
        "alive": False,
    }


def unit_of(house: House, stream_type: str) -> str:
    """The unit in which streams of a type are recorded."""
    kind = house.twin.streams.get(stream_type)
    return quantity(kind.quantity).unit if kind else ""


def observations(house: House, id: str, query: SpanQuery) -> Observations:
    """Readings of a stream, flagged ones included, averaged into equal steps where they are many

    Long steps are whole minutes or hours, so that roll-ups answer: a year costs little more than a day.
    """
    store = house.twin.store
    last = last_time(house, id)
    if last is None:
        _silent(house, id)
    since, until = _span(house, query, last)
    unit = unit_of(house, stream_parts(id)[1])
    found = store.window(id, since, until, query.points + 1)
    if found.num_rows <= query.points:
        value, quality = found["value"].to_pylist(), found["quality"].to_pylist()
        return Observations(id, unit, since, until, 0, milliseconds(found["time"]), value, value, value, quality)
    step = _step(math.ceil((until - since).total_seconds() / (query.points - 1)))
    steps = store.series([id], since, until, step).sort_by("time")
    states = house.twin.has_states(id)  # a state is no quantity: of many in a step the last one is shown
    value, low, high = (steps[c].to_pylist() for c in ("last" if states else "mean", "low", "high"))
    if None in value:  # steps of flagged readings alone
        for n, begin in enumerate(steps["time"].to_pylist()):
            if value[n] is None:
                flagged = store.window(id, max(begin, since), min(begin + timedelta(seconds=step), until))["value"]
                value[n], low[n], high[n] = (f(flagged).as_py() for f in (_end if states else pc.mean, pc.min, pc.max))
    return Observations(
        id, unit, since, until, step, milliseconds(steps["time"]), value, low, high, steps["quality"].to_pylist()
    )


def _end(values: pa.ChunkedArray) -> pa.Scalar:
    return values[-1]


def _step(seconds: int) -> int:
    """The next longer step that is whole minutes, or whole hours, if it is longer than one."""
    whole = next((u for u in (3600, 60) if seconds > u), 1)
    return max(1, math.ceil(seconds / whole) * whole)


def _span(house: House, query: SpanQuery, last: datetime | None) -> tuple[datetime, datetime]:
    end = last + timedelta(seconds=1) if last else house.now()
    until = query.until or (max(end, query.since) if query.since else end)
    since = query.since or until - DAY
    if since > until:
        raise BadRequest("the span ends before it begins", "since must not be later than until", "since")
    return since, until


def last_time(house: House, id: str) -> datetime | None:
    """When the stream last reported."""
    if stream_parts(id)[1] not in house.twin.streams and id not in house.twin.registered:
        return None  # what reported once and is deleted is shown to nobody
    found = house.twin.store.newest(id)
    return EPOCH + timedelta(microseconds=found[1]) if found and found[1] > NEVER else None


def milliseconds(column: pa.ChunkedArray) -> list[int]:
    """Time stamps as milliseconds since 1970 UTC."""
    us = column.cast(TIME).cast(pa.int64()).to_numpy()
    return list(np.floor_divide(us, 1000).tolist())


def forecast(house: House, id: str) -> Forecast:
    """What the latest finished run that wrote the stream expects"""
    found = house.rows(
        "SELECT r.run, r.model, r.until FROM run AS r WHERE r.state = 'done' "
        "AND EXISTS (SELECT 1 FROM forecast AS f WHERE f.run = r.run AND f.stream = $id) "
        "ORDER BY r.finished DESC, r.run LIMIT 1",
        {"id": id},
    )
    if not found:
        if last_time(house, id) is None:
            _silent(house, id)
        return Forecast(id, None, None, None, [], [])
    time, value = run_series(house, found[0]["run"], id)
    return Forecast(id, found[0]["run"], found[0]["model"], found[0]["until"], time, value)


def run_series(house: House, run: str, stream: str) -> tuple[list[int], list[float | None]]:
    """What a run wrote for a stream."""
    rows = house.fetch(
        "SELECT time, value FROM forecast WHERE run = $run AND stream = $stream ORDER BY time",
        {"run": run, "stream": stream},
    )
    return milliseconds(rows["time"]), rows["value"].to_pylist()


def latest(house: House, query: LatestQuery) -> Latest:
    """The last reading of every stream of one type"""
    find(house.twin.streams, query.type, "stream type")
    found = house.twin.store.latest()
    found = found.filter(pc.equal(found["stream_type"], query.type)).sort_by("asset_id")
    asset, value, quality = (found[c].to_pylist() for c in ("asset_id", "value", "quality"))
    return Latest(query.type, unit_of(house, query.type), asset, milliseconds(found["time"]), _finite(value), quality)


def _finite(values: list[float | None]) -> list[float | None]:
    return [v if v is not None and math.isfinite(v) else None for v in values]


async def record(house: House, query: IngestQuery, call: Call) -> Receipt:
    """Record readings: on answer they are durable, and sealed

    The columns stream, time and value are required, quality and unit are taken where they are given. A batch with rows at fault is refused as
    a whole, and every such row named, unless `partial` is true. A few rows without a key may share a batch, and its leaf, with those of others.
    """
    media = call.headers.get("content-type", "")
    if not media.strip():
        decode.readings(b"", "none", house.twin.city.zone)  # a body without a type is refused in the words of any other
    body = await call.body(house.largest_batch)
    few = decode.few(body, media)
    if few is not None:
        future = house.intake.send(few, query.unit, query.partial, query.key, query.source)
    else:
        work = partial(_submit, house, query, media, body, holder(call.scope))
        future = await anyio.to_thread.run_sync(work, limiter=house.limiter)
    return await settled(future)


async def settled(future: Future[Receipt]) -> Receipt:
    """What becomes of the future. It is left alone when the request is cancelled: what was sent is recorded whether or not its sender waits."""
    loop = asyncio.get_running_loop()
    waiting = loop.create_future()

    def wake(_: Future[Receipt]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(lambda: None if waiting.done() else waiting.set_result(None))

    future.add_done_callback(wake)
    await waiting
    return future.result()


def _submit(house: House, query: IngestQuery, media: str, body: bytes, hold: Callable[[int], None]) -> Future[Receipt]:
    becomes = unpack.size(body, media)
    if becomes > house.largest_batch:
        raise TooLarge(f"the body has {becomes} bytes unpacked", f"send at most {house.largest_batch} at once", "body")
    if becomes > len(body):
        hold(becomes - len(body))
    table, faults = decode.readings(body, media, house.twin.city.zone)
    batch = Batch(table, query.key, query.source)
    return house.intake.submit(batch, unit=query.unit, partial=query.partial, faults=faults)


ROUTES = (
    Route(
        "POST",
        "/observations",
        record,
        status=201,
        response=Receipt,
        bodies=(decode.JSON, decode.CSV, decode.ARROW, decode.PARQUET, decode.SENML),
    ),
    Route("GET", "/streams", streams),
    Route("GET", "/streams/{id}", stream),
    Route("GET", "/streams/{id}/observations", observations),
    Route("GET", "/streams/{id}/forecast", forecast),
    Route("GET", "/latest", latest),
)
