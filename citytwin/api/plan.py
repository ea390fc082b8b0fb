"""What was promised, and how do we stand? Plans and targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Any

import msgspec

from citytwin.api.city import AsOf, TargetCounts
from citytwin.api.decision import By, History, Note, history
from citytwin.api.house import House
from citytwin.api.measure import MeasureCounts, MeasureItem, standing_of, tally_of
from citytwin.api.page import MOST, Page, Paged, listed
from citytwin.api.route import Body, Route
from citytwin.engine import inforce, share, track
from citytwin.engine.drafts import publish
from citytwin.engine.summary import tally
from citytwin.kernel.errors import NotFound
from citytwin.kernel.indicator import Better, Period
from citytwin.kernel.plan import Binding, Comparator, Kind, MeasureState, Place, Plan, Progress, Status, Target
from citytwin.kernel.title import Title


class PlanItem(msgspec.Struct, frozen=True, kw_only=True):
    """A plan document, and how many of its targets and measures stand how.

    `version` 0 is that of the city's folder; `published`, `by` and `draft` tell who put another in force, from what. `public`: everybody may see how it stands.
    """

    id: str
    title: Title
    number: str
    issuer: tuple[str, ...]
    issued: date | None
    document: int
    counts: TargetCounts
    version: int
    published: datetime | None
    by: str
    draft: str
    measures_counts: MeasureCounts
    public: bool


class _Target(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    plan_title: Title
    subject: Title
    kind: Kind
    comparator: Comparator
    value: float | None
    value_max: float | None
    unit: str
    qualifier: str
    scope: str
    baseline: int | None
    baseline_value: float | None
    deadline: date | None
    lead: tuple[str, ...]
    participants: tuple[str, ...]
    systems: tuple[str, ...]
    place: Place
    measured_by: Binding | None
    not_measured: Title | None
    part_of: str
    weight: float | None
    progress: Progress


class TargetItem(_Target, frozen=True, kw_only=True):
    """A commitment of a plan, and how it stands. `value` is in `unit`, the figures of `progress` in its own.

    `asset` is whose share of a divided target it is.
    """

    plan: str
    asset: str


class PlanDetail(PlanItem, frozen=True, kw_only=True):
    """A plan with its targets and measures."""

    targets: list[TargetItem]
    measures: list[MeasureItem]


class Source(msgspec.Struct, frozen=True):
    """The plan that a target stands in."""

    id: str
    title: Title
    number: str
    issuer: tuple[str, ...]
    issued: date | None


class Gauge(msgspec.Struct, frozen=True):
    """The indicator that measures a target."""

    id: str
    title: Title
    unit: str
    source: Title
    every: Period
    better: Better


class Named(msgspec.Struct, frozen=True):
    """An asset by name."""

    id: str
    title: Title


class Points(msgspec.Struct, frozen=True):
    """Values over time."""

    time: list[int]
    value: list[float]


class Fan(msgspec.Struct, frozen=True):
    """Expected values over time, with the interval that holds nine in ten."""

    time: list[int]
    value: list[float]
    low: list[float]
    high: list[float]


class Share(msgspec.Struct, frozen=True):
    """What the parts of a divided target come to by the rule, and how far that is from the goal."""

    sum: float | None
    goal: float | None
    difference: float | None
    rule: share.Rule


class TargetDetail(_Target, frozen=True, kw_only=True):
    """A target with its figures, its path from baseline to goal, and the forecast, all in `unit`.

    `stated_unit` is the unit in which the plan states `value`.
    """

    plan: Source
    stated_unit: str
    indicator: Gauge | None
    asset: Named | None
    series: Points
    path: Points
    forecast: Fan
    parts: list[TargetItem]
    share: Share | None


class PlanQuery(Paged, frozen=True, kw_only=True):
    """As of which day."""

    as_of: date | None = None


class TargetQuery(PlanQuery, frozen=True, kw_only=True):
    """Which targets."""

    plan: Annotated[str, msgspec.Meta(description="plan")] | None = None
    status: Status | None = None


class Withdrawing(Body, frozen=True, kw_only=True):
    """Who takes the plan out of force, and why."""

    by: By
    note: Note = ""


class Showing(Withdrawing, frozen=True, kw_only=True):
    """Who says that everybody may see a plan, or no longer, and why."""

    public: bool


class PublicTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A commitment as everybody sees it; `figure` and `goal` are in `figure_unit`."""

    id: str
    subject: Title
    kind: Kind
    comparator: Comparator
    value: float | None
    value_max: float | None
    unit: str
    qualifier: str
    deadline: date | None
    lead: tuple[str, ...]
    participants: tuple[str, ...]
    part_of: str
    status: Status
    figure: float | None = None
    figure_unit: str
    period: date | None
    goal: float | None
    probability: float | None


