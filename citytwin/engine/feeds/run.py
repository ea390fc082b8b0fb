"""How are feeds kept running? Each has a thread of its own, asks at its interval, and after a failure later and later."""

from __future__ import annotations

import importlib
import json
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from citytwin.engine.feeds.declare import Declared, kind_of, named, read
from citytwin.engine.feeds.source import Delivery, Source
from citytwin.engine.ingest import Intake, prepare
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadBatch, CityTwinError, Fault, SourceFailed, StoreBusy, StoreFailed
from citytwin.kernel.feed import Feed
from citytwin.kernel.observation import Batch, Receipt
from citytwin.kernel.store import Change

log = logging.getLogger("citytwin.feeds")

SOURCES = {
    "folder": "citytwin.engine.feeds.folder:Folder",
    "pull": "citytwin.engine.feeds.pull:Pull",
    "modbus": "citytwin.engine.feeds.modbus:Modbus",
    "opcua": "citytwin.engine.feeds.opcua:Opcua",
}
"""Where each kind of source stands; loaded when the first feed of the kind runs."""
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 300.0
"""After failures a feed is asked at least this often, unless its interval is longer."""
HELD_ROWS = 200_000
"""Readings of one feed that wait for the store; with more, the oldest are given up, and counted."""
SHOWN = 20
LEAVE_S = 5.0
"""How long the end waits for feeds that are just being asked."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong last, and when."""

    time: datetime
    message: str
    hint: str = ""
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """How a feed stands. Counts are since the start; `left_out` are faults of rows of the last delivery."""

    last_run: datetime | None = None
    last_success: datetime | None = None
    last_failure: Failure | None = None
    failures: int = 0
    readings: int = 0
    rejected: int = 0
    lost: int = 0
    held: int = 0
    asking: bool = False
    left_out: tuple[Fault, ...] = ()
    next_run: datetime | None = None


def source(feed: Feed, twin: Twin, home: Path) -> Source:
    """The feed at work. Raises Unsupported where the package that it needs is absent."""
    module, _, name = SOURCES[kind_of(feed)].partition(":")
    made: Source = getattr(importlib.import_module(module), name)(feed, twin, home)
    return made


def backoff(failures: int, every_s: float, chance: Callable[[], float] = random.random) -> float:
    """Seconds to wait after so many failures in a row: doubling, never far longer than the interval, and scattered."""
    longest = max(every_s, LONGEST_RETRY_S)
    return float(min(longest, FIRST_RETRY_S * 2 ** min(failures - 1, 30)) * (0.5 + chance() / 2))


class Runner:
    """The feeds of a served city. Those that are at fault do not run; the others do."""

    def __init__(self, twin: Twin, intake: Intake, home: Path | None = None) -> None:
        self.twin = twin
        self.home = home or twin.store.home or Path()
        self.declared = read(home or twin.store.home, twin)
        self._intake = intake
        self._workers: dict[str, _Worker] = {}
        self._turn = threading.Lock()
        self._started = False
        self._closed = False
        self._take_up()

    def _take_up(self) -> None:
        """Let the workers be those of the declarations: what did not change goes on as it is."""
        sound = () if "" in self.declared.faults else self.declared.feeds
        wanted = {feed.id: feed for feed in sound if feed.id not in self.declared.faults}
        held = {id: worker for id, worker in self._workers.items() if worker.feed == wanted.get(id)}
        _end([worker for id, worker in self._workers.items() if id not in held])
        fresh = {id: _Worker(feed, self.twin, self._intake, self.home) for id, feed in wanted.items() if id not in held}
        self._workers = {**held, **fresh}
        for worker in fresh.values() if self._started else ():
            worker.start()

    def start(self) -> None:
        """Begin to ask."""
        with self._turn:
            self._started = True
            for worker in self._workers.values():
                worker.start()

    def reload(self) -> Declared:
        """Read `feeds.yaml` anew: feeds that are new or changed begin, those that are gone end, the others go on.

        Where the file cannot be read as a whole all go on as before; the faults are told.
        """
        with self._turn:
            found = read(self.home, self.twin)
            if not self._closed and "" not in found.faults:
                self.declared = found
                self._take_up()
            return found

    def close(self) -> None:
        """Ask no more. One that is being asked is waited for a little, and records nothing any more."""
        with self._turn:
            self._closed = True
            _end(list(self._workers.values()))

    def state(self, id: str) -> State:
        """How a feed stands; one at fault stands still. Raises NotFound."""
        feed = named(self.declared, id)
        return self._workers[feed.id].told() if feed.id in self._workers else State()

    def now(self, id: str) -> State:
        """Ask a feed at once. Raises NotFound, SourceFailed where it is at fault."""
        feed = named(self.declared, id)
        if feed.id not in self._workers:
            faults = (*self.declared.faults.get("", ()), *self.declared.faults.get(id, ()))
            raise SourceFailed(f"the feed '{id}' is at fault and does not run", "citytwin feeds check", id, faults)
        self._workers[feed.id].wake()
        return self._workers[feed.id].told()


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.stop()
    end = time.monotonic() + LEAVE_S
    for worker in workers:
        worker.leave(max(0.0, end - time.monotonic()))


