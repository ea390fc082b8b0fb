"""From a document to a tracked plan in the browser: dropped in, reviewed by keyboard, published; and its next version."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ..served import Served
from .conftest import CITY, Visit, _tab

pytestmark = pytest.mark.browser
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"

WORDS = """\
{name}绿色照明提升行动方案（2024—2026年）
{name}政发〔2024〕9号

为提升城区照明质量，制定本方案。

一、总体目标
到2026年底，全县路灯单灯控制覆盖率达到{share}%，高效光源使用比例不低于90%。到2025年，1号灯日用电量控制在2千瓦时以内。

二、重点任务
（一）改造老旧路灯
2025年底前，完成老旧路灯改造1200盏，新建智慧灯杆300根。（牵头单位：县城管局；参与单位：县财政局）
（二）完善运行管理
到{year}年6月底，建成照明运行监管平台。严禁在居民区新设高亮度广告灯箱。鼓励社会力量参与运维。
（三）保障夜间出行
故障路灯修复时间控制在24小时以内，主干道照度达标率每年提高2个百分点。
"""


def written(name: str, share: int = 95, year: int = 2025) -> bytes:
    return WORDS.format(name=name, share=share, year=year).encode()


@pytest.fixture(scope="module")
def city(serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A city of its own, for plans are published here."""
    folder = tmp_path_factory.mktemp("review") / "city"
    folder.mkdir()
    (folder / "city.yaml").write_text(CITY, "utf-8")
    return serve(folder / "home", "--city", str(folder), "--demo-days", "1")


@pytest.fixture
def tab(browser: Any, city: Served) -> Iterator[Visit]:
    yield from _tab(browser, city.url)


def draft(city: Served, words: bytes) -> str:
    status, made = city.post(f"/api/drafts?name=plan.txt&by={quote('李工')}", words, "text/plain")
    assert status == 201, made
    return str(made["items"][0]["id"])


def records(city: Served, id: str) -> dict[str, dict[str, Any]]:
    """The records by their subject."""
    return {r["subject"]: r for r in city.get(f"/api/drafts/{id}")["records"]}


def review(tab: Visit, id: str, query: str = "") -> Visit:
    tab.page.add_init_script("localStorage.setItem('citytwin.person', '王工')")
    return tab.go(f"/drafts/{id}{query}")


def press(tab: Visit, *keys: str) -> None:
    for key in keys:
        tab.page.keyboard.press(key)


def settled(tab: Visit) -> None:
    """Everything decided has reached the server."""
    tab.page.wait_for_selector("[data-testid=page-draft]:not([data-saving])")


def find(tab: Visit, words: str) -> None:
    """Selects the first record with these words, by keyboard."""
    press(tab, "/")
    tab.page.keyboard.type(words)
    press(tab, "Enter")
    tab.page.wait_for_selector(f".record.selected:has-text('{words}')")
    press(tab, "/", "Control+a", "Delete", "Escape")


def selected(tab: Visit) -> str:
    return str(tab.page.inner_text(".record.selected .subject"))


def decide(city: Served, id: str, by: str, act: str, **more: Any) -> None:
    seen = city.get(f"/api/drafts/{id}")["decisions"]
    body = json.dumps({"by": by, "seen": seen, "act": act, **more}).encode()
    status, answer = city.post(f"/api/drafts/{id}/decisions", body)
    assert status in (200, 201), answer


