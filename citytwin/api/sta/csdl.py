"""How does the service describe itself? Its entity sets in the Common Schema Definition Language of OData 4.01, as JSON (23-019, clause 9.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from citytwin.api.sta.dialect import Form
from citytwin.api.sta.schema import Property, Schema

SPACE, CONTAINER = "org.OGC.STA", "SensorThingsV2"
_TYPES = {
    "string": "Edm.String",
    "number": "Edm.Double",
    "boolean": "Edm.Boolean",
    "datetime": "Edm.DateTimeOffset",
    "interval": f"{SPACE}.TM_Interval",
    "object": f"{SPACE}.Object",
    "geometry": "Edm.Untyped",
    "any": "Edm.Untyped",
}
_MOMENT = {"$Type": "Edm.DateTimeOffset"}
_NEEDED = {"phenomenonTime", "result", "Datastream"}
"""What an observation is not without."""


def type_of(known: Mapping[str, Property], steps: Sequence[str]) -> str:
    """The type of a property, or of what is inside it."""
    top = known.get(steps[0])
    if top is None or len(steps) > 1:
        return "Edm.DateTimeOffset" if top and top.kind == "interval" else "Edm.Untyped"
    return f"{SPACE}.TM_Object" if "end" in top.parts and top.kind == "interval" else _TYPES[top.kind]


def document(schema: Schema, forms: Mapping[str, Form]) -> dict[str, Any]:
    """The document at `$metadata`."""
    held: dict[str, Any] = {}
    for entity in schema.entities.values():
        form = forms.get(entity.name)
        needed = {"id", *_NEEDED} if form is None else {"id", *(n for n, f in form.fields.items() if f.needed)}
        kind: dict[str, Any] = {"$Kind": "EntityType", "$Key": ["id"]}
        for name in entity.properties:
            type = type_of(entity.properties, (name,))
            said: dict[str, Any] = {} if type == "Edm.String" else {"$Type": type}
            kind[name] = said if name in needed else {**said, "$Nullable": True}
        for name, tie in entity.ties.items():
            said = {"$Kind": "NavigationProperty", "$Type": f"{SPACE}.{tie.target}"}
            if tie.many:
                said["$Collection"] = True
            elif name.endswith("FeatureOfInterest"):
                said["$Nullable"] = True
            kind[name] = said
        held[entity.name] = kind
    held |= {
        "Object": {"$Kind": "ComplexType", "$OpenType": True},
        "TM_Interval": {"$Kind": "ComplexType", "start": _MOMENT, "end": _MOMENT},
        "TM_Object": {"$Kind": "ComplexType", "start": _MOMENT, "end": {**_MOMENT, "$Nullable": True}},
    }
    home = {entity: name for name, entity in schema.sets.items()}
    held[CONTAINER] = {
        "$Kind": "EntityContainer",
        **{
            name: {
                "$Collection": True,
                "$Type": f"{SPACE}.{entity}",
                "$NavigationPropertyBinding": {n: home[t.target] for n, t in schema.entities[entity].ties.items()},
            }
            for name, entity in schema.sets.items()
        },
    }
    return {"$Version": "4.01", "$EntityContainer": f"{SPACE}.{CONTAINER}", SPACE: held}
