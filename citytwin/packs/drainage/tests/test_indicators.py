"""Do the indicators say what their sources say? SQL on small tables, against hand calculation and the formulas."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from citytwin.packs.drainage.formulas import night_infiltration

FOLDER = Path(__file__).parents[1]
DAY = datetime(2025, 7, 1, 16, 0, tzinfo=UTC)  # midnight in Shanghai, 2 July
NEXT = DAY + timedelta(days=1)
MONTH, MONTH_END = datetime(2025, 6, 30, 16, 0, tzinfo=UTC), datetime(2025, 7, 31, 16, 0, tzinfo=UTC)  # July
STREAMS = [
    "level",
    "flow",
    "conductivity",
    "well_level",
    "pumped_flow",
    "power",
    "inflow",
    "treated_volume",
    "mean_influent_cod",
    "bod_cod_ratio",
    "urban_population",
    "water_supplied",
]


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Shanghai'; CREATE SCHEMA drainage; CREATE SCHEMA base")
    for name in STREAMS:
        connection.execute(f"CREATE TABLE drainage.{name} (asset_id VARCHAR, time TIMESTAMPTZ, value DOUBLE)")
    for name in ("data_yield", "dry_flow", "dry_conductivity"):
        connection.execute(f"CREATE TABLE drainage.{name} (asset_id VARCHAR, period TIMESTAMPTZ, value DOUBLE)")
    for name in ("drainage.serves", "base.lies_in"):
        connection.execute(f"CREATE TABLE {name} (source VARCHAR, target VARCHAR)")
    connection.execute("CREATE TABLE base.rainfall (asset_id VARCHAR, time TIMESTAMPTZ, value DOUBLE)")
    connection.execute(
        "CREATE TABLE drainage.manhole (asset_id VARCHAR, network VARCHAR, crown_m DOUBLE, monitored BOOLEAN)"
    )
    connection.execute("CREATE TABLE drainage.plant (asset_id VARCHAR, capacity DOUBLE)")
    connection.execute("CREATE TABLE drainage.coefficient AS FROM read_csv(?)", [str(FOLDER / "coefficient.csv")])
    connection.execute("INSERT INTO drainage.plant VALUES ('p1', 10000), ('p2', 20000)")
    connection.execute("INSERT INTO drainage.serves VALUES ('p1', 'city'), ('p2', 'city')")
    connection.execute(
        "INSERT INTO drainage.manhole VALUES ('w1', 'sewage', 2.0, true), ('w2', 'sewage', 2.0, true), "
        "('y1', 'storm', 2.0, true), ('y2', 'storm', NULL, false)"
    )
    connection.execute("INSERT INTO base.lies_in SELECT asset_id, 'city' FROM drainage.manhole")
    yield connection
    connection.close()


def put(
    db: duckdb.DuckDBPyConnection,
    table: str,
    asset: str,
    values: Sequence[float],
    begin: datetime = DAY,
    step_s: int = 300,
) -> None:
    times = [begin + timedelta(seconds=step_s * i) for i in range(len(values))]
    sql = f"INSERT INTO {table} SELECT ?, unnest(CAST(? AS TIMESTAMPTZ[])), unnest(CAST(? AS DOUBLE[]))"
    db.execute(sql, [asset, times, [float(v) for v in values]])


def value_of(
    db: duckdb.DuckDBPyConnection, indicator: str, since: datetime = DAY, until: datetime = NEXT
) -> dict[str, float]:
    sql = (FOLDER / "indicators" / f"{indicator}.sql").read_text("utf-8")
    rows = db.execute(
        f"SELECT asset_id, epoch(period), value FROM ({sql})", {"since": since, "until": until}
    ).fetchall()
    assert all(period == since.timestamp() for _, period, _ in rows)
    assert len(rows) == len({asset for asset, *_ in rows})
    return {asset: value for asset, _, value in rows}


def test_collection_rate_is_the_load_over_that_of_the_people(db: duckdb.DuckDBPyConnection) -> None:
    closed = datetime(2025, 7, 31, 4, tzinfo=UTC)
    for plant, volume, cod, ratio in (("p1", 310_000.0, 300.0, 0.5), ("p2", 620_000.0, 200.0, 0.4)):
        for name, value in (("treated_volume", volume), ("mean_influent_cod", cod), ("bod_cod_ratio", ratio)):
            put(db, f"drainage.{name}", plant, [value], closed)
    put(db, "drainage.urban_population", "city", [100_000.0], closed)
    grams = 310_000 * 150 + 620_000 * 80
    wanted = 100 * grams / (45 * 100_000 * 31)
    assert value_of(db, "sewage_collection_rate", MONTH, MONTH_END) == {"city": pytest.approx(wanted)}


def test_treatment_rate_is_treated_over_discharged(db: duckdb.DuckDBPyConnection) -> None:
    closed = datetime(2025, 7, 31, 4, tzinfo=UTC)
    put(db, "drainage.treated_volume", "p1", [300.0], closed)
    put(db, "drainage.treated_volume", "p2", [510.0], closed)
    put(db, "drainage.water_supplied", "city", [1000.0], closed)
    assert value_of(db, "sewage_treatment_rate", MONTH, MONTH_END) == {"city": pytest.approx(100 * 810 / 850)}


def test_a_point_counts_by_a_single_reading_of_the_month(db: duckdb.DuckDBPyConnection) -> None:
    put(db, "drainage.data_yield", "w1", [100.0] * 31, MONTH, 86_400)
    put(db, "drainage.data_yield", "w2", [0.4], MONTH + timedelta(days=30), 86_400)
    put(db, "drainage.data_yield", "w2", [100.0], MONTH - timedelta(days=1), 86_400)
    put(db, "drainage.data_yield", "y2", [100.0], MONTH, 86_400)  # not a monitored point
    assert value_of(db, "sewage_points_sensed", MONTH, MONTH_END) == {"city": 2}
    assert value_of(db, "storm_points_sensed", MONTH, MONTH_END) == {}


def test_data_yield_is_of_288(db: duckdb.DuckDBPyConnection) -> None:
    put(db, "drainage.level", "w1", [1.0] * 72)
    assert value_of(db, "data_yield") == {"w1": 25.0}


def test_plant_load_waits_for_twenty_hours(db: duckdb.DuckDBPyConnection) -> None:
    put(db, "drainage.inflow", "p1", [0.1] * 288)
    put(db, "drainage.inflow", "p2", [0.1] * 239)
    assert value_of(db, "plant_load") == {"p1": pytest.approx(86.4)}


def test_surcharge_hours_count_readings_above_the_crown(db: duckdb.DuckDBPyConnection) -> None:
    put(db, "drainage.level", "w1", [2.0] * 100 + [2.01] * 18 + [1.0] * 170)
    put(db, "drainage.level", "y2", [9.0] * 288)  # has no crown
    assert value_of(db, "surcharge_hours") == {"w1": 1.5}


def test_station_energy_is_power_over_flow(db: duckdb.DuckDBPyConnection) -> None:
    put(db, "drainage.power", "s1", [12.0] * 288)
    put(db, "drainage.pumped_flow", "s1", [0.05] * 288)
    put(db, "drainage.power", "s2", [1.0] * 288)
    put(db, "drainage.pumped_flow", "s2", [0.0] * 288)
    assert value_of(db, "station_energy") == {"s1": pytest.approx(12.0 / (0.05 * 3600))}


def test_infiltration_is_the_formulas_and_rain_in_the_night_forbids_it(db: duckdb.DuckDBPyConnection) -> None:
    hour = np.arange(288) // 12
    flow = 0.02 + 0.08 * np.where(hour < 6, 0.35, 1.3) + 0.0001 * np.sin(np.arange(288))
    put(db, "drainage.flow", "w1", flow.tolist())
    put(db, "drainage.flow", "y1", flow.tolist())
    put(db, "base.rainfall", "g1", [5.0] * 12, DAY + timedelta(hours=6))  # after the night
    low = min(flow[hour == h].mean() for h in (2, 3, 4))
    wanted = 100 * float(night_infiltration(low, flow.mean(), 0.35)) / flow.mean()
    assert value_of(db, "infiltration_ratio") == {"w1": pytest.approx(wanted)}
    put(db, "base.rainfall", "g2", [1.0] * 3, DAY - timedelta(hours=6))
    assert value_of(db, "infiltration_ratio") == {}


def test_dry_flow_is_deaf_to_a_storm(db: duckdb.DuckDBPyConnection) -> None:
    put(db, "drainage.flow", "y1", [0.004] * 200 + [2.0] * 88)
    put(db, "drainage.flow", "w1", [0.1] * 288)
    put(db, "drainage.conductivity", "y1", [900.0] * 200 + [80.0] * 88)
    assert value_of(db, "dry_flow") == {"y1": 0.004}
    assert value_of(db, "dry_conductivity") == {"y1": 900.0}


def test_level_swing_of_a_stuck_sensor_is_nothing(db: duckdb.DuckDBPyConnection) -> None:
    put(db, "drainage.level", "w1", [1.42] * 288)
    put(db, "drainage.level", "w2", [1.0, 1.5] * 144)
    put(db, "drainage.level", "y1", [1.0, 1.5] * 50)
    assert value_of(db, "level_swing") == {"w1": 0.0, "w2": 0.5}


@pytest.mark.parametrize(
    ("flow", "conductivity", "suspected"),
    [
        ([0.004, 0.004, 0.004], [900, 900, 900], True),
        ([0.004, 0.001, 0.004], [900, 900, 900], True),
        ([0.001, 0.001, 0.004], [900, 900, 900], False),
        ([0.004, 0.004, 0.004], [400, 400, 400], False),
    ],
)
def test_two_dry_days_of_three_raise_suspicion(
    db: duckdb.DuckDBPyConnection, flow: list[float], conductivity: list[float], suspected: bool
) -> None:
    put(db, "drainage.dry_flow", "y1", flow, DAY, 86_400)
    put(db, "drainage.dry_conductivity", "y1", conductivity, DAY, 86_400)
    found = db.execute((FOLDER / "rows" / "storm_dry_flow.sql").read_text("utf-8")).fetchall()
    assert [asset for asset, *_ in found] == (["y1"] if suspected else [])
