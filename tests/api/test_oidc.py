"""Coming in through the identity provider: the way there and back, who is let in, and what changes when claims do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio.from_thread
import httpx
import pytest
from argon2 import PasswordHasher

from citytwin.api.app import App
from citytwin.api.house import House
from citytwin.api.oidc import BROWSER, WITHIN
from citytwin.engine.oidc import LOGOUT, half_hash
from citytwin.engine.people import People
from citytwin.engine.signin import FILE, Identities, opened
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.right import Body, Grant, Person
from citytwin.kernel.store import Change
from citytwin.kernel.title import Title
from citytwin.store.duckdb import DuckStore
from tests.api.conftest import NOW, Caller
from tests.engine import test_oidc as made
from tests.engine.test_oidc import CLAIMS, ISSUER, OTHER, RSA, Answers

T = int(NOW.timestamp())
PASSWORD = "vier wilde Pferde ziehen"
ORIGIN = {"Origin": "http://testville"}
YAML = f"""\
issuer: {ISSUER}
client_id: twin
client_secret: {{file: secret}}
address: https://twin.city.test
title: {{zh: 统一认证, en: City sign-in}}
scopes: [openid, profile, groups]
grants:
  - {{claim: groups, value: water-ops, role: operator}}
  - {{claim: groups, value: bosses, role: administrator}}
  - {{claim: groups, value: readers, role: viewer, body: water}}
bodies:
  - {{claim: dept, value: "7", body: water}}
