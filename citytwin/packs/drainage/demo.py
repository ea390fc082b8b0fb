"""What would it look like? Separate sewage and storm networks around the lake, and what their sensors tell."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from citytwin.kernel.asset import Asset
from citytwin.kernel.demo import Begun, Move, Scene
from citytwin.kernel.relation import Relation
from citytwin.kernel.stream import stream_id
from citytwin.kernel.title import Title
from citytwin.packs.drainage.formulas import filling, full_flow, unit_response
from citytwin.science.geodesy import lonlat, metres
from citytwin.science.rain import storm_depth
from citytwin.science.synthetic import normal, smooth, uniform

CASE_PATHS = {
    "overflow": (
        ("respond", ("advance", "clear", {"cause": "blocked", "spilled_m3": 3.5}), "review"),
        ("respond", ("advance", "review", {"cause": "full", "spilled_m3": 12})),
        ("unfounded",),
    ),
    "misconnection": (
        ("trace", ("advance", "rectify", {"source": "shop", "pipe_mm": 110}), "accept", "filed"),
        ("trace", ("advance", "unfounded", {"source": "none"})),
        ("unfounded",),
        (
            "trace", ("wait", "待产权单位提供内部管线图"), ("resume",), ("advance", "rectify", {"source": "household"}), "accept", ("answer", "ecology", "object", "晴天仍有出流"),
            ("return", "rectify", "晴天仍有出流"), ("extend", "10", "增加一处接口"), "accept", "filed",
        ),
    ),
}  # fmt: skip
_OTHER = {"outfall_group": "other", "approved": True, "exceeds": False}
_OVER = {"outfall_group": "other", "approved": True, "exceeds": True}
REMEDIATIONS = (  # days before the city begins, the path; each at the next outfall
    (150.0, ("trace", ("advance", "standardise", _OVER), "accept", "public_notice", "struck_off")),
    (140.0, ("trace", ("advance", "close_down", {"outfall_group": "industrial", "approved": False, "exceeds": True}), "accept", "public_notice")),
    (125.0, ("trace", ("extend", "10", "上游管网复杂"), ("advance", "merge", _OTHER), "accept", ("answer", "ecology", "object", "水质未达标"), ("return", "merge", "水质未达标"), "accept", "public_notice")),
    (75.0, ("trace", ("advance", "standardise", {**_OVER, "misconnected": ["mh-y001", "mh-y002"]}), ("comment", "两处混接已立案"))),
    (48.0, ("trace", ("advance", "standardise", _OVER), "accept", ("answer", "operator", "agree"))),
    (52.0, ("trace",)),
    (50.0, ("trace", ("wait", "待企业提供排水许可证"))),
    (3.0, ()),
)  # fmt: skip

# ── the plan of the networks: metres from the lake's centre, angles in degrees from east, anticlockwise ──

Point = tuple[float, float]
Array = NDArray[np.float64]

SPINES = tuple(45.0 * k for k in range(8))  # avenues along which the sewers of a district come together
ARM = (20.0, 15.0, 10.0, 5.0)  # degrees from the spine, from the far end on
SEWAGE_RINGS = (2000.0, 2640.0, 3440.0)
STORM_RINGS = (1710.0, 2905.0, 3175.0)
BANDS = ((1440.0, 1985.0), (2665.0, 3030.0), (3050.0, 3420.0))  # from and to which radius each storm ring drains
SHORE, INNER_CANAL, OUTER_CANAL = 1273.0, 2338.0, 3482.0  # banks at which storm sewers end
FORCED = (135.0, 180.0, 225.0)  # spines whose outer storm sewers are pumped into the canal
LAKE_LEVEL_M, CANAL_LEVEL_M = 2.5, 2.4
PLANTS = (  # id, angle, distance, capacity m3/d, spines, titles; the first one is worked at its limit
    ("plant-south", 258.0, 4250.0, 25_500, (180.0, 225.0, 270.0, 315.0), Title("涟南污水处理厂", "Liannan Plant")),
    ("plant-north", 75.0, 4250.0, 45_000, (0.0, 45.0, 90.0, 135.0), Title("涟北污水处理厂", "Lianbei Plant")),
)
MONITORED = {"sewage": 93, "storm": 65}
LEAKY = 225.0  # the district whose sewers take in most rain and groundwater
CRACKED = (270.0, 1, 20.0)  # spine, ring, degrees: canal water seeps into the sewer here, rain or not
# spine and ring of storm sewers laid too small
NARROW = {(0.0, 0), (45.0, 2), (90.0, 1), (135.0, 1), (180.0, 0), (270.0, 2), (315.0, 0)}
MISCONNECTED = ((90.0, 1, 10.0), (180.0, 2, -15.0), (315.0, 0, 5.0))  # spine, ring, degrees: sewage in a storm manhole
SIZES_M = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4, 2.7, 3.0)
LITRES_PER_PERSON = 160.0  # sewage a day
AMMONIA_LIMIT = 5.0  # mg/L, GB 18918-2002 table 1 grade I-A
PEAK = 1.22  # peak hour of a plant over its mean
SEWAGE_FILL, STORM_RUNOFF = 0.55, 0.62  # design filling of sewers by flow; share of rain that runs off
DESIGN_RAIN_MM_H = 50.0  # about the half hour that returns every year, table storm_formula

STEP_S, DAY_S = 300, 86_400
STEPS = DAY_S // STEP_S
LAGS = 30  # steps that water may take through the network
MEMORY = 288  # steps that rain is remembered


@dataclass(slots=True)
class _Node:
    """A manhole, pump station or outfall, with its outgoing pipe if it has one."""

    id: str
    kind: str
    network: str
    spine: float
    ring: int
    place: Point
    down: int = -1
    ground: float = 4.6
    invert: float = 0.0
    crown: float = 0.0
    length: float = 0.0
    diameter: float = 0.0
    slope: float = 0.0
    end_invert: float = 0.0
    roughness: float = 0.013
    monitored: bool = False
    level: float = 0.0  # of the water an outfall discharges into
    capacity: float = 0.0  # of a station


@dataclass(slots=True)
class _Cell:
    """A catchment: what drains to a storm manhole and is sewered to a sewage manhole."""

    id: str
    band: tuple[float, float]
    angle: float
    spine: float
    area: float
    imperviousness: float
    population: int
    infiltration: float
    gauge: int
    storm: int
    sewage: int


@dataclass(slots=True)
class _Network:
    nodes: list[_Node] = field(default_factory=list)
    cells: list[_Cell] = field(default_factory=list)


def _polar(r: float, angle: float) -> Point:
    return r * math.cos(math.radians(angle)), r * math.sin(math.radians(angle))


_Arcs = tuple[tuple[float, tuple[float, ...]], ...]


def _network(scene: Scene) -> _Network:
    """The networks of a scene."""
    return _laid(*_key(scene))


def _key(scene: Scene) -> tuple[int, _Arcs, tuple[Point, ...]]:
    """What the networks depend on: seed, ring roads (radius, angles of their vertices) and rain gauges."""
    arcs: list[tuple[float, tuple[float, ...]]] = []
    for road in scene.assets.get("base.road", ()):
        if road.geometry is None or road.geometry["type"] != "LineString":
            continue
        points = [metres(scene.center, *p[:2]) for p in road.geometry["coordinates"]]
        radii = [math.hypot(*p) for p in points]
        if len(points) > 3 and max(radii) - min(radii) < 5.0:
            arcs.append(
                (round(radii[0]), tuple(round(math.degrees(math.atan2(p[1], p[0])) % 360.0, 1) for p in points))
            )
    gauges = tuple(
        metres(scene.center, *a.geometry["coordinates"])
        for a in scene.assets.get("base.weather_station", ())
        if a.geometry
    )
    return scene.seed, tuple(arcs), gauges


def _has_road(arcs: _Arcs, ring: int, angle: float) -> bool:
    """Whether there are roads for the sewage and the storm ring of this number; if none are known, away from the sea."""
    if not arcs:
        return ring == 0 or abs((angle - 326.25 + 180.0) % 360.0 - 180.0) > 57.0  # the sea lies that way
    wanted = (SEWAGE_RINGS[ring], STORM_RINGS[ring])
    return all(
        any(
            abs(r - w) < 6.0 and min(abs((a - angle + 180.0) % 360.0 - 180.0) for a in angles) < 3.0
            for r, angles in arcs
        )
        for w in wanted
    )


@lru_cache(4)
def _laid(seed: int, arcs: _Arcs, gauges: tuple[Point, ...]) -> _Network:
    net = _Network()
    counts = {"sewage": 0, "storm": 0}

    def manhole(network: str, spine: float, ring: int, r: float, angle: float) -> int:
        counts[network] += 1
        letter = "w" if network == "sewage" else "y"
        net.nodes.append(_Node(f"mh-{letter}{counts[network]:03d}", "manhole", network, spine, ring, _polar(r, angle)))
        return len(net.nodes) - 1

    def end(id: str, kind: str, network: str, spine: float, ring: int, r: float, angle: float) -> int:
        net.nodes.append(_Node(id, kind, network, spine, ring, _polar(r, angle)))
        return len(net.nodes) - 1

    def ring_sewer(network: str, spine: float, ring: int, r: float, angle: float) -> tuple[int, dict[float, int]]:
        """Two arms along the ring to a junction on the spine."""
        arms: dict[float, int] = {}
        junction = manhole(network, spine, ring, r, angle)
        for side in (1.0, -1.0):
            before = -1
            for offset in ARM:
                node = manhole(network, spine, ring, r, spine + side * offset)
                arms[side * offset] = node
                if before >= 0:
                    net.nodes[before].down = node
                before = node
            net.nodes[before].down = junction
        return junction, arms

    def join(*nodes: int) -> None:
        for a, b in pairwise(nodes):
            net.nodes[a].down = b

    for number, spine in enumerate(SPINES, 1):
        rings = [i for i in range(3) if all(_has_road(arcs, i, spine + s * o) for s in (1, -1) for o in (0.0, *ARM))]
        # sewage flows outwards to the district's station; between the rings the spine has one manhole more
        sewage: dict[int, dict[float, int]] = {}
        chain: list[int] = []
        for ring in rings:
            if chain:
                chain.append(manhole("sewage", spine, ring, (2200.0, 3040.0)[ring - 1], spine))
            junction, sewage[ring] = ring_sewer("sewage", spine, ring, SEWAGE_RINGS[ring], spine)
            chain.append(junction)
        join(
            *chain,
            end(
                f"station-w{number}", "station", "sewage", spine, rings[-1], SEWAGE_RINGS[rings[-1]] + 26.0, spine + 0.6
            ),
        )
        for ring in rings:
            junction, storm = ring_sewer("storm", spine, ring, STORM_RINGS[ring], spine - 0.4)
            last = manhole("storm", spine, ring, (1450.0, 2620.0, 3400.0)[ring], spine - 0.4)
            bank = (SHORE, INNER_CANAL, OUTER_CANAL)[ring]
            outfall = end(f"outfall-{number}{ring + 1}", "outfall", "storm", spine, ring, bank, spine - 0.4)
            if ring == 2 and spine in FORCED:
                join(
                    junction, last, end(f"station-y{number}", "station", "storm", spine, ring, bank - 24.0, spine - 0.4)
                )
            else:
                join(junction, last, outfall)
            for offset, node in storm.items():
                number_of = len(net.cells)
                draw = [float(uniform(seed, 8_000 + i, np.array([number_of]))[0]) for i in range(4)]
                band, angle = BANDS[ring], spine + offset
                area = (band[1] ** 2 - band[0] ** 2) / 2.0 * math.radians(4.4)
                middle = _polar(sum(band) / 2, angle)
                gauge = min(range(len(gauges)), key=lambda g: math.dist(gauges[g], middle)) if gauges else number % 8
                people = round(area / 1e4 * (150.0 + 100.0 * draw[0]))
                times = 12.0 if (spine, ring, offset) == CRACKED else 3.4 if spine == LEAKY else 1.0
                leak = times * (0.12 + 0.12 * draw[1]) * people * LITRES_PER_PERSON / 1e3 / DAY_S
                paved = round(45.0 + 20.0 * draw[2])
                id, sewer = f"catchment-{number_of + 1:03d}", sewage[ring][offset]
                cell = _Cell(id, band, angle, spine, round(area), paved, people, round(leak, 6), gauge, node, sewer)
                net.cells.append(cell)
    _size(net, seed)
    _equip(net)
    return net


def _upstream_first(net: _Network) -> list[int]:
    """Nodes in such an order that each comes after all that flow to it."""
    waiting = [0] * len(net.nodes)
    for node in net.nodes:
        if node.down >= 0:
            waiting[node.down] += 1
    order = [i for i, n in enumerate(waiting) if n == 0]
    for i in order:
        down = net.nodes[i].down
        if down >= 0:
            waiting[down] -= 1
            if waiting[down] == 0:
                order.append(down)
    return order


def _size(net: _Network, seed: int) -> None:
    """Diameters for the design flow, crowns in line, and enough fall."""
    load = np.zeros(len(net.nodes))
    for cell in net.cells:
        load[cell.sewage] += (2.0 * LITRES_PER_PERSON / 1e3 / DAY_S * cell.population + cell.infiltration) / SEWAGE_FILL
        load[cell.storm] += STORM_RUNOFF * cell.area * DESIGN_RAIN_MM_H / 3.6e6
    highest: dict[int, float] = {}
    lowest: dict[int, float] = {}
    for i in _upstream_first(net):
        node = net.nodes[i]
        wobble = float(uniform(seed, 8_100, np.array([i]))[0])
        node.ground = round(4.5 + 0.25 * wobble, 2)
        crown = min(highest.get(i, 99.0), node.ground - (1.5 if node.network == "sewage" else 0.8))
        if node.kind == "outfall":
            forced = i not in highest
            node.level = LAKE_LEVEL_M if node.ring == 0 else CANAL_LEVEL_M
            node.invert = round(node.level if forced else lowest[i], 3)
            continue
        if node.kind == "station":
            node.invert = round(lowest[i] - 2.5, 2)
            node.capacity = round(float(load[i]) * (0.5 if node.network == "sewage" else 0.8), 3)
            if node.spine == LEAKY and node.network == "sewage":
                node.capacity = round(0.75 * node.capacity, 3)
            continue
        down = net.nodes[node.down]
        node.length = round(math.dist(node.place, down.place), 1)
        node.roughness = (
            0.010 if load[i] < 0.1 else 0.015 if node.network == "sewage" and node.spine == LEAKY else 0.013
        )
        small = node.network == "storm" and (node.spine, node.ring) in NARROW
        design = float(load[i]) * (0.5 if small else 1.0)
        for size in SIZES_M[3 if node.network == "storm" else 0 :]:
            slope = max(0.0008, min(0.002, 0.0008 / size)) if node.network == "storm" else max(0.0008, 0.0006 / size)
            node.diameter, node.slope = size, slope
            if full_flow(size, slope, node.roughness) >= design:
                break
        node.crown = round(crown, 3)
        own = node.crown - node.diameter
        node.end_invert = round(own - node.slope * node.length, 3)
        node.invert = round(min(own, lowest.get(i, 99.0)), 3)
        highest[node.down] = min(highest.get(node.down, 99.0), node.end_invert + node.diameter)
        lowest[node.down] = min(lowest.get(node.down, 99.0), node.end_invert)
        load[node.down] += load[i]


def _equip(net: _Network) -> None:
    """Sensors: at junctions first, then at every second manhole, until the document's counts are reached."""
    fed = [0] * len(net.nodes)
    for node in net.nodes:
        if node.down >= 0:
            fed[node.down] += 1
    wanted_first = {_at(net, *place).storm for place in MISCONNECTED} | {_at(net, *CRACKED).sewage}
    for network, count in MONITORED.items():
        own = [i for i, n in enumerate(net.nodes) if n.network == network and n.kind == "manhole"]
        rank = sorted(own, key=lambda i: (i not in wanted_first, fed[i] < 2, i % 2, i % 5, i))
        for i in rank[:count]:
            net.nodes[i].monitored = True


