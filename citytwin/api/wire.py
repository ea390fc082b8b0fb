"""How does a request come off the wire? As uvicorn has it, but for single readings: for those a task, two messages and a dozen objects cost more than all the rest."""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import Mapping
from typing import Any, cast

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from citytwin.api.problems import MEDIA, unheard
from citytwin.api.quick import Quick, Waiting
from citytwin.kernel.observation import Receipt

PATIENCE_S = 60
"""Seconds in which the head of a request, or a short body, must be whole; and for which nothing may come of a long one, or nothing be taken of an answer."""
LARGEST_HEAD = 64 * 1024
"""Bytes that may come in without that a head is complete or anything of a body came: of a head, of what follows a body in chunks, of empty lines."""
LOOK_S = 5
"""Seconds between two looks at all connections."""


class _Nobody:
    """Waits for nothing."""

    def set(self) -> None: ...


class Exchange:
    """A request that was taken, until it is answered; for the connection it is one of its cycles."""

    __slots__ = ("answer", "body", "disconnected", "keep_alive", "response_complete", "scope", "url", "waiting", "wire")
    message_event = _Nobody()

    def __init__(self, wire: Wire, body: bytes) -> None:
        self.wire, self.scope, self.url, self.body = wire, wire.scope, wire.url, body
        self.waiting = wire.waiting
        self.answer = b""
        self.keep_alive = True
        self.response_complete = self.disconnected = False

    def set_result(self, receipt: Receipt, /) -> None:
        """It is durable; from any thread."""
        self.waiting.put(self, receipt)

    def set_exception(self, error: BaseException, /) -> None:
        """It is not on record; from any thread."""
        self.waiting.put(self, error)

    def tell(self, outcome: Receipt | BaseException, /) -> None:
        """Answer, in the loop."""
        if self.disconnected or self.wire.transport.is_closing():  # what was sent is recorded all the same
            return
        if isinstance(outcome, BaseException):
            self.wire.fail(self, outcome)
        else:
            self.wire.answer(self, self.answer or Quick.receipt(outcome))


