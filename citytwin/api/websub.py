"""How does one subscribe without holding a line? The hub of W3C WebSub at `/websub`, and the topics: last readings, readings, Observations of a Datastream, and what SensorThings 2.0 has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import anyio.to_thread
import msgspec
import pyarrow as pa
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from citytwin.api import live, readings
from citytwin.api.house import House
from citytwin.api.problems import problem
from citytwin.api.route import JSON, Call
from citytwin.api.sta import path, sets2
from citytwin.api.sta.conformance2 import ODATA_DENIED, TOPICS_DENIED
from citytwin.api.sta.desk import Desk, Request
from citytwin.api.sta.desk2 import Desk2
from citytwin.api.sta.door import origin
from citytwin.api.sta.path import Resource
from citytwin.api.sta.tree import Limits
from citytwin.api.stream import milliseconds
from citytwin.engine import export
from citytwin.engine.hub import Choice
from citytwin.engine.observe import parts_of
from citytwin.engine.relay import LEASE_S, Relay, Topic, Wish
from citytwin.kernel.errors import BadRequest, CityTwinError, NotFound, Unsupported

HUB = "/websub"
LARGEST = 16 * 1024
"""Bytes of one request."""
SECRET = 200
"""Bytes of a secret are fewer."""
OBSERVATIONS = 100
"""Observations of one delivery: a page of the service."""
ENTITIES = 100
"""What the log says of entities, at once."""
FIRST, SECOND = "/sta/v1.1", "/sta/v2.0"
HELP = {
    "no_topic": "The address is no topic: topics are entity sets, entities, and their properties, with $select, $expand and $filter.",
    "topic_denied": f"Nobody is told of {', '.join(TOPICS_DENIED)}: there is too much of it for one subscriber. Subscribe to …/Datastreams('…')/Observations, or to /api/readings.json.",
    "odata_option_denied": f"A subscription takes none of {', '.join(ODATA_DENIED)}.",
}
"""Why an address of SensorThings 2.0 cannot be subscribed to."""
_SCHEMA, _LIMITS = sets2.schema(False, {}), Limits()
_STREAM = re.compile(r"/sta/v1\.1/Datastreams\('([^'()/]+)'\)/Observations")
_READINGS = re.compile(r"/api/readings\.([a-z]+)")
_FORM = "application/x-www-form-urlencoded"
_STREAMS, _ASSETS, _TYPES = (
    f"o.{column} IN (SELECT unnest(${name}))"
    for column, name in (("stream", "streams"), ("asset_id", "assets"), ("stream_type", "types"))
)


class WebSub:
    """The hub of one city."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._first, self._second = Desk(house), Desk2(house)
        self._relay = Relay(house.twin.store, house.hub, house.twin.clock, house.callback_networks)
        house.at_stop.append(self._relay.close)
        house.twin.heard.append(lambda _: self._relay.changed())
        self._relay.resume(self.topic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["method"] == "GET":
                told = {"hub": origin(scope) + HUB, "subscriptions": len(self._relay), "help": HELP}
                await Response(msgspec.json.encode(told), 200, {"Cache-Control": "no-store"}, JSON)(
                    scope, receive, send
                )
                return
            if scope["method"] != "POST":
                await Response(b"POST\n", 405, {"Allow": "GET, POST"}, "text/plain; charset=utf-8")(
                    scope, receive, send
                )
                return
            call = Call(scope, receive)
            if call.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
                raise Unsupported("a subscription is a form", f"send {_FORM}", "Content-Type")
            body = await call.body(LARGEST)
            work = partial(self._ask, body, origin(scope))
            await anyio.to_thread.run_sync(work, limiter=self._house.limiter)
        except ClientDisconnect:
            return
        except Exception as e:
            told_error, headers = problem(e, scope["path"])
            text = f"{told_error.detail}\n{told_error.hint}\n".encode()
            await Response(text, told_error.status, headers, "text/plain; charset=utf-8")(scope, receive, send)
            return
        await Response(b"", 202)(scope, receive, send)

    def _ask(self, body: bytes, base: str) -> None:
        given: dict[str, str] = {}
        for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
            given.setdefault(name, value)
        for name in ("hub.mode", "hub.callback", "hub.topic"):
            if not given.get(name):
                raise BadRequest(f"'{name}' is required", "hub.mode, hub.callback, hub.topic", name)
        url = given["hub.topic"]
        if not url.startswith(base + "/"):
            raise NotFound("the topic is not of this place", f"an address that begins with {base}/", "hub.topic")
        if not url.isascii() or any(c <= " " or c in '<>"\x7f' for c in url):  # it stands in a header of every delivery
            raise BadRequest("the topic has characters that no address has", "percent-encode them", "hub.topic")
        secret = given.get("hub.secret", "")
        if len(secret.encode()) >= SECRET:
            raise BadRequest("the secret is too long", f"fewer than {SECRET} bytes", "hub.secret")
        lease = given.get("hub.lease_seconds") or str(LEASE_S)
        if not (lease.isascii() and lease.isdigit() and len(lease) < 12):
            raise BadRequest(f"hub.lease_seconds={lease[:40]}", "a whole number of seconds", "hub.lease_seconds")
        wish = Wish(given["hub.mode"], given["hub.callback"], self.topic(url), base + HUB, secret, int(lease))
        self._relay.ask(wish)

    def topic(self, url: str) -> Topic:
        """The topic with this address. Raises NotFound where there is none, BadRequest where its parameters are at fault."""
        parts = urlsplit(url)
        given = parse_qsl(parts.query, keep_blank_values=True)
        names = [name for name, _ in given]
        if len(names) != len(set(names)):
            raise BadRequest("a parameter of the topic is given twice", "give it once", "hub.topic")
        if parts.path == "/api/newest":
            return self._newest(url, parts.query)
        if found := _READINGS.fullmatch(parts.path):
            return self._readings(url, found[1], parts.query)
        if found := _STREAM.fullmatch(unquote(parts.path)):
            base = url.partition(FIRST)[0] + FIRST
            return self._observations(url, self._first, base, f"/Datastreams('{found[1]}')/Observations", dict(given), found[1])  # fmt: skip
        if parts.path.startswith(SECOND + "/"):
            return self._sensed(url, parts.path.removeprefix(SECOND), parts.query, dict(given))
        hint = "/api/newest?…, /api/readings.json?…, /sta/v1.1/Datastreams('…')/Observations or what /sta/v2.0 has"
        raise NotFound(f"'{parts.path[:200]}' is no topic", hint, "hub.topic")

    def _newest(self, url: str, query: str) -> Topic:
        asked = live.ROUTES[0].read_query(query.encode(), self._house.twin.city.zone)
        assert isinstance(asked, live.LiveQuery)
        choice = live.choice(asked)
        given = {"streams": choice.streams, "assets": choice.assets, "types": choice.types}
        parts = [sql for sql, names in zip((_STREAMS, _ASSETS, _TYPES), given.values(), strict=True) if names]
        params = {name: sorted(names) for name, names in given.items() if names}
        return Topic(url, choice, " OR ".join(parts) or "TRUE", params, _columns, newest=True)

    def _readings(self, url: str, form: str, query: str) -> Topic:
        route = next((r for r in readings.ROUTES if r.path == f"/readings.{form}"), None)
        if route is None:
            raise NotFound(f"there is no form '{form[:40]}'", f"one of {', '.join(export.FORMS)}", "hub.topic")
        asked = route.read_query(query.encode(), self._house.twin.city.zone)
        assert isinstance(asked, readings.ReadingsQuery)
        if asked.since or asked.until or asked.after or "rows=" in query:
            raise BadRequest("a topic has no since, until, after or rows", "streams, type and asset", "hub.topic")
        streams = [s for s in asked.streams.split(",") if s]
        given = {
            "streams": streams,
            "assets": [asked.asset] if asked.asset else [],
            "types": [asked.type] if asked.type else [],
        }
        parts = [sql for sql, names in zip((_STREAMS, _ASSETS, _TYPES), given.values(), strict=True) if names]
        # whoever listens hears of any of them; what is told is what is all of them
        choice = Choice(*(frozenset(names) for names in given.values()))
        params = {name: names for name, names in given.items() if names}
        media = route.media

        def render(rows: pa.Table) -> tuple[bytes, str]:
            return export.encoded(rows.drop_columns(["batch"]), form), media

        return Topic(url, choice, " AND ".join(parts) or "TRUE", params, render)

    def _sensed(self, url: str, where: str, options: str, given: Mapping[str, str]) -> Topic:
        """A topic of SensorThings 2.0."""
        if why := denied(where, options):
            raise NotFound(f"'{where[:200]}' cannot be subscribed to", HELP[why], "hub.topic")
        base = url.partition(SECOND)[0] + SECOND
        resource = path.parse(where, _SCHEMA, 0, _LIMITS)
        last = resource.steps[-1]
        if last.entity != "Observation":
            return self._entities(url, base, where, resource, given)
        stream = None
        if last.id is not None:
            told = parts_of(str(last.id))
            rows = self._house.rows("SELECT id FROM datastream WHERE key = $key", {"key": told[0]}) if told else []
            stream = rows[0]["id"] if rows else None
        elif len(resource.steps) > 1 and resource.steps[-2].entity == "Datastream":
            above = resource.steps[-2].id
            stream = None if above is None else str(above)
        return self._observations(url, self._second, base, where, given, stream, resource)

    def _observations(
        self,
        url: str,
        desk: Desk,
        base: str,
        where: str,
        given: Mapping[str, str],
        stream: str | None,
        resource: Resource | None = None,
    ) -> Topic:
        """New observations at a path, of one datastream or of any; or one, or its property, when it is corrected."""
        twin = self._house.twin
        if unknown := set(given) - {"$filter", "$select", "$expand"}:
            raise BadRequest(f"'{min(unknown)[:40]}' is nothing for a topic", "$filter, $select, $expand", "hub.topic")
        one = resource is not None and resource.target != "set"
        # what is wrong is refused now rather than at every delivery
        desk.answer(Request("GET", where, urlencode(given if one else {**given, "$top": "0"}), base=base))
        at = "phenomenonTime/start" if desk is self._second else "phenomenonTime"
        own = str(resource.steps[-1].id) if resource is not None and one else ""

        def render(rows: pa.Table) -> tuple[bytes, str] | None:
            times = rows["time"].cast(pa.int64()).to_pylist()
            keys = {name: twin.store.newest(name) for name in set(rows["stream"].to_pylist())}
            named = zip(rows["stream"].to_pylist(), times, strict=True)
            ids = [f"{known[0]}-{t}" for name, t in named if (known := keys[name]) is not None]
            if not ids or (one and own not in ids):
                return None
            if one:
                reply = desk.answer(Request("GET", where, urlencode(given), base=base))
                return reply.body, reply.media
            since, until = (
                rows["time"].combine_chunks().take(pa.array([times.index(t)]))[0].as_py().isoformat()
                for t in (min(times), max(times))
            )
            listed = ",".join(f"'{id}'" for id in ids)
            # the span is what lets the store find them; the ids leave out what was there before
            which = f"{at} ge {since} and {at} le {until} and id in ({listed})"
            if "$filter" in given:
                which = f"({given['$filter']}) and {which}"
            asks = urlencode({**given, "$filter": which, "$top": str(OBSERVATIONS), "$orderby": "phenomenonTime"})
            reply = desk.answer(Request("GET", where, asks, base=base))
            return (reply.body, reply.media) if msgspec.json.decode(reply.body).get("value") else None

        if stream is None:
            return Topic(url, Choice(), "TRUE", {}, render, rows=OBSERVATIONS)
        return Topic(
            url, Choice(streams=frozenset({stream})), _STREAMS, {"streams": [stream]}, render, rows=OBSERVATIONS
        )

    def _entities(self, url: str, base: str, where: str, resource: Resource, given: Mapping[str, str]) -> Topic:
        """Entities of a set that are new or changed; or one, or its property, when it is changed."""
        last, whole = resource.steps[-1], resource.target == "set"
        kind = self._second.dialect.forms[last.entity].kind
        self._second.answer(Request("GET", where, urlencode({**given, "$top": "0"} if whole else given), base=base))
        before = b""

        def render(rows: pa.Table) -> tuple[bytes, str] | None:
            nonlocal before
            subjects = [str(s).split(" ") for s in rows["subject"].to_pylist()]
            ids = list(dict.fromkeys(s[1] for s in subjects if s[-1] != "deleted"))
            asks = dict(given)
            if whole:
                which = f"id in ({','.join(_quoted(id) for id in ids)})"
                asks["$filter"] = f"({given['$filter']}) and {which}" if "$filter" in given else which
                asks["$top"] = str(ENTITIES)
            elif last.id is not None and str(last.id) not in ids:
                return None
            try:
                reply = self._second.answer(Request("GET", where, urlencode(asks), base=base))
            except NotFound:
                return None  # it is gone
            if whole:
                return (reply.body, reply.media) if ids and msgspec.json.decode(reply.body)["value"] else None
            told = before != reply.body
            before = reply.body
            return (reply.body, reply.media) if told and reply.body else None

        return Topic(
            url, Choice(), "starts_with(o.subject, $kind)", {"kind": f"{kind} "}, render, rows=ENTITIES, entities=True
        )


def _quoted(id: str) -> str:
    return "'" + id.replace("'", "''") + "'"


def denied(where: str, options: str) -> str:
    """Why an address below that of SensorThings 2.0 cannot be subscribed to, as `HELP` has it; nothing where it can (23-019, 10.5)."""
    try:
        resource = path.parse(where, _SCHEMA, 0, _LIMITS)
    except CityTwinError:
        return "no_topic"
    if resource.target not in ("set", "entity", "property"):
        return "no_topic"
    if f"v2.0/{resource}" in TOPICS_DENIED:
        return "topic_denied"
    named = {name for name, _ in parse_qsl(options, keep_blank_values=True)}
    return "odata_option_denied" if named - {"$select", "$expand", "$filter"} else ""


class _News(live.Newest, frozen=True):
    """The same, and how many readings were left out for newer ones."""

    missed: int


def _columns(rows: pa.Table) -> tuple[bytes, str]:
    """Last readings as `/api/newest` has them."""
    told = _News(
        rows["stream"].to_pylist(), milliseconds(rows["time"]), rows["value"].to_pylist(), rows["quality"].to_pylist(), sum(rows["missed"].to_pylist())
    )  # fmt: skip
    return msgspec.json.encode(told), JSON


class Announced:
    """ASGI middleware: the answers of topics name the hub and themselves, so that one can subscribe to what one sees."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not _is_topic(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                base = origin(scope)
                query = scope["query_string"].decode("latin-1")
                here = base + scope["raw_path"].partition(b"?")[0].decode("latin-1") + (f"?{query}" if query else "")
                why = denied(scope["path"].removeprefix(SECOND), query) if scope["path"].startswith(SECOND) else ""
                other = f'<{base}{HUB}#{why}>; rel="help"' if why else f'<{here}>; rel="self"'
                named: Any = (b"link", f'<{base}{HUB}>; rel="hub", {other}'.encode("latin-1"))
                message["headers"] = [*message["headers"], named]
            await send(message)

        await self._app(scope, receive, tell)


def _is_topic(path: str) -> bool:
    if path == SECOND or path.startswith(SECOND + "/"):
        return True
    return path == "/api/newest" or bool(_READINGS.fullmatch(path) or _STREAM.fullmatch(path))
