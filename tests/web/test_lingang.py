"""The reference city in a real browser: every page, in Chinese and in English.

`CITYTWIN_IMAGES=1` also writes the pictures that the README shows.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ..served import Served
from .conftest import Visit

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
CHINESE = re.compile(r"[\u4e00-\u9fff]")

pytestmark = pytest.mark.browser

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
    "assets": "/assets",
    "asset": "/assets/ws-huanhu",
    "cases": "/cases",
    "runs": "/runs",
    "indicators": "/indicators",
    "indicator": "/indicators/institution.energy_total",
    "packs": "/packs",
    "pack": "/packs/institution",
    "systems": "/systems",
    "evidence": "/evidence",
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_page_is_drawn_without_a_fault_or_an_outside_resource(
    visit_lingang: Visit, name: str, language: str
) -> None:
    visit = visit_lingang.go(f"{PAGES[name]}?lang={language}")
    text = visit.text()
    assert len(text) > 20
    assert visit.see("failure").count() == 0
    for word in ("undefined", "NaN", "[object", "null"):
        assert word not in text
    assert visit.page.evaluate("document.documentElement.lang").startswith("zh" if language == "zh" else "en")
    navigation = visit.see("nav").first.inner_text()
    assert bool(CHINESE.search(navigation.replace("临港新片区", ""))) is (language == "zh")
    assert visit.faults == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_overview_says_what_is_wrong_now_and_how_the_targets_stand(
    visit_lingang: Visit, lingang: Served, language: str
) -> None:
    visit = visit_lingang.go(f"/?lang={language}")
    told = lingang.get("/api/summary")
    text = visit.text()
    assert f"{told['targets']['total']}" in text
    assert f"{told['streams']['total']:,}" in text
    visit.page.wait_for_timeout(4000)  # the map is drawn in software here: its last tiles take a moment
    picture = visit.page.screenshot(type="jpeg", quality=82)
    if os.environ.get("CITYTWIN_IMAGES"):
        IMAGES.mkdir(parents=True, exist_ok=True)
        (IMAGES / f"overview.{language}.jpg").write_bytes(picture)
    assert visit.faults == []


def test_the_map_draws_a_city_and_not_an_empty_ground(visit_lingang: Visit) -> None:
    visit = visit_lingang.go("/map")
    shades: set[bytes] = set()
    for _ in range(40):
        visit.page.wait_for_timeout(500)
        picture = visit.page.locator("canvas").first.screenshot()
        shades = {picture[i : i + 3] for i in range(0, len(picture), 97)}
        if len(shades) > 1000:
            break
    assert len(shades) > 1000  # an even ground compresses to next to nothing
    assert visit.faults == []


def test_a_target_shows_value_path_forecast_and_place_in_the_document(visit_lingang: Visit, lingang: Served) -> None:
    day = "2022-09-30"
    told = lingang.get(f"/api/targets/institution_2023.audited_institutions?as_of={day}")
    visit = visit_lingang.go(f"/targets/institution_2023.audited_institutions?lang=en&as_of={day}")
    text = visit.text()
    assert told["progress"]["status"] in ("on_track", "at_risk")
    assert f"{told['progress']['value']:,.0f}" in text
    assert "600" in text
    assert told["place"]["section"] in text
    assert told["deadline"] in text
    assert told["lead"][0] in text
    assert len(told["forecast"]["value"]) > 2
    assert visit.page.locator("main canvas").count() >= 1
    assert visit.faults == []


def test_from_the_scorecard_to_the_target_to_the_indicator_and_back(visit_lingang: Visit) -> None:
    visit = visit_lingang.go("/plans/institution_2023")
    visit.page.locator('a[href*="/targets/institution_2023.pv_capacity"]').first.click()
    visit.page.wait_for_url("**/targets/institution_2023.pv_capacity*")
    visit.ready()
    visit.page.locator('main a[href*="/indicators/institution.pv_capacity"]').first.click()
    visit.page.wait_for_url("**/indicators/institution.pv_capacity*")
    visit.ready()
    visit.page.go_back()
    visit.page.go_back()
    visit.page.wait_for_url("**/plans/institution_2023*")
    assert visit.faults == []
