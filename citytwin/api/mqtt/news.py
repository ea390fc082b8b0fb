"""What is published of the city? Readings as they are recorded, and entities of SensorThings that are new or changed, for whoever subscribed to them."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from citytwin.api.house import House
from citytwin.api.mqtt.outbox import Message, Outbox
from citytwin.api.mqtt.packet import BARE, Note
from citytwin.api.mqtt.service import V1, Service
from citytwin.api.sta import path, query
from citytwin.api.sta.desk import Request
from citytwin.api.sta.dialect import Dialect
from citytwin.api.sta.error import Absent
from citytwin.api.sta.path import Resource, Step
from citytwin.api.sta.read import read
from citytwin.api.sta.show import Shown, plain
from citytwin.api.sta.tree import Literal, Order, Path, Query, Within, junction
from citytwin.engine.hub import Reading
from citytwin.kernel.errors import BadRequest, CityTwinError
from citytwin.kernel.register import Act
from citytwin.kernel.register import News as Changed
from citytwin.kernel.stream import stream_parts
from citytwin.kernel.topic import filter_fault, matches

log = logging.getLogger("citytwin.mqtt")
READINGS, MISSED = "readings/", "readings/missed"
PAUSE_S = 1.0
"""Entities are read from the store for subscribers no more often; each that changed meanwhile is told once, as it is by then."""
AT_ONCE, MOST = 200, 100_000
"""Entities that one statement reads, and changed ones that wait to be told."""
SUBSCRIPTIONS = 10_000
SHARE = 2.0
"""After a second of work it rests for so many: those who record come first."""
ACTS: Mapping[Act, Note] = {act: Note(user=(("type", act),)) for act in ("create", "update", "delete")}
"""How 2.0 says what became of an entity."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(eq=False)
class Subject:
    """A filter that somebody subscribed to. One with wildcards, or of no entity, is matched as text; the others lead to entities."""

    filter: str
    service: Service | None = None
    resource: Resource | None = None
    query: Query = field(default_factory=Query)
    outboxes: dict[Outbox, int] = field(default_factory=dict)
    """Who subscribed, and with which quality of service."""
    told: bytes = b""
    """What was last said of a property."""

    @property
    def entity(self) -> str:
        """The entity that it leads to."""
        return self.resource.steps[-1].entity if self.resource else ""

    @property
    def kind(self) -> str:
        """The kind of that entity."""
        return self.service.kind(self.entity) if self.service else ""

    @property
    def second(self) -> bool:
        """Whether it is of 2.0."""
        return self.service is not None and self.service.second

    @property
    def bare(self) -> bool:
        """Whether it asks for no more than a selection."""
        return not (self.query.filter or self.query.expand)


