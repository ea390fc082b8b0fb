"""Do the formulas say what the standards say? Against hand calculations, identities and published tiers."""

import csv
import doctest
from pathlib import Path

import numpy as np
import pytest

from citytwin.kernel.errors import BadRequest, UnitMismatch
from citytwin.packs.institution import feeds, formulas

TABLES = Path(__file__).parents[1]


def table(name, **where):
    with (TABLES / f"{name}.csv").open(encoding="utf-8") as f:
        return [r for r in csv.DictReader(f) if all(r[k] == v for k, v in where.items())]


def dated(rows):
    return (
        [r["basis"] for r in rows],
        [r["valid_from"] or "NaT" for r in rows],
        [r["valid_to"] or "NaT" for r in rows],
        [float(r["value"]) for r in rows],
    )


@pytest.mark.parametrize("module", [formulas, feeds])
def test_checked_examples_of_docstrings(module):
    result = doctest.testmod(module)
    assert result.attempted >= 3
    assert result.failed == 0


def test_coal_equivalents_of_electricity_against_the_identity():
    calorific = float(table("factor", kind="coal_equivalent", item="electricity", basis="calorific")[0]["value"])
    assert calorific == pytest.approx(3.6 / 29.3076, rel=6e-4)  # the standard rounds 0.12284 up


@pytest.mark.parametrize(
    "basis", ["generation", "calorific", "generation_783", "generation_552", "generation_shandong"]
)
def test_every_day_has_one_coal_factor_of_electricity(basis):
    days = np.arange(np.datetime64("2020-01-01"), np.datetime64("2027-01-01"))
    found = formulas.factor_at(days, basis, *dated(table("factor", kind="coal_equivalent", item="electricity")))
    assert set(found) <= {0.1229, 0.28078, 0.28232, 0.31}
    assert (found[0], found[-1]) == ((0.28232, 0.28078) if basis == "generation" else (found[0], found[0]))


@pytest.mark.parametrize("basis", ["default", "provincial"])
def test_every_day_has_one_carbon_factor_of_electricity(basis):
    days = np.arange(np.datetime64("2020-01-01"), np.datetime64("2027-01-01"))
    found = formulas.factor_at(days, basis, *dated(table("factor", kind="carbon_dioxide", item="electricity")))
    change = days[1:][np.diff(found) != 0].astype(str).tolist()
    assert change == (["2022-02-11"] if basis == "default" else ["2022-01-01", "2023-01-01"])


def test_factor_in_force_twice_is_refused():
    with pytest.raises(BadRequest, match="not exactly one factor"):
        formulas.factor_at("2022-01-01", "a", ["a", "any"], ["NaT", "NaT"], ["NaT", "NaT"], [1.0, 2.0])


def test_plan_pair_against_what_official_factors_give():
    assert round(3.20 / 1.71, 3) == 1.871
    electricity = {f: round(f / 0.28078, 2) for f in (0.788, 0.42, 0.5834)}
    assert electricity == {0.788: 2.81, 0.42: 1.5, 0.5834: 2.08}


@pytest.mark.parametrize(("known", "annualised"), [(12, True), (11, True), (10, False)])
def test_intensity_is_annualised_from_nine_tenths_on(known, annualised):
    months = np.where(np.arange(12) < known, 100.0, np.nan)
    value = float(formulas.intensity(months, 10.0))
    assert value == pytest.approx(120.0) if annualised else np.isnan(value)


def test_quota_bands_against_the_four_tiers_of_db37_2673():
    row = table("quota", id="sd2673_hospital")[0]
    bands = formulas.quota_band([8, 12, 20, 30, 9.4, 15.3, 22.6], row["basis"], 22.6, 15.3, 9.4, row["basis"])
    assert bands.tolist() == [1, 2, 3, 4, 1, 2, 3]
    assert [float(row[k]) for k in ("limit_value", "baseline", "guide")] == [22.6, 15.3, 9.4]
    with pytest.raises(UnitMismatch, match="cannot be held against"):
        formulas.quota_band(8, "generation", 22.6, 15.3, 9.4, row["basis"])


