"""Readings on their way in: decoded, converted, checked, flagged; nothing lost and nothing silent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.engine import decode, ingest
from citytwin.engine.decode import Row
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import BadBatch, CityTwinError, StoreBusy, StoreFailed, Unsupported
from citytwin.kernel.observation import Batch, Receipt
from citytwin.kernel.store import Arrival
from citytwin.store.duckdb import DuckStore

from ..conftest import NOW, ZONE

LEVEL = "t1.tank.level"
AT = "2025-06-30T11:00:00+08:00"
MOMENT = datetime(2025, 6, 30, 3, tzinfo=UTC)


def take(twin: Twin, body: bytes, media: str = "application/json", unit: str = "", partial: bool = False) -> Receipt:
    table, faults = decode.readings(body, media, ZONE)
    intake = ingest.Intake(twin)
    try:
        return intake.accept(Batch(table), unit, partial, faults)
    finally:
        intake.close()


def stored(twin: Twin) -> list[tuple[str, datetime, float | None, int]]:
    found = twin.store.fetch(
        "SELECT stream, time, value, quality FROM observation_all ORDER BY stream, time"
    ).to_pylist()
    return [(r["stream"], r["time"], r["value"], r["quality"]) for r in found]


def arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


ROW = {"stream": LEVEL, "time": AT, "value": 2.5}
BODIES = {
    "list": (json.dumps([ROW]).encode(), "application/json"),
    "object": (json.dumps({"readings": [ROW]}).encode(), "application/json; charset=utf-8"),
    "single": (json.dumps(ROW).encode(), "application/json"),
    "columns": (json.dumps({k: [v] for k, v in ROW.items()}).encode(), "application/json"),
    "csv": (f"stream,time,value\n{LEVEL},{AT},2.5\n".encode(), "text/csv"),
    "csv with byte order mark": (f"\ufeffstream,time,value\n{LEVEL},{AT},2.5\n".encode(), "text/csv"),
    "csv, city time": (f"time,value,stream\n2025-06-30 11:00:00,2.5,{LEVEL}\n".encode(), "text/csv"),
    "arrow": (
        arrow(pa.table({"stream": [LEVEL], "time": pa.array([MOMENT], pa.timestamp("ms", tz="UTC")), "value": [2.5]})),
        decode.ARROW,
    ),
    "arrow, city time": (
        arrow(pa.table({"stream": [LEVEL], "time": pa.array([datetime(2025, 6, 30, 11)]), "value": [2.5]})),
        decode.ARROW,
    ),
}


@pytest.mark.parametrize("body", sorted(BODIES))
def test_every_form_gives_the_same_reading(twin: Twin, body: str) -> None:
    assert take(twin, *BODIES[body]).accepted == 1
    assert stored(twin) == [(LEVEL, MOMENT, 2.5, 1)]


@pytest.mark.parametrize(
    ("unit", "sent", "kept"), [("", 2.5, 2.5), ("cm", 250.0, 2.5), ("毫米", 2500.0, 2.5), ("ft", 10.0, 3.048)]
)
def test_units_against_their_definitions(twin: Twin, unit: str, sent: float, kept: float) -> None:
    take(twin, json.dumps([{**ROW, "value": sent}]).encode(), unit=unit)
    assert stored(twin)[0][2] == pytest.approx(kept, rel=1e-12)


def test_a_unit_per_row_goes_before_that_of_the_batch(twin: Twin) -> None:
    rows = [{**ROW, "value": 1.0, "unit": "m"}, {"stream": "t2.tank.level", "time": AT, "value": 100.0}]
    take(twin, json.dumps(rows).encode(), unit="cm")
    assert [r[2] for r in stored(twin)] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"stream": "t9.tank.level"}, "asset 't9' is not on record"),
        ({"stream": "t1.tank.nothing"}, "stream type 'tank.nothing' is not declared"),
        ({"stream": "nonsense"}, "asset 'nonsense' is not on record"),
        ({"value": None}, "value is empty"),
        ({"unit": "kg"}, "'kg' measures mass, 'm' measures length"),
        ({"unit": "furlong"}, "unit 'furlong' is not in the vocabulary"),
        ({"quality": 7}, "quality is 7"),
        ({"time": (NOW + timedelta(hours=1)).isoformat()}, "is in the future"),
        ({"time": "1850-01-01T00:00:00Z"}, "is before 1900"),
        ({"time": "yesterday"}, "time"),
        ({"value": "much"}, "value"),
        ({"stream": None}, "stream"),
    ],
)
def test_a_bad_row_is_named_and_takes_nothing_with_it(twin: Twin, row: dict[str, object], says: str) -> None:
    body = json.dumps(
        [ROW, {**ROW, "time": "2025-06-30T11:05:00+08:00", **row}, {**ROW, "stream": "t2.tank.level"}]
    ).encode()
    with pytest.raises(BadBatch) as caught:
        take(twin, body)
    (fault,) = caught.value.faults
    assert fault.where == "row 2"
    assert says in fault.message
    assert stored(twin) == []  # nothing silently
    receipt = take(twin, body, partial=True)
    assert (receipt.accepted, receipt.rejected) == (2, 1)
    assert receipt.faults[0].where == "row 2"
    assert [r[0] for r in stored(twin)] == [LEVEL, "t2.tank.level"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("t1.tank.level,yesterday,1", "yesterday"),
        ("t1.tank.level,2025-06-30T11:00:00Z", "cells"),
        ("t1.tank.level,2025-06-29T11:00:00Z,x", "'x'"),
    ],
)
def test_bad_csv_lines_are_named(twin: Twin, line: str, says: str) -> None:
    body = f"stream,time,value\nt2.tank.level,2025-06-29T11:00:00Z,1\n{line}\n".encode()
    with pytest.raises(BadBatch) as caught:
        take(twin, body, "text/csv")
    assert any(says in f.message for f in caught.value.faults), caught.value.faults


def test_implausible_readings_are_kept_and_flagged(twin: Twin) -> None:
    rows = [
        {**ROW, "value": v, "time": f"2025-06-30T11:0{i}:00+08:00"} for i, v in enumerate([5.0, 12.0, 9500.0, -0.1])
    ]
    receipt = take(twin, json.dumps(rows).encode())
    assert receipt.suspect == 3
    assert [r[3] for r in stored(twin)] == [1, 3, 4, 3]  # stream 0..10 m, quantity -50..9000 m


def test_a_missing_value_says_so(twin: Twin) -> None:
    take(twin, json.dumps([{**ROW, "value": None, "quality": 9}]).encode())
    assert stored(twin) == [(LEVEL, MOMENT, None, 9)]


def test_the_same_row_twice_is_one_and_a_contradiction_is_a_fault(twin: Twin) -> None:
    assert take(twin, json.dumps([ROW, ROW]).encode()).rejected == 0
    assert len(stored(twin)) == 1
    with pytest.raises(BadBatch, match="1 of 2 rows"):
        take(twin, json.dumps([ROW, {**ROW, "value": 3.0}]).encode())


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[1, 2]", "application/json"),
        (b'{"stream": [1], "time": []}', "application/json"),
        (b"\xff\xfe", "text/csv"),
        (b"a,b\n1,2\n", "text/csv"),
        (b"", "text/csv"),
        (b"not arrow", decode.ARROW),
        (arrow(pa.table({"stream": [1], "time": [1], "value": [1]})), decode.ARROW),
        (arrow(pa.table({"stream": ["a"], "time": [True], "value": [[1]]})), decode.ARROW),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(twin: Twin, body: bytes, media: str) -> None:
    with pytest.raises(BadBatch) as caught:
        take(twin, body, media)
    assert caught.value.message


def test_other_media_are_refused() -> None:
    with pytest.raises(Unsupported, match="image/png"):
        decode.readings(b"", "image/png", ZONE)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=80),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda c: (
                st.lists(c, max_size=4)
                | st.dictionaries(st.sampled_from(["stream", "time", "value", "unit", "readings", "x"]), c, max_size=4)
            ),
            max_leaves=12,
        ).map(lambda v: json.dumps(v).encode()),
        st.lists(st.lists(st.text(max_size=6), max_size=4), max_size=5).map(
            lambda rows: "\n".join(["stream,time,value", *(",".join(r) for r in rows)]).encode("utf-8", "replace")
        ),
    ),
    st.sampled_from(["application/json", "text/csv", decode.ARROW]),
)
def test_nothing_but_a_named_error_comes_of_any_bytes(twin: Twin, body: bytes, media: str) -> None:
    try:
        table, faults = decode.readings(body, media, ZONE)
        prepared = ingest.prepare(twin, Batch(table))
    except CityTwinError:
        return
    assert prepared.arrival.rows.num_rows + prepared.refused + len(faults) >= 0


def test_batches_of_many_senders_are_committed_together_and_each_is_answered(
    twin: Twin, readings: Callable[..., pa.Table]
) -> None:
    intake = ingest.Intake(twin)
    with ThreadPoolExecutor(16) as pool:
        receipts = list(
            pool.map(
                lambda n: intake.accept(
                    Batch(readings(LEVEL, MOMENT - timedelta(minutes=n), [float(n % 10)]), key=f"k{n}")
                ),
                range(200),
            )
        )
    intake.close()
    assert sorted(r.batch for r in receipts) == list(range(1, 201))
    assert len(stored(twin)) == 200


def test_when_the_store_fails_every_sender_hears_of_it(
    twin: Twin, readings: Callable[..., pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = ingest.Intake(twin)

    def full(*_: object) -> list[Receipt]:
        raise OSError("No space left on device")

    monkeypatch.setattr(twin.store, "record", full)
    with pytest.raises(StoreFailed, match="No space left"):
        intake.accept(Batch(readings(LEVEL, MOMENT, [1.0])))
    monkeypatch.undo()
    assert intake.accept(Batch(readings(LEVEL, MOMENT, [1.0]))).accepted == 1
    intake.close()


@pytest.mark.parametrize("where", ["_quick", "_joined", "_put", "_write"])
def test_what_nobody_foresaw_is_told_to_all_who_wait_and_the_next_are_served(
    twin: Twin, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Whatever is raised in the intake's own thread: those of the group hear of it once, and the thread goes on."""
    intake = ingest.Intake(twin)

    def broken(*_: object) -> None:
        raise MemoryError("no more")

    with monkeypatch.context() as m:
        m.setattr(intake, where, broken)
        waiting = [intake.send(rows(1.0, second=n)) for n in range(3)]
        waiting.append(intake.submit(Batch(decode.tabled(rows(2.0, second=60), ZONE))))
        for one in waiting:
            with pytest.raises(StoreFailed, match="not known whether the readings are on record: no more"):
                one.result(10)
    assert intake.send(rows(3.0, second=120)).result(10).accepted == 1
    intake.close()
    assert [value for _, _, value, _ in stored(twin)] == [3.0]


