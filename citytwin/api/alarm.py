"""What is wrong? Rules and alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec

from citytwin.api.decision import By
from citytwin.api.house import House
from citytwin.api.page import Page, Paged, fetched, listed, title, where
from citytwin.api.route import Body, Query, Route
from citytwin.engine import hold
from citytwin.engine.gauge import Gauge, gauge
from citytwin.engine.place import places
from citytwin.kernel.errors import NotFound
from citytwin.kernel.rule import AlarmState, Alike, Level, Method, Rule, Season, Suppression
from citytwin.kernel.title import Title
from citytwin.kernel.units import quantity


class RuleItem(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: what it looks at, its limits, and what case it opens. `unit` is that of `rows`."""

    id: str
    pack: str
    title: Title
    level: Level | Literal[""]
    stream: str
    indicator: str
    forecast: str
    rows: str
    unit: str
    above: float | str | None
    below: float | str | None
    outside: tuple[float, float] | None
    silent_s: int | None
    deadband: float
    on_delay_s: int
    off_delay_s: int
    seasons: tuple[Season, ...]
    against: str
    rising: float | None
    over_s: int
    stuck_s: int | None
    deviation: float | None
    method: Method
    learn_days: int
    alike: Alike
    unusual_days: float | None
    latching: bool
    must_acknowledge: bool
    consequence: str | None
    urgency: str | None
    suppressed_by: tuple[Suppression, ...]
    opens: str
    advice: Title | None


class AlarmItem(msgspec.Struct, frozen=True, kw_only=True):
    """One spell of a rule at an asset. `value` and `limit` are in `unit`; `case` is the case it opened, `parent` the alarm that explains it.

    `state`: active, acknowledged; returned (the state is over, nobody has seen it); latched, latched_acknowledged (over, to be reset); shelved, suppressed (explained by another),
    out_of_service; cleared.
    """

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
    parent: str | None


