"""How warm is it? A made-up climate for demos: the same air for everybody who asks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from citytwin.science.rain import storm_intensity
from citytwin.science.synthetic import smooth

YEAR_S = 31_556_952.0  # mean Gregorian year


def air_temperature(seed: int, gauge: ArrayLike, time_s: ArrayLike, zone_s: float) -> NDArray[np.float64]:
    """Air temperature of the city: a yearly and a daily wave, spells of some days, and cooling by the rain at a gauge.

    Parameters: `seed` the scene's seed; `gauge` integers (whose rain cools, see `rain.storm_intensity`); `time_s` seconds since 1970-01-01 UTC;
    the two broadcast together; `zone_s` [s] what the city's clock is ahead of UTC. Returns: temperature [degC], float64.
    Valid for: demos and tests. Mean 17.1 degC, coldest about 24 January and at half past two in the night: near to what Shanghai has,
    and no record of it.
    References: harmonic climate, as Wilks (2011), Statistical Methods in the Atmospheric Sciences, 3rd ed., section 9.4; the figures are ours.

    >>> noon_in_july, midnight_in_january = 1_784_091_600.0, 1_768_492_800.0
    >>> bool(air_temperature(7, 0, noon_in_july, 28_800.0) > air_temperature(7, 0, midnight_in_january, 28_800.0) + 15)
    True
    """
    t = np.asarray(time_s, float)
    year = 2.0 * np.pi * (t / YEAR_S - 0.065)
    hour = (t + zone_s) % 86_400.0 / 3600.0
    day = np.cos(2.0 * np.pi * (hour - 14.5) / 24.0)
    swing = 3.4 + 0.8 * smooth(seed, 120, t / 172_800.0)
    spell = 2.6 * smooth(seed, 100, t / 129_600.0)
    wet = storm_intensity(seed, gauge, t - 1800.0)
    warmth: NDArray[np.float64] = 17.1 - 11.6 * np.cos(year) + swing * day + spell - 3.0 * np.tanh(wet / 15.0)
    return warmth
