"""Partitions and retention: nothing is lost, doubled or changed by moving it, wherever a step is cut off; what is deleted is gone, and on record."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import StoreFailed
from citytwin.kernel.store import Arrival, Change
from citytwin.science import merkle
from citytwin.store import tier
from citytwin.store.duckdb import DuckStore

TIME = pa.timestamp("us", tz="UTC")
BEGIN = datetime(2026, 1, 30, tzinfo=UTC)
LATER = BEGIN + timedelta(days=60)
STREAMS = ("a.p.x", "b.p.x", "b.p.y")
EVERY = "SELECT stream, time, value, quality, batch, superseded FROM observation_all ORDER BY stream, time, batch"


def arrival(hours: range, plus: float = 0.0, streams: tuple[str, ...] = STREAMS) -> Arrival:
    """A reading of each stream at each of these hours."""
    times = [BEGIN + timedelta(hours=h) for h in hours]
    return Arrival(
        pa.table(
            {
                "stream": [s for s in streams for _ in times],
                "time": pa.array(times * len(streams), TIME),
                "value": pa.array([h + plus + i / 4 if h % 7 else None for i in range(len(streams)) for h in hours]),
                "quality": pa.array([1 if h % 7 else 9 for _ in streams for h in hours], pa.int8()),
            }
        )
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "city.duckdb"


@pytest.fixture
def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DuckStore]:
    """Four days of three streams around the end of a month, with corrections and a withdrawal."""
    monkeypatch.setattr(tier, "GROUP", 50)  # row groups of a few readings
    made = filled(path)
    yield made
    made.close()


def filled(path: Path) -> DuckStore:
    made = DuckStore(path, "Asia/Shanghai", FixedClock(LATER), threads=1)
    for day in range(4):
        made.record([arrival(range(24 * day, 24 * day + 24))])
    made.record([arrival(range(3, 5), 100.0)])
    made.retract(pa.table({"stream": ["a.p.x"], "time": pa.array([BEGIN + timedelta(hours=9)], TIME)}))
    return made


def again(store: DuckStore, path: Path) -> DuckStore:
    store.close()
    return DuckStore(path, "Asia/Shanghai", FixedClock(LATER), threads=1)


def both(store: DuckStore, path: Path) -> Iterator[DuckStore]:
    """The store as it is, then opened anew."""
    yield store
    yield again(store, path)


def listed(path: Path) -> list[str]:
    return sorted(
        f.relative_to(tier.folder_of(path)).as_posix() for f in tier.folder_of(path).rglob("*") if f.is_file()
    )


def move(store: DuckStore, before: datetime = LATER, least: int = 1) -> int:
    moved = 0
    while step := store.tier({"": before}, least):
        moved += step
    return moved


def digests_hold(store: DuckStore) -> bool:
    """Whether the leaf of every batch is that of the readings that are on record for it."""
    for b in store.fetch(
        "SELECT b.batch, l.digest FROM batch AS b JOIN evidence AS l ON l.leaf = b.leaf AND l.kind = 'readings'"
    ).to_pylist():
        rows = store.fetch(
            "SELECT stream, epoch_us(time) AS t, value, quality FROM observation_all WHERE batch = $b ORDER BY stream, time",
            {"b": b["batch"]},
        )
        index = rows["stream"].combine_chunks().dictionary_encode()
        digest = merkle.readings_digest(
            index.dictionary.to_pylist(),
            index.indices.to_numpy(),
            *(rows[c].to_numpy() for c in ("t", "value", "quality")),
        )
        if merkle.leaf_hash(digest).hex() != b["digest"]:
            return False
    return True


def test_what_moved_is_seen_as_before(store: DuckStore, path: Path) -> None:
    every, latest, spans, root = store.fetch(EVERY), store.latest(), store.spans(), store.root()
    assert move(store) == every.num_rows
    assert listed(path) == ["month=2026-01/000001.parquet", "month=2026-02/000002.parquet"]
    assert store.fetch("SELECT count(*) AS n FROM reading")["n"].to_pylist() == [0]
    for opened in both(store, path):
        assert opened.fetch(EVERY).equals(every)
        assert opened.latest().equals(latest)
        assert opened.spans().equals(spans)
        assert opened.root() == root
        assert digests_hold(opened)
    opened.close()


def test_a_partition_is_sorted_and_tells_what_its_row_groups_hold(store: DuckStore, path: Path) -> None:
    move(store)
    for name in listed(path):
        with pq.ParquetFile(tier.folder_of(path) / name) as file:
            rows = file.read()
            order = [(r["stream"], r["time"], r["batch"]) for r in rows.to_pylist()]
            assert order == sorted(order)
            assert {r["time"].strftime("month=%Y-%m") for r in rows.to_pylist()} == {name.partition("/")[0]}
            groups = [file.metadata.row_group(g) for g in range(file.num_row_groups)]
            assert [g.num_rows for g in groups[:-1]] == [50] * (len(groups) - 1)
            assert {g.column(0).compression for g in groups} == {"ZSTD"}
            first = [g.column(0).statistics.min for g in groups]
            assert first == sorted(first)
            assert groups[0].column(1).statistics.has_min_max


def test_only_what_is_old_enough_and_enough_moves(store: DuckStore, path: Path) -> None:
    assert store.tier({"": BEGIN}, 1) == 0
    assert store.tier({"": LATER}) == 0  # too few for a file
    assert store.tier({"p.y": LATER}, 1) == 50  # one month of one stream type, with two that were corrected
    assert store.tier({"p.y": LATER, "": BEGIN}, 1) == 48  # the other month
    assert store.tier({"p.y": LATER, "": BEGIN}, 1) == 0
    left = store.fetch("SELECT DISTINCT stream FROM reading")["stream"].to_pylist()
    assert sorted(left) == [0, 1]


def test_a_month_that_is_not_over_waits(store: DuckStore) -> None:
    assert store.tier({"": BEGIN + timedelta(hours=40)}, 1) == 0
    assert store.tier({"": BEGIN + timedelta(hours=50)}, 1) > 0


def test_corrections_and_withdrawals_reach_what_moved(store: DuckStore, path: Path) -> None:
    move(store)
    (same,) = store.record([arrival(range(10, 12))])
    (changed,) = store.record([arrival(range(20, 22), 50.0)])
    assert (same.corrected, changed.corrected) == (0, 3)  # hour 21 has no value either way
    last = BEGIN + timedelta(hours=95)
    assert store.retract(pa.table({"stream": ["b.p.y", "b.p.y"], "time": pa.array([last, BEGIN], TIME)})) == 2
    now = {r["stream"]: (r["time"], r["value"]) for r in store.latest().to_pylist()}
    assert now["b.p.y"] == (last - timedelta(hours=1), 94.5)
    kept = store.fetch(EVERY)
    stands = {(r["stream"], r["time"]): r["value"] for r in kept.to_pylist() if not r["superseded"]}
    assert stands["a.p.x", BEGIN + timedelta(hours=20)] == 70.0
    assert kept.num_rows == len(stands) + 6 + 1 + 3 + 2 - 0
    spans = store.spans()
    opened = again(store, path)
    assert opened.fetch(EVERY).equals(kept)
    assert {r["stream"]: (r["time"], r["value"]) for r in opened.latest().to_pylist()} == now
    assert opened.spans().equals(spans)
    assert digests_hold(opened)
    # late readings of a month that moved move after it, into a file of their own
    assert move(opened) == 3
    assert len(listed(path)) == 3
    assert opened.fetch(EVERY).equals(kept)
    opened.close()


STEPS = {
    "before anything is written": "tier.write = stop",
    "while it is written": "pq.ParquetWriter.write_table = after(pq.ParquetWriter.write_table, 2)",
    "once it is written": "tier._synced = stop",
    "before it has its name": "Path.rename = stop",
    "once it has its name": "tier._sync_folder = stop",
    "within the change-over": "tier.enter = stop",
    "at the end of the change-over": "tier.view = stop",
    "once it is done": "DuckStore._move = after(DuckStore._move, 1)",
}
CUT = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import pyarrow.parquet as pq
from citytwin.store import tier
from citytwin.store.duckdb import DuckStore
tier.GROUP = 50
store = DuckStore(Path(sys.argv[1]), "Asia/Shanghai", threads=1)
def stop(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def after(action, times):
    left = [times]
    def act(*a, **k):
        done = action(*a, **k)
        left[0] -= 1
        return done if left[0] else stop()
    return act
exec(sys.argv[2])
store.tier({"": datetime(2026, 3, 1, tzinfo=UTC)}, 1)
"""


