"""Do the indicators say what their formulas say? SQL on small tables, against hand calculations and the formulas."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest

from citytwin.engine.load import table as reference_table
from citytwin.packs.institution import formulas

FOLDER = Path(__file__).parents[1]
ZONE = ZoneInfo("Asia/Shanghai")
CARRIERS = ("electricity", "natural_gas", "petrol", "diesel")
BODY = (*CARRIERS, "water", "floor_area", "persons", "pv_capacity", "audited", "vpp_ready", "contracts", "retrofits")


def local(year, month=1, day=1, hour=0):
    return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, day, hour, tzinfo=ZONE).astimezone(UTC)


def stamp(year, month):
    return local(year, month + 1) - timedelta(minutes=15)


@pytest.fixture
def db():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Shanghai'; CREATE SCHEMA institution")
    streams = ("power", "electricity", "water_use", "electricity_month", "natural_gas_month", "water_month")
    for name in (*streams, *(f"body_{b}" for b in BODY)):
        connection.execute(f"CREATE TABLE institution.{name} (asset_id VARCHAR, time TIMESTAMPTZ, value DOUBLE)")
    for name in ("factor", "quota", "holiday"):
        held = reference_table(FOLDER / f"{name}.csv")
        connection.register("held", held)
        connection.execute(f"CREATE TABLE institution.{name} AS FROM held")
    connection.execute("CREATE TABLE institution.within (source VARCHAR, target VARCHAR)")
    connection.execute("INSERT INTO institution.within VALUES ('body-a', 'shanghai'), ('body-b', 'shanghai')")
    connection.execute(
        "CREATE TABLE institution.institution (asset_id VARCHAR, kind VARCHAR, floor_area_m2 DOUBLE, gas BOOLEAN, quota VARCHAR, quota_correction DOUBLE)"
    )
    yield connection
    connection.close()


def put(db, name, rows):
    db.executemany(f"INSERT INTO institution.{name} VALUES (?, ?, ?)", rows)


def report(db, months, amounts, bodies=("body-a", "body-b"), year=2022):
    """Every body reports the same amounts in each month."""
    for name, value in amounts.items():
        put(db, f"body_{name}", [(b, stamp(year, m), value) for b in bodies for m in months])


def value_of(db, indicator, since, until):
    """The indicator's rows by (asset, period); kept as a table, as the engine keeps them, for those that read it."""
    sql = (FOLDER / "indicators" / f"{indicator}.sql").read_text("utf-8")
    rows = db.execute(sql, {"since": since, "until": until}).fetchall()
    assert all(since <= period < until for _, period, _ in rows)
    db.execute(f"CREATE OR REPLACE TABLE institution.{indicator} (asset_id VARCHAR, period TIMESTAMPTZ, value DOUBLE)")
    if rows:
        put(db, indicator, rows)
    return {(asset, period.astimezone(UTC)): value for asset, period, value in rows}


AMOUNTS = {"electricity": 1e6, "natural_gas": 1e5, "petrol": 2e4, "diesel": 1e4}
FUEL_TCE = (1e5 * 1.29971 + 2e4 * 1.4714 + 1e4 * 1.4571) / 1000
FUEL_T = (1e5 * 2.162 + 2e4 * 2.925 + 1e4 * 3.096) / 1000
YEAR = (local(2022), local(2023))


@pytest.mark.parametrize(
    ("indicator", "monthly", "per_gwh"),
    [("energy_total", "body_energy", 282.32), ("energy_total_calorific", "body_energy_calorific", 122.9)],
)
def test_energy_total_against_a_hand_sum_on_both_bases(db, indicator, monthly, per_gwh):
    report(db, range(1, 13), AMOUNTS)
    value_of(db, monthly, *YEAR)
    assert value_of(db, indicator, *YEAR) == {("shanghai", local(2022)): pytest.approx(24 * (per_gwh + FUEL_TCE))}


