"""Who is to be told, wherever they are? Subscriptions (W3C WebSub) that outlive the process: what is new of a topic is posted to those who asked for it.

The store is the queue. Every subscription remembers how far it has been told; what it missed while its server was away is still on record. So nothing piles up in
memory, and ingest waits for nobody: it only says that there is news.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa

from citytwin.engine import reach
from citytwin.engine.hub import Choice, Hub, Listener
from citytwin.kernel.clock import Clock
from citytwin.kernel.errors import BadRequest, CityTwinError, StoreBusy
from citytwin.kernel.store import Change, Store

log = logging.getLogger("citytwin.relay")

MOST = 1000
"""Subscriptions at once."""
PENDING = 100
"""Requests at once whose sender has not said yet that it was meant."""
LEAST_S, LEASE_S, LONGEST_S = 60, 10 * 86400, 30 * 86400
"""How long a subscription lasts: at least, where nothing is said, and at most."""
ROWS = 10_000
"""Readings of one delivery."""
WORKERS = 8
PAUSE_S = 1.0
"""No subscriber is told more often."""
BACK_OFF_S, PATIENCE_S = 5.0, 3600.0
"""After a failure the first wait, which doubles with each, and the longest."""
DEAD_S = 86400.0
"""Whoever has failed for so long is dropped."""
SAVE_S = 30.0
"""How often it is written down how far everybody has been told."""
WITHIN_S = 10.0
"""How long a subscriber's server may take."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Topic:
    """What can be subscribed to: an address, whose news it is (`where` is SQL over `observation_all AS o`), and how news is written.

    Of a topic with `newest` only the last reading of each stream is told, with how many were `missed`; of others every reading. `render` gives None
    where nothing of the rows is to be told.
    """

    url: str
    choice: Choice
    where: str
    params: Mapping[str, Any]
    render: Callable[[pa.Table], tuple[bytes, str] | None]
    newest: bool = False
    rows: int = ROWS
    entities: bool = False
    """Whether it is of entities that clients register: its rows are what the log says of them (`leaf`, `subject`), and `where` is SQL over `leaf AS o`."""


Place = tuple[int, str, datetime]
"""How far somebody has been told: batch, stream and time of the last reading; of entities the number of the leaf, and no more."""


@dataclass(eq=False)
class Subscription:
    """Somebody's wish to be told of a topic, until `expires`."""

    callback: str
    topic: Topic
    hub: str
    secret: str
    expires: datetime
    place: Place
    listener: Listener | None = None
    news: bool = True
    busy: bool = False
    due: float = 0.0
    failures: int = 0
    failing: float = 0.0
    gone: bool = False
    saved: Place | None = None

    @property
    def key(self) -> tuple[str, str]:
        """There is one subscription of a callback to a topic."""
        return self.callback, self.topic.url


@dataclass(frozen=True, slots=True)
class Wish:
    """A request to subscribe or unsubscribe; `hub` is the address it came to."""

    mode: str
    callback: str
    topic: Topic
    hub: str
    secret: str = ""
    lease_s: int = LEASE_S


