"""How many readings a second become durable?

Method: a batch of 500,000 readings (1,000 streams of 500 readings each) through `decode.readings` and `Intake.accept`, which checks, converts, seals
and commits; the clock runs from the bytes to the acknowledgement. Arrow and JSON bodies, new time stamps each run. Peers in the same run, on the
same disk: SQLite with `synchronous=FULL` and one transaction per batch (rows already decoded), and DuckDB's own `INSERT … SELECT` from the Arrow table, which
checks and seals nothing. Also single readings from one and from 16 senders at once, against SQLite committing each one; and over HTTP (`posts.py`): a server in a
process of its own, and a client beside it on the same machine that posts one reading per request and waits for the receipt, on 1 and on 32 connections, with
and without a key. Every receipt is a reading written through to the disk. `cpu_us` is what a post costs the server, which others on the machine change least.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from machine import repeat, spread, write

from citytwin.engine import catalog, decode, ingest, load
from citytwin.engine.twin import Twin
from citytwin.kernel.asset import Asset
from citytwin.kernel.city import City
from citytwin.kernel.clock import SystemClock
from citytwin.kernel.observation import Batch
from citytwin.kernel.title import Title
from citytwin.store.duckdb import DuckStore

STREAMS, EACH, RUNS = 1000, 500, 7
POSTING_S = 2.0
ROWS = STREAMS * EACH
ZONE = "Asia/Shanghai"
FIRST = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1e6)


def make_twin(folder: Path) -> Twin:
    packs = load.ordered(load.pack_folders(), ["hello"])
    store = DuckStore(folder / "city.duckdb", ZONE)
    store.define(packs, load.tables(packs))
    twin = Twin(
        store, City("bench", Title("测试", "Bench"), ZONE, (0, 0), (0, 0, 1, 1), ("hello",), ""), packs, SystemClock()
    )
    kind = twin.types["hello.lamp"]
    required = {a.id: next(iter(a.choices)) if a.choices else (a.low or 1.0) for a in kind.attributes if a.required}
    catalog.add(twin, [Asset(f"l{n:04}", kind.id, Title(f"{n}", f"{n}"), None, required) for n in range(STREAMS)])
    return twin


class Feed:
    """Batches, each later than the one before."""

    def __init__(self) -> None:
        self.n = 0
        self.names = pa.array([f"l{n:04}.hello.power" for n in range(STREAMS)])
        self.values = np.round(np.random.default_rng(1).uniform(0.0, 0.1, ROWS), 4)

    def table(self) -> pa.Table:
        start = FIRST + self.n * EACH * 1_000_000
        self.n += 1
        time_us = np.tile(start + np.arange(EACH) * 1_000_000, STREAMS)
        stream = pa.DictionaryArray.from_arrays(
            pa.array(np.repeat(np.arange(STREAMS, dtype=np.int32), EACH)), self.names
        )
        return pa.table(
            {"stream": stream, "time": pa.array(time_us).cast(pa.timestamp("us", tz="UTC")), "value": self.values}
        )

    def arrow(self) -> bytes:
        table = self.table()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return bytes(sink.getvalue())

    def json(self) -> bytes:
        import msgspec

        table = self.table()
        rows = zip(table["stream"].to_pylist(), table["time"].to_pylist(), table["value"].to_pylist(), strict=True)
        return msgspec.json.encode([{"stream": s, "time": t.replace(tzinfo=UTC), "value": v} for s, t, v in rows])


def over_http(folder: Path) -> dict[str, dict[str, float]]:
    """Single posts: rates, how long one takes, and processor time of the server."""
    import posts  # it makes its city with ours

    folder.mkdir()
    told: dict[str, dict[str, float]] = {}
    server = posts.Server(folder)
    try:
        for name, connections, keyed in (("1", 1, False), ("32", 32, False), ("32_keyed", 32, True)):
            rates, halves, costs = [], [], []
            for run in range(6):
                cpu = server.cpu()
                took = posts.post(server.port, connections, POSTING_S, keyed)
                if run:  # the first warms up
                    rates.append(len(took) / POSTING_S)
                    halves.append(statistics.median(took) * 1000)
                    costs.append((server.cpu() - cpu) / len(took) * 1e6)
            told[f"http_{name}_per_s"] = spread(rates, 0)
            told[f"http_{name}_p50_ms"] = spread(halves, 2)
            told[f"http_{name}_cpu_us"] = spread(costs, 0)
    finally:
        server.stop()
    return told


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        twin = make_twin(folder)
        intake = ingest.Intake(twin)
        feed = Feed()

        def ours(body: bytes, media: str) -> float:
            began = time.perf_counter()
            table, faults = decode.readings(body, media, ZONE)
            receipt = intake.accept(Batch(table), faults=faults)
            assert receipt.accepted == ROWS
            return ROWS / (time.perf_counter() - began)

        lite = sqlite3.connect(folder / "peer.sqlite", isolation_level=None)
        lite.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE reading (stream TEXT, time INTEGER, value REAL, quality INTEGER);"
        )

        def sqlite() -> float:
            table = feed.table()
            rows = list(
                zip(
                    table["stream"].to_pylist(),
                    table["time"].cast(pa.int64()).to_pylist(),
                    table["value"].to_pylist(),
                    [1] * ROWS,
                    strict=True,
                )
            )
            began = time.perf_counter()
            lite.execute("BEGIN")
            lite.executemany("INSERT INTO reading VALUES (?, ?, ?, ?)", rows)
            lite.execute("COMMIT")
            return ROWS / (time.perf_counter() - began)

        duck = duckdb.connect(str(folder / "peer.duckdb"))
        duck.execute("CREATE TABLE reading (stream INTEGER, time TIMESTAMPTZ, value DOUBLE, quality TINYINT)")

        def bare() -> float:
            table = feed.table()
            incoming = pa.table(
                {
                    "stream": np.repeat(np.arange(STREAMS, dtype=np.int32), EACH),
                    "time": table["time"],
                    "value": table["value"],
                    "quality": np.ones(ROWS, np.int8),
                }
            )
            duck.register("incoming", incoming)
            began = time.perf_counter()
            duck.execute("INSERT INTO reading SELECT * FROM incoming")
            return ROWS / (time.perf_counter() - began)

        arrow = repeat(lambda: ours(feed.arrow(), decode.ARROW), RUNS)
        json = repeat(lambda: ours(feed.json(), decode.JSON), RUNS)
        peer_lite = repeat(sqlite, RUNS)
        peer_duck = repeat(bare, RUNS)

        def single(senders: int, count: int) -> float:
            def send(worker: int) -> None:
                for n in range(count):
                    table = pa.table(
                        {
                            "stream": [f"l{worker:04}.hello.light"],
                            "time": pa.array([FIRST + (base + n) * 1_000_000]).cast(pa.timestamp("us", tz="UTC")),
                            "value": [1.0],
                        }
                    )
                    intake.accept(Batch(table))

            nonlocal base
            base += count
            threads = [threading.Thread(target=send, args=(w,)) for w in range(senders)]
            began = time.perf_counter()
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            return senders * count / (time.perf_counter() - began)

        base = 0

        def sqlite_single() -> float:
            began = time.perf_counter()
            for n in range(300):
                lite.execute("INSERT INTO reading VALUES ('a', ?, 1.0, 1)", (n,))
            return 300 / (time.perf_counter() - began)

        one = repeat(lambda: single(1, 200), 5)
        sixteen = repeat(lambda: single(16, 60), 5)
        one_lite = repeat(sqlite_single, 5)
        intake.close()
        twin.store.close()
        lite.close()
        posted = over_http(folder / "posts")
    med = statistics.median
    write(
        "ingest",
        "How many readings a second become durable?",
        __doc__ or "",
        {
            "arrow_rows_per_s": spread(arrow, 0),
            "json_rows_per_s": spread(json, 0),
            "sqlite_rows_per_s": spread(peer_lite, 0),
            "bare_duckdb_rows_per_s": spread(peer_duck, 0),
            "single_1_sender_per_s": spread(one, 0),
            "single_16_senders_per_s": spread(sixteen, 0),
            "sqlite_single_per_s": spread(one_lite, 0),
            **posted,
            "ratio_arrow_to_sqlite": round(med(arrow) / med(peer_lite), 2),
            "ratio_json_to_sqlite": round(med(json) / med(peer_lite), 2),
            "ratio_arrow_to_bare_duckdb": round(med(arrow) / med(peer_duck), 2),
        },
    )


if __name__ == "__main__":
    main()
