"""`citytwin backup` and `citytwin restore`: a copy of the city elsewhere, and the way back."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from citytwin.cli.ask import ask
from citytwin.cli.home import STORE, serving
from citytwin.kernel.errors import Conflict, NotFound, StoreFailed
from citytwin.store import backup
from citytwin.store.duckdb import DuckStore


def add(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The two commands and their options."""
    p = sub.add_parser(
        "backup",
        help="copy a city into a new folder, while it is served",
        description="All that is acknowledged when the copy begins is in it. Whoever writes waits while it is made (about a second for each gigabyte).",
        epilog="example: citytwin backup /backups/lingang-2026-11-23 --home .home",
    )
    p.add_argument("folder", type=Path, help="the new folder")
    p.add_argument("--home", type=Path, required=True, metavar="DIR", help="where the city's data live")
    p.set_defaults(action=make)
    p = sub.add_parser(
        "restore",
        help="lay a backup into a new home",
        description="The bytes are compared with their SHA-256, and the log with its root, before the city is there.",
        epilog="example: citytwin restore /backups/lingang-2026-11-23 --home .restored",
    )
    p.add_argument("folder", type=Path, help="the backup")
    p.add_argument("--home", type=Path, required=True, metavar="DIR", help="the new home")
    p.set_defaults(action=bring_back)


def make(given: argparse.Namespace) -> int:
    """Have the running server make the copy, or make it here."""
    folder = given.folder.resolve()
    url = serving(given.home)
    if url:
        if folder.exists():
            raise Conflict(
                f"{folder} is there already", "choose a new folder: a backup is never written over", str(folder)
            )
        name = f"cli-{os.getpid()}"
        body = json.dumps({"name": name}).encode()
        paper = json.loads(ask(f"{url}/api/backups", body=body, media="application/json"))
        _carry(given.home / "backups" / name, folder)
    else:
        if not (given.home / STORE).exists():
            raise NotFound(f"there is no city in {given.home}", "name its home: --home DIR", "--home")
        store = DuckStore(given.home / STORE, "UTC")
        try:
            paper = store.backup(folder)
        finally:
            store.close()
    _say(paper, folder)
    return 0


def _carry(made: Path, folder: Path) -> None:
    """Take what the server made to where it is wanted; there it has its name only once it is whole."""
    beside = folder.with_name(f".{folder.name}.part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, beside)
        beside.rename(folder)
    except OSError as e:
        raise StoreFailed(
            f"the backup could not be carried to {folder}: {e.strerror or e}", f"it is in {made}", str(folder)
        ) from e
    with contextlib.suppress(OSError):
        made.parent.rmdir()


def bring_back(given: argparse.Namespace) -> int:
    """Lay the backup into the new home."""

    def root(path: Path) -> tuple[str, int]:
        store = DuckStore(path, "UTC")
        try:
            return store.root()
        finally:
            store.close()

    _say(backup.restore(given.folder, given.home, root), given.home)
    return 0


def _say(paper: dict[str, Any], where: Path) -> None:
    print(f"{paper['bytes'] / 1e6:,.1f} MB, {paper['leaves']:,} leaves, root {paper['root'][:16]}… → {where}")
