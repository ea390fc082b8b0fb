"""Kill the process: what was acknowledged is there, and log and data agree."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from citytwin.science import merkle
from citytwin.store.duckdb import DuckStore

WRITER = """
import sys, pyarrow as pa
from pathlib import Path
from citytwin.kernel.store import Arrival
from citytwin.store.duckdb import DuckStore
store = DuckStore(Path(sys.argv[1]), "Asia/Shanghai")
first = int(sys.argv[2])
for n in range(first, first + 1_000_000):
    rows = 1 if n % 3 else 2000
    table = pa.table({
        "stream": pa.array(["a%04d.p.x" % i for i in range(rows)]),
        "time": pa.array([1_750_000_000_000_000 + n] * rows).cast(pa.timestamp("us", tz="UTC")),
        "value": pa.array([float(n)] * rows), "quality": pa.array([1] * rows, pa.int8())})
    store.record([Arrival(table, key=f"n{n}")])
    print(n, flush=True)
"""


@pytest.mark.parametrize("delay", [0.15, 0.4, 0.9])
def test_no_acknowledged_batch_is_lost_by_kill_9(tmp_path: Path, delay: float) -> None:
    path = tmp_path / "city.duckdb"
    acknowledged: list[int] = []
    for _ in range(3):
        first = (acknowledged[-1] + 2) if acknowledged else 0
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(first)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        acknowledged.append(int(writer.stdout.readline()))
        time.sleep(delay)  # wall time is the subject: the kill must fall anywhere
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read()
        acknowledged += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
        writer.wait()
        writer.stdout.close()
    store = DuckStore(path, "Asia/Shanghai")
    try:
        counts = store.fetch(
            "SELECT epoch_us(time) - 1750000000000000 AS n, count(*) AS rows FROM observation GROUP BY 1"
        ).to_pylist()
        there = {r["n"]: r["rows"] for r in counts}
        assert all(there.get(n) == (1 if n % 3 else 2000) for n in acknowledged)
        assert all(rows == (1 if n % 3 else 2000) for n, rows in there.items())  # no batch is there in part
        # log and data agree: one leaf per batch, and the digest of each is that of its rows
        leaves = store.fetch(
            "SELECT b.batch, l.digest FROM batch AS b JOIN evidence AS l ON l.leaf = b.leaf ORDER BY b.batch"
        ).to_pylist()
        assert len(leaves) == len(there) == store.fetch("SELECT count(*) AS n FROM evidence")["n"][0].as_py()
        for leaf in leaves[-5:]:
            rows = store.fetch(
                "SELECT stream, epoch_us(time) AS t, value, quality FROM observation_all WHERE batch = $b ORDER BY stream, time",
                {"b": leaf["batch"]},
            )
            names = rows["stream"].to_pylist()
            streams = sorted(set(names))
            index = rows["stream"].combine_chunks().dictionary_encode()
            assert streams == index.dictionary.to_pylist()
            digest = merkle.readings_digest(
                streams,
                index.indices.to_numpy(),
                rows["t"].to_numpy(),
                rows["value"].to_numpy(),
                rows["quality"].to_numpy(),
            )
            assert leaf["digest"] == merkle.leaf_hash(digest).hex()
    finally:
        store.close()


MIXED = """
import random, sys, threading, pyarrow as pa
from pathlib import Path
from citytwin.kernel.store import Arrival
from citytwin.store.duckdb import DuckStore
store = DuckStore(Path(sys.argv[1]), "Asia/Shanghai")
life = int(sys.argv[2])
said = threading.Lock()
def work(worker):
    chance = random.Random(life * 10 + worker)
    for n in range(1_000_000):
        rows = 3000 if chance.random() < 0.02 else chance.choice([1, 1, 1, 2, 7])
        tag = f"w{worker}-{life}-{n}"
        at = 1_750_000_000_000_000 + life * 1_000_000 + n
        if chance.random() < 0.03:  # a late reading: before all others of its stream
            at -= 1_000_000_000_000 - 2 * worker
        table = pa.table({
            "stream": pa.array(["w%d-%04d.p.x" % (worker, i) for i in range(rows)]),
            "time": pa.array([at] * rows).cast(pa.timestamp("us", tz="UTC")),
            "value": pa.array([float(n)] * rows), "quality": pa.array([1] * rows, pa.int8())})
        arrival = Arrival(table, key=tag)
        (receipt,) = store.record([arrival])
        if chance.random() < 0.05:
            assert store.record([arrival])[0].repeated
        if chance.random() < 0.02:
            store.fetch("SELECT count(*) FROM observation")
        if chance.random() < 0.02:
            store.commit(leaves=[("note", tag, "00" * 32)])
        with said:
            print(tag, rows, receipt.leaf, flush=True)
