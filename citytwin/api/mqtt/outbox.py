"""What waits for a subscriber? Messages in order while they are few; where it is slow, of each subject the newest."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from citytwin.api.mqtt.packet import BARE, Note


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent. Of messages on one topic with one `key` a later one makes an earlier one needless."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    key: str = ""
    note: Note = BARE


@dataclass(eq=False)
class Outbox:
    """Messages for one subscriber, bounded in number and bytes. `wake` is called, from any thread, when there are some."""

    wake: Callable[[], None]
    room: int = 10_000
    room_bytes: int = 16 * 1024 * 1024
    permits: Callable[[str], bool] | None = None
    """Whether the subscriber may hear of a topic; None: of all."""
    missed: int = 0
    """Messages left out because the subscriber was too slow."""
    _waiting: deque[Message] = field(default_factory=deque)
    _bytes: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message) -> None:
        """Add a message, if the subscriber may hear of it; never waits."""
        if self.permits is not None and not self.permits(message.topic):
            return
        with self._turn:
            idle = not self._waiting
            self._waiting.append(message)
            self._bytes += _size(message)
            if len(self._waiting) > self.room or self._bytes > self.room_bytes:
                self._thin()
        if idle:
            self.wake()

    def take(self) -> Message | None:
        """The next message."""
        with self._turn:
            if not self._waiting:
                return None
            message = self._waiting.popleft()
            self._bytes -= _size(message)
        return message

    def _thin(self) -> None:
        """Keep the newest of each subject, in the order in which they came; if these are too many, the oldest of them go, a quarter of the room at once."""
        before = len(self._waiting)
        newest: dict[tuple[str, str], Message] = {}
        for message in self._waiting:
            newest.pop((message.topic, message.key), None)
            newest[message.topic, message.key] = message
        kept = deque(newest.values())
        size = sum(map(_size, kept))
        while len(kept) > self.room * 3 // 4 or size > self.room_bytes * 3 // 4:
            size -= _size(kept.popleft())
        self._waiting, self._bytes = kept, size
        self.missed += before - len(kept)


def _size(message: Message) -> int:
    user = sum(len(name) + len(value) for name, value in message.note.user)
    return len(message.topic) + len(message.payload) + user + 100
