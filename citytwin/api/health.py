"""How are the streams? What is wrong with them now, how complete and how late their readings are, and whence."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from citytwin.api.house import House
from citytwin.api.page import Page, Paged, fetched, title, where
from citytwin.api.route import Route
from citytwin.api.stream import MATCH
from citytwin.engine.health import WORST, Tally, advice, gaps
from citytwin.kernel.errors import BadRequest, NotFound
from citytwin.kernel.title import Title

State = Literal["fresh", "late", "silent", "never", "unknown"]
Sort = Literal["worst", "id", "last", "completeness", "delay", "flagged"]
OPEN = Title("登记接入", "Registered")
"""The pack, in a manner of speaking, of the streams that clients registered."""


class StateCounts(msgspec.Struct, frozen=True):
    """Streams by state."""

    fresh: int
    late: int
    silent: int
    never: int
    unknown: int


class Completeness(msgspec.Struct, frozen=True):
    """Share (0 to 1) of the expected readings that came and are fit for use: of the last whole hour, the last 24 of them, and 30 days, today included."""

    hour: float | None
    day: float | None
    month: float | None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a set of streams stands.

    `trend` is the completeness of the last seven whole days less that of the seven before. Delays are medians over the streams of each one's median and
    95th percentile. `days` is the completeness of each of the last 30 days.
    """

    streams: int
    states: StateCounts
    completeness: Completeness
    trend: float | None
    flagged: float | None
    delay_s: float | None
    delay_p95_s: float | None
    days: list[float | None]


class PackStanding(Standing, frozen=True, kw_only=True):
    """How the streams of a pack stand."""

    id: str
    title: Title


class TypeStanding(Standing, frozen=True, kw_only=True):
    """How the streams of a type stand; `assets` counts those that could have one."""

    id: str
    title: Title
    pack: str
    cadence_s: float | None
    assets: int


class SourceStanding(Standing, frozen=True, kw_only=True):
    """How the streams stand whose last reading came from a source, and what it sent lately; delays are over its readings."""

    id: str
    last: datetime | None
    readings: int


class HealthSummary(msgspec.Struct, frozen=True):
    """How all streams stand, in total, by pack, by type and by source; `days` (milliseconds since 1970 UTC) begin the days that each one lists."""

    now: datetime
    days: list[int]
    total: Standing
    packs: list[PackStanding]
    types: list[TypeStanding]
    sources: list[SourceStanding]


class StreamHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream stands.

    Its cadence is the declared one, or `estimated` from its readings. Gaps, delay, flags, jitter, and whether its value was `unchanged`, are those of its
    last 100 cadences. Of the streams of its asset, so many are silent. `advice` says where to look first.
    """

    id: str
    asset: str
    asset_title: Title
    type: str
    title: Title
    state: State
    cadence_s: float | None
    estimated: bool
    last: datetime | None
    age_s: float | None
    completeness: Completeness
    readings: int
    flagged: float | None
    delay_s: float | None
    delay_p95_s: float | None
    gaps: int | None
    longest_gap_s: float | None
    jitter_s: float | None
    unchanged: bool
    source: str
    asset_streams: int
    asset_silent: int
    advice: Title | None


class Gap(msgspec.Struct, frozen=True):
    """A span without a reading."""

    since: datetime
    until: datetime


class StreamDays(msgspec.Struct, frozen=True):
    """A stream's days in columns: when each begins, readings fit for use, those expected, and the share."""

    time: list[int]
    count: list[int]
    expected: list[int]
    completeness: list[float | None]


class StreamHealthDetail(StreamHealth, frozen=True, kw_only=True):
    """The same with its last 30 days: the days, and their longest gaps."""

    days: StreamDays
    gaps_total: int
    longest_gaps: list[Gap]


