"""What is wrong? Rules and alarms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, get_args

import msgspec

from citytwin.api import chinese
from citytwin.api.decision import By
from citytwin.api.house import House
from citytwin.api.page import MOST, Page, Paged, fetched, listed, read, title, where, write
from citytwin.api.route import Body, Query, Route
from citytwin.engine import hold
from citytwin.engine.gauge import AlarmCourse, course, gauge
from citytwin.engine.place import Way, places, ways
from citytwin.kernel.errors import NotFound
from citytwin.kernel.rule import AlarmState, Alike, Level, Method, Rule, Season, Suppression
from citytwin.kernel.stream import stream_id
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


class HoldItem(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps the alarms of a rule (`*`: of every one) at an asset (`*`: at every one) from being told. `ended_by` is empty where its time was up."""

    hold: int
    rule: str
    title: Title
    asset: str
    asset_title: Title
    kind: Literal["shelved", "out_of_service"]
    since: datetime
    until: datetime | None
    reason: str
    actor: str
    ended: datetime | None
    ended_by: str | None


class AlarmItem(msgspec.Struct, frozen=True, kw_only=True):
    """One spell of a rule at an asset. `value` and `limit` are in `unit`; `case` is the case it opened, `parent` the alarm that explains it, `hold` what people hold it by.

    `stream` is the one that its rule looks at, empty where that is no stream.

    `state`: active, acknowledged; returned (the state is over, nobody has seen it); latched, latched_acknowledged (over, to be reset); shelved, suppressed (explained by another),
    out_of_service; cleared.
    """

    id: str
    rule: str
    pack: str
    title: Title
    level: Level
    state: AlarmState
    stream: str
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
    hold: HoldItem | None


class AlarmDetail(AlarmItem, frozen=True, kw_only=True):
    """The same; `leaf` of the log of evidence seals the reading with which it began, if it is sealed yet."""

    leaf: int | None


class AlarmQuery(Paged, frozen=True, kw_only=True):
    """Which alarms; `open` ones wait for somebody or something: neither cleared nor held; of these, `waiting` ones for somebody to acknowledge them.

    `held` ones are shelved, suppressed or out of service; `standing` are all but cleared.
    """

    state: AlarmState | Literal["open", "waiting", "held", "standing"] | None = None
    level: Level | None = None
    rule: Annotated[str, msgspec.Meta(description="rule")] | None = None
    asset: Annotated[str, msgspec.Meta(description="asset")] | None = None
    since: Annotated[datetime, msgspec.Meta(description="alarms that began at this time or later")] | None = None
    before: Annotated[datetime, msgspec.Meta(description="alarms that began before this time")] | None = None
    pack: Annotated[str, msgspec.Meta(description="pack whose rules they are of")] | None = None
    q: Annotated[str, msgspec.Meta(description="part of the title or id of the asset or rule")] | None = None
    place: Annotated[str, msgspec.Meta(description="with `through`: alarms of assets that lead there")] | None = None
    through: Annotated[str, msgspec.Meta(max_length=500, description="the path of relation types to `place`")] = ""
    cause: (
        Annotated[str, msgspec.Meta(description="an alarm: that one, its earlier spells, and those that it explains")]
        | None
    ) = None


class Acknowledge(Body, frozen=True, kw_only=True):
    """Who has seen the alarm."""

    by: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    note: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


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


def _item(house: House, row: Mapping[str, Any], holds: Sequence[HoldItem] = ()) -> AlarmItem:
    rule = house.twin.rules.get(row["rule"])
    return AlarmItem(
        id=row["alarm"],
        rule=row["rule"],
        pack=row["rule"].partition(".")[0],
        title=rule.title if rule else Title(row["rule"], row["rule"]),
        level=row["level"],
        state=row["state"],
        stream=stream_id(row["asset_id"], rule.stream) if rule and rule.stream else "",
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
        hold=next((h for h in holds if _holds(h, row)), None),
    )


def _holds(h: HoldItem, row: Mapping[str, Any]) -> bool:
    return h.kind == row["state"] and h.rule in (row["rule"], "*") and h.asset in (row["asset_id"], "*")


def _items(house: House, rows: Iterable[Mapping[str, Any]]) -> list[AlarmItem]:
    """The alarms in rows, with what people hold them by."""
    rows = list(rows)
    held = any(r["state"] in ("shelved", "out_of_service") for r in rows)
    holds = [_hold(house, h) for h in house.rows(f"{_HOLDS} WHERE h.ended IS NULL ORDER BY h.hold")] if held else []
    return [_item(house, r, holds) for r in rows]


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