def _at(net: _Network, spine: float, ring: int, offset: float) -> _Cell:
    """The catchment at this place, or the nearest one of its spine where that ring is not laid."""
    cells = [c for c in net.cells if c.spine == spine]
    return min(cells, key=lambda c: (c.band != BANDS[ring], abs(c.angle - spine - offset)))


# ── assets ──


def assets(scene: Scene) -> Iterable[Asset]:
    """Everything that carries, lifts or treats water; the same for the same scene."""
    net = _network(scene)

    def point(place: Point) -> dict[str, Any]:
        return {"type": "Point", "coordinates": list(lonlat(scene.center, *place))}

    for node in net.nodes:
        network_zh, network_en = ("污水", "Sewage") if node.network == "sewage" else ("雨水", "Storm")
        number = node.id.rsplit("-", 1)[1].upper()
        if node.kind == "manhole":
            title = Title(f"{network_zh}检查井{number}", f"{network_en} manhole {number}")
            yield Asset(node.id, "drainage.manhole", title, point(node.place), {
                "network": node.network, "invert_m": node.invert, "crown_m": node.crown, "ground_m": node.ground,
                "monitored": node.monitored,
            })  # fmt: skip
            down = net.nodes[node.down]
            line = [list(lonlat(scene.center, *p)) for p in _course(node, down)]
            title = Title(f"{network_zh}管{number}", f"{network_en} pipe {number}")
            yield Asset(_pipe(node), "drainage.pipe", title, {"type": "LineString", "coordinates": line}, {
                "network": node.network, "shape": "circular", "diameter_m": node.diameter, "length_m": node.length,
                "upstream_invert_m": round(node.crown - node.diameter, 3), "downstream_invert_m": node.end_invert,
                "material": "hdpe" if node.roughness == 0.010 else "concrete", "built": 2007 + 4 * node.ring,
                **({"roughness": 0.015} if node.roughness == 0.015 else {}),
            })  # fmt: skip
        elif node.kind == "station":
            kind_zh = "污水泵站" if node.network == "sewage" else "雨水强排泵站"
            title = Title(f"{kind_zh}{number}", f"{network_en} station {number}")
            yield Asset(node.id, "drainage.pump_station", title, point(node.place), {
                "network": node.network, "capacity_m3_s": node.capacity, "pumps": 3, "lift_m": _lift(node),
                "storage_area_m2": 60.0 if node.network == "sewage" else 400.0, "floor_m": node.invert,
                "alarm_level_m": round(node.invert + 2.6, 2), "ground_m": node.ground,
            })  # fmt: skip
        else:
            attributes = {
                "invert_m": node.invert,
                "water_level_m": node.level,
                "receiving": "lake" if node.ring == 0 else "canal",
            }
            yield Asset(
                node.id,
                "drainage.outfall",
                Title(f"雨水排口{number}", f"Storm outfall {number}"),
                point(node.place),
                attributes,
            )
    for id, angle, distance, capacity, _, title in PLANTS:
        yield Asset(id, "drainage.plant", title, point(_polar(distance, angle)), {
            "capacity": capacity, "peak_m3_s": round(PEAK * capacity / DAY_S, 3), "ammonia_limit": AMMONIA_LIMIT,
        })  # fmt: skip
    for cell in net.cells:
        number = cell.id.rsplit("-", 1)[1]
        corners = [
            (cell.band[0], -2.2),
            (cell.band[1], -2.2),
            (cell.band[1], 2.2),
            (cell.band[0], 2.2),
            (cell.band[0], -2.2),
        ]
        ring = [list(lonlat(scene.center, *_polar(r, cell.angle + a))) for r, a in corners]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        yield Asset(cell.id, "drainage.catchment", Title(f"汇水区{number}", f"Catchment {number}"), geometry, {
            "area_m2": cell.area, "imperviousness": cell.imperviousness, "slope": 0.3, "population": cell.population,
            "infiltration_m3_s": cell.infiltration,
        })  # fmt: skip


