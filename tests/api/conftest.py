"""A small city, made up for the tests: one pack, one plan, a few lamps and rooms, in a store in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio.from_thread
import httpx
import pyarrow as pa
import pytest

from citytwin import reader
from citytwin.api.app import App
from citytwin.api.house import House
from citytwin.engine import catalog, files, follow, handle, hold, ingest, load, measure, watch
from citytwin.engine.drafts import read as drafting
from citytwin.engine.simulate import Simulator
from citytwin.engine.twin import Twin
from citytwin.kernel.asset import Asset
from citytwin.kernel.city import City
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.observation import Batch
from citytwin.kernel.pack import Pack
from citytwin.kernel.relation import Relation
from citytwin.kernel.title import Title
from citytwin.store.duckdb import DuckStore

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)  # noon in Shanghai
TIME = pa.timestamp("us", tz="UTC")

FILES = {
    "trial/__init__.py": '"""A pack for tests."""\n',
    "trial/pack.yaml": """
id: trial
title: {zh: 试验, en: Trial}
summary: {zh: 供测试用, en: For tests}
systems: [T01]
uses: []
""",
    "trial/types.yaml": """
types:
  - id: lamp
    title: {zh: 灯, en: Lamp}
    geometry: point
    attributes:
      - {id: power, title: {zh: 功率, en: Power}, kind: number, unit: kW, low: 0, high: 10}
      - {id: limit, title: {zh: 限值, en: Limit}, kind: number, unit: degC}
  - id: room
    title: {zh: 房间, en: Room}
    geometry: polygon
    attributes:
      - {id: type, title: {zh: 用途, en: Use}, kind: text}
      - {id: floors, title: {zh: 层数, en: Floors}, kind: integer}
  - id: note
    title: {zh: 便条, en: Note}
    geometry: none
relations:
  - {id: lights, title: {zh: 照亮, en: Lights}, source: lamp, target: room}
""",
    "trial/streams.yaml": """
streams:
  - {id: warmth, title: {zh: 温度, en: Warmth}, asset: lamp, quantity: temperature, cadence_s: 60, low: -20, high: 60}
""",
    "trial/indicators/warmth_daily.sql": """-- title_zh: 日均温度
-- title_en: Mean warmth of the day
-- unit: degC
-- per: lamp
-- every: day
-- better: higher
-- source_zh: 当日读数的平均值
-- source_en: mean of the day's readings
SELECT asset_id, date_trunc('day', time) AS period, avg(value) AS value
FROM trial.warmth WHERE time >= $since AND time < $until GROUP BY 1, 2
""",
    "trial/rules.yaml": """
rules:
  - id: hot
    title: {zh: 过热, en: Hot}
    level: high
    stream: warmth
    above: 30
    opens: cooling
    advice: {zh: 关灯, en: Switch it off}
  - {id: dim, title: {zh: 过冷, en: Cold}, level: critical, indicator: warmth_daily, below: -10}
  - {id: mute, title: {zh: 无数据, en: Mute}, level: low, stream: warmth, silent_s: 3600}
  - {id: strong, title: {zh: 功率偏大, en: Strong}, level: low, rows: strong.sql, unit: kW}
""",
    "trial/rows/strong.sql": """
SELECT l.asset_id, min(w.time) AS since, l.power AS value
FROM trial.lamp AS l JOIN trial.warmth AS w ON w.asset_id = l.asset_id
WHERE l.power > 0.15
GROUP BY l.asset_id, l.power
""",
    "trial/cases.yaml": """
cases:
  - id: cooling
    title: {zh: 降温, en: Cooling}
    steps:
      - {id: look, title: {zh: 查看, en: Look}, role: {zh: 管理员, en: Keeper}, days: 1, next: [repair, done]}
      - {id: repair, title: {zh: 修理, en: Repair}, role: {zh: 维修工, en: Fitter}, days: 3, next: [done]}
      - {id: done, title: {zh: 完成, en: Done}, role: {zh: 管理员, en: Keeper}}
""",
    "trial/panels.yaml": """
panels:
  - {id: lamps, title: {zh: 灯, en: Lamps}, kind: map-layer, of: lamp, by: warmth, color: "#fc0"}
  - {id: warmths, title: {zh: 温度, en: Warmth}, kind: series, of: warmth}
