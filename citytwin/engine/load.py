"""What is declared? Packs and cities, read from their folders with every fault named at its line."""

from __future__ import annotations

import ast
import csv
import hashlib
import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pyarrow as pa
import sqlglot
from sqlglot import exp

import citytwin
from citytwin.engine import shape, strict
from citytwin.kernel.city import City, CityFile, System
from citytwin.kernel.errors import BadDeclaration, BadRequest, Fault, NotFound
from citytwin.kernel.indicator import Better, Indicator, Period
from citytwin.kernel.pack import Manifest, Pack
from citytwin.kernel.plan import Plan, Target
from citytwin.kernel.title import Title
from citytwin.kernel.workday import Workdays, standard

PACKS = Path(citytwin.__file__).parent / "packs"
CITIES = Path(citytwin.__file__).parent / "cities"
ID = re.compile(r"[a-z][a-z0-9_]{1,39}")
HEADER = ("title_zh", "title_en", "unit", "per", "every", "better", "source_zh", "source_en")
VIEWS = (
    "asset",
    "relation",
    "stream",
    "observation",
    "observation_all",
    "indicator_value",
    "target_progress",
    "alarm",
    "case_file",
    "run",
    "forecast",
    "evidence",
)


def pack_folders(extra: Sequence[Path] = ()) -> dict[str, Path]:
    """The folder of every pack there is: those shipped, and those found in the `extra` folders."""
    found: dict[str, Path] = {}
    for root in (PACKS, *extra):
        for folder in sorted(p.parent for p in root.glob("*/pack.yaml")):
            found.setdefault(folder.name, folder)
    package = importlib.import_module("citytwin.packs")
    for root in extra:  # so that packs outside are modules of the same package, in workers too
        if str(root) not in package.__path__:
            package.__path__.append(str(root))
    return found


def pack(folder: Path) -> Pack:
    """The pack in `folder`. Raises BadDeclaration with all its faults."""
    made, faults = read_pack(folder)
    if faults or made is None:
        raise BadDeclaration(
            f"pack '{folder.name}' has {len(faults)} faults",
            f"run: citytwin pack check {folder.name}",
            str(folder),
            tuple(faults),
        )
    return made


def read_pack(folder: Path) -> tuple[Pack | None, list[Fault]]:
    """The pack in `folder`, as far as it can be read, and all faults of form."""
    faults: list[Fault] = []
    lines: dict[str, str] = {}
    id = folder.name

    def load(name: str, into: type[Any]) -> Any:
        path = folder / f"{name}.yaml"
        if not path.is_file():
            return None
        document = strict.parse(_text(path, faults), place(path))
        made = shape.read(document, name, into)
        faults.extend(document.faults)
        if made is not None:
            _remember(document, id, lines)
        return made

    manifest: Manifest | None = load("pack", Manifest)
    if manifest is None:
        if not faults:
            faults.append(
                Fault(
                    place(folder / "pack.yaml"), "LAYOUT", "the pack has no pack.yaml", "copy it from the pack 'hello'"
                )
            )
        manifest = Manifest(id, Title(id, id), Title(id, id))
    elif manifest.id != id:
        faults.append(
            Fault(
                place(folder / "pack.yaml", 1),
                "NAMES",
                f"the id is '{manifest.id}' but the folder is '{id}'",
                "make them equal",
            )
        )
    types: shape.TypesFile = load("types", shape.TypesFile) or shape.TypesFile(())
    streams: shape.StreamsFile = load("streams", shape.StreamsFile) or shape.StreamsFile(())
    rules: shape.RulesFile = load("rules", shape.RulesFile) or shape.RulesFile(())
    cases: shape.CasesFile = load("cases", shape.CasesFile) or shape.CasesFile(())
    panels: shape.PanelsFile = load("panels", shape.PanelsFile) or shape.PanelsFile(())
    indicators = []
    for path in sorted((folder / "indicators").glob("*.sql")):
        indicator = _indicator(path, id, faults)
        if indicator:
            indicators.append(indicator)
            lines[indicator.id] = place(path, 1)

    def own(name: str) -> str:
        return name if not name or "." in name or name == "*" else f"{id}.{name}"

    made = Pack(
        id=id,
        title=manifest.title,
        summary=manifest.summary,
        folder=str(folder),
        systems=manifest.systems,
        uses=manifest.uses,
        types=tuple(replace(t, id=own(t.id)) for t in types.types),
        relations=tuple(replace(r, id=own(r.id), source=own(r.source), target=own(r.target)) for r in types.relations),
        streams=tuple(replace(s, id=own(s.id), asset=own(s.asset)) for s in streams.streams),
        topics=tuple(
            replace(t, stream=own(t.stream), fields={k: own(v) for k, v in t.fields.items()}) for t in streams.topics
        ),
        indicators=tuple(indicators),
        rules=tuple(
            replace(
                r,
                id=own(r.id),
                stream=own(r.stream),
                indicator=own(r.indicator),
                forecast=own(r.forecast),
                against=own(r.against),
                opens=own(r.opens),
                suppressed_by=tuple(replace(s, rule=own(s.rule), through=own(s.through)) for s in r.suppressed_by),
            )
            for r in rules.rules
        ),
        cases=tuple(
            replace(
                c,
                id=own(c.id),
                recurs=replace(c.recurs, per=own(c.recurs.per), under=own(c.recurs.under)) if c.recurs else None,
                steps=tuple(replace(t, opens=tuple(replace(o, type=own(o.type)) for o in t.opens)) for t in c.steps),
            )
            for c in cases.cases
        ),
        decision_tables=cases.decision_tables,
        scorecards=tuple(replace(s, id=own(s.id)) for s in cases.scorecards),
        panels=tuple(replace(p, id=own(p.id), of=own(p.of), by=own(p.by)) for p in panels.panels),
        models=tuple(f"{id}.{name}" for name in _definitions(folder / "models.py", faults, lines, id, ast.ClassDef)),
        feeds=tuple(f"{id}.{name}" for name in _definitions(folder / "feeds.py", faults, lines, id, ast.FunctionDef)),
        tables=tuple(sorted(p.stem for p in folder.glob("*.csv"))),
        lines=lines,
    )
    return made, faults


