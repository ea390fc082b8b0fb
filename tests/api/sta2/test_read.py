"""Conformance class api/read of OGC 23-019: paths, options, pages. The expected values are those of `populate` and of the standard."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.sta2.service import RUN, SPEC, Client
from tests.api.sta2.test_datamodel import MANDATORY

MINE = f"startswith(Datastream/definition,'urn:{RUN}:stream:')"
"""Observations of `populate`."""
BUOYS = f"startswith(definition,'urn:{RUN}:buoy:')"
STREAMS = f"startswith(definition,'urn:{RUN}:stream:')"
PLACES = f"startswith(definition,'urn:{RUN}:place:')"


def buoy(sta: Client, n: int) -> Any:
    (found,) = sta.get("Things", filter=f"definition eq 'urn:{RUN}:buoy:{n}'")["value"]
    return found


def results(sta: Client, condition: str) -> list[Any]:
    """The results of the observations of `populate` that fulfil a condition, in order."""
    page = sta.get("Observations", filter=f"{MINE} and ({condition})", orderby="result", top=100)
    return [o["result"] for o in page["value"]]


ALL = [float(10 * n + h) for n in range(3) for h in range(4)]


class TestPaths:
    """conf/api/read/paths"""

    def test_service_document(self, seen: Client) -> None:
        for path in (seen.base, seen.base + "/"):
            root = seen.get(path)
            assert root["@context"] == f"{seen.base}/$metadata"
            assert {e["name"] for e in root["value"]} == set(MANDATORY)
            for entry in root["value"]:
                assert isinstance(seen.get(entry["url"], top=1)["value"], list)

    def test_service_document_lists_functions_and_each_is_known(self, seen: Client) -> None:
        functions = seen.get("")["serverSettings"]["functions"]
        assert len(set(functions)) == len(functions)
        assert {"substringof", "now", "year", "round", "any", "cast", "interval"} <= set(functions)
        for name in set(functions) - {"any"}:
            told = seen.request("GET", seen.url(f"Things?$filter={name}('a','b','c','d','e')"))
            assert "takes" in told.json()["message"], name  # known, with another number of arguments

    def test_metadata_document_describes_every_set(self, seen: Client) -> None:
        told = seen.get("$metadata")
        space, _, container = told["$EntityContainer"].rpartition(".")
        for name, (needed, optional, relations) in MANDATORY.items():
            kind = told[space][told[space][container][name]["$Type"].removeprefix(f"{space}.")]
            own = {k for k, v in kind.items() if not k.startswith("$") and v.get("$Kind") != "NavigationProperty"}
            assert own == needed | optional
            assert {k for k in own if not kind[k].get("$Nullable")} == needed
            ties = {k: bool(v.get("$Collection")) for k, v in kind.items() if isinstance(v, dict) and "$Kind" in v}
            assert ties == relations

    def test_entity_set_and_entity_have_their_context(self, seen: Client) -> None:
        for name in MANDATORY:
            page = seen.get(name, top=1)
            assert page["@context"] == f"{seen.base}/$metadata#{name}"
            one = seen.get(page["value"][0]["@id"])
            assert one["@context"] == f"{seen.base}/$metadata#{name}/$entity"
            assert {k: v for k, v in one.items() if k != "@context"} == page["value"][0]

    def test_an_attribute_and_its_raw_value(self, seen: Client) -> None:
        own = buoy(seen, 1)["@id"]
        assert seen.get(f"{own}/name") == {"@context": f"{seen.base}/$metadata#Edm.String", "value": "Buoy 1"}
        raw = seen.ask("GET", f"{own}/name/$value", 200)
        assert (raw.text, raw.headers["content-type"].partition(";")[0]) == ("Buoy 1", "text/plain")
        assert seen.get(f"{own}/properties/depth")["value"] == 1.5
        one = seen.get("Observations", filter=f"{MINE} and result eq 0")["value"][0]["@id"]
        assert seen.get(f"{one}/phenomenonTime/end")["value"] == "2026-03-01T00:30:00Z"
        assert seen.ask("GET", f"{one}/resultTime", 204).content == b""

    def test_related_entities_and_nested_paths(self, seen: Client) -> None:
        own = buoy(seen, 1)["@id"]
        (stream,) = seen.get(f"{own}/Datastreams")["value"]
        nested = seen.get(f"{own}/Datastreams('{stream['id']}')/Thing/Locations")
        assert [p["name"] for p in nested["value"]] == ["place 1"]
        assert nested["@context"].endswith("#Locations")
        other = buoy(seen, 2)["@id"]
        seen.ask("GET", f"{other}/Datastreams('{stream['id']}')", 404)
        seen.ask("GET", "Things('none')/Datastreams", 404)
        seen.ask("GET", "Nothings", 404)

    def test_references(self, seen: Client) -> None:
        own = buoy(seen, 1)["@id"]
        (stream,) = seen.get(f"{own}/Datastreams")["value"]
        assert seen.get(f"{stream['@id']}/Thing/$ref") == {"@context": f"{seen.base}/$metadata#$ref", "@id": own}
        page = seen.get(f"{own}/Datastreams/$ref")
        assert page == {"@context": f"{seen.base}/$metadata#Collection($ref)", "value": [{"@id": stream["@id"]}]}
        one = seen.get(f"{own}/Datastreams('{stream['id']}')/$ref")
        assert one == {"@context": f"{seen.base}/$metadata#$ref", "@id": stream["@id"]}


class TestPrecedence:
    """conf/api/read/options/precedence: each pair of operators whose precedence is next to each other, with a result that tells the two readings apart."""

    @pytest.mark.parametrize(
        ("condition", "meant"),
        [
            ("-result mul 2 add 30 gt 8", lambda r: -r * 2 + 30 > 8),  # negation, multiplication
            ("result add 2 mul 3 lt 20", lambda r: r + 2 * 3 < 20),  # multiplication, addition
            ("30 sub result div 2 gt 25", lambda r: 30 - r / 2 > 25),
            ("10 add result mod 4 eq 11", lambda r: 10 + r % 4 == 11),
            ("20 sub result sub 5 gt 10", lambda r: (20 - r) - 5 > 10),  # from the left
            ("24 div 4 div 2 add result eq 13", lambda r: 24 / 4 / 2 + r == 13),
            ("result add 1 gt 12", lambda r: r + 1 > 12),  # addition, relation
            ("result gt 2 eq true", lambda r: (r > 2) is True),  # relation, equality
            ("result eq 2 and result lt 5", lambda r: r == 2 and r < 5),  # equality, and
            ("result eq 1 or result eq 2 and result gt 1", lambda r: r == 1 or (r == 2 and r > 1)),  # and, or
            ("result gt 20 and result lt 22 or result eq 1", lambda r: (r > 20 and r < 22) or r == 1),
            ("not (result gt 2) and result lt 2", lambda r: not r > 2 and r < 2),  # not, and
            ("(result add 2) mul 3 lt 20", lambda r: (r + 2) * 3 < 20),  # grouping
        ],
    )
    def test_adjacent_operators(self, seen: Client, condition: str, meant: Any) -> None:
        expected = [r for r in ALL if meant(r)]
        assert 0 < len(expected) < len(ALL)
        assert results(seen, condition) == expected

    def test_options_apply_in_order_whatever_their_place_in_the_url(self, seen: Client) -> None:
        page = seen.get("Observations", select="result", top=2, skip=1, orderby="result desc", count="true", filter=f"{MINE} and result lt 20")  # fmt: skip
        assert [o["result"] for o in page["value"]] == [12, 11]
        assert page["@count"] == 8


class TestSelect:
    """conf/api/read/options/select"""

    def test_select_shows_what_is_asked_for_and_no_more(self, seen: Client) -> None:
        page = seen.get("Things", select="id,name", top=3)
        assert all(item.keys() == {"@id", "id", "name"} for item in page["value"])
        own = buoy(seen, 1)["@id"]
        one = seen.get(own, select="name,Datastreams")
        assert one.keys() == {"@context", "name", "Datastreams@navigationLink"}
        related = seen.get(f"{own}/Locations", select="name")
        assert related["value"] == [{"name": "place 1"}]

    def test_what_is_expanded_needs_no_select(self, seen: Client) -> None:
        one = seen.get(buoy(seen, 1)["@id"], select="name", expand="Locations($select=name)")
        assert {k: v for k, v in one.items() if k != "@context"} == {
            "name": "Buoy 1",
            "Locations": [{"name": "place 1"}],
        }

    def test_an_unknown_attribute_is_refused(self, seen: Client) -> None:
        seen.ask("GET", "Things?$select=nothing", 400)


class TestSelectDistinct:
    """conf/api/read/options/select_distinct"""

    def test_values_within_objects(self, seen: Client) -> None:
        page = seen.get(
            "Things", select="distinct:properties/type", filter=BUOYS, orderby="properties/type", count="true"
        )
        assert page["value"] == [{"properties": {"type": "buoy"}}, {"properties": {"type": "gauge"}}]
        assert page["@count"] == 2

    def test_several_attributes_in_descending_order_page_by_page(self, seen: Client) -> None:
        options = {
            "select": "distinct:encodingType,name",
            "filter": PLACES,
            "orderby": "name desc",
        }
        first = seen.get("Locations", **options, top=2)
        found = [v["name"] for v in first["value"]]
        assert found == ["place 2", "place 1"]
        assert first["value"][0] == {"encodingType": "application/geo+json", "name": "place 2"}
        rest = seen.get(first["@nextLink"])
        assert [v["name"] for v in rest["value"]] == ["place 0"]
        assert "@nextLink" not in rest

    def test_within_an_expand_and_of_a_related_set(self, seen: Client) -> None:
        own = buoy(seen, 1)["@id"]
        stream = seen.get(f"{own}/Datastreams")["value"][0]["@id"]
        expanded = seen.get(
            stream, expand="Observations($select=distinct:validTime;$orderby=validTime desc;$count=true)"
        )
        spans = [{"validTime": {"start": "2026-03-01T01:00:00Z", "end": "2026-03-02T01:00:00Z"}}, {"validTime": None}]
        assert expanded["Observations"] == spans
        assert expanded["Observations@count"] == 2
        assert (
            seen.get(f"{stream}/Observations", select="distinct:validTime", orderby="validTime desc")["value"] == spans
        )

    def test_no_order_by_anything_else_and_no_distinct_ids(self, seen: Client) -> None:
        seen.get("Things", 400, select="distinct:name", orderby="id")
        seen.get("Things", 400, select="distinct:id")


class TestExpand:
    """conf/api/read/options/expand"""

    def test_nested_with_options_at_every_level(self, seen: Client) -> None:
        page = seen.get(
            "Things",
            filter=BUOYS,
            orderby="name",
            expand="Datastreams($select=name;$expand=Observations($filter=result mod 10 ge 1;$orderby=result desc;$top=2;$skip=1;$count=true;$select=result),"
            "ObservedProperties($select=definition),UltimateFeaturesOfInterest($expand=FeatureTypes($select=name);$select=name)),Locations($select=name)",
        )
        assert [t["name"] for t in page["value"]] == ["Buoy 0", "Buoy 1", "Buoy 2"]
        for n, one in enumerate(page["value"]):
            (stream,) = one["Datastreams"]
            assert [o["result"] for o in stream["Observations"]] == [10 * n + 2, 10 * n + 1]
            assert stream["Observations@count"] == 3
            assert stream["ObservedProperties"] == [{"definition": f"urn:{RUN}:level{n}"}]
            river = {"name": f"river {n}", "FeatureTypes": [{"name": ("river", "lake")[n % 2]}]}
            assert stream["UltimateFeaturesOfInterest"] == [river]
            assert one["Locations"] == [{"name": f"place {n}"}]

    def test_from_an_observation_and_through_a_feature(self, seen: Client) -> None:
        (one,) = seen.get("Observations", filter=f"{MINE} and result eq 12", expand="Datastream($expand=Thing),ProximateFeatureOfInterest")["value"]  # fmt: skip
        assert one["Datastream"]["Thing"]["name"] == "Buoy 1"
        assert one["ProximateFeatureOfInterest"]["name"] == "sample 1"
        (station,) = seen.get(
            "Features", filter=f"definition eq 'urn:{RUN}:station:1'", expand="DatastreamsProximate,Observations"
        )["value"]
        assert [d["name"] for d in station["DatastreamsProximate"]] == ["level1"]
        assert station["Observations"] == []

    def test_the_rest_of_what_is_expanded_is_a_link_away(self, seen: Client) -> None:
        (stream,) = seen.get(
            "Datastreams", filter=f"definition eq 'urn:{RUN}:stream:1'", expand="Observations($orderby=result;$top=3)"
        )["value"]
        assert [o["result"] for o in stream["Observations"]] == [10, 11, 12]
        assert [o["result"] for o in seen.get(stream["Observations@nextLink"])["value"]] == [13]

    def test_an_unknown_relation_is_refused(self, seen: Client) -> None:
        seen.ask("GET", "Things?$expand=Sensors", 400)


class TestTopSkip:
    """conf/api/read/options/top_skip"""

    @pytest.mark.parametrize("name", MANDATORY)
    def test_items_two_and_three(self, seen: Client, name: str) -> None:
        ten = seen.ids(name, top=10, skip=0)
        assert len(ten) <= 10
        assert seen.ids(name, top=2, skip=1) == ten[1:3]
        assert seen.ids(name, top=0) == []
        for wrong in ("-1", "a", "1.5"):
            seen.get(name, 400, top=wrong)
            seen.get(name, 400, skip=wrong)


class TestCount:
    """conf/api/read/options/count"""

    @pytest.mark.parametrize("name", MANDATORY)
    def test_count_is_told_if_asked(self, seen: Client, name: str) -> None:
        assert "@count" not in seen.get(name, count="false", top=1)
        assert "@count" not in seen.get(name, top=1)
        assert seen.get(name, count="true", top=1, skip=1)["@count"] == seen.count(name)
        for wrong in ("yes", "1", "TRUE"):
            seen.get(name, 400, count=wrong)

    def test_count_minds_the_filter(self, seen: Client) -> None:
        assert seen.get("Observations", filter=f"{MINE} and result lt 10", count="true", top=1)["@count"] == 4


class TestOrderby:
    """conf/api/read/options/orderby"""

    def test_one_attribute_up_and_down(self, seen: Client) -> None:
        for option, expected in (("result", ALL), ("result asc", ALL), ("result desc", ALL[::-1])):
            page = seen.get("Observations", filter=MINE, orderby=option, top=50)
            assert [o["result"] for o in page["value"]] == expected

    def test_two_attributes_the_second_breaks_ties(self, seen: Client) -> None:
        page = seen.get("Observations", filter=MINE, orderby="phenomenonTime/start,result desc", top=50)
        expected = [10 * n + h for h in range(4) for n in (2, 1, 0)]
        assert [o["result"] for o in page["value"]] == expected
        page = seen.get("Observations", filter=MINE, orderby="Datastream/Thing/name desc,phenomenonTime", top=50)
        assert [o["result"] for o in page["value"]] == [10 * n + h for n in (2, 1, 0) for h in range(4)]

    def test_null_comes_first_and_last_where_it_descends(self, seen: Client) -> None:
        up = seen.get("Observations", filter=MINE, orderby="resultTime,result", top=50)["value"]
        assert ["resultTime" in o for o in up] == [False] * 9 + [True] * 3
        down = seen.get("Observations", filter=MINE, orderby="resultTime desc,result", top=50)["value"]
        assert ["resultTime" in o for o in down] == [True] * 3 + [False] * 9


class TestFilter:
    """conf/api/read/options/filter"""

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ("result eq 10", [10]),
            ("result ne 10 and result lt 12", [0, 1, 2, 3, 11]),
            ("result gt 20.5", [21, 22, 23]),
            ("result in (1,22,99)", [1, 22]),
            ("not (result ge 2)", [0, 1]),
            ("result add 1 eq 4", [3]),
            ("result sub 5 gt 16", [22, 23]),
            ("result mul 2 ge 44", [22, 23]),
            ("result div 2 eq 6", [12]),
            ("result mod 10 eq 3", [3, 13, 23]),
            ("round(result div 4) eq 3", [10, 11, 12, 13]),
            ("floor(result div 4) eq 5", [20, 21, 22, 23]),
            ("ceiling(result div 4) eq 3", [10, 11, 12]),
            ("phenomenonTime/start lt 2026-03-01T01:00:00Z", [0, 10, 20]),
            ("phenomenonTime/end eq 2026-03-01T00:30:00Z", [0, 10, 20]),
            ("phenomenonTime/end eq null and result lt 3", [1, 2]),
            ("phenomenonTime lt 2026-03-01T00:45:00Z", [0, 10, 20]),
            ("validTime/start lt 2026-03-01T07:16:23Z", [1, 11, 21]),
            ("resultTime ge 2026-03-01T09:05:00%2B08:00", [1, 11, 21]),
            ("resultTime lt now()", [1, 11, 21]),
            ("phenomenonTime gt 2026-03-01T02:30:00Z sub duration'PT1H'", [2, 3, 12, 13, 22, 23]),
            ("phenomenonTime lt interval(2026-03-01T01:00:00Z,duration'PT1H')", [0, 10, 20]),
            ("year(resultTime) eq 2026 and month(resultTime) eq 3 and day(resultTime) eq 1", [1, 11, 21]),
            ("hour(resultTime) eq 1 and minute(resultTime) eq 5 and second(resultTime) eq 0", [1, 11, 21]),
            ("hour(phenomenonTime/start,'Asia/Singapore') eq 11", [3, 13, 23]),
            ("date(phenomenonTime/start,'-09:00') eq 2026-02-28 and result lt 2", [0, 1]),
            ("time(resultTime) eq 01:05:00 and fractionalseconds(resultTime) eq 0", [1, 11, 21]),
            ("totaloffsetminutes(resultTime,'-03:30') eq -210", [1, 11, 21]),
            ("result gt Datastream/properties/threshold", [12, 13, 20, 21, 22, 23]),
            ("cast(result,Edm.Decimal) gt cast(Datastream/properties/threshold,Edm.Decimal) add 10", [22, 23]),
            ("properties/n eq 2 and Datastream/Thing/name eq 'Buoy 1'", [12]),
            ("ProximateFeatureOfInterest/name eq 'sample 2'", [22]),
            ("resultTime eq null and result lt 3", [0, 2]),
        ],
    )
    def test_observations(self, seen: Client, condition: str, expected: list[int]) -> None:
        assert results(seen, condition.replace("%2B", "+")) == expected

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ("contains(description,'number 1')", "1"),
            ("substringof('number 1',description)", "1"),
            ("startswith(name,'Buoy') and endswith(name,'2')", "2"),
            ("length(description) eq 13 and properties/depth gt 2", "2"),
            ("substring(name,5) eq '1'", "1"),
            ("substring(name,1,3) eq 'uoy' and properties/type eq 'gauge'", "0"),
            ("indexof(name,'y') gt 2", "012"),
            ("tolower(name) eq 'buoy 1' or toupper(name) eq 'BUOY 2'", "12"),
            ("trim(concat(' ',name)) eq 'Buoy 0'", "0"),
            ("concat(concat(name,', '),properties/type) eq 'Buoy 0, gauge'", "0"),
            ("properties/type in ('gauge','x')", "0"),
            ("'t2' in properties/tags", "2"),
            ("not startswith(properties/type,'gauge')", "12"),
            ("Datastreams/any(d: d/Observations/any(o: o/result gt properties/depth mul 9))", "2"),
            ("Datastreams/any(d: d/Observations/any(o: o/result gt 12 and o/result lt 14))", "1"),
            ("Datastreams/any(d: d/ObservedProperties/any(p: p/name eq 'level2'))", "2"),
            ("Datastreams/any(d: d/resultType/uom/code eq 'm') and Locations/any(l: l/name eq 'place 1')", "1"),
        ],
    )
    def test_things(self, seen: Client, condition: str, expected: str) -> None:
        found = seen.get("Things", filter=f"{BUOYS} and ({condition})", orderby="name")["value"]
        assert "".join(t["name"][-1] for t in found) == expected

    def test_the_structure_of_results(self, seen: Client) -> None:
        assert (
            seen.get("Datastreams", filter=f"{STREAMS} and resultType/type eq 'Quantity'", count="true")["@count"] == 3
        )
        assert (
            seen.get("Datastreams", filter=f"{STREAMS} and resultType/type ne 'Quantity'", count="true")["@count"] == 0
        )

    def test_geometries_where_the_service_has_functions_for_them(self, seen: Client) -> None:
        if "st_within" not in seen.get("")["serverSettings"]["functions"]:
            pytest.skip("the service compares no geometries")
        mine = PLACES
        square = "POLYGON((121.905 30.8,121.915 30.8,121.915 31,121.905 31,121.905 30.8))"
        line = "LINESTRING(121.9 30.9,122 30.9)"
        for condition, expected in (
            (f"st_within(location,geometry'{square}')", "1"),
            (f"st_within(location,geography'{square}')", "1"),
            (f"st_disjoint(location,geometry'{square}')", "02"),
            ("st_equals(location,geometry'POINT(121.92 30.9)')", "2"),
            ("st_contains(location,geometry'POINT(121.92 30.9)')", "2"),
            (f"st_intersects(location,geometry'{line}')", "012"),
            (f"st_touches(location,geometry'{line}')", "0"),
            (f"st_overlaps(location,geometry'{square}')", ""),
            (f"st_crosses(location,geometry'{line}')", ""),
            (f"st_relate(location,geometry'{square}','T********')", "1"),
            (f"geo.intersects(location,geometry'{square}')", "1"),
            ("geo.distance(location,geometry'POINT(121.92 30.9)') lt 0.011", "12"),
            (f"geo.length(geometry'{line}') gt 0.09", "012"),
        ):
            found = seen.get("Locations", filter=f"{mine} and {condition}", orderby="name")["value"]
            assert "".join(p["name"][-1] for p in found) == expected, condition

    def test_a_malformed_filter_is_refused_with_its_place(self, seen: Client) -> None:
        told = seen.get("Things", 400, filter="name eqq 'a'")
        assert "eqq" in json.dumps(told)
        seen.get("Things", 400, filter="nothing eq 1")


class TestFormat:
    """conf/api/read/options/format"""

    def test_full_minimal_and_no_metadata(self, seen: Client) -> None:
        options = {
            "top": 1,
            "count": "true",
            "expand": "Datastreams($expand=Observations($top=1;$count=true))",
            "filter": BUOYS,
        }
        full = seen.get("Things", format="application/json;metadata=full", **options)
        assert full.keys() == {"@context", "@count", "@nextLink", "value"}
        assert full == {**seen.get("Things", **options), "@nextLink": full["@nextLink"]}
        assert "Locations@navigationLink" in full["value"][0]
        for level, kept in (("minimal", {"@context"}), ("none", set[str]())):
            page = seen.get("Things", format=f"application/json;metadata={level}", **options)
            assert page.keys() == {"@count", "@nextLink", "value", *kept}
            (one,) = page["value"]
            (stream,) = one["Datastreams"]
            notes = {k for item in (one, stream, *stream["Observations"]) for k in item if "@" in k}
            assert notes == {"Observations@count", "Observations@nextLink"}
            assert one["id"] == full["value"][0]["id"]
            alone = seen.get(full["value"][0]["@id"], format=f"json;metadata={level}")
            assert {k for k in alone if "@" in k} == kept
            # the next page is in the same form
            assert seen.get(page["@nextLink"]).keys() >= {"@count", "value", *kept}

    def test_json_is_the_format_by_default(self, seen: Client) -> None:
        for format in ("json", "application/json"):
            assert seen.get("Things", format=format, top=2)["value"] == seen.get("Things", top=2)["value"]
        seen.ask("GET", "Things?$format=text/turtle", 501)
        seen.ask("GET", "Things?$resultFormat=dataArray", 501)


class TestPagination:
    """conf/api/read/options/pagination"""

    @pytest.mark.parametrize("name", MANDATORY)
    def test_the_next_page_begins_where_this_one_ends(self, seen: Client, name: str) -> None:
        ten = seen.ids(name, top=10, skip=0)
        page = seen.get(name, top=2, skip=0)
        if len(ten) > 2:
            assert [i["id"] for i in seen.get(page["@nextLink"])["value"]] == ten[2:4]
        else:
            assert "@nextLink" not in page

    def test_the_pages_are_the_set_and_the_last_has_no_link(self, seen: Client) -> None:
        found, page = [], seen.get("Observations", filter=MINE, orderby="result desc", top=5)
        while True:
            found += [o["result"] for o in page["value"]]
            if "@nextLink" not in page:
                break
            page = seen.get(page["@nextLink"])
        assert found == ALL[::-1]


def test_conf_binding_http_advertisement(seen: Client) -> None:
    settings = seen.get("")["serverSettings"]
    assert settings[f"{SPEC}req/binding/http"]["endpoints"] == [seen.base]
    assert f"{SPEC}req-class/binding/http" in settings["conformance"]


def test_conf_binding_http_request_response(seen: Client) -> None:
    root = seen.ask("GET", "", 200)
    assert root.json()["value"]
    for path in ("", "Things", "Things('none')", "Things?$filter=nothing", "Nothings"):
        shown = seen.request("GET", seen.url(path))
        for method in ("HEAD", "OPTIONS"):
            bare = seen.request(method, seen.url(path))
            assert (bare.status_code, bare.content) == (shown.status_code, b""), (method, path)


def test_nothing_is_declared_that_others_must_serve(seen: Client) -> None:
    declared = seen.get("")["serverSettings"]["conformance"]
    assert len(set(declared)) == len(declared)
    assert not [name for name in declared if "mqtt" in name]
