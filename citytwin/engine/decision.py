"""Who decided what, and when? Decisions are appended and sealed; what holds now is what they add up to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from citytwin.kernel.draft import Act, Decision
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.store import Change, Store

if TYPE_CHECKING:
    from citytwin.engine.twin import Twin

LONGEST_NAME = 200
LONGEST_NOTE = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """One decision to be taken about `draft:<id>`, `plan:<id>` or `stream:<id>`: what it replaces by what, and the changes that go with it."""

    about: str
    act: Act
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    note: str = ""
    changes: Sequence[Change] = ()


def decide(twin: Twin, by: str, *steps: Step) -> list[Decision]:
    """Append and seal these decisions, all in one transaction. Raises BadRequest."""
    with twin.turn:
        made, changes, leaves = drawn(twin, by, *steps)
        twin.store.commit(*changes, leaves=leaves)
    return made


def drawn(twin: Twin, by: str, *steps: Step) -> tuple[list[Decision], list[Change], list[tuple[str, str, str]]]:
    """These decisions with the changes and leaves that put them on record, for a transaction that does more. Raises BadRequest."""
    by = person(by)
    made: list[Decision] = []
    changes: list[Change] = []
    leaves: list[tuple[str, str, str]] = []
    with twin.turn:
        for step in steps:
            if len(step.note) > LONGEST_NOTE or "\0" in step.note:
                raise BadRequest("the note is too long or not text", f"at most {LONGEST_NOTE} characters", "note")
            n = newest(twin.store, step.about) + 1 + sum(d.about == step.about for d in made)
            before, after = msgspec.to_builtins(step.before), msgspec.to_builtins(step.after)
            d = Decision(step.about, n, twin.clock.now(), by, step.act, before, after, step.note)
            made.append(d)
            changes += [*step.changes, _insert(d)]
            digest = hashlib.sha256(msgspec.json.encode(d, order="deterministic")).hexdigest()
            leaves.append(("decision", f"{d.about}#{d.n}", digest))
    return made, changes, leaves


def person(by: str) -> str:
    """The name of whoever decides. Raises BadRequest when there is none."""
    by = by.strip()
    if not by or len(by) > LONGEST_NAME or not by.isprintable():
        raise BadRequest("it is not said who decides", f"give a name of at most {LONGEST_NAME} characters", "by")
    return by


def newest(store: Store, about: str) -> int:
    """The number of the newest decision about something, 0 before the first."""
    found = store.fetch("SELECT coalesce(max(n), 0) AS n FROM decision WHERE about = $about", {"about": about})
    return int(found["n"][0].as_py())


def decisions(store: Store, about: str, after: int = 0) -> list[Decision]:
    """The decisions about `draft:<id>` or `plan:<id>`, or, where `about` ends in a colon, about all of that kind, oldest first.

    Those up to number `after` are left out.
    """
    test = "starts_with(about, $about)" if about.endswith(":") else "about = $about"
    sql = f"SELECT * FROM decision WHERE {test} AND n > $after ORDER BY about, n"
    found = store.fetch(sql, {"about": about, "after": after}).to_pylist()
    return [
        Decision(
            r["about"], r["n"], r["time"], r["actor"], r["act"],
            msgspec.json.decode(r["before"]), msgspec.json.decode(r["after"]), r["note"],
        )
        for r in found
    ]  # fmt: skip


def _insert(d: Decision) -> Change:
    return Change(
        "INSERT INTO decision_row VALUES ($about, $n, $time, $actor, $act, $before, $after, $note)",
        {
            "about": d.about, "n": d.n, "time": d.time, "actor": d.by, "act": d.act, "note": d.note,
            "before": msgspec.json.encode(d.before).decode(), "after": msgspec.json.encode(d.after).decode(),
        },
    )  # fmt: skip
