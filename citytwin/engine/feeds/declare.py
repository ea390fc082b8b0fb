"""What is declared in `feeds.yaml`? Read strictly and held against the city, with every fault named at its line."""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from citytwin.engine import load, shape, strict
from citytwin.engine.feeds import opcua
from citytwin.engine.feeds.registers import BITS, width
from citytwin.engine.feeds.secret import PLACE, TIMES
from citytwin.engine.twin import Twin, find
from citytwin.kernel.errors import CityTwinError, Fault
from citytwin.kernel.feed import (
    Feed,
    FeedsFile,
    FolderFeed,
    Kind,
    ModbusFeed,
    Node,
    OpcuaFeed,
    PullFeed,
    Register,
    Secret,
)
from citytwin.kernel.stream import stream_parts
from citytwin.kernel.units import conversion, known_unit, quantity

FILE = "feeds.yaml"
MOST = 500
"""Feeds of one city: each has a thread."""
PRIVATE = re.compile(r"authori[sz]ation|cookie|token|secret|password|api-?key", re.I)
"""Headers whose value is nobody's business."""
BOUNDS: dict[str, tuple[float, float]] = {
    "every_s": (0.1, 31 * 86_400),
    "settle_s": (0, 86_400),
    "timeout_s": (0.1, 3600),
    "largest_mb": (0.001, 4096),
    "lookback_s": (0, 100 * 366 * 86_400),
    "overlap_s": (0, 366 * 86_400),
    "window_s": (1, 366 * 86_400),
    "port": (1, 65_535),
    "device_id": (0, 255),
    "gap": (0, 125),
    "most": (4, 125),
}
"""Least and greatest value of each number in a declaration."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The feeds of a city, and what is wrong: of the whole file under '', else by feed."""

    feeds: tuple[Feed, ...]
    faults: dict[str, tuple[Fault, ...]]

    @property
    def every_fault(self) -> tuple[Fault, ...]:
        """All faults in the order of the file."""
        return tuple(f for faults in self.faults.values() for f in faults)


def kind_of(feed: Feed) -> Kind:
    """The kind of a feed, as the file calls it."""
    if isinstance(feed, FolderFeed):
        return "folder"
    if isinstance(feed, PullFeed):
        return "pull"
    return "modbus" if isinstance(feed, ModbusFeed) else "opcua"


def read(home: Path | None, twin: Twin) -> Declared:
    """The feeds declared in a city's home; none where there is no file."""
    path = home / FILE if home else None
    if path is None or home is None or not path.exists():
        return Declared((), {})
    name = str(path)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        return Declared(
            (), {"": (Fault(f"{name}:1", "LAYOUT", f"cannot be read: {e}", "UTF-8, readable by the server"),)}
        )
    document = strict.parse(text, name)
    if document.data is None and not document.faults:
        return Declared((), {})
    made = shape.read(document, "feeds", FeedsFile)
    if made is None:
        return Declared((), {"": tuple(document.faults)})
    judged = _Judge(document, home, twin)
    feeds = [(kind.name, n, feed) for kind in fields(made) for n, feed in enumerate(getattr(made, kind.name))]
    faults: dict[str, tuple[Fault, ...]] = {}
    if len(feeds) > MOST:
        faults[""] = (Fault(f"{name}:1", "FEEDS", f"there are {len(feeds)} feeds", f"at most {MOST}"),)
    seen: dict[str, str] = {}
    for kind, n, feed in feeds:
        found = list(judged.feed(kind, n, feed))
        where = document.where((kind, n))
        if feed.id in seen:
            found.append(
                Fault(where, "NAMES", f"the feed '{feed.id}' stands twice: also {seen[feed.id]}", "give it another id")
            )
        seen.setdefault(feed.id, where)
        if found:
            faults[feed.id] = (*faults.get(feed.id, ()), *found)
    return Declared(tuple({feed.id: feed for _, _, feed in reversed(feeds)}.values())[::-1], faults)