def test_generation_factor_changes_with_the_year(db):
    report(db, [12], AMOUNTS, year=2025)
    report(db, [1], AMOUNTS, year=2026)
    found = value_of(db, "body_energy", local(2025), local(2027))
    assert found["body-a", local(2025, 12)] - found["body-a", local(2026, 1)] == pytest.approx(282.32 - 280.78)


@pytest.mark.parametrize("gap", ["month", "carrier", "body"])
def test_no_total_of_an_incomplete_year(db, gap):
    report(
        db,
        range(1, 12 if gap == "month" else 13),
        AMOUNTS,
        bodies=("body-a",) if gap == "body" else ("body-a", "body-b"),
    )
    if gap == "month":
        report(db, [12], AMOUNTS, bodies=("body-a",))
    if gap == "carrier":
        db.execute("DELETE FROM institution.body_diesel WHERE asset_id = 'body-a' AND time = ?", [stamp(2022, 5)])
    for name in ("body_energy", "body_carbon"):
        value_of(db, name, *YEAR)
    for name in ("energy_total", "carbon_total", "carbon_total_frozen", "carbon_total_default_frozen"):
        assert value_of(db, name, *YEAR) == {}


def test_default_factor_changes_on_the_eleventh_of_february_2022(db):
    report(db, range(1, 13), AMOUNTS)
    months = value_of(db, "body_carbon_default", *YEAR)
    assert months["body-a", local(2022, 1)] == pytest.approx(788 + FUEL_T)
    assert months["body-a", local(2022, 2)] == pytest.approx((10 * 788 + 18 * 420) / 28 + FUEL_T)
    assert months["body-a", local(2022, 3)] == pytest.approx(420 + FUEL_T)
    now = value_of(db, "carbon_total_default", *YEAR)["shanghai", local(2022)]
    held = value_of(db, "carbon_total_default_frozen", *YEAR)["shanghai", local(2022)]
    assert held == pytest.approx(24 * (788 + FUEL_T))
    assert held - now == pytest.approx(2 * 368 * (10 + 18 / 28))


def test_provincial_factors_by_year_and_frozen(db):
    report(db, range(1, 13), AMOUNTS)
    value_of(db, "body_carbon", *YEAR)
    assert value_of(db, "carbon_total", *YEAR)["shanghai", local(2022)] == pytest.approx(24 * (584.9 + FUEL_T))
    assert value_of(db, "carbon_total_frozen", *YEAR)["shanghai", local(2022)] == pytest.approx(24 * (583.4 + FUEL_T))


def test_intensities_of_the_city_against_hand_quotients(db):
    report(db, range(1, 13), {**AMOUNTS, "water": 5e4})
    for m in range(1, 13):  # area and persons grow: their mean counts
        report(db, [m], {"floor_area": 1e5 + 1e4 * m, "persons": 4000 + 100 * m})
    for name in ("body_energy", "body_transport_energy", "body_carbon"):
        value_of(db, name, *YEAR)
    area, persons = 2 * (1e5 + 6.5e4), 2 * (4000 + 650)
    transport = (2e4 * 1.4714 + 1e4 * 1.4571) / 1000
    expected = {
        "energy_per_area": 24e3 * (282.32 + FUEL_TCE - transport) / area,
        "energy_per_person": 24e3 * (282.32 + FUEL_TCE) / persons,
        "carbon_per_area": 24e3 * (584.9 + FUEL_T) / area,
        "water_per_person": 24 * 5e4 / persons,
    }
    for name, value in expected.items():
        assert value_of(db, name, *YEAR) == {("shanghai", local(2022)): pytest.approx(value)}


@pytest.mark.parametrize(
    ("indicator", "stream"),
    [
        ("pv_capacity", "pv_capacity"),
        ("audited_institutions", "audited"),
        ("vpp_institutions", "vpp_ready"),
        ("performance_contracts", "contracts"),
        ("retrofit_projects", "retrofits"),
    ],
)
def test_registers_add_up_once_all_have_reported(db, indicator, stream):
    report(db, [1, 2], {stream: 7.0})
    report(db, [3], {stream: 9.0}, bodies=("body-a",))
    assert value_of(db, indicator, *YEAR) == {("shanghai", local(2022, 1)): 14.0, ("shanghai", local(2022, 2)): 14.0}


