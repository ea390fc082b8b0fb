"""How is the work going? What was done on time, how old what is open is, and how often work came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from citytwin.engine import handle
from citytwin.engine.twin import Twin
from citytwin.kernel import sla
from citytwin.kernel.case import Case, CaseType, Event, after
from citytwin.kernel.title import Title

AGES = (5, 15, 30, 60)
"""Working days at which one class of age ends and the next begins."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Cases of one kind opened in a span. `on_time` are closed ones none of whose steps, nor the whole, was late; `ages` counts open ones by working days (up to 5, 15, 30, 60, more);
    `rework` counts returns and reopenings, `worked_days` is the median of working days from opening to end.
    """

    type: str
    title: Title
    opened: int
    open: int
    waiting: int
    overdue: int
    closed: int
    on_time: int
    ages: tuple[int, ...]
    rework: int
    reworked: int
    worked_days: float | None


def tally(twin: Twin, since: datetime, until: datetime, now: datetime, type: str = "") -> list[Tally]:
    """One row for every kind of which cases were opened in [since, until), as they stand now."""
    sql = "SELECT case_id FROM case_file WHERE opened >= $since AND opened < $until AND ($type = '' OR type = $type)"
    ids = twin.store.fetch(sql, {"since": since, "until": until, "type": type})["case_id"].to_pylist()
    kinds: dict[str, list[tuple[Case, bool]]] = {}
    for those in handle.events(twin, ids).values():
        kind = twin.cases.get(those[0].body["type"])
        if kind is not None:
            kinds.setdefault(kind.id, []).append(_walked(twin, kind, those))
    return [_row(twin, twin.cases[id], found, now) for id, found in sorted(kinds.items())]


def _walked(twin: Twin, kind: CaseType, events: Sequence[Event]) -> tuple[Case, bool]:
    """A case, and whether everything of it was done in time."""
    held: Case | None = None
    good = True
    for event in events:
        if held is not None and event.act in ("advance", "return"):
            due = sla.step_due(kind, held, twin.calendar, twin.city.zone)
            good = good and (due is None or event.time <= due.at)
        held = after(held, event)
    assert held is not None
    whole = sla.whole_due(kind, held, twin.calendar, twin.city.zone)
    return held, good and not (whole and held.closed and held.closed > whole.at)


def _row(twin: Twin, kind: CaseType, found: Sequence[tuple[Case, bool]], now: datetime) -> Tally:
    local = ZoneInfo(twin.city.zone)

    def worked(held: Case) -> int:
        a, b = held.opened.astimezone(local).date(), (held.closed or now).astimezone(local).date()
        return twin.calendar.between(a, b, guess=True) if b >= a else 0

    def late(held: Case) -> bool:
        dues = (sla.step_due(kind, held, twin.calendar, twin.city.zone), sla.whole_due(kind, held, twin.calendar, twin.city.zone))  # fmt: skip
        return any(d is not None and d.at < now for d in dues)

    still = [held for held, _ in found if held.state != "closed"]
    done = [held for held, _ in found if held.state == "closed"]
    ages = [worked(held) for held in still]
    edges = (-1, *AGES, float("inf"))
    return Tally(
        kind.id,
        kind.title,
        len(found),
        len(still),
        sum(held.state == "waiting" for held in still),
        sum(late(held) for held in still),
        len(done),
        sum(good for held, good in found if held.state == "closed"),
        tuple(sum(a < age <= b for age in ages) for a, b in pairwise(edges)),
        sum(held.returns + held.reopens for held, _ in found),
        sum(held.returns + held.reopens > 0 for held, _ in found),
        median(worked(held) for held in done) if done else None,
    )
