"""Does the smallest pack do what it says?"""

import doctest
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from citytwin.kernel.demo import Scene
from citytwin.kernel.errors import BadBatch
from citytwin.kernel.model import Inputs
from citytwin.packs.hello import demo, formulas
from citytwin.packs.hello.feeds import parse_lamp_csv
from citytwin.packs.hello.formulas import energy
from citytwin.packs.hello.models import DimmedNight

SCENE = Scene((121.93, 30.89), "Asia/Shanghai", 7, {})
SINCE = datetime(2025, 7, 1, 5, 40, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=3)


def readings(since: datetime, until: datetime) -> pa.Table:
    tables = [t.set_column(0, "stream", t["stream"].cast(pa.string())) for t in demo.readings(SCENE, since, until)]
    return pa.concat_tables(tables).sort_by([("stream", "ascending"), ("time", "ascending")])


def power(table: pa.Table) -> pa.Table:
    return table.filter(pc.ends_with(table["stream"], "hello.power"))


def test_example_in_docstring() -> None:
    assert doctest.testmod(formulas).failed == 0


def test_a_cut_span_gives_the_readings_of_the_whole() -> None:
    cut = SINCE + timedelta(hours=20, minutes=7)
    both = pa.concat_tables([readings(SINCE, cut), readings(cut, UNTIL)])
    assert both.sort_by([("stream", "ascending"), ("time", "ascending")]) == readings(SINCE, UNTIL)


def test_some_lamp_is_dark_and_most_are_not() -> None:
    table = readings(SINCE, UNTIL)
    light = table.filter(pc.ends_with(table["stream"], "hello.light"))
    dark = set(light.filter(pc.less(light["value"], 8.0))["stream"].to_pylist())
    assert 1 <= len(dark) <= 4


def test_electricity_against_formula() -> None:
    day = datetime(2025, 7, 1, 16, tzinfo=UTC)  # midnight in Shanghai
    table = power(readings(day, day + timedelta(days=1)))
    ids = pc.list_element(pc.split_pattern(table["stream"], "."), 0)
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'Asia/Shanghai'; CREATE SCHEMA hello")
        db.register("given", table.append_column("asset_id", ids))
        db.execute("CREATE VIEW hello.power AS SELECT asset_id, time, value FROM given")
        sql = (Path(demo.__file__).parent / "indicators" / "electricity.sql").read_text("utf-8")
        found = db.execute(f"SELECT asset_id, value FROM ({sql})", {"since": day, "until": day + timedelta(days=1)})
        values = dict(found.fetchall())
    assert len(values) == 12
    for lamp, value in values.items():
        mine = table.filter(pc.starts_with(table["stream"], f"{lamp}."))
        assert value == pytest.approx(energy(mine["value"].to_numpy(), 900.0))


def test_half_the_light_takes_half_the_electricity() -> None:
    table = power(readings(UNTIL - timedelta(days=1), UNTIL))
    given = Inputs(UNTIL, (), (), table, pa.table({}), {"level": 50.0}, "", timedelta(hours=8))
    out = DimmedNight().run(given)
    assert out.figures["electricity"] == pytest.approx(out.figures["saved"])
    assert np.allclose(out.series["value"].to_numpy(), table["value"].to_numpy() / 2)
    assert pc.min(out.series["time"]).as_py() >= UNTIL


def test_a_table_of_a_controller_becomes_readings_in_watts() -> None:
    batch = parse_lamp_csv(b"lamp,time,power_w\nlamp-01,2025-07-01T20:00+08:00,98.5\n")
    moment = datetime(2025, 7, 1, 12, tzinfo=UTC)
    assert batch.table.to_pylist() == [{"stream": "lamp-01.hello.power", "time": moment, "value": 98.5, "unit": "W"}]


@pytest.mark.parametrize(
    "payload", [b"", b"lamp,time\nlamp-01,2025-07-01T20:00Z\n", b"lamp,time,power_w\nlamp-01,dusk,1\n"]
)
def test_what_cannot_be_read_is_told(payload: bytes) -> None:
    with pytest.raises(BadBatch, match="cannot be read"):
        parse_lamp_csv(payload)
