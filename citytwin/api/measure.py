"""Who has to do what, and is it done? The measures of plans, and what is reported of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, get_args

import msgspec

from citytwin.api.decision import By, Note
from citytwin.api.house import House
from citytwin.api.page import Page, Paged, listed
from citytwin.api.route import Body, Route
from citytwin.engine import follow
from citytwin.engine.inforce import InForce
from citytwin.kernel.plan import Attachment, Measure, MeasureState, Place, Report
from citytwin.kernel.title import Title


class MeasureCounts(msgspec.Struct, frozen=True):
    """How many measures stand how; `overdue` ones are counted where they stand, too."""

    not_started: int
    under_way: int
    delayed: int
    done: int
    overdue: int
    total: int


class MeasureItem(msgspec.Struct, frozen=True, kw_only=True):
    """Work that a plan gives to somebody, and what was last said of it. `target` is the milestone it fulfils, as `plan.target`."""

    id: str
    title: Title
    place: Place
    lead: tuple[str, ...]
    participants: tuple[str, ...]
    deadline: date | None
    target: str
    evidence: Title | None
    state: MeasureState
    overdue: bool
    time: datetime | None
    by: str
    note: str
    attachments: tuple[Attachment, ...]
    on: date | None


class MeasureDetail(MeasureItem, frozen=True, kw_only=True):
    """A measure with all that was said of it, the newest first."""

    plan: str
    plan_title: Title
    history: list[Report]


class TaskItem(MeasureItem, frozen=True, kw_only=True):
    """A measure, and the plan it stands in."""

    plan: str
    plan_title: Title


class TaskQuery(Paged, frozen=True, kw_only=True):
    """Whose measures, and in which state."""

    lead: Annotated[str, msgspec.Meta(description="a body that leads")] = ""
    state: MeasureState | None = None
    overdue: bool | None = None


class Reporting(Body, frozen=True, kw_only=True):
    """How a measure stands; `attachments` are the SHA-256 of files that were sent before."""

    by: By
    state: MeasureState
    note: Note = ""
    attachments: Annotated[tuple[str, ...], msgspec.Meta(max_length=100)] = ()
    on: date | None = None


def standing_of(house: House, held: InForce, m: Measure) -> dict[str, Any]:
    """A measure and what was last said of it, as the fields of a MeasureItem."""
    said = held.report(m.id)
    state = said.state if said else "not_started"
    return {
        "id": m.id,
        "title": m.title,
        "place": m.place,
        "lead": m.lead,
        "participants": m.participants,
        "deadline": m.deadline,
        "target": f"{held.plan.id}.{m.target}" if m.target else "",
        "evidence": m.evidence,
        "state": state,
        "overdue": state != "done" and m.deadline is not None and m.deadline < house.today(),
        "time": said.time if said else None,
        "by": said.by if said else "",
        "note": said.note if said else "",
        "attachments": said.attachments if said else (),
        "on": said.on if said else None,
    }


def tally_of(work: Sequence[dict[str, Any]]) -> MeasureCounts:
    """How many of these measures stand how."""
    counts = Counter(m["state"] for m in work)
    states = {s: counts[s] for s in get_args(MeasureState)}
    return MeasureCounts(**states, overdue=sum(m["overdue"] for m in work), total=len(work))


def measures(house: House, query: TaskQuery) -> Page[TaskItem]:
    """The measures of all plans in force"""
    every = enumerate(
        (held, standing_of(house, held, m)) for held in house.twin.in_force.values() for m in held.plan.measures
    )
    found = (
        (n, TaskItem(**m, plan=held.plan.id, plan_title=held.plan.title))
        for n, (held, m) in every
        if (not query.lead or query.lead in m["lead"])
        and query.state in (None, m["state"])
        and query.overdue in (None, m["overdue"])
    )
    return listed(found, query)


def measure(house: House, id: str, measure: str) -> MeasureDetail:
    """A measure with all that was said of it"""
    return _detail(house, id, measure)


def _detail(house: House, id: str, measure: str) -> MeasureDetail:
    found = follow.measure(house.twin, id, measure)
    held = house.twin.in_force[id]
    said = list(reversed(held.reports.get(found.id, ())))
    return MeasureDetail(**standing_of(house, held, found), plan=id, plan_title=held.plan.title, history=said)


def report(house: House, id: str, measure: str, body: Reporting) -> MeasureDetail:
    """Say how a measure stands, with files as proof"""
    follow.report(house.twin, id, measure, body.by, body.state, body.note, body.attachments, body.on)
    return _detail(house, id, measure)


ROUTES = (
    Route("GET", "/measures", measures),
    Route("GET", "/plans/{id}/measures/{measure}", measure),
    Route("POST", "/plans/{id}/measures/{measure}", report),
)
