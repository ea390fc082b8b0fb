"""Does the editing of a stream work over HTTP? Preview, apply, list, replay, undo; and every refusal says why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Caller, check_problem

STREAM = "lamp-1.trial.warmth"
PLACE = f"/api/streams/{STREAM}/edits"
SPAN = {"since": "2026-03-10T03:00:00Z", "until": "2026-03-10T03:30:00Z"}
SHIFT = {"kind": "shift", **SPAN, "value": -1.5}


def values(own: Caller) -> list[float]:
    told = own.get(f"/api/streams/{STREAM}/observations", params=SPAN).json()
    return list(told["value"])


def test_an_edit_is_looked_at_taken_told_and_undone(own: Caller) -> None:
    before = values(own)
    seen = own.post(f"{PLACE}/preview", json={"edits": [SHIFT]}).json()
    assert (seen["changed"], seen["added"], seen["withdrawn"], seen["unit"]) == (30, 0, 0, "degC")
    assert seen["before"]["value"] == before
    assert seen["after"]["value"] == pytest.approx([v - 1.5 for v in before])
    assert values(own) == before  # a look changes nothing
    size = own.get("/api/evidence").json()["size"]
    answer = own.post(PLACE, json={"by": "李华", "note": "与手持温度计比对", "edit": SHIFT, "seen": 0})
    assert answer.status_code == 201
    assert answer.json() == {"n": 1, "changed": 30, "added": 0, "withdrawn": 0}
    assert values(own) == pytest.approx([v - 1.5 for v in before])
    assert own.get("/api/evidence").json()["size"] == size + 2  # the decision, and the readings that it put in force
    told = own.get(PLACE).json()
    (item,) = told["items"]
    assert (told["decisions"], item["n"], item["by"], item["note"], item["undone"]) == (
        1,
        1,
        "李华",
        "与手持温度计比对",
        None,
    )
    assert item["edit"] | SHIFT == item["edit"]
    assert own.post(f"{PLACE}/replay", json={}).json() == {"n": 0, "changed": 0, "added": 0, "withdrawn": 0}
    back = own.post(f"{PLACE}/preview", json={"undo": 1}).json()
    assert back["after"]["value"] == before
    assert own.post(f"{PLACE}/1/undo", json={"by": "王", "note": "reference was wrong"}).json()["changed"] == 30
    assert values(own) == before
    assert own.get(PLACE).json()["items"][0]["undone"] == 2


def test_a_time_without_an_offset_is_that_of_the_citys_clock(own: Caller) -> None:
    local = {"kind": "flag", "since": "2026-03-10T11:00:00", "until": "2026-03-10T11:30:00", "quality": 4}
    assert own.post(PLACE, json={"by": "Li", "note": "why", "edit": local}).json()["changed"] == 30
    assert own.get(PLACE).json()["items"][0]["edit"]["since"] == SPAN["since"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "says"),
    [
        ("", {"by": "Li", "note": "", "edit": SHIFT}, 400, "bad_request", "note"),
        ("", {"by": "Li", "note": " ", "edit": SHIFT}, 400, "bad_request", "why"),
        ("", {"by": "Li", "note": "x", "edit": {**SHIFT, "kind": "melt"}}, 400, "bad_request", "edit.kind"),
        ("", {"by": "Li", "note": "x", "edit": {**SHIFT, "until": SPAN["since"]}}, 400, "bad_request", "ends before"),
        ("", {"by": "Li", "note": "x", "edit": {**SHIFT, "since": "yesterday"}}, 400, "bad_request", "edit.since"),
        ("/preview", {}, 400, "bad_request", "either edits or undo"),
        ("/preview", {"undo": 3}, 404, "not_found", "no edit 3"),
        ("/3/undo", {"by": "Li"}, 404, "not_found", "no edit 3"),
        ("/99999999999999999999/undo", {"by": "Li"}, 404, "not_found", "no edit"),
        (
            "",
            {"by": "Li", "note": "x", "edit": {**SHIFT, "since": "0001-01-01T00:00:00+08:00"}},
            400,
            "bad_request",
            "knows of",
        ),
        (
            "",
            {"by": "Li", "note": "x", "edit": {**SHIFT, "kind": "scale", "value": 1e308}},
            400,
            "bad_request",
            "beyond",
        ),
        (
            "",
            {
                "by": "Li",
                "note": "x",
                "edit": {"kind": "interpolate", **SPAN, "since": "1900-01-01T00:00:00Z", "step_s": 1},
            },
            400,
            "bad_request",
            "more than",
        ),
        ("/three/undo", {"by": "Li"}, 400, "bad_request", "three"),
    ],
)
def test_a_refusal_says_why(own: Caller, path: str, body: dict[str, Any], status: int, code: str, says: str) -> None:
    told = check_problem(own.post(PLACE + path, json=body), status, code)
    assert says in told["detail"] + told["hint"] + told["where"]
    assert own.get(PLACE).json()["items"] == []


def test_a_stream_that_never_reported_has_no_edits(client: Caller) -> None:
    for id in ("lamp-3.trial.warmth", "nothing"):
        check_problem(client.get(f"/api/streams/{id}/edits"), 404, "not_found")


def test_who_did_not_see_the_last_edit_is_told(own: Caller) -> None:
    body = {"by": "Li", "note": "why", "edit": SHIFT, "seen": 0}
    assert own.post(PLACE, json=body).status_code == 201
    check_problem(own.post(PLACE, json=body), 409, "conflict")
