"""What belongs to what? Directed relations between assets."""

from __future__ import annotations

from dataclasses import dataclass

from citytwin.kernel.title import Title


@dataclass(frozen=True, slots=True)
class RelationType:
    """A kind of relation from assets of type `source` to assets of type `target` (type ids; `*` is any type)."""

    id: str
    title: Title
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Relation:
    """`source` stands in relation `type` to `target` (asset ids)."""

    source: str
    type: str
    target: str
