"""What of the city stands behind the entity sets of SensorThings 2.0? The views of the store in the words of 23-019."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from citytwin.api.sta.schema import Entity, Property, Schema, Tie
from citytwin.api.sta.sets import (
    ENCODING,
    METADATA,
    OF_RECORD,
    RESULT,
    RESULT_TIME,
    SINCE,
    THING,
    UNTIL,
    area_of,
    functions,
    json_of,
    narrowed,
    shape_of,
    texts,
)

_NAMED = {"id": Property("string", "{t}.id"), **texts("name", "definition", "description")}
_MORE = {"properties": json_of("properties")}
_REFERENCE = "'ObservedProperties(''' || replace({0}, '''', '''''') || ''')'"
"""The entity-id of an observed property, relative to the service."""


def _uom(unit: str) -> str:
    """A unit of 1.1 (name, symbol, definition) as one of SWE Common."""
    name, symbol, definition = (f"({unit} ->> '$.{n}')" for n in ("name", "symbol", "definition"))
    known = f"coalesce({definition}, '')"
    code = f"CASE WHEN {known} LIKE 'ucum:%' THEN substr({known}, 6) WHEN {known} = '' THEN coalesce({symbol}, {name}, '1') END"
    link = f"CASE WHEN {known} <> '' AND {known} NOT LIKE 'ucum:%' THEN {known} END"
    # a merge with nothing leaves out what is null
    return f"json_merge_patch('{{}}', json_object('code', {code}, 'href', {link}, 'label', {name}, 'symbol', {symbol}))"


def _component(type: str, unit: str, label: str, definition: str, more: str = "") -> str:
    """A value of 1.1 (observation type, unit) as a component of SWE Common."""
    kind = f"""CASE WHEN {type} LIKE '%OM_Measurement' THEN 'Quantity' WHEN {type} LIKE '%OM_CountObservation' THEN 'Count'
      WHEN {type} LIKE '%OM_TruthObservation' THEN 'Boolean' WHEN {type} LIKE '%OM_CategoryObservation' THEN 'Category'
      WHEN coalesce({unit} ->> '$.symbol', '') <> '' THEN 'Quantity' ELSE 'Text' END"""
    uom = f"CASE WHEN {kind} = 'Quantity' THEN {_uom(unit)} END"
    space = f"CASE WHEN {kind} = 'Category' THEN {unit} ->> '$.definition' END"
    said = f"'type', {kind}, 'label', {label}, 'definition', {definition}, 'uom', {uom}, 'codeSpace', {space}"
    return f"json_merge_patch('{{}}', json_object({more}{said}))"


_UNIT = "CAST({t}.unit AS JSON)"
_SINGLE = (
    "(SELECT "
    + _component("{t}.type", _UNIT, "any_value(o.name)", _REFERENCE.format("min(p.property)"))
    + " FROM datastream_property AS p LEFT JOIN observed_property AS o ON o.id = p.property WHERE p.datastream = {t}.id AND p.n = 0)"
)
_NTH = "json_extract({0}, CAST(p.n AS BIGINT))"
_RECORD = (
    "(SELECT json_object('type', 'DataRecord', 'fields', to_json(list("
    + _component(
        f"({_NTH.format('json_extract(CAST({t}.result_type AS JSON), ' + repr('$.types') + ')')} ->> '$')",
        _NTH.format(_UNIT),
        "o.name",
        _REFERENCE.format("p.property"),
        "'name', 'f' || (p.n + 1), ",
    )
    + " ORDER BY p.n))) FROM datastream_property AS p LEFT JOIN observed_property AS o ON o.id = p.property WHERE p.datastream = {t}.id)"
)
RESULT_TYPE = f"""CASE WHEN {{t}}.result_type IS NULL THEN {_SINGLE}
  WHEN json_exists(CAST({{t}}.result_type AS JSON), '$.types') THEN {_RECORD} ELSE CAST({{t}}.result_type AS JSON) END"""
"""What the results of a datastream look like: as 2.0 said it, or what 1.1 or a pack says in other words."""
RESULT_ENCODING = """coalesce(CAST({t}.result_encoding AS JSON), CASE WHEN {t}.multi THEN
  CAST('{"type":"JSONEncoding","recordsAsArrays":true}' AS JSON) END)"""
_PROPERTIES = """CASE WHEN {t}.quality IS NULL THEN CAST({t}.properties AS JSON)
  ELSE json_merge_patch(coalesce({t}.properties, '{}'), json_object('resultQuality', CAST({t}.quality AS JSON))) END"""
"""What 1.1 calls resultQuality has no place of its own in 2.0."""
_POINT = "CASE WHEN {t}.until > {t}.time THEN {t}.until END"


def _linked(target: str, table: str, near: str, far: str) -> Tie:
    """A tie to many over a table of links."""
    return Tie(target, True, f"{{v}}.{far} = {{b}}.id", table, f"{{v}}.{near} = {{a}}.id")


def schema(spatial: bool, moved: Mapping[str, int]) -> Schema:
    """The entity sets; `spatial` says whether the store compares geometries, `moved` where observations are that are not where their ids say."""
    located = partial(_linked, table="thing_location")
    past = partial(_linked, table="historical_location_place")
    observed = partial(_linked, table="datastream_property")
    ultimate = partial(_linked, table="datastream_ultimate")
    typed = partial(_linked, table="feature_feature_type")
    entities = [
        Entity(
            "Thing",
            "thing",
            {**_NAMED, "properties": Property("object", THING)},
            {
                "Locations": located("Location", near="thing", far="location"),
                "HistoricalLocations": Tie("HistoricalLocation", True, "{b}.thing = {a}.id"),
                "Datastreams": Tie("Datastream", True, "{b}.thing = {a}.id"),
            },
        ),
        Entity(
            "Location",
            "location",
            {**_NAMED, **ENCODING, "location": shape_of(spatial, "location"), **_MORE},
            {
                "Things": located("Thing", near="location", far="thing"),
                "HistoricalLocations": past("HistoricalLocation", near="location", far="historical_location"),
            },
        ),
        Entity(
            "HistoricalLocation",
            "historical_location",
            {"id": Property("string", "{t}.id"), "time": Property("datetime", "{t}.time")},
            {
                "Thing": Tie("Thing", False, "{b}.id = {a}.thing"),
                "Locations": past("Location", near="historical_location", far="location"),
            },
        ),
        Entity(
            "Datastream",
            "datastream",
            {
                **_NAMED,
                "resultType": Property("object", RESULT_TYPE),
                "resultEncoding": Property("object", RESULT_ENCODING),
                "observedArea": area_of(spatial),
                "phenomenonTime": Property("interval", SINCE, UNTIL),
                "resultTime": Property("interval", RESULT_TIME.format("min"), RESULT_TIME.format("max")),
                **_MORE,
            },
            {
                "Thing": Tie("Thing", False, "{b}.id = {a}.thing"),
                "Sensor": Tie("Sensor", False, "{b}.id = {a}.sensor"),
                "ObservedProperties": replace(
                    observed("ObservedProperty", near="datastream", far="property"), order=OF_RECORD
                ),
                "Observations": Tie("Observation", True, "{b}.key = {a}.key"),
                "ProximateFeatureOfInterest": Tie("Feature", False, "{b}.id = {a}.feature"),
                "UltimateFeaturesOfInterest": ultimate("Feature", near="datastream", far="feature"),
            },
        ),
        Entity(
            "Sensor",
            "sensor",
            {**_NAMED, **ENCODING, "metadata": METADATA, **_MORE},
            {"Datastreams": Tie("Datastream", True, "{b}.sensor = {a}.id")},
        ),
        Entity(
            "ObservedProperty",
            "observed_property",
            {**_NAMED, **_MORE},
            {"Datastreams": observed("Datastream", near="property", far="datastream")},
        ),
        Entity(
            "Observation",
            "sensing",
            {
                "id": Property("string", "{t}.id"),
                "phenomenonTime": Property("interval", "{t}.time", "{t}.until", parts={"end": _POINT}),
                "resultTime": Property("datetime", "{t}.result_time"),
                "result": RESULT,
                "validTime": Property("interval", "{t}.valid_since", "{t}.valid_until"),
                "properties": Property("object", _PROPERTIES),
            },
            {
                "Datastream": Tie("Datastream", False, "{b}.key = {a}.key"),
                "ProximateFeatureOfInterest": Tie("Feature", False, "{b}.id = {a}.feature"),
            },
            narrow=partial(narrowed, moved=moved),
            order=(("{t}.time", "datetime"), ("{t}.key", "number")),
        ),
        Entity(
            "Feature",
            "feature",
            {**_NAMED, **ENCODING, "feature": shape_of(spatial, "feature"), **_MORE},
            {
                "Observations": Tie("Observation", True, "{b}.feature = {a}.id"),
                "DatastreamsProximate": Tie("Datastream", True, "{b}.feature = {a}.id"),
                "DatastreamsUltimate": ultimate("Datastream", near="feature", far="datastream"),
                "FeatureTypes": typed("FeatureType", near="feature", far="feature_type"),
            },
        ),
        Entity(
            "FeatureType",
            "feature_type",
            {**_NAMED, **_MORE},
            {"Features": typed("Feature", near="feature_type", far="feature")},
        ),
    ]
    sets = {
        "Things": "Thing",
        "Locations": "Location",
        "HistoricalLocations": "HistoricalLocation",
        "Datastreams": "Datastream",
        "Sensors": "Sensor",
        "ObservedProperties": "ObservedProperty",
        "Observations": "Observation",
        "Features": "Feature",
        "FeatureTypes": "FeatureType",
    }
    return Schema({e.name: e for e in entities}, sets, functions(spatial))
