"""Which city is this, and what does it know of itself? City, packs, vocabulary, systems, and the summary of everything."""

from __future__ import annotations

import time
from datetime import date, datetime
from typing import Literal

import msgspec

import citytwin
from citytwin.api import alarm, run
from citytwin.api.health import StateCounts
from citytwin.api.house import House
from citytwin.api.indicator import IndicatorItem, described
from citytwin.api.page import Page, Paged, listed
from citytwin.api.route import Query, Route
from citytwin.engine.summary import summary as summed
from citytwin.engine.twin import find
from citytwin.kernel.asset import AssetType, Attribute, GeometryKind
from citytwin.kernel.case import CaseType
from citytwin.kernel.pack import Pack
from citytwin.kernel.panel import PanelKind
from citytwin.kernel.relation import RelationType
from citytwin.kernel.stream import StreamType
from citytwin.kernel.title import Title
from citytwin.kernel.units import Quantity, Unit, units
from citytwin.kernel.units import quantities as vocabulary


class Health(msgspec.Struct, frozen=True):
    """That the city is served. `streams` is how they all stood when somebody last looked (`/api/health/summary`); no answer waits for it."""

    status: Literal["ok"]
    version: str
    city: str
    now: datetime
    uptime_s: float
    streams: StateCounts | None


class CityItem(msgspec.Struct, frozen=True):
    """The city."""

    id: str
    title: Title
    zone: str
    center: tuple[float, float]
    bounds: tuple[float, float, float, float]
    packs: tuple[str, ...]
    version: str
    now: datetime
    demo: bool


class TargetCounts(msgspec.Struct, frozen=True):
    """How many targets stand how."""

    met: int
    on_track: int
    at_risk: int
    missed: int
    not_measured: int
    total: int


class LevelCounts(msgspec.Struct, frozen=True):
    """Alarms that have not cleared, by level."""

    critical: int
    high: int
    medium: int
    low: int


class AlarmCounts(msgspec.Struct, frozen=True):
    """Alarms that have not cleared."""

    active: int
    acknowledged: int
    by_level: LevelCounts


class CaseCounts(msgspec.Struct, frozen=True):
    """Cases that are open, and those of them that are past their day."""

    open: int
    overdue: int


class StreamCounts(msgspec.Struct, frozen=True):
    """Streams, and those of them that still report."""

    total: int
    alive: int


class Summary(msgspec.Struct, frozen=True):
    """The city in a few numbers."""

    now: datetime
    targets: TargetCounts
    alarms: AlarmCounts
    cases: CaseCounts
    streams: StreamCounts
    assets: int
    readings: int | None


class PackCounts(msgspec.Struct, frozen=True):
    """How much a pack declares."""

    types: int
    relations: int
    streams: int
    indicators: int
    rules: int
    cases: int
    models: int
    panels: int


class PackItem(msgspec.Struct, frozen=True, kw_only=True):
    """A pack."""

    id: str
    title: Title
    summary: Title
    systems: tuple[str, ...]
    uses: tuple[str, ...]
    counts: PackCounts


class PanelItem(msgspec.Struct, frozen=True):
    """A panel: what is drawn, and how."""

    id: str
    pack: str
    title: Title
    kind: PanelKind
    of: str
    by: str
    color: str
    height: str


class PackDetail(PackItem, frozen=True, kw_only=True):
    """A pack with all that it declares."""

    types: tuple[AssetType, ...]
    relations: tuple[RelationType, ...]
    streams: tuple[StreamType, ...]
    indicators: list[IndicatorItem]
    rules: list[alarm.RuleItem]
    cases: tuple[CaseType, ...]
    panels: list[PanelItem]
    models: list[run.ModelItem]
    tables: tuple[str, ...]


class TypeItem(msgspec.Struct, frozen=True):
    """An asset type, and how many assets are of it."""

    id: str
    title: Title
    geometry: GeometryKind
    attributes: tuple[Attribute, ...]
    count: int


class SystemItem(msgspec.Struct, frozen=True):
    """A system that the city's documents name, the packs that serve it and the targets it bears."""

    id: str
    zh: str
    en: str
    kind: str
    place: str
    duty: str
    pack: str
    served: bool
    by: list[str]
    targets: list[str]


class AsOf(Query, frozen=True, kw_only=True):
    """At the end of which day."""

    as_of: date | None = None