def test_factor_effect_leaves_no_remainder():
    random = np.random.default_rng(1)
    a0, a1, f0, f1 = random.uniform(0.1, 9.0, (4, 50))
    activity, factor = formulas.factor_effect(a0, f0, a1, f1)
    assert activity + factor == pytest.approx((a1 * f1 - a0 * f0).sum(), abs=1e-9)


def test_factor_effect_of_what_starts_from_nothing():
    activity, factor = formulas.factor_effect([0.0, 2.0], [0.5, 1.0], [10.0, 2.0], [0.5, 1.0])
    assert activity == pytest.approx(5.0, abs=1e-9)
    assert factor == pytest.approx(0.0, abs=1e-9)


def test_factor_change_of_2022_alone_is_minus_46_7_percent():
    activity, factor = formulas.factor_effect([4.52e9], [0.788], [4.52e9], [0.42])
    assert activity == 0.0
    assert round(100 * factor / (4.52e9 * 0.788), 1) == -46.7


@pytest.mark.parametrize("truth", [(80, 0, 0, 0, 0), (50, 0, 0, 4, 19), (60, 3, 10, 0, 0), (55, 2, 9, 3, 22)])
def test_change_point_against_known_coefficients(truth):
    t = 17 + 12 * np.sin(np.linspace(0, 2 * np.pi, 365)) + 3 * np.sin(np.arange(365.0))
    noise = 0.8 * np.random.default_rng(3).standard_normal(365)
    fitted = formulas.change_point(t, formulas.ChangePoint(*map(float, truth)).load(t) + noise)
    assert (fitted.heating > 0, fitted.cooling > 0) == (truth[1] > 0, truth[3] > 0)
    assert fitted.load(t) == pytest.approx(formulas.ChangePoint(*map(float, truth)).load(t), abs=1.5)


def test_change_point_has_no_load_that_falls_with_the_cold():
    t = np.linspace(-2.0, 34.0, 365)
    assert formulas.change_point(t, 100.0 - 2.0 * np.maximum(t - 20.0, 0.0)).cooling == 0.0
    assert formulas.change_point(t, 100.0 - 2.0 * np.maximum(12.0 - t, 0.0)).heating == 0.0


def test_design_follows_the_season():
    day = np.arange(np.datetime64("2024-01-01"), np.datetime64("2026-01-01"))
    load = 100.0 + 20.0 * np.cos(2 * np.pi * np.arange(len(day)) / 365.25)
    work = formulas.workday(day, [], [])
    fits = {}
    for season in (True, False):
        x = formulas.load_design(
            day, np.zeros(len(day)), work, np.full(len(day), 15.0), np.full((len(day), 1), 15.0), season
        )
        fits[season] = formulas.accuracy(load, formulas.ridge(x, load[None], penalty=1e-3)[0] @ x.T)[0]
    assert fits[True] < 1.0 < fits[False]


def test_change_point_refuses_a_short_history():
    with pytest.raises(BadRequest, match="12 days"):
        formulas.change_point(np.arange(11.0), np.arange(11.0))


def test_ridge_against_ordinary_least_squares():
    random = np.random.default_rng(5)
    x = np.column_stack([np.ones(400), random.standard_normal((400, 3))])
    truth = np.array([[2.0, 1.0, -1.0, 0.5], [5.0, 0.0, 3.0, -2.0]])
    y = truth @ x.T + 0.01 * random.standard_normal((2, 400))
    exact = np.linalg.lstsq(x, y.T, rcond=None)[0].T
    assert formulas.ridge(x, y, penalty=1e-9) == pytest.approx(exact, abs=1e-3)
    y[:, ::50] += 100.0  # faults
    y[1, 100:200] = np.nan  # a long gap
    assert formulas.ridge(x, y, penalty=1e-9, rounds=40) == pytest.approx(truth, abs=0.01)


def test_workdays_of_a_year_against_the_notice_of_2025():
    off, made_up = (
        [r["day"] for r in table("holiday", status=s) if r["day"].startswith("2025")] for s in ("off", "work")
    )
    year = np.arange(np.datetime64("2025-01-01"), np.datetime64("2026-01-01"))
    free = ~formulas.workday(year, off, made_up)
    assert free.sum() == 117  # 104 weekend days, 18 weekdays off, 5 weekend days worked
    assert not formulas.workday("2025-10-08", off, made_up)
    assert formulas.workday("2025-10-11", off, made_up)
