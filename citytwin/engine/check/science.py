"""Stage science: can its formulas be trusted, and are its models, feeds and demo what the kernel takes?"""

from __future__ import annotations

import ast
import doctest
import inspect
import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import timedelta
from types import ModuleType
from typing import Any

from citytwin.engine import load, simulate
from citytwin.engine.check.ids import Ids
from citytwin.engine.check.subject import Subject, text
from citytwin.kernel.errors import Fault
from citytwin.kernel.model import Figure, Parameter
from citytwin.kernel.title import Title
from citytwin.kernel.units import known_unit

PYTHON = ("demo", "feeds", "formulas", "models")
SECTIONS = ("Parameters", "Returns", "References")
MEMBERS = ("title", "reads", "writes", "every", "horizon", "history", "parameters", "figures")
DEMO = ("assets", "relations", "readings", "records")
REACH = ("citytwin.kernel", "citytwin.science")
"""What a pack may import of CityTwin, besides its own files."""


def check(subject: Subject) -> Iterator[Fault]:
    """Everything that is wrong with the pack's Python, short of running models and demo."""
    for name in PYTHON:
        if not (subject.folder / f"{name}.py").is_file():
            continue
        yield from _syntax(subject, name)
        tree = subject.tree(f"{name}.py")
        if tree is None:
            continue
        yield from _imports(subject, name, tree)
        try:
            with redirect_stdout(io.StringIO()):
                module = load.module(subject.id, name)
        except (Exception, SystemExit) as e:  # foreign code: whatever it raises is told where it was raised
            yield subject.raised(e, f"{name}.py is imported", subject.here(f"{name}.py"))
            continue
        if name == "formulas":
            yield from _formulas(subject, tree, module)
        elif name == "feeds":
            yield from _feeds(subject, tree)
        elif name == "models":
            yield from _models(subject, tree, module)
        else:
            for function in DEMO:
                if not inspect.isfunction(getattr(module, function, None)):
                    yield Fault(
                        subject.here("demo.py"), "DEMO", f"demo.py lacks {function}()", "see citytwin/kernel/demo.py"
                    )


def _syntax(subject: Subject, name: str) -> Iterator[Fault]:
    """Models and feeds are parsed when the pack is read; demo and formulas are not."""
    if name in ("models", "feeds"):
        return
    try:
        ast.parse(text(subject.folder / f"{name}.py"))
    except SyntaxError as e:
        yield Fault(subject.here(f"{name}.py", e.lineno or 1), "PYTHON", f"cannot be parsed: {e.msg}")
    except (ValueError, RecursionError, MemoryError) as e:
        yield Fault(subject.here(f"{name}.py"), "PYTHON", f"cannot be parsed: {e}")


def _imports(subject: Subject, name: str, tree: ast.Module) -> Iterator[Fault]:
    reach = (*REACH, f"citytwin.packs.{subject.id}")
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"{module}.{a.name}" for a in node.names] if not node.level else []
        for imported in names:
            if imported.split(".")[0] == "citytwin" and not any(f"{imported}.".startswith(f"{r}.") for r in reach):
                hint = f"{name}.py may import {', '.join(r for r in reach)}"
                yield Fault(subject.here(f"{name}.py", node.lineno), "PYTHON", f"imports {imported}", hint)  # type: ignore[attr-defined]  # imports have lines


def _formulas(subject: Subject, tree: ast.Module, module: ModuleType) -> Iterator[Fault]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        where = subject.here("formulas.py", node.lineno)
        doc = ast.get_docstring(node) or ""
        missing = [s for s in SECTIONS if not re.search(rf"\b{s.rstrip('s')}s?\b\s*(:|\n)", doc)]
        if not node.args.args and not node.args.kwonlyargs and "Parameters" in missing:
            missing.remove("Parameters")
        if ">>>" not in doc:
            missing.append("a doctest")
        if missing:
            yield Fault(
                where,
                "SCIENCE",
                f"the docstring of {node.name}() lacks {', '.join(missing)}",
                "a sentence, Parameters, Returns, References, >>> an example",
            )
    yield from _doctests(subject, module)


