"""How does SensorThings come in over HTTP? One ASGI app for a version of the standard, with errors in its own form."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial

import anyio.to_thread
import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citytwin.api.gate import needed, permit
from citytwin.api.house import House
from citytwin.api.problems import problem
from citytwin.api.route import Call, encoded
from citytwin.api.sta import batch
from citytwin.api.sta.desk import JSON, Desk, Reply, Request
from citytwin.api.sta.v1 import V1
from citytwin.api.trail import WHENCE, Several
from citytwin.engine.ingest import Told
from citytwin.kernel.errors import CityTwinError
from citytwin.kernel.right import CALLER

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LARGEST = 64 * 1024 * 1024
"""Bytes of one body."""
BATCH = 3
"""How many times the time of a request a batch has."""


class Door:
    """The service below `prefix`."""

    def __init__(self, house: House, prefix: str, desk: Desk | None = None) -> None:
        self._house, self.prefix = house, prefix
        self._desk = desk or Desk(house)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        base = origin(scope) + self.prefix
        try:
            reply = await self._reply(Call(scope, receive), base)
        except ClientDisconnect:
            return
        except Exception as e:
            reply = refusal(e, scope["path"])
        headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding, Host", **reply.headers}
        if scope["method"] == "OPTIONS":
            reply = replace(reply, body=b"")
        if scope["method"] != "HEAD":
            packed = "gzip" in Call(scope, receive).headers.get("accept-encoding", "")
            data, coding = encoded(reply.body, packed)
            headers |= coding
        else:
            data = reply.body
        media = reply.media if reply.body or reply.status == 200 else None
        await Response(data, reply.status, headers, media)(scope, receive, send)

    async def _reply(self, call: Call, base: str) -> Reply:
        scope = call.scope
        method = scope["method"]
        if method == "OPTIONS" and not self._desk.probes:
            return Reply(204, b"", {"Allow": ", ".join(METHODS)})
        if method not in METHODS:
            return Reply(405, b"", {"Allow": ", ".join(METHODS)})
        body = await call.body(LARGEST) if method in ("POST", "PUT", "PATCH") else b""
        raw: bytes = scope["raw_path"].partition(b"?")[0][len(self.prefix) :]
        request = Request(
            "GET" if method in ("HEAD", "OPTIONS") else method,
            raw.decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            body,
            dict(call.headers),
            base,
        )
        reply = await anyio.to_thread.run_sync(partial(answered, self._desk, request), limiter=self._house.limiter)
        return replace(reply, headers={**reply.headers, "Allow": ", ".join(METHODS)}) if method == "OPTIONS" else reply

    def quick(
        self,
        url: bytes,
        body: bytes,
        headers: Mapping[bytes, bytes],
        told: Told,
        server: tuple[str, int | None] | None,
    ) -> bytes | None:
        """Send on what needs no second look.

        Returns the headers and the body to answer with once it is durable; None where there is more to be asked, and then nothing was sent.
        """
        id = self._desk.quick(url[len(self.prefix) :], body, headers, told)
        if id is None:
            return None
        base = _address("http", headers.get(b"host", b""), server) + self.prefix
        return self._desk.sent(id, base)


def answered(desk: Desk, request: Request) -> Reply:
    """The answer to a request that may be a batch, within its time. Raises CityTwinError for what is refused."""
    prefix = "/sta/v1.1/" if desk.dialect is V1 else "/sta/v2.0/"
    permit(request.method, prefix + request.path.lstrip("/"))
    if request.path.strip("/") != "$batch" or request.method != "POST":
        desk.begin()
        return desk.answer(request)
    desk.begin(BATCH)

    changes = Several()

    def one(part: Request) -> Reply:
        path = prefix + part.path.lstrip("/")
        try:
            permit(part.method, path, inside=True)
            if desk.house.people is None or part.method == "GET" or needed(part.method, path) == "send":
                return desk.answer(part)
        except Exception as e:  # a part that is refused, or fails, is answered as such; the others go on
            return refusal(e, part.path)
        told: list[Reply] = []

        def carry_out() -> tuple[int, bytes]:
            try:
                told.append(desk.answer(part))
            except Exception as e:
                told.append(refusal(e, part.path))
            return told[0].status, told[0].body

        def look() -> bytes | None:
            with contextlib.suppress(CityTwinError):
                return desk.answer(replace(part, method="GET", path=part.path.removesuffix("/$ref"), query="", body=b"")).body  # fmt: skip
            return None

        changes.add(part.method, path, look, carry_out)
        return told[0]

    reply = batch.answer(request, one, desk.dialect is not V1)
    if desk.house.people is not None and changes.changes:
        sent = hashlib.sha256(request.body).hexdigest()
        desk.house.people.note(CALLER.get(), WHENCE.get(), "post", f"{prefix}$batch", reply.status, sent, changes.told())  # fmt: skip
    return reply


def origin(scope: Scope) -> str:
    """How the client called us."""
    host = next((v for k, v in scope["headers"] if k == b"host"), b"")
    return _address(scope.get("scheme", "http"), host, scope.get("server"))


@lru_cache(1024)
def _address(scheme: str, host: bytes, server: tuple[str, int | None] | None) -> str:
    named = host.decode("latin-1")
    if not re.fullmatch(r"[A-Za-z0-9._~\-\[\]:]{1,255}", named):
        name, port = server or ("127.0.0.1", 80)
        named = f"{name}:{port}"
    return f"{scheme}://{named}"


def refusal(error: Exception, where: str) -> Reply:
    """An error as clients of SensorThings know it, with all that a problem of ours tells."""
    told, headers = problem(error, where)
    body = {"code": told.status, "type": "error", "message": told.detail, "hint": told.hint, "where": told.where}
    if told.faults:
        body["faults"] = [str(f) for f in told.faults]
    return Reply(told.status, msgspec.json.encode(body), headers, JSON)