class PublicMeasure(msgspec.Struct, frozen=True):
    """Work that a plan gives to somebody, as everybody sees it: no names, no notes."""

    id: str
    title: Title
    lead: tuple[str, ...]
    deadline: date | None
    state: MeasureState
    overdue: bool
    on: date | None


class PublicPlan(msgspec.Struct, kw_only=True):
    """A plan as everybody sees it. Of a list of them targets and measures are left out."""

    id: str
    title: Title
    number: str
    issuer: tuple[str, ...]
    issued: date | None
    counts: TargetCounts
    measures_counts: MeasureCounts
    now: datetime
    targets: list[PublicTarget] = []
    measures: list[PublicMeasure] = []


def _standing(house: House, as_of: date | None) -> dict[str, Progress]:
    return {p.target: p for p in house.progress(as_of)}


def _plan(house: House, p: Plan, standing: dict[str, Progress]) -> dict[str, Any]:
    held = house.twin.in_force[p.id]
    work = [standing_of(house, held, m) for m in p.measures]
    return {
        "version": held.version,
        "published": held.published,
        "by": held.by,
        "draft": held.draft,
        "measures_counts": tally_of(work),
        "public": held.public,
        "id": p.id,
        "title": p.title,
        "number": p.number,
        "issuer": p.issuer,
        "issued": p.issued,
        "document": p.document,
        "counts": TargetCounts(**tally([standing[f"{p.id}.{t.id}"] for t in p.targets])),
    }


def _target(p: Plan, t: Target, progress: Progress) -> dict[str, Any]:
    return {
        "id": f"{p.id}.{t.id}",
        "plan_title": p.title,
        "subject": t.subject,
        "kind": t.kind,
        "comparator": t.comparator,
        "value": t.value,
        "value_max": t.value_max,
        "qualifier": t.qualifier,
        "scope": t.scope,
        "baseline": t.baseline,
        "baseline_value": t.baseline_value,
        "deadline": t.deadline,
        "lead": t.lead,
        "participants": t.participants,
        "systems": t.systems,
        "place": t.place,
        "measured_by": t.measured_by,
        "not_measured": t.not_measured,
        "part_of": f"{p.id}.{t.part_of}" if t.part_of else "",
        "weight": t.weight,
        "progress": progress,
    }


def _item(p: Plan, t: Target, standing: dict[str, Progress]) -> TargetItem:
    return TargetItem(**_target(p, t, standing[f"{p.id}.{t.id}"]), unit=t.unit, plan=p.id, asset=t.asset)


def plans(house: House, query: PlanQuery) -> Page[PlanItem]:
    """The plans of the city, and how their targets stand"""
    standing = _standing(house, query.as_of)
    return listed(enumerate(PlanItem(**_plan(house, p, standing)) for p in house.twin.plans), query)


def plan(house: House, id: str, query: AsOf) -> PlanDetail:
    """A plan with its targets"""
    return detail(house, id, query.as_of)


def detail(house: House, id: str, as_of: date | None) -> PlanDetail:
    """A plan with its targets, its measures, and how they stand."""
    p = house.twin.plan(id)
    standing = _standing(house, as_of)
    return PlanDetail(
        **_plan(house, p, standing),
        targets=[_item(p, t, standing) for t in p.targets],
        measures=[MeasureItem(**standing_of(house, house.twin.in_force[id], m)) for m in p.measures],
    )


def plan_decisions(house: House, id: str, query: Paged) -> History:
    """Every decision about a plan in force, newest first"""
    house.twin.plan(id)
    return history(house, inforce.ABOUT + id, query)


def withdraw(house: House, id: str, body: Withdrawing) -> Page[PlanItem]:
    """Take a published plan out of force; the answer is what holds then"""
    publish.withdraw(house.twin, id, body.by, body.note)
    return plans(house, PlanQuery(limit=MOST))


def show(house: House, id: str, body: Showing) -> Page[PlanItem]:
    """Say whether everybody may see how a plan stands, without signing in"""
    publish.show(house.twin, id, body.public, body.by, body.note)
    return plans(house, PlanQuery(limit=MOST))


def public_plans(house: House) -> list[PublicPlan]:
    """The plans that everybody may see, and how their targets stand"""
    standing = _standing(house, None)
    return [_public(house, p, standing) for p in house.twin.plans if house.twin.in_force[p.id].public]


