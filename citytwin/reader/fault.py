"""What can be wrong with a document, and how large may it be?"""

from __future__ import annotations

from typing import NamedTuple

from citytwin.kernel.errors import CityTwinError

# Far beyond any plan; together they keep the memory of the reader below 500 MB and its time in proportion.
MAX_BYTES = 50 << 20
MAX_CHARACTERS = 3_000_000
MAX_LINES = 60_000
MAX_MOMENTS = 50_000
MAX_COMMITMENTS = 10_000


class ReaderError(CityTwinError):
    """A document that cannot be read: what happened, and what to do about it."""

    code = "unreadable"


class Row(NamedTuple):
    """One line of a document that knows its layout."""

    text: str
    opens: bool  # it begins a paragraph
    page: int
