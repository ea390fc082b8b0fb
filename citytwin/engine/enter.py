"""What goes on record about a case? Events are added to cases in hand, judged as they stand with them, and put on record together, each one sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from citytwin.engine.twin import Twin, find, rows
from citytwin.kernel import sla
from citytwin.kernel.case import Case, CaseType, Event, after, case
from citytwin.kernel.errors import NotFound
from citytwin.kernel.store import Change

FEW = 8
"""Rows that are put on record one by one; for more a table is as fast."""
MOST_OPENED = 500
"""Cases that one step may open."""


class Book:
    """Cases as they stand with events that are not on record yet. `commit` puts these there, all of them or none."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self._held: dict[str, tuple[Case, CaseType, datetime]] = {}
        self._new: set[str] = set()
        self._events: list[Event] = []
        self._steps: list[str] = []

    def held(self, id: str) -> tuple[Case, CaseType, datetime]:
        """A case as it stands, its kind, and when something last happened to it. Raises NotFound."""
        if id not in self._held:
            found = events(self.twin, [id]).get(id)
            if not found:
                raise NotFound(f"there is no case '{id[:100]}'", "see /api/cases", id[:100])
            made = case(found)
            self._held[id] = made, find(self.twin.cases, made.type, "case type"), max(e.time for e in found)
        return self._held[id]

    def fetch(self, ids: Iterable[str]) -> None:
        """Take many cases in hand at once."""
        for id, found in events(self.twin, [i for i in ids if i not in self._held]).items():
            made = case(found)
            self._held[id] = made, find(self.twin.cases, made.type, "case type"), max(e.time for e in found)

    def there(self, id: str) -> bool:
        """Whether there is such a case."""
        return id in self._held or bool(self.twin.store.fetch("SELECT 1 FROM case_row WHERE case_id = $id", {"id": id}).num_rows)  # fmt: skip

    def known(self) -> dict[str, Case]:
        """The cases in hand, as they stand."""
        return {id: held for id, (held, _, _) in self._held.items()}

    def add(self, event: Event) -> Case:
        """The case after one more event. Whoever is told of it (the case above) and whatever it opens is added too."""
        if event.act == "open":
            before, kind, last = None, find(self.twin.cases, event.body["type"], "case type"), event.time
            self._new.add(event.case)
        else:
            before, kind, last = self.held(event.case)
        made = after(before, event)
        self._held[event.case] = made, kind, max(last, event.time)
        self._events.append(event)
        self._steps.append(made.step)
        if before is not None and made.parent and (made.state == "closed") != (before.state == "closed"):
            self._tell_above(kind, made, event)
        if event.act in ("open", "advance", "return", "reopen") and made.state != "closed":
            self._open_below(kind, made, event)
        return self._held[event.case][0]

    def next(self, id: str, act: Any, time: datetime, by: str = "", note: str = "", body: dict[str, Any] | None = None) -> Case:  # fmt: skip
        """Add what happens next to a case: not before what happened last."""
        held, _, last = self.held(id)
        return self.add(Event(id, held.n + 1, max(time, last), act, by, note, body or {}))

    def open(self, kind: CaseType, id: str, time: datetime, source: str, by: str = "", note: str = "", **more: Any) -> Case:  # fmt: skip
        """Add a case of this kind; `more` is what its opening says beside."""
        first = kind.steps[0]
        body = {"type": kind.id, "step": first.id, "source": source, **{k: v for k, v in more.items() if v not in (None, "", [], {})}}  # fmt: skip
        if first.bodies:
            body |= {"bodies": [b.id for b in first.bodies], "need": first.need}
        if parent := more.get("parent"):
            self.next(parent, "child", time, by, note, {"case": id})
        return self.add(Event(id, 1, time, "open", by, note, body))

    def _tell_above(self, kind: CaseType, made: Case, event: Event) -> None:
        """The case above learns that one under it ended, with the facts that are told, or began anew."""
        if made.state == "closed":
            said = {k: made.facts[k] for k in kind.tells if k in made.facts}
            self.next(made.parent, "child_done", event.time, event.by, "", {"case": made.id, **({"form": said} if said else {})})  # fmt: skip
        else:
            self.next(made.parent, "child", event.time, event.by, "", {"case": made.id})

    def _open_below(self, kind: CaseType, made: Case, event: Event) -> None:
        step = kind.step(made.step)
        for opens in step.opens if step else ():
            below = find(self.twin.cases, opens.type, "case type")
            given = made.facts.get(opens.each) if opens.each else [""]
            items = [str(i) for i in given if isinstance(i, str | int)] if isinstance(given, list) else [str(given)] if given else []  # fmt: skip
            people = made.facts.get(opens.to) if opens.to else None
            for n, item in enumerate(dict.fromkeys(items[:MOST_OPENED])):
                asset = item if item in self.twin.asset_types else made.asset
                id = digest(f"{below.id} {made.id} {event.n} {item}")[:16]
                self.open(below, id, event.time, "case", event.by, item if item != asset else "", asset=asset, parent=made.id, form=handed_down(below, made))  # fmt: skip
                if isinstance(people, list) and people:
                    self.next(id, "assign", event.time, event.by, "", {"to": str(people[n % len(people)])})

    def commit(self, *more: Change) -> int:
        """Put everything on record in one transaction, with `more` changes. Returns how many events."""
        if not self._events:
            if more:
                self.twin.store.commit(*more)
            return 0
        count = len(self._events)
        happened = [
            {
                "case_id": e.case, "n": e.n, "time": e.time, "act": e.act, "step": step, "actor": e.by, "note": e.note,
                "body": msgspec.json.encode(e.body).decode(),
            }
            for e, step in zip(self._events, self._steps, strict=True)
        ]  # fmt: skip
        changes = _inserts("case_event", happened)
        stands = {id: self._row(id) for id in dict.fromkeys(e.case for e in self._events)}
        changes += _inserts("case_row", [r for id, r in stands.items() if id in self._new])
        changes += _updates([r for id, r in stands.items() if id not in self._new])
        leaves = [("case", f"{e.case}#{e.n}", digest_of(e)) for e in self._events]
        self.twin.store.commit(*changes, *more, leaves=leaves)
        self._events, self._steps, self._new = [], [], set()
        return count

    def _row(self, id: str) -> dict[str, Any]:
        """How a case stands, for those who list cases: what never changes last."""
        held, kind, _ = self._held[id]
        step_due = sla.step_due(kind, held, self.twin.calendar, self.twin.city.zone)
        whole = sla.whole_due(kind, held, self.twin.calendar, self.twin.city.zone)
        row: dict[str, Any] = {
            "case_id": id, "step": held.step, "state": held.state, "holder": held.holder, "due": step_due.at if step_due else None, "closed": held.closed,
            "entered": held.entered, "whole_due": whole.at if whole else None, "guessed": bool((step_due and step_due.guessed) or (whole and whole.guessed)),
            "returns": held.returns, "reopens": held.reopens, "charge_zh": held.charge.zh if held.charge else "", "charge_en": held.charge.en if held.charge else "",
        }  # fmt: skip
        if id in self._new:
            row |= {
                "type": held.type, "asset_id": held.asset, "alarm": held.alarm, "opened": held.opened, "source": held.source, "measure": held.measure,
                "parent": held.parent, "longitude": held.longitude, "latitude": held.latitude,
            }  # fmt: skip
        return row


