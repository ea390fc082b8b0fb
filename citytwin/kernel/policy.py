"""What becomes of a reading that comes late, early or twice? Declared per city and per stream type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Late = Literal["accept", "flag", "refuse"]
Duplicate = Literal["correct", "keep_first", "refuse"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How readings are taken that do not come in order; what is left out is as the city says, or as `USUAL`.

    `late`: a reading older than `late_s` seconds when it comes is accepted, flagged suspect, or refused. `future_s`: how many seconds ahead
    of our clock its time may be. `duplicate`: one of the same stream and time with another value corrects what is on record, is passed over, or is refused.
    """

    late: Late | None = None
    late_s: int | None = None
    future_s: int | None = None
    duplicate: Duplicate | None = None

    def over(self, base: Policy) -> Policy:
        """This policy, with what it leaves out taken from another."""
        late = self if self.late is not None else base
        return Policy(
            late.late,
            late.late_s,
            self.future_s if self.future_s is not None else base.future_s,
            self.duplicate if self.duplicate is not None else base.duplicate,
        )

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """What contradicts itself: the key, what is wrong, and what to do."""
        acts = self.late in ("flag", "refuse")
        if acts and self.late_s is None:
            yield "late", f"late is '{self.late}', and not from what age on", "late_s: seconds"
        if self.late_s is not None and not acts:
            yield "late_s", "late_s does nothing", "late: flag or late: refuse"
        if self.late_s is not None and self.late_s <= 0:
            yield "late_s", f"late_s is {self.late_s}", "a number of seconds above 0"
        if self.future_s is not None and self.future_s < 0:
            yield "future_s", f"future_s is {self.future_s}", "a number of seconds from 0 on"


USUAL = Policy("accept", None, 300, "correct")
"""Whatever is late is taken; what is five minutes ahead is refused, for its source's clock is wrong and it would hide all that follow."""
