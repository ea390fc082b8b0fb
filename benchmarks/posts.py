"""Requests over HTTP: a server in a process of its own, and a client that does as little as it can."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvloop
from bench_ingest import STREAMS, make_twin

from citytwin.api.house import House
from citytwin.api.serve import serve
from citytwin.engine import ingest
from citytwin.engine.heed import Lookout
from citytwin.engine.people import People
from citytwin.engine.simulate import Simulator
from citytwin.kernel.right import Grant, Person

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)\r\n")
Check = Callable[[int, bytes], None]
"""Is the answer (status and body) what it should be? Raises AssertionError."""


def request(path: str, body: bytes, media: str = "application/json") -> bytes:
    """A POST as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Sender(asyncio.Protocol):
    """One connection: sends a request, waits for the answer, checks it and sends the next, until there is none."""

    def __init__(self, requests: Iterator[bytes], check: Check, took: list[float], done: asyncio.Future[None]) -> None:
        self.requests, self.check, self.took, self.done = requests, check, took, done
        self.answer = bytearray()
        self.size = 0  # of the answer, once its head is there
        self.began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.socket = transport.get_extra_info("socket")
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send()

    def send(self) -> None:
        self.answer.clear()
        self.size = 0
        data = next(self.requests, None)
        if data is None:
            self.done.set_result(None)
            self.transport.close()
            return
        self.began = time.perf_counter()
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        # else a server without TCP_NODELAY waits 40 ms for us; Linux forgets it, so it is said each time
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self.answer += data
        if not self.size:
            head = self.answer.find(b"\r\n\r\n")
            if head < 0:
                return
            length = _LENGTH.search(self.answer, 0, head + 2)
            self.size = head + 4 + (int(length[1]) if length else 0)
        if len(self.answer) < self.size:
            return
        self.took.append(time.perf_counter() - self.began)
        status = int(self.answer[9:12])
        try:
            assert len(self.answer) == self.size, "the answer is longer than it says"
            self.check(status, bytes(self.answer[self.answer.index(b"\r\n\r\n") + 4 :]))
            self.send()
        except Exception as e:  # the run must end, and say so
            self.connection_lost(e)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))


def exchange(port: int, feeds: Sequence[Iterator[bytes]], check: Check) -> list[float]:
    """Send what each feed gives on a connection of its own. Returns the seconds that each answer took; raises what an answer is wrong with."""
    took: list[float] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        done = [loop.create_future() for _ in feeds]
        for feed, future in zip(feeds, done, strict=True):
            await loop.create_connection(lambda i=feed, f=future: Sender(i, check, took, f), "127.0.0.1", port)
        await asyncio.gather(*done)

    uvloop.run(run())
    return took


def created(status: int, body: bytes) -> None:
    """The answer of whoever made one thing of one request."""
    assert status == 201, (status, body[:500])


def readings(number: int, until: float, keyed: bool) -> Iterator[bytes]:
    """Requests of a reading each, until then; `keyed` gives each a key of its own."""
    stem, count = f"{time.time_ns()}-{number}", 0
    while time.perf_counter() < until:
        count += 1
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        name = f"l{(number + 32 * count) % STREAMS:04}.hello.light"
        body = f'[{{"stream":"{name}","time":"{moment}.{count % 1_000_000:06}Z","value":1.5}}]'.encode()
        yield request(f"/api/observations?key={stem}-{count}" if keyed else "/api/observations", body)


def post(port: int, connections: int, seconds: float, keyed: bool = False) -> list[float]:
    """Seconds that each post of a reading took."""
    until = time.perf_counter() + seconds
    return exchange(port, [readings(n, until, keyed) for n in range(connections)], created)


def cpu(pid: int) -> float:
    """Seconds of processor time that a process and its children have used."""
    ticks = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it may end as we look
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(folder.name) == pid or int(fields[1]) == pid:
                    ticks += sum(map(int, fields[11:15] if int(folder.name) == pid else fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


class Server:
    """The server in a process of its own; one that is `guarded` asks who comes, and lets in who has its `token`."""

    def __init__(self, folder: Path, guarded: bool = False) -> None:
        command = [sys.executable, __file__, str(folder), *(["guarded"] if guarded else [])]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        port, _, self.token = self._process.stdout.readline().strip().partition(" ")
        self.port = int(port)

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu(self) -> float:
        """Seconds of processor time it has used."""
        return cpu(self.pid)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


def main() -> None:
    twin = make_twin(Path(sys.argv[1]))
    intake, lookout = ingest.Intake(twin), Lookout(twin)
    people, token = None, ""
    if "guarded" in sys.argv:
        people = People(twin.store, twin.clock)
        people.put_person(Person("sensors", "sensors", service=True, grants=(Grant("device"),)))
        token = people.make_token("sensors", "bench", None, 1)[1]
    with ThreadPoolExecutor(1) as pool:
        house = House(twin, intake, Simulator(twin, pool), people=people)
        lookout.start()  # as `citytwin serve` does
        serve(house, port=0, on_ready=lambda url: print(url.rpartition(":")[2], token, flush=True))
    intake.close()
    lookout.close()
    twin.store.close()


if __name__ == "__main__":
    main()
