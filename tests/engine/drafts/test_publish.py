"""Does a published draft track? Targets, bindings, measures, and what becomes of them in the next version."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from citytwin.engine import follow, ingest, measure, track
from citytwin.engine.decision import decisions
from citytwin.engine.drafts import publish
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadRequest, Conflict, NotFound, StoreFailed
from citytwin.kernel.observation import Batch
from citytwin.kernel.plan import Binding, Place, Plan, Target
from citytwin.kernel.title import Title

from .conftest import PLAN, Desk


def accept(desk: Desk) -> None:
    desk.act("accept", *(r.id for r in desk.draft.records))


def test_accepted_records_become_targets_and_numbered_items_measures(desk: Desk) -> None:
    accept(desk)
    desk.act("reject", desk.record("漏损率").id)
    plan = publish.publish(desk.twin, desk.draft.id, "王科长")
    assert desk.twin.plan(plan.id) == plan
    assert (plan.number, plan.title.zh) == ("青水〔2026〕7号", "青山区水务提升三年行动计划")
    assert {(t.value, t.unit) for t in plan.targets} == {(85.0, "%"), (6.0, "座"), (120.0, "km"), (None, "")}
    work = {m.title.zh: m for m in plan.measures}
    assert set(work) == {"完善污水管网", "建设智慧水务平台", "智慧水务平台"}
    assert work["完善污水管网"].lead == ("区水务局", "区城管局")
    assert work["完善污水管网"].deadline == date(2027, 12, 31)
    milestone = work["智慧水务平台"]
    assert milestone.target in {t.id for t in plan.targets if t.kind == "milestone"}
    assert milestone.evidence is not None
    held = desk.twin.in_force[plan.id]
    assert (held.version, held.by, held.draft) == (1, "王科长", desk.draft.id)


def test_open_records_are_left_out_or_accepted_only_when_somebody_says_so(desk: Desk) -> None:
    desk.act("accept", desk.record("收集率").id)
    with pytest.raises(Conflict, match="4 records"):
        publish.publish(desk.twin, desk.draft.id, "王科长")
    assert desk.twin.plans == ()
    assert len(publish.publish(desk.twin, desk.draft.id, "王科长", left="leave").targets) == 1
    assert len(publish.publish(desk.twin, desk.draft.id, "王科长", left="accept").targets) == 5


def test_nothing_accepted_is_nothing_to_track(desk: Desk) -> None:
    desk.act("reject", *(r.id for r in desk.draft.records))
    with pytest.raises(BadRequest, match="no record is accepted"):
        publish.publish(desk.twin, desk.draft.id, "王科长")


def test_every_record_that_cannot_be_tracked_is_named(desk: Desk) -> None:
    rate, loss = desk.record("收集率").id, desk.record("漏损率").id
    for id in (rate, loss):
        desk.act("edit", id, fields={"comparator": "reduce_by"})
        desk.act("bind", id, fields={"indicator": "tank.level_month", "asset": "t1"})
    with pytest.raises(BadRequest, match="2 records") as caught:
        publish.publish(desk.twin, desk.draft.id, "王科长", left="accept")
    assert {f.where for f in caught.value.faults} == {rate, loss}
    assert desk.twin.plans == ()


def test_a_bound_target_is_measured_from_the_moment_of_publishing(
    desk: Desk, readings: Callable[..., pa.Table]
) -> None:
    table = readings("t1.tank.level", datetime(2025, 5, 1, tzinfo=UTC), [3.0] * 288 * 31)
    desk.twin.store.record([ingest.prepare(desk.twin, Batch(table)).arrival])
    measure.measure(desk.twin, desk.twin.clock.now())
    rate = desk.record("收集率").id
    desk.act("edit", rate, fields={"unit": "m", "value": 2.5, "comparator": ">="})
    desk.act("bind", rate, fields={"indicator": "tank.level_month", "asset": "t1"})
    accept(desk)
    plan = publish.publish(desk.twin, desk.draft.id, "王科长")
    standing = {p.target: p for p in track.progress(desk.twin, date(2025, 6, 30))}
    assert standing[f"{plan.id}.{rate}"].status == "met"
    assert standing[f"{plan.id}.{rate}"].value == pytest.approx(3.0)
    assert standing[f"{plan.id}.{desk.record('漏损率').id}"].status == "not_measured"


def test_a_new_version_keeps_ids_bindings_and_measures(desk: Desk) -> None:
    accept(desk)
    plan = publish.publish(desk.twin, desk.draft.id, "王科长")
    rate = desk.record("收集率").id
    follow.bind(desk.twin, f"{plan.id}.{desk.record('调蓄池').id}", "李工", "tank.level_month", "t1")
    follow.report(desk.twin, plan.id, plan.measures[0].id, "李工", "under_way", "已开工")
    desk.read(PLAN.replace("85%", "87%").replace("新建雨水调蓄池6座", "新建雨水调蓄池8座"))
    assert desk.draft.state == "draft"
    assert desk.twin.plan(plan.id) == desk.twin.plan(plan.id)  # the old version holds until the new one is published
    accept(desk)
    new = publish.publish(desk.twin, desk.draft.id, "王科长")
    assert new.id == plan.id
    assert {t.id for t in new.targets} == {t.id for t in plan.targets}
    found = {t.id: t for t in new.targets}
    assert found[rate].value == 87.0
    assert found[desk.record("调蓄池").id].measured_by == Binding("tank.level_month", "t1")
    assert [m.id for m in new.measures] == [m.id for m in plan.measures]
    report = desk.twin.in_force[plan.id].report(plan.measures[0].id)
    assert report is not None
    assert report.note == "已开工"
    assert desk.twin.in_force[plan.id].version == 2


def test_what_a_new_version_says_counts_more_than_what_was_bound_before_it(desk: Desk) -> None:
    accept(desk)
    plan = publish.publish(desk.twin, desk.draft.id, "王科长")
    pool = desk.record("调蓄池").id
    follow.bind(desk.twin, f"{plan.id}.{pool}", "李工", "tank.level_month", "t1")
    desk.act("bind", pool, fields={"indicator": "tank.level_month", "asset": "t2"})
    publish.publish(desk.twin, desk.draft.id, "王科长")
    assert desk.twin.target(f"{plan.id}.{pool}")[1].measured_by == Binding("tank.level_month", "t2")


def test_a_numbered_item_without_a_bracket_is_led_by_those_whom_its_promises_name(desk: Desk) -> None:
    pipe = desk.record("污水管网").id
    desk.read(PLAN.replace("（责任单位：区水务局、区城管局）", ""))
    desk.act("edit", pipe, fields={"lead": ["区管网公司"]})
    accept(desk)
    plan = publish.publish(desk.twin, desk.draft.id, "王科长")
    assert next(m for m in plan.measures if m.title.zh == "完善污水管网").lead == ("区管网公司",)


FOLDER = Plan(
    "water", Title("青山区水务提升三年行动计划", "Qingshan water action plan"), ("青山区",), 3, "青水〔2026〕7号",
    targets=(
        Target(
            "collected", Title("污水集中收集率", "Sewage collected"), "numeric", ">=", Place("一", 0, 9), 85.0, unit="%",
            deadline=date(2028, 12, 31), systems=("S01",), measured_by=Binding("tank.level_month", "t1"),
        ),
        Target(
            "elsewhere", Title("绿地面积", "Green area"), "numeric", ">=", Place("一", 0, 9), 5.0, unit="km2",
            not_measured=Title("无数据", "No data"),
        ),
    ),
)  # fmt: skip


def test_a_plan_of_the_folder_is_recognised_and_its_targets_keep_id_binding_and_english_name(make_twin: Any) -> None:
    desk = Desk(make_twin(plans=(FOLDER,)))
    assert desk.draft.plan == "water"
    assert desk.draft.title.en == "Qingshan water action plan"
    accept(desk)
    plan = publish.publish(desk.twin, desk.draft.id, "王科长")
    kept = next(t for t in plan.targets if t.id == "collected")
    assert kept.measured_by == Binding("tank.level_month", "t1")
    assert (kept.systems, kept.value) == (("S01",), 85.0)
    assert "elsewhere" not in {t.id for t in plan.targets}
    assert [p.id for p in desk.twin.plans] == ["water"]
    publish.withdraw(desk.twin, "water", "王科长", "误发")
    assert desk.twin.plan("water") == FOLDER
    with pytest.raises(Conflict, match="folder"):
        publish.withdraw(desk.twin, "water", "王科长")


def test_a_withdrawn_plan_is_gone_and_may_be_published_again(desk: Desk) -> None:
    accept(desk)
    plan = publish.publish(desk.twin, desk.draft.id, "王科长")
    publish.withdraw(desk.twin, plan.id, "王科长")
    assert desk.twin.plans == ()
    with pytest.raises(NotFound):
        desk.twin.plan(plan.id)
    publish.publish(desk.twin, desk.draft.id, "王科长")
    assert [d.act for d in decisions(desk.twin.store, f"plan:{plan.id}")] == ["publish", "withdraw", "publish"]
    assert desk.twin.in_force[plan.id].version == 3


def test_bindings_of_a_folders_plan_come_back_when_a_published_version_goes(make_twin: Any) -> None:
    twin: Twin = make_twin(plans=(FOLDER,))
    follow.bind(twin, "water.elsewhere", "李工", "tank.level_month", "t2")
    desk = Desk(twin)
    accept(desk)
    publish.publish(twin, desk.draft.id, "王科长")
    publish.withdraw(twin, "water", "王科长")
    assert twin.target("water.elsewhere")[1].measured_by == Binding("tank.level_month", "t2")


def test_a_published_plan_outlives_the_process(make_twin: Any, tmp_path: Path) -> None:
    twin = make_twin(path=tmp_path / "city.duckdb")
    desk = Desk(twin)
    accept(desk)
    plan = publish.publish(twin, desk.draft.id, "王科长")
    follow.report(twin, plan.id, "m001", "李工", "done", "验收")
    before = twin.in_force
    twin.store.close()
    assert make_twin(path=tmp_path / "city.duckdb").in_force == before


def test_publishing_is_all_or_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    accept(desk)
    taken = len(decisions(desk.twin.store, "draft:"))
    run = desk.twin.store._run  # type: ignore[attr-defined]

    def full(sql: str, *rest: Any) -> None:
        if "decision_row" in sql and any(r.get("about", "").startswith("draft:") for r in rest if isinstance(r, dict)):
            raise StoreFailed("the disk is full", "", "store")
        run(sql, *rest)

    monkeypatch.setattr(desk.twin.store, "_run", full)
    with pytest.raises(StoreFailed):
        publish.publish(desk.twin, desk.draft.id, "王科长")
    monkeypatch.undo()
    desk.twin.recall()
    assert desk.twin.plans == ()
    assert len(decisions(desk.twin.store, "draft:")) == taken
    assert decisions(desk.twin.store, "plan:") == []
