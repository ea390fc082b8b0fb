"""The city at a broker that is there: every reading that was published is there once, whoever is killed in between."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from citytwin.api.house import House
from citytwin.api.mqtt import bridge
from citytwin.api.mqtt.door import MqttDoor
from citytwin.kernel.errors import BadRequest
from tests.api.conftest import Caller
from tests.api.mqtt.conftest import Client, Mosquitto, free_port, until
from tests.served import Served

LAMP = "lamp-3.trial.warmth"
TOPIC = "v1.1/Observations"


def said(n: int) -> dict[str, Any]:
    time = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=n)
    return {"phenomenonTime": time.isoformat(), "result": n / 10, "Datastream": {"@iot.id": LAMP}}


def recorded(house: House) -> list[float]:
    rows = house.rows("SELECT value FROM observation WHERE stream = $s ORDER BY time", {"s": LAMP})
    return [round(r["value"] * 10, 6) for r in rows]


@pytest.fixture
def broker(mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    return mosquitto()


@pytest.fixture
def opened(own_house: House, door: Callable[..., MqttDoor], broker: Mosquitto) -> MqttDoor:
    made = door(own_house, url=f"mqtt://127.0.0.1:{broker.port}")
    until(lambda: made.open)
    return made


def test_what_is_published_at_the_broker_is_recorded_and_told_there(
    own: Caller, own_house: House, opened: MqttDoor, broker: Mosquitto, client: Callable[..., Client]
) -> None:
    device = client(broker.port)
    device.subscribe("readings/#")
    for n in range(3):
        device.publish(TOPIC, said(n))
    until(lambda: recorded(own_house) == [0.0, 1.0, 2.0])
    until(lambda: [m["value"] for m in device.messages("readings/lamp-3/trial/warmth")] == [0, 0.1, 0.2])
    late = client(broker.port)
    late.subscribe(f"v1.1/Datastreams('{LAMP}')/Observations")
    until(lambda: late.got)  # the broker kept the last one
    assert late.got[0].retain
    assert late.messages(f"v1.1/Datastreams('{LAMP}')/Observations") == [
        own.get(f"/sta/v1.1/Datastreams('{LAMP}')/Observations?$orderby=phenomenonTime desc&$top=1").json()["value"][0]
    ]
    told = own.get("/api/doors/mqtt").json()
    assert (told["received"], told["recorded"], told["refused"]) == (
        3,
        3,
        0,
    )  # what we publish does not come back to us
    assert own.get("/sta/v1.1").json()["serverSettings"]["conformance"][-1].endswith("receive-updates")


def test_only_what_is_declared_is_published(
    own_house: House, door: Callable[..., MqttDoor], broker: Mosquitto, client: Callable[..., Client]
) -> None:
    chosen = "v1.1/Observations?$select=result"
    made = door(own_house, url=f"mqtt://127.0.0.1:{broker.port}", publish=(chosen,))
    until(lambda: made.open)
    listener = client(broker.port)
    listener.subscribe("#")
    listener.publish(TOPIC, said(7))
    until(lambda: listener.messages(chosen) == [{"result": 0.7}])
    assert {m.topic for m in listener.got} == {chosen, TOPIC}


@pytest.mark.parametrize("hard", [False, True], ids=["stopped", "killed"])
def test_a_broker_that_ends_in_mid_stream_and_starts_again_costs_no_reading_and_doubles_none(
    own: Caller, own_house: House, opened: MqttDoor, broker: Mosquitto, client: Callable[..., Client], hard: bool
) -> None:
    device = client(broker.port, "steady", clean=False)
    told = []
    for n in range(300):
        if n == 150:
            until(lambda: len(recorded(own_house)) > 20)
            broker.kill(hard)
            until(lambda: not opened.open)
            assert "mqtt" not in own.get("/sta/v1.1").text
            assert "lost" in opened.standing().fault
            broker.start()
        told.append(device.paho.publish(TOPIC, json.dumps(said(n)).encode(), 1))
    until(lambda: all(one.mid in device.acknowledged for one in told))
    until(lambda: opened.open)
    # a mosquitto that is killed forgets what it acknowledged since it last wrote its file: that is its own to answer for
    certain = [float(n) for n in range(150 if hard else 0, 300)]
    until(lambda: set(certain) <= set(recorded(own_house)))
    sql = "SELECT count(*) - count(DISTINCT s.time) AS twice FROM sensing AS s JOIN datastream AS d ON d.key = s.key WHERE d.id = $s"
    until(lambda: opened.standing().pending == 0)
    assert own_house.rows(sql, {"s": LAMP}) == [{"twice": 0}]
    assert opened.standing().connections == 2


def test_a_message_is_not_acknowledged_to_the_broker_before_it_is_durable(
    own_house: House,
    opened: MqttDoor,
    broker: Mosquitto,
    client: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acknowledged: list[int] = []
    client_of_ours = opened.bridge._client  # type: ignore[union-attr]
    ack = client_of_ours.ack
    monkeypatch.setattr(
        client_of_ours, "ack", lambda mid, qos: (acknowledged.append(len(recorded(own_house))), ack(mid, qos))
    )
    let = threading.Event()
    record = own_house.twin.store.record

    def slow(arrivals: Any) -> Any:
        assert let.wait(20)
        return record(arrivals)

    monkeypatch.setattr(own_house.twin.store, "record", slow)
    device = client(broker.port)
    for n in range(5):
        device.publish(TOPIC, said(n))
    until(lambda: opened.standing().pending == 5)
    assert acknowledged == []
    let.set()
    until(lambda: len(acknowledged) == 5)
    assert all(there >= n for n, there in enumerate(acknowledged, 1)), acknowledged


def test_what_cannot_be_recorded_now_is_tried_again(
    own_house: House,
    opened: MqttDoor,
    broker: Mosquitto,
    client: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bridge, "AGAIN_S", 0.1)
    record = own_house.twin.store.record
    fails = iter([True] * 3)

    def full(arrivals: Any) -> Any:
        if next(fails, False):
            raise OSError("no space left on device")
        return record(arrivals)

    monkeypatch.setattr(own_house.twin.store, "record", full)
    client(broker.port).publish(TOPIC, said(1))
    until(lambda: recorded(own_house) == [1.0])
    until(lambda: opened.standing().pending == 0)
    assert (opened.standing().recorded, opened.standing().refused) == (1, 0)


def test_a_message_at_fault_is_kept_with_its_reason(
    own: Caller, opened: MqttDoor, broker: Mosquitto, client: Callable[..., Client]
) -> None:
    device = client(broker.port)
    device.publish(TOPIC, b"{", wait=True)
    device.publish("v1.1/Things('x')/Observations", b"{}", wait=True)
    until(lambda: opened.standing().refused == 2)
    assert "not JSON" in own.get("/api/doors/mqtt").json()["last_refused"][1]["reason"]


def test_a_broker_that_wants_a_password_and_speaks_tls(
    own_house: House, door: Callable[..., MqttDoor], mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    passwords, key, certificate = tmp_path / "passwords", tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(passwords), "city", "s:e/cret"], check=True, capture_output=True
    )
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    secure = mosquitto(f"password_file {passwords}\ncertfile {certificate}\nkeyfile {key}\nallow_anonymous false\n")
    stranger = door(own_house, url=f"mqtts://city:wrong@127.0.0.1:{secure.port}", authority=str(certificate))
    until(lambda: "refuses" in stranger.standing().fault)
    assert not stranger.open
    stranger.close()
    made = door(own_house, url=f"mqtts://city:s%3Ae%2Fcret@127.0.0.1:{secure.port}", authority=str(certificate))
    until(lambda: made.open)
    assert made.endpoints == [f"mqtts://127.0.0.1:{secure.port}"]  # and no password


def test_a_broker_that_is_not_there_is_waited_for(own: Caller, own_house: House, door: Callable[..., MqttDoor]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        made = door(own_house, url=f"mqtt://127.0.0.1:{nobody.getsockname()[1]}")
        until(lambda: made.standing().fault)
        told = own.get("/api/doors/mqtt").json()
        assert (told["open"], told["connected"], told["fault"]) == (True, False, "the broker does not answer")
        assert "mqtt" not in own.get("/sta/v1.1").text


@pytest.mark.parametrize("url", ["tcp://host", "mqtt://", "mqtt://host:x", "mqtt://host/path", "host:1883"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(BadRequest) as told:
        bridge.address(url)
    assert told.value.hint == "mqtt://host:1883, or mqtts://user:password@host:8883"


@pytest.mark.parametrize("own_broker", [False, True], ids=["mosquitto", "own broker"])
def test_the_server_killed_in_mid_stream_loses_no_reading_and_doubles_none(
    serve: Callable[..., Served],
    mosquitto: Callable[..., Mosquitto],
    client: Callable[..., Client],
    tmp_path: Path,
    own_broker: bool,
) -> None:
    city = tmp_path / "city"
    city.mkdir()
    (city / "city.yaml").write_text(
        "id: crash\ntitle: {zh: 市, en: Crash}\nzone: Asia/Shanghai\ncenter: [121.93, 30.89]\n"
        "bounds: [121.85, 30.85, 121.98, 30.93]\npacks: [hello]\n",
        "utf-8",
    )
    port = free_port() if own_broker else mosquitto().port
    way = ("--mqtt-port", str(port)) if own_broker else ("--mqtt", f"mqtt://127.0.0.1:{port}")
    given = ("--city", str(city), "--demo-days", "0.1", *way)
    first = serve(tmp_path / "home", *given)
    until(lambda: first.get("/api/doors/mqtt")["connected"])
    device = client(port, "steady", clean=False)
    begin = datetime(2026, 1, 1, tzinfo=UTC)

    def publish(n: int) -> Any:
        row = {"lamp": "lamp-01", "time": (begin + timedelta(seconds=n)).isoformat(), "watts": n}
        return device.paho.publish("hello/controller", json.dumps(row).encode(), 1)

    told = [publish(n) for n in range(200)]
    until(lambda: first.get("/api/doors/mqtt")["recorded"] >= 50)
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait(30)
    told += [publish(n) for n in range(200, 400)]
    second = serve(tmp_path / "home", *given)
    until(lambda: all(one.mid in device.acknowledged for one in told), 40)

    def readings() -> list[float]:
        asked = "$filter=phenomenonTime%20lt%202026-01-02T00:00:00Z&$orderby=phenomenonTime&$top=1000&$select=result"
        found = second.get(f"/sta/v1.1/Datastreams('lamp-01.hello.power')/Observations?{asked}")["value"]
        return [round(o["result"] * 1000) for o in found]

    until(lambda: len(readings()) >= 400, 30)
    until(lambda: second.get("/api/doors/mqtt")["pending"] == 0)
    assert readings() == list(range(400))
    assert second.stop() == 0


def test_a_city_without_mqtt_loads_no_client() -> None:
    code = "import sys, citytwin.cli.run; sys.exit('paho' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_said_wrong_on_the_command_line_is_told(command: Callable[..., Any], tmp_path: Path) -> None:
    both = command("serve", "--home", str(tmp_path / "a"), "--mqtt", "mqtt://x", "--mqtt-port", "1883")
    assert both.returncode == 1
    assert "one cannot use a broker and be one" in both.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        told = command("serve", "--home", str(tmp_path / "b"), "--demo-days", "0", "--port", "0", "--mqtt-port", port)
    assert told.returncode == 1
    assert f"port {port} is taken" in told.stderr
    assert "Traceback" not in told.stderr