def bill(db, asset, months, kwh, m3=None, year=2025):
    put(db, "electricity_month", [(asset, stamp(year + (m - 1) // 12, (m - 1) % 12 + 1), kwh) for m in months])
    if m3 is not None:
        put(db, "natural_gas_month", [(asset, stamp(year + (m - 1) // 12, (m - 1) % 12 + 1), m3) for m in months])


def institution(db, asset, kind="agency", area=1000.0, gas=False, quota=None, correction=1.0):
    db.execute(
        "INSERT INTO institution.institution VALUES (?, ?, ?, ?, ?, ?)", [asset, kind, area, gas, quota, correction]
    )


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_energy_intensity_against_formula(db, missing):
    institution(db, "i-1", gas=True)
    bill(db, "i-1", range(1 + missing, 13), 5000.0, 100.0)
    found = value_of(db, "energy_intensity", local(2025, 12), local(2026, 1))
    months = np.where(np.arange(12) < missing, np.nan, 5000.0 * 0.28232 + 100.0 * 1.29971)
    expected = float(formulas.intensity(months, 1000.0))
    assert list(found.values()) == ([pytest.approx(expected)] if np.isfinite(expected) else [])


def test_energy_intensity_needs_gas_bills_where_there_is_gas(db):
    institution(db, "i-1", gas=True)
    institution(db, "i-2", gas=False)
    for asset in ("i-1", "i-2"):
        bill(db, asset, range(1, 13), 5000.0)
    assert {a for a, _ in value_of(db, "energy_intensity", local(2025, 12), local(2026, 1))} == {"i-2"}


def test_energy_intensity_is_the_same_however_the_span_is_cut(db):
    institution(db, "i-1")
    for m in range(1, 31):
        bill(db, "i-1", [m], 1000.0 * m)
    whole = value_of(db, "energy_intensity", local(2025), local(2027, 7))
    pieces = {}
    for m in range(1, 31):
        pieces |= value_of(db, "energy_intensity", local(2025, m), local(2025, m + 1))
    assert len(whole) == 20
    assert pieces == {k: pytest.approx(v) for k, v in whole.items()}


@pytest.mark.parametrize("kwh_per_m2", [20.0, 40.0, 60.0, 90.0])
def test_quota_band_against_formula_on_the_basis_of_the_quota(db, kwh_per_m2):
    institution(db, "i-1", quota="sd2672_agency")
    bill(db, "i-1", range(1, 13), kwh_per_m2 * 1000.0 / 12)
    span = (local(2025, 12), local(2026, 1))
    value_of(db, "quota_intensity", *span)
    band = value_of(db, "quota_band", *span)["i-1", span[0]]
    assert band == float(
        formulas.quota_band(kwh_per_m2 * 0.31, "generation_shandong", 20.0, 11.9, 6.5, "generation_shandong")
    )


def test_quota_counts_corrections_and_days_in_force(db):
    institution(db, "i-1", kind="university", quota="sh783_university", correction=1.25)
    institution(db, "i-2", kind="school")
    bill(db, "i-1", range(1, 25), 10_000.0)
    bill(db, "i-2", range(1, 25), 10_000.0)
    found = value_of(db, "quota_intensity", local(2025), local(2027))
    assert min(p for _, p in found) == local(2026, 1)  # DB31/T 783-2026 has no force before
    assert {a for a, _ in found} == {"i-1"}
    assert found["i-1", local(2026, 6)] == pytest.approx(120_000 * 0.28078 / 1250)


def test_calorific_quota_is_met_in_calorific_terms_only(db):
    institution(db, "i-1", kind="other", quota="sh1341_office")
    bill(db, "i-1", range(1, 13), 80_000.0 / 12)
    span = (local(2025, 12), local(2026, 1))
    assert value_of(db, "quota_intensity", *span)["i-1", span[0]] == pytest.approx(80 * 0.1229)
    assert value_of(db, "quota_band", *span)["i-1", span[0]] == 1.0
    assert value_of(db, "energy_intensity", *span)["i-1", span[0]] == pytest.approx(
        80 * 0.28232
    )  # over its limit of 14, were bases mixed


def test_peer_percentile_averages_ties_and_hides_few(db):
    for n in range(6):
        institution(db, f"a-{n}", kind="agency")
    for n in range(4):
        institution(db, f"v-{n}", kind="vocational")
    db.execute("CREATE TABLE institution.energy_intensity (asset_id VARCHAR, period TIMESTAMPTZ, value DOUBLE)")
    put(db, "energy_intensity", [(f"a-{n}", local(2025), v) for n, v in enumerate([5.0, 7.0, 7.0, 9.0, 11.0, 13.0])])
    put(db, "energy_intensity", [(f"v-{n}", local(2025), float(n)) for n in range(4)])
    found = value_of(db, "peer_percentile", local(2025), local(2026))
    assert [found[f"a-{n}", local(2025)] for n in range(6)] == pytest.approx(
        [100 * r / 6 for r in (0.5, 2.0, 2.0, 3.5, 4.5, 5.5)]
    )
    assert not any(a.startswith("v") for a, _ in found)


@pytest.mark.parametrize(("quarters", "told"), [(96, True), (87, True), (86, False)])
def test_electricity_day_needs_nine_tenths_of_its_quarters(db, quarters, told):
    day = local(2026, 3, 2)
    put(db, "electricity", [("i-1", day + timedelta(minutes=15 * k), 2.0) for k in range(quarters)])
    assert value_of(db, "electricity_day", day, day + timedelta(days=1)) == (
        {("i-1", day): pytest.approx(192.0)} if told else {}
    )


def test_night_shares_against_the_mean_of_twelve_bills(db):
    day = local(2026, 3, 2)
    bill(db, "i-1", range(3, 15), 730.5 * 100.0)
    put(db, "water_month", [("i-1", stamp(2025 + (m - 1) // 12, (m - 1) % 12 + 1), 730.5) for m in range(3, 15)])
    put(db, "power", [("i-1", day + timedelta(minutes=15 * k), 60.0 if 4 <= k < 20 else 200.0) for k in range(96)])
    put(db, "water_use", [("i-1", day + timedelta(hours=k), 0.25 if 2 <= k < 5 else 2.0) for k in range(24)])
    span = (day, day + timedelta(days=1))
    assert value_of(db, "night_base_share", *span) == {("i-1", day): pytest.approx(60.0)}
    assert value_of(db, "night_water_share", *span) == {("i-1", day): pytest.approx(25.0)}
    db.execute("DELETE FROM institution.electricity_month WHERE time < ?", [local(2025, 5)])
    assert value_of(db, "night_base_share", *span) == {}


def test_out_of_hours_share_knows_the_working_days(db):
    days = {
        local(2026, 2, 13): True,
        local(2026, 2, 14): True,
        local(2026, 2, 15): False,
        local(2026, 2, 16): False,
    }  # Fri, Sat worked, Sun, holiday
    put(db, "electricity", [("i-1", day + timedelta(minutes=15 * k), 1.0) for day in days for k in range(96)])
    share = value_of(db, "out_of_hours_share", local(2026, 2), local(2026, 3))["i-1", local(2026, 2)]
    assert share == pytest.approx(100 * (1 - 2 * 40 / (4 * 96)))


def test_meter_stuck_tells_since_when(db):
    day = local(2026, 3, 2)
    for asset, values in {
        "stuck": [5.0, *[7.0] * 20],
        "moving": [5.0 + k for k in range(21)],
        "off": [0.0] * 21,
        "new": [7.0] * 5,
        "short": [5.0] * 10 + [7.0] * 11,
    }.items():
        put(db, "power", [(asset, day + timedelta(minutes=15 * k), v) for k, v in enumerate(values)])
    found = db.execute((FOLDER / "rows" / "meter_stuck.sql").read_text("utf-8")).fetchall()
    assert [(a, s.astimezone(UTC), v) for a, s, v in found] == [("stuck", day + timedelta(minutes=15), 7.0)]
