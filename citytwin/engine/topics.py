"""What does a device say? Messages on the topics that packs declare, as readings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from citytwin.engine import load, senml
from citytwin.engine.decode import Row
from citytwin.kernel.errors import BadBatch, BadRequest, Fault, NotFound
from citytwin.kernel.observation import Batch
from citytwin.kernel.pack import Pack
from citytwin.kernel.stream import stream_id
from citytwin.kernel.topic import Topic

MOST = 10_000
"""Readings of one message."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HINT = "one reading is an object; several are a list of them"


@dataclass(frozen=True, slots=True)
class Said:
    """What a message says: rows, or the batch of a feed; `faults` are of parts that could not be read."""

    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    batch: Batch | None = None


@dataclass(frozen=True, slots=True)
class _Template:
    pack: str
    topic: Topic
    pattern: re.Pattern[str]


class Topics:
    """The topics of some packs. Where two fit, the one with more levels written out is meant, else the first."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        made = [_Template(p.id, t, _pattern(t)) for p in packs for t in p.topics]
        self._templates = sorted(made, key=lambda t: sum(level[0] in "{+" for level in t.topic.levels if level))

    @property
    def filters(self) -> list[str]:
        """What to subscribe to in order to hear all of them."""
        return sorted({t.topic.filter for t in self._templates})

    def meant(self, topic: str) -> list[str]:
        """The template that a topic fits, if there is one."""
        return [t.topic.topic for t in self._templates if t.pattern.fullmatch(topic)][:1]

    def read(self, topic: str, payload: bytes, now: datetime) -> Said:
        """The readings in a message. Raises NotFound where no template fits, BadRequest or BadBatch where nothing of it can be read."""
        for template in self._templates:
            found = template.pattern.fullmatch(topic)
            if found:
                return _read(template, found.groupdict(), payload, now)
        raise NotFound(f"no pack declares the topic '{topic[:200]}'", "topics: of streams.yaml", topic[:200])


def _pattern(topic: Topic) -> re.Pattern[str]:
    parts = {"{asset}": r"(?P<asset>[^/]+)", "{stream}": r"(?P<stream>[^/]+)", "+": r"[^/]*"}
    return re.compile("/".join(parts.get(level, re.escape(level)) for level in topic.levels))


def _read(template: _Template, told: dict[str, str], payload: bytes, now: datetime) -> Said:
    topic = template.topic
    asset = told.get("asset", "").lower()
    kind = topic.stream or told.get("stream", "")
    kind = kind if "." in kind or not kind else f"{template.pack}.{kind}"
    match topic.payload:
        case "number":
            return Said([Row(stream_id(asset, kind), now, _bare(payload), unit=topic.unit or None)])
        case "json":
            return _objects(topic, asset, kind, payload, now)
        case "senml":
            return _records(template.pack, asset, payload, now)
    parse = getattr(load.module(template.pack, "feeds"), topic.feed)
    return Said(batch=parse(payload))


def _bare(payload: bytes) -> float:
    try:
        text = payload.decode("ascii").strip()
        if "_" not in text and len(text) <= 64:
            return float(text)
    except ValueError:
        pass
    raise BadRequest(f"the payload is {_short(payload)}, not a number", "a number such as 21.5", "payload")


def _objects(topic: Topic, asset: str, kind: str, payload: bytes, now: datetime) -> Said:
    try:
        body = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadRequest(f"the payload is not JSON: {e}", _HINT, "payload") from e
    items = body if isinstance(body, list) else [body]
    if len(items) > MOST:
        raise BadRequest(f"the payload has more than {MOST} readings", "send them in several messages", "payload")
    wanted = dict(topic.fields) or {topic.value or "value": kind}
    made: list[Row] = []
    faults: list[Fault] = []
    for n, item in enumerate(items, 1):
        try:
            whose = str(_at(item, topic.asset)).lower() if topic.asset else asset
            time = _time(_at(item, topic.time or "time", None), now)
            found = [(name, _at(item, name, None)) for name in wanted]
            there = [(name, value) for name, value in found if value is not None]
            if not there:
                raise ValueError(f"there is no {' or '.join(wanted)}")
            for name, value in there:
                unit = topic.units.get(name) or topic.unit or None
                made.append(Row(stream_id(whose, wanted[name]), time, _number(name, value), unit=unit))
        except ValueError as e:
            faults.append(Fault(f"row {n}", "ROW", str(e), _HINT))
    return Said(made, faults)


def _records(pack: str, asset: str, payload: bytes, now: datetime) -> Said:
    rows, faults = senml.rows(payload, now)
    if len(rows) > MOST:
        raise BadBatch(f"the pack has more than {MOST} records", "send them in several messages", "payload")

    def named(name: str) -> str:
        return name if not asset else stream_id(asset, name if "." in name else f"{pack}.{name}")

    return Said([Row(named(r["stream"]), r["time"], r["value"], unit=r["unit"]) for r in rows], faults)


_NONE = object()


def _at(item: Any, name: str, other: Any = _NONE) -> Any:
    """The field of an object, inside others where its name has dots."""
    found = item
    for part in (name,) if isinstance(item, dict) and name in item else name.split("."):
        if not isinstance(found, dict):
            found = None
            break
        found = found.get(part)
    if found is not None:
        return found
    if not isinstance(item, dict):
        raise ValueError(f"{_short(item)} is no object")
    if other is _NONE:
        raise ValueError(f"there is no {name}")
    return other


def _number(name: str, value: Any) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    if isinstance(value, int | float):
        return float(value)  # true is 1
    raise ValueError(f"{name} is {_short(value)}, not a number")


def _time(value: Any, now: datetime) -> datetime:
    """RFC 3339, or seconds, milliseconds or microseconds since 1970, whichever is after 1973; `now` where there is none."""
    if value is None:
        return now
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value)  # without an offset: the city's zone, as everywhere
        if isinstance(value, int | float) and not isinstance(value, bool):
            size = abs(value)
            unit = 1.0 if size < 1e11 else 1e3 if size < 1e14 else 1e6
            return EPOCH + timedelta(seconds=value / unit)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"time is {_short(value)}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
