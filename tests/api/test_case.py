"""Cases, tables, scorecards and draws over HTTP."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from citytwin.api.house import House
from citytwin.cli import run
from citytwin.cli.home import Home
from citytwin.engine import handle, load
from citytwin.engine.schedule import Schedule
from citytwin.kernel.case import Body, Proof, Recurring
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.dmn import DecisionTable, Input, Output, Row, Tables
from citytwin.kernel.title import Title
from citytwin.science import draw
from citytwin.settings import Settings

from .conftest import NOW, Caller, check_problem

FORM = {"type": "object", "required": ["heat"], "properties": {"heat": {"type": "number", "titles": {"zh": "温度", "en": "Heat"}}}}  # fmt: skip


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


def test_a_case_of_a_measure_from_the_plan_to_its_end(own: Caller, own_house: House) -> None:
    check_problem(own.post("/api/cases", json={"type": "trial.cooling", "by": "王", "measure": "light_2026.m999"}), 404, "not_found")  # fmt: skip
    id = open_one(own, measure="light_2026.m001", note="灯塔选址")["id"]
    (item,) = own.get("/api/cases?measure=light_2026.m001").json()["items"]
    assert (item["id"], item["source"], item["measure"], item["state"]) == (id, "measure", "light_2026.m001", "open")
    below = open_one(own, parent=id, measure="light_2026.m001")
    assert below["source"] == "case"
    for one in (below["id"], id):
        for to in ("repair", "done"):
            answer = own.post(f"/api/cases/{one}/advance", json={"to": to, "by": "王"})
            assert answer.status_code == 200, answer.text
    assert [c["state"] for c in own.get("/api/cases?measure=light_2026.m001&state=closed").json()["items"]] == ["closed"] * 2  # fmt: skip
    assert agreed(own_house, id)["case"] == id


def test_cases_of_the_calendar_from_their_month_to_their_end(own: Caller, own_house: House) -> None:
    twin, kind = own_house.twin, own_house.twin.cases["trial.cooling"]
    round_ = replace(kind, id="trial.round", recurs=Recurring("month", "trial.lamp"))
    lapsing = replace(kind.steps[0], lapse="done", days=5)
    notice = replace(kind, id="trial.notice", recurs=Recurring("year"), steps=(lapsing, *kind.steps[1:]))
    twin.cases = {**twin.cases, round_.id: round_, notice.id: notice}
    schedule = Schedule(twin.clock)
    run._keep_up(schedule, Home(Settings(Path("nowhere")), twin, None), cast(Any, own_house.simulator), cast(Any, None))
    clock = cast(FixedClock, twin.clock)
    lamps = sorted(a for a, t in twin.asset_types.items() if t == "trial.lamp")

    def listed(type: str) -> list[Any]:
        return sorted(own.get(f"/api/cases?type={type}&limit=100").json()["items"], key=lambda c: (c["opened"], c["asset"]))  # fmt: skip

    def pass_time(until: datetime) -> None:
        clock.moment = until
        assert "cases" in schedule.tick()

    pass_time(datetime(2026, 3, 10, 4, 1, tzinfo=UTC))
    assert [c["asset"] for c in listed("trial.round")] == lamps
    assert {c["opened"] for c in listed("trial.round")} == {"2026-02-28T16:00:00Z"}
    # the year's notice was due on January 8 (five working days after the 1st, the worked Sunday 4 being the first), and nobody objected
    assert [(c["state"], c["closed"]) for c in listed("trial.notice")] == [("closed", "2026-01-08T16:00:00Z")]
    pass_time(datetime(2026, 6, 2, tzinfo=UTC))  # nobody was there for April and May
    months = [c["opened"] for c in listed("trial.round") if c["asset"] == lamps[0]]
    assert months == ["2026-02-28T16:00:00Z", "2026-03-31T16:00:00Z", "2026-04-30T16:00:00Z", "2026-05-31T16:00:00Z"]
    count = len(listed("trial.round"))
    pass_time(datetime(2026, 6, 2, 5, tzinfo=UTC))
    assert len(listed("trial.round")) == count == 4 * len(lamps)
    (first, *_) = listed("trial.round")
    assert (first["source"], first["overdue"], first["due"]) == ("schedule", True, "2026-03-02T16:00:00Z")
    assert own.post(f"/api/cases/{first['id']}/advance", json={"to": "done", "by": "王"}).json()["state"] == "closed"
    due = own.get("/api/cases/calendar?since=2026-06-01&until=2026-06-05&type=trial.round").json()
    assert sum(len(d["due"]) for d in due) == len(lamps)


def agreed(house: House, id: str) -> dict[str, Any]:
    """The row of a case, which is what its events add up to."""
    (row,) = house.rows("SELECT * FROM case_file WHERE case_id = $id", {"id": id})
    held, _ = handle.load(house.twin, id)
    assert (row["step"], row["state"], row["measure"], row["closed"]) == (held.step, held.state, held.measure, held.closed)  # fmt: skip
    return {"case": held.id}


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


def test_a_field_that_lacks_is_told_where_it_is(own: Caller, own_house: House) -> None:
    """Against the schema: each required field that is missing is a fault of its own, at its own path."""
    kind = own_house.twin.cases["trial.cooling"]
    fields = {n: {"type": "integer", "minimum": 1, "titles": {"zh": n, "en": n}} for n in ("a", "b", "ab")}
    own_house.twin.cases = {kind.id: replace(kind, form={"type": "object", "required": ["a", "b", "ab"], "properties": fields})}  # fmt: skip
    told = own.post("/api/cases", json={"type": "trial.cooling", "by": "王", "form": {"b": 0}}).json()
    assert sorted(f["where"] for f in told["faults"]) == ["form.a", "form.ab", "form.b"]


def test_days_left_against_the_calendar(own: Caller, own_house: House) -> None:
    """Tuesday 10 March 2026: `look` has one working day, `repair` three, and Friday is the 13th."""
    made = open_one(own, asset="lamp-2")
    assert (made["days_left"], made["due"]) == (1, "2026-03-11T16:00:00Z")
    on = own.post(f"/api/cases/{made['id']}/advance", json={"to": "repair", "by": "王"}).json()
    assert on["days_left"] == 3
    clock: Any = own_house.twin.clock
    for days, left in ((3, 0), (4, 0), (5, 0), (6, -1), (7, -2)):  # Friday, the weekend, Monday, Tuesday
        clock.moment = NOW + timedelta(days=days)
        item = own.get(f"/api/cases/{made['id']}").json()
        assert (item["days_left"], item["overdue"]) == (left, days > 3), days
    assert own.get("/api/cases?order=due&limit=1").json()["items"][0]["overdue"]
    waits = own.post(f"/api/cases/{made['id']}/acts", json={"act": "wait", "by": "王", "note": "等配件"}).json()
    assert waits["days_left"] is None


def test_tasks_of_a_person_a_role_and_a_body(own: Caller, own_house: House) -> None:
    kind = own_house.twin.cases["trial.cooling"]
    asked = replace(kind.steps[1], bodies=(Body("fire", Title("消防", "Fire")),))
    own_house.twin.cases = {kind.id: replace(kind, steps=(kind.steps[0], asked, kind.steps[2]))}
    before = {t["id"] for t in own.get("/api/cases/tasks?roles=管理员").json()}
    ids = [open_one(own, asset=a)["id"] for a in ("lamp-1", "lamp-2", "lamp-3")]
    own.post(f"/api/cases/{ids[0]}/acts", json={"act": "assign", "by": "王", "to": "李"})
    own.post(f"/api/cases/{ids[1]}/advance", json={"by": "王", "to": "repair"})
    own.post(f"/api/cases/{ids[2]}/acts", json={"act": "join", "by": "王", "bodies": ["水务局"]})

    def tasks(query: str) -> dict[str, list[str]]:
        return {t["id"]: t["why"] for t in own.get(f"/api/cases/tasks?{query}").json() if t["id"] not in before}

    assert tasks("by=李") == {ids[0]: ["holder"]}
    assert tasks("by=王") == {}
    assert tasks("roles=管理员") == tasks("roles=Keeper") == {ids[2]: ["role"]}
    assert tasks("by=李&roles=Fire,Fitter,水务局") == {ids[0]: ["holder"], ids[1]: ["role", "body"], ids[2]: ["body"]}
    own.post(f"/api/cases/{ids[1]}/acts", json={"act": "answer", "by": "赵", "body": "fire", "answer": "agree"})
    assert tasks("roles=消防") == {}


def test_a_case_for_an_alarm_by_hand(own: Caller, own_house: House) -> None:
    alarm = next(a for a in own.get("/api/alarms").json()["items"] if a["case"] is None)
    made = open_one(own, alarm=alarm["id"])
    assert (made["alarm"], made["asset"], made["source"]) == (alarm["id"], alarm["asset"], "alarm")
    check_problem(own.post("/api/cases", json={"type": "trial.cooling", "by": "x", "alarm": alarm["id"]}), 409, "conflict")  # fmt: skip
    check_problem(own.post("/api/cases", json={"type": "trial.cooling", "by": "x", "alarm": "none"}), 404, "not_found")


def test_what_is_lacking_and_what_the_guard_says(own: Caller, own_house: House) -> None:
    kind = own_house.twin.cases["trial.cooling"]
    photo = Proof("photo", Title("照片", "Photo"), ("text/plain",))
    look = replace(kind.steps[0], guard="way")
    own_house.twin.cases = {kind.id: replace(kind, form=FORM, steps=(look, kind.steps[1], replace(kind.steps[2], proofs=(photo,))))}  # fmt: skip
    rows = (Row(("< 40",), ('"done"',)), Row((">= 40",), ('"repair"',)))
    way = DecisionTable("way", Title("去向", "Way"), "U", (Input("heat", "number"),), (Output("to"),), rows)
    own_house.twin.decision_tables = {"trial": Tables({"way": way})}
    hot = open_one(own, form={"heat": 41})
    assert hot["verdict"] == {"table": "trial.way", "value": "repair", "rows": [2], "fault": ""}
    assert (hot["follows"], [(n["proof"]["id"], n["have"], n["to"]) for n in hot["lacking"]]) == (["repair"], [("photo", 0, ["done"])])  # fmt: skip
    cool = open_one(own, form={"heat": 39})
    file = own.post("/api/files?name=a.txt&by=W", content=b"seen", headers={"content-type": "application/octet-stream"}).json()  # fmt: skip
    done = own.post(f"/api/cases/{cool['id']}/advance", json={"to": "done", "by": "王", "files": [{"sha256": file["sha256"], "proof": "photo"}]})  # fmt: skip
    assert (done.json()["state"], done.json()["lacking"], done.json()["verdict"]) == ("closed", [], None)


def test_steps_are_counted_against_their_events(own: Caller, own_house: House) -> None:
    id = open_one(own)["id"]
    clock: Any = own_house.twin.clock
    clock.moment = NOW + timedelta(days=6)  # Monday the 16th: four working days later, one was given
    own.post(f"/api/cases/{id}/advance", json={"to": "repair", "by": "王"})
    own.post(f"/api/cases/{id}/acts", json={"act": "return", "to": "look", "by": "王", "note": "再看"})
    own.post(f"/api/cases/{id}/advance", json={"to": "done", "by": "王"})
    (tally,) = own.get("/api/cases/statistics?since=2026-03-10&until=2026-03-11").json()
    told = {s["step"]: s for s in tally["steps"]}
    assert (told["look"]["passed"], told["look"]["late"], told["look"]["returned"], told["look"]["worked_days"]) == (2, 1, 1, 2)  # fmt: skip
    assert (told["repair"]["passed"], told["repair"]["returned"], told["done"]["passed"]) == (1, 0, 0)
    assert sum(s["now"] for s in tally["steps"]) == tally["open"]


@pytest.mark.parametrize(("lang", "words"), [("zh", "降温办理报告|转至：完成|李|灯过热|a.txt"), ("en", "Report of a case: Cooling|passed on to: Done|李|灯过热|a.txt")])  # fmt: skip
def test_the_report_of_a_case_against_its_history(own: Caller, lang: str, words: str) -> None:
    id = open_one(own, asset="lamp-2", note="灯过热")["id"]
    file = own.post("/api/files?name=a.txt&by=W", content=b"seen", headers={"content-type": "application/octet-stream"}).json()  # fmt: skip
    own.post(f"/api/cases/{id}/acts", json={"act": "attach", "by": "李", "files": [{"sha256": file["sha256"]}]})
    own.post(f"/api/cases/{id}/advance", json={"to": "done", "by": "王", "note": "<b>好了</b>"})
    page = own.get(f"/api/cases/{id}/report.html?lang={lang}")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert [w for w in [*words.split("|"), file["sha256"], "&lt;b&gt;好了"] if w not in page.text] == []
    leaves = [leaf["digest"] for leaf in own.get("/api/evidence").json()["leaves"] if leaf["subject"].startswith(f"{id}#")]  # fmt: skip
    assert len(leaves) == 3
    assert all(digest in page.text for digest in leaves)
    word = own.get(f"/api/cases/{id}/report.docx?lang={lang}").content
    with zipfile.ZipFile(io.BytesIO(word)) as archive:
        assert "灯过热" in archive.read("word/document.xml").decode()
    check_problem(own.get("/api/cases/none/report.html"), 404, "not_found")


def test_the_calendar_and_the_order_go_by_the_nearer_deadline(own: Caller, own_house: House) -> None:
    """The whole of `cooling` within two working days: `repair` alone would have three."""
    kind = own_house.twin.cases["trial.cooling"]
    own_house.twin.cases = {kind.id: replace(kind, days=2)}
    late, soon = open_one(own, asset="lamp-1")["id"], open_one(own, asset="lamp-2")["id"]
    own.post(f"/api/cases/{late}/advance", json={"to": "repair", "by": "王"})
    days = own.get("/api/cases/calendar?since=2026-03-10&until=2026-03-20").json()
    due = {item["id"]: d["day"] for d in days for item in d["due"]}
    assert (due[soon], due[late]) == ("2026-03-11", "2026-03-12")
    assert own.get(f"/api/cases/{late}").json()["days_left"] == 2
    order = [c["id"] for c in own.get("/api/cases?order=due&limit=100").json()["items"]]
    assert order.index(soon) < order.index(late)
    pages = []
    cursor = ""
    while cursor is not None:
        page = own.get(f"/api/cases?order=due&limit=1&cursor={cursor}").json()
        pages += [c["id"] for c in page["items"]]
        cursor = page["next"]
    assert pages == order
