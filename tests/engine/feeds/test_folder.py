"""Files that are dropped: read once, when they are whole, and put where their owner finds what became of them."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from citytwin.engine.feeds.folder import _written_to
from citytwin.engine.twin import Twin
from citytwin.kernel.feed import Feed, FolderFeed, Named
from citytwin.kernel.title import Title

from .conftest import Asked

Ask = Callable[[Feed], Asked]
GOOD = "stream,time,value\nt1.tank.level,2025-06-30T08:00:00+08:00,1.5\nt2.tank.level,2025-06-30T08:00:00+08:00,2.5\n"
ROWS = [("t1.tank.level", "06-30 00:00:00", 1.5, 1), ("t2.tank.level", "06-30 00:00:00", 2.5, 1)]


def feed(**more: object) -> FolderFeed:
    return FolderFeed("drop", Title("投放", "Drop"), "in", **{"settle_s": 0.0, **more})  # type: ignore[arg-type]


@pytest.fixture
def inbox(home: Path) -> Path:
    made = home / "in"
    made.mkdir()
    return made


def there(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def table() -> pa.Table:
    at = pa.array(["2025-06-30T00:00:00Z"] * 2, pa.string()).cast(pa.timestamp("us", tz="UTC"))
    return pa.table({"stream": ["t1.tank.level", "t2.tank.level"], "time": at, "value": [1.5, 2.5]})


def arrow(stream: bool) -> bytes:
    out = io.BytesIO()
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(out, table().schema) as writer:
        writer.write_table(table())
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(table(), out)
    return out.getvalue()


FORMS: dict[str, Callable[[], bytes]] = {
    "a.csv": GOOD.encode,
    "a.json": lambda: json.dumps(
        [{"stream": s, "time": "2025-06-30T00:00:00Z", "value": v} for s, _, v, _ in ROWS]
    ).encode(),
    "a.senml": lambda: json.dumps([{"n": s, "t": 1751241600, "v": v} for s, _, v, _ in ROWS]).encode(),
    "a.lp": lambda: "\n".join(f"level,stream={s} value={v} 1751241600000000000" for s, _, v, _ in ROWS).encode(),
    "a.arrow": lambda: arrow(False),
    "a.feather": lambda: arrow(False),
    "a.arrows": lambda: arrow(True),
    "a.parquet": parquet,
}


@pytest.mark.parametrize("name", FORMS)
def test_a_file_of_each_form_is_recorded_and_put_away(ask: Ask, inbox: Path, name: str) -> None:
    (inbox / name).write_bytes(FORMS[name]())
    asked = ask(feed())
    state = asked.once()
    assert state.failures == 0, state.last_failure
    assert asked.rows() == ROWS
    assert there(inbox) == [f"done/{name}"]
    assert state.readings == 2


def test_a_file_with_rows_at_fault_is_refused_whole_with_a_report_naming_them(ask: Ask, inbox: Path) -> None:
    (inbox / "a.csv").write_text(
        GOOD + "nobody.tank.level,2025-06-30T08:00:00+08:00,1\nt1.tank.level,2025-06-30T08:05:00+08:00,x\n"
    )
    asked = ask(feed())
    state = asked.once()
    assert asked.rows() == []
    assert there(inbox) == ["refused/a.csv", "refused/a.csv.report.txt"]
    report = (inbox / "refused" / "a.csv.report.txt").read_text("utf-8")
    assert "row 3" in report
    assert "nobody" in report
    assert "row 4: ROW value is 'x'" in report
    assert state.failures == 0  # the feed is well; the file is not
    assert state.left_out[0].where == "a.csv"


def test_with_partial_the_good_rows_are_recorded_and_the_others_reported(ask: Ask, inbox: Path) -> None:
    (inbox / "a.csv").write_text(GOOD + "nobody.tank.level,2025-06-30T08:00:00+08:00,1\n")
    asked = ask(feed(partial=True))
    assert asked.once().rejected == 1
    assert asked.rows() == ROWS
    assert there(inbox) == ["done/a.csv", "done/a.csv.report.txt"]
    assert "row 3" in (inbox / "done" / "a.csv.report.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("a.csv", b"\xff\xfe\x00garbage", "not CSV"),
        ("a.json", b"{", "not JSON"),
        ("a.parquet", b"PAR1 and then nothing", "not Parquet"),
        ("a.arrow", b"ARROW1, or so it says", "not an Arrow file"),
        ("a.xls", b"what", "'.xls' is not an ending"),
        ("a.csv", b"x" * 2000, "2,000 bytes, more than 1,000"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    ask: Ask, inbox: Path, name: str, body: bytes, says: str
) -> None:
    (inbox / name).write_bytes(body)
    (inbox / "z.csv").write_text(GOOD)
    asked = ask(feed(largest_mb=0.001))
    asked.once()
    assert says in (inbox / "refused" / f"{name}.report.txt").read_text("utf-8")
    assert asked.rows() == ROWS  # the file behind it did not suffer


def test_the_same_content_is_recorded_once_whatever_it_is_called(ask: Ask, inbox: Path, twin: Twin) -> None:
    asked = ask(feed())
    for name in ("a.csv", "b.csv", "a.csv"):
        (inbox / name).write_text(GOOD)
        asked.once()
    assert twin.store.fetch("SELECT count(*) AS n FROM batch")["n"][0].as_py() == 1
    assert len(there(inbox)) == 3  # all three are kept, none over the other
    assert asked.once().readings == 2


def test_names_of_the_source_are_ours_in_their_units(ask: Ask, inbox: Path) -> None:
    (inbox / "a.csv").write_text(
        "stream,time,value\nT-7,2025-06-30T08:00:00+08:00,1500\nt2.tank.level,2025-06-30T08:00:00+08:00,2.5\n"
    )
    asked = ask(feed(streams=(Named("T-7", "t1.tank.level", "mm"),)))
    asked.once()
    assert asked.rows() == ROWS


def test_a_packs_parser_reads_what_no_open_form_is(ask: Ask, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from citytwin.engine import load
    from citytwin.kernel.observation import Batch

    def parse_tanks(payload: bytes) -> Batch:
        if payload == b"broken":
            raise ZeroDivisionError("by half")
        return Batch(table(), key="of the parser")

    monkeypatch.setattr(load, "module", lambda pack, name: SimpleNamespace(parse_tanks=parse_tanks))
    (inbox / "a.dat").write_bytes(b"whatever")
    (inbox / "b.dat").write_bytes(b"broken")
    asked = ask(feed(parser="tank.parse_tanks"))
    asked.once()
    assert asked.rows() == ROWS
    assert "ZeroDivisionError: by half" in (inbox / "refused" / "b.dat.report.txt").read_text("utf-8")


def test_a_file_that_still_grows_is_waited_for(ask: Ask, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"s": 100.0}
    monkeypatch.setattr("citytwin.engine.feeds.folder.time.monotonic", lambda: now["s"])
    half = len(GOOD) // 2
    asked = ask(feed(settle_s=2.0))
    (inbox / "a.csv").write_text(GOOD[:half])
    for _ in range(4):  # it grows a little each second
        asked.once()
        assert there(inbox) == ["a.csv"]
        assert asked.wait_s == 2.0  # it is looked at again when it may be whole
        now["s"] += 1.0
        half += 10
        (inbox / "a.csv").write_text(GOOD[:half])
    (inbox / "a.csv").write_text(GOOD)
    asked.once()
    now["s"] += 2.0
    asked.once()
    assert there(inbox) == ["done/a.csv"]
    assert asked.rows() == ROWS


WRITER = """
import sys
with open(sys.argv[1], "w") as f:
    f.write(sys.argv[2]); f.flush(); print("half", flush=True); sys.stdin.readline(); f.write(sys.argv[3])
