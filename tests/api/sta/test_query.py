"""Query options: what is read, what is refused and where, against the text written back."""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citytwin.api.sta import query, write
from citytwin.api.sta.error import Malformed, StaError, Unserved
from citytwin.api.sta.expression import FUNCTIONS
from citytwin.api.sta.tree import (
    Any as AnyOf,
)
from citytwin.api.sta.tree import (
    Binary,
    Call,
    Count,
    Expand,
    Geometry,
    Interval,
    Limits,
    Literal,
    Node,
    Order,
    Path,
    Query,
    Unary,
    Within,
    junction,
)

EXAMPLES = int(os.environ.get("FUZZ", "80"))


def read(text: str) -> Query:
    return query.parse(quote(text, safe="$=&"))


def condition(text: str) -> Node:
    found = read(f"$filter={text}").filter
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a or b and c", "a or (b and c)"),
        ("not a eq 1 and b", "(not (a eq 1)) and b"),
        ("a add b mul c eq d", "(a add (b mul c)) eq d"),
        ("a sub b sub c", "(a sub b) sub c"),
        ("a gt b eq c", "(a gt b) eq c"),
        ("-a mul b", "(-a) mul b"),
        ("a and (b and c) and d", "a and b and c and d"),
        ("a add 1 in (1,2)", "a add (1 in (1,2))"),
        ("a EQ 1 AND ToLower(b) eq 'x'", "a eq 1 and tolower(b) eq 'x'"),
        ("not(a)", "not a"),
        ("a eq TRUE", "a eq true"),
    ],
)
def test_operators_bind_as_the_standard_says(text: str, grouped: str) -> None:
    assert condition(text) == condition(grouped)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("2.50", 2.5),
        ("1e3", 1000.0),
        ("9223372036854775807", 2**63 - 1),
        ("'it''s'", "it's"),
        ("''", ""),
        ("true", True),
        ("null", None),
        ("2026-01-31T08:00:00Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T08:00:00.1234567+08:00", datetime(2026, 1, 31, 0, 0, 0, 123456, tzinfo=UTC)),
        ("2026-01-31T08:00+0800", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T08:00:00-03:30", datetime(2026, 1, 31, 11, 30, tzinfo=UTC)),
        ("2026-01-31", date(2026, 1, 31)),
        ("08:30", clock(8, 30)),
        ("duration'P1DT2H3M4.5S'", timedelta(1, 2 * 3600 + 3 * 60 + 4.5)),
        ("duration'-PT1S'", timedelta(seconds=-1)),
        (
            "2026-01-31T00:00:00Z/PT1H",
            Interval(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 1, 31, 1, tzinfo=UTC)),
        ),
        ("P1D/2026-01-31T00:00:00Z", Interval(datetime(2026, 1, 30, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC))),
        ("geography'SRID=4326;Point(30 10)'", Geometry("POINT(30.0 10.0)")),
        ("geometry'MULTIPOINT((1 2), 3 4)'", Geometry("MULTIPOINT(1.0 2.0, 3.0 4.0)")),
        (
            "geography'MULTIPOLYGON(((0 0,1 0,1 1,0 0)))'",
            Geometry("MULTIPOLYGON(((0.0 0.0, 1.0 0.0, 1.0 1.0, 0.0 0.0)))"),
        ),
        (
            "geography'GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(1 2,3 4))'",
            Geometry("GEOMETRYCOLLECTION(POINT(1.0 2.0), LINESTRING(1.0 2.0, 3.0 4.0))"),
        ),
    ],
)
def test_literals(text: str, value: Any) -> None:
    found = condition(f"x eq {text}")
    assert isinstance(found, Binary)
    assert isinstance(found.right, Literal)
    assert found.right.value == value
    assert type(found.right.value) is type(value)


def test_a_plus_sign_that_was_sent_as_it_is_still_tells_the_zone() -> None:
    assert query.parse("$filter=t+gt+2026-01-31T08:00:00+08:00") == query.parse("$filter=t gt 2026-01-31T00:00:00Z")


