"""SensorThings 1.1 over HTTP: what is registered, observed, changed and deleted, and what the city shows of itself. Expected values are those of OGC 18-088."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.api.house import House
from citytwin.api.sta.desk import Desk
from citytwin.kernel.errors import BadRequest
from tests.api.conftest import Caller

STA = "/sta/v1.1"
POINT = {"type": "Point", "coordinates": [121.95, 30.88]}
PLACE = {"name": "Jetty", "description": "d", "encodingType": "application/vnd.geo+json", "location": POINT}
SENSOR = {"name": "Gauge", "description": "d", "encodingType": "application/pdf", "metadata": "gauge.pdf"}
LEVEL = {"name": "Level", "definition": "urn:level", "description": "d"}
UNIT = {"name": "metre", "symbol": "m", "definition": "ucum:m"}
TYPE = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"


def stream(name: str = "level", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "description": "d",
        "unitOfMeasurement": UNIT,
        "observationType": TYPE,
        "Sensor": SENSOR,
        "ObservedProperty": LEVEL,
        **more,
    }


def thing(**more: Any) -> dict[str, Any]:
    return {"name": "Buoy", "description": "d", "properties": {"n": 1}, "Locations": [PLACE], **more}


class Service:
    """The service as its client sees it."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def ask(self, method: str, path: str, status: int | None = 200, **given: Any) -> Any:
        url = path if path.startswith("http") else f"{STA}/{path}"
        answer = self._caller.request(method, url, **given)
        assert status is None or answer.status_code == status, answer.text
        return answer if status is None else answer.json() if answer.content else None

    def get(self, path: str, **params: Any) -> Any:
        given = {"params": {f"${k}": v for k, v in params.items()}} if params else {}
        return self.ask("GET", path, **given)

    def made(self, path: str, body: Any) -> str:
        """The path of a new entity."""
        answer = self.ask("POST", path, None, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"])

    def results(self, path: str, **params: Any) -> list[Any]:
        return [o["result"] for o in self.get(f"{path}/Observations", **params)["value"]]


@pytest.fixture
def sta(own: Caller) -> Service:
    return Service(own)


@pytest.fixture
def level(sta: Service) -> str:
    """A registered datastream."""
    return sta.get(sta.made("Things", thing(Datastreams=[stream()])), expand="Datastreams")["Datastreams"][0][
        "@iot.selfLink"
    ]  # type: ignore[no-any-return]


# -- what the city shows of itself


def test_declared_assets_and_readings_are_things_and_observations(client: Caller) -> None:
    sta = Service(client)
    lamp = sta.get(
        "Things('lamp-1')", expand="Locations,Datastreams($expand=ObservedProperty,Observations($top=2;$count=true))"
    )
    assert (lamp["name"], lamp["properties"]["type"]) == ("1号灯", "trial.lamp")
    assert lamp["properties"]["attributes"] == {"power": 0.1}
    assert lamp["Locations"][0]["location"] == {"type": "Point", "coordinates": [121.9 + 1 / 1000, 30.9]}
    (warmth,) = lamp["Datastreams"]
    assert warmth["@iot.id"] == "lamp-1.trial.warmth"
    assert warmth["unitOfMeasurement"]["symbol"] == "degC"
    assert warmth["ObservedProperty"]["@iot.id"] == "temperature"
    assert warmth["phenomenonTime"] == "2026-03-08T16:00:00Z/2026-03-10T03:59:00Z"
    assert warmth["Observations@iot.count"] == 36 * 60
    assert [o["result"] for o in warmth["Observations"]] == [20, 20 + 1 / 60]
    assert sta.get("Datastreams('lamp-1.trial.warmth')/Observations/$count") == 36 * 60


def test_flags_are_shown_as_result_quality(client: Caller) -> None:
    found = Service(client).get("Datastreams('lamp-2.trial.warmth')/Observations")["value"]
    assert [(o["result"], o.get("resultQuality")) for o in found] == [(70, {"qartod": 3}), (-15, None)]


def test_the_root_names_every_set_and_only_met_requirements(client: Caller) -> None:
    root = Service(client).get("")
    assert len(root["value"]) == 9
    for entry in root["value"]:
        Service(client).get(entry["url"])
    met = root["serverSettings"]["conformance"]
    assert len(set(met)) == len(met)
    assert not [name for name in met if "tasking" in name or "mqtt" in name]


def test_what_is_declared_is_changed_where_it_is_declared(sta: Service) -> None:
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        told = sta.ask(method, "Things('lamp-1')", 409, json=body)
        assert (told["code"], told["type"]) == (409, "error")
        assert "declared" in told["message"]
    assert sta.get("Things('lamp-1')")["name"] == "1号灯"


def test_a_declared_stream_keeps_its_rules(sta: Service, own_house: House) -> None:
    warmth = "Datastreams('lamp-1.trial.warmth')/Observations"
    own_house.twin.clock.moment += timedelta(minutes=10)  # type: ignore[attr-defined]  # it stands still in tests
    one = sta.made(warmth, {"phenomenonTime": "2026-03-10T04:05:00Z", "result": 21.5})
    assert sta.get(one)["result"] == 21.5
    # the same time again with another value corrects it, under the same id
    assert sta.made(warmth, {"phenomenonTime": "2026-03-10T04:05:00Z", "result": 22}) == one
    assert sta.get(one)["result"] == 22
    # and what it is said along with stays with it
    more = {
        "phenomenonTime": "2026-03-10T04:06:00Z",
        "resultTime": "2026-03-10T04:07:00Z",
        "result": 23,
        "parameters": {"by": "hand"},
    }
    told = sta.get(sta.made(warmth, more))
    assert {k: told[k] for k in more} == more
    assert (
        "numbers"
        in sta.ask("POST", warmth, 400, json={"phenomenonTime": "2026-03-10T04:08:00Z", "result": "warm"})["message"]
    )
    assert "future" in str(
        sta.ask("POST", warmth, 400, json={"phenomenonTime": "2026-03-12T00:00:00Z", "result": 1})["faults"]
    )


# -- registering


def test_a_deep_insert_is_there_whole_and_in_the_city(sta: Service, own: Caller) -> None:
    body = thing(Datastreams=[stream(Observations=[{"phenomenonTime": "2015-03-03T00:00:00Z", "result": 3}])])
    found = sta.get(
        sta.made("Things", body),
        expand="Locations,HistoricalLocations,Datastreams($expand=Sensor,ObservedProperty,Observations($expand=FeatureOfInterest))",
    )
    assert (found["name"], found["properties"], found["Locations"][0]["location"]) == ("Buoy", {"n": 1}, POINT)
    assert len(found["HistoricalLocations"]) == 1
    (made,) = found["Datastreams"]
    assert (made["Sensor"]["metadata"], made["ObservedProperty"]["definition"]) == ("gauge.pdf", "urn:level")
    assert made["Observations"][0]["result"] == 3
    assert made["Observations"][0]["FeatureOfInterest"]["feature"] == POINT
    assert made["phenomenonTime"] == "2015-03-03T00:00:00Z"
    asset = own.get(f"/api/assets/{found['@iot.id']}").json()
    assert (asset["title"]["zh"], asset["geometry"]) == ("Buoy", POINT)
    assert [s["id"] for s in asset["streams"]] == [made["@iot.id"]]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"Datastreams": [stream(), stream(name="x", unitOfMeasurement=None)]}, "unitOfMeasurement"),
        ({"Datastreams": [{**stream(), "Sensor": {"@iot.id": "nobody"}}]}, "nobody"),
        ({"Datastreams": [stream(Observations=[{"phenomenonTime": "2015-03-03T00:00:00Z"}])]}, "result"),
        ({"Locations": [{**PLACE, "location": {"type": "Point", "coordinates": ["a", 1]}}]}, "location"),
        ({"colour": "red"}, "colour"),
        ({"name": 3}, "name"),
    ],
)
def test_of_a_deep_insert_at_fault_nothing_stays(sta: Service, change: dict[str, Any], says: str) -> None:
    sets = (
        "Things",
        "Locations",
        "Sensors",
        "ObservedProperties",
        "Datastreams",
        "HistoricalLocations",
        "FeaturesOfInterest",
    )
    before = [sta.get(s, count="true", top=0)["@iot.count"] for s in sets]
    told = sta.ask("POST", "Things", 400, json={**thing(), **change})
    assert says in f"{told['message']} {told['where']}"
    assert [sta.get(s, count="true", top=0)["@iot.count"] for s in sets] == before


