"""What does it cost to act on a case, and to look after many of them?

Method: petitions of tests/engine/kinds (a form, deadlines in calendar days, a step that lapses) in a database on disk. `open_ms`, `act_ms`: one case opened, one step taken, each durable when it returns, with the form checked,
the event sealed in the log and the row of the case kept up. `together_100_ms`: 100 steps of 100 cases in one transaction. `read_ms`: the sum of the events of one case. `by_itself_ms`: everything that is to happen by itself among
2,000 open cases, when nothing is due. `lapse_100_ms`: 100 cases whose time has run out go on by themselves. `notices_ms`: who is to be told among 2,000 open cases. `_cpu_ms` is processor time of the acting thread.
Peer in the same run: SQLite 3 (write-ahead log, synchronous FULL) with the event inserted and the row updated in one transaction for each act; it checks, seals and reckons nothing.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from machine import repeat, spread, write

from citytwin.engine import handle, load
from citytwin.engine.enter import Book
from citytwin.engine.twin import Twin
from citytwin.kernel.city import City
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.title import Title
from citytwin.store.duckdb import DuckStore

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.conftest import FILES  # noqa: E402 - the tiny city of the tests

RUNS, MANY = 30, 2_000
START = datetime(2026, 3, 10, 4, tzinfo=UTC)


def made(folder: Path) -> tuple[Twin, FixedClock]:
    """A city with the kinds of the tests, on disk."""
    for name, text in {**FILES, "cases.yaml": (ROOT / "tests/engine/kinds/cases.yaml").read_text("utf-8")}.items():
        path = folder / "tank" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    pack, clock = load.pack(folder / "tank"), FixedClock(START)
    store = DuckStore(folder / "city.duckdb", "Asia/Shanghai", clock)
    store.define([pack], load.tables([pack]))
    city = City("test", Title("测", "T"), "Asia/Shanghai", (121.9, 30.9), (121.0, 30.0, 122.0, 31.0), ("tank",), "")
    return Twin(store, city, [pack], clock), clock


def timed(action: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long an action takes [ms]."""
    began = clock()
    action()
    return (clock() - began) * 1000


def measured(folder: Path) -> dict[str, object]:
    """All figures."""
    twin, clock = made(folder)
    ids: list[str] = []
    cpu: dict[str, list[float]] = {"open": [], "act": []}

    def both(name: str, action: Callable[[], object]) -> float:
        began = time.thread_time()
        wall = timed(action)
        cpu[name].append((time.thread_time() - began) * 1000)
        return wall

    def opened() -> None:
        ids.append(handle.open_case(twin, "tank.petition", "王", "form", "说明", form_={"matter": "噪声扰民"}).id)

    def together() -> None:
        book = Book(twin)
        fresh = [handle.open_case(twin, "tank.petition", "王", form_={"matter": "x"}, book=book).id for _ in range(100)]
        book.commit()
        ids.extend(fresh)
        book = Book(twin)

        def go() -> None:
            book.fetch(fresh)
            for id in fresh:
                handle.act(twin, id, "advance", "王", "", {"to": "handle"}, book=book)
            book.commit()

        spans.append(timed(go))

    spans: list[float] = []
    found: dict[str, object] = {"open_ms": spread(repeat(lambda: both("open", opened), RUNS), 2)}
    turn = iter(tuple(ids))
    found["act_ms"] = spread(repeat(lambda: both("act", lambda: handle.act(twin, next(turn), "advance", "王", "", {"to": "handle"})), RUNS), 2)  # fmt: skip
    found["open_cpu_ms"], found["act_cpu_ms"] = spread(cpu["open"][1:], 2), spread(cpu["act"][1:], 2)
    for _ in range(6):
        together()
    found["together_100_ms"] = spread(spans[1:], 1)
    while len(ids) < MANY:
        together()
    found["read_ms"] = spread(repeat(lambda: timed(lambda: handle.load(twin, ids[0])), RUNS), 2)
    found["by_itself_ms"] = spread(repeat(lambda: timed(lambda: handle.handle(twin, clock.moment)), 9), 1)
    found["notices_ms"] = spread(repeat(lambda: timed(lambda: handle.notices(twin, clock.moment)), 5), 1)
    replied = ids[-100:]
    book = Book(twin)
    book.fetch(replied)
    for id in replied:
        handle.act(twin, id, "advance", "王", "", {"to": "reply"}, book=book)
    book.commit()
    clock.moment += timedelta(days=40)
    found["lapse_100_ms"] = {"once": round(timed(lambda: handle.handle(twin, clock.moment)), 1)}
    twin.store.close()
    found["sqlite_act_ms"] = spread(peer(folder / "peer.sqlite"), 2)
    return found


def peer(path: Path) -> list[float]:
    """What an act costs SQLite."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE event (id TEXT, n INTEGER, time TEXT, act TEXT, body TEXT, PRIMARY KEY (id, n))")
    db.execute("CREATE TABLE file (id TEXT PRIMARY KEY, step TEXT, due TEXT)")
    for n in range(RUNS + 1):
        db.execute("INSERT INTO file VALUES (?, 'register', '')", (f"c{n}",))
    turn = iter(range(RUNS + 1))

    def act() -> None:
        id = f"c{next(turn)}"
        db.execute("BEGIN")
        db.execute("INSERT INTO event VALUES (?, 2, '2026-03-10', 'advance', ?)", (id, json.dumps({"to": "handle"})))
        db.execute("UPDATE file SET step = 'handle', due = '2026-05-09' WHERE id = ?", (id,))
        db.execute("COMMIT")

    found = repeat(lambda: timed(act), RUNS)
    db.close()
    return found


LIMITS = """An act is three statements and a commit of the database, of which the commit and the making ready of the statements are most. Who is to be told is reckoned from all events of all open cases each time."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dry", action="store_true", help="write no result file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measured(Path(folder))
    if given.dry:
        print(json.dumps(results, indent=1))
    else:
        write("case", "What does it cost to act on a case, and to look after many of them?", __doc__ or "", results, LIMITS)  # fmt: skip


if __name__ == "__main__":
    main()
