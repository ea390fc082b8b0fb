"""What will happen? The networks under a storm, simulated by EPA SWMM."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from swmm.toolkit import solver
from swmm.toolkit.shared_enum import LinkResult, NodeProperty, NodeResult, ObjectType, TimeProperty

from citytwin.kernel.errors import BadRequest
from citytwin.kernel.model import Figure, Inputs, Outputs, Parameter
from citytwin.kernel.stream import stream_id
from citytwin.kernel.title import Title
from citytwin.packs.drainage.formulas import design_storm

STEP = timedelta(minutes=5)
STEP_S = 300
STORM_MIN = 120.0  # length of the design storm, the first hours of the horizon
ROUTING_STEP_S = 15
TIME = pa.timestamp("us", tz="UTC")

SEWER_RAIN_SHARE = 0.02
"""Share of the rain on a sewered catchment that finds its way into the sewer, until events have been fitted."""

_OPTIONS = f"""[OPTIONS]
FLOW_UNITS CMS
INFILTRATION HORTON
FLOW_ROUTING DYNWAVE
LINK_OFFSETS ELEVATION
ALLOW_PONDING NO
INERTIAL_DAMPING PARTIAL
NORMAL_FLOW_LIMITED BOTH
SURCHARGE_METHOD EXTRAN
HEAD_TOLERANCE 0.003
MAX_TRIALS 8
WET_STEP 00:01:00
DRY_STEP 00:05:00
REPORT_STEP 00:05:00
ROUTING_STEP {ROUTING_STEP_S}
VARIABLE_STEP 0.75
MINIMUM_STEP 0.5
LENGTHENING_STEP 0
THREADS 1
"""


@dataclass(frozen=True, slots=True)
class _Course:
    """What a run gave, in the units of its file.

    Heads of nodes [m] and flows of links [m3/s] at `times`, the volumes [m3] that flooded and left over those times, and the
    continuity errors [%] of the whole run.
    """

    times: list[datetime]
    heads: dict[str, NDArray[np.float64]]
    flows: dict[str, NDArray[np.float64]]
    flooding_m3: float
    outflow_m3: float
    runoff_error_pct: float
    routing_error_pct: float


class StormForecast:
    """Levels and flows of the next six hours if a design storm begins now, after the rain of the last day.

    The networks are built from the assets on record and driven by the measured rain of the day before, so that the run
    starts from wet sewers and full wells; then a Chicago storm of two hours falls on every catchment. `rain_factor`
    scales it: 0 asks what comes if it stays dry.
    """

    title = Title("暴雨水力预报", "Storm forecast")
    reads = (
        "drainage.manhole", "drainage.pipe", "drainage.outfall", "drainage.pump_station", "drainage.plant",
        "drainage.catchment", "drainage.starts_at", "drainage.ends_at", "drainage.drains_to", "drainage.sewered_to", "drainage.gauged_by",
        "drainage.feeds", "drainage.discharges_to", "base.rainfall",
    )  # fmt: skip
    writes = ("drainage.level", "drainage.flow")
    every = timedelta(hours=6)
    horizon = timedelta(hours=6)
    history = timedelta(hours=24)
    parameters = (
        Parameter(
            "return_period", Title("设计暴雨重现期（年）", "Return period of the storm, in years"), "1", 1.0, 1.0, 100.0
        ),
        Parameter("rain_factor", Title("雨量系数", "Factor on the storm"), "1", 1.0, 0.0, 3.0),
    )
    figures = (
        Figure("storm", Title("预报期降雨量", "Rain of the horizon"), "mm"),
        Figure("flooding", Title("地面冒溢水量", "Volume flooded"), "m3"),
        Figure("outfall_volume", Title("排口排放水量", "Volume leaving by outfalls"), "m3"),
        Figure("treated_volume", Title("污水处理厂进水量", "Volume reaching the plants"), "m3"),
        Figure("peak_plant_load", Title("污水处理厂峰值负荷率", "Peak load of a treatment plant"), "%"),
        Figure("surcharged_points", Title("满管监测点数", "Monitored points surcharged"), "1"),
        Figure("runoff_error", Title("产汇流计算连续性误差", "Continuity error of runoff"), "%"),
        Figure("routing_error", Title("管网流量演算连续性误差", "Continuity error of flow routing"), "%"),
    )

    def run(self, inputs: Inputs) -> Outputs:
        """Build the model, run it over history and horizon, and give the monitored points from `until` on."""
        start = _floor(inputs.until) - self.history
        end = _floor(inputs.until) + self.horizon
        rain = _rain(inputs, start, end)
        text = inp(inputs.assets, inputs.relations, rain, start, end, inputs.folder, inputs.ahead)
        path = Path(inputs.folder) / "storm.inp"
        path.write_text(text, encoding="utf-8")
        points = sorted(a["id"] for a in inputs.assets if a["type"] == "drainage.manhole" and a.get("monitored"))
        plants = {a["id"]: float(a["capacity"]) for a in inputs.assets if a["type"] == "drainage.plant"}
        pipe_of = {r["target"]: r["source"] for r in inputs.relations if r["type"] == "drainage.starts_at"}
        links = [pipe_of[p] for p in points if p in pipe_of] + [f"{p}.in" for p in plants]
        course = simulate(path, points, links, _floor(inputs.until), inputs.ahead)
        heads, flows, times = course.heads, course.flows, course.times
        crown = {a["id"]: a.get("crown_m") for a in inputs.assets if a["type"] == "drainage.manhole"}
        streams = {stream_id(p, "drainage.level"): heads[p] for p in points}
        streams |= {stream_id(p, "drainage.flow"): flows[pipe_of[p]] for p in points if p in pipe_of}
        series = pa.table(
            {
                "stream": pa.array([name for name in streams for _ in times], pa.string()),
                "time": pa.array(times * len(streams), TIME),
                "value": pa.array(np.concatenate(list(streams.values())) if streams else [], pa.float64()),
            }
        )
        ahead = [depth for (time, _), depth in rain.items() if time >= _floor(inputs.until)]
        treated = sum(float(flows[f"{p}.in"].sum()) * STEP_S for p in plants)
        return Outputs(
            series,
            {
                "storm": sum(ahead) / max(1, len({gauge for _, gauge in rain})),
                "flooding": course.flooding_m3,
                "outfall_volume": max(0.0, course.outflow_m3 - treated),
                "treated_volume": treated,
                "peak_plant_load": max(
                    (100 * 86400 * float(flows[f"{p}.in"].max()) / c for p, c in plants.items()), default=0.0
                ),
                "surcharged_points": float(sum(crown[p] is not None and heads[p].max() > crown[p] for p in points)),
                "runoff_error": course.runoff_error_pct,
                "routing_error": course.routing_error_pct,
            },
        )


def _floor(moment: datetime) -> datetime:
    """The last whole five minutes."""
    return moment.replace(minute=moment.minute - moment.minute % 5, second=0, microsecond=0)


def _table(name: str) -> list[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def _rain(inputs: Inputs, start: datetime, end: datetime) -> dict[tuple[datetime, str], float]:
    """Depth [mm] of each five minutes at each gauge: measured up to `until`, then the design storm.

    A gauge that is silent takes the mean of the others.
    """
    coefficients = next(r for r in _table("storm_formula.csv") if r["id"] == "shanghai")
    storm = design_storm(
        inputs.parameters["return_period"], STORM_MIN, STEP_S / 60, float(coefficients["peak_share"]),
        *(float(coefficients[k]) for k in ("a1", "c", "b", "n")),
    )  # fmt: skip
    gauges = sorted({r["target"] for r in inputs.relations if r["type"] == "drainage.gauged_by"})
    now = _floor(inputs.until)
    measured: dict[datetime, dict[str, float]] = {}
    columns = (inputs.readings[c].to_pylist() for c in ("asset_id", "stream_type", "time", "value"))
    for gauge, kind, time, value in zip(*columns, strict=True):
        if kind == "base.rainfall" and value is not None and start <= time < now:
            at = measured.setdefault(_floor(time), {})
            at[gauge] = at.get(gauge, 0.0) + value
    rain: dict[tuple[datetime, str], float] = {}
    for time, depths in sorted(measured.items()):
        mean = sum(depths.values()) / len(depths)
        for gauge in gauges:
            depth = depths.get(gauge, mean)
            if depth > 0.0:
                rain[time, gauge] = depth
    for k, depth in enumerate(storm * inputs.parameters["rain_factor"]):
        for gauge in gauges:
            if now + k * STEP < end and depth > 0.0:
                rain[now + k * STEP, gauge] = float(depth)
    return rain


def inp(
    assets: Sequence[Mapping[str, Any]],
    relations: Sequence[Mapping[str, Any]],
    rain: Mapping[tuple[datetime, str], float],
    start: datetime,
    end: datetime,
    folder: str,
    zone: timedelta,
) -> str:
    """The SWMM input file of the networks on record.

    Manholes become junctions, pipes conduits, stations a wet well with a pump whose flow rises with depth, plants a
    junction before a free outfall, outfalls one at the usual level of their water. Catchments run off to the storm manhole
    they drain to, and give sewage by the hour, infiltration and rain-derived inflow to the manhole they are sewered to.
    `rain` is the depth [mm] of five minutes by time and gauge. Times in the file are those of the place, `zone`
    ahead of UTC: dry-weather flow follows the hours of the day.
    """
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    for asset in assets:
        by_type.setdefault(asset["type"].partition(".")[2], []).append(asset)
    link: dict[str, dict[str, str]] = {}
    for r in relations:
        link.setdefault(r["type"].partition(".")[2], {})[r["source"]] = r["target"]
    manning = {r["material"]: float(r["manning_n"]) for r in _table("roughness.csv")}
    litres = next(float(r["value"]) for r in _table("coefficient.csv") if r["id"] == "sewage_per_person")
    at_rest = _levels_at_rest(by_type, link)
    sections: dict[str, list[str]] = {}

    def add(section: str, *cells: object) -> None:
        sections.setdefault(section, []).append(" ".join(f"{c:.6g}" if isinstance(c, float) else str(c) for c in cells))

    for node in by_type.get("manhole", []):
        depth = max(float(node["ground_m"]) - float(node["invert_m"]), 0.1)
        add("JUNCTIONS", node["id"], float(node["invert_m"]), depth, min(at_rest.get(node["id"], 0.0), depth), 0, 0)
    for node in by_type.get("outfall", []):
        add("OUTFALLS", node["id"], float(node["invert_m"]), "FIXED", float(node["water_level_m"]), "NO")
    for plant in by_type.get("plant", []):
        add("JUNCTIONS", plant["id"], 0.0, 20.0, 0, 0, 0)
        add("OUTFALLS", f"{plant['id']}.out", -0.1, "FREE", "NO")
        add("CONDUITS", f"{plant['id']}.in", plant["id"], f"{plant['id']}.out", 50.0, 0.012, 0.0, -0.1)
        add("XSECTIONS", f"{plant['id']}.in", "CIRCULAR", 3.0, 0, 0, 0)
    for station in by_type.get("pump_station", []):
        id, depth = station["id"], float(station["ground_m"]) - float(station["floor_m"])
        target = link.get("feeds", {}).get(id) or link.get("discharges_to", {}).get(id)
        if target is None:
            raise BadRequest(f"pump station '{id}' lifts to nowhere", "relate it by feeds or discharges_to", id)
        add(
            "STORAGE",
            id,
            float(station["floor_m"]),
            depth,
            min(1.0, depth / 2),
            "FUNCTIONAL",
            0,
            0,
            float(station["storage_area_m2"]),
            0,
            0,
        )
        add("PUMPS", f"{id}.pump", id, target, f"{id}.curve", "ON", 0, 0)
        full = max(float(station["alarm_level_m"]) - float(station["floor_m"]), 0.6)
        for n, (y, share) in enumerate(((0.0, 0.0), (0.5, 0.0), (full, 1.0), (depth + 10.0, 1.0))):
            add("CURVES", f"{id}.curve", "PUMP4" if n == 0 else "", y, share * float(station["capacity_m3_s"]))
    for pipe in by_type.get("pipe", []):
        if pipe["id"] not in link.get("starts_at", {}) or pipe["id"] not in link.get("ends_at", {}):
            raise BadRequest(f"pipe '{pipe['id']}' has a loose end", "relate it by starts_at and ends_at", pipe["id"])
        roughness = pipe.get("roughness") or manning[pipe["material"]]
        ends = link["starts_at"][pipe["id"]], link["ends_at"][pipe["id"]]
        inverts = float(pipe["upstream_invert_m"]), float(pipe["downstream_invert_m"])
        add("CONDUITS", pipe["id"], *ends, float(pipe["length_m"]), float(roughness), *inverts, 0, 0)
        shape = ("RECT_CLOSED", float(pipe["diameter_m"]), float(pipe.get("width_m") or pipe["diameter_m"]), 0, 0)
        add(
            "XSECTIONS",
            pipe["id"],
            *(shape if pipe["shape"] == "rectangular" else ("CIRCULAR", float(pipe["diameter_m"]), 0, 0, 0)),
        )

    gauges = sorted(set(link.get("gauged_by", {}).values()))
    if by_type.get("catchment") and not gauges:
        raise BadRequest(
            "no catchment has a rain gauge", "relate catchments to weather stations by gauged_by", "drainage.gauged_by"
        )
    for gauge in gauges:
        add("RAINGAGES", gauge, "VOLUME", "0:05", 1.0, "TIMESERIES", f"{gauge}.rain")
        series = [(time, depth) for (time, name), depth in sorted(rain.items()) if name == gauge]
        for time, depth in series or [(start, 0.0)]:
            add("TIMESERIES", f"{gauge}.rain", _stamp(time + zone), float(depth))
        add("HYDROGRAPHS", f"{gauge}.uh", gauge)
        for row, name in zip(_table("hydrograph.csv"), ("SHORT", "MEDIUM", "LONG"), strict=True):
            share = SEWER_RAIN_SHARE * float(row["share"])
            add("HYDROGRAPHS", f"{gauge}.uh", "ALL", name, share, float(row["peak_h"]), float(row["recession"]))
    persons: dict[str, float] = {}
    seepage: dict[str, float] = {}
    sewered: dict[str, tuple[str, float]] = {}
    for c in by_type.get("catchment", []):
        gauge = link.get("gauged_by", {}).get(c["id"], gauges[0])
        area = float(c["area_m2"])
        if storm := link.get("drains_to", {}).get(c["id"]):
            add(
                "SUBCATCHMENTS",
                c["id"],
                gauge,
                storm,
                area / 1e4,
                float(c["imperviousness"]),
                area**0.5,
                float(c.get("slope") or 0.3),
                0,
            )
            add("SUBAREAS", c["id"], 0.015, 0.2, 1.5, 5.0, 25, "OUTLET")
            add("INFILTRATION", c["id"], 60.0, 5.0, 4.0, 7.0, 0)
        if sewer := link.get("sewered_to", {}).get(c["id"]):
            persons[sewer] = persons.get(sewer, 0.0) + float(c["population"])
            seepage[sewer] = seepage.get(sewer, 0.0) + float(c.get("infiltration_m3_s") or 0.0)
            sewered[sewer] = (gauge, sewered.get(sewer, ("", 0.0))[1] + area / 1e4)
    for sewer, (gauge, hectares) in sorted(sewered.items()):
        add("DWF", sewer, "FLOW", litres / 86_400_000 * persons[sewer], '"weekday"', '"weekend"')
        add("INFLOWS", sewer, "FLOW", '""', "FLOW", 1.0, 1.0, seepage[sewer])
        add("RDII", sewer, f"{gauge}.uh", hectares)
    days = _table("dry_weather_pattern.csv")
    for name, kind in (("weekday", "HOURLY"), ("weekend", "WEEKEND")):
        factors = [float(r[name]) for r in days]
        for k in range(0, 24, 6):
            add("PATTERNS", name, kind if k == 0 else "", *factors[k : k + 6])

    first, last = start + zone, end + zone
    options = _OPTIONS + "".join(
        f"{key} {value}\n"
        for key, value in (
            ("START_DATE", f"{first:%m/%d/%Y}"), ("START_TIME", f"{first:%H:%M:%S}"),
            ("REPORT_START_DATE", f"{first:%m/%d/%Y}"), ("REPORT_START_TIME", f"{first:%H:%M:%S}"),
            ("END_DATE", f"{last:%m/%d/%Y}"), ("END_TIME", f"{last:%H:%M:%S}"), ("TEMPDIR", f'"{folder}"'),
        )
    )  # fmt: skip
    report = "[REPORT]\nINPUT NO\nCONTROLS NO\nSUBCATCHMENTS NONE\nNODES NONE\nLINKS NONE\n"
    return "\n".join([options, *(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items()), report])


def _stamp(time: datetime) -> str:
    return f"{time:%m/%d/%Y %H:%M}"


def _levels_at_rest(
    by_type: Mapping[str, list[Mapping[str, Any]]], link: Mapping[str, Mapping[str, str]]
) -> dict[str, float]:
    """Depth [m] of the water that stands in a manhole when nothing flows: up to the level where its sewer ends."""
    level = {a["id"]: float(a["water_level_m"]) for a in by_type.get("outfall", [])}
    start_of = {manhole: pipe for pipe, manhole in link.get("starts_at", {}).items()}
    down = {m: link["ends_at"][p] for m, p in start_of.items() if p in link.get("ends_at", {})}
    found = {}
    for node in by_type.get("manhole", []):
        end, seen = node["id"], set()
        while end in down and end not in seen:
            seen.add(end)
            end = down[end]
        if end in level:
            found[node["id"]] = max(0.0, level[end] - float(node["invert_m"]))
    return found


def simulate(
    path: Path,
    nodes: Sequence[str] = (),
    links: Sequence[str] = (),
    since: datetime | None = None,
    zone: timedelta = timedelta(0),
) -> _Course:
    """Run a SWMM input file; sample heads of `nodes` and flows of `links` every five minutes after `since`, or throughout.

    `zone` is how far the file's clock is ahead of UTC. One run at a time per process: the engine keeps its state in
    globals.
    """
    times: list[datetime] = []
    heads: list[list[float]] = []
    flows: list[list[float]] = []
    flooded = left = 0.0
    report = path.with_suffix(".rpt")
    try:
        solver.swmm_open(str(path), str(report), str(path.with_suffix(".out")))
        solver.swmm_start(0)
    except Exception as e:  # the engine has one class for whatever goes wrong; its report tells what did
        solver.swmm_close()
        lines = report.read_text("utf-8", "replace").splitlines() if report.is_file() else []
        said = [" ".join(line.split()) for line in lines if "ERROR" in line and "ERROR 200" not in line]
        why = "; ".join(said[:3]) or " ".join(str(e).split())
        raise BadRequest(f"SWMM does not take the model: {why}", "look at the assets it names", path.name) from e
    try:
        own_nodes = [solver.project_get_index(ObjectType.NODE, name) for name in nodes]
        own_links = [solver.project_get_index(ObjectType.LINK, name) for name in links]
        beds = [solver.node_get_parameter(i, NodeProperty.INVERT_ELEVATION) for i in own_nodes]
        year, month, day, hour, minute, second = solver.simulation_get_datetime(TimeProperty.START_DATE)[:6]
        now = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - zone
        running = True
        while running:
            running = solver.swmm_stride(STEP_S) > 0
            now += STEP
            totals = solver.system_get_routing_totals()  # gone once the run has ended
            if since is not None and now <= since:
                flooded, left = totals.flooding, totals.outflow
                continue
            times.append(now)
            depths = [solver.node_get_result(i, NodeResult.DEPTH) for i in own_nodes]
            heads.append([bed + depth for bed, depth in zip(beds, depths, strict=True)])
            flows.append([solver.link_get_result(i, LinkResult.FLOW) for i in own_links])
        solver.swmm_end()
        runoff_error, routing_error, _ = solver.swmm_get_mass_balance()
    finally:
        solver.swmm_close()
    head, flow = np.array(heads).reshape(len(times), -1), np.array(flows).reshape(len(times), -1)
    return _Course(
        times,
        {name: head[:, k] for k, name in enumerate(nodes)},
        {name: flow[:, k] for k, name in enumerate(links)},
        totals.flooding - flooded,
        totals.outflow - left,
        runoff_error,
        routing_error,
    )
