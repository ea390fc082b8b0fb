"""How does it go out? One thread looks for what is to be told, one for each channel sends it; neither is ever waited for by what comes in."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from citytwin.engine.feeds.run import Runner
from citytwin.engine.notify import outbox
from citytwin.engine.notify.compose import Item, Words, compose, say
from citytwin.engine.notify.declare import EVERYTHING, Declared, read
from citytwin.engine.notify.gather import Gatherer
from citytwin.engine.notify.outbox import Lot
from citytwin.engine.notify.send import Outlet, Undelivered
from citytwin.engine.reach import Network
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import NotFound, SourceFailed, StoreBusy, StoreFailed
from citytwin.kernel.message import EVERYBODY, Language, Person, SmtpChannel
from citytwin.kernel.title import Title

log = logging.getLogger("citytwin.notify")
LOOK_S = 2.0
"""Cases are looked at so often; alarms wake the thread at once."""
PAUSE_S = 0.2
AROUND_S = 60.0
FORGET_S = 3600.0
FAILING = 3
"""After so many failures in a row it is told that a channel fails."""
REST_S = 60.0
LEAVE_S = 5.0


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel stands: failures in a row, since when and why, when it is tried next, and when it last took something."""

    failures: int = 0
    since: datetime | None = None
    error: str = ""
    until: datetime | None = None
    rest_s: float = 0.0
    """How long before that it failed: where clocks are set back, it is not left alone for longer."""
    sent: datetime | None = None


@dataclass
class Sender:
    """Sends what is due at one channel. `once` is what its thread does, again and again."""

    outlet: Outlet
    twin: Twin
    declared: Callable[[], Declared]
    address: Callable[[], str]
    state: ChannelState = field(default_factory=ChannelState)
    times: deque[float] = field(default_factory=lambda: deque(maxlen=6000))
    """When the last messages went out: the rates of platforms are kept by a clock that nobody sets."""
    monotonic: Callable[[], float] = time.monotonic

    def begin(self) -> None:
        """Take up what an earlier process left on its way."""
        channel = self.outlet.channel
        n = outbox.interrupted(self.twin.store, channel.id, channel.in_doubt == "leave")
        if n:
            log.warning("channel %s: of %d messages it is not known whether they arrived: %s", channel.id, n, "they are left" if channel.in_doubt == "leave" else "sent again under the same ids")  # fmt: skip

    def once(self, stop: Callable[[], bool] = lambda: False) -> datetime | None:
        """Send what is due. Returns when to look again (None: when something new is there)."""
        store, channel = self.twin.store, self.outlet.channel
        now = self.twin.clock.now()
        if self.state.until is not None and 0 < (self.state.until - now).total_seconds() <= self.state.rest_s:
            return self.state.until
        outbox.arrange(store, channel.id, self.outlet.room, now)
        for lot in outbox.lots(store, channel.id, self.outlet.room, now):
            if stop():
                return None
            if (wait := self.early()) > 0:
                return now + timedelta(seconds=wait)
            if not self._send(lot):
                return self.state.until
        return outbox.next_at(store, channel.id)

    def _send(self, lot: Lot) -> bool:
        """Send one. False where the channel is to be left alone for a while."""
        store, channel = self.twin.store, self.outlet.channel
        longest = timedelta(days=channel.give_up_days)
        people = self._people(lot)
        words = compose(lot, self._language(people), self.twin.city.zone, self.address(), self.twin.city.title)
        outbox.intend(store, lot)
        self.times.append(self.monotonic())
        try:
            self.outlet.send(words, lot, people, self.twin.clock.now())
        except Undelivered as e:
            now = self.twin.clock.now()
            if e.final:
                outbox.refused(store, lot, e.message)
                log.warning("channel %s refused a message: %s", channel.id, e)
                return True
            if e.alone:
                outbox.put_back(store, lot, e.message, now, outbox.retry_at(now, lot.tries + 1, e.after_s), longest)
                return True
            failures = self.state.failures + 1
            until = outbox.retry_at(now, failures, e.after_s)
            self.state = replace(self.state, failures=failures, since=self.state.since or now, error=e.message, until=until, rest_s=(until - now).total_seconds())  # fmt: skip
            if e.doubt:
                outbox.doubt(store, lot, e.message, now, until, longest, channel.in_doubt == "again")
            else:
                outbox.put_back(store, lot, e.message, now, until, longest)
            log.log(logging.WARNING if failures == 1 else logging.INFO, "channel %s: %s; again at %s", channel.id, e, until)  # fmt: skip
            return False
        now = self.twin.clock.now()
        self.state = ChannelState(sent=now)
        outbox.arrived(store, lot, now)
        return True

    def early(self) -> float:
        """Seconds until the platform allows one more message."""
        now, wait = self.monotonic(), 0.0
        for most, within_s in self.outlet.rates:
            if len(self.times) >= most:
                wait = max(wait, self.times[-most] + within_s - now)
        return wait

    def _people(self, lot: Lot) -> list[Person]:
        names = dict.fromkeys([lot.person] if lot.person else [p for e in lot.events for p in e.people])
        known = {p.name: p for p in self.declared().file.people}
        return [known.get(n) or Person("", n) for n in names if n != EVERYBODY]

    def _language(self, people: Sequence[Person]) -> Language:
        channel = self.outlet.channel
        if isinstance(channel, SmtpChannel):
            return people[0].language if people else "zh"
        return channel.language


