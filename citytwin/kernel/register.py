"""What did a client register? Entities in the words of OGC SensorThings 2.0 (23-019), beside what packs declare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote

from citytwin.kernel.asset import AssetType
from citytwin.kernel.title import Title

THING = AssetType("open.thing", Title("登记设备", "Registered thing"))
"""The asset type of registered things, which no pack declares."""
Kind = Literal[
    "thing",
    "location",
    "historical_location",
    "sensor",
    "observed_property",
    "datastream",
    "feature",
    "feature_type",
    "observation",
]
"""Kinds of entities; observations are kept apart from the others."""

Act = Literal["create", "update", "delete"]
"""What became of an entity."""
News = tuple[str, str, Act]
"""Kind and id of an entity, and what became of it. Of an observation that gets its id from its stream the kind is `observation of <stream>`, the id the end of its own."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "thing": ("name", "description", "definition", "properties"),
    "location": ("name", "description", "definition", "encoding", "location", "properties"),
    "historical_location": ("time",),
    "sensor": ("name", "description", "definition", "encoding", "metadata", "properties"),
    "observed_property": ("name", "description", "definition", "properties"),
    "datastream": (
        "name",
        "description",
        "definition",
        "type",
        "unit",
        "result_type",
        "result_encoding",
        "multi",
        "area",
        "properties",
    ),
    "feature": ("name", "description", "definition", "encoding", "feature", "properties"),
    "feature_type": ("name", "description", "definition", "properties"),
}
"""What is said of an entity of each kind."""
JSON_FIELDS = frozenset(
    {"properties", "location", "feature", "metadata", "unit", "result_type", "result_encoding", "area"}
)
"""Fields that hold any JSON value."""


@dataclass(frozen=True, slots=True)
class Bond:
    """A relation as one side has it: the table that keeps it, the columns of the near and of the far entity, and what the far one is.

    A bond is kept in a row of the near entity, in that of the far one, or in rows of its own. `needed` says that whoever's row it is cannot be without.
    """

    target: Kind
    table: str
    near: str
    far: str
    needed: bool = False

    @property
    def kept(self) -> Literal["near", "far", "apart"]:
        """In whose row it is kept."""
        return "near" if self.near in ("id", "stream") else "far" if self.far in ("id", "stream") else "apart"


BONDS: Mapping[tuple[Kind, str], Bond] = {
    ("thing", "locations"): Bond("location", "thing_location_row", "thing", "location"),
    ("location", "things"): Bond("thing", "thing_location_row", "location", "thing"),
    ("thing", "histories"): Bond("historical_location", "historical_location_row", "thing", "id", True),
    ("historical_location", "thing"): Bond("thing", "historical_location_row", "id", "thing", True),
    ("location", "histories"): Bond(
        "historical_location", "historical_location_place", "location", "historical_location", True
    ),
    ("historical_location", "locations"): Bond(
        "location", "historical_location_place", "historical_location", "location", True
    ),
    ("thing", "datastreams"): Bond("datastream", "stream_row", "asset_id", "stream", True),
    ("datastream", "thing"): Bond("thing", "stream_row", "stream", "asset_id", True),
    ("sensor", "datastreams"): Bond("datastream", "datastream_row", "sensor", "id", True),
    ("datastream", "sensor"): Bond("sensor", "datastream_row", "id", "sensor", True),
    ("observed_property", "datastreams"): Bond("datastream", "datastream_property_row", "property", "datastream", True),
    ("datastream", "properties"): Bond("observed_property", "datastream_property_row", "datastream", "property", True),
    ("datastream", "feature"): Bond("feature", "datastream_row", "id", "feature"),
    ("feature", "proximate"): Bond("datastream", "datastream_row", "feature", "id"),
    ("datastream", "ultimate"): Bond("feature", "datastream_ultimate", "datastream", "feature"),
    ("feature", "ultimate"): Bond("datastream", "datastream_ultimate", "feature", "datastream"),
    ("feature", "feature_types"): Bond("feature_type", "feature_feature_type", "feature", "feature_type"),
    ("feature_type", "features"): Bond("feature", "feature_feature_type", "feature_type", "feature"),
}
"""Every relation but those of observations, from both its sides, by the names that links have here."""


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
    stream: str | Entry | None = None
    """The datastream, where it is told here and not by what the observation comes with."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entity to be registered: what is said of it, and its links to entities there are (ids) or that come with it (entries)."""

    kind: Kind
    values: Mapping[str, Any]
    links: Mapping[str, tuple[str | Entry | Seen, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Altered:
    """An entity to be said anew in part. A link to many has all that it shall lead to, of which some may be new or altered themselves;
    None in an observation's is that there is none any more."""

    kind: Kind
    id: str
    values: Mapping[str, Any]
    links: Mapping[str, tuple[str | Entry | Seen | Altered | None, ...]] = field(default_factory=dict)


_ADDRESS = re.compile(r"(?:.*/)?(?P<set>[A-Za-z]+)\((?:'(?P<text>(?:[^']|'')*)'|(?P<number>-?[0-9]+))\)/?")


def addressed(url: str) -> tuple[str, str] | None:
    """The set and the id that the address of an entity ends with, None where it is none."""
    found = _ADDRESS.fullmatch(unquote(url)) if len(url) < 4096 else None
    if found is None:
        return None
    text = found["text"]
    return found["set"], found["number"] if text is None else text.replace("''", "'")
