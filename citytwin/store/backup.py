"""What is kept elsewhere? A copy of the store with a paper that says what it must be; and the way back."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from citytwin.kernel.errors import BadRequest, Conflict, NotFound, StoreFailed
from citytwin.store import tier

STORE, PAPER, TIER = "city.duckdb", "backup.json", "city.duckdb.tier"
CHUNK = 4 * 1024 * 1024


def write(database: BinaryIO, folder: Path, said: dict[str, Any], partitions: Mapping[str, str]) -> dict[str, Any]:
    """Copy a database that nobody writes to meanwhile into a new folder, with a paper: what is `said`, sizes and SHA-256.

    `partitions` are the files of the folder beside it, and the SHA-256 with which they were written. They never change, so on the same disk a second
    name will do; elsewhere they are copied and compared. The folder has its name only once it is whole. The database is read from its beginning and stays open: closing any handle of a file drops the
    locks its process holds on it, and with them what keeps other processes out of the store. Raises Conflict, StoreFailed.
    """
    if folder.exists():
        raise Conflict(f"{folder} is there already", "choose a new folder: a backup is never written over", str(folder))
    beside = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        size, digest = _copy(database, beside / STORE)
        listed = {
            name: _beside(tier.folder_of(Path(database.name)) / name, beside / TIER / name, sha)
            for name, sha in partitions.items()
        }
        total = size + sum(listed.values())
        files = {name: {"bytes": listed[name], "sha256": sha} for name, sha in partitions.items()}
        paper = {**said, "bytes": total, "sha256": digest, "files": files}
        with (beside / PAPER).open("w", encoding="utf-8") as file:
            json.dump(paper, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(folder)
        _sync(folder.parent)
    except OSError as e:
        shutil.rmtree(beside, ignore_errors=True)
        hint = "check the folder's permissions and the disk's free space"
        raise StoreFailed(f"no backup was made: {e.strerror or e}", hint, str(folder)) from e
    return paper


def restore(folder: Path, home: Path, root: Callable[[Path], tuple[str, int]]) -> dict[str, Any]:
    """Lay a backup into a new home, after its bytes and its log were found to be what its paper says; `root` reads root and size of a log.

    Raises NotFound, Conflict, BadRequest, StoreFailed.
    """
    try:
        paper = json.loads((folder / PAPER).read_text("utf-8"))
        wanted = str(paper["sha256"]), str(paper["root"]), int(paper["leaves"])
        partitions = {_inside(name): str(file["sha256"]) for name, file in paper.get("files", {}).items()}
    except OSError as e:
        raise NotFound(f"there is no backup in {folder}", f"a backup is a folder with {PAPER}", str(folder)) from e
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise BadRequest(f"{PAPER} cannot be read: {e}", "take another backup", str(folder)) from e
    if (home / STORE).exists():
        raise Conflict(f"there is a city in {home} already", "choose a new home: nothing is written over", str(home))
    if (home / TIER).exists():
        raise Conflict(f"there are readings in {home / TIER}, but no city", "choose a new home", str(home / TIER))
    beside = home / f".{STORE}.part"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with (folder / STORE).open("rb") as database:
            _, digest = _copy(database, beside)
        if digest != wanted[0]:
            raise _differs(folder / STORE)
        for name, sha in partitions.items():
            target = tier.folder_of(beside) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with (folder / TIER / name).open("rb") as partition:
                _, digest = _copy(partition, target)
            if digest != sha:
                raise _differs(folder / TIER / name)
            _sync(target.parent)
        if root(beside) != wanted[1:]:
            raise BadRequest("the backup's log does not have the root on its paper", "take another backup", str(folder))
        if partitions:
            tier.folder_of(beside).rename(home / TIER)  # first the partitions: a city is there once its database is
        beside.rename(home / STORE)
        _sync(home)
    except OSError as e:
        raise StoreFailed(
            f"nothing was restored: {e.filename or ''} {e.strerror or e}", "check permissions and free space", str(home)
        ) from e
    finally:
        for left in home.glob(f".{STORE}.part*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
    return dict(paper)


def _differs(file: Path) -> BadRequest:
    return BadRequest(f"{file} is not what was written: its SHA-256 differs", "take another backup", str(file))


def _inside(name: str) -> str:
    """The place of a partition, which must be in its folder. Raises ValueError."""
    if not re.fullmatch(r"month=\d{4}-\d{2}/\d+\.parquet", name):
        raise ValueError(f"'{name[:60]}' is no partition")
    return name


def _beside(source: Path, target: Path, sha: str) -> int:
    """Give a file that never changes a second name, or copy it where the disk is another; its size. Raises StoreFailed where it is damaged."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that knows no links
        with source.open("rb") as partition:
            size, digest = _copy(partition, target)
        if digest != sha:
            raise StoreFailed(
                f"{source} is damaged: its SHA-256 differs", "put it back from an earlier backup", str(source)
            ) from None
    else:
        size = target.stat().st_size
    _sync(target.parent)
    return size


def _copy(source: BinaryIO, target: Path) -> tuple[int, str]:
    """Copy a file through to the disk; its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    source.seek(0)
    with target.open("wb") as written:
        while data := source.read(CHUNK):
            written.write(data)
            digest.update(data)
            size += len(data)
        written.flush()
        os.fsync(written.fileno())
    return size, digest.hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
