"""How does SensorThings 1.1 show entities? Their properties with control information and links (18-088, clause 8.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from citytwin.api.sta import write
from citytwin.api.sta.path import Resource
from citytwin.api.sta.read import COUNT, NEXT, Answer, following
from citytwin.api.sta.schema import Entity, Schema, synonym
from citytwin.api.sta.tree import Expand, Query

ALWAYS = frozenset({"result", "resultTime"})
"""Properties whose null is a value: it is shown, where others are left out."""


class Shown:
    """Shows the answers to one request; `base` is the address of the service, `multi` the keys of datastreams with several properties."""

    def __init__(self, schema: Schema, base: str, multi: frozenset[str] = frozenset()) -> None:
        self.schema, self.base, self.multi = schema, base, multi
        self._set = {entity: name for name, entity in schema.sets.items()}

    def link(self, entity: str, id: Any) -> str:
        """Where an entity is."""
        written = (
            str(id) if isinstance(id, int) else "'" + quote(str(id).replace("'", "''"), safe="'.:~@!$,;-_()") + "'"
        )
        return f"{self.base}/{self._set[entity]}({written})"

    def page(self, resource: Resource, query: Query, answer: Answer) -> dict[str, Any]:
        """A page of a set."""
        entity = self.schema.entities[resource.steps[-1].entity]
        shown: dict[str, Any] = {} if answer.count is None else {"@iot.count": answer.count}
        if answer.next is not None:
            shown["@iot.nextLink"] = self.next(str(resource), query, answer.next)
        shown["value"] = [self.entity(entity, item, query) for item in answer.items]
        return shown

    def next(self, path: str, query: Query, token: str) -> str:
        """Where the next page is."""
        at = quote(path, safe="/()'$%.:,;~@!-_")
        return f"{self.base}/{at}?{write.query(following(query, token))}"

    def references(self, entity: str, answer: Answer) -> list[dict[str, str]]:
        """Links to entities and nothing else."""
        return [{"@iot.selfLink": self.link(entity, item["id"])} for item in answer.items]

    def entity(self, entity: Entity, item: Mapping[str, Any], query: Query) -> dict[str, Any]:
        """An entity with what was selected and expanded."""
        id = item["id"]
        own = self.link(entity.name, id)
        wanted = None if query.select is None else {synonym(p.steps[0]) for p in query.select}
        shown: dict[str, Any] = {}
        if wanted is None or "id" in wanted:
            shown = {"@iot.id": id, "@iot.selfLink": own}
        tops = dict.fromkeys(name.partition("/")[0] for name in entity.properties if name != "id")
        for name in tops:
            if name in item and (wanted is None or name in wanted):
                value = plain(item[name])
                if value is not None or name in ALWAYS or wanted is not None:
                    shown[name] = value
        expanded = {e.name: e for e in query.expand}
        for name, tie in entity.ties.items():
            if name in expanded:
                self._expanded(shown, entity, item, expanded[name], own)
            elif (wanted is None or name in wanted) and self._fits(entity, name, id):
                shown[f"{name}@iot.navigationLink"] = f"{own}/{name}"
            del tie
        return shown

    def _fits(self, entity: Entity, name: str, id: Any) -> bool:
        """Whether an observation has this link: it belongs to a datastream of the one sort or of the other."""
        if entity.name != "Observation" or name not in ("Datastream", "MultiDatastream"):
            return True
        return (str(id).partition("-")[0] in self.multi) is (name == "MultiDatastream")

    def _expanded(
        self, shown: dict[str, Any], entity: Entity, item: Mapping[str, Any], expand: Expand, own: str
    ) -> None:
        name, tie = expand.name, entity.ties[expand.name]
        far = self.schema.entities[tie.target]
        value = item.get(name)
        if not tie.many:
            if value is not None:
                shown[name] = self.entity(far, value, expand.query)
            return
        if f"{name}{COUNT}" in item:
            shown[f"{name}@iot.count"] = item[f"{name}{COUNT}"]
        if f"{name}{NEXT}" in item:
            path = f"{own[len(self.base) + 1 :]}/{name}"
            shown[f"{name}@iot.nextLink"] = (
                f"{self.base}/{path}?{write.query(following(expand.query, item[f'{name}{NEXT}']))}"
            )
        shown[name] = [self.entity(far, v, expand.query) for v in value or ()]


def plain(value: Any) -> Any:
    """A value of a row as JSON has it."""
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, dict) and value.keys() == {"start", "end"} and isinstance(value["start"], datetime):
        start, end = time_text(value["start"]), time_text(value["end"])
        return start if start == end else f"{start}/{end}"
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)  # JSON knows no difference, and clients that count expect whole numbers
    return value


def time_text(value: datetime) -> str:
    """A time in UTC after ISO 8601, to the millisecond, or to the microsecond where it has any."""
    part = "microseconds" if value.microsecond % 1000 else "milliseconds" if value.microsecond else "seconds"
    return value.astimezone(UTC).isoformat(timespec=part).replace("+00:00", "Z")
