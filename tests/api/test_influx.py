"""Points as Telegraf sends them: versions 1 and 2 of InfluxDB's write doors (their documentation is the oracle for status codes and bodies)."""

from __future__ import annotations

import gzip

import pytest

from tests.api.conftest import Caller

GOOD = "warmth,asset=lamp-3,host=gw value=21.5 1773100000000000000\ntrial,asset=lamp-3 warmth=22i 1773100060000000000\n"
"""2026-03-09T23:46:40Z and a minute later."""


def readings(own: Caller) -> list[float]:
    found = own.get(
        "/api/streams/lamp-3.trial.warmth/observations?since=2026-03-09T20:00:00Z&until=2026-03-10T04:00:00Z"
    )
    return list(found.json()["value"])


@pytest.mark.parametrize("path", ["/write?db=telegraf&precision=ns", "/api/v2/write?org=o&bucket=b&precision=ns"])
@pytest.mark.parametrize("packed", [False, True])
def test_points_become_readings(own: Caller, path: str, packed: bool) -> None:
    body = gzip.compress(GOOD.encode()) if packed else GOOD.encode()
    answer = own.post(path, content=body, headers={"Content-Encoding": "gzip"} if packed else {})
    assert (answer.status_code, answer.content) == (204, b"")
    assert readings(own) == [21.5, 22]
    assert own.post(path, content=body, headers={"Content-Encoding": "gzip"} if packed else {}).status_code == 204
    assert readings(own) == [21.5, 22]  # sent again it is stored once


def test_a_point_of_nobody_is_named_and_the_others_are_kept(own: Caller) -> None:
    body = (
        GOOD
        + "warmth,asset=nobody value=1 1773100000000000000\ncpu usage=1 1773100000000000000\nwarmth,asset=lamp-3 value=x 1\n"
    )
    answer = own.post("/write?db=t", content=body)
    assert answer.status_code == 400
    said = answer.json()["error"]
    assert "partial write" in said
    assert "dropped=3" in said
    assert all(f"line {n}" in said for n in (3, 4, 5))
    assert readings(own) == [21.5, 22]
    second = own.post("/api/v2/write?bucket=b", content="cpu usage=1 1").json()
    assert second["code"] == "invalid"


def test_what_an_agent_asks_before_it_writes(client: Caller) -> None:
    assert client.get("/ping").status_code == 204
    assert "X-Influxdb-Version" in client.get("/ping").headers
    assert client.post("/query", params={"q": 'CREATE DATABASE "telegraf"'}).json() == {
        "results": [{"statement_id": 0}]
    }
    assert client.get("/query", params={"q": "SELECT 1"}).status_code == 400
    assert client.get("/health").json()["status"] == "pass"
    assert client.get("/write").status_code == 405


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/write?precision=day", b"cpu v=1 1", {}, 400),
        ("/write", b"no gzip", {"Content-Encoding": "gzip"}, 400),
        ("/write", gzip.compress(b"cpu v=1 1", mtime=0)[:-6], {"Content-Encoding": "gzip"}, 400),
        ("/write", b"x", {"Content-Encoding": "br"}, 415),
        ("/write", gzip.compress(b"#" * (65 * 1024 * 1024), mtime=0), {"Content-Encoding": "gzip"}, 413),
        ("/api/v2/write", b"\xff\xfe", {}, 400),
    ],
)
def test_what_is_refused(client: Caller, path: str, body: bytes, headers: dict[str, str], status: int) -> None:
    answer = client.post(path, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["message" if "v2" in path else "error"]
