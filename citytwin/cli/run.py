"""`citytwin run` and `citytwin serve`: open a city and let people in."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TextIO

from citytwin.api.house import House
from citytwin.api.mqtt.door import MqttDoor
from citytwin.api.serve import serve as serve_house
from citytwin.cli import status
from citytwin.cli.home import MOST_MOVES, Home, live, open_home, say_serving, stop_serving
from citytwin.engine import edit, handle, keep, measure, signin, track, watch
from citytwin.engine.feeds.declare import FILE
from citytwin.engine.feeds.run import Runner
from citytwin.engine.heed import Lookout
from citytwin.engine.ingest import Intake
from citytwin.engine.notify import declare as notify
from citytwin.engine.notify.run import Notifier
from citytwin.engine.oidc import Provider
from citytwin.engine.people import People
from citytwin.engine.schedule import Schedule
from citytwin.engine.simulate import Simulator
from citytwin.kernel.errors import BadRequest, CityTwinError, StoreFailed
from citytwin.settings import Mqtt, Rate, Rates, Settings
from citytwin.store import room

AGAIN_S = 2
"""How often it is looked whether there is room on the disk again."""
LOOK_S = 2
DEMO_S = 60
TRACK_S = 900
HEALTH_S = 60


def add(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The two commands and their options."""
    for name, home, help in (
        ("run", ".home", "create the reference city if need be, and serve it"),
        ("serve", None, "serve a city, creating its home if it is not there"),
    ):
        p = sub.add_parser(
            name,
            help=help,
            description=f"{help[0].upper()}{help[1:]}. Ctrl-C or SIGTERM stops it cleanly; starting again goes on where it stood.",
            epilog="example: citytwin serve --home /srv/lingang --city lingang --host 127.0.0.1 --port 8460 --demo-days 30",
        )
        p.add_argument(
            "--home",
            type=Path,
            default=home and Path(home),
            required=home is None,
            metavar="DIR",
            help="where the city's data live",
        )
        p.add_argument(
            "--city",
            default="lingang",
            metavar="ID",
            help="a city that is shipped, or a folder with a city.yaml (default: lingang)",
        )
        p.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        p.add_argument("--port", type=_port, default=8460, help="port to listen on (default: 8460)")
        p.add_argument(
            "--demo-days",
            type=_days,
            default=None,
            metavar="D",
            help="days of demo readings in a new city; 0 for none (default: as the city says)",
        )
        p.add_argument(
            "--packs",
            type=Path,
            action="append",
            default=[],
            metavar="DIR",
            help="a folder of more packs; may be repeated",
        )
        p.add_argument(
            "--with",
            dest="more",
            action="append",
            default=[],
            metavar="PACK",
            help="a pack beside those the city names; may be repeated",
        )
        p.add_argument(
            "--no-auth",
            action="store_true",
            help="ask nobody who they are; on a loopback address only, for trying things out",
        )
        p.add_argument(
            "--second-factor",
            choices=("nobody", "rulers", "everybody"),
            default="nobody",
            help="who may do nothing before they have set up a second factor: nobody, rulers (administrators) or everybody; not those who come by the city's identity provider",
        )
        p.add_argument("--memory", default="4GB", help="most memory of the store (default: 4GB)")
        p.add_argument(
            "--callback-network",
            dest="callback_networks",
            type=_network,
            action="append",
            default=[],
            metavar="NET",
            help="a network beside the public internet in which subscribers (WebSub) may be called, such as 10.0.0.0/8; may be repeated",
        )
        p.add_argument(
            "--proxy",
            dest="proxies",
            type=_network,
            action="append",
            default=[],
            metavar="NET",
            help="a reverse proxy in front, such as 127.0.0.1: what it says of whom a request is from, and that it came by TLS, is believed; may be repeated",
        )
        p.add_argument(
            "--rate",
            dest="rates",
            type=_rate,
            action="append",
            default=[],
            metavar="KIND=N/BURST",
            help="how often a second one caller may read or change, or an address of which nobody is known (nobody) may ask, and how often at once: read=100/600; 0 for no limit; may be repeated",
        )
        p.add_argument("--threads", type=int, default=0, help="threads of the store (default: all cores)")
        p.add_argument(
            "--mqtt",
            default="",
            metavar="URL",
            help="listen and publish at a broker: mqtt://[user:password@]host[:port], mqtts:// for TLS (or the variable CITYTWIN_MQTT)",
        )
        p.add_argument(
            "--mqtt-ca", default="", metavar="FILE", help="certificates that the broker's is checked against"
        )
        p.add_argument(
            "--mqtt-publish",
            action="append",
            default=[],
            metavar="FILTER",
            help="what is published at the broker; may be repeated (default: readings/# and v1.1/#)",
        )
        p.add_argument(
            "--mqtt-port",
            type=_port,
            default=None,
            metavar="N",
            help="be a broker: serve MQTT on this port (0 takes any free one)",
        )
        p.add_argument(
            "--mqtt-host", default="127.0.0.1", metavar="HOST", help="address of that port (default: 127.0.0.1)"
        )
        p.set_defaults(action=serve)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 65536:
        raise argparse.ArgumentTypeError(f"{port} is not a port (1 to 65535; 0 takes any free one)")
    return port


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days <= 3660:
        raise argparse.ArgumentTypeError(f"{text} is not a number of days (0 to 3660)")
    return days


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(f"{text} is not a network ({e}); such as 10.0.0.0/8 or 127.0.0.1") from None


