"""Who has seen it, and what need not be told? People's answers to alarms: acknowledged, reset, shelved, out of service; and those that another alarm explains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from citytwin.engine.settle import settle, untold
from citytwin.engine.twin import Twin, find, rows
from citytwin.kernel.errors import BadRequest, Conflict, NotFound
from citytwin.kernel.right import must, reached
from citytwin.kernel.rule import HOLDS, Act, Suppression, after
from citytwin.kernel.store import Change

STEPS = 100
"""A relation is followed so many steps to what explains an alarm."""
_RANK: dict[str, int] = {state: n for n, state in enumerate(HOLDS.values())}
_WHILE_OPEN = "SELECT alarm, rule, asset_id, since, coalesce(hold, '') AS hold, parent FROM alarm_standing WHERE cleared IS NULL ORDER BY since, alarm"


def acknowledge(twin: Twin, alarm: str, by: str, note: str = "") -> None:
    """Record that a person has seen the alarm. Idempotent: the first one stays. Raises NotFound, and Conflict where there is nothing to acknowledge.

    What returned or latched before, of the same rule at the same asset, is seen with it.
    """
    found = acknowledge_all(twin, [alarm], by, note)[0]
    if found.refused is not None:
        raise found.refused


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of acknowledging one alarm: it was acknowledged now; it was `already`; or why it was `refused`."""

    alarm: str
    already: bool = False
    refused: NotFound | Conflict | None = None


def acknowledge_all(twin: Twin, alarms: Sequence[str], by: str, note: str = "") -> list[Answer]:
    """Record that a person has seen these alarms, in one transaction; one that is refused leaves the others as they are. Idempotent. Returns an answer for each, in their order.

    What returned or latched before, of the same rules at the same assets, is seen with them.
    """
    with twin.watching:
        asked = list(dict.fromkeys(alarms))
        sql = "SELECT alarm, rule, asset_id, state, latching, must_acknowledge FROM alarm_standing WHERE list_contains($alarms, alarm)"
        held = {r["alarm"]: r for r in rows(twin.store.fetch(sql, {"alarms": asked})) if reached(r["asset_id"])}
        answers = [_answer(held.get(alarm), alarm) for alarm in asked]
        seen = [a.alarm for a in answers if not a.already and a.refused is None]
        if seen:
            now = twin.clock.now()
            done = Change(
                """UPDATE alarm_row SET acknowledged = $now, acknowledged_by = $by WHERE acknowledged IS NULL AND alarm IN (
                     SELECT alarm FROM alarm_standing WHERE list_contains($alarms, alarm)
                     UNION ALL SELECT s.alarm FROM alarm_standing AS s JOIN seen AS w ON w.rule = s.rule AND w.asset_id = s.asset_id WHERE s.state IN ('returned', 'latched'))""",
                {"now": now, "by": by, "alarms": seen},
                {"seen": pa.table({n: [held[a][n] for a in seen] for n in ("rule", "asset_id")})},
            )
            settle(twin, now, done, by=by, reason=note)
        return answers


def _answer(held: Mapping[str, Any] | None, alarm: str) -> Answer:
    """Whether an alarm may be acknowledged."""
    if held is None:
        return Answer(alarm, refused=NotFound(f"there is no alarm '{alarm}'", "see /api/alarms", alarm))
    if held["state"] in ("acknowledged", "latched_acknowledged"):
        return Answer(alarm, already=True)
    if held["state"] == "cleared":
        return Answer(alarm, refused=Conflict("the alarm has already cleared", "nothing is left to acknowledge", alarm))
    try:
        _may(held, "acknowledge", alarm)
    except Conflict as e:
        return Answer(alarm, refused=e)
    return Answer(alarm)


def reset(twin: Twin, alarm: str, by: str, note: str = "") -> None:
    """Let a latched alarm go that somebody has acknowledged. Raises NotFound, and Conflict where it is not latched, not acknowledged, or still so."""
    with twin.watching:
        _may(_alarm(twin, alarm), "reset", alarm)
        now = twin.clock.now()
        done = Change("UPDATE alarm_row SET reset = $now WHERE alarm = $alarm", {"now": now, "alarm": alarm})
        settle(twin, now, done, by=by, reason=note)


