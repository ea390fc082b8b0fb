"""Where is it going? A straight line through what was measured, with an honest interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True, slots=True)
class Trend:
    """A fitted line: `intercept` + `slope` * t, residual standard error `spread`, with what prediction needs of the fit.

    `memory` is the lag-one autocorrelation of the residuals (0 to 0.95), `effective` the number of independent points they are worth.
    """

    intercept: float
    slope: float
    spread: float
    n: int
    t_mean: float
    t_squares: float
    memory: float
    effective: float

    def predict(self, t: float, confidence: float = 0.90) -> tuple[float, float, float]:
        """Value expected at `t` and its prediction interval (low, high): a new observation falls inside with `confidence`."""
        value = self.intercept + self.slope * t
        half = float(stats.t.ppf(0.5 + confidence / 2, self.effective - 2)) * self.error(t)
        return value, value - half, value + half

    def error(self, t: float) -> float:
        """Standard error of a new observation at `t`."""
        line = (1.0 / self.n + (t - self.t_mean) ** 2 / self.t_squares) * self.n / self.effective
        return self.spread * float(np.sqrt(1.0 + line))

    def probability_above(self, t: float, goal: float) -> float:
        """Probability that a new observation at `t` is at least `goal`."""
        value, error = self.intercept + self.slope * t, self.error(t)
        if error == 0.0:
            return float(value >= goal)
        return float(stats.t.sf((goal - value) / error, self.effective - 2))


def trend(t: NDArray[np.float64], y: NDArray[np.float64]) -> Trend | None:
    """Ordinary least squares line with its prediction error, or None where fewer than three points or one moment are given.

    Parameters
    ----------
    t : shape (n,), times in ascending order, about evenly spaced [any unit]
    y : shape (n,), values [any unit]

    Returns
    -------
    Trend. With independent residuals a new observation at t0 has the standard error s * sqrt(1 + 1/n + (t0 - mean t)^2 / sum (t - mean t)^2),
    s = sqrt(SSE / (n - 2)). Figures of plans are rarely independent: registers grow from what they were. Residuals with lag-one
    autocorrelation r are worth n' = n (1 - r) / (1 + r) points: n' takes the place of n in the degrees of freedom (at least one is left)
    and in the uncertainty of the line. r is estimated with the bias of a fitted line taken out, r + (1 + 4 r) / n, and kept within 0 to 0.95.

    Valid for residuals of equal spread; extrapolation assumes that the line goes on.

    References
    ----------
    Draper, Smith (1998), Applied Regression Analysis, 3rd ed., section 3.1 (prediction interval of a single observation).
    Zwiers, von Storch (1995), Taking serial correlation into account in tests of the mean, J. Climate 8, 336-351 (equivalent sample size).
    Marriott, Pope (1954), Bias in the estimation of autocorrelations, Biometrika 41, 390-402 (correction of r).

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
    residual = y - intercept - slope * t
    squares = float(np.sum(residual**2))
    memory = 0.0
    if n >= 8 and squares > 1e-20 * float(np.sum(y**2)):  # fewer points tell nothing of their memory
        r = float(np.sum(residual[1:] * residual[:-1])) / squares
        memory = float(np.clip(r + (1.0 + 4.0 * r) / n, 0.0, 0.95))
    effective = max(n * (1.0 - memory) / (1.0 + memory), 3.0)
    spread = float(np.sqrt(squares / (min(effective, n) - 2.0) * (effective / n)))
    return Trend(intercept, slope, spread, n, t_mean, t_squares, memory, effective)
