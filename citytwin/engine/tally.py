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
from citytwin.kernel.case import Case, CaseType, Event, Step, after
from citytwin.kernel.title import Title

AGES = (5, 15, 30, 60)
"""Working days at which one class of age ends and the next begins."""


@dataclass(frozen=True, slots=True)
class StepTally:
    """One step of these cases: how many are at it `now`, how often it was `passed` and how often of these `late`, how often work was sent back to it (`returned`),
    and the median of working days that it took.
    """

    step: str
    title: Title
    now: int
    passed: int
    late: int
    returned: int
    worked_days: float | None


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
    steps: tuple[StepTally, ...]


@dataclass(frozen=True, slots=True)
class _Stay:
    """A case at one step, until it left it: for which other one, in how many working days, and whether in time."""

    step: str
    to: str
    act: str
    days: int
    late: bool


def tally(twin: Twin, since: datetime, until: datetime, now: datetime, type: str = "") -> list[Tally]:
    """One row for every kind of which cases were opened in [since, until), as they stand now."""
    sql = "SELECT case_id FROM case_file WHERE opened >= $since AND opened < $until AND ($type = '' OR type = $type)"
    ids = twin.store.fetch(sql, {"since": since, "until": until, "type": type})["case_id"].to_pylist()
    kinds: dict[str, list[tuple[Case, bool, list[_Stay]]]] = {}
    for those in handle.events(twin, ids).values():
        kind = twin.cases.get(those[0].body["type"])
        if kind is not None:
            kinds.setdefault(kind.id, []).append(_walked(twin, kind, those))
    return [_row(twin, twin.cases[id], found, now) for id, found in sorted(kinds.items())]


def _walked(twin: Twin, kind: CaseType, events: Sequence[Event]) -> tuple[Case, bool, list[_Stay]]:
    """A case, whether everything of it was done in time, and its stays at steps that it left."""
    held: Case | None = None
    stays: list[_Stay] = []
    for event in events:
        if held is not None and event.act in ("advance", "return", "reopen"):
            due = sla.step_due(kind, held, twin.calendar, twin.city.zone)
            late = due is not None and event.time > due.at
            stays.append(_Stay(held.step, event.body["to"], event.act, _worked(twin, held.entered, event.time), late))
        held = after(held, event)
    assert held is not None
    whole = sla.whole_due(kind, held, twin.calendar, twin.city.zone)
    good = not any(s.late for s in stays) and not (whole and held.closed and held.closed > whole.at)
    return held, good, stays


def _worked(twin: Twin, since: datetime, until: datetime) -> int:
    local = ZoneInfo(twin.city.zone)
    a, b = since.astimezone(local).date(), until.astimezone(local).date()
    return twin.calendar.between(a, b, guess=True) if b >= a else 0


def _row(twin: Twin, kind: CaseType, found: Sequence[tuple[Case, bool, list[_Stay]]], now: datetime) -> Tally:
    def worked(held: Case) -> int:
        return _worked(twin, held.opened, held.closed or now)

    def late(held: Case) -> bool:
        dues = (sla.step_due(kind, held, twin.calendar, twin.city.zone), sla.whole_due(kind, held, twin.calendar, twin.city.zone))  # fmt: skip
        return any(d is not None and d.at < now for d in dues)

    still = [held for held, _, _ in found if held.state != "closed"]
    done = [held for held, _, _ in found if held.state == "closed"]
    stays = [stay for _, _, those in found for stay in those]
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
        sum(good for held, good, _ in found if held.state == "closed"),
        tuple(sum(a < age <= b for age in ages) for a, b in pairwise(edges)),
        sum(held.returns + held.reopens for held, _, _ in found),
        sum(held.returns + held.reopens > 0 for held, _, _ in found),
        median(worked(held) for held in done) if done else None,
        tuple(_step(step, stays, still) for step in kind.steps),
    )


def _step(step: Step, stays: Sequence[_Stay], still: Sequence[Case]) -> StepTally:
    """Reopening leaves a step too, but nobody was to pass that one on."""
    passed = [s for s in stays if s.step == step.id and s.act != "reopen"]
    return StepTally(
        step.id,
        step.title,
        sum(held.step == step.id for held in still),
        len(passed),
        sum(s.late for s in passed),
        sum(s.to == step.id for s in stays if s.act != "advance"),
        median(s.days for s in passed) if passed else None,
    )
