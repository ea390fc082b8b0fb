"""Data arrays whose rows are more than numbers at times: together they become what they become one by one (18-088, clause 13.2)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from citytwin.api.house import House
from citytwin.api.sta import array
from citytwin.api.sta.desk import Desk, Request
from citytwin.engine import catalog, ingest, load
from citytwin.engine.simulate import Simulator
from citytwin.engine.twin import Twin
from citytwin.kernel.asset import Asset
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import CityTwinError
from citytwin.kernel.qc import Checks, Jump
from citytwin.kernel.title import Title
from citytwin.store.duckdb import DuckStore
from tests.api.conftest import NOW, Ground
from tests.api.sta.test_service import POINT, stream, thing

Row = list[Any]
BASE = "http://c"
NAMES = {
    "phenomenonTime": [0, 1, 1, 2, 3, 4, 5, 6, "far", "old", "x", None, "span"],
    "result": [1.5, 1.5, 2, 99.0, -300.0, "text", "on", True, {"a": [1]}, [1, 2], None, 2**60],
    "resultTime": [None, None, 7, "x"],
    "resultQuality": [None, None, {"good": 1}],
    "validTime": [None, None, "span", "x"],
    "parameters": [None, None, {"p": 1}, "x"],
    "FeatureOfInterest/id": [None, None, "there", "no-such", "new"],
}
"""Components, and what rows have of them; a number is minutes before now."""


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def said(value: Any, feature: str) -> Any:
    """A component as a client says it."""
    match value:
        case "far":
            return text(NOW + timedelta(days=1))
        case "old":
            return "1700-01-01T00:00:00Z"
        case "span":
            return f"{text(NOW - timedelta(hours=2))}/{text(NOW - timedelta(hours=1))}"
        case "there":
            return feature
        case "new":
            return {"name": "F", "description": "d", "encodingType": "application/geo+json", "feature": POINT}
    return value


def row(names: Sequence[str]) -> st.SearchStrategy[Row]:
    def timed(name: str, value: Any) -> Any:
        if name in ("phenomenonTime", "resultTime") and type(value) is int:
            return text(NOW - timedelta(minutes=value))
        return value

    return st.tuples(*(st.sampled_from(NAMES[n]).map(lambda v, n=n: timed(n, v)) for n in names)).map(list)


@st.composite
def bodies(draw: st.DrawFn) -> list[tuple[int, list[str], list[Row]]]:
    """Data arrays: which of the streams, its components and its rows."""
    made = []
    for _ in range(draw(st.integers(1, 2))):
        more = draw(st.lists(st.sampled_from([*NAMES][2:]), unique=True, min_size=1, max_size=4))
        names = ["phenomenonTime", "result", *more]
        made.append((draw(st.integers(0, 3)), names, draw(st.lists(row(names), min_size=1, max_size=6))))
    return made


class City:
    """A city that is asked without a network."""

    def __init__(self, house: House) -> None:
        self.house, self.desk = house, Desk(house)

    def post(self, path: str, body: Any) -> Any:
        return self.desk.answer(Request("POST", path, "", json.dumps(body).encode(), base=BASE))

    def get(self, path: str) -> Any:
        return json.loads(self.desk.answer(Request("GET", path, base=BASE)).body)

    def prepare(self, n: int) -> tuple[list[str], str]:
        """Streams of their own for a trial: registered, registered without a place, declared, and none; and a feature."""
        made = json.loads(self.post("/Things", thing(Datastreams=[stream()])).body)
        bare = {k: v for k, v in thing(Datastreams=[stream()]).items() if k != "Locations"}
        lost = json.loads(self.post("/Things", bare).body)
        lamp = Asset(f"trial-{n}", "trial.lamp", Title("灯", "Lamp"), POINT)
        catalog.add(self.house.twin, [lamp])
        feature = self.post("/FeaturesOfInterest", said("new", "")).headers["Location"]
        streams = [self.get(f"/Things('{t['@iot.id']}')/Datastreams")["value"][0]["@iot.id"] for t in (made, lost)]
        return [*streams, f"trial-{n}.trial.warmth", "nobody.trial.warmth"], feature.split("'")[1]

    def together(self, sets: Sequence[tuple[str, list[str], list[Row]]]) -> list[str]:
        body = [{"Datastream": {"@iot.id": s}, "components": n, "dataArray": rows} for s, n, rows in sets]
        told = json.loads(self.post("/CreateObservations", body).body)
        return [re.sub(r"\d+/dataArray/\d+/", "", t) for t in told]

    def one_by_one(self, sets: Sequence[tuple[str, list[str], list[Row]]]) -> list[str]:
        """The same as posts of an Observation each."""
        told = []
        for stream_id, names, rows in sets:
            for one in rows:
                body = {
                    n.removesuffix("/id"): {"@iot.id": v} if n == "FeatureOfInterest/id" and isinstance(v, str) else v
                    for n, v in zip(names, one, strict=True)
                    if v is not None or n == "result"
                }
                try:
                    made = self.post("/Observations", {**body, "Datastream": {"@iot.id": stream_id}})
                    told.append(made.headers["Location"])
                except CityTwinError as e:
                    told.append(array.said(e))
        return told

    def record(self, streams: Sequence[str]) -> dict[str, Any]:
        """All that is on record of streams: what is seen, what it was before, and the features."""
        asked = {
            "seen": "SELECT s.* FROM sensing AS s JOIN stream_row AS r ON r.key = s.key WHERE list_contains($s, r.stream) ORDER BY s.id, s.time",
            "kept": "SELECT o.* EXCLUDE (recorded, ended), ended IS NULL AS stands_now FROM observation_row AS o JOIN stream_row AS r ON r.key = o.key "
            "WHERE list_contains($s, r.stream) ORDER BY ALL",
            "read": "SELECT stream, time, value, quality, superseded FROM observation_all WHERE list_contains($s, stream) ORDER BY ALL",
            "streams": "SELECT key, stream FROM stream_row WHERE list_contains($s, stream) ORDER BY ALL",
            "features": "SELECT * EXCLUDE (declared) FROM feature WHERE $s IS NOT NULL ORDER BY id",
            "count": "SELECT value FROM meta WHERE name = 'registered' AND $s IS NOT NULL",
        }
        return {n: self.house.twin.store.fetch(sql, {"s": list(streams)}).to_pylist() for n, sql in asked.items()}


@pytest.fixture(scope="module")
def cities(build: Callable[..., House]) -> tuple[City, City, Iterator[int]]:
    """Two cities alike, and a number for each trial."""
    return City(build(furnished=False)), City(build(furnished=False)), count()


T = [text(NOW - timedelta(minutes=n)) for n in range(3)]
SAID_ANEW = [[T[1], 1.5, T[1]], [T[1], 1.5, T[0]], [T[1], 2, None], [T[2], 2, None], [T[2], 2, T[0]], [T[1], 3, T[1]]]


@given(bodies())
@example([(2, ["phenomenonTime", "result", "resultTime"], SAID_ANEW)])
@example([(0, ["phenomenonTime", "result", "resultTime"], SAID_ANEW)])
@settings(max_examples=int(os.environ.get("FUZZ", "10")), deadline=None, suppress_health_check=list(HealthCheck))
def test_rows_together_against_one_by_one(
    cities: tuple[City, City, Iterator[int]], made: list[tuple[int, list[str], list[Row]]]
) -> None:
    """The answers, ids included, and all that is on record after them."""
    here, there, trials = cities
    trial = next(trials)
    streams, feature = here.prepare(trial)
    assert there.prepare(trial) == (streams, feature)
    sets = [(streams[which], names, [[said(v, feature) for v in r] for r in rows]) for which, names, rows in made]
    assert here.together(sets) == there.one_by_one(sets)
    assert here.record(streams) == there.record(streams)


@pytest.fixture
def tested(ground: Ground) -> Iterator[tuple[City, City]]:
    """Two cities whose readings are tested against their neighbours."""
    packs = tuple(
        replace(p, streams=tuple(replace(s, qc=Checks(spike=Jump(suspect=5.0))) for s in p.streams))
        for p in ground.packs
    )
    houses = []
    with ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            clock = FixedClock(NOW)
            store = DuckStore(None, ground.city.zone, clock, threads=2)
            store.define(packs, load.tables(packs))
            twin = Twin(store, ground.city, packs, clock)
            houses.append(House(twin, ingest.Intake(twin), Simulator(twin, pool)))
        yield City(houses[0]), City(houses[1])
    for house in houses:
        house.intake.close()
        house.twin.store.close()


def test_tested_readings_together_against_one_by_one(tested: tuple[City, City]) -> None:
    """A spike, one that comes late beside one on record, and one said anew: what stands, and with which flags, is the same."""
    values = [(9, 20.0), (8, 20.5), (7, 40.0), (6, 20.0), (5, 20.5), (8.5, 50.0), (4, 21.0), (5, 45.0), (3, 21.0)]
    rows = [[text(NOW - timedelta(minutes=m)), v, text(NOW)] for m, v in values]
    names = ["phenomenonTime", "result", "resultTime"]
    told, flags = [], []
    for city, way in zip(tested, (City.together, City.one_by_one), strict=True):
        streams, _ = city.prepare(0)
        told.append(way(city, [(streams[2], names, rows)]))
        sql = "SELECT time, value, quality FROM observation_all WHERE stream = $s AND NOT superseded ORDER BY time"
        flags.append(city.house.twin.store.fetch(sql, {"s": streams[2]}).to_pylist())
    assert told[0] == told[1]
    assert flags[0] == flags[1]
    assert [f["quality"] for f in flags[0]] == [1, 3, 1, 3, 1, 3, 1, 1]


def test_ten_thousand_rows_are_one_commit(cities: tuple[City, City, Iterator[int]]) -> None:
    """With components, and of two streams: one leaf of the log for all that is no reading, and one for the readings."""
    city, _, trials = cities
    (registered, _, declared, _), feature = city.prepare(next(trials))
    store = city.house.twin.store
    before = store.fetch("SELECT count(*) AS n FROM leaf")["n"][0].as_py()
    rows = [
        [text(NOW - timedelta(seconds=10_000 - n)), "on" if n % 2 else n, text(NOW), feature] for n in range(10_000)
    ]
    names = ["phenomenonTime", "result", "resultTime", "FeatureOfInterest/id"]
    told = city.together([(registered, names, rows), (declared, names, rows[::2])])
    assert len(set(told)) == 15_000
    assert not [t for t in told if "error" in t]
    assert store.fetch("SELECT count(*) AS n FROM leaf")["n"][0].as_py() - before == 2
    counts = store.fetch(
        "SELECT r.stream, count(*) AS n FROM sensing AS s JOIN stream_row AS r ON r.key = s.key WHERE list_contains($s, r.stream) GROUP BY 1",
        {"s": [registered, declared]},
    ).to_pylist()
    assert {c["stream"]: c["n"] for c in counts} == {registered: 10_000, declared: 5000}
