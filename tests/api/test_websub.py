"""The hub against W3C WebSub (its sections 5 to 7), with a subscriber's server that really listens."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import signal
import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import anyio.from_thread
import pytest

from citytwin.api.house import House
from citytwin.engine import catalog, reach, relay
from citytwin.kernel.asset import Asset
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.title import Title
from tests.api.conftest import NOW, Caller, store
from tests.served import Served

LAMP = "lamp-3.trial.warmth"
NEWEST = f"http://testville/api/newest?streams={LAMP}"
EVERY = f"http://testville/api/readings.json?streams={LAMP}"
HERE = ip_network("127.0.0.0/8")


@dataclass
class Got:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Subscriber:
    """A server that confirms whatever it is asked, and answers deliveries with the codes it is given, in the end with 204."""

    codes: list[int] = field(default_factory=list)
    confirms: int = 200
    echo: str | None = None
    """What it answers in place of the challenge."""
    got: list[Got] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    """Deliveries wait for it."""
    changed: threading.Condition = field(default_factory=threading.Condition)
    url: str = ""

    def answer(self, got: Got) -> tuple[int, bytes]:
        said = self.confirms, (got.query.get("hub.challenge", "") if self.echo is None else self.echo).encode()
        with self.changed:
            self.got.append(got)
            self.changed.notify_all()
        if got.method == "GET":
            return said
        self.hold.wait(20)
        with self.changed:
            return (self.codes.pop(0) if self.codes else 204), b""

    def of(self, method: str) -> list[Got]:
        return [g for g in self.got if g.method == method]

    def wait(self, method: str, count: int, within: float = 10.0) -> list[Got]:
        """The requests of a method, once there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.of(method)) >= count, within), [
                (g.method, g.body) for g in self.got
            ]
            return self.of(method)

    def told(self) -> list[float]:
        """All values that were delivered as rows."""
        return [row["value"] for g in self.of("POST") for row in json.loads(g.body)]


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    mine = Subscriber()
    mine.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            parts = urllib.parse.urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {k.lower(): v for k, v in self.headers.items()}
            status, text = mine.answer(
                Got(self.command, parts.path, dict(urllib.parse.parse_qsl(parts.query)), headers, body)
            )
            self.send_response(status)
            if status // 100 == 3:
                self.send_header("Location", "http://169.254.169.254/")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = handle_any  # noqa: N815 - the names that the server looks for

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mine.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield mine
    mine.hold.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def make(
    build: Callable[..., House], portal: anyio.from_thread.BlockingPortal, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[House, Caller]]]:
    """A city of this test's own that may call this machine and is quick to try again."""
    monkeypatch.setattr(relay, "PAUSE_S", 0.02)
    monkeypatch.setattr(relay, "BACK_OFF_S", 0.05)
    made: list[House] = []

    def one(*networks: Any) -> tuple[House, Caller]:
        house = build(furnished=False, callback_networks=networks or (HERE,))
        lamps = [
            Asset(
                f"lamp-{n}",
                "trial.lamp",
                Title(f"{n}号灯", f"Lamp {n}"),
                {"type": "Point", "coordinates": [121.9, 30.9]},
            )
            for n in range(1, 4)
        ]
        catalog.add(house.twin, lamps)
        made.append(house)
        return house, Caller(house, portal)

    yield one
    for house in made:
        house.stop()


def form(subscriber: Subscriber, topic: str = NEWEST, mode: str = "subscribe", **more: str) -> dict[str, str]:
    return {
        "hub.mode": mode,
        "hub.callback": subscriber.url,
        "hub.topic": topic,
        **{f"hub.{k}": v for k, v in more.items()},
    }


def count(own: Caller, wanted: int) -> None:
    """Wait until there are so many subscriptions."""
    wait = threading.Event()
    for _ in range(500):
        if own.get("/websub").json()["subscriptions"] == wanted:
            return
        wait.wait(0.02)
    raise AssertionError(own.get("/websub").json())


def subscribe(own: Caller, subscriber: Subscriber, topic: str = NEWEST, **more: str) -> None:
    answer = own.post("/websub", data=form(subscriber, topic, **more))
    assert answer.status_code == 202, answer.text
    count(own, 1)


def reading(house: House, value: float, minute: int, stream: str = LAMP) -> None:
    store(house.twin, [stream], [NOW - timedelta(hours=1) + timedelta(minutes=minute)], [value])


