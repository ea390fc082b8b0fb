"""What does a client want to register? Bodies (18-088, clause 8.2; 23-019, clause 9.5) as entries; everything that is wrong with one is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, cast

import msgspec

from citytwin.api.sta.dialect import Dialect, Part, instant
from citytwin.api.sta.times import interval, moment
from citytwin.api.sta.v1 import V1, linked
from citytwin.engine.catalog import geometry_fault
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.register import Altered, Entry, Seen

__all__ = ["Bodies", "decoded", "linked"]

GEOJSON = ("application/geo+json", "application/vnd.geo+json")
DEEPEST = 8
"""How deep entities may come within each other."""
MOST = 10_000
"""How many entities one request may bring."""
Links = dict[str, tuple[str | Entry | Seen | Altered | None, ...]]
Mode = Literal["create", "link", "update"]
"""Whether what is inside may be new, must be there, or may be changed too."""


def decoded(raw: bytes) -> Any:
    """A JSON body. Raises BadRequest."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadRequest(f"the body is not JSON: {e}", "", "body") from e


class Bodies:
    """Reads the bodies of one request; `now` is the time of observations that name none."""

    def __init__(self, now: datetime, dialect: Dialect = V1) -> None:
        self.now, self.dialect = now, dialect
        self.left = MOST

    def entry(
        self,
        entity: str,
        body: Any,
        given: Mapping[str, tuple[str | Entry | Seen, ...]] | None = None,
        at: str = "",
        deep: int = 0,
    ) -> Entry:
        """A new entity. `given` are links that the URL tells."""
        form = self.dialect.forms[entity]
        values, links = self._read(entity, body, at, deep, "create")
        faults = [f"'{name}' is missing" for name, f in form.fields.items() if f.needed and name not in body]
        if faults:
            raise BadRequest(
                f"the {entity}{at and ' at '}{at}: {', '.join(faults)}",
                self.dialect.source,
                at or entity,
            )
        if values.get("metadata") is not None and values.get("encoding") is None:
            raise BadRequest(f"the {entity} has metadata without an encodingType", "", at or "encodingType")
        return Entry(form.kind, values, cast(Mapping[str, tuple[str | Entry | Seen, ...]], {**links, **(given or {})}))

    def changes(self, entity: str, body: Any) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """What a PATCH says: fields, and links to entities that are there."""
        values, links = self._read(entity, body, "", 0, "link")
        return values, {name: [str(t) for t in targets] for name, targets in links.items()}

    def altered(self, entity: str, id: str, body: Any, at: str = "", deep: int = 0) -> Altered:
        """What a PATCH says that may also change, create and link what is inside it."""
        if entity == "Observation":
            if not isinstance(body, dict):
                raise BadRequest("a change is a JSON object", "", at or "body")
            ends = {"feature": self.dialect.feature, "stream": "Datastream"}
            parts = {name: self.dialect.observation.get(name, "") for name in body}
            links: Links = {
                parts[n]: (self._link(ends[parts[n]], v, f"{at}{n}/", deep, "update") if v is not None else None,)
                for n, v in body.items()
                if parts[n] in ends
            }
            return Altered(
                "observation", id, self.said({n: v for n, v in body.items() if parts[n] not in ends}, at), links
            )
        values, links = self._read(entity, body, at, deep, "update")
        form = self.dialect.forms[entity]
        for name, known in form.fields.items():
            if known.needed and known.to in values and values[known.to] is None:
                raise BadRequest(f"'{at}{name}' of a {entity} cannot be null", "", f"{at}{name}")
        return Altered(form.kind, id, values, links)

    def _read(self, entity: str, body: Any, at: str, deep: int, mode: Mode) -> tuple[dict[str, Any], Links]:
        form = self.dialect.forms[entity]
        self.left -= 1
        if self.left < 0:
            raise BadRequest(f"the body brings more than {MOST} entities", "send them in several requests", "body")
        if deep > DEEPEST:
            raise BadRequest(f"entities nest deeper than {DEEPEST}", "send them one by one", at)
        if not isinstance(body, dict):
            raise BadRequest(f"a {entity} is a JSON object", "", at or "body")
        values: dict[str, Any] = {}
        links: Links = {}
        for name, value in body.items():
            where = f"{at}{name}"
            if name in form.fields:
                known = form.fields[name]
                if value is None and not known.needed:
                    values[known.to] = None
                    continue
                if fault := known.check(value):
                    raise BadRequest(f"'{where}' of the {entity} {fault}", "", where)
                values[known.to] = moment(value) if known.check is instant else value
            elif name in form.links:
                link, target, many = form.links[name]
                several = value if many and isinstance(value, list) else [value]
                links[link] = links.get(link, ()) + tuple(
                    self._link(target, v, f"{where}/", deep, mode) for v in several
                )
            elif name not in form.ignored and not self.dialect.is_control(name):
                raise BadRequest(
                    f"a {entity} has no '{where[:100]}'",
                    f"it has {', '.join((*form.fields, *form.links))}",
                    where[:100],
                )
        _cross(entity, values)
        return values, links

    def _link(self, entity: str, value: Any, at: str, deep: int, mode: Mode) -> str | Entry | Seen | Altered:
        if (id := self._linked(entity, value, at)) is not None:
            more = isinstance(value, dict) and not all(map(self.dialect.is_control, value))
            return self.altered(entity, id, value, at, deep + 1) if more and mode == "update" else id
        if mode == "link":
            link = f'{{"{self.dialect.mark}id": …}}'
            raise BadRequest(
                f"'{at}' brings a new {entity}", f"link one that is there: {link}; a PATCH creates none", at
            )
        if entity == "Observation":
            seen, stream = self.seen(value, at)
            return replace(seen, stream=stream)
        return self.entry(entity, value, None, at, deep + 1)

    def _linked(self, entity: str, value: Any, at: str) -> str | None:
        """The id in a link. Raises BadRequest where its address is of something else."""
        id = self.dialect.linked(value, entity)
        if id is None and isinstance(value, dict) and "@id" in value:
            where = str(value["@id"])[:100]
            raise BadRequest(f"'{at}' leads to '{where}', which is no {entity}", "an address ends with Set('id')", at)
        return id

    def seen(self, body: Any, at: str = "") -> tuple[Seen, str | Entry | None]:
        """An observation, and the datastream that it names."""
        if not isinstance(body, dict):
            raise BadRequest("an Observation is a JSON object", "", at or "body")
        if "result" not in body:
            raise BadRequest(f"the Observation{at and ' at '}{at}: 'result' is missing", "", f"{at}result")
        found = self.said(body, at)
        start, end = found.pop("time", None) or (self.now, self.now)
        stream = found.pop("stream", None)
        return Seen(start, end, **found), stream

    def said(self, body: Mapping[str, Any], at: str = "") -> dict[str, Any]:
        """What is said of an observation: `time`, and the other fields of `Seen` by their names."""
        found: dict[str, Any] = {}
        for name, value in body.items():
            where = f"{at}{name}"
            part = self.dialect.observation.get(name)
            if part is None:
                if self.dialect.is_control(name):
                    continue
                raise BadRequest(f"an Observation has no '{where[:100]}'", "", where[:100])
            try:
                found[part] = self._said(part, value, where)
            except ValueError as e:
                raise BadRequest(
                    f"'{where}' {e}",
                    "write times as 2026-01-31T08:00:00Z, spans "
                    + ('as {"start": …, "end": …}' if self.dialect.time is not interval else "as start/end"),
                    where,
                ) from None
        if isinstance(found.get("properties"), dict) and "quality" not in self.dialect.observation.values():
            # the flags of a reading stand among its properties where the standard has no other place for them
            found["quality"] = found["properties"].get("resultQuality")
            found["properties"] = {k: v for k, v in found["properties"].items() if k != "resultQuality"} or None
        return found

    def _said(self, part: Part, value: Any, where: str) -> Any:
        """One part of what is said of an observation. Raises ValueError where a time is none."""
        match part:
            case "time":
                return None if value is None else self.dialect.time(value)
            case "valid":
                return None if value is None else self.dialect.span(value)
            case "result_time":
                return None if value is None else moment(value)
            case "properties" if value is not None and not isinstance(value, dict):
                raise BadRequest(f"'{where}' is no JSON object", "", where)
            case "feature" if value is None and self.dialect is not V1:
                return None
            case "feature":
                id = self._linked(self.dialect.feature, value, where)
                return id if id is not None else self.entry(self.dialect.feature, value, None, f"{where}/", 1)
            case "stream":
                id = self._linked("Datastream", value, where)
                if id is None and self.dialect is V1:
                    raise BadRequest(f"'{where}' is no link", 'link the Datastream: {"@iot.id": …}', where)
                return id if id is not None else self.entry("Datastream", value, None, f"{where}/", 1)
        return value


def _cross(entity: str, values: dict[str, Any]) -> None:
    """What fields must have in common."""
    for name in ("location", "feature"):
        if name in values and values.get("encoding") in GEOJSON and (fault := geometry_fault(values[name])):
            raise BadRequest(f"'{name}' of the {entity} {fault}", "GeoJSON in WGS 84, [longitude, latitude]", name)
    if entity == "MultiDatastream":
        if "types" in values:
            values["result_type"] = {"type": "DataRecord", "types": values.pop("types")}
        if "unit" in values and "result_type" in values and len(values["unit"]) != len(values["result_type"]["types"]):
            raise BadRequest(
                "there are not as many units as observation types", "name one unit for each", "unitOfMeasurements"
            )
        values["multi"] = True
