"""Who fetches it? A feed is a source that the city itself asks for readings: a folder, an address, a device, a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from citytwin.kernel.title import Title

Kind = Literal["folder", "pull", "modbus", "opcua"]
Form = Literal["", "csv", "json", "senml", "parquet", "arrow", "arrows", "lp"]
Table = Literal["holding", "input", "coil", "discrete"]
Number = Literal["bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
Order = Literal["big", "little"]


@dataclass(frozen=True, slots=True)
class Secret:
    """A word that must not stand in a file of declarations: in the environment variable `env`, or in a `file` of its own."""

    env: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A name that the source uses, and the stream that it stands for; values are in `unit` where it is given."""

    source: str
    stream: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class FolderFeed:
    """Files put into `folder` (below the city's home, unless it is a whole path) are read once they are complete.

    `form` says what is in them where their ending does not; `parser` is a pack's `parse_…` instead. A file with rows at fault is
    refused as a whole, unless `partial`. A file is complete when nobody writes to it and it did not change for `settle_s` seconds.
    """

    id: str
    title: Title
    folder: str
    form: Form = ""
    parser: str = ""
    unit: str = ""
    streams: tuple[Named, ...] = ()
    partial: bool = False
    every_s: float = 5.0
    settle_s: float = 2.0
    largest_mb: float = 256.0


@dataclass(frozen=True, slots=True)
class PullFeed:
    """What is asked of `url` every `every_s` seconds by HTTP(S).

    `url` and `headers` may hold `{since}` and `{until}` (also as `{since_s}`, `{since_ms}`: seconds and milliseconds since 1970) and the
    names of `secrets`. `since` is the time of the last reading less `overlap_s`; the first time, `lookback_s` before now. `until` is
    now, or `window_s` after `since` where that is earlier. Rows at fault are left out and named.
    """

    id: str
    title: Title
    url: str
    every_s: float
    form: Form = ""
    parser: str = ""
    unit: str = ""
    streams: tuple[Named, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    lookback_s: float = 3600.0
    overlap_s: float = 0.0
    window_s: float = 86_400.0
    timeout_s: float = 30.0
    largest_mb: float = 64.0
    certificates: str = ""


@dataclass(frozen=True, slots=True)
class Register:
    """What stands at an address of a device, and the stream that it is of: value = `scale` * number + `offset`, in `unit`.

    Addresses count from 0. `missing` is the number by which the device says that it has none.
    """

    stream: str
    address: int
    type: Number
    table: Table = "holding"
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    byte_order: Literal["", "big", "little"] = ""
    word_order: Literal["", "big", "little"] = ""
    missing: float | None = None


@dataclass(frozen=True, slots=True)
class ModbusFeed:
    """A device that is asked by Modbus TCP every `every_s` seconds.

    Registers that lie at most `gap` apart are read in one request of at most `most` of them.
    """

    id: str
    title: Title
    host: str
    every_s: float
    streams: tuple[Register, ...]
    port: int = 502
    device_id: int = 1
    byte_order: Order = "big"
    word_order: Order = "big"
    gap: int = 125
    most: int = 125
    timeout_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node of an OPC UA server (`ns=2;s=Pump1.Level`), and the stream that it is of: value = `scale` * number + `offset`, in `unit`."""

    stream: str
    node: str
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class OpcuaFeed:
    """An OPC UA server: its nodes are read every `every_s` seconds (`poll`), or it tells what changes (`subscribe`).

    A reading has the time that its source gives it, or that of the poll (`time: poll`). `security` is written as
    `Basic256Sha256,SignAndEncrypt,certificate.der,key.pem`; none where it is empty.
    """

    id: str
    title: Title
    url: str
    every_s: float
    streams: tuple[Node, ...]
    mode: Literal["poll", "subscribe"] = "poll"
    time: Literal["source", "poll"] = "source"
    user: str = ""
    password: Secret | None = None
    security: str = ""
    timeout_s: float = 10.0


Feed = FolderFeed | PullFeed | ModbusFeed | OpcuaFeed


@dataclass(frozen=True, slots=True)
class FeedsFile:
    """`feeds.yaml`: who is asked for readings, kind by kind."""

    folder: tuple[FolderFeed, ...] = ()
    pull: tuple[PullFeed, ...] = ()
    modbus: tuple[ModbusFeed, ...] = ()
    opcua: tuple[OpcuaFeed, ...] = ()
