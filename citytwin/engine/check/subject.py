"""What is checked, and with what? A pack under check and its surroundings."""

from __future__ import annotations

import ast
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from citytwin.engine import load, strict
from citytwin.kernel.city import City
from citytwin.kernel.clock import Clock
from citytwin.kernel.errors import CityTwinError, Fault
from citytwin.kernel.pack import Pack
from citytwin.kernel.store import Store

OpenStore = Callable[[str, Clock], Store]
"""Opens an empty store in memory for a time zone and a clock."""

FILES = ("pack", "types", "streams", "rules", "cases", "panels")


@dataclass
class Bench:
    """The surroundings of a check: every pack folder there is, the city to play in, the ids of its systems, and a store factory."""

    folders: Mapping[str, Path]
    roots: Sequence[Path]
    city: City
    systems: frozenset[str]
    open_store: OpenStore
    assets: dict[str, str] = field(default_factory=dict)
    """The pack of every asset that a demo gave so far."""
    _packs: dict[Path, tuple[Pack | None, list[Fault]]] = field(default_factory=dict)

    def read(self, folder: Path) -> tuple[Pack | None, list[Fault]]:
        """The pack in a folder and its faults of form, read once."""
        if folder not in self._packs:
            self._packs[folder] = load.read_pack(folder)
        return self._packs[folder]

    def pack(self, name: str) -> Pack | None:
        """The pack of this name, if it is here and can be read at all."""
        return self.read(self.folders[name])[0] if name in self.folders else None

    def ordered(self, name: str) -> list[Pack]:
        """A pack and all that it uses, each after those it uses; circles and absent packs are told by the stage of names."""
        done: dict[str, Pack] = {}

        def visit(name: str, chain: tuple[str, ...]) -> None:
            pack = self.pack(name)
            if pack is not None and name not in done and name not in chain:
                for used in pack.uses:
                    visit(used, (*chain, name))
                done[name] = pack

        visit(name, ())
        return list(done.values())


@dataclass
class Subject:
    """A pack under check, as far as it can be read."""

    folder: Path
    bench: Bench

    @property
    def id(self) -> str:
        return self.folder.name

    @cached_property
    def pack(self) -> Pack:
        pack = self.bench.read(self.folder)[0]
        assert pack is not None  # read_pack gives a pack for every folder
        return pack

    @cached_property
    def documents(self) -> dict[str, strict.Document]:
        """The YAML files, for the line of every value."""
        found = {}
        for name in FILES:
            path = self.folder / f"{name}.yaml"
            if path.is_file():
                found[name] = strict.parse(text(path), load.place(path))
        return found

    def at(self, file: str, *path: str | int) -> str:
        """`file:line` of a value in `<file>.yaml`."""
        document = self.documents.get(file)
        return document.where(path) if document else load.place(self.folder / f"{file}.yaml", 1)

    def here(self, name: str, line: int = 1) -> str:
        """`file:line` of a file of the pack."""
        return load.place(self.folder / name, line)

    def tree(self, name: str) -> ast.Module | None:
        """The syntax tree of a Python file of the pack, if there is one that parses."""
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            return ast.parse(text(path))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    def defined(self, name: str, function: str) -> str:
        """`file:line` of a function or constant of a Python file, or of the file."""
        tree = self.tree(name)
        for node in tree.body if tree else ():
            named = getattr(node, "name", None)
            targets = [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                targets.append(node.target.id)
            if function == named or function in targets:
                return self.here(name, node.lineno)
        return self.here(name)

    def raised(self, error: BaseException, doing: str, fallback: str) -> Fault:
        """An exception of the pack's Python as a fault where it was raised."""
        if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(self.folder):
            return Fault(
                load.place(Path(error.filename), error.lineno or 1), "PYTHON", f"cannot be parsed: {error.msg}"
            )
        frames = traceback.extract_tb(error.__traceback__)
        homes = (self.folder, *(f for f in self.bench.folders.values()))
        own = [f for f in frames if any(Path(f.filename).is_relative_to(home) for home in homes)]
        where = load.place(Path(own[-1].filename), own[-1].lineno or 1) if own else fallback
        said = str(error).strip().splitlines()
        what = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
        hint = error.hint if isinstance(error, CityTwinError) else ""
        return Fault(where, "PYTHON", f"raises {what} while {doing}", hint)


def text(path: Path) -> str:
    """The text of a file; what is not UTF-8 is another fault's matter."""
    try:
        return path.read_text("utf-8-sig", errors="replace")
    except OSError:
        return ""


@contextmanager
def importable(roots: Sequence[Path]) -> Iterator[None]:
    """While it lasts, the packs in these folders, and none seen earlier under the same names, are modules of `citytwin.packs`."""
    package = importlib.import_module("citytwin.packs")
    before, bytecode = list(package.__path__), sys.dont_write_bytecode
    _forget()
    package.__path__[:] = [str(load.PACKS), *(str(r) for r in roots if r != load.PACKS)]
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        _forget()
        package.__path__[:] = before
        sys.dont_write_bytecode = bytecode
        importlib.invalidate_caches()


def _forget() -> None:
    """Drop the modules of packs that are not shipped: the next pack of that name may lie elsewhere."""
    shipped = {p.name for p in load.PACKS.iterdir() if p.is_dir()}
    package = sys.modules["citytwin.packs"]
    for name in [n for n in sys.modules if n.startswith("citytwin.packs.")]:
        if name.split(".")[2] not in shipped:
            del sys.modules[name]
            if name.count(".") == 2 and hasattr(package, name.split(".")[2]):
                delattr(package, name.split(".")[2])