class News:
    """Hears of what is recorded and writes it to outboxes, in a thread of its own."""

    def __init__(self, house: House, services: Sequence[Service], retained: bool = False) -> None:
        self._house, self._services = house, services
        self._first = services[0]
        self._retained = retained
        """Whether messages are marked to be kept by the broker, so that whoever subscribes later gets the last one."""
        self._subjects: dict[str, Subject] = {}
        self._turn = threading.Lock()
        self._awake = threading.Event()
        self._over = threading.Event()
        self._changed: deque[Changed] = deque(maxlen=MOST)
        self._due: dict[tuple[str, str], Act] = {}
        self._newest: dict[str, int] = {}
        """Of streams that were told of: when the newest reading was."""
        self._looked = -PAUSE_S
        self._routes: dict[str, list[Subject]] = {}
        self.missed = 0
        """Readings that were not told since newer ones came before their turn."""
        self._follower = house.hub.follow(self._awake.set)
        house.twin.heard.append(self._hear)
        house.twin.parting.append(self._part)
        self._thread = threading.Thread(target=self._run, name="mqtt-news", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No more."""
        self._house.hub.leave(self._follower)
        self._house.twin.heard.remove(self._hear)
        self._house.twin.parting.remove(self._part)
        self._over.set()
        self._awake.set()
        self._thread.join()

    # -- who listens

    def subscribe(self, outbox: Outbox, filter: str, qos: int, last: bool = True) -> None:
        """From now on; `last`: and what was said last. Raises CityTwinError where the filter leads nowhere."""
        with self._turn:
            subject = self._subjects.get(filter)
            if subject is None:
                if len(self._subjects) >= SUBSCRIPTIONS:
                    raise BadRequest(f"{SUBSCRIPTIONS} filters are subscribed to already", "use wildcards", filter)
                subject = self._subject(filter)
                self._subjects[filter] = subject
                self._routes.clear()
            subject.outboxes = {**subject.outboxes, outbox: qos}
        if last:
            self._last(subject, outbox, qos)

    def unsubscribe(self, outbox: Outbox, filter: str) -> bool:
        """No more. Whether there was a subscription."""
        with self._turn:
            subject = self._subjects.get(filter)
            if subject is None or outbox not in subject.outboxes:
                return False
            subject.outboxes = {o: q for o, q in subject.outboxes.items() if o is not outbox}
            if not subject.outboxes:
                del self._subjects[filter]
                self._routes.clear()
            return True

    def leave(self, outbox: Outbox) -> None:
        """No more of anything."""
        for filter in [f for f, s in list(self._subjects.items()) if outbox in s.outboxes]:
            self.unsubscribe(outbox, filter)

    def relay(self, topic: str, payload: bytes) -> None:
        """Hand on a device's message that was recorded."""
        for subject in list(self._subjects.values()):
            if subject.resource is None and matches(subject.filter, topic):
                self._put(subject, topic, payload, False, "")

    def _subject(self, filter: str) -> Subject:
        if fault := filter_fault(filter):
            raise BadRequest(f"the filter '{filter[:200]}' {fault}", "MQTT 3.1.1, 4.7.1", filter[:200])
        service = next((s for s in self._services if filter.startswith(s.prefix)), None)
        wild = "#" in filter or "+" in filter.partition("?")[0]
        if wild and service and service.second:
            raise BadRequest("wildcards lead to nothing of SensorThings 2.0", "name a set, an entity or a property", filter[:200])  # fmt: skip
        if wild or service is None:
            return Subject(filter)
        desk, begin = service.desk, len(service.prefix)
        text, _, options = filter[begin:].partition("?")
        resource = path.parse(text, desk.schema, begin, desk.limits)
        asked = query.parse(options, begin + len(text) + 1, desk.limits)
        targets = ("set", "entity", "property", "value") if service.second else ("set", "entity", "property")
        if resource.target not in targets:
            raise Absent(f"nobody is told of a {resource.target}", 0, text[:100], "a set, an entity or a property")
        if replace(asked, select=None, filter=None, expand=()) != Query() or (
            options and resource.target in ("property", "value")
        ):
            raise Absent("a subscription takes $select, $filter and $expand alone", 0, options[:100])
        # whether filter and expand can be said in SQL is found out now, not when there is something to tell
        subject = Subject(filter, service, resource, asked)
        self._items(subject, ["0-0"])
        return subject

    # -- what is new

    def _hear(self, changed: Sequence[Changed]) -> None:
        if self._subjects:
            self._changed.extend(changed)
            self._awake.set()

    def _part(self, going: Sequence[tuple[str, str]]) -> Callable[[], None]:
        """Look at what is about to be deleted, for those who are told of that: subscribers of 2.0."""
        by_kind: dict[str, list[str]] = {}
        for kind, id in going:
            by_kind.setdefault(kind, []).append(id)
        last: list[tuple[Subject, bytes, str]] = []
        for subject in list(self._subjects.values()):
            if not subject.second or subject.kind not in by_kind:
                continue
            assert subject.resource is not None
            ids = by_kind[subject.kind]
            try:
                if subject.resource.target in ("property", "value"):
                    if subject.resource.steps[-1].id in ids:
                        last.append((subject, self._value(subject), ""))
                    continue
                for n in range(0, len(ids), AT_ONCE):
                    last += [(subject, told, id) for id, told in self._shown(subject, ids[n : n + AT_ONCE])]
            except CityTwinError as e:  # it must not keep anybody from deleting
                log.debug("%s: %s", subject.filter, e)

        def gone() -> None:
            for subject, told, id in last:
                self._put(subject, subject.filter, told, False, id, act="delete")

        return gone

    def _run(self) -> None:
        while True:
            waits = PAUSE_S - (time.monotonic() - self._looked) if self._due else None
            self._awake.wait(None if waits is None else max(waits, 0.0))
            self._awake.clear()
            if self._over.is_set():
                return
            began = time.monotonic()
            try:
                self._round()
            except Exception:  # what cannot be told must not keep the rest from being told
                log.exception("news could not be told")
            self._over.wait(
                min((time.monotonic() - began) * SHARE, 2.0)
            )  # news must not cut the rest short: only the end does

    def _round(self) -> None:
        rows, missed = self._follower.take()
        self.missed += missed
        subjects = list(self._subjects.values())
        if missed and subjects:
            self._text(subjects, MISSED, msgspec.json.encode({"missed": missed}), False, "")
        if rows and subjects:
            self._readings(rows, subjects)
        while self._changed:
            self._note(self._changed.popleft())
        if self._due and time.monotonic() - self._looked >= PAUSE_S:
            due, self._due = self._due, {}
            self._entities(due, subjects)
            self._looked = time.monotonic()

    def _note(self, changed: Changed) -> None:
        kind, id, act = changed
        if kind.startswith("observation of "):
            stream = kind.removeprefix("observation of ")
            known = self._house.twin.store.newest(stream)
            if known is None:
                return
            self._owe("observation", f"{known[0]}{id}", act)
            self._owe("datastream", stream)
        else:
            self._owe(kind, id, act)

    def _owe(self, kind: str, id: str, act: Act = "update") -> None:
        if (kind, id) in self._due:
            if act == "create":
                self._due[kind, id] = act
        elif len(self._due) < MOST:
            self._due[kind, id] = act

    # -- readings

    def _readings(self, rows: list[Reading], subjects: list[Subject]) -> None:
        observed = [s for s in subjects if s.entity == "Observation"]
        plain_ones = [s for s in observed if s.bare and self._near(s.resource)]
        others = any(s not in plain_ones for s in observed)
        texts = [s for s in subjects if s.resource is None and (s.filter.startswith(V1) or s.filter[0] in "#+")]
        streams = bool(texts) or any(s.kind == "datastream" for s in subjects)
        parts = {s.prefix: [p for p in plain_ones if p.service is s] for s in self._services}
        shown = {s.prefix: s.shown() for s in self._services if parts[s.prefix] or (texts and s is self._first)}
        again = self._corrected(rows) if any(s.second for s in observed) else frozenset()
        newest = self._house.twin.store.newest
        for stream, at, value, quality in rows:
            self._reading(stream, at, value, quality)
            known = newest(stream) if shown or others else None
            if known is not None:
                id = f"{known[0]}-{at}"
                act: Act = "update" if (stream, at) in again else "create"
                for prefix, shows in shown.items():
                    item = _item(shows.dialect, id, at, value, quality)
                    self._observation(shows, stream, item, parts[prefix], texts if prefix == V1 else (), act)
                if others:
                    self._owe("observation", id, act)
            if streams:
                self._owe("datastream", stream)

    def _corrected(self, rows: Sequence[Reading]) -> frozenset[tuple[str, int]]:
        """Those of the readings, by stream and time, that say anew what was on record."""
        doubtful = []
        if len(self._newest) > MOST:
            self._newest.clear()
        for stream, at, _, _ in rows:
            if at <= self._newest.get(stream, 1 << 62):
                doubtful.append((stream, at))
            self._newest[stream] = max(at, self._newest.get(stream, at))
        if not doubtful:
            return frozenset()
        streams, times = (list(c) for c in zip(*doubtful, strict=True))
        asked = pa.table({"stream": streams, "time": pa.array(times, pa.int64()).cast(pa.timestamp("us", tz="UTC"))})
        sql = (
            "SELECT o.stream, epoch_us(o.time) AS at FROM observation_all AS o JOIN asked AS a ON a.stream = o.stream AND a.time = o.time "
            "WHERE o.superseded AND o.stream IN (SELECT unnest($streams)) AND o.time BETWEEN $since AND $until"
        )
        span = [_EPOCH + timedelta(microseconds=at) for at in (min(times), max(times))]
        given = {"streams": sorted(set(streams)), "since": span[0], "until": span[1]}
        found = self._house.fetch(sql, given, {"asked": asked})
        return frozenset(zip(found["stream"].to_pylist(), found["at"].to_pylist(), strict=True))

    def _reading(self, stream: str, at: int, value: float | None, quality: int) -> None:
        route = self._routes.get(stream)
        topic = _topic(stream)
        if route is None:
            if len(self._routes) > MOST:
                self._routes.clear()
            route = [s for s in list(self._subjects.values()) if s.resource is None and matches(s.filter, topic)]
            self._routes[stream] = route
        if route:
            payload = _told(stream, at, value, quality)
            for subject in route:
                self._put(subject, topic, payload, self._retained, stream)

    def _near(self, resource: Resource | None) -> bool:
        """Whether a path to observations can be followed without asking the store."""
        if resource is None or resource.target != "set" or len(resource.steps) > 2:
            return False
        first = resource.steps[0]
        return len(resource.steps) == 1 or (first.entity in ("Datastream", "MultiDatastream") and first.id is not None)

    def _observation(
        self,
        shown: Shown,
        stream: str,
        item: dict[str, Any],
        subjects: list[Subject],
        texts: Sequence[Subject],
        act: Act,
    ) -> None:
        made: dict[Any, bytes] = {}

        def payload(asked: Query) -> bytes:
            if asked.select not in made:
                told = shown.entity(shown.schema.entities["Observation"], item, asked)
                made[asked.select] = msgspec.json.encode(told)
            return made[asked.select]

        for subject in subjects:
            assert subject.resource is not None
            first = subject.resource.steps[0]
            if first.id is None or first.id == stream:
                kept = self._retained and first.id is not None
                self._put(subject, subject.filter, payload(subject.query), kept, stream, act=act)
        if texts:
            own = f"{V1}{shown.link('Datastream', stream)[len(shown.base) + 1 :]}/Observations"
            for topic, kept in ((own, self._retained), (f"{V1}Observations", False)):
                for subject in texts:
                    if subject.resource is None and matches(subject.filter, topic):
                        self._put(subject, topic, payload(Query()), kept, stream)

    # -- entities

    def _entities(self, due: Mapping[tuple[str, str], Act], subjects: list[Subject]) -> None:
        by_kind: dict[str, dict[str, Act]] = {}
        for (kind, id), act in due.items():
            by_kind.setdefault(kind, {})[id] = act
        shown = self._first.shown()
        texts = [s for s in subjects if s.resource is None and (s.filter.startswith(V1) or s.filter[0] in "#+")]
        for kind, acts in by_kind.items():
            ids = list(acts)
            for n in range(0, len(ids), AT_ONCE):
                part = ids[n : n + AT_ONCE]
                for subject in subjects:
                    if subject.kind == kind:
                        self._changed_of(subject, part, acts)
                for entity in self._first.kinds.get(kind, ()) if texts else ():
                    self._as_text(shown, entity, part, texts)

    def _changed_of(self, subject: Subject, ids: list[str], acts: Mapping[str, Act]) -> None:
        resource = subject.resource
        assert resource is not None
        own = resource.steps[-1].id
        if own is not None and own not in ids:
            return
        try:
            if resource.target in ("property", "value"):
                self._property(subject)
                return
            items = self._shown(subject, ids)
        except CityTwinError as e:  # the entity may be gone
            log.debug("%s: %s", subject.filter, e)
            return
        for id, told in items:
            kept = self._retained and own is not None and subject.entity != "Observation"
            self._put(subject, subject.filter, told, kept, id, act=acts.get(id, "update"))

    def _shown(self, subject: Subject, ids: list[str]) -> list[tuple[str, bytes]]:
        """Those of the entities with these ids that a subject leads to, by their ids, as they are published."""
        assert subject.service is not None
        shown = subject.service.shown()
        entity = shown.schema.entities[subject.entity]
        return [
            (item["id"], msgspec.json.encode(shown.entity(entity, item, subject.query)))
            for item in self._items(subject, ids)
        ]

    def _items(self, subject: Subject, ids: list[str]) -> list[dict[str, Any]]:
        """The same as rows."""
        service, resource, asked = subject.service, subject.resource, subject.query
        assert service is not None
        assert resource is not None
        desk, last = service.desk, resource.steps[-1]
        levels = desk.levels()
        if resource.target in ("property", "value"):
            return []
        if last.id is None and not last.many:  # behind one entity: the path says which
            found = read(levels, resource, asked, desk.fetch).items
            return [item for item in found if item["id"] in ids]
        steps = (*resource.steps[:-1], Step(last.name, last.entity, True))
        if last.id is not None:
            ids = [str(last.id)]
        among = Within(Path(("id",)), tuple(Literal("string", id) for id in ids))
        condition = among if asked.filter is None else junction("and", (asked.filter, among))
        return read(
            levels, Resource("set", steps), replace(asked, filter=condition, top=len(ids)), desk.fetch, AT_ONCE
        ).items

    def _value(self, subject: Subject) -> bytes:
        """A property, or its raw value, as it is published; nothing where there is none."""
        service = subject.service
        assert service is not None
        options = "$format=json;metadata=none" if service.second else ""
        told = service.desk.answer(Request("GET", subject.filter[len(service.prefix) :], options, base=service.base()))
        return told.body or (b'{"value":null}' if service.second and subject.filter[-7:] != "/$value" else b"")

    def _property(self, subject: Subject, only: Outbox | None = None) -> None:
        told = self._value(subject)
        if only is None and told == subject.told:
            return
        subject.told = told
        if told:
            act: Act | None = None if only else "update"
            self._put(subject, subject.filter, told, only is not None or self._retained, "", only, act)

    def _as_text(self, shown: Shown, entity: str, ids: list[str], texts: list[Subject]) -> None:
        """For subscribers with wildcards: each entity under its own name, and under that of its set."""
        if entity == "Observation":
            texts = [s for s in texts if matches(s.filter, f"{V1}Observations")]
        name = shown.set_of(entity)
        whole = Subject("", self._first, Resource("set", (Step(name, entity, True),)))
        for item in self._items(whole, ids) if texts else ():
            payload = msgspec.json.encode(shown.entity(shown.schema.entities[entity], item, Query()))
            own = V1 + shown.link(entity, item["id"])[len(shown.base) + 1 :]
            kept = self._retained and entity not in ("Observation", "HistoricalLocation")
            for topic, keep in ((own, kept), (f"{V1}{name}", False)):
                if entity != "Observation" or topic != own:
                    self._text(texts, topic, payload, keep, item["id"])

    # -- out

    def _text(self, subjects: list[Subject], topic: str, payload: bytes, keep: bool, key: str) -> None:
        for subject in subjects:
            if subject.resource is None and matches(subject.filter, topic):
                self._put(subject, topic, payload, keep, key)

    def _put(
        self,
        subject: Subject,
        topic: str,
        payload: bytes,
        retain: bool,
        key: str,
        only: Outbox | None = None,
        act: Act | None = None,
    ) -> None:
        note = ACTS[act] if act and subject.second else BARE
        for outbox, qos in subject.outboxes.items():
            if only is None or outbox is only:
                outbox.put(Message(topic, payload, qos, retain, key, note))

    def _last(self, subject: Subject, outbox: Outbox, qos: int) -> None:
        """What was said last, for one who comes now."""
        try:
            if subject.resource is None:
                self._last_readings(subject, outbox, qos)
            elif subject.resource.target in ("property", "value"):
                self._property(subject, outbox)
            else:
                self._last_entity(subject, outbox, qos)
        except CityTwinError as e:  # it may not be there yet
            log.debug("%s: %s", subject.filter, e)

    def _last_readings(self, subject: Subject, outbox: Outbox, qos: int) -> None:
        if not (subject.filter.startswith(READINGS) or subject.filter[0] in "#+"):
            return
        latest = self._house.twin.store.latest()
        time_us = latest["time"].cast("int64").to_pylist()
        columns = (latest["stream"].to_pylist(), time_us, latest["value"].to_pylist(), latest["quality"].to_pylist())
        for stream, at, value, quality in zip(*columns, strict=True):
            topic = _topic(stream)
            if matches(subject.filter, topic):
                outbox.put(Message(topic, _told(stream, at, value, quality), qos, True, stream))

    def _last_entity(self, subject: Subject, outbox: Outbox, qos: int) -> None:
        service, resource = subject.service, subject.resource
        assert service is not None
        assert resource is not None
        desk, asked = service.desk, subject.query
        if resource.target == "set":
            if len(resource.steps) == 1 or subject.entity != "Observation":
                return  # which of a set would be the last?
            asked = replace(asked, orderby=(Order(Path(("phenomenonTime",)), True),), top=1)
            found = read(desk.levels(), resource, asked, desk.fetch).items
        else:
            found = read(desk.levels(), resource, replace(asked, filter=None), desk.fetch).items
        for item in found:
            told = service.shown().entity(desk.schema.entities[subject.entity], item, asked)
            outbox.put(Message(subject.filter, msgspec.json.encode(told), qos, True, item["id"]))


def _topic(stream: str) -> str:
    asset, kind = stream_parts(stream)
    return f"{READINGS}{asset}/{kind.replace('.', '/')}"


def _told(stream: str, at: int, value: float | None, quality: int) -> bytes:
    """A reading as it is published."""
    finite = value if value is not None and math.isfinite(value) else None
    time = plain(_EPOCH + timedelta(microseconds=at))
    return msgspec.json.encode({"stream": stream, "time": time, "value": finite, "quality": quality})


def _item(dialect: Dialect, id: str, at: int, value: float | None, quality: int) -> dict[str, Any]:
    """A reading as the store would give the observation."""
    moment = _EPOCH + timedelta(microseconds=at)
    item: dict[str, Any] = {"id": id, **dict.fromkeys(dialect.observation)}
    item["phenomenonTime"] = {"start": moment} if dialect.mark == "@" else {"start": moment, "end": moment}
    item["result"] = value
    if quality > 1:
        flags = {"qartod": quality}
        item |= {"resultQuality": flags} if "resultQuality" in item else {"properties": {"resultQuality": flags}}
    return item
