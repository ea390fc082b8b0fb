"""Cases as people handle them: forms, guards, proofs, bodies, children, notices; state in the store against the sum of events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from citytwin.engine import files, handle, load
from citytwin.engine.twin import Twin
from citytwin.kernel.case import case
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import BadRequest, CityTwinError, Conflict, Fault, NotFound, TooLarge, Unsupported
from citytwin.store.duckdb import DuckStore

from ..conftest import NOW

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
CASES = """\
cases:
  - id: spill
    title: {zh: 溢流处置, en: Spill}
    steps:
      - {id: inspect, title: {zh: 现场核查, en: Inspect}, role: {zh: 养护班组, en: Crew}, days: 1, next: [repair, close]}
      - {id: repair, title: {zh: 修复, en: Repair}, role: {zh: 养护班组, en: Crew}, days: 3, next: [close]}
      - {id: close, title: {zh: 办结, en: Close}, role: {zh: 管理员, en: Steward}}
  - id: permit
    title: {zh: 排水许可, en: Permit}
    days: 20
    public: true
    about: {zh: 申请排水许可, en: Apply to discharge}
    attachments: {media: ["image/*", "text/plain"], largest: 100, most: 3}
    form:
      type: object
      required: [flow]
      properties:
        flow: {type: number, minimum: 0, titles: {zh: 流量, en: Flow}}
        use: {type: string, enum: [home, plant], titles: {zh: 用途, en: Use}}
    steps:
      - id: accept
        title: {zh: 受理, en: Accept}
        role: {zh: 窗口, en: Counter}
        days: 2
        remind: [1]
        escalate: [{after_days: 1, to: {zh: 主任, en: Director}}]
        next: [joint, grant]
        guard: route
        form:
          type: object
          required: [risk]
          properties:
            risk: {type: string, enum: [low, high], titles: {zh: 风险, en: Risk}}
      - {id: joint, title: {zh: 会签, en: Joint}, role: {zh: 牵头科室, en: Lead}, days: 5, next: [grant], bodies: [{id: fire, title: {zh: 消防, en: Fire}}, {id: road, title: {zh: 道路, en: Road}}]}
      - {id: grant, title: {zh: 发证, en: Grant}, role: {zh: 窗口, en: Counter}, days: 1, next: [done], proofs: [{id: plan, title: {zh: 图纸, en: Drawing}, media: ["image/*"]}]}
      - {id: done, title: {zh: 办结, en: Done}, role: {zh: 窗口, en: Counter}}
  - id: round
    title: {zh: 月度巡查, en: Monthly round}
    recurs: {every: month, per: basin}
    steps:
      - {id: visit, title: {zh: 到场, en: Visit}, role: {zh: 养护班组, en: Crew}, days: 5, next: [filed]}
      - {id: filed, title: {zh: 归档, en: Filed}, role: {zh: 养护班组, en: Crew}}
decision_tables:
  - id: route
    title: {zh: 路径, en: Route}
    hit: U
    inputs: [{name: flow, kind: number}, {name: risk, kind: text, values: '"low", "high"'}]
    outputs: [{name: to}]
    rows:
      - {when: ["< 50", '"low"'], then: ['"grant"']}
      - {when: [">= 50", '"low"'], then: ['"joint"']}
      - {when: ["-", '"high"'], then: ['"joint"']}
