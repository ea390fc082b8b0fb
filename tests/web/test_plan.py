"""Plans at work in a real browser: measures reported on, targets bound and divided, and a record of who changed what."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from ..served import Served
from .conftest import CITY, Visit, _tab

pytestmark = pytest.mark.browser

PLAN = """\
id: lamps
title: {zh: 路灯节电行动方案, en: Lamp Plan}
issuer: [小城管委会]
document: 1
number: 小城发〔2026〕1号
issued: 2026-01-10
targets:
  - id: daily_use
    subject: {zh: 日用电量, en: Electricity used in a day}
    kind: numeric
    comparator: "<="
    value: 1000
    unit: kWh
    scope: 3号灯
    deadline: 2027-12-31
    place: {section: 一/一, start: 10, end: 30}
    not_measured: {zh: 尚未接入, en: Not connected yet}
  - id: replaced
    subject: {zh: 更换路灯, en: Lamps replaced}
    kind: numeric
    comparator: ">="
    value: 90
    unit: 盏
    deadline: 2027-12-31
    lead: [市政公司]
    place: {section: 一/二, start: 30, end: 40}
    not_measured: {zh: 没有台账, en: No ledger}
  - id: working
    subject: {zh: 路灯完好率, en: Share of lamps that work}
    kind: numeric
    comparator: ">="
    value: 90
    unit: "%"
    deadline: 2027-12-31
    place: {section: 一/三, start: 40, end: 50}
    not_measured: {zh: 没有台账, en: No ledger}
  - id: survey
    subject: {zh: 路灯普查报告, en: Survey report}
    kind: milestone
    comparator: done_by
    deadline: 2099-06-30
    place: {section: 二/一, start: 50, end: 60}
    not_measured: {zh: 尚未登记, en: Not recorded}
measures:
  - id: renew
    title: {zh: 分批更换老旧路灯, en: Renew old lamps}
    place: {section: 二/二, start: 60, end: 80}
    lead: [市政公司, 供电公司]
    participants: [财政局]
    deadline: 2020-12-31
    evidence: {zh: 竣工验收材料, en: Acceptance documents}
  - id: write_survey
    title: {zh: 形成普查报告, en: Write the survey report}
    place: {section: 二/一, start: 50, end: 60}
    lead: [市政公司]
    deadline: 2099-06-30
    target: survey
  - id: train
    title: {zh: 组织培训, en: Train staff}
    place: {section: 二/三, start: 80, end: 90}
    lead: [财政局]
"""
OTHER_PLAN = """\
id: poles
title: {zh: 灯杆整治方案, en: Pole Plan}
issuer: [小城管委会]
document: 2
issued: 2026-02-10
measures:
  - id: paint
    title: {zh: 灯杆刷漆, en: Paint the poles}
    place: {section: 一, start: 0, end: 10}
    lead: [市政公司]
    deadline: 2099-12-31
  - id: pay
    title: {zh: 安排资金, en: Set money aside}
    place: {section: 二, start: 10, end: 20}
    lead: [财政局]
    deadline: 2021-12-31
"""
DOCUMENT = """\
小城路灯节电三年行动方案

小城发〔2026〕9号

一、主要目标

到2028年底，路灯日用电量控制在900千瓦时以内。

二、主要任务

（一）分批更换老旧路灯。2027年底前，市政公司完成更换路灯90盏。

小城管理委员会
2026年3月1日
"""


@pytest.fixture(scope="module")
def planned(serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A city of lamps with a plan that asks something of them."""
    folder = tmp_path_factory.mktemp("planned") / "city"
    (folder / "plans").mkdir(parents=True)
    (folder / "city.yaml").write_text(CITY, "utf-8")
    (folder / "plans" / "lamps.yaml").write_text(PLAN, "utf-8")
    (folder / "plans" / "poles.yaml").write_text(OTHER_PLAN, "utf-8")
    return serve(folder / "home", "--city", str(folder), "--demo-days", "1")


@pytest.fixture
def tab(browser: Any, planned: Served) -> Iterator[Visit]:
    """A tab on the city of lamps."""
    yield from _tab(browser, planned.url)


def _named(tab: Visit, name: str) -> None:
    """Whoever sits here has given a name before."""
    tab.page.add_init_script(f"localStorage.setItem('citytwin.person', '{name}')")


