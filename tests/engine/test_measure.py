"""Indicators: computed anew where readings came in, and only there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from citytwin.engine import ingest, measure
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import BadDeclaration
from citytwin.kernel.observation import Batch
from citytwin.kernel.store import Change

from ..conftest import NOW

DAY = datetime(2025, 6, 28, 16, tzinfo=UTC)  # midnight in Shanghai, the 29th


def put(twin: Twin, table: pa.Table) -> None:
    twin.store.record([ingest.prepare(twin, Batch(table)).arrival])


def figures(twin: Twin, indicator: str) -> dict[tuple[str, datetime], float]:
    found = twin.store.fetch(
        "SELECT asset_id, period, value FROM indicator_value WHERE indicator = $i", {"i": indicator}
    ).to_pylist()
    return {(r["asset_id"], r["period"]): r["value"] for r in found}


def test_daily_and_monthly_means_against_hand_values(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    put(twin, readings("t1.tank.level", DAY, [1.0, 2.0, 3.0]))
    put(twin, readings("t1.tank.level", DAY + timedelta(days=1), [5.0]))
    changed = measure.measure(twin, NOW)
    assert figures(twin, "tank.level_mean") == {("t1", DAY): 2.0, ("t1", DAY + timedelta(days=1)): 5.0}
    assert figures(twin, "tank.level_month") == {("t1", datetime(2025, 5, 31, 16, tzinfo=UTC)): 3.5}
    assert changed == {"tank.level_mean": DAY, "tank.level_month": datetime(2025, 5, 31, 16, tzinfo=UTC)}


def test_a_second_call_does_nothing(
    twin: Twin, readings: Callable[..., pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(twin, readings("t1.tank.level", DAY, [1.0]))
    measure.measure(twin, NOW)
    monkeypatch.setattr(measure, "evaluate", lambda *_: pytest.fail("computed again"))
    assert measure.measure(twin, NOW) == {}


def test_a_late_reading_restates_and_keeps_the_figure_before(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    put(twin, readings("t1.tank.level", DAY + timedelta(days=1), [4.0]))
    put(twin, readings("t1.tank.level", DAY, [1.0]))
    measure.measure(twin, NOW)
    put(twin, readings("t1.tank.level", DAY + timedelta(hours=1), [3.0]))
    assert measure.measure(twin, NOW)["tank.level_mean"] == DAY
    assert figures(twin, "tank.level_mean")["t1", DAY] == 2.0
    old = twin.store.fetch("SELECT value FROM indicator_revision WHERE indicator = 'tank.level_mean'")[
        "value"
    ].to_pylist()
    assert old == [1.0]


def test_a_figure_that_differs_by_its_rounding_alone_is_no_revision(
    twin: Twin, readings: Callable[..., pa.Table]
) -> None:
    put(twin, readings("t1.tank.level", DAY, [0.1, 0.2, 0.7]))
    measure.measure(twin, NOW)
    for factor, first in ((1 + 2e-15, None), (1 + 1e-9, DAY)):
        twin.store.commit(Change("UPDATE indicator_row SET value = value * $factor", {"factor": factor}))
        assert measure.compute(twin, twin.indicators["tank.level_mean"], DAY, NOW, 1) == first
        assert twin.store.fetch("SELECT 1 FROM indicator_revision").num_rows == (first is not None)


def test_indicators_of_rolled_up_views_against_hand_values(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    sql = "SELECT asset_id, period, mean AS value FROM observation_day WHERE period >= $since AND period < $until"
    mean = replace(twin.indicators["tank.level_mean"], id="tank.rolled", sql=sql, reads=("observation_day",))
    put(twin, readings("t1.tank.level", DAY, [1.0, 2.0, 6.0]))
    assert measure.evaluate(twin, mean, DAY, NOW).to_pylist() == [{"asset_id": "t1", "period": DAY, "value": 3.0}]


def test_only_what_changed_is_computed(
    twin: Twin, readings: Callable[..., pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(twin, readings("t1.tank.level", DAY, [1.0]))
    measure.measure(twin, NOW)
    spans = []
    whole = measure.evaluate

    def watched(twin: Twin, indicator: object, since: datetime, until: datetime) -> pa.Table:
        spans.append((since, until))
        return whole(twin, indicator, since, until)  # type: ignore[arg-type]

    monkeypatch.setattr(measure, "evaluate", watched)
    put(twin, readings("t2.tank.filled", DAY, [1.0]))
    measure.measure(twin, NOW)
    assert spans == []  # nothing reads tank.filled
    put(twin, readings("t1.tank.level", NOW, [2.0]))
    measure.measure(twin, NOW)
    assert spans[0] == (DAY + timedelta(days=1), DAY + timedelta(days=2))


def test_a_correction_to_nothing_takes_the_figure_back(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    put(twin, readings("t1.tank.level", DAY, [1.0]))
    measure.measure(twin, NOW)
    flagged = readings("t1.tank.level", DAY, [1.0]).append_column("quality", pa.array([4]))
    put(twin, flagged)
    measure.measure(twin, NOW)
    assert figures(twin, "tank.level_mean") == {}


def test_a_month_is_computed_again_when_it_ends(
    twin: Twin, clock: FixedClock, readings: Callable[..., pa.Table]
) -> None:
    put(twin, readings("t1.tank.level", DAY, [1.0]))
    measure.measure(twin, NOW)
    marks = twin.store.fetch("SELECT until FROM watermark WHERE name = 'tank.level_mean'")["until"]
    assert marks[0].as_py() == NOW
    measure.measure(twin, NOW + timedelta(days=2))
    marks = twin.store.fetch("SELECT until FROM watermark WHERE name = 'tank.level_mean'")["until"]
    assert marks[0].as_py() == NOW + timedelta(days=2)


def test_changed_sql_is_computed_from_the_beginning(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    put(twin, readings("t1.tank.level", DAY, [1.0]))
    measure.measure(twin, NOW)
    mean = twin.indicators["tank.level_mean"]
    doubled = replace(mean, sql=mean.sql.replace("avg(value)", "2 * avg(value)"), version="2")
    twin.indicators = {**twin.indicators, mean.id: doubled}
    measure.measure(twin, NOW)
    assert figures(twin, "tank.level_mean") == {("t1", DAY): 2.0}
    assert list(figures(twin, "tank.level_month").values()) == [2.0]


def test_one_failing_indicator_does_not_hold_up_the_others(
    twin: Twin, readings: Callable[..., pa.Table], caplog: pytest.LogCaptureFixture
) -> None:
    put(twin, readings("t1.tank.level", DAY, [1.0]))
    broken = replace(twin.indicators["tank.level_mean"], id="tank.broken", sql="SELECT nothing FROM nowhere")
    twin.indicators = {"tank.broken": broken, **twin.indicators}
    measure.measure(twin, NOW)
    assert figures(twin, "tank.level_mean") == {("t1", DAY): 1.0}
    assert "tank.broken" in caplog.text


def test_indicators_that_read_each_other_in_a_circle_are_refused(twin: Twin) -> None:
    a = replace(twin.indicators["tank.level_mean"], id="tank.a", reads=("tank.b",))
    b = replace(a, id="tank.b", reads=("tank.a",))
    with pytest.raises(BadDeclaration, match="circle"):
        measure.ordered([a, b])


def test_random_batches_in_any_order_against_one_computation_at_the_end(
    make_twin: Callable[..., Twin], readings: Callable[..., pa.Table]
) -> None:
    import random

    draw = random.Random(5)
    tables = [
        readings(
            f"t{draw.randint(1, 3)}.tank.level",
            DAY + timedelta(minutes=5 * draw.randint(-2000, 300)),
            [draw.uniform(0, 5) for _ in range(40)],
        )
        for _ in range(12)
    ]
    stepwise, at_once = make_twin(), make_twin()
    for table in tables:
        put(stepwise, table)
        measure.measure(stepwise, NOW)
        put(at_once, table)
    measure.measure(at_once, NOW)
    for indicator in ("tank.level_mean", "tank.level_month"):
        assert figures(stepwise, indicator) == pytest.approx(figures(at_once, indicator))
        assert figures(at_once, indicator)
