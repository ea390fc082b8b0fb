"""How does it get there? A message put into the form of its channel, and handed over: mail, signed webhooks, and the robots of WeCom, DingTalk and Feishu."""

from __future__ import annotations

import base64
import binascii
import contextlib
import email.utils
import hashlib
import hmac
import smtplib
import ssl
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec

from citytwin.engine import reach
from citytwin.engine.feeds.secret import filled, reveal
from citytwin.engine.notify.compose import Words, markdown, page, plain
from citytwin.engine.notify.declare import PUBLIC
from citytwin.engine.notify.outbox import Lot
from citytwin.kernel.errors import CityTwinError
from citytwin.kernel.message import Channel, Kind, Person, RobotChannel, SmtpChannel, WebhookChannel

BYTES = {"smtp": 100_000, "webhook": 100_000, "wecom": 4096, "wecom_text": 2048, "dingtalk": 20_000, "feishu": 30_000}
"""How long a message may be at most, in bytes of UTF-8: WeCom, DingTalk and Feishu as they publish it; the others as we like."""
RATES: Mapping[Kind, Sequence[tuple[int, float]]] = {"wecom": ((20, 60.0),), "dingtalk": ((20, 60.0),), "feishu": ((100, 60.0), (5, 1.0))}  # fmt: skip
"""So many messages within so many seconds, as the platforms allow for one robot."""
BUSY: Mapping[Kind, Mapping[int, float]] = {"wecom": {45009: 60.0, -1: 10.0}, "dingtalk": {130101: 600.0, -1: 10.0}, "feishu": {11232: 60.0, 9499: 60.0}}  # fmt: skip
"""Codes by which a robot says that it was too much or that it is busy, and after how many seconds it may be asked again."""
SPOILT: Mapping[Kind, frozenset[int]] = {"wecom": frozenset({40058, 44004, 45002}), "dingtalk": frozenset({40035, 400105}), "feishu": frozenset({19002})}  # fmt: skip
"""Codes by which a robot refuses this one message. Any other is a matter of the channel, and tried again."""


class Undelivered(CityTwinError):
    """The message did not arrive. `doubt`: it may have; `final`: it never will; `alone`: it is a matter of this message or its reader, not of the channel; `after_s`: not before."""

    code = "undelivered"

    def __init__(self, message: str, *, doubt: bool = False, final: bool = False, alone: bool = False, after_s: float = 0.0) -> None:  # fmt: skip
        super().__init__(message)
        self.doubt, self.final, self.alone, self.after_s = doubt, final, alone or final, after_s


@dataclass(frozen=True, slots=True)
class Outlet:
    """A channel with what it takes to use it: `networks` are those beside the public internet that may be called."""

    kind: Kind
    channel: Channel
    home: Path
    networks: tuple[reach.Network, ...] = ()

    @property
    def room(self) -> bool:
        """Whether all its readers read everything."""
        return self.kind != "smtp"

    @property
    def rates(self) -> Sequence[tuple[int, float]]:
        """So many messages within so many seconds."""
        if isinstance(self.channel, RobotChannel):
            return RATES[self.kind]
        return ((self.channel.per_minute, 60.0),)

    def send(self, words: Words, lot: Lot, people: Sequence[Person], now: datetime) -> None:
        """Hand it over. `people` are whom it is for. Raises Undelivered."""
        channel = self.channel
        if isinstance(channel, SmtpChannel):
            _mail(self, channel, words, lot, people)
        elif isinstance(channel, WebhookChannel):
            _hook(self, channel, words, lot, people, now)
        else:
            _robot(self, channel, words, people, now)

    def secret(self, name: str) -> str:
        """One of the channel's secrets. Raises Undelivered."""
        try:
            return reveal(getattr(self.channel, name), self.home)
        except CityTwinError as e:
            raise Undelivered(str(e)) from e


# -- mail


