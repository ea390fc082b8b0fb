"""What is in a form of several parts? `multipart/form-data` (RFC 7578) of browsers and telephones: fields and files, whole and bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from citytwin.kernel.errors import BadRequest, TooLarge

MULTIPART = "multipart/form-data"
MOST = 200
"""Parts of one form."""
LONGEST = 64 * 1024
"""Bytes of one field that is no file."""
HEAD = 8 * 1024
"""Bytes of the head of a part."""


@dataclass(frozen=True, slots=True)
class Part:
    """A field, or, where it has a `filename`, a file."""

    name: str
    data: bytes
    filename: str | None = None


def parts(body: bytes, content_type: str) -> Iterator[Part]:
    """The parts of a form in their order. Raises BadRequest where it is none or ends too early, TooLarge."""
    boundary = _parameter(content_type, "boundary")
    if not boundary or len(boundary) > 70 or not re.fullmatch(r"[ -~]*[!-~]", boundary):
        raise BadRequest("the form names no boundary between its parts", f"{MULTIPART}; boundary=…", "Content-Type")
    mark = b"--" + boundary.encode()
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise BadRequest("the form ends before its last part does", "send it whole, with its closing boundary", "body")
    if len(pieces) - 2 > MOST:
        raise TooLarge(f"the form has {len(pieces) - 2} parts", f"at most {MOST}", "body")
    for piece in pieces[1:-1]:
        head, gap, data = piece.partition(b"\r\n\r\n")
        if not gap or len(head) > HEAD or head.strip(b" \t\r\n") == b"":
            raise BadRequest("a part of the form has no head, or a head without end", "see RFC 7578", "body")
        yield _part(head, data)


def _part(head: bytes, data: bytes) -> Part:
    try:
        lines = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError:
        raise BadRequest("the head of a part is not UTF-8", "encode names as UTF-8", "body") from None
    headers = {k.strip().lower(): v.strip() for k, sign, v in (line.partition(":") for line in lines) if sign}
    disposition = headers.get("content-disposition", "")
    name = _parameter(disposition, "name")
    if not disposition.lower().startswith("form-data") or not name:
        raise BadRequest("a part of the form has no name", 'Content-Disposition: form-data; name="…"', "body")
    if headers.get("content-transfer-encoding", "binary").lower() not in ("binary", "8bit", "7bit"):
        raise BadRequest(f"part '{name[:60]}' is coded", "send it as it is (RFC 7578, 4.7)", name[:60])
    filename = _parameter(disposition, "filename")
    if filename is None and len(data) > LONGEST:
        raise TooLarge(f"field '{name[:60]}' has {len(data)} bytes", f"at most {LONGEST}; a file has a filename", name[:60])  # fmt: skip
    return Part(name, data, filename)


def _parameter(header: str, name: str) -> str | None:
    """A parameter of a header, as browsers write it: quotes in names come as %22, other bytes as they are."""
    message = Message()
    message["x"] = header.replace("\r", " ").replace("\n", " ")
    found = message.get_param(name, None, "x")
    if isinstance(found, tuple):  # name*=utf-8''… (RFC 2231)
        return found[2]
    return found if found is None else found.replace("%22", '"')
