"""What can be asked for? Entity sets, their properties and their ties to each other, each with the SQL that stands behind it.

SQL here is written by us, never by a client. `{t}` in it is the alias of the entity's row, in ties `{a}`, `{v}` and `{b}` those of the near, the link
and the far row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

PropertyKind = Literal[
    "string", "integer", "number", "boolean", "datetime", "date", "interval", "geometry", "object", "any"
]


@dataclass(frozen=True, slots=True)
class Property:
    """A property and its SQL. An `interval` has its `end` too, and under `end` in `parts` what is told of it where a point in time has none; an `object` is of
    SQL type JSON.

    What a `geometry` shows is JSON.

    `any` may be of several types: `parts` has an expression for `number`, `string`, `boolean` and `object` (JSON), as far as there can be one, each null
    where the value is of another type; `sql` is not used. `shown` is what is sent where that differs from what is compared, as it does for a `geometry`.
    """

    kind: PropertyKind
    sql: str = ""
    end: str = ""
    shown: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tie:
    """A navigation property: where it leads, whether to many, and when a far row belongs to a near one.

    `link` is a table between the two, which only ties to many may have; `near` joins it to the near row, `on` to the far one. `order` is that of the far
    rows where none is asked for (SQL and kind), before the one of their own.
    """

    target: str
    many: bool
    on: str
    link: str = ""
    near: str = ""
    order: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        assert self.many or not self.link, "a tie to one needs no link table"


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of entity: `table` is a table, a view or a query in parentheses.

    `properties` holds `id`. The name of a part of a complex property is a path, such as `unitOfMeasurement/symbol`. `narrow` says in SQL where entities with
    given ids are to be looked for, where their ids alone would not tell the store; `order` is theirs where none is asked for (SQL and kind), before the id.
    """

    name: str
    table: str
    properties: Mapping[str, Property]
    ties: Mapping[str, Tie] = field(default_factory=dict)
    narrow: Callable[[Sequence[str | int]], str] | None = None
    order: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """Entity sets by name, and the functions that the store knows beyond the SQL that all stores share.

    `sets` and the targets of ties name `entities`. `functions` has, by the name that the standard gives it, the SQL of each function with `{0}`, `{1}`,
    `{2}` for its arguments; under `geometry` that of a geometry written as well-known text, under `in` whether a JSON list has a JSON value, under
    `relate/IB` whether the interior of one geometry meets the boundary of another.
    """

    entities: Mapping[str, Entity]
    sets: Mapping[str, str]
    functions: Mapping[str, str] = field(default_factory=dict)


POSTGIS: Mapping[str, str] = {
    "in": "CAST({0} AS JSONB) @> CAST({1} AS JSONB)",
    "geometry": "ST_GeomFromText({0}, 4326)",
    "geo.distance": "ST_Distance({0}, {1})",
    "geo.length": "ST_Length({0})",
    "geo.intersects": "ST_Intersects({0}, {1})",
    **{
        f"st_{name}": f"ST_{name.title()}({{0}}, {{1}})"
        for name in ("equals", "disjoint", "touches", "within", "overlaps", "crosses", "intersects", "contains")
    },
    "st_relate": "ST_Relate({0}, {1}, {2})",
}
"""What PostgreSQL with PostGIS offers: all of the standard."""

_MEET = "(ST_Intersects({0}, {1}) AND NOT ST_Touches({0}, {1}))"
_RELATE: Mapping[str, str] = {
    "II": _MEET,
    "IB": _MEET.replace("{1}", "ST_Boundary({1})"),
    "IE": "(NOT ST_CoveredBy({0}, {1}))",
    "BI": _MEET.replace("{0}", "ST_Boundary({0})"),
    "BB": "ST_Intersects(ST_Boundary({0}), ST_Boundary({1}))",
    "BE": "(NOT ST_IsEmpty(ST_Boundary({0})) AND NOT ST_CoveredBy(ST_Boundary({0}), {1}))",
    "EI": "(NOT ST_CoveredBy({1}, {0}))",
    "EB": "(NOT ST_IsEmpty(ST_Boundary({1})) AND NOT ST_CoveredBy(ST_Boundary({1}), {0}))",
    "EE": "TRUE",
}
"""Whether interior, boundary and exterior of two geometries meet, in the order of a DE-9IM pattern, for stores without ST_Relate. It rests on a boundary
having no boundary, and on a geometry being the closure of its interior."""

DUCKDB: Mapping[str, str] = {"in": "json_contains({0}, {1})"}
"""What DuckDB offers as it is."""

DUCKDB_SPATIAL: Mapping[str, str] = {
    **{name: sql for name, sql in POSTGIS.items() if name != "st_relate"},
    **DUCKDB,
    "geometry": "ST_GeomFromText({0})",
    **{f"relate/{which}": sql for which, sql in _RELATE.items()},
}
"""What DuckDB's extension `spatial` offers where it is installed: all but the dimensions in patterns of `st_relate`."""

SYNONYMS = {"@iot.id": "id", "@iot.selfLink": "id", "@id": "id"}
"""Control information that says no more than `id`, in 1.1 and in 2.0."""


def synonym(name: str) -> str:
    """The property behind a name that a client uses."""
    return SYNONYMS.get(name, name)


def near(name: str, known: Mapping[str, object]) -> str:
    """A hint for who asked for what is not there."""
    meant = get_close_matches(name[:60], known, 1)
    return f"did you mean {meant[0]}?" if meant else f"there are {', '.join(sorted(known))}"
