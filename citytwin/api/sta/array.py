"""Many observations at once: the data array of 18-088 (clause 13), out and in."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from citytwin.api.sta.body import Bodies, linked
from citytwin.api.sta.show import plain
from citytwin.engine.gather import gather
from citytwin.engine.observe import Many, Observing
from citytwin.kernel.errors import BadRequest, CityTwinError
from citytwin.kernel.register import Seen

COMPONENTS = ("id", "phenomenonTime", "resultTime", "result", "resultQuality", "validTime", "parameters")
MOST = 1_000_000
"""Rows that one request may bring."""
LONGEST_S = 60.0
"""Seconds after which rows are told to come again that were not looked at: those that are more than a number at a time take longer."""
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


def take(
    observing: Observing, raw: bytes, now: datetime, within: float = LONGEST_S
) -> list[Many | str | CityTwinError | None]:
    """Take the rows of a body; of each, or of many that go together, in order, what became of it: its id, on its way, why not, or None: out of time.

    Raises BadRequest where the body itself is wrong.
    """
    try:
        sets = _sets.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadRequest(f"the body is no list of data arrays: {e}", "18-088, clause 13.2", "body") from e
    until = time.monotonic() + within
    work: list[_Work] = []
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
        raw_rows = bytes(one.dataArray)
        pairs = _pairs(raw_rows) if names == ["phenomenonTime", "result"] else None
        made = _Work(n, stream, names, raw_rows, pairs)
        work.append(made)
        room -= made.count
        if room < 0:
            raise BadRequest(f"the body brings more than {MOST} rows", "send them in several requests", "body")
    quick = iter(_many(observing, [(w.stream, w.pairs) for w in work if w.pairs]))
    parts = [(next(quick) if w.pairs else None, w) for w in work]
    others = [w for many, w in parts if many is None]
    found = iter(gather(observing, (row for w in others for row in w.read(now)), until))
    told: list[Many | str | CityTwinError | None] = []
    for many, w in parts:
        told += [many] if many is not None else islice(found, w.count)
    return told


def said(error: CityTwinError) -> str:
    """Why a row was not taken, in the place of its answer."""
    return f"error: {error.faults[0].message if error.faults else error.message}"


class _Work:
    """The rows of a data array: as pairs where that is all they are, else as they came."""

    def __init__(
        self, n: int, stream: str, names: list[str], raw: bytes, pairs: list[tuple[str, float]] | None
    ) -> None:
        self.n, self.stream, self.names, self.pairs = n, stream, names, pairs
        self._rows: list[list[Any]] | list[tuple[str, float]] = pairs or _listed(raw, n)
        self.count = len(self._rows)

    def read(self, now: datetime) -> Iterator[tuple[str, Seen] | CityTwinError]:
        """The rows as observations, each when it is asked for."""
        return (self._one(row, f"{self.n}/dataArray/{i}/", Bodies(now)) for i, row in enumerate(self._rows))

    def _one(self, row: Sequence[Any], at: str, bodies: Bodies) -> tuple[str, Seen] | CityTwinError:
        try:
            if len(row) != len(self.names):
                raise BadRequest(f"the row has {len(row)} values for {len(self.names)} components", "", at)
            body = dict(zip(self.names, row, strict=True))
            if isinstance(body.get("FeatureOfInterest"), str | int):
                body["FeatureOfInterest"] = {"@iot.id": body["FeatureOfInterest"]}
            body.pop("id", None)
            seen, _ = bodies.seen({k: v for k, v in body.items() if v is not None or k == "result"}, at)
        except CityTwinError as e:
            return e
        return self.stream, seen


def _listed(raw: bytes, n: int) -> list[list[Any]]:
    try:
        return _rows.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadRequest(
            f"the rows of data array {n} are no lists: {e}", "one list of values for each row", f"{n}/dataArray"
        ) from e


def _pairs(raw: bytes) -> list[tuple[str, float]] | None:
    """Rows of a time and a number; None where they are more."""
    try:
        return _numbers.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


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
