"""What did a new version of a plan change? Versions of plans, and how two of them differ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from citytwin.api.house import House
from citytwin.api.page import Page, Paged, listed
from citytwin.api.route import Query, Route
from citytwin.engine import compare, inforce
from citytwin.kernel.draft import Record
from citytwin.kernel.errors import NotFound
from citytwin.kernel.title import Title


class VersionItem(msgspec.Struct, frozen=True):
    """A version of a plan: who put it in force when, and from which draft. Version 0 is that of the city's folder."""

    version: int
    title: Title
    label: Title
    recorded: datetime | None
    by: str
    draft: str
    in_force: bool


class Edition(msgspec.Struct, frozen=True):
    """One of the versions that are compared."""

    title: Title
    number: str
    issued: date | None
    label: Title


class Changed(msgspec.Struct, frozen=True):
    """A field that differs."""

    field: str
    before: Any
    after: Any
    change: str


class Difference(msgspec.Struct, frozen=True):
    """What became of one promise: the gravest change, and all of them."""

    kind: str
    old: Record | None
    new: Record | None
    details: list[Changed]


class Compared(msgspec.Struct, frozen=True):
    """Two versions of a plan."""

    old: Edition
    new: Edition
    counts: dict[str, int]
    changes: list[Difference]


class BetweenQuery(Query, frozen=True, kw_only=True):
    """Which versions; without them, the one in force against the one before."""

    old: int | None = None
    new: int | None = None


def versions(house: House, id: str, query: Paged) -> Page[VersionItem]:
    """The versions of a plan, the newest first"""
    held = house.twin.in_force.get(id)
    now = held.version if held else None
    found = inforce.versions(house.twin.store, house.twin.city.plans, id)
    if not found:
        raise NotFound(f"there is no plan '{id[:100]}'", "see the list of plans", id[:100])
    items = (
        VersionItem(v.version, v.plan.title, _label(v.version), v.recorded, v.by, v.draft, v.version == now)
        for v in found
    )
    return listed(((_END - item.version, item) for item in items), query)


def version_comparison(house: House, id: str, query: BetweenQuery) -> Compared:
    """What one version of a plan changed against another"""
    house.twin.plan(id)
    held = house.twin.in_force[id]
    found = {v.version: v for v in inforce.versions(house.twin.store, house.twin.city.plans, id)}
    new = held.version if query.new is None else query.new
    earlier = [v for v in found if v < new]
    if query.old is None and not earlier:
        raise NotFound("there is no version before it", "publish a new one", id)
    old = max(earlier) if query.old is None else query.old
    for version in (old, new):
        if version not in found:
            raise NotFound(f"there is no version {version}", f"there are: {', '.join(map(str, sorted(found)))}", id)
    sides = [found[old].plan, found[new].plan]
    editions = [Edition(p.title, p.number, p.issued, _label(v)) for p, v in zip(sides, (old, new), strict=True)]
    return compared(editions[0], compare.records_of(sides[0]), editions[1], compare.records_of(sides[1]))


def compared(old: Edition, before: Sequence[Record], new: Edition, now: Sequence[Record]) -> Compared:
    """The differences of two versions, as they are told."""
    found = compare.compare(before, now)
    changes = [
        Difference(c.kind, c.old, c.new, [Changed(d.field, d.before, d.after, d.change) for d in c.details])
        for c in found.changes
    ]
    return Compared(old, new, dict(found.counts), changes)


def _label(version: int) -> Title:
    return (
        Title(f"第{version}版", f"Version {version}")
        if version
        else Title("城市资料所载", "As the city's folder has it")
    )


_END = 10**12
"""Counts down from here: the place of a version in a list that begins with the newest never changes."""

ROUTES = (
    Route("GET", "/plans/{id}/versions", versions),
    Route("GET", "/plans/{id}/comparison", version_comparison),
)
