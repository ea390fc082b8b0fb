"""What does somebody see who may see a part? What is there in a city that never held the rest: rows deleted table by table are the oracle."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import anyio.from_thread
import duckdb
import pytest

from citytwin.api.app import ROUTES
from citytwin.api.house import House
from citytwin.engine import load
from citytwin.engine import people as people_
from citytwin.engine.ingest import Intake
from citytwin.engine.people import People
from citytwin.engine.simulate import Simulator
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.right import Body, Grant, Person
from citytwin.kernel.title import Title
from citytwin.store.duckdb import DuckStore
from tests.api.conftest import NOW, Caller, Ground, furnish
from tests.api.test_edit import SHIFT

ASSETS = ("lamp-1", "lamp-2", "lamp-3", "room-1", "note-1", "thing-1", "thing-10")
SUBSETS = [
    set(),
    {"lamp-1"},
    {"lamp-2", "thing-10"},
    {"room-1", "note-1", "thing-1"},
    {"lamp-1", "lamp-2", "lamp-3", "room-1"},
]
if os.environ.get("ORDEAL"):
    SUBSETS = [set(c) for n in range(len(ASSETS) + 1) for c in combinations(ASSETS, n)]
"""What the body of somebody who asks has; with ORDEAL every set of assets there is."""
KEYS = "SELECT key FROM stream_row WHERE asset_id NOT IN (SELECT unnest($seen))"
STREAMS = "SELECT stream FROM stream_row WHERE asset_id NOT IN (SELECT unnest($seen))"
FILTERED = (  # written from the meaning of each table, not from what the store does
    *(f"DELETE FROM {t} WHERE stream IN ({KEYS})" for t in ("reading", "superseded", "rollup_minute", "rollup_hour", "rollup_day", "stream_end")),
    *(f"DELETE FROM {t} WHERE stream IN ({STREAMS})" for t in ("forecast_row", "edit_batch")),
    f"DELETE FROM observation_row WHERE key IN ({KEYS})",
    f"DELETE FROM decision_row WHERE about IN (SELECT 'stream:' || stream FROM ({STREAMS})) OR starts_with(about, 'draft:')",
    f"DELETE FROM datastream_property_row WHERE datastream IN ({STREAMS})",
    f"DELETE FROM datastream_row WHERE id IN ({STREAMS})",
    "DELETE FROM run_row WHERE run NOT IN (SELECT run FROM forecast_row)",
    "UPDATE run_row SET figures = '{}', parameters = '{}'",
    "DELETE FROM case_event WHERE case_id IN (SELECT case_id FROM case_row WHERE asset_id NOT IN (SELECT unnest($seen)))",
    *(f"DELETE FROM {t} WHERE asset_id NOT IN (SELECT unnest($seen))" for t in (
        "case_row", "alarm_row", "alarm_event", "pending_row", "indicator_row", "indicator_revision", "stream_awaited", "asset_row")),
    f"INSERT INTO stream_gone {KEYS}",  # keys are places in a list: one that is nobody's stays behind, as of a stream that was deleted
    "UPDATE stream_row SET stream = 'gone-' || key || '.x.y', asset_id = 'gone-' || key WHERE key IN (SELECT key FROM stream_gone)",
    "DELETE FROM alarm_hold_row WHERE asset_id <> '*' AND asset_id NOT IN (SELECT unnest($seen))",
    "DELETE FROM relation_row WHERE source NOT IN (SELECT unnest($seen)) OR target NOT IN (SELECT unnest($seen))",
    "DELETE FROM thing_row WHERE id NOT IN (SELECT unnest($seen))",
    "DELETE FROM thing_location_row WHERE thing NOT IN (SELECT unnest($seen))",
    "DELETE FROM historical_location_place WHERE historical_location IN (SELECT id FROM historical_location_row WHERE thing NOT IN (SELECT unnest($seen)))",
    "DELETE FROM historical_location_row WHERE thing NOT IN (SELECT unnest($seen))",
    "DELETE FROM location_row WHERE id NOT IN (SELECT location FROM thing_location_row UNION SELECT location FROM historical_location_place)",
    "DELETE FROM sensor_row WHERE id NOT IN (SELECT sensor FROM datastream_row WHERE sensor IS NOT NULL)",
    "DELETE FROM observed_property_row WHERE id NOT IN (SELECT property FROM datastream_property_row)",
    "DELETE FROM feature_row WHERE id NOT IN (SELECT feature FROM datastream_row WHERE feature IS NOT NULL UNION SELECT feature FROM observation_row WHERE feature IS NOT NULL)",
    "DELETE FROM draft_reading",
    "UPDATE leaf SET subject = '' WHERE kind <> 'readings'",
)  # fmt: skip
TOLD_OTHERWISE = re.compile(
    # of the whole alone, or of nobody's assets
    r"/api/(people|bodies|tokens|sessions|signin|audit|outbox|drafts|draws|feeds|notify|keep|doors|me|notifications)([./].*)?|/api/evidence/leaves/.*|/api/assets/[^/]+/access"
)
SENSING = (
    "", "/Things?$expand=Locations,Datastreams($expand=Observations($top=3;$count=true),ObservedProperty,Sensor)&$count=true", "/Datastreams?$orderby=id desc&$count=true",
    "/Datastreams?$filter=Thing/name eq 'Buoy 1'", "/Observations?$top=7&$orderby=phenomenonTime desc,id&$count=true", "/Observations?$filter=result gt 20&$count=true&$top=2",
    "/Locations?$expand=Things,HistoricalLocations", "/Sensors?$expand=Datastreams", "/ObservedProperties?$count=true", "/FeaturesOfInterest?$count=true", "/HistoricalLocations",
    "/Things('lamp-1')?$expand=Datastreams/Observations($top=1)", "/Things('thing-10')/Datastreams", "/Datastreams('lamp-2.trial.warmth')/Observations?$count=true",
    "/Observations?$resultFormat=dataArray&$top=4", "/Things/$count",
)  # fmt: skip
MORE = (
    "/ogc/collections", "/ogc/collections/trial.lamp/items", "/ogc/collections/trial.lamp/items/lamp-1", "/ogc/collections/trial.room/items?f=json",
    "/api/readings.csv?since=2026-03-08T00:00:00Z", "/api/readings.json?since=2026-03-08T00:00:00Z&streams=lamp-1.trial.warmth,lamp-2.trial.warmth",
    "/api/latest", "/api/assets?type=trial.lamp&limit=2", "/api/alarm-groups?through=trial.lights", "/api/cases/board?type=trial.cooling",
    "/api/indicators/trial.warmth_daily/values", "/api/streams/lamp-1.trial.warmth/observations?points=20",
    "/api/streams/lamp-2.trial.warmth/observations?points=1000&since=2026-03-01T00:00:00Z",
)  # fmt: skip


SPAN = {"from": "2026-03-08T00:00:00Z", "to": "2026-03-10T04:00:00Z"}
ASKED_OF_GRAFANA = (
    ("/grafana/search", {"target": ""}), ("/grafana/metrics", {}), ("/grafana/tag-keys", {}), ("/grafana/tag-values", {"key": "asset"}), ("/grafana/tag-values", {"key": "stream"}),
    ("/grafana/annotations", {"range": SPAN, "annotation": {"query": ""}}),
    ("/grafana/query", {"range": SPAN, "intervalMs": 3_600_000, "maxDataPoints": 100, "targets": [{"refId": "A", "target": "trial.warmth"}, {"refId": "B", "target": "trial.warmth_daily"}]}),
    ("/grafana/query", {"range": SPAN, "maxDataPoints": 10, "targets": [{"refId": "A", "target": "lamp-1.trial.warmth"}]}),
    *(("/grafana/query", {"range": SPAN, "targets": [{"refId": "A", "target": noun, "type": "table"}]}) for noun in ("alarms", "cases", "latest", "targets")),
    ("/grafana/query", {"range": SPAN, "targets": [{"refId": "A", "target": "readings", "payload": {"asset": ["lamp-1", "lamp-2"]}}]}),
)  # fmt: skip


def open_house(path: Path, ground: Ground) -> House:
    clock = FixedClock(NOW)
    store = DuckStore(path, ground.city.zone, clock, threads=2)
    store.define(ground.packs, load.tables(ground.packs))
    twin = Twin(store, ground.city, ground.packs, clock, (ground.root,))
    pool = ThreadPoolExecutor(1)
    house = House(twin, Intake(twin), Simulator(twin, pool))
    house.at_stop.append(pool.shutdown)
    return house


def shut(house: House) -> None:
    house.stop()
    house.intake.close()
    house.twin.store.close()


def buoys(client: Caller) -> None:
    """Two things that a client registered, with observations that are more than numbers."""
    for n, thing_id in ((1, "thing-1"), (2, "thing-10")):
        stream = {
            "name": "level", "description": "", "observationType": "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement",
            "unitOfMeasurement": {"name": "m", "symbol": "m", "definition": "ucum:m"}, "ObservedProperty": {"name": f"level {n}", "description": "", "definition": f"urn:level:{n}"},
            "Sensor": {"name": f"gauge {n}", "description": "", "encodingType": "text/plain", "metadata": "m"},
        }  # fmt: skip
        place = {"name": f"jetty {n}", "description": "", "encodingType": "application/geo+json", "location": {"type": "Point", "coordinates": [121.9, 30.9 + n / 100]}}  # fmt: skip
        thing = {"name": f"Buoy {n}", "description": "d", "Datastreams": [stream], "Locations": [place]}  # fmt: skip
        made = client.post("/sta/v1.1/Things", json=thing)
        assert made.headers["location"].endswith(f"Things('{thing_id}')"), made.text
        (id,) = [d["@iot.id"] for d in client.get(f"/sta/v1.1/Things('{thing_id}')/Datastreams").json()["value"]]
        for m, result in enumerate((1.5, 2.5, "overflow")):
            said = {"result": result, "phenomenonTime": f"2026-03-09T0{m}:00:00Z", "parameters": {"by": f"crew {n}"}}
            assert client.post(f"/sta/v1.1/Datastreams('{id}')/Observations", json=said).status_code == 201


@dataclass(frozen=True)
class Town:
    """A city with people in it, and where its file was copied to before anybody came."""

    house: House
    client: Caller
    copy: Path
    questions: tuple[str, ...]


@pytest.fixture(scope="module")
def town(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    first = open_house(folder / "city.duckdb", ground)
    with anyio.from_thread.start_blocking_portal() as portal:
        furnish(first.twin)
        writer = Caller(first, portal)
        buoys(writer)
        assert writer.post("/api/runs", json={"model": "trial.Persistence"}).status_code in (200, 201, 202)
        for _ in range(200):
            if writer.get("/api/runs").json()["items"][0]["state"] == "done":
                break
            time.sleep(0.02)
        for lamp in ("lamp-1", "lamp-2"):
            said = {"by": "Li", "note": f"of {lamp}", "edit": SHIFT}
            assert writer.post(f"/api/streams/{lamp}.trial.warmth/edits", json=said).status_code in (200, 201)
        first.twin.store.roll()
        asked = questions(writer)
    shut(first)
    shutil.copy(folder / "city.duckdb", folder / "copy.duckdb")
    patch = pytest.MonkeyPatch()
    patch.setattr(people_, "PasswordHasher", partial(people_.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1))
    house = open_house(folder / "city.duckdb", ground)
    house.people = People(house.twin.store, house.twin.clock)
    with anyio.from_thread.start_blocking_portal() as portal:
        yield Town(house, Caller(house, portal), folder / "copy.duckdb", asked)
    patch.undo()
    shut(house)


def questions(client: Caller) -> tuple[str, ...]:
    """Every address that can be looked at, with every id there is."""

    def all_of(path: str) -> list[str]:
        said = client.get(path).json()
        assert "status" not in said, said
        return [one["id"] for one in said["items"]]

    ids = {
        "assets": ASSETS, "streams": all_of("/api/streams"), "alarms": all_of("/api/alarms"), "cases": all_of("/api/cases"), "runs": all_of("/api/runs"),
        "plans": ["light_2026"], "targets": ["light_2026.warmth", "light_2026.kept"], "indicators": ["trial.warmth_daily"], "packs": ["trial"], "files": [],
        "alarm-holds": ["1"], "case-types": ["trial.cooling"],
    }  # fmt: skip
    assert all(ids[k] for k in ("streams", "alarms", "cases", "runs"))
    found = []
    for r in ROUTES:
        if r.method != "GET":
            continue
        noun = r.path.split("/")[1].partition(".")[0]
        if "{" not in r.path:
            found.append(f"/api{r.path}")
        elif r.path.count("{") == 1:
            found += [f"/api{re.sub(r'{.*?}', str(one), r.path)}" for one in ids.get(noun, ("health" in r.path and ids["streams"]) or [])]  # fmt: skip
    found += [f"{path} {json.dumps(body)}" for path, body in ASKED_OF_GRAFANA]
    found += [f"/sta/v1.1{q}" for q in SENSING] + [f"/sta/v2.0{q}" for q in SENSING[:3] + SENSING[4:5]] + [*MORE]
    return tuple(q for q in found if not TOLD_OTHERWISE.fullmatch(q.partition("?")[0]))


def told(client: Caller, question: str, **headers: str) -> Any:
    """What is answered, without what is of the moment or of the city as a whole."""
    path, _, body = question.partition(" ")
    answer = client.request("POST", path, json=json.loads(body), headers=headers) if path.startswith("/grafana/") else client.get(question, headers=headers)  # fmt: skip
    assert answer.status_code < 500, (question, answer.text[:300])
    if "json" not in answer.headers.get("content-type", ""):
        return answer.status_code, answer.content if "docx" not in question else b""
    said = json.loads(answer.text)
    if question == "/api/summary":
        said.pop("readings")  # how many there are of a part nobody counts
    if question == "/api/health":
        said.pop("uptime_s")
    return answer.status_code, rounded(said)


def rounded(said: Any) -> Any:
    """Numbers to twelve places: a mean is added up in no order, and its last bit is anybody's."""
    match said:
        case float():
            return float(f"{said:.12g}")
        case dict():
            return {k: rounded(v) for k, v in said.items()}
        case list():
            return [rounded(v) for v in said]
    return said


