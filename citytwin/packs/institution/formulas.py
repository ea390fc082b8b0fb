"""What is the science? Coal equivalents, quotas, factor effects and load baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from citytwin.kernel.errors import BadRequest, UnitMismatch

Floats = NDArray[np.float64]

COAL_MJ_PER_KGCE = 29.3076  # GB/T 2589-2020: 7000 kcal(IT) per kilogram of coal equivalent
QUARTERS_PER_DAY = 96


def factor_at(
    day: ArrayLike, basis: str, bases: Sequence[str], valid_from: ArrayLike, valid_to: ArrayLike, value: ArrayLike
) -> Floats:
    """The factor in force on each day among the dated rows of one item, on one basis only.

    Parameters: `day` dates (any shape); `basis` the basis wanted; `bases`, `valid_from`, `valid_to` (dates, NaT:
    open; the last day counts) and `value`, one per row. Returns: factor in the unit of the rows, of the shape of `day`.
    Raises UnitMismatch where no row is on that basis (`any` fits every basis), BadRequest where none or several are
    in force.
    Valid for: rows of one kind and item of `factor.csv`.
    References: GB/T 2589-2020, App. A (coal equivalents); 沪环气〔2022〕34号 (factors with a day of change).

    >>> rows = (["default"] * 2, ["NaT", "2022-02-11"], ["2022-02-10", "NaT"], [0.788, 0.42])
    >>> factor_at(["2022-02-10", "2022-02-11"], "default", *rows)
    array([0.788, 0.42 ])
    >>> factor_at("2022-02-10", "provincial", *rows)
    Traceback (most recent call last):
    ...
    citytwin.kernel.errors.UnitMismatch: provincial: no factor is on basis 'provincial' (there are: default)
    """
    days = np.asarray(day, "datetime64[D]")
    fits = np.isin(np.asarray(bases), (basis, "any"))
    if not fits.any():
        raise UnitMismatch(f"no factor is on basis '{basis}'", f"there are: {', '.join(sorted(set(bases)))}", basis)
    first = np.asarray(valid_from, "datetime64[D]")[fits]
    last = np.asarray(valid_to, "datetime64[D]")[fits]
    held = (np.isnat(first) | (days[..., None] >= first)) & (np.isnat(last) | (days[..., None] <= last))
    if (held.sum(axis=-1) != 1).any():
        bad = days[held.sum(axis=-1) != 1].flat[0]
        raise BadRequest(
            f"on {bad} not exactly one factor is in force on basis '{basis}'", "mend valid_from and valid_to", basis
        )
    found: Floats = (held * np.asarray(value, float)[fits]).sum(axis=-1)
    return found


def coal_equivalent(amount: ArrayLike, factor: ArrayLike) -> Floats:
    """Coal-equivalent energy of amounts of energy carriers.

    Parameters: `amount` (..., carriers) in the carriers' units; `factor` (carriers,) or (..., carriers) [kgce per
    that unit], all on one basis.
    Returns: (...) [kgce]. Valid for: non-negative amounts; water is an energy-carrying medium and stays out.
    References: GB/T 2589-2020, E = sum of e_i * p_i, and App. A.

    A kilowatt hour is 3.6/29.3076 kgce by its energy content; a gigawatt hour is 122.9 or 280.78 tce, by basis:

    >>> round(3.6 / COAL_MJ_PER_KGCE, 5)
    0.12284
    >>> [round(float(coal_equivalent([1e6], [k])) / 1000, 2) for k in (0.1229, 0.28078)]
    [122.9, 280.78]
    """
    total: Floats = (np.asarray(amount, float) * np.asarray(factor, float)).sum(axis=-1)
    return total


def intensity(monthly: ArrayLike, floor_area: ArrayLike, coverage: float = 0.9) -> Floats:
    """Energy of twelve months per floor area, brought up to a whole year where enough of them are known.

    Parameters: `monthly` (..., 12) [kgce], NaN where unknown; `floor_area` (...) [m2]; `coverage` least share of
    months known.
    Returns: (...) [kgce/m2], NaN where fewer are known. Valid for: twelve months in a row, transport fuel and special
    loads taken out.
    References: DB37/T 2672-2019, E_a = (E - E_gn - E_jt) / M; the annualising rule is this platform's.

    >>> months = np.full(12, 1000.0); months[3] = np.nan
    >>> float(intensity(months, 1000.0)), float(intensity(np.where(np.arange(12) < 2, np.nan, months), 1000.0))
    (12.0, nan)
    """
    months = np.asarray(monthly, float)
    known = np.isfinite(months)
    share = known.mean(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        year = np.nansum(months, axis=-1) / share
    result: Floats = np.where(share >= coverage, year, np.nan) / np.asarray(floor_area, float)
    return result


def quota_band(value: ArrayLike, basis: str, limit: float, baseline: float, guide: float, quota_basis: str) -> Floats:
    """Which band of a quota a value falls in: 1 within guide, 2 within baseline, 3 within limit, 4 over it.

    Parameters: `value` (any shape) on `basis`; `limit`, `baseline`, `guide` on `quota_basis`, in the unit of `value`;
    NaN stays NaN.
    Returns: bands, float64. Raises UnitMismatch when the bases differ. Valid for: guide <= baseline <= limit.
    References: DB37/T 2673-2019 (22.6/15.3/9.4 kgce/m2, level 2 hospitals, zone A); a limit reached is kept.

    >>> quota_band([8, 12, 20, 30], "generation_shandong", 22.6, 15.3, 9.4, "generation_shandong")
    array([1., 2., 3., 4.])
    >>> quota_band(8, "calorific", 22.6, 15.3, 9.4, "generation_shandong")
    Traceback (most recent call last):
    ...
    citytwin.kernel.errors.UnitMismatch: calorific: a value on basis 'calorific' cannot be held against a quota on 'generation_shandong' (compute it on the basis of the quota)
    """
    if basis != quota_basis:
        raise UnitMismatch(
            f"a value on basis '{basis}' cannot be held against a quota on '{quota_basis}'",
            "compute it on the basis of the quota",
            basis,
        )
    v = np.asarray(value, float)
    band = 1.0 + (v > guide) + (v > baseline) + (v > limit)
    return np.where(np.isnan(v), np.nan, band)


def factor_effect(
    activity: ArrayLike, factor: ArrayLike, activity_after: ArrayLike, factor_after: ArrayLike
) -> tuple[float, float]:
    """How much of a change in emissions comes from activity and how much from emission factors (LMDI-I, additive).

    Parameters: `activity` (carriers,) in the carriers' units and `factor` (carriers,) [kg CO2 per that unit], before
    and after.
    Returns: effect of activity and effect of factors [kg]; they sum to the change. Valid for: values >= 0 (zero by
    its limit).
    References: Ang (2005), The LMDI approach to decomposition analysis: a practical guide, Energy Policy 33,
    doi:10.1016/j.enpol.2003.10.010; zero values by their limit as in Ang, Liu (2007), Energy Policy 35.

    The default factor of Shanghai fell from 0.788 to 0.42 kg/kWh: minus 46.7 % with nobody saving anything.

    >>> saved, relabelled = factor_effect([1e6], [0.788], [1e6], [0.42])
    >>> saved, round(relabelled), round(100 * relabelled / 788e3, 1)
    (0.0, -368000, -46.7)
    """
    a0, f0, a1, f1 = (
        np.maximum(np.atleast_1d(np.asarray(x, float)), 1e-300)
        for x in (activity, factor, activity_after, factor_after)
    )
    before, after = a0 * f0, a1 * f1
    same = np.isclose(before, after, rtol=1e-12, atol=0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        weight = np.where(same, before, (after - before) / (np.log(a1) + np.log(f1) - np.log(a0) - np.log(f0)))
    return float((weight * np.log(a1 / a0)).sum()), float((weight * np.log(f1 / f0)).sum())


def accuracy(measured: ArrayLike, predicted: ArrayLike) -> tuple[Floats, Floats]:
    """How well a baseline model predicts: CV(RMSE) and normalised mean bias, both in percent of the mean.

    Parameters: `measured`, `predicted` (..., times), NaN where unknown. Returns: CV(RMSE) (...) [%], NMBE (...) [%],
    positive where too much is predicted. Valid for: a positive mean; no degrees of freedom are taken off, since the
    data are held out.
    References: ASHRAE Guideline 14-2014, Measurement of energy, demand and water savings.

    The two figures of a plan bear on the same energy: 3.20 Mt over 1.71 Mtce.

    >>> round(3.20 / 1.71, 3)
    1.871
    >>> [round(float(x), 6) for x in accuracy([10.0, 20.0, 30.0], [11.0, 21.0, 31.0])]
    [5.0, 5.0]
    """
    y, p = np.asarray(measured, float), np.asarray(predicted, float)
    error = p - y
    mean = np.nanmean(np.where(np.isnan(error), np.nan, y), axis=-1)
    return 100.0 * np.sqrt(np.nanmean(error**2, axis=-1)) / mean, 100.0 * np.nanmean(error, axis=-1) / mean


def workday(day: ArrayLike, off: ArrayLike, made_up: ArrayLike) -> NDArray[np.bool_]:
    """Whether each day is a working day in China: Monday to Friday, less holidays, plus the weekend days worked in
    exchange.

    Parameters: `day` dates (any shape); `off` weekdays that are free, `made_up` weekend days that are worked.
    Returns: booleans.
    Valid for: years whose notice is entered; others know weekends only. References: State Council, national holidays
    and memorial days regulation (2024 revision), and its yearly notices.

    >>> workday(["2026-02-13", "2026-02-14", "2026-02-16", "2026-02-22"], ["2026-02-16"], ["2026-02-14"])
    array([ True,  True, False, False])
    """
    days = np.asarray(day, "datetime64[D]")
    week = (days.astype(np.int64) + 3) % 7 < 5  # 1970-01-01 was a Thursday
    return (week & ~np.isin(days, np.asarray(off, "datetime64[D]"))) | np.isin(
        days, np.asarray(made_up, "datetime64[D]")
    )


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A five-parameter baseline: `base` + `heating` * (balance_heating - T)+ + `cooling` * (T - balance_cooling)+."""

    base: float
    heating: float
    balance_heating: float
    cooling: float
    balance_cooling: float

    def load(self, temperature: ArrayLike) -> Floats:
        """The load at each mean temperature [degC], in the unit fitted."""
        t = np.asarray(temperature, float)
        load: Floats = (
            self.base
            + self.heating * np.maximum(self.balance_heating - t, 0.0)
            + self.cooling * np.maximum(t - self.balance_cooling, 0.0)
        )
        return load


