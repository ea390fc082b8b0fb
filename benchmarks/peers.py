"""Other servers for the same data: each in processes of its own, with its files in a folder of the benchmark, every answer durable."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

POSTGRES = Path("/usr/lib/postgresql/15/bin")
START_S = 30.0


class MissingError(Exception):
    """The peer is not on this machine; the message says what is missing."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def ask(url: str, body: bytes | None = None, media: str = "application/json") -> tuple[int, bytes, str]:
    """Status, body and Location of an answer."""
    with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": media}), timeout=30) as answer:
        return answer.status, answer.read(), answer.headers.get("Location", "")


def until(ready: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a server. Raises RuntimeError with what it said when it ends, or does not come up."""
    began = time.monotonic()
    while True:
        try:
            ready()
            return
        except (OSError, subprocess.CalledProcessError) as e:
            if process.poll() is not None or time.monotonic() - began > START_S:
                raise RuntimeError(f"the peer did not start: {log.read_text()[-2000:]}") from e
            time.sleep(0.1)


class Peer:
    """A server that was started; its log is `log` in its folder."""

    process: subprocess.Popen[bytes]

    def start(self, command: list[str], folder: Path, ready: Callable[[], object], **more: Any) -> None:
        log = folder / "log"
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, **more)
        try:
            until(ready, self.process, log)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Influx(Peer):
    """InfluxDB 1.6 as Debian packs it; every write is synced before its answer (`wal-fsync-delay = 0s`)."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("influxd")
        if program is None:
            raise MissingError("influxd")
        folder.mkdir()
        self.port, rpc = free_port(), free_port()
        config = folder / "influxdb.conf"
        config.write_text(
            f"""reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  wal-fsync-delay = "0s"
  index-version = "tsi1"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{self.port}"
  log-enabled = false
"""
        )
        url = f"http://127.0.0.1:{self.port}"
        self.start([program, "-config", str(config)], folder, lambda: ask(f"{url}/ping"))
        self._ask = lambda q: ask(f"{url}/query?db=x", f"q={q}".encode(), "application/x-www-form-urlencoded")[1]
        self._ask("CREATE DATABASE x")

    def count(self) -> int:
        """Points on record."""
        return int(json.loads(self._ask("SELECT count(power) FROM hello"))["results"][0]["series"][0]["values"][0][1])


class Postgres(Peer):
    """PostgreSQL 15 with the settings it comes with: fsync and synchronous_commit are on. `socket` is the folder of its socket, the user `bench`."""

    def __init__(self, folder: Path) -> None:
        if not (POSTGRES / "initdb").is_file():
            raise MissingError("postgresql-15")
        folder.mkdir()
        self.socket = str(folder)
        more: dict[str, Any] = {}
        if os.geteuid() == 0:  # it refuses to be run by root
            who = next((u for u in pwd.getpwall() if u.pw_name == "postgres"), None) or pwd.getpwnam("nobody")
            os.chown(folder, who.pw_uid, who.pw_gid)
            folder.parent.chmod(0o711)  # it has to pass
            more = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
        data = str(folder / "data")
        made = subprocess.run(
            [str(POSTGRES / "initdb"), "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-locale"],
            capture_output=True,
            cwd=folder,
            **more,
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr.decode()}")
        command = [str(POSTGRES / "postgres"), "-D", data, "-k", self.socket, "-c", "listen_addresses="]
        ready = [str(POSTGRES / "pg_isready"), "-q", "-h", self.socket, "-U", "bench"]
        self.start(command, folder, lambda: subprocess.run(ready, check=True), **more)

    def stop(self) -> None:
        self.process.send_signal(2)  # SIGINT: do not wait for clients to leave
        self.process.wait()


class Django(Peer):
    """django-ogc-sensorthings on `postgres` with two workers; `python` has it installed. It has a hundred Datastreams."""

    def __init__(self, folder: Path, python: str, postgres: Postgres) -> None:
        has = subprocess.run([python, "-c", "import sensorthings, psycopg, uvicorn"], capture_output=True, check=False)
        if has.returncode:
            raise MissingError("django-ogc-sensorthings")
        folder.mkdir()
        script = Path(__file__).with_name("django_peer.py")
        env = {**os.environ, "PEER_SOCKET": postgres.socket, "PYTHONPATH": str(script.parent)}
        subprocess.run([python, str(script)], check=True, env=env, cwd=folder)
        self.port = free_port()
        self.path = "/sensorthings/v1.1"
        url = f"http://127.0.0.1:{self.port}{self.path}"
        command = [python, "-m", "uvicorn", "django_peer:application", "--workers", "2", "--port", str(self.port)]
        self.start(
            [*command, "--log-level", "warning", "--no-access-log"], folder, lambda: ask(f"{url}/Things"), env=env
        )
        try:
            self._fill(url)
        except BaseException:
            self.stop()
            raise

    def _fill(self, url: str) -> None:
        def make(kind: str, **body: object) -> dict[str, str]:
            where = ask(f"{url}/{kind}", json.dumps(body).encode())[2]
            return {"@iot.id": where.partition("('")[2].partition("')")[0]}

        named = {"name": "lamp", "description": "lamp"}
        place = {"type": "Point", "coordinates": [121.9, 30.9]}
        location = make("Locations", **named, encodingType="application/geo+json", location=place)
        thing = make("Things", **named, Locations=[location])
        sensor = make("Sensors", **named, encodingType="text/html", metadata="none")
        power = make("ObservedProperties", **named, definition="http://example.org/power")
        unit = {"name": "kilowatt", "symbol": "kW", "definition": "http://example.org/kW"}
        kind = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
        self.streams = [
            make(
                "Datastreams", **named, unitOfMeasurement=unit, observationType=kind, Thing=thing, Sensor=sensor,
                ObservedProperty=power,
            )["@iot.id"]
            for _ in range(100)
        ]  # fmt: skip
        # its FeatureOfInterest comes with the first Observation; several first ones at once make it several times, and then none goes in
        make("Observations", phenomenonTime="2014-12-31T00:00:00Z", result=0.1, Datastream={"@iot.id": self.streams[0]})
