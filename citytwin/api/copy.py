"""Is there a copy elsewhere? The served city makes a backup beside itself, for the command line to carry away."""

from __future__ import annotations

from typing import Annotated

import msgspec

from citytwin.api.house import House
from citytwin.api.route import Body, Route
from citytwin.kernel.errors import Conflict

MOST = 3
"""Copies that may lie beside the city and wait to be carried away: each is as large as the city."""


class CopyBody(Body, frozen=True, kw_only=True):
    """What the copy is called."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")]


class Partition(msgspec.Struct, frozen=True):
    """A file of old readings beside the database."""

    bytes: int
    sha256: str


class Copy(msgspec.Struct, frozen=True):
    """A copy of the store, with what its log and its bytes must be: `bytes` of all, `sha256` of the database, and `files` beside it."""

    folder: str
    format: int
    made: str
    root: str
    leaves: int
    batch: int
    bytes: int
    sha256: str
    files: dict[str, Partition] = {}


def copy(house: House, body: CopyBody) -> Copy:
    """Copy all that is on record into a folder beside the city, while it is served"""
    home = house.twin.store.home
    if home is None:
        raise Conflict("a store in memory has no file to copy", "serve the city from a home folder", "store")
    folder = home / "backups" / body.name
    if folder.parent.is_dir() and len(list(folder.parent.iterdir())) >= MOST:
        raise Conflict(f"{MOST} copies lie in {folder.parent} already", "carry them away first", "backups")
    return Copy(str(folder), **house.twin.store.backup(folder))


ROUTES = (Route("POST", "/backups", copy, status=201),)