WAITING = ("active", "returned", "latched")
HELD = ("shelved", "suppressed", "out_of_service")


def _meant(state: str | None) -> tuple[str, ...] | None:
    """The states that a query of a state means; None: all."""
    standing = tuple(s for s in get_args(AlarmState) if s != "cleared")
    open_ = tuple(s for s in standing if s not in HELD)
    return {None: None, "open": open_, "waiting": WAITING, "held": HELD, "standing": standing}.get(state, (str(state),))


def _asked(house: House, query: AlarmQuery | GroupQuery) -> tuple[str, dict[str, Any]]:
    """The WHERE clause of what a query names beside the state, and its parameters."""
    clause, params = where(
        {
            "m.level = $level": query.level,
            "m.rule = $rule": query.rule,
            "m.asset_id = $asset": query.asset,
            "starts_with(m.rule, $pack)": f"{query.pack}." if query.pack else None,
        }
    )
    if query.q:
        clause += " AND " if clause else "WHERE "
        clause += (
            "(contains(lower(concat_ws(' ', m.asset_id, a.title_zh, a.title_en)), $q) OR list_contains($named, m.rule))"
        )
        part = query.q.lower()
        named = [r.id for r in house.twin.rules.values() if part in f"{r.id} {r.title.zh} {r.title.en}".lower()]
        params |= {"q": part, "named": named}
    return clause, params


def _there(house: House, query: AlarmQuery) -> list[str] | None:
    """The assets that lead to the place that is asked for, and the place itself."""
    if query.place is None:
        return None
    found = places(house.twin, query.through) if query.through else {}
    itself = [] if query.place in found else [query.place]
    return [asset for asset, place in found.items() if place == query.place] + itself


_SPELLS = "(m.rule, m.asset_id) IN (SELECT (x.rule, x.asset_id) FROM alarm AS x WHERE x.alarm = $cause)"


def alarms(house: House, query: AlarmQuery) -> Page[AlarmItem]:
    """Alarms, the most severe and newest first"""
    clause, params = _asked(house, query)
    more, given = where(
        {
            "list_contains($states, m.state)": _listed(_meant(query.state)),
            "m.since >= $since": query.since,
            "m.since < $before": query.before,
            "m.asset_id IN (SELECT unnest($there))": _there(house, query),
            f"($cause IN (m.alarm, m.parent) OR m.parent IS NULL AND {_SPELLS})": query.cause,
        }
    )
    both = f"{clause} {more.replace('WHERE', 'AND', 1) if clause else more}"
    page = fetched(house, f"{_SELECT} {both}", params | given, query, ORDER, lambda r: r)
    return Page(_items(house, page.items), page.total, page.next)


def _listed(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)


def of_asset(house: House, asset: str, limit: int) -> list[AlarmItem]:
    """The newest alarms of one asset."""
    sql = f"{_SELECT} WHERE m.asset_id = $asset ORDER BY age, rank, alarm LIMIT {limit:d}"
    return _items(house, house.rows(sql, {"asset": asset}))


def within(
    house: House, since: datetime, until: datetime, only: Mapping[str, Sequence[str]], limit: int
) -> list[AlarmItem]:
    """The newest alarms that were open at some time of a span; `only` names levels, rules, assets or states to keep to."""
    columns = {"level": "m.level", "rule": "m.rule", "asset": "m.asset_id", "state": "m.state"}
    parts = [f"{columns[name]} IN (SELECT unnest(${name}))" for name in only]
    clause = " AND ".join(["m.since < $until", "(m.cleared IS NULL OR m.cleared >= $since)", *parts])
    params = {"since": since, "until": until, **{name: list(kept) for name, kept in only.items()}}
    sql = f"{_SELECT} WHERE {clause} ORDER BY age, rank, alarm LIMIT {limit:d}"
    return _items(house, house.rows(sql, params))


_SEALED = """
  SELECT b.leaf FROM observation_all AS o JOIN batch AS b ON b.batch = o.batch
  WHERE o.stream = $stream AND o.time = $since AND b.leaf IS NOT NULL ORDER BY o.batch LIMIT 1"""


def alarm(house: House, id: str) -> AlarmDetail:
    """An alarm"""
    found = house.rows(f"{_SELECT} WHERE m.alarm = $id", {"id": id})
    if not found:
        raise NotFound(f"there is no alarm '{id}'", "see /api/alarms", id)
    item = _items(house, found)[0]
    sealed = house.rows(_SEALED, {"stream": item.stream, "since": item.since}) if item.stream else []
    names = AlarmItem.__struct_fields__
    return AlarmDetail(**{n: getattr(item, n) for n in names}, leaf=sealed[0]["leaf"] if sealed else None)


