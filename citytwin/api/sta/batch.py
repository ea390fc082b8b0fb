"""Several requests in one: `$batch` of 18-088 (clause 11) as multipart/mixed, and as JSON after OData 4.01. 2.0 has it as an extension."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import urlsplit

import msgspec

from citytwin.api.sta.desk import JSON, Reply, Request
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.register import addressed

MOST = 1000
"""Requests in one batch."""
Answer = Callable[[Request], Reply]
"""Answers one request; what is refused is a reply, too."""
_LINE = re.compile(rb"(GET|POST|PATCH|PUT|DELETE) (\S{1,8192})(?: HTTP/1\.[01])?\r?\n")
_NAMED = re.compile(rb'"\$([A-Za-z0-9_.-]{1,64})"')
HEAD = 16 * 1024
"""Bytes of the headers of one part."""
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")


@dataclass(slots=True)
class _Part:
    """A request of a batch; `name` is what others call it by, `group` the change set that it belongs to."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    name: str = ""
    group: str = ""
    after: list[str] = field(default_factory=list)


def answer(request: Request, carry_out: Answer, by_address: bool = False) -> Reply:
    """The replies to all requests of a batch, in their order. Raises BadRequest where the batch cannot be read.

    `"$<name>"` in a body stands for the id of what an earlier request made; for its address, where entities are linked by that.
    """
    media = request.headers.get("content-type", "")
    if media.partition(";")[0].strip().lower() == JSON:
        return _json(request, _Run(request.base, carry_out, by_address))
    return _multipart(request, media, _Run(request.base, carry_out, by_address))


class _Run:
    """Carries out the requests of a batch; those of a change set that follow one that failed are not tried."""

    def __init__(self, base: str, carry_out: Answer, by_address: bool) -> None:
        self.base, self.carry_out, self.by_address = base, carry_out, by_address
        self.links: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.failed: set[str] = set()

    def reply(self, part: _Part) -> Reply:
        """The reply to one request."""
        if (part.group and part.group in self.failed) or any(f"#{n}" in self.failed for n in part.after):
            said = {
                "code": 424,
                "type": "error",
                "message": "a request that this one belongs with failed; it was not carried out",
            }
            reply = Reply(424, msgspec.json.encode(said))
        else:
            reply = self.carry_out(self._request(part))
        if reply.status >= 400:
            self.failed |= {part.group, f"#{part.name}"} - {""}
        elif part.name and "Location" in reply.headers:
            self.links[part.name] = where = reply.headers["Location"]
            self.ids[part.name] = where if self.by_address else (addressed(where) or ("", ""))[1]
        return reply

    def _request(self, part: _Part) -> Request:
        url, body = part.url, part.body
        if (named := re.match(r"/?\$([A-Za-z0-9_.-]{1,64})(?=[/?]|$)", url)) and named[1] in self.links:
            url = self.links[named[1]] + url[named.end() :]
        if self.ids:
            body = _NAMED.sub(self._named, body)
        split = urlsplit(url)
        base = urlsplit(self.base).path
        path = split.path
        if path.startswith(f"{base}/") or path == base:
            path = path[len(base) :]
        else:
            path = "/" + path.lstrip("/").removeprefix(f"{base.rpartition('/')[2]}/")
        return Request(part.method, path, split.query, body, part.headers, self.base)

    def _named(self, found: re.Match[bytes]) -> bytes:
        """The id of what an earlier request made, in place of its name."""
        id = self.ids.get(found[1].decode())
        return found[0] if id is None else msgspec.json.encode(id)


def _json(request: Request, run: _Run) -> Reply:
    try:
        said = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadRequest(f"the body is not JSON: {e}", "", "body") from e
    listed = said.get("requests") if isinstance(said, dict) else None
    if not isinstance(listed, list) or len(listed) > MOST:
        raise BadRequest(
            f"a batch is an object with a list of at most {MOST} requests",
            '{"requests": [{"id": "1", "method": "get", "url": "Things"}]}',
            "body",
        )
    told: list[dict[str, Any]] = []
    for part in [_json_part(one, n) for n, one in enumerate(listed)]:  # nothing is done before all can be read
        reply = run.reply(part)
        shown: dict[str, Any] = {"id": part.name, "status": reply.status}
        if reply.headers:
            shown["headers"] = {k.lower(): v for k, v in reply.headers.items()}
        if reply.body:
            shown["body"] = msgspec.Raw(reply.body) if reply.media == JSON else reply.body.decode()
        told.append(shown)
    return Reply(200, msgspec.json.encode({"responses": told}))


def _json_part(one: Any, n: int) -> _Part:
    where = f"requests/{n}"
    if not isinstance(one, dict) or not all(isinstance(one.get(k), str) for k in ("id", "method", "url")):
        raise BadRequest(f"request {n} of the batch lacks id, method or url", "", where)
    method = one["method"].upper()
    if method not in METHODS:
        raise BadRequest(f"request {n} of the batch has the method '{method[:20]}'", ", ".join(METHODS), where)
    body = b"" if one.get("body") is None else msgspec.json.encode(one["body"])
    given = one.get("headers") or {}
    headers = {str(k).lower(): str(v) for k, v in given.items()} if isinstance(given, dict) else {}
    after = one.get("dependsOn") or []
    names = [str(a) for a in after] if isinstance(after, list) else []
    return _Part(method, one["url"], headers, body, one["id"], str(one.get("atomicityGroup") or ""), names)


