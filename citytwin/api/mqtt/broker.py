"""What if there is no broker? A small one of our own: devices publish to the city, and whoever subscribes hears of the city.

It takes MQTT 3.1.1 and 5. A message is acknowledged when its reading is durable; what is sent to a subscriber is bounded by its outbox. Sessions live as long as the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from citytwin.api.gate import allowed
from citytwin.api.listen import bound
from citytwin.api.mqtt import packet
from citytwin.api.mqtt.news import MISSED, READINGS, News
from citytwin.api.mqtt.outbox import Message, Outbox
from citytwin.api.mqtt.packet import Broken, Connect, Publish
from citytwin.api.mqtt.post import LARGEST, Post, taken
from citytwin.api.mqtt.service import V1, V2
from citytwin.kernel.errors import BadRequest, CityTwinError, Forbidden
from citytwin.kernel.right import CALLER, NOBODY, OPEN, REACH, Caller
from citytwin.kernel.topic import filter_fault, matches

log = logging.getLogger("citytwin.mqtt")
CONNECTIONS, SESSIONS = 2000, 5000
"""Clients at once, and sessions of those that are away."""
GREETING_S = 10
"""Within so many seconds a client says who it is."""
AWAY_S = 3600
"""For so long a session outlives its connection, at most."""
IN_FLIGHT = 500
"""Messages of one client that are being recorded; it is read on when one of them is done."""
PENDING_BYTES = 64 * 1024 * 1024
"""Bytes of messages that are being recorded, of all clients together."""
WINDOW = 100
"""Messages that a subscriber has not acknowledged yet."""
SUBSCRIPTIONS = 1000
"""Filters of one client."""
RESPONSES = "responses/"
REFUSED, UNSPECIFIED, NOT_ALLOWED, TOO_LARGE, TAKEN_OVER, MALFORMED, UNAUTHORIZED = (
    0x99,
    0x80,
    0x8F,
    0x95,
    0x8E,
    0x81,
    0x87,
)


@dataclass(eq=False)
class Session:
    """What a client subscribed to and what waits for it, whether or not it is there."""

    client: str
    outbox: Outbox
    lasts_s: float
    filters: dict[str, int] = field(default_factory=dict)
    flying: dict[int, Message] = field(default_factory=dict)
    """Messages sent to it and not acknowledged."""
    halves: set[int] = field(default_factory=set)
    """Messages of quality 2 that it sent and has not released."""
    mid: int = 0
    line: _Line | None = None
    left: float = 0.0
    responses: str = field(default_factory=lambda: f"{RESPONSES}{secrets.token_hex(12)}")
    """The topic that it is told for responses to its requests; any other below `responses/` will do."""

    def way_back(self, topic: str) -> Callable[[Message], None]:
        """How a response reaches it, and nobody else, whatever the topic is called. Raises BadRequest where responses are not sent."""
        if not topic.startswith(RESPONSES) or "+" in topic or "#" in topic:
            raise BadRequest(
                f"responses are sent to '{self.responses}' or another topic below '{RESPONSES}', not to '{topic[:100]}'",
                "ask for the Response Information when you connect (MQTT 5, 3.1.2.11.6)",
                "response topic",
            )

        def send(message: Message) -> None:
            if any(matches(filter, topic) for filter in list(self.filters) if filter.startswith(RESPONSES)):
                self.outbox.put(message)

        return send


class _Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: Connect) -> None:
        self.reader, self.writer, self.hello = reader, writer, hello
        self.version = hello.version
        self.news = asyncio.Event()
        self.room = asyncio.Event()
        self.waiting: deque[list[bytes | None]] = deque()
        """Acknowledgements in the order of their messages; None until they are due."""
        self.taken = 0

    def send(self, data: bytes) -> None:
        """Put bytes on the line, if it still stands."""
        if not self.writer.is_closing():
            self.writer.write(data)

    def due(self) -> None:
        """Send what may be acknowledged by now: in the order in which it came (MQTT 3.1.1, 4.6)."""
        while self.waiting and self.waiting[0][0] is not None:
            self.send(self.waiting.popleft()[0] or b"")


class Broker:
    """Serves MQTT on `host`:`port` (0: any free one) from a thread of its own. Raises Conflict where the port is taken."""

    def __init__(self, post: Post, news: News, host: str, port: int) -> None:
        self._post, self._news = post, news
        self._socket: socket.socket = bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.host = host
        self._sessions: dict[str, Session] = {}
        self._lines: set[asyncio.Task[None]] = set()
        self._pending_bytes = 0
        self.pending = 0
        self.sent = 0
        self.oversize = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """Let everybody go."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        for session in self._sessions.values():
            self._news.leave(session.outbox)

    @property
    def clients(self) -> int:
        """Clients that are connected."""
        return sum(s.line is not None for s in list(self._sessions.values()))

    @property
    def waiting(self) -> int:
        """Messages that wait for their subscribers."""
        return sum(len(s.outbox) for s in list(self._sessions.values()))

    @property
    def missed(self) -> int:
        """Messages that subscribers were too slow for."""
        return sum(s.outbox.missed for s in list(self._sessions.values()))

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._welcome, sock=self._socket)
        self._ready.set()
        try:
            while not self._stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), 30)
                self._forget()
        finally:
            server.close()
            for task in list(self._lines):
                task.cancel()
            await asyncio.gather(*self._lines, return_exceptions=True)

    def _forget(self) -> None:
        """Drop sessions that nobody came back to."""
        now = time.monotonic()
        away = sorted((s for s in self._sessions.values() if s.line is None), key=lambda s: s.left)
        for n, session in enumerate(away):
            if now - session.left > session.lasts_s or len(away) - n > SESSIONS:
                self._drop(session)

    def _drop(self, session: Session) -> None:
        self._news.leave(session.outbox)
        if self._sessions.get(session.client) is session:
            del self._sessions[session.client]

    # -- one client

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        try:
            await self._talk(reader, writer)
        except (OSError, EOFError, TimeoutError, OverflowError, asyncio.CancelledError):
            pass
        except Broken as e:
            self._post.refuse("", b"", _peer(writer), f"the line is no MQTT: {e}")
        finally:
            self._lines.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(GREETING_S):
            _, _, body = await self._packet(reader, 65_536, _peer(writer), packet.CONNECT)
        hello = packet.connect(body)
        refusal = self._refusal(hello)
        if refusal is not None:
            more = b"\0" if hello.version >= 5 else b""
            writer.write(packet.packed(packet.CONNACK, 0, bytes((0, refusal)), more))
            await writer.drain()
            return
        line = _Line(reader, writer, hello)
        session, known = self._session(line)
        writing = asyncio.create_task(self._write(session, line))
        try:
            line.send(_accepted(session, hello, known))
            await self._read(session, line)
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await writing
            if session.line is line:
                session.line, session.left = None, time.monotonic()
                if not session.lasts_s:
                    self._drop(session)

    def _refusal(self, hello: Connect) -> int | None:
        """Why a client is not let in, as the code of its version."""
        five = hello.version >= 5
        if hello.version not in (4, 5):
            return 0x84 if five else 1
        if not hello.client and not hello.clean and not five:
            return 2
        if len(self._lines) > CONNECTIONS:
            return 0x97 if five else 3
        if self._post.people and self._caller(hello) is None:
            self._post.refuse("", b"", hello.client, "nobody knows who asks: send a token as the password")
            return UNAUTHORIZED if five else 5
        return None

    def _caller(self, hello: Connect) -> Caller | None:
        """Who has greeted us so, if they are still known: the password is a token."""
        if self._post.people is None:
            return OPEN
        return self._post.people.known((hello.password or b"").decode("utf-8", "replace"), "token")

    def _may(self, line: _Line, right: str) -> bool:
        return allowed(self._caller(line.hello), right)

    def _reach(self, hello: Connect, right: str) -> frozenset[str] | None:
        """At which assets they may do this; None: in all of the city."""
        caller, scopes = self._caller(hello), self._post.scopes
        if caller is None or not caller.may(right):
            return frozenset()
        return None if scopes is None else scopes.assets(caller, right)

    def _hears(self, hello: Connect, topic: str) -> bool:
        """Whether they may hear of a topic now, whatever they could when they subscribed."""
        reach = self._reach(hello, "see")
        if reach is None or topic.startswith(RESPONSES) or topic == MISSED:
            return True
        return topic.startswith(READINGS) and topic[len(READINGS) :].partition("/")[0] in reach

    def _session(self, line: _Line) -> tuple[Session, bool]:
        hello = line.hello
        client = hello.client or f"client-{secrets.token_hex(8)}"
        lasts = float(AWAY_S)
        if hello.version == 5:
            lasts = float(min(AWAY_S, hello.properties.get(packet.EXPIRY, 0)))
        elif hello.clean:
            lasts = 0.0
        before = self._sessions.get(client)
        if before and before.line:  # the same client again: the old line goes (MQTT 3.1.1, 3.1.4)
            if before.line.version == 5:
                before.line.send(packet.packed(packet.BYE, 0, bytes((TAKEN_OVER, 0))))
            before.line.writer.close()
        if before and not hello.clean:
            before.lasts_s, before.line = lasts, line
            before.outbox.wake = self._waker(line)
            line.news.set()
            return before, True
        if before:
            self._drop(before)
        session = Session(client, Outbox(self._waker(line)), lasts, line=line)
        self._sessions[client] = session
        return session, False

    def _waker(self, line: _Line) -> _Wake:
        return _Wake(self._loop, line.news)

    async def _packet(
        self, reader: asyncio.StreamReader, largest: int, client: str, only: int = 0
    ) -> tuple[int, int, bytes]:
        first = (await reader.readexactly(1))[0]
        if only and first >> 4 != only:
            raise Broken("the first packet is no greeting")
        size = 0
        for shift in (0, 7, 14, 21):
            byte = (await reader.readexactly(1))[0]
            size |= (byte & 127) << shift
            if byte < 128:
                break
        else:
            raise Broken("the length of a packet does not end")
        if size > largest:
            self._post.refuse("", b"", client, f"a packet has {size} bytes; {largest} are the most", size)
            self.oversize += 1
            raise OverflowError
        return first >> 4, first & 15, await reader.readexactly(size) if size else b""

    async def _read(self, session: Session, line: _Line) -> None:
        # half as long again as the client promised to speak (MQTT 3.1.1, 3.1.2.10)
        quiet = line.hello.keep_alive_s * 1.5 or None
        while True:
            try:
                async with asyncio.timeout(quiet):
                    kind, flags, body = await self._packet(line.reader, LARGEST + 65_536, session.client)
                match kind:
                    case packet.PUBLISH:
                        await self._published(session, line, packet.publish(flags, body, line.version))
                    case packet.PUBACK | packet.PUBREC | packet.PUBREL | packet.PUBCOMP:
                        self._acknowledged(session, line, kind, int.from_bytes(body[:2], "big"))
                    case packet.SUBSCRIBE:
                        await self._subscribe(session, line, body)
                    case packet.UNSUBSCRIBE:
                        self._unsubscribe(session, line, body)
                    case packet.PING:
                        line.send(packet.packed(packet.PONG, 0))
                    case packet.BYE:
                        return
                    case _:
                        raise Broken(f"packet {kind} does not come from a client")
                await line.writer.drain()
            except (Broken, OverflowError) as e:
                if line.version == 5:
                    reason = TOO_LARGE if isinstance(e, OverflowError) else MALFORMED
                    line.send(packet.packed(packet.BYE, 0, bytes((reason, 0))))
                if isinstance(e, Broken):
                    raise
                return

    # -- in

    async def _published(self, session: Session, line: _Line, message: Publish) -> None:
        if message.qos == 2 and message.mid in session.halves:
            line.send(packet.told(packet.PUBREC, message.mid, line.version))
            return
        while line.taken >= IN_FLIGHT or (self._pending_bytes > PENDING_BYTES and self.pending):
            line.room.clear()  # the client waits in its socket: this is what keeps a storm outside
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(line.room.wait(), 0.1)
        slot: list[bytes | None] = [None]
        line.waiting.append(slot)
        CALLER.set(self._caller(line.hello) or NOBODY)
        REACH.set(self._reach(line.hello, "send"))
        right = taken(message.topic)
        partly = right not in ("send", "self") and self._reach(line.hello, right) is not None
        if partly or not self._may(line, right):
            self._post.refuse(message.topic, message.payload, session.client, f"it takes the right to {right}")
            kind = packet.PUBACK if message.qos == 1 else packet.PUBREC
            slot[0] = packet.told(kind, message.mid, line.version, UNAUTHORIZED) if message.qos else b""
            line.due()
            return
        line.taken += 1
        self.pending += 1
        self._pending_bytes += len(message.payload)
        back = session.way_back if line.version == 5 else None
        future = self._post.take(message.topic, message.payload, session.client, message.note, back)

        def done(f: Future[bool]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed
                self._loop.call_soon_threadsafe(self._settled, session, line, message, slot, f)

        future.add_done_callback(done)

    def _settled(
        self, session: Session, line: _Line, message: Publish, slot: list[bytes | None], future: Future[bool]
    ) -> None:
        line.taken -= 1
        self.pending -= 1
        self._pending_bytes -= len(message.payload)
        line.room.set()
        if future.exception() is not None:
            # not recorded now: without an acknowledgement the client keeps it, and sends it again on its next line
            if message.qos:
                line.writer.close()
            else:
                slot[0] = b""
            return
        recorded = future.result()
        if recorded and not message.topic.startswith((V1, V2, READINGS)):
            self._news.relay(message.topic, message.payload)
        slot[0] = b""
        if message.qos:
            kind = packet.PUBACK if message.qos == 1 else packet.PUBREC
            reason = 0 if recorded else REFUSED
            if message.qos == 2 and (recorded or line.version < 5):
                session.halves.add(message.mid)
            slot[0] = packet.told(kind, message.mid, line.version, reason)
        line.due()

    def _acknowledged(self, session: Session, line: _Line, kind: int, mid: int) -> None:
        if kind == packet.PUBACK:
            session.flying.pop(mid, None)
            line.news.set()
        elif kind == packet.PUBREL:
            session.halves.discard(mid)
            line.send(packet.told(packet.PUBCOMP, mid, line.version))

    # -- out

    async def _subscribe(self, session: Session, line: _Line, body: bytes) -> None:
        mid, wanted = packet.subscribe(body, line.version)
        codes = bytearray()
        asked: list[tuple[str, int, bool]] = []
        for filter, qos, retain in wanted:
            last = retain == 0 or (retain == 1 and filter not in session.filters)
            asked.append((filter, min(qos, 1), last))
        for filter, qos, last in asked:
            try:
                if len(session.filters) >= SUBSCRIPTIONS and filter not in session.filters:
                    raise BlockingIOError
                if not filter.startswith(RESPONSES):
                    if not self._may(line, "see"):
                        raise Forbidden("it takes the right to see", "ask your administrator", filter)
                    if self._reach(line.hello, "see") is not None and not filter.startswith(READINGS):
                        raise Forbidden("it takes the right to see all of the city", f"subscribe to {READINGS}#: you are told of what you may see", filter)  # fmt: skip
                    if self._post.people:
                        session.outbox.permits = partial(self._hears, line.hello)
                    await asyncio.to_thread(self._news.subscribe, session.outbox, filter, qos, last)
                elif fault := filter_fault(filter):
                    raise BadRequest(f"the filter '{filter[:200]}' {fault}", "MQTT 3.1.1, 4.7.1", filter[:200])
                session.filters[filter] = qos
                codes.append(qos)
            except (CityTwinError, BlockingIOError) as e:
                self._post.refuse(filter, b"", session.client, f"the subscription is refused: {e}")
                codes.append(NOT_ALLOWED if line.version == 5 else UNSPECIFIED)
        more = b"\0" if line.version == 5 else b""
        line.send(packet.packed(packet.SUBACK, 0, mid.to_bytes(2, "big"), more, bytes(codes)))

    def _unsubscribe(self, session: Session, line: _Line, body: bytes) -> None:
        mid, filters = packet.unsubscribe(body, line.version)
        codes = bytearray()
        for filter in filters:
            known = session.filters.pop(filter, None) is not None
            found = known if filter.startswith(RESPONSES) else self._news.unsubscribe(session.outbox, filter)
            codes.append(0 if found else 0x11)
        more = b"\0" + bytes(codes) if line.version == 5 else b""
        line.send(packet.packed(packet.UNSUBACK, 0, mid.to_bytes(2, "big"), more))

    async def _write(self, session: Session, line: _Line) -> None:
        """Send what waits; where the client does not take it, it goes on waiting in the outbox, which is bounded."""
        for mid, sent in list(session.flying.items()):  # what was under way when the last line broke
            line.send(packet.message(sent.topic, sent.payload, 1, mid, line.version, sent.retain, True, sent.note))
        window = min(WINDOW, line.hello.properties.get(packet.RECEIVE, WINDOW))
        largest = line.hello.properties.get(packet.LARGEST_OF_CLIENT, 1 << 28)
        while True:
            await line.news.wait()
            line.news.clear()
            while len(session.flying) < window and (message := session.outbox.take()):
                mid = 0
                if message.qos:
                    mid = session.mid = session.mid % 65535 + 1
                    while mid in session.flying:
                        mid = session.mid = session.mid % 65535 + 1
                data = packet.message(
                    message.topic, message.payload, message.qos, mid, line.version, message.retain, note=message.note
                )
                if len(data) > largest:
                    continue
                if mid:
                    session.flying[mid] = message
                line.send(data)
                self.sent += 1
                await line.writer.drain()


@dataclass(eq=False, frozen=True, slots=True)
class _Wake:
    """Wakes a writer from any thread."""

    loop: asyncio.AbstractEventLoop
    event: asyncio.Event

    def __call__(self) -> None:
        if not self.loop.is_closed():
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self.event.set)


def _accepted(session: Session, hello: Connect, known: bool) -> bytes:
    flags = bytes((int(known), 0))
    if hello.version != 5:
        return packet.packed(packet.CONNACK, 0, flags)
    # receive maximum, maximum quality of service for us is 2; shared subscriptions and identifiers are not offered
    told = bytearray(b"\x21" + IN_FLIGHT.to_bytes(2, "big") + b"\x29\x00\x2a\x00")
    told += b"\x27" + (LARGEST + 65_536).to_bytes(4, "big")
    if hello.properties.get(packet.EXPIRY, 0) > AWAY_S:
        told += b"\x11" + AWAY_S.to_bytes(4, "big")
    if not hello.client:
        name = session.client.encode()
        told += b"\x12" + len(name).to_bytes(2, "big") + name
    if hello.properties.get(packet.ASKS_RESPONSES):
        told += packet.text_property(packet.RESPONSES, session.responses)
    return packet.packed(packet.CONNACK, 0, flags, packet.variable(len(told)), bytes(told))


def _peer(writer: asyncio.StreamWriter) -> str:
    where = writer.get_extra_info("peername") or ("?", 0)
    return f"{where[0]}:{where[1]}"