def change_point(temperature: ArrayLike, load: ArrayLike) -> ChangePoint:
    """The baseline of a building by outdoor temperature: one, three or five parameters, whichever the Bayesian
    criterion prefers.

    Every pair of balance points on a grid of whole degrees between the 5th and 95th percentile is tried at once.
    Parameters: `temperature` (days,) [degC]; `load` (days,) any unit. Returns: the fitted ChangePoint; slopes are
    never negative.
    Valid for: at least 12 days of one day type; daily or monthly means, not hours.
    References: ASHRAE Guideline 14-2014, annex D (change-point models); Kissock, Haberl, Claridge (2003), Inverse
    modeling toolkit, ASHRAE Transactions 109; selection: Schwarz (1978), doi:10.1214/aos/1176344136.

    >>> t = np.linspace(-2, 34, 200); truth = 50 + 2 * np.maximum(12 - t, 0) + 3 * np.maximum(t - 21, 0)
    >>> change_point(t, truth)
    ChangePoint(base=50.0, heating=2.0, balance_heating=12.0, cooling=3.0, balance_cooling=21.0)
    """
    t, y = np.asarray(temperature, float), np.asarray(load, float)
    known = np.isfinite(t) & np.isfinite(y)
    t, y = t[known], y[known]
    n = len(y)
    if n < 12:
        raise BadRequest(f"a baseline needs 12 days, there are {n}", "give a longer history", "change_point")
    low, high = np.percentile(t, (5, 95))
    grid = np.arange(np.ceil(low), np.floor(high) + 1.0)
    cold, warm = (np.maximum(grid[:, None] - t, 0.0), np.maximum(t - grid[:, None], 0.0))
    best = (
        n * np.log(max(float(((y - y.mean()) ** 2).sum()), 1e-12) / n) + np.log(n),
        ChangePoint(float(y.mean()), 0.0, 0.0, 0.0, 0.0),
    )
    i, j = np.triu_indices(len(grid))
    tries = [
        (cold[:, None], grid, None),
        (warm[:, None], None, grid),
        (np.stack([cold[i], warm[j]], axis=1), grid[i], grid[j]),
    ]
    for columns, heating_at, cooling_at in tries:
        if not len(columns):
            continue
        x = np.concatenate([np.ones((len(columns), 1, n)), columns], axis=1)
        gram = x @ x.transpose(0, 2, 1) + 1e-9 * np.eye(x.shape[1])
        beta = np.linalg.solve(gram, (x @ y)[..., None])[..., 0]
        residual = ((y - np.einsum("gk,gkn->gn", beta, x)) ** 2).sum(axis=1)
        residual[(beta[:, 1:] < 0).any(axis=1)] = np.inf
        g = int(residual.argmin())
        parameters = 2 * x.shape[1] - 1
        score = n * np.log(max(float(residual[g]), 1e-12) / n) + parameters * np.log(n)
        if np.isfinite(residual[g]) and score < best[0] - 1e-6:
            b = [round(float(v), 6) for v in beta[g]]
            heating = (b[1], float(heating_at[g])) if heating_at is not None else (0.0, 0.0)
            cooling = (b[-1], float(cooling_at[g])) if cooling_at is not None else (0.0, 0.0)
            best = (score, ChangePoint(b[0], *heating, *cooling))
    return best[1]


