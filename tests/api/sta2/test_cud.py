"""Conformance class api/cud of OGC 23-019: what is created, changed, linked and deleted, and that nothing is where a request is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.sta2.service import GEOJSON, RUN, SPEC, Client, at, feature, observed, place, point, quantity, sensor
from tests.api.sta2.service import stream as streaming
from tests.api.sta2.test_datamodel import MANDATORY

PATCH = {"content-type": "application/json-patch+json"}
WHOLE = {"prefer": "return=representation"}
MINIMAL = {"prefer": "return=minimal"}


class World:
    """One entity of every set, linked to each other, with their addresses."""

    def __init__(self, sta: Client) -> None:
        self.sta = sta
        self.place = sta.create("Locations", place())
        self.thing = sta.create("Things", {"name": "Buoy", "properties": {"a": 1, "b": {"c": 2}}, "Locations": [self.ref(self.place)]})  # fmt: skip
        self.sensor = sta.create("Sensors", sensor())
        self.level = sta.create("ObservedProperties", observed("water level"))
        self.kind = sta.create("FeatureTypes", {"name": "harbour", "definition": f"urn:{RUN}:harbour"})
        self.feature = sta.create("Features", {**feature(), "FeatureTypes": [self.ref(self.kind)]})
        self.stream = sta.create(
            "Datastreams",
            {
                "name": "level",
                "description": "of the water",
                "properties": {"a": 1},
                "resultType": quantity(sta.get(self.level)["@id"]),
                "Thing": self.ref(self.thing),
                "Sensor": self.ref(self.sensor),
                "ProximateFeatureOfInterest": self.ref(self.feature),
                "UltimateFeaturesOfInterest": [self.ref(self.feature)],
            },
        )
        self.observation = sta.create(
            f"{self.stream}/Observations",
            {"phenomenonTime": at(1), "result": 1.5, "resultTime": "2026-03-01T01:10:00Z", "properties": {"a": 1, "b": {"c": 2}}},
        )  # fmt: skip
        self.history = sta.create(
            "HistoricalLocations",
            {"time": "2020-01-01T00:00:00Z", "Thing": self.ref(self.thing), "Locations": [self.ref(self.place)]},
        )

    def ref(self, address: str) -> dict[str, str]:
        return {"@id": address}

    def of(self, name: str) -> str:
        return {
            "Things": self.thing,
            "Locations": self.place,
            "HistoricalLocations": self.history,
            "Datastreams": self.stream,
            "Sensors": self.sensor,
            "ObservedProperties": self.level,
            "Observations": self.observation,
            "Features": self.feature,
            "FeatureTypes": self.kind,
        }[name]

    def counts(self) -> dict[str, int]:
        return {name: self.sta.count(name) for name in MANDATORY}

    def linking(self, name: str) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """A new entity that is linked to existing ones, and where its relations must lead."""
        ref = self.ref
        match name:
            case "Things":
                return {"name": "new", "description": "d", "Locations": [ref(self.place)]}, {"Locations": [self.place]}
            case "Locations":
                return {**place("new"), "Things": [ref(self.thing)]}, {"Things": [self.thing]}
            case "HistoricalLocations":
                body = {"time": "2021-01-01T00:00:00Z", "Thing": ref(self.thing), "Locations": [ref(self.place)]}
                return body, {"Thing": [self.thing], "Locations": [self.place]}
            case "Sensors":
                return {"name": "new", "Datastreams": [ref(self.stream)]}, {"Datastreams": [self.stream]}
            case "ObservedProperties":
                return observed("another"), {"Datastreams": []}
            case "Datastreams":
                body = {
                    "name": "new",
                    "resultType": quantity(self.sta.get(self.level)["@id"]),
                    "Thing": ref(self.thing),
                    "Sensor": ref(self.sensor),
                    "Observations": [ref(self.observation)],
                    "ProximateFeatureOfInterest": ref(self.feature),
                    "UltimateFeaturesOfInterest": [ref(self.feature)],
                }
                led = {"Thing": [self.thing], "Sensor": [self.sensor], "ObservedProperties": [self.level]}
                led |= {"Observations": [self.observation], "ProximateFeatureOfInterest": [self.feature]}
                return body, {**led, "UltimateFeaturesOfInterest": [self.feature]}
            case "Observations":
                body = {"result": 2, "phenomenonTime": at(2), "Datastream": ref(self.stream), "ProximateFeatureOfInterest": ref(self.feature)}  # fmt: skip
                return body, {"Datastream": [self.stream], "ProximateFeatureOfInterest": [self.feature]}
            case "Features":
                body = {
                    **feature("new"),
                    "FeatureTypes": [ref(self.kind)],
                    "Observations": [ref(self.observation)],
                    "DatastreamsProximate": [ref(self.stream)],
                    "DatastreamsUltimate": [ref(self.stream)],
                }
                led = {"FeatureTypes": [self.kind], "Observations": [self.observation]}
                return body, {**led, "DatastreamsProximate": [self.stream], "DatastreamsUltimate": [self.stream]}
        return {"name": "new", "Features": [ref(self.feature)]}, {"Features": [self.feature]}

    def linked(self, address: str, relation: str) -> list[str]:
        """Where a relation leads."""
        answer = self.sta.request("GET", f"{address}/{relation}/$ref")
        if answer.status_code == 404:
            return []
        told = answer.json()
        return [one["@id"] for one in told["value"]] if "value" in told else [told["@id"]]


@pytest.fixture
def world(sta: Client) -> World:
    return World(sta)


def test_conf_api_cud_advertisement(sta: Client) -> None:
    declared = sta.get("")["serverSettings"]["conformance"]
    assert f"{SPEC}req-class/api/cud" in declared
    for name in ("deep_update", "filtered_delete", "json_patch", "replace"):
        assert f"{SPEC}req/api/cud/{name}" in declared


class TestCreate:
    """conf/api/cud/create, with conf/api/cud/return_value"""

    @pytest.mark.parametrize("name", MANDATORY)
    def test_an_entity_linked_to_existing_ones(self, world: World, name: str) -> None:
        sta = world.sta
        for headers in ({}, MINIMAL, WHOLE):
            before = world.counts()
            body, relations = world.linking(name)
            answer = sta.ask("POST", name, 201, json={"id": "ignored", **body}, headers=headers)
            made = answer.headers["location"]
            if headers is WHOLE:
                assert answer.json() == sta.get(made)
                assert answer.headers["preference-applied"] == "return=representation"
            else:
                assert answer.content == b""
            own = sta.get(made)
            assert (own["@id"], own["id"]) != (None, "ignored")
            for key in body.keys() - relations.keys() - {"Observations", "resultType"}:
                if key not in ("Thing", "Sensor", "Locations"):
                    assert own[key] == body[key], key
            for relation, expected in relations.items():
                assert world.linked(made, relation) == expected, relation
            after = world.counts()
            # a thing or a place that is put somewhere has a history
            grown = {name, *({"HistoricalLocations"} if name in ("Things", "Locations") else ())}
            assert {n for n in after if after[n] != before[n]} == grown

    def test_return_value_minds_the_query_options(self, world: World) -> None:
        body, _ = world.linking("Datastreams")
        asked = "Datastreams?$select=name&$expand=Thing($select=name),Sensor($select=name)&$format=json;metadata=none"
        answer = world.sta.ask("POST", asked, 201, json=body, headers=WHOLE)
        assert answer.json() == {"name": "new", "Thing": {"name": "Buoy"}, "Sensor": {"name": "Gauge"}}

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("Things", {"description": "without a name"}),
            ("Things", {"name": 5}),
            ("Things", {"name": "a", "properties": []}),
            ("Things", {"name": "a", "Locations": [{"@id": "Locations('none')"}]}),
            ("Things", {"name": "a", "Locations": [{"@id": "Sensors('sensor-1')"}]}),
            ("Things", {"name": "a", "nothing": 1}),
            ("Locations", {"name": "a", "encodingType": GEOJSON}),
            ("Locations", {"name": "a", "encodingType": GEOJSON, "location": {"type": "Point", "coordinates": ["x"]}}),
            ("HistoricalLocations", {"time": "2021-01-01T00:00:00Z"}),
            ("HistoricalLocations", {"time": "yesterday", "Thing": "THING", "Locations": ["PLACE"]}),
            ("HistoricalLocations", {"time": "2021-01-01T00:00:00Z", "Thing": "THING"}),
            ("Sensors", {"name": "a", "metadata": "x"}),
            ("ObservedProperties", {"name": "a"}),
            ("Datastreams", {"name": "a", "Thing": "THING", "Sensor": "SENSOR"}),
            ("Datastreams", {"name": "a", "resultType": quantity("ObservedProperties('none')"), "Thing": "THING", "Sensor": "SENSOR"}),
            ("Datastreams", {"name": "a", "resultType": quantity("LEVEL"), "Sensor": "SENSOR"}),
            ("Datastreams", {"name": "a", "resultType": quantity("LEVEL"), "Thing": "THING"}),
            ("Datastreams", {"name": "a", "resultType": {"type": "Quantity", "label": "a", "definition": "LEVEL"}, "Thing": "THING", "Sensor": "SENSOR"}),
            ("Datastreams", {"name": "a", "resultType": {"type": "Number"}, "Thing": "THING", "Sensor": "SENSOR"}),
            ("Observations", {"result": 1}),
            ("Observations", {"phenomenonTime": at(1), "Datastream": "STREAM"}),
            ("Observations", {"result": "high", "Datastream": "STREAM"}),
            ("Observations", {"result": 1, "phenomenonTime": "2026-03-01T01:00:00Z", "Datastream": "STREAM"}),
            ("Observations", {"result": 1, "phenomenonTime": {"start": "2026-03-01T01:00:00"}, "Datastream": "STREAM"}),
            ("Observations", {"result": 1, "validTime": {"start": "2026-03-01T01:00:00Z"}, "Datastream": "STREAM"}),
            ("Observations", {"result": 1, "Datastream": {"@id": "Datastreams('none')"}}),
            ("Features", {"name": "a", "encodingType": GEOJSON}),
            ("FeatureTypes", {"description": "without a name"}),
        ],
    )  # fmt: skip
    def test_an_entity_that_breaks_integrity_is_not_created(
        self, world: World, name: str, wrong: dict[str, Any]
    ) -> None:
        known = {"THING": world.thing, "SENSOR": world.sensor, "PLACE": world.place, "STREAM": world.stream}

        def filled(value: Any) -> Any:
            if isinstance(value, dict):
                return {k: filled(v) for k, v in value.items()}
            if isinstance(value, list):
                return [filled(v) for v in value]
            if value == "LEVEL":
                return world.level
            return world.ref(known[value]) if isinstance(value, str) and value in known else value

        before = world.counts()
        told = world.sta.ask("POST", name, 400, json=filled(wrong)).json()
        assert told["message"]
        assert world.counts() == before

    def test_what_is_no_json_is_refused(self, sta: Client) -> None:
        for raw in (b"", b"{", b"[]", b"null", b"\xff"):
            sta.ask("POST", "Things", 400, content=raw)

    def test_a_related_set_links_to_its_owner_whatever_the_body_says(self, world: World) -> None:
        sta = world.sta
        other = sta.create("Things", {"name": "other"})
        body, _ = world.linking("Datastreams")
        body = {k: v for k, v in body.items() if k not in ("Observations",)}
        made = sta.create(f"{other}/Datastreams", body)  # the body names another thing
        assert world.linked(made, "Thing") == [other]
        for path, new, relation, owner in (
            (f"{world.sensor}/Datastreams", body, "Sensor", world.sensor),
            (f"{world.level}/Datastreams", body, "ObservedProperties", world.level),
            (f"{world.feature}/DatastreamsProximate", body, "ProximateFeatureOfInterest", world.feature),
            (f"{world.feature}/DatastreamsUltimate", body, "UltimateFeaturesOfInterest", world.feature),
            (f"{world.feature}/FeatureTypes", {"name": "t"}, "Features", world.feature),
            (f"{world.kind}/Features", feature(), "FeatureTypes", world.kind),
            (f"{world.stream}/UltimateFeaturesOfInterest", feature(), "DatastreamsUltimate", world.stream),
            (f"{world.place}/Things", {"name": "t"}, "Locations", world.place),
            (f"{world.history}/Locations", place(), "HistoricalLocations", world.history),
            (f"{world.thing}/HistoricalLocations", {"time": "2020-02-01T00:00:00Z", "Locations": [world.ref(world.place)]}, "Thing", world.thing),
            (f"{world.feature}/Observations", {"result": 1, "Datastream": world.ref(world.stream)}, "ProximateFeatureOfInterest", world.feature),
        ):  # fmt: skip
            assert owner in world.linked(sta.create(path, new), relation), path
        sta.ask("POST", "Things('none')/Datastreams", 404, json=body)
        sta.ask("POST", f"{world.stream}/ObservedProperties", 400, json=observed("stray"))

    def test_a_new_location_of_a_thing_has_a_history(self, world: World) -> None:
        before = set(world.linked(world.thing, "HistoricalLocations"))
        made = world.sta.create(f"{world.thing}/Locations", place("Pier"))
        assert world.linked(world.thing, "Locations") == [made]
        (new,) = set(world.linked(world.thing, "HistoricalLocations")) - before
        assert world.linked(new, "Locations") == [made]

    def test_a_later_history_moves_the_thing_and_an_earlier_one_does_not(self, world: World) -> None:
        pier = world.sta.create("Locations", place("Pier"))
        for time, now in (("2019-01-01T00:00:00Z", world.place), ("2030-01-01T00:00:00Z", pier)):
            body = {"time": time, "Thing": world.ref(world.thing), "Locations": [world.ref(pier)]}
            world.sta.create("HistoricalLocations", body)
            assert world.linked(world.thing, "Locations") == [now]

    def test_an_observation_without_time_has_the_time_of_the_server(self, world: World) -> None:
        made = world.sta.entity(f"{world.stream}/Observations", {"result": 3})
        assert made["phenomenonTime"].keys() == {"start"}
        assert "resultTime" not in made

    def test_results_of_every_kind_come_back_as_they_were(self, world: World) -> None:
        sta, label = world.sta, {"label": "L"}
        cases: list[tuple[dict[str, Any], list[Any], list[Any]]] = [
            ({"type": "Quantity", "uom": {"code": "m"}, **label}, [1.5, -2, 0], ["a", True, [1], {}]),
            ({"type": "Count", **label}, [3, 0], [1.5, "3", False]),
            ({"type": "Boolean", **label}, [True, False], [1, "true"]),
            ({"type": "Text", **label}, ["", "雨"], [1, None is True]),
            ({"type": "Category", "codeSpace": "urn:c", "constraint": {"values": ["a", "b"]}, **label}, ["a", "b"], ["c", 1]),
            ({"type": "Quantity", "uom": {"code": "m"}, "constraint": {"intervals": [[0, 10]]}, **label}, [0, 10], [11, -1]),
            ({"type": "QuantityRange", "uom": {"code": "m"}, **label}, [[1, 2]], [1, [1], ["a", "b"]]),
        ]  # fmt: skip
        for component, right, wrong in cases:
            made = sta.create("Datastreams", {"name": "s", "resultType": component, "ObservedProperties": [world.ref(world.level)], "Thing": world.ref(world.thing), "Sensor": world.ref(world.sensor)})  # fmt: skip
            assert sta.get(made)["resultType"] == {**component, "definition": world.level[len(sta.base) + 1 :]}
            for n, result in enumerate(right):
                told = sta.entity(f"{made}/Observations", {"result": result, "phenomenonTime": at(n)})
                assert told["result"] == result
                assert type(told["result"]) is type(result)
            for result in wrong:
                sta.ask("POST", f"{made}/Observations", 400, json={"result": result})
            assert sta.count(f"{made}/Observations") == len(right)

    def test_records_of_several_properties_as_objects_and_as_lists(self, world: World) -> None:
        sta = world.sta
        warmth = sta.create("ObservedProperties", observed("warmth"))
        fields = [
            quantity(world.level, name="level"),
            {"name": "warmth", "type": "Quantity", "label": "Warmth", "definition": warmth, "uom": {"code": "Cel"}},
        ]
        for encoding, right, wrong in (
            (None, {"level": 1, "warmth": 15.5}, [1, 15.5]),
            ({"type": "JSONEncoding", "recordsAsArrays": True}, [1, 15.5], {"level": 1, "warmth": 15.5}),
        ):
            made = sta.create("Datastreams", {"name": "r", "resultType": {"type": "DataRecord", "fields": fields}, **({"resultEncoding": encoding} if encoding else {}), "Thing": world.ref(world.thing), "Sensor": world.ref(world.sensor)})  # fmt: skip
            assert set(world.linked(made, "ObservedProperties")) == {world.level, warmth}
            assert sta.entity(f"{made}/Observations", {"result": right})["result"] == right
            for bad in (wrong, {"level": 1}, [1], [1, "a"], 5):
                sta.ask("POST", f"{made}/Observations", 400, json={"result": bad})


class TestDeepInsert:
    """conf/api/cud/deep_insert, with conf/api/cud/return_value"""

    BODIES: dict[str, dict[str, Any]] = {  # noqa: RUF012 - never changed
        "Things": {
            "name": "deep",
            "Locations": [place("deep")],
            "Datastreams": [streaming("deep1", Observations=[{"result": 1, "phenomenonTime": at(1)}])],
            "HistoricalLocations": [{"time": "2019-01-01T00:00:00Z", "Locations": [place("older")]}],
        },
        "Locations": {**place("deep"), "Things": [{"name": "deep", "Datastreams": [streaming("deep2")]}]},
        "HistoricalLocations": {"time": "2019-01-01T00:00:00Z", "Thing": {"name": "deep"}, "Locations": [place("deep")]},
        "Sensors": {"name": "deep", "Datastreams": [{k: v for k, v in streaming("deep3", Thing={"name": "deep"}).items() if k != "Sensor"}]},
        "ObservedProperties": {
            **observed("deep4"),
            "Datastreams": [{"name": "s", "resultType": quantity(f"urn:{RUN}:deep4"), "Sensor": sensor(), "Thing": {"name": "deep"}}],
        },
        "Datastreams": streaming("deep5", Thing={"name": "deep"}, Observations=[{"result": 5}], ProximateFeatureOfInterest=feature(), UltimateFeaturesOfInterest=[{**feature(), "FeatureTypes": [{"name": "deep"}]}]),
        "Observations": {"result": 7, "phenomenonTime": at(3), "Datastream": streaming("deep6", Thing={"name": "deep"}), "ProximateFeatureOfInterest": {**feature(), "FeatureTypes": [{"name": "deep"}]}},
        "Features": {
            **feature("deep"),
            "FeatureTypes": [{"name": "deep"}],
            "DatastreamsProximate": [streaming("deep7", Thing={"name": "deep"})],
            "DatastreamsUltimate": [streaming("deep8", Thing={"name": "deep"})],
            "Observations": [{"result": 8, "Datastream": streaming("deep9", Thing={"name": "deep"})}],
        },
        "FeatureTypes": {"name": "deep", "Features": [feature("deep")]},
    }  # fmt: skip

    @pytest.mark.parametrize("name", MANDATORY)
    def test_an_entity_with_all_that_is_inside(self, sta: Client, name: str) -> None:
        body = self.BODIES[name]
        for headers in ({}, WHOLE):
            answer = sta.ask("POST", name, 201, json=body, headers=headers)
            assert bool(answer.content) is bool(headers)
            made = answer.headers["location"]
            self.same(sta, made, body, MANDATORY[name][2])

    def same(self, sta: Client, address: str, body: dict[str, Any], relations: dict[str, bool]) -> None:
        """The entity at an address is what the body says, and so is all that is inside."""
        own = sta.get(address)
        for key, value in body.items():
            if key not in relations:
                if key != "resultType":
                    assert own[key] == value, key
                continue
            far = sta.get(f"{address}/{key}")
            found = far["value"] if relations[key] else [far]
            if key == "HistoricalLocations":
                found = [f for f in found if f["time"] == value[0]["time"]]
            (expected,) = value if isinstance(value, list) else [value]
            (one,) = found
            name = one["@id"][len(sta.base) + 1 :].partition("(")[0]
            self.same(sta, one["@id"], expected, MANDATORY[name][2])

    @pytest.mark.parametrize("name", MANDATORY)
    def test_nothing_is_created_where_anything_inside_is_wrong(self, sta: Client, name: str) -> None:
        before = {n: sta.count(n) for n in MANDATORY}
        wrong = _spoiled(self.BODIES[name])
        assert wrong
        for body in wrong:
            sta.ask("POST", name, 400, json=body)
        assert {n: sta.count(n) for n in MANDATORY} == before

    def test_results_inside_must_fit_too(self, world: World) -> None:
        sta, before = world.sta, world.counts()
        wrong = {"result": "high", "phenomenonTime": at(1)}
        linked = {**wrong, "Datastream": world.ref(world.stream)}
        sta.ask("POST", "Datastreams", 400, json=streaming("x", Thing=world.ref(world.thing), Observations=[wrong]))
        sta.ask("POST", "Features", 400, json={**feature(), "Observations": [linked]})
        sta.ask("POST", "Observations", 400, json={**wrong, "Datastream": streaming("y", Thing=world.ref(world.thing))})
        known = world.ref(world.observation)
        sta.ask("PATCH", world.stream, 400, json={"name": "never", "Observations": [known, wrong]})
        sta.ask("PATCH", world.stream, 400, json={"name": "never", "Observations": [{**known, "result": "high"}]})
        assert world.counts() == before
        assert sta.get(world.stream)["name"] == "level"


def _spoiled(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The body with one mandatory thing missing, each time another one."""
    found = []
    for key, value in body.items():
        rest = {k: v for k, v in body.items() if k != key}
        if key in ("name", "result", "time", "Sensor", "Thing", "Datastream"):
            found.append(rest)
        if isinstance(value, dict) and key not in ("location", "feature", "phenomenonTime", "resultType"):
            found += [{**rest, key: inner} for inner in _spoiled(value)]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            found += [{**rest, key: [inner]} for inner in _spoiled(value[0])]
    return found


