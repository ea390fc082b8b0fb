"""Stage names, what decides: do forms, guards, decision tables and scorecards hold before anybody fills anything in?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from citytwin.engine import form
from citytwin.engine.check.ids import Ids
from citytwin.engine.check.subject import Subject
from citytwin.kernel import feel, scorecard
from citytwin.kernel.case import CaseType, Step
from citytwin.kernel.dmn import Tables
from citytwin.kernel.errors import BadRequest, Fault


def cases(subject: Subject, ids: Ids) -> Iterator[Fault]:
    """Everything in forms, guards, deadlines, tables and scorecards that cannot work."""
    pack = subject.pack
    tables = Tables({t.id: t for t in pack.decision_tables})
    used: set[str] = set()
    for i, kind in enumerate(pack.cases):
        at = partial(subject.at, "cases", "cases", i)
        what = f"case '{kind.id.partition('.')[2]}'"
        if kind.form is not None:
            yield from (Fault(at("form"), "SCHEMA", f"the form of {what} {m}", h) for m, h in form.flaws(kind.form))
        if kind.days < 0 or kind.attachments.largest <= 0 or kind.attachments.most < 0:
            yield Fault(at(), "NAMES", f"{what} has a number below nothing", "days, largest and most are from 0 on")
        if kind.recurs and kind.recurs.per:
            yield from ids.lost(kind.recurs.per, ("type",), at("recurs", "per"), what)
        if kind.public and kind.about is None:
            yield Fault(at("public"), "NAMES", f"{what} is public and says not what it is for", "about: {zh: …, en: …}")
        for k, step in enumerate(kind.steps):
            where = partial(at, "steps", k)
            told = f"step '{step.id}' of {what}"
            if step.form is not None:
                yield from (Fault(where("form"), "SCHEMA", f"the form of {told} {m}", h) for m, h in form.flaws(step.form))  # fmt: skip
            if step.hours < 0 or any(r < 0 for r in step.remind) or any(e.after_days < 0 for e in step.escalate):
                yield Fault(where(), "NAMES", f"{told} has a number below nothing", "hours and days are from 0 on")
            if (step.remind or step.escalate) and not (step.days or step.hours):
                yield Fault(where(), "NAMES", f"{told} reminds of a deadline it does not have", "give days or hours")
            for n, proof in enumerate(step.proofs):
                if any(p.id == proof.id for s in kind.steps for p in s.proofs if p is not proof):
                    yield Fault(where("proofs", n), "NAMES", f"proof '{proof.id}' is asked for twice", "give it another id")  # fmt: skip
            if step.guard:
                used.add(step.guard)
                yield from (Fault(where("guard"), "NAMES", f"{told}: {m}", h) for m, h in _guard(tables, kind, step))
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


def _guard(tables: Tables, kind: CaseType, step: Step) -> Iterator[tuple[str, str]]:
    """Why a guard cannot let a case go on: no such table, facts that nobody fills in, steps that do not follow."""
    table = tables.tables.get(step.guard)
    if table is None:
        yield f"there is no decision table '{step.guard}'", f"there are: {', '.join(tables.tables) or 'none'}"
        return
    fields = {name for f in (kind.form, *(s.form for s in kind.steps)) if f for name in f.get("properties", {})}
    todo, seen = [table], set()
    while todo:
        asked = todo.pop()
        if asked.id in seen:
            continue
        seen.add(asked.id)
        todo += [tables.tables[other] for other in tables.asks(asked)]
        for column in asked.inputs:
            if not column.of and column.name not in fields and column.name not in tables.tables:
                yield f"table '{asked.id}' asks for '{column.name}', which no form has", f"fields: {', '.join(sorted(fields)) or 'none'}"  # fmt: skip
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
