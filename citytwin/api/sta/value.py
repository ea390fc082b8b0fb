"""What is a part of an expression in SQL? Typed values, how they compare, and every literal as a bound parameter.

The SQL is what DuckDB and PostgreSQL share. A condition is true where it holds; where it does not it may be false or null, and whoever needs its
opposite asks for `IS NOT TRUE`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from citytwin.api.sta.error import Malformed
from citytwin.api.sta.tree import Geometry, Interval, Literal, Plain

TYPES = {
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "number": "DOUBLE PRECISION",
    "string": "VARCHAR",
    "datetime": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    "time": "TIME",
    "duration": "INTERVAL",
    "object": "JSON",
}
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Parameters:
    """The values of a statement, by the names under which the SQL has them."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def bind(self, value: Any, kind: str) -> str:
        """SQL that stands for a value of that kind."""
        return f"CAST({self.bare(value)} AS {TYPES[kind]})"

    def bare(self, value: Any) -> str:
        """The same where SQL itself knows the type."""
        name = f"p{len(self.values) + 1}"
        self.values[name] = value
        return f"${name}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value of one type; `literal` is what the client wrote, if that is all there is to it."""

    kind: str
    sql: str
    literal: Literal | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time, or a point in time that may be one."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Mixed:
    """A value of several possible types: the SQL for each is null where the value is of another. `empty` says when there is none at all."""

    number: str
    string: str
    boolean: str
    empty: str
    json: str = ""


Value = Scalar | Span | Mixed
NULL = Scalar("null", "NULL")


def bound(literal: Literal, parameters: Parameters, geometry: str = "") -> Value:
    """A value that the client wrote. `geometry` is the SQL that makes a geometry of well-known text."""
    value: Plain = literal.value
    match value:
        case None:
            return NULL
        case Interval(start=start, end=end):
            return Span(parameters.bind(start, "datetime"), parameters.bind(end, "datetime"))
        case Geometry(wkt=wkt):
            return Scalar("geometry", geometry.replace("{0}", parameters.bind(wkt, "string")), literal)
        case bool():
            return Scalar("boolean", parameters.bind(value, "boolean"), literal)
        case int():
            return Scalar("number", parameters.bind(value, "integer"), literal)
        case float() | str() | datetime() | date() | time() | timedelta():
            return Scalar(literal.kind, parameters.bind(value, literal.kind), literal)


_DIGITS = r"^[+-]?[0-9]{1,100}([.][0-9]{1,100})?([eE][+-]?[0-9]{1,2})?$"
_LEAP = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
_DAY = (
    "([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|[0-9]{4}-(0[13-9]|1[0-2])-(29|30)|"
    f"[0-9]{{4}}-(0[13578]|1[02])-31|{_LEAP}-02-29)"
)
_STAMP = f"^{_DAY}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{{1,6}})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"


def instant_of(text: str) -> str:
    """The point in time that a text tells of, null where it is none; a cast alone would fail there."""
    return f"CAST(CASE WHEN {text} ~ '{_STAMP}' AND {text} > '0001-01-02' THEN {text} END AS {TYPES['datetime']})"


def number_of(text: str) -> str:
    """The number that a text tells of, null where it is none."""
    return f"CAST(CASE WHEN {text} ~ '{_DIGITS}' THEN {text} END AS {TYPES['number']})"


def json_value(json: str, key: str) -> Mixed:
    """What a JSON object has under a key. Its type is read from the first letter of its text, where DuckDB and PostgreSQL agree."""
    part, plain = f"({json} -> {key})", f"({json} ->> {key})"
    first = f"substr(CAST({part} AS VARCHAR), 1, 1)"
    return Mixed(
        f"CAST(CASE WHEN {first} BETWEEN '0' AND '9' OR {first} = '-' THEN {plain} END AS {TYPES['number']})",
        f"CASE WHEN {first} = '\"' THEN {plain} END",
        f"CASE {first} WHEN 't' THEN TRUE WHEN 'f' THEN FALSE END",
        f"{plain} IS NULL",
        part,
    )


def kind(value: Value) -> str:
    """What a value is, in words for people."""
    return "interval" if isinstance(value, Span) else "value of any type" if isinstance(value, Mixed) else value.kind


def size(value: Value) -> int:
    """How many characters of SQL a value takes."""
    match value:
        case Scalar(sql=sql):
            return len(sql)
        case Span(start=start, end=end):
            return len(start) + len(end)
        case Mixed(number=number, string=string, boolean=boolean):
            return len(number) + len(string) + len(boolean)


def scalar(value: Value, wanted: str) -> str | None:
    """The SQL of a value as one type, null where it is of another; None where it never can be of it."""
    match value:
        case Scalar(kind="null"):
            return f"CAST(NULL AS {TYPES[wanted]})"
        case Scalar(kind=known, sql=sql) if known == wanted:
            return sql
        case Mixed() if wanted in ("number", "string", "boolean"):
            return str(getattr(value, wanted))
        case Mixed(string=text) if wanted == "datetime":
            return instant_of(text)
        case Span(start=start) if wanted == "datetime":
            return start
    return None


