"""How does one sign in? With name, password and, where there is one, a second factor; the first time with a one-time link."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any

import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citytwin.api.gate import Tries, address, cookie, same_origin
from citytwin.api.house import House
from citytwin.api.oidc import elsewhere
from citytwin.api.route import JSON, Body, Call, document
from citytwin.engine.people import SHIFT, People
from citytwin.kernel.errors import Conflict, Forbidden, Unauthorized
from citytwin.kernel.right import Caller

LARGEST = 4096
"""Bytes of what is sent to sign in."""
Word = Annotated[str, msgspec.Meta(max_length=200)]


class SignIn(Body, frozen=True, kw_only=True):
    """Who one is, and what shows it."""

    id: Word
    password: Word
    code: Word = ""


class Arrival(Body, frozen=True, kw_only=True):
    """The word of a one-time link, and the password one wants to have; without it, whose link it is is told."""

    word: Word
    password: Word = ""


class Session:
    """`POST /api/session` signs in, `DELETE` signs out. The session is known by a cookie that scripts cannot read and other sites cannot send."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._tries = Tries()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope, receive)
        people = self._house.people
        if scope["method"] not in ("POST", "DELETE"):
            raise HTTPException(405, f"{scope['path']} does not take {scope['method']}", {"Allow": "DELETE, POST"})
        if people is None:
            raise Conflict("nobody signs in here: the city is served with --no-auth", "serve it without", "session")
        if not same_origin(call.headers):
            raise Forbidden("the request comes from another site", "sign in on the page of this city", "Origin")
        if scope["method"] == "DELETE":
            secret = cookie_parser(call.headers.get("cookie", "")).get(cookie(scope), "")
            caller = people.known(secret, "session") if secret else None
            further = ""
            if caller:
                further = await anyio.to_thread.run_sync(partial(elsewhere, self._house, caller.token))
                await anyio.to_thread.run_sync(partial(_out, people, caller, address(scope)))
            await _answer({"signed_out": caller is not None, "elsewhere": further}, "", scope, receive, send)
            return
        given = document(await call.body(LARGEST), SignIn)
        assert isinstance(given, SignIn)
        await enter(self._tries, self._house, scope, receive, send, given.id, given.password, given.code)


class Welcome:
    """`POST /api/welcome`: whoever has a one-time link sets a password, and is signed in."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._tries = Tries()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope, receive)
        people = self._house.people
        if scope["method"] != "POST":
            raise HTTPException(405, f"{scope['path']} does not take {scope['method']}", {"Allow": "POST"})
        if people is None:
            raise Conflict("nobody signs in here: the city is served with --no-auth", "serve it without", "welcome")
        if not same_origin(call.headers):
            raise Forbidden("the request comes from another site", "open the link in a browser", "Origin")
        given = document(await call.body(LARGEST), Arrival)
        assert isinstance(given, Arrival)
        self._tries.ask(address(scope), time.monotonic())
        try:
            person = people.linked(given.word)
        except Unauthorized:
            self._tries.miss(address(scope), time.monotonic())
            raise
        if not given.password:
            await _answer({"id": person.id, "title": person.title}, None, scope, receive, send)
            return
        work = partial(people.set_password, person.id, given.password, word=given.word)
        await anyio.to_thread.run_sync(work)
        if person.secured:  # a link takes the place of the password alone
            await _answer({"id": person.id, "title": person.title}, None, scope, receive, send)
            return
        await enter(self._tries, self._house, scope, receive, send, person.id, given.password, "")


async def enter(
    tries: Tries, house: House, scope: Scope, receive: Receive, send: Send, id: str, password: str, code: str
) -> None:
    """Sign somebody in, and put on record that they were, or were not."""
    people, rulers = house.people, house.signin is not None and house.signin.rulers
    assert people is not None
    where, agent = address(scope), Call(scope, receive).headers.get("user-agent", "")
    tries.ask(where, time.monotonic())

    def work() -> str:
        try:
            secret = people.sign_in(id, password, code, where, agent, rulers)
        except Unauthorized as e:
            people.note(None, where, "sign_in", id[:60], 401, detail={"why": e.where})
            raise
        people.note(people.known(secret), where, "sign_in", id, 200)
        return secret

    held = cookie_parser(Call(scope, receive).headers.get("cookie", "")).get(cookie(scope), "")
    before = people.known(held, "session") if held else None
    try:
        secret = await anyio.to_thread.run_sync(work)
    except Unauthorized:
        tries.miss(where, time.monotonic())
        raise
    if before:  # whoever signs in anew leaves no session behind that another may know
        await anyio.to_thread.run_sync(partial(people.end, [before.token]))
    person = people.person(id)
    await _answer({"id": person.id, "title": person.title}, secret, scope, receive, send)


def _out(people: People, caller: Caller, where: str) -> None:
    people.end([caller.token])
    people.note(caller, where, "sign_out", caller.id, 200)


async def _answer(body: dict[str, Any], secret: str | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer; with a secret it is set as the session's cookie, with "" the cookie goes."""
    answer = Response(msgspec.json.encode(body), 200, {"Cache-Control": "no-store"}, JSON)
    secure = scope.get("scheme") == "https"
    if secret:
        answer.set_cookie(
            cookie(scope), secret, max_age=int(SHIFT.total_seconds()), httponly=True, samesite="strict", secure=secure
        )
    elif secret == "":
        answer.headers["Clear-Site-Data"] = '"cache"'
        answer.delete_cookie(cookie(scope), httponly=True, samesite="strict", secure=secure)
    await answer(scope, receive, send)
