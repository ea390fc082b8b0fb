"""What is one matter? Alarms that one explains, and spells that nobody has seen, as one group."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from citytwin.api.house import House
from citytwin.kernel.store import Change
from tests.api.conftest import Caller

START = datetime(2026, 3, 8, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
ROWS = [  # alarm, rule, asset, begins and ends (minutes), must be acknowledged, hold, parent
    ("cause", "trial.dim", "room-1", 10, None, False, "", None),
    *[(f"child{n}", "trial.hot", f"lamp-{n}", 11, None, False, "suppressed", "cause") for n in range(40)],
    *[(f"spell{n}", "trial.mute", "note-1", 20 + n, 20.5 + n, True, "", None) for n in range(3)],
    ("now", "trial.mute", "note-1", 30, None, True, "", None),
    ("other", "trial.mute", "room-1", 5, None, True, "", None),
]


@pytest.fixture
def matters(own: Caller, own_house: House) -> Caller:
    """One cause with forty that it explains, three spells of another that nobody saw and a fourth that lasts, and one more."""
    column = list(zip(*ROWS, strict=True))

    def at(minutes: tuple[Any, ...]) -> pa.Array:
        return pa.array([None if m is None else START + timedelta(minutes=m) for m in minutes], TIME)

    names = ("alarm", "rule", "asset", "since", "cleared", "must", "hold", "parent")
    plain = dict(zip(names, column, strict=True))
    table = pa.table({**{k: list(v) for k, v in plain.items()}, "since": at(column[3]), "cleared": at(column[4])})
    sql = """INSERT INTO alarm_row (alarm, rule, asset_id, level, since, cleared, acknowledged_by, must_acknowledge, hold, parent, told)
             SELECT alarm, rule, asset, CASE rule WHEN 'trial.dim' THEN 'critical' ELSE 'low' END, since, cleared, '', must, hold, parent, 'active' FROM t"""
    own_house.twin.store.commit(Change("DELETE FROM alarm_row"), Change(sql, tables={"t": table}))
    return own


def test_one_cause_is_one_group_with_all_that_it_explains(matters: Caller) -> None:
    groups = matters.get("/api/alarm-groups?by=cause").json()["items"]
    told = {g["first"]["id"]: (g["count"], g["explained"], g["states"]) for g in groups}
    assert told == {
        "cause": (41, 40, {"active": 1, "suppressed": 40}),
        "now": (4, 0, {"active": 1, "returned": 3}),
        "other": (1, 0, {"active": 1}),
    }
    assert [g["first"]["id"] for g in groups] == ["cause", "now", "other"]  # the gravest, then the newest
    assert [g["key"] for g in groups] == [g["first"]["id"] for g in groups]
    old = matters.get("/api/alarms?state=open&before=2026-03-08T00:20:00Z").json()["items"]
    assert [a["id"] for a in old] == ["cause", "other"]  # spells begin at 0:20
    for cause, found in {"cause": 41, "now": 4, "spell1": 4, "other": 1, "child3": 1, "none": 0}.items():
        assert matters.get(f"/api/alarms?cause={cause}&state=standing").json()["total"] == found, cause


def test_what_is_acknowledged_stands_behind_what_waits(matters: Caller) -> None:
    assert matters.post("/api/alarms/now/acknowledge", json={"by": "王工"}).status_code == 200
    groups = matters.get("/api/alarm-groups").json()["items"]
    assert [g["first"]["id"] for g in groups] == ["cause", "other", "now"]
    assert groups[2]["states"] == {"acknowledged": 1}  # the spells before are seen with it
    assert [g["first"]["id"] for g in matters.get("/api/alarm-groups?state=waiting").json()["items"]] == [
        "cause",
        "other",
    ]


def test_thousands_of_groups_page_by_page_against_the_whole(own: Caller, own_house: House) -> None:
    """Against the rows themselves: every place once, the gravest first, whatever the size of the page."""
    many = 3000
    at = [START + timedelta(seconds=n % 500) for n in range(many)]
    table = pa.table({"alarm": [f"a{n}" for n in range(many)], "asset": [f"x{n}" for n in range(many)], "since": pa.array(at, TIME),
                      "level": [("critical", "high", "low")[n % 3] for n in range(many)]})  # fmt: skip
    sql = """INSERT INTO alarm_row (alarm, rule, asset_id, level, since, acknowledged_by, must_acknowledge, hold, told)
             SELECT alarm, 'trial.hot', asset, level, since, '', false, '', 'active' FROM t"""
    own_house.twin.store.commit(Change("DELETE FROM alarm_row"), Change(sql, tables={"t": table}))
    rank = {"critical": 0, "high": 1, "low": 2}
    wanted = sorted(range(many), key=lambda n: (rank[("critical", "high", "low")[n % 3]], -(n % 500), f"x{n}"))
    whole = own.get(f"/api/alarm-groups?by=place&limit={many}").json()
    assert ([g["key"] for g in whole["items"]], whole["next"]) == ([f"x{n}" for n in wanted], None)
    seen: list[str] = []
    query = ""
    while True:
        page = own.get(f"/api/alarm-groups?by=place&limit=700{query}").json()
        assert (page["total"], page["states"]) == (many, {"active": many})
        seen += [g["key"] for g in page["items"]]
        if page["next"] is None:
            break
        query = f"&cursor={page['next']}"
    assert seen == [g["key"] for g in whole["items"]]
    assert len(own.get("/api/alarm-groups?by=place").json()["items"]) == 100
    assert own.get("/api/alarm-groups?by=place&cursor=AAAA").status_code == 400


def test_many_are_acknowledged_at_once_against_each_by_itself(matters: Caller, own_house: House) -> None:
    """Against the table of states: what waits is acknowledged, what is held, over or unknown is refused and says why; all in one transaction, and once."""
    before = own_house.rows("SELECT max(n) AS n FROM alarm_event")[0]["n"] or 0
    asked = ["now", "child3", "cause", "none", "now"]
    told = matters.post("/api/alarms/acknowledge", json={"alarms": asked, "by": "王工", "note": "夜班"}).json()
    assert (told["done"], told["already"], told["refused"]) == (2, 0, 2)
    assert [(a["alarm"], a["outcome"], a["code"]) for a in told["items"]] == [
        ("now", "done", ""), ("child3", "refused", "conflict"), ("cause", "done", ""), ("none", "refused", "not_found"),
    ]  # fmt: skip
    assert all(a["detail"] for a in told["items"] if a["outcome"] == "refused")
    alone = matters.post("/api/alarms/child3/acknowledge", json={"by": "王工"}).json()
    assert told["items"][1]["detail"] == alone["detail"]
    states = {i: matters.get(f"/api/alarms/{i}").json() for i in ("now", "cause", "other", "child3")}
    assert {i: (a["state"], a["acknowledged_by"]) for i, a in states.items()} == {
        "now": ("acknowledged", "王工"), "cause": ("acknowledged", "王工"), "other": ("active", ""), "child3": ("suppressed", ""),
    }  # fmt: skip
    assert matters.get("/api/alarms/spell1").json()["state"] == "cleared"  # seen with the one that lasts
    sql = "SELECT time, actor, reason FROM alarm_event WHERE n > $n AND state = 'acknowledged'"
    events = own_house.rows(sql, {"n": before})
    assert len(events) == 2
    assert {(e["actor"], e["reason"]) for e in events} == {("王工", "夜班")}
    assert len({e["time"] for e in events}) == 1
    again = matters.post("/api/alarms/acknowledge", json={"alarms": ["now", "cause"], "by": "李工"}).json()
    assert (again["done"], again["already"]) == (0, 2)
    assert matters.get("/api/alarms/now").json()["acknowledged_by"] == "王工"  # the first one stays
    for bad in ({"alarms": []}, {"alarms": [""]}, {"alarms": "now"}):
        assert matters.post("/api/alarms/acknowledge", json={**bad, "by": "王"}).status_code == 400
