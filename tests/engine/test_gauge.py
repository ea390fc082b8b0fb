"""Figures of alarms against counts by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from citytwin.engine import ingest, measure, watch
from citytwin.engine.gauge import course, gauge
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.indicator import Indicator
from citytwin.kernel.observation import Batch
from citytwin.kernel.store import Change
from citytwin.kernel.title import Title

from ..conftest import NOW
from .test_hold import HIGH

START = datetime(2025, 6, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
TITLE = Title("甲", "A")


def raised(twin: Twin, alarms: list[tuple[str, str, str, float, float | None]], first: str = "active") -> None:
    """Alarms (rule, asset, level, minutes from START to begin and end) on record."""

    def at(minutes: float | None) -> datetime | None:
        return None if minutes is None else START + timedelta(minutes=minutes)

    table = pa.table(
        {
            "alarm": [f"{first}{n}" for n in range(len(alarms))],
            "rule": [a[0] for a in alarms],
            "asset": [a[1] for a in alarms],
            "level": [a[2] for a in alarms],
            "since": pa.array([at(a[3]) for a in alarms], TIME),
            "cleared": pa.array([at(a[4]) for a in alarms], TIME),
        }
    )
    row = "INSERT INTO alarm_row (alarm, rule, asset_id, level, since, cleared, acknowledged_by, told) SELECT alarm, rule, asset, level, since, cleared, '', 'x' FROM t"
    event = (
        f"INSERT INTO alarm_event SELECT row_number() OVER (), alarm, rule, asset, since, '', '{first}', '', '' FROM t"
    )
    twin.store.commit(Change(row, tables={"t": table}), Change(event, tables={"t": table}))


def test_figures_of_a_day_against_counts_by_hand(twin: Twin) -> None:
    flood = [("r", f"a{n}", "low", 60.0 + n / 10, 200.0) for n in range(12)]  # twelve in one period of ten minutes
    chatter = [
        ("r", "b", "high", 300 + n / 4, 300.1 + n / 4) for n in range(4)
    ]  # every quarter of a minute, for six seconds
    stale = [("s", "c", "critical", -1500.0, None), ("s", "d", "critical", 1000.0, None)]  # one of them for a day
    raised(twin, flood + chatter + stale)
    raised(twin, [("r", "e", "low", 10.0, None)] * 3, "suppressed")
    found = gauge(twin, START, START + timedelta(days=1))
    assert (found.raised, found.held, found.peak) == (17, 3, 12)
    assert found.per_hour == pytest.approx(17 / 24)
    assert found.flood_share == pytest.approx(1 / 144)
    assert (found.chattering, found.fleeting, found.stale) == (1, 1, 1)
    assert (found.top[0].rule, found.top[0].asset, found.top[0].count) == ("r", "b", 4)
    assert (found.top[0].fleeting, found.top[0].chattering) == (4, True)
    assert not any(t.fleeting or t.chattering for t in found.top[1:])
    assert found.top_share == pytest.approx(13 / 17)  # four and nine times one
    assert found.mix == pytest.approx({"critical": 1 / 17, "high": 4 / 17, "medium": 0.0, "low": 12 / 17})
    shared = gauge(twin, START, START + timedelta(days=1), operators=2)
    assert (shared.per_hour, shared.flood_share) == (pytest.approx(17 / 48), 0.0)


def test_a_quiet_day_has_figures_too_and_an_empty_span_none(twin: Twin) -> None:
    assert gauge(twin, START, START + timedelta(days=1)).per_hour == 0
    with pytest.raises(BadRequest, match="empty"):
        gauge(twin, START, START)
    with pytest.raises(BadRequest, match="longer"):
        gauge(twin, START - timedelta(days=4000), START)


def test_a_figure_of_alarms_follows_them_without_new_readings(twin: Twin, readings: Callable[..., pa.Table]) -> None:
    sql = """SELECT asset_id, date_trunc('day', since) AS period, CAST(count(*) AS DOUBLE) AS value FROM alarm
             WHERE since >= $since AND since < $until GROUP BY asset_id, date_trunc('day', since)"""
    counted = Indicator("tank.raised", TITLE, "1", "tank.basin", "day", "lower", TITLE, sql, ("alarm",), "1")
    city = replace(twin, packs=[replace(p, rules=(HIGH,), indicators=(counted,)) for p in twin.packs])
    city.store.record([ingest.prepare(city, Batch(readings("t1.tank.level", NOW - timedelta(hours=1), [5.0]))).arrival])
    measure.measure(city, NOW)
    assert measure.series(city, "tank.raised").num_rows == 0
    watch.watch(city, NOW)
    measure.measure(city, NOW)
    assert measure.series(city, "tank.raised")["value"].to_pylist() == [1.0]


def test_the_course_of_a_span_against_counts_by_hand(twin: Twin) -> None:
    flood = [("r", f"a{n}", "low", 60.0 + n / 10, 200.0) for n in range(12)]
    raised(twin, [*flood, ("r", "b", "high", 125.0, None), ("s", "c", "critical", -30.0, None)])
    raised(twin, [("r", "e", "low", 10.0, None)], "suppressed")
    hours = course(twin, START, START + timedelta(hours=2.5))
    # the last hour is whole: steps begin at -0:30, 0:30 and 1:30, and what came before 0:00 is not in the span
    assert hours.step_s == 3600
    assert hours.time[0] == int((START - timedelta(minutes=30)).timestamp() * 1000)
    assert hours.raised == {"critical": (0, 0, 0), "high": (0, 0, 1), "medium": (0, 0, 0), "low": (0, 12, 0)}
    assert (hours.peak, hours.flooded) == ((0, 12, 1), (0.0, pytest.approx(1 / 6), 0.0))
    assert course(twin, START, START + timedelta(hours=2.5), operators=2).flooded == (0.0, 0.0, 0.0)
    days = course(twin, START - timedelta(days=4), START + timedelta(days=1))
    assert (days.step_s, days.raised["critical"], days.raised["low"]) == (86_400, (0, 0, 0, 1, 0), (0, 0, 0, 0, 12))
    with pytest.raises(BadRequest, match="empty"):
        course(twin, START, START)
    with pytest.raises(BadRequest, match="longer than"):
        course(twin, START, START + timedelta(days=4000))