"""


class City:
    """A city with a provider, and a browser in front of it."""

    def __init__(self, house: House, portal: anyio.from_thread.BlockingPortal, home: Path, text: str) -> None:
        assert house.people
        self.house, self.people, self.answers, self._portal = house, house.people, Answers(RSA), portal
        self.people.put_body(Body("water", Title("水务局", "Water bureau")))
        self.people.put_person(Person("boss", "Boss", grants=(Grant("administrator"),)))
        self.people.set_password("boss", PASSWORD, word=self.people.link("boss"))
        (home / "secret").write_text("x")
        (home / FILE).write_text(text)
        house.signin = opened(home, house.twin.store, self.people, self.answers)
        assert house.signin.declared.faults == ()
        self._app = App(house)
        self.browser = self.another()

    def another(self) -> Caller:
        """Another browser, with cookies of its own, in front of the same city."""
        made = Caller.__new__(Caller)
        made._portal = self._portal
        made._client = httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://testville")
        return made

    def start(self, to: str = "/", browser: Caller | None = None) -> dict[str, str]:
        told = (browser or self.browser).get("/api/signin/start", params={"to": to})
        assert told.status_code == 303
        return query(told.headers["location"])

    def back(self, asked: dict[str, str], browser: Caller | None = None, more: dict[str, str] | None = None, **claims: Any) -> httpx.Response:  # fmt: skip
        made = token(nonce=asked["nonce"], **claims)
        self.answers.tokens = (200, {"id_token": made, "access_token": "a"})
        self.answers.userinfo = {"sub": claims.get("sub", CLAIMS["sub"])}
        return (browser or self.browser).get("/api/signin/back", params={"state": asked["state"], "code": "c"} | (more or {}))  # fmt: skip

    def come(self, **claims: Any) -> str:
        """Where the browser is after it came back."""
        told = self.back(self.start(), **claims)
        assert told.status_code == 303
        return told.headers["location"]

    def rights(self) -> list[str] | None:
        told = self.browser.get("/api/me")
        return told.json()["rights"] if told.status_code == 200 else None

    def sign_in(self, id: str = "boss") -> Caller:
        one = self.another()
        assert one.post("/api/session", json={"id": id, "password": PASSWORD}).status_code == 200
        return one

    def audit(self) -> list[dict[str, Any]]:
        return self.house.rows("SELECT * FROM audit_row ORDER BY n DESC LIMIT 5")


def token(**change: Any) -> str:
    return made.token(**{"exp": T + 300, "iat": T} | change)


def query(url: str) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}


@pytest.fixture(scope="module")
def ground_floor(build: Callable[..., House]) -> House:
    return build(furnished=False)


@pytest.fixture
def make(ground_floor: House, portal: anyio.from_thread.BlockingPortal, tmp_path: Path) -> Callable[..., City]:
    """A city in which nobody is yet; the house is the same for all tests here, since it takes longest."""

    def made(more: str = "unknown: create\n") -> City:
        house = ground_floor
        for table in ("person", "grant", "pass", "body", "identity"):
            house.twin.store.commit(Change(f"DELETE FROM {table}_row"))
        house._scopes = None
        house.people = People(house.twin.store, house.twin.clock)
        house.people._hasher = PasswordHasher(1, 64, 1)  # how hard a password is to guess is not what is asked here
        return City(house, portal, tmp_path, YAML + more)

    return made


@pytest.fixture
def city(make: Callable[..., City]) -> City:
    return make()


def test_a_newcomer_against_what_the_provider_says(city: City) -> None:
    assert city.browser.get("/api/signin").json() == {"provider": True, "title": {"zh": "统一认证", "en": "City sign-in"}, "passwords": "everybody"}  # fmt: skip
    asked = city.start("/cases?x=1")
    assert asked | {"state": "", "nonce": "", "code_challenge": ""} == {
        "response_type": "code", "client_id": "twin", "redirect_uri": "https://twin.city.test/api/signin/back", "scope": "openid profile groups", "state": "", "nonce": "",
        "code_challenge": "", "code_challenge_method": "S256",
    }  # fmt: skip
    assert min(len(asked[k]) for k in ("state", "nonce", "code_challenge")) == 43
    told = city.back(asked, groups=["water-ops", "x"], dept="7", sid="s1")
    assert (told.status_code, told.headers["location"], told.headers["cache-control"]) == (303, "/cases?x=1", "no-store")  # fmt: skip
    kept = told.headers.get_list("set-cookie")
    assert any(c.startswith("citytwin=ct_") and "HttpOnly" in c and "SameSite=strict" in c for c in kept)
    me = city.browser.get("/api/me").json()
    assert (me["id"], me["title"], me["body"], me["rights"]) == ("wang", "王敏", "water", ["act", "run", "see"])
    line = next(x for x in city.audit() if x["act"] == "sign_in")
    assert (line["person"], line["via"], line["status"]) == ("wang", "oidc", 200)
    assert [p.title for p in city.people.passes("wang")] == ["oidc"]
    assert not city.people.has_password("wang")


def test_a_state_against_a_second_use_another_browser_and_none(city: City) -> None:
    asked, other = city.start(), city.another()
    assert city.back(asked, other, groups=["water-ops"]).headers["location"] == "/?signin=state"
    assert city.back(asked, groups=["water-ops"]).headers["location"] == "/"
    count = len(city.people.passes("wang"))
    assert city.back(asked, groups=["water-ops"]).headers["location"] == "/?signin=state"
    once = city.start()  # and where the browser still has its cookie, as another that was told to keep it would
    kept = {"Cookie": f"{BROWSER}={city.browser._client.cookies[BROWSER]}"}
    assert city.back(once, groups=["water-ops"]).headers["location"] == "/"
    count = len(city.people.passes("wang"))
    again = city.another().get("/api/signin/back", params={"state": once["state"], "code": "c"}, headers=kept)
    assert again.headers["location"] == "/?signin=state"
    assert city.browser.get("/api/signin/back?code=c&state=").headers["location"] == "/?signin=state"
    assert city.browser.get("/api/signin/back").headers["location"] == "/?signin=state"
    both = city.start()
    told = city.browser.get(f"/api/signin/back?code=c&state={both['state']}&state={both['state']}")
    assert told.headers["location"] == "/?signin=state"
    assert len(city.people.passes("wang")) == count == 2
    lax = city.browser.get("/api/signin/start").headers["set-cookie"]
    assert [w for w in ("SameSite=lax", "HttpOnly", "Path=/api/signin", "Max-Age=600") if w not in lax] == []


def test_who_is_not_let_in_against_why(city: City) -> None:
    cases: list[tuple[dict[str, Any], dict[str, str], str]] = [
        ({"aud": "another"}, {}, "token"), ({"exp": T - 100}, {}, "token"), ({"key": OTHER}, {}, "token"), ({}, {"iss": "https://evil.test"}, "token"), ({}, {"code": ""}, "token"),
        ({}, {"error": "access_denied"}, "denied"), ({}, {"error": "server_error"}, "provider"), ({"groups": ["x"]}, {}, "nothing"), ({"preferred_username": "A B"}, {}, "account"),
        ({"preferred_username": "Boss", "groups": ["bosses"]}, {}, "taken"), ({"at_hash": half_hash("other", "RS256")}, {}, "token"),
    ]  # fmt: skip
    for claims, more, why in cases:
        told = city.back(city.start(), more=more, **claims)
        assert told.headers["location"] == f"/?signin={why}"
        assert city.rights() is None
        assert [p.id for p in city.people.persons] == ["boss"]
        line = next(x for x in city.audit() if x["act"] == "sign_in")
        assert (line["status"], json.loads(line["detail"])["why"]) == (401, why)


def test_a_provider_that_is_away_against_passwords(city: City) -> None:
    city.answers.away = True
    told = city.browser.get("/api/signin/start")
    assert told.headers["location"] == "/?signin=provider"
    city.sign_in()
    state = city.sign_in().get("/api/signin.state").json()
    assert (state["reachable"], "did not answer" in state["error"]) == (False, True)
    city.answers.away = False
    state = city.sign_in().post("/api/signin.check", json={}, headers=ORIGIN).json()
    assert (state["reachable"], state["keys"], state["redirect"]) == (True, 1, "https://twin.city.test/api/signin/back")


def test_grants_against_claims_that_change(city: City) -> None:
    city.come(groups=["water-ops"])
    held = city.people.person("wang")
    by_hand = Grant("auditor")
    city.people.put_person(Person("wang", held.title, held.body, grants=(*held.grants, by_hand)))
    assert city.come(groups=["readers"]) == "/"
    assert set(city.people.person("wang").grants) == {by_hand, Grant("viewer", "water")}
    assert city.come(groups=[]) == "/"  # the account is there: it has what was granted by hand
    assert city.people.person("wang").grants == (by_hand,)
    assert city.come(groups=["water-ops"]) == "/"
    assert city.rights() == ["act", "prove", "run", "see"]
    again = People(city.house.twin.store, city.house.twin.clock)  # as it is on record
    assert set(again.person("wang").grants) == {by_hand, Grant("operator")}


def test_the_last_who_rules_against_claims_that_take_it(city: City) -> None:
    assert city.come(groups=["bosses"]) == "/"
    city.people.put_person(Person("boss", "Boss", disabled=False, grants=(Grant("administrator"),)))
    signin = city.house.signin
    assert signin
    assert signin.identities.of("wang")
    signin.identities.link("boss", ISSUER, "b-1")
    assert city.come(sub="b-1", groups=[]) == "/"  # granted by hand: it stays
    assert city.people.person("boss").grants == (Grant("administrator"),)
    assert city.come(groups=[]) == "/"
    assert city.people.person("wang").grants == ()


def test_an_account_against_names_and_other_subjects(make: Callable[..., City]) -> None:
    city = make("unknown: refuse\n")
    city.people.put_person(Person("wang", "王敏", grants=(Grant("viewer"),)))
    assert city.come() == "/?signin=unknown"  # the name is the same, and shows nothing
    boss = city.sign_in()
    state = boss.get("/api/signin.state").json()
    assert [(s["subject"], s["title"]) for s in state["strangers"]] == [("248289", "王敏")]
    told = boss.post("/api/people/wang/identity", json={"subject": "248289"}, headers=ORIGIN)
    assert (told.status_code, told.json()["title"]) == (200, "王敏")
    assert city.come(preferred_username="renamed", name="王小敏") == "/"  # and another name changes nothing
    assert city.rights() == ["see"]
    assert city.come(sub="somebody-else") == "/?signin=unknown"
    assert boss.post("/api/people/boss/identity", json={"subject": "248289"}, headers=ORIGIN).status_code == 409
    assert boss.post("/api/people/wang/identity", json={"subject": "x"}, headers=ORIGIN).status_code == 409
    assert boss.get("/api/people/wang/identity").json()["seen"] == NOW.isoformat().replace("+00:00", "Z")
    city.people.put_person(Person("wang", "王敏", disabled=True, grants=(Grant("viewer"),)))
    assert city.come() == "/?signin=disabled"
    city.people.drop_person("wang")
    city.people.put_person(Person("wang", "Another", grants=(Grant("viewer"),)))
    assert city.come() == "/?signin=unknown"  # nobody inherits an identity
    assert city.house.rows("SELECT * FROM identity_row") == []


def test_linking_ones_own_account_against_a_session_that_ended(make: Callable[..., City]) -> None:
    city = make("unknown: refuse\n")
    city.people.put_person(Person("wang", "王敏", grants=(Grant("viewer"),)))
    city.people.set_password("wang", PASSWORD, word=city.people.link("wang"))
    one = city.sign_in("wang")
    assert city.another().post("/api/signin/link", json={}).status_code == 401
    assert one.post("/api/signin/link", json={}, headers={"Origin": "https://evil.test"}).status_code == 403
    away = query(one.post("/api/signin/link", json={}, headers=ORIGIN).json()["address"])
    assert city.back(away, city.browser).headers["location"] == "/?signin=state"
    city.people.end(p.id for p in city.people.passes("wang"))
    assert city.back(away, one).headers["location"] == "/account?signin=token"
    one = city.sign_in("wang")
    away = query(one.post("/api/signin/link", json={}, headers=ORIGIN).json()["address"])
    assert city.back(away, one).headers["location"] == "/account?signin=linked"
    assert one.get("/api/me/identity").json()["subject"] == "248289"
    assert city.come() == "/"
    # the identity is taken: nobody else links it
    boss = city.sign_in()
    away = query(boss.post("/api/signin/link", json={}, headers=ORIGIN).json()["address"])
    assert city.back(away, boss).headers["location"] == "/account?signin=linked-otherwise"
    assert one.post("/api/me/identity/drop", json={}, headers=ORIGIN).status_code == 200
    assert city.rights() is None  # sessions from there end, and one's own goes on
    assert one.get("/api/me").status_code == 200
    assert one.post("/api/me/identity/drop", json={}, headers=ORIGIN).status_code == 404


def test_an_account_without_a_password_against_being_cut_off(city: City) -> None:
    city.come(groups=["water-ops"])
    assert city.browser.post("/api/me/identity/drop", json={}, headers=ORIGIN).status_code == 409
    assert city.sign_in().post("/api/people/wang/identity/drop", json={}, headers=ORIGIN).status_code == 200
    assert city.people.person("wang").grants == ()


def test_passwords_of_administrators_alone(make: Callable[..., City]) -> None:
    city = make("unknown: create\npasswords: administrators\n")
    city.people.put_person(Person("wang", "王敏", grants=(Grant("viewer"),)))
    city.people.set_password("wang", PASSWORD, word=city.people.link("wang"))
    refused = city.another().post("/api/session", json={"id": "wang", "password": PASSWORD})
    nobody = city.another().post("/api/session", json={"id": "nobody", "password": PASSWORD})
    assert refused.status_code == nobody.status_code == 401
    assert refused.json()["detail"] == nobody.json()["detail"]
    city.sign_in("boss")


def test_signing_out_against_the_provider(city: City) -> None:
    city.come(groups=["water-ops"])
    told = city.browser.request("DELETE", "/api/session", headers=ORIGIN).json()
    asked = query(told["elsewhere"])
    assert told["elsewhere"].startswith(f"{ISSUER}/end?")
    assert (asked["client_id"], asked["post_logout_redirect_uri"], asked["id_token_hint"].count(".")) == ("twin", "https://twin.city.test/", 2)  # fmt: skip
    assert city.rights() is None
    assert city.sign_in().request("DELETE", "/api/session", headers=ORIGIN).json()["elsewhere"] == ""


def test_the_provider_ends_sessions_and_none_but_those(city: City) -> None:
    def logout(**claims: Any) -> int:
        made = token(**{"nonce": ..., "events": {LOGOUT: {}}, "header": {"typ": "logout+jwt"}} | claims)
        return city.another().post("/api/signin/logout", data={"logout_token": made}).status_code

    city.come(groups=["water-ops"], sid="s1")
    first, city.browser = city.browser, city.another()
    city.come(groups=["water-ops"], sid="s2")
    boss = city.sign_in()
    assert logout(jti="1", sid="s1") == 200
    assert first.get("/api/me").status_code == 401
    assert city.rights() is not None
    assert logout(jti="1", sid="s2") == 400  # used
    assert logout(jti="2", sid="s2", key=OTHER) == 400
    assert logout(jti="2", sub="another", sid="s2") == 200  # of somebody else: nothing ends
    assert city.rights() is not None
    assert logout(jti="3") == 200  # all of the subject
    assert city.rights() is None
    assert boss.get("/api/me").status_code == 200
    assert city.another().post("/api/signin/logout", data={}).status_code == 400


def test_where_one_goes_afterwards_against_other_sites(city: City) -> None:
    wanted = {
        "/cases/7?x=%2F#a": True, "/": True, "//evil.test": False, "/\\evil.test": False, "https://evil.test/": False, "javascript:alert(1)": False, "evil": False,
        "/a\\b": False, "/a\nSet-Cookie: x": False, "/\t/evil.test": False, "": False, "/api/session": False, "/" + "a" * 2000: False, "/é": False,
    }  # fmt: skip
    for to, kept in wanted.items():
        told = city.back(city.start(to), groups=["water-ops"])
        assert told.headers["location"] == (to if kept else "/")
        assert bool(WITHIN.fullmatch(to)) is (kept or to == "/api/session")


def test_a_session_of_before_against_one_that_is_planted(city: City) -> None:
    """What another site makes a browser send (no cookie of ours goes with it) signs nobody in."""
    theirs = city.start(browser=city.another())
    assert city.back(theirs, groups=["water-ops"]).headers["location"] == "/?signin=state"
    assert city.rights() is None


def test_faults_of_the_file_against_what_is_told(make: Callable[..., City], tmp_path: Path) -> None:
    city = make()
    faulty = {
        "issuer: x": "http://id.city.test", "a scope": 'scopes: ["open id"]', "a role": "grants: [{claim: g, value: v, role: king}]", "a body": "bodies: [{claim: g, value: v, body: moon}]",
        "a network": "networks: [everywhere]", "a time": "timeout_s: 900", "a key": "secret: abc", "certificates": "certificates: none.pem", "unknown": "unknown: perhaps",
    }  # fmt: skip
    base = {line.partition(":")[0]: line for line in YAML.splitlines() if not line.startswith(" ")}
    for name, line in faulty.items():
        key = line.partition(":")[0] if name != "issuer: x" else "issuer"
        lines = [*(v for k, v in base.items() if k not in (key, "grants", "bodies")), line if name != "issuer: x" else f"issuer: {line}"]  # fmt: skip
        (tmp_path / FILE).write_text("\n".join(lines))
        found = opened(tmp_path, city.house.twin.store, city.people)
        assert len(found.declared.faults) == 1, (name, found.declared.faults)
        assert f"{FILE}:{len(lines)}" in found.declared.faults[0].where, name
        assert found.provider is None
    (tmp_path / FILE).write_text(YAML + "passwords: administrators\nnetworks: [everywhere]\n")
    (tmp_path / "secret").unlink()
    found = opened(tmp_path, city.house.twin.store, city.people)
    assert len(found.declared.faults) == 2
    assert found.rulers  # what is said of passwords holds all the same
    assert "until this is mended" in " ".join(found.warnings(city.people))


def test_a_store_of_before_against_the_tables_it_lacks(tmp_path: Path) -> None:
    path, clock = tmp_path / "city.duckdb", FixedClock(NOW)
    first = DuckStore(path, "Asia/Shanghai", clock)
    People(first, clock).put_person(Person("wang", "王敏", grants=(Grant("viewer"),)))
    first.commit(Change("DROP TABLE identity_row"), Change("DROP TABLE identity_pass"))
    first.close()
    again = DuckStore(path, "Asia/Shanghai", clock)
    people = People(again, clock)
    made = Identities(again, people)
    assert made.link("wang", ISSUER, "248289").person == "wang"
    again.close()
    third = DuckStore(path, "Asia/Shanghai", clock)
    people = People(third, clock)
    held = Identities(third, people).of("wang")
    assert held is not None
    assert (held.issuer, held.subject, people.person("wang").grants) == (ISSUER, "248289", (Grant("viewer"),))
    third.close()
