"""A document comes in: what does it promise, and is it a new version of one that is known?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import msgspec

from citytwin import reader
from citytwin.engine import files
from citytwin.engine.decision import Step, decide, decisions, person
from citytwin.engine.drafts import carry, fold
from citytwin.engine.drafts.words import Words
from citytwin.engine.twin import Twin
from citytwin.kernel.draft import Draft, Paragraph, Part, Record
from citytwin.kernel.errors import BadRequest, NotFound
from citytwin.kernel.plan import Attachment, Plan
from citytwin.kernel.store import Change, Store
from citytwin.reader.apart import read_apart

SAME_TITLE = 0.85
"""Likeness of two titles above which they name the same plan: 印发 or a year's spelling may differ, no more."""
_WRAPPING = re.compile(r"^关于|印发|发布|的通知$|[《》“”\s]")
_FIELDS = {f.name for f in fields(Record)}


def read(
    twin: Twin,
    data: bytes,
    name: str,
    by: str,
    of: str = "",
    reads: Callable[[bytes, str], reader.Reading] = read_apart,
) -> list[Draft]:
    """Read a file into drafts, one for each document in it; a document known by number and title becomes its new version.

    With `of`, the file is a new version of that draft, whatever it is called now. Decisions are kept. Raises ReaderError, BadRequest, NotFound.
    """
    by = person(by)
    known = {d.id: d for d in fold.drafts(twin.store)}
    if of and of not in known:
        raise NotFound(f"there is no draft '{of}'", "see /api/drafts", "of")
    reading = reads(data, files.plain(name))
    if not reading.documents:
        raise reader.ReaderError(f"{name} holds no document", "Is it a plan?")
    ids = dict(zip(_ids(reading.documents), reading.documents, strict=True))
    if of:
        ids = {of: _version_of(known[of], ids)}
    file = files.keep(twin, data, name, by)
    offsets = _offsets(reading.text)
    with twin.turn:
        known = {d.id: d for d in fold.drafts(twin.store)}  # asked again: others decide while a file is read
        steps = [
            step
            for id, document in ids.items()
            if (step := _step(twin, id, known.get(id), document, _words(document, reading.text, offsets), file, by))
        ]
        if steps:
            decide(twin, by, *steps)
        return [fold.draft(twin.store, id) for id in ids]


def _step(
    twin: Twin, id: str, old: Draft | None, document: reader.Document, words: Words, file: Attachment, by: str
) -> Step | None:
    found = records(document)
    version = old.version + 1 if old else 1
    facts: dict[str, Any] = {"file": file.sha256, "name": file.name, "document": document.index, "version": version}
    body = _kept(id, version, words, file.sha256)
    if old is None:
        plan = _plan_of(twin.plans, document)
        facts |= {
            **_stated(document), "plan": plan.id if plan else id, "state": "draft", "by": by, "recorded": twin.clock.now(),
        }  # fmt: skip
        if plan and not facts["title"]["en"] and plan.title.en != plan.title.zh:
            facts["title"] = {**facts["title"], "en": plan.title.en}
        after = {"draft": facts, "records": numbered(found, 1)}
        return Step(fold.ABOUT + id, "read", {}, after, changes=[body])
    gone, new = carry.carry(old.records, found, words)
    if not gone and not new and file.sha256 == old.file:
        return None  # the same file, read the same way: nothing happened
    facts["state"] = "draft"  # the version in force stays until this one is published
    before = {"draft": {k: getattr(old, k) for k in facts}, "records": gone}
    return Step(fold.ABOUT + id, "reread", before, {"draft": facts, "records": new}, changes=[body])


def records(document: reader.Document) -> list[Record]:
    """What the reader found, as records without an id yet."""
    found = []
    for c in document.commitments:
        row = {k: v for k, v in c.row().items() if k in _FIELDS and v is not None}
        found.append(msgspec.convert({**row, "id": ""}, Record, strict=False))
    return found


def numbered(found: Sequence[Record], first: int) -> list[Record]:
    """Records with ids from r<first> on."""
    return [replace(r, id=f"r{n:03d}") for n, r in enumerate(found, first)]