def _pipe(node: _Node) -> str:
    return f"pipe-{node.id.rsplit('-', 1)[1]}"


def _lift(node: _Node) -> float:
    return round(node.ground - node.invert + (6.0 if node.network == "sewage" else 1.0), 1)


def _course(node: _Node, down: _Node) -> list[Point]:
    """The pipe's line: along the ring where both ends lie on one, else straight."""
    (r0, a0), (r1, a1) = ((math.hypot(*p), math.degrees(math.atan2(p[1], p[0]))) for p in (node.place, down.place))
    if abs(r0 - r1) > 1.0:
        return [node.place, down.place]
    turn = (a1 - a0 + 180.0) % 360.0 - 180.0
    return [node.place, _polar(r0, a0 + turn / 2.0), down.place]


def cases(scene: Scene) -> Iterable[Begun]:
    """Outfalls that are being remediated, and what citizens told of."""
    outfalls = scene.assets["drainage.outfall"]
    manholes = [a.id for a in scene.assets["drainage.manhole"] if a.attributes["network"] == "storm"]
    for n, (ago, path) in enumerate(REMEDIATIONS):
        moves = [_at_manholes(move, manholes[7 * n :]) for move in path]
        yield Begun(f"outfall-{n}", "outfall_remediation", ago, tuple(moves), "排口排查清单", outfalls[3 * n % len(outfalls)].id)  # fmt: skip
    for n, (ago, told) in enumerate(((2.5, "路口井盖往外冒污水"), (0.2, "小区门口积水过脚踝"))):
        longitude, latitude = lonlat(scene.center, 1500.0 - 2600.0 * n, 1200.0)
        form = {"depth_cm": 5 + 10 * n, "water": "unknown"}
        yield Begun(f"told-{n}", "overflow", ago, ("respond",)[n:], told, citizen=True, longitude=round(longitude, 6), latitude=round(latitude, 6), form=form)  # fmt: skip


