"""What do the readings of a minute, an hour, a day add up to? Roll-ups that follow what is recorded, and readings sorted so that one stream is found at once.

Both are states of what is on record already. A step costs as much as what came in since the last one: new readings are added to the sums of their
period, and only periods in which a reading was corrected or withdrawn are summed up anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import duckdb

ROLLED, SORTED, MERGED_RUNS = "rolled", "sorted", "merged"
"""Rows of `meta`: the last batch that roll-ups know, the last one whose readings are sorted, and the last one of a run of such runs."""
RUNS = 8
"""Sorted runs that are made one: a stream's day of minutes is then in a dozen places rather than thirty."""
MOST = 4_000_000
"""Readings that are added in one transaction, so that nobody who writes waits long."""
BLOCK = 7
"""Sorted readings lie in blocks of 2**7 streams, by time within: a stream is found in one block, and times that repeat take no room."""
ORDER = f"stream >> {BLOCK}, time, stream, batch"
"""How readings are sorted."""
STANDS = (
    "NOT EXISTS (SELECT 1 FROM superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch)"
)
_GOOD = "r.quality <= 2 AND r.value IS NOT NULL"
_RAW = {
    "n": f"count(*) FILTER (WHERE {_GOOD})",
    "low": f"min(r.value) FILTER (WHERE {_GOOD})",
    "high": f"max(r.value) FILTER (WHERE {_GOOD})",
    "total": f"sum(r.value) FILTER (WHERE {_GOOD})",
    "first": f"arg_min(r.value, r.time) FILTER (WHERE {_GOOD})",
    "last": f"arg_max(r.value, r.time) FILTER (WHERE {_GOOD})",
    "first_time": f"min(r.time) FILTER (WHERE {_GOOD})",
    "last_time": f"max(r.time) FILTER (WHERE {_GOOD})",
    "worst": "max(r.quality)",
}
_MERGED = {
    "n": "sum(n)::BIGINT",
    "low": "min(low)",
    "high": "max(high)",
    "total": "sum(total)",
    "first": "arg_min(first, first_time)",
    "last": "arg_max(last, last_time)",
    "first_time": "min(first_time)",
    "last_time": "max(last_time)",
    "worst": "max(worst)",
}
COLUMNS = tuple(_RAW)
"""The columns of a roll-up after stream and period."""


def summed(columns: Iterable[str]) -> str:
    """SQL of columns of a roll-up, from readings `r`."""
    return ", ".join(f"{_RAW[c]} AS {c}" for c in columns)


def merged(columns: Iterable[str]) -> str:
    """The same, from roll-ups of shorter periods or of parts of one."""
    return ", ".join(f"{_MERGED[c]} AS {c}" for c in columns)


SUMS, MERGED = summed(COLUMNS), merged(COLUMNS)
FAST = "stream IN (SELECT s.key FROM stream_row AS s JOIN stream_kind AS k ON k.stream_type = s.stream_type WHERE k.cadence_s < 60)"
"""Streams of which roll-ups by the minute are kept: of others a minute holds one reading, and the roll-up would be larger than the readings."""
UNIT_S = {"minute": 60, "hour": 3600, "day": 86400}


def known(writer: duckdb.DuckDBPyConnection, name: str) -> int:
    """How far this state has come."""
    row = writer.execute("SELECT value FROM meta WHERE name = ?", [name]).fetchone()
    return int(row[0]) if row else 0


def note(writer: duckdb.DuckDBPyConnection, name: str, batch: int) -> None:
    """It has come so far."""
    writer.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [name, str(batch)])


