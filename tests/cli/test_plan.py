"""The front door from outside: a document in, a tracked plan and its report out, whatever is killed on the way."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from citytwin import reader
from citytwin.cli import main

from ..served import Served

Command = Callable[..., subprocess.CompletedProcess[str]]
PLAN = """青山区绿道建设三年行动计划
青绿〔2026〕3号

一、主要目标
到2028年，全区绿道总长达到200公里，公园绿地服务半径覆盖率达到90%以上。

二、重点任务
（一）建设环湖绿道
2027年底前，建成环湖绿道35公里。（责任单位：区绿化局、区水务局）
（二）更新口袋公园
每年更新口袋公园10个。（区绿化局牵头，各街道配合）
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "greenway.txt"
    path.write_text(PLAN, "utf-8")
    return path


def accept_all(served: Served, id: str) -> None:
    draft = served.get(f"/api/drafts/{id}")
    records = [r["id"] for r in draft["records"] if r["kind"] in ("numeric", "coverage", "milestone", "ban")]
    body = {"by": "王科长", "seen": draft["decisions"], "act": "accept", "records": records}
    assert served.post(f"/api/drafts/{id}/decisions", json.dumps(body).encode())[0] == 200


def test_a_document_becomes_a_tracked_plan_and_a_report(
    serve: Callable[..., Served], command: Command, town: str, document: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    served = serve(home, "--city", town, "--demo-days", "0")
    told = command("read", str(document), "--home", str(home), "--by", "李工")
    assert told.returncode == 0, told.stderr
    id = told.stdout.split()[0]
    assert "青山区绿道建设三年行动计划" in told.stdout
    accept_all(served, id)
    code, plan = served.post(f"/api/drafts/{id}/publish", json.dumps({"by": "王科长"}).encode())
    assert code == 200, plan
    assert {(t["value"], t["unit"]) for t in plan["targets"]} >= {(200.0, "km"), (90.0, "%"), (35.0, "km")}
    assert [m["title"]["zh"] for m in plan["measures"]] == ["建设环湖绿道", "更新口袋公园"]
    assert id in [p["id"] for p in served.get("/api/plans")["items"]]
    assert f"{id}  青山区绿道建设三年行动计划" in command("plan", "list", "--home", str(home)).stdout
    out = tmp_path / "served.docx"
    assert command("plan", "report", id, "--home", str(home), "--out", str(out)).returncode == 0
    served.stop()
    assert f"{id}  青山区绿道建设三年行动计划" in command("plan", "list", "--home", str(home)).stdout
    again = tmp_path / "stored.docx"
    assert command("plan", "report", id, "--home", str(home), "--out", str(again)).returncode == 0
    for made in (out, again):
        text = "".join(reader.read(made.read_bytes(), made.name).text.split())
        places = [text.index(part) for part in ("总体情况", "各项目标进展", "滞后事项及原因", "下一步工作")]
        assert places == sorted(places)
    page = tmp_path / "report.html"
    assert command("plan", "report", id, "--home", str(home), "--out", str(page), "--lang", "en").returncode == 0
    assert page.read_text("utf-8").lower().startswith("<!doctype html>")


def test_without_a_server_the_store_takes_the_draft(
    serve: Callable[..., Served], command: Command, town: str, document: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    serve(home, "--city", town, "--demo-days", "0").stop()
    told = command("read", str(document), "--home", str(home), "--by", "李工")
    assert told.returncode == 0, told.stderr
    document.write_text(PLAN.replace("200公里", "220公里"), "utf-8")
    assert ", version 2" in command("read", str(document), "--home", str(home), "--by", "李工").stdout


def refusals(home: Path, document: Path) -> list[tuple[list[str], str]]:
    scan = document.with_name("scan.pdf")
    scan.write_bytes(b"%PDF-1.4 nothing")
    return [
        (["read", str(document), "--home", str(home)], "--by NAME"),
        (["read", str(document), "--home", str(home), "--by", "x", "--of", "nothing"], "no draft 'nothing'"),
        (["read", str(scan), "--home", str(home), "--by", "x"], "PDF"),
        (["read", str(document), "--home", str(home / "none"), "--by", "x"], "no city"),
        (["plan", "report", "nothing", "--home", str(home)], "no plan 'nothing'"),
        (["plan", "report", "x", "--home", str(home), "--as-of", "soon"], "not a day"),
        (["plan", "list", "--home", str(home / "none")], "no city"),
    ]


def test_refusals_are_one_clear_sentence_with_and_without_a_server(
    serve: Callable[..., Served], command: Command, town: str, document: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    served = serve(home, "--city", town, "--demo-days", "0")
    for stopped in (False, True):
        if stopped:
            served.stop()
        for words, says in refusals(home, document):
            told = command(*words)
            assert told.returncode in (1, 2), words
            assert says in told.stderr, told.stderr
            assert "Traceback" not in told.stderr
            assert told.stdout == ""


def test_a_fault_of_the_reader_is_a_sentence_and_no_trace(
    document: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(data: bytes, name: str = "") -> None:
        raise ZeroDivisionError("by a page of no width")

    monkeypatch.setattr(reader, "read", broken)
    assert main(["read", str(document)]) == 1
    told = capsys.readouterr()
    assert "ZeroDivisionError in the reader" in told.err
    assert "Traceback" not in told.err
    assert told.out == ""


def test_no_decision_is_lost_or_halved_when_the_server_is_killed(
    serve: Callable[..., Served], town: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    served = serve(home, "--city", town, "--demo-days", "0")
    answer = served.post("/api/drafts?name=plan.txt&by=x", PLAN.encode(), "text/plain")
    id = answer[1]["items"][0]["id"]
    accept_all(served, id)
    acknowledged: list[tuple[str, Any]] = []

    def work(what: str) -> None:
        for n in range(10_000):
            try:
                if what == "edit":
                    seen = served.get(f"/api/drafts/{id}")["decisions"]
                    body = {"by": "x", "seen": seen, "act": "edit", "records": ["r001"], "fields": {"value": 300 + n}}
                    code, told = served.post(f"/api/drafts/{id}/decisions", json.dumps(body).encode())
                    kept: Any = 300.0 + n
                elif what == "publish":
                    body = {"by": "x", "open": "accept"}
                    code, told = served.post(f"/api/drafts/{id}/publish", json.dumps(body).encode())
                    kept = told.get("version")
                else:
                    data = PLAN.replace("青山区绿道", f"青山区第{n}绿道").replace("3号", f"{n + 100}号").encode()
                    code, told = served.post("/api/drafts?name=plan.txt&by=x", data, "text/plain")
                    kept = told["items"][0]["id"] if code == 201 else None
            except OSError:
                return
            assert code in (200, 201), told
            acknowledged.append((what, kept))

    with ThreadPoolExecutor(3) as pool:
        working = [pool.submit(work, what) for what in ("edit", "publish", "upload")]
        while len(acknowledged) < 40 and served.process.poll() is None and not any(w.done() for w in working):
            time.sleep(0.01)  # let them work: the kill must fall into the middle
        served.stop(signal.SIGKILL)
        for done in working:
            done.result()
    assert {what for what, _ in acknowledged} == {"edit", "publish", "upload"}
    again = serve(home, "--city", town)
    drafts = {d["id"]: d for d in again.get("/api/drafts?limit=1000")["items"]}
    assert {kept for what, kept in acknowledged if what == "upload"} <= set(drafts)
    log = again.get(f"/api/drafts/{id}/decisions?limit=10000")["items"]
    assert [d["n"] for d in log] == list(range(len(log), 0, -1))
    edited = {d["after"]["records"][0]["value"] for d in log if d["act"] == "edit"}
    assert {kept for what, kept in acknowledged if what == "edit"} <= edited
    plan = again.get(f"/api/plans/{id}")
    versions = [kept for what, kept in acknowledged if what == "publish"]
    assert plan["version"] >= max(versions)
    published = [d for d in again.get(f"/api/plans/{id}/decisions?limit=10000")["items"] if d["act"] == "publish"]
    assert len(published) == plan["version"]
    assert len(plan["targets"]) == published[0]["after"]["targets"]
    again.stop()
