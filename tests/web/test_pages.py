"""The web app in a real browser: every page draws, in both languages, and what people do there works."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ..served import Served
from .conftest import Visit, wait_for

pytestmark = pytest.mark.browser

LISTS = {
    "/": "overview",
    "/map": "map",
    "/plans": "plans",
    "/drafts": "drafts",
    "/measures": "tasks",
    "/streams": "streams",
    "/data-health": "health",
    "/alarms": "alarms",
    "/alarms/holds": "alarm-holds",
    "/alarms/health": "alarm-health",
    "/assets": "assets",
    "/cases": "cases",
    "/cases/new": "case-open",
    "/tasks": "my-tasks",
    "/report": "report",
    "/runs": "runs",
    "/indicators": "indicators",
    "/feeds": "feeds",
    "/notifications": "notifications",
    "/notify": "notify",
    "/packs": "packs",
    "/systems": "systems",
    "/evidence": "evidence",
}
ITEMS = {
    "streams": "stream",
    "assets": "asset",
    "alarms": "alarm",
    "cases": "case",
    "runs": "run",
    "indicators": "indicator",
    "packs": "pack",
}


def first(base: str, noun: str, query: str = "") -> dict[str, Any]:
    with urllib.request.urlopen(f"{base}/api/{noun}?limit=1&{query}", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)["items"][0]
    return found


@pytest.fixture
def dark(tiny: Served) -> Callable[[str], str]:
    """`dark("lamp-x")`: an open alarm, whatever the hour.

    The demo's lamps are dark at night only, and its next readings end what is said of them by day; so this lamp is one that it knows
    nothing of.
    """

    def fail(lamp: str) -> str:
        title = {"zh": "坏灯", "en": "Broken lamp"}
        point = {"type": "Point", "coordinates": [121.93, 30.90]}
        attributes = {"rated_power": 100, "least_light": 8}
        asset = {"id": lamp, "type": "hello.lamp", "title": title, "geometry": point, "attributes": attributes}
        status, told = tiny.post("/api/assets", json.dumps({"assets": [asset]}).encode())
        assert status == 200, told
        now = datetime.now(UTC)
        times = [
            (now - timedelta(minutes=ago)).isoformat() for ago in (60, 30, 1)
        ]  # it has to stay dark for half an hour
        readings = [{"stream": f"{lamp}.hello.light", "time": at, "value": 0.3} for at in times]
        status, told = tiny.post("/api/observations", json.dumps(readings).encode())
        assert status == 201, told
        return str(wait_for(lambda: tiny.get(f"/api/alarms?state=active&asset={lamp}")["items"])[0]["id"])

    return fail


@pytest.mark.parametrize(("path", "name"), LISTS.items())
def test_page_draws_without_fault(visit: Visit, path: str, name: str) -> None:
    visit.go(path)
    assert visit.see(f"page-{name}").count() == 1
    assert visit.see("failure").count() == 0
    assert re.search("[\u4e00-\u9fff].*小城", visit.page.title())
    assert visit.faults == []


@pytest.mark.parametrize(("noun", "name"), ITEMS.items())
def test_page_of_an_item_opens_by_its_address(visit: Visit, noun: str, name: str) -> None:
    visit.go(f"/{noun}/{first(visit.base, noun)['id']}?lang=en")
    assert visit.see(f"page-{name}").count() == 1
    assert visit.see("failure").count() == 0
    assert "Tiny" in visit.page.title()
    assert visit.faults == []


def test_pack_page_draws_every_panel_it_declares(visit: Visit, dark: Callable[[str], str]) -> None:
    dark("lamp-pack")
    visit.go("/packs/hello")
    with urllib.request.urlopen(f"{visit.base}/api/packs/hello", timeout=30) as answer:
        declared = json.load(answer)["panels"]
    assert declared
    for panel in declared:
        card = visit.see(f"panel-{panel['id']}")
        assert card.count() == 1, panel["id"]
        assert card.locator("[data-testid=empty], [data-testid=failure]").count() == 0, panel["id"]


def test_language_is_chosen_and_kept(visit: Visit) -> None:
    visit.go("/plans")
    assert visit.page.get_attribute("html", "lang") == "zh-CN"
    visit.see("language").click()
    visit.page.reload()
    visit.ready()
    assert visit.page.get_attribute("html", "lang") == "en"
    assert "Tiny" in visit.page.title()


def test_unknown_item_says_why(visit: Visit) -> None:
    visit.go("/streams/no.such.stream")
    assert visit.see("failure").inner_text().strip()


def test_links_and_the_back_button(visit: Visit) -> None:
    visit.go("/streams?q=1")
    visit.see("streams").locator("tbody a").first.click()
    visit.page.wait_for_url("**/streams/*")
    visit.ready()
    visit.page.go_back()
    visit.ready()
    assert visit.page.url.endswith("/streams?q=1")
    assert visit.see("search").input_value() == "1"


def test_stream_is_saved_as_csv(visit: Visit) -> None:
    stream = first(visit.base, "streams")
    visit.go(f"/streams/{stream['id']}")
    with visit.page.expect_download() as download:
        visit.see("csv").click()
    with open(download.value.path(), encoding="utf-8-sig") as file:
        lines = file.read().splitlines()
    assert lines[0].startswith("time,value [")
    assert len(lines) > 2


def test_alarm_is_acknowledged_by_name(visit: Visit, dark: Callable[[str], str]) -> None:
    alarm = dark("lamp-alarm")
    visit.go("/alarms")
    button = visit.page.locator(f"tr[data-id='{alarm}'] [data-testid=acknowledge]")
    button.click()
    assert visit.page.evaluate("document.activeElement.dataset.testid") == "person"
    visit.see("person").fill("王工")
    button.click()
    visit.page.wait_for_selector(f"tr[data-id='{alarm}']:has-text('王工')")
    with urllib.request.urlopen(f"{visit.base}/api/alarms/{alarm}", timeout=30) as answer:
        assert json.load(answer)["acknowledged_by"] == "王工"


def test_leaf_is_verified_in_the_browser(visit: Visit) -> None:
    visit.go("/evidence")
    visit.see("verify").first.click()
    visit.page.wait_for_selector("[data-testid=verdict][data-good=true]")


def test_map_layer_is_switched_off_and_the_address_knows(visit: Visit) -> None:
    visit.go("/map?view=2d")
    visit.see("layer-toggle").first.click()
    assert "hide=hello." in visit.page.url
    visit.page.reload()
    visit.ready()
    assert not visit.see("layer-toggle").first.is_checked()


def test_lost_connection_is_said_and_heals(visit: Visit) -> None:
    visit.go("/alarms")
    visit.page.context.set_offline(True)
    visit.page.wait_for_selector("[data-testid=connection-lost]", timeout=30_000)
    assert visit.see("page-alarms").count() == 1
    visit.page.context.set_offline(False)
    visit.page.wait_for_selector("[data-testid=connection-lost]", state="detached", timeout=30_000)


@pytest.mark.parametrize(
    ("language", "role", "figure", "source"),
    [
        ("zh", "路灯调度员", "节电量", "功率乘以15分钟"),
        ("en", "Lighting dispatcher", "Electricity saved", "power times"),
    ],
)
def test_what_packs_declare_is_said_in_the_language_chosen(
    visit: Visit, language: str, role: str, figure: str, source: str
) -> None:
    case, run = first(visit.base, "cases")["id"], first(visit.base, "runs", "state=done")["id"]
    visit.go(f"/cases/{case}?lang={language}")
    assert role in visit.see("steps").inner_text()
    visit.go(f"/runs/{run}?lang={language}")
    shown = visit.see("figure-saved").inner_text()
    assert figure in shown
    assert "kWh" in shown
    visit.go(f"/runs?lang={language}")
    assert figure in visit.see("runs").inner_text()
    visit.go(f"/packs/hello?lang={language}")
    assert figure in visit.see("run-figures").inner_text()
    visit.go(f"/indicators/hello.electricity?lang={language}")
    assert source in visit.see("indicator-facts").inner_text()


@pytest.mark.parametrize(("q", "kind"), [("照度", "light"), ("power", "power"), ("pavement", "light")])
def test_streams_are_found_by_the_title_of_their_type(visit: Visit, q: str, kind: str) -> None:
    visit.go("/streams")
    visit.see("search").fill(q)
    visit.page.wait_for_url("**/streams?q=*")
    visit.page.wait_for_selector("[data-testid=streams] tbody tr")
    visit.page.wait_for_function(
        "kind => [...document.querySelectorAll('[data-testid=streams] tbody tr')].every(r => r.dataset.id.endsWith('.' + kind))",
        arg=f"hello.{kind}",
    )
    assert visit.faults == []
