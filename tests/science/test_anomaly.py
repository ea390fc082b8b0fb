"""The detector of anomalies: against its formulas reading by reading, its own promise on noise, what was planted, and on the benchmark."""

from __future__ import annotations

import doctest
import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest

from citytwin.science import anomaly, nab
from citytwin.science.anomaly import HELD, TOLD, Detector

from .test_nab import CORPUS, with_corpus

STEP = 300_000_000
Noise = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def judged(value: np.ndarray, **options: float) -> np.ndarray:
    """Scores of streams, shape (streams, n), one reading every five minutes."""
    streams, n = value.shape
    told = Detector(300.0, streams, **options)  # type: ignore[arg-type]
    time = np.tile(np.arange(n) * STEP, streams)
    return told.update(time, value.ravel(), np.repeat(np.arange(streams), n)).reshape(streams, n)


def test_examples() -> None:
    result = doctest.testmod(anomaly)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    "noise",
    [
        lambda chance, shape: chance.normal(size=shape),
        lambda chance, shape: chance.exponential(size=shape),
        lambda chance, shape: np.exp(chance.normal(size=shape)),
        lambda chance, shape: chance.poisson(3.0, shape).astype(float),
        lambda chance, shape: chance.normal(size=shape) + 3.0 * np.sin(np.arange(shape[1]) / 288 * 2 * np.pi),
        lambda chance, shape: chance.standard_t(4, shape),
    ],
    ids=["normal", "exponential", "lognormal", "counts", "daily", "t4"],
)
@pytest.mark.parametrize("risk", [1e-3, 1e-2])
def test_false_alarms_against_the_risk_that_was_accepted(noise: Noise, risk: float) -> None:
    """Readings told where there is nothing to tell: about the risk that was accepted, up to three times as many where tails are heavy (t4 of few peaks)."""
    score = judged(noise(np.random.default_rng(8), (100, 1500)), risk=risk, hold=0)
    assert 0.3 * risk < (score[:, 500:] >= TOLD).mean() < 3.0 * risk


def test_what_is_told_against_what_was_planted() -> None:
    chance = np.random.default_rng(4)
    n = 288 * 10
    day = np.sin(np.arange(n) / 288 * 2 * np.pi)
    calm = 20.0 + 5.0 * day + chance.normal(0.0, 0.5, n)
    at = 8 * 288 + 72  # the day is at its highest
    planted = {name: calm.copy() for name in ("spike", "drop", "step", "hour", "rough")}
    planted["spike"][at] += 20.0
    planted["drop"][at : at + 12] = 0.0
    planted["step"][at:] += 8.0
    planted["hour"][at : at + 144] = 25.0 + chance.normal(
        0.0, 0.5, 144
    )  # neither unheard of nor sudden, but not at night
    planted["rough"][at : at + 24] += np.tile([4.0, -4.0], 12)
    for name, score in zip(planted, judged(np.stack([*planted.values()])), strict=True):
        assert (score[at : at + (72 if name == "hour" else 24)] >= TOLD).any(), name
        assert not (score[at - 288 : at] >= TOLD).any(), name


def test_scores_against_one_stream_at_a_time_whatever_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anomaly, "_AT_ONCE", 2)
    chance = np.random.default_rng(5)
    length = [900, 20, 500, 0, 1]
    period = np.array([300.0, 3600.0, 60.0, 300.0, 900.0])
    value = [chance.normal(10.0 * s, 1.0 + s, n) for s, n in enumerate(length)]
    value[0][700] = 60.0
    value[2][100:110] = math.nan
    time = [np.arange(n) * int(p * 1e6) for n, p in zip(length, period, strict=True)]
    alone = [Detector(p, hold=9).update(t, v) for p, t, v in zip(period, time, value, strict=True)]
    assert alone[0][700] >= TOLD

    stream = np.repeat(np.arange(5), length)
    together = Detector(period, 5, hold=9)
    assert np.array_equal(together.update(np.concatenate(time), np.concatenate(value), stream), np.concatenate(alone))

    # in batches that cut streams anywhere, mixed, through a pickle and into streams that came later
    cut = Detector(period[:2], 2, hold=9)
    got = [np.empty(n) for n in length]
    upto = np.array([300, 0, 0, 0, 0])
    got[0][:300] = cut.update(time[0][:300], value[0][:300])
    cut.grow(3, period[2:])
    assert len(cut) == 5
    while (upto < length).any():
        size = np.minimum(chance.integers(0, 90, 5), length - upto)
        rows = np.repeat(np.arange(5), size)
        chance.shuffle(rows)
        rank = np.array([np.sum(rows[:i] == s) for i, s in enumerate(rows)], int)
        at = upto[rows] + rank
        score = cut.update(
            np.array([time[s][i] for s, i in zip(rows, at, strict=True)], np.int64),
            np.array([value[s][i] for s, i in zip(rows, at, strict=True)], float),
            rows,
        )
        for s, i, x in zip(rows, at, score, strict=True):
            got[s][i] = x
        upto += size
        cut = pickle.loads(pickle.dumps(cut))
    for mine, its in zip(got, alone, strict=True):
        assert np.array_equal(mine, its)


