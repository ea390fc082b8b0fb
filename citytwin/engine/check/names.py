"""Stage names: is every id one, said once, and does every reference lead somewhere?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from citytwin.engine import load
from citytwin.engine.check import decide, reference, threshold, topic
from citytwin.engine.check.ids import Ids
from citytwin.engine.check.subject import FILES, Bench, Subject, text
from citytwin.kernel.errors import Fault

RESERVED = {"main", "temp", "system", "public", "information_schema", "pg_catalog", "citytwin"}


def check(subject: Subject) -> Iterator[Fault]:
    """Everything that is misnamed or leads nowhere."""
    ids = Ids.of(subject)
    yield from _manifest(subject)
    yield from _spelling(subject)
    yield from reference.types(subject, ids)
    yield from reference.streams(subject, ids)
    yield from topic.topics(subject, ids)
    yield from reference.indicators(subject, ids)
    yield from threshold.rules(subject, ids)
    yield from reference.cases(subject)
    yield from decide.cases(subject, ids)
    yield from reference.panels(subject, ids)


def _manifest(subject: Subject) -> Iterator[Fault]:
    pack, bench = subject.pack, subject.bench
    if pack.id in RESERVED or ((load.PACKS / pack.id).is_dir() and subject.folder != load.PACKS / pack.id):
        yield Fault(subject.at("pack", "id"), "NAMES", f"'{pack.id}' is taken", "give the pack another id")
    for i, system in enumerate(pack.systems):
        if bench.systems and system not in bench.systems:
            yield Fault(
                subject.at("pack", "systems", i),
                "NAMES",
                f"no city has a system '{system}'",
                "see systems.csv of the city",
            )
        if system in pack.systems[:i]:
            yield Fault(
                subject.at("pack", "systems", i), "NAMES", f"system '{system}' stands twice", "keep one of them"
            )
    for i, used in enumerate(pack.uses):
        where = subject.at("pack", "uses", i)
        if used == pack.id or _circle(bench, used, pack.id, set()):
            yield Fault(where, "NAMES", f"the pack uses itself through '{used}'", "drop one of these uses")
        elif used not in bench.folders:
            yield Fault(where, "NAMES", f"pack '{used}' is not here", f"there are: {', '.join(sorted(bench.folders))}")
        elif faults := bench.read(bench.folders[used])[1]:
            yield Fault(
                where, "NAMES", f"pack '{used}' has {len(faults)} faults of form", f"run: citytwin pack check {used}"
            )
        elif not _mentioned(subject, used):
            yield Fault(where, "NAMES", f"uses lists '{used}', and nothing reads it", "drop it from uses")


def _circle(bench: Bench, start: str, goal: str, seen: set[str]) -> bool:
    if start in seen:
        return False
    seen.add(start)
    pack = bench.pack(start)
    return pack is not None and (goal in pack.uses or any(_circle(bench, u, goal, seen) for u in pack.uses))


def _mentioned(subject: Subject, used: str) -> bool:
    pattern = re.compile(rf"\b{re.escape(used)}\.[a-zA-Z]")
    folder = subject.folder
    paths = [*folder.glob("*.yaml"), *folder.glob("*/*.sql"), *folder.glob("*.py")]
    return any(pattern.search(text(p)) for p in paths)


def _spelling(subject: Subject) -> Iterator[Fault]:
    """Ids match the pattern; types, relations, streams, indicators and tables share a namespace, the others have their own."""
    pack, folder = subject.pack, subject.folder
    own = f"{pack.id}."
    if not load.ID.fullmatch(pack.id):
        yield _no_id(subject.at("pack", "id"), pack.id)
    shared: list[tuple[str, str]] = []
    shared += [(t.id.removeprefix(own), subject.at("types", "types", i, "id")) for i, t in enumerate(pack.types)]
    shared += [
        (r.id.removeprefix(own), subject.at("types", "relations", i, "id")) for i, r in enumerate(pack.relations)
    ]
    shared += [(s.id.removeprefix(own), subject.at("streams", "streams", i, "id")) for i, s in enumerate(pack.streams)]
    shared += [(p.stem, load.place(p, 1)) for p in sorted((folder / "indicators").glob("*.sql"))]
    shared += [(t, subject.here(f"{t}.csv")) for t in pack.tables]
    yield from _unique(shared, "a type, relation, stream type, indicator or table")
    yield from _unique(
        [(r.id.removeprefix(own), subject.at("rules", "rules", i, "id")) for i, r in enumerate(pack.rules)], "a rule"
    )
    yield from _unique(
        [(c.id.removeprefix(own), subject.at("cases", "cases", i, "id")) for i, c in enumerate(pack.cases)], "a case"
    )
    yield from _unique(
        [(t.id, subject.at("cases", "decision_tables", i, "id")) for i, t in enumerate(pack.decision_tables)],
        "a decision table",
    )
    yield from _unique(
        [(s.id.removeprefix(own), subject.at("cases", "scorecards", i, "id")) for i, s in enumerate(pack.scorecards)],
        "a scorecard",
    )
    yield from _unique(
        [(p.id.removeprefix(own), subject.at("panels", "panels", i, "id")) for i, p in enumerate(pack.panels)],
        "a panel",
    )
    for i, kind in enumerate(pack.types):
        yield from _unique(
            [(a.id, subject.at("types", "types", i, "attributes", k, "id")) for k, a in enumerate(kind.attributes)],
            "an attribute",
        )
    for i, case in enumerate(pack.cases):
        yield from _unique(
            [(s.id, subject.at("cases", "cases", i, "steps", k, "id")) for k, s in enumerate(case.steps)], "a step"
        )
    for model in pack.models:
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]{1,39}", model.removeprefix(own)):
            yield Fault(
                pack.lines.get(model, ""),
                "NAMES",
                f"'{model.removeprefix(own)}' is no name for a model",
                "CapitalWords, such as StormForecast",
            )
    for name in FILES:
        yield from _titles(subject, name)


def _titles(subject: Subject, name: str) -> Iterator[Fault]:
    document = subject.documents.get(name)
    for path in document.lines if document else ():
        if path and path[-1] in ("zh", "en") and document is not None:
            value = document.data
            for key in path:
                value = value[key]
            if isinstance(value, str) and not value.strip():
                yield Fault(
                    document.where(path), "NAMES", f"the title in '{path[-1]}' is empty", "titles are in both languages"
                )


def _unique(found: list[tuple[str, str]], noun: str) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for id, where in found:
        if not load.ID.fullmatch(id):
            yield _no_id(where, id)
        if id in seen:
            yield Fault(where, "NAMES", f"'{id}' is already the id of {noun} ({seen[id]})", "give it another id")
        seen.setdefault(id, where)


def _no_id(where: str, id: str) -> Fault:
    return Fault(
        where,
        "NAMES",
        f"'{id}' is not an id",
        "a lower case letter, then 1 to 39 lower case letters, digits or underscores",
    )
