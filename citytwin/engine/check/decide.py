"""Stage names, what decides: do forms, guards, decision tables and scorecards hold before anybody fills anything in?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from citytwin.engine import form
from citytwin.engine.check.ids import Ids
from citytwin.engine.check.subject import Subject
from citytwin.kernel import feel, scorecard
from citytwin.kernel.case import KNOWN, CaseType, Step, facts
from citytwin.kernel.dmn import Tables
from citytwin.kernel.errors import BadRequest, Fault


def cases(subject: Subject, ids: Ids) -> Iterator[Fault]:
    """Everything in forms, guards, deadlines, tables and scorecards that cannot work."""
    pack = subject.pack
    tables = Tables({t.id: t for t in pack.decision_tables}, facts(pack.cases))
    used: set[str] = set()
    for i, kind in enumerate(pack.cases):
        at = partial(subject.at, "cases", "cases", i)
        what = f"case '{kind.id.partition('.')[2]}'"
        if kind.form is not None:
            yield from (Fault(at("form"), "SCHEMA", f"the form of {what} {m}", h) for m, h in form.flaws(kind.form))
        if kind.days < 0 or kind.calendar_days < 0 or kind.attachments.largest <= 0 or kind.attachments.most < 0:
            yield Fault(at(), "NAMES", f"{what} has a number below nothing", "days, largest and most are from 0 on")
        yield from _recurs(subject, ids, kind, at, what)
        for opener, lacking in _unfilled(subject, kind):
            yield Fault(at("form"), "NAMES", f"{what} is opened by {opener}, which fills in no {', '.join(lacking)}", "ask for it at the first step")  # fmt: skip
        for name in kind.tells:
            if name not in kind.fields():
                yield Fault(at("tells"), "NAMES", f"{what} tells '{name}', which no form has", f"fields: {', '.join(sorted(kind.fields())) or 'none'}")  # fmt: skip
        if kind.public and kind.about is None:
            yield Fault(at("public"), "NAMES", f"{what} is public and says not what it is for", "about: {zh: …, en: …}")
        for k, step in enumerate(kind.steps):
            where = partial(at, "steps", k)
            told = f"step '{step.id}' of {what}"
            if step.form is not None:
                yield from (Fault(where("form"), "SCHEMA", f"the form of {told} {m}", h) for m, h in form.flaws(step.form))  # fmt: skip
            yield from _itself(subject, ids, kind, step, where, told)
            if (
                step.hours < 0
                or step.calendar_days < 0
                or step.extend < 0
                or any(r < 0 for r in step.remind)
                or any(e.after_days < 0 for e in step.escalate)
            ):
                yield Fault(where(), "NAMES", f"{told} has a number below nothing", "hours and days are from 0 on")
            if (step.remind or step.escalate or step.extend or step.lapse) and not (
                step.days or step.hours or step.calendar_days
            ):
                yield Fault(where(), "NAMES", f"{told} speaks of a deadline it does not have", "give days, calendar_days or hours")  # fmt: skip
            for n, proof in enumerate(step.proofs):
                if any(p.id == proof.id for s in kind.steps for p in s.proofs if p is not proof):
                    yield Fault(where("proofs", n), "NAMES", f"proof '{proof.id}' is asked for twice", "give it another id")  # fmt: skip
            if step.guard:
                used.add(step.guard)
                yield from (
                    Fault(where("guard"), "NAMES", f"{told}: {m}", h)
                    for m, h in _guard(tables, _facts(subject, kind), step)
                )
    for card in pack.scorecards:
        used |= {f.table for v in card.versions for f in v.factors}
    used |= {other for t in pack.decision_tables for other in tables.asks(t)}
    for i, table in enumerate(pack.decision_tables):
        for flaw in tables.flaws(table.id):
            path: tuple[str | int, ...] = ("rows", flaw.row, flaw.part) if flaw.row >= 0 else ()
            if flaw.row >= 0 and flaw.column >= 0:
                path = (*path, flaw.column)
            elif flaw.part in ("inputs", "outputs"):
                path = (flaw.part, flaw.column)
            yield Fault(subject.at("cases", "decision_tables", i, *path), "NAMES", f"table '{table.id}': {flaw.message}", flaw.hint)  # fmt: skip
        if table.id not in used:
            yield Fault(subject.at("cases", "decision_tables", i), "IDLE", f"table '{table.id}' decides nothing", "name it as guard, factor or input")  # fmt: skip
    for i, card in enumerate(pack.scorecards):
        for n, message, hint in scorecard.flaws(card, tables):
            spot: tuple[str | int, ...] = ("versions", n) if n >= 0 else ()
            yield Fault(subject.at("cases", "scorecards", i, *spot), "NAMES", f"scorecard '{card.id.partition('.')[2]}': {message}", hint)  # fmt: skip


def _facts(subject: Subject, kind: CaseType) -> frozenset[str]:
    """The names of everything that may be known of a case of this kind: what is filled in, what is known of every case, and what cases under it tell."""
    return kind.fields() | KNOWN | {name for k in subject.pack.cases for name in k.tells}


def _recurs(subject: Subject, ids: Ids, kind: CaseType, at: Any, what: str) -> Iterator[Fault]:
    """What is wrong with how a kind recurs."""
    recurs = kind.recurs
    if recurs is None:
        return
    if recurs.per and recurs.under:
        yield Fault(at("recurs"), "NAMES", f"{what} recurs both at assets and under cases", "name per or under")
    if recurs.per:
        yield from ids.lost(recurs.per, ("type",), at("recurs", "per"), what)
    if recurs.under:
        yield from ids.lost(recurs.under, ("case",), at("recurs", "under"), what)
    above = next((c for c in subject.pack.cases if c.id == recurs.under), None)
    for step in recurs.at:
        if above is None or above.step(step) is None:
            yield Fault(at("recurs", "at"), "NAMES", f"{what} recurs at step '{step}', which is none of '{recurs.under}'", "name a step of the kind above")  # fmt: skip


def _unfilled(subject: Subject, kind: CaseType) -> Iterator[tuple[str, list[str]]]:
    """What opens a kind without filling in all that its form requires: nobody is there to do so."""
    required = list((kind.form or {}).get("required", ()))
    if not required:
        return
    openers = [("the calendar", frozenset[str]())] if kind.recurs and not kind.recurs.under else []
    openers += [(f"rule '{r.id.partition('.')[2]}'", frozenset()) for r in subject.pack.rules if r.opens == kind.id]
    for above in subject.pack.cases:
        if (kind.recurs and kind.recurs.under == above.id) or any(
            o.type == kind.id for s in above.steps for o in s.opens
        ):
            openers.append((f"case '{above.id.partition('.')[2]}'", above.fields()))
    for opener, filled in openers:
        if lacking := [r for r in required if r not in filled]:
            yield opener, lacking


def _itself(subject: Subject, ids: Ids, kind: CaseType, step: Step, where: Any, told: str) -> Iterator[Fault]:
    """What is wrong with what happens at a step by itself, and with who may do it."""
    if step.lapse and step.lapse not in step.next:
        yield Fault(where("lapse"), "NAMES", f"{told} lapses to '{step.lapse}', which does not follow", f"what follows: {', '.join(step.next) or 'nothing'}")  # fmt: skip
    for other in step.apart:
        if other == step.id or kind.step(other) is None:
            yield Fault(where("apart"), "NAMES", f"{told} is apart from '{other}', which is no other step", f"steps: {', '.join(s.id for s in kind.steps)}")  # fmt: skip
    cards = [s.id.partition(".")[2] for s in subject.pack.scorecards]
    if step.score and step.score not in cards:
        yield Fault(where("score"), "NAMES", f"{told}: there is no scorecard '{step.score}'", f"there are: {', '.join(cards) or 'none'}")  # fmt: skip
    for n, opens in enumerate(step.opens):
        yield from ids.lost(opens.type, ("case",), where("opens", n), told)
        if opens.each and opens.each not in _facts(subject, kind):
            yield Fault(where("opens", n), "NAMES", f"{told} opens one for each of '{opens.each}', which no form has", "name a field")  # fmt: skip
        if opens.to and opens.to not in _facts(subject, kind):
            yield Fault(where("opens", n), "NAMES", f"{told} gives cases to '{opens.to}', which no form has", "name a field")  # fmt: skip
        if step is kind.steps[0] and (way := _circle(subject, opens.type, (kind.id,))):
            yield Fault(where("opens", n), "NAMES", f"cases open each other without end: {' → '.join(way)}", "let one of them be opened by hand")  # fmt: skip


def _circle(subject: Subject, id: str, way: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds on a way of openings at first steps that comes back upon itself."""
    if id in way:
        return (*way[way.index(id) :], id)
    kind = next((c for c in subject.pack.cases if c.id == id), None)
    found = (_circle(subject, o.type, (*way, id)) for s in (kind.steps[:1] if kind else ()) for o in s.opens)
    return next((f for f in found if f), ())


