"""What stands there? The words of a draft's document, found by their place."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

import msgspec

from citytwin.engine.twin import rows
from citytwin.kernel.draft import Paragraph, Part
from citytwin.kernel.errors import NotFound
from citytwin.kernel.store import Store

LONGEST = 2_000
"""Characters of one record's quote: a commitment is a sentence, not a chapter."""


@dataclass(frozen=True)
class Words:
    """The words of one reading. Offsets are those of the file without white space; `raw` leads to where they stand in the file."""

    start: int
    raw_start: int
    text: str
    paragraphs: tuple[Paragraph, ...]
    sections: tuple[Part, ...]

    @cached_property
    def stripped(self) -> str:
        """The words without white space."""
        return "".join(self.text.split())

    @cached_property
    def _at(self) -> list[int]:
        return [i for i, c in enumerate(self.text) if not c.isspace()]

    @property
    def end(self) -> int:
        """The offset behind the last character."""
        return self.start + len(self.stripped)

    def quote(self, start: int, end: int) -> str:
        """The words from `start` to `end`."""
        return self.stripped[start - self.start : end - self.start]

    def raw(self, start: int, end: int) -> tuple[int, int]:
        """Where these words stand in the file as written."""
        return self.raw_start + self._at[start - self.start], self.raw_start + self._at[end - 1 - self.start] + 1

    def written(self, start: int, end: int) -> str:
        """The words as written, white space and all."""
        a, b = self.raw(start, end)
        return self.text[a - self.raw_start : b - self.raw_start]

    def section(self, at: int) -> Part | None:
        """The innermost section at an offset."""
        inside = [s for s in self.sections if s.start <= at < s.end]
        return max(inside, key=lambda s: (s.level, s.start), default=None)

    def page(self, at: int) -> int | None:
        """The page of an offset, where pages are known."""
        n = bisect_right(self.paragraphs, at, key=lambda p: p.start) - 1
        return self.paragraphs[n].page if n >= 0 else None

    def find(self, quote: str, near: int) -> int | None:
        """Where the quote stands, nearest to an offset; None where it does not."""
        best, at = None, self.stripped.find(quote) if quote else -1
        while at >= 0:
            if best is None or abs(at + self.start - near) < abs(best - near):
                best = at + self.start
            at = self.stripped.find(quote, at + 1)
        return best


def words(store: Store, draft: str, version: int) -> Words:
    """The words of a draft's document in one of its readings. Raises NotFound."""
    sql = "SELECT start, raw_start, text, paragraphs, sections FROM draft_reading WHERE draft = $draft AND version = $version"
    found = rows(store.fetch(sql, {"draft": draft, "version": version}))
    if not found:
        raise NotFound(f"draft '{draft}' has no reading {version}", "see /api/drafts", draft)
    r = found[0]
    return Words(
        r["start"], r["raw_start"], r["text"],
        tuple(msgspec.json.decode(r["paragraphs"], type=list[Paragraph])),
        tuple(msgspec.json.decode(r["sections"], type=list[Part])),
    )  # fmt: skip