def test_discovery_verification_and_signed_delivery(make: Callable[..., Any], subscriber: Subscriber) -> None:
    house, own = make()
    links = dict(re.findall(r'<([^>]*)>; rel="(\w+)"', own.get(f"/api/newest?streams={LAMP}").headers["link"]))
    hub, topic = ({v: k for k, v in links.items()}[rel] for rel in ("hub", "self"))
    assert (hub, topic) == ("http://testville/websub", NEWEST)
    subscriber.url += "?customer=7"
    answer = own.post(hub, data=form(subscriber, topic, secret="a secret", lease_seconds="3600"))
    assert (answer.status_code, answer.content) == (202, b"")
    (asked,) = subscriber.wait("GET", 1)
    assert asked.query["customer"] == "7"
    assert (asked.query["hub.mode"], asked.query["hub.topic"], asked.query["hub.lease_seconds"]) == (
        "subscribe",
        NEWEST,
        "3600",
    )
    assert len(asked.query["hub.challenge"]) > 30
    count(own, 1)
    reading(house, 21.5, 0)
    (told,) = subscriber.wait("POST", 1)
    assert told.query == {"customer": "7"}
    assert json.loads(told.body) == {
        "stream": [LAMP],
        "time": [round((NOW - timedelta(hours=1)).timestamp() * 1000)],
        "value": [21.5],
        "quality": [1],
        "missed": 0,
    }
    assert told.headers["content-type"] == "application/json"
    assert told.headers["link"] == f'<{hub}>; rel="hub", <{topic}>; rel="self"'
    assert told.headers["x-hub-signature"] == "sha256=" + hmac.new(b"a secret", told.body, hashlib.sha256).hexdigest()


def test_only_readings_of_the_topic_are_told(make: Callable[..., Any], subscriber: Subscriber) -> None:
    house, own = make()
    subscribe(own, subscriber, "http://testville/api/readings.csv?type=trial.warmth&asset=lamp-3")
    reading(house, 7.0, 0, "lamp-1.trial.warmth")
    reading(house, 8.0, 1)
    (told,) = subscriber.wait("POST", 1)
    assert told.headers["content-type"] == "text/csv; charset=utf-8"
    assert [line.split(",")[0].strip('"') for line in told.body.decode().splitlines()[1:]] == [LAMP]
    assert "x-hub-signature" not in told.headers


def test_unsubscribing_is_verified_too(make: Callable[..., Any], subscriber: Subscriber) -> None:
    house, own = make()
    subscribe(own, subscriber)
    subscriber.echo = "something else"
    assert own.post("/websub", data=form(subscriber, mode="unsubscribe")).status_code == 202
    subscriber.wait("GET", 2)
    reading(house, 1.0, 0)
    subscriber.wait("POST", 1)  # somebody else's wish ends nothing
    subscriber.echo = None
    assert own.post("/websub", data=form(subscriber, mode="unsubscribe")).status_code == 202
    assert "hub.lease_seconds" not in subscriber.wait("GET", 3)[-1].query
    count(own, 0)
    assert house.twin.store.fetch("SELECT count(*) AS n FROM websub_row")["n"][0].as_py() == 0


def test_who_does_not_confirm_is_not_subscribed(make: Callable[..., Any], subscriber: Subscriber) -> None:
    house, own = make()
    ways = [(404, None), (200, "no"), (302, None), (500, None), (200, "")]
    for n, (subscriber.confirms, subscriber.echo) in enumerate(ways, 1):
        assert own.post("/websub", data=form(subscriber)).status_code == 202
        subscriber.wait("GET", n)
    subscriber.confirms, subscriber.echo = 200, None
    subscribe(own, subscriber, EVERY)  # asked for after the others: only this one is there
    reading(house, 1.0, 0)
    subscriber.wait("POST", 1)
    assert [EVERY in g.headers["link"] for g in subscriber.of("POST")] == [True]
    assert own.get("/websub").json()["subscriptions"] == 1


