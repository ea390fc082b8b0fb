"""Who may come in? The one place at which every request is asked who sends it, and whether they may: what no line here allows is refused."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from citytwin.api.pace import Pace
from citytwin.api.trail import WHENCE, Trail
from citytwin.api.view import Views
from citytwin.engine.people import People
from citytwin.kernel.errors import Forbidden, NotFound, TooMany, Unauthorized
from citytwin.kernel.right import CALLER, NOBODY, OPEN, REACH, Caller
from citytwin.settings import Rates

COOKIE = "citytwin"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
ANY = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
PUBLIC = "public"
"""What nobody is asked for: the web app itself, signing in, and the public face of a city."""
NEEDS: tuple[tuple[frozenset[str], str, str], ...] = (
    # signing in, and what one does for oneself
    (ANY, r"/api/session", PUBLIC),
    (ANY, r"/api/welcome", PUBLIC),
    (READS, r"/api/signin(/start|/back)?", PUBLIC),
    (frozenset({"POST"}), r"/api/signin/logout", PUBLIC),  # of the provider, which signs it
    (frozenset({"POST"}), r"/api/signin/link", "session"),
    (ANY, r"/api/signin[./].*", "rule"),
    (READS, r"/api/me(/.*)?", "self"),
    (READS, r"/api/roles", "self"),
    (READS, r"/api/city", PUBLIC),  # its name, before anybody signs in
    (frozenset({"POST"}), r"/api/me/.*", "session"),
    (READS, r"/api/public/.*", PUBLIC),  # plans of which somebody said that everybody may see them
    # the public face: Open311 shows what citizens reported, and nothing else
    (READS | {"POST"}, r"/open311/v2/.*", PUBLIC),
    # people, rights and the system
    (ANY, r"/api/(people|bodies|tokens|sessions)([./].*)?", "rule"),
    (frozenset({"POST"}), r"/api/backups", "rule"),
    # what was done, and its proof
    (READS, r"/api/audit", "prove"),
    (READS, r"/api/assets/[^/]+/access", "rule or prove"),
    # readings
    (frozenset({"POST"}), r"/api/observations", "send"),
    (frozenset({"POST"}), r"/write|/api/v2/write", "send"),
    (READS, r"/ping|/health", PUBLIC),
    (READS | {"POST"}, r"/query", "see"),
    (frozenset({"POST"}), r"/sta/v[12]\.[01]/CreateObservations", "send"),
    (frozenset({"POST"}), r"/sta/v[12]\.[01]/(Observations|(Multi)?Datastreams\([^/]*\)/Observations)", "send"),
    (frozenset({"POST"}), r"/sta/v[12]\.[01]/\$batch", "see"),  # each of its parts is asked for anew
    (frozenset({"POST", "PUT", "PATCH", "DELETE"}), r"/sta/.*", "tend"),
    (READS, r"/sta(/.*)?", "see"),
    (frozenset({"POST"}), r"/websub", "tend"),
    (READS, r"/websub", "see"),
    # data, and what keeps it
    (frozenset({"POST"}), r"/api/streams/[^/]*/edits(/.*)?", "tend"),
    (frozenset({"POST"}), r"/api/assets", "tend"),
    (frozenset({"POST"}), r"/api/feeds[./].*", "tend"),
    (frozenset({"POST"}), r"/api/holds(/.*)?", "tend"),
    # plans
    (frozenset({"POST"}), r"/api/(plans|targets)/.*", "plan"),
    (frozenset({"POST"}), r"/api/drafts(/.*)?", "plan"),
    # alarms and cases
    (frozenset({"POST"}), r"/api/(alarms|alarm-holds|cases)(/.*)?", "act"),
    (frozenset({"POST"}), r"/api/draws(/.*)?", "act"),
    (frozenset({"POST"}), r"/api/files", "act or plan"),
    # questions that are asked with a body
    (frozenset({"POST"}), r"/api/case-types/bpmn", "see"),
    (frozenset({"POST"}), r"/api/(decision-tables|scorecards)/.*", "see"),
    (frozenset({"POST"}), r"/grafana/.*", "see"),
    (READS, r"/grafana(/.*)?", "see"),
    (READS, r"/ogc(/.*)?", "see"),
    # what is told to whom
    (READS | {"POST"}, r"/api/notifications(/.*)?", "see"),  # one's own
    (READS, r"/api/outbox", "tend"),
    (frozenset({"POST"}), r"/api/(notify|outbox)[./].*", "tend"),
    # models
    (frozenset({"POST"}), r"/api/runs", "run"),
    # everything else of the interface may be read; and the web app's files are everybody's
    (READS, r"/api/.*", "see"),
    (READS, r"/(?!api/|sta/|ogc/|grafana/|write|query).*", PUBLIC),
)
"""Methods, path and the right it takes; the first that fits holds, and what none fits is refused."""
_NEEDS = tuple((methods, re.compile(path), right) for methods, path, right in NEEDS)
WHOLE = (
    r"/api/(people|bodies|tokens|sessions|signin|assets/[^/]+/access|audit|outbox|drafts|draws|feeds|notify|keep|doors|mqtt)([./].*)?",
    r"/(query|websub)",
)
"""What is about no asset, or about all: whoever may see a part does not see it."""
PARTS: tuple[tuple[str, str], ...] = (
    # the subject is in the path: it is looked for among what they may do this with
    (r"/api/alarms/(?P<id>[^/]+)/(acknowledge|reset)", "SELECT 1 FROM alarm WHERE alarm = $id"),
    (r"/api/cases/(?P<id>[^/]+)/(acts|advance)", "SELECT 1 FROM case_file WHERE case_id = $id"),
    (r"/api/alarm-holds/(?P<id>[0-9]{1,18})/release", "SELECT 1 FROM alarm_hold WHERE hold = CAST($id AS BIGINT) AND asset_id <> '*'"),
    (r"/api/streams/(?P<id>[^/]+)/edits(/.*)?", "SELECT 1 FROM stream WHERE stream = $id"),
    # it is in the body: whoever carries it out asks `kernel.right.reached`
    (r"/api/(cases|alarm-holds|alarms/acknowledge|observations|files)", ""),
    (r"/write|/api/v2/write", ""),
    (r"/sta/v[12]\.[01]/(CreateObservations|Observations|(Multi)?Datastreams\([^/]*\)/Observations)", ""),
)  # fmt: skip
"""What may be changed with a right for a part of the city. What is not here takes the right for all of it."""
_WHOLE = re.compile("|".join(f"(?:{path})" for path in WHOLE))
_PARTS = tuple((re.compile(path), sql) for path, sql in PARTS)
MOST_TRIES, TRIES_S = 30, 60.0
"""Refused sign-ins from one address before it has to wait, and refused requests that are put on record."""


def needed(method: str, path: str) -> str:
    """The right that a request takes; "" where nobody may send it."""
    for methods, pattern, right in _NEEDS:
        if method in methods and pattern.fullmatch(path):
            return right
    return ""


def allowed(caller: Caller | None, right: str) -> bool:
    """Whether they may."""
    if right == PUBLIC:
        return True
    if caller is None or not right:
        return False
    if right in ("self", "session"):
        return right == "self" or caller.via in ("session", "open")
    return any(caller.may(r) for r in right.split(" or "))


def partly(caller: Caller | None, right: str) -> bool:
    """Whether they may, though not in all of the city."""
    if caller is None or right in (PUBLIC, "self", "session"):
        return False
    return not any(caller.whole(r) for r in right.split(" or "))


def in_part(method: str, path: str) -> bool:
    """Whether a right for a part of the city is enough for it, there."""
    right = needed(method, path)
    if right in ("", PUBLIC, "self", "session") or path.startswith("/api/notifications"):
        return bool(right)
    if _WHOLE.fullmatch(path):
        return False
    return method in READS or right == "see" or any(pattern.fullmatch(path) for pattern, _ in _PARTS)


def permit(method: str, path: str, inside: bool = False) -> None:
    """Whoever asks may do this; `inside` of something else only with a right for all of the city, unless they but look. Raises Forbidden."""
    right, caller = needed(method, path), CALLER.get()
    if not allowed(caller, right):
        raise _forbidden(right, path)
    if inside and method not in READS and partly(caller, right):
        raise Forbidden("you may not do this as a part of something else", "send it by itself", path[:200])


def _forbidden(right: str, path: str) -> Forbidden:
    hint = (
        "sign in: no token does this"
        if right == "session"
        else f"it takes the right to {right}: ask your administrator"
        if right
        else "nobody may"
    )
    return Forbidden("you may not do this", hint, path[:200])


class Gate:
    """ASGI middleware around everything a city answers. Without `people`, nobody is asked who they are."""

    def __init__(
        self, app: ASGIApp, people: People | None, key: str, views: Views, rates: Rates, loopback: bool = False
    ) -> None:
        self._app, self._people, self._key, self._views, self._loopback = app, people, key, views, loopback
        self._pace = Pace(rates)
        self._refused = Tries()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        people = self._people
        if people is None or scope["type"] != "http":
            if self._loopback and scope["type"] == "http" and not here(Headers(scope=scope).get("host", "")):
                raise Forbidden("this city is called by another name", "it is for this machine alone: http://localhost", "Host")  # fmt: skip
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        headers = Headers(scope=scope)
        caller = self._caller(headers, people, cookie(scope))
        right = needed(method, path)
        unsafe = method not in READS
        self._pace.ask(caller, address(scope), right, unsafe)
        if not allowed(caller, right):
            await self._refuse(people, caller, scope)
            if caller is None:
                raise Unauthorized(
                    "nobody knows who asks", "sign in, or send a token: Authorization: Bearer ct_…", "Authorization"
                )
            raise _forbidden(right, path)
        if unsafe and caller and caller.via == "session" and not same_origin(headers):
            raise Forbidden("the request comes from another site", "use the web app of this city, or a token", "Origin")
        CALLER.set(caller or NOBODY)
        WHENCE.set(address(scope))
        app = self._app
        if caller and partly(caller, right):
            app = await self._part(caller, right, method, path)
        if not unsafe or right in ("send", "see"):
            await app(scope, receive, send)
            return
        hashed = hashlib.sha256()

        async def hear() -> Message:
            message = await receive()
            hashed.update(message.get("body", b""))
            return message

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                held.append(message)
                return
            if held:  # what is answered is on record
                begun = held.pop()
                detail = await trail.after(begun["status"], message.get("body", b""))
                work = partial(people.note, caller, address(scope), method.lower(), path, begun["status"], hashed.hexdigest(), detail)  # fmt: skip
                await anyio.to_thread.run_sync(work)
                await send(begun)
            await send(message)

        trail = Trail(self._app, scope)
        held: list[Message] = []
        await trail.before()
        await app(scope, hear, tell)

    async def _part(self, caller: Caller, right: str, method: str, path: str) -> ASGIApp:
        """What answers whoever may do this in a part of the city alone. Raises Forbidden, NotFound."""
        looks = method in READS or right == "see"
        if looks and not _WHOLE.fullmatch(path) and (view := self._views.ready(caller, *right.split(" or "))):
            return self._app if path.startswith("/api/notifications") else view.app
        assets = await anyio.to_thread.run_sync(self._views.assets, caller, *right.split(" or "))
        if assets is None or path.startswith("/api/notifications"):  # what is told to somebody is theirs
            return self._app
        if _WHOLE.fullmatch(path):
            raise Forbidden("you may see a part of the city alone", f"it takes the right to {right} in all of it", path[:200])  # fmt: skip
        if looks:
            return (await anyio.to_thread.run_sync(self._views.of, assets)).app
        for pattern, sql in _PARTS:
            if found := pattern.fullmatch(path):
                REACH.set(assets)
                if sql:
                    await anyio.to_thread.run_sync(self._find, assets, sql, unquote(found["id"]), path)
                return self._app
        raise Forbidden("you may not do this", f"it takes the right to {right} in all of the city: ask your administrator", path[:200])  # fmt: skip

    def _find(self, assets: frozenset[str], sql: str, id: str, path: str) -> None:
        """Whether a subject is there for whoever has a right at these assets. Raises NotFound, as for one that is not there at all."""
        if not self._views.of(assets).house.twin.store.fetch(sql, {"id": id}).num_rows:
            raise NotFound(f"there is no '{id[:80]}'", "see the list", path[:200])

    async def _refuse(self, people: People, caller: Caller | None, scope: Scope) -> None:
        """Put a refusal on record, unless the address is refused all the time. A page that asks whether somebody is signed in is none."""
        if caller is None and scope["path"] == "/api/me":
            return
        who, now = address(scope), time.monotonic()
        if self._refused.late(who, now) < MOST_TRIES:  # a flood of them tells no more than its beginning
            self._refused.miss(who, now)
            told = partial(
                people.note, caller, who, "refused", f"{scope['method']} {scope['path']}", 403 if caller else 401
            )
            await anyio.to_thread.run_sync(told)

    def quick(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether whoever sends these headers (names in lower case) is known to be allowed to send readings of any stream."""
        if self._people is None:
            return not self._loopback or here(headers.get(b"host", b"").decode("latin-1"))
        kind, _, word = headers.get(b"authorization", b"").partition(b" ")
        caller = self._people.known(word.decode("latin-1"), "token") if kind == b"Bearer" else None
        return caller is not None and caller.whole("send")

    def _caller(self, headers: Headers, people: People, name: str) -> Caller | None:
        """Who sends a request: by token (Bearer, InfluxDB's Token, or as the password of Basic), by the key of the machine, or by the cookie of a session."""
        given = headers.get("authorization", "")
        if given:
            kind, _, word = given.partition(" ")
            word = word.strip()
            if kind.lower() == "basic":
                try:
                    word = base64.b64decode(word, validate=True).decode().partition(":")[2]
                except (binascii.Error, UnicodeDecodeError):
                    return None
            elif kind.lower() not in ("bearer", "token"):
                return None
            if self._key and hmac.compare_digest(word.encode(), self._key.encode()):
                return Caller("", "citytwin", OPEN.rights, "key", OPEN.grants)
            return people.known(word, "token")
        word = cookie_parser(headers.get("cookie", "")).get(name, "")
        return people.known(word, "session") if word else None


