"""From a bad reading to its history, on the pages of alarms, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ..served import Served
from .conftest import Visit, _tab, wait_for

pytestmark = pytest.mark.browser

FILES = {
    "pumps/__init__.py": '"""Pumps, for tests."""\n',
    "pumps/pack.yaml": "id: pumps\ntitle: {zh: 泵站, en: Pumps}\nsummary: {zh: 测试, en: For tests}\n",
    "pumps/types.yaml": """
types:
  - {id: cabinet, title: {zh: 配电柜, en: Cabinet}, geometry: point}
  - {id: district, title: {zh: 片区, en: District}, geometry: polygon}
  - id: pump
    title: {zh: 水泵, en: Pump}
    geometry: point
    attributes:
      - {id: alarm_m, title: {zh: 警戒水位, en: Alarm level}, unit: m, required: true, low: 0, high: 20}
relations:
  - {id: feeds, title: {zh: 供电, en: Feeds}, source: cabinet, target: pump}
  - {id: lies_in, title: {zh: 位于, en: Lies in}, source: "*", target: district}
""",
    "pumps/streams.yaml": """
streams:
  - {id: supply, title: {zh: 供电功率, en: Supply}, asset: cabinet, quantity: power, cadence_s: 60}
  - {id: level, title: {zh: 集水池水位, en: Well level}, asset: pump, quantity: level, cadence_s: 60}
  - {id: flow, title: {zh: 流量, en: Flow}, asset: pump, quantity: flow, cadence_s: 60}
""",
    "pumps/rules.yaml": """
rules:
  - id: power_lost
    title: {zh: 停电, en: Power lost}
    level: critical
    stream: supply
    below: 1
    advice: {zh: 联系供电所，启动备用发电机。, en: Call the power company and start the generator.}
  - id: stopped
    title: {zh: 水泵停转, en: Pump stopped}
    level: medium
    stream: flow
    below: 0.1
    suppressed_by: [{rule: power_lost, through: feeds, parent: source}]
    advice: {zh: 现场复位水泵。, en: Reset the pump on site.}
  - id: level_high
    title: {zh: 集水池水位过高, en: Well level high}
    consequence: severe
    urgency: prompt
    stream: level
    above: alarm_m
    deadband: 0.1
    must_acknowledge: true
    advice: {zh: 投运备用泵，通知上游减量。, en: Run the spare pump and ask upstream to hold back.}
  - {id: overflow, title: {zh: 冒溢, en: Overflow}, level: critical, stream: level, above: 6, latching: true}
""",
    "city/city.yaml": """
id: pumpville
title: {zh: 泵城, en: Pumpville}
zone: Asia/Shanghai
center: [121.93, 30.90]
bounds: [121.90, 30.88, 121.96, 30.92]
packs: [pumps]
""",
}
PUMPS = 12


@pytest.fixture(scope="module")
def pumps(serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A cabinet that feeds twelve pumps, all in order."""
    folder = tmp_path_factory.mktemp("pumpville")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    city = serve(folder / "home", "--city", str(folder / "city"), "--packs", str(folder), "--demo-days", "0")

    def asset(id: str, kind: str, zh: str, en: str, n: int, attributes: dict[str, Any]) -> dict[str, Any]:
        point = {"type": "Point", "coordinates": [121.91 + n / 400, 30.90]}
        return {"id": id, "type": kind, "title": {"zh": zh, "en": en}, "geometry": point, "attributes": attributes}

    assets = [asset("cab-1", "pumps.cabinet", "一号配电柜", "Cabinet 1", 0, {})]
    assets += [asset(f"pump-{n:02}", "pumps.pump", f"{n}号泵", f"Pump {n}", n, {"alarm_m": 4}) for n in range(1, PUMPS + 1)]
    links = [{"source": "cab-1", "type": "pumps.feeds", "target": a["id"]} for a in assets[1:]]
    corners = [[121.90, 30.88], [121.93, 30.88], [121.93, 30.91], [121.90, 30.88]]
    assets.append({"id": "east", "type": "pumps.district", "title": {"zh": "东片区", "en": "East"}, "geometry": {"type": "Polygon", "coordinates": [corners]}, "attributes": {}})  # fmt: skip
    links += [{"source": f"pump-{n:02}", "type": "pumps.lies_in", "target": "east"} for n in (10, 11)]
    assert city.post("/api/assets", json.dumps({"assets": assets, "relations": links}).encode())[0] == 200
    return city