def test_a_client_that_sends_whole_entities_as_links_is_understood(sta: Service, level: str) -> None:
    linked = {k: v for k, v in sta.get(level).items() if "Link" not in k}
    made = sta.made("Observations", {"phenomenonTime": "2015-03-03T00:00:00Z", "result": 1, "Datastream": linked})
    assert sta.get(f"{made}/Datastream")["@iot.id"] == linked["@iot.id"]


def test_moving_a_thing_leaves_its_history(sta: Service) -> None:
    made = sta.made("Things", thing())
    moved = sta.made(f"{made}/Locations", {**PLACE, "name": "Harbour"})
    assert [p["@iot.selfLink"] for p in sta.get(f"{made}/Locations")["value"]] == [moved]
    past = sta.get(f"{made}/HistoricalLocations", expand="Locations")["value"]
    assert sorted(h["Locations"][0]["name"] for h in past) == ["Harbour", "Jetty"]


# -- observing

RESULTS: list[Any] = [3, 3.5, -2, "3", "", True, False, None, {"a": [1]}, [1, "x"], 2**60, 1e300]


@pytest.mark.parametrize("result", RESULTS, ids=repr)
def test_results_of_every_type_come_back_as_they_were(sta: Service, level: str, result: Any) -> None:
    made = sta.made(f"{level}/Observations", {"phenomenonTime": "2015-03-03T00:00:00Z", "result": result})
    found = sta.get(made)["result"]
    assert found == result
    assert type(found) is type(result)