def _wait(tab: Visit, selector: str) -> Any:
    return tab.page.wait_for_selector(selector, timeout=30_000)


def _ids(tab: Visit, testid: str) -> list[str]:
    return [str(row.get_attribute("data-id")) for row in tab.see(testid).locator("tbody tr").all()]


PAGES = {
    "plan": "/plans/lamps",
    "measures": "/plans/lamps?view=measures",
    "bodies": "/plans/lamps?view=measures&by=lead&part=1",
    "changes": "/plans/lamps?view=changes",
    "versions": "/plans/lamps?view=versions",
    "tasks": "/measures?part=1",
    "measure": "/measures/lamps.renew",
    "target": "/targets/lamps.replaced",
    "milestone": "/targets/lamps.survey",
}


@pytest.mark.parametrize(("language", "theme"), [("zh", "light"), ("en", "dark")])
@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_page_of_a_plan_is_drawn_in_both_languages_and_themes(
    tab: Visit, name: str, language: str, theme: str
) -> None:
    tab.page.add_init_script(f"localStorage.setItem('citytwin.theme', '{theme}')")
    path = PAGES[name]
    tab.go(f"{path}{'&' if '?' in path else '?'}lang={language}")
    text = tab.text()
    heads = {
        "measure": ("分批更换老旧路灯", "Renew old lamps"),
        "target": ("更换路灯", "Lamps replaced"),
        "milestone": ("路灯普查报告", "Survey report"),
        "tasks": ("任务清单", "Task list"),
    }
    head = heads.get(name, ("路灯节电行动方案", "Lamp Plan"))
    assert tab.page.inner_text("h1") == head[language == "en"]
    assert tab.see("failure").count() == 0
    for word in ("undefined", "NaN", "[object", "null"):
        assert word not in text
    assert tab.page.get_attribute("html", "data-theme") == theme
    assert tab.faults == []


def test_a_plan_says_how_its_targets_and_measures_stand_and_where_it_comes_from(tab: Visit) -> None:
    tab.go("/plans/lamps?lang=en")
    assert "comes with the city's folder" in tab.see("plan-head").inner_text()
    assert tab.see("withdraw").count() == 0
    assert re.search(r"Overdue\s*1", tab.see("measure-counts").inner_text())
    tab.see("plan-view").locator("[data-value=measures]").click()
    tab.page.wait_for_url("**view=measures*")
    assert _ids(tab, "measures") == ["renew", "write_survey", "train"]
    assert "Overdue" in tab.see("measures").locator("tr[data-id=renew]").inner_text()
    tab.see("measures").locator("a", has_text="Fulfils target").click()
    tab.page.wait_for_url("**/targets/lamps.survey*")
    assert tab.faults == []


def test_measures_are_filtered_and_listed_by_body_and_saved(tab: Visit) -> None:
    tab.go("/plans/lamps?view=measures")
    tab.see("filter-state").select_option("overdue")
    _wait(tab, "[data-testid=measures] tbody tr:only-child")
    assert _ids(tab, "measures") == ["renew"]
    tab.go("/plans/lamps?view=measures")
    tab.see("search").fill("培训")
    tab.page.wait_for_url("**q=*")
    assert _ids(tab, "measures") == ["train"]
    tab.go("/plans/lamps?view=measures")
    tab.see("filter-lead").select_option("财政局")
    _wait(tab, "[data-testid=tasks-of]")
    assert _ids(tab, "measures") == ["train"]
    tab.see("with-participation").check()
    _wait(tab, "tr[data-id=renew]")
    assert _ids(tab, "measures") == ["train", "renew"] or _ids(tab, "measures") == ["renew", "train"]
    assert "财政局 · 任务清单" in tab.text()
    with tab.page.expect_download() as download:
        tab.see("measures-csv").click()
    assert download.value.suggested_filename == "lamps.财政局.csv"
    lines = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert len(lines) == 3
    assert "竣工验收材料" in "".join(lines)
    tab.go("/plans/lamps?view=measures&by=lead")
    heads = [head.inner_text() for head in tab.see("tasks-of").locator("h2").all()]
    assert heads == ["市政公司 · 任务清单", "财政局 · 任务清单", "供电公司 · 任务清单"]
    tab.page.emulate_media(media="print")
    assert not tab.see("nav").is_visible()
    assert not tab.see("print").is_visible()
    assert tab.see("tasks-of").first.is_visible()
    assert tab.faults == []


