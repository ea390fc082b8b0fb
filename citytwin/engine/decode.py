"""What does the sender say? Bodies of readings in Arrow, CSV or JSON, turned into columns with every row at fault named."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from citytwin.engine import senml
from citytwin.kernel.errors import BadBatch, Fault, Unsupported
from citytwin.kernel.observation import COLUMNS

TIME = pa.timestamp("us", tz="UTC")
SHOWN = 100
"""How many faults of one batch are spelled out; the rest are counted."""
HOPELESS = 10_000
"""With more unreadable rows than this a batch is not in the form it claims, even where its sender would have part of it."""

ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
SENML = "application/senml+json"
LARGEST = 50_000_000
"""Rows of one body; a packed one may hold more than its bytes let one think."""


class Row(msgspec.Struct):
    """One reading in JSON."""

    stream: str
    time: datetime
    value: float | str | None
    quality: Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)] | None = None
    unit: str | None = None


class _Single(Row):
    """One reading by itself, unless there are `readings` in it."""

    readings: Any = None


_rows = msgspec.json.Decoder(list[Row] | _Single)
SMALL = 4096
"""Bytes of a body that is read faster than it is handed to a thread."""


def few(body: bytes, media: str) -> list[Row] | None:
    """The readings of a small body in plain JSON; None where it is anything else, for `readings` to look at."""
    if len(body) > SMALL or media.partition(";")[0].strip().lower() != JSON:
        return None
    try:
        return _plain_rows(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _plain_rows(body: bytes) -> list[Row]:
    read = _rows.decode(body)
    if isinstance(read, list):
        return read
    if read.readings is not None:
        raise msgspec.DecodeError("not a reading by itself")
    return [read]


def readings(body: bytes, media: str, zone: str) -> tuple[pa.Table, list[Fault]]:
    """A table of stream, time, value (and quality, unit where given) with the faults of rows that could not be read.

    Rows at fault are left out; column `row` keeps each row's number in the source (from 1). Raises BadBatch if nothing can be read.
    """
    kind = media.partition(";")[0].strip().lower()
    if kind in (ARROW, "application/vnd.apache.arrow.file"):
        return _decode_arrow(body, kind, zone)
    if kind == CSV:
        return _decode_csv(body, zone)
    if kind in (JSON, ""):
        return _decode_json(body, zone)
    if kind == PARQUET:
        return _decode_parquet(body, zone)
    if kind == SENML:
        return _decode_senml(body)
    known = f"{JSON}, {CSV}, {ARROW}, {PARQUET} or {SENML}"
    raise Unsupported(f"readings do not come as '{kind}'", f"send {known}", "Content-Type")


def _decode_arrow(body: bytes, kind: str, zone: str) -> tuple[pa.Table, list[Fault]]:
    try:
        table = pa.ipc.open_stream(body).read_all() if kind == ARROW else pa.ipc.open_file(io.BytesIO(body)).read_all()
        _look_through(table)
    except (pa.ArrowException, OSError, ValueError) as e:
        raise BadBatch(
            f"the body is not an Arrow {'stream' if kind == ARROW else 'file'}: {e}",
            "write it with pyarrow.ipc",
            "body",
        ) from e
    return _typed(table, zone)


def _look_through(table: pa.Table) -> None:
    """Raises ValueError where offsets and indices lead out of the body, or where text, names of columns or zones are none."""
    table.validate(full=True)
    _ = [(f.name, f.type.tz if pa.types.is_timestamp(f.type) else "") for f in table.schema]


def _decode_parquet(body: bytes, zone: str) -> tuple[pa.Table, list[Fault]]:
    try:
        texts = {"stream", "unit"} & set(
            pq.read_schema(io.BytesIO(body)).names
        )  # as dictionaries: a text may repeat for ever
        file = pq.ParquetFile(io.BytesIO(body), read_dictionary=sorted(texts))
        if file.metadata.num_rows > LARGEST:
            raise BadBatch(f"the body has {file.metadata.num_rows:,} rows", f"send at most {LARGEST:,} at once", "body")
        wanted = [name for name in file.schema_arrow.names if name in (*COLUMNS, "unit")]
        table = file.read(columns=wanted)
        _look_through(table)
    except (pa.ArrowException, OSError, ValueError) as e:
        raise BadBatch(f"the body is not Parquet: {e}", "write it with pyarrow.parquet", "body") from e
    return _typed(table, zone)


def _decode_senml(body: bytes) -> tuple[pa.Table, list[Fault]]:
    rows, faults = senml.rows(body, datetime.now(UTC))
    if not rows and faults:
        raise BadBatch("no record of the pack can be read", "RFC 8428", "body", tuple(faults[:SHOWN]))
    kinds = {"row": pa.int64(), "stream": pa.string(), "time": TIME, "unit": pa.string()}
    columns = {k: pa.array([r[k] for r in rows], t) for k, t in kinds.items()}
    return pa.table({**columns, **_values([r["value"] for r in rows])}), faults


def _decode_csv(body: bytes, zone: str) -> tuple[pa.Table, list[Fault]]:
    text_columns = {name: pa.string() for name in ("stream", "time", "value", "quality", "unit")}
    faults: list[Fault] = []

    def skip(row: pacsv.InvalidRow) -> str:
        if len(faults) >= HOPELESS:
            return "error"
        faults.append(
            Fault(
                f"row {row.number}",
                "ROW",
                f"has {row.actual_columns} cells, not {row.expected_columns}",
                "quote cells that hold a comma",
            )
        )
        return "skip"

    try:
        body.decode("utf-8-sig")
        table = pacsv.read_csv(
            io.BytesIO(body.removeprefix(b"\xef\xbb\xbf")),
            read_options=pacsv.ReadOptions(use_threads=False),
            parse_options=pacsv.ParseOptions(invalid_row_handler=skip),
            convert_options=pacsv.ConvertOptions(
                column_types=text_columns, strings_can_be_null=True, quoted_strings_can_be_null=True
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError) as e:
        raise BadBatch(f"the body is not CSV: {e}", "UTF-8, the first line: stream,time,value", "body") from e
    table, more = _typed(table, zone)
    return table, faults + more


def _decode_json(body: bytes, zone: str) -> tuple[pa.Table, list[Fault]]:
    """A list of readings, an object with `readings`, or an object of equally long columns."""
    try:
        return tabled(_plain_rows(body), zone), []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_any_json(body, zone)


def tabled(read: Sequence[Row], zone: str) -> pa.Table:
    """Rows as a table. A time without an offset is read in the city's zone."""
    naive = ZoneInfo(zone)
    made: dict[str, pa.Array] = {
        "row": pa.array(np.arange(1, len(read) + 1)),
        "stream": pa.array([r.stream for r in read], pa.string()),
        "time": pa.array([r.time if r.time.tzinfo else r.time.replace(tzinfo=naive) for r in read], TIME),
        **_values([r.value for r in read]),
    }
    if any(r.quality is not None for r in read):
        made["quality"] = pa.array([r.quality for r in read], pa.int64())
    if any(r.unit is not None for r in read):
        made["unit"] = pa.array([r.unit for r in read], pa.string())
    return pa.table(made)