CHANGES: dict[str, dict[str, Any]] = {
    "Things": {"name": "changed", "description": "d", "definition": "urn:d"},
    "Locations": {"name": "changed", "description": "d", "location": point(120, 30)},
    "HistoricalLocations": {"time": "2020-06-01T00:00:00Z"},
    "Datastreams": {"name": "changed", "description": "d", "observedArea": point(120, 30)},
    "Sensors": {"name": "changed", "metadata": "other.pdf"},
    "ObservedProperties": {"name": "changed", "definition": "urn:other"},
    "Observations": {"result": 9, "phenomenonTime": {"start": "2026-03-01T05:00:00Z", "end": "2026-03-01T06:00:00Z"}},
    "Features": {"name": "changed", "feature": point(120, 30)},
    "FeatureTypes": {"name": "changed", "description": "d"},
}


def bare(entity: dict[str, Any]) -> dict[str, Any]:
    """Attributes alone, without those that the service makes of others."""
    made = ("phenomenonTime", "resultTime", "observedArea") if "resultType" in entity else ()
    return {k: v for k, v in entity.items() if "@" not in k and k not in made}


class TestUpdate:
    """conf/api/cud/update, with conf/api/cud/return_value"""

    @pytest.mark.parametrize("name", MANDATORY)
    def test_what_is_named_changes_and_the_rest_stays(self, world: World, name: str) -> None:
        sta, own = world.sta, world.of(name)
        before = sta.get(own)
        for key, value in CHANGES[name].items():
            assert sta.ask("PATCH", own, 204, json={key: value}).content == b""
            before = {**before, key: value}
            assert sta.get(own) == before
        answer = sta.ask("PATCH", own, 200, json=CHANGES[name], headers=WHOLE)
        assert answer.json() == sta.get(own) == before
        assert sta.ask("PATCH", own, 204, json=CHANGES[name], headers=MINIMAL).content == b""
        assert sta.ask("PATCH", own, 204, json={}).content == b""
        assert sta.get(own) == before

    def test_parts_of_objects_that_are_not_named_stay(self, world: World) -> None:
        for own in (world.thing, world.observation):
            world.sta.ask("PATCH", own, 204, json={"properties": {"b": {"d": 3}, "e": 4}})
            assert world.sta.get(own)["properties"] == {"a": 1, "b": {"c": 2, "d": 3}, "e": 4}
            world.sta.ask("PATCH", own, 204, json={"properties": {"b": None}})
            assert world.sta.get(own)["properties"] == {"a": 1, "e": 4}
        world.sta.ask("PATCH", world.stream, 204, json={"resultType": {"label": "Stage"}})
        assert world.sta.get(world.stream)["resultType"]["label"] == "Stage"
        assert world.sta.get(world.stream)["resultType"]["uom"]["code"] == "m"

    def test_what_is_mandatory_cannot_be_null_and_what_is_not_can(self, world: World) -> None:
        world.sta.ask("PATCH", world.thing, 400, json={"name": None})
        world.sta.ask("PATCH", world.stream, 204, json={"description": None})
        assert "description" not in world.sta.get(world.stream)
        world.sta.ask("PATCH", "Things('none')", 404, json={"name": "a"})

    def test_a_result_must_fit(self, world: World) -> None:
        world.sta.ask("PATCH", world.observation, 400, json={"result": "high"})
        assert world.sta.get(world.observation)["result"] == 1.5

    def test_the_structure_of_results_stays_once_there_are_any(self, world: World) -> None:
        sta = world.sta
        count = {"type": "Count", "label": "n", "definition": world.level}
        sta.ask("PATCH", world.stream, 409, json={"resultType": count})
        assert sta.get(world.stream)["resultType"]["type"] == "Quantity"
        sta.ask("DELETE", world.observation, 204)
        sta.ask("PATCH", world.stream, 204, json={"resultType": count})
        assert sta.get(world.stream)["resultType"] == {**count, "definition": world.level[len(sta.base) + 1 :]}

    def test_observed_properties_follow_the_result_type(self, world: World) -> None:
        other = world.sta.create("ObservedProperties", observed("other"))
        world.sta.ask("PATCH", world.stream, 204, json={"resultType": {"definition": other}})
        assert world.linked(world.stream, "ObservedProperties") == [other]
        world.sta.ask("PATCH", world.stream, 400, json={"resultType": {"definition": "ObservedProperties('none')"}})
        assert world.linked(world.stream, "ObservedProperties") == [other]


