"""What does everybody see? The plans of which somebody said so, as they stand, and not who said what of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anyio.from_thread
import pytest

from citytwin.api.house import House
from citytwin.engine.people import People
from citytwin.kernel.right import Grant, Person
from tests.api.conftest import Caller, check_problem

PLAN = "light_2026"


@pytest.fixture
def door(build: Callable[..., House]) -> Iterator[tuple[Caller, dict[str, str]]]:
    house = build()
    house.people = People(house.twin.store, house.twin.clock)
    house.people.put_person(Person("planner", "周", service=True, grants=(Grant("planner"),)))
    word = house.people.make_token("planner", "test", None, 1)[1]
    with anyio.from_thread.start_blocking_portal() as portal:
        yield Caller(house, portal), {"Authorization": f"Bearer {word}"}


def test_a_plan_is_seen_by_everybody_once_somebody_says_so(door: tuple[Caller, dict[str, str]]) -> None:
    caller, planner = door
    assert caller.get("/api/public/plans").json() == []
    check_problem(caller.get(f"/api/public/plans/{PLAN}"), 404, "not_found")
    check_problem(caller.get(f"/api/plans/{PLAN}"), 401, "unauthorized")
    check_problem(caller.post(f"/api/plans/{PLAN}/public", json={"public": True, "by": "周"}), 401, "unauthorized")
    said = {"public": True, "by": "周", "note": "年度公开"}
    (item,) = caller.post(f"/api/plans/{PLAN}/public", json=said, headers=planner).json()["items"]
    assert item["public"]
    check_problem(caller.post(f"/api/plans/{PLAN}/public", json=said, headers=planner), 409, "conflict")
    assert [p["id"] for p in caller.get("/api/public/plans").json()] == [PLAN]
    told = caller.get(f"/api/public/plans/{PLAN}").json()
    known = caller.get(f"/api/plans/{PLAN}", headers=planner).json()
    assert [(t["id"], t["status"], t["figure"]) for t in told["targets"]] == [(t["id"], t["progress"]["status"], t["progress"]["value"]) for t in known["targets"]]  # fmt: skip
    assert told["counts"] == known["counts"]
    assert [(m["id"], m["state"], m["lead"]) for m in told["measures"]] == [(m["id"], m["state"], m["lead"]) for m in known["measures"]]  # fmt: skip
    # nothing of who said what, with which files, and of what measures it
    assert not _words(told) & {"Wang", "周", "rain", "ground broken", "tower.jpg", "年度公开", "trial.warmth_daily", "lamp-1", "T01"}  # fmt: skip
    taken = caller.get(f"/api/plans/{PLAN}/decisions", headers=planner).json()["items"][0]
    assert (taken["act"], taken["by"], taken["after"]) == ("show", "周", {"public": True})
    caller.post(f"/api/plans/{PLAN}/public", json={"public": False, "by": "周"}, headers=planner)
    check_problem(caller.get(f"/api/public/plans/{PLAN}"), 404, "not_found")


def _words(said: Any) -> set[str]:
    match said:
        case dict():
            return set().union(*(_words(v) for v in said.values()))
        case list():
            return set().union(*(_words(v) for v in said))
    return {str(said)}
