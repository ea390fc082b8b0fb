"""A draft becomes a tracked plan: its accepted records are targets, its numbered items measures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Literal

import msgspec

from citytwin.engine import compare, inforce
from citytwin.engine.decision import Step, decide, person
from citytwin.engine.drafts import fold
from citytwin.engine.drafts.judge import sound
from citytwin.engine.drafts.words import words
from citytwin.engine.load import ID, target_faults
from citytwin.engine.twin import Twin, find
from citytwin.kernel.draft import PROMISES, Draft, Part, Record
from citytwin.kernel.errors import BadRequest, Conflict, Fault, NotFound
from citytwin.kernel.plan import Measure, Place, Plan, Target
from citytwin.kernel.store import Change
from citytwin.kernel.title import Title

Open = Literal["refuse", "accept", "leave"]
_NO_WORK = re.compile(
    r"指导思想|基本原则|总体(?:要求|思路|目标)|主要目标|工作目标|发展目标|重点方向|(?:形势|背景|意义|依据|现状|基础|成效|问题|范围)$|目标$"
)
"""Titles of numbered items that give nobody anything to do."""
_PROOF = (
    (re.compile(r"建成|完工|竣工|投运|投用|通车|改造|新建|建设"), Title("竣工验收或投入运行的材料", "Acceptance or commissioning documents")),
    (re.compile(r"出台|印发|发布|编制|制定|修订"), Title("正式印发的文件", "The document as issued")),
)  # fmt: skip
_ANY_PROOF = Title("完成情况说明及证明材料", "A statement of completion with its proofs")


def publish(twin: Twin, id: str, by: str, note: str = "", left: Open = "refuse") -> Plan:
    """Put the plan of a draft in force, as a new version where one is. Records still open are accepted or left out as `left` says.

    A target that was there before keeps its id, its binding and its shares. Raises NotFound, BadRequest naming every record at fault, and
    Conflict when records are open and `left` is `refuse`.
    """
    by = person(by)
    with twin.turn:
        draft = fold.draft(twin.store, id)
        waiting = [r for r in draft.records if r.standing == "open" and r.kind in PROMISES]
        if waiting and left == "refuse":
            raise Conflict(f"{len(waiting)} records are not decided yet", "decide, or say what becomes of them", id)
        accepted = [r for r in draft.records if r.standing == "accepted"]
        if left == "accept":
            accepted = sorted([*accepted, *waiting], key=lambda r: (r.start, r.end, r.id))
        if not accepted:
            raise BadRequest("no record is accepted: there is nothing to track", "accept what is promised", id)
        plan = _plan(twin, draft, accepted)
        version = _version(twin, plan.id) + 1
        body = _kept(twin, plan.id, version, id, msgspec.json.encode(plan).decode(), by)
        steps = []
        if left == "accept" and waiting:
            after = [replace(r, standing="accepted") for r in waiting]
            steps.append(Step(fold.ABOUT + id, "accept", {"records": waiting}, {"records": after}, note))
        told = {"version": version, "draft": id, "targets": len(plan.targets), "measures": len(plan.measures)}
        before = {"version": twin.in_force[plan.id].version} if plan.id in twin.in_force else {}
        steps.append(Step(inforce.ABOUT + plan.id, "publish", before, told, note, [body]))
        state = {"draft": {"state": draft.state}}
        steps.append(
            Step(fold.ABOUT + id, "publish", state, {"draft": {"state": "published"}, "version": version}, note)
        )
        decide(twin, by, *steps)
        twin.recall()
        return plan


def withdraw(twin: Twin, plan: str, by: str, note: str = "") -> None:
    """Take a published plan out of force; one of the city's folder holds again as the folder has it. Raises NotFound, Conflict."""
    with twin.turn:
        held = twin.in_force.get(plan)
        if held is None:
            raise NotFound(f"there is no plan '{plan}'", "see /api/plans", plan)
        if held.version == 0:
            raise Conflict("the plan stands in the city's folder", "take its file out of the folder", plan)
        version = _version(twin, plan) + 1
        body = _kept(twin, plan, version, held.draft, "", by)
        steps = [Step(inforce.ABOUT + plan, "withdraw", {"version": held.version}, {"version": version}, note, [body])]
        state = {"draft": {"state": "published"}}
        steps.append(Step(fold.ABOUT + held.draft, "withdraw", state, {"draft": {"state": "draft"}}, note))
        decide(twin, by, *steps)
        twin.recall()


def show(twin: Twin, plan: str, public: bool, by: str, note: str = "") -> None:
    """Say whether everybody may see how a plan in force stands, without signing in. Raises NotFound, and Conflict where it is so already."""
    by = person(by)
    with twin.turn:
        held = find(twin.in_force, plan, "plan")
        if held.public == public:
            raise Conflict(f"the plan is {'public' if public else 'not public'} already", "nothing is left to do", plan)
        decide(twin, by, Step(inforce.ABOUT + plan, "show", {"public": held.public}, {"public": public}, note))
        twin.recall()


