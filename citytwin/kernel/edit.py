"""What do people change of what was read? Steps of a stream's script: each is a recorded decision, and what came in stays on record."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

EditKind = Literal["flag", "set", "shift", "scale", "drift", "delete", "interpolate", "fill"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One step, on the readings from `since` until before `until`.

    | kind | what it does |
    |---|---|
    | `flag` | gives them the flag `quality` |
    | `set` | gives them the `value` |
    | `shift` | adds `value` |
    | `scale` | multiplies by `value` |
    | `drift` | adds `value` at `since`, `end` at `until`, and along the straight line between them |
    | `delete` | withdraws them |
    | `interpolate` | lays a straight line through the span where there is no fit reading, every `step_s` seconds (0: the stream type's cadence) where there is none at all |
    | `fill` | takes the fit readings of another `stream` where there is no fit reading |

    `above` and `below` leave out readings that are not above, not below so much. Values are in the canonical unit. `quality` is the flag of
    what a step changes; without it shifted, scaled and drift-corrected readings keep theirs, and what is set, interpolated or filled is `not evaluated`.
    A reading is fit that has a value and the flag good or not evaluated.
    """

    kind: EditKind
    since: datetime
    until: datetime
    value: float | None = None
    end: float | None = None
    quality: int | None = None
    above: float | None = None
    below: float | None = None
    stream: str = ""
    step_s: int = 0

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """What contradicts itself: the field, what is wrong, and what to do."""
        if self.since >= self.until:
            yield "until", "the span ends before it begins", "until must be later than since"
        needs = {"flag": ("quality",), "set": ("value",), "shift": ("value",), "scale": ("value",), "drift": ("end",)}
        takes = {*needs.get(self.kind, ()), "quality"}
        takes |= {"value"} if self.kind == "drift" else set()
        takes |= {"above", "below"} if self.kind not in ("interpolate", "fill") else set()
        takes |= {"step_s"} if self.kind == "interpolate" else {"stream"} if self.kind == "fill" else set()
        takes -= {"quality"} if self.kind == "delete" else set()
        for name in needs.get(self.kind, ()):
            if getattr(self, name) is None:
                yield name, f"a step '{self.kind}' lacks {name}", f"say {name}"
        for name in ("value", "end", "quality", "above", "below", "stream", "step_s"):
            if getattr(self, name) not in (None, "", 0) and name not in takes:
                yield name, f"{name} means nothing to a step '{self.kind}'", "leave it out"
        for name in ("value", "end", "above", "below"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                yield name, f"{name} is {number}", "a number"
        if self.quality is not None and self.quality not in (1, 2, 3, 4):
            yield "quality", f"quality is {self.quality}", "1, 2, 3 or 4"
        if self.kind == "fill" and not self.stream:
            yield "stream", "it is not said from which stream", "stream: <asset>.<pack>.<stream type>"
        if self.step_s < 0:
            yield "step_s", f"step_s is {self.step_s}", "seconds between two readings; 0: the stream type's cadence"


@dataclass(frozen=True, slots=True)
class Edited:
    """A step on record: its number among the decisions about the stream, who took it, when, why, and whether it holds (or which decision undid it)."""

    n: int
    time: datetime
    by: str
    note: str
    edit: Edit
    undone: int | None = None


@dataclass(frozen=True, slots=True)
class Scripted(Edit):
    """A step of a file, with its reason."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A file of edits: of which stream, in which order, and who decides (`by`, where the command line does not say)."""

    stream: str
    steps: tuple[Scripted, ...]
    by: str = ""
