"""What is wrong? Judges readings, indicators, forecasts and silence by the rules, and keeps one alarm per spell."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol

import pyarrow as pa

from citytwin.engine.hold import arrange
from citytwin.engine.judge import TIME, Spell, judge, present
from citytwin.engine.learn import touched
from citytwin.engine.settle import withdrawn
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.errors import CityTwinError
from citytwin.kernel.rule import Rule
from citytwin.kernel.store import Change

log = logging.getLogger("citytwin.watch")
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
PART = 200
"""Assets whose past is read in one go."""
END = datetime(9000, 1, 1, tzinfo=UTC)


class Quick(Protocol):
    """Whoever judges readings as they come in (engine/heed.py)."""

    def drain(self) -> None:
        """Return once what came in by now has been judged."""

    def judged(self, rule: Rule, batch: int) -> bool:
        """Whether nothing of a batch is left to be judged by this rule."""

    def flush(self, rule: Rule) -> Sequence[Change]:
        """What it knows of the rule and has not put on record: states that wait for their delay, and the worst values."""

    def renew(self, rule: Rule, whole: bool, assets: Collection[str] = ()) -> None:
        """Look up how the rule stands where it did not know and at these assets, or everywhere."""

    def astray(self, rule: Rule, batch: int) -> Collection[str] | None:
        """At which assets it does not know how the rule stands; None where it has not seen the batch."""

    def forget(self, batch: int) -> None:
        """Batches up to this one are on every rule's mark."""


def watch(twin: Twin, now: datetime, quick: Quick | None = None) -> int:
    """Judge everything that came in since each rule last looked, but what `quick` has judged. Idempotent: twice gives the same alarms.

    Reads readings, indicators, forecasts and the last reading of each stream; writes `alarm`. Spells that new or corrected readings touch are
    judged anew; an alarm that stays keeps what people did to it. Returns how many alarms are new. A rule that fails is logged and holds up no other.
    """
    with twin.turn:
        last = rows(twin.store.fetch("SELECT coalesce(max(batch), 0) AS batch FROM batch"))[0]["batch"]
        if quick:
            quick.drain()
        marks = {r["name"]: r for r in rows(twin.store.fetch("SELECT name, batch, version FROM watermark"))}
        new = 0
        for rule in twin.rules.values():
            mark = marks.get(f"rule {rule.id}")
            version = version_of(rule)
            seen = mark["batch"] if mark and mark["version"] == version else -1
            try:
                with twin.watching:
                    if rule.silent_s is not None or rule.rows or rule.forecast:
                        new += _reconcile(twin, rule, now)
                        continue
                    held = quick.flush(rule) if quick else ()
                    if held:
                        twin.store.commit(*held)
                    if rule.relative:
                        early = _touched_assets(twin, rule, seen, quick) if seen >= 0 else _all_assets(twin, rule, now)
                        if early:
                            new += _rejudge(twin, rule, END, now, early)
                            if quick:
                                quick.renew(rule, seen < 0, early)
                        if early or seen != last:
                            twin.store.commit(_mark(rule, last, version))
                        continue
                    since = BEGINNING if seen < 0 else _touched(twin, rule, seen, quick)
                    if since is not None:
                        new += _rejudge(twin, rule, since, now)
                        if quick:
                            quick.renew(rule, seen < 0)
                    if since is not None or seen != last:
                        twin.store.commit(_mark(rule, last, version))
            except CityTwinError as e:
                log.error("rule %s was not judged: %s", rule.id, e)
        with twin.watching:
            arrange(twin, now)
        if quick:
            quick.forget(last)
        return new


def _mark(rule: Rule, batch: int, version: str) -> Change:
    return Change(
        "INSERT INTO watermark VALUES ($name, $batch, $version, NULL) ON CONFLICT (name) DO UPDATE SET batch = excluded.batch, version = excluded.version",
        {"name": f"rule {rule.id}", "batch": batch, "version": version},
    )


def version_of(rule: Rule) -> str:
    """Another one for every change of the rule."""
    return hashlib.sha256(repr(rule).encode()).hexdigest()


def _all_assets(twin: Twin, rule: Rule, now: datetime) -> dict[str, datetime]:
    """Where a rule that is new has to look, and from when: what it judges by what was before, it judges no further back than that."""
    sql = "SELECT DISTINCT asset_id FROM stream WHERE stream_type = $id UNION SELECT DISTINCT asset_id FROM alarm WHERE rule = $rule"
    assets = twin.store.fetch(sql, {"id": rule.stream, "rule": rule.id})["asset_id"].to_pylist()
    return dict.fromkeys(assets, now - timedelta(days=rule.learn_days))


