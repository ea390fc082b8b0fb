"""Do decisions do what they say, and is each on record, whole, and undone again?"""

from __future__ import annotations

from datetime import date
from itertools import count

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.engine import seal
from citytwin.engine.decision import decisions
from citytwin.engine.drafts import fold, judge
from citytwin.kernel.draft import Draft
from citytwin.kernel.errors import BadRequest, CityTwinError, Conflict, NotFound
from citytwin.kernel.plan import Binding

from .conftest import PLAN, Desk


def test_a_document_becomes_a_draft_with_every_field_by_hand(desk: Desk) -> None:
    d = desk.draft
    assert (d.title.zh, d.number, d.version, d.state) == ("青山区水务提升三年行动计划", "青水〔2026〕7号", 1, "draft")
    found = {(r.comparator, r.value, r.unit, r.deadline, r.lead) for r in d.records}
    assert ("=", 120.0, "km", date(2027, 12, 31), ("区水务局", "区城管局")) in found
    assert ("done_by", None, "", date(2026, 12, 31), ("区水务局",)) in found
    assert {(r.value, r.comparator) for r in d.records if r.unit == "%"} == {(85.0, ">="), (9.0, "<=")}
    assert fold.counts(d) == {"open": 5, "accepted": 0, "rejected": 0, "dropped": 0, "apart": 0}
    stripped = "".join(PLAN.split())
    for r in d.records:
        assert stripped[r.start : r.end] == r.quote
        assert "".join(PLAN[r.raw_start : r.raw_end].split()) == r.quote


def test_accept_and_reject_leave_who_when_before_and_after(desk: Desk) -> None:
    rate = desk.record("收集率")
    desk.act("accept", rate.id, by="王科长", note="与市规划一致")
    last = decisions(desk.twin.store, fold.ABOUT + desk.draft.id)[-1]
    assert (last.n, last.by, last.act, last.note) == (2, "王科长", "accept", "与市规划一致")
    assert last.time == desk.twin.clock.now()
    assert [r["standing"] for r in last.before["records"]] == ["open"]
    assert [r["standing"] for r in last.after["records"]] == ["accepted"]
    desk.act("reject", rate.id)
    assert desk.record("收集率").standing == "rejected"


def test_every_decision_is_a_leaf_of_the_log(desk: Desk) -> None:
    before = seal.checkpoint(desk.twin.store)[0]
    desk.act("accept", desk.record("收集率").id)
    assert seal.checkpoint(desk.twin.store)[0] == before + 1
    leaf = seal.proof(desk.twin.store, before).leaf
    assert (leaf.kind, leaf.subject) == ("decision", f"draft:{desk.draft.id}#2")


def test_an_edited_field_is_marked_as_such_and_the_rest_stays(desk: Desk) -> None:
    rate = desk.record("漏损率")
    made = desk.act("edit", rate.id, fields={"value": 8, "lead": ["区水务局"], "deadline": "2027-06-30"}).records[0]
    assert (made.value, made.lead, made.deadline) == (8.0, ("区水务局",), date(2027, 6, 30))
    assert {f for f, s in made.sources.items() if s == "edited"} == {"value", "lead", "deadline"}
    assert made.sure["value"] == 1.0
    assert (made.quote, made.comparator, made.unit) == (rate.quote, "<=", "%")


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "what to edit"),
        ({"quote": "x"}, "quote"),
        ({"value": "many"}, "field"),
        ({"value": float("inf")}, "number"),
        ({"deadline": "next year"}, "day"),
        ({"deadline": "0001-01-01"}, "deadline"),
        ({"comparator": "~"}, "field"),
        ({"kind": "wish"}, "field"),
        ({"subject": "x" * 301}, "long"),
        ({"subject": "a\0b"}, "text"),
        ({"lead": "区水务局"}, "list"),
        ({"lead": [1]}, "list"),
        ({"section": "九/九"}, "section"),
    ],
)
def test_a_bad_edit_is_refused_with_its_reason_and_changes_nothing(
    desk: Desk, fields: dict[str, object], word: str
) -> None:
    before = desk.draft
    with pytest.raises(BadRequest, match=word):
        desk.act("edit", desk.record("收集率").id, fields=fields)
    assert fold.draft(desk.twin.store, before.id) == before


def test_split_makes_one_record_a_part_and_merge_puts_them_together(desk: Desk) -> None:
    pool = desk.record("调蓄池")
    parts = ({"value": 4, "scope": "北片"}, {"value": 2, "scope": "南片", "start": pool.start, "end": pool.end - 2})
    made = desk.act("split", pool.id, parts=parts).records
    assert [(r.value, r.scope, r.standing) for r in made] == [(4.0, "北片", "open"), (2.0, "南片", "open")]
    assert made[0].id == pool.id
    assert made[1].quote == pool.quote[:-2]
    together = desk.act("merge", *(r.id for r in made), fields={"value": 6, "scope": ""})
    assert together.gone == (made[1].id,)
    assert (desk.record("调蓄池").value, desk.record("调蓄池").quote) == (6.0, pool.quote)


def test_words_that_the_reader_passed_over_are_added_and_read(desk: Desk) -> None:
    stripped = "".join(PLAN.split())
    at = stripped.index("改造老旧污水管网120公里")
    made = desk.act("add", span=(at, at + len("改造老旧污水管网120公里"))).records[0]
    assert (made.value, made.unit, made.section, made.lead) == (120.0, "km", "二/一", ("区水务局", "区城管局"))
    assert "".join(PLAN[made.raw_start : made.raw_end].split()) == made.quote
    other = desk.act("add", span=(at, at + 4)).records[0]  # nothing to read in these: a deliverable by default
    assert (other.kind, other.subject, other.comparator) == ("milestone", "改造老旧", "done_by")


