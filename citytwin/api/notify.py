"""Who is told? What there is to read for somebody, who is on call, how the channels stand, and what of the outbox did not go out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec

from citytwin.api.house import House
from citytwin.api.page import Page, Paged, fetched, where
from citytwin.api.route import Body, Query, Route, own
from citytwin.engine.notify.compose import item
from citytwin.engine.notify.declare import FILE, Declared, read
from citytwin.engine.notify.outbox import Told
from citytwin.engine.notify.run import ChannelState, Notifier
from citytwin.kernel.errors import Fault, NotFound
from citytwin.kernel.message import EVERYBODY, IN_APP, Kind, MessageRoute, SmtpChannel, WebhookChannel
from citytwin.kernel.rota import Duty, Rota, duties
from citytwin.kernel.rule import Level
from citytwin.kernel.store import Change
from citytwin.kernel.title import Title

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60, description="the name typed in the web app")]
MOST = 10_000
"""Notifications that are marked as read at once."""


class NotificationItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody is told in the app: a headline and lines (label and text) in both languages, where to look, and whether it was read. `everybody`: it is for all."""

    id: str
    what: str
    level: Level
    time: datetime
    title: Title
    lines: tuple[tuple[Title, Title], ...]
    link: str
    read: bool
    everybody: bool


class NotificationQuery(Paged, frozen=True, kw_only=True):
    """Whose, and which of them."""

    person: Name
    unread: bool = False
    what: str | None = None
    level: Level | None = None


class PersonQuery(Query, frozen=True, kw_only=True):
    """Whose."""

    person: Name


class Unread(msgspec.Struct, frozen=True):
    """How much somebody has not read, how much of it is critical, and the number of the newest of all."""

    unread: int
    critical: int
    newest: int


class ReadBody(Body, frozen=True, kw_only=True):
    """Who has read what: the ids of notifications."""

    person: Name
    ids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=1000)]


class ReadAllBody(Body, frozen=True, kw_only=True):
    """Who has read everything up to the number `newest` that was shown."""

    person: Name
    newest: Annotated[int, msgspec.Meta(ge=0)]


class DutyItem(msgspec.Struct, frozen=True):
    """Who is on call (nothing: nobody), since when and until when."""

    person: str
    since: datetime
    until: datetime


class RotaItem(msgspec.Struct, frozen=True, kw_only=True):
    """A rota: who is on call now, and who comes next."""

    id: str
    title: Title
    now: DutyItem
    next: tuple[DutyItem, ...]


