"""What would it look like? The scene in which a pack's demo plays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from citytwin.kernel.asset import Asset
from citytwin.kernel.relation import Relation

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Scene:
    """The place a demo is set in: centre (longitude, latitude), time zone, seed, and by type the assets of the packs it uses.

    When `readings` and `records` are called, the pack's own assets are in `assets` as well.
    """

    center: tuple[float, float]
    zone: str
    seed: int
    assets: Mapping[str, tuple[Asset, ...]]


class Demo(Protocol):
    """`demo.py` of a pack: data that exercises everything the pack declares.

    Series depend on the scene and the time stamp alone, never on how the span is cut: the readings of two adjoining spans are
    those of their union, so a demo city goes on living for as long as it is served. `readings` gives streams faster than a
    day over [since, until); `records` gives slower ones (registers, monthly meters) over years. Tables have the columns
    stream, time (timestamp[us, UTC]) and value, in canonical units. `CASE_PATHS` gives, by local case type, the paths of steps
    that cases take in turn, the first step left out. A pack that declares topics has `messages` too:
    topics and payloads as its devices publish them at a time (`messages(scene, time)`).
    """

    def assets(self, scene: Scene) -> Iterable[Asset]: ...

    def relations(self, scene: Scene) -> Iterable[Relation]: ...

    def readings(self, scene: Scene, since: datetime, until: datetime) -> Iterator[pa.Table]: ...

    def records(self, scene: Scene, since: datetime, until: datetime) -> Iterator[pa.Table]: ...
