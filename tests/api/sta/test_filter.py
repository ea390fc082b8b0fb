"""Filters in SQL, against an evaluation of the same tree in plain Python."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from citytwin.api.sta import path, query
from citytwin.api.sta.error import Malformed, StaError, Unserved
from citytwin.api.sta.expression import FUNCTIONS
from citytwin.api.sta.level import Levels
from citytwin.api.sta.schema import POSTGIS, Schema
from citytwin.api.sta.tree import Any as AnyOf
from citytwin.api.sta.tree import (
    Binary,
    Call,
    Count,
    Geometry,
    Interval,
    Literal,
    Node,
    Path,
    Query,
    Unary,
    Within,
    junction,
)

from . import oracle, town

EXAMPLES = int(os.environ.get("FUZZ", "80"))
_DB: list[duckdb.DuckDBPyConnection] = []
SETS = {kind: name for name, kind in town.SCHEMA.sets.items()}


@pytest.fixture(scope="module")
def db() -> duckdb.DuckDBPyConnection:
    return town.database()


def found(db: duckdb.DuckDBPyConnection, kind: str, condition: Node) -> list[Any]:
    """The ids that the SQL of a filter finds, checked to be read by DuckDB and PostgreSQL alike."""
    levels = Levels(town.SCHEMA, town.NOW)
    statement = levels.page(path.parse(SETS[kind], town.SCHEMA), Query(filter=condition), 100)
    return [r["id"] for r in town.fetcher(db)(statement.sql, statement.parameters)]


def agree(db: duckdb.DuckDBPyConnection, kind: str, condition: Node) -> list[Any]:
    expected = sorted(oracle.matching(kind, condition))
    assert found(db, kind, condition) == expected
    return expected


def filtered(text: str) -> Node:
    node = query.parse(f"$filter={quote(text, safe='')}").filter
    assert node is not None
    return node


CASES: list[tuple[str, str, list[Any]]] = [
    ("Things", "name eq 'Pump'", ["pump"]),
    ("Things", "name eq 'O''Neil %_'", ["o'neil"]),
    ("Things", "name eq null", ["空"]),
    ("Things", "description ne 'a pump  '", ["o'neil", "well", "空"]),
    ("Things", "not (description eq 'a pump  ')", ["o'neil", "well", "空"]),
    ("Things", "not startswith(description,'pump')", ["pump", "空"]),
    ("Things", "installed gt 2026-03-01T08:00:00+08:00", ["well"]),
    ("Things", "installed eq 2026-03-01T08:00:00+0800", ["pump", "空"]),
    ("Things", "not (installed gt 2026-03-01T00:00:00Z)", ["o'neil", "pump", "空"]),
    ("Things", "@iot.id in ('pump','空','none')", ["pump", "空"]),
    ("Things", "properties/type in ('Room','Corridor')", ["o'neil", "pump"]),
    ("Things", "'b' in properties/tags", ["pump"]),
    ("Things", "properties/n eq 3", ["pump"]),
    ("Things", "properties/n eq '3'", ["o'neil", "pump"]),
    ("Things", "properties/deep/er gt 2", ["well"]),
    ("Things", "properties/ok", ["pump"]),
    ("Things", "properties/n eq null", ["well", "空"]),
    ("Things", "properties/since lt 2026-03-03T00:00:00Z", ["o'neil"]),
    ("Things", "cast(properties/n, Edm.Decimal) eq 3", ["o'neil", "pump"]),
    ("Things", "interval(cast(properties/since,Edm.DateTimeOffset), duration'P1D') lt now()", ["o'neil"]),
    ("Things", "Datastreams/name eq 'pump flow'", ["pump"]),
    ("Things", "Datastreams/name eq 'pump flow' and Datastreams/unitOfMeasurement/symbol eq 'm'", []),
    ("Things", "Datastreams/any(d:d/name eq 'pump flow') and Datastreams/unitOfMeasurement/symbol eq 'm'", ["pump"]),
    ("Things", "not Datastreams/name eq 'pump flow'", ["o'neil", "well", "空"]),
    ("Things", "Datastreams/name ne 'pump flow'", ["pump", "well"]),
    ("Things", "Locations/name eq 'south' and Datastreams/ObservedProperty/name eq 'Flow'", ["pump"]),
    ("Things", "Datastreams/Observations/result eq 'abc'", []),
    ("Things", "Datastreams/Observations/result gt 4 and Datastreams/name eq 'pump level'", ["pump"]),
    ("Things", "Datastreams/$count eq 2", ["pump"]),
    ("Things", "Datastreams/any()", ["pump", "well"]),
    ("Things", "Datastreams/any(d: d/Observations/any(o: o/result gt d/Observations/$count))", ["pump"]),
    ("Locations", "Things/Datastreams/ObservedProperty/name eq 'Flow'", ["l1", "l2"]),
    ("Locations", "st_equals(location, geography'POINT (121.9 30.9)')", ["l1"]),
    ("Datastreams", "Thing/name eq null", ["d4"]),
    ("Datastreams", "Thing/Locations/name eq 'north'", ["d1", "d2"]),
    ("Datastreams", "unitOfMeasurement/symbol eq 'm'", ["d1", "d3"]),
    ("Datastreams", "phenomenonTime gt 2026-03-02T12:00:00Z", ["d4"]),
    ("Datastreams", "phenomenonTime eq 2026-03-02T00:00:00Z", ["d1", "d2"]),
    ("Datastreams", "phenomenonTime ge 2026-03-01T00:00:00Z and phenomenonTime le 2026-03-04T00:00:00Z", ["d1", "d2"]),
    ("Datastreams", "phenomenonTime/start lt 2026-03-02T00:00:00Z", ["d1"]),
    ("Datastreams", "phenomenonTime lt 2026-03-02T12:00:00Z/P1D", ["d2"]),
    ("Datastreams", "phenomenonTime eq 2026-03-01T00:00:00Z/2026-03-04T00:00:00Z", ["d1"]),
    ("Things", "not (name eq 'Pump' or Datastreams/name eq 'well level')", ["o'neil", "空"]),
    ("Things", "(name eq null or Datastreams/name eq 'pump flow') and id ne 'x'", ["pump", "空"]),
    ("Things", "indexof(name,'ump') eq 1", ["pump"]),
    ("Things", "properties/type gt 'D' and startswith(properties/type,'R')", ["pump"]),
    ("Things", "name eq description or name eq tolower(name)", ["well", "空"]),
    ("Datastreams", "phenomenonTime eq 2026-03-04T12:00:00Z", ["d4"]),
    ("Observations", "result gt 3", [6, 14, 15]),
    ("Observations", "result gt '3'", [6, 8, 14, 15, 16]),
    ("Observations", "result eq '3'", [1, 2, 3]),
    ("Observations", "result eq true", [4]),
    ("Observations", "result eq null", [5]),
    ("Observations", "result/x eq 1", [10]),
    ("Observations", "Datastream/Thing/id eq 'pump' and result lt 3", [7, 11, 13]),
    ("Observations", "result mul 2 sub 1 gt 5 or result div 0 gt 1", [6, 14, 15]),
    ("Observations", "result mod 2 eq 1", [1, 2, 14, 15]),
    ("Observations", "-result gt 1", [7]),
    ("Observations", "round(result) eq 5 or round(result) eq 3", [1, 2, 6, 13]),
    ("Observations", "substring(result,1) eq 'bc' or substring(result,0,1) eq 'x'", [8, 16]),
    ("Observations", "result in (7,'abc',null)", [5, 8, 14, 15]),
    ("Observations", "resultTime gt now() sub duration'P8D'", [14, 15]),
    ("Observations", "hour(phenomenonTime) eq 3 and minute(phenomenonTime) eq 0", [4]),
    ("Observations", "hour(phenomenonTime,'Asia/Shanghai') eq 11", [4]),
    ("Observations", "hour(phenomenonTime,'+08:00') eq 11", [4]),
    ("Observations", "totaloffsetminutes(resultTime,'-03:30') eq -210 and id lt 3", [2]),
    ("Observations", "date(phenomenonTime) eq 2026-03-02 and time(phenomenonTime) ge 06:00", [7, 8]),
    ("Observations", "fractionalseconds(phenomenonTime) eq 0.003", [4]),
    ("Observations", "year(resultTime) eq 2026 and resultTime lt mindatetime()", []),
    ("Observations", "(result gt 3) eq true and not (id eq 6)", [14, 15]),
    ("Observations", "true and 1 lt 2 and id eq 1", [1]),
]


@pytest.mark.parametrize(("name", "text", "expected"), CASES, ids=[c[1][:60] for c in CASES])
def test_a_filter_against_plain_python_and_by_hand(
    db: duckdb.DuckDBPyConnection, name: str, text: str, expected: list[Any]
) -> None:
    node = filtered(text)
    zoned = "'Asia" in text or "'+08" in text or "'-03" in text  # the oracle knows UTC alone
    kind = town.SCHEMA.sets[name]
    assert (found(db, kind, node) if zoned else agree(db, kind, node)) == expected


REFUSED: list[tuple[str, str, str]] = [
    ("Things", "nme eq 'x'", "did you mean name"),
    ("Things", "name eq 5", "quotation marks"),
    ("Things", "installed gt '2026-01-01T00:00:00Z'", "without quotation marks"),
    ("Things", "Datastreams eq null", "name a property"),
    ("Things", "name/first eq 'x'", "has no 'first'"),
    ("Things", "name", "a condition"),
    ("Things", "name add 1 eq 2", "two numbers"),
    ("Things", "installed eq 2026-01-01", r"date\(…\)"),
    ("Things", "length(installed) eq 1", "a string"),
    ("Things", "year(installed,'Nowhere') eq 1", "a time zone"),
    ("Things", "cast(name,Edm.Foo) eq 1", "Edm.Decimal"),
    ("Things", "name/any(d:true)", "a path to a set"),
    ("Things", "Datastreams/any(d:d/Observations/any(d:true))", "has a meaning already"),
    ("Things", "Datastreams/Thing/Datastreams/Thing/Datastreams/Thing/Datastreams/name eq 'x'", "leads over more than"),
    ("Locations", "location eq geography'POINT(1 2)'", "st_equals"),
    ("Locations", "st_equals(location,'POINT(1 2)')", "a string"),
    ("Observations", "result gt duration'P1D'", "does not compare"),
    ("Observations", "'a' in id", "a list of values"),
]


@pytest.mark.parametrize(("name", "text", "told"), REFUSED, ids=[c[1][:60] for c in REFUSED])
def test_what_makes_no_sense_is_refused_with_its_place(name: str, text: str, told: str) -> None:
    with pytest.raises(Malformed, match=told) as e:
        Levels(town.SCHEMA, town.NOW).page(path.parse(name, town.SCHEMA), Query(filter=filtered(text)), 10)
    assert e.value.status == 400
    assert 0 <= e.value.position <= len(quote(text, safe="")) + len("$filter=")


GROWING = [
    "round(" * 30 + "result" + ")" * 30 + " gt 1",
    "result" + " mod 2" * 50 + " gt 1",
    "substring(name,indexof(name," * 15 + "name" + "))" * 15 + " eq 'x'",
    "properties" + "/a" * 500 + " eq 1",
    " or ".join(["round(round(round(round(round(round(round(result))))))) eq result/x"] * 30),
    " and ".join(f"Datastream/Thing/Datastreams/any(a{n}: a{n}/id eq 'x')" for n in range(70)),
]


@pytest.mark.parametrize("text", GROWING, ids=[t[:20] for t in GROWING])
def test_a_short_text_does_not_become_a_long_statement(text: str) -> None:
    name = "Things" if "name" in text or "properties" in text else "Observations"
    with pytest.raises(Malformed, match=r"too complicated|deeper|kinds of rows"):
        Levels(town.SCHEMA, town.NOW).page(path.parse(name, town.SCHEMA), Query(filter=filtered(text)), 10)


def test_a_function_that_the_store_lacks_is_not_implemented() -> None:
    condition = filtered("st_within(location, geography'POINT(1 2)')")
    with pytest.raises(Unserved, match="st_within") as e:
        Levels(town.SCHEMA, town.NOW).page(path.parse("Locations", town.SCHEMA), Query(filter=condition), 10)
    assert e.value.status == 501


# One random expression of each kind, typed, so that nearly all of them make sense.


def either(*paths: str) -> st.SearchStrategy[Node]:
    return st.sampled_from([Path(tuple(p.split("/"))) for p in paths])


def binary(ops: list[str], left: st.SearchStrategy[Node], right: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.builds(Binary, st.sampled_from(ops), left, right)


def calls(names: list[str], *arguments: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.builds(lambda name, a: Call(name, a), st.sampled_from(names), st.tuples(*arguments))


SMALL = st.sampled_from([-2, 0, 1, 2, 3, 2.5, 4.5, 7, 10]).map(lambda v: Literal("number", v))
TEXT = st.sampled_from(["", "p", "Pump", "3", "pump level", "O'Neil %_", "10", "abc", " "]).map(
    lambda v: Literal("string", v)
)
INSTANT = st.builds(town.at, st.integers(1, 5), st.integers(0, 23)).map(lambda v: Literal("datetime", v))
SPAN = st.builds(
    lambda a, b: Literal("interval", Interval(min(a, b), max(a, b))),
    st.builds(town.at, st.integers(1, 5)),
    st.builds(town.at, st.integers(1, 5), st.integers(0, 12)),
)
HOURS = st.integers(-30, 30).map(lambda h: Literal("duration", (town.at(2) - town.at(1)) / 24 * h))


def numbers(*paths: str) -> st.SearchStrategy[Node]:
    base = SMALL | either(*paths)
    return st.recursive(
        base,
        lambda n: (
            binary(["add", "sub", "mul", "div", "mod"], n, n)
            | calls(["round", "floor", "ceiling"], n)
            | st.builds(lambda x: Unary("-", x), n.filter(lambda x: not isinstance(x, Literal)))
        ),
        max_leaves=4,
    )


def strings(*paths: str) -> st.SearchStrategy[Node]:
    return st.recursive(
        TEXT | either(*paths),
        lambda s: (
            calls(["tolower", "toupper", "trim"], s)
            | calls(["concat"], s, s)
            | calls(["substring"], s, st.integers(-1, 5).map(lambda v: Literal("number", v)))
        ),
        max_leaves=3,
    )


def conditions(
    n: st.SearchStrategy[Node],
    s: st.SearchStrategy[Node],
    times: st.SearchStrategy[Node],
    spans: st.SearchStrategy[Node],
    mixed: st.SearchStrategy[Node],
    more: st.SearchStrategy[Node],
) -> st.SearchStrategy[Node]:
    ops = ["eq", "ne", "gt", "ge", "lt", "le"]
    null = st.just(Literal("null", None))
    moved = binary(["add", "sub"], times, HOURS) | times
    clock = calls(["year", "month", "day", "hour", "second", "fractionalseconds"], times | spans)
    leaf = st.one_of(
        binary(ops, n | clock | calls(["length"], s), n),
        binary(ops, s, s),
        binary(ops, moved, moved),
        binary(ops, spans, moved | SPAN | spans),
        binary(ops, mixed, n | s | mixed | INSTANT | null),
        binary(["eq", "ne"], n | s | times | spans | mixed, null),
        calls(["startswith", "endswith", "contains", "substringof"], s, s),
        st.builds(Within, mixed, st.lists(SMALL | TEXT, min_size=1, max_size=3).map(tuple)),
        more,
    )
    return st.recursive(
        leaf,
        lambda c: st.builds(lambda op, i: junction(op, tuple(i)), st.sampled_from(["and", "or"]), st.lists(c, min_size=2, max_size=3))
        | st.builds(lambda x: Unary("not", x), c)
        | binary(["eq", "ne"], c, st.booleans().map(lambda v: Literal("boolean", v))),
        max_leaves=5,
    )  # fmt: skip


def of(*paths: str) -> st.SearchStrategy[Node]:
    return either(*paths)


OBSERVATION = conditions(
    numbers("id", "result"),
    strings("Datastream/name", "Datastream/Thing/description", "result"),
    of("resultTime", "Datastream/Thing/installed") | INSTANT,
    of("phenomenonTime", "Datastream/phenomenonTime"),
    of("result", "result/x", "Datastream/Thing/properties/n"),
    binary(["gt", "le"], of("Datastream/Thing/Datastreams/Observations/result"), SMALL)
    | binary(
        ["eq"],
        of("Datastream/Observations/id"),
        of("id") | st.just(Count(Path(("Datastream", "Thing", "Datastreams")))),
    ),
)
THING = conditions(
    numbers("properties/n", "Datastreams/Observations/result"),
    strings("name", "description", "Datastreams/name", "Datastreams/ObservedProperty/name", "Locations/name"),
    of("installed", "Datastreams/Observations/resultTime") | INSTANT,
    of("Datastreams/phenomenonTime", "Datastreams/Observations/phenomenonTime"),
    of("properties/n", "properties/type", "properties/since", "Datastreams/Observations/result"),
    binary(["gt", "eq"], st.just(Count(Path(("Datastreams",)))), SMALL)
    | st.builds(
        lambda c: AnyOf(Path(("Datastreams",)), "d", c),
        binary(["eq", "gt"], of("d/name", "name"), TEXT)
        | binary(["lt"], of("d/Observations/result", "properties/n"), SMALL),
    ),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(OBSERVATION)
def test_filters_of_observations_against_plain_python(condition: Node) -> None:
    _tried("Observation", condition)


@settings(max_examples=EXAMPLES, deadline=None)
@given(THING)
def test_filters_of_things_against_plain_python(condition: Node) -> None:
    _tried("Thing", condition)


def _tried(kind: str, condition: Node) -> None:
    if not _DB:
        _DB.append(town.database())
    refused: StaError | None = None
    try:
        agree(_DB[0], kind, condition)
    except StaError as e:
        refused = e
    # the filters are made of parts that fit, but for a value of another kind where one of both is a literal, and too many rows
    assert refused is None or "kinds of rows" in refused.message, refused


def test_every_function_is_read_by_both_dialects() -> None:
    """Against sqlglot: all functions, spatial ones as PostGIS names them."""
    schema = Schema(town.SCHEMA.entities, town.SCHEMA.sets, POSTGIS)
    shape = Literal("geometry", Geometry("POINT(1.0 2.0)"))
    arguments: dict[str, Node] = {"location": Path(("location",)), "name": Path(("name",))}
    for name, (least, _) in FUNCTIONS.items():
        if name == "cast":
            continue
        spatial = name.startswith(("geo.", "st_"))
        start = (
            arguments["location"] if spatial else Literal("datetime", town.NOW) if name in CLOCKS else arguments["name"]
        )
        rest = shape if spatial else Literal("datetime", town.NOW) if name == "interval" else Literal("string", "x")
        given = (start, rest, Literal("string", "T********"))[:least]
        if name in ("round", "floor", "ceiling", "substring"):
            given = (Literal("number", 1),) if least == 1 else (arguments["name"], Literal("number", 1))
        statement = Levels(schema, town.NOW).page(
            path.parse("Locations", schema), Query(filter=Binary("ne", Call(name, given), Literal("null", None))), 5
        )
        parsed(statement.sql)


CLOCKS = {*oracle.CLOCKS, "interval"}


def parsed(sql: str) -> None:
    """PostgreSQL numbers its parameters; apart from that both must read the same text."""
    assert len(sqlglot.parse(sql, read="duckdb")) == 1
    assert len(sqlglot.parse(sql.replace("$p", "$"), read="postgres")) == 1


@pytest.mark.parametrize(("name", "text"), [c[:2] for c in CASES], ids=[c[1][:60] for c in CASES])
def test_a_filter_is_read_by_both_dialects_and_holds_no_text_of_its_sender(name: str, text: str) -> None:
    levels = Levels(town.SCHEMA, town.NOW)
    statement = levels.page(path.parse(name, town.SCHEMA), Query(filter=filtered(text)), 10)
    parsed(statement.sql)
    for written in ("Pump", "Neil", "south", "abc", "Room", "deep", "Shanghai'", "121.9", "2026"):
        assert written not in statement.sql
