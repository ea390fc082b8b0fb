"""`citytwin notify` on a served city, against what its server says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from ..served import Served

Command = Callable[..., subprocess.CompletedProcess[str]]


def test_declarations_are_checked_and_taken_up_against_the_server(empty: Served, command: Command) -> None:
    home = Path(empty.get("/api/notify.faults")["file"]).parent
    told = command("notify", "check", "--home", str(home))
    assert (told.returncode, told.stdout) == (0, "0 people, 0 channels, 1 routes, no fault\n"), told.stderr
    try:
        (home / "notify.yaml").write_text("people: [{id: wang, name: 王敏}]\nroutes: [{id: all, what: [alarm], to: {people: [li]}}]\n", "utf-8")  # fmt: skip
        told = command("notify", "reload", "--home", str(home))
        assert told.returncode == 1
        assert f"{home / 'notify.yaml'}:2: NAMES there is no person 'li' (there are: wang)" in told.stderr
        assert [p["name"] for p in empty.get("/api/notify")["people"]] == ["王敏"]  # what is sound holds
        told = command("notify", "test", "room", "--home", str(home), "--person", "王敏")
        assert told.returncode == 1
        assert "there is no channel 'room'" in told.stderr
    finally:
        (home / "notify.yaml").unlink()
        assert empty.post("/api/notify.reload", b"{}")[0] == 200
