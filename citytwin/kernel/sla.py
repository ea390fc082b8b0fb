"""By when? Deadlines of a case on a clock that stands while the applicant must act, and who is to be told as they come near and pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from citytwin.kernel.case import Case, CaseType, Pause
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


def due(since: datetime, days: int, hours: float, pauses: Sequence[Pause], calendar: Workdays, zone: str) -> Due | None:
    """The end of the last of `days` working days after `since`, or `hours` office hours after it; None where there is no deadline or the clock stands.

    A day at the end of which the clock stands is not counted, so that a pause within a day costs nothing; office hours stand still in a pause.
    """
    held = [p for p in pauses if p.until is None or p.until > since]
    if not (days or hours) or any(p.until is None for p in held):
        return None
    found = []
    if days:
        found.append(_after_days(since, days, held, calendar, zone))
    if hours:
        found.append(_after_hours(since, hours, held, calendar, zone))
    at = min(found)
    local = ZoneInfo(zone)
    return Due(at, not calendar.knows(since.astimezone(local).date(), (at.astimezone(local) - DAY / 86400).date()))


def _after_days(since: datetime, days: int, pauses: Sequence[Pause], calendar: Workdays, zone: str) -> datetime:
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
        left -= calendar.works(day, guess=True) and day not in stood
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
    return due(held.entered, step.days, step.hours, held.pauses, calendar, zone)


def whole_due(kind: CaseType, held: Case, calendar: Workdays, zone: str) -> Due | None:
    """By when the whole case is to be done; for a closed one, by when it was to be."""
    return due(held.opened, kind.days, 0.0, held.pauses, calendar, zone)


def notices(kind: CaseType, held: Case, calendar: Workdays, zone: str, now: datetime) -> Iterator[Notice]:
    """Whoever is to be told of this case by now and was not. A function of what happened, the calendar and the moment only."""
    deadline = step_due(kind, held, calendar, zone)
    step = kind.step(held.step)
    if deadline is None or step is None:
        return
    local = ZoneInfo(zone)
    last = (deadline.at.astimezone(local) - DAY / 86400).date()
    wanted: list[tuple[str, Literal["remind", "late", "escalate"], datetime, Title]] = []
    for k in step.remind:
        at = _opens(calendar.after(last, -k, guess=True) if k else last, local)
        if at > held.entered and deadline.at > now:  # what is late already needs no reminder of what is to come
            wanted.append((f"{held.entry}:remind:{k}", "remind", at, step.role))
    wanted.append((f"{held.entry}:late", "late", deadline.at, step.role))
    for e in step.escalate:
        at = _opens(calendar.after(last, e.after_days, guess=True), local) if e.after_days else deadline.at
        wanted.append((f"{held.entry}:escalate:{e.after_days}", "escalate", max(at, deadline.at), e.to))
    for key, what, at, to in wanted:
        if at <= now and key not in held.told:
            yield Notice(held.id, key, what, at, to, held.holder, deadline.at)


def _opens(day: object, local: ZoneInfo) -> datetime:
    """When offices open on a day."""
    return datetime.combine(day, HOURS[0][0], local).astimezone(UTC)  # type: ignore[arg-type]  # a date
