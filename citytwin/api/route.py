"""How is a question asked? One declaration per route: its function. What it takes is parsed, checked and documented from there."""

from __future__ import annotations

import inspect
import re
import types
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache, cached_property, partial
from typing import Any, Protocol, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import anyio.to_thread
import msgspec
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citytwin.api.house import House
from citytwin.kernel.errors import BadRequest, Fault, Forbidden, TooLarge, Unsupported
from citytwin.kernel.right import CALLER

Signed = TypeVar("Signed", bound=msgspec.Struct)
JSON = "application/json"
SMALL = 4096
"""Bytes below which an answer is not worth compressing."""
EARLIEST, LATEST = datetime(1600, 1, 1, tzinfo=UTC), datetime(2600, 1, 1, tzinfo=UTC)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """The query parameters of a route: one field each."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON body of a route."""


class Nothing(Body, frozen=True, kw_only=True):
    """There is nothing to say: an empty object. That it is asked for keeps pages of other sites out, which cannot send JSON unasked."""


class Call:
    """One request, for the few routes that read their body themselves."""

    __slots__ = ("_receive", "headers", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.headers = Headers(scope=scope)
        self._receive = receive

    async def body(self, largest: int, coded: bool = False) -> bytes:
        """The whole body, as it came if it may be `coded`. Raises TooLarge as soon as it is longer than `largest`, be it announced or seen."""
        if not coded and self.headers.get("content-encoding", "identity") != "identity":
            raise Unsupported("the body is compressed", "send it as it is", "Content-Encoding")
        hint = f"send at most {largest} bytes at once, in several parts if need be"
        announced = self.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > largest:
            raise TooLarge(f"the body has {announced} bytes", hint, "body")
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect()
            part = message.get("body", b"")
            size += len(part)
            if size > largest:
                raise TooLarge(f"the body has more than {largest} bytes", hint, "body")
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)


@dataclass(frozen=True)
class Route:
    """`method` `path` is answered by the function `answer`.

    Its parameters say what it takes: `house`; those named in the path; `query`, a Query; `body`, a Body; `call`, the Call. A coroutine
    function is run on the loop, any other in a thread. Its first line of documentation is the summary, what it returns is
    the answer, unless it returns bytes: then `response` says what is in them. What only acts (`bare`) takes an empty JSON object.
    """

    method: str
    path: str
    answer: Callable[..., Any]
    status: int = 200
    media: str = JSON
    response: Any = None
    bodies: tuple[str, ...] = (JSON,)
    bare: bool = False
    takes: Mapping[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "takes", get_type_hints(self.answer, include_extras=True))

    @cached_property
    def summary(self) -> str:
        """What the route answers, in one line."""
        return (inspect.getdoc(self.answer) or "").partition("\n")[0]

    @cached_property
    def about(self) -> str:
        """What else there is to say of it."""
        return " ".join((inspect.getdoc(self.answer) or "").partition("\n")[2].split())

    @property
    def name(self) -> str:
        """The name of its function."""
        return self.answer.__name__

    @property
    def noun(self) -> str:
        """What it asks about."""
        return self.answer.__module__.rpartition(".")[2]

    @cached_property
    def gives(self) -> Any:
        """The type of the answer."""
        return self.response or self.takes["return"]

    @cached_property
    def query(self) -> type[Query]:
        """The class of its query parameters."""
        return self.takes.get("query", Query)  # type: ignore[no-any-return]  # annotated so

    @cached_property
    def body(self) -> type[Body] | None:
        """The class of its body."""
        return Nothing if self.bare else self.takes.get("body")

    @cached_property
    def slots(self) -> dict[str, Any]:
        """The parameters in its path, with their types."""
        return {name: self.takes[name] for name in re.findall(r"{(\w+)}", self.path)}

    @cached_property
    def parameters(self) -> dict[str, msgspec.structs.FieldInfo]:
        """The query parameters by name."""
        return {f.encode_name: f for f in msgspec.structs.fields(self.query)}

    @cached_property
    def is_async(self) -> bool:
        """Whether it runs on the loop."""
        return inspect.iscoroutinefunction(self.answer)

    def read_slots(self, given: Mapping[str, str], zone: str) -> dict[str, Any]:
        """The parameters in the path. Raises BadRequest."""
        read = {}
        for name, kind in self.slots.items():
            try:
                read[name] = value(given[name], kind, zone)
            except ValueError as e:
                raise BadRequest(f"'{given[name][:100]}' in the path: {e}", f"{name}: {_kind(kind)}", name) from None
        return read

    def read_query(self, text: bytes, zone: str) -> Query:
        """The query parameters. Raises BadRequest naming every one that is unknown, given twice or not of its kind."""
        given: dict[str, Any] = {}
        faults: list[Fault] = []
        for name, raw in parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True):
            described = self.parameters.get(name)
            if described is None:
                name = name[:100]
                known = f"known: {', '.join(self.parameters)}" if self.parameters else "there are none"
                faults.append(Fault(name, "UNKNOWN", f"'{name}' is not a parameter here", known))
            elif name in given:
                faults.append(Fault(name, "TWICE", f"'{name}' is given twice", "give it once"))
            elif raw:  # an empty one is as good as none
                try:
                    given[name] = value(raw, described.type, zone)
                except ValueError as e:
                    faults.append(Fault(name, "VALUE", f"{name}={raw[:100]}: {e}", _kind(described.type)))
        for name, described in self.parameters.items():
            if described.required and name not in given and all(f.where != name for f in faults):
                faults.append(Fault(name, "MISSING", f"'{name}' is required", _kind(described.type)))
        if faults:
            raise BadRequest(faults[0].message, faults[0].hint, faults[0].where, tuple(faults))
        return self.query(**given)


