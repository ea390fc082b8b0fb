"""A small invented town: its schema, its rows in memory, and the same rows as plain Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from citytwin.api.sta.schema import DUCKDB, Entity, Property, Schema, Tie
from citytwin.api.sta.tree import Interval

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def at(day: int, hour: int = 0, second: int = 0, us: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, 0, second, us, tzinfo=UTC)


THINGS = [
    {"id": "pump", "name": "Pump", "description": "a pump  ", "installed": at(1), "properties": {"type": "Room", "n": 3, "ok": True, "tags": ["a", "b"]}},
    {"id": "o'neil", "name": "O'Neil %_", "description": None, "installed": None, "properties": {"type": "Corridor", "n": "3", "since": "2026-03-02T00:00:00Z"}},
    {"id": "well", "name": "well", "description": "pump and well", "installed": at(2, 5), "properties": {"n": None, "deep": {"er": 2.5}, "since": "2026-02-30T00:00:00Z"}},
    {"id": "空", "name": None, "description": "", "installed": at(1), "properties": None},
]  # fmt: skip
LOCATIONS = [
    {"id": "l1", "name": "north", "location": "POINT(121.9 30.9)"},
    {"id": "l2", "name": "south", "location": "POINT(121.9 30.8)"},
    {"id": "l3", "name": None, "location": None},
]
PLACED = [("pump", "l1"), ("pump", "l2"), ("well", "l2")]
PROPERTIES = [{"id": "level", "name": "Level"}, {"id": "flow", "name": "Flow"}]
STREAMS = [
    {"id": "d1", "thing": "pump", "property": "level", "name": "pump level", "unit": "m", "time": Interval(at(1), at(4))},
    {"id": "d2", "thing": "pump", "property": "flow", "name": "pump flow", "unit": None, "time": Interval(at(2), at(2))},
    {"id": "d3", "thing": "well", "property": "level", "name": "well level", "unit": "m", "time": None},
    {"id": "d4", "thing": None, "property": "level", "name": "lost", "unit": "cm", "time": Interval(at(3), at(5))},
]  # fmt: skip
RESULTS: list[Any] = [3, 3.0, "3", True, None, 4.5, -2, "abc", False, {"x": 1, "y": "z"}, 0, "10", 2.5, 7, 7, "x y"]
OBSERVATIONS = [
    {
        "id": n + 1,
        "datastream": ("d1", "d2", "d1", "d4")[n % 4],
        "result": result,
        "time": Interval(at(1 + n // 4, n, n % 3, n * 1000), at(1 + n // 4, n, n % 3, n * 1000) + timedelta(hours=n % 2 * 5)),
        "resulttime": None if n % 5 == 0 else at(2, n),
    }
    for n, result in enumerate(RESULTS)
]  # fmt: skip

SCHEMA = Schema(
    entities={
        "Thing": Entity(
            "Thing",
            "thing",
            {
                "id": Property("string", "{t}.id"),
                "name": Property("string", "{t}.name"),
                "description": Property("string", "{t}.description"),
                "installed": Property("datetime", "{t}.installed"),
                "properties": Property("object", "{t}.properties"),
            },
            {
                "Datastreams": Tie("Datastream", True, "{b}.thing = {a}.id"),
                "Locations": Tie("Location", True, "{v}.location = {b}.id", "placed", "{v}.thing = {a}.id"),
            },
        ),
        "Location": Entity(
            "Location",
            "place",
            {
                "id": Property("string", "{t}.id"),
                "name": Property("string", "{t}.name"),
                "location": Property("geometry", "{t}.location"),
            },
            {"Things": Tie("Thing", True, "{v}.thing = {b}.id", "placed", "{v}.location = {a}.id")},
        ),
        "Datastream": Entity(
            "Datastream",
            "(SELECT * FROM datastream)",
            {
                "id": Property("string", "{t}.id"),
                "name": Property("string", "{t}.name"),
                "unitOfMeasurement/symbol": Property("string", "{t}.unit"),
                "phenomenonTime": Property("interval", "{t}.since", "{t}.until"),
            },
            {
                "Thing": Tie("Thing", False, "{b}.id = {a}.thing"),
                "ObservedProperty": Tie("ObservedProperty", False, "{b}.id = {a}.property"),
                "Observations": Tie("Observation", True, "{b}.datastream = {a}.id"),
            },
        ),
        "ObservedProperty": Entity(
            "ObservedProperty",
            "observed",
            {"id": Property("string", "{t}.id"), "name": Property("string", "{t}.name")},
            {"Datastreams": Tie("Datastream", True, "{b}.property = {a}.id")},
        ),
        "Observation": Entity(
            "Observation",
            "observation",
            {
                "id": Property("integer", "{t}.id"),
                "phenomenonTime": Property("interval", "{t}.since", "{t}.until"),
                "resultTime": Property("datetime", "{t}.resulttime"),
                "result": Property(
                    "any",
                    parts={
                        "number": "{t}.number",
                        "string": "{t}.string",
                        "boolean": "{t}.flag",
                        "object": "{t}.object",
                    },
                ),
            },
            {"Datastream": Tie("Datastream", False, "{b}.id = {a}.datastream")},
        ),
    },
    sets={
        "Things": "Thing",
        "Locations": "Location",
        "Datastreams": "Datastream",
        "ObservedProperties": "ObservedProperty",
        "Observations": "Observation",
    },
    functions={**DUCKDB, "geometry": "{0}", "st_equals": "({0} = {1})"},
)


def database() -> duckdb.DuckDBPyConnection:
    """The town in memory."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'Asia/Shanghai'")  # no answer may depend on it
    db.execute(
        "CREATE TABLE thing (id VARCHAR, name VARCHAR, description VARCHAR, installed TIMESTAMPTZ, properties JSON);"
        "CREATE TABLE place (id VARCHAR, name VARCHAR, location VARCHAR);"
        "CREATE TABLE placed (thing VARCHAR, location VARCHAR);"
        "CREATE TABLE observed (id VARCHAR, name VARCHAR);"
        "CREATE TABLE datastream (id VARCHAR, thing VARCHAR, property VARCHAR, name VARCHAR, unit VARCHAR,"
        " since TIMESTAMPTZ, until TIMESTAMPTZ);"
        "CREATE TABLE observation (id BIGINT, datastream VARCHAR, since TIMESTAMPTZ, until TIMESTAMPTZ,"
        " resulttime TIMESTAMPTZ, number DOUBLE, string VARCHAR, flag BOOLEAN, object JSON);"
    )
    for t in THINGS:
        properties = None if t["properties"] is None else json.dumps(t["properties"])
        row = [t["id"], t["name"], t["description"], t["installed"], properties]
        db.execute("INSERT INTO thing VALUES (?, ?, ?, ?, ?)", row)
    db.executemany("INSERT INTO place VALUES (?, ?, ?)", [list(p.values()) for p in LOCATIONS])
    db.executemany("INSERT INTO placed VALUES (?, ?)", PLACED)
    db.executemany("INSERT INTO observed VALUES (?, ?)", [list(p.values()) for p in PROPERTIES])
    for s in STREAMS:
        ends = [None, None] if s["time"] is None else [s["time"].start, s["time"].end]
        row = [s["id"], s["thing"], s["property"], s["name"], s["unit"], *ends]
        db.execute("INSERT INTO datastream VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    for o in OBSERVATIONS:
        r = o["result"]
        number = r if isinstance(r, int | float) and not isinstance(r, bool) else None
        parts = [number, r if isinstance(r, str) else None, r if isinstance(r, bool) else None]
        row = [o["id"], o["datastream"], o["time"].start, o["time"].end, o["resulttime"], *parts]
        db.execute(
            "INSERT INTO observation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [*row, json.dumps(r) if isinstance(r, dict) else None],
        )
    return db


def fetcher(db: duckdb.DuckDBPyConnection, log: list[str] | None = None) -> Any:
    """What `read` asks with; every statement is noted in `log`."""

    def fetch(sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        if log is not None:
            log.append(sql)
        found = db.execute(sql, dict(parameters))
        names = [d[0] for d in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return fetch