def _remember(document: strict.Document, pack: str, lines: dict[str, str]) -> None:
    for key, items in (document.data or {}).items():
        if isinstance(items, list):
            for i, item in enumerate(items):
                if isinstance(item, dict) and "id" in item:
                    lines.setdefault(f"{pack}.{item['id']}", document.where((key, i)))


def _indicator(path: Path, pack: str, faults: list[Fault]) -> Indicator | None:
    text = _text(path, faults)
    header: dict[str, str] = {}
    line_of: dict[str, int] = {}
    for n, line in enumerate(text.splitlines(), 1):
        match = re.match(r"--\s*([a-z_]+)\s*:\s*(.+?)\s*$", line)
        if match and match[1] in HEADER:
            header[match[1]], line_of[match[1]] = match[2], n
        elif line.strip() and not line.startswith("--"):
            break
    where = place(path, 1)
    missing = [k for k in HEADER if k not in header]
    if missing:
        faults.append(Fault(where, "SCHEMA", f"the header lacks {', '.join(missing)}", "one line each: -- unit: m3"))
        return None
    for key, kind in (("every", Period), ("better", Better)):
        if header[key] not in get_args(kind):
            faults.append(
                Fault(
                    place(path, line_of[key]),
                    "SCHEMA",
                    f"{key} is '{header[key]}'",
                    f"one of: {', '.join(get_args(kind))}",
                )
            )
            return None
    return Indicator(
        id=f"{pack}.{path.stem}",
        title=Title(header["title_zh"], header["title_en"]),
        unit=header["unit"],
        per=header["per"] if "." in header["per"] else f"{pack}.{header['per']}",
        every=header["every"],  # type: ignore[arg-type]  # checked above
        better=header["better"],  # type: ignore[arg-type]
        source=Title(header["source_zh"], header["source_en"]),
        sql=text,
        reads=reads(text),
        version=hashlib.sha256(text.encode()).hexdigest(),
        path=str(path),
    )


def reads(sql: str) -> tuple[str, ...]:
    """The views that a statement reads, common table expressions left out; empty if it cannot be parsed."""
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        return ()
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    names = {f"{t.db}.{t.name}" if t.db else t.name for t in tree.find_all(exp.Table)}
    return tuple(sorted(names - ctes))


