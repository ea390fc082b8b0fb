"""What did a client register? Entities in the words of OGC SensorThings 2.0 (23-019), beside what packs declare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from citytwin.kernel.asset import AssetType
from citytwin.kernel.title import Title

THING = AssetType("open.thing", Title("登记设备", "Registered thing"))
"""The asset type of registered things, which no pack declares."""
Kind = Literal["thing", "location", "historical_location", "sensor", "observed_property", "datastream", "feature"]

FIELDS: Mapping[str, tuple[str, ...]] = {
    "thing": ("name", "description", "definition", "properties"),
    "location": ("name", "description", "definition", "encoding", "location", "properties"),
    "historical_location": ("time",),
    "sensor": ("name", "description", "definition", "encoding", "metadata", "properties"),
    "observed_property": ("name", "description", "definition", "properties"),
    "datastream": ("name", "description", "definition", "type", "unit", "result_type", "multi", "area", "properties"),
    "feature": ("name", "description", "definition", "encoding", "feature", "properties"),
}
"""What is said of an entity of each kind."""
JSON_FIELDS = frozenset({"properties", "location", "feature", "metadata", "unit", "result_type", "area"})
"""Fields that hold any JSON value."""
LINKS: Mapping[str, Mapping[str, tuple[Kind, bool]]] = {
    "thing": {"locations": ("location", True), "datastreams": ("datastream", True)},
    "location": {"things": ("thing", True)},
    "historical_location": {"thing": ("thing", False), "locations": ("location", True)},
    "sensor": {"datastreams": ("datastream", True)},
    "observed_property": {"datastreams": ("datastream", True)},
    "datastream": {
        "thing": ("thing", False),
        "sensor": ("sensor", False),
        "properties": ("observed_property", True),
        "feature": ("feature", False),
        "observations": ("observation", True),  # type: ignore[dict-item]  # observations are kept apart
    },
    "feature": {},
}
"""Of each kind the links that a new entity may bring, where they lead and whether to many."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation: `result` is any JSON value, `until` the end of the span it speaks of, `feature` an id or an entry."""

    time: datetime
    until: datetime
    result: Any
    result_time: datetime | None = None
    quality: Any = None
    valid: tuple[datetime, datetime] | None = None
    properties: Any = None
    feature: str | Entry | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entity to be registered: what is said of it, and its links to entities there are (ids) or that come with it (entries)."""

    kind: Kind
    values: Mapping[str, Any]
    links: Mapping[str, tuple[str | Entry | Seen, ...]] = field(default_factory=dict)