def test_failures_are_tried_again_and_nothing_is_lost(make: Callable[..., Any], subscriber: Subscriber) -> None:
    house, own = make()
    subscriber.codes = [500, 503, 302]
    subscribe(own, subscriber, EVERY)
    for n in range(5):
        reading(house, float(n), n)
    subscriber.wait("POST", 4)
    for n in range(5, 8):
        reading(house, float(n), n)
    for _ in range(100):
        if len(subscriber.told()) and subscriber.told()[-1] == 7.0:
            break
        subscriber.wait("POST", len(subscriber.of("POST")) + 1)
    good = [row["value"] for g in subscriber.of("POST")[3:] for row in json.loads(g.body)]
    assert good == [float(n) for n in range(8)]  # each once, in order, after three refusals


def test_more_than_fits_one_delivery_comes_in_several(
    make: Callable[..., Any], subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay.Topic, "__init__", _small(relay.Topic.__init__))
    house, own = make()
    subscribe(own, subscriber, EVERY)
    store(
        house.twin,
        [LAMP] * 100,
        [NOW - timedelta(minutes=100 - n) for n in range(100)],
        [float(n % 50) for n in range(100)],
    )
    posts = subscriber.wait("POST", 15)
    assert [len(json.loads(p.body)) for p in posts] == [7] * 14 + [2]
    assert subscriber.told() == [float(n % 50) for n in range(100)]


def _small(init: Callable[..., None]) -> Callable[..., None]:
    def made(self: Any, *told: Any, **named: Any) -> None:
        init(self, *told, **{**named, "rows": 7})

    return made


def test_of_last_readings_only_the_newest_is_told_and_the_others_counted(
    make: Callable[..., Any], subscriber: Subscriber
) -> None:
    house, own = make()
    subscriber.hold.clear()
    subscribe(own, subscriber)
    for n in range(20):
        reading(house, float(n), n)
    subscriber.hold.set()
    missed, seen = 0, 0
    while True:
        posts = subscriber.wait("POST", seen + 1)
        seen = len(posts)
        told = [json.loads(p.body) for p in posts]
        if told[-1]["value"] == [19.0]:
            break
    missed = sum(t["missed"] for t in told)
    assert missed + len(told) == 20


