"""What of the city stands behind the entity sets of SensorThings 1.1? The views of the store in the words of 18-088."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from citytwin.api.sta.schema import DUCKDB, DUCKDB_SPATIAL, Entity, Property, Schema, Tie

_OBSERVATION = re.compile(r"([0-9]{1,9})-(-?[0-9]{1,17})(?:-[0-9]{1,18})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parts_of(id: str) -> tuple[int, datetime] | None:
    """Stream key and time that the id of an observation tells; None where it is none."""
    found = _OBSERVATION.fullmatch(id)
    try:
        return (int(found[1]), _EPOCH + timedelta(microseconds=int(found[2]))) if found else None
    except OverflowError:
        return None


def narrowed(ids: Sequence[str | int]) -> str:
    """Where to look for observations with these ids: an id in itself prunes nothing."""
    known = [p for p in (parts_of(str(id)) for id in ids) if p]
    if not known:
        return "FALSE"
    keys = ", ".join(str(k) for k in sorted({k for k, _ in known}))
    since, until = (f"TIMESTAMPTZ '{t.isoformat()}'" for t in (min(t for _, t in known), max(t for _, t in known)))
    return f"{{t}}.key IN ({keys}) AND {{t}}.slot BETWEEN {since} AND {until}"


def _text(*names: str) -> dict[str, Property]:
    return {name: Property("string", f"{{t}}.{name}") for name in names}


def _json(name: str) -> Property:
    return Property("object", f"CAST({{t}}.{name} AS JSON)")


_ENCODING = {"encodingType": Property("string", "{t}.encoding")}
_THING = """CASE WHEN {t}.declared THEN json_object('id', {t}.id, 'type', {t}.type, 'title_en', {t}.title_en, 'attributes', CAST({t}.attributes AS JSON))
  ELSE CAST({t}.properties AS JSON) END"""
_SINCE = "(SELECT min(s.since) FROM (SELECT since, key FROM span UNION ALL SELECT time, key FROM observation_row WHERE ended IS NULL) AS s WHERE s.key = {t}.key)"
_UNTIL = "(SELECT max(s.until) FROM (SELECT until, key FROM span UNION ALL SELECT until, key FROM observation_row WHERE ended IS NULL) AS s WHERE s.key = {t}.key)"
_AREA = """coalesce({t}.area, CAST((SELECT ST_AsGeoJSON(ST_Envelope_Agg(ST_GeomFromGeoJSON(f.shape))) FROM feature AS f WHERE f.shape IS NOT NULL AND (
  (f.id = {t}.feature AND EXISTS (SELECT 1 FROM span AS s WHERE s.key = {t}.key))
  OR f.id IN (SELECT coalesce(o.feature, {t}.feature) FROM observation_row AS o WHERE o.ended IS NULL AND o.key = {t}.key))) AS VARCHAR))"""
"""Where a datastream's features are, unless somebody said so."""
_RESULT = "(SELECT {0}(o.result_time) FROM observation_row AS o WHERE o.ended IS NULL AND o.key = {{t}}.key)"
_TYPE_OF_METADATA = "json_type(CAST({t}.metadata AS JSON))"


