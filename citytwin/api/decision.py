"""Who decided what, and when? The history of drafts and plans."""

from __future__ import annotations

from typing import Annotated

import msgspec

from citytwin.api.house import House
from citytwin.api.page import Page, Paged, listed
from citytwin.engine.decision import decisions
from citytwin.kernel.draft import Decision

_END = 10**12
"""Counts down from here: the place of a decision in a list that begins with the newest never changes."""
History = Page[Decision]
By = Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="who decides")]
Note = Annotated[str, msgspec.Meta(max_length=10_000)]


def history(house: House, about: str, query: Paged) -> History:
    """A page of the decisions about something, the newest first."""
    taken = decisions(house.twin.store, about)
    return listed(((_END - d.n, d) for d in reversed(taken)), query)
