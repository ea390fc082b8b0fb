"""How do readings get out? Any set of streams over any span, page by page, in every form that readings come in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec

from citytwin.api.house import House
from citytwin.api.route import EARLIEST, LATEST, Query, Route
from citytwin.engine import decode, export
from citytwin.kernel.errors import BadRequest

DAY = timedelta(days=1)


class ReadingsQuery(Query, frozen=True, kw_only=True):
    """Which readings: all of a span, or those of some streams, of a stream type or of an asset."""

    streams: Annotated[str, msgspec.Meta(description="ids, separated by commas", max_length=4000)] = ""
    type: Annotated[str, msgspec.Meta(description="stream type")] = ""
    asset: str = ""
    since: datetime | None = None
    until: datetime | None = None
    after: Annotated[
        str,
        msgspec.Meta(description="time and stream of the last row of the page before, as 2026-01-31T08:00:00Z,stream"),
    ] = ""
    rows: Annotated[int, msgspec.Meta(ge=1, le=export.MOST)] = 100_000


def _page(house: House, query: ReadingsQuery, form: str) -> bytes:
    time, _, stream = query.after.partition(",")
    after = None
    if query.after:
        try:
            after = (datetime.fromisoformat(time), stream)
            if after[0].tzinfo is None or not stream:
                raise ValueError
        except ValueError:
            raise BadRequest(
                f"after={query.after[:100]} is no place", "time and stream: 2026-01-31T08:00:00Z,a.b.c", "after"
            ) from None
    streams = [s for s in query.streams.split(",") if s]
    table = export.page(
        house.twin, query.since or EARLIEST, query.until or LATEST, streams, query.type, query.asset, after, query.rows
    )
    return export.encoded(table, form)


def readings_csv(house: House, query: ReadingsQuery) -> bytes:
    """Readings as CSV: stream, time, value, quality, unit"""
    return _page(house, query, "csv")


def readings_arrow(house: House, query: ReadingsQuery) -> bytes:
    """Readings as an Arrow stream"""
    return _page(house, query, "arrow")


def readings_parquet(house: House, query: ReadingsQuery) -> bytes:
    """Readings as Parquet"""
    return _page(house, query, "parquet")


def readings_json(house: House, query: ReadingsQuery) -> bytes:
    """Readings as a list in JSON"""
    return _page(house, query, "json")


def readings_lp(house: House, query: ReadingsQuery) -> bytes:
    """Readings as InfluxDB line protocol"""
    return _page(house, query, "lp")


def readings_senml(house: House, query: ReadingsQuery) -> bytes:
    """Readings as SenML"""
    return _page(house, query, "senml")


_MEDIA: dict[str, tuple[Callable[..., bytes], str, Any]] = {
    "csv": (readings_csv, "text/csv; charset=utf-8", str),
    "arrow": (readings_arrow, decode.ARROW, bytes),
    "parquet": (readings_parquet, decode.PARQUET, bytes),
    "json": (readings_json, "application/json", list[decode.Row]),
    "lp": (readings_lp, "text/plain; charset=utf-8", str),
    "senml": (readings_senml, decode.SENML, list[dict[str, Any]]),
}
ROUTES = tuple(
    Route("GET", f"/readings.{form}", answer, media=media, response=kind)
    for form, (answer, media, kind) in _MEDIA.items()
)