def _definitions(path: Path, faults: list[Fault], lines: dict[str, str], pack: str, kind: type[ast.AST]) -> list[str]:
    """Public classes with a `run` (models) or functions named parse_… (feeds), read without importing the file."""
    if not path.is_file():
        return []
    try:
        tree = ast.parse(_text(path, faults))
    except (SyntaxError, ValueError) as e:
        faults.append(
            Fault(place(path, getattr(e, "lineno", 1) or 1), "PYTHON", f"cannot be parsed: {getattr(e, 'msg', e)}")
        )
        return []
    names = []
    for node in tree.body:
        if not isinstance(node, kind):
            continue
        if isinstance(node, ast.ClassDef):
            if node.name.startswith("_") or not any(
                isinstance(n, ast.FunctionDef) and n.name == "run" for n in node.body
            ):
                continue
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("parse_"):
            continue
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            lines[f"{pack}.{node.name}"] = place(path, node.lineno)
            names.append(node.name)
    return names


def module(pack: str, name: str) -> ModuleType:
    """The module `name` (demo, models, feeds, formulas) of a pack."""
    return importlib.import_module(f"citytwin.packs.{pack}.{name}")


def ordered(folders: Mapping[str, Path], wanted: Iterable[str]) -> list[Pack]:
    """The wanted packs and all that they use, each after those it uses. Raises for one that is missing or uses itself."""
    done: dict[str, Pack] = {}

    def visit(name: str, chain: tuple[str, ...]) -> None:
        if name in done:
            return
        if name in chain:
            raise BadDeclaration(
                f"pack '{name}' uses itself through {' → '.join((*chain, name))}", "drop one of these uses", name
            )
        if name not in folders:
            raise NotFound(
                f"pack '{name}' is not here", f"there are: {', '.join(sorted(folders))}", chain[-1] if chain else name
            )
        made = pack(folders[name])
        for used in made.uses:
            visit(used, (*chain, name))
        done[name] = made

    for name in wanted:
        visit(name, ())
    return list(done.values())


def tables(packs: Iterable[Pack]) -> dict[str, pa.Table]:
    """The reference tables of these packs, by global name."""
    return {f"{p.id}.{name}": table(Path(p.folder) / f"{name}.csv") for p in packs for name in p.tables}


def table(path: Path) -> pa.Table:
    """A reference table: columns of numbers become float64, of dates date32, the rest text; empty is null."""
    with path.open(encoding="utf-8-sig", newline="") as f:
        rows = list(csv.reader(f))
    if not rows:
        raise BadDeclaration("the table is empty", "the first line names the columns", place(path, 1))
    head, body = rows[0], [r for r in rows[1:] if r]
    for n, row in enumerate(body, 2):
        if len(row) != len(head):
            raise BadDeclaration(
                f"the row has {len(row)} cells, the header {len(head)}",
                "quote cells that hold a comma",
                place(path, n),
            )
    return pa.table({name: _column([r[i].strip() for r in body]) for i, name in enumerate(head)})


def _column(cells: list[str]) -> pa.Array:
    for kind, convert in ((pa.float64(), float), (pa.date32(), date.fromisoformat)):
        try:
            return pa.array([convert(c) if c else None for c in cells], kind)
        except ValueError:
            continue
    return pa.array([c or None for c in cells], pa.string())


def city(folder: Path) -> City:
    """The city in `folder` with its systems and plans. Raises BadDeclaration with all faults."""
    made, faults = read_city(folder)
    if faults or made is None:
        raise BadDeclaration(
            f"city '{folder.name}' has {len(faults)} faults", "mend the places named", str(folder), tuple(faults)
        )
    return made


def read_city(folder: Path) -> tuple[City | None, list[Fault]]:
    """The city in `folder`, as far as it can be read, and all faults of form."""
    faults: list[Fault] = []
    path = folder / "city.yaml"
    if not path.is_file():
        return None, [Fault(place(path), "LAYOUT", "the city has no city.yaml")]
    document = strict.parse(_text(path, faults), place(path))
    file = shape.read(document, "city", CityFile)
    faults += document.faults
    if file is not None and file.policy:
        faults += [
            Fault(document.where(("policy", key)), "NAMES", message, hint)
            for key, message, hint in file.policy.faults()
        ]
    plans = []
    for plan_path in sorted((folder / "plans").glob("*.yaml")):
        made = read_plan(plan_path, faults)
        if made:
            plans.append(made)
    found = systems(folder / "systems.csv", faults)
    if file is None:
        return None, faults
    values = {f.name: getattr(file, f.name) for f in fields(file)}
    plans.sort(key=lambda p: (p.document, p.id))
    days = workdays(folder / "workdays.csv", faults)
    return City(**values, folder=str(folder), systems=found, plans=tuple(plans), workdays=days), faults


