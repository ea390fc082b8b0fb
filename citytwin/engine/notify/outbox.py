"""What waits to be told, and what became of it? The outbox in the store: written once for each event, person and channel, however often it is derived."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import pyarrow as pa

from citytwin.engine.twin import rows
from citytwin.kernel.errors import NotFound
from citytwin.kernel.message import EVERYBODY, IN_APP, What, wait_s
from citytwin.kernel.rule import Level
from citytwin.kernel.store import Change, Store

TIME = pa.timestamp("us", tz="UTC")
State = Literal["due", "sending", "sent", "failed", "in_doubt", "given_up"]
"""Waits for its moment; is on its way, or it is not known whether it arrived; arrived; was refused for good; was left in doubt; was tried for too long."""
AT_ONCE = 5
"""So many events for one target go out one by one; more go out as one message."""
SHOWN = 200
"""Events of one message that are read, the gravest first; the others are counted."""
RANK = "CASE level WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END"


@dataclass(frozen=True, slots=True)
class Letter:
    """An event on its way to one person by one channel. `facts` are what it says (engine/notify/compose.py)."""

    event: str
    what: What
    level: Level
    person: str
    channel: str
    time: datetime
    due: datetime
    digest: bool
    facts: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The same for the same event, person and channel."""
        return hashlib.sha256(f"{self.event}\0{self.person}\0{self.channel}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Told:
    """An event as a message has it: with all whom it is for."""

    event: str
    what: What
    level: Level
    time: datetime
    people: tuple[str, ...]
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lot:
    """What goes out as one message under one id: the events shown (gravest first), of how many, how many of each level, and since when the target was away, if it was.

    All of it follows from what is on record, so that a message which must be sent again is the same to the byte.
    """

    id: str
    channel: str
    person: str
    made: datetime
    events: tuple[Told, ...]
    total: int
    levels: Mapping[Level, int]
    digest: bool
    away_since: datetime | None = None
    flood: bool = False
    """Whether it is one message only because there was so much at once."""
    tries: int = field(default=0, compare=False)

    @property
    def level(self) -> Level:
        """The gravest."""
        return next(iter(self.levels), "low")


def put(store: Store, letters: Sequence[Letter], now: datetime, *more: Change) -> None:
    """Write letters that are not there yet, with other changes, in one transaction. What is for the app has arrived with that. Idempotent."""
    made = {letter.id: letter for letter in letters}
    own = [letter.channel == IN_APP for letter in made.values()]
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(one, name) for one in made.values()], kind)
        for name, kind in (
            ("id", pa.string()), ("event", pa.string()), ("what", pa.string()), ("level", pa.string()), ("person", pa.string()), ("channel", pa.string()),
            ("time", TIME), ("due", TIME), ("digest", pa.bool_()),
        )
    }  # fmt: skip
    columns["k"] = pa.array(range(len(made)), pa.int64())
    columns["state"] = pa.array(["sent" if here else "due" for here in own], pa.string())
    columns["facts"] = pa.array([msgspec.json.encode(one.facts).decode() for one in made.values()], pa.string())
    sql = """
      INSERT INTO outbox_row
      SELECT f.id, (SELECT coalesce(max(n), 0) FROM outbox_row) + row_number() OVER (ORDER BY f.k), f.event, f.what, f.level, f.person, f.channel, f.time, $now,
             f.due, f.digest, f.state, '', NULL, 0, NULL, NULL, '', CASE WHEN f.state = 'sent' THEN CAST($now AS TIMESTAMPTZ) END, f.facts
      FROM fresh AS f WHERE NOT EXISTS (SELECT 1 FROM outbox_row AS o WHERE o.id = f.id)"""
    written = [Change(sql, {"now": now}, {"fresh": pa.table(columns)})] if made else []
    if written or more:
        store.commit(*written, *more)


