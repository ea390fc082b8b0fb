"""Where do old readings lie? In Parquet files beside the database, one folder per month, sorted by stream and time; `held` has them and the new ones.

A step writes a file, reads it back, and only then lets the database change over in one transaction: wherever it is cut off, each reading is in one place.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from citytwin.kernel.errors import StoreFailed

log = logging.getLogger("citytwin.store")
MOST = 16_000_000
"""Readings of one file: sorting them takes less than a gigabyte."""
LEAST = 100_000
"""Fewer are not worth a file of their own; they stay in the database."""
GROUP = 122_880
"""Readings of one row group: statistics lead to a stream's day in one or two of them, and reading one takes a few milliseconds."""
CHUNK = 4 * 1024 * 1024
EVER = datetime(1, 1, 2, tzinfo=UTC)
"""Before every reading."""
COLUMNS = "stream, time, value, quality, batch"
_SCHEMA = pa.schema(
    [
        pa.field("stream", pa.int32(), False),
        pa.field("time", pa.timestamp("us", tz="UTC"), False),
        pa.field("value", pa.float64()),
        pa.field("quality", pa.int8(), False),
        pa.field("batch", pa.int64(), False),
    ]
)
_SAME = "count(*), sum(hash(r.stream, epoch_us(r.time), r.value, r.quality, r.batch)::HUGEINT)"
"""What the readings of a file and those that they were written from must have in common."""


@dataclass(frozen=True, slots=True)
class File:
    """A partition: its place in the folder, the times and stream keys of its readings (first and last), how many they are, its bytes and SHA-256."""

    file: str
    since: datetime
    until: datetime
    low: int
    high: int
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Slice:
    """Readings that move together: of these streams, from `since` to before `until`, up to a batch."""

    keys: tuple[int, ...] | None
    since: datetime
    until: datetime
    batch: int

    @property
    def where(self) -> str:
        """SQL of the condition on readings `r`."""
        which = "" if self.keys is None else f" AND r.stream IN ({', '.join(map(str, self.keys)) or 'NULL'})"
        return f"r.time >= {moment(self.since)} AND r.time < {moment(self.until)} AND r.batch <= {self.batch}{which}"


def oldest(cursor: duckdb.DuckDBPyConnection, every: Slice) -> Slice | None:
    """The oldest readings of a slice that are in the database, as many whole days as one transaction should take."""
    days = cursor.execute(
        f"SELECT epoch_us(r.time) // 86400000000 AS day, count(*) FROM reading AS r WHERE {every.where} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    rows, until = 0, every.until
    for day, count in days:
        if rows and rows + count > MOST // 4:
            until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
            break
        rows += count
    return Slice(every.keys, every.since, until, every.batch) if rows else None


def moment(at: datetime) -> str:
    """A time as a constant of SQL: unlike a parameter it may stand in a view."""
    return f"TIMESTAMPTZ '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


def folder_of(database: Path) -> Path:
    """The folder of a database's partitions."""
    return database.with_name(f"{database.name}.tier")


def files(
    cursor: duckdb.DuckDBPyConnection, since: datetime | None = None, until: datetime | None = None
) -> list[File]:
    """The partitions, those only that may hold readings from one time to another."""
    within = [f"until >= {moment(since)}"] if since else []
    within += [f"since < {moment(until)}"] if until else []
    rows = cursor.execute(
        f"SELECT file, since, until, low, high, rows, bytes, sha256 FROM tier_file WHERE {' AND '.join(within) or 'TRUE'} ORDER BY file"
    ).fetchall()
    return [File(*row) for row in rows]


def relation(folder: Path | None, chosen: Sequence[File], hot: str = "reading") -> str:
    """SQL of a relation of the readings in the database and in these partitions."""
    if folder is None or not chosen:
        return hot
    return f"(SELECT {COLUMNS} FROM {hot} UNION ALL {_scan(folder, chosen)})"


def _scan(folder: Path, chosen: Iterable[File]) -> str:
    listed = ", ".join(_quoted(folder / f.file) for f in chosen)
    return f"SELECT {COLUMNS} FROM read_parquet([{listed}], hive_partitioning = false)"


def _quoted(path: Path) -> str:
    return "'" + str(path.absolute()).replace("'", "''") + "'"


def view(folder: Path | None, every: Sequence[File]) -> str:
    """The statement that makes the view `held`. Each month is bound to its times, so that a question about others does not open its files."""
    parts = [f"SELECT {COLUMNS} FROM reading"]
    months: dict[str, list[File]] = {}
    for f in every:
        months.setdefault(f.file.partition("/")[0], []).append(f)
    for name, members in sorted(months.items()):
        assert folder is not None
        first = datetime.strptime(name, "month=%Y-%m").replace(tzinfo=UTC)
        parts.append(f"{_scan(folder, members)} WHERE time >= {moment(first)} AND time < {moment(month_after(first))}")
    return f"CREATE OR REPLACE VIEW held AS {' UNION ALL '.join(parts)}"


def month_after(at: datetime) -> datetime:
    """The beginning of the next month (UTC)."""
    return datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)


