"""Do the indicators say what their formulas say? SQL on small tables, against numpy."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from citytwin.packs.base.formulas import degree_days, equivalent_level

FOLDER = Path(__file__).parents[1]
DAY = datetime(2025, 7, 1, 16, 0, tzinfo=UTC)  # midnight in Shanghai, 2 July
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Shanghai'; CREATE SCHEMA base")
    for name in ("temperature", "rainfall", "noise", "fine_particles"):
        connection.execute(f"CREATE TABLE base.{name} (asset_id VARCHAR, time TIMESTAMPTZ, value DOUBLE)")
    connection.execute(
        "CREATE TABLE alarm (asset_id VARCHAR, since TIMESTAMPTZ, parent VARCHAR, rule VARCHAR, cleared TIMESTAMPTZ, level VARCHAR)"
    )
    connection.execute("CREATE TABLE base.region (asset_id VARCHAR, operators BIGINT)")
    for name in ("temperature_mean", "rainfall_daily"):
        connection.execute(f"CREATE TABLE base.{name} (asset_id VARCHAR, period TIMESTAMPTZ, value DOUBLE)")
    connection.execute("CREATE TABLE base.lies_in (source VARCHAR, target VARCHAR)")
    connection.execute("CREATE TABLE base.degree_base AS FROM read_csv(?)", [str(FOLDER / "degree_base.csv")])
    yield connection
    connection.close()


def put(
    db: duckdb.DuckDBPyConnection, table: str, station: str, begin: datetime, step: timedelta, values: list[float]
) -> None:
    for i, value in enumerate(values):
        db.execute(f"INSERT INTO base.{table} VALUES (?, ?, ?)", [station, begin + i * step, value])


def value_of(
    db: duckdb.DuckDBPyConnection, indicator: str, since: datetime = DAY, until: datetime = NEXT
) -> dict[tuple[str, float], float]:
    sql = (FOLDER / "indicators" / f"{indicator}.sql").read_text("utf-8")
    rows = db.execute(
        f"SELECT asset_id, epoch(period), value FROM ({sql})", {"since": since, "until": until}
    ).fetchall()
    assert all(since.timestamp() <= period < until.timestamp() for _, period, _ in rows)
    return {(asset, period): value for asset, period, value in rows}


def test_temperature_mean_takes_the_citys_day(db: duckdb.DuckDBPyConnection) -> None:
    put(db, "temperature", "ws-1", DAY - timedelta(hours=1), timedelta(hours=1), [99.0, 20.0, 24.0])
    put(db, "temperature", "ws-1", NEXT, timedelta(hours=1), [-99.0])
    assert value_of(db, "temperature_mean") == {("ws-1", DAY.timestamp()): 22.0}


def test_rain_of_hour_and_day_add_up(db: duckdb.DuckDBPyConnection) -> None:
    put(db, "rainfall", "ws-1", DAY, timedelta(minutes=5), [0.5] * 24)
    hours = value_of(db, "rainfall_hourly")
    assert hours == {("ws-1", DAY.timestamp()): 6.0, ("ws-1", DAY.timestamp() + 3600): 6.0}
    assert value_of(db, "rainfall_daily") == {("ws-1", DAY.timestamp()): sum(hours.values())}


def test_region_rainfall_is_the_mean_of_its_stations(db: duckdb.DuckDBPyConnection) -> None:
    for station, depth in (("ws-1", 10.0), ("ws-2", 30.0), ("ws-3", 99.0)):
        put(db, "rainfall_daily", station, DAY, timedelta(days=1), [depth])
    db.execute("INSERT INTO base.lies_in VALUES ('ws-1', 'north'), ('ws-2', 'north'), ('ws-3', 'south')")
    values = value_of(db, "region_rainfall")
    assert values == {("north", DAY.timestamp()): 20.0, ("south", DAY.timestamp()): 99.0}


@pytest.mark.parametrize("mean", [-3.0, 17.9, 18.0, 22.0, 26.0, 31.5])
def test_degree_days_against_formula(db: duckdb.DuckDBPyConnection, mean: float) -> None:
    put(db, "temperature_mean", "ws-1", DAY, timedelta(days=1), [mean])
    assert list(value_of(db, "heating_degree_days").values()) == [pytest.approx(float(degree_days(mean, 18.0)))]
    cooling = float(degree_days(mean, 26.0, cooling=True))
    assert list(value_of(db, "cooling_degree_days").values()) == [pytest.approx(cooling)]


def test_night_noise_against_formula(db: duckdb.DuckDBPyConnection) -> None:
    levels = 50 + 10 * np.sin(np.arange(24.0))
    put(db, "noise", "ws-1", DAY - timedelta(hours=4), timedelta(hours=1), levels.tolist())  # from 20:00 on
    night = value_of(db, "night_noise")
    assert night == {("ws-1", DAY.timestamp()): pytest.approx(equivalent_level(levels[2:10]))}


def test_night_noise_looks_back_but_not_forward(db: duckdb.DuckDBPyConnection) -> None:
    put(db, "noise", "ws-1", NEXT - timedelta(hours=2), timedelta(minutes=30), [90.0] * 4)  # the next day's night
    assert value_of(db, "night_noise") == {}


def test_fine_particles_daily(db: duckdb.DuckDBPyConnection) -> None:
    put(db, "fine_particles", "ws-1", DAY, timedelta(hours=1), [20.0, 40.0])
    assert value_of(db, "fine_particles_daily") == {("ws-1", DAY.timestamp()): 30.0}


def test_completeness_counts_no_stream_for_more_than_its_due(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("CREATE TABLE stream_day (asset_id VARCHAR, period TIMESTAMPTZ, n BIGINT, expected BIGINT)")
    db.execute("CREATE TABLE base.weather_station (asset_id VARCHAR)")
    db.execute("INSERT INTO base.weather_station VALUES ('ws-1'), ('ws-2')")
    db.execute("INSERT INTO base.lies_in VALUES ('ws-1', 'west'), ('ws-2', 'west'), ('pump', 'west')")
    days = [("ws-1", 300, 96), ("ws-1", 12, 24), ("ws-2", 0, 96), ("pump", 288, 288), ("stray", 0, 9)]
    for asset, n, expected in days:
        db.execute("INSERT INTO stream_day VALUES (?, ?, ?, ?)", [asset, DAY, n, expected])
    at = DAY.timestamp()
    assert value_of(db, "stream_completeness") == {("ws-1", at): 90.0, ("ws-2", at): 0.0}
    assert value_of(db, "region_completeness") == {("west", at): pytest.approx(100 * (96 + 12 + 288) / 504)}


def test_delay_is_a_median_without_what_was_filled_in_later(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("CREATE TABLE arrival (asset_id VARCHAR, time TIMESTAMPTZ, delay_s DOUBLE)")
    db.execute("CREATE TABLE base.weather_station AS SELECT 'ws-1' AS asset_id")
    for minute, delay in enumerate([60.0, 120.0, 600.0, 90_000.0]):
        db.execute("INSERT INTO arrival VALUES ('ws-1', ?, ?)", [DAY + timedelta(minutes=minute), delay])
    assert value_of(db, "stream_delay") == {("ws-1", DAY.timestamp()): 2.0}


def test_alarms_of_a_region_and_their_floods_against_counts_by_hand(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("INSERT INTO base.lies_in VALUES ('a', 'west'), ('b', 'west'), ('c', 'east')")
    flood = [("a" if n % 2 else "b", DAY + timedelta(hours=3, seconds=20 * n), None) for n in range(12)]
    others = [("c", NEXT - timedelta(seconds=1), None), ("c", NEXT, None), ("a", DAY, "cause")]
    db.executemany("INSERT INTO alarm (asset_id, since, parent) VALUES (?, ?, ?)", flood + others)
    at = DAY.timestamp()
    assert value_of(db, "region_alarms") == {("west", at): 12.0, ("east", at): 1.0}
    assert value_of(db, "region_alarm_floods") == {("west", at): pytest.approx(100 / 144), ("east", at): 0.0}


def test_alarms_of_operators_and_their_health_against_counts_by_hand(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("INSERT INTO base.lies_in SELECT 'a' || n, 'west' FROM range(20) AS t(n)")
    db.execute("INSERT INTO base.region VALUES ('west', 2)")
    db.execute("CREATE TABLE stream_day (period TIMESTAMPTZ)")
    db.execute("INSERT INTO stream_day VALUES (?), (?)", [DAY, NEXT])
    second = timedelta(seconds=1)

    def raised(asset: str, since: datetime, rule: str = "r", cleared: datetime | None = None, level: str = "low", parent: str | None = None) -> None:  # fmt: skip
        db.execute("INSERT INTO alarm VALUES (?, ?, ?, ?, ?, ?)", [asset, since, parent, rule, cleared, level])

    for n in range(12):  # a source each, in one hour
        raised(f"a{n}", DAY + timedelta(hours=2, minutes=n), cleared=DAY + timedelta(hours=3), level="high" if n < 3 else "medium")  # fmt: skip
    for n in range(3):  # three within a minute, about the hour
        raised("a13", DAY + timedelta(hours=4) + (n - 1) * 30 * second, cleared=DAY + timedelta(hours=5))
    raised("a14", DAY + timedelta(hours=9), parent="x")
    raised(
        "a15", DAY - timedelta(hours=1), cleared=NEXT + timedelta(hours=3)
    )  # stands through the day, and into the next
    raised("a16", DAY - timedelta(hours=1), cleared=NEXT - second)
    raised("a17", DAY + second, level="critical")  # stands for less than a day at its end, and for more at the next
    at, next_at, hour = DAY.timestamp(), NEXT.timestamp(), 3600.0
    assert value_of(db, "region_alarms_hourly") == {("west", at): 0.5, ("west", at + 2 * hour): 6.0, ("west", at + 3 * hour): 0.5, ("west", at + 4 * hour): 1.0}  # fmt: skip
    assert value_of(db, "region_alarm_chattering") == {("west", at): 1.0}
    assert value_of(db, "region_alarm_stale", DAY, NEXT + timedelta(days=1)) == {
        ("west", at): 1.0,
        ("west", next_at): 1.0,
    }
    assert value_of(db, "region_alarm_top_share") == {
        ("west", at): pytest.approx(100 * 12 / 16)
    }  # three and nine times one
    assert value_of(db, "region_alarm_urgent_share") == {("west", at): pytest.approx(100 * 4 / 16)}
