"""When more comes in than there is room for, the door says so, in its own words, and lets in again once there is room."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncIterator, Callable

import anyio.from_thread
import httpx
import numpy as np
import pyarrow as pa
import pytest

from citytwin.api.app import App
from citytwin.api.house import MIB, House
from tests.api.conftest import check_problem

ROW = b"lamp-3.trial.warmth,2026-03-10T03:00:00Z,20\n"
BIG = 2 * MIB
DOORS = {
    "/api/observations": "text/csv",
    "/write?db=x": "text/plain",
    "/api/v2/write?bucket=x": "text/plain",
    "/sta/v1.1/CreateObservations": "application/json",
    "/api/drafts?name=plan.pdf&by=x": "application/pdf",
}


@pytest.fixture(scope="module")
def narrow(build: Callable[..., House]) -> House:
    """A city with room for one large body and a half."""
    return build(most_bytes=4 * MIB, kept_bytes=MIB)


@pytest.mark.parametrize("path", DOORS)
def test_who_finds_no_room_is_told_to_come_again(
    narrow: House, portal: anyio.from_thread.BlockingPortal, path: str
) -> None:
    """A large body is half in: another finds no room, a small one does; afterwards there is room for all."""

    async def scene() -> tuple[httpx.Response, httpx.Response, httpx.Response, int]:
        half, rest = asyncio.Event(), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b"stream,time,value\n" + b"#" * (BIG - MIB)
            yield b"#" * MIB
            half.set()
            await rest.wait()
            yield b"\n"

        transport = httpx.ASGITransport(App(narrow))
        async with httpx.AsyncClient(transport=transport, base_url="http://testville") as client:
            head = {"Content-Type": "text/csv"}
            first = asyncio.create_task(client.post("/api/observations", content=slowly(), headers=head))
            await half.wait()
            held = narrow.flight.held
            refused = await client.post(path, content=b" " * BIG, headers={"Content-Type": DOORS[path]})
            small = await client.post("/api/observations", content=b"stream,time,value\n" + ROW, headers=head)
            rest.set()
            await first
            after = await client.post(path, content=b" " * BIG, headers={"Content-Type": DOORS[path]})
        return refused, small, after, held

    refused, small, after, held = portal.call(scene)
    assert held == BIG + len(b"stream,time,value\n")
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert "bytes are on their way in" in refused.text
    assert small.status_code == 201, small.text
    assert after.status_code != 503
    assert narrow.flight.held == 0


def test_what_is_packed_counts_as_what_it_becomes(narrow: House, portal: anyio.from_thread.BlockingPortal) -> None:
    async def scene() -> httpx.Response:
        transport = httpx.ASGITransport(App(narrow))
        async with httpx.AsyncClient(transport=transport, base_url="http://testville") as client:
            bomb = gzip.compress(b"#" * (8 * MIB))
            assert len(bomb) < 10_000
            return await client.post("/write?db=x", content=bomb, headers={"Content-Encoding": "gzip"})

    told = portal.call(scene)
    assert (told.status_code, told.headers["retry-after"]) == (503, "5")
    assert narrow.flight.held == 0


def test_a_refusal_is_a_problem_like_any_other(narrow: House, portal: anyio.from_thread.BlockingPortal) -> None:
    async def scene() -> httpx.Response:
        transport = httpx.ASGITransport(App(narrow))
        async with httpx.AsyncClient(transport=transport, base_url="http://testville") as client:
            return await client.post(
                "/api/observations", content=b"#" * (5 * MIB), headers={"Content-Type": "text/csv"}
            )

    check_problem(portal.call(scene), 503, "store_busy")


def test_a_packed_table_counts_as_what_it_becomes(narrow: House, portal: anyio.from_thread.BlockingPortal) -> None:
    """Some kilobytes of Arrow that stand for 17 MB, and for more than a body may have."""
    rows = 1_000_000
    zero = pa.array(np.zeros(rows, np.int64))
    names = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), ["lamp-3.trial.warmth"])
    table = pa.table({"stream": names, "time": zero.cast(pa.timestamp("us", "UTC")), "value": zero.cast(pa.float64())})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)

    async def scene() -> httpx.Response:
        transport = httpx.ASGITransport(App(narrow))
        async with httpx.AsyncClient(transport=transport, base_url="http://testville") as client:
            head = {"Content-Type": "application/vnd.apache.arrow.stream"}
            return await client.post("/api/observations", content=sink.getvalue(), headers=head)

    assert len(sink.getvalue()) < 10_000
    check_problem(portal.call(scene), 503, "store_busy")
    most, narrow.largest_batch = narrow.largest_batch, MIB
    try:
        check_problem(portal.call(scene), 413, "too_large")
    finally:
        narrow.largest_batch = most
    assert narrow.flight.held == 0
