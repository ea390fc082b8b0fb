"""Which file was brought as proof? Files in and out, by the SHA-256 of their bytes."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import anyio.to_thread
import msgspec

from citytwin.api.house import House
from citytwin.api.route import Call, Query, Route
from citytwin.engine import files
from citytwin.kernel.plan import Attachment

ANY = "application/octet-stream"


class FileQuery(Query, frozen=True, kw_only=True):
    """What the file is called, and who brings it."""

    name: Annotated[str, msgspec.Meta(max_length=500)] = "file"
    by: Annotated[str, msgspec.Meta(description="who brings it", max_length=200)]


async def keep(house: House, query: FileQuery, call: Call) -> Attachment:
    """Keep a file: its SHA-256 is its name from then on, and sealed"""
    data = await call.body(house.largest_file)
    return await anyio.to_thread.run_sync(
        partial(files.keep, house.twin, data, query.name, query.by), limiter=house.limiter
    )


def file(house: House, sha256: str) -> bytes:
    """The bytes of a file"""
    return files.content(house.twin.store, sha256)[1]


ROUTES = (
    Route("POST", "/files", keep, status=201, bodies=(ANY,)),
    Route("GET", "/files/{sha256}", file, media=ANY, response=bytes),
)
