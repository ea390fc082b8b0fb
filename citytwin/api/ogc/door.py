"""How does OGC API – Features come in over HTTP? One ASGI app below `/ogc`; what is refused leaves as a problem, as everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citytwin.api.house import House
from citytwin.api.ogc import describe, items
from citytwin.api.ogc.collection import collections, find
from citytwin.api.ogc.describe import GEOJSON, JSON, OPENAPI, SCHEMA, link
from citytwin.api.route import Call, encoded
from citytwin.api.sta.door import origin
from citytwin.kernel.errors import BadRequest

PREFIX = "/ogc"
_SEVERAL = {"latest", "f"}
"""Parameters that every resource takes: clients append what stood in the address they were given to all that they ask."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: the parts of the path that vary, the parameters, and the address of the service as the client knows it."""

    parts: tuple[str, ...]
    given: Mapping[str, str]
    base: str

    @property
    def latest(self) -> bool:
        """Whether the last readings come along."""
        return self.given.get("latest") == "true"

    @property
    def tail(self) -> str:
        """What clients repeat everywhere, as the end of a link."""
        return "?latest=true" if self.latest else ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back, as bytes or to be written as JSON."""

    body: Any
    media: str = JSON
    links: tuple[str, ...] = ()


class Door:
    """The service of one city."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._all = collections(house.twin)
        self._paths: tuple[tuple[re.Pattern[str], Callable[[Request], Reply]], ...] = tuple(
            (re.compile(path), answer)
            for path, answer in (
                ("/?", self._landing),
                ("/api", self._api),
                ("/conformance", self._conformance),
                ("/collections", self._collections),
                ("/collections/([^/]+)", self._collection),
                ("/collections/([^/]+)/queryables", self._queryables),
                ("/collections/([^/]+)/schema", self._schema),
                ("/collections/([^/]+)/items", self._items),
                ("/collections/([^/]+)/items/([^/]+)", self._item),
            )
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method == "OPTIONS":
            await Response(b"", 204, {"Allow": "GET, HEAD, OPTIONS"})(scope, receive, send)
            return
        if method not in ("GET", "HEAD"):
            raise HTTPException(405, f"{scope['path'][:200]} does not take {method}", {"Allow": "GET, HEAD, OPTIONS"})
        path = scope["raw_path"].partition(b"?")[0].decode("latin-1")[len(PREFIX) :]
        work = partial(self._answer, path, scope["query_string"].decode("latin-1"), origin(scope) + PREFIX)
        reply = await anyio.to_thread.run_sync(work, limiter=self._house.limiter)
        packed = method != "HEAD" and "gzip" in Call(scope, receive).headers.get("accept-encoding", "")
        data, coding = encoded(reply.body, packed)
        headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding, Host", **coding}
        if reply.links:
            headers["Link"] = ", ".join(reply.links)
        await Response(data, 200, headers, reply.media)(scope, receive, send)

    def _answer(self, path: str, query: str, base: str) -> Reply:
        for pattern, answer in self._paths:
            if found := pattern.fullmatch(path):
                given = _given(query, answer != self._items)
                return answer(Request(tuple(unquote(p) for p in found.groups()), given, base))
        raise HTTPException(404, f"there is nothing at {PREFIX}{unquote(path)[:200]}")

    def _landing(self, request: Request) -> Reply:
        return Reply(describe.landing(self._house.twin.city, request.base, request.tail))

    def _api(self, request: Request) -> Reply:
        return Reply(describe.openapi(self._house.twin.city, self._all, request.base), OPENAPI)

    def _conformance(self, _: Request) -> Reply:
        return Reply(describe.conformance(self._house.twin.store.spatial))

    def _collections(self, request: Request) -> Reply:
        extents = items.extents(self._house, self._all)
        return Reply(describe.collections(self._all, extents, request.base, request.tail))

    def _collection(self, request: Request) -> Reply:
        of = find(self._all, request.parts[0])
        extent = items.extents(self._house, self._all)[of.id]
        return Reply(describe.collection(of, extent, request.base, request.tail))

    def _queryables(self, request: Request) -> Reply:
        of = find(self._all, request.parts[0])
        return Reply(of.schema(f"{request.base}/collections/{of.id}/queryables", queryables=True), SCHEMA)

    def _schema(self, request: Request) -> Reply:
        of = find(self._all, request.parts[0])
        uri = f"{request.base}/collections/{of.id}/schema"
        return Reply(of.schema(uri, queryables=False, latest=request.latest), SCHEMA)

    def _items(self, request: Request) -> Reply:
        of = find(self._all, request.parts[0])
        features, total, more = items.read(self._house, of, items.asked(self._house, of, request.given))
        here = f"{request.base}/collections/{of.id}"
        links = [
            link(f"{here}/items{_query(request.given)}", "self", GEOJSON),
            link(f"{here}{request.tail}", "collection", JSON),
        ]
        if more:
            links.append(link(f"{here}/items{_query({**request.given, 'cursor': more})}", "next", GEOJSON))
        now = self._house.now().strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        head = b'{"type":"FeatureCollection","timeStamp":"%b","numberMatched":%d,"numberReturned":%d,"links":%b,"features":['
        body = head % (now, total, len(features), msgspec.json.encode(links)) + b",".join(features) + b"]}"
        return Reply(
            body, GEOJSON, tuple(f'<{one["href"]}>; rel="{one["rel"]}"; type="{one["type"]}"' for one in links)
        )

    def _item(self, request: Request) -> Reply:
        id, feature = request.parts
        of = find(self._all, id)
        made = items.one(self._house, of, feature, request.latest)
        here = f"{request.base}/collections/{of.id}"
        links = [
            link(f"{here}/items/{quote(feature)}{request.tail}", "self", GEOJSON),
            link(f"{here}{request.tail}", "collection", JSON),
        ]
        return Reply(made[:-1] + b',"links":' + msgspec.json.encode(links) + b"}", GEOJSON)


def _given(query: str, plain: bool) -> dict[str, str]:
    """The parameters of a request. Raises BadRequest for one given twice, or unknown where there are only those of every resource."""
    found: dict[str, str] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name in found:
            raise BadRequest(f"'{name[:100]}' is given twice", "give it once", name[:100])
        if plain and name not in _SEVERAL:
            raise BadRequest(
                f"'{name[:100]}' is not a parameter here", f"known: {', '.join(sorted(_SEVERAL))}", name[:100]
            )
        if "\0" in text:
            raise BadRequest(f"there is a NUL in {name[:100]}", "leave it out", name[:100])
        found[name] = text
    if found.get("f", "json") not in ("json", "geojson", "application/json", "application/geo+json"):
        raise BadRequest(f"f={found['f'][:100]} is not offered", "json", "f")
    items.truth(found.get("latest", ""), "latest")
    return found


def _query(given: Mapping[str, str]) -> str:
    return f"?{urlencode(given)}" if given else ""