class Wire(HttpToolsProtocol):
    """A connection. `quick` is asked first; what it does not take goes the way of all requests."""

    def __init__(self, quick: Quick, most: int = 0, **given: Any) -> None:
        super().__init__(**given)
        self._most = most
        self._from = ""
        self._loose = 0
        """Bytes since a head was complete, or something of a body came."""
        self._quick = quick
        self._held: bytearray | None = None
        """The body, so far, of a request that may be taken."""
        self._fields: Mapping[bytes, bytes] = {}
        self._last = False
        """Whether the server ends, and the connection after what it is at."""
        self.waiting, self._rounds = _of(self.loop)
        self._parts = self._taken = 0
        """How many pieces of data have come in, and how often the client took what waited for it."""
        self._awaited: tuple[str, int, int] | None = None
        """What was awaited of the client when somebody last looked, and since when."""
        self._since = 0.0
        self._asked: Any = None
        """The scope that was looked at: as long as it is kept, no other has its id."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Somebody is there."""
        super().connection_made(transport)
        self._rounds.add(self)
        self._from = self.client[0] if self.client else ""
        held = self._rounds.of[self._from] = self._rounds.of.get(self._from, 0) + 1
        if self._most and held > self._most:  # whoever holds many keeps others from getting one
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._rounds.wires.discard(self)
        self._rounds.left(self._from)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self._parts += 1
        if self._loose > LARGEST_HEAD:
            self._held = None
            self.transport.write(_LARGE)
            self.transport.close()
            return
        self._loose += len(data)
        super().data_received(data)

    def resume_writing(self) -> None:
        """What was written before was taken: it goes on, though as much may wait again when somebody looks."""
        self._taken += 1
        super().resume_writing()

    def awaited(self) -> tuple[str, int, int] | None:
        """What is awaited of the client, and how far it is; None while it is our turn, or it is free to be silent."""
        if unread := self.transport.get_write_buffer_size():
            return "answer", unread, self._taken  # it takes no more of it
        cycle = self.cycle
        if self.scope is None:
            return "first", 0, 0
        if cycle is None or cycle.scope is not self.scope:  # of a request the head is under way, or a short body
            return ("request", id(self.scope), 0) if cycle is None or cycle.response_complete else None
        if isinstance(cycle, Exchange) or not cycle.more_body or cycle.response_complete:
            return None
        if self.flow.read_paused or cycle.waiting_for_100_continue or self.pipeline:  # it is not asked for more
            return None
        return "body", 0, self._parts

    def look(self, now: float) -> None:
        """End the connection of whoever has kept us waiting for too long."""
        awaited = self.awaited()
        if awaited is None or awaited != self._awaited:
            self._awaited, self._since, self._asked = awaited, now, self.scope
            return
        if now - self._since < PATIENCE_S:
            return
        cycle = self.cycle
        if awaited[0] == "answer":
            self.transport.abort()
        elif awaited[0] == "first" or (awaited[0] == "body" and cycle.response_started):
            self.transport.close()
        else:
            self._held = None
            if awaited[0] == "body":
                cycle.disconnected = True  # whoever reads it is told that there is nobody
                cycle.message_event.set()
            self.transport.write(_LATE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._loose = 0
        if (
            self.parser.get_method() == b"POST"
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and self.parser.get_http_version() == "1.1"
            and (fields := self._quick.wants(self.url, self.headers))
        ):
            self._held, self._fields = bytearray(), fields
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body is there."""
        self._loose = 0
        if self._held is None:
            super().on_body(body)
        else:
            self._held += body

    def on_message_complete(self) -> None:
        """All of it is there."""
        if self._held is None:
            super().on_message_complete()
            return
        body, self._held = bytes(self._held), None
        exchange = Exchange(self, body)
        exchange.keep_alive = not self._last
        try:
            answer = self._quick.take(self.url, self._fields, body, exchange, self.server)
        except Exception as e:
            self.cycle = cast("RequestResponseCycle", exchange)
            self.fail(exchange, e)
            return
        if answer is None:
            super().on_headers_complete()
            super().on_body(body)
            super().on_message_complete()
            self.cycle.keep_alive &= not self._last
        else:
            exchange.answer = answer
            self.cycle = cast("RequestResponseCycle", exchange)

    def shutdown(self) -> None:
        """The server ends: what is under way is finished."""
        if self._held is None:
            super().shutdown()
        else:
            self._last = True

    def answer(self, exchange: Exchange, rest: bytes) -> None:
        """Say that it is on record; `rest` is what follows the headers that all answers have."""
        head = [b"HTTP/1.1 201 Created\r\n"]
        for name, value in self.server_state.default_headers:
            head += (name, b": ", value, b"\r\n")
        if not exchange.keep_alive:
            head.append(b"connection: close\r\n")
        head.append(rest)
        self.transport.write(b"".join(head))
        exchange.response_complete = True
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def fail(self, exchange: Exchange, error: BaseException) -> None:
        """Tell of the error in the way of all requests."""
        url = httptools.parse_url(exchange.url)
        path = url.path.decode("ascii")
        exchange.scope |= {
            "method": "POST",
            "path": self.root_path + urllib.parse.unquote(path),
            "raw_path": self.root_path.encode("ascii") + url.path,
            "query_string": url.query or b"",
        }
        cycle = RequestResponseCycle(
            scope=exchange.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=exchange.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.body += exchange.body
        cycle.more_body = False
        cycle.message_event.set()
        if self.cycle is cast("RequestResponseCycle", exchange):
            self.cycle = cycle
        self._start_asgi_task(cycle, cast(Any, self._quick.failed(error)))


class Rounds:
    """Looks at all connections of a loop from time to time: one timer for all, where one for each request would cost more than the request."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.wires: set[Wire] = set()
        self.of: dict[str, int] = {}
        """Connections of each address."""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, wire: Wire) -> None:
        """One more to look at."""
        self.wires.add(wire)
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_S, self._look)

    def left(self, address: str) -> None:
        """One fewer of an address."""
        self.of[address] = self.of.get(address, 1) - 1
        if self.of[address] <= 0:
            del self.of[address]

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        for wire in list(self.wires):
            wire.look(now)
        if self.wires:
            self._timer = self._loop.call_later(LOOK_S, self._look)


def _told(status: int, phrase: str, detail: str) -> bytes:
    """What is told to whom no app hears."""
    body = msgspec.json.encode(unheard(status, detail))
    head = f"HTTP/1.1 {status} {phrase}\r\ncontent-type: {MEDIA}\r\ncontent-length: {len(body)}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    return head.encode("ascii") + body


_LATE = _told(408, "Request Timeout", f"the request was not whole, or nothing more of it came in, for {PATIENCE_S} s")
_LARGE = _told(431, "Request Header Fields Too Large", f"the head has more than {LARGEST_HEAD} bytes")
_loops: dict[asyncio.AbstractEventLoop, tuple[Waiting, Rounds]] = {}


def _of(loop: asyncio.AbstractEventLoop) -> tuple[Waiting, Rounds]:
    """Those who wait in this loop, whichever connection they are of; and who looks at its connections."""
    if loop not in _loops:
        _loops.clear()  # a server has one
        _loops[loop] = Waiting(loop), Rounds(loop)
    return _loops[loop]
