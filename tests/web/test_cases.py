"""Cases in a real browser: from a bad reading to a closed case and its report, and from a citizen's report to its status."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ..served import Served
from .conftest import Visit, _tab, wait_for

pytestmark = pytest.mark.browser

CITY = """\
id: desk
title: {zh: 试验区, en: Desk}
zone: Asia/Shanghai
center: [121.93, 30.90]
bounds: [121.90, 30.88, 121.96, 30.92]
packs: [shore]
"""
PACK = {
    "__init__.py": '"""A pack for a story."""\n',
    "pack.yaml": "id: shore\ntitle: {zh: 岸线, en: Shore}\nsummary: {zh: 供测试用, en: For tests}\nsystems: []\n",
    "types.yaml": "types:\n  - {id: gate, title: {zh: 闸门, en: Gate}, geometry: point}\n",
    "streams.yaml": """\
streams:
  - {id: level, title: {zh: 水位, en: Level}, asset: gate, quantity: level, cadence_s: 60, low: -5, high: 20}
""",
    "rules.yaml": """\
rules:
  - id: flood
    title: {zh: 水位过高, en: Level too high}
    level: high
    stream: level
    above: 4
    opens: watch
    advice: {zh: 到现场核实, en: Go and see}
""",
    "cases.yaml": """\
decision_tables:
  - id: way
    title: {zh: 处置去向, en: Where it goes}
    hit: F
    inputs:
      - {name: over, kind: number}
      - {name: cause, kind: text}
    outputs: [{name: way}]
    rows:
      - {when: ["> 50", "-"], then: ['"repair"']}
      - {when: ["-", '"sensor"'], then: ['"done"']}
      - {when: ["-", "-"], then: ['["repair", "done"]']}
cases:
  - id: watch
    title: {zh: 高水位处置, en: High water}
    days: 5
    steps:
      - id: verify
        title: {zh: 现场核实, en: Verify}
        role: {zh: 闸站值班员, en: Gate keeper}
        days: 1
        next: [repair, done]
        guard: way
        form:
          type: object
          required: [over, cause]
          properties:
            over: {type: number, minimum: 0, maximum: 300, titles: {zh: 超出警戒（厘米）, en: Above warning (cm)}}
            cause:
              type: string
              titles: {zh: 原因, en: Cause}
              oneOf:
                - {const: rain, titles: {zh: 降雨, en: Rain}}
                - {const: tide, titles: {zh: 潮位, en: Tide}}
                - {const: sensor, titles: {zh: 仪器故障, en: Faulty sensor}}
            seen: {type: string, format: date, titles: {zh: 到场日期, en: Seen on}}
            hurt: {type: boolean, titles: {zh: 有人受伤, en: Somebody hurt}}
            remarks: {type: string, maxLength: 500, titles: {zh: 现场情况, en: What was seen}}
      - {id: repair, title: {zh: 开闸泄水, en: Open the gate}, role: {zh: 闸站抢修队, en: Gate crew}, days: 3, next: [done]}
      - id: done
        title: {zh: 办结归档, en: Filed}
        role: {zh: 值班长, en: Duty officer}
        proofs: [{id: photo, title: {zh: 现场照片, en: Photo on site}, media: ["image/*"], least: 1}]
  - id: notice
    title: {zh: 岸线问题, en: Shore problem}
    public: true
    about: {zh: 护岸破损、垃圾堆积, en: Broken banks and litter}
    days: 10
    form:
      type: object
      required: [what]
      properties:
        what:
          type: string
          titles: {zh: 问题类型, en: What it is}
          oneOf: [{const: bank, titles: {zh: 护岸破损, en: Broken bank}}, {const: litter, titles: {zh: 垃圾, en: Litter}}]
        size: {type: integer, minimum: 1, titles: {zh: 长度（米）, en: Length (m)}}
    steps:
      - {id: look, title: {zh: 受理, en: Look}, role: {zh: 闸站值班员, en: Gate keeper}, days: 2, next: [fix]}
      - id: fix
        title: {zh: 整改, en: Fix}
        role: {zh: 养护单位, en: Contractor}
        days: 5
        next: [told]
        bodies: [{id: water, title: {zh: 水务局, en: Water bureau}}]
      - {id: told, title: {zh: 已告知报告人, en: Reporter told}, role: {zh: 闸站值班员, en: Gate keeper}}
