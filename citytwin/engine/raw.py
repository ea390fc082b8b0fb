"""What came in, before anybody edited it? The newest reading of each moment that no edit made and nobody withdrew."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from citytwin.kernel.store import Store

TIME = pa.timestamp("us", tz="UTC")
MOMENT = timedelta(microseconds=1)
SPAN = pa.schema([("stream", pa.string()), ("since", TIME), ("until", TIME)])
_ROWS = """
  WITH came AS (
    SELECT o.stream, o.time, o.value, o.quality, o.batch, row_number() OVER (PARTITION BY o.stream, o.time ORDER BY o.batch DESC) AS n
    FROM observation_all AS o
    WHERE o.stream IN (SELECT stream FROM span) AND o.time >= $since AND o.time < $until
      AND EXISTS (SELECT 1 FROM span AS s WHERE s.stream = o.stream AND o.time >= s.since AND o.time < s.until)
      AND NOT EXISTS (SELECT 1 FROM edit_batch AS e WHERE e.batch = o.batch))
  SELECT c.stream, c.time, c.value, c.quality FROM came AS c WHERE c.n = 1 AND NOT EXISTS (
    SELECT 1 FROM superseded AS x JOIN stream_row AS k ON k.key = x.stream
    WHERE k.stream = c.stream AND x.time = c.time AND x.by_batch > c.batch
      AND NOT EXISTS (SELECT 1 FROM edit_batch AS e WHERE e.batch = x.by_batch)
      AND NOT EXISTS (SELECT 1 FROM observation_all AS r WHERE r.stream = c.stream AND r.time = x.time AND r.batch = x.by_batch))
  ORDER BY c.stream, c.time"""
"""The last condition finds what somebody withdrew: superseded by a batch, not of an edit, that left nothing in its place."""


def raw(store: Store, spans: pa.Table) -> pa.Table:
    """Readings as they came (stream, time, value, quality) in spans (stream, since, until; `until` is left out), by stream and time."""
    if not spans.num_rows:
        return store.fetch(_ROWS, {"since": None, "until": None}, {"span": spans})
    since, until = min(spans["since"].to_pylist()), max(spans["until"].to_pylist())
    return store.fetch(_ROWS, {"since": since, "until": until}, {"span": spans})


def before(store: Store, stream: str, time: datetime, count: int, after: bool = False) -> pa.Table:
    """The `count` readings as they came next before a time, or `after` it (at it included), by time."""
    side, order = (">=", "") if after else ("<", "DESC")
    # those that are edited or withdrawn are few: the moments are looked for first, then asked what came in
    found = store.fetch(
        f"""SELECT o.time FROM observation_all AS o
            WHERE o.stream = $stream AND o.time {side} $time AND NOT EXISTS (SELECT 1 FROM edit_batch AS e WHERE e.batch = o.batch)
            GROUP BY o.time ORDER BY o.time {order} LIMIT {count:d}""",
        {"stream": stream, "time": time},
    )["time"]
    if not len(found):
        return raw(store, SPAN.empty_table())
    first, last = min(found.to_pylist()), max(found.to_pylist())
    return raw(store, span(stream, first, last + MOMENT))


def span(stream: str, since: datetime, until: datetime) -> pa.Table:
    """One span as a table."""
    return pa.table({"stream": [stream], "since": [since], "until": [until]}, SPAN)