def public_plan(house: House, id: str) -> PublicPlan:
    """A plan that everybody may see: its targets, its measures, and how they stand"""
    held = house.twin.in_force.get(id)
    if held is None or not held.public:
        raise NotFound(f"there is no public plan '{id[:100]}'", "see /api/public/plans", id[:100])
    return _public(house, held.plan, _standing(house, None), whole=True)


def _public(house: House, p: Plan, standing: dict[str, Progress], whole: bool = False) -> PublicPlan:
    known = _plan(house, p, standing)
    told = PublicPlan(
        **{k: known[k] for k in ("id", "title", "number", "issuer", "issued", "counts", "measures_counts")},
        now=house.now(),
    )
    if not whole:
        return told
    told.targets = [
        PublicTarget(
            **{k: getattr(item, k) for k in _SHOWN},
            **{k: getattr(item.progress, k) for k in _STANDING},
            figure=item.progress.value,
            figure_unit=item.progress.unit,
        )
        for item in (_item(p, t, standing) for t in p.targets)
    ]
    held = house.twin.in_force[p.id]
    work = [MeasureItem(**standing_of(house, held, m)) for m in p.measures]
    told.measures = [PublicMeasure(m.id, m.title, m.lead, m.deadline, m.state, m.overdue, m.on) for m in work]
    return told


_SHOWN = (
    "id",
    "subject",
    "kind",
    "comparator",
    "value",
    "value_max",
    "unit",
    "qualifier",
    "deadline",
    "lead",
    "participants",
    "part_of",
)
_STANDING = ("status", "period", "goal", "probability")


def targets(house: House, query: TargetQuery) -> Page[TargetItem]:
    """Targets, and how they stand"""
    if query.plan is not None:
        house.twin.plan(query.plan)
    standing = _standing(house, query.as_of)
    every = enumerate((p, t) for p in house.twin.plans for t in p.targets)
    found = (
        (n, _item(p, t, standing))
        for n, (p, t) in every
        if query.plan in (None, p.id) and query.status in (None, standing[f"{p.id}.{t.id}"].status)
    )
    return listed(found, query)


def target(house: House, id: str, query: AsOf) -> TargetDetail:
    """A target with its figures, its path from baseline to goal, and the forecast"""
    p, t = house.twin.target(id)
    standing = _standing(house, query.as_of)
    progress = standing[id]
    way = track.trajectory(house.twin, id, progress.as_of)
    gauge = asset = None
    if t.measured_by:
        i = house.twin.indicators.get(t.measured_by.indicator)
        gauge = Gauge(i.id, i.title, i.unit, i.source, i.every, i.better) if i else None
        found = house.rows(
            "SELECT title_zh, title_en FROM asset WHERE asset_id = $asset", {"asset": t.measured_by.asset}
        )
        asset = Named(t.measured_by.asset, Title(found[0]["title_zh"], found[0]["title_en"])) if found else None
    shares = [s for s in p.targets if s.part_of == t.id]
    return TargetDetail(
        **_target(p, t, progress),
        plan=Source(p.id, p.title, p.number, p.issuer, p.issued),
        unit=way.unit,
        stated_unit=t.unit,
        indicator=gauge,
        asset=asset,
        series=Points(_ms(way.time), way.value),
        path=Points(_ms(at for at, _ in way.path), [v for _, v in way.path]),
        forecast=Fan(
            _ms(f[0] for f in way.forecast),
            [f[1] for f in way.forecast],
            [f[2] for f in way.forecast],
            [f[3] for f in way.forecast],
        ),
        parts=[_item(p, s, standing) for s in shares],
        share=_share(house, t, shares) if shares else None,
    )


def _share(house: House, t: Target, shares: Sequence[Target]) -> Share:
    parts = [share.Part(s.subject, s.value, s.asset, s.baseline_value, s.lead, s.deadline) for s in shares]
    indicator = house.twin.indicators.get(t.measured_by.indicator) if t.measured_by else None
    weights = [s.weight for s in shares if s.weight is not None]
    found = share.check(t, parts, weights=weights if len(weights) == len(shares) else None, indicator=indicator)
    return Share(found.sum, t.value, found.difference, found.rule)


def _ms(moments: Iterable[datetime]) -> list[int]:
    return [round(m.timestamp() * 1000) for m in moments]


ROUTES = (
    Route("GET", "/plans", plans),
    Route("GET", "/plans/{id}", plan),
    Route("GET", "/targets", targets),
    Route("GET", "/targets/{id}", target),
    Route("GET", "/plans/{id}/decisions", plan_decisions),
    Route("POST", "/plans/{id}/public", show),
    Route("GET", "/public/plans", public_plans),
    Route("GET", "/public/plans/{id}", public_plan),
    Route("POST", "/plans/{id}/withdraw", withdraw),
)
