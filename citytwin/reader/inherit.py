"""What does a sentence leave unsaid? Deadline, scope and lead, taken from the text around it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from . import words as w
from .finding import Finding
from .record import Responsibility
from .sections import Heading
from .split import Part
from .tokens import Moment, last_day, moments

_PLAIN_DASH = re.compile(r"[—–―~]+|-+")
_LONGEST_HEADING = 24
_DATED = re.compile(r"^[^，]{0,16}(?:年|月|期间|底|末|前|时)，")
_ACTOR = re.compile(r"^[^，。]{2,20}?(?:部门|政府|委|局|单位|企业|公司|机构)(?:要|应|须|负责|牵头)")


@dataclass(slots=True)
class Thread:
    """The deadline that runs on through a section until something breaks it off."""

    goals: bool = False
    moment: Moment | None = None
    keeps: bool = False  # the last paragraph announced a list

    def section(self, goals: bool, below: bool) -> None:
        """A new section starts afresh, unless it is a part of the goals or of an announced list."""
        if not below or not (self.keeps or (goals and self.goals)):
            self.moment = None
            self.keeps = False
        self.goals = goals

    def paragraph(self) -> None:
        """A new paragraph starts afresh, except among the goals and below 'as follows:'."""
        if not (self.goals or self.keeps):
            self.moment = None

    def sentence(self, times: Sequence[Moment]) -> None:
        """Note what a sentence that has been read leaves behind for the next."""
        ahead = [t for t in times if t.role == "by"]
        gone = [t for t in times if t.role == "past"]
        if ahead or gone:
            self.moment = ahead[-1] if ahead else gone[-1]

    def interrupted(self, words: str, times: Sequence[Moment]) -> bool:
        """Whether a sentence turns to another actor without a year of its own."""
        return not self.goals and not any(t.role == "by" for t in times) and bool(_ACTOR.match(words))


def goals(path: Sequence[Heading]) -> bool:
    """Whether a section, or one above it, sets out the goals."""
    return any(w.GOALS.search(h.title) and not w.NOT_GOALS.search(h.title) for h in path)


def background(path: Sequence[Heading]) -> bool:
    """Whether a section, or one above it, tells what has been so far."""
    return any(
        w.BACKGROUND.search(h.title)
        and not goals([h])
        and not re.match(r"夯实|打牌|打牢|筑牢|强化|巩固|优化|营造", h.title)
        for h in path
    )


def horizon(part: Part, times: list[Moment], goal_times: list[Moment]) -> date | None:
    """The deadline of a document for whatever names none: its title's, its goals', or the only one it ever names."""
    if part.news:
        return None
    if part.horizon:
        return part.horizon
    ahead = sorted(t.when for t in goal_times if t.role == "by" and t.when and not t.relative)
    if ahead:
        return ahead[0]
    named = {t.when for t in times if t.role == "by" and t.when}
    return named.pop() if len(named) == 1 else None


def year_of_section(path: Sequence[Heading]) -> date | None:
    """The year end a section's title promises for all it holds: 2024年工作安排."""
    for h in reversed(path):
        m = re.match(r"[^，。]{0,6}(20\d\d)年(?:度)?(?:的|主要|重点|工作|经济|发展|总体|预期|目标|任务|计划)", h.title)
        if m and not background([h]):
            return date(int(m.group(1)), 12, 31)
    return None


_STAGE = re.compile(r"(?:阶段|步骤|时期|批次|年度)?（([^（）]{4,30})）$|阶段：?(20\d\d年.{2,20})$")


def stage(path: Sequence[Heading]) -> Moment | None:
    """The time of a section that is a stage: 建设阶段（2022年6月—2023年6月） ends with June 2023."""
    m = _STAGE.search(path[-1].title) if path else None
    found = moments(_PLAIN_DASH.sub("-", (m.group(1) or m.group(2))), None, False) if m else []
    last = found[-1] if found else None
    if m is None or last is None:
        return None
    ends = re.search(r"[-至到](\d{1,2})月(?:底|末)?$", _PLAIN_DASH.sub("-", m.group(1) or m.group(2)))
    if ends and 1 <= int(ends.group(1)) <= 12:
        last = replace(last, when=last_day(last.year, int(ends.group(1))))
    return replace(last, role="by", start=path[-1].start, end=path[-1].start) if last.when else None


def deadline(f: Finding, thread: Moment | None, block: date | None, last: date | None) -> tuple[date | None, str]:
    """A finding's deadline and where it comes from: explicit, inherited, document or none."""
    if f.kind in ("fact", "rule"):
        when = f.moment.when if f.moment and f.moment.role == "by" else None
        return when, "explicit" if when else "none"
    if f.moment is not None and f.moment.when:
        return f.moment.when, "explicit" if f.start <= f.moment.start < f.end else "inherited"
    if block is not None:
        return block, "inherited"
    if thread is not None and thread.role == "by" and thread.when:
        return thread.when, "inherited"
    if f.kind in ("ban", "rule") or last is None:
        return None, "none"
    return last, "document"


def scope(words: str, section_title: str, part: Part) -> tuple[str | None, str]:
    """The place or population a clause speaks of, else its section's, else its document's."""
    above = (
        section_title if len(section_title) <= _LONGEST_HEADING else ""
    )  # an item's own sentence says nothing of its other clauses
    for text, source in ((words, "stated"), (above, "inherited"), (part.title, "assumed")):
        m = w.PLACE.search(_DATED.sub("", text))
        if m:
            return m.group().strip("的，、"), source
    m = re.match(r"(?:20\d\d年度?)?([\u4e00-\u9fff]{2,6}?(?:省|市|区|县|新区|新片区|自治区))", part.title)
    m = m or next(
        (n for b in part.bodies if (n := re.match(r"([\u4e00-\u9fff]{2,6}?(?:省|市|区|县|自治区))", b))), None
    )
    return (m.group(1), "assumed") if m else (None, "none")


def answerable(at: int, said: tuple[Responsibility, ...]) -> Responsibility | None:
    """Who answers for the text at an offset: the statement that closes its block."""
    return next((r for r in said if r.covers[0] <= at < r.covers[1]), None)


def block_deadline(r: Responsibility | None, part: Part) -> date | None:
    """The deadline that stands with the bodies responsible for a block."""
    named = moments(r.due, part.year, True) if r and r.due else []
    return named[-1].when if named and named[-1].role == "by" else None
