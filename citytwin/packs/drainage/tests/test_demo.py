"""Could it be a real city? Networks that drain by gravity, and sensors that read what water does."""

import math
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray

from citytwin.kernel.asset import Asset
from citytwin.kernel.demo import Scene
from citytwin.packs.base import demo as base_demo
from citytwin.packs.drainage import demo
from citytwin.science.geodesy import metres

CENTER = (121.93, 30.89)
DAY = datetime(2026, 7, 1, 16, tzinfo=UTC)  # midnight in Shanghai, Thursday 2 July


@pytest.fixture(scope="module")
def scene() -> Scene:
    bare = Scene(CENTER, "Asia/Shanghai", 2022, {})
    found: dict[str, list[Asset]] = defaultdict(list)
    for asset in base_demo.assets(bare):
        if asset.type != "base.building":
            found[asset.type].append(asset)
    return Scene(bare.center, bare.zone, bare.seed, {k: tuple(v) for k, v in found.items()})


@pytest.fixture(scope="module")
def assets(scene: Scene) -> dict[str, Asset]:
    return {a.id: a for a in demo.assets(scene)}


@pytest.fixture(scope="module")
def ends(scene: Scene) -> dict[str, tuple[str, str]]:
    start = {r.source: r.target for r in demo.relations(scene) if r.type == "drainage.starts_at"}
    stop = {r.source: r.target for r in demo.relations(scene) if r.type == "drainage.ends_at"}
    return {pipe: (start[pipe], stop[pipe]) for pipe in start}


