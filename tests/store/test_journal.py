"""What waits in the journal: it outlives the process, is merged once, and is never taken for something else."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.kernel.errors import StoreFailed
from citytwin.kernel.store import Arrival, Change
from citytwin.science import merkle
from citytwin.store import duckdb as store_module
from citytwin.store.duckdb import DuckStore
from citytwin.store.journal import Journal
from tests.store.test_conformance import arrival, current

FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
Opener = Callable[..., DuckStore]


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Open a store in a folder; all are closed in the end."""
    made: list[DuckStore] = []

    def make(folder: Path) -> DuckStore:
        made.append(DuckStore(folder / "city.duckdb", "Asia/Shanghai"))
        return made[-1]

    yield make
    for store in made:
        store.close()


def crashed(folder: Path, to: Path) -> Path:
    """The files as a crash would leave them now."""
    shutil.copytree(folder, to)
    return to


def journal(folder: Path) -> Path:
    return folder / "city.duckdb.journal"


def merged(store: DuckStore) -> int:
    """How many readings are in the database, whatever waits."""
    found: int = store._rows("SELECT count(*) AS n FROM reading")["n"][0].as_py()
    return found


def test_what_waits_is_there_after_a_crash(tmp_path: Path, opened: Opener) -> None:
    (tmp_path / "a").mkdir()
    store = opened(tmp_path / "a")
    sent = [("b.p.x", 0, 1.0), ("a.p.x", 5, None)]
    (first,) = store.record([arrival(sent, "k1")])
    store.record([arrival([("b.p.x", 60, 2.0)])])
    assert merged(store) == 0
    after = opened(crashed(tmp_path / "a", tmp_path / "b"))
    assert after.latest().to_pylist() == store.latest().to_pylist()
    (again,) = after.record([arrival(sent, "k1")])
    assert (again.repeated, again.batch, again.leaf) == (True, first.batch, first.leaf)
    assert current(after) == [("b.p.x", 0, 1.0), ("b.p.x", 60, 2.0)]
    for table in ("batch", "evidence", "stream", "batch_span"):
        sql = f"SELECT * FROM {table} ORDER BY 1, 2"
        assert after.fetch(sql).to_pylist() == store.fetch(sql).to_pylist()
    assert journal(tmp_path / "a").stat().st_size == journal(tmp_path / "b").stat().st_size == 0