class StreamHealthQuery(Paged, frozen=True, kw_only=True):
    """Which streams, in which order."""

    pack: Annotated[str, msgspec.Meta(description="pack of the stream type")] | None = None
    type: Annotated[str, msgspec.Meta(description="stream type")] | None = None
    asset: Annotated[str, msgspec.Meta(description="asset")] | None = None
    source: Annotated[str, msgspec.Meta(description="who sent the last reading")] | None = None
    state: Annotated[str, msgspec.Meta(description="states, separated by commas")] | None = None
    q: (
        Annotated[str, msgspec.Meta(description="part of an id, or of a title of the stream type or the asset")] | None
    ) = None
    sort: Annotated[Sort, msgspec.Meta(description="what comes first: the worst, the latest, the least complete …")] = (
        "worst"
    )


_LONG = 20
"""Gaps that are listed one by one."""
_MILLIONTHS = "CAST(coalesce({0}, {1}) * 1e6 AS BIGINT)"
_ORDER: dict[str, str] = {
    # states in their order; within one, those that were quiet longest first, which no later look changes
    "worst": f"h.rank * {10**17} + coalesce(epoch_us(h.last), 0)",
    "id": "CAST(0 AS BIGINT)",
    "last": "-coalesce(epoch_us(h.last), 0)",
    "completeness": _MILLIONTHS.format("h.month", 2),
    "delay": f"-{_MILLIONTHS.format('h.delay', -1e9)}",
    "flagged": f"-{_MILLIONTHS.format('h.flagged', -1)}",
}
_SELECT = """
  SELECT h.*, {0} AS place, a.title_zh, a.title_en, k.title_zh AS kind_zh, k.title_en AS kind_en
  FROM health AS h LEFT JOIN asset AS a ON a.asset_id = h.asset_id LEFT JOIN stream_kind AS k ON k.stream_type = h.stream_type"""


def stream_standings(house: House, query: StreamHealthQuery) -> Page[StreamHealth]:
    """How every stream stands against its cadence, the worst first"""
    wanted = _states(query.state)
    part = f"coalesce(k.title_zh, '') || ' ' || coalesce(k.title_en, '') || ' ' || {'h.stream'}"
    clause, params = where(
        {
            "h.pack = $pack": query.pack,
            "h.stream_type = $type": query.type,
            "h.asset_id = $asset": query.asset,
            "h.source = $source": query.source,
            MATCH.format(part): query.q,
        }
    )
    table = _table(house)
    if wanted is not None:
        table = table.filter(pc.is_in(table["state"], value_set=pa.array(wanted, pa.string())))
    sql = f"{_SELECT.format(_ORDER[query.sort])} {clause}"
    keys = {"place": int, "stream": str}
    return fetched(house, sql, params, query, keys, lambda r: StreamHealth(**_item(r)), {"health": table})


def _states(text: str | None) -> list[str] | None:
    if text is None:
        return None
    named = [s for s in text.split(",") if s]
    if strange := [s for s in named if s not in WORST]:
        raise BadRequest(f"'{strange[0]}' is no state of a stream", f"one or more of {','.join(WORST)}", "state")
    return named


def _table(house: House) -> pa.Table:
    """The streams of the last look, with what only sorting and filtering need."""
    table = house.health().streams
    rank = pc.index_in(table["state"], value_set=pa.array(WORST)).cast(pa.int64())
    return table.append_column("rank", rank)


def _item(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["stream"],
        "asset": row["asset_id"],
        "asset_title": title(row, row["asset_id"]),
        "type": row["stream_type"],
        "title": title(row, row["stream_type"], "kind"),
        "state": row["state"],
        "cadence_s": row["cadence_s"],
        "estimated": row["estimated"],
        "last": row["last"],
        "age_s": row["age_s"],
        "completeness": Completeness(row["hour"], row["day"], row["month"]),
        "readings": int(row["n"] or 0),
        "flagged": row["flagged"],
        "delay_s": row["delay"],
        "delay_p95_s": row["delay_p95"],
        "gaps": None if row["gaps"] is None else int(row["gaps"]),
        "longest_gap_s": row["longest"],
        "jitter_s": row["jitter"],
        "unchanged": row["unchanged"],
        "source": row["source"] or "",
        "asset_streams": row["asset_streams"],
        "asset_silent": row["asset_silent"],
        "advice": advice(row["state"], row["asset_down"], row["source_down"]),
    }


