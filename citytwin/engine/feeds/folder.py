"""What lies in the drop folder? Files are read once they are whole, and put away when their readings are durable or refused."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import stat
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from citytwin.engine.feeds import form
from citytwin.engine.feeds.source import Delivery
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadBatch, Fault, SourceFailed
from citytwin.kernel.feed import FolderFeed
from citytwin.kernel.observation import Batch, Receipt

DONE, REFUSED = "done", "refused"
UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".swp", "~")
"""Endings under which programs write what they rename when it is whole."""
MOST = 1000
"""Files of one look; the others come with the next."""
_SET_SIGNAL = 10  # F_SETSIG of fcntl.h, which the module fcntl does not name


class Folder:
    """A drop folder as a source."""

    def __init__(self, feed: FolderFeed, twin: Twin, home: Path) -> None:
        self.memory: MutableMapping[str, str] = {}
        self.again_s: float | None = None
        self._feed = feed
        self._twin = twin
        self._home = home
        self._folder = home / feed.folder
        self._seen: dict[str, tuple[tuple[int, ...], float]] = {}
        """What each file was when it was last looked at, and since when it has been that (by a clock that never jumps)."""

    def look(self) -> Iterator[Delivery]:
        """One delivery for each file that is whole, the oldest first."""
        for folder in (self._folder, self._folder / DONE, self._folder / REFUSED):
            folder.mkdir(parents=True, exist_ok=True)
        found = self._files()
        self._seen = {name: seen for name, seen in self._seen.items() if name in found}
        unreadable: OSError | None = None
        for name, state in sorted(found.items(), key=lambda item: (item[1].st_mtime_ns, item[0]))[:MOST]:
            path = self._folder / name
            if not self._whole(path, state):
                self.again_s = self._feed.settle_s
                continue
            try:
                body = self._body(path, state)
            except PermissionError as e:  # its owner must mend that
                body = BadBatch(f"the file cannot be read: {e.strerror}", "let the server read it", path.name)
            except OSError as e:  # the others must not wait for it
                unreadable = e
                continue
            if body is not None:
                yield self._delivery(path, body)
        if unreadable:
            raise unreadable

    def close(self) -> None:
        """Nothing is held open."""

    def _files(self) -> dict[str, os.stat_result]:
        found = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    state = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(state.st_mode):  # links and pipes are nobody's readings
                        found[entry.name] = state
        return found

    def _whole(self, path: Path, state: os.stat_result) -> bool:
        now = time.monotonic()
        mark = _mark(state)
        before, since = self._seen.get(path.name, ((), now))
        if before != mark:
            self._seen[path.name] = (mark, now)
            since = now
        return now - since >= self._feed.settle_s and not _written_to(path)

    def _body(self, path: Path, state: os.stat_result) -> bytes | BadBatch | None:
        """The file's bytes; why it cannot be taken; None where it changed meanwhile."""
        most = int(self._feed.largest_mb * 1_000_000)
        if state.st_size > most:
            return BadBatch(
                f"the file has {state.st_size:,} bytes, more than {most:,}",
                "cut it into several, or raise largest_mb",
                path.name,
            )
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            body = file.read(most + 1)
            after = os.fstat(file.fileno())
        return body if _mark(after) == _mark(state) and len(body) == state.st_size else None

    def _delivery(self, path: Path, body: bytes | BadBatch) -> Delivery:
        feed = self._feed
        kind = feed.form or form.ENDINGS.get(path.suffix.lower(), "")
        content = body if isinstance(body, bytes) else str(body).encode()
        digest = hashlib.sha256(
            b"\0".join([kind.encode(), feed.parser.encode(), feed.unit.encode(), content])
        ).hexdigest()

        def read() -> tuple[Batch, list[Fault]]:
            if isinstance(body, BadBatch):
                raise body
            if not kind and not feed.parser:
                raise BadBatch(
                    f"'{path.suffix}' is not an ending of files that hold readings",
                    f"one of: {', '.join(form.ENDINGS)}; or say form: or parser: in feeds.yaml",
                    path.name,
                )
            batch, faults = form.read(self._twin, body, kind, feed.parser, feed.streams, feed.id)
            return Batch(batch.table, f"feed:{feed.id}:{digest}", feed.id), faults

        def recorded(receipt: Receipt) -> None:
            self._away(
                path, DONE, digest, receipt.faults, f"{receipt.rejected} rows were left out" if receipt.faults else ""
            )

        def refused(error: BadBatch) -> None:
            self._away(
                path, REFUSED, digest, error.faults, f"{error.message} ({error.hint})" if error.hint else error.message
            )

        return Delivery(path.name, read, feed.unit, feed.partial, recorded=recorded, refused=refused)

    def _away(self, path: Path, into: str, digest: str, faults: tuple[Fault, ...], said: str) -> None:
        """Move the file; first its report is written, so that none lies there without one."""
        target = self._folder / into / path.name
        if target.exists():  # another file of this name: both stay
            target = target.with_name(f"{path.stem}.{digest[:12]}{path.suffix}")
        if said:
            report = target.with_name(f"{target.name}.report.txt")
            now = self._twin.clock.now().replace(microsecond=0).isoformat()
            lines = [f"{path.name}, {now}, feed {self._feed.id}: {said}", *map(str, faults), ""]
            part = report.with_name(f".{report.name}.part")
            part.write_text("\n".join(lines), "utf-8")
            part.replace(report)
        try:
            path.replace(target)
        except FileNotFoundError:
            raise SourceFailed(
                f"{path.name} went away while it was read", "leave files to the feed", str(path)
            ) from None
        self._seen.pop(path.name, None)


def _mark(state: os.stat_result) -> tuple[int, ...]:
    return (state.st_size, state.st_mtime_ns, state.st_ino)


def _written_to(path: Path) -> bool:
    """Whether some process of this machine has the file open for writing, as far as the system tells (Linux, own files)."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # a writer that comes now would send us a signal: let it be one that is ignored
        fcntl.fcntl(fd, _SET_SIGNAL, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False  # not a file system, or not an owner, of whom this can be asked
    finally:
        os.close(fd)
    return False