"""


def test_a_file_that_somebody_holds_open_for_writing_is_waited_for_however_long_he_pauses(
    ask: Ask, inbox: Path
) -> None:
    path = inbox / "a.csv"
    command = [sys.executable, "-c", WRITER, str(path), GOOD[:40], GOOD[40:]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stdout.readline() == "half\n"
        if not _written_to(path):
            writer.communicate("go\n")
            pytest.skip("this file system does not tell who writes")
        asked = ask(feed())
        asked.once()
        asked.once()
        assert there(inbox) == ["a.csv"]
        writer.communicate("go\n")
    asked.once()
    assert there(inbox) == ["done/a.csv"]
    assert asked.rows() == ROWS


def test_links_hidden_and_unfinished_files_are_left_alone(ask: Ask, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text(GOOD)
    (inbox / "link.csv").symlink_to(tmp_path / "secret.csv")
    os.mkfifo(inbox / "pipe.csv")
    for name in (".a.csv", "a.csv.part", "a.csv.tmp"):
        (inbox / name).write_text(GOOD)
    asked = ask(feed())
    asked.once()
    assert asked.rows() == []
    (inbox / "a.csv.part").rename(inbox / "a.csv")
    asked.once()
    assert asked.rows() == ROWS


def test_a_full_disk_leaves_the_files_where_they_are_and_they_are_read_later(
    ask: Ask, inbox: Path, full: Callable[[bool], None]
) -> None:
    (inbox / "a.csv").write_text(GOOD)
    asked = ask(feed())
    full(True)
    state = asked.once()
    assert state.failures == 1
    assert state.last_failure is not None
    assert "no space left" in state.last_failure.message
    assert there(inbox) == ["a.csv"]
    full(False)
    assert asked.once().failures == 0
    assert asked.rows() == ROWS
    assert there(inbox) == ["done/a.csv"]


KILLED = """
import os, signal, sys
from pathlib import Path
from citytwin.engine.feeds import run
from citytwin.engine.ingest import Intake
from citytwin.engine import load
from citytwin.engine.twin import Twin
from citytwin.kernel.city import City
from citytwin.kernel.clock import SystemClock
from citytwin.kernel.feed import FolderFeed
from citytwin.kernel.title import Title
from citytwin.store.duckdb import DuckStore
home, pack, when = Path(sys.argv[1]), load.pack(Path(sys.argv[2])), sys.argv[3]
clock = SystemClock()
store = DuckStore(home / "city.duckdb", "Asia/Shanghai", clock)
store.define([pack], load.tables([pack]))
city = City("test", Title("a", "b"), "Asia/Shanghai", (121.9, 30.9), (121.0, 30.0, 122.0, 31.0), ("tank",), "", plans=())
twin = Twin(store, city, [pack], clock)
replace = Path.replace
def dying(self, target):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    replace(self, target)
    if when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