class AlarmQuery(Paged, frozen=True, kw_only=True):
    """Which alarms; `open` ones wait for somebody or something: neither cleared nor held. `held` ones are shelved, suppressed or out of service."""

    state: AlarmState | Literal["open", "held"] | None = None
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
         m.since, m.value, m.bound, m.cleared, m.acknowledged, m.acknowledged_by, m.parent,
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
        parent=row["parent"],
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
    held = "('shelved', 'suppressed', 'out_of_service')"
    clause, params = where(
        {
            "m.state = $state": None if query.state in ("open", "held") else query.state,
            f"m.state NOT IN ('cleared', {held[1:-1]}) AND $opened": True if query.state == "open" else None,
            f"m.state IN {held} AND $held": True if query.state == "held" else None,
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


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an alarm: from a state (empty: it was not there) to a state, when that was put on record, by whom and why (`withdrawn`: its readings were corrected)."""

    n: int
    alarm: str
    rule: str
    asset: str
    time: datetime
    before: str
    state: AlarmState
    actor: str
    reason: str


class HistoryQuery(Paged, frozen=True, kw_only=True):
    """Of which alarm, rule or asset."""

    alarm: str | None = None
    rule: str | None = None
    asset: str | None = None
    since: datetime | None = None


def alarm_history(house: House, query: HistoryQuery) -> Page[Transition]:
    """What became of alarms, the newest first"""
    clause, params = where(
        {
            "alarm = $alarm": query.alarm,
            "rule = $rule": query.rule,
            "asset_id = $asset": query.asset,
            "time >= $since": query.since,
        }
    )
    sql = f"SELECT -n AS back, n, alarm, rule, asset_id AS asset, time, before, state, actor, reason FROM alarm_history {clause}"
    keys = Transition.__struct_fields__
    return fetched(house, sql, params, query, {"back": int}, lambda r: Transition(**{k: r[k] for k in keys}))


class HoldItem(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps the alarms of a rule at an asset (`*`: at every one) from being told. `ended_by` is empty where its time was up."""

    hold: int
    rule: str
    asset: str
    kind: Literal["shelved", "out_of_service"]
    since: datetime
    until: datetime | None
    reason: str
    actor: str
    ended: datetime | None
    ended_by: str | None


class HoldQuery(Paged, frozen=True, kw_only=True):
    """Which holds; all that are and were, where nothing is said."""

    active: bool | None = None
    rule: str | None = None
    asset: str | None = None


class HoldBody(Body, frozen=True, kw_only=True):
    """Whose alarms are held: shelved until a time, or out of service until that is released; why, and who decides."""

    rule: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    asset: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: Literal["shelved", "out_of_service"]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
    until: datetime | None = None
    by: By


class ReleaseBody(Body, frozen=True, kw_only=True):
    """Who ends it."""

    by: By


_HOLDS = "SELECT -hold AS back, hold, rule, asset_id AS asset, kind, since, until, reason, actor, ended, ended_by FROM alarm_hold"


def _hold(row: Mapping[str, Any]) -> HoldItem:
    return HoldItem(**{k: row[k] for k in HoldItem.__struct_fields__})


def alarm_holds(house: House, query: HoldQuery) -> Page[HoldItem]:
    """Which alarms are and were shelved or out of service, the newest first"""
    clause, params = where({"(ended IS NULL) = $active": query.active, "rule = $rule": query.rule, "asset_id = $asset": query.asset})  # fmt: skip
    return fetched(house, f"{_HOLDS} {clause}", params, query, {"back": int}, _hold)


def alarm_hold(house: House, hold: int) -> HoldItem:
    """One hold on alarms"""
    found = house.rows(f"{_HOLDS} WHERE hold = $hold", {"hold": hold})
    if not found:
        raise NotFound(f"there is no hold {hold}", "see /api/alarm-holds", str(hold))
    return _hold(found[0])


def put_hold(house: House, body: HoldBody) -> HoldItem:
    """Shelve the alarms of a rule at an asset until a time, or take them out of service"""
    return alarm_hold(house, hold.put(house.twin, body.kind, body.rule, body.asset, body.reason, body.by, body.until))


def release(house: House, id: int, body: ReleaseBody) -> HoldItem:
    """End a hold on alarms; what is still so is told anew"""
    hold.release(house.twin, id, body.by)
    return alarm_hold(house, id)


def reset(house: House, id: str, body: Acknowledge) -> AlarmItem:
    """Let go of a latched alarm that was acknowledged"""
    hold.reset(house.twin, id, body.by)
    return alarm(house, id)


class GroupQuery(Query, frozen=True, kw_only=True):
    """What makes a group: what explains the alarms (`cause`), their rule, or their asset (`place`)."""

    by: Literal["cause", "rule", "place"] = "cause"
    through: Annotated[str, msgspec.Meta(max_length=500, description="by place: the path of relation types to the place that is meant, such as base.lies_in, or base.lies_in/base.part_of for the area above")] = ""  # fmt: skip


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms that are one matter: the gravest and oldest stands for them (the one that explains the others, if there is one)."""

    key: str
    first: AlarmItem
    count: int
    held: int
    level: Level


class Groups(msgspec.Struct, frozen=True):
    """Groups, the gravest first."""

    items: list[Group]


def alarm_groups(house: House, query: GroupQuery) -> Groups:
    """The alarms that stand, as matters: those that one explains, or of one rule, or at one place, together"""
    key = {"cause": "coalesce(m.parent, m.alarm)", "rule": "m.rule", "place": "m.asset_id"}[query.by]
    found: dict[str, list[dict[str, Any]]] = {}
    sql = f"SELECT s.*, {key.replace('m.', 's.')} AS key FROM ({_SELECT} WHERE m.state <> 'cleared') AS s ORDER BY s.parent IS NOT NULL, rank, since, alarm"
    place = places(house.twin, query.through) if query.by == "place" and query.through else {}
    for row in house.rows(sql):
        found.setdefault(place.get(row["key"], row["key"]), []).append(row)
    made = [
        Group(
            key=key,
            first=_item(house, rows[0]),
            count=len(rows),
            held=sum(r["state"] in ("shelved", "suppressed", "out_of_service") for r in rows),
            level=min(rows, key=lambda r: r["rank"])["level"],
        )
        for key, rows in found.items()
    ]
    rank = ("critical", "high", "medium", "low")
    return Groups(sorted(made, key=lambda g: (rank.index(g.level), g.first.since, g.key)))


class GaugeQuery(Query, frozen=True, kw_only=True):
    """Which span, and how many people answer alarms; the last 30 days and one of them, where nothing is said."""

    since: datetime | None = None
    until: datetime | None = None
    operators: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1


def alarm_health(house: House, query: GaugeQuery) -> Gauge:
    """How well the alarms serve those who answer them: the performance figures of ISA-18.2"""
    until = query.until or house.now()
    return gauge(house.twin, query.since or until - timedelta(days=30), until, query.operators)


ROUTES = (
    Route("GET", "/rules", rules),
    Route("GET", "/alarm-history", alarm_history),
    Route("GET", "/alarm-groups", alarm_groups),
    Route("GET", "/alarm-health", alarm_health),
    Route("GET", "/alarm-holds", alarm_holds),
    Route("POST", "/alarm-holds", put_hold, status=201),
    Route("GET", "/alarm-holds/{hold}", alarm_hold),
    Route("POST", "/alarm-holds/{id}/release", release),
    Route("POST", "/alarms/{id}/reset", reset),
    Route("GET", "/alarms", alarms),
    Route("GET", "/alarms/{id}", alarm),
    Route("POST", "/alarms/{id}/acknowledge", acknowledge),
)
