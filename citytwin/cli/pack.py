"""`citytwin pack`: check packs, make a new one, list those there are."""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from pathlib import Path

from citytwin.engine import load
from citytwin.engine.check import check as check_packs
from citytwin.engine.check.names import RESERVED
from citytwin.kernel.clock import Clock
from citytwin.kernel.errors import NotFound
from citytwin.store.duckdb import DuckStore

TEMPLATE = "hello"
HERE = Path("packs")
"""Where packs of one's own stand unless told otherwise."""
TEXT = {".py", ".yaml", ".sql", ".csv", ".md"}
DESCRIPTION = """\
A pack is a folder of answers about one field of city life: what there is, what is measured, what it means, what is
wrong, who acts, what may come. docs/tutorial.md builds one in 15 minutes; docs/reference/pack.md tells every file."""
CHECK = """\
Name every fault of these packs at once, one line each: file:line: CODE message (hint). Plays the demo of each pack in a
store in memory and names what it does not exercise. Without a name, every pack there is, and the generated pages."""


def add(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command `pack` with its own commands check, new and list."""
    raw = argparse.RawDescriptionHelpFormatter
    top = sub.add_parser(
        "pack", help="check packs, make a new one, list those there are", description=DESCRIPTION, formatter_class=raw,
        epilog="examples:\n  citytwin pack new lighting\n  citytwin pack check lighting\n  citytwin pack list",
    )  # fmt: skip
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    p = commands.add_parser(
        "check", help="name every fault of packs, with file and line", description=CHECK, formatter_class=raw,
        epilog="examples:\n  citytwin pack check\n  citytwin pack check drainage\n  citytwin pack check noise --packs my_packs\n\n"
        "Exit status: 0 clean, 1 faults, 2 wrong usage.",
    )  # fmt: skip
    p.add_argument("names", nargs="*", metavar="NAME", help="a pack, or the folder of one (default: all)")
    _packs(p)
    p.set_defaults(action=_check)
    p = commands.add_parser(
        "new", help="a new pack, copied from the smallest one", formatter_class=raw,
        description=f"Copy the pack '{TEMPLATE}' under another name, sound and ready to change.",
        epilog="example: citytwin pack new lighting --into my_packs",
    )  # fmt: skip
    p.add_argument("name", metavar="NAME", help="lower case letters, digits and underscores, such as lighting")
    p.add_argument(
        "--into", type=Path, default=HERE, metavar="DIR", help=f"folder of packs to make it in (default: {HERE})"
    )
    p.set_defaults(action=_new)
    p = commands.add_parser(
        "list",
        help="the packs there are",
        description="The packs there are, and what each declares.",
        formatter_class=raw,
    )
    _packs(p)
    p.set_defaults(action=_list)


def _packs(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--packs", type=Path, action="append", metavar="DIR", help=f"a folder of packs of your own; may be given twice (default: {HERE}, if it is there)"
    )  # fmt: skip


def _roots(given: argparse.Namespace) -> list[Path]:
    roots: list[Path] = given.packs or ([HERE] if HERE.is_dir() else [])
    for root in roots:
        if not root.is_dir():
            raise NotFound(f"there is no folder {root}", "name a folder that holds packs", "--packs")
    return [root.resolve() for root in roots]


def open_memory(zone: str, clock: Clock) -> DuckStore:
    """An empty store in memory, for checks."""
    return DuckStore(None, zone, clock, memory="2GB", threads=2)


def _check(given: argparse.Namespace) -> int:
    try:
        faults = check_packs(
            given.names, _roots(given), open_memory, lambda line: print(line, file=sys.stderr, flush=True)
        )
    except NotFound as e:
        print(e, file=sys.stderr)
        return 2
    for fault in faults:
        print(fault)
    if faults:
        print(f"\n{len(faults)} {'fault' if len(faults) == 1 else 'faults'}", file=sys.stderr)
        return 1
    print("clean")
    return 0


def _new(given: argparse.Namespace) -> int:
    name, folder = given.name, given.into / given.name
    if not load.ID.fullmatch(name) or keyword.iskeyword(name) or name in RESERVED:
        print(
            f"'{name}' cannot be the id of a pack (a lower case letter, then letters, digits or underscores)",
            file=sys.stderr,
        )
        return 2
    if folder.exists() or (load.PACKS / name).exists():
        taken = folder if folder.exists() else load.PACKS / name
        print(f"there is already a pack '{name}': {load.place(taken.resolve())}", file=sys.stderr)
        return 2
    source = load.PACKS / TEMPLATE
    for path in sorted(source.rglob("*")):
        if path.suffix in TEXT and path.is_file():
            target = folder / _renamed(str(path.relative_to(source)), name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_content(path, name), "utf-8")
    print(f"made {folder} from the pack '{TEMPLATE}'")
    packs = "" if given.into == HERE else f" --packs {given.into}"
    print(f"next:  citytwin pack check {name}{packs}")
    return 0


def _content(path: Path, name: str) -> str:
    text = _renamed(path.read_text("utf-8"), name)
    if path.suffix == ".py":  # assets are the whole city's: two of one id would be one
        text = re.sub(r"lamp-(?=\d|\{)", f"{name}-", text)
    if path.name == "pack.yaml":  # a new pack has a title of its own, and serves no system until somebody says so
        said = name.replace("_", " ").capitalize()
        text = re.sub(r"^title:.*$", f'title: {{zh: "{name}", en: "{said}"}}', text, flags=re.M)
        text = re.sub(r"^systems:.*$", "systems: []", text, flags=re.M)
    return text


def _renamed(text: str, name: str) -> str:
    return re.sub(rf"(?<![A-Za-z0-9]){TEMPLATE}(?![A-Za-z0-9])", name, text)


def _list(given: argparse.Namespace) -> int:
    try:
        roots = _roots(given)
    except NotFound as e:
        print(e, file=sys.stderr)
        return 2
    for name, folder in load.pack_folders(roots).items():
        pack, faults = load.read_pack(folder)
        if pack is None:
            continue
        counts = (
            ("types", pack.types),
            ("streams", pack.streams),
            ("indicators", pack.indicators),
            ("rules", pack.rules),
            ("models", pack.models),
        )
        said = ", ".join(f"{len(items)} {noun if len(items) > 1 else noun[:-1]}" for noun, items in counts if items)
        state = f"   ({len(faults)} faults: citytwin pack check {name})" if faults else ""
        place = "" if folder.is_relative_to(load.PACKS) else f"   {load.place(folder)}"
        print(f"{name:<14} {pack.title.zh} {pack.title.en}: {said}{place}{state}")
    return 0