def test_a_server_that_is_gone_or_dead_is_dropped(
    make: Callable[..., Any], subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, own = make()
    subscriber.codes = [410]
    subscribe(own, subscriber)
    reading(house, 1.0, 0)
    count(own, 0)
    subscriber.codes = [500, 500]
    monkeypatch.setattr(relay, "DEAD_S", 0.01)
    subscribe(own, subscriber)
    reading(house, 2.0, 1)
    count(own, 0)
    assert house.twin.store.fetch("SELECT count(*) AS n FROM websub_row")["n"][0].as_py() == 0
    assert len(house.hub) == 0


def test_a_subscription_ends_with_its_lease_and_may_be_renewed(
    make: Callable[..., Any], subscriber: Subscriber
) -> None:
    house, own = make()
    subscribe(own, subscriber, lease_seconds="1")
    assert subscriber.of("GET")[0].query["hub.lease_seconds"] == "60"  # the least there is
    own.post("/websub", data=form(subscriber, lease_seconds="99999999"))
    assert subscriber.wait("GET", 2)[1].query["hub.lease_seconds"] == str(30 * 86400)
    for _ in range(200):
        expires = house.twin.store.fetch("SELECT expires FROM websub_row")["expires"][0].as_py()
        if expires == NOW + timedelta(days=30):
            break
        threading.Event().wait(0.02)
    assert expires == NOW + timedelta(days=30)
    reading(house, 1.0, 0)
    subscriber.wait("POST", 1)
    count(own, 1)
    house.twin.clock.moment = NOW + timedelta(days=31)
    reading(house, 2.0, 1)
    count(own, 0)
    assert len(subscriber.of("POST")) == 1


def test_what_came_in_while_nobody_served_is_told_afterwards(
    make: Callable[..., Any], subscriber: Subscriber, portal: Any
) -> None:
    house, own = make()
    subscribe(own, subscriber, EVERY)
    reading(house, 1.0, 0)
    subscriber.wait("POST", 1)
    house.stop()
    house.at_stop.clear()
    reading(house, 2.0, 1)
    again = Caller(house, portal)
    subscriber.wait("POST", 2)
    assert again.get("/websub").json()["subscriptions"] == 1
    assert subscriber.told() == [1.0, 2.0]


def test_a_slow_subscriber_holds_nobody_up(make: Callable[..., Any], subscriber: Subscriber) -> None:
    house, own = make()
    subscriber.hold.clear()
    subscribe(own, subscriber, EVERY)
    reading(house, 0.0, 0)
    subscriber.wait("POST", 1)  # it has been told, and does not answer
    for n in range(1, 50):
        reading(house, float(n), n)
    assert own.get(f"/api/newest?streams={LAMP}").json()["value"] == [49.0]
    assert len(subscriber.of("POST")) == 1
    subscriber.hold.set()


def test_observations_of_a_datastream_are_told_as_the_service_has_them(
    make: Callable[..., Any], subscriber: Subscriber
) -> None:
    house, own = make()
    reading(house, 9.0, -1)
    url = f"http://testville/sta/v1.1/Datastreams('{LAMP}')/Observations"
    topic = re.findall(
        r'<([^>]*)>; rel="self"',
        own.get(url, params={"$filter": "result gt 5", "$expand": "Datastream($select=name)"}).headers["link"],
    )[0]
    subscribe(own, subscriber, topic)
    reading(house, 1.0, 0)
    reading(house, 6.0, 1)
    (told,) = subscriber.wait("POST", 1)
    (one,) = json.loads(told.body)["value"]
    assert one["result"] == 6.0
    assert one["Datastream"]["name"] == "3号灯 温度"
    kept = own.get(one["@iot.selfLink"]).json()
    assert (kept["result"], kept["phenomenonTime"]) == (6.0, one["phenomenonTime"])


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"hub.mode": "publish"}, 400, "subscribe or unsubscribe"),
        ({"hub.mode": ""}, 400, "hub.mode"),
        ({"hub.callback": ""}, 400, "hub.callback"),
        ({"hub.callback": "ftp://example.org/"}, 400, "http or https"),
        ({"hub.callback": "http://user:secret@example.org/"}, 400, "without user"),
        ({"hub.callback": "http://example.org/#x"}, 400, "http or https"),
        ({"hub.callback": "http://exa mple.org/\r\nX: y"}, 400, "address"),
        ({"hub.topic": "http://elsewhere/api/newest"}, 404, "http://testville/"),
        ({"hub.topic": "http://testville/api/assets"}, 404, "/api/newest"),
        ({"hub.topic": "http://testville/api/newest?colour=red"}, 400, "colour"),
        ({"hub.topic": "http://testville/api/readings.json?since=2026-01-01"}, 400, "since"),
        ({"hub.topic": "http://testville/api/readings.doc"}, 404, "form"),
        ({"hub.topic": "http://testville/sta/v1.1/Datastreams('nobody')/Observations"}, 404, "nobody"),
        (
            {"hub.topic": f"http://testville/sta/v1.1/Datastreams('{LAMP}')/Observations?$filter=result%20gt"},
            400,
            "expected",
        ),
        ({"hub.topic": f"http://testville/sta/v1.1/Datastreams('{LAMP}')/Observations?$top=5"}, 400, "$top"),
        ({"hub.topic": "http://testville/api/newest?assets=水"}, 400, "percent-encode"),
        ({"hub.topic": "http://testville/api/newest?assets=a\r\nX: y"}, 400, "percent-encode"),
        ({"hub.topic": 'http://testville/api/newest?assets=a>; rel="x"'}, 400, "percent-encode"),
        ({"hub.secret": "x" * 200}, 400, "200"),
        ({"hub.lease_seconds": "long"}, 400, "seconds"),
    ],
)
def test_requests_at_fault_are_refused_in_plain_words(
    client: Caller, subscriber: Subscriber, change: dict[str, str], status: int, says: str
) -> None:
    answer = client.post("/websub", data=form(subscriber) | change)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/plain; charset=utf-8")
    assert says in answer.text
    assert not subscriber.got


def test_other_ways_to_ask_are_refused(
    make: Callable[..., Any], subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, own = make()
    assert own.post("/websub", json={}).status_code == 415
    assert own.request("PUT", "/websub").status_code == 405
    assert own.post("/websub", data={"x": "y" * 20_000}).status_code == 413
    monkeypatch.setattr(relay, "PENDING", 0)
    answer = own.post("/websub", data=form(subscriber))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
        "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    ],
)  # fmt: skip
def test_private_networks_are_not_called(address: str) -> None:
    assert not reach.permitted(ip_address(address), ())
    assert not reach.permitted(ip_address(address), [ip_network("203.0.113.0/24")])


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_the_public_internet_is_called(address: str) -> None:
    assert reach.permitted(ip_address(address), ())


