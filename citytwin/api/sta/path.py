"""What does a path lead to? A set, an entity, a property, its bare value, references or a count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from citytwin.api.sta.error import Absent, Malformed
from citytwin.api.sta.lex import decoded
from citytwin.api.sta.schema import Entity, Property, Schema, near, synonym
from citytwin.api.sta.tree import Limits

Target = Literal["root", "set", "entity", "property", "value", "refs", "ref", "count"]
Id = str | int


@dataclass(frozen=True, slots=True)
class Step:
    """An entity set or a navigation property, and the id of one of its entities."""

    name: str
    entity: str
    many: bool
    id: Id | None = None

    @property
    def one(self) -> bool:
        """Whether it leads to one entity at most."""
        return self.id is not None or not self.many


@dataclass(frozen=True, slots=True)
class Resource:
    """What a path leads to. `property` are the steps within the entity."""

    target: Target
    steps: tuple[Step, ...] = ()
    property: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The path, percent-encoded no more than the parser needs."""
        parts = [s.name if s.id is None else f"{s.name}({_written(s.id)})" for s in self.steps]
        tail = {"value": ["$value"], "refs": ["$ref"], "ref": ["$ref"], "count": ["$count"]}
        return "/".join([*parts, *self.property, *tail.get(self.target, [])])


def _written(id: Id) -> str:
    return str(id) if isinstance(id, int) else "'" + id.replace("'", "''").replace("%", "%25") + "'"


_SEGMENT = re.compile(r"(?P<name>[^/()']++)(?:\((?:'(?P<string>(?:[^']|'')*+)'|(?P<number>-?[0-9]++))\))?+(?=/|$)")


def parse(raw: str, schema: Schema, start: int = 0, limits: Limits | None = None) -> Resource:
    """What `raw`, the part of the URL behind the version, leads to. Raises Malformed (400) and Absent (404)."""
    limits = limits or Limits()
    if len(raw) > limits.length:
        raise Malformed(f"the path is longer than {limits.length} characters", start + limits.length)
    text, place = decoded(raw, start, plus=False)
    walker = _Walker(schema, limits)
    pos = text.startswith("/") and 1
    while pos < len(text):
        found = _SEGMENT.match(text, pos)
        if found is None:
            raise _unread(text, pos, place(pos))
        id = found["string"].replace("''", "'") if found["string"] is not None else None
        walker.step(found["name"], id if found["number"] is None else int(found["number"][:20]), place(pos))
        pos = found.end() + 1
    return walker.resource()


def _unread(text: str, pos: int, at: int) -> Malformed:
    rest = text[pos : pos + 50]
    name = re.match(r"[^/()']*", rest)
    expected = "a name" if not name or not name[0] else "an id in parentheses, a text in single quotation marks, or '/'"
    return Malformed("", at, rest, expected, "an id is written (5) or ('abc'), with '' for a quotation mark in it")


class _Walker:
    def __init__(self, schema: Schema, limits: Limits) -> None:
        self.schema, self.limits = schema, limits
        self.steps: list[Step] = []
        self.property: tuple[str, ...] = ()
        self.tail = ""

    def step(self, name: str, id: Id | None, at: int) -> None:
        if self.tail:
            raise Absent(f"nothing follows {self.tail}", at, name, "the end")
        if name.startswith("$"):
            self.option(name, id, at)
        elif self.property:
            self.deeper(name, id, at)
        elif not self.steps:
            self.first(name, id, at)
        else:
            self.below(name, id, at)

    def first(self, name: str, id: Id | None, at: int) -> None:
        if name not in self.schema.sets:
            raise Absent(f"there is no entity set '{name[:60]}'", at, name, "", near(name, self.schema.sets))
        self.enter(name, self.schema.sets[name], True, id, at)

    def below(self, name: str, id: Id | None, at: int) -> None:
        last, entity = self.steps[-1], self.entity
        if not last.one:
            raise Absent(
                f"{last.name} is a set; it has no '{name[:60]}'", at, name, f"an id: {last.name}(…)/{name[:60]}"
            )
        if name in entity.ties:
            tie = entity.ties[name]
            self.enter(name, tie.target, tie.many, id, at)
            return
        known = synonym(name)
        if known not in entity.properties and not any(p.startswith(f"{known}/") for p in entity.properties):
            hint = near(name, {**entity.properties, **entity.ties})
            raise Absent(f"{entity.name} has no '{name[:60]}'", at, name, "", hint)
        self.keyless(name, id, at)
        self.property = (known,)

    def enter(self, name: str, target: str, many: bool, id: Id | None, at: int) -> None:
        entity = self.schema.entities[target]
        if id is not None:
            if not many:
                self.keyless(name, id, at)
            text = entity.properties["id"].kind == "string"
            if text is not isinstance(id, str) or (isinstance(id, int) and not -(2**63) <= id < 2**63):
                ids = "texts: write ('abc')" if text else "whole numbers: write (5)"
                raise Absent(f"no {entity.name} has the id {id}"[:100], at, str(id), "", f"ids here are {ids}")
        self.steps.append(Step(name, target, many, id))
        if len(self.steps) > self.limits.ids:
            raise Malformed(f"the path has more than {self.limits.ids} entities", at)

    def keyless(self, name: str, id: Id | None, at: int) -> None:
        if id is not None:
            raise Absent(f"{name[:60]} leads to one value and takes no id", at, f"({id})")

    def deeper(self, name: str, id: Id | None, at: int) -> None:
        self.keyless(name, id, at)
        if len(self.property) > self.limits.depth:
            raise Malformed(f"the path is deeper than {self.limits.depth}", at)
        whole = "/".join((*self.property, name))
        known = self.entity.properties
        top = known.get(self.property[0], Property("string"))
        part = any(p == whole or p.startswith(f"{whole}/") for p in known)
        if not (part or self._open(top) or (top.kind == "interval" and name in ("start", "end"))):
            raise Absent(f"{'/'.join(self.property)} has no '{name[:60]}'", at, name)
        self.property = (*self.property, name)

    def _open(self, top: Property) -> bool:
        return top.kind == "object" or "object" in top.parts

    def option(self, name: str, id: Id | None, at: int) -> None:
        self.keyless(name, id, at)
        here = self.resource().target
        fits = {"$value": ("property",), "$ref": ("set", "entity"), "$count": ("set",)}
        if name not in fits:
            raise Absent("", at, name, "a name, $value, $ref or $count")
        if here not in fits[name]:
            raise Absent(f"{name} does not follow a {here}", at, name, f"{name} behind a {' or '.join(fits[name])}")
        self.tail = name

    @property
    def entity(self) -> Entity:
        return self.schema.entities[self.steps[-1].entity]

    def resource(self) -> Resource:
        target: Target = "root"
        if self.steps:
            one = self.steps[-1].one
            target = "property" if self.property else "entity" if one else "set"
            match self.tail:
                case "$value":
                    target = "value"
                case "$count":
                    target = "count"
                case "$ref":
                    target = "ref" if one else "refs"
        return Resource(target, tuple(self.steps), self.property)