def acknowledge(house: House, id: str, body: Acknowledge) -> AlarmDetail:
    """Put on record that a person has seen the alarm; the first one stays"""
    hold.acknowledge(house.twin, id, body.by, body.note)
    return alarm(house, id)


class AcknowledgeMany(Body, frozen=True, kw_only=True):
    """Which alarms somebody has seen."""

    alarms: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=200)]], msgspec.Meta(min_length=1, max_length=MOST)
    ]
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    note: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one alarm: `done` now, `already` acknowledged before, or `refused`: `code`, `detail` and `hint` say why, `detail_zh` and `hint_zh` in Chinese."""

    alarm: str
    outcome: Literal["done", "already", "refused"]
    code: str = ""
    detail: str = ""
    hint: str = ""
    detail_zh: str = ""
    hint_zh: str = ""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """How many were acknowledged now, had been before, and were refused; then each, once, in the order in which they were asked for."""

    done: int
    already: int
    refused: int
    items: list[Answer]


def acknowledge_many(house: House, body: AcknowledgeMany) -> Answers:
    """Put on record that a person has seen these alarms, all at once; those that are refused leave the others as they are"""
    items = [_answered(a) for a in hold.acknowledge_all(house.twin, body.alarms, body.by, body.note)]
    count = Counter(a.outcome for a in items)
    return Answers(done=count["done"], already=count["already"], refused=count["refused"], items=items)


def _answered(a: hold.Answer) -> Answer:
    if a.refused is None:
        return Answer(alarm=a.alarm, outcome="already" if a.already else "done")
    why = a.refused
    return Answer(
        alarm=a.alarm,
        outcome="refused",
        code=why.code,
        detail=why.message,
        hint=why.hint,
        detail_zh=chinese.message(why.message),
        hint_zh=chinese.hint(why.hint),
    )


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


class HoldQuery(Paged, frozen=True, kw_only=True):
    """Which holds; all that are and were, where nothing is said."""

    active: bool | None = None
    rule: str | None = None
    asset: str | None = None


class HoldBody(Body, frozen=True, kw_only=True):
    """Whose alarms are held (`rule` or `asset` may be `*`, not both): shelved until a time, or out of service until that is released; why, and who decides."""

    rule: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    asset: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: Literal["shelved", "out_of_service"]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
    until: datetime | None = None
    by: By


class ReleaseBody(Body, frozen=True, kw_only=True):
    """Who ends it, and why."""

    by: By
    note: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


_HOLDS = """
  SELECT -h.hold AS back, h.hold, h.rule, h.asset_id AS asset, h.kind, h.since, h.until, h.reason, h.actor, h.ended, h.ended_by, a.title_zh, a.title_en
  FROM alarm_hold AS h LEFT JOIN asset AS a ON a.asset_id = h.asset_id"""
EVERY_RULE, EVERYWHERE = Title("全部规则", "Every rule"), Title("所有位置", "Everywhere")


def _hold(house: House, row: Mapping[str, Any]) -> HoldItem:
    named = {k: row[k] for k in HoldItem.__struct_fields__ if k not in ("title", "asset_title")}
    rule = house.twin.rules.get(row["rule"])
    told = EVERY_RULE if row["rule"] == "*" else rule.title if rule else Title(row["rule"], row["rule"])
    place = EVERYWHERE if row["asset"] == "*" else title(row, row["asset"])
    return HoldItem(**named, title=told, asset_title=place)


def alarm_holds(house: House, query: HoldQuery) -> Page[HoldItem]:
    """Which alarms are and were shelved or out of service, the newest first"""
    clause, params = where({"(h.ended IS NULL) = $active": query.active, "h.rule = $rule": query.rule, "h.asset_id = $asset": query.asset})  # fmt: skip
    return fetched(house, f"{_HOLDS} {clause}", params, query, {"back": int}, lambda r: _hold(house, r))


def alarm_hold(house: House, hold: int) -> HoldItem:
    """One hold on alarms"""
    found = house.rows(f"{_HOLDS} WHERE h.hold = $hold", {"hold": hold})
    if not found:
        raise NotFound(f"there is no hold {hold}", "see /api/alarm-holds", str(hold))
    return _hold(house, found[0])


def put_hold(house: House, body: HoldBody) -> HoldItem:
    """Shelve the alarms of a rule at an asset until a time, or take them out of service"""
    return alarm_hold(house, hold.put(house.twin, body.kind, body.rule, body.asset, body.reason, body.by, body.until))


def release(house: House, id: int, body: ReleaseBody) -> HoldItem:
    """End a hold on alarms; what is still so is told anew"""
    hold.release(house.twin, id, body.by, body.note)
    return alarm_hold(house, id)


def reset(house: House, id: str, body: Acknowledge) -> AlarmDetail:
    """Let go of a latched alarm that was acknowledged"""
    hold.reset(house.twin, id, body.by, body.note)
    return alarm(house, id)


class GroupQuery(Paged, frozen=True, kw_only=True):
    """What makes a group: what explains the alarms (`cause`; spells of one rule at one asset have the same), their rule, or their asset (`place`).

    Of the groups, those of which an alarm is in the `state`.
    """

    by: Literal["cause", "rule", "place"] = "cause"
    state: AlarmState | Literal["open", "waiting", "held", "standing"] | None = None
    level: Level | None = None
    rule: Annotated[str, msgspec.Meta(description="rule")] | None = None
    asset: Annotated[str, msgspec.Meta(description="asset")] | None = None
    pack: Annotated[str, msgspec.Meta(description="pack whose rules they are of")] | None = None
    q: Annotated[str, msgspec.Meta(description="part of the title or id of the asset or rule")] | None = None
    through: Annotated[str, msgspec.Meta(max_length=500, description="by place: the path of relation types to the place that is meant, such as base.lies_in, or base.lies_in/base.part_of for the area above")] = ""  # fmt: skip


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms that are one matter, under the title of its rule or, by place, of the place: the gravest and oldest stands for them (of a cause: its last spell). `states` counts them by their states, `explained` those that the first explains."""

    key: str
    title: Title
    first: AlarmItem
    count: int
    held: int
    explained: int
    level: Level
    states: dict[AlarmState, int]


