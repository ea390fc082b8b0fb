"""The embedded store: one DuckDB file, owned by one process."""

from __future__ import annotations

import importlib.util
import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from citytwin.kernel.clock import Clock, SystemClock
from citytwin.kernel.errors import BadRequest, CityTwinError, Conflict, StoreBusy, StoreFailed
from citytwin.kernel.observation import Receipt
from citytwin.kernel.pack import Pack
from citytwin.kernel.register import THING
from citytwin.kernel.store import Arrival, Change
from citytwin.kernel.stream import stream_parts
from citytwin.kernel.units import quantities, quantity
from citytwin.science import merkle
from citytwin.store import backup, rollup
from citytwin.store.journal import Journal

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
FEW = 1000
"""Rows that go to the journal; for more the database is as fast."""
MOST = 8000
"""Rows that wait at most to be merged into the database: a reader waits until they are merged."""
FORMAT = 2
"""Version of the tables (docs/reference/store.md): a store of a later one is not opened."""
SORT = 1_000_000
"""Readings that are sorted at once: a run of them takes half a second, in which nobody else writes."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG_AGO, _FAR_AHEAD = np.iinfo(np.int64).min, np.iinfo(np.int64).max
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
    """Fulfils `kernel.store.Store` on one DuckDB file (`None`: in memory). Writers take turns.

    A commit of the database costs milliseconds. So a few new readings go to a journal beside it and wait in memory, numbered and
    sealed, until somebody reads, many wait, or anything else is written; then all are merged in one transaction. Readers wait for
    that and for nothing else.
    """

    def __init__(
        self, path: Path | None, zone: str, clock: Clock | None = None, memory: str = "4GB", threads: int = 0
    ) -> None:
        self.zone = zone
        self._clock = clock or SystemClock()
        self._path = path
        self.home = path.parent if path else None
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
        try:
            self._make_tables()
        except BaseException:
            self._db.close()
            raise
        self.spatial = self._load_spatial()
        self._writer = self._db.cursor()
        self._closed = False
        self._waiting = _Books()
        self._keyed: dict[str, Receipt] = {}
        """What the keys of the waiting batches are answered."""
        self._journal: Journal | None = None
        try:
            self._resume()
            if path:
                self._journal = Journal(path.with_name(f"{path.name}.journal"))
                self._replay(self._journal)
        except BaseException:
            if self._journal:
                self._journal.close()
            self._db.close()
            raise

    def _make_tables(self) -> None:
        """Make what is missing of the tables, and all views. Raises StoreFailed where the store is of a later version than this program."""
        there = self._rows("SELECT 1 FROM information_schema.tables WHERE table_name = 'meta'").num_rows
        held = self._rows("SELECT value FROM meta WHERE name = 'format'")["value"].to_pylist() if there else []
        version = int(held[0]) if held else 1
        if version > FORMAT:
            raise StoreFailed(
                f"the store is of version {version}; this program knows {FORMAT}",
                "open it with the program that wrote it, or a later one",
                str(self._path),
            )
        # what version 2 added to version 1 is all new tables and columns: schema.sql makes what is missing
        for name in ("schema.sql", "views.sql"):
            self._db.execute(files("citytwin.store").joinpath(name).read_text("utf-8"))
        if not held or version < FORMAT:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('format', ?)", [str(FORMAT)])

    def _load_spatial(self) -> bool:
        """Load DuckDB's extension `spatial` if its package is installed; it is never fetched."""
        found = importlib.util.find_spec("duckdb_extension_spatial")
        if found is None or not found.origin:
            return False
        file = Path(found.origin).parent / "extensions" / f"v{duckdb.__version__}" / "spatial.duckdb_extension"
        if not file.is_file():
            log.warning(
                "the installed spatial extension is not for DuckDB %s; geometries are not compared", duckdb.__version__
            )
            return False
        try:
            quoted = str(file).replace("'", "''")
            self._db.execute(f"LOAD '{quoted}'")
        except duckdb.Error as e:
            log.warning("the spatial extension cannot be loaded; geometries are not compared: %s", _first_line(e))
            return False
        return True

    # -- what is remembered in memory, rebuilt from the tables when the store opens

    def _resume(self) -> None:
        rows = self._rows("SELECT key, stream, asset_id, stream_type FROM stream_row ORDER BY key")
        self._names: list[str] = rows["stream"].to_pylist()
        self._keys: dict[str, int] = {name: i for i, name in enumerate(self._names)}
        self._labels: pa.Table | None = None
        self._first_time = np.full(len(self._names), _FAR_AHEAD, np.int64)
        self._last_time = np.full(len(self._names), _LONG_AGO, np.int64)
        self._last_value = np.full(len(self._names), np.nan)
        self._last_quality = np.zeros(len(self._names), np.int8)
        self._retired: set[int] = set(self._rows("SELECT key FROM stream_gone")["key"].to_pylist())
        self._recall("TRUE")
        leaves = self._rows("SELECT digest FROM leaf ORDER BY leaf")["digest"].to_pylist()
        self._tree = merkle.Frontier(bytes.fromhex(d) for d in leaves)
        self._batch = int(self._rows("SELECT coalesce(max(batch), 0) AS n FROM batch")["n"][0].as_py())

    def _recall(self, which: str) -> None:
        """Look up the first and the last reading of streams."""
        rows = self._rows(
            f"""SELECT stream, min(time) AS first, max(time) AS time, arg_max(value, (time, batch)) AS value,
                       arg_max(quality, (time, batch)) AS quality
                FROM reading AS r WHERE {which}
                  AND NOT EXISTS (SELECT 1 FROM superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch)
                GROUP BY stream"""
        )
        if rows.num_rows:
            at = rows["stream"].to_numpy()
            self._first_time[at], self._last_time[at] = _microseconds(rows["first"]), _microseconds(rows["time"])
            self._last_value[at], self._last_quality[at] = rows["value"].to_numpy(), rows["quality"].to_numpy()

    def _replay(self, journal: Journal) -> None:
        """Take up what an earlier process acknowledged and did not merge. Raises StoreFailed if it is not what was written."""
        for raw in journal.entries:
            try:
                entry = _entry.decode(raw)
                last = entry.batches[-1].number
            except (msgspec.DecodeError, IndexError) as e:
                raise journal.damaged(f"({e})") from e
            if last <= self._batch:  # the process ended after merging it, before it cleared the journal
                continue
            if entry.batches[0].number != self._batch + 1 or entry.first != len(self._names):
                raise journal.damaged(f"(batch {entry.batches[0].number} does not follow batch {self._batch})")
            books = _Books(streams=list(range(entry.first, entry.first + len(entry.streams))))
            self._names += entry.streams
            self._keys = {name: i for i, name in enumerate(self._names)}
            tree = self._tree.copy()
            try:
                for b in entry.batches:
                    key, time, value, quality = (np.frombuffer(c, k) for c, k in zip(b.columns, _COLUMNS, strict=True))
                    part = _Part(key, time, value, quality, b.number)
                    at = EPOCH + timedelta(microseconds=b.recorded)
                    receipt = self._seal_batch(books, tree, part, b.key, b.source, 0, at)
                    if b.key:
                        self._keyed[b.key] = replace(receipt, repeated=True)
            except (ValueError, IndexError, OverflowError) as e:
                raise journal.damaged(f"({e})") from e
            if tree.root() != entry.root:
                raise journal.damaged(f"(batch {last} does not lead to the root that was recorded)")
            self._waiting.add(books)
            self._remember(books.parts, tree)
        if not self._waiting.batches and journal.entries:
            journal.clear()
        journal.entries.clear()

    # -- reading

    def fetch(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        tables: Mapping[str, pa.Table] | None = None,
        within: float = 0.0,
    ) -> pa.Table:
        self._settle()
        try:
            return self._rows(sql, params, tables, within)
        except duckdb.InterruptException as e:
            raise BadRequest(
                f"the question takes longer than {within:g} s", "ask for less: a shorter span, fewer conditions", "time"
            ) from e
        except duckdb.Error as e:
            raise BadRequest(
                f"the statement cannot be answered: {_first_line(e)}", "check names against the SQL surface", "sql"
            ) from e

    def _rows(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        tables: Mapping[str, pa.Table] | None = None,
        within: float = 0.0,
    ) -> pa.Table:
        cursor = self._db.cursor()
        watch = threading.Timer(within, cursor.interrupt) if within else None
        try:
            if watch:
                watch.start()
            if tables:  # DuckDB 1.5 may push a filter down to an Arrow table that PyArrow does not know
                cursor.execute("SET disabled_optimizers = 'join_filter_pushdown'")
            for name, table in (tables or {}).items():
                cursor.register(name, table)
            result = cursor.execute(sql, dict(params) if params else None).to_arrow_table()
            return _in_utc(result)
        finally:
            if watch:
                watch.cancel()
                watch.join()  # it must not reach for a cursor that is closed
            cursor.close()

    def spans(self) -> pa.Table:
        with self._newest:
            seen = np.flatnonzero(self._last_time != _LONG_AGO)
            since, until = self._first_time[seen], self._last_time[seen]
        return pa.table(
            {
                "key": pa.array(seen.astype(np.int32)),
                "stream": pa.array([self._names[i] for i in seen], pa.string()),
                "since": pa.array(since).cast(UTC_US),
                "until": pa.array(until).cast(UTC_US),
            }
        )

    def newest(self, stream: str) -> tuple[int, int] | None:
        with self._newest:
            key = self._keys.get(stream, len(self._last_time))
            return (key, int(self._last_time[key])) if key < len(self._last_time) else None

    def latest(self) -> pa.Table:
        with self._newest:
            seen = np.flatnonzero(self._last_time != _LONG_AGO)
            if self._retired:
                seen = seen[~np.isin(seen, list(self._retired))]
            named = self._named(len(self._last_time)).take(pa.array(seen))
            time, value, quality = self._last_time[seen], self._last_value[seen], self._last_quality[seen]
        for name, column in (
            ("time", pa.array(time).cast(UTC_US)),
            ("value", pa.array(value, from_pandas=True)),
            ("quality", pa.array(quality)),
        ):
            named = named.append_column(name, column)
        return named

    def _named(self, count: int) -> pa.Table:
        """What the streams with keys below `count` are called; kept, since a city has many and asks often."""
        if self._labels is None or self._labels.num_rows != count:
            parts = [stream_parts(name) for name in self._names[:count]]
            self._labels = pa.table(
                {
                    "stream": pa.array(self._names[:count], pa.string()),
                    "asset_id": pa.array([p[0] for p in parts], pa.string()),
                    "stream_type": pa.array([p[1] for p in parts], pa.string()),
                }
            )
        return self._labels

    # -- writing

    def commit(
        self,
        *changes: Change,
        leaves: Sequence[tuple[str, str, str]] = (),
        enroll: Sequence[tuple[str, str]] = (),
        retire: Sequence[str] = (),
    ) -> None:
        with self._write:
            self._settle()
            tree = self._tree
            new = [(name, asset) for name, asset in enroll if name not in self._keys]
            with _Transaction(self._writer):
                if new:
                    self._enroll(range(len(self._names), len(self._names) + len(new)), new)
                for change in changes:
                    self._run(change.sql, change.params, change.tables)
                gone = [self._keys[name] for name in retire if name in self._keys]
                if gone:
                    listed = pa.table({"key": pa.array(gone, pa.int32())})
                    self._run(
                        "INSERT INTO stream_gone SELECT key FROM listed ON CONFLICT DO NOTHING",
                        tables={"listed": listed},
                    )
                if leaves:
                    tree = self._tree.copy()
                    self._insert("leaf", [self._seal(tree, *leaf) for leaf in leaves], _LEAF)
            for name, _ in new:
                self._keys[name] = len(self._names)
                self._names.append(name)
            self._remember((), tree)
            with self._newest:
                self._retired.update(gone)

    def _enroll(self, keys: Sequence[int], streams: Sequence[tuple[str, str]]) -> None:
        """Give streams (id, asset) their keys in the database."""
        self._run(
            "INSERT INTO stream_row SELECT key, stream, asset_id, stream_type FROM incoming",
            tables={"incoming": pa.table({"key": pa.array(keys, pa.int32()), "stream": [s for s, _ in streams],
                    "asset_id": [a for _, a in streams], "stream_type": [stream_parts(s)[1] for s, _ in streams]})},
        )  # fmt: skip

    def retract(self, readings: pa.Table) -> int:
        with self._write:
            self._settle()
            known = [self._keys.get(name, -1) for name in readings["stream"].to_pylist()]
            named = pa.table({"stream": pa.array(known, pa.int32()), "time": readings["time"].cast(UTC_US)})
            found = self._rows(
                """SELECT DISTINCT r.stream, r.time, r.batch FROM reading AS r JOIN named AS n ON n.stream = r.stream AND n.time = r.time
                   WHERE NOT EXISTS (SELECT 1 FROM superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch)
                   ORDER BY r.stream, r.time""",
                tables={"named": named},
            )
            if not found.num_rows:
                return 0
            tree, number = self._tree.copy(), self._batch + 1
            keys, time = found["stream"].to_numpy(), _microseconds(found["time"])
            withdrawn = [f"{self._names[k]} {t}" for k, t in zip(keys.tolist(), time.tolist(), strict=True)]
            sealed = self._seal(
                tree, "retraction", f"batch:{number}", sha256("\n".join(withdrawn).encode()).hexdigest()
            )
            kinds: dict[str, list[int]] = {}
            for k, t in zip(keys.tolist(), time.tolist(), strict=True):
                kinds.setdefault(stream_parts(self._names[k])[1], []).append(t)
            with _Transaction(self._writer):
                self._run(
                    "INSERT INTO superseded SELECT stream, time, batch, $number FROM found",
                    {"number": number},
                    {"found": found},
                )
                self._insert("leaf", [sealed], _LEAF)
                self._insert(
                    "batch",
                    [{"batch": number, "key": None, "source": "retraction", "rows": 0, "suspect": 0, "corrected": len(keys),
                      "recorded": sealed["recorded"], "leaf": sealed["leaf"]}],
                    _BATCH,
                )  # fmt: skip
                spans = [
                    {"batch": number, "stream_type": k, "since": min(t), "until": max(t)} for k, t in kinds.items()
                ]
                self._insert("batch_span", spans, _SPAN)
            self._tree, self._batch = tree, number
            touched = np.unique(keys)
            with self._newest:
                self._first_time[touched], self._last_time[touched] = _FAR_AHEAD, _LONG_AGO
                self._recall(f"stream IN ({', '.join(map(str, touched.tolist()))})")
            return len(keys)

    def revise(
        self,
        stream: str,
        rows: pa.Table,
        gone: pa.Table,
        edit: int,
        *changes: Change,
        leaves: Sequence[tuple[str, str, str]] = (),
    ) -> int:
        with self._write:
            self._settle()
            key = self._keys.get(stream)
            if key is None:
                raise BadRequest(f"'{stream}' has no readings", "see /api/streams", stream)
            number, tree, books = self._batch + 1, self._tree.copy(), _Books()
            named = rows.append_column("stream", pa.array([stream] * rows.num_rows, pa.string()))
            part = self._part(Arrival(named), number, [])
            with _Transaction(self._writer):
                for change in changes:
                    self._run(change.sql, change.params, change.tables)
                books.leaves += [self._seal(tree, *leaf) for leaf in leaves]
                if len(part.key):
                    part, _ = self._correct(part, np.ones(len(part.key), bool))
                if len(part.key) or gone.num_rows:
                    self._seal_batch(books, tree, part, "", "edit", len(part.key) + gone.num_rows)
                    self._append(books.parts, [])
                    self._insert("batch", books.batches, _BATCH)
                    self._run(
                        "INSERT INTO edit_batch VALUES ($batch, $stream, $edit)",
                        {"batch": number, "stream": stream, "edit": edit},
                    )
                if gone.num_rows:
                    time = np.sort(_microseconds(gone["time"]))
                    self._run(
                        """INSERT INTO superseded SELECT r.stream, r.time, r.batch, $number FROM reading AS r JOIN gone AS g ON g.time = r.time
                           WHERE r.stream = $key AND NOT EXISTS (
                             SELECT 1 FROM superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch)""",
                        {"number": number, "key": key},
                        {"gone": gone},
                    )
                    digest = sha256("\n".join(f"{stream} {t}" for t in time.tolist()).encode()).hexdigest()
                    books.leaves.append(self._seal(tree, "retraction", f"batch:{number}", digest))
                    kind = stream_parts(stream)[1]
                    self._insert(
                        "batch_span",
                        [{"batch": number, "stream_type": kind, "since": int(time[0]), "until": int(time[-1])}],
                        _SPAN,
                    )
                if books.leaves:
                    self._insert("leaf", books.leaves, _LEAF)
            self._remember(books.parts, tree)
            with self._newest:
                self._first_time[key], self._last_time[key] = _FAR_AHEAD, _LONG_AGO
                self._recall(f"stream = {key}")
        for listener in self._listeners if len(part.key) else ():
            listener(part.table(self._names))
        return number if books.parts else 0

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

    def _seal(
        self, tree: merkle.Frontier, kind: str, subject: str, digest: str, recorded: datetime | None = None
    ) -> dict[str, Any]:
        """Add a leaf to the tree; returns its row, which must be made durable with it."""
        leaf = merkle.leaf_hash(bytes.fromhex(digest))
        recorded = recorded or self._clock.now()
        row = {"leaf": tree.size, "kind": kind, "subject": subject, "digest": leaf.hex(), "recorded": recorded}
        tree.append(leaf)
        return row

    def _seal_batch(
        self,
        books: _Books,
        tree: merkle.Frontier,
        part: _Part,
        key: str,
        source: str,
        corrected: int,
        recorded: datetime | None = None,
    ) -> Receipt:
        """Seal a batch and enter it in the books; returns a receipt for all of it."""
        digest = merkle.readings_digest(*part.canonical(self._names))
        sealed = self._seal(tree, "readings", f"batch:{part.number}", digest.hex(), recorded)
        suspect = int((part.quality > 2).sum())
        books.parts.append(part)
        books.leaves.append(sealed)
        books.batches.append(
            {"batch": part.number, "key": key or None, "source": source, "rows": len(part.key), "suspect": suspect,
             "corrected": corrected, "recorded": sealed["recorded"], "leaf": sealed["leaf"]}
        )  # fmt: skip
        return Receipt(part.number, len(part.key), suspect, corrected, leaf=f"{sealed['leaf']}")

    def record(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        with self._write:
            before = len(self._names)
            try:
                receipts, written = self._record(arrivals)
            except BaseException:
                for name in self._names[before:]:
                    del self._keys[name]
                del self._names[before:]
                raise
        for listener in self._listeners:
            for part in written:
                listener(part.table(self._names))
        return receipts

    def _record(self, arrivals: Sequence[Arrival]) -> tuple[list[Receipt], list[_Part]]:
        if self._closed:
            raise StoreFailed("the store does not take writes: it is closed", "open it anew", "store")
        keys = {a.key for a in arrivals if a.key}
        known = self._known(keys) if keys else {}
        books = _Books()
        steps: list[tuple[_Part, np.ndarray] | None] = []
        """Of each arrival the readings, and which of them are late; None where its key was seen before."""
        ceiling = self._last_time.copy()
        fresh = keys - known.keys()
        number = self._batch
        for arrival in arrivals:
            if arrival.key and arrival.key not in fresh:
                steps.append(None)
                continue
            fresh.discard(arrival.key)
            number += 1
            part = self._part(arrival, number, books.streams)
            if len(self._names) > len(ceiling):
                ceiling = np.concatenate([ceiling, np.full(len(self._names) - len(ceiling), _LONG_AGO, np.int64)])
            steps.append((part, part.time <= ceiling[part.key]))
            np.maximum.at(ceiling, part.key, part.time)
        rows = sum(len(step[0].key) for step in steps if step)
        few = rows <= FEW and not any(step[1].any() for step in steps if step)
        if not few or self._waiting.rows + rows > MOST:
            self._settle()
        tree = self._tree.copy()
        receipts: list[Receipt] = []
        with nullcontext() if few else _Transaction(self._writer):
            appended = 0
            for arrival, step in zip(arrivals, steps, strict=True):
                if step is None:
                    receipts.append(known[arrival.key])
                    continue
                part, late = step
                replaced = np.array([], int)
                if late.any():
                    self._append(books.parts[appended:], books.streams)
                    appended = len(books.parts)
                    part, replaced = self._correct(step[0], late)
                receipt = self._seal_batch(books, tree, part, arrival.key, arrival.source, len(replaced))
                receipts += _shares(receipt, arrival.senders, step[0], part, replaced)
                if arrival.key:
                    known[arrival.key] = replace(receipts[-1], repeated=True)
            if books.batches and not few:
                self._append(books.parts[appended:], books.streams)
                self._insert("leaf", books.leaves, _LEAF)
                self._insert("batch", books.batches, _BATCH)
        if few and books.batches:
            if self._journal:
                self._journal.append(self._written(books, tree))
            self._waiting.add(books)
            self._keyed.update((a.key, known[a.key]) for a in arrivals if a.key)
        self._remember(books.parts, tree)
        return receipts, books.parts

    def _written(self, books: _Books, tree: merkle.Frontier) -> bytes:
        """The books as an entry of the journal; the root after them tells whether they are what was acknowledged."""
        batches = [
            _Batch(
                part.number,
                batch["key"] or "",
                batch["source"],
                (batch["recorded"] - EPOCH) // timedelta(microseconds=1),
                [column.tobytes() for column in (part.key, part.time, part.value, part.quality)],
            )
            for part, batch in zip(books.parts, books.batches, strict=True)
        ]
        first = len(self._names) - len(books.streams)
        return msgspec.msgpack.encode(_Entry(first, self._names[first:], batches, tree.root()))

    def _remember(self, parts: Sequence[_Part], tree: merkle.Frontier) -> None:
        """Note in memory what is durable."""
        self._tree = tree
        self._batch += len(parts)
        with self._newest:
            grown = len(self._names) - len(self._last_time)
            if grown:
                self._first_time = np.concatenate([self._first_time, np.full(grown, _FAR_AHEAD, np.int64)])
                self._last_time = np.concatenate([self._last_time, np.full(grown, _LONG_AGO, np.int64)])
                self._last_value = np.concatenate([self._last_value, np.full(grown, np.nan)])
                self._last_quality = np.concatenate([self._last_quality, np.zeros(grown, np.int8)])
            for part in parts:
                start = np.flatnonzero(np.append(True, part.key[1:] != part.key[:-1]))[: len(part.key)]
                first = part.key[start]
                self._first_time[first] = np.minimum(self._first_time[first], part.time[start])
                # rows are sorted by stream and time: the last row of each stream is its newest
                end = np.flatnonzero(np.append(part.key[1:] != part.key[:-1], True))[: len(part.key)]
                end = end[part.time[end] >= self._last_time[part.key[end]]]
                at = part.key[end]
                self._last_time[at], self._last_value[at], self._last_quality[at] = (
                    part.time[end],
                    part.value[end],
                    part.quality[end],
                )

    def _settle(self) -> None:
        """Merge what waits into the database. Raises StoreFailed if it does not take it; it stays in the journal then."""
        if not self._waiting.batches:
            return
        with self._write:
            waiting = self._waiting
            if not waiting.batches:  # somebody else was faster
                return
            try:
                with _Transaction(self._writer):
                    self._append(waiting.parts, list(waiting.streams))
                    self._insert("leaf", waiting.leaves, _LEAF)
                    self._insert("batch", waiting.batches, _BATCH)
            except StoreFailed as e:
                raise StoreFailed(
                    f"the newest readings are safe in the journal, but cannot be merged and read: {e.message}",
                    e.hint,
                    e.where,
                ) from e
            self._waiting = _Books()
            self._keyed.clear()
            if self._journal:
                self._journal.clear()

    def _known(self, keys: set[str]) -> dict[str, Receipt]:
        """What was answered to those of these keys that were seen before."""
        waiting = {key: self._keyed[key] for key in keys & self._keyed.keys()}
        keys = keys - waiting.keys()
        rows = self._rows(
            "SELECT b.batch, b.key, b.rows, b.suspect, b.corrected, b.leaf FROM batch AS b JOIN wanted AS w ON w.key = b.key",
            tables={"wanted": pa.table({"key": pa.array(sorted(keys))})},
        ).to_pylist()
        return waiting | {
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
        sender = arrival.rows["sender"].to_numpy() if arrival.senders > 1 else None
        return _Part(
            key_of,
            time,
            np.ascontiguousarray(value, np.float64),
            np.ascontiguousarray(quality, np.int8),
            number,
            sender,
        ).sorted()

    def _append(self, parts: Sequence[_Part], new_streams: list[int]) -> None:
        if new_streams:
            names = [self._names[key] for key in new_streams]
            self._enroll(new_streams, [(name, stream_parts(name)[0]) for name in names])
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
        key, time = _joined([p.key for p in parts]), _joined([p.time for p in parts])
        first = np.cumsum([0, *(len(p.key) for p in parts[:-1])])  # where each batch begins
        # within a batch rows are sorted by stream and time: a run of one stream begins with its earliest reading
        begins = np.append(True, key[1:] != key[:-1])
        begins[first] = True
        start = np.flatnonzero(begins)
        end = np.append(start[1:], len(key)) - 1
        number = np.array([p.number for p in parts])[np.searchsorted(first, start, side="right") - 1]
        kinds: dict[tuple[int, str], tuple[int, int]] = {}
        for batch, stream, since, until in zip(
            *(c.tolist() for c in (number, key[start], time[start], time[end])), strict=True
        ):
            kind = (batch, stream_parts(self._names[stream])[1])
            low, high = kinds.get(kind, (since, until))
            kinds[kind] = (min(low, since), max(high, until))
        self._insert(
            "batch_span",
            [
                {"batch": number, "stream_type": kind, "since": low, "until": high}
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

    def _correct(self, part: _Part, late: np.ndarray) -> tuple[_Part, np.ndarray]:
        """Drop the rows that repeat what is on record, and name as superseded the readings that others replace: by which rows."""
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
                    "by_batch": np.full(len(replaced), part.number, np.int64),
                }
            )
            self._run("INSERT INTO superseded SELECT stream, time, batch, by_batch FROM old", tables={"old": old})
        keep = np.ones(len(part.key), bool)
        keep[row[same]] = False
        return part.take(keep), replaced

    def watch(self, listener: Callable[[pa.Table], None]) -> None:
        self._listeners.append(listener)

    # -- copies

    def root(self) -> tuple[str, int]:
        """Root and size of the log."""
        with self._write:
            return self._tree.root().hex(), self._tree.size

    def backup(self, folder: Path) -> dict[str, Any]:
        """Copy the database into a new folder with a paper that tells what it must be. Whoever writes waits; readers do not. Raises CityTwinError."""
        if self._path is None:
            raise Conflict("a store in memory has no file to copy", "serve the city from a home folder", "store")
        with self._write:
            self._settle()
            try:
                self._writer.execute("FORCE CHECKPOINT")
            except duckdb.Error as e:
                raise StoreFailed(f"no backup was made: {_first_line(e)}", "check the disk", "store") from e
            root, leaves = self.root()
            said = {
                "format": FORMAT,
                "made": self._clock.now().isoformat(),
                "root": root,
                "leaves": leaves,
                "batch": self._batch,
            }
            return backup.write(self._path, folder, said)

    # -- states of what is on record, kept up beside it

    def roll(self) -> int:
        """Bring the roll-ups up to the last batch; returns how many hours of streams were made anew."""
        with self._write:
            self._settle()
            with _Transaction(self._writer):
                return rollup.roll(self._writer, self._batch)

    def sort(self, least: int = SORT) -> int:
        """Put the newest readings in order on disk if there are at least so many; returns how many there were."""
        with self._write:
            self._settle()
            with _Transaction(self._writer):
                return rollup.sort(self._writer, self._batch, least)

    # -- the SQL surface of packs

    def define(self, packs: Sequence[Pack], tables: Mapping[str, pa.Table]) -> None:
        with self._write, _Transaction(self._writer):
            run = self._writer.execute
            for q in quantities().values():
                run("INSERT OR REPLACE INTO quantity_kind VALUES (?, ?, ?, ?)", [q.id, q.unit, q.title.zh, q.title.en])
            for t in [THING, *(t for pack in packs for t in pack.types)]:
                run("INSERT OR REPLACE INTO asset_kind VALUES (?, ?, ?)", [t.id, t.title.zh, t.title.en])
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
                        "INSERT OR REPLACE INTO stream_kind VALUES (?, ?, ?, ?, ?, ?)",
                        [s.id, s.quantity, quantity(s.quantity).unit, s.cadence_s, s.title.zh, s.title.en],
                    )
                for i in pack.indicators:
                    run(
                        f"CREATE VIEW {_name(i.id)} AS SELECT asset_id, period, value FROM main.indicator_row WHERE indicator = '{i.id}'"
                    )

    def close(self) -> None:
        with self._write:
            if self._closed:
                return
            self._closed = True
            try:
                self._settle()
            except StoreFailed as e:
                log.warning("the store is closed with readings in its journal: %s", e)
            if self._journal:
                self._journal.close()
            self._writer.close()
            self._db.close()


class _Batch(msgspec.Struct, array_like=True, frozen=True):
    """A batch in the journal; `columns` are stream keys, microseconds, values and quality flags, `recorded` microseconds."""

    number: int
    key: str
    source: str
    recorded: int
    columns: list[bytes]


class _Entry(msgspec.Struct, array_like=True, frozen=True):
    """An entry of the journal: new streams, their keys counted up from `first`, batches, and the root of the log after them."""

    first: int
    streams: list[str]
    batches: list[_Batch]
    root: bytes


_entry = msgspec.msgpack.Decoder(_Entry)
_COLUMNS = ("<i4", "<i8", "<f8", "i1")


@dataclass(slots=True)
class _Books:
    """What batches add to the tables."""

    parts: list[_Part] = field(default_factory=list)
    leaves: list[dict[str, Any]] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)
    streams: list[int] = field(default_factory=list)
    """Keys of streams that report for the first time."""
    rows: int = 0

    def add(self, more: _Books) -> None:
        """Take over what is in other books."""
        self.parts += more.parts
        self.leaves += more.leaves
        self.batches += more.batches
        self.streams += more.streams
        self.rows += sum(len(part.key) for part in more.parts)