@dataclass(eq=False)
class Relay:
    """Verifies wishes, delivers news and keeps subscriptions. Its threads begin with the first subscription and end with `close`."""

    store: Store
    hub: Hub
    clock: Clock
    networks: Sequence[reach.Network] = ()
    _subscriptions: dict[tuple[str, str], Subscription] = field(default_factory=dict)
    _turn: threading.Condition = field(default_factory=threading.Condition)
    _pending: int = 0
    _closed: bool = False
    _pool: ThreadPoolExecutor | None = None
    _thread: threading.Thread | None = None
    _save_due: float = 0.0

    def __len__(self) -> int:
        return len(self._subscriptions)

    def resume(self, topics: Callable[[str], Topic]) -> None:
        """Take up the subscriptions that an earlier process left; those whose topic is known no longer are dropped."""
        rows = self.store.fetch("SELECT * FROM websub_row ORDER BY callback, topic").to_pylist()
        for row in rows:
            try:
                topic = topics(row["topic"])
            except CityTwinError as e:
                log.warning("the subscription of %s to %s is dropped: %s", row["callback"], row["topic"], e)
                self._forget(row["callback"], row["topic"])
                continue
            place = (row["batch"], row["stream"], row["time"])
            self._begin(
                Subscription(row["callback"], topic, row["hub"], row["secret"], row["expires"], place, saved=place)
            )

    def ask(self, wish: Wish) -> None:
        """Take a wish; it is carried out once its sender has said that it was meant. Raises BadRequest and StoreBusy."""
        reach.parsed(wish.callback)
        if wish.mode not in ("subscribe", "unsubscribe"):
            raise BadRequest(f"hub.mode={wish.mode[:40]}", "subscribe or unsubscribe", "hub.mode")
        with self._turn:
            known = (wish.callback, wish.topic.url) in self._subscriptions
            if (
                self._closed
                or self._pending >= PENDING
                or (len(self) >= MOST and not known and wish.mode == "subscribe")
            ):
                raise StoreBusy("too many subscriptions", "come back later", "hub")
            self._pending += 1
            self._started().submit(self._verify, wish)

    def close(self) -> None:
        """Stop after the deliveries under way, and write down how far everybody has been told."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            self._turn.notify_all()
        if self._thread:
            self._thread.join()
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        for one in self._subscriptions.values():
            if one.listener:
                self.hub.leave(one.listener)
        self._save()

    def changed(self) -> None:
        """There is news of entities."""
        with self._turn:
            for one in self._subscriptions.values():
                one.news |= one.topic.entities
            self._turn.notify()

    # -- wishes

    def _verify(self, wish: Wish) -> None:
        """Ask the callback whether it was meant; carry it out if so."""
        try:
            lease = min(max(wish.lease_s, LEAST_S), LONGEST_S)
            challenge = secrets.token_urlsafe(32)
            asks = {"hub.mode": wish.mode, "hub.topic": wish.topic.url, "hub.challenge": challenge}
            if wish.mode == "subscribe":
                asks["hub.lease_seconds"] = str(lease)
            url = wish.callback + ("&" if "?" in wish.callback else "?") + urlencode(asks)
            answer = reach.request("GET", url, {"Accept": "*/*"}, networks=self.networks, within=WITHIN_S)
            if not 200 <= answer.status < 300 or answer.body.strip() != challenge.encode():
                log.info("%s did not confirm to %s (status %d)", wish.callback, wish.mode, answer.status)
                return
            if wish.mode == "unsubscribe":
                self._drop((wish.callback, wish.topic.url), "as asked")
                return
            self._subscribe(wish, self.clock.now() + timedelta(seconds=lease))
        except CityTwinError as e:
            log.info("%s of %s: %s", wish.mode, wish.callback, e)
        except Exception:
            log.exception("%s of %s failed", wish.mode, wish.callback)
        finally:
            with self._turn:
                self._pending -= 1

    def _subscribe(self, wish: Wish, expires: datetime) -> None:
        known = self._subscriptions.get((wish.callback, wish.topic.url))
        place = known.place if known else (self._last(wish.topic) + 1, "", _EPOCH)
        made = Subscription(wish.callback, wish.topic, wish.hub, wish.secret, expires, place, saved=place)
        self.store.commit(
            Change(
                "INSERT OR REPLACE INTO websub_row VALUES ($callback, $topic, $hub, $secret, $expires, $batch, $stream, $time)",
                {
                    "callback": made.callback, "topic": made.topic.url, "hub": made.hub, "secret": made.secret, "expires": expires,
                    "batch": place[0], "stream": place[1], "time": place[2],
                },
            ),
        )  # fmt: skip
        if known:
            self._end(known)
        self._begin(made)

    def _begin(self, one: Subscription) -> None:
        def wake() -> None:
            with self._turn:
                one.news = True
                self._turn.notify()

        if not one.topic.entities:
            one.listener = self.hub.listen(one.topic.choice, wake)
        with self._turn:
            self._subscriptions[one.key] = one
            self._started()
            self._turn.notify()

    def _started(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(WORKERS, "relay")
            self._save_due = time.monotonic() + SAVE_S
            self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
            self._thread.start()
        return self._pool

    def _end(self, one: Subscription) -> None:
        one.gone = True
        if one.listener:
            self.hub.leave(one.listener)

    def _drop(self, key: tuple[str, str], why: str) -> None:
        if one := self._subscriptions.get(key):
            self._lose(one, why)

    def _lose(self, one: Subscription, why: str) -> None:
        key = one.key
        if self._subscriptions.get(key) is not one:
            return  # it was renewed meanwhile
        self._forget(*key)
        self._end(one)
        with self._turn:
            self._subscriptions.pop(key, None)
        log.info("the subscription of %s to %s ends: %s", *key, why)

    def _forget(self, callback: str, topic: str) -> None:
        self.store.commit(
            Change("DELETE FROM websub_row WHERE callback = $c AND topic = $t", {"c": callback, "t": topic})
        )

    # -- deliveries

    def _run(self) -> None:
        while True:
            with self._turn:
                if self._closed:
                    return
                now = time.monotonic()
                waiting = [s for s in self._subscriptions.values() if s.news and not s.busy]
                ready = [s for s in waiting if s.due <= now]
                for one in ready:
                    one.busy = True
                    self._started().submit(self._tell, one)
                if not ready:
                    until = min([s.due for s in waiting if s.due > now], default=now + SAVE_S)
                    self._turn.wait(max(0.0, min(until, self._save_due) - now))
            if time.monotonic() >= self._save_due:
                self._save_due = time.monotonic() + SAVE_S
                try:
                    self._sweep()
                    self._save()
                except Exception:  # the store may be away for a while; the next time it is tried again
                    log.exception("subscriptions were not looked through")

    def _sweep(self) -> None:
        """Drop those whose time is up."""
        now = self.clock.now()
        for one in list(self._subscriptions.values()):
            if one.expires <= now:
                self._lose(one, "its time is up")

    def _tell(self, one: Subscription) -> None:
        try:
            if one.gone or self._closed:
                return
            if one.expires <= self.clock.now():
                self._lose(one, "its time is up")
                return
            one.news = False
            if one.listener:
                one.listener.take()  # it may wake us again
            rows, place = self._news(one)
            written = one.topic.render(rows) if rows.num_rows else None
            if written:
                self._post(one, *written, place)
            else:
                one.place = place
        except Exception:
            log.exception("telling %s failed", one.callback)
            self._failed(one, "a fault of ours")
        finally:
            with self._turn:
                one.busy = False
                self._turn.notify()

    def _news(self, one: Subscription) -> tuple[pa.Table, Place]:
        """What is new, and how far it leads."""
        topic, (batch, stream, at) = one.topic, one.place
        last = self._last(topic)
        params = {**topic.params, "batch": batch, "last": last}
        if topic.entities:
            rows = self.store.fetch(
                f"""SELECT o.leaf, o.subject FROM leaf AS o WHERE o.leaf >= $batch AND o.leaf <= $last AND o.kind = 'register' AND ({topic.where})
                    ORDER BY o.leaf LIMIT {topic.rows:d}""",
                params,
            )
            one.news |= rows.num_rows == topic.rows
            return rows, ((rows["leaf"][-1].as_py() if rows.num_rows == topic.rows else last) + 1, "", _EPOCH)
        where = f"o.batch >= $batch AND o.batch <= $last AND NOT o.superseded AND ({topic.where})"
        if topic.newest:
            rows = self.store.fetch(
                f"""SELECT o.stream, max(o.time) AS time, arg_max_null(o.value, o.time) AS value, arg_max(o.quality, o.time) AS quality, count(*) - 1 AS missed
                    FROM observation_all AS o WHERE {where} GROUP BY o.stream ORDER BY o.stream""",
                params,
            )
            return rows, (last + 1, "", _EPOCH)
        params |= {"stream": stream, "time": at}
        rows = self.store.fetch(
            f"""SELECT o.batch, o.stream, o.time, o.value, o.quality, s.unit FROM observation_all AS o JOIN stream AS s ON s.stream = o.stream
                WHERE {where} AND (o.batch, o.stream, o.time) > ($batch, $stream, $time) ORDER BY o.batch, o.stream, o.time LIMIT {topic.rows + 1:d}""",
            params,
        )
        if rows.num_rows > topic.rows:
            rows = rows.slice(0, topic.rows)
            one.news = True
            place = tuple(rows[c][-1].as_py() for c in ("batch", "stream", "time"))
            return rows, place
        return rows, (last + 1, "", _EPOCH)

    def _post(self, one: Subscription, body: bytes, media: str, place: Place) -> None:
        headers = {"Content-Type": media, "Link": f'<{one.hub}>; rel="hub", <{one.topic.url}>; rel="self"'}
        if one.secret:
            signed = hmac.new(one.secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Hub-Signature"] = f"sha256={signed}"
        try:
            answer = reach.request("POST", one.callback, headers, body, self.networks, WITHIN_S)
        except CityTwinError as e:
            self._failed(one, str(e))
            return
        if answer.status == 410:
            self._lose(one, "its server says that it is gone")
        elif 200 <= answer.status < 300:
            one.place, one.failures, one.failing = place, 0, 0.0
            # all at the same moments, so that the journal is merged once for many
            one.due = math.ceil(time.monotonic() / PAUSE_S + 1) * PAUSE_S
        else:
            self._failed(one, f"status {answer.status}")

    def _failed(self, one: Subscription, why: str) -> None:
        """Try again later, or no more."""
        now = time.monotonic()
        one.failing = one.failing or now
        if now - one.failing >= DEAD_S:
            self._lose(one, f"its server has failed for too long: {why}")
            return
        wait = min(BACK_OFF_S * 2 ** min(one.failures, 20), PATIENCE_S)
        one.failures += 1
        one.due, one.news = now + wait * random.uniform(0.8, 1.2), True  # not all at the same moment
        log.info("%s was not told: %s; again in %.0f s", one.callback, why, wait)

    def _last(self, topic: Topic) -> int:
        """The newest batch, or leaf."""
        sql = "SELECT coalesce(max(batch), 0) AS n FROM batch"
        if topic.entities:
            sql = "SELECT coalesce(max(leaf), -1) AS n FROM leaf"
        return int(self.store.fetch(sql)["n"][0].as_py())

    def _save(self) -> None:
        """Write down how far everybody has been told. Told twice after a crash is better than not at all."""
        moved = [s for s in list(self._subscriptions.values()) if s.place != s.saved]
        if not moved:
            return
        places = [s.place for s in moved]
        table = pa.table(
            {
                "callback": pa.array([s.callback for s in moved], pa.string()),
                "topic": pa.array([s.topic.url for s in moved], pa.string()),
                "batch": pa.array([p[0] for p in places], pa.int64()),
                "stream": pa.array([p[1] for p in places], pa.string()),
                "time": pa.array([p[2] for p in places], pa.timestamp("us", tz="UTC")),
            }
        )
        try:
            self.store.commit(
                Change(
                    "UPDATE websub_row AS w SET batch = m.batch, stream = m.stream, time = m.time FROM moved AS m WHERE m.callback = w.callback AND m.topic = w.topic",
                    tables={"moved": table},
                )
            )
        except CityTwinError as e:
            log.warning("how far subscribers were told was not written down: %s", e)
            return
        for one, place in zip(moved, places, strict=True):
            one.saved = place
