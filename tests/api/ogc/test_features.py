"""Requirements of OGC 17-069r4 (Part 1: Core) and 19-079r2 (Part 3: Filtering), each test named after the one it holds us to; and what QGIS sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator

from citytwin.api.house import House
from citytwin.api.ogc import door, items
from tests.api.conftest import Caller, check_problem
from tests.api.ogc.conftest import LAMPS, ids

CORE = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"
CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"


def links(told: Mapping[str, Any]) -> dict[str, str]:
    return {one["rel"]: one["href"] for one in told["links"]}


def test_core_root_success(client: Caller) -> None:
    for path in ("/ogc", "/ogc/"):
        told = client.get(path).json()
        assert {"service-desc", "conformance", "data"} <= set(links(told))
        for href in links(told).values():
            assert client.get(href).status_code == 200


def test_core_api_definition_success(client: Caller) -> None:
    answer = client.get("/ogc/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    told = answer.json()
    assert told["openapi"].startswith("3.0.")
    assert told["components"]["parameters"]["limit"]["schema"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 10_000,
        "default": 100,
    }
    served = set(told["paths"])
    assert "/collections/trial.lamp/items/{featureId}" in served
    for path in served:
        assert client.get("/ogc" + path.replace("{featureId}", "lamp-1")).status_code in (200, 404), path
    names = [
        p.get("name", p.get("$ref", "").rpartition("/")[2])
        for p in told["paths"]["/collections/trial.lamp/items"]["get"]["parameters"]
    ]
    assert len(names) == len(set(names))
    assert {"bbox", "datetime", "limit", "filter", "power", "zh", "trial.warmth"} <= set(names)


def test_core_conformance_success(client: Caller) -> None:
    told = client.get("/ogc/conformance").json()["conformsTo"]
    assert CORE in told
    assert f"{CQL2}cql2-text" in told
    assert f"{CQL2}basic-spatial-functions" in told
    assert f"{CQL2}array-functions" not in told


def test_conformance_without_geometries_leaves_out_what_does_not_hold(
    own_house: House, own: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_house.twin.store, "spatial", False)
    assert not [c for c in own.get("/ogc/conformance").json()["conformsTo"] if "spatial" in c]
    assert ids(own.get(LAMPS, params={"bbox": "121.9015,30.8,122,31"})) == ["lamp-2", "lamp-3"]
    answer = own.get(LAMPS, params={"filter": "S_INTERSECTS(geometry, POINT(121.9 30.9))"})
    assert (answer.status_code, "spatial" in answer.json()["detail"]) == (501, True)
    assert own.get("/ogc/collections/trial.room/items", params={"bbox": "0,0,1,1"}).status_code == 501
    assert own.get("/ogc/collections").status_code == 200


def test_core_http_refuses_other_methods_and_tells_which_it_takes(client: Caller) -> None:
    told = check_problem(client.post(LAMPS), 405, "method_not_allowed")
    assert "GET" in told["hint"]
    assert client.request("OPTIONS", LAMPS).headers["allow"] == "GET, HEAD, OPTIONS"
    head = client.request("HEAD", LAMPS)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/ogc?x=1", "/ogc/collections?bbox=0,0,1,1", f"{LAMPS}?colour=red", f"{LAMPS}/lamp-1?limit=3"]
)
def test_core_query_param_unknown(client: Caller, path: str) -> None:
    check_problem(client.get(path), 400, "bad_request")


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "bbox=1,2,3", "bbox=a,b,c,d", "bbox=0,2,1,1", "bbox=0,0,nan,1", "bbox=0,0,400,1",
                                   "datetime=yesterday", "datetime=2026-01-01T00:00:00", "datetime=2026-02-01/2026-01-01", "datetime=a/b/c", "power=much",
                                   "limit=1&limit=2", "filter=power=1&filter-lang=cql", "filter=power=1&filter-crs=EPSG:3857", "f=html", "latest=maybe",
                                   "cursor=zzz", "zh=%00"])  # fmt: skip
def test_core_query_param_invalid(client: Caller, query: str) -> None:
    check_problem(client.get(f"{LAMPS}?{query}"), 400, "bad_request")


def test_core_fc_md_success(street: Caller) -> None:
    told = street.get("/ogc/collections").json()
    found = {c["id"]: c for c in told["collections"]}
    assert set(found) == {"assets", "trial.lamp", "trial.room", "trial.note", "open.thing"}
    lamp = found["trial.lamp"]
    assert lamp["title"] == "灯 Lamp"
    west, south, east, north = lamp["extent"]["spatial"]["bbox"][0]
    for feature in street.get(LAMPS, params={"limit": 1000}).json()["features"]:
        x, y = feature["geometry"]["coordinates"]
        assert west <= x <= east
        assert south <= y <= north
    assert found["trial.room"]["extent"]["spatial"]["bbox"] == [[121.9, 30.9, 122.91, 30.91]]
    assert "extent" not in found["trial.note"]
    assert street.get("/ogc/collections/trial.lamp").json() == lamp
    assert lamp["extent"]["temporal"]["interval"] == [["2026-02-24T04:00:00Z", "2026-03-10T04:00:00Z"]]
    check_problem(street.get("/ogc/collections/nowhere"), 404, "not_found")


def test_core_fc_response_and_links(client: Caller) -> None:
    answer = client.get(LAMPS)
    assert answer.headers["content-type"] == "application/geo+json"
    told = answer.json()
    assert (told["type"], told["numberMatched"], told["numberReturned"]) == ("FeatureCollection", 3, 3)
    assert told["timeStamp"].endswith("Z")
    assert 'rel="self"' in answer.headers["link"]
    feature = told["features"][0]
    assert feature["geometry"] == {"type": "Point", "coordinates": [121.9 + 1 / 1000, 30.9]}
    assert feature["properties"] == {
        "id": "lamp-1", "type": "trial.lamp", "zh": "1号灯", "en": "Lamp 1", "since": "2026-03-08T16:00:00Z", "until": "2026-03-10T03:59:00Z",
        "power": 0.1, "limit": None,
    }  # fmt: skip
    assert (
        client.get(client.get(f"{LAMPS}/lamp-1").json()["links"][0]["href"]).json()["properties"]
        == feature["properties"]
    )


def test_core_fc_limit_and_next_lead_through_all_features_once(street: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    url, seen = f"{LAMPS}?limit=7&latest=true&filter=power%20%3E%201", list[str]()
    for _ in range(20):
        answer = street.get(url)
        told = answer.json()
        assert told["numberReturned"] == len(told["features"]) <= 7
        seen += ids(answer)
        if "next" not in links(told):
            break
        url = links(told)["next"]
    assert seen == ids(street.get(LAMPS, params={"limit": 1000, "filter": "power > 1"}))
    assert len(seen) == told["numberMatched"] > 40
    monkeypatch.setattr(items, "MOST", 5)
    assert len(ids(street.get(f"{LAMPS}?limit=100000"))) == 5  # more than there may be is no fault


def test_core_fc_bbox_response(street: Caller) -> None:
    """Against the coordinates themselves; boxes that cross the date line, and with heights."""
    every = {
        f["id"]: f["geometry"]["coordinates"] for f in street.get(LAMPS, params={"limit": 1000}).json()["features"]
    }
    inside = [id for id, (x, y) in every.items() if 121.85 <= x <= 121.95 and 30.9 <= y <= 31]
    assert 3 < len(inside) < len(every)
    for box in ("121.85,30.9,121.95,31", "121.85,30.9,0,121.95,31,100"):
        assert ids(street.get(LAMPS, params={"limit": 1000, "bbox": box})) == inside
    across = [id for id, (x, y) in every.items() if x >= 121.95 and y >= 30.9]
    assert ids(street.get(LAMPS, params={"limit": 1000, "bbox": "121.95,30.9,-170,31"})) == across
    rooms = "/ogc/collections/trial.room/items"
    assert ids(street.get(rooms, params={"bbox": "121.8,30.8,121.905,30.95"})) == ["room-1"]
    assert ids(street.get(rooms, params={"bbox": "122.5,30.8,-170,30.95"})) == ["room-2"]
    assert ids(street.get("/ogc/collections/assets/items", params={"bbox": "121.9009,30.9,121.9011,30.9"}))[:2] == [
        "lamp-1",
        "room-1",
    ]
    assert ids(street.get("/ogc/collections/trial.note/items", params={"bbox": "-180,-90,180,90"})) == []


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("2026-03-10T04:00:00Z", ["street-00"]),
        ("2026-03-10T04:00:00Z/..", ["street-00"]),
        ("../2026-02-26T00:00:00Z", ["street-52", "street-56"]),
        ("/2026-02-26T00:00:00Z", ["street-52", "street-56"]),
        ("0000-01-01T00:00:00Z/2026-02-26T00:00:00Z", ["street-52", "street-56"]),
        ("2026-02-24", ["street-56"]),
        ("2026-03-09T00:00:00Z/2026-03-09T05:00:00Z", ["lamp-1", "street-04"]),
        ("2026-02-24T12:00:00+08:00/2026-02-24T13:00:00+08:00", ["street-56"]),
        ("2030-01-01T00:00:00Z/9999-12-31T00:00:00Z", []),
    ],
)
def test_core_fc_time_response(street: Caller, span: str, expected: list[str]) -> None:
    """Features whose readings reach into the span. lamp-1 reported from the 8th to the 10th."""
    assert ids(street.get(LAMPS, params={"datetime": span})) == expected


def test_core_f_success_and_unknown_feature(client: Caller) -> None:
    told = client.get("/ogc/collections/trial.room/items/room-1").json()
    assert told["properties"]["type_"] == "hall"  # the attribute `type` makes way for the type of the asset
    assert told["geometry"]["type"] == "Polygon"
    assert {"self", "collection"} <= set(links(told))
    check_problem(client.get(f"{LAMPS}/room-1"), 404, "not_found")
    check_problem(client.get(f"{LAMPS}/a%2Fb"), 404, "not_found")
    assert client.get("/ogc/collections/trial.note/items/note-1").json()["geometry"] is None


@pytest.mark.parametrize("name", ["queryables", "schema"])
def test_filtering_queryables_success(street: Caller, name: str) -> None:
    for id in ("trial.lamp", "trial.room", "assets", "open.thing"):
        answer = street.get(f"/ogc/collections/{id}/{name}?latest=true")
        assert answer.headers["content-type"] == "application/schema+json"
        told = answer.json()
        Draft202012Validator.check_schema(told)
        assert told["$id"].endswith(f"/ogc/collections/{id}/{name}")
        plain = {**told, "properties": {k: v for k, v in told["properties"].items() if "$ref" not in v}}
        for feature in street.get(f"/ogc/collections/{id}/items?limit=1000&latest=true").json()["features"]:
            if name == "schema":
                held = {k: v for k, v in feature["properties"].items() if v is not None}
                Draft202012Validator(plain).validate(held)
    power = street.get(f"/ogc/collections/trial.lamp/{name}").json()["properties"]["power"]
    assert (power["title"], power["type"], power["x-ogc-unit"]) == ("功率 Power (kW)", "number", "kW")


def test_filtering_every_queryable_may_be_asked_about(street: Caller) -> None:
    for id in ("trial.lamp", "trial.room", "trial.note", "assets", "open.thing"):
        told = street.get(f"/ogc/collections/{id}/queryables").json()
        for name in told["properties"]:
            answer = street.get(f"/ogc/collections/{id}/items", params={"filter": f'"{name}" IS NOT NULL'})
            assert answer.status_code == 200, answer.text


def test_filtering_queryables_query_parameters(street: Caller) -> None:
    assert ids(street.get(LAMPS, params={"zh": "7号路灯"})) == ["street-07"]
    assert ids(street.get(LAMPS, params={"power": "0.1"})) == ["lamp-1"]
    assert ids(street.get(LAMPS, params={"trial.warmth": "3"})) == ["street-12"]
    assert ids(street.get(LAMPS, params={"until": "2026-03-08T04:00:00Z", "power": "99"})) == []
    assert ids(street.get("/ogc/collections/assets/items", params={"type": "trial.room", "id": "room-1"})) == ["room-1"]


def test_filtering_filter_param_is_joined_with_the_others_by_and(street: Caller) -> None:
    found = ids(street.get(LAMPS, params={"filter": "power > 5", "bbox": "121.85,30.85,121.95,30.95", "limit": 1000}))
    box = set(ids(street.get(LAMPS, params={"bbox": "121.85,30.85,121.95,30.95", "limit": 1000})))
    assert found == [id for id in ids(street.get(LAMPS, params={"filter": "power > 5", "limit": 1000})) if id in box]
    assert found
    crs = {"filter": "power > 5", "filter-crs": items.CRS84}
    assert street.get(LAMPS, params=crs).status_code == 200


def test_latest_readings_come_along_where_they_are_asked_for(street: Caller) -> None:
    assert "trial.warmth" not in street.get(f"{LAMPS}/lamp-1").json()["properties"]
    told = street.get(f"{LAMPS}/lamp-1?latest=true").json()["properties"]
    assert (told["trial.warmth"], told["trial.warmth.time"]) == (40.0, "2026-03-10T03:59:00Z")
    assert street.get(f"{LAMPS}/lamp-3?latest=true").json()["properties"]["trial.warmth"] is None
    every = street.get("/ogc/collections/assets/items/lamp-1?latest=true").json()
    assert every["properties"]["latest"] == {"trial.warmth": 40.0}
    hot = street.get("/ogc/collections/trial.lamp/items", params={"filter": '"trial.warmth" > 30'})
    assert ids(hot) == ["lamp-1"]
    landing = street.get("/ogc?latest=true").json()
    assert all("latest=true" in href for href in links(landing).values())


def test_registered_things_are_features(street: Caller) -> None:
    (thing,) = street.get("/ogc/collections/open.thing/items").json()["features"]
    assert thing["geometry"] == {"type": "Point", "coordinates": [121.95, 30.85]}
    assert thing["properties"]["zh"] == "buoy"
    assert thing["properties"]["description"] == "yellow"
    assert thing["properties"]["properties"] == {"keel": 2}
    assert len(ids(street.get("/ogc/collections/open.thing/items", params={"filter": "description = 'yellow'"}))) == 1
    assert len(ids(street.get("/ogc/collections/open.thing/items", params={"bbox": "121.94,30.84,121.96,30.86"}))) == 1


def test_what_qgis_asks_from_the_address_to_the_map(street: Caller) -> None:
    """The provider's order: address, conformance, definition, collection, queryables, schema, ten features, then pages within the window and its filters."""
    landing = street.get("/ogc?latest=true", headers={"Accept": "application/json"}).json()
    typed = {(one["rel"], one["type"]): one["href"] for one in landing["links"]}
    api = street.get(typed["service-desc", "application/vnd.oai.openapi+json;version=3.0"]).json()
    size = min(
        max(1000, api["components"]["parameters"]["limit"]["schema"]["default"]),
        api["components"]["parameters"]["limit"]["schema"]["maximum"],
    )
    assert size == 1000
    simple = api["paths"]["/collections/trial.lamp/items"]["get"]["parameters"]
    assert {"power", "zh"} <= {p["name"] for p in simple if p.get("style") == "form" and p.get("explode") is False}
    collections = typed["data", "application/json"].partition("?")[0]
    assert street.request("OPTIONS", f"{collections}/trial.lamp/items").headers["allow"] == "GET, HEAD, OPTIONS"
    told = street.get(f"{collections}/trial.lamp?latest=true").json()
    queryables = links(told)["http://www.opengis.net/def/rel/ogc/1.0/queryables"]
    known = street.get(queryables, headers={"Accept": "application/schema+json"}).json()["properties"]
    assert known["geometry"]["$ref"].startswith("https://geojson.org/schema/")
    fields = street.get(links(told)["describedby"]).json()["properties"]
    assert fields["trial.warmth"]["type"] == "number"
    first = street.get(
        f"{collections}/trial.lamp/items?limit=10&latest=true",
        headers={"Accept": "application/geo+json, application/json"},
    )
    assert first.json()["numberMatched"] == 63
    page = {"limit": size, "bbox": "121.8000000,30.8000000,121.9000000,30.9000000", "latest": "true"}
    assert street.get(f"{collections}/trial.lamp/items", params=page).status_code == 200
    for said in [
        "(power > 5)",
        '((power >= 5) AND ("trial.warmth" IS NOT NULL))',
        "(NOT ((zh = '7号路灯')))",
        "(CASEI(en) LIKE CASEI('lamp 1%'))",
        "(until > TIMESTAMP('2026-03-05T00:00:00.000Z'))",
        "S_INTERSECTS(geometry,BBOX(121.8,30.8,121.9,30.9))",
        "power BETWEEN 1 AND 2",
        "id IN ('street-01','street-02')",
        "((power * 2) < ( - (-4)))",
    ]:
        answer = street.get(
            f"{collections}/trial.lamp/items",
            params={"filter": said, "filter-lang": "cql2-text", "limit": 1000, "latest": "true"},
        )
        assert ids(answer), said


def test_statements_of_clients_are_bounded_in_time(
    own_house: House, own: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch, given = own_house.twin.store.fetch, list[float]()

    def watched(*told: Any, within: float = 0.0) -> Any:
        given.append(within)
        return fetch(*told, within=within)

    monkeypatch.setattr(own_house.twin.store, "fetch", watched)
    assert own.get(LAMPS, params={"filter": "power > 1"}).status_code == 200
    assert given == [items.LONGEST_S] * 2


def test_addresses_are_those_the_client_used(street: Caller) -> None:
    told = street.get("/ogc", headers={"Host": "city.example:8443"}).json()
    assert {urlsplit(href).netloc for href in links(told).values()} == {"city.example:8443"}
    assert door.PREFIX == "/ogc"
