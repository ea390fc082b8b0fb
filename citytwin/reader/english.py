"""What does a plan in English promise? A first version: quantities, comparators, deadlines, baselines, bodies."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date

from .fault import MAX_COMMITMENTS, ReaderError
from .load import Text, paragraphs
from .record import Commitment, Document, Responsibility, Section
from .tokens import last_day

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MONTH = "(?P<month>" + "|".join(_MONTHS) + ")"
_YEAR = r"(?P<year>(?:19|20)\d\d)\b"
_SAME = str.maketrans("’‘“”–—−－（）％，：；", "''\"\"----()%,:;")
_BY = re.compile(
    r"\b(?P<word>by|before|until|no later than|not later than|in|during|since|as of|at)\s+(?:the\s+)?(?:year\s+)?"
    r"(?:(?P<edge>end|close|beginning|start|middle|first half|second half)\s+of\s+|(?P<mid>mid|year-end|late|early)[- ])?(?:the\s+year\s+)?"
    rf"(?:(?P<day>\d{{1,2}})\s+)?(?:{_MONTH}\s+(?:(?P<day2>\d{{1,2}}),\s*)?)?{_YEAR}(?!\s*(?:levels?|baseline|figures?|values?)\b)",
    re.I,
)
_BASE = re.compile(
    r"\b(?:(?:relative to|compared (?:with|to)|against|versus)\s+(?:the\s+)?(?:(?:levels?|baseline)\s+(?:of|in)\s+)?(?:the\s+year\s+)?"
    r"(?P<a>(?:19|20)\d\d)\b|(?:from|below|above|on|over|under)\s+(?:the\s+)?(?:its\s+|their\s+)?(?P<b>(?:19|20)\d\d)\s+"
    r"(?:levels?|baseline|figures?|values?))(?:\s+(?:levels?|baseline|figures?|values?))?",
    re.I,
)
_SCALE = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_UNITS: dict[str, tuple[str, float]] = {
    "percentage points": ("pp", 1), "percentage point": ("pp", 1), "per cent": ("%", 1), "percent": ("%", 1), "%": ("%", 1),
    "kwh": ("kWh", 1), "mwh": ("kWh", 1e3), "gwh": ("kWh", 1e6), "twh": ("kWh", 1e9), "kw": ("kW", 1), "mw": ("kW", 1e3), "gw": ("kW", 1e6),
    "megawatts": ("kW", 1e3), "gigawatts": ("kW", 1e6), "kilowatts": ("kW", 1),
    "square kilometres": ("m2", 1e6), "square kilometers": ("m2", 1e6), "km2": ("m2", 1e6), "km²": ("m2", 1e6), "square metres": ("m2", 1),
    "square meters": ("m2", 1), "m2": ("m2", 1), "m²": ("m2", 1), "hectares": ("m2", 1e4), "ha": ("m2", 1e4),
    "cubic metres": ("m3", 1), "cubic meters": ("m3", 1), "m3": ("m3", 1), "m³": ("m3", 1), "litres": ("L", 1), "liters": ("L", 1),
    "kilometres": ("km", 1), "kilometers": ("km", 1), "km": ("km", 1), "metres": ("m", 1), "meters": ("m", 1),
    "tonnes of co2": ("tCO2", 1), "tco2": ("tCO2", 1), "tonnes of standard coal": ("tce", 1), "tce": ("tce", 1), "tonnes": ("t", 1), "tons": ("t", 1),
    "kg": ("kg", 1), "minutes": ("min", 1), "hours": ("h", 1), "days": ("天", 1), "db": ("dB", 1), "yuan": ("CNY", 1), "rmb": ("CNY", 1),
    "cny": ("CNY", 1), "us dollars": ("USD", 1), "dollars": ("USD", 1), "euros": ("EUR", 1),
}  # fmt: skip
_UNIT_WORDS = "|".join(re.escape(u) + (r"\b" if u[-1].isalnum() else "") for u in sorted(_UNITS, key=len, reverse=True))
_QUANTITY = re.compile(
    r"(?<![\w.,/-])(?P<money>CNY|RMB|USD|EUR)?\s?(?P<n>\d{1,3}(?:,\d{3}){1,4}|\d{1,12})(?P<f>\.\d{1,6})?(?![\d\w/]|-[A-Za-z])"
    rf"(?:\s(?P<scale>thousand|million|billion|trillion)\b)?(?:\s?(?P<unit>{_UNIT_WORDS}))?|\b(?P<word>halve|double|triple)d?\b",
    re.I,
)
_NOUN = re.compile(r"\s(?P<words>(?:new |more |additional |further )?[a-z][a-z-]{1,30}(?: [a-z][a-z-]{1,30}){0,4})")
_ENDS = re.compile(
    r"\b(?:by|in|from|with|and|of|to|for|across|at|on|or|per|that|which|are|is|will|shall|must|within|along|before|"
    r"until|each|every|compared|relative|through|as|under|over|between|into|during|a|the|no|not)\b"
)
_NOT_COUNTED = re.compile(
    r"(?:Article|Chapter|Section|Phase|No\.?|Table|Figure|Annex|page|Part|Line|Zone|Class|Grade|Stage)\s?$", re.I
)
_LEAST = re.compile(
    r"(?:at least|no(?:t)? (?:less|fewer|lower) than|(?:a )?minimum of|(?<!no )(?<!not )(?:more|greater|higher) than|over|above|exceed(?:s|ing)?|beyond)\s$",
    re.I,
)
_MOST = re.compile(
    r"(?:at most|no(?:t)? (?:more|greater|higher) than|(?:a )?maximum of|up to|(?<!no )(?<!not )(?:less|fewer|lower) than|below|under|within|not exceed(?:ing)?)\s$",
    re.I,
)  # fmt: skip
_ABOUT = re.compile(r"(?:about|around|approximately|roughly|some|nearly|almost)\s$", re.I)
_DOWN = r"reduc(?:e|es|ed|ing)|cut(?:s|ting)?|lower(?:s|ed|ing)?|decreas(?:e|es|ed|ing)|falls?|drops?|declin(?:e|es)|shrinks?|sav(?:e|es)"
_UP = r"increas(?:e|es|ed|ing)|rais(?:e|es|ed|ing)|grows?|expand(?:s|ed|ing)?|rises?|improv(?:e|es|ed)|extend(?:s|ed|ing)?|boost(?:s|ed)?"
_CHANGE = re.compile(rf"\b(?:(?P<down>{_DOWN})|(?P<up>{_UP}))\b", re.I)
_KEEP = re.compile(
    r"\b(?:keep|kept|limit(?:ed)?|hold|held|cap(?:ped)?|restrict(?:ed)?|remain|stay|maintain(?:ed)?)\b", re.I
)
_REACH = re.compile(
    r"\b(?:reach(?:es|ed)?|achiev(?:e|es|ed)|attain(?:s|ed)?|amount(?:s)? to|account(?:s)? for|cover(?:s|ed)?|make up|meet)\b",
    re.I,
)
_MODAL = re.compile(
    r"\b(?:will|shall|must|should|is to|are to|aims? to|plans? to|intends? to|seeks? to|strives? to|targets?|goal)\b",
    re.I,
)
_SOFT = re.compile(r"\b(?:aims? to|strives? to|seeks? to|intends? to|plans? to|should)\b", re.I)
_FORCES = {
    "aim": "strive",
    "strive": "strive",
    "seek": "strive",
    "intend": "expected",
    "plan": "expected",
    "should": "must",
}
_DONE = re.compile(
    r"\b(?:was|were|had|has|have|reached|stood|totalled|totaled|rose|fell|grew|accounted|amounted|amounts to|is home to|already)\b",
    re.I,
)
_MADE = re.compile(
    r"\b(?:complet(?:e|ed)|adopt(?:ed)?|publish(?:ed)?|open(?:ed)?|launch(?:ed)?|establish(?:ed)?|commission(?:ed)?|approv(?:e|ed)|set up|"
    r"finish(?:ed)?|introduc(?:e|ed)|phas(?:e|ed) out|close[d]?|enter into force|put into (?:operation|service)|issu(?:e|ed)|buil[dt])\b",
    re.I,
)
_WHO = re.compile(
    r"(?:\(\s*)?(?:(?P<led>\b(?:Jointly )?led by)\s+(?:the\s+)?|\b(?:Lead|Responsible)(?: (?:body|bodies|agency|agencies|department|departments|unit|units|"
    r"authority|authorities|party|parties))?:\s*)(?P<names>[^.;()\n]{2,300}?)"
    r"(?:[,;]?\s+(?:(?:together |jointly )?with(?: the)?(?: (?:support|participation) of)?|supported by|participating:|support:)\s+(?:the\s+)?(?P<others>[^.;()]{2,300}?))?"
    r"(?=\s*(?:[.;)]|$))\)?\.?",
    re.I,
)
_HEAD = re.compile(
    r"(?:(?P<kind>Part|Chapter|Article|Section)\s+(?P<a>\d{1,3}|[IVXL]{1,6})\b[.:]?|(?P<dots>\d{1,2}(?:\.\d{1,2}){0,3})\.?(?=\s+[A-Z]))\s*",
)
_RANKS = {"part": 0, "chapter": 1, "section": 2, "article": 2}
_SENTENCE = re.compile(r"[.!?;](?=\s+[\"'(]?[A-Z\d]|\s*$)")
_ABBREVIATED = re.compile(r"\b(?:approx|e\.g|i\.e|No|vs|etc|cf|Dr|St)$")
_DAY = re.compile(rf"\b(?:(?P<d>\d{{1,2}})\s+{_MONTH}|(?P<m2>{'|'.join(_MONTHS)})\s+(?P<d2>\d{{1,2}}),)\s+{_YEAR}")
_LONGEST = 800


def english(text: Text) -> bool:
    """Whether a text is in English rather than in Chinese."""
    latin = len(re.findall(r"[A-Za-z]{2,}", text.raw[:20000]))
    return latin >= 8 and len(re.findall(r"[\u3400-\u9fff]", text.raw[:20000])) < 0.2 * latin


@dataclass(frozen=True, slots=True)
class _Time:
    start: int
    end: int
    role: str  # by, past, base
    when: date | None
    year: int


class _Words:
    """The text with single spaces, and where each of its characters stands in the text without any."""

    def __init__(self, text: Text) -> None:
        self.said = " ".join(text.raw.split()).translate(_SAME)
        self.spaces = array("I", (m.start() for m in re.finditer(" ", self.said)))
        self.inverse = array("I", (at - n for n, at in enumerate(self.spaces)))

    def stripped(self, at: int) -> int:
        return at - bisect_left(self.spaces, at)

    def spaced(self, at: int) -> int:
        return at + bisect_right(self.inverse, at)


def documents(text: Text) -> tuple[Document, ...]:
    """The one document of an English file."""
    return (_Reader(text).document(),)


class _Reader:
    def __init__(self, text: Text) -> None:
        self.text = text
        self.words = _Words(text)
        said = self.words.said
        starts: list[int] = []
        for line in text.lines:
            at = self.words.spaced(line.start)
            # A line that goes on in small letters, or with a number and its unit, belongs to the one before it.
            goes_on = (
                at > 1
                and said[at - 2] not in ".!?:;)"
                and bool(re.match(r"[a-z(]|[\d.,]+ ?[A-Za-z%]", said[at : at + 16]))
            )
            if _HEAD.match(said, at) or (line.opens and not goes_on) or not starts:
                starts.append(at)
        self.paragraphs = [(a, b) for a, b in zip(starts, [*starts[1:], len(said)], strict=True) if a < b]
        first = said[slice(*self.paragraphs[0])].strip()
        self.titled = (
            len(first) <= 150 and not first.endswith(".") and not _HEAD.match(first) and len(self.paragraphs) > 1
        )
        self.title = first if self.titled else ""
        years = [int(y) for y in re.findall(r"\b20\d\d\b", self.title)]
        self.horizon = date(max(years), 12, 31) if years else None
        day = _DAY.search(said[:1500])
        self.issued = _date(day) if day else None
        self.year = self.issued.year if self.issued else min(years) if len(years) > 1 else None
        self.found: list[Commitment] = []

    def document(self) -> Document:
        """Sections first, then sentence by sentence."""
        said = self.words.said
        sections: list[tuple[Section, int, int]] = []
        path: list[tuple[int, str]] = []
        last: dict[tuple[int, str], int] = {}
        ranks: list[int] = []
        for n, (a, b) in enumerate(self.paragraphs):
            head = None if n == 0 and self.titled else _HEAD.match(said, a, b)
            if head is None:
                continue
            number = head.group("a") or head.group("dots")
            rank = _RANKS[head.group("kind").lower()] if head.group("kind") else 3 + number.count(".")
            above = number.rpartition(".")[0]
            value = _counter(number.rpartition(".")[2])
            while path and path[-1][0] >= rank:
                path.pop()
            if above and (not path or path[-1][1] != above):
                continue
            key = (rank, above)
            if value not in (1, last.get(key, value - 1 if not above and rank < 3 else 0) + 1):
                continue
            last[key] = value
            path.append((rank, number))
            stop = _SENTENCE.search(said, head.end(), b)
            end = stop.start() if stop else b
            title = said[head.end() : end].strip()[:120]
            promise = bool(re.search(r"\d", title)) or (stop is not None and stop.end() >= b - 1)
            body = head.end() if promise else min(stop.end() if stop else b, b)
            where = "/".join(p for _, p in path)
            section = Section(
                where,
                number,
                len(path),
                title,
                self.words.stripped(a),
                len(self.text.stripped),
                self.words.stripped(body),
            )
            sections.append((section, a, body))
            ranks.append(rank)
        out: list[Section] = []
        begin = self.paragraphs[0][1] if self.titled else 0
        self._region(begin, sections[0][1] if sections else len(said), None)
        for i, (section, a, body) in enumerate(sections):
            own = sections[i + 1][1] if i + 1 < len(sections) else len(said)
            close = next(
                (sections[j][1] for j in range(i + 1, min(i + 500, len(sections))) if ranks[j] <= ranks[i]), len(said)
            )
            who = self._region(body, own, section)
            lead = tuple(dict.fromkeys(n for r in who for n in r.lead))
            joined = tuple(dict.fromkeys(n for r in who for n in r.participants))
            out.append(
                Section(
                    section.path, section.number, section.level, section.title, self.words.stripped(a), self.words.stripped(close),
                    section.body, lead, joined, who,
                )
            )  # fmt: skip
        return Document(
            1, self.title, None, (), self.issued, self.year, 0, len(self.text.stripped), tuple(out), tuple(self.found),
            paragraphs(self.text, self.text.lines),
        )  # fmt: skip

    def _region(self, start: int, end: int, section: Section | None) -> tuple[Responsibility, ...]:
        said, at = self.words.said, self.words.stripped
        who: list[tuple[int, int, Responsibility]] = []
        since = start
        for m in _WHO.finditer(said, start, end):
            lead, others = _names(m.group("names")), _names(m.group("others") or "")
            mode = "lead_and_participants" if others else "lead_only" if m.group("led") else "responsible_units"
            who.append(
                (
                    since,
                    m.end(),
                    Responsibility(mode, lead, others, False, at(m.start()), at(m.end()), (at(since), at(m.end()))),
                )
            )
            since = m.end()
        n = bisect_right(self.paragraphs, (start, len(said))) - 1
        for a, b in self.paragraphs[max(n, 0) :]:
            if a >= end:
                break
            thread: _Time | None = None
            for x, y in _sentences(said, max(a, start), min(b, end)):
                i = bisect_left(who, x, key=lambda w: w[1])
                by = who[i][2] if i < len(who) and who[i][0] <= x else None
                thread = self._sentence(x, y, section, by, thread)
        return tuple(r for _, _, r in who)

    def _sentence(
        self,
        a: int,
        b: int,
        section: Section | None,
        by: Responsibility | None,
        thread: _Time | None,
    ) -> _Time | None:
        said = self.words.said[a:b]
        who = _WHO.search(said)
        if who:  # the bodies are no part of the promise
            said = said[: who.start()] + " " * (who.end() - who.start()) + said[who.end() :]
        if not re.search(r"[A-Za-z]{2}", said):
            return thread
        times = _times(said, self.year)
        ahead = [t for t in times if t.role == "by"]
        base = next((t for t in times if t.role == "base"), None)
        past = any(t.role == "past" for t in times)
        modal = _MODAL.search(said)
        told = (past and not ahead and not modal) or (bool(_DONE.search(said)) and not modal and not ahead)
        numbers = [m for m in _QUANTITY.finditer(said) if _counts(said, m, times)][:30]
        soft = _SOFT.search(said)
        floor = 0
        stood: float | None = None
        made: list[tuple[str, str, str, float | None, str | None, float | None]] = []
        for m in numbers:
            value, unit, noun, end = _measured(said, m)
            left = said[floor : m.start()] + ("" if said[m.start() - 1 : m.start()] == " " else " ")
            if re.search(r"\bfrom (?:about |around )?$", left) and re.match(
                r"(?:\s+in (?:19|20)\d\d)?,?\s+to\b", said[end:]
            ):
                stood = value
                continue
            sign, subject = _compared(said, m, left, said[end : end + 60], noun)
            threshold = (
                modal is not None
                and m.end() < modal.start()
                and bool(
                    re.search(
                        r"\b(?:larger|more|greater|over|above|exceeding|of at least|bigger|longer|older|younger|smaller)(?: than)?\s$",
                        left,
                    )
                )
            )
            kind = "fact" if told else "rule" if threshold else "numeric"
            made.append((kind, sign, subject, value, unit, stood))
            floor, stood = end, None
        if not made and ahead and _MADE.search(said) and not told:
            verb = _MADE.search(said)
            assert verb is not None
            rest = re.split(r",| by | before | until ", said[verb.end() :])[0].strip(" .")
            head = re.split(r"\b(?:will|shall|must|is to|are to)\b", said[: verb.start()])[0]
            made.append(("milestone", "done_by", rest if len(rest) > 3 else _trimmed(head), None, None, None))
        for kind, sign, subject, amount, measure, before in made:
            moment, source = (ahead[-1], "explicit") if ahead else (thread, "inherited") if thread else (None, "none")
            when = moment.when if moment else None
            if when is None and self.horizon and kind not in ("fact", "rule"):
                when, source = self.horizon, "document"
            if kind in ("fact", "rule") and not ahead:
                when, source = None, "none"
            self._add(
                a, b, section, kind, sign, subject, amount, measure, base.year if base else None, before, when, source,
                soft.group().lower() if soft else None, by,
            )  # fmt: skip
        return ahead[-1] if ahead else thread

    def _add(
        self, a: int, b: int, section: Section | None, kind: str, sign: str, subject: str, value: float | None, unit: str | None,
        base: int | None, before: float | None, when: date | None, source: str, soft: str | None, by: Responsibility | None,
    ) -> None:  # fmt: skip
        if len(self.found) >= MAX_COMMITMENTS:
            raise ReaderError(
                f"the text yields more than {MAX_COMMITMENTS:,} commitments",
                "Is it a plan? Split it into its documents.",
            )
        while b > a and self.words.said[b - 1] in " .;":
            b -= 1
        start, end = self.words.stripped(a), self.words.stripped(b)
        sources = {
            "value": "stated" if value is not None else "none", "subject": "stated" if subject else "none",
            "deadline": {"explicit": "stated", "inherited": "inherited", "document": "assumed"}.get(source, "none"),
            "lead": "inherited" if by else "none", "baseline": "stated" if base else "none",
        }  # fmt: skip
        force = _FORCES.get(soft.partition(" ")[0].removesuffix("s"), "") if soft else ""
        certain = {"kind": 0.6 if kind in ("numeric", "milestone") else 0.5}
        certain |= {k: 0.8 if v == "stated" else 0.6 for k, v in sources.items() if v != "none"}
        self.found.append(
            Commitment(
                1, self.title, section.path if section else "", section.title if section else "", kind, self.text.stripped[start:end],
                subject, sign, value, None, unit, None, base, before, when, source, soft, "approx" if sign == "approx" else None,
                by.lead if by else (), by.participants if by else (), start, end, *self.text.raw_span(start, end), self.text.page(start),
                {k: v for k, v in sources.items() if v != "none"}, certain["kind"], force, certain,
            )
        )  # fmt: skip


def _sentences(said: str, start: int, end: int) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    at = start
    while at < end:
        stop, limit = None, min(at + _LONGEST, end)
        for m in _SENTENCE.finditer(said, at, limit):
            if not _ABBREVIATED.search(said, max(at, m.start() - 8), m.start()):
                stop = m.end()
                break
        stop = stop or limit
        while at < stop and said[at] == " ":
            at += 1
        if at < stop:
            out.append((at, stop))
        at = stop
    return out


def _times(said: str, year: int | None) -> list[_Time]:
    out = [_Time(m.start(), m.end(), "base", None, int(m.group("a") or m.group("b"))) for m in _BASE.finditer(said)]
    for m in _BY.finditer(said):
        word, y = m.group("word").lower(), int(m.group("year"))
        if any(t.start <= m.start("year") < t.end for t in out):
            continue
        whole = m.group("month") is None and not m.group("edge") and not m.group("mid")
        edge = (m.group("edge") or m.group("mid") or "").lower()
        when = _date(m) or date(y, 12, 31)
        if word == "before" and whole and y > 1900:
            when = date(y - 1, 12, 31)
        elif edge in ("middle", "first half", "mid") and m.group("month") is None:
            when = date(y, 6, 30)
        gone = (
            word in ("since", "as of")
            or (year is not None and y < year)
            or (word == "in" and year is not None and y == year and not whole)
        )
        out.append(_Time(m.start(), m.end(), "past" if gone else "by", when, y))
    return sorted(out, key=lambda t: t.start)


def _date(m: re.Match[str]) -> date | None:
    got = m.groupdict()
    month = got.get("month") or got.get("m2")
    if not month:
        return None
    y, number = int(got["year"]), _MONTHS.index(month.capitalize()) + 1
    last = last_day(y, number)
    day = int(got.get("day") or got.get("day2") or got.get("d") or got.get("d2") or 0)
    return date(y, number, day) if 1 <= day <= last.day else last


def _counts(said: str, m: re.Match[str], times: list[_Time]) -> bool:
    if m.group("word"):
        return True
    if any(t.start <= m.start("n") < t.end for t in times) or _NOT_COUNTED.search(
        said, max(0, m.start() - 12), m.start("n")
    ):
        return False
    bare = not (m.group("unit") or m.group("scale") or m.group("money"))
    if bare and re.fullmatch(r"(?:19|20)\d\d", m.group("n")) and not m.group("f"):
        return False
    return not bare or (bool(_NOUN.match(said, m.end())) and not _ENDS.match(said, m.end() + 1))


def _measured(said: str, m: re.Match[str]) -> tuple[float, str, str, int]:
    """Value, unit, the noun that is counted, and where they end."""
    if m.group("word"):
        return {"halve": 50.0, "double": 100.0, "triple": 200.0}[m.group("word").lower()], "%", "", m.end()
    value = float(m.group("n").replace(",", "") + (m.group("f") or ""))
    value *= _SCALE.get((m.group("scale") or "").lower(), 1.0)
    if m.group("money"):
        return _exact(value), {"RMB": "CNY"}.get(m.group("money").upper(), m.group("money").upper()), "", m.end()
    if m.group("unit"):
        unit, factor = _UNITS[m.group("unit").lower()]
        of = re.match(
            r"\s(?:of|in)\s(?:the\s)?([^,.;()]{2,80}?)(?=\s(?:by|before|from|in|until|compared|relative|will|shall|must)\b|\sand\s\d|[,.;()]|$)",
            said[m.end() : m.end() + 100],
        )
        return _exact(value * factor), unit, of.group(1) if of else "", m.end()
    noun = _NOUN.match(said, m.end())
    words = re.sub(r"^(?:new|more|additional|further) ", "", noun.group("words")) if noun else ""
    stop = _ENDS.search(words)
    words = (words[: stop.start()] if stop else words).strip()
    return _exact(value), words.rpartition(" ")[2], words, m.end()


def _compared(said: str, m: re.Match[str], left: str, right: str, noun: str) -> tuple[str, str]:
    """Comparator and subject."""
    if m.group("word"):
        rest = re.split(r",|\b(?:by|before|from|compared|relative|until)\b", said[m.end() :])[0].strip(" .")
        return ("reduce_by" if m.group("word").lower() == "halve" else "increase_by"), re.sub(r"^the ", "", rest)
    about, least, most = _ABOUT.search(left), _LEAST.search(left), _MOST.search(left)
    cut = next((x.start() for x in (least, most, about) if x), len(left))
    if most and least is None and re.search(r"\bnot exceed(?:ing)?\s$", left):
        most = re.search(r"not exceed", left)
    if re.search(r"\bnot (?:to )?exceed(?:ing)?\s$", left):
        least, most = None, re.search(r"not", left)
    core = left[:cut].rstrip()
    asked = (
        ">="
        if least or re.match(r"\s?or (?:more|above|higher)", right)
        else "<="
        if most or re.match(r"\s?or (?:less|fewer|below)", right)
        else "approx"
        if about
        else ""
    )
    changed = next(iter(reversed(list(_CHANGE.finditer(core)))), None)
    noun_of = re.match(r"\s(?P<d>reduction|decrease|cut|decline|drop)|\s(?P<u>increase|rise|growth)", right)
    if noun_of:
        of = re.match(
            r"\s\w+\s(?:in|of)\s(?:the\s)?([^,.;()]{2,60}?)(?=\s(?:by|before|from|compared|relative)\b|[,.;()]|$)",
            right,
        )
        return ("reduce_by" if noun_of.group("d") else "increase_by"), of.group(1) if of else _trimmed(core)
    if changed:
        between = re.sub(r"\s+from\s.*$", "", re.sub(r"\b(?:further|to|by)\s*$", "", core[changed.end() :])).strip()
        named = re.sub(r"^(?:the|its|their) ", "", re.sub(r"\s+(?:by|to)$", "", between)) or _trimmed(
            core[: changed.start()]
        )
        if core.endswith(" to"):
            return asked or ("<=" if changed.group("down") else ">="), named
        if core.endswith(" by"):
            return ("reduce_by" if changed.group("down") else "increase_by"), named
        if (least or most) and not noun:
            return asked, named
    verb = _KEEP.search(core)
    if verb:
        return asked or (
            "<=" if re.search(r"\b(?:limit|cap|restrict|hold|held|keep|kept)", verb.group(), re.I) else ">="
        ), (re.sub(r"\s*\b(?:at|to|in|from|the)$", "", core[verb.end() :]).strip() or _trimmed(core[: verb.start()]))
    reached = _REACH.search(core)
    if reached:
        return asked or ("=" if noun and not m.group("unit") else ">="), noun or _trimmed(core[: reached.start()])
    return asked or "=", noun or _trimmed(core)


def _trimmed(words: str) -> str:
    """The subject in the words before a verb: what follows the date and stands before 'will'."""
    words = re.sub(r"^.*\b(?:19|20)\d\d,?\s*", "", words)
    words = re.sub(r"\s(?:larger|more|greater|over|above|bigger|longer|older|smaller)(?: than)?\s*$", "", words)
    words = re.split(r"\b(?:will|shall|must|should|is to|are to|is|are|aims? to|plans? to)\b", words)[0]
    return re.sub(r"^(?:and|the|its|their|while|with|to)\s+", "", words.strip(" ,.:"), flags=re.I)[:120]


def _names(words: str) -> tuple[str, ...]:
    """The bodies a list names; 'and' joins the last one, and stays inside a name without a comma before it where
    the next word is no body."""
    parts = re.split(
        r",\s*(?:and\s+)?(?:the\s+)?|\s+and\s+the\s+|;\s*|\s+and\s+(?=[A-Z])(?=[^,]*\b(?:Bureau|Department|Office|Agency|Commission|Authority|Ministry|Committee|Council|Company)\b)",
        words,
    )
    return tuple(dict.fromkeys(p.strip(" .") for p in parts if p and p.strip(" .")))


def _counter(text: str) -> int:
    if text.isdigit():
        return int(text)
    values = {"I": 1, "V": 5, "X": 10, "L": 50}
    total = 0
    for a, b in zip(text, text[1:] + " ", strict=True):
        total += -values[a] if values.get(b, 0) > values[a] else values[a]
    return total


def _exact(value: float) -> float:
    return float(f"{value:.12g}")
