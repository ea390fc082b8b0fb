"""Streams that packs declare and that have not reported yet: Datastreams without Observations, in both versions, until the first comes by whatever door."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from citytwin.api.house import House
from citytwin.api.mqtt.post import Post
from citytwin.api.mqtt.service import services
from citytwin.engine import catalog, load
from citytwin.engine.decode import Row
from citytwin.engine.twin import Twin
from citytwin.kernel.asset import Asset
from citytwin.kernel.title import Title
from tests.api.conftest import Caller
from tests.api.sta.test_service import LEVEL, POINT, SENSOR, TYPE, UNIT, Service, thing

SILENT = "lamp-3.trial.warmth"
"""What lamp 3 would report; the lamps 1 and 2 did."""
TIMES = "phenomenonTime"


def one(caller: Caller, version: str, path: str) -> Any:
    answer = caller.get(f"/sta/{version}/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("version", ["v1.1", "v2.0"])
def test_a_stream_without_readings_against_one_with_readings(client: Caller, version: str) -> None:
    """All but its times and observations is as with the one beside it, and every link leads somewhere."""
    silent, told = (one(client, version, f"Datastreams('lamp-{n}.trial.warmth')") for n in (3, 1))
    assert TIMES in told
    assert TIMES not in silent
    assert {k for k in told if k != TIMES} - set(silent) <= {"observedArea"}
    for n in silent:
        if n.endswith("navigationLink"):
            assert client.get(silent[n]).status_code == 200, n
    assert one(client, version, f"Datastreams('{SILENT}')/Observations")["value"] == []
    assert client.get(f"/sta/{version}/Datastreams('{SILENT}')/Observations/$count").text == "0"
    mine = one(client, version, "Things('lamp-3')/Datastreams")["value"]
    assert [m["name"] for m in mine] == ["3号灯 温度"]
    counted = one(client, version, "Datastreams?$count=true&$filter=endswith(id,'trial.warmth')&$orderby=id")
    assert counted[f"@{'iot.' if version == 'v1.1' else ''}count"] == 3
    assert "lamp-3" in counted["value"][2]["name"] or "3号灯" in counted["value"][2]["name"]


def test_the_feature_of_a_stream_without_readings_is_where_its_asset_is(client: Caller) -> None:
    found = one(client, "v2.0", f"Datastreams('{SILENT}')/ProximateFeatureOfInterest")
    assert found["feature"] == {"type": "Point", "coordinates": [121.903, 30.9]}


def test_what_is_not_declared_is_not_awaited(client: Caller) -> None:
    """A room has no warmth; a lamp that is not there has none either."""
    for id in ("room-1.trial.warmth", "lamp-9.trial.warmth", "lamp-3.trial.cold"):
        assert client.get(f"/sta/v1.1/Datastreams('{id}')").status_code == 404
    assert client.get("/api/streams").json()["total"] == 2  # that list is of those that reported


DOORS = {
    "post 1.1": lambda c: c.post(
        f"/sta/v1.1/Datastreams('{SILENT}')/Observations",
        json={"phenomenonTime": "2026-03-10T03:00:00Z", "result": 21.5},
    ),
    "post 2.0": lambda c: c.post(
        f"/sta/v2.0/Datastreams('{SILENT}')/Observations",
        json={"phenomenonTime": {"start": "2026-03-10T03:00:00Z"}, "result": 21.5},
    ),
    "data array": lambda c: c.post("/sta/v1.1/CreateObservations", json=arrays(["phenomenonTime", "result"])),
    "components": lambda c: c.post(
        "/sta/v1.1/CreateObservations",
        json=arrays(["phenomenonTime", "result", "resultTime"], "2026-03-10T03:01:00Z"),
    ),
    "readings": lambda c: c.post(
        "/api/observations", json=[{"stream": SILENT, "time": "2026-03-10T03:00:00Z", "value": 21.5}]
    ),
}


def arrays(names: list[str], *more: Any) -> Any:
    row = ["2026-03-10T03:00:00Z", 21.5, *more]
    return [{"Datastream": {"@iot.id": SILENT}, "components": names, "dataArray": [row]}]


@pytest.mark.parametrize("door", DOORS)
def test_the_first_observation_comes_in_by_every_door(own: Caller, door: str) -> None:
    """And the stream is there once, with it."""
    answer = DOORS[door](own)
    assert answer.status_code == 201, answer.text
    assert "error" not in answer.text
    found = one(own, "v1.1", f"Datastreams('{SILENT}')?$expand=Observations")
    assert [o["result"] for o in found["Observations"]] == [21.5]
    assert found[TIMES] == "2026-03-10T03:00:00Z"
    assert len(one(own, "v1.1", "Things('lamp-3')/Datastreams")["value"]) == 1


def test_the_first_message_of_mqtt_is_taken(own_house: House, own: Caller) -> None:
    post = Post(own_house, services(own_house, "http://testville"))
    try:
        said = json.dumps({"phenomenonTime": "2026-03-10T03:00:00Z", "result": 21.5}).encode()
        assert post.take(f"v1.1/Datastreams('{SILENT}')/Observations", said).result()
    finally:
        post.close()
    assert one(own, "v1.1", f"Datastreams('{SILENT}')/Observations/$count") == 1


def test_a_new_asset_is_awaited_at_once_and_its_type_decides(own_house: House, own: Caller) -> None:
    told: list[tuple[str, str, str]] = []
    own_house.twin.heard.append(told.extend)
    lamp = Asset("lamp-4", "trial.lamp", Title("4号灯", "Lamp 4"), POINT)
    catalog.add(own_house.twin, [lamp])
    assert ("datastream", "lamp-4.trial.warmth", "create") in told
    assert one(own, "v1.1", "Datastreams('lamp-4.trial.warmth')/Thing")["@iot.id"] == "lamp-4"
    catalog.add(own_house.twin, [Asset("lamp-4", "trial.note", Title("便条", "Note"))])
    assert own.get("/sta/v1.1/Datastreams('lamp-4.trial.warmth')").status_code == 404


def test_awaited_streams_against_what_packs_declare_after_a_restart(own_house: House) -> None:
    """Declared anew, a store awaits what the assets may report and has not come yet: no more, and nothing twice."""
    twin: Twin = own_house.twin
    tables = load.tables(twin.packs)
    sql = "SELECT stream FROM stream_awaited ORDER BY stream"
    assert twin.store.fetch(sql)["stream"].to_pylist() == [SILENT]
    twin.store.define(twin.packs, tables)
    assert twin.store.fetch(sql)["stream"].to_pylist() == [SILENT]
    twin.store.define([], {})
    assert twin.store.fetch(sql).num_rows == 0
    twin.store.define(twin.packs, tables)
    own_house.intake.send([Row(SILENT, twin.clock.now(), 1.0)]).result()
    assert twin.store.fetch(sql).num_rows == 0


def test_observed_properties_against_the_order_of_the_record(build: Callable[..., House], portal: Any) -> None:
    """A MultiDatastream's ObservedProperties stand in the order of its types and units (18-088, clause 8.3), in pages too, in both versions."""
    caller = Caller(build(furnished=False), portal)
    sta = Service(caller)
    ids = [
        sta.get(sta.made("ObservedProperties", {**LEVEL, "name": n, "definition": f"urn:{n}"}))["@iot.id"]
        for n in "abc"
    ]
    record = [ids[2], ids[0], ids[1]]
    multi = {
        "name": "wind",
        "description": "d",
        "multiObservationDataTypes": [TYPE] * 3,
        "unitOfMeasurements": [{**UNIT, "name": n} for n in "cab"],
        "Sensor": SENSOR,
        "ObservedProperties": [{"@iot.id": i} for i in record],
    }
    made = sta.get(sta.made("Things", thing(MultiDatastreams=[multi])), expand="MultiDatastreams")
    id = made["MultiDatastreams"][0]["@iot.id"]
    path = f"MultiDatastreams('{id}')"
    assert [p["name"] for p in sta.get(path, expand="ObservedProperties")["ObservedProperties"]] == ["c", "a", "b"]
    page = sta.get(f"{path}/ObservedProperties?$top=2")
    rest = sta.get(page["@iot.nextLink"])
    assert [p["@iot.id"] for p in (*page["value"], *rest["value"])] == record
    cut = sta.get(f"{path}?$expand=ObservedProperties($top=1)")
    rest = sta.get(cut["ObservedProperties@iot.nextLink"])
    assert [p["@iot.id"] for p in (*cut["ObservedProperties"], *rest["value"])] == record[:2]
    both = one(caller, "v2.0", f"Datastreams('{id}')?$expand=ObservedProperties")
    assert [p["id"] for p in both["ObservedProperties"]] == record
    asked = sta.get(f"{path}/ObservedProperties?$orderby=name")["value"]
    assert [p["name"] for p in asked] == ["a", "b", "c"]