def test_work_is_reported_done_only_with_a_proof_and_the_proof_is_kept(
    tab: Visit, planned: Served, tmp_path: Path
) -> None:
    proof = tmp_path / "普查报告.bin"
    proof.write_bytes(bytes(range(256)) * 40)
    digest = hashlib.sha256(proof.read_bytes()).hexdigest()
    tab.go("/measures/lamps.write_survey")
    tab.see("report-state").locator("[data-value=done]").click()
    tab.see("report").click()
    assert "说明或附上证明材料" in tab.see("refusal").inner_text()
    tab.see("files").set_input_files(proof)
    assert "10.2 kB" in tab.see("chosen-files").inner_text()
    tab.see("report").click()
    assert tab.see("refusal").inner_text() == "请填写姓名"
    tab.see("person").fill("李工")
    tab.see("report").click()
    _wait(tab, "[data-testid=reports] [data-testid=sha256]")
    kept = tab.see("reports").inner_text()
    assert all(word in kept for word in ("李工", "已完成", "普查报告.bin", digest))
    with tab.page.expect_download() as download:
        tab.see("reports").locator("a").click()
    assert Path(download.value.path()).read_bytes() == proof.read_bytes()
    assert planned.get("/api/plans/lamps/measures/write_survey")["attachments"][0]["sha256"] == digest
    tab.go("/targets/lamps.survey")
    assert tab.see("status").first.get_attribute("data-status") == "met"
    assert tab.see("target-work").locator("[data-state=done]").count() == 1
    tab.go("/plans/lamps?view=changes")
    told = tab.see("decision").first.inner_text()
    assert all(word in told for word in ("填报", "形成普查报告", "李工", "未启动", "已完成", "普查报告.bin"))
    assert tab.faults == []


def test_what_is_done_was_done_on_a_day_not_after_today(tab: Visit, planned: Served) -> None:
    _named(tab, "李工")
    tab.go("/measures/poles.paint")
    assert tab.see("completed-on").count() == 0
    tab.see("report-state").locator("[data-value=done]").click()
    before = datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()
    today = tab.see("completed-on").input_value()
    assert before <= today <= datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()
    tab.see("note").fill("验收完毕")
    tab.see("completed-on").fill("2098-01-01")
    tab.see("report").click()
    assert "不能晚于今天" in tab.see("refusal").inner_text()
    assert planned.get("/api/plans/poles/measures/paint")["state"] == "not_started"
    tab.see("completed-on").fill("2026-03-15")
    tab.see("report").click()
    _wait(tab, "[data-testid=saved]")
    _wait(tab, "[data-testid=reports] [data-state=done]")
    assert planned.get("/api/plans/poles/measures/paint")["on"] == "2026-03-15"
    assert "2026-03-15 完成" in tab.see("reports").inner_text()
    assert re.search(r"完成日期\s*2026-03-15", tab.see("measure-facts").inner_text())
    assert tab.see("completed-on").input_value() == "2026-03-15"  # what is added later leaves the day as it is
    tab.see("report-state").locator("[data-value=delayed]").click()
    assert tab.see("completed-on").count() == 0
    tab.see("report").click()
    _wait(tab, "[data-testid=reports] [data-state=delayed]")
    told = planned.get("/api/plans/poles/measures/paint")
    assert (told["on"], told["history"][1]["on"]) == (None, "2026-03-15")
    tab.go("/plans/poles?view=changes&lang=en")
    assert "2026-03-15" in tab.see("decision").nth(1).inner_text()
    assert "Completed on" in tab.see("decision").nth(1).inner_text()
    assert tab.faults == []


