"""Does the demo's weather depend on the time stamp alone, and show what the rules look for?"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from citytwin.kernel.demo import Scene
from citytwin.packs.base import demo
from citytwin.science.rain import storm_depth

SCENE = Scene((121.93, 30.89), "Asia/Shanghai", 2022, {})
START = datetime(2025, 6, 30, 4, 10, tzinfo=UTC)


def readings(since: datetime, until: datetime) -> pa.Table:
    tables = [t for t in demo.readings(SCENE, since, until) if t.num_rows]
    return pa.concat_tables([t.set_column(0, "stream", t["stream"].cast(pa.string())) for t in tables])


@pytest.fixture(scope="module")
def three_days() -> pa.Table:
    return readings(START, START + timedelta(days=3))


def series(table: pa.Table, stream: str) -> tuple[np.ndarray, np.ndarray]:
    mine = table.filter(pc.equal(table["stream"], stream))
    return mine["time"].cast(pa.int64()).to_numpy() // 1_000_000, mine["value"].to_numpy()


@pytest.mark.parametrize("minutes", [1, 37, 60 * 20, 60 * 47 + 5])
def test_a_cut_span_gives_the_readings_of_the_whole(three_days: pa.Table, minutes: int) -> None:
    cut = START + timedelta(minutes=minutes)
    both = pa.concat_tables([readings(START, cut), readings(cut, START + timedelta(days=3))])
    order = [("stream", "ascending"), ("time", "ascending")]
    assert both.sort_by(order) == three_days.sort_by(order)


def test_tables_are_sorted_and_in_their_span() -> None:
    until = START + timedelta(days=2)
    for table in demo.readings(SCENE, START, until):
        assert table.schema.names == ["stream", "time", "value"]
        assert table.schema.field("time").type == pa.timestamp("us", tz="UTC")
        plain = table.set_column(0, "stream", table["stream"].cast(pa.string()))
        assert plain == plain.sort_by([("stream", "ascending"), ("time", "ascending")])
        times = table["time"].to_numpy()
        assert times.min() >= np.datetime64(START.replace(tzinfo=None))
        assert times.max() < np.datetime64(until.replace(tzinfo=None))


def test_every_station_has_every_stream(three_days: pa.Table) -> None:
    streams = set(three_days["stream"].to_pylist())
    assert len(streams) == 8 * 6
    assert all(s.partition(".")[2].startswith("base.") for s in streams)


def test_rainfall_against_the_shared_storm(three_days: pa.Table) -> None:
    for gauge, (station, *_) in enumerate(demo.STATIONS):
        time_s, value = series(three_days, f"{station}.base.rainfall")
        assert len(time_s) == 3 * 288  # the gauge reports when the station's link is down
        assert np.allclose(value, storm_depth(2022, gauge, time_s, time_s + 300), atol=0.005)


def test_values_are_plausible_all_year() -> None:
    bounds = {
        "temperature": (-12, 42),
        "humidity": (18, 100),
        "wind_speed": (0, 30),
        "rainfall": (0, 12),
        "noise": (30, 80),
        "fine_particles": (1, 400),
    }
    for month in range(1, 13):
        table = readings(datetime(2024, month, 3, tzinfo=UTC), datetime(2024, month, 4, tzinfo=UTC))
        kinds = np.array([s.rpartition(".")[2] for s in table["stream"].to_pylist()])
        values = table["value"].to_numpy()
        for kind, (low, high) in bounds.items():
            assert low <= values[kinds == kind].min()
            assert values[kinds == kind].max() <= high


def test_july_is_warm_and_january_cold() -> None:
    def mean(month: int) -> float:
        table = readings(datetime(2024, month, 10, tzinfo=UTC), datetime(2024, month, 20, tzinfo=UTC))
        kinds = np.array([s.endswith("temperature") for s in table["stream"].to_pylist()])
        return float(table["value"].to_numpy()[kinds].mean())

    assert 24 < mean(7) < 33  # Shanghai's normals 1991-2020: 28.8 and 5.1
    assert 0 < mean(1) < 10


@pytest.mark.parametrize("day", range(0, 360, 23))
def test_any_three_days_have_what_the_rules_look_for(day: int) -> None:
    since = datetime(2025, 1, 1, 5, 17, tzinfo=UTC) + timedelta(days=day)
    until = since + timedelta(days=3)
    table = readings(since, until)
    hourly, wind, quiet = [], [], []
    for station, *_ in demo.STATIONS:
        time_s, value = series(table, f"{station}.base.rainfall")
        hourly.append(np.bincount(time_s // 3600 - time_s[0] // 3600, value))
        wind.append(series(table, f"{station}.base.wind_speed")[1].max())
        quiet.append(until.timestamp() - series(table, f"{station}.base.fine_particles")[0][-1])
    heavy = np.array(hourly) > 20
    assert 1 <= heavy.sum() <= 0.1 * heavy.size
    assert max(wind) > 10.8
    assert sum(w > 10.8 for w in wind) + heavy.sum() >= len(demo.CASE_PATHS["storm_response"])
    assert max(quiet) > 7500 > min(quiet)


def test_no_records_slower_than_a_day() -> None:
    assert list(demo.records(SCENE, START, START + timedelta(days=365))) == []
