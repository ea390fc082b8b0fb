"""Correcting a stream in the browser: drag over the chart, look, apply, undo; and states by their titles."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..served import Served
from .conftest import Visit

pytestmark = pytest.mark.browser


def course(city: Served, stream: str) -> list[Any]:
    return list(city.get(f"/api/streams/{stream}/observations?points=20000")["value"])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_span_is_dragged_over_corrected_and_put_back(visit: Visit, tiny: Served, language: str) -> None:
    stream = tiny.get("/api/streams?limit=1&alive=true")["items"][0]["id"]
    visit.go(f"/streams/{stream}")
    if language == "en":
        visit.see("language").click()
    visit.see("corrections-open").click()
    box = visit.see("stream-chart").bounding_box()
    assert box is not None
    visit.page.wait_for_timeout(500)
    middle = box["y"] + box["height"] / 2
    visit.page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=8)
    visit.page.mouse.up()
    since, until = (visit.see(f"edit-{end}").input_value() for end in ("since", "until"))
    assert since < until
    visit.see("edit-kind").select_option("shift")
    assert visit.see("edit-preview").is_disabled()
    visit.see("edit-value").fill("1.5")
    visit.see("edit-preview").click()
    told = visit.see("edit-counts").inner_text()
    assert tiny.get(f"/api/streams/{stream}/edits")["items"] == [] or language == "en"
    visit.see("edit-note").fill("与标尺比对")
    visit.see("person").fill("李华")
    visit.see("edit-apply").click()
    line = visit.page.locator("[data-testid='edit'][data-undone='false']")
    line.wait_for()
    assert visit.see("edit-counts").inner_text() == told
    assert "与标尺比对" in line.inner_text()
    held = [e for e in tiny.get(f"/api/streams/{stream}/edits")["items"] if e["undone"] is None]
    assert [(e["by"], e["edit"]["kind"], e["edit"]["value"]) for e in held] == [("李华", "shift", 1.5)]
    line.get_by_test_id("edit-undo").click()
    line.wait_for(state="detached")
    assert all(e["undone"] for e in tiny.get(f"/api/streams/{stream}/edits")["items"])
    assert visit.faults == []


def test_states_are_told_and_charted_by_their_titles(visit_lingang: Visit, lingang: Served) -> None:
    stream = lingang.get("/api/streams?type=drainage.running&limit=1")["items"][0]
    title = {s["code"]: s["title"]["zh"] for s in stream["states"]}[int(stream["latest"]["value"])]
    visit_lingang.go(f"/streams/{stream['id']}")
    facts = visit_lingang.see("stream-facts").inner_text()
    assert title in facts
    assert "停机 · 运行" in facts
    visit_lingang.see("corrections-open").click()
    kinds = visit_lingang.see("edit-kind").locator("option").evaluate_all("of => of.map(o => o.value)")
    assert kinds == ["flag", "set", "delete", "fill"]
    visit_lingang.see("edit-kind").select_option("set")
    assert visit_lingang.see("edit-value").locator("option").all_inner_texts() == ["", "停机", "运行"]
    assert visit_lingang.faults == []


def test_the_document_of_the_interface_tells_of_edits(lingang: Served) -> None:
    told = json.dumps(lingang.get("/api/openapi.json")["paths"]["/api/streams/{id}/edits/preview"])
    assert "undo" in told
