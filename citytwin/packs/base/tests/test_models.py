"""Does the outlook run, and beat the simplest rival on the demo's weather?"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from citytwin.kernel.demo import Scene
from citytwin.kernel.model import Inputs
from citytwin.packs.base import demo
from citytwin.packs.base.models import WeatherOutlook

SCENE = Scene((121.93, 30.89), "Asia/Shanghai", 2022, {})


def given(until: datetime, days: float = 8.0) -> Inputs:
    tables = list(demo.readings(SCENE, until - timedelta(days=days), until))
    table = pa.concat_tables([t.set_column(0, "stream", t["stream"].cast(pa.string())) for t in tables])
    table = table.filter(pc.ends_with(table["stream"], ".base.temperature"))
    table = table.append_column("asset_id", pc.list_element(pc.split_pattern(table["stream"], "."), 0))
    return inputs(until, table)


def inputs(until: datetime, table: pa.Table) -> Inputs:
    assets = tuple({"id": id, "type": "base.weather_station"} for id, *_ in demo.STATIONS)
    return Inputs(until, assets, (), table, pa.table({}), {"memory_h": 12.0}, "", timedelta(hours=8))


def test_the_outlook_covers_every_station_and_the_day_ahead() -> None:
    until = datetime(2025, 7, 9, 3, 7, tzinfo=UTC)
    out = WeatherOutlook().run(given(until))
    assert out.figures["stations"] == 8
    assert out.series.num_rows == 8 * 96
    times = out.series["time"].to_numpy()
    assert times.min() >= np.datetime64(until.replace(tzinfo=None))
    assert times.max() < np.datetime64((until + timedelta(hours=24)).replace(tzinfo=None))
    assert set(out.series["stream"].to_pylist()) == {f"{id}.base.temperature" for id, *_ in demo.STATIONS}


@pytest.mark.parametrize("month", [1, 4, 7, 10])
def test_outlook_against_persistence(month: int) -> None:
    errors = [WeatherOutlook().run(given(datetime(2025, month, d, 15, tzinfo=UTC))).figures for d in (10, 17)]
    ours = np.mean([e["error"] for e in errors])
    assert ours < np.mean([e["error_of_persistence"] for e in errors])
    assert ours < 3.0


def test_no_readings_no_outlook() -> None:
    empty = given(datetime(2025, 7, 9, tzinfo=UTC)).readings.slice(0, 0)
    out = WeatherOutlook().run(inputs(datetime(2025, 7, 9, tzinfo=UTC), empty))
    assert out.series.num_rows == 0
    assert out.figures == {"stations": 0.0}