class _Worker(threading.Thread):
    """A sender and its thread."""

    def __init__(self, sender: Sender) -> None:
        super().__init__(name=f"notify-{sender.outlet.channel.id}", daemon=True)
        self.sender = sender
        self._turn = threading.Condition()
        self._due = True
        self._over = False

    def wake(self) -> None:
        with self._turn:
            self._due = True
            self._turn.notify_all()

    def stop(self) -> None:
        with self._turn:
            self._over = True
            self._turn.notify_all()

    def run(self) -> None:
        begun = False
        while True:
            with self._turn:
                if self._over:
                    return
                self._due = False
            rest = REST_S
            try:
                if not begun:
                    self.sender.begin()
                    begun = True
                at = self.sender.once(lambda: self._over)
                if at is not None:
                    rest = min(REST_S, max(0.05, (at - self.sender.twin.clock.now()).total_seconds()))
            except Exception:  # the store may be away for a while: what is not sent is still on record
                log.exception("channel %s", self.sender.outlet.channel.id)
                rest = LOOK_S
            with self._turn:
                if not self._due and not self._over:
                    self._turn.wait(rest)


class Notifier:
    """Who is told what, in a served city. What is told is on record before it is sent, so that neither a restart nor an outage loses any of it."""

    def __init__(self, twin: Twin, home: Path | None = None, feeds: Runner | None = None, networks: Sequence[Network] = (), told: Callable[[frozenset[str]], None] = lambda _: None) -> None:  # fmt: skip
        self.twin = twin
        self.home = home or twin.store.home or Path()
        self.declared = read(home or twin.store.home, twin)
        self.url = ""
        """Where the city is served, for links; the file's `address` goes before it."""
        self._networks = tuple(networks)
        self._told = told
        self._workers: dict[str, _Worker] = {}
        self._turn = threading.Condition()
        self._change = threading.Lock()
        """Held while channels begin and end, which may take seconds; nobody who says that there is news waits for it."""
        self._due = False
        self._over = threading.Event()
        self._started = False
        self._thread: threading.Thread | None = None
        self.gatherer = Gatherer(twin, lambda: self.declared, feeds, self._failing)
        self._take_up()
        twin.alarm_heard.append(lambda _: self.wake())

    # -- what is declared

    def _take_up(self) -> None:
        """Let the workers be those of the channels declared; what did not change goes on as it is."""
        wanted = {id: Outlet(kind, channel, self.home, self._networks) for id, (kind, channel) in self.declared.file.channels().items() if id not in self.declared.idle}  # fmt: skip
        held = {id: w for id, w in self._workers.items() if w.sender.outlet == wanted.get(id)}
        _end([w for id, w in self._workers.items() if id not in held])
        fresh = {id: _Worker(Sender(outlet, self.twin, lambda: self.declared, self.address)) for id, outlet in wanted.items() if id not in held}  # fmt: skip
        self._workers = {**held, **fresh}
        with contextlib.suppress(StoreFailed):  # on a full disk, the next look does it
            self._sweep()
        for worker in fresh.values() if self._started else ():
            worker.start()

    def _sweep(self) -> None:
        if not self.declared.faults:
            outbox.orphaned(self.twin.store, list(self.declared.file.channels()))

    def reload(self) -> Declared:
        """Read `notify.yaml` anew. Where it cannot be read as a whole, what held goes on to hold; the faults are told."""
        with self._change:
            found = read(self.home, self.twin)
            if not self._over.is_set() and not (found.faults and found.file is EVERYTHING):
                self.declared = found
                self._take_up()
            return found

    def address(self) -> str:
        """What links begin with."""
        return (self.declared.file.address or self.url).rstrip("/")

    # -- its thread

    def start(self, url: str = "") -> None:
        """Begin to look and to send."""
        with self._change:
            self.url, self._started = url, True
            for worker in self._workers.values():
                worker.start()
            self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look now."""
        with self._turn:
            self._due = True
            self._turn.notify_all()

    def close(self) -> None:
        """Stop. What is just being sent is waited for a little; what it becomes is decided at the next start."""
        self._over.set()
        with self._change:
            workers = list(self._workers.values())
        self.wake()
        if self._thread:
            self._thread.join(LEAVE_S)
        _end(workers)

    def _run(self) -> None:
        around = forget = time.monotonic()
        while not self._over.wait(PAUSE_S):  # however fast alarms come
            with self._turn:
                if not self._due and not self._over.is_set():
                    self._turn.wait(LOOK_S)
                if self._over.is_set():
                    return
                self._due = False
            try:
                whole = time.monotonic() >= around
                self.look(whole)
                if whole:
                    around = time.monotonic() + AROUND_S
                if time.monotonic() >= forget:
                    forget = time.monotonic() + FORGET_S
                    outbox.forget(self.twin.store, self.twin.clock.now() - timedelta(days=self.declared.file.keep_days))
            except Exception:  # where it ended is on record: the next look takes it up from there
                log.exception("what is to be told was not looked for")

    def look(self, whole: bool = True) -> None:
        """Take up what happened; where `whole`, deadlines and how things stand as well."""
        now = self.twin.clock.now()
        told = self.gatherer.look(now)
        if whole:
            self._sweep()
            told |= self.gatherer.look_around(now)
        for worker in self._workers.values():
            worker.wake()
        if told:
            self._told(told)

    # -- what people ask

    def states(self) -> dict[str, ChannelState]:
        """How every channel that works stands."""
        return {id: w.sender.state for id, w in self._workers.items()}

    def _failing(self) -> Mapping[str, tuple[Title, datetime | None, str]]:
        found: dict[str, tuple[Title, datetime | None, str]] = {}
        for id, worker in self._workers.items():
            stands = worker.sender.state
            if stands.failures >= FAILING or (stands.sent and not stands.failures):
                found[id] = (worker.sender.outlet.channel.title, stands.since, stands.error)
        return found

    def again(self, id: str) -> None:
        """Send what failed once more. Raises NotFound."""
        outbox.again(self.twin.store, id, self.twin.clock.now())
        for worker in self._workers.values():
            worker.wake()

    def hurry(self, channel: str) -> None:
        """Try a channel now, whatever it waits for. Raises NotFound."""
        worker = self._worker(channel)
        outbox.hurry(self.twin.store, channel)
        worker.sender.state = replace(worker.sender.state, until=None)
        worker.wake()

    def try_out(self, channel: str, name: str) -> None:
        """Send a test message to one person by a channel, and say what became of it. Raises NotFound, SourceFailed, StoreBusy."""
        sender = self._worker(channel).sender
        person = next((p for p in self.declared.file.people if name in (p.name, p.id)), Person("", name))
        if isinstance(sender.outlet.channel, SmtpChannel) and not person.email:
            raise NotFound(f"'{name[:60]}' has no mail address", "test with somebody who has one in notify.yaml", "person")  # fmt: skip
        if sender.early() > 0:
            raise StoreBusy("the channel takes no more messages just now", "try again in a minute", channel)
        sender.times.append(sender.monotonic())
        now = self.twin.clock.now()
        lot = Lot(f"test{int(now.timestamp() * 1000):x}", channel, "", now, (), 0, {"low": 1}, False)
        language = person.language if isinstance(sender.outlet.channel, SmtpChannel) else sender.outlet.channel.language
        city: Any = getattr(self.twin.city.title, language)
        item = Item("channel_back", "low", f"{say('test', language)} · {city}", ((say("note", language), say("test_text", language)),), self.address(), "")  # fmt: skip
        words = Words(f"{city} · {say('test', language)}", (), (item,), 1, "low", lot.id, self.address(), language)
        try:
            sender.outlet.send(words, lot, [person], now)
        except Undelivered as e:
            raise SourceFailed(e.message, "see its declaration in notify.yaml", channel) from e

    def _worker(self, channel: str) -> _Worker:
        if channel not in self._workers:
            why = self.declared.idle.get(channel)
            if why:
                raise SourceFailed(f"the channel '{channel}' is at fault: {why}", "mend notify.yaml, then reload it", channel)  # fmt: skip
            raise NotFound(f"there is no channel '{channel[:100]}'", "see /api/notify", channel[:100])
        return self._workers[channel]


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.stop()
    end = time.monotonic() + LEAVE_S
    for worker in workers:
        if worker.is_alive():
            worker.join(max(0.0, end - time.monotonic()))
