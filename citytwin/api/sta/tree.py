"""What does a query say? Its parts as plain data; where a part stood in the URL (`at`) is no part of what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal as OneOf


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one URL may ask for. Time and memory are linear in `length`; the rest bounds what the store is asked to do."""

    length: int = 8192
    depth: int = 64
    nodes: int = 400
    items: int = 200
    expands: int = 20
    levels: int = 6
    ids: int = 12
    joins: int = 60
    vertices: int = 1000
    sql: int = 100_000
    entities: int = 50_000


Kind = OneOf["null", "boolean", "number", "string", "datetime", "date", "time", "duration", "interval", "geometry"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A span of time, both ends belonging to it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Geometry:
    """A geometry in WGS 84 (longitude, latitude) as normalised well-known text."""

    wkt: str


Plain = bool | int | float | str | datetime | date | time | timedelta | Interval | Geometry | None


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the query."""

    kind: Kind
    value: Plain
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Path:
    """A property, reached over navigation properties, a variable of `any`, or keys of an object."""

    steps: tuple[str, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Count:
    """How many entities a navigation path leads to (`Observations/$count`)."""

    path: Path
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Any:
    """Whether `condition` holds for any entity, called `variable`, that `path` leads to."""

    path: Path
    variable: str
    condition: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the standard, in lower case."""

    name: str
    arguments: tuple[Node, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`not` or `-`."""

    op: str
    operand: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic or a comparison."""

    op: str
    left: Node
    right: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Within:
    """`operand in (…)`, or `operand in path` where the path leads to a list."""

    operand: Node
    items: tuple[Literal, ...] | Path
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Junction:
    """`and` or `or` of two or more; none of `items` is a junction of the same kind, so that long chains are flat."""

    op: str
    items: tuple[Node, ...]
    at: int = field(default=0, compare=False)


Node = Literal | Path | Count | Any | Call | Unary | Binary | Within | Junction


@dataclass(frozen=True, slots=True)
class Order:
    """One key of `$orderby`."""

    by: Node
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """The options of a URL, or of one expanded navigation property. None: not given."""

    filter: Node | None = None
    orderby: tuple[Order, ...] = ()
    select: tuple[Path, ...] | None = None
    distinct: bool = False
    expand: tuple[Expand, ...] = ()
    top: int | None = None
    skip: int | None = None
    count: bool | None = None
    format: str | None = None
    resultformat: str | None = None
    skiptoken: str | None = None


@dataclass(frozen=True, slots=True)
class Expand:
    """A navigation property whose entities come along."""

    name: str
    query: Query = field(default_factory=Query)
    at: int = field(default=0, compare=False)


def junction(op: str, items: tuple[Node, ...], at: int = 0) -> Junction:
    """`and` or `or`, flat."""
    flat = (part for i in items for part in (i.items if isinstance(i, Junction) and i.op == op else (i,)))
    return Junction(op, tuple(flat), at)


def children(node: Node) -> tuple[Node, ...]:
    """The expressions directly below one; those of `any` belong to another context and are not among them."""
    match node:
        case Call(arguments=below) | Junction(items=below):
            return below
        case Unary(operand=below):
            return (below,)
        case Binary(left=left, right=right):
            return (left, right)
        case Within(operand=below, items=Path() as listed):
            return (below, listed)
        case Within(operand=below):
            return (below,)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """An expression and all below it in the same context."""
    rest = [node]
    while rest:
        rest.extend(children(seen := rest.pop()))
        yield seen


def depth(node: Node) -> int:
    """How deep an expression nests; counted without recursion, since that is what it guards."""
    deepest, rest = 0, [(node, 1)]
    while rest:
        seen, level = rest.pop()
        deepest = max(deepest, level)
        below = (*children(seen), seen.condition) if isinstance(seen, Any) else children(seen)
        rest.extend((child, level + 1) for child in below)
    return deepest