def test_the_tasks_of_all_plans_are_listed_by_body(tab: Visit, planned: Served) -> None:
    tab.go("/measures")
    assert tab.see("nav-tasks").get_attribute("aria-current") == "page"

    def lists() -> dict[str, list[str]]:
        """What each body's list holds."""
        return {
            str(card.locator("h2").inner_text()).split(" · ")[0]: [
                str(row.get_attribute("data-id")) for row in card.locator("tbody tr").all()
            ]
            for card in tab.see("tasks-of").all()
        }

    assert lists() == {
        "市政公司": ["lamps.renew", "lamps.write_survey", "poles.paint"],
        "财政局": ["lamps.train", "poles.pay"],
        "供电公司": ["lamps.renew"],
    }
    tab.see("filter-lead").select_option("财政局")
    tab.page.wait_for_function("document.querySelectorAll('[data-testid=tasks-of]').length === 1")
    tab.see("with-participation").check()
    _wait(tab, "tr[data-id='lamps.renew']")
    tab.see("filter-state").select_option("overdue")
    tab.page.wait_for_selector("tr[data-id='lamps.train']", state="detached")
    assert lists() == {"财政局": ["poles.pay", "lamps.renew"]}  # what it leads comes first
    with tab.page.expect_download() as download:
        tab.see("measures-csv").click()
    assert download.value.suggested_filename == "tasks.财政局.csv"
    lines = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert [line.split(",")[:2] for line in lines] == [
        ["规划文件", "编号"],
        ["路灯节电行动方案", "lamps.renew"],
        ["灯杆整治方案", "poles.pay"],
    ]
    tab.go("/measures?q=刷漆")
    assert lists() == {"市政公司": ["poles.paint"]}
    tab.go("/measures")
    tab.see("measure-arrangement").locator("[data-value=plan]").click()
    tab.page.wait_for_url("**by=plan*")
    assert {name: len(ids) for name, ids in lists().items()} == {"路灯节电行动方案": 3, "灯杆整治方案": 2}
    tab.page.emulate_media(media="print")
    assert not tab.see("measure-arrangement").is_visible()
    assert tab.see("tasks-of").first.is_visible()
    tab.page.emulate_media(media="screen")
    tab.see("tasks-of").nth(1).locator("tbody a").first.click()
    tab.page.wait_for_url("**/measures/poles.paint")
    tab.ready()
    assert tab.see("page-measure").count() == 1
    assert tab.see("nav-tasks").get_attribute("aria-current") == "page"
    assert tab.see("nav-plans").get_attribute("aria-current") is None
    assert tab.faults == []


def test_files_chosen_or_dropped_by_someone_known_are_stored_at_once(tab: Visit, tmp_path: Path) -> None:
    _named(tab, "李工")
    (tmp_path / "a.txt").write_text("one")
    tab.go("/measures/lamps.train")
    tab.see("files").set_input_files(tmp_path / "a.txt")
    _wait(tab, "[data-testid=chosen-files] [data-testid=sha256]")
    dropped = "() => { const t = new DataTransfer(); t.items.add(new File(['two'], 'b.txt')); return t }"
    tab.see("drop").dispatch_event("drop", {"dataTransfer": tab.page.evaluate_handle(dropped)})
    _wait(tab, "[data-testid=chosen-files] li:nth-child(2) [data-testid=sha256]")
    shown = [one.inner_text() for one in tab.see("chosen-files").locator("[data-testid=sha256]").all()]
    assert shown == [hashlib.sha256(words).hexdigest() for words in (b"one", b"two")]
    tab.see("chosen-files").locator("button").first.click()
    tab.see("report-state").locator("[data-value=delayed]").click()
    tab.see("note").fill("场地未定")
    tab.see("report").click()
    _wait(tab, "[data-testid=saved]")
    _wait(tab, "[data-testid=reports] [data-state=delayed]")
    assert tab.see("reports").locator("[data-testid=attachment]").count() == 1
    assert "场地未定" in tab.see("reports").inner_text()
    assert tab.see("chosen-files").count() == 0
    assert tab.faults == []


