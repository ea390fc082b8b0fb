"""What would it look like? The scene in which a pack's demo plays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

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


Move = str | tuple[Any, ...]
"""What is done in a demo case: a step taken (`"repair"`), or an act with what goes with it: `("advance", "repair", {"cause": "root"})` with its form, `("return", "trace", "why")`, `("wait", "why")`, `("resume",)`,
`("extend", "5", "why")`, `("answer", "fire", "object")`, `("comment", "text")`; `("days", 300)`: the next comes so many days later."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A case of the pack's kind `type` that a demo opens itself, `ago` days before its city begins, and the path of moves that it takes.

    `name` is its own within the pack; `under` is the name of the one that it is under; `citizen`: from a citizen's form. `form` is filled in by who opens it, `forms`
    by step. Whatever its path and the days since do not reach is still to do.
    """

    name: str
    type: str
    ago: float
    path: tuple[Move, ...] = ()
    note: str = ""
    asset: str = ""
    under: str = ""
    citizen: bool = False
    longitude: float | None = None
    latitude: float | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    forms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Demo(Protocol):
    """`demo.py` of a pack: data that exercises everything the pack declares.

    Series depend on the scene and the time stamp alone, never on how the span is cut: the readings of two adjoining spans are
    those of their union, so a demo city goes on living for as long as it is served. `readings` gives streams faster than a
    day over [since, until); `records` gives slower ones (registers, monthly meters) over years. Tables have the columns
    stream, time (timestamp[us, UTC]) and value, in canonical units. `CASE_PATHS` gives, by local case type, the paths of moves
    that cases take in turn, the first step left out; `CASE_FORMS` what is filled in, by case type and step. `cases(scene)` gives those that nothing else opens (`Begun`). A pack that declares topics has `messages` too:
    topics and payloads as its devices publish them at a time (`messages(scene, time)`).
    """

    def assets(self, scene: Scene) -> Iterable[Asset]: ...

    def relations(self, scene: Scene) -> Iterable[Relation]: ...

    def readings(self, scene: Scene, since: datetime, until: datetime) -> Iterator[pa.Table]: ...

    def records(self, scene: Scene, since: datetime, until: datetime) -> Iterator[pa.Table]: ...
