"""How long readings are kept: declared, held back by people, and told by the proof of what is not there any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from citytwin.engine import keep
from citytwin.kernel.errors import BadDeclaration
from citytwin.kernel.keep import Keep, KeepType

from .conftest import NOW, Caller


def declare(house: Any, **said: Any) -> None:
    house.twin.city = replace(house.twin.city, keep=Keep(**said))


def count(house: Any, kind: str) -> int:
    sql = "SELECT count(*) AS n FROM observation_all WHERE stream_type = $kind"
    return int(house.twin.store.fetch(sql, {"kind": kind})["n"][0].as_py())


def test_nothing_is_deleted_where_the_city_says_nothing(own_house: Any) -> None:
    before = count(own_house, "trial.warmth")
    assert before
    assert keep.keep(own_house.twin, NOW + timedelta(days=10_000)) == (0, 0)
    assert count(own_house, "trial.warmth") == before


def test_a_proof_says_when_what_it_proves_was_deleted(own: Caller, own_house: Any) -> None:
    declare(own_house, streams=(KeepType("trial.warmth", delete_days=1),))
    other = [k for k in own_house.twin.streams if k != "trial.warmth" and count(own_house, k)]
    rest = {k: count(own_house, k) for k in other}
    hours = own_house.twin.store.roll() and own_house.twin.store.fetch("SELECT * FROM observation_hour")
    number = own_house.twin.store.fetch(
        "SELECT min(b.leaf) AS leaf FROM batch AS b JOIN batch_span AS s ON s.batch = b.batch WHERE s.stream_type = 'trial.warmth'"
    )["leaf"][0].as_py()
    assert own.get(f"/api/evidence/leaves/{number}").json()["deleted"] is None
    held = own.post("/api/holds", json={"subject": "trial.warmth", "reason": "a trial", "by": "Li"}).json()
    assert keep.keep(own_house.twin, NOW + timedelta(days=60)) == (0, 0)
    assert own.post(f"/api/holds/{held['hold']}/lifting", json={"by": "Wu"}).json()["lifted_by"] == "Wu"
    before = count(own_house, "trial.warmth")
    assert keep.keep(own_house.twin, NOW + timedelta(days=60)) == (0, before)
    assert count(own_house, "trial.warmth") == 0
    assert {k: count(own_house, k) for k in other} == rest
    assert own_house.twin.store.fetch("SELECT * FROM observation_hour").equals(hours)
    proven = own.get(f"/api/evidence/leaves/{number}").json()
    assert proven["deleted"] == own_house.twin.clock.now().isoformat().replace("+00:00", "Z")
    told = own.get("/api/keep").json()
    assert sum(e["rows"] for e in told["erasures"]) == before
    assert [h["lifted_by"] for h in told["holds"]] == ["Wu"]
    kinds = [own.get(f"/api/evidence/leaves/{e['leaf']}").json()["leaf"]["kind"] for e in told["erasures"]]
    assert set(kinds) == {"retention"}
    assert keep.keep(own_house.twin, NOW + timedelta(days=60)) == (0, 0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"subject": "no.such", "reason": "r", "by": "Li"}, 404),
        ({"subject": "*", "reason": "  ", "by": "Li"}, 400),
        ({"subject": "*", "reason": "r"}, 400),
    ],
)
def test_a_hold_that_holds_nothing_is_refused(own: Caller, body: Any, status: int) -> None:
    assert own.post("/api/holds", json=body).status_code == status
    assert own.get("/api/keep").json()["holds"] == []


def test_a_hold_is_lifted_once(own: Caller) -> None:
    assert own.post("/api/holds/1/lifting", json={"by": "Wu"}).status_code == 404
    assert own.post("/api/holds", json={"subject": "*", "reason": "court", "by": "Li"}).status_code == 201
    assert own.post("/api/holds/1/lifting", json={"by": "Wu"}).status_code == 200
    assert own.post("/api/holds/1/lifting", json={"by": "Wu"}).status_code == 409


@pytest.mark.parametrize(
    "said",
    [
        {"streams": (KeepType("no.such"),)},
        {"streams": (KeepType("trial.warmth"), KeepType("trial.warmth"))},
        {"tier_days": -1.0},
        {"streams": (KeepType("trial.warmth", delete_days=40_000),)},
    ],
)
def test_a_declaration_that_cannot_be_followed_is_named(own_house: Any, said: Any) -> None:
    declare(own_house, **said)
    with pytest.raises(BadDeclaration, match="keep"):
        keep.check(own_house.twin)
