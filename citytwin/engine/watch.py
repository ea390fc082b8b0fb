"""What is wrong? Judges readings, indicators and silence by the rules, and keeps one alarm per spell."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from citytwin.engine import load
from citytwin.engine.measure import SUMS
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.errors import CityTwinError, Conflict, NotFound
from citytwin.kernel.rule import Rule
from citytwin.kernel.store import Change
from citytwin.science.spell import spells

log = logging.getLogger("citytwin.watch")
TIME = pa.timestamp("us", tz="UTC")
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Spell:
    """A rule's state at an asset, from `since` to `cleared` (None: it is so now), with the value that stands out most and the limit.

    `pending`: it has not yet held for as long as the rule asks.
    """

    asset: str
    since: datetime
    cleared: datetime | None
    value: float | None
    bound: float | None
    pending: bool = False


def watch(twin: Twin, now: datetime) -> int:
    """Judge everything that came in since each rule last looked. Idempotent: twice gives the same alarms.

    Reads readings, indicators and the last reading of each stream; writes `alarm`. Spells that new or corrected readings touch are
    judged anew; an alarm that stays keeps who acknowledged it. Returns how many alarms are new. A rule that fails is logged and holds up no other.
    """
    with twin.turn:
        last = rows(twin.store.fetch("SELECT coalesce(max(batch), 0) AS batch FROM batch"))[0]["batch"]
        marks = {r["name"]: r for r in rows(twin.store.fetch("SELECT name, batch, version FROM watermark"))}
        new = 0
        for rule in twin.rules.values():
            mark = marks.get(f"rule {rule.id}")
            version = hashlib.sha256(repr(rule).encode()).hexdigest()
            seen = mark["batch"] if mark and mark["version"] == version else -1
            try:
                if rule.silent_s is not None or rule.rows:
                    present = _silent(twin, rule, now) if rule.silent_s is not None else _rows(twin, rule)
                    new += _reconcile(twin, rule, present, now)
                else:
                    since = BEGINNING if seen < 0 else _touched(twin, rule, seen)
                    if since is not None:
                        new += _rejudge(twin, rule, since)
                    if since is not None or seen != last:
                        twin.store.commit(_mark(rule, last, version))
            except CityTwinError as e:
                log.error("rule %s was not judged: %s", rule.id, e)
        return new


def _mark(rule: Rule, batch: int, version: str) -> Change:
    return Change(
        "INSERT INTO watermark VALUES ($name, $batch, $version, NULL) ON CONFLICT (name) DO UPDATE SET batch = excluded.batch, version = excluded.version",
        {"name": f"rule {rule.id}", "batch": batch, "version": version},
    )


def _touched(twin: Twin, rule: Rule, batch: int) -> datetime | None:
    """The earliest moment that changed for this rule after `batch`."""
    if rule.stream:
        sql = "SELECT min(since) AS since FROM batch_span WHERE batch > $batch AND stream_type = $id"
        return _since(twin.store.fetch(sql, {"batch": batch, "id": rule.stream}))
    # figures carry no batch: those computed, or taken back, after the batch was recorded count; or after the next was, if the clock was set back between them
    sql = """WITH seen AS (SELECT coalesce(min(recorded), TIMESTAMPTZ '1970-01-01 00:00:00+00') AS moment FROM batch
               WHERE batch >= (SELECT max(batch) FROM batch WHERE batch <= $batch))
             SELECT min(period) AS since FROM (
               SELECT period FROM indicator_row WHERE indicator = $id AND recorded >= (SELECT moment FROM seen)
               UNION ALL SELECT period FROM indicator_revision WHERE indicator = $id AND replaced >= (SELECT moment FROM seen)) AS touched"""
    return _since(twin.store.fetch(sql, {"batch": batch, "id": rule.indicator}))


def _since(table: pa.Table) -> datetime | None:
    since: datetime | None = table["since"][0].as_py()
    return since


def _rejudge(twin: Twin, rule: Rule, since: datetime) -> int:
    """Judge the rule's series anew from `since`, or from the beginning of a spell that reaches over it."""
    waiting = _since(
        twin.store.fetch("SELECT min(since) AS since FROM pending_row WHERE rule = $rule", {"rule": rule.id})
    )
    since = min(since, waiting) if waiting else since
    while True:
        sql = "SELECT min(since) AS since FROM alarm WHERE rule = $rule AND since < $since AND (cleared IS NULL OR cleared >= $since)"
        earlier = _since(twin.store.fetch(sql, {"rule": rule.id, "since": since}))
        if earlier is None:
            break
        since = earlier
    return _replace(twin, rule, since, list(judge(twin, rule, since)))


