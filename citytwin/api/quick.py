"""What do sensors send all day? One reading a request: taken before anything else is asked, and answered with a few headers."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from citytwin.api.gate import Gate
from citytwin.api.house import House
from citytwin.api.sta.door import Door
from citytwin.engine import decode
from citytwin.engine.ingest import Told
from citytwin.kernel.observation import Receipt

PATH = b"/api/observations"
_QUERY = re.compile(rb"(?:\?key=([A-Za-z0-9._-]{1,200}))?")
_JSON = (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")
_MORE = {
    b"connection", b"content-encoding", b"expect", b"forwarded", b"transfer-encoding", b"upgrade",
    b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto",
}  # fmt: skip
"""Headers that ask for more than is done here."""
_encode = msgspec.json.Encoder().encode


class Waits(Protocol):
    """Whoever waits in a loop to be told what became of a reading."""

    def tell(self, outcome: Receipt | BaseException, /) -> None:
        """It is durable, or why it is not on record; called in the loop."""


class Waiting:
    """Those who wait in a loop. However many are told at once, it is woken once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._told: deque[tuple[Waits, Receipt | BaseException]] = deque()
        self._woken = False

    def put(self, who: Waits, outcome: Receipt | BaseException) -> None:
        """From any thread."""
        self._told.append((who, outcome))
        if not self._woken:
            self._woken = True
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._woken = False  # what is put from here on wakes the loop again
        while self._told:
            who, outcome = self._told.popleft()
            who.tell(outcome)


class Quick:
    """Takes what is plain; everything else is for the app of the city.

    `shell` puts around an app what every app of the house has around it.
    """

    def __init__(self, house: House, doors: Sequence[Door], shell: Callable[[ASGIApp], ASGIApp], gate: Gate) -> None:
        self._house, self._shell, self._gate = house, shell, gate
        self._doors = {f"{door.prefix}/Datastreams(".encode(): door for door in doors}
        self._largest = min(decode.SMALL, house.largest_batch)

    def wants(self, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Mapping[bytes, bytes] | None:
        """The headers (names in lower case), if a POST that begins so may be one to `take`."""
        if not url.startswith(PATH) and url[: url.find(b"(") + 1] not in self._doors:
            return None
        fields = dict(headers)
        length = fields.get(b"content-length", b"")
        if len(fields) < len(headers) or len(length) > 4 or not length.isdigit() or not fields.keys().isdisjoint(_MORE):
            return None
        if url.startswith(PATH) and fields.get(b"content-type") not in _JSON:
            return None
        return fields if 0 < int(length) <= self._largest and self._gate.quick(fields) else None

    def take(
        self, url: bytes, headers: Mapping[bytes, bytes], body: bytes, told: Told, server: tuple[str, int | None] | None
    ) -> bytes | None:
        """Send on what needs no second look; `told` hears once it is durable.

        Returns what to answer then, after the status: headers and body; b"" where the receipt is the answer. None where there is more
        to be asked, and then nothing was sent. Raises CityTwinError.
        """
        door = self._doors.get(url[: url.find(b"(") + 1])
        if door:
            return door.quick(url, body, headers, told, server)
        query = _QUERY.fullmatch(url, len(PATH))
        if query is None:
            return None
        rows = decode.few(body, decode.JSON)
        if rows is None:
            return None
        self._house.intake.post(told, rows, key=(query[1] or b"").decode("ascii"))
        return b""

    @staticmethod
    def receipt(told: Receipt) -> bytes:
        """The answer that is a receipt: of data to a program, and what a page needs beside that is not for it."""
        body = _encode(told)
        return b"content-type: application/json\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)  # fmt: skip

    def failed(self, error: BaseException) -> ASGIApp:
        """What tells of it as every app of the house does."""

        async def fail(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - an ASGI app takes them
            raise error

        return self._shell(fail)
