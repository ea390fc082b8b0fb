"""A device that speaks Modbus, played by pymodbus's own server, and devices that do not speak it well."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from citytwin.engine.feeds import run
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.feed import Feed, ModbusFeed, Register
from citytwin.kernel.title import Title

from .conftest import Asked

Ask = Callable[[Feed], Asked]


def words(format: str, value: float) -> list[int]:
    raw = struct.pack(format, value)
    return list(struct.unpack(f">{len(raw) // 2}H", raw))


class Device:
    """A device with four tables; `asked` are the requests it got (function, address, count)."""

    def __init__(self, holding: dict[int, list[int]], coils: list[bool] | None = None, port: int = 0) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._holding, self._coils, self._port = holding, coils or [False], port
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(30)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.run_forever()
        self._loop.run_until_complete(self._server.shutdown())
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _serve(self) -> None:
        async def note(function: int, start: int, address: int, count: int, registers: Any, values: Any) -> None:
            self.asked.append((function, address, count))

        def table(of: dict[int, list[int]]) -> list[SimData]:
            return [SimData(at, values=v, datatype=DataType.REGISTERS) for at, v in sorted(of.items())]

        bits = [SimData(0, values=self._coils, datatype=DataType.BITS)]
        tables = (bits, bits, table(self._holding), table(self._holding))
        self._server = ModbusTcpServer(SimDevice(1, simdata=tables, action=note), address=("127.0.0.1", self._port))
        await self._server.serve_forever(background=True)
        self.port = self._server.transport.sockets[0].getsockname()[1]
        self._ready.set()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()


@pytest.fixture
def device() -> Iterator[Callable[..., Device]]:
    made: list[Device] = []

    def start(*given: Any, **more: Any) -> Device:
        made.append(Device(*given, **more))
        return made[-1]

    yield start
    for d in made:
        d.stop()


def feed(port: int, *registers: Register, **more: Any) -> ModbusFeed:
    return ModbusFeed(
        "plc", Title("控制器", "Controller"), "127.0.0.1", 10.0, registers, **{"port": port, "timeout_s": 1.0, **more}
    )


def test_every_type_table_and_order_is_read_with_scale_offset_and_unit(ask: Ask, device: Callable[..., Device]) -> None:
    there = device(
        {
            0: words(">h", -150),
            1: words(">H", 65_000),
            10: words(">i", -70_000),
            12: words(">I", 4_000_000_000)[::-1],
            20: words(">f", 1.5),
            22: [struct.unpack("<H", struct.pack(">H", w))[0] for w in words(">d", math.pi)],
        },
        [False, True, False, True],
    )
    registers = (
        Register("t1.tank.level", 0, "int16", scale=0.01, offset=2.5),
        Register("t2.tank.level", 1, "uint16", "input", unit="mm", scale=0.1),
        Register("t3.tank.level", 20, "float32"),
        Register("t1.tank.filled", 10, "int32"),
        Register("t2.tank.filled", 12, "uint32", word_order="little", unit="L"),
        Register("t3.tank.filled", 22, "float64", byte_order="little"),
    )
    asked = ask(feed(there.port, *registers))
    state = asked.once()
    assert state.failures == 0, state.last_failure
    assert {s: v for s, _, v, _ in asked.rows()} == {
        "t1.tank.level": pytest.approx(1.0),
        "t2.tank.level": pytest.approx(6.5),
        "t3.tank.level": 1.5,
        "t1.tank.filled": -70_000,
        "t2.tank.filled": pytest.approx(4_000_000),
        "t3.tank.filled": math.pi,
    }


def test_bits_are_ones_and_zeros(ask: Ask, device: Callable[..., Device]) -> None:
    there = device({0: [0]}, [False, True, False, True])
    asked = ask(
        feed(
            there.port,
            Register("t1.tank.level", 1, "bool", "coil"),
            Register("t2.tank.level", 2, "bool", "coil"),
            Register("t3.tank.level", 3, "bool", "discrete"),
        )
    )
    asked.once()
    assert [(s, v) for s, _, v, _ in asked.rows()] == [("t1.tank.level", 1), ("t2.tank.level", 0), ("t3.tank.level", 1)]
    assert len(there.asked) == 2


def test_many_registers_are_one_request_and_holes_cost_no_reading(ask: Ask, device: Callable[..., Device]) -> None:
    there = device({0: [1, 2], 50: [3]})  # nothing between 2 and 49: reading across is refused
    asked = ask(feed(there.port, *(Register(f"t{n}.tank.level", at, "uint16") for n, at in ((1, 0), (2, 1), (3, 50)))))
    assert asked.once().failures == 0
    assert [v for _, _, v, _ in asked.rows()] == [1, 2, 3]
    first = len(there.asked)
    asked.once()
    assert there.asked[first:] == [(3, 0, 2), (3, 50, 1)]  # it has learned


def test_a_register_that_is_not_there_is_named_and_the_others_are_read(ask: Ask, device: Callable[..., Device]) -> None:
    there = device({0: [1, 2]})
    asked = ask(feed(there.port, Register("t1.tank.level", 0, "uint16"), Register("t2.tank.level", 2, "uint16")))
    state = asked.once()
    assert [(s, v) for s, _, v, _ in asked.rows()] == [("t1.tank.level", 1)]
    assert state.left_out[0].where == "t2.tank.level"
    assert "has no such address: holding 2" in state.left_out[0].message


def test_a_number_that_is_none_is_a_missing_reading(ask: Ask, device: Callable[..., Device]) -> None:
    there = device({0: words(">f", math.nan), 2: [0xFFFF]})
    asked = ask(
        feed(there.port, Register("t1.tank.level", 0, "float32"), Register("t2.tank.level", 2, "uint16", missing=65535))
    )
    asked.once()
    assert [(s, v, q) for s, _, v, q in asked.rows()] == [("t1.tank.level", None, 9), ("t2.tank.level", None, 9)]


def test_a_device_that_goes_and_comes_back(ask: Ask, device: Callable[..., Device], clock: FixedClock) -> None:
    there = device({0: [1]})
    asked = ask(feed(there.port, Register("t1.tank.level", 0, "uint16")))
    assert asked.once().failures == 0
    there.stop()
    for n in (1, 2):
        state = asked.once()
        assert state.failures == n
        assert state.last_failure is not None
    assert "cannot be reached" in state.last_failure.message
    device({0: [2]}, port=there.port)
    clock.moment += timedelta(minutes=1)
    assert asked.once().failures == 0
    assert [v for _, _, v, _ in asked.rows()] == [1, 2]


def test_what_was_measured_on_a_full_disk_is_recorded_with_its_time_when_there_is_room(
    ask: Ask, device: Callable[..., Device], clock: FixedClock, full: Callable[[bool], None]
) -> None:
    there = device({0: [1]})
    asked = ask(feed(there.port, Register("t1.tank.level", 0, "uint16")))
    full(True)
    for _ in range(3):
        state = asked.once()
        clock.moment += timedelta(minutes=1)
    assert state.held == 3
    full(False)
    there.stop()  # the device is gone by now; its readings are not
    state = asked.once()
    assert state.held == 0
    assert state.failures == 4
    assert [t for _, t, _, _ in asked.rows()] == ["06-30 04:00:00", "06-30 04:01:00", "06-30 04:02:00"]


def test_what_waits_for_the_store_is_bounded_and_what_is_given_up_is_counted(
    ask: Ask, device: Callable[..., Device], full: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "HELD_ROWS", 2)
    there = device({0: [1]})
    asked = ask(feed(there.port, Register("t1.tank.level", 0, "uint16")))
    full(True)
    for _ in range(5):
        state = asked.once()
    assert (state.held, state.lost) == (2, 3)


class Rude:
    """Whoever connects gets these bytes, whatever he asks; or silence."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._end = threading.Event()
        self._answer = answer
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._listener.settimeout(0.05)
        while not self._end.is_set():
            try:
                link, _ = self._listener.accept()
            except TimeoutError:
                continue
            with link:
                link.settimeout(5)
                try:
                    said = self._answer(link.recv(300))
                    if said is None:
                        self._end.wait(5)
                    else:
                        link.sendall(said)
                        link.recv(1)
                except OSError:
                    pass

    def stop(self) -> None:
        self._end.set()
        self._thread.join()
        self._listener.close()


