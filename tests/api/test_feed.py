"""Feeds over HTTP: how they stand, asking one now, trying one, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from citytwin.api.house import House
from citytwin.engine.feeds.run import Runner
from tests.api.conftest import Caller, check_problem

ITEM = [
    "id",
    "title",
    "kind",
    "source",
    "every_s",
    "state",
    "last_run",
    "last_success",
    "next_run",
    "failures",
    "readings",
    "rejected",
    "held",
    "lost",
    "last_failure",
]
FEEDS = """folder:
  - {id: drop, title: {zh: 投放, en: Drop}, folder: in, every_s: 3600, settle_s: 0}
  - {id: bad, title: {zh: 坏, en: Bad}, folder: out, unit: furlong}
"""


@pytest.fixture
def fed(build: Callable[..., House], tmp_path: Path, portal: object) -> Iterator[tuple[Caller, Path]]:
    house = build()
    (tmp_path / "feeds.yaml").write_text(FEEDS, "utf-8")
    house.feeds = Runner(house.twin, house.intake, tmp_path)
    house.feeds.start()
    yield Caller(house, portal), tmp_path  # type: ignore[arg-type]
    house.feeds.close()


def test_a_city_without_feeds_has_an_empty_list(client: Caller) -> None:
    assert client.get("/api/feeds").json() == {"items": [], "total": 0, "next": None}
    check_problem(client.get("/api/feeds/any"), 404, "not_found")


def test_feeds_are_listed_and_told(fed: tuple[Caller, Path]) -> None:
    client, _ = fed
    items = client.get("/api/feeds").json()["items"]
    assert [(i["id"], i["kind"], i["source"]) for i in items] == [("drop", "folder", "in"), ("bad", "folder", "out")]
    assert set(items[0]) == set(ITEM)
    assert items[1]["state"] == "at_fault"
    assert "furlong" in client.get("/api/feeds/bad").json()["faults"][0]["message"]
    check_problem(client.get("/api/feeds/none"), 404, "not_found")


def test_a_feed_is_asked_now(fed: tuple[Caller, Path]) -> None:
    client, home = fed
    while not client.get("/api/feeds/drop").json()["last_success"]:
        time.sleep(0.01)  # its thread has its first look
    (home / "in" / "a.csv").write_text("stream,time,value\nlamp-3.trial.warmth,2026-03-10T02:00:00Z,21\n")
    response = client.post("/api/feeds/drop/run", json={})
    assert response.status_code == 202
    for _ in range(1000):
        told = client.get("/api/feeds/drop").json()
        if told["readings"]:
            break
        time.sleep(0.01)
    assert told["readings"] == 1
    assert client.get("/api/streams/lamp-3.trial.warmth").json()["latest"]["value"] == 21
    check_problem(client.post("/api/feeds/bad/run", json={}), 502, "source_failed")


def test_a_trial_shows_what_would_be_recorded(fed: tuple[Caller, Path]) -> None:
    client, home = fed
    while not client.get("/api/feeds/drop").json()["last_success"]:
        time.sleep(0.01)  # the folder is made by its first look
    (home / "in" / "a.csv").write_text("stream,time,value\nlamp-3.trial.warmth,2026-03-10T02:00:00Z,21\n")
    (delivery,) = client.post("/api/feeds/drop/try", json={}).json()["deliveries"]
    assert (delivery["name"], delivery["accepted"]) == ("a.csv", 1)
    assert delivery["rows"][0] == {
        "stream": "lamp-3.trial.warmth",
        "time": "2026-03-10T02:00:00Z",
        "value": 21.0,
        "quality": 1,
    }
    assert (home / "in" / "a.csv").exists()


def test_faults_are_those_of_the_file_as_it_is_now(fed: tuple[Caller, Path]) -> None:
    client, home = fed
    assert len(client.get("/api/feeds.faults").json()["faults"]) == 1
    (home / "feeds.yaml").write_text(FEEDS.replace("furlong", "mm"), "utf-8")
    assert client.get("/api/feeds.faults").json()["faults"] == []


def test_a_feed_holds_no_field_that_the_interface_does_not_tell() -> None:
    from citytwin.engine.feeds.run import State

    assert {f.name for f in dataclasses.fields(State)} - {"asking", "left_out"} <= set(ITEM)
