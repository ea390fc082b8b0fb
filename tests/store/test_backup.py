"""Copies: whole while others write, refused where they are not what was written, and never laid over anything."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from citytwin.kernel.errors import BadRequest, CityTwinError, Conflict, NotFound, StoreFailed
from citytwin.kernel.store import Arrival
from citytwin.science import merkle
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
    path.unlink()  # a copy may share its bytes with the city
    path.write_bytes(data)


PARTITION = "city.duckdb.tier/month=2026-01/000001.parquet"


def rename_in_paper(path: Path) -> None:
    paper = json.loads(path.read_text())
    path.write_text(json.dumps({**paper, "files": {"../../elsewhere.parquet": paper["files"].popitem()[1]}}))


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
        (lambda f: spoil(f / PARTITION), BadRequest, "000001.parquet is not what was written: its SHA-256"),
        (lambda f: (f / PARTITION).unlink(), StoreFailed, "nothing was restored: .*000001.parquet"),
        (lambda f: rename_in_paper(f / "backup.json"), BadRequest, "is no partition"),
    ],
)
def test_a_copy_that_is_not_what_was_written_is_not_laid_down(
    store: DuckStore, tmp_path: Path, harm: Callable[[Path], object], error: type[CityTwinError], says: str
) -> None:
    store.record([arrival(1)])
    assert store.tier({"": datetime(2026, 3, 1, tzinfo=UTC)}, 1) == 1
    store.record([arrival(2)])
    store.backup(tmp_path / "copy")
    store.close()
    harm(tmp_path / "copy")
    with pytest.raises(error, match=says):
        backup.restore(tmp_path / "copy", tmp_path / "new", root)
    assert not (tmp_path / "new" / "city.duckdb").exists()
    assert not list((tmp_path / "new").rglob("*"))
    assert DuckStore(tmp_path / "home" / "city.duckdb", "UTC").close() is None  # harm to a copy is none to the city


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


def test_a_copy_has_the_partitions_and_goes_on_without_the_city(store: DuckStore, tmp_path: Path) -> None:
    store.record([arrival(n) for n in range(10)])
    assert store.tier({"": datetime(2026, 3, 1, tzinfo=UTC)}, 1) == 10
    store.record([arrival(n) for n in range(10, 15)])
    paper = store.backup(tmp_path / "copy")
    assert paper["bytes"] == sum(
        f.stat().st_size for f in (tmp_path / "copy").rglob("*") if f.is_file() and f.name != "backup.json"
    )
    for _ in range(5):  # what the city does to its files later is nothing to the copy
        store.erase({"p.x": datetime(2026, 3, 1, tzinfo=UTC)})
    root_then = paper["root"]
    store.close()
    shutil.rmtree(tmp_path / "home")
    assert backup.restore(tmp_path / "copy", tmp_path / "new", root)["root"] == root_then
    again = DuckStore(tmp_path / "new" / "city.duckdb", "UTC")
    assert again.fetch("SELECT value FROM observation ORDER BY time")["value"].to_pylist() == [
        float(n) for n in range(15)
    ]
    assert again.fetch("SELECT count(*) AS n FROM reading")["n"].to_pylist() == [5]
    again.close()


def test_where_no_second_name_can_be_given_partitions_are_copied_and_compared(
    store: DuckStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    store.record([arrival(1)])
    store.tier({"": datetime(2026, 3, 1, tzinfo=UTC)}, 1)
    monkeypatch.setattr("os.link", refuse)
    store.backup(tmp_path / "copy")
    backup.restore(tmp_path / "copy", tmp_path / "new", root)
    spoil(tmp_path / "home" / PARTITION)
    with pytest.raises(StoreFailed, match=r"000001\.parquet is damaged"):
        store.backup(tmp_path / "second")
    assert not (tmp_path / "second").exists()
    store.close()


FIRST = """
CREATE TABLE meta (name VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
CREATE TABLE asset_row (
  asset_id VARCHAR PRIMARY KEY, type VARCHAR NOT NULL, title_zh VARCHAR NOT NULL, title_en VARCHAR NOT NULL,
  longitude DOUBLE, latitude DOUBLE, geometry VARCHAR, attributes VARCHAR NOT NULL);
CREATE TABLE stream_kind (stream_type VARCHAR PRIMARY KEY, quantity VARCHAR NOT NULL, unit VARCHAR NOT NULL, cadence_s BIGINT NOT NULL);
CREATE TABLE stream_row (key INTEGER PRIMARY KEY, stream VARCHAR UNIQUE NOT NULL, asset_id VARCHAR NOT NULL, stream_type VARCHAR NOT NULL);
CREATE TABLE reading (stream INTEGER NOT NULL, time TIMESTAMPTZ NOT NULL, value DOUBLE, quality TINYINT NOT NULL, batch BIGINT NOT NULL);
CREATE TABLE superseded (stream INTEGER NOT NULL, time TIMESTAMPTZ NOT NULL, batch BIGINT NOT NULL, by_batch BIGINT NOT NULL);
CREATE TABLE batch (
  batch BIGINT PRIMARY KEY, key VARCHAR, source VARCHAR NOT NULL, rows BIGINT NOT NULL, suspect BIGINT NOT NULL, corrected BIGINT NOT NULL,
  recorded TIMESTAMPTZ NOT NULL, leaf BIGINT NOT NULL);
CREATE TABLE batch_span (batch BIGINT NOT NULL, stream_type VARCHAR NOT NULL, since TIMESTAMPTZ NOT NULL, until TIMESTAMPTZ NOT NULL);
CREATE TABLE leaf (leaf BIGINT PRIMARY KEY, kind VARCHAR NOT NULL, subject VARCHAR NOT NULL, digest VARCHAR NOT NULL, recorded TIMESTAMPTZ NOT NULL);
CREATE VIEW observation AS
  SELECT s.stream, s.asset_id, s.stream_type, r.time, r.value FROM reading AS r JOIN stream_row AS s ON s.key = r.stream WHERE r.quality <= 2;
INSERT INTO meta VALUES ('city', 'lingang');
INSERT INTO stream_kind VALUES ('p.x', 'level', 'm', 600);
INSERT INTO stream_row VALUES (0, 'a.p.x', 'a', 'p.x');
INSERT INTO reading SELECT 0, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_minutes(10 * i), i, 1, 1 FROM range(12) AS t(i);
INSERT INTO superseded SELECT 0, TIMESTAMPTZ '2026-01-01 00:00:00+00', 1, 2;
INSERT INTO reading VALUES (0, '2026-01-01 00:00:00+00', 100, 1, 2);
INSERT INTO batch VALUES (1, NULL, '', 12, 0, 0, '2026-01-02 00:00:00+00', 0), (2, NULL, '', 1, 0, 1, '2026-01-02 00:00:00+00', 1);
INSERT INTO batch_span SELECT b, 'p.x', TIMESTAMPTZ '2026-01-01 00:00:00+00', TIMESTAMPTZ '2026-01-01 02:00:00+00' FROM (VALUES (1), (2)) AS t(b);
INSERT INTO leaf SELECT i, 'readings', 'batch:' || (i + 1), repeat('a' || i, 32), TIMESTAMPTZ '2026-01-02 00:00:00+00' FROM range(2) AS t(i);
"""
"""A store of version 1, as far as readings go, with a correction."""
SECOND = """
ALTER TABLE stream_kind ADD COLUMN title_zh VARCHAR DEFAULT '';
ALTER TABLE stream_kind ADD COLUMN title_en VARCHAR DEFAULT '';
CREATE TABLE stream_gone (key INTEGER PRIMARY KEY);
CREATE TABLE rollup_hour (
  stream INTEGER NOT NULL, period TIMESTAMPTZ NOT NULL, n BIGINT NOT NULL, low DOUBLE NOT NULL, high DOUBLE NOT NULL, total DOUBLE NOT NULL, first DOUBLE NOT NULL,
  last DOUBLE NOT NULL);
CREATE TABLE rollup_day (
  stream INTEGER NOT NULL, period TIMESTAMPTZ NOT NULL, n BIGINT NOT NULL, low DOUBLE NOT NULL, high DOUBLE NOT NULL, total DOUBLE NOT NULL, first DOUBLE NOT NULL,
  last DOUBLE NOT NULL);
CREATE VIEW observation_hour AS
  SELECT s.stream, s.asset_id, s.stream_type, r.period, r.n, r.low, r.high, r.total / r.n AS mean, r.first, r.last
  FROM rollup_hour AS r JOIN stream_row AS s ON s.key = r.stream;
INSERT INTO rollup_hour VALUES (0, '2026-01-01 00:00:00+00', 6, 1, 100, 115, 100, 5);
INSERT INTO meta VALUES ('format', '2'), ('rolled', '2'), ('sorted', '1');
"""
"""What version 2 adds to it, with roll-ups that are behind the readings."""


@pytest.mark.parametrize("tables", [FIRST, FIRST + SECOND])
def test_a_store_of_an_earlier_version_is_brought_up_and_keeps_what_it_holds(tmp_path: Path, tables: str) -> None:
    path = tmp_path / "city.duckdb"
    with duckdb.connect(str(path)) as old:
        old.execute(tables)
    for _ in range(2):  # opened anew, it is of this version
        store = DuckStore(path, "Asia/Shanghai")
        values = store.fetch("SELECT value FROM observation ORDER BY time")["value"].to_pylist()
        assert values == [100.0, *(float(n) for n in range(1, 12))]
        assert store.fetch("SELECT value FROM meta WHERE name = 'format'")["value"].to_pylist() == [str(FORMAT)]
        assert store.fetch("SELECT value FROM meta WHERE name = 'city'")["value"].to_pylist() == ["lingang"]
        assert store.root() == (merkle.root([bytes.fromhex("a0" * 32), bytes.fromhex("a1" * 32)]).hex(), 2)
        store.roll()
        hours = store.fetch("SELECT n, low, high, mean, first, last FROM observation_hour ORDER BY period").to_pylist()
        assert [tuple(h.values()) for h in hours] == [(6, 1, 100, 115 / 6, 100, 5), (6, 6, 11, 8.5, 6, 11)]
        store.close()
    store = DuckStore(path, "Asia/Shanghai")
    assert store.record([arrival(600)])[0].batch == 3
    store.close()


def test_a_store_that_cannot_be_brought_up_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "city.duckdb"
    with duckdb.connect(str(path)) as old:
        old.execute(FIRST + SECOND)
        old.execute("CREATE TABLE thing (n INTEGER)")  # where the new version wants a view
    sql = "SELECT table_name, column_count FROM duckdb_tables() UNION ALL SELECT view_name, column_count FROM duckdb_views() WHERE NOT internal ORDER BY 1"

    def seen() -> list[object]:
        with duckdb.connect(str(path)) as old:
            return [
                old.execute(q).fetchall() for q in (sql, "FROM meta ORDER BY name", "FROM rollup_hour", "FROM reading")
            ]

    before = seen()
    with pytest.raises(StoreFailed, match=f"from version 2 to {FORMAT}") as told:
        DuckStore(path, "Asia/Shanghai")
    assert "left as it was" in told.value.hint
    assert seen() == before
