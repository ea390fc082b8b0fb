"""How long is what kept, and where? Declared in a city's `keep:`; holds are decided by people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

TIER_DAYS = 31.0
"""Days after which readings move to partitions, where a city says nothing."""


@dataclass(frozen=True, slots=True)
class KeepType:
    """What differs for one stream type: days after which its readings move to partitions, and after which they are deleted (0: never)."""

    type: str
    tier_days: float | None = None
    delete_days: float | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """Readings move to partitions beside the database after `tier_days` and are deleted after `delete_days` (0: never); roll-ups and proofs stay."""

    tier_days: float = TIER_DAYS
    delete_days: float = 0.0
    streams: tuple[KeepType, ...] = ()


DEFAULT = Keep()
"""Where a city says nothing."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing of `subject` (a stream type, a stream, an asset, or `*`) is deleted until somebody lifts the hold."""

    hold: int
    subject: str
    reason: str
    actor: str
    recorded: datetime
    lifted: datetime | None = None
    lifted_by: str | None = None
