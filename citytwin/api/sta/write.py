"""How is a query written? In one way only, so that two queries that say the same to the parser are the same text."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote

from citytwin.api.sta.expression import BINDS, NEGATIVE, NOT
from citytwin.api.sta.tree import (
    Any,
    Binary,
    Call,
    Count,
    Expand,
    Geometry,
    Interval,
    Junction,
    Literal,
    Node,
    Path,
    Plain,
    Query,
    Unary,
    Within,
)


def query(asked: Query) -> str:
    """The text behind the question mark."""
    return "&".join(f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in _options(asked))


def _options(asked: Query) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if asked.filter is not None:
        found.append(("$filter", expression(asked.filter)))
    if asked.count is not None:
        found.append(("$count", "true" if asked.count else "false"))
    if asked.orderby:
        keys = (f"{expression(o.by)}{' desc' if o.descending else ''}" for o in asked.orderby)
        found.append(("$orderby", ",".join(keys)))
    for name, number in (("$skip", asked.skip), ("$top", asked.top)):
        if number is not None:
            found.append((name, str(number)))
    if asked.select is not None:
        paths = ",".join("/".join(p.steps) for p in asked.select)
        found.append(("$select", f"distinct:{paths}" if asked.distinct else paths))
    if asked.expand:
        found.append(("$expand", ",".join(map(_expanded, asked.expand))))
    whole = (("$format", asked.format), ("$resultFormat", asked.resultformat), ("$skiptoken", asked.skiptoken))
    return found + [(name, value) for name, value in whole if value is not None]


def _expanded(expand: Expand) -> str:
    options = _options(expand.query)
    return f"{expand.name}({';'.join(f'{n}={v}' for n, v in options)})" if options else expand.name


def expression(node: Node, least: int = 0) -> str:
    """An expression, in parentheses where it stands beside an operator that binds as tightly as `least` or tighter."""
    match node:
        case Literal():
            return literal(node.value)
        case Path(steps=steps):
            return "/".join(steps)
        case Count(path=path):
            return f"{'/'.join(path.steps)}/$count"
        case Any(path=path, variable=""):
            return f"{'/'.join(path.steps)}/any()"
        case Any(path=path, variable=variable, condition=condition):
            return f"{'/'.join(path.steps)}/any({variable}: {expression(condition)})"
        case Call(name=name, arguments=arguments):
            return f"{name}({','.join(expression(a) for a in arguments)})"
        case Unary(op="not", operand=operand):
            text, binds = f"not {expression(operand, NOT)}", NOT
        case Unary(operand=operand):
            inner = expression(operand, NEGATIVE)
            # behind a minus sign a number would become a negative number
            text, binds = f"-({inner})" if inner[0].isdigit() or inner.startswith("duration") else f"-{inner}", NEGATIVE
        case Junction(op=op, items=items):
            text, binds = f" {op} ".join(expression(i, BINDS[op] + 1) for i in items), BINDS[op]
        case Binary(op=op, left=left, right=right):
            binds = BINDS[op]
            text = f"{expression(left, binds)} {op} {expression(right, binds + 1)}"
        case Within(operand=operand, items=Path(steps=steps)):
            text, binds = f"{expression(operand, BINDS['in'])} in {'/'.join(steps)}", BINDS["in"]
        case Within(operand=operand, items=items):
            listed = ",".join(literal(i.value) for i in items)  # type: ignore[union-attr]  # a Path was the case before
            text, binds = f"{expression(operand, BINDS['in'])} in ({listed})", BINDS["in"]
    return f"({text})" if binds < least else text


def literal(value: Plain) -> str:
    """A value as it stands in a query."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return "'" + value.replace("'", "''") + "'"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return f"duration'{span(value)}'"
        case Interval(start=start, end=end):
            return f"{literal(start)}/{literal(end)}"
        case Geometry(wkt=wkt):
            return f"geography'{wkt}'"


def span(value: timedelta) -> str:
    """A duration after ISO 8601."""
    whole = abs(value)
    part = f".{whole.microseconds:06d}" if whole.microseconds else ""
    return f"{'-' if value < timedelta(0) else ''}P{whole.days}DT{whole.seconds}{part}S"
