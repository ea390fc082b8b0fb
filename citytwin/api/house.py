"""What do the doors open onto? A running city with its verbs, and the limits of this door."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import anyio
import pyarrow as pa

from citytwin.api.flight import Flight
from citytwin.engine import track
from citytwin.engine.feeds.run import Runner
from citytwin.engine.health import Examiner, Health
from citytwin.engine.hub import Hub
from citytwin.engine.ingest import Intake
from citytwin.engine.notify.run import Notifier
from citytwin.engine.observe import Observing
from citytwin.engine.people import People
from citytwin.engine.reach import Network
from citytwin.engine.scope import Scopes
from citytwin.engine.signin import SignIn
from citytwin.engine.simulate import Simulator
from citytwin.engine.twin import PartOfTwin, Twin
from citytwin.kernel.errors import BadRequest, StoreFailed
from citytwin.kernel.plan import Plan, Progress
from citytwin.settings import Rates

if TYPE_CHECKING:
    from citytwin.api.mqtt.door import MqttDoor

MIB = 1024 * 1024
_KEPT = 32
"""Days whose progress is kept at once."""


@dataclass
class House:
    """A running city as the HTTP door sees it. Whoever builds it closes the twin's store, the intake and the simulator."""

    twin: Twin
    intake: Intake
    simulator: Simulator
    demo: bool = False
    people: People | None = None
    """Who may come in; None: nobody is asked who they are."""
    loopback: bool = False
    """Whether it answers to names of the loopback alone, as where nobody is asked who they are."""
    key: str = ""
    """The word by which the command line of this machine is known."""
    signin: SignIn | None = None
    """Signing in through the provider of the city, and who came from there."""
    feeds: Runner | None = None
    """What asks sources for readings, if anything does."""
    notifier: Notifier | None = None
    """What tells people, if anything does."""
    static: Path = Path(__file__).parent / "static"
    largest_batch: int = 256 * MIB
    """Bytes of one body of readings."""
    largest_document: int = 32 * MIB
    """Bytes of any other body."""
    largest_file: int = 50 * MIB
    """Bytes of a document or an attachment."""
    most_bytes: int = 320 * MIB
    """Bytes of all bodies under way; who comes when there is no room is told to come again."""
    kept_bytes: int = 32 * MIB
    """What of it is kept for small bodies."""
    threads: int = 16
    """Requests that are worked on at once; the others wait their turn."""
    callback_networks: tuple[Network, ...] = ()
    """Networks beside the public internet in which subscribers may be called."""
    rates: Rates = field(default_factory=Rates)
    """How often somebody may ask."""
    fresh_s: float = 3.0
    """For how long the standing of the targets is told again without computing it anew."""
    health_s: float = 10.0
    """For how long the health of the streams is told again; longer where looking takes long, so that no more than a tenth of the time goes into it."""
    born: float = field(default_factory=time.monotonic)
    limiter: anyio.CapacityLimiter = field(init=False, repr=False)
    readers: anyio.CapacityLimiter = field(init=False, repr=False)
    """Documents read at once: each in a process of its own, which may need hundreds of megabytes."""
    flight: Flight = field(init=False, repr=False)
    hub: Hub = field(init=False, repr=False)
    at_stop: list[Callable[[], None]] = field(init=False, repr=False, default_factory=list)
    """What else is to end before the store is closed."""
    observing: Observing = field(init=False, repr=False)
    """The way in for observations of SensorThings: one for all its versions, since they give the same ids."""
    within: frozenset[str] | None = field(init=False, repr=False, default=None)
    """The assets of the part that this house is; None: it is the whole."""
    mqtt: MqttDoor | None = field(init=False, repr=False, default=None)
    """The door of MQTT, while it is there."""
    stopping: threading.Event = field(init=False, repr=False, default_factory=threading.Event)
    _standing: dict[date, tuple[float, tuple[Plan, ...], list[Progress]]] = field(
        init=False, repr=False, default_factory=dict
    )
    _standing_turn: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)
    _examiner: Examiner = field(init=False, repr=False)
    _health: tuple[float, Health] | None = field(init=False, repr=False, default=None)
    """The last look at the streams, and until when it holds."""
    _health_turn: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)
    _scopes: Scopes | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        self.limiter = anyio.CapacityLimiter(self.threads)
        self.readers = anyio.CapacityLimiter(2)
        self.flight = Flight(self.most_bytes, self.kept_bytes)
        self.observing = Observing(self.twin, self.intake)
        self.hub = Hub(self.twin.store.watch)
        self.twin.alarm_heard.append(self.hub.tell_alarms)
        self._examiner = Examiner(self.twin)

    @property
    def scopes(self) -> Scopes | None:
        """At which assets whoever comes in may do what; None: nobody is asked who they are, or it is a part already."""
        if self.people is None or self.within is not None:
            return None
        with self._health_turn:
            if self._scopes is None:
                self._scopes = Scopes(self.twin, self.people)
            return self._scopes

    def part(self, assets: frozenset[str]) -> House:
        """The same house for those who may see these assets alone: it can be looked at, and nothing be changed in it."""
        made = copy.copy(self)
        made.twin, made.within = PartOfTwin(self.twin, assets), assets
        made.feeds = made.notifier = made.mqtt = None
        made._standing, made._standing_turn = {}, threading.Lock()
        made._health, made._health_turn = None, threading.Lock()
        made._examiner = Examiner(made.twin)
        return made

    def stop(self) -> None:
        """Let those go who listen, so that the server can end."""
        self.stopping.set()
        self.hub.wake()
        for end in self.at_stop:
            end()

    def fetch(
        self, sql: str, params: Mapping[str, Any] | None = None, tables: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        """The rows of one of our own statements: if the store refuses it, the fault is ours and not the caller's."""
        try:
            return self.twin.store.fetch(sql, params, tables)
        except BadRequest as e:
            raise StoreFailed(e.message, "see the server's log", "store") from e

    def rows(
        self, sql: str, params: Mapping[str, Any] | None = None, tables: Mapping[str, pa.Table] | None = None
    ) -> list[dict[str, Any]]:
        """The same as dicts, for small results."""
        return list(self.fetch(sql, params, tables).to_pylist())

    def now(self) -> datetime:
        """The present moment by the city's clock."""
        return self.twin.clock.now()

    def today(self) -> date:
        """The present day in the city's zone."""
        return self.now().astimezone(ZoneInfo(self.twin.city.zone)).date()

    def progress(self, as_of: date | None) -> list[Progress]:
        """How every target stands; computed at most once in `fresh_s` seconds for each day."""
        day = as_of or self.today()
        with self._standing_turn:
            kept = self._standing.get(day)
            plans = self.twin.plans
            if kept and kept[1] is plans and time.monotonic() - kept[0] < self.fresh_s:
                return kept[2]
            found = track.progress(self.twin, day, plans)
            self._standing.pop(day, None)
            while len(self._standing) >= _KEPT:
                del self._standing[next(iter(self._standing))]
            self._standing[day] = (time.monotonic(), plans, found)
            return found

    def health(self) -> Health:
        """How all streams stand. One looks; those who ask meanwhile are told what was seen last, and only the very first wait."""
        kept = self._health
        if kept and time.monotonic() < kept[0]:
            return kept[1]
        if not self._health_turn.acquire(blocking=kept is None):
            assert kept is not None
            return kept[1]
        try:
            if self._health is kept:
                begin = time.monotonic()
                found = self._examiner.examine(self.now())
                end = time.monotonic()
                self._health = (end + max(self.health_s, 9 * (end - begin)), found)
            assert self._health is not None
            return self._health[1]
        finally:
            self._health_turn.release()

    def health_known(self) -> Health | None:
        """The last look at the streams, if there was one."""
        return self._health[1] if self._health else None
