"""What was read? Readings travel in columns; a reading is a row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from citytwin.kernel.errors import Fault

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("stream", "time", "value", "quality")
"""Columns of a batch: stream id (string), time (timestamp[us, UTC]), value (float64, canonical unit), quality (int8)."""


class Quality(IntEnum):
    """Quality of a reading: the primary flags of IOOS QARTOD (Manual for the Use of Real-Time Data Quality Flags, 2017)."""

    GOOD = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    BAD = 4
    MISSING = 9


@dataclass(frozen=True, slots=True)
class Batch:
    """Readings that arrive together: an Arrow table with `stream`, `time`, `value` and, if the source tells, `quality`, `unit`.

    `key` makes a retry harmless: a batch whose key was already accepted is acknowledged again and not stored twice.
    """

    table: pa.Table
    key: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch: its number in the log, rows accepted, flagged and rejected, and each fault.

    `passed` are rows passed over because the reading that came first stands (the stream type's policy says so).
    """

    batch: int
    accepted: int
    suspect: int = 0
    corrected: int = 0
    rejected: int = 0
    passed: int = 0
    repeated: bool = False
    leaf: str = ""
    faults: tuple[Fault, ...] = ()
