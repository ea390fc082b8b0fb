"""The document came again: which decisions still hold?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from citytwin.engine import compare
from citytwin.engine.drafts.words import Words
from citytwin.kernel.draft import Record

JUDGED = (
    "kind", "comparator", "value", "value_max", "unit", "baseline", "baseline_value", "deadline", "lead",
)  # fmt: skip
"""Fields whose change makes somebody look again."""
TAKEN = (*JUDGED, "subject", "scope", "modality", "force", "qualifier", "participants", "sources", "sure", "confidence")
PLACE = ("quote", "section", "section_title", "start", "end", "raw_start", "raw_end", "page")


def carry(old: Sequence[Record], found: Sequence[Record], words: Words) -> tuple[list[Record], list[Record]]:
    """The records that a new reading (what it `found`, and its `words`) replaces, and those it puts in their place.

    Words that still stand keep their record and its decision. Where the words changed, what people edited stays, the rest is read anew, and an accepted record opens again if it
    now says something else. What is gone is dropped, with its decision on record; what is new is added.
    """
    rest = list(found)
    pairs: list[tuple[Record, Record | None]] = []
    loose: list[Record] = []
    by_quote: dict[str, list[Record]] = defaultdict(list)
    for n in rest:
        by_quote[n.quote].append(n)
    for o in old:
        same = by_quote.get(o.quote, [])
        if same:
            n = min(same, key=partial(_distance, o))
            same.remove(n)
            rest.remove(n)
            pairs.append((o, n))
        elif o.quote in words.stripped:
            pairs.append((o, None))
            rest = [n for n in rest if not (shaped(o) and (n.quote in o.quote or o.quote in n.quote))]
        else:
            loose.append(o)
    for before, now in compare.match([o for o in loose if o.standing != "dropped"], rest):
        if before is not None and now is not None:
            pairs.append((before, now))
            loose.remove(before)
            rest.remove(now)
    after = {o.id: _again(o, n, words) for o, n in pairs}
    after |= {o.id: replace(o, standing="dropped") for o in loose}
    number = max((int(o.id[1:]) for o in old), default=0)
    added = [replace(n, id=f"r{number + i:03d}") for i, n in enumerate(rest, 1)]
    changed = [o for o in old if after[o.id] != o]
    return changed, [*(after[o.id] for o in changed), *added]


def shaped(r: Record) -> bool:
    """Whether people decided what its quote is, by adding, splitting or merging."""
    return r.sources.get("quote") == "edited"


def _distance(o: Record, n: Record) -> tuple[int, int]:
    """Among records with the same words (分别降低3%和4%): first the one that says the same, then the nearest."""
    return sum(getattr(o, f) != getattr(n, f) for f in ("value", "subject", "deadline")), abs(o.start - n.start)


def _again(o: Record, n: Record | None, words: Words) -> Record:
    if n is None:
        at = words.find(o.quote, o.start)
        assert at is not None  # it was seen to stand there
        end = at + len(o.quote)
        raw_start, raw_end = words.raw(at, end)
        section = words.section(at)
        return replace(
            o, start=at, end=end, raw_start=raw_start, raw_end=raw_end, page=words.page(at),
            section=section.path if section else "", section_title=section.title if section else "",
            standing="open" if o.standing == "dropped" else o.standing,
        )  # fmt: skip
    edited = {f for f, source in o.sources.items() if source == "edited"}
    place = {f: getattr(n, f) for f in PLACE}
    taken = {f: getattr(n, f) for f in TAKEN if f not in edited}
    taken["sources"] = {**n.sources, **dict.fromkeys(edited, "edited")}
    taken["sure"] = {**n.sure, **dict.fromkeys(edited, 1.0)}
    differs = any(getattr(o, f) != getattr(n, f) for f in JUDGED if f not in edited)
    reworded = o.quote != n.quote
    standing, earlier = o.standing, ""
    if standing == "dropped":
        standing = "open"
    elif standing == "accepted" and (differs or (reworded and edited)):
        standing, earlier = "open", o.quote
    elif standing == "accepted":  # it says the same: what was accepted stays as it was accepted
        taken = {}
    elif standing == "open":
        earlier = o.quote if reworded else o.earlier
    return replace(o, **place, **taken, standing=standing, earlier=earlier)
