"""Does the demo city hold together? Geometry against plain checks on points and edges."""

import math
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

import pytest

from citytwin.kernel.asset import Asset
from citytwin.kernel.demo import Scene
from citytwin.packs.base import demo
from citytwin.science.geodesy import metres

Point = tuple[float, float]
Shape = list[Point]
City = dict[str, list[Asset]]

CENTER = (121.93, 30.89)
SCENE = Scene(CENTER, "Asia/Shanghai", 2022, {})


@pytest.fixture(scope="module")
def city() -> City:
    by_type: City = defaultdict(list)
    for asset in demo.assets(SCENE):
        by_type[asset.type.removeprefix("base.")].append(asset)
    return by_type


def outline(asset: Asset) -> Any:
    assert asset.geometry is not None
    return asset.geometry["coordinates"]


def rings(asset: Asset) -> list[Shape]:
    return [[metres(CENTER, *p) for p in ring] for ring in outline(asset)]


def area(ring: Shape) -> float:
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring)) / 2


def inside(point: Point, ring: Shape) -> bool:
    x, y = point
    odd = False
    for (x0, y0), (x1, y1) in pairwise(ring):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            odd = not odd
    return odd


def side(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def overlap(p: Shape, q: Shape) -> bool:
    if any(cross(*e, *f) for e in pairwise(p) for f in pairwise(q)):
        return True
    return inside(p[0], q) or inside(q[0], p)


def near_pairs(shapes: list[Shape], cell: float = 200.0) -> Iterator[tuple[int, int]]:
    """Pairs of shapes whose bounding boxes meet."""
    boxes = [(min(x for x, _ in s), min(y for _, y in s), max(x for x, _ in s), max(y for _, y in s)) for s in shapes]
    grid: dict[Point, list[int]] = defaultdict(list)
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        for cx in range(math.floor(x0 / cell), math.floor(x1 / cell) + 1):
            for cy in range(math.floor(y0 / cell), math.floor(y1 / cell) + 1):
                grid[cx, cy].append(i)
    pairs = {pair for members in grid.values() for pair in combinations(members, 2)}
    for i, j in pairs:
        a, b = boxes[i], boxes[j]
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]:
            yield i, j


def test_assets_come_fast_and_are_the_same_every_time() -> None:
    begin = time.perf_counter()
    first = list(demo.assets(SCENE))
    assert time.perf_counter() - begin < 1.5
    assert first == list(demo.assets(SCENE))
    assert first != list(demo.assets(Scene(CENTER, "Asia/Shanghai", 7, {})))


def test_the_city_has_the_size_it_is_meant_to_have(city: City) -> None:
    assert 2500 <= len(city["building"]) <= 4000
    assert 90 <= len(city["road"]) <= 130
    assert len(city["region"]) == 9
    assert len(city["weather_station"]) == 8
    ids = [a.id for assets in city.values() for a in assets]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("kind", ["region", "building", "water", "green"])
def test_polygons_are_closed_simple_and_wind_as_rfc_7946_says(city: City, kind: str) -> None:
    for asset in city[kind]:
        if asset.geometry is None:
            assert asset.id in ("shanghai", "lingang")
            continue
        for ring in outline(asset):
            assert ring[0] == ring[-1], asset.id
            assert len(ring) >= 4, asset.id
            assert all(p != q for p, q in pairwise(ring)), asset.id
            assert all(round(c, 7) == c for p in ring for c in p), asset.id
        for n, ring in enumerate(rings(asset)):
            assert (area(ring) > 1.0) if n == 0 else (area(ring) < -1.0), asset.id
            edges = list(pairwise(ring))
            assert not any(cross(*e, *f) for e, f in combinations(edges, 2)), asset.id


def test_footprints_are_light(city: City) -> None:
    assert max(len(outline(a)[0]) - 1 for a in city["building"]) <= 12


def test_no_two_buildings_overlap(city: City) -> None:
    shapes = [rings(a)[0] for a in city["building"]]
    assert [(i, j) for i, j in near_pairs(shapes) if overlap(shapes[i], shapes[j])] == []


