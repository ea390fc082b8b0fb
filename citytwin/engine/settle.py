"""What became of an alarm? The one way in which alarms change: with every transition put on record, and told to whoever listens."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from citytwin.engine.twin import Twin, rows
from citytwin.kernel.store import Change

MOST = 10_000
"""Transitions told at once at most; the newest. All are on record."""
_APPEND = """
  INSERT INTO alarm_event
  SELECT (SELECT coalesce(max(n), 0) FROM alarm_event) + row_number() OVER (ORDER BY since, alarm), alarm, rule, asset_id, $now, told, state, $by, $reason
  FROM alarm_standing WHERE told <> state"""
_TOLD = (
    "UPDATE alarm_row SET told = s.state FROM alarm_standing AS s WHERE s.alarm = alarm_row.alarm AND s.told <> s.state"
)
_WITHDRAWN = """
  INSERT INTO alarm_event
  SELECT (SELECT coalesce(max(n), 0) FROM alarm_event) + row_number() OVER (ORDER BY r.since, r.alarm), r.alarm, r.rule, r.asset_id, $now, r.told, 'cleared', '', 'withdrawn'
  FROM alarm_row AS r JOIN withdrawn AS w ON w.alarm = r.alarm"""


def withdrawn(alarms: pa.Table, now: datetime) -> Change:
    """Put on record that alarms are taken back, since the readings that made them were corrected: before they are deleted."""
    return Change(_WITHDRAWN, {"now": now}, {"withdrawn": alarms})


def untold(twin: Twin) -> bool:
    """Whether an alarm is in a state that is not yet on record as an event."""
    return bool(twin.store.fetch("SELECT 1 FROM alarm_standing WHERE told <> state LIMIT 1").num_rows)


def settle(twin: Twin, now: datetime, *changes: Change, by: str = "", reason: str = "") -> None:
    """Carry out changes of alarms, and put on record what became of each alarm since the last time, in one transaction; then tell it. Idempotent.

    Who calls holds `twin.watching`.
    """
    if twin.alarm_heard and twin.alarm_seen is None:
        twin.alarm_seen = _last(twin)
    twin.store.commit(*changes, Change(_APPEND, {"now": now, "by": by, "reason": reason}), Change(_TOLD))
    if not twin.alarm_heard:
        return
    sql = f"SELECT n, alarm, rule, asset_id, time, before, state, actor, reason FROM alarm_history WHERE n > $seen ORDER BY n DESC LIMIT {MOST}"
    told = rows(twin.store.fetch(sql, {"seen": twin.alarm_seen}))[::-1]
    if told:
        twin.alarm_seen = told[-1]["n"]
        for listener in tuple(twin.alarm_heard):
            listener(told)


def _last(twin: Twin) -> int:
    return int(twin.store.fetch("SELECT coalesce(max(n), 0) AS n FROM alarm_history")["n"][0].as_py())
