"""What does a draft look like now? The sum of the decisions on it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from citytwin.engine.decision import decisions
from citytwin.kernel.draft import PROMISES, Decision, Draft, Record
from citytwin.kernel.errors import NotFound
from citytwin.kernel.store import Store

ABOUT = "draft:"


@dataclass(frozen=True)
class _Sum:
    """What the first `n` decisions on a draft add up to."""

    n: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    records: Mapping[str, Record] = field(default_factory=dict)

    def plus(self, taken: Iterable[Decision]) -> _Sum:
        n, facts, records = self.n, dict(self.facts), dict(self.records)
        for d in taken:
            n = d.n
            facts.update(_mapping(d.after.get("draft")))
            for row in _rows(d.before):
                records.pop(row["id"], None)
            for made in msgspec.convert(_rows(d.after), list[Record], strict=False):
                records[made.id] = made
        return _Sum(n, facts, records)

    def draft(self, id: str) -> Draft:
        records = sorted(self.records.values(), key=lambda r: (r.start, r.end, r.id))
        made = msgspec.convert({**self.facts, "id": id, "decisions": self.n, "records": []}, Draft, strict=False)
        return replace(made, records=tuple(records))


_kept: WeakKeyDictionary[Store, dict[str, _Sum]] = WeakKeyDictionary()
"""The sums told last, so that only newer decisions are added to them. Decisions never change: a sum once right stays right."""
_turn = threading.Lock()


def draft(store: Store, id: str) -> Draft:
    """The draft as it stands. Raises NotFound."""
    with _turn:
        known = _kept.setdefault(store, {}).get(id, _Sum())
    newer = decisions(store, ABOUT + id, known.n) if id else []
    if newer:
        known = known.plus(newer)
        with _turn:
            if known.n > _kept[store].get(id, _Sum()).n:
                _kept[store][id] = known
    if not known.n:
        raise NotFound(f"there is no draft '{id}'", "see /api/drafts", id)
    return known.draft(id)


def drafts(store: Store) -> list[Draft]:
    """All drafts as they stand, the newest first."""
    found = store.fetch("SELECT DISTINCT about FROM decision WHERE starts_with(about, $about)", {"about": ABOUT})
    made = [draft(store, about.removeprefix(ABOUT)) for about in found["about"].to_pylist()]
    return sorted(made, key=lambda d: (d.recorded, -d.document, d.id), reverse=True)


def fold(taken: Sequence[Decision]) -> Draft:
    """A draft from decisions on it, oldest first: each takes out the records it replaces and puts in those it makes."""
    return _Sum().plus(taken).draft(taken[0].about.removeprefix(ABOUT))


def counts(found: Draft) -> dict[str, int]:
    """How many records stand how; those that need no decision are `apart`."""
    tally = dict.fromkeys(("open", "accepted", "rejected", "dropped", "apart"), 0)
    for r in found.records:
        tally["apart" if r.standing == "open" and r.kind not in PROMISES else r.standing] += 1
    return tally


def undone(taken: Iterable[Decision]) -> set[int]:
    """The numbers of the decisions that were taken back."""
    return {int(str(d.after["undoes"])) for d in taken if d.act == "undo"}


def touched(d: Decision) -> set[str]:
    """The records that a decision made, changed or took away."""
    return {str(row["id"]) for side in (d.before, d.after) for row in _rows(side)}


def _rows(side: Mapping[str, object]) -> list[dict[str, Any]]:
    found = side.get("records", [])
    return found if isinstance(found, list) else []


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
