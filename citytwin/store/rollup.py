"""What do the readings of an hour, of a day add up to? Roll-ups that follow what is recorded, and readings sorted so that one stream is found at once.

Both are states of what is on record already: whatever happens to them, they are made again from the readings.
"""

from __future__ import annotations

import duckdb

ROLLED, SORTED = "rolled", "sorted"
"""Rows of `meta`: the last batch that roll-ups know, and the last one whose readings are sorted."""
_GOOD = "r.quality <= 2 AND r.value IS NOT NULL"
_STANDS = (
    "NOT EXISTS (SELECT 1 FROM superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch)"
)
_HOURS = f"""
  INSERT INTO rollup_hour
  SELECT r.stream, d.period, count(*), min(r.value), max(r.value), sum(r.value), arg_min(r.value, r.time), arg_max(r.value, r.time)
  FROM reading AS r JOIN touched AS d ON d.stream = r.stream AND d.period = date_trunc('hour', r.time)
  WHERE r.time >= $since AND r.time < $until AND {_GOOD} AND {_STANDS} GROUP BY r.stream, d.period ORDER BY r.stream, d.period"""
_DAYS = """
  INSERT INTO rollup_day
  SELECT h.stream, d.period, sum(h.n), min(h.low), max(h.high), sum(h.total), arg_min(h.first, h.period), arg_max(h.last, h.period)
  FROM rollup_hour AS h JOIN (SELECT DISTINCT stream, date_trunc('day', period) AS period FROM touched) AS d
    ON d.stream = h.stream AND d.period = date_trunc('day', h.period)
  GROUP BY h.stream, d.period ORDER BY h.stream, d.period"""


def known(writer: duckdb.DuckDBPyConnection, name: str) -> int:
    """How far this state has come."""
    row = writer.execute("SELECT value FROM meta WHERE name = ?", [name]).fetchone()
    return int(row[0]) if row else 0


def note(writer: duckdb.DuckDBPyConnection, name: str, batch: int) -> None:
    """It has come so far."""
    writer.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [name, str(batch)])


def roll(writer: duckdb.DuckDBPyConnection, batch: int) -> int:
    """Make anew, within a transaction, the roll-ups of every hour that batches up to `batch` touched since the last time; returns how many."""
    since = known(writer, ROLLED)
    if since >= batch:
        return 0
    writer.execute(
        """CREATE OR REPLACE TEMP TABLE touched AS
           SELECT DISTINCT stream, date_trunc('hour', time) AS period FROM reading WHERE batch > $since
           UNION SELECT stream, date_trunc('hour', time) FROM superseded WHERE by_batch > $since""",
        {"since": since},
    )
    row = writer.execute("SELECT count(*), min(period), max(period) + INTERVAL 1 HOUR FROM touched").fetchone()
    assert row is not None
    count, first, end = row
    if count:
        writer.execute(
            "DELETE FROM rollup_hour AS h USING touched AS d WHERE h.stream = d.stream AND h.period = d.period"
        )
        writer.execute(_HOURS, {"since": first, "until": end})
        writer.execute(
            "DELETE FROM rollup_day AS h USING (SELECT DISTINCT stream, date_trunc('day', period) AS period FROM touched) AS d "
            "WHERE h.stream = d.stream AND h.period = d.period"
        )
        writer.execute(_DAYS)
    writer.execute("DROP TABLE touched")
    note(writer, ROLLED, batch)
    return int(count)


def sort(writer: duckdb.DuckDBPyConnection, batch: int, least: int) -> int:
    """Put the readings of batches since the last time in the order of streams and times, within a transaction, if they are at least so many.

    DuckDB knows of every row group which streams and times it holds: sorted, a stream is in a few of them; as they came, in all.
    """
    since = known(writer, SORTED)
    row = writer.execute("SELECT count(*) FROM reading WHERE batch > ?", [since]).fetchone()
    if row is None or row[0] < least or not row[0]:
        return 0
    writer.execute(
        "CREATE OR REPLACE TEMP TABLE sorted AS SELECT * FROM reading WHERE batch > ? ORDER BY stream, time, batch",
        [since],
    )
    writer.execute("DELETE FROM reading WHERE batch > ?", [since])
    writer.execute("INSERT INTO reading SELECT * FROM sorted")
    writer.execute("DROP TABLE sorted")
    note(writer, SORTED, batch)
    return int(row[0])
