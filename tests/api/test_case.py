"""Cases, tables, scorecards and draws over HTTP."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from citytwin.api.house import House
from citytwin.engine import load
from citytwin.science import draw

from .conftest import Caller, check_problem


def open_one(own: Caller, **more: Any) -> Any:
    answer = own.post("/api/cases", json={"type": "trial.cooling", "by": "王", **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_case_from_hand_to_end(own: Caller, own_house: House) -> None:
    made = open_one(own, asset="lamp-2", note="灯过热")
    id = made["id"]
    assert (made["step"], made["state"], made["source"], made["follows"], made["asset_title"]["en"]) == ("look", "open", "hand", ["repair", "done"], "Lamp 2")  # fmt: skip
    file = own.post("/api/files?name=a.txt&by=W", content=b"seen", headers={"content-type": "application/octet-stream"}).json()  # fmt: skip

    def act(what: str, status: int = 200, **body: Any) -> Any:
        answer = own.post(f"/api/cases/{id}/acts", json={"act": what, "by": "王", **body})
        assert answer.status_code == status, answer.text
        return answer.json()

    assert act("assign", to="李")["holder"] == "李"
    assert own.get("/api/cases/holders").json() == {"李": 1}
    assert [c["id"] for c in own.get("/api/cases?holder=李").json()["items"]] == [id]
    assert act("attach", files=[{"sha256": file["sha256"]}])["files"][0]["media"] == "text/plain"
    check_problem(
        own.post(f"/api/cases/{id}/acts", json={"act": "wait", "by": "王", "note": "等配件"}), 409, "conflict"
    )  # 李 has it
    assert act("wait", by="李", note="等配件")["due"] is None
    assert [c["id"] for c in own.get("/api/cases?state=waiting").json()["items"]] == [id]
    assert act("resume")["due"] is not None
    assert act("comment", note="已到场", public=True)["history"][-1]["body"] == {"public": True}
    child = open_one(own, parent=id)
    check_problem(own.post(f"/api/cases/{id}/advance", json={"to": "done", "by": "王"}), 409, "conflict")
    assert own.post(f"/api/cases/{child['id']}/advance", json={"to": "done", "by": "王"}).json()["state"] == "closed"
    check_problem(
        own.post(f"/api/cases/{id}/advance", json={"to": "done", "by": "李", "role": "Fitter"}), 409, "conflict"
    )
    done = own.post(f"/api/cases/{id}/advance", json={"to": "done", "by": "李", "role": "管理员"}).json()
    assert (done["state"], [c["id"] for c in done["children"]]) == ("closed", [child["id"]])
    assert act("reopen", note="又热了", to="look")["reopens"] == 1
    assert [h["act"] for h in own.get(f"/api/cases/{id}").json()["history"]] == [
        "open", "assign", "attach", "wait", "resume", "comment", "child", "child_done", "advance", "reopen",
    ]  # fmt: skip
    (tally,) = own.get("/api/cases/statistics?since=2026-03-01&until=2026-04-01").json()
    assert (tally["rework"], tally["reworked"], tally["closed"], tally["opened"]) == (1, 1, 1, tally["open"] + 1)
    assert sum(tally["ages"]) == tally["open"]
    lanes = own.get("/api/cases/board?type=trial.cooling").json()
    assert [(lane["step"], lane["total"]) for lane in lanes] == [("look", tally["open"]), ("repair", 0)]
    places = own.get("/api/cases/map?asset=lamp-2").json()
    assert [f["geometry"]["coordinates"] for f in places["features"]] == [[121.902, 30.9]]
    due = [d for d in own.get("/api/cases/calendar?since=2026-03-10&until=2026-03-15").json() if d["due"]]
    assert [d["day"] for d in due] == ["2026-03-11"]
    weekend = own.get("/api/cases/calendar?since=2026-02-14&until=2026-02-16").json()
    assert [d["works"] for d in weekend] == [True, False]  # a swapped Saturday, then the festival
    assert own.get("/api/cases/calendar?since=2027-01-01&until=2027-01-02").json()[0]["works"] is None


def test_what_is_wrong_with_a_case_is_told(own: Caller) -> None:
    check_problem(own.post("/api/cases", json={"type": "none", "by": "x"}), 404, "not_found")
    check_problem(own.post("/api/cases", json={"type": "trial.cooling"}), 400, "bad_request")
    check_problem(own.post("/api/cases", json={"type": "trial.cooling", "by": "x", "form": {"a": 1}}), 400, "bad_request")  # fmt: skip
    check_problem(own.post("/api/cases", json={"type": "trial.cooling", "by": "x", "form": {"a": "x" * 70000}}), 413, "too_large")  # fmt: skip
    check_problem(own.post("/api/cases", json={"type": "trial.cooling", "by": "x", "files": [{"sha256": "0" * 64}]}), 404, "not_found")  # fmt: skip
    check_problem(own.get("/api/cases/board?type=none"), 404, "not_found")
    check_problem(own.get("/api/cases/calendar?since=2026-01-01&until=2029-01-01"), 400, "bad_request")
    id = open_one(own)["id"]
    check_problem(own.post(f"/api/cases/{id}/acts", json={"act": "fly", "by": "x"}), 400, "bad_request")
    check_problem(own.post(f"/api/cases/{id}/acts", json={"act": "answer", "by": "x", "body": "fire", "answer": "agree"}), 400, "bad_request")  # fmt: skip
    check_problem(own.post(f"/api/cases/{id}/acts", json={"act": "reopen", "by": "x", "to": "look", "note": "n"}), 409, "conflict")  # fmt: skip


def test_a_draw_that_anybody_can_draw_again(own: Caller) -> None:
    seed, people = "20 dice: 31415926535897932384", [f"firm-{n}" for n in range(50)]
    committed = own.post("/api/draws", json={"title": "双随机", "by": "王", "commitment": hashlib.sha256(seed.encode()).hexdigest(), "members": people, "size": 5})  # fmt: skip
    assert committed.status_code == 201, committed.text
    id = committed.json()["id"]
    assert (committed.json()["seed"], committed.json()["drawn"]) == (None, [])
    check_problem(own.post(f"/api/draws/{id}/reveal", json={"seed": "another", "by": "王"}), 400, "bad_request")
    told = own.post(f"/api/draws/{id}/reveal", json={"seed": seed, "by": "王"}).json()
    assert [d["id"] for d in told["drawn"]] == [i for i, _ in draw.drawn(seed, own.get(f"/api/draws/{id}/members").json(), 5)]  # fmt: skip
    assert own.get(f"/api/draws/{id}").json() == told
    check_problem(own.post(f"/api/draws/{id}/reveal", json={"seed": seed, "by": "王"}), 409, "conflict")
    check_problem(own.post("/api/draws", json={"title": "x", "by": "y", "commitment": told["commitment"], "members": ["a"], "size": 1}), 409, "conflict")  # fmt: skip
    for more in ({"size": 51}, {"members": ["a", "a"], "size": 1}, {"commitment": "AB" * 32}):
        bad = {"title": "x", "by": "y", "commitment": "0" * 64, "members": people, "size": 1, **more}
        check_problem(own.post("/api/draws", json=bad), 400, "bad_request")
    leaves = own.get("/api/evidence").json()
    subjects = [leaf["subject"] for leaf in leaves["leaves"]]
    assert {f"{id} committed", f"{id} drawn"} <= set(subjects)


def test_a_drawing_out_and_in(client: Caller, tmp_path: Path) -> None:
    xml = client.get("/api/case-types/trial.cooling/bpmn")
    assert xml.headers["content-type"] == "application/xml"
    read = client.post("/api/case-types/bpmn", content=xml.content, headers={"content-type": "application/xml"}).json()
    folder = tmp_path / "trial"
    folder.mkdir()
    (folder / "pack.yaml").write_text("id: trial\ntitle: {zh: 试, en: T}\nsummary: {zh: 试, en: T}\n", "utf-8")
    (folder / "cases.yaml").write_text(read["yaml"], "utf-8")
    (kind,) = load.pack(folder).cases
    assert [s.next for s in kind.steps] == [("repair", "done"), ("done",), ()]
    assert kind.steps[1].days == 3
    check_problem(client.post("/api/case-types/bpmn", content=b"<a/>", headers={"content-type": "application/xml"}), 400, "bad_request")  # fmt: skip
    check_problem(client.get("/api/case-types/none/bpmn"), 404, "not_found")


@pytest.mark.parametrize("path", ["/api/decision-tables/trial.none/decide", "/api/scorecards/none/score"])
def test_tables_and_scorecards_that_are_not_there(client: Caller, path: str) -> None:
    check_problem(client.post(path, json={"facts": {}}), 404, "not_found")