def test_one_who_cannot_listen_keeps_nobody_from_hearing(twin: Twin) -> None:
    class Deaf:
        heard = 0

        def set_result(self, receipt: Receipt, /) -> None:
            self.heard += 1
            raise RuntimeError("the loop is closed")

        def set_exception(self, error: BaseException, /) -> None:
            self.heard += 1

    intake, deaf = ingest.Intake(twin), Deaf()
    intake.post(deaf, rows(1.0))
    assert intake.send(rows(2.0, second=1)).result(10).accepted == 1
    intake.close()
    assert deaf.heard == 1
    assert len(stored(twin)) == 2


def rows(*values: float, stream: str = LEVEL, second: int = 0) -> list[decode.Row]:
    return [decode.Row(stream, MOMENT + timedelta(seconds=second + n), v) for n, v in enumerate(values)]


def sent(twin: Twin, work: Callable[[ingest.Intake], list[Future[Receipt]]]) -> list[Receipt | Exception]:
    """What becomes of what is sent while the intake is busy, so that all of it is one group."""
    busy, begun = threading.Event(), threading.Event()
    real = twin.store.record

    def slow(arrivals: list[Arrival]) -> list[Receipt]:
        begun.set()
        busy.wait()
        return real(arrivals)

    twin.store.record = slow  # type: ignore[method-assign]
    intake = ingest.Intake(twin)
    try:
        first = intake.send(rows(0.5, second=-60))
        begun.wait()
        futures = work(intake)
        busy.set()
        assert first.result().accepted == 1
        return [f.exception() or f.result() for f in futures]  # type: ignore[misc]
    finally:
        intake.close()
        twin.store.record = real  # type: ignore[method-assign]


