"""Conformance class binding/mqtt of OGC 23-019 with a client of paho: each abstract test by its name. The oracle is what GET answers at the door of HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from citytwin.api.house import House
from citytwin.api.mqtt import news, packet
from citytwin.api.mqtt.door import MqttDoor
from tests.api.conftest import Caller
from tests.api.mqtt.conftest import PATIENCE_S, Client, Mosquitto, port_of, until
from tests.api.sta2.service import SPEC, at, feature, observed, place, sensor, stream
from tests.api.sta2.service import Client as Service

from paho.mqtt.properties import Properties  # isort: skip

BINDING = f"{SPEC}req/binding/mqtt"
NEW: dict[str, Any] = {
    "Things": {"name": "new"},
    "Locations": place("new"),
    "Sensors": sensor("new"),
    "ObservedProperties": observed("new"),
    "Features": feature("new"),
    "FeatureTypes": {"name": "new"},
}
"""Entities that need no others."""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entities are told of without the pause that spares a large city."""
    monkeypatch.setattr(news, "PAUSE_S", 0.05)
    monkeypatch.setattr(news, "SHARE", 0.0)


@pytest.fixture
def sta(own: Caller) -> Service:
    return Service("http://testville/sta/v2.0", own.request)


@pytest.fixture
def buoy(sta: Service) -> dict[str, str]:
    """A thing with a place, a datastream and an observation, and a feature: their addresses as topics have them."""
    thing = sta.create("Things", {"name": "Buoy", "Locations": [place()], "Datastreams": [stream(ProximateFeatureOfInterest=feature())]})  # fmt: skip
    (level,) = sta.get(f"{thing}/Datastreams")["value"]
    made = sta.create(f"{level['@id']}/Observations", {"phenomenonTime": at(0), "result": 0})
    found = {"Things": thing, "Datastreams": level["@id"], "Observations": made}
    for name, path in (("Sensors", "Sensor"), ("Features", "ProximateFeatureOfInterest")):
        found[name] = sta.get(f"{level['@id']}/{path}")["@id"]
    found["Locations"] = sta.get(f"{thing}/Locations")["value"][0]["@id"]
    found["HistoricalLocations"] = sta.get(f"{thing}/HistoricalLocations")["value"][0]["@id"]
    found["ObservedProperties"] = sta.get(f"{level['@id']}/ObservedProperties")["value"][0]["@id"]
    found["FeatureTypes"] = sta.create("FeatureTypes", {"name": "harbour"})
    return {name: topic(url) for name, url in found.items()}


def topic(url: str) -> str:
    return url.removeprefix("http://testville/sta/")


def path(topic: str) -> str:
    return topic.removeprefix("v2.0/")


def user(message: Any) -> dict[str, str]:
    return dict(getattr(message.properties, "UserProperty", []))


def told(client: Client, topic: str) -> list[tuple[str, Any]]:
    """What became of what, on a topic; what was there before is left out."""
    return [(user(m)["type"], json.loads(m.payload)) for m in list(client.got) if m.topic == topic and not m.retain]


def bare(sta: Service, path: str) -> Any:
    """An entity without what a client could find out by itself."""
    return sta.get(path, format="json;metadata=none")


class Asking:
    """A client that asks and waits for the response."""

    def __init__(self, client: Client, topic: str = "") -> None:
        self.client, self.topic, self.n = client, topic or client.responses, 0
        assert client.subscribe(self.topic) == 1

    def __call__(self, type: str, url: str, body: Any = None, **more: str) -> tuple[dict[str, str], Any]:
        self.n += 1
        given = Properties(3)
        given.ResponseTopic, given.CorrelationData = self.topic, str(self.n).encode()
        for pair in (("type", type), ("url", url), *more.items()):
            given.UserProperty = pair
        raw = b"" if body is None else json.dumps(body).encode()
        self.client.paho.publish("v2.0/$request", raw, 1, properties=given)
        (found,) = until(lambda: [m for m in list(self.client.got) if self._mine(m)])
        assert not found.payload or found.properties.ContentType == "application/json;charset=UTF-8"
        return user(found), json.loads(found.payload) if found.payload else None

    def _mine(self, message: Any) -> bool:
        return bool(getattr(message.properties, "CorrelationData", b"") == str(self.n).encode())