def test_everything_that_is_said_of_an_observation_comes_back(sta: Service, level: str) -> None:
    body = {
        "phenomenonTime": "2015-03-03T00:00:00Z/2015-03-03T01:00:00Z",
        "resultTime": "2015-03-03T01:05:00.250Z",
        "result": 1.5,
        "resultQuality": [{"flag": 1}],
        "validTime": "2015-03-03T00:00:00Z/2015-03-04T00:00:00Z",
        "parameters": {"depth": 2},
    }
    feature = {"name": "Bay", "description": "d", "encodingType": "application/geo+json", "feature": POINT}
    found = sta.get(
        sta.made(f"{level}/Observations", {**body, "FeatureOfInterest": feature}), expand="FeatureOfInterest"
    )
    assert {k: found[k] for k in body} == body
    assert found["FeatureOfInterest"]["name"] == "Bay"


def test_two_observations_at_one_time_are_two(sta: Service, level: str) -> None:
    body = {"phenomenonTime": "2015-03-03T00:00:00Z", "result": 1}
    links = [sta.made(f"{level}/Observations", body) for _ in range(3)]
    assert len(set(links)) == 3
    assert sta.results(level) == [1, 1, 1]


def test_late_and_future_observations_of_a_registered_stream_are_taken(sta: Service, level: str) -> None:
    for time in ("2031-01-01T00:00:00Z", "1931-01-01T00:00:00Z", "2015-01-01T00:00:00Z"):
        sta.made(f"{level}/Observations", {"phenomenonTime": time, "result": int(time[:4])})
    assert sta.results(level) == [1931, 2015, 2031]
    assert sta.get(level)["phenomenonTime"] == "1931-01-01T00:00:00Z/2031-01-01T00:00:00Z"


def test_without_a_place_an_observation_needs_a_feature(sta: Service) -> None:
    made = sta.made("Things", {"name": "Nowhere", "description": "d", "Datastreams": [stream()]})
    own = sta.get(f"{made}/Datastreams")["value"][0]["@iot.selfLink"]
    told = sta.ask("POST", f"{own}/Observations", 400, json={"phenomenonTime": "2015-01-01T00:00:00Z", "result": 1})
    assert "Location" in told["message"]
    assert sta.results(own) == []


