"""How was this process started? Read once by the command line and passed on explicitly."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The door of MQTT: a broker that is there (`url`), or one of our own at `host`:`port`.

    `publish` are filters of what is published at a broker that is there; `authority` is a file of certificates that its own is checked against.
    """

    url: str = ""
    host: str = "127.0.0.1"
    port: int = 1883
    publish: tuple[str, ...] = ("readings/#", "v1.1/#")
    authority: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_s` requests a second, and up to `burst` at once after a pause; per_s 0 is without a limit."""

    per_s: float
    burst: float


@dataclass(frozen=True, slots=True)
class Rates:
    """How often one caller may read and change, and how often an address may ask of which nobody is known.

    A page of the web app asks some twenty questions, a wall of Grafana some hundred. Readings are not slowed, nor is the command line of the city's own machine.
    """

    read: Rate = Rate(100, 600)
    change: Rate = Rate(30, 300)
    nobody: Rate = Rate(20, 300)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the city lives and how it is served.

    `demo_days` None leaves it to the city; `packs` are folders of packs beside those shipped; `more` are packs beside those the city names;
    `callback_networks` are networks beside the public internet in which subscribers may be called; `proxies` are those in front of the city:
    what they say of whom a request is from (X-Forwarded-For, X-Forwarded-Proto) is believed, and of nobody else.
    """

    home: Path
    city: str = "lingang"
    host: str = "127.0.0.1"
    port: int = 8460
    demo_days: float | None = None
    packs: tuple[Path, ...] = ()
    more: tuple[str, ...] = ()
    memory: str = "4GB"
    threads: int = 0
    callback_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    mqtt: Mqtt | None = None
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    rates: Rates = Rates()
