"""Alarms that are one matter: forty from one power failure, and those of one district."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest

from citytwin.api.alarm import AlarmQuery, GroupQuery, alarm_groups, alarms
from citytwin.api.house import House
from citytwin.engine import catalog, handle, ingest, watch
from citytwin.engine.heed import Lookout
from citytwin.engine.place import places, ways
from citytwin.engine.simulate import Simulator
from citytwin.engine.twin import Twin
from citytwin.kernel.asset import Asset
from citytwin.kernel.errors import NotFound
from citytwin.kernel.relation import RelationType
from citytwin.kernel.rule import Rule, Suppression
from citytwin.kernel.store import Change
from citytwin.kernel.title import Title

from ..conftest import NOW
from .test_heed import START, TITLE, put, ruled

FED = [f"f{n:02}" for n in range(40)]
POWER = Rule("tank.power", TITLE, "critical", stream="tank.filled", below=1.0)
HIGH = Rule(
    "tank.high", TITLE, "high", stream="tank.level", above=4.0, opens="tank.spill",
    suppressed_by=(Suppression("tank.power", "tank.spills_to"),),
)  # fmt: skip


@pytest.fixture
def fed(twin: Twin) -> Twin:
    """Forty tanks that spill to t1, by way of f00 where their number is above twenty."""
    catalog.add(twin, [Asset(id, "tank.basin", Title(id, id)) for id in FED])
    to = ["t1" if n <= 20 else "f00" for n in range(40)]
    pairs = pa.table({"source": FED, "target": to})
    twin.store.commit(Change("INSERT INTO relation_row SELECT source, 'tank.spills_to', target FROM p", tables={"p": pairs}))  # fmt: skip
    return ruled(twin, POWER, HIGH)


def house(twin: Twin) -> House:
    return House(twin, ingest.Intake(twin), Simulator(twin))


@pytest.mark.parametrize("at_once", [True, False])
def test_forty_alarms_of_one_power_failure_are_one_line_and_one_case(fed: Twin, at_once: bool) -> None:
    fed = replace(fed, packs=[replace(p, rules=(replace(POWER, opens="tank.spill"), HIGH)) for p in fed.packs])
    lookout = Lookout(fed)
    watch.watch(fed, NOW, lookout)
    down = [{"stream": "t1.tank.filled", "time": START, "value": 0.0}]
    full = [{"stream": f"{id}.tank.level", "time": START, "value": 5.0} for id in FED]
    put(fed, down + full if at_once else down)
    lookout.drain()
    if not at_once:
        put(fed, full)
        lookout.drain()
    told = fed.store.fetch("SELECT state, count(*) AS n FROM alarm_history GROUP BY state ORDER BY state").to_pylist()
    assert told == [
        {"state": "active", "n": 1},
        {"state": "suppressed", "n": 40},
    ]  # nobody was told of the forty, not even for a moment
    (line,) = alarm_groups(house(fed), GroupQuery()).items
    assert (line.first.rule, line.first.asset, line.count, line.held, line.level) == ("tank.power", "t1", 41, 40, "critical")  # fmt: skip
    assert handle.handle(fed, NOW) == 1
    # power is back: what is still wrong stands on its own
    put(fed, [{"stream": "t1.tank.filled", "time": START + timedelta(minutes=5), "value": 3.0}])
    lookout.drain()
    assert [(g.count, g.held) for g in alarm_groups(house(fed), GroupQuery()).items] == [(1, 0)] * 40


def test_alarms_by_district_against_a_count_by_hand(fed: Twin) -> None:
    put(fed, [{"stream": f"{id}.tank.level", "time": START, "value": 5.0} for id in [*FED[15:30], "t2"]])
    watch.watch(fed, NOW)
    groups = alarm_groups(house(fed), GroupQuery(by="place", through="tank.spills_to")).items
    assert sorted((g.key, g.count) for g in groups) == [("f00", 9), ("t1", 6), ("t2", 1)]  # t2 lies nowhere
    groups = alarm_groups(house(fed), GroupQuery(by="place", through="tank.spills_to/tank.spills_to")).items
    assert sorted((g.key, g.count) for g in groups) == [("t1", 15), ("t2", 1)]
    house_ = house(fed)
    found = alarms(house_, AlarmQuery(place="f00", through="tank.spills_to")).items
    assert len(found) == 9
    assert {places(fed, "tank.spills_to")[a.asset] for a in found} == {"f00"}
    assert [a.asset for a in alarms(house_, AlarmQuery(place="t2", through="tank.spills_to")).items] == ["t2"]
    assert ways(fed) == []  # what spills is no area
    with pytest.raises(NotFound, match="nowhere"):
        places(fed, "tank.nowhere")


def test_a_path_goes_as_far_as_relations_lead(fed: Twin) -> None:
    assert isinstance(fed.relations["tank.spills_to"], RelationType)
    found = places(fed, "tank.spills_to/tank.spills_to/tank.spills_to")
    assert set(found.values()) == {"t1"}
    assert "t1" not in found