def arrange(store: Store, channel: str, room: bool, now: datetime) -> None:
    """Make lots of what is due at a channel, anew for all that nobody began to send.

    In a `room` all read everything, so that lots are not made for each person. Few events go out one by one; many, and whatever the target has failed before, as one.
    """
    who = "''" if room else "person"
    due = "channel = $channel AND state = 'due' AND due <= $now AND (next IS NULL OR next <= $now)"
    at = {"channel": channel, "now": now}
    sql = f"SELECT {who} AS who, digest, count(DISTINCT event) AS n, max(tries) AS tries FROM outbox_row WHERE {due} GROUP BY ALL ORDER BY who, digest"
    changes = [Change("UPDATE outbox_row SET lot = '' WHERE channel = $channel AND state = 'due' AND lot <> ''", {"channel": channel})]  # fmt: skip
    for group in rows(store.fetch(sql, at)):
        mine = f"{due} AND {who} = $who AND digest = $digest"
        params = {**at, "who": group["who"], "digest": group["digest"]}
        begin = f"UPDATE outbox_row SET lot = $lot, lotted = $now WHERE {mine}"
        if group["digest"] or group["n"] > AT_ONCE or (group["n"] > 1 and group["tries"]):
            changes.append(Change(begin, {**params, "lot": _id()}))
            continue
        found = rows(store.fetch(f"SELECT event, min(n) AS first FROM outbox_row WHERE {mine} GROUP BY event ORDER BY first", params))  # fmt: skip
        changes += [Change(f"{begin} AND event = $event", {**params, "lot": _id(), "event": r["event"]}) for r in found]
    if len(changes) > 1:
        store.commit(*changes)


def lots(store: Store, channel: str, room: bool, now: datetime, most: int = 50) -> list[Lot]:
    """The lots of a channel that may be sent now: those of which it is in doubt whether they arrived, then the others, the oldest first."""
    sql = """
      SELECT lot, min(lotted) AS made, min(person) AS person, bool_or(digest) AS digest, min(failed) AS away, max(tries) AS tries, count(DISTINCT event) AS total, min(n) AS first
      FROM outbox_row WHERE channel = $channel AND state IN ('due', 'sending') AND lot <> '' GROUP BY lot HAVING max(next) IS NULL OR max(next) <= $now
      ORDER BY max(state) DESC, first LIMIT {:d}"""
    found = []
    for r in rows(store.fetch(sql.format(most), {"channel": channel, "now": now})):
        shown = rows(
            store.fetch(
                f"""SELECT event, what, level, time, list(person ORDER BY person) AS people, any_value(facts) AS facts
                    FROM outbox_row WHERE lot = $lot GROUP BY event, what, level, time ORDER BY {RANK}, time DESC, event LIMIT {SHOWN}""",
                {"lot": r["lot"]},
            )
        )
        counted = (
            f"SELECT level, count(DISTINCT event) AS n FROM outbox_row WHERE lot = $lot GROUP BY level ORDER BY {RANK}"
        )
        levels = {g["level"]: g["n"] for g in rows(store.fetch(counted, {"lot": r["lot"]}))}
        events = tuple(
            Told(e["event"], e["what"], e["level"], e["time"], tuple(p for p in e["people"] if p != EVERYBODY), msgspec.json.decode(e["facts"]))
            for e in shown
        )  # fmt: skip
        digest = r["digest"] or r["total"] > 1
        found.append(Lot(r["lot"], channel, "" if room else r["person"], r["made"], events, r["total"], levels, digest, r["away"], digest and not r["digest"] and not r["away"], r["tries"]))  # fmt: skip
    return found


def intend(store: Store, lot: Lot) -> None:
    """From now on it is in doubt whether the lot arrived, until it is known. What is in it stays in it."""
    store.commit(Change("UPDATE outbox_row SET state = 'sending', tries = tries + 1, next = NULL WHERE lot = $lot AND state IN ('due', 'sending')", {"lot": lot.id}))  # fmt: skip


def arrived(store: Store, lot: Lot, now: datetime) -> None:
    """The lot was taken."""
    store.commit(Change("UPDATE outbox_row SET state = 'sent', sent = $now, error = '' WHERE lot = $lot AND state = 'sending'", {"now": now, "lot": lot.id}))  # fmt: skip


def refused(store: Store, lot: Lot, why: str) -> None:
    """The target will never take this: it is shown as failed."""
    store.commit(Change("UPDATE outbox_row SET state = 'failed', error = $why WHERE lot = $lot AND state = 'sending'", {"why": why[:500], "lot": lot.id}))  # fmt: skip


