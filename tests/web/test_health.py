"""The page that tells which readings fail to come, in a real browser."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from ..served import Served
from .conftest import Visit, wait_for

pytestmark = pytest.mark.browser


def lamp(tiny: Served, id: str) -> None:
    """A lamp whose light was told each quarter of an hour, and no more since three hours."""
    title = {"zh": f"哑灯{id}", "en": f"Mute {id}"}
    asset = {"id": id, "type": "hello.lamp", "title": title, "geometry": {"type": "Point", "coordinates": [121.93, 30.9]},
             "attributes": {"rated_power": 100, "least_light": 8}}  # fmt: skip
    assert tiny.post("/api/assets", json.dumps({"assets": [asset]}).encode())[0] == 200
    last = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    times = [(last - timedelta(minutes=15 * n)).isoformat() for n in range(20)]
    rows = [{"stream": f"{id}.hello.light", "time": t, "value": 20.0} for t in times]
    assert tiny.post("/api/observations", json.dumps(rows).encode())[0] == 201
    wait_for(lambda: tiny.get(f"/api/health/streams?asset={id}&state=silent")["items"])


@pytest.mark.parametrize(
    ("language", "name", "advice"), [("zh", "哑灯lamp-mute", "供电"), ("en", "Mute lamp-mute", "power")]
)
def test_a_silent_stream_is_told_with_what_to_do_and_leads_to_its_own_page(
    visit: Visit, tiny: Served, language: str, name: str, advice: str
) -> None:
    lamp(tiny, "lamp-mute")
    visit.go(f"/data-health?lang={language}")
    row = visit.see("troubles").locator("tbody tr", has_text=name)
    assert row.locator("[data-state=silent]").count() == 1
    assert advice in row.inner_text()
    assert visit.see("strip").first.get_attribute("aria-label")
    assert visit.see("sources").locator("tbody tr").count() >= 1
    row.locator("a[href*='/streams/']").click()
    visit.page.wait_for_url("**/streams/lamp-mute.hello.light")
    visit.page.wait_for_selector("[data-testid=stream-health] [data-testid=stream-strip]")
    assert advice in visit.see("stream-advice").inner_text()
    assert visit.see("gaps").locator("li").count() == 1
    assert visit.faults == []


def test_the_list_is_sought_by_keyboard_and_its_address_knows(visit: Visit, tiny: Served) -> None:
    lamp(tiny, "lamp-keys")
    visit.go("/data-health")
    visit.see("search").focus()
    visit.page.keyboard.type("lamp-keys")
    visit.page.wait_for_url("**/data-health?q=lamp-keys")
    visit.page.wait_for_function("() => document.querySelectorAll('[data-testid=troubles] tbody tr').length === 1")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.dataset.testid") == "filter-state"
    visit.see("filter-state").select_option("never")
    visit.page.wait_for_selector("[data-testid=wrong] [data-testid=empty]")
    assert "state=never" in visit.page.url


def test_a_stream_that_reports_again_leaves_the_list_by_itself(visit: Visit, tiny: Served) -> None:
    lamp(tiny, "lamp-back")
    visit.go("/data-health?q=lamp-back")
    visit.page.wait_for_selector("[data-testid=troubles] tbody tr")
    now = [{"stream": "lamp-back.hello.light", "time": datetime.now(UTC).isoformat(), "value": 21.0}]
    assert tiny.post("/api/observations", json.dumps(now).encode())[0] == 201
    visit.page.wait_for_selector("[data-testid=wrong] [data-testid=empty]", timeout=90_000)
    assert visit.faults == []