def cleared(cursor: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Remove the files that a step that was cut off left, or that were replaced. Raises StoreFailed where one is missing that holds readings."""
    for (name,) in cursor.execute("SELECT file FROM tier_gone").fetchall():
        unlink(folder, name)
    cursor.execute("DELETE FROM tier_gone")
    there = files(cursor)
    for f in there:
        path = folder / f.file
        size = path.stat().st_size if path.is_file() else -1
        if size != f.bytes:
            what = "is missing" if size < 0 else f"has {size} bytes, not the {f.bytes} that were written"
            raise StoreFailed(
                f"{path} {what}: readings from {f.since:%Y-%m-%d} to {f.until:%Y-%m-%d} are in it",
                "restore the city from a backup, or put this file back from one",
                str(path),
            )
    listed = {f.file for f in there}
    for path in sorted(folder.glob("month=*/*.parquet")):
        if path.relative_to(folder).as_posix() not in listed:
            log.warning("%s belongs to no partition of this database; it is left alone and not read", path)


def unlink(folder: Path, name: str) -> None:
    """Remove a file and what was written of it, and its folder if that is empty then."""
    for path in (folder / name, folder / f"{name}.part"):
        path.unlink(missing_ok=True)
    with_in = (folder / name).parent
    if with_in.is_dir() and not any(with_in.iterdir()):
        with_in.rmdir()


def next_slice(
    cursor: duckdb.DuckDBPyConnection, keys: tuple[int, ...] | None, before: datetime, batch: int, least: int
) -> Slice | None:
    """The oldest readings in the database that are older than `before` and enough for a file: a month of them, or a day where a month is too many."""
    probe = Slice(keys, EVER, before, batch)
    months = cursor.execute(
        f"SELECT epoch_us(r.time) // 86400000000 AS day, count(*) FROM reading AS r WHERE {probe.where} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    counted: dict[datetime, list[tuple[datetime, int]]] = {}
    for day, count in months:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
        counted.setdefault(at.replace(day=1), []).append((at, count))
    for month, days in counted.items():
        rows, since = 0, days[0][0]
        for at, count in days:  # as many days as fit
            if rows and rows + count > MOST:
                return Slice(keys, since, at, batch)
            rows += count
        end = month_after(month)
        whole = end <= before
        # the month that is not over yet waits until it is, unless its days are large already
        if rows >= least and (whole or rows >= max(least, MOST // 4)):
            return Slice(keys, since, min(end, before), batch)
    return None


def name(cursor: duckdb.DuckDBPyConnection, at: datetime) -> str:
    """A name that no file had."""
    row = cursor.execute("SELECT value FROM meta WHERE name = 'tier_number'").fetchone()
    number = int(row[0]) + 1 if row else 1
    cursor.execute("INSERT OR REPLACE INTO meta VALUES ('tier_number', ?)", [str(number)])
    return f"month={at.astimezone(UTC):%Y-%m}/{number:06}.parquet"


def write(cursor: duckdb.DuckDBPyConnection, folder: Path, name: str, source: str, where: str) -> File | None:
    """Write the readings of a relation through to the disk, and compare what is there with them. None where there are none. Raises StoreFailed, duckdb.Error."""
    path = folder / name
    part = path.with_name(f"{path.name}.part")
    said = cursor.execute(
        f"SELECT {_SAME}, min(r.time), max(r.time), min(r.stream), max(r.stream) FROM {source} AS r WHERE {where}"
    ).fetchone()
    if said is None or not said[0]:
        return None
    count, check, since, until, low, high = said
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        batches = cursor.execute(
            f"SELECT {COLUMNS} FROM {source} AS r WHERE {where} ORDER BY stream, time, batch"
        ).to_arrow_reader(GROUP)
        with pq.ParquetWriter(
            part,
            _SCHEMA,
            compression="zstd",
            use_dictionary=["stream", "value", "quality"],
            column_encoding={"time": "DELTA_BINARY_PACKED", "batch": "DELTA_BINARY_PACKED"},
            store_schema=False,
        ) as writer:
            for group in _groups(batches):
                writer.write_table(group, row_group_size=GROUP)
        size, digest = _synced(part)
        found = cursor.execute(f"SELECT {_SAME} FROM read_parquet({_quoted(part)}) AS r").fetchone()
        if found != (count, check):
            raise StoreFailed(
                f"{part} is not what was written to it: {found and found[0]} readings of {count}",
                "check the disk; nothing was moved",
                str(part),
            )
        part.rename(path)
        _sync_folder(path.parent)
        _sync_folder(folder)
        _sync_folder(folder.parent)
    except OSError as e:
        raise StoreFailed(
            f"no readings were moved: {path}: {e.strerror or e}",
            "check the disk's free space and permissions",
            str(path),
        ) from e
    return File(name, since, until, low, high, count, size, digest)


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.Table]:
    """Tables of as many rows as a row group has."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        while rows + batch.num_rows >= GROUP:
            waiting.append(batch.slice(0, GROUP - rows))
            yield pa.Table.from_batches(waiting).cast(_SCHEMA)
            batch, waiting, rows = batch.slice(GROUP - rows), [], 0
        if batch.num_rows:
            waiting.append(batch)
            rows += batch.num_rows
    if waiting:
        yield pa.Table.from_batches(waiting).cast(_SCHEMA)


def _synced(path: Path) -> tuple[int, str]:
    """Write a file through to the disk; its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        while data := file.read(CHUNK):
            digest.update(data)
            size += len(data)
    return size, digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def enter(writer: duckdb.DuckDBPyConnection, file: File, recorded: datetime) -> None:
    """Count a file among the partitions; it is none of those to be removed any more."""
    writer.execute(
        "INSERT INTO tier_file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [file.file, file.since, file.until, file.low, file.high, file.rows, file.bytes, file.sha256, recorded],
    )
    writer.execute("DELETE FROM tier_gone WHERE file = ?", [file.file])