def _values(cells: Sequence[float | str | None]) -> dict[str, pa.Array]:
    """Numbers in `value`, and, if there are any, words in `word`: which words a stream knows is for others to say."""
    try:
        return {"value": pa.array(cells, pa.float64())}
    except pa.ArrowException:
        words = [c if isinstance(c, str) else None for c in cells]
        numbers = [None if isinstance(c, str) else c for c in cells]
        return {"value": pa.array(numbers, pa.float64()), "word": pa.array(words, pa.string())}


def _decode_any_json(body: bytes, zone: str) -> tuple[pa.Table, list[Fault]]:
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadBatch(f"the body is not JSON: {e}", 'send [{"stream": …, "time": …, "value": …}, …]', "body") from e
    if isinstance(data, dict) and isinstance(data.get("readings"), list):
        data = data["readings"]
    if isinstance(data, dict) and isinstance(data.get("stream"), str) and not isinstance(data.get("time"), list):
        data = [data]
    if isinstance(data, dict):
        columns = {k: data[k] for k in ("stream", "time", "value", "quality", "unit") if isinstance(data.get(k), list)}
        lengths = {len(v) for v in columns.values()}
        if not {"stream", "time", "value"} <= set(columns) or len(lengths) != 1:
            raise BadBatch(
                "the body has no readings",
                "a list of readings, or columns stream, time and value of one length",
                "body",
            )
        data = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not isinstance(data, list):
        raise BadBatch("the body has no readings", "a list of readings, or columns stream, time and value", "body")
    good: list[Row] = []
    numbers: list[int] = []
    faults: list[Fault] = []
    for n, item in enumerate(data, 1):
        if isinstance(item, dict) and isinstance(item.get("value"), bool):
            item = {**item, "value": str(item["value"]).lower()}
        try:
            good.append(msgspec.convert(item, Row))
            numbers.append(n)
        except msgspec.ValidationError as e:
            if len(faults) >= HOPELESS:
                raise BadBatch(
                    f"more than {HOPELESS:,} rows cannot be read",
                    "check the form of the body",
                    "body",
                    tuple(faults[:SHOWN]),
                ) from e
            faults.append(
                Fault(f"row {n}", "ROW", _plain(str(e)), "stream: text, time: RFC 3339, value: number or null")
            )
    return tabled(good, zone).set_column(0, "row", pa.array(numbers, pa.int64())), faults


def _plain(message: str) -> str:
    return message.replace("Object missing required field", "lacks").replace("`", "'").replace(" - at '$.", " in '")


