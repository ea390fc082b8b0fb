"""Requests as Grafana's JSON data sources send them (forms of simpod-json-datasource 0.6 and of grafana-simple-json-datasource 1.4), on a city whose readings we know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from citytwin.api.grafana import ask, series
from citytwin.api.house import House
from tests.api.conftest import NOW, Caller, check_problem

START = NOW - timedelta(hours=36)
"""Lamp 1 reported every minute from here on: 20 + (m % 60) / 60, but 45 thirty minutes before the end, and 40 at the end."""


def ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def panel(
    targets: list[dict[str, Any]],
    since: datetime = START,
    until: datetime = NOW,
    points: float = 550,
    interval: int = 30_000,
) -> dict[str, Any]:
    """A request of a panel, with all that Grafana sends along."""
    span = {t: time.strftime("%Y-%m-%dT%H:%M:%S.000Z") for t, time in (("from", since), ("to", until))}
    return {
        "app": "dashboard", "requestId": "Q103", "timezone": "browser", "panelId": 1, "dashboardUID": "x", "range": {**span, "raw": {"from": "now-36h", "to": "now"}},
        "rangeRaw": {"from": "now-36h", "to": "now"}, "interval": "30s", "intervalMs": interval, "maxDataPoints": points,
        "scopedVars": {"__interval": {"text": "30s", "value": "30s"}}, "startTime": 1, "cacheTimeout": None,
        "targets": [{"datasource": {"type": "simpod-json-datasource", "uid": "u"}, "editorMode": "code", "refId": "A", **t} for t in targets],
    }  # fmt: skip


def asked(client: Caller, *targets: dict[str, Any], **given: Any) -> Any:
    answer = client.post("/grafana/query", json=panel(list(targets), **given))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_address_answers_the_test_of_the_connection(client: Caller) -> None:
    for path in ("/grafana", "/grafana/"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert client.request("OPTIONS", "/grafana/query").headers["allow"] == "POST, OPTIONS"
    check_problem(client.get("/grafana/query"), 405, "method_not_allowed")
    check_problem(client.post("/grafana/nowhere"), 404, "not_found")


def test_readings_that_are_few_come_as_they_are(client: Caller) -> None:
    (made,) = asked(client, {"target": "lamp-1.trial.warmth", "refId": "B"}, since=NOW - timedelta(minutes=3))
    times = [ms(NOW - timedelta(minutes=m)) for m in (3, 2, 1)]
    assert made["datapoints"] == [[20 + 57 / 60, times[0]], [20 + 58 / 60, times[1]], [40.0, times[2]]]
    assert (made["target"], made["refId"], made["unit"]) == ("1号灯 温度", "B", "suffix: degC")
    assert made["tags"] == {"stream": "lamp-1.trial.warmth", "asset": "lamp-1", "type": "trial.warmth"}


@pytest.mark.parametrize("points", [2, 10, 100, 1000])
def test_no_more_points_than_asked_for_and_their_mean_is_that_of_the_readings(client: Caller, points: int) -> None:
    (made,) = asked(client, {"target": "trial.warmth", "payload": {"asset": "lamp-1"}}, points=points)
    found = made["datapoints"]
    assert points / 2 < len(found) <= points
    assert [t for _, t in found] == sorted({t for _, t in found})
    counted = asked(
        client, {"target": "trial.warmth", "payload": {"asset": "lamp-1", "aggregate": "count"}}, points=points
    )[0]
    assert sum(n for n, _ in counted["datapoints"]) == 36 * 60
    mean = sum(v * n for (v, _), (n, _) in zip(found, counted["datapoints"], strict=True)) / (36 * 60)
    values = [20 + (m % 60) / 60 for m in range(36 * 60)]
    values[-30], values[-1] = 45.0, 40.0
    assert mean == pytest.approx(sum(values) / len(values))
    assert "unit" not in counted


def test_the_interval_is_the_least_step(client: Caller) -> None:
    hour = 3_600_000
    (made,) = asked(client, {"target": "lamp-1.trial.warmth"}, interval=hour)
    assert len(made["datapoints"]) == 36
    assert all(t % hour == 0 for _, t in made["datapoints"])
    assert made["datapoints"][1][0] == pytest.approx(20 + sum(m / 60 for m in range(60)) / 60)


@pytest.mark.parametrize(
    ("aggregate", "value"), [("min", 20.0), ("max", 45.0), ("first", 20.0), ("last", 40.0), ("count", 60.0)]
)
def test_what_a_step_becomes_is_chosen(client: Caller, aggregate: str, value: float) -> None:
    target = {"target": "readings", "payload": {"type": "trial.warmth", "asset": ["lamp-1"], "aggregate": aggregate}}
    (made,) = asked(client, target, interval=3_600_000)
    assert made["datapoints"][-1][0] == value


@pytest.mark.parametrize("aggregate", ["mean", "min", "max", "sum", "count", "first", "last"])
def test_steps_of_hours_against_the_readings(client: Caller, aggregate: str) -> None:
    step = 2 * 3_600_000
    (raw,) = asked(client, {"target": "lamp-1.trial.warmth"}, points=50_000)
    groups: dict[int, list[float]] = {}
    for value, at in raw["datapoints"]:
        groups.setdefault(at // step * step, []).append(value)
    assert sum(map(len, groups.values())) == 36 * 60
    become: dict[str, Callable[[list[float]], float]] = {
        "mean": lambda v: sum(v) / len(v), "min": min, "max": max, "sum": sum, "count": len, "first": lambda v: v[0], "last": lambda v: v[-1],
    }  # fmt: skip
    (made,) = asked(client, {"target": "lamp-1.trial.warmth", "payload": {"aggregate": aggregate}}, interval=step)
    assert [t for _, t in made["datapoints"]] == list(groups)
    assert [v for v, _ in made["datapoints"]] == pytest.approx([become[aggregate](v) for v in groups.values()])


def test_readings_that_are_not_fit_for_use_are_left_out(client: Caller) -> None:
    (made,) = asked(client, {"target": "lamp-2.trial.warmth"})
    assert [v for v, _ in made["datapoints"]] == [-15.0]  # the other, 70 °C, is beyond what is plausible


def test_many_streams_in_one_query_as_a_variable_of_many_writes_them(client: Caller) -> None:
    made = asked(client, {"target": r"(lamp-1\.trial\.warmth|lamp-2\.trial\.warmth)", "payload": {"title": "en"}})
    assert [one["target"] for one in made] == ["Lamp 1 Warmth", "Lamp 2 Warmth"]
    made = asked(
        client,
        {"target": "trial.warmth", "payload": '{"title": "id"}'},
        {"target": "trial.warmth", "hide": True},
        {"target": ""},
    )
    assert [one["target"] for one in made] == ["lamp-1.trial.warmth", "lamp-2.trial.warmth"]


def test_figures_of_an_indicator(client: Caller) -> None:
    for target in (
        {"target": "trial.warmth_daily"},
        {"target": "figures", "payload": {"indicator": "trial.warmth_daily", "asset": "lamp-1"}},
    ):
        made = asked(client, target, since=NOW - timedelta(days=5))
        expected = client.get("/api/indicators/trial.warmth_daily/values?asset=lamp-1").json()
        (mine,) = [one for one in made if one["tags"]["asset"] == "lamp-1"]
        assert mine["datapoints"] == [list(pair) for pair in zip(expected["value"], expected["period"], strict=True)]
        assert mine["target"] == "1号灯 日均温度"


@pytest.mark.parametrize(
    ("key", "operator", "value", "assets"),
    [
        ("asset", "=", "lamp-2", {"lamp-2"}),
        ("asset", "!=", "lamp-2", {"lamp-1"}),
        ("asset", "=~", "lamp-[13]", {"lamp-1"}),
        ("asset", "!~", ".*1", {"lamp-2"}),
        ("power", ">", "0.15", {"lamp-2"}),
        ("power", "<", "0.15", {"lamp-1"}),
        ("asset_type", "=", "trial.lamp", {"lamp-1", "lamp-2"}),
        ("type", "=", "trial.none", set()),
    ],
)
def test_ad_hoc_filters(client: Caller, key: str, operator: str, value: str, assets: set[str]) -> None:
    body = panel([{"target": "trial.warmth"}]) | {
        "adhocFilters": [{"key": key, "operator": operator, "value": value, "condition": ""}]
    }
    made = client.post("/grafana/query", json=body)
    assert made.status_code == 200, made.text
    assert {one["tags"]["asset"] for one in made.json()} == assets


def test_series_as_a_table_for_panels_that_ask_for_one(client: Caller) -> None:
    (made,) = asked(client, {"target": "lamp-1.trial.warmth", "type": "table"}, since=NOW - timedelta(minutes=2))
    assert made["type"] == "table"
    assert [c["text"] for c in made["columns"]] == ["time", "series", "value"]
    assert made["rows"][-1] == [ms(NOW - timedelta(minutes=1)), "1号灯 温度", 40.0]


def test_alarms_as_a_table_with_the_columns_of_annotations(client: Caller) -> None:
    (made,) = asked(client, {"target": "alarms", "payload": {"level": ["high"], "title": "en"}})
    heads = [c["text"] for c in made["columns"]]
    assert heads[:6] == ["time", "timeEnd", "title", "text", "tags", "id"]
    rows = [dict(zip(heads, row, strict=True)) for row in made["rows"]]
    assert [r["rule"] for r in rows] == ["trial.hot", "trial.hot"]
    cleared = next(r for r in rows if r["state"] == "cleared")
    assert (cleared["time"], cleared["timeEnd"]) == (ms(NOW - timedelta(minutes=30)), ms(NOW - timedelta(minutes=29)))
    assert cleared["title"] == "Lamp 1: Hot"
    assert "Switch it off" in cleared["text"]
    (early,) = asked(client, {"target": "alarms", "payload": {"level": "high"}}, until=NOW - timedelta(hours=2))
    assert early["rows"] == []


def test_annotations_of_the_old_data_source(client: Caller) -> None:
    note = {"name": "alarms", "datasource": "city", "iconColor": "red", "enable": True, "query": "level=high title=en"}
    body = panel([]) | {"annotation": note}
    made = client.post("/grafana/annotations", json=body).json()
    assert len(made) == 2
    assert all(one["annotation"] == note for one in made)
    ended = next(one for one in made if "timeEnd" in one)
    assert (ended["time"], ended["timeEnd"], ended["isRegion"]) == (
        ms(NOW - timedelta(minutes=30)),
        ms(NOW - timedelta(minutes=29)),
        True,
    )
    assert "high" in ended["tags"]
    body["annotation"] = {**note, "query": "colour=red"}
    check_problem(client.post("/grafana/annotations", json=body), 400, "bad_request")


def test_last_readings_and_targets_as_tables(client: Caller) -> None:
    made, goals = asked(
        client,
        {"target": "latest", "payload": {"asset": "lamp-1"}},
        {"target": "targets", "refId": "B", "payload": {"title": "en"}},
    )
    row = dict(zip([c["text"] for c in made["columns"]], made["rows"][0], strict=True))
    assert (row["stream"], row["value"], row["unit"], row["name"]) == ("lamp-1.trial.warmth", 40.0, "degC", "1号灯")
    rows = [dict(zip([c["text"] for c in goals["columns"]], r, strict=True)) for r in goals["rows"]]
    assert {r["target"]: r["status"] for r in rows} == {
        t["id"]: t["progress"]["status"] for t in client.get("/api/targets").json()["items"]
    }
    assert goals["refId"] == "B"


def test_the_builder_finds_metrics_and_their_options(client: Caller) -> None:
    made = client.post("/grafana/metrics", json={}).json()
    assert [m["value"] for m in made] == ["readings", "figures", "alarms", "latest", "targets"]
    for metric in made:
        for option in metric["payloads"]:
            assert option["type"] in ("select", "multi-select")
            if "options" not in option:
                asks = {"metric": metric["value"], "payload": {"type": "trial.warmth"}, "name": option["name"]}
                values = client.post("/grafana/metric-payload-options", json=asks).json()
                assert values, option
                assert all(v["value"] for v in values)
    lamps = client.post(
        "/grafana/metric-payload-options",
        json={"metric": "readings", "payload": {"type": "trial.warmth"}, "name": "asset"},
    ).json()
    assert {v["value"] for v in lamps} == {"lamp-1", "lamp-2", "lamp-3"}
    check_problem(client.post("/grafana/metric-payload-options", json={"name": "colour"}), 400, "bad_request")


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ({"target": "asset_types"}, {"trial.lamp", "trial.room", "trial.note", "open.thing"}),
        ({"target": "assets:trial.room"}, {"room-1"}),
        ({"target": "assets", "type": "trial.room"}, {"room-1"}),
        ({"target": r"streams:(lamp-1|lamp-2)"}, {"lamp-1.trial.warmth", "lamp-2.trial.warmth"}),
        ({"target": "streams:lamp-1"}, {"lamp-1.trial.warmth"}),
        ({"target": "streams", "type": "trial.warmth", "asset": ["lamp-2"]}, {"lamp-2.trial.warmth"}),
        ({"target": "stream_types:trial.lamp"}, {"trial.warmth"}),
        ({"target": "indicators"}, {"trial.warmth_daily"}),
        ({"target": "levels"}, {"critical", "high", "medium", "low"}),
    ],
)
def test_variables(client: Caller, payload: dict[str, Any], values: set[str]) -> None:
    span = panel([])["range"]
    made = client.post("/grafana/variable", json={"payload": payload, "range": span}).json()
    assert {one["__value"] for one in made} == values
    assert all(one["__text"] for one in made)
    if list(payload) == ["target"]:
        assert {one["value"] for one in client.post("/grafana/search", json=payload).json()} == values


def test_search_finds_what_a_query_may_name(client: Caller) -> None:
    made = {one["value"] for one in client.post("/grafana/search", json={"target": ""}).json()}
    assert {"trial.warmth", "trial.warmth_daily", "alarms", "latest", "targets"} <= made
    assert {one["value"] for one in client.post("/grafana/search", json={"target": "lamp-2"}).json()} == {
        "lamp-2.trial.warmth"
    }


def test_tags(client: Caller) -> None:
    keys = [one["text"] for one in client.post("/grafana/tag-keys", json={}).json()]
    assert {"asset", "asset_type", "type", "power", "floors"} <= set(keys)
    for key in keys:
        assert client.post("/grafana/tag-values", json={"key": key}).status_code == 200
    assert client.post("/grafana/tag-values", json={"key": "floors"}).json() == [{"text": "2"}]
    check_problem(client.post("/grafana/tag-values", json={"key": "x' OR 1=1"}), 400, "bad_request")


@pytest.mark.parametrize(
    "body",
    [
        {"targets": [{"target": "nothing", "refId": "C"}]},
        {"targets": [{"target": "lamp-1.trial.warmth", "payload": "{"}]},
        {"targets": [{"target": "lamp-1.trial.warmth", "payload": {"aggregate": "median"}}]},
        {"targets": [{"target": "lamp-1.trial.warmth", "payload": {"title": "fr"}}]},
        {"targets": [{"target": "latest", "payload": {"title": "fr"}}]},
        {"targets": [{"target": "readings"}]},
        {"targets": [{"target": "figures", "payload": {}}]},
        {"targets": [{"target": "trial.warmth"}], "adhocFilters": [{"key": "nope", "operator": "=", "value": "1"}]},
        {"targets": [{"target": "trial.warmth"}], "adhocFilters": [{"key": "asset", "operator": "LIKE", "value": "1"}]},
        {"targets": [{"target": "trial.warmth"}], "adhocFilters": [{"key": "asset", "operator": "=~", "value": "("}]},
        {"targets": "x"},
        {"range": {"from": "now-6h", "to": "now"}},
        {"range": {"from": "2026-03-10T00:00:00Z", "to": "2026-03-09T00:00:00Z"}},
    ],
)
def test_requests_at_fault_are_refused_in_words(client: Caller, body: dict[str, Any]) -> None:
    check_problem(client.post("/grafana/query", json=body), 400, "bad_request")
    for raw in (b"{", b"[]", b"\xff", b"[" * 100_000):
        assert client.post("/grafana/query", content=raw).status_code == 400


def test_too_much_at_once_is_refused(own_house: House, own: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "SERIES", 1)
    check_problem(own.post("/grafana/query", json=panel([{"target": "trial.warmth"}])), 413, "too_large")
    monkeypatch.setattr(series, "ALL_POINTS", 10)
    check_problem(own.post("/grafana/query", json=panel([{"target": "lamp-1.trial.warmth"}])), 413, "too_large")
    check_problem(own.post("/grafana/query", json=panel([{"target": "latest"}] * 51)), 413, "too_large")
    check_problem(own.post("/grafana/query", content=b" " * (1024 * 1024 + 1)), 413, "too_large")


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("a", ["a"]), ("a,b", ["a", "b"]), ("(a|b)", ["a", "b"]), (r"a\.b", ["a.b"]), (r"(a\.b|c\|d)", ["a.b", "c|d"]), (["a", "(b|c)"], ["a", "b", "c"]),
        ({"label": "A", "value": "a"}, ["a"]), ("", []), (None, []), (7, ["7"]),
    ],
)  # fmt: skip
def test_names_as_grafana_writes_them(value: Any, names: list[str]) -> None:
    assert ask.chosen(value) == names
