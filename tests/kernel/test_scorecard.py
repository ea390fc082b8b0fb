"""Scorecards against sums by hand."""

from __future__ import annotations

from datetime import date

import pytest

from citytwin.kernel.dmn import DecisionTable, Input, Output, Row, Tables
from citytwin.kernel.errors import BadRequest, NotFound
from citytwin.kernel.scorecard import Factor, Grade, Scorecard, Version, flaws, score
from citytwin.kernel.title import Title

T = Title("项", "Item")


def table(id: str, name: str, *rows: tuple[str, str]) -> DecisionTable:
    return DecisionTable(id, T, "U", (Input(name, "number"),), (Output("points"),), tuple(Row((w,), (t,)) for w, t in rows))  # fmt: skip


TABLES = Tables(
    {
        "late": table("late", "days_late", ("0", "0"), ("(0..10]", "-5.1"), ("> 10", "-20.2")),
        "fined": table("fined", "fines", ("0", "10"), ("> 0", "-3 * fines")),
    }
)
GRADES = (Grade("a", T, 90), Grade("b", T, 60), Grade("c", T, 0))
CARD = Scorecard(
    "credit",
    T,
    (
        Version(1, date(2025, 1, 1), 80, (Factor("late", T), Factor("fined", T)), GRADES),
        Version(2, date(2026, 1, 1), 80, (Factor("late", T, 2.0, least=-30), Factor("fined", T)), GRADES),
    ),
)


@pytest.mark.parametrize(
    ("day", "late", "fines", "version", "points", "grade"),
    [
        (date(2025, 6, 1), 0, 0, 1, 90, "a"),
        (date(2025, 6, 1), 3, 2, 1, 68.9, "b"),
        (date(2025, 12, 31), 11, 0, 1, 69.8, "b"),
        (date(2026, 1, 1), 11, 0, 2, 60, "b"),  # twice -20.2 is kept at -30
        (date(2026, 1, 1), 3, 30, 2, -20.2, ""),
    ],
)
def test_scores_against_sums_by_hand(day: date, late: int, fines: int, version: int, points: float, grade: str) -> None:
    got = score(CARD, TABLES, {"days_late": late, "fines": fines}, day)
    assert (got.version, got.points, got.grade) == (version, points, grade)
    assert sum(p.points for p in got.parts) == pytest.approx(points - 80)


def test_what_cannot_be_scored_is_said() -> None:
    with pytest.raises(NotFound, match="2024"):
        score(CARD, TABLES, {}, date(2024, 1, 1))
    with pytest.raises(BadRequest, match="'late' gives no points: no row fits"):
        score(CARD, TABLES, {"fines": 0}, date(2025, 1, 1))
    assert list(flaws(CARD, TABLES)) == []
    bad = Scorecard("x", T, (Version(1, date(2025, 1, 1), 0, (Factor("none", T),)), Version(1, date(2025, 2, 1), 0, ())))  # fmt: skip
    assert [n for n, _, _ in flaws(bad, TABLES)] == [0, 1, 1]
