"""Can you prove it? The log of everything that was recorded, and proofs that a leaf is in it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from citytwin.api.house import House
from citytwin.api.route import Route
from citytwin.engine import seal
from citytwin.kernel.evidence import Leaf

NEWEST = 50


class Log(msgspec.Struct, frozen=True):
    """The checkpoint of the log, and its newest leaves."""

    size: int
    root: str
    leaves: list[Leaf]


class Proven(msgspec.Struct, frozen=True):
    """That `leaf` is in the log of `size` leaves with this `root`: `proof` are the sibling hashes from leaf to root.

    `rows` is how many readings the leaf seals, where it seals readings. `deleted` is when readings of it were deleted after their declared time, if
    they were: what the leaf seals is then not there any more, only that it was.
    """

    leaf: Leaf
    size: int
    root: str
    proof: tuple[str, ...]
    rows: int | None
    deleted: datetime | None = None


_DELETED = """
  SELECT min(e.recorded) AS at FROM batch AS b JOIN batch_span AS s ON s.batch = b.batch JOIN erasure AS e ON e.stream_type = s.stream_type
  WHERE b.leaf = $leaf AND s.since < e.until AND b.leaf < e.leaf"""  # whatever the clock said


def evidence(house: House) -> Log:
    """The checkpoint of the log, and its newest leaves"""
    size, root = seal.checkpoint(house.twin.store)
    found = house.rows(
        "SELECT leaf, kind, subject, digest, recorded FROM evidence WHERE leaf < $size "
        f"ORDER BY leaf DESC LIMIT {NEWEST:d}",
        {"size": size},
    )
    return Log(size, root, [Leaf(r["leaf"], r["kind"], r["subject"], r["digest"], r["recorded"]) for r in found])


def leaf(house: House, index: int) -> Proven:
    """A leaf with the proof that it is in the log"""
    p = seal.proof(house.twin.store, index)
    found = house.rows("SELECT rows FROM batch WHERE leaf = $leaf", {"leaf": p.leaf.index})
    gone = house.rows(_DELETED, {"leaf": p.leaf.index})
    return Proven(p.leaf, p.size, p.root, p.path, found[0]["rows"] if found else None, gone[0]["at"])


ROUTES = (
    Route("GET", "/evidence", evidence),
    Route("GET", "/evidence/leaves/{index}", leaf),
)