def _typed(table: pa.Table, zone: str) -> tuple[pa.Table, list[Fault]]:
    """Columns in their types, whatever types they came in; rows whose cells cannot be read become faults."""
    missing = [c for c in ("stream", "time", "value") if c not in table.column_names]
    if missing:
        raise BadBatch(
            f"the batch lacks the column {', '.join(missing)}",
            "columns: stream, time, value (and quality, unit)",
            "body",
        )
    if len(set(table.column_names)) != len(table.column_names):
        raise BadBatch("a column stands twice", "columns: stream, time, value (and quality, unit)", "body")
    table = _plain_text(table.select([c for c in table.column_names if c in (*COLUMNS, "unit")]))
    n = table.num_rows
    ok = np.ones(n, bool)
    faults: list[Fault] = []

    def refuse(bad: np.ndarray, name: str, hint: str) -> None:
        bad &= ok
        if len(faults) + bad.sum() > HOPELESS:
            raise BadBatch(f"column {name} cannot be read in {bad.sum():,} rows", hint, name, tuple(faults[:SHOWN]))
        for row in np.flatnonzero(bad).tolist():
            try:
                cell = table[name][row].as_py()
            except (OverflowError, ValueError):
                cell = "out of all time"
            said = f"{name} is {str(cell)[:60]!r}" if cell is not None else f"{name} is empty"
            faults.append(Fault(f"row {row + 1}", "ROW", said, hint))
        ok[bad] = False

    columns: dict[str, Any] = {"row": pa.array(np.arange(1, n + 1))}
    stream = table["stream"]
    if not _is_text(stream.type):
        raise BadBatch(f"column stream is {stream.type}, not text", "", "stream")
    refuse(nulls(stream), "stream", "name the stream")
    columns["stream"] = stream
    time, bad = _times(table["time"], zone)
    refuse(bad, "time", "RFC 3339, such as 2025-06-30T08:00:00+08:00")
    columns["time"] = time
    value, bad = _numbers(table["value"])
    if bad.any() and _is_text(table["value"].type):
        words = table["value"].cast(pa.string())
        columns["word"] = pc.if_else(pa.array(bad), words, pa.scalar(None, pa.string()))
    else:
        refuse(bad, "value", "a number")
    columns["value"] = value
    if "quality" in table.column_names:
        flags, bad = _numbers(table["quality"])
        refuse(bad, "quality", "1, 2, 3, 4 or 9")
        columns["quality"] = flags
    if "unit" in table.column_names:
        if not _is_text(table["unit"].type):
            raise BadBatch(f"column unit is {table['unit'].type}, not text", "", "unit")
        columns["unit"] = table["unit"].cast(pa.string())
    return pa.table(columns).filter(pa.array(ok)) if not ok.all() else pa.table(columns), faults


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or (pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type)))


def _plain_text(table: pa.Table) -> pa.Table:
    """Text in the one form that every kernel of Arrow knows: other libraries write large strings and string views."""
    for i, field in enumerate(table.schema):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            column = table.column(i)
            table = table.set_column(
                i, field.name, pa.chunked_array([c.cast(pa.string()) for c in column.chunks], pa.string())
            )
    return table


def nulls(column: pa.ChunkedArray) -> np.ndarray:
    """Which cells are empty."""
    return np.asarray(pc.is_null(column).to_numpy()).astype(bool)


def _numbers(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, np.ndarray]:
    """As float64, and which cells are no numbers (a null is no fault here)."""
    if not pa.types.is_string(column.type):
        try:
            return column.cast(pa.float64()), np.zeros(len(column), bool)
        except pa.ArrowException:
            return pa.chunked_array([pa.nulls(len(column), pa.float64())]), np.ones(len(column), bool)
    try:
        return column.cast(pa.float64()), np.zeros(len(column), bool)
    except pa.ArrowException:
        cells: list[float | None] = []
        bad = np.zeros(len(column), bool)
        for i, cell in enumerate(column.to_pylist()):
            try:
                cells.append(None if cell is None else float(cell))
            except ValueError:
                cells.append(None)
                bad[i] = True
        return pa.chunked_array([pa.array(cells, pa.float64())]), bad


def _times(column: pa.ChunkedArray, zone: str) -> tuple[pa.ChunkedArray, np.ndarray]:
    """As UTC, and which cells are no times. A time without an offset is read in the city's zone."""
    bad = nulls(column)
    if pa.types.is_timestamp(column.type):
        if column.type.unit in ("s", "ms"):  # what has no microseconds would become some other time
            most = (2**63 - 1) // (10**6 if column.type.unit == "s" else 10**3)
            count = column.cast(pa.int64())
            far = pc.fill_null(pc.or_(pc.greater(count, most), pc.less(count, -most)), False)
            bad = bad | far.to_numpy()
            column = pc.if_else(far, pa.scalar(None, column.type), column)
        if column.type.tz:
            return column.cast(TIME, safe=False), bad
        local = pc.assume_timezone(
            column.cast(pa.timestamp("us"), safe=False), zone, ambiguous="earliest", nonexistent="earliest"
        )
        return local.cast(TIME), bad
    try:
        return column.cast(TIME), bad
    except pa.ArrowException:
        pass
    naive = ZoneInfo(zone)
    moments: list[datetime | None] = []
    cells = column.to_pylist()
    for i, cell in enumerate(cells):
        try:
            moment = datetime.fromisoformat(cell.strip())
            moments.append(moment if moment.tzinfo else moment.replace(tzinfo=naive))
        except (ValueError, AttributeError, TypeError):
            moments.append(None)
            bad[i] = True
    return pa.chunked_array([pa.array(moments, TIME)]), bad