def test_no_building_stands_in_water(city: City) -> None:
    shapes = [rings(a)[0] for a in city["building"]]
    for water in city["water"]:
        shore, *islands = rings(water)
        west, east = min(x for x, _ in shore), max(x for x, _ in shore)
        for shape, asset in zip(shapes, city["building"], strict=True):
            if not west <= shape[0][0] <= east:
                continue
            for point in shape:
                wet = inside(point, shore) and not any(inside(point, island) for island in islands)
                assert not wet, (asset.id, water.id)


def test_no_road_runs_through_a_building(city: City) -> None:
    edges = [edge for a in city["road"] for edge in pairwise([metres(CENTER, *p) for p in outline(a)])]
    split: list[tuple[Point, Point]] = []
    for p, q in edges:
        n = max(1, math.ceil(math.dist(p, q) / 200.0))
        at = [(p[0] + (q[0] - p[0]) * i / n, p[1] + (q[1] - p[1]) * i / n) for i in range(n + 1)]
        split += pairwise(at)
    shapes = [rings(a)[0] for a in city["building"]]
    lines = [list(edge) for edge in split]
    count = len(shapes)
    hits = [
        (i, j)
        for i, j in near_pairs(shapes + lines)
        if (i < count) != (j < count)
        and any(cross(*e, *(shapes + lines)[max(i, j)]) for e in pairwise(shapes[min(i, j)]))
    ]
    assert hits == []


def test_the_lake_is_round_and_has_three_islands(city: City) -> None:
    lake = next(a for a in city["water"] if a.id == "water-lake")
    shore, *islands = rings(lake)
    assert len(islands) == 3
    assert all(abs(math.hypot(*p) - 1270) < 2 for p in shore)
    land = sum(-area(i) for i in islands)
    assert lake.attributes["area_m2"] == pytest.approx(math.pi * 1270**2 - land, rel=0.002)


def test_lengths_and_areas_of_attributes_against_coordinates(city: City) -> None:
    for road in city["road"]:
        points = [metres(CENTER, *p) for p in outline(road)]
        assert road.attributes["length_m"] == pytest.approx(sum(math.dist(*e) for e in pairwise(points)), abs=0.2)
    for building in city["building"]:
        footprint = area(rings(building)[0])
        assert building.attributes["floor_area_m2"] == pytest.approx(
            footprint * building.attributes["floors"], rel=0.01
        )
        assert 2.5 < building.attributes["height_m"] / building.attributes["floors"] < 11.5


def test_towers_stand_in_the_west_of_the_business_ring(city: City) -> None:
    tallest = sorted(city["building"], key=lambda a: -a.attributes["height_m"])[:20]
    for a in tallest:
        x, y = rings(a)[0][0]
        assert x < 0
        assert 1400 < math.hypot(x, y) < 2100
    assert 150 < tallest[0].attributes["height_m"] < 400


def test_districts_tile_without_overlap_and_hold_every_building(city: City) -> None:
    shapes = {a.id: rings(a)[0] for a in city["region"] if a.geometry}
    lies_in = {r.source: r.target for r in demo.relations(SCENE) if r.type == "base.lies_in"}
    assert set(lies_in.values()) == set(shapes)
    for building in city["building"]:
        point = rings(building)[0][0]
        assert inside(point, shapes[lies_in[building.id]]), building.id
        assert sum(inside(point, s) for s in shapes.values()) == 1, building.id
    for station in city["weather_station"]:
        assert inside(metres(CENTER, *outline(station)), shapes[lies_in[station.id]]), station.id


def test_relations_join_assets_that_exist(city: City) -> None:
    ids = {a.id for assets in city.values() for a in assets}
    relations = list(demo.relations(SCENE))
    assert all(r.source in ids and r.target in ids for r in relations)
    part_of = {r.source: r.target for r in relations if r.type == "base.part_of"}
    assert part_of["lingang"] == "shanghai"
    assert len(part_of) == 8
