"""What is a condition in SQL? `$filter` becomes what stands behind WHERE, an expression of `$orderby` a key.

A path over many entities (`Datastreams/Observations/result gt 5`) asks whether there is one. All conditions joined by `and` speak of the same one; each side
of an `or`, and what stands behind `not`, speaks for itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from citytwin.api.sta import function
from citytwin.api.sta.error import Malformed, Unserved
from citytwin.api.sta.function import Desk
from citytwin.api.sta.schema import Schema
from citytwin.api.sta.scope import Place, Rows, Scope
from citytwin.api.sta.tree import (
    Any,
    Binary,
    Call,
    Count,
    Limits,
    Literal,
    Node,
    Path,
    Unary,
    Within,
    walk,
)
from citytwin.api.sta.tree import Junction as Joined
from citytwin.api.sta.value import TYPES, Mixed, Parameters, Scalar, Span, Value, bound, compare, kind, scalar, size

_COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_SIGNS = {"add": "+", "sub": "-", "mul": "*"}


class Translator:
    """Says expressions in SQL, for one statement."""

    def __init__(self, schema: Schema, now: datetime, limits: Limits | None = None) -> None:
        self.schema = schema
        self.parameters = Parameters()
        self.limits = limits or Limits()
        self.rows = Rows(schema, self.parameters, self.limits)
        self.desk = Desk(self.parameters, now, schema.functions)

    def truth(self, node: Node, scope: Scope, negated: bool = False) -> str:
        """SQL that is true exactly where the condition holds, or where it is false if `negated`."""
        if chosen := self._needs(node, scope):
            found = self._exists(node, chosen, scope)
            return f"({found}) IS NOT TRUE" if negated else found
        match node:
            case Joined(op=op, items=items):
                word = "AND" if (op == "and") is not negated else "OR"
                return f"({f' {word} '.join(self.truth(i, scope, negated) for i in items)})"
            case Unary(op="not", operand=operand):
                return self.truth(operand, scope, not negated)
            case Binary(op=op) if op in _COMPARISONS:
                return self._sign(self._comparison(node, scope), negated)
            case Within():
                return self._sign(self._within(node, scope), negated)
        value = self.value(node, scope)
        sql = scalar(value, "boolean")
        if sql is None:
            raise Malformed("", node.at, f"a {kind(value)}", "a condition")
        return f"(NOT {sql})" if negated else f"({sql})"

    def _sign(self, sql: str, negated: bool) -> str:
        return f"({sql}) IS NOT TRUE" if negated else f"({sql})"

    def value(self, node: Node, scope: Scope) -> Value:
        """The value of an expression. What nests functions that need their argument twice grows fast, and is stopped where it does."""
        found = self._value(node, scope)
        if size(found) > self.limits.sql:
            raise Malformed("the expression is too complicated", node.at, "", "one that nests less")
        return found

    def _value(self, node: Node, scope: Scope) -> Value:
        match node:
            case Literal(kind="geometry") if "geometry" not in self.schema.functions:
                raise Unserved("geometries are not offered here", node.at)
            case Literal():
                return bound(node, self.parameters, self.schema.functions.get("geometry", ""))
            case Path(steps=steps):
                return self.rows.value(steps, scope, node.at)
            case Count():
                return self._count(node, scope)
            case Any():
                return Scalar("boolean", self._any(node, scope))
            case Call(name="cast"):
                return self._cast(node, scope)
            case Call(arguments=arguments):
                return function.call(node, tuple(self.value(a, scope) for a in arguments), self.desk)
            case Binary(op=op) if op in _COMPARISONS:
                return Scalar("boolean", f"(({self._comparison(node, scope)}) IS TRUE)")
            case Binary():
                return self._arithmetic(node, scope)
            case Within():
                return Scalar("boolean", f"(({self._within(node, scope)}) IS TRUE)")
            case Unary(op="not", operand=operand):
                return Scalar("boolean", f"(NOT {self._boolean(operand, scope)})")
            case Unary(operand=operand):
                return self._negative(node, self.value(operand, scope))
            case Joined(op=op, items=items):
                return Scalar("boolean", f"({f' {op.upper()} '.join(self._boolean(i, scope) for i in items)})")

    def _boolean(self, node: Node, scope: Scope) -> str:
        value = self.value(node, scope)
        sql = scalar(value, "boolean")
        if sql is None:
            raise Malformed("", node.at, f"a {kind(value)}", "a condition")
        return sql

    def _comparison(self, node: Binary, scope: Scope) -> str:
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        return compare(node.op, left, right, node.at, self.parameters)

    def _within(self, node: Within, scope: Scope) -> str:
        operand = self.value(node.operand, scope)
        if isinstance(node.items, Path):
            return self._listed(node, node.items, scope)
        found = (self.value(i, scope) for i in node.items)
        return " OR ".join(compare("eq", operand, v, node.at, self.parameters) for v in found)

    def _listed(self, node: Within, path: Path, scope: Scope) -> str:
        """Whether a list in a JSON object has a value."""
        listed = self.value(path, scope)
        if not isinstance(node.operand, Literal) or not isinstance(node.operand.value, str | int | float):
            raise Malformed("", node.operand.at, "", "a text or a number before in, if a property stands behind it")
        if not isinstance(listed, Mixed) or not listed.json:
            raise Malformed("", path.at, "/".join(path.steps), "a list of values, or a property that has a list")
        if "in" not in self.schema.functions:
            raise Unserved("lists in properties are not searched here", node.at, "in")
        value = self.parameters.bind(json.dumps(node.operand.value), "object")
        return self.schema.functions["in"].replace("{0}", listed.json).replace("{1}", value)

    def _negative(self, node: Unary, value: Value) -> Scalar:
        wanted = "duration" if isinstance(value, Scalar) and value.kind == "duration" else "number"
        sql = scalar(value, wanted)
        if sql is None:
            raise Malformed("", node.at, f"a {kind(value)}", "a number or a duration behind -")
        return Scalar(wanted, f"(-({sql}))")

    def _cast(self, node: Call, scope: Scope) -> Scalar:
        operand, type = node.arguments
        if not isinstance(type, Path):
            raise Malformed("", type.at, "", "the name of a type, such as Edm.Decimal")
        return function.cast(self.value(operand, scope), type, node)

    def _arithmetic(self, node: Binary, scope: Scope) -> Value:
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        if (made := _times(node.op, left, right)) is not None:
            return made
        numbers = [scalar(v, "number") for v in (left, right)]
        if None in numbers:
            what = f"{node.op} does not take a {kind(left)} and a {kind(right)}"
            raise Malformed(what, node.at, node.op, "two numbers, or a time and a duration")
        a, b = (f"CAST({n} AS {TYPES['number']})" for n in numbers)
        match node.op:
            case "mod":
                # PostgreSQL has no mod of floating-point numbers; nothing divided by nothing is null in both
                return Scalar("number", f"({a} - {b} * trunc({a} / NULLIF({b}, 0)))")
            case "div":
                return Scalar("number", f"({a} / NULLIF({b}, 0))")
        return Scalar("number", f"({a} {_SIGNS[node.op]} {b})")

    def _needs(self, node: Node, scope: Scope) -> set[Place]:
        """The places with many rows of which a condition cannot do without one."""
        match node:
            case Joined(op="and", items=items):
                return set().union(*(self._needs(i, scope) for i in items))
            case Joined(items=items):
                return set.intersection(*(self._needs(i, scope) for i in items))
            case Unary(op="not"):
                return set()
        return self._used((node,), scope)

    def _used(self, nodes: Iterable[Node], scope: Scope) -> set[Place]:
        """The places with many rows that expressions speak of anywhere."""
        paths = (n for node in nodes for n in walk(node) if isinstance(n, Path))
        return set().union(*(self.rows.many(p.steps, scope, p.at) for p in paths))

    def _exists(self, node: Node, chosen: set[Place], scope: Scope) -> str:
        """Whether there are rows for which the condition holds; parts that share no row are asked for one by one."""
        items = node.items if isinstance(node, Joined) and node.op == "and" else (node,)
        groups: list[tuple[set[Place], list[Node]]] = []
        for item in items:
            places, members = self._used((item,), scope) & chosen, [item]
            for group in [g for g in groups if g[0] & places]:
                groups.remove(group)
                places, members = places | group[0], group[1] + members
            groups.append((places, members))
        found: list[str] = []
        for places, members in groups:
            inner = Scope(scope) if places else scope
            for place in sorted(places, key=lambda p: (len(p[1]), p)):
                self.rows.choose(place, inner, node.at)
            holds = " AND ".join(self.truth(m, inner) for m in members)
            found.append(f"EXISTS (SELECT 1 FROM {inner.sources()}{inner.conditions(holds)})" if places else holds)
        return f"({' AND '.join(found)})" if len(found) > 1 else found[0]

    def _over(self, path: Path, scope: Scope, variable: str) -> Scope:
        """The rows that a path leads to; its last step must lead to many."""
        ties, rest = self.rows.split(path.steps, scope, path.at)
        if rest or not ties or not ties[-1][1].many:
            raise Malformed("", path.at, "/".join(path.steps), "a path to a set of entities")
        if variable and scope.find((variable, ())):
            raise Malformed(f"the variable {variable} has a meaning already", path.at, variable)
        inner = Scope(scope)
        for place, tie in ties[:-1]:
            if tie.many and inner.find(place) is None:
                self.rows.choose(place, inner, path.at)
        self.rows.choose(ties[-1][0], inner, path.at, variable or "\0")
        return inner

    def _any(self, node: Any, scope: Scope) -> str:
        inner = self._over(node.path, scope, node.variable)
        holds = self.truth(node.condition, inner)
        return f"EXISTS (SELECT 1 FROM {inner.sources()}{inner.conditions(holds)})"

    def _count(self, node: Count, scope: Scope) -> Scalar:
        inner = self._over(node.path, scope, "")
        return Scalar("number", f"(SELECT count(*) FROM {inner.sources()}{inner.conditions()})")


def _times(op: str, left: Value, right: Value) -> Value | None:
    """Sums and differences of times and durations."""
    if op not in ("add", "sub"):
        return None
    sign = "+" if op == "add" else "-"
    spans = [isinstance(v, Scalar) and v.kind == "duration" for v in (left, right)]
    if isinstance(right, Scalar) and spans[1]:
        if isinstance(left, Span):
            return Span(f"({left.start} {sign} {right.sql})", f"({left.end} {sign} {right.sql})")
        if isinstance(left, Scalar) and left.kind in ("datetime", "duration"):
            return Scalar(left.kind, f"({left.sql} {sign} {right.sql})")
    if isinstance(left, Scalar) and spans[0] and isinstance(right, Scalar) and right.kind == "datetime" and op == "add":
        return Scalar("datetime", f"({right.sql} + {left.sql})")
    points = [v.kind == "datetime" for v in (left, right) if isinstance(v, Scalar)]
    if op == "sub" and points == [True, True] and isinstance(left, Scalar) and isinstance(right, Scalar):
        return Scalar("duration", f"({left.sql} - {right.sql})")
    return None
