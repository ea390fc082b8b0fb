"""What is a function of the standard in SQL? Given a null, each gives null, as in SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import available_timezones

from citytwin.api.sta.error import Malformed, Unserved
from citytwin.api.sta.tree import Call, Literal, Path
from citytwin.api.sta.value import (
    FIRST,
    LAST,
    TYPES,
    Mixed,
    Parameters,
    Scalar,
    Span,
    Value,
    instant_of,
    kind,
    number_of,
    scalar,
)


@dataclass(frozen=True, slots=True)
class Desk:
    """What translating needs: where values are bound, the time that `now()` is, and the functions that the store knows."""

    parameters: Parameters
    now: datetime
    functions: Mapping[str, str]


def call(node: Call, arguments: tuple[Value, ...], desk: Desk) -> Value:
    """A call in SQL, its arguments being in SQL already. Raises Malformed and Unserved."""
    name = node.name
    if name in _TEXTS:
        kinds, result, sql = _TEXTS[name]
        return Scalar(result, _filled(desk.functions.get(name, sql), _typed(node, arguments, kinds)))
    if name == "substring":
        return _substring(node, arguments)
    if name in _CLOCKS:
        return _clock(node, arguments, desk)
    if name in _MATHS:
        (number,) = _typed(node, arguments, ("number",))
        return Scalar("number", _filled(_MATHS[name], [f"CAST({number} AS {TYPES['number']})"]))
    if name in ("now", "mindatetime", "maxdatetime"):
        value = {"now": desk.now, "mindatetime": FIRST, "maxdatetime": LAST}[name]
        return Scalar("datetime", desk.parameters.bind(value, "datetime"))
    if name == "interval":
        return _interval(node, arguments)
    return _spatial(node, arguments, desk)


def _filled(sql: str, arguments: list[str]) -> str:
    return re.sub(r"\{([0-9])\}", lambda n: arguments[int(n[1])], sql)


def _typed(node: Call, arguments: tuple[Value, ...], kinds: tuple[str, ...]) -> list[str]:
    """The arguments as the types that the function takes."""
    found: list[str] = []
    for n, (value, wanted) in enumerate(zip(arguments, kinds, strict=False)):
        sql = scalar(value, wanted)
        if sql is None:
            at = node.arguments[n].at
            raise Malformed(f"argument {n + 1} of {node.name} is a {kind(value)}", at, kind(value), f"a {wanted}")
        found.append(sql)
    return found


_TEXTS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "substringof": (("string", "string"), "boolean", "(strpos({1}, {0}) > 0)"),
    "contains": (("string", "string"), "boolean", "(strpos({0}, {1}) > 0)"),
    "startswith": (("string", "string"), "boolean", "starts_with({0}, {1})"),
    "endswith": (("string", "string"), "boolean", "(right({0}, length({1})) = {1})"),
    "indexof": (("string", "string"), "number", "(strpos({0}, {1}) - 1)"),
    "length": (("string",), "number", "length({0})"),
    "tolower": (("string",), "string", "lower({0})"),
    "toupper": (("string",), "string", "upper({0})"),
    "trim": (("string",), "string", "trim({0})"),
    "concat": (("string", "string"), "string", "({0} || {1})"),
}
"""Kinds of the arguments, kind of the result, SQL."""

_MATHS = {"round": "(sign({0}) * floor(abs({0}) + 0.5))", "floor": "floor({0})", "ceiling": "ceil({0})"}
"""Halves are rounded away from zero, which PostgreSQL's own round does not do."""


def _substring(node: Call, arguments: tuple[Value, ...]) -> Scalar:
    """Places count from 0; what lies outside of the text is not there."""
    text, *numbers = _typed(node, arguments, ("string", "number", "number"))
    # bounded, so that no place is too large for a cast
    places = [f"CAST(floor(greatest(least({n}, 1000000), 0)) AS INTEGER)" if n else "" for n in numbers]
    rest = f", {places[1]}" if len(places) > 1 else ""
    known = " AND ".join(f"{n} IS NOT NULL" for n in numbers)
    return Scalar("string", f"CASE WHEN {known} THEN substr({text}, {places[0]} + 1{rest}) END")


_WHOLE = "CAST(floor(extract({part} FROM {{0}})) AS BIGINT)"
_CLOCKS: dict[str, tuple[str, str]] = {
    **{p: ("number", _WHOLE.format(part=p)) for p in ("year", "month", "day", "hour", "minute", "second")},
    "fractionalseconds": (
        "number",
        "((CAST(extract(microseconds FROM {0}) AS BIGINT) % 1000000) / CAST(1000000 AS DOUBLE PRECISION))",
    ),
    "date": ("date", "CAST({0} AS DATE)"),
    "time": ("time", "CAST({0} AS TIME)"),
    "totaloffsetminutes": ("number", "CAST(extract(epoch FROM ({0} - {1})) / 60 AS BIGINT)"),
}
"""Kind of the result and its SQL of the local time `{0}`, and `{1}`, the same in UTC."""
_OFFSET = re.compile(r"([+\-])([0-9]{1,2})(?::?([0-9]{2}))?")


def _clock(node: Call, arguments: tuple[Value, ...], desk: Desk) -> Scalar:
    """Parts of a time, in UTC unless a zone is named."""
    (instant,) = _typed(node, arguments[:1], ("datetime",))
    utc = f"({instant} AT TIME ZONE 'UTC')"
    local = utc
    if len(arguments) > 1:
        said = node.arguments[1]
        zone = said.value if isinstance(said, Literal) else None
        if not isinstance(zone, str):
            raise Malformed("", said.at, kind(arguments[1]), "a time zone in quotation marks, such as 'Asia/Shanghai'")
        local = _local(instant, utc, zone, said.at, desk)
    result, sql = _CLOCKS[node.name]
    return Scalar(result, _filled(sql, [local, utc]))


