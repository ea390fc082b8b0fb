"""How does one sign in through the identity provider of the city? To it and back (OpenID Connect, code flow with PKCE), linking accounts, and signing out from there."""

from __future__ import annotations

import contextlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated
from urllib.parse import parse_qsl

import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citytwin.api.gate import COOKIE, MOST_TRIES, TRIES_S, Tries, address
from citytwin.api.house import House
from citytwin.api.people import Done
from citytwin.api.route import JSON, Body, Call, Route
from citytwin.engine.oidc import Provider, ProviderFailed
from citytwin.engine.people import SHIFT, People, digest
from citytwin.engine.signin import SignIn
from citytwin.kernel.errors import BadRequest, CityTwinError, Conflict, Fault, NotFound, TooMany, Unauthorized
from citytwin.kernel.right import CALLER, Caller
from citytwin.kernel.title import Title

PATHS = ("/api/signin/start", "/api/signin/back", "/api/signin/link", "/api/signin/logout")
BROWSER = "citytwin_signin"
"""The cookie by which the browser that went to the provider is known when it comes back."""
GOOD_S = 600.0
"""How long somebody may take at the provider."""
MOST_AWAY, MOST_FROM_ONE = 5000, 200
"""People on their way, and those of them from one address; the oldest begins anew."""
LARGEST = 64 * 1024
WITHIN = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f-\U0010ffff]{0,999}")
"""A page of this city, and never of another: one slash, and no second."""
Text = Annotated[str, msgspec.Meta(max_length=255)]


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody on their way to the provider and back: what shows that it is they who return. `person` and `pass_` where they link their account."""

    browser: str
    nonce: str
    verifier: str
    to: str
    since: float
    address: str
    person: str = ""
    pass_: str = ""


class Door:
    """The way to the provider and back: `/api/signin/start`, `/back`, `/link` and `/logout`."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._away: dict[str, Away] = {}
        self._tries = Tries()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        signin, provider, people = _all(self._house)
        path = scope["path"].rpartition("/")[2]
        method = "GET" if path in ("start", "back") else "POST"
        if scope["method"] != method:
            raise HTTPException(405, f"{scope['path']} does not take {scope['method']}", {"Allow": method})
        call = Call(scope, receive)
        given = _only(scope["query_string"].decode("latin-1")) if method == "GET" else {}
        if path == "start":
            answer = await self._start(provider, scope, given.get("to", "/"))
        elif path == "link":
            answer = await self._link(provider, scope)
        elif path == "back":
            answer = await self._back(signin, provider, people, scope, call, given)
        else:
            answer = await self._logout(signin, provider, people, scope, await call.body(LARGEST))
        answer.headers["Cache-Control"] = "no-store"
        await answer(scope, receive, send)

    # -- there

    async def _start(self, provider: Provider, scope: Scope, to: str) -> Response:
        to = to if WITHIN.fullmatch(to) and not to.startswith("/api") else "/"
        try:
            url, browser = await self._leave(provider, scope, to)
        except ProviderFailed:
            return _see("/?signin=provider")
        return self._known(_see(url), scope, browser)

    async def _link(self, provider: Provider, scope: Scope) -> Response:
        caller = CALLER.get()
        url, browser = await self._leave(provider, scope, "/account?signin=linked", caller.id, caller.token)
        return self._known(Response(msgspec.json.encode({"address": url}), 200, media_type=JSON), scope, browser)

    async def _leave(self, provider: Provider, scope: Scope, to: str, person: str = "", pass_: str = "") -> tuple[str, str]:  # fmt: skip
        state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _ in range(4))
        url = await anyio.to_thread.run_sync(partial(provider.authorize, state, nonce, verifier))
        now, where = time.monotonic(), address(scope)
        for old in [s for s, a in self._away.items() if now - a.since > GOOD_S]:
            del self._away[old]
        mine = [s for s, a in self._away.items() if a.address == where]
        for many, most in ((mine, MOST_FROM_ONE), (list(self._away), MOST_AWAY)):
            for old in many[: len(many) - most + 1]:
                self._away.pop(old, None)
        self._away[state] = Away(digest(browser), nonce, verifier, to, now, where, person, pass_)
        return url, browser

    def _known(self, answer: Response, scope: Scope, browser: str) -> Response:
        # Lax: the provider is another site, and sends the browser back with a link
        answer.set_cookie(BROWSER, browser, max_age=int(GOOD_S), path="/api/signin", httponly=True, samesite="lax", secure=scope.get("scheme") == "https")  # fmt: skip
        return answer

    # -- and back

    async def _back(self, signin: SignIn, provider: Provider, people: People, scope: Scope, call: Call, given: Mapping[str, str]) -> Response:  # fmt: skip
        where, now = address(scope), time.monotonic()
        if self._tries.late(where, now) >= MOST_TRIES:
            raise TooMany("there were too many tries from this address", f"try again in {TRIES_S:.0f} s", "address")
        browser = cookie_parser(call.headers.get("cookie", "")).get(BROWSER, "")
        away = self._away.get(given.get("state", ""))
        if away is None or not hmac.compare_digest(away.browser, digest(browser)) or now - away.since > GOOD_S:
            self._tries.miss(where, now)
            return await self._refused(people, where, "state", "/", "")
        del self._away[given["state"]]  # good once
        page = "/account" if away.person else "/"
        if "error" in given:
            why = "denied" if given["error"] == "access_denied" else "provider"
            return await self._refused(people, where, why, page, given["error"][:60])
        agent = call.headers.get("user-agent", "")
        work = partial(self._arrive, signin, provider, people, away, given, where, agent)
        try:
            secret = await anyio.to_thread.run_sync(work)
        except ProviderFailed as e:
            return await self._refused(people, where, "provider", page, e.message)
        except BadRequest as e:  # a body, place or pack of signin.yaml that is there no longer
            return await self._refused(people, where, "setup", page, e.message)
        except (Unauthorized, Conflict, NotFound) as e:
            self._tries.miss(where, now)
            whys = ("unknown", "account", "taken", "nothing", "disabled", "acr", "amr")
            why = "linked-otherwise" if isinstance(e, Conflict) else e.where if e.where in whys else "token"
            return await self._refused(people, where, "strength" if why in ("acr", "amr") else why, page, f"{e.where}: {e.message}")  # fmt: skip
        answer = _see(away.to)
        answer.delete_cookie(BROWSER, path="/api/signin", httponly=True, samesite="lax", secure=scope.get("scheme") == "https")  # fmt: skip
        if secret:
            answer.set_cookie(COOKIE, secret, max_age=int(SHIFT.total_seconds()), httponly=True, samesite="strict", secure=scope.get("scheme") == "https")  # fmt: skip
        return answer

    def _arrive(self, signin: SignIn, provider: Provider, people: People, away: Away, given: Mapping[str, str], where: str, agent: str) -> str:  # fmt: skip
        """The secret of the new session; "" where an account was linked alone."""
        issuer = provider.declared.issuer
        if given.get("iss", issuer) != issuer or ("iss" not in given and provider.metadata().names_itself):
            raise Unauthorized("the answer is of another provider", "begin once more", "iss")  # RFC 9207
        if not given.get("code"):
            raise Unauthorized("the provider sends no code", "begin once more", "code")
        if away.person and not people.alive(away.pass_):
            raise Unauthorized("the session has ended meanwhile", "sign in, and begin once more", "session")
        claims, token = provider.redeem(given["code"], away.verifier, away.nonce)
        held = signin.identities.arrive(provider.declared, claims, away.person)
        if away.person:
            people.note(_via(people, held.person), where, "link", held.person, 200, detail={"issuer": issuer, "subject": held.subject})  # fmt: skip
            return ""
        made, secret = people.admit(held.person, where, agent)
        sid = claims.get("sid")
        signin.identities.began(made.id, held.person, sid if isinstance(sid, str) else "", token)
        people.note(_via(people, held.person), where, "sign_in", held.person, 200, detail={"via": "oidc", "subject": held.subject})  # fmt: skip
        return secret

    async def _refused(self, people: People, where: str, why: str, page: str, detail: str) -> Response:
        note = partial(people.note, None, where, "sign_in", "", 401, detail={"via": "oidc", "why": why, "detail": detail[:300]})  # fmt: skip
        await anyio.to_thread.run_sync(note)
        return _see(f"{page}?signin={why}")

    # -- the provider ends a session (Back-Channel Logout 1.0)

    async def _logout(self, signin: SignIn, provider: Provider, people: People, scope: Scope, raw: bytes) -> Response:
        where, now = address(scope), time.monotonic()
        self._tries.ask(where, now)
        token = _only(raw.decode("latin-1")).get("logout_token", "")

        def work() -> None:
            subject, sid = provider.logged_out(token)
            ended = signin.identities.end(provider.declared.issuer, subject, sid)
            people.note(None, where, "sign_out", "", 200, detail={"via": "oidc", "subject": subject, "ended": ended})

        try:
            await anyio.to_thread.run_sync(work)
        except Unauthorized as e:
            self._tries.miss(where, now)
            told = {"error": "invalid_request", "error_description": e.message}
            return Response(msgspec.json.encode(told), 400, media_type=JSON)
        return Response(b"", 200)


