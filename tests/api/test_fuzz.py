"""Odd questions at every door, asked as each role and as nobody: no failure of ours, nothing that a role may not have, no word of what is inside.

The same questions every time; `FUZZ=1000` asks a thousand times as many, and others every time.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

import anyio.from_thread
import pytest

from citytwin.api.app import ROUTES
from citytwin.api.house import House
from citytwin.api.mqtt.door import MqttDoor
from citytwin.engine import people as people_
from citytwin.engine.people import People
from citytwin.kernel.right import Grant, Person
from citytwin.settings import Mqtt, Rate, Rates
from tests.api.conftest import Caller
from tests.api.test_gate import HELD, PASSWORD, expected

MANY = int(os.environ.get("FUZZ", "1"))
CHANCE = random.Random(None if "FUZZ" in os.environ else 20260310)
ROLES = [*HELD, ""]
INSIDE = re.compile(
    r"Traceback|site-packages|\.py\b|/tmp/|/home/|serving\.json|duckdb|(Binder|Catalog|Parser|Conversion|Invalid Input) Error|observation_all|person_row|pass_row|argon2",
    re.IGNORECASE,
)
"""What no refusal tells."""
NASTY = [
    "", " ", "'", "''", '"', "\\", "%", "%00", "\0", "$", ";", "--", "/*", "' OR 1=1 --", "'; DROP TABLE nobody; --", "1) UNION SELECT password FROM nobody --",
    "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "lamp-1", "lamp-1.trial.warmth", "trial.lamp", "0", "-1", "1e309", "NaN", "9" * 40, "true", "null", "[]", "{}", "é灯💡", "\u202e", "\ud7ff",
    "2026-03-10T04:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "a" * 5000, "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "=1+1", "\r\nX: y", "$filter", "*",
]  # fmt: skip
VALUES: list[Any] = [None, True, -1, 0, 1e308, 2**63, "x", [], {}, [[]] * 3, {"a": {"b": [None]}}, *NASTY]
OPTIONS = ["$filter", "$expand", "$select", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$resultFormat", "filter", "filter-lang", "bbox", "datetime", "limit", "properties", "crs", "sortby",
           "f", "since", "until", "asset", "type", "cursor", "q", "db", "bucket", "precision", "org", "service_request_id", "status", "start_date", "jurisdiction_id", "hub.topic", "as_of", "by", "points"]  # fmt: skip
SENSING = ["Things", "Datastreams", "Observations", "Sensors", "ObservedProperties", "FeaturesOfInterest", "Locations", "HistoricalLocations", "MultiDatastreams", "Features", "Deployments", "Relations"]  # fmt: skip
THING = {"name": "t", "description": "d", "properties": {"a": 1}, "Locations": [{"name": "l", "description": "d", "encodingType": "application/geo+json", "location": {"type": "Point", "coordinates": [121.9, 30.9]}}]}  # fmt: skip
READING = {"result": 20.5, "phenomenonTime": "2026-03-10T03:00:00Z", "Datastream": {"@iot.id": "lamp-1.trial.warmth"}}
Ask = tuple[str, str, Any, str, str]
"""Method, path, body (bytes, or what becomes JSON), media type, and the right it takes ("public" for everybody)."""


def word() -> str:
    """A piece of a path or a query, as it goes over the wire."""
    return quote(
        CHANCE.choice(NASTY).encode("utf-8", "surrogatepass"), safe="" if CHANCE.random() < 0.7 else ";'()$,=*"
    )


def spoilt(value: Any) -> Any:
    """The same with something in it changed."""
    if isinstance(value, dict) and value and CHANCE.random() < 0.85:
        key = CHANCE.choice(list(value))
        changed = {**value, key: spoilt(value[key])}
        if CHANCE.random() < 0.15:
            del changed[key]
        if CHANCE.random() < 0.15:
            changed[CHANCE.choice(["id", "person", "rights", "role", "__class__", "$ne", "by"])] = CHANCE.choice(VALUES)
        return changed
    if isinstance(value, list) and value and CHANCE.random() < 0.7:
        return [*value[:-1], spoilt(value[-1])]
    return CHANCE.choice(VALUES)


def query() -> str:
    """A few options with odd values."""
    said = "&".join(f"{CHANCE.choice(OPTIONS)}={word()}" for _ in range(CHANCE.randint(0, 3)))
    return f"?{said}" if said else ""


def example() -> Any:
    """The body of a question that would make sense somewhere."""
    return CHANCE.choice([
        THING, READING, [READING], {"requests": [{"id": "1", "method": "get", "url": "Things"}, {"id": "2", "method": "post", "url": "Things", "body": THING}]},
        {"targets": [{"target": "trial.warmth", "refId": "A"}], "range": {"from": "2026-03-10T00:00:00Z", "to": "2026-03-10T04:00:00Z"}, "maxDataPoints": 100, "intervalMs": 1000},
        {"stream": "lamp-1.trial.warmth", "time": "2026-03-10T03:00:00Z", "value": 1.5}, {"id": "x1", "title": {"zh": "甲", "en": "A"}, "note": "n", "reason": "r", "to": "done", "act": "comment"},
        {"model": "trial.persistence", "parameters": {"shift": 1.0}, "scenario": "s"}, {"old": PASSWORD, "password": "x"}, {"kind": "out_of_service", "rule": "trial.hot", "asset": "lamp-1", "reason": "r"},
        {"since": "2026-03-09", "until": "2026-03-10", "steps": [{"op": "shift", "by": 1}], "note": "n"}, {}, [], "x", None,
    ])  # fmt: skip


def routes() -> Ask:
    route = CHANCE.choice([r for r in ROUTES if r.path not in ("/backups",)])
    path = re.sub(
        r"{\w+}",
        lambda _: quote(CHANCE.choice(["lamp-1", "trial.hot", "1", "light_2026", "x", "' OR 1=1", "é"]), safe=""),
        route.path,
    )
    return route.method, f"/api{path}{query()}", spoilt(example()) if route.method == "POST" else b"", "application/json", expected(f"{route.method} {route.path}")  # fmt: skip


def sensing() -> Ask:
    base = f"/sta/{CHANCE.choice(['v1.1', 'v2.0'])}"
    entity = CHANCE.choice(SENSING)
    id = CHANCE.choice(["('lamp-1')", "('lamp-1.trial.warmth')", f"('{word()}')", "(1)", "", f"({word()})"])
    more = CHANCE.choice(["", "", f"/{CHANCE.choice(SENSING)}", "/$ref", "/name", "/name/$value", f"/{word()}"])
    method = CHANCE.choice(["GET", "GET", "POST", "PATCH", "PUT", "DELETE"])
    if method == "GET":
        return method, f"{base}/{entity}{id}{more}{query()}", b"", "", "see"
    if method == "POST" and CHANCE.random() < 0.3:
        return "POST", f"{base}/$batch", spoilt({"requests": [{"id": "1", "method": CHANCE.choice(["get", "post", "delete"]), "url": f"{entity}{id}{more}", "body": spoilt(THING)}]}), "application/json", "see"  # fmt: skip
    if method == "POST":
        return "POST", f"{base}/Observations", spoilt(READING), "application/json", "send"
    return method, f"{base}/{entity}{id}", spoilt(CHANCE.choice([THING, READING])), CHANCE.choice(["application/json", "application/json-patch+json", "application/merge-patch+json"]), "tend"  # fmt: skip


def features() -> Ask:
    path = CHANCE.choice(["", "/conformance", "/collections", "/collections/trial.lamp", "/collections/trial.lamp/items", "/collections/trial.lamp/items/lamp-1", f"/collections/{word()}/items", "/collections/trial.lamp/queryables", "/api", "/functions"])  # fmt: skip
    return "GET", f"/ogc{path}{query()}", b"", "", "see"


def boards() -> Ask:
    return "POST", f"/grafana/{CHANCE.choice(['query', 'search', 'metrics', 'annotations', 'variable', 'tag-keys', 'tag-values', 'metric-payload-options'])}", spoilt(example()), "application/json", "see"  # fmt: skip


def lines() -> Ask:
    line = CHANCE.choice(["warmth,stream=lamp-1.trial.warmth value=20 1773115140000000000", "cpu,host=a usage=1i,x=t,s=\"a\\\"b\" 1", "m value=", "m,=,= v=1", ",", "m v=1 99999999999999999999", "#", "m v=1e999"])  # fmt: skip
    raw = bytearray((line + CHANCE.choice(NASTY)).encode("utf-8", "surrogatepass") * CHANCE.randint(1, 3))
    for _ in range(CHANCE.randint(0, 3)):
        raw[CHANCE.randrange(len(raw))] = CHANCE.randrange(256)
    return "POST", f"{CHANCE.choice(['/write', '/api/v2/write'])}{query()}", bytes(raw), "text/plain", "send"


def reports() -> Ask:
    if CHANCE.random() < 0.5:
        return "GET", f"/open311/v2/{CHANCE.choice(['services.json', 'services.xml', 'requests.json', f'requests/{word()}.json', f'services/{word()}.xml', f'tokens/{word()}.json', 'discovery.xml', word()])}{query()}", b"", "", "public"  # fmt: skip
    form = "&".join(f"{k}={word()}" for k in CHANCE.sample(["service_code", "lat", "long", "address_string", "description", "email", "attribute[kind]", "media_url", "phone"], 4))  # fmt: skip
    return "POST", "/open311/v2/requests.json", form.encode(), "application/x-www-form-urlencoded", "public"


def hub() -> Ask:
    form = "&".join(
        f"hub.{k}={word()}" for k in CHANCE.sample(["mode", "topic", "callback", "secret", "lease_seconds"], 4)
    )
    return "POST", "/websub", form.encode(), "application/x-www-form-urlencoded", "tend"


DOORS: dict[str, tuple[Callable[[], Ask], int]] = {
    "routes": (routes, 250), "sensorthings": (sensing, 200), "features": (features, 60), "grafana": (boards, 60), "influx": (lines, 60), "open311": (reports, 60), "websub": (hub, 30),
}  # fmt: skip


@pytest.fixture(scope="module")
def people(house_of_all: House) -> People:
    assert house_of_all.people
    return house_of_all.people


@pytest.fixture(scope="module")
def house_of_all(build: Callable[..., House]) -> House:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people_, "PasswordHasher", partial(people_.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1))  # fmt: skip
        house = build(rates=Rates(*(Rate(0, 0),) * 3))
        house.people = People(house.twin.store, house.twin.clock)
    return house


@pytest.fixture(scope="module")
def tokens(people: People) -> dict[str, str]:
    made = {"": ""}
    for role in HELD:
        people.put_person(Person(f"{role}-1", role, service=True, grants=(Grant(role),)))
        made[role] = people.make_token(f"{role}-1", "fuzz", None, 1)[1]
    return made


@pytest.fixture(scope="module")
def door(house_of_all: House) -> Iterator[Caller]:
    with anyio.from_thread.start_blocking_portal() as portal:
        yield Caller(house_of_all, portal)


@pytest.mark.parametrize("name", DOORS)
def test_odd_questions_of_every_role_are_answered_or_refused(
    name: str, door: Caller, tokens: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    make, count = DOORS[name]
    done = 0
    for _ in range(count * MANY):
        method, path, body, media, right = make()
        role = CHANCE.choice(ROLES)
        if role == "administrator" and (
            "/drop" in path or "/people" in path or "/tokens" in path or "/sessions" in path
        ):
            continue  # it would let itself out
        raw = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")
        head = {"Content-Type": media} if media else {}
        if role:
            head["Authorization"] = f"Bearer {tokens[role]}"
        told = door.request(method, path, content=raw, headers=head)
        asked = (name, role, method, path[:300], raw[:300], told.status_code, told.text[:500])
        assert told.status_code < 500 or told.status_code == 501, asked
        may = right in ("public", "self" if role else "public") or any(r in HELD.get(role, ()) for r in right.split(" or "))  # fmt: skip
        if not may:
            assert told.status_code in (401, 403), asked
        if told.status_code >= 400:
            assert not INSIDE.search(told.text), asked
        done += told.status_code < 400
    faults = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR and r.name.startswith("citytwin")]
    assert not faults, faults[:3]
    assert done or name == "websub"  # some of them made sense


def test_odd_packets_of_every_role_leave_the_broker_at_work(house_of_all: House, tokens: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    """MQTT 3.1.1 and 5: a CONNECT of each role, then whatever; the broker answers the next one as before."""
    open_door = MqttDoor(house_of_all, Mqtt(host="127.0.0.1", port=0), "http://127.0.0.1:1")
    assert open_door.broker
    port = open_door.broker.port

    def text(said: str) -> bytes:
        raw = said.encode()
        return len(raw).to_bytes(2, "big") + raw

    def packet(kind: int, body: bytes) -> bytes:
        size, length = len(body), bytearray()
        while True:
            size, low = divmod(size, 128)
            length.append(low | (128 if size else 0))
            if not size:
                return bytes([kind]) + bytes(length) + body

    def connect(role: str, version: int) -> bytes:
        flags = 0xC2 if tokens[role] else 0x02
        who = (text("any") + text(tokens[role])) if tokens[role] else b""
        return packet(0x10, text("MQTT") + bytes([version, flags, 0, 30]) + (b"\0" if version == 5 else b"") + text(f"fuzz-{role}") + who)  # fmt: skip

    def welcome(role: str, version: int, *more: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
            line.sendall(connect(role, version))
            told = line.recv(4)
            try:
                for one in more:
                    line.sendall(one)
                line.shutdown(socket.SHUT_WR)
                while line.recv(4096):
                    pass
            except OSError:  # it hung up on us
                pass
            return told

    topics = ["v1.1/Things", "v1.1/Datastreams('lamp-1.trial.warmth')/Observations", "readings/lamp-1/warmth", "#", "$share/g/#", "a/" * 200, "v1.1/\u0001"]  # fmt: skip
    try:
        for _ in range(40 * MANY):
            role, version = CHANCE.choice(ROLES), CHANCE.choice((4, 5))
            payload = json.dumps(spoilt(CHANCE.choice([READING, THING]))).encode("utf-8", "surrogatepass")
            more = [packet(0x30, text(CHANCE.choice(topics)) + (b"\0" if version == 5 else b"") + payload), packet(0x82, b"\0\1" + (b"\0" if version == 5 else b"") + text(CHANCE.choice(topics)) + b"\1")]  # fmt: skip
            spoil = bytearray(CHANCE.choice(more))
            for _ in range(CHANCE.randint(1, 6)):
                spoil[CHANCE.randrange(len(spoil))] = CHANCE.randrange(256)
            told = welcome(role, version, CHANCE.choice(more), bytes(spoil), CHANCE.randbytes(CHANCE.randint(0, 40)))
            assert (told[3] == 0) == (role != "") or told == b"", (role, version, told)
        assert welcome("steward", 4)[3] == 0
        assert welcome("", 4)[3] == 5  # not authorized (MQTT 3.1.1, table 3.1)
    finally:
        open_door.close()
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]