def test_what_is_known_does_not_grow_with_readings() -> None:
    told = Detector(300.0, 10)
    size = len(pickle.dumps(told))
    told.update(
        np.tile(np.arange(600) * STEP, 10), np.random.default_rng(1).normal(size=6000), np.repeat(np.arange(10), 600)
    )
    assert len(pickle.dumps(told)) == size
    assert size < 10 * 4000 + 2000


def plainly(period: float, time: np.ndarray, value: np.ndarray, risk: float, hold: int, memory: int) -> list[float]:
    """The formulas of the detector's description for one stream, reading by reading."""
    day: dict[int, list[float]] = {}
    week: dict[int, list[float]] = {}
    peaks: list[list[tuple[float, int]]] = [[] for _ in range(5)]  # with the block of each
    now, blocks, quiet = [-math.inf] * 5, 0, 0
    level = spread = shift = rough = 0.0
    last = value[0]
    scores = []
    lost = sum(sum(1.0 / m for m in range(i, 16)) for i in range(3, 16)) / 13
    scales = [1.0] * 5
    for n, (t, y) in enumerate(zip(time // 1_000_000, value, strict=True), 1):
        level = y if n == 1 else level
        visit = max(3600.0 / period, 1.0)
        mean, seen = day.setdefault(int(t % 86400 // 3600), [0.0, 0.0])
        usual = mean if seen else level
        apart, visits = week.setdefault(int((t - 345_600) % 604_800 // 3600), [0.0, 0.0])
        residual = y - usual - apart * visits / (visits + visit)
        shift += 2 / 13 * (residual - shift)
        rough += 2 / 13 * (abs(y - last) - rough)
        figures = [y, -y, abs(residual), abs(shift), rough]
        score = 0.0
        if blocks >= 16:
            rate = min(
                5 / 12 * min(16 / min(blocks, memory) * math.exp(min(-(x - p[-1][0]) / s, 50.0)), 1.0)
                for x, p, s in zip(figures, peaks, scales, strict=True)
            )
            score = risk / (risk + rate)
        if quiet:
            quiet, score = quiet - 1, min(score, HELD)
        elif score >= TOLD:
            quiet = hold
        scores.append(score)
        new = usual + (y - usual) / min(seen + 1, max(7 * visit, 1.0))
        day[int(t % 86400 // 3600)] = [new, seen + 1]
        week[int((t - 345_600) % 604_800 // 3600)] = [
            apart + (y - usual - apart) / min(visits + 1, 4 * visit),
            visits + 1,
        ]
        spread += (abs(y - level) - spread) / min(n, 500)
        level += (y - level) / min(n, 500)
        last = y
        now = [max(a, b) for a, b in zip(now, figures, strict=True)]
        if n % 12 == 0:
            floor = max(0.02 * spread, 1e-9 * max(abs(x) for x in now))
            for f in range(5):
                if blocks >= memory and blocks % (memory // 16) == 0:
                    peaks[f].remove(min(peaks[f], key=lambda p: (p[1], -p[0])))
                peaks[f] = sorted([*peaks[f], (now[f], blocks)], key=lambda p: -p[0])[:16]
                mean_excess = sum(p[0] - peaks[f][-1][0] for p in peaks[f][2:-1]) / 13 if len(peaks[f]) == 16 else 0.0
                scales[f] = max(mean_excess / lost, floor)
            blocks += 1
            now = [-math.inf] * 5
    return scores


@pytest.mark.parametrize(("period", "hold", "memory"), [(300.0, 20, 4096), (1800.0, 0, 4096), (7200.0, 5, 32)])
def test_scores_against_the_formulas_reading_by_reading(
    period: float, hold: int, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anomaly, "MEMORY", memory)
    chance = np.random.default_rng(9)
    n = 1500
    time = 1_700_000_000_000_000 + np.arange(n) * int(period * 1e6)
    value = (
        50.0
        + 4.0 * np.sin(time / 86_400e6 * 2 * np.pi)
        + 3.0 * (time // 86_400_000_000 % 7 < 2)
        + chance.standard_t(4, n)
    )
    value[[700, 1100]] += [9.0, -12.0]
    value[1300:] += 6.0
    got = Detector(period, hold=hold).update(time, value)
    assert got == pytest.approx(plainly(period, time, value, 1e-3, hold, memory), rel=1e-4, abs=1e-9)
    assert not got[:192].any()
    assert got[192:].all()
    assert (got >= TOLD).sum() > 1


def test_a_stream_that_repeats_itself_to_the_digit_may_differ_by_little() -> None:
    value = 20.0 + 5.0 * np.sin(np.arange(288 * 10) / 288 * 2 * np.pi)
    value[8 * 288 + 72] += 0.02  # above all highest readings, which are equal
    assert not (judged(value[None])[0, 288:] >= TOLD).any()
    value[9 * 288 + 72] += 2.0
    assert np.flatnonzero(judged(value[None])[0, 288:] >= TOLD).tolist() == [8 * 288 + 72]


@pytest.mark.parametrize("value", [0.0, 0.1, -7e9])
def test_a_stream_that_stands_still_is_told_once_it_moves_and_not_before(value: float) -> None:
    flat = np.full((1, 800), value)
    flat[0, 700:] += max(1e-3 * abs(value), 0.5)
    score = judged(flat)[0]
    assert np.flatnonzero(score >= TOLD).tolist() == [700]


def test_an_anomaly_is_told_again_only_after_the_hold() -> None:
    value = np.random.default_rng(2).normal(size=(1, 1200))
    value[0, 600:] = 30.0 * 1.05 ** np.arange(600)  # worse and worse
    again = np.flatnonzero(judged(value, hold=100)[0, 600:] >= TOLD)
    assert again.tolist() == [0, 101, 202, 303, 404, 505]
    assert (judged(value, hold=0)[0, 600:] >= TOLD).all()


def test_what_lasts_becomes_usual() -> None:
    value = np.random.default_rng(2).normal(size=(1, 3000))
    value[0, 1000:] += 20.0
    told = judged(value, hold=0)[0, 1000:] >= TOLD
    assert told[:24].all()  # two blocks at least
    assert told[96:].mean() < 0.01


def test_no_number_is_scored_nothing_and_teaches_nothing() -> None:
    value = np.random.default_rng(3).normal(size=700)
    time = np.arange(700) * STEP
    with_gaps = np.insert(value, [300, 300, 650], [math.nan, math.inf, -1e200])
    score = Detector().update(np.insert(time, [300, 300, 650], [0, 0, 0]), with_gaps)
    assert score[[300, 301, 652]].tolist() == [0.0, 0.0, 0.0]
    assert np.array_equal(np.delete(score, [300, 301, 652]), Detector().update(time, value))


def test_a_great_anomaly_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peaks give way after MEMORY blocks on the average: a stream that was loud once is heard again at its present measure."""
    monkeypatch.setattr(anomaly, "MEMORY", 32)
    chance = np.random.default_rng(6)
    value = chance.normal(0.0, 1.0, (40, 12 * 200))
    value[:, : 12 * 30] *= 50.0
    value[:, -30] = 15.0
    forgot = judged(value)[:, -30] >= TOLD
    monkeypatch.setattr(anomaly, "MEMORY", 100_000)
    remembers = judged(value)[:, -30] >= TOLD
    assert forgot.mean() > 0.9
    assert remembers.mean() < 0.1


def test_what_cannot_be_judged_is_refused() -> None:
    two = Detector(300.0, 2)
    for act in (
        lambda: Detector(risk=0.0),
        lambda: Detector(hold=-1),
        lambda: Detector(period_s=0.0),
        lambda: two.update(np.zeros(2, np.int64), np.zeros(3)),
        lambda: two.update(np.zeros(1, np.int64), np.zeros(1), np.array([2])),
        lambda: two.update(np.zeros(1, np.int64), np.zeros(1), np.array([-1])),
    ):
        with pytest.raises(ValueError, match=r"give|grow"):
            act()


@with_corpus
def test_score_on_the_benchmark_against_its_board() -> None:
    """The default detector in one pass over all files, its threshold the fixed TOLD. 54.6 is relativeEntropy's published row, 60 what we set out for."""
    files = nab.corpus(CORPUS)
    period = np.array([np.median(np.diff(s.time[:101])) / 1e6 for s in files.values()])
    stream = np.repeat(np.arange(len(files)), [len(s.value) for s in files.values()])
    score = Detector(period, len(files)).update(
        np.concatenate([s.time for s in files.values()]), np.concatenate([s.value for s in files.values()]), stream
    )
    trials = [nab.Trial(score[stream == i], s.windows) for i, s in enumerate(files.values())]
    assert nab.score(trials, TOLD) >= 60.0
