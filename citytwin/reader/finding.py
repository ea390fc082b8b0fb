"""What is known of one statement while its sentence is being read?"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .tokens import Moment


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known about a sentence before it is read."""

    news: bool = False
    background: bool = False
    goals: bool = False
    past: bool = False  # the paragraph speaks of a time gone by
    dated: bool = False  # an earlier sentence set a deadline that still holds
    law: bool = False  # the document lays down rules: 管理办法, 条例
    annual: bool = False  # the document is one year's work: what it says will be finished is due by its end


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement as the sentence gives it; what it does not say is left for inheritance."""

    kind: str
    start: int
    end: int
    subject: str
    comparator: str | None = None
    value: float | None = None
    value_max: float | None = None
    unit: str | None = None
    baseline: int | None = None
    baseline_value: float | None = None
    moment: Moment | None = None
    modality: str | None = None
    force: str = ""
    qualifier: str | None = None
    elided: bool = False  # the subject was taken from the clause before
    doubtful: bool = False  # values and subjects disagree in number
    sure: float = 0.9


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch between two commas, its text masked."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence in its document: both texts, where it stands, the times named in it, and its setting."""

    plain: str
    mask: str
    start: int
    end: int
    times: tuple[Moment, ...]
    setting: Setting

    @property
    def dates(self) -> list[Moment]:
        """The times that date something, ahead or gone by."""
        return [t for t in self.times if t.role in ("by", "past")]

    def without_times(self, start: int, end: int) -> str:
        """A stretch of masked text with the times in it cut out."""
        parts, at = [], start
        for t in self.times:
            if t.role != "name" and t.start < end and t.end > at:
                parts.append(self.mask[at : max(t.start, at)])
                at = min(max(t.end, at), end)
        parts.append(self.mask[at:end])
        return "".join(parts)

    def _told(self, t: Moment) -> bool:
        """Whether a time stands in a look back, where 全年 and 年内 are gone by."""
        return self.setting.background and t.relative

    def governing(self, at: int, clause: Clause) -> Moment | None:
        """The time that governs a position: the last one before it, else a deadline later in its own clause."""
        dates = [t for t in self.dates if not self._told(t)]
        before = [t for t in dates if t.start <= at]
        if before:
            # 到2023年，评估“十三五”期间的工程: a time gone by inside the clause does not date it.
            inside = before[-1].role == "past" and before[-1].start - clause.start > 3
            ahead = [t for t in before if t.role == "by"]
            # 二期9公里于2024年底前通车: a date of the clause's own outweighs one of the clause before.
            own = [t for t in dates if at < t.start < clause.end and t.role == "by"]
            if own and before[-1].end <= clause.start and not re.search(r"\d", self.mask[own[0].end : clause.end]):
                return own[0]
            return ahead[-1] if inside and ahead else before[-1]
        return next((t for t in dates if t.start < clause.end and t.role == "by"), None)