def _at_manholes(move: Move, manholes: list[str]) -> Move:
    """A move whose form names as many manholes of this city as it did."""
    if isinstance(move, str) or len(move) < 3 or not isinstance(move[2], dict) or "misconnected" not in move[2]:
        return move
    return (*move[:2], {**move[2], "misconnected": manholes[: len(move[2]["misconnected"])]})


def relations(scene: Scene) -> Iterable[Relation]:
    """Which pipe joins what, where catchments drain, which plant a station feeds, and what lies in the region."""
    net = _network(scene)
    for node in net.nodes:
        if node.kind == "manhole":
            yield Relation(_pipe(node), "drainage.starts_at", node.id)
            yield Relation(_pipe(node), "drainage.ends_at", net.nodes[node.down].id)
            yield Relation(node.id, "base.lies_in", "lingang")
        elif node.kind == "station" and node.network == "sewage":
            yield Relation(node.id, "drainage.feeds", _plant(node.spine))
        elif node.kind == "station":
            yield Relation(node.id, "drainage.discharges_to", f"outfall-{node.id.removeprefix('station-y')}3")
    for id, *_ in PLANTS:
        yield Relation(id, "drainage.serves", "lingang")
    stations = scene.assets.get("base.weather_station", ())
    for cell in net.cells:
        yield Relation(cell.id, "drainage.drains_to", net.nodes[cell.storm].id)
        yield Relation(cell.id, "drainage.sewered_to", net.nodes[cell.sewage].id)
        if stations:
            yield Relation(cell.id, "drainage.gauged_by", stations[cell.gauge].id)


