"""Does every route answer in the agreed shape? Keys by the contract, types by the document that the routes themselves make."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from starlette.routing import Route as Path
from starlette.routing import Router

from citytwin.api import openapi
from citytwin.api.app import ROUTES, App
from citytwin.api.house import House
from citytwin.api.route import Place
from citytwin.engine import export
from tests.api.conftest import DRAFT, Caller, done

DOCUMENT = openapi.document(ROUTES)
STREAM = "lamp-1.trial.warmth"
PAGE = "items total next"
STANDING = "streams states completeness trend flagged delay_s delay_p95_s days"
STREAM_HEALTH = """id asset asset_title type title state cadence_s estimated last age_s completeness readings flagged delay_s delay_p95_s gaps
  longest_gap_s jitter_s unchanged source asset_streams asset_silent advice"""
STREAM_ITEM = "id asset asset_title type title quantity unit cadence_s latest alive states"
TARGET = """id plan plan_title subject kind comparator value value_max unit qualifier scope baseline deadline lead participants systems
  place measured_by not_measured progress"""
PROGRESS = "as_of status value period goal baseline expected forecast low high probability unit reason"
ALARM = """id rule pack title level state stream asset asset_title longitude latitude since value limit unit cleared acknowledged acknowledged_by
  advice case parent hold"""
HOLD = "hold rule title asset asset_title kind since until reason actor ended ended_by"
CASE = "id type title asset asset_title alarm step step_title role opened due overdue closed"
PACK = "id title summary systems uses counts"
COUNTS = "met on_track at_risk missed not_measured total"
INDICATOR = "id pack title unit per every better source version"
RUN = "id model title state scenario parameters until started finished figures error"

MEASURE = "id title place lead participants deadline target evidence state overdue time by note attachments"
DECISION = "about n time by act before after note"
DRAFT_ITEM = "id plan title number issuer issued file name document version state recorded by decisions counts tracked"

# route, address, what is looked at in the answer, the keys it must have
EXAMPLES: list[tuple[str, str, str, str]] = [
    ("/health", "/health", "", "status version city now uptime_s streams"),
    ("/health/summary", "/health/summary", "", "now days total packs types sources"),
    ("/health/summary", "/health/summary", "total", STANDING),
    ("/health/summary", "/health/summary", "total.states", "fresh late silent never unknown"),
    ("/health/summary", "/health/summary", "total.completeness", "hour day month"),
    ("/health/summary", "/health/summary", "packs.0", f"{STANDING} id title"),
    ("/health/summary", "/health/summary", "types.0", f"{STANDING} id title pack cadence_s assets"),
    ("/health/summary", "/health/summary", "sources.0", f"{STANDING} id last readings"),
    ("/health/streams", "/health/streams?pack=trial&type=trial.warmth&asset=lamp-2&q=LAMP&state=silent,late&sort=delay", "items.0",
     STREAM_HEALTH),
    ("/health/streams/{id}", f"/health/streams/{STREAM}", "", f"{STREAM_HEALTH} days gaps_total longest_gaps"),
    ("/health/streams/{id}", f"/health/streams/{STREAM}", "days", "time count expected completeness"),
    ("/health/streams/{id}", "/health/streams/lamp-2.trial.warmth", "longest_gaps.0", "since until"),
    ("/feeds", "/feeds", "", PAGE),
    ("/notifications", "/notifications?person=Wang", "", PAGE),
    ("/notifications/unread", "/notifications/unread?person=Wang", "", "unread critical newest"),
    ("/outbox", "/outbox?state=trouble", "", PAGE),
    ("/newest", "/newest?assets=lamp-1", "", "stream time value quality"),
    ("/doors/mqtt", "/doors/mqtt", "", """open connected endpoints fault clients connections received recorded refused dropped
      pending sent waiting missed topics last_refused"""),
    ("/city", "/city", "", "id title zone center bounds packs version now demo"),
    ("/summary", "/summary?as_of=2026-03-09", "", "now targets alarms cases streams assets readings"),
    ("/summary", "/summary", "targets", COUNTS),
    ("/summary", "/summary", "alarms", "active acknowledged by_level"),
    ("/summary", "/summary", "alarms.by_level", "critical high medium low"),
    ("/summary", "/summary", "cases", "open overdue"),
    ("/summary", "/summary", "streams", "total alive"),
    ("/packs", "/packs", "", PAGE),
    ("/packs", "/packs", "items.0", PACK),
    ("/packs", "/packs", "items.0.counts", "types relations streams indicators rules cases models panels"),
    ("/packs/{id}", "/packs/trial", "", f"{PACK} types relations streams indicators rules cases panels models tables"),
    ("/types", "/types", "items.0", "id title geometry attributes count"),
    ("/types", "/types", "items.0.attributes.0", "id title kind unit required low high choices"),
    ("/panels", "/panels", "items.0", "id pack title kind of by color height"),
    ("/assets", "/assets?type=trial.lamp&q=LAMP&limit=2", "", PAGE),
    ("/assets", "/assets", "items.0", "id type title longitude latitude attributes"),
    ("/assets.geojson", "/assets.geojson", "", "type features"),
    ("/assets.geojson", "/assets.geojson?type=trial.lamp", "features.0", "type id geometry properties"),
    ("/assets.geojson", "/assets.geojson?type=trial.lamp", "features.0.properties", "id type zh en power"),
    ("/assets/{id}", "/assets/lamp-1", "", """id type type_title title geometry longitude latitude attributes relations streams
      indicators alarms cases"""),
    ("/assets/{id}", "/assets/lamp-1", "attributes.0", "id title unit value value_title"),
    ("/assets/{id}", "/assets/lamp-1", "relations.0", "type title direction asset"),
    ("/assets/{id}", "/assets/lamp-1", "relations.0.asset", "id type title"),
    ("/assets/{id}", "/assets/lamp-1", "streams.0", STREAM_ITEM),
    ("/assets/{id}", "/assets/lamp-1", "indicators.0", "indicator title unit period value"),
    ("/assets/{id}", "/assets/lamp-1", "alarms.0", ALARM),
    ("/assets/{id}", "/assets/lamp-1", "cases.0", CASE),
    ("/relations", "/relations?type=trial.lights&source=lamp-1&target=room-1", "items.0", "source type target"),
    ("/streams", f"/streams?type=trial.warmth&asset=lamp-1&q={STREAM}&alive=true", "items.0", STREAM_ITEM),
    ("/streams", "/streams", "items.0.latest", "time value quality"),
    ("/streams/{id}", f"/streams/{STREAM}", "", f"{STREAM_ITEM} low high quantity_title asset_type"),
    ("/streams/{id}/observations", f"/streams/{STREAM}/observations", "", """stream unit since until step_s time value low high
      quality"""),
    ("/streams/{id}/edits", f"/streams/{STREAM}/edits", "", "stream unit decisions items"),
    ("/streams/{id}/forecast", f"/streams/{STREAM}/forecast", "", "stream run model until time value"),
    ("/latest", "/latest?type=trial.warmth", "", "type unit asset time value quality"),
    ("/quantities", "/quantities", "items.0", "id title unit low high"),
    ("/units", "/units", "items.0", "id dimension factor offset"),
    ("/indicators", "/indicators", "items.0", INDICATOR),
    ("/indicators", "/indicators", "items.0.source", "zh en"),
    ("/indicators/{id}", "/indicators/trial.warmth_daily", "", f"{INDICATOR} sql reads latest"),
    ("/indicators/{id}", "/indicators/trial.warmth_daily", "latest.0", "asset asset_title period value"),
    ("/indicators/{id}/values", "/indicators/trial.warmth_daily/values?asset=lamp-1&since=2026-03-01&until=2027-01-01", "",
     "indicator unit asset asset_title period value"),
    ("/plans", "/plans?as_of=2026-03-01", "items.0", "id title number issuer issued document counts"),
    ("/plans", "/plans", "items.0.counts", COUNTS),
    ("/plans/{id}", "/plans/light_2026", "", "id title number issuer issued document counts targets"),
    ("/plans/{id}", "/plans/light_2026", "targets.0", TARGET),
    ("/targets", "/targets?plan=light_2026&status=on_track", "items.0", TARGET),
    ("/targets", "/targets", "items.0.progress", PROGRESS),
    ("/targets", "/targets", "items.0.place", "section start end"),
    ("/targets/{id}", "/targets/light_2026.warmth", "", f"{TARGET} indicator asset series path forecast"),
    ("/targets/{id}", "/targets/light_2026.warmth", "plan", "id title number issuer issued"),
    ("/targets/{id}", "/targets/light_2026.warmth", "indicator", "id title unit source every better"),
    ("/targets/{id}", "/targets/light_2026.warmth", "indicator.source", "zh en"),
    ("/targets/{id}", "/targets/light_2026.warmth", "asset", "id title"),
    ("/targets/{id}", "/targets/light_2026.warmth", "series", "time value"),
    ("/targets/{id}", "/targets/light_2026.warmth", "path", "time value"),
    ("/targets/{id}", "/targets/light_2026.warmth", "forecast", "time value low high"),
    ("/targets/{id}", "/targets/light_2026.warmth", "", "part_of weight parts share"),
    ("/targets/{id}/proposals", "/targets/light_2026.opened/proposals", "", "items lacks"),
    ("/plans", "/plans", "items.0", "version published by draft measures_counts"),
    ("/plans", "/plans", "items.0.measures_counts", "not_started under_way delayed done overdue total"),
    ("/plans/{id}", "/plans/light_2026", "measures.0", MEASURE),
    ("/plans/{id}/measures/{measure}", "/plans/light_2026/measures/m001", "", f"{MEASURE} on plan plan_title history"),
    ("/plans/{id}/measures/{measure}", "/plans/light_2026/measures/m001", "history.1", "measure state time by note attachments"),
    ("/plans/{id}/measures/{measure}", "/plans/light_2026/measures/m001", "history.1.attachments.0", "sha256 name size"),
    ("/plans/{id}/decisions", "/plans/light_2026/decisions", "items.0", DECISION),
    ("/plans/{id}/versions", "/plans/light_2026/versions", "items.0", "version title label recorded by draft in_force"),
    ("/measures", "/measures?lead=试城建设局&state=delayed&overdue=false", "items.0", f"{MEASURE} plan plan_title on"),
    ("/drafts", "/drafts", "items.0", DRAFT_ITEM),
    ("/drafts", "/drafts", "items.0.counts", "open accepted rejected dropped apart"),
    ("/drafts/{id}", f"/drafts/{DRAFT}", "", f"{DRAFT_ITEM} paragraphs sections records"),
    ("/drafts/{id}", f"/drafts/{DRAFT}", "paragraphs.0", "start end text page level"),
    ("/drafts/{id}", f"/drafts/{DRAFT}", "sections.0", "path title level start end lead participants"),
    ("/drafts/{id}", f"/drafts/{DRAFT}", "records.0", """id kind quote section section_title subject subject_en start end raw_start raw_end
      page comparator value value_max unit scope baseline baseline_value deadline modality force qualifier lead participants sources sure
      confidence standing earlier measured_by"""),
    ("/drafts/{id}/decisions", f"/drafts/{DRAFT}/decisions", "items.0", DECISION),
    ("/drafts/{id}/proposals", f"/drafts/{DRAFT}/proposals?record=r001", "", "items lacks"),
    ("/rules", "/rules", "items.0", """id pack title level stream indicator rows unit above below outside silent_s deadband on_delay_s
      opens advice forecast off_delay_s seasons against rising over_s
      stuck_s deviation method learn_days alike unusual_days latching must_acknowledge consequence urgency suppressed_by"""),
    ("/alarm-history", "/alarm-history?rule=trial.hot&asset=lamp-1", "items.0", "n alarm rule asset time before state actor reason"),
    ("/alarm-groups", "/alarm-groups?limit=1", "", f"{PAGE} states"),
    ("/alarm-ways", "/alarm-ways", "", ""),
    ("/alarms", "/alarms?place=lamp-1&through=", "items.0", ALARM),
    ("/alarm-groups", "/alarm-groups?by=place", "items.0", "key title first count held explained level states"),
    ("/alarm-groups", "/alarm-groups?state=waiting&level=high&rule=trial.hot&asset=lamp-1&pack=trial&q=Hot", "items.0.first", ALARM),
    ("/alarm-groups", "/alarm-groups?by=place&through=trial.lights", "items.0", "key first count held explained level states"),
    ("/alarm-health", "/alarm-health?operators=2", "", """since until operators raised held per_hour peak flood_share chattering fleeting stale top_share
      top mix"""),
    ("/alarm-health", "/alarm-health", "top.0", "rule title unit asset asset_title count share fleeting chattering"),
    ("/alarm-health", "/alarm-health", "mix", "critical high medium low"),
    ("/alarm-health/course", "/alarm-health/course", "", "step_s time raised peak flooded"),
    ("/alarm-holds", "/alarm-holds?active=true", "items.0", HOLD),
    ("/alarm-holds/{hold}", "/alarm-holds/1", "", HOLD),
    ("/alarms", "/alarms?state=open&level=high&rule=trial.hot&asset=lamp-1&since=2026-03-01T00:00:00Z&before=2027-01-01T00:00:00Z&pack=trial&q=LAMP", "items.0", ALARM),
    ("/alarms/{id}", "/alarms/{alarm}", "", f"{ALARM} leaf"),
    ("/alarms", "/alarms?cause={alarm}&state=standing", "items.0", ALARM),
    ("/cases", "/cases?state=open&type=trial.cooling", "items.0", CASE),
    ("/cases/{id}", "/cases/{case}", "", f"{CASE} steps history"),
    ("/cases/{id}", "/cases/{case}", "steps.0", "id title role days next"),
    ("/cases/{id}", "/cases/{case}", "steps.0.role", "zh en"),
    ("/cases", "/cases", "items.0.role", "zh en"),
    ("/cases/{id}", "/cases/{case}", "history.0", "time step title by note n act body"),
    ("/cases/{id}", "/cases/{case}", "", "follows facts files answers children waited_s state source holder whole_due guessed returns reopens"),
    ("/cases/board", "/cases/board?type=trial.cooling", "0", "step title role total items"),
    ("/cases/calendar", "/cases/calendar?since=2026-03-09&until=2026-03-13", "0", "day works due"),
    ("/cases/map", "/cases/map?state=open", "features.0.properties", CASE),
    ("/cases/statistics", "/cases/statistics?since=2026-03-01&until=2026-04-01", "0",
     "type title opened open waiting overdue closed on_time ages rework reworked worked_days"),
    ("/cases/statistics", "/cases/statistics?since=2026-03-01&until=2026-04-01", "0.steps.0", "step title now passed late returned worked_days"),
    ("/cases/{id}", "/cases/{case}", "", "days_left form attachments need verdict lacking whole_days"),
    ("/cases/tasks", "/cases/tasks?roles=管理员", "0", f"{CASE} why days_left"),
    ("/cases/notices", "/cases/notices", "", ""),
    ("/cases/holders", "/cases/holders", "", ""),
    ("/case-types", "/case-types", "items.0", "id title steps days public form attachments recurs"),
    ("/decision-tables", "/decision-tables", "", PAGE),
    ("/scorecards", "/scorecards", "", PAGE),
    ("/draws", "/draws", "", PAGE),
    ("/models", "/models", "items.0", "id pack title every_s horizon_s history_s reads writes parameters figures"),
    ("/models", "/models", "items.0.parameters.0", "id title unit default low high"),
    ("/models", "/models", "items.0.figures.0", "id title unit"),
    ("/models", "/models", "items.0.figures.0.title", "zh en"),
    ("/runs", "/runs?model=trial.Persistence&state=done", "items.0", RUN),
    ("/runs/{id}", "/runs/{run}", "", RUN),
    ("/runs/{id}/series", "/runs/{run}/series", "", "run stream time value streams titles"),
    ("/evidence", "/evidence", "", "size root leaves"),
    ("/evidence", "/evidence", "leaves.0", "index kind subject digest recorded"),
    ("/evidence/leaves/{index}", "/evidence/leaves/1", "", "leaf size root proof rows deleted"),
    ("/keep", "/keep", "", "declared files rows bytes erasures holds"),
    ("/keep", "/keep", "declared", "tier_days delete_days streams"),
    ("/systems", "/systems", "items.0", "id zh en kind place duty pack served by targets"),
    ("/openapi.json", "/openapi.json", "", "openapi info paths components"),
]  # fmt: skip


@pytest.fixture(scope="module")
def some(client: Caller) -> dict[str, str]:
    """An alarm, a case and a finished run."""
    started = client.post("/api/runs", json={"model": "trial.Persistence", "scenario": "", "parameters": {}})
    assert started.status_code == 202
    assert done(client, started.json()["id"])["state"] == "done"
    return {
        "run": started.json()["id"],
        "alarm": client.get("/api/alarms").json()["items"][0]["id"],
        "case": client.get("/api/cases").json()["items"][0]["id"],
    }


ELSEWHERE = {
    *(f"/readings.{form}" for form in export.FORMS),  # tests/api/test_readings.py
    "/feeds/{id}",  # tests/api/test_feed.py
    "/feeds.faults",
    "/notify",  # tests/api/test_notify.py
    "/notify.faults",
    "/docs",
    *("/me", "/me/passes", "/roles", "/people", "/bodies", "/tokens", "/sessions", "/audit"),  # tests/api/test_gate.py
    *("/bodies/{id}/assets", "/assets/{id}/access"),  # tests/api/test_part_change.py
    *("/public/plans", "/public/plans/{id}"),  # tests/api/test_public.py
    *("/signin", "/signin.state", "/me/identity", "/people/{id}/identity"),  # tests/api/test_oidc.py
    "/files/{sha256}",
    "/case-types/{id}/bpmn",  # tests/api/test_case.py
    "/draws/{id}",
    "/draws/{id}/members",
    *("/scorecards/{id}", "/scorecards/{id}/scores", "/scorecards/{id}/course"),
    "/drafts/{id}/file",
    "/drafts/{id}/comparison",
    "/plans/{id}/comparison",
    "/plans/{id}/report.html",
    "/plans/{id}/report.docx",
    "/cases/{id}/report.html",  # tests/api/test_case.py
    "/cases/{id}/report.docx",
}
"""Routes that tests of their own look at: they answer in bytes, or only once something happened."""


def conforms(answer: Any, schema: dict[str, Any]) -> None:
    jsonschema.validate(
        answer, {"$schema": "https://json-schema.org/draft/2020-12/schema", **DOCUMENT, **schema}, _Validator
    )


_Validator = jsonschema.Draft202012Validator


@pytest.mark.parametrize(("route", "url", "at", "keys"), EXAMPLES, ids=[f"{u} {a}".strip() for _, u, a, _ in EXAMPLES])
def test_the_answer_has_the_keys_of_the_contract_and_the_types_of_the_document(
    client: Caller, some: dict[str, str], route: str, url: str, at: str, keys: str
) -> None:
    response = client.get("/api" + url.format(**some))
    assert response.status_code == 200, response.text
    answer = json.loads(response.text, parse_constant=pytest.fail)
    content = DOCUMENT["paths"][f"/api{route}"]["get"]["responses"]["200"]["content"]
    assert response.headers["content-type"] in content
    conforms(answer, content[response.headers["content-type"]]["schema"])
    part = answer
    for step in at.split(".") if at else []:
        part = part[int(step)] if step.isdigit() else part[step]
    assert set(keys.split()) <= set(part), set(keys.split()) - set(part)


def test_every_route_that_reads_has_an_example() -> None:
    shown = {route for route, *_ in EXAMPLES}
    assert {r.path for r in ROUTES if r.method == "GET"} - shown == ELSEWHERE


def test_every_path_of_the_app_is_in_the_document_and_the_other_way_round(house: House) -> None:
    router: Any = App(house)
    while not isinstance(router, Router):
        router = router._app
    served = {
        (path.path, method.lower())
        for path in router.routes
        if isinstance(path, Path) and isinstance(path.app, Place)  # other doors describe themselves
        for method in path.app._routes
    }
    described = {(path, method) for path, operations in DOCUMENT["paths"].items() for method in operations}
    assert served == described


def test_the_document_is_openapi_3_1_by_its_structure() -> None:
    assert re.fullmatch(r"3\.1\.\d+", DOCUMENT["openapi"])
    assert {"title", "version"} <= set(DOCUMENT["info"])
    assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in DOCUMENT["components"]["schemas"])
    names = []
    for path, operations in DOCUMENT["paths"].items():
        assert path.startswith("/api/")
        for method, operation in operations.items():
            assert method in ("get", "post")
            names.append(operation["operationId"])
            assert operation["summary"]
            assert operation["responses"]
            slots = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
            assert slots == re.findall(r"{(\w+)}", path)
            assert len({(p["in"], p["name"]) for p in operation["parameters"]}) == len(operation["parameters"])
            for parameter in operation["parameters"]:
                assert set(parameter) <= {"name", "in", "required", "schema", "description"}
                assert parameter["required"] or parameter["in"] == "query"
                jsonschema.Draft202012Validator.check_schema(parameter["schema"])
            for status, response in operation["responses"].items():
                assert status == "default" or status.isdigit()
                assert "$ref" in response or response["description"]
            assert ("requestBody" in operation) == (method == "post")
    assert len(set(names)) == len(names)
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_reference_of_the_document_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    references = set(re.findall(r'"\$ref": "(.*?)"', text))
    assert references
    for reference in references:
        node = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_the_page_to_read_needs_nothing_from_outside(client: Caller) -> None:
    page = client.get("/api/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.findall(r"(src|href)=[\"']?(?!/|#)", page.text)
    assert "<script" not in page.text
    for route in ROUTES:
        assert f"{route.method} /api{route.path}" in page.text


# -- what the answers say, where a test can know it


def test_targets_are_counted_as_they_stand(client: Caller) -> None:
    counts = client.get("/api/summary").json()["targets"]
    items = client.get("/api/targets").json()["items"]
    assert counts["total"] == len(items) == 3
    for status in ("met", "on_track", "at_risk", "missed", "not_measured"):
        assert counts[status] == sum(t["progress"]["status"] == status for t in items)
    assert {t["id"] for t in items} == {"light_2026.warmth", "light_2026.kept", "light_2026.opened"}


def test_a_target_tells_its_figures_its_path_and_its_plan(client: Caller) -> None:
    target = client.get("/api/targets/light_2026.warmth").json()
    assert target["plan"]["id"] == "light_2026"
    assert target["unit"] == target["stated_unit"] == "degC"
    assert target["path"]["value"][-1] == 30.0
    assert len(target["series"]["time"]) == len(target["series"]["value"]) == 2
    assert target["progress"]["value"] == target["series"]["value"][-1]
    unmeasured = client.get("/api/targets/light_2026.opened").json()
    assert unmeasured["indicator"] is None
    assert unmeasured["series"] == {"time": [], "value": []}
    assert unmeasured["progress"]["reason"]["en"] == "Not connected yet"


def test_observations_tell_a_day_by_default_and_flagged_ones_too(client: Caller) -> None:
    day = client.get(f"/api/streams/{STREAM}/observations?points=2000").json()
    assert (day["step_s"], len(day["time"])) == (0, 24 * 60)
    assert day["time"][-1] == 1773115140000  # 2026-03-10T03:59Z
    assert day["low"] == day["high"] == day["value"]
    flagged = client.get("/api/streams/lamp-2.trial.warmth/observations").json()
    assert flagged["value"] == [70.0, -15.0]
    assert flagged["quality"] == [3, 1]


@pytest.mark.parametrize("points", [2, 3, 10, 100, 1439])
def test_steps_are_the_mean_least_and_greatest_of_their_readings(client: Caller, points: int) -> None:
    raw = client.get(f"/api/streams/{STREAM}/observations?points=2000").json()
    steps = client.get(f"/api/streams/{STREAM}/observations?points={points}").json()
    assert steps["step_s"] > 0
    assert 0 < len(steps["time"]) <= points
    for time, value, low, high in zip(steps["time"], steps["value"], steps["low"], steps["high"], strict=True):
        held = [v for t, v in zip(raw["time"], raw["value"], strict=True) if time <= t < time + steps["step_s"] * 1000]
        assert (low, high) == (min(held), max(held))
        assert value == pytest.approx(sum(held) / len(held))


def test_a_step_with_fit_readings_leaves_flagged_ones_out_but_is_flagged(client: Caller) -> None:
    steps = client.get(
        "/api/streams/lamp-2.trial.warmth/observations?since=2026-03-01T00:00:00Z&until=2026-04-01T00:00:00Z&points=2"
    ).json()
    assert steps["step_s"] == 0  # two readings are not too many
    assert steps["value"] == [70.0, -15.0]


def test_an_empty_span_is_no_failure(client: Caller) -> None:
    read = client.get(f"/api/streams/{STREAM}/observations?since=2020-01-01&until=2020-01-02").json()
    assert read["time"] == read["value"] == read["quality"] == []


def test_a_declared_stream_that_has_not_reported_is_told_but_not_listed(client: Caller) -> None:
    assert client.get("/api/streams/lamp-3.trial.warmth").json()["latest"] is None
    assert client.get("/api/streams/lamp-3.trial.warmth/observations").json()["time"] == []
    assert "lamp-3.trial.warmth" not in [s["id"] for s in client.get("/api/streams").json()["items"]]


def test_alive_is_a_reading_within_three_cadences_or_ten_minutes(client: Caller) -> None:
    assert [s["id"] for s in client.get("/api/streams?alive=true").json()["items"]] == [STREAM]
    assert [s["id"] for s in client.get("/api/streams?alive=false").json()["items"]] == ["lamp-2.trial.warmth"]
    assert client.get("/api/summary").json()["streams"] == {"total": 2, "alive": 1}


def test_alarms_come_most_severe_first_and_then_newest(client: Caller) -> None:
    alarms = client.get("/api/alarms").json()["items"]
    rank = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    order = [(rank[a["level"]], a["since"]) for a in alarms]
    assert [r for r, _ in order] == sorted(r for r, _ in order)
    high = [since for r, since in order if r == 1]
    assert high == sorted(high, reverse=True)
    assert len(high) == 2
    opened = client.get("/api/alarms?state=open").json()["items"]
    assert {a["state"] for a in opened} == {"active"}
    units = {a["rule"]: a["unit"] for a in opened}
    assert (units["trial.mute"], units["trial.hot"], units["trial.strong"]) == ("s", "degC", "kW")


def test_features_hold_the_stored_geometry_and_escape_titles(client: Caller) -> None:
    features = {f["id"]: f for f in client.get("/api/assets.geojson").json()["features"]}
    assert set(features) == {"lamp-1", "lamp-2", "lamp-3", "room-1"}  # the note has no place
    room = features["room-1"]["properties"]
    assert (room["zh"], room["en"], room["floors"]) == ('厅"一"', "Hall <1>", 2)
    assert room["type"] == "trial.room"  # though an attribute is called type as well


def test_an_attribute_called_like_a_property_stands_only_once(client: Caller) -> None:
    text = client.get("/api/assets.geojson?type=trial.room").text
    assert text.count('"type":"trial.room"') == 1
    assert '"hall"' not in text


@pytest.mark.parametrize("q", ["lamp-1", "LAMP 1", "1号灯", "号灯", "amp 1"])
def test_assets_are_found_by_parts_of_id_and_titles(client: Caller, q: str) -> None:
    found = client.get("/api/assets", params={"q": q}).json()["items"]
    assert "lamp-1" in [a["id"] for a in found]
    assert all(a["type"] == "trial.lamp" for a in found)


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("温度", ["lamp-1", "lamp-2"]),  # the title of the stream type
        ("WARM", ["lamp-1", "lamp-2"]),
        ("2号灯", ["lamp-2"]),  # the title of the asset
        ("lamp-1.trial", ["lamp-1"]),
        ("温度2", []),
    ],
)
def test_streams_are_found_by_parts_of_id_and_titles(client: Caller, q: str, found: list[str]) -> None:
    page = client.get("/api/streams", params={"q": q}).json()
    assert [s["asset"] for s in page["items"]] == found
    assert page["total"] == len(found)


def test_streams_found_by_title_come_in_pages(client: Caller) -> None:
    first = client.get("/api/streams", params={"q": "温度", "limit": 1}).json()
    second = client.get("/api/streams", params={"q": "温度", "limit": 1, "cursor": first["next"]}).json()
    assert [p["items"][0]["asset"] for p in (first, second)] == ["lamp-1", "lamp-2"]
    assert (first["total"], second["next"]) == (2, None)


@pytest.mark.parametrize("q", ["%", "_", "' OR 1=1 --", "\\", "$q", "水", "\U0001f4a1"])
def test_what_is_searched_for_is_text_and_never_a_pattern_or_a_statement(client: Caller, q: str) -> None:
    assert client.get("/api/assets", params={"q": q}).json()["total"] == 0
    assert client.get("/api/streams", params={"q": q}).json()["total"] == 0


def test_systems_tell_who_serves_them_and_what_targets_they_bear(client: Caller) -> None:
    served, orphan = client.get("/api/systems").json()["items"]
    assert (served["served"], served["by"]) == (True, ["trial"])
    assert served["targets"] == ["light_2026.warmth", "light_2026.opened"]
    assert (orphan["served"], orphan["by"], orphan["targets"]) == (False, [], [])


def test_the_proof_leads_from_the_leaf_to_the_root(client: Caller) -> None:
    from citytwin.science.merkle import root_from_proof

    size = client.get("/api/evidence").json()["size"]
    for index in range(size):
        p = client.get(f"/api/evidence/leaves/{index}").json()
        found = root_from_proof(
            bytes.fromhex(p["leaf"]["digest"]), index, p["size"], [bytes.fromhex(h) for h in p["proof"]]
        )
        assert found is not None
        assert found.hex() == p["root"]


@pytest.mark.parametrize("day", ["1600-01-01", "1900-02-28", "2599-12-31", "2600-01-01"])
def test_the_far_ends_of_time_are_answered(client: Caller, day: str) -> None:
    for url in ("/plans", "/targets", "/targets/light_2026.warmth", "/summary"):
        assert client.get(f"/api{url}?as_of={day}").status_code == 200
    until = f"&since=1601-01-01&until={day}" if day > "2000" else f"&since={day[:3]}1-01-01T00:00:00%2B08:00"
    for url in (
        f"/streams/{STREAM}/observations?points=2{until}",
        f"/indicators/trial.warmth_daily/values?asset=lamp-1{until}",
    ):
        assert client.get(f"/api{url}").status_code in (200, 400)
