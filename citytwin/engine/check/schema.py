"""Stage schema: is every declaration of the right form?"""

from __future__ import annotations

from collections.abc import Iterator

from citytwin.engine.check.subject import Subject
from citytwin.kernel.errors import Fault


def check(subject: Subject) -> Iterator[Fault]:
    """The faults that reading the pack gives; those of layout are told by their own stage."""
    yield from (f for f in subject.bench.read(subject.folder)[1] if f.code != "LAYOUT")
