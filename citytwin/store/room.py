"""Is there room on the disk, and could a city be opened without writing to it? What its tables and views were made from is noted, so that a full disk keeps nobody from reading."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from citytwin.kernel.pack import Pack

LEAST = 16 * 1024 * 1024
"""Bytes that DuckDB needs to go on writing for a while."""
MADE, DEFINED = "made", "defined"
"""The names in `meta` of what the tables, and what the SQL surface of the packs, were made from."""


def short(path: Path) -> str:
    """What is wrong with the room on the disk that holds a path: nothing where there is enough."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    try:
        disk = os.statvfs(place)
    except OSError:
        return ""
    free = disk.f_bavail * disk.f_frsize
    if free < LEAST:
        return f"the disk of {place} is full: {free / 2**20:.1f} MiB are free, {LEAST >> 20} MiB are needed at least"
    return f"the disk of {place} takes no more files (no inodes are left)" if disk.f_files and not disk.f_favail else ""


def made_from(folder: Path | None, view: str) -> str:
    """The digest of what makes the tables and views of a store whose partitions are in this folder."""
    return hashlib.sha256(f"{_program()}\n{folder and folder.absolute()}\n{view}".encode()).hexdigest()


def defined_from(packs: Sequence[Pack]) -> str:
    """The digest of what makes the SQL surface of packs; empty where they are in no folders."""
    folders = [Path(pack.folder) for pack in packs]
    if not packs or not all(pack.folder and folder.is_dir() for pack, folder in zip(packs, folders, strict=True)):
        return ""
    told = [_program(), *(f"{pack.id} {_digest(sorted(f.rglob('*')))}" for pack, f in zip(packs, folders, strict=True))]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


@cache
def _program() -> str:
    here = Path(__file__).parent
    return _digest(sorted((*here.glob("*.py"), *here.glob("*.sql"), *here.parent.glob("kernel/*"))))


def _digest(files: Iterable[Path]) -> str:
    told = hashlib.sha256()
    for file in files:
        if file.is_file() and "__pycache__" not in file.parts:
            told.update(f"{file.name}\n{file.stat().st_size}\n".encode() + file.read_bytes())
    return told.hexdigest()
