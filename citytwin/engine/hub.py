"""Who wants to know at once? Hands on what is recorded to whoever listens, and never waits for one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from citytwin.kernel.store import Written
from citytwin.kernel.stream import stream_parts

MOST = 10_000
"""Streams of which a listener's unread readings are kept; it then has the newest of each, and is told how many it missed."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which streams: all, or those named, of these assets, or of these stream types."""

    streams: frozenset[str] = frozenset()
    assets: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()

    def takes(self, stream: str) -> bool:
        """Whether a stream is among them."""
        if not (self.streams or self.assets or self.types):
            return True
        if stream in self.streams:
            return True
        asset, kind = stream_parts(stream)
        return asset in self.assets or kind in self.types


@dataclass(eq=False)
class Listener:
    """Readings that were recorded and not read yet: of each stream the newest. `wake` is called, from any thread, when there are some."""

    choice: Choice
    wake: Callable[[], None]
    wake_alarms: Callable[[], None] = lambda: None
    readings: bool = True
    """Whether it wants readings, and not what becomes of alarms alone."""
    within: frozenset[str] | None = None
    """The assets that it may be told of; None: all."""
    _newest: dict[str, tuple[int, float | None, int]] = field(default_factory=dict)
    _missed: int = 0
    _alarms: list[Mapping[str, Any]] = field(default_factory=list)
    _people: frozenset[str] = frozenset()
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _known: dict[str, bool] = field(default_factory=dict)

    def wants(self, names: Iterable[str]) -> list[int]:
        """Which of these names it listens to, by their places."""
        if not self.readings:
            return []
        found = []
        for n, name in enumerate(names):
            if (takes := self._known.get(name)) is None:
                if len(self._known) > 100_000:
                    self._known.clear()
                takes = self._known[name] = self._sees(stream_parts(name)[0]) and self.choice.takes(name)
            if takes:
                found.append(n)
        return found

    def put(self, rows: Iterable[tuple[str, int, float | None, int]]) -> None:
        """Add readings: stream, microseconds, value, quality."""
        with self._turn:
            idle = not self._newest
            for stream, time, value, quality in rows:
                before = self._newest.get(stream)
                if before is not None or len(self._newest) >= MOST:
                    self._missed += 1
                if before is None and len(self._newest) >= MOST:
                    continue
                if before is None or time >= before[0]:
                    self._newest[stream] = (time, value, quality)
        if idle:
            self.wake()

    def put_alarms(self, changed: Sequence[Mapping[str, Any]]) -> None:
        """Add transitions of alarms (rows of `alarm_history`); of those at its assets, if it chose some. The newest are kept."""
        chosen = self.choice
        if chosen.streams or chosen.assets:
            assets = chosen.assets | {stream_parts(s)[0] for s in chosen.streams}
            changed = [r for r in changed if r["asset_id"] in assets]
        if self.within is not None:
            changed = [r for r in changed if r["asset_id"] in self.within]
        if not changed:
            return
        with self._turn:
            self._alarms = [*self._alarms, *changed][-MOST:]
        self.wake_alarms()

    def _sees(self, asset: str) -> bool:
        return self.within is None or asset in self.within

    def take_alarms(self) -> list[Mapping[str, Any]]:
        """The transitions that it was not told yet."""
        with self._turn:
            told, self._alarms = self._alarms, []
        return told

    def put_people(self, people: frozenset[str]) -> None:
        """Add names of those for whom there is something new to read."""
        with self._turn:
            self._people |= people
        self.wake_alarms()

    def take_people(self) -> frozenset[str]:
        """The names that it was not told yet."""
        with self._turn:
            told, self._people = self._people, frozenset()
        return told

    def take(self) -> tuple[list[tuple[str, int, float | None, int]], int]:
        """What there is to read, and how many readings were left out for newer ones since the last time."""
        with self._turn:
            rows = [(stream, *reading) for stream, reading in self._newest.items()]
            missed, self._missed = self._missed, 0
            self._newest = {}
        return rows, missed


Reading = tuple[str, int, float | None, int]
"""Stream, microseconds since 1970, value, quality."""