async def health(house: House) -> Health:
    """Whether the city is served"""
    uptime = round(time.monotonic() - house.born, 3)
    seen = house.health_known()
    streams = StateCounts(**seen.tally().states) if seen else None
    return Health("ok", citytwin.__version__, house.twin.city.id, house.now(), uptime, streams)


def city(house: House) -> CityItem:
    """The city: names, zone, extent, packs"""
    c = house.twin.city
    packs = tuple(p.id for p in house.twin.packs)
    return CityItem(c.id, c.title, c.zone, c.center, c.bounds, packs, citytwin.__version__, house.now(), house.demo)


def summary(house: House, query: AsOf) -> Summary:
    """The city in a few numbers"""
    now = house.now()
    told = summed(house.twin, now, house.progress(query.as_of))
    return msgspec.convert({"now": now, **told}, Summary)


def packs(house: House, query: Paged) -> Page[PackItem]:
    """The packs of the city"""
    return listed(((n, _item(p)) for n, p in enumerate(house.twin.packs)), query)


def _item(p: Pack) -> PackItem:
    counts = PackCounts(
        *map(len, (p.types, p.relations, p.streams, p.indicators, p.rules, p.cases, p.models, p.panels))
    )
    return PackItem(id=p.id, title=p.title, summary=p.summary, systems=p.systems, uses=p.uses, counts=counts)


def pack(house: House, id: str) -> PackDetail:
    """A pack with all that it declares"""
    p = find({p.id: p for p in house.twin.packs}, id, "pack")
    item = _item(p)
    return PackDetail(
        **{name: getattr(item, name) for name in item.__struct_fields__},
        types=p.types,
        relations=p.relations,
        streams=p.streams,
        indicators=[described(i) for i in p.indicators],
        rules=[alarm.declared(rule) for rule in p.rules],
        cases=p.cases,
        panels=_panels(p),
        models=[run.declared(m) for m in house.simulator.models() if m.pack == p.id],
        tables=p.tables,
    )


def _panels(p: Pack) -> list[PanelItem]:
    return [PanelItem(x.id, p.id, x.title, x.kind, x.of, x.by, x.color, x.height) for x in p.panels]


def types(house: House, query: Paged) -> Page[TypeItem]:
    """Asset types with their attributes and how many assets there are"""
    counts = {r["type"]: r["n"] for r in house.rows("SELECT type, count(*) AS n FROM asset GROUP BY type")}
    kinds = house.twin.types.values()
    made = (TypeItem(t.id, t.title, t.geometry, t.attributes, counts.get(t.id, 0)) for t in kinds)
    return listed(enumerate(made), query)


def panels(house: House, query: Paged) -> Page[PanelItem]:
    """What is drawn, and how"""
    return listed(enumerate(x for p in house.twin.packs for x in _panels(p)), query)


def quantities(query: Paged) -> Page[Quantity]:
    """The vocabulary of quantities, each with its one unit and the bounds of what is physically plausible"""
    return listed(enumerate(vocabulary().values()), query)


def units_known(query: Paged) -> Page[Unit]:
    """The units that are understood: value in the dimension's base = factor × value + offset"""
    return listed(enumerate(units()), query)


def systems(house: House, query: Paged) -> Page[SystemItem]:
    """The systems that the city's documents name, who serves them, and the targets they bear"""
    by: dict[str, list[str]] = {}
    for p in house.twin.packs:
        for id in p.systems:
            by.setdefault(id, []).append(p.id)
    targets: dict[str, list[str]] = {}
    for plan in house.twin.plans:
        for target in plan.targets:
            for id in target.systems:
                targets.setdefault(id, []).append(f"{plan.id}.{target.id}")
    made = (
        SystemItem(
            s.id, s.zh, s.en, s.kind, s.place, s.duty, s.pack, s.id in by, by.get(s.id, []), targets.get(s.id, [])
        )
        for s in house.twin.city.systems
    )
    return listed(enumerate(made), query)


ROUTES = (
    Route("GET", "/health", health),
    Route("GET", "/city", city),
    Route("GET", "/summary", summary),
    Route("GET", "/packs", packs),
    Route("GET", "/packs/{id}", pack),
    Route("GET", "/types", types),
    Route("GET", "/panels", panels),
    Route("GET", "/quantities", quantities),
    Route("GET", "/units", units_known),
    Route("GET", "/systems", systems),
)
