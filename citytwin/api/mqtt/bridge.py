"""How does the city use a broker that is there? As a client with a lasting session, which acknowledges a message once its reading is durable."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from citytwin.api.mqtt.news import News
from citytwin.api.mqtt.outbox import Message, Outbox
from citytwin.api.mqtt.packet import BARE, Note
from citytwin.api.mqtt.post import Post
from citytwin.api.mqtt.request import TOPIC
from citytwin.api.mqtt.service import V1, V2
from citytwin.kernel.errors import BadRequest, Unsupported
from citytwin.kernel.right import CALLER, HANDED_ON
from citytwin.kernel.topic import RESERVED, matches

log = logging.getLogger("citytwin.mqtt")
IN_FLIGHT = 1000
"""Messages that the broker may send before the first of them is acknowledged."""
WINDOW = 100
"""Messages of ours that the broker has not acknowledged yet."""
SESSION_S = 7 * 86_400
"""For so long the broker keeps for us what is published while we are away."""
LEAVE_S = 5.0
"""How long what is being recorded is waited for at the end."""
AGAIN_S = 1.0
"""After so long a message is tried again that could not be recorded."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is, and who we are there."""

    host: str
    port: int
    secure: bool
    user: str = ""
    password: str = ""

    @property
    def shown(self) -> str:
        """The address as anybody may see it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt{'s' if self.secure else ''}://{host}:{self.port}"


def address(url: str) -> Address:
    """What `mqtt://[user:password@]host[:port]` or `mqtts://…` says. Raises BadRequest."""
    hint = "mqtt://host:1883, or mqtts://user:password@host:8883"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as e:
        raise BadRequest(f"the address of the broker cannot be read: {e}", hint, "--mqtt") from e
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise BadRequest("this is no address of a broker", hint, "--mqtt")
    secure = parts.scheme == "mqtts"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(parts.hostname, port or (8883 if secure else 1883), secure, user, password)


@dataclass(slots=True)
class _Taken:
    """A message that waits for its acknowledgement."""

    topic: str
    payload: bytes
    qos: int
    mid: int
    line: int
    note: Note = BARE
    settled: bool = False
    retry: float = 0.0


class Bridge:
    """Listens to the topics of packs and of SensorThings at a broker, and publishes there what is declared in `publish`."""

    def __init__(
        self, post: Post, news: News, url: str, name: str, publish: tuple[str, ...], authority: str = ""
    ) -> None:
        try:
            import paho.mqtt.client as paho
            from paho.mqtt.enums import CallbackAPIVersion
            from paho.mqtt.properties import Properties
            from paho.mqtt.subscribeoptions import SubscribeOptions
        except ImportError as e:
            raise Unsupported("the library paho-mqtt is not installed", "pip install paho-mqtt", "--mqtt") from e
        self.address = address(url)
        self._post, self._news = post, news
        self._options = SubscribeOptions(qos=1, noLocal=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        self._properties: Any = Properties
        self._turn = threading.Condition(threading.RLock())
        self._taken: deque[_Taken] = deque()
        self._again: deque[_Taken] = deque()
        self._pending = 0
        self._line = 0
        """Counted up with every connection: numbers of messages mean nothing on another one."""
        self.connected = False
        self.fault = ""
        self.sent = 0
        self.connections = 0
        self._closing = False
        self._awake = threading.Event()
        self._window = threading.Semaphore(WINDOW)
        self.outbox = Outbox(self._awake.set)
        for filter in publish:
            news.subscribe(self.outbox, filter, 1)
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            name,
            protocol=paho.MQTTv5,
            manual_ack=True,
        )
        if self.address.user:
            self._client.username_pw_set(self.address.user, self.address.password)
        if self.address.secure:
            try:
                self._client.tls_set_context(ssl.create_default_context(cafile=authority or None))
            except OSError as e:
                raise BadRequest(f"the certificates cannot be read: {e}", "a file in PEM form", "--mqtt-ca") from e
        self._client.reconnect_delay_set(1, 30)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        lasting = Properties(1)  # type: ignore[no-untyped-call]  # of CONNECT; paho leaves this one without types
        lasting.SessionExpiryInterval = SESSION_S
        lasting.ReceiveMaximum = IN_FLIGHT
        where = self.address
        self._client.connect_async(where.host, where.port, 30, clean_start=False, properties=lasting)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._send, name="mqtt-out", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """Messages that are being recorded."""
        return self._pending

    @property
    def waiting(self) -> int:
        """Messages that wait to be published."""
        return len(self.outbox)

    @property
    def missed(self) -> int:
        """Messages that the broker was too slow for."""
        return self.outbox.missed

    def close(self) -> None:
        """Acknowledge what is durable by now, and go; the session stays."""
        with self._turn:
            self._closing = True
            self._turn.wait_for(lambda: not self._pending, LEAVE_S)
        self._news.leave(self.outbox)
        self._awake.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    # -- in

    def _filters(self) -> list[str]:
        creating = [f"{V2}{'+/' * deep}create" for deep in (1, 2, 3, 4)]
        found = [f"{V1}Observations", f"{V1}+/Observations", TOPIC, *creating, *self._post.topics.filters]
        return [f for f in found if not any(_covers(other, f) for other in found if other != f)]

    def _on_connect(self, client: Any, _: Any, flags: Any, reason: Any, properties: Any) -> None:  # noqa: ARG002 - paho's callback
        if reason.is_failure:
            self._note(f"the broker refuses us: {reason}")
            return
        with self._turn:
            self._line += 1
            self._taken.clear()
            self.connected, self.fault = True, ""
            self.connections += 1
        log.info("connected to %s", self.address.shown)
        client.subscribe([(filter, self._options) for filter in self._filters()])
        self._awake.set()

    def _on_connect_fail(self, *_: Any) -> None:
        self._note("the broker does not answer")

    def _on_disconnect(self, client: Any, _: Any, flags: Any, reason: Any, properties: Any) -> None:  # noqa: ARG002 - paho's callback
        with self._turn:
            self._line += 1
            self._taken.clear()
            stood, self.connected = self.connected, False
        if stood and not self._closing:
            self._note(f"the line to the broker is lost: {reason}")

    def _on_subscribe(self, client: Any, _: Any, mid: int, reasons: Any, properties: Any) -> None:  # noqa: ARG002 - paho's callback
        for filter, reason in zip(self._filters(), reasons, strict=False):
            if reason.is_failure:
                self._note(f"the broker does not let us listen to '{filter}': {reason}")

    def _note(self, fault: str) -> None:
        if fault != self.fault:
            log.warning("%s (%s)", fault, self.address.shown)
        self.fault = fault

    def _on_message(self, client: Any, _: Any, message: Any) -> None:  # noqa: ARG002 - paho's callback
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "?"
        with self._turn:
            if self._closing:
                return  # it will come again
            if message.qos == 0 and self._pending >= IN_FLIGHT:
                self._post.drop()
                return
            note = _note(message.properties)
            taken = _Taken(topic, message.payload, message.qos, message.mid, self._line, note)
            if message.qos:
                self._taken.append(taken)
            self._pending += 1
        self._take(taken)

    def _take(self, taken: _Taken) -> None:
        if self._post.people:
            CALLER.set(HANDED_ON)
        future = self._post.take(taken.topic, taken.payload, "", taken.note, self._way_back)
        future.add_done_callback(lambda f: self._settled(taken, f))

    def _way_back(self, topic: str) -> Callable[[Message], None]:
        """How a response goes to a client: by a topic that is nobody else's, as far as we can tell."""
        taken = topic.partition("/")[0] in RESERVED[:-1] or any(matches(f, topic) for f in self._filters())
        if not topic or topic.startswith("$") or "+" in topic or "#" in topic or taken:
            raise BadRequest(f"no response is sent to '{topic[:100]}'", "for example responses/<client>", "response topic")  # fmt: skip
        return self.outbox.put

    def _settled(self, taken: _Taken, future: Future[bool]) -> None:
        with self._turn:
            if future.exception() is not None and taken.qos and taken.line == self._line:
                taken.retry = time.monotonic() + AGAIN_S
                self._again.append(taken)
                return
            self._pending -= 1
            self._turn.notify_all()
            taken.settled = future.exception() is None
            if taken.line != self._line or not self.connected:
                return  # it comes again on this line, under whatever number
            while self._taken and self._taken[0].settled:  # in the order in which they came (MQTT 5, 4.6)
                first = self._taken.popleft()
                self._client.ack(first.mid, first.qos)

    # -- out

    def _on_publish(self, client: Any, _: Any, mid: int, reason: Any, properties: Any) -> None:  # noqa: ARG002 - paho's callback
        self._window.release()

    def _send(self) -> None:
        while not self._closing:
            self._awake.wait(0.5)
            self._awake.clear()
            self._retry()
            while self.connected and not self._closing and self._window.acquire(timeout=0.5):
                message = self.outbox.take()
                if message is None:
                    self._window.release()
                    break
                more = {} if message.note is BARE else {"properties": self._noted(message.note)}
                told = self._client.publish(message.topic, message.payload, message.qos, message.retain, **more)
                if told.rc not in (0, 4):  # sent, or kept until the line stands again
                    self._window.release()
                self.sent += 1

    def _noted(self, note: Note) -> Any:
        """What is said of a message beside its payload, as paho has it."""
        made = self._properties(3)  # of PUBLISH
        if note.content:
            made.ContentType = note.content
        if note.correlation:
            made.CorrelationData = note.correlation
        for pair in note.user:
            made.UserProperty = pair
        return made

    def _retry(self) -> None:
        now = time.monotonic()
        while self._again and self._again[0].retry <= now:
            taken = self._again.popleft()
            with self._turn:
                if taken.line != self._line:
                    self._pending -= 1
                    self._turn.notify_all()
                    continue
            self._take(taken)


def _note(given: Any) -> Note:
    """What paho says of a message beside its payload."""
    told = {name: getattr(given, name, None) for name in ("ContentType", "ResponseTopic", "CorrelationData")}
    user = tuple((str(name), str(value)) for name, value in getattr(given, "UserProperty", None) or ())
    content, response, correlation = told["ContentType"], told["ResponseTopic"], told["CorrelationData"]
    return Note(content or "", response or "", bytes(correlation or b""), user)


def _covers(one: str, other: str) -> bool:
    """Whether every topic of the other filter is one of this filter."""
    a, b = one.split("/"), other.split("/")
    return len(a) == len(b) and all(x in ("+", y) for x, y in zip(a, b, strict=True))
