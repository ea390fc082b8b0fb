"""Is the forecast right? EPA's reference runs, closed forms of small networks, and the balance of the whole one."""

import csv
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from citytwin.kernel.demo import Scene
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.model import Inputs, Outputs
from citytwin.packs.base import demo as base_demo
from citytwin.packs.drainage import demo
from citytwin.packs.drainage.formulas import design_storm, filling, full_flow
from citytwin.packs.drainage.models import StormForecast, _rain, inp, simulate
from citytwin.science.rain import storm_depth

EPA = Path(__file__).parents[5] / "shared" / "data" / "water"
UNTIL = datetime(2026, 7, 2, 16, 3, tzinfo=UTC)
NOW = datetime(2026, 7, 2, 16, 0, tzinfo=UTC)


# ── the engine, driven by us ──


def references() -> list[Mapping[str, str]]:
    path = EPA / "swmm_epa_reference_5.2.4.csv"
    return list(csv.DictReader(path.read_text("utf-8").splitlines())) if path.is_file() else []


@pytest.mark.parametrize("model", ["Example1.inp", "Example3.inp", "extran5.inp", "extran9.inp", "test3.inp"])
def test_epa_models_give_epas_balance(model: str, tmp_path: Path) -> None:
    found = [r for r in references() if r["model"] == model]
    if not found:
        pytest.skip("the EPA models lie in ../shared, which is not here")
    shutil.copy(EPA / "swmm_epa" / model, tmp_path)
    course = simulate(tmp_path / model)
    per_unit = (
        43_560.0 if found[0]["units"] == "CFS" else 1e4
    )  # acre-feet in cubic feet, hectare-metres in cubic metres
    assert course.routing_error_pct == pytest.approx(float(found[0]["routing_continuity_err_pct"]), abs=6e-4)
    assert course.flooding_m3 / per_unit == pytest.approx(float(found[0]["flooding"]), abs=6e-4)
    assert course.outflow_m3 / per_unit == pytest.approx(float(found[0]["ext_out"]), abs=2e-3)


def test_what_swmm_does_not_take_is_said_in_its_words(tmp_path: Path) -> None:
    path = tmp_path / "bad.inp"
    path.write_text("[JUNCTIONS]\na 1.0\n[CONDUITS]\np a nowhere 10 0.01 0 0\n")
    with pytest.raises(BadRequest, match="nowhere"):
        simulate(path)


# ── a small network ──


def manhole(id: str, invert: float, **more: Any) -> dict[str, Any]:
    place = {"type": "Point", "coordinates": [121.9, 30.9]}
    own = {"network": "sewage", "invert_m": invert, "ground_m": invert + 5.0, "monitored": True}
    return {"id": id, "type": "drainage.manhole", "geometry": place, **own, **more}