def mail(channel: SmtpChannel, words: Words, lot: Lot, person: Person) -> EmailMessage:
    """The message as mail: plain text and HTML, with an id that is the same however often it is sent (RFC 5322), named as machine-made (RFC 3834) and of a list (RFC 2919)."""
    host = channel.sender.rpartition("@")[2]
    made = EmailMessage(policy=SMTP)
    made["Subject"] = " ".join(words.subject.split())[:200]
    made["From"] = Address("CityTwin", addr_spec=channel.sender)
    made["To"] = Address(" ".join(person.name.split()), addr_spec=person.email)
    made["Date"] = email.utils.format_datetime(lot.made.astimezone(UTC))
    made["Message-ID"] = f"<{lot.id}@{host}>"
    made["List-Id"] = f"CityTwin <citytwin.{host}>"
    made["Auto-Submitted"] = "auto-generated"
    if words.level == "critical":
        made["Importance"] = "high"
    made.set_content(plain(words, BYTES["smtp"]), cte="base64")
    made.add_alternative(page(words, BYTES["smtp"]), subtype="html", cte="base64")
    made.set_boundary(f"=_{lot.id}")
    return made


def _mail(outlet: Outlet, channel: SmtpChannel, words: Words, lot: Lot, people: Sequence[Person]) -> None:
    person = people[0] if people else None
    if person is None or not person.email:
        raise Undelivered("there is no mail address for this person any more", final=True)
    data = mail(channel, words, lot, person).as_bytes()
    context = ssl.create_default_context(cafile=_file(outlet, channel.certificates)) if channel.security != "none" else None  # fmt: skip
    sending = False
    server: smtplib.SMTP | None = None
    try:
        if channel.security == "tls":
            server = smtplib.SMTP_SSL(channel.host, channel.port, timeout=channel.timeout_s, context=context)
        else:
            server = smtplib.SMTP(channel.host, channel.port, timeout=channel.timeout_s)
        server.ehlo_or_helo_if_needed()
        if channel.security == "starttls":
            server.starttls(context=context)  # raises where the server has none: no password goes over an open line
            server.ehlo()
        if channel.user:
            server.login(channel.user, outlet.secret("password"))
        _answered(server.mail(channel.sender), "the sender", channel_wide=True)
        _answered(server.rcpt(person.email), person.email)
        sending = True
        code, said = server.data(data)
        sending = False
        _answered((code, said), "the message")
    except Undelivered:
        raise
    except smtplib.SMTPDataError as e:  # it was answered, so there is no doubt
        _answered((e.smtp_code, e.smtp_error if isinstance(e.smtp_error, bytes) else b""), "the message")
    except smtplib.SMTPResponseException as e:
        raise Undelivered(f"{channel.host}: {e.smtp_code} {_text(e.smtp_error)}") from e
    except (OSError, smtplib.SMTPException, ValueError) as e:
        raise Undelivered(f"{channel.host}:{channel.port}: {type(e).__name__} {e}", doubt=sending) from e
    finally:
        if server is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()


def _answered(answer: tuple[int, bytes], what: str, *, channel_wide: bool = False) -> None:
    """Raises Undelivered where a server refused: 5xx for good (RFC 5321, 4.2.1), but for what holds for every message."""
    code, said = answer
    if 200 <= code < 300:
        return
    final = code >= 500 and not channel_wide
    raise Undelivered(f"{code} {_text(said)} ({what})", final=final, alone=not channel_wide)


