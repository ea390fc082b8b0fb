"""What went wrong, over HTTP? Every failure becomes one shape: application/problem+json (RFC 9457)."""

from __future__ import annotations

import logging
import math
import secrets

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from citytwin.api import chinese
from citytwin.api.sta.error import Unserved
from citytwin.engine.oidc import ProviderFailed
from citytwin.kernel import errors
from citytwin.kernel.errors import CityTwinError, Fault
from citytwin.reader import ReaderError

log = logging.getLogger("citytwin.api")
MEDIA = "application/problem+json"

STATUS: dict[type[CityTwinError], tuple[int, str]] = {
    errors.NotFound: (404, "There is no such thing here"),
    errors.BadRequest: (400, "The request is not one this place takes"),
    errors.BadBatch: (400, "The batch has rows at fault"),
    errors.BadDeclaration: (400, "The declaration has faults"),
    errors.UnitMismatch: (400, "The units do not fit"),
    errors.Unauthorized: (401, "Nobody knows who asks"),
    errors.Forbidden: (403, "Whoever asks may not do this"),
    errors.TooMany: (429, "Somebody asks too often"),
    errors.Conflict: (409, "The request contradicts what is on record"),
    errors.TooLarge: (413, "The body or the answer is too large"),
    errors.Unsupported: (415, "The media type is not one this place takes"),
    Unserved: (501, "This place does not offer that"),
    ReaderError: (422, "The document cannot be read"),
    errors.SourceFailed: (502, "The source of readings did not answer as it should"),
    ProviderFailed: (502, "The identity provider did not answer as it should"),
    errors.StoreBusy: (503, "The store is in use"),
    errors.StoreFailed: (503, "The store did not answer"),
    CityTwinError: (500, "The request could not be carried out"),
}
"""HTTP status and title of every error; one that is not named here has those of its parent."""

MORE = {401: {"WWW-Authenticate": 'Bearer realm="citytwin"'}, 503: {"Retry-After": "5"}}
"""Headers that go with a status."""
HTTP: dict[int, tuple[str, str, str]] = {
    400: ("bad_request", "The request is not one this place takes", ""),
    404: ("not_found", "There is no such thing here", "see /api/docs for what there is"),
    405: ("method_not_allowed", "The method is not one this place takes", ""),
    408: ("too_slow", "The request did not come to its end", "send it whole, or in smaller parts"),
    431: ("head_too_large", "The head of the request is too large", "send fewer and shorter headers"),
}
"""Code, title and hint of what is refused before anything of ours has seen it."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened (`detail`), what to do (`hint`), where, and every single fault. `type` leads to what the code means.

    `title_zh`, `detail_zh` and `hint_zh` say the same in Chinese under /api, where the web app asks; what is told in English only lacks the latter two.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    where: str
    faults: tuple[Fault, ...]
    title_zh: str = ""
    detail_zh: str = ""
    hint_zh: str = ""


def bilingual(told: Problem, path: str) -> Problem:
    """The problem in Chinese as well, where people meet it; what machines ask stays as it is."""
    if not path.startswith("/api/"):
        return told
    said = {
        "title_zh": chinese.title(told.code),
        "detail_zh": chinese.message(told.detail),
        "hint_zh": chinese.hint(told.hint),
    }
    return msgspec.structs.replace(told, **said)


def codes() -> list[tuple[int, str, str]]:
    """Status, code and title of every problem there is."""
    known = {(status, kind.code, title) for kind, (status, title) in STATUS.items()}
    return sorted(
        known | {(status, code, title) for status, (code, title, _) in HTTP.items() if status in (405, 408, 431)}
    )


def problem(error: Exception, path: str) -> tuple[Problem, dict[str, str]]:
    """The problem that tells of `error`, and the headers that go with it. What nobody foresaw is logged, not told."""
    path = path[:200]
    if isinstance(error, CityTwinError):
        status, title = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
        if status >= 500 and status != 501:  # what is not offered is no failure of ours
            log.error("%s: %s", path, error)
        told = Problem(
            _type(error.code), title, status, error.code, error.message, error.hint, error.where, error.faults
        )
        if isinstance(error, errors.TooMany):
            return told, {"Retry-After": str(max(1, math.ceil(error.wait_s)))}
        return told, MORE.get(status, {})
    if isinstance(error, HTTPException):
        code, title, hint = HTTP.get(error.status_code, HTTP[400])
        told = Problem(_type(code), title, error.status_code, code, error.detail, hint, path, ())
        headers = dict(error.headers or {})
        if "Allow" in headers:
            told = msgspec.structs.replace(told, hint=f"it takes {headers['Allow']}")
        return told, headers
    entry = secrets.token_hex(4)
    log.error("%s: entry %s", path, entry, exc_info=error)
    status, title = STATUS[CityTwinError]
    detail = "something failed on our side"
    return Problem(_type("error"), title, status, "error", detail, f"see the server's log, entry {entry}", path, ()), {}


def unheard(status: int, detail: str) -> Problem:
    """The problem of a request that nothing of ours has seen."""
    code, title, hint = HTTP[status]
    return Problem(_type(code), title, status, code, detail, hint, "connection", ())


def _type(code: str) -> str:
    return f"/api/docs#{code}"


class Problems:
    """ASGI middleware: whatever the app raises becomes a problem, unless its answer has already begun."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def note(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note)
        except ClientDisconnect:
            pass
        except Exception as e:
            if begun:
                raise
            told, headers = problem(e, scope["path"])
            headers = {"Cache-Control": "no-store", **headers}
            told = bilingual(told, scope["path"])
            await Response(msgspec.json.encode(told), told.status, headers, MEDIA)(scope, receive, note)
