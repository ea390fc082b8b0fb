"""What does a feed look like to the one who runs it? It is asked what there is, and told what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Protocol

from citytwin.kernel.errors import BadBatch, Fault
from citytwin.kernel.observation import Batch, Receipt


@dataclass(frozen=True, slots=True)
class Delivery:
    """Readings that a source has, called `name`.

    `read` makes a batch of them, with the faults of rows left out; it raises BadBatch where they cannot be read. `recorded` is told
    once they are durable, `refused` if they never can be (None: that is a failure of the source). `held`: the source will not have
    them again, so they are kept here until they are recorded.
    """

    name: str
    read: Callable[[], tuple[Batch, list[Fault]]]
    unit: str = ""
    partial: bool = True
    held: bool = False
    recorded: Callable[[Receipt], None] = field(default=lambda _: None)
    refused: Callable[[BadBatch], None] | None = None


class Source(Protocol):
    """One feed at work. It is asked by one thread at a time."""

    memory: MutableMapping[str, str]
    """What must survive a restart; it is written down when it changed."""
    again_s: float | None
    """Set while it is asked: so soon there will be more."""

    def look(self) -> Iterator[Delivery]:
        """What there is now. Raises CityTwinError or OSError where it cannot be asked."""

    def close(self) -> None:
        """Let go of connections."""
