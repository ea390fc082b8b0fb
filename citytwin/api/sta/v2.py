"""How does SensorThings 2.0 (23-019) say it? Names, shapes and bodies of clauses 8 and 9."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from citytwin.api.sta import sets2
from citytwin.api.sta.dialect import (
    Dialect,
    Field,
    Form,
    any_text,
    anything,
    geometry,
    instant,
    json_object,
    text,
)
from citytwin.api.sta.times import occasion, period, time_text
from citytwin.api.sta.v1 import whole
from citytwin.kernel import swe
from citytwin.kernel.register import addressed

_NAMED = {
    "name": Field("name", text),
    "definition": Field("definition", any_text, False),
    "description": Field("description", any_text, False),
}
_MORE = {"properties": Field("properties", json_object, False)}
_DATASTREAMS = ("datastreams", "Datastream", True)


def _component(value: Any) -> str:
    return swe.fault(value, definition=False)  # a single value may take it from the ObservedProperty that comes along


def _encoding(value: Any) -> str:
    sound = isinstance(value, dict) and value.get("type") == "JSONEncoding"
    return "" if sound else "is no JSONEncoding, the only encoding of results here"


FORMS: Mapping[str, Form] = {
    "Thing": Form(
        "thing",
        {**_NAMED, **_MORE},
        {
            "Locations": ("locations", "Location", True),
            "HistoricalLocations": ("histories", "HistoricalLocation", True),
            "Datastreams": _DATASTREAMS,
        },
    ),
    "Location": Form(
        "location",
        {**_NAMED, "encodingType": Field("encoding", text), "location": Field("location", anything), **_MORE},
        {
            "Things": ("things", "Thing", True),
            "HistoricalLocations": ("histories", "HistoricalLocation", True),
        },
    ),
    "HistoricalLocation": Form(
        "historical_location",
        {"time": Field("time", instant)},
        {"Thing": ("thing", "Thing", False), "Locations": ("locations", "Location", True)},
    ),
    "Datastream": Form(
        "datastream",
        {
            **_NAMED,
            "resultType": Field("result_type", _component),
            "resultEncoding": Field("result_encoding", _encoding, False),
            "observedArea": Field("area", geometry, False),
            **_MORE,
        },
        {
            "Thing": ("thing", "Thing", False),
            "Sensor": ("sensor", "Sensor", False),
            "ObservedProperties": ("properties", "ObservedProperty", True),
            "Observations": ("observations", "Observation", True),
            "ProximateFeatureOfInterest": ("feature", "Feature", False),
            "UltimateFeaturesOfInterest": ("ultimate", "Feature", True),
        },
        ("phenomenonTime", "resultTime"),
    ),
    "Sensor": Form(
        "sensor",
        {
            **_NAMED,
            "encodingType": Field("encoding", text, False),
            "metadata": Field("metadata", anything, False),
            **_MORE,
        },
        {"Datastreams": _DATASTREAMS},
    ),
    "ObservedProperty": Form(
        "observed_property",
        {**_NAMED, "definition": Field("definition", text), **_MORE},
        {"Datastreams": _DATASTREAMS},
    ),
    "Feature": Form(
        "feature",
        {**_NAMED, "encodingType": Field("encoding", text), "feature": Field("feature", anything), **_MORE},
        {
            "Observations": ("observations", "Observation", True),
            "DatastreamsProximate": ("proximate", "Datastream", True),
            "DatastreamsUltimate": ("ultimate", "Datastream", True),
            "FeatureTypes": ("feature_types", "FeatureType", True),
        },
    ),
    "FeatureType": Form("feature_type", {**_NAMED, **_MORE}, {"Features": ("features", "Feature", True)}),
}
PARENTS: Mapping[tuple[str, str], str] = {
    ("Thing", "Datastreams"): "thing",
    ("Thing", "Locations"): "things",
    ("Thing", "HistoricalLocations"): "thing",
    ("Location", "Things"): "locations",
    ("Location", "HistoricalLocations"): "locations",
    ("HistoricalLocation", "Locations"): "histories",
    ("Datastream", "ObservedProperties"): "datastreams",
    ("Datastream", "UltimateFeaturesOfInterest"): "ultimate",
    ("Sensor", "Datastreams"): "sensor",
    ("ObservedProperty", "Datastreams"): "properties",
    ("Feature", "DatastreamsProximate"): "feature",
    ("Feature", "DatastreamsUltimate"): "ultimate",
    ("Feature", "FeatureTypes"): "features",
    ("FeatureType", "Features"): "feature_types",
}


def value(known: Any) -> Any:
    """A value of a row as JSON has it: spans of time are objects."""
    if isinstance(known, datetime):
        return time_text(known)
    if isinstance(known, dict) and isinstance(known.get("start"), datetime):
        return {k: time_text(v) for k, v in known.items()}
    return whole(known)


_SETS = {entity: name for name, entity in sets2.schema(False, {}).sets.items()}


def linked(value: Any, entity: str) -> str | None:
    """The id in a link `{"@id": …}`, whose address may be relative; None where the address is of something else."""
    if not isinstance(value, dict):
        return None
    if isinstance(url := value.get("@id"), str):
        found = addressed(url)
        return found[1] if found and found[0] == _SETS[entity] else None
    alone = value.get("id") if len(value) == 1 else None
    return str(alone) if isinstance(alone, str | int) and not isinstance(alone, bool) else None


V2 = Dialect(
    source="23-019, clause 8, tells what is mandatory",
    schema=sets2.schema,
    forms=FORMS,
    parents=PARENTS,
    observation={
        "phenomenonTime": "time",
        "resultTime": "result_time",
        "result": "result",
        "validTime": "valid",
        "properties": "properties",
        "ProximateFeatureOfInterest": "feature",
        "Datastream": "stream",
    },
    feature="Feature",
    mark="@",
    own="@id",
    time=occasion,
    span=period,
    value=value,
    shown=frozenset({"result"}),
    linked=linked,
)
