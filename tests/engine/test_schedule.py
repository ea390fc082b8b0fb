"""Jobs come when they are due, by the clock they are given."""

from __future__ import annotations

from datetime import timedelta

import pytest

from citytwin.engine.schedule import Schedule
from citytwin.kernel.clock import FixedClock


def test_jobs_run_when_due_and_not_before(clock: FixedClock) -> None:
    schedule = Schedule(clock)
    ran: list[str] = []
    schedule.add("minute", timedelta(minutes=1), lambda _: ran.append("minute"))
    schedule.add("hour", timedelta(hours=1), lambda _: ran.append("hour"), first=timedelta(minutes=1))
    assert schedule.tick() == ["minute"]
    assert schedule.tick() == []
    clock.moment += timedelta(minutes=1)
    assert sorted(schedule.tick()) == ["hour", "minute"]
    clock.moment += timedelta(minutes=10)
    assert schedule.tick() == ["minute"]  # what was missed is not made up for


def test_a_job_that_fails_comes_again_and_ends_no_other(clock: FixedClock, caplog: pytest.LogCaptureFixture) -> None:
    schedule = Schedule(clock)
    ran: list[str] = []

    def fail(_: object) -> None:
        raise ValueError("no")

    schedule.add("bad", timedelta(minutes=1), fail)
    schedule.add("good", timedelta(minutes=1), lambda _: ran.append("good"))
    schedule.tick()
    clock.moment += timedelta(minutes=1)
    assert sorted(schedule.tick()) == ["bad", "good"]
    assert ran == ["good", "good"]
    assert "job bad failed" in caplog.text


def test_a_clock_that_is_set_back_or_ahead_keeps_no_job_waiting(clock: FixedClock) -> None:
    schedule = Schedule(clock)
    ran: list[str] = []
    schedule.add("minute", timedelta(minutes=1), lambda _: ran.append("minute"))
    schedule.add("later", timedelta(minutes=1), lambda _: ran.append("later"), first=timedelta(hours=2))
    assert schedule.tick() == ["minute"]
    clock.moment -= timedelta(days=400)
    assert sorted(schedule.tick()) == ["later", "minute"]
    assert schedule.tick() == []
    clock.moment += timedelta(minutes=1)
    assert sorted(schedule.tick()) == ["later", "minute"]
    clock.moment += timedelta(days=4000)
    assert sorted(schedule.tick()) == ["later", "minute"]
    assert schedule.tick() == []


def test_the_thread_runs_jobs_and_stops() -> None:
    import threading

    from citytwin.kernel.clock import SystemClock

    schedule = Schedule(SystemClock())
    done = threading.Event()
    schedule.add("once", timedelta(hours=1), lambda _: done.set())
    schedule.start()
    assert done.wait(10)
    schedule.close()