def test_expanded_properties_with_options_in_parentheses_or_behind_a_slash() -> None:
    nested = read("$expand=A($filter=x eq ';)';$orderby=y desc,z;$top=1;$skip=2;$count=true;$select=y,n/m;$expand=B)")
    a = nested.expand[0].query
    assert a.filter == Binary("eq", Path(("x",)), Literal("string", ";)"))
    assert a.orderby == (Order(Path(("y",)), True), Order(Path(("z",))))
    assert (a.top, a.skip, a.count, a.select) == (1, 2, True, (Path(("y",)), Path(("n", "m"))))
    assert a.expand == (Expand("B"),)
    assert read("$expand=A/B,A/C($top=1)/D,A($top=5)") == read("$expand=A($top=5;$expand=B,C($top=1;$expand=D))")


def test_all_options_of_a_url() -> None:
    text = "$FILTER=a eq 1&$select=distinct:p/t&$top=0&$skip=7&$count=false&$resultFormat=dataArray&$skiptoken=abc"
    found = read(text)
    assert found == Query(
        filter=Binary("eq", Path(("a",)), Literal("number", 1)),
        select=(Path(("p", "t")),),
        distinct=True,
        top=0,
        skip=7,
        count=False,
        resultformat="dataArray",
        skiptoken="abc",
    )
    assert read("$format=application/json;metadata=none").format == "application/json;metadata=none"
    assert query.parse("") == Query()


REFUSED = [
    ("$filter=a eq", 12, "a value"),
    ("$filter=a eq 1 b", 15, "an operator or the end"),
    ("$filter=(a eq 1", 15, r"an operator or '\)'"),
    ("$filter=a eq 'x", 13, "closing quotation mark"),
    ("$filter=a eq ‘x’", 13, "straight single"),
    ('$filter=a eq "x"', 13, "straight single"),
    ("$filter=foo(a) eq 1", 8, "a function"),
    ("$filter=substring(a) eq 'x'", 8, "2 or 3 arguments"),
    ("$filter=now(1) lt a", 8, "takes 0"),
    ("$filter=a in ()", 14, "a property, a value"),
    ("$filter=a in (b)", 14, "a value"),
    ("$filter=a/any(x/b)", 15, "':'"),
    ("$filter=a eq 1and b", 13, "a name, a value"),
    ("$filter=a eq 2026-02-30T00:00:00Z", 13, "day is out of range"),
    ("$filter=a eq 2026-01-30T00:00:00", 13, "zone is missing"),
    ("$filter=a eq 0001-01-01T00:00:00%2B08:00", 13, "cannot be"),
    ("$filter=a eq 2026-01-02T00:00:00Z/2026-01-01T00:00:00Z", 13, "ends before it begins"),
    ("$filter=a eq duration'P1Y'", 13, "no fixed length"),
    ("$filter=a eq duration'P999999D'", 13, "thousand years"),
    ("$filter=a eq 9223372036854775808", 13, "63 bits"),
    ("$filter=a eq 1e999", 13, "larger than any"),
    ("$filter=a eq geography'CIRCLE(1 2)'", 13, "one of POINT"),
    ("$filter=a eq geography'POINT(1 91)'", 13, "latitude within"),
    ("$filter=a eq geography'POINT(1 2'", 13, r"'?\)"),
    ("$filter=a eq geography'POINT(1 2) x'", 13, "the end of the geometry"),
    ("$filter=a eq geography'POLYGON((0 0,1 0,1 1,0 1))'", 13, "ends where it begins"),
    ("$filter=a eq geography'LINESTRING(0 0)'", 13, "at least 2"),
    ("$filter=a eq geography'SRID=3857;POINT(1 2)'", 13, "WGS 84"),
    ("$filter=a%20eq%20%ZZ", 17, "hexadecimal"),
    ("$filter=a%20eq%20%27%FF%27", 20, "UTF-8"),
    ("$filter=a%20eq%20%27%00%27", 20, "U\\+0000"),
    ("$filter=%E4%B8%AD eq ?", 21, "a name, a value"),
    ("$top=-1", 5, "a whole number"),
    ("$top=1.5", 5, "a whole number"),
    ("$top=5x", 5, "a name, a value"),
    ("$count=maybe", 7, "true or false"),
    ("$count=True", 7, "true or false"),
    ("$count", 6, "'='"),
    ("$foo=1", 0, "an option"),
    ("top=1", 0, "an option"),
    ("$top=1&$skip=2&$TOP=1", 15, "given twice"),
    ("$expand=A($top=1;$top=2)", 17, "given twice"),
    ("$expand=A($skiptoken=x)", 10, "an option"),
    ("$expand=A($top=1", 16, "';' or"),
    ("$expand=A($top=1),A($top=2)", 18, "expanded twice with options"),
    ("$expand=", 8, "navigation property"),
    ("$select=a,", 10, "a property"),
    ("$orderby=a b", 11, "another option"),
]


