"""Messages in the form of each channel, against published signatures, the platforms' limits, and what real servers took."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import subprocess
import urllib.parse
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from citytwin.engine.notify import send
from citytwin.engine.notify.compose import compose, markdown, plain, safe
from citytwin.engine.notify.outbox import Lot, Told
from citytwin.engine.notify.send import Outlet, Undelivered
from citytwin.kernel.feed import Secret
from citytwin.kernel.message import Person, RobotChannel, SmtpChannel, WebhookChannel
from citytwin.kernel.title import Title

from .conftest import Hall, Post

AT = datetime(2026, 3, 10, 19, 5, tzinfo=UTC)  # five past three at night in Shanghai
CITY = Title("试城", "Testville")
WANG = Person("wang", "王敏", email="wang@test.cn", mobile="+8613800000001", wecom="wangmin", feishu="ou_wang")
FACTS: dict[str, Any] = {
    "title": {"zh": "水位超限", "en": "Level too high"}, "place": {"zh": "一号泵站", "en": "Station 1"}, "since": AT.isoformat(), "value": 5.25, "limit": 4.0, "unit": "m",
    "advice": {"zh": "开启二号泵", "en": "Start pump 2"}, "link": "/alarms/a1",
}  # fmt: skip


def lot(n: int = 1, note: str = "", **more: Any) -> Lot:
    events = tuple(
        Told(f"e{k}", "alarm", "critical", AT, ("王敏",), {**FACTS, **({"note": note} if note else {})})
        for k in range(n)
    )
    return Lot("0123456789abcdef0123456789abcdef", "c", "", AT, events, n, {"critical": n}, n > 1, **more)


def said(made: Lot, language: Any = "zh") -> Any:
    return compose(made, language, "Asia/Shanghai", "https://twin.test.cn", CITY)


def sign(key: bytes, text: bytes) -> bytes:
    """HMAC as RFC 2104 writes it out."""
    block = key if len(key) <= 64 else hashlib.sha256(key).digest()
    inner, outer = (bytes(b ^ pad for b in block.ljust(64, b"\0")) for pad in (0x36, 0x5C))
    return hashlib.sha256(outer + hashlib.sha256(inner + text).digest()).digest()


def test_what_it_says_against_the_facts() -> None:
    text = plain(said(lot()), 10_000)
    assert text == (
        "【紧急】告警：水位超限 · 一号泵站\n位置：一号泵站\n开始：2026-03-11 03:05\n数值：5.25 m（限值 4 m）\n处置建议：开启二号泵\n"
        "https://twin.test.cn/alarms/a1\n编号 0123456789ab"
    )
    assert plain(said(lot(), "en"), 10_000).splitlines()[:4] == ["[Critical] Alarm: Level too high · Station 1", "Place: Station 1", "Since: 2026-03-11 03:05", "Value: 5.25 m (limit 4 m)"]  # fmt: skip


def test_signatures_against_the_published_example_and_hmac_written_out() -> None:
    # the example of the libraries of Standard Webhooks
    assert send.webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}') == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="  # fmt: skip
    long = "SEC" + "x" * 80
    for secret in ("this is secret", long):
        assert base64.b64decode(send.dingtalk_sign(secret, 1773169500000)) == sign(secret.encode(), f"1773169500000\n{secret}".encode())  # fmt: skip
        assert base64.b64decode(send.feishu_sign(secret, 1773169500)) == sign(f"1773169500\n{secret}".encode(), b"")


def test_mail_against_the_parser_of_the_standard_library() -> None:
    channel = SmtpChannel("mail", Title("邮", "Mail"), "127.0.0.1", "twin@test.cn")
    note = "=?utf-8?q?x?= <b>粗</b>\r\nBcc: evil@test.cn"
    raw = send.mail(channel, said(lot(note=note)), lot(note=note), replace(WANG, name="王\r\n敏")).as_bytes()
    assert raw.isascii()
    assert raw == send.mail(channel, said(lot(note=note)), lot(note=note), replace(WANG, name="王\r\n敏")).as_bytes()
    read = BytesParser(policy=policy.default).parsebytes(raw)
    assert read["Subject"] == "【紧急】告警：水位超限 · 一号泵站"
    assert read["Message-ID"] == "<0123456789abcdef0123456789abcdef@test.cn>"
    assert read["List-Id"] == "CityTwin <citytwin.test.cn>"
    assert (read["Auto-Submitted"], read["Bcc"], read["Importance"]) == ("auto-generated", None, "high")
    assert read["To"].addresses[0].display_name == "王 敏"
    texts = {part.get_content_type(): part.get_content() for part in read.iter_parts()}  # type: ignore[attr-defined]
    assert "处置建议：开启二号泵" in texts["text/plain"]
    assert "&lt;b&gt;粗&lt;/b&gt;" in texts["text/html"]
    assert "<b>粗" not in texts["text/html"]


def outlet(kind: Any, channel: Any, tmp_path: Path) -> Outlet:
    for name, word in (("token", "tok/en 1"), ("secret", "SECtest"), ("hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), ("password", "open sesame")):  # fmt: skip
        (tmp_path / name).write_text(word)
    return Outlet(kind, channel, tmp_path)


def robot(hall: Hall, path: str, **more: Any) -> RobotChannel:
    return RobotChannel("room", Title("群", "Room"), Secret(file="token"), url=f"{hall.url}{path}", networks=("127.0.0.1",), **more)  # fmt: skip


def test_a_mail_server_with_a_password_against_its_log(post: Post, tmp_path: Path) -> None:
    channel = SmtpChannel("mail", Title("邮", "Mail"), "127.0.0.1", "twin@test.cn", post.port, "none", "twin", Secret(file="password"))  # fmt: skip
    outlet("smtp", channel, tmp_path).send(said(lot()), lot(), [WANG], AT)
    assert [base64.b64decode(line.split()[2]).split(b"\0")[1:] for line in post.logins] == [[b"twin", b"open sesame"]]
    assert [(s, r) for s, r, _ in post.taken] == [("twin@test.cn", "wang@test.cn")]
    with pytest.raises(Undelivered, match="STARTTLS") as e:  # a server without TLS gets no password
        outlet("smtp", replace(channel, security="starttls"), tmp_path).send(said(lot()), lot(), [WANG], AT)
    assert (e.value.final, e.value.doubt) == (False, False)
    assert len(post.logins) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_over_tls_against_certificates_that_are_trusted_and_not(post: Post, tmp_path: Path, security: Any) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    post.secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    post.secure.load_cert_chain(certificate, key)
    post.wrapped = security == "tls"
    channel = SmtpChannel("mail", Title("邮", "Mail"), "127.0.0.1", "twin@test.cn", post.port, security, "twin", Secret(file="password"))  # fmt: skip
    with pytest.raises(Undelivered, match="CERTIFICATE_VERIFY_FAILED") as e:
        outlet("smtp", channel, tmp_path).send(said(lot()), lot(), [WANG], AT)
    assert not e.value.doubt
    assert post.logins == post.taken == []
    outlet("smtp", replace(channel, certificates="ca.pem"), tmp_path).send(said(lot()), lot(), [WANG], AT)
    assert (len(post.logins), len(post.taken)) == (1, 1)


def test_a_webhook_is_verified_against_its_own_headers(hall: Hall, tmp_path: Path) -> None:
    channel = WebhookChannel(
        "hook", Title("台", "Hub"), f"{hall.url}/in?a=1", Secret(file="hook"), networks=("127.0.0.1",)
    )
    outlet("webhook", channel, tmp_path).send(said(lot(3)), lot(3), [WANG], AT)
    ((path, headers, body),) = hall.posted
    assert path == "/in?a=1"
    signed = sign(
        base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body,
    )
    assert headers["webhook-signature"] == "v1," + base64.b64encode(signed).decode()
    assert headers["webhook-timestamp"] == str(int(AT.timestamp()))
    told = json.loads(body)
    assert (told["type"], told["data"]["total"], [e["id"] for e in told["data"]["events"]]) == ("digest", 3, ["e0", "e1", "e2"])  # fmt: skip


def test_robots_get_what_their_platforms_take_against_the_bodies(hall: Hall, tmp_path: Path) -> None:
    outlet("wecom", robot(hall, "/cgi-bin/webhook/send?key={token}"), tmp_path).send(said(lot()), lot(), [WANG], AT)
    outlet("dingtalk", robot(hall, "/robot/send?access_token={token}", secret=Secret(file="secret")), tmp_path).send(said(lot()), lot(), [WANG], AT)  # fmt: skip
    outlet("feishu", robot(hall, "/hook/{token}", secret=Secret(file="secret")), tmp_path).send(said(lot()), lot(), [WANG], AT)  # fmt: skip
    outlet("wecom", robot(hall, "/cgi-bin/webhook/send?key={token}"), tmp_path).send(said(lot()), lot(), [WANG, Person("li", "李强", mobile="13900000002")], AT)  # fmt: skip
    wecom, dingtalk, feishu, text = hall.bodies()
    paths = [p for p, _, _ in hall.posted]
    assert paths[0] == "/cgi-bin/webhook/send?key=tok%2Fen%201"
    assert wecom["msgtype"] == "markdown"
    assert "<@wangmin>" in wecom["markdown"]["content"]
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(paths[1]).query)
    stamp = str(int(AT.timestamp() * 1000))
    assert query == {"access_token": ["tok/en 1"], "timestamp": [stamp], "sign": [base64.b64encode(sign(b"SECtest", f"{stamp}\nSECtest".encode())).decode()]}  # fmt: skip
    assert dingtalk["at"] == {"atMobiles": ["13800000001"], "isAtAll": False}
    assert "@13800000001" in dingtalk["markdown"]["text"]
    assert feishu["timestamp"] == str(int(AT.timestamp()))
    assert feishu["sign"] == base64.b64encode(sign(f"{feishu['timestamp']}\nSECtest".encode(), b"")).decode()
    assert feishu["card"]["header"]["template"] == "red"
    assert "<at id=ou_wang></at>" in feishu["card"]["elements"][0]["content"]
    assert text["text"]["mentioned_list"] == ["wangmin"]
    assert text["text"]["mentioned_mobile_list"] == ["13900000002"]


@pytest.mark.parametrize("n", [1, 40, 200])
def test_no_message_is_longer_than_its_platform_takes_against_its_bytes(n: int) -> None:
    note = "压" * 500 if n < 200 else '"\\' * 250
    words = said(lot(n, note))
    people = [Person(f"p{k}", f"人{k}", mobile=f"1380000{k:04d}") for k in range(20)]
    ids = [replace(p, wecom=f"user{k}", feishu=f"ou_{k}") for k, p in enumerate(people)]
    assert len(send.wecom(words, ids)["markdown"]["content"].encode()) <= 4096
    assert len(send.wecom(words, people)["text"]["content"].encode()) <= 2048
    assert len(json.dumps(send.dingtalk(words, people), ensure_ascii=False, separators=(",", ":")).encode()) <= 20_000
    assert len(json.dumps(send.feishu(words, ids), ensure_ascii=False, separators=(",", ":")).encode()) <= 30_000
    assert len(send.hook(words, lot(n, note), ids)) <= 100_000
    assert ("短时间内通知较多" in plain(said(replace(lot(n), flood=True)), 100_000)) == (n > 1)
    if n > 1:
        assert "另有" in send.wecom(words, ids)["markdown"]["content"]


def test_nobody_is_called_by_what_somebody_wrote_against_the_signs_that_call() -> None:
    note = "<@all> @13800000000 <at id=all></at> [x](http://evil) **b** # h"
    text = markdown(said(lot(note=note)), 4096)
    assert not {"<@all>", "@1380", "<at", "](http://evil", "**b**"} & {w for w in ("<@all>", "@1380", "<at", "](http://evil", "**b**") if w in text}  # fmt: skip
    assert safe("a\nb") == "a b"


@pytest.mark.parametrize(
    ("kind", "answer", "final", "after_s"),
    [
        ("wecom", (200, b'{"errcode":93000,"errmsg":"invalid webhook url"}', {}), False, 0),
        ("wecom", (200, b'{"errcode":45009,"errmsg":"api freq out of limit"}', {}), False, 60),
        ("wecom", (200, b'{"errcode":40058,"errmsg":"content too long"}', {}), True, 0),
        ("dingtalk", (200, b'{"errcode":310000,"errmsg":"sign not match"}', {}), False, 0),
        ("dingtalk", (200, b'{"errcode":130101,"errmsg":"send too fast"}', {}), False, 600),
        ("feishu", (200, b'{"code":19021,"msg":"sign match fail"}', {}), False, 0),
        ("feishu", (200, b'{"code":11232,"msg":"frequency limited"}', {}), False, 60),
        ("feishu", (200, b"<html>tok/en 1</html>", {}), False, 0),
        ("feishu", (302, b"", {"Location": "http://10.0.0.1/"}), False, 0),
        ("wecom", (503, b"", {"Retry-After": "120"}), False, 120),
        ("wecom", (413, b"", {}), True, 0),
    ],
)  # fmt: skip
def test_an_answer_that_says_no_is_a_failure_against_the_code_it_bears(hall: Hall, tmp_path: Path, kind: Any, answer: Any, final: bool, after_s: float) -> None:  # fmt: skip
    hall.answers = [answer]
    with pytest.raises(Undelivered) as e:
        outlet(kind, robot(hall, "/{token}"), tmp_path).send(said(lot()), lot(), [WANG], AT)
    assert (e.value.final, e.value.after_s, e.value.doubt) == (final, after_s, False)
    assert "tok/en 1" not in e.value.message
    assert len(hall.posted) == 1


def test_an_address_within_our_own_network_is_not_called_unless_it_is_named(hall: Hall, tmp_path: Path) -> None:
    with pytest.raises(Undelivered, match="network that is not called"):
        outlet("wecom", replace(robot(hall, "/{token}"), networks=()), tmp_path).send(said(lot()), lot(), [WANG], AT)
    assert hall.posted == []


def test_whether_it_may_have_arrived_against_what_the_server_saw(hall: Hall, post: Post, tmp_path: Path) -> None:
    hall.mute = post.deaf = True
    channel = SmtpChannel("mail", Title("邮", "Mail"), "127.0.0.1", "twin@test.cn", post.port, "none")
    cases: list[Callable[[], None]] = [
        lambda: outlet("wecom", robot(hall, "/{token}"), tmp_path).send(said(lot()), lot(), [WANG], AT),
        lambda: outlet("smtp", channel, tmp_path).send(said(lot()), lot(), [WANG], AT),
    ]
    for case in cases:
        with pytest.raises(Undelivered) as e:
            case()
        assert e.value.doubt
    post.refuse = {"data": "452 full"}
    with pytest.raises(Undelivered, match="452 full") as e:
        cases[1]()
    assert not e.value.doubt
    with pytest.raises(Undelivered) as e:  # nobody listens there
        outlet("smtp", replace(channel, port=1), tmp_path).send(said(lot()), lot(), [WANG], AT)
    assert not e.value.doubt
