"""A street of lamps, and two things that clients registered."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import anyio.from_thread
import pytest

from citytwin.api.house import House
from citytwin.engine import catalog
from citytwin.kernel.asset import Asset
from citytwin.kernel.title import Title
from tests.api.conftest import NOW, SQUARE, Caller, store

LAMPS = "/ogc/collections/trial.lamp/items"


@pytest.fixture(scope="session")
def street(build: Callable[..., House], portal: anyio.from_thread.BlockingPortal) -> Caller:
    """Three lamps of the tests' city and 60 more, every third without a limit, every fourth with a reading."""
    house = build()
    chance = random.Random(7)
    lamps = [
        Asset(
            f"street-{n:02}",
            "trial.lamp",
            Title(f"{n}号路灯", f"{'Lamp' if n % 2 else 'lámp'} {n}"),
            {
                "type": "Point",
                "coordinates": [round(chance.uniform(121.8, 122.0), 5), round(chance.uniform(30.8, 31.0), 5)],
            },
            {"power": round(chance.uniform(0, 10), 2), **({"limit": float(n)} if n % 3 else {})},
        )
        for n in range(60)
    ]
    far = [[[p[0] + 1, p[1]] for p in SQUARE["coordinates"][0]]]
    rooms = [
        Asset("room-2", "trial.room", Title("远厅", "Far hall"), {"type": "Polygon", "coordinates": far}, {"floors": 5})
    ]
    catalog.add(house.twin, [*lamps, *rooms])
    some = [f"street-{n:02}.trial.warmth" for n in range(0, 60, 4)]
    store(house.twin, some, [NOW - timedelta(days=n) for n in range(len(some))], [float(n) for n in range(len(some))])
    caller = Caller(house, portal)
    place = {
        "name": "pier",
        "description": "",
        "encodingType": "application/geo+json",
        "location": {"type": "Point", "coordinates": [121.95, 30.85]},
    }
    made = caller.post(
        "/sta/v1.1/Things",
        json={"name": "buoy", "description": "yellow", "properties": {"keel": 2}, "Locations": [place]},
    )
    assert made.status_code == 201, made.text
    return caller


def ids(answer: Any) -> list[str]:
    """Which features an answer has."""
    assert answer.status_code == 200, answer.text
    return [f["id"] for f in answer.json()["features"]]
