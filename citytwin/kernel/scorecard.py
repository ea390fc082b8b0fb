"""How do they score? Points for what is known of somebody, by a table for each factor, in dated versions that stay on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from citytwin.kernel.dmn import Outcome, Tables
from citytwin.kernel.errors import BadRequest, NotFound
from citytwin.kernel.feel import plain
from citytwin.kernel.title import Title


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor: the decision table that gives its points, times `weight`, and at most and least so many."""

    table: str
    title: Title
    weight: float = 1.0
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade, from `from_points` on."""

    id: str
    title: Title
    from_points: float


@dataclass(frozen=True, slots=True)
class Version:
    """A scorecard as it holds from `since` on: points to begin with, factors, grades, and where they come from."""

    version: int
    since: date
    base: float
    factors: tuple[Factor, ...]
    grades: tuple[Grade, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A way of scoring, in versions. Scores given under one are never computed anew under another."""

    id: str
    title: Title
    versions: tuple[Version, ...]

    def on(self, day: date) -> Version:
        """The version that holds on a day. Raises NotFound."""
        held = [v for v in self.versions if v.since <= day]
        if not held:
            first = min(v.since for v in self.versions)
            raise NotFound(f"scorecard '{self.id}' has no version of {day}", f"the first holds from {first}", self.id)
        return max(held, key=lambda v: (v.since, v.version))


@dataclass(frozen=True, slots=True)
class Part:
    """What one factor gave: points, and the rows of its table that fit."""

    table: str
    points: float
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """Points with where they come from: the version, the grade, every factor."""

    scorecard: str
    version: int
    points: float
    grade: str
    parts: tuple[Part, ...]


def score(card: Scorecard, tables: Tables, facts: Mapping[str, Any], day: date) -> Score:
    """The score of these facts by the version that holds on a day. Raises BadRequest where a factor says nothing, NotFound without a version."""
    version = card.on(day)
    total = Decimal(repr(version.base))
    parts = []
    for factor in version.factors:
        found: Outcome = tables.decide(factor.table, facts)
        if found.fault or not isinstance(found.value, Decimal):
            why = found.fault or (
                "no row fits" if found.value is None else f"it says {plain(found.value)!r}, not points"
            )
            raise BadRequest(f"factor '{factor.table}' gives no points: {why}", "give the facts it asks about", factor.table)  # fmt: skip
        points = found.value * Decimal(repr(factor.weight))
        if factor.least is not None:
            points = max(points, Decimal(repr(factor.least)))
        if factor.most is not None:
            points = min(points, Decimal(repr(factor.most)))
        total += points
        parts.append(Part(factor.table, float(points), found.rows))
    reached = [g for g in version.grades if Decimal(repr(g.from_points)) <= total]
    grade = max(reached, key=lambda g: g.from_points).id if reached else ""
    return Score(card.id, version.version, float(total), grade, tuple(parts))


def flaws(card: Scorecard, tables: Tables) -> Iterator[tuple[int, str, str]]:
    """What is wrong with a scorecard: the version (from 0; -1 the whole), what, and what to do."""
    if not card.versions:
        yield -1, "the scorecard has no version", "give one"
    for n, v in enumerate(card.versions):
        if any(w.version == v.version or w.since == v.since for w in card.versions[:n]):
            yield n, f"version {v.version} or its day stands twice", "number versions, one a day at most"
        if not v.factors:
            yield n, f"version {v.version} has no factors", "name the tables that give points"
        for f in v.factors:
            if f.table not in tables.tables:
                yield n, f"there is no decision table '{f.table}'", f"there are: {', '.join(sorted(tables.tables))}"
            elif len(tables.tables[f.table].outputs) != 1:
                yield n, f"table '{f.table}' has several outputs", "points are one number"
        limits = [g.from_points for g in v.grades]
        if len(set(limits)) != len(limits):
            yield n, f"two grades of version {v.version} begin at the same points", "let each begin elsewhere"
