"""How do people correct a stream? Its edits, what one would change, and taking it or undoing it."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np

from citytwin.api.decision import By, Note
from citytwin.api.house import House
from citytwin.api.route import Body, Route
from citytwin.api.stream import unit_of
from citytwin.engine import edit as edits
from citytwin.engine import script
from citytwin.engine.decision import newest
from citytwin.engine.script import Series
from citytwin.kernel.edit import Edit, Edited
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.stream import stream_parts

MOST = 5000
"""Points of a preview at most; where there are more it shows evenly chosen ones."""
Seen = Annotated[
    int, msgspec.Meta(ge=0, description="the newest decision about the stream that is known to whoever decides")
]


class Edits(msgspec.Struct, frozen=True):
    """The edits of a stream, oldest first; those with `undone` hold no more. `decisions` is the number of the newest decision."""

    stream: str
    unit: str
    decisions: int
    items: list[Edited]


class EditBody(Body, frozen=True, kw_only=True):
    """One more edit: who takes it, why, and what it does."""

    by: By
    note: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000, description="why")]
    edit: Edit
    seen: Seen | None = None


class PreviewBody(Body, frozen=True, kw_only=True):
    """What is to be looked at before it is done: more `edits`, or the undoing (`undo`) of one."""

    edits: Annotated[tuple[Edit, ...], msgspec.Meta(max_length=1000)] = ()
    undo: Annotated[int, msgspec.Meta(ge=1)] | None = None


class UndoBody(Body, frozen=True, kw_only=True):
    """Who undoes an edit, and why."""

    by: By
    note: Note = ""
    seen: Seen | None = None


class Course(msgspec.Struct, frozen=True):
    """Readings in columns."""

    time: list[int]
    value: list[float | None]
    quality: list[int]


class EditPreview(msgspec.Struct, frozen=True):
    """Readings in the spans of the script before and after, and how many of them would be changed, added and withdrawn."""

    stream: str
    unit: str
    before: Course
    after: Course
    changed: int
    added: int
    withdrawn: int


class EditApplied(msgspec.Struct, frozen=True):
    """What a decision changed: its number (0: no decision, the edits were replayed), and how many readings."""

    n: int
    changed: int
    added: int
    withdrawn: int


def list_edits(house: House, id: str) -> Edits:
    """The edits of a stream, those that were undone too"""
    store = house.twin.store
    edits.known(house.twin, id)
    return Edits(id, unit_of(house, stream_parts(id)[1]), newest(store, script.ABOUT + id), script.edits(store, id))


def preview_edit(house: House, id: str, body: PreviewBody) -> EditPreview:
    """What an edit, or the undoing of one, would make of the readings; nothing is changed"""
    if bool(body.edits) == (body.undo is not None):
        raise BadRequest("it is not said what to look at", "either edits or undo", "edits")
    found = edits.preview(house.twin, id, *body.edits, undo=body.undo)
    unit = unit_of(house, stream_parts(id)[1])
    return EditPreview(id, unit, _course(found.now), _course(found.then), found.changed, found.added, found.withdrawn)


def apply_edit(house: House, id: str, body: EditBody) -> EditApplied:
    """Take one more edit: its readings are in force at once, what came in stays on record, and the decision is sealed"""
    return _told(edits.apply(house.twin, id, body.by, body.edit, body.note, body.seen))


def undo_edit(house: House, id: str, n: int, body: UndoBody) -> EditApplied:
    """Undo an edit: the readings are what they would be without it"""
    return _told(edits.undo(house.twin, id, body.by, n, body.note, body.seen))


def replay_edits(house: House, id: str) -> EditApplied:
    """Run the edits anew on the readings as they came

    The server does so by itself, soon after readings came into an edited span. Replayed twice, nothing changes.
    """
    return _told(edits.replay(house.twin, id))


def _told(made: edits.Applied) -> EditApplied:
    return EditApplied(made.n, made.changed, made.added, made.withdrawn)


def _course(rows: Series) -> Course:
    if len(rows.time) > MOST:
        rows = rows.take(np.unique(np.linspace(0, len(rows.time) - 1, MOST).astype(int)))
    value = [None if v != v else v for v in rows.value.tolist()]
    return Course(np.floor_divide(rows.time, 1000).tolist(), value, rows.quality.tolist())


ROUTES = (
    Route("GET", "/streams/{id}/edits", list_edits),
    Route("POST", "/streams/{id}/edits", apply_edit, status=201),
    Route("POST", "/streams/{id}/edits/preview", preview_edit),
    Route("POST", "/streams/{id}/edits/replay", replay_edits),
    Route("POST", "/streams/{id}/edits/{n}/undo", undo_edit),
)
