"""What does a draft look like now? The sum of the decisions on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import msgspec

from citytwin.engine.decision import decisions
from citytwin.kernel.draft import PROMISES, Decision, Draft, Record
from citytwin.kernel.errors import NotFound
from citytwin.kernel.store import Store

ABOUT = "draft:"


def draft(store: Store, id: str) -> Draft:
    """The draft as it stands. Raises NotFound."""
    taken = decisions(store, ABOUT + id) if id else []
    if not taken:
        raise NotFound(f"there is no draft '{id}'", "see /api/drafts", id)
    return fold(taken)


def drafts(store: Store) -> list[Draft]:
    """All drafts as they stand, the newest first."""
    grouped = groupby(decisions(store, ABOUT), key=lambda d: d.about)
    return sorted((fold(list(group)) for _, group in grouped), key=lambda d: (d.recorded, -d.document), reverse=True)


def fold(taken: Iterable[Decision]) -> Draft:
    """A draft from its decisions, oldest first: each takes out the records it replaces and puts in those it makes."""
    facts: dict[str, Any] = {}
    records: dict[str, Any] = {}
    last = None
    for d in taken:
        last = d
        facts.update(_mapping(d.after.get("draft")))
        for row in _rows(d.before):
            records.pop(row["id"], None)
        for row in _rows(d.after):
            records[row["id"]] = row
    assert last is not None
    made = msgspec.convert(list(records.values()), list[Record], strict=False)
    made.sort(key=lambda r: (r.start, r.end, r.id))
    return msgspec.convert(
        {**facts, "id": last.about.removeprefix(ABOUT), "decisions": last.n, "records": made},
        Draft,
        from_attributes=True,
    )


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
