"""Does a document that comes again keep what was decided? And does a bad one leave no trace?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from citytwin import reader
from citytwin.engine import files
from citytwin.engine.drafts import fold
from citytwin.engine.drafts import read as drafts
from citytwin.engine.drafts.words import words
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadRequest, NotFound
from citytwin.reader.apart import read_apart

from .conftest import PLAN, Desk


def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    desk.act("accept", desk.record("收集率").id)
    before = desk.draft
    assert desk.read(PLAN) == before


def test_a_corrected_document_keeps_the_decisions_on_words_that_still_stand(desk: Desk) -> None:
    rate, loss, pipe = desk.record("收集率"), desk.record("漏损率"), desk.record("污水管网")
    desk.act("accept", rate.id)
    desk.act("reject", pipe.id)
    desk.act("edit", loss.id, fields={"scope": "全区", "subject": "供水管网漏损率（含二次供水）"})
    desk.act("accept", loss.id)
    d = desk.read(
        PLAN.replace("一、主要目标", "一、总体要求\n坚持生态优先，统筹推进。\n\n二、主要目标").replace(
            "二、重点任务", "三、重点任务"
        )
    )
    assert (d.version, d.id) == (2, desk.draft.id)
    found = {r.id: r for r in d.records}
    assert found[rate.id].standing == "accepted"
    assert found[pipe.id].standing == "rejected"
    assert (found[loss.id].standing, found[loss.id].scope) == ("accepted", "全区")
    assert found[loss.id].subject == "供水管网漏损率（含二次供水）"
    text = words(desk.twin.store, d.id, 2)
    for r in d.records:
        assert text.quote(r.start, r.end) == r.quote
    assert found[rate.id].section == "二"
    assert found[rate.id].start > rate.start


def test_an_accepted_value_that_the_document_changed_opens_again_and_shows_the_earlier_words(desk: Desk) -> None:
    rate = desk.record("收集率")
    desk.act("accept", rate.id)
    found = {r.id: r for r in desk.read(PLAN.replace("85%", "82%")).records}[rate.id]
    assert (found.standing, found.value) == ("open", 82.0)
    assert found.earlier == rate.quote


def test_an_edit_outlives_new_words_but_somebody_looks_again(desk: Desk) -> None:
    rate = desk.record("收集率")
    desk.act("edit", rate.id, fields={"lead": ["区水务局"]})
    desk.act("accept", rate.id)
    found = {r.id: r for r in desk.read(PLAN.replace("85%", "82%")).records}[rate.id]
    assert (found.standing, found.value, found.lead) == ("open", 82.0, ("区水务局",))
    assert found.sources["lead"] == "edited"


def test_what_the_document_no_longer_says_is_dropped_and_comes_back_with_its_words(desk: Desk) -> None:
    pool = desk.record("调蓄池")
    desk.act("accept", pool.id)
    desk.read(PLAN.replace("新建雨水调蓄池6座，", ""))
    assert desk.record("调蓄池").standing == "dropped"
    with pytest.raises(BadRequest, match="no longer says"):
        desk.act("accept", pool.id)
    desk.read(PLAN)
    assert (desk.record("调蓄池").id, desk.record("调蓄池").standing) == (pool.id, "open")


def test_what_is_new_is_added_open(desk: Desk) -> None:
    d = desk.read(PLAN.replace("供水管网漏损率", "再生水利用率达到30%，供水管网漏损率"))
    new = desk.record("再生水")
    assert (new.standing, new.value, new.id) == ("open", 30.0, "r006")
    assert len(d.records) == 6


def test_what_people_added_split_or_merged_stays_where_its_words_stand(desk: Desk) -> None:
    pool = desk.record("调蓄池")
    made = desk.act("split", pool.id, parts=({"value": 4, "scope": "北片"}, {"value": 2, "scope": "南片"})).records
    desk.act("accept", *(r.id for r in made))
    d = desk.read("青山区水务提升三年行动计划\n青水〔2026〕7号\n\n" + PLAN.split("\n\n", 1)[1])
    assert len(d.records) == 6
    d = desk.read(PLAN.replace("到2028年", "为落实上级要求，到2028年"))
    kept = [r for r in d.records if "调蓄池" in r.subject]
    assert [(r.scope, r.value, r.standing) for r in kept] == [("北片", 4.0, "accepted"), ("南片", 2.0, "accepted")]


def test_a_plan_under_a_new_name_is_a_version_where_somebody_says_so(desk: Desk) -> None:
    old = desk.draft
    renamed = PLAN.replace("青山区水务提升三年行动计划", "青山区水务高质量发展行动计划").replace(
        "〔2026〕7号", "〔2027〕1号"
    )
    assert desk.read(renamed).id != old.id
    assert desk.read(renamed, of=old.id).id == old.id
    assert desk.draft.version == 2
    with pytest.raises(NotFound, match="no draft"):
        desk.read(renamed, of="plan_nothing")


def test_the_plan_of_another_year_is_another_plan() -> None:
    assert drafts.alike("关于印发《2025年水务工作要点》的通知", "2025年水务工作要点") == 1.0
    assert drafts.alike("2025年水务工作要点", "2026年水务工作要点") == 0.0


def test_the_file_is_kept_as_it_came(desk: Desk) -> None:
    kept, data = files.content(desk.twin.store, desk.draft.file)
    assert (data, kept.name, kept.size) == (PLAN.encode(), "plan.txt", len(PLAN.encode()))


@pytest.mark.parametrize(
    "data", [b"", b"\x00\x01\x02", b"%PDF-1.7 broken", b"PK\x03\x04 broken", b"\xd0\xcf\x11\xe0old"]
)
def test_a_file_that_cannot_be_read_leaves_no_trace(twin: Twin, data: bytes) -> None:
    size = twin.store.fetch("SELECT count(*) AS n FROM evidence")["n"][0].as_py()
    with pytest.raises((reader.ReaderError, BadRequest)):
        drafts.read(twin, data, "plan.pdf", "李工")
    assert fold.drafts(twin.store) == []
    assert twin.store.fetch("SELECT count(*) AS n FROM file")["n"][0].as_py() == 0
    assert twin.store.fetch("SELECT count(*) AS n FROM evidence")["n"][0].as_py() == size


def test_a_process_of_its_own_reads_the_same() -> None:
    data = PLAN.encode()
    assert read_apart(data, "plan.txt") == reader.read(data, "plan.txt")
    with pytest.raises(reader.ReaderError, match="zero byte"):
        read_apart(b"a\0b", "plan.txt")


def test_a_draft_outlives_the_process(make_twin: Callable[..., Twin], tmp_path: Path) -> None:
    twin = make_twin(path=tmp_path / "city.duckdb")
    desk = Desk(twin)
    desk.act("accept", desk.record("收集率").id)
    twin.store.close()
    again = fold.drafts(make_twin(path=tmp_path / "city.duckdb").store)
    assert again == [desk.draft]


def test_a_title_that_runs_into_its_text_is_shown_on_its_own(desk: Desk) -> None:
    desk.read(
        PLAN.replace("（一）完善污水管网\n", "（一）完善污水管网。").replace("二、重点任务\n", "二、重点任务\n\n")
    )
    shown = words(desk.twin.store, desk.draft.id, desk.draft.version).paragraphs
    heads = [p.text for p in shown if p.level]
    assert heads == ["一、主要目标", "二、重点任务", "（一）完善污水管网。", "（二）建设智慧水务平台"]
    assert all(a.end == b.start for a, b in pairwise(shown))


def test_the_bulletin_gives_a_draft_for_each_document(twin: Twin, shared: Path) -> None:
    data = (shared / "bulletin" / "bulletin.txt").read_bytes()
    made = drafts.read(twin, data, "bulletin.txt", "李工", reads=reader.read)
    assert [d.document for d in made] == list(range(1, 9))
    assert made[1].number == "沪发改环资〔2022〕6号"
    assert made[1].issued == date(2022, 1, 27)
    for d in made:
        text = words(twin.store, d.id, 1)
        assert all(text.quote(r.start, r.end) == r.quote for r in d.records)
        assert all(text.quote(p.start, p.end) == "".join(p.text.split()) for p in text.paragraphs)
