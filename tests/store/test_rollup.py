"""Roll-ups and order: whatever comes in, late, corrected, flagged or withdrawn, they are what the readings themselves add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citytwin.kernel.store import Arrival
from citytwin.store.duckdb import DuckStore

BEGIN = datetime(2026, 3, 10, 14, tzinfo=UTC)  # two hours before midnight in Shanghai
TIME = pa.timestamp("us", tz="UTC")


def arrival(rows: dict[tuple[str, int], tuple[float | None, int]]) -> Arrival:
    listed = sorted(rows.items())
    return Arrival(
        pa.table(
            {
                "stream": pa.array([s for (s, _), _ in listed]),
                "time": pa.array([BEGIN + timedelta(minutes=10 * m) for (_, m), _ in listed], TIME),
                "value": pa.array([v for _, (v, _) in listed], pa.float64()),
                "quality": pa.array([q for _, (_, q) in listed], pa.int8()),
            }
        )
    )


STREAMS = ["a.p.x", "b.p.x"]
ROWS = st.dictionaries(
    st.tuples(st.sampled_from(STREAMS), st.integers(0, 40)),
    st.tuples(st.sampled_from([1.0, 2.5, -3.0, 1e6, 0.1]), st.sampled_from([1, 1, 2, 3, 4])) | st.just((None, 9)),
    min_size=1,
    max_size=12,
)
STEPS = st.lists(
    st.tuples(st.just("record"), ROWS)
    | st.tuples(
        st.just("retract"), st.lists(st.tuples(st.sampled_from(STREAMS), st.integers(0, 40)), min_size=1, max_size=3)
    )
    | st.tuples(st.sampled_from(["roll", "sort"]), st.none()),
    max_size=8,
)


def expected(state: dict[tuple[str, int], tuple[float | None, int]], step: str) -> dict[Any, Any]:
    found: dict[Any, list[tuple[datetime, float]]] = {}
    for (stream, m), (value, quality) in sorted(state.items()):
        local = (BEGIN + timedelta(minutes=10 * m)).astimezone(ZoneInfo("Asia/Shanghai"))
        period = local.replace(minute=0) if step == "hour" else local.replace(hour=0, minute=0)
        if quality <= 2 and value is not None:
            found.setdefault((stream, period.astimezone(UTC)), []).append((local, value))
    return {
        k: (
            len(v),
            min(x for _, x in v),
            max(x for _, x in v),
            pytest.approx(sum(x for _, x in v) / len(v)),
            v[0][1],
            v[-1][1],
        )
        for k, v in found.items()
    }


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_rollups_against_the_readings_themselves(steps: list[tuple[str, Any]]) -> None:
    store = DuckStore(None, "Asia/Shanghai", threads=1)
    state: dict[tuple[str, int], tuple[float | None, int]] = {}
    try:
        for act, what in [*steps, ("roll", None)]:
            if act == "record":
                store.record([arrival(what)])
                state |= what
            elif act == "retract":
                times = [BEGIN + timedelta(minutes=10 * m) for _, m in what]
                store.retract(pa.table({"stream": [s for s, _ in what], "time": pa.array(times, TIME)}))
                for one in what:
                    state.pop(one, None)
            elif act == "roll":
                store.roll()
            else:
                store.sort(1)
        for step in ("hour", "day"):
            rows = store.fetch(
                f"SELECT stream, period, n, low, high, mean, first, last FROM observation_{step}"
            ).to_pylist()
            assert {(r["stream"], r["period"]): tuple(list(r.values())[2:]) for r in rows} == expected(state, step)
        kept = store.fetch("SELECT stream, time, value, quality FROM observation_all WHERE NOT superseded").to_pylist()
        assert {
            (r["stream"], (r["time"] - BEGIN) // timedelta(minutes=10)): (r["value"], r["quality"]) for r in kept
        } == state
    finally:
        store.close()


def test_sorting_keeps_every_reading_and_its_history(tmp_path: Path) -> None:
    store = DuckStore(tmp_path / "c.duckdb", "Asia/Shanghai")
    for n in range(5):
        store.record([arrival({(s, m): (float(m + n), 1) for s in STREAMS for m in range(n, n + 10)})])
    sql = "SELECT stream, time, value, quality, batch, superseded FROM observation_all ORDER BY stream, time, batch"
    before = store.fetch(sql)
    assert store.sort(1) == 100
    assert store.sort(1) == 0
    assert store.fetch(sql).equals(before)
    order = store.fetch("SELECT stream, time FROM reading")
    assert order.equals(order.sort_by([("stream", "ascending"), ("time", "ascending")]))
    root = store._tree.root()
    store.close()
    again = DuckStore(tmp_path / "c.duckdb", "Asia/Shanghai")
    assert again._tree.root() == root
    assert again.fetch(sql).equals(before)
    again.close()
