"""What becomes of a message that comes in? A reading on a topic of a pack, an entity on one of SensorThings; what is neither is kept with the reason."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from citytwin.api.gate import allowed, needed
from citytwin.api.house import House
from citytwin.api.mqtt import request
from citytwin.api.mqtt.outbox import Message
from citytwin.api.mqtt.packet import BARE, Note
from citytwin.api.mqtt.service import V1, V2, Service
from citytwin.api.sta import path
from citytwin.api.sta.body import Bodies, decoded, linked
from citytwin.api.sta.desk import Request
from citytwin.api.sta.path import Resource
from citytwin.api.sta.times import moment
from citytwin.engine.decode import SMALL
from citytwin.engine.observe import Sent
from citytwin.engine.register import typed
from citytwin.engine.topics import Said, Topics
from citytwin.kernel.errors import BadRequest, CityTwinError, Forbidden, StoreBusy, StoreFailed, TooLarge
from citytwin.kernel.observation import Batch, Receipt
from citytwin.kernel.right import CALLER

SOURCE = "mqtt"
CREATE = "/create"
"""What follows the path of a set where 2.0 takes new entities (23-019, 11.5)."""
ASKED_AT_ONCE = 4
"""Requests that are answered at once."""
WayBack = Callable[[str], Callable[[Message], None]]
"""How a response goes to a topic; raises BadRequest where none of a client's may go."""
LARGEST = 1024 * 1024
"""Bytes of one message."""
KEPT = 100
"""Refused messages that are kept."""


class Refused(msgspec.Struct, frozen=True):
    """A message that was not recorded, or not all of it: when, on which topic, from whom if that is known, why, and how it begins."""

    time: datetime
    topic: str
    client: str
    reason: str
    payload: str
    size: int


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    phenomenonTime: str  # noqa: N815 - the standard's names
    result: float | int
    Datastream: dict[str, Any]


_plain = msgspec.json.Decoder(_Plain)


@dataclass
class Count:
    """Messages so far."""

    received: int = 0
    recorded: int = 0
    refused: int = 0
    answered: int = 0
    """Requests that were answered, be it with an error."""
    dropped: int = 0
    """Messages without acknowledgement that came faster than they could be recorded."""


def taken(topic: str) -> str:
    """The right that a message on this topic takes: that of the same entity over HTTP, else that of readings. A request is asked for what it is."""
    if topic == request.TOPIC:
        return "self"
    return needed("POST", f"/sta/{topic}") if topic.startswith((V1, V2)) else "send"