RUDE: dict[str, Callable[[bytes], bytes | None]] = {
    "silence": lambda _: None,
    "a web page": lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4,
    "zeros": lambda _: b"\0" * 200,
    "noise": lambda _: bytes(range(256)),
    "another transaction": lambda q: b"\xff\xff" + q[2:4] + b"\0\5" + q[6:8] + b"\2\0\1",
    "half an answer": lambda q: q[:4] + b"\0\5" + q[6:8] + b"\2",
    "fewer registers": lambda q: q[:4] + b"\0\5" + q[6:8] + b"\2\0\1",
    "more registers": lambda q: q[:4] + b"\0\x0b" + q[6:8] + b"\x08" + b"\0\1" * 4,
    "an unknown function": lambda q: q[:4] + b"\0\5" + q[6:7] + b"\x63\2\0\1",
    "the line closed": lambda _: b"",
}


def test_a_device_that_does_not_speak_modbus_is_a_failure_and_never_a_reading(ask: Ask) -> None:
    for name, answer in RUDE.items():
        there = Rude(answer)
        try:
            asked = ask(feed(there.port, Register("t1.tank.filled", 0, "float32"), timeout_s=0.3))
            state = asked.once()
            asked.worker._source.close()  # type: ignore[union-attr]
        finally:
            there.stop()
        assert state.failures == 1, name
        assert asked.rows() == [], name
