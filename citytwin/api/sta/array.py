"""Many observations at once: the data array of 18-088 (clause 13), out and in."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from citytwin.api.sta.body import Bodies, linked
from citytwin.api.sta.show import plain
from citytwin.engine.observe import Many, Observing, Sent
from citytwin.kernel.errors import BadRequest, CityTwinError

COMPONENTS = ("id", "phenomenonTime", "resultTime", "result", "resultQuality", "validTime", "parameters")
MOST = 1_000_000
"""Rows that one request may bring."""
LONGEST_S = 60.0
"""Seconds after which rows that are taken one by one are told to come again: what is no number at a time takes longer."""
LATE = "error: not taken, since the rows before took too long; send it again"
NAMES = {"FeatureOfInterest/id": "FeatureOfInterest", "FeatureOfInterest/@iot.id": "FeatureOfInterest"}
_MICRO = pa.timestamp("us", tz="UTC")
_EARLIEST, _LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 for year in (1601, 8999))


class _Set(msgspec.Struct):
    """One datastream's part of a body; of its rows only the outside is read at first."""

    components: list[str]
    dataArray: msgspec.Raw  # noqa: N815 - the standard's names
    Datastream: Any = None
    MultiDatastream: Any = None


_sets = msgspec.json.Decoder(list[_Set])
_numbers = msgspec.json.Decoder(list[tuple[str, float]])
_rows = msgspec.json.Decoder(list[list[Any]])


def groups(
    items: Iterable[Mapping[str, Any]], streams: Mapping[str, str], selected: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Observations as one table for each datastream; `streams` has its address by the key in the observations' ids."""
    names = [c for c in COMPONENTS if selected is None or c in selected]
    found: dict[str, list[list[Any]]] = {}
    for item in items:
        found.setdefault(str(item["id"]).partition("-")[0], []).append([plain(item.get(n)) for n in names])
    return [
        {
            "Datastream@iot.navigationLink": streams[key],
            "components": names,
            "dataArray@iot.count": len(rows),
            "dataArray": rows,
        }
        for key, rows in found.items()
    ]


def take(observing: Observing, raw: bytes, now: datetime, within: float = LONGEST_S) -> list[Many | Sent | str]:
    """Take the rows of a body; of each, or of many that go together, in order, what became of it: on its way, or why not. Raises BadRequest where the body itself is wrong."""
    try:
        sets = _sets.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadRequest(f"the body is no list of data arrays: {e}", "18-088, clause 13.2", "body") from e
    work: list[tuple[str, list[str], bytes, list[tuple[str, float]] | None]] = []
    room = MOST
    for n, one in enumerate(sets):
        stream = linked(one.Datastream) or linked(one.MultiDatastream)
        if stream is None:
            raise BadRequest(
                f"data array {n} names no Datastream", 'link it: "Datastream": {"@iot.id": …}', f"{n}/Datastream"
            )
        names = [NAMES.get(c, c) for c in one.components]
        if "result" not in names:
            raise BadRequest(
                f"data array {n} has no result", "components: at least phenomenonTime and result", f"{n}/components"
            )
        rows = bytes(one.dataArray)
        pairs = _pairs(rows) if names == ["phenomenonTime", "result"] else None
        room -= len(pairs) if pairs is not None else 0
        if room < 0:
            raise BadRequest(f"the body brings more than {MOST} rows", "send them in several requests", "body")
        work.append((stream, names, rows, pairs))
    quick = iter(_many(observing, [(stream, pairs) for stream, _, _, pairs in work if pairs]))
    until = time.monotonic() + within
    told: list[Many | Sent | str] = []
    for n, (stream, names, rows, pairs) in enumerate(work):
        many = next(quick) if pairs else None
        if many is not None:
            told.append(many)
        elif pairs != []:
            singles = _taken(observing, n, stream, names, rows, now, room + len(pairs or ()), until)
            room -= 0 if pairs else len(singles)
            told += singles
    return told


def _pairs(raw: bytes) -> list[tuple[str, float]] | None:
    """Rows of a time and a number; None where they are more."""
    try:
        return _numbers.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _taken(
    observing: Observing, n: int, stream: str, names: list[str], raw: bytes, now: datetime, room: int, until: float
) -> list[Sent | str]:
    """Take rows one by one."""
    try:
        rows = _rows.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadRequest(
            f"the rows of data array {n} are no lists: {e}", "one list of values for each row", f"{n}/dataArray"
        ) from e
    if len(rows) > room:
        raise BadRequest(f"the body brings more than {MOST} rows", "send them in several requests", "body")
    return [
        _one(observing, stream, names, row, f"{n}/dataArray/{i}/", Bodies(now)) if time.monotonic() < until else LATE
        for i, row in enumerate(rows)
    ]


def _one(observing: Observing, stream: str, names: list[str], row: list[Any], at: str, bodies: Bodies) -> Sent | str:
    try:
        if len(row) != len(names):
            raise BadRequest(f"the row has {len(row)} values for {len(names)} components", "", at)
        body = dict(zip(names, row, strict=True))
        if isinstance(body.get("FeatureOfInterest"), str | int):
            body["FeatureOfInterest"] = {"@iot.id": body["FeatureOfInterest"]}
        body.pop("id", None)
        seen, _ = bodies.seen({k: v for k, v in body.items() if v is not None or k == "result"}, at)
        return observing.take(stream, seen)
    except CityTwinError as e:
        return f"error: {e.message}"


def _many(observing: Observing, groups: list[tuple[str, list[tuple[str, float]]]]) -> list[Many | None]:
    """Numbers at times as columns, one batch for all groups; None for a group where anything keeps them from being new readings."""
    none: list[Many | None] = [None] * len(groups)
    if not groups:
        return none
    rows = [row for _, pairs in groups for row in pairs]
    moments, values = zip(*rows, strict=True)
    try:
        at = pa.array(moments, pa.string()).cast(_MICRO).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:  # times in other forms are read one by one
        return none
    value = np.array(values, float)
    if (np.abs(value) > 2**53).any() or at.min() <= _EARLIEST or at.max() >= _LATEST:
        return none
    return observing.many([stream for stream, _ in groups], [len(pairs) for _, pairs in groups], at, value)
