"""The benchmark's score against the published rows, values reckoned by hand, and every threshold tried."""

from __future__ import annotations

import doctest
import functools
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from citytwin.science import nab
from citytwin.science.nab import Profile, Series, Trial

NAB = Path(__file__).resolve().parents[3] / "shared" / "data" / "city" / "nab"
CORPUS = NAB / "nab_v1.1_data_labels_config.tar.gz"
RESULTS = Path(os.environ.get("NAB_RESULTS", NAB / "nab_v1.1_results.tar.gz"))
PROFILES = {"standard": nab.STANDARD, "reward_low_FP_rate": nab.FEW_FALSE, "reward_low_FN_rate": nab.FEW_MISSED}

with_corpus = pytest.mark.skipif(not CORPUS.is_file(), reason=f"{CORPUS.name} is not in ../shared/data/city/nab")
with_results = pytest.mark.skipif(
    not (CORPUS.is_file() and RESULTS.is_file()),
    reason=f"{RESULTS.name}, a tar of the published detectors' `results`, is neither in ../shared/data/city/nab nor where NAB_RESULTS says",
)


@functools.cache
def corpus() -> Mapping[str, Series]:
    return nab.corpus(CORPUS)


@functools.cache
def board() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Published scores and published thresholds."""
    with tarfile.open(CORPUS) as tar:
        scores, thresholds = (
            json.load(tar.extractfile(name))  # type: ignore[arg-type]
            for name in ("results/final_results.json", "config/thresholds.json")
        )
    return scores, thresholds


def against_the_board(detector: str, trials: list[Trial]) -> None:
    scores, thresholds = board()
    for name, profile in PROFILES.items():
        given = thresholds[detector][name]["threshold"]
        assert nab.score(trials, given, profile) == pytest.approx(scores[detector][name], abs=1e-6), name
        assert nab.tuned(trials, profile)[1] == pytest.approx(scores[detector][name], abs=1e-6), name


def test_examples() -> None:
    result = doctest.testmod(nab)
    assert result.attempted > 0
    assert result.failed == 0


@with_corpus
def test_corpus_against_its_published_size() -> None:
    assert len(corpus()) == 58
    assert sum(len(s.windows) for s in corpus().values()) == 116


@with_corpus
def test_score_of_nothing_against_the_published_row() -> None:
    against_the_board("null", [Trial(np.full(len(s.value), 0.5), s.windows) for s in corpus().values()])


@with_corpus
def test_score_of_a_detector_made_anew_against_the_published_row() -> None:
    """windowedGaussian, from its description: one less the tail probability in a normal distribution over the 6,400 rows before, renewed every 100 rows once that many are there.
    The published files have twelve digits, which is why scores can be 1."""

    def gauss(value: np.ndarray) -> np.ndarray:
        n = len(value)
        # rows (begin, end) that each row is held against
        end = np.arange(n)
        end = np.where(end > 6400, end - (end - 6400) % 100, end)
        begin = np.maximum(end - 6400, 0)
        x = value - value[0]  # a constant beginning sums to nothing at all
        sums, squares = np.append(0.0, np.cumsum(x)), np.append(0.0, np.cumsum(x * x))
        size = np.maximum(end - begin, 1)
        mean = (sums[end] - sums[begin]) / size
        spread = np.sqrt(np.maximum((squares[end] - squares[begin]) / size - mean**2, 0.0))
        z = np.abs(x - mean) / np.where(spread == 0.0, 1e-6, spread)
        return np.where(end > 0, 1.0 - 0.5 * special.erfc(z / np.sqrt(2.0)), 0.0).round(12)

    trials = [Trial(gauss(s.value), s.windows) for s in corpus().values()]
    assert nab.score(trials, 1.0) == pytest.approx(39.6495, abs=5e-5)
    against_the_board("windowedGaussian", trials)


@with_results
@pytest.mark.parametrize(
    ("detector", "printed"),
    [("windowedGaussian", 39.6495), ("relativeEntropy", 54.6427), ("randomCutForest", 51.7171), ("null", 0.0)],
)
def test_score_of_published_results_against_the_published_rows(detector: str, printed: float) -> None:
    trials = nab.published(RESULTS, detector, corpus())
    assert nab.score(trials, board()[1][detector]["standard"]["threshold"]) == pytest.approx(printed, abs=6e-5)
    against_the_board(detector, trials)


def told(n: int, *rows: int) -> np.ndarray:
    score = np.zeros(n)
    score[list(rows)] = 1.0
    return score


WINDOWS = np.array([[40, 49], [70, 79]])
NONE = np.empty((0, 2), np.int64)


def sigmoid(y: float) -> float:
    return 2.0 / (1.0 + np.exp(5.0 * y)) - 1.0


@pytest.mark.parametrize(
    ("rows", "by_hand"),
    [
        ([], -2.0),
        ([40, 70], 2.0),  # the first row of each earns all
        ([49, 70], sigmoid(-0.1) / sigmoid(-1.0) + 1.0),  # the last row is still inside
        ([40, 45, 49, 70], 2.0),  # the earliest counts, once
        ([45], sigmoid(-0.5) / sigmoid(-1.0) - 1.0),
        ([14], -2.0),  # 15 rows are for learning
        ([15], -2.11),  # no window before it: as dear as can be
        ([51], -2.0 + 0.11 * sigmoid(2 / 9)),
        ([69], -2.0 + 0.11 * sigmoid(20 / 9)),
        ([99], -2.0 + 0.11 * sigmoid(20 / 9)),  # behind the second window
        ([51, 52], -2.0 + 0.11 * (sigmoid(2 / 9) + sigmoid(3 / 9))),  # every false row costs
    ],
)
def test_raw_against_sums_by_hand(rows: list[int], by_hand: float) -> None:
    trial = Trial(told(100, *rows), WINDOWS)
    assert nab.raw([trial], 0.5) == pytest.approx(by_hand, abs=1e-12)
    assert nab.score([trial], 0.5) == pytest.approx(100.0 * (by_hand + 2.0) / 4.0)


def test_far_behind_a_window_a_false_row_costs_all() -> None:
    trial = Trial(told(200, 40, 77), np.array([[40, 49]]))
    assert nab.raw([trial], 0.5) == 1.0 - 0.11  # position 28 / 9 is above 3
    assert nab.raw([Trial(told(200, 40, 76), np.array([[40, 49]]))], 0.5) == pytest.approx(1.0 + 0.11 * sigmoid(3.0))


def test_a_file_without_windows_only_costs_and_profiles_weigh_anew() -> None:
    trials = [Trial(told(100, 45), WINDOWS), Trial(told(100, 50, 60), NONE)]
    hit = sigmoid(-0.5) / sigmoid(-1.0)
    assert nab.raw(trials, 0.5) == pytest.approx(hit - 1.0 - 0.22)
    assert nab.raw(trials, 0.5, nab.FEW_FALSE) == pytest.approx(hit - 1.0 - 0.44)
    assert nab.score(trials, 0.5, nab.FEW_MISSED) == pytest.approx(100.0 * (hit - 2.0 - 0.22 + 4.0) / 6.0)
    with pytest.raises(ValueError, match="labelled window"):
        nab.score(trials[1:], 0.5)


@given(
    st.lists(st.lists(st.integers(0, 4), min_size=30, max_size=30), min_size=1, max_size=3),
    st.sampled_from([nab.STANDARD, nab.FEW_FALSE, Profile(hit=0.5, false=0.3, miss=1.5)]),
)
def test_tuned_against_every_threshold_tried(files: list[list[int]], profile: Profile) -> None:
    trials = [Trial(np.array(f) / 4, np.array([[8, 12], [20, 24]])) for f in files]
    threshold, best = nab.tuned(trials, profile)
    tried = {t: nab.score(trials, t, profile) for t in (0.0, 0.25, 0.5, 0.75, 1.0, 2.0)}
    assert best == pytest.approx(max(tried.values()), abs=1e-9)
    assert nab.score(trials, threshold, profile) == pytest.approx(best, abs=1e-9)
