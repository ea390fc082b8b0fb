"""Is it served? Over a real socket: ready when it says so, quick, and gone in order when it is told to stop."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from citytwin.api.house import House
from citytwin.api.serve import bound, serve
from citytwin.kernel.errors import BadRequest, Conflict


def stopped(house: House, visit: Callable[[str, int], None], sent: signal.Signals = signal.SIGTERM) -> list[Any]:
    """Serve on the main thread; once it is ready let `visit` go on elsewhere, and stop it by a signal when that ends."""
    failed: list[Any] = []

    def guest(url: str) -> None:
        try:
            visit("127.0.0.1", int(url.rpartition(":")[2]))
        except BaseException as e:
            failed.append(e)
        finally:
            os.kill(os.getpid(), sent)

    before = signal.getsignal(sent)
    threads: list[threading.Thread] = []

    def ready(url: str) -> None:
        threads.append(threading.Thread(target=guest, args=(url,)))
        threads[0].start()

    serve(house, "127.0.0.1", 0, ready)
    threads[0].join(10)
    assert signal.getsignal(sent) is before
    return failed


def ask(host: str, port: int, path: str) -> tuple[int, Any]:
    line = http.client.HTTPConnection(host, port, timeout=10)
    line.request("GET", path)
    answer = line.getresponse()
    found = answer.status, json.loads(answer.read())
    line.close()
    return found


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_as_soon_as_it_says_so_and_returns_on_a_signal(own_house: House, sent: signal.Signals) -> None:
    seen: list[Any] = []
    assert stopped(own_house, lambda h, p: seen.append(ask(h, p, "/api/health")), sent) == []
    assert seen[0][0] == 200
    assert seen[0][1]["status"] == "ok"
    assert own_house.rows("SELECT 1 AS n") == [{"n": 1}]  # what is in the house is still open


def test_a_request_under_way_is_finished_after_the_signal(own_house: House) -> None:
    body = b"stream,time,value\nlamp-3.trial.warmth,2026-03-10T03:00:00Z,20\n"
    seen: list[Any] = []
    stop = threading.Event()

    def slow(host: str, port: int) -> None:
        line = socket.create_connection((host, port), timeout=10)
        head = f"POST /api/observations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: {len(body)}\r\n\r\n"
        line.sendall(head.encode() + body[:20])

        def rest() -> None:
            stop.wait(10)
            time.sleep(0.3)
            line.sendall(body[20:])
            seen.append(line.recv(4096))
            line.close()

        thread = threading.Thread(target=rest)
        thread.start()
        time.sleep(0.1)
        stop.set()  # and the signal follows at once
        seen.append(thread)

    assert stopped(own_house, slow) == []
    seen[0].join(10)
    assert seen[1].startswith(b"HTTP/1.1 201")
    assert own_house.rows("SELECT count(*) AS n FROM observation WHERE asset_id = 'lamp-3'") == [{"n": 1}]


def test_small_requests_on_one_connection_do_not_wait_for_each_other(own_house: House) -> None:
    took: list[float] = []

    def hurry(host: str, port: int) -> None:
        line = http.client.HTTPConnection(host, port, timeout=10)
        for _ in range(30):
            begun = time.perf_counter()
            line.request("POST", "/api/observations", b"[]", {"Content-Type": "application/json"})
            assert line.getresponse().read()
            took.append(time.perf_counter() - begun)
        line.close()

    assert stopped(own_house, hurry) == []
    assert sorted(took)[len(took) // 2] < 0.03  # Nagle's algorithm with delayed acknowledgements would make it 0.04


def test_a_port_that_is_taken_is_said_so() -> None:
    with bound("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(Conflict) as e:
            bound("127.0.0.1", port)
    assert str(port) in e.value.message
    assert e.value.hint


@pytest.mark.parametrize("host", ["no.such.host.invalid", "256.1.1.1", "192.0.2.1", "a" * 300])
def test_a_host_that_is_none_of_ours_is_said_so(host: str) -> None:
    with pytest.raises(BadRequest) as e:
        bound(host, 0)
    assert e.value.hint


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_said_so(port: int) -> None:
    with pytest.raises(BadRequest):
        bound("127.0.0.1", port)


def test_the_socket_names_tcp_and_does_not_delay() -> None:
    with bound("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
