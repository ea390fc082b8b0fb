"""Rules that judge by what a stream has shown: as readings come in, against one judgement of all of them, over late readings and restarts."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from citytwin.engine import watch
from citytwin.engine.expect import expected
from citytwin.engine.heed import Lookout
from citytwin.engine.learn import Memory
from citytwin.engine.twin import Twin
from citytwin.kernel.rule import Rule
from citytwin.kernel.store import Change

from ..conftest import NOW
from .test_heed import TITLE, alarms, history, put, ruled

STEP = timedelta(minutes=40)
LEARNED = (
    Rule("tank.off", TITLE, "low", stream="tank.level", deviation=4.0, learn_days=5, deadband=0.02),
    Rule("tank.ewma", TITLE, "low", stream="tank.level", deviation=1.2, method="ewma", learn_days=5, deadband=0.05, off_delay_s=7200),
    Rule("tank.cusum", TITLE, "low", stream="tank.level", deviation=1.5, method="cusum", learn_days=6, deadband=0.05, on_delay_s=3600),
    Rule("tank.strange", TITLE, "low", stream="tank.level", unusual_days=2.0, learn_days=6),
)  # fmt: skip


def drawn(seed: int, days: int = 10) -> list[dict[str, Any]]:
    """Readings of three tanks with a daily course and noise; one creeps, one jumps, one has a wild day."""
    noise = np.random.default_rng(seed)
    count = int(timedelta(days=days) / STEP)
    found = []
    for n in range(count):
        part = n / count
        for tank in (1, 2, 3):
            level = 3.0 + 0.5 * np.sin(2 * np.pi * n / 36) + noise.normal(0.0, 0.1)
            level += {
                1: 0.6 * max(0.0, part - 0.6),
                2: 0.8 * (0.7 < part < 0.8),
                3: noise.normal(0.0, 1.0) * (0.85 < part < 0.9),
            }[tank]
            time = NOW - timedelta(days=days) + n * STEP
            found.append({"stream": f"t{tank}.tank.level", "time": time, "value": round(float(level), 3)})
    return found  # fmt: skip


def kept(lookout: Lookout) -> None:
    for n in lookout._memory:
        lookout._twin.store.commit(*lookout._keep(n))


def test_batches_judged_as_they_come_against_one_judgement(make_twin: Callable[..., Twin]) -> None:
    seed = 1
    draw = random.Random(seed)
    given = drawn(seed)
    whole, quick = ruled(make_twin(), *LEARNED), ruled(make_twin(), *LEARNED)
    lookout = Lookout(quick)
    watch.watch(whole, NOW)
    watch.watch(quick, NOW, lookout)
    late: list[dict[str, Any]] = []
    while given:
        size = draw.choice([1, 60, 150, 250])
        batch, given = given[:size], given[size:]
        late += [r for r in batch if draw.random() < 0.01]  # comes later, or comes once more with another value
        put(quick, [r for r in batch if r not in late[-1:]] or batch)
        lookout.drain()
        if late and draw.random() < 0.4:
            put(quick, [{**r, "value": r["value"] + draw.choice([0.0, 1.0]), "quality": draw.choice([1, 1, 4])} for r in late])  # fmt: skip
            late = []
        if draw.random() < 0.1:
            time = pa.timestamp("us", tz="UTC")
            some = quick.store.fetch("SELECT stream, time FROM observation ORDER BY time, stream")
            some = some.slice(draw.randrange(some.num_rows), 1)
            quick.store.retract(some.set_column(1, "time", some["time"].cast(time)))
        if draw.random() < 0.4:
            watch.watch(quick, NOW, lookout)
        if draw.random() < 0.2:  # it starts anew; what it remembered was put on record, or was not
            if draw.random() < 0.7:
                kept(lookout)
                put(quick, given[:7])
            watch.watch(quick, NOW)
            lookout = Lookout(quick)
            for rule in quick.rules.values():
                lookout.renew(rule, True)
    watch.watch(quick, NOW, lookout)
    final = quick.store.fetch("SELECT stream, time, value FROM observation ORDER BY stream, time")
    put(whole, final.set_column(1, "time", final["time"].cast(pa.timestamp("us", tz="UTC"))).to_pylist())
    watch.watch(whole, NOW)
    assert alarms(quick) == alarms(whole)
    assert {a["rule"] for a in alarms(whole)} == {r.id for r in LEARNED}
    before = history(quick)
    assert watch.watch(quick, NOW, lookout) == 0
    assert history(quick) == before


@pytest.mark.parametrize(("change", "bound"), [("correct", 1.85), ("withdraw", 2.1)])
def test_what_is_usual_follows_what_changed_of_the_days_before(twin: Twin, change: str, bound: float) -> None:
    """Medians by hand: 1.75 of six days; 1.25 once one at 2 is corrected to 1, 1.5 once it is withdrawn."""
    rule = Rule("tank.off", TITLE, "low", stream="tank.level", deviation=0.01, deadband=0.6, learn_days=6)
    city = ruled(twin, rule)
    hour = NOW - timedelta(hours=2)
    lookout = Lookout(city)
    watch.watch(city, NOW, lookout)

    def came(time: Any, value: float) -> None:
        put(city, [{"stream": "t1.tank.level", "time": time, "value": value}])
        lookout.drain()

    for n, value in enumerate([2.0, 2.0, 2.0, 1.0, 1.0, 1.5]):
        came(hour - timedelta(days=6 - n), value)
    came(hour, 1.75)
    watch.watch(city, NOW, lookout)
    assert alarms(city) == []
    day = hour - timedelta(days=6)
    if change == "correct":
        came(day, 1.0)
    else:
        gone = pa.table({"stream": ["t1.tank.level"], "time": pa.array([day], pa.timestamp("us", tz="UTC"))})
        assert city.store.retract(gone) == 1
    watch.watch(city, NOW, lookout)
    assert alarms(city) == []
    high = hour + timedelta(minutes=20)
    came(high, 2.15)  # judged by the days as they are now, at once
    assert [(a["since"], a["cleared"], a["bound"]) for a in alarms(city)] == [(high, None, pytest.approx(bound))]
    came(hour + timedelta(minutes=40), 1.6)
    assert [a["cleared"] for a in alarms(city)] == [hour + timedelta(minutes=40)]


@pytest.mark.parametrize("meanwhile", ["nothing", "more", "late"])
def test_a_memory_over_a_restart_against_one_learned_anew(twin: Twin, meanwhile: str) -> None:
    city = ruled(twin, *LEARNED[1:])
    given = drawn(3, days=9)
    lookout = Lookout(city)
    watch.watch(city, NOW, lookout)
    put(city, given[:-30])
    lookout.drain()
    watch.watch(city, NOW, lookout)
    kept(lookout)
    if meanwhile == "more":
        put(city, given[-30:])
    if meanwhile == "late":
        put(city, [{**given[400], "value": 1.0}])
    known = []
    for _ in range(2):
        watch.watch(city, NOW)
        again = Lookout(city)
        for rule in city.rules.values():
            again.renew(rule, True)
        at = {a: k for k, a in enumerate(again._cells.assets) if again._cells.rule[k] == 0}
        order = again._cells.place[[at[a] for a in ("t1", "t2", "t3")]]
        known.append([again._memory[n].known(order) for n in again._memory])
        city.store.commit(Change("DELETE FROM rule_memory"))
    for remembered, learned in zip(*known, strict=True):
        for name, column in learned.items():
            np.testing.assert_array_equal(remembered[name], column, name)


def test_a_memory_is_taken_up_where_it_was_left(twin: Twin, monkeypatch: Any) -> None:
    city = ruled(twin, LEARNED[2])
    lookout = Lookout(city)
    watch.watch(city, NOW, lookout)
    put(city, drawn(3, days=9))
    lookout.drain()
    watch.watch(city, NOW, lookout)
    kept(lookout)
    judged: list[int] = []
    true = Memory.judge
    monkeypatch.setattr(Memory, "judge", lambda self, stream, *rest: judged.append(len(stream)) or true(self, stream, *rest))  # fmt: skip
    again = Lookout(city)
    for rule in city.rules.values():
        again.renew(rule, True)
    assert judged == []


def test_deviations_as_on_a_working_day_against_medians_by_hand(twin: Twin) -> None:
    """June 2025: the 2nd was a day off (Dragon Boat); working days are at 5 and days off at 1, each with 0.1 between them."""
    rule = Rule("tank.off", TITLE, "low", stream="tank.level", deviation=3.0, learn_days=28, alike="workday")
    city = ruled(twin, rule)
    off = {1, 2, 7, 8, 14, 15, 21, 22, 28, 29}
    day = NOW - timedelta(days=30)  # the 31st of May
    given = [{"stream": "t1.tank.level", "time": day + timedelta(days=n), "value": (1.0 if n in off or n == 0 else 5.0) + 0.1 * (n % 3)} for n in range(30)]  # fmt: skip
    put(city, given)
    when = [NOW - timedelta(days=1), NOW]  # Sunday and Monday
    time = np.array([int(t.timestamp() * 1e6) for t in when])
    middle, spread = expected(city, rule, ["t1"], np.zeros(2, np.int64), time)
    assert middle.tolist() == pytest.approx([1.1, 5.1])
    assert spread.max() < 0.2
    every, _ = expected(city, replace(rule, alike="all"), ["t1"], np.zeros(2, np.int64), time)
    assert every.tolist() == pytest.approx([5.0, 5.0], abs=0.21)


def test_a_city_that_was_closed_goes_on_from_where_it_was(make_twin: Callable[..., Twin], tmp_path: Path, monkeypatch: Any) -> None:  # fmt: skip
    city = ruled(make_twin(path=tmp_path / "c.duckdb"), *LEARNED)
    given = drawn(4, days=9)
    lookout = Lookout(city)
    lookout.start()
    put(city, given[:-60])
    lookout.close()
    judged: list[int] = []
    true = Memory.judge
    monkeypatch.setattr(Memory, "judge", lambda self, stream, *rest: judged.append(len(stream)) or true(self, stream, *rest))  # fmt: skip
    again = Lookout(city)
    again.start()
    assert judged == []
    again.close()
    put(city, given[-60:-30])  # while nobody looks out
    again = Lookout(city)
    again.start()
    count = sum(judged)
    put(city, given[-30:])
    again.drain()
    assert sum(judged) - count == 3 * 30  # three rules with a memory, and no reading twice
    again.close()

    def late() -> list[dict[str, Any]]:
        return [a for a in alarms(city) if a["since"] > NOW - timedelta(days=4)]

    found = late()
    city.store.commit(*(Change(f"DELETE FROM {table}") for table in ("alarm_row", "watermark", "pending_row")))
    watch.watch(city, NOW)  # a rule that is new is judged for its last days
    assert late() == found
    assert found
