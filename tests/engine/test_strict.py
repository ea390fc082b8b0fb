"""YAML without surprises, against what PyYAML would make of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.engine import strict


def data(text: str) -> Any:
    document = strict.parse(text, "f.yaml")
    assert not document.faults, document.faults
    return document.data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: no", "no"),
        ("a: on", "on"),
        ("a: Yes", "Yes"),
        ("a: true", True),
        ("a: 5:30", "5:30"),
        ("a: 010", "010"),
        ("a: 0x1f", "0x1f"),
        ("a: 1_000", 1000),
        ("a: -3", -3),
        ("a: 2.50", 2.5),
        ("a: .5", 0.5),
        ("a: 1e-3", 0.001),
        ("a: 2025-12-31", "2025-12-31"),
        ("a: '7'", "7"),
        ("a: ~", None),
        ("a:", None),
        ("a: .nan", ".nan"),
        ("a: <", "<"),
        ("a: [1, {b: c}]", [1, {"b": "c"}]),
        ("a: |\n  text\n", "text\n"),
    ],
)
def test_scalars_are_what_they_look_like(text: str, value: Any) -> None:
    assert data(text) == {"a": value}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "stands twice"),
        ("a: 1\n  b: 2\n", 2, ""),
        ("x: &n [1]\ny: *n\n", 1, "aliases"),
        ("a: {<<: {b: 1}}", 1, "plain text"),
        ("[a]: 1", 1, "plain text"),
        ("a: 'open\n", 1, ""),
        ("a: 1\n---\nb: 2\n", 2, ""),
        ("\ta: 1", 1, ""),
    ],
)
def test_faults_are_named_at_their_line(text: str, line: int, says: str) -> None:
    document = strict.parse(text, "f.yaml")
    assert document.faults
    assert says in document.faults[0].message
    assert int(document.faults[0].where.rpartition(":")[2]) >= line


def test_every_value_has_its_line() -> None:
    document = strict.parse("a:\n  - id: x\n  - id: y\n    b:\n      c: 1\n", "f.yaml")
    assert document.where(("a", 1)) == "f.yaml:3"
    assert document.where(("a", 1, "b", "c")) == "f.yaml:5"
    assert document.where(("a", 1, "nothing")) == "f.yaml:3"


def test_deep_nesting_is_refused() -> None:
    assert strict.parse("[" * 500 + "]" * 500, "f.yaml").faults


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@,? \n\t0.5~<é", max_size=60))
def test_any_text_gives_data_or_faults(text: str) -> None:
    strict.parse(text, "f.yaml")
