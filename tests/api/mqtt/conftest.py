"""Clients of paho, brokers of mosquitto, and doors of MQTT for tests."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from citytwin.api.house import House
from citytwin.api.mqtt.door import MqttDoor
from citytwin.engine import catalog
from citytwin.kernel.asset import Asset
from citytwin.kernel.title import Title
from citytwin.settings import Mqtt
from tests.api.conftest import NOW, store

paho = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
from paho.mqtt.enums import CallbackAPIVersion  # noqa: E402
from paho.mqtt.properties import Properties  # noqa: E402

PATIENCE_S = 20


@pytest.fixture
def own_house(build: Callable[..., House]) -> House:
    """A city of this test's own: three lamps, one of which has not reported."""
    house = build(furnished=False)
    place = {"type": "Point", "coordinates": [121.9, 30.9]}
    catalog.add(house.twin, [Asset(f"lamp-{n}", "trial.lamp", Title("灯", f"Lamp {n}"), place) for n in range(1, 4)])
    streams = ["lamp-1.trial.warmth", "lamp-2.trial.warmth"]
    store(house.twin, streams, [NOW - timedelta(hours=2)] * 2, [40.0, -15.0])
    return house


def until(what: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """What is waited for, once it is there: other processes and threads have to get there."""
    stop = time.monotonic() + patience_s
    while time.monotonic() < stop:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about in time")


class Client:
    """A client of paho that remembers what it was sent."""

    def __init__(self, port: int, name: str = "", version: int = 4, clean: bool = True, token: str = "") -> None:
        self.got: list[Any] = []
        self.granted: list[Any] = []
        self.acknowledged: dict[int, Any] = {}
        self.connected = threading.Event()
        self.hook: Callable[[Any], None] = lambda _: None
        self.paho = paho.Client(
            CallbackAPIVersion.VERSION2,
            name,
            protocol=version,
            **({"clean_session": clean} if version == 4 else {}),
        )
        if token:
            self.paho.username_pw_set("anybody", token)
        self.refused: list[str] = []
        self.responses = ""
        self.paho.on_connect = self._welcome
        self.paho.on_message = self._take
        self.paho.on_subscribe = lambda c, u, mid, codes, p: self.granted.append(codes)
        self.paho.on_publish = lambda c, u, mid, code, p: self.acknowledged.__setitem__(mid, code)
        more: dict[str, Any] = {}
        if version == 5:
            lasting = Properties(1)
            lasting.SessionExpiryInterval = 0 if clean else 600
            lasting.RequestResponseInformation = 1
            more = {"clean_start": clean, "properties": lasting}
        self.paho.reconnect_delay_set(1, 1)
        self.paho.connect_async("127.0.0.1", port, 30, **more)
        self.paho.loop_start()
        assert until(lambda: self.connected.is_set() or self.refused), "the broker does not answer"

    def _welcome(self, client: Any, _: Any, flags: Any, reason: Any, properties: Any) -> None:
        self.responses = getattr(properties, "ResponseInformation", "")
        if reason.is_failure:
            self.refused.append(str(reason))
        else:
            self.connected.set()

    def _take(self, client: Any, _: Any, message: Any) -> None:
        self.got.append(message)
        self.hook(message)

    def subscribe(self, filter: str, qos: int = 1) -> int:
        """Subscribe and wait for what was granted: the code."""
        n = len(self.granted)
        self.paho.subscribe(filter, qos)
        until(lambda: len(self.granted) > n)
        return int(self.granted[n][0].value)

    def publish(self, topic: str, payload: Any, qos: int = 1, wait: bool = True) -> int:
        """Publish; the reason code of the acknowledgement."""
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        told = self.paho.publish(topic, raw, qos)
        if wait:
            told.wait_for_publish(PATIENCE_S)
            code = until(lambda: self.acknowledged.get(told.mid))
            return int(code.value)
        return 0

    def messages(self, topic: str) -> list[Any]:
        """The payloads that came on a topic."""
        return [json.loads(m.payload) for m in list(self.got) if m.topic == topic]

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    """`client(port)`: a client of paho."""
    made: list[Client] = []

    def make(port: int, *given: Any, **more: Any) -> Client:
        made.append(Client(port, *given, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def door() -> Iterator[Callable[..., MqttDoor]]:
    """`door(house)`: the city is a broker; `door(house, url=…)`: it uses one."""
    made: list[MqttDoor] = []

    def make(house: House, **given: Any) -> MqttDoor:
        made.append(MqttDoor(house, Mqtt(**{"port": 0, **given}), "http://testville"))
        return made[-1]

    yield make
    for one in made:
        if one._house.mqtt is one:
            one.close()


def port_of(door: MqttDoor) -> int:
    assert door.broker is not None
    return door.broker.port


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Mosquitto:
    """A broker of Eclipse Mosquitto that keeps its sessions on disk, and may be killed and started again."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        folder.mkdir(exist_ok=True)
        self.config = folder / "mosquitto.conf"
        self.config.write_text(
            f"user root\nlistener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/\nautosave_interval 1\nautosave_on_changes true\nmax_queued_messages 0\n"
            f"max_inflight_messages 0\n{more}"
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [_mosquitto(), "-c", str(self.config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

        def listens() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return True
            except OSError:
                return False

        until(listens)

    def kill(self, hard: bool = True) -> None:
        if self.process:
            (self.process.kill if hard else self.process.terminate)()
            self.process.wait(10)
            self.process = None


def _mosquitto() -> str:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin") or ""


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """`mosquitto()`: a broker in a process of its own."""
    if not _mosquitto():
        pytest.skip("mosquitto is not installed (apt-get install mosquitto mosquitto-clients)")
    made: list[Mosquitto] = []

    def make(more: str = "") -> Mosquitto:
        made.append(Mosquitto(tmp_path / f"mosquitto{len(made)}", more))
        return made[-1]

    yield make
    for one in made:
        one.kill()