@pytest.fixture
def tab(browser: Any, pumps: Served) -> Iterator[Visit]:
    yield from _tab(browser, pumps.url)


def send(city: Served, *readings: tuple[str, float, float]) -> None:
    """Readings (stream, minutes ago, value) by HTTP."""
    now = datetime.now(UTC)
    rows = [{"stream": s, "time": (now - timedelta(minutes=ago)).isoformat(), "value": v} for s, ago, v in readings]
    status, told = city.post("/api/observations", json.dumps(rows).encode())
    assert status == 201, told


def state(city: Served, id: str) -> str:
    return str(city.get(f"/api/alarms/{id}")["state"])


def test_a_bad_reading_is_told_acknowledged_shelved_put_back_and_on_record(tab: Visit, pumps: Served) -> None:
    page = tab.page
    send(pumps, *[("pump-01.pumps.level", ago, 2.0 + ago / 100) for ago in range(60, 1, -2)])
    page.add_init_script("window.setInterval = () => 0")  # nothing is asked for again by the clock: what comes was told
    tab.go("/alarms")
    assert "当前没有告警" in tab.text()
    page.evaluate("window.stayed = true")
    send(pumps, ("pump-01.pumps.level", 1, 5.2))
    row = page.locator("[data-testid=alarms] tr[data-id]", has_text="1号泵")
    row.wait_for(timeout=30_000)  # by itself, in the open page
    said = row.inner_text()
    for words in ("集水池水位过高", "高", "5.2 m", "高于限值 4 m", "投运备用泵", "未确认"):
        assert words in said, words
    assert "新告警 1 条" in tab.see("alarm-news").inner_text()
    id = str(row.get_attribute("data-id"))

    tab.see("person").fill("王工")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.wait_for_selector(f"tr[data-id='{id}'] [data-state=acknowledged]")
    assert state(pumps, id) == "acknowledged"

    page.keyboard.press("s")
    dialog = tab.see("hold-dialog")
    tab.see("hold-yes").click()
    assert "写明原因" in dialog.inner_text()
    tab.see("end-8h").check()
    tab.see("hold-reason").fill("备用泵已投运")
    page.context.set_offline(True)
    tab.see("hold-yes").click()
    dialog.locator("[data-testid=refusal]").wait_for()
    assert tab.see("hold-reason").input_value() == "备用泵已投运"  # nothing typed is lost
    page.context.set_offline(False)
    tab.see("hold-yes").click()
    dialog.wait_for(state="detached")
    page.wait_for_selector(f"tr[data-id='{id}']", state="detached")
    assert page.evaluate("window.stayed") is True

    tab.see("tab-alarm_holds").click()
    held = tab.see("holds").locator("tbody tr", has_text="集水池水位过高")
    held.wait_for()
    assert re.search(r"1号泵[\s\S]*还剩[\s\S]*备用泵已投运[\s\S]*王工", held.inner_text())
    held.locator("[data-testid=put_back]").click()
    tab.see("confirm-note").fill("提前放回")
    tab.see("confirm-yes").click()
    page.wait_for_selector("[data-testid=holds-active] [data-testid=empty]")
    assert state(pumps, id) == "active"

    send(pumps, ("pump-01.pumps.level", 0, 3.0))
    wait_for(lambda: state(pumps, id) == "returned")
    tab.go(f"/alarms/{id}")
    tab.see("note").fill("水位已回落")
    tab.see("acknowledge").click()
    page.wait_for_selector("[data-testid=page-alarm] [data-state=cleared]")
    page.wait_for_selector("[data-testid=transitions] li:nth-child(6)")
    told = tab.see("transitions").inner_text()
    course = ["备用泵已投运", "提前放回", "已恢复，未确认", "水位已回落"]
    assert [told.index(words) for words in course] == sorted(told.index(words) for words in course)
    assert "集水池水位 高于 警戒水位（此处为 4 m）" in tab.see("rule-words").inner_text()
    assert tab.see("alarm-chart").locator("canvas").count() == 1
    faults = [f for f in tab.faults if "ERR_INTERNET_DISCONNECTED" not in f]  # that was asked for
    assert faults == []


