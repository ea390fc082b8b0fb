"""What is old enough to move, or to be deleted? Follows the city's declaration, and the holds that people put on it."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from citytwin.engine.twin import Twin, rows
from citytwin.kernel.errors import BadDeclaration, BadRequest, Conflict, Fault, NotFound
from citytwin.kernel.keep import Hold
from citytwin.kernel.store import Change

log = logging.getLogger("citytwin.keep")
JUMP_S, DOUBT_S = 3600, 86_400
"""A clock that jumps by so many seconds is not believed for so many."""
STEPS = 8
"""Slices that are moved or deleted in one go: the others wait for the next, so that no verb waits long."""


def check(twin: Twin) -> None:
    """Raises BadDeclaration where the city's `keep:` cannot be followed."""
    declared = twin.city.keep
    faults = []
    for one in declared.streams:
        if one.type not in twin.streams:
            faults.append(Fault("keep", "KEEP", f"'{one.type}' is no stream type of this city", "see /api/streams"))
    named = [one.type for one in declared.streams]
    faults += [Fault("keep", "KEEP", f"'{t}' stands twice") for t in sorted({t for t in named if named.count(t) > 1})]
    days = [
        declared.tier_days,
        declared.delete_days,
        *(d for one in declared.streams for d in (one.tier_days, one.delete_days)),
    ]
    if any(d is not None and not 0 <= d <= 36_600 for d in days):
        faults.append(Fault("keep", "KEEP", "days are from 0 (never) to 36600", ""))
    if faults:
        raise BadDeclaration(
            f"'keep' of city '{twin.city.id}' has {len(faults)} faults", faults[0].message, "city.yaml", tuple(faults)
        )


def old(twin: Twin, now: datetime) -> dict[str, datetime]:
    """Before when the readings of each stream type may move to partitions; `''` stands for all that are not named."""
    declared = twin.city.keep
    days = {"": declared.tier_days} | {s.type: s.tier_days for s in declared.streams if s.tier_days is not None}
    # who is never to move is named as well, or it would move with the others
    return {kind: now - timedelta(days=d) if d else now - timedelta(days=36_600) for kind, d in days.items()}


def outlived(twin: Twin, now: datetime) -> dict[str, datetime]:
    """Before when the readings of each stream type are to be deleted: a midnight of the city, so that roll-ups by the day stay whole."""
    declared = twin.city.keep
    days = dict.fromkeys(
        twin.store.fetch("SELECT DISTINCT stream_type FROM stream")["stream_type"].to_pylist(), declared.delete_days
    ) if declared.delete_days else {}  # fmt: skip
    days |= {s.type: s.delete_days for s in declared.streams if s.delete_days is not None}
    at = ZoneInfo(twin.city.zone)
    return {
        kind: (now - timedelta(days=d)).astimezone(at).replace(hour=0, minute=0, second=0, microsecond=0)
        for kind, d in days.items()
        if d
    }


class Trust:
    """Whether a clock may be believed in what cannot be undone: not within a day of having jumped by an hour or more, against one that nobody sets."""

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._seen: tuple[datetime, float] | None = None
        self._jumped: float | None = None

    def believes(self, now: datetime) -> bool:
        """Whether what is to be deleted by this moment may be; to be asked now and then."""
        at = self._ticks()
        if self._seen:
            off = (now - self._seen[0]).total_seconds() - (at - self._seen[1])
            if abs(off) >= JUMP_S:
                self._jumped = at
                log.warning("the clock jumped by %.0f s: for a day nothing is deleted for its age", off)
        self._seen = now, at
        return self._jumped is None or at - self._jumped >= DOUBT_S


def keep(twin: Twin, now: datetime, delete: bool = True) -> tuple[int, int]:
    """Move, and unless told otherwise `delete`, what is old enough, a few slices of it; returns how many readings moved and how many are gone."""
    moved = gone = 0
    for _ in range(STEPS):
        step = twin.store.tier(old(twin, now))
        moved += step
        if not step:
            break
    before = outlived(twin, now) if delete else {}
    for _ in range(STEPS if before else 0):
        step = twin.store.erase(before)
        gone += step
        if not step:
            break
    return moved, gone


def holds(twin: Twin) -> list[Hold]:
    """Every hold there ever was, the oldest first."""
    found = twin.store.fetch(
        "SELECT hold, subject, reason, actor, recorded, lifted, lifted_by FROM hold_row ORDER BY hold"
    )
    return [Hold(**r) for r in rows(found)]


def hold(twin: Twin, subject: str, reason: str, actor: str) -> Hold:
    """Forbid that anything of a subject is deleted, sealed in the log. Raises BadRequest, NotFound."""
    if not reason.strip() or not actor.strip():
        raise BadRequest("a hold needs a reason and a name", "say why, and who decides", "reason")
    known = subject == "*" or subject in twin.streams or subject in twin.asset_types
    if (
        not known
        and not twin.store.fetch("SELECT 1 FROM stream WHERE stream = $s OR stream_type = $s", {"s": subject}).num_rows
    ):
        raise NotFound(f"there is no '{subject}'", "a stream type, a stream, an asset, or '*'", "subject")
    with twin.turn:
        number = max((h.hold for h in holds(twin)), default=0) + 1
        made = Hold(number, subject, reason, actor, twin.clock.now())
        twin.store.commit(
            Change(
                "INSERT INTO hold_row (hold, subject, reason, actor, recorded) VALUES ($hold, $subject, $reason, $actor, $now)",
                {"hold": number, "subject": subject, "reason": reason, "actor": actor, "now": made.recorded},
            ),
            leaves=[("hold", f"hold:{number}", _digest("hold", str(number), subject, reason, actor))],
        )
        return made


def lift(twin: Twin, number: int, actor: str) -> Hold:
    """End a hold, sealed in the log. Raises BadRequest, NotFound, Conflict."""
    if not actor.strip():
        raise BadRequest("lifting a hold needs a name", "say who decides", "by")
    with twin.turn:
        found = {h.hold: h for h in holds(twin)}.get(number)
        if found is None:
            raise NotFound(f"there is no hold {number}", "see /api/keep", str(number))
        if found.lifted:
            raise Conflict(f"hold {number} was lifted by {found.lifted_by}", "see /api/keep", str(number))
        twin.store.commit(
            Change(
                "UPDATE hold_row SET lifted = $now, lifted_by = $actor WHERE hold = $hold",
                {"hold": number, "actor": actor, "now": twin.clock.now()},
            ),
            leaves=[("hold", f"hold:{number}:lifted", _digest("lifted", str(number), actor))],
        )
        return next(h for h in holds(twin) if h.hold == number)


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