def _rate(text: str) -> tuple[str, Rate]:
    kind, _, rest = text.partition("=")
    often, _, burst = rest.partition("/")
    try:
        rate = Rate(float(often), float(burst or 6 * float(often)))
        if kind not in Rates.__slots__ or not (rate.per_s == 0 or (rate.per_s > 0 and rate.burst >= 1)):
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text} is not a rate such as {' or '.join(Rates.__slots__)}=100/600"
        ) from None
    return kind, rate


def settings(given: argparse.Namespace) -> Settings:
    """The settings a command line stands for."""
    return Settings(
        given.home,
        given.city,
        given.host,
        given.port,
        given.demo_days,
        tuple(p.resolve() for p in given.packs),
        tuple(given.more),
        given.memory,
        given.threads,
        tuple(given.callback_networks),
        _mqtt(given),
        tuple(given.proxies),
        Rates(**dict(given.rates)),
    )


def _mqtt(given: argparse.Namespace) -> Mqtt | None:
    url = given.mqtt or os.environ.get("CITYTWIN_MQTT", "")
    if url and given.mqtt_port is not None:
        raise BadRequest("one cannot use a broker and be one", "give --mqtt or --mqtt-port", "--mqtt-port")
    if not url and given.mqtt_port is None:
        return None
    publish = tuple(given.mqtt_publish) or Mqtt().publish
    return Mqtt(url, given.mqtt_host, given.mqtt_port or 0, publish, given.mqtt_ca)


def serve(given: argparse.Namespace) -> int:
    """Open the city, serve it, and keep it up to date until told to stop."""
    began = time.monotonic()

    def say(text: str) -> None:
        _print(f"[{time.monotonic() - began:5.1f} s] {text}", sys.stderr)

    chosen = settings(given)
    if given.no_auth and not _loopback(chosen.host):
        raise BadRequest(
            f"--no-auth would let everybody in at {chosen.host}", "leave it out, or serve on 127.0.0.1", "--no-auth"
        )
    home = _opened(chosen, say)
    twin = home.twin
    people = None if given.no_auth else People(twin.store, twin.clock)
    if people:
        people.secured = given.second_factor
    key = "" if given.no_auth else secrets.token_urlsafe(32)
    if full := room.short(chosen.home):
        say(
            f"{full}. What is on record is served; nothing new is recorded until there is room: make some, no restart is needed"
        )
    keep.check(twin)
    intake = Intake(twin)
    simulator = Simulator(twin)
    elsewhere = signin.opened(chosen.home, twin.store, people) if people else None
    for warning in elsewhere.warnings(people) if elsewhere and people else ():
        say(f"{signin.FILE}: {warning}")
    feeds = Runner(twin, intake, chosen.home)
    for fault in feeds.declared.every_fault:
        say(f"{FILE}: {fault}")
    notifier = Notifier(
        twin, chosen.home, feeds, chosen.callback_networks, lambda people: house.hub.tell_people(people)
    )
    for fault in notifier.declared.faults:
        say(f"{notify.FILE}: {fault}")
    schedule = Schedule(twin.clock)
    lookout = Lookout(twin)
    _keep_up(schedule, home, simulator, lookout)
    screen = status.screen(twin, twin.clock.now())

    doors: list[MqttDoor] = []

    def ready(url: str) -> None:
        if chosen.mqtt:
            doors.append(MqttDoor(house, chosen.mqtt, url))
            say(f"MQTT at {doors[0].endpoints[0]}")
        say_serving(chosen.home, url, key)
        _print(f"{screen}\n\n  → {url}\n", sys.stdout)
        _print(_entrance(people, url), sys.stdout)
        lookout.start()
        schedule.start()
        feeds.start()
        notifier.start(url)
        if elsewhere and elsewhere.provider:
            threading.Thread(target=_look, args=(elsewhere.provider, say), daemon=True).start()

    try:
        house = House(
            twin,
            intake,
            simulator,
            people=people,
            key=key,
            loopback=given.no_auth,
            signin=elsewhere,
            demo=home.player is not None,
            feeds=feeds,
            notifier=notifier,
            callback_networks=chosen.callback_networks,
            rates=chosen.rates,
        )
        if people:
            schedule.add("people", timedelta(seconds=60), lambda _: people.keep_up(), timedelta(seconds=30))
        schedule.add("health", timedelta(seconds=HEALTH_S), lambda _: house.health(), timedelta(seconds=10))
        serve_house(house, chosen.host, chosen.port, ready, chosen.proxies)
    finally:
        stop_serving(chosen.home)
        feeds.close()
        for door in doors:
            door.close()
        schedule.close()
        intake.close()
        lookout.close()
        notifier.close()
        simulator.close()
        home.close()
    say("stopped")
    return 0


