"""Which statements answer a request? One for the page, one for its count, and one for each expanded property, however many entities are on the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from citytwin.api.sta import cursor, write
from citytwin.api.sta.cursor import Key
from citytwin.api.sta.error import Malformed
from citytwin.api.sta.path import Resource
from citytwin.api.sta.schema import Entity, Property, Schema, Tie, near, synonym
from citytwin.api.sta.scope import Row, Scope, join
from citytwin.api.sta.sql import Translator
from citytwin.api.sta.tree import Expand, Limits, Path, Query
from citytwin.api.sta.value import TYPES, Mixed, Scalar, Span, Value

PARENT, NUMBER, TOTAL = "#parent", "#n", "#total"
"""Columns of a level beside those of its entities: the near entity's id, the place among its far ones, and how many there are."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and its parameters.

    `keys` are the order of its rows, which have their values in columns `#0`, `#1` and so on; `order` is that order as text.
    """

    sql: str
    parameters: dict[str, Any]
    keys: tuple[Key, ...] = ()
    order: str = ""


class Levels:
    """Makes the statements of one request; `now` is what `now()` means in all of them."""

    def __init__(self, schema: Schema, now: datetime, limits: Limits | None = None) -> None:
        self.schema, self.now, self.limits = schema, now, limits or Limits()

    def page(self, resource: Resource, query: Query, top: int) -> Statement:
        """A page of a set, and the first row behind it; or the one entity that the path leads to."""
        t, scope, row, given = self._start(resource)
        if not resource.steps[-1].one:
            conditions = [t.truth(query.filter, scope)] if query.filter else []
            order = _order(query)
            if query.distinct:
                return self._distinct_page(t, query, scope, conditions, top)
            keys = self._keys(t, query, scope, row, given)
            if query.skiptoken is not None:
                conditions.append(cursor.behind(keys, cursor.read(query.skiptoken, order, keys), t.parameters))
            # which rows are on the page is found out first: columns that must be looked up are then looked up for these alone
            found = f"SELECT {row.alias}.*, {_key_columns(keys)} FROM {scope.sources()}{scope.conditions(*conditions)}"
            found += f" ORDER BY {', '.join(k.clause for k in keys)} LIMIT {t.parameters.bare(top + 1)}"
            if query.skip and query.skiptoken is None:
                found += f" OFFSET {t.parameters.bare(query.skip)}"
            kept = tuple(replace(k, sql=f'{row.alias}."#{n}"') for n, k in enumerate(keys))
            sql = f"SELECT {_columns(row, query, kept)} FROM ({found}) AS {row.alias} ORDER BY {', '.join(k.clause for k in kept)}"
            return _made(sql, t, keys, order)
        for name in ("filter", "orderby", "top", "skip", "count", "skiptoken"):
            if getattr(query, name) not in (None, ()):
                raise Malformed(f"the path leads to one entity, of which ${name} asks nothing", 0, f"${name}")
        columns = _columns(row, query, ())
        return _made(f"SELECT {columns} FROM {scope.sources()}{scope.conditions()}", t)

    def _distinct_page(self, t: Translator, query: Query, scope: Scope, conditions: list[str], top: int) -> Statement:
        """A page of the distinct values of what is selected; they take the place of entities."""
        columns, keys = self._distinct(t, query, scope)
        order = _order(query)
        inner = f"SELECT DISTINCT {columns} FROM {scope.sources()}{scope.conditions(*conditions)}"
        sql = f"SELECT *, {_key_columns(keys)} FROM ({inner}) AS found"
        if query.skiptoken is not None:
            sql += f" WHERE {cursor.behind(keys, cursor.read(query.skiptoken, order, keys), t.parameters)}"
        sql += f" ORDER BY {', '.join(k.clause for k in keys)} LIMIT {t.parameters.bare(top + 1)}"
        if query.skip and query.skiptoken is None:
            sql += f" OFFSET {t.parameters.bare(query.skip)}"
        return _made(sql, t, keys, order)

    def _distinct(self, t: Translator, query: Query, scope: Scope) -> tuple[str, tuple[Key, ...]]:
        """The columns of what is selected as distinct, and the order of its rows: that asked for, then all the rest."""
        columns: list[str] = []
        keys: dict[tuple[str, ...], list[Key]] = {}
        for n, path in enumerate(query.select or ()):
            ties, _ = t.rows.split(path.steps, scope, path.at)
            if ties or synonym(path.steps[0]) == "id":
                hint = "select properties of the entity itself, such as properties/type"
                raise Malformed(f"'{'/'.join(path.steps)}' has no distinct values", path.at, path.steps[0], "", hint)
            keys[path.steps] = []
            for part, sql, kind in _value_parts(t.value(path, scope), path.at):
                columns.append(f'{sql} AS "{n}/{part}"')
                keys[path.steps].append(Key(f'found."{n}/{part}"', kind))
        if query.expand:
            raise Malformed("distinct values are no entities, in which nothing is expanded", query.expand[0].at)
        first: list[Key] = []
        for order in query.orderby:
            if not isinstance(order.by, Path) or order.by.steps not in keys:
                raise Malformed("distinct values are ordered by what is selected alone", order.by.at)
            first += [replace(k, descending=order.descending) for k in keys.pop(order.by.steps)]
        return ", ".join(columns), (*first, *(k for rest in keys.values() for k in rest))

    def count(self, resource: Resource, query: Query) -> Statement:
        """How many entities, or distinct values, there are; pages and what is expanded make no difference."""
        t, scope, *_ = self._start(resource)
        conditions = [t.truth(query.filter, scope)] if query.filter else []
        if query.distinct:
            columns, _ = self._distinct(t, query, scope)
            inner = f"SELECT DISTINCT {columns} FROM {scope.sources()}{scope.conditions(*conditions)}"
            return _made(f"SELECT count(*) AS n FROM ({inner}) AS found", t)
        return _made(f"SELECT count(*) AS n FROM {scope.sources()}{scope.conditions(*conditions)}", t)

    def parent(self, resource: Resource) -> Statement | None:
        """Whether there is the entity whose set a path leads to; None where the path has no such entity."""
        if len(resource.steps) < 2:
            return None
        t, scope, *_ = self._start(Resource("entity", resource.steps[:-1]))
        return _made(f"SELECT 1 AS n FROM {scope.sources()}{scope.conditions()}", t)

    def expand(self, entity: Entity, expand: Expand, ids: Sequence[str | int], top: int) -> Statement:
        """The far entities of all near ones in `ids`: of each at most `top`, and the first behind them."""
        tie, query = tied(entity, expand), expand.query
        t = Translator(self.schema, self.now, self.limits)
        start = t.rows.alias()
        far = Row(t.rows.alias(), self.schema.entities[tie.target])
        scope = Scope(rows={("", ()): far}, joins=[(entity.table, start, "")])
        given = join(scope, tie, start, far, t.rows.alias() if tie.link else "")
        conditions = [t.truth(query.filter, scope)] if query.filter else []
        distinct, keys = (
            self._distinct(t, query, scope) if query.distinct else ("", self._keys(t, query, scope, far, given))
        )
        near_id = entity.properties["id"]
        listed = t.parameters.bare(list(ids))
        parent = near_id.sql.replace("{t}", start)
        conditions.insert(0, f"{parent} IN (SELECT unnest(CAST({listed} AS {TYPES[near_id.kind]}[])))")
        if entity.narrow:
            conditions.insert(0, entity.narrow(ids).replace("{t}", start))
        source = f"{scope.sources()}{scope.conditions(*conditions)}"
        if query.distinct:
            source = f'(SELECT DISTINCT {parent} AS "{PARENT}", {distinct} FROM {source}) AS found'
            parent = f'found."{PARENT}"'
        window = f"row_number() OVER (PARTITION BY {parent} ORDER BY {', '.join(k.clause for k in keys)})"
        shown = (
            f"found.*, {_key_columns(keys)}"
            if query.distinct
            else f'{parent} AS "{PARENT}", {_columns(far, query, keys)}'
        )
        columns = f'{window} AS "{NUMBER}", {shown}'
        if query.count:
            columns += f', count(*) OVER (PARTITION BY {parent}) AS "{TOTAL}"'
        inner = f"SELECT {columns} FROM {source}"
        skip = query.skip or 0
        after, last = t.parameters.bare(skip), t.parameters.bare(skip + top + 1)
        wanted = f'"{NUMBER}" > {after} AND "{NUMBER}" <= {last}'
        if query.count:
            wanted = f'({wanted}) OR "{NUMBER}" = 1'  # the first row tells the total, also where it is skipped
        sql = f'SELECT * FROM ({inner}) AS level WHERE {wanted} ORDER BY "{PARENT}", "{NUMBER}"'
        return _made(sql, t, keys, _order(query))

    def _start(self, resource: Resource) -> tuple[Translator, Scope, Row, list[Key]]:
        """The rows that a path leads to, and the order that the path gives them. Every step but the last leads to one entity, so none comes twice."""
        t = Translator(self.schema, self.now, self.limits)
        scope: Scope | None = None
        row: Row | None = None
        given: list[Key] = []
        for step in resource.steps:
            entity = self.schema.entities[step.entity]
            made = Row(t.rows.alias(), entity)
            if scope is None or row is None:
                scope = Scope(joins=[(entity.table, made.alias, "")])
            else:
                tie = row.entity.ties[step.name]
                given = join(scope, tie, row.alias, made, t.rows.alias() if tie.link else "")
            if step.id is not None:
                if entity.narrow:
                    scope.where.append(entity.narrow([step.id]).replace("{t}", made.alias))
                known = entity.properties["id"]
                scope.where.append(f"{known.sql.replace('{t}', made.alias)} = {t.parameters.bind(step.id, known.kind)}")
            row = made
        assert scope is not None
        assert row is not None
        scope.rows[("", ())] = row
        return t, scope, row, given

    def _keys(self, t: Translator, query: Query, scope: Scope, row: Row, given: Sequence[Key] = ()) -> tuple[Key, ...]:
        """The keys of an order in which no two rows are equal: what was asked for, or is given, then the id."""
        keys: list[Key] = []
        if not query.orderby:
            keys = [*given, *(Key(sql.replace("{t}", row.alias), kind) for sql, kind in row.entity.order)]
        for order in query.orderby:
            value = t.value(order.by, scope)
            parts = [p for p in _value_parts(value, order.by.at) if p[0] != "json"]
            keys.extend(Key(sql, kind, order.descending) for _, sql, kind in parts)
        known = row.entity.properties["id"]
        kind = "string" if known.kind == "string" else "number"
        return (*keys, Key(known.sql.replace("{t}", row.alias), kind))


def _value_parts(value: Value, at: int) -> list[tuple[str, str, str]]:
    """A value as what can be ordered and told apart: name, SQL and kind of each part. Raises Malformed where it is nothing of the kind."""
    match value:
        case Span(start=start, end=end):
            return [("start", start, "datetime"), ("end", end, "datetime")]
        case Mixed(number=number, string=string, boolean=boolean, json=json):
            parts = [("number", number, "number"), ("string", string, "string"), ("boolean", boolean, "boolean")]
            other = " AND ".join(f"{sql} IS NULL" for _, sql, _ in parts)
            rest = f"CASE WHEN {other} THEN CAST({json} AS VARCHAR) END"
            return [*parts, ("json", rest, "string")] if json else parts
        case Scalar(kind="null" | "geometry" as kind):
            raise Malformed(f"a {kind} has no order", at)
        case Scalar(kind=kind, sql=sql):
            return [(kind, sql, kind)]


def _key_columns(keys: tuple[Key, ...]) -> str:
    return ", ".join(f'{k.sql} AS "#{n}"' for n, k in enumerate(keys))


def _made(sql: str, t: Translator, keys: tuple[Key, ...] = (), order: str = "") -> Statement:
    """A statement with the parameters that it names; stores refuse others."""
    if len(sql) > t.limits.sql:
        raise Malformed("the query is too complicated", 0, "", "fewer conditions")
    named = set(re.findall(r"\$(p[0-9]+)", sql))
    return Statement(sql, {n: v for n, v in t.parameters.values.items() if n in named}, keys, order)


def _order(query: Query) -> str:
    return write.query(Query(orderby=query.orderby))


def tied(entity: Entity, expand: Expand) -> Tie:
    """The tie that is expanded. Raises Malformed where there is none of that name."""
    if expand.name not in entity.ties:
        hint = near(expand.name, entity.ties)
        raise Malformed(f"{entity.name} has no navigation property '{expand.name}'", expand.at, expand.name, "", hint)
    return entity.ties[expand.name]


def selected(entity: Entity, query: Query) -> dict[str, Property]:
    """The properties that are asked for, always with the id. Raises Malformed where there is none of a name."""
    if query.select is None:
        return dict(entity.properties)
    found = {"id": entity.properties["id"]}
    for path in query.select:
        name = synonym(path.steps[0])
        parts = {n: p for n, p in entity.properties.items() if n == name or n.startswith(f"{name}/")}
        if not parts and name not in entity.ties:
            hint = near(name, {**entity.properties, **entity.ties})
            raise Malformed(f"{entity.name} has no '{name}'", path.at, name, "", hint)
        found |= parts
    return found


def _columns(row: Row, query: Query, keys: tuple[Key, ...]) -> str:
    """What a statement selects: an interval as `name/start` and `name/end`, a value of any type as one column for each type."""
    found: list[str] = []
    for name, property in selected(row.entity, query).items():
        match property.kind:
            case "interval":
                parts = {f"{name}/start": property.sql, f"{name}/end": property.end}
            case "any":
                parts = {f"{name}/{k}": _shown(k, s) for k, s in property.parts.items()}
            case kind:
                parts = {name: _shown(kind, property.shown or property.sql)}
        found.extend(f'{sql.replace("{t}", row.alias)} AS "{part}"' for part, sql in parts.items())
    return ", ".join((*found, _key_columns(keys)) if keys else found)


def _shown(kind: str, sql: str) -> str:
    return f"CAST({sql} AS VARCHAR)" if kind == "object" else sql
