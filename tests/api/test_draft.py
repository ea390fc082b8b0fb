"""Does the front door work over HTTP? Documents, decisions, plans, bindings, shares, measures, files and reports."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.api.house import House
from tests.api.conftest import DOCUMENT, DRAFT, Caller, check_problem


def send(own: Caller, text: str | bytes, **query: str) -> Any:
    data = text.encode() if isinstance(text, str) else text
    params = {"name": "plan.txt", "by": "Li", **query}
    return own.post("/api/drafts", params=params, content=data, headers={"Content-Type": "text/plain"})


def decide(own: Caller, act: str, *records: str, **more: Any) -> Any:
    seen = own.get(f"/api/drafts/{DRAFT}").json()["decisions"]
    body = {"by": "Li", "seen": seen, "act": act, "records": records, **more}
    return own.post(f"/api/drafts/{DRAFT}/decisions", json=body)


def publish(own: Caller, **more: Any) -> Any:
    return own.post(f"/api/drafts/{DRAFT}/publish", json={"by": "Li", **more})


def test_a_document_becomes_a_draft(own: Caller) -> None:
    other = DOCUMENT.replace("照明提升", "绿化提升").replace("8号", "9号")
    answer = send(own, other)
    assert answer.status_code == 201
    (item,) = answer.json()["items"]
    assert (item["title"]["zh"], item["number"], item["by"]) == ("试城绿化提升三年行动计划", "试照〔2026〕9号", "Li")
    assert item["counts"] == {"open": 4, "accepted": 0, "rejected": 0, "dropped": 0, "apart": 0}
    assert {d["id"] for d in own.get("/api/drafts").json()["items"]} == {item["id"], DRAFT}
    source = own.get(f"/api/drafts/{item['id']}/file")
    assert source.content == other.encode()
    assert source.headers["content-type"] == "application/octet-stream"
    assert hashlib.sha256(source.content).hexdigest() == item["file"]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"a\0b", "zero byte"),
        (b"%PDF-1.7 nothing", "PDF"),
        (b"PK\x03\x04 nothing", "plan.txt"),
        (b"\xd0\xcf\x11\xe0", "password"),
        (b"\xff\xfea\0", "UTF-16"),
        (b"\xff\x00", "text"),
    ],
)
def test_a_document_that_cannot_be_read_says_why_and_leaves_nothing(own: Caller, data: bytes, word: str) -> None:
    before = own.get("/api/evidence").json()["size"]
    answer = send(own, data)
    told = check_problem(answer, answer.status_code, {400: "bad_request", 422: "unreadable"}[answer.status_code])
    assert word.lower() in (told["detail"] + told["hint"] + told["where"]).lower()
    assert told["hint"]
    assert own.get("/api/evidence").json()["size"] == before


def test_a_document_too_large_is_413(build: Callable[..., House], portal: Any) -> None:
    small = Caller(build(False, largest_file=100), portal)
    check_problem(send(small, b"x" * 101), 413, "too_large")
    check_problem(small.post("/api/files?by=Li", content=b"x" * 101), 413, "too_large")


def test_a_decision_is_told_with_what_it_changed(own: Caller) -> None:
    told = decide(own, "edit", "r001", fields={"value": 99, "lead": ["市城管局"]}).json()
    assert [(r["id"], r["value"], r["lead"]) for r in told["records"]] == [("r001", 99.0, ["市城管局"])]
    assert (told["draft"]["decisions"], told["gone"]) == (2, [])
    log = own.get(f"/api/drafts/{DRAFT}/decisions").json()["items"]
    assert [(d["n"], d["act"], d["by"]) for d in log] == [(2, "edit", "Li"), (1, "read", "Wang")]
    assert (log[0]["before"]["records"][0]["value"], log[0]["after"]["records"][0]["value"]) == (98.0, 99.0)


def test_a_decision_on_what_somebody_changed_meanwhile_is_409(own: Caller) -> None:
    decide(own, "accept", "r001")
    body = {"by": "Zhao", "seen": 1, "act": "reject", "records": ["r001"]}
    told = check_problem(own.post(f"/api/drafts/{DRAFT}/decisions", json=body), 409, "conflict")
    assert "Li" in told["detail"]


def test_open_records_keep_a_plan_from_being_published_unless_it_is_said(own: Caller) -> None:
    assert "4 records" in check_problem(publish(own), 409, "conflict")["detail"]
    check_problem(publish(own, open="leave"), 400, "bad_request")
    plan = publish(own, open="accept").json()
    assert (plan["id"], plan["version"], plan["by"], plan["counts"]["total"]) == (DRAFT, 1, "Li", 4)
    assert [m["title"]["zh"] for m in plan["measures"]] == ["更换老旧路灯", "建设照明平台", "照明管理平台"]
    assert own.get(f"/api/drafts/{DRAFT}").json()["state"] == "published"
    targets = own.get("/api/targets", params={"plan": DRAFT}).json()["items"]
    assert [t["id"] for t in targets] == [t["id"] for t in plan["targets"]]
    assert own.get("/api/summary").json()["targets"]["total"] == 3 + 4


def test_a_withdrawn_plan_is_gone(own: Caller) -> None:
    publish(own, open="accept")
    left = own.post(f"/api/plans/{DRAFT}/withdraw", json={"by": "Li", "note": "mistake"}).json()
    assert [p["id"] for p in left["items"]] == ["light_2026"]
    check_problem(own.get(f"/api/plans/{DRAFT}"), 404, "not_found")
    check_problem(own.post("/api/plans/light_2026/withdraw", json={"by": "Li"}), 409, "conflict")


def test_versions_are_compared_with_the_plan_in_force_and_with_the_reading_before(own: Caller) -> None:
    check_problem(own.get(f"/api/drafts/{DRAFT}/comparison"), 404, "not_found")
    publish(own, open="accept")
    newer = DOCUMENT.replace("98%", "97%").replace("2027年底前", "2028年6月底前").replace("，新增智慧路灯300盏", "")
    assert send(own, newer).json()["items"][0]["version"] == 2
    for against in ("plan", "reading"):
        told = own.get(f"/api/drafts/{DRAFT}/comparison", params={"against": against}).json()
        counts = {k: n for k, n in told["counts"].items() if n}
        assert counts == {"loosened": 1, "postponed": 1, "dropped": 1, "same": 1}
        by = {c["kind"]: c for c in told["changes"]}
        assert [(d["field"], d["before"], d["after"]) for d in by["loosened"]["details"]] == [("value", 98.0, 97.0)]
        assert (by["dropped"]["new"], by["dropped"]["old"]["value"]) == (None, 300.0)


def test_versions_of_a_plan_are_told_and_compared(own: Caller) -> None:
    publish(own, open="accept")
    check_problem(own.get(f"/api/plans/{DRAFT}/comparison"), 404, "not_found")
    send(own, DOCUMENT.replace("98%", "99%"))
    publish(own, open="accept")
    items = own.get(f"/api/plans/{DRAFT}/versions").json()["items"]
    assert [(v["version"], v["in_force"], v["by"]) for v in items] == [(2, True, "Li"), (1, False, "Li")]
    told = own.get(f"/api/plans/{DRAFT}/comparison").json()
    assert {k: n for k, n in told["counts"].items() if n} == {"tightened": 1, "same": 3}
    back = own.get(f"/api/plans/{DRAFT}/comparison?old=2&new=1").json()
    assert {k: n for k, n in back["counts"].items() if n} == {"loosened": 1, "same": 3}
    assert "there are: 1, 2" in check_problem(own.get(f"/api/plans/{DRAFT}/comparison?new=7"), 404, "not_found")["hint"]


def test_measures_of_all_plans_are_one_list(own: Caller) -> None:
    publish(own, open="accept")
    items = own.get("/api/measures").json()["items"]
    assert [(m["plan"], m["id"]) for m in items] == [("light_2026", "m001"), *((DRAFT, f"m00{n}") for n in (1, 2, 3))]
    mine = own.get("/api/measures", params={"lead": "市照明中心"}).json()["items"]
    assert [m["title"]["zh"] for m in mine] == ["更换老旧路灯"]
    assert own.get("/api/measures?overdue=true").json()["items"] == []


def test_a_ratio_is_divided_by_weights_that_are_kept(own: Caller) -> None:
    publish(own, open="accept")
    rate = next(t for t in own.get(f"/api/plans/{DRAFT}").json()["targets"] if t["unit"] == "%")
    ask = {"names": ["东区", "西区"], "by": "column", "weights": [3, 1]}
    parts = own.post(f"/api/targets/{rate['id']}/parts/preview", json=ask).json()["parts"]
    assert [p["weight"] for p in parts] == [3.0, 1.0]
    parts[0]["value"], parts[1]["value"] = 99.0, 95.0
    kept = own.post(f"/api/targets/{rate['id']}/parts", json={"by": "Li", "parts": parts}).json()
    assert kept["share"] == {"sum": 98.0, "goal": 98.0, "difference": 0.0, "rule": "mean"}
    parts[0]["weight"] = -1
    check_problem(own.post(f"/api/targets/{rate['id']}/parts", json={"by": "Li", "parts": parts}), 400, "bad_request")


def test_a_target_is_bound_and_then_measured(own: Caller) -> None:
    id = "light_2026.opened"
    check_problem(
        own.post(f"/api/targets/{id}/binding", json={"by": "Li", "indicator": "trial.x", "asset": "lamp-1"}),
        404,
        "not_found",
    )
    check_problem(own.post(f"/api/targets/{id}/binding", json={"by": "Li", "indicator": "trial.warmth_daily", "asset": "room-1"}), 400, "bad_request")  # fmt: skip
    told = own.post(
        f"/api/targets/{id}/binding", json={"by": "Li", "indicator": "trial.warmth_daily", "asset": "lamp-1"}
    )
    assert told.json()["measured_by"] == {"indicator": "trial.warmth_daily", "asset": "lamp-1"}
    assert told.json()["progress"]["status"] != "not_measured"
    told = own.post(f"/api/targets/{id}/binding", json={"by": "Li", "indicator": "", "asset": ""}).json()
    assert told["progress"]["status"] == "not_measured"
    assert [d["act"] for d in own.get("/api/plans/light_2026/decisions?limit=2").json()["items"]] == ["bind", "bind"]


def test_a_target_is_divided_and_the_parts_add_up_or_the_difference_is_shown(own: Caller) -> None:
    publish(own, open="accept")
    lamps = next(t for t in own.get(f"/api/plans/{DRAFT}").json()["targets"] if t["value"] == 300)
    ask = {"names": ["东区", "西区", "南区", "北区", "中区", "新区", "港区"]}
    made = own.post(f"/api/targets/{lamps['id']}/parts/preview", json=ask).json()
    assert (made["sum"], made["goal"], made["difference"], made["rule"]) == (300.0, 300.0, 0.0, "sum")
    assert sorted(p["value"] for p in made["parts"]) == [42.0, 43.0, 43.0, 43.0, 43.0, 43.0, 43.0]
    made["parts"][0]["value"] = 40.0
    kept = own.post(f"/api/targets/{lamps['id']}/parts", json={"by": "Li", "parts": made["parts"]}).json()
    assert len(kept["parts"]) == 7
    assert kept["share"]["difference"] in (-3.0, -2.0)
    assert {p["part_of"] for p in kept["parts"]} == {lamps["id"]}
    assert own.get("/api/summary").json()["targets"]["total"] == 3 + 4  # shares are in their whole
    assert own.post(f"/api/targets/{lamps['id']}/parts", json={"by": "Li", "parts": []}).json()["parts"] == []


def test_a_measure_is_reported_with_its_proof(own: Caller) -> None:
    address = "/api/plans/light_2026/measures/m001"
    kept = own.post("/api/files", params={"name": "tower.pdf", "by": "Li"}, content=b"signed").json()
    assert kept == {"sha256": hashlib.sha256(b"signed").hexdigest(), "name": "tower.pdf", "size": 6}
    assert own.get(f"/api/files/{kept['sha256']}").content == b"signed"
    check_problem(own.post(address, json={"by": "Li", "state": "done"}), 400, "bad_request")
    check_problem(own.post(address, json={"by": "Li", "state": "done", "attachments": ["00"]}), 404, "not_found")
    told = own.post(address, json={"by": "Li", "state": "done", "attachments": [kept["sha256"]]}).json()
    assert (told["state"], told["by"], told["attachments"]) == ("done", "Li", [kept])
    assert [r["state"] for r in told["history"]] == ["done", "delayed", "under_way"]
    ahead = {"by": "Li", "state": "done", "note": "x", "on": "2026-03-11"}
    assert check_problem(own.post(address, json=ahead), 400, "bad_request")["where"] == "on"
    assert own.post(address, json={**ahead, "on": "2026-03-01"}).json()["on"] == "2026-03-01"
    counts = own.get("/api/plans").json()["items"][0]["measures_counts"]
    assert counts == {"not_started": 0, "under_way": 0, "delayed": 0, "done": 1, "overdue": 0, "total": 1}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag != "script"
        if tag not in ("meta", "br", "link", "col", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize(("lang", "words"), [("zh", "总体情况"), ("en", "Report on the implementation")])
def test_a_report_is_a_page_and_a_document(client: Caller, lang: str, words: str) -> None:
    page = client.get(f"/api/plans/light_2026/report.html?lang={lang}&as_of=2026-03-09")
    tags = Tags()
    tags.feed(page.text)
    assert tags.open == []
    assert words.lower() in "".join(tags.text).lower()
    paper = client.get(f"/api/plans/light_2026/report.docx?lang={lang}")
    assert words.lower() in zipfile.ZipFile(io.BytesIO(paper.content)).read("word/document.xml").decode().lower()
    check_problem(client.get("/api/plans/nothing/report.docx"), 404, "not_found")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(["value", "subject", "deadline", "lead", "kind", "comparator", "indicator", "title", "issuer", "start"]), JSON, max_size=3
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    act=st.sampled_from(["accept", "edit", "split", "merge", "add", "bind", "describe", "undo", "publish", "read"]),
    records=st.lists(st.sampled_from(["r001", "r002", "", "r999"]), max_size=3),
    fields=FIELDS,
    parts=st.lists(FIELDS, max_size=3),
    span=st.none() | st.fixed_dictionaries({"start": st.integers(), "end": st.integers()}),
)
def test_no_decision_however_odd_breaks_the_house(
    own_house: House, portal: Any, act: str, records: list[str], fields: Any, parts: Any, span: Any
) -> None:
    caller = Caller(own_house, portal)
    seen = caller.get(f"/api/drafts/{DRAFT}").json()["decisions"]
    body = {"by": "x", "seen": seen, "act": act, "records": records, "fields": fields, "parts": parts, "span": span}
    answer = caller.post(f"/api/drafts/{DRAFT}/decisions", json=body)
    if answer.status_code != 200:
        assert answer.status_code in (400, 404, 409), answer.text
        check_problem(
            answer, answer.status_code, {400: "bad_request", 404: "not_found", 409: "conflict"}[answer.status_code]
        )
    assert caller.get(f"/api/drafts/{DRAFT}").status_code == 200
