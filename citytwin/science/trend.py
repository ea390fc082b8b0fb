"""Where is it going? A straight line through what was measured, with an honest interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True, slots=True)
class Trend:
    """A fitted line: `intercept` + `slope` * t, residual standard error `spread`, with what prediction needs of the fit."""

    intercept: float
    slope: float
    spread: float
    n: int
    t_mean: float
    t_squares: float

    def predict(self, t: float, confidence: float = 0.90) -> tuple[float, float, float]:
        """Value expected at `t` and its prediction interval (low, high): a new observation falls inside with `confidence`."""
        value = self.intercept + self.slope * t
        half = float(stats.t.ppf(0.5 + confidence / 2, self.n - 2)) * self.error(t)
        return value, value - half, value + half

    def error(self, t: float) -> float:
        """Standard error of a new observation at `t`."""
        return self.spread * float(np.sqrt(1.0 + 1.0 / self.n + (t - self.t_mean) ** 2 / self.t_squares))

    def probability_above(self, t: float, goal: float) -> float:
        """Probability that a new observation at `t` is at least `goal`."""
        value, error = self.intercept + self.slope * t, self.error(t)
        if error == 0.0:
            return float(value >= goal)
        return float(stats.t.sf((goal - value) / error, self.n - 2))


def trend(t: NDArray[np.float64], y: NDArray[np.float64]) -> Trend | None:
    """Ordinary least squares line with its prediction error, or None where fewer than three points or one moment are given.

    Parameters
    ----------
    t : shape (n,), times [any unit]
    y : shape (n,), values [any unit]

    Returns
    -------
    Trend, with residual standard error s = sqrt(SSE / (n - 2)); a new observation at t0 has the standard error
    s * sqrt(1 + 1/n + (t0 - mean t)^2 / sum (t - mean t)^2) and n - 2 degrees of freedom.

    Valid for independent residuals of equal spread; extrapolation assumes that the line goes on.

    References
    ----------
    Draper, Smith (1998), Applied Regression Analysis, 3rd ed., section 3.1 (prediction interval of a single observation).

    >>> line = trend(np.array([1.0, 2, 3, 4, 5]), np.array([1.0, 2, 1.3, 3.75, 2.25]))
    >>> round(line.intercept, 3), round(line.slope, 3), round(line.spread, 3)
    (0.785, 0.425, 0.964)
    """
    n = len(t)
    if n < 3:
        return None
    t_mean = float(np.mean(t))
    t_squares = float(np.sum((t - t_mean) ** 2))
    if t_squares == 0.0:
        return None
    slope = float(np.sum((t - t_mean) * (y - np.mean(y))) / t_squares)
    intercept = float(np.mean(y)) - slope * t_mean
    spread = float(np.sqrt(np.sum((y - intercept - slope * t) ** 2) / (n - 2)))
    return Trend(intercept, slope, spread, n, t_mean, t_squares)
