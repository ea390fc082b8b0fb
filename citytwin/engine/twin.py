"""Which city is this process? What the verbs work on: a store, a city, its packs and a clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa

from citytwin.engine import inforce, script
from citytwin.engine.inforce import InForce
from citytwin.kernel.asset import AssetType
from citytwin.kernel.case import CaseType, facts
from citytwin.kernel.city import City
from citytwin.kernel.clock import Clock
from citytwin.kernel.dmn import Tables
from citytwin.kernel.edit import Edit
from citytwin.kernel.errors import NotFound
from citytwin.kernel.indicator import Indicator
from citytwin.kernel.pack import Pack
from citytwin.kernel.panel import Panel
from citytwin.kernel.plan import Plan, Report, Target
from citytwin.kernel.policy import USUAL, Policy
from citytwin.kernel.register import THING, News
from citytwin.kernel.relation import RelationType
from citytwin.kernel.rule import Rule
from citytwin.kernel.scorecard import Scorecard
from citytwin.kernel.store import Store
from citytwin.kernel.stream import StreamType, stream_parts
from citytwin.kernel.workday import Workdays, standard

T = TypeVar("T")


@dataclass
class Twin:
    """A running city. Declarations are looked up by global id; `asset_types` tells the type of every asset there is."""

    store: Store
    city: City
    packs: Sequence[Pack]
    clock: Clock
    pack_roots: tuple[Path, ...] = ()
    types: Mapping[str, AssetType] = field(init=False)
    relations: Mapping[str, RelationType] = field(init=False)
    streams: Mapping[str, StreamType] = field(init=False)
    stated: bool = field(init=False)
    """Whether any stream type has states (`choices`)."""
    policies: Mapping[str, Policy] = field(init=False)
    """How readings are taken, of those stream types where it is not as `USUAL`."""
    indicators: Mapping[str, Indicator] = field(init=False)
    rules: Mapping[str, Rule] = field(init=False)
    cases: Mapping[str, CaseType] = field(init=False)
    decision_tables: Mapping[str, Tables] = field(init=False)
    """The decision tables of every pack, which ask each other within it."""
    scorecards: Mapping[str, Scorecard] = field(init=False)
    calendar: Workdays = field(init=False)
    """The working days of this city."""
    panels: Mapping[str, Panel] = field(init=False)
    models: tuple[str, ...] = field(init=False)
    asset_types: dict[str, str] = field(init=False)
    registered: set[str] = field(init=False)
    """Streams that clients registered, beside those that packs declare."""
    multi: bool = False
    """Whether any of them has results of several properties."""
    moved: dict[str, int] = field(init=False)
    """Stream keys of observations that are no longer in the stream that their ids tell."""
    register_version: int = 0
    """Counted up by every change of what clients registered."""
    heard: list[Callable[[Sequence[News]], None]] = field(default_factory=list)
    """Whoever wants to know which things, datastreams and so on (kind, id) are new or changed, once that is on record."""
    parting: list[Callable[[Sequence[tuple[str, str]]], Callable[[], None]]] = field(default_factory=list)
    """Who looks at entities (kind, id) that are about to be deleted, in the thread that deletes them; what it returns is called once they are gone."""
    edited: Mapping[str, Sequence[Edit]] = field(init=False)
    """Of every stream that has edits that hold: those, in order."""
    in_force: Mapping[str, InForce] = field(init=False)
    plans: tuple[Plan, ...] = field(init=False)
    """The plans in force, bound and divided as decided; replaced as a whole by `recall`."""
    turn: threading.RLock = field(default_factory=threading.RLock)
    """Verbs that read, compute and write back take turns."""
    watching: threading.RLock = field(default_factory=threading.RLock)
    """Whoever changes alarms takes turns; who needs both takes `turn` first."""
    alarm_seen: int | None = None
    """The number of the last of these transitions that was told."""
    held: Sequence[Mapping[str, Any]] | None = None
    """What people hold of alarms (engine/hold.py); None: not looked up yet."""
    holding: bool = True
    """Whether an open alarm may be held."""
    alarm_heard: list[Callable[[Sequence[Mapping[str, Any]]], None]] = field(default_factory=list)
    """Whoever wants to know which alarms changed their state (rows of `alarm_history`), once that is on record."""

    def __post_init__(self) -> None:
        self.types = {**_by_id(t for p in self.packs for t in p.types), THING.id: THING}
        self.relations = _by_id(r for p in self.packs for r in p.relations)
        self.streams = _by_id(s for p in self.packs for s in p.streams)
        self.stated = any(s.choices for s in self.streams.values())
        usual = self.city.policy.over(USUAL) if self.city.policy else USUAL
        policies = {id: s.policy.over(usual) if s.policy else usual for id, s in self.streams.items()}
        self.policies = {id: p for id, p in policies.items() if p != USUAL}
        self.indicators = _by_id(i for p in self.packs for i in p.indicators)
        self.rules = _by_id(r for p in self.packs for r in p.rules)
        self.cases = _by_id(c for p in self.packs for c in p.cases)
        self.decision_tables = {p.id: Tables(_by_id(p.decision_tables), facts(p.cases)) for p in self.packs}
        self.scorecards = _by_id(s for p in self.packs for s in p.scorecards)
        self.calendar = self.city.workdays or standard()
        self.panels = _by_id(panel for p in self.packs for panel in p.panels)
        self.models = tuple(m for p in self.packs for m in p.models)
        rows = self.store.fetch("SELECT asset_id, type FROM asset")
        self.asset_types = dict(zip(rows["asset_id"].to_pylist(), rows["type"].to_pylist(), strict=True))
        self.registered = set(self.store.fetch("SELECT id FROM datastream WHERE NOT declared")["id"].to_pylist())
        away = self.store.fetch(
            "SELECT id, key FROM observation_row WHERE ended IS NULL AND NOT stands AND regexp_full_match(id, '[0-9]+--?[0-9]+')"
        )
        self.moved = dict(zip(away["id"].to_pylist(), away["key"].to_pylist(), strict=True))
        self.multi = self.store.fetch("SELECT 1 FROM datastream WHERE multi LIMIT 1").num_rows > 0
        self.edited = script.scripts(self.store)
        self.recall()

    def has_states(self, stream: str) -> bool:
        """Whether what a stream reports are states."""
        kind = self.streams.get(stream_parts(stream)[1])
        return kind is not None and bool(kind.choices)

    def recall(self) -> None:
        """Look up which plans are in force: after every decision about one."""
        self.in_force = inforce.plans(self.store, self.city.plans)
        self.plans = tuple(held.plan for held in self.in_force.values())

    def tell(self, changed: Sequence[News]) -> None:
        """Tell whoever wants to hear it what is new or changed."""
        for listener in tuple(self.heard):
            listener(changed)

    def part(self, going: Sequence[tuple[str, str]]) -> Callable[[], None]:
        """Let whoever wants to see entities (kind, id) for a last time look at them; what is returned tells that they are gone."""
        if not going:
            return lambda: None
        told = [look(going) for look in tuple(self.parting)]

        def gone() -> None:
            for tell in told:
                tell()

        return gone

    def plan(self, id: str) -> Plan:
        """The plan `id` of this city."""
        return find(self.in_force, id, "plan").plan

    def reports(self, plan: str, as_of: date) -> dict[str, Report]:
        """What was last said of each measure of a plan by the end of a day in the city's zone."""
        until = datetime.combine(as_of + timedelta(days=1), time(), ZoneInfo(self.city.zone))
        held = find(self.in_force, plan, "plan")
        return {id: said for id in held.reports if (said := held.report(id, until))}

    def target(self, id: str) -> tuple[Plan, Target]:
        """The target with the global id `plan.target`, and its plan."""
        for plan in self.plans:
            for target in plan.targets:
                if f"{plan.id}.{target.id}" == id:
                    return plan, target
        raise NotFound(f"there is no target '{id}'", "see /api/targets", id)


