"""Do pages neither skip nor repeat? Every list, walked with pages of any size, is the list read at once."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.api.app import ROUTES
from citytwin.api.house import House
from citytwin.api.page import Page, Paged, listed
from citytwin.engine import follow
from citytwin.engine.decision import Step, decide
from citytwin.engine.drafts import judge
from citytwin.kernel.store import Change
from tests.api.conftest import DRAFT, NOW, TIME, Caller

OF = {"/plans/{id}/decisions": "light_2026", "/plans/{id}/versions": "light_2026", "/drafts/{id}/decisions": DRAFT}
APART = {"/scorecards/{id}/scores"}  # tests/api/test_case.py: the pack of these tests scores nothing
LISTS = [
    r.path.replace("{id}", OF.get(r.path, "")) for r in ROUTES if issubclass(r.query, Paged) and r.path not in APART
]
ASKED = {"/notifications": {"person": "clerk"}}
"""What a list does not go without."""
MANY = 60
DRAFTED = {
    "title": {"zh": "规划", "en": ""}, "number": "", "issuer": [], "issued": None, "file": "0" * 64, "name": "plan.txt", "document": 1,
    "version": 1, "state": "draft", "recorded": "2026-03-10T04:00:00Z", "by": "clerk",
}  # fmt: skip


@pytest.fixture(scope="module")
def crowd(build: Any, portal: Any) -> Caller:
    """A city with many of everything, several of them of the same moment."""
    house: House = build()
    alarms = pa.table(
        {
            "alarm": [f"a{n:02}" for n in range(MANY)],
            "level": [["critical", "high", "medium", "low"][n % 4] for n in range(MANY)],
            "since": pa.array([NOW.replace(minute=n % 7, microsecond=n % 3) for n in range(MANY)], TIME),
            "asset_id": [f"lamp-{n % 5}" for n in range(MANY)],
            "closed": pa.array([NOW if n % 2 else None for n in range(MANY)], TIME),
        }
    )
    insert = [
        "INSERT INTO alarm_row (alarm, rule, asset_id, level, since, value, bound, cleared, acknowledged, acknowledged_by) "
        "SELECT alarm, 'trial.hot', asset_id, level, since, 1.0, 2.0, NULL, NULL, '' FROM many",
        "INSERT INTO case_row SELECT alarm, 'trial.cooling', asset_id, alarm, 'look', since, since, closed, CASE WHEN closed IS NULL THEN 'open' ELSE 'closed' END, "
        "'alarm', '', '', '', since, NULL, FALSE, NULL, NULL, 0, 0, '', '' FROM many",
        "INSERT INTO run_row SELECT alarm, 'trial.Persistence', 'done', '', '{}', since, since, since, '{}', '' FROM many",
        "INSERT INTO relation_row SELECT asset_id, 'trial.lights', alarm FROM many",
        "INSERT INTO asset_row SELECT alarm, 'trial.note', alarm, alarm, NULL, NULL, NULL, '{}' FROM many",
    ]
    for n in range(MANY):
        follow.report(house.twin, "light_2026", "m001", f"clerk {n}", "under_way", f"note {n}")
        decide(house.twin, "clerk", Step(f"draft:d{n:02}", "read", {}, {"draft": {**DRAFTED, "plan": f"d{n:02}"}}))
        asked = judge.Asked("reject" if n % 2 else "accept", "clerk", n + 1, ("r001",))
        judge.judge(house.twin, DRAFT, asked)
    house.twin.store.commit(*(Change(sql, tables={"many": alarms}) for sql in insert))
    return Caller(house, portal)


def walk(caller: Caller, path: str, limit: int) -> list[Any]:
    found: list[Any] = []
    cursor = ""
    while True:
        page = caller.get(f"/api{path}", params={**ASKED.get(path, {}), "limit": limit, "cursor": cursor}).json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next"] is None:
            assert page["total"] == len(found)
            return found
        assert len(page["items"]) == limit
        cursor = page["next"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 7, 59, 60, 10_000])
def test_pages_of_any_size_make_up_the_whole_list(crowd: Caller, path: str, limit: int) -> None:
    whole = crowd.get(f"/api{path}", params={**ASKED.get(path, {}), "limit": 10000}).json()
    assert whole["next"] is None
    if limit * 40 < len(whole["items"]):
        limit = len(whole["items"]) // 40
    assert walk(crowd, path, limit) == whole["items"]


def test_what_is_added_meanwhile_neither_repeats_nor_hides_the_rest(own: Caller) -> None:
    def note(id: str) -> None:
        new = {"id": id, "type": "trial.note", "title": {"zh": id, "en": id}}
        assert own.post("/api/assets", json={"assets": [new]}).status_code == 200

    first = own.get("/api/assets?limit=2").json()
    note("a-first")  # before what was read already
    note("zz-last")
    rest = own.get("/api/assets", params={"limit": 100, "cursor": first["next"]}).json()["items"]
    ids = [a["id"] for a in first["items"] + rest]
    assert ids == ["lamp-1", "lamp-2", "lamp-3", "note-1", "room-1", "zz-last"]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(items=st.lists(st.integers()), kept=st.sets(st.integers(0, 30)), limit=st.integers(1, 12))
def test_declared_lists_page_the_same_under_any_filter(items: list[int], kept: set[int], limit: int) -> None:
    wanted = [(n, item) for n, item in enumerate(items) if n in kept]
    found: list[int] = []
    page: Page[int] = listed(wanted, Paged(limit=limit))
    while True:
        found += page.items
        if page.next is None:
            break
        page = listed(wanted, Paged(limit=limit, cursor=page.next))
    assert found == [item for _, item in wanted]
    assert page.total == len(wanted)


def test_a_cursor_of_another_list_is_refused(crowd: Caller) -> None:
    cursor = crowd.get("/api/alarms?limit=1").json()["next"]
    assert crowd.get("/api/assets", params={"cursor": cursor}).status_code == 400
