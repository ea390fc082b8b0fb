"""Stage demo: does the demo play, and is everything that is declared exercised by it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from citytwin.engine import handle, load, measure, play, simulate, watch
from citytwin.engine.check import stage
from citytwin.engine.check.exercise import idle
from citytwin.engine.check.figure import figures
from citytwin.engine.check.reading import cut, moments, prepared, record, shaped
from citytwin.engine.check.stage import DAYS, UNTIL, Halt, Play, ask
from citytwin.engine.check.subject import Subject
from citytwin.engine.check.topic import heard
from citytwin.engine.check.trial import run
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import CityTwinError, Fault
from citytwin.kernel.pack import Pack

PAST, SAMPLE = 10, 12
"""Days before the play, and how many streams of a type, that rules which look back are tried on."""


def check(subject: Subject) -> list[Fault]:
    """Play the demo and name what is wrong with it and what it does not exercise."""
    bench = subject.bench
    packs = _needed(subject, bench.ordered(subject.id))
    clock = FixedClock(UNTIL)
    store = bench.open_store(bench.city.zone, clock)
    faults: list[Fault] = []
    try:
        store.define(packs, load.tables(packs))
        twin = Twin(store, bench.city, packs, clock, tuple(bench.roots))
        player = ask(subject, faults, "assets", lambda: play.Player(twin))
        played = Play(subject, twin, clock, player, faults)
        _strangers(played)
        ask(subject, faults, "relations", player.build)
        _perform(played)
        faults += idle(played)
        faults += heard(played)
    except Halt:
        pass
    except Exception as e:
        # what the demo gave broke a verb: told where the pack had a hand in it, never as a traceback
        faults.append(subject.raised(e, "the demo is played", subject.here("demo.py")))
    finally:
        store.close()
    return faults


def _strangers(p: Play) -> None:
    """Assets are the whole city's: an id that two packs give would be one asset."""
    owner = p.subject.bench.assets
    own = {t.id for t in p.pack.types}
    where = p.subject.defined("demo.py", "assets")
    for asset in p.player.assets:
        if asset.type in own:
            other = owner.setdefault(asset.id, p.pack.id)
            if other != p.pack.id:
                p.faults.append(
                    Fault(
                        where,
                        "DEMO",
                        f"asset '{asset.id}' is already one of the pack '{other}'",
                        "begin ids with something of the pack's own",
                    )
                )
                return


def _needed(subject: Subject, packs: Sequence[Pack]) -> list[Pack]:
    """The pack whole; of those it uses, what it reads."""
    own = subject.pack
    wanted = (
        {r for i in own.indicators for r in i.reads}
        | {r.indicator for r in own.rules}
        | {x for p in own.panels for x in (p.of, p.by)}
    )
    wanted |= {r for model in own.models for r in simulate.describe(model).reads}
    for path in (subject.folder / "rows").glob("*.sql"):
        wanted |= set(load.reads(path.read_text("utf-8")))
    by_id = {i.id: i for p in packs for i in p.indicators}
    todo = [i for i in wanted if i in by_id]
    while todo:
        more = set(by_id[todo.pop()].reads) - wanted
        wanted |= more
        todo += [i for i in more if i in by_id]
    return [
        p
        if p.id == own.id
        else replace(p, rules=(), panels=(), models=(), indicators=tuple(i for i in p.indicators if i.id in wanted))
        for p in packs
    ]


