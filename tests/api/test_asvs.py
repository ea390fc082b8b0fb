"""What the ASVS asks for and no other test shows: each against what the standard says should happen."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from functools import partial

import anyio.from_thread
import pyotp
import pytest

from citytwin.api.gate import here
from citytwin.api.house import House
from citytwin.cli import one_line
from citytwin.engine import people as people_
from citytwin.engine.people import People
from citytwin.kernel.right import Grant, Person
from tests.api.conftest import NOW, Caller, check_problem

PASSWORD = "vier wilde Pferde ziehen"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_, "PasswordHasher", partial(people_.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1))  # fmt: skip


@pytest.fixture
def caller(build: Callable[..., House]) -> Iterator[Callable[..., Caller]]:
    with anyio.from_thread.start_blocking_portal() as portal:
        yield lambda **given: Caller(build(furnished=False, **given), portal)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("localhost:8460", True), ("127.0.0.1:1", True), ("127.9.9.9", True), ("[::1]:8460", True),
     ("city.example", False), ("localhost.example", False), ("127.0.0.1.example", False), ("localhost@evil.example", False), ("", False), ("10.0.0.1", False)],
)  # fmt: skip
def test_names_of_this_machine_against_those_of_others(host: str, expected: bool) -> None:
    assert here(host) is expected


def test_a_city_without_accounts_answers_to_no_other_name(caller: Callable[..., Caller]) -> None:
    """DNS rebinding: the browser of somebody at this machine asks for a page of another site, whose name leads here by now."""
    city = caller(loopback=True)
    for path in ("/", "/api/assets", "/sta/v1.1/Things"):
        check_problem(city.get(path), 403, "forbidden") if path != "/" else None
        assert city.get(path).status_code == 403
        assert city.get(path, headers={"Host": "localhost:8460"}).status_code == 200
    assert caller().get("/api/assets").status_code == 200  # a house that is no machine's alone


def test_a_file_is_given_back_as_bytes_without_the_name_it_came_with(caller: Callable[..., Caller]) -> None:
    city = caller()
    page = b"<html><script>alert(1)</script></html>"
    name = "a%22%0d%0aSet-Cookie:%20x=1.html"
    made = city.post(f"/api/files?name={name}&by=Li", content=page, headers={"Content-Type": "text/html"})
    assert made.status_code == 201, made.text
    told = city.get(f"/api/files/{made.json()['sha256']}")
    assert told.content == page
    assert told.headers["content-type"] == "application/octet-stream"
    assert told.headers["x-content-type-options"] == "nosniff"
    assert not {"content-disposition", "set-cookie"} & set(told.headers)


def test_a_new_second_factor_ends_every_other_session(build: Callable[..., House]) -> None:
    house = build(furnished=False)
    people = People(house.twin.store, house.twin.clock)
    people.put_person(Person("wang", "王敏", grants=(Grant("operator"),)))
    people.set_password("wang", PASSWORD, word=people.link("wang"))
    first, second = (people.sign_in("wang", PASSWORD, "", "", "") for _ in range(2))
    mine = people.known(first, "session")
    assert mine
    secret, _ = people.offer_factor("wang")
    totp = pyotp.TOTP(secret)
    spare = people.confirm_factor("wang", totp.at(int(NOW.timestamp())), mine.token)
    assert people.known(first, "session")
    assert people.known(second, "session") is None
    third = people.sign_in("wang", PASSWORD, spare[0], "", "")
    people.drop_factor("wang")  # as an administrator does whom they told that the phone is lost
    assert [people.known(s, "session") for s in (first, third)] == [None, None]
    assert people.sign_in("wang", PASSWORD, "", "", "")


def test_a_line_of_the_log_against_what_somebody_sent() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(one_line)
    log = logging.getLogger("citytwin.test-of-lines")
    log.addHandler(handler)
    log.propagate = False
    try:
        log.warning("%s: refused", "/x\r\n2026-01-01 root: signed in\x1b[2J\u2028y")
    finally:
        log.removeHandler(handler)
    assert out.getvalue() == "/x\\x0d\\x0a2026-01-01 root: signed in\\x1b[2J\\x2028y: refused\n"


@pytest.mark.parametrize("whose", ["rulers", "everybody"])
def test_whoever_needs_a_second_factor_may_nothing_before_they_have_one(
    build: Callable[..., House], whose: str
) -> None:
    house = build(furnished=False)
    people = house.people = People(house.twin.store, house.twin.clock)
    people.secured = whose  # type: ignore[assignment]
    for id, role in (("chief", "administrator"), ("wang", "operator")):
        people.put_person(Person(id, id, grants=(Grant(role),)))
        people.set_password(id, PASSWORD, word=people.link(id))
    people.put_person(Person("pump", "pump", service=True, grants=(Grant("device"),)))
    token = people.make_token("pump", "t", None, 1)[1]
    with anyio.from_thread.start_blocking_portal() as portal:
        city = Caller(house, portal)

        def ask(secret: str, path: str, **given: str) -> int:
            head = {"Cookie": f"citytwin={secret}", "Sec-Fetch-Site": "same-origin"}
            return (
                city.post(path, json=given, headers=head).status_code
                if given
                else city.get(path, headers=head).status_code
            )

        chief, wang = (people.sign_in(id, PASSWORD, "", "", "") for id in ("chief", "wang"))
        assert [ask(chief, path) for path in ("/api/people", "/api/assets", "/api/me")] == [403, 403, 200]
        assert ask(wang, "/api/assets") == (403 if whose == "everybody" else 200)
        assert city.get("/api/me", headers={"Cookie": f"citytwin={chief}"}).json()["must_secure"]
        assert city.post(
            "/api/observations", json=[], headers={"Authorization": f"Bearer {token}"}
        ).status_code not in (401, 403)
        assert ask(chief, "/api/me/factor", old=PASSWORD) == 200
        code = pyotp.TOTP(people._accounts["chief"].factor[1:]).at(int(NOW.timestamp()))
        assert ask(chief, "/api/me/factor/confirm", code=code) == 200
        assert [ask(chief, path) for path in ("/api/people", "/api/assets")] == [200, 200]