""",
}
PHOTO = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def desk(serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A city whose pack has everything that a case may ask for; no demo."""
    root = tmp_path_factory.mktemp("desk")
    for name, text in PACK.items():
        (root / "packs" / "shore").mkdir(parents=True, exist_ok=True)
        (root / "packs" / "shore" / name).write_text(text, "utf-8")
    (root / "city").mkdir()
    (root / "city" / "city.yaml").write_text(CITY, "utf-8")
    city = serve(root / "home", "--city", str(root / "city"), "--packs", str(root / "packs"), "--demo-days", "0")
    gate = {"id": "gate-1", "type": "shore.gate", "title": {"zh": "一号闸", "en": "Gate 1"}, "geometry": {"type": "Point", "coordinates": [121.93, 30.90]}, "attributes": {}}  # fmt: skip
    status, told = city.post("/api/assets", json.dumps({"assets": [gate]}).encode())
    assert status == 200, told
    return city


@pytest.fixture
def tab(browser: Any, desk: Served) -> Iterator[Visit]:
    yield from _tab(browser, desk.url)


def test_from_a_bad_reading_to_a_closed_case_and_its_report(tab: Visit, desk: Served, tmp_path: Path) -> None:
    at = (datetime.now(UTC) - timedelta(seconds=5)).isoformat()
    status, told = desk.post("/api/observations", json.dumps([{"stream": "gate-1.shore.level", "time": at, "value": 4.6}]).encode())  # fmt: skip
    assert status == 201, told
    case = wait_for(lambda: desk.get("/api/cases?type=shore.watch")["items"])[0]
    # it waits for the role of its step, by urgency
    tab.go("/tasks")
    tab.see("roles").locator("input[data-role=闸站值班员]").check()
    tab.page.wait_for_selector(f"[data-testid=my-case][data-id='{case['id']}'][data-why=role]")
    tab.see("my-case").locator("a").click()
    tab.page.wait_for_url(f"**/cases/{case['id']}")
    tab.ready()
    assert "告警" in tab.see("about").inner_text()
    alarm = tab.see("alarm-of").inner_text()
    assert [word for word in ("水位过高", "4.6 m", "到现场核实") if word not in alarm] == []
    assert "工作日" in tab.see("left").first.inner_text()
    # taken, in one's name
    tab.see("take").click()
    assert tab.page.evaluate("document.activeElement.dataset.testid") == "person"
    tab.see("acts").locator("[data-testid=person]").fill("李华")
    tab.see("take").click()
    tab.page.wait_for_selector("[data-testid=standing]:has-text('李华')")
    # the form tells what is wrong where it is, and the table says where the case may go
    tab.see("form-over").fill("400")
    tab.see("advance-to").first.check()
    tab.see("advance").click()
    assert "300" in tab.see("fault-over").inner_text()
    assert tab.see("fault-cause").count() == 1
    assert desk.get(f"/api/cases/{case['id']}")["step"] == "verify"
    tab.see("form-over").fill("６０")
    tab.see("form-cause").select_option('"rain"')
    tab.see("form-remarks").fill("水位持续上涨")
    tab.page.wait_for_selector("[data-testid=guard] tr:nth-child(1)[data-fired=true]", state="attached")
    assert "开闸泄水" in tab.see("guard").locator("summary").inner_text()
    assert "决策表不允许" in tab.page.locator("label:has([data-step=done])").inner_text()
    tab.see("advance-to").nth(1).check()
    tab.see("advance").click()
    assert "不能转至“办结归档”" in tab.see("advance-form").locator("[data-testid=refusal]").inner_text()
    tab.see("advance-to").first.check()
    # nothing typed is lost when the server does not answer
    tab.page.route("**/advance", lambda route: route.abort())
    tab.see("advance").click()
    tab.page.wait_for_selector("[data-testid=advance-form] [data-testid=refusal]")
    assert tab.see("form-remarks").input_value() == "水位持续上涨"
    tab.page.unroute("**/advance")
    tab.faults.clear()
    tab.see("advance").click()
    tab.page.wait_for_selector("[data-testid=steps] [data-step=repair][aria-current=step]")
    assert desk.get(f"/api/cases/{case['id']}")["facts"] == {"over": 60, "cause": "rain", "remarks": "水位持续上涨"}
    # a comment; then sent back once, with the reason
    tab.see("act-comment").click()
    tab.see("act-note").fill("已通知抢修队")
    tab.see("act-do").click()
    tab.page.wait_for_selector("[data-testid=history] [data-act=comment]")
    tab.see("act-return").click()
    tab.see("act-do").click()
    assert "请写明" in tab.see("act-dialog").locator("[data-testid=refusal]").inner_text()
    tab.see("act-note").fill("量错了")
    tab.see("act-do").click()
    tab.page.wait_for_selector("[data-testid=steps] [data-step=verify][aria-current=step]")
    # what was filled in is still there; the cause was another one
    assert tab.see("form-over").input_value() == "60"
    tab.see("form-over").fill("12")
    tab.see("form-cause").select_option('"sensor"')
    tab.see("advance-to").nth(1).check()
    tab.page.wait_for_selector("[data-testid=guard] tr:nth-child(2)[data-fired=true]", state="attached")
    tab.see("advance").click()
    assert "现场照片" in tab.see("advance-form").locator("[data-testid=refusal]").inner_text()
    # evidence: of the wrong kind it is refused here, of the right kind it proves what was asked for
    (tmp_path / "note.svg").write_text("<svg/>")
    (tmp_path / "现场.png").write_bytes(PHOTO)
    (tmp_path / "empty.txt").write_text("")
    tab.see("files").set_input_files(tmp_path / "empty.txt")
    assert tab.see("file-fault").count() == 1
    tab.see("chosen-files").locator("button").click()
    tab.see("files").set_input_files(tmp_path / "现场.png")
    tab.page.wait_for_selector("[data-testid=chosen-files] [data-testid=sha256]")
    assert tab.see("proof-of").input_value() == "photo"
    digest = hashlib.sha256(PHOTO).hexdigest()
    assert digest in tab.see("chosen-files").inner_text()
    tab.see("advance-form").locator("[data-testid=note]").fill("仪器已校准")
    tab.see("advance").click()
    tab.page.wait_for_selector("[data-testid=deeds] [data-testid=act-reopen]")
    # history: who did what, the newest first; and the report
    acts = [one.get_attribute("data-act") for one in tab.see("history").locator("li[data-act]").all()]
    assert acts == ["advance", "return", "comment", "advance", "assign", "open"]
    assert digest in tab.see("case-files").inner_text()
    assert tab.see("evidence-asked").locator("[data-have=true]").count() == 1
    with tab.page.context.expect_page() as opened:
        tab.see("report-html").click()
    opened.value.wait_for_load_state()
    paper = opened.value.inner_text("body")
    words = ("高水位处置办理报告", "一号闸", "李华", "量错了", "仪器故障", "现场.png", digest, "现场照片")
    assert [word for word in words if word not in paper] == []
    opened.value.close()
    with tab.page.expect_download() as download:
        tab.see("report-docx").click()
    assert Path(download.value.path()).read_bytes().startswith(b"PK")
    told = desk.get(f"/api/cases/{case['id']}")
    assert (told["state"], told["returns"], [f["proof"] for f in told["files"]]) == ("closed", 1, ["photo"])
    assert tab.faults == []


