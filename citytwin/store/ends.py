"""Where do the readings of every stream begin and end? Found piece by piece in a store that does not tell: after a migration, or after it was read last by an earlier program.

What is found is written down as it goes, so that a start that is cut off goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec

from citytwin.store import tier

PIECE = 10_000_000
"""Readings of the database that are looked through at once; of partitions each is one piece."""
SO_FAR = "ends so far"
"""The name in `meta` of how far one is."""
STANDING = "ANTI JOIN superseded AS x ON x.stream = r.stream AND x.time = r.time AND x.batch = r.batch"
"""What leaves of readings `r` those that stand. The same as NOT EXISTS over some of the readings takes DuckDB 1.5 twice as long: it makes a list of them first."""


class SoFar(msgspec.Struct, frozen=True):
    """How far the readings were looked through: pieces that are done, and what tells that the store is still the one that they were of."""

    store: list[int]
    done: list[str] = []


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the readings, as a relation in SQL, and about how many."""

    name: str
    source: str
    rows: int


def found(source: str, which: str = "TRUE") -> str:
    """The statement that finds the first and the last standing reading of streams."""
    return f"""SELECT stream, min(time) AS first, max(time) AS time, arg_max_null(value, (time, batch)) AS value,
                      arg_max(quality, (time, batch)) AS quality
               FROM {source} AS r {STANDING} WHERE {which} GROUP BY stream"""


def pieces(cursor: duckdb.DuckDBPyConnection, folder: Path | None) -> list[Piece]:
    """All readings, in pieces."""
    made: list[Piece] = []
    for file in tier.files(cursor) if folder else ():
        source = tier.relation(folder, [file], "(SELECT * FROM reading LIMIT 0)")
        made.append(Piece(file.file, source, file.rows))
    row = cursor.execute("SELECT count(*), coalesce(max(rowid), -1) + 1 FROM reading").fetchone()
    rows, end = row or (0, 0)
    for low in range(0, end, PIECE):
        high = min(low + PIECE, end)
        source = f"(SELECT * FROM reading WHERE rowid >= {low} AND rowid < {high})"
        made.append(Piece(f"rows {low} to {high}", source, rows * (high - low) // end))
    return made


def state(cursor: duckdb.DuckDBPyConnection) -> list[int]:
    """What changes with every reading that comes, is corrected, moved or deleted."""
    row = cursor.execute(
        "SELECT (SELECT coalesce(max(batch), 0) FROM batch), (SELECT count(*) FROM superseded), (SELECT count(*) FROM tier_file), "
        "(SELECT coalesce(max(erasure), 0) FROM erasure)"
    ).fetchone()
    return [int(n) for n in row or ()]


def so_far(cursor: duckdb.DuckDBPyConnection) -> list[str]:
    """The pieces that are done, if the store is as it was then."""
    row = cursor.execute("SELECT value FROM meta WHERE name = ?", [SO_FAR]).fetchone()
    if row is None:
        return []
    try:
        known = msgspec.json.decode(row[0], type=SoFar)
    except msgspec.DecodeError:
        return []
    return known.done if known.store == state(cursor) else []


def noted(cursor: duckdb.DuckDBPyConnection, done: Sequence[str]) -> None:
    """Write down which pieces are done; within the transaction that writes down what was found in them."""
    told = msgspec.json.encode(SoFar(state(cursor), list(done))).decode()
    cursor.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [SO_FAR, told])


def windows(begin: int, end: int, first: int) -> Iterator[tuple[int, int]]:
    """Spans of time from `begin` to `end` (microseconds, the end included), the first so long and each eight times as long as the one before."""
    size = first
    while begin <= end:
        yield begin, min(begin + size, end + 1)
        begin, size = begin + size, size * 8
