"""Whole requests: pages, counts, orders and what is expanded, against plain Python over the same rows; and what other servers get wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citytwin.api.sta import path, query
from citytwin.api.sta.error import Absent, Malformed
from citytwin.api.sta.level import Levels
from citytwin.api.sta.read import Answer, following, read, value
from citytwin.api.sta.tree import Query

from . import oracle, town
from .test_filter import parsed


@pytest.fixture(scope="module")
def db() -> duckdb.DuckDBPyConnection:
    return town.database()


def asked(db: duckdb.DuckDBPyConnection, url: str, page: int = 100, log: list[str] | None = None) -> Answer:
    """The answer to a URL whose options need no percent-encoding but for plus signs."""
    where, _, options = url.partition("?")
    resource = path.parse(where, town.SCHEMA)
    return read(Levels(town.SCHEMA, town.NOW), resource, query.parse(options), town.fetcher(db, log), page)


def ids(answer: Answer) -> list[Any]:
    return [i["id"] for i in answer.items]


def walked(db: duckdb.DuckDBPyConnection, url: str, page: int) -> list[Answer]:
    """All pages of a set, each asked for with the token of the one before."""
    where, _, options = url.partition("?")
    resource, wanted = path.parse(where, town.SCHEMA), query.parse(options)
    pages = [read(Levels(town.SCHEMA, town.NOW), resource, wanted, town.fetcher(db), page)]
    while pages[-1].next:
        wanted = following(wanted, pages[-1].next)
        pages.append(read(Levels(town.SCHEMA, town.NOW), resource, wanted, town.fetcher(db), page))
        assert len(pages) < 50
    return pages


def test_an_entity_has_its_properties(db: duckdb.DuckDBPyConnection) -> None:
    (d1,) = asked(db, "Datastreams('d1')").items
    assert d1 == {
        "id": "d1",
        "name": "pump level",
        "unitOfMeasurement": {"symbol": "m"},
        "phenomenonTime": {"start": town.at(1), "end": town.at(4)},
    }
    (well,) = asked(db, "Things('well')?$select=properties/deep,name").items
    assert well == {"id": "well", "name": "well", "properties": {"n": None, "deep": {"er": 2.5}, "since": "2026-02-30T00:00:00Z"}}  # fmt: skip
    assert [i["result"] for i in asked(db, "Observations").items] == town.RESULTS
    assert asked(db, "Datastreams('d3')").items[0]["phenomenonTime"] is None


def test_paths_over_several_entities(db: duckdb.DuckDBPyConnection) -> None:
    assert ids(asked(db, "Things('pump')/Datastreams")) == ["d1", "d2"]
    assert ids(asked(db, "Things('pump')/Locations")) == ["l1", "l2"]
    assert ids(asked(db, "Locations('l2')/Things('well')/Datastreams('d3')/Thing/Locations")) == ["l2"]
    assert ids(asked(db, "Observations(1)/Datastream/ObservedProperty")) == ["level"]
    assert ids(asked(db, "Things('o''neil')/Datastreams")) == []
    for missing in ("Things('nil')", "Things('nil')/Datastreams", "Things('pump')/Datastreams('d3')", "Datastreams('d4')/Thing", "Things('well')/Datastreams('d1')/Observations"):  # fmt: skip
        with pytest.raises(Absent):
            asked(db, missing)


def test_the_value_of_a_property(db: duckdb.DuckDBPyConnection) -> None:
    def valued(text: str) -> Any:
        return value(Levels(town.SCHEMA, town.NOW), path.parse(text, town.SCHEMA), town.fetcher(db))

    assert valued("Things('pump')/name/$value") == "Pump"
    assert valued("Things('空')/name") is None
    assert valued("Things('空')/properties/type") is None
    assert valued("Things('well')/properties/deep/er") == 2.5
    assert valued("Datastreams('d1')/Thing/@iot.id") == "pump"
    assert valued("Datastreams('d1')/unitOfMeasurement/symbol") == "m"
    assert valued("Datastreams('d1')/phenomenonTime/end") == town.at(4)
    assert valued("Observations(10)/result/y") == "z"
    for missing in ("Things('nil')/name", "Things('pump')/properties/nil", "Observations(1)/result/y"):
        with pytest.raises(Absent):
            valued(missing)


def test_pages_skip_and_count(db: duckdb.DuckDBPyConnection) -> None:
    answer = asked(db, "Observations?$top=3&$skip=2&$count=true&$filter=id gt 1")
    assert (ids(answer), answer.count) == ([4, 5, 6], 15)
    assert asked(db, "Observations?$top=0&$count=true") == Answer([], 16)
    assert asked(db, "Observations?$skip=16&$count=true") == Answer([], 16)
    assert asked(db, "Observations?$top=16").next is None


# Seventeen things that other servers get wrong, as far as a query language can: the numbers are those of the list.


def test_trap_1_the_count_is_that_of_the_whole_set_on_every_page(db: duckdb.DuckDBPyConnection) -> None:
    pages = walked(db, "Things('pump')/Datastreams?$count=true&$top=1&$expand=Observations($top=1)", 100)
    assert [p.count for p in pages] == [2, 2]
    assert [ids(p) for p in pages] == [["d1"], ["d2"]]
    assert all(len(p.items[0]["Observations"]) == 1 for p in pages)
    walk = walked(db, "Observations?$skip=3&$top=5", 100)
    assert [i for p in walk for i in ids(p)] == list(range(4, 17))


def test_trap_2_what_has_no_time_is_neither_before_nor_after(db: duckdb.DuckDBPyConnection) -> None:
    assert "d3" not in ids(asked(db, "Datastreams?$filter=phenomenonTime gt 1999-01-01T00:00:00Z"))
    assert "d3" not in ids(asked(db, "Datastreams?$filter=phenomenonTime lt now()"))
    assert ids(asked(db, "Datastreams?$filter=phenomenonTime eq null")) == ["d3"]
    # a point in time and a span of no length are the same, in the data as in the query
    assert ids(asked(db, "Datastreams?$filter=phenomenonTime eq 2026-03-02T00:00:00Z/2026-03-02T00:00:00Z")) == ["d2"]


def test_trap_3_a_time_in_quotation_marks_is_refused_with_a_hint(db: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(Malformed) as e:
        asked(db, "Observations?$filter=phenomenonTime gt '2026-03-01T00:00:00Z'")
    assert "without quotation marks" in e.value.hint
    assert ids(asked(db, "Things?$filter=installed eq 2026-03-01T08:00:00%2B0800")) == ["pump", "空"]


def test_trap_4_a_filter_of_the_whole_does_not_filter_what_is_expanded(db: duckdb.DuckDBPyConnection) -> None:
    whole = asked(db, "Things?$filter=Datastreams/name eq 'pump flow'&$expand=Datastreams")
    assert [ids(Answer(i["Datastreams"])) for i in whole.items] == [["d1", "d2"]]
    part = asked(db, "Things?$filter=id eq 'pump'&$expand=Datastreams($filter=name eq 'pump flow')")
    assert [ids(Answer(i["Datastreams"])) for i in part.items] == [["d2"]]


def test_trap_5_the_order_is_stable_and_each_level_is_one_statement(db: duckdb.DuckDBPyConnection) -> None:
    assert [i for p in walked(db, "Things?$orderby=installed desc", 1) for i in ids(p)] == [
        "well",
        "pump",
        "空",
        "o'neil",
    ]
    log: list[str] = []
    answer = asked(db, "Things?$expand=Datastreams($expand=Observations($top=2;$orderby=id desc),ObservedProperty),Locations", log=log)  # fmt: skip
    assert len(log) == 5
    pump = next(i for i in answer.items if i["id"] == "pump")
    assert [[o["id"] for o in d["Observations"]] for d in pump["Datastreams"]] == [[15, 13], [14, 10]]
    assert [d["ObservedProperty"]["id"] for d in pump["Datastreams"]] == ["level", "flow"]
    for sql in log:
        parsed(sql)


def test_trap_6_id_and_iot_id_are_one(db: duckdb.DuckDBPyConnection) -> None:
    assert asked(db, "Things?$filter=@iot.id eq 'pump'&$select=@iot.id") == asked(db, "Things?$filter=id eq 'pump'&$select=id")  # fmt: skip
    assert ids(asked(db, "Observations?$filter=Datastream/@iot.id eq 'd2'&$orderby=@iot.id desc&$top=1")) == [14]
    with pytest.raises(Malformed, match="does not compare") as e:
        asked(db, "Things?$filter=id eq 5")
    assert "quotation marks" in e.value.hint
    log: list[str] = []
    asked(db, "Observations(5)", log=log)
    assert "t1.id = CAST($p1 AS BIGINT)" in log[0]  # the value is cast, never the column, so that an index serves


def test_trap_9_a_value_out_of_range_is_a_bad_request(db: duckdb.DuckDBPyConnection) -> None:
    for options in ("$top=-1", "$count=maybe", "$filter=result gt", "$orderby=", "$expand=Nothing", "$select=nothing"):
        with pytest.raises(Malformed) as e:
            asked(db, f"Observations?{options}")
        assert e.value.status == 400


def test_trap_11_a_top_above_the_maximum_is_ignored(db: duckdb.DuckDBPyConnection) -> None:
    answer = asked(db, "Observations?$top=1000000&$orderby=phenomenonTime", page=5)
    assert ids(answer) == [1, 2, 3, 4, 5]
    assert answer.next
    (pump,) = asked(db, "Things('pump')?$expand=Datastreams($top=99)", page=1).items
    assert len(pump["Datastreams"]) == 1
    assert pump["Datastreams@next"]


def test_trap_13_results_keep_their_type(db: duckdb.DuckDBPyConnection) -> None:
    found = {i["id"]: i["result"] for i in asked(db, "Observations?$filter=id in (1,2,3,4,10)").items}
    assert found == {1: 3, 2: 3.0, 3: "3", 4: True, 10: {"x": 1, "y": "z"}}
    assert ids(asked(db, "Observations?$filter=result gt '3' and result lt '5'")) == [6]
    assert ids(asked(db, "Observations?$filter=result eq null")) == [5]
    assert ids(asked(db, "Observations?$filter=result eq '3' and result ne 3")) == [3]


def test_trap_16_substring_counts_from_nought(db: duckdb.DuckDBPyConnection) -> None:
    assert ids(asked(db, "Things?$filter=substring(name,1) eq 'ump'")) == ["pump"]
    assert ids(asked(db, "Things?$filter=substring(name,1,2) eq 'um'")) == ["pump"]
    assert ids(asked(db, "Things?$filter=indexof(name,'Pump') eq 0")) == ["pump"]


def test_nulls_come_first_and_last_when_descending(db: duckdb.DuckDBPyConnection) -> None:
    assert ids(asked(db, "Things?$orderby=name")) == ["空", "o'neil", "pump", "well"]
    assert ids(asked(db, "Things?$orderby=name desc")) == ["well", "pump", "o'neil", "空"]
    assert ids(asked(db, "Things?$orderby=Datastreams/$count desc,name")) == ["pump", "well", "空", "o'neil"]
    assert ids(asked(db, "Datastreams?$orderby=Thing/name,name desc")) == ["d4", "d1", "d2", "d3"]
    assert ids(asked(db, "Things?$orderby=length(description) desc&$top=1")) == ["well"]


def test_what_has_no_order_is_refused(db: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(Malformed, match="leads to many"):
        asked(db, "Things?$orderby=Datastreams/name")
    with pytest.raises(Malformed, match="no order"):
        asked(db, "Locations?$orderby=location")


def test_each_near_entity_has_its_own_page_total_and_next(db: duckdb.DuckDBPyConnection) -> None:
    url = "Datastreams?$expand=Observations($orderby=id desc;$top=2;$skip=1;$count=true;$select=result)"
    answer = asked(db, url)
    found = {i["id"]: i for i in answer.items}
    assert [o["id"] for o in found["d1"]["Observations"]] == [13, 11]
    assert [o["id"] for o in found["d4"]["Observations"]] == [12, 8]
    assert {k: i["Observations@count"] for k, i in found.items()} == {"d1": 8, "d2": 4, "d3": 0, "d4": 4}
    assert set(found["d1"]["Observations"][0]) == {"id", "result"}
    token = found["d1"]["Observations@next"]
    rest = asked(db, f"Datastreams('d1')/Observations?$orderby=id desc&$skiptoken={token}")
    assert ids(rest) == [9, 7, 5, 3, 1]
    beyond = asked(db, "Datastreams?$expand=Observations($skip=5;$count=true)").items
    assert [i["Observations@count"] for i in beyond] == [8, 4, 0, 4]


def test_an_expanded_entity_that_is_not_there_is_none(db: duckdb.DuckDBPyConnection) -> None:
    answer = asked(db, "Datastreams?$expand=Thing($select=name)")
    assert [i["Thing"] and i["Thing"]["id"] for i in answer.items] == ["pump", "pump", "well", None]


def test_options_that_say_nothing_of_one_entity_are_refused(db: duckdb.DuckDBPyConnection) -> None:
    for options in ("$filter=id eq 'x'", "$top=1", "$orderby=id", "$count=true", "$skip=0"):
        with pytest.raises(Malformed, match="leads to one entity"):
            asked(db, f"Things('pump')?{options}")
    with pytest.raises(Malformed, match="no entities"):
        asked(db, "Things('pump')/name")


def test_a_fault_in_what_is_expanded_is_told_though_nothing_is_found(db: duckdb.DuckDBPyConnection) -> None:
    for nested in ("Nothing", "Datastreams($filter=nothing eq 1)", "Datastreams($expand=Nothing)", "Datastreams($select=nothing)"):  # fmt: skip
        with pytest.raises(Malformed, match="othing"):
            asked(db, f"Things?$filter=id eq 'nil'&$expand={nested}")


def test_what_is_skipped_is_skipped_once(db: duckdb.DuckDBPyConnection) -> None:
    token = asked(db, "Observations?$top=1&$skip=2").next
    assert ids(asked(db, f"Observations?$top=2&$skip=2&$skiptoken={token}")) == [4, 5]


def test_a_cursor_of_another_query_is_refused(db: duckdb.DuckDBPyConnection) -> None:
    token = asked(db, "Observations?$top=1&$orderby=result").next
    for url in (f"Observations?$skiptoken={token}", "Observations?$skiptoken=%C3%A9", "Observations?$skiptoken=", "Observations?$skiptoken=W10", f"Observations?$orderby=result desc&$skiptoken={token}"):  # fmt: skip
        with pytest.raises(Malformed, match="skiptoken"):
            asked(db, url)


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_cursor_raises_one_kind_of_error(token: bytes) -> None:
    from base64 import urlsafe_b64encode

    wanted = query.parse("$orderby=resultTime,result")
    for text in (token.decode("latin-1"), urlsafe_b64encode(token).decode()):
        with pytest.raises(Malformed):
            Levels(town.SCHEMA, town.NOW).page(
                path.parse("Observations", town.SCHEMA), replace(wanted, skiptoken=text), 5
            )


KEYS = ["result", "resultTime", "phenomenonTime", "id mod 3", "Datastream/name", "Datastream/Thing/installed", "date(resultTime)", "now() sub resultTime", "id gt 4", "time(phenomenonTime)"]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), min_size=1, max_size=3, unique_by=lambda k: k[0]),
    st.integers(1, 6),
)
def test_pages_together_are_the_whole_in_order(keys: list[tuple[str, bool]], page: int) -> None:
    """Against the whole set in one page, and against a sort in Python by the first key."""
    db = _shared()
    url = "Observations?$orderby=" + ",".join(f"{k}{' desc' if d else ''}" for k, d in keys)
    whole = ids(asked(db, url))
    assert [i for p in walked(db, url, page) for i in ids(p)] == whole
    first, descending = keys[0]
    wanted = query.parse(f"$orderby={first}").orderby[0].by
    values = {r["id"]: oracle.value(wanted, {("", ()): ("Observation", r)}) for r in town.OBSERVATIONS}
    ranks = [_rank(values[i]) for i in whole]
    assert ranks == sorted(ranks, reverse=descending)


def _rank(v: Any) -> tuple[Any, ...]:
    """Null, then true and false, then texts, then numbers; objects have no order and count as null."""
    match v:
        case None | dict():
            return (0,)
        case bool():
            return (1, v)
        case str():
            return (2, v)
        case int() | float():
            return (3, v)
        case town.Interval():
            return (4, v.start, v.end)
    return (4, v)


_DB: list[duckdb.DuckDBPyConnection] = []


def _shared() -> duckdb.DuckDBPyConnection:
    if not _DB:
        _DB.append(town.database())
    return _DB[0]


def test_rows_added_meanwhile_make_no_page_skip_or_repeat() -> None:
    db = town.database()
    first = asked(db, "Observations?$orderby=resultTime desc", page=6)
    db.execute("INSERT INTO observation SELECT 0, datastream, since, until, TIMESTAMPTZ '2030-01-01', 1, NULL, NULL, NULL FROM observation LIMIT 1")  # fmt: skip
    wanted = following(query.parse("$orderby=resultTime desc"), first.next or "")
    rest = read(Levels(town.SCHEMA, town.NOW), path.parse("Observations", town.SCHEMA), wanted, town.fetcher(db))
    assert sorted(ids(first) + ids(rest)) == list(range(1, 17))


def test_a_query_of_nothing_is_the_default(db: duckdb.DuckDBPyConnection) -> None:
    resource = path.parse("Things", town.SCHEMA)
    assert len(read(Levels(town.SCHEMA, town.NOW), resource, Query(), town.fetcher(db)).items) == 4
