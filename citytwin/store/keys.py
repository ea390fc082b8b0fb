"""Was a batch's key seen before? Answered from memory where it was not, which is nearly always."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import md5

import numpy as np

HASH = "md5_number_lower(key)"
"""The same number in SQL. It only tells where looking is in vain: nothing rests on its being hard to forge."""
_RECENT = 100_000


def hashed(key: str) -> int:
    """64 bits of a key.

    >>> hashed("abc")
    8250560606382298838
    """
    return int.from_bytes(md5(key.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()[8:], "little")


class Keys:
    """The hashes of all keys on record: eight bytes each, and a set for the newest."""

    def __init__(self, hashes: np.ndarray) -> None:
        self._sorted = np.sort(hashes.astype(np.uint64))
        self._recent: set[int] = set()

    def add(self, keys: Iterable[str]) -> None:
        """These keys are on record now."""
        self._recent.update(map(hashed, keys))
        if len(self._recent) > _RECENT:
            new = np.fromiter(self._recent, np.uint64, len(self._recent))
            self._sorted = np.sort(np.concatenate([self._sorted, new]))
            self._recent = set()

    def perhaps(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that may be on record; all others are not."""
        found = set()
        for key in keys:
            number = hashed(key)
            if number in self._recent:
                found.add(key)
            elif len(self._sorted):
                at = int(np.searchsorted(self._sorted, np.uint64(number)))
                if at < len(self._sorted) and int(self._sorted[at]) == number:
                    found.add(key)
        return found
