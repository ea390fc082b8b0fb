"""What happens to cases by itself? They are opened by alarms and on schedule, go on where their time has run out, and are handed over where they are late."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

from citytwin.engine import period
from citytwin.engine.enter import Book, digest, handed_down
from citytwin.engine.twin import Twin, rows
from citytwin.kernel import sla
from citytwin.kernel.case import CaseType, permit
from citytwin.kernel.errors import CityTwinError
from citytwin.kernel.indicator import Period

log = logging.getLogger("citytwin.arise")
MOST_MISSED = 400
"""Periods that are made up for at most, after a city slept."""


def arise(twin: Twin, now: datetime) -> int:
    """Everything that is to happen to cases by `now` with nobody's doing. Idempotent. Returns how much did."""
    with twin.turn:
        done = openings(twin, now)
        for what in (lapsing, handing_over):
            book = Book(twin)
            done += what(book, now)
            book.commit()
        return done


def openings(twin: Twin, now: datetime) -> int:
    """Open what alarms and the calendar open by `now`. Idempotent. Returns how many cases."""
    with twin.turn:
        opened = from_alarms(twin, now)
        book = Book(twin)
        opened += recurring(book, now)
        book.commit()
        return opened


def from_alarms(twin: Twin, now: datetime) -> int:
    """Open a case for every alarm whose rule opens one, unless one of that type is open at the asset."""
    opened = 0
    for rule in twin.rules.values():
        if not rule.opens:
            continue
        kind = twin.cases[rule.opens]
        # what is held back is nobody's work until it is told
        sql = """
          SELECT a.alarm, a.asset_id, a.since FROM alarm AS a WHERE a.rule = $rule AND a.since <= $now AND a.state NOT IN ('shelved', 'suppressed', 'out_of_service')
            AND NOT EXISTS (SELECT 1 FROM case_file AS c WHERE c.alarm = a.alarm)
            AND NOT EXISTS (SELECT 1 FROM case_file AS c WHERE c.type = $type AND c.asset_id = a.asset_id AND c.opened <= a.since AND (c.closed IS NULL OR c.closed > a.since))
          ORDER BY a.since, a.alarm"""
        found = twin.store.fetch("SELECT asset_id FROM case_file WHERE type = $type AND closed IS NULL", {"type": kind.id})  # fmt: skip
        taken = set(found["asset_id"].to_pylist())
        book = Book(twin)
        for r in rows(twin.store.fetch(sql, {"rule": rule.id, "type": kind.id, "now": now})):
            if r["asset_id"] not in taken:
                taken.add(r["asset_id"])
                id = digest(f"{kind.id} {r['alarm']}")[:16]
                book.open(kind, id, r["since"], "alarm", asset=r["asset_id"], alarm=r["alarm"])
                opened += 1
        book.commit()
    return opened


def recurring(book: Book, now: datetime) -> int:
    """Open the cases that recur, for this period and those that were missed since the last one on record."""
    twin, opened = book.twin, 0
    for kind in twin.cases.values():
        if kind.recurs is None:
            continue
        if kind.recurs.under:
            opened += _under(book, kind, now)
            continue
        found = twin.store.fetch("SELECT max(opened) AS last FROM case_file WHERE type = $type AND source = 'schedule'", {"type": kind.id})  # fmt: skip
        last = found["last"][0].as_py()
        places = sorted(a for a, t in twin.asset_types.items() if t == kind.recurs.per) if kind.recurs.per else [""]
        this = period.start(now, kind.recurs.every, twin.city.zone)
        for at in sorted({this, *(_periods(twin, kind, last, now) if last else ())}):
            ids = {digest(f"{kind.id} {at.isoformat()} {asset}")[:16]: asset for asset in places}
            there = set(twin.store.fetch("SELECT case_id FROM case_file WHERE type = $type AND opened = $at", {"type": kind.id, "at": at})["case_id"].to_pylist())  # fmt: skip
            for id, asset in ids.items():
                if id not in there:
                    book.open(kind, id, at, "schedule", asset=asset)
                    opened += 1
    return opened


