"""By when? Deadlines of a case on a clock that stands while the applicant must act, and who is to be told as they come near and pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from citytwin.kernel.case import Case, CaseType, Escalation, Pause, Step
from citytwin.kernel.title import Title
from citytwin.kernel.workday import DAY, HOURS, Workdays


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline: the moment at which it has passed, and whether days were guessed that no table of working days has yet."""

    at: datetime
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """Somebody is to be told: of a deadline that comes near (`remind`), has passed (`late`), or passed so long ago that others are told (`escalate`).

    `key` is its name within the case: a notice that was given is not due again.
    """

    case: str
    key: str
    kind: Literal["remind", "late", "escalate"]
    at: datetime
    to: Title
    holder: str
    due: datetime


def due(
    since: datetime, days: int, hours: float, pauses: Sequence[Pause], calendar: Workdays, zone: str, calendar_days: int = 0
) -> Due | None:  # fmt: skip
    """The end of the last of `days` working days after `since`, of `calendar_days`, or `hours` office hours after it, whichever is nearest; None where there is no
    deadline or the clock stands.

    A day at the end of which the clock stands is not counted, so that a pause within a day costs nothing; office hours stand still in a pause. Calendar days that end
    on a day of rest end with the next working day (Civil Code of China, article 203).
    """
    held = [p for p in pauses if p.until is None or p.until > since]
    if not (days or hours or calendar_days) or any(p.until is None for p in held):
        return None
    found = []
    if days:
        found.append(_after_days(since, days, held, calendar, zone))
    if calendar_days:
        found.append(_after_days(since, calendar_days, held, calendar, zone, every=True))
    if hours:
        found.append(_after_hours(since, hours, held, calendar, zone))
    at = min(found)
    local = ZoneInfo(zone)
    return Due(at, not calendar.knows(since.astimezone(local).date(), (at.astimezone(local) - DAY / 86400).date()))


def _after_days(
    since: datetime, days: int, pauses: Sequence[Pause], calendar: Workdays, zone: str, every: bool = False
) -> datetime:
    local = ZoneInfo(zone)
    stood = {
        day
        for p in pauses
        if p.until is not None
        for a in [max(p.since, since).astimezone(local).date()]
        for k in range((p.until.astimezone(local).date() - a).days)
        for day in [a + DAY * k]
    }
    day, left = since.astimezone(local).date(), days
    while left:
        day += DAY
        left -= (every or calendar.works(day, guess=True)) and day not in stood
    while not calendar.works(day, guess=True):
        day += DAY
    return datetime.combine(day + DAY, time(), local).astimezone(UTC)


def _after_hours(since: datetime, hours: float, pauses: Sequence[Pause], calendar: Workdays, zone: str) -> datetime:
    at, left = since, hours
    for p in pauses:
        if p.until is None or p.until <= at:
            continue
        ran = calendar.hours_between(at, max(p.since, at), zone, guess=True)
        if ran >= left:
            break
        at, left = p.until, left - ran
    return calendar.hours_after(at, left, zone, guess=True)


def step_due(kind: CaseType, held: Case, calendar: Workdays, zone: str) -> Due | None:
    """By when the step of a case is to be done."""
    step = kind.step(held.step)
    if step is None or held.state == "closed":
        return None
    days, calendar_days = _longer(step, held.extended)
    return due(held.entered, days, step.hours, held.pauses, calendar, zone, calendar_days)


def whole_due(kind: CaseType, held: Case, calendar: Workdays, zone: str) -> Due | None:
    """By when the whole case is to be done; for a closed one, by when it was to be."""
    days, calendar_days = _longer(kind, held.longer)
    return due(held.opened, days, 0.0, held.pauses, calendar, zone, calendar_days)


def _longer(declared: Step | CaseType, more: int) -> tuple[int, int]:
    """Working days and calendar days with those by which the deadline was put off."""
    return declared.days and declared.days + more, declared.calendar_days and declared.calendar_days + more


def notices(kind: CaseType, held: Case, calendar: Workdays, zone: str, now: datetime) -> Iterator[Notice]:
    """Whoever is to be told of this case by now and was not. A function of what happened, the calendar and the moment only."""
    deadline = step_due(kind, held, calendar, zone)
    step = kind.step(held.step)
    if step is None or held.state == "closed":
        return
    whole, key = whole_due(kind, held, calendar, zone), f"whole:{held.reopens}:late"
    if whole is not None and whole.at <= now and key not in held.told:
        yield Notice(held.id, key, "late", whole.at, held.charge or step.role, held.holder, whole.at)
    if deadline is None:
        return
    local = ZoneInfo(zone)
    last = (deadline.at.astimezone(local) - DAY / 86400).date()
    role = held.charge or step.role
    wanted: list[tuple[str, Literal["remind", "late", "escalate"], datetime, Title]] = []
    for k in step.remind:
        at = _opens(calendar.after(last, -k, guess=True) if k else last, local)
        if at > held.entered and deadline.at > now:  # what is late already needs no reminder of what is to come
            wanted.append((f"{held.entry}:remind:{k}", "remind", at, role))
    wanted.append((f"{held.entry}:late", "late", deadline.at, role))
    for e in step.escalate:
        wanted.append(
            (f"{held.entry}:escalate:{e.after_days}", "escalate", _late_by(deadline, e, calendar, zone), e.to)
        )
    for key, what, at, to in wanted:
        if at <= now and key not in held.told:
            yield Notice(held.id, key, what, at, to, held.holder, deadline.at)


def handovers(
    kind: CaseType, held: Case, calendar: Workdays, zone: str, now: datetime
) -> Iterator[tuple[datetime, str, Title]]:
    """To whom the step of a case is to be handed over by now and was not: when, by which key, to whom; the earliest first."""
    deadline = step_due(kind, held, calendar, zone)
    step = kind.step(held.step)
    if deadline is None or step is None or held.state != "open":
        return
    for e in sorted(step.escalate, key=lambda e: e.after_days):
        at, key = _late_by(deadline, e, calendar, zone), f"{held.entry}:hand_over:{e.after_days}"
        if e.hands_over and at <= now and key not in held.told:
            yield at, key, e.to


def _late_by(deadline: Due, e: Escalation, calendar: Workdays, zone: str) -> datetime:
    """When a step is late by as much as an escalation asks: offices open on the last of its working days."""
    local = ZoneInfo(zone)
    last = (deadline.at.astimezone(local) - DAY / 86400).date()
    if not e.after_days:
        return deadline.at
    return max(_opens(calendar.after(last, e.after_days, guess=True), local), deadline.at)


def _opens(day: object, local: ZoneInfo) -> datetime:
    """When offices open on a day."""
    return datetime.combine(day, HOURS[0][0], local).astimezone(UTC)  # type: ignore[arg-type]  # a date
