"""An OPC UA server, played by asyncua's own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from citytwin.engine.feeds.declare import Declared
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.feed import Feed, Node, OpcuaFeed
from citytwin.kernel.title import Title

from .conftest import Asked

pytest.importorskip("asyncua", reason="the optional package asyncua is not installed")

from asyncua import ua
from asyncua.sync import Server

Ask = Callable[[Feed], Asked]
THEN = datetime(2025, 6, 30, 3, 30, tzinfo=UTC)


class Plant:
    """A server with a level, a counter, a text and a switch."""

    def __init__(self, port: int = 0) -> None:
        self.server = Server()
        self.server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/plant")
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        space = self.server.register_namespace("urn:tanks")
        assert space == 2
        tank = self.server.nodes.objects.add_object(space, "Tank")
        self.level = tank.add_variable(ua.NodeId("Tank.Level", space), "Level", 1500.0)
        self.count = tank.add_variable(ua.NodeId(1004, space), "Count", 7)
        self.text = tank.add_variable(ua.NodeId("Tank.Name", space), "Name", "T1")
        self.on = tank.add_variable(ua.NodeId("Tank.On", space), "On", True)
        self.server.start()
        self.port = self.server.aio_obj.bserver._server.sockets[0].getsockname()[1]
        self.url = f"opc.tcp://127.0.0.1:{self.port}/plant"
        self.put(self.level, 1500.0, THEN)
        self.put(self.count, 7, THEN)
        self.put(self.on, True, THEN)

    def put(self, node: Any, value: Any, at: datetime, status: int = 0) -> None:
        variant = None if value is None else ua.Variant(value)
        node.write_value(ua.DataValue(variant, ua.StatusCode(status), SourceTimestamp=at.replace(tzinfo=None)))

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None


@pytest.fixture
def plant() -> Iterator[Callable[..., Plant]]:
    made: list[Plant] = []

    def start(port: int = 0) -> Plant:
        made.append(Plant(port))
        return made[-1]

    yield start
    for p in made:
        p.stop()


LEVEL = Node("t1.tank.level", "ns=2;s=Tank.Level", "mm")
COUNT = Node("t2.tank.level", "ns=2;i=1004", scale=0.5, offset=1.0)


def feed(url: str, *nodes: Node, **more: Any) -> OpcuaFeed:
    return OpcuaFeed("ua", Title("服务器", "Server"), url, 10.0, nodes, **{"timeout_s": 3.0, **more})


def test_nodes_are_polled_with_their_own_time_unit_and_quality(ask: Ask, plant: Callable[..., Plant]) -> None:
    there = plant()
    switch = Node("t3.tank.level", "ns=2;s=Tank.On")
    asked = ask(feed(there.url, LEVEL, COUNT, switch))
    state = asked.once()
    assert state.failures == 0, state.last_failure
    at = "06-30 03:30:00"
    assert asked.rows() == [("t1.tank.level", at, 1.5, 1), ("t2.tank.level", at, 4.5, 1), ("t3.tank.level", at, 1.0, 1)]
    asked.once()  # nothing changed there: nothing new here
    assert len(asked.rows()) == 3
    there.put(there.level, 1600.0, THEN + timedelta(minutes=1), ua.StatusCodes.UncertainLastUsableValue)
    there.put(there.count, None, THEN + timedelta(minutes=1), ua.StatusCodes.BadSensorFailure)
    asked.once()
    assert ("t1.tank.level", "06-30 03:31:00", 1.6, 3) in asked.rows()
    assert ("t2.tank.level", "06-30 03:31:00", None, 9) in asked.rows()


def test_by_choice_a_reading_has_the_time_of_the_poll(ask: Ask, plant: Callable[..., Plant], clock: FixedClock) -> None:
    asked = ask(feed(plant().url, LEVEL, time="poll"))
    asked.once()
    clock.moment += timedelta(minutes=1)
    asked.once()
    assert [t for _, t, _, _ in asked.rows()] == ["06-30 04:00:00", "06-30 04:01:00"]


def test_a_node_that_is_not_there_or_no_number_is_named_and_the_others_are_read(
    ask: Ask, plant: Callable[..., Plant]
) -> None:
    nodes = (LEVEL, Node("t2.tank.level", "ns=2;s=Nowhere"), Node("t3.tank.level", "ns=2;s=Tank.Name"))
    asked = ask(feed(plant().url, *nodes))
    state = asked.once()
    assert [s for s, _, _, _ in asked.rows()] == ["t1.tank.level"]
    assert [f.where for f in state.left_out] == ["t2.tank.level", "t3.tank.level"]
    assert "BadNodeIdUnknown" in state.left_out[0].message
    assert "not a number" in state.left_out[1].message


def until(asked: Asked, rows: int) -> None:
    """Ask until so many are on record: the server tells in its own time."""
    for _ in range(200):
        assert asked.once().failures == 0
        if len(asked.rows()) >= rows:
            return
        time.sleep(0.05)
    raise AssertionError(asked.rows())


def test_a_subscription_tells_every_change_once(ask: Ask, plant: Callable[..., Plant]) -> None:
    there = plant()
    asked = ask(_subscribed(there.url))
    until(asked, 1)
    for minute in range(1, 6):
        there.put(there.level, 1500.0 + minute, THEN + timedelta(minutes=minute))
        until(asked, 1 + minute)
    assert [v for _, _, v, _ in asked.rows()] == pytest.approx([1.5, 1.501, 1.502, 1.503, 1.504, 1.505])
    asked.once()
    assert len(asked.rows()) == 6


def _subscribed(url: str) -> OpcuaFeed:
    return OpcuaFeed("ua", Title("服务器", "Server"), url, 0.2, (LEVEL,), mode="subscribe", timeout_s=3.0)


@pytest.mark.parametrize("mode", ["poll", "subscribe"])
def test_a_server_that_goes_and_comes_back(ask: Ask, plant: Callable[..., Plant], mode: str) -> None:
    there = plant()
    asked = ask(_subscribed(there.url) if mode == "subscribe" else feed(there.url, LEVEL))
    until(asked, 1)
    there.stop()
    failures = 0
    for _ in range(50):
        if failures := asked.once().failures:
            break
        time.sleep(0.1)
    assert failures == 1
    back = plant(there.port)
    back.put(back.level, 1700.0, THEN + timedelta(minutes=9))
    for _ in range(50):
        asked.once()
        if len(asked.rows()) == 2:
            break
        time.sleep(0.1)
    assert asked.rows()[-1] == ("t1.tank.level", "06-30 03:39:00", 1.7, 1)


def test_nobody_there_is_a_failure(ask: Ask, plant: Callable[..., Plant]) -> None:
    there = plant()
    url = there.url
    there.stop()
    state = ask(feed(url, LEVEL)).once()
    assert state.failures == 1
    assert state.last_failure is not None
    assert "cannot be asked" in state.last_failure.message


def test_without_asyncua_the_declaration_says_what_to_install(
    declare: Callable[[str], Declared], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncua", None)
    monkeypatch.setattr("citytwin.engine.feeds.opcua.importlib.util.find_spec", lambda name: None)
    found = declare(
        "opcua:\n  - {id: ua, title: {zh: 甲, en: A}, url: 'opc.tcp://h:4840', every_s: 5, streams: [{stream: t1.tank.level, node: i=1}]}\n"
    )
    assert [f.code for f in found.every_fault] == ["ABSENT"]
    assert "citytwin[opcua]" in found.every_fault[0].hint
