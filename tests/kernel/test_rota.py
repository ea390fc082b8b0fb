"""Who is on call, against turns counted by hand; quiet hours and digests against the clocks of their zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest

from citytwin.kernel.message import Quiet, digest_at, loud_from, wait_s
from citytwin.kernel.rota import Rota, Shift, StandIn, clock, duties, duty
from citytwin.kernel.title import Title
from citytwin.kernel.workday import standard

TITLE = Title("值班", "Duty")
SHANGHAI, BERLIN = "Asia/Shanghai", "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def on(rota: Rota, text: str, zone: str = SHANGHAI) -> str:
    return duty(rota, at(text), zone, standard()).person


def test_the_turn_passes_at_the_handover_against_weeks_counted_by_hand() -> None:
    rota = Rota("r", TITLE, (Shift("08:30", ("a", "b", "c")),), date(2026, 1, 5))
    told = [on(rota, f"2026-01-{day:02d}T{time}+08:00") for day, time in ((5, "08:30:00"), (12, "08:29:59"), (12, "08:30:00"), (19, "12:00:00"), (26, "12:00:00"))]  # fmt: skip
    assert told == ["a", "a", "b", "c", "a"]
    now, then = islice(duties(rota, at("2026-01-07T12:00+08:00"), SHANGHAI, standard()), 2)
    assert (now.since, now.until, then.person) == (at("2026-01-05T08:30+08:00"), at("2026-01-12T08:30+08:00"), "b")
    assert on(rota, "2026-01-05T08:29:59+08:00") == ""  # nobody before the first turn


def test_a_night_shift_is_of_the_day_before_against_the_days_counted_by_hand() -> None:
    rota = Rota("r", TITLE, (Shift("20:30", ("x", "y")), Shift("08:30", ("a", "b"))), date(2026, 1, 5), "day")
    assert [on(rota, f"2026-01-{t}+08:00") for t in ("05T12:00", "05T21:00", "06T03:00", "06T09:00", "07T03:00", "07T09:00")] == ["a", "x", "x", "b", "y", "a"]  # fmt: skip


def test_stand_ins_and_days_of_rest_against_the_notice_of_the_state_council() -> None:
    rota = Rota("r", TITLE, (Shift("08:30", ("a",)), Shift("20:30", ("n",))), date(2026, 1, 5), "day", ("w",), (StandIn(date(2026, 1, 7), date(2026, 1, 8), "s", "20:30"), StandIn(date(2026, 1, 8), date(2026, 1, 8), "t")))  # fmt: skip
    assert [on(rota, f"2026-01-{t}+08:00") for t in ("07T12:00", "07T21:00", "08T12:00", "09T08:00", "09T09:00")] == ["a", "s", "t", "t", "a"]  # fmt: skip
    assert on(rota, "2026-10-02T12:00+08:00") == "w"  # National Day
    assert on(rota, "2026-10-10T12:00+08:00") == "a"  # a Saturday that is worked (调休)
    assert on(rota, "2026-10-11T12:00+08:00") == "w"


def test_a_shift_is_longer_when_clocks_are_set_back_against_its_hours() -> None:
    rota = Rota("r", TITLE, (Shift("20:00", ("n", "m")), Shift("08:00", ("a",))), date(2026, 1, 5), "day")
    spans = {
        day: duty(rota, at(f"2026-{day}T23:00:00+00:00"), BERLIN, standard()) for day in ("03-28", "10-24", "10-25")
    }
    assert [(d.until - d.since) // timedelta(hours=1) for d in spans.values()] == [11, 13, 12]


@pytest.mark.parametrize(
    ("now", "loud"),
    [
        ("2026-03-10T21:59+08:00", "2026-03-10T21:59+08:00"),
        ("2026-03-10T22:00+08:00", "2026-03-11T07:00+08:00"),
        ("2026-03-11T03:05+08:00", "2026-03-11T07:00+08:00"),
        ("2026-03-11T07:00+08:00", "2026-03-11T07:00+08:00"),
    ],
)
def test_quiet_hours_over_midnight_against_the_wall_clock(now: str, loud: str) -> None:
    assert loud_from(Quiet("22:00", "07:00"), at(now), SHANGHAI, standard()) == at(loud)
    assert loud_from(None, at(now), SHANGHAI, standard()) == at(now)


def test_quiet_hours_when_clocks_change_and_on_holidays_against_the_wall_clock() -> None:
    night = Quiet("22:00", "07:00")
    assert loud_from(night, at("2026-03-28T22:30+01:00"), BERLIN, standard()) == at(
        "2026-03-29T07:00+02:00"
    )  # 7.5 h later, not 8.5
    assert loud_from(night, at("2026-10-24T22:30+02:00"), BERLIN, standard()) == at("2026-10-25T07:00+01:00")
    assert loud_from(Quiet("01:00", "02:30"), at("2026-03-29T01:30+01:00"), BERLIN, standard()) == at(
        "2026-03-29T02:30+01:00"
    )  # a time that there is not
    for minute in range(0, 240, 10):  # the hour that comes twice: it is never in the past, and always loud
        now = at("2026-10-25T00:00+02:00") + timedelta(minutes=minute)
        found = loud_from(Quiet("01:00", "02:30"), now, BERLIN, standard())
        assert found >= now
        assert loud_from(Quiet("01:00", "02:30"), found, BERLIN, standard()) == found
    rest = Quiet("22:00", "07:00", True)
    assert loud_from(rest, at("2026-10-02T12:00+08:00"), SHANGHAI, standard()) == at("2026-10-08T07:00+08:00")
    assert loud_from(Quiet("00:00", "23:59", True), at("2026-03-10T12:00+08:00"), SHANGHAI, standard()) == at("2026-03-10T23:59+08:00")  # fmt: skip


@pytest.mark.parametrize(
    ("digest", "now", "then", "zone"),
    [
        ("hourly", "2026-03-10T12:00+08:00", "2026-03-10T12:00+08:00", SHANGHAI),
        ("hourly", "2026-03-10T12:00:01+08:00", "2026-03-10T13:00+08:00", SHANGHAI),
        ("daily", "2026-03-10T08:30+08:00", "2026-03-10T08:30+08:00", SHANGHAI),
        ("daily", "2026-03-10T08:31+08:00", "2026-03-11T08:30+08:00", SHANGHAI),
        ("daily", "2026-03-28T09:00+01:00", "2026-03-29T08:30+02:00", BERLIN),
        ("none", "2026-03-10T12:34+08:00", "2026-03-10T12:34+08:00", SHANGHAI),
    ],
)
def test_digests_against_the_wall_clock(digest: str, now: str, then: str, zone: str) -> None:
    assert digest_at(digest, "08:30", at(now), zone) == at(then)  # type: ignore[arg-type]  # one of its values


def test_waiting_doubles_up_to_half_an_hour_against_its_sums() -> None:
    assert [wait_s(n) for n in (1, 2, 3, 8, 9, 100)] == [10, 20, 40, 1280, 1800, 1800]
    assert (wait_s(1, 7200), wait_s(1, 10**9), wait_s(9, 5)) == (7200, 86_400, 1800)


@pytest.mark.parametrize("text", ["8:30", "24:00", "08:60", "0830", "ab:cd", ""])
def test_what_is_no_time_of_day_is_none_against_the_clock(text: str) -> None:
    with pytest.raises(ValueError):
        clock(text)
