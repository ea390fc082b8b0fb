"""The web app in a real browser, on a served city: every page, in Chinese and in English.

`CITYTWIN_IMAGES=1` also writes the pictures that the README shows.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ..served import Served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
STATIC = Path(__file__).resolve().parents[2] / "citytwin" / "api" / "static" / "index.html"
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="chromium is not installed (Debian: apt install chromium fonts-noto-cjk)"
    ),
    pytest.mark.skipif(not STATIC.is_file(), reason="the web app is not built (make web)"),
]

PAGES = {
    "overview": "/",
    "map": "/map",
    "plans": "/plans",
    "plan": "/plans/institution_2023",
    "target": "/targets/institution_2023.energy_total",
    "target not measured": "/targets/marine_2025.class_i_ii_sea_water",
    "streams": "/streams",
    "stream": "/streams/ws-huanhu.base.temperature",
    "alarms": "/alarms",
    "asset": "/assets/ws-huanhu",
    "cases": "/cases",
    "runs": "/runs",
    "indicator": "/indicators/institution.energy_total",
    "packs": "/packs",
    "pack": "/packs/drainage",
    "systems": "/systems",
    "evidence": "/evidence",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as p:
        made = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


class Watched:
    """A page that remembers everything that went wrong and everything it asked for."""

    def __init__(self, browser: Browser, served: Served) -> None:
        self.served = served
        self.page: Page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.wrong.append(str(e)))
        self.page.on(
            "requestfailed",
            lambda r: self.wrong.append(f"{r.url} {r.failure}") if "ERR_ABORTED" not in str(r.failure) else None,
        )
        self.page.on("request", lambda r: self.asked.append(r.url))

    def open(self, path: str, language: str = "zh") -> Page:
        self.page.goto(f"{self.served.url}{path}?lang={language}")
        self.page.wait_for_selector("body[data-ready]", timeout=60_000)
        return self.page

    def check(self) -> None:
        """Nothing went wrong, and nothing was asked of anybody else."""
        assert self.wrong == []
        outside = [u for u in self.asked if not u.startswith((self.served.url, "blob:", "data:"))]
        assert outside == []


@pytest.fixture
def watched(browser: Browser, lingang: Served) -> Iterator[Watched]:
    made = Watched(browser, lingang)
    yield made
    made.page.close()


@pytest.mark.parametrize("name", sorted(PAGES))
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_is_drawn_without_a_fault_or_an_outside_resource(watched: Watched, name: str, language: str) -> None:
    page = watched.open(PAGES[name], language)
    text = page.inner_text("main")
    assert len(text) > 20
    assert page.get_attribute("html", "lang") in (("zh-CN", "zh") if language == "zh" else ("en",))
    assert "undefined" not in text
    assert "NaN" not in text
    assert re.search(r"[\u4e00-\u9fff]", page.inner_text("nav")) is not None if language == "zh" else True
    if language == "en":
        assert not re.search(r"[\u4e00-\u9fff]", page.inner_text("nav").replace("中文", "").replace("临港新片区", ""))
    watched.check()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_overview_says_what_is_wrong_now_and_how_the_targets_stand(watched: Watched, language: str) -> None:
    page = watched.open("/", language)
    told = watched.served.get("/api/summary")
    text = page.inner_text("main")
    assert f"{told['targets']['total']}" in text
    assert f"{told['streams']['alive']:,}" in text
    page.wait_for_timeout(4000)  # tiles of the map come in after the page is ready
    picture = page.screenshot(type="jpeg", quality=82)
    assert len(set(picture)) > 100
    if os.environ.get("CITYTWIN_IMAGES"):
        IMAGES.mkdir(parents=True, exist_ok=True)
        (IMAGES / f"overview.{language}.jpg").write_bytes(picture)
    watched.check()


def test_the_map_draws_the_city_and_not_an_empty_ground(watched: Watched) -> None:
    page = watched.open("/map")
    deadline = time.monotonic() + 30
    shades = 0
    while shades < 500 and time.monotonic() < deadline:
        page.wait_for_timeout(500)
        png = page.locator("canvas").first.screenshot()
        shades = len({png[i : i + 3] for i in range(0, len(png), 97)})
    assert shades >= 500
    watched.check()


def test_a_target_shows_value_path_and_place_in_the_document(watched: Watched) -> None:
    page = watched.open("/targets/institution_2023.energy_total", "en")
    told = watched.served.get("/api/targets/institution_2023.energy_total")
    text = page.inner_text("main")
    assert f"{told['progress']['value']:,.0f}" in text
    assert "1,710,000" in text
    assert told["place"]["section"] in text
    assert "2023-12-31" in text
    assert page.locator("main canvas").count() >= 1


def test_from_the_scorecard_to_the_target_and_back(watched: Watched) -> None:
    page = watched.open("/plans/institution_2023")
    page.locator(
        'a[href*="/targets/institution_2023.pv_capacity"], a[href*="/targets/institution_2023."]'
    ).first.click()
    page.wait_for_url("**/targets/institution_2023.*")
    page.go_back()
    page.wait_for_url("**/plans/institution_2023*")
    watched.check()


def test_the_language_switch_stays(watched: Watched) -> None:
    page = watched.open("/plans", "zh")
    page.get_by_text("English").first.click()
    page.wait_for_function("() => document.documentElement.lang.startsWith('en')")
    page.goto(f"{watched.served.url}/alarms")
    page.wait_for_selector("body[data-ready]")
    assert page.get_attribute("html", "lang") == "en"
    watched.check()


def test_a_page_that_is_not_there_says_so(watched: Watched) -> None:
    page = watched.open("/assets/nobody", "en")
    assert "nobody" in page.inner_text("main")


def test_acknowledging_an_alarm_stays(watched: Watched) -> None:
    alarm = watched.served.get("/api/alarms?state=active&limit=1")["items"][0]
    status, told = watched.served.post(f"/api/alarms/{alarm['id']}/acknowledge", b'{"by": "\xe7\x8e\x8b\xe5\xb7\xa5"}')
    assert status == 200
    assert (told["state"], told["acknowledged_by"]) == ("acknowledged", "王工")
    page = watched.open("/alarms")
    assert alarm["asset_title"]["zh"] in page.inner_text("main")


def test_a_lost_connection_is_shown(watched: Watched) -> None:
    page = watched.open("/alarms", "en")
    page.context.set_offline(True)
    page.wait_for_selector('[data-testid="connection-lost"], [role="alert"]', timeout=40_000)
    page.context.set_offline(False)
    page.wait_for_selector('[data-testid="connection-lost"]', state="detached", timeout=40_000)
