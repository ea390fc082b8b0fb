"""What is the science? The energy of a power that is known at equal steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def energy(power_kw: ArrayLike, step_s: float) -> float:
    """Energy of a series of mean powers over steps of equal length.

    Parameters: `power_kw` mean power in each step, shape (n,) [kW]; `step_s` length of a step [s]. Returns: energy [kWh].
    Valid for: steps over which the power is a mean, or hardly changes.
    References: BIPM (2019), The International System of Units, 9th ed., table 8: 1 h = 3600 s.

    >>> energy([0.1, 0.1, 0.2, 0.0], 900.0)
    0.1
    """
    return float(np.sum(np.asarray(power_kw, float)) * step_s / 3600.0)
