"""Has a level moved, by little and for long? Charts that are told readings as they come, of many series at once; how long they run is told in science/control.py."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from citytwin.science.spell import turns

DAY_US = 86_400_000_000
WEIGHT, ALLOWANCE = 0.1, 0.5
"""Of a day in an average; and half of the shift that sums find soonest, in deviations."""
DECAY = float(np.log1p(-WEIGHT))
CLIP = 4.0
"""A figure counts for no more deviations than that: one wild reading alone makes no chart an alarm."""
CAP = 1.25
"""A chart goes no further than so many times its limit, so that it comes back some days after the level did."""


def ewma_limit(weight: float, width: float, deviation: float = 1.0) -> float:
    """How far from its level an average may lie: width * deviation * sqrt(weight / (2 - weight)), its limit once it has run for long.

    Reference: Montgomery (2009), section 9.2.1, equations 9.25 and 9.26 without the term of the beginning.

    >>> round(ewma_limit(0.3, 3.0, 2.0539), 4)
    2.5884
    """
    return width * deviation * float(np.sqrt(weight / (2.0 - weight)))


class Charts:
    """Charts of `series` series that readings come to at any pace: a reading counts for the part of a day since the one before it.

    The deviations are those of one day from others (science/expected.py), and a day's readings are off together: a chart of single readings would take each of them
    for one more proof. So time is what counts. Of a reading x deviations off (no more than CLIP either way), w days after the one before (at most 1; of the first: `period_s`):

    * `cusum`: up <- max(0, up + (x - ALLOWANCE) w), down <- max(0, down + (-x - ALLOWANCE) w), limit `deviation`;
    * `ewma`: z <- z + (1 - (1 - WEIGHT)^w) (x - z), limit `ewma_limit(WEIGHT, deviation)`;

    each kept within CAP limits. With one reading a day, and as long as nothing is clipped or capped, these are the charts of `cusum` and `ewma`, and `cusum_run_length` and
    `ewma_run_length` tell how many days they run; readings that come more often do not change that much where a day's are off together. Raises ValueError for a
    method or a limit that is none.

    >>> chart = Charts("cusum", 5.0)
    >>> chart.update(np.arange(1, 5) * DAY_US, np.array([3.0, 3.0, 3.0, -1.0])).tolist()
    [0.5, 1.0, 1.25, 0.95]
    """

    def __init__(self, method: str, deviation: float, period_s: float = 86_400.0, series: int = 1) -> None:
        if method not in ("cusum", "ewma"):
            raise ValueError(f"there is no chart '{method}'; cusum or ewma")
        if not 0.0 < deviation < np.inf:
            raise ValueError(f"the limit {deviation} is not above 0; 5 for cusum and 2.814 for ewma are usual")
        self.sums = method == "cusum"
        self.limit = deviation if self.sums else ewma_limit(WEIGHT, deviation)
        self.first = min(period_s * 1e6 / DAY_US, 1.0)
        self.up, self.down, self.time = np.empty(0), np.empty(0), np.empty(0, np.int64)
        self.grow(series)

    def __len__(self) -> int:
        return len(self.time)

    def grow(self, series: int) -> None:
        """Take in `series` more, which are numbered on from those known."""
        self.up, self.down = np.append(self.up, np.zeros(series)), np.append(self.down, np.zeros(series))
        self.time = np.append(self.time, np.full(series, -1, np.int64))

    def clear(self, series: NDArray[np.integer]) -> None:
        """Forget all of these."""
        self.up[series], self.down[series], self.time[series] = 0.0, 0.0, -1

    def known(self, series: NDArray[np.integer]) -> dict[str, NDArray[np.generic]]:
        """What is known of these, to be given back by `recall`."""
        return {"up": self.up[series], "down": self.down[series], "time": self.time[series]}

    def recall(self, series: NDArray[np.integer], known: Mapping[str, NDArray[np.generic]]) -> None:
        """Know of these what `known` told."""
        self.up[series], self.down[series], self.time[series] = known["up"], known["down"], known["time"]

    def update(
        self, time_us: NDArray[np.int64], x: NDArray[np.float64], series: NDArray[np.integer] | None = None
    ) -> NDArray[np.float64]:
        """How far each chart is at the readings that come next, in limits (1 and more is an alarm, CAP the most), and learn from them.

        Parameters: `time_us` (microseconds since 1970), `x` (deviations from the level; NaN: it is not known, and nothing changes), `series` (number of the series of each; None: all
        of the first), shape (n,), of each series in the order of time. Returns shape (n,).
        """
        which = np.zeros(len(x), np.int64) if series is None else np.asarray(series, np.int64)
        told = np.empty(len(x))
        for at in turns(which):
            i, t, off = which[at], time_us[at], np.clip(x[at], -CLIP, CLIP)
            before, most = self.time[i], CAP * self.limit
            w = np.where(before < 0, self.first, np.clip((t - before) / DAY_US, 0.0, 1.0))
            known = ~np.isnan(off)
            self.time[i] = np.where(known, t, before)
            up = self.up[i]
            if self.sums:
                down = self.down[i]
                up = np.where(known, np.clip(up + (off - ALLOWANCE) * w, 0.0, most), up)
                self.down[i] = down = np.where(known, np.clip(down - (off + ALLOWANCE) * w, 0.0, most), down)
                told[at] = np.maximum(up, down) / self.limit
            else:
                up = np.where(known, np.clip(up - np.expm1(w * DECAY) * (off - up), -most, most), up)
                told[at] = np.abs(up) / self.limit
            self.up[i] = up
        return told