def judge(twin: Twin, rule: Rule, since: datetime) -> Iterable[Spell]:
    """The spells of a threshold rule from `since` on."""
    if rule.stream:
        pack, _, local = rule.stream.partition(".")
        sql = f'SELECT asset_id, time, value FROM "{pack}"."{local}" WHERE time >= $since AND value IS NOT NULL ORDER BY asset_id, time'
        table = twin.store.fetch(sql, {"since": since})
    else:
        sql = "SELECT asset_id, period AS time, value FROM indicator_value WHERE indicator = $id AND period >= $since ORDER BY asset_id, period"
        table = twin.store.fetch(sql, {"id": rule.indicator, "since": since})
    if table.num_rows == 0:
        return
    asset = table["asset_id"].combine_chunks().dictionary_encode()
    if isinstance(asset, pa.ChunkedArray):
        asset = pa.concat_arrays(asset.chunks)
    names = asset.dictionary.to_pylist()
    index = asset.indices.to_numpy()
    time = table["time"].cast(TIME).cast(pa.int64()).to_numpy()
    value = table["value"].to_numpy()
    above, below = _limits(twin, rule, names)
    high, low = above[index], below[index]
    on = (value > high) | (value < low)
    off = ~on & ~((value > high - rule.deadband) | (value < low + rule.deadband))
    last = np.append(index[1:] != index[:-1], True)
    for begin, end in spells(index, on, off):
        open_ended = bool(last[end - 1])
        held = time[end - 1] - time[begin] if open_ended else time[end] - time[begin]
        short = held < rule.on_delay_s * 1_000_000
        if short and not open_ended:
            continue
        part = value[begin:end]
        over = np.isfinite(high[begin])
        worst = int(np.argmax(part)) if over and part.max() > high[begin] else int(np.argmin(part))
        yield Spell(
            names[index[begin]],
            _moment(time[begin]),
            None if open_ended else _moment(time[end]),
            float(part[worst]),
            float(high[begin]) if over and part[worst] > high[begin] else float(low[begin]),
            pending=bool(short),
        )


