"""What do the bytes say? Packets of MQTT 3.1.1 and 5, as far as a broker reads and writes them."""

from __future__ import annotations

from dataclasses import dataclass, field

(
    CONNECT,
    CONNACK,
    PUBLISH,
    PUBACK,
    PUBREC,
    PUBREL,
    PUBCOMP,
    SUBSCRIBE,
    SUBACK,
    UNSUBSCRIBE,
    UNSUBACK,
    PING,
    PONG,
    BYE,
) = range(1, 15)
_STRINGS = frozenset({3, 8, 18, 21, 22, 26, 28, 31, 9})
_PAIRS = frozenset({38})
_SIZES = {
    **dict.fromkeys((1, 23, 25, 36, 37, 40, 41, 42), 1),
    **dict.fromkeys((19, 33, 34, 35), 2),
    **dict.fromkeys((2, 17, 24, 39), 4),
}
EXPIRY, RECEIVE, LARGEST_OF_CLIENT, ASKS_RESPONSES = 17, 33, 39, 25
"""Properties of CONNECT that matter here: seconds that a session outlives its connection, messages in flight, bytes of a packet, whether it wants to know
where responses to it may be sent."""
RESPONSES = 26
"""The property of CONNACK that tells so."""
_CONTENT, _CORRELATION, _USER = 3, 9, 38


@dataclass(frozen=True, slots=True)
class Note:
    """What MQTT 5 says of a message beside its payload: media type, topic and correlation data of its response, and properties of the user's own."""

    content: str = ""
    response: str = ""
    correlation: bytes = b""
    user: tuple[tuple[str, str], ...] = ()


BARE = Note()


class Broken(ValueError):
    """The bytes are no packet."""


class Reader:
    """Reads a packet's body from the left. Raises Broken."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        """So many bytes."""
        end = self.at + size
        if end > len(self.data):
            raise Broken("the packet is cut off")
        found = self.data[self.at : end]
        self.at = end
        return found

    def number(self, size: int) -> int:
        """A big-endian number of so many bytes."""
        return int.from_bytes(self.take(size), "big")

    def binary(self) -> bytes:
        """Bytes with their length before them."""
        return self.take(self.number(2))

    def text(self) -> str:
        """UTF-8 text with its length before it."""
        try:
            found = self.binary().decode("utf-8")
        except UnicodeDecodeError as e:
            raise Broken("a text is not UTF-8") from e
        if "\0" in found:
            raise Broken("a text has a zero character")
        return found

    def variable(self) -> int:
        """A number of one to four bytes, seven bits in each."""
        found = 0
        for shift in (0, 7, 14, 21):
            byte = self.number(1)
            found |= (byte & 127) << shift
            if byte < 128:
                return found
        raise Broken("a number does not end")

    def properties(self) -> dict[int, int]:
        """The properties of MQTT 5; those that are numbers, the others are passed over."""
        end = self.variable() + self.at
        if end > len(self.data):
            raise Broken("the properties are cut off")
        found: dict[int, int] = {}
        while self.at < end:
            name = self.variable()
            if name in _SIZES:
                found[name] = self.number(_SIZES[name])
            elif name == 11:
                found[name] = self.variable()
            elif name in _PAIRS:
                self.binary()
                self.binary()
            elif name in _STRINGS:
                self.binary()
            else:
                raise Broken(f"property {name} is none")
        if self.at != end:
            raise Broken("the properties do not end where they should")
        return found

    def note(self) -> Note:
        """The properties of a message, as far as they matter here."""
        end = self.variable() + self.at
        if end > len(self.data):
            raise Broken("the properties are cut off")
        content, response, correlation, user = "", "", b"", list[tuple[str, str]]()
        while self.at < end:
            match name := self.variable():
                case 3:
                    content = self.text()
                case 8:
                    response = self.text()
                case 9:
                    correlation = self.binary()
                case 38:
                    user.append((self.text(), self.text()))
                case 11:
                    self.variable()
                case _ if name in _SIZES:
                    self.take(_SIZES[name])
                case _:
                    raise Broken(f"property {name} is none of a message")
        if self.at != end:
            raise Broken("the properties do not end where they should")
        return Note(content, response, correlation, tuple(user)) if content or response or correlation or user else BARE

    @property
    def left(self) -> int:
        """Bytes that are left."""
        return len(self.data) - self.at


@dataclass(frozen=True, slots=True)
class Connect:
    """A client's greeting. `version` 4 is MQTT 3.1.1, 5 is MQTT 5."""

    version: int
    client: str
    clean: bool
    keep_alive_s: int
    user: str | None = None
    password: bytes | None = None
    properties: dict[int, int] = field(default_factory=dict)