def test_an_unmeasured_target_says_what_it_lacks_and_is_bound_by_one_click(tab: Visit, planned: Served) -> None:
    tab.go("/targets/lamps.replaced")
    assert "更换路灯" in tab.see("lacks").inner_text()
    tab.go("/targets/lamps.daily_use")
    assert tab.see("target-chart").count() == 0
    offered = tab.see("proposal").first
    assert offered.get_attribute("data-indicator") == "hello.electricity"
    assert "kWh" in offered.inner_text()
    tab.see("bind").first.click()
    assert tab.see("refusal").inner_text() == "请填写姓名"
    assert tab.page.evaluate("document.activeElement.dataset.testid") == "person"
    assert planned.get("/api/targets/lamps.daily_use")["measured_by"] is None
    tab.see("person").fill("王工")
    tab.see("bind").first.click()
    _wait(tab, "[data-testid=target-chart]")
    assert tab.see("target-proposals").count() == 0
    assert planned.get("/api/targets/lamps.daily_use")["measured_by"]["indicator"] == "hello.electricity"
    tab.see("rebind").click()
    _wait(tab, "[data-testid=proposal]")
    assert tab.see("bind").first.is_disabled()  # it is bound to that one
    tab.see("bind-by-hand").locator("summary").click()
    tab.see("hand-indicator").select_option("hello.electricity")
    tab.page.wait_for_selector("[data-testid=hand-asset] option:nth-child(3)", state="attached")
    bound = planned.get("/api/targets/lamps.daily_use")["measured_by"]["asset"]
    choices = [str(one.get_attribute("value")) for one in tab.see("hand-asset").locator("option").all()]
    other = next(one for one in choices if one not in ("", bound))
    tab.see("hand-asset").select_option(other)
    tab.see("hand-bind").click()
    _wait(tab, f"[data-testid=target-indicator] a[href*='{other}']")
    tab.see("unbind").click()
    _wait(tab, "[data-testid=decision][data-n]:nth-child(3)")
    acts = [one.inner_text() for one in tab.see("target-changes").locator("[data-testid=decision]").all()]
    assert ["解除绑定" in act for act in acts] == [True, False, False]
    assert all("王工" in act and "日用电量" in act for act in acts)
    assert planned.get("/api/targets/lamps.daily_use")["measured_by"] is None
    assert tab.faults == []


def test_a_target_is_divided_and_its_parts_must_add_up_or_say_why_not(tab: Visit, planned: Served) -> None:
    _named(tab, "钱工")
    total = planned.get("/api/plans/lamps")["counts"]["total"]
    tab.go("/targets/lamps.replaced?lang=en")
    tab.see("divide-open").click()
    tab.see("preview").click()
    assert "type of assets" in tab.see("refusal").inner_text()
    tab.see("among-kind").locator("[data-value=names]").click()
    tab.see("names").fill("东区 1\n西区 2")
    tab.see("division-by").locator("[data-value=column]").click()
    tab.see("preview").click()
    _wait(tab, "[data-testid=edit-parts]")
    assert [box.input_value() for box in tab.see("part-value").all()] == ["30", "60"]
    assert tab.see("sum").get_attribute("data-off") == "false"
    tab.see("part-value").first.fill("20")
    _wait(tab, "[data-testid=sum][data-off=true]")
    assert "10 盏 short of the target" in tab.see("sum").inner_text()
    tab.see("save-division").click()
    assert "say why" in tab.see("refusal").inner_text()
    tab.see("divide-note").fill("东区灯少")
    tab.see("part-lead").first.fill("东区办、城管中队")
    tab.see("part-deadline").first.fill("2026-12-31")
    tab.see("save-division").click()
    _wait(tab, "[data-testid=parts] tbody tr:nth-child(2)")
    assert tab.see("sum").get_attribute("data-off") == "true"
    parts = planned.get("/api/targets/lamps.replaced")["parts"]
    assert [(p["value"], p["lead"], p["deadline"]) for p in parts] == [
        (20, ["东区办", "城管中队"], "2026-12-31"),
        (60, ["西区"], "2027-12-31"),
    ]
    tab.see("parts").locator("a").first.click()
    tab.page.wait_for_url(f"**/targets/{parts[0]['id']}")
    tab.ready()
    assert tab.see("divide-open").count() == 0  # a part is not divided further
    tab.see("target-promise").locator("a[href='/targets/lamps.replaced']").click()
    tab.page.wait_for_url("**/targets/lamps.replaced")
    assert planned.get("/api/plans/lamps")["counts"]["total"] == total
    tab.go("/plans/lamps?lang=en")
    order = _ids(tab, "targets")
    at = order.index("lamps.replaced")
    assert order[at + 1 : at + 3] == [part["id"] for part in parts]
    assert tab.see("targets").locator(".indent").count() == 2
    assert f"Targets {total}" in tab.see("plan-view").inner_text()
    tab.go("/targets/lamps.replaced")
    tab.see("divide-again").click()
    assert [box.input_value() for box in tab.see("part-value").all()] == ["20", "60"]
    tab.see("part-value").first.fill("30")
    tab.see("save-division").click()
    _wait(tab, "[data-testid=target-parts] [data-off=false]")
    tab.see("undivide").click()
    tab.see("undivide-ask").locator("[data-testid=confirm-yes]").click()
    _wait(tab, "[data-testid=divide-open]")
    assert planned.get("/api/targets/lamps.replaced")["parts"] == []
    told = [one.inner_text() for one in tab.see("target-changes").locator("[data-testid=decision]").all()]
    assert len(told) == 3
    assert "东区灯少" in told[2]
    assert "20" in told[1]
    assert "30" in told[1]
    assert tab.faults == []


