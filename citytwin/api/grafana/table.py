"""How do things stand? Alarms, last readings and targets as tables, and alarms as annotations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from citytwin.api import alarm
from citytwin.api.grafana.ask import Window, chosen
from citytwin.api.grafana.series import NAMES
from citytwin.api.house import House
from citytwin.api.stream import milliseconds, unit_of
from citytwin.engine import hub
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.title import Title

ROWS = 10_000
"""Rows of one table at most; of alarms the newest."""
LEVELS = ("critical", "high", "medium", "low")
STATES = ("active", "acknowledged", "cleared")


def alarms(house: House, window: Window, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Alarms that were open in the window. The first columns are what Grafana takes for annotations."""
    columns = {"time": "time", "timeEnd": "time", "title": "string", "text": "string", "tags": "other", "id": "string", "level": "string", "state": "string",
               "rule": "string", "asset": "string", "value": "number", "limit": "number", "unit": "string"}  # fmt: skip
    rows = [
        [
            _ms(a.since),
            _ms(a.cleared),
            *_words(a, wanted),
            _tags(a),
            a.id,
            a.level,
            a.state,
            a.rule,
            a.asset,
            a.value,
            a.limit,
            a.unit,
        ]
        for a in _alarms(house, window, wanted)
    ]
    return _table(columns, rows)


def notes(house: House, window: Window, wanted: Mapping[str, Any], asked: Any) -> list[dict[str, Any]]:
    """The same as the old data source takes them, each with the question it answers."""
    found = []
    for a in _alarms(house, window, wanted):
        title, text = _words(a, wanted)
        one = {"annotation": asked, "time": _ms(a.since), "title": title, "text": text, "tags": _tags(a)}
        found.append({**one, "timeEnd": _ms(a.cleared), "isRegion": True} if a.cleared else one)
    return found


def _alarms(house: House, window: Window, wanted: Mapping[str, Any]) -> list[alarm.AlarmItem]:
    only = {name: names for name in ("level", "rule", "asset", "state") if (names := chosen(wanted.get(name)))}
    return alarm.within(house, window.since, window.until, only, ROWS)


def _words(a: alarm.AlarmItem, wanted: Mapping[str, Any]) -> tuple[str, str]:
    """What an alarm is called, and what there is to do about it."""
    what = f"{_said(a.asset_title, wanted)}: {_said(a.title, wanted)}"
    value = "" if a.value is None or not math.isfinite(a.value) else f"{a.value:g} {a.unit}".strip()
    advice = _said(a.advice, wanted) if a.advice else ""
    return what, " · ".join(part for part in (value, advice) if part)


def _tags(a: alarm.AlarmItem) -> list[str]:
    return [a.level, a.state, a.rule, a.asset]


def latest(house: House, _: Window, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The last reading of every stream of a type, of an asset or of those named; of all where nothing is said."""
    choice = hub.Choice(*(frozenset(chosen(wanted.get(name))) for name in ("stream", "asset", "type")))
    found = hub.chosen(house.twin.store.latest(), choice).slice(0, ROWS)
    names = {
        r["asset_id"]: Title(r["title_zh"], r["title_en"])
        for r in house.rows("SELECT asset_id, title_zh, title_en FROM asset")
    }
    columns = (found[c].to_pylist() for c in ("stream", "asset_id", "stream_type", "value", "quality"))
    rows = []
    for time, stream, asset, kind, value, quality in zip(milliseconds(found["time"]), *columns, strict=True):
        of = house.twin.streams.get(kind)
        title = _said(of.title, wanted) if of else kind
        rows.append(
            [
                time,
                stream,
                asset,
                _said(names.get(asset, Title(asset, asset)), wanted),
                kind,
                title,
                value,
                unit_of(house, kind),
                quality,
            ]
        )
    heads = {"time": "time", "stream": "string", "asset": "string", "name": "string", "type": "string", "measured": "string", "value": "number", "unit": "string",
             "quality": "number"}  # fmt: skip
    return _table(heads, rows)


def targets(house: House, _: Window, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """How the targets of the plans in force stand now."""
    subjects = {f"{plan.id}.{t.id}": t.subject for plan in house.twin.plans for t in plan.targets}
    plans = set(chosen(wanted.get("plan")))
    heads = {"target": "string", "subject": "string", "plan": "string", "status": "string", "value": "number", "goal": "number", "unit": "string",
             "forecast": "number", "probability": "number"}  # fmt: skip
    rows = [
        [
            p.target,
            _said(subjects[p.target], wanted),
            p.plan,
            p.status,
            p.value,
            p.goal,
            p.unit,
            p.forecast,
            p.probability,
        ]
        for p in house.progress(None)
        if not p.part and p.target in subjects and (not plans or p.plan in plans)
    ]
    return _table(heads, rows)


TABLES: Mapping[str, Callable[[House, Window, Mapping[str, Any]], dict[str, Any]]] = {
    "alarms": alarms,
    "latest": latest,
    "targets": targets,
}
"""Every table by the name it is asked for."""


def of_series(series: list[dict[str, Any]]) -> dict[str, Any]:
    """Series as one table, for panels that ask for one."""
    rows = [[at, one["target"], value] for one in series for value, at in one["datapoints"]]
    return _table({"time": "time", "series": "string", "value": "number"}, rows)


def _table(columns: Mapping[str, str], rows: list[list[Any]]) -> dict[str, Any]:
    return {"type": "table", "columns": [{"text": text, "type": kind} for text, kind in columns.items()], "rows": rows}


def _said(title: Title, wanted: Mapping[str, Any]) -> str:
    """A title in the language asked for."""
    names = str(wanted.get("title") or "zh")
    if names not in NAMES:
        raise BadRequest(f"title '{names[:100]}' is none", f"one of {', '.join(NAMES)}", "payload")
    return f"{title.zh} {title.en}" if names == "both" else title.en if names == "en" else title.zh


def _ms(time: datetime | None) -> int | None:
    return round(time.timestamp() * 1000) if time else None
