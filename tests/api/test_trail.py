"""What something was and what it is now, on record: the record against what the doors showed before and after."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import anyio.from_thread
import pytest

from citytwin.api.app import ROUTES
from citytwin.api.house import House
from citytwin.api.trail import ANSWER, MOST, difference, shown_by
from citytwin.engine.people import People
from tests.api.conftest import Caller
from tests.api.test_gate import bearer, expected, service

OWN_LINE = {"/me/password", "/backups"}
"""Routes of which nothing is looked at: what a password was is nobody's to know."""


@pytest.fixture(scope="module")
def house(build: Callable[..., House]) -> House:
    made = build()
    made.people = People(made.twin.store, made.twin.clock)
    return made


@pytest.fixture(scope="module")
def door(house: House) -> Iterator[Caller]:
    with anyio.from_thread.start_blocking_portal() as portal:
        yield Caller(house, portal)


@pytest.fixture(scope="module")
def head(house: House) -> dict[str, str]:
    assert house.people
    return bearer(service(house.people, "administrator"))


def last(door: Caller, head: dict[str, str], subject: str) -> Any:
    """The detail of the newest line about it."""
    line = door.get("/api/audit", params={"subject": subject}, headers=head).json()["items"][0]
    assert line["person"] == "administrator-1"
    assert line["address"] == "127.0.0.1"
    return json.loads(line["detail"])


def test_an_alarm_that_is_acknowledged_against_the_door(door: Caller, head: dict[str, str]) -> None:
    path = "/api/alarms/" + next(a["id"] for a in door.get("/api/alarms?state=open", headers=head).json()["items"])
    was = door.get(path, headers=head).json()
    assert door.post(f"{path}/acknowledge", json={"by": "administrator"}, headers=head).status_code == 200
    now = door.get(path, headers=head).json()
    told = last(door, head, path)
    assert told["of"] == path
    for key in ("acknowledged", "acknowledged_by", "state"):
        assert told["before"].get(key) == (was[key] if was[key] != now[key] else None), told
        assert told["after"].get(key) == (now[key] if was[key] != now[key] else None), told
    assert told["after"]["acknowledged_by"] == "administrator"
    assert "title.zh" not in told["after"]  # what is alike is not told


def test_cases_holds_and_what_is_made_against_the_door(door: Caller, head: dict[str, str]) -> None:
    body = {"kind": "out_of_service", "rule": "trial.hot", "asset": "lamp-2", "reason": "new lamp", "by": "administrator"}  # fmt: skip
    made = door.post("/api/alarm-holds", json=body, headers=head)
    assert made.status_code == 201, made.text
    assert last(door, head, "/api/alarm-holds")["after"]["reason"] == "new lamp"
    hold = f"/api/alarm-holds/{made.json()['hold']}"
    assert door.post(f"{hold}/release", json={"by": "administrator"}, headers=head).status_code == 200
    told = last(door, head, hold)
    assert (told["before"]["ended"], told["after"]["ended_by"]) == (None, "administrator")
    case = "/api/cases/" + door.get("/api/cases?state=open", headers=head).json()["items"][0]["id"]
    assert door.post(f"{case}/acts", json={"act": "comment", "by": "administrator", "note": "看过"}, headers=head).status_code == 200  # fmt: skip
    assert "看过" in last(door, head, case)["after"].values()


def test_sensorthings_and_its_batches_against_the_door(door: Caller, head: dict[str, str]) -> None:
    made = door.post("/sta/v1.1/Things", json={"name": "neu", "description": "d"}, headers=head)
    thing = "/sta" + made.headers["location"].partition("/sta")[2]
    own = thing.rpartition("/")[2]
    was = door.get(thing, headers=head).json()["name"]
    for n, name in enumerate(("eins", "zwei")):
        told = door.request("PATCH", thing, json={"name": name}, headers=head)
        assert told.status_code == 200, told.text
        line = last(door, head, thing)
        assert (line["before"]["name"], line["after"]["name"]) == ((was, "eins") if n == 0 else ("eins", "zwei"))
    parts = [{"id": "1", "method": "patch", "url": own, "body": {"name": "drei"}}, {"id": "2", "method": "get", "url": "Things"}, {"id": "3", "method": "delete", "url": "Things('nowhere')"}]  # fmt: skip
    assert door.post("/sta/v1.1/$batch", json={"requests": parts}, headers=head).status_code == 200
    first, second = last(door, head, "/sta/v1.1/$batch")["parts"]
    assert (first["before"]["name"], first["after"]["name"], first["status"]) == ("zwei", "drei", 200)
    assert (second["change"], second["status"]) == ("DELETE /sta/v1.1/Things('nowhere')", 404)


def test_no_secret_is_on_record(door: Caller, head: dict[str, str]) -> None:
    made = door.post("/api/tokens", json={"title": "t", "person": "administrator-1", "rights": ["see"]}, headers=head)
    secret = made.json()["secret"]
    assert door.post("/api/people", json={"id": "wang", "title": "王敏"}, headers=head).status_code == 200
    link = door.post("/api/people/wang/link", json={}, headers=head).json()["path"].partition("#")[2]
    lines = door.get("/api/audit?limit=1000", headers=head).text
    assert secret not in lines
    assert link not in lines
    assert made.json()["token"]["id"] in lines  # that there is one is


def test_what_is_refused_changed_nothing(door: Caller, head: dict[str, str]) -> None:
    assert door.post("/api/cases/nowhere/acts", json={"act": "comment", "by": "administrator"}, headers=head).status_code >= 400  # fmt: skip
    assert last(door, head, "/api/cases/nowhere") == {}


def test_every_route_that_changes_something_is_looked_at() -> None:
    """A new one fails until SUBJECTS says what shows it."""
    for route in ROUTES:
        right = expected(f"{route.method} {route.path}")
        if route.method != "POST" or right in ("see", "send") or route.path in OWN_LINE:
            continue
        path = "/api" + route.path.replace("{", "").replace("}", "")
        shown = shown_by(path)
        idle = ("/preview", "/try", "/signin.check")
        assert bool(shown) != path.endswith(idle), path
        if shown not in ("", ANSWER):
            gets = {"/api" + r.path.replace("{", "").replace("}", "").replace("/hold", "/id") for r in ROUTES if r.method == "GET"}  # fmt: skip
            assert shown.replace("/hold", "/id") in gets or shown in gets, (path, shown)


def test_a_difference_against_reading_by_hand() -> None:
    assert difference({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}) == {"before": {"b.c": 2}, "after": {"b.c": 3}}
    assert difference({"a": 1}, {"a": 1}) is None
    assert difference(None, {"a": [{"id": "x", "v": 1}]}) == {"before": {}, "after": {"a[x].id": "x", "a[x].v": 1}}
    told = difference([{"id": "x", "v": 1}, {"id": "y", "v": 1}], [{"id": "y", "v": 1}])
    assert told == {"before": {"[x].id": "x", "[x].v": 1}, "after": {}}  # the others have not moved
    big = difference({}, {str(n): "x" * 1000 for n in range(1000)})
    assert big
    assert (len(big["after"]), big["more"]) == (MOST, 1000 - MOST)
    assert len(json.dumps(big)) < 20_000
