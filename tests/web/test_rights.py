"""Coming in for the first time, letting somebody else in, and what each may see: in a browser on a city that asks who one is."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyotp
import pytest

from ..served import Served
from .conftest import Visit

pytestmark = pytest.mark.browser
PASSWORD, OTHER = "vier wilde Pferde ziehen", "acht alte Loewen schlafen"


@pytest.fixture(scope="module")
def guarded(serve: Callable[..., Served], town: str, tmp_path_factory: pytest.TempPathFactory) -> Served:
    return serve(tmp_path_factory.mktemp("guarded") / "home", "--city", town, "--demo-days", "1", auth=True)


def test_from_the_first_link_to_a_second_factor(guarded: Served, visits: Callable[[str], Visit]) -> None:
    link = re.search(r"http\S+/welcome#\S+", guarded.log.read_text())
    assert link
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{guarded.url}/api/assets", timeout=20)
    one = visits(guarded.url)
    one.allowed = {401}
    one.page.goto(link[0])
    one.see("welcome-password").fill(PASSWORD)
    one.see("welcome-again").fill(PASSWORD)
    one.see("welcome-set").click()
    one.see("me").wait_for()
    assert "welcome" not in one.page.url
    # a colleague is let in
    one.see("nav-people").click()
    one.see("person-new").click()
    one.see("person-id").fill("wang")
    one.see("person-title").fill("王敏")
    one.see("role-operator").check()
    one.see("person-save").click()
    invited = one.see("person-link").inner_text()
    one.page.keyboard.press("Escape")
    # and comes, on another machine
    two = visits(guarded.url)
    two.allowed = {401}
    two.page.goto(invited)
    two.see("welcome-password").fill(OTHER)
    two.see("welcome-again").fill(OTHER)
    two.see("welcome-set").click()
    two.see("me").wait_for()
    assert "王敏" in two.see("me").inner_text()
    assert two.see("nav-alarms").count() == 1
    assert two.see("nav-people").count() == 0
    two.go("/alarms")
    # a second factor
    two.go("/account")
    two.see("factor-old").fill(OTHER)
    two.see("factor-start").click()
    totp = pyotp.TOTP(two.see("factor-secret").inner_text())
    two.see("factor-code").fill(totp.now())
    two.see("factor-confirm").click()
    spare = two.see("factor-spare").locator(".secret").inner_text().split()
    assert len(spare) == 10
    # who rules ends the session: what stands on the page stays, and one signs in again
    two.go("/cases")
    people = json.loads(one.page.evaluate("fetch('/api/sessions').then((r) => r.text())"))
    mine = next(p["id"] for p in people if p["person"] == "wang")
    assert one.page.evaluate(f"fetch('/api/sessions/{mine}/end', {{method: 'POST', headers: {{'Content-Type': 'application/json'}}, body: '{{}}'}}).then((r) => r.status)") == 200
    two.see("sign-in-again").wait_for(timeout=30_000)
    two.see("sign-in-id").fill("wang")
    two.see("sign-in-password").fill(OTHER)
    two.see("sign-in").click()
    two.see("sign-in-code").fill(spare[0])
    two.see("sign-in").click()
    two.see("sign-in-again").wait_for(state="detached")
    assert two.see("page-cases").count() == 1
    # the record tells all of it
    one.see("nav-audit").click()
    one.see("audit").wait_for()
    told = one.see("audit").inner_text()
    assert "/api/people" in told
    assert "sign_in" in told
    one.see("language").click()
    assert "Who did what" in one.text()
    one.go("/account")
    one.see("sign-out").click()
    one.see("sign-in-id").wait_for()
    assert (one.faults, two.faults) == ([], [])


def test_whoever_asks_nobody_says_so_on_every_page(visit: Visit) -> None:
    for path in ("/", "/alarms", "/plans"):
        visit.go(path)
        assert "--no-auth" in visit.see("no-auth").inner_text()
    assert visit.faults == []


def test_a_part_of_the_city_is_granted_seen_and_explained(
    guarded: Served, visits: Callable[[str], Visit]
) -> None:
    def ask(path: str, body: dict[str, Any]) -> Any:
        status, told = guarded.post(path, json.dumps(body).encode())
        assert status == 200, told
        return told

    ask("/api/people", {"id": "chief", "title": "陈主任", "grants": [{"role": "administrator"}]})
    one = arrived(visits(guarded.url), guarded.url + ask("/api/people/chief/link", {})["path"])
    # a body, and what belongs to it
    one.see("nav-people").click()
    one.see("body-new").click()
    one.see("body-id").fill("weather")
    one.see("body-zh").fill("气象站网")
    one.see("body-save").click()
    one.see("bodies").get_by_role("button", name="气象站网").click()
    one.see("belong-type").select_option("base.weather_station")
    one.see("belong-all").click()
    one.see("body-assets").get_by_text("已更改 8 项").wait_for()
    one.page.keyboard.press("Escape")
    # somebody who may act there
    one.see("person-new").click()
    one.see("person-id").fill("liu")
    one.see("person-title").fill("刘洋")
    one.see("grant-add").click()
    one.see("grant-role").select_option("operator")
    one.see("grant-body").select_option("weather")
    one.see("person-save").click()
    two = arrived(visits(guarded.url), one.see("person-link").inner_text())
    one.page.keyboard.press("Escape")
    assert "值班员（气象站网）" in one.see("people").inner_text()
    # sees that, and is told so
    assert "8" in two.see("of-part").inner_text()
    listed = two.page.evaluate("fetch('/api/assets?limit=500').then((r) => r.json()).then((r) => r.items.map((a) => [a.id, a.type]))")
    assert {type for _, type in listed} == {"base.weather_station"}
    assert len(listed) == 8
    for path in ("/", "/map", "/assets", "/streams", "/alarms", "/cases", "/data-health", "/indicators", f"/assets/{listed[0][0]}"):
        two.go(path)
    two.go("/assets")
    assert "片区" not in two.text()
    assert two.see("nav-assets").count() == 1
    assert two.see("nav-drafts").count() == 0
    # and whoever looks after rights can tell why
    one.go(f"/assets/{listed[0][0]}")
    told = one.see("access").inner_text()
    assert "刘洋" in told
    assert "归 气象站网" in told
    assert "全市" in told
    assert (one.faults, two.faults) == ([], [])


def arrived(visit: Visit, link: str) -> Visit:
    """Come by a link, and set a password."""
    visit.allowed = {401}
    visit.page.goto(link)
    visit.see("welcome-password").fill(PASSWORD)
    visit.see("welcome-again").fill(PASSWORD)
    visit.see("welcome-set").click()
    visit.see("me").wait_for()
    return visit
