"""`citytwin edit`: a file of edits, taken once however often it is run, by a running server and without one."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from ..served import Served

Command = Callable[..., subprocess.CompletedProcess[str]]


def test_a_file_of_edits_served_and_not(
    serve: Callable[..., Served], command: Command, town: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    served = serve(home, "--city", town, "--demo-days", "0.2")
    stream = served.get("/api/streams?type=base.temperature&limit=1")["items"][0]
    last = datetime.fromisoformat(stream["latest"]["time"])
    since, until = last - timedelta(hours=2), last - timedelta(hours=1)
    place = (
        f"/api/streams/{stream['id']}/observations?since={since:%Y-%m-%dT%H:%M:%SZ}&until={until:%Y-%m-%dT%H:%M:%SZ}"
    )
    came = served.get(place)["value"]
    assert len(came) > 3
    file = tmp_path / "edits.yaml"
    span = f"since: {since.isoformat()}, until: {until.isoformat()}"
    file.write_text(
        f"stream: {stream['id']}\nby: 李华\nsteps:\n"
        f"  - {{kind: shift, {span}, value: 2, note: reference thermometer}}\n  - {{kind: scale, {span}, value: 0.5, note: wrong unit}}\n",
        "utf-8",
    )
    wanted = [(v + 2) * 0.5 for v in came]

    seen = command("edit", str(file), "--home", str(home), "--preview")
    assert seen.returncode == 0, seen.stderr
    assert f"2 steps would be taken: {len(came)} changed" in seen.stdout
    assert served.get(place)["value"] == came
    first = command("edit", str(file), "--home", str(home))
    assert first.returncode == 0, first.stderr
    assert re.findall(r"(\d+) changed", first.stdout) == [str(len(came)), str(len(came)), "0"]
    assert served.get(place)["value"] == wanted
    again = command("edit", str(file), "--home", str(home))
    assert again.stdout.count("holds already") == 2
    assert served.get(place)["value"] == wanted
    assert [e["by"] for e in served.get(f"/api/streams/{stream['id']}/edits")["items"]] == ["李华", "李华"]

    served.stop()
    file.write_text(file.read_text("utf-8") + f"  - {{kind: delete, {span}, below: -999, note: no such}}\n", "utf-8")
    here = command("edit", str(file), "--home", str(home), "--by", "Wang")
    assert here.returncode == 0, here.stderr
    assert here.stdout.count("holds already") == 2
    assert here.stdout.count("0 changed, 0 added, 0 withdrawn") == 2
    file.write_text(
        f"stream: {stream['id']}\nsteps:\n  - {{kind: melt, {span}, note: x}}\n  - {{kind: shift, sinse: x}}\n", "utf-8"
    )
    wrong = command("edit", str(file), "--home", str(home), "--by", "Wang")
    assert wrong.returncode == 1
    assert "edits.yaml:3" in wrong.stderr
    assert "'sinse' is not a key here" in wrong.stderr
    assert "steps[0].kind is 'melt'" in wrong.stderr