def elsewhere(house: House, pass_: str) -> str:
    """Where the browser goes to sign out at the provider as well; "" where the session did not come from there, or it cannot be asked."""
    signin = house.signin
    if signin is None or signin.provider is None or not pass_:
        return ""
    hint = signin.identities.hint(pass_)
    try:
        return "" if hint is None else signin.provider.leave(hint, f"{signin.provider.declared.address.rstrip('/')}/")
    except ProviderFailed:
        return ""


def _via(people: People, id: str) -> Caller:
    person = people.person(id)
    return Caller(person.id, person.title, frozenset(), "oidc", person.grants, person.body)


def _see(url: str) -> Response:
    return Response(b"", 303, {"Location": url})


def _only(query: str) -> dict[str, str]:
    """Parameters that are given once; one that is given twice is not there."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True)[:50]:
        found.setdefault(name, []).append(value)
    return {k: v[0] for k, v in found.items() if len(v) == 1}


def _all(house: House) -> tuple[SignIn, Provider, People]:
    if house.signin is None or house.signin.provider is None or house.people is None:
        raise NotFound("nobody signs in through a provider here", "declare one in signin.yaml, or mend it", "signin.yaml")  # fmt: skip
    return house.signin, house.signin.provider, house.people


class SigninShown(msgspec.Struct, frozen=True):
    """How one signs in here: through a provider (`title` on the button), and who may with a password."""

    provider: bool
    title: Title
    passwords: str


class IdentityShown(msgspec.Struct, frozen=True):
    """Who an account is at the provider; `issuer` is empty where it is linked to nothing."""

    person: str
    issuer: str = ""
    subject: str = ""
    title: str = ""
    linked: datetime | None = None
    seen: datetime | None = None
    password: bool = False
    """Whether there is a password as well."""


class StrangerShown(msgspec.Struct, frozen=True):
    """Somebody whom the provider knows, and no account here."""

    subject: str
    title: str
    account: str
    time: datetime


class SigninState(msgspec.Struct, frozen=True, kw_only=True):
    """How the provider stands, what is wrong in `signin.yaml`, and who was not let in since the start."""

    declared: bool
    faults: list[Fault]
    issuer: str = ""
    redirect: str = ""
    logout: str = ""
    reachable: bool | None = None
    asked: datetime | None = None
    keys: int = 0
    keys_since: datetime | None = None
    error: str = ""
    error_at: datetime | None = None
    linked: int = 0
    last: datetime | None = None
    rulers_with_password: bool = False
    strangers: list[StrangerShown] = msgspec.field(default_factory=list)


class IdentityBody(Body, frozen=True, kw_only=True):
    """The subject (`sub`) of somebody at the provider."""

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


def show_signin(house: House) -> SigninShown:
    """How one signs in here; it is asked before anybody is known"""
    signin = house.signin
    if signin is None:
        return SigninShown(False, Title("", ""), "everybody")
    file = signin.declared.file
    return SigninShown(file is not None, file.title if file else Title("", ""), signin.declared.passwords)


def signin_state(house: House) -> SigninState:
    """How the identity provider stands"""
    signin, people = house.signin, house.people
    if signin is None or people is None:
        raise NotFound("there are no accounts here: the city is served with --no-auth", "serve it without", "people")
    ids, faults = signin.identities, list(signin.declared.faults)
    if signin.provider is None:
        return SigninState(declared=bool(faults), faults=faults, linked=ids.count, last=ids.last)
    h, d = signin.provider.health, signin.provider.declared
    return SigninState(
        declared=True, faults=faults, issuer=d.issuer, redirect=d.redirect, logout=f"{d.address.rstrip('/')}/api/signin/logout", reachable=h.reachable, asked=h.asked,
        keys=h.keys, keys_since=h.keys_since, error=h.error, error_at=h.error_at, linked=ids.count, last=ids.last, rulers_with_password=people.settled,
        strangers=[StrangerShown(s.subject, s.title, s.account, s.time) for s in reversed(list(ids.strangers.values()))],
    )  # fmt: skip


def check_signin(house: House) -> SigninState:
    """Ask the identity provider now for its metadata and keys"""
    _, provider, _ = _all(house)
    with contextlib.suppress(CityTwinError):  # what is wrong is in the answer
        provider.look()
    return signin_state(house)


def my_identity(house: House) -> IdentityShown:
    """Who one is at the provider"""
    return _identity(house, CALLER.get().id)


def drop_my_identity(house: House) -> Done:
    """One's account is not linked to the provider any longer; it takes a password"""
    id = CALLER.get().id
    if house.people and not house.people.has_password(id):
        raise Conflict("nobody could sign in by this account", "ask an administrator for a one-time link, and set a password first", "password")  # fmt: skip
    return unlink_person(house, id)