def _plant(spine: float) -> str:
    return next(id for id, _, _, _, spines, _ in PLANTS if spine in spines)


# ── readings ──


@dataclass(frozen=True, slots=True)
class _Sensed:
    """Monitored manholes and stations as arrays: how each answers to people, groundwater and rain."""

    nodes: tuple[_Node, ...]
    persons: Array
    infiltration: Array
    lag_s: Array
    storm: Array  # (nodes, gauges * LAGS) contributing area [m2]
    sewer: Array  # the same for rain that finds its way into sewers
    foul: Array  # persons misconnected to a storm manhole
    outlet_invert: Array
    outlet_level: Array
    storm_leak: Array


@lru_cache(4)
def _sensed(seed: int, arcs: _Arcs, gauges: tuple[Point, ...]) -> _Sensed:
    net = _laid(seed, arcs, gauges)
    number = {i: k for k, i in enumerate(i for i, n in enumerate(net.nodes) if n.monitored or n.kind == "station")}
    n, g = len(number), max(8, len(gauges))
    persons, infiltration, travel, foul, storm_leak = (np.zeros(n) for _ in range(5))
    storm, sewer = np.zeros((n, g, LAGS)), np.zeros((n, g, LAGS))
    misconnected = {_at(net, *place).storm for place in MISCONNECTED}

    def downstream(i: int, speed: float) -> Iterator[tuple[int, float]]:
        time = 0.0
        while i >= 0:
            if i in number:
                yield number[i], time
            time += net.nodes[i].length / speed
            i = net.nodes[i].down

    for cell in net.cells:
        for k, time in downstream(cell.sewage, 0.8):
            persons[k] += cell.population
            infiltration[k] += cell.infiltration
            travel[k] += cell.population * time
            share = 0.055 if cell.spine == LEAKY else 0.02
            sewer[k, cell.gauge, min(LAGS - 1, round(time / STEP_S))] += share * cell.area
        for k, time in downstream(cell.storm, 1.3):
            storm[k, cell.gauge, min(LAGS - 1, round(time / STEP_S))] += cell.imperviousness / 100.0 * 0.9 * cell.area
            storm_leak[k] += 0.00012
            foul[k] += 3200.0 * (cell.storm in misconnected)
    inverts, levels = np.zeros(n), np.zeros(n)
    for i, k in number.items():
        j = i
        while net.nodes[j].down >= 0:
            j = net.nodes[j].down
        inverts[k], levels[k] = net.nodes[j].invert, net.nodes[j].level if net.nodes[j].kind == "outfall" else -99.0
    lag = np.divide(travel, persons, out=np.zeros(n), where=persons > 0)
    nodes = tuple(net.nodes[i] for i in number)
    return _Sensed(
        nodes, persons, infiltration, lag, storm.reshape(n, -1), sewer.reshape(n, -1), foul, inverts, levels, storm_leak
    )


@lru_cache(1)
def _pattern() -> Array:
    """Hourly factors of dry-weather flow on weekdays and weekends, closed over midnight: (2, 26), from -0.5 h on."""
    with Path(__file__).with_name("dry_weather_pattern.csv").open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    days = np.array([[float(r[k]) for r in rows] for k in ("weekday", "weekend")])
    return np.concatenate([days[:, -1:], days, days[:, :1]], axis=1)