def test_kill_9_at_each_step_of_moving_loses_and_doubles_nothing(store: DuckStore, path: Path) -> None:
    every, root = store.fetch(EVERY), store.root()
    for step, harm in STEPS.items():
        store.close()
        done = subprocess.run([sys.executable, "-c", CUT, str(path), harm], check=False, capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, f"{step}: {done.stderr}"
        store = DuckStore(path, "Asia/Shanghai", threads=1)
        assert store.fetch(EVERY).equals(every), step
        assert store.root() == root, step
        there = store.fetch("SELECT file FROM tier_file")["file"].to_pylist()
        assert listed(path) == there, step
        assert len(there) == (step == "once it is done"), step
    assert digests_hold(store)
    assert move(store) > 0
    assert store.fetch(EVERY).equals(every)
    store.close()


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda f: f.unlink(), "is missing"),
        (lambda f: f.write_bytes(f.read_bytes()[:-7]), "has .* bytes, not the"),
    ],
)
def test_a_partition_that_is_lost_or_cut_is_named_and_the_store_not_opened(
    store: DuckStore, path: Path, harm: Any, says: str
) -> None:
    move(store)
    store.close()
    harm(tier.folder_of(path) / "month=2026-01" / "000001.parquet")
    with pytest.raises(StoreFailed, match=f"000001.parquet {says}"):
        DuckStore(path, "Asia/Shanghai")