def _stated(document: reader.Document) -> dict[str, Any]:
    return {
        "title": {"zh": document.title, "en": ""}, "number": document.number or "", "issuer": document.bodies,
        "issued": document.issued,
    }  # fmt: skip


def _ids(documents: Sequence[reader.Document]) -> list[str]:
    out: list[str] = []
    for d in documents:
        id, n = reader.slug(d), 2
        while id in out:
            id, n = f"{reader.slug(d)}_{n}", n + 1
        out.append(id)
    return out


def _version_of(old: Draft, ids: dict[str, reader.Document]) -> reader.Document:
    if old.id in ids:
        return ids[old.id]
    if len(ids) == 1:
        return next(iter(ids.values()))
    likely = max(ids.values(), key=lambda d: alike(d.title, old.title.zh))
    if alike(likely.title, old.title.zh) < SAME_TITLE:
        titles = "、".join(d.title for d in list(ids.values())[:10])
        raise BadRequest(
            f"the file holds {len(ids)} documents and none is called like this draft",
            f"send only the document that is its new version; there are: {titles}",
            "of",
        )
    return likely


def _plan_of(plans: Sequence[Plan], document: reader.Document) -> Plan | None:
    """The plan in force that this document is."""
    for p in plans:
        if p.number and document.number and p.number == document.number:
            return p
    if document.number:
        plans = [p for p in plans if not p.number]
    likely = max(plans, key=lambda p: alike(p.title.zh, document.title), default=None)
    return likely if likely and alike(likely.title.zh, document.title) >= SAME_TITLE else None


def alike(a: str, b: str) -> float:
    """Likeness of two document titles, 0 to 1, without what wraps them (关于印发《…》的通知)."""
    a, b = _WRAPPING.sub("", a), _WRAPPING.sub("", b)
    if re.findall(r"\d+", a) != re.findall(r"\d+", b):  # the plan of another year is another plan
        return 0.0
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()


def _offsets(raw: str) -> list[int]:
    return [i for i, c in enumerate(raw) if not c.isspace()]


def _words(document: reader.Document, raw: str, offsets: Sequence[int]) -> Words:
    a, b = offsets[document.start], offsets[document.end - 1] + 1
    headings = {s.start: s for s in document.sections}
    paragraphs = []
    for p in document.paragraphs:
        heading = headings.get(p.start)
        # a title may run into its text (（一）题目。正文…): it is shown on a line of its own
        cut = heading.body if heading and p.start < heading.body < p.end else p.end
        for start, end, level in ((p.start, cut, heading.level if heading else 0), (cut, p.end, 0)):
            if start < end:
                text = _line(raw[offsets[start] : offsets[end - 1] + 1])
                paragraphs.append(Paragraph(start, end, text, p.page, level))
    sections = tuple(Part(s.path, s.title, s.level, s.start, s.end, s.lead, s.participants) for s in document.sections)
    return Words(document.start, a, raw[a:b], tuple(paragraphs), sections)


def _kept(id: str, version: int, words: Words, file: str) -> Change:
    return Change(
        "INSERT INTO draft_reading VALUES ($draft, $version, $file, $start, $raw_start, $text, $paragraphs, $sections)",
        {
            "draft": id, "version": version, "file": file, "start": words.start, "raw_start": words.raw_start, "text": words.text,
            "paragraphs": msgspec.json.encode(words.paragraphs).decode(), "sections": msgspec.json.encode(words.sections).decode(),
        },
    )  # fmt: skip


def _line(raw: str) -> str:
    """The words of a paragraph on one line: a blank stays where it parts two words in Latin letters, and nowhere else."""
    words = raw.split()
    glue = ["", *(" " if _latin(a[-1]) and _latin(b[0]) else "" for a, b in pairwise(words))]
    return "".join(x for pair in zip(glue, words, strict=True) for x in pair)


def _latin(c: str) -> bool:
    return c < "\u2e80"


def earlier(store: Store, id: str) -> Draft:
    """The draft as it stood before its newest reading. Raises NotFound."""
    taken = decisions(store, fold.ABOUT + id)
    last = max((d.n for d in taken if d.act == "reread"), default=1)
    return fold.fold([d for d in taken if d.n < last]) if last > 1 else fold.draft(store, id)
