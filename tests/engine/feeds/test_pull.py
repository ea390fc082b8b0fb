"""Pulling over HTTP, from a server on this machine that answers well, badly, late, in part or not at all."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from citytwin.engine.feeds import run
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.feed import Feed, PullFeed, Secret
from citytwin.kernel.title import Title

from .conftest import Asked

Ask = Callable[[Feed], Asked]
START = datetime(2025, 6, 30, 3, 0, tzinfo=UTC)


class Peer(ThreadingHTTPServer):
    """A server; `answer(handler)` says what it does."""

    daemon_threads = True
    answer: Callable[[Any], None]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.release = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Peer

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers.items())))
        self.server.answer(self)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()


def feed(peer: Peer, path: str = "/", **more: Any) -> PullFeed:
    return PullFeed("web", Title("拉取", "Web"), peer.url + path, 60.0, **{"timeout_s": 5.0, **more})


def body(*readings: tuple[int, float], stream: str = "t1.tank.level") -> bytes:
    """Readings so many minutes after the start."""
    return json.dumps(
        [{"stream": stream, "time": (START + timedelta(minutes=m)).isoformat(), "value": v} for m, v in readings]
    ).encode()


def values(asked: Asked) -> list[tuple[str, float | None]]:
    return [(time[6:11], value) for _, time, value, _ in asked.rows()]


def batches(twin: Twin) -> int:
    return int(twin.store.fetch("SELECT count(*) AS n FROM batch")["n"][0].as_py())


def test_an_answer_is_recorded_and_the_next_time_asked_for_only_if_it_changed(ask: Ask, peer: Peer, twin: Twin) -> None:
    def answer(h: Handler) -> None:
        if h.headers.get("If-None-Match") == '"1"' and h.headers.get("If-Modified-Since") == "yesterday":
            h.say(304)
        else:
            h.say(200, body((0, 1.0)), ETag='"1"', Last_Modified="yesterday")

    peer.answer = answer
    asked = ask(feed(peer))
    assert asked.once().readings == 1
    assert asked.once().failures == 0
    assert values(asked) == [("03:00", 1.0)]
    assert "If-None-Match" not in peer.asked[0][1]
    assert peer.asked[1][1]["If-None-Match"] == '"1"'
    assert batches(twin) == 1


def test_what_is_told_again_is_stored_once_and_what_is_corrected_supersedes(ask: Ask, peer: Peer, twin: Twin) -> None:
    told = [body((0, 1.0)), body((0, 1.0)), body((0, 1.0), (1, 2.0)), body((0, 9.0)), body((0, 1.0), (1, 2.0))]
    peer.answer = lambda h: h.say(200, told.pop(0))
    asked = ask(feed(peer))
    for wanted in ([("03:00", 1.0)],) * 2 + ([("03:00", 1.0), ("03:01", 2.0)], [("03:00", 9.0), ("03:01", 2.0)]):
        asked.once()
        assert values(asked) == wanted
    assert batches(twin) == 3  # the second answer was the first
    asked.once()  # and back to what was said before
    assert values(asked) == [("03:00", 1.0), ("03:01", 2.0)]


def history(peer: Peer, readings: dict[int, float]) -> Callable[[Handler], None]:
    """A source that tells what it has between `since` and `until`."""

    def answer(h: Handler) -> None:
        given = {k: v[0] for k, v in parse_qs(urlsplit(h.path).query).items()}
        since = datetime.fromisoformat(given["since"])
        until = datetime.fromisoformat(given["until"]) if "until" in given else datetime.max.replace(tzinfo=UTC)
        h.say(200, body(*((m, v) for m, v in readings.items() if since < START + timedelta(minutes=m) <= until)))

    return answer


def test_since_is_the_last_reading_and_survives_a_restart(ask: Ask, peer: Peer, clock: FixedClock) -> None:
    held = {5: 1.0, 10: 2.0}
    peer.answer = history(peer, held)
    declared = feed(peer, "/?since={since}", lookback_s=7200)
    asked = ask(declared)
    asked.once()
    held[20] = 3.0
    again = ask(declared)  # as after a restart: nothing but the store remembers
    again.once()
    assert values(again) == [("03:05", 1.0), ("03:10", 2.0), ("03:20", 3.0)]
    assert [parse_qs(urlsplit(p).query)["since"][0] for p, _ in peer.asked] == [
        "2025-06-30T02:00:00Z",
        "2025-06-30T03:10:00Z",
    ]


def test_since_begins_where_it_was_first_asked_however_long_nobody_answers(
    ask: Ask, peer: Peer, clock: FixedClock
) -> None:
    peer.answer = lambda h: h.say(500)
    declared = feed(peer, "/?since={since}", lookback_s=600)
    assert ask(declared).once().failures == 1
    clock.moment += timedelta(days=3)
    peer.answer = history(peer, {55: 1.0})
    asked = ask(declared)
    asked.once()
    assert values(asked) == [("03:55", 1.0)]


def test_a_reading_ahead_of_our_clock_hides_nothing_that_follows(ask: Ask, peer: Peer, clock: FixedClock) -> None:
    held = {5: 1.0, 100_000: 7.0}
    peer.answer = history(peer, held)
    asked = ask(feed(peer, "/?since={since}", lookback_s=7200))
    assert asked.once().rejected == 1
    held[10] = 2.0
    asked.once()
    assert values(asked) == [("03:05", 1.0), ("03:10", 2.0)]


def test_a_clock_that_was_ahead_for_a_while_skips_nothing(ask: Ask, peer: Peer, clock: FixedClock) -> None:
    held = {5: 1.0}
    peer.answer = history(peer, held)
    asked = ask(feed(peer, "/?since={since}", lookback_s=7200))
    asked.once()
    clock.moment += timedelta(days=365)
    asked.once()
    clock.moment -= timedelta(days=365)
    held[10] = 2.0
    assert asked.once().failures == 0
    assert values(asked) == [("03:05", 1.0), ("03:10", 2.0)]


def test_long_spans_are_asked_for_window_by_window(ask: Ask, peer: Peer, clock: FixedClock) -> None:
    peer.answer = history(peer, {m: float(m) for m in range(0, 60, 5)})
    asked = ask(feed(peer, "/?since={since}&until={until}", lookback_s=7200, window_s=900))
    looks = 0
    while looks == 0 or asked.wait_s == 0.0:
        assert asked.once().failures == 0
        looks += 1
    assert looks == 8
    assert [v for _, v in values(asked)] == [float(m) for m in range(0, 60, 5)]


def test_seconds_and_milliseconds_since_1970(ask: Ask, peer: Peer) -> None:
    peer.answer = lambda h: h.say(200, b"[]")
    ask(feed(peer, "/?a={since_s}&b={until_ms}", lookback_s=60)).once()
    assert parse_qs(urlsplit(peer.asked[0][0]).query) == {"a": ["1751255940"], "b": ["1751256000000"]}


def test_rows_at_fault_are_left_out_and_named(ask: Ask, peer: Peer) -> None:
    peer.answer = lambda h: h.say(
        200, json.dumps([*json.loads(body((0, 1.0))), *json.loads(body((1, 2.0), stream="nobody.tank.level"))]).encode()
    )
    asked = ask(feed(peer))
    state = asked.once()
    assert values(asked) == [("03:00", 1.0)]
    assert (state.rejected, state.failures) == (1, 0)
    assert "nobody" in state.left_out[0].message


def cut(h: Handler) -> None:
    h.send_response(200)
    h.send_header("Content-Type", "application/json")
    h.send_header("Content-Length", "1000")
    h.end_headers()
    h.wfile.write(body((0, 1.0)))


def cut_chunks(h: Handler) -> None:
    h.protocol_version = "HTTP/1.1"
    h.send_response(200)
    h.send_header("Content-Type", "application/json")
    h.send_header("Transfer-Encoding", "chunked")
    h.end_headers()
    h.wfile.write(b"2\r\n[]\r\n")
    h.close_connection = True


def hang(h: Handler) -> None:
    h.server.release.wait(30)


def drip(h: Handler) -> None:
    h.send_response(200)
    h.send_header("Content-Type", "application/json")
    h.end_headers()
    for _ in range(600):
        if h.server.release.wait(0.05):
            return
        try:
            h.wfile.write(b" ")
        except OSError:
            return


def drip_headers(h: Handler) -> None:
    for _ in range(600):
        if h.server.release.wait(0.05):
            return
        try:
            h.wfile.write(b"H")
            h.wfile.flush()
        except OSError:
            return


def garbage(h: Handler) -> None:
    h.wfile.write(b"\x00\x01\x02 this is not HTTP \r\n\r\n")


FAILURES: dict[str, tuple[Callable[[Handler], None], str]] = {
    "500": (lambda h: h.say(500), "answered 500"),
    "404": (lambda h: h.say(404), "answered 404"),
    "401": (lambda h: h.say(401), "answered 401"),
    "cut off": (cut, "cut off"),
    "cut off in chunks": (cut_chunks, "IncompleteRead"),
    "hangs": (hang, "no whole answer after 0.4 s"),
    "drips": (drip, "no whole answer after 0.4 s"),
    "drips its headers": (drip_headers, "no whole answer after 0.4 s"),
    "garbage": (garbage, "cannot be reached: BadStatusLine"),
    "not JSON": (lambda h: h.say(200, b"<html>"), "not JSON"),
    "of no known kind": (lambda h: h.say(200, b"<html>", Content_Type="text/html"), "comes as 'text/html'"),
    "too large": (lambda h: h.say(200, b" " * 60_000), "more than 50,000 bytes"),
    "too large unpacked": (
        lambda h: h.say(200, gzip.compress(b" " * 9_000_000), Content_Encoding="gzip"),
        "more than 50,000 bytes",
    ),
    "gzip cut off": (lambda h: h.say(200, gzip.compress(body((0, 1.0)))[:-9], Content_Encoding="gzip"), "cut off"),
    "packed otherwise": (lambda h: h.say(200, b"x", Content_Encoding="br"), "packed as 'br'"),
    "goes in circles": (lambda h: h.say(302, Location="/again"), "redirect"),
    "leads into the house": (lambda h: h.say(302, Location="file:///etc/passwd"), "not allowed"),
}


def test_a_bad_answer_is_a_failure_that_is_told_and_mends(ask: Ask, peer: Peer) -> None:
    for n, (name, (answer, says)) in enumerate(FAILURES.items()):
        peer.answer = answer
        asked = ask(feed(peer, f"/{n}", timeout_s=0.4, largest_mb=0.05))
        state = asked.once()
        assert state.failures == 1, name
        assert state.last_failure is not None
        assert says in state.last_failure.message, (name, state.last_failure)
        assert asked.wait_s is not None
        assert 0 < asked.wait_s <= run.FIRST_RETRY_S
        assert len(asked.rows()) == n, name
        peer.answer = lambda h, n=n: h.say(200, body((n, 1.0)))  # type: ignore[misc]
        assert asked.once().failures == 0, name
        assert len(asked.rows()) == n + 1, name


def test_nobody_there_is_a_failure(ask: Ask, peer: Peer) -> None:
    declared = feed(peer)
    peer.release.set()
    peer.server_close()
    state = ask(declared).once()
    assert state.last_failure is not None
    assert "Connection" in state.last_failure.message or "no whole answer" in state.last_failure.message


def test_failures_in_a_row_are_asked_later_and_later_and_scattered() -> None:
    waits = [run.backoff(n, 10.0, lambda: 1.0) for n in range(1, 12)]
    assert waits[:7] == [5, 10, 20, 40, 80, 160, 300]
    assert waits[-1] == run.LONGEST_RETRY_S
    assert run.backoff(30, 86_400.0, lambda: 1.0) == 86_400.0
    assert run.backoff(3, 10.0, lambda: 0.0) == 10.0  # half of 20: the others come at other times
    assert run.backoff(10**9, 1.0) <= run.LONGEST_RETRY_S


def test_a_server_that_says_when_is_not_asked_before(ask: Ask, peer: Peer) -> None:
    peer.answer = lambda h: h.say(503, Retry_After="1200")
    asked = ask(feed(peer))
    asked.once()
    assert asked.wait_s == 1200


def test_a_full_disk_forgets_nothing(ask: Ask, peer: Peer, full: Callable[[bool], None]) -> None:
    peer.answer = lambda h: h.say(304) if h.headers.get("If-None-Match") else h.say(200, body((0, 1.0)), ETag='"1"')
    asked = ask(feed(peer))
    full(True)
    assert asked.once().failures == 1
    full(False)
    asked.once()  # must not ask with an ETag of what it did not record
    assert values(asked) == [("03:00", 1.0)]


def test_secrets_reach_the_server_and_no_other_and_no_message(
    ask: Ask, peer: Peer, monkeypatch: pytest.MonkeyPatch, home: Any
) -> None:
    monkeypatch.setenv("WEB_TOKEN", "s3cret-word")
    (home / "key.txt").write_text("k&y\n")
    with Peer() as other:
        thread = threading.Thread(target=other.serve_forever, args=(0.02,))
        thread.start()
        other.answer = lambda h: h.say(500)
        peer.answer = lambda h: h.say(302, Location=f"{other.url}/there")
        secrets = {"token": Secret(env="WEB_TOKEN"), "key": Secret(file="key.txt")}
        asked = ask(
            feed(peer, "/?key={key}", headers={"X-Token": "Bearer {token}", "Accept": "text/csv"}, secrets=secrets)
        )
        state = asked.once()
        other.shutdown()
        thread.join()
    path, headers = peer.asked[0]
    assert path == "/?key=k%26y"
    assert headers["X-Token"] == "Bearer s3cret-word"
    assert "X-token" not in {n.capitalize() for n in other.asked[0][1]}
    assert other.asked[0][1]["Accept"] == "text/csv"
    assert "s3cret" not in str(state)
    assert "k&y" not in str(state)
    assert "k%26y" not in str(state)


def test_other_forms_come_by_their_media_type_and_packed(ask: Ask, peer: Peer) -> None:
    peer.answer = lambda h: h.say(
        200,
        gzip.compress(b"stream,time,value\nt1.tank.level,2025-06-30T03:00:00Z,1500\n"),
        Content_Type="text/csv; charset=utf-8",
        Content_Encoding="gzip",
    )
    asked = ask(feed(peer, unit="mm"))
    asked.once()
    assert values(asked) == [("03:00", 1.5)]


def test_a_redirect_to_elsewhere_in_the_house_is_followed(ask: Ask, peer: Peer) -> None:
    peer.answer = lambda h: h.say(200, body((0, 1.0))) if h.path == "/new" else h.say(301, Location="/new")
    asked = ask(feed(peer, "/old"))
    asked.once()
    assert values(asked) == [("03:00", 1.0)]
