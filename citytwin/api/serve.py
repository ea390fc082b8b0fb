"""How does one get in? Serves the app over HTTP from this process, until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import gc
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn

from citytwin.api.app import app
from citytwin.api.house import House
from citytwin.kernel.errors import BadRequest, CityTwinError, Conflict

GRACE_S = 10
"""How long requests under way may go on once we are told to stop."""
COLLECT = (20_000, 20, 50)
"""Objects made before Python looks for circles among them, and how often it looks further back: a request makes a hundred and leaves none."""
IDLE_S = 75
"""How long a quiet connection is kept, longer than the minute after which proxies drop theirs."""


def serve(
    house: House, host: str = "127.0.0.1", port: int = 8460, on_ready: Callable[[str], None] = lambda _: None
) -> None:
    """Serve until SIGTERM or SIGINT, finish what is under way, and return; the caller then closes what is in the house.

    `on_ready` is told the address once it answers; port 0 takes any free one. Raises Conflict when the port is taken, BadRequest
    when there is no such host.
    """
    listener = bound(host, port)
    taken = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    config = uvicorn.Config(
        app(house),
        loop="auto",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    try:
        _Server(config, lambda: on_ready(f"http://{shown}:{taken}"), house.stop).run(sockets=[listener])
    finally:
        listener.close()


def bound(host: str, port: int) -> socket.socket:
    """A listening socket. It is made here since only a socket that names TCP gets TCP_NODELAY on the connections it accepts."""
    where = f"{host}:{port}"
    if not 0 <= port <= 65535:
        raise BadRequest(f"{port} is not a port", "choose one from 1024 to 65535", where)
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as e:
        raise BadRequest(f"there is no host '{host}'", "127.0.0.1 for this machine only, 0.0.0.0 for all", where) from e
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(2048)
        listener.setblocking(False)
    except OSError as e:
        listener.close()
        raise _refused(e, host, port) from e
    return listener


def _refused(error: OSError, host: str, port: int) -> CityTwinError:
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return Conflict(f"port {port} is taken", "stop the process that holds it, or choose another port", where)
    if error.errno == errno.EACCES:
        return BadRequest(f"port {port} may not be taken by this user", "choose one from 1024 on", where)
    if error.errno == errno.EADDRNOTAVAIL:
        return BadRequest(f"'{host}' is not an address of this machine", "127.0.0.1 for this machine only", where)
    return BadRequest(f"{where} cannot be listened on: {error.strerror}", "choose another host or port", where)


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