class TestReplace:
    """conf/api/cud/replace, with conf/api/cud/return_value"""

    @pytest.mark.parametrize("name", MANDATORY)
    def test_what_is_not_named_is_gone_and_relations_stay(self, world: World, name: str) -> None:
        sta, own = world.sta, world.of(name)
        needed, _, relations = MANDATORY[name]
        led = {r: world.linked(own, r) for r in relations}
        before = sta.get(own)
        body = {k: CHANGES[name].get(k, before[k]) for k in needed - {"id"}}
        sta.ask("PUT", own, 204, json=body)
        assert bare(sta.get(own)) == {"id": before["id"], **body}
        assert {r: world.linked(own, r) for r in relations} == led
        assert sta.ask("PUT", own, 200, json=body, headers=WHOLE).json() == sta.get(own)
        for missing in needed - {"id", "phenomenonTime"}:
            sta.ask("PUT", own, 400, json={k: v for k, v in body.items() if k != missing})
        assert bare(sta.get(own)) == {"id": before["id"], **body}

    def test_an_entity_as_it_is_shown_can_be_sent_back(self, world: World) -> None:
        for name in MANDATORY:
            shown = world.sta.get(world.of(name))
            world.sta.ask("PUT", world.of(name), 204, json=shown)
            assert world.sta.get(world.of(name)) == shown


