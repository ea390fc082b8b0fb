"""What does it mean? Indicators and their figures."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from citytwin.api.house import House
from citytwin.api.page import Page, Paged, listed, title, where
from citytwin.api.route import Query, Route
from citytwin.api.stream import milliseconds
from citytwin.engine.twin import find
from citytwin.kernel.errors import TooLarge
from citytwin.kernel.indicator import Better, Indicator, Period
from citytwin.kernel.title import Title

MOST = 200_000
"""Figures in one answer."""


class IndicatorItem(msgspec.Struct, frozen=True, kw_only=True):
    """An indicator: a figure in `unit` per asset of type `per` and `every` period."""

    id: str
    pack: str
    title: Title
    unit: str
    per: str
    every: Period
    better: Better
    source: Title
    version: str


class AssetFigure(msgspec.Struct, frozen=True):
    """The last figure of one asset."""

    asset: str
    asset_title: Title
    period: datetime
    value: float | None


class IndicatorDetail(IndicatorItem, frozen=True, kw_only=True):
    """An indicator with its definition, what it reads, and the last figure of every asset."""

    sql: str
    reads: tuple[str, ...]
    latest: list[AssetFigure]


class Figures(msgspec.Struct, frozen=True):
    """Figures in columns; `period` is when the period begins."""

    indicator: str
    unit: str
    asset: list[str]
    asset_title: list[Title]
    period: list[int]
    value: list[float | None]


class LastFigure(msgspec.Struct, frozen=True):
    """The last figure of one indicator."""

    indicator: str
    title: Title
    unit: str
    period: datetime
    value: float | None


class FigureQuery(Query, frozen=True, kw_only=True):
    """Which figures."""

    asset: Annotated[str, msgspec.Meta(description="asset")] | None = None
    since: Annotated[datetime, msgspec.Meta(description="periods that begin at this time or later")] | None = None
    until: Annotated[datetime, msgspec.Meta(description="periods that begin before this time")] | None = None


def _fields(i: Indicator) -> dict[str, Any]:
    return {
        "id": i.id,
        "pack": i.id.partition(".")[0],
        "title": i.title,
        "unit": i.unit,
        "per": i.per,
        "every": i.every,
        "better": i.better,
        "source": i.source,
        "version": i.version,
    }


def described(i: Indicator) -> IndicatorItem:
    """An indicator without its SQL."""
    return IndicatorItem(**_fields(i))


def indicators(house: House, query: Paged) -> Page[IndicatorItem]:
    """The indicators of the city"""
    return listed(enumerate(described(i) for i in house.twin.indicators.values()), query)


def indicator(house: House, id: str) -> IndicatorDetail:
    """An indicator with its definition and the last figure of every asset"""
    i = find(house.twin.indicators, id, "indicator")
    found = house.rows(
        "SELECT v.asset_id, v.period, v.value, a.title_zh, a.title_en FROM indicator_value AS v "
        "JOIN (SELECT asset_id, max(period) AS period FROM indicator_value WHERE indicator = $id GROUP BY asset_id) "
        "AS m ON m.asset_id = v.asset_id AND m.period = v.period "
        "LEFT JOIN asset AS a ON a.asset_id = v.asset_id WHERE v.indicator = $id ORDER BY v.asset_id",
        {"id": id},
    )
    latest = [AssetFigure(r["asset_id"], title(r, r["asset_id"]), r["period"], r["value"]) for r in found]
    return IndicatorDetail(**_fields(i), sql=i.sql, reads=i.reads, latest=latest)


def values(house: House, id: str, query: FigureQuery) -> Figures:
    """The figures of an indicator, in columns, by period and asset"""
    i = find(house.twin.indicators, id, "indicator")
    clause, params = where(
        {
            "v.indicator = $id": id,
            "v.asset_id = $asset": query.asset,
            "v.period >= $since": query.since,
            "v.period < $until": query.until,
        }
    )
    found = house.fetch(
        "SELECT v.asset_id, v.period, v.value, a.title_zh, a.title_en FROM indicator_value AS v "
        f"LEFT JOIN asset AS a ON a.asset_id = v.asset_id {clause} ORDER BY v.period, v.asset_id LIMIT {MOST + 1:d}",
        params,
    )
    if found.num_rows > MOST:
        raise TooLarge(f"there are more than {MOST} figures", "narrow asset, since or until", "since")
    asset, value, zh, en = (found[c].to_pylist() for c in ("asset_id", "value", "title_zh", "title_en"))
    titles = [Title(z or a, e or a) for a, z, e in zip(asset, zh, en, strict=True)]
    return Figures(id, i.unit, asset, titles, milliseconds(found["period"]), value)


def of_asset(house: House, asset: str) -> list[LastFigure]:
    """The last figure of every indicator of one asset."""
    found = house.rows(
        "SELECT v.indicator, v.period, v.value FROM indicator_value AS v "
        "JOIN (SELECT indicator, max(period) AS period FROM indicator_value WHERE asset_id = $asset GROUP BY indicator)"
        " AS m ON m.indicator = v.indicator AND m.period = v.period WHERE v.asset_id = $asset ORDER BY v.indicator",
        {"asset": asset},
    )
    known = house.twin.indicators
    return [
        LastFigure(i.id, i.title, i.unit, r["period"], r["value"]) for r in found if (i := known.get(r["indicator"]))
    ]


ROUTES = (
    Route("GET", "/indicators", indicators),
    Route("GET", "/indicators/{id}", indicator),
    Route("GET", "/indicators/{id}/values", values),
)
