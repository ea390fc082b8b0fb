"""How did something go? Readings and figures as series, brought to steps by the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from citytwin.api.grafana.ask import Choice, Window, chosen
from citytwin.api.house import House
from citytwin.api.stream import milliseconds, unit_of
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadRequest, NotFound, TooLarge
from citytwin.kernel.title import Title

SERIES = 500
"""Series of one query at most."""
ALL_POINTS = 1_000_000
"""Points of one query at most."""
LONGEST_S = 20.0
AGGREGATES = {
    "mean": "avg(value)",
    "min": "min(value)",
    "max": "max(value)",
    "sum": "sum(value)",
    "count": "count(value)",
    "first": "arg_min(value, time)",
    "last": "arg_max(value, time)",
}
COLUMNS = {"mean": "mean", "min": "low", "max": "high", "sum": "mean", "count": "n", "first": "first", "last": "last"}
"""The same of what is kept of every hour."""
HOUR_MS = 3_600_000
NAMES = ("zh", "en", "both", "id")
_READINGS = "SELECT stream AS key, time, value FROM observation WHERE stream IN (SELECT unnest($keys))"
_FIGURES = "SELECT asset_id AS key, period AS time, value FROM indicator_value WHERE indicator = $indicator AND asset_id IN (SELECT unnest($keys))"


@dataclass(frozen=True, slots=True)
class Line:
    """Something that becomes a series: its key in the store, its name, unit and labels."""

    key: str
    title: Title
    unit: str
    labels: Mapping[str, str]


def streams(house: House, wanted: Mapping[str, Any], filters: Sequence[Choice]) -> list[Line]:
    """The streams named by `stream`, of `type`, at `asset`, that pass the ad hoc filters, by id."""
    params: dict[str, Any] = {}
    where = ["TRUE"]
    for name, column in (("stream", "s.stream"), ("type", "s.stream_type"), ("asset", "s.asset_id")):
        if names := chosen(wanted.get(name)):
            params[name] = names
            where.append(f"{column} IN (SELECT unnest(${name}))")
    if len(where) == 1:
        raise BadRequest("of which streams is not said", "name a stream, a stream type or an asset", "payload")
    found = _rows(
        house,
        "SELECT s.stream, s.asset_id, s.stream_type, a.title_zh, a.title_en, a.type, d.name FROM stream AS s LEFT JOIN asset AS a ON a.asset_id = s.asset_id "
        f"LEFT JOIN datastream_row AS d ON d.id = s.stream WHERE {' AND '.join(where)}{_passing(house.twin, filters, params, True)} "
        f"ORDER BY s.stream LIMIT {SERIES + 1}",
        params,
    )
    made = []
    for row in _bounded(found):
        kind = house.twin.streams.get(row["stream_type"])
        of = kind.title if kind else Title(row["name"] or row["stream_type"], row["name"] or row["stream_type"])
        shown = Title(f"{row['title_zh'] or row['asset_id']} {of.zh}", f"{row['title_en'] or row['asset_id']} {of.en}")
        labels = {"stream": row["stream"], "asset": row["asset_id"], "type": row["stream_type"]}
        made.append(Line(row["stream"], shown, unit_of(house, row["stream_type"]), labels))
    return made


def figures(house: House, id: str, wanted: Mapping[str, Any], filters: Sequence[Choice]) -> list[Line]:
    """The assets that an indicator has figures of, that are named and pass the filters. Raises NotFound."""
    known = house.twin.indicators.get(id)
    if known is None:
        raise NotFound(f"there is no indicator '{id[:100]}'", "see /api/indicators", "payload")
    params: dict[str, Any] = {"indicator": id}
    named = ""
    if names := chosen(wanted.get("asset")):
        params["asset"] = names
        named = " AND v.asset_id IN (SELECT unnest($asset))"
    found = _rows(
        house,
        "SELECT v.asset_id, a.title_zh, a.title_en FROM (SELECT DISTINCT asset_id FROM indicator_value WHERE indicator = $indicator) AS v "
        f"LEFT JOIN asset AS a ON a.asset_id = v.asset_id WHERE TRUE{named}{_passing(house.twin, filters, params, False)} "
        f"ORDER BY v.asset_id LIMIT {SERIES + 1}",
        params,
    )
    return [
        Line(
            row["asset_id"],
            Title(
                f"{row['title_zh'] or row['asset_id']} {known.title.zh}",
                f"{row['title_en'] or row['asset_id']} {known.title.en}",
            ),
            known.unit,
            {"indicator": id, "asset": row["asset_id"]},
        )
        for row in _bounded(found)
    ]


def _rows(house: House, sql: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(house.twin.store.fetch(sql, params, within=LONGEST_S).to_pylist())


def _bounded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(rows) > SERIES:
        raise TooLarge(f"there are more than {SERIES} series", "name fewer streams or assets, or filter them", "target")
    return rows


_COLUMNS = {"asset": "a.asset_id", "asset_type": "a.type"}
_SIGNS = {
    "=": "{0} = {1}",
    "!=": "{0} IS DISTINCT FROM {1}",
    "=~": "regexp_full_match({0}, {1})",
    "!~": "NOT coalesce(regexp_full_match({0}, {1}), FALSE)",
    "<": "TRY_CAST({0} AS DOUBLE) < TRY_CAST({1} AS DOUBLE)",
    ">": "TRY_CAST({0} AS DOUBLE) > TRY_CAST({1} AS DOUBLE)",
}


def keys(twin: Twin) -> dict[str, str]:
    """What ad hoc filters may be about, with the SQL of its text: the asset, its type, the stream type, and every attribute."""
    attributes = {a.id for t in twin.types.values() for a in t.attributes} - {*_COLUMNS, "type"}
    return {
        **_COLUMNS,
        "type": "s.stream_type",
        **{a: f"json_extract_string(a.attributes, '$.{a}')" for a in sorted(attributes)},
    }


def _passing(twin: Twin, filters: Sequence[Choice], params: dict[str, Any], streams: bool) -> str:
    """The ad hoc filters in SQL. Attributes are those of the asset."""
    parts, known = [], keys(twin)
    for n, f in enumerate(filters):
        if not f.key:
            continue
        if f.key not in known or f.operator not in _SIGNS:
            hint = f"keys: {', '.join(known)}; operators: {' '.join(_SIGNS)}"
            raise BadRequest(
                f"the filter '{f.key[:100]} {f.operator[:10]}' is none of this place", hint, "adhocFilters"
            )
        if f.key == "type" and not streams:
            continue  # figures are of no stream type
        params[f"f{n}"] = str(f.value)
        sql = (
            known[f.key]
            if f.key in _COLUMNS or f.key == "type"
            else f"(SELECT {known[f.key]} FROM asset AS x WHERE x.asset_id = a.asset_id)"
        )
        parts.append(_SIGNS[f.operator].format(sql, f"CAST($f{n} AS VARCHAR)"))
    return "".join(f" AND {p}" for p in parts)


def told(
    house: House, lines: Sequence[Line], window: Window, wanted: Mapping[str, Any], ref: str
) -> list[dict[str, Any]]:
    """The series of these lines as Grafana takes them; a line without readings in the window is an empty one."""
    if not lines:
        return []
    aggregate = str(wanted.get("aggregate") or "mean")
    names = str(wanted.get("title") or "zh")
    for name, value, of in (("aggregate", aggregate, tuple(AGGREGATES)), ("title", names, NAMES)):
        if value not in of:
            raise BadRequest(f"{name} '{value[:100]}' is none", f"one of {', '.join(of)}", "payload")
    params: dict[str, Any] = {
        "keys": [line.key for line in lines],
        "since": window.since,
        "until": window.until,
        "step": window.step_ms,
    }
    source = _READINGS
    if "indicator" in lines[0].labels:
        source, params["indicator"] = _FIGURES, lines[0].labels["indicator"]
    elif window.step_ms > HOUR_MS:
        return _shown(_summed(house, lines, window, aggregate), lines, aggregate, names, ref)
    found = house.twin.store.fetch(
        # a reading that is alone in its step keeps its time
        f"""SELECT key, CASE WHEN count(*) = 1 THEN min(time) ELSE make_timestamptz(CAST(step AS BIGINT) * $step * 1000) END AS time, {AGGREGATES[aggregate]} AS value
            FROM (SELECT key, time, value, floor(epoch_ms(time) / $step) AS step FROM ({source}) AS r
                  WHERE time >= $since AND time < $until AND value IS NOT NULL) AS s
            GROUP BY key, step ORDER BY key, step LIMIT {ALL_POINTS + 1}""",
        params,
        within=LONGEST_S,
    )
    return _shown(found, lines, aggregate, names, ref)


def _summed(house: House, lines: Sequence[Line], window: Window, aggregate: str) -> pa.Table:
    """Readings in steps of whole hours, out of what is kept of every hour: a year costs little more than a day."""
    step = -(-window.step_ms // HOUR_MS) * 3600
    keys = [line.key for line in lines]
    columns = ("n", "mean") if aggregate == "sum" else ("n", COLUMNS[aggregate]) if aggregate != "count" else ("n",)
    found = house.twin.store.series(keys, window.since, window.until, step, columns)
    found = found.set_column(found.column_names.index("stream"), "stream", found["stream"].cast(pa.string()))
    found = found.filter(pc.greater(found["n"], 0)).sort_by([("stream", "ascending"), ("time", "ascending")])
    value = pc.multiply(found["n"], found["mean"]) if aggregate == "sum" else found[COLUMNS[aggregate]]
    return pa.table({"key": found["stream"], "time": found["time"], "value": value.cast(pa.float64())})


def _shown(found: pa.Table, lines: Sequence[Line], aggregate: str, names: str, ref: str) -> list[dict[str, Any]]:
    """The rows of key, time, value as Grafana takes them."""
    if found.num_rows > ALL_POINTS:
        raise TooLarge(
            f"there are more than {ALL_POINTS} points", "fewer series, or fewer points of each", "maxDataPoints"
        )
    points: dict[str, list[list[Any]]] = {line.key: [] for line in lines}
    columns = (found["key"].to_pylist(), found["value"].to_pylist(), milliseconds(found["time"]))
    for key, value, at in zip(*columns, strict=True):
        points[key].append([value, at])
    return [
        {
            "target": _named(line, names),
            "refId": ref,
            "datapoints": points[line.key],
            **({"unit": f"suffix: {line.unit}"} if line.unit and aggregate != "count" else {}),
            "tags": dict(line.labels),
        }
        for line in lines
    ]


def _named(line: Line, names: str) -> str:
    if names == "id":
        return line.key
    return f"{line.title.zh} {line.title.en}" if names == "both" else str(getattr(line.title, names))