def test_a_few_rows_of_many_senders_share_a_batch_and_each_hears_of_its_own(twin: Twin) -> None:
    told = sent(
        twin,
        lambda intake: [
            intake.send(rows(1.0, 2.0)),
            intake.send(rows(150.0, stream="t2.tank.level"), unit="cm"),
            intake.send(rows(1e6, stream="t2.tank.level", second=60)),
            intake.send(rows(3.0, second=60), source="gate"),
            intake.send(rows(0.7, second=-60)),
        ],
    )
    batch = [(r.batch, r.accepted, r.suspect, r.corrected) for r in told if isinstance(r, Receipt)]
    # those of one unit and source are one batch, and so are those that need a second look: 1,000 km is above what is plausible and follows
    # a reading in another unit, the last corrects what was there
    assert batch == [(2, 2, 0, 0), (4, 1, 0, 0), (5, 1, 1, 0), (3, 1, 0, 0), (5, 1, 0, 1)]
    assert twin.store.fetch("SELECT source, rows FROM batch ORDER BY batch").to_pylist() == [
        {"source": "", "rows": 1}, {"source": "", "rows": 2}, {"source": "gate", "rows": 1}, {"source": "", "rows": 1}, {"source": "", "rows": 2},
    ]  # fmt: skip
    assert len(stored(twin)) == 7


