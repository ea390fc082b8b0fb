"""A packed body tells what it becomes before it is unpacked; what Arrow itself needs for it is the oracle."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from citytwin.engine import decode, unpack
from citytwin.kernel.errors import BadBatch

ROWS = 2_000_000
ZERO = pa.array(np.zeros(ROWS, np.int64))
TABLE = pa.table(
    {
        "stream": pa.DictionaryArray.from_arrays(pa.array(np.zeros(ROWS, np.int8)), ["a.b.c"]),
        "time": ZERO.cast(pa.timestamp("us", "UTC")),
        "value": ZERO.cast(pa.float64()),
    }
)


def arrow(table: pa.Table, packed: str | None, file: bool = False) -> bytes:
    sink = io.BytesIO()
    make = pa.ipc.new_file if file else pa.ipc.new_stream
    with make(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=packed)) as writer:
        writer.write_table(table, 300_000)
    return sink.getvalue()


@pytest.mark.parametrize("packed", [None, "zstd", "lz4"])
@pytest.mark.parametrize("file", [False, True])
def test_arrow_becomes_what_its_buffers_are(packed: str | None, file: bool) -> None:
    body = arrow(TABLE, packed, file)
    told = unpack.size(body, unpack.FILE if file else decode.ARROW)
    assert TABLE.nbytes <= told <= TABLE.nbytes + 10_000
    if packed:
        assert len(body) < TABLE.nbytes / 100


def test_parquet_becomes_its_rows() -> None:
    sink = io.BytesIO()
    pq.write_table(TABLE, sink, compression="zstd")
    assert len(sink.getvalue()) < 50_000
    assert unpack.size(sink.getvalue(), decode.PARQUET) >= ROWS * unpack.ROW


def test_a_file_that_names_more_batches_than_it_has_is_refused() -> None:
    """The footer of an Arrow file lists its batches by their place: one place may stand there many times."""
    two = arrow(TABLE.slice(0, 400_000), None, True)
    assert pa.ipc.open_file(io.BytesIO(two)).num_record_batches == 2
    ends = b"\xff\xff\xff\xff\x00\x00\x00\x00"
    forged = two[:8] + ends + two[16:]  # the messages end at once, the footer still lists two batches
    with pytest.raises(BadBatch, match="more than once"):
        unpack.size(forged, unpack.FILE)


@pytest.mark.parametrize("media", [decode.ARROW, unpack.FILE, decode.PARQUET])
@pytest.mark.parametrize(
    "body", [b"", b"x", b"\0" * 100, b"\xff" * 100, b"ARROW1\0\0" + b"\xff\xff\xff\xff\xff\xff\xff\x7f", b"PAR1PAR1"]
)
def test_what_is_none_of_them_is_refused(media: str, body: bytes) -> None:
    with contextlib.suppress(BadBatch):
        assert unpack.size(body, media) == 0  # an Arrow stream without messages


@pytest.mark.parametrize("n", range(0, 2000, 97))
def test_a_spoiled_body_is_refused_or_told(n: int) -> None:
    body = bytearray(arrow(TABLE.slice(0, 100), "zstd"))
    body[n % len(body)] ^= 0xFF
    with contextlib.suppress(BadBatch):
        assert unpack.size(bytes(body), decode.ARROW) >= 0


def test_other_bodies_are_as_long_as_they_are() -> None:
    assert unpack.size(b"stream,time,value\n", decode.CSV) == 18
    assert unpack.size(b"[]", decode.SENML) == 2 * unpack.SPREAD


def spoiled(kind: str) -> tuple[bytes, str]:
    """A table whose text is no UTF-8, or whose index leads out of its dictionary."""
    table = TABLE.slice(0, 10)
    if kind == "zone":
        return arrow(table, None).replace(b"UTC\0", b"U\xccC\0"), decode.ARROW
    if kind == "name":
        return arrow(table, None).replace(b"value\0", b"val\xcce\0"), decode.ARROW
    if kind == "index":
        return arrow(table, None).replace(b"\0" * 10, b"\x7f" * 10), decode.ARROW
    sink = io.BytesIO()
    if kind == "parquet":
        pq.write_table(table, sink, compression="none")
    return (sink.getvalue() or arrow(table, None)).replace(b"a.b.c", b"a.\xff.c"), (
        decode.PARQUET if kind == "parquet" else decode.ARROW
    )


@pytest.mark.parametrize("kind", ["index", "text", "parquet", "zone", "name"])
def test_columns_that_lie_about_their_bytes_are_refused(kind: str) -> None:
    body, media = spoiled(kind)
    with pytest.raises(BadBatch):
        decode.readings(body, media, "UTC")


def test_a_quality_of_more_bits_than_there_are_is_named() -> None:
    row = '{"stream": "a.b.c", "time": "2026-03-09T23:46:40Z", "value": 1, "quality": %d}'
    table, faults = decode.readings(f"[{row % 1}, {row % 2**70}]".encode(), decode.JSON, "UTC")
    assert (table.num_rows, [f.where for f in faults]) == (1, ["row 2"])
    assert decode.few(f"[{row % 2**70}]".encode(), decode.JSON) is None


@pytest.mark.parametrize(
    "time",
    [
        pa.array([0, 2**62], pa.timestamp("s")),
        pa.array([0, 2**62], pa.timestamp("ms", "UTC")),
        pa.array([0, -(2**62)], pa.timestamp("s", "UTC")),
        pa.array(["1970-01-01T00:00:00Z", "x"]),
    ],
)
def test_a_time_that_has_no_microseconds_is_a_fault_and_not_another_time(time: pa.Array) -> None:
    body = arrow(pa.table({"stream": ["a.b.c", "a.b.c"], "time": time, "value": [1.0, 2.0]}), None)
    table, faults = decode.readings(body, decode.ARROW, "UTC")
    assert (table["value"].to_pylist(), [f.where for f in faults]) == ([1.0], ["row 2"])


@pytest.mark.parametrize("name", ["stream", "time", "value", "quality", "unit"])
@pytest.mark.parametrize("cell", [b"x", [1.0], {"a": 1}, None, "0x12", True])
def test_columns_of_any_type_are_read_or_refused(name: str, cell: object) -> None:
    columns = {"stream": ["a.b.c"], "time": pa.array([0], pa.timestamp("us", "UTC")), "value": [1.0], name: [cell]}
    with contextlib.suppress(BadBatch):
        table, faults = decode.readings(arrow(pa.table(columns), None), decode.ARROW, "UTC")
        assert table.num_rows + len(faults) == 1