class PartOfTwin(Twin):
    """What there is of a city for those who may see some assets alone. Everything else is as in the whole, as of the last `renew`."""

    def __init__(self, whole: Twin, assets: frozenset[str]) -> None:
        self._whole, self._assets = whole, assets
        self._part = whole.store.part(assets)
        self._seen = -1
        self._types: dict[str, str] = {}
        self._registered: set[str] = set()
        self.renew()

    def renew(self) -> None:
        """Take over what changed in the whole."""
        whole, assets = self._whole, self._assets
        if self._seen != whole.register_version or len(self._types) != len(assets):
            self._seen = whole.register_version
            self._types = {a: t for a in assets if (t := whole.asset_types.get(a))}
            self._registered = {s for s in whole.registered if stream_parts(s)[0] in assets}
        own = {
            "store": self._part,
            "asset_types": self._types,
            "registered": self._registered,
            "edited": {s: e for s, e in whole.edited.items() if stream_parts(s)[0] in assets},
            "held": None,
            "heard": [],
            "parting": [],
            "alarm_heard": [],
        }
        self.__dict__.update({**whole.__dict__, **own})

    def close(self) -> None:
        """Nobody looks at it any more."""
        self._part.close()


def _by_id(items: Iterable[T]) -> dict[str, T]:
    return {item.id: item for item in items}  # type: ignore[attr-defined]  # every declaration has an id


def find(items: Mapping[str, T], id: str, noun: str) -> T:
    """The item with this id. Raises NotFound in the user's words."""
    if id not in items:
        raise NotFound(f"there is no {noun} '{id}'", f"see the list of {noun}s", id)
    return items[id]


def rows(table: pa.Table) -> list[dict[str, Any]]:
    """A small result as dicts."""
    return list(table.to_pylist())
