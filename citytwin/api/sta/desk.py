"""What is the answer to a request of SensorThings? Method, path, query and body in; status, headers and body out. Knows no HTTP server."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from citytwin.api.house import House
from citytwin.api.sta import array, conformance, formats, patch, path, query
from citytwin.api.sta.body import Bodies, decoded
from citytwin.api.sta.dialect import Dialect
from citytwin.api.sta.error import Absent, Malformed, Unserved
from citytwin.api.sta.level import Levels
from citytwin.api.sta.path import Resource
from citytwin.api.sta.read import Answer, read, value
from citytwin.api.sta.schema import synonym
from citytwin.api.sta.show import Shown
from citytwin.api.sta.times import moment
from citytwin.api.sta.tree import Limits, Query
from citytwin.api.sta.tree import Path as Name
from citytwin.api.sta.v1 import V1
from citytwin.engine import register
from citytwin.engine.ingest import Told
from citytwin.engine.observe import Many, Sent, slot_of
from citytwin.kernel.errors import BadRequest, CityTwinError, NotFound, TooLarge
from citytwin.kernel.register import Entry, Seen

JSON = "application/json"
PAGE, MOST = 100, 1000
"""How many entities a page has where nobody asks for a number, and at most."""
LARGEST = 256 * 1024 * 1024
"""Bytes of the rows of one statement."""
GONE_AT_ONCE = 100_000
"""How many observations one filtered delete takes at most."""


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is what follows the version, still percent-encoded; `base` the address of the service as the client knows it."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    base: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = JSON


SENT = "cache-control: no-store\r\nx-content-type-options: nosniff\r\n"
"""What every answer to what took the quick way has."""
_ONE = re.compile(rb"/Datastreams\('([^'()/%]+)'\)/Observations")


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    phenomenonTime: str  # noqa: N815 - the standard's names
    result: float | int


_plain = msgspec.json.Decoder(_Plain)


class Desk:
    """Answers requests. Every method may be called from any thread."""

    dialect: Dialect = V1
    differing: type[CityTwinError] = BadRequest
    """What a JSON Patch is told whose test fails."""
    probes = False
    """Whether OPTIONS finds out whether GET would succeed."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.schema = self.dialect.schema(house.twin.store.spatial, house.twin.moved)
        self.limits = Limits()
        self.longest_s = 20.0
        """Seconds that all statements of a request may take together; those of a batch thrice as long."""
        self._until: ContextVar[float] = ContextVar("until", default=math.inf)
        self.observing = house.observing

    def begin(self, times: int = 1) -> None:
        """From now on the statements of a request, or of so many, have their time; it belongs to the thread's context."""
        self._until.set(time.monotonic() + times * self.longest_s)

    def answer(self, request: Request) -> Reply:
        """Raises CityTwinError for what is refused."""
        if request.path in ("", "/"):
            return self._root(request)
        if found := self.special(request):
            return found
        resource = path.parse(request.path, self.schema, 0, self.limits)
        handlers: Mapping[str, Callable[[Request, Resource], Reply]] = {
            "GET": self._get,
            "POST": self._post,
            "PATCH": self._patch,
            "PUT": self._put,
            "DELETE": self._delete,
        }
        return handlers[request.method](request, resource)

    def special(self, request: Request) -> Reply | None:
        """The answer to what is no path to entities."""
        if request.path.strip("/") == "CreateObservations":
            return self._create_observations(request)
        return None

    def quick(self, path: bytes, body: bytes, headers: Mapping[bytes, bytes], told: Told) -> str | None:
        """Send on a number at a time, newer than all of its stream: what sensors send all day goes on without a thread.

        Returns its id, to be told once it is durable; None where there is more to be asked, and then nothing was sent.
        """
        del headers
        found = _ONE.fullmatch(path)
        if found is None or len(body) > 512:
            return None
        try:
            said = _plain.decode(body)
            at = moment(said.phenomenonTime)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None  # what is wrong with it is said on the long way
        if abs(said.result) > 2**53:
            return None
        return self.observing.plain(found[1].decode("latin-1"), at, float(said.result), told)

    def sent(self, id: str, base: str) -> bytes:
        """The headers and the body of the answer to what took the quick way."""
        link = f"{base}/Observations('{id}')"
        body = f'{{"@iot.id":"{id}","@iot.selfLink":"{link}"}}'
        return f"{SENT}location: {link}\r\ncontent-type: {JSON}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode(
            "ascii"
        )

    def bodies(self) -> Bodies:
        """What reads the bodies of a request that comes now."""
        return Bodies(self.house.now(), self.dialect)

    # -- reading

    def _root(self, request: Request) -> Reply:
        if request.method != "GET":
            raise Absent("nothing is sent to the service itself", 0, "", "the name of an entity set")
        value = [{"name": name, "url": f"{request.base}/{name}"} for name in self.schema.sets]
        settings: dict[str, Any] = {"conformance": conformance.classes(self.house.twin.store.spatial)}
        door = self.house.mqtt
        if door and door.open:
            settings["conformance"] += conformance.MQTT
            settings |= {name: {"endpoints": door.endpoints} for name in conformance.MQTT}
        return json_reply({"value": value, "serverSettings": settings})

    def levels(self) -> Levels:
        """The statements of a request that comes now."""
        return Levels(self.schema, self.house.now(), self.limits)

    def fetch(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a statement."""
        store = self.house.twin.store
        tables = {"span": store.spans()} if "FROM span" in sql else None
        within = min(self.longest_s, self._until.get() - time.monotonic())
        if within <= 0:
            raise BadRequest("the request takes too long", "ask for less: fewer conditions, fewer requests", "time")
        found = store.fetch(sql, parameters, tables, within)
        if found.nbytes > LARGEST:
            raise TooLarge(f"the answer has more than {LARGEST} bytes", "ask for smaller pages: $top, $select", "$top")
        return list(found.to_pylist())

    def shown(self, base: str, links: bool = True) -> Shown:
        """What shows the answer of a request; `links` as in `Shown`."""
        multi = self.house.twin.multi and "MultiDatastream" in self.schema.entities
        keys: list[Any] = self.house.fetch("SELECT key FROM datastream WHERE multi")["key"].to_pylist() if multi else []
        return Shown(self.schema, base, frozenset(str(k) for k in keys), self.dialect, links)

    def _get(self, request: Request, resource: Resource) -> Reply:
        asked = query.parse(request.query, len(request.path) + 1, self.limits)
        match resource.target:
            case "property" | "value":
                found = self.dialect.value(value(self.levels(), resource, self.fetch))
                if found is None and resource.property[-1] not in self.dialect.shown:
                    return Reply(204)
                if resource.target == "property":
                    return self._property(request, resource, asked, found)
                text = found if isinstance(found, str) else msgspec.json.encode(found).decode()
                return Reply(200, text.encode(), {}, "text/plain; charset=utf-8")
            case "count":
                levels = self.levels()
                if len(resource.steps) > 1:  # of what is not there nothing is counted
                    read(levels, Resource("set", resource.steps), Query(top=0), self.fetch)
                counted = levels.count(resource, asked)
                return Reply(
                    200,
                    str(self.fetch(counted.sql, counted.parameters)[0]["n"]).encode(),
                    {},
                    "text/plain; charset=utf-8",
                )
            case "ref" | "refs":
                asked = Query(
                    asked.filter,
                    asked.orderby,
                    (Name(("id",)),),
                    top=asked.top,
                    skip=asked.skip,
                    count=asked.count,
                    skiptoken=asked.skiptoken,
                )
        return self._told(request, resource, asked, self.read(resource, asked))

    def _property(self, request: Request, resource: Resource, asked: Query, found: Any) -> Reply:
        """A property of an entity."""
        del request, asked
        return json_reply({resource.property[-1]: found})

    def _told(self, request: Request, resource: Resource, asked: Query, answer: Answer) -> Reply:
        """What was found, in the form that is asked for."""
        shown = self.shown(request.base)
        entity = resource.steps[-1].entity
        if resource.target == "ref":
            return json_reply(shown.references(entity, answer)[0])
        if resource.target == "refs":
            page = shown.page(resource, asked, answer)
            return json_reply({**page, "value": shown.references(entity, answer)})
        if resource.target == "entity":
            return json_reply(shown.entity(self.schema.entities[entity], answer.items[0], asked))
        if (asked.resultformat or "").lower() == "dataarray" and entity == "Observation":
            return json_reply(self._array(shown, resource, asked, answer))
        page = shown.page(resource, asked, answer)
        return self._formatted(asked, page)

    def _formatted(self, asked: Query, page: dict[str, Any]) -> Reply:
        """A page in the form that is asked for."""
        wanted = (asked.resultformat or asked.format or "").lower()
        if wanted in ("", "json", "application/json", "dataarray"):
            return json_reply(page)
        if found := self._flattened(wanted, page):
            return found
        raise Unserved(f"the format '{wanted[:40]}' is not offered here", 0, wanted, "json, dataArray, CSV or GeoJSON")

    def _flattened(self, wanted: str, page: dict[str, Any]) -> Reply | None:
        """A page as a table or as features, where that is what is wanted."""
        entities, key, next = page["value"], self.dialect.key, page.get(f"{self.dialect.mark}nextLink")
        links = {"Link": f'<{next}>; rel="next"'} if next else {}
        match wanted:
            case "csv" | "text/csv":
                return Reply(200, formats.table(entities, key), links, "text/csv; charset=utf-8")
            case "geojson" | "application/geo+json":
                return Reply(200, formats.geojson(entities, key), links, "application/geo+json")
        return None

    def _array(self, shown: Shown, resource: Resource, asked: Query, answer: Answer) -> dict[str, Any]:
        """A page of observations as data arrays."""
        moved = self.house.twin.moved
        of = {i["id"]: str(moved.get(i["id"], str(i["id"]).partition("-")[0])) for i in answer.items}
        keys = sorted({int(key) for key in of.values()})
        rows = self.house.rows(
            f"SELECT key, id, multi FROM datastream WHERE key IN ({', '.join(map(str, keys)) or '-1'})"
        )
        several = "MultiDatastream" in self.schema.entities
        streams = {
            str(r["key"]): shown.link("MultiDatastream" if several and r["multi"] else "Datastream", r["id"])
            for r in rows
        }
        selected = None if asked.select is None else [synonym(p.steps[0]) for p in asked.select]
        page = shown.page(resource, asked, Answer([], answer.count, answer.next))
        return {**page, "value": array.groups(answer.items, of, streams, selected, self.dialect)}

    def read(self, resource: Resource, asked: Query) -> Answer:
        """The entities that a path and its query ask for."""
        top = PAGE if asked.top is None else MOST
        return read(self.levels(), resource, asked, self.fetch, top)

    # -- creating

    def _post(self, request: Request, resource: Resource) -> Reply:
        if resource.target != "set":
            raise Malformed(
                f"a {resource.target} takes no new entity", 0, str(resource)[:100], "the path of an entity set"
            )
        step = resource.steps[-1]
        body = decoded(request.body)
        bodies = self.bodies()
        if step.entity == "Observation":
            id = self.observe(resource, body, bodies).done()
        else:
            links: dict[str, tuple[str | Entry | Seen, ...]] = {}
            if len(resource.steps) > 1:
                parent, near = self._parent(resource)
                link = self.dialect.parents.get((parent, step.name))
                if not link:
                    raise Malformed(f"entities are not created in {parent}/{step.name}", 0, step.name)
                links[link] = (near,)
            id = register.create(self.house.twin, bodies.entry(step.entity, body, links))
        shown = self.shown(request.base)
        made = read(
            self.levels(), Resource("entity", (path.Step(step.name, step.entity, True, id),)), Query(), self.fetch
        )
        location = shown.link(step.entity, id)
        return json_reply(
            shown.entity(self.schema.entities[step.entity], made.items[0], Query()), 201, {"Location": location}
        )

    def _create_observations(self, request: Request) -> Reply:
        if request.method != "POST":
            raise Absent("CreateObservations takes what is posted to it", 0, request.method, "POST")
        stem = f"{request.base}/Observations('"
        links: list[str] = []
        for sent in array.take(self.observing, request.body, self.house.now(), self.dialect, self.judged):
            match sent:
                case str():
                    links.append(f"{stem}{sent}')")
                case None:
                    links.append(array.LATE)
                case CityTwinError():
                    links.append(array.said(sent))
                case Many():
                    try:
                        sent.receipt.result()
                        links += [f"{stem}{sent.key}-{t}')" for t in sent.times]
                    except CityTwinError as e:
                        links += [array.said(e)] * len(sent.times)
        return json_reply(links, 201)

    def judged(self, stream: str) -> tuple[array.Check, bool]:
        """What the results of a datastream are asked, and whether any number is one."""
        del stream
        return lambda _: None, True

    def _parent(self, resource: Resource) -> tuple[str, str]:
        """The entity in whose set the path leads: its kind and id. Raises Absent."""
        above = Resource("entity", resource.steps[:-1])
        found = read(self.levels(), above, Query(select=(Name(("id",)),)), self.fetch).items[0]
        return above.steps[-1].entity, found["id"]

    def observe(self, resource: Resource, body: Any, bodies: Bodies) -> Sent:
        """Take an observation that is posted to a set."""
        seen, stream = bodies.seen(body)
        if len(resource.steps) > 1:
            parent, near = self._parent(resource)
            if parent in ("Datastream", "MultiDatastream"):
                stream = near
            elif parent == self.dialect.feature:
                seen = replace(seen, feature=near)
            else:
                raise Malformed(f"Observations are not created in a {parent}", 0, parent)
        if stream is None:
            raise BadRequest(
                "the Observation names no Datastream", 'link it: "Datastream": {"@iot.id": …}', "Datastream"
            )
        assert isinstance(stream, str), "1.1 links datastreams of observations and makes none"
        return self.observing.take(stream, seen)

    # -- changing

    def _one(self, resource: Resource) -> tuple[str, str]:
        """The entity that is to be changed: its kind and id. Raises Absent, Malformed."""
        if resource.target != "entity":
            raise Malformed(f"a {resource.target} is not changed", 0, str(resource)[:100], "the path of one entity")
        found = read(self.levels(), resource, Query(select=(Name(("id",)),)), self.fetch).items[0]
        return resource.steps[-1].entity, found["id"]

    def _patch(self, request: Request, resource: Resource) -> Reply:
        entity, id = self._one(resource)
        if request.headers.get("content-type", "").startswith("application/json-patch+json"):
            before = self._whole(entity, id)
            return self._replaced(
                request, entity, id, patch.applied(before, decoded(request.body), self.differing), before
            )
        return self._changed(request, entity, id, decoded(request.body))

    def _whole(self, entity: str, id: str) -> dict[str, Any]:
        """An entity as its client sees it, without links."""
        found = read(self.levels(), at_entity(self.schema.sets, entity, id), Query(), self.fetch).items[0]
        told = {k: self.dialect.value(v) for k, v in found.items() if k != "id"}
        return {k: v for k, v in told.items() if v is not None}

    def _changed(self, request: Request, entity: str, id: str, body: Any) -> Reply:
        bodies = self.bodies()
        if entity == "Observation":
            if not isinstance(body, dict):
                raise BadRequest("a change is a JSON object", "", "body")
            said = bodies.said(body)
            said.pop("stream", None)
            if isinstance(said.get("feature"), Entry):
                raise BadRequest("a PATCH creates no FeatureOfInterest", "link one that is there", "FeatureOfInterest")
            key, slot = slot_of(self.house.twin, id)
            self.observing.change(id, key, slot, said)
        else:
            values, links = bodies.changes(entity, body)
            for name, value in values.items():
                form = next((f for f in self.dialect.forms[entity].fields.values() if f.to == name), None)
                if value is None and form and form.needed:
                    raise BadRequest(f"'{name}' of a {entity} cannot be null", "", name)
            register.update(self.house.twin, self.dialect.forms[entity].kind, id, values, links)
        return self._now(request, entity, id)

    def _put(self, request: Request, resource: Resource) -> Reply:
        entity, id = self._one(resource)
        body = decoded(request.body)
        if not isinstance(body, dict):
            raise BadRequest("an entity is a JSON object", "", "body")
        return self._replaced(request, entity, id, body, None)

    def _replaced(
        self, request: Request, entity: str, id: str, body: dict[str, Any], before: Mapping[str, Any] | None
    ) -> Reply:
        """Say an entity anew as a whole: what it may have and the body does not tell is null from now on."""
        if entity == "Observation":
            whole = self.bodies().said(body)
            whole.pop("stream", None)
            if "result" not in whole:
                raise BadRequest("the Observation: 'result' is missing", "", "result")
            blank = {"result_time": None, "quality": None, "valid": None, "properties": None}
            key, slot = slot_of(self.house.twin, id)
            self.observing.change(id, key, slot, {**blank, **whole})
            return self._now(request, entity, id)
        return self._changed(request, entity, id, self._complete(entity, body, before))

    def _complete(self, entity: str, body: dict[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
        """What a PUT says, with null for what it does not tell. Raises BadRequest where it lacks what must be there."""
        form = self.dialect.forms[entity]
        known = {
            k: v for k, v in body.items() if before is None or k not in before or v != before[k] or k in form.fields
        }
        missing = [name for name, f in form.fields.items() if f.needed and name not in body]
        if missing:
            raise BadRequest(f"the {entity} lacks {', '.join(missing)}", "a PUT says all of an entity", missing[0])
        optional = {name: None for name, f in form.fields.items() if not f.needed and name not in body}
        return {**optional, **known}

    def _now(self, request: Request, entity: str, id: str) -> Reply:
        found = read(self.levels(), at_entity(self.schema.sets, entity, id), Query(), self.fetch).items[0]
        return json_reply(self.shown(request.base).entity(self.schema.entities[entity], found, Query()))

    # -- deleting

    def _delete(self, request: Request, resource: Resource) -> Reply:
        if resource.target == "set":
            return self._delete_all(request, resource)
        entity, id = self._one(resource)
        if entity == "Observation":
            key, slot = slot_of(self.house.twin, id)
            self.observing.withdraw([(id, key, slot)])
        else:
            register.delete(self.house.twin, self.dialect.forms[entity].kind, id)
        return Reply(200)

    def _filtered(self, request: Request, resource: Resource) -> list[str]:
        """The ids of what a filter finds. Raises Malformed where there is none, BadRequest where it finds too much."""
        asked = query.parse(request.query, len(request.path) + 1, self.limits)
        if asked.filter is None:
            raise Malformed(
                "$filter is required for collection delete", 0, str(resource)[:100], "", "say which: $filter=…"
            )
        wanted = Query(asked.filter, select=(Name(("id",)),), top=GONE_AT_ONCE)
        found = read(self.levels(), resource, wanted, self.fetch, GONE_AT_ONCE)
        if found.next is not None:
            raise BadRequest(f"the filter finds more than {GONE_AT_ONCE} entities", "delete them in parts", "$filter")
        return [item["id"] for item in found.items]

    def _delete_all(self, request: Request, resource: Resource) -> Reply:
        """Delete what a filter finds."""
        entity, ids = resource.steps[-1].entity, self._filtered(request, resource)
        if entity == "Observation":
            parts = [(id, *slot_of(self.house.twin, id)) for id in ids]
            self.observing.withdraw(parts)
        else:
            for id in ids:
                try:
                    register.delete(self.house.twin, self.dialect.forms[entity].kind, id)
                except NotFound:
                    continue  # it went with one before it
        return json_reply({"deleted": len(ids)})


def at_entity(sets: Mapping[str, str], entity: str, id: str) -> Resource:
    """The path to an entity."""
    name = next(name for name, kind in sets.items() if kind == entity)
    return Resource("entity", (path.Step(name, entity, True, id),))


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A value as JSON."""
    return Reply(status, msgspec.json.encode(value), headers or {})
