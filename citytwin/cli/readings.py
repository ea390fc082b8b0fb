"""`citytwin ingest`: bring readings in from a file."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from citytwin.cli.ask import ask
from citytwin.cli.home import opened, refresh, serving
from citytwin.engine import decode, ingest
from citytwin.kernel.errors import BadRequest, NotFound
from citytwin.kernel.observation import Batch

MEDIA = {
    ".csv": decode.CSV,
    ".json": decode.JSON,
    ".arrow": "application/vnd.apache.arrow.file",
    ".arrows": decode.ARROW,
    ".feather": "application/vnd.apache.arrow.file",
}


def add(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    p = sub.add_parser(
        "ingest",
        help="bring readings in from a CSV, JSON or Arrow file",
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
