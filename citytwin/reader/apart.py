"""How is a stranger's file read without risk to a running server? In a process of its own, with bounded time and memory."""

from __future__ import annotations

import subprocess
import sys

import msgspec

from .fault import ReaderError
from .record import Reading

SECONDS = 90
"""More than the reader's own bounds allow; whoever needs longer is stuck."""
MEMORY = 2 << 30
"""Bytes of address space; what the reader really uses stays far below."""


class _Answer(msgspec.Struct):
    reading: Reading | None = None
    message: str = ""
    hint: str = ""


def read_apart(data: bytes, name: str = "") -> Reading:
    """The same as `read`, in a process of its own. Raises ReaderError as it does, and when the process breaks its bounds."""
    what = name or "the document"
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, name],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ReaderError(f"{what} takes longer than {SECONDS} s to read", "Split it into its documents.") from None
    except OSError as e:
        raise ReaderError(f"{what} cannot be read here: {e.strerror}", "It is read by a second process.") from e
    try:
        answer = msgspec.json.decode(done.stdout, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ReaderError(
            f"{what} needs more memory than a plan does, or is damaged",
            "Split it into its documents, or export its text.",
        ) from None
    if answer.reading is None:
        raise ReaderError(answer.message, answer.hint)
    return answer.reading


def main() -> int:
    """The process: a file on standard input, its reading or its fault on standard output."""
    from .reading import read

    _bound()
    try:
        answer = _Answer(read(sys.stdin.buffer.read(), sys.argv[1]))
    except ReaderError as e:
        answer = _Answer(None, e.message, e.hint)
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 0


def _bound() -> None:
    try:
        import resource
    except ImportError:  # only POSIX systems bound the memory of a process
        return
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ValueError, OSError):  # a bound below ours is in force already
        return


if __name__ == "__main__":
    sys.exit(main())
