"""What is there to choose from? Metrics and their options, variables of dashboards, keys and values of ad hoc filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from citytwin.api.grafana import series, table
from citytwin.api.grafana.ask import Words, chosen, payload
from citytwin.api.house import House
from citytwin.api.page import where
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.title import Title

MOST = 10_000
"""Entries of one list at most."""
READINGS, FIGURES = "readings", "figures"
"""The metrics that become series."""
Entry = tuple[str, str]
"""What is shown, and what it stands for."""


def metrics(_: House, __: Words) -> list[dict[str, Any]]:
    """The metrics of the query builder with their options."""
    title = _select("title", "名称 Names", [(n, n) for n in series.NAMES])
    aggregate = _select("aggregate", "每步取值 Of each step", [(a, a) for a in series.AGGREGATES])
    asset = _select("asset", "资产 Assets", many=True)
    kind = _select("type", "监测项 Stream type", reload=True)
    level = _select("level", "级别 Levels", [(v, v) for v in table.LEVELS], many=True)
    state = _select("state", "状态 States", [(v, v) for v in table.STATES], many=True)
    return [
        {"label": "读数 Readings", "value": READINGS, "payloads": [kind, asset, aggregate, title]},
        {
            "label": "指标 Indicator",
            "value": FIGURES,
            "payloads": [_select("indicator", "指标 Indicator", reload=True), asset, aggregate, title],
        },
        {
            "label": "告警 Alarms",
            "value": "alarms",
            "payloads": [level, state, _select("rule", "规则 Rules", many=True), asset, title],
        },
        {"label": "最新读数 Last readings", "value": "latest", "payloads": [kind, asset, title]},
        {
            "label": "目标进展 Targets",
            "value": "targets",
            "payloads": [_select("plan", "规划 Plans", many=True), title],
        },
    ]


def _select(
    name: str, label: str, options: Iterable[Entry] = (), many: bool = False, reload: bool = False
) -> dict[str, Any]:
    """An option of a metric; one without values of its own asks for them when it is opened."""
    told: dict[str, Any] = {
        "name": name,
        "label": label,
        "type": "multi-select" if many else "select",
        "reloadMetric": reload,
    }
    if values := [{"label": text, "value": value} for text, value in options]:
        told["options"] = values
    return told


def options(house: House, asked: Words) -> list[dict[str, str]]:
    """The values of one option of a metric, given the others."""
    wanted = payload(asked.payload, "payload")
    nouns = {
        "type": "stream_types",
        "asset": "assets",
        "indicator": "indicators",
        "rule": "rules",
        "plan": "plans",
        "stream": "streams",
    }
    noun = nouns.get(str(asked.name))
    if noun is None:
        raise BadRequest(f"'{str(asked.name)[:100]}' is no option", f"one of {', '.join(nouns)}", "name")
    of = {"type": chosen(wanted.get("type")), "asset": chosen(wanted.get("asset"))}
    if noun == "assets" and (kinds := of["type"]):  # of those that have such a stream
        of["type"] = [house.twin.streams[k].asset for k in kinds if k in house.twin.streams]
    if noun == "stream_types":
        of = {}
    return [{"label": text, "value": value} for text, value in LISTS[noun](house, of)]


def variable(house: House, asked: Words) -> list[dict[str, str]]:
    """The values of a variable: `assets`, or `assets:drainage.manhole`, or {"target": "assets", "type": "drainage.manhole"}."""
    wanted = payload(asked.payload, "payload") if asked.payload is not None else {"target": asked.target}
    return [{"__text": text, "__value": value} for text, value in _listed(house, wanted)]


def search(house: House, asked: Words) -> list[dict[str, str]]:
    """What old data sources look for: a list where its name is given, otherwise everything that a query may name, if it has the text."""
    wanted = payload(asked.payload, "payload") if asked.payload is not None else {"target": asked.target}
    text = str(wanted.get("target") or "").lower()
    if text.partition(":")[0] in LISTS:
        found: list[Entry] = _listed(house, wanted)
    else:
        every = [(k, k) for k in table.TABLES]
        for noun in ("stream_types", "indicators", *(["streams"] if text else [])):
            every += LISTS[noun](house, {})
        found = [e for e in every if text in f"{e[0]} {e[1]}".lower()][:MOST]
    return [{"text": shown, "value": value} for shown, value in found]


def _listed(house: House, wanted: Mapping[str, Any]) -> list[Entry]:
    noun, _, of = str(wanted.get("target") or "").partition(":")
    make = LISTS.get(noun)
    if make is None:
        raise BadRequest(f"there is no list '{noun[:100]}'", f"one of {', '.join(LISTS)}", "target")
    limits = {"type": chosen(wanted.get("type")), "asset": chosen(wanted.get("asset"))}
    for name in chosen(of):
        dotted = name in house.twin.types or name in house.twin.streams
        limits["type" if dotted else "asset"].append(name)
    return make(house, limits)


def tag_keys(house: House, _: Words) -> list[dict[str, str]]:
    """What ad hoc filters may be about."""
    return [{"type": "string", "text": key} for key in series.keys(house.twin)]


def tag_values(house: House, asked: Words) -> list[dict[str, str]]:
    """The values that something has. Raises BadRequest where nothing can be of that name."""
    known = series.keys(house.twin)
    if asked.key not in known:
        raise BadRequest(f"'{str(asked.key)[:100]}' is no key", f"one of {', '.join(known)}", "key")
    if asked.key == "type":
        return [{"text": kind} for kind in house.twin.streams]
    rows = house.rows(
        f"SELECT DISTINCT {known[asked.key]} AS v FROM asset AS a WHERE {known[asked.key]} IS NOT NULL ORDER BY 1 LIMIT {MOST}"
    )
    return [{"text": r["v"]} for r in rows]


# -- the lists themselves

Limits = Mapping[str, list[str]]


def _both(title: Title) -> str:
    return f"{title.zh} {title.en}"


def _declared(items: Mapping[str, Any]) -> list[Entry]:
    return [(f"{_both(item.title)} ({id})", id) for id, item in items.items()]


def _assets(house: House, of: Limits) -> list[Entry]:
    clause, params = where(
        {
            "list_contains($type, a.type)": of.get("type") or None,
            "list_contains($asset, a.asset_id)": of.get("asset") or None,
        }
    )
    rows = house.rows(
        f"SELECT a.asset_id, a.title_zh, a.title_en FROM asset AS a {clause} ORDER BY a.asset_id LIMIT {MOST}", params
    )
    return [(f"{r['title_zh']} {r['title_en']} ({r['asset_id']})", r["asset_id"]) for r in rows]


def _streams(house: House, of: Limits) -> list[Entry]:
    clause, params = where(
        {
            "list_contains($type, s.stream_type)": of.get("type") or None,
            "list_contains($asset, s.asset_id)": of.get("asset") or None,
        }
    )
    rows = house.rows(
        "SELECT s.stream, s.stream_type, a.title_zh, s.asset_id FROM stream AS s LEFT JOIN asset AS a ON a.asset_id = s.asset_id "
        f"{clause} ORDER BY s.stream LIMIT {MOST}",
        params,
    )
    kinds = house.twin.streams
    return [
        (
            f"{r['title_zh'] or r['asset_id']} {kinds[r['stream_type']].title.zh if r['stream_type'] in kinds else r['stream_type']} ({r['stream']})",
            r["stream"],
        )
        for r in rows
    ]


def _types(house: House, _: Limits) -> list[Entry]:
    return _declared(house.twin.types)


def _stream_types(house: House, of: Limits) -> list[Entry]:
    kinds = of.get("type")
    return _declared({id: s for id, s in house.twin.streams.items() if not kinds or s.asset in kinds})


def _plans(house: House, _: Limits) -> list[Entry]:
    return [(_both(p.title), p.id) for p in house.twin.plans]


LISTS: Mapping[str, Callable[[House, Limits], list[Entry]]] = {
    "asset_types": _types,
    "assets": _assets,
    "stream_types": _stream_types,
    "streams": _streams,
    "indicators": lambda house, _: _declared(house.twin.indicators),
    "rules": lambda house, _: _declared(house.twin.rules),
    "plans": _plans,
    "levels": lambda *_: [(v, v) for v in table.LEVELS],
}
"""Every list by the name it is asked for."""