class TestDeepUpdate:
    """conf/api/cud/deep_update"""

    def test_things_are_moved_to_new_and_to_known_places(self, world: World) -> None:
        sta = world.sta
        known = sta.create("Locations", place("known"))
        body = {"name": "moved", "Locations": [place("new"), {"@id": known[len(sta.base) + 1 :]}]}
        sta.ask("PATCH", world.thing, 204, json=body)
        own = sta.get(world.thing, expand="Locations")
        assert own["name"] == "moved"
        assert {p["name"] for p in own["Locations"]} == {"new", "known"}

    @pytest.mark.parametrize(
        ("name", "inside"),
        [
            ("Things", {"HistoricalLocations": [{"@id": "HISTORY", "time": "2020-05-05T00:00:00Z"}, "REST"]}),
            ("Things", {"Datastreams": [{"@id": "STREAM", "description": "anew"}, streaming("more")]}),
            ("Locations", {"Things": [{"@id": "THING", "name": "anew"}, {"name": "more"}]}),
            ("HistoricalLocations", {"Thing": {"@id": "THING", "name": "anew"}, "Locations": [place("more")]}),
            ("Datastreams", {"Thing": {"name": "more"}, "Sensor": {"@id": "SENSOR", "name": "anew"}}),
            ("Datastreams", {"ProximateFeatureOfInterest": feature("more"), "UltimateFeaturesOfInterest": [{"@id": "FEATURE", "name": "anew"}, feature("more")]}),
            ("Datastreams", {"Observations": [{"@id": "OBSERVATION", "result": 4}, {"result": 5, "phenomenonTime": at(9)}]}),
            ("Datastreams", {"ObservedProperties": [{"@id": "LEVEL", "name": "anew"}]}),
            ("Sensors", {"Datastreams": [{"@id": "STREAM", "name": "anew"}, {**streaming("more"), "Thing": {"name": "t"}}]}),
            ("ObservedProperties", {"Datastreams": [{"@id": "STREAM", "name": "anew"}]}),
            ("Observations", {"result": 3, "ProximateFeatureOfInterest": feature("more")}),
            ("Observations", {"Datastream": {"@id": "STREAM", "name": "anew"}}),
            ("Features", {"FeatureTypes": [{"@id": "KIND", "name": "anew"}, {"name": "more"}], "DatastreamsProximate": [], "DatastreamsUltimate": [{"@id": "STREAM", "name": "anew"}]}),
            ("FeatureTypes", {"Features": [feature("more")]}),
        ],
    )  # fmt: skip
    def test_what_is_inside_is_created_changed_and_linked(
        self, world: World, name: str, inside: dict[str, Any]
    ) -> None:
        sta, own = world.sta, world.of(name)
        rest = [h for h in world.linked(world.thing, "HistoricalLocations") if h != world.history]
        known = {"HISTORY": world.history, "STREAM": world.stream, "THING": world.thing, "SENSOR": world.sensor, "FEATURE": world.feature, "LEVEL": world.level, "KIND": world.kind, "OBSERVATION": world.observation}  # fmt: skip

        def filled(value: Any) -> Any:
            if isinstance(value, dict):
                return {k: filled(v) for k, v in value.items()}
            if isinstance(value, list):
                flat = [[world.ref(h) for h in rest] if v == "REST" else [v] for v in value]
                return [filled(v) for part in flat for v in part]
            return known.get(value, value) if isinstance(value, str) else value

        body = filled(inside)
        sta.ask("PATCH", own, 204, json=body)
        for key, value in body.items():
            many = MANDATORY[name][2].get(key)
            if many is None:
                assert sta.get(own)[key] == value
                continue
            far = sta.get(f"{own}/{key}")
            found = {f["@id"]: f for f in (far["value"] if many else [far])}
            expected = value if many else [value]
            assert len(found) == len(expected)
            for one in expected:
                if "@id" in one:
                    assert found[one["@id"]].items() >= one.items()
                else:
                    plain = {k: v for k, v in one.items() if k in ("name", "result", "feature", "location")}
                    assert any(f.items() >= plain.items() for f in found.values())

    @pytest.mark.parametrize(
        ("name", "inside"),
        [
            ("Things", {"name": "never", "Datastreams": []}),
            ("Things", {"name": "never", "Locations": [place("never"), {"@id": "Locations('none')"}]}),
            ("Things", {"name": "never", "Locations": [place("never"), {"name": "without"}]}),
            ("Things", {"name": "never", "HistoricalLocations": []}),
            ("Datastreams", {"name": "never", "Observations": []}),
            ("Datastreams", {"name": "never", "Sensor": {"description": "never"}}),
            ("Datastreams", {"name": "never", "ObservedProperties": [observed("never")]}),
            ("HistoricalLocations", {"time": "2022-01-01T00:00:00Z", "Locations": []}),
            ("Sensors", {"name": "never", "Datastreams": []}),
            ("Features", {"name": "never", "FeatureTypes": [{"description": "without a name"}]}),
            ("Observations", {"result": 99, "ProximateFeatureOfInterest": {"name": "without"}}),
        ],
    )
    def test_nothing_changes_where_integrity_would_break(self, world: World, name: str, inside: dict[str, Any]) -> None:
        sta, own = world.sta, world.of(name)
        before, counts = sta.get(own), world.counts()
        led = {r: world.linked(own, r) for r in MANDATORY[name][2]}
        sta.ask("PATCH", own, 400, json=inside)
        assert sta.get(own) == before
        assert world.counts() == counts
        assert {r: world.linked(own, r) for r in MANDATORY[name][2]} == led


