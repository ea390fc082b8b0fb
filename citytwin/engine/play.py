"""What would it look like? Plays the demos of the packs: fills a new city, and keeps it living while it is served."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from citytwin.engine import catalog, ingest, load, perform
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.asset import Asset
from citytwin.kernel.demo import Scene
from citytwin.kernel.errors import BadDeclaration, Fault
from citytwin.kernel.observation import Batch
from citytwin.kernel.pack import Pack

log = logging.getLogger("citytwin.play")
SEED = 2022
RECORDS_SINCE = 2020
"""Registers and monthly meters go back to the baseline year of the plans."""


class Player:
    """The demos of a city's packs, in the order in which they use each other."""

    def __init__(self, twin: Twin, seed: int = SEED) -> None:
        self._twin = twin
        self._scenes: dict[str, Scene] = {}
        made: dict[str, tuple[Asset, ...]] = {}
        self.assets: list[Asset] = []
        self._own: dict[str, list[Asset]] = {}
        for pack in twin.packs:
            scene = Scene(twin.city.center, twin.city.zone, seed, dict(made))
            own = list(self._demo(pack).assets(scene))
            for asset in own:
                made[asset.type] = (
                    (*made.get(asset.type, ()), asset) if asset.type not in _types(pack) else made.get(asset.type, ())
                )
            grouped: dict[str, list[Asset]] = {}
            for asset in own:
                grouped.setdefault(asset.type, []).append(asset)
            made.update({kind: tuple(group) for kind, group in grouped.items()})
            self._scenes[pack.id] = replace(scene, assets=dict(made))
            self._own[pack.id] = own
            self.assets += own

    def _demo(self, pack: Pack) -> Any:
        return load.module(pack.id, "demo")

    def build(self) -> None:
        """Put the demos' assets and relations on record. Idempotent."""
        for pack in self._twin.packs:
            catalog.add(self._twin, self._own[pack.id])
        for pack in self._twin.packs:
            catalog.add(self._twin, relations=list(self._demo(pack).relations(self._scenes[pack.id])))

    def tables(self, pack: Pack, since: datetime, until: datetime) -> Iterator[pa.Table]:
        """A pack's readings faster than a day over a span."""
        yield from self._demo(pack).readings(self._scenes[pack.id], since, until)

    def registers(self, pack: Pack, since: datetime, until: datetime) -> Iterator[pa.Table]:
        """A pack's slower records over a span."""
        yield from self._demo(pack).records(self._scenes[pack.id], since, until)

    def messages(self, pack: Pack, time: datetime) -> Iterator[tuple[str, bytes]]:
        """What a pack's devices publish at a time: topics and payloads; none where the demo has no `messages`."""
        speak = getattr(self._demo(pack), "messages", None)
        if speak is not None:
            yield from speak(self._scenes[pack.id], time)

    def record(self, tables: Iterator[pa.Table], source: str) -> int:
        """Record what a demo gives; a row at fault is a fault of the demo and is told."""
        count = 0
        for table in tables:
            if table.num_rows == 0:
                continue
            prepared = ingest.prepare(self._twin, Batch(table, source=source), on_time=True)
            if prepared.refused:
                raise BadDeclaration(
                    f"the demo of '{source}' gives readings at fault",
                    "mend demo.py",
                    source,
                    prepared.faults or (Fault(source, "DEMO", "?"),),
                )
            self._twin.store.record([prepared.arrival])
            count += prepared.arrival.rows.num_rows
        return count

    def fill(self, until: datetime, days: float, say: Callable[[str], None] = lambda _: None) -> int:
        """Records since the baseline year and readings of the last `days`, for every pack. Returns how many readings."""
        first = datetime(RECORDS_SINCE, 1, 1, tzinfo=ZoneInfo(self._twin.city.zone)).astimezone(UTC)
        count = 0
        for pack in self._twin.packs:
            count += self.record(self.registers(pack, first, until), pack.id)
            count += self.record(self.tables(pack, until - timedelta(days=days), until), pack.id)
            say(f"{pack.title.zh} {pack.title.en}: {count:,} readings so far")
        return count

    def go_on(self, now: datetime) -> int:
        """The readings from the last ones on record until `now`. Idempotent."""
        found = rows(self._twin.store.fetch("SELECT value FROM meta WHERE name = 'demo_until'"))
        since = datetime.fromisoformat(found[0]["value"]) if found else now
        if since >= now:
            return 0
        count = 0
        for pack in self._twin.packs:
            count += self.record(self.registers(pack, since, now), pack.id)
            count += self.record(self.tables(pack, since, now), pack.id)
        return count

    def decide(self, now: datetime, whole: bool = False, most: int | None = None) -> int:
        """Open the demos' own cases and let people work on them, as far as time allows by `now`. Returns how many acts that were. Idempotent.

        Asked again later, they go on from where they are. `most`: so many moves of a pack at once. `whole`: the first cases on each path walk it to its end, however little time there was, so that everything declared is seen.
        """
        acted = 0
        for pack in self._twin.packs:
            demo, scene = self._demo(pack), self._scenes[pack.id]
            begun = list(demo.cases(scene)) if hasattr(demo, "cases") else []
            paths, forms = getattr(demo, "CASE_PATHS", {}), getattr(demo, "CASE_FORMS", {})
            acted += perform.perform(self._twin, pack.id, begun, paths, forms, now, whole, most)
        return acted


def _types(pack: Pack) -> set[str]:
    return {t.id for t in pack.types}
