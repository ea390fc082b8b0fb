"""Readings tested against their neighbours as they come in: in one batch, one by one, late, twice; nothing is flagged that is not tested."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.engine import ingest
from citytwin.engine.decode import Row
from citytwin.engine.twin import Twin
from citytwin.kernel.observation import Batch
from citytwin.kernel.qc import Checks
from citytwin.store.duckdb import DuckStore

from ..conftest import NOW

LEVEL = "t1.tank.level"
START = NOW - timedelta(days=1)
QC = "{spike: {suspect: 1, bad: 3}, rate: {bad: 60}, flat: {within: 0.01, suspect: 3, bad: 5}}"


@pytest.fixture
def tested(tank_folder: Path, make_twin: Callable[..., Twin]) -> Callable[..., Twin]:
    path = tank_folder / "streams.yaml"
    path.write_text(path.read_text("utf-8").replace("low: 0, high: 10", f"low: 0, high: 10, qc: {QC}"), "utf-8")
    return make_twin


@pytest.fixture
def twin(tested: Callable[..., Twin]) -> Twin:
    return tested()


@pytest.fixture
def intake(twin: Twin) -> Iterator[ingest.Intake]:
    made = ingest.Intake(twin)
    yield made
    made.close()


def batch(values: list[float], first: int = 0, stream: str = LEVEL, step_s: int = 300) -> Batch:
    time = [START + timedelta(seconds=step_s * (first + i)) for i in range(len(values))]
    table = {"stream": [stream] * len(values), "time": pa.array(time, pa.timestamp("us", tz="UTC")), "value": values}
    return Batch(pa.table(table))


def flags(twin: Twin, stream: str = LEVEL) -> list[int]:
    sql = "SELECT quality FROM observation_all WHERE stream = $s AND NOT superseded ORDER BY time"
    return twin.store.fetch(sql, {"s": stream})["quality"].to_pylist()


def expected(values: list[float]) -> list[int]:
    """The same tests, reading by reading; what cannot be (a level of 1,000 m) is bad and no measure for its neighbours."""
    fit = [v if -50 <= v <= 9000 else math.nan for v in values]
    made = []
    for i, v in enumerate(fit):
        flag = 1
        if 0 < i < len(fit) - 1 and (v - fit[i - 1]) * (v - fit[i + 1]) > 0:
            out = min(abs(v - fit[i - 1]), abs(v - fit[i + 1]))
            flag = max(flag, 4 if out > 3 else 3 if out > 1 else 1)
        if i and abs(v - fit[i - 1]) * 12 > 60:
            flag = max(flag, 4)
        for count, mark in ((3, 3), (5, 4)):
            if i >= count and all(abs(v - fit[k]) <= 0.01 for k in range(i - count, i)):
                flag = max(flag, mark)
        by_range = 4 if not -50 <= values[i] <= 9000 else 3 if not 0 <= values[i] <= 10 else 1
        made.append(by_range if by_range > 1 else flag)
    return made


CASES = {
    "quiet": [1.0, 1.2, 1.1, 1.3, 1.2],
    "spike": [1.0, 1.2, 3.0, 1.1, 1.2],
    "bad spike": [1.0, 1.2, 5.0, 1.1, 1.2],
    "step": [1.0, 1.1, 7.0, 7.1, 7.2],
    "stuck": [2.0, 2.1, 2.1, 2.1, 2.1, 2.1, 2.1, 2.2],
    "impossible": [1.0, 1.1, 99999.0, 1.1, 1.2],
}


@pytest.mark.parametrize("case", sorted(CASES))
@pytest.mark.parametrize("size", [1, 2, 99])
def test_flags_against_the_tests_written_out(twin: Twin, intake: ingest.Intake, case: str, size: int) -> None:
    values = CASES[case]
    for i in range(0, len(values), size):
        intake.accept(batch(values[i : i + size], i))
    assert flags(twin) == expected(values)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.one_of(st.floats(0, 9, width=16), st.just(2.0)), min_size=1, max_size=14),
    st.lists(st.integers(1, 5), min_size=14, max_size=14),
    st.booleans(),
)
def test_however_readings_are_cut_into_batches_the_flags_are_the_same(
    tested: Callable[..., Twin], values: list[float], cuts: list[int], few: bool
) -> None:
    twin = tested()
    intake = ingest.Intake(twin)
    at = 0
    waiting = []
    for size in cuts:
        made = batch(values[at : at + size], at)
        if few:
            rows = [Row(r["stream"], r["time"], r["value"]) for r in made.table.to_pylist()]
            waiting += [intake.send(rows)] if rows else []
        else:
            waiting.append(intake.submit(made))
        at += size
    for future in waiting:
        future.result(30)
    intake.close()
    assert flags(twin) == expected(values)


def test_other_streams_are_not_tested(twin: Twin, intake: ingest.Intake) -> None:
    values = CASES["spike"]
    both = batch(values).table
    filled = batch(values, stream="t1.tank.filled").table
    intake.accept(Batch(pa.concat_tables([both, filled])))
    assert flags(twin, "t1.tank.filled") == [1] * 5
    assert flags(twin) == expected(values)


def test_the_same_again_is_stored_once_whatever_was_flagged_since(twin: Twin, intake: ingest.Intake) -> None:
    parts = [batch([1.0, 1.2]), batch([6.2], 2), batch([1.1, 1.1], 3)]
    for part in parts:
        intake.accept(part)
    before = twin.store.fetch("SELECT * FROM observation_all").num_rows
    assert flags(twin) == [1, 1, 4, 4, 1]
    for part in parts:
        assert intake.accept(part).accepted == 0
    assert twin.store.fetch("SELECT * FROM observation_all").num_rows == before
    assert flags(twin) == [1, 1, 4, 4, 1]


def test_a_spike_on_record_is_flagged_by_a_correction_when_the_next_reading_shows_it(
    twin: Twin, intake: ingest.Intake
) -> None:
    intake.accept(batch([1.0, 3.0]))
    assert flags(twin) == [1, 1]
    receipt = intake.accept(batch([1.1], 2))
    assert (receipt.accepted, receipt.corrected) == (1, 0)  # what it shows of others is not the sender's
    assert flags(twin) == [1, 3, 1]
    sources = twin.store.fetch("SELECT source, corrected FROM batch ORDER BY batch").to_pylist()
    assert sources[-1] == {"source": "qc", "corrected": 1}
    assert twin.store.fetch("SELECT 1 FROM leaf WHERE kind = 'readings'").num_rows == 3


def test_a_late_reading_is_tested_between_its_neighbours(twin: Twin, intake: ingest.Intake) -> None:
    intake.accept(batch([1.0, 1.1, 1.2, 1.3], step_s=600))
    late = START + timedelta(minutes=15)
    table = pa.table({"stream": [LEVEL], "time": pa.array([late], pa.timestamp("us", tz="UTC")), "value": [2.9]})
    intake.accept(Batch(table))
    assert flags(twin) == [1, 1, 3, 1, 1]


def test_the_last_readings_are_known_again_after_a_restart(tested: Callable[..., Twin], tmp_path: Path) -> None:
    path = tmp_path / "city.duckdb"
    values = CASES["stuck"]
    twin = tested(path=path)
    for half in (values[:4], values[4:]):
        intake = ingest.Intake(twin)
        intake.accept(batch(half, len(flags(twin))))
        intake.close()
        twin.store.close()
        store = DuckStore(path, "Asia/Shanghai", twin.clock)
        store.define(twin.packs, {})
        twin = Twin(store, twin.city, twin.packs, twin.clock)
    try:
        assert flags(twin) == expected(values)
    finally:
        twin.store.close()


def test_a_store_that_fails_leaves_nothing_behind(
    twin: Twin, intake: ingest.Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake.accept(batch([1.0, 1.1]))
    kept: Callable[..., object] = twin.store.record
    with monkeypatch.context() as patch:
        patch.setattr(twin.store, "record", lambda arrivals: (_ for _ in ()).throw(OSError("no space")))
        with pytest.raises(Exception, match="no space"):
            intake.accept(batch([9.0], 2))
    assert twin.store.record == kept
    intake.accept(batch([1.2, 1.3], 2))  # 9.0 never was: 1.2 is no jump
    assert flags(twin) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("qc", "says"),
    [
        ("{spike: {}}", "spike has no limit"),
        ("{spike: {suspect: 3, bad: 1}}", "suspect 3 is not below bad 1"),
        ("{rate: {bad: 0}}", "rate has a limit of 0"),
        ("{flat: {within: 0, bad: 1}}", "at least 2 readings"),
        ("{flat: {within: -1, bad: 5}}", "within is -1"),
        ("{flat: {within: 0, bad: 5000}}", "looks back 5000"),
    ],
)
def test_tests_that_contradict_themselves(qc: str, says: str) -> None:
    told = [f"{message} {hint}" for _, message, hint in msgspec.convert(yaml.safe_load(qc), Checks).faults()]
    assert any(says in t for t in told), told