""",
    "trial/models.py": '''"""What will happen? The last value goes on."""

from datetime import timedelta

import pyarrow as pa

from citytwin.kernel.model import Figure, Outputs, Parameter
from citytwin.kernel.title import Title


class Persistence:
    """Tomorrow is like today."""

    title = Title("持续", "Persistence")
    reads = ("trial.lamp", "trial.warmth")
    writes = ("trial.warmth",)
    every = timedelta(hours=1)
    horizon = timedelta(hours=2)
    history = timedelta(hours=6)
    parameters = (Parameter("shift", Title("偏移", "Shift"), "degC", 0.0, -5.0, 5.0),)
    figures = (Figure("mean", Title("平均温度", "Mean warmth"), "degC"),)

    def run(self, inputs):
        if inputs.parameters["shift"] == 5.0:
            raise ValueError("too warm by half")
        times = [inputs.until + timedelta(hours=h) for h in (1, 2)]
        series = pa.table(
            {"stream": ["lamp-1.trial.warmth"] * 2, "time": pa.array(times, pa.timestamp("us", tz="UTC")), "value": [20.0, 21.0]}
        )
        return Outputs(series, {"mean": 20.5})
''',
    "trial/colours.csv": "name,kelvin,source\nwarm,2700,made up\ncold,6500,made up\n",
    "city/city.yaml": """
id: testville
title: {zh: 试城, en: Testville}
zone: Asia/Shanghai
center: [121.9, 30.9]
bounds: [121.8, 30.8, 122.0, 31.0]
packs: [trial]
""",
    "city/systems.csv": "id,zh,en,place,duty,concepts,pack,kind\n"
    "T01,灯光系统,Lamp system,L1,Keep the lamps warm,Asset Stream,trial,system\n"
    "T02,无人系统,Orphan system,L2,Nothing,Asset,,mechanism\n",
    "city/plans/light_2026.yaml": """
id: light_2026
title: {zh: 灯光规划, en: Plan of light}
issuer: [试城]
document: 1
number: 试〔2026〕1号
issued: 2026-01-01
targets:
  - id: warmth
    subject: {zh: 灯温达到30度, en: Lamps at 30 degrees}
    kind: numeric
    comparator: ">="
    value: 30
    unit: degC
    deadline: 2026-12-31
    place: {section: "一", start: 10, end: 20}
    systems: [T01]
    measured_by: {indicator: trial.warmth_daily, asset: lamp-1}
  - id: kept
    subject: {zh: 灯温达到10度, en: Lamps at 10 degrees}
    kind: numeric
    comparator: ">="
    value: 10
    unit: degC
    deadline: 2026-12-31
    place: {section: "一", start: 21, end: 30}
    measured_by: {indicator: trial.warmth_daily, asset: lamp-1}
  - id: opened
    subject: {zh: 建成灯塔, en: Lighthouse built}
    kind: milestone
    comparator: done_by
    deadline: 2027-12-31
    place: {section: "二", start: 30, end: 40}
    systems: [T01]
    not_measured: {zh: 尚未接入, en: Not connected yet}
measures:
  - id: m001
    title: {zh: 建灯塔, en: Build the lighthouse}
    place: {section: "二", start: 30, end: 40}
    lead: [试城建设局]
    deadline: 2027-12-31
    evidence: {zh: 验收材料, en: Acceptance documents}
""",
}

SQUARE = {"type": "Polygon", "coordinates": [[[121.9, 30.9], [121.91, 30.9], [121.91, 30.91], [121.9, 30.9]]]}


@dataclass(frozen=True)
class Ground:
    """The folders of the city, as loaded."""

    root: Path
    city: City
    packs: tuple[Pack, ...]


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    root = tmp_path_factory.mktemp("ground")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.removeprefix("\n"), "utf-8")
    folders = load.pack_folders([root])
    city = load.city(root / "city")
    return Ground(root, city, tuple(load.ordered(folders, city.packs)))


DRAFT = "plan_2026_8_625caf"
DOCUMENT = """试城照明提升三年行动计划
试照〔2026〕8号

一、主要目标
到2028年，全市路灯完好率达到98%以上，新增智慧路灯300盏。

