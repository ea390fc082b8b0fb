"""How large does a packed body become? Arrow and Parquet tell it before they are unpacked: a kilobyte may stand for a gigabyte."""

from __future__ import annotations

import io
import struct

import pyarrow as pa
import pyarrow.parquet as pq

from citytwin.engine.decode import ARROW, PARQUET, SENML
from citytwin.kernel.errors import BadBatch
from citytwin.kernel.observation import COLUMNS

FILE = "application/vnd.apache.arrow.file"
ROW = 16
"""Bytes that a row takes here at least, for time and value, whatever it took on its way."""
SPREAD = 8
"""How many times its bytes a SenML pack takes while it is read, record by record."""
_MAGIC = 8
"""Bytes before the first message of an Arrow file."""


def size(body: bytes, media: str) -> int:
    """Bytes that a body becomes when its columns are read; its own length where it is not packed. Raises BadBatch where it cannot be told."""
    kind = media.partition(";")[0].strip().lower()
    try:
        if kind == PARQUET:
            return _parquet(body)
        if kind == SENML:
            return SPREAD * len(body)
        if kind == ARROW:
            return _arrow(body)[0]
        if kind == FILE:
            whole, batches = _arrow(body[_MAGIC:])
            if pa.ipc.open_file(io.BytesIO(body)).num_record_batches > batches:
                raise BadBatch("the file names a batch more than once", "write it with pyarrow.ipc", "body")
            return whole
    except (pa.ArrowException, OSError, ValueError, struct.error) as e:
        raise BadBatch(f"the body cannot be unpacked: {e}", "write it with pyarrow", "body") from e
    return len(body)


def _parquet(body: bytes) -> int:
    about = pq.ParquetFile(io.BytesIO(body)).metadata
    groups = [about.row_group(n) for n in range(about.num_row_groups)]
    columns = [g.column(n) for g in groups for n in range(g.num_columns)]
    wanted = sum(c.total_uncompressed_size for c in columns if c.path_in_schema in (*COLUMNS, "unit"))
    return max(int(wanted), ROW * int(about.num_rows))


def _arrow(stream: bytes) -> tuple[int, int]:
    """Bytes of all buffers unpacked, and how many batches of rows there are."""
    reader = pa.ipc.MessageReader.open_stream(stream)
    whole = batches = 0
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return whole, batches
        if message.type == "record batch":
            batches += 1
        if message.type in ("record batch", "dictionary"):
            whole += _batch(message.metadata.to_pybytes(), message.body.to_pybytes(), message.type == "dictionary")


def _batch(head: bytes, body: bytes, dictionary: bool) -> int:
    """Bytes that a batch takes: its head is a flatbuffer (`Message.fbs` of Arrow), its packed buffers begin with their length unpacked."""
    batch = _follow(head, _field(head, _follow(head, 0), 2))
    if dictionary:
        batch = _follow(head, _field(head, batch, 1))
    at = _field(head, batch, 0)
    rows = struct.unpack_from("<q", head, at)[0] if at else 0
    packed = bool(_field(head, batch, 3))
    at = _field(head, batch, 2)
    if not at:
        return ROW * rows
    listed = _follow(head, at)
    whole = 0
    for n in range(struct.unpack_from("<I", head, listed)[0]):
        offset, length = struct.unpack_from("<qq", head, listed + 4 + 16 * n)
        told = struct.unpack_from("<q", body, offset)[0] if packed and length else length
        whole += length if told == -1 else max(told, 0)
    return max(whole, int(ROW * rows))


def _follow(data: bytes, at: int) -> int:
    """Where an offset leads."""
    return at + int(struct.unpack_from("<I", data, at)[0])


def _field(data: bytes, table: int, number: int) -> int:
    """Where a field of a table is; 0 where it has its default."""
    names = table - struct.unpack_from("<i", data, table)[0]
    at = 4 + 2 * number
    if at >= struct.unpack_from("<H", data, names)[0]:
        return 0
    inside = struct.unpack_from("<H", data, names + at)[0]
    return table + inside if inside else 0