def _plan(twin: Twin, draft: Draft, accepted: Sequence[Record]) -> Plan:
    held = twin.in_force.get(draft.plan)
    old = held.plan if held else None
    kept = _same(old, accepted)
    taken = {t.id for t in old.targets} if old else set()
    targets: list[Target] = []
    faults: list[Fault] = []
    for r in accepted:
        before = kept.get(r.id)
        target = _target(r, before, taken)
        try:
            sound(r)
        except BadRequest as e:
            faults.append(Fault(r.id, "RECORD", e.message, e.hint))
        faults += [Fault(r.id, "RECORD", message, hint) for message, hint in target_faults(target)]
        targets.append(target)
        if before and old:
            targets += [t for t in old.targets if t.part_of == before.id]
    if faults:
        raise BadRequest(f"{len(faults)} records cannot be tracked as they are", "edit them", draft.id, tuple(faults))
    title = Title(draft.title.zh, draft.title.en or draft.title.zh)
    number = old.document if old else draft.document
    measures = _measures(
        words(twin.store, draft.id, draft.version).sections, accepted, targets, old.measures if old else ()
    )
    return Plan(draft.plan, title, draft.issuer, number, draft.number, draft.issued, tuple(targets), tuple(measures))


def _same(old: Plan | None, accepted: Sequence[Record]) -> dict[str, Target]:
    """Record id → the target of the plan in force that it is."""
    if old is None:
        return {}
    whole = {t.id: t for t in old.targets if not t.part_of}
    found = {r.id: whole[r.id] for r in accepted if r.id in whole}
    rest = [r for r in accepted if r.id not in found]
    others = [r for r in compare.records_of(old) if r.id in whole and r.id not in found]
    for before, now in compare.match(others, rest):
        if before is not None and now is not None:
            found[now.id] = whole[before.id]
    return found


def _target(r: Record, before: Target | None, taken: set[str]) -> Target:
    id = before.id if before else r.id
    while before is None and id in taken:  # a target of the folder may be called so
        id += "n"
    assert ID.fullmatch(id)
    english = r.subject_en or (before.subject.en if before and before.subject.zh == r.subject else "") or r.subject
    measured = r.measured_by or (before.measured_by if before else None)
    unmeasured = None if measured else (before.not_measured if before else None) or inforce.UNBOUND
    return Target(
        id=id,
        subject=Title(r.subject, english),
        kind=r.kind,  # type: ignore[arg-type]  # a promise: sound() saw to it
        comparator=r.comparator or ("done_by" if r.value is None else "="),
        place=Place(r.section, r.start, r.end),
        value=r.value, value_max=r.value_max, unit=r.unit, qualifier=r.qualifier, scope=r.scope, baseline=r.baseline,
        baseline_value=r.baseline_value, deadline=r.deadline, lead=r.lead, participants=r.participants,
        systems=before.systems if before else (),
        measured_by=measured, not_measured=unmeasured,
    )  # fmt: skip


def _measures(
    sections: Sequence[Part], accepted: Sequence[Record], targets: Sequence[Target], old: Sequence[Measure]
) -> list[Measure]:
    """The innermost numbered items that give somebody work, and the dated deliverables; known ones keep their id."""
    leaves = [
        s
        for i, s in enumerate(sections)
        if not (i + 1 < len(sections) and sections[i + 1].level > s.level) and not _NO_WORK.search(s.title)
    ]
    made = []
    for s in leaves:
        inside = [r for r in accepted if s.start <= r.start < s.end]
        # where no bracket answers for the whole item, those whom its promises name do
        lead = s.lead or tuple(dict.fromkeys(b for r in inside for b in r.lead))
        joined = s.participants or tuple(dict.fromkeys(b for r in inside for b in r.participants if b not in lead))
        title, place = Title(s.title, s.title), Place(s.path, s.start, s.end)
        made.append(Measure("", title, place, lead, joined, _latest(inside), "", _ANY_PROOF))
    for t in targets:
        if t.kind == "milestone" and not t.part_of:
            proof = next((title for words, title in _PROOF if words.search(t.subject.zh)), _ANY_PROOF)
            made.append(Measure("", t.subject, t.place, t.lead, t.participants, t.deadline, t.id, proof))
    ids: dict[tuple[str, str], list[str]] = {}
    for m in old:
        ids.setdefault((m.title.zh, m.target), []).append(m.id)
    number = max((int(m.id[1:]) for m in old if m.id[1:].isdigit()), default=0)
    out = []
    for m in made:
        known = ids.get((m.title.zh, m.target))
        if known:
            id = known.pop(0)
        else:
            number += 1
            id = f"m{number:03d}"
        out.append(replace(m, id=id))
    return out


def _latest(found: Iterable[Record]) -> date | None:
    return max((r.deadline for r in found if r.deadline), default=None)


def _version(twin: Twin, plan: str) -> int:
    found = twin.store.fetch("SELECT coalesce(max(version), 0) AS n FROM plan_row WHERE plan = $plan", {"plan": plan})
    return int(found["n"][0].as_py())


def _kept(twin: Twin, plan: str, version: int, draft: str, body: str, by: str) -> Change:
    return Change(
        "INSERT INTO plan_row VALUES ($plan, $version, $draft, $body, $actor, $recorded)",
        {"plan": plan, "version": version, "draft": draft, "body": body, "actor": by, "recorded": twin.clock.now()},
    )