def test_many_at_once_make_one_feature_and_lose_nothing(sta: Service, level: str) -> None:
    def send(n: int) -> None:
        for m in range(5):
            sta.made(
                f"{level}/Observations", {"phenomenonTime": f"2015-01-{n + 1:02}T0{m}:00:00Z", "result": n * 10 + m}
            )

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sta.results(level)) == sorted(n * 10 + m for n in range(8) for m in range(5))
    assert len(sta.get("FeaturesOfInterest", filter="startswith(id,'feature-of-')")["value"]) == 1


# -- changing and deleting


def test_a_changed_observation_keeps_its_id_and_its_past(sta: Service, level: str, own_house: House) -> None:
    made = sta.made(f"{level}/Observations", {"phenomenonTime": "2015-03-03T00:00:00Z", "result": 1})
    for change in (
        {"result": 2},
        {"result": "two"},
        {"phenomenonTime": "2015-03-05T00:00:00Z"},
        {"parameters": {"a": 1}},
        {"result": 4},
    ):
        sta.ask("PATCH", made, json=change)
    found = sta.get(made)
    assert (found["phenomenonTime"], found["result"], found["parameters"]) == ("2015-03-05T00:00:00Z", 4, {"a": 1})
    assert sta.results(level) == [4]
    kept = own_house.twin.store.fetch("SELECT value FROM observation_all WHERE stream LIKE '%.open.%' ORDER BY value")
    assert kept["value"].to_pylist() == [1, 2]


def test_a_deleted_observation_is_gone_and_on_record(sta: Service, level: str, own_house: House) -> None:
    links = [
        sta.made(f"{level}/Observations", {"phenomenonTime": f"2015-03-0{n}T00:00:00Z", "result": n}) for n in (1, 2, 3)
    ]
    sta.ask("DELETE", links[2])
    assert sta.ask("GET", links[2], None).status_code == 404
    assert sta.ask("DELETE", links[2], None).status_code == 404
    assert sta.results(level) == [1, 2]
    assert sta.get(level)["phenomenonTime"] == "2015-03-01T00:00:00Z/2015-03-02T00:00:00Z"
    kinds = own_house.twin.store.fetch("SELECT kind FROM evidence")["kind"].to_pylist()
    assert "retraction" in kinds
    sta.made(f"{level}/Observations", {"phenomenonTime": "2015-03-03T00:00:00Z", "result": 33})
    assert sta.results(level) == [1, 2, 33]


def test_a_deleted_stream_is_shown_by_no_door(sta: Service, level: str, own: Caller) -> None:
    sta.made(f"{level}/Observations", {"phenomenonTime": "2015-03-01T00:00:00Z", "result": 1})
    id = sta.get(level)["@iot.id"]
    assert id in own.get("/api/newest").json()["stream"]
    assert own.get(f"/api/streams/{id}").status_code == 200
    sta.ask("DELETE", level)
    assert id not in own.get("/api/newest").json()["stream"]
    assert own.get(f"/api/streams/{id}").status_code == 404


def test_deleting_takes_along_what_cannot_be_alone(sta: Service) -> None:
    """18-088, table 25."""
    made = sta.made("Things", thing(Datastreams=[stream()]))
    own = sta.get(f"{made}/Datastreams", expand="Sensor,ObservedProperty")["value"][0]
    seen = sta.made(f"{own['@iot.selfLink']}/Observations", {"phenomenonTime": "2015-03-01T00:00:00Z", "result": 1})
    past = sta.get(f"{made}/HistoricalLocations")["value"][0]["@iot.selfLink"]
    place = sta.get(f"{made}/Locations")["value"][0]["@iot.selfLink"]
    sta.ask("DELETE", made)
    status = {
        link: sta.ask("GET", link, None).status_code
        for link in (made, own["@iot.selfLink"], seen, past, place, own["Sensor"]["@iot.selfLink"])
    }
    assert list(status.values()) == [404, 404, 404, 404, 200, 200]