class _Judge:
    """Holds declarations against the city."""

    def __init__(self, document: strict.Document, home: Path, twin: Twin) -> None:
        self._document = document
        self._home = home
        self._twin = twin
        self._folders: dict[Path, str] = {}
        self._parsers = {p for pack in twin.packs for p in pack.feeds}

    def feed(self, kind: str, n: int, feed: Feed) -> Iterator[Fault]:
        """What is wrong with one feed."""

        def fault(field: str | int | tuple[str | int, ...], code: str, message: str, hint: str = "") -> Fault:
            path = field if isinstance(field, tuple) else (field,)
            return Fault(self._document.where((kind, n, *path)), code, message, hint)

        self._fault = fault
        if not load.ID.fullmatch(feed.id):
            yield fault(
                "id", "NAMES", f"'{feed.id}' is not an id", "lower case letters, digits, underscores; a letter first"
            )
        for name, (low, high) in BOUNDS.items():
            value = getattr(feed, name, None)
            if value is not None and not low <= value <= high:
                yield fault(name, "BOUNDS", f"{name} is {value:g}", f"from {low:g} to {high:g}")
        if isinstance(feed, FolderFeed | PullFeed):
            yield from self._content(feed)
        if isinstance(feed, FolderFeed):
            yield from self._folder(feed)
        elif isinstance(feed, PullFeed):
            yield from self._pull(feed)
        elif isinstance(feed, ModbusFeed):
            yield from self._modbus(feed)
        else:
            yield from self._opcua(feed)

    def _content(self, feed: FolderFeed | PullFeed) -> Iterator[Fault]:
        if feed.parser and feed.form:
            yield self._fault("parser", "FORM", "there is a form and a parser", "keep one of them")
        if feed.parser and feed.parser not in self._parsers:
            known = ", ".join(sorted(self._parsers)) or "none"
            yield self._fault(
                "parser", "NAMES", f"no pack of this city has the parser '{feed.parser}'", f"there are: {known}"
            )
        if feed.unit and not known_unit(feed.unit):
            yield self._fault("unit", "UNIT", f"unit '{feed.unit}' is not in the vocabulary", "see /api/units")
        seen: set[str] = set()
        for i, named in enumerate(feed.streams):
            yield from self._stream(("streams", i), named.stream, named.unit)
            if named.source in seen:
                yield self._fault(
                    ("streams", i), "NAMES", f"the name '{named.source}' stands twice", "one stream for each"
                )
            seen.add(named.source)

    def _folder(self, feed: FolderFeed) -> Iterator[Fault]:
        folder = (self._home / feed.folder).resolve()
        home = self._home.resolve()
        if not feed.folder.strip() or folder == home or home.is_relative_to(folder):
            yield self._fault(
                "folder",
                "FOLDER",
                f"'{feed.folder}' is the home of the city itself, or around it",
                "a folder for files alone",
            )
        for other, id in self._folders.items():
            if folder == other or folder.is_relative_to(other) or other.is_relative_to(folder):
                yield self._fault(
                    "folder",
                    "FOLDER",
                    f"the folder is also that of feed '{id}', or within it",
                    "a folder for each feed",
                )
        self._folders[folder] = feed.id
        if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
            yield self._fault(
                "folder",
                "FOLDER",
                f"'{feed.folder}' is no folder that may be written to",
                "files are moved out of it when they are read",
            )

    def _pull(self, feed: PullFeed) -> Iterator[Fault]:
        try:
            url = urllib.parse.urlsplit(feed.url)
            at_fault = url.scheme not in ("http", "https") or not url.hostname or url.port == 0
        except ValueError:
            at_fault = True
        if at_fault or re.search(r"[\s\0-\x1f]", feed.url):
            yield self._fault(
                "url", "URL", f"'{feed.url}' is not an address", "such as https://host/path?since={since}"
            )
        elif url.username is not None:
            yield self._fault(
                "url", "SECRET", "there is a user in the address", "use secrets: and headers: {Authorization: …}"
            )
        used: set[str] = set()
        for path, text in ((("url",), feed.url), *((("headers", n), t) for n, t in feed.headers.items())):
            for name in PLACE.findall(text):
                used.add(name)
                if name not in TIMES and name not in feed.secrets:
                    known = ", ".join(f"{{{n}}}" for n in (*TIMES, *feed.secrets))
                    yield self._fault(path, "PLACE", f"nothing is called {{{name}}} here", f"there are: {known}")
        for name, text in feed.headers.items():
            if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or re.search(r"[\0-\x1f\x7f]|[^\0-\xff]", text):
                yield self._fault(
                    ("headers", name), "HEADER", f"'{name}' is not a header", "a name, and one line of text"
                )
            if PRIVATE.search(name) and not any(n in feed.secrets for n in PLACE.findall(text)):
                yield self._fault(
                    ("headers", name),
                    "SECRET",
                    f"the value of '{name}' stands in the file",
                    "name it in secrets: and write {name} here",
                )
        for name, secret in feed.secrets.items():
            if not PLACE.fullmatch(f"{{{name}}}") or name in TIMES:
                yield self._fault(
                    ("secrets", name),
                    "NAMES",
                    f"'{name}' is not a name for a secret",
                    "lower case letters, digits, underscores",
                )
            elif name not in used:
                yield self._fault(
                    ("secrets", name),
                    "SECRET",
                    f"the secret '{name}' is used nowhere",
                    f"write {{{name}}} into a header or the url",
                )
            yield from self._secret(("secrets", name), secret)
        if feed.certificates and not (self._home / feed.certificates).is_file():
            yield self._fault(
                "certificates",
                "FILE",
                f"there is no file '{feed.certificates}'",
                "PEM, a path below the home or a whole one",
            )

    def _modbus(self, feed: ModbusFeed) -> Iterator[Fault]:
        if not feed.host.strip() or re.search(r"[\s/]", feed.host):
            yield self._fault("host", "URL", f"'{feed.host}' is not a host", "a name or an address, without a port")
        yield from self._points(feed)
        for i, register in enumerate(feed.streams):
            at = ("streams", i)
            if (register.type == "bool") != (register.table in BITS):
                yield self._fault(
                    at,
                    "REGISTER",
                    f"type {register.type} does not stand in table {register.table}",
                    "bool in coil and discrete, numbers in holding and input",
                )
            if not 0 <= register.address <= 65_536 - width(register):
                yield self._fault(
                    at,
                    "REGISTER",
                    f"address {register.address} is none of a {register.type}",
                    "addresses count from 0 to 65535: 40001 of a manual is holding 0",
                )
            if register.scale == 0:
                yield self._fault(at, "REGISTER", "scale is 0", "what the number is multiplied with")

    def _opcua(self, feed: OpcuaFeed) -> Iterator[Fault]:
        if not opcua.installed():
            yield self._fault("url", "ABSENT", opcua.ABSENT, opcua.INSTALL)
        try:
            url = urllib.parse.urlsplit(feed.url)
            at_fault = url.scheme != "opc.tcp" or not url.hostname or url.port == 0
        except ValueError:
            at_fault = True
        if at_fault:
            yield self._fault(
                "url", "URL", f"'{feed.url}' is not the address of a server", "such as opc.tcp://host:4840/path"
            )
        elif url.username is not None:
            yield self._fault("url", "SECRET", "there is a user in the address", "use user: and password: {env: …}")
        yield from self._points(feed)
        for i, node in enumerate(feed.streams):
            if not re.fullmatch(r"(ns=\d{1,5};|nsu=[^;]+;)?([igb]=[^\s]+|s=.+)", node.node):
                yield self._fault(
                    ("streams", i),
                    "NODE",
                    f"'{node.node}' is not a node id",
                    "such as ns=2;s=Pump1.Level or ns=2;i=1004",
                )
            if node.scale == 0:
                yield self._fault(("streams", i), "NODE", "scale is 0", "what the value is multiplied with")
        if feed.password is not None:
            yield from self._secret(("password",), feed.password)
            if not feed.user:
                yield self._fault("password", "SECRET", "there is a password and no user", "add user:")
        if feed.security:
            parts = feed.security.split(",")
            if len(parts) not in (4, 5):
                yield self._fault(
                    "security",
                    "SECURITY",
                    f"'{feed.security}' is not a policy with its files",
                    "Basic256Sha256,SignAndEncrypt,certificate.der,key.pem",
                )
            else:
                for missing in [p for p in parts[2:] if not Path(p).is_file()]:
                    yield self._fault("security", "FILE", f"there is no file '{missing}'", "a whole path")

    def _points(self, feed: ModbusFeed | OpcuaFeed) -> Iterator[Fault]:
        if not feed.streams:
            yield self._fault("streams", "EMPTY", "the feed has no streams", "what is to be read, and what it is")
        seen: set[str] = set()
        points: tuple[Register | Node, ...] = feed.streams
        for i, point in enumerate(points):
            yield from self._stream(("streams", i), point.stream, point.unit)
            if point.stream in seen:
                yield self._fault(
                    ("streams", i), "NAMES", f"the stream '{point.stream}' stands twice", "one place for each"
                )
            seen.add(point.stream)

    def _stream(self, at: tuple[str | int, ...], stream: str, unit: str) -> Iterable[Fault]:
        twin = self._twin
        asset, kind = stream_parts(stream)
        if unit and not known_unit(unit):
            yield self._fault(at, "UNIT", f"unit '{unit}' is not in the vocabulary", "see /api/units")
        if stream in twin.registered:
            return
        if asset not in twin.asset_types:
            yield self._fault(
                at,
                "STREAM",
                f"stream '{stream}': asset '{asset}' is not on record",
                "a stream is <asset>.<pack>.<stream type>",
            )
        elif kind not in twin.streams:
            yield self._fault(
                at,
                "STREAM",
                f"stream '{stream}': stream type '{kind}' is not declared",
                "a stream is <asset>.<pack>.<stream type>",
            )
        elif twin.streams[kind].asset != twin.asset_types[asset]:
            yield self._fault(
                at,
                "STREAM",
                f"stream '{stream}': '{asset}' is a {twin.asset_types[asset]}, not a {twin.streams[kind].asset}",
            )
        elif unit and known_unit(unit):
            try:
                conversion(unit, quantity(twin.streams[kind].quantity).unit)
            except CityTwinError as e:
                yield self._fault(at, "UNIT", e.message, e.hint)

    def _secret(self, at: tuple[str | int, ...], secret: Secret) -> Iterator[Fault]:
        if bool(secret.env) == bool(secret.file):
            yield self._fault(at, "SECRET", "a secret has an env or a file", "one of them: {env: NAME} or {file: path}")
        elif secret.env and not os.environ.get(secret.env):
            yield self._fault(
                at, "SECRET", f"the environment variable {secret.env} is not set", "set it for the server"
            )
        elif secret.file and not os.access(self._home / secret.file, os.R_OK):
            yield self._fault(
                at, "SECRET", f"the file '{secret.file}' cannot be read", "a path below the home or a whole one"
            )


def named(declared: Declared, id: str) -> Feed:
    """The feed with this id. Raises NotFound."""
    return find({feed.id: feed for feed in declared.feeds}, id, "feed")