def _text(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join(text.split())[:300]


# -- webhooks


def hook(words: Words, lot: Lot, people: Sequence[Person]) -> bytes:
    """The body for programs: what happened, with the facts as they are, and the words of the message."""
    events = [
        {"id": e.event, "what": e.what, "level": e.level, "time": e.time.astimezone(UTC).isoformat(), "people": list(e.people), **e.facts, "text": i.headline, "url": i.link}
        for e, i in zip(lot.events, words.items, strict=False)  # a test is about no event
    ]  # fmt: skip
    body: dict[str, Any] = {
        "type": "digest" if lot.digest else (lot.events[0].what if lot.events else "test"), "timestamp": lot.made.astimezone(UTC).isoformat(), "id": lot.id,
        "data": {"subject": words.subject, "total": lot.total, "levels": dict(lot.levels), "away_since": lot.away_since.astimezone(UTC).isoformat() if lot.away_since else None,
                 "people": [p.name for p in people], "events": events},
    }  # fmt: skip
    while len(made := msgspec.json.encode(body)) > BYTES["webhook"] and events:
        del events[max(1, len(events) * 3 // 4) if len(events) > 1 else 0 :]
    return made


def webhook_signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 of `id.timestamp.body` as Standard Webhooks has it. A secret `whsec_…` is Base64; any other is taken as it is.

    >>> webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    key = secret.encode()
    if secret.startswith("whsec_"):
        with contextlib.suppress(binascii.Error):
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def _hook(outlet: Outlet, channel: WebhookChannel, words: Words, lot: Lot, people: Sequence[Person], now: datetime) -> None:  # fmt: skip
    body = hook(words, lot, people)
    stamp = int(now.timestamp())
    signature = webhook_signature(outlet.secret("secret"), lot.id, stamp, body)
    headers = {"Content-Type": "application/json", "webhook-id": lot.id, "webhook-timestamp": str(stamp), "webhook-signature": signature}  # fmt: skip
    _posted(outlet, channel.url, headers, body)


def _posted(outlet: Outlet, url: str, headers: Mapping[str, str], body: bytes) -> reach.Answer:
    """Post, and be told 2xx. Raises Undelivered."""
    channel = outlet.channel
    assert not isinstance(channel, SmtpChannel)
    networks = (*outlet.networks, *(ip_network(n) for n in channel.networks))
    try:
        answer = reach.request("POST", url, headers, body, networks, channel.timeout_s, _file(outlet, channel.certificates))  # fmt: skip
    except reach.Unreached as e:
        raise Undelivered(_hidden(outlet, e.message), doubt=e.asked) from e
    except (CityTwinError, ssl.SSLError, OSError) as e:
        raise Undelivered(_hidden(outlet, str(e))) from e
    if 200 <= answer.status < 300:
        return answer
    said = _hidden(outlet, _text(answer.body))
    if 300 <= answer.status < 400:
        raise Undelivered(f"HTTP {answer.status}: it leads elsewhere, and is not followed; declare where it leads")
    raise Undelivered(f"HTTP {answer.status} {said}", final=answer.status in (400, 413, 422), after_s=_after(answer))


def _after(answer: reach.Answer) -> float:
    """Seconds that Retry-After asks for, as a number or a date (RFC 9110, 10.2.3)."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text[:9])
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, (email.utils.parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    return 0.0


def _hidden(outlet: Outlet, text: str) -> str:
    """An answer without the token that it may repeat."""
    for name in ("token", "secret"):
        if getattr(outlet.channel, name, None) is not None:
            with contextlib.suppress(CityTwinError):
                text = text.replace(outlet.secret(name), "…")
    return text


def _file(outlet: Outlet, name: str) -> str | None:
    return str(outlet.home / name) if name else None


# -- robots


def dingtalk_sign(secret: str, timestamp_ms: int) -> str:
    """The `sign` of DingTalk: HMAC-SHA256 by the secret of `timestamp\\nsecret`, in Base64 (to be quoted in the address)."""
    signed = hmac.new(secret.encode(), f"{timestamp_ms}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(signed).decode()


def feishu_sign(secret: str, timestamp_s: int) -> str:
    """The `sign` of Feishu and Lark: HMAC-SHA256 of nothing, by `timestamp\\nsecret` as the key, in Base64."""
    return base64.b64encode(hmac.new(f"{timestamp_s}\n{secret}".encode(), b"", hashlib.sha256).digest()).decode()


def wecom(words: Words, people: Sequence[Person]) -> dict[str, Any]:
    """For a robot of WeCom. Markdown calls for members by their id; where somebody is known by number alone it is text, which calls for both."""
    called = [p for p in people if p.wecom or p.mobile]
    if any(not p.wecom for p in called):
        numbers = [p.mobile.removeprefix("+86") for p in called if not p.wecom]
        text = {"content": plain(words, BYTES["wecom_text"]), "mentioned_list": [p.wecom for p in called if p.wecom], "mentioned_mobile_list": numbers}  # fmt: skip
        return {"msgtype": "text", "text": text}
    ahead = " ".join(f"<@{p.wecom}>" for p in called)
    return {"msgtype": "markdown", "markdown": {"content": markdown(words, BYTES["wecom"], ahead)}}


def dingtalk(words: Words, people: Sequence[Person]) -> dict[str, Any]:
    """For a robot of DingTalk: Markdown, in which whoever is called for by number must be named."""
    numbers = [p.mobile.removeprefix("+86") for p in people if p.mobile]
    ahead = " ".join(f"@{n}" for n in numbers)
    at = {"atMobiles": numbers, "isAtAll": False}
    made: dict[str, Any] = {"msgtype": "markdown", "markdown": {"title": words.subject[:100], "text": ""}, "at": at}
    made["markdown"]["text"] = markdown(words, BYTES["dingtalk"] - len(msgspec.json.encode(made)) - 500, ahead)
    while len(msgspec.json.encode(made)) > BYTES["dingtalk"]:  # quotes and line ends take two bytes in JSON
        made["markdown"]["text"] = markdown(words, len(made["markdown"]["text"].encode()) * 3 // 4, ahead)
    return made


def feishu(words: Words, people: Sequence[Person]) -> dict[str, Any]:
    """For a robot of Feishu or Lark: a card with a head in the colour of the level, calling for members by their open_id."""
    colours = {"critical": "red", "high": "orange", "medium": "yellow", "low": "blue"}
    ahead = " ".join(f"<at id={p.feishu}></at>" for p in people if p.feishu)

    def card(most: int) -> dict[str, Any]:
        return {
            "msg_type": "interactive",
            "card": {
                "config": {"wide_screen_mode": True},
                "header": {"template": colours[words.level], "title": {"tag": "plain_text", "content": words.subject[:200]}},
                "elements": [
                    {"tag": "markdown", "content": markdown(words, most, ahead, headed=False)},
                    {"tag": "action", "actions": [{"tag": "button", "type": "primary", "text": {"tag": "plain_text", "content": words.say("look")}, "url": words.link}]},
                ],
            },
        }  # fmt: skip

    most = BYTES["feishu"] - 2000
    while len(msgspec.json.encode(made := card(most))) > BYTES["feishu"] - 200:  # the signature goes with it
        most = most * 3 // 4
    return made


def _robot(outlet: Outlet, channel: RobotChannel, words: Words, people: Sequence[Person], now: datetime) -> None:
    kind = outlet.kind
    url = filled(channel.url or PUBLIC[kind], {"token": outlet.secret("token")}, lambda t: urllib.parse.quote(t, safe=""))  # fmt: skip
    signed = outlet.secret("secret") if channel.secret is not None else ""
    if kind == "wecom":
        body = wecom(words, people)
    elif kind == "dingtalk":
        body = dingtalk(words, people)
        if signed:
            stamp = int(now.timestamp() * 1000)
            url += f"&timestamp={stamp}&sign={urllib.parse.quote(dingtalk_sign(signed, stamp), safe='')}"
    else:
        body = feishu(words, people)
        if signed:
            second = int(now.timestamp())
            body = {"timestamp": str(second), "sign": feishu_sign(signed, second), **body}
    answer = _posted(outlet, url, {"Content-Type": "application/json; charset=utf-8"}, msgspec.json.encode(body))
    taken(outlet, answer.body)


def taken(outlet: Outlet, body: bytes) -> None:
    """Whether a robot took it: HTTP 200 alone does not say so. Raises Undelivered."""
    try:
        said = msgspec.json.decode(body)
        code = next(said[k] for k in ("errcode", "code", "StatusCode") if k in said)
    except (msgspec.DecodeError, TypeError, StopIteration):
        raise Undelivered(f"the answer is none of a robot: {_hidden(outlet, _text(body))[:100]}") from None
    if code == 0:
        return
    why = _hidden(outlet, f"code {code} {said.get('errmsg') or said.get('msg') or said.get('StatusMessage') or ''}".strip())  # fmt: skip
    raise Undelivered(why, final=code in SPOILT[outlet.kind], after_s=BUSY[outlet.kind].get(code, 0.0))
