"""The short way of single readings: it answers as the long way does, and gives way to it wherever there is more to be asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import anyio.from_thread
import pytest
from starlette.types import ASGIApp

from citytwin.api.app import app
from citytwin.api.house import House
from tests.api.conftest import Caller

URL = "/api/observations"
STREAM = "lamp-3.trial.warmth"
JSON = {"Content-Type": "application/json"}
LONG = {"Content-Type": "application/json; profile=long"}
"""The same to everybody; the short way leaves it to the long one."""


def row(value: Any = 20.0, time: str = "2026-03-10T03:00:00Z", stream: str = STREAM, **more: Any) -> dict[str, Any]:
    return {"stream": stream, "time": time, "value": value, **more}


def post(caller: Caller, body: Any, headers: dict[str, str], query: str = "") -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return caller.post(f"{URL}{query}", content=content, headers=headers)


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (row(), ""),
        ([row(), row(21.0, "2026-03-10T03:01:00Z")], ""),
        (row(9999), ""),
        (row(), "?key=a-1"),
        ([row(), row(stream="lamp-99.trial.warmth")], ""),
        (row(time="2027-01-01T00:00:00Z"), ""),
        (row(None), ""),
        (row(None, quality=9), ""),
        (row(unit="K", value=290), ""),
        (row(unit="kg"), ""),
        ([], ""),
        (b"{", ""),
        (b"null", ""),
    ],
)
def test_the_short_way_answers_as_the_long_one(
    build: Callable[..., House], portal: anyio.from_thread.BlockingPortal, body: Any, query: str
) -> None:
    short, long = (post(Caller(build(), portal), body, headers, query) for headers in (JSON, LONG))
    assert short.status_code == long.status_code
    told, meant = short.json(), long.json()
    assert told == meant
    assert short.headers["content-type"] == long.headers["content-type"]
    assert short.headers["x-content-type-options"] == "nosniff"


def test_a_key_is_taken_once_on_either_way(own: Caller) -> None:
    first = post(own, row(), JSON, "?key=k1").json()
    for headers in (JSON, LONG):
        again = post(own, row(), headers, "?key=k1").json()
        assert again == {**first, "repeated": True}
    assert post(own, row(22.0, "2026-03-10T03:05:00Z"), JSON, "?key=k2").json()["batch"] == first["batch"] + 1


def exchange(house: House | ASGIApp, scope: dict[str, Any], messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []

    async def run() -> None:
        left = iter(messages)

        async def receive() -> dict[str, Any]:
            return next(left, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            told.append(message)

        await (app(house) if isinstance(house, House) else house)(scope, receive, send)

    anyio.run(run)
    return told


def asked(body: bytes, **more: Any) -> dict[str, Any]:
    headers = [(b"host", b"city"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return {
        "type": "http",
        "method": "POST",
        "path": URL,
        "raw_path": URL.encode(),
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
        **more,
    }


def test_a_body_in_parts_is_put_together(own_house: House) -> None:
    body = json.dumps(row()).encode()
    parts = [
        {"type": "http.request", "body": body[:20], "more_body": True},
        {"type": "http.request", "body": body[20:], "more_body": False},
    ]
    told = exchange(own_house, asked(body), parts)
    assert told[0]["status"] == 201
    assert json.loads(told[1]["body"])["accepted"] == 1


def test_a_client_that_goes_before_its_body_came_leaves_nothing(own_house: House) -> None:
    body = json.dumps(row()).encode()
    before = own_house.twin.store.fetch("SELECT count(*) AS n FROM observation_all")["n"][0].as_py()
    exchange(own_house, asked(body), [{"type": "http.request", "body": body[:20], "more_body": True}])
    assert own_house.twin.store.fetch("SELECT count(*) AS n FROM observation_all")["n"][0].as_py() == before


def test_a_packed_body_is_not_read_as_it_is(own_house: House) -> None:
    body = json.dumps(row()).encode()
    scope = asked(body)
    scope["headers"].append((b"content-encoding", b"gzip"))
    told = exchange(own_house, scope, [{"type": "http.request", "body": body, "more_body": False}])
    assert told[0]["status"] == 415


def test_a_reading_over_sensorthings_says_where_it_is(own_house: House, own: Caller) -> None:
    path = "/sta/v1.1/Datastreams('lamp-1.trial.warmth')/Observations"
    city = app(own_house)

    def observe(time: str) -> list[dict[str, Any]]:
        body = b'{"phenomenonTime":"%s","result":21.25}' % time.encode()
        scope = asked(body, path=path, raw_path=path.encode())
        return exchange(city, scope, [{"type": "http.request", "body": body, "more_body": False}])

    assert b"Datastream" in observe("2026-03-10T04:00:00Z")[1]["body"]  # the first is answered whole
    told = observe("2026-03-10T12:01:00+08:00")
    assert told[0]["status"] == 201
    link = dict(told[0]["headers"])[b"location"].decode()
    assert json.loads(told[1]["body"]) == {"@iot.id": link.split("'")[1], "@iot.selfLink": link}
    assert link.startswith("http://city/sta/v1.1/Observations(")
    read = own.get(link.removeprefix("http://city")).json()
    assert (read["result"], read["phenomenonTime"]) == (21.25, "2026-03-10T04:01:00Z")
