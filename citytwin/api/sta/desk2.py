"""What is the answer to a request of SensorThings 2.0? What 23-019 has otherwise than 1.1: contexts, references that are changed, preferences, whole relations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import msgspec

from citytwin.api.sta import array, conformance2, csdl, path, query
from citytwin.api.sta.body import Bodies, decoded
from citytwin.api.sta.desk import SENT, Desk, Reply, Request, at_entity, json_reply
from citytwin.api.sta.error import Absent, Malformed, Unserved
from citytwin.api.sta.path import Resource
from citytwin.api.sta.read import Answer, read
from citytwin.api.sta.times import occasion
from citytwin.api.sta.tree import Path as Name
from citytwin.api.sta.tree import Query
from citytwin.api.sta.v2 import V2
from citytwin.engine import relate
from citytwin.engine.ingest import Told
from citytwin.engine.observe import Sent, slot_of
from citytwin.kernel import swe
from citytwin.kernel.errors import BadRequest, Conflict
from citytwin.kernel.register import Altered, Entry, Kind

MERGED = ("properties", "resultType", "resultEncoding", "phenomenonTime", "validTime")
"""Properties whose parts a PATCH leaves alone if it does not name them."""
_ONE = re.compile(rb"/Datastreams\('([^'()/%]+)'\)/Observations")
_PREFER = re.compile(r"(?:^|[,;\s])return\s*=\s*\"?(minimal|representation)\b", re.IGNORECASE)


class _Occasion(msgspec.Struct, forbid_unknown_fields=True):
    start: str


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    phenomenonTime: _Occasion  # noqa: N815 - the standard's names
    result: float | int


_plain = msgspec.json.Decoder(_Plain)


class Desk2(Desk):
    """Answers requests. Every method may be called from any thread."""

    dialect = V2
    differing = Conflict
    probes = True
    http = ""
    """Where it is served over HTTP, if requests come in otherwise."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._looks: dict[str, tuple[swe.Component | None, bool]] = {}
        self._version = -1

    # -- reading

    def special(self, request: Request) -> Reply | None:
        """The metadata document, and what is an extension."""
        if request.path.strip("/") == "$metadata":
            return json_reply(csdl.document(self.schema, self.dialect.forms))
        return super().special(request)

    def _root(self, request: Request) -> Reply:
        if request.method != "GET":
            raise Absent("nothing is sent to the service itself", 0, "", "the name of an entity set")
        sets = [{"name": name, "url": f"{request.base}/{name}"} for name in self.schema.sets]
        more: dict[str, Any] = {"conformance": []}
        door = self.house.mqtt
        if door and door.open:
            more = conformance2.mqtt(door.endpoints, told=door.broker is not None)
        settings = conformance2.settings(self.http or request.base, self.house.twin.store.spatial, more)
        return json_reply({"@context": f"{request.base}/$metadata", "value": sets, "serverSettings": settings})

    def _property(self, request: Request, resource: Resource, asked: Query, found: Any) -> Reply:
        entity = self.schema.entities[resource.steps[-1].entity]
        type = csdl.type_of(entity.properties, resource.property)
        return json_reply({**self._context(request, asked, type), "value": found})

    def _told(self, request: Request, resource: Resource, asked: Query, answer: Answer) -> Reply:
        """What was found, with as much metadata as is asked for, or in the form of an extension."""
        entity = resource.steps[-1].entity
        wanted = (asked.format or "").lower()
        if resource.target == "set" and asked.resultformat is None:
            if wanted == "dataarray" and entity == "Observation":
                tables = self._array(self.shown(request.base), resource, asked, answer)
                return json_reply({"@context": f"{request.base}/$metadata#Observations", **tables})
            if wanted in FORMATS:
                bare = self.shown(request.base, False).page(resource, asked, answer)
                if flat := self._flattened(wanted, bare):
                    return flat
        shown = self.shown(request.base, _metadata(asked) == "full")
        if resource.target == "ref":
            return json_reply({**self._context(request, asked, "$ref"), **shown.references(entity, answer)[0]})
        if resource.target == "refs":
            page = {**shown.page(resource, asked, answer), "value": shown.references(entity, answer)}
            return json_reply({**self._context(request, asked, "Collection($ref)"), **page})
        name = shown.set_of(entity)
        if resource.target == "entity":
            found = shown.entity(self.schema.entities[entity], answer.items[0], asked)
            return json_reply({**self._context(request, asked, f"{name}/$entity"), **found})
        return json_reply({**self._context(request, asked, name), **shown.page(resource, asked, answer)})

    def _context(self, request: Request, asked: Query, fragment: str) -> dict[str, str]:
        """What describes the answer."""
        return {} if _metadata(asked) == "none" else {"@context": f"{request.base}/$metadata#{fragment}"}

    # -- creating

    def quick(self, path: bytes, body: bytes, headers: Mapping[bytes, bytes], told: Told) -> str | None:
        """A number at a time, newer than all of a stream that takes any number: it goes on without a thread."""
        found = _ONE.fullmatch(path)
        if found is None or len(body) > 512 or b"prefer" in headers:
            return None
        stream = found[1].decode("latin-1")
        if self._version != self.house.twin.register_version or not swe.plain_number(
            self._looks.get(stream, (None,))[0]
        ):
            return None
        try:
            said = _plain.decode(body)
            time, _ = occasion({"start": said.phenomenonTime.start})
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None  # what is wrong with it is said on the long way
        if abs(said.result) > 2**53:
            return None
        return self.observing.plain(stream, time, float(said.result), told, automatic=False)

    def sent(self, id: str, base: str) -> bytes:
        """The headers of the answer to what took the quick way."""
        return f"{SENT}location: {base}/Observations('{id}')\r\ncontent-length: 0\r\n\r\n".encode("ascii")

    def _post(self, request: Request, resource: Resource) -> Reply:
        if resource.target == "refs":
            return self._link(request, resource)
        if resource.target != "set":
            raise Malformed(f"a {resource.target} takes no new entity", 0, str(resource)[:100], "the path of a set")
        step = resource.steps[-1]
        bodies, body = self.bodies(), decoded(request.body)
        parent = self._parent(resource) if len(resource.steps) > 1 else None
        if step.entity == "Observation":
            id = self._observed(bodies, body, parent).done()
        else:
            entry = bodies.entry(step.entity, body)
            id = relate.create(self.house.twin, self._below(entry, step, parent) if parent else entry)
        location = self.shown(request.base).link(step.entity, id)
        return self._changed_to(request, step.entity, id, 201, {"Location": location})

    def _below(self, entry: Entry, step: path.Step, parent: tuple[str, str]) -> Entry:
        """A new entity that is also linked to the one in whose set it is posted; where there can be but one, the path counts."""
        link = self.dialect.parents.get((parent[0], step.name))
        if not link:
            raise Malformed(f"entities are not created in {parent[0]}/{step.name}", 0, step.name)
        many = next(m for name, _, m in self.dialect.forms[step.entity].links.values() if name == link)
        said = entry.links.get(link, ()) if many else ()
        return Entry(entry.kind, entry.values, {**entry.links, link: tuple(dict.fromkeys((*said, parent[1])))})

    def observe(self, resource: Resource, body: Any, bodies: Bodies) -> Sent:
        """Take an observation that is posted to a set."""
        return self._observed(bodies, body, self._parent(resource) if len(resource.steps) > 1 else None)

    def _observed(self, bodies: Bodies, body: Any, parent: tuple[str, str] | None) -> Sent:
        """Put an observation on record."""
        seen, stream = bodies.seen(body)
        feature = seen.feature
        match parent:
            case ("Datastream", id):
                stream = id
            case ("Feature", id):
                feature = id
            case (other, _):
                raise Malformed(f"Observations are not created in a {other}", 0, other)
        if stream is None:
            raise BadRequest("the Observation names no Datastream", 'link it: "Datastream": {"@id": …}', "Datastream")
        if isinstance(stream, Entry):
            return Sent(relate.observe(self.house.twin, stream, replace(seen, feature=feature)))
        relate.check(seen.result, *self._look(stream))
        if isinstance(feature, Entry):
            feature = relate.create(self.house.twin, feature)
        return self.observing.take(stream, replace(seen, feature=feature), automatic=False)

    def judged(self, stream: str) -> tuple[array.Check, bool]:
        """What the results of a datastream are asked, and whether any number is one."""
        known, arrays = self._look(stream)
        return lambda result: relate.check(result, known, arrays), swe.plain_number(known)

    def _look(self, stream: str) -> tuple[swe.Component | None, bool]:
        """What results of a datastream look like, and whether records are lists. Raises NotFound."""
        if self._version != self.house.twin.register_version:
            self._looks.clear()
            self._version = self.house.twin.register_version
        if stream not in self._looks:
            wanted = Query(select=(Name(("resultType",)), Name(("resultEncoding",))))
            try:
                found = read(
                    self.levels(), at_entity(self.schema.sets, "Datastream", stream), wanted, self.fetch
                ).items[0]
            except Absent:
                raise BadRequest(f"there is no Datastream '{stream[:100]}'", "see /Datastreams", "Datastream") from None
            arrays = bool((found["resultEncoding"] or {}).get("recordsAsArrays"))
            known = found["resultType"]
            self._looks[stream] = (None if known is None or swe.fault(known) else known, arrays)
        return self._looks[stream]

    def _changed_to(
        self, request: Request, entity: str, id: str, status: int, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """What a client is told of what it made or changed: where it is, or all of it where it prefers that."""
        said = _PREFER.search(request.headers.get("prefer", ""))
        applied = {**(headers or {}), **({"Preference-Applied": f"return={said[1].lower()}"} if said else {})}
        if not said or said[1].lower() == "minimal":
            return Reply(204 if status == 200 else status, b"", applied)
        asked = query.parse(request.query, len(request.path) + 1, self.limits)
        resource = at_entity(self.schema.sets, entity, id)
        whole = self._told(request, resource, asked, self.read(resource, asked))
        return Reply(status, whole.body, applied)

    # -- changing

    def _changed(self, request: Request, entity: str, id: str, body: Any) -> Reply:
        merged = self._merged(entity, id, body)
        self._alter(entity, id, self.bodies().altered(entity, id, merged))
        return self._changed_to(request, entity, id, 200)

    def _alter(self, entity: str, id: str, altered: Altered) -> None:
        twin = self.house.twin
        if entity != "Observation":
            relate.alter(twin, altered)
            return
        if "result" in altered.values:
            to = next(iter(altered.links.get("stream", ())), None)
            here = at_entity(self.schema.sets, "Observation", id)
            stream = (
                to
                if isinstance(to, str)
                else self._id(Resource("entity", (*here.steps, path.Step("Datastream", "Datastream", False))))
            )
            if not isinstance(to, Entry):
                relate.check(altered.values["result"], *self._look(stream))
        if altered.links:
            relate.alter(twin, Altered("observation", id, {}, altered.links))
        if altered.values:
            self.observing.change(id, *slot_of(twin, id), altered.values)

    def _id(self, resource: Resource) -> str:
        """The id of the entity at a path."""
        found: str = read(self.levels(), resource, Query(select=(Name(("id",)),)), self.fetch).items[0]["id"]
        return found

    def _merged(self, entity: str, id: str, body: Any) -> Any:
        """A change with what it leaves alone within its objects; also of entities that it changes on the way."""
        if not isinstance(body, dict):
            return body
        merged = dict(body)
        parts = [n for n in MERGED if isinstance(body.get(n), dict) and n in self.schema.entities[entity].properties]
        if parts:
            before = read(
                self.levels(),
                at_entity(self.schema.sets, entity, id),
                Query(select=tuple(Name((n,)) for n in parts)),
                self.fetch,
            ).items[0]
            for name in parts:
                if name == "resultType" and body[name].get("type", ...) not in (..., (before[name] or {}).get("type")):
                    continue  # a component of another type is another component
                merged[name] = _merge(self.dialect.value(before[name]), body[name])
        for name, tie in self.schema.entities[entity].ties.items():
            if name in body:
                merged[name] = _each(body[name], partial(self._merged_far, tie.target))
        return merged

    def _merged_far(self, entity: str, said: Any) -> Any:
        id = self.dialect.linked(said, entity)
        return said if id is None or len(said) == 1 else self._merged(entity, id, said)

    def _replaced(
        self, request: Request, entity: str, id: str, body: dict[str, Any], before: Mapping[str, Any] | None
    ) -> Reply:
        """Say an entity anew as a whole: what it may have and the body does not tell is null from now on."""
        ties = [n for n in body if n in self.schema.entities[entity].ties]
        if ties:
            raise BadRequest(f"'{ties[0]}' is a relation", "change relations with PATCH, or at …/$ref", ties[0])
        if entity == "Observation":
            if "result" not in body:
                raise BadRequest("the Observation: 'result' is missing", "", "result")
            blank: dict[str, Any] = {"resultTime": None, "validTime": None, "properties": None}
            altered = self.bodies().altered(entity, id, {**blank, **body})
            values = {"quality": None, **altered.values}
            self._alter(entity, id, Altered(altered.kind, id, values))
            return self._changed_to(request, entity, id, 200)
        self._alter(entity, id, self.bodies().altered(entity, id, self._complete(entity, body, before)))
        return self._changed_to(request, entity, id, 200)

    def _patch(self, request: Request, resource: Resource) -> Reply:
        if request.headers.get("content-type", "").startswith("application/json-patch+json"):
            ties = self.schema.entities[resource.steps[-1].entity].ties
            steps = decoded(request.body)
            for step in steps if isinstance(steps, list) else ():
                for place in ("path", "from"):
                    name = str(step.get(place, "")).split("/")[1:2] if isinstance(step, dict) else []
                    if name and name[0] in ties:
                        raise BadRequest(f"'{name[0]}' is a relation", "a JSON Patch changes none", place)
        return super()._patch(request, resource)

    # -- relations

    def _relation(self, resource: Resource) -> tuple[Kind, str, str, str, bool]:
        """Kind and id of the entity whose relation a path leads to, the name of the link, where it leads, and whether to many."""
        if len(resource.steps) < 2:
            raise Malformed("the path leads to no relation", 0, str(resource)[:100], "Set('id')/Relation/$ref")
        entity, id = self._parent(resource)
        step = resource.steps[-1]
        if entity == "Observation":
            return "observation", id, {"Datastream": "stream"}.get(step.name, "feature"), step.entity, step.many
        form = self.dialect.forms[entity]
        return form.kind, id, form.links[step.name][0], step.entity, step.many

    def _reference(self, entity: str, said: Any) -> str:
        id = self.dialect.linked(said, entity)
        if id is None:
            raise BadRequest(f"the body is no reference to a {entity}", 'write {"@id": "Set(\'id\')"}', "body")
        return id

    def _link(self, request: Request, resource: Resource) -> Reply:
        """Add a link to an entity that is there."""
        kind, id, name, far, _ = self._relation(resource)
        relate.link(self.house.twin, kind, id, name, add=[self._reference(far, decoded(request.body))])
        return Reply(204)

    def _put(self, request: Request, resource: Resource) -> Reply:
        if resource.target not in ("ref", "refs"):
            return super()._put(request, resource)
        if resource.steps[-1].id is not None:
            raise Malformed("one link of many is not replaced", 0, str(resource)[:100], "the path of the relation")
        kind, id, name, far, many = self._relation(resource)
        body = decoded(request.body)
        if many and not (isinstance(body, dict) and isinstance(body.get("value"), list)):
            raise BadRequest("the body is no list of references", 'write {"value": [{"@id": …}]}', "value")
        targets = [self._reference(far, one) for one in body["value"]] if many else [self._reference(far, body)]
        relate.lead(self.house.twin, kind, id, name, targets)
        return Reply(204)

    def _delete(self, request: Request, resource: Resource) -> Reply:
        if resource.target in ("ref", "refs"):
            self._unlink(request, resource)
        elif resource.target == "set":
            self._delete_all(request, resource)
        else:
            entity, id = self._one(resource)
            self._gone(entity, [id])
        return Reply(204)

    def _unlink(self, request: Request, resource: Resource) -> None:
        kind, id, name, far, _ = self._relation(resource)
        named = parse_qs(request.query).get("$id", [])
        if resource.steps[-1].id is not None:
            targets = [self._id(Resource("entity", resource.steps))]
        elif named:
            targets = [self._reference(far, {"@id": named[0]})]
        else:
            relate.lead(self.house.twin, kind, id, name, [])
            return
        relate.link(self.house.twin, kind, id, name, remove=targets)

    def _delete_all(self, request: Request, resource: Resource) -> Reply:
        """Delete what a filter finds."""
        self._gone(resource.steps[-1].entity, self._filtered(request, resource))
        return Reply(204)

    def _gone(self, entity: str, ids: list[str]) -> None:
        if entity == "Observation":
            self.observing.withdraw(relate.slots(self.house.twin, ids))
        else:
            relate.delete(self.house.twin, self.dialect.forms[entity].kind, ids)


FORMATS = ("csv", "text/csv", "geojson", "application/geo+json")
"""Formats of pages that are none of the standard."""


def _metadata(asked: Query) -> str:
    """How much metadata is asked for. Raises Unserved for any other format."""
    if asked.resultformat is not None:
        raise Unserved("$resultFormat is none of 2.0", 0, asked.resultformat, "$format=application/json")
    said, *parameters = (part.strip().lower() for part in (asked.format or "json").split(";"))
    told = dict(p.partition("=")[::2] for p in parameters)
    level = told.pop("metadata", "full")
    if said not in ("json", "application/json") or told or level not in ("full", "minimal", "none"):
        hint = "application/json, with metadata=full, minimal or none; of a set also csv and geojson, of Observations dataArray"
        raise Unserved(f"the format '{(asked.format or '')[:60]}' is not offered here", 0, asked.format or "", hint)
    return level


def _merge(before: Any, change: Any) -> Any:
    """An object after a change of parts of it (RFC 7396)."""
    if not isinstance(before, dict) or not isinstance(change, dict):
        return change
    merged = {k: v for k, v in before.items() if k not in change}
    for name, value in change.items():
        if value is not None:
            merged[name] = _merge(before.get(name), value)
    return merged


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    return [change(v) for v in value] if isinstance(value, list) else change(value)
