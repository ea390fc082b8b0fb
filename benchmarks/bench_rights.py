"""What does it cost to ask who may see what? In a city of 10,000 assets and 200 bodies.

Method: in one process, without a network: the ASGI app of a city of 10,000 lamps with a stream and a reading each, which belong to 200 bodies (50 each) under twenty under one. Each page's question is asked by
nobody in particular (a house that asks nobody who they are: the peer), by somebody with a role for all of the city, and by those with a role for a body with 50, with 500, and for the one over all 10,000 assets, in turn,
so that what others do on the machine falls on all alike. And single readings, posted over 32 connections to a server that asks who comes (a token with each) and to one that does not, by turns: rate, and
processor time of the server for each. Milliseconds of one question; `more_ms` is how much more than in the open house the median is. `first_ms` is the first question of somebody whose part was not looked at yet.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import posts
import pyarrow as pa
from machine import spread, write

from citytwin.api.app import App
from citytwin.api.house import House
from citytwin.engine import catalog, load
from citytwin.engine.ingest import Intake
from citytwin.engine.people import People
from citytwin.engine.simulate import Simulator
from citytwin.engine.twin import Twin
from citytwin.kernel.asset import Asset
from citytwin.kernel.clock import SystemClock
from citytwin.kernel.observation import Batch
from citytwin.kernel.right import Body, Grant, Person
from citytwin.kernel.title import Title
from citytwin.store.duckdb import DuckStore

ASSETS, BODIES = 10_000, 200
PAGES = (
    "/api/assets?limit=100", "/api/streams?limit=100", "/api/alarms?limit=100", "/api/cases?limit=100", "/api/summary", "/api/assets/l00000",
    "/sta/v1.1/Things?$top=100", "/api/newest?streams=l00000.hello.light",
)  # fmt: skip


def built(folder: Path, pool: ThreadPoolExecutor) -> tuple[House, House]:
    """The same city as one that asks who comes, and as one that asks nobody."""
    root = Path(load.__file__).parents[1] / "packs"
    packs = load.ordered(load.pack_folders([root]), ("hello",))
    (folder / "city.yaml").write_text(
        "id: bench\ntitle: {zh: 测试, en: Bench}\nzone: Asia/Shanghai\ncenter: [121.9, 30.9]\nbounds: [121.8, 30.8, 122.0, 31.0]\npacks: [hello]\n"
    )
    city = load.city(folder)
    clock = SystemClock()
    store = DuckStore(folder / "city.duckdb", city.zone, clock)
    store.define(packs, load.tables(packs))
    twin = Twin(store, city, packs, clock)
    kind = next(t for t in twin.types.values() if t.id == "hello.lamp")
    needed = {a.id: 1 for a in kind.attributes if a.required}
    catalog.add(
        twin,
        [
            Asset(f"l{n:05}", kind.id, Title(f"{n}号灯", f"Lamp {n}"), {"type": "Point", "coordinates": [121.85 + n / 1e5, 30.9]}, needed)
            for n in range(ASSETS)
        ],
    )  # fmt: skip
    intake, simulator = Intake(twin), Simulator(twin, pool)
    stream = pa.array([f"l{n:05}.hello.light" for n in range(ASSETS)])
    at = pa.array([datetime.now(UTC) - timedelta(minutes=1)] * ASSETS, pa.timestamp("us", tz="UTC"))
    intake.accept(Batch(pa.table({"stream": stream, "time": at, "value": pa.array([20.0] * ASSETS)})))
    people = People(store, clock)
    people.put_body(Body("city", Title("市", "City"), "city"))
    for n in range(20):
        people.put_body(Body(f"district-{n}", Title("区", "District"), "district", "city"))
    for n in range(BODIES):
        people.put_body(Body(f"unit-{n}", Title("单位", "Unit"), "unit", f"district-{n % 20}"))
    guarded = House(twin, intake, simulator, people=people)
    assert guarded.scopes
    guarded.scopes.assign({f"l{n:05}": f"unit-{n // (ASSETS // BODIES)}" for n in range(ASSETS)})
    return guarded, House(twin, intake, simulator)


def head(house: House, id: str, body: str) -> list[tuple[bytes, bytes]]:
    assert house.people
    house.people.put_person(Person(id, id, service=True, grants=(Grant("viewer", body),)))
    return [(b"authorization", f"Bearer {house.people.make_token(id, 'bench', None, 1)[1]}".encode())]


async def ask(app: App, url: str, headers: list[tuple[bytes, bytes]]) -> float:
    """Milliseconds until the whole answer is there."""
    path, _, query = url.partition("?")
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": path, "raw_path": path.encode(),
             "query_string": query.encode(), "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "root_path": ""}  # fmt: skip
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    began = time.perf_counter()
    await app(scope, receive, send)  # type: ignore[arg-type]
    taken = (time.perf_counter() - began) * 1000
    assert status == 200, (url, status)
    return taken


async def measured(guarded: House, open_: House, runs: int) -> dict[str, Any]:
    apps = {True: App(guarded), False: App(open_)}
    heads = {"nobody is asked": [], "whole": head(guarded, "whole", "")}
    first = {}
    for name, body in (("50 assets", "unit-0"), ("500 assets", "district-0"), ("10,000 assets", "city")):
        heads[name] = head(guarded, body, body)
        first[name] = round(await ask(apps[True], PAGES[0], heads[name]), 1)
    told: dict[str, Any] = {"first_ms": first}
    for url in PAGES:
        taken: dict[str, list[float]] = {name: [] for name in heads}
        for n in range(runs + 3):
            for name, headers in heads.items():
                ms = await ask(apps[name != "nobody is asked"], url, headers)
                if n >= 3:
                    taken[name].append(ms)
        base = median(taken["nobody is asked"])
        told[url] = {name: {**spread(ms, 2), "more_ms": round(median(ms) - base, 2)} for name, ms in taken.items()}
        print(url, {name: t["more_ms"] for name, t in told[url].items()}, f"of {base:.2f}", flush=True)
    return told


def ingest(folder: Path, rounds: int) -> dict[str, Any]:
    """Single posts to a server that asks who comes, and to one that does not, by turns."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    costs: dict[bool, list[float]] = {False: [], True: []}
    for n in range(rounds):
        for guarded in (False, True) if n % 2 else (True, False):
            place = folder / f"{n}-{guarded}"
            place.mkdir()
            server = posts.Server(place, guarded)
            try:
                head = f"Host: bench\r\nAuthorization: Bearer {server.token}\r\n".encode()

                def sent(c: int, seconds: float, head: bytes = head) -> Iterator[bytes]:
                    for one in posts.readings(c, time.perf_counter() + seconds, False):
                        yield one.replace(b"Host: bench\r\n", head, 1)

                posts.exchange(server.port, [sent(c, 1.0) for c in range(32)], posts.created)
                used, began = server.cpu(), time.perf_counter()
                took = posts.exchange(server.port, [sent(c, 4.0) for c in range(32)], posts.created)
                rates[guarded].append(len(took) / (time.perf_counter() - began))
                costs[guarded].append((server.cpu() - used) / len(took) * 1e6)
            finally:
                server.stop()
    return {
        **{f"posts_{'asked' if g else 'unasked'}_per_s": spread(v, 0) for g, v in rates.items()},
        **{f"posts_{'asked' if g else 'unasked'}_cpu_us": spread(v, 1) for g, v in costs.items()},
        "posts_cpu_ratio": round(median(costs[True]) / median(costs[False]), 3),
    }


def main() -> None:
    said = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    said.add_argument("--runs", type=int, default=60)
    said.add_argument("--rounds", type=int, default=5, help="of posting by turns")
    said.add_argument("--dry", action="store_true", help="print what came out, and write no result file")
    given = said.parse_args()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(1) as pool:
        guarded, open_ = built(Path(name), pool)
        try:
            results = asyncio.run(partial(measured, guarded, open_, given.runs)())
            results |= ingest(Path(name), given.rounds)
        finally:
            for house in (guarded, open_):
                house.stop()
            guarded.intake.close()
            guarded.twin.store.close()
    if given.dry:
        print(results)
    else:
        write("rights", "What does it cost to ask who may see what?", __doc__ or "", results)


if __name__ == "__main__":
    main()
