"""Scorecards and draws in a real browser: a draw committed to, told, checked and used; cases by their scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from citytwin.science import draw

from ..served import Served
from .conftest import Visit, _tab

pytestmark = pytest.mark.browser

CITY = """\
id: bureau
title: {zh: 试验区, en: Bureau}
zone: Asia/Shanghai
center: [121.93, 30.90]
bounds: [121.90, 30.88, 121.96, 30.92]
packs: [inspect]
"""
PACK = {
    "__init__.py": '"""A pack for a story."""\n',
    "pack.yaml": "id: inspect\ntitle: {zh: 抽查, en: Inspect}\nsummary: {zh: 供测试用, en: For tests}\nsystems: []\n",
    "types.yaml": "types:\n  - {id: firm, title: {zh: 企业, en: Firm}, geometry: point}\n",
    "cases.yaml": """\
decision_tables:
  - id: order_points
    title: {zh: 现场秩序得分, en: Points for order}
    hit: F
    inputs: [{name: faults, kind: number}]
    outputs: [{name: points}]
    rows:
      - {when: ["0"], then: ["50"]}
      - {when: ["< 3"], then: ["30"]}
      - {when: ["-"], then: ["10"]}
scorecards:
  - id: order
    title: {zh: 现场检查评分, en: Order on site}
    versions:
      - version: 1
        since: 2020-01-01
        base: 0
        factors: [{table: order_points, title: {zh: 现场秩序, en: Order}}]
        grades: [{id: good, title: {zh: 良好, en: Good}, from_points: 40}, {id: poor, title: {zh: 较差, en: Poor}, from_points: 0}]
      - version: 2
        since: 2024-01-01
        base: 20
        source: 检查办法第 5 条
        factors: [{table: order_points, title: {zh: 现场秩序, en: Order}, weight: 1.5, most: 70}]
        grades: [{id: good, title: {zh: 良好, en: Good}, from_points: 80}, {id: poor, title: {zh: 较差, en: Poor}, from_points: 0}]
cases:
  - id: visit
    title: {zh: 双随机检查, en: Visit}
    steps:
      - {id: choose, title: {zh: 抽取对象, en: Choose}, role: {zh: 检查科, en: Inspectors}, days: 2, draw: firms, next: [see]}
      - id: see
        title: {zh: 现场检查, en: See}
        role: {zh: 检查员, en: Inspector}
        days: 5
        score: order
        form: {type: object, required: [faults], properties: {faults: {type: integer, minimum: 0, titles: {zh: 问题数, en: Faults}}}}
        next: [filed]
      - {id: filed, title: {zh: 归档, en: Filed}, role: {zh: 检查科, en: Inspectors}}
