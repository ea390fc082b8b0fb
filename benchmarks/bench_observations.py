"""How fast do observations come in through the doors that others know, beside servers that others run?

Method: a server in a process of its own with a fresh city of 1,000 lamps, and a client process beside it on the same machine (they share its cores) over HTTP on 127.0.0.1, with
TCP_NODELAY and TCP_QUICKACK. Requests are made before the clock runs (single posts as they are sent), every answer is checked for its status and its count, and every answer means:
written through to the disk. Times are new in each request, and every connection has streams of its own.

* `single_*`: one Observation a request to `/sta/v1.1/Datastreams('…')/Observations`, on 1 and 32 connections, each waiting for its answer; every stream was posted to once before.
* `create_*`: `/sta/v1.1/CreateObservations` with 10,000 rows: 100 Datastreams of 100 rows, and one of 10,000.
* `create_components_*`: the same with a resultTime and a feature in every row: of one Datastream that the client registered, and of one that a pack declares (whose numbers are readings, too).
* `lines_*`: InfluxDB line protocol to `/write`, 10,000 lines a body.
* `arrow_*`: Arrow streams of 100,000 rows to `/api/observations`.

`_1` and `_2` are connections. `cpu_us` is what a row costs the server in processor time, which others on the machine change least. The first run of each warms up and is left out.
After the measured runs another is watched by py-spy, where that is installed (`pip install py-spy`; MIT), for `limits`.

Peers in the same run, on the same disk: InfluxDB 1.6 (Debian's `influxdb`, WAL synced before each answer) with the same bodies of lines; PostgreSQL 15 (Debian's, fsync on) with COPY of
10,000 rows a transaction, binary and made before the clock runs, into a table with an index on (stream, time), through asyncpg (`pip install asyncpg`; Apache-2.0, used by this benchmark
alone); and django-ogc-sensorthings 1.2.0 on that PostgreSQL with two workers (`--django PYTHON`: a Python that has it, `psycopg[binary]` and `uvicorn`), with single posts on 8 connections
and CreateObservations of 1,000 rows and of the same 10,000. A peer that is not on the machine is left out and named under `absent`. Ratios are between figures of the same run only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import itertools
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import peers
import posts
import pyarrow as pa
from bench_ingest import STREAMS
from machine import spread, write

from citytwin.engine import decode

EPOCH_2000_S = 946_684_800
LIMITS = """Single posts wait for the disk: on one connection each waits for a sync of the journal of its own; on 32 many share one, and what Python does for each request (HTTP, the door,
the check of the row) takes as long again. Bodies of lines and of data arrays are read in threads beside the one that writes; that one is about as busy as all the others together, two thirds
of it with merging the journal into the database. Arrow streams cost little to read: their rows go into the database at once, and its append and commit, with the sync, take most of the time.
The client runs on the same cores as the server, so that a second connection adds little, and no figure is that of a server that has them to itself.
"""
"""As profiles showed it; the shares of the run itself are put below."""
Figures = dict[str, dict[str, float]]
Maker = Callable[[int, int], bytes]
"""The request of a connection, of so many."""


class Times:
    """Seconds since 1970, each later than those taken before."""

    def __init__(self) -> None:
        self._next = int(datetime(2015, 1, 1, tzinfo=UTC).timestamp())

    def take(self, count: int) -> np.ndarray:
        self._next += count
        return np.arange(self._next - count, self._next)


def names(connection: int, connections: int) -> list[str]:
    """The lamps of a connection."""
    return [f"l{n:04}" for n in range(STREAMS)][connection::connections]


VALUES = np.round(np.random.default_rng(1).uniform(0.0, 0.1, 100_000), 4)
TEXTS = [f"{v:.4f}" for v in VALUES.tolist()]


# -- requests


def arrays(times: Times, path: str, streams: Callable[[int, int], Sequence[str]], each: int) -> Maker:
    """CreateObservations with so many rows of each stream."""

    def make(connection: int, connections: int) -> bytes:
        moments = np.datetime_as_string(times.take(each).astype("datetime64[s]")).tolist()
        rows = ",".join(f'["{m}Z",{v}]' for m, v in zip(moments, TEXTS, strict=False))
        body = ",".join(
            f'{{"Datastream":{{"@iot.id":"{s}"}},"components":["phenomenonTime","result"],"dataArray@iot.count":{each},"dataArray":[{rows}]}}'
            for s in streams(connection, connections)
        )
        return posts.request(f"{path}/CreateObservations", f"[{body}]".encode())

    return make


def components(times: Times, streams: Sequence[str], feature: str) -> Maker:
    """CreateObservations with a resultTime and a feature in each of 10,000 rows, of one Datastream for each connection."""

    def make(connection: int, connections: int) -> bytes:  # noqa: ARG001 - as for all doors
        moments = np.datetime_as_string(times.take(10_000).astype("datetime64[s]")).tolist()
        rows = ",".join(f'["{m}Z",{v},"{m}.500Z","{feature}"]' for m, v in zip(moments, TEXTS, strict=False))
        names = '["phenomenonTime","result","resultTime","FeatureOfInterest/id"]'
        body = f'[{{"Datastream":{{"@iot.id":"{streams[connection]}"}},"components":{names},"dataArray":[{rows}]}}]'
        return posts.request("/sta/v1.1/CreateObservations", body.encode())

    return make


def register(port: int, count: int) -> tuple[list[str], str]:
    """Register Things with a Datastream each, and a feature; returns the ids of the Datastreams and of the feature."""
    base = f"http://127.0.0.1:{port}/sta/v1.1"

    def made(path: str, body: Any) -> Any:
        asked = urllib.request.Request(
            f"{base}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked) as answer:
            return json.load(answer)["@iot.id"]

    where = {"type": "Point", "coordinates": [121.95, 30.88]}
    named = {"name": "n", "description": "d"}
    place = {**named, "encodingType": "application/geo+json"}
    stream = {
        **named,
        "observationType": "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement",
        "unitOfMeasurement": {"name": "metre", "symbol": "m", "definition": "ucum:m"},
        "Sensor": {**named, "encodingType": "text/plain", "metadata": "m"},
        "ObservedProperty": {**named, "definition": "urn:level"},
    }
    things = [
        made("Things", {**named, "Locations": [{**place, "location": where}], "Datastreams": [stream]})
        for _ in range(count)
    ]
    streams = []
    for thing in things:
        with urllib.request.urlopen(f"{base}/Things('{thing}')/Datastreams") as answer:
            streams.append(json.load(answer)["value"][0]["@iot.id"])
    return streams, made("FeaturesOfInterest", {**place, "feature": where})


def lines(times: Times, rows: int) -> Maker:
    """Line protocol as Telegraf sends it: all series of a moment, then the next."""

    def make(connection: int, connections: int) -> bytes:
        lamps = names(connection, connections)
        text = itertools.cycle(TEXTS)
        body = "".join(
            f"hello,asset={lamp} power={next(text)} {moment}000000000\n"
            for moment in times.take(rows // len(lamps)).tolist()
            for lamp in lamps
        )
        return posts.request("/write?db=x", body.encode(), "text/plain")

    return make


def arrow(times: Times, rows: int) -> Maker:
    """An Arrow stream."""

    def make(connection: int, connections: int) -> bytes:
        streams = [f"{lamp}.hello.power" for lamp in names(connection, connections)]
        each = rows // len(streams)
        moments = np.tile(times.take(each) * 1_000_000, len(streams))
        index = pa.array(np.repeat(np.arange(len(streams), dtype=np.int32), each))
        table = pa.table(
            {
                "stream": pa.DictionaryArray.from_arrays(index, streams),
                "time": pa.array(moments).cast(pa.timestamp("us", tz="UTC")),
                "value": VALUES[: len(moments)],
            }
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return posts.request("/api/observations", bytes(sink.getvalue()), decode.ARROW)

    return make


# -- answers


def all_created(rows: int) -> posts.Check:
    def check(status: int, body: bytes) -> None:
        assert status == 201, (status, body[:500])
        assert body.count(b"/Observations('") == rows, body[:500]
        assert b'"error' not in body, body[:500]

    return check


def all_accepted(rows: int) -> posts.Check:
    def check(status: int, body: bytes) -> None:
        assert status == 201, (status, body[:500])
        assert json.loads(body)["accepted"] == rows, body[:500]

    return check


def written(status: int, body: bytes) -> None:
    assert (status, body) == (204, b""), (status, body[:500])


# -- measuring


def bulk(
    name: str, port: int, pid: int, make: Maker, check: posts.Check, connections: int, bodies: int, rows: int, runs: int
) -> Figures:
    """Bodies of `rows` rows, `bodies` of them a run divided among the connections."""
    count = max(1, bodies // connections)
    rates, halves, costs = [], [], []
    for run in range(runs + 1):
        feeds = [[make(c, connections) for _ in range(count)] for c in range(connections)]
        used, began = posts.cpu(pid), time.perf_counter()
        took = posts.exchange(port, [iter(feed) for feed in feeds], check)
        wall = time.perf_counter() - began
        sent = rows * count * connections
        if run:  # the first warms up
            rates.append(sent / wall)
            halves.append(statistics.median(took) * 1000)
            costs.append((posts.cpu(pid) - used) / sent * 1e6)
    stem = f"{name}_{connections}"
    return {
        f"{stem}_rows_per_s": spread(rates, 0),
        f"{stem}_p50_ms": spread(halves, 2),
        f"{stem}_cpu_us": spread(costs, 3),
    }


def single(
    name: str,
    port: int,
    pid: int,
    one: Callable[[int], bytes],
    streams: int,
    connections: int,
    seconds: float,
    runs: int,
) -> Figures:
    """One observation a request; `one` makes that of a stream, now."""
    own = [range(c, streams, connections) for c in range(connections)]

    def sending(numbers: range, until: float) -> Iterator[bytes]:
        for n in itertools.cycle(numbers):
            if time.perf_counter() >= until:
                return
            yield one(n)

    posts.exchange(port, [map(one, numbers) for numbers in own], posts.created)
    rates, halves, worst, costs = [], [], [], []
    for run in range(runs + 1):
        used, began = posts.cpu(pid), time.perf_counter()
        took = posts.exchange(port, [sending(numbers, began + seconds) for numbers in own], posts.created)
        wall = time.perf_counter() - began
        if run:
            rates.append(len(took) / wall)
            halves.append(statistics.median(took) * 1000)
            worst.append(sorted(took)[int(0.99 * len(took))] * 1000)
            costs.append((posts.cpu(pid) - used) / len(took) * 1e6)
    stem = f"{name}_{connections}"
    return {
        f"{stem}_per_s": spread(rates, 0),
        f"{stem}_p50_ms": spread(halves, 2),
        f"{stem}_p99_ms": spread(worst, 2),
        f"{stem}_cpu_us": spread(costs, 0),
    }


@contextlib.contextmanager
def profiled(pid: int, name: str, shares: list[str]) -> Iterator[None]:
    """Add a line to `shares`: in which of the server's own functions its threads were while they were not waiting for work. None where py-spy is absent."""
    program = shutil.which("py-spy", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "stacks"
        command = [program, "record", "-p", str(pid), "-d", "600", "-r", "200", "-f", "raw", "--nonblocking"]
        with (Path(folder) / "log").open("w+b") as log:
            spy = subprocess.Popen([*command, "-o", str(out)], stdout=log, stderr=log)
            try:
                yield
            finally:
                spy.send_signal(signal.SIGINT)
                spy.wait()
        seen: Counter[str] = Counter()
        for line in out.read_text("utf-8").splitlines() if out.is_file() else ():
            stack, _, count = line.rpartition(" ")
            frames = stack.split(";")
            mine = [f.rpartition(":")[0].partition(" (")[0] for f in frames if "citytwin/" in f]
            if mine and "(threading.py" not in frames[-1]:  # there it waits
                seen["HTTP" if mine[-1] == "serve" else mine[-1]] += int(count)
    if total := seen.total():
        most = ", ".join(f"`{step}` {count / total:.0%}" for step, count in seen.most_common(6))
        shares.append(f"* `{name}`: {most} of {total:,} samples")


def moment() -> str:
    """Now, to the microsecond."""
    seconds, rest = divmod(time.time_ns() // 1000, 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:06}Z"


def ours(folder: Path, given: argparse.Namespace) -> tuple[Figures, list[str]]:
    """Every door, each time with a fresh city, and where the server's time went in a further run."""
    shares: list[str] = []

    def observation(n: int) -> bytes:
        body = f'{{"phenomenonTime":"{moment()}","result":1.5}}'.encode()
        return posts.request(f"/sta/v1.1/Datastreams('l{n:04}.hello.light')/Observations", body)

    def hundred(c: int, of: int) -> list[str]:
        return [f"{lamp}.hello.power" for lamp in names(c, of)[:100]]

    told: Figures = {}
    for connections in (1, 32):
        if not "single".startswith(given.only):
            break
        with city(folder) as server:
            send = partial(single, "single", server.port, server.pid, observation, STREAMS, connections, given.seconds)
            told |= send(given.runs)
            with profiled(server.pid, f"single_{connections}", shares):
                send(1)
    times = Times()
    doors: list[tuple[str, Maker, posts.Check, int]] = [
        ("create_100x100", arrays(times, "/sta/v1.1", hundred, 100), all_created(10_000), 10_000),
        (
            "create_1x10000",
            arrays(times, "/sta/v1.1", lambda c, of: hundred(c, of)[:1], 10_000),
            all_created(10_000),
            10_000,
        ),
        ("lines", lines(times, 10_000), written, 10_000),
        ("arrow", arrow(times, 100_000), all_accepted(100_000), 100_000),
    ]
    for name, make, check, rows in doors:
        if not name.startswith(given.only):
            continue
        for connections in (1, 2):
            bodies = max(2, given.rows // rows)
            with city(folder) as server:
                send = partial(bulk, name, server.port, server.pid, make, check, connections, bodies, rows)
                told |= send(given.runs)
                with profiled(server.pid, f"{name}_{connections}", shares):
                    send(1)
    for name, declared in (("create_components", False), ("create_components_declared", True)):
        if not name.startswith(given.only):
            continue
        for connections in (1, 2):
            bodies = max(2, given.rows // 100_000)
            with city(folder) as server:
                streams, feature = register(server.port, connections)
                made = components(times, hundred(0, 1) if declared else streams, feature)
                check = all_created(10_000)
                send = partial(bulk, name, server.port, server.pid, made, check, connections, bodies, 10_000)
                told |= send(given.runs)
                with profiled(server.pid, f"{name}_{connections}", shares):
                    send(1)
    return told, shares


@contextlib.contextmanager
def city(folder: Path) -> Iterator[posts.Server]:
    """A server with a fresh city. Every stream has a reading: it is a Datastream from then on."""
    server = posts.Server(Path(tempfile.mkdtemp(dir=folder)))
    try:
        first = [
            f'{{"stream":"{lamp}.hello.{kind}","time":"2014-12-31T00:00:00Z","value":0.1}}'
            for lamp in names(0, 1)
            for kind in ("light", "power")
        ]
        body = posts.request("/api/observations", f"[{','.join(first)}]".encode())
        posts.exchange(server.port, [iter([body])], all_accepted(len(first)))
        yield server
    finally:
        server.stop()


# -- peers


def influx(folder: Path, given: argparse.Namespace) -> Figures:
    peer = peers.Influx(folder / "influx")
    try:
        told: Figures = {}
        times = Times()
        bodies = max(2, given.rows // 10_000)
        for connections in (1, 2):
            told |= bulk(
                "influxdb",
                peer.port,
                peer.pid,
                lines(times, 10_000),
                written,
                connections,
                bodies,
                10_000,
                given.runs,
            )
        sent = sum(max(1, bodies // c) * c for c in (1, 2)) * (given.runs + 1) * 10_000
        assert peer.count() == sent, (peer.count(), sent)
        return told
    finally:
        peer.stop()


ROW = np.dtype(
    [("n", ">i2"), ("a", ">i4"), ("stream", ">i4"), ("b", ">i4"), ("time", ">i8"), ("c", ">i4"), ("value", ">f8")]
)


def copied(times: Times, connection: int, connections: int, rows: int) -> bytes:
    """The same readings as PostgreSQL's COPY takes them in binary: each field after its length."""
    streams = np.arange(STREAMS)[connection::connections]
    moments = times.take(rows // len(streams))
    table = np.zeros(rows, ROW)
    table["n"], table["a"], table["b"], table["c"] = 3, 4, 8, 8
    table["stream"] = np.tile(streams, len(moments))
    table["time"] = np.repeat((moments - EPOCH_2000_S) * 1_000_000, len(streams))
    table["value"] = VALUES[:rows]
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + table.tobytes() + b"\xff\xff"


async def copy(postgres: peers.Postgres, given: argparse.Namespace) -> Figures:
    """COPY of 10,000 rows a transaction."""
    try:
        import asyncpg
    except ImportError:
        raise peers.MissingError("asyncpg") from None
    bodies = max(2, given.rows // 10_000)
    times = Times()
    told: Figures = {}
    sent = 0
    links = [await asyncpg.connect(host=postgres.socket, user="bench", database="postgres") for _ in range(2)]
    try:
        await links[0].execute(
            "CREATE TABLE reading (stream int, time timestamptz, value float8); CREATE INDEX ON reading (stream, time)"
        )

        async def send(link: asyncpg.Connection, feed: list[bytes]) -> None:
            for body in feed:
                said = await link.copy_to_table("reading", source=io.BytesIO(body), format="binary")
                assert said == "COPY 10000", said

        for connections in (1, 2):
            count = max(1, bodies // connections)
            rates, costs = [], []
            for run in range(given.runs + 1):
                feeds = [[copied(times, c, connections, 10_000) for _ in range(count)] for c in range(connections)]
                used, began = posts.cpu(postgres.pid), time.perf_counter()
                await asyncio.gather(*(send(link, feed) for link, feed in zip(links, feeds, strict=False)))
                wall = time.perf_counter() - began
                rows = 10_000 * count * connections
                sent += rows
                if run:
                    rates.append(rows / wall)
                    costs.append((posts.cpu(postgres.pid) - used) / rows * 1e6)
            told[f"postgresql_copy_{connections}_rows_per_s"] = spread(rates, 0)
            told[f"postgresql_copy_{connections}_cpu_us"] = spread(costs, 3)
        assert await links[0].fetchval("SELECT count(*) FROM reading") == sent
    finally:
        for link in links:
            await link.close()
    return told


def django(folder: Path, postgres: peers.Postgres, given: argparse.Namespace) -> Figures:
    """Its workers' processor time; what PostgreSQL does for them is not in it."""
    peer = peers.Django(folder / "django", given.django, postgres)
    try:

        def observation(n: int) -> bytes:
            body = f'{{"phenomenonTime":"{moment()}","result":1.5,"Datastream":{{"@iot.id":"{peer.streams[n]}"}}}}'
            return posts.request(f"{peer.path}/Observations", body.encode())

        told = single("django", peer.port, peer.pid, observation, 100, 8, given.seconds, given.runs)
        times = Times()
        bodies = max(2, given.rows // 500_000)
        ten, all_ = (lambda *_: peer.streams[:10]), (lambda *_: peer.streams)
        told |= bulk(
            "django_create_10x100",
            peer.port,
            peer.pid,
            arrays(times, peer.path, ten, 100),
            all_created(1000),
            1,
            bodies * 5,
            1000,
            given.runs,
        )
        told |= bulk(
            "django_create_100x100",
            peer.port,
            peer.pid,
            arrays(times, peer.path, all_, 100),
            all_created(10_000),
            2,
            bodies,
            10_000,
            given.runs,
        )
        return told
    finally:
        peer.stop()


RATIOS = {
    "ratio_single_32_to_django_8": ("single_32_per_s", "django_8_per_s"),
    "ratio_create_100x100_2_to_django": ("create_100x100_2_rows_per_s", "django_create_100x100_2_rows_per_s"),
    "ratio_lines_1_to_influxdb": ("lines_1_rows_per_s", "influxdb_1_rows_per_s"),
    "ratio_lines_2_to_influxdb": ("lines_2_rows_per_s", "influxdb_2_rows_per_s"),
    "ratio_lines_2_to_postgresql_copy": ("lines_2_rows_per_s", "postgresql_copy_2_rows_per_s"),
    "ratio_arrow_2_to_postgresql_copy": ("arrow_2_rows_per_s", "postgresql_copy_2_rows_per_s"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast do observations come in?")
    parser.add_argument("--seconds", type=float, default=5.0, help="of single posts, each run")
    parser.add_argument("--rows", type=int, default=1_000_000, help="sent in bulk, each run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--django", default=sys.executable, help="a Python with django-ogc-sensorthings")
    parser.add_argument("--only", default="", help="only those of our doors whose names begin so: printed, not written")
    given = parser.parse_args()
    absent: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told, shares = ours(folder, given)
        if given.only:
            print(json.dumps(told, indent=1), *shares, sep="\n")
            return
        try:
            told |= influx(folder, given)
        except peers.MissingError as e:
            absent["influxdb"] = str(e)
        try:
            postgres = peers.Postgres(folder / "pg")
        except peers.MissingError as e:
            absent["postgresql"] = absent["django"] = str(e)
        else:
            try:
                told |= asyncio.run(copy(postgres, given))
            except peers.MissingError as e:
                absent["postgresql"] = str(e)
            try:
                told |= django(folder, postgres, given)
            except peers.MissingError as e:
                absent["django"] = str(e)
            finally:
                postgres.stop()
    ratios = {name: round(told[a]["median"] / told[b]["median"], 2) for name, (a, b) in RATIOS.items() if b in told}
    question = (__doc__ or "").splitlines()[0]
    limits = LIMITS
    if shares:
        intro = "Where the server's threads were in a further run of each, by the innermost of its own functions (`HTTP` is uvicorn and what is beneath):"
        limits += "\n".join(["", intro, "", *shares])
    write("observations", question, __doc__ or "", {**told, **ratios, "absent": absent}, limits)


if __name__ == "__main__":
    main()
