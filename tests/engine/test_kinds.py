"""Kinds of work of the city's systems, declared only (kinds/cases.yaml): each played to its end and its bad ways, against deadlines counted by hand on the calendar of 2025 and 2026."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from citytwin.engine import files, handle, lots
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import BadRequest, CityTwinError, Conflict, TooLarge
from citytwin.kernel.feel import Faulty

from ..conftest import NOW
from .check.test_decide import faults

KINDS = (Path(__file__).parent / "kinds" / "cases.yaml").read_text("utf-8")
PNG, PDF = b"\x89PNG\r\n\x1a\n", b"%PDF-1.7 "


def night(year: int, month: int, day: int) -> datetime:
    """The end of a day in Shanghai."""
    return datetime(year, month, day, 16, tzinfo=UTC)


class Office:
    """People who act on cases, and a clock that is set."""

    def __init__(self, twin: Twin, clock: FixedClock) -> None:
        self.twin, self.clock = twin, clock

    def open(self, kind: str, **more: Any) -> str:
        return handle.open_case(self.twin, f"tank.{kind}", "张三", **more).id

    def go(self, id: str, to: str, by: str = "王", note: str = "", proof: str = "", n: int = 1, **body: Any) -> dict[str, Any]:  # fmt: skip
        """Take a step, with n files as proof."""
        head = PDF if proof in ("opinion", "contract", "pledge") else PNG
        kept = [files.keep(self.twin, head + f"{id} {k}".encode(), f"{proof}{k}", by).sha256 for k in range(n if proof else 0)]  # fmt: skip
        handle.act(self.twin, id, "advance", by, note, {"to": to, "files": [{"sha256": k, "proof": proof} for k in kept], **body})  # fmt: skip
        return self.row(id)

    def act(self, id: str, what: Any, by: str = "王", note: str = "说明", **body: Any) -> dict[str, Any]:
        handle.act(self.twin, id, what, by, note, body)
        return self.row(id)

    def row(self, id: str) -> dict[str, Any]:
        (found,) = self.twin.store.fetch("SELECT * FROM case_file WHERE case_id = $id", {"id": id}).to_pylist()
        return dict(found)

    def until(self, now: datetime) -> int:
        """Let time pass. Returns how much happened by itself, and that nothing does a second time."""
        self.clock.moment = now
        done = handle.handle(self.twin, now)
        assert handle.handle(self.twin, now) == 0
        return done

    def below(self, id: str) -> list[dict[str, Any]]:
        sql = "SELECT * FROM case_file WHERE parent = $id ORDER BY opened, asset_id, case_id"
        return self.twin.store.fetch(sql, {"id": id}).to_pylist()  # type: ignore[no-any-return]


@pytest.fixture
def office(tank_folder: Path, make_twin: Callable[..., Twin], clock: FixedClock) -> Office:
    (tank_folder / "cases.yaml").write_text(KINDS, "utf-8")
    return Office(make_twin(), clock)


def refused(error: type[CityTwinError], match: str) -> Any:
    return pytest.raises(error, match=match)


def test_the_kinds_pass_the_checker(tmp_path: Path) -> None:
    assert faults(tmp_path / "tank", KINDS) == []


def test_an_outfall_is_remediated_and_struck_off(office: Office) -> None:
    id = office.open("outfall", asset="t1")
    assert office.row(id)["due"] == night(2025, 7, 7)  # July 1, 2, 3, 4, 7
    office.go(id, "trace", role="排查队")
    found = {"kind": "storm", "exceeds": True}
    with refused(Conflict, "does not let the case go to 'ban'"):
        office.go(id, "ban", form=found)
    with refused(Conflict, "not done by 'Drainage company'"):
        office.go(id, "rectify", form=found, role="Drainage company")
    assert office.go(id, "rectify", form=found)["due"] == night(2025, 7, 28)  # 20 working days after Monday June 30
    assert office.until(datetime(2025, 7, 31, 0, 59, tzinfo=UTC)) == 0
    assert office.until(datetime(2025, 7, 31, 1, tzinfo=UTC)) == 1  # three days late, as offices open
    late = office.row(id)
    assert (late["charge_zh"], late["step"], late["due"]) == ("河长", "rectify", night(2025, 7, 28))
    told = [(n.kind, n.to.zh) for n in handle.notices(office.twin, office.clock.moment)]
    assert sorted(told) == [("escalate", "水务主管部门"), ("escalate", "河长"), ("late", "河长")]
    with refused(Conflict, "it is by: 河长"):
        office.go(id, "accept", role="排水公司")
    office.go(id, "accept", "李", role="河长")
    with refused(Conflict, "'李' did step 'rectify'"):
        office.go(id, "public_notice", "李")
    office.act(id, "answer", body="water", answer="agree")
    with refused(Conflict, "not yet agreed by: ecology"):
        office.go(id, "public_notice")
    office.act(id, "answer", body="ecology", answer="object")
    office.act(id, "return", to="rectify", note="水质仍超标")
    assert (office.row(id)["returns"], office.row(id)["charge_zh"]) == (1, "")
    office.go(id, "accept", "李")
    for body in ("water", "ecology"):
        office.act(id, "answer", body=body, answer="agree")
    with refused(Conflict, "整治前后照片"):
        office.go(id, "public_notice", proof="photos", n=1)
    # Thursday July 31: five working days of notice end with August 7
    assert office.go(id, "public_notice", proof="photos", n=2)["due"] == night(2025, 8, 7)
    assert office.until(night(2025, 8, 7) - timedelta(seconds=1)) == 0
    assert office.until(datetime(2025, 8, 20, tzinfo=UTC)) == 1
    done = office.row(id)
    assert (done["state"], done["step"], done["closed"]) == ("closed", "closed", night(2025, 8, 7))
    again = office.act(id, "reopen", to="rectify", note="群众举报复发")
    assert (again["state"], again["reopens"]) == ("open", 1)


def test_the_way_of_an_outfall_follows_its_attributes(office: Office) -> None:
    id = office.open("outfall", asset="t1")
    office.go(id, "trace")
    held, kind = handle.load(office.twin, id)
    assert handle.follows(office.twin, kind, held) == ("rectify",)
    with refused(Conflict, "it says: rectify"):
        office.go(id, "merge", form={"kind": "storm", "exceeds": False})  # no material is known of t1


def test_a_petition_on_calendar_days(office: Office) -> None:
    id = office.open("petition", source="form", form_={"matter": "夜间施工噪声"})
    assert office.row(id)["due"] == night(2025, 7, 15)
    office.clock.moment = datetime(2025, 7, 10, 3, tzinfo=UTC)
    assert office.go(id, "handle", "甲")["due"] == night(2025, 9, 8)  # 60 days, a Monday
    with refused(Conflict, "at most 30 more"):
        office.act(id, "extend", days=31)
    with refused(BadRequest, "not said why"):
        office.act(id, "extend", note=" ", days=30)
    # 30 more: October 8, the last day of the holidays, so October 9 (Civil Code, article 203)
    assert office.act(id, "extend", days=30)["due"] == night(2025, 10, 9)
    with refused(Conflict, "it was, or never is"):
        office.act(id, "extend", days=1)
    office.clock.moment = datetime(2025, 10, 9, 3, tzinfo=UTC)
    assert office.go(id, "reply", "甲")["due"] == night(2025, 11, 10)  # November 8 is a Saturday
    office.clock.moment = datetime(2025, 11, 3, 3, tzinfo=UTC)
    office.go(id, "review", "张三")
    with refused(Conflict, "'甲' did step 'handle'"):
        office.go(id, "second_reply", "甲")
    assert office.go(id, "second_reply", "乙")["due"] == night(2025, 12, 3)
    assert office.until(datetime(2025, 12, 20, tzinfo=UTC)) == 1
    assert (office.row(id)["step"], office.row(id)["closed"]) == ("settled", night(2025, 12, 3))
    other = office.open("petition", form_={"matter": "重复"})
    assert office.go(other, "refused", note="不属受理范围")["state"] == "closed"
    late = office.open("petition", form_={"matter": "无人受理"})
    office.until(datetime(2026, 1, 6, tzinfo=UTC))
    assert [n.key for n in handle.notices(office.twin, office.clock.moment) if n.case == late] == ["1:late"]
    with refused(Conflict, "put off by 1 days"):
        office.act(late, "extend", days=1)


def test_a_joint_approval_whose_clock_stands_for_the_applicant(office: Office) -> None:
    id = office.open("approval", form_={"area": 800})
    assert office.row(id)["whole_due"] == night(2025, 7, 28)
    office.clock.moment = datetime(2025, 7, 2, 2, tzinfo=UTC)
    assert office.act(id, "wait", note="补正：缺环评")["due"] is None
    office.until(datetime(2025, 7, 9, 2, tzinfo=UTC))
    office.act(id, "resume", "张三", form={"area": 900})
    # five working days stood: July 2, 3, 4, 7, 8
    assert (office.row(id)["due"], office.row(id)["whole_due"]) == (night(2025, 7, 14), night(2025, 8, 4))
    with refused(BadRequest, "lacks complete"):
        office.go(id, "joint", "甲")
    with refused(Conflict, "it says: joint"):
        office.go(id, "decide", "甲", form={"complete": True})
    office.clock.moment = datetime(2025, 7, 10, 2, tzinfo=UTC)
    assert office.go(id, "joint", "甲", form={"complete": True})["due"] == night(2025, 7, 24)
    office.act(id, "answer", "规划科", body="planning", answer="agree")
    office.act(id, "answer", "环评科", body="ecology", answer="agree")
    with refused(Conflict, "not yet agreed by: fire"):
        office.go(id, "decide", "牵头")
    assert office.until(night(2025, 7, 24)) == 1  # who says nothing in time agrees
    with refused(Conflict, "'甲' did step 'accept'"):
        office.go(id, "issued", "甲", proof="opinion")
    assert office.act(id, "extend", "乙", days=10)["whole_due"] == night(2025, 8, 18)
    with refused(Conflict, "审查意见书"):
        office.go(id, "issued", "乙")
    assert office.go(id, "issued", "乙", proof="opinion")["state"] == "closed"


def test_who_objects_keeps_a_joint_review_from_lapsing(office: Office) -> None:
    id = office.open("approval", form_={"area": 800})
    office.go(id, "joint", form={"complete": True})
    office.act(id, "answer", body="fire", answer="object")
    assert office.until(night(2025, 8, 20)) == 0
    assert (office.row(id)["step"], office.row(id)["due"]) == ("joint", night(2025, 7, 14))
    assert "whole:0:late" in [n.key for n in handle.notices(office.twin, office.clock.moment)]
    with refused(TooLarge, "bytes"):
        office.open("approval", form_={"area": 1, "note": "长" * 40_000})


def test_an_inspection_draws_whom_it_visits(office: Office) -> None:
    id = office.open("inspection")
    office.go(id, "pick")
    with refused(Conflict, "asks for a draw"):
        office.go(id, "team")
    seed = "摇号机 2025-06-30 27 81 64"
    lot = lots.commit(office.twin, "三季度抽查", sha256(seed.encode()).hexdigest(), ["t1", "t2", "t3"], 2, "王")
    with refused(Conflict, "was not told yet"):
        office.go(id, "team", draw=lot.id)
    drawn = [d.id for d in lots.reveal(office.twin, lot.id, seed, "王").drawn]
    office.go(id, "team", draw=lot.id)
    people = lots.commit(office.twin, "执法人员", sha256(b"2").hexdigest(), ["甲", "乙", "丙", "丁"], 2, "王")
    inspectors = [d.id for d in lots.reveal(office.twin, people.id, "2", "王").drawn]
    office.go(id, "inspect", draw=people.id)
    visits = office.below(id)
    assert sorted(v["asset_id"] for v in visits) == sorted(drawn)
    assert {v["asset_id"]: v["holder"] for v in visits} == dict(zip(drawn, inspectors, strict=True))
    assert {(v["source"], v["step"], v["due"]) for v in visits} == {("case", "check", night(2025, 7, 14))}
    facts = handle.load(office.twin, id)[0].facts
    assert (facts["firms"], facts["firms_draw"], facts["inspectors"]) == (drawn, lot.id, inspectors)
    with refused(BadRequest, "asks for no draw"):
        office.go(id, "public_notice", draw=lot.id)
    first, second = (v["case_id"] for v in visits)
    with refused(Conflict, "has the case"):
        office.go(first, "done", "王", form={"result": "sound"})
    office.go(first, "done", visits[0]["holder"], form={"result": "sound"})
    office.go(second, "correct", visits[1]["holder"], form={"result": "faulty"})
    office.go(id, "public_notice")  # the notice may begin; it does not end while a visit is open
    assert office.until(datetime(2025, 9, 1, tzinfo=UTC)) == 0
    office.go(second, "check")
    office.go(second, "done", form={"result": "sound"})
    assert office.until(datetime(2025, 9, 1, tzinfo=UTC)) == 1
    assert handle.load(office.twin, id)[0].facts["result"] == "sound"


def test_a_hazard_goes_by_its_level(office: Office) -> None:
    for likelihood, severity, to in ((1, 5, "rectify_major"), (4, 3, "rectify_major"), (3, 1, "rectify"), (1, 2, "dismissed")):  # fmt: skip
        id = office.open("hazard", form_={"likelihood": likelihood, "severity": severity})
        held, kind = handle.load(office.twin, id)
        assert handle.follows(office.twin, kind, held) == (to,)


def test_a_hazard_is_inspected_until_it_is_gone(office: Office) -> None:
    id = office.open("hazard", form_={"likelihood": 2, "severity": 5})
    assert office.row(id)["due"] == datetime(2025, 7, 1, 4, tzinfo=UTC)  # noon: 4 office hours are left today, then 3
    office.act(id, "assign", to="安")
    with refused(Conflict, "'安' has the case"):
        office.go(id, "rectify_major", "王")
    assert office.go(id, "rectify_major", "安")["due"] == night(2025, 7, 7)
    office.act(id, "assign", to="厂长")
    assert office.until(datetime(2025, 7, 9, 1, tzinfo=UTC)) == 1
    assert (office.row(id)["charge_en"], office.row(id)["holder"]) == ("Deputy mayor", "")  # whoever had it
    office.go(id, "inspect", "厂长")
    office.go(id, "rectify_major", "督查", form={"passed": False})
    office.go(id, "inspect", "厂长")
    with refused(Conflict, "'厂长' did step 'rectify_major'"):
        office.go(id, "closed", "厂长", form={"passed": True})
    assert office.go(id, "closed", "督查", form={"passed": True})["state"] == "closed"
    assert [h["act"] for h in handle.history(office.twin, id)].count("escalate") == 1


@pytest.mark.parametrize(("saved", "to"), [(0.18, "settle"), (0.12, "compensate")])
def test_a_contract_is_verified_every_year(office: Office, saved: float, to: str) -> None:
    id = office.open("contract", asset="t2", form_={"guaranteed_share": 0.15})
    with refused(Conflict, "合同 Contract"):
        office.go(id, "operate")
    office.go(id, "operate", proof="contract")
    assert office.until(datetime(2025, 12, 31, 15, tzinfo=UTC)) == 0
    assert office.until(datetime(2027, 2, 1, tzinfo=UTC)) == 2  # the city slept a year: both years are made up for
    first, second = office.below(id)
    assert [first["opened"], second["opened"]] == [night(2025, 12, 31), night(2026, 12, 31)]
    assert (first["asset_id"], first["source"]) == ("t2", "schedule")
    # from January 1, 2026: 4 is worked for the holiday; 20 days end on the 29th, 30 on February 12
    assert (first["due"], first["whole_due"], first["guessed"]) == (night(2026, 1, 29), night(2026, 2, 12), False)
    assert second["guessed"]
    assert handle.load(office.twin, first["case_id"])[0].facts == {"guaranteed_share": 0.15}
    for below, share in ((first, 0.2), (second, saved)):
        office.go(below["case_id"], "confirm", form={"saved_share": share})
        office.go(below["case_id"], "confirmed")
    held, kind = handle.load(office.twin, id)
    assert (held.facts["saved_share"], handle.follows(office.twin, kind, held)) == (saved, (to,))
    if to == "compensate":
        office.go(id, "compensate")
    office.go(id, "settle")
    assert office.until(datetime(2028, 2, 1, tzinfo=UTC)) == 0  # it no longer operates
    assert office.go(id, "done")["state"] == "closed"
    with refused(Conflict, "case above is closed"):
        office.act(second["case_id"], "reopen", to="confirm")


def test_a_credit_objection_is_scored_by_the_version_of_its_day(office: Office) -> None:
    for day, late, fined, points, grade, to in (
        (0, 1, False, 95.0, "good", "restored"), (0, 9, False, 70.0, "fair", "repair"), (0, 5, True, 35.0, "poor", "upheld"), (40, 1, False, 90.0, "good", "restored"),
    ):  # fmt: skip
        office.clock.moment = NOW + timedelta(days=day)
        id = office.open("objection", form_={"late": late, "code": "91310000MA1FL0XX1Y"})
        with refused(Conflict, "does not let the case go"):
            office.go(id, "upheld" if to != "upheld" else "restored", form={"fined": fined})
        office.go(id, to, form={"fined": fined})
        facts = handle.load(office.twin, id)[0].facts
        assert (facts["credit_points"], facts["credit_grade"]) == (points, grade)
        assert facts["credit_score"]["version"] == (2 if day else 1)


def test_a_repair_that_nobody_takes_up_lapses(office: Office) -> None:
    with refused(BadRequest, "code"):
        office.open("objection", form_={"late": 1, "code": "not a code"})
    id = office.open("objection", form_={"late": 9, "code": "91310000MA1FL0XX1Y"})
    office.go(id, "repair", form={"fined": False})
    office.act(id, "wait", note="等承诺书原件")
    assert office.until(datetime(2025, 9, 1, tzinfo=UTC)) == 0  # the clock stands
    office.act(id, "resume")
    with refused(Conflict, "信用承诺书"):
        office.go(id, "restored")
    assert office.until(datetime(2026, 1, 1, tzinfo=UTC)) == 1
    assert office.row(id)["step"] == "upheld"


BROKEN = [
    ("{name: hazard_level, kind: text, values: '\"major\", \"general\", \"none\"'}", "{name: hazard_again, kind: text}", "circle"),
    ("lapse: settled, next: [review, settled]", "lapse: refused, next: [review, settled]", "lapses to 'refused', which does not follow"),
    ("calendar_days: 60, extend: 30", "extend: 30", "a deadline it does not have"),
    ("apart: [handle],", "apart: [handles],", "apart from 'handles'"),
    ("score: credit\n", "score: credits\n", "no scorecard 'credits'"),
    ("{type: visit, each: firms, to: inspectors}", "{type: visits, each: firms}", "visits"),
    ("{type: visit, each: firms, to: inspectors}", "{type: visit, each: drown}", "each of 'drown'"),
    ("to: inspectors}", "to: inspectresses}", "gives cases to 'inspectresses'"),
    ("under: contract, at: [operate]", "under: contracts, at: [operate]", "contracts"),
    ("under: contract, at: [operate]", "under: contract, at: [work]", "recurs at step 'work'"),
    ("tells: [result]", "tells: [outcome]", "tells 'outcome'"),
    ("{type: visit, each: firms, to: inspectors}", "{type: hazard, each: firms}", "is opened by case 'inspection', which fills in no likelihood, severity"),
    ("    form: # handed down from the contract\n      type: object\n", "    form:\n      type: object\n      required: [guaranteed_share, since]\n", "which fills in no since"),
    ("calendar_days: 15", "calendar_days: -15", "below nothing"),
    ("title: {zh: 制定计划, en: Plan}, role", "opens: [{type: inspection}], title: {zh: 制定计划, en: Plan}, role", "without end"),
]  # fmt: skip


def test_what_cannot_work_is_told_before_anybody_waits_for_it(tmp_path: Path) -> None:
    for part in ((0, 1, 2, 3, 4), (5, 9, 10, 13), (6, 8, 14), (7, 12), (11,)):  # those that stand in different places
        text = KINDS
        for there, put, _ in (BROKEN[k] for k in part):
            assert there in text, there
            text = text.replace(there, put, 1)
        found = faults(tmp_path / "tank", text)
        for _, _, fault in (BROKEN[k] for k in part):
            assert any(fault in f.message for f in found), (fault, found)


def test_tables_in_a_circle_are_refused_when_asked(tank_folder: Path, make_twin: Callable[..., Twin], clock: FixedClock) -> None:  # fmt: skip
    text = KINDS.replace("inputs: [{name: passed, kind: boolean}, {name: hazard_way, kind: text}]", "inputs: [{name: passed, kind: boolean}, {name: hazard_again, kind: text}]")  # fmt: skip
    (tank_folder / "cases.yaml").write_text(text, "utf-8")
    office = Office(make_twin(), clock)
    id = office.open("hazard", form_={"likelihood": 1, "severity": 4})
    office.go(id, "rectify")
    office.go(id, "inspect")
    with pytest.raises((BadRequest, Faulty), match="circle"):
        office.go(id, "closed", "李", form={"passed": True})
    assert office.row(id)["step"] == "inspect"