@lru_cache(1)
def _rdii() -> Array:
    """Response of sewers to rain: the triangles of the table hydrograph, together 1."""
    with Path(__file__).with_name("hydrograph.csv").open(encoding="utf-8", newline="") as f:
        parts = [
            unit_response(float(r["share"]), float(r["peak_h"]), float(r["recession"]), STEP_S)
            for r in csv.DictReader(f)
        ]
    whole = np.zeros(max(len(p) for p in parts))
    for part in parts:
        whole[: len(part)] += part
    return whole


def _dry_weather(time_s: Array, zone_s: float) -> Array:
    """Factor of dry-weather flow at any times, by the local hour and kind of day."""
    local = time_s + zone_s
    hour = local % DAY_S / 3600.0
    weekend = (np.floor(local / DAY_S) + 3) % 7 >= 5  # 1970-01-01 was a Thursday
    pattern, at = _pattern(), np.arange(26) - 0.5
    return np.asarray(np.where(weekend, np.interp(hour, at, pattern[1]), np.interp(hour, at, pattern[0])))


def readings(scene: Scene, since: datetime, until: datetime) -> Iterator[pa.Table]:
    """One table per UTC day; every day is made whole and then cut, so that no cut shows."""
    begin, end = _seconds(since), _seconds(until)
    for day in range(math.floor(begin / DAY_S), math.ceil(end / DAY_S)):
        streams, values, present = _day(scene, day)
        time_s = day * DAY_S + STEP_S * np.arange(STEPS)
        wanted = (time_s >= begin) & (time_s < end)
        keep = present[:, wanted]
        counts = keep.sum(axis=1)
        if not counts.sum():
            continue
        codes = np.repeat(np.arange(len(streams), dtype=np.int32), counts)
        times = np.broadcast_to(time_s[wanted], keep.shape)[keep]
        yield pa.table(
            {
                "stream": pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(streams, pa.string())),
                "time": pa.array(times * 1_000_000, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
                "value": pa.array(values[:, wanted][keep], pa.float64()),
            }
        )


def _seconds(time: datetime) -> float:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Water:
    """Where the water at each sensed node comes from over a day [m3/s], and how wet the day is, from 0 to 1."""

    domestic: Array
    ground: Array
    seep: Array
    foul: Array
    canal: Array
    runoff: Array
    flow: Array
    wet: Array


def _day(scene: Scene, day: int) -> tuple[list[str], Array, NDArray[np.bool_]]:
    """Stream ids in order, their values (streams, steps) over a UTC day, and which of them arrive."""
    s = _sensed(*_key(scene))
    step = day * STEPS + np.arange(STEPS)
    offset = datetime.fromtimestamp(day * DAY_S, ZoneInfo(scene.zone)).utcoffset()
    zone_s = offset.total_seconds() if offset else 0.0
    water = _water(s, scene.seed, step, zone_s)
    series = _manhole_series(s, scene.seed, step, water)
    inflow, sewage = ({id: np.zeros(STEPS) for id, *_ in PLANTS} for _ in range(2))
    for k, node in enumerate(s.nodes):
        if node.kind != "station":
            continue
        if node.network == "sewage":
            inflow[_plant(node.spine)] += np.minimum(water.flow[k], 1.15 * node.capacity)
            sewage[_plant(node.spine)] += water.domestic[k]
        series |= _station(scene.seed, k, node, water.flow[k], step)
    for k, (id, _, _, capacity_d, _, _) in enumerate(PLANTS):
        series |= _plant_series(scene.seed, k, id, capacity_d, inflow[id], sewage[id], step)
    streams = sorted(series)
    present = np.ones((len(streams), STEPS), bool)
    hour = (step * STEP_S + zone_s) % DAY_S // 3600
    _, _, *faint = _faulty(s)
    for i, stream in enumerate(streams):
        point = stream.partition(".")[0]
        if point in faint:  # a tired battery: an hour a day of life, at noon or towards evening
            present[i] = hour == (12 if point == faint[0] else 18)
    return streams, np.stack([series[name] for name in streams]), present


def _water(s: _Sensed, seed: int, step: NDArray[np.int64], zone_s: float) -> _Water:
    """Sewage by the hour, groundwater by the season, and what rain brings, at every sensed node."""
    time_s = step * float(STEP_S)
    gauges = s.storm.shape[1] // LAGS
    edge = time_s[0] + STEP_S * np.arange(-MEMORY - LAGS, STEPS)
    rain = storm_depth(seed, np.arange(gauges)[:, None], edge, edge + STEP_S) / 1000.0 / STEP_S  # m/s
    street, sewer = unit_response(1.0, 0.2, 1.67, STEP_S), _rdii()
    quick = np.stack([np.convolve(r, street)[: len(edge)] for r in rain])
    slow = np.stack([np.convolve(r, sewer)[: len(edge)] for r in rain])
    lagged = (MEMORY + LAGS + np.arange(STEPS))[None, :] - np.arange(LAGS)[:, None]
    runoff = s.storm @ quick[:, lagged].reshape(gauges * LAGS, STEPS)
    seep = s.sewer @ slow[:, lagged].reshape(gauges * LAGS, STEPS)
    wet = np.tanh(slow[:, MEMORY + LAGS :].mean(axis=0) * 3.6e6 / 4.0)

    people = _dry_weather(time_s[None, :] - s.lag_s[:, None], zone_s) * LITRES_PER_PERSON / 1e3 / DAY_S
    people = people * (1.0 + 0.04 * smooth(seed, 8_200, time_s / 7200.0))
    domestic, foul = s.persons[:, None] * people, s.foul[:, None] * people
    season = 1.0 + 0.12 * np.sin(2 * np.pi * (time_s / 31_556_952.0 - 0.3))
    ground = s.infiltration[:, None] * (season + 0.25 * wet)
    canal = s.storm_leak[:, None] * (1.0 + 0.3 * wet)
    sewage = np.array([n.network == "sewage" for n in s.nodes])[:, None]
    flow = np.where(sewage, domestic + ground + seep, canal + foul + runoff)
    return _Water(domestic, ground, seep, foul, canal, runoff, flow, wet)


