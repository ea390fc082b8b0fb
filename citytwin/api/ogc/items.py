"""Which features? Bounding box, time, properties and filter become one statement of the store; what it finds is written as GeoJSON, page by page."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
import pyarrow as pa

from citytwin.api import page
from citytwin.api.house import House
from citytwin.api.ogc import cql2, filter
from citytwin.api.ogc.collection import LATEST, SPAN, THINGS, Collection, Field, place
from citytwin.api.sta.error import Malformed, Unserved
from citytwin.api.sta.value import Parameters
from citytwin.kernel.errors import BadRequest, NotFound

PAGE, MOST = 100, 10_000
"""Features of a page where nobody asks for a number, and at most."""
LONGEST_S = 20.0
"""Seconds that one statement of a client may take."""
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_CRS84 = {
    CRS84,
    "https://www.opengis.net/def/crs/OGC/1.3/CRS84",
    "[OGC:CRS84]",
    "http://www.opengis.net/def/crs/OGC/0/CRS84h",
}
LANGUAGES = ("cql2-text", "cql2-json")
ASKED = ("bbox", "datetime", "limit", "filter", "filter-lang", "filter-crs", "latest", "cursor", "f")
"""Parameters of items beside those named after properties."""
_NAMES = re.compile(r"\$(p[0-9]+)")
_text = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Asked:
    """A question for items, in SQL; `where` holds of all pages."""

    where: str
    params: Mapping[str, Any]
    needs: frozenset[str]
    limit: int
    after: str
    latest: bool


def asked(house: House, of: Collection, given: Mapping[str, str]) -> Asked:
    """What the parameters ask for. Raises BadRequest naming the one at fault."""
    spatial, bound = house.twin.store.spatial, Parameters()
    where = [f"a.type = {bound.bind(of.type.id, 'string')}"] if of.type else []
    needs: set[str] = set()
    if box := given.get("bbox"):
        where.append(_box(of, box, bound, spatial))
    if span := given.get("datetime"):
        where.append(_span(span, bound))
        needs.add(SPAN)
    for name, text in given.items():
        if name not in ASKED:
            known = of.known.get(name)
            if known is None:
                raise BadRequest(
                    f"'{name[:100]}' is not a parameter here", f"known: {', '.join((*ASKED, *of.known))}", name[:100]
                )
            where.append(_equal(known, text, bound))
            needs |= {known.needs} - {""}
    if said := given.get("filter"):
        language = given.get("filter-lang", "cql2-text")
        if language not in LANGUAGES:
            raise BadRequest(f"'{language[:100]}' is not read here", f"one of {', '.join(LANGUAGES)}", "filter-lang")
        if (crs := given.get("filter-crs", CRS84)) not in _CRS84:
            raise BadRequest(
                f"'{crs[:200]}' is not known here", f"filters are in {CRS84}: longitude, latitude", "filter-crs"
            )
        made = filter.Filter(of.properties(spatial), bound, spatial)
        try:
            where.append(made.condition(cql2.read(said, language)))
        except Malformed as e:
            raise BadRequest(f"the filter, {e.where}: {e.message}", e.hint, "filter") from e
        needs |= made.used
    condition = " AND ".join(where) or "TRUE"
    named = set(_NAMES.findall(condition))
    return Asked(
        condition,
        {n: v for n, v in bound.values.items() if n in named},  # the store refuses those not named
        frozenset(needs),
        _limit(given.get("limit", "")),
        given.get("cursor", ""),
        truth(given.get("latest", ""), "latest"),
    )


def truth(text: str, name: str) -> bool:
    """A parameter that is true or false. Raises BadRequest."""
    if text not in ("", "true", "false"):
        raise BadRequest(f"{name}={text[:100]}", "true or false", name)
    return text == "true"


def _limit(text: str) -> int:
    if not text:
        return PAGE
    if not (text.isascii() and text.isdigit()) or len(text) > 12 or int(text) < 1:
        raise BadRequest(
            f"limit={text[:100]} is not a number of features",
            f"a whole number from 1; at most {MOST} are sent at once",
            "limit",
        )
    return min(int(text), MOST)


def _box(of: Collection, text: str, bound: Parameters, spatial: bool) -> str:
    try:
        numbers = [float(n) for n in text.split(",")]
        if not all(math.isfinite(n) for n in numbers):
            raise ValueError
        shape = cql2.box(numbers)
    except (ValueError, Malformed) as e:
        why = e.message if isinstance(e, Malformed) else "it is not numbers"
        raise BadRequest(f"bbox={text[:100]}: {why}", "west,south,east,north in degrees", "bbox") from None
    if of.shape == "none":
        return "FALSE"
    if of.shape == "point":
        west, south, east, north = (*numbers[:2], *numbers[len(numbers) // 2 : len(numbers) // 2 + 2])
        low, high = bound.bind(west, "number"), bound.bind(east, "number")
        across = f"(a.longitude >= {low} {'AND' if west <= east else 'OR'} a.longitude <= {high})"
        return f"{across} AND a.latitude BETWEEN {bound.bind(south, 'number')} AND {bound.bind(north, 'number')}"
    if not spatial:
        raise Unserved("only points are compared with a box here: the extra 'spatial' is not installed", 0, "bbox")
    return f"ST_Intersects({place(of, spatial)}, ST_GeomFromText({bound.bind(shape.wkt, 'string')}))"


def _span(text: str, bound: Parameters) -> str:
    try:
        since, until = filter.moments(text)
    except (ValueError, OverflowError) as e:
        raise BadRequest(
            f"datetime={text[:100]}: {e}", "2026-01-31T08:00:00Z, or a span such as 2026-01-01T00:00:00Z/..", "datetime"
        ) from None
    parts = ["s.since IS NOT NULL"]
    if since:
        parts.append(f"s.until >= {bound.bind(since, 'datetime')}")
    if until:
        parts.append(f"s.since <= {bound.bind(until, 'datetime')}")
    return f"({' AND '.join(parts)})"


def _equal(known: Field, text: str, bound: Parameters) -> str:
    kind = "string" if known.kind in ("text", "choice") else "number" if known.kind == "integer" else known.kind
    value: Any = text
    try:
        if kind == "number":
            value = float(text)
            if not math.isfinite(value):
                raise ValueError
        elif kind == "boolean":
            value = {"true": True, "false": False}[text]
        elif kind == "date":
            value = date.fromisoformat(text)
        elif kind == "datetime":
            value = datetime.fromisoformat(text)
            if value.tzinfo is None:
                raise ValueError
    except (ValueError, KeyError):
        raise BadRequest(f"{known.name}={text[:100]} is no {kind}", f"{known.title.en}: a {kind}", known.name) from None
    return f"{known.sql} = {bound.bind(value, kind)}"


def read(house: House, of: Collection, question: Asked) -> tuple[list[bytes], int, str]:
    """A page of features as GeoJSON, how many there are in all, and the cursor of the next page (empty: there is none)."""
    shown = (*of.fields, *(of.latest if question.latest else ()))
    needs = question.needs | {f.needs for f in shown if f.needs}
    counted = _fetch(
        house,
        f"SELECT count(*) AS n {_from(of, question.needs)} WHERE {question.where}",
        question.params,
        question.needs,
    )
    where, params = question.where, dict(question.params)
    if question.after:
        (where_after,) = page.read(question.after, (str,))
        where, params["after"] = f"{where} AND a.asset_id > $after", where_after
    columns = ", ".join(f"{_column(f)} AS {f.column}" for f in shown if f.column)
    rows = _fetch(
        house,
        f"SELECT {columns}, a.geometry, a.attributes {_from(of, needs)} WHERE {where} ORDER BY a.asset_id LIMIT {question.limit + 1:d}",
        params,
        needs,
    ).to_pylist()
    made = [_feature(row, shown) for row in rows[: question.limit]]
    more = page.write((rows[question.limit - 1]["id"],)) if len(rows) > question.limit else ""
    return made, counted["n"][0].as_py(), more


def one(house: House, of: Collection, id: str, latest: bool) -> bytes:
    """One feature. Raises NotFound."""
    bound = Parameters()
    where = f"a.asset_id = {bound.bind(id, 'string')}" + (
        f" AND a.type = {bound.bind(of.type.id, 'string')}" if of.type else ""
    )
    made, _, _ = read(house, of, Asked(where, bound.values, frozenset(), 1, "", latest))
    if not made:
        raise NotFound(
            f"there is no feature '{id[:100]}' in {of.id}", f"see /ogc/collections/{of.id}/items", "featureId"
        )
    return made[0]


def _column(f: Field) -> str:
    if f.column == "more":
        return "t.properties"
    if f.column == "latest":
        return (
            "(SELECT json_group_object(x.stream_type, x.value) FROM latest_reading AS x WHERE x.asset_id = a.asset_id)"
        )
    return f.sql


def _from(of: Collection, needs: frozenset[str] | set[str]) -> str:
    """The tables that a statement reads."""
    parts = ["FROM asset_row AS a"]
    if SPAN in needs:
        parts.append(
            "LEFT JOIN (SELECT asset_id, min(since) AS since, max(until) AS until FROM reported GROUP BY asset_id) AS s ON s.asset_id = a.asset_id"
        )
    if THINGS in needs:
        parts.append("LEFT JOIN thing_row AS t ON t.id = a.asset_id")
    for f in of.latest:
        if f.needs in needs and f.column.startswith("v"):
            kind = f.needs.partition(":")[2]
            joined = f"l{f.column[1:]}"
            parts.append(
                f"LEFT JOIN (SELECT asset_id, time, value FROM latest_reading WHERE stream_type = '{kind}') AS {joined} ON {joined}.asset_id = a.asset_id"
            )
    return " ".join(parts)


def _fetch(house: House, sql: str, params: Mapping[str, Any], needs: frozenset[str] | set[str]) -> pa.Table:
    store, tables = house.twin.store, {}
    if SPAN in needs:
        spans = store.spans()
        asset = pa.array([name.partition(".")[0] for name in spans["stream"].to_pylist()], pa.string())
        tables["reported"] = pa.table({"asset_id": asset, "since": spans["since"], "until": spans["until"]})
    if any(n.startswith(LATEST) for n in needs):
        tables["latest_reading"] = store.latest()
    return store.fetch(sql, params, tables, within=LONGEST_S)


def _feature(row: Mapping[str, Any], shown: tuple[Field, ...]) -> bytes:
    held = msgspec.json.decode(row["attributes"])
    told: dict[str, Any] = {}
    for f in shown:
        if f.attribute:
            told[f.name] = held.get(f.attribute)
        elif f.kind == "object":
            told[f.name] = msgspec.Raw((row[f.column] or "{}").encode())
        else:
            value = row[f.column]
            told[f.name] = None if isinstance(value, float) and not math.isfinite(value) else value
    geometry = (row["geometry"] or "null").encode()
    return b'{"type":"Feature","id":%b,"geometry":%b,"properties":%b}' % (_text(row["id"]), geometry, _text(told))


def extents(house: House, all: Mapping[str, Collection]) -> dict[str, tuple[list[float] | None, list[datetime] | None]]:
    """Of each collection the box around its features, and the time in which they reported."""
    points = [c.type.id for c in all.values() if c.type and c.shape == "point"]
    sides = {"ST_XMin": "a.longitude", "ST_YMin": "a.latitude", "ST_XMax": "a.longitude", "ST_YMax": "a.latitude"}
    if house.twin.store.spatial:
        shape = "ST_GeomFromGeoJSON(a.geometry)"
        sides = {
            f: f"CASE WHEN list_contains($points, a.type) THEN {c} ELSE {f}({shape}) END" for f, c in sides.items()
        }
    named = ", ".join(f"{'min' if f.endswith('Min') else 'max'}({sql}) AS {f}" for f, sql in sides.items())
    rows = _fetch(
        house,
        f"SELECT a.type, {named}, min(s.since) AS since, max(s.until) AS until {_from(next(iter(all.values())), {SPAN})} GROUP BY a.type",
        {"points": points} if house.twin.store.spatial else {},
        {SPAN},
    ).to_pylist()
    found = {}
    for c in all.values():
        mine = [r for r in rows if c.type is None or r["type"] == c.type.id]
        boxes = [[r[f] for f in sides] for r in mine if r["ST_XMin"] is not None]
        box = (
            [min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)]
            if boxes
            else None
        )
        times = [r for r in mine if r["since"] is not None]
        span = [min(r["since"] for r in times), max(r["until"] for r in times)] if times else None
        found[c.id] = (box, span)
    return found