def test_a_file_that_is_not_what_was_written_does_not_replace_readings(
    store: DuckStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = store.fetch(EVERY)
    whole = tier._groups
    for lossy in (
        lambda b: list(whole(b))[1:],
        lambda b: [g.set_column(2, "value", pa.nulls(g.num_rows, pa.float64())) for g in whole(b)],
    ):
        monkeypatch.setattr(tier, "_groups", lossy)
        with pytest.raises(StoreFailed, match="is not what was written to it"):
            store.tier({"": LATER}, 1)
        assert store.fetch(EVERY).equals(every)
    monkeypatch.setattr(tier, "_groups", whole)
    assert move(store) == every.num_rows
    assert store.fetch(EVERY).equals(every)


def test_a_place_that_cannot_be_written_is_named_and_the_store_goes_on(store: DuckStore, path: Path) -> None:
    every = store.fetch(EVERY)
    tier.folder_of(path).write_text("a file where the folder should be")
    with pytest.raises(StoreFailed, match="no readings were moved"):
        store.tier({"": LATER}, 1)
    assert store.fetch(EVERY).equals(every)
    tier.folder_of(path).unlink()
    assert move(store) == every.num_rows


def test_a_question_asked_before_a_file_was_replaced_is_still_answered(
    store: DuckStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move(store)
    before = listed(path)
    with store._at_once() as cursor:
        cursor.execute("SELECT 1 FROM meta")  # its state of the store is that of its first question
        assert store.erase({"p.y": BEGIN + timedelta(days=1)}) == 26
        assert cursor.execute("SELECT count(*) FROM held WHERE stream = 2").fetchone() == (4 * 24 + 2,)
    assert set(before) < set(listed(path))  # the old file stays a while
    monkeypatch.setattr("citytwin.store.duckdb.GRACE_S", 0)
    store.tier({"": LATER}, 1)
    assert "month=2026-01/000001.parquet" not in listed(path)


def test_deleted_readings_are_gone_and_what_they_added_up_to_stays(store: DuckStore, path: Path) -> None:
    store.roll()
    hours = store.fetch("SELECT * FROM observation_hour ORDER BY stream, period")
    store.tier({"p.x": LATER}, 1)  # one month of one type is in a partition, the rest in the database
    every, root = store.fetch(EVERY).to_pylist(), store.root()
    edge = BEGIN + timedelta(days=1, hours=16)
    gone = 0
    while step := store.erase({"p.x": edge, "p.y": edge}):
        gone += step
    left = [r for r in every if r["time"] >= edge]
    assert gone == len(every) - len(left)
    for opened in both(store, path):
        assert opened.fetch(EVERY).to_pylist() == left
        assert opened.fetch("SELECT * FROM observation_hour ORDER BY stream, period").equals(hours)
        assert {r["since"] for r in opened.spans().to_pylist()} == {edge}
        # and the series of whole hours still tells of them
        told = opened.series(["a.p.x"], BEGIN, BEGIN + timedelta(days=4), 3600).to_pylist()
        assert sorted((r["time"], r["mean"]) for r in told if r["n"]) == [
            (h["period"], h["mean"]) for h in hours.to_pylist() if h["stream"] == "a.p.x"
        ]
    leaves = opened.fetch("SELECT kind, subject, digest FROM evidence ORDER BY leaf").to_pylist()
    erasures = opened.fetch("SELECT stream_type, rows, leaf FROM erasure ORDER BY erasure").to_pylist()
    assert sum(e["rows"] for e in erasures) == gone
    assert [leaves[e["leaf"]]["subject"] for e in erasures] == [f"erasure:{n + 1}" for n in range(len(erasures))]
    hashes = [bytes.fromhex(leaf["digest"]) for leaf in leaves]
    assert (merkle.root(hashes).hex(), len(hashes)) == opened.root()
    assert merkle.root(hashes[: root[1]]).hex() == root[0]  # what was in the log is there unchanged
    # what is brought again is deleted again, and counted nowhere
    opened.record([arrival(range(1, 4), 7.0)])
    opened.roll()
    assert opened.fetch("SELECT * FROM observation_hour ORDER BY stream, period").equals(hours)
    while opened.erase({"p.x": edge, "p.y": edge}):
        pass
    assert opened.fetch(EVERY).to_pylist() == left
    opened.close()


def test_nothing_on_hold_is_deleted(store: DuckStore) -> None:
    every = store.fetch(EVERY)
    put = "INSERT INTO hold_row (hold, subject, reason, actor, recorded) VALUES ($n, $what, 'court', 'Li', $now)"
    for n, (what, types) in enumerate(
        {"*": ["p.x", "p.y"], "p.x": ["p.x"], "b": ["p.x", "p.y"], "a.p.x": ["p.x"]}.items()
    ):
        store.commit(Change(put, {"n": n, "what": what, "now": LATER}))
        assert store.erase(dict.fromkeys(types, LATER)) == 0
        assert store.fetch(EVERY).equals(every)
        store.commit(Change("UPDATE hold_row SET lifted = $now WHERE hold = $n", {"n": n, "now": LATER}))
    assert store.erase({"p.y": LATER}) > 0


def test_a_store_in_memory_has_no_partitions() -> None:
    store = DuckStore(None, "UTC", threads=1)
    store.record([arrival(range(24))])
    assert store.tier({"": LATER}, 1) == 0
    assert store.erase({"p.y": LATER}) == 24
    assert np.unique(store.fetch("SELECT stream FROM observation_all")["stream"].to_numpy()).tolist() == [
        "a.p.x",
        "b.p.x",
    ]
    store.close()