def _manhole_series(s: _Sensed, seed: int, step: NDArray[np.int64], water: _Water) -> dict[str, Array]:
    """What the sensors of monitored manholes read."""
    time_s = step * float(STEP_S)
    m = np.array([k for k, n in enumerate(s.nodes) if n.kind == "manhole"])
    manholes = [s.nodes[k] for k in m]
    sewage = np.array([n.network == "sewage" for n in manholes])[:, None]
    row, now = m[:, None], step[None, :]

    def of(name: str) -> Array:
        return np.array([getattr(n, name) for n in manholes])[:, None]

    capacity = full_flow(of("diameter"), of("slope"), of("roughness"))
    load = water.flow[m] / capacity
    bed = of("crown") - of("diameter")
    uniform_level = bed + of("diameter") * filling(load) + 0.9 * np.maximum(load**2 - 1.0, 0.0)
    backwater = s.outlet_level[m][:, None] + 0.04 * smooth(seed, 8_210, time_s / 21_600.0) + 0.2 * water.wet
    drowned = backwater + np.minimum(load, 1.6) ** 2 * np.maximum(bed - s.outlet_invert[m][:, None], 0.0)
    level = np.where(sewage, uniform_level, np.maximum(uniform_level, drowned))
    level = np.minimum(level, of("ground") + 0.12 * np.tanh(np.maximum(load - 1.0, 0.0)))
    level = np.round(level + 0.003 * normal(seed, 8_300 + row, now), 3)
    stuck, drifting, *_ = _faulty(s)
    for k, node in enumerate(manholes):
        if node.id == stuck:
            level[k] = round(node.invert + 0.42, 3)  # flat since a rag caught the float
        if node.id == drifting:
            level[k] = np.round(level[k] + 0.006 * (time_s / DAY_S % 30.0), 3)  # until it is set right, every 30 days

    flow = np.minimum(water.flow[m], 1.35 * capacity) * (1.0 + 0.02 * normal(seed, 8_900 + row, now))
    flow = np.round(np.maximum(flow + 0.0002 * normal(seed, 9_500 + row, now), 0.0), 4)

    # conductivity: of sewage, brackish groundwater, canal water and rain by their shares of the flow [uS/cm]
    foul = 980.0 * water.domestic[m] + 2300.0 * water.ground[m] + 90.0 * water.seep[m]
    clear = 420.0 * water.canal[m] + 1050.0 * water.foul[m] + 85.0 * water.runoff[m]
    conductivity = np.where(sewage, foul, clear) / np.maximum(water.flow[m], 1e-9)
    conductivity = conductivity * (1.0 + 0.02 * smooth(seed, 10_100 + row, time_s / 3600.0))
    conductivity = np.round(conductivity + 6.0 * normal(seed, 10_700 + row, now))
    tables = {"level": level, "flow": flow, "conductivity": conductivity}
    return {
        stream_id(node.id, f"drainage.{name}"): table[k]
        for name, table in tables.items()
        for k, node in enumerate(manholes)
    }


def _faulty(s: _Sensed) -> list[str]:
    """Sewage points with a stuck and a drifting level sensor, and two with a tired battery."""
    own = [n.id for n in s.nodes if n.kind == "manhole" and n.network == "sewage"]
    return [own[17], own[41], own[29], own[66]]


def _station(seed: int, number: int, node: _Node, arriving: Array, step: NDArray[np.int64]) -> dict[str, Array]:
    """A station keeps up with what arrives, pumping now and then when that is little, up to its capacity."""
    single = node.capacity / 3.0
    duty = np.clip(arriving / (0.6 * single), 0.0, 1.0)
    turn = ((step + 2 * number) % 6 + 0.5) / 6.0  # pumps start every half an hour
    on = turn < np.where(duty < 0.08, 0.0, np.maximum(duty, 1.0 / 6.0))
    pumped = np.minimum(arriving, node.capacity)
    pumps_now = np.where(on, pumped / np.maximum(np.minimum(1.0, np.ceil(duty * 6.0 - 0.5) / 6.0), 1.0 / 6.0), 0.0)
    flow = np.round(np.minimum(pumps_now, node.capacity) * (1.0 + 0.01 * normal(seed, 11_300 + number, step)), 4)
    excess = np.maximum(arriving / node.capacity - 1.0, 0.0)
    full = np.minimum(arriving / node.capacity, 1.0)
    level = node.invert + 0.9 + 0.25 * turn * (duty < 1.0) + 1.1 * full + 3.5 * excess
    level = np.minimum(level, node.ground - 0.2) + 0.004 * normal(seed, 11_400 + number, step)
    power = 9.81 * flow * _lift(node) / 0.68 + 0.6 + 0.1 * smooth(seed, 11_500 + number, step / 12.0)
    name = f"{node.id}.drainage"
    return {
        f"{name}.well_level": np.round(level, 3),
        f"{name}.pumped_flow": np.maximum(flow, 0.0),
        f"{name}.power": np.round(power, 2),
        f"{name}.running": (flow > 0).astype(float),
    }