class Groups(Page[Group], frozen=True):
    """Groups: the gravest first, of these the ones that wait for somebody, and of these the newest. `states` counts the alarms of all groups, of whatever state, by their states.

    A page goes on after the last group of the one before, wherever that is by then; what came meanwhile and is graver is on the first page.
    """

    states: dict[AlarmState, int]


def alarm_groups(house: House, query: GroupQuery) -> Groups:
    """The alarms that stand, as matters: those that one explains, or of one rule, or at one place, together"""
    last = "first_value(s.alarm) OVER (PARTITION BY s.rule, s.asset_id ORDER BY s.cleared IS NOT NULL, s.since DESC, s.alarm)"
    key = {"cause": f"coalesce(s.parent, {last})", "rule": "s.rule", "place": "s.asset_id"}[query.by]
    found: dict[str, list[dict[str, Any]]] = {}
    clause, params = _asked(house, query)
    standing = f"{_SELECT} {clause} {'AND' if clause else 'WHERE'} m.state <> 'cleared'"
    sql = f"SELECT s.*, {key} AS key FROM ({standing}) AS s ORDER BY s.alarm <> key, s.parent IS NOT NULL, rank, since, alarm"
    place = places(house.twin, query.through) if query.by == "place" and query.through else {}
    for row in house.rows(sql, params):
        found.setdefault(place.get(row["key"], row["key"]), []).append(row)
    states = dict(Counter(r["state"] for rows in found.values() for r in rows))
    meant = _meant(query.state)
    order = sorted(
        (_order(key, rows), key)
        for key, rows in found.items()
        if meant is None or any(r["state"] in meant for r in rows)
    )
    after = read(query.cursor, (int, int, int, str)) if query.cursor else None
    left = [o for o in order if after is None or o[0] > after]
    shown = left[: query.limit]
    firsts = _items(house, [found[key][0] for _, key in shown])
    named = {}
    if query.by == "place":
        sql = "SELECT asset_id, title_zh, title_en FROM asset WHERE list_contains($assets, asset_id)"
        named = {r["asset_id"]: title(r, r["asset_id"]) for r in house.rows(sql, {"assets": [key for _, key in shown]})}
    made = [
        Group(
            key=key,
            title=named.get(key, first.asset_title) if query.by == "place" else first.title,
            first=first,
            count=len(rows),
            held=sum(r["state"] in HELD for r in rows),
            explained=sum(r["parent"] == first.id for r in rows),
            level=min(rows, key=lambda r: r["rank"])["level"],
            states=dict(Counter(r["state"] for r in rows)),
        )
        for (key, rows), first in zip(((key, found[key]) for _, key in shown), firsts, strict=True)
    ]
    return Groups(made, len(order), write(shown[-1][0]) if len(left) > len(shown) else None, states)


