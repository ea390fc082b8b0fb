"""Health of streams: whatever comes in, with gaps, twice, late or corrected, it is told as plain Python counts it from the readings that stand."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from citytwin.engine import health, load, measure, register
from citytwin.engine.health import Examiner, advice, gaps
from citytwin.engine.twin import Twin
from citytwin.kernel.asset import Asset
from citytwin.kernel.city import City
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import StoreFailed
from citytwin.kernel.register import Entry, Seen
from citytwin.kernel.store import Arrival
from citytwin.kernel.title import Title
from citytwin.store.duckdb import DuckStore

from ..conftest import FILES, NOW

TIME = pa.timestamp("us", tz="UTC")
LEVEL, FILLED, OTHER = "t1.tank.level", "t1.tank.filled", "t2.tank.level"
CADENCE = {LEVEL: 300, FILLED: 3600, OTHER: 300}
BEGIN = NOW - timedelta(hours=30)
Rows = dict[tuple[str, int], tuple[float | None, int]]
"""Readings by stream and minute since BEGIN: value, quality."""


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs") / "tank"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def open_twin(folder: Path, clock: FixedClock) -> Twin:
    pack = load.pack(folder)
    store = DuckStore(None, "Asia/Shanghai", clock, threads=1)
    store.define([pack], load.tables([pack]))
    zone, bounds = "Asia/Shanghai", (121.0, 30.0, 122.0, 31.0)
    return Twin(store, City("t", Title("试", "T"), zone, (121.9, 30.9), bounds, ("tank",), ""), [pack], clock)


def arrival(rows: Rows, source: str = "") -> Arrival:
    listed = sorted(rows.items())
    table = pa.table(
        {
            "stream": pa.array([s for (s, _), _ in listed]),
            "time": pa.array([BEGIN + timedelta(minutes=m) for (_, m), _ in listed], TIME),
            "value": pa.array([v for _, (v, _) in listed], pa.float64()),
            "quality": pa.array([q for _, (_, q) in listed], pa.int8()),
        }
    )
    return Arrival(table, source=source)


SPAN = st.tuples(st.sampled_from(list(CADENCE)), st.integers(0, 340), st.integers(1, 60), st.sampled_from([0, 0, 1, 3]))
"""Of a stream so many readings in a row from one on, each so many minutes off."""
VALUE = st.tuples(st.sampled_from([1.0, 1.0, 2.5]), st.sampled_from([1, 1, 1, 2, 3, 4])) | st.just((None, 9))
STEP = st.tuples(st.lists(SPAN, min_size=1, max_size=3), st.lists(VALUE, min_size=1, max_size=4), st.integers(0, 90))


@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(steps=st.lists(STEP, min_size=1, max_size=6))
def test_health_against_plain_python_over_the_readings_that_stand(pack: Path, steps: list[Any]) -> None:
    clock = FixedClock(NOW - timedelta(minutes=90))
    twin = open_twin(pack, clock)
    state: dict[tuple[str, int], tuple[float | None, int, datetime, str]] = {}
    try:
        for n, (spans, values, minutes) in enumerate(steps):
            clock.moment = min(clock.moment + timedelta(minutes=minutes), NOW)
            rows: Rows = {}
            for stream, first, count, off in spans:
                for k in range(first, first + count):
                    minute = k * CADENCE[stream] // 60 + off
                    if BEGIN + timedelta(minutes=minute) <= NOW:
                        rows[stream, minute] = values[k % len(values)]
            twin.store.record([arrival(rows, f"s{n % 2}")])
            for at, (value, quality) in rows.items():
                if at not in state or state[at][:2] != (value, quality):
                    state[at] = (value, quality, clock.moment, f"s{n % 2}")
        looked = Examiner(twin).examine(NOW)
        told = {r["stream"]: r for r in looked.streams.to_pylist()}
        assert set(told) == {s for s, _ in state}
        for i, (stream, found) in enumerate(told.items()):
            wanted = by_hand(stream, {m: v for (s, m), v in state.items() if s == stream})
            assert {k: found[k] for k in wanted} == wanted
            assert list(zip(looked.count[i], looked.due[i], strict=True)) == days_by_hand(stream, state)
        total = looked.tally()
        assert total.states == {s: sum(r["state"] == s for r in told.values()) for s in total.states}
        sent = {s["source"]: s["readings"] for s in looked.sources}
        assert sum(sent.values()) == sum(r["n"] for r in told.values())
    finally:
        twin.store.close()


def near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, abs=1e-6)


def by_hand(stream: str, held: dict[int, tuple[float | None, int, datetime, str]]) -> dict[str, Any]:
    """What is to be told of one stream, from its readings by the minute."""
    step = CADENCE[stream]
    times = {BEGIN + timedelta(minutes=m): v for m, v in held.items()}
    first, last = min(times), max(times)
    age = (NOW - last).total_seconds()
    seen_from = max(NOW - timedelta(seconds=100 * step), first)
    window = sorted(t for t in times if t >= seen_from)
    silent = age > max(3 * step, 600)
    late = age > max(2 * step, 300)
    edges = [seen_from, *window]
    lacks = [(b - a).total_seconds() for a, b in pairwise(edges)]
    open_end = min(age, 100 * step)
    lacks = [x for x in [*lacks, open_end] if x > 1.5 * step]
    delays = sorted((times[t][2] - t).total_seconds() for t in window)
    values = [times[t][0] for t in window if times[t][0] is not None]
    flagged = [t for t in window if times[t][1] > 2]
    return {
        "state": "silent" if silent else "late" if late else "fresh",
        "last": last,
        "age_s": near(age),
        "n": float(len(window)),
        "flagged": near(len(flagged) / len(window)) if window else None,
        "delay": near(quantile(delays, 0.5)),
        "delay_p95": near(quantile(delays, 0.95)),
        "gaps": float(len(lacks)),
        "longest": near(max(lacks, default=None)),
        "unchanged": len(values) > 2 and len(set(values)) == 1,
        "source": times[last][3],
        "hour": near(hours_by_hand(times, first, step, 1)),
        "day": near(hours_by_hand(times, first, step, 24)),
    }


def quantile(ordered: list[float], q: float) -> float | None:
    return float(np.quantile(ordered, q)) if ordered else None


def hours_by_hand(times: dict[datetime, Any], first: datetime, step: int, hours: int) -> float | None:
    """Completeness of the whole hours before this one; it is noon to the second, so the hour in progress has no length."""
    came, length = 0.0, 0.0
    for back in range(1, hours + 1):
        begin, end = NOW - timedelta(hours=back), NOW - timedelta(hours=back - 1)
        there = (end - max(begin, first)).total_seconds()
        if there <= 0:
            continue
        good = sum(1 for t, v in times.items() if begin <= t < end and v[1] <= 2 and v[0] is not None)
        came += min(good, math.ceil(there / step) + 1)
        length += there
    due = math.floor(length / step)
    return min(came, due) / due if due else None


def days_by_hand(stream: str, state: dict[tuple[str, int], Any]) -> list[tuple[float, float]]:
    zone = ZoneInfo("Asia/Shanghai")
    times = {BEGIN + timedelta(minutes=m): v for (s, m), v in state.items() if s == stream}
    midnight = NOW.astimezone(zone).replace(hour=0)
    out = []
    for back in reversed(range(30)):
        begin = midnight - timedelta(days=back)
        end = begin + timedelta(days=1)
        good = sum(1 for t, v in times.items() if begin <= t < end and v[1] <= 2 and v[0] is not None)
        there = (min(end, NOW) - max(begin, min(times))).total_seconds()
        out.append((float(good), float(max(there, 0) // CADENCE[stream])))
    return out


def fill(twin: Twin, stream: str, start: datetime, count: int, step_s: int, source: str = "") -> None:
    times = [start + timedelta(seconds=step_s * k) for k in range(count)]
    table = pa.table(
        {
            "stream": [stream] * count,
            "time": pa.array(times, TIME),
            "value": np.arange(count, dtype=float),
            "quality": np.ones(count, np.int8),
        }
    )
    twin.store.record([Arrival(table, source=source)])


def test_registered_streams_are_judged_by_the_cadence_that_their_readings_show(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = {
        "sensor": (Entry("sensor", {"name": "s", "encoding": "text/plain", "metadata": "m"}),),
        "properties": (Entry("observed_property", {"name": "p"}),),
    }
    thing = register.create(twin, Entry("thing", {"name": "box"}))
    steady, sparse, never = (
        register.create(twin, Entry("datastream", {"name": name}, {**links, "thing": (thing,)}))
        for name in ("steady", "sparse", "never")
    )
    fill(twin, steady, NOW - timedelta(hours=3), 90, 60)  # then an hour and a half of silence
    fill(twin, sparse, NOW - timedelta(hours=3), 1, 60)
    examiner = Examiner(twin)
    looked = examiner.examine(NOW).streams
    told = {r["stream"]: r for r in looked.to_pylist()}
    monkeypatch.setattr(Examiner, "_estimate", lambda *_: pytest.fail("looked up again"))
    assert examiner.examine(NOW).streams.equals(looked)
    assert (told[steady]["cadence_s"], told[steady]["estimated"], told[steady]["state"]) == (60.0, True, "silent")
    assert (told[sparse]["cadence_s"], told[sparse]["state"], told[sparse]["month"]) == (None, "unknown", None)
    assert (told[never]["state"], told[never]["last"]) == ("never", None)
    assert told[steady]["month"] == pytest.approx(90 / 180)


def test_observations_that_are_more_than_a_number_count_too(twin: Twin) -> None:
    links = {
        "sensor": (Entry("sensor", {"name": "s", "encoding": "text/plain", "metadata": "m"}),),
        "properties": (Entry("observed_property", {"name": "p"}),),
        "feature": (
            Entry(
                "feature",
                {"name": "f", "encoding": "application/geo+json", "feature": {"type": "Point", "coordinates": [9, 50]}},
            ),
        ),
        "thing": (register.create(twin, Entry("thing", {"name": "door"})),),
    }
    times = [NOW - timedelta(minutes=5 * n) for n in range(36) if n % 6]  # one of six is missing
    seen = tuple(Seen(t, t, "open") for t in times)
    door = register.create(twin, Entry("datastream", {"name": "door"}, {**links, "observations": seen}))
    (told,) = Examiner(twin).examine(NOW).streams.to_pylist()
    assert (told["stream"], told["state"], told["cadence_s"]) == (door, "fresh", 300.0)
    assert told["last"] == NOW - timedelta(minutes=5)
    assert told["month"] == pytest.approx(30 / 35)


def test_a_store_that_takes_no_writes_is_told_of_all_the_same(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(twin, LEVEL, NOW - timedelta(hours=1), 12, 300)

    def full() -> int:
        raise StoreFailed("nothing was recorded: the disk is full", "free some space", "store")

    monkeypatch.setattr(twin.store, "roll", full)
    assert Examiner(twin).examine(NOW).tally().states["fresh"] == 1


def test_days_of_a_stream_for_packs_against_counting_with_days_of_23_and_25_hours(pack: Path) -> None:
    clock = FixedClock(NOW)
    declared = load.pack(pack)
    store = DuckStore(None, "Europe/Berlin", clock, threads=1)
    store.define([declared], load.tables([declared]))
    twin = Twin(
        store, City("t", Title("试", "T"), "Europe/Berlin", (9, 50), (8, 49, 10, 51), ("tank",), ""), [declared], clock
    )
    zone = ZoneInfo("Europe/Berlin")
    try:
        for day in (28, 29, 31):  # 30 March has 23 hours; nothing came on it
            fill(twin, FILLED, datetime(2025, 3, day, 0, 30, tzinfo=zone), 20, 3600)
        fill(twin, FILLED, datetime(2025, 10, 26, 0, 30, tzinfo=zone).astimezone(UTC), 25, 3600)
        store.roll()
        rows = store.fetch("SELECT period, n, expected FROM stream_day WHERE period < $u ORDER BY period", {"u": NOW})
        told = {r["period"].astimezone(zone).date().isoformat(): (r["n"], r["expected"]) for r in rows.to_pylist()}
        autumn = store.fetch(
            "SELECT n, expected FROM stream_day WHERE period = $p", {"p": datetime(2025, 10, 25, 22, tzinfo=UTC)}
        ).to_pylist()
    finally:
        store.close()
    assert "2025-03-28" not in told
    assert (told["2025-03-29"], told["2025-03-30"], told["2025-03-31"]) == ((20, 24), (0, 23), (20, 24))
    assert told["2025-04-01"] == (0, 24)
    assert autumn == [{"n": 25, "expected": 25}]


def test_gaps_of_a_stream_are_those_that_were_left_out(twin: Twin) -> None:
    fill(twin, LEVEL, NOW - timedelta(days=40), 10, 300)  # before the window
    fill(twin, LEVEL, NOW - timedelta(hours=10), 13, 300)
    fill(twin, LEVEL, NOW - timedelta(hours=8), 97, 300)
    key = twin.store.fetch("SELECT key FROM datastream WHERE id = $s", {"s": LEVEL})["key"][0].as_py()
    found = gaps(twin, key, 300.0, NOW - timedelta(days=40), NOW)
    assert found == [
        (NOW - timedelta(days=30), NOW - timedelta(hours=10)),
        (NOW - timedelta(hours=9), NOW - timedelta(hours=8)),
    ]


def test_what_fails_together_has_one_cause(twin: Twin) -> None:
    """Two assets of a gateway; one of a hand, of which the level stops first; one asset of the gateway had stopped a day before."""
    fill(twin, "t1.tank.level", NOW - timedelta(hours=9), 9, 300, "gateway")
    fill(twin, "t2.tank.level", NOW - timedelta(hours=8, minutes=42), 6, 300, "gateway")
    fill(twin, "t2.tank.filled", NOW - timedelta(days=2), 6, 3600, "gateway")
    fill(twin, "t3.tank.level", NOW - timedelta(hours=9), 9, 300, "hand")
    fill(twin, "t3.tank.filled", NOW - timedelta(hours=9), 6, 3600, "hand")
    told = {r["stream"]: r for r in Examiner(twin).examine(NOW).streams.to_pylist()}
    assert {s: (r["state"], r["asset_down"], r["source_down"]) for s, r in told.items()} == {
        "t1.tank.level": ("silent", True, True),
        "t2.tank.level": ("silent", True, True),
        "t2.tank.filled": ("silent", False, False),
        "t3.tank.level": ("silent", False, False),
        "t3.tank.filled": ("silent", True, False),
    }
    assert (told["t3.tank.level"]["asset_streams"], told["t3.tank.level"]["asset_silent"]) == (2, 2)
    said = {advice("silent", *causes) for causes in ((True, True), (True, False), (False, False))}
    assert len(said) == 3
    assert advice("fresh", False, False) is None


def test_a_city_without_streams_has_a_health_too(twin: Twin) -> None:
    looked = Examiner(twin).examine(NOW)
    assert (looked.streams.num_rows, looked.tally().streams, looked.by("kind"), looked.sources) == (0, 0, {}, ())


def test_the_source_of_a_silent_stream_is_looked_up_once(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(twin, LEVEL, NOW - timedelta(days=20), 9, 300, "gone")
    examiner = Examiner(twin)
    assert examiner.examine(NOW).streams["source"].to_pylist() == ["gone"]
    monkeypatch.setattr(health, "_SOURCE_OF", "no statement")
    assert examiner.examine(NOW).streams["source"].to_pylist() == ["gone"]


def test_completeness_and_delay_as_the_base_pack_declares_them(clock: FixedClock) -> None:
    base = load.pack(load.PACKS / "base")
    store = DuckStore(None, "Asia/Shanghai", clock, threads=1)
    store.define([base], load.tables([base]))
    twin = Twin(
        store, City("t", Title("试", "T"), "Asia/Shanghai", (121, 30), (120, 29, 122, 31), ("base",), ""), [base], clock
    )
    midnight = datetime(2025, 6, 27, 16, tzinfo=UTC)
    try:
        from citytwin.engine import catalog

        station = Asset(
            "ws",
            "base.weather_station",
            Title("站", "S"),
            {"type": "Point", "coordinates": [121, 30]},
            {"noise_class": "1", "night_limit": 45},
        )
        catalog.add(twin, [station])
        fill(twin, "ws.base.temperature", midnight - timedelta(hours=1), 4 + 72, 900)  # a day, a quarter of it lost
        fill(twin, "ws.base.fine_particles", midnight - timedelta(hours=1), 1 + 24, 3600)
        measure.measure(twin, NOW)
        assert figures(twin, "base.stream_completeness")[midnight] == pytest.approx(100 * (72 + 24) / (96 + 24))
        assert figures(twin, "base.stream_completeness")[midnight + timedelta(days=1)] == 0.0
        assert figures(twin, "base.stream_delay") == {}  # all was filled in days later
        fill(twin, "ws.base.temperature", midnight + timedelta(hours=18), 24, 900)  # late, and whole now
        clock.moment = NOW + timedelta(minutes=1)
        fill(twin, "ws.base.temperature", NOW - timedelta(minutes=14), 2, 900)
        measure.measure(twin, clock.moment)
        assert figures(twin, "base.stream_completeness")[midnight] == pytest.approx(100.0)
        assert list(figures(twin, "base.stream_delay").values()) == [pytest.approx(7.5)]
    finally:
        store.close()


def figures(twin: Twin, indicator: str) -> dict[datetime, float]:
    found = twin.store.fetch("SELECT period, value FROM indicator_value WHERE indicator = $i", {"i": indicator})
    return {r["period"]: r["value"] for r in found.to_pylist()}


def test_one_looks_and_the_others_are_told_the_same(make_twin: Callable[..., Twin]) -> None:
    from citytwin.api.house import House
    from citytwin.engine.ingest import Intake
    from citytwin.engine.simulate import Simulator

    twin = make_twin()
    intake, simulator = Intake(twin), Simulator(twin)
    house = House(twin, intake, simulator, health_s=60)
    try:
        assert house.health_known() is None
        first = house.health()
        fill(twin, LEVEL, NOW - timedelta(hours=1), 2, 300)
        assert house.health() is first
        house._health = (0.0, first)  # it has had its time
        assert house.health().streams.num_rows == 1
    finally:
        intake.close()
        simulator.close()
