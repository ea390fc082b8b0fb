"""Has a level moved, by little and for long? Control charts by CUSUM and EWMA over many series at once, and how long they run until they tell.

Both look at standardised figures, x = (y - level) / deviation. Where a limit is to be set, say how long a chart may run between two false alarms and take the limit that does so
(`cusum_run_length`, `ewma_run_length`); that holds for independent, normal figures, and for a level and deviation that are known.
Charts that are told readings as they come are in science/chart.py.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import signal, stats

from citytwin.science.chart import ewma_limit

NEVER = 1e12
"""A run of so many figures has no end."""


def _parts(series: NDArray[np.integer]) -> list[slice]:
    cut = np.flatnonzero(series[1:] != series[:-1]) + 1
    ends = [0, *cut.tolist(), len(series)] if len(series) else []
    return [slice(a, b) for a, b in pairwise(ends)]


def cusum(
    series: NDArray[np.integer], x: NDArray[np.float64], k: float = 0.5, start: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """The two one-sided cumulative sums of each series, upwards max(0, C+ + x - k) and downwards max(0, C- - x - k).

    Parameters: `series` and `x` (standard deviations from the level), shape (n,), ordered by series, then time; `k`, the allowance, half of the shift to be found soonest; `start`,
    shape (number of series, 2), the sums to go on from (None: 0). Returns: shape (n, 2), upwards and downwards. A figure that is NaN changes nothing.
    An alarm is a sum above h; with k = 0.5, h = 5 is found once in 465 figures by chance. Sums are not set back by an alarm.
    Reference: Page (1954), Continuous inspection schemes, Biometrika 41, 100-115; Montgomery (2009), Introduction to Statistical Quality Control, 6th ed., section 9.1.2, equations 9.2, 9.3.

    >>> cusum(np.zeros(4, int), np.array([1.0, 2.0, -3.0, 0.0])).tolist()
    [[0.5, 0.0], [2.0, 0.0], [0.0, 2.5], [0.0, 2.0]]
    """
    sums = np.empty((len(x), 2))
    for p, rows in enumerate(_parts(series)):
        part = x[rows]
        for side, sign in enumerate((1.0, -1.0)):
            path = np.cumsum(np.where(np.isnan(part), 0.0, sign * part - k))
            begin = 0.0 if start is None else float(start[p, side])
            # max(0, .) at each step is the path above the least it has come to, the beginning counted
            sums[rows, side] = path - np.minimum(np.minimum.accumulate(path), -begin)
    return sums


def ewma(
    series: NDArray[np.integer], x: NDArray[np.float64], weight: float = 0.1, start: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """The exponentially weighted moving average of each series, z = (1 - weight) z + weight x.

    Parameters: `series` and `x`, shape (n,), ordered by series, then time; no NaN; `weight` of the newest, above 0 to 1; `start`, shape (number of series,), the averages to go on from (None: 0).
    Returns: shape (n,), unit of x. An alarm is one further than `ewma_limit` from the level.
    Reference: Roberts (1959), Control chart tests based on geometric moving averages, Technometrics 1, 239-250; Montgomery (2009), section 9.2.1, equation 9.22.

    >>> ewma(np.zeros(3, int), np.array([1.0, 1.0, 0.0]), 0.5).tolist()
    [0.5, 0.75, 0.375]
    """
    mean = np.empty(len(x))
    for p, rows in enumerate(_parts(series)):
        begin = 0.0 if start is None else float(start[p])
        mean[rows], _ = signal.lfilter([weight], [1.0, weight - 1.0], x[rows], zi=[(1.0 - weight) * begin])
    return mean


def cusum_run_length(k: float, h: float, shift: float = 0.0, states: int = 100) -> float:
    """How many figures a chart of both cumulative sums runs on the average until one is above `h`, where the level has moved by `shift` from the beginning.

    Parameters: `k` allowance, `h` limit, `shift`, in standard deviations; `states`, into how many the sum is divided. Returns: figures, at least 1; infinite
    beyond NEVER. Valid for: independent normal figures; k > 0. One side by a Markov chain whose states are 0 to h in steps; both by 1 / L = 1 / L(up) + 1 / L(down).
    References: Brook, Evans (1972), An approach to the probability distribution of cusum run length, Biometrika 59, 539-549; van Dobben de Bruyn (1968), Cumulative Sum Tests, section 2.4
    (both sides). Published: Montgomery (2009), table 9.3: 465 for k = 0.5, h = 5, shift 0.

    >>> round(cusum_run_length(0.5, 5.0)), round(cusum_run_length(0.5, 5.0, 1.0), 1)
    (465, 10.4)
    """

    def one(moved: float) -> float:
        step = 2.0 * h / (2.0 * states - 1.0)
        to = np.arange(states) * step
        cut = stats.norm.cdf(to[None, :] + step / 2.0 - to[:, None] + k - moved)
        move = np.diff(cut, axis=1, prepend=0.0)  # all that would lie below 0 is 0
        length = float(np.linalg.solve(np.eye(states) - move, np.ones(states))[0])
        return length if 0.0 < length < NEVER else np.inf  # beyond that it is the matrix's rounding

    told = 1.0 / one(shift) + 1.0 / one(-shift)
    return 1.0 / told if told > 0.0 else np.inf


def ewma_run_length(weight: float, width: float, shift: float = 0.0, nodes: int = 81) -> float:
    """How many figures an average runs on the average until it is further than `width` of its own deviations from the level, where the level has moved by `shift` from the beginning.

    Parameters: `weight` of the newest; `width`, the limit in deviations of the average; `shift`, in deviations of a figure; `nodes` of the quadrature. Returns: figures, at least 1.
    Valid for: independent normal figures, limits that stand still, weight of about 0.03 or more (less needs more nodes). Solves Crowder's integral equation
    L(u) = 1 + 1 / weight * integral from -c to c of L(z) phi((z - (1 - weight) u) / weight - shift) dz by Gauss and Legendre.
    References: Crowder (1987), A simple method for studying run-length distributions of exponentially weighted moving average charts, Technometrics 29, 401-407.
    Published: Lucas, Saccucci (1990), Technometrics 32, 1-12, table 3: 500 for weight 0.1, width 2.814, shift 0.

    >>> round(ewma_run_length(0.1, 2.814)), round(ewma_run_length(0.1, 2.814, 1.0), 1)
    (500, 10.3)
    """
    c = ewma_limit(weight, width)
    at, mass = np.polynomial.legendre.leggauss(nodes)
    z, mass = c * at, c * mass

    def density(u: NDArray[np.float64]) -> NDArray[np.float64]:
        told: NDArray[np.float64] = (
            stats.norm.pdf((z[None, :] - (1.0 - weight) * u[:, None]) / weight - shift) / weight * mass
        )
        return told

    length = np.linalg.solve(np.eye(nodes) - density(z), np.ones(nodes))
    return float(1.0 + (density(np.zeros(1)) @ length)[0])
