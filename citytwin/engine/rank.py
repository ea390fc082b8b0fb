"""Who stands where? The scores that cases were given under a scorecard, as they went on record, and how they went over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from statistics import fmean
from zoneinfo import ZoneInfo

import msgspec

from citytwin.engine.twin import Twin, rows
from citytwin.kernel.scorecard import Score


@dataclass(frozen=True, slots=True)
class Given:
    """A score that a case was given, by its n-th event."""

    case: str
    type: str
    asset: str
    n: int
    time: datetime
    by: str
    score: Score


@dataclass(frozen=True, slots=True)
class Month:
    """The scores of one month (its first day, in the city's zone) under one version: how many, their mean, least and most [points], and how many of each grade."""

    month: date
    version: int
    count: int
    mean: float
    least: float
    most: float
    grades: Mapping[str, int]


def given(twin: Twin, scorecard: str) -> list[Given]:
    """Every score that was given under a scorecard (`pack.id`), the oldest first. What was given is read, never computed anew: versions that came later change nothing."""
    pack, _, local = scorecard.partition(".")
    if not any(s.score == local for k in twin.cases.values() if k.id.startswith(f"{pack}.") for s in k.steps):
        return []
    sql = """SELECT e.case_id, e.n, e.time, e.actor, f.type, f.asset_id, CAST(json_extract(e.body, $path) AS VARCHAR) AS score
             FROM case_event AS e JOIN case_file AS f ON f.case_id = e.case_id
             WHERE e.act = 'advance' AND starts_with(f.type, $pack) AND json_extract(e.body, $path) IS NOT NULL ORDER BY e.time, e.case_id, e.n"""
    found = rows(twin.store.fetch(sql, {"path": f'$.facts."{local}_score"', "pack": f"{pack}."}))
    return [
        Given(r["case_id"], r["type"], r["asset_id"], r["n"], r["time"], r["actor"], msgspec.json.decode(r["score"], type=Score))
        for r in found
    ]  # fmt: skip


def last(found: Iterable[Given]) -> list[Given]:
    """Of every case the last score that it was given."""
    return list({g.case: g for g in found}.values())


def course(found: Iterable[Given], zone: str) -> list[Month]:
    """The months in which scores were given, by version, the oldest first."""
    grouped: dict[tuple[date, int], list[Score]] = {}
    for g in found:
        month = g.time.astimezone(ZoneInfo(zone)).date().replace(day=1)
        grouped.setdefault((month, g.score.version), []).append(g.score)
    return [
        Month(month, version, len(scores), fmean(s.points for s in scores), min(s.points for s in scores), max(s.points for s in scores), Counter(s.grade for s in scores))
        for (month, version), scores in sorted(grouped.items())
    ]  # fmt: skip
