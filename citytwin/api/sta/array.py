"""Many observations at once: the data array of 18-088 (clause 13), out and in. 2.0 has it as an extension, in its own words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from citytwin.api.sta.body import Bodies
from citytwin.api.sta.dialect import Dialect
from citytwin.api.sta.v1 import V1
from citytwin.engine.gather import gather
from citytwin.engine.observe import Many, Observing
from citytwin.kernel.errors import BadRequest, CityTwinError
from citytwin.kernel.register import Seen

MOST = 1_000_000
"""Rows that one request may bring."""
LONGEST_S = 60.0
"""Seconds after which rows are told to come again that were not looked at: those that are more than a number at a time take longer."""
LATE = "error: not taken, since the rows before took too long; send it again"
Check = Callable[[Any], None]
"""Raises BadRequest where a result is none of a datastream."""
_MICRO = pa.timestamp("us", tz="UTC")
_EARLIEST, _LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 for year in (1601, 8999))


class _Set(msgspec.Struct):
    """One datastream's part of a body; of its rows only the outside is read at first."""

    components: list[str]
    dataArray: msgspec.Raw  # noqa: N815 - the standard's names
    Datastream: Any = None
    MultiDatastream: Any = None


_sets = msgspec.json.Decoder(list[_Set])


class _Occasion(msgspec.Struct, forbid_unknown_fields=True):
    start: str


_numbers = msgspec.json.Decoder(list[tuple[str, float]])
_occasions = msgspec.json.Decoder(list[tuple[_Occasion, float]])
_rows = msgspec.json.Decoder(list[list[Any]])


def groups(
    items: Iterable[Mapping[str, Any]],
    of: Mapping[str, str],
    streams: Mapping[str, str],
    selected: Sequence[str] | None,
    dialect: Dialect,
) -> list[dict[str, Any]]:
    """Observations as one table for each datastream; `of` has the key of their datastream by their ids, `streams` its address by that key."""
    known = ("id", *(n for n, part in dialect.observation.items() if part not in ("stream", "feature")))
    names = [c for c in known if selected is None or c in selected]
    found: dict[str, list[list[Any]]] = {}
    for item in items:
        found.setdefault(of[item["id"]], []).append([dialect.value(item.get(n)) for n in names])
    return [
        {
            f"Datastream{dialect.mark}navigationLink": streams[key],
            "components": names,
            f"dataArray{dialect.mark}count": len(rows),
            "dataArray": rows,
        }
        for key, rows in found.items()
    ]


def take(
    observing: Observing,
    raw: bytes,
    now: datetime,
    dialect: Dialect = V1,
    judged: Callable[[str], tuple[Check, bool]] = lambda _: (lambda _: None, True),
    within: float = LONGEST_S,
) -> list[Many | str | CityTwinError | None]:
    """Take the rows of a body; of each, or of many that go together, in order, what became of it: its id, on its way, why not, or None: out of time.

    `judged` tells of a stream what its results are asked, and whether any number is one.
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
        stream = dialect.linked(one.Datastream, "Datastream") or (
            dialect.linked(one.MultiDatastream, "Datastream") if dialect is V1 else None
        )
        if stream is None:
            hint = f'link it: "Datastream": {{"{dialect.mark}id": …}}'
            raise BadRequest(f"data array {n} names no Datastream", hint, f"{n}/Datastream")
        feature = dialect.named("feature")
        names = [feature if c in (f"{feature}/id", f"{feature}/{dialect.key}") else c for c in one.components]
        if "result" not in names:
            raise BadRequest(
                f"data array {n} has no result", "components: at least phenomenonTime and result", f"{n}/components"
            )
        whole = {c for c in names if "/" not in c}
        if len(set(names)) < len(names) or any(c.partition("/")[0] in whole for c in names if "/" in c):
            raise BadRequest(f"data array {n} says a component twice", "name each once", f"{n}/components")
        raw_rows = bytes(one.dataArray)
        try:
            check, numbers = judged(stream)
            pairs = _pairs(raw_rows, names, dialect) if numbers else None
        except CityTwinError as e:  # of each of its rows the same is told
            check, pairs = _refusing(e), None
        made = _Work(n, stream, names, raw_rows, pairs, dialect, check)
        work.append(made)
        room -= made.count
        if room < 0:
            raise BadRequest(f"the body brings more than {MOST} rows", "send them in several requests", "body")
    automatic = dialect is V1
    quick = iter(_many(observing, [(w.stream, w.pairs) for w in work if w.pairs], automatic))
    parts = [(next(quick) if w.pairs else None, w) for w in work]
    others = [w for many, w in parts if many is None]
    found = iter(gather(observing, (row for w in others for row in w.read(now)), until, automatic))
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
        self,
        n: int,
        stream: str,
        names: list[str],
        raw: bytes,
        pairs: list[tuple[str, float]] | None,
        dialect: Dialect,
        check: Check,
    ) -> None:
        self.n, self.stream, self.pairs = n, stream, pairs
        self.names = ["phenomenonTime/start", "result"] if pairs and dialect is not V1 else names
        self._dialect, self._check = dialect, check
        self._rows: list[list[Any]] | list[tuple[str, float]] = pairs or _listed(raw, n)
        self.count = len(self._rows)

    def read(self, now: datetime) -> Iterator[tuple[str, Seen] | CityTwinError]:
        """The rows as observations, each when it is asked for."""
        return (
            self._one(row, f"{self.n}/dataArray/{i}/", Bodies(now, self._dialect)) for i, row in enumerate(self._rows)
        )

    def _one(self, row: Sequence[Any], at: str, bodies: Bodies) -> tuple[str, Seen] | CityTwinError:
        try:
            if len(row) != len(self.names):
                raise BadRequest(f"the row has {len(row)} values for {len(self.names)} components", "", at)
            body: dict[str, Any] = {}
            for name, value in zip(self.names, row, strict=True):
                whole, inside, part = name.partition("/")
                if not inside:
                    body[name] = value
                elif value is not None:
                    body.setdefault(whole, {})[part] = value
            feature = self._dialect.named("feature")
            if isinstance(body.get(feature), str | int):
                body[feature] = {self._dialect.key: body[feature]}
            body.pop("id", None)
            seen, _ = bodies.seen({k: v for k, v in body.items() if v is not None or k == "result"}, at)
            self._check(seen.result)
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


def _refusing(error: CityTwinError) -> Check:
    def refuse(_: Any) -> None:
        raise error

    return refuse


def _pairs(raw: bytes, names: Sequence[str], dialect: Dialect) -> list[tuple[str, float]] | None:
    """Rows of a time and a number; None where they are more."""
    try:
        if list(names) == ["phenomenonTime" if dialect is V1 else "phenomenonTime/start", "result"]:
            return _numbers.decode(raw)
        if list(names) == ["phenomenonTime", "result"]:
            return [(at.start, value) for at, value in _occasions.decode(raw)]
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _many(
    observing: Observing, groups: list[tuple[str, list[tuple[str, float]]]], automatic: bool
) -> list[Many | None]:
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
    return observing.many([stream for stream, _ in groups], [len(pairs) for _, pairs in groups], at, value, automatic)
