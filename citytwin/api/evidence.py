"""Can you prove it? The log of everything that was recorded, and proofs that a leaf is in it."""

from __future__ import annotations

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

    `rows` is how many readings the leaf seals, where it seals readings.
    """

    leaf: Leaf
    size: int
    root: str
    proof: tuple[str, ...]
    rows: int | None


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
    return Proven(p.leaf, p.size, p.root, p.path, found[0]["rows"] if found else None)


ROUTES = (
    Route("GET", "/evidence", evidence),
    Route("GET", "/evidence/leaves/{index}", leaf),
)