@pytest.mark.parametrize("path", ["Sensor", "ObservedProperty"])
def test_a_datastream_goes_with_its_sensor_and_its_property(sta: Service, level: str, path: str) -> None:
    sta.ask("DELETE", sta.get(f"{level}/{path}")["@iot.selfLink"])
    assert sta.ask("GET", level, None).status_code == 404


def test_observations_go_with_their_feature(sta: Service, level: str) -> None:
    made = sta.made(f"{level}/Observations", {"phenomenonTime": "2015-03-01T00:00:00Z", "result": 1})
    sta.ask("DELETE", sta.get(f"{made}/FeatureOfInterest")["@iot.selfLink"])
    assert sta.results(level) == []


def test_put_says_all_and_json_patch_some(sta: Service) -> None:
    made = sta.made("Things", thing())
    sta.ask("PUT", made, json={"name": "B", "description": "e"})
    found = sta.get(made)
    assert (found["name"], found["description"], found.get("properties")) == ("B", "e", None)
    assert "description" in sta.ask("PUT", made, 400, json={"name": "C"})["message"]
    steps = [
        {"op": "add", "path": "/properties", "value": {"a": 1}},
        {"op": "copy", "from": "/properties/a", "path": "/properties/b"},
        {"op": "test", "path": "/name", "value": "B"},
    ]
    media = {"content-type": "application/json-patch+json"}
    sta.ask("PATCH", made, content=json.dumps(steps), headers=media)
    assert sta.get(made)["properties"] == {"a": 1, "b": 1}
    sta.ask(
        "PATCH",
        made,
        400,
        content=json.dumps([{"op": "remove", "path": "/properties/a"}, {"op": "test", "path": "/name", "value": "Z"}]),
        headers=media,
    )
    assert sta.get(made)["properties"] == {"a": 1, "b": 1}


# -- many at once


def test_a_data_array_answers_row_by_row_in_order(sta: Service, level: str) -> None:
    id = sta.get(level)["@iot.id"]
    rows = [["2015-03-01T00:00:00Z", 1], ["no time", 2], ["2015-03-02T00:00:00Z", "three"], ["2015-03-03T00:00:00Z"]]
    told = sta.ask(
        "POST",
        "CreateObservations",
        201,
        json=[{"Datastream": {"@iot.id": id}, "components": ["phenomenonTime", "result"], "dataArray": rows}],
    )
    assert [t.startswith("error") for t in told] == [False, True, False, True]
    assert [sta.get(told[n])["result"] for n in (0, 2)] == [1, "three"]
    read = sta.get(f"{level}/Observations", resultFormat="dataArray")["value"]
    assert read == [
        {
            "Datastream@iot.navigationLink": level,
            "components": ["id", "phenomenonTime", "resultTime", "result", "resultQuality", "validTime", "parameters"],
            "dataArray@iot.count": 2,
            "dataArray": [
                [told[0].split("'")[1], "2015-03-01T00:00:00Z", None, 1, None, None, None],
                [told[2].split("'")[1], "2015-03-02T00:00:00Z", None, "three", None, None, None],
            ],
        }
    ]


def test_numbers_at_times_go_in_as_one_batch(sta: Service, level: str, own_house: House) -> None:
    id = sta.get(level)["@iot.id"]
    sta.made(f"{level}/Observations", {"phenomenonTime": "2014-01-01T00:00:00Z", "result": 0})
    before = own_house.twin.store.fetch("SELECT max(batch) AS n FROM batch")["n"][0].as_py()
    rows = [[f"2015-03-01T00:{n // 60:02}:{n % 60:02}Z", n / 4] for n in range(1000)]
    body = [{"Datastream": {"@iot.id": id}, "components": ["phenomenonTime", "result"], "dataArray": rows}]
    told = sta.ask("POST", "CreateObservations", 201, json=body)
    assert len(set(told)) == 1000
    assert own_house.twin.store.fetch("SELECT max(batch) AS n FROM batch")["n"][0].as_py() == before + 1
    assert sta.get(told[777])["result"] == 777 / 4
    # sent once more they are other observations: a registered stream may have several at a time
    again = sta.ask("POST", "CreateObservations", 201, json=[{**body[0], "dataArray": rows[:3]}])
    assert not set(again) & set(told)


