"""Many observations at once: the data array of 18-088 (clause 13), out and in."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from citytwin.api.sta.body import Bodies, linked
from citytwin.api.sta.show import plain
from citytwin.engine.observe import Observing, Sent
from citytwin.kernel.errors import BadRequest, CityTwinError

COMPONENTS = ("id", "phenomenonTime", "resultTime", "result", "resultQuality", "validTime", "parameters")
MOST = 1_000_000
"""Rows that one request may bring."""
LONGEST_S = 60.0
"""Seconds after which rows that are taken one by one are told to come again: what is no number at a time takes longer."""
LATE = "error: not taken, since the rows before took too long; send it again"
NAMES = {"FeatureOfInterest/id": "FeatureOfInterest", "FeatureOfInterest/@iot.id": "FeatureOfInterest"}
_MICRO = pa.timestamp("us", tz="UTC")


class _Set(msgspec.Struct):
    """One datastream's part of a body; of its rows only the outside is read at first."""

    components: list[str]
    dataArray: msgspec.Raw  # noqa: N815 - the standard's names
    Datastream: Any = None
    MultiDatastream: Any = None


_sets = msgspec.json.Decoder(list[_Set])
_numbers = msgspec.json.Decoder(list[tuple[datetime, float]])
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


def take(observing: Observing, raw: bytes, now: datetime, within: float = LONGEST_S) -> list[Sent | str]:
    """Take the rows of a body; of each, in order, what became of it: on its way, or why not. Raises BadRequest where the body itself is wrong."""
    try:
        sets = _sets.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadRequest(f"the body is no list of data arrays: {e}", "18-088, clause 13.2", "body") from e
    work = []
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
        work.append((n, stream, names, bytes(one.dataArray)))
    told: list[Sent | str] = []
    until = time.monotonic() + within
    for n, stream, names, rows in work:
        told += _taken(observing, n, stream, names, rows, now, MOST - len(told), until)
    return told


def _taken(
    observing: Observing, n: int, stream: str, names: list[str], raw: bytes, now: datetime, room: int, until: float
) -> list[Sent | str]:
    if names == ["phenomenonTime", "result"]:
        try:
            pairs = _numbers.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            pairs = None  # not all are numbers at a time: row by row
        if pairs is not None and len(pairs) <= room and all(t.tzinfo for t, _ in pairs):
            quick = _many(observing, stream, pairs)
            if quick is not None:
                return quick
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


def _many(observing: Observing, stream: str, pairs: list[tuple[datetime, float]]) -> list[Sent | str] | None:
    """Numbers at times as columns, where nothing keeps them from being readings."""
    if not pairs:
        return []
    at = pa.array([t for t, _ in pairs], _MICRO).cast(pa.int64()).to_numpy()
    value = np.array([v for _, v in pairs], float)
    if (np.abs(value) > 2**53).any():
        return None
    return observing.many(stream, at, value)
