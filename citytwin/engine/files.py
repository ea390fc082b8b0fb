"""Where is the file? What people bring in is kept whole, under the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
from pathlib import PurePath

import pyarrow as pa

from citytwin.engine.decision import person
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.errors import BadRequest, NotFound
from citytwin.kernel.plan import Attachment
from citytwin.kernel.store import Change, Store


def keep(twin: Twin, data: bytes, name: str, by: str) -> Attachment:
    """Put a file on record and seal it; one that is there already is not stored again. Raises BadRequest."""
    by = person(by)
    if not data:
        raise BadRequest("the file is empty", "choose another one", name)
    made = Attachment(hashlib.sha256(data).hexdigest(), plain(name), len(data))
    with twin.turn:
        if known(twin.store, made.sha256) is None:
            row = {"sha256": [made.sha256], "name": [made.name], "size": [made.size], "actor": [by]}
            table = pa.table({**row, "data": pa.array([data], pa.binary()), "recorded": [twin.clock.now()]})
            insert = Change(
                "INSERT INTO file_row SELECT sha256, name, size, data, actor, recorded FROM incoming",
                tables={"incoming": table},
            )
            twin.store.commit(insert, leaves=[("file", made.name, made.sha256)])
    return made


def known(store: Store, sha256: str) -> Attachment | None:
    """The file with this digest, if it is on record."""
    found = rows(store.fetch("SELECT sha256, name, size FROM file WHERE sha256 = $sha256", {"sha256": sha256}))
    return Attachment(found[0]["sha256"], found[0]["name"], found[0]["size"]) if found else None


def content(store: Store, sha256: str) -> tuple[Attachment, bytes]:
    """A file and its bytes. Raises NotFound."""
    found = rows(
        store.fetch("SELECT sha256, name, size, data FROM file_row WHERE sha256 = $sha256", {"sha256": sha256})
    )
    if not found:
        raise NotFound(f"there is no file '{sha256[:64]}'", "give the SHA-256 of a file that was sent here", "file")
    return Attachment(found[0]["sha256"], found[0]["name"], found[0]["size"]), bytes(found[0]["data"])


def plain(name: str) -> str:
    """A file's name without folders and without what no name holds."""
    last = PurePath(name.replace("\\", "/")).name
    return "".join(c for c in last if c.isprintable())[:200].strip() or "file"
