"""Readings judged as they come in, against one judgement of all of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from citytwin.engine import heed, ingest, watch
from citytwin.engine.heed import Lookout
from citytwin.engine.twin import Twin
from citytwin.kernel.observation import Batch
from citytwin.kernel.rule import Rule, Season, Suppression
from citytwin.kernel.store import Change
from citytwin.kernel.title import Title

from ..conftest import NOW
from .test_hold import HIGH, history, ruled, states

START = datetime(2025, 6, 29, 12, tzinfo=UTC)
TITLE = Title("甲", "A")
RULES = (
    replace(HIGH, above="brim_m", deadband=0.3),
    Rule("tank.slow", TITLE, "low", stream="tank.level", above=3.5, on_delay_s=600, off_delay_s=600),
    Rule("tank.band", TITLE, "low", stream="tank.level", outside=(2.0, 5.0), off_delay_s=300),
    Rule("tank.stuck", TITLE, "low", stream="tank.level", stuck_s=900, deadband=0.001),
    Rule("tank.night", TITLE, "low", stream="tank.level", above=4.5, seasons=(Season(hours=(22, 6), above=3.0),)),
    Rule("tank.rising", TITLE, "low", stream="tank.level", rising=2.0, over_s=600),
)


def drawn(draw: random.Random, count: int) -> list[dict[str, Any]]:
    """Readings of three tanks, every five minutes, often the same twice."""
    found, level = [], {1: 3.0, 2: 4.0, 3: 2.0}
    for n in range(count):
        for tank in level:
            if draw.random() < 0.6:
                level[tank] = round(min(6.0, max(1.0, level[tank] + draw.choice([-1.5, -0.5, 0.4, 1.0, 2.0]))), 2)
            found.append(
                {"stream": f"t{tank}.tank.level", "time": START + timedelta(minutes=5 * n), "value": level[tank]}
            )
    return found


def put(twin: Twin, given: list[dict[str, Any]]) -> None:
    time = pa.array([r["time"] for r in given], pa.timestamp("us", tz="UTC"))
    quality = pa.array([r.get("quality", 1) for r in given])
    columns = {
        "stream": [r["stream"] for r in given],
        "time": time,
        "value": [r["value"] for r in given],
        "quality": quality,
    }
    twin.store.record([ingest.prepare(twin, Batch(pa.table(columns))).arrival])


def alarms(twin: Twin) -> list[dict[str, Any]]:
    sql = "SELECT rule, asset_id, since, cleared, value, bound, state FROM alarm ORDER BY rule, asset_id, since"
    return list(twin.store.fetch(sql).to_pylist())


def test_batches_judged_as_they_come_against_one_judgement(make_twin: Callable[..., Twin]) -> None:
    for seed in range(2):
        draw = random.Random(seed)
        given = drawn(draw, 36)
        whole = ruled(make_twin(), *RULES)
        quick = ruled(make_twin(), *RULES)
        lookout = Lookout(quick)
        late: list[dict[str, Any]] = []
        while given:
            size = draw.choice([1, 3, 10, 40])
            batch, given = given[:size], given[size:]
            late += [r for r in batch if draw.random() < 0.1]  # comes later, or comes once more with another value
            put(quick, [r for r in batch if r not in late[-3:]] or batch)
            if draw.random() < 0.6:  # else it is judged with what comes next
                lookout.drain()
            if late and draw.random() < 0.3:
                put(
                    quick,
                    [
                        {**r, "value": r["value"] + draw.choice([0.0, 1.0]), "quality": draw.choice([1, 1, 4])}
                        for r in late
                    ],
                )
                late = []
            if draw.random() < 0.2:
                watch.watch(quick, NOW, lookout)
            if draw.random() < 0.1:  # it starts anew
                watch.watch(quick, NOW, lookout)
                lookout = Lookout(quick)
                for rule in quick.rules.values():
                    lookout.renew(rule, True)
        watch.watch(quick, NOW, lookout)
        time = pa.timestamp("us", tz="UTC")
        final = quick.store.fetch("SELECT stream, time, value FROM observation ORDER BY stream, time")
        put(whole, final.set_column(1, "time", final["time"].cast(time)).to_pylist())
        watch.watch(whole, NOW)
        assert alarms(quick) == alarms(whole)
        assert len(alarms(whole)) > 20
        before = history(quick)
        assert watch.watch(quick, NOW, lookout) == 0
        assert history(quick) == before


def test_an_alarm_is_on_record_before_anybody_watches(twin: Twin) -> None:
    city = ruled(twin, *RULES[:1])
    heard: list[Any] = []
    city.alarm_heard.append(heard.extend)
    lookout = Lookout(city)
    put(city, [{"stream": "t1.tank.level", "time": START, "value": 4.5}])
    lookout.drain()
    assert states(city) == ["active"]
    put(city, [{"stream": "t1.tank.level", "time": START + timedelta(minutes=5), "value": 3.0}])
    lookout.drain()
    assert states(city) == ["cleared"]
    assert [(r["rule"], r["asset_id"], r["before"], r["state"]) for r in heard] == [
        ("tank.high", "t1", "", "active"),
        ("tank.high", "t1", "active", "cleared"),
    ]


def test_what_was_judged_as_it_came_is_not_judged_again(twin: Twin, monkeypatch: Any) -> None:
    city = ruled(twin, *RULES[:1])
    lookout = Lookout(city)
    watch.watch(city, NOW, lookout)
    put(city, [{"stream": "t1.tank.level", "time": START, "value": 4.5}])
    judged: list[str] = []
    true = watch.judge
    monkeypatch.setattr(watch, "judge", lambda twin, rule, *rest: judged.append(rule.id) or true(twin, rule, *rest))
    watch.watch(city, NOW, lookout)
    assert judged == []
    put(city, [{"stream": "t1.tank.level", "time": START - timedelta(minutes=5), "value": 4.5}])
    watch.watch(city, NOW, lookout)
    assert judged == ["tank.high"]
    assert [a["since"] for a in alarms(city)] == [START - timedelta(minutes=5)]


def test_a_reading_that_is_withdrawn_is_forgotten(twin: Twin) -> None:
    city = ruled(twin, *RULES[:1])
    lookout = Lookout(city)
    put(city, [{"stream": "t1.tank.level", "time": START - timedelta(minutes=5), "value": 3.0}])
    put(city, [{"stream": "t1.tank.level", "time": START, "value": 4.5}])
    watch.watch(city, NOW, lookout)
    gone = pa.table({"stream": ["t1.tank.level"], "time": pa.array([START], pa.timestamp("us", tz="UTC"))})
    assert city.store.retract(gone) == 1
    watch.watch(city, NOW, lookout)
    assert states(city) == []
    put(city, [{"stream": "t1.tank.level", "time": START + timedelta(minutes=5), "value": 4.6}])
    lookout.drain()
    assert [a["since"] for a in alarms(city)] == [START + timedelta(minutes=5)]


def test_one_cause_raises_no_others_not_even_for_a_moment(twin: Twin) -> None:
    pairs = pa.table({"source": [f"t{n}" for n in (1, 2)], "target": ["t3", "t3"]})
    twin.store.commit(
        Change("INSERT INTO relation_row SELECT source, 'tank.spills_to', target FROM p", tables={"p": pairs})
    )
    low = Rule("tank.low", TITLE, "critical", stream="tank.level", below=1.0)
    city = ruled(twin, replace(HIGH, suppressed_by=(Suppression("tank.low", "tank.spills_to"),)), low)
    lookout = Lookout(city)
    put(city, [{"stream": f"t{n}.tank.level", "time": START, "value": v} for n, v in ((1, 5.0), (2, 5.0), (3, 0.5))])
    lookout.drain()
    assert sorted(h[1] for h in history(city)) == ["active", "suppressed", "suppressed"]


def test_a_thread_judges_and_ends(make_twin: Callable[..., Twin], tmp_path: Path) -> None:
    city = ruled(make_twin(path=tmp_path / "c.duckdb"), *RULES[:1])
    lookout = Lookout(city)
    lookout.start()
    put(city, [{"stream": "t1.tank.level", "time": START, "value": 4.5}])
    lookout.drain()
    assert states(city) == ["active"]
    lookout.close()
    put(city, [{"stream": "t1.tank.level", "time": START + timedelta(minutes=5), "value": 1.0}])
    assert states(city) == ["active"]  # nobody looks out any more
    watch.watch(city, NOW)
    assert states(city) == ["cleared"]


def test_a_reading_corrected_before_it_was_judged_against_one_judgement(make_twin: Callable[..., Twin]) -> None:
    given = [
        {"stream": "t1.tank.level", "time": START + timedelta(minutes=5 * n), "value": value}
        for n, value in enumerate((3.0, 4.5, 3.0))
    ]
    quick, whole = ruled(make_twin(), *RULES[:1]), ruled(make_twin(), *RULES[:1])
    lookout = Lookout(quick)
    put(quick, given)
    put(quick, [{**given[1], "value": 3.5}])
    lookout.drain()  # both at once
    watch.watch(quick, NOW, lookout)
    put(whole, [given[0], {**given[1], "value": 3.5}, given[2]])
    watch.watch(whole, NOW)
    assert alarms(quick) == alarms(whole) == []
    assert history(quick) == []


def test_what_found_no_room_is_judged_by_the_watch(twin: Twin, monkeypatch: Any) -> None:
    monkeypatch.setattr(heed, "MOST", 1)
    city = ruled(twin, *RULES[:1])
    lookout = Lookout(city)
    for n, value in enumerate((3.0, 3.1, 4.5, 4.6)):
        put(city, [{"stream": "t1.tank.level", "time": START + timedelta(minutes=5 * n), "value": value}])
    lookout.drain()
    assert states(city) == []
    watch.watch(city, NOW, lookout)
    assert [(a["since"], a["value"]) for a in alarms(city)] == [(START + timedelta(minutes=10), 4.6)]
    put(city, [{"stream": "t1.tank.level", "time": START + timedelta(minutes=20), "value": 3.0}])
    lookout.drain()
    assert states(city) == ["cleared"]
