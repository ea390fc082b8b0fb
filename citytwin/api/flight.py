"""How much may be under way at once? Bytes of bodies are counted from the moment they come in until their request is answered."""

from __future__ import annotations

import threading
from collections.abc import Callable

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from citytwin.kernel.errors import StoreBusy

SMALL = 1024 * 1024
"""A body of so many bytes or fewer finds room where a large one does not: a sensor is heard while files come in."""
PATIENCE_S = 10
"""For how long the rest of a body that was refused is listened to: whoever is cut off while sending does not hear why."""
UNREAD_S = 1
"""And for how long a body of which nothing was read: who said that there is one may be waiting to be asked for it."""
HOLD = "citytwin.hold"
"""Where a scope has the function that counts bytes which a body became, such as those that were unpacked."""


class Flight:
    """The bytes under way, at most `most`, of which the last `kept` are for small bodies. May be used from any thread."""

    def __init__(self, most: int, kept: int) -> None:
        self.most, self.kept = most, kept
        self.held = 0
        self._turn = threading.Lock()

    def take(self, size: int, of: int) -> None:
        """Count so many bytes more of a body that has `of` already. Raises StoreBusy where there is no room."""
        room = self.most if of + size <= SMALL else self.most - self.kept
        with self._turn:
            if self.held + size > room:
                raise StoreBusy(
                    "too many bytes are on their way in", "send it again in a few seconds, in smaller parts", "body"
                )
            self.held += size

    def give(self, size: int) -> None:
        """They are no more."""
        with self._turn:
            self.held -= size


class Bounded:
    """ASGI middleware: reading a body raises StoreBusy where there is no room for it; the rest of one that was refused, or all of one that was announced as too large, is passed over."""

    def __init__(self, app: ASGIApp, flight: Flight) -> None:
        self._app, self._flight = app, flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):  # nobody reads the body of these
            await self._app(scope, receive, send)
            return
        held = 0
        begun = False
        more = False

        def hold(size: int) -> None:
            nonlocal held
            try:
                self._flight.take(size, held)
            except StoreBusy:  # what it has is let go at once: of many large bodies some must come through
                held, let_go = 0, held
                self._flight.give(let_go)
                raise
            held += size

        async def counted() -> Message:
            nonlocal more, begun
            begun = True
            message = await receive()
            more = message.get("more_body", False)
            if part := message.get("body"):
                hold(len(part))
            return message

        async def patient(message: Message) -> None:
            nonlocal more
            if message.get("status") == 413 and not begun:  # it was announced as too large, and is under way
                more = all(k != b"expect" for k, _ in scope["headers"])
            if more:
                more = False
                with anyio.move_on_after(PATIENCE_S if begun else UNREAD_S):
                    while (await receive()).get("more_body", False):
                        pass
            await send(message)

        scope[HOLD] = hold
        try:
            await self._app(scope, counted, patient)
        finally:
            if held:
                self._flight.give(held)


def holder(scope: Scope) -> Callable[[int], None]:
    """What counts bytes that the body of a request became."""
    found: Callable[[int], None] = scope.get(HOLD, lambda _: None)
    return found
