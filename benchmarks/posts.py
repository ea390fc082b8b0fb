"""Single readings over HTTP: a server in a process of its own, and a client that does as little as it can."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvloop
from bench_ingest import STREAMS, make_twin

from citytwin.api.house import House
from citytwin.api.serve import serve
from citytwin.engine import ingest
from citytwin.engine.simulate import Simulator


class Sender(asyncio.Protocol):
    """One connection: posts a reading, waits for the receipt, posts the next. `keyed` gives each a key of its own."""

    def __init__(self, number: int, until: float, keyed: bool, took: list[float], done: asyncio.Future[None]) -> None:
        self.number, self.until, self.keyed, self.took, self.done = number, until, keyed, took, done
        self.count = 0
        self.answer = b""
        self.began = 0.0
        self.stem = f"{time.time_ns()}-{number}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.post()

    def post(self) -> None:
        self.count += 1
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        name = f"l{(self.number + 32 * self.count) % STREAMS:04}.hello.light"
        body = f'[{{"stream":"{name}","time":"{moment}.{self.count % 1_000_000:06}Z","value":1.5}}]'.encode()
        query = f"?key={self.stem}-{self.count}" if self.keyed else ""
        head = f"POST /api/observations{query} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.began = time.perf_counter()
        self.transport.write(head.encode() + body)

    def data_received(self, data: bytes) -> None:
        self.answer += data
        if not self.answer.endswith(b"}"):  # the head came first
            return
        assert self.answer.startswith(b"HTTP/1.1 201"), self.answer
        self.answer = b""
        now = time.perf_counter()
        self.took.append(now - self.began)
        if now < self.until:
            self.post()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's
        self.done.set_result(None)


def post(port: int, connections: int, seconds: float, keyed: bool = False) -> list[float]:
    """Seconds that each post took."""
    took: list[float] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        until = time.perf_counter() + seconds
        done = [loop.create_future() for _ in range(connections)]
        for number, future in enumerate(done):
            await loop.create_connection(lambda n=number, f=future: Sender(n, until, keyed, took, f), "127.0.0.1", port)
        await asyncio.gather(*done)

    uvloop.run(run())
    return took


class Server:
    """The server in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen([sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())

    def cpu(self) -> float:
        """Seconds of processor time it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


def main() -> None:
    twin = make_twin(Path(sys.argv[1]))
    intake = ingest.Intake(twin)
    with ThreadPoolExecutor(1) as pool:
        house = House(twin, intake, Simulator(twin, pool))
        serve(house, port=0, on_ready=lambda url: print(url.rpartition(":")[2], flush=True))
    intake.close()
    twin.store.close()


if __name__ == "__main__":
    main()