def test_many_are_acknowledged_a_latched_one_reset_and_an_instrument_taken_out(tab: Visit, pumps: Served) -> None:
    page = tab.page
    level = "pump-02.pumps.level"
    send(pumps, (level, 4, 3.0), (level, 3, 6.5))
    send(pumps, (level, 2, 3.0))
    wait_for(lambda: pumps.get("/api/alarms?state=waiting&asset=pump-02")["total"] == 2)
    tab.go("/alarms?asset=pump-02")
    tab.see("person").fill("王工")
    page.keyboard.press("Escape")
    for key in "jxjx":
        page.keyboard.press(key)
    tab.see("acknowledge-ticked").click()
    page.wait_for_selector("[data-testid=outcome]:has-text('已确认 2 条')")
    tab.see("reset").click()
    page.wait_for_selector("[data-testid=page-alarms] [data-testid=empty]")
    send(pumps, (level, 1, 6.6))
    page.locator("[data-testid=alarms] tr[data-id]", has_text="冒溢").locator("[data-testid=remove]").click()
    assert "冒溢" in tab.see("scope-stream").locator("xpath=..").inner_text()
    tab.see("scope-stream").check()
    tab.see("hold-reason").fill("水位计校准")
    tab.see("hold-yes").click()
    page.wait_for_selector("[data-testid=page-alarms] [data-testid=empty]")
    held = pumps.get("/api/alarm-holds?active=true&asset=pump-02")["items"]
    assert {h["rule"] for h in held} == {"pumps.level_high", "pumps.overflow"}
    assert {(h["kind"], h["until"], h["reason"]) for h in held} == {("out_of_service", None, "水位计校准")}
    assert tab.faults == []


def test_one_power_failure_is_one_line_that_opens_and_closes(tab: Visit, pumps: Served) -> None:
    page = tab.page
    pump = [f"pump-{n:02}.pumps.flow" for n in range(1, PUMPS + 1)]
    send(pumps, ("cab-1.pumps.supply", 5, 230.0), *[(s, 5, 0.4) for s in pump])
    send(pumps, ("cab-1.pumps.supply", 4, 0.0), *[(s, 4, 0.0) for s in pump])
    wait_for(lambda: pumps.get("/api/alarms?state=suppressed")["total"] == PUMPS)
    tab.go("/alarms?lang=en")
    lines = page.locator("[data-testid=alarms] tbody tr")
    page.wait_for_selector("[data-testid=group]")
    assert lines.count() == 1
    assert f"it explains {PUMPS} more alarms" in lines.first.inner_text()
    tab.see("group-open").click()
    page.wait_for_function(f"() => document.querySelectorAll('[data-testid=alarms] tbody tr').length === {PUMPS + 2}")
    assert "opened=" in page.url
    tab.see("person").fill("Li")
    tab.see("acknowledge-group").click()
    page.wait_for_selector("[data-testid=outcome]:has-text('1 acknowledged')")
    tab.see("group-by").locator("[data-value=place]").click()
    tab.see("filter-state").locator("[data-value=suppressed]").click()
    page.wait_for_function(f"() => document.querySelectorAll('[data-testid=alarms] tbody tr').length === {PUMPS}")
    assert {"by=place", "state=suppressed"} <= set(page.url.partition("?")[2].split("&"))
    tab.see("search").fill("Pump 7")
    page.wait_for_function("() => document.querySelectorAll('[data-testid=alarms] tbody tr').length === 1")

    tab.go("/alarms/health?lang=en&span=24h")
    page.wait_for_selector("[data-testid=gauge]")
    told = {str(r.get_attribute("data-id")): r.inner_text() for r in tab.see("gauge").locator("tbody tr").all()}
    assert set(told) == {"rate", "peak", "flood", "chattering", "fleeting", "stale", "top"}
    assert all("ISA-18.2" in text for text in told.values())
    assert tab.see("top").locator("a[href*='pumps.power_lost']").count() == 1
    assert tab.faults == []