def _shares(receipt: Receipt, senders: int, sent: _Part, kept: _Part, replaced: np.ndarray) -> list[Receipt]:
    """The receipt of a batch, one for each of its senders."""
    counts = (
        np.bincount(of, minlength=senders).tolist()
        for of in (sent.sender, kept.sender[kept.quality > 2], sent.sender[replaced])
    )
    return [
        replace(receipt, accepted=accepted, suspect=suspect, corrected=corrected)
        for accepted, suspect, corrected in zip(*counts, strict=True)
    ]


class _Part:
    """The columns of one batch on its way to disk: stream keys, microseconds, values, quality flags; and whose each row is."""

    __slots__ = ("key", "number", "quality", "sender", "time", "value")

    def __init__(
        self,
        key: np.ndarray,
        time: np.ndarray,
        value: np.ndarray,
        quality: np.ndarray,
        number: int,
        sender: np.ndarray | None = None,
    ) -> None:
        self.key, self.time, self.value, self.quality, self.number = key, time, value, quality, number
        self.sender = np.zeros(len(key), np.int32) if sender is None else sender

    def sorted(self) -> _Part:
        """By key and time; most sources send it so already."""
        step = np.diff(self.key)
        if not ((step > 0) | ((step == 0) & (np.diff(self.time) > 0))).all():
            return self.take(np.lexsort((self.time, self.key)))
        return self

    def take(self, rows: np.ndarray) -> _Part:
        return _Part(
            self.key[rows], self.time[rows], self.value[rows], self.quality[rows], self.number, self.sender[rows]
        )

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


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _moment(value: datetime | int) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromtimestamp(value / 1e6, UTC)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _microseconds(column: pa.ChunkedArray) -> np.ndarray:
    moments: np.ndarray = column.cast(UTC_US).cast(pa.int64()).to_numpy()
    return moments


def _in_utc(table: pa.Table) -> pa.Table:
    """Time stamps as UTC: DuckDB labels them with the session's zone."""
    for i, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type) and column.type.tz and column.type.tz != "UTC":
            table = table.set_column(i, column.name, pc.cast(table.column(i), UTC_US))
    return table
