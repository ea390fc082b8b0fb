"""Fixtures: a served city in a process of its own, as a user starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Served:
    """A running `citytwin serve`."""

    process: subprocess.Popen[str]
    url: str
    log: Path
    key: str = ""
    """By what the command line of this machine is known, where anybody is asked."""

    def get(self, path: str) -> Any:
        request = urllib.request.Request(f"{self.url}{path}", headers=self._known())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def _known(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def post(self, path: str, body: bytes, media: str = "application/json") -> tuple[int, Any]:
        request = urllib.request.Request(f"{self.url}{path}", body, {"Content-Type": media, **self._known()})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            return e.code, json.load(e)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            os.kill(self.process.pid, how)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., Served]]:
    """`serve(home, "--demo-days", "1")`: start the server and wait until it is ready."""
    started: list[Served] = []

    def start(home: Path, *more: str, auth: bool = False) -> Served:
        home.parent.mkdir(parents=True, exist_ok=True)
        log = home.parent / f"{home.name}.{len(started)}.log"
        command = [
            sys.executable,
            "-m",
            "citytwin",
            "serve",
            "--home",
            str(home),
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            *(() if auth else ("--no-auth",)),
            *more,
        ]
        with log.open("w") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, text=True)
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            if process.poll() is not None:
                pytest.fail(f"the server ended: {log.read_text()}")
            try:
                told = json.loads((home / "serving.json").read_text())
                if told["pid"] == process.pid:
                    served = Served(process, told["url"], log, told["key"])
                    assert served.get("/api/health")["status"] == "ok"
                    started.append(served)
                    return served
            except (OSError, ValueError):
                pass
            time.sleep(0.1)  # another process gets ready: there is nothing to wait on but the clock
        process.kill()
        pytest.fail(f"not ready in time: {log.read_text()}")

    yield start
    for served in started:
        served.stop()


@pytest.fixture(scope="session")
def lingang(serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    """The reference city with three days of demo readings."""
    return serve(tmp_path_factory.mktemp("lingang") / "home", "--city", "lingang", "--demo-days", "3")


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A city of the pack `base` alone, which is made in a moment."""
    folder = tmp_path_factory.mktemp("cities") / "town"
    folder.mkdir()
    (folder / "city.yaml").write_text(
        "id: town\ntitle: {zh: 小城, en: Town}\nzone: Asia/Shanghai\ncenter: [121.93, 30.89]\n"
        "bounds: [121.85, 30.85, 121.98, 30.93]\npacks: [base]\n",
        "utf-8",
    )
    return str(folder)


@pytest.fixture(scope="session")
def empty(serve: Callable[..., Served], town: str, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """The town without demo readings, for strangers to fill; it is theirs in common."""
    return serve(tmp_path_factory.mktemp("empty") / "home", "--city", town, "--demo-days", "0")


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`command("status", "--home", …)`: run one command to its end."""

    def run(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "citytwin", *words],
            capture_output=True,
            text=True,
            check=False,
            input=stdin,
            timeout=180,
        )

    return run
