"""What will happen? What if? What is best? A model turns inputs into series, once per run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from citytwin.kernel.title import Title

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Parameter:
    """A figure of a model that a scenario may change."""

    id: str
    title: Title
    unit: str
    default: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A scalar that a run gives, in `unit`."""

    id: str
    title: Title
    unit: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run is given; it must be picklable, since a run may happen in another process.

    `assets`: one dict per asset of the types read: id, type, title_zh, title_en, geometry (GeoJSON or None) and its attributes.
    `relations`: dicts with source, type, target. `readings`: Arrow table with stream, asset_id, stream_type, time, value for the
    streams read over `history` before `until`. `indicators`: Arrow table with indicator, asset_id, period, value.
    `parameters`: the scenario's values, defaults filled in. `folder`: a scratch folder that is removed after the run.
    `ahead`: how far the city's clock is ahead of UTC at `until`.
    """

    until: datetime
    assets: tuple[Mapping[str, Any], ...]
    relations: tuple[Mapping[str, Any], ...]
    readings: pa.Table
    indicators: pa.Table
    parameters: Mapping[str, float]
    folder: str
    ahead: timedelta


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a run gives: `series` is an Arrow table with stream (id), time, value; `figures` are scalars by the ids that the model declares."""

    series: pa.Table
    figures: Mapping[str, float] = field(default_factory=dict)


class Model(Protocol):
    """A class in `models.py`, found by having these members.

    reads: asset types, relation types, stream types and indicators it is given. writes: stream types its series belong to.
    every: how often it runs by itself. horizon: how far it looks. history: how much of the past it is given.
    figures: the scalars that a run may give, and no others.
    """

    title: Title
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    every: timedelta
    horizon: timedelta
    history: timedelta
    parameters: tuple[Parameter, ...]
    figures: tuple[Figure, ...]

    def run(self, inputs: Inputs) -> Outputs: ...
