"""What does the OPC UA server know? Its nodes, polled or told of as they change. Needs the optional package asyncua."""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib.util
import logging
import math
import threading
from collections import deque
from collections.abc import Iterator, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from citytwin.engine.feeds.secret import reveal
from citytwin.engine.feeds.source import Delivery
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import Fault, SourceFailed, Unsupported
from citytwin.kernel.feed import Node, OpcuaFeed
from citytwin.kernel.observation import Batch, Quality

TIME = pa.timestamp("us", tz="UTC")
MOST = 100_000
"""Changes that are kept between two looks; a server that tells more loses the oldest."""
ABSENT = "OPC UA needs the package asyncua, which is not installed"
INSTALL = "pip install 'citytwin[opcua]'"


def installed() -> bool:
    """Whether asyncua is there."""
    return importlib.util.find_spec("asyncua") is not None


Told = tuple[Node, float | None, datetime | None, int]
"""Of a node: its value (None: it has none), the time its source gives, and the quality."""


class Opcua:
    """A server as a source. The session is kept from one look to the next, and made anew after a failure."""

    def __init__(self, feed: OpcuaFeed, twin: Twin, home: Path) -> None:
        if not installed():
            raise Unsupported(ABSENT, INSTALL, feed.id)
        self.memory: MutableMapping[str, str] = {}
        self.again_s: float | None = None
        self._feed = feed
        self._twin = twin
        self._home = home
        self._client: Any = None
        self._told: deque[Told] = deque(maxlen=MOST)
        self._lost = 0
        self._turn = threading.Lock()
        self._broken = ""
        self._by_node: dict[str, list[Node]] = {}

    def look(self) -> Iterator[Delivery]:
        """What the nodes are, or what was told since the last look."""
        feed = self._feed
        try:
            client = self._connected()
            told, faults = self._heard(client) if feed.mode == "subscribe" else self._polled(client)
        except SourceFailed:
            self.close()
            raise
        except concurrent.futures.TimeoutError:
            self.close()
            raise SourceFailed(
                f"the server does not answer within {feed.timeout_s:g} s", "is it up?", feed.url
            ) from None
        except Exception as e:  # asyncua raises what asyncio, sockets and the standard's status codes make
            self.close()
            raise SourceFailed(
                f"the server cannot be asked: {type(e).__name__}: {e}", "are url, user and nodes right?", feed.url
            ) from e
        now = self._twin.clock.now()
        if faults and not told:
            raise SourceFailed(faults[0].message, faults[0].hint, feed.url, tuple(faults))
        if told:
            yield Delivery(feed.url, lambda: (_batch(feed, told, now), faults), held=True)

    def close(self) -> None:
        """Let go of the session."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):  # it is given up, whatever its other end thinks of it
                client.disconnect()

    def _connected(self) -> Any:
        from asyncua.sync import Client

        feed = self._feed
        if self._broken:
            said, self._broken = self._broken, ""
            raise SourceFailed(said, "it is connected to anew", feed.url)
        if self._client is not None:
            return self._client
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # what fails is told here, once
        made = Client(feed.url, timeout=feed.timeout_s, sync_wrapper_timeout=feed.timeout_s)
        self._client = made  # from now on it has a thread that must be ended
        if feed.security:
            made.set_security_string(feed.security)
        if feed.user:
            made.set_user(feed.user)
        if feed.password:
            made.set_password(reveal(feed.password, self._home))
        made.connect()
        if feed.mode == "subscribe":
            self._by_node.clear()
            for n in feed.streams:
                self._by_node.setdefault(made.get_node(n.node).nodeid.to_string(), []).append(n)
            subscription = made.create_subscription(max(feed.every_s * 1000 / 2, 50.0), _Ear(self))
            handles = subscription.subscribe_data_change([made.get_node(n) for n in self._by_node])
            for node, handle in zip(self._by_node, handles if isinstance(handles, list) else [handles], strict=True):
                if not isinstance(handle, int):
                    raise SourceFailed(
                        f"node {node}: {getattr(handle, 'name', handle)}", "is the node there?", feed.url
                    )
        return made

    def _polled(self, client: Any) -> tuple[list[Told], list[Fault]]:
        feed = self._feed
        values = client.read_attributes([client.get_node(n.node) for n in feed.streams])
        told: list[Told] = []
        faults: list[Fault] = []
        for node, value in zip(feed.streams, values, strict=True):
            self._sort(node, value, told, faults)
        return told, faults

    def _heard(self, client: Any) -> tuple[list[Told], list[Fault]]:
        client.check_connection()
        with self._turn:
            told, lost = list(self._told), self._lost
            self._told.clear()
            self._lost = 0
        said = f"{lost:,} changes came faster than they were taken, and are lost"
        return told, [Fault(self._feed.id, "LOST", said, "a smaller every_s")] if lost else []

    def heard(self, node: str, value: Any) -> None:
        """The server tells that a node changed."""
        told: list[Told] = []
        for declared in self._by_node.get(node, ()):
            self._sort(declared, value, told, [])
        with self._turn:
            self._lost += max(0, len(self._told) + len(told) - MOST)
            self._told.extend(told)

    def broke(self, status: Any) -> None:
        """The server tells that it will tell no more."""
        self._broken = f"the subscription ended: {getattr(status, 'Status', status)}"

    def _sort(self, node: Node, value: Any, told: list[Told], faults: list[Fault]) -> None:
        status = value.StatusCode
        inner = value.Value.Value if value.Value is not None else None
        time = value.SourceTimestamp or value.ServerTimestamp
        if time is not None and time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        if status is not None and status.is_bad() and "BadNode" in status.name:
            faults.append(Fault(node.stream, "NODE", f"node {node.node}: {status.name}", "is the node there?"))
        elif (status is not None and status.is_bad()) or inner is None:
            told.append((node, None, time, Quality.MISSING))
        elif not isinstance(inner, bool | int | float):
            faults.append(Fault(node.stream, "NODE", f"node {node.node} is {type(inner).__name__}, not a number", ""))
        elif not math.isfinite(inner):
            told.append((node, None, time, Quality.MISSING))
        else:
            quality = Quality.SUSPECT if status is not None and status.is_uncertain() else Quality.GOOD
            told.append((node, node.scale * float(inner) + node.offset, time, quality))


class _Ear:
    """Hears what a subscription tells; asyncua calls it by these names."""

    def __init__(self, source: Opcua) -> None:
        self._source = source

    def datachange_notification(self, node: Any, _: Any, data: Any) -> None:
        """A node changed."""
        self._source.heard(node.nodeid.to_string(), data.monitored_item.Value)

    def status_change_notification(self, status: Any) -> None:
        """The subscription itself changed."""
        self._source.broke(status)


def _batch(feed: OpcuaFeed, told: list[Told], now: datetime) -> Batch:
    """Readings with the time of their source; the last of those that share stream and time is the one that holds."""
    last = {}
    for node, value, time, quality in told:
        moment = time if time is not None and feed.time == "source" else now
        last[node.stream, moment] = (node.unit or None, value, int(quality))
    table = pa.table(
        {
            "stream": pa.array([stream for stream, _ in last], pa.string()),
            "time": pa.array([moment for _, moment in last], TIME),
            "value": pa.array([value for _, value, _ in last.values()], pa.float64()),
            "quality": pa.array([quality for _, _, quality in last.values()], pa.int8()),
            "unit": pa.array([unit for unit, _, _ in last.values()], pa.string()),
        }
    )
    return Batch(table, source=feed.id)
