"""What is measured? A stream is one quantity of one asset over time."""

from __future__ import annotations

from dataclasses import dataclass

from citytwin.kernel.policy import Policy
from citytwin.kernel.qc import Checks
from citytwin.kernel.title import Title


@dataclass(frozen=True, slots=True)
class Choice:
    """A state that a stream reports: `id` is the word that comes and goes, `code` the number that is stored."""

    code: int
    id: str
    title: Title


@dataclass(frozen=True, slots=True)
class StreamType:
    """Assets of type `asset` report `quantity` every `cadence_s` seconds.

    `low` and `high` bound what is plausible, in the quantity's canonical unit; where absent the quantity's own
    bounds hold. `policy` says how late, early and double readings are taken where it is not as the city says, `qc` how each
    is tested against its neighbours. Where there are `choices`, readings are states: a word or its code, and nothing else.
    """

    id: str
    title: Title
    asset: str
    quantity: str
    cadence_s: int
    low: float | None = None
    high: float | None = None
    policy: Policy | None = None
    qc: Checks | None = None
    choices: tuple[Choice, ...] = ()

    def code(self, word: str) -> int | None:
        """The code of a state by its word; `true` and `false` are 1 and 0 where no state is called so. None: there is no such state."""
        found = next((c.code for c in self.choices if c.id == word), None)
        if found is None and word in ("true", "false"):
            found = next((c.code for c in self.choices if c.code == (word == "true")), None)
        return found


@dataclass(frozen=True, slots=True)
class Stream:
    """One quantity of one asset: `id` is `<asset id>.<pack>.<local>`, `type` is `<pack>.<local>`."""

    id: str
    asset: str
    type: str


def stream_id(asset: str, stream_type: str) -> str:
    """The id of the stream of `stream_type` at `asset`."""
    return f"{asset}.{stream_type}"


def stream_parts(stream: str) -> tuple[str, str]:
    """Asset id and stream type of a stream id; the type is empty when `stream` is not a stream id."""
    asset, _, kind = stream.partition(".")
    return asset, kind