def _touched_assets(twin: Twin, rule: Rule, batch: int, quick: Quick | None) -> dict[str, datetime]:
    """The earliest moment that changed for this rule after `batch` at each asset, but where `quick` knows how it stands."""
    sql = "SELECT DISTINCT batch FROM batch_span WHERE batch > $batch AND stream_type = $id ORDER BY batch"
    batches = [r["batch"] for r in rows(twin.store.fetch(sql, {"batch": batch, "id": rule.stream}))]
    left = [b for b in batches if not (quick and quick.judged(rule, b))]
    astray = {b: quick.astray(rule, b) if quick else None for b in left}
    found = touched(twin, rule, [b for b in left if astray[b] is None]) if left else {}
    if some := [b for b in left if astray[b] is not None]:
        lost = astray[some[0]] or ()
        for asset, since in touched(twin, rule, some).items():
            if asset in lost:
                found[asset] = min(since, found.get(asset, since))
    return found


def _touched(twin: Twin, rule: Rule, batch: int, quick: Quick | None) -> datetime | None:
    """The earliest moment that changed for this rule after `batch`."""
    if rule.stream:
        sql = "SELECT batch, min(since) AS since FROM batch_span WHERE batch > $batch AND stream_type IN ($id, $other) GROUP BY batch"
        spans = rows(twin.store.fetch(sql, {"batch": batch, "id": rule.stream, "other": rule.against or rule.stream}))
        return min((r["since"] for r in spans if not (quick and quick.judged(rule, r["batch"]))), default=None)
    # figures carry no batch: those computed, or taken back, after the batch was recorded count; or after the next was, if the clock was set back between them
    sql = """WITH seen AS (SELECT coalesce(min(recorded), TIMESTAMPTZ '1970-01-01 00:00:00+00') AS moment FROM batch
               WHERE batch >= (SELECT max(batch) FROM batch WHERE batch <= $batch))
             SELECT min(period) AS since FROM (
               SELECT period FROM indicator_row WHERE indicator = $id AND recorded >= (SELECT moment FROM seen)
               UNION ALL SELECT period FROM indicator_revision WHERE indicator = $id AND replaced >= (SELECT moment FROM seen)) AS touched"""
    since: datetime | None = twin.store.fetch(sql, {"batch": batch, "id": rule.indicator})["since"][0].as_py()
    return since


def _rejudge(twin: Twin, rule: Rule, since: datetime, now: datetime, only: Mapping[str, datetime] | None = None) -> int:
    """Judge the rule's series anew from `since`, or at each asset from the beginning of a spell that reaches over it; or some assets `only`, each from its own time."""
    delay = timedelta(seconds=rule.on_delay_s)  # a state that was too short may have begun so long before
    reach = timedelta(seconds=rule.off_delay_s)
    early = {asset: begin - delay for asset, begin in (only or {}).items()}
    since = END if only else since - delay
    over = [
        r
        for r in rows(
            twin.store.fetch(
                "SELECT alarm, asset_id, since, cleared FROM alarm WHERE rule = $rule AND (since >= $since OR cleared IS NULL OR cleared >= $reach)",
                {
                    "rule": rule.id,
                    "since": min([since, *early.values()]),
                    "reach": min([since, *early.values()]) - reach,
                },
            )
        )
        if not only
        or (
            (begin := early.get(r["asset_id"]))
            and (r["since"] >= begin or r["cleared"] is None or r["cleared"] >= begin - reach)
        )
    ]
    waiting = rows(twin.store.fetch("SELECT asset_id, since FROM pending_row WHERE rule = $rule", {"rule": rule.id}))
    for r in (*over, *waiting):
        if r["since"] < early.get(r["asset_id"], since) and (not only or r["asset_id"] in only):
            early[r["asset_id"]] = r["since"]
    found = [s for part in parts(early) for s in judge(twin, rule, END, part)] if only else judge(twin, rule, since, early)  # fmt: skip
    return _replace(twin, rule, [r["alarm"] for r in over], found, now, only)


def retire(twin: Twin, now: datetime) -> None:
    """Let go of the alarms whose rule is no longer declared: nothing would ever end them. Idempotent."""
    declared = pa.table({"rule": pa.array(list(twin.rules), pa.string())})
    sql = "SELECT 1 FROM alarm_standing WHERE state <> 'cleared' AND rule NOT IN (SELECT rule FROM declared) LIMIT 1"
    with twin.watching:
        if not twin.store.fetch(sql, tables={"declared": declared}).num_rows:
            return
        gone = Change(
            """UPDATE alarm_row SET cleared = coalesce(cleared, $now), reset = coalesce(reset, $now)
               WHERE alarm IN (SELECT alarm FROM alarm_standing WHERE state <> 'cleared') AND rule NOT IN (SELECT rule FROM declared)""",
            {"now": now},
            {"declared": declared},
        )
        arrange(twin, now, gone, Change("DELETE FROM pending_row WHERE rule NOT IN (SELECT rule FROM declared)", tables={"declared": declared}), reason="rule withdrawn")  # fmt: skip


