"""Which place is this? A city: data only."""

from __future__ import annotations

from dataclasses import dataclass

from citytwin.kernel.keep import DEFAULT, Keep
from citytwin.kernel.plan import Plan
from citytwin.kernel.policy import Policy
from citytwin.kernel.title import Title
from citytwin.kernel.workday import Workdays


@dataclass(frozen=True, slots=True)
class System:
    """A system, mechanism or programme that the city's documents name (one row of systems.csv)."""

    id: str
    zh: str
    en: str
    place: str
    duty: str
    concepts: tuple[str, ...]
    pack: str
    kind: str


@dataclass(frozen=True, slots=True)
class CityFile:
    """`city.yaml`: id, names, zone, centre (longitude, latitude), bounds (west, south, east, north) and packs.

    `demo_days` above 0 marks a reference city, whose data are played by the demos of its packs. `keep` says how long readings are kept, and where,
    `policy` how late, early and double readings are taken where a stream type does not say otherwise.
    """

    id: str
    title: Title
    zone: str
    center: tuple[float, float]
    bounds: tuple[float, float, float, float]
    packs: tuple[str, ...]
    demo_days: int = 0
    keep: Keep = DEFAULT
    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class City:
    """A loaded city with its systems, plans, and working days where its `workdays.csv` says more than the State Council's notices known here."""

    id: str
    title: Title
    zone: str
    center: tuple[float, float]
    bounds: tuple[float, float, float, float]
    packs: tuple[str, ...]
    folder: str
    demo_days: int = 0
    keep: Keep = DEFAULT
    policy: Policy | None = None
    systems: tuple[System, ...] = ()
    plans: tuple[Plan, ...] = ()
    workdays: Workdays | None = None
