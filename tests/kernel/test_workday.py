"""Working days: the State Council's notices, held against the law's count of holidays and against plain counting."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.kernel.errors import BadRequest
from citytwin.kernel.workday import DAY, BeyondTable, standard

ZONE = "Asia/Shanghai"
DAYS = st.dates(date(2024, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(("year", "holidays"), [(2024, 11), (2025, 13), (2026, 13)])
def test_a_year_against_the_laws_count_of_holidays(year: int, holidays: int) -> None:
    # 全国年节及纪念日放假办法: 11 days off, since the revision of 2024-11 13; what is swapped cancels out
    days = [date(year, 1, 1) + DAY * k for k in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    assert sum(standard().works(d) for d in days) == sum(d.weekday() < 5 for d in days) - holidays


def test_days_against_the_notices() -> None:
    worked = [date(2024, 2, 4), date(2024, 10, 12), date(2025, 1, 26), date(2025, 10, 11), date(2026, 1, 4), date(2026, 2, 28)]  # fmt: skip
    rested = [date(2024, 2, 15), date(2024, 6, 10), date(2025, 2, 4), date(2025, 10, 8), date(2026, 1, 2), date(2026, 9, 25)]  # fmt: skip
    assert all(standard().works(d) for d in worked)
    assert not any(standard().works(d) for d in rested)
    assert standard().after(date(2026, 2, 13), 2) == date(2026, 2, 24)  # Saturday 14 is worked, then nine days of rest
    assert standard().after(date(2026, 2, 24), -2) == date(2026, 2, 13)


@given(DAYS, DAYS)
def test_counting_against_day_by_day(a: date, b: date) -> None:
    low, high = sorted((a, b))
    n = 0
    day = low
    while day < high:
        day += DAY
        n += standard().works(day)
    assert standard().between(low, high) == n
    assert standard().between(high, low) == -n
    if n:
        assert standard().between(low, standard().after(low, n)) == n
        assert standard().after(low, n) <= high


def test_hours_against_hand_count() -> None:
    friday = datetime(2025, 9, 26, 16, tzinfo=UTC) - timedelta(
        hours=8
    )  # 16:00 in Shanghai, before a Sunday that is worked
    assert standard().hours_after(friday, 1, ZONE) == datetime(2025, 9, 26, 9, tzinfo=UTC)
    assert standard().hours_after(friday, 2, ZONE) == datetime(2025, 9, 28, 2, tzinfo=UTC)
    assert standard().hours_between(friday, datetime(2025, 9, 28, 2, tzinfo=UTC), ZONE) == 2
    assert standard().hours_between(datetime(2025, 9, 28, tzinfo=UTC), datetime(2025, 9, 29, tzinfo=UTC), ZONE) == 7
    around = ((time(0), time(23, 59)),)
    assert standard().hours_after(friday, 7, ZONE, around) == datetime(2025, 9, 26, 15, tzinfo=UTC)


@given(st.datetimes(datetime(2024, 1, 2), datetime(2026, 10, 1), timezones=st.just(UTC)), st.floats(0.01, 200))
def test_hours_there_and_back(since: datetime, hours: float) -> None:
    assert standard().hours_between(since, standard().hours_after(since, hours, ZONE), ZONE) == pytest.approx(hours, abs=1e-6)  # fmt: skip


@given(st.dates(date(2018, 1, 1), date(2031, 12, 31)), st.integers(0, 3000))
def test_guessing_over_years_against_day_by_day(a: date, span: int) -> None:
    b = a + DAY * span
    assert standard().between(a, b, guess=True) == sum(standard().works(a + DAY * k, guess=True) for k in range(1, span + 1))  # fmt: skip


def test_beyond_the_table_it_is_said_what_to_add() -> None:
    with pytest.raises(BeyondTable, match="2027") as told:
        standard().after(date(2026, 12, 30), 5)
    assert "State Council's notice for 2027" in told.value.hint
    assert standard().after(date(2026, 12, 30), 2, guess=True) == date(2027, 1, 1)
    more = standard().with_rows([{"since": "2027-01-01", "until": "2027-01-03", "kind": "rest"}])
    assert more.after(date(2026, 12, 30), 2) == date(2027, 1, 4)
    assert more.knows(date(2024, 1, 1), date(2027, 12, 31))
    assert not standard().knows(date(2023, 12, 31), date(2024, 1, 1))


@pytest.mark.parametrize(
    "row",
    [
        {"since": "2027-01-01", "until": "2027-01-03", "kind": "off"},
        {"since": "2027-01-03", "until": "2027-01-01", "kind": "rest"},
        {"since": "2027-01-01", "until": "2028-01-01", "kind": "rest"},
        {"since": "1 January", "until": "2027-01-01", "kind": "rest"},
        {"since": "2027-01-01"},
    ],
)
def test_rows_at_fault_are_named(row: dict[str, str]) -> None:
    with pytest.raises(BadRequest) as told:
        standard().with_rows([row], "city/workdays.csv")
    assert told.value.where == "city/workdays.csv:2"
