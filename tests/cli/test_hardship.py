"""A served city when the disk is full, when its home may not be written, and when more comes in than it can take: it says so, and loses nothing."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from ..served import Served
from .test_ordeal import BASE, Row, register, request, there_in

MIB = 1024 * 1024


def send(served: Served, door: str, rows: list[Row], tag: str) -> tuple[int, bytes, str]:
    """Status, body and Retry-After of the answer to rows by a door."""
    path, media, body = request(door, rows, tag)
    asked = urllib.request.Request(f"{served.url}{path}", body, {"Content-Type": media})
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, answer.read(), ""
    except urllib.error.HTTPError as e:
        with e:
            return e.code, e.read(), e.headers.get("Retry-After", "")


def test_a_full_disk_refuses_reads_on_and_takes_up_again(
    serve: Callable[..., Served], town: str, tmp_path: Path
) -> None:
    """No file of the server may grow any more: every door says 503 and when to come again; then it may, and they go on."""
    served = serve(tmp_path / "home", "--city", town, "--demo-days", "0")
    doors = ("json", "keyed", "sta", "array", "lines", "arrow", "csv")
    streams = dict(zip(doors, register(served, len(doors)), strict=True))
    told: set[Row] = set()
    count = 0

    def by_all_doors() -> dict[str, int]:
        nonlocal count
        statuses = {}
        for door in doors:
            many = {"json": 3, "keyed": 3, "sta": 1}.get(door, 2000)
            rows = [(streams[door], BASE + count + n, float(count + n)) for n in range(many)]
            count += many
            status, body, again = send(served, door, rows, f"{door}-{count}")
            statuses[door] = status
            if status == 503:
                assert int(again) > 0, (door, body)
            elif door == "array":
                links = json.loads(body)
                told.update(r for r, link in zip(rows, links, strict=True) if not link.startswith("error"))
            else:
                assert status in (201, 204), (door, status, body)
                told.update(rows)
        return statuses

    assert set(by_all_doors().values()) <= {201, 204}
    size = max(p.stat().st_size for p in (tmp_path / "home").iterdir())
    unlimited = resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE)
    # room for a little: the journal may grow, until it is merged into a database that may not
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (size, unlimited[1]))
    refused: Counter[str] = Counter()
    for _ in range(30):
        refused.update(door for door, status in by_all_doors().items() if status == 503)
        if len(refused) >= 3:
            break
    assert refused, "the disk never filled"
    assert served.get("/api/health")["status"] in ("ok", "degraded")
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, unlimited)
    deadline = time.monotonic() + 30
    while set(by_all_doors().values()) - {201, 204} and time.monotonic() < deadline:
        time.sleep(0.2)  # it may have to notice
    assert set(by_all_doors().values()) <= {201, 204}
    assert told - there_in(served, list(streams.values()), 0) == set()
    assert served.stop() == 0
    again = serve(tmp_path / "home", "--city", town)
    assert told - there_in(again, list(streams.values()), 0) == set()
    again.stop()


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be written to, not even by the superuser."""
    folder = tmp_path / "sealed"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    for words in (["mount", "--bind", folder, folder], ["mount", "-o", "remount,ro,bind", folder]):
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("nothing may be mounted here, and the superuser may write everywhere")
    yield folder
    subprocess.run(["umount", folder], check=True, capture_output=True)


def test_a_home_that_may_not_be_written_is_one_clear_sentence(
    command: Callable[..., subprocess.CompletedProcess[str]], sealed: Path
) -> None:
    for home in (sealed, sealed / "home"):
        told = command("serve", "--home", str(home), "--port", "0", "--demo-days", "0")
        assert told.returncode == 1
        assert "Traceback" not in told.stderr
        assert str(sealed) in told.stderr


def memory(served: Served) -> int:
    """Bytes of memory that the server has taken at most."""
    lines = Path(f"/proc/{served.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read from /proc")
