"""What is being read now? The last reading of any set of streams in one call, and changes as server-sent events."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citytwin.api.house import House
from citytwin.api.problems import MEDIA, problem
from citytwin.api.route import Query, Route
from citytwin.engine.hub import Choice, chosen
from citytwin.kernel.errors import BadRequest, StoreBusy
from citytwin.kernel.right import CALLER

BEAT_S = 15
"""After so many quiet seconds a comment shows that the line still stands."""
PAUSE_S = 0.2
"""No listener is told more often."""
WAIT_S = 20
"""A listener that does not take what it was sent within so many seconds is let go; it will come back."""
LISTENERS = 500
"""So many at once; the next is asked to come back later."""


class LiveQuery(Query, frozen=True, kw_only=True):
    """Which streams: those named, of these assets, or of these types; all where nothing is said. Each a list separated by commas.

    Without `readings` what becomes of alarms is told alone.
    """

    streams: str = ""
    assets: str = ""
    types: str = ""
    readings: bool = True


class Newest(msgspec.Struct, frozen=True):
    """The last readings of streams, in columns; times are milliseconds since 1970 UTC."""

    stream: list[str]
    time: list[int]
    value: list[float | None]
    quality: list[int]


def choice(query: LiveQuery) -> Choice:
    """The streams that a query names."""
    return Choice(*(frozenset(filter(None, text.split(","))) for text in (query.streams, query.assets, query.types)))


def newest(house: House, query: LiveQuery) -> Newest:
    """The last reading of any set of streams"""
    return _newest(house, choice(query))


def _newest(house: House, choice: Choice) -> Newest:
    found = chosen(house.twin.store.latest(), choice)
    time = found["time"].cast("int64").to_numpy() // 1000
    value = [v if v is not None and math.isfinite(v) else None for v in found["value"].to_pylist()]
    return Newest(found["stream"].to_pylist(), time.tolist(), value, found["quality"].to_pylist())


ROUTES = (Route("GET", "/newest", newest),)


class Live:
    """`GET /api/live`: first the last readings, then what comes in (`event: readings`) and what becomes of alarms (`event: alarms`, at once),
    and for whom there are new notifications (`event: notifications`; `*`: for everybody), until the client goes or the server stops.

    A client that is slow gets of each stream the newest reading only, and is told how many it `missed`; what comes in never waits for it.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._hub = house.hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["method"] != "GET":
                raise BadRequest(f"/api/live does not take {scope['method']}", "GET", "method")
            query = _ROUTE.read_query(scope["query_string"], self._house.twin.city.zone)
            assert isinstance(query, LiveQuery)
            if len(self._hub) >= LISTENERS:
                raise StoreBusy(f"{LISTENERS} clients listen already", "come back in a few seconds", "live")
        except Exception as e:
            told, headers = problem(e, scope["path"])
            await Response(msgspec.json.encode(told), told.status, headers, MEDIA)(scope, receive, send)
            return
        await self._tell(choice(query), query.readings, receive, send)

    async def _tell(self, choice: Choice, readings: bool, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        news = asyncio.Event()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.set)

        alarmed = asyncio.Event()

        def wake_alarms() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(alarmed.set)

        listener = self._hub.listen(choice, wake, wake_alarms, readings, self._house.within)
        gone = asyncio.ensure_future(_gone(receive))
        try:
            headers = [
                (b"content-type", b"text/event-stream"),
                (b"cache-control", b"no-store"),
                (b"x-accel-buffering", b"no"),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            first = await asyncio.to_thread(_newest, self._house, choice) if readings else Newest([], [], [], [])
            await self._send(send, b"retry: 3000\n" + _event("newest", msgspec.json.encode(first)))
            quiet_until = loop.time()
            who, known = CALLER.get().token, self._house.people
            while (
                not gone.done() and not self._house.stopping.is_set() and not (who and known and not known.alive(who))
            ):
                told = {gone, asyncio.ensure_future(alarmed.wait())}
                left = quiet_until - loop.time()
                if left <= 0:
                    told.add(asyncio.ensure_future(news.wait()))
                wait = left if left > 0 else BEAT_S
                done, _ = await asyncio.wait(told, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                for waiting in told - {gone}:
                    waiting.cancel()
                if not done and left <= 0:
                    await self._send(send, b": still here\n\n")
                if alarmed.is_set():
                    alarmed.clear()
                    if changed := listener.take_alarms():
                        await self._send(send, _event("alarms", _alarms(changed)))
                    if people := _own(listener.take_people()):
                        await self._send(send, _event("notifications", msgspec.json.encode({"people": sorted(people)})))
                if news.is_set() and left <= 0:
                    news.clear()
                    rows, missed = listener.take()
                    await self._send(send, _event("readings", _encoded(rows, missed)))
                    quiet_until = loop.time() + PAUSE_S
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (TimeoutError, ClientDisconnect, OSError):
            return
        finally:
            gone.cancel()
            self._hub.leave(listener)

    async def _send(self, send: Send, data: bytes) -> None:
        await asyncio.wait_for(send({"type": "http.response.body", "body": data, "more_body": True}), WAIT_S)


_ROUTE = ROUTES[0]


def _own(people: frozenset[str]) -> frozenset[str]:
    """Of those for whom there is something new whom the one who listens is to hear of: themselves."""
    caller = CALLER.get()
    return people if caller.via in ("open", "key") else people & {"*", caller.id, caller.title}


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(kind: str, data: bytes) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _alarms(changed: Sequence[Mapping[str, Any]]) -> bytes:
    """What became of alarms: in the order in which it was put on record."""
    keys = ("alarm", "rule", "before", "state", "time", "actor", "reason")
    return msgspec.json.encode([{**{k: r[k] for k in keys}, "asset": r["asset_id"]} for r in changed])


def _encoded(rows: list[tuple[str, int, float | None, int]], missed: int) -> bytes:
    told = {
        "stream": [r[0] for r in rows], "time": [r[1] // 1000 for r in rows],
        "value": [r[2] if r[2] is not None and math.isfinite(r[2]) else None for r in rows], "quality": [r[3] for r in rows], "missed": missed,
    }  # fmt: skip
    return msgspec.json.encode(told)
