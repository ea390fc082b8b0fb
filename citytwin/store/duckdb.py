"""The embedded store: one DuckDB file, owned by one process."""

from __future__ import annotations

import importlib.util
import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from citytwin.kernel.clock import Clock, SystemClock
from citytwin.kernel.errors import BadRequest, CityTwinError, StoreBusy, StoreFailed
from citytwin.kernel.observation import Receipt
from citytwin.kernel.pack import Pack
from citytwin.kernel.store import Arrival, Change
from citytwin.kernel.stream import stream_parts
from citytwin.kernel.units import quantity
from citytwin.science import merkle

log = logging.getLogger("citytwin.store")


class _Absent:
    """Says at once that pandas is not installed.

    DuckDB looks for pandas at every value it binds, and each time Python searches its whole path in vain: a third of a small commit.
    """

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:  # noqa: ARG004 - the import protocol's
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=name)


if importlib.util.find_spec("pandas") is None:
    sys.meta_path.insert(0, _Absent)

UTC_US = pa.timestamp("us", tz="UTC")
SQL_TYPE = {
    "number": "DOUBLE",
    "integer": "BIGINT",
    "text": "VARCHAR",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "choice": "VARCHAR",
}
_LONG_AGO = np.iinfo(np.int64).min
_LEAF = pa.schema(
    [
        ("leaf", pa.int64()),
        ("kind", pa.string()),
        ("subject", pa.string()),
        ("digest", pa.string()),
        ("recorded", UTC_US),
    ]
)
_BATCH = pa.schema(
    [("batch", pa.int64()), ("key", pa.string()), ("source", pa.string()), ("rows", pa.int64()), ("suspect", pa.int64()),
     ("corrected", pa.int64()), ("recorded", UTC_US), ("leaf", pa.int64())]
)  # fmt: skip
_READING = pa.schema(
    [("stream", pa.int32()), ("time", UTC_US), ("value", pa.float64()), ("quality", pa.int8()), ("batch", pa.int64())]
)
_SPAN = pa.schema([("batch", pa.int64()), ("stream_type", pa.string()), ("since", UTC_US), ("until", UTC_US)])