class TestJsonPatch:
    """conf/api/cud/json_patch"""

    @pytest.mark.parametrize("name", MANDATORY)
    def test_operations_on_every_set(self, world: World, name: str) -> None:
        sta, own = world.sta, world.of(name)
        before = sta.get(own)
        steps: list[dict[str, Any]] = []
        for key, value in CHANGES[name].items():
            steps += [{"op": "test", "path": f"/{key}", "value": before[key]}] if key in bare(before) else []
            steps.append({"op": "replace" if key in before else "add", "path": f"/{key}", "value": value})
        if name != "HistoricalLocations":
            steps.append({"op": "add", "path": "/properties", "value": {"x": 1, "list": [1, 2]}})
            steps.append({"op": "copy", "from": "/properties/x", "path": "/properties/y"})
            steps.append({"op": "move", "from": "/properties/x", "path": "/properties/z"})
            steps.append({"op": "add", "path": "/properties/list/-", "value": 3})
        sta.ask("PATCH", own, 204, json=steps, headers=PATCH)
        after = sta.get(own)
        expected = {**before, **CHANGES[name]}
        if name != "HistoricalLocations":
            expected["properties"] = {"y": 1, "z": 1, "list": [1, 2, 3]}
        assert after == expected
        if "description" in after:
            whole = sta.ask("PATCH", own, 200, json=[{"op": "remove", "path": "/description"}], headers=PATCH | WHOLE)
            assert "description" not in whole.json()

    def test_a_test_that_fails_is_a_conflict_and_changes_nothing(self, world: World) -> None:
        steps = [
            {"op": "replace", "path": "/name", "value": "never"},
            {"op": "test", "path": "/properties/a", "value": 2},
        ]
        world.sta.ask("PATCH", world.thing, 409, json=steps, headers=PATCH)
        assert world.sta.get(world.thing)["name"] == "Buoy"

    def test_no_relations_and_no_nonsense(self, world: World) -> None:
        for steps in (
            [{"op": "remove", "path": "/Datastreams"}],
            [{"op": "add", "path": "/Locations/-", "value": {}}],
            [{"op": "remove", "path": "/name"}],
            [{"op": "remove", "path": "/nothing"}],
            [{"op": "jump", "path": "/name"}],
            {"op": "remove"},
        ):
            world.sta.ask("PATCH", world.thing, 400, json=steps, headers=PATCH)


