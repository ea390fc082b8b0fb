"""Which rows does an expression speak of? Navigation becomes joins: outer ones to one entity, rows of an EXISTS where it leads to many."""

from __future__ import annotations

from dataclasses import dataclass, field

from citytwin.api.sta.cursor import Key
from citytwin.api.sta.error import Malformed
from citytwin.api.sta.schema import Entity, Property, Schema, Tie, near, synonym
from citytwin.api.sta.tree import Limits
from citytwin.api.sta.value import TYPES, Mixed, Parameters, Scalar, Span, Value, json_value

Place = tuple[str, tuple[str, ...]]
"""A variable (the entity asked for has none: '') and the navigation properties that lead on from it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a statement: its alias and what it is a row of."""

    alias: str
    entity: Entity


@dataclass(slots=True)
class Scope:
    """The rows of a SELECT, what it joins (table, alias, condition of an outer join) and what must hold between them."""

    outer: Scope | None = None
    rows: dict[Place, Row] = field(default_factory=dict)
    joins: list[tuple[str, str, str]] = field(default_factory=list)
    where: list[str] = field(default_factory=list)

    def find(self, place: Place) -> tuple[Scope, Row] | None:
        """The row at a place, and the scope that has it."""
        scope: Scope | None = self
        while scope is not None:
            if place in scope.rows:
                return scope, scope.rows[place]
            scope = scope.outer
        return None

    def sources(self) -> str:
        """What follows FROM."""
        (table, alias, _), *rest = self.joins
        joined = (f"LEFT JOIN {t} AS {a} ON {on}" if on else f"CROSS JOIN {t} AS {a}" for t, a, on in rest)
        return " ".join((f"{table} AS {alias}", *joined))

    def conditions(self, *more: str) -> str:
        """The WHERE clause, if there is one."""
        found = [*self.where, *(m for m in more if m)]
        return f" WHERE {' AND '.join(found)}" if found else ""


