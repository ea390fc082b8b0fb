"""Patterns against Python's `re` where both read them, and against patterns that bring `re` to its knees."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.kernel import feel
from citytwin.kernel.errors import BadRequest, TooLarge
from citytwin.kernel.pattern import MOST, TEXT, Pattern, compiled

ATOMS = st.sampled_from(["a", "b", "0", ".", "[ab]", "[^a]", "[a-c0]", r"\d", r"\w", r"\S", "^", "$", r"\.", "-", "[]a]", "[^]a]", "[a-]", "中"])  # fmt: skip
SIGNS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "*?"])
ROWS = st.lists(st.tuples(ATOMS, SIGNS).map("".join), min_size=0, max_size=5).map("".join)
PATTERNS = st.recursive(ROWS, lambda inner: st.one_of(st.tuples(inner, inner).map("|".join), st.tuples(inner, SIGNS, inner).map(lambda t: f"({t[0]}){t[1]}{t[2]}")), max_leaves=4)  # fmt: skip


@given(PATTERNS, st.text(alphabet="ab0.-c中\n", max_size=8))
def test_patterns_against_re(source: str, text: str) -> None:
    try:
        theirs = re.compile(source)
    except re.error:
        return
    try:
        ours = Pattern(source)
    except BadRequest:  # what `re` reads and we do not: a repetition of `^`, a repetition after one
        return
    if "$" in source and text.endswith("\n"):  # `re` lets $ stand before a last line end, XPath does not
        return
    assert ours.fits(text) == (theirs.search(text) is not None)


KNEES = [r"(a+)+$", r"(a|a)*$", r"(a*)*b", r"(.*a){12}$", r"^(\w+\s?)*$", r"((a{0,9}){0,9})$", r"(a|aa)+$", r"(){400}", r"((((){400}){400}){400}){400}"]  # fmt: skip


@pytest.mark.parametrize("source", KNEES)
def test_what_brings_re_to_its_knees_is_answered(source: str) -> None:
    text = "a" * (TEXT - 1) + "!"
    assert Pattern(source).fits(text) in (True, False)
    assert compiled(r"(a+)+$").fits(text) is False
    assert compiled(r"(a+)+!$").fits(text)


BAD = [
    ("(?=a)", "looking around"), ("(?P<x>a)", "looking around"), (r"(a)\1", "is not read"), ("a**", "follows another"), ("*a", "nothing to repeat"), ("(a", "is missing"),
    ("a)", "not expected"), ("[a", "too early"), ("[b-a]", "goes down"), ("a{3,1}", "go up"), ("a{", "repetition is"), ("a" * 600, "600 characters"), (r"\p{L}", "is not read"),
    (f"(a{{{MOST}}}b){{2}}", "states"), ("(" * 40 + "a" + ")" * 40, "nested"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "fault"), BAD)
def test_patterns_that_are_not_taken_are_told(source: str, fault: str) -> None:
    with pytest.raises(BadRequest, match=fault):
        Pattern(source)


def test_texts_and_flags() -> None:
    with pytest.raises(TooLarge):
        compiled("a").fits("a" * (TEXT + 1))
    assert compiled("^AB.c$", "is").fits("ab\nC")
    assert not compiled("^AB.c$").fits("ab\nC")
    assert compiled(r"[\u4e00-\u9fff]{2}").fits("x排口")
    with pytest.raises(BadRequest, match="flags"):
        compiled("a", "x")


CASES = [
    ('matches(x, "^[0-9A-Z]{4}$")', "91AB", True), ('matches(x, "^[0-9A-Z]{4}$")', "91ab", False), ('matches(x, "^[0-9a-z]{4}$", "i")', "91AB", True), ("matches(x, x)", "(a", None),
    ('matches(x, "a")', 5, None), ('starts with(x, "91")', "91AB", True), ('ends with(x, "AB")', "91AB", True), ("string length(x)", "排口", 2), ("string length(x)", 1, None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "x", "said"), CASES)
def test_texts_in_tables_against_dmn(text: str, x: object, said: object) -> None:
    assert feel.plain(feel.value(feel.compiled(text, frozenset({"x"})), {"x": x})) == said


def test_a_bad_pattern_in_a_table_is_told_as_it_is_read() -> None:
    with pytest.raises(feel.Faulty, match="no pattern"):
        feel.compiled('matches(x, "(a")', frozenset({"x"}))
