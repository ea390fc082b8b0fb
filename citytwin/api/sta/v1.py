"""How does SensorThings 1.1 (18-088) say it? Names, shapes and bodies of clause 8."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from citytwin.api.sta import sets
from citytwin.api.sta.dialect import Dialect, Field, Form, any_text, anything, geometry, instant, json_object, text
from citytwin.api.sta.times import interval, time_text

_NAMED = {"name": Field("name", text), "description": Field("description", any_text)}
_MORE = {"properties": Field("properties", json_object, False)}
_ENCODED = {"encodingType": Field("encoding", text)}
_OF_STREAM = {
    "Thing": ("thing", "Thing", False),
    "Sensor": ("sensor", "Sensor", False),
    "Observations": ("observations", "Observation", True),
}
_STREAM = {**_NAMED, "observedArea": Field("area", geometry, False), **_MORE}
_STREAMS = {
    "Datastreams": ("datastreams", "Datastream", True),
    "MultiDatastreams": ("datastreams", "MultiDatastream", True),
}


def _units(value: Any) -> str:
    return "" if isinstance(value, list) and all(isinstance(v, dict) for v in value) else "is no list of units"


def _types(value: Any) -> str:
    sound = isinstance(value, list) and all(isinstance(v, str) for v in value)
    return "" if sound else "is no list of observation types"


FORMS: Mapping[str, Form] = {
    "Thing": Form(
        "thing",
        {**_NAMED, **_MORE},
        {"Locations": ("locations", "Location", True), **_STREAMS},
        ("HistoricalLocations",),
    ),
    "Location": Form(
        "location",
        {**_NAMED, **_ENCODED, "location": Field("location", anything), **_MORE},
        {"Things": ("things", "Thing", True)},
        ("HistoricalLocations",),
    ),
    "HistoricalLocation": Form(
        "historical_location",
        {"time": Field("time", instant)},
        {"Thing": ("thing", "Thing", False), "Locations": ("locations", "Location", True)},
    ),
    "Datastream": Form(
        "datastream",
        {**_STREAM, "observationType": Field("type", text), "unitOfMeasurement": Field("unit", json_object)},
        {**_OF_STREAM, "ObservedProperty": ("properties", "ObservedProperty", False)},
        ("phenomenonTime", "resultTime"),
    ),
    "MultiDatastream": Form(
        "datastream",
        {
            **_STREAM,
            "observationType": Field("type", text, False),
            "multiObservationDataTypes": Field("types", _types),
            "unitOfMeasurements": Field("unit", _units),
        },
        {**_OF_STREAM, "ObservedProperties": ("properties", "ObservedProperty", True)},
        ("phenomenonTime", "resultTime"),
    ),
    "Sensor": Form("sensor", {**_NAMED, **_ENCODED, "metadata": Field("metadata", anything), **_MORE}, _STREAMS),
    "ObservedProperty": Form(
        "observed_property",
        {**_NAMED, "definition": Field("definition", text), **_MORE},
        {"Datastreams": ("datastreams", "Datastream", True)},
        ("MultiDatastreams",),
    ),
    "FeatureOfInterest": Form(
        "feature", {**_NAMED, **_ENCODED, "feature": Field("feature", anything), **_MORE}, {}, ("Observations",)
    ),
}
PARENTS: Mapping[tuple[str, str], str] = {
    ("Thing", "Datastreams"): "thing",
    ("Thing", "MultiDatastreams"): "thing",
    ("Thing", "Locations"): "things",
    ("Thing", "HistoricalLocations"): "thing",
    ("Location", "Things"): "locations",
    ("Location", "HistoricalLocations"): "locations",
    ("HistoricalLocation", "Locations"): "",
    ("Sensor", "Datastreams"): "sensor",
    ("Sensor", "MultiDatastreams"): "sensor",
    ("ObservedProperty", "Datastreams"): "properties",
    ("ObservedProperty", "MultiDatastreams"): "properties",
}


def plain(value: Any) -> Any:
    """A value of a row as JSON has it."""
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, dict) and value.keys() == {"start", "end"} and isinstance(value["start"], datetime):
        start, end = time_text(value["start"]), time_text(value["end"])
        return start if start == end else f"{start}/{end}"
    return whole(value)


def whole(value: Any) -> Any:
    """A number without a fraction as one: JSON knows no difference, and clients that count expect whole numbers."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    return value


def linked(value: Any, entity: str = "") -> str | None:
    """The id in a link; what stands beside it, and of what `entity`, is of no matter."""
    del entity
    if not isinstance(value, dict):
        return None
    id = value.get("@iot.id", value.get("@id", value.get("id")))
    return str(id) if isinstance(id, str | int) and not isinstance(id, bool) else None


V1 = Dialect(
    source="18-088, clause 8.2, tells what is mandatory",
    schema=sets.schema,
    forms=FORMS,
    parents=PARENTS,
    observation={
        "phenomenonTime": "time",
        "resultTime": "result_time",
        "result": "result",
        "resultQuality": "quality",
        "validTime": "valid",
        "parameters": "properties",
        "FeatureOfInterest": "feature",
        "Datastream": "stream",
        "MultiDatastream": "stream",
    },
    feature="FeatureOfInterest",
    mark="@iot.",
    own="@iot.selfLink",
    time=interval,
    span=interval,
    value=plain,
    shown=frozenset({"result", "resultTime"}),
    linked=linked,
)
