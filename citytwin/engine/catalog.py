"""What is there? Checks assets and relations against their types and puts them on record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
import pyarrow as pa

from citytwin.engine.twin import Twin
from citytwin.kernel.asset import Asset, Attribute
from citytwin.kernel.errors import BadDeclaration, Fault
from citytwin.kernel.register import Act, News
from citytwin.kernel.relation import Relation
from citytwin.kernel.store import AWAIT, Change
from citytwin.kernel.stream import stream_id

GEOMETRIES = {
    "point": ("Point",),
    "line": ("LineString", "MultiLineString"),
    "polygon": ("Polygon", "MultiPolygon"),
    "none": (),
}
LARGEST = 1e300
"""Numbers beyond this are mistakes, and no double holds them exactly."""
_ASSET_ID = "abcdefghijklmnopqrstuvwxyz0123456789_-"


def add(twin: Twin, assets: Sequence[Asset] = (), relations: Sequence[Relation] = ()) -> None:
    """Put assets and relations on record, replacing those with the same id; all or, if any is at fault, none. Idempotent."""
    faults = check(twin, assets, relations)
    if faults:
        raise BadDeclaration(
            f"{len(faults)} faults in assets or relations; nothing was recorded",
            "mend the places named",
            "",
            tuple(faults),
        )
    if not assets and not relations:
        return
    changes = []
    digest = hashlib.sha256()
    if assets:
        table = asset_table(assets)
        digest.update(msgspec.json.encode(table.to_pylist(), order="deterministic"))
        changes += [
            Change(
                "DELETE FROM asset_row WHERE asset_id IN (SELECT asset_id FROM incoming)", tables={"incoming": table}
            ),
            Change(
                "INSERT INTO asset_row SELECT asset_id, type, title_zh, title_en, longitude, latitude, geometry, attributes FROM incoming",
                tables={"incoming": table},
            ),
            Change(
                "DELETE FROM stream_awaited WHERE asset_id IN (SELECT asset_id FROM incoming)",
                tables={"incoming": table},
            ),
            Change(AWAIT.format("incoming"), tables={"incoming": table, "declared": _declared(twin)}),
        ]
        # indicators that read these types hold no longer
        stale = [i.id for i in twin.indicators.values() if {a.type for a in assets} & set(i.reads)]
        if stale:
            changes.append(
                Change(
                    "DELETE FROM watermark WHERE name IN (SELECT name FROM stale)",
                    tables={"stale": pa.table({"name": stale})},
                )
            )
    if relations:
        table = pa.table(
            {k: pa.array([getattr(r, k) for r in relations], pa.string()) for k in ("source", "type", "target")}
        )
        digest.update(msgspec.json.encode(table.to_pylist(), order="deterministic"))
        changes.append(
            Change(
                "INSERT INTO relation_row SELECT DISTINCT source, type, target FROM incoming ON CONFLICT DO NOTHING",
                tables={"incoming": table},
            )
        )
    with twin.turn:
        twin.store.commit(
            *changes, leaves=[("catalog", f"{len(assets)} assets, {len(relations)} relations", digest.hexdigest())]
        )
        acts: dict[str, Act] = {a.id: "update" if a.id in twin.asset_types else "create" for a in assets}
        twin.asset_types.update({a.id: a.type for a in assets})
    awaited: list[News] = [
        ("datastream", stream_id(a.id, k.id), acts[a.id])
        for a in assets
        for k in twin.streams.values()
        if k.asset == a.type
    ]
    twin.tell([*((kind, a.id, acts[a.id]) for a in assets for kind in ("thing", "location")), *awaited])


def _declared(twin: Twin) -> pa.Table:
    """The streams that assets of each type have."""
    kinds = twin.streams.values()
    return pa.table(
        {
            "type": pa.array([k.asset for k in kinds], pa.string()),
            "stream_type": pa.array([k.id for k in kinds], pa.string()),
        }
    )


def check(twin: Twin, assets: Iterable[Asset], relations: Iterable[Relation]) -> list[Fault]:
    """Everything in which these assets and relations do not fit their types."""
    faults: list[Fault] = []
    known = dict(twin.asset_types)
    here: set[str] = set()
    for asset in assets:
        if asset.id in here:
            faults.append(Fault(f"asset {asset.id}", "ASSET", "the id stands twice", "keep one of them"))
        here.add(asset.id)
        faults += [Fault(f"asset {asset.id}", "ASSET", message, hint) for message, hint in _asset_faults(twin, asset)]
        known[asset.id] = asset.type
    for r in relations:
        where = f"relation {r.source} {r.type} {r.target}"
        kind = twin.relations.get(r.type)
        if kind is None:
            faults.append(Fault(where, "RELATION", f"relation type '{r.type}' is not declared"))
            continue
        for end, wanted in ((r.source, kind.source), (r.target, kind.target)):
            if end not in known:
                faults.append(Fault(where, "RELATION", f"asset '{end}' is not on record", "add it first"))
            elif wanted not in ("*", known[end]):
                faults.append(Fault(where, "RELATION", f"'{end}' is a {known[end]}, not a {wanted}"))
    return faults


def _asset_faults(twin: Twin, asset: Asset) -> Iterable[tuple[str, str]]:
    if not (0 < len(asset.id) <= 64 and set(asset.id) <= set(_ASSET_ID) and asset.id[0].isalnum()):
        yield "the id is not one", "lower case letters, digits, - and _, at most 64"
    if not asset.title.zh.strip() or not asset.title.en.strip() or "\0" in asset.title.zh + asset.title.en:
        yield "the title is empty or not text", "give a name in Chinese and in English"
    kind = twin.types.get(asset.type)
    if kind is None:
        yield f"type '{asset.type}' is not declared", "see /api/types"
        return
    if asset.geometry is not None:
        shape = asset.geometry.get("type")
        if shape not in GEOMETRIES[kind.geometry]:
            yield f"geometry {shape} does not fit type '{kind.id}' ({kind.geometry})", ""
        elif not sound(asset.geometry.get("coordinates"), str(shape)):
            yield (
                "the geometry's coordinates are not longitudes and latitudes",
                "GeoJSON in WGS 84, [longitude, latitude]",
            )
    declared = {a.id: a for a in kind.attributes}
    for name, value in asset.attributes.items():
        if name not in declared:
            yield f"attribute '{name}' is not declared for '{kind.id}'", f"declared: {', '.join(declared)}"
        elif value is not None:
            fault = _attribute_fault(declared[name], value)
            if fault:
                yield f"attribute '{name}' {fault}", ""
    for name, attribute in declared.items():
        if attribute.required and asset.attributes.get(name) is None:
            yield f"attribute '{name}' is required for '{kind.id}'", ""


def _attribute_fault(attribute: Attribute, value: Any) -> str:
    match attribute.kind:
        case "number" | "integer":
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
                return f"is {str(value)[:40]!r}, not a number"
            if attribute.kind == "integer" and value != int(value):
                return f"is {value!r}, not a whole number"
            if attribute.low is not None and value < attribute.low:
                return f"is {value}, below {attribute.low}"
            if attribute.high is not None and value > attribute.high:
                return f"is {value}, above {attribute.high}"
        case "text":
            if not isinstance(value, str) or "\0" in value:
                return f"is {str(value)[:40]!r}, not text"
        case "boolean":
            if not isinstance(value, bool):
                return f"is {value!r}, not true or false"
        case "choice":
            if value not in attribute.choices:
                return f"is {value!r}, none of: {', '.join(attribute.choices)}"
        case "date":
            try:
                date.fromisoformat(value)
            except (TypeError, ValueError):
                return f"is {value!r}, not a date (YYYY-MM-DD)"
    return ""


def sound(coordinates: Any, shape: str) -> bool:
    """Whether these are the coordinates of a GeoJSON geometry of this kind, in degrees (RFC 7946, 3.1)."""
    if not isinstance(coordinates, list | tuple):
        return False
    if shape == "Point":
        degrees = [c for c in coordinates[:2] if isinstance(c, int | float) and not isinstance(c, bool)]
        return len(degrees) == 2 and abs(degrees[0]) <= 180 and abs(degrees[1]) <= 90
    if shape == "LineString":
        return len(coordinates) >= 2 and all(sound(c, "Point") for c in coordinates)
    if shape == "Polygon":
        closed = all(sound(r, "LineString") and len(r) >= 4 and list(r[0]) == list(r[-1]) for r in coordinates)
        return len(coordinates) > 0 and closed
    return len(coordinates) > 0 and all(sound(c, shape.removeprefix("Multi")) for c in coordinates)


def geometry_fault(value: Any) -> str:
    """What is wrong with a GeoJSON geometry or feature of any kind; nothing where it is sound."""
    if isinstance(value, dict) and value.get("type") == "Feature":
        value = value.get("geometry")
    if not isinstance(value, dict):
        return "is no GeoJSON geometry"
    kind = value.get("type")
    if kind == "GeometryCollection":
        parts = value.get("geometries")
        return (
            ""
            if isinstance(parts, list) and not any(map(geometry_fault, parts))
            else "is no sound collection of geometries"
        )
    known = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
    if kind not in known or not sound(value.get("coordinates"), kind) or not _numbers(value["coordinates"]):
        return "is no sound GeoJSON geometry"
    return ""


def _numbers(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def asset_table(assets: Iterable[Asset]) -> pa.Table:
    """Assets as rows of the store."""
    columns: dict[str, list[Any]] = {
        k: [] for k in ("asset_id", "type", "title_zh", "title_en", "longitude", "latitude", "geometry", "attributes")
    }
    for a in assets:
        lon, lat = _middle(a.geometry)
        row = (a.id, a.type, a.title.zh, a.title.en, lon, lat)
        for key, value in zip(columns, row, strict=False):
            columns[key].append(value)
        columns["geometry"].append(msgspec.json.encode(a.geometry).decode() if a.geometry else None)
        columns["attributes"].append(msgspec.json.encode(a.attributes).decode())
    kinds = {"longitude": pa.float64(), "latitude": pa.float64()}
    return pa.table({k: pa.array(v, kinds.get(k, pa.string())) for k, v in columns.items()})


def _middle(geometry: Mapping[str, Any] | None) -> tuple[float | None, float | None]:
    """Where to put the asset's mark: the point, the middle vertex of a line, the mean of a polygon's outer ring."""
    if geometry is None:
        return None, None
    c = geometry["coordinates"]
    match geometry["type"]:
        case "Point":
            return float(c[0]), float(c[1])
        case "LineString":
            return float(c[len(c) // 2][0]), float(c[len(c) // 2][1])
        case "MultiLineString":
            return float(c[0][len(c[0]) // 2][0]), float(c[0][len(c[0]) // 2][1])
        case "MultiPolygon":
            c = c[0]
    ring = c[0][:-1] or c[0]
    return sum(p[0] for p in ring) / len(ring), sum(p[1] for p in ring) / len(ring)
