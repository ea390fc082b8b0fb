"""What do people make of what was read? Every act on the records of a draft, and its undoing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import msgspec

from citytwin import reader
from citytwin.engine.decision import Step, decide, decisions
from citytwin.engine.drafts import fold
from citytwin.engine.drafts.read import records
from citytwin.engine.drafts.words import LONGEST, Words, words
from citytwin.engine.follow import bound
from citytwin.engine.twin import Twin
from citytwin.kernel.draft import PROMISES, Act, Draft, Record, Standing
from citytwin.kernel.errors import BadRequest, Conflict, NotFound
from citytwin.kernel.plan import Binding

EDITABLE = (
    "kind", "subject", "subject_en", "comparator", "value", "value_max", "unit", "scope", "baseline", "baseline_value",
    "deadline", "modality", "qualifier", "lead", "participants", "section",
)  # fmt: skip
DESCRIBED = ("title", "title_en", "number", "issuer", "issued")
_NOT_UNDONE = ("read", "reread", "undo", "publish", "withdraw")
_LONGEST = {"subject": 300, "subject_en": 300, "scope": 1000, "unit": 40, "modality": 40, "qualifier": 40}


@dataclass(frozen=True, slots=True)
class Asked:
    """One act on a draft: on which `records`, with what `fields`, `parts` or `span`; `seen` is the newest decision its author knew of."""

    act: Act
    by: str
    seen: int
    records: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Mapping[str, Any], ...] = ()
    span: tuple[int, int] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """The draft after the act, the records that are new or changed, and the ids of those that are gone."""

    draft: Draft
    records: tuple[Record, ...]
    gone: tuple[str, ...]


Sides = tuple[Sequence[Record], Sequence[Record]]
"""The records that an act takes out, and those it puts in."""


def judge(twin: Twin, id: str, asked: Asked) -> Judged:
    """Carry out one act. Raises NotFound, BadRequest, and Conflict when somebody changed one of these records meanwhile."""
    with twin.turn:
        draft = fold.draft(twin.store, id)
        if asked.act == "undo":
            return _undo(twin, draft, asked)
        if asked.act == "describe":
            return _describe(twin, draft, asked)
        chosen = _chosen(twin, draft, asked)
        acts: dict[str, Callable[[], Sides]] = {
            "accept": lambda: _stand(chosen, "accepted"),
            "reject": lambda: _stand(chosen, "rejected"),
            "reopen": lambda: _stand(chosen, "open"),
            "edit": lambda: (chosen, [_edited(_one(chosen), asked.fields, _words(twin, draft))]),
            "split": lambda: _split(draft, _one(chosen), asked.parts, _words(twin, draft)),
            "merge": lambda: _merge(chosen, asked.fields, _words(twin, draft)),
            "add": lambda: _add(draft, asked, _words(twin, draft)),
            "bind": lambda: (chosen, [replace(_one(chosen), measured_by=_binding(twin, asked.fields))]),
        }
        if asked.act not in acts:
            raise BadRequest(f"'{asked.act}' is no act on a draft", f"one of: {', '.join(acts)}, describe, undo", "act")
        before, after = acts[asked.act]()
        changed = {r.id: r for r in before}
        after = [r for r in after if changed.get(r.id) != r]
        kept = {r.id for r in after}
        gone = tuple(r.id for r in before if r.id not in kept and asked.act in ("merge", "split"))
        before = [r for r in before if r.id in kept or r.id in gone]
        if not before and not after:
            return Judged(draft, (), ())
        step = Step(fold.ABOUT + id, asked.act, {"records": before}, {"records": after}, asked.note)
        decide(twin, asked.by, step)
        return Judged(fold.draft(twin.store, id), tuple(after), gone)


def _chosen(twin: Twin, draft: Draft, asked: Asked) -> list[Record]:
    there = {r.id: r for r in draft.records}
    missing = [id for id in asked.records if id not in there]
    if missing and asked.seen >= draft.decisions:
        raise NotFound(f"there is no record '{missing[0]}'", "see the draft", missing[0])
    if asked.act == "add":
        return []
    if not asked.records or len(set(asked.records)) != len(asked.records):
        raise BadRequest("it is not said which records", "name each once", "records")
    if asked.seen < draft.decisions:
        mine = set(asked.records)
        for d in decisions(twin.store, fold.ABOUT + draft.id):
            if d.n > asked.seen and mine & fold.touched(d):
                raise Conflict(
                    f"{d.by} decided otherwise at {d.time:%Y-%m-%d %H:%M} UTC ({d.act})", "look at it again", ", ".join(sorted(mine & fold.touched(d)))
                )  # fmt: skip
    if missing:
        raise NotFound(f"there is no record '{missing[0]}'", "see the draft", missing[0])
    return [there[id] for id in asked.records]


def _one(chosen: Sequence[Record]) -> Record:
    if len(chosen) != 1:
        raise BadRequest("this act takes one record", "name one", "records")
    return chosen[0]


def _stand(chosen: Sequence[Record], standing: Standing) -> Sides:
    for r in chosen:
        if r.standing == "dropped" and standing == "accepted":
            raise BadRequest(f"the document no longer says '{r.quote[:60]}'", "reject it, or leave it", r.id)
        if standing == "accepted":
            sound(r)
    return chosen, [replace(r, standing=standing, earlier="" if standing != "open" else r.earlier) for r in chosen]


def sound(r: Record) -> None:
    """Raises BadRequest where a record cannot be a target as it is."""
    if r.kind not in PROMISES:
        raise BadRequest(f"'{r.subject[:60]}' is a {r.kind}, which is nothing to keep", "edit its kind first", r.id)
    if not r.subject.strip():
        raise BadRequest("the record does not say what is promised", "edit its subject", r.id)
    if r.kind in ("numeric", "coverage") and (r.value is None or r.comparator in (None, "done_by")):
        raise BadRequest(f"'{r.subject[:60]}' has no value to reach", "edit value and comparator", r.id)
    if r.value_max is not None and (r.value is None or r.value_max < r.value):
        raise BadRequest(f"the range of '{r.subject[:60]}' ends before it begins", "edit value and value_max", r.id)


def _edited(r: Record, given: Mapping[str, Any], words: Words) -> Record:
    unknown = sorted(set(given) - set(EDITABLE))
    if unknown or not given:
        what = f"'{unknown[0]}' cannot be edited" if unknown else "it is not said what to edit"
        raise BadRequest(what, f"fields: {', '.join(EDITABLE)}", "fields")
    clean = {k: _clean(k, v) for k, v in given.items()}
    if "section" in clean:
        part = next((s for s in words.sections if s.path == clean["section"]), None)
        if clean["section"] and part is None:
            raise BadRequest(f"there is no section '{clean['section']}'", "see the draft's sections", "section")
        clean["section_title"] = part.title if part else ""
    try:
        made = msgspec.convert({**msgspec.to_builtins(r), **clean}, Record)
    except msgspec.ValidationError as e:
        raise BadRequest(f"a field is not what it should be: {e}", f"fields: {', '.join(EDITABLE)}", "fields") from e
    for number in (made.value, made.value_max, made.baseline_value):
        if number is not None and not math.isfinite(number):
            raise BadRequest("a value is not a number", "give a finite one", "fields")
    if made.kind == "milestone":
        made = replace(made, comparator="done_by", value=None, value_max=None, unit="")
    elif made.comparator == "done_by":
        made = replace(made, comparator=">=" if made.value is not None else None)
    changed = [f for f in EDITABLE if getattr(made, f) != getattr(r, f)]
    sources = {**r.sources, **dict.fromkeys(changed, "edited")}
    return replace(made, sources=sources, sure={**r.sure, **dict.fromkeys(changed, 1.0)})


def _clean(name: str, value: Any) -> Any:
    if name in ("lead", "participants"):
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise BadRequest(f"{name} is not a list of names", "give a list", name)
        return [v for v in dict.fromkeys(_text(name, v) for v in value) if v]
    if isinstance(value, str):
        return _text(name, value) if name != "deadline" else _day(value)
    if value is None and name in _LONGEST:
        return ""
    if isinstance(value, float) and name == "baseline":
        return int(value) if value.is_integer() else value
    return value


def _text(name: str, value: str) -> str:
    value = value.strip()
    most = _LONGEST.get(name, 200)
    if len(value) > most or not value.isprintable():
        raise BadRequest(f"{name} is too long or not text", f"at most {most} characters on one line", name)
    return value


def _day(value: str) -> str | None:
    if not value:
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise BadRequest(f"'{value[:40]}' is not a day", "such as 2025-12-31", "deadline") from None
    if not 1949 <= day.year <= 2100:
        raise BadRequest(f"{day} is no deadline", "a day from 1949 to 2100", "deadline")
    return value


def _split(draft: Draft, r: Record, parts: Sequence[Mapping[str, Any]], words: Words) -> Sides:
    if not 2 <= len(parts) <= 50:
        raise BadRequest("a record is split into two parts or more", "give the fields of each", "parts")
    number = _next(draft)
    made = []
    for i, part in enumerate(parts):
        given = {k: v for k, v in part.items() if k not in ("start", "end")}
        piece = replace(r, id=r.id if i == 0 else f"r{number + i - 1:03d}", standing="open", earlier="")
        if "start" in part or "end" in part:
            piece = _placed(piece, part.get("start"), part.get("end"), words)
        piece = _edited(piece, given, words) if given else piece
        made.append(replace(piece, sources={**piece.sources, "quote": "edited"}))
    return [r], made


def _merge(chosen: Sequence[Record], given: Mapping[str, Any], words: Words) -> Sides:
    if len(chosen) < 2:
        raise BadRequest("two records or more are merged", "name them", "records")
    first = chosen[0]
    start, end = min(r.start for r in chosen), max(r.end for r in chosen)
    made = replace(_placed(first, start, end, words), standing="open", earlier="")
    made = _edited(made, given, words) if given else made
    return chosen, [replace(made, sources={**made.sources, "quote": "edited"})]


def _add(draft: Draft, asked: Asked, words: Words) -> Sides:
    if asked.span is None:
        raise BadRequest("it is not said where the words stand", "select them", "span")
    blank = Record(f"r{_next(draft):03d}", "numeric", "", "", "", "", 0, 0, 0, 0)
    made = _placed(blank, *asked.span, words)
    made = _guessed(made, words)
    made = _edited(made, asked.fields, words) if asked.fields else made
    return [], [replace(made, sources={**made.sources, "quote": "edited"})]


def _guessed(r: Record, words: Words) -> Record:
    """What the reader makes of the selected words alone; where it finds nothing, a deliverable called by them."""
    try:
        reading = reader.read(words.written(r.start, r.end).encode(), "selection")
        found = [f for d in reading.documents for f in records(d)]
    except reader.ReaderError:
        found = []
    section = words.section(r.start)
    lead = section.lead if section else ()
    joined = section.participants if section else ()
    likely = next((f for f in found if f.kind in PROMISES), None)
    if likely is None:
        return replace(
            r, kind="milestone", subject=r.quote[:100], comparator="done_by", lead=lead, participants=joined, confidence=0.3,
            sources={"subject": "assumed", **({"lead": "inherited"} if lead else {})},
        )  # fmt: skip
    return replace(
        likely, id=r.id, quote=r.quote, section=r.section, section_title=r.section_title, start=r.start, end=r.end, raw_start=r.raw_start,
        raw_end=r.raw_end, page=r.page, lead=likely.lead or lead, participants=likely.participants or joined,
    )  # fmt: skip


def _placed(r: Record, start: Any, end: Any, words: Words) -> Record:
    if not isinstance(start, int) or not isinstance(end, int) or not words.start <= start < end <= words.end:
        raise BadRequest("the place is outside the document", f"from {words.start} to {words.end}", "span")
    if end - start > LONGEST:
        raise BadRequest(f"the words are {end - start} characters long", f"at most {LONGEST}", "span")
    section = words.section(start)
    raw_start, raw_end = words.raw(start, end)
    return replace(
        r, quote=words.quote(start, end), start=start, end=end, raw_start=raw_start, raw_end=raw_end, page=words.page(start),
        section=section.path if section else "", section_title=section.title if section else "",
    )  # fmt: skip


def _binding(twin: Twin, given: Mapping[str, Any]) -> Binding | None:
    if not any(given.values()):
        return None
    return bound(twin, str(given.get("indicator", "")), str(given.get("asset", "")))


def _undo(twin: Twin, draft: Draft, asked: Asked) -> Judged:
    about = fold.ABOUT + draft.id
    taken = decisions(twin.store, about)
    back = fold.undone(taken)
    last = next((d for d in reversed(taken) if d.n not in back and d.act != "undo"), None)
    if last is None or last.act in _NOT_UNDONE:
        raise BadRequest("there is nothing to take back", "what was read or published stays", "act")
    if asked.seen < last.n:
        raise Conflict(f"{last.by} decided after you looked ({last.act})", "look at it again", draft.id)
    before: dict[str, Any] = {k: v for k, v in last.after.items() if k in ("records", "draft")}
    after: dict[str, Any] = {k: v for k, v in last.before.items() if k in ("records", "draft")}
    decide(twin, asked.by, Step(about, "undo", before, {**after, "undoes": last.n}, asked.note))
    made = fold.draft(twin.store, draft.id)
    again = {str(r["id"]) for r in after.get("records", [])}
    gone = tuple(str(r["id"]) for r in before.get("records", []) if r["id"] not in again)
    return Judged(made, tuple(r for r in made.records if r.id in again), gone)


def _describe(twin: Twin, draft: Draft, asked: Asked) -> Judged:
    unknown = sorted(set(asked.fields) - set(DESCRIBED))
    if unknown or not asked.fields:
        what = f"'{unknown[0]}' is not told of a document" if unknown else "it is not said what to change"
        raise BadRequest(what, f"fields: {', '.join(DESCRIBED)}", "fields")
    given = dict(asked.fields)
    title = {"zh": draft.title.zh, "en": draft.title.en}
    after: dict[str, Any] = {}
    for name, key in (("title", "zh"), ("title_en", "en")):
        if name in given:
            title[key] = _text("subject", str(given[name] or ""))
            after["title"] = title
    if not title["zh"]:
        raise BadRequest("a document has a title", "give one", "title")
    if "number" in given:
        after["number"] = _text("number", str(given["number"] or ""))
    if "issuer" in given:
        after["issuer"] = _clean("lead", given["issuer"])
    if "issued" in given:
        after["issued"] = _day(str(given["issued"] or ""))
    before = {name: getattr(draft, name) for name in after}
    decide(twin, asked.by, Step(fold.ABOUT + draft.id, "describe", {"draft": before}, {"draft": after}, asked.note))
    return Judged(fold.draft(twin.store, draft.id), (), ())


def _words(twin: Twin, draft: Draft) -> Words:
    return words(twin.store, draft.id, draft.version)


def _next(draft: Draft) -> int:
    return max((int(r.id[1:]) for r in draft.records), default=0) + 1
