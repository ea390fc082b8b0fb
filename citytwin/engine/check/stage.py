"""What is played, and what was seen of it? A demo on its stage."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import pyarrow as pa

from citytwin.engine import play
from citytwin.engine.check.subject import Subject
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import BadDeclaration, Fault
from citytwin.kernel.pack import Pack

T = TypeVar("T")

UNTIL = datetime(2026, 1, 12, 6, 30, tzinfo=UTC)
"""When the demo is looked at: a Monday afternoon in China, so that its last three days hold a Friday and a weekend."""
DAYS = 3
SHOWN = 5
"""How many assets and relations at fault are told: what is wrong with one is mostly wrong with all."""
TIME = pa.timestamp("us", tz="UTC")


class Halt(Exception):
    """The play cannot go on."""


@dataclass
class Play:
    """A demo that is being played, and what was seen of it."""

    subject: Subject
    twin: Twin
    clock: FixedClock
    player: play.Player
    faults: list[Fault] = field(default_factory=list)
    quiet: set[str] = field(default_factory=set)
    """Rules that were seen not to hold somewhere."""
    measured: dict[str, int] = field(default_factory=dict)
    wrote: set[str] = field(default_factory=set)
    """Stream types that models gave."""
    ran: set[str] = field(default_factory=set)
    sample: dict[str, list[str]] = field(default_factory=dict)
    """Of stream types that rules hold against their past: the streams that have one."""

    @property
    def pack(self) -> Pack:
        return self.subject.pack


Make = Callable[[Pack, datetime, datetime], Iterator[pa.Table]]
"""What gives a pack's tables over a span."""


def tables(p: Play, name: str, make: Make, pack: Pack, since: datetime, until: datetime) -> list[pa.Table]:
    """What the demo gives over a span, without tables that are empty."""
    given = ask(p.subject, p.faults, name, lambda: list(make(pack, since, until)))
    return [t for t in given if t.num_rows]


def ask(subject: Subject, faults: list[Fault], what: str, action: Callable[[], T]) -> T:
    """Let foreign code act; what it raises becomes a fault and ends the play."""
    where = subject.defined("demo.py", what)
    try:
        with redirect_stdout(io.StringIO()):
            return action()
    except BadDeclaration as e:
        places = {"asset": subject.defined("demo.py", "assets"), "relation": subject.defined("demo.py", "relations")}
        told = [
            Fault(places.get(f.where.split(" ")[0], where), "DEMO", f"{f.where}: {f.message}", f.hint) for f in e.faults
        ]
        faults += told[:SHOWN] or [Fault(where, "DEMO", e.message, e.hint)]
    except (Exception, SystemExit) as e:
        faults.append(subject.raised(e, f"the demo gives its {what}", where))
    raise Halt