def test_a_target_is_divided_among_the_assets_that_take_part(tab: Visit, planned: Served) -> None:
    tab.go("/targets/lamps.replaced")
    tab.see("divide-open").click()
    tab.see("among-type").select_option("hello.lamp")
    _wait(tab, "[data-testid=pick-assets] input[value]")
    lamps = tab.see("pick-assets").locator("input[value]")
    count = lamps.count()
    lamps.first.uncheck()
    tab.see("division-by").locator("[data-value=column]").click()
    tab.see("division-column").select_option("rated_power")
    tab.see("preview").click()
    _wait(tab, "[data-testid=edit-parts]")
    values = [float(box.input_value()) for box in tab.see("part-value").all()]
    assert len(values) == count - 1
    assert sum(values) == 90
    assert tab.see("sum").get_attribute("data-off") == "false"
    assert planned.get("/api/targets/lamps.replaced")["parts"] == []
    assert tab.faults == []


def test_weights_of_the_parts_are_kept_and_a_new_division_begins_with_them(tab: Visit, planned: Served) -> None:
    _named(tab, "钱工")
    tab.go("/targets/lamps.working")
    tab.see("divide-open").click()
    tab.see("among-kind").locator("[data-value=names]").click()
    tab.see("names").fill("东区 100\n西区 300")
    tab.see("division-by").locator("[data-value=column]").click()
    tab.see("preview").click()
    _wait(tab, "[data-testid=edit-parts]")
    assert [box.input_value() for box in tab.see("part-weight").all()] == ["100", "300"]
    tab.see("part-value").first.fill("78")
    _wait(tab, "[data-testid=sum][data-off=true]")
    assert "87%" in tab.see("sum").inner_text()  # (100 × 78 + 300 × 90) / 400
    tab.see("part-value").nth(1).fill("94")
    _wait(tab, "[data-testid=sum][data-off=false]")
    tab.see("save-division").click()
    _wait(tab, "[data-testid=target-parts] [data-off=false]")
    told = planned.get("/api/targets/lamps.working")
    assert [(part["value"], part["weight"], part["asset"]) for part in told["parts"]] == [(78, 100, ""), (94, 300, "")]
    assert (told["share"]["rule"], told["share"]["sum"]) == ("mean", 90)
    tab.see("divide-again").click()
    assert tab.see("names").input_value() == "东区 100\n西区 300"
    assert tab.see("division-by").locator("[aria-pressed=true]").get_attribute("data-value") == "column"
    assert tab.see("sum").get_attribute("data-off") == "false"
    tab.see("part-weight").first.fill("300")
    _wait(tab, "[data-testid=sum][data-off=true]")
    assert "86%" in tab.see("sum").inner_text()
    assert tab.faults == []


