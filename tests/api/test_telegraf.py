"""Requests as Telegraf's outputs `influxdb` and `influxdb_v2` send them, over a real socket; what its source makes of an answer is the oracle.

An answer of 204 is delivered. 4xx drops the batch, so nothing that may succeed later may be told so; 503 is sent again after `Retry-After`.
"""

from __future__ import annotations

import gzip
import http.client
import json
import urllib.parse
from collections.abc import Iterator

import pytest

from tests.served import Served

TEXT = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "Telegraf/1.33.0 Go/1.23.4"}
FIRST = {**TEXT, "Authorization": "Basic dGVsZWdyYWY6c2VjcmV0"}
SECOND = {**TEXT, "Authorization": "Token secret"}
START = 1_769_817_600_000_000_000
"""2026-01-31T00:00:00Z in nanoseconds."""


@pytest.fixture
def line(empty: Served) -> Iterator[http.client.HTTPConnection]:
    """One connection, kept open from request to request as Telegraf keeps its own."""
    made = http.client.HTTPConnection(urllib.parse.urlsplit(empty.url).netloc, timeout=60)
    yield made
    made.close()


@pytest.fixture(scope="module")
def stream(empty: Served) -> str:
    kind = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
    one = {"name": "load", "description": "", "observationType": kind, "unitOfMeasurement": {"name": "one", "symbol": "1", "definition": "1"},
           "Sensor": {"name": "host", "description": "", "encodingType": "text/plain", "metadata": "host"},
           "ObservedProperty": {"name": "load", "definition": "urn:load", "description": ""}}  # fmt: skip
    status, told = empty.post(
        "/sta/v1.1/Things", json.dumps({"name": "gateway", "description": "", "Datastreams": [one]}).encode()
    )
    assert status == 201, told
    return str(empty.get(f"/sta/v1.1/Things('{told['@iot.id']}')/Datastreams")["value"][0]["@iot.id"])


def chunked(body: bytes) -> Iterator[bytes]:
    """The body as Go sends what it packs while it writes: of unknown length."""
    for at in range(0, len(body), 700):
        yield body[at : at + 700]


def ask(
    line: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes, http.client.HTTPMessage]:
    if headers.get("Content-Encoding") == "gzip":
        line.request("POST", path, chunked(gzip.compress(body)), headers, encode_chunked=True)
    else:
        line.request("POST", path, body, headers)
    answer = line.getresponse()
    return answer.status, answer.read(), answer.headers


def points(stream: str, first: int, count: int) -> bytes:
    return b"".join(
        b"system,host=gw-1,stream=%s load1=%d,\n".replace(b",\n", b" %d\n")
        % (stream.encode(), first + n, START + (first + n) * 10**9)
        for n in range(count)
    )


def values(empty: Served, stream: str) -> list[float]:
    page = empty.get(f"/sta/v1.1/Datastreams('{stream}')/Observations?$top=1000&$orderby=phenomenonTime&$select=result")
    return [o["result"] for o in page["value"]]


def test_what_version_1_sends_from_its_start(line: http.client.HTTPConnection, empty: Served, stream: str) -> None:
    form = {**FIRST, "Content-Type": "application/x-www-form-urlencoded"}
    status, told, _ = ask(line, "/query", urllib.parse.urlencode({"q": 'CREATE DATABASE "telegraf"'}).encode(), form)
    assert status == 200
    assert "error" not in told.decode()
    assert ask(line, "/write?db=telegraf", points(stream, 0, 50), FIRST)[:2] == (204, b"")
    assert ask(
        line,
        "/write?db=telegraf&rp=autogen&consistency=any",
        points(stream, 50, 50),
        {**FIRST, "Content-Encoding": "gzip"},
    )[:2] == (204, b"")
    # a batch whose answer was lost is sent again
    assert ask(line, "/write?db=telegraf", points(stream, 50, 50), FIRST)[:2] == (204, b"")
    assert [v for v in values(empty, stream) if v < 100] == list(map(float, range(100)))


def test_what_version_2_sends(line: http.client.HTTPConnection, empty: Served, stream: str) -> None:
    path = "/api/v2/write?bucket=city&org=testville"
    assert ask(line, path, points(stream, 200, 50), SECOND)[:2] == (204, b"")
    assert ask(line, path, points(stream, 250, 50), {**SECOND, "Content-Encoding": "gzip"})[:2] == (204, b"")
    assert [v for v in values(empty, stream) if 200 <= v < 300] == list(map(float, range(200, 300)))


@pytest.mark.parametrize("path", ["/write?db=telegraf", "/api/v2/write?bucket=city&org=o"])
def test_of_a_batch_with_points_of_nobody_the_others_stay(
    line: http.client.HTTPConnection, empty: Served, stream: str, path: str
) -> None:
    """Telegraf drops a batch that is answered with 400: what can be kept must have been kept, and the words are InfluxDB's."""
    first = 400 if "db" in path else 500
    body = points(stream, first, 3) + b"cpu,host=gw-1 usage=1 %d\n" % START + points(stream, first + 3, 3)
    status, told, _ = ask(line, path, body, FIRST if "db" in path else SECOND)
    assert status == 400
    said = json.loads(told)
    assert "partial write" in said["error" if "db" in path else "message"]
    assert "code" in said or "db" in path
    assert "database not found" not in told.decode()  # Telegraf would create it and send all again
    assert [v for v in values(empty, stream) if first <= v < first + 100] == [float(first + n) for n in range(6)]


@pytest.mark.parametrize("precision", ["ns", "us", "ms", "s"])
def test_precisions(line: http.client.HTTPConnection, empty: Served, stream: str, precision: str) -> None:
    scale = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}[precision]
    n = 600 + ["ns", "us", "ms", "s"].index(precision)
    body = b"system,stream=%s load1=%d %d\n" % (stream.encode(), n, (START + n * 10**9) // scale)
    assert ask(line, f"/write?db=t&precision={precision}", body, FIRST)[0] == 204
    found = empty.get(f"/sta/v1.1/Datastreams('{stream}')/Observations?$filter=result%20eq%20{n}")["value"]
    assert [o["phenomenonTime"] for o in found] == [f"2026-01-31T00:10:{n - 600:02d}Z"]


def test_what_version_1_asks_whether_it_lives(line: http.client.HTTPConnection) -> None:
    for method, path, status in (("GET", "/ping", 204), ("HEAD", "/ping", 204), ("GET", "/health", 200)):
        line.request(method, path)
        answer = line.getresponse()
        body = answer.read()
        assert answer.status == status
        assert answer.headers["X-Influxdb-Version"]
        assert not body or json.loads(body)["status"] == "pass"


def test_a_connection_that_breaks_off_within_a_body_leaves_nothing(empty: Served, stream: str) -> None:
    """Half of a body with its length told, and half of a chunked one, packed or not."""
    import socket

    host, _, port = urllib.parse.urlsplit(empty.url).netloc.partition(":")
    body = points(stream, 700, 100)
    before = values(empty, stream)
    for head in (
        f"POST /write?db=t HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2],
        b"POST /write?db=t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n",
        b"POST /api/observations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % 60
        + b"stream,time,value\n%s,2026-01-31T01:00:00Z,701\n"[:60] % stream.encode()[:60],
        f"POST /sta/v1.1/Datastreams('{stream}')/Observations HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n".encode()
        + b'{"phenomenonTime":"2026-01-31T01:00:00Z","result":702}',
    ):  # fmt: skip
        with socket.create_connection((host, int(port)), timeout=10) as cut:
            cut.sendall(head)
    assert empty.get("/api/health")["status"] == "ok"
    assert values(empty, stream) == before
