"""What is wrong? A rule names a state that should not be; an alarm is one spell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from citytwin.kernel.errors import Conflict
from citytwin.kernel.title import Title

Level = Literal["critical", "high", "medium", "low"]
Consequence = Literal["severe", "major", "minor"]
Urgency = Literal["immediate", "prompt", "soon"]
Method = Literal["residual", "ewma", "cusum"]
Alike = Literal["all", "workday"]
AlarmState = Literal[
    "cleared",
    "active",
    "acknowledged",
    "returned",
    "latched",
    "latched_acknowledged",
    "shelved",
    "suppressed",
    "out_of_service",
]
"""The states A to I of ISA-18.2 (IEC 62682): normal; unacknowledged; acknowledged; returned to normal unacknowledged; latched, not acknowledged and
acknowledged; shelved; suppressed by design; out of service."""
Act = Literal["raise", "return", "acknowledge", "reset", "shelve", "suppress", "remove", "release"]
"""What moves an alarm: the process (`raise`, `return`), a person (`acknowledge`, `reset`, `shelve`, `remove` from service), the design (`suppress`);
`release` ends whatever holds it."""

PRIORITY: Mapping[tuple[Consequence, Urgency], Level] = {
    ("severe", "immediate"): "critical",
    ("severe", "prompt"): "high",
    ("severe", "soon"): "medium",
    ("major", "immediate"): "high",
    ("major", "prompt"): "medium",
    ("major", "soon"): "low",
    ("minor", "immediate"): "medium",
    ("minor", "prompt"): "low",
    ("minor", "soon"): "low",
}
"""The level of an alarm from what happens if nobody answers it, and how soon it must be answered (EEMUA 191: consequence against time to respond)."""


@dataclass(frozen=True, slots=True)
class Season:
    """Limits that hold in some `months` (1 to 12), on some `weekdays` (1 Monday to 7), from `hours[0]` until before `hours[1]` of the city's clock
    (over midnight where the first is the later); always, where nothing is said."""

    months: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()
    hours: tuple[int, int] | None = None
    above: float | str | None = None
    below: float | str | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """While `rule` holds at the same asset, or at one to which relations of the type `through` lead (`parent: source`: from which they lead), alarms say nothing new."""

    rule: str
    through: str = ""
    parent: Literal["target", "source"] = "target"


@dataclass(frozen=True, slots=True)
class Rule:
    """A state that should not be. Exactly one of `stream`, `indicator`, `forecast` (a stream type that a model writes) or `rows` says what is looked at.

    The level is given, or follows from `consequence` and `urgency`.

    One condition, in the unit of what is looked at: `above`, `below` (a number, or the id of an attribute of the asset) or `outside` (two numbers), with other limits
    in `seasons` (the first that fits counts), the value taken less that of the stream type `against` at the same asset if one is named; `rising` (by so much within `over_s`);
    `silent_s` (no reading for that many seconds); `stuck_s` (no change beyond `deadband` for that many seconds); `deviation` from what the same hour brought in the `learn_days` before (`alike: workday`: on working days or on days
    off, as this one is): by `method` the value itself (residual, in robust standard deviations), or a chart of small shifts that last (ewma, cusum: its limit in deviations);
    `unusual_days` (as unlike what the stream has shown as is to be expected once in so many days; science/anomaly.py). Of an indicator or a forecast: above, below, outside. With `rows`: a SQL file giving `asset_id, since, value` of
    each spell now present, the value in `unit`, which no other rule has.

    It becomes an alarm once it has held for `on_delay_s`, and clears once the value has come back by `deadband` for `off_delay_s`. A `latching` alarm stays until somebody resets it; with
    `must_acknowledge` it stays until somebody has seen it. `suppressed_by` names the rules whose alarms explain this one. `opens` is the case type that an alarm opens.
    """

    id: str
    title: Title
    level: Level | Literal[""] = ""
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
    forecast: str = ""
    seasons: tuple[Season, ...] = ()
    against: str = ""
    rising: float | None = None
    over_s: int = 0
    stuck_s: int | None = None
    deviation: float | None = None
    method: Method = "residual"
    learn_days: int = 28
    alike: Alike = "all"
    unusual_days: float | None = None
    off_delay_s: int = 0
    latching: bool = False
    must_acknowledge: bool = False
    consequence: Consequence | None = None
    urgency: Urgency | None = None
    suppressed_by: tuple[Suppression, ...] = ()

    def __post_init__(self) -> None:
        if not self.level and self.consequence and self.urgency:
            object.__setattr__(self, "level", PRIORITY[self.consequence, self.urgency])

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions it names; a checked rule without `rows` has one."""
        names = ("above", "below", "outside", "rising", "silent_s", "stuck_s", "deviation", "unusual_days")
        found = tuple(n for n in names if getattr(self, n) is not None)
        return found or (("seasons",) if self.seasons else ())

    @property
    def relative(self) -> bool:
        """Whether it judges by what the stream itself has shown before."""
        return self.deviation is not None or self.unusual_days is not None

    @property
    def learns(self) -> bool:
        """Whether it has a memory of its own, to which one reading after the other adds (engine/learn.py)."""
        return self.unusual_days is not None or (self.deviation is not None and self.method != "residual")


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


