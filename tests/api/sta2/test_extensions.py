"""What is offered beside OGC 23-019: batches, data arrays, CSV and GeoJSON, as 1.1 has them. The oracle is what GET shows of the same entities."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.api.sta2.service import Client, at, feature, place, quantity, stream


def made(sta: Client, **more: Any) -> str:
    """The address of a new datastream of a new thing."""
    thing = sta.create("Things", {"name": "Buoy", "Datastreams": [stream(**more)]})
    return str(sta.get(f"{thing}/Datastreams")["value"][0]["@id"])


def test_every_extension_is_declared_and_bears_no_name_of_the_standard(sta: Client) -> None:
    declared = sta.get("")["serverSettings"]["conformance"]
    own = [name.rpartition(":")[2] for name in declared if not name.startswith("http://www.opengis.net/")]
    assert own == ["batch", "data-array", "csv", "geojson"]


PARTS = (
    "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
    "--c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n"
    'POST Things HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{"name": "of a batch"}\r\n'
    "--c\r\nContent-Type: application/http\r\nContent-ID: 2\r\n\r\n"
    "POST $1/Datastreams HTTP/1.1\r\nContent-Type: application/json\r\nPrefer: return=representation\r\n\r\nSTREAM\r\n"
    "--c--\r\n"
    "--b\r\nContent-Type: application/http\r\n\r\nGET Nothings HTTP/1.1\r\n\r\n--b--\r\n"
)


def test_a_batch_of_parts_against_the_same_requests_one_by_one(sta: Client) -> None:
    body = PARTS.replace("STREAM", json.dumps(stream("parts"))).encode()
    told = sta.ask("POST", "$batch", 200, content=body, headers={"content-type": "multipart/mixed; boundary=b"})
    assert [line for line in told.text.splitlines() if line.startswith("HTTP/1.1")] == [
        "HTTP/1.1 201 OK", "HTTP/1.1 201 OK", "HTTP/1.1 404 Error"
    ]  # fmt: skip
    shown = json.loads(next(line for line in told.text.splitlines() if '"parts"' in line))
    assert sta.get(f"{shown['@id']}/Thing")["name"] == "of a batch"
    assert sta.get(shown["@id"]) == shown


def test_a_batch_in_json_links_by_reference_and_stops_a_group_at_its_fault(sta: Client) -> None:
    requests = [
        {"id": "s", "method": "post", "url": "Sensors", "body": {"name": "shared"}},
        {"id": "t", "method": "post", "url": "/sta/v2.0/Things", "body": {"name": "linked"}},
        {"id": "d", "method": "post", "url": "Datastreams", "body": {**stream("json"), "Thing": {"@id": "$t"}, "Sensor": {"@id": "$s"}}},
        {"id": "o", "method": "post", "url": "$d/Observations", "body": {"phenomenonTime": at(1), "result": 4}},
        {"id": "g", "method": "get", "url": "$d?$expand=Thing,Sensor,Observations"},
        {"id": "p", "method": "patch", "url": "$t", "body": {"description": "changed"}, "dependsOn": ["d"]},
        {"id": "f1", "method": "post", "url": "Things", "body": {"name": 1}, "atomicityGroup": "f"},
        {"id": "f2", "method": "post", "url": "Things", "body": {"name": "after the fault"}, "atomicityGroup": "f"},
    ]  # fmt: skip
    told = {r["id"]: r for r in sta.ask("POST", "$batch", 200, json={"requests": requests}).json()["responses"]}
    assert {id: r["status"] for id, r in told.items()} == {
        "s": 201, "t": 201, "d": 201, "o": 201, "g": 200, "p": 204, "f1": 400, "f2": 424
    }  # fmt: skip
    seen = told["g"]["body"]
    assert (seen["Thing"]["name"], seen["Sensor"]["name"]) == ("linked", "shared")
    assert [o["result"] for o in seen["Observations"]] == [4]
    assert sta.get(told["t"]["headers"]["location"])["description"] == "changed"
    assert sta.ids("Things", filter="name eq 'after the fault'") == []
    sta.ask("POST", "$batch", 400, json={"requests": 1})


def test_a_data_array_read_against_the_observations(sta: Client) -> None:
    here = made(sta, name="read", Observations=[
        {"phenomenonTime": at(1), "result": 1.5},
        {"phenomenonTime": {**at(2), "end": at(3)["start"]}, "result": 2, "resultTime": at(4)["start"], "properties": {"by": "hand"}},
    ])  # fmt: skip
    items = sta.get(f"{here}/Observations", orderby="phenomenonTime")["value"]
    page = sta.get(f"{here}/Observations", format="dataArray", orderby="phenomenonTime", count="true")
    names = ["id", "phenomenonTime", "resultTime", "result", "validTime", "properties"]
    assert page["@count"] == 2
    assert page["value"] == [
        {
            "Datastream@navigationLink": here,
            "components": names,
            "dataArray@count": 2,
            "dataArray": [[item.get(n) for n in names] for item in items],
        }
    ]
    part = sta.get(f"{here}/Observations", format="dataArray", select="result", top=1)
    assert (part["value"][0]["components"], part["value"][0]["dataArray"]) == (["result"], [[1.5]])
    assert sta.get(part["@nextLink"])["value"][0]["dataArray"] == [[2]]


def test_an_observation_led_elsewhere_is_in_the_array_of_its_datastream(sta: Client) -> None:
    one, other = made(sta, name="from"), made(sta, name="to")
    made_one = sta.create(f"{one}/Observations", {"phenomenonTime": at(1), "result": 1})
    sta.ask("PATCH", made_one, 204, json={"Datastream": {"@id": other}})
    (table,) = sta.get(f"{other}/Observations", format="dataArray")["value"]
    assert table["Datastream@navigationLink"] == other


def test_rows_of_a_data_array_against_single_posts(sta: Client) -> None:
    plain, rich = made(sta, name="plain"), made(sta, name="rich")
    limited = stream(
        "limited",
        resultType={**quantity("urn:run:limited"), "constraint": {"type": "AllowedValues", "intervals": [[0, 10]]}},
    )
    kept = str(sta.get(sta.create("Things", {"name": "Buoy", "Datastreams": [limited]}) + "/Datastreams")["value"][0]["@id"])  # fmt: skip
    place_of = sta.create("Features", feature("sample"))
    id = sta.get(place_of)["id"]
    body = [
        {"Datastream": {"@id": plain}, "components": ["phenomenonTime/start", "result"],
         "dataArray": [[at(h)["start"], h] for h in range(3)]},
        {"Datastream": {"@id": plain}, "components": ["phenomenonTime", "result"], "dataArray": [[at(5), 5], [at(6), 6.5]]},
        {"Datastream": {"@id": rich}, "components": ["phenomenonTime/start", "phenomenonTime/end", "result", "ProximateFeatureOfInterest/id", "properties"],
         "dataArray": [[at(1)["start"], at(2)["start"], 7, id, {"n": 1}], [at(3)["start"], None, 8, None, None], [at(4)["start"], None, "high", None, None]]},
        {"Datastream": {"@id": kept}, "components": ["phenomenonTime/start", "result"], "dataArray": [[at(1)["start"], 9], [at(2)["start"], 11]]},
        {"Datastream": {"@id": "Datastreams('none')"}, "components": ["phenomenonTime/start", "result"], "dataArray": [[at(1)["start"], 9]]},
    ]  # fmt: skip
    told = sta.ask("POST", "CreateObservations", 201, json=body).json()
    failed = [n for n, t in enumerate(told) if t.startswith("error")]
    assert failed == [7, 9, 10]
    assert "no Datastream 'none'" in told[10]
    assert [sta.get(t)["result"] for t in told if not t.startswith("error")] == [0, 1, 2, 5, 6.5, 7, 8, 9]
    whole = sta.get(told[5], expand="ProximateFeatureOfInterest")
    assert whole["phenomenonTime"] == {**at(1), "end": at(2)["start"]}
    assert (whole["properties"], whole["ProximateFeatureOfInterest"]["id"]) == ({"n": 1}, id)
    # what names no feature has none, as a single post
    single = sta.get(sta.create(f"{plain}/Observations", {"phenomenonTime": at(8), "result": 1}), expand="ProximateFeatureOfInterest")  # fmt: skip
    assert ("ProximateFeatureOfInterest" in sta.get(told[0], expand="ProximateFeatureOfInterest")) is (
        "ProximateFeatureOfInterest" in single
    )
    sta.ask("POST", "CreateObservations", 400, json=[{"components": ["result"], "dataArray": [[1]]}])


def test_csv_against_json(sta: Client) -> None:
    here = made(sta, name="table", Observations=[{"phenomenonTime": at(h), "result": h} for h in (1, 2, 3)])
    asked = {"orderby": "phenomenonTime", "top": 2}
    told = sta.ask("GET", f"{here}/Observations?$format=text/csv&$orderby=phenomenonTime&$top=2", 200)
    rows = list(csv.DictReader(io.StringIO(told.text)))
    items = sta.get(f"{here}/Observations", **asked)["value"]
    assert told.headers["content-type"].startswith("text/csv")
    assert rows == [
        {"id": i["id"], "phenomenonTime/start": i["phenomenonTime"]["start"], "result": str(i["result"])} for i in items
    ]
    later = told.links["next"]["url"]
    assert "3" in sta.ask("GET", later, 200).text.splitlines()[1].split(",")[-1]


def test_geojson_against_the_locations(sta: Client) -> None:
    thing = sta.get(sta.create("Things", {"name": "Mapped", "Locations": [place("Pier", 121.5, 30.5)]}))
    shapes = sta.get("Things", format="geojson", filter=f"id eq '{thing['id']}'", expand="Locations")
    (one,) = shapes["features"]
    assert (one["id"], one["geometry"]["coordinates"]) == (thing["id"], [121.5, 30.5])
    assert one["properties"]["name"] == "Mapped"
    assert not [name for name in one["properties"] if "@" in name]
    sta.ask("GET", "Things?$format=dataArray", 501)
    sta.ask("GET", f"{thing['@id']}?$format=csv", 501)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"{}",
        b"[1]",
        b'[{"Datastream": {"@id": "Things(1)"}, "components": ["result"], "dataArray": [[1]]}]',
        b'[{"Datastream": {"@id": "Datastreams(1)"}, "components": ["phenomenonTime", "phenomenonTime/start", "result"], "dataArray": [["x", "y", 1]]}]',
        b'[{"Datastream": {"@id": "Datastreams(1)"}, "components": ["result", "result"], "dataArray": [[1, 2]]}]',
        b'[{"Datastream": {"@id": "Datastreams(1)"}, "components": ["phenomenonTime", "result"], "dataArray": '
        + b"[" * 100_000,
        b'[{"Datastream": {"@id": "Datastreams(1)"}, "components": ["phenomenonTime"], "dataArray": [[1]]}]',
    ],
)
def test_a_body_that_is_no_data_array_is_refused(sta: Client, body: bytes) -> None:
    told = sta.ask("POST", "CreateObservations", 400, content=body).json()
    assert told["message"]


def test_rows_at_fault_are_told_one_by_one_and_the_others_stand(sta: Client) -> None:
    here = made(sta, name="faults")
    rows = [
        [at(1), 1], [at(2)["start"], 2], [{"start": "never"}, 3], [at(4)], [at(5), "high"], [None, 6], [{**at(7), "end": at(6)["start"]}, 7], [at(8), 8],
    ]  # fmt: skip
    told = sta.ask("POST", "CreateObservations", 201, json=[{"Datastream": {"@id": here}, "components": ["phenomenonTime", "result"], "dataArray": rows}]).json()  # fmt: skip
    assert [t.startswith("error: ") for t in told] == [False, True, True, True, True, False, True, False]
    assert sorted(o["result"] for o in sta.get(f"{here}/Observations")["value"]) == [1, 6, 8]
