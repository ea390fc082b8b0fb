"""How does SensorThings come in over HTTP? One ASGI app for a version of the standard, with errors in its own form."""

from __future__ import annotations

import re
from functools import partial

import anyio.to_thread
import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citytwin.api.house import House
from citytwin.api.problems import problem
from citytwin.api.route import Call, encoded
from citytwin.api.sta import batch
from citytwin.api.sta.body import moment
from citytwin.api.sta.desk import JSON, Desk, Reply, Request
from citytwin.api.stream import settled
from citytwin.engine.observe import Sent

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LARGEST = 64 * 1024 * 1024
"""Bytes of one body."""
_ONE = re.compile(rb"/Datastreams\('([^'()/%]+)'\)/Observations")


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    phenomenonTime: str  # noqa: N815 - the standard's names
    result: float | int


_plain = msgspec.json.Decoder(_Plain)


class Door:
    """The service below `prefix`."""

    def __init__(self, house: House, prefix: str) -> None:
        self._house, self._prefix = house, prefix
        self._desk = Desk(house)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        base = _origin(scope) + self._prefix
        try:
            reply = await self._reply(Call(scope, receive), base)
        except ClientDisconnect:
            return
        except Exception as e:
            reply = refusal(e, scope["path"])
        headers = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding, Host", **reply.headers}
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
        if method == "OPTIONS":
            return Reply(204, b"", {"Allow": ", ".join(METHODS)})
        if method not in METHODS:
            return Reply(405, b"", {"Allow": ", ".join(METHODS)})
        body = await call.body(LARGEST) if method in ("POST", "PUT", "PATCH") else b""
        raw: bytes = scope["raw_path"].partition(b"?")[0][len(self._prefix) :]
        if method == "POST" and (sent := quick(self._desk, raw, body)):
            if sent.receipt:
                await settled(sent.receipt)
            link = f"{base}/Observations('{sent.id}')"
            told = {"@iot.id": sent.id, "@iot.selfLink": link}
            return Reply(201, msgspec.json.encode(told), {"Location": link})
        request = Request(
            "GET" if method == "HEAD" else method,
            raw.decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            body,
            dict(call.headers),
            base,
        )
        return await anyio.to_thread.run_sync(partial(self._answer, request), limiter=self._house.limiter)

    def _answer(self, request: Request) -> Reply:
        if request.path.strip("/") != "$batch" or request.method != "POST":
            return self._desk.answer(request)

        def one(part: Request) -> Reply:
            try:
                return self._desk.answer(part)
            except Exception as e:
                return refusal(e, part.path)

        return batch.answer(request, one)


def quick(desk: Desk, path: bytes, body: bytes) -> Sent | None:
    """A number at a time, newer than all of its stream: what sensors send all day goes on without a thread. None where it is anything else."""
    found = _ONE.fullmatch(path)
    if found is None or len(body) > 512:
        return None
    try:
        said = _plain.decode(body)
        time = moment(said.phenomenonTime)
    except (msgspec.DecodeError, ValueError):
        return None  # the desk will say what is wrong with it
    if abs(said.result) > 2**53:
        return None
    return desk.observing.plain(found[1].decode("latin-1"), time, float(said.result))


def _origin(scope: Scope) -> str:
    """How the client called us."""
    host = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"host"), "")
    if not re.fullmatch(r"[A-Za-z0-9._~\-\[\]:]{1,255}", host):
        server = scope.get("server") or ("127.0.0.1", 80)
        host = f"{server[0]}:{server[1]}"
    return f"{scope.get('scheme', 'http')}://{host}"


def refusal(error: Exception, where: str) -> Reply:
    """An error as clients of SensorThings know it, with all that a problem of ours tells."""
    told, headers = problem(error, where)
    body = {"code": told.status, "type": "error", "message": told.detail, "hint": told.hint, "where": told.where}
    if told.faults:
        body["faults"] = [str(f) for f in told.faults]
    return Reply(told.status, msgspec.json.encode(body), headers, JSON)