def _plant_series(
    seed: int, number: int, id: str, capacity_d: float, inflow: Array, sewage: Array, step: NDArray[np.int64]
) -> dict[str, Array]:
    """What a plant takes in and lets out; when more comes than it is built for, ammonia breaks through."""

    def noise(k: int, width: float) -> Array:
        return np.asarray(width * smooth(seed, 11_700 + 20 * number + k, step / 12.0))

    flow = inflow * (1.0 + 0.01 * normal(seed, 11_600 + number, step))
    share = np.clip(sewage / np.maximum(inflow, 1e-9), 0.05, 1.0)
    load = inflow * DAY_S / capacity_d
    cod, ammonia = 470.0 * share * (1.0 + noise(1, 0.05)), 42.0 * share * (1.0 + noise(2, 0.04))
    strain = np.maximum(load - 1.15, 0.0)
    name = f"{id}.drainage"
    return {
        f"{name}.inflow": np.round(flow, 4),
        f"{name}.influent_cod": np.round(cod, 1),
        f"{name}.influent_ammonia": np.round(ammonia, 2),
        f"{name}.effluent_cod": np.round(24.0 + 4.0 * load + noise(3, 2.0) + 12.0 * strain, 1),
        f"{name}.effluent_ammonia": np.round((0.8 + 0.7 * load + noise(4, 0.15) + 22.0 * strain).clip(0.05), 2),
        f"{name}.effluent_phosphorus": np.round((0.22 + 0.05 * load + noise(5, 0.02)).clip(0.02), 3),
    }


# ── registers ──


def records(scene: Scene, since: datetime, until: datetime) -> Iterator[pa.Table]:
    """Registers of each month, written at noon of its last day: people and water of the region, work of the plants."""
    zone = ZoneInfo(scene.zone)
    series: dict[str, list[tuple[int, float]]] = {}
    first, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        month = date(number // 12, number % 12 + 1, 1)
        following = date((number + 1) // 12, (number + 1) % 12 + 1, 1)
        closed = datetime.combine(following - timedelta(days=1), datetime.min.time(), zone) + timedelta(hours=12)
        if not since <= closed < until:
            continue
        for stream, value in _month(scene.seed, number, (following - month).days):
            series.setdefault(stream, []).append((int(_seconds(closed)) * 1_000_000, value))
    if series:
        streams = sorted(series)
        yield pa.table(
            {
                "stream": pa.array([name for name in streams for _ in series[name]], pa.string()),
                "time": pa.array([t for name in streams for t, _ in series[name]], pa.int64()).cast(
                    pa.timestamp("us", tz="UTC")
                ),
                "value": pa.array([v for name in streams for _, v in series[name]], pa.float64()),
            }
        )


def messages(scene: Scene, time: datetime) -> Iterator[tuple[str, bytes]]:
    """What a terminal at a sensed manhole publishes, in each of the forms that the pack takes."""
    manhole = next(a.id for a in scene.assets["drainage.manhole"] if a.attributes["monitored"])
    at = int(time.timestamp())
    yield f"drainage/{manhole}/level", b"1.234"
    yield f"drainage/{manhole}/up", json.dumps({"ts": at, "level": 1.234, "flow": 35.5, "cond": 986}).encode()
    pack = [{"bn": "", "bt": at, "n": "level", "u": "m", "v": 1.234}, {"n": "conductivity", "v": 986}]
    yield f"drainage/{manhole}/senml", json.dumps(pack).encode()
    local = time.astimezone(ZoneInfo(scene.zone))
    yield "drainage/export/level", f"点位编号,时间,水位(m)\n{manhole},{local:%Y-%m-%d %H:%M:%S},1.234\n".encode()


def _month(seed: int, number: int, days: int) -> Iterator[tuple[str, float]]:
    """A month of the region and its plants: sewers are extended and mended, so collection and treatment rise."""
    years = number / 12.0 - 2020.0
    grown = 8.0 * (1.0 - math.exp(-max(years, 0.0) / 8.0)) * 1.25  # slows down after the first years

    def jitter(k: int, width: float) -> float:
        return 1.0 + width * float(np.clip(normal(seed, 12_000 + k, np.array([number]))[0], -2.5, 2.5))

    summer = 1.0 - 0.04 * math.cos(2.0 * math.pi * (number % 12 - 0.5) / 12.0)
    treated_d = (36_000.0 + 3_250.0 * grown) * summer * jitter(0, 0.01)
    treatment = 0.988 - 0.072 * math.exp(-max(years, 0.0) / 3.0)
    people = round((236_000.0 + 15_500.0 * grown) * jitter(1, 0.001))
    yield stream_id("lingang", "drainage.urban_population"), float(people)
    yield (
        stream_id("lingang", "drainage.water_supplied"),
        round(treated_d * days / 0.85 / (treatment * jitter(2, 0.003))),
    )
    for k, (id, *_) in enumerate(PLANTS):
        bod = (151.0 + 8.4 * grown) / summer * jitter(10 + k, 0.015)
        ratio = (0.47 + 0.02 * k) * jitter(20 + k, 0.01)
        yield stream_id(id, "drainage.treated_volume"), round((0.51, 0.49)[k] * treated_d * days)
        yield stream_id(id, "drainage.mean_influent_cod"), round(bod / ratio, 1)
        yield stream_id(id, "drainage.bod_cod_ratio"), round(ratio, 3)
