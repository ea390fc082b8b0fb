"""What will happen? The load of every metered institution on the day ahead."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from citytwin.kernel.errors import BadRequest
from citytwin.kernel.model import Figure, Inputs, Outputs, Parameter
from citytwin.kernel.stream import stream_id
from citytwin.kernel.title import Title
from citytwin.packs.institution.formulas import QUARTERS_PER_DAY, accuracy, load_design, ridge, workday

Floats = NDArray[np.float64]

STEP_S = 900


@cache
def holidays() -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Weekdays that are free and weekend days that are worked, from `holiday.csv`."""
    with Path(__file__).with_name("holiday.csv").open(encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    off, made_up = (
        np.array([r["day"] for r in rows if r["status"] == status], "datetime64[D]") for status in ("off", "work")
    )
    return off, made_up


class EnergyBaseline:
    """Forecasts each institution's power for 96 quarters of an hour from weather, working days and the hour.

    One robust ridge fit of all institutions on one design (`load_design`); an institution with gaps counts where it
    was heard. The weather ahead is the mean of the last three days at the same hour (20 degC where none is measured),
    and so it is for the days held out: the accuracy told is that of a forecast, not of a fit.
    """

    title = Title("公共机构负荷日前预测", "Day-ahead load of institutions")
    reads = ("institution.institution", "institution.power", "base.temperature")
    writes = ("institution.power",)
    every = timedelta(days=1)
    horizon = timedelta(days=1)
    history = timedelta(days=28)
    parameters = (
        Parameter("warmer", Title("气温偏移", "Warmer by"), "degC", 0.0, -10.0, 10.0),
        Parameter("held_out", Title("回测天数", "Days held out"), "d", 3.0, 1.0, 7.0),
        Parameter("penalty", Title("岭惩罚", "Ridge penalty"), "1", 1.0, 0.001, 1000.0),
    )
    figures = (
        Figure("institutions", Title("预测机构数", "Institutions"), "1"),
        Figure("history", Title("历史数据时长", "History"), "d"),
        Figure("cv_rmse", Title("机构CV(RMSE)中位值", "CV(RMSE), median institution"), "%"),
        Figure("cv_rmse_worst", Title("机构CV(RMSE)最大值", "CV(RMSE), worst institution"), "%"),
        Figure("cv_rmse_weather_known", Title("气温已知时CV(RMSE)中位值", "CV(RMSE) had the weather been known"), "%"),
        Figure("nmbe", Title("机构标准化平均偏差中位值", "Normalised mean bias, median institution"), "%"),
        Figure("cv_rmse_total", Title("总负荷CV(RMSE)", "CV(RMSE) of the total load"), "%"),
        Figure("nmbe_total", Title("总负荷标准化平均偏差", "Normalised mean bias of the total load"), "%"),
        Figure("peak", Title("次日峰值功率", "Peak of the day ahead"), "kW"),
        Figure("energy", Title("次日用电量", "Electricity of the day ahead"), "kWh"),
    )

    def run(self, inputs: Inputs) -> Outputs:
        """Fit on all but the last days, judge on those, fit on all, forecast the day ahead."""
        begin = _step(inputs.until)
        power, ids, first = _grid(inputs.readings, "institution.power", begin)
        if power.shape[1] < 2 * QUARTERS_PER_DAY or not len(ids):
            raise BadRequest(
                "there are less than two days of power readings",
                "record two days of 'institution.power'",
                "EnergyBaseline",
            )
        warmth, stations, since = _grid(inputs.readings, "base.temperature", begin)
        air = _air(warmth, since, first, begin) if len(stations) else np.full(begin - first, 20.0)
        penalty = inputs.parameters["penalty"]
        days = power.shape[1] / QUARTERS_PER_DAY
        held = int(min(inputs.parameters["held_out"], max(1, days // 3))) * QUARTERS_PER_DAY

        steps = np.arange(first, begin)
        split = len(steps) - held
        ahead_s = inputs.ahead.total_seconds()
        design = _design(steps, air, ahead_s)
        beta = ridge(design[:split], power[:, :split], penalty)
        ahead = [
            _design(steps[: k + QUARTERS_PER_DAY], _persisted(air[:k]), ahead_s)[k:]
            for k in range(split, len(steps), QUARTERS_PER_DAY)
        ]
        told = np.maximum(beta @ np.concatenate(ahead)[:held].T, 0.0)
        measured = power[:, split:]
        judged = np.isfinite(measured).sum(axis=1) >= 0.9 * held
        if not judged.any():
            raise BadRequest("no institution was heard on the days held out", "hold out fewer days", "EnergyBaseline")
        cv, bias = accuracy(measured[judged], told[judged])
        known_weather, _ = accuracy(measured[judged], np.maximum(beta @ design[split:].T, 0.0)[judged])
        whole = (
            judged & np.isfinite(measured).all(axis=1) if (judged & np.isfinite(measured).all(axis=1)).any() else judged
        )
        all_cv, all_bias = accuracy(
            np.nansum(measured[whole], axis=0), np.where(np.isfinite(measured[whole]), told[whole], 0.0).sum(axis=0)
        )

        beta = ridge(design, power, penalty)
        future = np.arange(begin, begin + QUARTERS_PER_DAY)
        coming = _persisted(air)
        coming[len(steps) :] += inputs.parameters["warmer"]
        forecast = np.maximum(beta @ _design(np.concatenate([steps, future]), coming, ahead_s)[len(steps) :].T, 0.0)
        names = np.repeat([stream_id(i, "institution.power") for i in ids], QUARTERS_PER_DAY)
        series = pa.table(
            {
                "stream": pa.array(names, pa.string()),
                "time": pa.array(np.tile(future * STEP_S * 1_000_000, len(ids)), pa.int64()).cast(
                    pa.timestamp("us", tz="UTC")
                ),
                "value": pa.array(forecast.round(3).ravel(), pa.float64()),
            }
        )
        total = forecast.sum(axis=0)
        figures = {
            "institutions": float(len(ids)),
            "history": float(days),
            "cv_rmse": float(np.median(cv)),
            "cv_rmse_worst": float(cv.max()),
            "cv_rmse_weather_known": float(np.median(known_weather)),
            "nmbe": float(np.median(bias)),
            "cv_rmse_total": float(all_cv),
            "nmbe_total": float(all_bias),
            "peak": float(total.max()),
            "energy": float(total.sum() / 4.0),
        }
        return Outputs(series, {k: round(v, 4) for k, v in figures.items()})


def _step(time: datetime) -> int:
    """The first quarter of an hour, counted from 1970, that begins at `time` or later."""
    return -int(-time.timestamp() // STEP_S)


def _grid(readings: pa.Table, stream_type: str, until: int) -> tuple[Floats, list[str], int]:
    """Readings of one type as an array (asset, step; NaN: not heard), with the assets' ids and the first step."""
    part = readings.filter(pc.equal(readings["stream_type"], stream_type))
    if part.num_rows == 0:
        return np.empty((0, 0)), [], until
    asset = pc.dictionary_encode(part["asset_id"].cast(pa.string()).combine_chunks())
    codes = asset.indices.to_numpy(zero_copy_only=False)
    ids = asset.dictionary.to_pylist()
    step = part["time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy() // (STEP_S * 1_000_000)
    value = part["value"].to_numpy()
    keep = step < until
    first = int(step.min())
    grid = np.full((len(ids), until - first), np.nan)
    grid[codes[keep], step[keep] - first] = value[keep]
    order = np.argsort(ids)
    return grid[order], [ids[k] for k in order], first


def _air(warmth: Floats, since: int, first: int, until: int) -> Floats:
    """Mean temperature of the stations over steps [first, until), joined over gaps."""
    heard = np.isfinite(warmth)
    count = heard.sum(axis=0)
    known = np.flatnonzero(count)
    mean = np.where(heard, warmth, 0.0).sum(axis=0)[known] / count[known]
    joined: Floats = np.interp(np.arange(first, until), since + known, mean)
    return joined


def _persisted(air: Floats) -> Floats:
    """The temperatures known, and a day ahead that is like the last three on average."""
    days = max(1, min(3, len(air) // QUARTERS_PER_DAY))
    usual = air[-days * QUARTERS_PER_DAY :].reshape(days, QUARTERS_PER_DAY).mean(axis=0)
    return np.concatenate([air, usual])


def _design(steps: NDArray[np.int64], air: Floats, ahead_s: float) -> Floats:
    local_s = (steps * STEP_S + ahead_s).astype(np.int64)
    day = (local_s // 86_400).astype("datetime64[D]")
    total = np.concatenate([[0.0], np.cumsum(air)])
    past = []
    for window in (QUARTERS_PER_DAY, 3 * QUARTERS_PER_DAY):
        start = np.maximum(np.arange(len(air)) + 1 - window, 0)
        past.append((total[1:] - total[start]) / (np.arange(len(air)) + 1 - start))
    work = workday(day, *holidays())
    return load_design(
        day, local_s % 86_400 / 3600.0, work, air, np.stack(past, axis=1), season=False, slots=QUARTERS_PER_DAY
    )
