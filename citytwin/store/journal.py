"""What was acknowledged and is not in the database yet? An append-only file beside it."""

from __future__ import annotations

import logging
import os
import struct
import zlib
from pathlib import Path

from citytwin.kernel.errors import StoreFailed

log = logging.getLogger("citytwin.store")
_HEAD = struct.Struct("<4sIII")
"""Mark, length and CRC-32 of the entry, CRC-32 of these three: a damaged length must not pass for a torn end."""
_MARK = b"CTJ1"
_FIELDS = struct.Struct("<4sII")


class Journal:
    """Entries, each durable once `append` returns. Whoever opens it must hold the database beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # what is written is on the disk when it returns: one call for a write and its sync, so one wait for the interpreter's turn
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_DSYNC, 0o644)
        except OSError as e:
            raise self._failed("cannot be opened for writing", e) from e
        try:
            _sync_folder(path.parent)
            self.entries, self._end = self._read()
            self._torn = True
            """Whether there may be more in the file than whole entries."""
            self._cut()
        except BaseException:
            os.close(self._file)
            raise

    def _read(self) -> tuple[list[bytes], int]:
        """The entries, and where the last whole one ends. Raises StoreFailed where one is damaged that others follow."""
        try:
            data = os.pread(self._file, os.fstat(self._file).st_size, 0)
        except OSError as e:
            raise self._failed("cannot be read", e) from e
        entries: list[bytes] = []
        at, held = 0, len(data.rstrip(b"\0"))
        while at < len(data):
            head = _head(data, at)
            if head is None and held - at < _HEAD.size:
                break  # torn within its head: the file had grown, and the bytes behind never came
            if head is None:
                raise self.damaged(f"at byte {at}")
            length, check = head
            entry = data[at + _HEAD.size : at + _HEAD.size + length]
            end = at + _HEAD.size + length
            if len(entry) < length or (zlib.crc32(entry) != check and end >= held):
                break
            if zlib.crc32(entry) != check:
                raise self.damaged(f"at byte {at}")
            entries.append(entry)
            at = end
        if at < len(data):
            log.warning("%s: its last entry was cut off and never acknowledged; left out", self._path)
        return entries, at

    def append(self, entry: bytes) -> None:
        """Write an entry through to the disk. Raises StoreFailed, and then nothing of it stays."""
        check = _FIELDS.pack(_MARK, len(entry), zlib.crc32(entry))
        record = memoryview(check + struct.pack("<I", zlib.crc32(check)) + entry)
        if self._torn:  # an earlier failure may have left part of an entry
            self._cut()
        try:
            self._torn = True
            written = 0
            while written < len(record):
                written += os.write(self._file, record[written:])
            self._torn = False
        except OSError as e:
            self._cut()
            raise self._failed("cannot be written", e) from e
        self._end += len(record)

    def clear(self) -> None:
        """Forget every entry: they are in the database now."""
        self._end = 0
        self._cut()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _cut(self) -> None:
        """End the file after the last whole entry."""
        try:
            if os.fstat(self._file).st_size != self._end:
                os.ftruncate(self._file, self._end)
                os.fdatasync(self._file)
            self._torn = False
        except OSError as e:
            raise self._failed("cannot be cut", e) from e

    def damaged(self, where: str) -> StoreFailed:
        """What to say of a journal that is not what was written."""
        return StoreFailed(
            f"{self._path} is damaged {where}: readings that were acknowledged are in it and cannot be read",
            "restore it and the database from one backup; or move it away to go on without what it holds",
            str(self._path),
        )

    def _failed(self, how: str, error: OSError) -> StoreFailed:
        return StoreFailed(
            f"nothing was recorded: {self._path} {how}: {error.strerror or error}",
            "check the disk's free space and permissions",
            str(self._path),
        )


def _head(data: bytes, at: int) -> tuple[int, int] | None:
    """Length and CRC-32 of the entry whose head stands here; None where none does."""
    if len(data) - at < _HEAD.size:
        return None
    mark, length, check, own = _HEAD.unpack_from(data, at)
    return (length, check) if mark == _MARK and own == zlib.crc32(data[at : at + _FIELDS.size]) else None


def _sync_folder(folder: Path) -> None:
    """A new file is only there after a crash once its folder was written."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
