"""Who may come in by MQTT: a token is the password."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from citytwin.api.house import House
from citytwin.api.mqtt.door import MqttDoor
from citytwin.engine.people import People
from citytwin.kernel.right import Grant, Person

from .conftest import Client, until

TOPIC = "v1.1/Datastreams('lamp-1.trial.warmth')/Observations"


def token(people: People, role: str) -> str:
    people.put_person(Person(f"{role}-1", role, service=True, grants=(Grant(role),)))
    return people.make_token(f"{role}-1", "test", None, 1)[1]


@pytest.mark.parametrize(("version", "refusal", "refused"), [(4, "Not authorized", 0), (5, "Not authorized", 0x87)])
def test_each_does_what_its_token_allows(
    own_house: House,
    door: Callable[..., MqttDoor],
    client: Callable[..., Client],
    version: int,
    refusal: str,
    refused: int,
) -> None:
    people = own_house.people = People(own_house.twin.store, own_house.twin.clock)
    port = door(own_house).broker.port  # type: ignore[union-attr]
    for word in ("", "ct_" + "A" * 43):
        assert client(port, f"nobody-{version}", version, token=word).refused[0] == refusal
    device = client(port, f"device-{version}", version, token=token(people, "device"))
    viewer = client(port, f"viewer-{version}", version, token=token(people, "viewer"))
    assert (device.refused, viewer.refused) == ([], [])
    assert viewer.subscribe(TOPIC) in (0, 1)
    assert device.subscribe(TOPIC) >= 0x80
    before = own_house.twin.store.newest("lamp-1.trial.warmth")
    viewer.publish(TOPIC, {"result": 99, "phenomenonTime": "2026-03-10T03:00:00Z"})
    assert own_house.twin.store.newest("lamp-1.trial.warmth") == before
    thing = {"name": "t", "description": "d"}
    assert device.publish("v1.1/Things", thing) == (refused if version == 5 else 0)
    device.publish(TOPIC, {"result": 21.5, "phenomenonTime": "2026-03-10T03:00:00Z"})
    assert until(lambda: [m for m in viewer.messages(TOPIC) if m["result"] == 21.5])
    people.end(p.id for p in people.passes("device-1"))  # at once, on a line that is open
    device.publish(TOPIC, {"result": 22.5, "phenomenonTime": "2026-03-10T03:01:00Z"})
    sql = "SELECT count(*) AS n FROM observation WHERE value IN (99, 22.5)"
    assert own_house.rows(sql)[0]["n"] == 0
