"""What is declared in `notify.yaml`? Read strictly and held against the city, with every fault named at its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from citytwin.engine import load, reach, shape, strict
from citytwin.engine.feeds.secret import reveal
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadRequest, CityTwinError, Fault
from citytwin.kernel.feed import Secret
from citytwin.kernel.message import (  # fmt: skip
    EVERYBODY,
    IN_APP,
    Channel,
    MessageRoute,
    NotifyFile,
    RobotChannel,
    SmtpChannel,
    To,
    WebhookChannel,
)
from citytwin.kernel.rota import Rota, clock

FILE = "notify.yaml"
EVERYTHING = NotifyFile(routes=(MessageRoute("everything", ("alarm", "channel_failing"), To(everybody=True)),))
"""What holds where no file says more, or it cannot be read: alarms are shown to everybody in the app."""
PUBLIC = {
    "wecom": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={token}",
    "dingtalk": "https://oapi.dingtalk.com/robot/send?access_token={token}",
    "feishu": "https://open.feishu.cn/open-apis/bot/v2/hook/{token}",
}
"""Where the robots of each platform are."""
MOST = {"people": 5000, "rotas": 200, "routes": 500, "channels": 50}
BOUNDS: dict[str, tuple[float, float]] = {
    "port": (1, 65_535),
    "timeout_s": (0.1, 120),
    "per_minute": (1, 6000),
    "give_up_days": (1, 60),
    "keep_days": (1, 3660),
    "after_min": (1, 10_080),
}
MAIL = re.compile(r"[^@\s<>\"\x00-\x1f\x7f-\U0010ffff]{1,64}@[A-Za-z0-9.-]{1,200}")


@dataclass(frozen=True, slots=True)
class Declared:
    """What the file says, where it lies, every fault, and the channels at fault, each with the first of its faults: what is for those waits."""

    file: NotifyFile = EVERYTHING
    path: Path | None = None
    faults: tuple[Fault, ...] = ()
    idle: dict[str, str] = field(default_factory=dict)


def read(home: Path | None, twin: Twin) -> Declared:
    """What the city's home declares, or else its folder; where neither has a file, or it cannot be read, what holds for every city."""
    places = [home / FILE if home else None, Path(twin.city.folder) / FILE if twin.city.folder else None]
    path = next((p for p in places if p is not None and p.is_file()), None)
    if path is None:
        return Declared()
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        return Declared(path=path, faults=(Fault(f"{path}:1", "LAYOUT", f"cannot be read: {e}", "UTF-8, readable by the server"),))  # fmt: skip
    document = strict.parse(text, str(path))
    if document.data is None and not document.faults:
        return Declared(path=path)
    made = shape.read(document, "notify", NotifyFile)
    if made is None:
        return Declared(path=path, faults=tuple(document.faults))
    judge = _Judge(document, made, home or path.parent, twin)
    found = tuple(judge.whole())
    return Declared(made, path, found, judge.idle)


