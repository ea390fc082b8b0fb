"""What would it look like? Twelve lamps in a ring; every night one of them fails."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa

from citytwin.kernel.asset import Asset
from citytwin.kernel.demo import Scene
from citytwin.kernel.relation import Relation
from citytwin.kernel.stream import stream_id
from citytwin.kernel.title import Title
from citytwin.science.geodesy import lonlat
from citytwin.science.synthetic import smooth

CASE_PATHS = {"lamp_repair": (("repair", "inspect"),)}
LAMPS, STEP_S, DAY_S = 12, 900, 86_400


def assets(scene: Scene) -> Iterable[Asset]:
    """Twelve lamps of 100 W, 1.4 km around the centre; CJJ 45-2015 table 3.3.1 asks for 8 lx on a local road."""
    for i in range(LAMPS):
        angle = math.radians(30.0 * i)
        place = lonlat(scene.center, 1400.0 * math.cos(angle), 1400.0 * math.sin(angle))
        point = {"type": "Point", "coordinates": list(place)}
        title = Title(f"{i + 1}号灯", f"Lamp {i + 1}")
        yield Asset(f"lamp-{i + 1:02d}", "hello.lamp", title, point, {"rated_power": 100.0, "least_light": 8.0})


def relations(scene: Scene) -> Iterable[Relation]:  # noqa: ARG001 - the demo's signature
    """None: lamps stand alone."""
    return ()


def readings(scene: Scene, since: datetime, until: datetime) -> Iterator[pa.Table]:
    """Light and power every quarter of an hour, one table per UTC day."""
    begin, end = since.timestamp(), until.timestamp()
    for day in range(math.floor(begin / DAY_S), math.ceil(end / DAY_S)):
        first = math.ceil(max(begin, day * DAY_S) / STEP_S) * STEP_S
        time_s = np.arange(first, min(end, (day + 1) * DAY_S), STEP_S, dtype=np.int64)
        names, values = [], []
        for i in range(LAMPS):
            light, power = _lamp(scene, i, time_s)
            names += [stream_id(f"lamp-{i + 1:02d}", "hello.light"), stream_id(f"lamp-{i + 1:02d}", "hello.power")]
            values += [light, power]
        codes = np.repeat(np.arange(len(names), dtype=np.int32), len(time_s))
        micros = pa.array(np.tile(time_s * 1_000_000, len(names)), pa.int64())
        yield pa.table(
            {
                "stream": pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string())),
                "time": micros.cast(pa.timestamp("us", tz="UTC")),
                "value": pa.array(np.concatenate(values), pa.float64()),
            }
        )


def records(scene: Scene, since: datetime, until: datetime) -> Iterator[pa.Table]:  # noqa: ARG001 - the demo's signature
    """None: nothing here is slower than a day."""
    return iter(())


def messages(scene: Scene, time: datetime) -> Iterator[tuple[str, bytes]]:  # noqa: ARG001 - the demo's signature
    """What a lamp and a controller publish."""
    yield "hello/lamp-01/light", b"15.2"
    said = [{"lamp": f"lamp-{n:02d}", "time": time.isoformat(), "lux": 15.0, "watts": 100} for n in (2, 3)]
    yield "hello/controller", json.dumps(said).encode()


def _lamp(scene: Scene, lamp: int, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Light [lx] and power [kW]; both depend on the time stamp alone, never on how the span is cut."""
    solar_h = time_s / 3600.0 + scene.center[0] / 15.0  # the sun's clock at this longitude
    sun = 40_000.0 * np.maximum(0.0, np.sin(np.pi * (solar_h % 24.0 - 6.0) / 12.0))
    night = np.floor((solar_h - 12.0) / 24.0).astype(np.int64)
    works = night % LAMPS != lamp  # every night the turn of another lamp to fail
    shines = (sun < 200.0) & works
    flicker = smooth(scene.seed, lamp, time_s / 7200.0)
    light = np.round(sun + np.where(shines, 15.0 + 0.5 * flicker, 0.3), 1)
    power = np.round(np.where(shines, 0.1 + 0.001 * flicker, 0.0), 4)
    return light, power
