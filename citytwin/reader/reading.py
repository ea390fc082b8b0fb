"""From the bytes of a plan document to its commitments."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date

from . import english, inherit
from .fault import MAX_COMMITMENTS, ReaderError
from .finding import Finding, Sentence, Setting
from .frame import findings
from .load import Text, load, paragraphs
from .record import Commitment, Document, Reading, Responsibility, Section
from .responsibility import responsibilities
from .sections import Heading, headings
from .split import Part, split
from .tables import tables
from .tokens import BLANK, Moment, masked, moments, titles_masked
from .units import measure
from .words import FORWARD

_STOP = re.compile(r"[。！？]")
_COMMA = re.compile(r"[，；、]")
_LONGEST_SENTENCE = 1000  # nobody writes longer ones; what comes without a full stop is cut, so time stays linear
_LEADING_BRACKET = re.compile(rf"^[（《〔]{BLANK}*[）》〕]")
_BRACKET = re.compile(rf"[（《〔]{BLANK}+[）》〕]")
_GOAL_PARAGRAPH = re.compile(r"[^，。]{0,8}目标(?:：|是|为|。)")
_SOURCES = {"explicit": "stated", "inherited": "inherited", "document": "assumed", "none": "none"}
_TRUST = {"explicit": 1.0, "inherited": 0.95, "document": 0.8, "none": 0.7}


def read(data: bytes, name: str = "") -> Reading:
    """Read a plan document: decode, split into documents, find sections, responsibilities and commitments."""
    text = load(data, name)
    if english.english(text):
        return Reading(name, text.encoding, text.raw, english.documents(text))
    documents: list[Document] = []
    room = MAX_COMMITMENTS
    for part in split(text):
        documents.append(_Reader(text, part, room).document())
        room -= len(documents[-1].commitments)
    return Reading(name, text.encoding, text.raw, tuple(documents))


@dataclass(frozen=True, slots=True)
class _Region:
    """A stretch of text that belongs to one section (or to none), with the headings above it."""

    start: int
    end: int
    path: tuple[Heading, ...]


class _Reader:
    """What one document needs while it is read; offsets inside are the file's, less `part.start` in `plain` and `mask`."""

    def __init__(self, text: Text, part: Part, room: int) -> None:
        self.room = room  # how many commitments the file may still yield
        self.text = text
        self.part = part
        self.plain = text.plain[part.start : part.end]
        self.mask = masked(self.plain)
        self.times = moments(titles_masked(self.plain), part.year, part.annual)
        self.starts = [t.start for t in self.times]
        self.heads = headings(text, part)
        self.line_ends = [line.end for line in part.lines]
        breaks = [line.start for line in part.lines if line.opens]
        self.said: dict[int, tuple[Responsibility, ...]] = {}
        for i, h in enumerate(self.heads):
            stop = min(h.end, self.heads[i + 1].start) if i + 1 < len(self.heads) else h.end
            self.said[h.start] = responsibilities(text.plain, h.text, stop, breaks)

    def document(self) -> Document:
        """The document with its sections and commitments."""
        part = self.part
        regions = self._regions()
        goals = [r for r in regions if inherit.goals(r.path)]
        goal_times = [t for r in goals for t in self._times(r.start - part.start, r.end - part.start)]
        last = inherit.horizon(part, self.times, goal_times)
        thread = inherit.Thread()
        found = [c for region in regions for c in self._region(region, thread, last)]
        found.sort(key=lambda c: (c.start, c.end))
        sections = tuple(self._section(h) for h in self.heads)
        return Document(
            part.index, part.title, part.number, part.bodies, part.issued, part.year, part.start, part.end,
            sections, tuple(found), paragraphs(self.text, part.lines),
        )  # fmt: skip

    def _section(self, h: Heading) -> Section:
        own = self.said[h.start]
        lead = tuple(dict.fromkeys(b for r in own for b in r.lead))
        joined = tuple(dict.fromkeys(b for r in own for b in r.participants if b not in lead))
        return Section(h.path, h.number, h.level, h.title, h.start, h.end, h.body, lead, joined, own)

    def _regions(self) -> list[_Region]:
        part, heads = self.part, self.heads
        first = heads[0].start if heads else part.end
        out = [_Region(part.head_end, first, ())] if part.head_end < first else []
        path: list[Heading] = []
        for i, h in enumerate(heads):
            while path and path[-1].level >= h.level:
                path.pop()
            path.append(h)
            stop = heads[i + 1].start if i + 1 < len(heads) else part.end
            # An item may be one sentence long: then what reads like its title is the promise itself.
            start = h.text if _promises(h) else h.body
            if start < stop:
                out.append(_Region(start, stop, tuple(path)))
        return out

    def _times(self, start: int, end: int) -> tuple[Moment, ...]:
        return tuple(self.times[bisect_left(self.starts, start) : bisect_left(self.starts, end)])

    def _region(self, region: _Region, thread: inherit.Thread, last: date | None) -> list[Commitment]:
        path, base = region.path, self.part.start
        thread.section(inherit.goals(path), len(path) > 1)
        told = inherit.background(path)
        last = inherit.year_of_section(path) or last
        paragraphs = self._paragraphs(region)
        flat = tables(self.text.plain, paragraphs, bool(path) and path[-1].number.startswith("专栏"))
        out: list[Commitment] = []
        for at, (start, end) in enumerate(paragraphs):
            if at in flat:
                whole = flat[at]
                if whole:
                    out.append(
                        self._commitment(region, Finding("table", *_shifted(whole, -base), "", sure=0.4), None, None)
                    )
                continue
            thread.paragraph()
            if _GOAL_PARAGRAPH.match(self.plain, start - base):
                thread.goals = True
            for a, b in _sentences(self.mask, start - base, end - base):
                here = self._times(a, b)
                if thread.interrupted(self.plain[a:b], here):
                    thread.moment = None
                role = thread.moment.role if thread.moment else ""
                past = role == "past" and (told or self.part.news or not FORWARD.match(self.plain, a, b))
                setting = Setting(self.part.news, told, thread.goals, past, role == "by")
                for f in findings(Sentence(self.plain, self.mask, a, b, here, setting)):
                    out.append(self._commitment(region, f, thread.moment, last))
                thread.sentence(here)
            thread.keeps = self.plain[end - base - 1] == "：" or (thread.keeps and self.plain[start - base] in "-·●■◆")
        return out

    def _paragraphs(self, region: _Region) -> list[tuple[int, int]]:
        out: list[tuple[int, int]] = []
        for line in self.part.lines[bisect_right(self.line_ends, region.start) :]:
            if line.start >= region.end:
                break
            a, b = max(line.start, region.start), min(line.end, region.end)
            if line.opens or not out:
                out.append((a, b))
            else:
                out[-1] = (out[-1][0], b)
        return out

    def _named(self, f: Finding) -> str:
        return _unmasked(f.subject, self.mask, self.plain, f.start, f.end)

    def _commitment(self, region: _Region, f: Finding, moment: Moment | None, last: date | None) -> Commitment:
        part, text = self.part, self.text
        self.room -= 1
        if self.room < 0:
            raise ReaderError(
                f"the text yields more than {MAX_COMMITMENTS:,} commitments",
                "Is it a plan? Split it into its documents.",
            )
        start, end = f.start + part.start, f.end + part.start
        section, title = (region.path[-1].path, region.path[-1].title) if region.path else ("", "")
        quote = text.stripped[start:end]
        where, where_from = inherit.scope(quote, title, part)
        by, by_from = None, "none"
        for level, h in enumerate(reversed(region.path)):
            by = inherit.answerable(start, self.said[h.start])
            if by:
                by_from = "inherited" if level == 0 else "assumed"
                break
        when, source = inherit.deadline(f, moment, inherit.block_deadline(by, part), last)
        valued = "none" if f.value is None else "stated" if f.kind in ("numeric", "fact", "rule") else "assumed"
        guessed = part.year_assumed and f.moment is not None and f.moment.relative
        sources = {
            "value": valued,
            "subject": "inherited" if f.elided else "stated" if f.subject else "none",
            "deadline": "assumed" if guessed else _SOURCES[source],
            "scope": where_from,
            "lead": by_from,
            "baseline": "stated" if f.baseline else "none",
        }
        return Commitment(
            part.index, part.title, section, title, f.kind, quote, self._named(f), f.comparator, f.value, f.value_max, f.unit,
            where, f.baseline, f.baseline_value, when, source, f.modality, f.qualifier,
            by.lead if by else (), by.participants if by else (),
            start, end, *text.raw_span(start, end), text.page(start),
            {k: v for k, v in sources.items() if v != "none"}, round(f.sure * _TRUST[source], 2),
        )  # fmt: skip


