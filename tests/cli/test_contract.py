"""What outside programs rely on: serve, health, stop, status, ingest, version."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from citytwin import __version__

from ..served import Served

Command = Callable[..., subprocess.CompletedProcess[str]]
NOW = datetime.now(UTC)


def stream(served: Served) -> str:
    found = served.get("/api/streams?type=base.temperature&limit=1")["items"]
    return str(found[0]["id"])


def test_version(command: Command) -> None:
    assert command("--version").stdout.strip() == f"citytwin {__version__}"


def test_help_teaches(command: Command) -> None:
    told = command("--help").stdout
    for word in ("run", "serve", "status", "ingest", "export", "edit", "backup", "restore", "read", "pack"):
        assert f"citytwin {word}" in told or f"\n    {word} " in told


def test_chinese_is_printed_where_the_terminal_claims_to_know_none(tmp_path: Path) -> None:
    (tmp_path / "plan.txt").write_text("到2025年，污水收集率达到70%以上。", "utf-8")
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "citytwin", "read", str(tmp_path / "plan.txt"), "--format", "jsonl"]
    told = subprocess.run(command, capture_output=True, env=environment, check=False, timeout=60)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout.decode())["subject"] == "污水收集率"


def test_the_reference_city_from_a_plans_sentence_to_a_leaf_of_the_log(lingang: Served) -> None:
    target = lingang.get("/api/targets/institution_2023.energy_total")
    assert (target["comparator"], target["value"], target["unit"], target["deadline"]) == (
        "<=",
        1710000,
        "tce",
        "2023-12-31",
    )
    assert target["place"]["section"]
    assert target["progress"]["status"] in ("met", "missed")
    assert len(target["series"]["value"]) >= 5
    indicator = lingang.get(f"/api/indicators/{target['measured_by']['indicator']}")
    assert "SELECT" in indicator["sql"]
    log = lingang.get("/api/evidence")
    assert log["size"] > 10
    proof = lingang.get(f"/api/evidence/leaves/{log['size'] - 1}")
    assert proof["root"] == log["root"] or proof["size"] > log["size"]


def test_values_chosen_from_a_list_have_names_in_both_languages(lingang: Served) -> None:
    told = {a["id"]: a for a in lingang.get("/api/assets/mh-y040")["attributes"]}
    assert told["network"]["value"] == "storm"
    assert told["network"]["value_title"] == {"zh": "雨水", "en": "Storm"}
    assert told["invert_m"]["value_title"] is None


def test_summary_adds_up(lingang: Served) -> None:
    told = lingang.get("/api/summary")
    targets = told["targets"]
    assert targets["total"] == 83 == sum(v for k, v in targets.items() if k != "total")
    assert told["streams"]["alive"] > 1000
    assert told["alarms"]["active"] > 0


def test_the_scorecard_of_a_past_day_shows_targets_in_flight(lingang: Served) -> None:
    then = lingang.get("/api/summary?as_of=2022-06-30")["targets"]
    assert then["on_track"] + then["at_risk"] > 0


def test_status_asks_the_running_server(lingang: Served, command: Command) -> None:
    home = lingang.log.parent / "home"
    told = command("status", "--home", str(home))
    assert told.returncode == 0, told.stderr
    assert "83" in told.stdout
    assert lingang.url in told.stdout
    assert json.loads(command("status", "--home", str(home), "--format", "json").stdout)["targets"]["total"] == 83


@pytest.mark.parametrize("form", ["csv", "arrow", "parquet", "json", "lp", "senml"])
def test_export_over_the_running_server_is_whole(lingang: Served, command: Command, tmp_path: Path, form: str) -> None:
    home = lingang.log.parent / "home"
    asset = lingang.get("/api/streams?type=drainage.level&limit=1")["items"][0]["asset"]
    path = tmp_path / f"level.{form}"
    told = command("export", str(path), "--home", str(home), "--asset", asset)
    assert told.returncode == 0, told.stderr
    rows = int(told.stdout.split()[0].replace(",", ""))
    assert rows > 100
    data = path.read_bytes()
    count = {
        "csv": lambda: data.count(b"\n") - 1,
        "lp": lambda: data.count(b"\n"),
        "json": lambda: len(json.loads(data)),
        "senml": lambda: len(json.loads(data)),
        "arrow": lambda: pa.ipc.open_file(path).read_all().num_rows,
        "parquet": lambda: pq.read_table(path).num_rows,
    }[form]()
    assert count == rows
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_ingest_over_the_running_server(lingang: Served, command: Command, tmp_path: Path) -> None:
    home = lingang.log.parent / "home"
    path = tmp_path / "readings.csv"
    at = (NOW - timedelta(minutes=7)).isoformat()
    path.write_text(f"stream,time,value\n{stream(lingang)},{at},68\n")
    told = command("ingest", str(path), "--home", str(home), "--unit", "degF")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["accepted"] == 1
    path.write_text(f"stream,time,value\n{stream(lingang)},{at},68\nnobody.base.temperature,{at},1\n")
    told = command("ingest", str(path), "--home", str(home))
    assert told.returncode == 1
    assert "row 2" in told.stderr
    assert "nobody" in told.stderr


def test_a_backup_of_a_served_city_is_restored_whole(lingang: Served, command: Command, tmp_path: Path) -> None:
    home = lingang.log.parent / "home"
    told = command("backup", str(tmp_path / "copy"), "--home", str(home))
    assert told.returncode == 0, told.stderr
    assert not (home / "backups").exists()
    again = command("backup", str(tmp_path / "copy"), "--home", str(home))
    assert again.returncode == 1
    assert "there already" in again.stderr
    told = command("restore", str(tmp_path / "copy"), "--home", str(tmp_path / "new"))
    assert told.returncode == 0, told.stderr
    status = json.loads(command("status", "--home", str(tmp_path / "new"), "--format", "json").stdout)
    assert status["targets"]["total"] == 83
    assert status["assets"] == json.loads(command("status", "--home", str(home), "--format", "json").stdout)["assets"]


def test_a_second_server_on_the_home_is_told_who_holds_it(lingang: Served, command: Command) -> None:
    told = command("serve", "--home", str(lingang.log.parent / "home"), "--port", "0")
    assert told.returncode == 1
    assert "in use by another process" in told.stderr


def test_a_taken_port_is_one_clear_sentence(lingang: Served, command: Command, tmp_path: Path) -> None:
    port = lingang.url.rpartition(":")[2]
    told = command("serve", "--home", str(tmp_path / "h"), "--port", port, "--demo-days", "0")
    assert told.returncode == 1
    assert f"port {port} is taken" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["serve", "--home", "{tmp}/h", "--city", "atlantis"], "there is no city 'atlantis'"),
        (["serve", "--home", "{tmp}/h", "--port", "99999"], "is not a port"),
        (["serve", "--home", "/proc/nowhere", "--demo-days", "0"], "home folder cannot be made"),
        (["serve", "--home", "{tmp}/h", "--with", "unicorns"], "pack 'unicorns' is not here"),
        (["status", "--home", "{tmp}/nothing"], "there is no city in"),
        (["ingest", "{tmp}/none.csv", "--home", "{tmp}/nothing"], "cannot be read"),
        (["ingest", "{tmp}/none.xls", "--home", "{tmp}/nothing"], "'.xls' is not a kind of file"),
        (["read", "{tmp}/none.txt"], "cannot be read"),
        (["frobnicate"], "invalid choice"),
    ],
)
def test_what_is_missing_is_one_clear_sentence(command: Command, tmp_path: Path, words: list[str], says: str) -> None:
    told = command(*(w.format(tmp=tmp_path) for w in words))
    assert told.returncode in (1, 2)
    assert says in told.stderr
    assert "Traceback" not in told.stderr


def test_sigterm_stops_cleanly_and_the_next_start_goes_on(
    serve: Callable[..., Served], command: Command, town: str, tmp_path: Path
) -> None:
    served = serve(tmp_path / "home", "--city", town, "--demo-days", "0.2")
    readings = served.get("/api/summary")["readings"]
    assert served.stop() == 0
    assert "stopped" in served.log.read_text()
    assert not (tmp_path / "home" / "serving.json").exists()
    told = command("status", "--home", str(tmp_path / "home"))
    assert told.returncode == 0, told.stderr
    assert "not being served" in told.stdout
    again = serve(tmp_path / "home", "--city", town)
    assert again.get("/api/summary")["readings"] >= readings
    assert again.stop(signal.SIGINT) == 0


def test_no_acknowledged_batch_is_lost_when_the_server_is_killed(
    serve: Callable[..., Served], town: str, tmp_path: Path
) -> None:
    served = serve(tmp_path / "home", "--city", town, "--demo-days", "0.1")
    ids = [s["id"] for s in served.get("/api/streams?type=base.temperature&limit=8")["items"]]
    acknowledged: list[tuple[str, int]] = []
    base = NOW - timedelta(days=200)

    def send(worker: int) -> None:
        for n in range(10_000):
            at = base + timedelta(minutes=n)
            body = json.dumps([{"stream": ids[worker], "time": at.isoformat(), "value": n % 30}]).encode()
            try:
                code, _ = served.post("/api/observations", body)
            except OSError:
                return
            assert code == 201
            acknowledged.append((ids[worker], n))

    with ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(send, w) for w in range(4)]
        while len(acknowledged) < 60 and served.process.poll() is None:
            time.sleep(0.01)  # let them write: the kill must fall into the middle
        served.stop(signal.SIGKILL)
        for done in sending:
            done.result()
    assert len(acknowledged) >= 60
    again = serve(tmp_path / "home", "--city", town)
    until = (base + timedelta(minutes=20_000)).isoformat().replace("+00:00", "Z")
    since = base.isoformat().replace("+00:00", "Z")
    for stream_id in ids[:4]:
        told = again.get(f"/api/streams/{stream_id}/observations?since={since}&until={until}&points=10000")
        there = {round((ms / 1000 - base.timestamp()) / 60) for ms in told["time"]}
        assert {n for s, n in acknowledged if s == stream_id} <= there
    again.stop()


def test_a_start_that_was_cut_off_begins_anew(serve: Callable[..., Served], town: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [
        sys.executable,
        "-m",
        "citytwin",
        "serve",
        "--home",
        str(home),
        "--city",
        town,
        "--port",
        "0",
        "--demo-days",
        "200",
    ]
    with (tmp_path / "cut.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while "assets" not in (tmp_path / "cut.log").read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
        process.wait()
    served = serve(home, "--city", town, "--demo-days", "0.5")
    assert "cut off" in served.log.read_text()
    assert served.get("/api/summary")["streams"]["alive"] > 20
    served.stop()
