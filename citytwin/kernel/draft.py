"""What does a document promise, as people decided? Drafts of plans, their records, and the decisions taken on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from citytwin.kernel.plan import Binding, Comparator
from citytwin.kernel.title import Title

RecordKind = Literal["numeric", "coverage", "milestone", "ban", "rule", "qualitative", "table", "fact"]
PROMISES: tuple[RecordKind, ...] = ("numeric", "coverage", "milestone", "ban")
"""The kinds that become targets; the others are kept apart and need no decision."""
Standing = Literal["open", "accepted", "rejected", "dropped"]
Act = Literal[
    "read", "reread", "accept", "reject", "reopen", "edit", "split", "merge", "add", "bind", "describe", "undo",
    "publish", "withdraw", "share", "report", "show",
]  # fmt: skip
DraftState = Literal["draft", "published"]


@dataclass(frozen=True, slots=True)
class Record:
    """One commitment of a draft, as the reader found it and people changed it.

    `start`-`end` is its place in the file with all white space removed, `raw_start`-`raw_end` in the file as written. `sources` says of a field whether it
    is `stated`, `inherited`, `assumed` or `edited` (by a person), `sure` how sure the reader is of it (0 to 1). `standing` is
    `dropped` when a newer version of the document no longer has it. `earlier` is the quote in the version before, where a newer one
    words it otherwise and somebody must look again. `measured_by` is the indicator chosen for it.
    """

    id: str
    kind: RecordKind
    quote: str
    section: str
    section_title: str
    subject: str
    start: int
    end: int
    raw_start: int
    raw_end: int
    page: int | None = None
    subject_en: str = ""
    comparator: Comparator | None = None
    value: float | None = None
    value_max: float | None = None
    unit: str = ""
    scope: str = ""
    baseline: int | None = None
    baseline_value: float | None = None
    deadline: date | None = None
    modality: str = ""
    force: str = ""
    qualifier: str = ""
    lead: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    sure: Mapping[str, float] = field(default_factory=dict)
    confidence: float = 1.0
    standing: Standing = "open"
    earlier: str = ""
    measured_by: Binding | None = None


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph to show: `text` with the white space that fits, `start`-`end` in the file without any. `level` is that of a heading, 0 for text."""

    start: int
    end: int
    text: str
    page: int | None = None
    level: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the document: `path` joins the numbers from the top (二/五)."""

    path: str
    title: str
    level: int
    start: int
    end: int
    lead: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """One document on its way to a tracked plan. `plan` is the id the plan has or will have.

    `file` is the SHA-256 (hex) of the file it was read from, `document` its position there, `version` how often it was read: 1 is the
    first time. `decisions` is the number of the newest decision. `title.en` is empty until somebody gives it.
    """

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
    decisions: int = 0
    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what, when. `before` and `after` are what it replaced by what, whole: nothing is ever overwritten.

    `about` is what was decided on (`draft:<id>` or `plan:<id>`), `n` counts from 1 there.
    """

    about: str
    n: int
    time: datetime
    by: str
    act: Act
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    note: str = ""
