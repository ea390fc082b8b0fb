"""Stage names, references: does every reference lead to something that fits?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from citytwin.engine.check.ids import NOUNS, Ids
from citytwin.engine.check.subject import Subject
from citytwin.kernel.errors import Fault
from citytwin.kernel.stream import StreamType
from citytwin.kernel.units import known_unit, quantities

COLUMNS = ("asset_id", "title_zh", "title_en", "longitude", "latitude")
"""Columns that every type's view has already."""
OF = {
    "map-layer": ("type",),
    "series": ("stream", "indicator"),
    "stat": ("indicator", "stream"),
    "table": ("indicator", "stream", "type"),
    "scorecard": ("indicator",),
    "alarm-list": ("rule",),
    "case-board": ("case",),
    "run-compare": ("model",),
    "proof": ("indicator", "stream"),
}
"""What a panel of each kind may draw."""
WHOLE = ("scorecard", "alarm-list", "case-board", "proof")
"""Panels that draw everything of their kind when `of` is left out."""
_WORD = re.compile(r"[^\W\d_][\w-]{0,39}")
_COLOR = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})|[a-z]+")


def unit(id: str, where: str, what: str) -> Iterator[Fault]:
    """A fault if the unit is not in the vocabulary; none given is none at fault."""
    if id and not known_unit(id):
        yield Fault(
            where,
            "NAMES",
            f"{what} has the unit '{id}', which is not in the vocabulary",
            "see docs/reference/quantities.md",
        )


def types(subject: Subject, ids: Ids) -> Iterator[Fault]:
    for i, kind in enumerate(subject.pack.types):
        for k, a in enumerate(kind.attributes):
            path = ("types", i, "attributes", k)
            what = f"attribute '{a.id}'"
            yield from unit(a.unit, subject.at("types", *path, "unit"), what)
            if a.id in COLUMNS:
                yield Fault(
                    subject.at("types", *path, "id"),
                    "NAMES",
                    f"{what} is a column that every type has",
                    "give it another id",
                )
            if (a.kind == "choice") != bool(a.choices):
                yield Fault(
                    subject.at("types", *path),
                    "NAMES",
                    f"{what}: choices belong to kind choice, and to no other",
                    "list choices, or change kind",
                )
            if (a.low is not None or a.high is not None or a.unit) and a.kind not in ("number", "integer"):
                yield Fault(
                    subject.at("types", *path),
                    "NAMES",
                    f"{what} is {a.kind} and has no unit and no bounds",
                    "drop unit, low and high",
                )
            yield from _bounds(a.low, a.high, subject.at("types", *path, "low"), what)
    for i, relation in enumerate(subject.pack.relations):
        for end in ("source", "target"):
            id = getattr(relation, end)
            if id != "*":
                yield from ids.lost(id, ("type",), subject.at("types", "relations", i, end), end)


def _bounds(low: float | None, high: float | None, where: str, what: str) -> Iterator[Fault]:
    if low is not None and high is not None and low >= high:
        yield Fault(where, "NAMES", f"{what}: low {low:g} is not below high {high:g}", "swap them")


def streams(subject: Subject, ids: Ids) -> Iterator[Fault]:
    for i, s in enumerate(subject.pack.streams):
        local = s.id.partition(".")[2]
        path = ("streams", i)
        yield from ids.lost(s.asset, ("type",), subject.at("streams", *path, "asset"), f"stream type '{local}'")
        q = quantities().get(s.quantity)
        if q is None:
            where = subject.at("streams", *path, "quantity")
            yield Fault(
                where, "NAMES", f"quantity '{s.quantity}' is not in the vocabulary", "see docs/reference/quantities.md"
            )
        else:
            for bound in ("low", "high"):
                value = getattr(s, bound)
                if value is not None and not q.low <= value <= q.high:
                    where = subject.at("streams", *path, bound)
                    yield Fault(
                        where,
                        "NAMES",
                        f"{bound} {value:g} lies outside what '{q.id}' can be ({q.low:g} to {q.high:g} {q.unit})",
                        "readings there are flagged bad",
                    )
        yield from _bounds(s.low, s.high, subject.at("streams", *path, "low"), f"stream type '{local}'")
        for name, declared in (("policy", s.policy), ("qc", s.qc)):
            for key, message, hint in declared.faults() if declared else ():
                yield Fault(subject.at("streams", *path, name, key), "NAMES", f"stream type '{local}': {message}", hint)
        yield from _choices(subject, s, i, local)
        if s.cadence_s <= 0:
            yield Fault(
                subject.at("streams", *path, "cadence_s"),
                "NAMES",
                f"cadence_s is {s.cadence_s}",
                "seconds between two readings",
            )


def _choices(subject: Subject, s: StreamType, i: int, local: str) -> Iterator[Fault]:
    what = f"stream type '{local}'"
    q = quantities().get(s.quantity)
    codes: set[int] = set()
    words: set[str] = set()
    for k, c in enumerate(s.choices):
        at = partial(subject.at, "streams", "streams", i, "choices", k)
        if not _WORD.fullmatch(c.id):
            yield Fault(
                at("id"), "NAMES", f"{what}: '{c.id}' is no word for a state", "a letter, then letters, digits, _ or -"
            )
        if c.id in words or c.code in codes:
            yield Fault(at(), "NAMES", f"{what}: state '{c.id}' ({c.code}) stands twice", "one word and one code each")
        words.add(c.id)
        codes.add(c.code)
        if q and not q.low <= c.code <= q.high:
            hint = f"from {q.low:g} to {q.high:g}; or quantity: category"
            yield Fault(at("code"), "NAMES", f"{what}: code {c.code} is none that '{q.id}' can have", hint)
    if not s.choices:
        return
    where = subject.at("streams", "streams", i, "choices")
    if q and q.unit != "1":
        yield Fault(where, "NAMES", f"{what}: states of '{q.id}' would be in {q.unit}", "quantity: state or category")
    if s.low is not None or s.high is not None or (s.qc and (s.qc.spike or s.qc.rate)):
        yield Fault(
            where, "NAMES", f"{what}: states have no range, no spike and no rate", "drop low, high, spike, rate"
        )


