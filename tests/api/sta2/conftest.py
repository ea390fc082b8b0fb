"""Fixtures: services of SensorThings 2.0, in this process or at `STA2_URL`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import anyio.from_thread
import httpx
import pytest

from citytwin.api.house import House
from tests.api.conftest import Caller
from tests.api.sta2.service import URL, Client, populate


def _service(request: pytest.FixtureRequest, furnished: bool) -> Iterator[Client]:
    if URL:
        with httpx.Client(timeout=60) as client:
            yield Client(URL, client.request)
        return
    build: Callable[..., House] = request.getfixturevalue("build")
    portal: anyio.from_thread.BlockingPortal = request.getfixturevalue("portal")
    yield Client("http://testville/sta/v2.0", Caller(build(furnished), portal).request)


@pytest.fixture(scope="module")
def sta(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A service to write to. Tests share it, as they would a server: each minds only what it made itself."""
    yield from _service(request, furnished=False)


@pytest.fixture(scope="session")
def seen(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A service with a few entities of every set, beside what the city has of its own, for tests that only read."""
    for service in _service(request, furnished=True):
        populate(service)
        yield service
