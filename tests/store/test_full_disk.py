"""A disk of the store's own that fills up, for real: DuckDB gives up where a checkpoint finds no room, and takes nothing until it is opened anew."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from citytwin.kernel.errors import BadRequest, StoreFailed
from citytwin.kernel.store import Arrival, Change
from citytwin.store import duckdb as store_module
from citytwin.store.duckdb import DuckStore

ZONE = "Asia/Shanghai"


class Disk:
    """A file system in memory, of so many MiB."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(folder)]
        try:
            done = subprocess.run(words, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            done = False
        if not done:
            pytest.skip("no disk may be mounted here (it takes the superuser)")

    def resize(self, size: int) -> None:
        words = ["mount", "-o", f"remount,size={size}m", str(self.folder)]
        subprocess.run(words, check=True, capture_output=True)

    def gone(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Disk]]:
    """`disk(24)`: a disk of 24 MiB."""
    made: list[Disk] = []

    def make(size: int) -> Disk:
        made.append(Disk(tmp_path / f"disk{len(made)}", size))
        return made[-1]

    yield make
    for one in made:
        one.gone()


class Source:
    """Readings of one stream, each later than all before, with values that do not compress."""

    def __init__(self, stream: str) -> None:
        self.stream, self.count = stream, 0
        self.chance = np.random.default_rng(1)

    def next(self, many: int) -> Arrival:
        at = np.arange(self.count, self.count + many) * 1_000_000
        self.count += many
        return Arrival(
            pa.table(
                {
                    "stream": pa.array([self.stream] * many),
                    "time": pa.array(at).cast(pa.timestamp("us", tz="UTC")),
                    "value": self.chance.random(many),
                    "quality": np.ones(many, np.int8),
                }
            )
        )


def held(store: DuckStore, stream: str) -> list[float]:
    return store.fetch(
        "SELECT value FROM observation_all WHERE stream = $stream ORDER BY time", {"stream": stream}
    )["value"].to_pylist()  # fmt: skip