@pytest.mark.parametrize(("text", "position", "told"), REFUSED, ids=[r[0] for r in REFUSED])
def test_what_is_refused_and_where(text: str, position: int, told: str) -> None:
    with pytest.raises(Malformed, match=told) as e:
        query.parse(text)
    assert e.value.position == position
    assert e.value.where == f"character {position}"
    with pytest.raises(Malformed) as later:
        query.parse(text, start=100)
    assert later.value.position == 100 + position


def test_an_option_of_odata_that_the_standard_leaves_out_is_not_implemented() -> None:
    with pytest.raises(Unserved, match="not offered"):
        query.parse("$search=x")


LIMITED = [
    ("$filter=" + "(" * 5000, "nests deeper"),
    ("$filter=" + "not " * 2000 + "a", "nests deeper"),
    ("$filter=" + "-" * 5000 + "a", "nests deeper"),
    ("$filter=" + "tolower(" * 900, "nests deeper"),
    ("$filter=" + "a/any(x:" * 900, "nests deeper"),
    ("$filter=a eq 1" + " add 1" * 100, "nests deeper"),
    ("$filter=a" + " and a" * 1000, "more than 400 parts"),
    ("$filter=a in (" + ",".join("1" * 1 for _ in range(300)) + ")", "more than 200 values"),
    ("$filter=a eq geography'LINESTRING(" + ",".join(["1 2"] * 1500) + ")'", "more than 1000 positions"),
    ("$filter=a eq geography'" + "GEOMETRYCOLLECTION(" * 300 + "'", "one of POINT"),
    ("$expand=" + ",".join(f"A{n}" for n in range(50)), "more than 20 properties"),
    ("$expand=" + "A($expand=" * 300, "levels deep"),
    ("$expand=" + "/".join("A" * 300), "levels deep"),
    ("$select=" + ",".join("a" * 1000), "more than 400 parts"),
    ("$filter=" + "a" * 9000, "longer than 8192"),
]


@pytest.mark.parametrize(("text", "told"), LIMITED, ids=[t[:30] for t, _ in LIMITED])
def test_what_is_too_large_or_too_deep_is_refused(text: str, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        query.parse(text)


def test_reading_takes_steps_in_proportion_to_the_length() -> None:
    """Against itself: ten times the text takes ten times the calls, whatever it is made of."""
    for piece in ("a eq 1 and ", "'", "'' ", "(", "%2", "-", "1.", "1e", "a/", "2026-01-01T00:00:00Z/", "P1", "/a-", "%E4%B8%AD", "中"):  # fmt: skip
        few, many = (_calls(f"$filter={piece * n}") for n in (200, 2000))
        assert many < 12 * few, piece


def _calls(text: str) -> int:
    made = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        query.parse(text, limits=Limits(length=10**7, nodes=10**7))
    except Malformed:
        pass
    finally:
        sys.setprofile(None)
    return made


# Any tree that the parser can make, written and read again.

NAME = st.sampled_from(["a", "name", "phenomenonTime", "not_", "year", "@iot.id", "中文", "in_", "x1"])
KEY = st.sampled_from(["name", "5", "a-b", "d:e", "eq", "@iot.id", "any_", "1.2", "中"])
PATH = st.builds(lambda a, b: Path((a, *b)), NAME, st.lists(KEY, max_size=3))
WHEN = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC))
SPAN = st.timedeltas(timedelta(days=-300_000), timedelta(days=300_000))
PLACE = st.builds(Geometry, st.sampled_from(["POINT(1.5 -2.0)", "LINESTRING(0.0 0.0, 1e-07 2.0)"]))
LITERAL = st.one_of(
    st.just(Literal("null", None)),
    st.booleans().map(lambda v: Literal("boolean", v)),
    st.integers(-(2**63) + 1, 2**63 - 1).map(lambda v: Literal("number", v)),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda v: Literal("number", v)),
    st.text(st.characters(exclude_categories=["Cs", "Cc"])).map(lambda v: Literal("string", v)),
    WHEN.map(lambda v: Literal("datetime", v)),
    st.dates().map(lambda v: Literal("date", v)),
    st.times().map(lambda v: Literal("time", v)),
    SPAN.map(lambda v: Literal("duration", v)),
    st.builds(lambda a, b: Literal("interval", Interval(min(a, b), max(a, b))), WHEN, WHEN),
    PLACE.map(lambda v: Literal("geometry", v)),
)


