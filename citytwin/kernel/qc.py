"""Is a reading like its neighbours? The tests that a stream type declares, after IOOS QARTOD."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MOST_FLAT = 1000
"""Readings that are looked back at, at most: they are kept in memory for every such stream."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A test of steps in a series: a value above `suspect` flags a reading so, one above `bad` as bad."""

    suspect: float | None = None
    bad: float | None = None


@dataclass(frozen=True, slots=True)
class Flat:
    """A test for a stuck sensor: a reading that is `within` so much of each of the `suspect` (or `bad`) readings before it is flagged."""

    within: float
    suspect: int | None = None
    bad: int | None = None


@dataclass(frozen=True, slots=True)
class Checks:
    """Tests of readings against their neighbours, in the canonical unit of the stream's quantity: `spike` in it, `rate` in it per hour."""

    spike: Jump | None = None
    rate: Jump | None = None
    flat: Flat | None = None

    @property
    def back(self) -> int:
        """How many readings before one have a say in its flag."""
        counts = [c for c in (self.flat.suspect, self.flat.bad) if c is not None] if self.flat else []
        return max([2, *counts])

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """What contradicts itself: the test, what is wrong, and what to do."""
        for name in ("spike", "rate", "flat"):
            test: Jump | Flat | None = getattr(self, name)
            if test is None:
                continue
            limits = [x for x in (test.suspect, test.bad) if x is not None]
            flat = isinstance(test, Flat)
            if not limits:
                yield name, f"{name} has no limit", "suspect, bad, or both"
            elif min(limits) < 2 if flat else min(limits) <= 0:
                yield name, f"{name} has a limit of {min(limits):g}", "at least 2 readings" if flat else "above 0"
            elif test.suspect is not None and test.bad is not None and test.suspect >= test.bad:
                yield name, f"{name}: suspect {test.suspect:g} is not below bad {test.bad:g}", "swap them"
            if isinstance(test, Flat):
                if test.within < 0:
                    yield name, f"within is {test.within:g}", "a tolerance from 0 on"
                if max([0, *(int(x) for x in limits)]) > MOST_FLAT:
                    yield name, f"flat looks back {max(limits)} readings", f"at most {MOST_FLAT}"
        if self.spike is None and self.rate is None and self.flat is None:
            yield "", "qc names no test", "spike, rate, flat"
