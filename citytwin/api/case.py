"""Who does what by when? Cases and their steps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from citytwin.api.house import House
from citytwin.api.page import Page, Paged, fetched, title, where
from citytwin.api.route import Body, Route
from citytwin.engine import handle
from citytwin.kernel.case import Step
from citytwin.kernel.errors import NotFound
from citytwin.kernel.title import Title


class CaseItem(msgspec.Struct, frozen=True, kw_only=True):
    """A case: the step it is at, who is to act, and until when."""

    id: str
    type: str
    title: Title
    asset: str
    asset_title: Title
    alarm: str | None
    step: str
    step_title: Title
    role: Title | None
    opened: datetime
    due: datetime | None
    overdue: bool
    closed: datetime | None


class Event(msgspec.Struct, frozen=True):
    """A step that was taken."""

    time: datetime
    step: str
    title: Title
    by: str
    note: str


class CaseDetail(CaseItem, frozen=True, kw_only=True):
    """A case with all its steps, and what happened so far."""

    steps: tuple[Step, ...]
    history: list[Event]


class CaseQuery(Paged, frozen=True, kw_only=True):
    """Which cases."""

    state: Literal["open", "closed"] | None = None
    type: Annotated[str, msgspec.Meta(description="case type")] | None = None
    asset: Annotated[str, msgspec.Meta(description="asset")] | None = None


class Advance(Body, frozen=True, kw_only=True):
    """The step that follows, who takes it, and what there is to say."""

    to: str
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    note: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


_SELECT = """
  SELECT CASE WHEN c.closed IS NULL THEN 0 ELSE 1 END AS done,
         CAST(-extract(epoch FROM c.opened) * 1000000 AS BIGINT) AS age, c.case_id, c.type, c.asset_id, c.alarm, c.step,
         c.opened, c.due, c.closed, a.title_zh, a.title_en
  FROM case_file AS c LEFT JOIN asset AS a ON a.asset_id = c.asset_id"""
ORDER: Mapping[str, type] = {"done": int, "age": int, "case_id": str}
"""Open ones first, and of those the newest."""


def _fields(house: House, row: Mapping[str, Any]) -> dict[str, Any]:
    kind = house.twin.cases.get(row["type"])
    step = kind.step(row["step"]) if kind else None
    return {
        "id": row["case_id"],
        "type": row["type"],
        "title": kind.title if kind else Title(row["type"], row["type"]),
        "asset": row["asset_id"],
        "asset_title": title(row, row["asset_id"]),
        "alarm": row["alarm"],
        "step": row["step"],
        "step_title": step.title if step else Title(row["step"], row["step"]),
        "role": step.role if step else None,
        "opened": row["opened"],
        "due": row["due"],
        "overdue": row["closed"] is None and row["due"] is not None and row["due"] < house.now(),
        "closed": row["closed"],
    }


def cases(house: House, query: CaseQuery) -> Page[CaseItem]:
    """Cases, open and newest first"""
    clause, params = where(
        {
            "(c.closed IS NULL) = $open": None if query.state is None else query.state == "open",
            "c.type = $type": query.type,
            "c.asset_id = $asset": query.asset,
        }
    )
    return fetched(house, f"{_SELECT} {clause}", params, query, ORDER, lambda r: CaseItem(**_fields(house, r)))


def of_asset(house: House, asset: str, limit: int) -> list[CaseItem]:
    """The newest cases of one asset."""
    sql = f"{_SELECT} WHERE c.asset_id = $asset ORDER BY age, case_id LIMIT {limit:d}"
    return [CaseItem(**_fields(house, r)) for r in house.rows(sql, {"asset": asset})]


def case(house: House, id: str) -> CaseDetail:
    """A case with its steps and what happened so far"""
    found = house.rows(f"{_SELECT} WHERE c.case_id = $id", {"id": id})
    if not found:
        raise NotFound(f"there is no case '{id}'", "see /api/cases", id)
    kind = house.twin.cases.get(found[0]["type"])
    history = []
    for event in handle.history(house.twin, id):
        step = kind.step(event["step"]) if kind else None
        name = step.title if step else Title(event["step"], event["step"])
        history.append(Event(event["time"], event["step"], name, event["actor"], event["note"]))
    return CaseDetail(**_fields(house, found[0]), steps=kind.steps if kind else (), history=history)


def advance(house: House, id: str, body: Advance) -> CaseDetail:
    """Take the next step of a case"""
    handle.advance(house.twin, id, body.to, body.by, body.note)
    return case(house, id)


ROUTES = (
    Route("GET", "/cases", cases),
    Route("GET", "/cases/{id}", case),
    Route("POST", "/cases/{id}/advance", advance),
)
