"""The server's clock is wrong, and is set right: ahead by days, back by hours. What is on record stays in its order, and nothing waits for a clock to catch up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from citytwin.engine import ingest, keep, measure, watch
from citytwin.engine.decode import Row
from citytwin.engine.health import Examiner
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import BadBatch
from citytwin.kernel.observation import Batch

from ..conftest import NOW

LEVEL = "t1.tank.level"
STEPS = [timedelta(), timedelta(hours=-3), timedelta(days=40), timedelta(minutes=-10), timedelta(days=-2), timedelta()]
"""Where the clock stands, one after another, seen from what is right."""


def at(moment: datetime, value: float) -> list[Row]:
    return [Row(LEVEL, moment, value)]


def test_a_reading_is_of_the_future_by_the_clock_as_it_is_set_now(twin: Twin, clock: FixedClock) -> None:
    intake = ingest.Intake(twin)
    for few in (True, False):
        for hours in (0, -3, 5, 0):
            clock.moment = NOW + timedelta(hours=hours)
            for ahead, taken in ((timedelta(minutes=4), True), (timedelta(minutes=6), False)):
                moment = clock.moment + ahead + timedelta(seconds=hours + 30 * few)
                unit = "" if few else "m"  # with a unit it goes the way of all batches
                if taken:
                    assert intake.send(at(moment, 2.0), unit).result(10).accepted == 1
                else:
                    with pytest.raises(BadBatch, match="1 of 1 rows") as caught:
                        intake.send(at(moment, 2.0), unit).result(10)
                    assert "in the future" in caught.value.faults[0].message
    intake.close()


def test_batches_keys_and_rollups_against_what_was_sent_while_the_clock_jumps(
    make_twin: Callable[..., Twin], clock: FixedClock, tmp_path: Path
) -> None:
    path = tmp_path / "city.duckdb"
    twin = make_twin(path=path)
    intake = ingest.Intake(twin)
    sent: dict[datetime, float] = {}
    receipts = {}
    for n, step in enumerate(STEPS):
        clock.moment = NOW + step
        moment = NOW - timedelta(days=4, minutes=-n)  # the clocks of the sources are right
        sent[moment] = float(n)
        receipts[f"k{n}"] = intake.send(at(moment, float(n)), key=f"k{n}").result(10)
        assert intake.send(at(moment, float(n)), key=f"k{n}").result(10).repeated
        assert intake.send(at(moment, float(n))).result(10).accepted == 1  # known again: not stored twice
        corrected = NOW - timedelta(days=4)
        sent[corrected] = 9 + n / 10
        assert (
            intake.send(at(corrected, 9 + n / 10)).result(10).corrected == 1
        )  # the last word holds, whatever time it came
        twin.store.roll()
    intake.close()
    for opened in (lambda: twin, lambda: _again(make_twin, twin, path)):
        store = opened().store
        found = store.fetch("SELECT time, value FROM observation ORDER BY time")
        assert dict(zip(found["time"].to_pylist(), found["value"].to_pylist(), strict=True)) == sent
        batches = store.fetch("SELECT batch, leaf, recorded FROM batch ORDER BY batch").to_pylist()
        assert [b["batch"] for b in batches] == list(range(1, len(batches) + 1))
        assert [b["leaf"] for b in batches] == sorted(b["leaf"] for b in batches)
        said = [b["recorded"] for b in batches if b["batch"] in {r.batch for r in receipts.values()}]
        assert said == [NOW + step for step in STEPS]  # what the clock said, and no better
        assert store.root()[1] == batches[-1]["leaf"] + 1
        store.roll()
        sums = store.fetch("SELECT sum(n) AS n, min(low) AS low, max(high) AS high FROM observation_hour").to_pylist()
        assert sums == [{"n": len(sent), "low": min(sent.values()), "high": max(sent.values())}]
        newest = store.latest()
        assert (newest["time"][0].as_py(), newest["value"][0].as_py()) == (max(sent), sent[max(sent)])


def _again(make_twin: Callable[..., Twin], twin: Twin, path: Path) -> Twin:
    """The city opened anew."""
    twin.store.close()
    return make_twin(path=path)


def test_what_waits_in_the_journal_is_taken_up_whatever_the_clock_said(
    make_twin: Callable[..., Twin], clock: FixedClock, tmp_path: Path
) -> None:
    twin = make_twin(path=tmp_path / "city.duckdb")
    intake = ingest.Intake(twin)
    for n, step in enumerate(STEPS):
        clock.moment = NOW + step
        intake.send(at(NOW - timedelta(days=4, minutes=-n), float(n)), key=f"k{n}").result(10)
    killed = tmp_path / "killed"
    killed.mkdir()
    for file in tmp_path.glob("city.duckdb*"):
        (killed / file.name).write_bytes(file.read_bytes())
    root = twin.store.root()
    intake.close()
    again = make_twin(path=killed / "city.duckdb")
    assert again.store.root() == root
    assert again.store.fetch("SELECT value FROM observation ORDER BY time")["value"].to_pylist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(days=30)])
def test_a_rule_on_an_indicator_is_judged_after_the_clock_was_set_back(
    twin: Twin, clock: FixedClock, readings: Callable[..., pa.Table], ahead: timedelta
) -> None:
    def come(value: float, hour: int, many: int) -> int:
        table = readings(LEVEL, NOW - timedelta(days=1, hours=-hour), [value] * many)
        twin.store.record([ingest.prepare(twin, Batch(table)).arrival])
        measure.measure(twin, clock.now())
        watch.watch(twin, clock.now())
        sql = "SELECT count(*) AS n FROM alarm WHERE rule = 'tank.month_high' AND cleared IS NULL"
        return int(twin.store.fetch(sql)["n"][0].as_py())

    clock.moment = NOW + ahead
    assert come(2.0, 0, 3) == 0
    clock.moment = NOW - timedelta(hours=2)
    assert come(9.0, 1, 3) == 1
    clock.moment = NOW
    assert come(0.0, 2, 24) == 0


def test_nothing_is_deleted_for_its_age_within_a_day_of_a_jump() -> None:
    """A clock that is ten years ahead for an hour must not delete what a city keeps for two."""
    ticks, moment = [0.0], [NOW]
    trust = keep.Trust(lambda: ticks[0])

    def after(seconds: float, jump: timedelta = timedelta()) -> bool:
        ticks[0] += seconds
        moment[0] += timedelta(seconds=seconds) + jump
        return trust.believes(moment[0])

    assert after(0)
    assert after(600, timedelta(seconds=40))  # as clocks are set right every day
    assert not after(600, timedelta(days=3650))
    assert not after(3600, timedelta(days=-3650))
    assert not after(86_000)
    assert after(600)
    assert not after(600, timedelta(hours=-1))


def test_health_by_a_clock_that_is_behind_calls_nobody_silent(
    twin: Twin, clock: FixedClock, readings: Callable[..., pa.Table]
) -> None:
    table = readings(LEVEL, NOW - timedelta(hours=2), [2.0] * 24)
    twin.store.record([ingest.prepare(twin, Batch(table)).arrival])
    twin.store.roll()
    for behind in (timedelta(), timedelta(hours=1), timedelta(days=3)):
        assert Examiner(twin).examine(NOW - behind).streams["state"].to_pylist() == ["fresh"]