def test_numbers_of_a_stream_that_a_pack_declares_follow_its_rules(sta: Service) -> None:
    stream = "lamp-3.trial.warmth"  # it has not reported yet
    rows = [["2026-03-09T00:00:00Z", 20], ["2026-03-09T00:02:00Z", 22], ["2026-03-09T00:01:00Z", 21]]
    body = [{"Datastream": {"@iot.id": stream}, "components": ["phenomenonTime", "result"], "dataArray": rows}]
    told = sta.ask("POST", "CreateObservations", 201, json=body)
    assert [sta.get(link)["result"] for link in told] == [20, 22, 21]
    future = [*rows[:1], ["2030-01-01T00:00:00Z", 1], ["2026-03-09T00:03:00Z", 23]]
    told = sta.ask("POST", "CreateObservations", 201, json=[{**body[0], "dataArray": future}])
    assert [t.startswith("error") for t in told] == [False, True, False]
    assert "future" in told[1]


def test_data_arrays_of_several_streams_are_told_in_their_order(sta: Service, level: str) -> None:
    id = sta.get(level)["@iot.id"]
    twice = [["2015-04-01T00:00:00Z", 1], ["2015-04-01T00:00:00Z", 2]]
    part = {"components": ["phenomenonTime", "result"]}
    told = sta.ask(
        "POST",
        "CreateObservations",
        201,
        json=[
            {**part, "Datastream": {"@iot.id": "lamp-3.trial.warmth"}, "dataArray": [["2026-03-09T00:00:00Z", 11]]},
            {**part, "Datastream": {"@iot.id": id}, "dataArray": twice},
            {**part, "Datastream": {"@iot.id": "nobody"}, "dataArray": [["2026-03-09T00:00:00Z", 4]]},
            {**part, "Datastream": {"@iot.id": "lamp-3.trial.warmth"}, "dataArray": [["2026-03-09T00:01:00Z", 12]]},
            {**part, "Datastream": {"@iot.id": id}, "dataArray": []},
            {**part, "Datastream": {"@iot.id": id}, "dataArray": [["2015-04-02T00:00:00+08:00", 3], ["2015-04-03", 5]]},
        ],
    )
    assert [t.startswith("error") for t in told] == [False, False, False, True, False, False, True]
    assert [sta.get(told[n])["result"] for n in (0, 1, 2, 4, 5)] == [11, 1, 2, 12, 3]
    assert len(set(told)) == 7


def test_a_filter_deletes_what_it_finds_and_nothing_without_one(sta: Service, level: str) -> None:
    for n in range(6):
        sta.made(
            f"{level}/Observations", {"phenomenonTime": f"2015-03-0{n + 1}T00:00:00Z", "result": n if n != 2 else "two"}
        )
    sta.ask("DELETE", f"{level}/Observations", 400)
    assert sta.ask("DELETE", f"{level}/Observations?$filter=result gt 3 or result eq 'two'") == {"deleted": 3}
    assert sta.results(level) == [0, 1, 3]


def test_pages_are_whole_while_observations_come_in(sta: Service, level: str) -> None:
    for n in range(9):
        sta.made(f"{level}/Observations", {"phenomenonTime": f"2015-03-0{n + 1}T00:00:00Z", "result": n})
    page = sta.get(f"{level}/Observations", top=4, count="true")
    seen = [o["result"] for o in page["value"]]
    while "@iot.nextLink" in page:
        sta.made(f"{level}/Observations", {"phenomenonTime": "2014-01-01T00:00:00Z", "result": -len(seen)})
        page = sta.get(page["@iot.nextLink"])
        assert page["@iot.count"] >= 9
        seen += [o["result"] for o in page["value"]]
    assert seen == list(range(9))


