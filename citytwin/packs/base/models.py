"""What will happen? The temperature of the next day at every station."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pyarrow as pa

from citytwin.kernel.model import Figure, Inputs, Outputs, Parameter
from citytwin.kernel.stream import stream_id
from citytwin.kernel.title import Title
from citytwin.packs.base.formulas import DAY_S, temperature_outlook

STEP_S = 900


class WeatherOutlook:
    """Temperature by the course of the last week's days plus the present departure from it, which fades.

    Each run also replays its own last day: what it would have said 24 h ago, against what was measured since, beside the error of
    saying "as it is now".
    """

    title = Title("气温展望", "Temperature outlook")
    reads = ("base.weather_station", "base.temperature")
    writes = ("base.temperature",)
    every = timedelta(hours=6)
    horizon = timedelta(hours=24)
    history = timedelta(days=8)
    parameters = (Parameter("memory_h", Title("距平记忆时长", "Memory of the departure"), "h", 12.0, 1.0, 72.0),)
    figures = (
        Figure("stations", Title("预报站数", "Stations"), "1"),
        Figure("error", Title("前一日回报平均绝对误差", "Mean absolute error, last day replayed"), "degC"),
        Figure(
            "error_of_persistence",
            Title("同期“气温不变”的平均绝对误差", "Mean absolute error of saying it stays as it is"),
            "degC",
        ),
    )

    def run(self, inputs: Inputs) -> Outputs:
        memory_h = inputs.parameters["memory_h"]
        until_s = inputs.until.timestamp()
        ahead = np.arange(math.ceil(until_s / STEP_S) * STEP_S, until_s + self.horizon.total_seconds(), STEP_S)
        asset = np.array(inputs.readings["asset_id"].to_pylist(), object)
        time = inputs.readings["time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy() / 1e6
        value = inputs.readings["value"].to_numpy()
        streams: list[str] = []
        outlooks: list[np.ndarray] = []
        errors, still_errors = [], []
        for station in (a["id"] for a in inputs.assets):
            mine = asset == station
            t, v = time[mine], value[mine]
            if len(t) == 0:
                continue
            streams.append(stream_id(station, "base.temperature"))
            outlooks.append(np.round(temperature_outlook(t, v, ahead, memory_h, STEP_S), 1))
            past, last_day = t < until_s - DAY_S, t >= until_s - DAY_S
            if past.any() and last_day.any():
                said = temperature_outlook(t[past], v[past], t[last_day], memory_h, STEP_S)
                errors.append(float(np.mean(np.abs(said - v[last_day]))))
                still_errors.append(float(np.mean(np.abs(v[past][-1] - v[last_day]))))
        figures = {"stations": float(len(streams))}
        if errors:
            figures |= {"error": float(np.mean(errors)), "error_of_persistence": float(np.mean(still_errors))}
        codes = pa.array(np.repeat(np.arange(len(streams), dtype=np.int32), len(ahead)))
        moments = pa.array(np.tile(np.round(ahead * 1e6).astype(np.int64), len(streams)), pa.int64())
        series = pa.table(
            {
                "stream": pa.DictionaryArray.from_arrays(codes, pa.array(streams, pa.string())),
                "time": moments.cast(pa.timestamp("us", tz="UTC")),
                "value": pa.array(np.concatenate(outlooks) if outlooks else np.array([]), pa.float64()),
            }
        )
        return Outputs(series, figures)
