"""Rules, alarms and cases: one alarm per spell, judged anew where readings change it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from citytwin.engine import handle, hold, ingest, measure, watch
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import BadRequest, Conflict, NotFound
from citytwin.kernel.observation import Batch

from ..conftest import NOW

START = datetime(2025, 6, 30, 0, tzinfo=UTC)


def put(twin: Twin, table: pa.Table) -> None:
    twin.store.record([ingest.prepare(twin, Batch(table)).arrival])


def alarms(twin: Twin, rule: str = "tank.overfull") -> list[tuple[str, int, int | None, float]]:
    """(asset, minutes from START to begin, to end, value) of each alarm."""
    found = twin.store.fetch(
        "SELECT asset_id, since, cleared, value FROM alarm WHERE rule = $r ORDER BY asset_id, since", {"r": rule}
    ).to_pylist()

    def minutes(moment: datetime | None) -> int | None:
        return None if moment is None else int((moment - START).total_seconds() // 60)

    return [(r["asset_id"], minutes(r["since"]) or 0, minutes(r["cleared"]), r["value"]) for r in found]


def test_spells_with_deadband_and_delay_against_hand_judgement(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    # limit 4 (the brim), deadband 0.2, delay 10 min; a reading every 5 min
    put(twin, readings("t1.tank.level", START, [3.0, 4.5, 4.6, 3.9, 4.1, 3.7, 4.3, 3.0, 4.2, 4.4, 4.9]))
    watch.watch(twin, NOW)
    assert alarms(twin) == [
        ("t1", 5, 25, 4.6),
        ("t1", 40, None, 4.9),
    ]  # the lone 4.3 was too short; 3.9 lies in the deadband


def test_watching_twice_changes_nothing(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    put(twin, readings("t1.tank.level", START, [3.0, 4.5, 4.6, 4.7, 3.0]))
    assert watch.watch(twin, NOW) > 0
    before = alarms(twin)
    assert watch.watch(twin, NOW) == 0
    assert alarms(twin) == before


def test_a_spell_that_goes_on_stays_one_alarm(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    put(twin, readings("t1.tank.level", START, [4.5, 4.5, 4.5, 4.5]))
    watch.watch(twin, NOW)
    (first,) = twin.store.fetch("SELECT alarm FROM alarm WHERE rule = 'tank.overfull'")["alarm"].to_pylist()
    hold.acknowledge(twin, first, "王工")
    put(twin, readings("t1.tank.level", START + timedelta(minutes=20), [5.5, 3.0]))
    watch.watch(twin, NOW)
    assert alarms(twin) == [("t1", 0, 25, 5.5)]
    kept = twin.store.fetch("SELECT alarm, acknowledged_by FROM alarm WHERE rule = 'tank.overfull'").to_pylist()
    assert kept == [{"alarm": first, "acknowledged_by": "王工"}]


def test_a_correction_takes_an_alarm_back(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    put(twin, readings("t1.tank.level", START, [3.0, 4.5, 4.6, 4.7, 3.0]))
    watch.watch(twin, NOW)
    put(twin, readings("t1.tank.level", START + timedelta(minutes=5), [3.1, 3.2, 3.3]))
    watch.watch(twin, NOW)
    assert alarms(twin) == []


def test_batches_in_any_cut_against_one_judgement(
    make_twin: Callable[..., Twin], readings: Callable[..., pa.Table]
) -> None:
    import random

    draw = random.Random(3)
    values = [3.0 + draw.uniform(-0.5, 2.0) for _ in range(200)]
    whole, parts = make_twin(), make_twin()
    put(whole, readings("t1.tank.level", START - timedelta(days=1), values))
    watch.watch(whole, NOW)
    cuts = sorted(draw.sample(range(1, 200), 9))
    for a, b in zip([0, *cuts], [*cuts, 200], strict=True):
        put(parts, readings("t1.tank.level", START - timedelta(days=1) + timedelta(minutes=5 * a), values[a:b]))
        watch.watch(parts, NOW)
    assert alarms(parts) == alarms(whole)
    assert len(alarms(whole)) > 3


def test_silence_begins_with_the_last_reading_and_ends_with_the_next(
    twin: Twin, clock: FixedClock, readings: Callable[..., pa.Table]
) -> None:
    put(twin, readings("t1.tank.level", NOW - timedelta(hours=2), [1.0]))
    put(twin, readings("t2.tank.level", NOW - timedelta(minutes=30), [1.0]))
    watch.watch(twin, NOW)
    found = twin.store.fetch(
        "SELECT asset_id, since FROM alarm WHERE rule = 'tank.quiet' AND cleared IS NULL"
    ).to_pylist()
    assert found == [{"asset_id": "t1", "since": NOW - timedelta(hours=2)}]
    put(twin, readings("t1.tank.level", NOW - timedelta(minutes=1), [1.0]))
    watch.watch(twin, NOW)
    assert twin.store.fetch("SELECT cleared FROM alarm WHERE rule = 'tank.quiet'")["cleared"].to_pylist() == [NOW]


def test_rules_on_indicators(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    put(twin, readings("t1.tank.level", START, [3.5]))
    put(twin, readings("t2.tank.level", START, [2.5]))
    measure.measure(twin, NOW)
    watch.watch(twin, NOW)
    found = twin.store.fetch("SELECT asset_id, value, bound FROM alarm WHERE rule = 'tank.month_high'").to_pylist()
    assert found == [{"asset_id": "t1", "value": 3.5, "bound": 3.0}]
    put(twin, readings("t1.tank.level", START + timedelta(minutes=5), [0.5]))
    measure.measure(twin, NOW)
    watch.watch(twin, NOW)
    assert twin.store.fetch("SELECT count(*) AS n FROM alarm WHERE rule = 'tank.month_high'")["n"][0].as_py() == 0


def test_a_figure_that_is_taken_back_takes_its_alarm_back(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    put(twin, readings("t1.tank.level", START, [3.5]))
    measure.measure(twin, NOW)
    watch.watch(twin, NOW)
    assert alarms(twin, "tank.month_high")
    put(twin, readings("t1.tank.level", START, [3.5]).append_column("quality", pa.array([4])))
    measure.measure(twin, NOW)
    watch.watch(twin, NOW)
    assert alarms(twin, "tank.month_high") == []


def test_an_asset_without_the_attribute_has_no_limit(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    from citytwin.engine import catalog
    from citytwin.kernel.asset import Asset
    from citytwin.kernel.title import Title

    catalog.add(twin, [Asset("t9", "tank.basin", Title("九", "Nine"))])
    put(twin, readings("t9.tank.level", START, [9.0, 9.0, 9.0, 9.0]))
    watch.watch(twin, NOW)
    assert alarms(twin) == []


def test_a_case_opens_once_and_walks_its_steps(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    put(twin, readings("t1.tank.level", START, [4.5, 4.6, 4.7, 3.0, 4.5, 4.6, 4.7]))
    watch.watch(twin, NOW)
    assert handle.handle(twin, NOW) == 1  # the second spell finds a case open
    assert handle.handle(twin, NOW) == 0
    (case,) = twin.store.fetch("SELECT case_id, step, due FROM case_file").to_pylist()
    assert case["step"] == "inspect"
    assert case["due"] == datetime(2025, 7, 1, 16, tzinfo=UTC)  # Monday + 1 working day: the end of Tuesday in Shanghai
    with pytest.raises(BadRequest, match="does not follow"):
        handle.advance(twin, case["case_id"], "inspect", "李工")
    handle.advance(twin, case["case_id"], "repair", "李工", "更换阀门")
    handle.advance(twin, case["case_id"], "close", "陈工")
    with pytest.raises(Conflict):
        handle.advance(twin, case["case_id"], "close", "陈工")
    assert [(e["step"], e["actor"]) for e in handle.history(twin, case["case_id"])] == [
        ("inspect", ""),
        ("repair", "李工"),
        ("close", "陈工"),
    ]
    assert twin.store.fetch("SELECT closed IS NOT NULL AS c FROM case_file")["c"].to_pylist() == [True]


def test_unknown_alarms_and_cases_are_named(twin: Twin) -> None:
    with pytest.raises(NotFound, match="nope"):
        hold.acknowledge(twin, "nope", "x")
    with pytest.raises(NotFound, match="nope"):
        handle.advance(twin, "nope", "close", "x")