def small(infiltration: float = 0.05, **pipe: Any) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Three manholes in a row, 500 m apart at 1 in 500, and an outfall far below."""
    assets: list[dict[str, Any]] = [manhole(f"m{k}", 10.0 - k) for k in range(3)]
    assets.append({"id": "out", "type": "drainage.outfall", "invert_m": 7.0, "water_level_m": 0.0, "receiving": "sea"})
    relations = []
    shape: dict[str, Any] = {
        "shape": "circular",
        "diameter_m": 0.5,
        "material": "concrete",
        "network": "sewage",
        **pipe,
    }
    for k in range(3):
        ends = {"upstream_invert_m": 10.0 - k, "downstream_invert_m": 9.0 - k}
        assets.append({"id": f"p{k}", "type": "drainage.pipe", "length_m": 500.0, **ends, **shape})
        relations.append({"source": f"p{k}", "type": "drainage.starts_at", "target": f"m{k}"})
        relations.append({"source": f"p{k}", "type": "drainage.ends_at", "target": f"m{k + 1}" if k < 2 else "out"})
    own = {"area_m2": 10_000.0, "imperviousness": 50.0, "population": 0, "infiltration_m3_s": infiltration}
    assets.append({"id": "c", "type": "drainage.catchment", **own})
    relations += [
        {"source": "c", "type": f"drainage.{r}", "target": t} for r, t in (("sewered_to", "m0"), ("gauged_by", "g"))
    ]
    return assets, relations


def steady(tmp_path: Path, **pipe: Any) -> tuple[float, float]:
    """Depth in the middle manhole and flow out of it after six hours of constant inflow."""
    assets, relations = small(**pipe)
    path = tmp_path / "small.inp"
    path.write_text(
        inp(assets, relations, {}, NOW, NOW + timedelta(hours=6), str(tmp_path), timedelta(hours=8)), encoding="utf-8"
    )
    course = simulate(path, ["m1"], ["p1"])
    assert len(course.times) == 72
    return float(course.heads["m1"][-1]) - 9.0, float(course.flows["p1"][-1])


def test_a_long_sewer_comes_to_uniform_flow(tmp_path: Path) -> None:
    depth, flow = steady(tmp_path)
    assert flow == pytest.approx(0.05, rel=1e-3)
    assert depth == pytest.approx(0.5 * float(filling(0.05 / full_flow(0.5, 0.002, 0.013))), rel=0.02)


def test_measured_roughness_overrules_the_materials(tmp_path: Path) -> None:
    depth, _ = steady(tmp_path, roughness=0.018)
    assert depth == pytest.approx(0.5 * float(filling(0.05 / full_flow(0.5, 0.002, 0.018))), rel=0.02)


def test_a_rectangular_section_is_one(tmp_path: Path) -> None:
    depth, _ = steady(tmp_path, shape="rectangular", diameter_m=1.0, width_m=0.8)
    area, radius = 0.8 * depth, 0.8 * depth / (0.8 + 2 * depth)
    assert area * radius ** (2 / 3) * 0.002**0.5 / 0.013 == pytest.approx(0.05, rel=0.03)


@pytest.mark.parametrize(("lost", "says"), [("drainage.ends_at", "loose end"), ("drainage.gauged_by", "rain gauge")])
def test_networks_that_do_not_hang_together_are_refused(lost: str, says: str, tmp_path: Path) -> None:
    assets, relations = small()
    with pytest.raises(BadRequest, match=says):
        inp(assets, [r for r in relations if r["type"] != lost], {}, NOW, UNTIL, str(tmp_path), timedelta(hours=8))


# ── rain ──


def given(rain: Mapping[tuple[datetime, str], float], **parameters: float) -> Inputs:
    rows = [(f"{g}.base.rainfall", g, "base.rainfall", t, v) for (t, g), v in rain.items()]
    names = ("stream", "asset_id", "stream_type", "time", "value")
    kinds = (pa.string(), pa.string(), pa.string(), pa.timestamp("us", tz="UTC"), pa.float64())
    table = pa.table({n: pa.array([r[k] for r in rows], kinds[k]) for k, n in enumerate(names)})
    relations = tuple({"source": f"c{g}", "type": "drainage.gauged_by", "target": g} for g in ("g1", "g2"))
    chosen = {"return_period": 5.0, "rain_factor": 1.0, **parameters}
    return Inputs(UNTIL, (), relations, table, pa.table({}), chosen, "", timedelta(hours=8))


def test_rain_is_measured_before_and_designed_after() -> None:
    begin = NOW - timedelta(hours=1)
    rain = _rain(
        given({(begin, "g1"): 2.0, (begin, "g2"): 0.5}, rain_factor=0.5),
        NOW - timedelta(days=1),
        NOW + timedelta(hours=6),
    )
    assert rain[begin, "g1"] == 2.0
    storm = design_storm(5.0, 120.0, 5.0, 0.405, 1600, 0.846, 7.0, 0.656)
    after = [depth for (time, gauge), depth in sorted(rain.items()) if time >= NOW and gauge == "g2"]
    assert after == pytest.approx((0.5 * storm).tolist())


def test_a_silent_gauge_takes_the_mean_of_the_others_and_no_storm_means_none() -> None:
    begin = NOW - timedelta(hours=1)
    rain = _rain(given({(begin, "g1"): 2.0}, rain_factor=0.0), NOW - timedelta(days=1), NOW + timedelta(hours=6))
    assert rain == {(begin, "g1"): 2.0, (begin, "g2"): 2.0}


# ── the networks of the demo ──


@pytest.fixture(scope="module")
def forecast(tmp_path_factory: pytest.TempPathFactory) -> tuple[Inputs, Outputs]:
    scene = Scene((121.93, 30.89), "Asia/Shanghai", 2022, {})
    found: dict[str, Any] = {}
    for asset in base_demo.assets(scene):
        if asset.type in ("base.road", "base.weather_station"):
            found.setdefault(asset.type, []).append(asset)
    scene = Scene(scene.center, scene.zone, scene.seed, {k: tuple(v) for k, v in found.items()})
    assets = tuple({"id": a.id, "type": a.type, "geometry": a.geometry, **a.attributes} for a in demo.assets(scene))
    relations = tuple({"source": r.source, "type": r.type, "target": r.target} for r in demo.relations(scene))
    rain = {}
    for number, station in enumerate(found["base.weather_station"]):
        for k in range(288):
            time = NOW - timedelta(days=1) + k * timedelta(minutes=5)
            rain[time, station.id] = float(storm_depth(2022, number, time.timestamp(), time.timestamp() + 300.0))
    folder = str(tmp_path_factory.mktemp("run"))
    inputs = Inputs(
        UNTIL,
        assets,
        relations,
        given(rain).readings,
        pa.table({}),
        {"return_period": 1.0, "rain_factor": 1.0},
        folder,
        timedelta(hours=8),
    )
    return inputs, StormForecast().run(inputs)


def test_water_is_neither_made_nor_lost(forecast: tuple[Inputs, Outputs]) -> None:
    figures = forecast[1].figures
    assert abs(figures["runoff_error"]) < 2.0
    assert abs(figures["routing_error"]) < 2.0


def test_every_monitored_point_is_forecast_for_six_hours(forecast: tuple[Inputs, Outputs]) -> None:
    inputs, outputs = forecast
    points = {a["id"] for a in inputs.assets if a["type"] == "drainage.manhole" and a["monitored"]}
    assert len(points) == 93 + 65
    streams = outputs.series["stream"].to_numpy()
    assert set(streams) == {f"{p}.drainage.{kind}" for p in points for kind in ("level", "flow")}
    times = outputs.series["time"].to_numpy()
    assert outputs.series.num_rows == 2 * len(points) * 72
    assert times.min() == np.datetime64(NOW.replace(tzinfo=None) + timedelta(minutes=5))
    assert times.max() == np.datetime64(NOW.replace(tzinfo=None) + timedelta(hours=6))


def test_levels_lie_between_invert_and_ground_and_rise_with_the_storm(forecast: tuple[Inputs, Outputs]) -> None:
    inputs, outputs = forecast
    bounds = {a["id"]: (a["invert_m"], a["ground_m"]) for a in inputs.assets if a["type"] == "drainage.manhole"}
    rises = 0
    value = outputs.series["value"].to_numpy().reshape(-1, 72)
    for stream, row in zip(outputs.series["stream"].to_pylist()[::72], value, strict=True):
        if stream.endswith(".level"):
            low, high = bounds[stream.partition(".")[0]]
            assert low - 0.01 <= row.min() <= row.max() <= high + 0.01
            rises += row.max() > row[0] + 0.1
    assert rises > 60
    assert forecast[1].figures["storm"] == pytest.approx(48.0, abs=0.1)
    assert forecast[1].figures["surcharged_points"] > 0