def test_networks_that_are_named_are_called() -> None:
    assert reach.permitted(ip_address("10.1.2.3"), [ip_network("10.0.0.0/8")])
    assert reach.permitted(ip_address("::ffff:10.1.2.3"), [ip_network("10.0.0.0/8")])
    assert not reach.permitted(ip_address("10.1.2.3"), [ip_network("10.2.0.0/16"), ip_network("fc00::/7")])


def test_a_subscriber_on_this_machine_is_not_called_unless_its_network_is_named(
    make: Callable[..., Any], subscriber: Subscriber
) -> None:
    _, own = make(ip_network("10.0.0.0/8"))
    named = subscriber.url
    for host in ("127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"):
        subscriber.url = named.replace("127.0.0.1", host)
        assert own.post("/websub", data=form(subscriber)).status_code == 202
        with pytest.raises(reach.Unreached):
            reach.request("GET", subscriber.url, {}, within=2)
    assert own.get("/websub").json()["subscriptions"] == 0
    assert not subscriber.got


def test_a_name_is_looked_up_once_and_that_address_is_called(
    subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads to a public address first and home a moment later reaches nothing at home."""
    answers = iter([("8.8.8.8", 80), ("127.0.0.1", 80)])
    called: list[str] = []

    def connect(address: tuple[str, int], timeout: float = 0) -> socket.socket:
        called.append(address[0])
        raise OSError("refused")

    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *a, **k: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", next(answers))]
    )
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(reach.Unreached):
        reach.request("GET", "http://rebinding.example/", {})
    assert called == ["8.8.8.8"]


def test_a_server_that_trickles_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def trickle() -> None:
            line, _ = server.accept()
            with line:
                try:
                    line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while not stop.wait(0.05):
                        line.sendall(b"a")
                except OSError:
                    pass

        thread = threading.Thread(target=trickle)
        thread.start()
        with pytest.raises(reach.Unreached):
            reach.request("GET", f"http://127.0.0.1:{server.getsockname()[1]}/", {}, networks=[HERE], within=0.5)
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "http://",
        "http:///x",
        "gopher://a/",
        "http://a:99999/",
        "http://a:0/",
        "http://[::1",
        "http://ä/",
        "http://a/" + "x" * 2000,
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadRequest):
        reach.parsed(url)


def test_a_network_that_is_none_is_refused_by_the_command(command: Callable[..., Any], tmp_path: Path) -> None:
    done = command("serve", "--home", str(tmp_path / "home"), "--callback-network", "10.0.0.1/8")
    assert done.returncode == 2
    assert "10.0.0.1/8 is not a network" in done.stderr


def test_over_the_network_and_over_kill_9(
    serve: Callable[..., Served], town: str, tmp_path: Path, subscriber: Subscriber
) -> None:
    words = ("--city", town, "--demo-days", "1", "--callback-network", "127.0.0.1")
    served = serve(tmp_path / "home", *words)
    stream = served.get("/api/streams?type=base.temperature&limit=1")["items"][0]["id"]
    body = urllib.parse.urlencode(form(subscriber, f"{served.url}/api/readings.json?streams={stream}")).encode()
    with urllib.request.urlopen(f"{served.url}/websub", body, timeout=30) as answer:
        assert answer.status == 202
    subscriber.wait("GET", 1)
    for _ in range(200):
        if served.get("/websub")["subscriptions"] == 1:
            break
        threading.Event().wait(0.05)

    def send(value: float) -> None:
        row = [{"stream": stream, "time": datetime.now(UTC).isoformat(), "value": value}]
        assert served.post("/api/observations", json.dumps(row).encode())[0] == 201

    send(11.25)
    subscriber.wait("POST", 1)
    assert 11.25 in subscriber.told()
    served.stop(signal.SIGKILL)
    served = serve(tmp_path / "home", *words)
    send(12.25)
    for n in range(2, 50):
        subscriber.wait("POST", n, 30)
        if 12.25 in subscriber.told():
            break
    assert 12.25 in subscriber.told()


SECOND = "http://testville/sta/v2.0"


def bodies(subscriber: Subscriber) -> list[Any]:
    return [json.loads(g.body) for g in subscriber.of("POST")]


def said(told: list[Any]) -> list[Any]:
    """The entities of pages that were delivered, in order."""
    return [entity for page in told for entity in page["value"]]


def test_new_and_changed_entities_of_sensorthings_2_against_get(
    make: Callable[..., Any], subscriber: Subscriber
) -> None:
    _, own = make()
    topic = f"{SECOND}/Things?$select=name,description&$filter=startswith(name,'Buoy')"
    subscribe(own, subscriber, topic)
    made = own.post(f"{SECOND}/Things", json={"name": "Buoy 1"}).headers["location"]
    own.post(f"{SECOND}/Things", json={"name": "Mast"})
    subscriber.wait("POST", 1)
    assert own.request("PATCH", made, json={"description": "off the jetty"}).status_code == 204
    subscriber.wait("POST", 2)
    own.request("DELETE", made)
    own.post(f"{SECOND}/Things", json={"name": "Buoy 2"})
    subscriber.wait("POST", 3)
    assert [(e["name"], e.get("description")) for e in said(bodies(subscriber))] == [
        ("Buoy 1", None), ("Buoy 1", "off the jetty"), ("Buoy 2", None)
    ]  # fmt: skip
    assert subscriber.of("POST")[0].headers["link"].endswith(f'<{topic}>; rel="self"')


@pytest.mark.parametrize("part", ["", "/name", "?$select=name,id&$expand=Locations($select=name)"])
def test_an_entity_or_a_property_of_it_is_told_when_it_changes(
    make: Callable[..., Any], subscriber: Subscriber, part: str
) -> None:
    _, own = make()
    one, other = (own.post(f"{SECOND}/Things", json={"name": n}).headers["location"] for n in ("one", "other"))
    subscribe(own, subscriber, one + part)
    for name in ("new", "newer"):
        own.request("PATCH", other, json={"name": name})
        own.request("PATCH", one, json={"name": name})
        subscriber.wait("POST", len(subscriber.of("POST")) + 1)
    shown = own.get(one + part).json()
    assert bodies(subscriber)[-1] == shown
    assert [b.get("name", b.get("value")) for b in bodies(subscriber)] == ["new", "newer"]


def test_observations_of_sensorthings_2_against_get(make: Callable[..., Any], subscriber: Subscriber) -> None:
    house, own = make()
    reading(house, 1, 0)
    topic = f"{SECOND}/Datastreams('{LAMP}')/Observations"
    subscribe(own, subscriber, topic)
    for minute in (1, 2):
        reading(house, minute + 0.5, minute)
        reading(house, 9, minute, "lamp-2.trial.warmth")
        subscriber.wait("POST", minute)
    known = own.get(f"{topic}?$orderby=phenomenonTime").json()["value"]
    assert said(bodies(subscriber)) == known[1:]


def test_entities_that_changed_while_the_hub_was_away_are_told_after_a_restart(
    make: Callable[..., Any], subscriber: Subscriber, portal: anyio.from_thread.BlockingPortal
) -> None:
    house, own = make()
    subscribe(own, subscriber, f"{SECOND}/Sensors?$select=name")
    subscriber.codes[:] = [500] * 100
    own.post(f"{SECOND}/Sensors", json={"name": "while it failed"})
    subscriber.wait("POST", 1)
    house.stop()  # the hub ends with the delivery still owed
    subscriber.codes.clear()
    subscriber.got.clear()
    again = Caller(house, portal)
    count(again, 1)
    (told,) = subscriber.wait("POST", 1)[:1]
    assert json.loads(told.body)["value"] == [{"name": "while it failed"}]


@pytest.mark.parametrize(
    ("topic", "word"),
    [
        ("/Observations", "too much"),
        ("/Things?$top=5", "$top"),
        ("/Things/$count", "no topic"),
        ("/Nothings", "no topic"),
        ("/Things('nobody')", "Things('nobody')"),
        ("/Things?$filter=name%20gt", "expected"),
    ],
)
def test_what_is_no_topic_of_sensorthings_2_is_refused_with_the_reason(
    make: Callable[..., Any], subscriber: Subscriber, topic: str, word: str
) -> None:
    _, own = make()
    answer = own.post("/websub", data=form(subscriber, SECOND + topic))
    assert answer.status_code in (400, 404)
    assert word in answer.text
