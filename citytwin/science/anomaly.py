"""Is a reading unlike what its stream has shown so far? Judged one after the other, in one pass, over many streams at once.

Five figures are followed of every stream: how high, how low, how far from what is usual at this hour, how far on the average of the last dozen readings, and how rough. Of each figure the
greatest peaks on record say how often a value like the present one is to be expected (peaks over a threshold); a reading is an anomaly where that is more seldom than `risk`.
The threshold is therefore a rate of false alarms that somebody can live with, one for all streams; how it and the lengths below were come by is told in docs/reference/anomalies.md.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from citytwin.science.spell import turns

FIGURES = ("high", "low", "residual", "shift", "roughness")
RISK = 1e-3
"""False alarms per reading that are accepted: one in a thousand readings is one in three and a half days of readings every five minutes."""
BLOCK = 12
"""Readings to a block, of which only the greatest figure counts as a peak (an hour of readings every five minutes), and span of the short average."""
PEAKS = 16
"""Peaks kept of each figure. Nothing is judged before as many blocks are complete: 192 readings."""
TRIM = 2
"""The greatest peaks that say nothing of the tail, so that an anomaly does not hide the next."""
HOLD = 12 * BLOCK
"""Readings for which an anomaly is not told again."""
MEMORY = 4096
"""Blocks for which a peak counts, on the average: 170 days of readings every five minutes."""
SLOW = 500
"""Readings over which the level and the mean deviation of a stream are taken."""
FLOOR = 0.02
"""Least scale of a tail, in mean deviations of the stream: without it a stream that repeats itself to the digit would be one of anomalies."""
ROUNDING = 1e-9
"""Least scale of a tail, as a part of the greatest figure: what sums of floating point numbers may be off by is no anomaly."""
LARGEST = 1e150
"""A reading beyond this is not taken for a number: its square would not be one."""
TOLD = 0.5
"""A score of at least this is an anomaly."""
HELD = 0.49
"""The most that is scored while an anomaly is not told again."""

_DAY, _WEEK = 24, 168  # profiles by the hour
_DAYS, _WEEKS = 7.0, 4.0  # and how long they remember
_HOUR, _MONDAY = 3_600_000_000, 4 * 24  # 1970-01-05 was one
# how much an exponential tail's mean excess loses by the greatest peaks left out: peak i of k exceeds the k-th by sum 1/m, m = i ... k-1 (Renyi 1953)
_LOST = float(np.mean([sum(1.0 / m for m in range(i, PEAKS)) for i in range(TRIM + 1, PEAKS)]))
_AT_ONCE = 8192
"""Streams that take a step together: what a step reckons with then stays in the processor's cache."""
_N, _LEVEL, _SPREAD, _LAST, _SHIFT, _ROUGH, _BLOCKS, _QUIET = range(8)
_BLANK: Mapping[str, float] = {
    "state": 0, "day": 0, "days": 0, "week": 0, "weeks": 0, "born": 0, "peak": -np.inf, "now": -np.inf, "edge": np.inf, "scale": 1,
}  # fmt: skip
_ROWS = ("born", "peak")
"""What is held in a row for each stream, as a whole block of it is asked for; of the rest the streams lie side by side: readings of one time ask for one hour of many."""


