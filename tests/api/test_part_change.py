"""What may somebody change who has a right for a part? Only there; what is elsewhere is for them as if it were not there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import anyio.from_thread
import pytest

from citytwin.api.app import ROUTES
from citytwin.api.house import House
from citytwin.api.live import Live
from citytwin.engine import catalog, handle, watch
from citytwin.engine import people as people_
from citytwin.engine.people import People
from citytwin.engine.scope import Scopes
from citytwin.kernel.asset import Asset
from citytwin.kernel.relation import Relation
from citytwin.kernel.right import CALLER, RIGHTS, Body, Grant, Person
from citytwin.kernel.title import Title
from tests.api.conftest import NOW, Caller, check_problem, store
from tests.api.test_live import Line

IN_PART = {
    "/alarms/{id}/acknowledge", "/alarms/acknowledge", "/alarms/{id}/reset", "/alarm-holds", "/alarm-holds/{id}/release", "/cases", "/cases/{id}/acts", "/cases/{id}/advance", "/files", "/observations",
    "/streams/{id}/edits", "/streams/{id}/edits/preview", "/streams/{id}/edits/replay", "/streams/{id}/edits/{n}/undo",
}  # fmt: skip
"""What is done at an asset. Written by hand: whatever is not here takes the right for all of the city."""
OF_ALL = {
    "/people", "/bodies", "/bodies/{id}/assets", "/tokens", "/sessions", "/audit", "/outbox", "/drafts", "/drafts/{id}", "/drafts/{id}/comparison", "/drafts/{id}/decisions",
    "/drafts/{id}/file", "/drafts/{id}/proposals", "/draws", "/draws/{id}", "/draws/{id}/members", "/feeds", "/feeds.faults", "/feeds/{id}", "/notify", "/notify.faults", "/keep",
    "/doors/mqtt", "/signin.state", "/assets/{id}/access",
}  # fmt: skip
"""What is of no asset, and may be looked at by those alone who may see all of the city."""


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_, "PasswordHasher", partial(people_.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1))  # fmt: skip


@pytest.fixture
def guarded(build: Callable[..., House]) -> House:
    house = build()
    house.people = People(house.twin.store, house.twin.clock)
    house.people.put_body(Body("city", Title("市", "City"), "city"))
    house.people.put_body(Body("lights", Title("路灯所", "Street lights"), "unit", "city"))
    house.people.put_body(Body("halls", Title("场馆", "Halls"), "unit", "city"))
    scopes(house).assign({"lamp-1": "lights", "room-1": "halls"})
    return house


def scopes(house: House) -> Scopes:
    assert house.scopes
    return house.scopes


@pytest.fixture
def door(guarded: House) -> Iterator[Caller]:
    with anyio.from_thread.start_blocking_portal() as portal:
        yield Caller(guarded, portal)


def token(house: House, role: str = "steward", id: str = "", **part: Any) -> dict[str, str]:
    """The headers of a service with a role for a part of the city."""
    assert house.people
    id = id or f"{role}-1"
    house.people.put_person(Person(id, role, service=True, grants=(Grant(role, **(part or {"body": "lights"})),)))
    return {"Authorization": f"Bearer {house.people.make_token(id, 'test', None, 1)[1]}"}


def filled(path: str) -> str:
    return "/api" + re.sub(r"\{.*?\}", "1", path)


def test_no_change_of_the_whole_takes_a_right_for_a_part(guarded: House, door: Caller) -> None:
    head = token(guarded, "administrator")
    asked = ("/case-types/bpmn", "/decision-tables/{id}/decide", "/scorecards/{id}/score")  # questions with a body
    for route in ROUTES:
        if route.method == "GET" or route.path in IN_PART or route.path.startswith(("/notifications", "/me")):
            continue
        answer = door.request(route.method, filled(route.path), json={}, headers=head)
        if route.path in asked:
            assert answer.status_code < 500, route.path
        else:
            told = check_problem(answer, 403, "forbidden")
            assert "all of" in told["hint"], route.path


def test_what_is_of_the_whole_is_not_seen_by_a_part(guarded: House, door: Caller) -> None:
    part, all_of_it = token(guarded, "administrator"), whole(guarded)
    for path in sorted(OF_ALL):
        check_problem(door.get(filled(path), headers=part), 403, "forbidden")
        assert door.get(filled(path), headers=all_of_it).status_code != 403


def whole(house: House) -> dict[str, str]:
    assert house.people
    house.people.put_person(Person("whole", "whole", service=True, grants=(Grant("administrator"),)))
    return {"Authorization": f"Bearer {house.people.make_token('whole', 'test', None, 1)[1]}"}


def test_acts_at_an_asset_of_others_are_as_of_one_that_is_not_there(guarded: House, door: Caller) -> None:
    rows = guarded.rows
    store(guarded.twin, ["lamp-2.trial.warmth"], [NOW - timedelta(minutes=1)], [41.0])
    watch.watch(guarded.twin, NOW)
    handle.handle(guarded.twin, NOW)
    mine, others = (rows("SELECT alarm FROM alarm WHERE rule = 'trial.hot' AND asset_id = $a AND state = 'active'", {"a": a})[0]["alarm"] for a in ("lamp-1", "lamp-2"))  # fmt: skip
    case, foreign = (rows("SELECT case_id FROM case_file WHERE asset_id = $a ORDER BY opened DESC", {"a": a})[0]["case_id"] for a in ("lamp-1", "lamp-2"))  # fmt: skip
    head = token(guarded, "steward")
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("/api/alarms/{}/acknowledge", others, {"by": "steward"}),
        ("/api/alarms/{}/reset", others, {"by": "steward"}),
        ("/api/cases/{}/advance", foreign, {"to": "repair", "by": "steward", "note": ""}),
        ("/api/cases/{}/acts", foreign, {"act": "comment", "by": "steward", "note": "seen"}),
        ("/api/alarm-holds/{}/release", "1", {"by": "steward"}),  # of lamp-3
        ("/api/streams/{}/edits/preview", "lamp-2.trial.warmth", {"kind": "remove"}),
        ("/api/streams/{}/edits", "lamp-2.trial.warmth", {"kind": "remove"}),
    ]
    before = [rows(f"SELECT * FROM {t}") for t in ("alarm_row", "case_event", "alarm_hold_row", "decision_row")]
    for path, id, body in bodies:
        there, absent = (door.post(path.format(one), json=body, headers=head) for one in (id, "999999"))
        told = check_problem(there, 404, "not_found")
        assert check_problem(absent, 404, "not_found")["detail"].replace("999999", id) == told["detail"]
    for path, body in (
        ("/api/cases", {"type": "trial.cooling", "by": "steward", "asset": "lamp-2"}),
        ("/api/cases", {"type": "trial.cooling", "by": "steward"}),  # of the city as a whole
        ("/api/cases", {"type": "trial.cooling", "by": "steward", "alarm": others}),
        ("/api/cases", {"type": "trial.cooling", "by": "steward", "asset": "lamp-1", "parent": foreign}),
        ("/api/alarm-holds", {"kind": "out_of_service", "rule": "trial.hot", "asset": "lamp-2", "reason": "r", "by": "steward"}),
        ("/api/alarm-holds", {"kind": "out_of_service", "rule": "trial.hot", "asset": "*", "reason": "r", "by": "steward"}),
    ):  # fmt: skip
        check_problem(door.post(path, json=body, headers=head), 404, "not_found")
    many = door.post("/api/alarms/acknowledge", json={"alarms": [others, "999999"], "by": "steward"}, headers=head)
    assert [(a["outcome"], a["code"]) for a in many.json()["items"]] == [("refused", "not_found")] * 2
    assert before == [rows(f"SELECT * FROM {t}") for t in ("alarm_row", "case_event", "alarm_hold_row", "decision_row")]
    done = [
        door.post(f"/api/alarms/{mine}/acknowledge", json={"by": "steward"}, headers=head),
        door.post(f"/api/cases/{case}/acts", json={"act": "comment", "by": "steward", "note": "seen"}, headers=head),
        door.post("/api/cases", json={"type": "trial.cooling", "by": "steward", "asset": "lamp-1"}, headers=head),
        door.post("/api/alarm-holds", json={"kind": "out_of_service", "rule": "trial.hot", "asset": "lamp-1", "reason": "r", "by": "steward"}, headers=head),
    ]  # fmt: skip
    assert [d.status_code // 100 for d in done] == [2] * 4, [d.text for d in done]


def test_readings_are_sent_of_ones_own_alone(guarded: House, door: Caller) -> None:
    head = token(guarded, "device")
    at = "2026-03-10T03:59:30Z"

    def count() -> int:
        return int(guarded.rows("SELECT count(*) AS n FROM observation_all")[0]["n"])

    def ways(stream: str) -> list[Any]:
        asset = stream.partition(".")[0]
        batch = {"Datastream": {"@iot.id": stream}, "components": ["phenomenonTime", "result"], "dataArray": [[at, 20.5]]}  # fmt: skip
        csv = f"stream,time,value\n{stream},{at},20.5\nlamp-1.trial.warmth,{at},20.5\n"
        return [
            door.post("/api/observations", json=[{"stream": stream, "time": at, "value": 20.5}], headers=head),
            door.post("/api/observations", content=csv, headers={**head, "Content-Type": "text/csv"}),
            door.post("/write?db=city&precision=s", content=f"trial,asset={asset} warmth=20.5 1773115170", headers=head),
            door.post("/sta/v1.1/CreateObservations", json=[batch], headers=head),
            door.post(f"/sta/v1.1/Datastreams('{stream}')/Observations", json={"phenomenonTime": at, "result": 20.5}, headers=head),
            door.post(f"/sta/v1.1/Datastreams('{stream}')/Observations", json={"phenomenonTime": at, "result": 20.5, "parameters": {"a": 1}}, headers=head),
        ]  # fmt: skip

    before = count()
    for stream in ("lamp-2.trial.warmth", "lamp-9.trial.warmth"):  # of others, and not there: nobody learns which
        answers = ways(stream)
        assert all(a.status_code in (403, 404) or "error" in a.text for a in answers), [(a.status_code, a.text) for a in answers]  # fmt: skip
    assert count() == before
    assert all(a.status_code < 300 and "error" not in a.text for a in ways("lamp-1.trial.warmth"))
    assert count() == before + 1  # the same reading by every way


def test_a_batch_sends_nothing_for_whoever_has_a_part(guarded: House, door: Caller) -> None:
    assert guarded.people
    guarded.people.put_person(Person("both", "b", service=True, grants=(Grant("steward", "lights"),)))
    head = {"Authorization": f"Bearer {guarded.people.make_token('both', 'test', None, 1)[1]}"}
    parts = [
        {"id": "1", "method": "post", "url": f"Datastreams('{s}.trial.warmth')/Observations", "body": {"phenomenonTime": "2026-03-10T03:59:30Z", "result": 1}}
        for s in ("lamp-1", "lamp-2")
    ]  # fmt: skip
    before = guarded.rows("SELECT count(*) AS n FROM observation_all")
    for part in parts:
        check = door.post("/sta/v1.1/$batch", json={"requests": [part]}, headers=head)
        assert 403 in (check.status_code, *(r["status"] for r in check.json().get("responses", ()))), check.text
    assert guarded.rows("SELECT count(*) AS n FROM observation_all") == before
    look = {"requests": [{"id": "1", "method": "get", "url": "Things"}]}
    answer = door.post("/sta/v1.1/$batch", json=look, headers=head)
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()["responses"]
    assert [t["@iot.id"] for t in told["body"]["value"]] == ["lamp-1"]


def test_live_readings_and_alarms_of_a_part(guarded: House, door: Caller) -> None:
    part = guarded.part(frozenset({"lamp-1"}))

    async def scene() -> None:
        line = Line(Live(part))
        run = asyncio.create_task(line.run())
        ((kind, first),) = await line.until(1)
        assert (kind, first["stream"]) == ("newest", ["lamp-1.trial.warmth"])
        await asyncio.to_thread(
            store, guarded.twin, ["lamp-2.trial.warmth", "lamp-3.trial.warmth"], [NOW, NOW], [1.0, 2.0]
        )
        guarded.hub.tell_alarms([{"asset_id": a, "alarm": a, "rule": "r", "before": "", "state": "active", "time": NOW, "actor": "", "reason": ""} for a in ("lamp-2", "lamp-1")])  # fmt: skip
        await asyncio.to_thread(store, guarded.twin, ["lamp-1.trial.warmth"], [NOW], [3.0])
        told = (await line.until(3))[1:]
        assert {k: v.get("stream") or [v] if isinstance(v, dict) else [x["alarm"] for x in v] for k, v in told} == {"alarms": ["lamp-1"], "readings": ["lamp-1.trial.warmth"]}  # fmt: skip
        line.leave.set()
        await run

    asyncio.run(scene())


def test_what_belongs_to_whom_holds_at_once(guarded: House, door: Caller) -> None:
    head = token(guarded, "viewer", body="city")

    def seen() -> list[str]:
        return sorted(a["id"] for a in door.get("/api/assets", headers=head).json()["items"])

    assert seen() == ["lamp-1", "room-1"]  # of the bodies under it
    scopes(guarded).assign({"lamp-2": "city", "room-1": ""})
    assert seen() == ["lamp-1", "lamp-2"]
    assert guarded.people
    guarded.people.put_body(Body("lights", Title("路灯所", "Street lights"), "unit"))  # no longer under it
    assert seen() == ["lamp-2"]
    assert door.get("/api/me", headers=head).json()["part"] == 1


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"pack": "trial"}, ["lamp-1", "lamp-2", "lamp-3", "note-1", "room-1"]),
        (
            {"place": "room-2"},
            ["lamp-5", "lamp-7", "lamp-8", "room-2"],
        ),  # 6 lights it from outside, 7 is nowhere and lights it, 8 is in a corner
        ({"place": "room-2", "body": "lights"}, ["lamp-5"]),
        ({"place": "note-1"}, ["note-1"]),
    ],
)
def test_places_packs_and_what_is_of_both(part: dict[str, str], expected: list[str], guarded: House, door: Caller) -> None:  # fmt: skip
    def lamp(n: int, *at: float) -> Asset:
        return Asset(
            f"lamp-{n}", "trial.lamp", Title("灯", "Lamp"), {"type": "Point", "coordinates": at} if at else None
        )

    square = [[121.95, 30.95], [121.96, 30.95], [121.96, 30.96], [121.95, 30.96], [121.95, 30.95]]
    room = Asset("room-2", "trial.room", Title("厅", "Hall"), {"type": "Polygon", "coordinates": [square]})
    lamps = [lamp(5, 121.955, 30.955), lamp(6, 121.965, 30.955), lamp(7), lamp(8, 121.9501, 30.9599)]
    catalog.add(guarded.twin, [room, *lamps], [Relation(f"lamp-{n}", "trial.lights", "room-2") for n in (6, 7)])
    scopes(guarded).assign({"lamp-5": "lights"})
    if part == {"pack": "trial"}:
        expected = sorted([*expected, "lamp-5", "lamp-6", "lamp-7", "lamp-8", "room-2"])
    items = door.get("/api/assets", headers=token(guarded, "viewer", **part)).json()["items"]
    assert sorted(a["id"] for a in items) == expected


def test_a_grant_ends_when_it_says(guarded: House, door: Caller) -> None:
    head = token(guarded, "viewer", body="lights", until=NOW + timedelta(minutes=1))
    assert door.get("/api/assets", headers=head).status_code == 200
    guarded.twin.clock.moment += timedelta(minutes=2)  # type: ignore[attr-defined]
    assert door.get("/api/assets", headers=head).status_code == 403


def test_grants_for_what_is_not_there_are_refused(guarded: House, door: Caller) -> None:
    for part in ({"body": "x"}, {"place": "x"}, {"pack": "x"}):
        body = {"id": "new", "title": "new", "grants": [{"role": "viewer", **part}]}
        told = check_problem(door.post("/api/people", json=body, headers=whole(guarded)), 400, "bad_request")
        assert "'x'" in told["detail"]


def test_who_may_see_an_asset_and_why(guarded: House, door: Caller) -> None:
    token(guarded, "viewer", body="city")
    token(guarded, "operator", body="halls")
    token(guarded, "device", body="lights")
    token(guarded, "planner", place="room-1")
    head = whole(guarded)
    told = door.get("/api/assets/lamp-1/access", headers=head).json()
    assert told["body"] == "lights"
    reasons = {(r["person"], r["role"], r["body"], r["of"], r["place"]) for r in told["items"]}
    assert reasons == {
        ("whole", "administrator", "", "", ""), ("viewer-1", "viewer", "city", "lights", ""), ("planner-1", "planner", "", "", "room-1"),
    }  # fmt: skip
    check_problem(door.get("/api/assets/none/access", headers=head), 404, "not_found")


def test_assets_are_given_to_bodies_all_or_none(guarded: House, door: Caller) -> None:
    head = whole(guarded)
    wrong = {"assets": {"lamp-2": "halls", "lamp-9": "halls", "lamp-3": "none"}}
    told = check_problem(door.post("/api/bodies.assets", json=wrong, headers=head), 400, "bad_request")
    assert {f["where"] for f in told["faults"]} == {"lamp-9", "lamp-3"}
    assert [a["id"] for a in door.get("/api/bodies/halls/assets", headers=head).json()] == ["room-1"]
    csv = "\ufeffasset_id,body\r\nlamp-2,halls\r\nroom-1,\r\n"
    assert door.post("/api/bodies.assets", json={"csv": csv}, headers=head).json() == {"changed": 2}
    assert [a["id"] for a in door.get("/api/bodies/halls/assets", headers=head).json()] == ["lamp-2"]
    check_problem(door.post("/api/bodies/halls/drop", json={}, headers=head), 409, "conflict")
    lines = door.get("/api/audit?subject=2 assets", headers=head).json()["items"]
    assert lines
    assert '"lamp-2": ["", "halls"]' in lines[0]["detail"]
    again = Scopes(guarded.twin, guarded.people)  # type: ignore[arg-type]  # as after a restart
    assert (again.body("lamp-2"), again.body("room-1"), again.body("lamp-1")) == ("halls", "", "lights")


def test_rights_of_several_grants_add_up_by_right() -> None:
    caller = people_.Caller("a", "a", frozenset({"see", "act", "run"}), "token", (Grant("viewer"), Grant("operator", "lights")))  # fmt: skip
    assert caller.whole("see")
    assert not caller.whole("act")
    assert not caller.whole("plan")
    assert {r for r in RIGHTS if CALLER.get().whole(r)} == set(RIGHTS)  # where nobody is asked