def test_from_a_file_to_the_scorecard_by_keyboard(tab: Visit, city: Served) -> None:
    page = tab.page
    tab.go("/drafts")
    tab.see("person").first.fill("王工")
    file = {"name": "方案.txt", "mimeType": "text/plain", "buffer": written("明湖县")}
    tab.see("plan-files").set_input_files(file)
    page.wait_for_selector("[data-testid=uploads] [data-testid=read] a")
    id = city.get("/api/drafts")["items"][0]["id"]
    tab.see("uploads").locator("a").click()
    page.wait_for_selector(".record.selected")

    assert selected(tab) == "在居民区新设高亮度广告灯箱"  # least sure first
    press(tab, "r")
    assert selected(tab) == "故障路灯修复时间"  # on to the next open one before the server has answered
    press(tab, "a")
    assert selected(tab) == "主干道照度达标率"
    press(tab, "e")
    tab.see("edit-value").fill("3")
    press(tab, "Enter")
    page.wait_for_selector("[data-testid=edit-form]", state="detached")
    assert page.locator(".record.selected [data-field=value] .origin.edited").count() == 1
    press(tab, "a")
    settled(tab)
    found = records(city, id)
    assert found["在居民区新设高亮度广告灯箱"]["standing"] == "rejected"
    assert (found["主干道照度达标率"]["value"], found["主干道照度达标率"]["standing"]) == (3, "accepted")

    find(tab, "1号灯日用电量")
    press(tab, "s")
    tab.see("part-1-subject").fill("用电核查")
    tab.see("part-2-value").fill("1.5")
    press(tab, "Enter")
    page.wait_for_selector("[data-testid=split-form]", state="detached")
    assert selected(tab) == "用电核查"
    found = records(city, id)
    assert found["用电核查"]["quote"] == "到2025年，"
    assert (found["1号灯日用电量"]["quote"], found["1号灯日用电量"]["value"]) == ("1号灯日用电量控制在2千瓦时以内", 1.5)

    find(tab, "1200盏")
    press(tab, "x")
    find(tab, "智慧灯杆")
    press(tab, "x", "m")
    page.wait_for_selector("[data-testid=edit-form]")
    tab.see("edit-subject").fill("路灯和灯杆")
    press(tab, "Control+Enter")
    page.wait_for_selector("[data-testid=edit-form]", state="detached")
    settled(tab)
    merged = records(city, id)["路灯和灯杆"]
    assert merged["quote"] == "2025年底前，完成老旧路灯改造1200盏，新建智慧灯杆300根"
    assert merged["standing"] == "accepted"

    find(tab, "照明运行监管平台")
    press(tab, "n", "ArrowDown", "ArrowDown", "ArrowDown", "Shift+ArrowLeft", "Enter")
    page.wait_for_selector("[data-testid=edit-form]")
    tab.see("edit-subject").fill("社会力量参与运维")
    tab.see("edit-kind").select_option("milestone")
    tab.see("edit-deadline").fill("2026-06-30")
    press(tab, "Control+Enter")
    page.wait_for_selector("[data-testid=edit-form]", state="detached")
    settled(tab)
    added = records(city, id)["社会力量参与运维"]
    assert (added["quote"], added["kind"], added["standing"]) == ("鼓励社会力量参与运维", "milestone", "accepted")
    assert page.inner_text(f"mark[data-r~={added['id']}]") == "鼓励社会力量参与运维"

    find(tab, "1号灯日用电量")
    press(tab, "b")
    page.wait_for_selector("[data-testid=proposal]")
    press(tab, "1")
    page.wait_for_selector(".record.selected [data-testid=measured-by]")
    press(tab, "a")
    settled(tab)
    bound = records(city, id)["1号灯日用电量"]
    assert bound["measured_by"]["indicator"].startswith("hello.")

    press(tab, "p")
    page.wait_for_selector("[data-testid=publish-dialog]")
    assert "新的跟踪规划" in tab.see("publish-what").inner_text()
    tab.see("open-accept").check()
    press(tab, "Enter")
    page.wait_for_selector("[data-testid=page-plan]")
    tab.go("/plans")
    assert (
        tab.page.locator("tr:has-text('1号灯日用电量') [data-testid=status]:not([data-status=not_measured])").count()
        == 1
    )
    assert "路灯和灯杆" in tab.text()
    assert "社会力量参与运维" in tab.text()
    assert "在居民区新设高亮度广告灯箱" not in tab.text()
    assert "用电核查" in tab.text()  # what was open was accepted
    assert tab.faults == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_review_shows_the_document_beside_its_records(tab: Visit, city: Served, language: str) -> None:
    id = draft(city, written("望湖县" if language == "zh" else "云岭县"))
    found = city.get(f"/api/drafts/{id}")["records"]
    decide(city, id, "李工", "accept", records=[r["id"] for r in found if r["confidence"] >= 0.9])
    review(tab, id, f"?lang={language}")
    tab.page.wait_for_selector(".record.selected")
    assert tab.page.locator("mark").count() >= len(found)
    picture = tab.page.screenshot(type="jpeg", quality=82)
    if os.environ.get("CITYTWIN_IMAGES"):
        (IMAGES / f"review.{language}.jpg").write_bytes(picture)
    assert tab.faults == []