_SIGNS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_ORDERED = frozenset({"number", "string", "datetime", "date", "time", "duration"})


def compare(op: str, left: Value, right: Value, at: int, parameters: Parameters) -> str:
    """The condition `left op right` as the standard means it: null equals null alone, and is neither more nor less than anything."""
    if op == "ne":
        return f"({compare('eq', left, right, at, parameters)}) IS NOT TRUE"
    if NULL in (left, right):
        other = right if left == NULL else left
        return _empty(other) if op == "eq" else "FALSE"
    if isinstance(left, Span) or isinstance(right, Span):
        return _spans(op, left, right, at)
    if isinstance(left, Mixed) or isinstance(right, Mixed):
        return _mixed(op, left, right, at, parameters)
    assert isinstance(left, Scalar)
    assert isinstance(right, Scalar)
    if left.kind != right.kind or left.kind == "geometry" or (op != "eq" and left.kind not in _ORDERED):
        raise _mismatch(op, left, right, at)
    if op == "eq" and not (left.literal or right.literal):
        return f"{left.sql} IS NOT DISTINCT FROM {right.sql}"
    return f"{left.sql} {_SIGNS[op]} {right.sql}"


def _empty(value: Value) -> str:
    match value:
        case Mixed(empty=empty):
            return empty
        case Span(start=start):
            return f"{start} IS NULL"
        case Scalar(kind="null"):
            return "TRUE"
        case Scalar(sql=sql):
            return f"{sql} IS NULL"


def _spans(op: str, left: Value, right: Value, at: int) -> str:
    """Spans of time: a point is equal to a span that it lies in; more and less mean wholly after and wholly before."""
    (a, b), (c, d) = (_ends(v, op, left, right, at) for v in (left, right))
    if op == "eq":
        both = isinstance(left, Span) and isinstance(right, Span)
        same = f"{a} = {c} AND {b} = {d}" if both else f"{a} <= {d} AND {c} <= {b}"
        return f"({same} OR ({a} IS NULL AND {c} IS NULL))"
    return f"{a} {_SIGNS[op]} {d}" if op in ("gt", "ge") else f"{b} {_SIGNS[op]} {c}"


def _ends(value: Value, op: str, left: Value, right: Value, at: int) -> tuple[str, str]:
    if isinstance(value, Span):
        return value.start, value.end
    point = scalar(value, "datetime")
    if point is None:
        raise _mismatch(op, left, right, at)
    return point, point


def _mixed(op: str, left: Value, right: Value, at: int, parameters: Parameters) -> str:
    """Values that may be of several types are compared as each type that both can have.

    A text that reads as a number is compared with numbers too: clients write `result gt '3'` of numbers.
    """
    kinds = [k for k in ("number", "string", "boolean", "datetime") if (k != "boolean" or op == "eq")]
    if isinstance(left, Mixed) and isinstance(right, Mixed):
        kinds.remove("datetime")
    pairs = [(scalar(left, k), scalar(right, k)) for k in kinds]
    found = [f"{a} {_SIGNS[op]} {b}" for a, b in pairs if a is not None and b is not None]
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Mixed) and isinstance(other, Scalar) and (spelled := _spelled(other)) is not None:
            number = parameters.bind(spelled, "number")
            a, b = (one.number, number) if one is left else (number, one.number)
            found.append(f"{a} {_SIGNS[op]} {b}")
    if not found:
        raise _mismatch(op, left, right, at)
    if op == "eq" and not any(isinstance(v, Scalar) and v.literal for v in (left, right)):
        found.append(f"({_empty(left)} AND {_empty(right)})")
    return f"({' OR '.join(found)})"


def _spelled(value: Scalar) -> float | None:
    """The number that a text written by the client spells."""
    if value.literal is None or not isinstance(value.literal.value, str):
        return None
    try:
        found = json.loads(value.literal.value)
    except (ValueError, RecursionError):
        return None
    plain = isinstance(found, int | float) and not isinstance(found, bool) and abs(found) < 1e300
    return float(found) if plain else None


def _mismatch(op: str, left: Value, right: Value, at: int) -> Malformed:
    kinds = {kind(left), kind(right)}
    hint = ""
    if "string" in kinds and kinds & {"datetime", "interval", "date", "time"}:
        hint = "times are written without quotation marks: 2026-01-31T08:00:00Z"
    elif "string" in kinds and "number" in kinds:
        hint = "texts stand in single quotation marks, numbers do not"
    elif "date" in kinds and kinds & {"datetime", "interval"}:
        hint = "compare date(…) with a date"
    elif "geometry" in kinds:
        hint = "use st_equals"
    return Malformed(
        f"{op} does not compare a {kind(left)} with a {kind(right)}", at, op, "two values of one type", hint
    )