class Rows:
    """Finds and joins the rows that paths lead to."""

    def __init__(self, schema: Schema, parameters: Parameters, limits: Limits) -> None:
        self.schema, self.parameters, self.limits = schema, parameters, limits
        self.made = 0

    def alias(self, at: int = 0) -> str:
        """A name for another row."""
        self.made += 1
        if self.made > self.limits.joins:
            raise Malformed(f"the query speaks of more than {self.limits.joins} kinds of rows", at)
        return f"t{self.made}"

    def root(self, entity: Entity) -> Scope:
        """The scope of a statement about an entity."""
        alias = self.alias()
        return Scope(rows={("", ()): Row(alias, entity)}, joins=[(entity.table, alias, "")])

    def split(self, steps: tuple[str, ...], scope: Scope, at: int) -> tuple[list[tuple[Place, Tie]], tuple[str, ...]]:
        """The ties that a path follows, each with the place it leads to, and the steps within the entity at the end."""
        variable = steps[0] if scope.find((steps[0], ())) else ""
        rest = steps[1:] if variable else steps
        start = scope.find((variable, ()))
        assert start is not None
        entity, ties = start[1].entity, list[tuple[Place, Tie]]()
        while rest and (tie := entity.ties.get(rest[0])):
            ties.append(((variable, (*(ties[-1][0][1] if ties else ()), rest[0])), tie))
            entity, rest = self.schema.entities[tie.target], rest[1:]
            if len(ties) > self.limits.levels:
                raise Malformed(f"the path leads over more than {self.limits.levels} entities", at, "/".join(steps))
        return ties, rest

    def many(self, steps: tuple[str, ...], scope: Scope, at: int) -> set[Place]:
        """The places on a path that have many rows, of which none is chosen yet."""
        ties, _ = self.split(steps, scope, at)
        return {place for place, tie in ties if tie.many and scope.find(place) is None}

    def row(self, place: Place, scope: Scope, at: int) -> Row:
        """The row at a place; one that many near rows share is joined where they are."""
        if found := scope.find(place):
            return found[1]
        variable, steps = place
        base = self.row((variable, steps[:-1]), scope, at)
        tie = base.entity.ties[steps[-1]]
        if tie.many:
            hint = "in $filter, write it as a condition or with any(…); in $orderby, Name/$count is one value"
            raise Malformed(f"{'/'.join(steps)} leads to many entities, not to one value", at, steps[-1], "", hint)
        found = scope.find((variable, steps[:-1]))
        assert found is not None
        made = Row(self.alias(at), self.schema.entities[tie.target])
        found[0].joins.append((made.entity.table, made.alias, filled(tie.on, base.alias, made.alias)))
        found[0].rows[place] = made
        return made

    def choose(self, place: Place, scope: Scope, at: int, variable: str = "") -> None:
        """Add the many rows at a place to a scope, so that conditions may speak of one of them."""
        base = self.row((place[0], place[1][:-1]), scope, at)
        tie = base.entity.ties[place[1][-1]]
        made = Row(self.alias(at), self.schema.entities[tie.target])
        join(scope, tie, base.alias, made, self.alias(at) if tie.link else "")
        scope.rows[(variable, ()) if variable else place] = made

    def value(self, steps: tuple[str, ...], scope: Scope, at: int) -> Value:
        """What a path stands for."""
        ties, rest = self.split(steps, scope, at)
        variable = steps[0] if scope.find((steps[0], ())) else ""
        row = self.row(ties[-1][0] if ties else (variable, ()), scope, at)
        if not rest:
            raise Malformed(
                "", at, "/".join(steps), "a property", f"name a property of it, such as {'/'.join(steps)}/id"
            )
        return self._property(row, rest, at)

    def _property(self, row: Row, steps: tuple[str, ...], at: int) -> Value:
        entity, steps = row.entity, (synonym(steps[0]), *steps[1:])
        for n in range(min(len(steps), 4), 0, -1):
            if found := entity.properties.get("/".join(steps[:n])):
                if len(steps) - n > self.limits.depth:
                    raise Malformed(f"the path is deeper than {self.limits.depth}", at, steps[0])
                value = self._within(found, row.alias, steps[n:])
                if value is None:
                    raise Malformed(f"{'/'.join(steps[:n])} has no '{steps[n]}'", at, "/".join(steps))
                return value
        raise Malformed(f"{entity.name} has no '{steps[0]}'", at, steps[0], "", near(steps[0], entity.properties))

    def _within(self, property: Property, alias: str, keys: tuple[str, ...]) -> Value | None:
        if property.kind == "interval":
            ends = {"start": property.sql, "end": property.end}
            if not keys:
                return Span(*(s.replace("{t}", alias) for s in ends.values()))
            ends |= property.parts
            return Scalar("datetime", ends[keys[0]].replace("{t}", alias)) if keys in (("start",), ("end",)) else None
        json = property.sql if property.kind == "object" else property.parts.get("object", "")
        if keys:
            return self._keyed(json.replace("{t}", alias), keys) if json else None
        if property.kind in ("object", "any"):
            parts = {k: s.replace("{t}", alias) for k, s in {**property.parts, "object": json}.items() if s}
            empty = " AND ".join(f"{s} IS NULL" for s in parts.values())
            none = {k: f"CAST(NULL AS {TYPES[k]})" for k in ("number", "string", "boolean")}
            known = {**none, **parts}
            return Mixed(known["number"], known["string"], known["boolean"], f"({empty})", parts.get("object", ""))
        kind = "number" if property.kind == "integer" else property.kind
        return Scalar(kind, property.sql.replace("{t}", alias))

    def _keyed(self, json: str, keys: tuple[str, ...]) -> Mixed:
        *above, last = (self.parameters.bind(k, "string") for k in keys)
        for key in above:
            json = f"({json} -> {key})"
        return json_value(json, last)


def filled(sql: str, near_alias: str, far_alias: str, link_alias: str = "") -> str:
    """The condition of a tie between these rows."""
    return sql.replace("{a}", near_alias).replace("{b}", far_alias).replace("{v}", link_alias)


def join(scope: Scope, tie: Tie, near_alias: str, far: Row, link_alias: str) -> list[Key]:
    """Put the far rows of a tie beside the near ones; returns the order that the tie gives them."""
    if tie.link:
        scope.joins.append((tie.link, link_alias, ""))
        scope.where.append(f"({filled(tie.near, near_alias, far.alias, link_alias)})")
    scope.joins.append((far.entity.table, far.alias, ""))
    scope.where.append(f"({filled(tie.on, near_alias, far.alias, link_alias)})")
    return [Key(filled(sql, near_alias, far.alias, link_alias), kind) for sql, kind in tie.order]