@lru_cache
def whole_hours(zone: str) -> bool:
    """Whether the zone's clock is whole hours ahead of UTC, whenever we look from 1970 to 2100: its hours are those of UTC then."""
    at = ZoneInfo(zone)
    months = (datetime(1970 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(130 * 12))
    return all((at.utcoffset(m) or timedelta()).total_seconds() % 3600 == 0 for m in months)


def period(unit: str, zone: str, time: str = "r.time") -> str:
    """SQL for the beginning of the minute, hour or day of the city's clock that holds `time`."""
    if unit == "minute" or (unit == "hour" and whole_hours(zone)):  # a fifth of the work of a calendar
        size = UNIT_S[unit] * 1_000_000
        return f"make_timestamptz(epoch_us({time}) - ((epoch_us({time}) % {size}) + {size}) % {size})"
    return f"date_trunc('{unit}', {time})"


def due(writer: duckdb.DuckDBPyConnection, batch: int) -> tuple[int, int]:
    """The batches of the next step: after the first number, up to the second. Equal where nothing is to be done."""
    since = known(writer, ROLLED)
    if since >= batch:
        return since, since
    row = writer.execute(
        """SELECT max(batch) FROM (SELECT batch, sum(rows) OVER (ORDER BY batch) - rows AS before FROM batch WHERE batch > $since)
           WHERE before < $most""",
        {"since": since, "most": MOST},
    ).fetchone()
    return since, min(int(row[0]), batch) if row and row[0] is not None else batch


def roll(
    writer: duckdb.DuckDBPyConnection, zone: str, since: int, upto: int, held: Callable[[datetime, datetime], str]
) -> int:
    """Add, within a transaction, the readings of batches after `since` up to `upto` to the roll-ups; returns how many hours of streams changed.

    `held` gives the SQL of a relation that has all readings from one time to another, wherever they lie.
    """
    row = writer.execute("SELECT count(*), max(until) FROM erasure").fetchone()
    erased = bool(row and row[0])
    gone = """LEFT JOIN (SELECT s.key, max(e.until) AS until FROM stream_row AS s JOIN erasure AS e ON e.stream_type = s.stream_type GROUP BY s.key) AS g
              ON g.key = r.stream""" if erased else ""  # fmt: skip
    kept = "AND (g.until IS NULL OR r.time >= g.until)" if erased else ""
    span = {"since": since, "upto": upto}
    row = writer.execute(f"SELECT 1 FROM stream_row WHERE {FAST.replace('stream IN', 'key IN', 1)} LIMIT 1").fetchone()
    changed = 0
    for unit in ("minute", "hour") if row else ("hour",):
        which = f"AND r.{FAST}" if unit == "minute" else ""
        writer.execute(
            f"""CREATE OR REPLACE TEMP TABLE dirty AS SELECT DISTINCT r.stream, {period(unit, zone)} AS period FROM superseded AS r {gone}
                WHERE r.by_batch > $since AND r.by_batch <= $upto AND r.batch <= $since {which} {kept}""",
            span,
        )
        writer.execute(
            f"""CREATE OR REPLACE TEMP TABLE fresh AS SELECT r.stream, {period(unit, zone)} AS period, {SUMS}, FALSE AS whole
                FROM reading AS r {gone} WHERE r.batch > $since AND r.batch <= $upto AND {STANDS} {which} {kept} GROUP BY ALL""",
            span,
        )
        if stretches(writer, "dirty"):
            writer.execute("DELETE FROM fresh AS f USING dirty AS d WHERE f.stream = d.stream AND f.period = d.period")
            for low, high in stretches(writer, "dirty"):
                writer.execute(
                    f"""INSERT INTO fresh SELECT d.stream, d.period, {SUMS}, TRUE AS whole
                        FROM dirty AS d JOIN {held(low, high + timedelta(seconds=UNIT_S[unit]))} AS r
                          ON r.stream = d.stream AND {period(unit, zone)} = d.period
                        WHERE d.period BETWEEN $low AND $high AND r.batch <= $upto AND {STANDS} GROUP BY d.stream, d.period""",
                    {"low": low, "high": high, "upto": upto},
                )
            # a period whose every reading was withdrawn has no row any more
            writer.execute(
                """INSERT INTO fresh (stream, period, n, worst, whole) SELECT d.stream, d.period, 0, 0, TRUE FROM dirty AS d
                   WHERE NOT EXISTS (SELECT 1 FROM fresh AS f WHERE f.stream = d.stream AND f.period = d.period)"""
            )
        for low, high in stretches(writer, "fresh"):
            bound = {"low": low, "high": high}
            writer.execute(
                f"""CREATE OR REPLACE TEMP TABLE merged AS SELECT stream, period, {MERGED} FROM (
                      SELECT * EXCLUDE whole FROM fresh WHERE period BETWEEN $low AND $high
                      UNION ALL SELECT h.* FROM rollup_{unit} AS h JOIN fresh AS f ON f.stream = h.stream AND f.period = h.period
                      WHERE h.period BETWEEN $low AND $high AND NOT f.whole) GROUP BY stream, period""",
                bound,
            )
            writer.execute(
                f"""DELETE FROM rollup_{unit} AS h USING fresh AS f
                    WHERE h.stream = f.stream AND h.period = f.period AND h.period BETWEEN $low AND $high""",
                bound,
            )
            writer.execute(f"INSERT INTO rollup_{unit} SELECT * FROM merged WHERE worst > 0 ORDER BY {ORDER_PERIOD}")
        if unit == "hour":
            row = writer.execute("SELECT count(*) FROM fresh").fetchone()
            changed = int(row[0]) if row else 0
            _days(writer, zone)
    for table in ("dirty", "fresh", "merged"):
        writer.execute(f"DROP TABLE IF EXISTS temp.{table}")
    note(writer, ROLLED, upto)
    return changed


def fast(writer: duckdb.DuckDBPyConnection) -> set[str]:
    """The stream types that have roll-ups by the minute."""
    return {t for (t,) in writer.execute("SELECT stream_type FROM stream_kind WHERE cadence_s < 60").fetchall()}


def keep_pace(writer: duckdb.DuckDBPyConnection, zone: str, before: set[str]) -> None:
    """Make and drop, within a transaction, roll-ups by the minute of stream types that are declared faster or slower than `before` (those that were fast)."""
    now = fast(writer)
    for kind in sorted(now ^ before):
        which = "stream IN (SELECT key FROM stream_row WHERE stream_type = $kind)"
        writer.execute(f"DELETE FROM rollup_minute WHERE {which}", {"kind": kind})
        if kind in now and (mark := known(writer, ROLLED)):
            writer.execute(
                f"""INSERT INTO rollup_minute SELECT * FROM (SELECT r.stream, {period("minute", zone)} AS period, {SUMS} FROM held AS r
                      WHERE r.batch <= {mark} AND r.{which} AND {STANDS} GROUP BY ALL) ORDER BY {ORDER_PERIOD}""",
                {"kind": kind},
            )


ORDER_PERIOD = f"stream >> {BLOCK}, period, stream"


def _days(writer: duckdb.DuckDBPyConnection, zone: str) -> None:
    """Make anew the days that the hours in `fresh` belong to."""
    day = period("day", zone, "period")
    writer.execute(f"CREATE OR REPLACE TEMP TABLE dirty AS SELECT DISTINCT stream, {day} AS period FROM fresh")
    for low, high in stretches(writer, "dirty"):
        bound = {"low": low, "high": high}
        writer.execute(
            "DELETE FROM rollup_day AS h USING dirty AS d WHERE h.stream = d.stream AND h.period = d.period AND h.period BETWEEN $low AND $high",
            bound,
        )
        writer.execute(
            f"""INSERT INTO rollup_day SELECT * FROM (
                  SELECT d.stream, d.period, {MERGED} FROM dirty AS d JOIN (
                    SELECT * EXCLUDE period, {day} AS day FROM rollup_hour WHERE period >= $low AND period < $high + INTERVAL 25 HOUR) AS h
                  ON h.stream = d.stream AND h.day = d.period WHERE d.period BETWEEN $low AND $high GROUP BY d.stream, d.period)
                ORDER BY {ORDER_PERIOD}""",
            bound,
        )


def stretches(writer: duckdb.DuckDBPyConnection, table: str) -> list[tuple[datetime, datetime]]:
    """The first and the last of the periods in a table, for each run of them without a gap of more than two days.

    A statement that is bound to such a run leaves alone all that lies before, behind and between.
    """
    rows = writer.execute(
        f"""SELECT min(period), max(period) FROM (SELECT period, sum(gap) OVER (ORDER BY period) AS run FROM (
              SELECT period, CASE WHEN period - lag(period) OVER (ORDER BY period) > INTERVAL 2 DAY THEN 1 ELSE 0 END AS gap
              FROM (SELECT DISTINCT period FROM {table}))) GROUP BY run ORDER BY 1"""
    ).fetchall()
    return [(low, high) for low, high in rows]


def sort(writer: duckdb.DuckDBPyConnection, batch: int, least: int) -> int:
    """Put the readings of batches since the last time in the order of streams and times, within a transaction, if they are at least so many.

    DuckDB knows of every row group which streams and times it holds: sorted, a stream is in a few of them; as they came, in all.
    """
    since = known(writer, SORTED)
    row = writer.execute("SELECT count(*) FROM reading WHERE batch > ?", [since]).fetchone()
    if row is None or row[0] < least or not row[0]:
        return 0
    writer.execute(
        f"CREATE OR REPLACE TEMP TABLE sorted AS SELECT * FROM reading WHERE batch > ? ORDER BY {ORDER}", [since]
    )
    writer.execute("DELETE FROM reading WHERE batch > ?", [since])
    writer.execute("INSERT INTO reading SELECT * FROM sorted")
    writer.execute("DROP TABLE sorted")
    note(writer, SORTED, batch)
    return int(row[0])


@dataclass(frozen=True, slots=True)
class Span:
    """Batches after one number, up to another."""

    since: int
    upto: int

    @property
    def where(self) -> str:
        """SQL of the condition on readings."""
        return f"batch > {self.since} AND batch <= {self.upto}"


def runs(cursor: duckdb.DuckDBPyConnection, least: int) -> Span | None:
    """The batches that were sorted and not made one run yet, if they have at least so many readings."""
    span = Span(known(cursor, MERGED_RUNS), known(cursor, SORTED))
    if span.upto <= span.since:
        return None
    row = cursor.execute(f"SELECT count(*) FROM reading WHERE {span.where}").fetchone()
    return span if row and row[0] >= least else None


def sort_sums(writer: duckdb.DuckDBPyConnection, unit: str, least: int) -> int:
    """The same for the roll-ups of periods since the last time, but for the newest ones, which still change."""
    mark = f"{SORTED}_{unit}"
    since = datetime.fromtimestamp(known(writer, mark), UTC)
    counts = writer.execute(
        f"SELECT period, count(*) FROM rollup_{unit} WHERE period >= ? GROUP BY period ORDER BY period", [since]
    ).fetchall()
    if not counts:
        return 0
    rows, until, newest = 0, since, counts[-1][0] - timedelta(hours=2)
    for at, count in counts:  # as many as one transaction should take
        if at >= newest or rows >= MOST // 2:
            break
        rows, until = rows + count, at + timedelta(microseconds=1)
    if rows < least or not rows:
        return 0
    until = until.replace(microsecond=0) + timedelta(seconds=UNIT_S[unit])
    span = [since, until]
    writer.execute(
        f"CREATE OR REPLACE TEMP TABLE sorted AS SELECT * FROM rollup_{unit} WHERE period >= ? AND period < ? ORDER BY {ORDER_PERIOD}",
        span,
    )
    writer.execute(f"DELETE FROM rollup_{unit} WHERE period >= ? AND period < ?", span)
    writer.execute(f"INSERT INTO rollup_{unit} SELECT * FROM sorted")
    writer.execute("DROP TABLE sorted")
    note(writer, mark, int(until.timestamp()))
    return rows