@dataclass(eq=False)
class Follower:
    """Every reading that was recorded and not read yet, as long as they are few: beyond `room` only the newest of each stream is kept."""

    wake: Callable[[], None]
    room: int = 10_000
    _batches: list[Written] = field(default_factory=list)
    _held: int = 0
    _newest: dict[str, Reading] = field(default_factory=dict)
    _late: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def put(self, batch: Written, newest: Callable[[], Iterable[Reading]]) -> None:
        """Add the rows of a batch, or, if there is no room, `newest` of them."""
        with self._turn:
            idle = not self._batches and not self._newest
            if not self._newest and self._held + len(batch) <= self.room:
                self._batches.append(batch)
                self._held += len(batch)
            else:
                self._late += len(batch)
                for reading in newest():
                    before = self._newest.get(reading[0])
                    if (before is None and len(self._newest) < MOST) or (
                        before is not None and reading[1] >= before[1]
                    ):
                        self._newest[reading[0]] = reading
        if idle:
            self.wake()

    def take(self) -> tuple[list[Reading], int]:
        """What there is to read, in the order in which it was recorded, and how many readings were left out for newer ones."""
        with self._turn:
            batches, self._batches, self._held = self._batches, [], 0
            newest, self._newest = list(self._newest.values()), {}
            missed, self._late = self._late - len(newest), 0
        rows: list[Reading] = []
        for batch in batches:
            rows += _readings(batch, np.arange(len(batch)))
        return rows + newest, missed


class Hub:
    """Listens to a store, once, for many. What it does for each batch is bounded by the streams in it, not by its readings."""

    def __init__(self, watch: Callable[[Callable[[Written], None], Callable[[], bool]], None]) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._followers: tuple[Follower, ...] = ()
        self._turn = threading.Lock()
        watch(self._hand_on, lambda: bool(self._followers) or any(one.readings for one in self._listeners))

    def __len__(self) -> int:
        return len(self._listeners)

    def listen(
        self,
        choice: Choice,
        wake: Callable[[], None],
        wake_alarms: Callable[[], None] = lambda: None,
        readings: bool = True,
        within: frozenset[str] | None = None,
    ) -> Listener:
        """From now on, until `leave`; `wake_alarms` is called, from any thread, where alarms changed. Of other assets than those `within` nothing is told."""
        listener = Listener(choice, wake, wake_alarms, readings, within)
        with self._turn:
            self._listeners = (*self._listeners, listener)
        return listener

    def follow(self, wake: Callable[[], None]) -> Follower:
        """All that is recorded from now on, until `leave`."""
        follower = Follower(wake)
        with self._turn:
            self._followers = (*self._followers, follower)
        return follower

    def leave(self, listener: Listener | Follower) -> None:
        """No more."""
        with self._turn:
            self._followers = tuple(one for one in self._followers if one is not listener)
            self._listeners = tuple(one for one in self._listeners if one is not listener)

    def tell_alarms(self, changed: Sequence[Mapping[str, Any]]) -> None:
        """Hand on transitions of alarms, once they are on record."""
        for listener in self._listeners:
            listener.put_alarms(changed)

    def tell_people(self, people: frozenset[str]) -> None:
        """Hand on for whom there are new notifications."""
        for listener in self._listeners:
            listener.put_people(people)

    def wake(self) -> None:
        """Have every listener look up, as when the house closes."""
        for listener in self._listeners:
            listener.wake()

    def _hand_on(self, batch: Written) -> None:
        """Called with every batch, sorted by stream and time."""
        if not (self._listeners or self._followers) or not len(batch):
            return
        for follower in self._followers:
            follower.put(batch, partial(_newest, batch))
        if not self._listeners:
            return
        newest = _newest(batch)
        names = [reading[0] for reading in newest]
        for listener in self._listeners:
            if wanted := listener.wants(names):
                listener.put(newest[n] for n in wanted)


def _newest(batch: Written) -> list[Reading]:
    """Of each stream in a batch the last reading."""
    return _readings(batch, np.flatnonzero(np.append(batch.code[1:] != batch.code[:-1], True)))


def _readings(batch: Written, at: NDArray[np.intp]) -> list[Reading]:
    value = batch.value[at]
    names = [batch.names[code] for code in batch.code[at].tolist()]
    values = [None if v != v else v for v in value.tolist()]  # what is missing is NaN, which equals nothing
    return list(zip(names, batch.time[at].tolist(), values, batch.quality[at].tolist(), strict=True))


def chosen(latest: pa.Table, choice: Choice) -> pa.Table:
    """Of the last readings of all streams those of a choice."""
    if not (choice.streams or choice.assets or choice.types):
        return latest
    mask = None
    for column, wanted in (("stream", choice.streams), ("asset_id", choice.assets), ("stream_type", choice.types)):
        if wanted:
            found = pc.is_in(latest[column], value_set=pa.array(sorted(wanted), pa.string()))
            mask = found if mask is None else pc.or_(mask, found)
    return latest.filter(mask)
