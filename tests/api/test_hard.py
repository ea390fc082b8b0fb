"""What a service meets on an open network: paths and heads that are meant to be read in two ways, words that are used again, bodies that are to exhaust it."""

from __future__ import annotations

import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import anyio.from_thread
import pytest
from starlette.routing import Match, Router

from citytwin.api.app import ROUTES, App
from citytwin.api.gate import needed
from citytwin.api.house import House
from citytwin.api.problems import STATUS
from citytwin.api.route import Place
from citytwin.api.site import Site
from citytwin.engine import people as people_
from citytwin.engine.people import People, strong
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.right import Grant, Person
from citytwin.settings import Rate, Rates
from tests.api.conftest import Caller
from tests.api.test_gate import HELD, PASSWORD, RULE, bearer, expected, service, sign_in, somebody
from tests.served import Served

SQL = "x'; DELETE FROM person_row; --"
FREE = Rates(*(Rate(0, 0),) * 3)


@pytest.fixture
def guarded(build: Callable[..., House], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> House:
    monkeypatch.setattr(people_, "PasswordHasher", partial(people_.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1))  # fmt: skip
    house = build(furnished="sql" in request.node.name, rates=FREE)
    house.people = People(house.twin.store, house.twin.clock)
    return house


@pytest.fixture
def people(guarded: House) -> People:
    assert guarded.people
    return guarded.people


@pytest.fixture
def door(guarded: House) -> Iterator[Caller]:
    with anyio.from_thread.start_blocking_portal() as portal:
        yield Caller(guarded, portal)


# -- sessions


def test_behind_tls_the_cookie_is_of_this_host_alone(door: Caller, people: People) -> None:
    somebody(people)
    secure = "https://testville/api"
    told = door.post(f"{secure}/session", json={"id": "wang", "password": PASSWORD})
    parts = {p.strip().lower() for p in told.headers["set-cookie"].split(";")}
    assert told.headers["set-cookie"].startswith("__Host-citytwin=ct_")
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= parts
    assert not any(p.startswith("domain") for p in parts)
    assert told.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert told.headers["cache-control"] == "no-store"
    word = told.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert door.get(f"{secure}/me", headers={"Cookie": f"__Host-citytwin={word}"}).status_code == 200
    # a cookie without the prefix may have been set by another host of the domain
    assert door.get(f"{secure}/me", headers={"Cookie": f"citytwin={word}"}).status_code == 401
    gone = door.request("DELETE", f"{secure}/session", headers={"Cookie": f"__Host-citytwin={word}"})
    assert gone.headers["clear-site-data"] == '"cache"'
    assert "strict-transport-security" not in door.get("/api/city").headers  # RFC 6797, 7.2


def test_signing_in_makes_a_new_session_and_ends_the_one_before(door: Caller, people: People) -> None:
    somebody(people)
    first = sign_in(door, "wang", PASSWORD).headers["set-cookie"].partition(";")[0]
    second = sign_in(door, "wang", PASSWORD).headers["set-cookie"].partition(";")[0]
    assert first != second
    assert len(people.passes("wang", "session")) == 1
    chosen = f"citytwin=ct_{'B' * 43}"  # whoever sets a cookie for another gets nothing from it
    third = sign_in(door, "wang", PASSWORD, **{"Cookie": chosen}).headers["set-cookie"].partition(";")[0]
    assert third not in (first, second, chosen)
    assert door.get("/api/me", headers={"Cookie": first}).status_code == 401


def test_secrets_have_256_random_bits_and_no_two_are_alike(people: People) -> None:
    secrets = {service(people, "viewer") for _ in range(200)} | {people.link(p.id) for p in [_person(people)]}
    assert len(secrets) == 201
    assert all(len(s.removeprefix("ct_")) == 43 for s in secrets)  # 32 bytes in base64


def _person(people: People) -> Person:
    people.put_person(Person("li", "李雷"))
    return people.person("li")


def test_answers_of_the_interface_are_kept_by_nobody(door: Caller, people: People) -> None:
    head = bearer(service(people, "administrator"))
    for path in ("/api/me", "/api/people", "/api/audit", "/api/cases", "/sta/v1.1/Things", "/sta/v2.0/Things", "/ogc/collections", "/grafana", "/api/nowhere"):  # fmt: skip
        assert door.get(path, headers=head).headers["cache-control"] == "no-store", path
    assert door.get("/api/people").headers["cache-control"] == "no-store"


def test_what_nobody_may_give_themselves_is_refused(door: Caller, people: People) -> None:
    """Mass assignment: fields that are there, but not for whoever sends them here."""
    somebody(people)
    sign_in(door, "wang", PASSWORD)
    for path, body in (
        ("/api/me/password", {"old": PASSWORD, "password": PASSWORD + "!", "grants": [{"role": "administrator"}]}),
        ("/api/me/tokens", {"title": "t", "kind": "session"}),
        ("/api/session", {"id": "wang", "password": PASSWORD, "rights": ["rule"]}),
        ("/api/welcome", {"word": "x", "password": PASSWORD, "person": "admin"}),
        ("/api/cases", {"type": "trial.cooling", "asset": "lamp-1", "by": "王敏", "closed": None, "id": "c"}),
    ):
        told = door.post(path, json=body)
        assert told.status_code == 400, path
        assert "unknown field" in told.json()["detail"] or "'type'" in told.json()["detail"], told.text
    assert door.post("/api/me/tokens", json={"title": "t", "person": "admin"}).status_code == 403
    assert people.person("wang").grants == (Grant("operator"),)


def test_ids_of_other_people_open_nothing(door: Caller, people: People) -> None:
    somebody(people)
    somebody(people, "li")
    people.make_token("li", "theirs", None, 1)
    sign_in(door, "wang", PASSWORD)
    for one in people.passes("li"):
        told = door.post(f"/api/me/passes/{one.id}/end", json={})
        assert told.status_code == 404
        assert told.json()["detail"] == f"you have no session or token '{one.id}'"  # as for one that is not there
    assert len(people.passes("li")) == 1
    assert {p["person"] for p in door.get("/api/me/passes").json()} == {"wang"}


def test_a_disabled_account_has_no_sessions(door: Caller, people: People) -> None:
    somebody(people)
    sign_in(door, "wang", PASSWORD)
    token = people.make_token("wang", "script", None, 1)[1]
    people.put_person(Person("wang", "王敏", disabled=True, grants=(Grant("operator"),)))
    assert door.get("/api/me").status_code == 401
    assert door.get("/api/me", headers={**bearer(token), "Cookie": ""}).status_code == 401
    assert sign_in(door, "wang", PASSWORD).status_code == 401
    assert people.passes("wang") == []


def test_passwords_against_what_is_asked_of_them() -> None:
    for good in (
        "vier wilde Pferde ziehen",
        "x" * 6 + "abgemacht&42",
        "骑四匹野马去看海吧好不好呀",
        "q" + "Zebra klingt nachts laut " * 4,
        " führende Leerzeichen zählen ",
    ):
        strong(good, "wang", "王敏")
    for bad in (
        "elf zeichen",
        "z" * 129,
        "ababababababab",
        "1234567890123",
        "my citytwin login",
        "PASSWORDpassw0rd!",
        "ein wangfu ohne ruhe wang-lei",
    ):
        with pytest.raises(BadRequest):
            strong(bad, "wang-lei", "王敏")


def test_no_other_site_is_let_read_but_the_public_face(door: Caller, people: People) -> None:
    head = {**bearer(service(people, "viewer")), "Origin": "https://evil.example"}
    for path in ("/api/assets", "/sta/v1.1/Things", "/sta/v2.0/Things", "/ogc/collections", "/grafana", "/api/me", "/"):
        assert "access-control-allow-origin" not in door.get(path, headers=head).headers, path
    public = door.get("/open311/v2/services.json", headers=head).headers
    assert public["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in public


# -- paths


def tricks(path: str) -> Iterator[str]:
    """The same path as servers, proxies and people have been known to read it."""
    yield from (
        path,
        path + "/",
        "/" + path,
        path.replace("/", "//"),
        path.replace("/", "/./"),
        f"/x/..{path}",
        f"{path};x=y",
        f"{path}%2f",
        f"{path}\\",
        path.upper(),
        path.title(),
    )
    yield from (
        path.replace("/api/", "/api/;/"),
        path.replace("/", "\\"),
        path.replace("a", "\uff41"),
        path + "\n",
        path + "\0",
        path + "%00",
        path + ".json",
        path + "?x",
        path + "#x",
        path.replace("/", "%2F", 2),
    )
    yield from (f"/open311/v2/..{path}", f"/app/../..{path}", f"/sta/v1.1/..{path}", path.replace("e", "%65", 1), path.rpartition("/")[0], path + "/" + path)  # fmt: skip


def test_no_path_reaches_a_route_under_another_right_than_its_own(house: House) -> None:
    """The router's own choice for a path, against the right that the gate asks for it."""
    router: Any = App(house)
    while not isinstance(router, Router):
        router = router._app
    chance = random.Random(7)
    ids = [
        "x",
        "x y",
        ".",
        "..",
        "x/y",
        "a.import",
        "';--",
        "x\ny",
        "é",
        "x;y",
        "%2e%2e",
        "people",
        "edits",
        "export.csv",
        "publish",
        "x" * 300,
    ]
    reached = 0
    for route in ROUTES:
        for _ in range(1):
            plain = "/api" + route.path
            while "{" in plain:
                plain = plain[: plain.index("{")] + chance.choice(ids) + plain[plain.index("}") + 1 :]
            for path in tricks(plain):
                for method in (route.method, "POST", "GET", "HEAD", "PUT", "DELETE"):
                    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
                    found = next((r for r in router.routes if r.matches(scope)[0] != Match.NONE), None)
                    if found is None:  # it answers 404
                        continue
                    right = needed(method, path)
                    target: Any = found.app  # type: ignore[attr-defined]
                    if isinstance(target, Place):
                        served = target._routes.get("GET" if method == "HEAD" else method)
                        if served is None:  # it answers 405
                            continue
                        reached += 1
                        assert right in ("", expected(f"{served.method} {served.path}")), (method, path, served.path)
                    elif not isinstance(target, Site) and right == "public":
                        assert path.startswith(("/open311/v2/", "/api/session", "/api/welcome", "/ping", "/health")), path  # fmt: skip
    assert reached > len(ROUTES)


def test_tricks_on_the_way_show_nothing_to_who_is_not_known(served: Served) -> None:
    """Over the wire, where names are unquoted: nobody gets more than the first page of the web app."""
    for name in sorted(n for n in RULE if n.startswith("GET")):
        for path in tricks("/api" + name.split()[1]):
            for sent in {path, quote(path, safe="/"), quote(path, safe="")}:
                if any(c in sent for c in "\n\0 ") or not sent.startswith("/"):
                    continue
                status, body = raw(served, f"GET {sent.encode('ascii', 'ignore').decode()} HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n")  # fmt: skip
                assert status in (401, 404, 400) or (status == 200 and b"<!doctype html>" in body.lower()), (sent, body[:300])  # fmt: skip


# -- heads


@pytest.fixture(scope="module")
def served(serve: Callable[..., Served], town: str, tmp_path_factory: pytest.TempPathFactory) -> Served:
    home = tmp_path_factory.mktemp("hard") / "home"
    return serve(home, "--city", town, "--demo-days", "0", "--rate", "nobody=0", auth=True)


def raw(served: Served, data: str | bytes, wait_s: float = 20.0) -> tuple[int, bytes]:
    """What is answered to these bytes until the connection ends: the first status (0 for none), and all of it."""
    parts = urlsplit(served.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=wait_s) as s:
        told = b""
        try:
            s.sendall(data if isinstance(data, bytes) else data.encode())
            while part := s.recv(65536):
                told += part
        except TimeoutError:
            pytest.fail(f"the connection stays open after {told[:200]!r}")
        except OSError:  # it hung up on us
            pass
    return int(told[9:12]) if told.startswith(b"HTTP/1.1 ") else 0, told


INNER = "GET /smuggled HTTP/1.1\r\nHost: c\r\n\r\n"
SMUGGLED = {
    "two lengths": f"POST /api/session HTTP/1.1\r\nHost: c\r\nContent-Length: 2\r\nContent-Length: {len(INNER)}\r\n\r\n{INNER}",
    "length and chunks": f"POST /api/session HTTP/1.1\r\nHost: c\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{INNER}",
    "chunks and length": f"POST /api/session HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\nContent-Length: {len(INNER) + 5}\r\n\r\n0\r\n\r\n{INNER}",
    "chunks unlike chunks": f"POST /api/session HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n{INNER}",
    "chunks twice": f"POST /api/session HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{INNER}",
    "a folded line": f"POST /api/session HTTP/1.1\r\nHost: c\r\nX: y\r\n Content-Length: 0\r\nTransfer-Encoding:\r\n chunked\r\n\r\n{INNER}",
    "bare line ends": f"POST /api/session HTTP/1.1\nHost: c\nContent-Length: 0\n\n{INNER}",
    "a bare return": f"POST /api/session HTTP/1.1\r\nHost: c\r\nX: y\rContent-Length: 0\r\n\r\n{INNER}",
    "a blank before the colon": f"POST /api/session HTTP/1.1\r\nHost: c\r\nContent-Length : 0\r\n\r\n{INNER}",
    "a length with a sign": f"POST /api/session HTTP/1.1\r\nHost: c\r\nContent-Length: +0\r\n\r\n{INNER}",
    "a length below nothing": f"POST /api/session HTTP/1.1\r\nHost: c\r\nContent-Length: -1\r\n\r\n{INNER}",
    "a length beyond counting": f"POST /api/session HTTP/1.1\r\nHost: c\r\nContent-Length: {'9' * 30}\r\n\r\n{INNER}",
    "a chunk beyond counting": f"POST /api/session HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n{'f' * 20}\r\n{INNER}",
    "nothing in a name": f"POST /api/session HTTP/1.1\r\nHost: c\r\nContent-Length\0: 0\r\n\r\n{INNER}",
}


@pytest.mark.parametrize("name", SMUGGLED)
@pytest.mark.parametrize("path", ["/api/session", "/api/observations"])
def test_a_request_is_not_hidden_in_another(served: Served, name: str, path: str) -> None:
    """RFC 9112, 6.3 and 11.2: what may be read in two ways is refused, and the connection ends."""
    status, told = raw(served, SMUGGLED[name].replace("/api/session", path))
    assert b"smuggled" not in told, told  # a second answer would name it
    assert told.count(b"HTTP/1.1 ") <= 1
    assert status in (400, 401, 413, 415, 0), told[:300]


def test_a_head_without_an_end_is_refused_and_not_kept(served: Served) -> None:
    status, told = raw(served, b"GET / HTTP/1.1\r\nHost: c\r\n" + b"X: " + b"y" * 4_000_000)
    assert status in (431, 0), told[:200]
    status, told = raw(served, b"POST /api/session HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: z\r\n" * 400_000)  # fmt: skip
    assert status in (431, 401, 400, 403, 415, 0), told[:200]
    assert served.get("/api/health")["status"] == "ok"


def test_a_body_of_nested_brackets_is_refused_in_words(served: Served) -> None:
    for body in (b"[" * 5_000_000, b'{"a":' * 1_000_000, b'{"id":"' + b"x" * 5_000_000 + b'"}', b"[" + b"1," * 2_000_000 + b"1]"):  # fmt: skip
        for path in (
            "/api/observations",
            "/api/people",
            "/sta/v1.1/Things",
            "/sta/v2.0/$batch",
            "/grafana/query",
            "/api/runs",
        ):
            status, told = served.post(path, body)
            assert status in (400, 404, 413), (path, status, told)
            assert "Traceback" not in json.dumps(told)


def _held(served: Served) -> float:
    """MiB that the server holds."""
    lines = Path(f"/proc/{served.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def test_slow_and_many_connections_cost_little_and_keep_nobody_out(served: Served) -> None:
    """Three hundred who begin and do not go on; each may hold no more than a head, and whoever comes is answered."""
    before = _held(served)
    parts = urlsplit(served.url)
    with ExitStack() as held:
        for n in range(300):
            s = held.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=20))
            s.sendall(b"POST /api/session HTTP/1.1\r\nHost: c\r\n" + b"X: " + b"y" * 20_000 if n % 2 else b"G")
        for _ in range(10):
            assert served.get("/api/health")["status"] == "ok"
    assert _held(served) - before < 400


def test_after_all_of_it_memory_is_bounded_and_the_log_is_clean(served: Served) -> None:
    stop = time.monotonic() + 20
    while _held(served) > 1500 and time.monotonic() < stop:
        time.sleep(0.1)  # another process lets go in its own time
    assert _held(served) < 1500
    assert "Traceback" not in served.log.read_text()


# -- words and fields


def test_sql_in_every_field_changes_nothing(door: Caller, people: People, guarded: House) -> None:
    """As whoever may do everything, in every part of a path, every parameter and every text of a body."""
    head = bearer(service(people, "administrator"))
    count = "SELECT (SELECT count(*) FROM person_row) AS p, (SELECT count(*) FROM asset) AS a, (SELECT count(*) FROM observation_all) AS o"
    before = guarded.rows(count)
    told = set()
    for route in ROUTES:
        if route.path in ("/backups", "/people", "/people.import", "/bodies"):
            continue
        path = "/api" + route.path
        for slot in route.slots:
            path = path.replace(f"{{{slot}}}", quote(SQL, safe=""))
        given = dict.fromkeys(route.parameters, SQL)
        body = {f.encode_name: SQL for f in _fields(route.body)} if route.body else None
        answers = [door.request(route.method, path, params=given, json=body, headers=head)]
        answers += [door.request(route.method, path, params={name: SQL}, json=body, headers=head) for name in given]
        for one in answers:
            told.add(one.status_code)
            assert one.status_code < 500, (route.path, one.text)
            assert "Parser Error" not in one.text
    assert guarded.rows(count) == before
    assert {400, 404} <= told


@pytest.mark.parametrize("version", ["v1.1", "v2.0"])
@pytest.mark.parametrize("body", [b"9223372036854775808", b"true", b"{}", b'"x"'])
def test_a_json_patch_that_is_no_list_is_refused(door: Caller, people: People, version: str, body: bytes) -> None:
    head = {**bearer(service(people, "steward")), "Content-Type": "application/json-patch+json"}
    assert door.request("PATCH", f"/sta/{version}/Things('lamp-1')", content=body, headers=head).status_code in (400, 404)  # fmt: skip


def _fields(kind: Any) -> Any:
    from msgspec.structs import fields

    return fields(kind)


def test_a_refusal_tells_nothing_of_what_is_inside(door: Caller, people: People) -> None:
    roles = {role: service(people, role) for role in HELD}
    for role, token in roles.items():
        for path in ("/api/people", "/api/audit", "/api/outbox", "/api/sessions"):
            told = door.get(path, headers=bearer(token))
            if told.status_code == 403:
                assert {k.removesuffix("_zh") for k in told.json()} == {
                    "type",
                    "title",
                    "status",
                    "code",
                    "detail",
                    "hint",
                    "where",
                    "faults",
                }
                assert told.json()["where"] == path
                assert role not in told.json()["detail"]
    assert all(status < 600 for status, _ in STATUS.values())