def called(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.sampled_from(sorted(FUNCTIONS)).flatmap(
        lambda name: st.lists(inner, min_size=FUNCTIONS[name][0], max_size=FUNCTIONS[name][1]).map(
            lambda a: Call(name, tuple(a))
        )
    )


NODE: st.SearchStrategy[Node] = st.recursive(
    LITERAL | PATH | PATH.map(Count),
    lambda n: st.one_of(
        called(n),
        st.builds(Binary, st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le", "add", "sub", "mul", "div", "mod"]), n, n),
        st.builds(lambda op, i: junction(op, tuple(i)), st.sampled_from(["and", "or"]), st.lists(n, min_size=2, max_size=3)),
        st.builds(lambda x: Unary("not", x), n),
        st.builds(lambda x: Unary("-", x), n),
        st.builds(Within, n, st.lists(LITERAL, min_size=1, max_size=3).map(tuple) | PATH),
        st.builds(AnyOf, PATH, NAME, n),
        st.builds(lambda p: AnyOf(p, "", Literal("boolean", True)), PATH),
    ),
    max_leaves=8,
)  # fmt: skip
ORDERS = st.lists(st.builds(Order, NODE, st.booleans()), max_size=3).map(tuple)
SELECT = st.none() | st.lists(PATH, min_size=1, max_size=3).map(tuple)
NUMBER = st.none() | st.integers(0, 10**6)


def queries(expand: st.SearchStrategy[Any], whole: bool) -> st.SearchStrategy[Query]:
    text = st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
    nothing = st.none()
    return st.builds(
        lambda distinct, **k: Query(distinct=distinct and k["select"] is not None, **k),
        st.booleans(),
        filter=st.none() | NODE,
        orderby=ORDERS,
        select=SELECT,
        expand=expand,
        top=NUMBER,
        skip=NUMBER,
        count=st.none() | st.booleans(),
        format=text if whole else nothing,
        resultformat=text if whole else nothing,
        skiptoken=text if whole else nothing,
    )


def expands(inner: st.SearchStrategy[Query]) -> st.SearchStrategy[tuple[Expand, ...]]:
    names = st.lists(st.sampled_from(["Things", "Datastreams", "A"]), unique=True, max_size=2)
    return names.flatmap(lambda n: st.tuples(*(st.builds(Expand, st.just(name), inner) for name in n)))


QUERY = queries(expands(queries(expands(queries(st.just(()), False)), False)), True)


@settings(max_examples=EXAMPLES, deadline=None)
@given(NODE)
def test_an_expression_that_is_written_and_read_is_the_same(node: Node) -> None:
    text = write.query(Query(filter=node))
    assert query.parse(text, limits=Limits(length=10**6, depth=200)).filter == node


@settings(max_examples=EXAMPLES, deadline=None)
@given(QUERY)
def test_a_query_that_is_written_and_read_is_the_same(asked: Query) -> None:
    limits = Limits(length=10**6, depth=200, nodes=10**5)
    assert query.parse(write.query(asked), limits=limits) == asked


@settings(max_examples=EXAMPLES, deadline=None)
@given(QUERY.map(write.query), st.data())
def test_a_query_with_a_fault_raises_one_kind_of_error(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        instead = data.draw(
            st.text(max_size=3) | st.sampled_from(["'", "(", ")", "%", "&", "$", ";", "%27", "%2528", "="])
        )
        text = text[:place] + instead + text[place + data.draw(st.integers(0, 5)) :]
    assert 0 <= _place(text) <= len(text)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text() | st.text("$filter=()' andeq12/:;%,&-T"))
def test_any_text_raises_one_kind_of_error(text: str) -> None:
    for raw in (text, f"$filter={text}", f"$expand={text}", f"$orderby={text}"):
        assert 0 <= _place(raw) <= len(raw)


def _place(text: str) -> int:
    """Where a text is refused, 0 if it is not; any other error is one of the test."""
    try:
        query.parse(text)
    except StaError as e:
        return e.position
    return 0