def stream_standing(house: House, id: str) -> StreamHealthDetail:
    """How one stream stands, its last 30 days, and its longest gaps"""
    look = house.health()
    at = pc.index(look.streams["stream"], id).as_py()
    if at < 0:
        raise NotFound(f"the stream '{id}' is not on record", "see /api/health/streams", id)
    row = house.rows(f"{_SELECT.format('0')} WHERE h.stream = $id", {"id": id}, {"health": look.streams.slice(at, 1)})[
        0
    ]
    found = (
        gaps(house.twin, row["key"], row["cadence_s"], row["first"], look.now)
        if row["cadence_s"] and row["first"]
        else []
    )
    longest = sorted(found, key=lambda g: g[0] - g[1])[:_LONG]
    count, due = look.count[at], look.due[at]
    share = [float(min(n, e) / e) if e > 0 else None for n, e in zip(count, due, strict=True)]
    days = StreamDays(_ms(look.days), count.astype(int).tolist(), due.astype(int).tolist(), share)
    return StreamHealthDetail(
        **_item(row), days=days, gaps_total=len(found), longest_gaps=[Gap(since, until) for since, until in longest]
    )


def standings(house: House) -> HealthSummary:
    """How all streams stand: in total, by pack, by type and by source

    Computed anew every ten seconds at most, and told to all who ask meanwhile.
    """
    look = house.health()
    twin = house.twin
    assets = {r["type"]: r["n"] for r in house.rows("SELECT type, count(*) AS n FROM asset GROUP BY type")}
    named = {p.id: p.title for p in twin.packs}
    types = []
    for id, tally in look.by("kind").items():
        declared = twin.streams.get(id)
        types.append(
            TypeStanding(
                **_standing(tally),
                id=id,
                title=declared.title if declared else OPEN if id == "open" else Title(id, id),
                pack=id.partition(".")[0],
                cadence_s=float(declared.cadence_s) if declared else None,
                assets=assets.get(declared.asset, 0) if declared else tally.streams,
            )
        )
    packs = [
        PackStanding(**_standing(t), id=id, title=named.get(id, OPEN if id == "open" else Title(id, id)))
        for id, t in look.by("pack").items()
    ]
    sent = {s["source"]: s for s in look.sources}
    newest = look.streams.group_by("source").aggregate([("last", "max")])
    last = dict(zip(newest["source"].to_pylist(), newest["last_max"].to_pylist(), strict=True))
    sources = []
    for id, tally in look.by("source").items():
        lately = sent.get(id, {"readings": 0, "flagged": math.nan, "delay": math.nan, "delay_p95": math.nan})
        told = _standing(tally) | {
            "flagged": known(lately["flagged"]),
            "delay_s": known(lately["delay"]),
            "delay_p95_s": known(lately["delay_p95"]),
        }
        sources.append(SourceStanding(**told, id=id, last=last.get(id), readings=lately["readings"]))
    return HealthSummary(look.now, _ms(look.days), Standing(**_standing(look.tally())), packs, types, sources)


def _standing(tally: Tally) -> dict[str, Any]:
    return {
        "streams": tally.streams,
        "states": StateCounts(**tally.states),
        "completeness": Completeness(known(tally.hour), known(tally.day), known(tally.month)),
        "trend": known(tally.trend),
        "flagged": known(tally.flagged),
        "delay_s": known(tally.delay_s),
        "delay_p95_s": known(tally.delay_p95_s),
        "days": [known(d) for d in tally.days],
    }


def known(value: float) -> float | None:
    """What is not known is null."""
    return float(value) if np.isfinite(value) else None


def _ms(moments: tuple[datetime, ...]) -> list[int]:
    return [int(m.timestamp() * 1000) for m in moments]


ROUTES = (
    Route("GET", "/health/summary", standings),
    Route("GET", "/health/streams", stream_standings),
    Route("GET", "/health/streams/{id}", stream_standing),
)
