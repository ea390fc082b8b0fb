"""How long may it take? A socket that is not done in time is shut down, whatever its other end does and whatever our clock says."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class Deadline:
    """`with Deadline(5.0, lambda: connection.sock) as late: …`: after so many seconds the socket is shut down and `late.passed` is true.

    Time-outs of sockets bound each wait for a byte; this bounds their sum.
    """

    def __init__(self, seconds: float, where: Callable[[], socket.socket | None]) -> None:
        self.passed = False
        self._where = where
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def _end(self) -> None:
        self.passed = True
        found = self._where()
        if found is not None:
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()
