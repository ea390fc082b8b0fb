"""How well do the alarms serve those who answer them? The performance figures of ISA-18.2 and EEMUA 191, of any span."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.rule import Level

PERIOD_S = 600
FLOOD = 10
"""More alarms than that in ten minutes are a flood (ANSI/ISA-18.2-2016, 16; EEMUA 191)."""
CHATTER, CHATTER_S = 3, 60
"""An alarm that comes so often within so many seconds chatters (EEMUA 191)."""
FLEETING_S = 60
STALE_S = 86_400
"""An alarm that has stood for longer than a day is stale (ANSI/ISA-18.2-2016, 16)."""
TOP = 10
MOST_PERIODS = 100_000
ACCEPTABLE_PER_HOUR = 6.0
"""One in ten minutes is what an operator can answer (IEC 62682; EEMUA 191)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A rule at an asset, how many alarms of the span it raised, how many of these lasted for no longer than a minute, and whether it chattered."""

    rule: str
    asset: str
    count: int
    share: float
    fleeting: int = 0
    chattering: bool = False


@dataclass(frozen=True, slots=True)
class Gauge:
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
    top: tuple[Source, ...]
    mix: dict[Level, float]


_TOLD = """
  WITH first AS (SELECT alarm, arg_min(state, n) AS state FROM alarm_history GROUP BY alarm)
  SELECT a.rule, a.asset_id, a.level, a.since, a.cleared, coalesce(f.state, '') IN ('shelved', 'suppressed', 'out_of_service') AS held
  FROM alarm AS a LEFT JOIN first AS f ON f.alarm = a.alarm
  WHERE a.since < $until AND (a.since >= $since OR a.cleared IS NULL OR a.cleared >= $until) ORDER BY a.rule, a.asset_id, a.since"""


def gauge(twin: Twin, since: datetime, until: datetime, operators: int = 1) -> Gauge:
    """The figures of the alarms that were raised in [since, until). Reads only. Raises BadRequest for a span that is empty or too long."""
    span = (until - since).total_seconds()
    if span <= 0:
        raise BadRequest("the span is empty", "until lies after since", "until")
    if span / PERIOD_S > MOST_PERIODS:
        raise BadRequest(f"the span is longer than {MOST_PERIODS * PERIOD_S // 86400} days", "ask for less", "since")
    table = twin.store.fetch(_TOLD, {"since": since, "until": until})
    begun = np.array([t.timestamp() for t in table["since"].to_pylist()]) - since.timestamp()
    ended = np.array([np.inf if t is None else t.timestamp() for t in table["cleared"].to_pylist()]) - since.timestamp()
    told = ~np.array(table["held"].to_pylist(), bool)
    within = begun >= 0
    stale = int((told & (ended > span) & (span - begun > STALE_S)).sum())
    rows = told & within
    sources = [k for k, take in zip(zip(table["rule"].to_pylist(), table["asset_id"].to_pylist(), strict=True), rows.tolist(), strict=True) if take]  # fmt: skip
    levels = np.array(table["level"].to_pylist(), object)[rows]
    begun, ended = begun[rows], ended[rows]
    count = len(begun)
    periods = np.bincount((begun // PERIOD_S).astype(int), minlength=int(np.ceil(span / PERIOD_S)))
    names, which = _distinct(sources)
    times = np.bincount(which, minlength=len(names))
    order = np.argsort(-times, kind="stable")[:TOP]
    quick = np.zeros(len(names), bool)
    if count >= CHATTER:  # the third alarm of a source within a minute of the first
        n = CHATTER - 1
        near = (which[n:] == which[:-n]) & (begun[n:] - begun[:-n] <= CHATTER_S)
        quick[which[n:][near]] = True
    brief = np.bincount(which[ended - begun <= FLEETING_S], minlength=len(names))
    return Gauge(
        since,
        until,
        operators,
        count,
        int((within & ~told).sum()),
        count / (span / 3600) / operators,
        int(periods.max(initial=0)),
        float((periods > FLOOD * operators).mean()),
        int(quick.sum()),
        int((brief > 0).sum()),
        stale,
        float(times[order].sum() / count) if count else 0.0,
        tuple(
            Source(names[k][0], names[k][1], int(times[k]), float(times[k] / count), int(brief[k]), bool(quick[k]))
            for k in order.tolist()
        ),
        {level: float((levels == level).mean()) if count else 0.0 for level in ("critical", "high", "medium", "low")},
    )


def _distinct(sources: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], np.ndarray]:
    place: dict[tuple[str, str], int] = {}
    which = np.array([place.setdefault(s, len(place)) for s in sources], int)
    return list(place), which


HOUR_S, DAY_S = 3600, 86_400
HOURS = 72
"""Of so many hours at most each is told apart; of a longer span each day."""


@dataclass(frozen=True, slots=True)
class AlarmCourse:
    """What came in each step of a span, in columns: `time` is when a step begins (milliseconds since 1970 UTC), `peak` that of its ten minutes, `flooded` the share of its periods in flood.

    Steps are counted back from `until`, so that the last one is whole; alarms held from the beginning are left out.
    """

    step_s: int
    time: tuple[int, ...]
    raised: dict[Level, tuple[int, ...]]
    peak: tuple[int, ...]
    flooded: tuple[float, ...]


def course(twin: Twin, since: datetime, until: datetime, operators: int = 1) -> AlarmCourse:
    """How the alarms of [since, until) are spread over it. Reads only. Raises BadRequest as `gauge` does."""
    span = (until - since).total_seconds()
    if span <= 0:
        raise BadRequest("the span is empty", "until lies after since", "until")
    if span / PERIOD_S > MOST_PERIODS:
        raise BadRequest(f"the span is longer than {MOST_PERIODS * PERIOD_S // 86400} days", "ask for less", "since")
    step = HOUR_S if span <= HOURS * HOUR_S else DAY_S
    count = int(np.ceil(span / step))
    table = twin.store.fetch(_TOLD, {"since": since, "until": until})
    begin = until.timestamp() - count * step
    begun = np.array([t.timestamp() for t in table["since"].to_pylist()]) - begin
    took = ~np.array(table["held"].to_pylist(), bool) & (begun >= count * step - span)
    begun, levels = begun[took], np.array(table["level"].to_pylist(), object)[took]
    periods = np.bincount((begun // PERIOD_S).astype(int), minlength=count * step // PERIOD_S).reshape(count, -1)
    steps = (begun // step).astype(int)
    return AlarmCourse(
        step,
        tuple(int((begin + n * step) * 1000) for n in range(count)),
        {
            k: tuple(np.bincount(steps[levels == k], minlength=count).tolist())
            for k in ("critical", "high", "medium", "low")
        },
        tuple(periods.max(axis=1).tolist()),
        tuple((periods > FLOOD * operators).mean(axis=1).tolist()),
    )
