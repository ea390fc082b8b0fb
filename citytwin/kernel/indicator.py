"""What does it mean? An indicator is one SELECT that turns readings into one number per asset and period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from citytwin.kernel.title import Title

Period = Literal["hour", "day", "month", "year"]
Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True)
class Indicator:
    """A figure per asset of type `per` and `every` period, in `unit`, computed by `sql`.

    `sql` is one SELECT of `asset_id, period, value` that keeps to `time >= $since AND time < $until` (or `period`, when it
    reads other indicators), so that only what changed is computed again. `reads` are the views and indicators it reads.
    `source` says how it is reckoned, and by which standard. `version` is the SHA-256 of the SQL text.
    """

    id: str
    title: Title
    unit: str
    per: str
    every: Period
    better: Better
    source: Title
    sql: str
    reads: tuple[str, ...] = ()
    version: str = ""
    path: str = ""
