"""How are entities shown? Their properties with control information and links (18-088, clause 8.1; 23-019, clauses 9.1 and 9.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from citytwin.api.sta import write
from citytwin.api.sta.dialect import Dialect
from citytwin.api.sta.path import Resource
from citytwin.api.sta.read import COUNT, NEXT, Answer, following
from citytwin.api.sta.schema import Entity, Schema, synonym
from citytwin.api.sta.tree import Expand, Query
from citytwin.api.sta.v1 import V1, plain

__all__ = ["Shown", "plain"]


class Shown:
    """Shows the answers to one request; `base` is the address of the service, `multi` the keys of datastreams with several properties.

    `links` says whether addresses are shown that a client could find out by itself.
    """

    def __init__(
        self,
        schema: Schema,
        base: str,
        multi: frozenset[str] = frozenset(),
        dialect: Dialect = V1,
        links: bool = True,
    ) -> None:
        self.schema, self.base, self.multi, self.dialect, self.links = schema, base, multi, dialect, links
        self._set = {entity: name for name, entity in schema.sets.items()}

    def set_of(self, entity: str) -> str:
        """The set that an entity is in."""
        return self._set[entity]

    def link(self, entity: str, id: Any) -> str:
        """Where an entity is."""
        written = (
            str(id) if isinstance(id, int) else "'" + quote(str(id).replace("'", "''"), safe="'.:~@!$,;-_()") + "'"
        )
        return f"{self.base}/{self._set[entity]}({written})"

    def page(self, resource: Resource, query: Query, answer: Answer) -> dict[str, Any]:
        """A page of a set."""
        entity = self.schema.entities[resource.steps[-1].entity]
        mark = self.dialect.mark
        shown: dict[str, Any] = {} if answer.count is None else {f"{mark}count": answer.count}
        if answer.next is not None:
            shown[f"{mark}nextLink"] = self.next(str(resource), query, answer.next)
        shown["value"] = [self.entity(entity, item, query) for item in answer.items]
        return shown

    def next(self, path: str, query: Query, token: str) -> str:
        """Where the next page is."""
        at = quote(path, safe="/()'$%.:,;~@!-_")
        return f"{self.base}/{at}?{write.query(following(query, token))}"

    def references(self, entity: str, answer: Answer) -> list[dict[str, str]]:
        """Links to entities and nothing else."""
        return [{self.dialect.own: self.link(entity, item["id"])} for item in answer.items]

    def entity(self, entity: Entity, item: Mapping[str, Any], query: Query) -> dict[str, Any]:
        """An entity with what was selected and expanded."""
        if query.distinct:
            return self._parts(item, query)
        id, mark = item["id"], self.dialect.mark
        own = self.link(entity.name, id)
        wanted = None if query.select is None else {synonym(p.steps[0]) for p in query.select}
        shown: dict[str, Any] = {}
        if wanted is None or "id" in wanted:
            shown = {self.dialect.own: own} if self.links else {}
            shown = {**shown, self.dialect.key: id} if mark == "@" else {self.dialect.key: id, **shown}
        for name in _tops(entity):
            if name in item and (wanted is None or name in wanted):
                value = self.dialect.value(item[name])
                if value is not None or name in self.dialect.shown or wanted is not None:
                    shown[name] = value
        expanded = {e.name: e for e in query.expand}
        for name in entity.ties:
            if name in expanded:
                self._expanded(shown, entity, item, expanded[name], own)
            elif self.links and (wanted is None or name in wanted) and self._fits(entity, name, id):
                shown[f"{name}{mark}navigationLink"] = f"{own}/{name}"
        return shown

    def _parts(self, item: Mapping[str, Any], query: Query) -> dict[str, Any]:
        """The values that were selected as distinct, each in its place within the entity."""
        shown: dict[str, Any] = {}
        for path in query.select or ():
            *above, last = path.steps
            inside = shown
            for step in above:
                inside = inside.setdefault(step, {})
            inside[last] = self.dialect.value(item["/".join(path.steps)])
        return shown

    def _fits(self, entity: Entity, name: str, id: Any) -> bool:
        """Whether an observation has this link: it belongs to a datastream of the one sort or of the other."""
        if "MultiDatastream" not in entity.ties or name not in ("Datastream", "MultiDatastream"):
            return True
        return (str(id).partition("-")[0] in self.multi) is (name == "MultiDatastream")

    def _expanded(
        self, shown: dict[str, Any], entity: Entity, item: Mapping[str, Any], expand: Expand, own: str
    ) -> None:
        name, tie, mark = expand.name, entity.ties[expand.name], self.dialect.mark
        far = self.schema.entities[tie.target]
        value = item.get(name)
        if not tie.many:
            if value is not None:
                shown[name] = self.entity(far, value, expand.query)
            return
        if f"{name}{COUNT}" in item:
            shown[f"{name}{mark}count"] = item[f"{name}{COUNT}"]
        if f"{name}{NEXT}" in item:
            path = f"{own[len(self.base) + 1 :]}/{name}"
            token = item[f"{name}{NEXT}"]
            shown[f"{name}{mark}nextLink"] = f"{self.base}/{path}?{write.query(following(expand.query, token))}"
        shown[name] = [self.entity(far, v, expand.query) for v in value or ()]


def _tops(entity: Entity) -> Iterable[str]:
    return dict.fromkeys(name.partition("/")[0] for name in entity.properties if name != "id")