def test_highlight_and_record_select_each_other(tab: Visit, city: Served) -> None:
    id = draft(city, written("青溪县"))
    review(tab, id)
    one = records(city, id)["智慧灯杆"]
    tab.page.click(f"mark[data-r~={one['id']}]")
    assert selected(tab) == "智慧灯杆"
    assert tab.page.inner_text("mark[data-on]") == one["quote"]
    press(tab, "k")
    before = records(city, id)[selected(tab)]
    assert before["subject"] != "智慧灯杆"
    assert tab.page.inner_text("mark[data-on]") == before["quote"]
    tab.page.wait_for_selector(".record-head[aria-current=true]:focus")
    assert tab.page.url.endswith(f"record={before['id']}")
    assert tab.faults == []


def test_highlights_hold_the_words_of_their_records(tab: Visit, city: Served) -> None:
    spaced = written("白溪县").decode().replace("路灯", "路 灯").replace("，", "，\n").replace("20", " 20")
    id = draft(city, spaced.encode())
    review(tab, id, "?show=all")
    tab.page.wait_for_selector("[data-testid=document] mark")
    marks = tab.page.locator("[data-testid=document] mark")
    shown: dict[str, str] = {}
    for ids, words in zip(
        marks.evaluate_all("all => all.map(m => m.dataset.r)"), marks.all_text_contents(), strict=True
    ):
        for one in ids.split():
            shown[one] = shown.get(one, "") + "".join(words.split())
    assert len(shown) > 5
    assert shown == {r["id"]: r["quote"] for r in records(city, id).values()}


def test_words_selected_with_the_mouse_become_a_record(tab: Visit, city: Served) -> None:
    id = draft(city, written("白沙县"))
    review(tab, id)
    tab.page.locator("[data-testid=document] p", has_text="制定本方案").select_text()
    tab.see("add-selection").click()
    tab.page.wait_for_selector("[data-testid=edit-form]")
    settled(tab)
    made = [r for r in city.get(f"/api/drafts/{id}")["records"] if r["quote"] == "为提升城区照明质量，制定本方案。"]
    assert len(made) == 1
    press(tab, "Escape", "u")
    tab.page.wait_for_selector(f"mark[data-r~={made[0]['id']}]", state="detached")


def test_assumed_fields_are_said_and_history_tells_before_and_after(tab: Visit, city: Served) -> None:
    id = draft(city, written("石桥县"))
    one = records(city, id)["故障路灯修复时间"]
    decide(city, id, "赵工", "edit", records=[one["id"]], fields={"value": 12})
    review(tab, id, f"?record={one['id']}")
    assert (
        tab.page.locator(".record.selected dd.assumed[data-field=deadline] .origin.assumed")
        .inner_text()
        .startswith("推定")
    )
    press(tab, "h")
    tab.page.wait_for_selector(".record.selected [data-testid=decision][data-act=edit]")
    told = tab.page.inner_text(".record.selected [data-testid=decisions]")
    assert "赵工" in told
    assert "24 → 12" in " ".join(told.split())
    press(tab, "Escape", "a", "u")
    tab.page.wait_for_selector(f".record.selected[data-record={one['id']}][data-tone=open]")
    settled(tab)
    assert records(city, id)["故障路灯修复时间"]["standing"] == "open"


def test_what_others_decided_meanwhile_is_said_and_loaded(tab: Visit, city: Served) -> None:
    id = draft(city, written("柳河县"))
    review(tab, id)
    one = records(city, id)["故障路灯修复时间"]
    decide(city, id, "赵工", "edit", records=[one["id"]], fields={"value": 12})
    find(tab, "故障路灯")
    press(tab, "a")
    tab.page.wait_for_selector("[data-testid=fault]:has-text('赵工')")
    tab.page.wait_for_selector(f"[data-record={one['id']}][data-tone=open]:has-text('12')")
    assert records(city, id)["故障路灯修复时间"]["standing"] == "open"


def test_all_that_is_sure_enough_is_accepted_at_once(tab: Visit, city: Served) -> None:
    id = draft(city, written("东岭县"))
    review(tab, id)
    tab.see("bulk").click()
    tab.see("bulk-least").fill("85")
    sure = [r for r in records(city, id).values() if r["confidence"] >= 0.85]
    assert f"{len(sure)} 条" in tab.see("bulk-accept").inner_text()
    tab.see("bulk-accept").click()
    settled(tab)
    tab.page.wait_for_selector(f"[data-testid=review-progress][data-accepted='{len(sure)}']")
    assert city.get(f"/api/drafts/{id}")["counts"]["accepted"] == len(sure)


