"""Which of a few rows need no second look? What sensors send all day: a finite number, newer than all of its stream, in its unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from citytwin.engine.decode import Row
from citytwin.engine.twin import Twin
from citytwin.kernel.observation import Quality
from citytwin.kernel.stream import stream_parts
from citytwin.kernel.units import quantity

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""Also a stream that takes what is to come ends here: what no calendar holds could never be read again."""
_DAY = 86_400
_END = LATEST - EPOCH
_MOST = 1_000_000
"""Streams whose bounds are kept at once."""
GOOD, SUSPECT, BAD = int(Quality.GOOD), int(Quality.SUSPECT), int(Quality.BAD)

Read = tuple[str, int, float, int]
"""A row that was checked: stream, microseconds since 1970, value, quality flag."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a reading of a stream may be, in its canonical unit; beyond `low` and `high` it is suspect, beyond `floor` and `ceiling` bad."""

    asset: str
    asset_type: str
    low: float
    high: float
    floor: float
    ceiling: float


_OPEN = Bounds("", "", -math.inf, math.inf, -math.inf, math.inf)
"""Those of a stream that clients registered: what it may be is for its owner to say."""


class Plain:
    """Reads rows one by one, in plain Python: for a few of them that is a fraction of what a table costs. What it lets pass, `ingest.prepare` lets pass alike."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._known: dict[str, Bounds] = {}

    def read(self, rows: Sequence[Row], newest: dict[str, int], latest: int, earliest: int) -> list[Read] | None:
        """The rows, checked; None if any of them needs a second look.

        `newest` has the newest time of streams seen before and is brought up to these rows; readings from `earliest` to `latest` are plausible, microseconds.
        """
        made: list[Read] = []
        before: dict[str, int | None] = {}
        for row in rows:
            stream, value, time = row.stream, row.value, row.time
            if not isinstance(value, float) or row.unit is not None or row.quality is not None or time.tzinfo is None:
                break
            bounds = self._bounds(stream)
            if bounds is None or not math.isfinite(value):
                break
            past = time - EPOCH
            at = (past.days * _DAY + past.seconds) * 1_000_000 + past.microseconds
            if at < earliest or (at > latest and (bounds is not _OPEN or past >= _END)):
                break
            known = newest.get(stream)
            if known is None:
                last = self._twin.store.newest(stream)
                known = last[1] if last else earliest - 1
            if at <= known:
                break
            before.setdefault(stream, newest.get(stream))
            newest[stream] = at
            if bounds.low <= value <= bounds.high:
                flag = GOOD if bounds.floor <= value <= bounds.ceiling else BAD
            else:
                flag = SUSPECT if bounds.floor <= value <= bounds.ceiling else BAD
            made.append((stream, at, value, flag))
        else:
            return made
        for stream, was in before.items():  # none of these rows is taken
            if was is None:
                del newest[stream]
            else:
                newest[stream] = was
        return None

    def _bounds(self, stream: str) -> Bounds | None:
        if stream in self._twin.registered:
            return _OPEN
        bounds = self._known.get(stream)
        if bounds is not None and self._twin.asset_types.get(bounds.asset) == bounds.asset_type:
            return bounds
        asset, kind = stream_parts(stream)
        declared = self._twin.streams.get(kind)
        if declared is None or self._twin.asset_types.get(asset) != declared.asset:
            return None
        if declared.choices or kind in self._twin.policies:
            return None
        q = quantity(declared.quantity)
        low = declared.low if declared.low is not None else q.low
        high = declared.high if declared.high is not None else q.high
        if len(self._known) >= _MOST:
            self._known.clear()
        bounds = self._known[stream] = Bounds(asset, declared.asset, low, high, q.low, q.high)
        return bounds
