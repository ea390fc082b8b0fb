"""What does a document promise? Drafts, their review, and the plan that comes of them."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, Literal

import anyio.to_thread
import msgspec

from citytwin.api.bind import Proposed, proposed
from citytwin.api.decision import By, History, Note, history
from citytwin.api.file import ANY
from citytwin.api.house import House
from citytwin.api.page import Page, Paged, listed
from citytwin.api.plan import PlanDetail, detail
from citytwin.api.route import Body, Call, Query, Route
from citytwin.api.version import Compared, Edition, compared
from citytwin.engine import compare, files
from citytwin.engine.drafts import fold, judge, publish, read
from citytwin.engine.drafts.words import words
from citytwin.kernel.draft import Act, Draft, DraftState, Paragraph, Part, Record
from citytwin.kernel.errors import NotFound
from citytwin.kernel.title import Title

_END = 10**12
"""Counts down from here: the place of a draft in a list that begins with the newest never changes."""


class RecordCounts(msgspec.Struct, frozen=True):
    """How many records stand how; `apart` are those that promise nothing."""

    open: int
    accepted: int
    rejected: int
    dropped: int
    apart: int


class DraftItem(msgspec.Struct, frozen=True, kw_only=True):
    """A document on its way to a tracked plan. `tracked`: a plan with the id `plan` is in force."""

    id: str
    plan: str
    title: Title
    number: str
    issuer: tuple[str, ...]
    issued: date | None
    file: str
    name: str
    document: int
    version: int
    state: DraftState
    recorded: datetime
    by: str
    decisions: int
    counts: RecordCounts
    tracked: bool


class DraftDetail(DraftItem, frozen=True, kw_only=True):
    """A draft with its words, its sections and its records."""

    paragraphs: tuple[Paragraph, ...]
    sections: tuple[Part, ...]
    records: tuple[Record, ...]


class Uploaded(msgspec.Struct, frozen=True):
    """The drafts that came of one file: one for each document in it."""

    items: list[DraftItem]


class Reviewed(msgspec.Struct, frozen=True):
    """What an act on a draft changed: records that are new or changed, ids of those that are gone."""

    draft: DraftItem
    records: tuple[Record, ...]
    gone: tuple[str, ...]


class UploadQuery(Query, frozen=True, kw_only=True):
    """What the file is called, who brings it, and of which draft it is a new version."""

    name: Annotated[str, msgspec.Meta(max_length=500)] = "document"
    by: By
    of: Annotated[str, msgspec.Meta(description="draft")] = ""


class RecordQuery(Query, frozen=True, kw_only=True):
    """Which record."""

    record: str


class AgainstQuery(Query, frozen=True, kw_only=True):
    """Against what: the plan in force, or the reading before; without it, whichever there is, the plan first."""

    against: Literal["plan", "reading"] | None = None


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where selected words stand in the file without white space."""

    start: int
    end: int


class Asked(Body, frozen=True, kw_only=True):
    """One act on a draft. `seen` is the number of the newest decision its author has seen."""

    by: By
    seen: Annotated[int, msgspec.Meta(ge=0)]
    act: Act
    records: Annotated[tuple[str, ...], msgspec.Meta(max_length=10_000)] = ()
    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    parts: Annotated[tuple[dict[str, Any], ...], msgspec.Meta(max_length=50)] = ()
    span: Span | None = None
    note: Note = ""


class Publishing(Body, frozen=True, kw_only=True):
    """Who puts the plan in force, and what becomes of records that are still open."""

    by: By
    note: Note = ""
    open: publish.Open = "refuse"


def _item(house: House, d: Draft) -> dict[str, Any]:
    names = (
        "id", "plan", "title", "number", "issuer", "issued", "file", "name", "document", "version", "state", "recorded", "by",
        "decisions",
    )  # fmt: skip
    return {
        **{n: getattr(d, n) for n in names},
        "counts": RecordCounts(**fold.counts(d)),
        "tracked": d.plan in house.twin.in_force,
    }


