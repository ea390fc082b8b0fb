"""Health of streams over HTTP: what is wrong comes first, filters and orders are what they say, and pages neither skip nor repeat."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal

from citytwin.api.house import House

from .conftest import NOW, Caller, store


@pytest.fixture(scope="module")
def caller(build: Callable[..., House], portal: BlockingPortal) -> Caller:
    """Lamp 1 reports, lamp 2 fell silent a day ago and lamp 3 an hour ago."""
    house = build()
    times = [NOW - timedelta(hours=2) + timedelta(minutes=m) for m in range(60)]
    store(house.twin, ["lamp-3.trial.warmth"] * 60, times, [20.0] * 60)
    return Caller(house, portal)


def listed(caller: Caller, query: str) -> list[Any]:
    answer = caller.get(f"/api/health/streams?{query}")
    assert answer.status_code == 200, answer.text
    return [item["id"].partition(".")[0] for item in answer.json()["items"]]


def test_the_longest_silent_comes_first(caller: Caller) -> None:
    assert listed(caller, "") == ["lamp-2", "lamp-3", "lamp-1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=silent", ["lamp-2", "lamp-3"]),
        ("state=fresh,late", ["lamp-1"]),
        ("state=never", []),
        ("asset=lamp-3", ["lamp-3"]),
        ("pack=trial&q=2号灯", ["lamp-2"]),
        ("q=WARMTH&sort=id", ["lamp-1", "lamp-2", "lamp-3"]),
        ("pack=base", []),
        ("type=trial.warmth&sort=last", ["lamp-1", "lamp-3", "lamp-2"]),
        ("sort=completeness", ["lamp-2", "lamp-3", "lamp-1"]),
        ("source=nobody", []),
    ],
)
def test_filters_and_orders(caller: Caller, query: str, found: list[str]) -> None:
    assert listed(caller, query) == found


@pytest.mark.parametrize("sort", ["worst", "id", "last", "completeness", "delay", "flagged"])
def test_pages_of_one_are_the_whole_list(caller: Caller, sort: str) -> None:
    whole, cursor, seen = listed(caller, f"sort={sort}"), "", []
    while True:
        page = caller.get("/api/health/streams", params={"sort": sort, "limit": 1, "cursor": cursor}).json()
        seen += [item["id"].partition(".")[0] for item in page["items"]]
        assert page["total"] == len(whole)
        if page["next"] is None:
            break
        cursor = page["next"]
    assert seen == whole


def test_states_add_up_and_days_are_those_of_the_readings(caller: Caller) -> None:
    told = caller.get("/api/health/summary").json()
    assert told["total"]["states"] == {"fresh": 1, "late": 0, "silent": 2, "never": 0, "unknown": 0}
    assert told["total"] == {k: told["packs"][0][k] for k in told["total"]}
    assert told["types"][0]["assets"] == 3
    # by the minute: lamp 1 since 36 hours, lamp 2 was there 30 hours with one reading fit for use, lamp 3 two hours with one hour's
    came, due = 36 * 60 + 1 + 60, 36 * 60 + 30 * 60 + 2 * 60
    assert told["total"]["completeness"]["month"] == pytest.approx(came / due)
    assert told["total"]["days"][:28] == [None] * 28
    assert caller.get("/api/health").json()["streams"] == told["total"]["states"]


def test_one_stream_tells_its_days_and_its_gap(caller: Caller) -> None:
    told = caller.get("/api/health/streams/lamp-3.trial.warmth").json()
    assert (told["days"]["count"][-1], told["days"]["expected"][-1]) == (60, 120)
    assert told["days"]["completeness"][-1] == 0.5
    assert told["gaps_total"] == 1
    assert told["longest_gaps"] == [{"since": "2026-03-10T02:59:00Z", "until": "2026-03-10T04:00:00Z"}]
    assert told["advice"]["zh"]
    assert told["asset_title"] == {"zh": "3号灯", "en": "Lamp 3"}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("streams?state=broken", 400, "broken"),
        ("streams?sort=colour", 400, "sort"),
        ("streams?cursor=xx", 400, "cursor"),
        ("streams/lamp-9.trial.warmth", 404, "lamp-9"),
    ],
)
def test_what_cannot_be_answered_is_told(caller: Caller, path: str, status: int, said: str) -> None:
    answer = caller.get(f"/api/health/{path}")
    assert answer.status_code == status
    assert said in answer.text


def test_health_does_not_wait_for_the_first_look(build: Callable[..., House], portal: BlockingPortal) -> None:
    assert Caller(build(furnished=False), portal).get("/api/health").json()["streams"] is None
