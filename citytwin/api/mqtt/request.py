"""What is asked over MQTT, and what is answered? Requests and responses of SensorThings 2.0 (23-019, 11.3): the whole interface in messages of MQTT 5."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote

from citytwin.api.mqtt.outbox import Message
from citytwin.api.mqtt.packet import Note
from citytwin.api.mqtt.service import V2
from citytwin.api.sta.desk import JSON, Desk, Reply, Request
from citytwin.api.sta.door import answered, refusal
from citytwin.kernel.errors import BadRequest, NotFound, TooLarge

TOPIC = f"{V2}$request"
METHODS = {"read": "GET", "create": "POST", "update": "PATCH", "replace": "PUT", "delete": "DELETE", "execute": "POST"}
"""Types of requests (23-019, 9.2) as the desk knows them."""
LARGEST = 8 * 1024 * 1024
"""Bytes of one response."""
_PLAIN = "$format=application/json;metadata=none"


def response(desk: Desk, payload: bytes, note: Note, key: str) -> Message:
    """The message that answers a request; what is refused is an answer, too. Raises BadRequest where there is nowhere to send it.

    `key` tells responses apart, so that none takes the place of another.
    """
    if not note.response:
        raise BadRequest("the request names no response topic", "set the Response Topic of MQTT 5", TOPIC)
    told = {name.lower(): value for name, value in note.user}
    try:
        reply = _reply(desk, payload, note.content, told)
    except Exception as e:  # whatever it is, whoever asked must hear of it
        reply = refusal(e, told.get("url", TOPIC)[:200])
    headers = [(name.lower(), value) for name, value in reply.headers.items()]
    media = "" if not reply.body else "application/json;charset=UTF-8" if reply.media == JSON else reply.media
    said = Note(media, "", note.correlation, (("status", str(reply.status)), *headers))
    return Message(note.response, reply.body, 1, False, key, said)


def _reply(desk: Desk, payload: bytes, media: str, told: dict[str, str]) -> Reply:
    method = METHODS.get(told.get("type", "").lower())
    if method is None:
        raise BadRequest(f"the request has the type '{told.get('type', '')[:40]}'", ", ".join(METHODS), "type")
    url = encoded(told.get("url", ""))
    path, _, query = url.partition("?")
    if path + "/" != V2 and not path.startswith(V2):
        raise NotFound(f"the url '{path[:100]}' leads to nothing", f"it begins with {V2}", "url")
    if (method == "GET" and "$format=" not in query) or (
        "return=representation" in told.get("prefer", "") and "$format=" not in query
    ):
        query = f"{query}&{_PLAIN}" if query else _PLAIN
    path = path[len(V2) - 1 :]
    if path in ("", "/", "/$metadata"):
        query = ""
    headers = {name: value for name, value in told.items() if name not in ("url", "type")}
    headers["content-type"] = media or JSON  # 23-019, 9.5: unless said otherwise
    reply = answered(desk, Request(method, path, query, payload, headers, V2.rstrip("/")))
    if len(reply.body) > LARGEST:
        raise TooLarge(f"the response has {len(reply.body)} bytes; {LARGEST} are the most", "ask for less: $top, $select", "url")  # fmt: skip
    return replace(reply, headers={n: v for n, v in reply.headers.items() if n.lower() != "cache-control"})


def encoded(url: str) -> str:
    """An address that need not be percent-encoded as one that is: what is encoded already stays, a percent sign by itself and a plus are what they are."""
    return quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", url), safe="%/?:@!$&'()*,;=-._~#[]\"<>|\\^`{}")
