"""From the bytes of a plan document to its commitments."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from datetime import date

from . import english, inherit
from .certainty import certainty
from .fault import MAX_COMMITMENTS, ReaderError
from .finding import Finding, Sentence, Setting
from .force import strength
from .frame import findings
from .grid import Amount, Line, amount, direction, lines, named_unit, unit_of
from .load import Text, load, paragraphs
from .record import Commitment, Document, Reading, Responsibility, Section
from .responsibility import bodies, responsibilities
from .sections import Heading, headings
from .split import Part, split
from .spoken import spoken
from .tables import ruled, tables
from .tokens import BLANK, Moment, exact, masked, moments, titles_masked
from .units import measure
from .worded import FINISHED
from .words import FORWARD

_STOP = re.compile(r"[。！？]")
_COMMA = re.compile(r"[，；、]")
_LONGEST_SENTENCE = 1000  # nobody writes longer ones; what comes without a full stop is cut, so time stays linear
_LAW = re.compile(
    r"(?:条例|(?:管理|暂行|试行|实施)?办法|(?:管理)?规定|(?:实施)?细则|规程|规范|导则)(?:（[^）]{1,12}）)?$"
)
_SHORTEST_SENTENCE = 3  # nothing shorter says anything: 一半。
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
        apart = _apart(self.plain, part)
        self.mask = masked(apart)
        written = part.issued.year if part.issued else None
        self.times = moments(titles_masked(apart), part.year, part.annual, written)
        self.starts = [t.start for t in self.times]
        self.heads = headings(text, part)
        self.law = bool(_LAW.search(part.title))
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
            finished = part.annual and h.number.isascii() and FINISHED.match(h.title)
            start = h.text if finished or _promises(h) else h.body
            if start < stop:
                out.append(_Region(start, stop, tuple(path)))
        return out

    def _times(self, start: int, end: int) -> tuple[Moment, ...]:
        return tuple(self.times[bisect_left(self.starts, start) : bisect_left(self.starts, end)])

    def _region(self, region: _Region, thread: inherit.Thread, last: date | None) -> list[Commitment]:
        path, base = region.path, self.part.start
        thread.section(inherit.goals(path), len(path) > 1)
        stage = inherit.stage(path)
        if stage is not None:
            thread.moment, thread.keeps = stage, True
        told = inherit.background(path)
        last = inherit.year_of_section(path) or last
        paragraphs = self._paragraphs(region)
        flat = tables(self.text.plain, paragraphs, bool(path) and path[-1].number.startswith("专栏"))
        out: list[Commitment] = []
        told_by_cells = self._grids(region, paragraphs, last, out)
        for at, (start, end) in enumerate(paragraphs):
            if at in told_by_cells:
                continue
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
            acting = spoken(self.text.plain, start, end)
            for a, b in _sentences(self.mask, start - base, end - base):
                here = self._times(a, b)
                if thread.interrupted(self.plain[a:b], here):
                    thread.moment = None
                role = thread.moment.role if thread.moment else ""
                past = role == "past" and (told or self.part.news or not FORWARD.match(self.plain, a, b))
                setting = Setting(
                    self.part.news,
                    told,
                    thread.goals or stage is not None,
                    past,
                    role == "by",
                    self.law,
                    self.part.annual,
                )
                for f in findings(Sentence(self.plain, self.mask, a, b, here, setting)):
                    by = self._answering(region, acting, f.end - 1 + base)
                    out.append(self._commitment(region, f, thread.moment, last, by))
                thread.sentence(here)
            thread.keeps = self.plain[end - base - 1] == "：" or (thread.keeps and self.plain[start - base] in "-·●■◆")
        return out

    def _grids(
        self, region: _Region, paragraphs: list[tuple[int, int]], last: date | None, out: list[Commitment]
    ) -> set[int]:
        """Read the tables whose cells are known; the numbers of the paragraphs they take up."""
        done: set[int] = set()
        for first, stop in ruled(self.text.plain, paragraphs):
            rows = lines(self.text.plain, paragraphs[first:stop], self.part.year)
            found = [c for line in rows or () for c in self._row(region, line, last)]
            if found:
                out += found
                done |= set(range(first, stop))
        return done

    def _row(self, region: _Region, line: Line, last: date | None) -> list[Commitment]:
        """What one row of a table commits to."""
        plain, base = self.text.plain, self.part.start
        assert line.subject is not None
        name, unit = named_unit(plain[slice(*line.subject)])
        by = _answering(line)
        word, force = strength(line.attribute)
        due = inherit.block_deadline(by, self.part) or last
        start, end = _shifted(line.span, -base)
        stood = amount(line.base[1]) if line.base else None
        out: list[Commitment] = []

        def put(f: Finding, moment: Moment | None) -> None:
            if word and not f.modality:
                f = replace(f, modality=word, force=force)
            out.append(self._commitment(region, f, moment, due, by))

        for column, cell in line.targets:
            said = amount(plain[slice(*cell)])
            if said is None:
                for f in self._cell(cell, True):
                    put(
                        f if f.subject and f.kind == "numeric" and not f.elided else replace(f, subject=name),
                        column.moment,
                    )
                continue
            f = _valued(said, stood, name, line.unit or unit, line.base[0] if line.base else None)
            put(replace(f, start=start, end=end, moment=column.moment), column.moment)
        if line.change and not line.targets and (said := amount(plain[slice(*line.change)])):
            f = _valued(said, None, name, line.unit or unit, None)
            sign = f.comparator if f.comparator in ("reduce_by", "increase_by") else "increase_by"
            put(replace(f, start=start, end=end, comparator=sign), None)
        if not line.targets and not line.change:
            found = [f for cell in (line.subject, *line.words) for f in self._cell(cell, bool(line.due))]
            if not any(f.kind not in ("fact", "rule") for f in found) and line.due:
                found.append(Finding("milestone", start, end, name, "done_by", sure=0.6))
            for f in found:
                put(f, None)
        return out

    def _answering(self, region: _Region, acting: tuple[Responsibility, ...], at: int) -> Responsibility | None:
        """Whom the running text names for an offset; one merely told to act (市水务局要…) yields to those named in brackets."""
        by = next((r for r in acting if r.covers[0] <= at < r.covers[1]), None)
        if by and by.mode == "actor" and any(inherit.answerable(at, self.said[h.start]) for h in region.path):
            return None
        return by

    def _cell(self, cell: tuple[int, int], dated: bool) -> list[Finding]:
        """What the words of a cell state, read as sentences of the goals."""
        out: list[Finding] = []
        setting = Setting(goals=True, dated=dated)
        for a, b in _sentences(self.mask, cell[0] - self.part.start, cell[1] - self.part.start):
            out += findings(Sentence(self.plain, self.mask, a, b, self._times(a, b), setting))
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

    def _commitment(
        self, region: _Region, f: Finding, moment: Moment | None, last: date | None, by: Responsibility | None = None
    ) -> Commitment:
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
        by_from = "stated" if by else "none"
        for level, h in enumerate(reversed(region.path)):
            if by:
                break
            by = inherit.answerable(start, self.said[h.start])
            if by:
                by_from = "inherited" if level == 0 else "assumed"
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
            f.force, certainty(f, sources),
        )  # fmt: skip


def _answering(line: Line) -> Responsibility | None:
    """The bodies that the columns of a table name for a row."""
    lead, more = bodies(line.lead)
    joined, others = bodies(line.participants)
    if not (lead or joined or line.due):
        return None
    mode = "lead_and_participants" if joined else "responsible_units"
    due = f"{line.due}前" if line.due[-1:] in ("年", "月", "底", "末") else line.due
    return Responsibility(mode, lead, joined, more or others, *line.span, line.span, due)


def _valued(said: Amount, stood: Amount | None, name: str, unit: str, year: int | None) -> Finding:
    """The commitment of a row with a number for its target: unit from the cell, else from the row."""
    known, factor = unit_of(unit)
    measured, own = (said.unit, said.factor) if said.unit else (known, said.factor * factor)
    before = None
    if stood is not None:
        before = exact(stood.value * (stood.factor if stood.unit else stood.factor * factor))
    value = exact(said.value * own)
    shared = not measured and value <= 100 and bool(re.search(r"(?:率|比例|占比|比重)$", name))
    measured = "%" if shared else measured
    top = None if said.value_max is None else exact(said.value_max * own)
    sign = said.sign or direction(name, value, before)
    if sign == ">=" and not said.sign and value == 100 and measured == "%":
        sign = "="  # nothing lies above the whole
    changed = sign in ("reduce_by", "increase_by")
    return Finding(
        "numeric", 0, 0, name, sign, value, top, measured or "1", baseline=year if changed or before is not None else None,
        baseline_value=None if changed else before, qualifier="cumulative" if said.cumulative else None, doubtful=shared,
        sure=0.7 if shared else 0.85,
    )  # fmt: skip


def _apart(plain: str, part: Part) -> str:
    """The text with the last digit of a paragraph blanked where the next one begins with a digit: they are two numbers."""
    glued = [
        line.start - part.start - 1
        for line in part.lines[1:]
        if line.opens and plain[line.start - part.start - 1].isdigit() and plain[line.start - part.start].isdigit()
    ]
    if not glued:
        return plain
    pieces: list[str] = []
    at = 0
    for n in glued:
        pieces += (plain[at:n], BLANK)
        at = n + 1
    return "".join([*pieces, plain[at:]])


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
    if inherit.stage((h,)):
        return False
    for d in re.finditer(r"(?<![A-Za-z\d])\d+(?:\.\d+)?", title):
        unit = measure(title, d.end()).unit
        if unit == "%" or (unit and (len(title) > 20 or h.number.isascii())):
            return True
    if re.search(r"\d{1,2}月(?:\d{1,2}日|[底末])", title):
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
        if stop - at >= _SHORTEST_SENTENCE:
            out.append((at, stop))
        at = stop
    return out
