"""Late, early and double readings, taken as declared; the same through every door, and every refused row named."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from citytwin.engine import decode, ingest, lines, load
from citytwin.engine.naming import stream_of_point
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadBatch
from citytwin.kernel.observation import Batch, Receipt
from citytwin.kernel.policy import USUAL, Policy

from ..conftest import NOW, ZONE

LEVEL, FILLED = "t1.tank.level", "t1.tank.filled"
Take = Callable[..., Receipt]


@pytest.fixture
def declare(tank_folder: Path, make_twin: Callable[..., Twin]) -> Callable[..., Twin]:
    """A twin whose stream type `level` has this policy, beside `filled`, which has none; and a policy of the city."""

    def make(policy: str = "", city: Policy | None = None) -> Twin:
        path = tank_folder / "streams.yaml"
        if policy:
            path.write_text(
                path.read_text("utf-8").replace("low: 0, high: 10", f"low: 0, high: 10, policy: {policy}"), "utf-8"
            )
        twin = make_twin()
        if city is None:
            return twin
        return Twin(twin.store, replace(twin.city, policy=city), twin.packs, twin.clock)

    return make


@pytest.fixture
def take() -> Iterator[Take]:
    made: dict[int, ingest.Intake] = {}

    def accept(twin: Twin, *rows: tuple[str, datetime, float], partial: bool = False, form: str = "json") -> Receipt:
        intake = made.setdefault(id(twin), ingest.Intake(twin))
        table, faults = decode.readings(*body(form, rows), ZONE) if form != "lines" else points(twin, rows)
        return intake.accept(Batch(table), "", partial, faults)

    yield accept
    for intake in made.values():
        intake.close()


def body(form: str, rows: tuple[tuple[str, datetime, float], ...]) -> tuple[bytes, str]:
    if form == "json":
        return json.dumps([{"stream": s, "time": t.isoformat(), "value": v} for s, t, v in rows]).encode(), decode.JSON
    if form == "csv":
        return ("stream,time,value\n" + "".join(f"{s},{t.isoformat()},{v}\n" for s, t, v in rows)).encode(), decode.CSV
    if form == "senml":
        return json.dumps([{"n": s, "t": t.timestamp(), "v": v} for s, t, v in rows]).encode(), decode.SENML
    stream, time, value = zip(*rows, strict=True)
    table = pa.table({"stream": stream, "time": pa.array(time, pa.timestamp("us", tz="UTC")), "value": value})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue()), decode.ARROW


def points(twin: Twin, rows: tuple[tuple[str, datetime, float], ...]) -> tuple[pa.Table, list[object]]:
    text = "".join(f"reading,stream={s} value={v} {int(t.timestamp())}\n" for s, t, v in rows).encode()
    return lines.read(text, "s", 0, lambda m, tags, f: stream_of_point(twin, m, tags, f))


def stored(twin: Twin, stream: str = LEVEL) -> list[tuple[int, float, int]]:
    """Minutes from noon, value and flag of what is in force."""
    sql = "SELECT time, value, quality FROM observation_all WHERE stream = $s AND NOT superseded ORDER BY time"
    found = twin.store.fetch(sql, {"s": stream}).to_pylist()
    return [(round((r["time"] - NOW).total_seconds() / 60), r["value"], r["quality"]) for r in found]


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


@pytest.mark.parametrize("form", ["json", "csv", "arrow", "senml", "lines"])
def test_a_late_reading_is_refused_by_name_through_every_door(
    declare: Callable[..., Twin], take: Take, form: str
) -> None:
    twin = declare("{late: refuse, late_s: 3600}")
    rows = ((LEVEL, ago(minutes=59), 1.0), (LEVEL, ago(minutes=61), 2.0), (FILLED, ago(days=9), 3.0))
    with pytest.raises(BadBatch) as caught:
        take(twin, *rows, form=form)
    (fault,) = caught.value.faults
    assert fault.where == "row 2"
    assert "older than the 3600 s in which 'tank.level' is taken" in fault.message
    assert stored(twin) == []
    receipt = take(twin, *rows, form=form, partial=True)
    assert (receipt.accepted, receipt.rejected) == (2, 1)
    assert stored(twin) == [(-59, 1.0, 1)]
    assert stored(twin, FILLED) == [(-9 * 1440, 3.0, 1)]


def test_a_late_reading_is_flagged_and_kept(declare: Callable[..., Twin], take: Take) -> None:
    twin = declare("{late: flag, late_s: 3600}")
    take(twin, (LEVEL, ago(minutes=61), 2.0), (LEVEL, ago(minutes=60), 1.0), (FILLED, ago(days=9), 3.0))
    assert stored(twin) == [(-61, 2.0, 3), (-60, 1.0, 1)]
    assert stored(twin, FILLED)[0][2] == 1


def test_out_of_order_is_no_fault_whatever_the_policy(declare: Callable[..., Twin], take: Take) -> None:
    twin = declare("{late: refuse, late_s: 3600, duplicate: refuse}")
    for minutes in (5, 20, 10, 15):
        take(twin, (LEVEL, ago(minutes=minutes), float(minutes)))
    assert [m for m, _, _ in stored(twin)] == [-20, -15, -10, -5]


@pytest.mark.parametrize(
    ("policy", "taken", "refused"), [("", 300, 301), ("{future_s: 0}", 0, 1), ("{future_s: 7200}", 7200, 7201)]
)
def test_how_far_ahead_a_reading_may_be(
    declare: Callable[..., Twin], take: Take, policy: str, taken: int, refused: int
) -> None:
    twin = declare(policy)
    assert take(twin, (LEVEL, ago(seconds=-taken), 1.0)).accepted == 1
    with pytest.raises(BadBatch, match="row"):
        take(twin, (LEVEL, ago(seconds=-refused), 1.0))


@pytest.mark.parametrize("form", ["json", "csv", "arrow", "senml", "lines"])
def test_what_came_first_stands_or_the_second_is_refused_or_it_corrects(
    declare: Callable[..., Twin], take: Take, form: str, tank_folder: Path
) -> None:
    twin = declare("{duplicate: refuse}")
    at = ago(minutes=5)
    take(twin, (LEVEL, at, 1.0), (FILLED, at, 1.0), form=form)
    repeated = take(
        twin, (LEVEL, at, 1.0), form=form
    )  # the same again is no fault: senders repeat what they are not sure of
    assert (repeated.accepted, repeated.rejected) == (0, 0)
    with pytest.raises(BadBatch) as caught:
        take(twin, (FILLED, at, 2.0), (LEVEL, at, 2.0), form=form)
    assert [f.where for f in caught.value.faults] == ["row 2"]
    assert "the stream has 1 for 2025-06-30T03:55:00+00:00 already" in caught.value.faults[0].message
    assert stored(twin, FILLED) == [(-5, 1.0, 1)]
    receipt = take(twin, (FILLED, at, 2.0), (LEVEL, at, 2.0), form=form, partial=True)
    assert (receipt.accepted, receipt.corrected, receipt.rejected) == (1, 1, 1)
    assert stored(twin) == [(-5, 1.0, 1)]
    assert stored(twin, FILLED) == [(-5, 2.0, 1)]


def test_the_first_stands_in_one_batch_and_in_several(declare: Callable[..., Twin], take: Take) -> None:
    twin = declare("{duplicate: keep_first}")
    at = ago(minutes=5)
    first = take(twin, (LEVEL, at, 1.0), (LEVEL, at, 2.0), (LEVEL, ago(minutes=4), 5.0))
    assert (first.accepted, first.passed, first.rejected) == (2, 1, 0)
    second = take(twin, (LEVEL, at, 3.0), (LEVEL, ago(minutes=3), 6.0))
    assert (second.accepted, second.passed) == (1, 1)
    assert stored(twin) == [(-5, 1.0, 1), (-4, 5.0, 1), (-3, 6.0, 1)]
    assert twin.store.fetch("SELECT 1 FROM superseded").num_rows == 0


def test_few_rows_of_many_senders_are_vetted_one_by_one(declare: Callable[..., Twin], take: Take) -> None:
    twin = declare("{duplicate: refuse}")
    intake = ingest.Intake(twin)
    at = ago(minutes=5)
    try:
        futures = [intake.send([decode.Row(LEVEL, at, float(n))]) for n in range(20)]
        futures += [intake.send([decode.Row(FILLED, at, 1.0)])]
        ends = [f.exception(30) for f in futures]
    finally:
        intake.close()
    assert [e is None for e in ends] == [True, *[False] * 19, True]
    assert all(isinstance(e, BadBatch) and e.faults[0].where == "row 1" for e in ends[1:-1])
    assert stored(twin) == [(-5, 0.0, 1)]


def test_who_shares_a_turn_with_a_refused_row_does_not_hear_of_it(
    declare: Callable[..., Twin], take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = declare("{duplicate: refuse}")
    at = ago(minutes=5)
    take(twin, (LEVEL, at, 1.0))
    gate, record = threading.Event(), twin.store.record
    monkeypatch.setattr(twin.store, "record", lambda arrivals: (gate.wait(30), record(arrivals))[1])
    intake = ingest.Intake(twin)
    try:
        first = intake.send(
            [decode.Row(FILLED, ago(minutes=9), 1.0)]
        )  # keeps the writer busy: the others come together
        wrong = intake.send([decode.Row(LEVEL, at, 2.0)])
        right = intake.send([decode.Row(FILLED, at, 1.0)])
        gate.set()
        assert (first.result(30).accepted, right.result(30).accepted) == (1, 1)
        assert isinstance(wrong.exception(30), BadBatch)
    finally:
        gate.set()
        intake.close()


def test_the_city_says_what_a_stream_type_leaves_out(declare: Callable[..., Twin], take: Take) -> None:
    twin = declare("{future_s: 60}", Policy(late="refuse", late_s=3600, future_s=0))
    assert twin.policies["tank.level"] == Policy("refuse", 3600, 60, "correct")
    assert twin.policies["tank.filled"] == Policy("refuse", 3600, 0, "correct")
    for stream in (LEVEL, FILLED):
        with pytest.raises(BadBatch, match="nothing was recorded"):
            take(twin, (stream, ago(hours=2), 1.0))


def test_nothing_is_asked_where_nothing_is_declared(declare: Callable[..., Twin]) -> None:
    twin = declare()
    assert twin.policies == {}
    intake = ingest.Intake(twin)
    intake.close()
    assert intake._vet.idle
    assert Policy().over(USUAL) == USUAL


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ("{late: refuse}", "not from what age on"),
        ("{late_s: 60}", "late_s does nothing"),
        ("{late: flag, late_s: 0}", "late_s is 0"),
        ("{future_s: -1}", "future_s is -1"),
        ("{late: never}", "policy.late is 'never'"),
        ("{duplicate: drop}", "policy.duplicate is 'drop'"),
        ("{lateness: 3}", "'lateness' is not a key here"),
    ],
)
def test_a_city_whose_policy_contradicts_itself_is_not_loaded(tmp_path: Path, policy: str, says: str) -> None:
    text = (load.CITIES / "lingang" / "city.yaml").read_text("utf-8")
    (tmp_path / "city.yaml").write_text(f"{text}policy: {policy}\n", "utf-8")
    _city, faults = load.read_city(tmp_path)
    assert any(says in f.message for f in faults), faults
    assert all(f.where.endswith(f":{len(text.splitlines()) + 1}") for f in faults), faults
