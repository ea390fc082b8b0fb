"""Who does what by when? Opens cases from alarms and moves them along their steps."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from citytwin.engine.twin import Twin, find, rows
from citytwin.kernel.case import Step
from citytwin.kernel.errors import BadRequest, Conflict, NotFound
from citytwin.kernel.store import Change


def handle(twin: Twin, now: datetime) -> int:
    """Open a case for every alarm whose rule opens one, unless one of that type is open at the asset. Idempotent.

    Reads alarms and cases; appends to `case_file`. Returns how many were opened.
    """
    opened = 0
    with twin.turn:
        for rule in twin.rules.values():
            if not rule.opens:
                continue
            kind = twin.cases[rule.opens]
            sql = """
              SELECT a.alarm, a.asset_id, a.since FROM alarm AS a WHERE a.rule = $rule AND a.since <= $now
                AND NOT EXISTS (SELECT 1 FROM case_file AS c WHERE c.alarm = a.alarm)
                AND NOT EXISTS (SELECT 1 FROM case_file AS c WHERE c.type = $type AND c.asset_id = a.asset_id AND c.opened <= a.since AND (c.closed IS NULL OR c.closed > a.since))
              ORDER BY a.since, a.alarm"""
            taken: set[str] = {
                r["asset_id"]
                for r in rows(
                    twin.store.fetch(
                        "SELECT asset_id FROM case_file WHERE type = $type AND closed IS NULL", {"type": kind.id}
                    )
                )
            }
            changes = []
            for r in rows(twin.store.fetch(sql, {"rule": rule.id, "type": kind.id, "now": now})):
                if r["asset_id"] in taken:
                    continue
                taken.add(r["asset_id"])
                case = hashlib.sha256(f"{kind.id} {r['alarm']}".encode()).hexdigest()[:16]
                first = kind.steps[0]
                changes += [
                    Change(
                        "INSERT INTO case_row VALUES ($case, $type, $asset, $alarm, $step, $opened, $due, NULL)",
                        {"case": case, "type": kind.id, "asset": r["asset_id"], "alarm": r["alarm"], "step": first.id, "opened": r["since"],
                         "due": _due(r["since"], first, twin.city.zone)},
                    ),
                    _event(case, r["since"], first.id, "", ""),
                ]  # fmt: skip
                opened += 1
            if changes:
                twin.store.commit(*changes)
    return opened


def advance(twin: Twin, id: str, to: str, by: str, note: str = "", at: datetime | None = None) -> None:
    """Move a case to its next step. Raises NotFound, Conflict when it is closed, BadRequest when the step does not follow."""
    with twin.turn:
        found = rows(twin.store.fetch("SELECT type, step, closed FROM case_file WHERE case_id = $id", {"id": id}))
        if not found:
            raise NotFound(f"there is no case '{id}'", "see /api/cases", id)
        if found[0]["closed"] is not None:
            raise Conflict("the case is closed", "", id)
        kind = find(twin.cases, found[0]["type"], "case type")
        here, there = kind.step(found[0]["step"]), kind.step(to)
        if here is None or there is None or to not in here.next:
            allowed = ", ".join(here.next) if here else ""
            raise BadRequest(f"step '{to}' does not follow '{found[0]['step']}'", f"what follows: {allowed}", "to")
        now = at or twin.clock.now()
        twin.store.commit(
            Change(
                "UPDATE case_row SET step = $step, due = $due, closed = $closed WHERE case_id = $id",
                {
                    "step": to,
                    "due": _due(now, there, twin.city.zone) if there.next else None,
                    "closed": None if there.next else now,
                    "id": id,
                },
            ),
            _event(id, now, to, by, note),
        )


def history(twin: Twin, id: str) -> list[dict[str, Any]]:
    """What happened to a case, oldest first: time, step, actor, note."""
    return rows(
        twin.store.fetch("SELECT time, step, actor, note FROM case_event WHERE case_id = $id ORDER BY time", {"id": id})
    )


def _event(case: str, time: datetime, step: str, actor: str, note: str) -> Change:
    return Change(
        "INSERT INTO case_event VALUES ($case, $time, $step, $actor, $note)",
        {"case": case, "time": time, "step": step, "actor": actor, "note": note},
    )


def _due(since: datetime, step: Step, zone: str) -> datetime | None:
    """End of the step's last working day (Monday to Friday), or None where the step has no deadline."""
    if not step.days:
        return None
    day = since.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    left = step.days
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return day + timedelta(days=1)
