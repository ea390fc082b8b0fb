"""What is wrong? Rules and alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from citytwin.api.house import House
from citytwin.api.page import Page, Paged, fetched, listed, title, where
from citytwin.api.route import Body, Route
from citytwin.engine import hold
from citytwin.kernel.errors import NotFound
from citytwin.kernel.rule import AlarmState, Level, Rule
from citytwin.kernel.title import Title
from citytwin.kernel.units import quantity


class RuleItem(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: what it looks at, its limits, and what case it opens. `unit` is that of `rows`."""

    id: str
    pack: str
    title: Title
    level: Level
    stream: str
    indicator: str
    rows: str
    unit: str
    above: float | str | None
    below: float | str | None
    outside: tuple[float, float] | None
    silent_s: int | None
    deadband: float
    on_delay_s: int
    opens: str
    advice: Title | None


class AlarmItem(msgspec.Struct, frozen=True, kw_only=True):
    """One spell of a rule at an asset. `value` and `limit` are in `unit`; `case` is the case it opened."""

    id: str
    rule: str
    title: Title
    level: Level
    state: AlarmState
    asset: str
    asset_title: Title
    longitude: float | None
    latitude: float | None
    since: datetime
    value: float | None
    limit: float | None
    unit: str
    cleared: datetime | None
    acknowledged: datetime | None
    acknowledged_by: str
    advice: Title | None
    case: str | None


class AlarmQuery(Paged, frozen=True, kw_only=True):
    """Which alarms; `open` ones are active or acknowledged."""

    state: Literal["active", "acknowledged", "cleared", "open"] | None = None
    level: Level | None = None
    rule: Annotated[str, msgspec.Meta(description="rule")] | None = None
    asset: Annotated[str, msgspec.Meta(description="asset")] | None = None
    since: Annotated[datetime, msgspec.Meta(description="alarms that began at this time or later")] | None = None


class Acknowledge(Body, frozen=True, kw_only=True):
    """Who has seen the alarm."""

    by: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


def declared(rule: Rule) -> RuleItem:
    """A rule as it is declared."""
    names = [n for n in RuleItem.__struct_fields__ if n != "pack"]
    return RuleItem(pack=rule.id.partition(".")[0], **{n: getattr(rule, n) for n in names})


def rules(house: House, query: Paged) -> Page[RuleItem]:
    """The rules of the city"""
    return listed(enumerate(declared(r) for r in house.twin.rules.values()), query)


_SELECT = """
  SELECT CASE m.level WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END AS rank,
         CAST(-extract(epoch FROM m.since) * 1000000 AS BIGINT) AS age, m.alarm, m.rule, m.asset_id, m.level, m.state,
         m.since, m.value, m.bound, m.cleared, m.acknowledged, m.acknowledged_by,
         a.title_zh, a.title_en, a.longitude, a.latitude, c.case_id
  FROM alarm AS m LEFT JOIN asset AS a ON a.asset_id = m.asset_id
  LEFT JOIN (SELECT alarm, min(case_id) AS case_id FROM case_file WHERE alarm IS NOT NULL GROUP BY alarm) AS c
    ON c.alarm = m.alarm"""
ORDER: Mapping[str, type] = {"rank": int, "age": int, "alarm": str}
"""Most severe first, and of those the newest."""


def _item(house: House, row: Mapping[str, Any]) -> AlarmItem:
    rule = house.twin.rules.get(row["rule"])
    return AlarmItem(
        id=row["alarm"],
        rule=row["rule"],
        title=rule.title if rule else Title(row["rule"], row["rule"]),
        level=row["level"],
        state=row["state"],
        asset=row["asset_id"],
        asset_title=title(row, row["asset_id"]),
        longitude=row["longitude"],
        latitude=row["latitude"],
        since=row["since"],
        value=row["value"],
        limit=row["bound"],
        unit=_unit(house, rule),
        cleared=row["cleared"],
        acknowledged=row["acknowledged"],
        acknowledged_by=row["acknowledged_by"],
        advice=rule.advice if rule else None,
        case=row["case_id"],
    )


def _unit(house: House, rule: Rule | None) -> str:
    """The unit of what the rule looks at; how long a stream has been silent is in seconds."""
    if rule is None:
        return ""
    if rule.silent_s is not None:
        return "s"
    if rule.rows:
        return rule.unit
    if rule.stream in house.twin.streams:
        return quantity(house.twin.streams[rule.stream].quantity).unit
    return house.twin.indicators[rule.indicator].unit if rule.indicator in house.twin.indicators else ""


def alarms(house: House, query: AlarmQuery) -> Page[AlarmItem]:
    """Alarms, the most severe and newest first"""
    opened = query.state == "open"
    clause, params = where(
        {
            "m.state = $state": None if opened else query.state,
            "m.state <> $cleared": "cleared" if opened else None,
            "m.level = $level": query.level,
            "m.rule = $rule": query.rule,
            "m.asset_id = $asset": query.asset,
            "m.since >= $since": query.since,
        }
    )
    return fetched(house, f"{_SELECT} {clause}", params, query, ORDER, lambda r: _item(house, r))


def of_asset(house: House, asset: str, limit: int) -> list[AlarmItem]:
    """The newest alarms of one asset."""
    sql = f"{_SELECT} WHERE m.asset_id = $asset ORDER BY age, rank, alarm LIMIT {limit:d}"
    return [_item(house, r) for r in house.rows(sql, {"asset": asset})]


def within(
    house: House, since: datetime, until: datetime, only: Mapping[str, Sequence[str]], limit: int
) -> list[AlarmItem]:
    """The newest alarms that were open at some time of a span; `only` names levels, rules, assets or states to keep to."""
    columns = {"level": "m.level", "rule": "m.rule", "asset": "m.asset_id", "state": "m.state"}
    parts = [f"{columns[name]} IN (SELECT unnest(${name}))" for name in only]
    clause = " AND ".join(["m.since < $until", "(m.cleared IS NULL OR m.cleared >= $since)", *parts])
    params = {"since": since, "until": until, **{name: list(kept) for name, kept in only.items()}}
    sql = f"{_SELECT} WHERE {clause} ORDER BY age, rank, alarm LIMIT {limit:d}"
    return [_item(house, r) for r in house.rows(sql, params)]


def alarm(house: House, id: str) -> AlarmItem:
    """An alarm"""
    found = house.rows(f"{_SELECT} WHERE m.alarm = $id", {"id": id})
    if not found:
        raise NotFound(f"there is no alarm '{id}'", "see /api/alarms", id)
    return _item(house, found[0])


def acknowledge(house: House, id: str, body: Acknowledge) -> AlarmItem:
    """Put on record that a person has seen the alarm; the first one stays"""
    hold.acknowledge(house.twin, id, body.by)
    return alarm(house, id)


ROUTES = (
    Route("GET", "/rules", rules),
    Route("GET", "/alarms", alarms),
    Route("GET", "/alarms/{id}", alarm),
    Route("POST", "/alarms/{id}/acknowledge", acknowledge),
)