class _Worker(threading.Thread):
    """One feed and its thread."""

    def __init__(self, feed: Feed, twin: Twin, intake: Intake, home: Path) -> None:
        super().__init__(name=f"feed-{feed.id}", daemon=True)
        self.feed = feed
        self._twin = twin
        self._intake = intake
        self._home = home
        self._source: Source | None = None
        self._written: dict[str, str] = {}
        self._held: deque[tuple[Batch, Delivery, tuple[Fault, ...]]] = deque()
        self._turn = threading.Condition()
        self._over = False
        self._due = time.monotonic() + random.random() * min(1.0, feed.every_s)  # not all in the same moment
        self._state = State()

    # -- from other threads

    def told(self) -> State:
        """How it stands now."""
        with self._turn:
            wait = max(0.0, self._due - time.monotonic())
            after = None if self._over or not self.is_alive() else self._twin.clock.now() + timedelta(seconds=wait)
            return replace(
                self._state, next_run=after, held=sum(batch.table.num_rows for batch, _, _ in list(self._held))
            )

    def wake(self) -> None:
        """Be due now."""
        with self._turn:
            self._due = time.monotonic()
            self._turn.notify_all()

    def stop(self) -> None:
        """Go no further than the next step."""
        with self._turn:
            self._over = True
            self._turn.notify_all()

    def leave(self, within_s: float) -> None:
        """Wait for the thread, and let go of its source."""
        if self.is_alive():
            self.join(within_s)
        if not self.is_alive() and self._source is not None:
            self._source.close()

    # -- its own thread

    def run(self) -> None:
        """Ask when it is due, until told to stop. Waiting is by a clock that never jumps."""
        while True:
            with self._turn:
                while not self._over and (wait := self._due - time.monotonic()) > 0:
                    self._turn.wait(min(wait, 3600.0))
                if self._over:
                    return
                begun = time.monotonic()
                self._due = begun + self.feed.every_s  # a wake-up while it is asked makes it due again
                asked = self._due
                self._state = replace(self._state, asking=True, last_run=self._twin.clock.now())
            wait_s = self._once()
            with self._turn:
                self._state = replace(self._state, asking=False)
                if self._due == asked and wait_s is not None:
                    self._due = time.monotonic() + wait_s
                self._due = max(self._due, begun)

    def _once(self) -> float | None:
        """Ask once; how long to wait, or None for the interval."""
        try:
            again = self._asked()
        except Exception as e:  # whatever it is, it is told and tried again: a feed does not die
            return None if self._over else self._failed(e)
        with self._turn:
            self._state = replace(self._state, failures=0, last_success=self._twin.clock.now())
        return again

    def _failed(self, error: Exception) -> float:
        told = (
            error
            if isinstance(error, CityTwinError)
            else SourceFailed(f"{type(error).__name__}: {error}", "see the log")
        )
        if not isinstance(error, CityTwinError | OSError):
            log.exception("feed %s failed", self.feed.id)
        with self._turn:
            failures = self._state.failures + 1
            failure = Failure(self._twin.clock.now(), told.message, told.hint, told.faults[:SHOWN])
            self._state = replace(self._state, failures=failures, last_failure=failure)
        if failures == 1:
            log.warning("feed %s: %s", self.feed.id, told)
        return max(backoff(failures, self.feed.every_s), getattr(error, "after_s", 0.0))

    def _asked(self) -> float | None:
        if self._source is None:
            self._source = source(self.feed, self._twin, self._home)
            self._written = _remembered(self._twin, self.feed.id)
            self._source.memory.update(self._written)
        self._source.again_s = None
        try:
            for delivery in self._source.look():
                if self._over:
                    return None
                self._take(delivery)
        finally:
            self._flush()
            self._note()
        return self._source.again_s

    def _take(self, delivery: Delivery) -> None:
        """Record a delivery, or keep it until the store takes it, or let its source know that it never will."""
        try:
            batch, faults = delivery.read()
            if delivery.held:
                self._hold(batch, delivery, tuple(faults))
            else:
                delivery.recorded(self._record(batch, delivery, tuple(faults)))
        except BadBatch as e:
            if delivery.refused is None:
                raise
            delivery.refused(e)
            with self._turn:
                self._state = replace(
                    self._state, left_out=(Fault(delivery.name, "REFUSED", e.message, e.hint), *e.faults[:SHOWN])
                )

    def _record(self, batch: Batch, delivery: Delivery, faults: tuple[Fault, ...]) -> Receipt:
        if self._over:
            raise StoreBusy("the city is being closed", "", "store")
        receipt = self._intake.accept(batch, delivery.unit, delivery.partial, faults)
        with self._turn:
            self._state = replace(
                self._state,
                readings=self._state.readings + (0 if receipt.repeated else receipt.accepted),
                rejected=self._state.rejected + receipt.rejected,
                left_out=receipt.faults[:SHOWN],
            )
        return receipt

    def _hold(self, batch: Batch, delivery: Delivery, faults: tuple[Fault, ...]) -> None:
        with self._turn:
            self._held.append((batch, delivery, faults))
            lost = 0
            while sum(b.table.num_rows for b, _, _ in self._held) > HELD_ROWS and len(self._held) > 1:
                lost += self._held.popleft()[0].table.num_rows
            self._state = replace(self._state, lost=self._state.lost + lost)

    def _flush(self) -> None:
        """Record what is held, the oldest first. Raises StoreFailed or StoreBusy, and keeps it."""
        while self._held:
            batch, delivery, faults = self._held[0]
            try:
                self._record(batch, delivery, faults)
            except (StoreFailed, StoreBusy):
                raise
            except CityTwinError:  # it would be refused for ever
                self._drop()
                raise
            self._drop()

    def _drop(self) -> None:
        with self._turn:
            self._held.popleft()

    def _note(self) -> None:
        """Write down what the source must remember, where it changed: in the store, so that a restored copy remembers what it holds."""
        if self._source is None or dict(self._source.memory) == self._written or self._over:
            return
        held = dict(self._source.memory)
        self._twin.store.commit(
            Change(
                "INSERT INTO meta VALUES ($name, $value) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                {"name": f"feed:{self.feed.id}", "value": json.dumps(held)},
            )
        )
        self._written = held