def _perform(p: Play) -> None:
    """The play: readings come in, time passes, rules are judged, cases opened and moved, models run."""
    zone = p.twin.city.zone
    first = datetime(play.RECORDS_SINCE, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    begin = UNTIL - timedelta(days=DAYS)
    given: list[tuple[str, pa.Table]] = []
    for pack in p.twin.packs:
        for name, make, since in (("records", p.player.registers, first), ("readings", p.player.tables, begin)):
            tables = [shaped(p, name, t) for t in stage.tables(p, name, make, pack, since, UNTIL)]
            given += [(pack.id, t) for t in tables]
            if pack.id == p.pack.id and tables:
                low = max(since, UNTIL - timedelta(days=400)) if name == "records" else since
                cut(p, name, make, pack, tables, low)
    given += _past(p, begin)
    ready = prepared(p, given)
    looks = sorted({*moments(p, ready), UNTIL})
    rules = tuple(r for r in p.pack.rules if r.silent_s is not None or r.rows)
    glance = replace(p.twin, packs=[replace(k, rules=rules) if k.id == p.pack.id else k for k in p.twin.packs])
    early = replace(
        p.twin, packs=[replace(k, indicators=tuple(i for i in k.indicators if i.id in _early(p))) for k in p.twin.packs]
    )
    before = None
    for moment in looks:
        p.clock.moment = moment
        record(p, ready, before, moment)
        before = moment
        if moment < UNTIL:
            if early.indicators:
                measure.measure(early, moment)
            watch.watch(glance, moment)
            _note(p, rules)
            handle.handle(p.twin, moment)
            _decide(p, moment)
    figures(p)
    _watch(p)
    for _ in range(5):
        opened = handle.handle(p.twin, UNTIL)
        if _decide(p, UNTIL) + opened == 0:
            break
    for model in p.pack.models:
        run(p, model)


def _past(p: Play, until: datetime) -> list[tuple[str, pa.Table]]:
    """Readings of the days before at some assets, of what rules hold against its own past: so that it is seen whether they would alarm on everything."""
    kinds = {r.stream for r in p.pack.rules if r.relative and r.stream in p.twin.streams}
    found = []
    for pack in p.twin.packs:
        if own := {k for k in kinds if k.partition(".")[0] == pack.id}:
            for given in stage.tables(p, "readings", p.player.tables, pack, until - timedelta(days=PAST), until):
                table = shaped(p, "readings", given)
                names = set(pc.unique(table["stream"].cast(pa.string())).to_pylist())
                for kind in own - p.sample.keys():
                    fit = sorted(n for n in names if n.endswith(f".{kind}"))
                    if fit:
                        p.sample[kind] = fit[:: -(-len(fit) // SAMPLE)]
                wanted = pa.array([n for k in own for n in p.sample.get(k, ())], pa.string())
                found.append((pack.id, table.filter(pc.is_in(table["stream"].cast(pa.string()), value_set=wanted))))
    return [(id, t) for id, t in found if t.num_rows]


def _early(p: Play) -> set[str]:
    """The indicators that rules with rows look at, and those that these read."""
    todo = [
        r
        for rule in p.pack.rules
        if rule.rows
        for r in load.reads((p.subject.folder / "rows" / rule.rows).read_text("utf-8"))
    ]
    found: set[str] = set()
    while todo:
        id = todo.pop()
        if id in p.twin.indicators and id not in found:
            found.add(id)
            todo += p.twin.indicators[id].reads
    return found


def _note(p: Play, rules: Sequence[Any]) -> None:
    """Remember the rules that do not hold at some asset they look at."""
    latest = p.twin.store.latest()
    streams = set(zip(latest["stream_type"].to_pylist(), latest["asset_id"].to_pylist(), strict=True))
    for rule in rules:
        if rule.id in p.quiet:
            continue
        held = {
            r["asset_id"]
            for r in rows(
                p.twin.store.fetch(
                    "SELECT asset_id FROM alarm WHERE rule = $rule AND cleared IS NULL", {"rule": rule.id}
                )
            )
        }
        if rule.stream:
            looked = {asset for kind, asset in streams if kind == rule.stream}
        elif rule.indicator:
            found = p.twin.store.fetch(
                "SELECT DISTINCT asset_id FROM indicator_value WHERE indicator = $id", {"id": rule.indicator}
            )
            looked = set(found["asset_id"].to_pylist())
        else:
            kinds = {p.twin.asset_types.get(a) for a in held}
            looked = {a for a, kind in p.twin.asset_types.items() if kind in kinds} if kinds else {""}
        if looked - held:
            p.quiet.add(rule.id)


def _watch(p: Play) -> None:
    watch.watch(p.twin, UNTIL)
    for rule in p.pack.rules:  # a statement that fails is only logged by the verb
        if rule.rows:
            path = p.subject.folder / "rows" / rule.rows
            try:
                p.twin.store.fetch(path.read_text("utf-8"))
            except CityTwinError as e:
                p.faults.append(Fault(load.place(path, 1), "SQL", e.message, e.hint))
    _note(p, p.pack.rules)
    for r in rows(p.twin.store.fetch("SELECT DISTINCT rule FROM alarm WHERE cleared IS NOT NULL")):
        p.quiet.add(r["rule"])
    for rule in p.pack.rules:  # a state that began later than its series was not always there
        if rule.id not in p.quiet and not rule.rows and rule.silent_s is None:
            pack, _, local = rule.stream.partition(".")
            series = f'SELECT asset_id, min(time) AS first FROM "{pack}"."{local}" GROUP BY asset_id'
            if rule.indicator:
                series = f"SELECT asset_id, min(period) AS first FROM indicator_value WHERE indicator = '{rule.indicator}' GROUP BY asset_id"
            later = p.twin.store.fetch(
                f"SELECT a.alarm FROM alarm AS a JOIN ({series}) AS s ON s.asset_id = a.asset_id WHERE a.rule = $rule AND a.since > s.first",
                {"rule": rule.id},
            )
            if later.num_rows:
                p.quiet.add(rule.id)


def _decide(p: Play, now: datetime) -> int:
    try:
        return p.player.decide(now, whole=True)
    except CityTwinError as e:
        where = p.subject.defined("demo.py", "CASE_PATHS")
        p.faults.append(Fault(where, "DEMO", f"CASE_PATHS: {e.message}", e.hint))
    except (Exception, SystemExit) as e:
        p.faults.append(p.subject.raised(e, "the demo moves its cases", p.subject.defined("demo.py", "CASE_PATHS")))
    raise Halt
