"""How alike are two names? Chinese and English ones, weighed by how rare their parts are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_RUN = re.compile(rf"[{_HAN}]+|[^\W{_HAN}_]+(?:[.'’-][^\W{_HAN}_]+)*")
_FILLERS = re.compile(r"an?|and|as|at|be|by|for|from|in|is|its?|of|on|or|that|the|to|with")
_SINGLE = 0.5
"""A single character says less than two in a row: it stands in many words."""
_COMMON = 0.2
"""A part that more than this share of the names have is no reason to call two of them alike."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each part says: `of` by part, learnt from `n` names; a part never seen says as much as one seen once."""

    of: Mapping[str, float]
    n: int

    def __call__(self, part: str) -> float:
        """The weight of a part."""
        found = self.of.get(part)
        return found if found is not None else _idf(self.n, 1) * _scale(part)

    def common(self, part: str) -> bool:
        """Whether so many names have the part that it tells nothing."""
        return self(part) < _idf(self.n, max(2, int(_COMMON * self.n))) * _scale(part)


@lru_cache(maxsize=16384)
def parts(name: str) -> frozenset[str]:
    """Each Chinese character and each two in a row, each word of other scripts without case, endings (-s -ed -ing) and fillers.

    >>> sorted(parts("污水收集率"))
    ['收', '收集', '水', '水收', '污', '污水', '率', '集', '集率']
    >>> sorted(parts("Share of 5G stations audited"))
    ['5g', 'audit', 'share', 'station']
    """
    found: set[str] = set()
    for run in _runs(name):
        if _han(run):
            found.update(run)
            found.update(run[i : i + 2] for i in range(len(run) - 1))
        elif not _FILLERS.fullmatch(run):
            found.add(_stem(run))
    return frozenset(found)


def weights(names: Iterable[str]) -> Weights:
    """Learn how much each part says from a collection: log(1 + n / df), n names of which df have the part.

    References
    ----------
    Spärck Jones (1972), A statistical interpretation of term specificity, J. Documentation 28, 11-21.
    """
    count: dict[str, int] = {}
    n = 0
    for name in names:
        n += 1
        for part in parts(name):
            count[part] = count.get(part, 0) + 1
    return Weights({part: _idf(n, df) * _scale(part) for part, df in count.items()}, n)


def cover(names: Sequence[str], texts: Sequence[str], weights: Weights) -> NDArray[np.float64]:
    """How much of each name stands in each text.

    Parameters
    ----------
    names, texts : n and m of them

    Returns
    -------
    shape (n, m), 0 to 1: squared weight of the parts of the name that the text has too, over that of all its parts. 0 for a name
    without parts. The geometric mean of both directions is the cosine of the vectors of weights.

    >>> cover(["污水"], ["污水收集率", "雨水"], weights(["污水", "雨水"])).round(2).tolist()
    [[1.0, 0.07]]
    """
    both, ours, _ = _overlap(names, texts, weights)
    return both / np.where(ours > 0, ours, 1.0)[:, None]


def likeness(a: Sequence[str], b: Sequence[str], weights: Weights) -> NDArray[np.float64]:
    """How alike names are: the cosine of the vectors that hold the weight of each of their parts, shape (len(a), len(b)), 0 to 1.

    References
    ----------
    Manning, Raghavan, Schütze (2008), Introduction to Information Retrieval, sections 6.2-6.3.

    >>> known = weights(["污水收集率", "污水处理率", "绿化覆盖率"])
    >>> likeness(["污水收集率"], ["污水收集率", "污水处理率", "绿化覆盖率"], known).round(2).tolist()
    [[1.0, 0.17, 0.01]]
    """
    both, ours, theirs = _overlap(a, b, weights)
    size = np.sqrt(ours[:, None] * theirs[None, :])
    return np.minimum(both / np.where(size > 0, size, 1.0), 1.0)


def shared(a: str, b: str, weights: Weights) -> tuple[str, ...]:
    """What two names have in common, the weightiest first: the longest pieces of Chinese of two characters and more, and words.

    Pieces that most names have are left out.

    >>> known = weights(["生活污水集中收集率", "绿化覆盖率", "污水再生利用率", "公共机构能耗"])
    >>> shared("污水集中收集率", "城市生活污水收集率", known)
    ('收集率', '污水')
    """
    theirs = [run for run in _runs(b) if _han(run)]
    found: dict[str, float] = {}
    for run in _runs(a):
        if not _han(run):
            if _stem(run) in parts(b) and not weights.common(_stem(run)):
                found[run] = weights(_stem(run))
            continue
        at = 0
        while at < len(run):
            end = at
            while end < len(run) and any(run[at : end + 1] in other for other in theirs):
                end += 1
            pairs = [run[i : i + 2] for i in range(at, end - 1)]
            if pairs and not all(weights.common(p) for p in pairs):
                found[run[at:end]] = sum(weights(p) for p in pairs)
            at = max(end, at + 1)
    return tuple(sorted(found, key=lambda piece: (-found[piece], piece)))


def _overlap(
    a: Sequence[str], b: Sequence[str], weights: Weights
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Squared weight of what each of `a` has in common with each of `b`, and of each of them: shapes (n, m), (n,), (m,)."""
    left, right = [parts(x) for x in a], [parts(x) for x in b]
    # columns only for what both sides have: the rest is in no product
    column = {p: i for i, p in enumerate(sorted(frozenset().union(*left) & frozenset().union(*right)))}
    squared = np.array([weights(p) ** 2 for p in column], np.float32)
    both = (_marks(left, column) * squared) @ _marks(right, column).T
    ours = np.array([sum(weights(p) ** 2 for p in sorted(x)) for x in left])
    theirs = np.array([sum(weights(p) ** 2 for p in sorted(x)) for x in right])
    return np.minimum(both.astype(np.float64), np.minimum(ours[:, None], theirs[None, :])), ours, theirs


def _marks(names: list[frozenset[str]], column: dict[str, int]) -> NDArray[np.float32]:
    out = np.zeros((len(names), len(column)), np.float32)
    for row, found in enumerate(names):
        out[row, [column[p] for p in found if p in column]] = 1.0
    return out


def _runs(name: str) -> list[str]:
    """Runs of Chinese characters, and words in lower case."""
    found: list[str] = _RUN.findall(unicodedata.normalize("NFKC", name).lower())
    return found


def _stem(word: str) -> str:
    """A word without the ending of the plural or of a participle."""
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return re.sub(r"(?<=.{4})(?:ed|ing)$", "", word)


def _han(run: str) -> bool:
    return re.match(f"[{_HAN}]", run) is not None


def _scale(part: str) -> float:
    return _SINGLE if len(part) == 1 and _han(part) else 1.0


def _idf(n: int, df: int) -> float:
    return float(np.log1p(n / df)) if n else 1.0
