"""How does a reading get in? Decode, convert to the canonical unit, check range and clock, flag, and record durably."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadBatch, CityTwinError, Fault, StoreFailed, Unsupported
from citytwin.kernel.observation import COLUMNS, Batch, Quality, Receipt
from citytwin.kernel.store import Arrival
from citytwin.kernel.stream import stream_parts
from citytwin.kernel.units import conversion, known_unit, quantity

TIME = pa.timestamp("us", tz="UTC")
FUTURE = timedelta(minutes=5)
"""A reading this far ahead of our clock is refused: its source's clock is wrong, and it would hide all that follow."""
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
SHOWN = 100
"""How many faults of one batch are spelled out; the rest are counted."""
HOPELESS = 10_000
"""With more unreadable rows than this a batch is not in the form it claims, even where its sender would have part of it."""

ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"
CSV = "text/csv"


class Row(msgspec.Struct):
    """One reading in JSON."""

    stream: str
    time: datetime
    value: float | None
    quality: int | None = None
    unit: str | None = None


_rows = msgspec.json.Decoder(list[Row])


def decode(body: bytes, media: str, zone: str) -> tuple[pa.Table, list[Fault]]:
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
    raise Unsupported(f"readings do not come as '{kind}'", f"send {JSON}, {CSV} or {ARROW}", "Content-Type")


def _decode_arrow(body: bytes, kind: str, zone: str) -> tuple[pa.Table, list[Fault]]:
    try:
        table = pa.ipc.open_stream(body).read_all() if kind == ARROW else pa.ipc.open_file(io.BytesIO(body)).read_all()
        table.validate()
    except (pa.ArrowException, OSError, ValueError) as e:
        raise BadBatch(
            f"the body is not an Arrow {'stream' if kind == ARROW else 'file'}: {e}",
            "write it with pyarrow.ipc",
            "body",
        ) from e
    return _typed(table, zone)


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
        read = _rows.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_any_json(body, zone)
    faults: list[Fault] = []
    naive = ZoneInfo(zone)
    columns: dict[str, pa.Array] = {
        "row": pa.array(np.arange(1, len(read) + 1)),
        "stream": pa.array([r.stream for r in read], pa.string()),
        "time": pa.array([r.time if r.time.tzinfo else r.time.replace(tzinfo=naive) for r in read], TIME),
        "value": pa.array([r.value for r in read], pa.float64()),
    }
    if any(r.quality is not None for r in read):
        columns["quality"] = pa.array([r.quality for r in read], pa.int64())
    if any(r.unit is not None for r in read):
        columns["unit"] = pa.array([r.unit for r in read], pa.string())
    return pa.table(columns), faults


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
    table, more = _decode_json(msgspec.json.encode(good), zone)
    return table.set_column(0, "row", pa.array(numbers, pa.int64())), faults + more


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
            cell = table[name][row].as_py()
            said = f"{name} is {str(cell)[:60]!r}" if cell is not None else f"{name} is empty"
            faults.append(Fault(f"row {row + 1}", "ROW", said, hint))
        ok[bad] = False

    columns: dict[str, Any] = {"row": pa.array(np.arange(1, n + 1))}
    stream = table["stream"]
    if not _is_text(stream.type):
        raise BadBatch(f"column stream is {stream.type}, not text", "", "stream")
    refuse(_nulls(stream), "stream", "name the stream")
    columns["stream"] = stream
    time, bad = _times(table["time"], zone)
    refuse(bad, "time", "RFC 3339, such as 2025-06-30T08:00:00+08:00")
    columns["time"] = time
    value, bad = _numbers(table["value"])
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


