"""What is there? Assets, their place on the map, and what belongs to what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from citytwin.api import alarm, case, indicator, stream
from citytwin.api.house import House
from citytwin.api.page import Page, Paged, fetched, title, where
from citytwin.api.route import Body, Query, Route
from citytwin.engine import catalog
from citytwin.kernel.asset import Asset
from citytwin.kernel.errors import BadDeclaration, Fault, NotFound
from citytwin.kernel.relation import Relation
from citytwin.kernel.title import Title

SHOWN = 100
"""Alarms and cases told with an asset; the lists tell the others."""
LINKED = 1000
"""Relations told with an asset."""
FIXED = {"id", "type", "zh", "en"}
"""Properties of every feature; an attribute of the same name gives way."""


class AssetItem(msgspec.Struct, frozen=True):
    """An asset; its position is where to put its mark."""

    id: str
    type: str
    title: Title
    longitude: float | None
    latitude: float | None
    attributes: dict[str, Any]


class AttributeValue(msgspec.Struct, frozen=True):
    """An attribute of an asset; `value_title` is the name of a value that was chosen from a list."""

    id: str
    title: Title
    unit: str
    value: Any
    value_title: Title | None = None


class Neighbour(msgspec.Struct, frozen=True):
    """An asset by name."""

    id: str
    type: str
    title: Title


class Link(msgspec.Struct, frozen=True):
    """A relation of the asset: out to, or in from, another one."""

    type: str
    title: Title
    direction: Literal["out", "in"]
    asset: Neighbour


class AssetDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An asset with everything that is known of it: at most the newest 100 alarms and cases, and 1000 relations."""

    id: str
    type: str
    type_title: Title
    title: Title
    geometry: dict[str, Any] | None
    longitude: float | None
    latitude: float | None
    attributes: list[AttributeValue]
    relations: list[Link]
    relations_total: int
    streams: list[stream.StreamItem]
    indicators: list[indicator.LastFigure]
    alarms: list[alarm.AlarmItem]
    cases: list[case.CaseItem]


class RelationItem(msgspec.Struct, frozen=True):
    """`source` stands in relation `type` to `target`."""

    source: str
    type: str
    target: str


class Feature(msgspec.Struct, frozen=True):
    """An asset as GeoJSON; its attributes are properties beside id, type, zh and en."""

    type: Literal["Feature"]
    id: str
    geometry: dict[str, Any]
    properties: dict[str, Any]


class FeatureCollection(msgspec.Struct, frozen=True):
    """The assets that have a geometry, as GeoJSON (RFC 7946)."""

    type: Literal["FeatureCollection"]
    features: list[Feature]


class AssetQuery(Paged, frozen=True, kw_only=True):
    """Which assets."""

    type: Annotated[str, msgspec.Meta(description="asset type")] | None = None
    q: Annotated[str, msgspec.Meta(description="part of an id or a title")] | None = None


class FeatureQuery(Query, frozen=True, kw_only=True):
    """Which assets."""

    type: Annotated[str, msgspec.Meta(description="asset type")] | None = None


class RelationQuery(Paged, frozen=True, kw_only=True):
    """Which relations."""

    type: Annotated[str, msgspec.Meta(description="relation type")] | None = None
    source: Annotated[str, msgspec.Meta(description="asset")] | None = None
    target: Annotated[str, msgspec.Meta(description="asset")] | None = None


class NewTitle(Body, frozen=True, kw_only=True):
    """A name in Chinese and English."""

    zh: str
    en: str


class NewAsset(Body, frozen=True, kw_only=True):
    """An asset; `geometry` is GeoJSON in WGS 84."""

    id: str
    type: str
    title: NewTitle
    geometry: dict[str, Any] | None = None
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)


class NewRelation(Body, frozen=True, kw_only=True):
    """A relation between two assets."""

    source: str
    type: str
    target: str


class Additions(Body, frozen=True, kw_only=True):
    """Assets and relations to put on record; an asset on record with the same id is replaced."""

    assets: list[NewAsset] = msgspec.field(default_factory=list)
    relations: list[NewRelation] = msgspec.field(default_factory=list)


class Added(msgspec.Struct, frozen=True):
    """How many were put on record."""

    assets: int
    relations: int


_SELECT = "SELECT a.asset_id, a.type, a.title_zh, a.title_en, a.longitude, a.latitude, a.attributes FROM asset AS a"


def assets(house: House, query: AssetQuery) -> Page[AssetItem]:
    """Assets by id"""
    clause, params = where({"a.type = $type": query.type, stream.MATCH.format("a.asset_id"): query.q})
    return fetched(house, f"{_SELECT} {clause}", params, query, {"asset_id": str}, _item)


def _item(row: Mapping[str, Any]) -> AssetItem:
    id = row["asset_id"]
    attributes = msgspec.json.decode(row["attributes"])
    return AssetItem(id, row["type"], title(row, id), row["longitude"], row["latitude"], attributes)