def test_a_batch_of_parts_links_what_it_creates(sta: Service) -> None:
    body = (
        "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
        "--c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nPOST Things HTTP/1.1\r\nContent-Type: application/json\r\n\r\n"
        '{"name":"T","description":"d"}\r\n'
        "--c\r\nContent-Type: application/http\r\nContent-ID: 2\r\n\r\nPOST $1/Locations HTTP/1.1\r\nContent-Type: application/json\r\n\r\n"
        '{"name":"L","description":"d","encodingType":"application/geo+json","location":{"type":"Point","coordinates":[1,2]}}\r\n'
        "--c--\r\n"
        "--b\r\nContent-Type: application/http\r\n\r\nGET /sta/v1.1/Things?$filter=name%20eq%20'T'&$expand=Locations HTTP/1.1\r\n\r\n\r\n"
        "--b\r\nContent-Type: application/http\r\n\r\nGET Things('none') HTTP/1.1\r\n\r\n\r\n--b--\r\n"
    )
    answer = sta.ask("POST", "$batch", None, content=body, headers={"content-type": "multipart/mixed; boundary=b"})
    assert answer.status_code == 200, answer.text
    assert [answer.text.count(f"HTTP/1.1 {s}") for s in (201, 200, 404)] == [2, 1, 1]
    assert '"coordinates":[1,2]' in answer.text.split("HTTP/1.1 200")[1]


def test_a_batch_in_json_stops_a_group_at_its_fault(sta: Service) -> None:
    requests = [
        {"id": "1", "method": "post", "url": "Things", "body": {"name": "T", "description": "d"}},
        {"id": "2", "method": "post", "url": "$1/Locations", "body": PLACE},
        {"id": "3", "atomicityGroup": "g", "method": "post", "url": "Things", "body": {"name": ""}},
        {
            "id": "4",
            "atomicityGroup": "g",
            "method": "post",
            "url": "Things",
            "body": {"name": "never", "description": "d"},
        },
        {"id": "5", "method": "get", "url": "Things?$filter=name eq 'never'&$count=true"},
    ]
    told = sta.ask("POST", "$batch", json={"requests": requests})["responses"]
    assert [(r["id"], r["status"]) for r in told] == [("1", 201), ("2", 201), ("3", 400), ("4", 424), ("5", 200)]
    assert told[4]["body"]["@iot.count"] == 0


def test_csv_and_geojson(client: Caller) -> None:
    sta = Service(client)
    text = sta.ask(
        "GET", "Datastreams('lamp-2.trial.warmth')/Observations?$resultFormat=CSV&$select=phenomenonTime,result", None
    )
    assert text.headers["content-type"].startswith("text/csv")
    assert text.text == "phenomenonTime,result\r\n2026-03-08T22:00:00Z,70\r\n2026-03-08T23:00:00Z,-15\r\n"
    shapes = sta.get("Things", resultFormat="GeoJSON", expand="Locations", filter="id eq 'lamp-3'")
    assert shapes["features"][0]["geometry"] == {"type": "Point", "coordinates": [121.9 + 3 / 1000, 30.9]}
    sta.ask("GET", "Things?$resultFormat=xml", 501)


def test_a_multi_datastream_observes_several_properties(sta: Service) -> None:
    body = {
        "name": "wind", "description": "d", "Sensor": SENSOR, "ObservedProperties": [{**LEVEL, "name": "speed"}, {**LEVEL, "name": "direction"}],
        "multiObservationDataTypes": [TYPE, TYPE], "unitOfMeasurements": [UNIT, {**UNIT, "symbol": "deg"}],
    }  # fmt: skip
    made = sta.get(
        sta.made("Things", thing(MultiDatastreams=[body])), expand="MultiDatastreams($expand=ObservedProperties)"
    )
    (wind,) = made["MultiDatastreams"]
    assert {k: wind[k] for k in ("multiObservationDataTypes", "unitOfMeasurements")} == {
        k: body[k] for k in ("multiObservationDataTypes", "unitOfMeasurements")
    }
    assert [p["name"] for p in wind["ObservedProperties"]] == ["speed", "direction"]
    seen = sta.get(
        sta.made(
            f"{wind['@iot.selfLink']}/Observations", {"phenomenonTime": "2015-03-01T00:00:00Z", "result": [3.5, 270]}
        )
    )
    assert seen["result"] == [3.5, 270]
    assert "MultiDatastream@iot.navigationLink" in seen
    assert "Datastream@iot.navigationLink" not in seen
    assert sta.get(f"{made['@iot.selfLink']}/Datastreams")["value"] == []


