"""Who does what by when? A case is work with steps, a role for each, and deadlines in working days."""

from __future__ import annotations

from dataclasses import dataclass

from citytwin.kernel.title import Title


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a case: the `role` that acts, within `days` working days; `next` are the steps it may lead to (none: the end)."""

    id: str
    title: Title
    role: Title
    days: int = 0
    next: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseType:
    """A kind of work. It starts at the first step."""

    id: str
    title: Title
    steps: tuple[Step, ...]

    def step(self, id: str) -> Step | None:
        return next((s for s in self.steps if s.id == id), None)
