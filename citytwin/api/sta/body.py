"""What does a client want to register? Bodies of SensorThings 1.1 (18-088, clause 8.2) as entries; everything that is wrong with one is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from citytwin.engine.catalog import geometry_fault
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.register import Entry, Kind, Seen

GEOJSON = ("application/geo+json", "application/vnd.geo+json")
DEEPEST = 8
"""How deep entities may come within each other."""
MOST = 10_000
"""How many entities one request may bring."""
Check = Callable[[Any], str]


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() and "\0" not in value else "is no text"


def _any_text(value: Any) -> str:
    return "" if isinstance(value, str) and "\0" not in value else "is no text"


def _object(value: Any) -> str:
    return "" if isinstance(value, dict) else "is no JSON object"


def _anything(value: Any) -> str:
    return "is null" if value is None else ""


def _units(value: Any) -> str:
    return "" if isinstance(value, list) and all(isinstance(v, dict) for v in value) else "is no list of units"


def _types(value: Any) -> str:
    return (
        "" if isinstance(value, list) and all(isinstance(v, str) for v in value) else "is no list of observation types"
    )


def _area(value: Any) -> str:
    return geometry_fault(value)


def _moment(value: Any) -> str:
    try:
        moment(value)
    except ValueError as e:
        return str(e)
    return ""


@dataclass(frozen=True, slots=True)
class Field:
    """A property of the standard: the field that keeps it, what it must be, and whether it must be there."""

    to: str
    check: Check
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """What a body of an entity may hold. `links`: name in the standard → (link, entity, to many)."""

    kind: Kind
    fields: Mapping[str, Field]
    links: Mapping[str, tuple[str, str, bool]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


_NAMED = {"name": Field("name", _text), "description": Field("description", _any_text)}
_MORE = {"properties": Field("properties", _object, False)}
_ENCODED = {"encodingType": Field("encoding", _text)}
_OF_STREAM = {
    "Thing": ("thing", "Thing", False),
    "Sensor": ("sensor", "Sensor", False),
    "Observations": ("observations", "Observation", True),
}
_STREAM = {**_NAMED, "observedArea": Field("area", _area, False), **_MORE}
FORMS: Mapping[str, Form] = {
    "Thing": Form(
        "thing",
        {**_NAMED, **_MORE},
        {
            "Locations": ("locations", "Location", True),
            "Datastreams": ("datastreams", "Datastream", True),
            "MultiDatastreams": ("datastreams", "MultiDatastream", True),
        },
        ("HistoricalLocations",),
    ),
    "Location": Form(
        "location",
        {**_NAMED, **_ENCODED, "location": Field("location", _anything), **_MORE},
        {"Things": ("things", "Thing", True)},
        ("HistoricalLocations",),
    ),
    "HistoricalLocation": Form(
        "historical_location",
        {"time": Field("time", _moment)},
        {"Thing": ("thing", "Thing", False), "Locations": ("locations", "Location", True)},
    ),
    "Datastream": Form(
        "datastream",
        {**_STREAM, "observationType": Field("type", _text), "unitOfMeasurement": Field("unit", _object)},
        {**_OF_STREAM, "ObservedProperty": ("properties", "ObservedProperty", False)},
        ("phenomenonTime", "resultTime"),
    ),
    "MultiDatastream": Form(
        "datastream",
        {
            **_STREAM,
            "observationType": Field("type", _text, False),
            "multiObservationDataTypes": Field("types", _types),
            "unitOfMeasurements": Field("unit", _units),
        },
        {**_OF_STREAM, "ObservedProperties": ("properties", "ObservedProperty", True)},
        ("phenomenonTime", "resultTime"),
    ),
    "Sensor": Form(
        "sensor",
        {**_NAMED, **_ENCODED, "metadata": Field("metadata", _anything), **_MORE},
        {
            "Datastreams": ("datastreams", "Datastream", True),
            "MultiDatastreams": ("datastreams", "MultiDatastream", True),
        },
    ),
    "ObservedProperty": Form(
        "observed_property",
        {**_NAMED, "definition": Field("definition", _text), **_MORE},
        {"Datastreams": ("datastreams", "Datastream", True)},
        ("MultiDatastreams",),
    ),
    "FeatureOfInterest": Form(
        "feature", {**_NAMED, **_ENCODED, "feature": Field("feature", _anything), **_MORE}, {}, ("Observations",)
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
"""The link of a new entity to the one in whose set it is posted."""


def decoded(raw: bytes) -> Any:
    """A JSON body. Raises BadRequest."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadRequest(f"the body is not JSON: {e}", "", "body") from e