def test_a_fault_among_a_few_rows_is_its_senders_alone(twin: Twin) -> None:
    told = sent(
        twin,
        lambda intake: [
            intake.send(rows(1.0)),
            intake.send(rows(1.0, stream="t9.tank.level")),
            intake.send(rows(2.0, float("inf"), second=60), partial=True),
            intake.send(rows(float("inf"), second=90), partial=True),
            intake.send([], partial=True),
        ],
    )
    assert isinstance(told[1], BadBatch)
    assert "t9" in told[1].faults[0].message
    assert [(r.accepted, r.rejected) for r in told if isinstance(r, Receipt)] == [(1, 0), (1, 1), (0, 1), (0, 0)]
    assert [r[2] for r in stored(twin)] == [0.5, 1.0, 2.0]


def test_few_rows_of_two_senders_for_one_moment_are_a_reading_and_its_correction(twin: Twin) -> None:
    told = sent(twin, lambda intake: [intake.send(rows(1.0)), intake.send(rows(2.0)), intake.send(rows(2.0))])
    assert [(r.accepted, r.corrected) for r in told if isinstance(r, Receipt)] == [(1, 0), (1, 1), (1, 0)]
    found = twin.store.fetch("SELECT value FROM observation WHERE time = $t", {"t": MOMENT})["value"]
    assert found.to_pylist() == [2.0]


def test_keys_of_a_few_rows_are_each_accepted_once(twin: Twin) -> None:
    told = sent(
        twin,
        lambda intake: [
            intake.send(rows(1.0), key="a"),
            intake.send(rows(2.0, second=60), key="b"),
            intake.send(rows(3.0, second=120), key="a"),
        ],
    )
    assert [(r.batch, r.repeated) for r in told if isinstance(r, Receipt)] == [(2, False), (3, False), (2, True)]
    assert [r[2] for r in stored(twin)] == [0.5, 1.0, 2.0]


