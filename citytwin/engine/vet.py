"""Does a reading agree with its neighbours, and with what is on record? Asked by the writer, in the order in which readings are recorded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa

from citytwin.engine.raw import MOMENT, before, raw, span
from citytwin.engine.script import EPOCH, TIME, Series, moment
from citytwin.engine.twin import Twin
from citytwin.kernel.observation import Quality
from citytwin.kernel.policy import USUAL
from citytwin.kernel.qc import Checks, Jump
from citytwin.kernel.store import Arrival
from citytwin.kernel.stream import stream_parts
from citytwin.kernel.units import Quantity, quantity
from citytwin.science import neighbours

SOURCE = "qc"
_AHEAD = 2
"""Readings after a late one that are looked at with it."""


@dataclass(frozen=True, slots=True)
class Vetted:
    """An arrival as it may be recorded; the rows refused (their numbers, and why), how many were passed over, and what it reveals of readings on record."""

    arrival: Arrival
    refused: Sequence[tuple[int, str]] = ()
    passed: int = 0
    after: Arrival | None = None


class Vet:
    """Keeps the last readings of every stream that is tested. For one thread."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._strict = {id: p.duplicate for id, p in twin.policies.items() if p.duplicate != USUAL.duplicate}
        self._tested: dict[str, Checks] = {id: s.qc for id, s in twin.streams.items() if s.qc}
        self._can_be = {id: quantity(twin.streams[id].quantity) for id in self._tested}
        self._tails: dict[str, Series] = {}
        self._current: set[str] = set()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to ask, whatever comes."""
        return not (self._strict or self._tested or self._twin.edited)

    def strict(self, streams: Sequence[str]) -> bool:
        """Whether any of these may have its rows refused for what is on record."""
        return bool(self._strict) and any(stream_parts(s or "")[1] in self._strict for s in streams)

    def asks(self, streams: Collection[str]) -> bool:
        """Whether there is anything to ask of these."""
        return bool(self._asked(streams))

    def _asked(self, names: Collection[str]) -> list[int]:
        """Which of these streams ask for anything."""
        kinds, edited = self._strict.keys() | self._tested.keys(), self._twin.edited.keys()
        if not kinds and edited.isdisjoint(names):
            return []
        return [i for i, name in enumerate(names) if name in edited or stream_parts(name)[1] in kinds]

    def begin(self) -> None:
        """All that was vetted is recorded by now, or given up: tails are compared with the store before they are used again."""
        self._current.clear()

    def forget(self) -> None:
        """What was vetted was not recorded."""
        self._tails.clear()
        self._current.clear()

    def looks_back(self, arrival: Arrival) -> bool:
        """Whether any reading is to be compared with what is on record."""
        names, index, time = _columns(arrival.rows)
        for i in self._asked(names):
            first, end = np.searchsorted(index, (i, i + 1))
            if first < end:
                tail = self._tail(names[i])
                if len(tail.time) and time[first] <= tail.time[-1]:
                    return True
        return False

    def __call__(self, arrival: Arrival) -> Vetted:
        """Flag, refuse and pass over, row by row of the streams that ask for it; the others are left as they are."""
        rows = arrival.rows
        names, index, time = _columns(rows)
        asked = self._asked(names)
        if not asked:
            return Vetted(arrival)
        value = rows["value"].to_numpy(zero_copy_only=False).astype(float)
        quality = rows["quality"].to_numpy().astype(np.int8).copy()
        keep = np.ones(len(index), bool)
        passed = 0
        refused: list[tuple[int, str]] = []
        border: list[tuple[str, Series]] = []
        number = rows["row"].to_numpy() if "row" in rows.column_names else np.arange(1, len(index) + 1)
        for i in asked:
            name = names[i]
            at = np.arange(*np.searchsorted(index, (i, i + 1)))  # rows are sorted by stream and time
            if not len(at):
                continue
            kind = stream_parts(name)[1]
            mine = Series(time[at], value[at], quality[at])
            tail = self._tail(name)
            late = mine.time <= tail.time[-1] if len(tail.time) else np.zeros(len(at), bool)
            tests = self._tested.get(kind)
            around = self._around(name, mine.take(late), tests.back if tests else 1) if late.any() else Series()
            if late.any():
                there = _matched(mine, around)
                adopt = there >= 0
                recorded = around.quality[there[adopt]]
                equal = _equal(mine.value[adopt], around.value[there[adopt]])
                was = mine.quality[adopt]
                # a flag that a test set is taken back by an edit, not by the reading coming again
                mine.quality[adopt] = np.where(
                    equal & (was == Quality.GOOD) & (recorded != Quality.MISSING), recorded, was
                )
                repeats = np.zeros(len(at), bool)
                repeats[adopt] = equal & (mine.quality[adopt] == recorded)
                keep[at[repeats]] = False
                other = (there >= 0) & ~repeats
                strict = self._strict.get(kind)
                if strict and other.any():
                    keep[at[other]] = False
                    if strict == "keep_first":
                        passed += int(other.sum())
                    else:
                        refused += [
                            (int(number[at[k]]), _had(around, int(there[k]))) for k in np.flatnonzero(other).tolist()
                        ]
            if tests:
                left = keep[at]
                mine.quality[left], behind = _tested(tests, self._can_be[kind], mine.take(left), around.merged(tail))
                if behind is not None:
                    border.append((name, behind))
            quality[at] = mine.quality
            fresh = mine.take(keep[at] & ~late)
            if len(fresh.time):
                back = tests.back if tests else 1
                self._tails[name] = tail.and_then(fresh).take(slice(-back - 1, None))
        chosen = rows.drop_columns(["row"]) if "row" in rows.column_names else rows
        chosen = chosen.set_column(chosen.column_names.index("quality"), "quality", pa.array(quality))
        if not keep.all():
            chosen = chosen.filter(pa.array(keep))
        made = Arrival(chosen, arrival.key, arrival.source, arrival.senders)
        return Vetted(made, refused, passed, _flagged(border) if border else None)

    def _tail(self, name: str) -> Series:
        """The last readings of a stream, as they came."""
        if name in self._current:
            return self._tails[name]
        self._current.add(name)
        newest = self._twin.store.newest(name)
        there = newest is not None and newest[1] > np.iinfo(np.int64).min
        held = self._tails.get(name)
        if held is not None and len(held.time) and newest is not None and int(held.time[-1]) == newest[1]:
            return held
        tests = self._tested.get(stream_parts(name)[1])
        found = Series()
        if there:
            found = Series.of(
                before(self._twin.store, name, EPOCH + timedelta(days=365 * 900), (tests.back if tests else 1) + 1)
            )
        self._tails[name] = found
        return found

    def _around(self, name: str, late: Series, back: int) -> Series:
        """What is on record from some readings before the late ones to some after them."""
        first, last = moment(int(late.time[0])), moment(int(late.time[-1]))
        store = self._twin.store
        parts = [
            before(store, name, first, back),
            raw(store, span(name, first, last + MOMENT)),
            before(store, name, last + MOMENT, _AHEAD, after=True),
        ]
        made = Series()
        for part in parts:
            made = made.and_then(Series.of(part))
        return made


def _columns(rows: pa.Table) -> tuple[list[str], np.ndarray, np.ndarray]:
    stream = rows["stream"].combine_chunks()
    if isinstance(stream, pa.ChunkedArray):
        stream = pa.concat_arrays(stream.chunks) if stream.num_chunks else pa.array([], pa.string()).dictionary_encode()
    if not pa.types.is_dictionary(stream.type):
        stream = stream.dictionary_encode()
    time = rows["time"].cast(TIME).cast(pa.int64()).to_numpy()
    return stream.dictionary.to_pylist(), stream.indices.to_numpy(), time


def _matched(mine: Series, around: Series) -> np.ndarray:
    """Of each reading the place of the one on record at its time; -1: there is none."""
    if not len(around.time):
        return np.full(len(mine.time), -1)
    at = np.minimum(np.searchsorted(around.time, mine.time), len(around.time) - 1)
    return np.where(around.time[at] == mine.time, at, -1)


def _equal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))


def _had(around: Series, at: int) -> str:
    return f"the stream has {around.value[at]:g} for {moment(int(around.time[at])).isoformat()} already"


def _tested(tests: Checks, can_be: Quantity, mine: Series, around: Series) -> tuple[np.ndarray, Series | None]:
    """The flags of new readings beside what is on record, and, if the last one on record is a spike now, that one."""
    known = ~np.isin(around.time, mine.time)
    both = around.take(known).and_then(mine)
    own = np.append(np.zeros(int(known.sum()), bool), np.ones(len(mine.time), bool))
    order = np.argsort(both.time, kind="stable")
    both, own = both.take(order), own[order]
    with np.errstate(invalid="ignore"):  # what cannot be is bad by itself, and no measure for its neighbours
        value = np.where((both.value < can_be.low) | (both.value > can_be.high), np.nan, both.value)
    one = np.zeros(len(own), np.int8)
    flags = flagged(tests, one, both.time, value)
    flags = np.where(both.quality <= Quality.NOT_EVALUATED, np.maximum(flags, both.quality), both.quality).astype(
        np.int8
    )
    behind = None
    last = np.flatnonzero(~own)
    if tests.spike and len(last) and last[-1] + 1 < len(own) and both.quality[last[-1]] <= Quality.NOT_EVALUATED:
        # the last one on record has a neighbour on either side now
        k = int(last[-1])
        spiked = flagged(Checks(spike=tests.spike), one, both.time, value)[k]
        if spiked > Quality.GOOD:
            behind = Series(both.time[k : k + 1], both.value[k : k + 1], np.array([spiked], np.int8))
    return flags[own], behind


def flagged(tests: Checks, series: np.ndarray, time: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The flags that tests give to readings ordered by series and time: good, suspect or bad."""
    found = np.full(len(time), Quality.GOOD, np.int8)

    def mark(fails: np.ndarray, flag: Quality) -> None:
        found[fails] = np.maximum(found[fails], flag)

    measured: list[tuple[Jump, np.ndarray]] = []
    if tests.spike:
        measured.append((tests.spike, neighbours.spike(series, value)))
    if tests.rate:
        measured.append((tests.rate, neighbours.rate(series, time, value)))
    with np.errstate(invalid="ignore"):
        for test, by in measured:
            for limit, flag in ((test.suspect, Quality.SUSPECT), (test.bad, Quality.BAD)):
                if limit is not None:
                    mark(by > limit, flag)
    if tests.flat:
        for count, flag in ((tests.flat.suspect, Quality.SUSPECT), (tests.flat.bad, Quality.BAD)):
            if count is not None:
                mark(neighbours.flat(series, value, tests.flat.within, count), flag)
    return found


