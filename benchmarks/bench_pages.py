"""Does the data of every page answer within 150 ms on a city with more than five million readings?

Method: the reference city with 30 days of demo data, served by `citytwin serve`; every request that the pages make, 30 times each in random order on one keep-alive connection,
after one round that is not counted; median, 95th percentile and maximum in milliseconds. Peer in the same run: SQLite, indexed on (stream, time), asked from Python for
the same 24 hours of one stream and for the latest reading of every stream (no HTTP, no JSON).
"""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from machine import served, write

DAYS, ROUNDS = 30, 30


class Client:
    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"))

    def get(self, path: str) -> tuple[float, Any]:
        began = time.perf_counter()
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        body = answer.read()
        taken = (time.perf_counter() - began) * 1000
        assert answer.status == 200, (path, body[:200])
        return taken, json.loads(body)


def pages(client: Client) -> list[str]:
    """What the pages ask for, with ids of this city."""
    types = [t["id"] for t in client.get("/api/types?limit=1000")[1]["items"]]
    streams = [s["id"] for s in client.get("/api/streams?limit=2000")[1]["items"]]
    stream_types = sorted({s.partition(".")[2] for s in streams})
    fast = [s for s in streams if s.endswith((".level", ".power"))][:3]
    indicators = [i["id"] for i in client.get("/api/indicators?limit=1000")[1]["items"]]
    targets = [t["id"] for t in client.get("/api/targets?limit=1000")[1]["items"]]
    assets = [s.partition(".")[0] for s in fast]
    return [
        *(
            f"/api/{p}"
            for p in (
                "city",
                "summary",
                "packs",
                "types",
                "panels",
                "plans",
                "targets?limit=1000",
                "rules",
                "models",
                "runs",
                "evidence",
                "systems?limit=1000",
            )
        ),
        *(
            f"/api/{p}"
            for p in (
                "alarms?state=open&limit=100",
                "alarms?limit=100",
                "cases?state=open&limit=200",
                "streams?limit=100",
                "indicators",
                "summary?as_of=2022-06-30",
            )
        ),
        *(f"/api/assets.geojson?type={t}" for t in types),
        *(f"/api/latest?type={t}" for t in stream_types),
        *(f"/api/streams/{s}" for s in fast),
        *(f"/api/streams/{s}/observations" for s in fast),
        *(f"/api/streams/{s}/observations?since=2020-01-01T00:00:00Z&points=1000" for s in fast),
        *(f"/api/streams/{s}/forecast" for s in fast),
        *(f"/api/assets/{a}" for a in assets),
        *(f"/api/indicators/{i}" for i in indicators),
        *(f"/api/targets/{t}" for t in targets[:20]),
        *(f"/api/packs/{p['id']}" for p in client.get("/api/packs")[1]["items"]),
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        with served(home, DAYS) as (url, _):
            client = Client(url)
            while (
                any(r["state"] == "running" for r in client.get("/api/runs")[1]["items"])
                or not client.get("/api/runs")[1]["items"]
            ):
                time.sleep(1.0)  # the models of a new city run first
            asked = pages(client)
            readings = client.get("/api/summary")[1]["readings"]
            taken: dict[str, list[float]] = {path: [] for path in asked}
            rounds = [path for path in asked for _ in range(ROUNDS)]
            for path in asked:
                client.get(path)
            random.Random(1).shuffle(rounds)
            for path in rounds:
                taken[path].append(client.get(path)[0])
        peer = sqlite(home, Path(name) / "peer.sqlite")
    every = [t for times in taken.values() for t in times]
    table = {
        path: {
            "median": round(statistics.median(t), 1),
            "p95": round(sorted(t)[int(0.95 * len(t))], 1),
            "max": round(max(t), 1),
        }
        for path, t in taken.items()
    }
    slowest = dict(sorted(table.items(), key=lambda kv: -kv[1]["median"])[:15])
    window = [t for path, times in taken.items() if path.endswith("/observations") for t in times]
    latest = [t for path, times in taken.items() if path.startswith("/api/latest") for t in times]
    write(
        "pages",
        "Does the data of every page answer within 150 ms on a city with more than five million readings?",
        __doc__ or "",
        {
            "readings": readings,
            "requests_measured": len(asked),
            "all_ms": {
                "median": round(statistics.median(every), 1),
                "p95": round(sorted(every)[int(0.95 * len(every))], 1),
                "max": round(max(every), 1),
            },
            "requests_with_median_above_150_ms": [p for p, t in table.items() if t["median"] > 150],
            "requests_with_p95_above_150_ms": [p for p, t in table.items() if t["p95"] > 150],
            "slowest_ms": slowest,
            "day_of_one_stream_ms": round(statistics.median(window), 1),
            "latest_of_one_type_ms": round(statistics.median(latest), 1),
            **peer,
        },
    )


def sqlite(home: Path, path: Path) -> dict[str, float]:
    """The same readings in SQLite: a day of one stream, and the latest of all."""
    duck = duckdb.connect(str(home / "city.duckdb"), read_only=True)
    lite = sqlite3.connect(path, isolation_level=None)
    lite.executescript(
        "PRAGMA journal_mode=OFF; CREATE TABLE reading (stream INTEGER, time INTEGER, value REAL, quality INTEGER)"
    )
    lite.execute("BEGIN")
    cursor = duck.execute("SELECT stream, epoch_us(time), value, quality FROM reading")
    while rows := cursor.fetchmany(200_000):
        lite.executemany("INSERT INTO reading VALUES (?, ?, ?, ?)", rows)
    lite.execute("COMMIT")
    lite.execute("CREATE INDEX of_stream ON reading (stream, time)")
    stream = duck.execute("SELECT key FROM stream_row WHERE stream LIKE '%.drainage.level' LIMIT 1").fetchall()[0][0]
    until = lite.execute("SELECT max(time) FROM reading WHERE stream = ?", (stream,)).fetchone()[0]

    def timed(sql: str, *params: object) -> float:
        times = []
        for _ in range(10):
            began = time.perf_counter()
            lite.execute(sql, params).fetchall()
            times.append((time.perf_counter() - began) * 1000)
        return round(statistics.median(times), 2)

    return {
        "sqlite_day_of_one_stream_ms": timed(
            "SELECT time, value FROM reading WHERE stream = ? AND time >= ? ORDER BY time",
            stream,
            until - 86_400_000_000,
        ),
        "sqlite_latest_of_all_ms": timed("SELECT stream, max(time), value FROM reading GROUP BY stream"),
    }


if __name__ == "__main__":
    main()
