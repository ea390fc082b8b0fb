"""Roll-ups, order and partitions: whatever comes in, late, corrected, flagged or withdrawn, answers are what the readings themselves add up to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from citytwin.kernel.errors import BadRequest
from citytwin.kernel.store import Arrival
from citytwin.store import rollup, tier
from citytwin.store.duckdb import DuckStore

BEGIN = datetime(2026, 3, 10, 14, tzinfo=UTC)  # two hours before midnight in Shanghai
TIME = pa.timestamp("us", tz="UTC")
ZONE = ZoneInfo("Asia/Shanghai")
State = dict[tuple[str, int], tuple[float | None, int]]
KINDS = ("a.p.x", "b.p.x", "c.p.fast")
"""Streams; those of type p.fast report faster than every minute."""


def at(m: int) -> datetime:
    """The time of reading `m`: ten minutes apart, and 20 seconds where the last digit says so."""
    return BEGIN + timedelta(minutes=10 * (m // 3), seconds=20 * (m % 3))


def arrival(rows: State) -> Arrival:
    listed = sorted(rows.items())
    return Arrival(
        pa.table(
            {
                "stream": pa.array([s for (s, _), _ in listed]),
                "time": pa.array([at(m) for (_, m), _ in listed], TIME),
                "value": pa.array([v for _, (v, _) in listed], pa.float64()),
                "quality": pa.array([q for _, (_, q) in listed], pa.int8()),
            }
        )
    )


MOMENTS = st.integers(0, 120)
ROWS = st.dictionaries(
    st.tuples(st.sampled_from(KINDS), MOMENTS),
    st.tuples(st.sampled_from([1.0, 2.5, -3.0, 1e6, 0.125]), st.sampled_from([1, 1, 2, 3, 4])) | st.just((None, 9)),
    min_size=1,
    max_size=12,
)
STEPS = st.lists(
    st.tuples(st.just("record"), ROWS)
    | st.tuples(st.just("retract"), st.lists(st.tuples(st.sampled_from(KINDS), MOMENTS), min_size=1, max_size=3))
    | st.tuples(st.sampled_from(["roll", "sort"]), st.none())
    | st.tuples(st.just("tier"), MOMENTS),
    max_size=8,
)
"""All sums of these values are exact, so that no order of adding them differs from another."""


def period(moment: datetime, step: int | str) -> datetime:
    """The beginning of the step that holds a moment."""
    if step == "day":
        return moment.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    assert isinstance(step, int)
    return datetime.fromtimestamp(moment.timestamp() // step * step, UTC)


def expected(state: State, step: int | str, flagged: bool = False) -> dict[Any, Any]:
    """Sums of good readings by stream and step: n, low, high, mean, first, last; with steps of flagged readings alone where asked for."""
    found: dict[Any, list[tuple[float | None, int]]] = {}
    for (stream, m), reading in sorted(state.items()):
        found.setdefault((stream, period(at(m), step)), []).append(reading)
    sums = {}
    for key, readings in found.items():
        v = [value for value, quality in readings if quality <= 2 and value is not None]
        told = (len(v), min(v), max(v), sum(v) / len(v), v[0], v[-1]) if v else (0, *[None] * 5)
        if v or flagged:
            sums[key] = (*told, max(q for _, q in readings)) if flagged else told
    return sums


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    small = pytest.MonkeyPatch()
    small.setattr(tier, "MOST", 40)  # files of a few readings, and a month of several
    made = DuckStore(tmp_path_factory.mktemp("city") / "city.duckdb", "Asia/Shanghai", threads=1)
    made._writer.execute("INSERT INTO stream_kind VALUES ('p.fast', 'level', 'm', 20, '', '')")
    yield made
    assert tier.files(made._db), "no example moved a reading into a partition"
    made.close()
    small.undo()


tags = count()


def play(store: DuckStore, steps: list[tuple[str, Any]]) -> State:
    """Carry steps out on streams of their own; the readings that stand then."""
    tag = f"n{next(tags)}"
    state: State = {}
    for act, what in steps:
        if act == "record":
            named = {(f"{tag}{s}", m): r for (s, m), r in what.items()}
            store.record([arrival(named)])
            state |= named
        elif act == "retract":
            named_times = [at(m) for _, m in what]
            store.retract(pa.table({"stream": [f"{tag}{s}" for s, _ in what], "time": pa.array(named_times, TIME)}))
            for s, m in what:
                state.pop((f"{tag}{s}", m), None)
        elif act == "roll":
            store.roll()
        elif act == "tier":
            store.tier({"": at(what)}, 1)
        else:
            store.sort(1)
    return state


@settings(max_examples=20, deadline=None)
@given(STEPS)
def test_rollups_against_the_readings_themselves(store: DuckStore, steps: list[tuple[str, Any]]) -> None:
    state = play(store, [("record", {("a.p.x", 0): (1.0, 1)}), *steps])
    store.roll()
    tag = next(iter(state))[0].partition(".")[0] if state else "none"
    streams = sorted({s for s, _ in state})
    for unit, size in (("hour", 3600), ("day", "day"), ("minute", 60)):
        rows = store.fetch(
            f"SELECT stream, period, n, low, high, mean, first, last FROM observation_{unit} WHERE stream IN (SELECT s FROM w)",
            tables={"w": pa.table({"s": pa.array(streams, pa.string())})},
        ).to_pylist()
        mine = {k: v for k, v in state.items() if unit != "minute" or k[0].endswith("fast")}
        assert {(r["stream"], r["period"]): tuple(list(r.values())[2:]) for r in rows} == expected(mine, size), tag
    kept = store.fetch(
        "SELECT stream, time, value, quality FROM observation_all WHERE NOT superseded AND stream IN (SELECT s FROM w)",
        tables={"w": pa.table({"s": pa.array(streams, pa.string())})},
    ).to_pylist()
    assert {(r["stream"], r["time"]): (r["value"], r["quality"]) for r in kept} == {
        (s, at(m)): reading for (s, m), reading in state.items()
    }


@settings(max_examples=25, deadline=None)
@given(
    STEPS,
    st.sampled_from([7, 60, 120, 600, 3600, 5400, 7200, 86400, "day"]),
    st.tuples(st.integers(-100, 100_000), st.integers(0, 100_000)),
)
@example([("record", {("a.p.x", m): (1.0, 1) for m in range(60)}), ("roll", None)], 3600, (0, 20_000))
def test_series_with_rollups_against_the_readings_themselves(
    store: DuckStore, steps: list[tuple[str, Any]], step: int | str, span: tuple[int, int]
) -> None:
    state = play(store, [("record", {("c.p.fast", 3): (1.0, 1)}), *steps])
    since, until = BEGIN + timedelta(seconds=span[0]), BEGIN + timedelta(seconds=span[0] + span[1])
    streams = sorted({s for s, _ in state})
    wanted = [streams] if len(streams) == 1 else [streams, streams[:1]]
    for names in wanted:
        rows = store.series(names, since, until, step).to_pylist()
        assert len({(r["stream"], r["time"]) for r in rows}) == len(rows)
        told = {
            (r["stream"], r["time"]): tuple(r[c] for c in ("n", "low", "high", "mean", "first", "last", "quality"))
            for r in rows
        }
        mine = {(s, m): v for (s, m), v in state.items() if s in names and since <= at(m) < until}
        assert told == expected(mine, step, flagged=True)
        some = store.series(names, since, until, step, ["mean", "first"])
        assert some.column_names == ["stream", "time", "mean", "first"]
        assert {(r["stream"], r["time"]): (r["mean"], r["first"]) for r in some.to_pylist()} == {
            k: (v[3], v[4]) for k, v in told.items()
        }
    for name in streams:
        found = store.window(name, since, until)
        assert [(r["time"], r["value"], r["quality"]) for r in found.to_pylist()] == [
            (at(m), *v) for (s, m), v in sorted(state.items()) if s == name and since <= at(m) < until
        ]
        assert store.window(name, since, until, 2).equals(found.slice(0, 2))


def test_series_of_all_streams_against_one_by_one(store: DuckStore) -> None:
    play(store, [("record", {(s, m): (float(m), 1) for s in KINDS for m in range(30)}), ("roll", None)])
    span = BEGIN, BEGIN + timedelta(days=2)
    for step in (3600, "day", 86400):
        every = store.series(None, *span, step).to_pylist()
        some = sorted({r["stream"] for r in every})[-5:]
        every = [r for r in every if r["stream"] in some]
        each = [r for name in some for r in store.series([name], *span, step).to_pylist()]
        order = {"key": lambda r: (r["stream"], r["time"])}
        assert sorted(every, **order) == sorted(each, **order)  # type: ignore[call-overload]
        alone = [r for r in store.series(None, *span, step, ["mean"]).to_pylist() if r["stream"] in some]
        bare = [{k: r[k] for k in ("stream", "time", "mean")} for r in every]
        assert sorted(alone, **order) == sorted(bare, **order)  # type: ignore[call-overload]


def test_steps_that_make_no_sense_are_refused(store: DuckStore) -> None:
    for step in (0, -1, "week", 400 * 86400):
        with pytest.raises(BadRequest) as told:
            store.series(None, BEGIN, BEGIN, step)  # type: ignore[arg-type]
        assert told.value.where == "step"


@pytest.mark.parametrize(("zone", "whole"), [("Asia/Shanghai", True), ("Asia/Kolkata", False), ("Europe/Berlin", True)])
def test_hours_of_a_zone_against_its_clock(zone: str, whole: bool) -> None:
    """Where the clock is not whole hours ahead of UTC its hours make up no steps since 1970, and the readings themselves are read."""
    assert rollup.whole_hours(zone) is whole
    store = DuckStore(None, zone, threads=1)
    try:
        rows = {("a.p.x", m): (float(m), 1) for m in range(40)}
        store.record([arrival(rows)])
        store.roll()
        hours = store.fetch("SELECT period, n FROM observation_hour").to_pylist()
        local = {h["period"].astimezone(ZoneInfo(zone)).minute for h in hours}
        assert local == {0}
        told = store.series(["a.p.x"], BEGIN, BEGIN + timedelta(hours=3), 3600).to_pylist()
        assert {(r["stream"], r["time"]): r["n"] for r in told} == {
            k: v[0] for k, v in expected(rows, 3600).items()
        }  # all are within three hours
    finally:
        store.close()


def test_a_roll_changes_only_the_hours_that_new_readings_touch(store: DuckStore) -> None:
    play(store, [("record", {("a.p.x", m): (1.0, 1) for m in range(120)}), ("roll", None)])
    assert store.roll() == 0
    play(store, [("record", {("a.p.x", 0): (2.0, 1)})])
    assert store.roll() == 1


def test_sorting_keeps_every_reading_and_its_history(tmp_path: Path) -> None:
    store = DuckStore(tmp_path / "c.duckdb", "Asia/Shanghai")
    for n in range(5):
        store.record([arrival({(s, m): (float(m + n), 1) for s in KINDS[:2] for m in range(n, n + 10)})])
    sql = "SELECT stream, time, value, quality, batch, superseded FROM observation_all ORDER BY stream, time, batch"
    before = store.fetch(sql)
    assert store.sort(1) == 100
    assert store.sort(1) == 0
    store.record([arrival({(s, m): (float(m), 1) for s in KINDS[:2] for m in range(20, 30)})])
    before = store.fetch(sql)
    assert store.sort(1) == 20  # and both runs are made one
    assert store.fetch(sql).equals(before)
    order = [
        (r["stream"] // 128, r["time"], r["stream"])
        for r in store.fetch("SELECT stream, time FROM reading").to_pylist()
    ]
    assert order == sorted(order)
    root = store._tree.root()
    store.close()
    again = DuckStore(tmp_path / "c.duckdb", "Asia/Shanghai")
    assert again._tree.root() == root
    assert again.fetch(sql).equals(before)
    again.close()