class _Judge:
    """Holds declarations against the city and against each other."""

    def __init__(self, document: strict.Document, made: NotifyFile, home: Path, twin: Twin) -> None:
        self._document = document
        self._made = made
        self._home = home
        self._twin = twin
        self.idle: dict[str, str] = {}

    def _fault(self, at: tuple[str | int, ...], code: str, message: str, hint: str = "") -> Fault:
        return Fault(self._document.where(at), code, message, hint)

    def whole(self) -> Iterator[Fault]:
        """Everything that is wrong."""
        made = self._made
        channels = made.channels()
        counts = {"people": len(made.people), "rotas": len(made.rotas), "routes": len(made.routes), "channels": sum(len(getattr(made, k)) for k in ("smtp", "webhook", *PUBLIC))}  # fmt: skip
        for name, n in counts.items():
            if n > MOST[name]:
                yield self._fault((), "NOTIFY", f"there are {n} {name}", f"at most {MOST[name]}")
        for part in fields(made):
            if isinstance(items := getattr(made, part.name), tuple):
                yield from self._ids(part.name, items)
        seen: dict[str, str] = {IN_APP: "the app itself"}
        for kind in ("smtp", "webhook", *PUBLIC):
            for n, channel in enumerate(getattr(made, kind)):
                found = list(self._channel(kind, n, channel))
                if channel.id in seen:
                    found.append(self._fault((kind, n), "NAMES", f"the channel '{channel.id}' stands twice: also {seen[channel.id]}", "give it another id"))  # fmt: skip
                seen.setdefault(channel.id, kind)
                if found:
                    self.idle[channel.id] = found[0].message
                yield from found
        if made.address and not _address(made.address):
            yield self._fault(("address",), "URL", f"'{made.address}' is not an address", "such as https://twin.example.cn")  # fmt: skip
        yield from self._bounds((), made)
        yield from self._people()
        for n, rota in enumerate(made.rotas):
            yield from self._rota(n, rota)
        for n, route in enumerate(made.routes):
            yield from self._route(n, route, channels)

    def _ids(self, part: str, items: tuple[Any, ...]) -> Iterator[Fault]:
        seen: set[str] = set()
        for n, item in enumerate(items):
            if not load.ID.fullmatch(item.id):
                yield self._fault((part, n, "id"), "NAMES", f"'{item.id}' is not an id", "lower case letters, digits, underscores; a letter first")  # fmt: skip
            if item.id in seen:
                yield self._fault((part, n, "id"), "NAMES", f"'{item.id}' stands twice", "give it another id")
            seen.add(item.id)

    def _bounds(self, at: tuple[str | int, ...], item: object) -> Iterator[Fault]:
        for name, (low, high) in BOUNDS.items():
            value = getattr(item, name, None)
            if value is not None and not low <= value <= high:
                yield self._fault((*at, name), "BOUNDS", f"{name} is {value:g}", f"from {low:g} to {high:g}")

    def _people(self) -> Iterator[Fault]:
        names: set[str] = set()
        for n, person in enumerate(self._made.people):
            at = ("people", n)
            if not person.name.strip() or person.name == EVERYBODY or len(person.name) > 60:
                yield self._fault((*at, "name"), "NAMES", f"'{person.name}' is not a name", "as it is typed in the web app")  # fmt: skip
            if person.name in names:
                yield self._fault((*at, "name"), "NAMES", f"'{person.name}' stands twice", "two people of one name get each other's messages: add a word")  # fmt: skip
            names.add(person.name)
            if person.email and not MAIL.fullmatch(person.email):
                yield self._fault((*at, "email"), "MAIL", f"'{person.email}' is not a mail address", "name@host, in ASCII")  # fmt: skip
            if person.mobile and not re.fullmatch(r"\+?[0-9-]{5,20}", person.mobile):
                yield self._fault((*at, "mobile"), "MOBILE", f"'{person.mobile}' is not a number", "digits, such as 13800000000 in quotes")  # fmt: skip
            for name in ("wecom", "feishu"):
                if getattr(person, name) and not re.fullmatch(r"[A-Za-z0-9_.@-]{1,64}", getattr(person, name)):
                    yield self._fault((*at, name), "NAMES", f"'{getattr(person, name)}' is not an id of a member", "letters, digits, _ . @ -")  # fmt: skip
            if person.quiet is not None:
                times = (person.quiet.since, person.quiet.until)
                for word, text in zip(("since", "until"), times, strict=True):
                    yield from self._time((*at, "quiet", word), text)
                if times[0] == times[1]:
                    yield self._fault((*at, "quiet"), "QUIET", "quiet hours that begin and end at the same time", "leave quiet out, or name two times")  # fmt: skip
            if person.zone:
                yield from self._zone((*at, "zone"), person.zone)

    def _time(self, at: tuple[str | int, ...], text: str) -> Iterator[Fault]:
        try:
            clock(text)
        except ValueError:
            yield self._fault(at, "TIME", f"'{text}' is no time of day", "such as 08:30")

    def _zone(self, at: tuple[str | int, ...], zone: str) -> Iterator[Fault]:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            yield self._fault(at, "ZONE", f"there is no zone '{zone}'", "such as Asia/Shanghai")

    def _rota(self, n: int, rota: Rota) -> Iterator[Fault]:
        at = ("rotas", n)
        if not rota.shifts:
            yield self._fault(at, "EMPTY", "the rota has no shifts", "at: 08:30 and people:")
        times = [s.at for s in rota.shifts]
        for k, shift in enumerate(rota.shifts):
            yield from self._time((*at, "shifts", k, "at"), shift.at)
            if shift.at in times[:k]:
                yield self._fault((*at, "shifts", k, "at"), "TIME", f"two shifts begin at {shift.at}", "one of them later")  # fmt: skip
            if not shift.people:
                yield self._fault((*at, "shifts", k), "EMPTY", "nobody takes this shift", "people: ids, in turn")
            yield from self._known((*at, "shifts", k, "people"), shift.people)
        yield from self._known((*at, "rest_days"), rota.rest_days)
        for k, one in enumerate(rota.stand_ins):
            yield from self._known((*at, "stand_ins", k, "person"), (one.person,))
            if one.until < one.since:
                yield self._fault((*at, "stand_ins", k), "TIME", f"{one.since} to {one.until} is no span", "since a day, until that day or later")  # fmt: skip
            if one.at and one.at not in times:
                yield self._fault((*at, "stand_ins", k, "at"), "NAMES", f"no shift begins at {one.at}", f"there are: {', '.join(times)}")  # fmt: skip

    def _known(self, at: tuple[str | int, ...], people: tuple[str, ...]) -> Iterator[Fault]:
        there = {p.id for p in self._made.people}
        for one in people:
            if one not in there:
                yield self._fault(at, "NAMES", f"there is no person '{one}'", f"there are: {', '.join(sorted(there)[:20]) or 'none'}")  # fmt: skip

    def _route(self, n: int, route: MessageRoute, channels: dict[str, tuple[Any, Channel]]) -> Iterator[Fault]:
        at, to, made, twin = ("routes", n), route.to, self._made, self._twin
        if not route.what:
            yield self._fault(at, "EMPTY", "the route says nothing of what is told", "what: [alarm]")
        if not (to.people or to.roles or to.bodies or to.on_call or to.concerned or to.everybody):
            yield self._fault((*at, "to"), "EMPTY", "the route names nobody", "people, roles, bodies, on_call, concerned: true or everybody: true")  # fmt: skip
        yield from self._known((*at, "to", "people"), to.people)
        rotas = {r.id for r in made.rotas}
        known: list[tuple[tuple[str | int, ...], tuple[str, ...], set[str], str]] = [
            ((*at, "to", "on_call"), to.on_call, rotas, "rota"),
            ((*at, "to", "roles"), to.roles, {r for p in made.people for r in p.roles}, "role that a person has"),
            ((*at, "to", "bodies"), to.bodies, {b for p in made.people for b in p.bodies}, "body that a person is of"),
            ((*at, "via"), route.via, {IN_APP, *channels}, "channel"),
            ((*at, "packs"), route.packs, {p.id for p in twin.packs}, "pack in this city"),
            ((*at, "rules"), route.rules, set(twin.rules), "rule in this city"),
            ((*at, "case_types"), route.case_types, set(twin.cases), "case type in this city"),
            ((*at, "places"), route.places, set(twin.asset_types) | set(twin.types), "asset or type of assets"),
        ]
        for where, named, there, noun in known:
            for one in named:
                if one not in there:
                    few = ", ".join(sorted(there)[:12]) or "none"
                    yield self._fault(where, "NAMES", f"there is no {noun} '{one}'", f"there are: {few}{' …' if len(there) > 12 else ''}")  # fmt: skip
        if not route.via:
            yield self._fault((*at, "via"), "EMPTY", "the route names no channel", f"via: [{IN_APP}]")
        yield from self._time((*at, "daily_at"), route.daily_at)
        yield from self._bounds(at, route)
        mails = [v for v in route.via if v in channels and channels[v][0] == "smtp"]
        for one in to.people if mails else ():
            if any(p.id == one and not p.email for p in made.people):
                yield self._fault((*at, "to", "people"), "MAIL", f"'{one}' is to get mail and has no address", "email: of the person, or another channel")  # fmt: skip

    def _channel(self, kind: str, n: int, channel: Channel) -> Iterator[Fault]:
        at = (kind, n)
        yield from self._bounds(at, channel)
        if channel.certificates and not (self._home / channel.certificates).is_file():
            yield self._fault((*at, "certificates"), "FILE", f"there is no file '{channel.certificates}'", "PEM, a path below the home or a whole one")  # fmt: skip
        if isinstance(channel, SmtpChannel):
            if not channel.host.strip() or re.search(r"[\s/@]", channel.host):
                yield self._fault((*at, "host"), "URL", f"'{channel.host}' is not a host", "a name or an address, without a port")  # fmt: skip
            if not MAIL.fullmatch(channel.sender):
                yield self._fault((*at, "sender"), "MAIL", f"'{channel.sender}' is not a mail address", "name@host, in ASCII")  # fmt: skip
            if bool(channel.user) != (channel.password is not None):
                yield self._fault(at, "SECRET", "a user and a password belong together", "user: and password: {env: NAME}")  # fmt: skip
            if channel.user and channel.security == "none":
                yield self._fault((*at, "security"), "SECURITY", "a password would go over an open line", "security: starttls or tls")  # fmt: skip
            if channel.password is not None:
                yield from self._secret((*at, "password"), channel.password)
            return
        for k, net in enumerate(channel.networks):
            try:
                ip_network(net)
            except ValueError as e:
                yield self._fault((*at, "networks", k), "URL", f"'{net}' is not a network: {e}", "such as 10.0.0.0/8")
        if isinstance(channel, WebhookChannel):
            yield from self._url((*at, "url"), channel.url)
            yield from self._secret((*at, "secret"), channel.secret)
            return
        assert isinstance(channel, RobotChannel)
        url = channel.url or PUBLIC[kind]
        if "{token}" not in url:
            yield self._fault((*at, "url"), "SECRET", "the address has no {token}", f"such as {PUBLIC[kind]}")
        yield from self._url((*at, "url"), url.replace("{token}", "t"))
        yield from self._secret((*at, "token"), channel.token)
        if channel.secret is not None:
            yield from self._secret((*at, "secret"), channel.secret)
            if kind == "wecom":
                yield self._fault((*at, "secret"), "SECRET", "robots of WeCom are not signed", "token alone")

    def _url(self, at: tuple[str | int, ...], url: str) -> Iterator[Fault]:
        if "@" in url.partition("://")[2].partition("/")[0]:  # it is not repeated: a password may be in it
            yield self._fault(at, "SECRET", "there is a user in the address", "take it out: what is sent is signed")
            return
        try:
            reach.parsed(url)
        except BadRequest as e:
            yield self._fault(at, "URL", e.message, e.hint)

    def _secret(self, at: tuple[str | int, ...], secret: Secret) -> Iterator[Fault]:
        if bool(secret.env) == bool(secret.file):
            yield self._fault(at, "SECRET", "a secret has an env or a file", "one of them: {env: NAME} or {file: path}")
            return
        try:
            reveal(secret, self._home)
        except CityTwinError as e:
            yield self._fault(at, "SECRET", e.message, e.hint)


def _address(url: str) -> bool:
    try:
        return not reach.parsed(url).query
    except BadRequest:
        return False
