"""Conformance class datamodel/core of OGC 23-019: what every entity says, and where it leads."""

from __future__ import annotations

from typing import Any

import pytest

from citytwin.kernel import swe
from tests.api.sta2.service import RUN, Client

MANDATORY: dict[str, tuple[set[str], set[str], dict[str, bool]]] = {
    # set: mandatory attributes, optional ones, relations (to many or not), as in clause 8
    "Things": (
        {"id", "name"},
        {"definition", "description", "properties"},
        {"Locations": True, "HistoricalLocations": True, "Datastreams": True},
    ),
    "Locations": (
        {"id", "name", "encodingType", "location"},
        {"definition", "description", "properties"},
        {"Things": True, "HistoricalLocations": True},
    ),
    "HistoricalLocations": ({"id", "time"}, set(), {"Thing": False, "Locations": True}),
    "Datastreams": (
        {"id", "name", "resultType"},
        {"definition", "description", "resultEncoding", "observedArea", "phenomenonTime", "resultTime", "properties"},
        {
            "Thing": False,
            "Sensor": False,
            "ObservedProperties": True,
            "Observations": True,
            "ProximateFeatureOfInterest": False,
            "UltimateFeaturesOfInterest": True,
        },
    ),
    "Sensors": (
        {"id", "name"},
        {"definition", "description", "encodingType", "metadata", "properties"},
        {"Datastreams": True},
    ),
    "ObservedProperties": ({"id", "name", "definition"}, {"description", "properties"}, {"Datastreams": True}),
    "Observations": (
        {"id", "phenomenonTime", "result"},
        {"resultTime", "validTime", "properties"},
        {"Datastream": False, "ProximateFeatureOfInterest": False},
    ),
    "Features": (
        {"id", "name", "encodingType", "feature"},
        {"definition", "description", "properties"},
        {"Observations": True, "DatastreamsProximate": True, "DatastreamsUltimate": True, "FeatureTypes": True},
    ),
    "FeatureTypes": ({"id", "name"}, {"definition", "description", "properties"}, {"Features": True}),
}
CONF = {
    "Things": "thing",
    "Locations": "location",
    "HistoricalLocations": "historical-location",
    "Datastreams": "datastream",
    "Sensors": "sensor",
    "ObservedProperties": "observed-property",
    "Observations": "observation",
    "Features": "feature",
    "FeatureTypes": "feature-type",
}


@pytest.mark.parametrize("name", MANDATORY, ids=[f"conf/datamodel/core/{CONF[n]}" for n in MANDATORY])
def test_entities_have_the_attributes_and_relations_of_clause_8(seen: Client, name: str) -> None:
    needed, optional, relations = MANDATORY[name]
    page = seen.get(name, top=20)
    assert page["value"]
    for item in page["value"]:
        told = {k for k in item if "@" not in k}
        assert needed <= told <= needed | optional
        assert {k for k in item if "@" in k} == {"@id", *(f"{r}@navigationLink" for r in relations)}
        assert item["result" if name == "Observations" else "id"] is not None
        assert seen.get(item["@id"])["id"] == item["id"]
    for relation, many in relations.items():
        found = seen.request("GET", page["value"][-1][f"{relation}@navigationLink"])
        assert found.status_code == 200 or (not many and found.status_code == 404 and "Feature" in relation), found.text
        if many:
            assert isinstance(found.json()["value"], list)


def leaves(component: Any) -> list[str]:
    return [leaf["definition"] for leaf in swe.leaves(component)]


def test_conf_datamodel_core_datastream_observed_properties_are_those_of_the_result_type(seen: Client) -> None:
    found = seen.get("Datastreams", expand="ObservedProperties", top=100)["value"]
    assert found
    for one in found:
        assert swe.fault(one["resultType"]) == ""
        linked = {p["@id"].rpartition("/")[2] for p in one["ObservedProperties"]}
        assert set(leaves(one["resultType"])) == linked


def test_conf_datamodel_core_observation_results_match_the_result_type(seen: Client) -> None:
    found = seen.get("Datastreams", expand="Observations($top=10)", top=100)["value"]
    assert any(one["Observations"] for one in found)
    for one in found:
        arrays = bool(one.get("resultEncoding", {}).get("recordsAsArrays"))
        for seen_ in one["Observations"]:
            assert swe.misfit(seen_["result"], one["resultType"], arrays) == ""


def test_times_are_objects_with_start_and_end(seen: Client) -> None:
    one = seen.get(
        "Datastreams", filter=f"definition eq 'urn:{RUN}:stream:0'", expand="Observations($orderby=phenomenonTime)"
    )
    (stream,) = one["value"]
    assert stream["phenomenonTime"] == {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T03:00:00Z"}
    assert stream["resultTime"] == {"start": "2026-03-01T01:05:00Z", "end": "2026-03-01T01:05:00Z"}
    span, point, *_ = stream["Observations"]
    assert span["phenomenonTime"] == {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T00:30:00Z"}
    assert point["phenomenonTime"] == {"start": "2026-03-01T01:00:00Z"}
    assert point["validTime"] == {"start": "2026-03-01T01:00:00Z", "end": "2026-03-02T01:00:00Z"}
    assert point["resultTime"] == "2026-03-01T01:05:00Z"
    assert "resultTime" not in span
