"""How does an agent that writes to InfluxDB get its points in? The write doors of versions 1 and 2, as Telegraf uses them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from urllib.parse import parse_qs

import anyio.to_thread
import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citytwin.api.flight import holder
from citytwin.api.house import House
from citytwin.api.problems import problem
from citytwin.api.route import Call
from citytwin.api.stream import settled
from citytwin.engine import lines
from citytwin.engine.naming import stream_of_point
from citytwin.kernel.errors import BadBatch, BadRequest, CityTwinError, Fault, TooLarge, Unsupported
from citytwin.kernel.observation import Batch, Receipt

LARGEST = 64 * 1024 * 1024
"""Bytes of one body, unpacked."""
STEP = 1024 * 1024
"""Bytes that are unpacked at once."""
SHOWN = 20
HEADERS = {"X-Influxdb-Version": "1.8-citytwin", "X-Influxdb-Build": "OSS"}
PATHS = ("/write", "/ping", "/query", "/api/v2/write", "/health")
CODES = {
    400: "invalid",
    404: "not found",
    405: "method not allowed",
    413: "request too large",
    415: "unsupported media type",
    503: "unavailable",
}


class Influx:
    """The ASGI app behind these paths."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        second = scope["path"].startswith("/api/v2/")
        try:
            status, told, headers = await self._answer(Call(scope, receive), second)
        except ClientDisconnect:
            return
        except Exception as e:
            status, told, headers = _refusal(e, scope["path"], second)
        body = msgspec.json.encode(told) if told is not None else b""
        await Response(body, status, {**HEADERS, **headers}, "application/json" if body else None)(scope, receive, send)

    async def _answer(self, call: Call, second: bool) -> tuple[int, object, Mapping[str, str]]:
        path, method = call.scope["path"], call.scope["method"]
        if path == "/ping" and method in ("GET", "HEAD"):
            return 204, None, {}
        if path == "/health" and method == "GET":
            return 200, {"name": "citytwin", "status": "pass", "message": "ready for queries and writes"}, {}
        if path == "/query" and method in ("GET", "POST"):
            return await self._query(call)
        if path not in ("/write", "/api/v2/write") or method != "POST":
            return (
                405,
                _told(405, f"{path} does not take {method}", second),
                {"Allow": "POST" if "write" in path else "GET"},
            )
        given = parse_qs(call.scope["query_string"].decode("latin-1"))
        precision = given.get("precision", ["ns"])[0]
        body = await self._body(call)
        work = partial(self._take, body, precision)
        future, faults = await anyio.to_thread.run_sync(work, limiter=self._house.limiter)
        receipt: Receipt | None = await settled(future) if future else None
        wrong = [*faults, *(receipt.faults if receipt else ())]
        if wrong:
            dropped = len(faults) + (receipt.rejected if receipt else 0)
            said = "; ".join(str(f) for f in wrong[:SHOWN])
            return 400, _told(400, f"partial write: {said} dropped={dropped}", second), {}
        return 204, None, {}

    def _take(self, body: bytes, precision: str) -> tuple[Future[Receipt] | None, list[Fault]]:
        twin = self._house.twin
        now = int(twin.clock.now().timestamp() * 1e6)
        table, faults = lines.read(body, precision, now, partial(stream_of_point, twin), twin.has_states)
        if not table.num_rows:
            return None, faults
        return self._house.intake.submit(Batch(table, source="influx"), partial=True), faults

    async def _query(self, call: Call) -> tuple[int, object, Mapping[str, str]]:
        """Agents make sure of their database before they write to it; nothing else is asked here."""
        raw = call.scope["query_string"].decode("latin-1")
        if call.scope["method"] == "POST":
            raw += "&" + (await call.body(65536)).decode("utf-8", "replace")
        asked = parse_qs(raw).get("q", [""])[0].strip().upper()
        if asked.startswith(("CREATE DATABASE", "CREATE RETENTION POLICY")):
            return 200, {"results": [{"statement_id": 0}]}, {}
        if asked.startswith("SHOW DATABASES"):
            series = {"name": "databases", "columns": ["name"], "values": [[self._house.twin.city.id]]}
            return 200, {"results": [{"statement_id": 0, "series": [series]}]}, {}
        raise BadRequest("InfluxQL is not answered here", "ask /api/observations, /sta/v1.1 or /api/streams", "q")

    async def _body(self, call: Call) -> bytes:
        """The body, unpacked. Raises TooLarge, Unsupported, BadBatch."""
        coding = call.headers.get("content-encoding", "identity")
        raw = await call.body(LARGEST, coded=True)
        if coding in ("identity", ""):
            return raw
        if coding != "gzip":
            raise Unsupported(f"the body is packed as '{coding[:40]}'", "gzip, or as it is", "Content-Encoding")
        return await anyio.to_thread.run_sync(_unpacked, raw, holder(call.scope), limiter=self._house.limiter)


def _unpacked(raw: bytes, hold: Callable[[int], None]) -> bytes:
    unpack = zlib.decompressobj(wbits=31)
    parts: list[bytes] = []
    size = 0
    rest = raw
    try:
        while not unpack.eof:
            parts.append(unpack.decompress(rest, STEP))
            rest = unpack.unconsumed_tail
            if not parts[-1] and not rest:
                raise BadBatch("the body is cut off", "send all of it", "body")
            size += len(parts[-1])
            if size > LARGEST:
                raise TooLarge(f"the body has more than {LARGEST} bytes unpacked", "send it in several parts", "body")
            hold(len(parts[-1]))
    except zlib.error as e:
        raise BadBatch(f"the body is not gzip: {e}", "", "body") from e
    return b"".join(parts)


def _refusal(error: Exception, path: str, second: bool) -> tuple[int, object, Mapping[str, str]]:
    told, headers = problem(error, path)
    faults: tuple[Fault, ...] = error.faults if isinstance(error, CityTwinError) else ()
    said = "; ".join([told.detail, *(str(f) for f in faults[:SHOWN])])
    return told.status, _told(told.status, said, second), headers


def _told(status: int, message: str, second: bool) -> dict[str, str]:
    """An error as each version tells it."""
    return {"code": CODES.get(status, "internal error"), "message": message} if second else {"error": message}
