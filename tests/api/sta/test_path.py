"""Resource paths: what they lead to, and what is refused where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.api.sta.error import Absent, Malformed, StaError
from citytwin.api.sta.path import Resource, Step, parse
from citytwin.api.sta.tree import Limits

from .town import SCHEMA

THINGS = Step("Things", "Thing", True)
PUMP = Step("Things", "Thing", True, "pump")
D1 = Step("Datastreams", "Datastream", True, "d1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Resource("root")),
        ("/", Resource("root")),
        ("/Things", Resource("set", (THINGS,))),
        ("Things('pump')", Resource("entity", (PUMP,))),
        ("Things%28%27pump%27%29", Resource("entity", (PUMP,))),
        ("Things('o''neil')", Resource("entity", (Step("Things", "Thing", True, "o'neil"),))),
        ("Things('a/b(c)')", Resource("entity", (Step("Things", "Thing", True, "a/b(c)"),))),
        ("Things('a+%20%25b')", Resource("entity", (Step("Things", "Thing", True, "a+ %b"),))),
        ("Things('%E7%A9%BA')", Resource("entity", (Step("Things", "Thing", True, "空"),))),
        ("Observations(5)", Resource("entity", (Step("Observations", "Observation", True, 5),))),
        ("Things('pump')/name", Resource("property", (PUMP,), ("name",))),
        ("Things('pump')/@iot.id", Resource("property", (PUMP,), ("id",))),
        ("Things('pump')/properties/deep/er", Resource("property", (PUMP,), ("properties", "deep", "er"))),
        ("Things('pump')/name/$value", Resource("value", (PUMP,), ("name",))),
        ("Datastreams('d1')/unitOfMeasurement", Resource("property", (D1,), ("unitOfMeasurement",))),
        ("Datastreams('d1')/unitOfMeasurement/symbol", Resource("property", (D1,), ("unitOfMeasurement", "symbol"))),
        ("Datastreams('d1')/phenomenonTime/start", Resource("property", (D1,), ("phenomenonTime", "start"))),
        ("Things/$count", Resource("count", (THINGS,))),
        ("Things/$ref", Resource("refs", (THINGS,))),
        ("Datastreams('d1')/Thing", Resource("entity", (D1, Step("Thing", "Thing", False)))),
        ("Datastreams('d1')/Thing/$ref", Resource("ref", (D1, Step("Thing", "Thing", False)))),
        (
            "Things('pump')/Datastreams('d1')/Observations",
            Resource("set", (PUMP, D1, Step("Observations", "Observation", True))),
        ),
        (
            "Observations(1)/Datastream/Thing/Locations('l1')/name",
            Resource(
                "property",
                (
                    Step("Observations", "Observation", True, 1),
                    Step("Datastream", "Datastream", False),
                    Step("Thing", "Thing", False),
                    Step("Locations", "Location", True, "l1"),
                ),
                ("name",),
            ),
        ),
    ],
)
def test_what_a_path_leads_to(text: str, expected: Resource) -> None:
    assert parse(text, SCHEMA) == expected
    assert parse(str(expected), SCHEMA) == expected


@pytest.mark.parametrize(
    ("text", "status", "position", "told"),
    [
        ("Thing", 404, 0, "did you mean Things"),
        ("things", 404, 0, "did you mean Things"),
        ("Things/name", 404, 7, "is a set"),
        ("Things('pump')/nme", 404, 15, "did you mean name"),
        ("Things('pump')/name/first", 404, 20, "has no 'first'"),
        ("Things('pump')/name('x')", 404, 15, "takes no id"),
        ("Datastreams('d1')/Thing('pump')", 404, 18, "takes no id"),
        ("Things(5)", 404, 0, r"write \('abc'\)"),
        ("Observations('5')", 404, 0, r"write \(5\)"),
        ("Observations(99999999999999999999999)", 404, 0, "has the id"),
        ("Things/$value", 404, 7, "does not follow"),
        ("Things('pump')/$count", 404, 15, "does not follow"),
        ("Things('pump')/name/$ref", 404, 20, "does not follow"),
        ("Things/$foo", 404, 7, "found \\$foo"),
        ("Things/$count/x", 404, 14, "nothing follows"),
        ("Datastreams('d1')/phenomenonTime/middle", 404, 33, "has no 'middle'"),
        ("Things('pump", 400, 0, "an id in parentheses"),
        ("Things(pump)", 400, 0, "an id in parentheses"),
        ("Things()", 400, 0, "an id in parentheses"),
        ("Things('a'b')", 400, 0, "an id in parentheses"),
        ("Things('pump')x", 400, 0, "an id in parentheses"),
        ("Things//name", 400, 7, "a name"),
        ("Things('%ZZ')", 400, 8, "hexadecimal"),
        ("Things('" + "a" * 9000 + "')", 400, 8192, "longer than"),
        ("Datastreams('d1')" + "/Thing/Datastreams('d1')" * 8, 400, 144, "more than 12"),
        ("Things('pump')/properties" + "/a" * 200, 400, 154, "deeper than"),
    ],
)
def test_what_is_refused_and_where(text: str, status: int, position: int, told: str) -> None:
    with pytest.raises(Malformed if status == 400 else Absent, match=told) as e:
        parse(text, SCHEMA)
    assert (e.value.status, e.value.position) == (status, position)


def test_an_id_in_a_url_counts_toward_the_limit() -> None:
    assert len(parse("Things('pump')/Datastreams('d1')", SCHEMA, limits=Limits(ids=2)).steps) == 2
    with pytest.raises(Malformed, match="more than 1"):
        parse("Things('pump')/Datastreams('d1')", SCHEMA, limits=Limits(ids=1))


@given(st.text() | st.text("Things('x)/$ref%27name0") | st.builds("Things('{}')".format, st.text()))
def test_any_text_raises_one_kind_of_error(text: str) -> None:
    place = 0
    try:
        assert parse(str(found := parse(text, SCHEMA)), SCHEMA) == found
    except StaError as e:
        place = e.position
    assert 0 <= place <= len(text)
