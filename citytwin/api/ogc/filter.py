"""What is a filter of CQL2 in SQL? Typed properties, every value a bound parameter, and nulls as SQL has them: a comparison with nothing is not true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from difflib import get_close_matches

from citytwin.api.ogc.cql2 import COMPARISONS, OPEN, SPATIAL, TEMPORAL
from citytwin.api.sta.error import Malformed, Unserved
from citytwin.api.sta.tree import Binary, Call, Geometry, Junction, Literal, Node, Path, Unary
from citytwin.api.sta.value import FIRST, LAST, TYPES, Parameters

MOST_SQL = 100_000
"""Characters of SQL that one filter may become."""


@dataclass(frozen=True, slots=True)
class Property:
    """Something that may be asked about: its kind (boolean, number, string, date, datetime, geometry) and its SQL. `needs` names what must be joined for it."""

    kind: str
    sql: str
    needs: str = ""


@dataclass(frozen=True, slots=True)
class _Value:
    kind: str
    sql: str


_STAMP = f"CAST({{}} AS {TYPES['datetime']})"
_DAY = "CAST((CAST({} AS TIMESTAMP) AT TIME ZONE 'UTC') AS TIMESTAMP WITH TIME ZONE)"
_PLACES = {name: f"ST_{name[2:].capitalize()}({{0}}, {{1}})" for name in SPATIAL}
_TIMES = {
    "t_after": "{a} > {d}",
    "t_before": "{b} < {c}",
    "t_contains": "({a} < {c} AND {b} > {d})",
    "t_disjoint": "({b} < {c} OR {a} > {d})",
    "t_during": "({a} > {c} AND {b} < {d})",
    "t_equals": "({a} = {c} AND {b} = {d})",
    "t_finishedby": "({a} < {c} AND {b} = {d})",
    "t_finishes": "({a} > {c} AND {b} = {d})",
    "t_intersects": "({a} <= {d} AND {b} >= {c})",
    "t_meets": "{b} = {c}",
    "t_metby": "{a} = {d}",
    "t_overlappedby": "({a} > {c} AND {a} < {d} AND {b} > {d})",
    "t_overlaps": "({a} < {c} AND {b} > {c} AND {b} < {d})",
    "t_startedby": "({a} = {c} AND {b} > {d})",
    "t_starts": "({a} = {c} AND {b} < {d})",
}
"""How two spans of time (a to b, c to d) lie to each other."""
_SUMS = {
    "+": "({0} + {1})",
    "-": "({0} - {1})",
    "*": "({0} * {1})",
    "/": "({0} / NULLIF({1}, 0))",
    "%": "({0} - {1} * trunc({0} / NULLIF({1}, 0)))",
    "div": "trunc({0} / NULLIF({1}, 0))",
    "^": "pow({0}, {1})",
}


class Filter:
    """Says conditions in SQL, for one statement. `used` collects what the properties spoken of need joined."""

    def __init__(self, properties: Mapping[str, Property], parameters: Parameters, spatial: bool) -> None:
        self.properties, self.parameters, self.spatial = properties, parameters, spatial
        self.used: set[str] = set()

    def condition(self, node: Node) -> str:
        """SQL that is true where the condition holds. Raises Malformed, and Unserved for places where the store compares none."""
        sql = self._boolean(node)
        if len(sql) > MOST_SQL:
            raise Malformed("the filter is too complicated", 0, "", "one that nests less")
        return sql

    def _boolean(self, node: Node) -> str:
        match node:
            case Junction(op=op, items=items):
                return f"({f' {op.upper()} '.join(self._boolean(i) for i in items)})"
            case Unary(op="not", operand=operand):
                return f"(NOT {self._boolean(operand)})"
            case Binary(op=op, left=left, right=right) if op in COMPARISONS:
                a, b = self._alike(op, (left, right), node.at)
                if a.kind == "boolean" and op not in ("=", "<>"):
                    raise Malformed("", node.at, op, "= or <> between truth values")
                return f"({a.sql} {op} {b.sql})"
            case Call(name="between", arguments=arguments):
                value, low, high = self._alike("between", arguments, node.at)
                if value.kind == "boolean":
                    raise Malformed("", node.at, "a boolean", "numbers, texts or times for BETWEEN")
                return f"({value.sql} BETWEEN {low.sql} AND {high.sql})"
            case Call(name="in", arguments=arguments):
                value, *values = self._alike("in", arguments, node.at)
                return f"({value.sql} IN ({', '.join(v.sql for v in values)}))"
            case Call(name="like", arguments=(text, pattern)):
                return self._like(text, pattern)
            case Call(name="isnull", arguments=(operand,)):
                return f"({self._value(operand).sql} IS NULL)"
            case Call(name=name, arguments=arguments) if name in TEMPORAL:
                return self._times(name, arguments)
            case Call(name=name, arguments=arguments) if name in SPATIAL:
                return self._places(name, arguments, node.at)
        found = self._value(node)
        if found.kind != "boolean":
            raise Malformed("", node.at, f"a {found.kind}", "a condition")
        return found.sql

    def _value(self, node: Node) -> _Value:
        match node:
            case Path(steps=(name,)):
                return self._property(name, node.at)
            case Literal(kind="geometry", value=Geometry(wkt=wkt)):
                if not self.spatial:
                    raise Unserved("places are not compared here: the extra 'spatial' is not installed", node.at)
                return _Value("geometry", f"ST_GeomFromText({self.parameters.bind(wkt, 'string')})")
            case Literal(kind=kind, value=value):
                return _Value(kind, self.parameters.bind(float(value) if kind == "number" else value, kind))  # type: ignore[arg-type]  # numbers are
            case Binary(op=op, left=left, right=right) if op in _SUMS:
                a, b = (self._kind(n, "number", op) for n in (left, right))
                return _Value("number", _SUMS[op].format(a, b))
            case Call(name="casei", arguments=(text,)):
                return _Value("string", f"lower({self._kind(text, 'string', 'CASEI')})")
            case Call(name="accenti", arguments=(text,)):
                return _Value("string", f"strip_accents({self._kind(text, 'string', 'ACCENTI')})")
            case Call(name="interval"):
                raise Malformed("", node.at, "an interval", "one of T_AFTER, T_DURING, … around it")
        return _Value("boolean", self._boolean(node))

    def _kind(self, node: Node, kind: str, op: str) -> str:
        found = self._value(node)
        if found.kind != kind:
            raise Malformed(f"{op} takes no {found.kind}", node.at, found.kind, f"a {kind}")
        if len(found.sql) > MOST_SQL:
            raise Malformed("the filter is too complicated", node.at, "", "one that nests less")
        return found.sql

    def _property(self, name: str, at: int) -> _Value:
        known = self.properties.get(name)
        if known is None:
            near = get_close_matches(name, self.properties, 3)
            hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(list(self.properties)[:30])}"
            raise Malformed("", at, name, "a property of this collection", hint)
        if known.needs:
            self.used.add(known.needs)
        return _Value(known.kind, known.sql)

    def _alike(self, op: str, nodes: tuple[Node, ...], at: int) -> list[_Value]:
        """Values of one kind that can be compared; a day and a time are compared as times."""
        found = [self._value(n) for n in nodes]
        kinds = {v.kind for v in found}
        if kinds == {"date", "datetime"}:
            return [_Value("datetime", _DAY.format(v.sql) if v.kind == "date" else v.sql) for v in found]
        if len(kinds) > 1:
            hint = ""
            if "string" in kinds and kinds & {"date", "datetime"}:
                hint = "write DATE('2026-01-31') or TIMESTAMP('2026-01-31T08:00:00Z')"
            elif kinds == {"string", "number"}:
                hint = "texts stand in single quotation marks, numbers do not"
            a, b = sorted(kinds)[:2]
            raise Malformed(f"{op} does not compare a {a} with a {b}", at, op, "values of one type", hint)
        if "geometry" in kinds:
            raise Malformed(f"{op} does not compare geometries", at, op, "S_EQUALS, S_INTERSECTS, …")
        return found

    def _like(self, text: Node, pattern: Node) -> str:
        inner = pattern
        while isinstance(inner, Call) and inner.name in ("casei", "accenti"):
            (inner,) = inner.arguments
        if not isinstance(inner, Literal) or not isinstance(inner.value, str):
            raise Malformed("", inner.at, "", "a pattern in single quotation marks, with % and _ for what is not known")
        if (len(inner.value) - len(inner.value.rstrip("\\"))) % 2:
            raise Malformed("", inner.at, inner.value, "something after the last \\")
        return f"({self._kind(text, 'string', 'LIKE')} LIKE {self._kind(pattern, 'string', 'LIKE')} ESCAPE '\\')"

    def _times(self, name: str, arguments: tuple[Node, ...]) -> str:
        spans = [a.arguments if isinstance(a, Call) and a.name == "interval" else (a, a) for a in arguments]
        ends = [None if isinstance(e, Literal) and e.value == OPEN else self._value(e) for s in spans for e in s]
        for end, node in zip(ends, (e for s in spans for e in s), strict=True):
            if end and end.kind not in ("date", "datetime"):
                hint = "write DATE('2026-01-31') or TIMESTAMP('2026-01-31T08:00:00Z')"
                raise Malformed(f"{name} takes no {end.kind}", node.at, end.kind, "a time or an interval", hint)
        days = all(e is None or e.kind == "date" for e in ends)
        told = [self._end(e, bool(n % 2), days) for n, e in enumerate(ends)]
        return f"({_TIMES[name].format(**dict(zip('abcd', told, strict=True)))})"

    def _end(self, end: _Value | None, last: bool, days: bool) -> str:
        """An end of a span as a time. Beside times a day lasts from its first moment to its last."""
        if end is None:
            return self.parameters.bind(LAST if last else FIRST, "datetime")
        if end.kind == "datetime":
            return _STAMP.format(end.sql)
        return _DAY.format(end.sql) + ("" if days or not last else " + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND")

    def _places(self, name: str, arguments: tuple[Node, ...], at: int) -> str:
        if not self.spatial:
            raise Unserved("places are not compared here: the extra 'spatial' is not installed", at, name)
        a, b = (self._kind(n, "geometry", name.upper()) for n in arguments)
        return _PLACES[name].format(a, b)


def moments(text: str) -> tuple[datetime | None, datetime | None]:
    """The span that the parameter `datetime` names, an open end being None. Raises ValueError."""
    ends = text.split("/")
    if len(ends) > 2:
        raise ValueError("more than two times")
    found = [
        _moment(e, last) for e, last in zip((ends * 2)[:2] if len(ends) == 1 else ends, (False, True), strict=True)
    ]
    if len(ends) == 1 and found[0] is None:
        raise ValueError("no time")
    if found[0] and found[1] and found[0] > found[1]:
        raise ValueError("it ends before it begins")
    return found[0], found[1]


def _moment(text: str, last: bool) -> datetime | None:
    if text in ("", OPEN) or text.startswith(("0000-", "9999-")):  # some write the ends of time for an open end
        return None
    made = datetime.fromisoformat(text)
    if len(text) == 10:
        return datetime.combine(made.date(), time.max if last else time.min, UTC)
    if made.tzinfo is None:
        raise ValueError("no offset")
    return made.astimezone(UTC)
