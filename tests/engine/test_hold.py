"""Alarms that people answer, and alarms that others explain: states and history, on a tiny city."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from citytwin.engine import handle, hold, ingest, watch
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import BadRequest, Conflict, NotFound
from citytwin.kernel.observation import Batch
from citytwin.kernel.rule import Rule, Season, Suppression
from citytwin.kernel.store import Change
from citytwin.kernel.title import Title

from ..conftest import NOW

START = datetime(2025, 6, 30, 0, tzinfo=UTC)
HIGH = Rule("tank.high", Title("高", "High"), "high", stream="tank.level", above=4.0)


def ruled(twin: Twin, *rules: Rule) -> Twin:
    """The twin with these rules and no others."""
    return replace(twin, packs=[replace(p, rules=rules) for p in twin.packs])


def put(twin: Twin, table: pa.Table) -> None:
    twin.store.record([ingest.prepare(twin, Batch(table)).arrival])
    watch.watch(twin, twin.clock.now())


def states(twin: Twin, rule: str = "tank.high") -> list[str]:
    sql = "SELECT state FROM alarm WHERE rule = $rule ORDER BY asset_id, since"
    return list(twin.store.fetch(sql, {"rule": rule})["state"].to_pylist())


def history(twin: Twin) -> list[tuple[str, str, str, str]]:
    found = twin.store.fetch("SELECT before, state, actor, reason FROM alarm_history ORDER BY n").to_pylist()
    return [(r["before"], r["state"], r["actor"], r["reason"]) for r in found]


def first(twin: Twin) -> str:
    return str(twin.store.fetch("SELECT alarm FROM alarm ORDER BY since LIMIT 1")["alarm"][0].as_py())


def spans(twin: Twin) -> list[tuple[str, int, int | None]]:
    found = twin.store.fetch("SELECT asset_id, since, cleared FROM alarm ORDER BY asset_id, since").to_pylist()

    def at(t: datetime | None) -> int | None:
        return None if t is None else int((t - START).total_seconds() // 60)

    return [(r["asset_id"], at(r["since"]) or 0, at(r["cleared"])) for r in found]


def test_a_latching_alarm_against_the_diagram(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    city = ruled(twin, replace(HIGH, latching=True))
    put(city, readings("t1.tank.level", START, [5.0, 3.0]))
    assert states(city) == ["latched"]
    with pytest.raises(Conflict, match="latched cannot reset"):
        hold.reset(city, first(city), "王工")
    hold.acknowledge(city, first(city), "王工")
    assert states(city) == ["latched_acknowledged"]
    watch.watch(city, NOW)
    hold.reset(city, first(city), "李工")
    assert states(city) == ["cleared"]
    assert history(city) == [
        ("", "latched", "", ""),
        ("latched", "latched_acknowledged", "王工", ""),
        ("latched_acknowledged", "cleared", "李工", ""),
    ]


def test_an_alarm_that_must_be_acknowledged_stays_until_it_is(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    city = ruled(twin, replace(HIGH, must_acknowledge=True))
    put(city, readings("t1.tank.level", START, [5.0]))
    put(city, readings("t1.tank.level", START + timedelta(minutes=5), [3.0, 5.0]))
    assert states(city) == ["returned", "active"]
    hold.acknowledge(city, first(city), "王工")
    assert states(city) == ["cleared", "active"]
    assert [h[:2] for h in history(city)] == [("", "active"), ("active", "returned"), ("", "active"), ("returned", "cleared")]  # fmt: skip


def test_a_shelf_ends_and_what_still_holds_is_told_anew(
    twin: Twin, clock: FixedClock, readings: Callable[..., pa.Table]
) -> None:
    city = ruled(twin, HIGH)
    put(city, readings("t1.tank.level", START, [5.0]))
    hold.acknowledge(city, first(city), "王工")
    hold.put(city, "shelved", "tank.high", "t1", "清淤", "王工", NOW + timedelta(hours=1))
    assert states(city) == ["shelved"]
    with pytest.raises(Conflict, match="shelved already"):
        hold.put(city, "shelved", "tank.high", "t1", "again", "王工", NOW + timedelta(hours=1))
    with pytest.raises(Conflict, match="shelved cannot acknowledge"):
        hold.acknowledge(city, first(city), "王工")
    clock.moment = NOW + timedelta(hours=1)
    watch.watch(city, clock.now())
    assert states(city) == ["active"]
    assert history(city)[2:] == [("acknowledged", "shelved", "王工", "清淤"), ("shelved", "active", "", "")]
    assert watch.watch(city, clock.now()) == 0
    assert len(history(city)) == 4


def test_out_of_service_lasts_until_it_is_released_and_outdoes_a_shelf(
    twin: Twin, readings: Callable[..., pa.Table]
) -> None:
    city = ruled(twin, HIGH)
    number = hold.put(city, "out_of_service", "tank.high", "*", "大修", "王工")
    hold.put(city, "shelved", "tank.high", "t1", "x", "王工", NOW + timedelta(hours=1))
    put(city, readings("t1.tank.level", START, [5.0]))
    put(city, readings("t2.tank.level", START, [5.0]))
    assert states(city) == ["out_of_service", "out_of_service"]
    hold.release(city, number, "李工")
    assert states(city) == ["shelved", "active"]
    with pytest.raises(Conflict, match="has ended"):
        hold.release(city, number, "李工")
    with pytest.raises(NotFound):
        hold.release(city, 99, "李工")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reason": " "}, "for a reason"),
        ({"until": None}, "has an end"),
        ({"until": NOW}, "is past"),
        ({"kind": "asleep"}, "not a way"),
    ],
)
def test_a_hold_that_says_too_little_is_refused(twin: Twin, given: Mapping[str, Any], said: str) -> None:
    whole = {"kind": "shelved", "reason": "x", "until": NOW + timedelta(hours=1), **given}
    with pytest.raises(BadRequest, match=said):
        hold.put(ruled(twin, HIGH), whole["kind"], "tank.high", "t1", whole["reason"], "王工", whole["until"])


def test_one_cause_tells_one_alarm_however_many_it_explains(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    # t1 and t2 spill to t3, by way of one another; what is low at t3 explains what is high above it
    pairs = pa.table({"source": ["t1", "t2"], "target": ["t2", "t3"]})
    twin.store.commit(Change("INSERT INTO relation_row SELECT source, 'tank.spills_to', target FROM p", tables={"p": pairs}))  # fmt: skip
    low = Rule("tank.low", Title("低", "Low"), "critical", stream="tank.level", below=1.0)
    high = replace(HIGH, suppressed_by=(Suppression("tank.low", "tank.spills_to"),), opens="tank.spill")
    city = ruled(twin, high, low)
    for n, values in ((1, [5.0]), (2, [5.0]), (3, [0.5])):
        put(city, readings(f"t{n}.tank.level", START, values))
    cause = city.store.fetch("SELECT alarm FROM alarm WHERE rule = 'tank.low'")["alarm"][0].as_py()
    assert states(city) == ["suppressed", "suppressed"]
    assert set(city.store.fetch("SELECT parent FROM alarm WHERE rule = 'tank.high'")["parent"].to_pylist()) == {cause}
    assert states(city, "tank.low") == ["active"]
    assert handle.handle(city, NOW) == 0  # what is held back is nobody's work
    put(city, readings("t3.tank.level", START + timedelta(minutes=5), [2.0]))
    assert states(city) == ["active", "active"]
    assert states(city, "tank.low") == ["cleared"]
    assert handle.handle(city, NOW) == 2


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        (replace(HIGH, off_delay_s=600), [5, 3, 5, 3, 3, 3, 5], [("t1", 0, 15), ("t1", 30, None)]),
        (replace(HIGH, above=None, stuck_s=600, deadband=0.01), [1, 2, 2, 2.005, 2, 3, 3, 4], [("t1", 5, 25)]),
        (replace(HIGH, above=None, rising=1.5, over_s=600), [1, 2, 3, 4, 4, 4, 4], [("t1", 10, 20)]),
        # 8 in the morning in Shanghai; from 9 on the limit is lower
        (replace(HIGH, seasons=(Season(hours=(9, 17), above=2.0),)), [3] * 13, [("t1", 60, None)]),
        (replace(HIGH, seasons=(Season(months=(1, 2), above=2.0), Season(weekdays=(1,), above=2.5))), [3, 2], [("t1", 0, 5)]),
        (replace(HIGH, above=1.0, against="tank.filled"), [3, 5, 3], [("t1", 5, 10)]),
    ],
)  # fmt: skip
def test_conditions_against_hand_judgement(
    twin: Twin, readings: Callable[..., pa.Table], rule: Rule, values: list[float], expected: list[Any]
) -> None:
    city = ruled(twin, rule)
    put(city, readings("t1.tank.filled", START, [3.5]))
    put(city, readings("t1.tank.level", START, values))
    assert spans(city) == expected
    before = history(city)
    assert watch.watch(city, NOW) == 0
    assert history(city) == before


def test_a_correction_takes_an_alarm_back_and_says_so(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    city = ruled(twin, HIGH)
    put(city, readings("t1.tank.level", START, [5.0]))
    put(city, readings("t1.tank.level", START, [3.0]))
    assert states(city) == []
    assert history(city) == [("", "active", "", ""), ("active", "cleared", "", "withdrawn")]


def test_a_correction_makes_a_state_long_enough(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    city = ruled(twin, replace(HIGH, on_delay_s=900))
    put(city, readings("t1.tank.level", START, [3, 5, 5, 3, 5]))
    assert spans(city) == []
    put(city, readings("t1.tank.level", START + timedelta(minutes=15), [5]))
    assert spans(city) == [("t1", 5, None)]  # and not from the corrected reading on


def test_a_forecast_beyond_the_limit_is_an_alarm_until_a_run_sees_it_no_more(twin: Twin) -> None:
    city = ruled(twin, replace(HIGH, stream="", forecast="tank.level"))

    def run(name: str, until: datetime, value: float) -> None:
        city.store.commit(
            Change(
                "INSERT INTO run_row VALUES ($run, 'm', 'done', '', '{}', $until, $until, $until, '{}', '')",
                {"run": name, "until": until},
            ),
            Change(
                "INSERT INTO forecast_row VALUES ($run, 't1.tank.level', $time, $value)",
                {"run": name, "time": NOW + timedelta(hours=1), "value": value},
            ),
        )

    run("r1", NOW - timedelta(hours=2), 5.0)
    watch.watch(city, NOW)
    assert states(city) == ["active"]
    run("r2", NOW - timedelta(hours=1), 3.0)
    watch.watch(city, NOW)
    assert states(city) == ["cleared"]


def test_a_forecast_waits_for_its_delay_and_ends_by_its_deadband(twin: Twin) -> None:
    city = ruled(twin, replace(HIGH, stream="", forecast="tank.level", deadband=0.5, on_delay_s=5400))

    def run(until: datetime, value: float) -> list[str]:
        name = f"{until}{value}"
        values = {"run": name, "until": until}
        city.store.commit(
            Change("INSERT INTO run_row VALUES ($run, 'm', 'done', '', '{}', $until, $until, $until, '{}', '')", values),
            Change("INSERT INTO forecast_row VALUES ($run, 't1.tank.level', $time, $value)", {"run": name, "time": NOW + timedelta(hours=1), "value": value}),
        )  # fmt: skip
        watch.watch(city, NOW)
        return states(city)

    assert run(NOW - timedelta(hours=3), 3.7) == []  # within the deadband, and no alarm was there
    assert run(NOW - timedelta(hours=2), 5.0) == ["active"]
    assert run(NOW - timedelta(hours=1), 3.7) == ["active"]
    assert run(NOW - timedelta(minutes=50), 3.4) == ["cleared"]
    assert run(NOW - timedelta(minutes=40), 5.0) == ["cleared"]  # not yet for an hour and a half


def test_alarms_of_a_rule_that_is_no_longer_declared_are_let_go(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    city = ruled(twin, replace(HIGH, latching=True), replace(HIGH, id="tank.other", must_acknowledge=True))
    put(city, readings("t1.tank.level", START, [5.0]))
    put(city, readings("t2.tank.level", START, [5.0, 3.0]))
    assert (states(city), states(city, "tank.other")) == (["active", "latched"], ["active", "returned"])
    less = ruled(city, HIGH)
    watch.retire(less, NOW)
    assert (states(less), states(less, "tank.other")) == (["active", "latched"], ["cleared", "cleared"])
    before = history(less)
    assert before[-2:] == [("active", "cleared", "", "rule withdrawn"), ("returned", "cleared", "", "rule withdrawn")]
    watch.retire(less, NOW)
    assert history(less) == before


def test_a_deviation_against_what_the_hour_brought_before(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    city = ruled(twin, replace(HIGH, above=None, deviation=4.0))
    last = NOW - timedelta(hours=3)
    first = last - timedelta(days=8)
    # the means of an hour are -0.1, 0 and 0.1 around a daily course, in turn; the spread is 1.4826 times a MAD of 0.1
    day = [2.0 + (h % 24) / 10 + ((h // 24) % 3 - 1) / 10 for h in range(8 * 24)]
    put(city, readings("t1.tank.level", first, day, 3600))
    assert states(city) == []
    put(city, readings("t1.tank.level", last, [2.0 + 0.6, 2.6, 1.5], 3600))
    found = city.store.fetch("SELECT since, value, bound FROM alarm ORDER BY since").to_pylist()
    assert [(r["since"], r["value"]) for r in found] == [(last, 2.6), (last + timedelta(hours=2), 1.5)]
    assert [r["bound"] for r in found] == pytest.approx([2.0 + 4 * 0.14826, 2.2 - 4 * 0.14826])
