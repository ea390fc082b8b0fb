"""How does the service describe itself? Landing page, conformance, collections, and the OpenAPI 3.0 document that clients read their limits from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import citytwin
from citytwin.api.ogc.collection import Collection, Field
from citytwin.api.ogc.items import ASKED, CRS84, LANGUAGES, MOST, PAGE
from citytwin.kernel.city import City
from citytwin.kernel.title import Title

JSON, GEOJSON, SCHEMA, OPENAPI = (
    "application/json",
    "application/geo+json",
    "application/schema+json",
    "application/vnd.oai.openapi+json;version=3.0",
)
_FEATURES, _FILTERING, _CQL2 = (
    f"http://www.opengis.net/spec/{name}/1.0/conf/" for name in ("ogcapi-features-1", "ogcapi-features-3", "cql2")
)
MET = (
    *(_FEATURES + c for c in ("core", "geojson", "oas30")),
    *(_FILTERING + c for c in ("queryables", "queryables-query-parameters", "filter", "features-filter")),
    *(
        _CQL2 + c
        for c in (
            "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison", "accent-insensitive-comparison",
            "temporal-functions", "property-property", "arithmetic",
        )
    ),
)  # fmt: skip
"""Conformance classes that hold wherever this runs."""
SPATIAL = tuple(_CQL2 + c for c in ("basic-spatial-functions", "basic-spatial-functions-plus", "spatial-functions"))
"""Those that hold where the store compares geometries."""
_REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def link(href: str, rel: str, media: str = JSON, title: str = "") -> dict[str, str]:
    """A link as every resource has them."""
    return {"href": href, "rel": rel, "type": media, **({"title": title} if title else {})}


def both(title: Title) -> str:
    """A title in both languages."""
    return f"{title.zh} {title.en}"


def landing(city: City, base: str, tail: str) -> dict[str, Any]:
    """The landing page. `tail` is the part of the address that clients repeat everywhere (`?latest=true`)."""
    return {
        "title": both(city.title),
        "description": "城市的资产及其最新读数 The assets of the city, with what they read last",
        "links": [
            link(f"{base}/{tail}", "self", title="首页 Landing page"),
            link(f"{base}/api{tail}", "service-desc", OPENAPI, "接口描述 Definition of the interface"),
            link(f"{base}/conformance{tail}", "conformance", title="符合的要求 Conformance classes"),
            link(f"{base}/collections{tail}", "data", title="数据集 Collections"),
            link(f"{base}/conformance{tail}", f"{_REL}conformance"),
            link(f"{base}/collections{tail}", f"{_REL}data"),
        ],
    }


def conformance(spatial: bool) -> dict[str, Any]:
    """The classes that are met."""
    return {"conformsTo": [*MET, *(SPATIAL if spatial else ())]}


Extent = tuple[list[float] | None, list[datetime] | None]


def collection(of: Collection, extent: Extent, base: str, tail: str) -> dict[str, Any]:
    """A collection: what is in it, where and when."""
    here = f"{base}/collections/{of.id}"
    told: dict[str, Any] = {
        "id": of.id,
        "title": both(of.title),
        "itemType": "feature",
        "crs": [CRS84],
        "links": [
            link(f"{here}{tail}", "self"),
            link(f"{here}/items{tail}", "items", GEOJSON, both(of.title)),
            link(f"{here}/queryables{tail}", f"{_REL}queryables", SCHEMA),
            link(f"{here}/schema{tail}", f"{_REL}schema", SCHEMA),
            link(f"{here}/schema{tail}", "describedby", SCHEMA),
        ],
    }
    box, span = extent
    about: dict[str, Any] = {}
    if box:
        about["spatial"] = {"bbox": [box], "crs": CRS84}
    if span:
        about["temporal"] = {"interval": [span], "trs": "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"}
    return told | ({"extent": about} if about else {})


def collections(all: Mapping[str, Collection], extents: Mapping[str, Extent], base: str, tail: str) -> dict[str, Any]:
    """All collections."""
    return {
        "links": [link(f"{base}/collections{tail}", "self")],
        "collections": [collection(c, extents[c.id], base, tail) for c in all.values()],
    }


def _get(
    summary: str, id: str, media: str, parameters: list[dict[str, Any]], codes: tuple[str, ...] = ()
) -> dict[str, Any]:
    given = [*parameters, {"$ref": "#/components/parameters/latest"}, {"$ref": "#/components/parameters/f"}]
    answers: dict[str, Any] = {"200": {"description": summary, "content": {media: {"schema": {"type": "object"}}}}}
    for code in ("400", *codes, "500"):
        answers[code] = {"$ref": f"#/components/responses/{code}"}
    return {"get": {"summary": summary, "operationId": id, "parameters": given, "responses": answers}}


def _asks(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "style": "form",
        "explode": False,
        "schema": schema,
        "description": description,
    }


def _simple(f: Field) -> dict[str, Any]:
    """A property as a parameter; OpenAPI 3.0 knows fewer words than JSON Schema."""
    schema = f.schema()
    kept: dict[str, Any] = {k: schema[k] for k in ("type", "format", "enum") if k in schema}
    return _asks(f.name, kept, schema["title"])


def openapi(city: City, all: Mapping[str, Collection], base: str) -> dict[str, Any]:
    """The interface as an OpenAPI 3.0 document."""
    text = {"type": "string"}
    known = {
        "limit": _asks(
            "limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": PAGE}, "how many features at most"
        ),
        "bbox": _asks(
            "bbox",
            {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}},
            "west,south,east,north in degrees",
        ),
        "datetime": _asks("datetime", text, "features that reported at this time, or in this span"),
        "filter": _asks("filter", text, "a condition in CQL2"),
        "filter-lang": _asks(
            "filter-lang", {**text, "enum": list(LANGUAGES), "default": LANGUAGES[0]}, "how it is written"
        ),
        "filter-crs": _asks("filter-crs", {**text, "enum": [CRS84], "default": CRS84}, "of the geometries in it"),
        "cursor": _asks("cursor", text, "where a page begins: taken from the link `next`"),
        "latest": _asks(
            "latest", {"type": "boolean", "default": False}, "whether features come with their last readings"
        ),
        "f": _asks("f", {**text, "enum": ["json"], "default": "json"}, "the format"),
    }
    feature = {"name": "featureId", "in": "path", "required": True, "schema": text}
    paths: dict[str, Any] = {
        "/": _get("Landing page", "landing", JSON, []),
        "/api": _get("This document", "api", OPENAPI, []),
        "/conformance": _get("Conformance classes", "conformance", JSON, []),
        "/collections": _get("All collections", "collections", JSON, []),
    }
    shared = [{"$ref": f"#/components/parameters/{n}"} for n in known if n not in ("latest", "f")]
    for c in all.values():
        here, name = f"/collections/{c.id}", c.id.replace(".", "_")
        paths[here] = _get(both(c.title), f"describe_{name}", JSON, [], ("404",))
        paths[f"{here}/queryables"] = _get("What may be asked about", f"queryables_{name}", SCHEMA, [], ("404",))
        paths[f"{here}/schema"] = _get("What features have", f"schema_{name}", SCHEMA, [], ("404",))
        simple = [_simple(f) for f in c.known.values() if f.name not in ASKED]
        paths[f"{here}/items"] = _get(
            f"Features of {both(c.title)}", f"items_{name}", GEOJSON, [*shared, *simple], ("404",)
        )
        paths[f"{here}/items/{{featureId}}"] = _get("One feature", f"item_{name}", GEOJSON, [feature], ("404",))
    problem = {"application/problem+json": {"schema": {"type": "object"}}}
    said = {
        "400": "The request is at fault; detail and hint say where",
        "404": "There is no such thing",
        "500": "Something failed here",
    }
    return {
        "openapi": "3.0.3",
        "info": {
            "title": f"{both(city.title)}: OGC API – Features",
            "version": citytwin.__version__,
            "license": {"name": "Apache-2.0"},
        },
        "servers": [{"url": base}],
        "paths": paths,
        "components": {
            "parameters": known,
            "responses": {code: {"description": text, "content": problem} for code, text in said.items()},
        },
    }