def _look(provider: Provider, say: Callable[[str], None]) -> None:
    """Say how the identity provider stands; the city is served meanwhile, and without it."""
    try:
        provider.look()
    except CityTwinError as e:
        say(
            f"{signin.FILE}: {e.message}; {e.hint}. Passwords of this city go on; the provider is asked again when somebody comes"
        )
    else:
        say(f"people sign in through {provider.declared.issuer}")


def _loopback(host: str) -> bool:
    """Whether only this machine can come in there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _entrance(people: People | None, url: str) -> str:
    """What whoever starts a city is told of how to get in."""
    if people is None:
        return "  !! --no-auth: 任何能访问本机的人都可以查看和修改一切 · whoever reaches this machine may see and change everything\n"
    if people.settled:
        return "  请登录 · sign in\n"
    try:
        link = f"{url}/welcome#{people.first()}"
    except StoreFailed as e:
        return f"  !! 暂时无法设置管理员：磁盘空间不足？ · nobody can be let in for now: {e.message}; start it again once there is room\n"
    return f"  首次启动：用此链接设置管理员密码（一次有效，24 小时内）\n  first start: set the administrator's password with this link (good once, for 24 hours)\n  → {link}\n"


def _print(text: str, where: TextIO) -> None:
    """Tell whoever looks. What is told may go to a file on the disk that is full: that must not end the server."""
    with contextlib.suppress(OSError):
        print(text, file=where, flush=True)


def _opened(chosen: Settings, say: Callable[[str], None]) -> Home:
    """The city, once there is room on the disk for what has to be written to open it."""
    while True:
        try:
            return open_home(chosen, say)
        except StoreFailed as e:
            if not room.short(chosen.home):
                raise
            say(f"{e}\nwaiting: the city starts by itself as soon as there is room; Ctrl-C ends this")
        while room.short(chosen.home):
            time.sleep(AGAIN_S)  # another process makes room, and tells nobody


def _keep_up(schedule: Schedule, home: Home, simulator: Simulator, lookout: Lookout) -> None:
    """What a served city does by itself."""
    twin, player = home.twin, home.player
    seen = {"batch": -1}
    trust = keep.Trust()

    def look() -> None:
        """Judge and compute what has come in since the last look."""
        batch = twin.store.fetch("SELECT coalesce(max(batch), 0) AS n FROM batch")["n"][0].as_py()
        now = twin.clock.now()
        if batch == seen["batch"]:
            return
        seen["batch"] = batch
        edit.keep_up(twin)
        watch.watch(twin, now, lookout)
        handle.handle(twin, now)

    schedule.add("watch", timedelta(seconds=LOOK_S), lambda _: look())
    schedule.add("measure", timedelta(seconds=30), lambda now: measure.measure(twin, now), timedelta(seconds=15))
    schedule.add("silence", timedelta(seconds=60), lambda now: watch.watch(twin, now, lookout), timedelta(seconds=60))
    schedule.add("cases", timedelta(seconds=60), lambda now: handle.handle(twin, now), timedelta(seconds=30))
    schedule.add("roll", timedelta(seconds=60), lambda _: twin.store.roll(), timedelta(seconds=20))
    schedule.add("sort", timedelta(seconds=60), lambda _: twin.store.sort(), timedelta(seconds=40))
    schedule.add(
        "keep", timedelta(seconds=600), lambda now: keep.keep(twin, now, trust.believes(now)), timedelta(seconds=300)
    )
    schedule.add("track", timedelta(seconds=TRACK_S), lambda now: track.track(twin, now), timedelta(seconds=TRACK_S))
    schedule.add("simulate", timedelta(seconds=60), simulator.due, timedelta(seconds=5))
    if player:
        schedule.add("demo", timedelta(seconds=DEMO_S), lambda now: live(twin, player, now), timedelta(seconds=DEMO_S))
        schedule.add(
            "demo people", timedelta(seconds=60), lambda now: player.decide(now, most=MOST_MOVES), timedelta(seconds=50)
        )