def put_back(store: Store, lot: Lot, why: str, now: datetime, until: datetime, longest: timedelta) -> None:
    """The lot surely did not arrive: what is in it is due again, with whatever comes meanwhile, or is given up where it waited too long."""
    store.commit(
        Change(
            "UPDATE outbox_row SET state = CASE WHEN made < $oldest THEN 'given_up' ELSE 'due' END, lot = '', error = $why, next = $until, failed = coalesce(failed, $now) "
            "WHERE lot = $lot AND state = 'sending'",
            {"why": why[:500], "lot": lot.id, "now": now, "until": until, "oldest": now - longest},
        )
    )


def doubt(store: Store, lot: Lot, why: str, now: datetime, until: datetime, longest: timedelta, again: bool) -> None:
    """Nobody knows whether the lot arrived: it stays as it is and is sent again under the same id, or is left where that is declared or it took too long."""
    sql = "UPDATE outbox_row SET state = CASE WHEN $again AND made >= $oldest THEN 'sending' ELSE 'in_doubt' END, error = $why, next = $until WHERE lot = $lot AND state = 'sending'"
    store.commit(Change(sql, {"again": again, "why": why[:500], "until": until, "oldest": now - longest, "lot": lot.id}))  # fmt: skip


def interrupted(store: Store, channel: str, leave: bool) -> int:
    """What an earlier process was sending when it ended: it goes out again under the same id, or is left in doubt. Returns how many messages."""
    n = int(store.fetch("SELECT count(DISTINCT lot) AS n FROM outbox_row WHERE channel = $c AND state = 'sending'", {"c": channel})["n"][0].as_py())  # fmt: skip
    if n and leave:
        store.commit(Change("UPDATE outbox_row SET state = 'in_doubt', error = 'the server ended while this was sent' WHERE channel = $c AND state = 'sending'", {"c": channel}))  # fmt: skip
    return n


def again(store: Store, id: str, now: datetime) -> None:
    """Let what failed, was given up or left in doubt be due once more, as of now. Raises NotFound."""
    held = rows(store.fetch("SELECT state FROM outbox_row WHERE id = $id AND channel <> $own", {"id": id, "own": IN_APP}))  # fmt: skip
    if not held:
        raise NotFound(f"there is no message '{id[:100]}'", "see /api/outbox", id[:100])
    store.commit(
        Change(
            "UPDATE outbox_row SET state = 'due', lot = '', due = least(due, $now), made = $now, tries = 0, next = NULL, failed = NULL WHERE id = $id AND state IN ('failed', 'given_up', 'in_doubt')",
            {"id": id, "now": now},
        )
    )


def hurry(store: Store, channel: str) -> None:
    """Let what waits for another try be tried now."""
    store.commit(Change("UPDATE outbox_row SET next = NULL WHERE channel = $c AND state IN ('due', 'sending')", {"c": channel}))  # fmt: skip


def next_at(store: Store, channel: str) -> datetime | None:
    """When something of a channel is due next, if anything waits."""
    sql = "SELECT min(greatest(due, coalesce(next, due))) AS at FROM outbox_row WHERE channel = $c AND state IN ('due', 'sending')"
    found = store.fetch(sql, {"c": channel})["at"][0].as_py()
    return found if isinstance(found, datetime) else None


def orphaned(store: Store, channels: Sequence[str]) -> None:
    """What waits for channels that are declared no longer is given up, and shown as such."""
    these, there = "state IN ('due', 'sending') AND NOT list_contains($there, channel)", {"there": [IN_APP, *channels]}
    if store.fetch(f"SELECT 1 FROM outbox_row WHERE {these} LIMIT 1", there).num_rows:
        sql = f"UPDATE outbox_row SET state = 'given_up', lot = '', error = 'the channel is declared no longer' WHERE {these}"
        store.commit(Change(sql, there))


def forget(store: Store, before: datetime) -> None:
    """Delete what was told before a time, and who read it. What waits stays."""
    old = "state IN ('sent', 'failed', 'given_up', 'in_doubt') AND made < $before"
    store.commit(
        Change(f"DELETE FROM outbox_read WHERE id IN (SELECT id FROM outbox_row WHERE {old})", {"before": before}),
        Change(f"DELETE FROM outbox_row WHERE {old}", {"before": before}),
    )


def retry_at(now: datetime, failures: int, asked_s: float = 0.0) -> datetime:
    """When a target that failed so many times in a row is tried again."""
    return now + timedelta(seconds=wait_s(failures, asked_s))


def _id() -> str:
    return secrets.token_hex(16)
