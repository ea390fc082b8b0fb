"""What do sensors send all day? One reading a request: taken before anything else is asked, and answered with a few headers."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from citytwin.api.house import House
from citytwin.api.sta.door import Door, Head
from citytwin.engine import decode
from citytwin.kernel.observation import Receipt

PATH = "/api/observations"
LARGEST = decode.SMALL
_KEY = re.compile(rb"key=([A-Za-z0-9._-]{1,200})")
_JSON = (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")
_HEAD = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
]
"""An answer of data to a program; what a page needs beside that is not for it."""
_encode = msgspec.json.Encoder().encode


class Waiting:
    """Requests that wait to be told what became of their readings. However many are told at once, the loop is woken once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._told: deque[tuple[asyncio.Future[Receipt], Receipt | BaseException]] = deque()
        self._woken = False

    def put(self, future: asyncio.Future[Receipt], outcome: Receipt | BaseException) -> None:
        """From any thread."""
        self._told.append((future, outcome))
        if not self._woken:
            self._woken = True
            if not self.loop.is_closed():
                self.loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._woken = False  # what is put from here on wakes the loop again
        while self._told:
            future, outcome = self._told.popleft()
            if future.done():  # the client has gone; what it sent is recorded all the same
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)


class Told:
    """One request, told by the intake."""

    __slots__ = ("future", "waiting")

    def __init__(self, waiting: Waiting) -> None:
        self.waiting = waiting
        self.future: asyncio.Future[Receipt] = waiting.loop.create_future()

    def set_result(self, receipt: Receipt, /) -> None:
        """It is durable."""
        self.waiting.put(self.future, receipt)

    def set_exception(self, error: BaseException, /) -> None:
        """It is not on record."""
        self.waiting.put(self.future, error)


class Quick:
    """ASGI app: answers what is plain; everything else, and whatever goes wrong, is for the apps behind it.

    `shell` puts around an app what every app of the house has around it.
    """

    def __init__(self, house: House, doors: Sequence[Door], shell: Callable[[ASGIApp], ASGIApp], app: ASGIApp) -> None:
        self._house, self._shell, self._app = house, shell, shell(app)
        self._doors = {door.prefix + "/Datastreams(": door for door in doors}
        self._waiting: Waiting | None = None
        self._largest = min(LARGEST, house.largest_batch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        door = None
        if path != PATH:
            door = self._doors.get(path[: path.find("(") + 1])
            if door is None:
                await self._app(scope, receive, send)
                return
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if len(length) > 4 or not length.isdigit() or int(length) > self._largest:
            await self._app(scope, receive, send)
            return
        came = [await receive()]
        body: bytes = came[0].get("body", b"")
        while came[-1].get("more_body", False) and len(body) <= self._largest:
            came.append(await receive())
            body += came[-1].get("body", b"")
        if not 0 < len(body) <= self._largest or came[-1]["type"] != "http.request":
            await self._app(scope, _again(came, receive), send)
            return
        told = Told(self._waiter())
        try:
            taken = door.quick(scope, body, told) if door else self._reading(scope, body, told)
            if taken is None:
                await self._app(scope, _again(came, receive), send)
                return
            receipt = await told.future
        except Exception as e:  # told as every app of the house tells it
            await self._shell(_failed(e))(scope, receive, send)
            return
        head, answer = taken if door else (_HEAD, _encode(receipt))
        await send(
            {"type": "http.response.start", "status": 201, "headers": [*head, (b"content-length", b"%d" % len(answer))]}
        )
        await send({"type": "http.response.body", "body": answer})

    def _reading(self, scope: Scope, body: bytes, told: Told) -> tuple[Head, bytes] | None:
        """Send on readings in plain JSON, with a key or without; None where there is more to be asked."""
        key = ""
        if scope["query_string"]:
            found = _KEY.fullmatch(scope["query_string"])
            if found is None:
                return None
            key = found[1].decode("ascii")
        plain = False
        for name, value in scope["headers"]:
            if name == b"content-type":
                plain = value in _JSON
            elif name == b"content-encoding":
                return None
        rows = decode.few(body, decode.JSON) if plain else None
        if rows is None:
            return None
        self._house.intake.post(told, rows, key=key)
        return _HEAD, b""

    def _waiter(self) -> Waiting:
        loop = asyncio.get_running_loop()
        if self._waiting is None or self._waiting.loop is not loop:
            self._waiting = Waiting(loop)
        return self._waiting


def _again(came: list[Message], receive: Receive) -> Receive:
    """What gives the messages that were taken, and then what follows them."""
    waiting = came[::-1]

    async def given() -> Message:
        return waiting.pop() if waiting else await receive()

    return given


def _failed(error: Exception) -> ASGIApp:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - an ASGI app takes them
        raise error

    return fail
