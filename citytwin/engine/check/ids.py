"""What is declared, and by whom? The ids that a pack may name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from citytwin.engine.check.subject import Subject
from citytwin.kernel.errors import Fault
from citytwin.kernel.pack import Pack

NOUNS = {"case": "case type", "stream": "stream type", "type": "asset type", "relation": "relation type"}


@dataclass
class Ids:
    """What the pack and those it uses declare: noun of every global id."""

    subject: Subject
    nouns: dict[tuple[str, str], Pack]
    uses: set[str]

    @classmethod
    def of(cls, subject: Subject) -> Ids:
        packs = [subject.pack, *(p for u in subject.pack.uses if (p := subject.bench.pack(u)))]
        nouns = {(noun, id): p for p in packs for noun, ids in declared(p) for id in ids}
        return cls(subject, nouns, set(subject.pack.uses))

    def lost(self, id: str, wanted: Iterable[str], where: str, what: str) -> Iterator[Fault]:
        """A fault if `id` is none of the wanted nouns."""
        wanted = tuple(wanted)
        if any((noun, id) in self.nouns for noun in wanted):
            return
        name, _, local = id.partition(".")
        said = " or ".join(NOUNS.get(w, w) for w in wanted)
        shown = local if name == self.subject.id else id
        other = self.subject.bench.pack(name) if name not in (self.subject.id, *self.uses) else None
        if other is not None:
            yield Fault(
                where,
                "NAMES",
                f"{what} reads '{id}', and uses does not list '{name}'",
                f"add {name} to uses in pack.yaml",
            )
            return
        found = [
            n
            for n in ("type", "relation", "stream", "indicator", "table", "rule", "case", "model")
            if (n, id) in self.nouns
        ]
        if found:
            yield Fault(
                where, "NAMES", f"{what} names '{shown}', which is a {NOUNS.get(found[0], found[0])}", f"name a {said}"
            )
            return
        yield Fault(
            where,
            "NAMES",
            f"{what} names '{shown}', which nothing declares",
            _near(shown, self, wanted) or f"name a {said}",
        )


def _near(shown: str, ids: Ids, wanted: tuple[str, ...]) -> str:
    own = f"{ids.subject.id}."
    there = sorted({id.removeprefix(own) for noun, id in ids.nouns if noun in wanted})
    close = [t for t in there if _alike(t, shown)]
    return f"did you mean {close[0]}?" if close else ""


def _alike(a: str, b: str) -> bool:
    return difflib.SequenceMatcher(None, a, b).ratio() > 0.75


def declared(pack: Pack) -> Iterator[tuple[str, list[str]]]:
    """Noun by noun, the global ids that a pack declares."""
    yield "type", [t.id for t in pack.types]
    yield "relation", [r.id for r in pack.relations]
    yield "stream", [s.id for s in pack.streams]
    yield "indicator", [i.id for i in pack.indicators]
    yield "table", [f"{pack.id}.{t}" for t in pack.tables]
    yield "rule", [r.id for r in pack.rules]
    yield "case", [c.id for c in pack.cases]
    yield "model", list(pack.models)
