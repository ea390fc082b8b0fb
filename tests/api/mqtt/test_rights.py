"""Who may come in by MQTT: a token is the password."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from citytwin.api.house import House
from citytwin.api.mqtt.door import MqttDoor
from citytwin.engine.people import People
from citytwin.kernel.right import Body, Grant, Person
from citytwin.kernel.title import Title

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


def test_a_part_is_told_and_tells_of_its_own_alone(
    own_house: House, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    people = own_house.people = People(own_house.twin.store, own_house.twin.clock)
    scopes = own_house.scopes
    assert scopes
    people.put_body(Body("lights", Title("路灯所", "Street lights"), "unit"))
    scopes.assign({"lamp-1": "lights"})
    words = {}
    for id, role, part in (("part", "steward", "lights"), ("whole", "steward", "")):
        people.put_person(Person(id, id, service=True, grants=(Grant(role, part),)))
        words[id] = people.make_token(id, "test", None, 1)[1]
    port = door(own_house).broker.port  # type: ignore[union-attr]
    part, whole = (client(port, id, 5, token=words[id]) for id in ("part", "whole"))
    assert part.subscribe(TOPIC) >= 0x80  # entities are of the whole
    assert part.subscribe("#") >= 0x80
    assert part.subscribe("readings/#") in (0, 1)
    assert whole.subscribe("readings/#") in (0, 1)
    assert until(lambda: whole.messages("readings/lamp-2/trial/warmth"))  # the last readings
    assert until(lambda: part.messages("readings/lamp-1/trial/warmth"))
    second = TOPIC.replace("lamp-1", "lamp-2")
    said = {"result": 21.5, "phenomenonTime": "2026-03-10T03:59:58Z"}
    assert part.publish(second, said) >= 0x80
    assert part.publish("v1.1/Things", {"name": "t", "description": "d"}) >= 0x80
    assert whole.publish(second, said) == 0
    assert part.publish(TOPIC, said) == 0
    assert until(lambda: [m for m in part.messages("readings/lamp-1/trial/warmth") if m["value"] == 21.5])
    assert until(lambda: [m for m in whole.messages("readings/lamp-2/trial/warmth") if m["value"] == 21.5])
    assert not part.messages("readings/lamp-2/trial/warmth")
    scopes.assign({"lamp-1": "", "lamp-2": "lights"})  # from now on, on a line that is open
    later = {"result": 22.5, "phenomenonTime": "2026-03-10T03:59:59Z"}
    assert whole.publish(TOPIC, later) == 0
    assert whole.publish(second, later) == 0
    assert until(lambda: [m for m in part.messages("readings/lamp-2/trial/warmth") if m["value"] == 22.5])
    assert not [m for m in part.messages("readings/lamp-1/trial/warmth") if m["value"] == 22.5]
