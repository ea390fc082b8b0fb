"""One feed asked by hand, in the tiny city: what its thread would do, without the thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from citytwin.engine.feeds import run
from citytwin.engine.feeds.declare import Declared, read
from citytwin.engine.ingest import Intake
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import StoreFailed
from citytwin.kernel.feed import Feed


class Asked:
    """`asked.once()` asks the feed once and tells how it stands."""

    def __init__(self, feed: Feed, twin: Twin, intake: Intake, home: Path) -> None:
        self.worker = run._Worker(feed, twin, intake, home)
        self._twin = twin
        self.wait_s: float | None = None

    def once(self) -> run.State:
        self.wait_s = self.worker._once()
        return self.worker.told()

    def rows(self) -> list[tuple[str, str, float | None, int]]:
        """Everything on record that holds: stream, time, value, quality."""
        found = self._twin.store.fetch(
            "SELECT stream, time, value, quality FROM observation_all WHERE NOT superseded ORDER BY stream, time"
        )
        return [
            (r["stream"], r["time"].strftime("%m-%d %H:%M:%S"), r["value"], r["quality"]) for r in found.to_pylist()
        ]


@pytest.fixture
def intake(twin: Twin) -> Iterator[Intake]:
    made = Intake(twin)
    yield made
    made.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    return made


@pytest.fixture
def ask(twin: Twin, intake: Intake, home: Path) -> Iterator[Callable[[Feed], Asked]]:
    made: list[Asked] = []

    def start(feed: Feed) -> Asked:
        made.append(Asked(feed, twin, intake, home))
        return made[-1]

    yield start
    for asked in made:
        asked.worker.stop()
        asked.worker.leave(0)


@pytest.fixture
def declare(twin: Twin, home: Path) -> Callable[[str], Declared]:
    """`declare("folder:…")`: what that file would declare."""

    def write(text: str) -> Declared:
        (home / "feeds.yaml").write_text(text, "utf-8")
        return read(home, twin)

    return write


@pytest.fixture
def full(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """`full(True)`: the disk is full from now on, until `full(False)`."""
    record = twin.store.record
    state = {"full": False}

    def refuse(arrivals: Any) -> Any:
        if state["full"]:
            raise StoreFailed("nothing was recorded: no space left on device", "make room", "store")
        return record(arrivals)

    monkeypatch.setattr(twin.store, "record", refuse)

    def turn(on: bool) -> None:
        state["full"] = on

    return turn
