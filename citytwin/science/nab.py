"""How good is a detector of anomalies? The score of the Numenta Anomaly Benchmark, from detections in time and labelled windows.

A labelled window is worth the reward of the best detection in it, the earlier the more, and costs a miss where there is none; every detection outside
windows costs a part of that, less where it follows shortly on a window. The first rows of a file are for learning and count for nothing.

References: Lavin, Ahmad (2015), Evaluating Real-time Anomaly Detection Algorithms - the Numenta Anomaly Benchmark, ICMLA, arXiv 1510.03336, section II;
Ahmad, Lavin, Purdy, Agha (2017), Unsupervised real-time anomaly detection for streaming data, Neurocomputing 262, 134-147, doi 10.1016/j.neucom.2017.04.070.
"""

from __future__ import annotations

import csv
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PROBATION = 0.15
"""Share of a file that counts for nothing, of its first LONGEST rows at most (arXiv 1510.03336, section II.C; the cap is the published scorer's)."""
LONGEST = 5000


@dataclass(frozen=True, slots=True)
class Profile:
    """What a detection in a window earns, a false one costs, and a missed window costs."""

    hit: float = 1.0
    false: float = 0.11
    miss: float = 1.0


STANDARD = Profile()
FEW_FALSE = Profile(false=0.22)
FEW_MISSED = Profile(miss=2.0)
"""The three application profiles (arXiv 1510.03336, table I, as published with version 1.1)."""


@dataclass(frozen=True, slots=True)
class Series:
    """A file of the benchmark: `time` (microseconds since 1970, as if UTC) and `value`, shape (n,), and the windows, shape (w, 2): first and last row of each, in order."""

    time: NDArray[np.int64]
    value: NDArray[np.float64]
    windows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trial:
    """A file that a detector has seen: its scores, shape (n,), one a row, and the windows, shape (w, 2): first and last row of each, in order."""

    score: NDArray[np.float64]
    windows: NDArray[np.int64]


