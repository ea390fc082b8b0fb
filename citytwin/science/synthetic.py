"""Noise that depends on what and when alone, so that a demo series is the same however its span is cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Finaliser of splitmix64 (Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(seed: int, series: NDArray[np.integer] | int, step: NDArray[np.integer]) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), one per (series, step), the same for the same three arguments.

    Parameters: `series` and `step` integer arrays that broadcast together (negative steps allowed). Returns: float64.

    >>> a = uniform(7, 3, np.arange(10)); bool((a[4:] == uniform(7, 3, np.arange(4, 10))).all())
    True
    """
    with np.errstate(over="ignore"):
        a = _mix(
            np.asarray(series).astype(np.int64).view(np.uint64)
            + np.uint64(seed % 2**63) * np.uint64(0x9E3779B97F4A7C15)
        )
        b = _mix(np.asarray(step).astype(np.int64).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + a)
    return (b >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(seed: int, series: NDArray[np.integer] | int, step: NDArray[np.integer]) -> NDArray[np.float64]:
    """Standard normal numbers, one per (series, step): Box-Muller on two `uniform` draws."""
    u = uniform(seed, series, step)
    v = uniform(seed + 1_000_003, series, step)
    draws: NDArray[np.float64] = np.sqrt(-2.0 * np.log1p(-u)) * np.cos(2.0 * np.pi * v)
    return draws


def smooth(seed: int, series: NDArray[np.integer] | int, position: NDArray[np.floating]) -> NDArray[np.float64]:
    """Smoothly varying noise of unit order: normal numbers at whole positions, joined by cosine interpolation.

    `position` is time divided by the correlation time (any zero); broadcasts with `series`.
    """
    left = np.floor(position).astype(np.int64)
    w = (1.0 - np.cos(np.pi * (position - left))) / 2.0
    blend: NDArray[np.float64] = normal(seed, series, left) * (1.0 - w) + normal(seed, series, left + 1) * w
    return blend
