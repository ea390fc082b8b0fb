"""What does judging a batch cost with each kind of rule?

Method: for each kind a rule alone at 100,000 streams whose states are remembered, and batches of 50,000 readings, one of each of half of the streams, through the part of `Lookout` that judges (`_judge`: rows to states, alarms
found; what comes before and after is in `bench_watch.py`). Fifty streams are beyond their limits and stay so. What is usual at this hour is known already, as it is but once an hour of each stream; `hour_ms` is that look-up,
for 50,000 streams with 28 days on record. `cusum`, `ewma` and `unusual` keep two memories of each stream (docs/decisions/0022). Milliseconds of processor time of the judging thread; `mib` is what 100,000 streams
take. Peer in the same run: the cumulative sums of 50,000 streams in plain Python, reading by reading.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from bench_ingest import make_twin
from bench_watch import ruled
from machine import repeat, spread, write

from citytwin.engine.expect import expected
from citytwin.engine.heed import Lookout
from citytwin.engine.twin import Twin
from citytwin.kernel.rule import Rule
from citytwin.kernel.store import Arrival
from citytwin.kernel.title import Title

STREAMS, ROWS, RUNS, DAYS = 100_000, 50_000, 9, 28
SECOND, DAY = 1_000_000, 86_400_000_000
BEGIN = int(datetime(2025, 3, 5, 2, tzinfo=UTC).timestamp() * SECOND)
TITLE = Title("测", "Bench")
KINDS = {
    "above": Rule("hello.above", TITLE, "low", stream="hello.power", above=0.5, deadband=0.05),
    "stuck": Rule("hello.stuck", TITLE, "low", stream="hello.power", stuck_s=3600),
    "residual": Rule("hello.residual", TITLE, "low", stream="hello.power", deviation=6.0, deadband=0.05),
    "ewma": Rule("hello.ewma", TITLE, "low", stream="hello.power", deviation=2.814, method="ewma"),
    "cusum": Rule("hello.cusum", TITLE, "low", stream="hello.power", deviation=5.0, method="cusum"),
    "unusual": Rule("hello.unusual", TITLE, "low", stream="hello.power", unusual_days=60.0),
}
LIMITS = """A reading of `unusual` goes through two detectors of five figures each, some 3 kB of state. At the end of a block, each twelfth reading of a stream, its greatest figures are put among the peaks; where that
happens to all streams in one batch, that batch costs up to eight times as much, which the median of few batches does not show. Streams that report every five minutes bring 50,000 readings of 100,000 streams in 150 s.
"""


def kind(folder: Path, rule: Rule) -> dict[str, object]:
    """What a rule of this kind costs a batch."""
    twin = ruled(make_twin(folder), rule)
    lookout = Lookout(twin)
    lookout._know([f"x{n:06}.hello.power" for n in range(STREAMS)])
    cells = lookout._cells
    cells.lost[:] = False
    draw = np.random.default_rng(1)
    number = 0

    def judge() -> float:
        nonlocal number
        number += 1
        cell = np.arange(ROWS) + ROWS * (number % 2)
        moment = np.full(ROWS, BEGIN + number * 60 * SECOND)
        value = draw.normal(0.1, 0.02, ROWS)
        value[:50] = 0.9
        if rule.deviation is not None:  # looked up before
            cells.hour[cell] = moment[0] // (3600 * SECOND) + 8
            cells.middle[cell], cells.spread[cell] = 0.1, 0.02
        began = time.thread_time()
        lookout._judge(cell, moment, value)
        return (time.thread_time() - began) * 1000

    found: dict[str, object] = dict(spread(repeat(judge, RUNS, 4), 1))
    if memory := lookout._memory.get(0):
        known = memory.known(np.arange(10))
        found["mib"] = round(sum(column.nbytes for column in known.values()) / 10 * STREAMS / 2**20, 1)
    twin.store.close()
    return found


def hour(folder: Path) -> float:
    """Looking up what is usual at this hour."""
    twin: Twin = ruled(make_twin(folder), KINDS["residual"])
    names = pa.array([f"x{n:06}.hello.power" for n in range(ROWS)])
    index, draw = pa.array(np.arange(ROWS, dtype=np.int32)), np.random.default_rng(2)
    for day in range(DAYS):
        stamp = pa.array(np.full(ROWS, BEGIN - (DAYS - day) * DAY)).cast(pa.timestamp("us", tz="UTC"))
        stream = pa.DictionaryArray.from_arrays(index, names)
        value = draw.normal(0.1, 0.02, ROWS)
        rows = pa.table({"stream": stream, "time": stamp, "value": value, "quality": np.ones(ROWS, np.int8)})
        twin.store.record([Arrival(rows)])
    twin.store.roll()
    assets = [f"x{n:06}" for n in range(ROWS)]
    began = time.thread_time()
    middle, _ = expected(twin, KINDS["residual"], assets, np.arange(ROWS), np.full(ROWS, BEGIN), roll=False)
    took = (time.thread_time() - began) * 1000
    assert np.isfinite(middle).all()
    twin.store.close()
    return took


def plain() -> float:
    """Cumulative sums as a state machine in plain Python."""
    held = dict.fromkeys(range(ROWS), (0.0, 0.0))
    values = np.random.default_rng(1).normal(0.1, 0.02, ROWS).tolist()
    began = time.thread_time()
    told = []
    for n, value in enumerate(values):
        up, down = held[n]
        x = (value - 0.1) / 0.02
        up, down = max(0.0, up + (x - 0.5) / 288), max(0.0, down + (-x - 0.5) / 288)
        held[n] = up, down
        if up > 5.0 or down > 5.0:
            told.append(n)
    return (time.thread_time() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dry", action="store_true", help="print, and leave the result file alone")
    given = parser.parse_args()
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        for id, rule in KINDS.items():
            folder = Path(name) / id
            folder.mkdir()
            results[f"{id}_ms"] = kind(folder, rule)
        (Path(name) / "hour").mkdir()
        results["hour_ms"] = round(hour(Path(name) / "hour"), 1)
    results["cusum_plain_python_ms"] = spread(repeat(plain, RUNS), 1)
    if given.dry:
        print(json.dumps(results, indent=1))
        return
    question, _, method = (__doc__ or "").partition("\n\n")
    write("kinds", question, method, results, LIMITS)


if __name__ == "__main__":
    main()
