"""`citytwin read`: what a plan document promises."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

import yaml

from citytwin import reader
from citytwin.kernel.errors import BadRequest, CityTwinError, NotFound

log = logging.getLogger("citytwin.cli")


def add(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    p = sub.add_parser(
        "read",
        help="what a plan document promises",
        description="Reads a text file (UTF-8 or GB18030), a PDF or a DOCX, splits it into its documents and sections, and prints the commitments it finds.",
        epilog="example: citytwin read plan.txt --format jsonl > commitments.jsonl",
    )
    p.add_argument("file", type=Path, help="the document; - reads standard input")
    p.add_argument(
        "--format",
        choices=("table", "jsonl", "json", "yaml"),
        default="table",
        help="table to look at; jsonl one commitment a line; json and yaml a draft plan per document",
    )
    p.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="put the documents into this city as drafts, to be reviewed and published there",
    )
    p.add_argument("--by", default="", metavar="NAME", help="who brings them (with --home)")
    p.add_argument("--of", default="", metavar="DRAFT", help="the draft that this is a new version of (with --home)")
    p.add_argument("--out", type=Path, metavar="FILE", help="write there instead of printing")
    p.set_defaults(action=read)


def read(given: argparse.Namespace) -> int:
    """Print the commitments of one file."""
    try:
        data = sys.stdin.buffer.read() if str(given.file) == "-" else given.file.read_bytes()
    except OSError as e:
        raise NotFound(
            f"the file cannot be read: {e.strerror}", "check its name and permissions", str(given.file)
        ) from e
    if given.home:
        return _draft(data, given)
    try:
        reading = reader.read(data, given.file.name)
    except CityTwinError:
        raise
    except Exception as e:  # whatever a stranger's file brings to light, its owner gets a sentence and not a trace
        log.debug("a file broke the reader", exc_info=True)
        raise BadRequest(
            f"the document cannot be read: {type(e).__name__} in the reader",
            "this is a fault of CityTwin: send the file to those who look after it",
            str(given.file),
        ) from e
    made = _text(reading, given.format)
    if given.out:
        try:
            given.out.write_text(made, "utf-8")
        except OSError as e:
            raise BadRequest(
                f"the result cannot be written: {e.strerror}", "choose another place", str(given.out)
            ) from e
    else:
        sys.stdout.write(made)
    return 0


def _draft(data: bytes, given: argparse.Namespace) -> int:
    """Put the documents into the city: into the one that is being served, else into its store."""
    from citytwin.cli.ask import ask
    from citytwin.cli.home import opened, serving

    if not given.by.strip():
        raise BadRequest("it is not said who brings the document", "add --by NAME", "--by")
    url = serving(given.home)
    if url:
        query = {"name": given.file.name, "by": given.by, "of": given.of}
        made = json.loads(ask(f"{url}/api/drafts", query, data, "application/octet-stream"))["items"]
        found = [(d["id"], d["version"], d["title"]["zh"], d["counts"]["open"]) for d in made]
    else:
        from citytwin.engine.drafts import fold
        from citytwin.engine.drafts import read as drafts

        with opened(given.home) as twin:
            read = drafts.read(twin, data, given.file.name, given.by, given.of)
            found = [(d.id, d.version, d.title.zh, fold.counts(d)["open"]) for d in read]
    for id, version, title, waiting in found:
        again = f", version {version}" if version > 1 else ""
        print(f"{id}  {title}  ({waiting} to decide{again})")
    print(f"review: {url}/drafts" if url else f"review: citytwin serve --home {given.home}, then /drafts")
    return 0


def _text(reading: Any, format: str) -> str:
    match format:
        case "jsonl":
            return "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in reader.rows(reading))
        case "json":
            return json.dumps(reader.draft(reading), ensure_ascii=False, indent=1, default=str) + "\n"
        case "yaml":
            plain = json.loads(json.dumps(reader.draft(reading), ensure_ascii=False, default=str))
            return str(yaml.safe_dump_all(plain, allow_unicode=True, sort_keys=False, width=120))
    return str(reader.table(reading)) + "\n"