def test_a_flood_is_told_to_come_again_and_memory_stays_bounded(
    serve: Callable[..., Served], town: str, tmp_path: Path
) -> None:
    """Twenty times 32 MiB at once, none of it readings in the end, and a sensor that goes on reporting all the while."""
    served = serve(tmp_path / "home", "--city", town, "--demo-days", "0", "--memory", "512MB")
    (stream,) = register(served, 1)
    before = memory(served)
    body = b"stream,time,value\n" + b"#" * (32 * MIB)
    answers: list[tuple[int, str]] = []
    ready = threading.Barrier(21)

    def flood() -> None:
        asked = urllib.request.Request(f"{served.url}/api/observations", body, {"Content-Type": "text/csv"})
        ready.wait()
        try:
            urllib.request.urlopen(asked, timeout=60)
        except urllib.error.HTTPError as e:
            with e:
                answers.append((e.code, e.headers.get("Retry-After", "")))
        except OSError:
            answers.append((0, ""))  # it was told while it was still sending, and did not listen

    threads = [threading.Thread(target=flood) for _ in range(20)]
    for thread in threads:
        thread.start()
    ready.wait()
    heard = []
    n = 0
    while any(t.is_alive() for t in threads):
        n += 1
        heard.append(send(served, "json", [(stream, BASE + n, float(n))], "")[0])
    for thread in threads:
        thread.join()
    assert set(heard) == {201}
    told = Counter(status for status, _ in answers)
    assert set(told) == {400, 503}, told
    assert told[400]
    assert all(again for status, again in answers if status == 503)
    print(told, len(heard), (memory(served) - before) // MIB)
    assert memory(served) - before < 1600 * MIB
    assert len(there_in(served, [stream], 0)) == len(heard)
    served.stop()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read from /proc")
def test_two_thousand_who_are_idle_or_send_halves_keep_nobody_waiting(
    serve: Callable[..., Served], town: str, tmp_path: Path
) -> None:
    """A third says nothing, a third sends half a head, a third half a reading; ten ask much and read no answer. A sensor is heard all the while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("so many connections may not be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))  # the server inherits it
    served = serve(tmp_path / "home", "--city", town, "--demo-days", "0")
    (stream,) = register(served, 1)
    assert send(served, "json", [(stream, BASE, 0.0)], "")[0] == 201
    before = memory(served)
    path, media, body = request("json", [(stream, BASE + 1, 1.0)], "")
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
    halves = (b"", head[:40].encode(), head.encode() + body[:-5])
    asks = b"GET /api/streams HTTP/1.1\r\nHost: h\r\n\r\n" * 2000
    url = urllib.parse.urlsplit(served.url)
    with contextlib.ExitStack() as stack:
        for n in range(2010):
            line = stack.enter_context(socket.create_connection((url.hostname, url.port), 30))
            line.setblocking(False)  # who does not read may not be able to send all
            with contextlib.suppress(BlockingIOError):
                line.send(halves[n % 3] if n < 2000 else asks)
        heard = [send(served, "json", [(stream, BASE + 2 + n, float(n))], "")[0] for n in range(50)]
        assert set(heard) == {201}
        print((memory(served) - before) // MIB, "MiB for 2,010 connections")
        assert memory(served) - before < 300 * MIB
    assert len(there_in(served, [stream], 0)) == 51
    served.stop()


@pytest.mark.parametrize("unit", ["us", "ns", "ms", "s"])
def test_a_time_that_no_calendar_holds_poisons_nothing(empty: Served, unit: str) -> None:
    """A stream that clients registered takes what is to come. A reading of the year 148108 could be stored, and nothing be read or recorded after it."""
    (stream,) = register(empty, 1)
    far = {"us": [2**62, 2**63 - 1], "ns": [2**63 - 1], "ms": [2**52, 2**62], "s": [2**42, 2**62]}[unit]
    for value in far:
        for zone in ("UTC", None):
            table = pa.table({"stream": [stream], "time": pa.array([value], pa.timestamp(unit, zone)), "value": [1.0]})
            sink = io.BytesIO()
            with pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table)
            status, _ = empty.post("/api/observations", sink.getvalue(), "application/vnd.apache.arrow.stream")
            assert status == (201 if unit == "ns" else 400)  # nanoseconds end in 2262
        asked = urllib.request.Request(
            f"{empty.url}/write?db=x&precision={unit}", f"m,stream={stream} value=1 {value}\n".encode(), method="POST"
        )
        with pytest.raises(urllib.error.HTTPError) if unit != "ns" else contextlib.nullcontext():
            urllib.request.urlopen(asked, timeout=60).close()
    for path in ("/api/summary", "/api/streams?limit=5", "/sta/v1.1/Observations?$top=5", "/api/readings.json?rows=5"):
        assert empty.get(path) is not None
    assert send(empty, "json", [(stream, BASE + 1, 1.0)], "")[0] == 201