# -- refusing


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "Things?$filter=name eq", None, 400),
        ("GET", "Things?$filter=nothing eq 1", None, 400),
        ("GET", "Things?$count=yes", None, 400),
        ("GET", "Nothings", None, 404),
        ("GET", "Things('x')/nothing", None, 404),
        ("GET", "Things?$search=x", None, 501),
        ("GET", "Things('lamp-1')/description/$value/x", None, 404),
        ("POST", "Things('lamp-1')", "{}", 400),
        ("POST", "Things", "{", 400),
        ("POST", "Things", "[]", 400),
        ("POST", "CreateObservations", "{}", 400),
        ("POST", "CreateObservations", '[{"components":["result"],"dataArray":[[1]]}]', 400),
        ("POST", "$batch", "{}", 400),
        ("POST", "Sensors('x')/Datastreams", "{}", 404),
        ("PATCH", "Things", "{}", 400),
        ("PATCH", "Observations('1-2')", "{}", 404),
        ("DELETE", "Observations('nonsense')", None, 404),
        ("DELETE", "Things(5)", None, 404),
        ("TRACE", "Things", None, 405),
    ],
)
def test_what_is_refused_is_told_in_one_form(
    client: Caller, method: str, path: str, body: str | None, status: int
) -> None:
    media = {"content-type": "application/json"} if body is not None else {}
    answer = client.request(method, f"{STA}/{path}", content=body, headers=media)
    assert answer.status_code == status, answer.text
    if status != 405:
        told = answer.json()
        assert (told["code"], told["type"]) == (status, "error")
        assert told["message"]


def test_a_question_that_takes_too_long_is_stopped(own_house: House) -> None:
    """The product of the readings with themselves, three times, would take hours."""
    desk = Desk(own_house)
    desk.longest_s = 0.2
    with pytest.raises(BadRequest, match=r"longer than 0\.2 s"):
        desk.fetch(
            "SELECT sum(a.number * b.number * c.number * d.number) AS n FROM sensing AS a, sensing AS b, sensing AS c, sensing AS d",
            {},
        )
    assert desk.fetch("SELECT count(*) AS n FROM sensing", {})[0]["n"] > 0


WORDS = ["Things", "Datastreams", "Observations", "('lamp-1')", "(1)", "/", "?$filter=", "&$expand=", "$count", "result", " eq ", "'a'", "3", "(", ")", "$orderby=", "phenomenonTime", "2026-03-10T00:00:00Z", " and ", "not ", "geography'POINT(1 2)'", "st_within(", "location", ",", "\0", "%", "%zz", "测"]  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(WORDS), max_size=14), st.sampled_from(["GET", "DELETE", "PATCH"]))
def test_no_request_is_a_fault_of_ours(client: Caller, words: list[str], method: str) -> None:
    path = quote("".join(words), safe="/?$&='(),%")
    answer = client.request(method, f"{STA}/{path}", content="{}" if method == "PATCH" else None)
    assert answer.status_code < 500 or answer.status_code == 501, (path, answer.text)


BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["name", "description", "Locations", "Datastreams", "@iot.id", "result", "phenomenonTime", "properties", "location", "encodingType", "x"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    BODIES,
    st.sampled_from(
        [
            "Things",
            "Locations",
            "Sensors",
            "Observations",
            "Datastreams('lamp-1.trial.warmth')/Observations",
            "CreateObservations",
            "$batch",
        ]
    ),
)
def test_no_body_is_a_fault_of_ours(spare: Caller, body: Any, path: str) -> None:
    answer = spare.post(f"{STA}/{path}", json=body)
    assert answer.status_code < 500, (path, body, answer.text)


@pytest.fixture(scope="module")
def spare(build: Any, portal: Any) -> Caller:
    return Caller(build(), portal)