SINGLE = [
    # owner, relation, set of the target, whether there may be none
    ("Datastreams", "Thing", "Things", False),
    ("Datastreams", "Sensor", "Sensors", False),
    ("Datastreams", "ProximateFeatureOfInterest", "Features", True),
    ("HistoricalLocations", "Thing", "Things", False),
    ("Observations", "Datastream", "Datastreams", False),
    ("Observations", "ProximateFeatureOfInterest", "Features", True),
]
SEVERAL = [
    # owner, relation, set of the target, how the target calls it, whether the target may be without
    ("Things", "Locations", "Locations", "Things", True),
    ("Locations", "Things", "Things", "Locations", True),
    ("Things", "HistoricalLocations", "HistoricalLocations", "Thing", False),
    ("Things", "Datastreams", "Datastreams", "Thing", False),
    ("Sensors", "Datastreams", "Datastreams", "Sensor", False),
    ("Datastreams", "Observations", "Observations", "Datastream", False),
    ("Datastreams", "UltimateFeaturesOfInterest", "Features", "DatastreamsUltimate", True),
    ("Features", "Observations", "Observations", "ProximateFeatureOfInterest", True),
    ("Features", "DatastreamsProximate", "Datastreams", "ProximateFeatureOfInterest", True),
    ("Features", "DatastreamsUltimate", "Datastreams", "UltimateFeaturesOfInterest", True),
    ("Features", "FeatureTypes", "FeatureTypes", "Features", True),
    ("FeatureTypes", "Features", "Features", "FeatureTypes", True),
    ("Locations", "HistoricalLocations", "HistoricalLocations", "Locations", True),
    ("HistoricalLocations", "Locations", "Locations", "HistoricalLocations", True),
]