def _flagged(border: Sequence[tuple[str, Series]]) -> Arrival:
    """Readings on record that are spikes, as the newer ones show."""
    rows = pa.table(
        {
            "stream": pa.array([name for name, _ in border], pa.string()),
            "time": pa.array([int(s.time[0]) for _, s in border], pa.int64()).cast(TIME),
            "value": pa.array([float(s.value[0]) for _, s in border], pa.float64()),
            "quality": pa.array([int(s.quality[0]) for _, s in border], pa.int8()),
        }
    )
    return Arrival(rows, source=SOURCE)


def limits(twin: Twin, kinds: Mapping[int, str], count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each of `count` streams, of which some (`kinds`: position, stream type) have a policy of their own: microseconds that a reading may lie
    ahead; microseconds of age from which on it is late; and whether late ones are flagged, or refused."""
    ahead = np.full(count, (USUAL.future_s or 0) * 1_000_000, np.int64)
    age = np.full(count, np.iinfo(np.int64).max, np.int64)
    flag, refuse = np.zeros(count, bool), np.zeros(count, bool)
    for i, kind in kinds.items():
        policy = twin.policies[kind]
        ahead[i] = (policy.future_s or 0) * 1_000_000
        if policy.late_s is not None:
            age[i] = policy.late_s * 1_000_000
        flag[i], refuse[i] = policy.late == "flag", policy.late == "refuse"
    return ahead, age, flag, refuse