def _local(instant: str, utc: str, zone: str, at: int, desk: Desk) -> str:
    if offset := _OFFSET.fullmatch(zone.replace(" ", "+")):
        span = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        if span < timedelta(days=1):
            # PostgreSQL reads the sign of an offset the other way round, so it is never handed one
            return f"({utc} + {desk.parameters.bind(-span if offset[1] == '-' else span, 'duration')})"
    elif zone in available_timezones():
        return f"({instant} AT TIME ZONE {desk.parameters.bind(zone, 'string')})"
    raise Malformed("", at, zone, "a time zone", "name one as in 'Asia/Shanghai', or an offset as in '+08:00'")


def _interval(node: Call, arguments: tuple[Value, ...]) -> Span:
    (start,) = _typed(node, arguments[:1], ("datetime",))
    end = arguments[1]
    if isinstance(end, Scalar) and end.kind == "duration":
        return Span(start, f"({start} + {end.sql})")
    sql = scalar(end, "datetime")
    if sql is None:
        raise Malformed("", node.arguments[1].at, kind(end), "the end of the interval, or its duration")
    return Span(start, sql)


_NUMBERS = ("Decimal", "Double", "Single", "Byte", "SByte", "Int16", "Int32", "Int64")


def cast(value: Value, type: Path, node: Call) -> Scalar:
    """A value as another type, null where it cannot be read as one."""
    name = "/".join(type.steps)
    wanted = name.removeprefix("Edm.")
    text = scalar(value, "string")
    found: str | None = None
    if wanted in _NUMBERS:
        number = scalar(value, "number")
        parts = [p for p in (number, number_of(text) if text else None) if p]
        found = f"coalesce({', '.join(parts)})" if parts else None
        if found and wanted not in _NUMBERS[:3]:
            found = f"CAST({found} AS {TYPES['number']})"
            found = f"(sign({found}) * floor(abs({found})))"
        result = "number"
    elif wanted == "String":
        found, result = _text(value), "string"
    elif wanted == "Boolean":
        found, result = scalar(value, "boolean"), "boolean"
    elif wanted == "DateTimeOffset":
        found, result = scalar(value, "datetime") or (instant_of(text) if text else None), "datetime"
    else:
        known = ", ".join(f"Edm.{n}" for n in (*_NUMBERS, "String", "Boolean", "DateTimeOffset"))
        raise Malformed("", type.at, name, "a type", f"there are {known}")
    if found is None:
        raise Malformed(
            f"a {kind(value)} cannot be cast to {name}", node.at, kind(value), f"what {name} can be read from"
        )
    return Scalar(result, found)


def _text(value: Value) -> str | None:
    if isinstance(value, Mixed):
        parts = (value.string, f"CAST({value.number} AS VARCHAR)", f"CAST({value.boolean} AS VARCHAR)")
        return f"coalesce({', '.join(parts)})"
    plain = isinstance(value, Scalar) and value.kind in ("string", "number", "boolean", "date", "time")
    return f"CAST({value.sql} AS VARCHAR)" if plain and isinstance(value, Scalar) else None


def _spatial(node: Call, arguments: tuple[Value, ...], desk: Desk) -> Scalar:
    """A function that the store itself must know."""
    apart = node.name == "st_relate" and "relate/II" in desk.functions
    if node.name not in desk.functions and not apart:
        raise Unserved(f"{node.name} is not offered here", node.at, node.name)
    kinds = ("geometry", "geometry", "string") if len(arguments) != 1 else ("geometry",)
    result = "number" if node.name in ("geo.distance", "geo.length") else "boolean"
    for n, (value, wanted) in enumerate(zip(arguments, kinds, strict=False)):
        if not isinstance(value, Scalar) or value.kind != wanted:
            hint = "write geography'POINT(121.9 30.9)'" if wanted == "geometry" else ""
            raise Malformed(
                f"argument {n + 1} of {node.name} is a {kind(value)}",
                node.arguments[n].at,
                kind(value),
                f"a {wanted}",
                hint,
            )
    if node.name == "st_relate":
        pattern = node.arguments[2]
        said = pattern.value if isinstance(pattern, Literal) else ""
        if not re.fullmatch("[TF*012]{9}", str(said)):
            raise Malformed("", pattern.at, str(said), "nine of T, F, *, 0, 1 and 2 in quotation marks")
        if apart:
            return Scalar(result, _related(str(said), pattern.at, arguments, desk))
    return Scalar(result, _filled(desk.functions[node.name], [v.sql for v in arguments if isinstance(v, Scalar)]))


def _related(pattern: str, at: int, arguments: tuple[Value, ...], desk: Desk) -> str:
    """Whether two geometries relate after a DE-9IM pattern, where the store can only be asked cell by cell."""
    if digit := re.search("[012]", pattern):
        raise Unserved("dimensions in patterns are not offered here", at, digit[0], "T, F and *")
    both = [v.sql for v in arguments[:2] if isinstance(v, Scalar)]
    found = [f"({both[0]} IS NOT NULL AND {both[1]} IS NOT NULL)"]
    for cell, wanted in zip(("II", "IB", "IE", "BI", "BB", "BE", "EI", "EB", "EE"), pattern, strict=True):
        if wanted != "*":
            sql = _filled(desk.functions[f"relate/{cell}"], both)
            found.append(sql if wanted == "T" else f"(NOT {sql})")
    return f"({' AND '.join(found)})"