def load_design(
    day: ArrayLike,
    hour: ArrayLike,
    work: ArrayLike,
    temperature: ArrayLike,
    memory: ArrayLike,
    season: bool = True,
    slots: int = 24,
) -> Floats:
    """What a load is explained by: clock by day type, heating and cooling degrees by hour and day type, warmth, season.

    Parameters: all (times,); `day` dates; `hour` local hour [h], fractions allowed; `work` whether a working day;
    `temperature` outdoor [degC]; `memory` (times, k) means of past temperatures [degC]. `season` adds a yearly wave, for
    histories of a year and more; `slots` is how finely the clock is told, a multiple of 24: 96 for quarters of an hour.
    Returns: (times, 2 slots + 96 + 4 k, and 8 more with `season`). Valid for: steps of 15 min to 1 h; fit it with
    `ridge`, since columns overlap.
    References: the time-of-week-and-temperature idea of Mathieu, Price, Kiliccote, Piette (2011),
    doi:10.1109/TSG.2011.2145010, with day types in place of the week and degrees from 10 and 18 degC in place of bins.

    >>> x = load_design(["2025-07-01"] * 2, [3.0, 15.0], [True, True], [26.0, 33.0], [[28.0], [28.0]])
    >>> x.shape, [float(v) for v in x[1, [15, 48 + 24 + 15]]]
    ((2, 156), [1.0, 1.5])
    """
    dates = np.asarray(day, "datetime64[D]")
    n = len(dates)
    worked = np.asarray(work, bool)
    slot = np.floor(np.asarray(hour, float) * slots / 24.0).astype(np.int64) % slots
    clock = np.zeros((n, 2 * slots))
    clock[np.arange(n), slot + slots * ~worked] = 1.0
    by_hour = clock.reshape(n, 48, slots // 24).sum(axis=2)
    t, past = np.asarray(temperature, float), np.asarray(memory, float).reshape(n, -1)
    cold, warm = np.maximum(10.0 - t, 0.0) / 10.0, np.maximum(t - 18.0, 0.0) / 10.0
    stored = np.concatenate([np.maximum(12.0 - past, 0.0), np.maximum(past - 18.0, 0.0)], axis=1) / 10.0
    degrees = [by_hour[:, half] * d[:, None] for half in (slice(0, 24), slice(24, 48)) for d in (cold, warm)]
    columns = [clock, *degrees, stored, stored * worked[:, None]]
    if season:
        of_year = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(float) / 365.25
        wave = np.stack([f(2.0 * np.pi * k * of_year) for k in (1, 2) for f in (np.sin, np.cos)], axis=1)
        columns += [wave * worked[:, None], wave * ~worked[:, None]]
    return np.concatenate(columns, axis=1)


def ridge(design: Floats, load: ArrayLike, penalty: float = 1.0, rounds: int = 12) -> Floats:
    """Coefficients of many loads on one design, robust against single faults: ridge with Huber's modified residuals.

    What lies further than 1.5 robust standard deviations from the fit is moved to there and fitted again; a missing
    value is taken from the fit. The design is thus factored once for all loads, where weights would need one per load
    and round. A load of which more than a twentieth is missing is fitted by itself on what there is.
    Parameters: `design` (times, columns); `load` (series, times), NaN where unknown; `penalty` added to the diagonal;
    `rounds`.
    Returns: (series, columns). Valid for: columns of unit order.
    References: Hoerl, Kennard (1970), doi:10.1080/00401706.1970.10488634; modified residuals: Huber (1981), Robust
    statistics, chapter 7, doi:10.1002/0471725250.

    >>> x = np.stack([np.ones(50), np.linspace(0, 1, 50)], axis=1); y = x @ [2.0, 3.0]; y[7] = 900.0
    >>> ridge(x, y[None], penalty=1e-9, rounds=60).round(2)
    array([[2., 3.]])
    """
    y = np.atleast_2d(np.asarray(load, float))
    known = np.isfinite(y)
    beta = np.zeros((len(y), design.shape[1]))
    mostly = known.mean(axis=1) >= 0.95
    for series in [np.flatnonzero(mostly), *np.flatnonzero(~mostly & known.any(axis=1))[:, None]]:
        if not len(series):
            continue
        there = np.ones(y.shape[1], bool) if mostly[series[0]] else known[series[0]]
        x, target, given = design[there], y[np.ix_(series, there)], known[np.ix_(series, there)]
        solve = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T)
        moved = np.where(given, target, np.nanmean(target, axis=1, keepdims=True))
        for _ in range(rounds):
            beta[series] = moved @ solve.T
            fit = beta[series] @ x.T
            residual = np.where(given, target - fit, np.nan)
            spread = 1.5 * 1.4826 * np.nanmedian(np.abs(residual), axis=1, keepdims=True)
            moved = fit + np.where(given, np.clip(residual, -spread, spread), 0.0)
    return beta
