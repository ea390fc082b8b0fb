"""What does the device measure? Registers read by Modbus TCP, many in one request, and what it refuses register by register."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, MutableMapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa
from pymodbus import ModbusException
from pymodbus.client import ModbusTcpClient

from citytwin.engine.feeds.deadline import Deadline
from citytwin.engine.feeds.registers import BITS, Block, blocks, number, smaller, width
from citytwin.engine.feeds.source import Delivery
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import Fault, SourceFailed
from citytwin.kernel.feed import ModbusFeed, Register
from citytwin.kernel.observation import Batch, Quality

TIME = pa.timestamp("us", tz="UTC")
CODES = {
    1: "does not know this kind of request",
    2: "has no such address",
    3: "does not take such a request",
    4: "failed",
    5: "needs longer",
    6: "is busy",
    10: "is behind a gateway that has no path to it",
    11: "did not answer its gateway",
}
NEVER = (1, 2, 3)
"""Answers that asking again will not change: the request is at fault."""
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what fails is told here, once


class Modbus:
    """A device as a source. The connection is kept from one poll to the next, and made anew after a failure."""

    def __init__(self, feed: ModbusFeed, twin: Twin, _: Path) -> None:
        self.memory: MutableMapping[str, str] = {}
        self.again_s: float | None = None
        self._feed = feed
        self._twin = twin
        self._client: ModbusTcpClient | None = None
        self._blocks = blocks(feed.streams, feed.gap, feed.most)

    def look(self) -> Iterator[Delivery]:
        """One reading of each register, all of the same time."""
        feed = self._feed
        try:
            read, faults = self._poll()
        except SourceFailed:
            self.close()
            raise
        now = self._twin.clock.now()
        if faults and not read:
            raise SourceFailed(
                f"the device {faults[0].message}", faults[0].hint, f"{feed.host}:{feed.port}", tuple(faults)
            )

        def rows() -> tuple[Batch, list[Fault]]:
            return _batch(feed, read, now), faults

        yield Delivery(f"{feed.host}:{feed.port}", rows, held=True)

    def close(self) -> None:
        """Let go of the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]

    def _poll(self) -> tuple[list[tuple[Register, float]], list[Fault]]:
        read: list[tuple[Register, float]] = []
        faults: list[Fault] = []
        asked: list[Block] = []
        wait = list(self._blocks)
        while wait:
            block = wait.pop(0)
            words, code = self._ask(block)
            if words is not None:
                read += [(r, self._number(r, words[r.address - block.address :][: width(r)])) for r in block.registers]
                asked.append(block)
                continue
            parts = smaller(block) if code in NEVER else []
            if parts:  # places between the registers may not be there
                wait = parts + wait
                continue
            asked.append(block)
            first = block.registers[0]
            said = CODES.get(code, f"answered with exception {code}")
            faults += [
                Fault(
                    r.stream,
                    "DEVICE",
                    f"{said}: {first.table} {block.address}",
                    "look at the manual of the device: addresses count from 0",
                )
                for r in block.registers
            ]
        self._blocks = asked  # what was refused together is not asked together again
        return read, faults

    def _ask(self, block: Block) -> tuple[list[int] | None, int]:
        """What stands in the places of a block, or the device's reason for not telling. Raises SourceFailed."""
        feed = self._feed
        where = f"{feed.host}:{feed.port}"
        self._client = client = self._client or ModbusTcpClient(
            feed.host, port=feed.port, timeout=feed.timeout_s, retries=0
        )
        begun = time.monotonic()
        if not client.connect():  # type: ignore[no-untyped-call]
            raise SourceFailed("the device cannot be reached", "is it on, and are host and port right?", where)
        ask = {
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
        }[block.table]
        try:
            with Deadline(feed.timeout_s, lambda: client.socket):
                answer = ask(block.address, count=block.count, device_id=feed.device_id)
        except (ModbusException, OSError, ValueError, IndexError) as e:
            slow = time.monotonic() - begun >= feed.timeout_s * 0.9
            said = f"there is no whole answer after {feed.timeout_s:g} s" if slow else f"the connection broke: {e}"
            raise SourceFailed(said, "is it a Modbus device, and is device_id right?", where) from e
        except Exception as e:  # bytes that are no Modbus may fail anywhere within
            raise SourceFailed(
                f"the answer is no Modbus: {type(e).__name__}: {e}", "is it a Modbus device?", where
            ) from e
        if answer.isError():
            return None, int(getattr(answer, "exception_code", 4))
        words = [int(bit) for bit in answer.bits[: block.count]] if block.table in BITS else list(answer.registers)
        if len(words) != block.count:
            raise SourceFailed(
                f"{block.count} places were asked for and {len(words)} came", "is it a Modbus device?", where
            )
        return words, 0

    def _number(self, register: Register, words: list[int]) -> float:
        feed = self._feed
        raw = number(
            words, register.type, register.byte_order or feed.byte_order, register.word_order or feed.word_order
        )
        if not math.isfinite(raw) or raw == register.missing:
            return math.nan
        return register.scale * raw + register.offset


def _batch(feed: ModbusFeed, read: list[tuple[Register, float]], now: datetime) -> Batch:
    """A number that is none is a reading that is missing: the device answered, and had nothing to say."""
    missing = [math.isnan(value) for _, value in read]
    table = pa.table(
        {
            "stream": pa.array([r.stream for r, _ in read], pa.string()),
            "time": pa.array([now] * len(read), TIME),
            "value": pa.array(
                [None if m else value for (_, value), m in zip(read, missing, strict=True)], pa.float64()
            ),
            "quality": pa.array([int(Quality.MISSING) if m else None for m in missing], pa.int8()),
            "unit": pa.array([r.unit or None for r, _ in read], pa.string()),
        }
    )
    return Batch(table, source=feed.id)
