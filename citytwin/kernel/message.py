"""Who is told what, by which way, and when? People, channels and routes as a city declares them, and the moments that follow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from citytwin.kernel.feed import Secret
from citytwin.kernel.rota import Rota, clock
from citytwin.kernel.rule import Level
from citytwin.kernel.title import Title
from citytwin.kernel.workday import DAY, Workdays

What = Literal[
    "alarm", "alarm_ended", "alarm_unanswered", "case_opened", "case_assigned", "case_moved", "case_returned", "case_waiting", "case_closed", "case_reminder", "case_late",
    "case_escalated", "feed_failing", "feed_back", "target_at_risk", "target_missed", "channel_failing", "channel_back",
]  # fmt: skip
Language = Literal["zh", "en"]
Digest = Literal["none", "hourly", "daily"]
Kind = Literal["smtp", "webhook", "wecom", "dingtalk", "feishu"]
IN_APP = "in_app"
"""The channel that is always there: what the web app shows."""
EVERYBODY = "*"
"""The name under which what is for everybody lies in the app."""
FIRST_RETRY_S, LONGEST_RETRY_S = 10.0, 1800.0


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which nothing is sent, from `since` until `until` of the person's clock (over midnight where the first is the later), and all of a day of rest where `rest_days`."""

    since: str = "22:00"
    until: str = "07:00"
    rest_days: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is told. `name` is the one typed in the web app; `mobile`, `wecom` (userid) and `feishu` (open_id) are those by which robots call (@) for somebody.

    `bodies` and `roles` (in either language, as `cases.yaml` has them) are what routes may name.
    """

    id: str
    name: str
    language: Language = "zh"
    email: str = ""
    mobile: str = ""
    wecom: str = ""
    feishu: str = ""
    bodies: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    quiet: Quiet | None = None
    zone: str = ""


@dataclass(frozen=True, slots=True)
class SmtpChannel:
    """A mail server. `in_doubt` says what is done with a message of which it is not known whether it went out: `again` (with the same Message-ID), or `leave` it."""

    id: str
    title: Title
    host: str
    sender: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: Secret | None = None
    certificates: str = ""
    timeout_s: float = 20.0
    per_minute: int = 60
    give_up_days: float = 7.0
    in_doubt: Literal["again", "leave"] = "again"


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """A program at an address: JSON, signed by `secret` as Standard Webhooks has it. `networks` are those beside the public internet that the address may lie in."""

    id: str
    title: Title
    url: str
    secret: Secret
    language: Language = "zh"
    certificates: str = ""
    networks: tuple[str, ...] = ()
    timeout_s: float = 10.0
    per_minute: int = 120
    give_up_days: float = 7.0
    in_doubt: Literal["again", "leave"] = "again"


@dataclass(frozen=True, slots=True)
class RobotChannel:
    """The robot of a group (WeCom, DingTalk, Feishu): the `token` of its address, and the `secret` by which it is signed where the platform has one.

    `url` holds `{token}`; empty: that of the platform. `in_doubt`: as of a mail server, but robots drop no second message.
    """

    id: str
    title: Title
    token: Secret
    secret: Secret | None = None
    url: str = ""
    language: Language = "zh"
    certificates: str = ""
    networks: tuple[str, ...] = ()
    timeout_s: float = 10.0
    give_up_days: float = 7.0
    in_doubt: Literal["again", "leave"] = "again"


Channel = SmtpChannel | WebhookChannel | RobotChannel


@dataclass(frozen=True, slots=True)
class To:
    """Who is meant: people (ids), roles and bodies, whoever is on call (rotas), those whom the event `concerns` (who has the case, or the role whose turn it is), everybody."""

    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()
    on_call: tuple[str, ...] = ()
    concerned: bool = False
    everybody: bool = False


@dataclass(frozen=True, slots=True)
class MessageRoute:
    """What is told `to` whom, `via` which channels.

    Of `what` happens, that of these levels, packs, rules, case types and places (assets, or their types), where any are named. With a `digest` what happened is told
    together, every full hour or daily at `daily_at` (the city's clock). In somebody's quiet hours only what is of a level in `wakes` is sent at once.
    """

    id: str
    what: tuple[What, ...]
    to: To
    via: tuple[str, ...] = (IN_APP,)
    levels: tuple[Level, ...] = ()
    packs: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    case_types: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    digest: Digest = "none"
    daily_at: str = "08:30"
    wakes: tuple[Level, ...] = ("critical",)
    after_min: float = 15.0
    """An alarm that nobody acknowledged for so many minutes is `alarm_unanswered`."""


@dataclass(frozen=True, slots=True)
class NotifyFile:
    """`notify.yaml`: people, rotas, channels kind by kind, and routes. `address` is where the web app is reached, for links; what is read is kept for `keep_days`."""

    people: tuple[Person, ...] = ()
    rotas: tuple[Rota, ...] = ()
    routes: tuple[MessageRoute, ...] = ()
    smtp: tuple[SmtpChannel, ...] = ()
    webhook: tuple[WebhookChannel, ...] = ()
    wecom: tuple[RobotChannel, ...] = ()
    dingtalk: tuple[RobotChannel, ...] = ()
    feishu: tuple[RobotChannel, ...] = ()
    address: str = ""
    keep_days: float = 90.0

    def channels(self) -> dict[str, tuple[Kind, Channel]]:
        """Every channel by its id, with its kind."""
        kinds: tuple[Kind, ...] = ("smtp", "webhook", "wecom", "dingtalk", "feishu")
        return {c.id: (kind, c) for kind in kinds for c in getattr(self, kind)}


def loud_from(quiet: Quiet | None, at: datetime, zone: str, calendar: Workdays) -> datetime:
    """The first moment from `at` on that is not in somebody's quiet hours; `at` itself where it is not, or where they would never end."""
    if quiet is None:
        return at
    local = ZoneInfo(zone)
    since, until = clock(quiet.since), clock(quiet.until)
    found = at
    for _ in range(40):  # no holiday is longer
        here = found.astimezone(local)
        day, now = here.date(), here.time()
        if quiet.rest_days and not calendar.works(day, guess=True):
            found = datetime.combine(day + DAY, clock("00:00"), local).astimezone(UTC)
        elif (since <= now < until) if since < until else (now >= since or now < until):
            ends = day if now < until else day + DAY
            found = datetime.combine(ends, until, local).astimezone(UTC)
            if found <= at:  # the hour that comes twice when clocks are set back
                found = datetime.combine(ends, until.replace(fold=1), local).astimezone(UTC)
        else:
            return found
    return at


def digest_at(digest: Digest, daily_at: str, at: datetime, zone: str) -> datetime:
    """When what happened at `at` is told: at once, at the next full hour, or the next time that clocks show `daily_at`."""
    if digest == "none":
        return at
    local = ZoneInfo(zone)
    here = at.astimezone(local)
    if digest == "hourly":
        past = timedelta(minutes=here.minute, seconds=here.second, microseconds=here.microsecond)
        return at + timedelta(hours=1) - past if past else at
    found = datetime.combine(here.date(), clock(daily_at), local).astimezone(UTC)
    return found if found >= at else datetime.combine(here.date() + DAY, clock(daily_at), local).astimezone(UTC)


def wait_s(failures: int, asked_s: float = 0.0) -> float:
    """Seconds until a target that failed so many times in a row is tried again: doubling up to half an hour, never before what it asked for (a day at most)."""
    return max(min(FIRST_RETRY_S * 2.0 ** min(failures - 1, 20), LONGEST_RETRY_S), min(asked_s, 86_400.0))
