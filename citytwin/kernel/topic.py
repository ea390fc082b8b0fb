"""Where do devices publish? A topic of MQTT, and what its payload says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Payload = Literal["number", "json", "senml", "feed"]
RESERVED = ("v1.1", "v2.0", "readings", "responses")
"""First levels of topics that are SensorThings, or the city's own."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Devices publish to topics such as `topic`: levels are text, `{asset}`, `{stream}`, or `+` for any.

    The payload is a `number`, read on arrival; `json`: an object or a list of them; a `senml` pack, whose names are stream types of the asset, or whole stream
    ids where no level is the asset; or whatever a `feed` of feeds.py reads. `stream` is the stream type where no level tells it. In JSON, `asset`, `value` and
    `time` name the fields they are in, a dot leading into an object; or `fields` tells the stream type of each of several. `unit` and `units` are what values come in.
    """

    topic: str
    payload: Payload
    stream: str = ""
    asset: str = ""
    value: str = ""
    time: str = ""
    unit: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    feed: str = ""

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels of the template."""
        return tuple(self.topic.split("/"))

    @property
    def filter(self) -> str:
        """What to subscribe to: placeholders are single levels."""
        return "/".join("+" if level in ("{asset}", "{stream}") else level for level in self.levels)


def matches(filter: str, topic: str) -> bool:
    """Whether a topic is among those of a filter (MQTT 3.1.1, 4.7): `+` is one level, `#` at the end all that follow."""
    wanted, found = filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for n, level in enumerate(wanted):
        if level == "#":
            return True
        if n >= len(found) or level not in ("+", found[n]):
            return False
    return len(wanted) == len(found)


def filter_fault(filter: str) -> str:
    """What is wrong with a filter; nothing where it is sound."""
    if not filter or "\0" in filter or len(filter.encode()) > 65535:
        return "is no topic"
    levels = filter.split("/")
    if "#" in levels[:-1] or any(("#" in level or "+" in level) and len(level) > 1 for level in levels):
        return "has # or + where no level is one"
    return ""
