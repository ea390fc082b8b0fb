"""The embedded store: one DuckDB file, owned by one process."""

from __future__ import annotations

import importlib.util
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

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
from citytwin.kernel.store import AWAIT, Arrival, Change, Written
from citytwin.kernel.stream import stream_parts
from citytwin.kernel.units import quantities, quantity
from citytwin.science import merkle
from citytwin.store import backup, ends, migrate, rolled, rollup, room, tier
from citytwin.store import part as parts_of
from citytwin.store import series as sums
from citytwin.store.journal import Journal
from citytwin.store.keys import HASH, Keys
from citytwin.store.migrate import FORMAT
from citytwin.store.part import Part
from citytwin.store.tier import File, Slice
from citytwin.store.union import apart

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
FEW = 20_000
"""Rows that go to the journal; for more the database is as fast."""
MOST = 50_000
"""Rows that wait at most to be merged into the database: a reader waits until they are merged."""
BATCHES = 4000
"""Batches that wait at most: each costs as much as a dozen rows."""
GRACE_S = 600
"""Seconds for which a partition that was replaced stays on disk: a question that was asked before may still read it."""
DAY_US = 86_400_000_000
ENDS = 1_000_000
"""Readings after which the ends of streams are written down anew: more need not be read at a start."""
SORT = 1_000_000
"""Readings that are sorted at once: a run of them takes half a second, in which nobody else writes."""
REVIVE_S = 2
"""Seconds between attempts to open a database anew that gave up, and before it is written to again."""
_FATAL = (duckdb.FatalException, duckdb.InternalException)
"""After these a database answers nothing more."""
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
        self,
        path: Path | None,
        zone: str,
        clock: Clock | None = None,
        memory: str = "4GB",
        threads: int = 0,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.zone = zone
        self._say = say or log.info
        """Where whoever waits for the store to open is told how far that is."""
        self._clock = clock or SystemClock()
        self._path = path
        self.home = path.parent if path else None
        self._write = threading.RLock()
        self._newest = threading.Lock()
        self._moving = threading.Lock()
        self._folder = tier.folder_of(path) if path else None
        self._parting = threading.Lock()
        self._parts: dict[int, Part] = {}
        """The parts whose assets are known to the database that parts are asked in."""
        self._beside = ""
        """What that database is called; empty where it is not there, or not as the packs are now."""
        self._kinds: rolled.Kinds = frozenset()
        self._gone: dict[str, float] = {}
        """Partitions that wait to be removed, and since when."""
        self._listeners: list[tuple[Callable[[Written], None], Callable[[], bool]]] = []
        self._config: dict[str, Any] = {
            "memory_limit": memory,
            "preserve_insertion_order": True,
            "autoinstall_known_extensions": False,
        }
        self._config["autoload_known_extensions"] = False  # nothing is fetched at run time
        if threads:
            self._config["threads"] = threads
        self._given_up = False
        """Whether the database takes nothing any more until it is opened anew."""
        self._retry = self._pause = 0.0
        """Not before then is it tried again to open it, and to write to it."""
        self._db = self._connect()
        try:
            migrate.bring_up(self._db, path)
        except duckdb.Error as e:
            self._db.close()
            hint = "check the disk's free space and permissions, or restore it from a backup"
            raise StoreFailed(f"{path} cannot be opened: {_first_line(e)}", hint, str(path)) from e
        except BaseException:
            self._db.close()
            raise
        self.spatial = self._load_spatial()
        self._writer = self._db.cursor()
        self._closed = False
        self._waiting = _Books()
        self._keyed: dict[str, Receipt] = {}
        """What the keys of the waiting batches are answered."""
        self._file: BinaryIO | None = None
        """What copies are read from; it stays open as long as the database (see `backup.write`)."""
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

    def _connect(self) -> duckdb.DuckDBPyConnection:
        """Open the database. Raises StoreBusy, StoreFailed."""
        path = self._path
        new = path is not None and not (path.exists() and path.stat().st_size)
        try:
            db = duckdb.connect(str(path) if path else ":memory:", config=self._config)
        except duckdb.IOException as e:
            if "lock" in str(e).lower():
                raise StoreBusy(
                    f"{path} is in use by another process", "stop that process, or talk to it over HTTP", str(path)
                ) from e
            if new and path:  # half a file would be taken for a damaged one
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            full = room.short(path) if path else ""
            hint = (
                "make room, and start again: what is on record is not lost"
                if full
                else "check the path, its permissions and the disk"
            )
            raise StoreFailed(f"{path} cannot be opened: {full or _first_line(e)}", hint, str(path)) from e
        except duckdb.Error as e:
            raise StoreFailed(
                f"{path} is not a CityTwin store: {_first_line(e)}", "restore it from a backup", str(path)
            ) from e
        try:
            db.execute("SET GLOBAL TimeZone = ?", [self.zone])
            db.execute("SET enable_progress_bar = false")  # it would go to standard output where statements take long
            # partitions do not change: what their footers say need be read once
            db.execute("SET GLOBAL parquet_metadata_cache = true")
        except duckdb.Error as e:
            db.close()
            raise StoreFailed(f"{path} cannot be opened: {_first_line(e)}", "check the disk", str(path)) from e
        return db

    # -- a database that gave up

    def _note(self, error: BaseException | None) -> None:
        """Remember when the database gave up: after such an error DuckDB answers nothing more until it is opened anew."""
        if isinstance(error, _FATAL) and self._path and not self._given_up:
            log.error("the database gave up and is opened anew: %s", error)
            self._given_up = True
            self._pause = monotonic() + REVIVE_S

    def _revive(self) -> None:
        """Open the database anew if it gave up, as it does when a checkpoint meets a full disk. Raises StoreFailed while that is in vain.

        Whether the transaction in which it gave up is on record, nobody was told: what is known in memory is compared with what is there.
        """
        if not self._given_up:
            return
        with self._write:
            if not self._given_up:
                return
            if self._closed or monotonic() < self._retry:
                raise _given_up()
            self._writer.close()
            self._db.close()
            if self._file:
                self._file.close()
                self._file = None
            try:
                self._db = self._connect()
                self._beside = ""
                self._writer = self._db.cursor()
                held = self._counts()
                if self.spatial:
                    self._load_spatial()
            except (CityTwinError, duckdb.Error) as e:
                self._retry = monotonic() + REVIVE_S
                raise _given_up(e) from e
            waiting = self._waiting
            now = (self._batch, self._tree.size, len(self._names))
            before = (now[0] - len(waiting.batches), now[1] - len(waiting.leaves), now[2] - len(waiting.streams))
            if held == before:
                pass
            elif held == now:
                self._settled()
            else:  # nothing waited: what waits is merged before anything else is written
                with self._newest:
                    self._resume()
            self._given_up = False
            log.warning("the database was opened anew; nothing that was acknowledged is lost")

    def _counts(self) -> tuple[int, int, int]:
        """The last batch, how many leaves and how many streams are in the database."""
        row = self._writer.execute(
            "SELECT (SELECT coalesce(max(batch), 0) FROM batch), (SELECT count(*) FROM leaf), (SELECT count(*) FROM stream_row)"
        ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1]), int(row[2])

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
        self._since_ends = 0
        """Readings that came in since the ends of streams were written down."""
        self._retired: set[int] = set(self._rows("SELECT key FROM stream_gone")["key"].to_pylist())
        self._tiered = bool(tier.files(self._db))
        self._changed: set[int] = set(self._rows("SELECT DISTINCT stream FROM superseded")["stream"].to_pylist())
        """Streams of which a reading was ever corrected or withdrawn, or soon will be: of others every reading stands."""
        self._recall_all()
        leaves = self._rows("SELECT digest FROM leaf ORDER BY leaf")["digest"].to_pylist()
        self._tree = merkle.Frontier(bytes.fromhex(d) for d in leaves)
        self._batch = int(self._rows("SELECT coalesce(max(batch), 0) AS n FROM batch")["n"][0].as_py())
        self._seen = Keys(self._rows(f"SELECT {HASH} AS hash FROM batch WHERE key IS NOT NULL")["hash"].to_numpy())

    def _recall_all(self) -> None:
        """Look up the first and the last reading of every stream: as they were written down, and what came in since."""
        ended = self._rows("SELECT value FROM meta WHERE name = 'ended'")["value"].to_pylist()
        if not ended:
            self._recall_by_pieces()
            return
        since = int(ended[0])
        came = self._rows(f"SELECT coalesce(sum(rows), 0)::BIGINT AS n FROM batch WHERE batch > {since}")
        self._since_ends = came["n"][0].as_py()
        self._take_ends(self._rows("SELECT stream, first, time, value, quality FROM stream_end"))
        self._recall("TRUE", f"(SELECT * FROM reading WHERE batch > {since})")
        touched = self._rows(
            f"""SELECT DISTINCT e.stream FROM stream_end AS e JOIN superseded AS x
                ON x.stream = e.stream AND (x.time = e.first OR x.time = e.time) WHERE x.by_batch > {since}"""
        )["stream"].to_pylist()
        if touched:
            self._recall_anew(touched)

    def _recall_by_pieces(self) -> None:
        """Look through all readings where their ends were not written down, and write them down as they are found."""
        pieces = ends.pieces(self._writer, self._folder)
        every = sum(piece.rows for piece in pieces)
        done = ends.so_far(self._writer)
        if done:
            self._take_ends(self._rows("SELECT stream, first, time, value, quality FROM stream_end"))
        passed = sum(piece.rows for piece in pieces if piece.name in done)
        if len(pieces) > 1:
            again = f", of which {passed:,} were looked through before" if done else ""
            self._say(
                f"finding where the readings of each stream begin and end: {every:,} readings{again}; this is done once"
            )
        for piece in pieces:
            if piece.name in done:
                continue
            self._take_ends(self._rows(ends.found(piece.source)))
            done.append(piece.name)
            passed += piece.rows
            if len(pieces) > 1:
                try:
                    with _Transaction(self._writer, self._note):
                        self._insert_ends()
                        ends.noted(self._writer, done)
                except StoreFailed as e:  # it is found all the same; the next start looks again
                    log.warning("how far the readings were looked through was not written down: %s", e)
                self._say(f"{passed:,} of {every:,} readings looked through ({passed / max(every, 1):.0%})")
        self._since_ends = ENDS  # they are written down with what comes in next

    def _recall_anew(self, keys: Sequence[int]) -> None:
        """Look up the ends of streams that may have lost one."""
        self._first_time[keys], self._last_time[keys] = _FAR_AHEAD, _LONG_AGO
        self._recall(f"stream IN ({', '.join(map(str, keys))})")

    def _recall(self, which: str, source: str = "held") -> None:
        """Look up the first and the last standing reading of streams, beside what is known of them."""
        self._take_ends(self._rows(ends.found(source, which)))

    def _recall_first(self, keys: np.ndarray, since: int) -> None:
        """Find the first standing readings of streams anew, none of which is before `since` (microseconds): in growing spans from there on, so that little is read."""
        left = keys[self._last_time[keys] != _LONG_AGO]
        if not len(left):
            return
        for begin, end in ends.windows(since, int(self._last_time[left].max()), DAY_US):
            listed = ", ".join(map(str, left))
            within = f"r.time >= make_timestamptz({begin}) AND r.time < make_timestamptz({end})"
            found = self._rows(
                f"SELECT stream, min(time) AS first FROM held AS r {ends.STANDING} WHERE stream IN ({listed}) AND {within} GROUP BY stream"
            )
            at = found["stream"].to_numpy()
            with self._newest:
                self._first_time[at] = _microseconds(found["first"])
            left = left[~np.isin(left, at)]
            if not len(left):
                return

    def _take_ends(self, found: pa.Table) -> None:
        """Note first and last readings where they are further out than those known."""
        at, time = found["stream"].to_numpy(), _microseconds(found["time"])
        self._first_time[at] = np.minimum(self._first_time[at], _microseconds(found["first"]))
        later = time >= self._last_time[at]
        value, quality = found["value"].to_numpy(), found["quality"].to_numpy()
        to = at[later]
        self._last_time[to], self._last_value[to], self._last_quality[to] = time[later], value[later], quality[later]

    def _write_ends(self) -> None:
        """Write down the ends of all streams, so that what came in until now need not be read again; within a transaction, with nothing waiting."""
        self._insert_ends()
        self._writer.execute("INSERT OR REPLACE INTO meta VALUES ('ended', ?)", [str(self._batch)])
        self._writer.execute("DELETE FROM meta WHERE name = ?", [ends.SO_FAR])
        self._since_ends = 0

    def _insert_ends(self) -> None:
        seen = np.flatnonzero(self._last_time != _LONG_AGO)
        table = pa.table(
            {
                "stream": pa.array(seen.astype(np.int32)),
                "first": pa.array(self._first_time[seen]).cast(UTC_US),
                "time": pa.array(self._last_time[seen]).cast(UTC_US),
                "value": pa.array(self._last_value[seen], from_pandas=True),  # NaN: no value
                "quality": pa.array(self._last_quality[seen]),
            }
        )
        self._writer.execute("DELETE FROM stream_end")
        self._run("INSERT INTO stream_end SELECT stream, first, time, value, quality FROM ends", tables={"ends": table})

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
                        self._seen.add([b.key])
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
        return self._ask(sql, params, tables, within)

    def part(self, assets: frozenset[str]) -> Part:
        return Part(self, assets)

    def fetch_part(
        self,
        of: Part,
        sql: str,
        params: Mapping[str, Any] | None = None,
        tables: Mapping[str, pa.Table] | None = None,
        within: float = 0.0,
    ) -> pa.Table:
        """The rows of one SELECT over what is there of a part."""
        self._lay_out(of)
        return self._ask(sql, params, tables, within, of)

    def _lay_out(self, of: Part) -> None:
        """Have the database that parts are asked in, and a part known there."""
        if self._beside and of.number in self._parts:
            return
        with self._parting:
            try:
                if not self._beside:
                    for other in self._parts.values():
                        other.rest()
                    self._parts.clear()
                    self._beside = parts_of.lay_out(self._db)
                if of.number not in self._parts:
                    parts_of.insert(self._db, self._beside, of)
                    self._parts[of.number] = of
            except duckdb.Error as e:
                raise _given_up(e) from e

    def forget_part(self, of: Part) -> None:
        """Nobody asks of a part any more."""
        with self._parting, suppress(duckdb.Error):
            if self._parts.pop(of.number, None) and self._beside:
                parts_of.remove(self._db, self._beside, of)

    def _ask(
        self,
        sql: str,
        params: Mapping[str, Any] | None,
        tables: Mapping[str, pa.Table] | None,
        within: float,
        of: Part | None = None,
    ) -> pa.Table:
        try:
            with self._reading(of, bool(tables)) as cursor:
                # what is laid in for a moment is in no roll-up
                plain = tables or of or cursor is self._writer
                made = None if plain else rolled.plan(sql, self._kinds, self.zone)
                return self._rows(sql, params, tables, within, cursor, made)
        except duckdb.InterruptException as e:
            raise BadRequest(
                f"the question takes longer than {within:g} s", "ask for less: a shorter span, fewer conditions", "time"
            ) from e
        except duckdb.Error as e:
            if self._given_up:
                raise _given_up(e) from e
            raise BadRequest(
                f"the statement cannot be answered: {_first_line(e)}", "check names against the SQL surface", "sql"
            ) from e

    @contextmanager
    def _reading(self, of: Part | None = None, once: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that sees all that was acknowledged, or what is there `of` a part (for `once`: it is not kept for the next). Raises StoreFailed.

        Where the disk is full what waits cannot be merged: then it is laid in for the one who asks, and taken out again.
        """
        try:
            self._settle()
            cursor = self._db.cursor() if of is None else of.cursor(self._db, self._beside)
        except duckdb.Error as e:
            if self._closed:
                raise StoreFailed("the store does not answer: it is closed", "open it anew", "store") from e
            raise _given_up(e) from e  # somebody opens it anew just now
        except StoreFailed as e:
            with self._write:
                self._revive()
                try:
                    self._writer.begin()
                    if self._waiting.batches:
                        self._merge_waiting()
                except Exception as why:
                    log.warning("what waits cannot be laid in for a question either: %s", why)
                    self._note(why)
                    _undo(self._writer)
                    raise e from e.__cause__
                try:
                    if of is not None:
                        parts_of.enter(self._writer, self._beside, of)
                    yield self._writer
                finally:
                    _undo(self._writer)
                    if of is not None:
                        parts_of.leave(self._writer, self._db)
            return
        keep = False
        try:
            yield cursor
            keep = of is not None and not once
        finally:
            if not (keep and of is not None and of.keep(cursor, self._beside)):
                cursor.close()

    def _rows(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        tables: Mapping[str, pa.Table] | None = None,
        within: float = 0.0,
        given: duckdb.DuckDBPyConnection | None = None,
        made: rolled.Plan | None = None,
    ) -> pa.Table:
        cursor = given or self._db.cursor()
        watch = threading.Timer(within, cursor.interrupt) if within else None
        try:
            if watch:
                watch.start()
            if tables:  # DuckDB 1.5 may push a filter down to an Arrow table that PyArrow does not know
                cursor.execute("SET disabled_optimizers = 'join_filter_pushdown'")
            for name, table in (tables or {}).items():
                cursor.register(name, table)
            if made:
                cursor.begin()  # sums and readings of the same moment; closing the cursor ends it
                ready = rolled.prepare(
                    cursor, made, self.zone, lambda low, high: self._held(cursor, low, high), params or {}
                )
                sql, params = ready or (sql, params)
            result = cursor.execute(apart(sql), dict(params) if params else None).to_arrow_table()
            return _in_utc(result)
        except duckdb.Error as e:
            self._note(e)
            raise
        finally:
            if watch:
                watch.cancel()
                watch.join()  # it must not reach for a cursor that is closed
            if given:
                for name in tables or {}:
                    cursor.unregister(name)
            else:
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
            with _Transaction(self._writer, self._note):
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
        incoming = pa.table({"key": pa.array(keys, pa.int32()), "stream": [s for s, _ in streams],
                    "asset_id": [a for _, a in streams], "stream_type": [stream_parts(s)[1] for s, _ in streams]})  # fmt: skip
        for sql in (
            "INSERT INTO stream_row SELECT key, stream, asset_id, stream_type FROM incoming",
            "DELETE FROM stream_awaited WHERE stream IN (SELECT stream FROM incoming)",
        ):
            self._run(sql, tables={"incoming": incoming})

    def retract(self, readings: pa.Table) -> int:
        with self._write:
            self._settle()
            known = [self._keys.get(name, -1) for name in readings["stream"].to_pylist()]
            named = pa.table({"stream": pa.array(known, pa.int32()), "time": readings["time"].cast(UTC_US)})
            found = self._rows(
                f"""SELECT DISTINCT r.stream, r.time, r.batch FROM {self._held_about(named["time"])} AS r
                   JOIN named AS n ON n.stream = r.stream AND n.time = r.time
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
            self._changed.update(np.unique(keys).tolist())
            with _Transaction(self._writer, self._note):
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
                self._recall_anew(touched.tolist())
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
            if gone.num_rows:
                self._changed.add(key)
            number, tree, books = self._batch + 1, self._tree.copy(), _Books()
            named = rows.append_column("stream", pa.array([stream] * rows.num_rows, pa.string()))
            part = self._part(Arrival(named), number, [])
            with _Transaction(self._writer, self._note):
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
                        """INSERT INTO superseded SELECT r.stream, r.time, r.batch, $number FROM held AS r JOIN gone AS g ON g.time = r.time
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
                self._recall_anew([key])
        self._tell([part] if len(part.key) else [])
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
            self._revive()  # what is acknowledged after it gave up must have a number that is not on record
            before = len(self._names)
            try:
                receipts, written = self._record(arrivals)
            except BaseException:
                for name in self._names[before:]:
                    del self._keys[name]
                del self._names[before:]
                raise
        self._tell(written)
        return receipts

    def _tell(self, parts: Sequence[_Part]) -> None:
        """Hand what was recorded to those who want it."""
        wanting = [listener for listener, wanted in self._listeners if wanted()]
        for part in parts if wanting else ():
            told = Written(part.number, self._names, part.key, part.time, part.value, part.quality)
            for listener in wanting:
                listener(told)

    def _record(self, arrivals: Sequence[Arrival]) -> tuple[list[Receipt], list[_Part]]:
        if self._closed:
            raise StoreFailed("the store does not take writes: it is closed", "open it anew", "store")
        keys = {a.key for a in arrivals if a.key}
        known = self._known(keys) if keys else {}
        books = _Books()
        steps: list[tuple[_Part, np.ndarray] | None] = []
        """Of each arrival the readings, and which of them are late; None where its key was seen before."""
        seen: dict[int, int] = {}
        """The newest times of streams that earlier arrivals of this group bring."""
        fresh_keys = keys - known.keys()
        fresh = set(fresh_keys)
        number = self._batch
        for arrival in arrivals:
            if arrival.key and arrival.key not in fresh:
                steps.append(None)
                continue
            fresh.discard(arrival.key)
            number += 1
            part = self._part(arrival, number, books.streams)
            steps.append((part, part.time <= self._ceiling(part, seen)))
            if len(arrivals) > 1:
                ends = part.ends()
                for key, at in zip(part.key[ends].tolist(), part.time[ends].tolist(), strict=True):
                    seen[key] = max(seen.get(key, at), at)
        rows = sum(len(step[0].key) for step in steps if step)
        few = rows <= FEW and not any(step[1].any() for step in steps if step)
        if not few or self._waiting.rows + rows > MOST or len(self._waiting.batches) + len(arrivals) > BATCHES:
            self._settle()
        if not few:
            self._calm()
        tree = self._tree.copy()
        receipts: list[Receipt] = []
        with nullcontext() if few else _Transaction(self._writer, self._note):
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
        self._seen.add(fresh_keys)
        self._remember(books.parts, tree)
        return receipts, books.parts

    def _ceiling(self, part: _Part, seen: Mapping[int, int]) -> np.ndarray:
        """Of each row the newest time that its stream had before; a row that is not later is late."""
        if part.key.max(initial=0) < len(self._last_time):
            ceiling = self._last_time[part.key]
        else:  # some streams report for the first time
            known = part.key < len(self._last_time)
            ceiling = np.full(len(part.key), _LONG_AGO, np.int64)
            ceiling[known] = self._last_time[part.key[known]]
        if seen:
            ends = part.ends()
            keys = part.key[ends].tolist()
            if any(key in seen for key in keys):
                newest = np.array([seen.get(key, _LONG_AGO) for key in keys], np.int64)
                ceiling = np.maximum(ceiling, np.repeat(newest, np.diff(ends, prepend=-1)))
        return np.asarray(ceiling)

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
        self._since_ends += sum(len(part.key) for part in parts)
        with self._newest:
            grown = len(self._names) - len(self._last_time)
            if grown:
                self._first_time = np.concatenate([self._first_time, np.full(grown, _FAR_AHEAD, np.int64)])
                self._last_time = np.concatenate([self._last_time, np.full(grown, _LONG_AGO, np.int64)])
                self._last_value = np.concatenate([self._last_value, np.full(grown, np.nan)])
                self._last_quality = np.concatenate([self._last_quality, np.zeros(grown, np.int8)])
            if not parts:
                return
            part = parts[0] if len(parts) == 1 else _together(parts)
            # rows are sorted by stream and time: the first and the last row of each stream are its oldest and its newest
            end = part.ends()
            first = part.key[end]
            start = np.append(0, end[:-1] + 1)[: len(end)]
            self._first_time[first] = np.minimum(self._first_time[first], part.time[start])
            end = end[part.time[end] >= self._last_time[first]]
            at = part.key[end]
            self._last_time[at], self._last_value[at], self._last_quality[at] = (
                part.time[end],
                part.value[end],
                part.quality[end],
            )

    def _settle(self) -> None:
        """Merge what waits into the database. Raises StoreFailed if it does not take it; it stays in the journal then."""
        self._revive()
        if not self._waiting.batches:
            return
        with self._write:
            if not self._waiting.batches:  # somebody else was faster
                return
            self._calm()
            try:
                with _Transaction(self._writer, self._note):
                    self._merge_waiting()
            except StoreFailed as e:
                raise StoreFailed(
                    f"the newest readings are safe in the journal, but cannot be merged and read: {e.message}",
                    e.hint,
                    e.where,
                ) from e
            self._settled()

    def _calm(self) -> None:
        """Raise StoreFailed where the database gave up a moment ago: to open it anew for every request would leave no time to answer."""
        if monotonic() < self._pause:
            raise _given_up()

    def _merge_waiting(self) -> None:
        """Put what waits into the database."""
        waiting = self._waiting
        self._append(waiting.parts, list(waiting.streams))
        self._insert("leaf", waiting.leaves, _LEAF)
        self._insert("batch", waiting.batches, _BATCH)

    def _settled(self) -> None:
        """What waited is in the database."""
        self._waiting = _Books()
        self._keyed.clear()
        if self._journal:
            self._journal.clear()

    def _known(self, keys: set[str]) -> dict[str, Receipt]:
        """What was answered to those of these keys that were seen before."""
        waiting = {key: self._keyed[key] for key in keys & self._keyed.keys()}
        keys = self._seen.perhaps(keys - waiting.keys())
        if not keys:
            return waiting
        rows = self._rows(
            "SELECT b.batch, b.key, b.rows, b.suspect, b.corrected, b.leaf FROM batch AS b JOIN wanted AS w ON w.key = b.key",
            tables={"wanted": pa.table({"key": pa.array(sorted(keys))})},
        ).to_pylist()
        return waiting | {
            r["key"]: Receipt(r["batch"], r["rows"], r["suspect"], r["corrected"], repeated=True, leaf=f"{r['leaf']}")
            for r in rows
        }

    def _part(self, arrival: Arrival, number: int, new_streams: list[int]) -> _Part:
        if arrival.points:
            # nothing here gives up the interpreter's turn, which a busy server would get back a millisecond later
            made = sorted([(self._key(point[0], new_streams), *point[1:]) for point in arrival.points])
            columns = zip(*made, strict=True)
            kinds = (np.int32, np.int64, np.float64, np.int8, np.int32)
            key, at, value, quality, of = (np.array(c, k) for c, k in zip(columns, kinds, strict=True))
            return _Part(key, at, value, quality, number, of)
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
            keys[i] = self._key(names[i], new_streams)
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

    def _key(self, name: str, new_streams: list[int]) -> int:
        """The key of a stream; one that was never seen gets the next."""
        key = self._keys.get(name)
        if key is None:
            key = self._keys[name] = len(self._names)
            self._names.append(name)
            new_streams.append(key)
        return key

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
                f"""SELECT i.row, r.batch, r.value IS NOT DISTINCT FROM i.value AND r.quality = i.quality AS same
                   FROM late AS i JOIN {self._held_about(incoming["time"])} AS r ON r.stream = i.stream AND r.time = i.time
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
            self._changed.update(np.unique(part.key[replaced]).tolist())
            self._run("INSERT INTO superseded SELECT stream, time, batch, by_batch FROM old", tables={"old": old})
        keep = np.ones(len(part.key), bool)
        keep[row[same]] = False
        return part.take(keep), replaced

    def watch(self, listener: Callable[[Written], None], wanted: Callable[[], bool] = lambda: True) -> None:
        self._listeners.append((listener, wanted))

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
                self._file = self._file or self._path.open("rb", buffering=0)
            except (duckdb.Error, OSError) as e:
                self._note(e)
                raise StoreFailed(f"no backup was made: {_first_line(e)}", "check the disk", "store") from e
            root, leaves = self.root()
            said = {
                "format": FORMAT,
                "made": self._clock.now().isoformat(),
                "root": root,
                "leaves": leaves,
                "batch": self._batch,
            }
            partitions = {f.file: f.sha256 for f in tier.files(self._writer)}
            return backup.write(self._file, folder, said, partitions)

    # -- states of what is on record, kept up beside it

    def roll(self) -> int:
        """Bring the roll-ups up to the last batch; returns how many hours of streams changed."""
        changed = 0
        while True:
            with self._write:
                self._settle()
                since, upto = rollup.due(self._writer, self._batch)
                if since == upto:
                    if self._since_ends >= ENDS:
                        with _Transaction(self._writer, self._note):
                            self._write_ends()
                    return changed
                with _Transaction(self._writer, self._note):
                    changed += rollup.roll(
                        self._writer, self.zone, since, upto, lambda low, high: self._held(self._writer, low, high)
                    )

    def sort(self, least: int = SORT) -> int:
        """Put the newest readings in order on disk if there are at least so many; returns how many there were."""
        with self._write:
            self._settle()
            with _Transaction(self._writer, self._note):
                for unit in ("minute", "hour"):
                    rollup.sort_sums(self._writer, unit, least)
                count = rollup.sort(self._writer, self._batch, least)
        self._merge(rollup.RUNS * least)
        return count

    def _merge(self, least: int) -> None:
        """Make one run of those that were sorted since the last time, if they are so many readings. They are sorted while others write."""
        with self._moving:
            with self._at_once() as cursor:
                span = rollup.runs(cursor, least)
                if span is None:
                    return
                merged = cursor.execute(
                    f"SELECT * FROM reading WHERE {span.where} ORDER BY {rollup.ORDER}"
                ).to_arrow_table()
            with self._write, _Transaction(self._writer, self._note):
                row = self._writer.execute(f"DELETE FROM reading WHERE {span.where}").fetchone()
                assert row is not None
                assert row[0] == merged.num_rows, "readings changed while they were sorted"
                self._run("INSERT INTO reading SELECT * FROM merged", tables={"merged": merged})
                rollup.note(self._writer, rollup.MERGED_RUNS, span.upto)

    # -- partitions: readings that are old enough to leave the database, or to be deleted

    def _held(
        self, cursor: duckdb.DuckDBPyConnection, since: datetime, until: datetime, keys: Sequence[int] = ()
    ) -> str:
        """SQL of a relation of all readings from one time to another (of these streams, if any are named), as this cursor's transaction sees them."""
        if not self._tiered:
            return "held"  # whatever the transaction sees: it may begin after a first partition is there
        found = tier.files(cursor, since, until)
        if keys:
            found = [f for f in found if any(f.low <= key <= f.high for key in keys)]
        return tier.relation(self._folder, found)

    def _held_about(self, times: pa.ChunkedArray) -> str:
        """The same around these times, for who has the turn to write."""
        if not len(times):
            return "held"
        span = pc.min_max(times)
        return self._held(self._writer, span["min"].as_py(), span["max"].as_py() + timedelta(microseconds=1))

    @contextmanager
    def _at_once(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for which the store stands still."""
        with self._reading() as cursor:
            try:
                if cursor is not self._writer:
                    cursor.begin()
                yield cursor
                if cursor is not self._writer:
                    cursor.rollback()
            except duckdb.Error as e:
                self._note(e)
                if self._given_up:
                    raise _given_up(e) from e
                raise

    def window(self, stream: str, since: datetime, until: datetime, most: int = 0) -> pa.Table:
        key = self._keys.get(stream, -1)
        with self._at_once() as cursor:
            source = self._held(cursor, since, until, (key,))
            # to look nothing up that is not there, and to sort nothing that is in order, halves the cost
            stands = f"AND {rollup.STANDS}" if key in self._changed else ""
            order = f"ORDER BY r.time LIMIT {most:d}" if most else ""
            found = cursor.execute(
                f"""SELECT r.time, r.value, r.quality, r.batch FROM {source} AS r
                    WHERE r.stream = $key AND r.time >= $since AND r.time < $until {stands} {order}""",
                {"key": key, "since": since, "until": until},
            )
            table = _in_utc(found.to_arrow_table())
        times = table["time"].cast(pa.int64()).to_numpy()
        return table if (times[1:] >= times[:-1]).all() else table.sort_by("time")

    def series(
        self,
        streams: Sequence[str] | None,
        since: datetime,
        until: datetime,
        step: int | str,
        columns: Sequence[str] = (),
    ) -> pa.Table:
        keys = None if streams is None else [self._keys[s] for s in streams if s in self._keys]
        with self._at_once() as cursor:

            def ask(sql: str, params: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> pa.Table:
                for name, table in tables.items():
                    cursor.register(name, table)
                return cursor.execute(sql, {k: v for k, v in params.items() if f"${k}" in sql} or None).to_arrow_table()

            found = sums.series(
                ask, lambda low, high: self._held(cursor, low, high), self.zone, keys, since, until, step, columns
            )
        if streams is None and self._retired:
            found = found.filter(pc.invert(pc.is_in(found["stream"], pa.array(sorted(self._retired), pa.int32()))))
        with self._newest:
            names = self._named(len(self._last_time))["stream"].combine_chunks()
        stream = pa.chunked_array(
            [pa.DictionaryArray.from_arrays(key, names) for key in found["stream"].chunks],
            pa.dictionary(pa.int32(), pa.string()),
        )
        table = _in_utc(found.select(["time"])).add_column(0, "stream", stream)
        for name in columns or sums.NEEDS:
            if name == "mean" and name not in found.column_names:
                column = pc.divide(found["total"], found["n"].cast(pa.float64()))
            else:
                column = found["worst" if name == "quality" else name]
            table = table.append_column(name, column)
        return table

    def tier(self, before: Mapping[str, datetime], least: int = tier.LEAST) -> int:
        if self._folder is None:
            return 0
        with self._moving:
            self.roll()
            self._sweep()
            return sum(self._move(keys, at, least) for keys, at in self._aged(before))

    def _aged(self, before: Mapping[str, datetime]) -> list[tuple[tuple[int, ...] | None, datetime]]:
        """Keys of streams (None: all), and the time before which they are old."""
        kinds = [stream_parts(name)[1] for name in self._names[: len(self._last_time)]]
        named = {kind: at for kind, at in before.items() if kind}
        found: list[tuple[tuple[int, ...] | None, datetime]] = []
        for at in sorted(set(named.values())):
            keys = tuple(k for k, kind in enumerate(kinds) if named.get(kind) == at)
            if keys:
                found.append((keys, at))
        if "" in before:
            others = tuple(k for k, kind in enumerate(kinds) if kind not in named)
            if others:
                found.append((others if len(others) < len(kinds) else None, before[""]))
        return found

    def _move(self, keys: tuple[int, ...] | None, before: datetime, least: int) -> int:
        """Move one slice of readings into a partition; returns how many."""
        assert self._folder is not None
        with self._at_once() as cursor:
            piece = tier.next_slice(cursor, keys, before, rollup.known(cursor, rollup.ROLLED), least)
            if piece is None:
                return 0
            file = self._write_file(cursor, piece.since, "reading", piece.where)
        if file is None:
            return 0
        with self._write:
            self._settle()
            self._tiered = True  # before it is so: who asks meanwhile looks for partitions, and finds none yet
            with _Transaction(self._writer, self._note):
                self._write_ends()  # at the next start partitions are not read for them
                row = self._writer.execute(f"DELETE FROM reading AS r WHERE {piece.where}").fetchone()
                if row is None or row[0] != file.rows:
                    raise StoreFailed(
                        f"{row and row[0]} readings would leave the database for the {file.rows} in {file.file}",
                        "nothing was moved; tell the makers",
                        file.file,
                    )
                tier.enter(self._writer, file, self._clock.now())
                self._writer.execute(tier.view(self._folder, tier.files(self._writer)))
        return int(file.rows)

    def _write_file(self, cursor: duckdb.DuckDBPyConnection, at: datetime, source: str, where: str) -> File | None:
        """Write a partition under a name that is on record as one to be removed, until it is counted among the partitions."""
        assert self._folder is not None
        with self._write, _Transaction(self._writer, self._note):
            name = tier.name(self._writer, at)
            self._writer.execute("INSERT INTO tier_gone VALUES (?)", [name])
        try:
            return tier.write(cursor, self._folder, name, source, where)
        except duckdb.Error as e:
            raise StoreFailed(
                f"no readings were moved: {_first_line(e)}", "check the disk's free space and permissions", name
            ) from e

    def _sweep(self) -> None:
        """Remove the files that nobody reads any more."""
        assert self._folder is not None
        now = monotonic()
        listed = [name for (name,) in self._db.cursor().execute("SELECT file FROM tier_gone").fetchall()]
        self._gone = {name: self._gone.get(name, now) for name in listed}
        old = [name for name, since in self._gone.items() if now - since >= GRACE_S]
        for name in old:
            tier.unlink(self._folder, name)
        if old:
            with self._write, _Transaction(self._writer, self._note):
                self._writer.executemany("DELETE FROM tier_gone WHERE file = ?", [[name] for name in old])

    def erase(self, before: Mapping[str, datetime]) -> int:
        with self._moving:
            self.roll()
            if self._folder:
                self._sweep()
            held = set(self._rows("SELECT subject FROM hold_row WHERE lifted IS NULL")["subject"].to_pylist())
            kinds = {stream_parts(name)[1] if name in self._keys else name for name in held}
            kinds |= {stream_parts(n)[1] for n in self._names if stream_parts(n)[0] in held}
            return sum(self._erase(kind, at) for kind, at in before.items() if not {"*", kind} & kinds)

    def _erase(self, kind: str, before: datetime) -> int:
        """Delete readings of a stream type: those of one partition, or as many in the database as one transaction should take."""
        keys = tuple(k for k, name in enumerate(self._names) if stream_parts(name)[1] == kind)
        if not keys:
            return 0
        with self._at_once() as cursor:
            every = Slice(keys, tier.EVER, before, rollup.known(cursor, rollup.ROLLED))
            for file in tier.files(cursor, until=before):
                if self._folder and file.low <= keys[-1] and file.high >= keys[0]:
                    source = tier.relation(self._folder, [file], "(SELECT * FROM reading LIMIT 0)")
                    row = cursor.execute(f"SELECT count(*) FROM {source} AS r WHERE {every.where}").fetchone()
                    if row and row[0]:
                        rest = None
                        if row[0] < file.rows:
                            rest = self._write_file(cursor, file.since, source, f"NOT ({every.where})")
                        return self._erased(kind, before, every, row[0], file, rest)
            piece = tier.oldest(cursor, every)
        if piece:
            return self._erased(kind, before, piece)
        with self._write, _Transaction(self._writer, self._note):
            self._writer.execute(
                f"DELETE FROM superseded WHERE stream IN ({', '.join(map(str, keys))}) AND time < ?", [before]
            )
        return 0

    def _erased(
        self,
        kind: str,
        before: datetime,
        piece: Slice,
        rows: int = 0,
        file: File | None = None,
        rest: File | None = None,
    ) -> int:
        """Put on record, and seal, that readings are deleted: a slice of those in the database, or those that `rest` does not have of a partition."""
        with self._write:
            tree, now = self._tree.copy(), self._clock.now()
            with _Transaction(self._writer, self._note):
                if file is None:
                    row = self._writer.execute(f"DELETE FROM reading AS r WHERE {piece.where}").fetchone()
                    rows = row[0] if row else 0
                else:
                    self._writer.execute("DELETE FROM tier_file WHERE file = ?", [file.file])
                    self._writer.execute("INSERT INTO tier_gone VALUES (?)", [file.file])
                    if rest:
                        tier.enter(self._writer, rest, now)
                    self._writer.execute(tier.view(self._folder, tier.files(self._writer)))
                row = self._writer.execute("SELECT coalesce(max(erasure), 0) + 1 FROM erasure").fetchone()
                number = row[0] if row else 1
                words = f"{kind}\n{before.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}\n{rows}"
                sealed = self._seal(tree, "retention", f"erasure:{number}", sha256(words.encode()).hexdigest(), now)
                self._insert("leaf", [sealed], _LEAF)
                self._writer.execute(
                    "INSERT INTO erasure VALUES (?, ?, ?, ?, ?, ?)", [number, kind, before, rows, now, sealed["leaf"]]
                )
                self._writer.execute("DELETE FROM meta WHERE name = 'ended'")  # until they are written down again
            self._tree = tree
            keys, edge = np.array(piece.keys), (before - EPOCH) // timedelta(microseconds=1)
            with self._newest:
                known = keys[self._last_time[keys] != _LONG_AGO]
                begin = int(self._first_time[known].min()) if len(known) else edge
                lost = keys[self._last_time[keys] < edge]
                self._first_time[keys] = np.maximum(self._first_time[keys], edge)
                self._first_time[lost], self._last_time[lost] = _FAR_AHEAD, _LONG_AGO
            self._settle()
            if len(lost):  # not all of them need be gone yet
                listed = ", ".join(map(str, lost))
                self._recall(f"stream IN ({listed}) AND r.time < make_timestamptz({edge})")
            self._recall_first(np.setdiff1d(keys, lost), begin)
            with _Transaction(self._writer, self._note):
                self._write_ends()
        return int(rows)

    # -- the SQL surface of packs

    def define(self, packs: Sequence[Pack], tables: Mapping[str, pa.Table]) -> None:
        mark = room.defined_from(packs)
        try:
            self._define(packs, tables, mark)
        except StoreFailed as e:
            full = room.short(self._path) if self._path else ""
            held = self._rows("SELECT value FROM meta WHERE name = $name", {"name": room.DEFINED})["value"].to_pylist()
            if not full:
                raise
            if not mark or held != [mark]:
                hint = "make room, and start again: what is on record is not lost"
                raise StoreFailed(f"the packs cannot be laid out in the store: {full}", hint, str(self._path)) from e
            log.warning("%s; the packs are read as they were laid out before", full)
        with self._parting:
            self._beside = ""
        named = {pack.id for pack in packs}
        others = {(id, s) for id, s in self._kinds if id.partition(".")[0] not in named}
        self._kinds = frozenset(others | {(s.id, s.cadence_s) for pack in packs for s in pack.streams})

    def _define(self, packs: Sequence[Pack], tables: Mapping[str, pa.Table], mark: str) -> None:
        with self._write, _Transaction(self._writer, self._note):
            run = self._writer.execute
            fast = rollup.fast(self._writer)
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
                        f"FROM main.held AS r JOIN main.stream_row AS s ON s.key = r.stream WHERE s.stream_type = '{s.id}' AND r.quality <= 2 "
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
            run("DELETE FROM stream_awaited")
            declared = [(s.asset, s.id) for pack in packs for s in pack.streams]
            kinds = {n: pa.array([d[i] for d in declared], pa.string()) for i, n in enumerate(("type", "stream_type"))}
            self._run(AWAIT.format("asset_row"), tables={"declared": pa.table(kinds)})
            rollup.keep_pace(self._writer, self.zone, fast)
            run("INSERT OR REPLACE INTO meta VALUES (?, ?)", [room.DEFINED, mark])

    def close(self) -> None:
        with self._write:
            if self._closed:
                return
            self._closed = True
            try:
                self._settle()
                if self._since_ends:
                    with _Transaction(self._writer, self._note):
                        self._write_ends()
            except StoreFailed as e:
                log.warning("the store is closed with readings in its journal: %s", e)
            if self._journal:
                self._journal.close()
            self._writer.close()
            self._db.close()
            if self._file:
                self._file.close()


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
        Receipt(receipt.batch, accepted, suspect, corrected, leaf=receipt.leaf)
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

    def ends(self) -> np.ndarray:
        """Where the rows of each stream end: the places of its newest reading."""
        if len(self.key) == 1:
            return _ONLY
        last = np.empty(len(self.key), bool)
        last[-1:] = True
        np.not_equal(self.key[1:], self.key[:-1], out=last[:-1])
        return np.flatnonzero(last)

    def take(self, rows: np.ndarray) -> _Part:
        return _Part(
            self.key[rows], self.time[rows], self.value[rows], self.quality[rows], self.number, self.sender[rows]
        )

    def canonical(self, names: Sequence[str]) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Distinct stream ids in order, and the columns ordered by stream id and time."""
        if len(self.key) == 1:
            return [names[self.key[0]]], _ONLY, self.time, self.value, self.quality
        keys, index = self.distinct()
        streams = [names[k] for k in keys]
        order = sorted(range(len(streams)), key=streams.__getitem__)
        if order == list(range(len(streams))):  # the common case: ids were first seen in their own order
            return streams, index, self.time, self.value, self.quality
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        index = rank[index]
        rows = np.argsort(index, kind="stable")
        return [streams[i] for i in order], index[rows], self.time[rows], self.value[rows], self.quality[rows]

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct keys in order, and of each row which it has; rows are sorted by key."""
        ends = self.ends()
        return self.key[ends], np.repeat(np.arange(len(ends)), np.diff(ends, prepend=-1))


_ONLY = np.zeros(1, np.int64)


def _together(parts: Sequence[_Part]) -> _Part:
    """Batches as one, sorted by stream and time; of readings at the same time the one that came last stands last."""
    columns = [np.concatenate(c) for c in zip(*((p.key, p.time, p.value, p.quality) for p in parts), strict=True)]
    order = np.lexsort((columns[1], columns[0]))
    key, time, value, quality = (column[order] for column in columns)
    return _Part(key, time, value, quality, parts[-1].number)


class _Transaction:
    """Everything inside is committed together or not at all; `note` hears of every error of the database."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, note: Callable[[BaseException | None], None]) -> None:
        self._cursor, self._note = cursor, note

    def __enter__(self) -> None:
        try:
            self._cursor.begin()
        except duckdb.Error as e:
            self._note(e)
            raise StoreFailed(
                f"the store does not take writes: {_first_line(e)}",
                "check the disk's free space and permissions",
                "store",
            ) from e

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._note(error)
        if kind is None:
            try:
                self._cursor.commit()
            except duckdb.Error as e:
                self._note(e)
                _undo(self._cursor)
                if isinstance(e, _FATAL):
                    raise _given_up(e) from e
                raise StoreFailed(
                    f"nothing was recorded: {_first_line(e)}", "check the disk's free space and permissions", "store"
                ) from e
            return
        _undo(self._cursor)
        if isinstance(error, duckdb.Error):
            raise StoreFailed(
                f"nothing was recorded: {_first_line(error)}", "check the disk's free space and permissions", "store"
            ) from error
        if error is not None and not isinstance(error, CityTwinError):
            log.error("a transaction was rolled back: %s", error)


def _undo(cursor: duckdb.DuckDBPyConnection) -> None:
    try:
        cursor.rollback()
    except duckdb.Error:
        log.debug("nothing to roll back")


def _given_up(why: Exception | None = None) -> StoreFailed:
    """What to say while the database takes nothing."""
    said = f": {why.message if isinstance(why, CityTwinError) else _first_line(why)}" if why else ""
    return StoreFailed(
        f"the database gave up and is being opened anew{said}",
        "make room on the disk and see that it may be written; then ask again, and look first whether what you sent is there",
        "store",
    )


def _name(id: str) -> str:
    pack, _, local = id.partition(".")
    return f'"{pack}"."{local}"'


def _rows(parts: Sequence[_Part]) -> pa.Table:
    """Parts as rows of the table `reading`, in one piece: thousands of small pieces cost the database a hundred times as much."""
    batch = np.repeat([p.number for p in parts], [len(p.key) for p in parts])
    return pa.table(
        {
            "stream": pa.array(_joined([p.key for p in parts])),
            "time": pa.array(_joined([p.time for p in parts])).cast(UTC_US),
            "value": pa.array(_joined([p.value for p in parts]), from_pandas=True),  # NaN: no value
            "quality": pa.array(_joined([p.quality for p in parts])),
            "batch": pa.array(batch.astype(np.int64, copy=False)),
        }
    )


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _moment(value: datetime | int) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromtimestamp(value / 1e6, UTC)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _microseconds(column: pa.ChunkedArray) -> np.ndarray:
    moments: np.ndarray
    if column.type == UTC_US and column.num_chunks == 1 and not column.null_count:
        moments = (
            column.chunk(0).view(pa.int64()).to_numpy()
        )  # a cast would let go of the interpreter, and wait for its turn
    else:
        moments = column.cast(UTC_US).cast(pa.int64()).to_numpy()
    return moments


def _in_utc(table: pa.Table) -> pa.Table:
    """Time stamps as UTC: DuckDB labels them with the session's zone."""
    for i, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type) and column.type.tz and column.type.tz != "UTC":
            table = table.set_column(i, column.name, pc.cast(table.column(i), UTC_US))
    return table