def cookie(scope: Scope) -> str:
    """The name of a session's cookie. Behind TLS a browser holds to its prefix: set for this host alone, over TLS, for all paths (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{COOKIE}" if scope.get("scheme") == "https" else COOKIE


def here(host: str) -> bool:
    """Whether a Host header names this machine by its loopback: a page of another site that had its name lead here (DNS rebinding) is called otherwise."""
    name = urlsplit(f"//{host}").hostname or ""
    return name in ("localhost", "::1") or re.fullmatch(r"127\.\d{1,3}\.\d{1,3}\.\d{1,3}", name) is not None


def same_origin(headers: Headers) -> bool:
    """Whether a browser sent this from a page of this city (a session's cookie is also SameSite=Strict)."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def address(scope: Scope) -> str:
    """From where a request comes."""
    client: Any = scope.get("client")
    return str(client[0]) if client else ""


class Tries:
    """Counts refused tries from each address."""

    def __init__(self) -> None:
        self._of: dict[str, list[float]] = {}

    def late(self, who: str, now: float) -> int:
        """How many were refused of late."""
        late = [t for t in self._of.get(who, ()) if now - t < TRIES_S]
        if late:
            self._of[who] = late
        else:
            self._of.pop(who, None)
        return len(late)

    def ask(self, who: str, now: float) -> None:
        """Raises TooMany where there were too many of late."""
        if self.late(who, now) >= MOST_TRIES:
            raise TooMany(
                "there were too many tries from this address",
                f"try again in {TRIES_S:.0f} s",
                "address",
                wait_s=TRIES_S,
            )

    def miss(self, who: str, now: float) -> None:
        """One was refused."""
        if len(self._of) > 10_000:
            self._of.clear()
        self._of.setdefault(who, []).append(now)