""",
}
FIRMS = [f"企业-{n:02d}" for n in range(1, 31)]


@pytest.fixture(scope="module")
def bureau(serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    root = tmp_path_factory.mktemp("bureau")
    for name, text in PACK.items():
        (root / "packs" / "inspect").mkdir(parents=True, exist_ok=True)
        (root / "packs" / "inspect" / name).write_text(text, "utf-8")
    (root / "city").mkdir()
    (root / "city" / "city.yaml").write_text(CITY, "utf-8")
    return serve(root / "home", "--city", str(root / "city"), "--packs", str(root / "packs"), "--demo-days", "0")


@pytest.fixture
def tab(browser: Any, bureau: Served) -> Iterator[Visit]:
    yield from _tab(browser, bureau.url)


def sent(city: Served, path: str, **body: Any) -> Any:
    status, told = city.post(path, json.dumps(body).encode())
    assert status in (200, 201), told
    return told


def test_a_draw_in_the_browser_against_the_servers_formula(tab: Visit, bureau: Served) -> None:
    tab.go("/draws")
    assert "还没有抽取记录" in tab.text()
    tab.see("draw-new").click()
    tab.see("draw-title").fill("十一月双随机抽查")
    tab.see("draw-members").fill("\n".join([*FIRMS, FIRMS[3]]))
    tab.see("draw-size").fill("3")
    dialog = tab.see("draw-dialog")
    dialog.locator("[data-testid=person]").fill("李华")
    tab.see("draw-commit").click()
    assert "“企业-04”重复" in dialog.locator("[data-testid=refusal]").inner_text()
    tab.see("draw-members").fill("\n".join(FIRMS))
    seed = tab.see("draw-seed").input_value()
    assert len(seed) == 64
    tab.see("draw-commit").click()
    tab.page.wait_for_url("**/draws/*")
    id = tab.page.url.rpartition("/")[2]
    tab.ready()
    # what is on record does not tell the seed; this browser has it
    held = bureau.get(f"/api/draws/{id}")
    assert (held["seed"], held["by"], held["commitment"]) == (None, "李华", hashlib.sha256(seed.encode()).hexdigest())
    assert seed not in json.dumps(held)
    assert tab.see("reveal-seed").input_value() == seed
    tab.see("reveal-seed").fill("另一个种子")
    tab.see("draw-reveal").click()
    assert "不是登记时的种子" in tab.see("refusal").inner_text()
    tab.see("reveal-seed").fill(seed)
    tab.see("person").fill("王工")
    tab.see("draw-reveal").click()
    tab.page.wait_for_selector("[data-testid=draw-verdict][data-good=true]")
    shown = [row.get_attribute("data-id") for row in tab.see("draw-drawn").locator("tbody tr").all()]
    assert shown == [one for one, _ in draw.drawn(seed, FIRMS, 3)]
    assert "共核对 30 个签号" in tab.see("draw-check").inner_text()
    facts = tab.see("draw-facts").inner_text()
    assert [word for word in ("李华", "王工", seed, "30 抽 3") if word not in facts] == []
    with tab.page.expect_download() as download:
        tab.see("draw-record").click()
    record = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert [(one["id"], one["ticket"]) for one in record["list"]] == list(draw.drawn(seed, FIRMS, 30))
    # a list that was altered afterwards is seen
    tab.page.route("**/members", lambda route: route.fulfill(json=[*FIRMS[:-1], "别的企业"]))
    tab.go(f"/draws/{id}")
    tab.page.wait_for_selector("[data-testid=draw-verdict][data-good=false]")
    assert "名单与登记时不一致" in tab.see("draw-check").inner_text()
    tab.page.unroute("**/members")
    # and it takes a case on
    case = sent(bureau, "/api/cases", type="inspect.visit", by="李华")["id"]
    tab.go(f"/cases/{case}")
    tab.see("take").click()
    tab.page.wait_for_selector("[data-testid=standing]:has-text('王工')")
    tab.see("advance").click()
    assert "请选择" in tab.see("advance-form").locator("[data-testid=refusal]").inner_text()
    tab.see("advance-draw").select_option(id)
    tab.see("advance").click()
    tab.page.wait_for_selector("[data-testid=steps] [data-step=see][aria-current=step]")
    tab.see("filled").locator(f"a[href='/draws/{id}']").wait_for()
    assert tab.faults == []


def test_cases_by_their_scores_against_the_card(tab: Visit, bureau: Served) -> None:
    seed = "1"
    made = sent(bureau, "/api/draws", title="备用", commitment=hashlib.sha256(seed.encode()).hexdigest(), members=["a", "b"], size=1, by="李华")
    sent(bureau, f"/api/draws/{made['id']}/reveal", seed=seed, by="李华")
    points = {0: 90.0, 2: 65.0, 7: 35.0}  # 20 + 1.5 × (50 at most 70 | 30 | 10)
    cases = {}
    for faults in (2, 7, 0):
        case = sent(bureau, "/api/cases", type="inspect.visit", by="李华")["id"]
        sent(bureau, f"/api/cases/{case}/advance", to="see", by="李华", draw=made["id"])
        sent(bureau, f"/api/cases/{case}/advance", to="filed", by="李华", form={"faults": faults})
        cases[faults] = case
    told = bureau.get("/api/scorecards/inspect.order/scores")
    assert [(one["place"], one["case"], one["points"], one["version"]) for one in told["items"]] == [
        (n, cases[f], points[f], 2) for n, f in enumerate((0, 2, 7), 1)
    ]
    page = bureau.get("/api/scorecards/inspect.order/scores?limit=1")
    after = bureau.get(f"/api/scorecards/inspect.order/scores?limit=5&cursor={page['next']}")
    assert [one["place"] for one in after["items"]] == [2, 3]
    assert [one["case"] for one in bureau.get("/api/scorecards/inspect.order/scores?grade=good")["items"]] == [cases[0]]
    (month,) = bureau.get("/api/scorecards/inspect.order/course")
    assert (month["version"], month["count"], month["least"], month["most"], month["grades"]) == (2, 3, 35.0, 90.0, {"good": 1, "poor": 2})
    assert month["mean"] == pytest.approx(sum(points.values()) / 3)
    tab.go("/scorecards")
    assert [word for word in ("现场检查评分", "第 2 版", "双随机检查 · 现场检查") if word not in tab.text()] == []
    tab.see("scorecards").locator("a").first.click()
    tab.page.wait_for_selector("[data-testid=scores]")
    rows = [row.inner_text() for row in tab.see("scores").locator("tbody tr").all()]
    assert [str(int(points[f])) in row for f, row in zip((0, 2, 7), rows, strict=True)] == [True] * 3
    assert "良好" in rows[0]
    assert "检查办法第 5 条" in tab.see("score-how").inner_text()
    tab.see("fact-faults").fill("２")
    tab.page.wait_for_selector("[data-testid=score-tried]:has-text('65 分')")
    assert tab.page.locator("[data-testid=decision-table] tr[data-fired=true] td").first.inner_text().startswith("2")
    tab.see("score-versions").locator("[data-value='1']").click()
    tab.see("fact-faults").fill("2")
    tab.page.wait_for_selector("[data-testid=score-tried]:has-text('30 分')")
    tab.see("score-grade").select_option("good")
    tab.see("scores").locator("tbody tr").nth(1).wait_for(state="detached")
    assert [row.get_attribute("data-id").split()[0] for row in tab.see("scores").locator("tbody tr").all()] == [cases[0]]
    tab.go(f"/cases/{cases[2]}")
    assert "65 分 · 较差" in tab.see("filled").inner_text()
    # a narrow screen scrolls nowhere to the side
    for where in ("/scorecards", "/scorecards/inspect.order", "/draws", f"/draws/{made['id']}"):
        tab.page.set_viewport_size({"width": 390, "height": 844})
        tab.go(where)
        assert tab.page.evaluate("document.documentElement.scrollWidth <= 390"), where
    assert tab.faults == []


def test_what_is_not_there_is_told_in_the_language_of_the_page(tab: Visit) -> None:
    tab.allowed.add(404)
    tab.go("/draws/none")
    assert "没有抽取“none”" in tab.text()
    tab.go("/draws/none?lang=en")
    assert "there is no draw 'none'" in tab.text()
    assert tab.faults == []