class _Runner(doctest.DocTestRunner):
    """Collects failures instead of printing them."""

    def __init__(self) -> None:
        super().__init__(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
        self.failed: list[tuple[doctest.DocTest, doctest.Example, str]] = []

    def report_failure(self, out: Any, test: doctest.DocTest, example: doctest.Example, got: str) -> None:  # noqa: ARG002 - doctest's signature
        self.failed.append(
            (test, example, f"gives {got.strip()[:80] or 'nothing'}, not {example.want.strip()[:80] or 'nothing'}")
        )

    def report_unexpected_exception(
        self,
        out: Any,  # noqa: ARG002 - doctest's signature
        test: doctest.DocTest,
        example: doctest.Example,
        exc_info: Any,
    ) -> None:
        self.failed.append((test, example, f"raises {exc_info[0].__name__}: {str(exc_info[1])[:80]}"))


def _doctests(subject: Subject, module: ModuleType) -> Iterator[Fault]:
    runner = _Runner()
    try:
        tests = doctest.DocTestFinder(exclude_empty=True).find(module, module.__name__)
    except ValueError as e:  # an example with inconsistent white space
        yield Fault(subject.here("formulas.py"), "SCIENCE", f"an example cannot be read: {e}", "indent it evenly")
        return
    for test in tests:
        with redirect_stdout(io.StringIO()):
            runner.run(test, out=lambda _: None)
    for test, example, said in runner.failed:
        line = (test.lineno or 0) + example.lineno + 1
        name = test.name.rpartition(".")[2]
        yield Fault(
            subject.here("formulas.py", line),
            "SCIENCE",
            f"the example of {name}() {said}",
            "mend the formula or the example",
        )


def _feeds(subject: Subject, tree: ast.Module) -> Iterator[Fault]:
    tests = "\n".join(text(p) for p in sorted(subject.folder.glob("tests/*.py")))
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        where = subject.here("feeds.py", node.lineno)
        if not node.name.startswith("parse_"):
            yield Fault(where, "FEED", f"{node.name}() is no feed", "name it parse_<feed>, or _<helper>")
            continue
        returns = ast.unparse(node.returns) if node.returns else "nothing"
        if returns.strip("'\"").rpartition(".")[2] != "Batch":
            yield Fault(where, "FEED", f"{node.name}() is said to return {returns}", "-> Batch")
        if len(node.args.args) - len(node.args.defaults) != 1:
            yield Fault(where, "FEED", f"{node.name}() does not take one payload", "(payload: bytes)")
        if not ast.get_docstring(node):
            yield Fault(
                where, "FEED", f"{node.name}() has no docstring", "which format it reads, of which device or office"
            )
        if not re.search(rf"\b{node.name}\b", tests):
            yield Fault(where, "FEED", f"no test calls {node.name}()", "feed it a real payload in tests/")


def _models(subject: Subject, tree: ast.Module, module: ModuleType) -> Iterator[Fault]:
    for node in tree.body:
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            continue
        where = subject.here("models.py", node.lineno)
        kind = getattr(module, node.name)
        lacking = [m for m in (*MEMBERS, "run") if not hasattr(kind, m)]
        if len(lacking) == len(MEMBERS) + 1:
            continue  # a class of another kind
        if lacking:
            yield Fault(where, "MODEL", f"{node.name} lacks {', '.join(lacking)}", "see citytwin/kernel/model.py")
        elif not simulate.is_model(kind):
            yield Fault(where, "MODEL", f"run of {node.name} is no method", "def run(self, inputs: Inputs) -> Outputs")
        else:
            yield from _members(node.name, kind, where)


def _members(name: str, kind: Any, where: str) -> Iterator[Fault]:
    if not isinstance(kind.title, Title) or not (kind.title.zh.strip() and kind.title.en.strip()):
        yield Fault(where, "MODEL", f"the title of {name} is no Title in both languages", "Title(zh, en)")
    if not kind.__doc__:
        yield Fault(where, "MODEL", f"{name} has no docstring", "what it forecasts or decides, by which method")
    for member in ("reads", "writes"):
        ids = getattr(kind, member)
        if not isinstance(ids, tuple) or not all(isinstance(i, str) for i in ids):
            yield Fault(where, "MODEL", f"{member} of {name} is no tuple of ids", f'{member} = ("pack.id",)')
    for member in ("every", "horizon", "history"):
        value = getattr(kind, member)
        if not isinstance(value, timedelta) or value < timedelta() or (member == "every" and not value):
            yield Fault(where, "MODEL", f"{member} of {name} is {value!r}", "a timedelta above nothing")
    for p in kind.parameters:
        if not isinstance(p, Parameter):
            yield Fault(
                where, "MODEL", f"a parameter of {name} is {p!r}", "Parameter(id, title, unit, default, low, high)"
            )
            continue
        if not load.ID.fullmatch(p.id):
            yield Fault(where, "MODEL", f"'{p.id}' is no id for a parameter", "lower case letters, digits, underscores")
        if not p.low <= p.default <= p.high:
            yield Fault(
                where,
                "MODEL",
                f"parameter {p.id} of {name}: {p.default:g} is not within {p.low:g} to {p.high:g}",
                "mend its bounds",
            )
        if p.unit and not known_unit(p.unit):
            yield Fault(
                where,
                "MODEL",
                f"parameter {p.id} has the unit '{p.unit}', which is not in the vocabulary",
                "see docs/reference/quantities.md",
            )
    yield from _figures(name, kind.figures, where)


def _figures(name: str, figures: Any, where: str) -> Iterator[Fault]:
    if not isinstance(figures, tuple) or not all(isinstance(f, Figure) for f in figures):
        yield Fault(where, "MODEL", f"figures of {name} is no tuple of figures", "figures = (Figure(id, title, unit),)")
        return
    seen = set()
    for f in figures:
        if not isinstance(f.id, str) or not load.ID.fullmatch(f.id):
            yield Fault(where, "MODEL", f"{f.id!r} is no id for a figure", "lower case letters, digits, underscores")
        if f.id in seen:
            yield Fault(where, "MODEL", f"figure {f.id} of {name} stands twice", "give it another id")
        seen.add(f.id)
        if not isinstance(f.title, Title) or not (f.title.zh.strip() and f.title.en.strip()):
            yield Fault(where, "MODEL", f"the title of figure {f.id} is no Title in both languages", "Title(zh, en)")
        if not isinstance(f.unit, str) or not known_unit(f.unit):
            yield Fault(
                where,
                "MODEL",
                f"figure {f.id} has the unit {f.unit!r}, which is not in the vocabulary",
                "see docs/reference/quantities.md; a number of things has the unit 1",
            )


def models(subject: Subject) -> Iterator[Fault]:
    """Stage models: do models read and write what is declared?"""
    ids = Ids.of(subject)
    for model in subject.pack.models:
        where = subject.pack.lines.get(model, subject.here("models.py"))
        try:
            description = simulate.describe(model)
        except (Exception, SystemExit) as e:
            yield subject.raised(e, "models.py is imported", where)
            continue
        for noun, read in (("reads", description.reads), ("writes", description.writes)):
            wanted = ("stream",) if noun == "writes" else ("type", "relation", "stream", "indicator")
            for id in read:
                for fault in ids.lost(id, wanted, where, f"{noun} of the model"):
                    yield Fault(fault.where, "MODEL", fault.message, fault.hint)
