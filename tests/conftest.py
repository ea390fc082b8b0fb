"""A tiny city for tests: one pack of tanks, a clock that stands still, a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from citytwin.engine import catalog, load
from citytwin.engine.twin import Twin
from citytwin.kernel.asset import Asset
from citytwin.kernel.city import City
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.plan import Plan
from citytwin.kernel.title import Title
from citytwin.store.duckdb import DuckStore

from .served import command, empty, lingang, serve, town  # noqa: F401 - fixtures for every folder

ZONE = "Asia/Shanghai"
NOW = datetime(2025, 6, 30, 4, 0, tzinfo=UTC)  # noon in Shanghai
SHARED = Path(__file__).resolve().parents[2] / "shared"

FILES = {
    "__init__.py": '"""Tanks, for tests."""\n',
    "pack.yaml": "id: tank\ntitle: {zh: 水箱, en: Tanks}\nsummary: {zh: 测试, en: For tests}\n",
    "types.yaml": """\
types:
  - id: basin
    title: {zh: 水箱, en: Tank}
    geometry: point
    attributes:
      - {id: brim_m, title: {zh: 箱沿, en: Brim}, unit: m, low: 0}
      - {id: material, title: {zh: 材质, en: Material}, kind: choice, choices: {steel: {zh: 钢, en: Steel}, concrete: {zh: 混凝土, en: Concrete}}}
relations:
  - {id: spills_to, title: {zh: 溢流至, en: Spills to}, source: basin, target: basin}
""",
    "streams.yaml": """\
streams:
  - {id: level, title: {zh: 水位, en: Level}, asset: basin, quantity: level, cadence_s: 300, low: 0, high: 10}
  - {id: filled, title: {zh: 注入量, en: Filled}, asset: basin, quantity: volume, cadence_s: 3600}
""",
    "indicators/level_mean.sql": """\
-- title_zh: 日均水位
-- title_en: Mean level
-- unit: m
-- per: basin
-- every: day
-- better: neither
-- source_zh: 当日读数的算术平均值
-- source_en: arithmetic mean of the day's readings
SELECT asset_id, date_trunc('day', time) AS period, avg(value) AS value
FROM tank.level WHERE time >= $since AND time < $until
GROUP BY asset_id, date_trunc('day', time)
""",
    "indicators/level_month.sql": """\
-- title_zh: 月均水位
-- title_en: Monthly mean level
-- unit: m
-- per: basin
-- every: month
-- better: lower
-- source_zh: 日均值的平均值
-- source_en: mean of the daily means
SELECT asset_id, date_trunc('month', period) AS period, avg(value) AS value
FROM tank.level_mean WHERE period >= $since AND period < $until
GROUP BY asset_id, date_trunc('month', period)
""",
    "rules.yaml": """\
rules:
  - {id: overfull, title: {zh: 过满, en: Overfull}, level: high, stream: level, above: brim_m, deadband: 0.2, on_delay_s: 600, opens: spill}
  - {id: quiet, title: {zh: 无数据, en: Silent}, level: low, stream: level, silent_s: 3600}
  - {id: month_high, title: {zh: 月均偏高, en: High month}, level: medium, indicator: level_month, above: 3.0}
""",
    "cases.yaml": """\
cases:
  - id: spill
    title: {zh: 溢流处置, en: Spill}
    steps:
      - {id: inspect, title: {zh: 现场核查, en: Inspect}, role: {zh: 养护班组, en: Crew}, days: 1, next: [repair, close]}
      - {id: repair, title: {zh: 修复, en: Repair}, role: {zh: 养护班组, en: Crew}, days: 3, next: [close]}
      - {id: close, title: {zh: 办结, en: Close}, role: {zh: 管理员, en: Steward}}
""",
}


@pytest.fixture
def tank_folder(tmp_path: Path) -> Path:
    """The pack `tank` written to disk."""
    folder = tmp_path / "packs" / "tank"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def make_twin(tank_folder: Path, clock: FixedClock) -> Iterator[Callable[..., Twin]]:
    """Make a twin of the tiny city: `make_twin(plans=…, path=…)`."""
    made: list[Twin] = []

    def make(plans: tuple[Plan, ...] = (), path: Path | None = None) -> Twin:
        pack = load.pack(tank_folder)
        store = DuckStore(path, ZONE, clock)
        store.define([pack], load.tables([pack]))
        city = City(
            "test",
            Title("测试市", "Test City"),
            ZONE,
            (121.9, 30.9),
            (121.0, 30.0, 122.0, 31.0),
            ("tank",),
            "",
            plans=plans,
        )
        twin = Twin(store, city, [pack], clock)
        if not twin.asset_types:
            catalog.add(
                twin,
                [
                    Asset(
                        f"t{n}",
                        "tank.basin",
                        Title(f"{n}号水箱", f"Tank {n}"),
                        {"type": "Point", "coordinates": [121.9, 30.9]},
                        {"brim_m": 4.0},
                    )
                    for n in (1, 2, 3)
                ],
            )
        made.append(twin)
        return twin

    yield make
    for twin in made:
        twin.store.close()


@pytest.fixture
def twin(make_twin: Callable[..., Twin]) -> Twin:
    return make_twin()


@pytest.fixture
def readings() -> Callable[..., pa.Table]:
    """`readings("t1.tank.level", start, [values], step_s=300)`: a table of one stream."""

    def make(stream: str, start: datetime, values: list[float | None], step_s: int = 300) -> pa.Table:
        first = int(start.timestamp() * 1e6)
        return pa.table(
            {
                "stream": pa.array([stream] * len(values), pa.string()),
                "time": pa.array([first + i * step_s * 1_000_000 for i in range(len(values))], pa.int64()).cast(
                    pa.timestamp("us", tz="UTC")
                ),
                "value": pa.array(values, pa.float64()),
            }
        )

    return make


@pytest.fixture
def shared() -> Path:
    """The folder of real data beside the checkout; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("real data (../shared) is not beside this checkout")
    return SHARED
