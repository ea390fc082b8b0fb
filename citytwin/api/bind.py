"""What measures a target? Proposals, bindings, and the shares of a divided target."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from citytwin.api.city import AsOf
from citytwin.api.decision import By, Note
from citytwin.api.house import House
from citytwin.api.plan import TargetDetail, target
from citytwin.api.route import Body, Route
from citytwin.engine import follow, propose, share
from citytwin.kernel.draft import Record
from citytwin.kernel.indicator import Period
from citytwin.kernel.plan import Target
from citytwin.kernel.title import Title


class Bound(Body, frozen=True, kw_only=True):
    """Which indicator at which asset measures a target; both empty: none."""

    by: By
    indicator: str
    asset: str
    note: Note = ""


class ProposalItem(msgspec.Struct, frozen=True, kw_only=True):
    """An indicator that could measure it: how well it fits and why, how many figures are on record, and the newest."""

    indicator: str
    title: Title
    unit: str
    every: Period
    asset: str
    asset_title: Title
    score: float
    reason: Title
    figures: int
    period: date | None
    value: float | None


class Proposed(msgspec.Struct, frozen=True):
    """What could measure a target, the best first; `lacks` says which data are missing when nothing can."""

    items: list[ProposalItem]
    lacks: Title | None


class PartItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one institution, district or name is to reach, in the units of the target."""

    title: Title
    value: float | None
    asset: Annotated[str, msgspec.Meta(max_length=64)] = ""
    baseline_value: float | None = None
    lead: tuple[str, ...] = ()
    deadline: date | None = None
    weight: float | None = None


class DivisionItem(msgspec.Struct, frozen=True, kw_only=True):
    """A target divided: its parts, what they come to by the rule, and how far that is from the goal."""

    parts: list[PartItem]
    sum: float | None
    goal: float | None
    difference: float | None
    rule: share.Rule


class Dividing(Body, frozen=True, kw_only=True):
    """Among whom (`among`, a type of assets, or `names`) and how a target is to be divided."""

    among: str = ""
    assets: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    by: share.Way = "equal"
    column: str = ""
    weights: tuple[float, ...] = ()


class Divided(Body, frozen=True, kw_only=True):
    """The parts of a target, as they are to hold; none: it is not divided any more."""

    by: By
    parts: tuple[PartItem, ...]
    note: Note = ""


def target_proposals(house: House, id: str) -> Proposed:
    """The indicators that could measure a target, the best first"""
    plan, found = house.twin.target(id)
    return proposed(house, found, plan.title.zh)


def proposed(house: House, wanted: Target | Record, document: str) -> Proposed:
    """What could measure a target or a record of the document with this title."""
    found = propose.propose(house.twin, wanted, document=document)
    items = []
    for i in found.items:
        declared = house.twin.indicators[i.indicator]
        items.append(
            ProposalItem(
                indicator=i.indicator, title=declared.title, unit=declared.unit, every=declared.every, asset=i.asset,
                asset_title=i.asset_title, score=round(i.score, 3), reason=i.reason,
                figures=i.figures, period=i.period, value=i.value,
            )
        )  # fmt: skip
    return Proposed(items, found.lacks)


def bind(house: House, id: str, body: Bound) -> TargetDetail:
    """Let an indicator at an asset measure a target, or take that back"""
    follow.bind(house.twin, id, body.by, body.indicator, body.asset, body.note)
    return target(house, id, AsOf())


def divide(house: House, id: str, body: Dividing) -> DivisionItem:
    """What a division of a target would come to: nothing is recorded"""
    plan, found = house.twin.target(id)
    made = share.preview(
        house.twin, plan, found, body.among, body.by,
        assets=body.assets, names=body.names, column=body.column, weights=body.weights,
    )  # fmt: skip
    parts = [
        PartItem(
            title=p.title, value=p.value, asset=p.asset, baseline_value=p.baseline_value, lead=p.lead,
            deadline=p.deadline, weight=p.weight,
        )
        for p in made.parts
    ]  # fmt: skip
    return DivisionItem(parts=parts, sum=made.sum, goal=made.goal, difference=made.difference, rule=made.rule)


def parts(house: House, id: str, body: Divided) -> TargetDetail:
    """Divide a target into parts with their own lead and deadline, or take the division back"""
    given = [share.Part(p.title, p.value, p.asset, p.baseline_value, p.lead, p.deadline, p.weight) for p in body.parts]
    made = share.targets(house.twin, house.twin.target(id)[1], given)
    follow.share(house.twin, id, body.by, made, body.note)
    return target(house, id, AsOf())


ROUTES = (
    Route("GET", "/targets/{id}/proposals", target_proposals),
    Route("POST", "/targets/{id}/binding", bind),
    Route("POST", "/targets/{id}/parts/preview", divide),
    Route("POST", "/targets/{id}/parts", parts),
)
