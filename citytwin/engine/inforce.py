"""Which plans hold now? Those of the city's folder and those published here, with what was decided about them since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from citytwin.engine.decision import decisions
from citytwin.kernel.draft import Decision
from citytwin.kernel.plan import Binding, Plan, Report, Target
from citytwin.kernel.store import Store
from citytwin.kernel.title import Title

ABOUT = "plan:"
UNBOUND = Title("尚未绑定指标", "Not bound to an indicator yet")


@dataclass(frozen=True, slots=True)
class InForce:
    """A plan that holds. `version` 0 is the city's folder; `published`, `by` and `draft` tell who put another in force, from what."""

    plan: Plan
    version: int = 0
    published: datetime | None = None
    by: str = ""
    draft: str = ""
    reports: Mapping[str, tuple[Report, ...]] = field(default_factory=dict)
    """What was said of each measure, oldest first."""
    public: bool = False
    """Whether everybody may see how it stands, without signing in."""

    def report(self, measure: str, until: datetime | None = None) -> Report | None:
        """What was last said of a measure, up to a moment."""
        said = [r for r in self.reports.get(measure, ()) if until is None or r.time < until]
        return said[-1] if said else None


def plans(store: Store, declared: Sequence[Plan]) -> dict[str, InForce]:
    """Every plan in force by id: the city's own first, in their order, then those published here."""
    bases = {p.id: InForce(p) for p in declared}
    newest = store.fetch(
        "SELECT plan, version, draft, body, actor, recorded FROM plan_row AS p "
        "WHERE version = (SELECT max(version) FROM plan_row AS n WHERE n.plan = p.plan) ORDER BY recorded, plan"
    ).to_pylist()
    for row in newest:
        if row["body"]:
            plan = msgspec.json.decode(row["body"], type=Plan)
            bases[plan.id] = InForce(plan, row["version"], row["recorded"], row["actor"], row["draft"])
    taken: dict[str, list[Decision]] = {}
    for d in decisions(store, ABOUT):
        taken.setdefault(d.about.removeprefix(ABOUT), []).append(d)
    return {id: _since(base, taken.get(id, [])) for id, base in bases.items()}


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a plan: 0 is the city's folder; those that were withdrawn have none of their own."""

    version: int
    plan: Plan
    recorded: datetime | None = None
    by: str = ""
    draft: str = ""


def versions(store: Store, declared: Sequence[Plan], plan: str) -> list[Version]:
    """Every version of a plan as it was put in force, the newest first."""
    rows = store.fetch(
        "SELECT version, draft, body, actor, recorded FROM plan_row WHERE plan = $plan AND body <> '' ORDER BY version DESC",
        {"plan": plan},
    ).to_pylist()
    found = [
        Version(r["version"], msgspec.json.decode(r["body"], type=Plan), r["recorded"], r["actor"], r["draft"])
        for r in rows
    ]
    return found + [Version(0, p) for p in declared if p.id == plan]


def _since(base: InForce, taken: Sequence[Decision]) -> InForce:
    """The plan with the bindings, shares and reports decided since it was put in force.

    A published version takes over what held before it, so that what was decided earlier counts only where it is withdrawn again.
    """
    bound: dict[str, Binding | None] = {}
    shared: dict[str, tuple[Target, ...]] = {}
    reports: dict[str, tuple[Report, ...]] = {}
    folder: tuple[dict[str, Binding | None], dict[str, tuple[Target, ...]]] = ({}, {})
    published = public = False
    for d in taken:
        match d.act:
            case "publish":
                if not published:
                    folder = (bound, shared)
                bound, shared, published = {}, {}, True
            case "withdraw":
                (bound, shared), published = folder, False
            case "bind":
                bound[_text(d.after, "target")] = msgspec.convert(d.after.get("measured_by"), Binding | None)
            case "share":
                shared[_text(d.after, "target")] = tuple(msgspec.convert(d.after["parts"], list[Target], strict=False))
            case "show":
                public = bool(d.after.get("public"))
            case "report":
                report = msgspec.convert(d.after, Report, strict=False)
                reports[report.measure] = (*reports.get(report.measure, ()), report)
    targets: list[Target] = []
    for target in base.plan.targets:
        if target.part_of in shared:
            continue  # divided anew since
        targets.append(_bind(target, bound))
        targets += [_bind(part, bound) for part in shared.get(target.id, ())]
    return replace(base, plan=replace(base.plan, targets=tuple(targets)), reports=reports, public=public)


def _bind(target: Target, bound: Mapping[str, Binding | None]) -> Target:
    if target.id not in bound:
        return target
    chosen = bound[target.id]
    return replace(target, measured_by=chosen, not_measured=None if chosen else UNBOUND)


def _text(side: Mapping[str, Any], name: str) -> str:
    return str(side.get(name, ""))
