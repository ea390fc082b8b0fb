"""Listening: first the last readings, then what comes in; who is slow is told less, and nobody waits for it."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from citytwin.api import live
from citytwin.api.house import House
from citytwin.api.live import Live
from citytwin.engine import hold
from citytwin.engine.hub import Choice, Hub
from citytwin.kernel.observation import Batch
from citytwin.kernel.store import Written
from tests.api.conftest import NOW, Caller, store
from tests.served import Served

LAMP = "lamp-3.trial.warmth"


class Line:
    """One client of an app, without a network: takes what is sent as slowly as it likes."""

    def __init__(self, app: Live, query: str = "", stuck: bool = False) -> None:
        self.app, self.query, self.stuck = app, query, stuck
        self.text = b""
        self.status = 0
        self.leave = asyncio.Event()
        self.more = asyncio.Event()

    async def send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.text += message.get("body", b"")
        self.more.set()
        if self.stuck and b"readings" in self.text:
            await asyncio.Event().wait()

    async def receive(self) -> Any:
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def run(self) -> None:
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/api/live",
            "query_string": self.query.encode(),
            "headers": [],
        }
        await self.app(scope, self.receive, self.send)

    async def until(self, count: int) -> list[tuple[str, Any]]:
        """The first events."""
        for _ in range(500):
            if len(events(self.text)) >= count:
                return events(self.text)
            self.more.clear()
            await asyncio.wait_for(self.more.wait(), 10)
        raise AssertionError(self.text)


def events(text: bytes) -> list[tuple[str, Any]]:
    found = []
    for block in text.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_the_last_readings_come_first_and_then_what_comes_in(own_house: House) -> None:
    async def scene() -> None:
        line = Line(Live(own_house), "assets=lamp-3,lamp-2")
        task = asyncio.create_task(line.run())
        ((kind, first),) = await line.until(1)
        assert (line.status, kind) == (200, "newest")
        assert (first["stream"], first["value"]) == (["lamp-2.trial.warmth"], [-15])
        at = NOW - timedelta(minutes=1)
        await asyncio.to_thread(store, own_house.twin, [LAMP, "lamp-1.trial.warmth"], [at, at], [7.5, 8.5])
        _, (kind, news) = await line.until(2)
        assert (kind, news) == (
            "readings",
            {"stream": [LAMP], "time": [int(at.timestamp() * 1000)], "value": [7.5], "quality": [1], "missed": 0},
        )
        line.leave.set()
        await asyncio.wait_for(task, 5)
        assert len(own_house.hub) == 0

    asyncio.run(scene())


def test_what_becomes_of_an_alarm_is_told_at_once_and_to_whom_it_concerns(own_house: House) -> None:
    async def scene() -> None:
        near, far = Line(Live(own_house), "assets=lamp-1&readings=false"), Line(Live(own_house), "assets=lamp-3")
        tasks = [asyncio.create_task(one.run()) for one in (near, far)]
        await near.until(1)
        await far.until(1)
        await asyncio.to_thread(
            store, own_house.twin, ["lamp-1.trial.warmth"], [NOW], [40.0]
        )  # of which it wants to hear nothing
        held = ("shelved", "trial.hot", "lamp-1", "paint dries", "王工", NOW + timedelta(hours=1))
        await asyncio.to_thread(hold.put, own_house.twin, *held)
        _, (kind, (told,)) = await near.until(2)
        assert (kind, told["rule"], told["asset"]) == ("alarms", "trial.hot", "lamp-1")
        assert (told["before"], told["state"], told["actor"], told["reason"]) == (
            "active",
            "shelved",
            "王工",
            "paint dries",
        )
        for line in (near, far):
            line.leave.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 5)
        assert len(events(far.text)) == 1

    asyncio.run(scene())


def test_a_slow_client_holds_nobody_up_and_is_told_what_it_missed(
    own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "WAIT_S", 1.0)

    async def scene() -> None:
        line, slow = Line(Live(own_house)), Line(Live(own_house), stuck=True)
        tasks = [asyncio.create_task(one.run()) for one in (line, slow)]
        await line.until(1)
        await slow.until(1)

        def pour() -> None:
            for n in range(200):
                at = np.arange(1000) + (n * 1000)
                when = pa.array(int((NOW - timedelta(days=300)).timestamp() * 1e6) + at * 1_000_000).cast(
                    pa.timestamp("us", tz="UTC")
                )
                table = pa.table(
                    {
                        "stream": pa.array([LAMP] * 1000).dictionary_encode(),
                        "time": when,
                        "value": at.astype(float) % 50,
                    }
                )
                own_house.intake.accept(Batch(table))

        await asyncio.to_thread(pour)
        told = events(line.text)
        for _ in range(50):
            told = events(line.text)
            if told[-1][1].get("value") == [199_999.0 % 50]:
                break
            await asyncio.sleep(0.1)
        assert told[-1][1]["value"] == [199_999.0 % 50]
        assert len(slow.text) < 10_000  # it was let go after its first news, and nothing was kept for it
        await asyncio.wait_for(tasks[1], 5)
        assert len(own_house.hub) == 1
        line.leave.set()
        await tasks[0]

    asyncio.run(scene())
    count = own_house.twin.store.fetch("SELECT count(*) AS n FROM observation_all WHERE stream = $s", {"s": LAMP})["n"][
        0
    ].as_py()
    assert count == 200_000


def test_a_listener_keeps_the_newest_of_each_stream_and_counts_the_rest() -> None:
    listeners: list[Callable[[Written], None]] = []
    hub = Hub(lambda listener, wanted: listeners.append(listener))
    woken: list[int] = []
    listener = hub.listen(Choice(types=frozenset({"p.a"})), lambda: woken.append(1))
    for n in range(5):
        times, values = np.array([n, n, 10 - n]), np.array([1.0 * n, 2.0 * n, 3.0 * n])
        listeners[0](Written(n, ["x.p.a", "x.p.b", "y.p.a"], np.arange(3), times, values, np.ones(3, np.int8)))
    assert len(woken) == 1
    assert listener.take() == ([("x.p.a", 4, 4.0, 1), ("y.p.a", 10, 0.0, 1)], 8)
    assert listener.take() == ([], 0)


def test_too_many_listeners_are_asked_to_come_back(
    own_house: House, own: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LISTENERS", 0)
    answer = own.get("/api/live")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert own.get("/api/live?colour=red").status_code == 400
    assert own.post("/api/live").status_code == 400


def test_listeners_are_let_go_when_the_house_closes(own_house: House) -> None:
    async def scene() -> None:
        line = Line(Live(own_house))
        task = asyncio.create_task(line.run())
        await line.until(1)
        own_house.stop()
        await asyncio.wait_for(task, 5)

    asyncio.run(scene())


def test_any_set_of_streams_in_one_call(client: Caller) -> None:
    every = client.get("/api/newest").json()
    assert every["stream"] == ["lamp-1.trial.warmth", "lamp-2.trial.warmth"]
    assert every["value"] == [40.0, -15.0]
    assert client.get("/api/newest?streams=lamp-2.trial.warmth,nobody").json()["stream"] == ["lamp-2.trial.warmth"]
    assert client.get("/api/newest?types=trial.warmth&assets=nobody").json()["stream"] == every["stream"]
    assert client.get("/api/newest?types=trial.none").json()["stream"] == []


def test_over_the_network(lingang: Served) -> None:
    stream = lingang.get("/api/streams?type=base.temperature&limit=1")["items"][0]["id"]
    with urllib.request.urlopen(f"{lingang.url}/api/live?streams={stream}", timeout=30) as line:
        assert line.headers["content-type"] == "text/event-stream"
        assert line.readline() == b"retry: 3000\n"
        assert line.readline() == b"event: newest\n"
        at = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        value = 18 + time.time() % 1
        assert (
            lingang.post("/api/observations", json.dumps([{"stream": stream, "time": at, "value": value}]).encode())[0]
            == 201
        )
        for _ in range(20):
            text = line.readline()
            if text.startswith(b"data: ") and b"missed" in text:
                break
        assert json.loads(text[6:])["value"] == [value]


def rows(stream: str, *values: float) -> Written:
    count = len(values)
    return Written(1, [stream], np.zeros(count, int), np.arange(count), np.array(values), np.ones(count, np.int8))


def test_who_follows_hears_every_reading_while_they_are_few_and_then_the_newest() -> None:
    watching: list[Any] = []
    hub = Hub(lambda listener, wanted: watching.append(listener))
    woken: list[bool] = []
    follower = hub.follow(lambda: woken.append(True))
    follower.room = 5
    hand_on = watching[0]
    hand_on(rows("a", 1.0, 2.0))
    hand_on(rows("b", 3.0))
    assert follower.take() == ([("a", 0, 1.0, 1), ("a", 1, 2.0, 1), ("b", 0, 3.0, 1)], 0)
    for _ in range(3):
        hand_on(rows("a", 1.0, 2.0))
    hand_on(rows("b", 3.0, 4.0, 5.0))
    found, missed = follower.take()
    assert found == [("a", 0, 1.0, 1), ("a", 1, 2.0, 1)] * 2 + [("a", 1, 2.0, 1), ("b", 2, 5.0, 1)]
    assert missed == 3  # of nine
    assert len(woken) == 2
    hub.leave(follower)
    hand_on(rows("a", 1.0))
    assert follower.take() == ([], 0)