def put(twin: Twin, kind: str, rule: str, asset: str, reason: str, by: str, until: datetime | None = None) -> int:
    """Shelve the alarms of a rule (`*`: of every one) at an asset (`*`: everywhere; not both) until a time, or take them `out_of_service`, until `release`. Returns the number of the hold.

    Raises NotFound, Conflict where it is held already, BadRequest where there is no reason, or a shelf has no end or one that is past.
    """
    if rule == asset == "*":
        raise BadRequest("every alarm of the city is not held at once", "name the rule or the asset", "rule")
    if rule != "*":
        find(twin.rules, rule, "rule")
    if asset != "*":
        find(twin.asset_types, asset, "asset")
    must(asset, "asset", asset)
    now = twin.clock.now()
    if kind not in ("shelved", "out_of_service"):
        raise BadRequest(f"'{kind}' is not a way to hold alarms", "shelved, out_of_service", "kind")
    if not reason.strip():
        raise BadRequest("alarms are held for a reason", "say why", "reason")
    if kind == "shelved" and until is None:
        raise BadRequest("a shelf has an end", "say until when; what has none is out of service", "until")
    if until is not None and until <= now:
        raise BadRequest("the end is past", "a time to come", "until")
    with twin.watching:
        sql = "SELECT hold FROM alarm_hold WHERE rule = $rule AND asset_id = $asset AND kind = $kind AND ended IS NULL"
        if held := rows(twin.store.fetch(sql, {"rule": rule, "asset": asset, "kind": kind})):
            raise Conflict(f"the alarms are {kind.replace('_', ' ')} already", f"release hold {held[0]['hold']} first", f"{held[0]['hold']}")  # fmt: skip
        number = int(twin.store.fetch("SELECT coalesce(max(hold), 0) + 1 AS n FROM alarm_hold")["n"][0].as_py())
        placed = Change(
            "INSERT INTO alarm_hold_row VALUES ($hold, $rule, $asset, $kind, $now, $until, $reason, $by, NULL, NULL)",
            {"hold": number, "rule": rule, "asset": asset, "kind": kind, "now": now, "until": until, "reason": reason,
             "by": by},
        )  # fmt: skip
        twin.store.commit(placed)
        twin.held = None
        arrange(twin, now, by=by, reason=reason)
        return number


def release(twin: Twin, hold: int, by: str, note: str = "") -> None:
    """End a hold before its time. What still holds is told anew. Raises NotFound, and Conflict where it has ended."""
    with twin.watching:
        found = rows(twin.store.fetch("SELECT ended, asset_id FROM alarm_hold WHERE hold = $hold", {"hold": hold}))
        if not found:
            raise NotFound(f"there is no hold {hold}", "see /api/alarm-holds", str(hold))
        must(found[0]["asset_id"], "hold", str(hold))
        if found[0]["ended"] is not None:
            raise Conflict("the hold has ended", "nothing is left to release", str(hold))
        now = twin.clock.now()
        twin.store.commit(
            Change(
                "UPDATE alarm_hold_row SET ended = $now, ended_by = $by WHERE hold = $hold",
                {"now": now, "by": by, "hold": hold},
            )
        )
        twin.held = None
        arrange(twin, now, by=by, reason=note)


def arrange(twin: Twin, now: datetime, *changes: Change, by: str = "", reason: str = "") -> None:
    """Carry out changes of alarms; then hold what is to be held of the open ones and let go what is not (shelves end, what explains others comes and goes); then tell. Idempotent.

    So an alarm that another explains is never told as active before. Who calls holds `twin.watching`.
    """
    if twin.held is None:
        twin.held = tuple(
            rows(twin.store.fetch("SELECT rule, asset_id, kind, until FROM alarm_hold WHERE ended IS NULL"))
        )
    if any(h["until"] is not None and h["until"] <= now for h in twin.held):
        ended = Change(
            "UPDATE alarm_hold_row SET ended = until, ended_by = '' WHERE ended IS NULL AND until IS NOT NULL AND until <= $now",
            {"now": now},
        )
        twin.store.commit(ended)
        twin.held = tuple(h for h in twin.held if h["until"] is None or h["until"] > now)
    ruled = any(rule.suppressed_by for rule in twin.rules.values())
    if ruled or twin.held or twin.holding:
        if changes:
            twin.store.commit(*changes)
        changes = ()
        opened = rows(twin.store.fetch(_WHILE_OPEN))
        wanted = _wanted(twin, opened, twin.held)
        moved = [(a["alarm"], *wanted[a["alarm"]]) for a in opened if wanted[a["alarm"]] != (a["hold"], a["parent"])]
        twin.holding = any(kind for kind, _ in wanted.values())
        if moved:
            changes = (_moved(moved),)
    if changes or untold(twin):
        settle(twin, now, *changes, by=by, reason=reason)