def value(text: str, kind: Any, zone: str) -> Any:
    """The value of a parameter written in a URL. Raises ValueError saying what is wrong."""
    inner = plain(kind)
    if "\0" in text:
        raise ValueError("there is a NUL in it")
    if inner is datetime:
        return moment(text, zone)
    if inner is date:
        day = date.fromisoformat(text)
        if not EARLIEST.date() <= day <= LATEST.date():
            raise ValueError("no day that this city knows of")
        return day
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as e:
        raise ValueError(said(e)[0]) from None


def moment(text: str, zone: str) -> datetime:
    """A moment in UTC; one without an offset is read by the city's clock. Raises ValueError."""
    made = datetime.fromisoformat(text)
    made = made if made.tzinfo else made.replace(tzinfo=ZoneInfo(zone))
    if not EARLIEST.year < made.year < LATEST.year:
        raise ValueError("no time that this city knows of")
    return made.astimezone(UTC)


def plain(kind: Any) -> Any:
    """The type without None and without what was said about it."""
    if get_origin(kind) in (Union, types.UnionType):
        return plain(next(k for k in get_args(kind) if k is not type(None)))
    return get_args(kind)[0] if hasattr(kind, "__metadata__") else kind


def said(error: msgspec.ValidationError) -> tuple[str, str]:
    """What is wrong and where, in plain words."""
    message, _, path = str(error).partition(" - at `$")
    message = message.replace("Object missing required field", "lacks").replace(
        "Object contains unknown field", "unknown field"
    )
    return message.replace("`", "'"), path.rstrip("`").removeprefix(".")


def _kind(kind: Any) -> str:
    inner = plain(kind)
    if inner is datetime:
        return "a time such as 2025-06-30T08:00:00Z (write + as %2B)"
    if inner is date:
        return "a day such as 2025-06-30"
    if inner is bool:
        return "true or false"
    if choices := get_args(inner):
        return f"one of: {', '.join(map(str, choices))}"
    low, high = (next((getattr(m, k) for m in _metas(kind) if getattr(m, k) is not None), None) for k in ("ge", "le"))
    name = "a whole number" if inner is int else "text"
    return f"{name} from {low} to {high}" if high is not None else name


