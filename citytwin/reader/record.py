"""What does reading a plan yield? Documents, sections, commitments."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Responsibility:
    """One statement of who leads and who takes part, and the stretch of text it answers for."""

    mode: str  # lead_and_participants | joint_by_duty | responsible_units | lead_only
    lead: tuple[str, ...]
    participants: tuple[str, ...]
    etc: bool  # the list ended in 等: it is not complete
    start: int
    end: int
    covers: tuple[int, int]
    due: str = ""  # the words of a deadline given with the bodies


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered part of a document; `path` joins the numbers from the top (二/五)."""

    path: str
    number: str
    level: int
    title: str
    start: int
    end: int
    body: int  # where the text after the title begins
    lead: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()
    responsibilities: tuple[Responsibility, ...] = ()


@dataclass(frozen=True, slots=True)
class Commitment:
    """One thing a document says will be so: how much of what, where, by when, by whom, and how sure the reader is."""

    doc: int
    doc_title: str
    section: str
    section_title: str
    kind: str  # numeric coverage milestone ban rule qualitative table fact
    quote: str
    subject: str
    comparator: str | None
    value: float | None
    value_max: float | None
    unit: str | None
    scope: str | None
    baseline: int | None
    baseline_value: float | None
    deadline: date | None
    deadline_source: str  # explicit inherited document none
    modality: str | None
    qualifier: str | None
    lead: tuple[str, ...]
    participants: tuple[str, ...]
    start: int
    end: int
    raw_start: int
    raw_end: int
    page: int | None
    sources: dict[str, str] = field(default_factory=dict)
    confidence: float = 0.0
    force: str = ""  # must strive expected explore encourage promote, or nothing where no word says it
    sure: dict[str, float] = field(default_factory=dict)

    def row(self) -> dict[str, object]:
        """The commitment as one flat record of plain values (a line of JSON)."""
        return {
            "doc": self.doc,
            "doc_title": self.doc_title,
            "section": self.section,
            "section_title": self.section_title,
            "kind": self.kind,
            "quote": self.quote,
            "subject": self.subject,
            "comparator": self.comparator,
            "value": _plain(self.value),
            "value_max": _plain(self.value_max),
            "unit": self.unit,
            "scope": self.scope,
            "baseline": self.baseline,
            "baseline_value": _plain(self.baseline_value),
            "deadline": self.deadline.isoformat() if self.deadline else None,
            "deadline_source": self.deadline_source,
            "modality": self.modality,
            "force": self.force,
            "qualifier": self.qualifier,
            "lead": list(self.lead),
            "participants": list(self.participants),
            "start": self.start,
            "end": self.end,
            "raw_start": self.raw_start,
            "raw_end": self.raw_end,
            "page": self.page,
            "sources": dict(self.sources),
            "sure": dict(self.sure),
            "confidence": self.confidence,
        }


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, or a heading on its own line: offsets of the stripped text, and the page it begins on where pages are known."""

    start: int
    end: int
    page: int | None


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file."""

    index: int
    title: str
    number: str | None  # 文号
    bodies: tuple[str, ...]
    issued: date | None
    year: int | None  # what 今年 means in it
    start: int
    end: int
    sections: tuple[Section, ...]
    commitments: tuple[Commitment, ...]
    paragraphs: tuple[Paragraph, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything read from one file."""

    name: str
    encoding: str
    text: str  # as decoded, line breaks and all
    documents: tuple[Document, ...]


def _plain(value: float | None) -> float | int | None:
    return int(value) if value is not None and value == int(value) and abs(value) < 1e15 else value
