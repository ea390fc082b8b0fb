"""What is wrong? A rule names a state that should not be; an alarm is one spell of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from citytwin.kernel.title import Title

Level = Literal["critical", "high", "medium", "low"]
AlarmState = Literal["active", "acknowledged", "cleared"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A state that should not be. Exactly one of `stream`, `indicator` or `rows` says what is looked at.

    With `stream` or `indicator`: one of `above`, `below` (a number, or the id of an attribute of the asset), `outside` (two numbers) or
    `silent_s` (no reading for that many seconds; streams only). It becomes an alarm once it has held for `on_delay_s` and clears once
    the value has come back by `deadband`. With `rows`: a SQL file giving `asset_id, since, value` of each spell now present, the value in
    `unit`, which no other rule has. `opens` is the case type that an alarm opens.
    """

    id: str
    title: Title
    level: Level
    stream: str = ""
    indicator: str = ""
    rows: str = ""
    unit: str = ""
    above: float | str | None = None
    below: float | str | None = None
    outside: tuple[float, float] | None = None
    silent_s: int | None = None
    deadband: float = 0.0
    on_delay_s: int = 0
    opens: str = ""
    advice: Title | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """One spell of a rule at an asset, from `since` until `cleared`."""

    id: str
    rule: str
    asset: str
    level: Level
    state: AlarmState
    since: datetime
    value: float | None = None
    limit: float | None = None
    cleared: datetime | None = None
    acknowledged: datetime | None = None
    acknowledged_by: str = ""
