"""Can you prove it? The checkpoint of the log, and proofs that a leaf is in it."""

from __future__ import annotations

from dataclasses import dataclass

from citytwin.engine.twin import rows
from citytwin.kernel.errors import NotFound
from citytwin.kernel.evidence import Leaf
from citytwin.kernel.store import Store
from citytwin.science import merkle


@dataclass(frozen=True, slots=True)
class Proof:
    """That `leaf` is in the tree of `size` leaves with this `root` (hex); `path` are the sibling hashes from leaf to root (hex)."""

    leaf: Leaf
    size: int
    root: str
    path: tuple[str, ...]


def checkpoint(store: Store) -> tuple[int, str]:
    """Size of the log and its root hash (hex)."""
    leaves = _hashes(store)
    return len(leaves), merkle.root(leaves).hex()


def proof(store: Store, index: int) -> Proof:
    """Inclusion proof of leaf `index` in the log as it stands. Raises NotFound."""
    leaves = _hashes(store)
    if not 0 <= index < len(leaves):
        raise NotFound(f"there is no leaf {index}", f"the log has {len(leaves)}", str(index))
    r = rows(
        store.fetch("SELECT leaf, kind, subject, digest, recorded FROM evidence WHERE leaf = $leaf", {"leaf": index})
    )[0]
    leaf = Leaf(r["leaf"], r["kind"], r["subject"], r["digest"], r["recorded"])
    return Proof(
        leaf, len(leaves), merkle.root(leaves).hex(), tuple(h.hex() for h in merkle.inclusion_proof(leaves, index))
    )


def _hashes(store: Store) -> list[bytes]:
    return [bytes.fromhex(d) for d in store.fetch("SELECT digest FROM evidence ORDER BY leaf")["digest"].to_pylist()]