def _nulls(column: pa.ChunkedArray) -> np.ndarray:
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
    bad = _nulls(column)
    if pa.types.is_timestamp(column.type):
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
        except (ValueError, AttributeError):
            moments.append(None)
            bad[i] = True
    return pa.chunked_array([pa.array(moments, TIME)]), bad


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that has been checked: what to record, and the faults of the rows left out."""

    arrival: Arrival
    faults: tuple[Fault, ...]
    refused: int


def prepare(twin: Twin, batch: Batch, unit: str = "") -> Prepared:
    """Check a table of stream, time, value against what is declared. Rows at fault are left out and named."""
    table = batch.table
    n = table.num_rows
    number = table["row"].to_numpy() if "row" in table.column_names else np.arange(1, n + 1)
    stream = table["stream"].combine_chunks()
    if isinstance(stream, pa.ChunkedArray):
        stream = pa.concat_arrays(stream.chunks) if stream.num_chunks else pa.array([], pa.string())
    if not pa.types.is_dictionary(stream.type):
        stream = stream.dictionary_encode()
    names: list[str] = stream.dictionary.to_pylist()
    index = stream.indices.to_numpy(zero_copy_only=False).astype(np.int64) if n else np.array([], np.int64)
    time = table["time"].cast(TIME).cast(pa.int64()).to_numpy()
    value = table["value"].cast(pa.float64()).to_numpy(zero_copy_only=False).astype(float)
    empty = _nulls(table["value"])
    ok = np.ones(n, bool)
    faults: list[Fault] = []
    refused = 0

    def refuse(bad: np.ndarray, say: Any, hint: str = "") -> None:
        nonlocal refused
        rows = np.flatnonzero(bad & ok)
        refused += len(rows)
        room = SHOWN - len(faults)
        faults.extend(
            Fault(f"row {number[r]}", "ROW", say(r) if callable(say) else say, hint) for r in rows[: max(room, 0)]
        )
        ok[rows] = False

    # streams: known asset, declared stream type, and its quantity's unit and bounds
    low, high, floor, ceiling = (np.full(len(names), x) for x in (-np.inf, np.inf, -np.inf, np.inf))
    canonical = [""] * len(names)
    why: dict[int, str] = {}
    for i, name in enumerate(names):
        asset, kind = stream_parts(name or "")
        declared = twin.streams.get(kind)
        if asset not in twin.asset_types:
            why[i] = f"stream '{name}': asset '{asset}' is not on record"
        elif declared is None:
            why[i] = f"stream '{name}': stream type '{kind}' is not declared"
        elif declared.asset != twin.asset_types[asset]:
            why[i] = f"stream '{name}': '{asset}' is a {twin.asset_types[asset]}, not a {declared.asset}"
        else:
            q = quantity(declared.quantity)
            canonical[i] = q.unit
            low[i] = declared.low if declared.low is not None else q.low
            high[i] = declared.high if declared.high is not None else q.high
            floor[i], ceiling[i] = q.low, q.high
    if why:
        refuse(
            np.isin(index, list(why)),
            lambda r: why[int(index[r])],
            "a stream is <asset id>.<pack>.<stream type>; see /api/streams",
        )
    # units
    stated = table["unit"].to_pylist() if "unit" in table.column_names else None
    if stated is not None or unit:
        value = _convert(value, index, canonical, stated, unit, ok, refuse)
    # quality
    quality = np.full(n, Quality.GOOD, np.int8)
    if "quality" in table.column_names:
        given = table["quality"].cast(pa.float64()).to_numpy(zero_copy_only=False).astype(float)
        told = ~np.isnan(given)
        refuse(
            told & ~np.isin(given, [q.value for q in Quality]), lambda r: f"quality is {given[r]:g}", "1, 2, 3, 4 or 9"
        )
        quality[told & ok] = given[told & ok].astype(np.int8)
    # value
    refuse(
        ~empty & ~np.isfinite(value), "value is not a finite number", "leave it empty with quality 9 if it is missing"
    )
    refuse(empty & (quality != Quality.MISSING), "value is empty", "a missing value has quality 9")
    # clock
    now = int(twin.clock.now().timestamp() * 1e6)
    ahead = int(FUTURE.total_seconds() * 1e6)
    refuse(
        time > now + ahead,
        lambda r: f"time {_iso(time[r])} is in the future",
        "set the clock of the source, or its time zone",
    )
    refuse(
        time < int(EARLIEST.timestamp() * 1e6),
        lambda r: f"time {_iso(time[r])} is before 1900",
        "check the time column",
    )
    # one reading per stream and time
    order = np.lexsort((time, index)) if n and not _ascending(index, time) else np.arange(n)
    order = order[ok[order]]
    if len(order) > 1:
        same = (index[order][1:] == index[order][:-1]) & (time[order][1:] == time[order][:-1])
        if same.any():
            first, second = order[:-1][same], order[1:][same]
            equal = (value[first] == value[second]) | (np.isnan(value[first]) & np.isnan(value[second]))
            twice = np.zeros(n, bool)
            twice[second[~equal]] = True
            refuse(
                twice,
                lambda r: f"the stream has another value for {_iso(time[r])} in this batch",
                "send one value per stream and time",
            )
            ok[second[equal]] = False
            order = order[ok[order]]
    # range: kept, and flagged
    if n:
        judged = (quality <= Quality.NOT_EVALUATED) & ok
        with np.errstate(invalid="ignore"):
            quality[judged & ((value < low[index]) | (value > high[index]))] = Quality.SUSPECT
            quality[judged & ((value < floor[index]) | (value > ceiling[index]))] = Quality.BAD
    chosen = pa.array(order)
    clean = pa.table(
        {
            "stream": pa.DictionaryArray.from_arrays(
                pa.array(index[order].astype(np.int32)), pa.array(names, pa.string())
            ),
            "time": pa.array(time).take(chosen).cast(TIME),
            "value": pa.array(value, mask=empty).take(chosen),
            "quality": pa.array(quality).take(chosen),
        }
    )
    if refused > len(faults):
        faults.append(Fault("batch", "ROW", f"and {refused - len(faults)} more rows at fault"))
    return Prepared(Arrival(clean, batch.key, batch.source), tuple(faults), refused)


def _convert(
    value: np.ndarray,
    index: np.ndarray,
    canonical: list[str],
    stated: list[str | None] | None,
    unit: str,
    ok: np.ndarray,
    refuse: Any,
) -> np.ndarray:
    names = np.array([(s or unit or "") for s in stated] if stated is not None else [unit] * len(value), object)
    value = value.copy()
    for name in set(names.tolist()) - {""}:
        for stream in np.unique(index[(names == name) & ok]).tolist():
            rows = (names == name) & (index == stream)
            if not known_unit(name):
                refuse(rows, f"unit '{name}' is not in the vocabulary", "see /api/units")
                continue
            try:
                factor, offset = conversion(name, canonical[stream])
            except CityTwinError as e:
                refuse(rows, e.message, e.hint)
                continue
            if (factor, offset) != (1.0, 0.0):
                value[rows] = value[rows] * factor + offset
    return value


def _ascending(index: np.ndarray, time: np.ndarray) -> bool:
    step = np.diff(index)
    return bool(((step > 0) | ((step == 0) & (np.diff(time) >= 0))).all())


def _iso(microseconds: int) -> str:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds))).isoformat()
    except OverflowError:
        return f"{microseconds} µs"


class Intake:
    """The door's queue: batches that arrive while one is being written are committed together (group commit)."""

    def __init__(self, twin: Twin, most_rows: int = 2_000_000, waiting: int = 10_000) -> None:
        self._twin = twin
        self._most = most_rows
        self._queue: queue.Queue[tuple[Arrival, Future[Receipt]] | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    def accept(self, batch: Batch, unit: str = "", partial: bool = False, faults: Sequence[Fault] = ()) -> Receipt:
        """Record a batch; on return it is durable. Raises BadBatch naming every row at fault, and records nothing, unless `partial`.

        `faults` are those of rows that were already left out while decoding.
        """
        future, prepared = self.submit(batch, unit, partial, faults)
        return finish(future.result(), prepared)

    def submit(
        self, batch: Batch, unit: str = "", partial: bool = False, faults: Sequence[Fault] = ()
    ) -> tuple[Future[Receipt], Prepared]:
        """The same without waiting: the future completes when the batch is durable."""
        prepared = prepare(self._twin, batch, unit)
        prepared = replace(prepared, faults=(*faults, *prepared.faults), refused=prepared.refused + len(faults))
        if prepared.refused and not partial:
            raise BadBatch(
                f"{prepared.refused} of {batch.table.num_rows + len(faults)} rows are at fault; nothing was recorded",
                "mend them, or send partial=true to record the others",
                "batch",
                prepared.faults,
            )
        future: Future[Receipt] = Future()
        if prepared.arrival.rows.num_rows == 0:
            future.set_result(Receipt(0, 0))
            return future, prepared
        self._queue.put((prepared.arrival, future))
        return future, prepared

    def close(self) -> None:
        """Write out what is waiting and stop."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            rows = first[0].rows.num_rows
            stop = False
            while rows < self._most:
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    stop = True
                    break
                group.append(item)
                rows += item[0].rows.num_rows
            self._write(group)
            if stop:
                return

    def _write(self, group: list[tuple[Arrival, Future[Receipt]]]) -> None:
        try:
            receipts = self._twin.store.record([arrival for arrival, _ in group])
        except Exception as e:  # whatever it is, each sender must hear of it: an unanswered batch would wait for ever
            if len(group) > 1:  # one of them may be the cause: the others must not suffer for it
                for item in group:
                    self._write([item])
                return
            group[0][1].set_exception(
                e if isinstance(e, CityTwinError) else StoreFailed(f"nothing was recorded: {e}", "see the log", "store")
            )
            return
        for (_, future), receipt in zip(group, receipts, strict=True):
            future.set_result(receipt)


def finish(receipt: Receipt, prepared: Prepared) -> Receipt:
    """The receipt with what was refused."""
    return replace(receipt, rejected=prepared.refused, faults=prepared.faults)
