"""Is the door of MQTT open, and what came through it? Opens a broker of our own or a line to one that is there, and tells how it stands."""

from __future__ import annotations

import msgspec

from citytwin.api.house import House
from citytwin.api.mqtt.bridge import Bridge, address
from citytwin.api.mqtt.broker import Broker
from citytwin.api.mqtt.news import News
from citytwin.api.mqtt.post import Post, Refused
from citytwin.api.mqtt.service import services
from citytwin.api.route import Route
from citytwin.settings import Mqtt


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the door of MQTT stands: messages `received`, `recorded`, `refused` (the last of them with the reason) and `dropped`, requests `answered`, those being recorded now;
    messages `sent`, and those `missed` since a subscriber, or we, were too slow for all of them."""

    open: bool
    connected: bool = False
    endpoints: list[str] = []
    fault: str = ""
    clients: int = 0
    connections: int = 0
    received: int = 0
    recorded: int = 0
    refused: int = 0
    answered: int = 0
    dropped: int = 0
    pending: int = 0
    sent: int = 0
    waiting: int = 0
    missed: int = 0
    topics: list[str] = []
    last_refused: list[Refused] = []


class MqttDoor:
    """The door of a house. `url` is where the city is served over HTTP, for the links in what is published. Raises CityTwinError where it cannot be opened."""

    def __init__(self, house: House, settings: Mqtt, url: str) -> None:
        if settings.url:
            address(settings.url)  # said now, before anything is started
        spoken = services(house, url)
        self.post = Post(house, spoken)
        self.news = News(house, spoken, retained=bool(settings.url))
        self.broker: Broker | None = None
        self.bridge: Bridge | None = None
        self._house = house
        try:
            if settings.url:
                name = f"citytwin-{house.twin.city.id}"
                self.bridge = Bridge(self.post, self.news, settings.url, name, settings.publish, settings.authority)
            else:
                self.broker = Broker(self.post, self.news, settings.host, settings.port)
        except BaseException:
            self.news.close()
            self.post.close()
            raise
        house.mqtt = self

    @property
    def endpoints(self) -> list[str]:
        """Where clients find it."""
        if self.bridge:
            return [self.bridge.address.shown]
        assert self.broker is not None
        host = f"[{self.broker.host}]" if ":" in self.broker.host else self.broker.host
        return [f"mqtt://{host}:{self.broker.port}"]

    @property
    def open(self) -> bool:
        """Whether a message would come through now."""
        return self.bridge.connected if self.bridge else True

    def standing(self) -> Standing:
        """How it stands."""
        count, way = self.post.count, self.bridge or self.broker
        assert way is not None
        return Standing(
            open=True,
            connected=self.open,
            endpoints=self.endpoints,
            fault=self.bridge.fault if self.bridge else "",
            clients=self.broker.clients if self.broker else 0,
            connections=self.bridge.connections if self.bridge else 0,
            received=count.received,
            recorded=count.recorded,
            refused=count.refused,
            answered=count.answered,
            dropped=count.dropped,
            pending=way.pending,
            sent=way.sent,
            waiting=way.waiting,
            missed=self.news.missed + way.missed,
            topics=self.post.topics.filters,
            last_refused=list(self.post.refused)[::-1],
        )

    def close(self) -> None:
        """Let everybody go; what came in is recorded."""
        self._house.mqtt = None
        for way in (self.bridge, self.broker):
            if way:
                way.close()
        self.news.close()
        self.post.close()


def standing(house: House) -> Standing:
    """How the door of MQTT stands, and the last messages that were refused"""
    return house.mqtt.standing() if house.mqtt else Standing(open=False)


ROUTES: tuple[Route, ...] = (Route("GET", "/doors/mqtt", standing),)
