"""Does every failure have one shape? Every route is driven with everything that it does not take."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.api import problems
from citytwin.api.app import ROUTES
from citytwin.api.house import House
from citytwin.api.route import Route
from citytwin.kernel import errors
from citytwin.kernel.errors import CityTwinError, Fault
from tests.api.conftest import DRAFT, Caller, check_problem

READS = [r for r in ROUTES if r.method == "GET"]
WRITES = [r for r in ROUTES if r.body]
KNOWN = {
    "/packs/{id}": "/packs/trial",
    "/assets/{id}": "/assets/lamp-1",
    "/plans/{id}": "/plans/light_2026",
    "/plans/{id}/decisions": "/plans/light_2026/decisions",
    "/plans/{id}/versions": "/plans/light_2026/versions",
    "/plans/{id}/measures/{measure}": "/plans/light_2026/measures/m001",
    "/plans/{id}/report.html": "/plans/light_2026/report.html",
    "/plans/{id}/report.docx": "/plans/light_2026/report.docx",
    "/drafts/{id}": f"/drafts/{DRAFT}",
    "/drafts/{id}/decisions": f"/drafts/{DRAFT}/decisions",
    "/targets/{id}/proposals": "/targets/light_2026.opened/proposals",
}
EDIT = {"kind": "delete", "since": "2026-03-10T03:00:00Z", "until": "2026-03-10T04:00:00Z"}
BODIES_OF: dict[str, dict[str, Any]] = {
    "link_identity": {"subject": "x"},
    "advance": {"by": "me", "to": "x"},
    "lift": {"by": "me"},
    "acknowledge": {"by": "me"},
    "reset": {"by": "me"},
    "release": {"by": "me"},
    "withdraw": {"by": "me"},
    "show": {"by": "me", "public": True},
    "bind": {"by": "me", "indicator": "", "asset": ""},
    "divide": {"names": ["a", "b"]},
    "parts": {"by": "me", "parts": []},
    "report": {"by": "me", "state": "done"},
    "act": {"act": "comment", "by": "me", "note": "n"},
    "decided": {"facts": {}},
    "score": {"facts": {}},
    "reveal_draw": {"by": "me", "seed": "s"},
    "decide": {"by": "me", "seen": 1, "act": "accept", "records": ["r001"]},
    "put_in_force": {"by": "me"},
    "apply_edit": {"by": "me", "note": "why", "edit": EDIT},
    "preview_edit": {"edits": [EDIT]},
    "undo_edit": {"by": "me"},
    "try_channel": {"person": "me"},
}
"""A body that each route takes, by its name."""


def url(route: Route, id: str = "1") -> str:
    return "/api" + re.sub(r"{\w+}", id, route.path)


def known(route: Route) -> str:
    return "/api" + KNOWN[route.path] if route.path in KNOWN else url(route)


def named(routes: list[Route]) -> dict[str, Any]:
    return {"argvalues": routes, "ids": [f"{r.method} {r.path}" for r in routes]}


@pytest.mark.parametrize("route", **named(list(ROUTES)))
def test_an_unknown_parameter_is_400_and_the_hint_names_those_known(client: Caller, route: Route) -> None:
    told = check_problem(client.request(route.method, url(route) + "?nonsense=1"), 400, "bad_request")
    assert told["where"] == "nonsense"
    for name in route.parameters:
        assert name in told["hint"]


@pytest.mark.parametrize("route", **named(list(ROUTES)))
def test_another_method_is_405_and_says_which_there_are(client: Caller, route: Route) -> None:
    for method in ("DELETE", "PUT", "PATCH", "OPTIONS"):
        answer = client.request(method, url(route))
        told = check_problem(answer, 405, "method_not_allowed")
        assert route.method in answer.headers["allow"]
        assert answer.headers["allow"] in told["hint"]


@pytest.mark.parametrize("route", **named(READS))
def test_head_answers_as_get_does(client: Caller, route: Route) -> None:
    target = known(route) + ("?type=trial.warmth" if route.path == "/latest" else "")
    got, head = client.get(target), client.request("HEAD", target)
    assert (head.status_code, head.headers["content-type"]) == (got.status_code, got.headers["content-type"])


@pytest.mark.parametrize("route", **named([r for r in READS if r.slots]))
@pytest.mark.parametrize(
    "id", ["nothing", "a.b.c", "%F0%9F%92%A1", "' OR 1=1 --", "...", "x" * 5000, "light_2026.", "99999999999999999999"]
)
def test_an_unknown_id_is_404_or_no_id_at_all(client: Caller, route: Route, id: str) -> None:
    answer = client.get(url(route, id))
    assert answer.status_code in (400, 404)
    check_problem(answer, answer.status_code, {400: "bad_request", 404: "not_found"}[answer.status_code])


@pytest.mark.parametrize("id", ["%00", "a%00b"])
def test_an_id_with_nul_is_400(client: Caller, id: str) -> None:
    assert check_problem(client.get(f"/api/assets/{id}"), 400, "bad_request")["where"] == "id"


BAD: dict[str, list[str]] = {
    "limit": ["0", "-1", "10001", "9" * 400, "1.5", "ten", "1e9", "NaN"],
    "points": ["1", "0", "999999", "x"],
    "cursor": ["x", "!!!", "W10", "bnVsbA", "é", "WzFdWzFd", "W1tbW1tbW10", "WzFlOTk5XQ"],
    "since": ["soon", "2026-13-01", "2026-03-10T25:00:00Z", "0001-01-01", "9999-12-31T23:59:59-12:00", "2026-03-10T04:00:00 08:00"],
    "until": ["soon", "0000-00-00"],
    "as_of": ["today", "2026-02-30", "0001-01-01", "9999-12-31", "2026"],
    "alive": ["yes", "2", "TRUEE"],
    "status": ["good", "MET"],
    "state": ["on", "OPEN"],
    "level": ["5", "High"],
    "partial": ["perhaps"],
    "key": ["k" * 201],
    "source": ["s" * 201],
}  # fmt: skip
CASES = [
    (r, name, value)
    for r in ROUTES
    for name in r.parameters
    for value in [*BAD.get(name, []), "%00"]
    if not (name == "source" and r.method == "GET" and value != "%00")
]


@pytest.mark.parametrize(
    ("route", "name", "value"), CASES, ids=[f"{r.method} {r.path} {n}={v[:20]}" for r, n, v in CASES]
)
def test_a_bad_parameter_is_400_and_named(client: Caller, route: Route, name: str, value: str) -> None:
    target = known(route)
    more = [
        f"{n}=x" for n, p in route.parameters.items() if p.required and n != name and name == "cursor"
    ]  # it is read after those
    told = check_problem(
        client.request(route.method, f"{target}?{'&'.join([f'{name}={value}', *more])}"), 400, "bad_request"
    )
    assert told["where"] == name
    assert told["hint"]


def test_a_parameter_given_twice_is_400(client: Caller) -> None:
    told = check_problem(client.get("/api/assets?limit=1&limit=2"), 400, "bad_request")
    assert told["faults"][0]["code"] == "TWICE"


def test_all_faults_of_a_query_are_told_at_once(client: Caller) -> None:
    told = check_problem(client.get("/api/alarms?level=5&state=on&x=1&limit=0"), 400, "bad_request")
    assert [f["where"] for f in told["faults"]] == ["level", "state", "x", "limit"]


def test_a_required_parameter_that_is_absent_is_named(client: Caller) -> None:
    assert check_problem(client.get("/api/latest"), 400, "bad_request")["where"] == "type"
    assert check_problem(client.get("/api/latest?type="), 400, "bad_request")["where"] == "type"


def test_an_empty_parameter_is_as_good_as_none(client: Caller) -> None:
    assert client.get("/api/assets?type=&q=&limit=&cursor=").json() == client.get("/api/assets").json()


def test_a_span_that_ends_before_it_begins_is_400(client: Caller) -> None:
    answer = client.get("/api/streams/lamp-1.trial.warmth/observations?since=2026-03-10&until=2026-03-09")
    assert check_problem(answer, 400, "bad_request")["where"] == "since"


def test_a_plan_that_is_not_there_is_404_as_a_filter_too(client: Caller) -> None:
    check_problem(client.get("/api/targets?plan=nothing"), 404, "not_found")
    check_problem(client.get("/api/latest?type=nothing"), 404, "not_found")


BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"1",
    b'"x"',
    b'{"nonsense":1}',
    b"\xff",
    b"[" * 50_000,
    b'{"by":1,"to":2,"model":3,"assets":4}',
]


@pytest.mark.parametrize("body", BODIES, ids=[repr(b[:12]) for b in BODIES])
@pytest.mark.parametrize("route", **named(WRITES))
def test_a_malformed_body_is_400(client: Caller, route: Route, body: bytes) -> None:
    answer = client.post(url(route), content=body, headers={"Content-Type": "application/json"})
    assert check_problem(answer, 400, "bad_request")["where"]


@pytest.mark.parametrize("media", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize("route", **named(WRITES))
def test_a_body_of_another_kind_is_415(client: Caller, route: Route, media: str) -> None:
    answer = client.post(url(route), content=b"{}", headers={"Content-Type": media})
    assert "application/json" in check_problem(answer, 415, "unsupported")["hint"]


@pytest.mark.parametrize("route", **named(WRITES))
def test_a_body_too_large_is_413(build: Any, portal: Any, route: Route) -> None:
    caller = Caller(build(False, largest_document=100), portal)
    answer = caller.post(url(route), content=b" " * 101, headers={"Content-Type": "application/json"})
    check_problem(answer, 413, "too_large")


@pytest.mark.parametrize("route", **named([r for r in WRITES if r.slots]))
def test_acting_on_nothing_is_404(client: Caller, route: Route) -> None:
    place = url(route, "nothing").replace("/edits/nothing/", "/edits/1/").replace("holds/nothing/", "holds/999/")
    check_problem(client.post(place, json={} if route.bare else BODIES_OF[route.name]), 404, "not_found")


def test_a_model_that_is_not_there_is_404(client: Caller) -> None:
    check_problem(client.post("/api/runs", json={"model": "trial.Oracle"}), 404, "not_found")


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "/api/assets/", "/api/health/x", "/api/%2e%2e/x", "/app/x.js"]
)
def test_an_address_that_is_not_there_is_404(client: Caller, path: str) -> None:
    check_problem(client.get(path), 404, "not_found")


def children(kind: type[CityTwinError]) -> list[type[CityTwinError]]:
    return [kind, *(c for child in kind.__subclasses__() for c in children(child))]


@pytest.mark.parametrize("kind", [k for k in children(CityTwinError) if k.__module__ == errors.__name__])
def test_every_error_of_the_kernel_has_its_own_status(kind: type[CityTwinError]) -> None:
    assert kind in problems.STATUS
    told, _ = problems.problem(kind("what", "do", "here", (Fault("row 1", "ROW", "bad"),)), "/api/x")
    assert (told.detail, told.hint, told.where, told.code) == ("what", "do", "here", kind.code)
    assert told.faults == (Fault("row 1", "ROW", "bad"),)


def test_an_error_that_comes_later_has_the_status_of_its_parent() -> None:
    class Elsewhere(errors.NotFound):
        code = "elsewhere"

    told, _ = problems.problem(Elsewhere("what"), "/api/x")
    assert (told.status, told.code) == (404, "elsewhere")


def test_what_nobody_foresaw_is_500_logged_and_not_told(
    own: Caller, own_house: House, monkeypatch: Any, caplog: Any
) -> None:
    def broken() -> None:
        raise RuntimeError("the secret path /etc")

    monkeypatch.setattr(own_house, "rows", lambda *a: broken())
    answer = own.get("/api/types")
    told = check_problem(answer, 500, "error")
    assert "secret" not in answer.text
    entry = told["hint"].rpartition(" ")[2]
    assert entry in caplog.text
    assert "the secret path" in caplog.text


def test_a_statement_of_ours_that_the_store_refuses_is_not_the_fault_of_the_caller(own_house: House) -> None:
    with pytest.raises(errors.StoreFailed):
        own_house.fetch("SELECT nonsense")


def test_every_code_is_explained_on_the_page_to_read(client: Caller) -> None:
    page = client.get("/api/docs").text
    for _, code, _ in problems.codes():
        assert f"<tr id={code}>" in page


words = st.one_of(
    st.text(max_size=12), st.sampled_from(["1", "trial.lamp", "lamp-1", "2026-03-10", "true", "open", "high"])
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_questions_are_answered_or_refused_but_never_fail(client: Caller, data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(READS))
    slots = {name: data.draw(words) for name in route.slots}
    path = "/api" + route.path
    for name, word in slots.items():
        path = path.replace("{" + name + "}", "".join(f"%{b:02X}" for b in word.encode("utf-8", "replace")) or "x")
    names = [*route.parameters, "x"] if route.parameters else ["x"]
    params = data.draw(st.dictionaries(st.sampled_from(names), words, max_size=3))
    answer = client.get(path, params=params)
    if answer.status_code != 200:
        assert answer.status_code in (400, 404), answer.text
        check_problem(answer, answer.status_code, answer.json()["code"])