class Detector:
    """What is known of `streams` streams, and the judgement of their next readings. Its size does not grow with the readings (about 3 kB a stream); it can be pickled.

    Parameters: `period_s`, seconds between two readings, one number or shape (streams,), which only says how many readings an hour of the profiles holds; `risk`, false alarms
    per reading to be accepted, more than 0 and less than 1; `hold`, readings for which an anomaly is not told again, 0: it is told as long as it lasts.
    Raises ValueError for others.

    Of a reading y of a stream, with the mean m of its hour of the day (over a week) and the mean deviation w from m of its hour of the week (over four, drawn
    towards 0: after one week it counts half), residual r = y - m - w:

    * figures: y; -y; |r|; |E(r)|; E(|y - y before|), where E(x) <- E(x) + 2 / (BLOCK + 1) (x - E(x));
    * peaks x1 >= ... >= xk of a figure, the greatest PEAKS of its maxima of N blocks; tail scale s = mean of x(TRIM+1) ... x(k-1) less xk, over what the greatest left out would have added;
    * expected rate of values of at least x, per reading: k / N exp(-(x - xk) / s) / BLOCK, at most 1 / BLOCK, times the number of figures (Bonferroni); the least over the figures is `rate`;
    * score = risk / (risk + rate), at least 0.5 where rate is at most `risk`.

    From MEMORY blocks on, N stands still and once in MEMORY / k blocks the oldest peak gives way to the newest.

    Valid for: figures whose peaks over a high threshold are about exponential; streams that have shown their days. A stream's readings are to come in the order of their time.
    The first readings of a stream (192) are scored 0, as is one that is no number (NaN, or beyond LARGEST), which teaches nothing.

    References: Pickands (1975), Statistical inference using extreme order statistics, Annals of Statistics 3, 119-131; Coles (2001), An Introduction to Statistical Modeling of Extreme
    Values, chapter 4 and section 5.3 (peaks of clusters); Weissman (1978), Estimation of parameters and large quantiles based on the k largest observations, JASA 73, 812-815, equation for an
    exponential tail; Siffer, Fouque, Termier, Largouet (2017), Anomaly detection in streams with extreme value theory, KDD, doi 10.1145/3097983.3098144 (a risk instead of a threshold);
    Renyi (1953), On the theory of order statistics, Acta Math. Hung. 4, 191-231 (spacings). The combination, trimming and forgetting are ours.

    >>> told = Detector(period_s=300.0)
    >>> noise = np.random.default_rng(1).normal(20.0, 1.0, 1000)
    >>> noise[900] = 40.0
    >>> np.flatnonzero(told.update(np.arange(1000) * 300_000_000, noise) >= TOLD).tolist()
    [900]
    """

    def __init__(
        self, period_s: float | ArrayLike = 300.0, streams: int = 1, risk: float = RISK, hold: int = HOLD
    ) -> None:
        if not 0.0 < risk < 1.0:
            raise ValueError(
                f"risk {risk} is not a rate of false alarms per reading; give one between 0 and 1, such as {RISK}"
            )
        if hold < 0:
            raise ValueError(
                f"hold {hold} is negative; give the number of readings, or 0 to tell an anomaly as long as it lasts"
            )
        self.risk, self.hold = float(risk), int(hold)
        self.period = np.empty(0)
        self.state = np.empty((8, 0))
        self.day, self.days = np.empty((_DAY, 0)), np.empty((_DAY, 0))
        self.week, self.weeks = np.empty((_WEEK, 0), np.float32), np.empty((_WEEK, 0), np.float32)
        figures = len(FIGURES)
        self.peak, self.born = np.empty((0, figures, PEAKS)), np.empty((0, figures, PEAKS), np.int32)
        self.now, self.edge, self.scale = (np.empty((figures, 0)) for _ in range(3))
        self.grow(streams, period_s)

    def __len__(self) -> int:
        return len(self.period)

    def _held(self, name: str) -> NDArray[np.generic]:
        """What is known of one kind, a row for each stream."""
        held: NDArray[np.generic] = getattr(self, name)
        return held if name in _ROWS else held.T

    def grow(self, streams: int, period_s: float | ArrayLike = 300.0) -> None:
        """Take in `streams` more streams, which are numbered on from those known. Raises ValueError where a period is not above 0."""
        period = np.broadcast_to(np.asarray(period_s, np.float64), (streams,))
        if not (np.isfinite(period) & (period > 0.0)).all():
            raise ValueError(f"period_s {period_s!r} is not above 0; give the seconds between two readings of a stream")
        self.period = np.append(self.period, period)
        for name, fill in _BLANK.items():
            known = self._held(name)
            more = np.full((streams, *known.shape[1:]), fill, known.dtype)
            setattr(self, name, np.concatenate([known, more]) if name in _ROWS else np.hstack([known.T, more.T]))

    def clear(self, stream: NDArray[np.integer]) -> None:
        """Forget all of these streams."""
        for name, fill in _BLANK.items():
            self._held(name)[stream] = fill

    def known(self, stream: NDArray[np.integer]) -> dict[str, NDArray[np.generic]]:
        """What is known of these streams, to be given back by `recall`."""
        return {name: self._held(name)[stream] for name in _BLANK}

    def recall(self, stream: NDArray[np.integer], known: Mapping[str, NDArray[np.generic]]) -> None:
        """Know of these streams what `known` told."""
        for name in _BLANK:
            self._held(name)[stream] = known[name]

    def update(
        self,
        time_us: NDArray[np.int64],
        value: NDArray[np.float64],
        stream: NDArray[np.integer] | None = None,
    ) -> NDArray[np.float64]:
        """Scores of the readings that come next, and learn from them.

        Parameters: `time_us` (microseconds since 1970, UTC), `value`, `stream` (number of the stream of each, below len(self); None: all of stream 0), shape (n,), of each stream in the
        order of time; ordered by stream is quickest. Returns: shape (n,), 0 to 1. The same readings in one call or in many give the same scores.
        Costs a step for each reading of the stream that has most of them, of all streams at once: many streams with few readings each are quick, one with very many is not.
        Raises ValueError where the shapes differ or a stream is not known.
        """
        value, time_us = np.asarray(value, np.float64), np.asarray(time_us, np.int64)
        which = np.zeros(len(value), np.int64) if stream is None else np.asarray(stream, np.int64)
        if not value.shape == time_us.shape == which.shape or value.ndim != 1:
            raise ValueError(
                f"update: shapes of time {time_us.shape}, value {value.shape} and stream {which.shape} differ; give one of each for every reading"
            )
        if len(which) and not (which.min() >= 0 and which.max() < len(self)):
            raise ValueError(
                f"update: stream {which.max() if which.max() >= len(self) else which.min()} is not known; there are {len(self)}, `grow` takes in more"
            )
        score = np.zeros(len(value))
        row = np.flatnonzero(np.abs(value) < LARGEST)  # not a NaN either
        of = which[row]
        for turn in turns(of):
            for low in range(0, len(turn), _AT_ONCE):
                some = turn[low : low + _AT_ONCE]
                at = row[some]
                score[at] = self._step(of[some], time_us[at], value[at])
        return score

    def _step(self, i: NDArray[np.int64], time_us: NDArray[np.int64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores of one reading each of different streams."""
        s = self.state.take(i, axis=1)
        n, level, period = s[_N].copy(), s[_LEVEL], self.period[i]
        fresh = n == 0.0
        level, last = np.where(fresh, y, level), np.where(fresh, y, s[_LAST])
        hours = time_us // _HOUR
        hour, weekly = hours % _DAY, (hours - _MONDAY) % _WEEK
        seen, visits = self.days[hour, i], self.weeks[weekly, i].astype(np.float64)
        a_visit = np.maximum(3_600.0 / period, 1.0)
        usual = np.where(seen > 0.0, self.day[hour, i], level)
        apart = self.week[weekly, i].astype(np.float64)
        residual = y - usual - apart * visits / (visits + a_visit)
        short = 2.0 / (BLOCK + 1.0)
        shift = s[_SHIFT] + short * (residual - s[_SHIFT])
        rough = s[_ROUGH] + short * (np.abs(y - last) - s[_ROUGH])
        figure = np.stack([y, -y, np.abs(residual), np.abs(shift), rough])

        # how seldom: against the peaks before this block
        blocks = s[_BLOCKS]
        with np.errstate(over="ignore"):
            beyond = ((figure - self.edge.take(i, axis=1)) / self.scale.take(i, axis=1)).max(axis=0)
        often = PEAKS / np.clip(blocks, PEAKS, MEMORY)
        rate = len(FIGURES) / BLOCK * np.minimum(often * np.exp(-np.maximum(beyond, -50.0)), 1.0)
        score = np.where(blocks >= PEAKS, self.risk / (self.risk + rate), 0.0)
        quiet = s[_QUIET] > 0.0
        s[_QUIET] = np.where(quiet, s[_QUIET] - 1.0, np.where(score >= TOLD, self.hold, 0.0))
        score = np.where(quiet, np.minimum(score, HELD), score)

        # learn
        after = usual + (y - usual) / np.minimum(seen + 1.0, np.maximum(_DAYS * a_visit, 1.0))
        self.day[hour, i], self.days[hour, i] = after, seen + 1.0
        self.week[weekly, i] = apart + (y - usual - apart) / np.minimum(visits + 1.0, _WEEKS * a_visit)
        self.weeks[weekly, i] = np.minimum(visits + 1.0, 1e6)
        s[_N] = n + 1.0
        slow = 1.0 / np.minimum(n + 1.0, SLOW)
        s[_SPREAD] += slow * (np.abs(y - level) - s[_SPREAD])
        s[_LEVEL] = level + slow * (y - level)
        s[_LAST], s[_SHIFT], s[_ROUGH] = y, shift, rough
        now = np.maximum(self.now.take(i, axis=1), figure)
        ends = s[_N] % BLOCK == 0.0
        if ends.any():
            self._record(i[ends], now[:, ends].T, s[_SPREAD, ends], blocks[ends])
            s[_BLOCKS, ends] += 1.0
            now[:, ends] = -np.inf
        self.now[:, i], self.state[:, i] = now, s
        return score

    def _record(
        self,
        i: NDArray[np.int64],
        greatest: NDArray[np.float64],
        spread: NDArray[np.float64],
        blocks: NDArray[np.float64],
    ) -> None:
        """Put the maxima of a block among the peaks, and say anew where their tail begins and how wide it is."""
        number = blocks.astype(np.int64)
        own = (i[:, None] * len(FIGURES) + np.arange(len(FIGURES))).ravel()
        value, peaks, borns = greatest.ravel(), self.peak.reshape(-1, PEAKS), self.born.reshape(-1, PEAKS)
        held, k = peaks[own], np.arange(PEAKS)
        # old ones give way only once the memory is full, evenly spread over it
        full = np.flatnonzero(np.repeat((number >= MEMORY) & (number % (MEMORY // PEAKS) == 0), len(FIGURES)))
        if len(full):
            born = borns[own[full]]
            order = np.minimum(k + (k >= born.argmin(axis=1)[:, None]), PEAKS - 1)
            held[full] = np.take_along_axis(held[full], order, axis=1)
            held[full, -1] = -np.inf
            borns[own[full]] = np.take_along_axis(born, order, axis=1)
        # peaks are in order: those that the new one is not below make room for it, and most new ones are below all
        new = np.flatnonzero(value >= held[:, -1])
        mine = own[new]
        some, born = held[new], borns[mine]
        above = some > value[new, None]
        row, place, moves = np.arange(len(new)), above.sum(axis=1), ~above[:, :-1]
        for known, one in ((some, value[new]), (born, np.repeat(number, len(FIGURES))[new])):
            np.copyto(known[:, 1:], known[:, :-1].copy(), where=moves)
            known[row, place] = one
        held[new] = peaks[mine] = some
        borns[mine] = born
        peak = held.reshape(-1, len(FIGURES), PEAKS)
        ready = np.isfinite(peak[:, :1, -1])
        edge = np.where(ready, peak[:, :, -1], np.inf)
        with np.errstate(invalid="ignore"):
            excess = (peak[:, :, TRIM:-1] - peak[:, :, -1:]).mean(axis=2) / _LOST
        tiny = ROUNDING * np.abs(greatest).max(axis=1) + np.finfo(np.float64).tiny
        self.edge[:, i] = edge.T
        self.scale[:, i] = np.where(ready, np.maximum(excess, np.maximum(FLOOR * spread, tiny)[:, None]), 1.0).T
