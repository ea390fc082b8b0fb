"""Where is it? Metres on the ground and degrees on the globe, over distances of a city."""

from __future__ import annotations

import math

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