def _unmasked(subject: str, mask: str, plain: str, start: int, end: int) -> str:
    """A subject with the words of its brackets, which were blanked out while it was looked for."""
    subject = _LEADING_BRACKET.sub("", subject)
    if BLANK not in subject:
        return subject
    at = mask.find(subject, max(start - len(subject), 0), end)
    if at >= 0:
        return plain[at : at + len(subject)]
    return _BRACKET.sub("", subject).replace(BLANK, "")  # put together from several places: without its brackets


def _shifted(span: tuple[int, int], by: int) -> tuple[int, int]:
    return span[0] + by, span[1] + by


def _promises(h: Heading) -> bool:
    """Whether a title is more than a name: it gives a share, a year, or (as a numbered item) a quantity."""
    title = h.title
    for d in re.finditer(r"(?<![A-Za-z\d])\d+(?:\.\d+)?", title):
        unit = measure(title, d.end()).unit
        if unit == "%" or (unit and (len(title) > 20 or h.number.isascii())):
            return True
    return len(title) > 12 and bool(re.search(r"20\d\d年|年底前", title))


def _sentences(mask: str, start: int, end: int) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    at = start
    while at < end:
        limit = min(at + _LONGEST_SENTENCE, end)
        m = _STOP.search(mask, at, limit)
        if m:
            stop = m.end()
        elif limit < end:
            comma = _COMMA.search(mask, at + _LONGEST_SENTENCE // 2, limit)
            stop = comma.end() if comma else limit
        else:
            stop = end
        out.append((at, stop))
        at = stop
    return out