def test_from_a_citizens_report_to_its_status(tab: Visit, desk: Served, tmp_path: Path) -> None:
    tab.go("/report?lang=en")
    assert tab.page.locator(".nav").count() == 0
    assert "Broken banks" in tab.see("report-form").inner_text()
    tab.see("report-send").click()
    assert "describe" in tab.see("refusal").inner_text()
    tab.see("report-description").fill("The bank has slid into the water")
    tab.see("attribute-what").select_option("bank")
    tab.see("attribute-size").fill("twelve")
    tab.see("report-address").fill("Bridge 3")
    tab.see("report-phone").fill("13800000000")
    (tmp_path / "bank.png").write_bytes(PHOTO)
    tab.see("report-picture").set_input_files(tmp_path / "bank.png")
    tab.see("report-send").click()
    tab.page.wait_for_selector("[data-testid=refusal]:has-text('size')")
    assert tab.see("report-description").input_value() == "The bank has slid into the water"
    tab.faults.clear()  # the browser tells of the refusal
    tab.see("attribute-size").fill("12")
    tab.see("report-send").click()
    tab.page.wait_for_selector("[data-testid=report-thanks]")
    id = tab.see("report-id").inner_text()
    told = desk.get(f"/api/cases/{id}")
    assert (told["source"], told["facts"]) == ("form", {"what": "bank", "size": 12})
    # the officer sees whom to call, and tells the citizen; a body is asked
    tab.go(f"/cases/{id}?lang=zh")
    assert "13800000000" in tab.see("reporter").inner_text()
    with tab.page.expect_download() as picture:
        tab.see("attachment").locator("a").first.click()
    assert Path(picture.value.path()).read_bytes() == PHOTO
    assert "护岸破损" in tab.see("filled").inner_text()
    tab.see("acts").locator("[data-testid=person]").fill("王工")
    tab.see("act-comment").click()
    tab.see("act-note").fill("已安排护岸队")
    tab.see("act-public").check()
    tab.see("act-do").click()
    tab.page.wait_for_selector("[data-testid=history] [data-act=comment]")
    tab.see("advance").click()
    tab.page.wait_for_selector("[data-testid=joint] [data-answer='']")
    assert "等待会办" in tab.page.locator("label:has([data-step=told])").inner_text()
    tab.see("advance").click()
    assert "等待会办单位" in tab.see("advance-form").locator("[data-testid=refusal]").inner_text()
    tab.see("answer").click()
    tab.see("act-do").click()
    assert "同意或不同意" in tab.see("act-dialog").locator("[data-testid=refusal]").inner_text()
    tab.see("act-answer").locator("[data-value=agree]").click()
    tab.see("act-do").click()
    tab.page.wait_for_selector("[data-testid=joint] [data-answer=agree]")
    tab.go(f"/report?id={id}")
    shown = tab.see("report-status").inner_text()
    assert "已安排护岸队" in shown
    assert "处理中" in shown
    assert "13800000000" not in tab.page.content()
    tab.go(f"/cases/{id}")
    tab.see("advance").click()
    tab.page.wait_for_selector("[data-testid=deeds] [data-testid=act-reopen]")
    tab.go("/report")
    tab.see("report-ask").fill(id)
    tab.see("report-look").click()
    tab.page.wait_for_selector("[data-testid=report-status]:has-text('已办结')")
    assert tab.faults == []


