"""What implementers of SensorThings get wrong, over HTTP: one test for each trap of docs/reference/sensorthings.md that no other test names."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import anyio.from_thread
import pytest

from citytwin.api.house import House
from tests.api.conftest import Caller
from tests.api.sta.test_service import PLACE, STA, Service, stream, thing


@pytest.fixture(scope="module")
def service(build: Any, portal: anyio.from_thread.BlockingPortal) -> Service:
    house: House = build()
    return Service(Caller(house, portal))


def made(service: Service, count: int = 0, **more: Any) -> str:
    """A Thing with a Datastream and so many observations, an hour apart; the id of the Datastream."""
    seen = [{"phenomenonTime": f"2026-03-01T{n:02d}:00:00Z", "result": n} for n in range(count)]
    body = thing(Datastreams=[stream(Observations=seen, **more)])
    id = service.ask("POST", "Things", 201, json=body)["@iot.id"]
    return str(service.get(f"Things('{id}')/Datastreams")["value"][0]["@iot.id"])


@pytest.mark.parametrize(
    "query",
    [
        "$count=true",
        "$count=true&$skip=2",
        "$count=true&$orderby=result desc",
        "$count=true&$filter=result ge 3",
        "$expand=Datastream&$count=true",
    ],
)
def test_trap_1_links_to_the_next_page_keep_the_path_and_the_question(service: Service, query: str) -> None:
    id = made(service, 11)
    url: str | None = f"Datastreams('{id}')/Observations?$top=3&{query}"
    seen: list[int] = []
    counts = set()
    while url:
        page = service.ask("GET", url)
        counts.add(page["@iot.count"])
        seen += [o["result"] for o in page["value"]]
        assert all(("Datastream" in o) == ("$expand" in query) for o in page["value"])
        url = page.get("@iot.nextLink")
        assert (
            url is None
            or f"/Datastreams({quote(chr(39))}{id}{quote(chr(39))})/Observations?" in url
            or f"/Datastreams('{id}')/Observations?" in url
        )
    whole = [n for n in range(11) if "filter" not in query or n >= 3]
    whole = sorted(whole, reverse="desc" in query)
    assert seen == whole[2 if "skip" in query else 0 :]
    assert counts == {len(whole)}


def test_trap_1_pages_of_what_is_expanded(service: Service) -> None:
    id = made(service, 7)
    entity = service.ask("GET", f"Datastreams('{id}')?$expand=Observations($top=3;$count=true;$orderby=result)")
    assert entity["Observations@iot.count"] == 7
    page = service.ask("GET", entity["Observations@iot.nextLink"])
    assert [o["result"] for o in [*entity["Observations"], *page["value"]]] == [0, 1, 2, 3, 4, 5]
    assert page["@iot.count"] == 7


def test_trap_2_an_interval_without_length_is_shown_as_an_instant(service: Service) -> None:
    id = made(service)
    sent = {"phenomenonTime": "2026-03-01T00:00:00Z/2026-03-01T00:00:00Z", "result": 1}
    told = service.ask("POST", f"Datastreams('{id}')/Observations", 201, json=sent)
    assert service.ask("GET", told["@iot.selfLink"])["phenomenonTime"] == "2026-03-01T00:00:00Z"
    for when in ("2026-02-28T00:00:00Z", "2026-02-01T00:00:00Z/2026-02-28T00:00:00Z"):
        found = service.get(f"Datastreams('{id}')/Observations", filter=f"phenomenonTime gt {when}")
        assert len(found["value"]) == 1


def test_trap_3_offsets_with_and_without_a_colon(service: Service) -> None:
    id = made(service)
    for n, zone in enumerate(("+08:00", "+0800")):
        sent = {"phenomenonTime": f"2026-03-01T0{n}:00:00{zone}", "result": n}
        service.ask("POST", f"Datastreams('{id}')/Observations", 201, json=sent)
        quick = f"Datastreams('{id}')/Observations"  # newer than all: answered with id and link alone
        told = service.ask("POST", quick, 201, json={"phenomenonTime": f"2026-03-02T0{n}:00:00{zone}", "result": 9})
        assert service.ask("GET", told["@iot.selfLink"])["phenomenonTime"] == f"2026-03-01T{16 + n}:00:00Z"
        service.ask("DELETE", told["@iot.selfLink"])
    listed = service.get(f"Datastreams('{id}')/Observations", orderby="phenomenonTime")["value"]
    assert [o["phenomenonTime"] for o in listed] == ["2026-02-28T16:00:00Z", "2026-02-28T17:00:00Z"]
    for zone in ("+08:00", "+0800"):
        found = service.get(f"Datastreams('{id}')/Observations", filter=f"phenomenonTime eq 2026-03-01T01:00:00{zone}")
        assert [o["result"] for o in found["value"]] == [1]
    refused = service.ask("GET", "Observations?$filter=phenomenonTime gt '2026-03-01T00:00:00Z'", None)
    assert refused.status_code == 400
    assert "quotation marks" in refused.text


def test_trap_6_an_id_is_asked_for_by_either_name_and_a_number_is_no_text(service: Service) -> None:
    id = made(service)
    for name in ("id", "@iot.id"):
        found = service.get("Datastreams", filter=f"{name} eq '{id}'", select=name)["value"]
        assert [f["@iot.id"] for f in found] == [id]
    assert service.ask("GET", "Things(1)", None).status_code == 404
    assert service.ask("GET", "Datastreams?$filter=id eq 1", None).status_code in (200, 400)


def test_trap_9_what_may_be_left_out_may_be_and_faults_are_400(service: Service) -> None:
    id = made(service)
    bare = service.ask("POST", "Observations", 201, json={"result": 5, "Datastream": {"@iot.id": id}})
    assert service.ask("GET", bare["@iot.selfLink"])["resultTime"] is None
    for path, body in (
        ("Things", {"name": 5, "description": "d"}),
        ("Things", {"description": "d"}),
        ("Things", {"name": "n", "description": "d", "colour": "red"}),
        ("Observations", {"result": 1, "phenomenonTime": "yesterday", "Datastream": {"@iot.id": id}}),
        ("Observations", {"phenomenonTime": "2026-03-01T00:00:00Z", "Datastream": {"@iot.id": id}}),
        ("Locations", {"name": "n", "description": "d", "encodingType": "application/geo+json"}),
    ):
        told = service.ask("POST", path, None, json=body)
        assert told.status_code == 400, told.text
        assert told.json()["where"]


@pytest.mark.parametrize("encoding", ["application/geo+json", "application/vnd.geo+json"])
def test_trap_10_either_name_of_geojson(service: Service, encoding: str) -> None:
    told = service.ask("POST", "Locations", 201, json={**PLACE, "encodingType": encoding})
    shown = service.ask("GET", told["@iot.selfLink"])
    assert (shown["encodingType"], shown["location"]) == (encoding, PLACE["location"])


def test_trap_12_a_link_may_bring_its_whole_entity(service: Service) -> None:
    id = made(service)
    whole = service.ask("GET", f"Datastreams('{id}')")
    sent = {"result": 3, "phenomenonTime": "2026-03-01T00:00:00Z", "Datastream": whole}
    service.ask("POST", "Observations", 201, json=sent)
    assert len(service.get(f"Datastreams('{id}')/Observations")["value"]) == 1
    assert service.ask("GET", f"Datastreams('{id}')")["name"] == whole["name"]


def test_trap_13_a_number_against_a_text_and_null(service: Service) -> None:
    id = made(service)
    for n, result in enumerate((3, 3.5, "3", True, None, {"a": 1}, [1, 2])):
        sent = {"phenomenonTime": f"2026-03-01T0{n}:00:00Z", "result": result}
        service.ask("POST", f"Datastreams('{id}')/Observations", 201, json=sent)
    listed = service.get(f"Datastreams('{id}')/Observations", orderby="phenomenonTime")["value"]
    assert json.dumps([o["result"] for o in listed]) == '[3, 3.5, "3", true, null, {"a": 1}, [1, 2]]'
    of = f"Datastreams('{id}')/Observations"
    assert [o["result"] for o in service.get(of, filter="result gt '3'")["value"]] == [3.5]
    assert len(service.get(of, filter="result eq null")["value"]) == 1


def test_trap_15_what_the_server_says_of_a_stream_follows_its_observations(service: Service) -> None:
    """Loaded in bulk, changed and deleted by a filter: times and area are those of what is there."""
    id = made(service)
    first = service.ask("GET", f"Datastreams('{id}')")
    assert first.get("phenomenonTime") is None
    rows = [[f"2026-03-01T00:{n:02d}:00Z", n] for n in range(30)]
    one = {"Datastream": {"@iot.id": id}, "components": ["phenomenonTime", "result"], "dataArray": rows}
    service.ask("POST", "CreateObservations", 201, json=[one])
    said = service.ask("GET", f"Datastreams('{id}')")
    assert said["phenomenonTime"] == "2026-03-01T00:00:00Z/2026-03-01T00:29:00Z"
    assert said["observedArea"]["type"] in ("Point", "Polygon")
    gone = service.ask("DELETE", f"Datastreams('{id}')/Observations?$filter=result ge 10")
    assert gone == {"deleted": 20}
    assert service.ask("GET", f"Datastreams('{id}')")["phenomenonTime"] == "2026-03-01T00:00:00Z/2026-03-01T00:09:00Z"


def test_trap_16_a_change_of_nothing_an_unknown_version_and_put(service: Service) -> None:
    id = service.ask("POST", "Things", 201, json=thing())["@iot.id"]
    before = service.ask("GET", f"Things('{id}')")
    assert service.ask("PATCH", f"Things('{id}')", None, json={}).status_code == 200
    assert service.ask("PATCH", f"Things('{id}')", None, json={"name": before["name"]}).status_code == 200
    assert service.ask("GET", f"Things('{id}')") == before
    assert service.ask("PUT", f"Things('{id}')", None, json={"name": "n", "description": "d"}).status_code == 200
    for version in ("v0.9", "v1.7", "v3.0"):
        assert service._caller.get(f"/sta/{version}/Things").status_code == 404
    assert service.ask("GET", "Nothings", None).status_code == 404
    assert STA == "/sta/v1.1"