def reward(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a detection at a position relative to a window is worth: the scaled sigmoid 2 / (1 + exp(5 y)) - 1.

    Parameters: `position`, any shape: -1 at the left edge of the window, 0 at the right edge, 1 a window's width behind it. Returns: the same shape, -1 to 1;
    -1 where the position is above 3. Reference: arXiv 1510.03336, equation 1, with the published scorer's factor 5 and cut at 3.

    >>> reward(np.array([-1.0, -0.5, 0.0, 1.0, 3.5])).round(5).tolist()
    [0.98661, 0.84828, 0.0, -0.98661, -1.0]
    """
    near = np.minimum(position, 3.0)
    return np.where(position > 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * near)) - 1.0)


def probation(n: int) -> int:
    """Rows at the beginning of a file of `n` rows that count for nothing.

    >>> probation(4032), probation(22695)
    (604, 750)
    """
    return int(np.ceil(min(np.floor(PROBATION * n), PROBATION * LONGEST)))


def worth(
    n: int, windows: NDArray[np.int64], profile: Profile = STANDARD
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What a detection at each row of a file is worth, and the window it lies in.

    Parameters: `n` rows; `windows`, shape (w, 2), first and last row of each, in order, none overlapping. Returns: worth, shape (n,), at most `profile.hit`; window, shape (n,),
    -1 outside. Inside a window of rows a to b the position of row i is -(b - i + 1) / (b - a + 1), and 1 is earned at its first row; behind it (i - b) / (b - a).
    """
    row = np.arange(n, dtype=np.float64)
    position = np.full(n, np.inf)
    inside = np.full(n, -1, np.int64)
    for w, (a, b) in enumerate(windows):
        position[a : b + 1] = -(b - row[a : b + 1] + 1.0) / (b - a + 1.0)
        inside[a : b + 1] = w
        position[b + 1 :] = (row[b + 1 :] - b) / max(b - a, 1.0)
    earned = reward(position)
    first = float(reward(np.array([-1.0]))[0])
    return np.where(inside >= 0, earned * profile.hit / first, earned * profile.false), inside


def raw(trials: Sequence[Trial], threshold: float, profile: Profile = STANDARD) -> float:
    """The sum over all files of what the rows whose score is at least `threshold` earn and cost, and of the windows missed."""
    total = 0.0
    for trial in trials:
        value, inside = worth(len(trial.score), trial.windows, profile)
        counts = np.arange(len(value)) >= probation(len(value))
        told = counts & (trial.score >= threshold)
        best = np.full(len(trial.windows), -profile.miss)
        np.maximum.at(best, inside[told & (inside >= 0)], value[told & (inside >= 0)])
        # a window that lies in the probation counts for nothing
        seen = np.isin(np.arange(len(trial.windows)), inside[counts])
        total += float(best[seen].sum()) + float(value[told & (inside < 0)].sum())
    return total


def normal(total: float, windows: int, profile: Profile = STANDARD) -> float:
    """A sum on the scale on which detecting nothing gives 0 and every window at its first row, and nothing else, 100.

    Reference: arXiv 1510.03336, equation 3.

    >>> normal(-116.0, 116), normal(116.0, 116), normal(0.0, 116)
    (0.0, 100.0, 50.0)
    """
    least, most = -profile.miss * windows, profile.hit * windows
    return 100.0 * (total - least) / (most - least)


def score(trials: Sequence[Trial], threshold: float, profile: Profile = STANDARD) -> float:
    """The benchmark's score of a detector with this threshold over these files, at most 100; files without a window only cost. Raises ValueError where none has one."""
    windows = sum(len(t.windows) for t in trials)
    if not windows:
        raise ValueError("score: none of the files has a labelled window; give at least one that has")
    return normal(raw(trials, threshold, profile), windows, profile)


def tuned(trials: Sequence[Trial], profile: Profile = STANDARD) -> tuple[float, float]:
    """The threshold with the greatest score, and that score: how the published rows got theirs. It looks at the labels, so it is no way to set a threshold that is to be judged.

    Returns the highest of the best thresholds among the scores that occur; above all of them where detecting nothing is best.
    """
    rows, offset = [], 0
    miss = 0.0
    for trial in trials:
        value, inside = worth(len(trial.score), trial.windows, profile)
        counts = np.arange(len(value)) >= probation(len(value))
        rows.append(np.stack([trial.score, value, np.where(inside >= 0, inside + offset, -1)])[:, counts])
        offset += len(trial.windows)
        miss += profile.miss * len(np.unique(inside[counts & (inside >= 0)]))
    given, value, inside = np.concatenate(rows, axis=1)
    order = np.argsort(-given, kind="stable")
    given, value, window = given[order], value[order], inside[order].astype(np.int64)
    # what a row adds to the sum: its cost, or what it is better than the best so far in its window
    gain = np.where(window < 0, value, 0.0)
    best = np.full(offset, -profile.miss)
    for i in np.flatnonzero(window >= 0):
        w = window[i]
        if value[i] > best[w]:
            gain[i] = value[i] - best[w]
            best[w] = value[i]
    total = np.cumsum(gain) - miss
    last = np.flatnonzero(np.append(given[1:] != given[:-1], True))
    top = int(last[np.argmax(total[last])])
    if total[top] <= -miss:
        return float(np.nextafter(given[0], np.inf)), normal(-miss, offset, profile)
    return float(given[top]), normal(float(total[top]), offset, profile)


def corpus(archive: Path) -> dict[str, Series]:
    """The benchmark's files by name (`category/file.csv`), in that order, from a tar of its `data` and `labels`. Raises KeyError where the labels or a file are missing."""
    texts = _texts(archive, "data/", "labels/combined_windows.json")
    windows: Mapping[str, Sequence[Sequence[str]]] = json.loads(_one(texts, "labels/combined_windows.json"))
    found = {}
    for name in sorted(windows):
        time, value = zip(*((r["timestamp"], r["value"]) for r in _rows(_one(texts, f"data/{name}"))), strict=True)
        moment = _microseconds(time)
        row = {int(t): len(moment) - 1 - i for i, t in enumerate(moment[::-1])}  # of equal times the first row
        span = [[row[int(t)] for t in _microseconds(w)] for w in windows[name]]
        found[name] = Series(moment, np.array(value, np.float64), np.array(span, np.int64).reshape(-1, 2))
    return found


def published(archive: Path, detector: str, files: Mapping[str, Series]) -> list[Trial]:
    """What a detector of the board scored, file by file, from a tar of the benchmark's `results`. Raises KeyError where one is missing."""
    texts = _texts(archive, f"results/{detector}/")
    trials = []
    for name, series in files.items():
        category, _, file = name.partition("/")
        rows = _rows(_one(texts, f"results/{detector}/{category}/{detector}_{file}"))
        trials.append(Trial(np.array([float(r["anomaly_score"]) for r in rows]), series.windows))
    return trials


def _texts(archive: Path, *beginnings: str) -> dict[str, str]:
    """Files of a tar whose names begin so, read in the order in which they lie in it (a packed one is slow to jump about in)."""
    texts = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            part = tar.extractfile(member) if member.name.startswith(beginnings) else None
            if part is not None:
                texts[member.name] = part.read().decode()
    return texts


def _one(texts: Mapping[str, str], name: str) -> str:
    if name not in texts:
        raise KeyError(
            f"{name} is not in the archive; give one that has the benchmark's files as they lie in its repository"
        )
    return texts[name]


def _rows(text: str) -> Iterable[dict[str, str]]:
    return csv.DictReader(text.splitlines())


def _microseconds(times: Iterable[str]) -> NDArray[np.int64]:
    return np.array([t.strip().replace(" ", "T") for t in times], "datetime64[us]").astype(np.int64)
