"""How long is what kept? What the city declares, what lies where, what was deleted, and holds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from citytwin.api.decision import By
from citytwin.api.house import House
from citytwin.api.route import Body, Route
from citytwin.engine import keep as verb
from citytwin.kernel.keep import Hold, Keep

NEWEST = 200


class Erasure(msgspec.Struct, frozen=True):
    """Readings of a stream type from before `until` that were deleted, and the leaf of the log that says so."""

    stream_type: str
    until: datetime
    rows: int
    recorded: datetime
    leaf: int


class Kept(msgspec.Struct, frozen=True):
    """What the city declares (days; 0: never), its partitions (files, readings and bytes), the newest deletions, and every hold."""

    declared: Keep
    files: int
    rows: int
    bytes: int
    erasures: list[Erasure]
    holds: list[Hold]


class HoldBody(Body, frozen=True, kw_only=True):
    """What must not be deleted (a stream type, a stream, an asset, or `*`), why, and who decides."""

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
    by: By


class LiftBody(Body, frozen=True, kw_only=True):
    """Who lifts the hold."""

    by: By


def kept(house: House) -> Kept:
    """How long readings are kept, where old ones lie, what was deleted, and what is on hold"""
    found = house.rows(
        "SELECT count(*) AS files, CAST(coalesce(sum(rows), 0) AS BIGINT) AS rows, CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes FROM tier_file"
    )[0]
    gone = house.rows(
        f"SELECT stream_type, until, rows, recorded, leaf FROM erasure ORDER BY erasure DESC LIMIT {NEWEST:d}"
    )
    return Kept(
        house.twin.city.keep,
        found["files"],
        found["rows"],
        found["bytes"],
        [Erasure(**r) for r in gone],
        verb.holds(house.twin),
    )


def hold(house: House, body: HoldBody) -> Hold:
    """Forbid that anything of a subject is deleted, until the hold is lifted"""
    return verb.hold(house.twin, body.subject, body.reason, body.by)


def lift(house: House, hold: int, body: LiftBody) -> Hold:
    """Lift a hold"""
    return verb.lift(house.twin, hold, body.by)


ROUTES = (
    Route("GET", "/keep", kept),
    Route("POST", "/holds", hold, status=201),
    Route("POST", "/holds/{hold}/lifting", lift),
)