class Post:
    """Takes messages. Every method may be called from any thread."""

    def __init__(self, house: House, services: tuple[Service, Service]) -> None:
        self._house = house
        self.people, self.scopes = house.people, house.scopes
        """Who may come in; None: nobody is asked who they are."""
        self._first, self._second = services
        self.topics = Topics(house.twin.packs)
        self.count = Count()
        self.refused: deque[Refused] = deque(maxlen=KEPT)
        self._turn = threading.Lock()
        self._flying: dict[tuple[str, bytes], Future[bool]] = {}
        self._pool = ThreadPoolExecutor(1, "mqtt-post")  # what takes longer, in the order in which it came
        self._asked = ThreadPoolExecutor(ASKED_AT_ONCE, "mqtt-request")

    def close(self) -> None:
        """Finish what is under way."""
        self._pool.shutdown()
        self._asked.shutdown()

    def take(
        self, topic: str, payload: bytes, client: str = "", note: Note = BARE, back: WayBack | None = None
    ) -> Future[bool]:
        """The future tells, once this is durable, whether the message was recorded; or it has StoreBusy or StoreFailed: send it again later.

        A message that is at fault is counted and kept in `refused`; it would not get better by being sent again. `back` is the way of responses.
        """
        done: Future[bool] = Future()
        with self._turn:
            self.count.received += 1

        def settle(error: BaseException | None, receipt: Receipt | None = None, said: Said | None = None) -> None:
            reason = _reason(error, receipt, said)
            if isinstance(error, StoreBusy | StoreFailed):
                done.set_exception(error)
                return
            nothing = error is not None or (receipt is not None and receipt.rejected > 0 and not receipt.accepted)
            with self._turn:
                self.count.recorded += not nothing
            if reason:
                self.refuse(topic, payload, client, reason)
            done.set_result(not nothing)

        def sent(future: Future[Receipt], said: Said | None = None) -> None:
            def told(f: Future[Receipt]) -> None:
                settle(f.exception(), None if f.exception() else f.result(), said)

            future.add_done_callback(told)

        def record(batch: Batch) -> None:
            try:
                sent(self._house.intake.submit(batch, partial=True))
            except Exception as e:  # whatever it is, it is kept with its message and the door stays open
                settle(e)

        def work() -> None:
            try:
                if topic.startswith((V1, V2)):
                    made = self._create(topic, payload)
                    if made and made.receipt:
                        sent(made.receipt)
                    else:
                        settle(None)
                    return
                said = self.topics.read(topic, payload, self._house.now())
                if said.batch is not None:
                    self._pool.submit(record, said.batch)  # it may have to wait for room
                elif said.rows:
                    sent(self._house.intake.send(said.rows, partial=True, source=SOURCE), said)
                else:
                    why = said.faults[0] if said.faults else "the message has no reading"
                    settle(BadRequest(str(why), "", topic))
            except Exception as e:  # whatever it is, the sender must hear of it
                settle(e)

        def ask() -> None:
            try:
                send = (back or _nowhere)(note.response)
                send(request.response(self._second.desk, payload, note, f"{id(done)}"))
                with self._turn:
                    self.count.answered += 1
                done.set_result(True)
            except Exception as e:  # whatever it is, the sender must hear of it
                settle(e)

        try:
            if len(payload) > LARGEST:
                raise TooLarge(f"the message has {len(payload)} bytes", f"send at most {LARGEST}", topic)
            if not allowed(CALLER.get(), right := taken(topic)):
                raise Forbidden("the message is not allowed", f"it takes the right to {right}", topic)
            if topic == request.TOPIC:
                if not CALLER.get().whole("see"):
                    raise Forbidden("requests take the right to see all of the city", "ask over HTTP", topic)
                self._asked.submit(copy_context().run, ask)  # for whoever asks
            elif topic.startswith((V1, V2)):
                if (twin := self._flying.setdefault((topic, payload), done)) is not done:
                    return twin  # sent again before it was durable
                done.add_done_callback(lambda _: self._flying.pop((topic, payload), None))
                plain = self._plain(topic, payload)
                if plain and plain.receipt:
                    sent(plain.receipt)
                else:
                    self._pool.submit(copy_context().run, work)
            elif len(payload) > SMALL:
                self._pool.submit(copy_context().run, work)
            else:
                work()
        except Exception as e:  # whatever it is, it is kept with its message and the door stays open
            settle(e)
        return done

    def refuse(self, topic: str, payload: bytes, client: str, reason: str, size: int = -1) -> None:
        """Keep a message that is at fault."""
        shown = payload[:200].decode("utf-8", "replace")
        size = len(payload) if size < 0 else size
        kept = Refused(self._house.now(), topic[:300], client[:100], reason[:500], shown, size)
        with self._turn:
            self.count.refused += 1
            self.refused.append(kept)

    def drop(self) -> None:
        """Count a message that could not be taken."""
        with self._turn:
            self.count.received += 1
            self.count.dropped += 1

    def _plain(self, topic: str, payload: bytes) -> Sent | None:
        """What sensors send all day goes on without a thread."""
        receipt: Future[Receipt] = Future()
        if topic != f"{V1}Observations" or len(payload) > SMALL:
            service = self._of(topic)
            if service.second and not topic.endswith(CREATE):
                return None
            text = topic[len(service.prefix) - 1 :].removesuffix(CREATE if service.second else "")
            id = service.desk.quick(text.encode(), payload, {}, receipt)
            return Sent(id, receipt) if id else None
        try:
            said = _plain.decode(payload)
            time = moment(said.phenomenonTime)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            return None
        stream = linked(said.Datastream)
        if not stream or abs(said.result) >= 2**53:
            return None
        id = self._house.observing.plain(stream, time, float(said.result), receipt)
        return Sent(id, receipt) if id else None

    def _of(self, topic: str) -> Service:
        return self._second if topic.startswith(V2) else self._first

    def _create(self, topic: str, payload: bytes) -> Sent | None:
        """Create an entity as its topic says (18-088, 14.1; 23-019, 11.5); no Observation that is there: a message may come twice."""
        service = self._of(topic)
        desk, begin = service.desk, len(service.prefix)
        text = topic[begin:]
        if service.second:
            if not text.endswith(CREATE):
                raise BadRequest(f"nothing is published to '{topic[:200]}'", f"entities are created at …{CREATE}, requests sent to {request.TOPIC}", topic)  # fmt: skip
            text = text.removesuffix(CREATE)
        resource = path.parse(text, desk.schema, begin, desk.limits)
        if resource.target != "set":
            raise BadRequest(f"the topic leads to a {resource.target}", "publish to that of an entity set", topic)
        if resource.steps[-1].entity != "Observation":
            if not service.second:
                raise BadRequest("only Observations are created over MQTT", "publish to …/Observations", topic)
            desk.begin()
            desk.answer(Request("POST", f"/{request.encoded(text)}", "", payload, {}, service.base()))
            return None
        body = decoded(payload)
        if isinstance(body, dict) and "phenomenonTime" in body and self._there(service, resource, body):
            return None
        desk.begin()
        return desk.observe(resource, body, Bodies(self._house.now(), desk.dialect))

    def _there(self, service: Service, resource: Resource, body: dict[str, Any]) -> bool:
        seen, stream = Bodies(self._house.now(), service.desk.dialect).seen(body)
        if len(resource.steps) == 2 and resource.steps[-2].id is not None and "Datastream" in resource.steps[-2].name:
            stream = str(resource.steps[-2].id)
        if not isinstance(stream, str):
            return False
        sql = (
            "SELECT s.number, s.string, s.boolean, s.object FROM sensing AS s JOIN datastream AS d ON d.key = s.key "
            "WHERE d.id = $stream AND s.time = $time AND s.until = $until"
        )
        found = self._house.rows(sql, {"stream": stream, "time": seen.time, "until": seen.until})
        return typed(seen.result) in found


def _reason(error: BaseException | None, receipt: Receipt | None, said: Said | None) -> str:
    """What is wrong, or nothing."""
    if error is not None:
        faults = error.faults[:3] if isinstance(error, CityTwinError) else ()
        return "; ".join([str(error), *map(str, faults)])
    faults = (*(said.faults if said else ()), *(receipt.faults if receipt else ()))
    whole = receipt is not None and not receipt.accepted
    return ("" if whole else "in part: ") + "; ".join(map(str, faults[:3])) if faults else ""


def _nowhere(topic: str) -> Callable[[Message], None]:
    raise BadRequest("requests are of MQTT 5", "connect with version 5", topic[:200])
