"""What of the city stands behind the entity sets of SensorThings 1.1? The views of the store in the words of 18-088."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from citytwin.api.sta.schema import DUCKDB, DUCKDB_SPATIAL, Entity, Property, Schema, Tie
from citytwin.engine.observe import parts_of


def narrowed(ids: Sequence[str | int], moved: Mapping[str, int]) -> str:
    """Where to look for observations with these ids: an id in itself prunes nothing. `moved` has the stream keys of those that changed theirs."""
    known = [(moved.get(str(id), p[0]), p[1]) for id in ids if (p := parts_of(str(id)))]
    if not known:
        return "FALSE"
    keys = ", ".join(str(k) for k in sorted({k for k, _ in known}))
    since, until = (f"TIMESTAMPTZ '{t.isoformat()}'" for t in (min(t for _, t in known), max(t for _, t in known)))
    return f"{{t}}.key IN ({keys}) AND {{t}}.slot BETWEEN {since} AND {until}"


def texts(*names: str) -> dict[str, Property]:
    """Properties that are columns of text."""
    return {name: Property("string", f"{{t}}.{name}") for name in names}


def json_of(name: str) -> Property:
    """A property that is a column of JSON."""
    return Property("object", f"CAST({{t}}.{name} AS JSON)")


def _text(*names: str) -> dict[str, Property]:
    """The same in 1.1, where a description is mandatory."""
    told = {"description": Property("string", "coalesce({t}.description, '')")}
    return {name: told.get(name, known) for name, known in texts(*names).items()}


ENCODING = {"encodingType": Property("string", "{t}.encoding")}
THING = """CASE WHEN {t}.declared THEN json_object('id', {t}.id, 'type', {t}.type, 'title_en', {t}.title_en, 'attributes', CAST({t}.attributes AS JSON))
  ELSE CAST({t}.properties AS JSON) END"""
SINCE = "(SELECT min(s.since) FROM (SELECT since, key FROM span UNION ALL SELECT time, key FROM observation_row WHERE ended IS NULL) AS s WHERE s.key = {t}.key)"
UNTIL = "(SELECT max(s.until) FROM (SELECT until, key FROM span UNION ALL SELECT until, key FROM observation_row WHERE ended IS NULL) AS s WHERE s.key = {t}.key)"
AREA = """coalesce({t}.area, CAST((SELECT ST_AsGeoJSON(ST_Envelope_Agg(ST_GeomFromGeoJSON(f.shape))) FROM feature AS f WHERE f.shape IS NOT NULL AND (
  (f.id = {t}.feature AND EXISTS (SELECT 1 FROM span AS s WHERE s.key = {t}.key))
  OR f.id IN (SELECT coalesce(o.feature, {t}.feature) FROM observation_row AS o WHERE o.ended IS NULL AND o.key = {t}.key))) AS VARCHAR))"""
"""Where a datastream's features are, unless somebody said so."""
RESULT_TIME = "(SELECT {0}(o.result_time) FROM observation_row AS o WHERE o.ended IS NULL AND o.key = {{t}}.key)"
_TYPE_OF_METADATA = "json_type(CAST({t}.metadata AS JSON))"
METADATA = Property(
    "any",
    parts={
        "string": f"CASE WHEN {_TYPE_OF_METADATA} = 'VARCHAR' THEN json_extract_string({{t}}.metadata, '$') END",
        "object": f"CASE WHEN {_TYPE_OF_METADATA} <> 'VARCHAR' THEN CAST({{t}}.metadata AS JSON) END",
    },
)
RESULT = Property(
    "any",
    parts={
        "number": "{t}.number",
        "string": "{t}.string",
        "boolean": "{t}.boolean",
        "object": "CAST({t}.object AS JSON)",
    },
)
OF_RECORD = (("{v}.n", "number"),)
"""Observed properties in the order in which the record of a datastream has them."""
NO_UNIT = '{"name":null,"symbol":null,"definition":null}'
"""What 1.1 says where there is no unit."""
_TYPES = """coalesce(json_extract(CAST({t}.result_type AS JSON), '$.types'), to_json(list_transform(
  json_extract_string(CAST({t}.result_type AS JSON), '$.fields[*].type'), lambda f: 'http://www.opengis.net/def/observationType/OGC-OM/2.0/' || CASE f
  WHEN 'Quantity' THEN 'OM_Measurement' WHEN 'Count' THEN 'OM_CountObservation' WHEN 'Boolean' THEN 'OM_TruthObservation'
  WHEN 'Category' THEN 'OM_CategoryObservation' ELSE 'OM_Observation' END)))"""
