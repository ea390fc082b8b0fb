"""What was promised? Plans, their measures and their targets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from citytwin.kernel.title import Title

Kind = Literal["numeric", "coverage", "milestone", "ban"]
Comparator = Literal[">=", "<=", "=", ">", "<", "approx", "increase_by", "reduce_by", "done_by"]
Status = Literal["met", "on_track", "at_risk", "missed", "not_measured"]
MeasureState = Literal["not_started", "under_way", "delayed", "done"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement stands: section path and character span in the document with all white space removed."""

    section: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Binding:
    """What measures a target: an indicator at one asset (`asset`) over its periods."""

    indicator: str
    asset: str


@dataclass(frozen=True, slots=True)
class Target:
    """One commitment of a plan.

    `value` is in `unit` (a unit of the vocabulary, a counter word, or empty for milestones). `increase_by` and `reduce_by` count from
    the value in the year `baseline`: in percent of it when `unit` is `%`, in percentage points when it is `pp`, else in the
    unit itself. `baseline_value` is the stated value in that year, if the document states one. Exactly one of `measured_by`
    and `not_measured` is given: what measures it, or why nothing does yet. `part_of` is the target that this one is a share of, when
    it was divided among districts or institutions; `asset` is whose share it is, and `weight` what the share is weighted by in the mean of a ratio.
    """

    id: str
    subject: Title
    kind: Kind
    comparator: Comparator
    place: Place
    value: float | None = None
    value_max: float | None = None
    unit: str = ""
    qualifier: str = ""
    scope: str = ""
    baseline: int | None = None
    baseline_value: float | None = None
    deadline: date | None = None
    lead: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    measured_by: Binding | None = None
    not_measured: Title | None = None
    part_of: str = ""
    asset: str = ""
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """Work that a plan gives to somebody: a numbered item, or a dated deliverable (then `target` is the milestone it fulfils).

    `evidence` says what must be shown when it is done.
    """

    id: str
    title: Title
    place: Place
    lead: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()
    deadline: date | None = None
    target: str = ""
    evidence: Title | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file kept as proof: its SHA-256 (hex), the name it came with, its size in bytes."""

    sha256: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was last said of a measure, and who said it. `on` is the day on which it was done, where that is said."""

    measure: str
    state: MeasureState
    time: datetime
    by: str
    note: str = ""
    attachments: tuple[Attachment, ...] = ()
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan document and what it promises. `document` is its position in the bulletin it was printed in."""

    id: str
    title: Title
    issuer: tuple[str, ...]
    document: int
    number: str = ""
    issued: date | None = None
    targets: tuple[Target, ...] = ()
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How a target stands at `as_of`.

    `value` is the newest figure, of the period that ends at `period`. `expected` is where the path from baseline to deadline stands at `as_of`;
    `forecast` is the value expected at the deadline, with its `low`-`high` interval (90 %) and the `probability` of attainment.
    All in `unit`. `target` is the global id `plan.target`. `reason` says what a reader must know to judge the status.
    `part` marks the share of a divided target.
    """

    target: str
    plan: str
    as_of: date
    status: Status
    unit: str = ""
    value: float | None = None
    period: date | None = None
    goal: float | None = None
    baseline: float | None = None
    expected: float | None = None
    forecast: float | None = None
    low: float | None = None
    high: float | None = None
    probability: float | None = None
    reason: Title | None = None
    part: bool = False