HOLDS: Mapping[Act, AlarmState] = {"shelve": "shelved", "suppress": "suppressed", "remove": "out_of_service"}
"""What keeps an alarm from being told, in the order in which the later outdoes the earlier: by design, by a person for a time, and out of service."""

TRANSITIONS: Mapping[tuple[AlarmState, Act], AlarmState] = {
    ("cleared", "raise"): "active",
    ("active", "acknowledge"): "acknowledged",
    ("active", "return"): "returned",
    ("acknowledged", "return"): "cleared",
    ("returned", "raise"): "active",
    ("returned", "acknowledge"): "cleared",
    ("latched", "raise"): "active",
    ("latched", "acknowledge"): "latched_acknowledged",
    ("latched_acknowledged", "raise"): "active",
    ("latched_acknowledged", "reset"): "cleared",
    # a spell that ends while it is held is over: nobody was to answer it
    ("shelved", "return"): "cleared",
    ("suppressed", "return"): "cleared",
    ("out_of_service", "return"): "cleared",
    # what is let go and still so is told anew
    ("shelved", "release"): "active",
    ("suppressed", "release"): "active",
    ("out_of_service", "release"): "active",
}
"""The diagram of alarm states of ISA-18.2, as far as it does not depend on the rule."""


def after(state: AlarmState, act: Act, *, latching: bool = False, must_acknowledge: bool = False) -> AlarmState:
    """The state of an alarm of such a rule after an act. Raises Conflict where the diagram has no such way."""
    if act in HOLDS and state != HOLDS[act]:
        if state == "cleared":
            return "cleared"  # the hold lies on the rule and the asset; there is no spell to hold
        return HOLDS[act]
    if act == "return" and state in ("active", "acknowledged") and latching:
        return "latched" if state == "active" else "latched_acknowledged"
    if (state, act) == ("active", "return") and not must_acknowledge:
        return "cleared"
    if (state, act) not in TRANSITIONS:
        raise Conflict(f"an alarm that is {state} cannot {act}", _HINTS.get(act, ""), act)
    return TRANSITIONS[state, act]


_HINTS: Mapping[str, str] = {
    "acknowledge": "nothing is left to acknowledge",
    "reset": "a latched alarm is reset once it has been acknowledged",
    "release": "nothing holds it",
}


def standing(
    *, on: bool, acknowledged: bool, reset: bool, hold: str, latching: bool, must_acknowledge: bool
) -> AlarmState:
    """The state that these facts of a spell add up to; the view `alarm` says the same in SQL."""
    if on:
        if hold:
            return hold  # type: ignore[return-value]  # one of HOLDS
        return "acknowledged" if acknowledged else "active"
    if hold or reset:
        return "cleared"
    if latching:
        return "latched_acknowledged" if acknowledged else "latched"
    return "returned" if must_acknowledge and not acknowledged else "cleared"
