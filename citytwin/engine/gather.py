"""How do many observations get in at once that come with more than a number? Each is judged as if it came alone; then their readings go in as one batch, and all else in one commit."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from citytwin.engine.observe import Judged, Observing
from citytwin.engine.register import Making, microseconds
from citytwin.kernel.errors import CityTwinError
from citytwin.kernel.register import Entry, Seen

AT_ONCE = 100_000
"""Observations of one commit: while it is made, nobody else registers anything."""


def gather(
    observing: Observing, rows: Iterable[tuple[str, Seen] | CityTwinError], until: float, automatic: bool = True
) -> list[str | CityTwinError | None]:
    """Put observations (stream, what was seen) on record, durably, as if they came one by one in this order.

    Of each its id, or why it is not on record; None for those that were not looked at by the time `until` (of `time.monotonic`). An error among the rows is
    handed on in its place. `automatic` as in `Observing.plain`.
    """
    told: list[str | CityTwinError | None] = []
    batch = _Batch(observing)
    for row in rows:
        told.append(None)
        if time.monotonic() >= until:
            continue
        if isinstance(row, CityTwinError):
            told[-1] = row
            continue
        try:
            one = observing.judge(*row, automatic)
        except CityTwinError as e:
            told[-1] = e
            continue
        alone = batch.parts(one)
        if alone or len(batch.members) >= AT_ONCE:
            batch = batch.put(told)
        batch.add(len(told) - 1, one)
        if alone:
            batch = batch.put(told)
    batch.put(told)
    return told


@dataclass(slots=True)
class _Batch:
    """Observations that go in together, each with its number among all of the request."""

    observing: Observing
    members: list[tuple[int, Judged]] = field(default_factory=list)
    places: set[tuple[str, int]] = field(default_factory=set)
    """Where there will be readings."""
    newest: dict[str, int] = field(default_factory=dict)

    def parts(self, one: Judged) -> bool:
        """Whether an observation has to go in by itself, after those before it: one that brings its feature along, is at the place of a reading of the batch
        (which may be refused), or is compared with readings around it."""
        if isinstance(one.seen.feature, Entry):
            return True
        if one.registered and not one.bare:
            return False
        at = microseconds(one.seen.time)
        return (one.stream, at) in self.places or (
            not one.registered and self.observing.late(one.stream, at, self.newest.get(one.stream))
        )

    def add(self, number: int, one: Judged) -> None:
        """Take an observation in."""
        self.members.append((number, one))
        if one.bare or not one.registered:
            at = microseconds(one.seen.time)
            self.places.add((one.stream, at))
            self.newest[one.stream] = max(self.newest.get(one.stream, at), at)

    def put(self, told: list[str | CityTwinError | None]) -> _Batch:
        """Record all of them, and write in `told` what became of each; returns the next batch, which is empty."""
        if self.members:
            self._put(told)
        return _Batch(self.observing)

    def _put(self, told: list[str | CityTwinError | None]) -> None:
        observing = self.observing
        left: list[tuple[int, Judged]] = []
        missing = observing.missing(m.seen.feature for _, m in self.members if not m.bare)
        for number, one in self.members:
            if not one.bare and isinstance(one.seen.feature, str) and one.seen.feature in missing:
                told[number] = missing[one.seen.feature]
            else:
                left.append((number, one))
        bare = [one for _, one in left if one.registered and one.bare]
        free = iter(observing.free([(one.stream, one.seen.time) for one in bare]))
        reads = [not one.registered or (one.bare and next(free)) for _, one in left]
        readings = [m for m, read in zip(left, reads, strict=True) if read]
        taken = [(m.stream, m.seen.time) for _, m in readings if m.registered]
        try:
            faults = iter(observing.record([one for _, one in readings]))
        finally:
            observing.leave(taken)
        more: list[tuple[int, Judged, str]] = []
        for (number, one), read in zip(left, reads, strict=True):
            fault = next(faults) if read else None
            if fault is not None:
                told[number] = fault
                continue
            id = observing.reading_id(one.stream, one.seen.time) if read else ""
            if one.bare and read:
                told[number] = id
            else:
                more.append((number, one, id))
        if more:
            self._more(more, told)

    def _more(self, more: Sequence[tuple[int, Judged, str]], told: list[str | CityTwinError | None]) -> None:
        """Put on record what is no reading, or more than one."""
        twin = self.observing.twin
        try:
            with twin.turn:
                made = Making(twin)
                made.end_all([id for _, _, id in more if id])
                ids = made.several([(one.stream, one.seen, id) for _, one, id in more])
                made.commit()
        except CityTwinError as e:
            for number, _, _ in more:
                told[number] = e
            return
        for (number, _, _), id in zip(more, ids, strict=True):
            told[number] = id