class TestUpdateRelations:
    """conf/api/cud/update_relations"""

    @pytest.mark.parametrize(("name", "relation", "target", "free"), SINGLE)
    def test_relations_to_one(self, world: World, name: str, relation: str, target: str, free: bool) -> None:
        sta, own = world.sta, world.of(name)
        other = World(sta).of(target)
        sta.ask("PUT", f"{own}/{relation}/$ref", 204, json=world.ref(other[len(sta.base) + 1 :]))
        assert world.linked(own, relation) == [other]
        assert sta.get(own)["id"] == own.partition("('")[2].removesuffix("')")
        sta.ask("PUT", f"{own}/{relation}/$ref", 400, json={"@id": f"{target}('none')"})
        sta.ask("PUT", f"{own}/{relation}/$ref", 400, json={"@id": "Nothings('1')"})
        sta.ask("PUT", f"{own}/{relation}/$ref", 400, json={"value": [world.ref(other)]})
        assert world.linked(own, relation) == [other]
        sta.ask("DELETE", f"{own}/{relation}/$ref", 204 if free else 400)
        assert world.linked(own, relation) == ([] if free else [other])
        assert sta.get(other)["@id"] == other

    @pytest.mark.parametrize(("name", "relation", "target", "back", "free"), SEVERAL)
    def test_relations_to_many(
        self, world: World, name: str, relation: str, target: str, back: str, free: bool
    ) -> None:
        sta, own = world.sta, world.of(name)
        one, two = World(sta).of(target), World(sta).of(target)
        ref = f"{own}/{relation}/$ref"
        before = set(world.linked(own, relation))
        for _ in range(2):  # adding what is there has no effect
            sta.ask("POST", ref, 204, json=world.ref(one))
            assert set(world.linked(own, relation)) == before | {one}
        assert own in world.linked(one, back)
        sta.ask("POST", ref, 204, json=world.ref(two))
        sta.ask("POST", ref, 400, json={"@id": f"{target}('none')"})
        sta.ask("POST", ref, 400, json={"@id": "Nothings('1')"})
        now = before | {one, two}
        assert set(world.linked(own, relation)) == now
        # one is taken away at its own address, another by its name, the rest at once
        for gone, path in ((one, f"{own}/{relation}{_key(one)}/$ref"), (two, f"{ref}?$id=../../{target}{_key(two)}")):
            alone = name == "Locations" and relation == "HistoricalLocations" and len(world.linked(gone, back)) == 1
            sta.ask("DELETE", path, 204 if free and not alone else 400)
            now -= {gone} if free and not alone else set()
            assert set(world.linked(own, relation)) == now
            assert sta.get(gone)["@id"] == gone
        kept = {one, two} if free else now | {one}
        sta.ask("PUT", ref, 400, json={"value": [{"@id": f"{target}('none')"}]})
        if name == "Locations" and relation == "HistoricalLocations":
            kept = now  # those that have no other place stay
        sta.ask("PUT", ref, 204, json={"value": [world.ref(k) for k in sorted(kept)]})
        assert set(world.linked(own, relation)) == kept
        empty = free and (name, relation) not in (
            ("HistoricalLocations", "Locations"),
            ("Locations", "HistoricalLocations"),
        )
        for method, given in (("PUT", {"json": {"value": []}}), ("DELETE", {})):
            if kept or not free:
                sta.ask(method, ref, 204 if empty else 400, **given)
            assert set(world.linked(own, relation)) == (set() if empty else kept)

    def test_observed_properties_are_those_of_the_result_type(self, world: World) -> None:
        sta = world.sta
        other = sta.create("ObservedProperties", observed("stray"))
        ref = f"{world.stream}/ObservedProperties/$ref"
        sta.ask("POST", ref, 204, json=world.ref(world.level))  # they are related already
        sta.ask("PUT", ref, 204, json={"value": [world.ref(world.level)]})
        for method, path, given in (
            ("POST", ref, {"json": world.ref(other)}),
            ("PUT", ref, {"json": {"value": [world.ref(other)]}}),
            ("DELETE", ref, {}),
            ("DELETE", f"{world.stream}/ObservedProperties{_key(world.level)}/$ref", {}),
            ("POST", f"{other}/Datastreams/$ref", {"json": world.ref(world.stream)}),
            ("DELETE", f"{world.level}/Datastreams/$ref", {}),
        ):
            sta.ask(method, path, 400, **given)
        assert world.linked(world.stream, "ObservedProperties") == [world.level]

    def test_an_observation_that_was_led_elsewhere_is_the_same_and_its_old_place_is_no_others(
        self, world: World
    ) -> None:
        sta, other = world.sta, World(world.sta)
        own = sta.create(f"{world.stream}/Observations", {"phenomenonTime": at(7), "result": 7})
        sta.ask("PUT", f"{own}/Datastream/$ref", 204, json=world.ref(other.stream))
        assert own in world.linked(other.stream, "Observations")
        assert own not in world.linked(world.stream, "Observations")
        for stream in (world.stream, other.stream):
            again = sta.create(f"{stream}/Observations", {"phenomenonTime": at(7), "result": 8})
            assert again != own
        assert sta.get(own)["result"] == 7
        sta.ask("PATCH", own, 204, json={"result": 9})
        assert sta.get(own, expand="Datastream")["Datastream"]["@id"] == other.stream
        sta.ask("DELETE", own, 204)
        sta.ask("GET", own, 404)
        assert {o["result"] for o in sta.get(f"{other.stream}/Observations")["value"]} == {1.5, 8}

    def test_a_path_that_is_no_relation_is_refused(self, world: World) -> None:
        world.sta.ask("PUT", f"{world.thing}/$ref", 400, json=world.ref(world.thing))
        world.sta.ask("DELETE", f"{world.thing}/Datastreams('none')/$ref", 404)


