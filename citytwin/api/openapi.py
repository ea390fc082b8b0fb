"""What can be asked? The description of the interface, made from the routes themselves: for programs (OpenAPI 3.1) and for people."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

import msgspec

import citytwin
from citytwin.api.problems import MEDIA, Problem, codes
from citytwin.api.route import JSON, Route

PREFIX = "/api"
REF = "#/components/schemas/{name}"


def routes(others: Sequence[Route]) -> tuple[Route, ...]:
    """These routes, and the two that describe them all."""

    def openapi() -> dict[str, Any]:
        """This interface as an OpenAPI 3.1 document"""
        return made()

    def docs() -> bytes:
        """This interface as a page to read"""
        return page(every, made()).encode()

    every = (
        *others,
        Route("GET", "/openapi.json", openapi),
        Route("GET", "/docs", docs, media="text/html; charset=utf-8", response=str),
    )
    made = cache(lambda: document(every))
    return every


def document(every: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes."""
    kinds = [Problem, *(r.gives for r in every), *(r.body for r in every if r.body)]
    made, schemas = msgspec.json.schema_components(kinds, ref_template=REF)
    schema = dict(zip(map(repr, kinds), made, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for r in every:
        operation: dict[str, Any] = {
            "operationId": r.name,
            "tags": [r.noun],
            "summary": r.summary,
            "parameters": [_slot(name, kind) for name, kind in r.slots.items()]
            + [_parameter(field) for field in r.parameters.values()],
            "responses": {
                str(r.status): {
                    "description": r.summary,
                    "content": {r.media.partition(";")[0]: {"schema": schema[repr(r.gives)]}},
                },
                "default": {"$ref": "#/components/responses/Problem"},
            },
        }
        if r.body:
            operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema[repr(r.body)]}}}
        elif r.method == "POST":
            operation["requestBody"] = {"required": True, "content": {media: {} for media in r.bodies}}
        if r.about:
            operation["description"] = r.about
        paths.setdefault(PREFIX + r.path, {})[r.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CityTwin",
            "version": citytwin.__version__,
            "description": "From a sentence of a plan to a live, provable number.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "Problem": {"description": "What went wrong", "content": {MEDIA: {"schema": schema[repr(Problem)]}}}
            },
        },
    }


def _slot(name: str, kind: Any) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(kind)}


def _parameter(field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    schema = msgspec.json.schema(field.type)
    if "anyOf" in schema:  # a parameter that is not given is not null: it is absent
        schema = next(s for s in schema["anyOf"] if s != {"type": "null"})
    if not field.required and field.default not in (None, ""):
        schema["default"] = field.default
    made = {"name": field.encode_name, "in": "query", "required": field.required, "schema": schema}
    if "description" in schema:
        made["description"] = schema.pop("description")
    return made


_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #d5dde5}section{margin:1.2rem 0}code{background:#f0f3f6;padding:.1em .3em}
table{border-collapse:collapse;margin:.4rem 0}td{padding:.1rem 1rem .1rem 0;vertical-align:top}small{color:#5a6b7b}
"""


def page(every: Sequence[Route], described: dict[str, Any]) -> str:
    """The same as one self-contained page."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>CityTwin {citytwin.__version__}: HTTP interface</title><style>{_STYLE}</style>",
        f"<h1>CityTwin {citytwin.__version__}: HTTP interface</h1>",
        "<p>JSON in, JSON out. Times are RFC 3339 in UTC, in columns milliseconds since 1970. Lists come in pages: "
        "<code>next</code> of one is <code>cursor</code> of the following. "
        "The same for programs: <a href=/api/openapi.json>openapi.json</a>.</p>",
    ]
    noun = ""
    for r in every:
        if r.noun != noun:
            noun = r.noun
            parts.append(f"<h2>{escape(noun)}</h2>")
        operation = described["paths"][PREFIX + r.path][r.method.lower()]
        parts.append(f"<section><code>{r.method} {PREFIX}{escape(r.path)}</code> {escape(r.summary)}.")
        if r.about:
            parts.append(f"<p>{escape(r.about)}</p>")
        cells = [
            f"<tr><td><code>{escape(p['name'])}</code><td>{escape(_words(p['schema']))}<td>"
            f"{escape(p.get('description', ''))}"
            for p in operation["parameters"]
        ]
        parts.append(f"<table>{''.join(cells)}</table>" if cells else "")
        parts.append(f"<small>{r.status} {escape(r.media)}: {escape(_name(r.gives))}</small></section>")
    parts.append(f"<h2>problems</h2><p>Every failure is <code>{MEDIA}</code>.</p><table>")
    for status, code, title in codes():
        parts.append(f"<tr id={code}><td>{status}<td><code>{code}</code><td>{escape(title)}")
    return "\n".join([*parts, "</table></html>"])


def _words(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    bounds = f" {schema['minimum']} to {schema['maximum']}" if "maximum" in schema and "minimum" in schema else ""
    default = f", default {schema['default']}" if "default" in schema else ""
    return f"{schema.get('format', schema.get('type', 'any'))}{bounds}{default}"


def _name(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind)) if not hasattr(kind, "__args__") else str(kind).rpartition("api.")[2]
