"""A small sound pack, written anew for every test, to be broken in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from citytwin.engine.check import check
from citytwin.kernel.clock import Clock
from citytwin.kernel.errors import Fault
from citytwin.store.duckdb import DuckStore

FILES = {
    "__init__.py": '"""Wells: how high the groundwater stands."""\n',
    "README.md": "# wells\n\nHow high the groundwater stands.\n",
    "pack.yaml": """\
        id: wells
        title: {zh: 水井, en: Wells}
        summary: {zh: 地下水位, en: Groundwater}
        systems: [A01]
        uses: []
        """,
    "types.yaml": """\
        types:
          - id: well
            title: {zh: 井, en: Well}
            geometry: point
            attributes:
              - {id: alarm_level, title: {zh: 警戒水位, en: Alarm level}, unit: m, required: true}
              - {id: owner, title: {zh: 权属, en: Owner}, kind: text}
        relations:
          - {id: beside, title: {zh: 相邻, en: Beside}, source: well, target: well}
        """,
    "streams.yaml": """\
        streams:
          - id: water
            title: {zh: 水位, en: Water level}
            asset: well
            quantity: level
            cadence_s: 3600
        topics:
          - topic: wells/{asset}/{stream}
            payload: number
          - topic: wells/logger
            payload: json
            asset: at
            fields: {cm: water}
            units: {cm: cm}
          - topic: wells/log
            payload: feed
            feed: parse_log
        """,
    "rules.yaml": """\
        rules:
          - id: high
            title: {zh: 水位高, en: High}
            level: high
            stream: water
            above: alarm_level
            opens: pumping
          - id: lost
            title: {zh: 失联, en: Lost}
            level: low
            stream: water
            silent_s: 10800
          - id: rising
            title: {zh: 上涨, en: Rising}
            level: medium
            rows: rising.sql
            unit: m
        """,
    "rows/rising.sql": """\
        SELECT m.asset_id, max(m.period) AS since, max(m.value) AS value
        FROM wells.daily AS m JOIN wells.grade AS g ON g.name = 'high'
        WHERE m.value > g.least
        GROUP BY m.asset_id
        """,
    "grade.csv": "name,least,source\nhigh,2.05,made up\nlow,0,made up\n",
    "cases.yaml": """\
        cases:
          - id: pumping
            title: {zh: 抽排, en: Pumping}
            steps:
              - {id: check, title: {zh: 核实, en: Check}, role: {zh: 巡查员, en: Warden}, days: 1, next: [pump, drop]}
              - {id: pump, title: {zh: 抽水, en: Pump}, role: {zh: 抽水班组, en: Crew}, days: 2, next: [drop]}
              - {id: drop, title: {zh: 关闭, en: Close}, role: {zh: 巡查员, en: Warden}}
        """,
    "panels.yaml": """\
        panels:
          - {id: map, title: {zh: 井, en: Wells}, kind: map-layer, of: well, by: daily, color: "#3377aa"}
          - {id: course, title: {zh: 过程, en: Course}, kind: series, of: water}
          - {id: runs, title: {zh: 展望, en: Outlooks}, kind: run-compare, of: Outlook}
        """,
    "indicators/daily.sql": """\
        -- title_zh: 日均水位
        -- title_en: Daily level
        -- unit: m
        -- per: well
        -- every: day
        -- better: neither
        -- source_zh: 当日平均值
        -- source_en: mean of the day
        SELECT w.asset_id, date_trunc('day', w.time) AS period, avg(w.value) AS value
        FROM wells.water AS w
        WHERE w.time >= $since AND w.time < $until
        GROUP BY w.asset_id, date_trunc('day', w.time)
        """,
    "formulas.py": '''\
        """What is the science?"""


        def head(depth: float) -> float:
            """Pressure head over a depth of water.

            Parameters: `depth` [m]. Returns: pressure [kPa].
            References: SI Brochure, 9th ed.

            >>> head(1.0)
            9.80665
            """
            return 9.80665 * depth
        ''',
    "feeds.py": '''\
        """How does it arrive?"""

        import pyarrow as pa

        from citytwin.kernel.observation import Batch


        def parse_log(payload: bytes) -> Batch:
            """The log of a well: one line per reading."""
            kinds = {"stream": pa.string(), "time": pa.timestamp("us", tz="UTC"), "value": pa.float64()}
            return Batch(pa.table({name: pa.array([], kind) for name, kind in kinds.items()}))
        ''',
    "models.py": '''\
        """What will happen?"""

        from datetime import timedelta

        import pyarrow as pa

        from citytwin.kernel.model import Figure, Inputs, Outputs, Parameter
        from citytwin.kernel.title import Title


        class Outlook:
            """Tomorrow is as today."""

            title = Title("展望", "Outlook")
            reads = ("wells.water",)
            writes = ("wells.water",)
            every = timedelta(hours=6)
            horizon = timedelta(days=1)
            history = timedelta(days=1)
            parameters = (Parameter("rise", Title("涨幅", "Rise"), "m", 0.0, -1.0, 1.0),)
            figures = (Figure("highest", Title("最高水位", "Highest level"), "m"),)

            def run(self, inputs: Inputs) -> Outputs:
                times = [t + self.horizon for t in inputs.readings["time"].to_pylist()]
                time = pa.array(times, pa.timestamp("us", tz="UTC"))
                values = inputs.readings["value"]
                series = pa.table({"stream": inputs.readings["stream"], "time": time, "value": values})
                return Outputs(series, {"highest": max(values.to_pylist())})
        ''',
    "demo.py": '''\
        """What would it look like?"""

        import math
        from datetime import datetime

        import pyarrow as pa

        from citytwin.kernel.asset import Asset
        from citytwin.kernel.relation import Relation
        from citytwin.kernel.title import Title

        CASE_PATHS = {"pumping": (("pump", "drop"), ("drop",))}
        WELLS = 4


        def assets(scene):
            for i in range(WELLS):
                point = {"type": "Point", "coordinates": [scene.center[0] + 0.01 * i, scene.center[1]]}
                yield Asset(f"well-{i}", "wells.well", Title(f"{i}号井", f"Well {i}"), point, {"alarm_level": 2.0 + 0.5 * i})


        def relations(scene):
            return [Relation("well-0", "wells.beside", "well-1")]


        def readings(scene, since, until):
            hours = range(math.ceil(since.timestamp() / 3600), math.ceil(until.timestamp() / 3600))
            rows = [(f"well-{i}.wells.water", h * 3600, _level(i, h)) for i in range(WELLS) for h in hours]
            rows = [r for r in rows if r[0][5] != "3" or r[1] // 3600 % 24 > 4]
            yield pa.table({
                "stream": [r[0] for r in rows],
                "time": pa.array([r[1] * 1_000_000 for r in rows], pa.int64()).cast(pa.timestamp("us", tz="UTC")),
                "value": pa.array([r[2] for r in rows], pa.float64()),
            })


        def records(scene, since, until):
            return iter(())


        def _level(i, hour):
            return 2.1 + 0.4 * math.sin(hour / 7.0 + i)


        def messages(scene, time):
            yield "wells/well-0/water", b"2.1"
            yield "wells/logger", b'{"at": "well-1", "cm": 210}'
            yield "wells/log", b""
        ''',
    "tests/test_wells.py": "from citytwin.packs.wells.feeds import parse_log\n\n\ndef test_log():\n    parse_log(b'')\n",
}


def memory(zone: str, clock: Clock) -> DuckStore:
    return DuckStore(None, zone, clock, memory="512MB", threads=1)


@dataclass
class Wells:
    """The sound pack in a folder; `replace` breaks it, `check` checks it."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "wells"

    def write(self, name: str, text: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def replace(self, name: str, old: str, new: str) -> int:
        """Put `new` in the place of `old`, which must stand once, and tell its line."""
        text = (self.folder / name).read_text("utf-8")
        assert text.count(old) == 1, (name, old, text.count(old))
        (self.folder / name).write_text(text.replace(old, new), "utf-8")
        return text[: text.index(old)].count("\n") + 1

    def check(self, say: Callable[[str], None] = lambda _: None) -> list[Fault]:
        return check(["wells"], [self.root], memory, say)

    def said(self) -> list[tuple[str, str]]:
        """Code and place (file:line within the pack) of every fault."""
        return [(f.code, f.where.partition("/wells/")[2]) for f in self.check()]


@pytest.fixture
def wells(tmp_path: Path) -> Wells:
    made = Wells(tmp_path)
    for name, text in FILES.items():
        made.write(name, dedent(text))
    return made