def test_a_case_is_opened_by_hand_and_found_in_every_view(tab: Visit, desk: Served, tmp_path: Path) -> None:
    tab.go("/cases/new?type=shore.watch")
    tab.see("asset-pick").fill("一号")
    tab.see("asset-found").locator("button[data-id=gate-1]").click()
    tab.see("note").fill("巡查发现")
    tab.see("person").fill("李华")
    tab.see("open-now").click()
    tab.page.wait_for_url(lambda url: "/cases/" in url and not url.endswith("watch"))
    id = tab.page.url.rpartition("/")[2]
    made = desk.get(f"/api/cases/{id}")
    assert (made["asset"], made["source"], made["history"][0]["note"]) == ("gate-1", "hand", "巡查发现")
    # the board: a card that is dropped on a column asks for what its step needs, with that column chosen
    tab.go("/cases?view=board&type=shore.watch")
    card = tab.page.locator(f"[data-testid=ticket][data-id='{id}']")
    card.drag_to(tab.page.locator("[data-testid=board] [data-step=repair]"))
    dialog = tab.see("advance-dialog")
    dialog.locator("[data-testid=advance-to][data-step=repair]:checked").wait_for()
    dialog.locator("[data-testid=form-over]").fill("60")
    tab.page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    card.drag_to(tab.page.locator("[data-testid=board] [data-step=repair]"))
    dialog.locator("[data-testid=form-cause]").select_option('"tide"')
    assert dialog.locator("[data-testid=form-over]").input_value() == "60"  # what was typed is still there
    dialog.locator("[data-testid=advance]").click()
    tab.page.locator(f"[data-testid=board] [data-step=repair] [data-id='{id}']").wait_for()
    # the list and its file, the calendar, the map
    tab.go("/cases?type=shore.watch&step=repair")
    tab.page.wait_for_selector(f"[data-testid=case-list] tr[data-id='{id}']")
    with tab.page.expect_download() as download:
        tab.see("cases-csv").click()
    lines = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines] == ["编号", id]
    due = datetime.fromisoformat(desk.get(f"/api/cases/{id}")["due"]) - timedelta(microseconds=1)
    day = due.astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat()
    tab.go(f"/cases?view=calendar&month={day[:7]}")
    assert tab.page.locator(f"[data-day='{day}'] a[href='/cases/{id}']").count() == 1
    tab.go("/cases?view=map")
    assert tab.see("cases-map").locator("canvas").count() == 1
    tab.page.wait_for_selector(f"[data-testid=case-list] tr[data-id='{id}']")
    # statistics, and kinds: a table to try, a drawing that goes out and comes in
    tab.go("/cases/statistics?lang=en")
    assert "High water" in tab.see("tallies").inner_text()
    assert tab.see("steps-shore.watch").locator("tr[data-id=verify] td").nth(2).inner_text() >= "1"
    tab.go("/cases/types?type=shore.watch")
    tab.see("fact-over").fill("60")
    tab.page.wait_for_selector("[data-testid=guards] tr:nth-child(1)[data-fired=true]")
    assert "Open the gate" in tab.see("tried").inner_text()
    with tab.page.expect_download() as drawing:
        tab.see("bpmn-export").click()
    drawing.value.save_as(tmp_path / "watch.bpmn")
    tab.see("bpmn-file").set_input_files(tmp_path / "watch.bpmn")
    tab.page.wait_for_selector("[data-testid=bpmn-yaml]:has-text('guard: way')")
    (tmp_path / "bad.bpmn").write_text("<a/>")
    tab.see("bpmn-file").set_input_files(tmp_path / "bad.bpmn")
    tab.page.wait_for_selector("[data-testid=bpmn-import] [data-testid=refusal]")
    tab.faults.clear()  # the browser tells of the refusal
