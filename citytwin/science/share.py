"""How much of it is whose? Whole units, amounts and levels divided by weights, so that they come to the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction


def apportion(units: int, weights: Sequence[float]) -> list[int]:
    """Divide `units` that cannot be cut by `weights` with the method of largest remainders; the shares add up to `units` exactly.

    Parameters
    ----------
    units : number of units to give out [0 or more]
    weights : one per part, finite and above 0 [any unit]

    Returns
    -------
    One whole number per part. Each is its exact share `units` * weight / sum(weights) rounded down or up; the units left over after
    rounding down go to the largest remainders, the earlier part first where two are equal. Reckoned in fractions: no rounding enters.

    Known property: when `units` grows by one, a part may lose one (Alabama paradox).

    Raises ValueError where no weights are given, a weight is not a finite number above 0, or `units` is below 0.

    References
    ----------
    Balinski, Young (2001), Fair Representation, 2nd ed., Brookings, chapter 3 and appendix A (method of Hamilton, quota property).

    >>> apportion(10, [45.0, 35.0, 20.0])
    [5, 3, 2]
    >>> apportion(2, [1.0, 1.0, 1.0])
    [1, 1, 0]
    """
    if units < 0:
        raise ValueError(f"{units} units cannot be divided")
    exact = [Fraction(w) for w in _sound(weights)]
    whole = sum(exact)
    quotas = [units * w / whole for w in exact]
    shares = [math.floor(q) for q in quotas]
    order = sorted(range(len(quotas)), key=lambda i: (shares[i] - quotas[i], i))
    for i in order[: units - sum(shares)]:
        shares[i] += 1
    return shares


def proportional(total: float, weights: Sequence[float], digits: int) -> list[float]:
    """Divide an amount by `weights` into figures of `digits` decimals that add up to `total`.

    Parameters
    ----------
    total : amount to divide, of either sign [any unit]
    weights : one per part, finite and above 0 [any unit]
    digits : decimals of the shares; a digit that `total` has beyond them goes to the part of the largest weight

    Returns
    -------
    One figure per part [unit of `total`]; their sum differs from `total` by no more than the rounding of a double.

    Raises ValueError as `apportion` does, and where `total` is not finite.

    >>> proportional(100.0, [1.0, 1.0, 1.0], 1)
    [33.4, 33.3, 33.3]
    """
    if not math.isfinite(total):
        raise ValueError(f"{total} cannot be divided")
    scale = 10**digits
    steps = round(Fraction(total) * scale)
    sign = -1 if steps < 0 else 1
    shares = [sign * s / scale for s in apportion(abs(steps), weights)]
    left = Fraction(total) - Fraction(steps, scale)
    if abs(left) > abs(Fraction(total)) * Fraction(1, 10**12):  # more than the double nearest to a decimal is off
        first = max(range(len(shares)), key=lambda i: weights[i])
        shares[first] = float(Fraction(shares[first]) + left)
    return shares


def mean(levels: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted mean of ratios and intensities [unit of `levels`]: what they come to as a whole when `weights` are their denominators.

    Raises ValueError where the lengths differ or a weight is not a finite number above 0.

    >>> mean([50.0, 80.0], [1.0, 2.0])
    70.0
    """
    if len(levels) != len(weights):
        raise ValueError(f"{len(levels)} levels and {len(weights)} weights")
    sound = _sound(weights)
    largest = max(sound)  # keeps the products of large weights finite
    return math.fsum(x * (w / largest) for x, w in zip(levels, sound, strict=True)) / math.fsum(
        w / largest for w in sound
    )


def moved(levels: Sequence[float], weights: Sequence[float], goal: float, ceiling: float = math.inf) -> list[float]:
    """Levels that keep their order and whose weighted mean is `goal`.

    Parameters
    ----------
    levels : where the parts stand, 0 to `ceiling` [any unit]
    weights : their denominators, finite and above 0 [any unit]
    goal : the mean to reach, 0 to `ceiling` [unit of `levels`]
    ceiling : the highest level there can be, 100 for percentages [unit of `levels`]

    Returns
    -------
    Levels [unit of `levels`]. Below the mean every level is scaled by the same factor. Above it, where there is a ceiling, every part closes
    the same share of what it lacks to the ceiling, so that nobody is asked for more than there can be; without one, all are scaled alike.

    Raises ValueError where a weight is not a finite number above 0, or where the levels are all 0 (then no factor reaches the goal).

    >>> moved([40.0, 80.0], [1.0, 1.0], 80.0, 100.0)
    [70.0, 90.0]
    >>> moved([40.0, 80.0], [1.0, 1.0], 30.0)
    [20.0, 40.0]
    """
    now = mean(levels, weights)
    if goal > now and math.isfinite(ceiling):
        return [ceiling - (ceiling - x) * (ceiling - goal) / (ceiling - now) for x in levels]
    if now == 0.0:
        raise ValueError("levels that are all 0 cannot be scaled")
    return [x * goal / now for x in levels]


def _sound(weights: Sequence[float]) -> Sequence[float]:
    if not weights:
        raise ValueError("there are no weights")
    for i, w in enumerate(weights):
        if not (math.isfinite(w) and w > 0):
            raise ValueError(f"weight {i + 1} is {w}, not a finite number above 0")
    return weights