def test_a_new_division_begins_with_the_assets_that_have_a_part(tab: Visit, planned: Served) -> None:
    _named(tab, "钱工")
    tab.go("/targets/lamps.replaced")
    tab.see("divide-open").click()
    tab.see("among-type").select_option("hello.lamp")
    _wait(tab, "[data-testid=pick-assets] input[value]")
    tab.see("pick-none").click()
    for lamp in ("lamp-02", "lamp-05", "lamp-09"):
        tab.see("pick-assets").locator(f"input[value={lamp}]").check()
    tab.see("preview").click()
    _wait(tab, "[data-testid=edit-parts]")
    tab.see("save-division").click()
    _wait(tab, "[data-testid=target-parts]")
    parts = planned.get("/api/targets/lamps.replaced")["parts"]
    assert [(part["asset"], part["value"]) for part in parts] == [("lamp-02", 30), ("lamp-05", 30), ("lamp-09", 30)]
    tab.go("/targets/lamps.replaced")
    tab.see("divide-again").click()
    _wait(tab, "[data-testid=pick-assets] input[value]")
    assert tab.see("among-type").input_value() == "hello.lamp"
    picked = tab.see("pick-assets").locator("input[value]:checked").all()
    assert [box.get_attribute("value") for box in picked] == ["lamp-02", "lamp-05", "lamp-09"]
    tab.see("pick-assets").locator("input[value=lamp-01]").check()
    tab.see("pick-assets").locator("input[value=lamp-09]").uncheck()
    tab.see("preview").click()
    tab.page.wait_for_selector("[data-testid=edit-parts] [title=lamp-01]")
    assert [one.get_attribute("title") for one in tab.see("edit-parts").locator("td [title]").all()] == [
        "lamp-01", "lamp-02", "lamp-05",
    ]  # fmt: skip
    tab.see("save-division").click()
    _wait(tab, "[data-testid=target-parts]")
    parts = planned.get("/api/targets/lamps.replaced")["parts"]
    assert [part["asset"] for part in parts] == ["lamp-01", "lamp-02", "lamp-05"]
    tab.see("undivide").click()
    tab.see("undivide-ask").locator("[data-testid=confirm-yes]").click()
    _wait(tab, "[data-testid=divide-open]")
    assert tab.faults == []


def test_the_report_is_opened_and_saved_as_of_a_day(tab: Visit) -> None:
    tab.go("/plans/lamps?lang=en&as_of=2026-06-30")
    link = str(tab.see("report-html").get_attribute("href"))
    assert "as_of=2026-06-30" in link
    assert "lang=en" in link
    with tab.page.context.expect_page() as opened:
        tab.see("report-html").click()
    opened.value.wait_for_load_state()
    assert "Lamp Plan" in opened.value.content()
    with tab.page.expect_download() as download:
        tab.see("report-docx").click()
    assert Path(download.value.path()).read_bytes().startswith(b"PK")
    assert tab.faults == []


def test_a_published_plan_says_who_published_it_and_is_withdrawn_after_a_question(tab: Visit, planned: Served) -> None:
    name, by = quote("方案.txt"), quote("赵工")
    status, read = planned.post(f"/api/drafts?name={name}&by={by}", DOCUMENT.encode(), "text/plain")
    assert status == 201
    draft = read["items"][0]["id"]
    body = '{"by": "赵工", "note": "", "open": "accept"}'.encode()
    status, plan = planned.post(f"/api/drafts/{draft}/publish", body)
    assert status == 200
    tab.go(f"/plans/{plan['id']}?lang=en")
    assert "version 1 · published by 赵工" in tab.see("in-force").inner_text()
    assert str(tab.see("in-force").locator("a").get_attribute("href")).endswith(f"/drafts/{draft}")
    assert tab.see("plan-compare").is_disabled()
    assert "one version only" in str(tab.see("plan-compare").get_attribute("title"))
    tab.go(f"/measures/{plan['id']}.{plan['measures'][0]['id']}")
    assert "2027年底前，市政公司完成更换路灯90盏" in tab.see("wording").inner_text()
    tab.go(f"/plans/{plan['id']}?lang=zh")
    tab.see("withdraw").click()
    _wait(tab, "[data-testid=withdraw-ask]")
    tab.page.keyboard.press("Escape")
    tab.page.wait_for_selector("[data-testid=withdraw-ask]", state="detached")
    assert any(one["id"] == plan["id"] for one in planned.get("/api/plans")["items"])
    tab.see("withdraw").click()
    tab.see("withdraw-ask").locator("[data-testid=confirm-yes]").click()
    assert tab.see("refusal").inner_text() == "请填写姓名"
    tab.see("withdraw-ask").locator("[data-testid=person]").fill("赵工")
    tab.see("confirm-yes").click()
    tab.page.wait_for_url("**/plans")
    tab.page.wait_for_selector(f"[data-testid=plan-{plan['id']}]", state="detached")
    assert all(one["id"] != plan["id"] for one in planned.get("/api/plans")["items"])
    assert tab.faults == []


