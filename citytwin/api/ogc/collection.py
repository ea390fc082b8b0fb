"""What lies in a collection? One per asset type, and one of all assets: their properties with type, unit and SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from citytwin.api.ogc.filter import Property
from citytwin.engine.twin import Twin
from citytwin.kernel.asset import AssetType, Attribute
from citytwin.kernel.errors import NotFound
from citytwin.kernel.register import THING
from citytwin.kernel.title import Title
from citytwin.kernel.units import quantity

ALL = "assets"
"""The id of the collection of all assets."""
LATEST, SPAN, THINGS = "latest", "span", "things"
"""What a property may need joined: the last reading of a stream type (`latest:<id>`), the time in which an asset reported, what clients say of a thing."""
_SQL = {
    "number": "DOUBLE",
    "integer": "BIGINT",
    "text": "VARCHAR",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "choice": "VARCHAR",
}
_KIND = {
    "number": "number",
    "integer": "number",
    "text": "string",
    "boolean": "boolean",
    "date": "date",
    "choice": "string",
}
_JSON: Mapping[str, Mapping[str, str]] = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "text": {"type": "string"},
    "choice": {"type": "string"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "object": {"type": "object"},
}
SHAPES = {
    "point": "geometry-point",
    "line": "geometry-linestring-or-multilinestring",
    "polygon": "geometry-polygon-or-multipolygon",
}
_REFS = {"point": "Point", "line": "Geometry", "polygon": "Geometry"}


@dataclass(frozen=True, slots=True)
class Field:
    """A property of features: `kind` as attributes have it, or datetime, or object. `column` is where its value is found in a row, or `attribute` in the attributes."""

    name: str
    title: Title
    kind: str
    sql: str = ""
    unit: str = ""
    choices: Mapping[str, Title] = field(default_factory=dict)
    column: str = ""
    attribute: str = ""
    needs: str = ""

    def schema(self) -> dict[str, Any]:
        """The property in JSON Schema, titles in both languages."""
        said: dict[str, Any] = {"title": f"{self.title.zh} {self.title.en}", **_JSON[self.kind]}
        if self.unit:
            said["x-ogc-unit"] = self.unit
            said["title"] += f" ({self.unit})"
        if self.choices:
            said["enum"] = list(self.choices)
            said["description"] = "; ".join(f"{id}: {t.zh} {t.en}" for id, t in self.choices.items())
        return said


@dataclass(frozen=True)
class Collection:
    """A collection and its fields; `type` is None for that of all assets."""

    id: str
    title: Title
    type: AssetType | None
    fields: tuple[Field, ...]
    latest: tuple[Field, ...]
    """What is shown of the last readings where that is asked for."""

    @property
    def shape(self) -> str:
        """The kind of its geometries; empty where they are mixed."""
        return self.type.geometry if self.type and self.type != THING else ""

    @cached_property
    def known(self) -> Mapping[str, Field]:
        """All fields that may be asked about, by name."""
        return {f.name: f for f in (*self.fields, *self.latest) if f.sql}

    def properties(self, spatial: bool) -> dict[str, Property]:
        """The same as a filter takes them, and the geometry."""
        kinds = {**_KIND, "datetime": "datetime"}
        found = {f.name: Property(kinds[f.kind], f.sql, f.needs) for f in self.known.values()}
        if self.shape != "none":
            found["geometry"] = Property("geometry", place(self, spatial))
        return found

    def schema(self, uri: str, queryables: bool, latest: bool = True) -> dict[str, Any]:
        """What may be asked about (`queryables`) or what features have, as a JSON Schema."""
        fields = (*self.fields, *(self.latest if latest else ()))
        told: dict[str, Any] = {f.name: f.schema() for f in fields if f.sql or not queryables}
        told["id"] |= {"x-ogc-role": "id"}
        told["since"] |= {"x-ogc-role": "primary-interval-start"}
        told["until"] |= {"x-ogc-role": "primary-interval-end"}
        if self.shape != "none":
            # old clients look for the reference, new ones for the format
            told["geometry"] = {
                "title": "位置 Place",
                "x-ogc-role": "primary-geometry",
                "format": SHAPES.get(self.shape, "geometry-any"),
                "$ref": f"https://geojson.org/schema/{_REFS.get(self.shape, 'Geometry')}.json",
            }
        for n, name in enumerate(told, 1):
            told[name]["x-ogc-propertySeq"] = n
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": uri,
            "type": "object",
            "title": f"{self.title.zh} {self.title.en}",
            "properties": told,
            "additionalProperties": False,
        }


def place(of: Collection, spatial: bool) -> str:
    """The geometry of a row in SQL. A point is made of its coordinates: that is cheaper than reading GeoJSON."""
    if not spatial:
        return "a.geometry"
    return "ST_Point(a.longitude, a.latitude)" if of.shape == "point" else "ST_GeomFromGeoJSON(a.geometry)"


def collections(twin: Twin) -> dict[str, Collection]:
    """All collections of a city by id."""
    found = {ALL: Collection(ALL, Title("全部资产", "All assets"), None, _COMMON, (_ALL_LATEST,))}
    for kind in twin.types.values():
        if kind == THING:
            found[kind.id] = Collection(kind.id, kind.title, kind, (*_COMMON, *_OF_THINGS), (_ALL_LATEST,))
            continue
        fields = (*_COMMON, *(_attribute(a) for a in kind.attributes))
        found[kind.id] = Collection(kind.id, kind.title, kind, fields, _latest(twin, kind.id))
    return found


def find(all: Mapping[str, Collection], id: str) -> Collection:
    """The collection with this id. Raises NotFound."""
    if id not in all:
        raise NotFound(f"there is no collection '{id[:100]}'", "see /ogc/collections", "collectionId")
    return all[id]


_COMMON = (
    Field("id", Title("编号", "Id"), "text", "a.asset_id", column="id"),
    Field("type", Title("类型", "Type"), "text", "a.type", column="type"),
    Field("zh", Title("中文名", "Chinese name"), "text", "a.title_zh", column="zh"),
    Field("en", Title("英文名", "English name"), "text", "a.title_en", column="en"),
    Field("since", Title("首次读数", "First reading"), "datetime", "s.since", column="since", needs=SPAN),
    Field("until", Title("最近读数", "Last reading"), "datetime", "s.until", column="until", needs=SPAN),
)
"""Fields of every feature."""
_TAKEN = {f.name for f in _COMMON} | {"geometry"}
_OF_THINGS = (
    Field("description", Title("说明", "Description"), "text", "t.description", column="description", needs=THINGS),
    Field("properties", Title("属性", "Properties"), "object", column="more", needs=THINGS),
)
_ALL_LATEST = Field("latest", Title("最新读数", "Latest readings"), "object", column="latest", needs=LATEST)
"""Streams differ from asset to asset here, so what they read last is one object: stream type → value."""


def _attribute(a: Attribute) -> Field:
    """An attribute; one whose name is taken gets a `_` behind it."""
    sql = f"TRY_CAST(json_extract_string(a.attributes, '$.{a.id}') AS {_SQL[a.kind]})"
    return Field(f"{a.id}_" if a.id in _TAKEN else a.id, a.title, a.kind, sql, a.unit, a.choices, attribute=a.id)


def _latest(twin: Twin, type: str) -> tuple[Field, ...]:
    """Of each stream type of an asset type the value and time of the last reading."""
    found: list[Field] = []
    for n, s in enumerate(k for k in twin.streams.values() if k.asset == type):
        at = Title(f"{s.title.zh}时间", f"Time of {s.title.en}")
        needs, unit = f"{LATEST}:{s.id}", quantity(s.quantity).unit
        found.append(Field(s.id, s.title, "number", f"l{n}.value", unit, column=f"v{n}", needs=needs))
        found.append(Field(f"{s.id}.time", at, "datetime", f"l{n}.time", column=f"t{n}", needs=needs))
    return tuple(found)
