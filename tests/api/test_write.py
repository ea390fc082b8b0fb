"""What can be done over HTTP, and what happens when it cannot: assets, alarms, cases, runs."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import SQUARE, Caller, check_problem, done

NEW = {
    "id": "lamp-9",
    "type": "trial.lamp",
    "title": {"zh": "九号灯", "en": "Lamp 9"},
    "geometry": {"type": "Point", "coordinates": [121.9, 30.9]},
    "attributes": {"power": 1.5},
}


def test_assets_and_relations_are_put_on_record_and_read_back(own: Caller) -> None:
    link = {"source": "lamp-9", "type": "trial.lights", "target": "room-1"}
    answer = own.post("/api/assets", json={"assets": [NEW], "relations": [link]})
    assert (answer.status_code, answer.json()) == (200, {"assets": 1, "relations": 1})
    read = own.get("/api/assets/lamp-9").json()
    assert read["title"] == NEW["title"]
    assert read["geometry"] == NEW["geometry"]
    assert [(a["id"], a["unit"], a["value"]) for a in read["attributes"]] == [("power", "kW", 1.5)]
    assert [(r["direction"], r["asset"]["id"]) for r in read["relations"]] == [("out", "room-1")]
    assert ("in", "lamp-9") in [
        (r["direction"], r["asset"]["id"]) for r in own.get("/api/assets/room-1").json()["relations"]
    ]
    assert next(t for t in own.get("/api/types").json()["items"] if t["id"] == "trial.lamp")["count"] == 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "Lamp 9"}, "id"),
        ({"type": "trial.moon"}, "trial.moon"),
        ({"geometry": SQUARE}, "geometry"),
        ({"geometry": {"type": "Point", "coordinates": [500, 0]}}, "coordinates"),
        ({"geometry": {"type": "Point"}}, "coordinates"),
        ({"geometry": {}}, "geometry"),
        ({"attributes": {"power": 99}}, "power"),
        ({"attributes": {"power": "much"}}, "power"),
        ({"attributes": {"colour": "red"}}, "colour"),
    ],
)
def test_an_asset_at_fault_is_named_and_nothing_is_recorded(own: Caller, change: Any, says: str) -> None:
    answer = own.post("/api/assets", json={"assets": [{**NEW, "id": "lamp-8"}, {**NEW, **change}]})
    told = check_problem(answer, 400, "bad_declaration")
    assert any(says in f["message"] for f in told["faults"])
    check_problem(own.get("/api/assets/lamp-8"), 404, "not_found")


def test_a_relation_to_nothing_is_named(own: Caller) -> None:
    link = {"source": "lamp-1", "type": "trial.lights", "target": "room-7"}
    told = check_problem(own.post("/api/assets", json={"relations": [link]}), 400, "bad_declaration")
    assert "room-7" in told["faults"][0]["message"]


def test_alarms_are_shelved_for_a_reason_until_a_time_or_a_release(own: Caller) -> None:
    alarm = own.get("/api/alarms?state=active&rule=trial.hot").json()["items"][0]
    body = {"rule": alarm["rule"], "asset": alarm["asset"], "kind": "shelved", "reason": "paint dries", "by": "王工"}
    check_problem(own.post("/api/alarm-holds", json=body), 400, "bad_request")  # a shelf has an end
    answer = own.post("/api/alarm-holds", json={**body, "until": "2099-01-01T00:00:00Z"})
    assert answer.status_code == 201
    number = answer.json()["hold"]
    assert own.get(f"/api/alarms/{alarm['id']}").json()["state"] == "shelved"
    assert alarm["id"] in [a["id"] for a in own.get("/api/alarms?state=held").json()["items"]]
    assert alarm["id"] not in [a["id"] for a in own.get("/api/alarms?state=open").json()["items"]]
    check_problem(own.post("/api/alarm-holds", json={**body, "until": "2099-01-01T00:00:00Z"}), 409, "conflict")
    released = own.post(f"/api/alarm-holds/{number}/release", json={"by": "李工"}).json()
    assert (released["ended_by"], own.get(f"/api/alarms/{alarm['id']}").json()["state"]) == ("李工", "active")
    check_problem(own.post(f"/api/alarm-holds/{number}/release", json={"by": "李工"}), 409, "conflict")
    check_problem(own.post("/api/alarm-holds/999/release", json={"by": "李工"}), 404, "not_found")
    check_problem(own.post(f"/api/alarms/{alarm['id']}/reset", json={"by": "李工"}), 409, "conflict")
    told = own.get(f"/api/alarm-history?alarm={alarm['id']}&limit=2").json()["items"]
    assert [(t["before"], t["state"], t["actor"], t["reason"]) for t in told] == [
        ("shelved", "active", "李工", ""),
        ("active", "shelved", "王工", "paint dries"),
    ]


def test_a_place_out_of_service_says_why_at_each_of_its_alarms(own: Caller) -> None:
    alarm = own.get("/api/alarms?state=waiting&rule=trial.hot").json()["items"][0]
    body = {"rule": "*", "asset": alarm["asset"], "kind": "out_of_service", "reason": "new pole", "by": "王工"}
    check_problem(own.post("/api/alarm-holds", json={**body, "asset": "*"}), 400, "bad_request")  # not the whole city
    held = own.post("/api/alarm-holds", json=body).json()
    assert (held["title"]["en"], held["asset_title"]["en"]) == ("Every rule", "Lamp 1")
    told = own.get(f"/api/alarms?state=held&asset={alarm['asset']}").json()["items"]
    assert {(a["state"], a["hold"]["reason"], a["hold"]["actor"]) for a in told} == {
        ("out_of_service", "new pole", "王工")
    }
    assert own.get(f"/api/alarms?state=open&asset={alarm['asset']}").json()["total"] == 0
    own.post(f"/api/alarm-holds/{held['hold']}/release", json={"by": "李工", "note": "pole stands"})
    there = own.get(f"/api/alarms/{alarm['id']}").json()
    assert (there["state"], there["hold"]) == ("active", None)
    last = own.get(f"/api/alarm-history?alarm={alarm['id']}&limit=1").json()["items"][0]
    assert (last["actor"], last["reason"]) == ("李工", "pole stands")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=LAMP 1", True),
        ("q=1号灯", True),
        ("q=过热", True),
        ("q=lamp-2", False),
        ("pack=trial", True),
        ("pack=tria", False),
        ("level=high&state=waiting", True),
        ("level=low", False),
    ],
)
def test_alarms_and_groups_are_sought_alike(own: Caller, query: str, found: bool) -> None:
    alarms = own.get(f"/api/alarms?rule=trial.hot&{query}").json()["items"]
    groups = own.get(f"/api/alarm-groups?rule=trial.hot&{query}").json()["items"]
    assert (bool(alarms), bool(groups)) == (found, found)
    assert sum(g["count"] for g in groups) == sum(a["state"] != "cleared" for a in alarms)
    assert all(sum(g["states"].values()) == g["count"] for g in groups)


def test_an_alarm_names_the_leaf_that_seals_its_first_reading(own: Caller) -> None:
    alarm = own.get("/api/alarms?rule=trial.hot").json()["items"][0]
    leaf = own.get(f"/api/alarms/{alarm['id']}").json()["leaf"]
    proven = own.get(f"/api/evidence/leaves/{leaf}").json()
    assert proven["leaf"]["kind"] == "readings"
    assert proven["rows"] >= 1
    assert alarm["stream"] == f"{alarm['asset']}.trial.warmth"


def test_an_alarm_is_acknowledged_once_and_keeps_the_first_name(own: Caller) -> None:
    alarm = own.get("/api/alarms?state=active").json()["items"][0]["id"]
    first = own.post(f"/api/alarms/{alarm}/acknowledge", json={"by": "王工 👷", "note": "called the crew"}).json()
    assert (first["state"], first["acknowledged_by"]) == ("acknowledged", "王工 👷")
    again = own.post(f"/api/alarms/{alarm}/acknowledge", json={"by": "somebody else"}).json()
    assert again == first
    assert own.get(f"/api/alarms/{alarm}").json() == first
    last = own.get(f"/api/alarm-history?alarm={alarm}&limit=1").json()["items"][0]
    assert (last["actor"], last["reason"]) == ("王工 👷", "called the crew")
    counted = own.get("/api/summary").json()["alarms"]
    assert (counted["active"], counted["acknowledged"], sum(counted["by_level"].values())) == (3, 1, 4)


def test_a_cleared_alarm_is_a_conflict(own: Caller) -> None:
    alarm = own.get("/api/alarms?state=cleared").json()["items"][0]["id"]
    check_problem(own.post(f"/api/alarms/{alarm}/acknowledge", json={"by": "me"}), 409, "conflict")


def test_a_case_goes_its_way_and_its_history_tells_it(own: Caller) -> None:
    case = own.get("/api/cases?state=open").json()["items"][0]
    assert own.get(f"/api/alarms/{case['alarm']}").json()["case"] == case["id"]
    url = f"/api/cases/{case['id']}"
    assert own.post(f"{url}/advance", json={"to": "repair", "by": "me", "note": "换灯 💡"}).json()["step"] == "repair"
    closed = own.post(f"{url}/advance", json={"to": "done", "by": "me"}).json()
    assert closed["closed"] is not None
    assert not closed["overdue"]
    told = [(e["step"], e["by"], e["note"]) for e in closed["history"]]
    assert sorted(told) == sorted([("look", "", ""), ("repair", "me", "换灯 💡"), ("done", "me", "")])
    assert own.get("/api/cases?state=open").json()["total"] == 0
    assert own.get("/api/cases?state=closed").json()["items"][0]["id"] == case["id"]
    check_problem(own.post(f"{url}/advance", json={"to": "done", "by": "me"}), 409, "conflict")


def test_a_step_that_does_not_follow_is_refused_and_the_hint_says_what_does(own: Caller) -> None:
    case = own.get("/api/cases").json()["items"][0]["id"]
    told = check_problem(own.post(f"/api/cases/{case}/advance", json={"to": "look", "by": "me"}), 400, "bad_request")
    assert told["where"] == "to"
    assert "repair" in told["hint"]


def test_a_run_is_started_done_and_its_series_are_the_forecast(own: Caller) -> None:
    answer = own.post("/api/runs", json={"model": "trial.Persistence", "scenario": "暖", "parameters": {"shift": 2}})
    assert answer.status_code == 202
    assert answer.json()["state"] in ("queued", "running", "done")
    run = done(own, answer.json()["id"])
    assert (run["state"], run["scenario"], run["parameters"], run["error"]) == ("done", "暖", {"shift": 2.0}, "")
    assert run["figures"] == {"mean": 20.5}
    series = own.get(f"/api/runs/{run['id']}/series").json()
    assert (series["stream"], series["value"]) == ("lamp-1.trial.warmth", [20.0, 21.0])
    forecast = own.get("/api/streams/lamp-1.trial.warmth/forecast").json()
    assert (forecast["run"], forecast["value"], forecast["time"]) == (run["id"], series["value"], series["time"])
    told = own.get(f"/api/runs/{run['id']}/series?stream=lamp-2.trial.warmth")
    check_problem(told, 404, "not_found")


def test_a_run_that_fails_says_why(own: Caller) -> None:
    started = own.post("/api/runs", json={"model": "trial.Persistence", "parameters": {"shift": 5}}).json()
    run = done(own, started["id"])
    assert (run["state"], run["error"]) == ("failed", "too warm by half")
    assert own.get(f"/api/runs/{run['id']}/series").json()["streams"] == []


@pytest.mark.parametrize("parameters", [{"shift": 99}, {"shaft": 1}])
def test_a_run_with_parameters_out_of_bounds_is_refused(own: Caller, parameters: dict[str, float]) -> None:
    answer = own.post("/api/runs", json={"model": "trial.Persistence", "parameters": parameters})
    assert check_problem(answer, 400, "bad_request")["where"] == next(iter(parameters))
    assert own.get("/api/runs").json()["total"] == 0


def test_progress_is_told_again_for_a_moment_and_then_computed_anew(own_house: Any, monkeypatch: Any) -> None:
    own_house.fresh_s = 60.0
    first = own_house.progress(None)
    assert own_house.progress(None) is first
    own_house.fresh_s = 0.0
    assert own_house.progress(None) is not first


@pytest.fixture(scope="module")
def target(build: Any, portal: Any) -> Caller:
    return Caller(build(), portal)


numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
scalars = st.one_of(
    st.none(), numbers, st.text(max_size=5), st.sampled_from(["lamp-1", "trial.lamp", "Point", "Polygon"])
)
anything = st.recursive(
    scalars,
    lambda s: st.one_of(st.lists(s, max_size=3), st.dictionaries(st.text(max_size=5), s, max_size=3)),
    max_leaves=6,
)
shapes = st.fixed_dictionaries(
    {"type": st.sampled_from(["Point", "LineString", "Polygon", "MultiPolygon", "Circle"])},
    optional={"coordinates": anything},
)
new_assets = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["lamp-1", "a", "", "é"]),
        "type": st.sampled_from(["trial.lamp", "trial.room", "trial.note", "x"]),
        "title": st.just({"zh": "灯", "en": "Lamp"}),
    },
    optional={
        "geometry": st.one_of(st.none(), shapes, st.just(SQUARE)),
        "attributes": st.dictionaries(st.sampled_from(["power", "limit", "type", "floors", "x"]), anything, max_size=3),
    },
)
links = st.fixed_dictionaries(
    {"source": scalars, "type": st.sampled_from(["trial.lights", "x"]), "target": st.sampled_from(["room-1", "a", "x"])}
)


@settings(max_examples=int(os.environ.get("FUZZ", "40")), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    assets=st.one_of(st.lists(new_assets, max_size=3), anything),
    relations=st.one_of(st.lists(links, max_size=2), anything),
)
def test_random_assets_and_relations_are_taken_or_refused_but_never_fail(
    target: Caller, assets: Any, relations: Any
) -> None:
    answer = target.post("/api/assets", json={"assets": assets, "relations": relations})
    if answer.status_code != 200:
        check_problem(answer, 400, answer.json()["code"])
    for url in ("/api/assets", "/api/assets.geojson", "/api/assets/lamp-1", "/api/relations"):
        assert target.get(url).status_code == 200