def test_versions_of_a_plan_are_compared(tab: Visit, planned: Served) -> None:
    def publish(words: str, by: str, of: str = "") -> str:
        address = f"/api/drafts?name={quote('方案.txt')}&by={quote(by)}" + (f"&of={of}" if of else "")
        status, read = planned.post(address, words.encode(), "text/plain")
        assert status == 201, read
        draft = str(read["items"][0]["id"])
        body = json.dumps({"by": by, "note": "", "open": "accept"}).encode()
        status, plan = planned.post(f"/api/drafts/{draft}/publish", body)
        assert status == 200, plan
        made.append(plan["id"])
        return draft

    made: list[str] = []
    words = DOCUMENT.replace("9号", "12号").replace("三年行动方案", "提升方案")
    first = publish(words, "赵工")
    plan = made[0]
    tab.go(f"/plans/{plan}?view=versions")
    assert "只有一个版本" in tab.see("versions").inner_text()
    looser = words.replace("900千瓦时", "950千瓦时").replace("2027年底前", "2028年底前")
    second = publish(looser, "孙工", first)
    publish(looser.replace("90盏", "120盏"), "周工", second)
    assert made == [plan] * 3
    tab.go(f"/plans/{plan}")
    tab.see("plan-compare").click()
    tab.page.wait_for_url("**view=versions*")
    _wait(tab, "[data-testid=group-tightened]")
    assert (tab.see("version-old").input_value(), tab.see("version-new").input_value()) == ("2", "3")
    newest = tab.see("version-new").locator("option").first.inner_text()
    assert all(word in newest for word in ("第3版", "现行", "周工"))
    assert "90 → 120" in " ".join(tab.see("group-tightened").inner_text().split())
    assert tab.see("group-loosened").count() == 0
    tab.see("version-old").select_option("1")
    _wait(tab, "[data-testid=group-loosened]")
    assert "900 → 950" in " ".join(tab.see("group-loosened").inner_text().split())
    tab.see("version-new").select_option("1")  # the same on both sides: they change sides
    tab.page.wait_for_url("**old=3&new=1*")
    _wait(tab, "[data-testid=group-tightened]:has-text('950')")
    assert tab.see("compared-versions").inner_text().rstrip().endswith("第1版")
    assert tab.see("group-tightened").locator("a").count() == 0  # what is no longer in force leads nowhere
    tab.page.reload()
    tab.ready()
    assert (tab.see("version-old").input_value(), tab.see("version-new").input_value()) == ("3", "1")
    tab.go(f"/plans/{plan}?view=versions&old=1")
    tab.see("group-loosened").locator("a").first.click()
    tab.page.wait_for_url(f"**/targets/{plan}.*")
    tab.ready()
    assert tab.see("page-target").count() == 1
    assert tab.faults == []


def test_a_plan_is_shown_to_everybody_by_one_click_and_no_longer_by_another(tab: Visit, planned: Served) -> None:
    tab.go("/public")
    assert tab.see("public-plan").count() == 0
    tab.go("/plans/lamps")
    _named(tab, "赵工")
    tab.see("show-all").click()
    assert "无需登录" in tab.see("show-all-ask").inner_text()
    tab.see("show-all-ask").locator("[data-testid=person]").fill("赵工")
    tab.see("confirm-yes").click()
    tab.see("plan-public").click()
    _wait(tab, "[data-testid=public-targets]")
    assert tab.see("nav").count() == 0  # no frame: nothing leads inside
    assert not [a for a in tab.page.locator("a").all() if not str(a.get_attribute("href")).startswith("/public")]
    shown = tab.see("public-targets").inner_text()
    subjects = [t["subject"]["zh"] for t in planned.get("/api/plans/lamps")["targets"]]
    assert subjects
    assert all(subject in shown for subject in subjects)
    assert "赵工" not in tab.page.inner_text("body")
    tab.see("language").click()
    assert "How the city keeps its promises" in tab.page.inner_text("h1")
    tab.go("/plans/lamps?lang=zh")
    tab.see("show-all").click()
    tab.see("show-all-ask").locator("[data-testid=person]").fill("赵工")
    tab.see("confirm-yes").click()
    tab.see("plan-public").wait_for(state="detached")
    tab.go("/plans/lamps?view=changes&lang=zh")
    assert tab.see("plan-changes").inner_text().count("改变是否公开") == 2
    assert tab.faults == []
