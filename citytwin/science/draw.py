"""Who is drawn? Samples that anybody can draw again: a ticket for everyone from a seed that was committed before, the lowest tickets win.

Reference: R. L. Rivest, "Consistent Sampling with Replacement", arXiv:1808.10016 (2018); the tickets are those of his `consistent_sampler`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise


def commitment(seed: str) -> str:
    """SHA-256 (hex) of a seed: published before the list is known to whoever could choose the seed, it binds them to it.

    >>> commitment("abc")[:16]
    'ba7816bf8f01cfea'
    """
    return hashlib.sha256(seed.encode()).hexdigest()


def opens(seed: str, committed: str) -> bool:
    """Whether `seed` is the one that was committed to."""
    return hmac.compare_digest(commitment(seed).encode(), committed.lower().encode())


def population(ids: Iterable[str]) -> str:
    """SHA-256 (hex) of a list of ids, whatever their order: each in UTF-8 after its length in bytes, sorted. Raises ValueError where one stands twice.

    >>> population(["b", "a"]) == population(["a", "b"])
    True
    """
    held = sorted(ids)
    if len(set(held)) != len(held):
        twice = next(a for a, b in pairwise(held) if a == b)
        raise ValueError(f"'{twice}' stands twice")
    digest = hashlib.sha256()
    for id in held:
        raw = id.encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


def ticket(seed: str, id: str) -> str:
    """The ticket of `id`, a decimal fraction between 0 and 1: SHA-256 of (hex of SHA-256 of the seed, then the id), its decimal digits from the last to the first.

    Parameters: seed and id are any text. Returns: `0.` and the digits; tickets are compared as text. Valid for: sampling without replacement.
    Reference: Rivest's published example.

    >>> ticket("01382438112797316654", "AB-130")[:20]
    '0.262997141228380084'
    """
    number = int(hashlib.sha256((commitment(seed) + id).encode()).hexdigest(), 16)
    return "0." + f"{number:064d}"[::-1]


def drawn(seed: str, ids: Iterable[str], n: int) -> tuple[tuple[str, str], ...]:
    """The `n` ids with the lowest tickets, lowest first, each with its ticket. Raises ValueError where n is not between 0 and how many there are.

    >>> [id for id, _ in drawn("xy()134!g2n", ["dog", "cat", "fish", "goat"], 2)]
    ['cat', 'dog']
    """
    held = list(ids)
    if len(set(held)) != len(held):
        raise ValueError("an id stands twice")
    if not 0 <= n <= len(held):
        raise ValueError(f"{n} cannot be drawn from {len(held)}")
    return tuple((id, t) for t, id in sorted((ticket(seed, id), id) for id in held)[:n])


def shares(sizes: Mapping[str, int], n: int, weights: Mapping[str, float] | None = None) -> dict[str, int]:
    """How many of `n` fall to each group: by size times weight, largest remainders first, no group more than it has.

    Parameters: sizes [count] by group; n [count]; weights [1] by group, 1 where none. Returns: counts that add up to `n`, or to all that may be drawn.
    Valid for: any sizes and weights from 0 on. Reference: method of largest remainders (Hamilton, 1792); ties go to the group that sorts first.

    >>> shares({"a": 70, "b": 30}, 10)
    {'a': 7, 'b': 3}
    >>> shares({"a": 90, "b": 10}, 20, {"a": 1, "b": 9})
    {'a': 10, 'b': 10}
    """
    given = dict.fromkeys(sizes, 0)
    left = min(n, sum(size for g, size in sizes.items() if (weights or {}).get(g, 1.0) > 0))
    while left > 0:
        weight = {g: size * (weights or {}).get(g, 1.0) for g, size in sizes.items() if given[g] < size}
        total = sum(weight.values())
        if total <= 0:
            break
        quota = {g: left * w / total for g, w in weight.items()}
        whole = {g: min(int(q), sizes[g] - given[g]) for g, q in quota.items()}
        if not any(whole.values()):
            for g in sorted(quota, key=lambda g: (-quota[g], g))[:left]:
                given[g] += 1
                left -= 1
            continue
        capped = any(int(quota[g]) > whole[g] for g in quota)
        if capped:  # who has all of theirs is out; the others share what is left anew
            full = [g for g in quota if quota[g] >= sizes[g] - given[g]]
            for g in full:
                left -= sizes[g] - given[g]
                given[g] = sizes[g]
            continue
        for g, k in whole.items():
            given[g] += k
        rest = left - sum(whole.values())
        open_ = [g for g in quota if given[g] < sizes[g]]
        for g in sorted(open_, key=lambda g: (-(quota[g] - int(quota[g])), g))[:rest]:
            given[g] += 1
            rest -= 1
        left = rest
    return given


def stratified(
    seed: str, groups: Mapping[str, Sequence[str]], n: int, weights: Mapping[str, float] | None = None
) -> dict[str, tuple[tuple[str, str], ...]]:
    """`n` ids drawn from groups by their shares; the same tickets decide in every group. Raises ValueError as `drawn` does."""
    counts = shares({g: len(ids) for g, ids in groups.items()}, n, weights)
    return {g: drawn(seed, ids, counts[g]) for g, ids in groups.items()}
