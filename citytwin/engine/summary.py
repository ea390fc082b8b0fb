"""How is the city? The figures of the first screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from citytwin.engine import track
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.plan import Progress
from citytwin.kernel.stream import StreamType
from citytwin.science.cadence import SILENT, SILENT_S

STATUSES = ("met", "on_track", "at_risk", "missed", "not_measured")
LEVELS = ("critical", "high", "medium", "low")


def alive(declared: StreamType | None, last: datetime, now: datetime) -> bool:
    """Whether a stream still reports: its last reading is younger than three cadences, or ten minutes."""
    return declared is not None and (now - last).total_seconds() <= max(SILENT * declared.cadence_s, SILENT_S)


def tally(standings: Sequence[Progress]) -> dict[str, int]:
    """How many of these targets stand how; shares of a divided target are in their whole."""
    whole = [p for p in standings if not p.part]
    return {**{s: sum(p.status == s for p in whole) for s in STATUSES}, "total": len(whole)}


def summary(twin: Twin, now: datetime, standings: Sequence[Progress] | None = None) -> dict[str, Any]:
    """Targets by status (today's, unless `standings` are given), open alarms by level, cases, streams alive, assets and readings.

    How many readings there are of a part of the city is not counted: None. Reads only.
    """
    if standings is None:
        standings = track.progress(twin, now.astimezone(ZoneInfo(twin.city.zone)).date())
    latest = twin.store.latest()
    kinds, times = latest["stream_type"].to_pylist(), latest["time"].to_pylist()
    open_alarms = rows(
        twin.store.fetch(
            "SELECT level, state, count(*) AS n FROM alarm WHERE state IN ('active', 'acknowledged') GROUP BY level, state"
        )
    )
    cases = twin.store.fetch(
        "SELECT count(*) AS n, count(*) FILTER (WHERE due < $now) AS late FROM case_file WHERE closed IS NULL",
        {"now": now},
    )
    counted = rows(twin.store.fetch("SELECT count(*) AS batches, CAST(sum(rows) AS BIGINT) AS n FROM batch"))[0]
    return {
        "targets": tally(standings),
        "alarms": {
            "active": sum(r["n"] for r in open_alarms if r["state"] == "active"),
            "acknowledged": sum(r["n"] for r in open_alarms if r["state"] == "acknowledged"),
            "by_level": {level: sum(r["n"] for r in open_alarms if r["level"] == level) for level in LEVELS},
        },
        "cases": {"open": rows(cases)[0]["n"], "overdue": rows(cases)[0]["late"]},
        "streams": {
            "total": latest.num_rows,
            "alive": sum(alive(twin.streams.get(k), t, now) for k, t in zip(kinds, times, strict=True)),
        },
        "assets": len(twin.asset_types),
        "readings": counted["n"] if counted["batches"] else 0,
    }