def _metas(kind: Any) -> list[msgspec.Meta]:
    if get_origin(kind) in (Union, types.UnionType):
        return [m for k in get_args(kind) for m in _metas(k)]
    return [m for m in getattr(kind, "__metadata__", ()) if isinstance(m, msgspec.Meta)]


class Place:
    """One path as an ASGI app: here, and only here, questions move from the loop to a thread and back."""

    def __init__(self, house: House, routes: Mapping[str, Route]) -> None:
        self._house = house
        self._routes = routes
        self._zone = house.twin.city.zone
        self._allow = ", ".join(sorted({*routes, *(["HEAD"] if "GET" in routes else [])}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        route = self._routes.get("GET" if method == "HEAD" else method)
        if route is None:
            raise HTTPException(405, f"{scope['path'][:200]} does not take {method}", {"Allow": self._allow})
        given = route.read_slots(scope["path_params"], self._zone)
        query = route.read_query(scope["query_string"], self._zone)
        if "query" in route.takes:
            given["query"] = signed(query)
        if "house" in route.takes:
            given["house"] = self._house
        call = Call(scope, receive)
        packed = method != "HEAD" and "gzip" in call.headers.get("accept-encoding", "")
        if route.is_async:
            if "call" in route.takes:
                given["call"] = call
            data, coding = encoded(await route.answer(**given), packed)
        else:
            raw = await self._document(route, call) if route.body else b""
            work = partial(self._work, route, given, raw, packed)
            data, coding = await anyio.to_thread.run_sync(work, limiter=self._house.limiter)
        headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding", **coding}
        await Response(data, route.status, headers, route.media)(scope, receive, send)

    def _work(self, route: Route, given: dict[str, Any], raw: bytes, packed: bool) -> tuple[bytes, dict[str, str]]:
        if route.body:
            body = signed(document(raw, route.body))
            given |= {} if route.bare else {"body": body}
        return encoded(route.answer(**given), packed)

    async def _document(self, route: Route, call: Call) -> bytes:
        media = call.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media not in route.bodies:
            raise Unsupported(f"the body comes as '{media[:100]}'", f"send {' or '.join(route.bodies)}", "Content-Type")
        return await call.body(self._house.largest_document)


def own(name: str) -> str:
    """The name under which somebody asks or acts; where people sign in it is theirs, and nobody is another. Raises Forbidden."""
    caller = CALLER.get()
    if caller.via in ("open", "key"):
        return name
    if name not in ("", caller.id, caller.title):
        raise Forbidden(f"you are '{caller.id}', and not '{name[:60]}'", "give your own name", "name")
    return caller.title


def signed(given: Signed) -> Signed:
    """A body or query, done `by` whoever asks. Raises Forbidden."""
    if not _signs(type(given)):
        return given
    said = cast("_By", given).by
    mine = own(said)
    return given if mine == said else msgspec.structs.replace(given, by=mine)


class _By(Protocol):
    by: str


@cache
def _signs(kind: type[msgspec.Struct]) -> bool:
    """Whether it names who does it."""
    return plain(get_type_hints(kind, include_extras=True).get("by")) is str


def document(raw: bytes, kind: type[Body]) -> Body:
    """The body as an object. Raises BadRequest saying where it is wrong."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as e:
        message, where = said(e)
        raise BadRequest(f"the body {where}: {message}" if where else message, _fields(kind), where or "body") from e
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadRequest(f"the body is not JSON: {e}", _fields(kind), "body") from e


def _fields(kind: type[Body]) -> str:
    return f"an object with {', '.join(f.encode_name for f in msgspec.structs.fields(kind))}"


def encoded(answer: Any, packed: bool) -> tuple[bytes, dict[str, str]]:
    """An answer as bytes (NaN and infinities are null), compressed if the caller takes that and it pays."""
    data = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
    if not packed or len(data) < SMALL:
        return data, {}
    gzip = zlib.compressobj(2, wbits=31)
    return gzip.compress(data) + gzip.flush(), {"Content-Encoding": "gzip"}
