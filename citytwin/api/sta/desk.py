"""What is the answer to a request of SensorThings 1.1? Method, path, query and body in; status, headers and body out. Knows no HTTP server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import msgspec

from citytwin.api.house import House
from citytwin.api.sta import array, conformance, formats, patch, path, query
from citytwin.api.sta.body import FORMS, PARENTS, Bodies, decoded
from citytwin.api.sta.error import Absent, Malformed, Unserved
from citytwin.api.sta.level import Levels
from citytwin.api.sta.path import Resource
from citytwin.api.sta.read import Answer, read, value
from citytwin.api.sta.schema import synonym
from citytwin.api.sta.sets import parts_of, schema
from citytwin.api.sta.show import ALWAYS, Shown, plain
from citytwin.api.sta.tree import Limits, Query
from citytwin.api.sta.tree import Path as Name
from citytwin.engine import register
from citytwin.engine.observe import Sent
from citytwin.kernel.errors import BadRequest, CityTwinError, NotFound
from citytwin.kernel.register import Entry, Seen

JSON = "application/json"
PAGE, MOST = 100, 1000
"""How many entities a page has where nobody asks for a number, and at most."""
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


class Desk:
    """Answers requests. Every method may be called from any thread."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.schema = schema(house.twin.store.spatial)
        self.limits = Limits()
        self.longest_s = 20.0
        """Seconds that one statement of a client may take."""
        self.observing = house.observing

    def answer(self, request: Request) -> Reply:
        """Raises CityTwinError for what is refused."""
        if request.path in ("", "/"):
            return self._root(request)
        if request.path.strip("/") == "CreateObservations":
            return self._create_observations(request)
        resource = path.parse(request.path, self.schema, 0, self.limits)
        handlers: Mapping[str, Callable[[Request, Resource], Reply]] = {
            "GET": self._get,
            "POST": self._post,
            "PATCH": self._patch,
            "PUT": self._put,
            "DELETE": self._delete,
        }
        return handlers[request.method](request, resource)

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
        return _json({"value": value, "serverSettings": settings})

    def levels(self) -> Levels:
        """The statements of a request that comes now."""
        return Levels(self.schema, self.house.now(), self.limits)

    def fetch(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a statement."""
        store = self.house.twin.store
        tables = {"span": store.spans()} if "FROM span" in sql else None
        return list(self.house.twin.store.fetch(sql, parameters, tables, self.longest_s).to_pylist())

    def shown(self, base: str) -> Shown:
        """What shows the answer of a request."""
        multi = self.house.twin.multi
        keys: list[Any] = self.house.fetch("SELECT key FROM datastream WHERE multi")["key"].to_pylist() if multi else []
        return Shown(self.schema, base, frozenset(str(k) for k in keys))

    def _get(self, request: Request, resource: Resource) -> Reply:
        asked = query.parse(request.query, len(request.path) + 1, self.limits)
        match resource.target:
            case "property" | "value":
                found = plain(value(self.levels(), resource, self.fetch))
                if found is None and resource.property[-1] not in ALWAYS:
                    return Reply(204)
                if resource.target == "property":
                    return _json({resource.property[-1]: found})
                text = found if isinstance(found, str) else msgspec.json.encode(found).decode()
                return Reply(200, text.encode(), {}, "text/plain; charset=utf-8")
            case "count":
                levels = self.levels()
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
        answer = self.read(resource, asked)
        shown = self.shown(request.base)
        entity = resource.steps[-1].entity
        if resource.target == "ref":
            return _json(shown.references(entity, answer)[0])
        if resource.target == "refs":
            page = shown.page(resource, asked, answer)
            return _json({**page, "value": shown.references(entity, answer)})
        if resource.target == "entity":
            return _json(shown.entity(self.schema.entities[entity], answer.items[0], asked))
        if (asked.resultformat or "").lower() == "dataarray" and entity == "Observation":
            return _json(self._array(shown, resource, asked, answer))
        page = shown.page(resource, asked, answer)
        return self._formatted(asked, page)

    def _formatted(self, asked: Query, page: dict[str, Any]) -> Reply:
        """A page in the form that is asked for."""
        wanted = (asked.resultformat or asked.format or "").lower()
        links = {"Link": f'<{page["@iot.nextLink"]}>; rel="next"'} if "@iot.nextLink" in page else {}
        match wanted:
            case "csv" | "text/csv":
                return Reply(200, formats.table(page["value"]), links, "text/csv; charset=utf-8")
            case "geojson" | "application/geo+json":
                return Reply(200, formats.geojson(page["value"]), links, "application/geo+json")
            case "" | "json" | "application/json" | "dataarray":
                return _json(page)
        raise Unserved(f"the format '{wanted[:40]}' is not offered here", 0, wanted, "json, dataArray, CSV or GeoJSON")

    def _array(self, shown: Shown, resource: Resource, asked: Query, answer: Answer) -> dict[str, Any]:
        """A page of observations as data arrays."""
        keys = sorted({int(str(i["id"]).partition("-")[0]) for i in answer.items})
        rows = self.house.rows(
            f"SELECT key, id, multi FROM datastream WHERE key IN ({', '.join(map(str, keys)) or '-1'})"
        )
        streams = {str(r["key"]): shown.link("MultiDatastream" if r["multi"] else "Datastream", r["id"]) for r in rows}
        selected = None if asked.select is None else [synonym(p.steps[0]) for p in asked.select]
        page = shown.page(resource, asked, Answer([], answer.count, answer.next))
        return {**page, "value": array.groups(answer.items, streams, selected)}

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
        bodies = Bodies(self.house.now())
        if step.entity == "Observation":
            id = self.observe(resource, body, bodies).done()
        else:
            links: dict[str, tuple[str | Entry | Seen, ...]] = {}
            if len(resource.steps) > 1:
                parent, near = self._parent(resource)
                link = PARENTS.get((parent, step.name))
                if not link:
                    raise Malformed(f"entities are not created in {parent}/{step.name}", 0, step.name)
                links[link] = (near,)
            id = register.create(self.house.twin, bodies.entry(step.entity, body, links))
        shown = self.shown(request.base)
        made = read(
            self.levels(), Resource("entity", (path.Step(step.name, step.entity, True, id),)), Query(), self.fetch
        )
        location = shown.link(step.entity, id)
        return _json(
            shown.entity(self.schema.entities[step.entity], made.items[0], Query()), 201, {"Location": location}
        )

    def _create_observations(self, request: Request) -> Reply:
        if request.method != "POST":
            raise Absent("CreateObservations takes what is posted to it", 0, request.method, "POST")
        links: list[str] = []
        for sent in array.take(self.observing, request.body, self.house.now()):
            try:
                links.append(sent if isinstance(sent, str) else f"{request.base}/Observations('{sent.done()}')")
            except CityTwinError as e:
                links.append(f"error: {e.message}")
        return _json(links, 201)

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
            elif parent == "FeatureOfInterest":
                seen = replace(seen, feature=near)
            else:
                raise Malformed(f"Observations are not created in a {parent}", 0, parent)
        if stream is None:
            raise BadRequest(
                "the Observation names no Datastream", 'link it: "Datastream": {"@iot.id": …}', "Datastream"
            )
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
            return self._replaced(request, entity, id, patch.applied(before, decoded(request.body)), before)
        return self._changed(request, entity, id, decoded(request.body))

    def _whole(self, entity: str, id: str) -> dict[str, Any]:
        """An entity as its client sees it, without links."""
        found = read(self.levels(), _at(self.schema.sets, entity, id), Query(), self.fetch).items[0]
        return {k: plain(v) for k, v in found.items() if k != "id" and plain(v) is not None}

    def _changed(self, request: Request, entity: str, id: str, body: Any) -> Reply:
        bodies = Bodies(self.house.now())
        if entity == "Observation":
            if not isinstance(body, dict):
                raise BadRequest("a change is a JSON object", "", "body")
            said = bodies.said(body)
            if isinstance(said.get("feature"), Entry):
                raise BadRequest("a PATCH creates no FeatureOfInterest", "link one that is there", "FeatureOfInterest")
            key, slot = cast(tuple[int, datetime], parts_of(id))
            self.observing.change(id, key, slot, said)
        else:
            values, links = bodies.changes(entity, body)
            for name, value in values.items():
                form = next((f for f in FORMS[entity].fields.values() if f.to == name), None)
                if value is None and form and form.needed:
                    raise BadRequest(f"'{name}' of a {entity} cannot be null", "", name)
            register.update(self.house.twin, FORMS[entity].kind, id, values, links)
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
            whole = Bodies(self.house.now()).said(body)
            if "result" not in whole:
                raise BadRequest("the Observation: 'result' is missing", "", "result")
            blank = {"result_time": None, "quality": None, "valid": None, "properties": None}
            key, slot = cast(tuple[int, datetime], parts_of(id))
            self.observing.change(id, key, slot, {**blank, **whole})
            return self._now(request, entity, id)
        form = FORMS[entity]
        known = {
            k: v for k, v in body.items() if before is None or k not in before or v != before[k] or k in form.fields
        }
        missing = [name for name, f in form.fields.items() if f.needed and name not in body]
        if missing:
            raise BadRequest(f"the {entity} lacks {', '.join(missing)}", "a PUT says all of an entity", missing[0])
        optional = {name: None for name, f in form.fields.items() if not f.needed and name not in body}
        return self._changed(request, entity, id, {**optional, **known})

    def _now(self, request: Request, entity: str, id: str) -> Reply:
        found = read(self.levels(), _at(self.schema.sets, entity, id), Query(), self.fetch).items[0]
        return _json(self.shown(request.base).entity(self.schema.entities[entity], found, Query()))

    # -- deleting

    def _delete(self, request: Request, resource: Resource) -> Reply:
        if resource.target == "set":
            return self._delete_all(request, resource)
        entity, id = self._one(resource)
        if entity == "Observation":
            key, slot = cast(tuple[int, datetime], parts_of(id))
            self.observing.withdraw([(id, key, slot)])
        else:
            register.delete(self.house.twin, FORMS[entity].kind, id)
        return Reply(200)

    def _delete_all(self, request: Request, resource: Resource) -> Reply:
        """Delete what a filter finds."""
        asked = query.parse(request.query, len(request.path) + 1, self.limits)
        if asked.filter is None:
            raise Malformed(
                "$filter is required for collection delete", 0, str(resource)[:100], "", "say which: $filter=…"
            )
        entity = resource.steps[-1].entity
        wanted = Query(asked.filter, select=(Name(("id",)),), top=GONE_AT_ONCE)
        found = read(self.levels(), resource, wanted, self.fetch, GONE_AT_ONCE)
        if found.next is not None:
            raise BadRequest(f"the filter finds more than {GONE_AT_ONCE} entities", "delete them in parts", "$filter")
        ids = [item["id"] for item in found.items]
        if entity == "Observation":
            parts = [(id, *cast(tuple[int, datetime], parts_of(id))) for id in ids]
            self.observing.withdraw(parts)
        else:
            for id in ids:
                try:
                    register.delete(self.house.twin, FORMS[entity].kind, id)
                except NotFound:
                    continue  # it went with one before it
        return _json({"deleted": len(ids)})


def _at(sets: Mapping[str, str], entity: str, id: str) -> Resource:
    name = next(name for name, kind in sets.items() if kind == entity)
    return Resource("entity", (path.Step(name, entity, True, id),))


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, msgspec.json.encode(value), headers or {})