def schema(spatial: bool) -> Schema:
    """The entity sets; `spatial` says whether the store compares geometries."""
    # the example in 18-088, table 23, counts the characters of indexof from 1, that of substring from 0
    functions = {**(DUCKDB_SPATIAL if spatial else DUCKDB), "indexof": "strpos({0}, {1})"}
    shape = "ST_GeomFromGeoJSON({t}.shape)" if spatial else "{t}.shape"

    area = _AREA if spatial else "{t}.area"

    def geometry(name: str) -> Property:
        return Property("geometry", shape, shown=f"{{t}}.{name}")

    stream = {
        "id": Property("string", "{t}.id"),
        **_text("name", "description"),
        "observationType": Property("string", "{t}.type"),
        "unitOfMeasurement": _json("unit"),
        "observedArea": Property("geometry", f"ST_GeomFromGeoJSON({area})" if spatial else area, shown=area),
        "phenomenonTime": Property("interval", _SINCE, _UNTIL),
        "resultTime": Property("interval", _RESULT.format("min"), _RESULT.format("max")),
        "properties": _json("properties"),
    }
    multi = {k: v for k, v in stream.items() if k not in ("unitOfMeasurement", "observationType")}
    multi["observationType"] = Property(
        "string", "'http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_ComplexObservation'"
    )
    multi["multiObservationDataTypes"] = Property(
        "object", "CAST(json_extract(CAST({t}.result_type AS JSON), '$.types') AS JSON)"
    )
    multi["unitOfMeasurements"] = _json("unit")
    of_stream = {
        "Thing": Tie("Thing", False, "{b}.id = {a}.thing"),
        "Sensor": Tie("Sensor", False, "{b}.id = {a}.sensor"),
        "Observations": Tie("Observation", True, "{b}.key = {a}.key"),
    }
    ordered = "(SELECT p.datastream, p.property FROM datastream_property AS p)"
    entities = [
        Entity(
            "Thing",
            "thing",
            {
                "id": Property("string", "{t}.id"),
                **_text("name", "description"),
                "properties": Property("object", _THING),
            },
            {
                "Datastreams": Tie("Datastream", True, "{b}.thing = {a}.id"),
                "MultiDatastreams": Tie("MultiDatastream", True, "{b}.thing = {a}.id"),
                "Locations": Tie("Location", True, "{v}.location = {b}.id", "thing_location", "{v}.thing = {a}.id"),
                "HistoricalLocations": Tie("HistoricalLocation", True, "{b}.thing = {a}.id"),
            },
        ),
        Entity(
            "Location",
            "location",
            {
                "id": Property("string", "{t}.id"),
                **_text("name", "description"),
                **_ENCODING,
                "location": geometry("location"),
                "properties": _json("properties"),
            },
            {
                "Things": Tie("Thing", True, "{v}.thing = {b}.id", "thing_location", "{v}.location = {a}.id"),
                "HistoricalLocations": Tie(
                    "HistoricalLocation",
                    True,
                    "{v}.historical_location = {b}.id",
                    "historical_location_place",
                    "{v}.location = {a}.id",
                ),
            },
        ),
        Entity(
            "HistoricalLocation",
            "historical_location",
            {"id": Property("string", "{t}.id"), "time": Property("datetime", "{t}.time")},
            {
                "Thing": Tie("Thing", False, "{b}.id = {a}.thing"),
                "Locations": Tie(
                    "Location",
                    True,
                    "{v}.location = {b}.id",
                    "historical_location_place",
                    "{v}.historical_location = {a}.id",
                ),
            },
        ),
        Entity(
            "Datastream",
            "(SELECT * FROM datastream WHERE NOT multi)",
            stream,
            {
                **of_stream,
                "ObservedProperty": Tie(
                    "ObservedProperty",
                    False,
                    "{b}.id = (SELECT min(p.property) FROM datastream_property AS p WHERE p.datastream = {a}.id)",
                ),
            },
        ),
        Entity(
            "MultiDatastream",
            "(SELECT * FROM datastream WHERE multi)",
            multi,
            {
                **of_stream,
                "ObservedProperties": Tie(
                    "ObservedProperty", True, "{v}.property = {b}.id", ordered, "{v}.datastream = {a}.id"
                ),
            },
        ),
        Entity(
            "Sensor",
            "sensor",
            {
                "id": Property("string", "{t}.id"),
                **_text("name", "description"),
                **_ENCODING,
                "metadata": Property(
                    "any",
                    parts={
                        "string": f"CASE WHEN {_TYPE_OF_METADATA} = 'VARCHAR' THEN json_extract_string({{t}}.metadata, '$') END",
                        "object": f"CASE WHEN {_TYPE_OF_METADATA} <> 'VARCHAR' THEN CAST({{t}}.metadata AS JSON) END",
                    },
                ),
                "properties": _json("properties"),
            },
            {
                "Datastreams": Tie("Datastream", True, "{b}.sensor = {a}.id"),
                "MultiDatastreams": Tie("MultiDatastream", True, "{b}.sensor = {a}.id"),
            },
        ),
        Entity(
            "ObservedProperty",
            "observed_property",
            {
                "id": Property("string", "{t}.id"),
                **_text("name", "definition", "description"),
                "properties": _json("properties"),
            },
            {
                "Datastreams": Tie("Datastream", True, "{v}.datastream = {b}.id", ordered, "{v}.property = {a}.id"),
                "MultiDatastreams": Tie(
                    "MultiDatastream", True, "{v}.datastream = {b}.id", ordered, "{v}.property = {a}.id"
                ),
            },
        ),
        Entity(
            "Observation",
            "sensing",
            {
                "id": Property("string", "{t}.id"),
                "phenomenonTime": Property("interval", "{t}.time", "{t}.until"),
                "resultTime": Property("datetime", "{t}.result_time"),
                "result": Property(
                    "any",
                    parts={
                        "number": "{t}.number",
                        "string": "{t}.string",
                        "boolean": "{t}.boolean",
                        "object": "CAST({t}.object AS JSON)",
                    },
                ),
                "resultQuality": _json("quality"),
                "validTime": Property("interval", "{t}.valid_since", "{t}.valid_until"),
                "parameters": _json("properties"),
            },
            {
                "Datastream": Tie("Datastream", False, "{b}.key = {a}.key"),
                "MultiDatastream": Tie("MultiDatastream", False, "{b}.key = {a}.key"),
                "FeatureOfInterest": Tie(
                    "FeatureOfInterest",
                    False,
                    "{b}.id = coalesce({a}.feature, (SELECT d.feature FROM datastream AS d WHERE d.key = {a}.key))",
                ),
            },
            narrow=narrowed,
            order=(("{t}.time", "datetime"), ("{t}.key", "number")),
        ),
        Entity(
            "FeatureOfInterest",
            "feature",
            {
                "id": Property("string", "{t}.id"),
                **_text("name", "description"),
                **_ENCODING,
                "feature": geometry("feature"),
                "properties": _json("properties"),
            },
            {
                "Observations": Tie(
                    "Observation",
                    True,
                    "{v}.key = {b}.key AND coalesce({b}.feature, {v}.feature) = {a}.id",
                    "datastream",
                    "TRUE",
                )
            },
        ),
    ]
    sets = {
        "Things": "Thing",
        "Locations": "Location",
        "HistoricalLocations": "HistoricalLocation",
        "Datastreams": "Datastream",
        "MultiDatastreams": "MultiDatastream",
        "Sensors": "Sensor",
        "ObservedProperties": "ObservedProperty",
        "Observations": "Observation",
        "FeaturesOfInterest": "FeatureOfInterest",
    }
    return Schema({e.name: e for e in entities}, sets, functions)