def test_a_crash_after_the_merge_doubles_nothing(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    store = opened(tmp_path / "a")
    store.record([arrival([("a.p.x", 0, 1.0)])])
    with monkeypatch.context() as m:
        m.setattr(Journal, "clear", lambda self: None)
        assert len(current(store)) == 1
    crashed(tmp_path / "a", tmp_path / "b")
    store.record([arrival([("c.p.x", 0, 3.0)])])  # goes behind what was merged
    for place, rows in (
        (tmp_path / "b", [("a.p.x", 0, 1.0)]),
        (crashed(tmp_path / "a", tmp_path / "c"), [("a.p.x", 0, 1.0), ("c.p.x", 0, 3.0)]),
    ):
        again = opened(place)
        assert current(again) == rows
        again.record([arrival([("a.p.x", 60, 2.0)])])
        assert len(current(again)) == len(rows) + 1


def test_what_is_sealed_between_takes_its_place_in_the_log(tmp_path: Path, opened: Opener) -> None:
    (tmp_path / "a").mkdir()
    store = opened(tmp_path / "a")
    (first,) = store.record([arrival([("a.p.x", 0, 1.0)])])
    store.commit(Change("INSERT INTO meta VALUES ('a', 'b')"), leaves=[("note", "n", "ab" * 32)])
    after = opened(crashed(tmp_path / "a", tmp_path / "b"))
    assert after.fetch("SELECT leaf, kind FROM evidence ORDER BY leaf").to_pylist() == [
        {"leaf": 0, "kind": "readings"},
        {"leaf": 1, "kind": "note"},
    ]
    (second,) = store.record([arrival([("a.p.x", 60, 1.0)])])
    leaves = store.fetch("SELECT leaf, kind, digest FROM evidence ORDER BY leaf").to_pylist()
    assert [leaf["kind"] for leaf in leaves] == ["readings", "note", "readings"]
    assert (first.leaf, second.leaf) == ("0", "2")
    assert merkle.root([bytes.fromhex(leaf["digest"]) for leaf in leaves]) == store._tree.root()


def test_late_and_many_readings_find_what_waits(tmp_path: Path, opened: Opener) -> None:
    store = opened(tmp_path)
    store.record([arrival([("a.p.x", 60, 1.0)])])
    (late,) = store.record([arrival([("a.p.x", 60, 2.0)])])
    assert late.corrected == 1
    store.record([arrival([("a.p.x", 120, 3.0)])])
    many = [("a.p.x", 180 + n, 4.0) for n in range(store_module.FEW + 1)]
    store.record([arrival(many)])
    assert current(store)[:2] == [("a.p.x", 60, 2.0), ("a.p.x", 120, 3.0)]
    assert len(current(store)) == len(many) + 2


def test_so_much_waits_and_no_more(tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MOST", 10)
    store = opened(tmp_path)
    waiting = []
    for n in range(30):
        store.record([arrival([("a.p.x", n, 1.0)])])
        waiting.append(n + 1 - merged(store))
    assert max(waiting) == 10
    assert min(waiting[10:]) == 1


def test_senders_of_one_batch_hear_of_their_own_rows(tmp_path: Path, opened: Opener) -> None:
    store = opened(tmp_path)
    store.record([arrival([("a.p.x", 0, 1.0), ("b.p.x", 0, 1.0)])])
    table = arrival([("a.p.x", 0, 2.0), ("a.p.x", 60, 2.0), ("b.p.x", 0, 1.0), ("c.p.x", 0, 1.0)]).rows
    table = table.set_column(3, "quality", pa.array([1, 4, 1, 1], pa.int8()))
    shared = Arrival(table.append_column("sender", pa.array([1, 1, 0, 2])), senders=3)
    receipts = store.record([shared, arrival([("d.p.x", 0, 1.0)])])
    assert [(r.batch, r.leaf, r.accepted, r.suspect, r.corrected) for r in receipts] == [
        (2, "1", 1, 0, 0),
        (2, "1", 2, 1, 1),
        (2, "1", 1, 0, 0),
        (3, "2", 1, 0, 0),
    ]


def test_a_merge_that_fails_is_told_and_loses_nothing(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    store.record([arrival([("a.p.x", 0, 1.0)])])

    def full(*_: object) -> None:
        raise duckdb.IOException("no space left")

    with monkeypatch.context() as m:
        m.setattr(store, "_insert", full)
        with pytest.raises(StoreFailed, match=r"safe in the journal.*no space left"):
            current(store)
    assert current(store) == [("a.p.x", 0, 1.0)]


def test_a_store_that_cannot_merge_closes_and_keeps_its_journal(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(tmp_path)
    store.record([arrival([("a.p.x", 0, 1.0)])])

    def full(*_: object) -> None:
        raise duckdb.IOException("no space left")

    monkeypatch.setattr(store, "_insert", full)
    store.close()
    assert "closed with readings in its journal" in caplog.text
    assert current(opened(tmp_path)) == [("a.p.x", 0, 1.0)]


def test_a_closed_store_acknowledges_nothing(tmp_path: Path, opened: Opener) -> None:
    store = opened(tmp_path)
    store.close()
    with pytest.raises(StoreFailed, match="it is closed"):
        store.record([arrival([("a.p.x", 0, 1.0)])])


FULL = """
import resource, signal, sys
from pathlib import Path
from citytwin.kernel.errors import StoreFailed
from citytwin.store.duckdb import DuckStore
from tests.store.test_conformance import arrival
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = DuckStore(Path(sys.argv[1]), "Asia/Shanghai")
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
for n in range(200):
    try:
        store.record([arrival([("a.p.x", n, float(n))], f"k{n}")])
        print(n, flush=True)
    except StoreFailed as e:
        print("refused", e, flush=True)
        break
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.record([arrival([("a.p.x", 1000, 0.5)], "last")])  # room again: it goes on
print(1000, flush=True)
import os
os._exit(0)
"""


def test_a_full_disk_refuses_and_what_was_acknowledged_stays(tmp_path: Path, opened: Opener) -> None:
    told = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "city.duckdb")],
        capture_output=True, text=True, check=False, timeout=120, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    lines = told.stdout.splitlines()
    refused = [line for line in lines if line.startswith("refused")]
    assert len(refused) == 1, told
    assert "city.duckdb.journal" in refused[0]
    assert "free space" in refused[0]
    acknowledged = [int(line) for line in lines if line.isdigit()]
    assert 1 < len(acknowledged) < 200
    assert [r[1] for r in current(opened(tmp_path))] == acknowledged


def test_what_cannot_be_taken_back_is_taken_back_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Journal(tmp_path / "j")
    log.append(b"one")

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    write = os.write

    def half(file: int, data: memoryview) -> int:
        if len(data) < 10:
            fails()
        return write(file, data[: len(data) // 2])

    with monkeypatch.context() as m:
        m.setattr(os, "write", half)
        m.setattr(os, "ftruncate", fails)
        with pytest.raises(StoreFailed, match="input/output error"):
            log.append(b"two")
    log.append(b"three")
    log.close()
    again = Journal(tmp_path / "j")
    assert again.entries == [b"one", b"three"]
    again.close()


@pytest.mark.parametrize("what", ["read-only", "a folder"])
def test_a_journal_that_cannot_be_written_is_named(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "a folder":
        journal(tmp_path).mkdir()
    else:
        real = os.open

        def refuse(path: Any, flags: int, *more: Any) -> int:
            if str(path).endswith(".journal") and flags & os.O_RDWR:
                raise PermissionError(errno.EACCES, "Permission denied")
            return real(path, flags, *more)

        monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreFailed, match=r"city\.duckdb\.journal cannot be opened for writing"):
        opened(tmp_path)
    monkeypatch.undo()
    if what == "a folder":
        journal(tmp_path).rmdir()
    assert current(opened(tmp_path)) == []  # the database was let go of


def test_the_journal_of_another_database_is_refused(tmp_path: Path, opened: Opener) -> None:
    for name, value in (("a", 1.0), ("b", 2.0)):
        (tmp_path / name).mkdir()
        store = opened(tmp_path / name)
        store.record([arrival([("a.p.x", 0, value)])])
        current(store)
        store.record([arrival([("a.p.x", 60, value)])])
        crashed(tmp_path / name, tmp_path / f"{name}2")
    shutil.copy(journal(tmp_path / "b2"), journal(tmp_path / "a2"))
    with pytest.raises(StoreFailed, match="does not lead to the root"):
        opened(tmp_path / "a2")
    (tmp_path / "new").mkdir()
    shutil.copy(journal(tmp_path / "b2"), journal(tmp_path / "new"))
    with pytest.raises(StoreFailed, match=r"batch 2 does not follow batch 0.*from one backup"):
        opened(tmp_path / "new")


ROWS = [("a.p.x", 0, 1.0), ("b.p.x", 1, 2.0), ("a.p.x", 2, 3.0), ("c.p.x", 3, 4.0), ("a.p.x", 4, 5.0)]


@pytest.fixture(scope="module")
def wreck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that crashed with five entries in its journal."""
    folder = tmp_path_factory.mktemp("wreck") / "a"
    folder.mkdir()
    store = DuckStore(folder / "city.duckdb", "Asia/Shanghai")
    for n, row in enumerate(ROWS):
        store.record([arrival([row], f"k{n}")])
    crashed(folder, folder.parent / "b")
    store.close()
    return folder.parent / "b"


def found(folder: Path) -> int | None:
    """How many of the rows are there, exactly and from the first on; None where the store says it is damaged."""
    try:
        store = DuckStore(folder / "city.duckdb", "Asia/Shanghai")
    except StoreFailed as e:
        if "city.duckdb.journal is damaged" not in e.message or "backup" not in e.hint:
            raise
        return None
    try:
        rows = current(store)
        assert rows == sorted(ROWS[: len(rows)])
        leaves = store.fetch("SELECT digest FROM evidence ORDER BY leaf")["digest"].to_pylist()
        assert len(leaves) == len(rows)
        assert merkle.root([bytes.fromhex(d) for d in leaves]) == store._tree.root()
        return len(rows)
    finally:
        store.close()


def ends(data: bytes) -> list[int]:
    """Where each entry ends."""
    at = [0]
    while at[-1] < len(data):
        at.append(at[-1] + 16 + int.from_bytes(data[at[-1] + 4 : at[-1] + 8], "little"))
    return at


@FUZZ
@given(data=st.data())
def test_a_damaged_journal_gives_a_prefix_or_an_error(wreck: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = journal(wreck).read_bytes()
    bounds = ends(whole)
    assert len(bounds) == len(ROWS) + 1
    bad = bytearray(whole)
    flips = data.draw(
        st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(1, 255)), max_size=3, unique_by=lambda f: f[0])
    )
    for at, mask in flips:
        bad[at] ^= mask
    cut = data.draw(st.one_of(st.just(len(bad)), st.integers(0, len(bad))))
    tail = data.draw(st.one_of(st.just(b""), st.integers(0, 40).map(bytes), st.binary(max_size=40)))
    bad = bad[:cut] + bytearray(tail)
    shutil.rmtree(tmp_path / "try", ignore_errors=True)
    crashed(wreck, tmp_path / "try")
    journal(tmp_path / "try").write_bytes(bad)
    there = found(tmp_path / "try")
    # zeros behind a cut may be the very bytes that stood there: what counts is what is still as it was written
    intact = max(n for n, end in enumerate(bounds) if bad[:end] == whole[:end])
    if not flips and tail.count(0) == len(tail):  # a torn end is no damage
        assert there == intact
    if there is not None:
        assert there >= intact  # what is dropped is the torn end alone


def test_damage_that_others_follow_is_never_taken_for_a_torn_end(wreck: Path, tmp_path: Path) -> None:
    whole = journal(wreck).read_bytes()
    last = ends(whole)[-2]
    for at in range(0, last, 7):
        bad = bytearray(whole)
        bad[at] ^= 0x55
        (tmp_path / "j").write_bytes(bad)
        with pytest.raises(StoreFailed, match="is damaged at byte"):
            Journal(tmp_path / "j")


def test_a_torn_end_is_cut_off_and_the_next_entry_takes_its_place(wreck: Path, tmp_path: Path) -> None:
    whole = journal(wreck).read_bytes()
    last = ends(whole)[-2]
    for cut in range(last, len(whole)):
        (tmp_path / "j").write_bytes(whole[:cut])
        log = Journal(tmp_path / "j")
        assert len(log.entries) == len(ROWS) - 1
        log.append(b"next")
        log.close()
        again = Journal(tmp_path / "j")
        assert again.entries[-1] == b"next"
        assert len(again.entries) == len(ROWS)
        again.close()


def test_an_entry_that_is_none_of_ours_is_damage(tmp_path: Path, opened: Opener) -> None:
    opened(tmp_path).close()
    log = Journal(journal(tmp_path))
    log.append(b"\xff")
    log.close()
    with pytest.raises(StoreFailed, match="is damaged"):
        opened(tmp_path)


def test_another_process_leaves_the_journal_alone(tmp_path: Path, opened: Opener) -> None:
    store = opened(tmp_path)
    store.record([arrival([("a.p.x", 0, 1.0)])])
    before = journal(tmp_path).read_bytes()
    code = "import sys; from pathlib import Path; from citytwin.store.duckdb import DuckStore; DuckStore(Path(sys.argv[1]), 'UTC')"
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "city.duckdb")], capture_output=True, text=True, check=False
    )
    assert "in use by another process" in other.stderr
    assert before
    assert journal(tmp_path).read_bytes() == before
