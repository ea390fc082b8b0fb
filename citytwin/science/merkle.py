"""Was anything altered? Merkle trees as in RFC 6962 (Laurie, Langley, Kasper 2013), section 2.1."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf: SHA-256(0x00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the full subtrees of a growing tree: enough to append a leaf and to tell the root.

    >>> f = Frontier()
    >>> f.root().hex()[:8]
    'e3b0c442'
    >>> f.append(leaf_hash(b"")); f.root().hex()[:8]
    '6e340b9c'
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._roots: list[bytes] = []
        for leaf in leaves:
            self.append(leaf)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        size, node = self.size, leaf
        while size & 1:
            node = node_hash(self._roots.pop(), node)
            size >>= 1
        self._roots.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Root hash; that of the empty tree is SHA-256 of nothing."""
        if not self._roots:
            return hashlib.sha256(b"").digest()
        node = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            node = node_hash(left, node)
        return node

    def copy(self) -> Frontier:
        """A second frontier that grows apart from this one."""
        other = Frontier()
        other.size, other._roots = self.size, list(self._roots)
        return other


def root(leaves: Sequence[bytes]) -> bytes:
    """Root of the tree over these leaf hashes, in O(n)."""
    return Frontier(leaves).root()


def _split(n: int) -> int:
    return int(1 << ((n - 1).bit_length() - 1))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Audit path of leaf `index` (RFC 6962, 2.1.1): the sibling hashes from the leaf up to the root."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} is not among {len(leaves)}")
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*inclusion_proof(leaves[:k], index), root(leaves[k:])]
    return [*inclusion_proof(leaves[k:], index - k), root(leaves[:k])]


def root_from_proof(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that `proof` leads to from `leaf` at `index` of `size` leaves (RFC 9162, 2.1.3.2), or None if it does not fit."""
    if not 0 <= index < size:
        return None
    fn, sn, node = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            node = node_hash(node, sibling)
        fn >>= 1
        sn >>= 1
    return node if sn == 0 else None


def readings_digest(
    streams: Sequence[str],
    index: NDArray[np.integer],
    time_us: NDArray[np.int64],
    value: NDArray[np.float64],
    quality: NDArray[np.int8],
) -> bytes:
    """SHA-256 of the canonical bytes of readings.

    Rows are ordered by stream id (code points), then time; `streams` are the distinct ids in that order and `index` points into them.
    Canonical bytes: `citytwin/readings/1\\n`, the row count and the number of streams (uint64), each stream id (uint16 length, UTF-8), then the
    columns index (uint32), time (int64, microseconds since 1970 UTC), value (IEEE 754 binary64; a missing value is
    the quiet NaN 7ff8000000000000), quality (int8); all little-endian.
    """
    digest = hashlib.sha256(b"citytwin/readings/1\n" + struct.pack("<QQ", len(index), len(streams)))
    for stream in streams:
        name = stream.encode()
        digest.update(struct.pack("<H", len(name)) + name)
    for column, kind in ((index, "<u4"), (time_us, "<i8"), (value, "<f8"), (quality, "i1")):
        digest.update(np.asarray(column).astype(kind, copy=False).tobytes())
    return digest.digest()
