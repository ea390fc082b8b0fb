"""Who is on call? Shifts that people take in turn by the day or the week, with stand-ins for days of rest and for single days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from citytwin.kernel.title import Title
from citytwin.kernel.workday import DAY, Workdays

FAR = 400
"""Days that are looked ahead for the next change."""


@dataclass(frozen=True, slots=True)
class Shift:
    """From the time of day `at` (08:30, the city's clock) until the next shift begins; `people` (ids) take it in turn."""

    at: str
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StandIn:
    """`person` is on call in place of whoever's turn it is, from the day `since` to `until`, both included; in the shift that begins `at` alone, where it is given."""

    since: date
    until: date
    person: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class Rota:
    """A round of people on call. The turn passes every `turn`, counted from the day `since`, at the beginning of the first shift (the handover).

    A day of duty begins with the first shift: what of the last one lies after midnight is still of the day before. On days of rest of the calendar of working
    days (holidays and weekends, but for swapped days) `rest_days` are on call, one each week in turn, where there are any.
    """

    id: str
    title: Title
    shifts: tuple[Shift, ...]
    since: date
    turn: Literal["day", "week"] = "week"
    rest_days: tuple[str, ...] = ()
    stand_ins: tuple[StandIn, ...] = ()


@dataclass(frozen=True, slots=True)
class Duty:
    """`person` (id; nothing where nobody is) is on call from `since` until `until`."""

    person: str
    since: datetime
    until: datetime


def clock(text: str) -> time:
    """The time of day that `08:30` says. Raises ValueError."""
    hours, _, minutes = text.partition(":")
    if len(hours) != 2 or len(minutes) != 2:
        raise ValueError(f"'{text}' is no time of day")
    return time(int(hours), int(minutes))


def duty(rota: Rota, at: datetime, zone: str, calendar: Workdays) -> Duty:
    """Who is on call at a moment, since when and until when, however many shifts that is."""
    return next(duties(rota, at, zone, calendar))


def duties(rota: Rota, at: datetime, zone: str, calendar: Workdays) -> Iterator[Duty]:
    """Who is on call at a moment, and who comes after, one after another."""
    local = ZoneInfo(zone)
    today = at.astimezone(local).date()
    held: Duty | None = None
    for span in _spans(rota, today - DAY * FAR, today + DAY * FAR, local, calendar):
        if held is not None and held.person == span.person:
            held = replace(held, until=span.until)
            continue
        if held is not None and held.until > at:
            yield held
        held = span
    if held is not None:
        yield held


def _spans(rota: Rota, first: date, last: date, local: ZoneInfo, calendar: Workdays) -> Iterator[Duty]:
    """Every shift of every day of duty, in UTC: clocks that are set forward or back make one longer or shorter."""
    shifts = sorted(rota.shifts, key=lambda s: clock(s.at))
    day = max(first, rota.since)
    if first < rota.since <= last:
        yield Duty("", _moment(first, shifts[0].at, local), _moment(day, shifts[0].at, local))
    while day <= last:
        for k, shift in enumerate(shifts):
            begins = _moment(day, shift.at, local)
            ends = _moment(day, shifts[k + 1].at, local) if k + 1 < len(shifts) else _moment(day + DAY, shifts[0].at, local)  # fmt: skip
            if ends > begins:
                yield Duty(_whose(rota, shift, day, calendar), begins, ends)
        day += DAY


def _whose(rota: Rota, shift: Shift, day: date, calendar: Workdays) -> str:
    for one in reversed(rota.stand_ins):  # what was written last counts
        if one.since <= day <= one.until and one.at in ("", shift.at):
            return one.person
    passed = (day - rota.since).days
    if rota.rest_days and not calendar.works(day, guess=True):
        return rota.rest_days[passed // 7 % len(rota.rest_days)]
    return shift.people[(passed if rota.turn == "day" else passed // 7) % len(shift.people)]


def _moment(day: date, at: str, local: ZoneInfo) -> datetime:
    return datetime.combine(day, clock(at), local).astimezone(UTC)
