"""In which words does a version of the standard say what all of them say? Names, shapes and what a body must hold; `v1` and `v2` speak one each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from citytwin.api.sta.schema import Schema
from citytwin.api.sta.times import Pair, moment
from citytwin.engine.catalog import geometry_fault
from citytwin.kernel.register import Kind

Check = Callable[[Any], str]
Part = Literal["result", "time", "result_time", "valid", "quality", "properties", "feature", "stream"]
"""What is said of an observation."""


@dataclass(frozen=True, slots=True)
class Field:
    """A property of the standard: the field that keeps it, what it must be, and whether it must be there."""

    to: str
    check: Check
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """What a body of an entity may hold. `links`: name in the standard → (link, entity, to many)."""

    kind: Kind
    fields: Mapping[str, Field]
    links: Mapping[str, tuple[str, str, bool]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """One version of the standard.

    `schema(spatial, moved)` are its entity sets, `forms` the bodies of all entities but observations, `parents` the link of a new entity to the one in whose
    set it is posted, `observation` what the properties of observations say, `feature` the entity that they are of. `mark` begins control information, `own`
    is the address of an entity. `time` and `span` read phenomenonTime and validTime, `value` is a value of a row as JSON has it; `shown` are properties
    whose null is a value. `source` is where clients may read on.
    """

    source: str
    schema: Callable[[bool, Mapping[str, int]], Schema]
    forms: Mapping[str, Form]
    parents: Mapping[tuple[str, str], str]
    observation: Mapping[str, Part]
    feature: str
    mark: str
    own: str
    time: Callable[[Any], Pair]
    span: Callable[[Any], Pair]
    value: Callable[[Any], Any]
    shown: frozenset[str]
    linked: Callable[[Any, str], str | None]
    """The id in a link to an entity of this kind, None where the value is no link."""

    @property
    def key(self) -> str:
        """The name under which an entity tells its id."""
        return "id" if self.own == "@id" else f"{self.mark}id"

    def named(self, part: Part) -> str:
        """The name of a part of an observation."""
        return next(name for name, known in self.observation.items() if known == part)

    def is_control(self, name: str) -> bool:
        """Whether a name in a body is control information, which tells nothing new."""
        return self.mark in name or name in ("id", "@id")


# -- what a value must be: what is wrong with it, nothing where it is sound


def text(value: Any) -> str:
    """A text that says something."""
    return "" if isinstance(value, str) and value.strip() and "\0" not in value else "is no text"


def any_text(value: Any) -> str:
    """A text, which may be empty."""
    return "" if isinstance(value, str) and "\0" not in value else "is no text"


def json_object(value: Any) -> str:
    """A JSON object."""
    return "" if isinstance(value, dict) else "is no JSON object"


def anything(value: Any) -> str:
    """Any value."""
    return "is null" if value is None else ""


def geometry(value: Any) -> str:
    """A geometry in GeoJSON."""
    return geometry_fault(value)


def instant(value: Any) -> str:
    """A time."""
    try:
        moment(value)
    except ValueError as e:
        return str(e)
    return ""
