"""Does the demo play the same however it is cut, and at the scale it says?"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from citytwin.kernel.demo import Scene
from citytwin.packs.base import demo as base
from citytwin.packs.institution import demo

UNTIL = datetime(2026, 11, 22, 5, 20, tzinfo=UTC)


def with_assets(scene, assets):
    held = {k: list(v) for k, v in scene.assets.items()}
    for asset in assets:
        held.setdefault(asset.type, []).append(asset)
    return Scene(scene.center, scene.zone, scene.seed, {k: tuple(v) for k, v in held.items()})


@pytest.fixture(scope="module")
def scene():
    bare = Scene((121.93, 30.89), "Asia/Shanghai", 2022, {})
    placed = with_assets(bare, base.assets(bare))
    return with_assets(placed, demo.assets(placed))


def joined(tables):
    return pa.concat_tables([t.set_column(0, "stream", t["stream"].cast(pa.string())) for t in tables]).sort_by(
        [("stream", "ascending"), ("time", "ascending")]
    )


@pytest.mark.parametrize("play", ["readings", "records"])
@pytest.mark.parametrize("cut", [timedelta(hours=7, minutes=11), timedelta(days=1, minutes=15), timedelta(0)])
def test_cut_changes_nothing(scene, play, cut):
    since = UNTIL - (timedelta(days=2) if play == "readings" else timedelta(days=400))
    middle = since + cut * (1 if play == "readings" else 100)
    series = getattr(demo, play)
    whole = joined(series(scene, since, UNTIL))
    assert whole.num_rows > 0
    assert whole.equals(joined([*series(scene, since, middle), *series(scene, middle, UNTIL)]))
    times = whole["time"].cast(pa.int64()).to_numpy() / 1e6
    assert since.timestamp() <= times.min()
    assert times.max() < UNTIL.timestamp()


def test_tables_are_sorted_and_without_doubles(scene):
    for tables in (
        demo.readings(scene, UNTIL - timedelta(days=1), UNTIL),
        demo.records(scene, UNTIL - timedelta(days=500), UNTIL),
    ):
        for table in tables:
            rows = list(
                zip(
                    table["stream"].cast(pa.string()).to_pylist(),
                    table["time"].cast(pa.int64()).to_pylist(),
                    strict=True,
                )
            )
            assert rows == sorted(set(rows))


def test_a_day_has_25_000_readings_and_more(scene):
    day = datetime(2026, 7, 1, tzinfo=UTC)
    assert sum(t.num_rows for t in demo.readings(scene, day, day + timedelta(days=1))) >= 25_000


def test_bills_against_the_sum_of_readings(scene):
    begin = datetime(2026, 7, 1, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)
    end = datetime(2026, 8, 1, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)
    bills = joined(demo.records(scene, begin, end))
    read = joined(demo.readings(scene, begin, end))
    for billed, metered in (
        ("electricity_month", "electricity"),
        ("water_month", "water_use"),
        ("natural_gas_month", "natural_gas"),
    ):
        totals = []
        for table, stream, per in ((bills, billed, 1), (read, metered, 0)):
            part = table.filter(pc.match_substring_regex(table["stream"], rf"\.institution\.{stream}$"))
            asset = pc.list_element(pc.split_pattern(part["stream"], "."), 0)
            sums = (
                pa.table({"asset": asset, "value": part["value"]})
                .group_by("asset")
                .aggregate([("value", "sum"), ("value", "count")])
            )
            full = sums.filter(pc.greater(sums["value_count"], 0 if per else 700))
            totals.append(dict(zip(full["asset"].to_pylist(), full["value_sum"].to_pylist(), strict=True)))
        both = sorted(set(totals[0]) & set(totals[1]))
        spiky = {f"institution-{i + 1:03d}" for i in demo._SPIKY}  # their morning peaks are in no bill
        ratio = np.array([totals[1][a] / totals[0][a] for a in both if a not in spiky])
        assert len(ratio) > 50
        assert np.median(ratio) == pytest.approx(1.0, abs=0.01)
        assert np.abs(ratio - 1.0).max() < 0.05


def test_registers_never_fall_and_come_to_the_citys_figures(scene):
    table = joined(demo.records(scene, datetime(2019, 12, 31, 16, tzinfo=UTC), UNTIL))
    for stream, at_end_of_2023 in (
        ("body_audited", 612),
        ("body_vpp_ready", 17),
        ("body_contracts", 63),
        ("body_retrofits", 84),
        ("body_pv_capacity", 46_500),
    ):
        part = table.filter(pc.match_substring_regex(table["stream"], rf"\.institution\.{stream}$"))
        values = part["value"].to_numpy().reshape(len(demo._BODIES), -1)
        assert (np.diff(values, axis=1) >= 0).all()
        assert values[:, 47].sum() == pytest.approx(at_end_of_2023, abs=0.5)


def test_power_keeps_to_the_contract_but_for_the_spikes(scene):
    contract = {a.id: a.attributes["contract_demand_kw"] for a in scene.assets["institution.institution"]}
    spiky = {f"institution-{i + 1:03d}" for i in demo._SPIKY}
    for month in (1, 7):
        day = datetime(2026, month, 20, tzinfo=UTC)
        table = joined(demo.readings(scene, day, day + timedelta(days=7)))
        part = table.filter(pc.match_substring_regex(table["stream"], r"\.institution\.power$"))
        peak = (
            pa.table({"asset": pc.list_element(pc.split_pattern(part["stream"], "."), 0), "value": part["value"]})
            .group_by("asset")
            .aggregate([("value", "max")])
        )
        over = {
            a
            for a, kw in zip(peak["asset"].to_pylist(), peak["value_max"].to_pylist(), strict=True)
            if kw > contract[a]
        }
        assert over == spiky


def test_institutions_stand_in_buildings_of_their_use(scene):
    use = {a.id: a.attributes["use"] for a in scene.assets["base.building"]}
    kind = {a.id: a.attributes["kind"] for a in scene.assets["institution.institution"]}
    occupied = [(r.source, r.target) for r in demo.relations(scene) if r.type == "institution.occupies"]
    assert len({target for _, target in occupied}) == len(occupied)  # no building twice
    assert {use[target] for source, target in occupied if kind[source] == "hospital"} == {"health"}
    assert {source for source, _ in occupied} == set(kind)


def test_demo_stands_without_any_building():
    bare = Scene((121.93, 30.89), "Asia/Shanghai", 7, {})
    own = with_assets(bare, demo.assets(bare))
    assert len(own.assets["institution.institution"]) == 120
    assert sum(t.num_rows for t in demo.readings(own, UNTIL - timedelta(hours=1), UNTIL)) > 400
