"""Is the pack sound? Checks packs in stages and names every fault at its line, all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from time import perf_counter

from citytwin.engine import load, shape, strict
from citytwin.engine.check import demo, generated, layout, names, schema, science, sql
from citytwin.engine.check.codes import CODES
from citytwin.engine.check.subject import Bench, OpenStore, Subject, importable, text
from citytwin.kernel.city import City, CityFile
from citytwin.kernel.errors import CityTwinError, Fault, NotFound
from citytwin.kernel.title import Title

__all__ = ["CODES", "STAGES", "OpenStore", "Stage", "check"]

LIGHT = ("SCIENCE", "FEED")
"""Faults in what is written about the code: later stages need not wait for them."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the check; it waits until the stages that it `needs` are clean."""

    name: str
    check: Callable[[Subject], Iterable[Fault]]
    needs: tuple[str, ...] = ()


STAGES = (
    Stage("layout", layout.check),
    Stage("text", layout.readable),
    Stage("schema", schema.check),
    Stage("names", names.check, ("schema",)),
    Stage("sql", sql.check),
    Stage("columns", sql.bind, ("text", "schema", "names", "sql")),
    Stage("science", science.check),
    Stage("models", science.models, ("text", "schema", "names", "science")),
    Stage("demo", demo.check, ("text", "schema", "names", "sql", "columns", "science", "models")),
)


def check(
    packs: Sequence[str | Path] = (),
    roots: Sequence[Path] = (),
    open_store: OpenStore | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Fault]:
    """All faults of these packs (names, or folders), sorted by file and line; of every pack there is when none is named.

    `roots` are folders of packs besides those shipped. `open_store` opens an empty store in memory; without one what needs a store is
    not looked at. `say` hears one line per pack and per stage skipped. Reads files and runs the packs' Python; writes nothing.
    Raises NotFound when a pack named is not here.
    """
    given = [Path(p).resolve() for p in packs if isinstance(p, Path) or "/" in p]
    roots = list(dict.fromkeys([*(r.resolve() for r in roots), *(f.parent for f in given)]))
    there = _folders(roots)
    chosen = (
        given + [_find(p, there) for p in packs if isinstance(p, str) and "/" not in p]
        if packs
        else list(there.values())
    )
    for folder in given:
        if not folder.is_dir():
            raise NotFound(f"there is no folder {folder}", "name a pack, or the folder of one", str(folder))
        there[folder.name] = folder
    faults: list[Fault] = []
    with importable(roots):
        bench = Bench(there, roots, *_place(), open_store)  # type: ignore[arg-type]  # stages that need a store are left out below
        for folder in dict.fromkeys(chosen):
            begin = perf_counter()
            found = _pack(Subject(folder, bench), say, store=open_store is not None)
            faults += found
            say(f"{folder.name}: {_count(len(found))}, {perf_counter() - begin:.1f} s")
    if not packs:
        faults += generated.check()
    return sorted(set_of(faults), key=_order)


def _pack(subject: Subject, say: Callable[[str], None], store: bool) -> list[Fault]:
    faults: list[Fault] = []
    unclean: set[str] = set()
    skipped: set[str] = set()
    for stage in STAGES:
        waits = [n for n in stage.needs if n in unclean]
        missing = stage.check is demo.check and not (subject.folder / "demo.py").is_file()
        if waits or missing or (not store and stage.check in (sql.bind, demo.check)):
            roots = [n for n in waits if n not in skipped] or waits
            why = (
                f"mend {' and '.join(roots)} first"
                if waits
                else "there is no demo.py"
                if missing
                else "no store was given"
            )
            say(f"{subject.id}: stage {stage.name} skipped ({why})")
            unclean.add(stage.name)
            skipped.add(stage.name)
            continue
        try:
            found = list(stage.check(subject))
        except CityTwinError as e:  # what no stage foresaw is told where the pack begins, never as a traceback
            found = [Fault(e.where or subject.at("pack"), "SCHEMA", e.message, e.hint)]
        if any(f.code not in LIGHT for f in found):
            unclean.add(stage.name)
        faults += found
    return faults


def set_of(faults: Iterable[Fault]) -> list[Fault]:
    """Each fault once: two stages may come upon the same one."""
    return list({(f.where, f.code, f.message): f for f in faults}.values())


def _order(fault: Fault) -> tuple[str, int, str, str]:
    file, _, line = fault.where.rpartition(":")
    return (
        (file, int(line), fault.code, fault.message) if line.isdigit() else (fault.where, 0, fault.code, fault.message)
    )


def _count(n: int) -> str:
    return "clean" if n == 0 else "1 fault" if n == 1 else f"{n} faults"


def _folders(roots: Sequence[Path]) -> dict[str, Path]:
    """Every folder in the folders of packs: one without a pack.yaml is a pack at fault, or a stray folder."""
    found: dict[str, Path] = {}
    for root in (load.PACKS, *roots):
        if root.is_dir():
            for folder in sorted(p for p in root.iterdir() if p.is_dir() and p.name[0] not in "_."):
                found.setdefault(folder.name, folder)
    return found


def _find(name: str, there: dict[str, Path]) -> Path:
    if name not in there:
        raise NotFound(f"there is no pack '{name}'", f"there are: {', '.join(sorted(there))}", name)
    return there[name]


def _place() -> tuple[City, frozenset[str]]:
    """A city to play in: the first one shipped, without its plans; and the systems of all cities."""
    systems = frozenset(s.id for path in sorted(load.CITIES.glob("*/systems.csv")) for s in load.systems(path, []))
    for path in sorted(load.CITIES.glob("*/city.yaml")):
        file = shape.read(strict.parse(text(path), load.place(path)), "city", CityFile)
        if file is not None:
            return City(**{f.name: getattr(file, f.name) for f in fields(file)}, folder=str(path.parent)), systems
    stage = Title("台", "Stage")
    return City(
        "stage", stage, "Asia/Shanghai", center=(121.93, 30.89), bounds=(121.8, 30.8, 122.1, 31.0), packs=(), folder=""
    ), systems
