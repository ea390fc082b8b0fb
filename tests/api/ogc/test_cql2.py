"""Filters of CQL2 against the library `cql2`: what they say (its parser) and what they hold of (its evaluator)."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import cql2 as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citytwin.api.ogc import cql2
from citytwin.api.sta.error import Malformed
from citytwin.api.sta.tree import Binary, Literal, Path
from tests.api.conftest import Caller
from tests.api.ogc.conftest import LAMPS, ids

SAID = [
    "a = 1 AND b LIKE 'x%' OR NOT c IS NULL",
    "a = 1 AND (b = 2 OR c = 3) AND NOT (d <> 4)",
    "NOT a = 1 AND b = 2",
    "a NOT LIKE 'x' AND b NOT IN (1, 2) AND c NOT BETWEEN 1 AND 2 AND d IS NOT NULL",
    "a BETWEEN 1 AND 2 AND b BETWEEN 3 AND 4",
    "a + 2 * 3 - 4 / 5 > 6",
    "(a + 2) * 3 >= b % 4",
    "a ^ 2 = 4 AND b div 2 = 1",
    "-a < -1.5e2",
    "\"a b\" = 'it''s' AND 水位 = '水'",
    "CASEI(ACCENTI(a)) = CASEI('Ä')",
    "CASEI(a) LIKE CASEI('x_%') AND CASEI(b) IN (CASEI('y'), CASEI('z'))",
    "S_INTERSECTS(geometry, POLYGON((0 0, 1 0, 1 1, 0 0)))",
    "S_WITHIN(geometry, BBOX(0, 0, 1, 1)) OR s_disjoint(geometry, MULTIPOINT((0 0), (1 1)))",
    "S_CROSSES(geometry, LINESTRING(0 0, 1 1)) AND S_TOUCHES(geometry, POINT(1 2))",
    "T_AFTER(a, TIMESTAMP('2020-01-01T00:00:00Z')) AND b > DATE('2020-01-01')",
    "T_DURING(INTERVAL(a, b), INTERVAL('2020-01-01', '..'))",
    "T_INTERSECTS(a, INTERVAL('2020-01-01T00:00:00Z', '2021-01-01T00:00:00Z'))",
    "a = TRUE AND b <> false",
    "((((a = 1))))",
]


@pytest.mark.parametrize("text", SAID)
def test_text_says_what_the_oracle_reads(text: str) -> None:
    expected = cql2.read(json.dumps(oracle.parse_text(text).to_json()), "cql2-json")
    assert cql2.read(text, "cql2-text") == expected


def test_binding_of_operators_where_the_grammar_leaves_none_open() -> None:
    assert cql2.read("2 ^ 3 ^ 2 = a", "cql2-text") == cql2.read("2 ^ (3 ^ 2) = a", "cql2-text")
    assert cql2.read("a - 1 - 1 = b", "cql2-text") == cql2.read("(a - 1) - 1 = b", "cql2-text")
    assert cql2.read("a = -2", "cql2-text") == Binary("=", Path(("a",)), Literal("number", -2))


HOLDS = [
    "power > 5",
    "power <= 0.3 OR zh = '7号路灯'",
    '"limit" > 10',
    'NOT ("limit" > 10)',
    '"limit" IS NULL AND power < 4',
    '"limit" IS NOT NULL',
    "en LIKE 'Lamp 1%'",
    "en NOT LIKE 'Lamp _'",
    "CASEI(en) LIKE CASEI('LAMP 2%')",
    "ACCENTI(CASEI(en)) LIKE 'lamp 2%'",
    "id IN ('street-01', 'street-40', 'nobody')",
    "id NOT IN ('street-01', 'street-40')",
    "power BETWEEN 2 AND 4",
    'power * 2 + 1 > "limit"',
    'power < "limit" / 10',
    'power ^ 2 < "limit"',
    'power % 3 < 1 AND "limit" div 7 = 2',
    "-power < -9",
    "S_INTERSECTS(geometry, BBOX(121.85, 30.85, 121.95, 30.95))",
    "S_WITHIN(geometry, POLYGON((121.8 30.8, 122 30.8, 121.9 31, 121.8 30.8)))",
    "S_DISJOINT(geometry, BBOX(121.85, 30.85, 121.95, 30.95)) AND power > 3",
    "NOT S_INTERSECTS(geometry, POLYGON((121.8 30.8, 122 30.8, 121.9 31, 121.8 30.8)))",
    "S_EQUALS(geometry, POINT(121.86477 30.83017))",
    "T_AFTER(until, TIMESTAMP('2026-03-05T00:00:00Z'))",
    "T_BEFORE(until, DATE('2026-03-05'))",
    "until >= TIMESTAMP('2026-03-05T04:00:00Z')",
    "T_INTERSECTS(INTERVAL(since, until), INTERVAL('2026-03-01T00:00:00Z', '2026-03-04T00:00:00Z'))",
    "T_DURING(INTERVAL(since, until), INTERVAL('2026-03-01T00:00:00Z', '2026-03-20T00:00:00Z'))",
    "T_DISJOINT(until, INTERVAL('..', '2026-03-04T00:00:00Z'))",
    "trial.warmth > 5",
    '"trial.warmth" < 3 OR power > 9',
]


@pytest.mark.parametrize("text", HOLDS)
def test_filters_hold_of_the_features_that_the_oracle_says(street: Caller, text: str) -> None:
    every = street.get(LAMPS, params={"limit": 1000, "latest": "true"}).json()["features"]
    expected = [f["id"] for f in every if _holds(text, f)]
    assert expected, "a filter that holds of nothing shows nothing"
    assert len(expected) < len(every)
    asked = {"filter": text, "filter-lang": "cql2-text", "limit": 1000}
    for _ in range(2):
        answer = street.get(LAMPS, params=asked)
        assert answer.status_code == 200, answer.text
        assert [f["id"] for f in answer.json()["features"]] == expected
        said = json.dumps(oracle.parse_text(text).to_json())
        asked = {"filter": said, "filter-lang": "cql2-json", "limit": 1000}


def _holds(text: str, feature: dict[str, Any]) -> bool:
    properties = {
        k.replace("trial.", ""): v for k, v in feature["properties"].items()
    }  # a dot leads into an object there
    try:
        return bool(oracle.parse_text(text.replace("trial.", "")).matches({**feature, "properties": properties}))
    except Exception:  # what cannot be told, since something is null, does not hold
        return False


def test_a_day_lasts_from_its_first_moment_to_its_last_beside_times(street: Caller) -> None:
    """street-16 reported last at 04:00 on the 6th of March, street-20 on the 5th, street-24 on the 4th."""
    on = "T_DURING(until, INTERVAL('2026-03-05', '2026-03-05'))"
    assert ids(street.get(LAMPS, params={"filter": on})) == ["street-20"]
    over = "T_AFTER(until, DATE('2026-03-05')) AND T_BEFORE(until, DATE('2026-03-07'))"
    assert ids(street.get(LAMPS, params={"filter": over})) == ["street-16"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("power >", "found the end"),
        ("power = 'x'", "does not compare a number with a string"),
        ("powr = 1", "powr"),
        ("zh = 1", "does not compare"),
        ("until > '2026-01-01'", "does not compare"),
        ("power", "expected a condition"),
        ("S_INTERSECTS(geometry, POLYGON((0 0, 1 1)))", "positions"),
        ("S_INTERSECTS(geometry, POINT(200 0))", "longitude"),
        ("S_INTERSECTS(power, POINT(0 0))", "takes no number"),
        ("a_contains(power, 1)", "lists"),
        ("avg(power) = 1", "a function"),
        ("power = 1 power = 2", "an operator or the end"),
        ("zh = 'x", "found"),
        ("zh LIKE power", "a pattern"),
        ("zh LIKE 'x\\'", "found"),
        ("T_AFTER(until, TIMESTAMP('2026-01-01'))", "TIMESTAMP"),
        ("T_AFTER(zh, DATE('2026-01-01'))", "takes no string"),
        ("power = 1e999", "bounds"),
        ("geometry = geometry", "geometries"),
        ("(" * 26, "the end"),
        ("(" * 3000 + "power=1" + ")" * 3000, "nests deeper"),
        ("NOT " * 2000 + "power=1", "nests deeper"),
        ("-" * 3000 + "power=1", "nests deeper"),
        ("power=" + "+".join(["1"] * 1000), "parts"),
        ("power IN (" + ",".join(["1"] * 500) + ")", "more than 200 values"),
        ("power=1 OR " * 1000, "characters"),
    ],
)
def test_what_is_refused_is_said_with_its_place(street: Caller, text: str, says: str) -> None:
    answer = street.get(LAMPS, params={"filter": text})
    assert answer.status_code == 400, answer.text
    told = answer.json()
    assert told["where"] == "filter"
    assert says in told["detail"]


@pytest.mark.parametrize(
    "text",
    [
        "x", "[]", "{}", '{"op":"=","args":[]}', '{"op":"and","args":[{"op":"=","args":[1,1]}]}', '{"property":"power"}', '{"op":"in","args":[1,2]}',
        '{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Point","coordinates":["x",1]}]}', '{"op":"like","args":["a"]}',
        '{"op":"s_intersects","args":[{"property":"geometry"},{"bbox":[1,2]}]}', '{"op":"t_after","args":[{"property":"until"},{"timestamp":7}]}',
        '{"op":"nope","args":[1]}', '{"op":7,"args":[1]}', "[" * 5000, '{"op":"not","args":[' * 200 + "true" + "]}" * 200,
    ],
)  # fmt: skip
def test_json_at_fault_is_refused(street: Caller, text: str) -> None:
    assert street.get(LAMPS, params={"filter": text, "filter-lang": "cql2-json"}).status_code == 400


_WORDS = st.sampled_from(
    [
        "power", '"limit"', "zh", "until", "geometry", "trial.warmth", "1", "0", "-2.5", "1e300", "'x'", "'%'", "(", ")", ",", "=", "<>", "<", "+", "-", "*", "/", "%",
        "^", "div", "AND", "OR", "NOT", "LIKE", "IN", "BETWEEN", "IS", "NULL", "TRUE", "CASEI(", "ACCENTI(", "S_WITHIN(", "S_EQUALS(", "POINT(121.9 30.9)",
        "BBOX(0,0,1,1)", "T_AFTER(", "T_MEETS(", "INTERVAL('..','2026-01-01')", "DATE('2026-01-01')", "TIMESTAMP('2026-01-01T00:00:00Z')", "\\", "'", '"',
        "LINESTRING(0 0, 0 0)", "POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))", "GEOMETRYCOLLECTION(POINT(1 1))",
    ]
)  # fmt: skip


@given(st.lists(_WORDS, max_size=14))
def test_any_words_are_answered_or_refused_and_nothing_fails(street: Caller, words: list[str]) -> None:
    answer = street.get(LAMPS, params={"filter": " ".join(words), "limit": 5})
    assert answer.status_code in (200, 400), answer.text


_ATOMS = st.sampled_from(["power", '"limit"', "1", "0", "-2.5", "1e300", "1e-300", '"trial.warmth"'])
_SUMS = st.recursive(
    _ATOMS, lambda s: st.tuples(s, st.sampled_from("+-*/%^"), s).map(lambda t: f"({t[0]} {t[1]} {t[2]})"), max_leaves=6
)


@given(_SUMS, _SUMS, st.sampled_from(["=", "<>", "<", ">="]))
@settings(max_examples=60)
def test_sums_of_all_sizes_are_answered(street: Caller, left: str, right: str, op: str) -> None:
    assert street.get(LAMPS, params={"filter": f"{left} {op} {right}"}).status_code == 200


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for language in ("cql2-text", "cql2-json"):
        with contextlib.suppress(Malformed):
            cql2.read(text, language)
