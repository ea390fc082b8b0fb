"""Where is it? Metres on the ground and degrees on the globe, over distances of a city."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_M = 6_371_008.8  # mean radius R1 of GRS 80 (Moritz 2000)


def lonlat(center: tuple[float, float], east_m: float, north_m: float) -> tuple[float, float]:
    """Longitude and latitude [deg] of the point `east_m`, `north_m` [m] from `center` (longitude, latitude).

    Local equirectangular projection; error below 0.1 % within 50 km of the centre at mid latitudes.

    >>> lonlat((121.93, 30.89), 0.0, 0.0)
    (121.93, 30.89)
    """
    lon, lat = center
    north = math.degrees(north_m / EARTH_RADIUS_M)
    east = math.degrees(east_m / (EARTH_RADIUS_M * math.cos(math.radians(lat))))
    return round(lon + east, 7), round(lat + north, 7)


def metres(center: tuple[float, float], lon: float, lat: float) -> tuple[float, float]:
    """East and north [m] of `lon`, `lat` [deg] from `center`: the inverse of `lonlat`."""
    north = math.radians(lat - center[1]) * EARTH_RADIUS_M
    east = math.radians(lon - center[0]) * EARTH_RADIUS_M * math.cos(math.radians(center[1]))
    return east, north


def inside(polygons: Sequence[Sequence[ArrayLike]], lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    """Which of the points `lon`, `lat` [deg, shape (n,)] lie in one of these polygons.

    A polygon is a list of rings, each of shape (m, 2) with longitude and latitude: the outer one, then holes (RFC 7946, 3.1.6). Even-odd rule (Shimrat 1962,
    CACM algorithm 112): a ray from the point to the east crosses the boundary an odd number of times. Points on the boundary may count either way.

    >>> inside([[[(0, 0), (2, 0), (2, 2), (0, 2)]]], [1.0, 3.0], [1.0, 1.0]).tolist()
    [True, False]
    """
    x, y = np.asarray(lon, float), np.asarray(lat, float)
    found = np.zeros(len(x), bool)
    for polygon in polygons:
        odd = np.zeros(len(x), bool)
        for ring in polygon:
            corners = np.asarray(ring, float)[:, :2]
            for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
                if y1 != y2:
                    odd ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        found |= odd
    return found
