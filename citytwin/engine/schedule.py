"""What is due? Runs the verbs at their intervals, one after another."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from citytwin.kernel.clock import Clock

log = logging.getLogger("citytwin.schedule")


@dataclass(order=True, slots=True)
class Job:
    """`action(now)` is due at `due` and `every` so long after it began."""

    due: datetime
    name: str = field(compare=False)
    every: timedelta = field(compare=False)
    action: Callable[[datetime], object] = field(compare=False)
    longest: timedelta = field(compare=False)
    """It is never due later than so long from now, unless the clock was set back."""


class Schedule:
    """A heap of jobs and, once started, a thread that runs those that are due. A job that fails is logged and comes again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: list[Job] = []
        self._wake = threading.Event()
        self._stop = False
        self._thread: threading.Thread | None = None

    def add(
        self, name: str, every: timedelta, action: Callable[[datetime], object], first: timedelta = timedelta()
    ) -> None:
        """Run `action(now)` every so often, the first time `first` from now."""
        heapq.heappush(self._jobs, Job(self._clock.now() + first, name, every, action, max(every, first)))
        self._wake.set()

    def tick(self) -> list[str]:
        """Run what is due now, each job once; returns the names. Where the clock was set back, what would wait for it to catch up is due."""
        ran = []
        now = self._clock.now()
        for job in self._jobs:
            if job.due - now > job.longest:
                job.due = now
        heapq.heapify(self._jobs)
        waiting = []
        while self._jobs and self._jobs[0].due <= now and not self._stop:
            job = heapq.heappop(self._jobs)
            try:
                job.action(now)
            except Exception:  # a verb that fails must not end the others
                log.exception("job %s failed", job.name)
            ran.append(job.name)
            job.due = now + job.every
            waiting.append(job)
        for job in waiting:
            heapq.heappush(self._jobs, job)
        return ran

    def start(self) -> None:
        """Begin to run jobs in a thread."""
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop:
            self.tick()
            wait = (self._jobs[0].due - self._clock.now()).total_seconds() if self._jobs else 60.0
            self._wake.wait(max(wait, 0.0))
            self._wake.clear()

    def close(self) -> None:
        """Stop after the job that is running."""
        self._stop = True
        self._wake.set()
        if self._thread:
            self._thread.join()
