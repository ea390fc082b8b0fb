"""What was it before, and what is it now? Each change is looked at through the same door before and after, and the difference goes on record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.types import ASGIApp, Message, Scope

from citytwin.kernel.right import CALLER, OPEN

ANSWER = "answer"
"""What was made is told in the answer."""
SUBJECTS: tuple[tuple[str, str], ...] = (
    (r"/api/cases|/api/alarms/acknowledge|/api/alarm-holds|/api/holds|/api/drafts|/api/draws|/api/runs|/api/files|/api/assets|/api/backups", ANSWER),
    (r"(/api/alarms/[^/]+)/(?:acknowledge|reset)", r"\1"),
    (r"(/api/alarm-holds/[^/]+)/release", r"\1"),
    (r"/api/holds/.*", "/api/keep"),
    (r"(/api/cases/[^/]+)/(?:advance|acts)", r"\1"),
    (r"(/api/draws/[^/]+)/reveal", r"\1"),
    (r"/api/streams/[^/]+/edits/preview|/api/targets/[^/]+/parts/preview|/api/feeds/[^/]+/try|/api/signin\.check", ""),  # nothing is changed
    (r"(/api/streams/[^/]+/edits)(?:/.*)?", r"\1"),
    (r"(/api/targets/[^/]+)/(?:binding|parts)", r"\1"),
    (r"(/api/plans/[^/]+/measures/[^/]+)", r"\1"),
    (r"(/api/plans/[^/]+)/(?:withdraw|public)", r"\1"),
    (r"(/api/drafts/[^/]+)/decisions", r"\1/decisions"),
    (r"(/api/drafts/[^/]+)/publish", "/api/plans"),
    (r"(/api/feeds/[^/]+)/run", r"\1"),
    (r"/api/feeds\.reload", "/api/feeds"),
    (r"/api/notify\.reload|/api/notify/.*", "/api/notify"),
    (r"/api/outbox/.*", "/api/outbox"),
    (r"/websub", "/websub"),
    (r"/api/me/factor.*", "/api/me"),
    (r"/api/me/.*", "/api/me/passes"),
    (r"/api/tokens.*", "/api/tokens"),
    (r"/api/sessions/.*", "/api/sessions"),
    (r"/api/people.*", "/api/people"),
    (r"/api/bodies.*", "/api/bodies"),
)  # fmt: skip
"""A path that changes something, and the one that shows what; the first that fits holds. Answers that tell a secret are none of them."""
_SUBJECTS = tuple((re.compile(path), shown) for path, shown in SUBJECTS)
LARGEST = 4 * 1024 * 1024
"""Bytes of an answer that is looked at; of a larger one the digest of what was sent has to do."""
MOST, LONGEST = 60, 200
"""Differences of one change that are told one by one, and characters of each value."""
FULL = 15_000
"""Characters after which nothing more of a batch is told one by one."""
_IDS = ("id", "@iot.id", "n", "hold", "measure")
WHENCE: ContextVar[str] = ContextVar("whence", default="")
"""The address from which whoever asks does."""


def shown_by(path: str) -> str:
    """The path that shows what a request to `path` changes; "" where none does."""
    if path.startswith("/sta/"):
        return path.removesuffix("/$ref")
    for pattern, shown in _SUBJECTS:
        if found := pattern.fullmatch(path):
            return found.expand(shown) if shown.startswith(("/", "\\")) else shown
    return ""


class Trail:
    """One change: `before` it, and `after`."""

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        self._app, self._scope = app, scope
        self._sta = scope["path"].startswith("/sta/")
        self._path = shown_by(scope["path"])
        if self._sta and scope["method"] == "POST":
            self._path = ANSWER
        self._was: Any = None

    async def before(self) -> None:
        """Look at what is to be changed."""
        self._was = await self._look()

    async def after(self, status: int, answer: bytes) -> Mapping[str, Any] | None:
        """What became of it, for the record; None where nothing did."""
        if status >= 400 or not self._path:
            return None
        if self._path == ANSWER:
            return difference(None, _read(answer))
        told = difference(self._was, await self._look())
        return told and {"of": self._path[:200], **told}

    async def _look(self) -> Any:
        """What the door shows of it, to the record and not to whoever asks: they may change what they may not see."""
        if not self._path.startswith("/"):
            return None
        if self._sta:
            raw = self._scope["raw_path"].partition(b"?")[0].removesuffix(b"/$ref")
        else:
            raw = quote(self._path, safe="/").encode()
        scope = {
            **self._scope, "method": "GET", "path": self._path, "raw_path": raw, "query_string": b"", "path_params": {},
            "headers": [(k, v) for k, v in self._scope["headers"] if k == b"host"],
        }  # fmt: skip
        status, parts = 0, [b""]

        async def nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def take(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            parts.append(message.get("body", b""))

        turn = CALLER.set(OPEN)
        try:
            await self._app(scope, nothing, take)
        finally:
            CALLER.reset(turn)
        return _read(b"".join(parts)) if status == 200 else None


class Several:
    """Changes that came together, such as the parts of a batch: on record as one."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = []
        self.more = 0
        self._size = 0

    def add(self, method: str, path: str, look: Callable[[], bytes | None], carry_out: Callable[[], tuple[int, bytes]]) -> None:  # fmt: skip
        """Carry one out, and remember what it changed."""
        close = self._size < FULL
        was = look() if close and method != "POST" else None
        status, answer = carry_out()
        if not close:
            self.more += 1
            return
        now = look() if method != "POST" and status < 400 else answer
        told = difference(_read(was or b""), _read(now or b"")) if status < 400 else None
        self.changes.append({"change": f"{method} {path[:200]}", "status": status, **(told or {})})
        self._size += len(msgspec.json.encode(self.changes[-1]))

    def told(self) -> Mapping[str, Any]:
        """All of it, for the record."""
        return {"parts": self.changes, **({"more": self.more} if self.more else {})}


def difference(before: Any, after: Any) -> dict[str, Any] | None:
    """What is not alike in two documents, by the path of each value: `before` and `after` hold the differing values alone; None where all is alike."""
    was, now = dict(_leaves(before)), dict(_leaves(after))
    differ = [k for k in dict.fromkeys([*was, *now]) if was.get(k) != now.get(k)]
    if not differ:
        return None
    kept = differ[:MOST]
    more = {"more": len(differ) - MOST} if len(differ) > MOST else {}
    return {
        "before": {k: _cut(was[k]) for k in kept if k in was},
        "after": {k: _cut(now[k]) for k in kept if k in now},
        **more,
    }


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a document by their path; what is in a list goes by its id where it has one."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        for n, inner in enumerate(value):
            name = next((inner[k] for k in _IDS if k in inner), n)
            yield from _leaves(inner, f"{at}[{name}]")
    elif at or value not in (None, {}, []):
        yield at[:200], value


def _cut(value: Any) -> Any:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return value if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _read(data: bytes) -> Any:
    if not data or len(data) > LARGEST:
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
