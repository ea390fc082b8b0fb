"""Decision tables: hit policies against the standard's words, flaws against brute force, and what a stranger may write into an expression."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.kernel import feel
from citytwin.kernel.dmn import DecisionTable, Input, Output, Row, Tables
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.title import Title


def table(hit: str, rows: list[tuple[str, str]], values: tuple[str, ...] = (), kind: str = "any", id: str = "t", default: str = "", of: str = "x") -> DecisionTable:  # fmt: skip
    """A table of one input x and one output y."""
    made = tuple(Row((when,), (then,)) for when, then in rows)
    return DecisionTable(id, Title("表", "Table"), hit, (Input("x", kind, of if of != "x" else ""),), (Output("y", values, default),), made)  # type: ignore[arg-type]  # fmt: skip


def said(t: DecisionTable, x: Any) -> Any:
    found = Tables({t.id: t}).decide(t.id, {"x": x})
    return found.fault or feel.plain(found.value)


ROWS = [("< 10", "3"), ("< 20", "1"), ("[15..30]", "2"), ("> 100", "1")]


@pytest.mark.parametrize(
    ("hit", "expected"),
    [("F", 3), ("R", [3, 1]), ("C", [3, 1]), ("C+", 4), ("C<", 1), ("C>", 3), ("C#", 2), ("P", 1), ("O", [1, 3])],
)
def test_hit_policies_against_the_standard(hit: str, expected: Any) -> None:
    assert said(table(hit, ROWS, ("1", "2", "3") if hit in "PO" else ()), 5) == expected


def test_unique_and_any_say_what_is_wrong() -> None:
    assert said(table("U", ROWS), 25) == 2
    assert said(table("U", ROWS), 5) == "rows 1 and 2 both fit, and only one may"
    assert said(table("A", ROWS), 5) == "rows 1 and 2 fit and say different things"
    assert said(table("A", [("< 9", "1"), ("< 10", "1")]), 5) == 1
    assert said(table("U", ROWS), 50) is None
    assert said(table("U", ROWS, default="7"), 50) == 7
    assert said(table("C#", ROWS), 50) == 0


@pytest.mark.parametrize(
    ("test", "inside", "outside"),
    [
        ("-", [1, "a", None], []),
        ("5", [5, 5.0], [6, "5", None, True]),
        ('"a","b"', ["a", "b"], ["c", 1]),
        ("not(1, [3..5))", [2, 5], [1, 3, 4.9]),
        ("(1..2]", [2, 1.5], [1, 2.1]),
        ("]1..2[", [1.5], [1, 2]),
        ("< -1, > 1", [-2, 2], [0, -1, None]),
        ("true", [True], [False, 1, None]),
        ('date("2025-02-28")', [feel._date("2025-02-28")], [feel._date("2025-03-01"), "2025-02-28"]),
        ('[date("2025-01-01")..date("2025-12-31")]', [feel._date("2025-06-01")], [feel._date("2026-01-01")]),
        ("null", [None], [0, "", False]),
        ("? * 2 > 10", [6], [5]),
        ("<= 2 + 3", [5], [6]),
        ('contains(?, "急")', ["加急件"], ["平件", 3]),
    ],
)
def test_unary_tests_against_the_standard(test: str, inside: list[Any], outside: list[Any]) -> None:
    tree = feel.conditions(test)
    for v in inside:
        assert feel.holds(tree, feel.number(v), {}), v
    for v in outside:
        assert not feel.holds(tree, feel.number(v), {}), v


def test_a_table_asks_another_first() -> None:
    risk = table("U", [("< 10", '"low"'), (">= 10", '"high"')], id="risk")
    route = table("U", [('"low"', "1"), ('"high"', "2")], id="route", of="risk")
    both = Tables({"risk": risk, "route": route})
    assert feel.plain(both.decide("route", {"x": 12}).value) == 2
    assert list(both.flaws("risk")) == []


def test_days_come_as_text() -> None:
    rows = [('< date("2026-01-01")', '"old"'), ('>= date("2026-01-01")', '"new"')]
    days = table("U", rows, kind="date")
    assert [said(days, x) for x in ("2025-12-31", "2026-01-01", "2026-02-30", "soon", 5)] == [
        "old",
        "new",
        None,
        None,
        None,
    ]
    assert list(Tables({"t": days}).flaws("t")) == []


def test_any_fact_is_taken() -> None:
    odd: list[Any] = [
        10**400,
        -(10**5000),
        1e308,
        float("nan"),
        float("inf"),
        True,
        None,
        {},
        {"a": [1]},
        [[[1]]],
        "",
        "<",
    ]
    tables = (table("F", ROWS), table("C+", [("-", "x + 1")]), table("U", [('"a"', "1"), ("not(2)", "2")]))
    for t, x in product(tables, odd):
        feel.plain(Tables({t.id: t}).decide(t.id, {"x": x}).value)
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    assert said(table("F", [("5", "1"), ("-", "2")]), deep) == 2


def test_tables_in_a_circle_are_refused() -> None:
    a = table("U", [("-", "1")], id="aa", of="bb + 1")
    b = table("U", [("-", "aa")], id="bb")
    both = Tables({"aa": a, "bb": b})
    with pytest.raises(BadRequest, match="aa → bb → aa"):
        both.decide("aa", {"x": 1})
    assert ["circle" in f.message for f in both.flaws("aa")] == [True]
    one = Tables({"aa": table("U", [("-", "aa")], id="aa")})
    assert "aa → aa" in next(iter(one.flaws("aa"))).message


CELLS = ["-", "< 1", "<= 1", "1", "> 1", "[1..3]", "(1..3)", ">= 3", "not(2)", "2, 4", "< 5"]


@given(st.lists(st.tuples(st.sampled_from(CELLS), st.sampled_from(CELLS)), min_size=1, max_size=5))
def test_overlaps_and_gaps_against_brute_force(cells: list[tuple[str, str]]) -> None:
    t = DecisionTable("t", Title("表", "T"), "U", (Input("a", "number"), Input("b", "number")), (Output("y"),), tuple(Row(c, ("1",)) for c in cells))  # fmt: skip
    points = [k / 2 for k in range(-2, 16)]
    fits = [
        sum(
            all(feel.holds(feel.conditions(c), feel.number(v), {}) for c, v in zip(row, p, strict=True))
            for row in cells
        )
        for p in product(points, points)
    ]
    found = [f.message for f in Tables({"t": t}).flaws("t")]
    assert any("both fit" in m for m in found) == (max(fits) > 1)
    assert any("no row fits" in m for m in found) == (min(fits) == 0)


def test_one_is_not_taken_for_true() -> None:
    list(Tables({"t": table("U", [("true", "1"), ("false", "2")], kind="boolean")}).flaws("t"))
    (overlap,) = Tables({"t": table("U", [("-", "1"), ("1", "2")], kind="number")}).flaws("t")
    assert "x is 1" in overlap.message


def test_gaps_keep_to_what_may_be_given() -> None:
    texts = DecisionTable("t", Title("表", "T"), "U", (Input("x", "text", values='"a", "b"'),), (Output("y"),), (Row(('"a"',), ("1",)), Row(('"b"',), ("2",))))  # fmt: skip
    assert list(Tables({"t": texts}).flaws("t")) == []
    assert "none of" in said(texts, "c")
    whole = table("U", [("<= 17", "1"), (">= 18", "2")], kind="integer")
    assert list(Tables({"t": whole}).flaws("t")) == []
    (gap,) = Tables({"t": table("U", [("<= 17", "1"), (">= 18", "2")], kind="number")}).flaws("t")
    assert "17.5" in gap.message


@pytest.mark.parametrize(
    "text",
    ["(" * 200 + "1" + ")" * 200, "-" * 500 + "1", "__import__('os')", "x.__class__", "1 +", "a", "[1..", "date(", "1;2", "9" * 3000, "if 1 then 2", 'f("x")', "[" * 300, "1" + "+1" * 900, "true" + " and true" * 210, "-" + "1," * 900],
)  # fmt: skip
def test_expressions_at_fault_are_named(text: str) -> None:
    with pytest.raises(BadRequest):
        feel.conditions(text)


@pytest.mark.parametrize("text", ["10 ** 99999999999", "1 / 0", 'date("2025-02-30")', "1 + null", 'duration("P9999999999D")', 'date("9999-12-31") + duration("P1D")'])  # fmt: skip
def test_what_cannot_be_computed_is_null(text: str) -> None:
    assert feel.value(feel.compiled(text), {}) is None


@given(st.text(alphabet='0123456789.,()[]{}<>=!"-+*/? andotrue', max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        tree = feel.conditions(text)
    except BadRequest:
        return
    assert feel.holds(tree, feel.number(1), {}) in (True, False)