class DuckStore:
    """Fulfils `kernel.store.Store` on one DuckDB file (`None`: in memory). Writers take turns; readers never wait."""

    def __init__(
        self, path: Path | None, zone: str, clock: Clock | None = None, memory: str = "4GB", threads: int = 0
    ) -> None:
        self.zone = zone
        self._clock = clock or SystemClock()
        self._write = threading.RLock()
        self._newest = threading.Lock()

        self._listeners: list[Callable[[pa.Table], None]] = []
        config: dict[str, Any] = {
            "memory_limit": memory,
            "preserve_insertion_order": True,
            "autoinstall_known_extensions": False,
        }
        config["autoload_known_extensions"] = False  # nothing is fetched at run time
        if threads:
            config["threads"] = threads
        try:
            self._db = duckdb.connect(str(path) if path else ":memory:", config=config)
        except duckdb.IOException as e:
            if "lock" in str(e).lower():
                raise StoreBusy(
                    f"{path} is in use by another process", "stop that process, or talk to it over HTTP", str(path)
                ) from e
            raise StoreFailed(
                f"{path} cannot be opened: {_first_line(e)}", "check the path, its permissions and the disk", str(path)
            ) from e
        except duckdb.Error as e:
            raise StoreFailed(
                f"{path} is not a CityTwin store: {_first_line(e)}", "restore it from a backup", str(path)
            ) from e
        self._db.execute("SET GLOBAL TimeZone = ?", [zone])
        for name in ("schema.sql", "views.sql"):
            self._db.execute(files("citytwin.store").joinpath(name).read_text("utf-8"))
        self._writer = self._db.cursor()
        self._resume()

    # -- what is remembered in memory, rebuilt from the tables when the store opens

    def _resume(self) -> None:
        rows = self._rows("SELECT key, stream, asset_id, stream_type FROM stream_row ORDER BY key")
        self._names: list[str] = rows["stream"].to_pylist()
        self._keys: dict[str, int] = {name: i for i, name in enumerate(self._names)}
        self._last_time = np.full(len(self._names), _LONG_AGO, np.int64)
        self._last_value = np.full(len(self._names), np.nan)
        self._last_quality = np.zeros(len(self._names), np.int8)
        last = self._rows(
            "SELECT stream, max(time) AS time, arg_max(value, (time, batch)) AS value, arg_max(quality, (time, batch)) AS quality FROM reading GROUP BY stream"
        )
        if last.num_rows:
            at = last["stream"].to_numpy()
            self._last_time[at] = _microseconds(last["time"])
            self._last_value[at] = last["value"].to_numpy()
            self._last_quality[at] = last["quality"].to_numpy()
        leaves = self._rows("SELECT digest FROM leaf ORDER BY leaf")["digest"].to_pylist()
        self._tree = merkle.Frontier(bytes.fromhex(d) for d in leaves)
        self._batch = int(self._rows("SELECT coalesce(max(batch), 0) AS n FROM batch")["n"][0].as_py())

    # -- reading

    def fetch(
        self, sql: str, params: Mapping[str, Any] | None = None, tables: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        try:
            return self._rows(sql, params, tables)
        except duckdb.Error as e:
            raise BadRequest(
                f"the statement cannot be answered: {_first_line(e)}", "check names against the SQL surface", "sql"
            ) from e

    def _rows(
        self, sql: str, params: Mapping[str, Any] | None = None, tables: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        cursor = self._db.cursor()
        try:
            for name, table in (tables or {}).items():
                cursor.register(name, table)
            result = cursor.execute(sql, dict(params) if params else None).to_arrow_table()
            return _in_utc(result)
        finally:
            cursor.close()

    def latest(self) -> pa.Table:
        with self._newest:
            seen = np.flatnonzero(self._last_time != _LONG_AGO)
            names = [self._names[i] for i in seen]
            time, value, quality = self._last_time[seen], self._last_value[seen], self._last_quality[seen]
        parts = [stream_parts(name) for name in names]
        return pa.table(
            {
                "stream": pa.array(names, pa.string()),
                "asset_id": pa.array([p[0] for p in parts], pa.string()),
                "stream_type": pa.array([p[1] for p in parts], pa.string()),
                "time": pa.array(time).cast(UTC_US),
                "value": pa.array(value, from_pandas=True),
                "quality": pa.array(quality),
            }
        )

    # -- writing

    def commit(self, *changes: Change, leaves: Sequence[tuple[str, str, str]] = ()) -> None:
        with self._write:
            tree = self._tree
            with _Transaction(self._writer):
                for change in changes:
                    self._run(change.sql, change.params, change.tables)
                if leaves:
                    tree = self._tree.copy()
                    self._insert("leaf", [self._seal(tree, *leaf) for leaf in leaves], _LEAF)
            self._tree = tree

    def _run(
        self, sql: str, params: Mapping[str, Any] | None = None, tables: Mapping[str, pa.Table] | None = None
    ) -> None:
        for name, table in (tables or {}).items():
            self._writer.register(name, table)
        try:
            self._writer.execute(sql, dict(params) if params else None)
        finally:
            for name in tables or {}:
                self._writer.unregister(name)

    def _seal(self, tree: merkle.Frontier, kind: str, subject: str, digest: str) -> dict[str, Any]:
        """Add a leaf to the tree; returns its row, which must be inserted in the same transaction."""
        leaf = merkle.leaf_hash(bytes.fromhex(digest))
        row = {"leaf": tree.size, "kind": kind, "subject": subject, "digest": leaf.hex(), "recorded": self._clock.now()}
        tree.append(leaf)
        return row

    def record(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        with self._write:
            before = len(self._names)
            try:
                receipts, tree, written = self._record(arrivals)
            except BaseException:
                for name in self._names[before:]:
                    del self._keys[name]
                del self._names[before:]
                raise
            self._tree = tree
            self._batch += len(written)
            with self._newest:
                grown = len(self._names) - len(self._last_time)
                if grown:
                    self._last_time = np.concatenate([self._last_time, np.full(grown, _LONG_AGO, np.int64)])
                    self._last_value = np.concatenate([self._last_value, np.full(grown, np.nan)])
                    self._last_quality = np.concatenate([self._last_quality, np.zeros(grown, np.int8)])
                for part in written:
                    # rows are sorted by stream and time: the last row of each stream is its newest
                    end = (
                        np.flatnonzero(np.append(part.key[1:] != part.key[:-1], True))
                        if len(part.key)
                        else np.array([], int)
                    )
                    end = end[part.time[end] >= self._last_time[part.key[end]]]
                    at = part.key[end]
                    self._last_time[at], self._last_value[at], self._last_quality[at] = (
                        part.time[end],
                        part.value[end],
                        part.quality[end],
                    )
        for listener in self._listeners:
            for part in written:
                listener(part.table(self._names))
        return receipts

    def _record(self, arrivals: Sequence[Arrival]) -> tuple[list[Receipt], merkle.Frontier, list[_Part]]:
        receipts: list[Receipt] = []
        written: list[_Part] = []
        tree = self._tree.copy()
        keyed = {a.key for a in arrivals if a.key}
        known = self._known(keyed) if keyed else {}
        ceiling = self._last_time.copy()
        new_streams: list[int] = []
        with _Transaction(self._writer):
            pending: list[_Part] = []
            leaves: list[dict[str, Any]] = []
            batches: list[dict[str, Any]] = []
            for arrival in arrivals:
                if arrival.key and arrival.key in known:
                    receipts.append(known[arrival.key])
                    continue
                number = self._batch + len(written) + 1
                part = self._part(arrival, number, new_streams)
                if len(self._names) > len(ceiling):
                    ceiling = np.concatenate([ceiling, np.full(len(self._names) - len(ceiling), _LONG_AGO, np.int64)])
                late = part.time <= ceiling[part.key]
                corrected = 0
                if late.any():
                    self._append(pending, new_streams)
                    pending = []
                    part, corrected = self._correct(part, late, number)
                np.maximum.at(ceiling, part.key, part.time)
                pending.append(part)
                written.append(part)
                suspect = int((part.quality > 2).sum())
                digest = merkle.readings_digest(*part.canonical(self._names))
                sealed = self._seal(tree, "readings", f"batch:{number}", digest.hex())
                leaf = sealed["leaf"]
                leaves.append(sealed)
                batches.append(
                    {"batch": number, "key": arrival.key or None, "source": arrival.source, "rows": len(part.key),
                     "suspect": suspect, "corrected": corrected, "recorded": sealed["recorded"], "leaf": leaf}
                )  # fmt: skip
                receipt = Receipt(number, arrival.rows.num_rows, suspect, corrected, leaf=f"{leaf}")
                receipts.append(receipt)
                if arrival.key:
                    known[arrival.key] = Receipt(
                        number, arrival.rows.num_rows, suspect, corrected, repeated=True, leaf=f"{leaf}"
                    )
            self._append(pending, new_streams)
            if batches:
                self._insert("leaf", leaves, _LEAF)
                self._insert("batch", batches, _BATCH)
        return receipts, tree, written

    def _known(self, keys: set[str]) -> dict[str, Receipt]:
        rows = self._rows(
            "SELECT b.batch, b.key, b.rows, b.suspect, b.corrected, b.leaf FROM batch AS b JOIN wanted AS w ON w.key = b.key",
            tables={"wanted": pa.table({"key": pa.array(sorted(keys))})},
        ).to_pylist()
        return {
            r["key"]: Receipt(r["batch"], r["rows"], r["suspect"], r["corrected"], repeated=True, leaf=f"{r['leaf']}")
            for r in rows
        }

    def _part(self, arrival: Arrival, number: int, new_streams: list[int]) -> _Part:
        column = arrival.rows["stream"]
        dictionary = (
            (column.combine_chunks() if column.num_chunks != 1 else column.chunk(0))
            if column.num_chunks
            else pa.array([], pa.string())
        )
        if not pa.types.is_dictionary(dictionary.type):
            dictionary = dictionary.dictionary_encode()
        names = dictionary.dictionary.to_pylist()
        index = dictionary.indices.to_numpy()
        keys = np.zeros(len(names), np.int32)
        for i in np.unique(index).tolist():  # a dictionary may name streams that have no row here
            key = self._keys.get(names[i])
            if key is None:
                key = self._keys[names[i]] = len(self._names)
                self._names.append(names[i])
                new_streams.append(key)
            keys[i] = key
        key_of = keys[index] if len(index) else np.array([], np.int32)
        time = _microseconds(arrival.rows["time"])
        value = arrival.rows["value"].to_numpy()
        quality = arrival.rows["quality"].to_numpy()
        return _Part(
            key_of, time, np.ascontiguousarray(value, np.float64), np.ascontiguousarray(quality, np.int8), number
        ).sorted()

    def _append(self, parts: Sequence[_Part], new_streams: list[int]) -> None:
        if new_streams:
            names = [self._names[key] for key in new_streams]
            split = [stream_parts(name) for name in names]
            self._run(
                "INSERT INTO stream_row SELECT key, stream, asset_id, stream_type FROM incoming",
                tables={"incoming": pa.table({"key": pa.array(new_streams, pa.int32()), "stream": names,
                        "asset_id": [s[0] for s in split], "stream_type": [s[1] for s in split]})},
            )  # fmt: skip
            new_streams.clear()
        parts = [p for p in parts if len(p.key)]
        if not parts:
            return
        if sum(len(p.key) for p in parts) <= 4:
            self._insert(
                "reading",
                [
                    {
                        "stream": int(k),
                        "time": int(t),
                        "value": None if v != v else float(v),
                        "quality": int(q),
                        "batch": p.number,
                    }
                    for p in parts
                    for k, t, v, q in zip(p.key, p.time, p.value, p.quality, strict=True)
                ],
                _READING,
            )
        else:
            self._run(
                "INSERT INTO reading SELECT stream, time, value, quality, batch FROM incoming",
                tables={"incoming": _rows(parts)},
            )
        kinds: dict[tuple[int, str], tuple[int, int]] = {}
        for p in parts:
            start = np.flatnonzero(np.append(True, p.key[1:] != p.key[:-1]))
            end = np.append(start[1:], len(p.key)) - 1
            for a, b in zip(start, end, strict=True):
                kind = (p.number, stream_parts(self._names[p.key[a]])[1])
                low, high = kinds.get(kind, (p.time[a], p.time[b]))
                kinds[kind] = (min(low, p.time[a]), max(high, p.time[b]))
        self._insert(
            "batch_span",
            [
                {"batch": number, "stream_type": kind, "since": int(low), "until": int(high)}
                for (number, kind), (low, high) in kinds.items()
            ],
            _SPAN,
        )

    def _insert(self, table: str, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
        """A few rows of our own books in one statement."""
        names = ", ".join(schema.names)
        if len(rows) <= 4:  # plain values are bound faster than a table is registered
            one = f"({', '.join('?' * len(schema.names))})"
            values = [
                _moment(row[f.name]) if pa.types.is_timestamp(f.type) else row[f.name] for row in rows for f in schema
            ]
            self._writer.execute(f"INSERT INTO {table} ({names}) VALUES {', '.join([one] * len(rows))}", values)
        else:
            self._run(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM incoming",
                tables={"incoming": pa.Table.from_pylist(rows, schema)},
            )

    def _correct(self, part: _Part, late: np.ndarray, number: int) -> tuple[_Part, int]:
        """Drop the rows that repeat what is on record, and name as superseded the readings that the others replace."""
        at = np.flatnonzero(late)
        incoming = pa.table(
            {
                "row": at,
                "stream": part.key[at],
                "time": pa.array(part.time[at]).cast(UTC_US),
                "value": pa.array(part.value[at], from_pandas=True),
                "quality": part.quality[at],
            }
        )
        self._writer.register("late", incoming)
        try:
            found = self._writer.execute(
                """SELECT i.row, r.batch, r.value IS NOT DISTINCT FROM i.value AND r.quality = i.quality AS same
                   FROM late AS i JOIN reading AS r ON r.stream = i.stream AND r.time = i.time
                   WHERE r.time BETWEEN (SELECT min(time) FROM late) AND (SELECT max(time) FROM late)
                     AND NOT EXISTS (SELECT 1 FROM superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch)"""
            ).to_arrow_table()
        finally:
            self._writer.unregister("late")
        same = found["same"].to_numpy(zero_copy_only=False).astype(bool)
        row = found["row"].to_numpy()
        replaced = row[~same]
        if len(replaced):
            old = pa.table(
                {
                    "stream": part.key[replaced],
                    "time": pa.array(part.time[replaced]).cast(UTC_US),
                    "batch": found["batch"].to_numpy()[~same],
                    "by_batch": np.full(len(replaced), number, np.int64),
                }
            )
            self._run("INSERT INTO superseded SELECT stream, time, batch, by_batch FROM old", tables={"old": old})
        keep = np.ones(len(part.key), bool)
        keep[row[same]] = False
        return part.take(keep), len(replaced)

    def watch(self, listener: Callable[[pa.Table], None]) -> None:
        self._listeners.append(listener)

    # -- the SQL surface of packs

    def define(self, packs: Sequence[Pack], tables: Mapping[str, pa.Table]) -> None:
        with self._write, _Transaction(self._writer):
            run = self._writer.execute
            for pack in packs:
                run(f'DROP SCHEMA IF EXISTS "{pack.id}" CASCADE')
                run(f'CREATE SCHEMA "{pack.id}"')
                for name in pack.tables:
                    self._writer.register("reference_rows", tables[f"{pack.id}.{name}"])
                    run(f"CREATE TABLE {_name(f'{pack.id}.{name}')} AS SELECT * FROM reference_rows")
                    self._writer.unregister("reference_rows")
                for t in pack.types:
                    columns = "".join(
                        f", TRY_CAST(json_extract_string(attributes, '$.{a.id}') AS {SQL_TYPE[a.kind]}) AS \"{a.id}\""
                        for a in t.attributes
                    )
                    run(
                        f"CREATE VIEW {_name(t.id)} AS SELECT asset_id, title_zh, title_en, longitude, latitude{columns} "
                        f"FROM main.asset_row WHERE type = '{t.id}'"
                    )
                for relation in pack.relations:
                    run(
                        f"CREATE VIEW {_name(relation.id)} AS SELECT source, target FROM main.relation_row WHERE type = '{relation.id}'"
                    )
                for s in pack.streams:
                    run(
                        f"CREATE VIEW {_name(s.id)} AS SELECT s.asset_id, r.time, r.value "
                        f"FROM main.reading AS r JOIN main.stream_row AS s ON s.key = r.stream WHERE s.stream_type = '{s.id}' AND r.quality <= 2 "
                        "AND NOT EXISTS (SELECT 1 FROM main.superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch)"
                    )
                    run(
                        "INSERT OR REPLACE INTO stream_kind VALUES (?, ?, ?, ?)",
                        [s.id, s.quantity, quantity(s.quantity).unit, s.cadence_s],
                    )
                for i in pack.indicators:
                    run(
                        f"CREATE VIEW {_name(i.id)} AS SELECT asset_id, period, value FROM main.indicator_row WHERE indicator = '{i.id}'"
                    )

    def close(self) -> None:
        with self._write:
            self._writer.close()
            self._db.close()


class _Part:
    """The columns of one batch on its way to disk: stream keys, microseconds, values, quality flags."""

    __slots__ = ("key", "number", "quality", "time", "value")

    def __init__(self, key: np.ndarray, time: np.ndarray, value: np.ndarray, quality: np.ndarray, number: int) -> None:
        self.key, self.time, self.value, self.quality, self.number = key, time, value, quality, number

    def sorted(self) -> _Part:
        """By key and time; most sources send it so already."""
        step = np.diff(self.key)
        if not ((step > 0) | ((step == 0) & (np.diff(self.time) > 0))).all():
            return self.take(np.lexsort((self.time, self.key)))
        return self

    def take(self, rows: np.ndarray) -> _Part:
        return _Part(self.key[rows], self.time[rows], self.value[rows], self.quality[rows], self.number)

    def canonical(self, names: Sequence[str]) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Distinct stream ids in order, and the columns ordered by stream id and time."""
        keys, index = np.unique(self.key, return_inverse=True)
        streams = [names[k] for k in keys]
        order = sorted(range(len(streams)), key=streams.__getitem__)
        if order == list(range(len(streams))):  # the common case: ids were first seen in their own order
            return streams, index, self.time, self.value, self.quality
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        index = rank[index]
        rows = np.argsort(index, kind="stable")
        return [streams[i] for i in order], index[rows], self.time[rows], self.value[rows], self.quality[rows]

    def table(self, names: Sequence[str]) -> pa.Table:
        keys, index = np.unique(self.key, return_inverse=True)
        stream = pa.DictionaryArray.from_arrays(
            pa.array(index.astype(np.int32)), pa.array([names[k] for k in keys], pa.string())
        )
        return pa.table(
            {
                "stream": stream,
                "time": pa.array(self.time).cast(UTC_US),
                "value": pa.array(self.value, from_pandas=True),
                "quality": self.quality,
            }
        )


class _Transaction:
    """Everything inside is committed together or not at all."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def __enter__(self) -> None:
        try:
            self._cursor.begin()
        except duckdb.Error as e:
            raise StoreFailed(
                f"the store does not take writes: {_first_line(e)}", "restart the process", "store"
            ) from e

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            try:
                self._cursor.commit()
            except duckdb.Error as e:
                self._undo()
                raise StoreFailed(
                    f"nothing was recorded: {_first_line(e)}", "check the disk's free space and permissions", "store"
                ) from e
            return
        self._undo()
        if isinstance(error, duckdb.Error):
            raise StoreFailed(
                f"nothing was recorded: {_first_line(error)}", "check the disk's free space and permissions", "store"
            ) from error
        if error is not None and not isinstance(error, CityTwinError):
            log.error("a transaction was rolled back: %s", error)

    def _undo(self) -> None:
        try:
            self._cursor.rollback()
        except duckdb.Error:
            log.debug("nothing to roll back")


def _name(id: str) -> str:
    pack, _, local = id.partition(".")
    return f'"{pack}"."{local}"'


def _rows(parts: Sequence[_Part]) -> pa.Table:
    """Parts as rows of the table `reading`."""
    return pa.table(
        {
            "stream": pa.chunked_array([pa.array(p.key) for p in parts]),
            "time": pa.chunked_array([pa.array(p.time) for p in parts]).cast(UTC_US),
            "value": pa.chunked_array([pa.array(p.value, from_pandas=True) for p in parts]),  # NaN: no value
            "quality": pa.chunked_array([pa.array(p.quality) for p in parts]),
            "batch": pa.chunked_array([pa.array(np.full(len(p.key), p.number, np.int64)) for p in parts]),
        }
    )


def _moment(value: datetime | int) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromtimestamp(value / 1e6, UTC)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _microseconds(column: pa.ChunkedArray) -> np.ndarray:
    moments: np.ndarray = column.cast(UTC_US).cast(pa.int64()).to_numpy()
    return moments


def _in_utc(table: pa.Table) -> pa.Table:
    """Time stamps as UTC: DuckDB labels them with the session's zone."""
    for i, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz and field.type.tz != "UTC":
            table = table.set_column(i, field.name, pc.cast(table.column(i), UTC_US))
    return table