async def upload(house: House, query: UploadQuery, call: Call) -> Uploaded:
    """Read a plan document (text, PDF, DOCX) into drafts, one for each document in the file

    A document known by number and title becomes its new version, and what was decided is kept.
    """
    data = await call.body(house.largest_file)
    work = partial(read.read, house.twin, data, query.name, query.by, query.of)
    made = await anyio.to_thread.run_sync(work, limiter=house.readers)
    return Uploaded([DraftItem(**_item(house, d)) for d in made])


def drafts(house: House, query: Paged) -> Page[DraftItem]:
    """The drafts, newest first"""
    found = fold.drafts(house.twin.store)
    return listed(((-len(found) + n + _END, DraftItem(**_item(house, d))) for n, d in enumerate(found)), query)


def draft(house: House, id: str) -> DraftDetail:
    """A draft with its words and its records"""
    d = fold.draft(house.twin.store, id)
    w = words(house.twin.store, id, d.version)
    return DraftDetail(**_item(house, d), paragraphs=w.paragraphs, sections=w.sections, records=d.records)


def draft_decisions(house: House, id: str, query: Paged) -> History:
    """Every decision on a draft, newest first"""
    fold.draft(house.twin.store, id)
    return history(house, fold.ABOUT + id, query)


def decide(house: House, id: str, body: Asked) -> Reviewed:
    """Decide on records: accept, reject, reopen, edit, split, merge, add, bind, describe, undo"""
    span = (body.span.start, body.span.end) if body.span else None
    asked = judge.Asked(body.act, body.by, body.seen, body.records, body.fields, body.parts, span, body.note)
    made = judge.judge(house.twin, id, asked)
    return Reviewed(DraftItem(**_item(house, made.draft)), made.records, made.gone)


def record_proposals(house: House, id: str, query: RecordQuery) -> Proposed:
    """The indicators that could measure a record, the best first"""
    d = fold.draft(house.twin.store, id)
    found = next((r for r in d.records if r.id == query.record), None)
    if found is None:
        raise NotFound(f"there is no record '{query.record[:100]}'", "see the draft", "record")
    return proposed(house, found, d.title.zh)


def comparison(house: House, id: str, query: AgainstQuery) -> Compared:
    """What a draft changes: against the plan in force, or the reading before"""
    now = fold.draft(house.twin.store, id)
    held = house.twin.in_force.get(now.plan)
    if query.against in (None, "plan") and held and (held.draft != id or query.against == "plan"):
        old = Edition(held.plan.title, held.plan.number, held.plan.issued, Title("现行规划", "Plan in force"))
        before = compare.records_of(held.plan)
    elif query.against in (None, "reading") and now.version > 1:
        then = read.earlier(house.twin.store, id)
        old = Edition(then.title, then.number, then.issued, _version(then.version))
        before = then.records
    else:
        what = "no plan is in force" if query.against == "plan" else "it was read once only"
        raise NotFound(f"there is nothing to compare this draft with: {what}", "read its new version", id)
    new = Edition(now.title, now.number, now.issued, _version(now.version))
    return compared(old, before, new, now.records)


def _version(n: int) -> Title:
    return Title(f"第{n}版", f"Version {n}")


def source(house: House, id: str) -> bytes:
    """The file that a draft was read from"""
    return files.content(house.twin.store, fold.draft(house.twin.store, id).file)[1]


def put_in_force(house: House, id: str, body: Publishing) -> PlanDetail:
    """Put the plan of a draft in force: its accepted records become targets, its numbered items measures"""
    made = publish.publish(house.twin, id, body.by, body.note, body.open)
    return detail(house, made.id, None)


ROUTES = (
    Route("POST", "/drafts", upload, status=201, bodies=(ANY, "text/plain", "application/pdf")),
    Route("GET", "/drafts", drafts),
    Route("GET", "/drafts/{id}", draft),
    Route("GET", "/drafts/{id}/decisions", draft_decisions),
    Route("POST", "/drafts/{id}/decisions", decide),
    Route("GET", "/drafts/{id}/proposals", record_proposals),
    Route("GET", "/drafts/{id}/comparison", comparison),
    Route("GET", "/drafts/{id}/file", source, media=ANY, response=bytes),
    Route("POST", "/drafts/{id}/publish", put_in_force),
)
