"""First and last readings as they were written down, against those of all readings."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from citytwin.kernel.clock import FixedClock
from citytwin.kernel.store import Arrival
from citytwin.store import duckdb as store_of
from citytwin.store import ends as ends_of
from citytwin.store import tier
from citytwin.store.duckdb import DuckStore

BEGIN = datetime(2026, 1, 30, tzinfo=UTC)
LATER = BEGIN + timedelta(days=60)
STREAMS = ("a.p.x", "b.p.x", "b.p.y", "c.p.z")
TIME = pa.timestamp("us", tz="UTC")


def arrival(rows: dict[tuple[str, int], float | None]) -> Arrival:
    keys = sorted(rows)
    return Arrival(
        pa.table(
            {
                "stream": [stream for stream, _ in keys],
                "time": pa.array([BEGIN + timedelta(hours=hour) for _, hour in keys], TIME),
                "value": pa.array([rows[key] for key in keys], pa.float64()),
                "quality": pa.array([9 if rows[key] is None else 1 for key in keys], pa.int8()),
            }
        )
    )


def opened(path: Path) -> DuckStore:
    return DuckStore(path, "Asia/Shanghai", FixedClock(LATER), threads=1)


def ends(store: DuckStore) -> list[dict[str, Any]]:
    """What is known of the ends of every stream."""
    first = {row["stream"]: (row["since"], row["until"]) for row in store.spans().to_pylist()}
    return sorted(
        (
            {**row, "since": first[row["stream"]][0], "until": first[row["stream"]][1]}
            for row in store.latest().to_pylist()
        ),
        key=lambda row: row["stream"],
    )


def copied(store: DuckStore, folder: Path, forget: bool) -> DuckStore:
    """The store as a process finds it that starts after this one was killed."""
    with store._write:
        store._settle()
        store._db.execute("CHECKPOINT")
        assert store.home
        shutil.copytree(store.home, folder)
    path = folder / "city.duckdb"
    if forget:
        with duckdb.connect(str(path)) as db:
            db.execute("DELETE FROM meta WHERE name = 'ended'")
    return opened(path)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_written_down_and_came_since_against_all_readings(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_of, "ENDS", 20)
    monkeypatch.setattr(tier, "GROUP", 50)
    chance = random.Random(seed)
    home = tmp_path / "home"
    home.mkdir()
    path = home / "city.duckdb"
    store = opened(path)
    written = 0
    for step in range(16):
        what = chance.choice(["record", "record", "record", "correct", "retract", "roll", "tier", "erase", "reopen"])
        hours = [chance.randrange(4 * step, 4 * step + 8) for _ in range(6)]
        if what == "record":
            store.record(
                [arrival({(chance.choice(STREAMS), h): chance.choice([None, chance.random()]) for h in hours})]
            )
        elif what == "correct":
            store.record([arrival({(chance.choice(STREAMS), chance.randrange(4 * step + 8)): chance.random()})])
        elif what == "retract":
            ends_now = store.latest().to_pylist()
            if ends_now:
                gone = chance.choice(ends_now)
                store.retract(pa.table({"stream": [gone["stream"]], "time": pa.array([gone["time"]], TIME)}))
        elif what == "roll":
            store.roll()
        elif what == "tier":
            store.roll()
            store.tier({"": BEGIN + timedelta(hours=3 * step)}, 1)
        elif what == "erase":
            store.erase({"p.z": BEGIN + timedelta(hours=2 * step)})
        else:
            store.close()
            store = opened(path)
        marks = store.fetch("SELECT value FROM meta WHERE name = 'ended'").num_rows
        written += marks
        if step % 5 == 0:
            quick, whole = (copied(store, tmp_path / f"{step}-{forget}", forget) for forget in (False, True))
            assert ends(quick) == ends(whole) == ends(store), what
            for other in (quick, whole):
                other.close()
    assert written > 3
    store.close()


def test_a_start_reads_the_newest_batches_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "city.duckdb"
    store = opened(path)
    store.record([arrival({(s, h): 1.0 for s in STREAMS for h in range(50)})])
    store.close()
    asked: list[str] = []
    rows = DuckStore._rows

    def noted(self: DuckStore, sql: str, *given: Any) -> pa.Table:
        asked.append(sql)
        return rows(self, sql, *given)

    monkeypatch.setattr(DuckStore, "_rows", noted)
    store = opened(path)
    read = [sql for sql in asked if "FROM held" in sql or "FROM reading" in sql or "(SELECT * FROM reading" in sql]
    assert len(read) == 1
    assert "batch > 1" in read[0]
    assert ends(store)[0]["time"] == BEGIN + timedelta(hours=49)
    store.close()


def plain(store: DuckStore) -> list[dict[str, Any]]:
    """The ends of every stream as its standing readings tell them."""
    return store.fetch(
        """SELECT stream, min(time) AS since, max(time) AS until, arg_max(value, time) AS value FROM observation_all
           WHERE NOT superseded GROUP BY stream ORDER BY stream"""
    ).to_pylist()


@pytest.mark.parametrize("seed", range(2))
def test_ends_after_erasures_against_the_readings_that_are_left(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Late readings, gaps of weeks, partitions and readings of the database, erased in pieces: after each piece the beginnings are those of what is left."""
    monkeypatch.setattr(tier, "GROUP", 7)
    chance = random.Random(seed)
    store = opened(tmp_path / "city.duckdb")
    hours = [chance.choice((0, 200, 700)) + n for n in range(60)]
    for part in range(4):
        chosen = chance.sample(hours, 25)
        store.record([arrival({(chance.choice(STREAMS[1:]), h): chance.random() for h in chosen})])
        store.roll()
        if part % 2:
            store.tier({"": BEGIN + timedelta(hours=chance.choice(hours))}, 1)
    erased = 0
    for until in sorted(chance.sample(range(760), 5)):
        while store.erase({"p.y": BEGIN + timedelta(hours=until), "p.z": BEGIN + timedelta(hours=until // 2)}):
            erased += 1
            known = [
                {"stream": r["stream"], "since": r["since"], "until": r["until"], "value": r["value"]}
                for r in ends(store)
            ]
            assert known == plain(store)
    assert erased > 1
    store.close()


def test_a_start_that_is_cut_off_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a store that does not tell the ends of streams, as after a migration: pieces that were looked through are not looked through again."""
    monkeypatch.setattr(ends_of, "PIECE", 40)
    path = tmp_path / "city.duckdb"
    store = opened(path)
    for n in range(5):
        store.record([arrival({(s, h): float(n) for s in STREAMS for h in range(10 * n, 10 * n + 10)})])
    store.roll()
    store.tier({"": BEGIN + timedelta(hours=20)}, 1)
    wanted = ends(store)
    store.close()
    with duckdb.connect(str(path)) as db:
        db.execute("DELETE FROM meta WHERE name = 'ended'")
        db.execute("DELETE FROM stream_end")
    looked: list[str] = []
    found = ends_of.found

    def cut(source: str, which: str = "TRUE") -> str:
        if len(looked) == 2:
            raise KeyboardInterrupt
        looked.append(source)
        return found(source, which)

    monkeypatch.setattr(ends_of, "found", cut)
    with pytest.raises(KeyboardInterrupt):
        opened(path)
    seen, said = list(looked), list[str]()
    monkeypatch.setattr(ends_of, "found", lambda source, which="TRUE": (looked.append(source), found(source, which))[1])
    store = DuckStore(path, "Asia/Shanghai", FixedClock(LATER), threads=1, say=said.append)
    assert len(looked) > 2
    assert not set(looked[2:]) & set(seen)
    assert ends(store) == wanted
    assert said[0].startswith("finding where the readings of each stream begin and end: 200 readings, of which ")
    assert said[-1] == "200 of 200 readings looked through (100%)"
    store.close()
    # what was found holds only for the store that it was found in
    with duckdb.connect(str(path)) as db:
        cursor = db.cursor()
        ends_of.noted(cursor, ["rows 0 to 40"])
        assert ends_of.so_far(cursor) == ["rows 0 to 40"]
        cursor.execute("INSERT INTO superseded VALUES (0, now(), 1, 2)")
        assert ends_of.so_far(cursor) == []