def _multipart(request: Request, media: str, run: _Run) -> Reply:
    work: list[tuple[int | None, list[_Part]]] = []
    """Requests by themselves, and change sets with their number: nothing is done before all can be read."""
    for n, part in enumerate(_parts(request.body, media)):
        if part.kind == "multipart/mixed":
            work.append((n, [_http(inner, f"set {n}") for inner in _parts(part.body, part["content-type"])]))
        else:
            work.append((None, [_http(part, "")]))
        if sum(len(parts) for _, parts in work) > MOST:
            raise _too_many()
    out = _Mixed("batch")
    for number, parts in work:
        group = out if number is None else _Mixed(f"changeset-{number}")
        for made in parts:
            group.add(run.reply(made), made.name)
        if number is not None:
            out.nest(group)
    return Reply(200, out.body(), {}, f"multipart/mixed; boundary={out.boundary}")


def _too_many() -> BadRequest:
    return BadRequest(f"a batch has at most {MOST} requests; nothing was done", "send several", "body")


def _parts(body: bytes, media: str) -> list[_Piece]:
    found = re.search(r'boundary="?([^";\s]{1,70})"?', media or "")
    if not (media or "").lower().startswith("multipart/mixed") or not found:
        raise BadRequest(
            "a batch comes as multipart/mixed with a boundary, or as JSON",
            "Content-Type: multipart/mixed; boundary=…",
            "Content-Type",
        )
    mark = b"--" + found[1].encode("latin-1", "replace")
    if body.count(mark) > 2 * MOST:  # each has to be taken apart before it can be counted as a request
        raise _too_many()
    pieces = re.split(rb"(?:^|\r?\n)" + re.escape(mark) + rb"(?:--)?[ \t]*(?:\r?\n|$)", body)
    if len(pieces) < 3:
        raise BadRequest("the batch is cut off or has no parts", f"it ends with {mark.decode()}--", "body")
    return [_Piece(piece) for piece in pieces[1:-1]]


class _Piece:
    """A part of a multipart body: its headers, and its bytes as they are."""

    def __init__(self, raw: bytes) -> None:
        head, gap, rest = raw.partition(b"\r\n\r\n")
        if not gap:
            head, _, rest = raw.partition(b"\n\n")
        if len(head) > HEAD:
            raise BadRequest(f"a part of the batch has more than {HEAD} bytes of headers", "", "body")
        self.headers = BytesParser(policy=HTTP).parsebytes(head + b"\r\n\r\n", headersonly=True)
        self.body = rest

    def __getitem__(self, name: str) -> str:
        return str(self.headers[name] or "")

    @property
    def kind(self) -> str:
        """Its media type."""
        return str(self.headers.get_content_type())


def _http(part: _Piece, group: str) -> _Part:
    """The HTTP request within a part."""
    raw = part.body.lstrip()
    found = _LINE.match(raw if raw.endswith(b"\n") else raw + b"\r\n")
    if part.kind != "application/http" or not found:
        raise BadRequest(
            "a part of the batch is no HTTP request",
            "Content-Type: application/http, then for example: GET Things HTTP/1.1",
            "body",
        )
    inner = _Piece(raw[found.end() :] if raw[found.end() :].strip() else b"\r\n\r\n")
    headers = {k.lower(): str(v) for k, v in inner.headers.items()}
    body = inner.body
    return _Part(
        found[1].decode(), found[2].decode("latin-1"), headers, body.strip(), part["content-id"].strip("<>"), group
    )


class _Mixed:
    """Replies as parts of a multipart body."""

    def __init__(self, boundary: str) -> None:
        self.boundary = boundary
        self._parts: list[bytes] = []

    def add(self, reply: Reply, name: str) -> None:
        """Add a reply; `name` is what its request was called by."""
        head = [b"Content-Type: application/http"]
        if name:
            head.append(f"Content-ID: {name}".encode())
        inner = [f"HTTP/1.1 {reply.status} {'OK' if reply.status < 400 else 'Error'}".encode()]
        inner += [f"{k}: {v}".encode() for k, v in reply.headers.items()]
        if reply.body:
            inner.append(f"Content-Type: {reply.media}".encode())
        self._parts.append(b"\r\n".join(head) + b"\r\n\r\n" + b"\r\n".join(inner) + b"\r\n\r\n" + reply.body)

    def nest(self, other: _Mixed) -> None:
        """Add a change set."""
        self._parts.append(f"Content-Type: multipart/mixed; boundary={other.boundary}\r\n\r\n".encode() + other.body())

    def body(self) -> bytes:
        """The whole."""
        mark = f"--{self.boundary}".encode()
        return b"".join(mark + b"\r\n" + part + b"\r\n" for part in self._parts) + mark + b"--\r\n"
