"""`citytwin edit`: bring the edits of a file into a stream's script, and replay it."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol

import msgspec

from citytwin.cli.ask import ask
from citytwin.cli.home import opened, refresh, serving
from citytwin.engine import edit as edits
from citytwin.engine import load, script, shape, strict
from citytwin.engine.twin import Twin
from citytwin.kernel.edit import Edit, Edited, Script
from citytwin.kernel.errors import BadDeclaration, NotFound


def add(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    p = sub.add_parser(
        "edit",
        help="correct a stream by a file of edits, and replay them",
        description="Steps that hold already are not taken again, so a file may be run any number of times; then all edits of the stream are "
        "replayed on the readings as they came. docs/reference/quality.md tells every step.",
        epilog="example: citytwin edit drift-2026.yaml --home .home --by 'Li Hua' --preview",
    )
    p.add_argument("file", type=Path, help="the file: stream, by, steps")
    p.add_argument("--home", type=Path, required=True, metavar="DIR", help="where the city's data live")
    p.add_argument("--by", default="", metavar="NAME", help="who decides (default: as the file says)")
    p.add_argument("--preview", action="store_true", help="say what would change, and change nothing")
    p.set_defaults(action=run)


class Door(Protocol):
    """The way to the edits of a city, be it served or not."""

    zone: str

    def there(self, stream: str) -> list[Edited]: ...
    def preview(self, stream: str, more: list[Edit]) -> tuple[int, int, int]: ...
    def apply(self, stream: str, by: str, edit: Edit, note: str) -> tuple[int, int, int]: ...
    def replay(self, stream: str) -> tuple[int, int, int]: ...


class Served:
    """A running server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.zone = json.loads(ask(f"{url}/api/city"))["zone"]

    def there(self, stream: str) -> list[Edited]:
        told = json.loads(ask(f"{self._url}/api/streams/{stream}/edits"))
        return msgspec.convert(told["items"], list[Edited])

    def preview(self, stream: str, more: list[Edit]) -> tuple[int, int, int]:
        return self._send(f"{stream}/edits/preview", {"edits": more})

    def apply(self, stream: str, by: str, edit: Edit, note: str) -> tuple[int, int, int]:
        return self._send(f"{stream}/edits", {"by": by, "note": note, "edit": edit})

    def replay(self, stream: str) -> tuple[int, int, int]:
        return self._send(f"{stream}/edits/replay", {})

    def _send(self, path: str, body: dict[str, Any]) -> tuple[int, int, int]:
        told = json.loads(ask(f"{self._url}/api/streams/{path}", None, msgspec.json.encode(body), "application/json"))
        return told["changed"], told["added"], told["withdrawn"]


class Here:
    """The store itself."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self.zone = twin.city.zone

    def there(self, stream: str) -> list[Edited]:
        edits.known(self._twin, stream)
        return script.edits(self._twin.store, stream)

    def preview(self, stream: str, more: list[Edit]) -> tuple[int, int, int]:
        return _counts(edits.preview(self._twin, stream, *more))

    def apply(self, stream: str, by: str, edit: Edit, note: str) -> tuple[int, int, int]:
        return _counts(edits.apply(self._twin, stream, by, edit, note))

    def replay(self, stream: str) -> tuple[int, int, int]:
        return _counts(edits.replay(self._twin, stream))


def run(given: argparse.Namespace) -> int:
    """Take the steps of the file that do not hold yet, and replay."""
    wanted = _read(given.file)
    by = given.by or wanted.by
    url = serving(given.home)
    if url:
        _go(Served(url), wanted, by, given.preview)
    else:
        with opened(given.home) as twin:
            _go(Here(twin), wanted, by, given.preview)
            if not given.preview:
                refresh(twin, twin.clock.now(), lambda _: None)
    return 0


def _go(door: Door, wanted: Script, by: str, preview: bool) -> None:
    held = script.holding(door.there(wanted.stream))
    more: list[tuple[Edit, str]] = []
    for step in wanted.steps:
        plain = Edit(**{f.name: getattr(step, f.name) for f in fields(Edit)})
        edit = edits.zoned(plain, door.zone)
        if edit in held:
            held.remove(edit)
            print(f"{_said(edit)}: holds already")
        else:
            more.append((edit, step.note))
    if preview:
        if more:
            print(f"{len(more)} steps would be taken: {_told(door.preview(wanted.stream, [e for e, _ in more]))}")
        return
    for edit, note in more:
        print(f"{_said(edit)}: {_told(door.apply(wanted.stream, by, edit, note))}")
    print(f"replayed: {_told(door.replay(wanted.stream))}")


def _read(path: Path) -> Script:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise NotFound(f"the file cannot be read: {e}", "check its name, permissions and encoding", str(path)) from e
    document = strict.parse(text, load.place(path))
    made = shape.read(document, "edits", Script)
    if made is None:
        raise BadDeclaration(
            f"{path.name} has {len(document.faults)} faults", "mend the places named", str(path), tuple(document.faults)
        )
    return made


def _counts(made: edits.Applied | edits.Difference) -> tuple[int, int, int]:
    return made.changed, made.added, made.withdrawn


def _told(counts: tuple[int, int, int]) -> str:
    return "{:,} changed, {:,} added, {:,} withdrawn".format(*counts)


def _said(edit: Edit) -> str:
    return f"{edit.kind} {edit.since:%Y-%m-%dT%H:%M:%SZ} – {edit.until:%Y-%m-%dT%H:%M:%SZ}"
