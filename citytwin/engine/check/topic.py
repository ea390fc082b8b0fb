"""Stage names, topics: can every declared topic be told from others, and does its payload lead to streams? Stage demo: does a message come on it?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from citytwin.engine.check.ids import Ids
from citytwin.engine.check.stage import Play, ask
from citytwin.engine.check.subject import Subject
from citytwin.engine.decode import tabled
from citytwin.engine.ingest import prepare
from citytwin.engine.topics import Topics
from citytwin.kernel.errors import CityTwinError, Fault
from citytwin.kernel.observation import Batch
from citytwin.kernel.topic import RESERVED, Topic
from citytwin.kernel.units import conversion, known_unit, quantities

TAKES = {
    "number": ("stream", "unit"),
    "json": ("stream", "asset", "value", "time", "unit", "fields", "units"),
    "senml": (),
    "feed": ("feed",),
}
"""The keys of a topic that belong to each form of payload."""


def topics(subject: Subject, ids: Ids) -> Iterator[Fault]:
    seen: set[str] = set()
    for i, topic in enumerate(subject.pack.topics):
        at = partial(subject.at, "streams", "topics", i)
        yield from _template(topic, at("topic"))
        if topic.filter in seen:
            yield Fault(at("topic"), "NAMES", f"topic '{topic.topic}' stands twice", "keep one of them")
        seen.add(topic.filter)
        for key in ("stream", "asset", "value", "time", "unit", "fields", "units", "feed"):
            if getattr(topic, key) and key not in TAKES[topic.payload]:
                takes = ", ".join(TAKES[topic.payload]) or "nothing more"
                yield Fault(
                    at(key), "NAMES", f"{key} does not belong to a payload of {topic.payload}", f"it has {takes}"
                )
        yield from _streams(topic, ids, at)
        yield from _whose(topic, at)
        if topic.payload == "feed" and f"{subject.id}.{topic.feed}" not in subject.pack.feeds:
            there = ", ".join(f.partition(".")[2] for f in subject.pack.feeds) or "none"
            yield Fault(at("feed"), "NAMES", f"feeds.py has no '{topic.feed}'", f"it has: {there}")


def _template(topic: Topic, where: str) -> Iterator[Fault]:
    for level in topic.levels:
        if level not in ("{asset}", "{stream}", "+") and (not level or set(level) & set("{}+#$ \0")):
            hint = "levels are text, {asset}, {stream} or +"
            yield Fault(where, "NAMES", f"'{level}' is no level of a topic", hint)
        elif level[0] == "{" and topic.levels.count(level) > 1:
            yield Fault(where, "NAMES", f"{level} stands twice in '{topic.topic}'", "say it once")
    if topic.levels[0] in RESERVED or topic.levels[0] in ("{asset}", "{stream}", "+"):
        hint = "begin with something of the pack's own"
        yield Fault(where, "NAMES", f"'{topic.topic}' may be a topic of the city's own", hint)


def _streams(topic: Topic, ids: Ids, at: partial[str]) -> Iterator[Fault]:
    declared = {s.id: s for p in {id(p): p for p in ids.nouns.values()}.values() for s in p.streams}
    named = [("stream", (), topic.stream)] if topic.stream else []
    pairs = [*named, *(("fields", (k,), kind) for k, kind in topic.fields.items())]
    for key, path, kind in pairs:
        yield from ids.lost(kind, ("stream",), at(key, *path), "the topic")
        unit = topic.units.get(path[0], "") if path else ""
        where = at("units", *path) if unit else at("unit")
        unit = unit or topic.unit
        if unit and known_unit(unit) and kind in declared and declared[kind].quantity in quantities():
            try:
                conversion(unit, quantities()[declared[kind].quantity].unit)
            except CityTwinError as e:
                yield Fault(where, "NAMES", e.message, e.hint)
    for where, unit in ((at("unit"), topic.unit), *((at("units", k), u) for k, u in topic.units.items())):
        if unit and not known_unit(unit):
            hint = "see docs/reference/quantities.md"
            yield Fault(where, "NAMES", f"unit '{unit}' is not in the vocabulary", hint)
    for name in topic.units:
        if name not in topic.fields:
            yield Fault(at("units", name), "NAMES", f"fields has no '{name}'", "name a field")


def _whose(topic: Topic, at: partial[str]) -> Iterator[Fault]:
    """The asset and the stream type are told once, by the topic or by the payload."""
    if topic.payload not in ("number", "json"):
        if topic.payload == "feed" and not topic.feed:
            yield Fault(at("payload"), "NAMES", "the topic does not say which feed reads it", "feed: parse_…")
        if "{stream}" in topic.levels or (topic.payload == "feed" and "{asset}" in topic.levels):
            yield Fault(at("topic"), "NAMES", f"a payload of {topic.payload} tells this itself", "write +")
        return
    if ("{asset}" in topic.levels) + bool(topic.asset) != 1:
        hint = "{asset} in the topic, or asset: the field of the JSON that has its id"
        yield Fault(at("topic"), "NAMES", "the topic does not tell the asset once", hint)
    if ("{stream}" in topic.levels) + bool(topic.stream) + bool(topic.fields) != 1:
        hint = "{stream} in the topic, stream: a stream type, or fields: the stream type of each field"
        yield Fault(at("topic"), "NAMES", "the topic does not tell the stream type once", hint)
    if topic.fields and topic.value:
        yield Fault(at("value"), "NAMES", "fields names the values already", "drop value")


def heard(p: Play) -> Iterator[Fault]:
    """Every topic whose messages of the demo are none, or cannot be recorded."""
    if not p.pack.topics:
        return
    where = p.subject.defined("demo.py", "messages")
    given = ask(p.subject, p.faults, "messages", lambda: list(p.player.messages(p.pack, p.clock.moment)))
    reader = Topics([p.pack])
    used: set[str] = set()
    for topic, payload in given:
        try:
            said = reader.read(topic, payload, p.clock.moment)
            batch = said.batch or Batch(tabled(said.rows, p.twin.city.zone))
            faults = [*said.faults, *prepare(p.twin, batch).faults]
        except CityTwinError as e:
            faults = [Fault("", "DEMO", e.message, e.hint)]
        for fault in faults[:1]:
            yield Fault(where, "DEMO", f"the message on '{topic}': {fault.message}", fault.hint)
        used.update(reader.meant(topic))
    for i, declared in enumerate(p.pack.topics):
        if declared.topic not in used:
            hint = "give one in messages(scene) of demo.py"
            at = p.subject.at("streams", "topics", i)
            yield Fault(at, "IDLE", f"no message comes on '{declared.topic}'", hint)