class Bodies:
    """Reads the bodies of one request; `now` is the time of observations that name none."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.left = MOST

    def entry(
        self,
        entity: str,
        body: Any,
        given: Mapping[str, tuple[str | Entry | Seen, ...]] | None = None,
        at: str = "",
        deep: int = 0,
    ) -> Entry:
        """A new entity. `given` are links that the URL tells."""
        form = FORMS[entity]
        values, links = self._read(entity, body, at, deep)
        faults = [f"'{name}' is missing" for name, f in form.fields.items() if f.needed and name not in body]
        if faults:
            raise BadRequest(
                f"the {entity}{at and ' at '}{at}: {', '.join(faults)}",
                "18-088, clause 8.2, tells what is mandatory",
                at or entity,
            )
        return Entry(form.kind, values, {**links, **(given or {})})

    def changes(self, entity: str, body: Any) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """What a PATCH says: fields, and links to entities that are there."""
        values, links = self._read(entity, body, "", 0, linked_only=True)
        return values, {name: [str(t) for t in targets] for name, targets in links.items()}

    def _read(
        self, entity: str, body: Any, at: str, deep: int, linked_only: bool = False
    ) -> tuple[dict[str, Any], dict[str, tuple[str | Entry | Seen, ...]]]:
        form = FORMS[entity]
        self.left -= 1
        if self.left < 0:
            raise BadRequest(f"the body brings more than {MOST} entities", "send them in several requests", "body")
        if deep > DEEPEST:
            raise BadRequest(f"entities nest deeper than {DEEPEST}", "send them one by one", at)
        if not isinstance(body, dict):
            raise BadRequest(f"a {entity} is a JSON object", "", at or "body")
        values: dict[str, Any] = {}
        links: dict[str, tuple[str | Entry | Seen, ...]] = {}
        for name, value in body.items():
            where = f"{at}{name}"
            if name in form.fields:
                known = form.fields[name]
                if value is None and not known.needed:
                    values[known.to] = None
                    continue
                if fault := known.check(value):
                    raise BadRequest(f"'{where}' of the {entity} {fault}", "", where)
                values[known.to] = moment(value) if known.check is _moment else value
            elif name in form.links:
                link, target, many = form.links[name]
                several = value if many and isinstance(value, list) else [value]
                links[link] = links.get(link, ()) + tuple(
                    self._link(target, v, f"{where}/", deep, linked_only) for v in several
                )
            elif name not in form.ignored and "@iot." not in name and name not in ("id", "@id"):
                raise BadRequest(
                    f"a {entity} has no '{where[:100]}'",
                    f"it has {', '.join((*form.fields, *form.links))}",
                    where[:100],
                )
        _cross(entity, values)
        return values, links

    def _link(self, entity: str, value: Any, at: str, deep: int, linked_only: bool) -> str | Entry | Seen:
        if (id := linked(value)) is not None:
            return id
        if linked_only:
            raise BadRequest(
                f"'{at}' brings a new {entity}", 'link one that is there: {"@iot.id": …}; a PATCH creates none', at
            )
        if entity == "Observation":
            return self.seen(value, at)[0]
        return self.entry(entity, value, None, at, deep + 1)

    def seen(self, body: Any, at: str = "") -> tuple[Seen, str | None]:
        """An observation, and the datastream that it names."""
        if not isinstance(body, dict):
            raise BadRequest("an Observation is a JSON object", "", at or "body")
        if "result" not in body:
            raise BadRequest(f"the Observation{at and ' at '}{at}: 'result' is missing", "", f"{at}result")
        found = self.said(body, at)
        start, end = found.get("time") or (self.now, self.now)
        stream = next((linked(body[n]) for n in ("Datastream", "MultiDatastream") if n in body), None)
        more = {k: found[k] for k in ("result_time", "quality", "valid", "properties", "feature") if k in found}
        return Seen(start, end, found["result"], **more), stream

    def said(self, body: Mapping[str, Any], at: str = "") -> dict[str, Any]:
        """What is said of an observation."""
        found: dict[str, Any] = {}
        for name, value in body.items():
            where = f"{at}{name}"
            try:
                match name:
                    case "result":
                        found["result"] = value
                    case "phenomenonTime":
                        found["time"] = None if value is None else interval(value)
                    case "validTime":
                        found["valid"] = None if value is None else interval(value)
                    case "resultTime":
                        found["result_time"] = None if value is None else moment(value)
                    case "resultQuality":
                        found["quality"] = value
                    case "parameters":
                        if value is not None and not isinstance(value, dict):
                            raise BadRequest(f"'{where}' is no JSON object", "", where)
                        found["properties"] = value
                    case "FeatureOfInterest":
                        id = linked(value)
                        found["feature"] = (
                            id if id is not None else self.entry("FeatureOfInterest", value, None, f"{where}/", 1)
                        )
                    case "Datastream" | "MultiDatastream":
                        if linked(value) is None:
                            raise BadRequest(f"'{where}' is no link", 'link the Datastream: {"@iot.id": …}', where)
                    case _ if "@iot." not in name and name not in ("id", "@id"):
                        raise BadRequest(f"an Observation has no '{where[:100]}'", "", where[:100])
            except ValueError as e:
                raise BadRequest(
                    f"'{where}' {e}", "write it as 2026-01-31T08:00:00Z, spans as start/end", where
                ) from None
        return found


def linked(value: Any) -> str | None:
    """The id in a link; what stands beside it is of no matter."""
    if not isinstance(value, dict):
        return None
    id = value.get("@iot.id", value.get("@id", value.get("id")))
    return str(id) if isinstance(id, str | int) and not isinstance(id, bool) else None


def moment(value: Any) -> datetime:
    """A time after ISO 8601 with its zone. Raises ValueError."""
    if not isinstance(value, str) or len(value) > 64:
        raise ValueError("is no time")
    try:
        made = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.strip()))
    except ValueError:
        raise ValueError("is no time after ISO 8601") from None
    if made.tzinfo is None:
        raise ValueError("has no zone")
    if not 1600 < made.year < 9000:
        raise ValueError("is out of all time")
    return made


def interval(value: Any) -> tuple[datetime, datetime]:
    """A time or a span. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("is no time")
    first, slash, second = value.partition("/")
    start = moment(first)
    end = moment(second) if slash else start
    if end < start:
        raise ValueError("ends before it begins")
    return start, end


def _cross(entity: str, values: dict[str, Any]) -> None:
    """What fields must have in common."""
    for name in ("location", "feature"):
        if name in values and values.get("encoding") in GEOJSON and (fault := geometry_fault(values[name])):
            raise BadRequest(f"'{name}' of the {entity} {fault}", "GeoJSON in WGS 84, [longitude, latitude]", name)
    if entity == "MultiDatastream":
        if "types" in values:
            values["result_type"] = {"type": "DataRecord", "types": values.pop("types")}
        if "unit" in values and "result_type" in values and len(values["unit"]) != len(values["result_type"]["types"]):
            raise BadRequest(
                "there are not as many units as observation types", "name one unit for each", "unitOfMeasurements"
            )
        values["multi"] = True
