"""`citytwin ingest` and `citytwin export`: bring readings in from a file, and out into one."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from citytwin.cli.ask import ask
from citytwin.cli.home import opened, refresh, serving
from citytwin.engine import decode, export, ingest
from citytwin.kernel.errors import BadRequest, NotFound
from citytwin.kernel.observation import Batch

MEDIA = {
    ".csv": decode.CSV,
    ".json": decode.JSON,
    ".arrow": "application/vnd.apache.arrow.file",
    ".arrows": decode.ARROW,
    ".feather": "application/vnd.apache.arrow.file",
    ".parquet": decode.PARQUET,
    ".senml": decode.SENML,
}


def add(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    p = sub.add_parser(
        "ingest",
        help="bring readings in from a CSV, JSON, SenML, Arrow or Parquet file",
        description="Columns: stream, time, value (and quality, unit). A time without an offset is read in the city's zone. "
        "If any row is at fault nothing is recorded and every such row is named; --partial records the others.",
        epilog="example: citytwin ingest levels.csv --home .home --unit mm",
    )
    p.add_argument("file", type=Path, help="the file; - reads standard input as JSON")
    p.add_argument("--home", type=Path, required=True, metavar="DIR", help="where the city's data live")
    p.add_argument("--unit", default="", help="unit of the values, where it is not the canonical one")
    p.add_argument("--key", default="", help="a name for this batch: sending it again changes nothing")
    p.add_argument("--partial", action="store_true", help="record the good rows of a batch that has bad ones")
    p.set_defaults(action=run)
    out = sub.add_parser(
        "export",
        help="write readings into a CSV, JSON, SenML, Arrow, Parquet or line protocol file",
        description="Readings as they stand now, corrections included, by time and stream. The ending of the file says the form.",
        epilog="example: citytwin export levels.parquet --home .home --type drainage.level --since 2026-01-01T00:00:00+08:00",
    )
    out.add_argument("file", type=Path, help=f"the file to write: {', '.join(f'.{form}' for form in export.FORMS)}")
    out.add_argument("--home", type=Path, required=True, metavar="DIR", help="where the city's data live")
    out.add_argument("--streams", default="", metavar="IDS", help="stream ids, separated by commas (default: all)")
    out.add_argument("--type", default="", help="readings of one stream type")
    out.add_argument("--asset", default="", help="readings of one asset")
    out.add_argument("--since", type=datetime.fromisoformat, default=None, metavar="TIME", help="from this time on")
    out.add_argument("--until", type=datetime.fromisoformat, default=None, metavar="TIME", help="before this time")
    out.set_defaults(action=bring_out)


def run(given: argparse.Namespace) -> int:
    """Send the file to the running server, or record it directly."""
    if str(given.file) == "-":
        body, media = sys.stdin.buffer.read(), decode.JSON
    else:
        media = MEDIA.get(given.file.suffix.lower(), "")
        if not media:
            raise BadRequest(
                f"'{given.file.suffix}' is not a kind of file that holds readings",
                f"one of: {', '.join(MEDIA)}",
                str(given.file),
            )
        try:
            body = given.file.read_bytes()
        except OSError as e:
            raise NotFound(
                f"the file cannot be read: {e.strerror}", "check its name and permissions", str(given.file)
            ) from e
    url = serving(given.home)
    receipt = _send(url, body, media, given) if url else _record(body, media, given)
    json.dump(receipt, sys.stdout, ensure_ascii=False)
    print()
    return 0


def _record(body: bytes, media: str, given: argparse.Namespace) -> Any:
    with opened(given.home) as twin:
        table, faults = decode.readings(body, media, twin.city.zone)
        intake = ingest.Intake(twin)
        try:
            receipt = intake.accept(Batch(table, given.key, "cli"), given.unit, given.partial, faults)
        finally:
            intake.close()
        refresh(twin, twin.clock.now(), lambda _: None)
        return msgspec.to_builtins(receipt)


def _send(url: str, body: bytes, media: str, given: argparse.Namespace) -> Any:
    query = {
        "source": "cli",
        "unit": given.unit,
        "key": given.key,
        "partial": "true" if given.partial else "",
    }
    return json.loads(ask(f"{url}/api/observations", query, body, media))


def bring_out(given: argparse.Namespace) -> int:
    """Write the readings page by page, beside the file and then in its place: a file that is there is whole."""
    form = given.file.suffix.lower().lstrip(".")
    if form not in export.FORMS:
        raise BadRequest(
            f"'{given.file.suffix}' is not a kind of file that readings go into",
            f"one of: {', '.join(export.FORMS)}",
            str(given.file),
        )
    url = serving(given.home)
    partial = given.file.with_name(f".{given.file.name}.part")
    try:
        with Out(partial, form) as out, contextlib.nullcontext() if url else opened(given.home) as twin:
            after = None
            while True:
                table = _asked(url, given, after) if url else _page(twin, given, after)
                out.write(table)
                after = export.last(table)
                if table.num_rows < PAGE:
                    break
        partial.replace(given.file)
    except OSError as e:
        raise BadRequest(
            f"the file cannot be written: {e.strerror or e}", "check the folder and the disk", str(given.file)
        ) from e
    finally:
        partial.unlink(missing_ok=True)
    print(f"{out.rows:,} readings → {given.file}")
    return 0


PAGE = 200_000


def _asked(url: str, given: argparse.Namespace, after: tuple[datetime, str] | None) -> pa.Table:
    query = {
        "streams": given.streams, "type": given.type, "asset": given.asset, "since": given.since and given.since.isoformat(),
        "until": given.until and given.until.isoformat(), "rows": PAGE, "after": after and f"{after[0].isoformat()},{after[1]}",
    }  # fmt: skip
    return pa.ipc.open_stream(ask(f"{url}/api/readings.arrow", query)).read_all()


def _page(twin: Any, given: argparse.Namespace, after: tuple[datetime, str] | None) -> pa.Table:
    zone = ZoneInfo(twin.city.zone)
    since, until = (
        (t or d).replace(tzinfo=(t or d).tzinfo or zone) for t, d in ((given.since, FIRST), (given.until, LAST))
    )
    streams = [s for s in given.streams.split(",") if s]
    return export.page(twin, since, until, streams, given.type, given.asset, after, PAGE)


FIRST, LAST = datetime(1600, 1, 1, tzinfo=UTC), datetime(2600, 1, 1, tzinfo=UTC)


class Out:
    """A file that pages are written into, one after another."""

    def __init__(self, path: Path, form: str) -> None:
        self.rows = 0
        self._path, self._form = path, form
        self._file: BinaryIO = path.open("wb")
        self._table: Any = None

    def __enter__(self) -> Out:
        return self

    def write(self, table: pa.Table) -> None:
        """Add a page."""
        first = self.rows == 0 and self._table is None
        self.rows += table.num_rows
        match self._form:
            case "arrow":
                self._table = self._table or pa.ipc.new_file(self._file, table.schema)
                self._table.write_table(table)
            case "parquet":
                self._table = self._table or pq.ParquetWriter(self._file, table.schema, compression="zstd")
                self._table.write_table(table)
            case "json" | "senml":
                inner = export.encoded(table, self._form)[1:-1]
                self._file.write((b"[" if first else b",\n" if inner else b"") + inner)
                self._table = True
            case _:
                data = export.encoded(table, self._form)
                self._file.write(data if first or self._form == "lp" else data.partition(b"\n")[2])
                self._table = True

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._form in ("arrow", "parquet") and self._table is not None:
            self._table.close()
        elif self._form in ("json", "senml") and self._table is not None:
            self._file.write(b"]\n")
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