class PersonItem(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is told, without addresses: by which ways they can be reached, and whether these are quiet hours."""

    id: str
    name: str
    language: str
    bodies: tuple[str, ...]
    roles: tuple[str, ...]
    ways: tuple[str, ...]
    quiet: str


class ChannelItem(msgspec.Struct, frozen=True, kw_only=True):
    """A channel and how it stands: `ready` (not used since the start), `well`, `failing` (tried again at `next`), `at_fault` (it does not work until its declaration is mended)."""

    id: str
    kind: Kind
    title: Title
    target: str
    state: Literal["ready", "well", "failing", "at_fault"]
    since: datetime | None
    error: str
    next: datetime | None
    last_sent: datetime | None
    waiting: int
    failed: int


class NotifySetup(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told what by which way, as declared, and how it stands."""

    file: str
    faults: tuple[Fault, ...]
    rotas: tuple[RotaItem, ...]
    people: tuple[PersonItem, ...]
    channels: tuple[ChannelItem, ...]
    routes: tuple[MessageRoute, ...]


class OutboxItem(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way to one person (`*`: to all who read the channel) by one channel."""

    id: str
    what: str
    level: Level
    person: str
    channel: str
    title: Title
    link: str
    time: datetime
    made: datetime
    due: datetime
    digest: bool
    state: str
    tries: int
    next: datetime | None
    error: str
    sent: datetime | None
    lot: str


class OutboxQuery(Paged, frozen=True, kw_only=True):
    """Which of it; `trouble`: what failed, was given up or left in doubt, or waits for another try. What is in the app is not in it."""

    state: Literal["due", "sending", "sent", "failed", "in_doubt", "given_up", "trouble"] | None = None
    channel: str | None = None
    person: str | None = None


class TryBody(Body, frozen=True, kw_only=True):
    """Whom a test message is for: a name or an id of notify.yaml; a robot's group is called for nobody where it is not known."""

    person: Name


class Tested(msgspec.Struct, frozen=True):
    """The channel took a message for this person."""

    channel: str
    person: str


class NotifyChecked(msgspec.Struct, frozen=True):
    """What `notify.yaml` says as it lies there now: how many people, channels and routes, and every fault."""

    file: str
    people: int
    channels: int
    routes: int
    faults: tuple[Fault, ...]


def _words(house: House, row: Mapping[str, Any]) -> tuple[Title, tuple[tuple[Title, Title], ...], str]:
    """The headline and the lines of an event in both languages, and where to look."""
    told = Told(row["event"], row["what"], row["level"], row["time"], () if row["person"] == EVERYBODY else (row["person"],), msgspec.json.decode(row["facts"]))  # fmt: skip
    zh, en = (item(told, language, house.twin.city.zone, "") for language in ("zh", "en"))
    lines = tuple((Title(a[0], b[0]), Title(a[1], b[1])) for a, b in zip(zh.lines, en.lines, strict=True))
    return Title(zh.headline, en.headline), lines, zh.link


_MINE = "o.channel = 'in_app' AND (o.person = $person OR o.person = '*')"
_READ = "EXISTS (SELECT 1 FROM outbox_read AS r WHERE r.id = o.id AND r.person = $person)"


def notifications(house: House, query: NotificationQuery) -> Page[NotificationItem]:
    """What somebody is told in the app, the newest first"""
    clause, more = where({"o.what = $what": query.what, "o.level = $level": query.level})
    unread = f" AND NOT {_READ}" if query.unread else ""
    sql = f"SELECT -o.n AS place, o.id, o.event, o.what, o.level, o.time, o.person, o.facts, {_READ} AS seen FROM outbox_row AS o WHERE {_MINE}{clause.replace('WHERE', ' AND')}{unread}"

    def shown(row: dict[str, Any]) -> NotificationItem:
        title, lines, link = _words(house, row)
        return NotificationItem(id=row["id"], what=row["what"], level=row["level"], time=row["time"], title=title, lines=lines, link=link, read=row["seen"], everybody=row["person"] == EVERYBODY)  # fmt: skip

    return fetched(house, sql, {**more, "person": own(query.person)}, query, {"place": int}, shown)


def unread(house: House, query: PersonQuery) -> Unread:
    """How much somebody has not read"""
    sql = f"""SELECT count(*) FILTER (NOT {_READ}) AS unread, count(*) FILTER (o.level = 'critical' AND NOT {_READ}) AS critical, coalesce(max(o.n), 0) AS newest
              FROM outbox_row AS o WHERE {_MINE}"""
    found = house.rows(sql, {"person": own(query.person)})[0]
    return Unread(found["unread"], found["critical"], found["newest"])


def mark_read(house: House, body: ReadBody) -> Unread:
    """Mark notifications as read by somebody; those that are not theirs are passed over"""
    return _mark(house, own(body.person), "list_contains($ids, o.id)", {"ids": list(body.ids)})


def mark_all_read(house: House, body: ReadAllBody) -> Unread:
    """Mark everything that somebody was shown as read"""
    return _mark(house, own(body.person), "o.n <= $newest", {"newest": body.newest})


def _mark(house: House, person: str, which: str, params: Mapping[str, Any]) -> Unread:
    sql = f"INSERT INTO outbox_read SELECT o.id, $person, $now FROM outbox_row AS o WHERE {_MINE} AND {which} AND NOT {_READ} ORDER BY o.n DESC LIMIT {MOST}"
    with house.twin.turn:
        house.twin.store.commit(Change(sql, {**params, "person": person, "now": house.now()}))
    return unread(house, PersonQuery(person=person))


def _notifier(house: House) -> Notifier:
    if house.notifier is None:
        raise NotFound("this city tells nobody anything", f"serve it: {FILE} in its home says who is told what", "notify")  # fmt: skip
    return house.notifier


def setup(house: House) -> NotifySetup:
    """Who is told what by which way, who is on call, and how the channels stand"""
    notifier = _notifier(house)
    declared = notifier.declared
    made = declared.file
    names = {p.id: p.name for p in made.people}
    return NotifySetup(
        file=str(declared.path or ""),
        faults=declared.faults,
        rotas=tuple(_rota(house, rota, names) for rota in made.rotas if rota.shifts),
        people=tuple(
            PersonItem(
                id=p.id, name=p.name, language=p.language, bodies=p.bodies, roles=p.roles,
                ways=(IN_APP, *(way for way in ("email", "mobile", "wecom", "feishu") if getattr(p, way))),
                quiet=f"{p.quiet.since}–{p.quiet.until}" if p.quiet else "",
            )
            for p in made.people
        ),
        channels=_channels(house, notifier),
        routes=made.routes,
    )  # fmt: skip


def _rota(house: House, rota: Rota, names: Mapping[str, str]) -> RotaItem:
    def said(duty: Duty) -> DutyItem:
        return DutyItem(names.get(duty.person, duty.person), duty.since, duty.until)

    first, *others = islice(duties(rota, house.now(), house.twin.city.zone, house.twin.calendar), 4)
    return RotaItem(id=rota.id, title=rota.title, now=said(first), next=tuple(said(d) for d in others))


def _channels(house: House, notifier: Notifier) -> tuple[ChannelItem, ...]:
    sql = """SELECT channel, count(*) FILTER (state IN ('due', 'sending')) AS waiting, count(*) FILTER (state IN ('failed', 'given_up', 'in_doubt')) AS failed
             FROM outbox_row WHERE state <> 'sent' GROUP BY channel"""
    counts = {r["channel"]: r for r in house.rows(sql)}
    states = notifier.states()
    made = []
    for id, (kind, channel) in notifier.declared.file.channels().items():
        stands = states.get(id, ChannelState())
        if id in notifier.declared.idle:
            state: Literal["ready", "well", "failing", "at_fault"] = "at_fault"
        else:
            state = "failing" if stands.failures else "well" if stands.sent else "ready"
        where_to = channel.host if isinstance(channel, SmtpChannel) else channel.url
        if isinstance(channel, WebhookChannel):
            where_to = channel.url.partition("?")[0]  # what is behind it may be a secret
        count = counts.get(id, {"waiting": 0, "failed": 0})
        made.append(
            ChannelItem(
                id=id, kind=kind, title=channel.title, target=where_to, state=state, since=stands.since, error=notifier.declared.idle.get(id) or stands.error,
                next=stands.until, last_sent=stands.sent, waiting=count["waiting"], failed=count["failed"],
            )
        )  # fmt: skip
    return tuple(made)


def outbox_items(house: House, query: OutboxQuery) -> Page[OutboxItem]:
    """What is on its way by mail, webhooks and robots, and what became of it, the newest first"""
    trouble = "o.state IN ('failed', 'given_up', 'in_doubt') OR (o.state IN ('due', 'sending') AND o.tries > 0)"
    state = None if query.state == "trouble" else query.state
    clause, params = where({"o.channel <> $own": IN_APP, "o.state = $state": state, f"({trouble}) AND $trouble": True if query.state == "trouble" else None,
                            "o.channel = $channel": query.channel, "o.person = $person": query.person})  # fmt: skip
    return fetched(house, f"SELECT -o.n AS place, o.* FROM outbox_row AS o {clause}", params, query, {"place": int}, lambda r: _sending(house, r))  # fmt: skip


def _sending(house: House, row: Mapping[str, Any]) -> OutboxItem:
    title, _, link = _words(house, row)
    same = ("id", "what", "level", "person", "channel", "time", "made", "due", "digest", "state", "tries", "next", "error", "sent", "lot")  # fmt: skip
    return OutboxItem(title=title, link=link, **{name: row[name] for name in same})


def send_again(house: House, id: str) -> OutboxItem:
    """Send what failed, was given up or is in doubt once more"""
    _notifier(house).again(id)
    return _sending(house, house.rows("SELECT * FROM outbox_row WHERE id = $id", {"id": id})[0])


def try_channel(house: House, id: str, body: TryBody) -> Tested:
    """Send a test message now, and say whether the channel took it"""
    _notifier(house).try_out(id, body.person)
    return Tested(id, body.person)


def hurry_channel(house: House, id: str) -> NotifySetup:
    """Try a channel that fails now, and not only when its time comes"""
    _notifier(house).hurry(id)
    return setup(house)


def _checked(found: Declared, notifier: Notifier) -> NotifyChecked:
    made = found.file
    return NotifyChecked(str(found.path or notifier.home / FILE), len(made.people), len(made.channels()), len(made.routes), found.faults)  # fmt: skip


def check_notify(house: House) -> NotifyChecked:
    """What is wrong in the declarations as they lie in the home now"""
    notifier = _notifier(house)
    return _checked(read(notifier.home, house.twin), notifier)


def reload_notify(house: House) -> NotifyChecked:
    """Read the declarations anew; where the file cannot be read as a whole, what held goes on to hold"""
    notifier = _notifier(house)
    return _checked(notifier.reload(), notifier)


ROUTES = (
    Route("GET", "/notifications", notifications),
    Route("GET", "/notifications/unread", unread),
    Route("POST", "/notifications/read", mark_read),
    Route("POST", "/notifications/read-all", mark_all_read),
    Route("GET", "/notify", setup),
    Route("GET", "/notify.faults", check_notify),
    Route("POST", "/notify.reload", reload_notify, bare=True),
    Route("POST", "/notify/channels/{id}/test", try_channel),
    Route("POST", "/notify/channels/{id}/hurry", hurry_channel, bare=True),
    Route("GET", "/outbox", outbox_items),
    Route("POST", "/outbox/{id}/again", send_again, bare=True),
)