def _limits(twin: Twin, rule: Rule, assets: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower limit of each asset; an asset whose attribute is not given has none."""

    def limit(given: float | str | None, none: float) -> np.ndarray:
        if given is None:
            return np.full(len(assets), none)
        if not isinstance(given, str):
            return np.full(len(assets), float(given))
        kind = twin.streams[rule.stream].asset if rule.stream else twin.indicators[rule.indicator].per
        pack, _, local = kind.partition(".")
        found = twin.store.fetch(f'SELECT asset_id, CAST("{given}" AS DOUBLE) AS bound FROM "{pack}"."{local}"')
        held = dict(zip(found["asset_id"].to_pylist(), found["bound"].to_pylist(), strict=True))
        return np.array([none if held.get(a) is None else held[a] for a in assets], float)

    if rule.outside is not None:
        return limit(rule.outside[1], np.inf), limit(rule.outside[0], -np.inf)
    return limit(rule.above, np.inf), limit(rule.below, -np.inf)


def _silent(twin: Twin, rule: Rule, now: datetime) -> list[Spell]:
    latest = twin.store.latest()
    latest = latest.filter(pa.array(np.array(latest["stream_type"].to_pylist(), object) == rule.stream, pa.bool_()))
    assert rule.silent_s is not None
    found = []
    for asset, time in zip(latest["asset_id"].to_pylist(), latest["time"].to_pylist(), strict=True):
        quiet = (now - time).total_seconds()
        if quiet > rule.silent_s:
            found.append(Spell(asset, time, None, quiet, float(rule.silent_s)))
    return found


def _rows(twin: Twin, rule: Rule) -> list[Spell]:
    folder = next(p.folder for p in twin.packs if p.id == rule.id.partition(".")[0])
    sql = (Path(folder) / "rows" / rule.rows).read_text("utf-8")
    if SUMS & set(load.reads(sql)):
        twin.store.roll()
    table = twin.store.fetch(sql)
    return [
        Spell(r["asset_id"], r["since"], None, r["value"], None)
        for r in rows(table.select(["asset_id", "since", "value"]))
    ]


def _reconcile(twin: Twin, rule: Rule, present: list[Spell], now: datetime) -> int:
    """Open what is present and not yet open; clear what is open and no longer present."""
    current = {
        r["asset_id"]: r
        for r in rows(
            twin.store.fetch(
                "SELECT asset_id, alarm FROM alarm WHERE rule = $rule AND cleared IS NULL", {"rule": rule.id}
            )
        )
    }
    here = {s.asset for s in present}
    new = [s for s in present if s.asset not in current]
    gone = [r["alarm"] for asset, r in current.items() if asset not in here]
    changes = []
    if gone:
        changes.append(
            Change(
                "UPDATE alarm_row SET cleared = $now WHERE alarm IN (SELECT alarm FROM gone)",
                {"now": now},
                {"gone": pa.table({"alarm": gone})},
            )
        )
    if new:
        changes.append(_insert(rule, new))
    if changes:
        twin.store.commit(*changes)
    return len(new)


def _replace(twin: Twin, rule: Rule, since: datetime, found: list[Spell]) -> int:
    """Put the spells from `since` on in the place of those on record; unchanged ones keep what people did to them."""
    table = _table(rule, [s for s in found if not s.pending])
    waiting = [s for s in found if s.pending]
    known = twin.store.fetch(
        "SELECT alarm, acknowledged, acknowledged_by FROM alarm WHERE rule = $rule AND since >= $since",
        {"rule": rule.id, "since": since},
    )
    twin.store.commit(
        Change("DELETE FROM alarm_row WHERE rule = $rule AND since >= $since", {"rule": rule.id, "since": since}),
        Change(
            "INSERT INTO alarm_row SELECT f.alarm, f.rule, f.asset_id, f.level, f.since, f.value, f.bound, f.cleared, k.acknowledged, "
            "coalesce(k.acknowledged_by, '') FROM found AS f LEFT JOIN known AS k ON k.alarm = f.alarm",
            tables={"found": table, "known": known},
        ),
        Change("DELETE FROM pending_row WHERE rule = $rule", {"rule": rule.id}),
        Change(
            "INSERT INTO pending_row SELECT rule, asset_id, since FROM waiting",
            tables={"waiting": _table(rule, waiting)},
        ),
    )
    return len(set(table["alarm"].to_pylist()) - set(known["alarm"].to_pylist()))


def _insert(rule: Rule, found: list[Spell]) -> Change:
    return Change(
        "INSERT INTO alarm_row SELECT alarm, rule, asset_id, level, since, value, bound, cleared, NULL, '' FROM found ON CONFLICT DO NOTHING",
        tables={"found": _table(rule, found)},
    )


def _table(rule: Rule, found: list[Spell]) -> pa.Table:
    return pa.table(
        {
            "alarm": pa.array([_alarm_id(rule, s) for s in found], pa.string()),
            "rule": pa.array([rule.id] * len(found), pa.string()),
            "asset_id": pa.array([s.asset for s in found], pa.string()),
            "level": pa.array([rule.level] * len(found), pa.string()),
            "since": pa.array([s.since for s in found], TIME),
            "value": pa.array([s.value for s in found], pa.float64()),
            "bound": pa.array([s.bound for s in found], pa.float64()),
            "cleared": pa.array([s.cleared for s in found], TIME),
        }
    )


def _alarm_id(rule: Rule, spell: Spell) -> str:
    """The same spell has the same id however often it is judged."""
    return hashlib.sha256(f"{rule.id} {spell.asset} {int(spell.since.timestamp())}".encode()).hexdigest()[:16]


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(int(microseconds) / 1e6, UTC)


def acknowledge(twin: Twin, alarm: str, by: str) -> None:
    """Record that a person has seen the alarm. Idempotent: the first one stays. Raises NotFound, and Conflict once it has cleared."""
    with twin.turn:
        found = rows(twin.store.fetch("SELECT state FROM alarm WHERE alarm = $alarm", {"alarm": alarm}))
        if not found:
            raise NotFound(f"there is no alarm '{alarm}'", "see /api/alarms", alarm)
        if found[0]["state"] == "cleared":
            raise Conflict("the alarm has already cleared", "nothing is left to acknowledge", alarm)
        twin.store.commit(
            Change(
                "UPDATE alarm_row SET acknowledged = $now, acknowledged_by = $by WHERE alarm = $alarm AND acknowledged IS NULL",
                {"now": twin.clock.now(), "by": by, "alarm": alarm},
            )
        )
