"""How do readings get out? Pages of any set of streams in every form in which readings come in, so that what goes out can come in again unchanged."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from citytwin.engine.states import titled
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadRequest

MOST = 1_000_000
"""Rows of one page."""
_SELECT = """
  SELECT o.stream, o.time, o.value, o.quality, s.unit{word} FROM observation_all AS o JOIN stream AS s ON s.stream = o.stream{states}
  WHERE NOT o.superseded AND o.time >= $since AND o.time < $until{which}{after} ORDER BY o.time, o.stream LIMIT {limit:d}"""


def page(
    twin: Twin,
    since: datetime,
    until: datetime,
    streams: Sequence[str] = (),
    type: str = "",
    asset: str = "",
    after: tuple[datetime, str] | None = None,
    limit: int = MOST,
) -> pa.Table:
    """Readings as they stand now, by time and stream: stream, time, value, quality, unit, and the `word` of a state where the city has any. The next page comes `after` the last row of this one."""
    params: dict[str, object] = {"since": since, "until": until}
    which = ""
    tables = {}
    if streams:
        which += " AND o.stream IN (SELECT stream FROM wanted)"
        tables["wanted"] = pa.table({"stream": pa.array(streams, pa.string())})
    for name, column, given in (("type", "stream_type", type), ("asset", "asset_id", asset)):
        if given:
            which += f" AND o.{column} = ${name}"
            params[name] = given
    behind = ""
    if after:
        behind = " AND (o.time > $at OR (o.time = $at AND o.stream > $last))"
        params |= {"at": after[0], "last": after[1]}
    word = states = ""
    if twin.stated:
        word = ", t.word"
        states = " LEFT JOIN state AS t ON t.stream_type = o.stream_type AND t.code = o.value"
        tables["state"] = titled(twin)
    sql = _SELECT.format(which=which, after=behind, limit=min(limit, MOST), word=word, states=states)
    return twin.store.fetch(sql, params, tables)


def last(table: pa.Table) -> tuple[datetime, str] | None:
    """Where the next page begins, if this one has any row."""
    if not table.num_rows:
        return None
    return table["time"][-1].as_py(), table["stream"][-1].as_py()


def encoded(table: pa.Table, form: str) -> bytes:
    """A page in one of `FORMS`."""
    if form not in FORMS:
        raise BadRequest(f"there is no form '{form[:40]}'", f"one of: {', '.join(FORMS)}", "format")
    return FORMS[form](table)


def _csv(table: pa.Table) -> bytes:
    out = io.BytesIO()
    if "word" in table.column_names:
        if table["word"].null_count < table.num_rows:
            said = pc.coalesce(table["word"], table["value"].cast(pa.string()))
            table = table.set_column(table.column_names.index("value"), "value", said)
        table = table.drop_columns(["word"])
    pacsv.write_csv(table.set_column(1, "time", _iso(table["time"])), out, pacsv.WriteOptions(quoting_style="needed"))
    return out.getvalue()


def _arrow(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def _parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def _json(table: pa.Table) -> bytes:
    rows = table.to_pylist()
    for row in rows if "word" in table.column_names else ():
        word = row.pop("word")
        row["value"] = row["value"] if word is None else word
    return msgspec.json.encode(rows)


def _words(table: pa.Table) -> list[str | None]:
    return list(table["word"].to_pylist()) if "word" in table.column_names else [None] * table.num_rows


def _lines(table: pa.Table) -> bytes:
    """Points of measurement `reading` with the tag `stream`, states as the text field `state`. A missing value is no point."""
    table = table.filter(pc.is_valid(table["value"]))
    ns = np.char.add(table["time"].cast(pa.int64()).to_numpy().astype(str), "000")
    parts = zip(table["stream"].to_pylist(), table["value"].to_pylist(), _words(table), ns.tolist(), strict=True)
    return "".join(
        f"reading,stream={stream} value={value!r} {at}\n"
        if word is None
        else f'reading,stream={stream} state="{word}" {at}\n'
        for stream, value, word, at in parts
    ).encode()


def _senml(table: pa.Table) -> bytes:
    """SenML (RFC 8428): base times are resolved already, states are texts. A missing value has no record."""
    seconds = table["time"].cast(pa.int64()).to_numpy() / 1e6
    rows = zip(
        table["stream"].to_pylist(),
        table["value"].to_pylist(),
        table["unit"].to_pylist(),
        _words(table),
        seconds.tolist(),
        strict=True,
    )
    return msgspec.json.encode(
        [
            {"n": n, "v": v, "u": u, "t": t} if word is None else {"n": n, "vs": word, "t": t}
            for n, v, u, word, t in rows
            if v is not None
        ]
    )


def _iso(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")  # Arrow writes the fraction with the seconds


FORMS: Mapping[str, Callable[[pa.Table], bytes]] = {
    "csv": _csv, "arrow": _arrow, "parquet": _parquet, "json": _json, "lp": _lines, "senml": _senml,
}  # fmt: skip
"""Forms by the ending of a file in that form. Flags and units come along in all but `lp` (neither) and `senml` (no flags); states as words, in `arrow` and `parquet` beside their codes."""
