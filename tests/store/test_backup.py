"""Copies: whole while others write, refused where they are not what was written, and never laid over anything."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from citytwin.kernel.errors import BadRequest, CityTwinError, Conflict, NotFound, StoreFailed
from citytwin.kernel.store import Arrival
from citytwin.store import backup
from citytwin.store.duckdb import FORMAT, DuckStore

TIME = pa.timestamp("us", tz="UTC")


def arrival(n: int) -> Arrival:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n)
    return Arrival(
        pa.table(
            {
                "stream": ["a.p.x"],
                "time": pa.array([at], TIME),
                "value": [float(n)],
                "quality": pa.array([1], pa.int8()),
            }
        )
    )


def root(path: Path) -> tuple[str, int]:
    store = DuckStore(path, "UTC")
    try:
        return store.root()
    finally:
        store.close()


@pytest.fixture
def store(tmp_path: Path) -> DuckStore:
    made = DuckStore(tmp_path / "home" / "city.duckdb", "UTC") if (tmp_path / "home").mkdir() is None else None
    assert made
    return made


def test_a_copy_made_while_others_write_holds_all_that_was_acknowledged(store: DuckStore, tmp_path: Path) -> None:
    told: list[int] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            store.record([arrival(len(told))])
            told.append(len(told))

    writer = threading.Thread(target=write)
    writer.start()
    while len(told) < 20:
        pass
    before = len(told)
    paper = store.backup(tmp_path / "copy")
    after = len(told)
    stop.set()
    writer.join()
    store.close()
    assert backup.restore(tmp_path / "copy", tmp_path / "new", root)["root"] == paper["root"]
    again = DuckStore(tmp_path / "new" / "city.duckdb", "UTC")
    values = again.fetch("SELECT value FROM reading ORDER BY time")["value"].to_pylist()
    assert values == [float(n) for n in range(len(values))]
    assert before <= len(values) <= after + 1
    again.record([arrival(10_000)])  # and it goes on from there
    again.close()
    assert sorted(p.name for p in (tmp_path / "new").iterdir() if not p.name.endswith(".journal")) == ["city.duckdb"]


def test_the_store_is_still_its_owners_alone_after_a_copy(store: DuckStore, tmp_path: Path) -> None:
    """Closing any handle of a file drops the process's locks on it: two processes would write to one store."""
    path = tmp_path / "home" / "city.duckdb"
    code = (
        f"from pathlib import Path; from citytwin.store.duckdb import DuckStore; DuckStore(Path({str(path)!r}), 'UTC')"
    )
    for n in range(2):
        store.backup(tmp_path / f"copy{n}")
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    store.close()
    assert "is in use by another process" in other.stderr
    assert backup.restore(tmp_path / "copy1", tmp_path / "new", root)["leaves"] == 0


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def forge(path: Path) -> None:
    paper = json.loads(path.read_text())
    path.write_text(json.dumps({**paper, "root": "0" * 64}))


@pytest.mark.parametrize(
    ("harm", "error", "says"),
    [
        (lambda f: spoil(f / "city.duckdb"), BadRequest, "SHA-256"),
        (lambda f: forge(f / "backup.json"), BadRequest, "root"),
        (lambda f: (f / "backup.json").unlink(), NotFound, "no backup"),
        (lambda f: (f / "backup.json").write_text("{"), BadRequest, "cannot be read"),
        (lambda f: (f / "city.duckdb").unlink(), StoreFailed, "nothing was restored"),
    ],
)
def test_a_copy_that_is_not_what_was_written_is_not_laid_down(
    store: DuckStore, tmp_path: Path, harm: Callable[[Path], object], error: type[CityTwinError], says: str
) -> None:
    store.record([arrival(1)])
    store.backup(tmp_path / "copy")
    store.close()
    harm(tmp_path / "copy")
    with pytest.raises(error, match=says):
        backup.restore(tmp_path / "copy", tmp_path / "new", root)
    assert not (tmp_path / "new" / "city.duckdb").exists()
    assert not list((tmp_path / "new").glob(".*"))


def test_nothing_is_written_over(store: DuckStore, tmp_path: Path) -> None:
    store.backup(tmp_path / "copy")
    with pytest.raises(Conflict, match="is there already"):
        store.backup(tmp_path / "copy")
    store.close()
    with pytest.raises(Conflict, match="there is a city"):
        backup.restore(tmp_path / "copy", tmp_path / "home", root)
    with pytest.raises(Conflict, match="memory"):
        DuckStore(None, "UTC").backup(tmp_path / "other")


def test_a_place_that_cannot_be_written_is_told_and_the_store_goes_on(store: DuckStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed, match="no backup was made"):
        store.backup(tmp_path / "file" / "copy")
    store.record([arrival(1)])
    assert store.fetch("SELECT count(*) AS n FROM reading")["n"][0].as_py() == 1
    store.close()


def test_a_store_of_a_later_version_is_not_opened(store: DuckStore, tmp_path: Path) -> None:
    store._writer.execute("UPDATE meta SET value = ? WHERE name = 'format'", [str(FORMAT + 1)])
    store.close()
    with pytest.raises(StoreFailed, match=f"version {FORMAT + 1}"):
        DuckStore(tmp_path / "home" / "city.duckdb", "UTC")


def test_a_store_of_the_first_version_is_opened_and_keeps_what_it_holds(store: DuckStore, tmp_path: Path) -> None:
    """Version 1 had neither the format in `meta` nor what clients register, nor titles of stream types."""
    store.record([arrival(1)])
    before = store.root()
    views = store.fetch("SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'")[
        "view_name"
    ].to_pylist()
    for view in views:
        store._writer.execute(f"DROP VIEW IF EXISTS {view} CASCADE")
    for table in (
        "thing_row",
        "location_row",
        "observation_row",
        "datastream_row",
        "stream_gone",
        "rollup_hour",
        "rollup_day",
        "quantity_kind",
        "asset_kind",
    ):
        store._writer.execute(f"DROP TABLE {table}")
    for column in ("title_zh", "title_en"):
        store._writer.execute(f"ALTER TABLE stream_kind DROP COLUMN {column}")
    store._writer.execute("DELETE FROM meta WHERE name = 'format'")
    store.close()
    again = DuckStore(tmp_path / "home" / "city.duckdb", "UTC")
    assert again.root() == before
    assert again.fetch("SELECT value FROM observation")["value"].to_pylist() == [1.0]
    assert again.fetch("SELECT value FROM meta WHERE name = 'format'")["value"].to_pylist() == [str(FORMAT)]
    assert again.fetch("SELECT id FROM datastream")["id"].to_pylist() == ["a.p.x"]
    again.close()
