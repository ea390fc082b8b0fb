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
class Settings:
    """Where the city lives and how it is served.

    `demo_days` None leaves it to the city; `packs` are folders of packs beside those shipped; `more` are packs beside those the city names;
    `callback_networks` are networks beside the public internet in which subscribers may be called.
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
