"""Where is it, in words that people use? The district, region or street of assets, by the relations that lead there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np

from citytwin.engine.twin import Twin, find, rows
from citytwin.kernel.title import Title
from citytwin.science import geodesy


@dataclass(frozen=True, slots=True)
class Way:
    """A way from assets to the places that people speak of: the path of relation types `through` which it leads, and what these places are called."""

    through: str
    title: Title


def ways(twin: Twin) -> list[Way]:
    """The ways to areas that assets of any type may take, and on to the areas above these, as far as relations are on record. The nearest areas first."""
    there = {r["type"] for r in rows(twin.store.fetch("SELECT DISTINCT type FROM relation"))}
    known = [r for r in twin.relations.values() if r.id in there]
    found: list[Way] = []
    for r in known:
        area = twin.types.get(r.target)
        if r.source != "*" or area is None or area.geometry != "polygon":
            continue
        found.append(Way(r.id, area.title))
        above = [a for a in known if a.source == a.target == r.target]
        found += [
            Way(f"{r.id}/{a.id}", Title(f"{area.title.zh}（上一级）", f"{area.title.en}, the one above")) for a in above
        ]
    return found


def places(twin: Twin, through: str) -> dict[str, str]:
    """Of every asset from which it leads somewhere: where a path of relation types leads, such as `base.lies_in`, or `base.lies_in/base.part_of` for the area above.

    A step that an asset has no relation for is the end of its path; of several relations the first by the id of its target counts. Raises NotFound for a type that is none.
    """
    found: dict[str, str] = {}
    for n, kind in enumerate(through.split("/")):
        find(twin.relations, kind, "relation type")
        sql = "SELECT source, min(target) AS target FROM relation WHERE type = $type GROUP BY source"
        step = {r["source"]: r["target"] for r in rows(twin.store.fetch(sql, {"type": kind}))}
        found = step if n == 0 else {asset: step.get(place, place) for asset, place in found.items()}
    return found


def lying_in(twin: Twin, place: str) -> frozenset[str]:
    """The assets of a place, itself among them: those whose point lies in its polygon, and those without a point that a relation leads to it or to one of these.

    A relation counts that leads to things of the type that the place is. Of a place without a polygon all are those that relations lead to.
    """
    assets = twin.store.fetch("SELECT asset_id, longitude, latitude FROM asset_row")
    ids: list[str] = assets["asset_id"].to_pylist()
    lon, lat = (assets[c].to_numpy(zero_copy_only=False).astype(float) for c in ("longitude", "latitude"))
    drawn = rows(twin.store.fetch("SELECT geometry FROM asset_row WHERE asset_id = $id", {"id": place}))
    polygons = _polygons(drawn[0]["geometry"]) if drawn else []
    known = ~np.isnan(lon)
    found = {place}
    if polygons:
        found |= {ids[n] for n in np.flatnonzero(geodesy.inside(polygons, lon, lat) & known)}
    kind = twin.asset_types.get(place)
    leading = [r.id for r in twin.relations.values() if r.target == kind]
    sql = "SELECT source, target FROM relation WHERE type IN (SELECT unnest($types))"
    into: dict[str, list[str]] = {}
    for r in rows(twin.store.fetch(sql, {"types": leading})) if leading else ():
        into.setdefault(r["target"], []).append(r["source"])
    placed = {ids[n] for n in np.flatnonzero(known)} if polygons else set()
    new: Iterable[str] = tuple(found)
    while new := {s for t in new for s in into.get(t, ()) if s not in found and s not in placed}:
        found |= new
    return frozenset(found)


def _polygons(geometry: str | None) -> list[list[list[list[float]]]]:
    """The polygons of a geometry in GeoJSON; none where it is no area."""
    said = msgspec.json.decode(geometry) if geometry else {}
    match said.get("type"):
        case "Polygon":
            return [said["coordinates"]]
        case "MultiPolygon":
            return list(said["coordinates"])
    return []
