"""One city in two versions of SensorThings: what came through one is there in the other, in its words (docs/decisions/0011)."""

from __future__ import annotations

from typing import Any

import anyio.from_thread
import pytest

from citytwin.api.house import House
from citytwin.kernel import swe
from tests.api.conftest import Caller
from tests.api.sta2.service import RUN, Client, at, feature, observed, place, quantity, sensor
from tests.api.sta2.service import stream as streaming

OM = "http://www.opengis.net/def/observationType/OGC-OM/2.0/"


class Old(Client):
    """The same service in the words of 1.1."""

    def create(self, path: str, body: Any) -> str:
        return str(self.ask("POST", path, 201, json=body).headers["location"])


@pytest.fixture
def both(own_house: House, portal: anyio.from_thread.BlockingPortal) -> tuple[Old, Client]:
    caller = Caller(own_house, portal)
    return Old("http://testville/sta/v1.1", caller.request), Client("http://testville/sta/v2.0", caller.request)


def old_stream(**more: Any) -> dict[str, Any]:
    return {
        "name": "level",
        "description": "d",
        "observationType": f"{OM}OM_Measurement",
        "unitOfMeasurement": {"name": "metre", "symbol": "m", "definition": "ucum:m"},
        "Sensor": {"name": "s", "description": "d", "encodingType": "text/plain", "metadata": "m"},
        "ObservedProperty": {"name": "Level", "definition": "urn:old:level", "description": "d"},
        **more,
    }


def old_thing(**more: Any) -> dict[str, Any]:
    spot = {"name": "p", "description": "d", "encodingType": "application/geo+json", "location": {"type": "Point", "coordinates": [121, 30]}}  # fmt: skip
    return {"name": "old", "description": "d", "Locations": [spot], **more}


def twin_of(address: str, client: Client) -> str:
    """The address of the same entity in the other version."""
    tail = address.partition("/v2.0/")[2] or address.partition("/v1.1/")[2]
    return client.url(tail)


def test_a_stream_of_1_1_tells_its_results_in_swe_common(both: tuple[Old, Client]) -> None:
    old, new = both
    for type, unit, expected in (
        ("OM_Measurement", {"name": "metre", "symbol": "m", "definition": "ucum:m"}, {"type": "Quantity", "uom": {"code": "m", "label": "metre", "symbol": "m"}}),
        ("OM_Measurement", {"name": "Bq", "symbol": "Bq", "definition": "http://example.org/bq"}, {"type": "Quantity", "uom": {"href": "http://example.org/bq", "label": "Bq", "symbol": "Bq"}}),
        ("OM_CountObservation", {"name": None, "symbol": None, "definition": None}, {"type": "Count"}),
        ("OM_TruthObservation", {"name": None, "symbol": None, "definition": None}, {"type": "Boolean"}),
        ("OM_CategoryObservation", {"name": None, "symbol": None, "definition": "urn:codes"}, {"type": "Category", "codeSpace": "urn:codes"}),
        ("OM_Observation", {"name": None, "symbol": None, "definition": None}, {"type": "Text"}),
    ):  # fmt: skip
        made = old.create(
            "Things", old_thing(Datastreams=[old_stream(observationType=OM + type, unitOfMeasurement=unit)])
        )
        (stream,) = new.get(f"{twin_of(made, new)}/Datastreams", expand="ObservedProperties")["value"]
        (level,) = stream["ObservedProperties"]
        definition = level["@id"][len(new.base) + 1 :]
        assert stream["resultType"] == {"label": "Level", "definition": definition, **expected}
        assert swe.fault(stream["resultType"]) == ""