def _remembered(twin: Twin, id: str) -> dict[str, str]:
    found = twin.store.fetch("SELECT value FROM meta WHERE name = $name", {"name": f"feed:{id}"})["value"].to_pylist()
    try:
        held: Any = json.loads(found[0]) if found else {}
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in held.items()} if isinstance(held, dict) else {}


@dataclass(frozen=True, slots=True)
class Trial:
    """What one look at a source would record: of each delivery its name, the rows, and the faults of rows left out."""

    name: str
    accepted: int
    rejected: int
    rows: tuple[Mapping[str, Any], ...] = ()
    faults: tuple[Fault, ...] = field(default=())
    refused: str = ""


def attempt(twin: Twin, home: Path, declared: Declared, id: str, most: int = 20) -> list[Trial]:
    """Ask a feed once and record nothing: what would be recorded, `most` rows of each delivery. Raises SourceFailed, NotFound."""
    feed = named(declared, id)
    faults = (*declared.faults.get("", ()), *declared.faults.get(id, ()))
    if faults:
        raise SourceFailed(f"the feed '{id}' is at fault", "mend the places named", id, faults)
    at_work = source(feed, twin, home)
    at_work.memory.update(_remembered(twin, id))
    made: list[Trial] = []
    try:
        for delivery in at_work.look():
            try:
                batch, unread = delivery.read()
                prepared = prepare(twin, batch, delivery.unit)
            except BadBatch as e:
                made.append(Trial(delivery.name, 0, 0, (), e.faults[:SHOWN], e.message))
                continue
            wrong = (*unread, *prepared.faults)
            rows = prepared.arrival.rows
            whole = not wrong or delivery.partial
            shown = rows.slice(0, most).to_pylist() if whole else []
            made.append(
                Trial(
                    delivery.name,
                    rows.num_rows if whole else 0,
                    prepared.refused + len(unread),
                    tuple(shown),
                    wrong[:SHOWN],
                    "" if whole else "rows at fault: the whole of it is refused",
                )
            )
    finally:
        at_work.close()
    return made
