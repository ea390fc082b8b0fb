"""What is the answer? Runs the statements of a request and hangs what was expanded below the entities it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from citytwin.api.sta import cursor
from citytwin.api.sta.error import Absent, Malformed
from citytwin.api.sta.level import NUMBER, PARENT, TOTAL, Levels, Statement, selected, tied
from citytwin.api.sta.path import Resource
from citytwin.api.sta.schema import Entity, Property
from citytwin.api.sta.tree import Expand, Path, Query

Fetch = Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
"""Runs a statement with its named parameters and gives its rows, times being aware of their zone."""
PAGE = 100
NEXT = "@next"
COUNT = "@count"


@dataclass(frozen=True, slots=True)
class Answer:
    """Entities, how many there are in all if that was asked, and the `$skiptoken` of the next page if there is one.

    An entity has its properties by name, and each expanded property by its name: a list, one entity or None. Beside a list stand `Name@count`, if asked,
    and `Name@next`, if there are more.
    """

    items: list[dict[str, Any]]
    count: int | None = None
    next: str | None = None


def read(levels: Levels, resource: Resource, query: Query, fetch: Fetch, page: int = PAGE) -> Answer:
    """Answers a request for a set or an entity; `page` is the most entities that a page has, at every level. Raises StaError."""
    if resource.target not in ("set", "entity", "refs", "ref"):
        raise Malformed(f"a {resource.target} has no entities", 0)
    entity = levels.schema.entities[resource.steps[-1].entity]
    one = resource.steps[-1].one
    top = page if query.top is None else min(query.top, page)
    statement = levels.page(resource, query, top)
    rows = fetch(statement.sql, statement.parameters)
    if not rows:
        _exists(levels, resource, fetch, one)
    shown = rows[:1] if one else rows[:top]
    items = _below(levels, entity, query, shown, fetch, page, _Room(levels.limits.entities))
    count = None
    if query.count and not one:
        counted = levels.count(resource, query)
        count = int(fetch(counted.sql, counted.parameters)[0]["n"])
    more = not one and len(rows) > top > 0
    return Answer(items, count, _next(statement, shown[-1]) if more else None)


def value(levels: Levels, resource: Resource, fetch: Fetch) -> Any:
    """The value of a property, None where there is none. Raises Absent where the entity, or a key of an object, is not there."""
    wanted = Query(select=(Path(resource.property),))
    found: Any = read(levels, Resource("entity", resource.steps), wanted, fetch).items[0]
    for step in resource.property:
        if found is None:
            return None
        if not isinstance(found, dict) or step not in found:
            raise Absent(f"there is no {resource}"[:200], 0, step)
        found = found[step]
    return found


def following(query: Query, token: str) -> Query:
    """The query of the next page: the same, behind the token."""
    return replace(query, skip=None, skiptoken=token)


def _exists(levels: Levels, resource: Resource, fetch: Fetch, one: bool) -> None:
    parent = levels.parent(resource)
    if one or (parent and not fetch(parent.sql, parent.parameters)):
        raise Absent(f"there is no {resource}"[:200], 0)


def _next(statement: Statement, row: dict[str, Any]) -> str:
    return cursor.write(statement.order, statement.keys, tuple(row[f"#{n}"] for n in range(len(statement.keys))))


@dataclass(slots=True)
class _Room:
    """How many entities may still be expanded, on all levels together: pages within pages multiply."""

    left: int

    def spend(self, rows: int, expand: Expand) -> None:
        self.left -= rows
        if self.left < 0:
            hint = "expand less, or ask for smaller pages with $top"
            raise Malformed("the answer has too many entities", expand.at, expand.name, "", hint)


def _below(
    levels: Levels, entity: Entity, query: Query, rows: list[dict[str, Any]], fetch: Fetch, page: int, room: _Room
) -> list[dict[str, Any]]:
    """Rows as entities, with all that is expanded below them."""
    if query.distinct:
        return [_distinct(query, r) for r in rows]
    properties = selected(entity, query)
    items = [_entity(properties, r) for r in rows]
    for expand in query.expand:
        _hang(levels, entity, expand, items, fetch, page, room)
    return items


def _distinct(query: Query, row: Mapping[str, Any]) -> dict[str, Any]:
    """What was selected as distinct, by its paths."""
    found: dict[str, Any] = {}
    for n, path in enumerate(query.select or ()):
        mine = {key.partition("/")[2]: v for key, v in row.items() if key.startswith(f"{n}/")}
        if mine.keys() == {"start", "end"}:
            found["/".join(path.steps)] = mine if mine["start"] is not None else None
            continue
        known = [(kind, v) for kind, v in mine.items() if v is not None]
        kind, value = known[0] if known else ("", None)
        found["/".join(path.steps)] = _decoded("object" if kind == "json" else kind, value)
    return found


def _hang(
    levels: Levels, entity: Entity, expand: Expand, items: list[dict[str, Any]], fetch: Fetch, page: int, room: _Room
) -> None:
    tie, query, name = tied(entity, expand), expand.query, expand.name
    top = page if query.top is None else min(query.top, page)
    ids = list(dict.fromkeys(i["id"] for i in items))
    statement = levels.expand(entity, expand, ids, top)
    rows = fetch(f"{statement.sql} LIMIT {room.left + 1}", statement.parameters) if ids else []
    room.spend(len(rows), expand)
    skip = query.skip or 0
    last = skip + top
    shown = [r for r in rows if skip < r[NUMBER] <= last]
    beyond = {r[PARENT] for r in rows if r[NUMBER] > last}
    below = _below(levels, levels.schema.entities[tie.target], query, shown, fetch, page, room)
    found: dict[Any, list[dict[str, Any]]] = {}
    final: dict[Any, dict[str, Any]] = {}
    totals = {r[PARENT]: r[TOTAL] for r in rows} if query.count else {}
    for row, item in zip(shown, below, strict=True):
        found.setdefault(row[PARENT], []).append(item)
        final[row[PARENT]] = row
    for item in items:
        far = found.get(item["id"], [])
        item[name] = far if tie.many else far[0] if far else None
        if tie.many and query.count:
            item[f"{name}{COUNT}"] = totals.get(item["id"], 0)
        if tie.many and item["id"] in beyond and item["id"] in final:
            item[f"{name}{NEXT}"] = _next(statement, final[item["id"]])


def _entity(properties: Mapping[str, Property], row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, property in properties.items():
        *above, last = name.split("/")
        inside = found
        for step in above:
            inside = inside.setdefault(step, {})
        inside[last] = _value(name, property, row)
    return found


def _value(name: str, property: Property, row: Mapping[str, Any]) -> Any:
    match property.kind:
        case "interval":
            start, end = row[f"{name}/start"], row[f"{name}/end"]
            if start == end and "end" in property.parts:
                return None if start is None else {"start": start}
            return None if start is None else {"start": start, "end": end}
        case "any":
            parts = ((k, row[f"{name}/{k}"]) for k in property.parts)
            known = [(k, v) for k, v in parts if v is not None]
            return _decoded(*known[0]) if known else None
    kind = "object" if property.kind == "geometry" and property.shown else property.kind
    return _decoded(kind, row[name])


def _decoded(kind: str, value: Any) -> Any:
    return msgspec.json.decode(value) if kind == "object" and value is not None else value