"""The observation types of a record: said in 1.1, or those of the fields that 2.0 said."""


def functions(spatial: bool) -> dict[str, str]:
    """What the store knows beyond SQL."""
    # the example in 18-088, table 23, counts the characters of indexof from 1, that of substring from 0; that in 23-019 does too
    return {**(DUCKDB_SPATIAL if spatial else DUCKDB), "indexof": "strpos({0}, {1})"}


def shape_of(spatial: bool, name: str) -> Property:
    """A geometry as it is shown, and as it is compared."""
    return Property("geometry", "ST_GeomFromGeoJSON({t}.shape)" if spatial else "{t}.shape", shown=f"{{t}}.{name}")


def area_of(spatial: bool) -> Property:
    """Where the features of a datastream are."""
    area = AREA if spatial else "{t}.area"
    return Property("geometry", f"ST_GeomFromGeoJSON({area})" if spatial else area, shown=area)


def schema(spatial: bool, moved: Mapping[str, int]) -> Schema:
    """The entity sets; `spatial` says whether the store compares geometries, `moved` where observations are that are not where their ids say."""
    geometry = partial(shape_of, spatial)

    stream = {
        "id": Property("string", "{t}.id"),
        **_text("name", "description"),
        "observationType": Property("string", "{t}.type"),
        "unitOfMeasurement": Property("object", f"CAST(coalesce({{t}}.unit, '{NO_UNIT}') AS JSON)"),
        "observedArea": area_of(spatial),
        "phenomenonTime": Property("interval", SINCE, UNTIL),
        "resultTime": Property("interval", RESULT_TIME.format("min"), RESULT_TIME.format("max")),
        "properties": json_of("properties"),
    }
    multi = {k: v for k, v in stream.items() if k not in ("unitOfMeasurement", "observationType")}
    multi["observationType"] = Property(
        "string", "'http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_ComplexObservation'"
    )
    multi["multiObservationDataTypes"] = Property("object", f"CAST({_TYPES} AS JSON)")
    multi["unitOfMeasurements"] = json_of("unit")
    of_stream = {
        "Thing": Tie("Thing", False, "{b}.id = {a}.thing"),
        "Sensor": Tie("Sensor", False, "{b}.id = {a}.sensor"),
        "Observations": Tie("Observation", True, "{b}.key = {a}.key"),
    }
    entities = [
        Entity(
            "Thing",
            "thing",
            {
                "id": Property("string", "{t}.id"),
                **_text("name", "description"),
                "properties": Property("object", THING),
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
                **ENCODING,
                "location": geometry("location"),
                "properties": json_of("properties"),
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
                    "{b}.id = (SELECT min(p.property) FROM datastream_property AS p WHERE p.datastream = {a}.id AND p.n = 0)",
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
                    "ObservedProperty",
                    True,
                    "{v}.property = {b}.id",
                    "datastream_property",
                    "{v}.datastream = {a}.id",
                    OF_RECORD,
                ),
            },
        ),
        Entity(
            "Sensor",
            "sensor",
            {
                "id": Property("string", "{t}.id"),
                **_text("name", "description"),
                **ENCODING,
                "metadata": METADATA,
                "properties": json_of("properties"),
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
                "properties": json_of("properties"),
            },
            {
                "Datastreams": Tie(
                    "Datastream", True, "{v}.datastream = {b}.id", "datastream_property", "{v}.property = {a}.id"
                ),
                "MultiDatastreams": Tie(
                    "MultiDatastream", True, "{v}.datastream = {b}.id", "datastream_property", "{v}.property = {a}.id"
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
                "result": RESULT,
                "resultQuality": json_of("quality"),
                "validTime": Property("interval", "{t}.valid_since", "{t}.valid_until"),
                "parameters": json_of("properties"),
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
            narrow=partial(narrowed, moved=moved),
            order=(("{t}.time", "datetime"), ("{t}.key", "number")),
        ),
        Entity(
            "FeatureOfInterest",
            "feature",
            {
                "id": Property("string", "{t}.id"),
                **_text("name", "description"),
                **ENCODING,
                "feature": geometry("feature"),
                "properties": json_of("properties"),
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
    return Schema({e.name: e for e in entities}, sets, functions(spatial))