def indicators(subject: Subject, ids: Ids) -> Iterator[Fault]:
    for indicator in subject.pack.indicators:
        lines = indicator.sql.splitlines()

        def at(key: str, lines: list[str] = lines, path: str = indicator.id) -> str:
            n = next((n for n, line in enumerate(lines, 1) if re.match(rf"--\s*{key}\s*:", line)), 1)
            return subject.here(f"indicators/{path.partition('.')[2]}.sql", n)

        yield from unit(indicator.unit, at("unit"), "the indicator")
        yield from ids.lost(indicator.per, ("type",), at("per"), "per")


def cases(subject: Subject) -> Iterator[Fault]:
    for i, case in enumerate(subject.pack.cases):
        local = case.id.partition(".")[2]
        if not case.steps:
            yield Fault(subject.at("cases", "cases", i), "NAMES", f"case '{local}' has no steps", "add one")
            continue
        known = {s.id: s for s in case.steps}
        reached, todo = set(), [case.steps[0].id]
        while todo:
            id = todo.pop()
            if id not in reached and id in known:
                reached.add(id)
                todo += known[id].next
        for k, step in enumerate(case.steps):
            at = partial(subject.at, "cases", "cases", i, "steps", k)
            for n, id in enumerate(step.next):
                if id not in known:
                    yield Fault(
                        at("next", n),
                        "NAMES",
                        f"step '{step.id}' leads to '{id}', which is no step of '{local}'",
                        f"steps: {', '.join(known)}",
                    )
            if step.id not in reached:
                yield Fault(
                    at(), "NAMES", f"step '{step.id}' of '{local}' cannot be reached", "name it in next of another step"
                )
            if step.days < 0:
                yield Fault(at("days"), "NAMES", "days is below nothing", "working days from 0 on")
        if not any(not known[id].next for id in reached):
            yield Fault(
                subject.at("cases", "cases", i),
                "NAMES",
                f"case '{local}' never ends",
                "leave next out of the last step",
            )


def panels(subject: Subject, ids: Ids) -> Iterator[Fault]:
    types = {t.id: t for p in {id(p): p for p in ids.nouns.values()}.values() for t in p.types}
    for i, panel in enumerate(subject.pack.panels):
        at = partial(subject.at, "panels", "panels", i)
        what = f"panel '{panel.id.partition('.')[2]}'"
        if panel.of:
            yield from ids.lost(panel.of, OF[panel.kind], at("of"), what)
        elif panel.kind not in WHOLE:
            yield Fault(
                at("id"),
                "NAMES",
                f"{what} does not say what it draws",
                f"of: {' or '.join(NOUNS.get(n, n) for n in OF[panel.kind])}",
            )
        for key in ("by", "color", "height"):
            if getattr(panel, key) and panel.kind != "map-layer":
                yield Fault(
                    at(key), "NAMES", f"{key} belongs to map layers, and {what} is a {panel.kind}", f"drop {key}"
                )
        if panel.kind != "map-layer":
            continue
        if panel.color and not _COLOR.fullmatch(panel.color):
            yield Fault(at("color"), "NAMES", f"'{panel.color}' is not a colour", "#rrggbb")
        if panel.by:
            yield from ids.lost(panel.by, ("stream", "indicator"), at("by"), what)
            yield from _same_type(ids, panel.of, panel.by, at("by"), what)
        kind = types.get(panel.of)
        if panel.height and kind is not None:
            numeric = [a.id for a in kind.attributes if a.kind in ("number", "integer")]
            if panel.height not in numeric:
                yield Fault(
                    at("height"),
                    "NAMES",
                    f"type '{kind.id}' has no numeric attribute '{panel.height}'",
                    f"it has: {', '.join(numeric) or 'none'}",
                )
            if kind.geometry != "polygon":
                yield Fault(
                    at("height"),
                    "NAMES",
                    f"type '{kind.id}' is drawn as {kind.geometry}, which has no height",
                    "height belongs to polygons",
                )
        if kind is not None and kind.geometry == "none":
            yield Fault(
                at("of"),
                "NAMES",
                f"type '{kind.id}' has no geometry to draw",
                "map layers draw points, lines and polygons",
            )


def _same_type(ids: Ids, of: str, by: str, where: str, what: str) -> Iterator[Fault]:
    """A map layer is coloured by figures of the assets that it draws."""
    packs = {id(p): p for p in ids.nouns.values()}.values()
    held = {s.id: s.asset for p in packs for s in p.streams} | {i.id: i.per for p in packs for i in p.indicators}
    if by in held and held[by] != of:
        yield Fault(
            where,
            "NAMES",
            f"{what} draws '{of}', and '{by}' belongs to '{held[by]}'",
            "colour by figures of the assets drawn",
        )