@pytest.mark.parametrize("many", [30_000, 15_000], ids=["to the database", "to the journal"])
def test_a_disk_that_fills_up_and_has_room_again(
    disk: Callable[[int], Disk], monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Every arrival that was acknowledged is there once while the disk is full, when there is room again without opening the store anew, and after a start."""
    monkeypatch.setattr(store_module, "REVIVE_S", 0)
    connect = DuckStore._connect

    def soon(self: DuckStore) -> duckdb.DuckDBPyConnection:
        """With checkpoints after one MiB in place of sixteen: a small disk fills up sooner."""
        db = connect(self)
        db.execute("SET checkpoint_threshold = '1MB'")
        return db

    monkeypatch.setattr(DuckStore, "_connect", soon)
    own = disk(8)
    path = own.folder / "city.duckdb"
    store = DuckStore(path, ZONE, memory="512MB")
    source, small = Source("a.p.x"), Source("b.p.x")
    told: dict[str, list[float]] = {"a.p.x": [], "b.p.x": []}
    refused: list[StoreFailed] = []

    def send(which: Source, count: int) -> None:
        arrival = which.next(count)
        try:
            (receipt,) = store.record([arrival])
        except StoreFailed as e:
            refused.append(e)
            return
        assert receipt.accepted == count
        told[which.stream] += arrival.rows["value"].to_pylist()

    def compare(where: DuckStore) -> None:
        """What was told is there, and nothing is twice."""
        for stream, values in told.items():
            found = held(where, stream)
            assert len(set(found)) == len(found)
            assert set(values) <= set(found)

    while len(refused) < 6:
        send(source, many)
        send(small, 3)
    assert all("disk" in e.hint for e in refused)
    compare(store)  # the disk is full
    assert store.latest().num_rows == 2
    own.resize(64)
    before = len(refused)
    for _ in range(4):
        send(source, many)
        send(small, 3)
    assert len(refused) == before
    store.commit(Change("INSERT INTO meta VALUES ('x', 'y')"))
    compare(store)
    root = store.root()
    assert store.fetch("SELECT count(*) AS n FROM leaf")["n"][0].as_py() == root[1]
    store.close()
    store = DuckStore(path, ZONE, memory="512MB")
    compare(store)
    assert store.root() == root
    store.close()


class GivesUp:
    """A cursor that gives up once, at the end of a transaction: after it was committed, or before."""

    def __init__(self, cursor: Any, durable: bool) -> None:
        self._cursor, self._durable = cursor, durable

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def commit(self) -> None:
        if self._durable:
            self._cursor.commit()
        raise duckdb.FatalException("FATAL Error: Failed to create checkpoint")


@pytest.mark.parametrize("durable", [True, False])
def test_what_is_acknowledged_after_the_database_gave_up_is_not_taken_for_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    """A batch may be on record though its sender was told that it failed. The next one in the journal must not have its number: it would be passed over at the next start."""
    monkeypatch.setattr(store_module, "REVIVE_S", 0)
    store = DuckStore(tmp_path / "city.duckdb", ZONE)
    source, small = Source("a.p.x"), Source("b.p.x")
    told: list[float] = []
    for _ in range(2):
        monkeypatch.setattr(store, "_writer", GivesUp(store._writer, durable))
        with pytest.raises(StoreFailed, match="look first whether what you sent is there"):
            store.record([source.next(30_000)])  # to the database
        one = small.next(1)  # to the journal
        (receipt,) = store.record([one])
        told += one.rows["value"].to_pylist()
        journal = (tmp_path / "city.duckdb.journal").read_bytes()
        assert receipt.leaf == str(store.root()[1] - 1)
        kept = tmp_path / f"killed{len(told)}"  # as it would be found after a kill here
        kept.mkdir()
        for file in tmp_path.glob("city.duckdb*"):
            (kept / file.name).write_bytes(file.read_bytes())
        assert (kept / "city.duckdb.journal").read_bytes() == journal
        killed = DuckStore(kept / "city.duckdb", ZONE)
        assert held(killed, "b.p.x") == told
        assert len(held(killed, "a.p.x")) == (source.count if durable else 0)
        assert killed.root() == store.root()
        killed.close()
        assert held(store, "b.p.x") == told
    store.close()


def test_a_merge_in_which_the_database_gives_up_is_neither_lost_nor_done_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "REVIVE_S", 0)
    store = DuckStore(tmp_path / "city.duckdb", ZONE)
    small = Source("b.p.x")
    told: list[float] = []
    for durable in (True, False, True):
        one = small.next(5)
        store.record([one])
        told += one.rows["value"].to_pylist()
        monkeypatch.setattr(store, "_writer", GivesUp(store._writer, durable))
        assert held(store, "b.p.x") == told  # who asks is answered all the same
        assert held(store, "b.p.x") == told
    store.close()


def test_what_waits_is_read_where_it_cannot_be_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No transaction can be committed: the readings in the journal are laid in for each question and taken out again."""
    store = DuckStore(tmp_path / "city.duckdb", ZONE)
    small = Source("b.p.x")

    class Full(GivesUp):
        def commit(self) -> None:
            self._cursor.rollback()
            raise duckdb.IOException("IO Error: No space left on device")

    told: list[float] = []
    writer = store._writer
    monkeypatch.setattr(store, "_writer", Full(writer, False))
    for _ in range(3):
        one = small.next(5)
        store.record([one])
        told += one.rows["value"].to_pylist()
        assert held(store, "b.p.x") == told
        since, until = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC)
        assert store.window("b.p.x", since, until)["value"].to_pylist() == told
        with pytest.raises(BadRequest):
            store.fetch("SELECT nothing FROM observation")
        with pytest.raises(StoreFailed, match="safe in the journal"):
            store.commit(Change("INSERT INTO meta VALUES ('x', 'y')"))
    monkeypatch.setattr(store, "_writer", writer)
    assert held(store, "b.p.x") == told
    assert (tmp_path / "city.duckdb.journal").stat().st_size == 0
    store.close()