"""


@pytest.fixture
def office(tank_folder: Path, make_twin: Callable[..., Twin]) -> Twin:
    (tank_folder / "cases.yaml").write_text(CASES, "utf-8")
    return make_twin()


def opened(office: Twin, **form: Any) -> str:
    return handle.open_case(office, "tank.permit", "张三", "form", form_={"flow": 10, **form}, longitude=121.9, latitude=30.9).id  # fmt: skip


def row(office: Twin, id: str) -> dict[str, Any]:
    (found,) = office.store.fetch("SELECT * FROM case_file WHERE case_id = $id", {"id": id}).to_pylist()
    return dict(found)


def kept(office: Twin, data: bytes = PNG, name: str = "plan.png") -> str:
    return files.keep(office, data, name, "张三").sha256


def test_the_row_of_a_case_against_the_sum_of_its_events(office: Twin, clock: FixedClock) -> None:
    id = opened(office, use="plant")
    acts: list[tuple[Any, dict[str, Any]]] = [
        ("assign", {"to": "王"}), ("wait", {}), ("resume", {}), ("advance", {"to": "joint", "form": {"risk": "high"}}), ("answer", {"body": "fire", "answer": "agree"}),
        ("answer", {"body": "road", "answer": "agree"}), ("return", {"to": "accept"}), ("advance", {"to": "joint", "form": {"risk": "high"}}),
        ("join", {"bodies": ["gas"], "need": "any"}), ("answer", {"body": "gas", "answer": "agree"}), ("advance", {"to": "grant"}), ("comment", {"public": True}),
        ("attach", {"files": [{"sha256": kept(office), "proof": "plan"}]}), ("advance", {"to": "done"}), ("reopen", {"to": "grant"}),
    ]  # fmt: skip
    for what, body in acts:
        clock.moment += timedelta(hours=7)
        handle.act(office, id, what, "王", "because", body)
        held, _ = handle.load(office, id)
        r = row(office, id)
        assert (r["step"], r["state"], r["holder"], r["closed"], r["returns"], r["reopens"]) == (held.step, held.state, held.holder, held.closed, held.returns, held.reopens)  # fmt: skip
    assert (held.n, held.returns, held.reopens, held.facts) == (16, 1, 1, {"flow": 10, "use": "plant", "risk": "high"})
    leaves = office.store.fetch("SELECT subject FROM evidence WHERE kind = 'case' ORDER BY leaf")["subject"].to_pylist()
    assert leaves == [f"{id}#{n}" for n in range(1, 17)]


BAD_FORMS: list[tuple[dict[str, Any], str]] = [
    ({}, "the form lacks flow"),
    ({"flow": -1}, "flow"),
    ({"flow": "much"}, "flow is not of type number"),
    ({"flow": 1, "use": "shop"}, "not one of home, plant"),
    ({"flow": 1, "extra": 1}, "unknown fields: extra"),
    ({"flow": 1, "use": {"a": [[[[[[[[[1]]]]]]]]]}}, "nested deeper"),
]


def test_forms_at_fault_are_named_and_open_nothing(office: Twin) -> None:
    for form, fault in BAD_FORMS:
        with pytest.raises(BadRequest, match=fault):
            handle.open_case(office, "tank.permit", "张三", form_=form)
    assert office.store.fetch("SELECT 1 FROM case_file").num_rows == 0


def test_oversized_forms_are_refused(office: Twin) -> None:
    with pytest.raises(TooLarge, match="bytes"):
        handle.open_case(office, "tank.permit", "张三", form_={"flow": 1, "use": "x" * 70_000})
    with pytest.raises(TooLarge, match="more than 500 values"):
        handle.open_case(office, "tank.permit", "张三", form_={"flow": 1, "use": [1] * 600})
    with pytest.raises(BadRequest, match="no form"):
        handle.open_case(office, "tank.spill", "张三", form_={"flow": 1})


def test_a_guard_says_where_a_case_goes(office: Twin) -> None:
    id = opened(office)
    with pytest.raises(BadRequest, match="lacks risk"):
        handle.advance(office, id, "grant", "王")
    with pytest.raises(Conflict, match="does not let the case go to 'joint'") as told:
        handle.advance(office, id, "joint", "王", form_={"risk": "low"})
    assert told.value.hint == "it says: grant"
    handle.advance(office, id, "grant", "王", form_={"risk": "low"})
    assert row(office, id)["step"] == "grant"
    big = opened(office, flow=80)
    handle.advance(office, big, "joint", "王", form_={"risk": "low"})
    held, kind = handle.load(office, big)
    assert (held.answers, handle.follows(office, kind, held)) == ({"fire": "", "road": ""}, ("grant",))


def test_a_case_closes_only_with_its_proofs(office: Twin) -> None:
    id = opened(office)
    handle.advance(office, id, "grant", "王", form_={"risk": "low"})
    with pytest.raises(Conflict, match="图纸"):
        handle.advance(office, id, "done", "王")
    text = kept(office, "不是图".encode(), "a.png")
    with pytest.raises(Unsupported, match="text/plain, which does not show 'plan'"):
        handle.act(office, id, "attach", "王", "", {"files": [{"sha256": text, "proof": "plan"}]})
    handle.act(office, id, "attach", "王", "", {"files": [{"sha256": text}]})
    with pytest.raises(Conflict, match="图纸"):
        handle.advance(office, id, "done", "王")
    handle.act(office, id, "advance", "王", "", {"to": "done", "files": [{"sha256": kept(office), "proof": "plan"}]})
    assert row(office, id)["state"] == "closed"


def test_attachments_are_held_against_their_limits(office: Twin) -> None:
    id = opened(office)
    for data, error, fault in (
        (b"%PDF-1.7", Unsupported, "application/pdf"),
        (PNG + b"0" * 100, TooLarge, "128 bytes"),
        (b"\0\1\2", Unsupported, "octet-stream"),
    ):
        with pytest.raises(error, match=fault):
            handle.act(office, id, "attach", "王", "", {"files": [{"sha256": kept(office, data)}]})
    with pytest.raises(NotFound, match="no file"):
        handle.act(office, id, "attach", "王", "", {"files": [{"sha256": "0" * 64}]})
    with pytest.raises(BadRequest, match="nothing asks for the proof 'face'"):
        handle.act(office, id, "attach", "王", "", {"files": [{"sha256": kept(office), "proof": "face"}]})
    with pytest.raises(BadRequest, match="4 files are too many"):
        handle.act(office, id, "attach", "王", "", {"files": [{"sha256": kept(office)}] * 4})
    assert handle.load(office, id)[0].n == 1


def test_the_clock_of_a_case_stands_while_it_waits(office: Twin, clock: FixedClock) -> None:
    id = opened(office)  # Monday noon; two working days: the end of Wednesday
    assert row(office, id)["due"] == datetime(2025, 7, 2, 16, tzinfo=UTC)
    handle.act(office, id, "wait", "王", "补正材料")
    assert (row(office, id)["state"], row(office, id)["due"]) == ("waiting", None)
    with pytest.raises(Conflict, match="waits for the applicant"):
        handle.advance(office, id, "grant", "王", form_={"risk": "low"})
    clock.moment += timedelta(days=2)  # Wednesday: Monday and Tuesday were not counted, Monday never is
    handle.act(office, id, "resume", "张三", "", {"form": {"flow": 12}})
    assert row(office, id)["due"] == datetime(2025, 7, 3, 16, tzinfo=UTC)
    assert handle.load(office, id)[0].facts == {"flow": 12}


def test_children_hold_their_parent_open(office: Twin) -> None:
    above = opened(office)
    below = handle.open_case(office, "tank.spill", "王", parent=above, asset="t1").id
    handle.advance(office, above, "grant", "王", form_={"risk": "low"})
    handle.act(office, above, "attach", "王", "", {"files": [{"sha256": kept(office), "proof": "plan"}]})
    with pytest.raises(Conflict, match="1 cases under this one"):
        handle.advance(office, above, "done", "王")
    handle.advance(office, below, "close", "王")
    handle.advance(office, above, "done", "王")
    assert row(office, below)["parent"] == above
    with pytest.raises(Conflict, match="case above is closed"):
        handle.open_case(office, "tank.spill", "王", parent=above)


def test_recurring_cases_are_opened_once_a_period_and_place(office: Twin) -> None:
    assert handle.handle(office, NOW) == 3
    assert handle.handle(office, NOW + timedelta(hours=3)) == 0
    assert handle.handle(office, NOW + timedelta(days=1)) == 3  # July
    found = office.store.fetch("SELECT DISTINCT source, opened FROM case_file WHERE type = 'tank.round' ORDER BY opened").to_pylist()  # fmt: skip
    assert [r["opened"] for r in found] == [datetime(2025, 5, 31, 16, tzinfo=UTC), datetime(2025, 6, 30, 16, tzinfo=UTC)]  # fmt: skip
    assert {r["source"] for r in found} == {"schedule"}


def test_notices_are_due_until_they_are_given(office: Twin, clock: FixedClock) -> None:
    id = opened(office)
    assert handle.notices(office, NOW) == []
    wednesday = datetime(2025, 7, 2, 2, tzinfo=UTC)
    (notice,) = handle.notices(office, wednesday)
    assert (notice.case, notice.kind, notice.to.en, notice.due) == (id, "remind", "Counter", datetime(2025, 7, 2, 16, tzinfo=UTC))  # fmt: skip
    handle.told(office, notice, "notifier")
    handle.told(office, notice, "notifier")
    assert handle.notices(office, wednesday) == []
    later = handle.notices(office, datetime(2025, 7, 3, 2, tzinfo=UTC))
    assert [(n.kind, n.to.en) for n in later] == [("late", "Counter"), ("escalate", "Director")]
    assert handle.load(office, id)[0].n == 2


BAD_ACTS: list[tuple[Any, dict[str, Any], str]] = [
    ("advance", {}, "'to' is missing"),
    ("advance", {"to": "nowhere"}, "does not follow"),
    ("fly", {}, "nothing that people do"),
    ("child", {"case": "x"}, "nothing that people do"),
    ("comment", {"to": "done"}, "does not go with 'comment'"),
    ("answer", {"body": "fire", "answer": "agree"}, "is not asked"),
    ("assign", {"to": "\n"}, "not said who"),
    ("return", {"to": "done"}, "never at"),
]


def test_acts_at_fault_change_nothing(office: Twin) -> None:
    id = opened(office)
    for what, body, fault in BAD_ACTS:
        with pytest.raises(CityTwinError, match=fault):
            handle.act(office, id, what, "王", "why", body)
    assert handle.load(office, id)[0].n == 1


def test_who_opens_a_case_of_nothing_is_told(office: Twin) -> None:
    for given, fault in (
        ({"asset": "t99"}, "no asset"),
        ({"measure": "no.such"}, "no plan"),
        ({"parent": "nope"}, "no case"),
        ({"longitude": 1.0}, "place is none"),
        ({"longitude": 181.0, "latitude": 1.0}, "place is none"),
    ):
        with pytest.raises(CityTwinError, match=fault):
            handle.open_case(office, "tank.spill", "王", **given)
    with pytest.raises(NotFound, match="case type"):
        handle.open_case(office, "tank.none", "王")


def test_a_city_adds_years_to_the_working_days(tmp_path: Path) -> None:
    path, faults = tmp_path / "workdays.csv", list[Fault]()
    assert load.workdays(path, faults) is None
    head = "since,until,kind,title_zh,title_en,source\n"
    path.write_text(head + "2027-01-01,2027-01-03,rest,元旦,New Year,made up\n", "utf-8")
    days = load.workdays(path, faults)
    assert days is not None
    assert (days.works(date(2027, 1, 1)), days.works(date(2027, 1, 4)), days.works(date(2026, 1, 4))) == (
        False,
        True,
        True,
    )
    path.write_text(head + "2027-01-01,2027-01-03,holiday,元旦,New Year,made up\n", "utf-8")
    assert load.workdays(path, faults) is None
    assert [f.where.endswith("workdays.csv:2") for f in faults] == [True]


OLD = """
CREATE TABLE meta (name VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
INSERT INTO meta VALUES ('format', '3');
CREATE TABLE case_row (case_id VARCHAR PRIMARY KEY, type VARCHAR NOT NULL, asset_id VARCHAR NOT NULL, alarm VARCHAR, step VARCHAR NOT NULL, opened TIMESTAMPTZ NOT NULL,
  due TIMESTAMPTZ, closed TIMESTAMPTZ);
CREATE TABLE case_event (case_id VARCHAR NOT NULL, time TIMESTAMPTZ NOT NULL, step VARCHAR NOT NULL, actor VARCHAR NOT NULL, note VARCHAR NOT NULL);
INSERT INTO case_row VALUES ('a', 'tank.spill', 't1', 'alarm', 'close', '2025-06-01 00:00:00+00', NULL, '2025-06-03 00:00:00+00'),
  ('b', 'tank.spill', 't2', NULL, 'inspect', '2025-06-01 00:00:00+00', '2025-06-03 00:00:00+00', NULL);
INSERT INTO case_event VALUES ('a', '2025-06-01 00:00:00+00', 'inspect', '', ''), ('a', '2025-06-02 00:00:00+00', 'repair', '李', '泵'), ('a', '2025-06-03 00:00:00+00', 'close', '李', ''),
  ('b', '2025-06-01 00:00:00+00', 'inspect', '', '');
"""


def test_cases_of_an_earlier_store_are_the_sum_of_their_events(tmp_path: Path, make_twin: Callable[..., Twin]) -> None:
    path = tmp_path / "city.duckdb"
    with duckdb.connect(str(path)) as old:
        old.execute(OLD)
    DuckStore(path, "Asia/Shanghai").close()
    twin = make_twin(path=path)
    a, b = (case(handle.events(twin, [id])[id]) for id in "ab")
    assert (a.visited, a.state, a.asset, a.alarm, a.n) == (("inspect", "repair", "close"), "closed", "t1", "alarm", 3)
    assert (b.state, b.step, b.alarm) == ("open", "inspect", None)
    assert [r["state"] for r in (row(twin, "a"), row(twin, "b"))] == ["closed", "open"]
    handle.advance(twin, "b", "close", "李")
    assert row(twin, "b")["state"] == "closed"


def test_patterns_of_forms_cost_no_more_than_their_texts_are_long(tank_folder: Path, make_twin: Callable[..., Twin]) -> None:  # fmt: skip
    name = "use: {type: string, pattern: '^(([a-z])+.)+[A-Z]([a-z])+$', titles"
    text = CASES.replace("use: {type: string, enum: [home, plant], titles", name)
    assert text != CASES
    (tank_folder / "cases.yaml").write_text(text, "utf-8")
    office = make_twin()
    with pytest.raises(BadRequest, match="does not fit"):  # `re` would be at it for longer than anybody lives
        handle.open_case(office, "tank.permit", "张三", form_={"flow": 1, "use": "a" * 2000})
    with pytest.raises(TooLarge, match="held against a pattern"):
        handle.open_case(office, "tank.permit", "张三", form_={"flow": 1, "use": "a" * 6000})
    assert handle.open_case(office, "tank.permit", "张三", form_={"flow": 1, "use": "a.b.Cd"}).state == "open"