def show_identity(house: House, id: str) -> IdentityShown:
    """Who somebody is at the provider"""
    if house.people is None:
        raise NotFound("there are no accounts here: the city is served with --no-auth", "serve it without", "people")
    return _identity(house, id)


def link_identity(house: House, id: str, body: IdentityBody) -> IdentityShown:
    """Link somebody's account to who they are at the provider"""
    signin, provider, people = _all(house)
    known = signin.identities.strangers.get(body.subject)
    signin.identities.link(id, provider.declared.issuer, body.subject, known.title if known else "")
    people.note(CALLER.get(), "", "change", f"person {id}", 200, detail={"before": None, "after": {"issuer": provider.declared.issuer, "subject": body.subject}})  # fmt: skip
    return _identity(house, id)


def unlink_person(house: House, id: str) -> Done:
    """Somebody's account is not linked to the provider any longer; sessions that came from there end"""
    if house.signin is None or house.people is None:
        raise NotFound("there are no accounts here: the city is served with --no-auth", "serve it without", "people")
    held = house.signin.identities.unlink(id)
    house.people.note(CALLER.get(), "", "change", f"person {id}", 200, detail={"before": {"issuer": held.issuer, "subject": held.subject}, "after": None})  # fmt: skip
    return Done()


def _identity(house: House, id: str) -> IdentityShown:
    if house.signin is None or house.people is None or not id:
        return IdentityShown(id)
    has = house.people.has_password(id)
    held = house.signin.identities.of(id)
    if held is None:
        return IdentityShown(id, password=has)
    return IdentityShown(id, held.issuer, held.subject, held.title, held.linked, held.seen, has)


ROUTES = (
    Route("GET", "/signin", show_signin),
    Route("GET", "/signin.state", signin_state),
    Route("POST", "/signin.check", check_signin, bare=True),
    Route("GET", "/me/identity", my_identity),
    Route("POST", "/me/identity/drop", drop_my_identity, bare=True),
    Route("GET", "/people/{id}/identity", show_identity),
    Route("POST", "/people/{id}/identity", link_identity),
    Route("POST", "/people/{id}/identity/drop", unlink_person, bare=True),
)