def _order(key: str, rows: Sequence[Mapping[str, Any]]) -> tuple[int, int, int, str]:
    """The gravest first, of these what waits for somebody, of these the newest [µs]."""
    waits = any(r["state"] in WAITING for r in rows)
    return min(r["rank"] for r in rows), 0 if waits else 1, rows[0]["age"], key


def alarm_ways(house: House) -> list[Way]:
    """The ways from assets to the areas that alarms may be grouped by"""
    return ways(house.twin)


class GaugeQuery(Query, frozen=True, kw_only=True):
    """Which span, and how many people answer alarms; the last 30 days and one of them, where nothing is said."""

    since: datetime | None = None
    until: datetime | None = None
    operators: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1


class Frequent(msgspec.Struct, frozen=True, kw_only=True):
    """A rule at an asset that raised many alarms: how many, what share of all, how many for no longer than a minute, and whether it chattered."""

    rule: str
    title: Title
    unit: str
    asset: str
    asset_title: Title
    count: int
    share: float
    fleeting: int
    chattering: bool


class AlarmHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a span. Shares are of 1; what was held from the beginning (shelved, suppressed, out of service) was told to nobody and is counted as `held` only.

    `raised` alarms; `per_hour` per operator; `peak` of ten minutes; `flood_share` of periods of ten minutes with more than ten, per operator; `chattering` and `fleeting` rules
    at assets; `stale`: standing at the end for longer than a day; `top_share`: that of the ten most frequent sources; `mix`: share of each level.
    """

    since: datetime
    until: datetime
    operators: int
    raised: int
    held: int
    per_hour: float
    peak: int
    flood_share: float
    chattering: int
    fleeting: int
    stale: int
    top_share: float
    top: list[Frequent]
    mix: dict[Level, float]


def alarm_health(house: House, query: GaugeQuery) -> AlarmHealth:
    """How well the alarms serve those who answer them: the performance figures of ISA-18.2"""
    until = query.until or house.now()
    told = gauge(house.twin, query.since or until - timedelta(days=30), until, query.operators)
    sql = "SELECT asset_id, title_zh, title_en FROM asset WHERE list_contains($assets, asset_id)"
    assets = {r["asset_id"]: r for r in house.rows(sql, {"assets": [s.asset for s in told.top]})}
    top = [
        Frequent(
            rule=s.rule,
            title=house.twin.rules[s.rule].title if s.rule in house.twin.rules else Title(s.rule, s.rule),
            unit=_unit(house, house.twin.rules.get(s.rule)),
            asset=s.asset,
            asset_title=title(assets[s.asset], s.asset) if s.asset in assets else Title(s.asset, s.asset),
            count=s.count,
            share=s.share,
            fleeting=s.fleeting,
            chattering=s.chattering,
        )
        for s in told.top
    ]
    plain = {n: getattr(told, n) for n in AlarmHealth.__struct_fields__ if n != "top"}
    return AlarmHealth(**plain, top=top)


def alarm_health_course(house: House, query: GaugeQuery) -> AlarmCourse:
    """How many alarms came in each hour (of more than three days: each day) of a span, by level, and how much of it was flooded"""
    until = query.until or house.now()
    return course(house.twin, query.since or until - timedelta(days=30), until, query.operators)


ROUTES = (
    Route("GET", "/rules", rules),
    Route("GET", "/alarm-history", alarm_history),
    Route("GET", "/alarm-groups", alarm_groups),
    Route("GET", "/alarm-ways", alarm_ways),
    Route("GET", "/alarm-health", alarm_health),
    Route("GET", "/alarm-health/course", alarm_health_course),
    Route("GET", "/alarm-holds", alarm_holds),
    Route("POST", "/alarm-holds", put_hold, status=201),
    Route("GET", "/alarm-holds/{hold}", alarm_hold),
    Route("POST", "/alarm-holds/{id}/release", release),
    Route("POST", "/alarms/{id}/reset", reset),
    Route("GET", "/alarms", alarms),
    Route("POST", "/alarms/acknowledge", acknowledge_many),
    Route("GET", "/alarms/{id}", alarm),
    Route("POST", "/alarms/{id}/acknowledge", acknowledge),
)