def _under(book: Book, kind: CaseType, now: datetime) -> int:
    """Cases that recur under others: one for every period that began since the case above came to its step."""
    assert kind.recurs is not None
    twin, opened = book.twin, 0
    sql = "SELECT case_id, step, entered FROM case_file WHERE type = $type AND closed IS NULL AND entered <= $now ORDER BY case_id"
    for r in rows(twin.store.fetch(sql, {"type": kind.recurs.under, "now": now})):
        if kind.recurs.at and r["step"] not in kind.recurs.at:
            continue
        there = set(twin.store.fetch("SELECT case_id FROM case_file WHERE type = $type AND parent = $id", {"type": kind.id, "id": r["case_id"]})["case_id"].to_pylist())  # fmt: skip
        for at in _periods(twin, kind, r["entered"], now):
            id = digest(f"{kind.id} {at.isoformat()} {r['case_id']}")[:16]
            if id not in there:
                above, _, _ = book.held(r["case_id"])
                book.open(kind, id, at, "schedule", asset=above.asset, parent=above.id, form=handed_down(kind, above))
                opened += 1
    return opened


def _periods(twin: Twin, kind: CaseType, since: datetime, now: datetime) -> list[datetime]:
    """The beginnings of periods after `since` until now, the newest at most `MOST_MISSED` of them."""
    assert kind.recurs is not None
    every: Period = kind.recurs.every
    found: list[datetime] = []
    at = period.start(now, every, twin.city.zone)
    while at > since:
        if len(found) == MOST_MISSED:
            log.warning("'%s' was missed more than %d times since %s: older ones are not made up for", kind.id, MOST_MISSED, since)  # fmt: skip
            break
        found.append(at)
        at = period.start(at - (period.end(at, every, twin.city.zone) - at) / 2, every, twin.city.zone)
    return found[::-1]


def lapsing(book: Book, now: datetime) -> int:
    """Let cases go on by themselves whose step has such a way and whose deadline has passed; a case may lapse several times over."""
    twin, moved = book.twin, 0
    steps = {(k.id, s.id) for k in twin.cases.values() for s in k.steps if s.lapse}
    late = list(_late(twin, steps, now))
    book.fetch(late)
    for id in late:
        while True:
            held, kind, _ = book.held(id)
            step = kind.step(held.step)
            due = sla.step_due(kind, held, twin.calendar, twin.city.zone)
            if step is None or not step.lapse or held.state != "open" or due is None or due.at > now:
                break
            there = kind.step(step.lapse)
            body = {"to": step.lapse, "lapse": True, "ends": bool(there and not there.next)}
            if there and there.bodies:
                body |= {"bodies": [b.id for b in there.bodies], "need": there.need}
            try:
                permit(kind, held, "advance", body, "", "")
            except CityTwinError:  # a body objected, or cases under it are open: it is late, and stays with people
                break
            book.next(id, "advance", due.at, "", "", body)
            moved += 1
    return moved


def handing_over(book: Book, now: datetime) -> int:
    """Hand the steps of cases over that are so late that others are in charge of them: each once."""
    twin, moved = book.twin, 0
    steps = {(k.id, s.id) for k in twin.cases.values() for s in k.steps if any(e.hands_over for e in s.escalate)}
    late = list(_late(twin, steps, now))
    book.fetch(late)
    for id in late:
        moved += hand_over(book, id, now)
    return moved


def hand_over(book: Book, id: str, now: datetime) -> int:
    """Hand the step of a case over to whoever it was to be by `now`."""
    held, kind, _ = book.held(id)
    due = list(sla.handovers(kind, held, book.twin.calendar, book.twin.city.zone, now))
    for at, key, to in due:
        book.next(id, "escalate", at, "", "", {"key": key, "to": {"zh": to.zh, "en": to.en}})
    return len(due)


def _late(twin: Twin, steps: set[tuple[str, str]], now: datetime) -> Iterator[str]:
    """Open cases that are late at one of these steps."""
    if not steps:
        return
    sql = "SELECT case_id, type, step FROM case_file WHERE state = 'open' AND due <= $now AND list_contains($types, type) ORDER BY case_id"
    for r in rows(twin.store.fetch(sql, {"now": now, "types": sorted({t for t, _ in steps})})):
        if (r["type"], r["step"]) in steps:
            yield r["case_id"]
