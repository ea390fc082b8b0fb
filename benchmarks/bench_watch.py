"""How soon is what is wrong known: what does judging a batch cost, and how long is it from a reading to an alarm in an open browser?

Method: `judge_*`: 50,000 streams with two rules each (an upper limit with a deadband; limits both ways with delays), so 100,000 states that are remembered; batches of one reading of each
stream, as the store tells them, through `Lookout.heed`. `quiet`: 50 streams are beyond their limits and stay so. `busy`: 50 others become so with each batch and the last 50 come back, so that
100 transitions go on record in a database on disk with each. `_cpu_ms` is processor time of the judging thread, which others on the machine change least. Peer in the same run: the same rules
as a state machine in plain Python, reading by reading.

`latency_*`: a server in a process of its own with 1,000 lamps and a rule; a client beside it on the same machine posts 20,000 readings a second as Arrow (ten bodies a second of two readings of each
lamp), and listens at `/api/live` to everything, as an open browser does. In each body one lamp goes beyond its limit, and stays so for five seconds; the clock runs from before the body is sent until the alarm is read from
the stream of events. `acknowledged_*`: until the body is acknowledged as durable, in the same run: no alarm can be told before.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from bench_ingest import FIRST, STREAMS, make_twin
from machine import repeat, spread, write

from citytwin.api.house import House
from citytwin.api.serve import serve
from citytwin.engine import decode, ingest, watch
from citytwin.engine.heed import Lookout
from citytwin.engine.schedule import Schedule
from citytwin.engine.simulate import Simulator
from citytwin.engine.twin import Twin
from citytwin.kernel.rule import Rule
from citytwin.kernel.store import Written
from citytwin.kernel.title import Title

MANY, RUNS, SECONDS, BODIES_PER_S, LAST = 50_000, 9, 30, 10, 50
TITLE = Title("测", "Bench")
LIMIT = Rule("hello.bright", TITLE, "high", stream="hello.power", above=0.5, deadband=0.05)
BAND = Rule("hello.band", TITLE, "low", stream="hello.power", outside=(-1.0, 0.4), on_delay_s=60, off_delay_s=60)
LIMITS = """The machine has two cores, and the client, the server and whatever else runs share them: see `load_before`. Of the latency, most is the way of the body to the disk (`acknowledged`); then come
the wait of the judging thread for the interpreter, which the writer holds, and the transaction in which the alarm and its history become durable.
"""


def ruled(twin: Twin, *rules: Rule) -> Twin:
    """The twin with these rules alone."""
    return replace(twin, packs=[replace(p, rules=rules if p.id == "hello" else ()) for p in twin.packs])


def judge(folder: Path) -> dict[str, dict[str, float]]:
    """What judging costs."""
    twin = ruled(make_twin(folder), LIMIT, BAND)
    lookout = Lookout(twin)
    names = [f"x{n:05}.hello.power" for n in range(MANY)]
    number = 0

    def batch(beyond: np.ndarray) -> Written:
        nonlocal number
        number += 1
        value = np.full(MANY, 0.1)
        value[beyond] = 0.9
        moment = np.full(MANY, FIRST + number * 300_000_000)
        return Written(number, names, np.arange(MANY), moment, value, np.ones(MANY, np.int8))

    told: dict[str, list[float]] = {"quiet_cpu_ms": [], "busy_cpu_ms": [], "busy_ms": []}

    def quiet() -> float:
        given = batch(np.arange(50))
        cpu, began = time.thread_time(), time.perf_counter()
        lookout.heed(given)
        told["quiet_cpu_ms"].append((time.thread_time() - cpu) * 1000)
        return (time.perf_counter() - began) * 1000

    def busy() -> float:
        given = batch(50 + np.arange(50) + 50 * (number % 100))
        cpu, began = time.thread_time(), time.perf_counter()
        lookout.heed(given)
        told["busy_cpu_ms"].append((time.thread_time() - cpu) * 1000)
        return (time.perf_counter() - began) * 1000

    def plain() -> float:
        given = batch(np.arange(50))
        began = time.perf_counter()
        for name, t, value in zip(names, given.time.tolist(), given.value.tolist(), strict=True):  # fmt: skip
            for n, (high, low, dead, wait) in enumerate(((0.5, -np.inf, 0.05, 0), (0.4, -1.0, 0.0, 60_000_000))):
                phase, since = held.get((name, n), ("quiet", 0))
                on = value > high or value < low
                if phase == "quiet":
                    if on:
                        phase, since = "pending", t
                elif not (value > high - dead or value < low + dead):
                    phase = "quiet"
                if phase == "pending" and t - since >= wait:
                    phase = "alarm"
                held[name, n] = (phase, since)
        return (time.perf_counter() - began) * 1000

    held: dict[tuple[str, int], tuple[str, int]] = {}
    found = {"judge_quiet_ms": spread(repeat(quiet, RUNS), 1), "judge_busy_ms": spread(repeat(busy, RUNS), 1)}
    found["judge_plain_python_ms"] = spread(repeat(plain, RUNS), 1)
    found["judge_quiet_cpu_ms"] = spread(told["quiet_cpu_ms"][1:], 1)
    found["judge_busy_cpu_ms"] = spread(told["busy_cpu_ms"][1:], 1)
    twin.store.close()
    return found


def server(folder: Path) -> None:
    """The other process: a city with a rule, judged as readings come in and every two seconds, as `citytwin serve` does."""
    twin = ruled(make_twin(folder), LIMIT)
    intake, simulator, lookout = ingest.Intake(twin), Simulator(twin), Lookout(twin)
    schedule = Schedule(twin.clock)
    schedule.add("watch", timedelta(seconds=2), lambda now: watch.watch(twin, now, lookout))
    schedule.add("roll", timedelta(seconds=60), lambda _: twin.store.roll(), timedelta(seconds=20))
    lookout.start()
    schedule.start()
    serve(House(twin, intake, simulator), "127.0.0.1", 0, lambda url: print(url, flush=True))


def latency(folder: Path) -> dict[str, object]:
    """From a reading to an alarm that is read from the stream of events."""
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    port = int(process.stdout.readline().strip().rsplit(":", 1)[1])
    heard: dict[str, float] = {}
    live = http.client.HTTPConnection("127.0.0.1", port)
    live.request("GET", "/api/live")
    events = live.getresponse()

    def listen() -> None:
        kind = b""
        while line := events.readline():
            if line.startswith(b"event: "):
                kind = line[7:].strip()
            elif line.startswith(b"data: ") and kind == b"alarms":
                now = time.perf_counter()
                for told in json.loads(line[6:]):
                    if told["state"] == "active":
                        heard.setdefault(told["asset"], now)

    threading.Thread(target=listen, daemon=True).start()
    names = pa.array([f"l{n:04}.hello.power" for n in range(STREAMS)])
    index = pa.array(np.repeat(np.arange(STREAMS, dtype=np.int32), 2))
    post = http.client.HTTPConnection("127.0.0.1", port)
    sent: dict[str, float] = {}
    done: list[float] = []
    start = int(datetime.now(UTC).timestamp() * 1e6) - 3_600_000_000
    began = time.perf_counter()
    behind = 0.0
    for n in range(SECONDS * BODIES_PER_S):
        moment = np.tile(start + n * 2_000_000 + np.arange(2) * 1_000_000, STREAMS)
        value = np.full(2 * STREAMS, 0.1)
        value[2 * max(0, n - LAST) : 2 * n + 2] = 0.9  # each stays so for a while
        table = pa.table(
            {"stream": pa.DictionaryArray.from_arrays(index, names), "time": pa.array(moment).cast(pa.timestamp("us", tz="UTC")), "value": value}
        )  # fmt: skip
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        body = bytes(sink.getvalue())
        time.sleep(max(0.0, began + n / BODIES_PER_S - time.perf_counter()))
        moment_sent = time.perf_counter()
        behind = max(behind, moment_sent - began - n / BODIES_PER_S)
        sent[f"l{n:04}"] = moment_sent
        post.request("POST", "/api/observations", body, {"Content-Type": decode.ARROW})
        answer = post.getresponse()
        assert answer.status == 201, answer.read()
        answer.read()
        done.append(time.perf_counter() - moment_sent)
    rate = len(done) * 2 * STREAMS / (time.perf_counter() - began)
    time.sleep(3)  # alarms of the last bodies are on their way; what is not heard by then counts as not heard
    process.terminate()
    process.wait(30)
    took = np.array([heard[a] - t for a, t in sent.items() if a in heard][BODIES_PER_S:]) * 1000
    ack = np.array(done[BODIES_PER_S:]) * 1000
    return {
        "readings_per_s": round(rate),
        "behind_ms": round(behind * 1000),
        "alarms_expected": len(sent),
        "alarms_heard": len(heard),
        **{f"latency_p{q}_ms": round(float(np.percentile(took, q)), 1) for q in (50, 95, 99)},
        **{f"acknowledged_p{q}_ms": round(float(np.percentile(ack, q)), 1) for q in (50, 95, 99)},
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "judge").mkdir()
        (Path(name) / "serve").mkdir()
        results: dict[str, object] = {**judge(Path(name) / "judge"), **latency(Path(name) / "serve")}
    question, _, method = (__doc__ or "").partition("\n\n")
    write("watch", question, method, results, LIMITS)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        server(Path(sys.argv[2]))
    else:
        main()
