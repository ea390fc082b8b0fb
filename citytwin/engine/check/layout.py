"""Stage layout: are the right files there, and no others?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from citytwin.engine import load
from citytwin.engine.check.subject import Subject
from citytwin.kernel.errors import Fault

REQUIRED = ("__init__.py", "pack.yaml", "demo.py", "README.md")
KNOWN = (
    *REQUIRED,
    "types.yaml",
    "streams.yaml",
    "rules.yaml",
    "cases.yaml",
    "panels.yaml",
    "feeds.py",
    "formulas.py",
    "models.py",
)
FOLDERS = {"indicators": ("*.sql",), "rows": ("*.sql",), "tests": ("test_*.py",)}


def check(subject: Subject) -> Iterator[Fault]:
    """Everything that is missing or does not belong."""
    folder = subject.folder
    for name in REQUIRED:
        if not (folder / name).is_file():
            yield Fault(
                load.place(folder / name, 1), "LAYOUT", f"the pack has no {name}", "copy it from the pack 'hello'"
            )
    for path in sorted(folder.iterdir()):
        if path.name == "__pycache__":
            continue
        if path.is_dir():
            if path.name not in FOLDERS:
                yield _stray(path, f"folders are: {', '.join(FOLDERS)}")
            else:
                yield from _inside(path, FOLDERS[path.name])
        elif path.name not in KNOWN and path.suffix != ".csv":
            yield _stray(path, f"files are: {', '.join(KNOWN)}, <table>.csv")
    if not list(folder.glob("tests/test_*.py")):
        yield Fault(load.place(folder / "tests", 1), "LAYOUT", "the pack has no tests", "add tests/test_<what>.py")
    tree = subject.tree("__init__.py")
    if tree is not None and not (len(tree.body) == 1 and ast.get_docstring(tree)):
        line = tree.body[1].lineno if len(tree.body) > 1 else 1
        yield Fault(
            subject.here("__init__.py", line),
            "LAYOUT",
            "holds more or less than one docstring",
            "what the pack is, in a line",
        )


def _inside(folder: Path, patterns: tuple[str, ...]) -> Iterator[Fault]:
    for path in sorted(folder.iterdir()):
        if path.name == "__pycache__":
            continue
        if not path.is_file() or not any(path.match(p) for p in patterns):
            yield _stray(path, f"{folder.name}/ holds {', '.join(patterns)}")


def readable(subject: Subject) -> Iterator[Fault]:
    """Stage text: can every file be read?"""
    folder = subject.folder
    for path in sorted([*folder.iterdir(), *(p for name in FOLDERS for p in folder.glob(f"{name}/*"))]):
        if path.is_file() and (path.name in KNOWN or path.suffix in (".csv", ".sql", ".py")):
            yield from _readable(path)


def _stray(path: Path, hint: str) -> Fault:
    return Fault(
        load.place(path, 1),
        "LAYOUT",
        f"{'folder' if path.is_dir() else 'file'} '{path.name}' has no meaning here",
        hint,
    )


def _readable(path: Path) -> Iterator[Fault]:
    try:
        data = path.read_bytes()
    except OSError as e:
        yield Fault(load.place(path, 1), "LAYOUT", f"cannot be read: {e.strerror}")
        return
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        yield Fault(
            load.place(path, data[: e.start].count(b"\n") + 1),
            "LAYOUT",
            f"is not UTF-8 (byte {e.start})",
            "save it as UTF-8",
        )
        return
    if not content.strip():
        yield Fault(load.place(path, 1), "LAYOUT", "the file is empty", "fill it, or remove it")