def _key(address: str) -> str:
    return address[address.rindex("(") :]


DEPENDENT: dict[str, dict[str, int]] = {
    # what goes with one entity of a World, beside the entity itself
    "Things": {"Datastreams": 1, "Observations": 1, "HistoricalLocations": 2},
    "Locations": {"HistoricalLocations": 2},
    "HistoricalLocations": {},
    "Datastreams": {"Observations": 1},
    "Sensors": {"Datastreams": 1, "Observations": 1},
    "ObservedProperties": {"Datastreams": 1, "Observations": 1},
    "Observations": {},
    "Features": {},
    "FeatureTypes": {},
}


def relations_fall(before: dict[str, int], name: str) -> dict[str, int]:
    gone = {**DEPENDENT[name], name: DEPENDENT[name].get(name, 0) + 1}
    return {n: before[n] - gone.get(n, 0) for n in before}


class TestDelete:
    """conf/api/cud/delete"""

    @pytest.mark.parametrize("name", MANDATORY)
    def test_an_entity_goes_with_what_depends_on_it(self, world: World, name: str) -> None:
        World(world.sta)  # others stay
        before = world.counts()
        assert world.sta.ask("DELETE", world.of(name), 204).content == b""
        world.sta.ask("GET", world.of(name), 404)
        assert world.counts() == relations_fall(before, name)
        world.sta.ask("DELETE", world.of(name), 404)

    def test_relations_to_what_is_gone_are_gone(self, world: World) -> None:
        sta = world.sta
        sta.ask("PUT", f"{world.observation}/ProximateFeatureOfInterest/$ref", 204, json=world.ref(world.feature))
        sta.ask("DELETE", world.feature, 204)
        for own, relation in (
            (world.observation, "ProximateFeatureOfInterest"),
            (world.stream, "ProximateFeatureOfInterest"),
            (world.stream, "UltimateFeaturesOfInterest"),
            (world.kind, "Features"),
        ):
            assert world.linked(own, relation) == []
        assert sta.get(world.observation)["result"] == 1.5

    def test_a_history_with_another_place_stays(self, world: World) -> None:
        pier = world.sta.create("Locations", place("Pier"))
        world.sta.ask("POST", f"{world.history}/Locations/$ref", 204, json=world.ref(pier))
        world.sta.ask("DELETE", world.place, 204)
        assert world.linked(world.history, "Locations") == [pier]


class TestFilteredDelete:
    """conf/api/cud/filtered_delete"""

    @pytest.mark.parametrize("name", MANDATORY)
    def test_what_the_filter_finds_goes_with_what_depends_on_it(self, world: World, name: str) -> None:
        other = World(world.sta)
        before = world.counts()
        key = world.sta.get(world.of(name))["id"]
        world.sta.ask("DELETE", f"{name}?$filter=id eq '{key}'", 204)
        world.sta.ask("GET", world.of(name), 404)
        assert world.sta.get(other.of(name))["@id"] == other.of(name)
        assert world.counts() == relations_fall(before, name)
        world.sta.ask("DELETE", f"{name}?$filter=id eq '{key}'", 204)  # nothing is found
        world.sta.ask("DELETE", name, 400)
        world.sta.ask("DELETE", f"{name}?$filter=nothing eq 1", 400)
        assert world.counts() == relations_fall(before, name)

    def test_of_a_related_set(self, world: World) -> None:
        sta, other = world.sta, World(world.sta)
        for hour in (2, 3, 4):
            for stream in (world.stream, other.stream):
                sta.create(f"{stream}/Observations", {"phenomenonTime": at(hour), "result": hour})
        sta.ask("DELETE", f"{world.stream}/Observations?$filter=phenomenonTime lt 2026-03-01T03:30:00Z", 204)
        assert [o["result"] for o in sta.get(f"{world.stream}/Observations")["value"]] == [4]
        assert sta.count(f"{other.stream}/Observations") == 4

    def test_both_sides_of_a_cascade_in_one_filter(self, world: World) -> None:
        sta = world.sta
        body, _ = world.linking("Datastreams")
        body = {k: v for k, v in body.items() if k != "Observations"}
        for _ in range(2):
            sta.create("Datastreams", body)
        sta.ask("DELETE", f"{world.thing}/Datastreams?$filter=true eq true", 204)
        assert world.linked(world.thing, "Datastreams") == []
