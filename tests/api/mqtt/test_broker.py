"""The city as a broker: what devices publish is recorded once it is acknowledged, and whoever subscribes hears of the city."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from citytwin.api.house import House
from citytwin.api.mqtt import packet
from citytwin.api.mqtt.broker import REFUSED
from citytwin.api.mqtt.door import MqttDoor
from citytwin.engine.topics import Topics
from citytwin.kernel.topic import Topic
from tests.api.conftest import NOW, Caller, store
from tests.api.mqtt.conftest import Client, port_of, until

LAMP = "lamp-3.trial.warmth"
BUOY = {
    "name": "Buoy", "description": "", "Locations": [{"name": "Jetty", "description": "", "encodingType": "application/geo+json",
        "location": {"type": "Point", "coordinates": [121.95, 30.88]}}],
    "Datastreams": [{"name": "level", "description": "", "observationType": "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement",
        "unitOfMeasurement": {"name": "metre", "symbol": "m", "definition": "ucum:m"},
        "Sensor": {"name": "gauge", "description": "", "encodingType": "text/plain", "metadata": "gauge"},
        "ObservedProperty": {"name": "level", "definition": "urn:level", "description": ""}}],
}  # fmt: skip


@pytest.fixture
def buoy(own: Caller) -> str:
    """The id of a registered datastream."""
    answer = own.post("/sta/v1.1/Things", json=BUOY)
    assert answer.status_code == 201, answer.text
    thing = answer.json()["@iot.id"]
    return str(own.get(f"/sta/v1.1/Things('{thing}')/Datastreams").json()["value"][0]["@iot.id"])


def observations(own: Caller, stream: str) -> list[tuple[str, Any]]:
    found = own.get(f"/sta/v1.1/Datastreams('{stream}')/Observations?$orderby=phenomenonTime&$top=1000").json()
    return [(o["phenomenonTime"], o["result"]) for o in found["value"]]


@pytest.mark.parametrize("version", [4, 5])
def test_an_observation_published_is_there_once_it_is_acknowledged(
    own: Caller, own_house: House, buoy: str, door: Callable[..., MqttDoor], client: Callable[..., Client], version: int
) -> None:
    device = client(port_of(door(own_house)), version=version)
    topic = f"v1.1/Datastreams('{buoy}')/Observations"
    assert device.publish(topic, {"phenomenonTime": "2026-03-10T03:00:00Z", "result": 1.5}) == 0
    named = {"phenomenonTime": "2026-03-10T03:01:00Z", "result": 1.75, "Datastream": {"@iot.id": buoy}}
    assert device.publish("v1.1/Observations", named) == 0
    assert device.publish(topic, {"phenomenonTime": "2026-03-10T03:02:00Z", "result": 2}, qos=2) == 0
    assert observations(own, buoy) == [
        ("2026-03-10T03:00:00Z", 1.5), ("2026-03-10T03:01:00Z", 1.75), ("2026-03-10T03:02:00Z", 2)
    ]  # fmt: skip


def test_a_message_that_comes_twice_is_one_observation(
    own: Caller, own_house: House, buoy: str, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    device = client(port_of(door(own_house)))
    topic = f"v1.1/Datastreams('{buoy}')/Observations"
    said = [{"phenomenonTime": f"2026-03-10T03:0{n}:00Z", "result": n} for n in range(3)]
    for one in [*said, *said]:
        device.publish(topic, one)
    device.publish("v1.1/Observations", {**said[0], "Datastream": {"@iot.id": buoy}})
    assert [r for _, r in observations(own, buoy)] == [0, 1, 2]


def test_a_deep_insert_brings_its_feature(
    own: Caller, own_house: House, buoy: str, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    device = client(port_of(door(own_house)))
    feature = {"name": "Pier", "description": "", "encodingType": "text/plain", "feature": "the pier"}
    said = {"phenomenonTime": "2026-03-10T03:00:00Z", "result": 1, "FeatureOfInterest": feature}
    device.publish(f"v1.1/Datastreams('{buoy}')/Observations", said)
    found = own.get(f"/sta/v1.1/Datastreams('{buoy}')/Observations?$expand=FeatureOfInterest").json()["value"]
    assert [o["FeatureOfInterest"]["name"] for o in found] == ["Pier"]


def test_what_is_told_of_an_observation_is_what_get_answers(
    own: Caller, own_house: House, buoy: str, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    listener = client(port_of(door(own_house)))
    whole = f"v1.1/Datastreams('{buoy}')/Observations"
    part = f"{whole}?$select=result,phenomenonTime"
    for filter in (whole, part, "v1.1/Observations", "v1.1/+/Observations"):
        assert listener.subscribe(filter) == 1
    for n in (1, 2.5):
        own.post(
            f"/sta/v1.1/Datastreams('{buoy}')/Observations",
            json={"phenomenonTime": f"2026-03-10T03:0{int(n)}:00Z", "result": n},
        )
    until(lambda: len(listener.messages(part)) == 2 and len(listener.messages("v1.1/Observations")) == 2)
    asked = own.get(f"/sta/v1.1/Datastreams('{buoy}')/Observations?$orderby=phenomenonTime").json()["value"]
    assert listener.messages("v1.1/Observations") == asked
    assert listener.messages(part) == [{"phenomenonTime": o["phenomenonTime"], "result": o["result"]} for o in asked]
    # one message for the filter that names the topic, one for the filter with a wildcard
    assert sorted(json.dumps(o) for o in listener.messages(whole)) == sorted(json.dumps(o) for o in [*asked, *asked])


def test_observations_of_every_door_are_told(
    own: Caller, own_house: House, buoy: str, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    listener = client(port_of(door(own_house)))
    results, readings = "v1.1/Observations?$select=result", "readings/lamp-3/trial/warmth"
    listener.subscribe(results)
    listener.subscribe("readings/#")
    body = f"stream,time,value\n{LAMP},2026-03-10T03:00:00Z,20\n"
    assert own.post("/api/observations", content=body, headers={"content-type": "text/csv"}).status_code == 201
    assert own.post("/write?precision=s", content=f"trial,stream={LAMP} warmth=21.5 1773111660").status_code == 204
    said = {"phenomenonTime": "2026-03-10T03:02:00Z", "result": 22, "Datastream": {"@iot.id": LAMP}}
    assert listener.publish("v1.1/Observations", said) == 0
    said = {"phenomenonTime": "2026-03-10T03:03:00Z", "result": 23, "Datastream": {"@iot.id": LAMP}}
    assert own.post("/sta/v1.1/Observations", json=said).status_code == 201
    until(lambda: listener.messages(results) == [{"result": r} for r in (20, 21.5, 22, 23)])
    assert listener.messages(readings) == [
        {"stream": LAMP, "time": f"2026-03-10T03:0{n}:00Z", "value": v, "quality": 1}
        for n, v in enumerate((20.0, 21.5, 22.0, 23.0))
    ]
    path = f"/sta/v1.1/Datastreams('{buoy}')/Observations"
    own.post(path, json={"phenomenonTime": "2026-03-10T03:00:00Z", "result": "calm"})  # more than a number
    until(lambda: {"result": "calm"} in listener.messages(results))


def test_changes_of_entities_and_properties_are_told(
    own: Caller, own_house: House, buoy: str, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    listener = client(port_of(door(own_house)))
    thing = own.get(f"/sta/v1.1/Datastreams('{buoy}')/Thing").json()["@iot.id"]
    one, name = f"v1.1/Things('{thing}')", f"v1.1/Things('{thing}')/name"
    stream, span = f"v1.1/Datastreams('{buoy}')", f"v1.1/Datastreams('{buoy}')/phenomenonTime"
    for filter in ("v1.1/Things", one, name, stream, span, "v1.1/Locations?$select=name"):
        assert listener.subscribe(filter) == 1
    until(lambda: listener.messages(name) == [{"name": "Buoy"}])  # what it is now, at once
    assert own.request("PATCH", f"/sta/v1.1/Things('{thing}')", json={"name": "Buoy 8"}).status_code == 200
    assert own.post("/sta/v1.1/Things", json={**BUOY, "name": "Another"}).status_code == 201
    own.post(
        f"/sta/v1.1/Datastreams('{buoy}')/Observations", json={"phenomenonTime": "2026-03-10T03:00:00Z", "result": 7}
    )
    until(lambda: listener.messages(name) == [{"name": "Buoy"}, {"name": "Buoy 8"}])
    until(lambda: {t["name"] for t in listener.messages("v1.1/Things")} == {"Buoy 8", "Another"})
    assert listener.messages(one)[-1] == own.get(f"/sta/v1.1/Things('{thing}')").json()
    until(lambda: {"name": "Jetty"} in listener.messages("v1.1/Locations?$select=name"))
    until(lambda: {"phenomenonTime": "2026-03-10T03:00:00Z"} in listener.messages(span))
    until(lambda: own.get(f"/sta/v1.1/Datastreams('{buoy}')").json() in listener.messages(stream))


def test_who_subscribes_hears_the_last_value_first(
    own: Caller, own_house: House, buoy: str, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    for n in (1, 2):
        own.post(
            f"/sta/v1.1/Datastreams('{buoy}')/Observations",
            json={"phenomenonTime": f"2026-03-10T03:0{n}:00Z", "result": n},
        )
    listener = client(port_of(door(own_house)))
    listener.subscribe(f"v1.1/Datastreams('{buoy}')/Observations?$select=result")
    listener.subscribe("readings/+/trial/warmth")
    until(lambda: len(listener.got) == 3)  # of lamp-1 and lamp-2, and the observation
    assert all(m.retain for m in listener.got)
    assert listener.messages(f"v1.1/Datastreams('{buoy}')/Observations?$select=result") == [{"result": 2}]
    latest = own.get("/api/newest?streams=lamp-1.trial.warmth").json()
    assert listener.messages("readings/lamp-1/trial/warmth")[0]["value"] == latest["value"][0]


def test_a_filter_that_leads_nowhere_is_refused(
    own_house: House, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    listener = client(port_of(door(own_house)))
    for filter in ("v1.1/Thinks", "v1.1/Things?$top=1", "v1.1/Things?$select=nmae", "v1.1/Things/$count"):
        assert listener.subscribe(filter) == 128, filter
    five = client(port_of(own_house.mqtt), version=5)  # type: ignore[arg-type]
    assert five.subscribe("v1.1/Thinks") >= 128


FAULTS = [
    ("nobody/declares/this", b"21.5", "no pack declares the topic"),
    ("v1.1/Observations", b"{", "not JSON"),
    ("v1.1/Observations", b'{"result": 1}', "names no Datastream"),
    ("v1.1/Things", b'{"name": "x", "description": ""}', "only Observations"),
    ("v1.1/Nothing", b"{}", "there is no entity set"),
    ("readings/lamp-3/trial/warmth", b"3", "no pack declares the topic"),
    ("v1.1/Datastreams('x')/Observations", b'{"result": 1}', "there is no"),
]


def test_messages_at_fault_are_counted_kept_and_told_to_nobody(
    own: Caller, own_house: House, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    port = port_of(door(own_house))
    device, listener = client(port, version=5), client(port)
    listener.subscribe("#")
    until(lambda: len(listener.got) == 2)  # the last readings
    for n, (topic, payload, reason) in enumerate(FAULTS, 1):
        assert device.publish(topic, payload) == REFUSED
        told = own.get("/api/doors/mqtt").json()
        assert (told["received"], told["recorded"], told["refused"]) == (n, 0, n)
        assert told["last_refused"][0]["topic"] == topic
        assert reason in told["last_refused"][0]["reason"]
        assert told["last_refused"][0]["payload"] == payload.decode()
    assert device.publish("v1.1/Observations", {"result": 3, "Datastream": {"@iot.id": LAMP}}) == 0
    until(lambda: len(listener.got) > 2)
    assert not {m.topic for m in listener.got} & {topic for topic, _, _ in FAULTS[:1] + FAULTS[3:5] + FAULTS[6:]}


def test_a_device_is_heard_on_the_topic_of_its_pack_and_by_who_subscribed_to_it(
    own_house: House, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    opened = door(own_house)
    (trial,) = own_house.twin.packs
    opened.post.topics = Topics([replace(trial, topics=(Topic("trial/{asset}/{stream}", "number"),))])
    device, listener = client(port_of(opened)), client(port_of(opened))
    listener.subscribe("trial/#")
    device.publish("trial/LAMP-3/warmth", 21.5)
    device.publish("trial/lamp-3/cold", 3)
    device.publish("trial/lamp-9/warmth", 3)
    device.publish("trial/lamp-3/warmth", "hot")
    assert own_house.rows("SELECT value FROM observation WHERE stream = $s", {"s": LAMP}) == [{"value": 21.5}]
    until(lambda: opened.standing().refused == 3)
    assert [m.topic for m in listener.got] == ["trial/LAMP-3/warmth"]
    told = [r.reason for r in opened.standing().last_refused]
    assert "not a number" in told[0]
    assert "asset 'lamp-9' is not on record" in told[1]
    assert "stream type 'trial.cold' is not declared" in told[2]


def test_an_oversize_packet_ends_the_line_and_is_told(
    own: Caller, own_house: House, door: Callable[..., MqttDoor]
) -> None:
    with socket.create_connection(("127.0.0.1", port_of(door(own_house))), 5) as line:
        line.sendall(greeting("huge"))
        assert line.recv(4) == b"\x20\x02\x00\x00"
        line.sendall(b"\x30\xff\xff\xff\x7f")  # a message of 256 MiB is announced
        assert line.recv(1) == b""
    told = own.get("/api/doors/mqtt").json()
    assert told["refused"] == 1
    assert "268435455 bytes" in told["last_refused"][0]["reason"]
    assert told["last_refused"][0]["client"] == "huge"


def greeting(name: str, keep_alive_s: int = 60) -> bytes:
    head = b"\x00\x04MQTT\x04\x02" + keep_alive_s.to_bytes(2, "big")
    return packet.packed(packet.CONNECT, 0, head, len(name).to_bytes(2, "big"), name.encode())


NOISE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x10\xff\xff\xff\xff\xff",
    b"\x30\x00",
    greeting("a") + b"\xf0\x00",
    greeting("a") + b"\x32\x02\x00\x00",
    b"\x10\x02\x00\x09",
]


def test_noise_ends_the_line_and_no_other(
    own_house: House, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    port = port_of(door(own_house))
    other = client(port)
    for noise in NOISE:
        with socket.create_connection(("127.0.0.1", port), 5) as line:
            line.sendall(noise)
            while line.recv(4096):
                pass
    assert other.subscribe("v1.1/Observations") == 1


def test_a_client_of_another_version_is_told_so(own_house: House, door: Callable[..., MqttDoor]) -> None:
    with socket.create_connection(("127.0.0.1", port_of(door(own_house))), 5) as line:
        line.sendall(packet.packed(packet.CONNECT, 0, b"\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01a"))
        assert line.recv(4) == b"\x20\x02\x00\x01"


def test_a_slow_subscriber_never_slows_what_is_recorded(
    own: Caller, own_house: House, door: Callable[..., MqttDoor]
) -> None:
    opened = door(own_house)
    with socket.create_connection(("127.0.0.1", port_of(opened)), 5) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        line.sendall(greeting("slow"))
        assert line.recv(4) == b"\x20\x02\x00\x00"
        line.sendall(packet.packed(packet.SUBSCRIBE, 2, b"\x00\x01", b"\x00\x0areadings/#", b"\x00"))
        until(lambda: opened.standing().sent >= 2)  # and from now on it reads nothing
        for n in range(12):
            times = [NOW - timedelta(hours=2) + timedelta(milliseconds=5000 * n + m) for m in range(5000)]
            store(own_house.twin, [LAMP] * 5000, times, [float(n)] * 5000)
        session = opened.broker._sessions["slow"]  # type: ignore[union-attr]
        until(lambda: opened.standing().missed > 0)
        assert len(session.outbox) <= session.outbox.room
        line.settimeout(10)
        data, deadline = b"", time.monotonic() + 15
        last = b'"time":"2026-03-10T02:00:59.999Z","value":11.0'
        while last not in data and time.monotonic() < deadline:
            data += line.recv(1 << 16)
        assert last in data  # the newest came after all
    found = own_house.rows("SELECT count(*) AS n FROM observation WHERE stream = $s", {"s": LAMP})
    assert found == [{"n": 60_000}]


def test_a_session_that_lasts_gets_what_came_while_it_was_away(
    own: Caller, own_house: House, buoy: str, door: Callable[..., MqttDoor], client: Callable[..., Client]
) -> None:
    port = port_of(door(own_house))
    topic = f"v1.1/Datastreams('{buoy}')/Observations?$select=result"
    first = client(port, "steady", clean=False)
    first.subscribe(topic)
    first.close()
    until(lambda: own_house.mqtt.standing().clients == 0)  # type: ignore[union-attr]
    for n in (1, 2, 3):
        own.post(
            f"/sta/v1.1/Datastreams('{buoy}')/Observations",
            json={"phenomenonTime": f"2026-03-10T03:0{n}:00Z", "result": n},
        )
    second = client(port, "steady", clean=False)
    until(lambda: second.messages(topic) == [{"result": 1}, {"result": 2}, {"result": 3}])


def test_what_cannot_be_recorded_now_is_not_acknowledged_and_comes_again(
    own: Caller,
    own_house: House,
    buoy: str,
    door: Callable[..., MqttDoor],
    client: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = own_house.twin.store.record
    full = threading.Event()

    def record(arrivals: Any) -> Any:
        if not full.is_set():
            raise OSError("no space left on device")
        return real(arrivals)

    monkeypatch.setattr(own_house.twin.store, "record", record)
    device = client(port_of(door(own_house)), "tenacious", clean=False)
    said = {"phenomenonTime": "2026-03-10T03:00:00Z", "result": 4, "Datastream": {"@iot.id": LAMP}}
    told = device.paho.publish("v1.1/Observations", json.dumps(said).encode(), 1)
    time.sleep(0.3)
    assert not told.is_published()
    full.set()
    told.wait_for_publish(20)
    assert told.is_published()
    assert observations(own, LAMP) == [("2026-03-10T03:00:00Z", 4)]


def test_the_landing_page_tells_of_mqtt_while_the_door_is_open(
    own: Caller, own_house: House, door: Callable[..., MqttDoor]
) -> None:
    def told() -> tuple[bool, Any]:
        settings = own.get("/sta/v1.1").json()["serverSettings"]
        name = "http://www.opengis.net/spec/iot_sensing/1.1/req/receive-updates-via-mqtt/receive-updates"
        return name in settings["conformance"], settings.get(name)

    assert told() == (False, None)
    assert own.get("/api/doors/mqtt").json()["open"] is False
    opened = door(own_house)
    assert told() == (True, {"endpoints": [f"mqtt://127.0.0.1:{port_of(opened)}"]})
    opened.close()
    assert told() == (False, None)


@pytest.mark.skipif(not shutil.which("mosquitto_pub"), reason="mosquitto-clients are not installed")
def test_the_clients_of_mosquitto_work_unchanged(
    own: Caller, own_house: House, buoy: str, door: Callable[..., MqttDoor]
) -> None:
    port = str(port_of(door(own_house)))
    topic = f"v1.1/Datastreams('{buoy}')/Observations"
    with subprocess.Popen(
        [
            "mosquitto_sub",
            "-p",
            port,
            "-q",
            "1",
            "-C",
            "3",
            "-W",
            "20",
            "-t",
            f"{topic}?$select=result",
            "-V",
            "mqttv5",
        ],
        stdout=subprocess.PIPE,
    ) as listening:
        until(lambda: own_house.mqtt.news._subjects)  # type: ignore[union-attr]
        for n, version in ((1, "mqttv311"), (2, "mqttv5"), (3, "mqttv311")):
            said = json.dumps({"phenomenonTime": f"2026-03-10T03:0{n}:00Z", "result": n})
            subprocess.run(
                ["mosquitto_pub", "-p", port, "-q", str(n - 1), "-t", topic, "-m", said, "-V", version],
                check=True,
                timeout=20,
            )
        out, _ = listening.communicate(timeout=30)
    told = [json.loads(line)["result"] for line in out.splitlines()]
    assert sorted(told) == [1, 2, 3]  # of three clients: in no order
