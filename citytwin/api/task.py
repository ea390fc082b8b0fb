"""What is mine to do? Open cases of somebody, of their roles, and those whose answer a body of theirs owes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from citytwin.api.case import BY_DUE, SELECT, CaseItem, fields
from citytwin.api.house import House
from citytwin.api.route import Query, Route
from citytwin.engine import handle
from citytwin.kernel.case import CaseType, case
from citytwin.kernel.title import Title

MOST = 1000
Why = Literal["holder", "role", "body"]


class TaskQuery(Query, frozen=True, kw_only=True):
    """Whose tasks."""

    by: Annotated[str, msgspec.Meta(description="who: the cases they have", max_length=200)] = ""
    roles: Annotated[
        str, msgspec.Meta(description="roles and bodies by their titles, with commas", max_length=2000)
    ] = ""


ROLE = """CASE WHEN c.charge_zh <> '' THEN list_contains($mine, c.charge_zh) OR list_contains($mine, c.charge_en)
  ELSE list_contains($places, c.type || ' ' || c.step) END"""
"""Whether a case is a role's: of the one that was put in charge, else of the one that its step names."""


class TaskItem(CaseItem, frozen=True, kw_only=True):
    """A case that waits for somebody: because they have it, because nobody has it and its step is their role's, or because a body of theirs is to answer."""

    why: tuple[Why, ...]


def tasks(house: House, query: TaskQuery) -> list[TaskItem]:
    """Open cases that wait for somebody or their roles and bodies, those due first in front (at most 1000)"""
    mine = {r.strip() for r in query.roles.split(",") if r.strip()}
    kinds = house.twin.cases
    places = [f"{k.id} {s.id}" for k in kinds.values() for s in k.steps if _is(s.role, mine)]
    owing = _owing(house, mine)
    sql = f"""{SELECT} WHERE c.closed IS NULL AND (($by <> '' AND c.holder = $by) OR list_contains($owing, c.case_id)
                OR (c.holder = '' AND {ROLE})) ORDER BY {", ".join(BY_DUE)} LIMIT {MOST:d}"""
    rows = house.rows(sql, {"by": query.by, "places": places, "mine": list(mine), "owing": list(owing)})
    return [TaskItem(**fields(house, row), why=_why(row, query.by, set(places), mine, owing)) for row in rows]


def _why(row: Mapping[str, Any], by: str, places: set[str], mine: set[str], owing: set[str]) -> tuple[Why, ...]:
    charged = {row["charge_zh"], row["charge_en"]} - {""}
    tests: dict[Why, bool] = {
        "holder": bool(by) and row["holder"] == by,
        "role": not row["holder"] and (bool(charged & mine) if charged else f"{row['type']} {row['step']}" in places),
        "body": row["case_id"] in owing,
    }
    return tuple(why for why, fits in tests.items() if fits)


def _is(title: Title, mine: set[str]) -> bool:
    return title.zh in mine or title.en in mine


def _bodies(kind: CaseType, mine: set[str]) -> set[str]:
    """Ids of bodies that go by one of these names."""
    return {b.id for s in kind.steps for b in s.bodies if b.id in mine or _is(b.title, mine)}


def _owing(house: House, mine: set[str]) -> set[str]:
    """Open cases that wait for the answer of a body of these: those at a step with bodies, and those to which others were called."""
    if not mine:
        return set()
    asked = [f"{k.id} {s.id}" for k in house.twin.cases.values() for s in k.steps if s.bodies]
    sql = """SELECT case_id FROM case_file WHERE closed IS NULL AND (list_contains($asked, type || ' ' || step)
               OR case_id IN (SELECT case_id FROM case_event WHERE act = 'join'))"""
    ids = [r["case_id"] for r in house.rows(sql, {"asked": asked})]
    found = set()
    for id, events in handle.events(house.twin, ids).items():
        held = case(events)
        kind = house.twin.cases.get(held.type)
        named = mine | (_bodies(kind, mine) if kind else set())
        if any(not answer and body in named for body, answer in held.answers.items()):
            found.add(id)
    return found


ROUTES = (Route("GET", "/cases/tasks", tasks),)
