"""Real servers that mails and messages are sent to, and a tiny city that sends them."""

from __future__ import annotations

import contextlib
import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from citytwin.engine.notify import declare
from citytwin.engine.notify.run import Notifier, Sender
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import FixedClock


@dataclass
class Hall:
    """An HTTP server that remembers what it was posted. `answers` are given one after another, the last for ever: status, body, headers."""

    posted: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=lambda: [(200, b'{"errcode":0,"code":0}', {})])  # fmt: skip
    mute: bool = False
    """Takes what is posted, and hangs up without a word."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.posted]


@pytest.fixture
def hall() -> Iterator[Hall]:
    made = Hall()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.posted.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if made.mute:
                return
            status, said, headers = made.answers[0] if len(made.answers) == 1 else made.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Post:
    """A mail server (RFC 5321) that remembers what it took: envelope and message. `refuse` has its answers to RCPT and DATA, by address or `data`."""

    taken: list[tuple[str, str, EmailMessage]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    deaf: bool = False
    """Takes a message, and hangs up before it says so."""
    port: int = 0
    secure: ssl.SSLContext | None = None
    """With it the server has STARTTLS, or speaks TLS from the first byte where `wrapped`."""
    wrapped: bool = False


@pytest.fixture
def post() -> Iterator[Post]:
    made = Post()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

        def setup(self) -> None:
            super().setup()
            if made.wrapped and made.secure:
                self.encrypt()

        def encrypt(self) -> None:
            assert made.secure is not None
            self.connection = made.secure.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)  # type: ignore[assignment]

        def finish(self) -> None:
            with contextlib.suppress(OSError):
                super().finish()
            self.connection.close()

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.talk()

        def talk(self) -> None:
            self.say("220 post.test ESMTP")
            sender = reader = ""
            while line := self.rfile.readline().decode("utf-8", "replace").strip():
                word = line.split(" ")[0].upper()
                if word == "EHLO":
                    tls = "250-STARTTLS\r\n" if made.secure and not made.wrapped else ""
                    self.say(f"250-post.test\r\n{tls}250-AUTH PLAIN\r\n250 8BITMIME")
                elif word == "STARTTLS":
                    self.say("220 go on")
                    self.encrypt()
                elif word == "AUTH":
                    made.logins.append(line)
                    self.say("235 welcome")
                elif word == "MAIL":
                    sender = line.partition(":")[2].split(">")[0].lstrip("<")
                    self.say("250 fine")
                elif word == "RCPT":
                    reader = line.partition(":")[2].strip("<>")
                    self.say(made.refuse.get(reader, "250 fine"))
                elif word == "DATA":
                    self.say("354 go on")
                    lines = []
                    while (got := self.rfile.readline()) not in (b".\r\n", b""):
                        lines.append(got[1:] if got.startswith(b".") else got)
                    if "data" in made.refuse:
                        self.say(made.refuse["data"])
                        continue
                    made.raw.append(b"".join(lines))
                    made.taken.append((sender, reader, cast(EmailMessage, message_from_bytes(made.raw[-1], policy=policy.default))))  # fmt: skip
                    if made.deaf:
                        return
                    self.say("250 taken")
                elif word == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 fine")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


PEOPLE = """\
people:
  - {id: wang, name: 王敏, email: wang@test.cn, mobile: "13800000001", wecom: wangmin, feishu: ou_wang, roles: [养护班组], bodies: [水务局]}
  - {id: li, name: 李强, email: li@test.cn, mobile: "13800000002", roles: [管理员], quiet: {since: "22:00", until: "07:00"}}
  - {id: alex, name: Alex, language: en, email: alex@test.cn}
"""


@dataclass
class Office:
    """The tiny city with a `notify.yaml`; its threads are not started: `step` does what they would."""

    twin: Twin
    home: Path
    clock: FixedClock
    notifier: Notifier

    def sender(self, channel: str) -> Sender:
        return self.notifier._workers[channel].sender

    def step(self, *channels: str) -> None:
        """Look for what happened, and send what is due."""
        self.notifier.look()
        for channel in channels:
            self.sender(channel).once()

    def later(self, **delta: float) -> None:
        self.clock.moment += timedelta(**delta)

    def rows(self, where: str = "TRUE") -> list[dict[str, Any]]:
        return self.twin.store.fetch(f"SELECT * FROM outbox_row WHERE {where} ORDER BY n").to_pylist()


@pytest.fixture
def office(make_twin: Callable[..., Twin], clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Office]]:  # fmt: skip
    """`office("routes: …")`: a city that sends so."""
    monkeypatch.setenv("HOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    monkeypatch.setenv("ROBOT_TOKEN", "token-of-the-test")
    monkeypatch.setenv("ROBOT_SECRET", "SECtest")
    monkeypatch.setenv("MAIL_PASSWORD", "word of the test")
    made: list[Notifier] = []

    def start(text: str, twin: Twin | None = None) -> Office:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        (home / declare.FILE).write_text(PEOPLE + text, "utf-8")
        twin = twin or make_twin()
        notifier = Notifier(twin, home)
        assert not notifier.declared.faults, notifier.declared.faults
        made.append(notifier)
        return Office(twin, home, clock, notifier)

    yield start
    for notifier in made:
        notifier.close()
