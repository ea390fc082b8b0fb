"""Tokens from the command line, and what a served city lets in by them: over the wire, as a user has it."""

from __future__ import annotations

import json
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from citytwin.cli import run
from citytwin.engine.people import People
from citytwin.kernel.clock import SystemClock
from citytwin.kernel.errors import StoreFailed
from citytwin.store.duckdb import DuckStore

from ..served import Served


def send(url: str, body: bytes | None = None, token: str = "") -> int:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as told:
            return int(told.status)
    except urllib.error.HTTPError as e:
        return e.code


def test_a_token_for_each_role_served_or_not(
    serve: Callable[..., Served], command: Callable[..., subprocess.CompletedProcess[str]], town: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    served = serve(home, "--city", town, "--demo-days", "0.05", auth=True)
    assert stat.S_IMODE((home / "serving.json").stat().st_mode) == 0o600
    made = {
        role: command("token", "create", "--home", str(home), "--role", role).stdout.strip()
        for role in ("device", "viewer")
    }
    stream = served.get("/api/streams?limit=1")["items"][0]["id"]
    rows = json.dumps([{"stream": stream, "time": "2026-01-05T08:00:00Z", "value": 4.2}]).encode()
    for path in ("/api/observations", f"/sta/v1.1/Datastreams('{stream}')/Observations"):
        body = rows if path.startswith("/api") else b'{"phenomenonTime": "2026-01-05T09:00:00Z", "result": 4.3}'
        assert send(served.url + path, body) == 401  # a single reading is answered on the wire
        assert send(served.url + path, body, made["viewer"]) == 403
        assert send(served.url + path, body, made["device"]) == 201
    assert send(f"{served.url}/api/assets", None, made["viewer"]) == 200
    assert send(f"{served.url}/api/assets", None, made["device"]) == 403
    told = command("status", "--home", str(home))  # the command line of this machine is let in
    assert told.returncode == 0, told.stderr
    (tmp_path / "r.csv").write_text(f"stream,time,value\n{stream},2026-01-05T10:00:00Z,4\n")
    told = command("ingest", str(tmp_path / "r.csv"), "--home", str(home))
    assert told.returncode == 0, told.stderr
    served.stop()
    unserved = command("token", "create", "--home", str(home), "--role", "viewer", "--days", "400")
    assert (unserved.returncode, "at most 366" in unserved.stderr) == (1, True)
    later = command("token", "create", "--home", str(home), "--role", "viewer").stdout.strip()
    again = serve(home, "--city", town, auth=True)
    assert [send(f"{again.url}/api/assets", None, word) for word in (made["viewer"], later, later[:-2])] == [
        200,
        200,
        401,
    ]


def test_without_accounts_on_a_loopback_address_only(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    for host in ("0.0.0.0", "::", "10.1.2.3"):
        told = command("serve", "--home", str(tmp_path / "h"), "--host", host, "--no-auth", "--demo-days", "0")
        assert told.returncode == 1
        assert "--no-auth would let everybody in" in told.stderr
    assert not (tmp_path / "h").exists()


def test_a_first_start_on_a_full_disk_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    people = People(DuckStore(None, "UTC"), SystemClock())
    assert "/welcome#" in run._entrance(people, "http://here")

    def full(_: People) -> str:
        raise StoreFailed("no space left on device", "make room", "store")

    monkeypatch.setattr(People, "first", full)
    assert "no space left on device; start it again once there is room" in run._entrance(people, "http://here")