Path.replace = dying
worker = run._Worker(FolderFeed("drop", Title("a", "b"), "in", settle_s=0.0), twin, Intake(twin), home)
worker._once()
print(worker.told().last_failure)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_kill_9_between_record_and_move_doubles_nothing(
    make_twin: Callable[..., Twin], tank_folder: Path, home: Path, inbox: Path, when: str
) -> None:
    make_twin(path=home / "city.duckdb").store.close()
    (inbox / "a.csv").write_text(GOOD)
    command = [sys.executable, "-c", KILLED, str(home), str(tank_folder)]
    told = subprocess.run([*command, when], check=False, capture_output=True, text=True, timeout=60)
    assert told.returncode == -signal.SIGKILL, told
    assert there(inbox) == (["a.csv"] if when == "before" else ["done/a.csv"])
    told = subprocess.run([*command, "never"], check=False, capture_output=True, text=True, timeout=60)
    assert told.stdout == "None\n", told
    assert there(inbox) == ["done/a.csv"]
    twin = make_twin(path=home / "city.duckdb")
    found = twin.store.fetch("SELECT stream, value FROM observation_all ORDER BY stream").to_pylist()
    assert found == [{"stream": s, "value": v} for s, _, v, _ in ROWS]
    assert twin.store.fetch("SELECT count(*) AS n FROM batch")["n"][0].as_py() == 1