def test_conf_binding_mqtt_advertisement(
    sta: Service, own_house: House, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    assert not [n for n in sta.get("")["serverSettings"]["conformance"] if "mqtt" in n]
    port = port_of(door(own_house))
    named = [f"{BINDING}/{n}" for n in ("request_response", "simple_create", "pub_sub", "pub_sub/select", "pub_sub/expand", "pub_sub/filter")]  # fmt: skip
    over_mqtt = Asking(client(port, version=5))("read", "v2.0")[1]
    for settings in (sta.get("")["serverSettings"], over_mqtt["serverSettings"]):
        assert settings[BINDING] == {"endpoints": [f"mqtt://127.0.0.1:{port}"]}
        assert settings[f"{SPEC}req/binding/http"] == {"endpoints": ["http://testville/sta/v2.0"]}
        assert [n for n in settings["conformance"] if "mqtt" in n] == [f"{SPEC}req-class/binding/mqtt", *named]


def test_conf_binding_mqtt_request_response(
    sta: Service, own_house: House, buoy: dict[str, str], door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    ask = Asking(client(port_of(door(own_house)), version=5))
    head, root = ask("read", "v2.0")
    assert (head, root["@context"], root["value"][0]) == ({"status": "200"}, "v2.0/$metadata", {"name": "Things", "url": "v2.0/Things"})  # fmt: skip
    assert ask("read", "v2.0/$metadata")[1] == sta.get("$metadata")
    # reading: what need not be encoded, pages, references
    assert ask("read", buoy["Things"])[1] == bare(sta, path(buoy["Things"]))
    _, page = ask("read", "v2.0/Sensors?$filter=startswith(name,'Gauge') or name eq '50% + 1 中'&$orderby=id&$top=1")
    assert [s["name"] for s in page["value"]] == ["Gauge"]
    head, page = ask("read", "v2.0/Things?$top=1&$count=true&$orderby=id")
    assert page["@nextLink"].startswith("v2.0/Things?")
    assert [t["id"] for t in ask("read", page["@nextLink"])[1]["value"]] == sta.ids("Things", orderby="id")[1:2]
    # writing
    head, body = ask("create", "v2.0/Things", {"name": "asked", "Locations": [{"@id": buoy["Locations"]}]})
    assert (head["status"], body) == ("201", None)
    made = head["location"]
    assert sta.get(f"{path(made)}/Locations")["value"][0]["@id"].endswith(path(buoy["Locations"]))
    assert ask("update", made, {"description": "changed"}) == ({"status": "204"}, None)
    head, body = ask("replace", made, {"name": "another"}, prefer="return=representation")
    assert (head["status"], body) == ("200", bare(sta, path(made)))
    assert (body["name"], "description" in body) == ("another", False)
    assert ask("delete", made) == ({"status": "204"}, None)
    # what is refused is answered
    for type, url, status in (("read", made, "404"), ("read", "v2.0/Things?$top=x", "400"), ("read", "v1.1/Things", "404"), ("guess", "v2.0/Things", "400"), ("create", "v2.0/Things", "400")):  # fmt: skip
        head, body = ask(type, url)
        assert (head["status"], body["code"]) == (status, int(status)), (type, url)
    # the extension of batches, by the way of what is carried out
    part = {"requests": [{"id": "1", "method": "get", "url": "Things?$top=0"}]}
    assert ask("execute", "v2.0/$batch", part)[1]["responses"][0]["status"] == 200


def test_responses_are_for_nobody_else(
    own_house: House, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    opened = door(own_house)
    mine, other = client(port_of(opened), version=5), client(port_of(opened), version=5)
    assert mine.responses
    assert mine.responses != other.responses
    for filter in (mine.responses, "responses/#", "responses/+/here", "#"):
        assert other.subscribe(filter) == 1, filter  # it hears those to its own requests
    below, theirs = Asking(mine, f"{mine.responses}/here"), Asking(other, "responses/simple")
    assert below("read", "v2.0/Things?$top=0")[0]["status"] == "200"
    assert theirs("read", "v2.0/Things?$top=0")[0]["status"] == "200"
    assert [m.topic for m in other.got if m.topic.startswith("responses")] == ["responses/simple"]
    assert [m.topic for m in mine.got] == [f"{mine.responses}/here"]
    # elsewhere, or nowhere: refused with the reason
    for where in ("readings/lamp-1/trial/warmth", "responses/#", ""):
        given = Properties(3)
        given.UserProperty = ("type", "read")
        if where:
            given.ResponseTopic = where
        sent = mine.paho.publish("v2.0/$request", b"", 1, properties=given)
        sent.wait_for_publish(PATIENCE_S)
        assert until(lambda sent=sent: mine.acknowledged.get(sent.mid)).value == 0x99
    assert "responses are sent to" in opened.standing().last_refused[-1].reason
    old = client(port_of(opened))
    assert old.publish("v2.0/$request", {}) == 0  # MQTT 3.1.1 has no word for it
    assert "requests are of MQTT 5" in opened.standing().last_refused[0].reason
    assert (opened.standing().answered, opened.standing().refused) == (2, 4)


@pytest.mark.skipif(
    not shutil.which("mosquitto_rr"), reason="mosquitto_rr is not installed (apt-get install mosquitto-clients)"
)
def test_a_request_of_mosquitto_rr_is_answered(
    sta: Service, own_house: House, buoy: dict[str, str], door: Callable[..., MqttDoor]
) -> None:
    words = ["mosquitto_rr", "-h", "127.0.0.1", "-p", str(port_of(door(own_house))), "-V", "5", "-W", "15", "-t", "v2.0/$request", "-e", "responses/rr", "-n"]  # fmt: skip
    for name, value in (("type", "read"), ("url", f"{buoy['Things']}/name")):
        words += ["-D", "publish", "user-property", name, value]
    told = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(told.stdout) == {"value": "Buoy"}


def test_conf_binding_mqtt_pub_sub_entity_sets(
    sta: Service, own_house: House, buoy: dict[str, str], door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    listener = client(port_of(door(own_house)), version=5)
    for name in buoy:
        assert listener.subscribe(f"v2.0/{name}") == 1
    related = [f"{buoy['Things']}/Datastreams", f"{buoy['Datastreams']}/Observations", f"{buoy['Datastreams']}/Thing/Locations"]  # fmt: skip
    for filter in related:
        assert listener.subscribe(filter) == 1
    made = {name: sta.create(name, body) for name, body in NEW.items()}
    made["Datastreams"] = sta.create(f"{path(buoy['Things'])}/Datastreams", stream("second"))
    made["Observations"] = sta.create(f"{path(buoy['Datastreams'])}/Observations", {"phenomenonTime": at(1), "result": 1.5})  # fmt: skip
    made["HistoricalLocations"] = sta.create(
        "HistoricalLocations", {"time": at(1)["start"], "Thing": sta.link(path(buoy["Things"])), "Locations": [sta.link(path(buoy["Locations"]))]}
    )  # fmt: skip
    for name, url in made.items():
        until(lambda name=name, url=url: ("create", bare(sta, url)) in told(listener, f"v2.0/{name}"))
    until(lambda: ("create", bare(sta, made["Datastreams"])) in told(listener, related[0]))
    until(lambda: ("create", bare(sta, made["Observations"])) in told(listener, related[1]))
    # changed: as a whole, however little of it was said
    for name in set(made) - {"Observations", "HistoricalLocations"}:
        sta.ask("PATCH", path(buoy[name]), 204, json={"name": "renamed"})
        until(lambda name=name: ("update", bare(sta, path(buoy[name]))) in told(listener, f"v2.0/{name}"))
    until(lambda: ("update", bare(sta, path(buoy["Locations"]))) in told(listener, related[2]))
    sta.ask("PATCH", made["Observations"], 204, json={"result": 2.5})
    until(lambda: ("update", bare(sta, made["Observations"])) in told(listener, related[1]))
    sta.ask("PATCH", made["Observations"], 204, json={"properties": {"by": "hand"}})
    until(lambda: ("update", bare(sta, made["Observations"])) in told(listener, "v2.0/Observations"))
    # deleted: as it was
    for name in ("Observations", "Datastreams", "HistoricalLocations", *NEW):
        was = bare(sta, made[name])
        sta.ask("DELETE", made[name], 204)
        until(lambda name=name, was=was: ("delete", was) in told(listener, f"v2.0/{name}"))
    assert [act for act, _ in told(listener, related[1])] == ["create", "update", "update", "delete"]


def test_conf_binding_mqtt_pub_sub_entities_and_attributes(
    sta: Service, own_house: House, buoy: dict[str, str], door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    listener = client(port_of(door(own_house)), version=5)
    named = [name for name in buoy if name not in ("Observations", "HistoricalLocations")]
    one, raw, of = buoy["Observations"], f"{buoy['Things']}/name/$value", f"{buoy['Datastreams']}/Thing/name"
    text = f"{buoy['Sensors']}/description"
    for filter in (*(buoy[n] for n in named), *(f"{buoy[n]}/name" for n in named), one, f"{one}/result", raw, of, text):
        assert listener.subscribe(filter) == 1, filter
    for name in named:
        sta.ask("PATCH", path(buoy[name]), 204, json={"name": f"new {name}"})
        until(lambda name=name: ("update", bare(sta, path(buoy[name]))) in told(listener, buoy[name]))
        until(lambda name=name: told(listener, f"{buoy[name]}/name") == [("update", {"value": f"new {name}"})])
    until(lambda: [m.payload for m in listener.got if m.topic == raw] == [b"Buoy", b"new Things"])
    until(lambda: told(listener, of) == [("update", {"value": "new Things"})])
    sta.ask("PATCH", path(one), 204, json={"result": 7})
    until(lambda: told(listener, one) == [("update", bare(sta, path(one)))])
    assert told(listener, f"{one}/result") == [("update", {"value": 7})]
    sta.ask("PATCH", path(buoy["Sensors"]), 204, json={"description": "said"})
    until(lambda: told(listener, text) == [("update", {"value": "said"})])
    sta.ask("PATCH", path(buoy["Sensors"]), 204, json={"description": None})
    until(lambda: told(listener, text)[-1:] == [("update", {"value": None})])
    was = bare(sta, path(buoy["Things"]))
    sta.ask("DELETE", path(buoy["Things"]), 204)  # and with it its datastream
    until(lambda: ("delete", was) in told(listener, buoy["Things"]))
    until(lambda: told(listener, f"{buoy['Things']}/name")[-1] == ("delete", {"value": "new Things"}))
    until(lambda: told(listener, buoy["Datastreams"])[-1][0] == "delete")
    assert {act for act, _ in told(listener, buoy["Datastreams"])[:-1]} == {"update"}


def test_conf_binding_mqtt_pub_sub_select_expand_and_filter(
    sta: Service, own_house: House, buoy: dict[str, str], door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    listener = client(port_of(door(own_house)), version=5)
    chosen = {name: f"v2.0/{name}?$select=name" for name in NEW}
    some = f"{buoy['Datastreams']}/Observations?$select=result,phenomenonTime"
    led = f"{buoy['Datastreams']}/Observations?$expand=ProximateFeatureOfInterest,Datastream($select=name)"
    high = f"{buoy['Datastreams']}/Observations?$filter=result gt 5&$select=result"
    near = "v2.0/Things?$filter=name eq 'near'&$expand=Locations($select=name)&$select=name"
    own = f"{buoy['Datastreams']}?$select=name&$expand=Thing($select=name)"
    for filter in (*chosen.values(), some, led, high, near, own):
        assert listener.subscribe(filter) == 1, filter
    for name, body in NEW.items():
        sta.create(name, body)
        until(lambda name=name: ("create", {"name": "new"}) in told(listener, chosen[name]))
        sta.ask("PATCH", path(buoy[name]), 204, json={"name": "renamed"})
        until(lambda name=name: ("update", {"name": "renamed"}) in told(listener, chosen[name]))
    for hour, result in ((1, 3), (2, 8)):
        sta.create(f"{path(buoy['Datastreams'])}/Observations", {"phenomenonTime": at(hour), "result": result, "ProximateFeatureOfInterest": feature(f"sample {hour}")})  # fmt: skip
    until(lambda: ("create", {"phenomenonTime": at(2), "result": 8}) in told(listener, some))
    until(lambda: len(told(listener, led)) == 2)
    for (act, seen), hour in zip(told(listener, led), (1, 2), strict=True):
        assert (act, seen["ProximateFeatureOfInterest"]["name"]) == ("create", f"sample {hour}")
        assert seen["Datastream"] == {"name": "level"}
    until(lambda: told(listener, high) == [("create", {"result": 8})])
    sta.create("Things", {"name": "far", "Locations": [place("there")]})
    sta.create("Things", {"name": "near", "Locations": [place("here")]})
    until(lambda: told(listener, near) == [("create", {"name": "near", "Locations": [{"name": "here"}]})])
    sta.ask("PATCH", path(buoy["Datastreams"]), 204, json={"name": "other"})
    until(lambda: told(listener, own)[-1:] == [("update", {"name": "other", "Thing": {"name": "renamed"}})])


def test_a_correction_is_an_update_and_a_late_reading_is_not(
    sta: Service, own: Caller, own_house: House, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    listener = client(port_of(door(own_house)), version=5)
    results = "v2.0/Observations?$select=result"
    listener.subscribe(results)
    for time, value in (("03:00", 20), ("03:00", 21), ("02:59", 19), ("03:01", 22), ("03:00", 23)):
        body = f"stream,time,value\nlamp-3.trial.warmth,2026-03-10T{time}:00Z,{value}\n"
        assert own.post("/api/observations", content=body, headers={"content-type": "text/csv"}).status_code == 201
        until(lambda value=value: told(listener, results)[-1:] and told(listener, results)[-1][1] == {"result": value})
    assert [act for act, _ in told(listener, results)] == ["create", "update", "create", "create", "update"]


def test_wildcards_and_what_leads_nowhere_are_refused(
    own_house: House, buoy: dict[str, str], door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    listener = client(port_of(door(own_house)), version=5)
    for filter in ("v2.0/#", "v2.0/+", "v2.0/+/Observations", "v2.0/FeaturesOfInterest", "v2.0/Things?$top=1",
                   "v2.0/Things?$select=nmae", "v2.0/Things/$count", f"{buoy['Things']}/Datastreams/$ref", "v2.0/$request"):  # fmt: skip
        assert listener.subscribe(filter) >= 128, filter


def test_conf_binding_mqtt_simple_create(
    sta: Service, own_house: House, buoy: dict[str, str], door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    device = client(port_of(door(own_house)), version=5)
    thing, level = buoy["Things"], buoy["Datastreams"]
    bodies: dict[str, Any] = {
        **{f"v2.0/{name}": {**body, "name": f"simple {name}"} for name, body in NEW.items()},
        f"{thing}/Datastreams": {**stream("simple"), "name": "simple below"},
        f"{thing}/Locations": {**place("simple place")},
        f"{buoy['Features']}/FeatureTypes": {"name": "simple type"},
        "v2.0/Datastreams": {**stream("direct"), "name": "simple direct", "Thing": {"@id": thing}},
        "v2.0/HistoricalLocations": {"time": at(3)["start"], "Thing": {"@id": thing}, "Locations": [{"@id": buoy["Locations"]}]},
    }  # fmt: skip
    before = {where: sta.count(path(where)) for where in bodies}
    for where, body in bodies.items():
        assert device.publish(f"{where}/create", body) == 0, where
        names = [e.get("name") for e in sta.get(path(where), top=100)["value"]]
        assert body.get("name") in names, where
    assert sta.count("HistoricalLocations") > before["v2.0/HistoricalLocations"]
    # observations: numbers at times, the same twice, more than numbers, by the datastream or beside it
    said = [{"phenomenonTime": at(h), "result": h} for h in (4, 5, 6)]
    for one in (*said, *said):
        assert device.publish(f"{level}/Observations/create", one) == 0
    rich = {"phenomenonTime": {**at(7), "end": at(8)["start"]}, "result": 7, "ProximateFeatureOfInterest": feature("by MQTT")}  # fmt: skip
    assert device.publish("v2.0/Observations/create", {**rich, "Datastream": {"@id": level}}) == 0
    found = sta.get(f"{path(level)}/Observations", orderby="phenomenonTime", expand="ProximateFeatureOfInterest")["value"]  # fmt: skip
    assert [o["result"] for o in found] == [0, 4, 5, 6, 7]
    assert found[-1]["ProximateFeatureOfInterest"]["name"] == "by MQTT"
    for where, body in ((f"{level}/Observations", said[0]), ("v2.0/Things", {"name": "x"}), ("v2.0/Things/create", {}), (f"{level}/Observations/create", {"phenomenonTime": at(9), "result": "high"})):  # fmt: skip
        assert device.publish(where, body) == 0x99, where


def test_the_same_at_a_broker_of_mosquitto(
    sta: Service,
    own_house: House,
    buoy: dict[str, str],
    door: Callable[..., MqttDoor],
    client: Callable[..., Client],
    mosquitto: Callable[..., Mosquitto],
) -> None:
    broker = mosquitto()
    results = f"{buoy['Datastreams']}/Observations?$select=result"
    opened = door(own_house, url=f"mqtt://127.0.0.1:{broker.port}", publish=(results, "v2.0/Things"))
    until(lambda: opened.open)
    device = client(broker.port, version=5)
    assert device.subscribe(results) >= 0
    device.subscribe("v2.0/Things")
    ask = Asking(device, "responses/device")
    declared = ask("read", "v2.0")[1]["serverSettings"]["conformance"]
    assert f"{BINDING}/simple_create" in declared
    assert f"{BINDING}/pub_sub" not in declared  # nobody sees there who subscribed
    device.publish(f"{buoy['Datastreams']}/Observations/create", {"phenomenonTime": at(1), "result": 4.5})
    until(lambda: {"result": 4.5} in device.messages(results))
    made = ask("create", "v2.0/Things", {"name": "by mosquitto"})[0]["location"]
    until(lambda: ("create", bare(sta, path(made))) in told(device, "v2.0/Things"))
    given = Properties(3)
    given.ResponseTopic, given.UserProperty = "readings/lamp-1/trial/warmth", ("type", "read")
    device.paho.publish("v2.0/$request", b"", 1, properties=given)
    until(lambda: opened.standing().refused == 1)
    assert "no response is sent" in opened.standing().last_refused[0].reason


@pytest.mark.parametrize(
    "note",
    [
        packet.Note(),
        packet.Note("application/json", "", b"\x00\x01", (("type", "create"), ("名", "值"))),
        packet.Note("", "", b"", tuple((f"name {n}", "v" * n) for n in range(40))),
    ],
)
def test_what_is_said_beside_a_payload_against_what_is_read(note: packet.Note) -> None:
    raw = packet.message("a/b", b"payload", 1, 7, 5, note=note)
    size = next(n for n in (2, 3) if raw[n - 1] < 128)
    assert packet.publish(raw[0] & 15, raw[size:], 5) == packet.Publish("a/b", b"payload", 1, 7, note)


@pytest.mark.parametrize("raw", [b"\x05\x26\x00\x01a", b"\x02\x11\x00", b"\x03\x03\x00\x09a", b"\x01"])
def test_properties_that_are_none_end_the_line(raw: bytes) -> None:
    with pytest.raises(packet.Broken):
        packet.publish(2, b"\x00\x01a\x00\x01" + raw, 5)