def _moved(moved: Sequence[tuple[str, str, str | None]]) -> Change:
    """What holds these alarms from now on, and what explains them. Who had seen one before it was held has not seen it as it is told anew."""
    held = pa.table(
        {
            "alarm": [m[0] for m in moved],
            "hold": [m[1] for m in moved],
            "parent": pa.array([m[2] for m in moved], pa.string()),
        }
    )
    return Change(
        """UPDATE alarm_row SET acknowledged = CASE WHEN h.hold = '' THEN NULL ELSE alarm_row.acknowledged END,
             acknowledged_by = CASE WHEN h.hold = '' THEN '' ELSE alarm_row.acknowledged_by END, hold = h.hold, parent = h.parent
           FROM held AS h WHERE h.alarm = alarm_row.alarm""",
        tables={"held": held},
    )


def _wanted(
    twin: Twin, opened: Iterable[Mapping[str, Any]], active: Iterable[Mapping[str, Any]]
) -> dict[str, tuple[str, str | None]]:
    """Of every open alarm what holds it and the alarm that explains it."""
    by_people: dict[tuple[str, str], str] = {}
    for h in active:
        place = (h["rule"], h["asset_id"])
        by_people[place] = max(by_people.get(place, h["kind"]), h["kind"], key=_RANK.__getitem__)
    at = {(a["rule"], a["asset_id"]): a["alarm"] for a in opened}
    causes: dict[Suppression, Mapping[str, list[str]]] = {}
    found: dict[str, tuple[str, str | None]] = {}
    for a in opened:
        rule = twin.rules.get(a["rule"])
        parent = None
        for s in rule.suppressed_by if rule else ():
            if s not in causes:
                causes[s] = _above(twin, s)
            places = _reached(a["asset_id"], causes[s]) if s.through else [a["asset_id"]]
            parent = next((at[s.rule, p] for p in places if (s.rule, p) in at and at[s.rule, p] != a["alarm"]), None)
            if parent:
                break
        spots = ((a["rule"], a["asset_id"]), (a["rule"], "*"), ("*", a["asset_id"]))
        kinds = [k for spot in spots if (k := by_people.get(spot))]
        kinds += ["suppressed"] if parent else []
        found[a["alarm"]] = (max(kinds, key=_RANK.__getitem__, default=""), parent)
    return found


def _above(twin: Twin, s: Suppression) -> Mapping[str, list[str]]:
    """Of every asset those that its relations of a type lead to."""
    if not s.through:
        return {}
    found: dict[str, list[str]] = {}
    for r in rows(twin.store.fetch("SELECT source, target FROM relation WHERE type = $type", {"type": s.through})):
        low, high = (r["source"], r["target"]) if s.parent == "target" else (r["target"], r["source"])
        found.setdefault(low, []).append(high)
    return found


def _reached(asset: str, above: Mapping[str, list[str]]) -> list[str]:
    """What lies above an asset, the nearest first."""
    found: list[str] = []
    seen, edge = {asset}, [asset]
    for _ in range(STEPS):
        edge = [p for a in edge for p in above.get(a, ()) if not (p in seen or seen.add(p))]  # type: ignore[func-returns-value]
        if not edge:
            break
        found += edge
    return found


def _alarm(twin: Twin, alarm: str) -> dict[str, Any]:
    sql = "SELECT rule, asset_id, state, latching, must_acknowledge FROM alarm_standing WHERE alarm = $alarm"
    found = rows(twin.store.fetch(sql, {"alarm": alarm}))
    if not found:
        raise NotFound(f"there is no alarm '{alarm}'", "see /api/alarms", alarm)
    must(found[0]["asset_id"], "alarm", alarm)
    return found[0]


def _may(held: Mapping[str, Any], act: Act, alarm: str) -> None:
    try:
        after(held["state"], act, latching=held["latching"], must_acknowledge=held["must_acknowledge"])
    except Conflict as e:
        raise Conflict(e.message, e.hint, alarm) from None
