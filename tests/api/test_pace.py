"""How often somebody may ask, against counting on paper; and a flood of strangers against somebody who is signed in."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from citytwin.api.pace import MOST, Pace, network
from citytwin.cli.run import _rate
from citytwin.kernel.errors import TooMany
from citytwin.kernel.right import OPEN, Caller
from citytwin.settings import Rate, Rates
from tests.served import Served

WANG = Caller("wang", "王敏", frozenset({"see", "act", "send"}), "session")
RATES = Rates(read=Rate(2, 4), change=Rate(1, 2), nobody=Rate(1, 3))


class Watch:
    """A clock that goes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def passed(pace: Pace, caller: Caller | None, times: int, right: str = "see", unsafe: bool = False, at: str = "10.0.0.1") -> int:  # fmt: skip
    """How many of so many requests were let through."""
    count = 0
    for _ in range(times):
        with contextlib.suppress(TooMany):
            pace.ask(caller, at, right, unsafe)
            count += 1
    return count


def test_a_bucket_against_counting_on_paper() -> None:
    watch = Watch()
    pace = Pace(RATES, watch)
    assert passed(pace, WANG, 10) == 4  # it was full
    with pytest.raises(TooMany) as told:
        pace.ask(WANG, "10.0.0.1", "see", False)
    assert told.value.wait_s == pytest.approx(0.5)
    watch.now = 0.5
    assert passed(pace, WANG, 10) == 1
    watch.now = 2.0
    assert passed(pace, WANG, 10) == 3
    watch.now = 1000.0
    assert passed(pace, WANG, 10) == 4  # it holds no more than that
    assert passed(pace, WANG, 10, "act", True) == 2  # of what changes something there is another
    assert passed(pace, Caller("li", "李雷", frozenset(), "token"), 10) == 4  # and everybody has their own
    assert passed(pace, WANG, 10, "see", True) == 0  # a question with a body is a question


def test_readings_and_the_machine_itself_are_not_slowed() -> None:
    pace = Pace(RATES, Watch())
    assert passed(pace, WANG, 1000, "send", True) == 1000
    assert passed(pace, OPEN, 1000, "rule", True) == 1000
    assert passed(Pace(Rates(nobody=Rate(0, 0)), Watch()), None, 1000) == 1000
    assert passed(pace, None, 10, "send", True) == 3  # but who has no token sends none


def test_an_address_of_ipv6_is_its_network_and_what_is_remembered_is_bounded() -> None:
    assert network("2001:db8:1:2:a::1") == network("2001:db8:1:2:b::2") != network("2001:db8:1:3::1")
    assert network("::ffff:10.0.0.1") == network("10.0.0.1")
    watch = Watch()
    pace = Pace(RATES, watch)
    for n in range(3 * MOST):
        passed(pace, None, 1, at=f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
    assert len(pace._full) <= MOST
    watch.now = 100.0
    for n in range(MOST):
        passed(pace, None, 1, at=f"11.{n >> 16}.{n >> 8 & 255}.{n & 255}")
    assert len(pace._full) <= MOST


def test_a_rate_on_the_command_line_is_read_or_refused() -> None:
    assert _rate("read=5/7") == ("read", Rate(5, 7))
    assert _rate("nobody=0")[1].per_s == 0
    for text in ("read", "read=", "read=-1", "send=1", "read=1/0.5", "read=nan"):
        with pytest.raises(Exception, match="is not a rate"):
            _rate(text)


def ask(served: Served, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """A question on a connection of its own: status and headers, names in lower case."""
    parts = urlsplit(served.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as s:
        head = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: city\r\nConnection: close\r\n{head}\r\n".encode())
        data = b"".join(iter(lambda: s.recv(65536), b""))
    first, *lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    told = [line.partition(": ") for line in lines]
    return int(first.split()[1]), {k.lower(): v for k, _, v in told}


@pytest.fixture(scope="module")
def busy(serve: Callable[..., Served], town: str, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A city that asks who comes, behind a proxy on 127.0.0.2."""
    home = tmp_path_factory.mktemp("busy") / "home"
    return serve(home, "--city", town, "--demo-days", "0", "--proxy", "127.0.0.2", "--rate", "nobody=5/40", auth=True)


def test_a_flood_of_strangers_does_not_keep_out_who_is_known(busy: Served) -> None:
    home = busy.log.parent / "home"
    made = subprocess.run(
        [sys.executable, "-m", "citytwin", "token", "create", "--home", str(home), "--role", "viewer"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    token = next(w for w in made.stdout.split() if w.startswith("ct_"))
    told: Counter[int] = Counter()
    over = threading.Event()

    def flood(path: str) -> None:
        while not over.is_set():
            status, headers = ask(busy, path)
            told[status] += 1
            assert status != 429 or int(headers["retry-after"]) >= 1

    strangers = [
        threading.Thread(target=flood, args=(("/api/assets", "/", "/open311/v2/services.json")[n % 3],))
        for n in range(24)
    ]
    for one in strangers:
        one.start()
    try:
        answers = [ask(busy, "/api/assets", Authorization=f"Bearer {token}")[0] for _ in range(40)]
    finally:
        over.set()
        for one in strangers:
            one.join(60)
    assert answers == [200] * 40
    assert told[429] > 10
    assert set(told) <= {200, 401, 429}


def test_only_a_declared_proxy_is_believed(busy: Served) -> None:
    status, headers = ask(busy, "/api/me", X_Forwarded_For="10.9.9.9", X_Forwarded_Proto="https")
    assert status in (401, 429)
    assert "strict-transport-security" not in headers  # 127.0.0.1 is no proxy of ours
    body = json.dumps({"id": "nobody", "password": "wrong wrong wrong"}).encode()
    for source, address in (("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "10.9.9.9")):
        parts = urlsplit(busy.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=60, source_address=(source, 0)) as s:
            s.sendall(b"POST /api/session HTTP/1.1\r\nHost: city\r\nContent-Type: application/json\r\nX-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\n"
                      b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))  # fmt: skip
            data = b"".join(iter(lambda: s.recv(65536), b""))
        assert data.startswith((b"HTTP/1.1 401", b"HTTP/1.1 429"))
        assert (b"strict-transport-security: max-age=31536000" in data) == (source == "127.0.0.2")
        lines = busy.get("/api/audit?act=sign_in&limit=1")["items"]
        if data.startswith(b"HTTP/1.1 401"):
            assert lines[0]["address"] == address


def test_the_log_of_the_flood_has_no_error(busy: Served) -> None:
    assert "Traceback" not in Path(busy.log).read_text()