def test_a_multi_datastream_is_a_datastream_with_a_record_and_the_other_way_round(both: tuple[Old, Client]) -> None:
    old, new = both
    body = {
        "name": "weather",
        "description": "d",
        "multiObservationDataTypes": [f"{OM}OM_Measurement", f"{OM}OM_CountObservation"],
        "unitOfMeasurements": [{"name": "metre", "symbol": "m", "definition": "ucum:m"}, {"name": None, "symbol": None, "definition": None}],
        "Sensor": {"name": "s", "description": "d", "encodingType": "text/plain", "metadata": "m"},
        "ObservedProperties": [{"name": n, "definition": f"urn:{n}", "description": "d"} for n in ("Level", "Drops")],
    }  # fmt: skip
    made = old.create("Things", old_thing(MultiDatastreams=[body]))
    (stream,) = new.get(f"{twin_of(made, new)}/Datastreams", expand="ObservedProperties")["value"]
    assert stream["resultEncoding"] == {"type": "JSONEncoding", "recordsAsArrays": True}
    kinds = [(f["type"], f["label"]) for f in stream["resultType"]["fields"]]
    assert kinds == [("Quantity", "Level"), ("Count", "Drops")]
    assert swe.fault(stream["resultType"]) == ""
    new.create(f"{stream['@id']}/Observations", {"phenomenonTime": at(1), "result": [1.5, 3]})
    new.ask("POST", f"{stream['@id']}/Observations", 400, json={"result": 1.5})
    (seen,) = old.get(f"MultiDatastreams('{stream['id']}')/Observations")["value"]
    assert (seen["result"], seen["phenomenonTime"]) == ([1.5, 3], "2026-03-01T01:00:00Z")

    fields = [
        quantity(f"urn:{RUN}:a", name="a"),
        {"type": "Count", "label": "B", "definition": f"urn:{RUN}:b", "name": "b"},
    ]
    record = {
        "name": "record",
        "resultType": {"type": "DataRecord", "fields": fields},
        "resultEncoding": {"type": "JSONEncoding", "recordsAsArrays": True},
        "ObservedProperties": [observed("a"), observed("b")],
        "Sensor": sensor(),
        "Thing": {"name": "t", "Locations": [place()]},
    }
    told = old.get(f"MultiDatastreams{_key(new.create('Datastreams', record))}", expand="ObservedProperties")
    assert told["multiObservationDataTypes"] == [f"{OM}OM_Measurement", f"{OM}OM_CountObservation"]
    assert told["unitOfMeasurements"][0] == {"name": "metre", "symbol": "m", "definition": "ucum:m"}
    assert {p["name"] for p in told["ObservedProperties"]} == {"a", "b"}


def test_a_stream_of_2_0_has_type_unit_and_property_in_1_1(both: tuple[Old, Client]) -> None:
    old, new = both
    made = new.create("Datastreams", streaming("level", Thing={"name": "t", "Locations": [place()]}))
    told = old.get(f"Datastreams{_key(made)}", expand="ObservedProperty,Thing/Locations,Sensor")
    assert told["observationType"] == f"{OM}OM_Measurement"
    assert told["unitOfMeasurement"] == {"name": "metre", "symbol": "m", "definition": "ucum:m"}
    assert told["ObservedProperty"]["definition"] == f"urn:{RUN}:level"
    assert (told["description"], told["Thing"]["description"]) == ("", "")  # 1.1 is not without
    assert "description" not in new.get(made)
    # 1.1 says another unit: 2.0 follows
    unit = {"name": "inch", "symbol": "in", "definition": "ucum:[in_i]"}
    old.ask("PATCH", f"Datastreams{_key(made)}", 200, json={"unitOfMeasurement": unit})
    assert new.get(made)["resultType"]["uom"] == {"code": "[in_i]", "label": "inch", "symbol": "in"}
    # and another property
    other = old.create("ObservedProperties", {"name": "other", "definition": "urn:other", "description": "d"})
    old.ask("PATCH", f"Datastreams{_key(made)}", 200, json={"ObservedProperty": {"@iot.id": _id(other)}})
    assert new.get(made)["resultType"]["definition"] == f"ObservedProperties{_key(other)}"


def test_a_property_changed_in_1_1_is_named_in_the_result_type_that_2_0_said(both: tuple[Old, Client]) -> None:
    old, new = both
    made = new.create("Datastreams", streaming("level", Thing={"name": "t"}))
    other = old.create("ObservedProperties", {"name": "other", "definition": "urn:other", "description": "d"})
    old.ask("PATCH", f"Datastreams{_key(made)}", 200, json={"ObservedProperty": {"@iot.id": _id(other)}})
    said = new.get(made, expand="ObservedProperties")
    assert said["resultType"] == quantity(f"ObservedProperties{_key(other)}")
    assert [p["@id"] for p in said["ObservedProperties"]] == [twin_of(other, new)]


