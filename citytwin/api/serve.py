"""How does one get in? Serves the app over HTTP from this process, until it is told to stop."""

from __future__ import annotations

import contextlib
import gc
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import IPv4Network, IPv6Network

import uvicorn

from citytwin.api.app import App
from citytwin.api.house import House
from citytwin.api.listen import bound
from citytwin.api.wire import Wire

GRACE_S = 10
"""How long requests under way may go on once we are told to stop."""
COLLECT = (20_000, 20, 50)
"""Objects made before Python looks for circles among them, and how often it looks further back: a request makes a hundred and leaves none."""
TURN_S = 0.001
"""How long a thread that computes may go on while another waits for its turn: with Python's own 5 ms, one that writes a few rows waits longer for that than for the disk."""
SPARED = 256
"""Open files that are not connections: of the store, of feeds, of those who are called."""
IDLE_S = 75
"""How long a quiet connection is kept, longer than the minute after which proxies drop theirs."""


def serve(
    house: House,
    host: str = "127.0.0.1",
    port: int = 8460,
    on_ready: Callable[[str], None] = lambda _: None,
    proxies: tuple[IPv4Network | IPv6Network, ...] = (),
) -> None:
    """Serve until SIGTERM or SIGINT, finish what is under way, and return; the caller then closes what is in the house.

    `on_ready` is told the address once it answers; port 0 takes any free one. What `proxies` say of whom a request is from is believed. Raises Conflict when the port is taken, BadRequest
    when there is no such host.
    """
    listener = bound(host, port)
    taken = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    app = App(house)
    config = uvicorn.Config(
        app,
        loop="auto",
        http=partial(Wire, app.quick, most=0 if proxies else _most()),  # type: ignore[arg-type]  # it is called as the class is
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),  # else uvicorn believes whoever is on this machine
        forwarded_allow_ips=[str(p) for p in proxies],
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    try:
        _Server(config, lambda: on_ready(f"http://{shown}:{taken}"), house.stop).run(sockets=[listener])
    finally:
        listener.close()


def _most() -> int:
    """Connections that one address may hold: half of the files that this process may open, which are as many as the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else 65536
    if soft < most:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), hard))
            soft = min(most, 65536)
    return max(64, (soft - SPARED) // 2)


class _Server(uvicorn.Server):
    """Tells when it is ready; a signal ends it and goes no further, so that the caller can close the store."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready, self._on_stop = on_ready, on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()
        gc.collect()
        gc.freeze()  # what is declared stays: it need not be looked through every few hundred requests
        gc.set_threshold(*COLLECT)
        sys.setswitchinterval(TURN_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for s, handler in before.items():
                signal.signal(s, handler)