def connect(body: bytes) -> Connect:
    """Raises Broken. Of a version that is not known only the version is told. A last will is read over: nothing is published here on behalf of clients."""
    r = Reader(body)
    name, version = r.text(), r.number(1)
    if name not in ("MQTT", "MQIsdp"):
        raise Broken("this is not MQTT")
    if version not in (4, 5) or name != "MQTT":
        return Connect(version, "", True, 0)
    flags, keep_alive = r.number(1), r.number(2)
    if flags & 1:
        raise Broken("a reserved flag is set")
    properties = r.properties() if version == 5 else {}
    client = r.text()
    if flags & 4:
        if version == 5:
            r.properties()
        r.text()
        r.binary()
    user = r.text() if flags & 128 else None
    password = r.binary() if flags & 64 else None
    return Connect(version, client, bool(flags & 2), keep_alive, user, password, properties)


@dataclass(frozen=True, slots=True)
class Publish:
    """A message; `mid` is 0 where nobody acknowledges it."""

    topic: str
    payload: bytes
    qos: int
    mid: int
    note: Note = BARE


def publish(flags: int, body: bytes, version: int) -> Publish:
    """A message that came in. Raises Broken."""
    r = Reader(body)
    qos = flags >> 1 & 3
    topic = r.text()
    mid = r.number(2) if qos else 0
    if qos == 3 or (qos and not mid):
        raise Broken("a message has no sound quality of service or number")
    note = r.note() if version == 5 else BARE
    if not topic or "+" in topic or "#" in topic:
        raise Broken("a message has no topic")
    return Publish(topic, r.take(r.left), qos, mid, note)


def subscribe(body: bytes, version: int) -> tuple[int, list[tuple[str, int, int]]]:
    """Number of the packet, and filters with their quality of service and retain handling. Raises Broken."""
    r = Reader(body)
    mid = r.number(2)
    if version == 5:
        r.properties()
    found = []
    while r.left:
        filter, options = r.text(), r.number(1)
        if options & 3 == 3:
            raise Broken("a subscription has no sound quality of service")
        found.append((filter, options & 3, options >> 4 & 3 if version == 5 else 0))
    if not found:
        raise Broken("a subscription names nothing")
    return mid, found


def unsubscribe(body: bytes, version: int) -> tuple[int, list[str]]:
    """Number of the packet, and filters. Raises Broken."""
    r = Reader(body)
    mid = r.number(2)
    if version == 5:
        r.properties()
    found = []
    while r.left:
        found.append(r.text())
    return mid, found


def packed(kind: int, flags: int, *parts: bytes) -> bytes:
    """A packet."""
    size = sum(map(len, parts))
    return b"".join((bytes((kind << 4 | flags,)), variable(size), *parts))


def variable(number: int) -> bytes:
    """A number of one to four bytes, seven bits in each."""
    made = bytearray()
    while True:
        number, low = number >> 7, number & 127
        made.append(low | (128 if number else 0))
        if not number:
            return bytes(made)


def message(
    topic: str,
    payload: bytes,
    qos: int,
    mid: int,
    version: int,
    retain: bool = False,
    again: bool = False,
    note: Note = BARE,
) -> bytes:
    """A message that goes out; of version 5 with its note."""
    name = topic.encode()
    head = len(name).to_bytes(2, "big") + name + (mid.to_bytes(2, "big") if qos else b"")
    flags = again << 3 | qos << 1 | retain
    return packed(PUBLISH, flags, head, _noted(note) if version == 5 else b"", payload)


def _noted(note: Note) -> bytes:
    if note is BARE:
        return b"\0"
    made = bytearray()
    if note.content:
        made += text_property(_CONTENT, note.content)
    if note.correlation:
        made += bytes((_CORRELATION,)) + len(note.correlation).to_bytes(2, "big") + note.correlation
    for name, value in note.user:
        made += text_property(_USER, name) + text_property(0, value)[1:]
    return variable(len(made)) + bytes(made)


def text_property(name: int, text: str) -> bytes:
    """A property that is a text."""
    raw = text.encode()
    return bytes((name,)) + len(raw).to_bytes(2, "big") + raw


def told(kind: int, mid: int, version: int, reason: int = 0) -> bytes:
    """PUBACK, PUBREC, PUBREL, PUBCOMP."""
    more = bytes((reason, 0)) if version == 5 and reason else b""
    return packed(kind, 2 if kind == PUBREL else 0, mid.to_bytes(2, "big"), more)