二、重点任务
（一）更换老旧路灯
2027年底前，更换老旧路灯1200盏。（责任单位：市城管局、市照明中心）
（二）建设照明平台
2026年底前，建成照明管理平台。（市城管局牵头，市数据局配合）
"""
"""A plan of three promises and a deliverable, made up for the tests."""


def furnish(twin: Twin) -> None:
    """Assets, relations, a day of readings with an outlier, and what the verbs make of them."""
    lamps = [
        Asset(
            f"lamp-{n}",
            "trial.lamp",
            Title(f"{n}号灯", f"Lamp {n}"),
            {"type": "Point", "coordinates": [121.9 + n / 1000, 30.9]},
            {"power": n / 10},
        )
        for n in range(1, 4)
    ]
    rooms = [
        Asset("room-1", "trial.room", Title('厅"一"', "Hall <1>"), SQUARE, {"type": "hall", "floors": 2}),
        Asset("note-1", "trial.note", Title("便条", "Note")),
    ]
    links = [Relation("lamp-1", "trial.lights", "room-1"), Relation("lamp-2", "trial.lights", "room-1")]
    catalog.add(twin, [*lamps, *rooms], links)
    minutes = 36 * 60
    times = [NOW - timedelta(minutes=m) for m in range(minutes, 0, -1)]
    warm = [20.0 + (m % 60) / 60 for m in range(minutes)]
    warm[-30] = 45.0  # hot for a minute: an alarm that clears, and a case
    warm[-1] = 40.0  # hot until now
    store(twin, ["lamp-1.trial.warmth"] * minutes, times, warm)
    quiet = [NOW - timedelta(hours=30), NOW - timedelta(hours=29)]
    store(twin, ["lamp-2.trial.warmth"] * 2, quiet, [70.0, -15.0])  # the first is beyond what is plausible
    measure.measure(twin, NOW)
    watch.watch(twin, NOW)
    handle.handle(twin, NOW)
    drafting.read(twin, DOCUMENT.encode(), "plan.txt", "Wang", reads=reader.read)
    hold.put(twin, "out_of_service", "trial.hot", "lamp-3", "lamp is taken down", "Wang")
    proof = files.keep(twin, b"photograph", "tower.jpg", "Wang")
    follow.report(twin, "light_2026", "m001", "Wang", "under_way", "ground broken", [proof.sha256])
    follow.report(twin, "light_2026", "m001", "Wang", "delayed", "rain")


def store(twin: Twin, streams: list[str], times: list[datetime], values: list[float]) -> None:
    """Record readings."""
    table = pa.table({"stream": streams, "time": pa.array(times, TIME), "value": pa.array(values, pa.float64())})
    prepared = ingest.prepare(twin, Batch(table))
    assert not prepared.refused, prepared.faults
    twin.store.record([prepared.arrival])


@pytest.fixture(scope="session")
def build(ground: Ground) -> Iterator[Callable[..., House]]:
    """Builds houses, and closes them all in the end."""
    built: list[House] = []
    pool = ThreadPoolExecutor(1)

    def make(furnished: bool = True, **limits: Any) -> House:
        clock = FixedClock(NOW)
        memory = DuckStore(None, ground.city.zone, clock, threads=2)
        memory.define(ground.packs, load.tables(ground.packs))
        twin = Twin(memory, ground.city, ground.packs, clock, (ground.root,))
        if furnished:
            furnish(twin)
        house = House(twin, ingest.Intake(twin), Simulator(twin, pool), **limits)
        built.append(house)
        return house

    yield make
    pool.shutdown()
    for house in built:
        house.intake.close()
        house.twin.store.close()


@pytest.fixture(scope="session")
def house(build: Callable[..., House]) -> House:
    """A city that tests only read."""
    return build()


class Caller:
    """Asks an app over ASGI, without a network; the loop runs in a thread of its own."""

    def __init__(self, house: House, portal: anyio.from_thread.BlockingPortal) -> None:
        self._portal = portal
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(App(house)), base_url="http://testville")

    def request(self, method: str, url: str, **given: Any) -> httpx.Response:
        return self._portal.call(lambda: self._client.request(method, url, **given))

    def get(self, url: str, **given: Any) -> httpx.Response:
        return self.request("GET", url, **given)

    def post(self, url: str, **given: Any) -> httpx.Response:
        return self.request("POST", url, **given)


@pytest.fixture(scope="session")
def portal() -> Iterator[anyio.from_thread.BlockingPortal]:
    with anyio.from_thread.start_blocking_portal() as made:
        yield made


@pytest.fixture(scope="session")
def client(house: House, portal: anyio.from_thread.BlockingPortal) -> Caller:
    """A caller of the city that tests only read."""
    return Caller(house, portal)


@pytest.fixture
def own_house(build: Callable[..., House]) -> House:
    """A city of this test's own, to write in."""
    return build()


@pytest.fixture
def own(own_house: House, portal: anyio.from_thread.BlockingPortal) -> Caller:
    """A caller of the city of this test's own."""
    return Caller(own_house, portal)


def done(client: Caller, run: str) -> Any:
    """The run, once it has ended."""
    for _ in range(500):
        item = client.get(f"/api/runs/{run}").json()
        if item["state"] in ("done", "failed"):
            return item
        time.sleep(0.01)
    raise AssertionError(f"run {run} does not end")


def check_problem(response: Any, status: int, code: str) -> Any:
    """Every failure has one shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert list(told)[:8] == ["type", "title", "status", "code", "detail", "hint", "where", "faults"]
    assert set(list(told)[8:]) <= {"title_zh", "detail_zh", "hint_zh"}
    assert told["status"] == status
    assert told["code"] == code, told
    assert told["type"] == f"/api/docs#{code}"
    assert all(isinstance(told[k], str) for k in ("title", "detail", "hint", "where"))
    assert told["title"]
    assert told["detail"]
    assert "Traceback" not in response.text
    for fault in told["faults"]:
        assert sorted(fault) == ["code", "hint", "message", "where"]
    return told