def parts(early: Mapping[str, datetime]) -> Iterator[dict[str, datetime]]:
    """Some assets at a time: what was long ago is read of each."""
    todo = iter(early.items())
    while part := dict(islice(todo, PART)):
        yield part


def _reconcile(twin: Twin, rule: Rule, now: datetime) -> int:
    """Open what is present and not yet open; clear what is open and no longer present."""
    current = {
        r["asset_id"]: r["alarm"]
        for r in rows(
            twin.store.fetch(
                "SELECT asset_id, alarm FROM alarm WHERE rule = $rule AND cleared IS NULL", {"rule": rule.id}
            )
        )
    }
    found = present(twin, rule, now, current)
    here = {s.asset for s in found}
    new = [s for s in found if s.asset not in current]
    gone = [alarm for asset, alarm in current.items() if asset not in here]
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
        changes.append(opened((rule, new)))
    if changes:
        twin.store.commit(*changes)
    return len(new)


def _replace(
    twin: Twin,
    rule: Rule,
    over: Sequence[str],
    found: Sequence[Spell],
    now: datetime,
    only: Collection[str] | None = None,
) -> int:
    """Put the spells that were found (at some assets `only`) in the place of the alarms `over`; unchanged ones keep what people did to them."""
    here = table(rule, [s for s in found if not s.pending])
    known = twin.store.fetch(
        "SELECT r.alarm, r.acknowledged, r.acknowledged_by, r.reset, r.hold, r.parent, r.told FROM alarm_row AS r JOIN over ON over.alarm = r.alarm",
        tables={"over": pa.table({"alarm": pa.array(over, pa.string())})},
    )
    ids = set(here["alarm"].to_pylist())
    gone = pa.table({"alarm": pa.array([a for a in known["alarm"].to_pylist() if a not in ids], pa.string())})
    twin.store.commit(
        *([withdrawn(gone, now)] if gone.num_rows else []),
        Change("DELETE FROM alarm_row WHERE alarm IN (SELECT alarm FROM known)", tables={"known": known}),
        Change(
            "INSERT INTO alarm_row SELECT f.alarm, f.rule, f.asset_id, f.level, f.since, f.value, f.bound, f.cleared, k.acknowledged, "
            "coalesce(k.acknowledged_by, ''), f.latching, f.must_acknowledge, k.reset, coalesce(k.hold, ''), k.parent, coalesce(k.told, '') "
            "FROM found AS f LEFT JOIN known AS k ON k.alarm = f.alarm ON CONFLICT DO NOTHING",
            tables={"found": here, "known": known},
        ),
        Change(
            "DELETE FROM pending_row WHERE rule = $rule AND ($all OR asset_id IN (SELECT asset_id FROM about))",
            {"rule": rule.id, "all": only is None},
            {"about": pa.table({"asset_id": pa.array(list(only or ()), pa.string())})},
        ),
        Change(
            "INSERT INTO pending_row SELECT rule, asset_id, since FROM waiting",
            tables={"waiting": table(rule, [s for s in found if s.pending])},
        ),
    )
    return len(ids - set(known["alarm"].to_pylist()))


def opened(*found: tuple[Rule, Sequence[Spell]]) -> Change:
    """Put alarms of rules on record that are not there yet: all in one statement, each of which costs as much as a hundred alarms."""
    return Change(
        "INSERT INTO alarm_row SELECT alarm, rule, asset_id, level, since, value, bound, cleared, NULL, '', latching, must_acknowledge, NULL, '', NULL, '' "
        "FROM found ON CONFLICT DO NOTHING",
        tables={"found": pa.concat_tables([table(rule, spells) for rule, spells in found])},
    )


def table(rule: Rule, found: Sequence[Spell]) -> pa.Table:
    """Spells of a rule as rows of `alarm_row`."""
    return pa.table(
        {
            "alarm": pa.array([alarm_id(rule, s.asset, s.since) for s in found], pa.string()),
            "rule": pa.array([rule.id] * len(found), pa.string()),
            "asset_id": pa.array([s.asset for s in found], pa.string()),
            "level": pa.array([rule.level] * len(found), pa.string()),
            "since": pa.array([s.since for s in found], TIME),
            "value": pa.array([s.value for s in found], pa.float64()),
            "bound": pa.array([s.bound for s in found], pa.float64()),
            "cleared": pa.array([s.cleared for s in found], TIME),
            "latching": pa.array([rule.latching] * len(found), pa.bool_()),
            "must_acknowledge": pa.array([rule.must_acknowledge] * len(found), pa.bool_()),
        }
    )


def alarm_id(rule: Rule, asset: str, since: datetime) -> str:
    """The same spell has the same id however often it is judged."""
    return hashlib.sha256(f"{rule.id} {asset} {int(since.timestamp())}".encode()).hexdigest()[:16]