def test_facts_of_the_document_are_mended(tab: Visit, city: Served) -> None:
    id = draft(city, written("南塘县"))
    review(tab, id)
    tab.see("describe-open").click()
    tab.see("describe-title_en").fill("Green Lighting Plan of Nantang")
    tab.see("describe-issued").fill("2024-03-01")
    tab.see("describe-issuer").fill("南塘县人民政府、南塘县城管局")
    tab.see("describe-save").click()
    tab.page.wait_for_selector("[data-testid=describe]", state="detached")
    shown = tab.see("draft-facts").inner_text()
    assert "2024-03-01" in shown
    assert "南塘县人民政府" in shown
    assert city.get(f"/api/drafts/{id}")["title"]["en"] == "Green Lighting Plan of Nantang"


def test_a_new_version_is_compared_and_decisions_are_kept(tab: Visit, city: Served) -> None:
    id = draft(city, written("西山县"))
    decide(city, id, "李工", "accept", records=[records(city, id)["智慧灯杆"]["id"]])
    review(tab, id, "?view=compare")
    assert "没有可比较的版本" in tab.see("compare").inner_text()
    file = {"name": "方案二.txt", "mimeType": "text/plain", "buffer": written("西山县", 90, 2026)}
    tab.see("version-file").set_input_files(file)
    tab.page.wait_for_selector("[data-testid=group-loosened]")
    assert "95 → 90" in " ".join(tab.see("group-loosened").inner_text().split())
    assert "2025-06-30 → 2026-06-30" in " ".join(tab.see("group-postponed").inner_text().split())
    assert tab.see("group-dropped").count() == 0
    tab.see("group-loosened").locator("button").first.click()
    tab.page.wait_for_selector(".record.selected [data-testid=earlier]")
    assert "95%" in tab.see("earlier").inner_text()
    assert records(city, id)["智慧灯杆"]["standing"] == "accepted"


def test_what_cannot_be_read_says_why(tab: Visit) -> None:
    tab.go("/drafts")
    tab.see("plan-files").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"x"})
    assert tab.see("drop-plans").get_by_role("alert").inner_text() == "请填写姓名"
    tab.see("person").first.fill("王工")
    tab.see("plan-files").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"a\x00b"})
    tab.page.wait_for_selector("[data-testid=not-read]")
    told = tab.see("not-read").inner_text()
    assert "zero byte" in told
    assert "UTF-8" in told


def test_a_long_document_is_not_drawn_again_when_a_record_is_selected(tab: Visit, city: Served) -> None:
    body = "".join(
        f"（{i}）第{i}项工作\n到2026年底，{i}号片区路灯完好率达到{60 + i % 40}%。"
        + "各部门应当加强协同，做好日常巡查和记录。" * 6
        + "\n"
        for i in range(1, 401)
    )
    id = draft(city, f"长丰县照明方案（2024—2026年）\n长政发〔2024〕7号\n\n一、总体目标\n{body}".encode())
    review(tab, id, "?order=place")
    assert tab.page.locator("[data-testid=document] mark").count() > 350
    tab.page.evaluate(
        "window.drawn = 0; new MutationObserver(found => { window.drawn += found.length })"
        ".observe(document.querySelector('[data-testid=document]'), {subtree: true, childList: true, characterData: true})"
    )
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("Performance.enable")

    def worked() -> float:
        """Seconds of script, style and layout so far; painting is left out, for there is no screen here."""
        told = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        return float(told["ScriptDuration"] + told["LayoutDuration"] + told["RecalcStyleDuration"])

    begun = worked()
    tab.page.evaluate(
        "async () => { for (let i = 0; i < 40; i++) {"
        " document.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}));"
        " await new Promise(requestAnimationFrame) } }"
    )
    assert (worked() - begun) / 40 < 0.1
    assert tab.page.evaluate("window.drawn") == 0
    assert selected(tab)[:2] == "41"


@pytest.mark.parametrize(
    ("path", "name"), [("/drafts", "drafts"), ("/drafts/{id}", "draft"), ("/drafts/{id}?view=history", "draft")]
)
def test_pages_of_the_review_draw_in_both_languages(tab: Visit, city: Served, path: str, name: str) -> None:
    items = city.get("/api/drafts")["items"]
    id = items[0]["id"] if items else draft(city, written("北原县"))
    for language, word in (("zh", "规划审阅"), ("en", "Plan review")):
        at = path.format(id=id)
        tab.go(at + ("&" if "?" in at else "?") + f"lang={language}")
        assert tab.see(f"page-{name}").count() == 1
        assert word in tab.text()
        assert tab.see("failure").count() == 0
    assert tab.faults == []