def test_observations_are_the_same_in_both_with_the_same_ids(both: tuple[Old, Client]) -> None:
    old, new = both
    made = old.create("Things", old_thing(Datastreams=[old_stream()]))
    stream = old.get(f"{made}/Datastreams")["value"][0]["@iot.selfLink"]
    twin = twin_of(stream, new)
    a = old.create(f"{stream}/Observations", {"phenomenonTime": "2026-03-01T01:00:00Z", "result": 1})
    b = new.create(f"{twin}/Observations", {"phenomenonTime": at(2), "result": 2})
    c = old.create(f"{stream}/Observations", {"phenomenonTime": "2026-03-01T03:00:00Z/2026-03-01T04:00:00Z", "result": 3, "resultQuality": {"flag": 4}, "parameters": {"p": 1}})  # fmt: skip
    d = new.create(f"{twin}/Observations", {"phenomenonTime": {**at(5), "end": "2026-03-01T06:00:00Z"}, "result": 4, "properties": {"p": 2, "resultQuality": "good"}, "ProximateFeatureOfInterest": feature("jar")})  # fmt: skip
    told = {o["@iot.id"]: o for o in old.get(f"{stream}/Observations", expand="FeatureOfInterest")["value"]}
    seen = {o["id"]: o for o in new.get(f"{twin}/Observations", expand="ProximateFeatureOfInterest")["value"]}
    assert set(told) == set(seen) == {_id(x) for x in (a, b, c, d)}
    assert seen[_id(a)]["phenomenonTime"] == {"start": "2026-03-01T01:00:00Z"}
    assert told[_id(b)]["phenomenonTime"] == "2026-03-01T02:00:00Z"
    assert seen[_id(c)]["properties"] == {"p": 1, "resultQuality": {"flag": 4}}
    assert seen[_id(c)]["phenomenonTime"] == {"start": "2026-03-01T03:00:00Z", "end": "2026-03-01T04:00:00Z"}
    assert (told[_id(d)]["parameters"], told[_id(d)]["resultQuality"]) == ({"p": 2}, "good")
    assert told[_id(d)]["FeatureOfInterest"]["name"] == "jar"
    assert seen[_id(d)]["ProximateFeatureOfInterest"]["name"] == "jar"
    # the feature that 1.1 makes of a place is that of the stream, not of each observation
    assert told[_id(a)]["FeatureOfInterest"]["name"] == "p"
    assert "ProximateFeatureOfInterest" not in seen[_id(a)]
    assert new.get(f"{twin}/ProximateFeatureOfInterest")["name"] == "p"
    new.ask("PATCH", twin_of(a, new), 204, json={"result": 10})
    assert old.get(a)["result"] == 10
    old.ask("DELETE", f"Observations{_key(b)}", 200)
    new.ask("GET", twin_of(b, new), 404)


def test_flags_of_declared_readings_are_among_their_properties(both: tuple[Old, Client]) -> None:
    _, new = both
    found = new.get("Datastreams('lamp-2.trial.warmth')/Observations")["value"]
    assert [(o["result"], o.get("properties")) for o in found] == [(70, {"resultQuality": {"qartod": 3}}), (-15, None)]
    declared = new.get("Datastreams('lamp-1.trial.warmth')")
    assert declared["resultType"]["uom"]["code"] == "Cel"
    assert new.get("Datastreams('lamp-1.trial.warmth')/ProximateFeatureOfInterest")["id"] == "lamp-1"
    new.ask("PATCH", "Datastreams('lamp-1.trial.warmth')", 409, json={"name": "mine"})
    new.ask("DELETE", "Things('lamp-1')", 409)
    new.ask("PUT", "Datastreams('lamp-1.trial.warmth')/Thing/$ref", 409, json={"@id": "Things('lamp-2')"})


def test_a_thing_without_a_place_observes_in_2_0_and_is_asked_for_one_in_1_1(both: tuple[Old, Client]) -> None:
    old, new = both
    made = new.create("Datastreams", streaming("level", Thing={"name": "nowhere"}))
    new.create(f"{made}/Observations", {"phenomenonTime": at(1), "result": 1})
    (seen,) = old.get(f"Datastreams{_key(made)}/Observations")["value"]
    assert seen["result"] == 1
    old.ask("POST", f"Datastreams{_key(made)}/Observations", 400, json={"result": 2})


def test_a_deleted_stream_leaves_no_feature_behind(both: tuple[Old, Client]) -> None:
    old, new = both
    made = new.create("Datastreams", streaming("level", Thing={"name": "t", "Locations": [place()]}))
    before = new.count("Features")
    new.ask("DELETE", made, 204)
    assert new.count("Features") == before
    assert old.count("FeaturesOfInterest") == before


def _key(address: str) -> str:
    return address[address.rindex("(") :]


def _id(address: str) -> str:
    return _key(address)[2:-2]