@pytest.mark.parametrize("span", [(-1, 5), (5, 5), (9, 3), (0, 10**9), None])
def test_a_place_outside_the_document_is_refused(desk: Desk, span: tuple[int, int] | None) -> None:
    with pytest.raises(BadRequest, match=r"outside|where the words"):
        desk.act("add", span=span)


def test_a_binding_must_exist_and_fit(desk: Desk) -> None:
    rate = desk.record("收集率").id
    made = desk.act("bind", rate, fields={"indicator": "tank.level_month", "asset": "t1"}).records[0]
    assert made.measured_by == Binding("tank.level_month", "t1")
    assert desk.act("bind", rate, fields={}).records[0].measured_by is None
    with pytest.raises(NotFound, match="indicator"):
        desk.act("bind", rate, fields={"indicator": "tank.no", "asset": "t1"})
    with pytest.raises(NotFound, match="asset"):
        desk.act("bind", rate, fields={"indicator": "tank.level_month", "asset": "t9"})


def test_what_is_no_promise_cannot_be_accepted_until_it_is_edited_into_one(desk: Desk) -> None:
    rate = desk.record("收集率").id
    desk.act("edit", rate, fields={"kind": "fact"})
    with pytest.raises(BadRequest, match="fact"):
        desk.act("accept", rate)
    desk.act("edit", rate, fields={"kind": "numeric", "value": None})
    with pytest.raises(BadRequest, match="no value"):
        desk.act("accept", rate)
    desk.act("edit", rate, fields={"kind": "milestone"})
    assert desk.act("accept", rate).records[0].comparator == "done_by"


def test_a_colleague_who_was_first_is_named_and_nothing_is_overwritten(desk: Desk) -> None:
    rate, pool = desk.record("收集率").id, desk.record("调蓄池").id
    seen = desk.draft.decisions
    desk.act("edit", rate, by="王科长", fields={"value": 88})
    with pytest.raises(Conflict, match="王科长"):
        desk.act("accept", rate, seen=seen)
    desk.act("accept", pool, seen=seen)  # what nobody else touched goes through
    assert desk.record("收集率").value == 88.0


def test_the_document_itself_is_described(desk: Desk) -> None:
    given = {"title_en": "Qingshan water plan", "issuer": ["青山区人民政府"], "issued": "2026-02-01"}
    d = desk.act("describe", fields=given).draft
    assert (d.title.zh, d.title.en) == ("青山区水务提升三年行动计划", "Qingshan water plan")
    assert (d.issuer, d.issued) == (("青山区人民政府",), date(2026, 2, 1))
    assert desk.act("undo").draft.title.en == ""
    with pytest.raises(BadRequest, match="title"):
        desk.act("describe", fields={"title": " "})


def test_undo_takes_back_one_decision_after_the_other_and_stops_at_the_reading(desk: Desk) -> None:
    states = [desk.draft.records]
    desk.act("accept", desk.record("收集率").id)
    states.append(desk.draft.records)
    desk.act("split", desk.record("调蓄池").id, parts=({"value": 1}, {"value": 5}))
    for before in reversed(states):
        desk.act("undo")
        assert desk.draft.records == before
    with pytest.raises(BadRequest, match="nothing to take back"):
        desk.act("undo")


def same(a: Draft, b: Draft) -> bool:
    return msgspec.json.encode(a.records) == msgspec.json.encode(b.records)


NUMBERS = count(100)
ACTS = st.sampled_from(
    ["accept", "reject", "reopen", "edit", "split", "merge", "add", "undo", "describe", "bind", "share"]
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_acts_in_any_order_keep_the_books_whole(desk: Desk, data: st.DataObject) -> None:
    # a draft of its own for every example, alike in everything but its number
    desk.read(PLAN.replace("7号", f"{next(NUMBERS)}号"))
    for _ in range(12):
        ids = [r.id for r in desk.draft.records]
        before = desk.draft
        asked = judge.Asked(
            data.draw(ACTS),  # type: ignore[arg-type]
            data.draw(st.sampled_from(["李工", "", "x" * 201])),
            before.decisions,
            tuple(data.draw(st.lists(st.sampled_from([*ids, "r999"]), max_size=3))),
            data.draw(st.dictionaries(st.sampled_from(["value", "subject", "deadline", "lead", "title", "indicator"]), ANY, max_size=2)),
            tuple(data.draw(st.lists(st.dictionaries(st.sampled_from(["value", "start", "end"]), ANY), max_size=3))),
            data.draw(st.none() | st.tuples(st.integers(-5, 300), st.integers(-5, 300))),
        )  # fmt: skip
        try:
            made = judge.judge(desk.twin, before.id, asked)
        except CityTwinError:
            assert same(fold.draft(desk.twin.store, before.id), before)
            continue
        desk.draft = made.draft
        ids = [r.id for r in made.draft.records]
        assert len(set(ids)) == len(ids)
        assert {r.id for r in made.records} <= set(ids)
        assert not set(made.gone) & set(ids)
        again = fold.fold(decisions(desk.twin.store, fold.ABOUT + before.id))
        assert same(again, made.draft)


ANY = (
    st.none()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.lists(st.text(max_size=3), max_size=2)
)
