"""Who may see a part of the city, what is there for them? The same surface over tables that hold the rows of some assets, and nothing else.

Questions of a part are asked in a database of its own that lies beside the city's, in memory: every table is a view there with the rows of the part (part.sql), and every view of views.sql and
of packs is made over these. A name that is not there is not found, whatever the statement: nobody has to remember to filter.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NoReturn

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from citytwin.kernel.errors import Forbidden
from citytwin.kernel.stream import stream_parts

if TYPE_CHECKING:
    from citytwin.store.duckdb import DuckStore

KEPT = 8
"""Connections that are kept for the questions of a part: to make one costs as much as a small question."""
_numbers, _names = itertools.count(1), itertools.count(1)


class Part:
    """Fulfils `kernel.store.Store` for some assets, to be read alone."""

    def __init__(self, whole: DuckStore, assets: frozenset[str]) -> None:
        self._whole, self.assets = whole, assets
        self.number = next(_numbers)
        self.zone, self.home, self.spatial = whole.zone, whole.home, whole.spatial
        self._values = pa.array(sorted(assets), pa.string())
        self._idle: list[tuple[duckdb.DuckDBPyConnection, str]] = []

    def fetch(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        tables: Mapping[str, pa.Table] | None = None,
        within: float = 0.0,
    ) -> pa.Table:
        return self._whole.fetch_part(self, sql, params, tables, within)

    def window(self, stream: str, since: datetime, until: datetime, most: int = 0) -> pa.Table:
        return self._whole.window(stream if self._sees(stream) else "", since, until, most)

    def series(
        self,
        streams: Sequence[str] | None,
        since: datetime,
        until: datetime,
        step: int | str,
        columns: Sequence[str] = (),
    ) -> pa.Table:
        asked = self.latest()["stream"].to_pylist() if streams is None else [s for s in streams if self._sees(s)]
        return self._whole.series(asked, since, until, step, columns)

    def spans(self) -> pa.Table:
        found = self._whole.spans()
        return found.filter(pa.array([self._sees(s) for s in found["stream"].to_pylist()], pa.bool_()))

    def newest(self, stream: str) -> tuple[int, int] | None:
        return self._whole.newest(stream) if self._sees(stream) else None

    def latest(self) -> pa.Table:
        found = self._whole.latest()
        return found.filter(pc.is_in(found["asset_id"], value_set=self._values))

    def part(self, assets: frozenset[str]) -> Part:
        return Part(self._whole, assets & self.assets)

    def roll(self) -> int:
        return 0  # the whole is rolled up by itself

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise Forbidden("you may not do this", "it takes a right for all of the city: ask your administrator")

    commit = record = retract = revise = define = watch = backup = sort = tier = erase = _refuse

    def close(self) -> None:
        """Forget which assets these are."""
        self.rest()
        self._whole.forget_part(self)

    def cursor(self, db: duckdb.DuckDBPyConnection, beside: str) -> duckdb.DuckDBPyConnection:
        """A connection that asks of this part."""
        while self._idle:
            cursor, of = self._idle.pop()
            if of == beside:
                return cursor
            cursor.close()
        cursor = db.cursor()
        enter(cursor, beside, self)
        return cursor

    def keep(self, cursor: duckdb.DuckDBPyConnection, beside: str) -> bool:
        """Keep a connection for the next question, if there is room."""
        if len(self._idle) >= KEPT:
            return False
        self._idle.append((cursor, beside))
        return True

    def rest(self) -> None:
        """Keep no connections."""
        while self._idle:
            self._idle.pop()[0].close()

    def _sees(self, stream: str) -> bool:
        return stream_parts(stream)[0] in self.assets


def lay_out(db: duckdb.DuckDBPyConnection) -> str:
    """Make the database that parts are asked in, with the surface of packs as it is now; returns its name."""
    city, beside = _city(db), f"part_of_city_{next(_names)}"
    with _cursor(db) as cursor:
        packs = "database_name = $city AND schema_name <> 'main' AND NOT internal"
        made = cursor.execute(f"SELECT schema_name, sql FROM duckdb_views() WHERE {packs}", {"city": city}).fetchall()
        held = cursor.execute(
            f"SELECT schema_name, table_name FROM duckdb_tables() WHERE {packs}", {"city": city}
        ).fetchall()
        cursor.execute(f"ATTACH ':memory:' AS {beside}; USE {beside}")
        cursor.execute("SET VARIABLE part = 'part_0'")
        cursor.execute(_text("part.sql").replace("city.", f'"{city}".main.'))
        cursor.execute(_text("views.sql"))
        for pack in sorted({schema for schema, _ in [*made, *held]}):
            cursor.execute(f'CREATE SCHEMA "{pack}"')
        for pack, table in held:
            cursor.execute(f'CREATE VIEW "{pack}"."{table}" AS SELECT * FROM "{city}"."{pack}"."{table}"')
        for _, sql in made:
            cursor.execute(sql)
    return beside


def _city(db: duckdb.DuckDBPyConnection) -> str:
    with _cursor(db) as cursor:
        (name,) = cursor.execute("SELECT current_database()").fetchone() or ("",)
    return str(name)


def _text(name: str) -> str:
    return (files("citytwin.store") / name).read_text("utf-8")


def insert(db: duckdb.DuckDBPyConnection, beside: str, part: Part) -> None:
    """Say which assets a part is of."""
    with _cursor(db) as cursor:
        cursor.register("listed", pa.table({"asset_id": pa.array(sorted(part.assets), pa.string())}))
        cursor.execute(f"CREATE TABLE {beside}.main.part_{part.number:d} AS SELECT asset_id FROM listed")


def remove(db: duckdb.DuckDBPyConnection, beside: str, part: Part) -> None:
    """Forget which assets a part is of."""
    with _cursor(db) as cursor:
        cursor.execute(f"DROP TABLE {beside}.main.part_{part.number:d}")


def enter(cursor: duckdb.DuckDBPyConnection, beside: str, part: Part) -> None:
    """What this cursor asks from now on it asks of a part."""
    cursor.execute(f"USE {beside}; SET VARIABLE part = 'part_{part.number:d}'")


def leave(cursor: duckdb.DuckDBPyConnection, db: duckdb.DuckDBPyConnection) -> None:
    """It asks of the city again."""
    cursor.execute(f'USE "{_city(db)}"')


@contextmanager
def _cursor(db: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    cursor = db.cursor()
    try:
        yield cursor
    finally:
        cursor.close()
