"""What is declared and never exercised? Asked once the demo has been played."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from citytwin.engine import load
from citytwin.engine.check.sql import statements
from citytwin.engine.check.stage import DAYS, UNTIL
from citytwin.engine.check.subject import text
from citytwin.engine.twin import rows
from citytwin.kernel.errors import Fault
from citytwin.kernel.panel import Panel
from citytwin.kernel.rule import Rule

if TYPE_CHECKING:
    from citytwin.engine.check.stage import Play


LEAST, MOST = 2, 0.8
"""A rule that looks at so many assets and holds for more than that share of their time alarms on everything."""
OFTEN = 4.0
"""And one that raises more alarms than that a day, on the average of all assets it looks at, chatters everywhere."""


def idle(p: Play) -> Iterator[Fault]:
    """Everything of the pack that its demo leaves idle."""
    seen = Seen(p)
    pack, subject = p.pack, p.subject

    def fault(id: str, message: str, hint: str) -> Fault:
        return Fault(pack.lines.get(id, load.place(subject.folder / "pack.yaml", 1)), "IDLE", message, hint)

    def local(id: str) -> str:
        return id.removeprefix(f"{pack.id}.")

    for kind in pack.types:
        if kind.id not in seen.types:
            yield fault(kind.id, f"type '{local(kind.id)}' has no asset", "add one in assets() of demo.py")
    for relation in pack.relations:
        if relation.id not in seen.relations:
            yield fault(
                relation.id,
                f"relation type '{local(relation.id)}' has no relation",
                "add one in relations() of demo.py",
            )
    for stream in pack.streams:
        if stream.id not in seen.streams and stream.id not in p.wrote:
            yield fault(
                stream.id,
                f"stream type '{local(stream.id)}' has no readings",
                "give some in readings() or records() of demo.py",
            )
    for indicator in pack.indicators:
        if not p.measured.get(indicator.id, 0):
            yield fault(indicator.id, "the indicator has no rows", "mend the statement, or what the demo gives it")
    for i, rule in enumerate(pack.rules):
        where = subject.at("rules", "rules", i)
        if rule.relative and rule.id not in seen.fired:
            continue  # a few days of some streams need not hold what is unlike them
        if rule.id not in seen.fired:
            yield Fault(
                where, "IDLE", f"rule '{local(rule.id)}' never fires", "let the demo bring it about, or mend the limit"
            )
        elif rule.id not in p.quiet:
            yield Fault(
                where,
                "IDLE",
                f"rule '{local(rule.id)}' is never silent",
                "a rule that always holds says nothing: mend the limit",
            )
        elif found := _flood(p, rule):
            yield Fault(
                where, "FLOOD", f"rule '{local(rule.id)}' {found}", "mend the limit, or give it a delay and a deadband"
            )
    for i, case in enumerate(pack.cases):
        reached = seen.steps.get(case.id, set())
        for k, step in enumerate(case.steps):
            if step.id not in reached:
                hint = "name it in CASE_PATHS of demo.py" if reached else "no rule of the demo opens this case"
                if reached and any(step.id in path for path in seen.paths.get(local(case.id), ())):
                    hint = f"CASE_PATHS names it, but the {seen.cases[case.id]} cases of the demo are too few"
                yield Fault(
                    subject.at("cases", "cases", i, "steps", k),
                    "IDLE",
                    f"step '{step.id}' of case '{local(case.id)}' is never reached",
                    hint,
                )
    for i, panel in enumerate(pack.panels):
        why = seen.blank(panel)
        if why:
            yield Fault(
                subject.at("panels", "panels", i),
                "IDLE",
                f"panel '{local(panel.id)}' has nothing to draw: {why}",
                "let the demo give it something",
            )
    sql = {r for path in statements(subject.folder) for r in load.reads(text(path))}
    python = "\n".join(text(path) for path in sorted(subject.folder.glob("*.py")))
    for table in pack.tables:
        if f"{pack.id}.{table}" not in sql and not re.search(rf"\b{re.escape(table)}\b(\.csv)?", python):
            yield Fault(
                subject.here(f"{table}.csv"),
                "IDLE",
                f"table '{table}' is read by nothing",
                "read it in SQL or Python, or remove it",
            )


def _flood(p: Play, rule: Rule) -> str:
    """What to expect of a rule that holds at most of the assets it looks at for most of the demo; nothing where it does not."""
    begin = UNTIL - timedelta(days=DAYS)
    found = rows(
        p.twin.store.fetch(
            """SELECT count(*) AS n, count(DISTINCT asset_id) AS assets, sum(epoch(least(coalesce(cleared, $until), $until) - greatest(since, $begin))) AS held
               FROM alarm WHERE rule = $rule AND since < $until AND coalesce(cleared, $until) > $begin""",
            {"rule": rule.id, "begin": begin, "until": UNTIL},
        )
    )[0]
    looked = rule.stream or rule.indicator
    if not looked or not found["n"]:
        return ""
    sql = "SELECT count(DISTINCT asset_id) AS n FROM indicator_value WHERE indicator = $id"
    if rule.stream:
        sql = "SELECT count(DISTINCT asset_id) AS n FROM stream WHERE stream_type = $id"
    assets = p.twin.store.fetch(sql, {"id": looked})["n"][0].as_py()
    if rule.relative:
        assets = len(p.sample.get(rule.stream, ()))
    share = found["held"] / (assets * (UNTIL - begin).total_seconds()) if assets else 0.0
    if assets < LEAST or (share < MOST and found["n"] / DAYS / assets < OFTEN):
        return ""
    each = found["n"] / DAYS
    return f"raises {found['n']} alarms on the demo ({each:.0f} a day) at {found['assets']} of {assets} assets, and holds {share:.0%} of the time"


class Seen:
    """What is on record after the play."""

    def __init__(self, p: Play) -> None:
        self.p = p

        def among(sql: str) -> set[str]:
            return {r["id"] for r in rows(p.twin.store.fetch(sql))}

        self.types = among("SELECT DISTINCT type AS id FROM asset")
        self.drawn = among("SELECT DISTINCT type AS id FROM asset WHERE longitude IS NOT NULL")
        self.relations = among("SELECT DISTINCT type AS id FROM relation")
        latest = p.twin.store.latest()
        self.streams = set(latest["stream_type"].to_pylist())
        self.indicators = among("SELECT DISTINCT indicator AS id FROM indicator_value")
        self.fired = among("SELECT DISTINCT rule AS id FROM alarm")
        self.cases = {
            r["id"]: r["n"]
            for r in rows(p.twin.store.fetch("SELECT type AS id, count(*) AS n FROM case_file GROUP BY type"))
        }
        self.steps: dict[str, set[str]] = {}
        for r in rows(
            p.twin.store.fetch(
                "SELECT DISTINCT f.type, e.step FROM case_event AS e JOIN case_file AS f ON f.case_id = e.case_id"
            )
        ):
            self.steps.setdefault(r["type"], set()).add(r["step"])
        self.paths = getattr(load.module(p.pack.id, "demo"), "CASE_PATHS", {})

    def blank(self, panel: Panel) -> str:
        """Why a panel has nothing to draw, or nothing."""
        of = panel.of
        figures = self.streams | self.indicators
        match panel.kind:
            case "map-layer":
                if of not in self.drawn:
                    return f"no asset of '{of}' has a place"
                if panel.by and panel.by not in figures:
                    return f"'{panel.by}' has no figures"
                if panel.height and not self._given(of, panel.height):
                    return f"no asset of '{of}' has '{panel.height}'"
            case "alarm-list":
                if not (of in self.fired if of else self.fired):
                    return "no alarm"
            case "case-board":
                if not (of in self.cases if of else self.cases):
                    return "no case"
            case "run-compare":
                if of not in self.p.ran:
                    return f"'{of}' gave no run"
            case "scorecard":
                if of and of not in self.indicators:
                    return f"'{of}' has no figures"
            case _:
                if of and of not in figures and of not in self.types:
                    return f"'{of}' has no figures"
        return ""

    def _given(self, type: str, attribute: str) -> bool:
        pack, _, local = type.partition(".")
        found = self.p.twin.store.fetch(f'SELECT count("{attribute}") AS n FROM "{pack}"."{local}"')
        return bool(found["n"][0].as_py())
