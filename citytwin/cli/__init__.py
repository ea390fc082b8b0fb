"""Door for people: the command `citytwin`. Chooses the store and wires everything."""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import sys
from collections.abc import Sequence

from citytwin import __version__
from citytwin.kernel.errors import CityTwinError

PARTS = {
    "run": "run",
    "serve": "run",
    "status": "status",
    "ingest": "readings",
    "export": "readings",
    "edit": "edit",
    "backup": "backup",
    "restore": "backup",
    "token": "token",
    "feeds": "feeds",
    "notify": "notify",
    "read": "text",
    "plan": "plan",
    "pack": "pack",
}
"""In which file each command stands: only that one is loaded, so that none pays for the others."""

EPILOG = """\
a first look:
  citytwin run                                 the reference city Lingang, in your browser
  citytwin status --home .home                 how it stands, on one screen
  citytwin read plan.txt                       what a plan document promises
  citytwin plan report reuse_2025 --home .home how a plan stands, as a document
  citytwin pack new lighting                   a pack of your own
  citytwin ingest readings.csv --home .home    bring readings in
  citytwin export level.parquet --home .home   and out
  citytwin feeds check --home .home            who is asked for readings, and whether all is said right
  citytwin notify check --home .home           who is told what by which way, and whether all is said right
"""


def parser(command: str = "") -> argparse.ArgumentParser:
    """The command line: whole, or the part that knows this command."""
    top = argparse.ArgumentParser(
        prog="citytwin",
        description="A city on one kernel: from a plan's sentence to a live, provable number.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"citytwin {__version__}")
    sub = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for part in dict.fromkeys([PARTS[command]] if command in PARTS else PARTS.values()):
        importlib.import_module(f"citytwin.cli.{part}").add(sub)
    return top


def fail(error: CityTwinError, most: int = 20) -> str:
    """An error as the command line tells it."""
    lines = [f"citytwin: {error}"]
    lines += [f"  {fault}" for fault in error.faults[:most]]
    if len(error.faults) > most:
        lines.append(f"  … and {len(error.faults) - most} more")
    return "\n".join(lines)


_CONTROL = {c: f"\\x{c:02x}" for c in (*range(32), *range(127, 160), 0x2028, 0x2029)}


def one_line(record: logging.LogRecord) -> bool:
    """Writes out what would end a line of the log or steer a terminal: what somebody sent begins no line of its own."""
    record.msg, record.args = record.getMessage().translate(_CONTROL), None
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, 1 when it failed with a reason, 2 when the command line is wrong."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(one_line)
    for stream in (sys.stdout, sys.stderr):  # what is printed is Chinese, whatever the terminal says of itself
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() not in ("utf-8", "utf8"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    words = sys.argv[1:] if argv is None else argv
    given = parser(words[0] if words else "").parse_args(words)
    try:
        return int(given.action(given) or 0)
    except CityTwinError as e:
        print(fail(e), file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