def workdays(path: Path, faults: list[Fault]) -> Workdays | None:
    """The working days known here with those of a city's table over them, with what is wrong in the file added to `faults`."""
    if not path.is_file():
        return None
    try:
        return standard().with_rows(csv.DictReader(_text(path, faults).splitlines()), place(path))
    except BadRequest as e:
        faults.append(Fault(e.where, "SCHEMA", e.message, e.hint))
        return None


def read_plan(path: Path, faults: list[Fault]) -> Plan | None:
    """The plan in one YAML file, with what is wrong in it added to `faults`."""
    document = strict.parse(_text(path, faults), place(path))
    made = shape.read(document, "plan", Plan)
    faults += document.faults
    if made is None:
        return None
    seen: set[str] = set()
    for i, target in enumerate(made.targets):
        where = document.where(("targets", i))
        if target.id in seen:
            faults.append(Fault(where, "NAMES", f"target '{target.id}' stands twice", "give it another id"))
        seen.add(target.id)
        if not ID.fullmatch(target.id):
            faults.append(
                Fault(
                    where, "NAMES", f"target id '{target.id}' is not an id", "lower case letters, digits, underscores"
                )
            )
        faults += [Fault(where, "SCHEMA", message, hint) for message, hint in target_faults(target)]
    measures: set[str] = set()
    for i, measure in enumerate(made.measures):
        where = document.where(("measures", i))
        if measure.id in measures or not ID.fullmatch(measure.id):
            faults.append(
                Fault(where, "NAMES", f"measure '{measure.id}' stands twice or is no id", "give it another id")
            )
        measures.add(measure.id)
        if measure.target and measure.target not in seen:
            faults.append(Fault(where, "NAMES", f"there is no target '{measure.target}'", "name a target of this plan"))
    for i, target in enumerate(made.targets):
        if target.part_of and target.part_of not in seen:
            where = document.where(("targets", i))
            faults.append(Fault(where, "NAMES", f"there is no target '{target.part_of}'", "name a target of this plan"))
    return made


def target_faults(target: Target) -> Iterable[tuple[str, str]]:
    """What keeps a target from being judged: each fault and what to do about it."""
    if (target.measured_by is None) == (target.not_measured is None):
        yield (
            f"target '{target.id}' must have either measured_by or not_measured",
            "say which indicator, or why none",
        )
    if target.measured_by is not None and target.value is None and target.comparator != "done_by":
        yield f"target '{target.id}' is measured but has no value to reach", "give a value"
    relative = target.comparator in ("increase_by", "reduce_by")
    if relative and target.measured_by and target.baseline is None and target.baseline_value is None:
        yield f"target '{target.id}' counts from a baseline it does not name", "add baseline: <year>"


def systems(path: Path, faults: list[Fault]) -> tuple[System, ...]:
    """The systems that a city's documents name, with what is wrong in the file added to `faults`."""
    if not path.is_file():
        return ()
    found = []
    for n, row in enumerate(csv.DictReader(_text(path, faults).splitlines()), 2):
        if None in row or None in row.values():
            faults.append(Fault(place(path, n), "SCHEMA", "the row has another number of cells than the header"))
            continue
        concepts = tuple(c for c in re.split(r"[,\s]+", row["concepts"]) if c)
        found.append(
            System(row["id"], row["zh"], row["en"], row["place"], row["duty"], concepts, row["pack"], row["kind"])
        )
    return tuple(found)


def _text(path: Path, faults: list[Fault]) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as e:
        faults.append(Fault(place(path, 1), "LAYOUT", f"is not UTF-8 (byte {e.start})", "save it as UTF-8"))
    except OSError as e:
        faults.append(Fault(place(path, 1), "LAYOUT", f"cannot be read: {e.strerror}"))
    return ""


def place(path: Path, line: int | None = None) -> str:
    """`file:line` as short as it can be said: relative to where citytwin lies, or to where the caller stands."""
    name = path
    for root in (Path(citytwin.__file__).parent.parent, Path.cwd()):
        if path.is_relative_to(root):
            name = path.relative_to(root)
            break
    return f"{name}:{line}" if line else str(name)