def geojson(house: House, query: FeatureQuery) -> bytes:
    """Assets as GeoJSON, for maps"""
    clause, params = where({"type = $type": query.type})
    found = house.fetch(
        "SELECT asset_id, type, title_zh, title_en, geometry, attributes FROM asset_row "
        f"{clause} {'AND' if clause else 'WHERE'} geometry IS NOT NULL ORDER BY asset_id",
        params,
    )
    clash = {k.id for k in house.twin.types.values() if FIXED & {a.id for a in k.attributes}}
    text = msgspec.json.Encoder().encode
    columns = (found[c].to_pylist() for c in ("asset_id", "type", "title_zh", "title_en", "geometry", "attributes"))
    parts = []
    for id, kind, zh, en, geometry, attributes in zip(*columns, strict=True):
        if kind in clash:
            kept = {k: v for k, v in msgspec.json.decode(attributes).items() if k not in FIXED}
            attributes = text(kept).decode()
        name = text(id)
        parts.append(
            b'{"type":"Feature","id":%b,"geometry":%b,"properties":{"id":%b,"type":%b,"zh":%b,"en":%b%b%b}'
            % (
                name,
                geometry.encode(),
                name,
                text(kind),
                text(zh),
                text(en),
                b"," if len(attributes) > 2 else b"",
                attributes[1:].encode(),  # the stored object without its opening brace: what is stored is not parsed
            )
        )
    return b'{"type":"FeatureCollection","features":[' + b",".join(parts) + b"]}"


def asset(house: House, id: str) -> AssetDetail:
    """An asset with its attributes, relations, streams, figures, alarms and cases"""
    found = house.rows(
        "SELECT asset_id, type, title_zh, title_en, longitude, latitude, geometry, attributes FROM asset_row "
        "WHERE asset_id = $id",
        {"id": id},
    )
    if not found:
        raise NotFound(f"there is no asset '{id}'", "see /api/assets", id)
    row = found[0]
    kind = house.twin.types.get(row["type"])
    links, total = _links(house, id)
    return AssetDetail(
        id=id,
        type=row["type"],
        type_title=kind.title if kind else Title(row["type"], row["type"]),
        title=title(row, id),
        geometry=msgspec.json.decode(row["geometry"]) if row["geometry"] else None,
        longitude=row["longitude"],
        latitude=row["latitude"],
        attributes=_attributes(house, row["type"], msgspec.json.decode(row["attributes"])),
        relations=links,
        relations_total=total,
        streams=stream.of_asset(house, id),
        indicators=indicator.of_asset(house, id),
        alarms=alarm.of_asset(house, id, SHOWN),
        cases=case.of_asset(house, id, SHOWN),
    )


def _attributes(house: House, type: str, held: dict[str, Any]) -> list[AttributeValue]:
    """Those declared, in their order, then those no longer declared."""
    kind = house.twin.types.get(type)
    declared = {a.id: a for a in kind.attributes} if kind else {}
    known = [
        AttributeValue(a.id, a.title, a.unit, held[a.id], a.choices.get(held[a.id]) if a.choices else None)
        for a in declared.values()
        if a.id in held
    ]
    return known + [AttributeValue(k, Title(k, k), "", v) for k, v in held.items() if k not in declared]


def _links(house: House, id: str) -> tuple[list[Link], int]:
    """The relations of an asset in both directions, and how many there are."""
    sql = """
      SELECT 'out' AS direction, type, target AS other FROM relation WHERE source = $id
      UNION ALL SELECT 'in' AS direction, type, source AS other FROM relation WHERE target = $id"""
    total = house.rows(f"SELECT count(*) AS n FROM ({sql}) AS r", {"id": id})[0]["n"]
    found = house.rows(
        f"SELECT r.direction, r.type, r.other, a.type AS kind, a.title_zh, a.title_en FROM ({sql}) AS r "
        "LEFT JOIN asset AS a ON a.asset_id = r.other "
        f"ORDER BY r.direction DESC, r.type, r.other LIMIT {LINKED:d}",
        {"id": id},
    )
    links = []
    for r in found:
        kind = house.twin.relations.get(r["type"])
        name = kind.title if kind else Title(r["type"], r["type"])
        other = Neighbour(r["other"], r["kind"] or "", title(r, r["other"]))
        links.append(Link(r["type"], name, r["direction"], other))
    return links, total


def add(house: House, body: Additions) -> Added:
    """Put assets and relations on record: all, or if any is at fault none"""
    twice = [id for id, n in Counter(a.id for a in body.assets).items() if n > 1]
    if twice:
        faults = tuple(Fault(f"asset {id}", "ASSET", "the id stands twice", "keep one of them") for id in twice)
        raise BadDeclaration("assets stand twice; nothing was recorded", "mend the places named", "assets", faults)
    new = [Asset(a.id, a.type, Title(a.title.zh, a.title.en), a.geometry, a.attributes) for a in body.assets]
    catalog.add(house.twin, new, [Relation(r.source, r.type, r.target) for r in body.relations])
    return Added(len(body.assets), len(body.relations))


def relations(house: House, query: RelationQuery) -> Page[RelationItem]:
    """Relations between assets"""
    clause, params = where(
        {"r.type = $type": query.type, "r.source = $source": query.source, "r.target = $target": query.target}
    )
    sql = f"SELECT r.source, r.type, r.target FROM relation AS r {clause}"
    order = {"source": str, "type": str, "target": str}
    return fetched(house, sql, params, query, order, lambda r: RelationItem(r["source"], r["type"], r["target"]))


ROUTES = (
    Route("GET", "/assets", assets),
    Route("GET", "/assets.geojson", geojson, media="application/geo+json", response=FeatureCollection),
    Route("POST", "/assets", add),
    Route("GET", "/assets/{id}", asset),
    Route("GET", "/relations", relations),
)
