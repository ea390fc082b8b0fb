"""A served city is killed again and again while readings come in by every door: what was acknowledged is there once, and nothing else is.

`ORDEAL=200 pytest tests/cli/test_ordeal.py` is the long form.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from citytwin.science import merkle
from citytwin.store.duckdb import DuckStore

from ..served import Served

try:
    import paho.mqtt.client as paho
    from paho.mqtt import enums as paho_enums
except ImportError:  # then that door is left out
    paho = None

LIVES = int(os.environ.get("ORDEAL", "5"))
BASE = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()) * 1000
LATE = int(datetime(2010, 1, 1, tzinfo=UTC).timestamp()) * 1000
HOUR = 3_600_000
DOORS = ("json", "keyed", "sta", "sta2", "array", "lines", "arrow", "csv", *(("mqtt",) if paho else ()))
ONCE = ("sta", "sta2", "array")
"""Doors at which a reading that is posted twice is two; all others know it again."""
Row = tuple[str, int, float]
"""Stream, milliseconds since 1970, and a value that no one else sends."""


@dataclass
class World:
    """What the senders know: where the server is in this life, and what it told them."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    life: int = -1
    url: str = ""
    over: bool = False
    sent: set[Row] = field(default_factory=set)
    acknowledged: list[Row] = field(default_factory=list)
    doubtful: list[Row] = field(default_factory=list)
    current: dict[tuple[str, int], float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def begin(self, url: str) -> None:
        with self.changed:
            self.life, self.url = self.life + 1, url
            self.changed.notify_all()

    def wait(self, seen: int) -> bool:
        """Wait for a life after `seen`; False when there will be none."""
        with self.changed:
            self.changed.wait_for(lambda: self.life > seen or self.over, 180)
            return not self.over and self.life > seen


def stamp(ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat()


def request(door: str, rows: list[Row], tag: str) -> tuple[str, str, bytes]:
    """Path, media type and body that bring the rows in by a door."""
    stream = rows[0][0]
    listed = [{"stream": s, "time": stamp(t), "value": v} for s, t, v in rows]
    if door in ("json", "keyed"):
        return (
            "/api/observations" + (f"?key={tag}" if door == "keyed" else ""),
            "application/json",
            json.dumps(listed).encode(),
        )
    if door == "sta":
        body = {"phenomenonTime": stamp(rows[0][1]), "result": rows[0][2]}
        return f"/sta/v1.1/Datastreams('{stream}')/Observations", "application/json", json.dumps(body).encode()
    if door == "sta2":
        body = {"phenomenonTime": {"start": stamp(rows[0][1])}, "result": rows[0][2]}
        return f"/sta/v2.0/Datastreams('{stream}')/Observations", "application/json", json.dumps(body).encode()
    if door == "array":
        one = {"Datastream": {"@iot.id": stream}, "components": ["phenomenonTime", "result"]}
        body = [{**one, "dataArray": [[stamp(t), v] for _, t, v in rows]}]
        return "/sta/v1.1/CreateObservations", "application/json", json.dumps(body).encode()
    if door == "lines":
        return (
            "/write?db=x&precision=ms",
            "text/plain",
            "".join(f"m,stream={s} value={v} {t}\n" for s, t, v in rows).encode(),
        )
    if door == "mqtt":
        body = {"phenomenonTime": stamp(rows[0][1]), "result": rows[0][2]}
        return f"v1.1/Datastreams('{stream}')/Observations", "", json.dumps(body).encode()
    if door == "csv":
        return (
            f"/api/observations?key={tag}",
            "text/csv",
            ("stream,time,value\n" + "".join(f"{s},{stamp(t)},{v}\n" for s, t, v in rows)).encode(),
        )
    table = pa.table(
        {
            "stream": [s for s, _, _ in rows],
            "time": pa.array([t for _, t, _ in rows], pa.timestamp("ms", "UTC")),
            "value": [v for _, _, v in rows],
        }
    )
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return "/api/observations", "application/vnd.apache.arrow.stream", sink.getvalue()


class Line(Protocol):
    """A way to a server, as long as it lives."""

    def ask(self, path: str, media: str, body: bytes) -> tuple[int, bytes]:
        """Send, and wait for the answer: status and body. Raises OSError, HTTPException when the server was killed."""

    def close(self) -> None:
        """Let go of it."""


class Http:
    """One connection of HTTP."""

    def __init__(self, url: str) -> None:
        self._line = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=30)

    def ask(self, path: str, media: str, body: bytes) -> tuple[int, bytes]:
        self._line.request("POST", path, body, {"Content-Type": media})
        answer = self._line.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        self._line.close()


class Topic:
    """One connection of MQTT, at quality 1: an acknowledgement stands for 201."""

    def __init__(self, url: str) -> None:
        with urllib.request.urlopen(f"{url}/api/doors/mqtt", timeout=10) as answer:
            port = urllib.parse.urlsplit(json.load(answer)["endpoints"][0]).port
        self._change, self._codes, self._lost = threading.Condition(), dict[int, int](), False
        self._client = paho.Client(paho_enums.CallbackAPIVersion.VERSION2, protocol=5)
        self._client.on_publish = lambda c, u, mid, code, p: self._note(mid, code.value)
        self._client.on_disconnect = lambda *_: self._note()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _note(self, mid: int = 0, code: int = 0) -> None:
        with self._change:
            self._codes[mid] = code
            self._lost = self._lost or not mid
            self._change.notify_all()

    def ask(self, path: str, media: str, body: bytes) -> tuple[int, bytes]:
        mid = self._client.publish(path, body, 1).mid
        with self._change:
            self._change.wait_for(lambda: mid in self._codes or self._lost, 30)
        if mid not in self._codes:
            raise ConnectionError("the broker is gone")
        return (201, b"") if self._codes[mid] < 0x80 else (400, str(self._codes[mid]).encode())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Sender(threading.Thread):
    """Sends by one door, each request until it is answered: in the next life, if need be."""

    def __init__(self, world: World, number: int, streams: list[str]) -> None:
        super().__init__(name=f"sender {number}")
        self.world, self.number, self.streams = world, number, streams
        self.door = DOORS[number % len(DOORS)]
        self.chance = random.Random(number)
        self.count = 0
        self.told: list[Row] = []
        """What was acknowledged and may be corrected."""
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            life = -1
            while self.world.wait(life):
                life = self.world.life
                try:
                    with self.line() as line:
                        while self.world.life == life and not self.world.over:
                            self.send(line, life)
                except (OSError, http.client.HTTPException):
                    pass  # it was killed
        except BaseException as e:
            self.failure = e

    def line(self) -> AbstractContextManager[Line]:
        """A connection to the server of this life."""
        if self.door == "mqtt":
            return contextlib.closing(Topic(self.world.url))
        return contextlib.closing(Http(self.world.url))

    unanswered: tuple[list[Row], str] | None = None

    def send(self, line: Line, life: int) -> None:
        rows, tag = self.unanswered or self.rows(life)
        self.world.sent.update(rows)
        self.unanswered = None if self.door in ONCE else (rows, tag)
        if self.unanswered is None:
            self.world.doubtful += rows
        status, told = line.ask(*request(self.door, rows, tag))
        if status == 503:
            return
        assert status in (201, 204), (status, told[:600])
        self.unanswered = None
        links = json.loads(told) if self.door == "array" else rows
        mine = [row for row, link in zip(rows, links, strict=True) if not str(link).startswith("error")]
        self.world.acknowledged += mine
        self.world.current.update({(s, t): v for s, t, v in mine})
        self.told = [*self.told, *mine][-200:]

    def rows(self, life: int) -> tuple[list[Row], str]:
        most = {
            "json": 3,
            "keyed": 3,
            "sta": 1,
            "sta2": 1,
            "mqtt": 1,
            "array": 300,
            "lines": 200,
            "arrow": 3000,
            "csv": 500,
        }[self.door]
        stream = self.chance.choice(self.streams)
        made: list[Row] = []
        late = self.chance.random() < 0.1
        for _ in range(self.chance.randint(1, most)):
            self.count += 1
            at = LATE - self.count if late else BASE + self.count
            made.append((stream, at + life * HOUR, self.number * 1e9 + self.count))
        if self.told and self.door not in (*ONCE, "mqtt") and self.chance.random() < 0.2:
            of = self.chance.choice(self.told)
            self.count += 1
            made = [*(r for r in made if r[0] == of[0]), (of[0], of[1], self.number * 1e9 + self.count)]
        return made, f"sender{self.number}-{self.count}"


def register(served: Served, streams: int) -> list[str]:
    """Register a Thing with so many Datastreams."""
    unit = {"name": "one", "symbol": "1", "definition": "ucum:1"}
    kind = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
    sensor = {"name": "s", "description": "", "encodingType": "text/plain", "metadata": "s"}
    property = {"name": "p", "definition": "urn:p", "description": ""}
    place = {
        "name": "l",
        "description": "",
        "encodingType": "application/geo+json",
        "location": {"type": "Point", "coordinates": [121.9, 30.9]},
    }
    made = [
        {
            "name": f"d{n}",
            "description": "",
            "observationType": kind,
            "unitOfMeasurement": unit,
            "Sensor": sensor,
            "ObservedProperty": property,
        }
        for n in range(streams)
    ]
    body = {"name": "ordeal", "description": "", "Locations": [place], "Datastreams": made}
    status, thing = served.post("/sta/v1.1/Things", json.dumps(body).encode())
    assert status == 201, thing
    found = served.get(f"/sta/v1.1/Things('{thing['@iot.id']}')/Datastreams?$top=1000&$orderby=name&$select=id")
    return [d["@iot.id"] for d in found["value"]]


def cut_short(home: Path, town: str, after: float) -> None:
    """A start that is killed before it is ready."""
    command = [
        sys.executable,
        "-m",
        "citytwin",
        "serve",
        "--home",
        str(home),
        "--city",
        town,
        "--port",
        "0",
        "--no-auth",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(after)  # wall time is the subject
        process.kill()


def there_in(served: Served, streams: list[str], life: int) -> set[Row]:
    """The readings of a life that the server has now."""
    span = urllib.parse.urlencode(
        {
            "streams": ",".join(streams),
            "since": stamp(BASE + life * HOUR),
            "until": stamp(BASE + (life + 1) * HOUR),
            "rows": 1_000_000,
        }
    )
    with urllib.request.urlopen(f"{served.url}/api/readings.arrow?{span}", timeout=60) as answer:
        table = pa.ipc.open_stream(answer.read()).read_all()
    assert table.num_rows < 1_000_000
    ms = table["time"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_pylist()
    return set(zip(table["stream"].to_pylist(), ms, table["value"].to_pylist(), strict=True))


def test_a_city_that_is_killed_while_readings_come_in_by_every_door(
    serve: Callable[..., Served], town: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    chance = random.Random(LIVES)
    world = World()
    served = serve(home, "--city", town, "--demo-days", "0", "--mqtt-port", "0")
    streams = register(served, 2 * len(DOORS))
    senders = [Sender(world, n, streams[2 * n : 2 * n + 2]) for n in range(len(DOORS))]
    for sender in senders:
        sender.start()
    try:
        for life in range(LIVES):
            before = len(world.acknowledged)
            world.begin(served.url)
            deadline = time.monotonic() + 60
            while len(world.acknowledged) == before and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(chance.random() ** 2)  # wall time is the subject: the kill must fall anywhere
            served.stop(signal.SIGKILL)
            if chance.random() < 0.25:
                cut_short(home, town, 2 * chance.random())
            served = serve(home, "--city", town, "--mqtt-port", "0")
            assert [str(s.failure) for s in senders if s.failure] == []
            there = there_in(served, streams, life)
            unsure = {(s, t) for sender in senders if sender.unanswered for s, t, _ in sender.unanswered[0]}
            told = {
                row
                for row in world.acknowledged
                if 0 <= row[1] - BASE - life * HOUR < HOUR
                and row[:2] not in unsure  # a correction that was recorded and not answered
                and world.current[row[:2]] == row[2]
            }
            assert told - there == set(), f"life {life}"
    finally:
        world.begin(served.url)  # what nobody answered is sent once more
        time.sleep(1)
        with world.changed:
            world.over = True
            world.changed.notify_all()
        for sender in senders:
            sender.join(60)
    assert [str(s.failure) for s in senders if s.failure] == []
    assert {s.door for s in senders if s.told} == set(DOORS)
    log: Any = served.get("/api/evidence")
    assert served.stop() == 0
    judge(home, world, (log["root"], log["size"]))


def judge(home: Path, world: World, served: tuple[str, int]) -> None:
    """Compare what is on record with what was sent and what was acknowledged, and the log with both."""
    store = DuckStore(home / "city.duckdb", "Asia/Shanghai")
    try:
        rows = store.fetch(
            "SELECT batch, stream, epoch_us(time) AS t, value, quality, superseded FROM observation_all ORDER BY batch, stream, time"
        )
        names, times, values = (
            rows["stream"].to_pylist(),
            (rows["t"].to_numpy() // 1000).tolist(),
            rows["value"].to_pylist(),
        )
        found = Counter(zip(names, times, values, strict=True))
        assert [row for row, n in found.items() if n > 1] == []  # none twice
        assert set(found) - world.sent == set()  # none invented
        assert set(world.acknowledged) - set(found) == set()  # none lost
        now = {
            (s, t): v
            for s, t, v, old in zip(names, times, values, rows["superseded"].to_pylist(), strict=True)
            if not old
        }
        assert {k: now.get(k) for k in world.current} == world.current  # the last word on each time holds
        leaves = store.fetch("SELECT leaf, digest FROM evidence ORDER BY leaf").to_pylist()
        assert [leaf["leaf"] for leaf in leaves] == list(range(len(leaves)))
        batches = store.fetch("SELECT batch, rows, leaf FROM batch ORDER BY batch").to_pylist()
        edge = np.searchsorted(rows["batch"].to_numpy(), [b["batch"] for b in batches] + [1 << 60])
        for batch, start, end in zip(batches, edge[:-1].tolist(), edge[1:].tolist(), strict=True):
            mine = rows.slice(start, end - start)
            assert mine.num_rows == batch["rows"]
            index = mine["stream"].combine_chunks().dictionary_encode()
            digest = merkle.readings_digest(
                index.dictionary.to_pylist(),
                index.indices.to_numpy(),
                *(mine[c].to_numpy() for c in ("t", "value", "quality")),
            )
            assert leaves[batch["leaf"]]["digest"] == merkle.leaf_hash(digest).hex()
        hashes = [bytes.fromhex(leaf["digest"]) for leaf in leaves]
        for size in sorted({served[1], len(hashes)}):
            proof = merkle.inclusion_proof(hashes[:size], size // 2)
            root = merkle.root_from_proof(hashes[size // 2], size // 2, size, proof)
            assert root.hex() == (served[0] if size == served[1] else store.root()[0])
        print(
            f"{LIVES} kills: {len(world.acknowledged):,} readings acknowledged, {len(found):,} on record, {len(leaves):,} leaves"
        )
    finally:
        store.close()
