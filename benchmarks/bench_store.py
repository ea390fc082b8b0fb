"""What do questions about readings cost, and a reading on disk, as the city grows?

Method: a city of 20,000 streams (or `--streams`) that report every minute, two decimals, each wandering about a level of its own with noise of a tenth of a unit, one batch a minute with its leaf;
made by SQL in a folder of its own, laid down as the store lays down what it sorted, as many readings as each of `--sizes` says, then rolled up by the store itself. Asked of each size, each question with
other streams every time: the last 24 hours of one stream (`window`) and, as many readings whatever the size, its last 90 minutes and the hourly means of all streams in them, all streams' newest readings (`latest`), one stream's hourly means over all time, all streams' hourly means of the last 24
hours (`series`); what a roll costs after one more minute of readings; how long the store takes to open (`opened_s`: the first time, when all readings are read once for their ends, as after a migration; `opened_again_s`: from then on); bytes per reading in the database, in partitions, and of both; the last 24 hours of a stream in partitions. And, once, a city
with a reading of every stream in every hour of 30 days: hourly means of all streams as a table (14.4 million of them), the mean over all streams of every hour, and the mean of each stream (`monthly`):
what this costs depends on how many hours there are, not on how many readings they hold. And, once, a month of 200 streams with a reading every minute: what statements as packs write them cost (means by day,
sums by hour, the swing of each day; over the month, and over its last day with a minute of readings that no roll-up knows), as the store answers them from roll-ups and as they are written (`packs`). Peers in the same run, on the first size, of the same readings: SQLite (a table ordered by stream and time), a Parquet
file sorted by stream and time and scanned by DuckDB, and PostgreSQL (COPY, an index by stream and time; through asyncpg) where its programs are installed. The flatness of a cost is its median on the largest size over that
on the smallest that holds a whole day, or else on the smallest.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import peers
import pyarrow as pa
from machine import spread, write

from citytwin.kernel.pack import Pack
from citytwin.kernel.store import Arrival
from citytwin.kernel.stream import StreamType
from citytwin.kernel.title import Title
from citytwin.store import rollup, tier
from citytwin.store.duckdb import DuckStore

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK, RUN = 1_000_000, 8_000_000
"""Readings that are laid down sorted together: as the store sorts what is new, and as it makes longer runs of it."""
VALUE = "round(20 + s % 50 + 5 * sin(m / 1440.0 * 6.2832 + s) + (hash(s * 1000003 + m) % 200) / 1000.0 - 0.1, 2)"


def fill(path: Path, streams: int, steps: int, step_s: int) -> None:
    """Make a city with a reading of each stream at every step."""
    DuckStore(path, "Asia/Shanghai").close()
    with duckdb.connect(str(path)) as db:
        db.execute(
            f"INSERT INTO stream_row SELECT s, printf('a%05d.bench.level', s), printf('a%05d', s), 'bench.level' FROM range({streams}) AS t(s)"
        )
        db.execute(f"INSERT INTO stream_kind VALUES ('bench.level', 'level', 'm', {step_s}, '', '')")
        start = int(FIRST.timestamp()) * 1_000_000
        at = 0
        while at < steps:
            large = max(RUN // streams, 1)
            ahead = at + (large if steps - at >= large else max(CHUNK // streams, 1))
            db.execute(
                f"""INSERT INTO reading SELECT s::INTEGER AS stream, make_timestamptz({start} + m * {step_s} * 1000000) AS time, {VALUE}, 1, m + 1 AS batch
                    FROM range({streams}) AS a(s), range({at}, {min(ahead, steps)}) AS b(m) ORDER BY {rollup.ORDER}"""
            )
            at = ahead
        moment = f"make_timestamptz({start} + m * {step_s} * 1000000)"
        db.execute(
            f"INSERT INTO batch SELECT m + 1, NULL, 'bench', {streams}, 0, 0, {moment}, m FROM range({steps}) AS t(m)"
        )
        db.execute(
            f"INSERT INTO batch_span SELECT m + 1, 'bench.level', {moment}, {moment} FROM range({steps}) AS t(m)"
        )
        db.execute(
            f"INSERT INTO leaf SELECT m, 'readings', 'batch:' || (m + 1), sha256(m::VARCHAR), {moment} FROM range({steps}) AS t(m)"
        )
        merged = steps // max(RUN // streams, 1) * max(RUN // streams, 1)
        db.execute(f"INSERT OR REPLACE INTO meta VALUES ('sorted', '{steps}'), ('merged', '{merged}')")
        db.execute("FORCE CHECKPOINT")


def timed(action: Callable[[], Any], runs: int, budget_s: float = 20.0) -> list[float]:
    """Milliseconds of each run, the first left out; fewer runs where they take long."""
    took: list[float] = []
    began = time.monotonic()
    for n in range(runs + 1):
        start = time.perf_counter()
        action()
        if n:
            took.append((time.perf_counter() - start) * 1000)
        if n > 2 and time.monotonic() - began > budget_s:
            break
    return took


def size(path: Path) -> tuple[int, int]:
    """Bytes in use of a database (its free blocks are left out: the next readings go there), and of its partitions."""
    with duckdb.connect(str(path)) as db:
        db.execute("FORCE CHECKPOINT")
        row = db.execute("SELECT used_blocks * block_size FROM pragma_database_size()").fetchone()
    return int(row[0]) if row else 0, sum(f.stat().st_size for f in tier.folder_of(path).rglob("*.parquet"))


def grown(folder: Path, readings: int, streams: int, runs: int) -> dict[str, Any]:
    """What questions cost in a city of so many readings."""
    path = folder / f"{readings}" / "city.duckdb"
    path.parent.mkdir()
    steps = max(readings // streams, 1)
    began = time.perf_counter()
    fill(path, streams, steps, 60)
    told: dict[str, Any] = {"readings": steps * streams, "made_s": round(time.perf_counter() - began, 1)}
    used, _ = size(path)
    told["bytes_per_reading_without_rollups"] = round(used / (steps * streams), 2)
    began = time.perf_counter()
    store = DuckStore(path, "Asia/Shanghai")
    told["opened_s"] = round(time.perf_counter() - began, 2)
    try:
        began = time.perf_counter()
        store.roll()
        told["rolled_readings_per_s"] = round(steps * streams / (time.perf_counter() - began))
        store.sort(1)
        until = FIRST + timedelta(minutes=steps)
        day = until - timedelta(days=1)
        chance = random.Random(1)

        def some() -> str:
            return f"a{chance.randrange(streams):05}.bench.level"

        rows = store.window(some(), day, until).num_rows
        assert rows == min(steps, 1440), rows
        told["window_rows"] = rows
        told["window_24_h_of_one_stream_ms"] = spread(timed(lambda: store.window(some(), day, until), runs * 5), 2)
        recent = until - timedelta(minutes=90)  # as many readings whatever the size
        told["window_90_min_of_one_stream_ms"] = spread(timed(lambda: store.window(some(), recent, until), runs * 5), 2)
        told["hourly_of_all_90_min_ms"] = spread(timed(lambda: store.series(None, recent, until, 3600), runs), 2)
        told["latest_of_all_ms"] = spread(timed(store.latest, runs), 2)
        told["hourly_of_one_stream_ms"] = spread(timed(lambda: store.series([some()], FIRST, until, 3600), runs), 2)
        told["hourly_of_all_24_h_ms"] = spread(timed(lambda: store.series(None, day, until, 3600), runs), 2)

        def minute() -> float:
            nonlocal until
            names = pa.array([f"a{s:05}.bench.level" for s in range(streams)])
            stream = pa.DictionaryArray.from_arrays(pa.array(range(streams), pa.int32()), names)
            at = pa.array([until] * streams, pa.timestamp("us", tz="UTC"))
            quality = pa.array([1] * streams, pa.int8())
            store.record(
                [Arrival(pa.table({"stream": stream, "time": at, "value": [20.25] * streams, "quality": quality}))]
            )
            until += timedelta(minutes=1)
            start = time.perf_counter()
            store.roll()
            return (time.perf_counter() - start) * 1000

        told["roll_after_a_minute_ms"] = spread([minute() for _ in range(runs + 1)][1:], 2)
        added = runs + 1
        store.close()
        used, _ = size(path)
        told["bytes_per_reading_in_the_database"] = round(used / ((steps + added) * streams), 2)
        began = time.perf_counter()
        store = DuckStore(path, "Asia/Shanghai")
        told["opened_again_s"] = round(time.perf_counter() - began, 2)
        edge = until - timedelta(minutes=max(steps // 10, 1))
        tier.LEAST, least = 1, 1
        began, moved = time.perf_counter(), 0
        tier_most, tier.MOST = tier.MOST, min(tier.MOST, max(steps * streams // 2, 4))  # as if its days were large
        while step := store.tier({"": edge}, least):
            moved += step
        tier.MOST = tier_most
        told["moved"] = moved
        told["moved_readings_per_s"] = round(moved / (time.perf_counter() - began))
        store.close()
        used, partitions = size(path)
        told["bytes_per_reading_in_partitions"] = round(partitions / max(moved, 1), 2)
        told["bytes_per_reading_of_all"] = round((used + partitions) / ((steps + added) * streams), 2)
        store = DuckStore(path, "Asia/Shanghai")
        told["window_24_h_in_partitions_ms"] = spread(
            timed(lambda: store.window(some(), edge - timedelta(days=1), edge), runs), 2
        )
    finally:
        store.close()
    shutil.rmtree(path.parent)
    return told


def monthly(folder: Path, streams: int, runs: int) -> dict[str, Any]:
    """Hourly means of all streams over a month."""
    path = folder / "month.duckdb"
    fill(path, streams, 720, 3600)
    store = DuckStore(path, "Asia/Shanghai")
    try:
        store.roll()
        for _ in range(20):  # a slice each
            store.sort(1)
        end = FIRST + timedelta(days=30)
        found = store.series(None, FIRST, end, 3600)
        assert found.num_rows == 720 * streams
        by_hour = "SELECT period, avg(mean) AS mean FROM observation_hour GROUP BY period"
        return {
            "hours_of_streams": found.num_rows,
            "monthly_hourly_mean_of_each_ms": spread(
                timed(lambda: store.series(None, FIRST, end, 3600, ["mean"]), runs), 1
            ),
            "monthly_hourly_mean_of_all_ms": spread(timed(lambda: store.fetch(by_hour), runs), 1),
            "monthly_mean_of_each_ms": spread(
                timed(lambda: store.series(None, FIRST, end, 30 * 86400, ["mean"]), runs), 1
            ),
        }
    finally:
        store.close()


PACK = {
    "daily_mean": "SELECT v.asset_id, date_trunc('day', v.time) AS period, avg(v.value) AS value",
    "daily_swing": "SELECT v.asset_id, date_trunc('day', v.time) AS period, max(v.value) - min(v.value) AS value",
    "hourly_sum": "SELECT v.asset_id, date_trunc('hour', v.time) AS period, sum(v.value) AS value",
}


def packs(folder: Path, streams: int, runs: int) -> dict[str, Any]:
    """Statements as packs write them over a month of minutes, answered from roll-ups and as they are written."""
    path = folder / "packs.duckdb"
    fill(path, streams, 30 * 1440, 60)
    title = Title("bench", "bench")
    pack = Pack("bench", title, title, "", streams=(StreamType("bench.level", title, "bench.a", "level", 60),))
    store = DuckStore(path, "Asia/Shanghai")
    try:
        store.define([pack], {})
        store.roll()
        store.sort(1)
        end = FIRST + timedelta(days=30)
        names = pa.array([f"a{s:05}.bench.level" for s in range(streams)])
        late = {
            "stream": names,
            "time": pa.array([end] * streams, pa.timestamp("us", tz="UTC")),
            "value": [20.25] * streams,
            "quality": pa.array([1] * streams, pa.int8()),
        }
        store.record([Arrival(pa.table(late))])
        told: dict[str, Any] = {"readings": streams * (30 * 1440 + 1)}
        for name, select in PACK.items():
            group = select[7:].partition(" AS period")[0]
            sql = f"{select} FROM bench.level AS v WHERE v.time >= $since AND v.time < $until GROUP BY {group}"
            for span, days in (("month", 30), ("last_day", 1)):
                params = {"since": end - timedelta(days=days), "until": end + timedelta(hours=1)}
                ours, written = store.fetch(sql, params), store._rows(sql, params)
                assert ours.num_rows == written.num_rows > 0
                for how, ask in (("", store.fetch), ("_as_written", store._rows)):
                    told[f"pack_query_{name}_of_{span}{how}_ms"] = spread(
                        timed(lambda ask=ask, sql=sql, params=params: ask(sql, params), runs), 2
                    )
        return told
    finally:
        store.close()


def others(folder: Path, readings: int, streams: int, runs: int) -> dict[str, Any]:
    """The last 24 hours of one stream, asked of others that have the same readings."""
    steps = max(readings // streams, 1)
    source = folder / "peer.parquet"
    start = int(FIRST.timestamp()) * 1_000_000
    with duckdb.connect() as db:
        db.execute(
            f"""COPY (SELECT s::INTEGER AS stream, {start} + m * 60000000 AS time, {VALUE} AS value, 1::TINYINT AS quality
                FROM range({streams}) AS a(s), range({steps}) AS b(m) ORDER BY s, m) TO '{source}' (FORMAT parquet, COMPRESSION zstd)"""
        )
    day = start + (steps - 1440) * 60_000_000
    chance = random.Random(1)
    told: dict[str, Any] = {"readings": steps * streams}
    with duckdb.connect() as db:
        ask = f"SELECT time, value, quality FROM '{source}' WHERE stream = ? AND time >= {day}"
        told["parquet_scan_ms"] = spread(
            timed(lambda: db.execute(ask, [chance.randrange(streams)]).to_arrow_table(), runs), 2
        )
        told["parquet_scan_bytes_per_reading"] = round(source.stat().st_size / (steps * streams), 2)
        lite = sqlite3.connect(folder / "peer.sqlite")
        lite.execute(
            "CREATE TABLE reading (stream INTEGER, time INTEGER, value REAL, quality INTEGER, PRIMARY KEY (stream, time)) WITHOUT ROWID"
        )
        for batch in db.execute(f"FROM '{source}'").to_arrow_reader(100_000):
            lite.executemany(
                "INSERT INTO reading VALUES (?, ?, ?, ?)", zip(*(c.to_pylist() for c in batch.columns), strict=True)
            )
        lite.commit()
    asked = f"SELECT time, value, quality FROM reading WHERE stream = ? AND time >= {day} ORDER BY time"
    told["sqlite_ms"] = spread(timed(lambda: lite.execute(asked, (chance.randrange(streams),)).fetchall(), runs), 2)
    lite.close()
    told["sqlite_bytes_per_reading"] = round((folder / "peer.sqlite").stat().st_size / (steps * streams), 2)
    try:
        return {**told, **asyncio.run(postgres(folder, source, streams, steps, day, runs))}
    except (ImportError, peers.MissingError) as e:
        return {**told, "postgresql": f"left out: {e}"}


async def postgres(folder: Path, source: Path, streams: int, steps: int, day: int, runs: int) -> dict[str, Any]:
    """PostgreSQL, in a cluster of its own."""
    import asyncpg

    server = peers.Postgres(folder / "pg")
    try:
        link = await asyncpg.connect(host=server.socket, user="bench", database="postgres")
        await link.execute(
            "CREATE TABLE reading (stream integer, time bigint, value double precision, quality smallint)"
        )
        began = time.perf_counter()
        with duckdb.connect() as db:
            for batch in db.execute(f"FROM '{source}' ORDER BY time, stream").to_arrow_reader(100_000):
                await link.copy_records_to_table(
                    "reading", records=zip(*(c.to_pylist() for c in batch.columns), strict=True)
                )
        copied = steps * streams / (time.perf_counter() - began)
        await link.execute("CREATE INDEX ON reading (stream, time)")
        await link.execute("VACUUM ANALYZE reading")
        chance = random.Random(1)
        asked = await link.prepare(
            f"SELECT time, value, quality FROM reading WHERE stream = $1 AND time >= {day} ORDER BY time"
        )
        took = []
        for _ in range(runs + 1):
            start = time.perf_counter()
            await asked.fetch(chance.randrange(streams))
            took.append((time.perf_counter() - start) * 1000)
        size = await link.fetchval("SELECT pg_total_relation_size('reading')")
        await link.close()
        return {
            "postgresql_ms": spread(took[1:], 2),
            "postgresql_bytes_per_reading": round(size / (steps * streams), 2),
            "postgresql_copy_readings_per_s": round(copied),
        }
    finally:
        server.stop()


def main() -> None:
    said = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    said.add_argument(
        "--sizes", default="2000000,20000000,200000000", help="readings of each city (default: %(default)s)"
    )
    said.add_argument("--streams", type=int, default=20_000)
    said.add_argument("--runs", type=int, default=11)
    said.add_argument("--no-month", action="store_true", help="leave the month of hours out")
    said.add_argument("--no-packs", action="store_true", help="leave the statements of packs out")
    said.add_argument("--no-peers", action="store_true", help="leave the peers out")
    said.add_argument("--dry", action="store_true", help="print what came out, and write no result file")
    given = said.parse_args()
    sizes = [int(n) for n in given.sizes.split(",") if n]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results: dict[str, Any] = {}
        for n in sizes:
            results[f"{n}"] = grown(folder, n, given.streams, given.runs)
            print(n, results[f"{n}"], flush=True)
        if len(sizes) > 1:
            results["flatness"] = flatness([results[f"{n}"] for n in sizes])
        if not given.no_month:
            results["month"] = monthly(folder, given.streams, given.runs)
        if not given.no_packs:
            results["packs"] = packs(folder, 200, given.runs)
        if not given.no_peers:
            results["peers"] = others(folder, sizes[0], given.streams, given.runs)
    if given.dry:
        print(results)
    else:
        write(
            "store",
            "What do questions about readings cost, and a reading on disk, as the city grows?",
            __doc__ or "",
            results,
        )


def flatness(told: list[dict[str, Any]]) -> dict[str, float]:
    """What each cost is on the largest size over what it is on a smaller one."""
    base = next((t for t in told[:-1] if t["window_rows"] == told[-1]["window_rows"]), told[0])
    names = [k for k, v in told[-1].items() if k.endswith("_ms") and isinstance(v, dict)]
    return {k: round(told[-1][k]["median"] / base[k]["median"], 2) for k in names}


if __name__ == "__main__":
    main()