def _guard(tables: Tables, fields: frozenset[str], step: Step) -> Iterator[tuple[str, str]]:
    """Why a guard cannot let a case go on: no such table, facts that nobody fills in, steps that do not follow."""
    table = tables.tables.get(step.guard)
    if table is None:
        yield f"there is no decision table '{step.guard}'", f"there are: {', '.join(tables.tables) or 'none'}"
        return
    todo, seen = [table], set()
    while todo:
        asked = todo.pop()
        if asked.id in seen:
            continue
        seen.add(asked.id)
        todo += [tables.tables[other] for other in tables.asks(asked)]
        for column in asked.inputs:
            try:
                named = feel.names(feel.compiled(column.of or column.name, tables.known))
            except BadRequest:  # told as a flaw of the table
                continue
            for name in sorted(named - fields - set(tables.tables)):
                yield f"table '{asked.id}' asks for '{name}', which no form has", f"fields: {', '.join(sorted(fields)) or 'none'}"  # fmt: skip
    for n, row in enumerate(table.rows):
        for text in row.then[:1]:
            try:
                said = feel.value(feel.compiled(text), {})
            except BadRequest:  # it depends on the facts, or is told as a flaw of the table
                continue
            wanted = said if isinstance(said, list) else [said]
            for to in wanted:
                if to not in step.next:
                    yield f"row {n + 1} of '{table.id}' leads to {feel.plain(to)!r}, which does not follow", f"what follows: {', '.join(step.next)}"  # fmt: skip
