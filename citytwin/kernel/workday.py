"""Is it a working day? Days and hours on which offices work, after the State Council's yearly notices of holidays and swapped days (调休)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from citytwin.kernel.errors import BadRequest

DAY = timedelta(days=1)
HOURS = ((time(9), time(12)), (time(13), time(17)))
"""Office hours where nothing else is declared: a choice of this program, seven hours a day."""
LONGEST = 3660
"""Working days that one deadline may have."""


class BeyondTable(BadRequest):
    """The days asked about lie outside the years that the table of working days covers."""


@dataclass(frozen=True, slots=True)
class Workdays:
    """Which days are worked: Monday to Friday, but for `changed` days (True: worked, a swapped weekend; False: a day of rest).

    `changed` is complete for the years of `years`; about any other year it is not known, since the State Council gives notice of a year in
    November of the year before. Whoever can live with Monday to Friday there asks with `guess`.
    """

    changed: Mapping[date, bool]
    years: frozenset[int]

    def works(self, day: date, guess: bool = False) -> bool:
        """Whether `day` is a working day. Raises BeyondTable."""
        if day.year not in self.years and not guess:
            raise BeyondTable(
                f"working days of {day.year} are not known ({self.span()})",
                f"add the State Council's notice for {day.year} to workdays.csv of the city: since,until,kind,title_zh,title_en,source with kind rest or work",
                "workdays.csv",
            )
        return self.changed.get(day, day.weekday() < 5)

    def knows(self, since: date, until: date) -> bool:
        """Whether every day from `since` to `until`, both included, is in the table."""
        return all(year in self.years for year in range(since.year, until.year + 1))

    def span(self) -> str:
        """The years that the table covers, in words."""
        return f"the table has {', '.join(map(str, sorted(self.years)))}" if self.years else "the table is empty"

    def after(self, day: date, n: int, guess: bool = False) -> date:
        """The n-th working day after `day`, which is not counted itself (Civil Code of China, article 201); before it where n < 0. Raises BeyondTable.

        >>> str(standard().after(date(2025, 9, 30), 1))
        '2025-10-09'
        """
        if abs(n) > LONGEST:
            raise BadRequest(f"{n} working days are too many", f"at most {LONGEST}", "days")
        step = DAY if n > 0 else -DAY
        left = abs(n)
        while left:
            day += step
            left -= self.works(day, guess)
        return day

    def between(self, since: date, until: date, guess: bool = False) -> int:
        """Working days after `since` up to and with `until`; negative where `until` is before. Raises BeyondTable."""
        if until < since:
            return -self.between(until, since, guess)
        if not guess and not self.knows(since + DAY, until):
            return sum(self.works(since + DAY * k) for k in range(1, (until - since).days + 1))  # raises
        weeks, rest = divmod((until - since).days, 7)
        plain = 5 * weeks + sum((until - DAY * k).weekday() < 5 for k in range(rest))
        return plain + sum(worked - (day.weekday() < 5) for day, worked in self.changed.items() if since < day <= until)

    def hours_between(self, since: datetime, until: datetime, zone: str, hours: Hours = HOURS, guess: bool = False) -> float:  # fmt: skip
        """Office hours from `since` to `until` on the clocks of `zone` [h]. Raises BeyondTable."""
        if until < since:
            return -self.hours_between(until, since, zone, hours, guess)
        total = timedelta()
        for opens, closes in self._open(since, zone, hours, guess, until):
            total += min(closes, until) - max(opens, since)
        return total / timedelta(hours=1)

    def hours_after(self, since: datetime, n: float, zone: str, hours: Hours = HOURS, guess: bool = False) -> datetime:
        """The moment at which `n` office hours [h] have passed since `since`. Raises BeyondTable."""
        left = timedelta(hours=n)
        if left <= timedelta():
            return since.astimezone(UTC)
        if left > DAY * LONGEST:
            raise BadRequest(f"{n} office hours are too many", f"at most {LONGEST * 24}", "hours")
        for opens, closes in self._open(since, zone, hours, guess):
            begin = max(opens, since)
            if closes - begin >= left:
                return begin + left
            left -= closes - begin
        raise AssertionError("days do not end")

    def _open(
        self, since: datetime, zone: str, hours: Hours, guess: bool, until: datetime | None = None
    ) -> Iterator[tuple[datetime, datetime]]:
        """The spans of office hours that end after `since` and begin before `until`, in UTC."""
        where = ZoneInfo(zone)
        day = since.astimezone(where).date()
        last = until.astimezone(where).date() if until else None
        while last is None or day <= last:
            if self.works(day, guess):
                for opens, closes in hours:
                    a = datetime.combine(day, opens, where).astimezone(UTC)
                    b = datetime.combine(day, closes, where).astimezone(UTC)
                    if b > since and (until is None or a < until):
                        yield a, b
            day += DAY

    def with_rows(self, rows: Iterable[Mapping[str, str]], where: str = "workdays.csv") -> Workdays:
        """These days with the rows of a table over them (since, until, kind `rest` or `work`); a year named there is known from then on. Raises BadRequest."""
        changed, years = dict(self.changed), set(self.years)
        for n, row in enumerate(rows, 2):
            at = f"{where}:{n}"
            try:
                since, until = date.fromisoformat(row["since"]), date.fromisoformat(row["until"])
                works = {"rest": False, "work": True}[row["kind"]]
            except (KeyError, TypeError, ValueError) as e:
                raise BadRequest(f"the row is none of working days: {e}", "since,until as 2027-01-01, kind rest or work", at) from None  # fmt: skip
            if not timedelta() <= until - since <= DAY * 31:
                raise BadRequest(f"{since} to {until} is no holiday", "until is since or up to 31 days later", at)
            for k in range((until - since).days + 1):
                changed[since + DAY * k] = works
            years |= {since.year, until.year}
        return Workdays(changed, frozenset(years))


Hours = tuple[tuple[time, time], ...]
"""Office hours of a day: from, to, one after another."""


@cache
def standard() -> Workdays:
    """The days of the notices that this program knows (workdays.csv beside this file)."""
    text = files("citytwin.kernel").joinpath("workdays.csv").read_text("utf-8")
    return Workdays({}, frozenset()).with_rows(csv.DictReader(text.splitlines()))