for worker in range(3):
    threading.Thread(target=work, args=(worker,)).start()
"""


def test_kill_9_at_any_moment_loses_doubles_and_invents_nothing(tmp_path: Path) -> None:
    path = tmp_path / "city.duckdb"
    chance = random.Random(7)
    acknowledged: dict[str, tuple[int, int]] = {}
    for life in range(int(os.environ.get("FUZZ", "20"))):
        with subprocess.Popen(
            [sys.executable, "-c", MIXED, str(path), str(life)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            assert first, "the writer could not open what the one before left"
            time.sleep(chance.random() * 0.4)  # wall time is the subject: the kill must fall anywhere
            os.kill(writer.pid, signal.SIGKILL)
            for line in [first, *writer.stdout.read().splitlines(keepends=True)]:
                if line.endswith("\n"):
                    tag, rows, leaf = line.split()
                    acknowledged[tag] = (int(rows), int(leaf))
    store = DuckStore(path, "Asia/Shanghai")
    try:
        batches = store.fetch("SELECT batch, key, rows, leaf FROM batch ORDER BY batch").to_pylist()
        assert [b["batch"] for b in batches] == list(range(1, len(batches) + 1))
        found = {b["key"]: (b["rows"], b["leaf"]) for b in batches}
        assert len(found) == len(batches)  # none twice
        assert {tag: found.get(tag) for tag in acknowledged} == acknowledged
        # each of three writers may have stored one batch more than it could tell of, in each life
        assert len(found) - len(acknowledged) <= 3 * int(os.environ.get("FUZZ", "20"))
        rows = store.fetch(
            "SELECT batch, stream, epoch_us(time) AS t, value, quality FROM observation_all ORDER BY batch, stream, time"
        )
        leaves = store.fetch("SELECT leaf, kind, digest FROM evidence ORDER BY leaf").to_pylist()
        assert [leaf["leaf"] for leaf in leaves] == list(range(len(leaves)))
        edge = np.searchsorted(rows["batch"].to_numpy(), np.arange(1, len(batches) + 2))
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
        for leaf in (0, len(hashes) // 3, len(hashes) - 1):
            proof = merkle.inclusion_proof(hashes, leaf)
            assert merkle.root_from_proof(hashes[leaf], leaf, len(hashes), proof) == store._tree.root()
    finally:
        store.close()


def test_a_second_process_is_told_who_holds_the_store(tmp_path: Path) -> None:
    store = DuckStore(tmp_path / "city.duckdb", "Asia/Shanghai")
    code = "import sys; from pathlib import Path; from citytwin.store.duckdb import DuckStore; DuckStore(Path(sys.argv[1]), 'UTC')"
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "city.duckdb")], capture_output=True, text=True, check=False
    )
    store.close()
    assert "in use by another process" in other.stderr


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    from citytwin.kernel.errors import StoreFailed

    path = tmp_path / "city.duckdb"
    path.write_bytes(b"this is not a database" * 1000)
    with pytest.raises(StoreFailed, match=r"city\.duckdb"):
        DuckStore(path, "UTC")


FULL = """
import resource, signal, sys, pyarrow as pa, numpy as np
from pathlib import Path
from citytwin.kernel.errors import StoreFailed
from citytwin.kernel.store import Arrival
from citytwin.store.duckdb import DuckStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = DuckStore(Path(sys.argv[1]), "Asia/Shanghai")
def table(n):
    return pa.table({
        "stream": pa.array(["a%05d.p.x" % i for i in range(20000)]),
        "time": pa.array(np.full(20000, 1_750_000_000_000_000 + n)).cast(pa.timestamp("us", tz="UTC")),
        "value": np.random.default_rng(n).random(20000), "quality": pa.array(np.ones(20000, np.int8))})
store.record([Arrival(table(0), key="n0")])
print(0, flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (6_000_000, 6_000_000))
for n in range(1, 200):
    try:
        store.record([Arrival(table(n), key=f"n{n}")])
    except StoreFailed as e:
        print("refused", e.message, flush=True)
        break
    print(n, flush=True)
"""


def test_a_full_disk_refuses_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "city.duckdb"
    told = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=False, timeout=120
    )
    lines = told.stdout.splitlines()
    acknowledged = [int(line) for line in lines if line.isdigit()]
    assert lines[-1].startswith("refused"), told
    assert 0 < len(acknowledged) < 199
    store = DuckStore(path, "Asia/Shanghai")
    try:
        found = store.fetch(
            "SELECT epoch_us(time) - 1750000000000000 AS n, count(*) AS rows FROM observation GROUP BY 1 ORDER BY 1"
        )
        assert dict(zip(found["n"].to_pylist(), found["rows"].to_pylist(), strict=True)) == dict.fromkeys(
            acknowledged, 20000
        )
    finally:
        store.close()
