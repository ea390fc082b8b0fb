"""Every store there is, for the conformance suite: a second store is one more entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from citytwin.kernel.clock import FixedClock
from citytwin.kernel.store import Store
from citytwin.store.duckdb import DuckStore

Opener = Callable[[], Store]

STORES: dict[str, Callable[[Path, str, FixedClock], Store]] = {
    "duckdb": lambda folder, zone, clock: DuckStore(folder / "city.duckdb", zone, clock),
}


@pytest.fixture(params=sorted(STORES))
def reopen(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[Opener]:
    """Open the store; called again, close it and open it anew on the same data."""
    current: list[Store] = []

    def open_again() -> Store:
        if current:
            current.pop().close()
        current.append(STORES[request.param](tmp_path, "Asia/Shanghai", clock))
        return current[-1]

    yield open_again
    for store in current:
        store.close()


@pytest.fixture
def store(reopen: Opener) -> Store:
    return reopen()
