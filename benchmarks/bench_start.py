"""How long until the first page of a new reference city with 30 days of demo data?

Method: `citytwin serve` in a fresh home, from the start of the process to the first 200 of `GET /api/health` and of `/` with `/api/summary`; then the same home
again (a restart). Peer in the same run: the time SQLite needs to take in the same number of readings in one transaction with an index on (stream, time), without generating,
checking, sealing, measuring or judging anything.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
import urllib.request
from pathlib import Path

from machine import served, spread, write

DAYS, RUNS = 30, 3


def start(home: Path) -> tuple[float, int, list[str]]:
    """Seconds to the first page, readings, and what the server said on the way."""
    began = time.perf_counter()
    with served(home, DAYS) as (url, log):
        for path in ("/api/health", "/", "/api/summary"):
            with urllib.request.urlopen(url + path) as answer:
                body = answer.read()
        taken = time.perf_counter() - began
        lines = [line for line in log.read_text().splitlines() if line.startswith("[")]
        return taken, json.loads(body)["readings"], lines


def sqlite(path: Path, rows: int) -> float:
    lite = sqlite3.connect(path, isolation_level=None)
    lite.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE reading (stream INTEGER, time INTEGER, value REAL, quality INTEGER)"
    )
    began = time.perf_counter()
    lite.execute("BEGIN")
    lite.executemany(
        "INSERT INTO reading VALUES (?, ?, ?, 1)", ((n % 1600, n // 1600, float(n % 97)) for n in range(rows))
    )
    lite.execute("COMMIT")
    lite.execute("CREATE INDEX of_stream ON reading (stream, time)")
    return time.perf_counter() - began


def main() -> None:
    new, again, peer, readings, said = [], [], [], 0, []
    for n in range(RUNS):
        with tempfile.TemporaryDirectory() as name:
            taken, readings, said = start(Path(name) / "home")
            new.append(taken)
            (Path(name) / "home" / "serving.json").unlink(missing_ok=True)
            again.append(start(Path(name) / "home")[0])
            peer.append(sqlite(Path(name) / f"peer{n}.sqlite", readings))
    write(
        "start",
        "How long until the first page of a new reference city with 30 days of demo data?",
        __doc__ or "",
        {
            "readings": readings,
            "new_city_s": spread(new, 2),
            "restart_s": spread(again, 2),
            "sqlite_insert_and_index_s": spread(peer, 2),
            "ratio_new_city_to_sqlite": round(sorted(new)[RUNS // 2] / sorted(peer)[RUNS // 2], 2),
            "last_run_said": said,
        },
    )


if __name__ == "__main__":
    main()
