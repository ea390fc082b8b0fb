"""On which socket do we listen? One that names TCP, or a clear reason why there is none."""

from __future__ import annotations

import errno
import socket

from citytwin.kernel.errors import BadRequest, CityTwinError, Conflict


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
