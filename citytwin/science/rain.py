"""How much does it rain? A made-up storm climate for demos: the same rain at a gauge for everybody who asks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from citytwin.science.synthetic import uniform

SLOT_S = 216_000  # one storm in every 60 h, so that any three days see one
_CELLS = 6  # rain cells of a storm: the burst, then lighter ones around it
_GOLDEN = 0.618_033_988_749_895  # its multiples spread evenly (Weyl 1916, doi:10.1007/BF01475864)


def storm_intensity(seed: int, gauge: ArrayLike, time_s: ArrayLike) -> NDArray[np.float64]:
    """Rain intensity at a gauge: one storm in every slot of 60 h, dry for the rest of it.

    A storm is one burst and five lighter cells, each a raised-cosine pulse; it passes over the gauges with delays of up
    to 15 minutes and is heavier at some than at others. Of eight gauges numbered in sequence, in every storm at least
    one has more than 40 mm/h at the peak and 20 mm or more in an hour of the clock, and at least one less in any hour.

    Parameters: `seed` the scene's seed; `gauge` integers (number of the gauge in its network); `time_s` seconds since
    1970-01-01 UTC; the two broadcast together. Returns: intensity [mm/h], float64, of the broadcast shape.
    Valid for: demos and tests. So that any three days show rain and dry weather it gives about 4 200 mm a year, more
    than three times what falls on Shanghai; it is no design storm.
    References: rain as a sum of cells after Rodriguez-Iturbe, Cox, Isham (1987), Some models for rainfall based on
    stochastic point processes, doi:10.1098/rspa.1987.0039.

    >>> three_days = np.arange(0, 3 * 86400, 300.0)
    >>> rain = storm_intensity(7, np.arange(8)[:, None], three_days)
    >>> rain.shape, bool(rain.max() > 40), bool((rain == 0).mean() > 0.8)
    ((8, 864), True, True)
    """
    phase, height, _ = _cells(seed, gauge, time_s, time_s)
    inside = (phase > 0.0) & (phase < 1.0)
    rain: NDArray[np.float64] = np.where(inside, height * (1.0 - np.cos(2.0 * np.pi * phase)) / 2.0, 0.0).sum(axis=0)
    return rain


def storm_depth(seed: int, gauge: ArrayLike, since_s: ArrayLike, until_s: ArrayLike) -> NDArray[np.float64]:
    """Rain depth at a gauge over [since, until): the exact integral of `storm_intensity`.

    Parameters: as for `storm_intensity`; `since_s` and `until_s` [s] broadcast with `gauge`.
    Returns: depth [mm], float64.
    Valid for: spans of up to 12 h (a span is taken to meet the storm of one slot only; slots begin with 18 dry hours).

    >>> edge = np.arange(0, 3 * 86400, 60.0)
    >>> exact = storm_depth(7, 0, edge[::5], edge[::5] + 300).sum()
    >>> bool(abs(exact - storm_intensity(7, 0, edge).sum() / 60) < 0.01)
    True
    """
    begin, height, width_s = _cells(seed, gauge, since_s, since_s)
    end, _, _ = _cells(seed, gauge, since_s, until_s)
    depth: NDArray[np.float64] = (height * width_s / 7200.0 * (_share(end) - _share(begin))).sum(axis=0)
    return depth


def _share(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of a raised-cosine pulse that has fallen by `phase` (0 its begin, 1 its end)."""
    x = np.clip(phase, 0.0, 1.0)
    return x - np.sin(2.0 * np.pi * x) / (2.0 * np.pi)


def _cells(
    seed: int, gauge: ArrayLike, slot_of_s: ArrayLike, time_s: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Phase at `time_s`, peak [mm/h] and width [s] of each cell of the storm in the slot of `slot_of_s`."""
    station = np.asarray(gauge, dtype=np.int64)
    slot = np.floor_divide(np.asarray(slot_of_s, dtype=np.float64), SLOT_S).astype(np.int64)
    now = np.asarray(time_s, dtype=np.float64) - slot * float(SLOT_S)
    slots, where = np.unique(slot, return_inverse=True)
    where = where.reshape(slot.shape)

    def draw(number: int) -> NDArray[np.float64]:
        return uniform(seed, 7_001 + number, slots)

    # 20 to 29 h into the slot and near the half hour, so that most of the burst falls within one hour of the clock.
    burst_s = 3600.0 * (20 + np.floor(9 * draw(0))) + 1500.0 + 300.0 * draw(1)
    peak, center, width = [45.0 + 15.0 * draw(2)], [burst_s], [3300.0 + 900.0 * draw(3)]
    for cell in range(1, _CELLS):
        peak.append(1.0 + 6.0 * draw(10 * cell + 4) ** 2)
        center.append(burst_s + 3600.0 * (4.0 * draw(10 * cell + 5) - 1.2))
        width.append(2400.0 + 6000.0 * draw(10 * cell + 6))

    delay_s = 900.0 * uniform(seed, 7_000, station)
    height, phase, widths = [], [], []
    for cell in range(_CELLS):
        rank = np.mod(station * _GOLDEN + draw(10 * cell + 7)[where], 1.0)
        w = width[cell][where] + 0.0 * rank
        height.append(peak[cell][where] * (0.2 + 1.1 * rank))
        phase.append((now - delay_s - center[cell][where]) / w + 0.5)
        widths.append(w)
    first, second, third = (np.stack(np.broadcast_arrays(*cells)) for cells in (phase, height, widths))
    return first, second, third