def _inserts(name: str, rows_: Sequence[Mapping[str, Any]]) -> list[Change]:
    """Put rows into a table: one by one, or, where there are many, all at once."""
    if not rows_:
        return []
    names = list(rows_[0])
    if len(rows_) > FEW:
        sql = f"INSERT INTO {name} ({', '.join(names)}) SELECT {', '.join(names)} FROM incoming"
        return [Change(sql, tables={"incoming": _table(rows_)})]
    sql = f"INSERT INTO {name} ({', '.join(names)}) VALUES ({', '.join(f'${k}' for k in names)})"
    return [Change(sql, dict(r)) for r in rows_]


def _updates(rows_: Sequence[Mapping[str, Any]]) -> list[Change]:
    """Let rows of `case_row` say how their cases stand now."""
    if not rows_:
        return []
    names = [k for k in rows_[0] if k != "case_id"]
    if len(rows_) > FEW:
        sql = f"UPDATE case_row SET {', '.join(f'{k} = i.{k}' for k in names)} FROM incoming AS i WHERE i.case_id = case_row.case_id"
        return [Change(sql, tables={"incoming": _table(rows_)})]
    sql = f"UPDATE case_row SET {', '.join(f'{k} = ${k}' for k in names)} WHERE case_id = $case_id"
    return [Change(sql, dict(r)) for r in rows_]


def _table(rows_: Sequence[Mapping[str, Any]]) -> pa.Table:
    columns = {k: pa.array([r[k] for r in rows_], _TYPES.get(k, pa.string())) for k in rows_[0]}
    return pa.table(columns)


_TIME = pa.timestamp("us", tz="UTC")
_TYPES = {
    **dict.fromkeys(("time", "due", "closed", "entered", "whole_due", "opened"), _TIME), **dict.fromkeys(("n", "returns", "reopens"), pa.int64()),
    **dict.fromkeys(("longitude", "latitude"), pa.float64()), "guessed": pa.bool_(),
}  # fmt: skip


def handed_down(below: CaseType, above: Case) -> dict[str, Any]:
    """The facts of a case that the form of one under it asks for by the same name."""
    wanted = (below.form or {}).get("properties", {})
    return {k: above.facts[k] for k in wanted if k in above.facts}


def events(twin: Twin, ids: Iterable[str] | None = None) -> dict[str, list[Event]]:
    """The events of cases (of all that are open, where none are named), oldest first."""
    ids = None if ids is None else list(ids)
    test = "case_id IN (SELECT case_id FROM case_file WHERE closed IS NULL)" if ids is None else "list_contains($ids, case_id)"  # fmt: skip
    params: dict[str, Any] = {} if ids is None else {"ids": ids}
    if ids is not None and len(ids) == 1:
        test, params = "case_id = $id", {"id": ids[0]}
    sql = f"SELECT case_id, n, time, act, actor, note, body FROM case_event WHERE {test} ORDER BY case_id, n"
    found: dict[str, list[Event]] = {}
    for r in rows(twin.store.fetch(sql, params)):
        event = Event(r["case_id"], r["n"], r["time"], r["act"], r["actor"], r["note"], msgspec.json.decode(r["body"]))
        found.setdefault(event.case, []).append(event)
    return found


def digest_of(event: Event) -> str:
    """The SHA-256 under which an event is sealed."""
    return hashlib.sha256(msgspec.json.encode(event, order="deterministic")).hexdigest()


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