@pytest.fixture(scope="module")
def week(scene: Scene) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Times [s] and values of every stream over seven days."""
    table = joined(demo.readings(scene, DAY, DAY + timedelta(days=7)))
    stream, time_s, value = (table[c].to_numpy() for c in ("stream", "time", "value"))
    order = np.argsort(stream, kind="stable")
    names, first = np.unique(stream[order], return_index=True)
    seconds = time_s.astype("datetime64[s]").astype(np.int64)[order]
    parts = zip(names, np.split(seconds, first[1:]), np.split(value[order], first[1:]), strict=True)
    return {name: (t, v) for name, t, v in parts}


def joined(tables: Any) -> pa.Table:
    return pa.concat_tables([t.set_column(0, "stream", t["stream"].cast(pa.string())) for t in tables])


# ── networks ──


def test_the_monitored_points_are_the_documents(assets: dict[str, Asset]) -> None:
    manholes = [a for a in assets.values() if a.type == "drainage.manhole"]
    assert Counter(a.attributes["network"] for a in manholes if a.attributes["monitored"]) == {
        "sewage": 93,
        "storm": 65,
    }
    assert len(manholes) > 300


def test_nothing_lies_in_the_lake_or_the_sea(assets: dict[str, Asset]) -> None:
    for asset in assets.values():
        assert asset.geometry is not None
        places = np.array(asset.geometry["coordinates"], float).reshape(-1, 2)
        for lon, lat in places:
            east, north = metres(CENTER, lon, lat)
            assert math.hypot(east, north) > base_demo.SHORE
            if asset.type != "drainage.catchment":
                assert math.hypot(east, north) < base_demo._coast(math.degrees(math.atan2(north, east)))


def test_water_runs_downhill_in_every_pipe(assets: dict[str, Asset], ends: dict[str, tuple[str, str]]) -> None:
    for pipe, (start, stop) in ends.items():
        own, above, below = assets[pipe].attributes, assets[start].attributes, assets[stop].attributes
        assert own["upstream_invert_m"] > own["downstream_invert_m"]
        assert above["invert_m"] <= own["upstream_invert_m"] + 1e-6
        bed = below["floor_m"] if "floor_m" in below else below["invert_m"]
        assert bed <= own["downstream_invert_m"] + 1e-6
        assert own["upstream_invert_m"] + own["diameter_m"] <= above["ground_m"] - 0.5


def test_every_manhole_leads_to_a_station_or_an_outfall_of_its_network(
    assets: dict[str, Asset], ends: dict[str, tuple[str, str]]
) -> None:
    down = dict(ends.values())
    for id, asset in assets.items():
        if asset.type == "drainage.manhole":
            steps = 0
            while id in down:
                id, steps = down[id], steps + 1
                assert steps < 50
            end = assets[id]
            assert end.type in ("drainage.pump_station", "drainage.outfall")
            assert end.attributes.get("network", "storm") == asset.attributes["network"]


def test_networks_without_base_assets_can_be_built_too() -> None:
    bare = Scene(CENTER, "Asia/Shanghai", 1, {})
    assert len(list(demo.assets(bare))) > 600
    assert not any(r.type == "drainage.gauged_by" for r in demo.relations(bare))


# ── readings ──


def test_a_day_is_140_000_readings_in_order_and_quick(scene: Scene) -> None:
    list(demo.readings(scene, DAY, DAY + timedelta(days=1)))
    begin = time.process_time()
    tables = list(demo.readings(scene, DAY, DAY + timedelta(days=1)))
    assert time.process_time() - begin < 2.0  # 0.2 s on an idle machine
    assert sum(t.num_rows for t in tables) > 140_000
    for table in tables:
        plain = joined([table])
        assert plain.equals(plain.sort_by([("stream", "ascending"), ("time", "ascending")]))


@pytest.mark.parametrize("cut", [timedelta(minutes=5), timedelta(hours=7, minutes=3), timedelta(hours=40)])
def test_no_cut_shows(scene: Scene, cut: timedelta) -> None:
    since, until = DAY + timedelta(hours=3), DAY + timedelta(hours=48)

    def rows(a: datetime, b: datetime) -> pa.Table:
        return joined(demo.readings(scene, a, b))

    order = [("stream", "ascending"), ("time", "ascending")]
    parts = pa.concat_tables([rows(since, since + cut), rows(since + cut, until)]).sort_by(order)
    assert parts.equals(rows(since, until).sort_by(order).combine_chunks())


def test_sewage_follows_the_day_and_weekends_wake_late(scene: Scene, week: dict[str, Any]) -> None:
    id = next(n.id for n in demo._network(scene).nodes if n.monitored and n.network == "sewage" and n.diameter >= 0.6)
    time_s, flow = week[f"{id}.drainage.flow"]
    hour = (time_s // 3600 + 8) % 24
    weekend = ((time_s + 28_800) // 86_400 + 3) % 7 >= 5
    typical = {k: np.median(flow[(hour == k) & ~weekend]) for k in (3, 4, 8, 19)}
    assert typical[4] < 0.6 * typical[8]
    assert typical[19] > typical[8] > typical[3]
    assert np.median(flow[(hour == 7) & weekend]) < np.median(flow[(hour == 7) & ~weekend])


def test_levels_stay_between_the_invert_and_just_above_ground(assets: dict[str, Asset], week: dict[str, Any]) -> None:
    for id, asset in assets.items():
        if f"{id}.drainage.level" in week:
            level = week[f"{id}.drainage.level"][1]
            assert level.min() > asset.attributes["invert_m"] - 0.03
            assert level.max() < asset.attributes["ground_m"] + 0.35


def test_rain_dilutes_sewage_and_fills_storm_sewers(scene: Scene, week: dict[str, Any]) -> None:
    net = demo._network(scene)
    wet = max(
        (n.id for n in net.nodes if n.monitored and n.network == "storm"),
        key=lambda i: week[f"{i}.drainage.flow"][1].max(),
    )
    flow, conductivity = week[f"{wet}.drainage.flow"][1], week[f"{wet}.drainage.conductivity"][1]
    assert flow.max() > 1.0
    assert np.quantile(flow, 0.25) < 0.05
    assert conductivity[flow.argmax()] < 150 < np.median(conductivity)


def test_misconnected_storm_sewers_alone_carry_sewage_when_dry(scene: Scene, week: dict[str, Any]) -> None:
    net = demo._network(scene)
    own = {demo._at(net, *place).storm for place in demo.MISCONNECTED}
    below = set()
    for i in own:
        while i >= 0:
            below.add(net.nodes[i].id)
            i = net.nodes[i].down
    for node in net.nodes:
        if node.monitored and node.network == "storm":
            foul = np.median(week[f"{node.id}.drainage.conductivity"][1]) > 700
            assert foul == (node.id in below)


def test_one_sensor_is_stuck_and_two_are_silent_most_of_the_day(week: dict[str, Any]) -> None:
    levels = {k: v for k, v in week.items() if k.endswith(".level")}
    assert sum(np.ptp(v) == 0 for _, v in levels.values()) == 1
    assert sorted(len(v) for _, v in levels.values())[:3] == [7 * 12, 7 * 12, 7 * 288]


def test_stations_pump_no_more_than_they_can_and_only_when_running(
    assets: dict[str, Asset], week: dict[str, Any]
) -> None:
    for id, asset in assets.items():
        if asset.type == "drainage.pump_station":
            flow, running = week[f"{id}.drainage.pumped_flow"][1], week[f"{id}.drainage.running"][1]
            assert flow.max() <= 1.06 * asset.attributes["capacity_m3_s"]
            assert ((flow > 0) == (running == 1)).all()
            assert set(running) <= {0.0, 1.0}


# ── registers ──


def test_registers_close_once_a_month_since_2020_and_no_cut_shows(scene: Scene) -> None:
    first, last = datetime(2019, 12, 31, 16, tzinfo=UTC), datetime(2026, 7, 10, tzinfo=UTC)
    whole = pa.concat_tables(demo.records(scene, first, last))
    assert set(Counter(whole["stream"].to_pylist()).values()) == {78}
    assert pc.max(whole["time"]).as_py() < last
    middle = datetime(2023, 2, 28, 4, tzinfo=UTC)  # the very noon at which February closes
    order = [("stream", "ascending"), ("time", "ascending")]
    parts = pa.concat_tables([*demo.records(scene, first, middle), *demo.records(scene, middle, last)]).sort_by(order)
    assert parts.equals(whole.sort_by(order).combine_chunks())


def test_no_month_has_closed_at_its_beginning(scene: Scene) -> None:
    assert list(demo.records(scene, datetime(2026, 6, 30, 16, tzinfo=UTC), datetime(2026, 7, 20, tzinfo=UTC))) == []