def test_an_asset_is_taken_out_of_service_before_anything_is_wrong(tab: Visit, pumps: Served) -> None:
    tab.go("/streams/pump-03.pumps.level")
    card = tab.see("asset-hold")
    card.locator("[data-testid=remove]").click()
    assert tab.see("scope-stream").is_checked()
    tab.see("scope-asset").check()
    tab.see("end-till").check()
    tab.see("hold-till").fill("2099-01-01T08:00")
    tab.see("hold-reason").fill("大修")
    tab.see("hold-dialog").locator("[data-testid=person]").fill("赵工")
    tab.see("hold-yes").click()
    card.locator("[data-state=out_of_service]").wait_for()
    held = pumps.get("/api/alarm-holds?active=true&asset=pump-03")["items"][0]
    assert (held["rule"], held["until"], held["actor"]) == ("*", "2099-01-01T00:00:00Z", "赵工")  # by the city's clock
    send(pumps, ("pump-03.pumps.level", 1, 9.0))
    wait_for(lambda: pumps.get("/api/alarms?state=out_of_service&asset=pump-03&rule=pumps.level_high")["total"] == 1)
    tab.go("/assets/pump-03")
    tab.see("asset-hold").locator("[data-testid=put_back]").click()
    tab.see("confirm-yes").click()
    wait_for(lambda: pumps.get("/api/alarms?state=active&asset=pump-03&rule=pumps.level_high")["total"] == 1)
    assert [f for f in tab.faults if "/api/health/streams/" not in f] == []  # of what never reported nothing is on record


def test_alarms_of_a_district_are_one_line_against_the_relations(tab: Visit, pumps: Served) -> None:
    page = tab.page
    send(pumps, *[(f"pump-{n:02}.pumps.level", 0.2, 5.0) for n in (9, 10, 11)])
    wait_for(lambda: pumps.get("/api/alarms?rule=pumps.level_high&asset=pump-11&state=open")["total"])
    tab.go("/alarms?rule=pumps.level_high")
    tab.see("group-by").locator("[data-value=place]").click()
    assert tab.see("filter-through").locator("option").all_inner_texts() == ["设施", "片区"]
    tab.see("filter-through").select_option("pumps.lies_in")
    line = page.locator("tr[data-group=east]")
    line.wait_for()
    assert "东片区" in line.inner_text()
    line.locator("[data-testid=group-open]").click()
    page.wait_for_selector("tr.inner[data-id]")
    named = [one.inner_text() for one in page.locator("tr.inner[data-id] .what").all()]
    assert sorted(name for text in named for name in ("9号泵", "10号泵", "11号泵") if name in text) == ["10号泵", "11号泵"]
    # all of it at once, in one request
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.url) if r.method == "POST" else None)
    tab.see("person").first.fill("李华")
    line.locator("[data-testid=acknowledge-group]").click()
    page.wait_for_selector("[data-testid=outcome]:has-text('2')")
    assert [url.rpartition("/api")[2] for url in sent] == ["/alarms/acknowledge"]
    there = pumps.get("/api/alarms?place=east&through=pumps.lies_in&rule=pumps.level_high&state=standing")["items"]
    assert {(a["asset"], a["state"]) for a in there} == {("pump-10", "acknowledged"), ("pump-11", "acknowledged")}
    assert pumps.get("/api/alarms?rule=pumps.level_high&asset=pump-09&state=waiting")["total"] == 1
    page.set_viewport_size({"width": 390, "height": 844})
    tab.ready()
    assert page.evaluate("document.documentElement.scrollWidth <= 390")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert tab.faults == []