def known(town: Town, assets: set[str], role: str = "viewer", id: str = "seen") -> str:
    """The token of a service that has a role for these assets, which belong to a body of theirs."""
    people, scopes = town.house.people, town.house.scopes
    assert people
    assert scopes
    people.put_body(Body("water", Title("水务局", "Water bureau"), "district"))
    people.put_body(Body("crew", Title("班组", "Crew"), "unit", "water"))
    scopes.assign({a: "crew" if a in assets else "" for a in ASSETS})
    people.put_person(Person(id, id, service=True, grants=(Grant(role, "water"),)))
    return people.make_token(id, "test", None, 1)[1]


@pytest.mark.parametrize("seen", SUBSETS, ids=lambda s: "+".join(sorted(s)) or "nothing")
def test_every_answer_against_a_city_without_the_other_rows(
    town: Town, seen: set[str], ground: Ground, tmp_path: Path
) -> None:
    shutil.copy(town.copy, tmp_path / "city.duckdb")
    with duckdb.connect(str(tmp_path / "city.duckdb")) as db:
        for sql in FILTERED:
            db.execute(sql, {"seen": sorted(seen)} if "$seen" in sql else None)
    other = open_house(tmp_path / "city.duckdb", ground)
    token = known(town, seen)
    try:
        with anyio.from_thread.start_blocking_portal() as portal:
            apart = Caller(other, portal)
            differing = [
                (q, mine, theirs)
                for q in town.questions
                if (mine := told(town.client, q, Authorization=f"Bearer {token}")) != (theirs := told(apart, q))
            ]
    finally:
        shut(other)
    assert not differing, [(q, str(a)[:600], str(b)[:600]) for q, a, b in differing[:5]] + [q for q, *_ in differing]