def test_when_the_store_fails_all_who_share_a_batch_hear_of_it(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> list[Receipt]:
        raise OSError("No space left on device")

    def work(intake: ingest.Intake) -> list[Future[Receipt]]:
        monkeypatch.setattr(twin.store, "record", full)  # the first group has begun and is not touched
        return [intake.send(rows(1.0)), intake.send(rows(1.0, second=60))]

    told = sent(twin, work)
    assert all(isinstance(t, StoreFailed) and "No space left" in t.message for t in told)


def test_too_many_waiting_are_refused_at_once(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    intake = ingest.Intake(twin, waiting=1)
    busy, begun = threading.Event(), threading.Event()
    real = twin.store.record

    def slow(arrivals: list[Arrival]) -> list[Receipt]:
        begun.set()
        busy.wait()
        return real(arrivals)

    monkeypatch.setattr(twin.store, "record", slow)
    futures = [intake.send(rows(1.0))]
    begun.wait()
    futures.append(intake.send(rows(1.0, second=60)))
    with pytest.raises(StoreBusy, match="too many readings wait"):
        intake.send(rows(1.0, second=120))
    busy.set()
    assert [f.result().accepted for f in futures] == [1, 1]
    intake.close()


@pytest.mark.parametrize(
    "body",
    [
        b'{"stream": "a", "time": "2025-01-01T00:00:00Z", "value": 1, "readings": [{"stream": "b"}]}',
        b'[{"stream": "a", "time": "soon", "value": 1}]',
        b"[" * 3000,
        b"x",
        b'[{"stream": "a", "time": "2025-01-01T00:00:00Z", "value": 1}' + b" " * decode.SMALL + b"]",
    ],
)
def test_what_is_not_a_few_plain_rows_is_left_to_be_looked_at_closely(body: bytes) -> None:
    assert decode.few(body, "application/json; charset=utf-8") is None


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int16(), pa.large_string())])
def test_text_of_other_arrow_libraries_is_read(twin: Twin, kind: pa.DataType) -> None:
    table = pa.table(
        {"stream": pa.array([LEVEL]).cast(kind), "time": pa.array([AT]).cast(pa.string_view()), "value": [2.5]}
    )
    assert take(twin, arrow(table), decode.ARROW).accepted == 1
    assert stored(twin) == [(LEVEL, MOMENT, 2.5, 1)]


def test_readings_are_kept_in_order_while_the_clock_jumps(
    make_twin: Callable[..., Twin], clock: FixedClock, tmp_path: Path
) -> None:
    """The clock is set back a day and ahead a year: what is recorded stays in order of its arrival, and opens again."""
    twin = make_twin(path=tmp_path / "city.duckdb")
    intake = ingest.Intake(twin)
    at = clock.moment
    leaves = []
    for n, jump in enumerate((timedelta(), -timedelta(days=1), timedelta(days=365), -timedelta(hours=3))):
        clock.moment = at + jump
        row = Row("t1.tank.level", at - timedelta(days=2) + timedelta(minutes=n), float(n))
        leaves.append(intake.send([row]).result().leaf)
    assert leaves == sorted(leaves)
    clock.moment = at - timedelta(days=1)
    with pytest.raises(BadBatch) as e:  # a day ahead of the clock as it is now
        intake.send([Row("t1.tank.level", at, 1.0)]).result()
    assert "in the future" in str(e.value.faults[0])
    intake.close()
    root = twin.store.root()
    twin.store.close()
    again = DuckStore(tmp_path / "city.duckdb", ZONE, clock)
    assert again.root() == root
    assert again.fetch("SELECT value FROM observation ORDER BY time")["value"].to_pylist() == [0.0, 1.0, 2.0, 3.0]
    again.close()
