"""What do we remember? The protocol that every store fulfils: it fetches and appends, it never answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from citytwin.kernel.observation import Receipt
from citytwin.kernel.pack import Pack

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Change:
    """One statement of a commit, in the portable dialect; `tables` are Arrow tables it names, `params` its `$name` parameters."""

    sql: str
    params: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pa.Table] = field(default_factory=dict)


AWAIT = """INSERT INTO stream_awaited SELECT a.asset_id || '.' || d.stream_type, a.asset_id, d.stream_type
  FROM {} AS a JOIN declared AS d ON d.type = a.type
  WHERE NOT EXISTS (SELECT 1 FROM stream_row AS s WHERE s.stream = a.asset_id || '.' || d.stream_type)"""
"""Await the streams that assets (a table's name) have by declaration (asset type `type`, `stream_type`), unless they reported."""
Point = tuple[str, int, float, int, int]
"""A reading in plain Python: stream, microseconds since 1970, value, quality flag, and which of the senders it is of."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Readings ready to be recorded: sorted by stream and time, one per stream and time, in canonical units.

    `rows` has stream (string or dictionary), time (timestamp[us, UTC]), value (float64) and quality (int8). Where the rows of
    several `senders` make up one batch, a column `sender` (int32, from 0) says whose each row is. A few readings may come as
    `points` in place of rows, in any order: a table of them would cost more than all the rest.
    """

    rows: pa.Table = None
    key: str = ""
    source: str = ""
    senders: int = 1
    points: Sequence[Point] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A batch as it went on record, for those who listen: rows sorted by `code` and time, one for each of both. They are the store's own: not to be changed.

    The stream of a row is `names[code]`; `names` of the batches of one store is one list, which grows. Times are microseconds since 1970,
    a missing value is NaN.
    """

    number: int
    names: Sequence[str]
    code: NDArray[np.integer[Any]]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.code)


class Store(Protocol):
    """Remembers a city. Every method may be called from any thread."""

    zone: str
    home: Path | None
    """The folder that its files lie in, if it has any."""
    spatial: bool
    """Whether its SQL compares geometries (`ST_…`)."""

    def define(self, packs: Sequence[Pack], tables: Mapping[str, pa.Table]) -> None:
        """Make the SQL surface of these packs: a view per type, relation, stream type and indicator, a table per reference table."""

    def fetch(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        tables: Mapping[str, pa.Table] | None = None,
        within: float = 0.0,
    ) -> pa.Table:
        """The rows of one SELECT, read from one consistent state, within so many seconds (0: however long it takes).

        Raises CityTwinError naming the fault of the statement.
        """

    def commit(
        self,
        *changes: Change,
        leaves: Sequence[tuple[str, str, str]] = (),
        enroll: Sequence[tuple[str, str]] = (),
        retire: Sequence[str] = (),
    ) -> None:
        """Carry out the changes in one durable transaction, or none; `leaves` (kind, subject, digest) are sealed with them.

        `enroll` are streams (id, asset) that are to be there before they report, `retire` those that are shown to nobody from now on.
        """

    def record(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        """Append readings and their leaves durably, all or none: on return they survive `kill -9`. One receipt per sender.

        A key seen before is acknowledged with `repeated` and not stored. A reading equal to the one on record is not stored again;
        one that differs supersedes it, and the history stays.
        """

    def retract(self, readings: pa.Table) -> int:
        """Withdraw the readings named by stream (id) and time, durably; the history stays. Returns how many there were."""

    def revise(
        self,
        stream: str,
        rows: pa.Table,
        gone: pa.Table,
        edit: int,
        *changes: Change,
        leaves: Sequence[tuple[str, str, str]] = (),
    ) -> int:
        """Put `rows` (time, value, quality) of a stream in force in place of what is, and nothing at the times of `gone`, with the changes and
        leaves, durably, all or nothing; the history stays. The batch is known as that of decision number `edit`. Returns its number, 0 if nothing differed."""

    def backup(self, folder: Path) -> dict[str, Any]:
        """Copy all that is on record into a new folder, with a paper: format, root, leaves, bytes, sha256, files. Raises CityTwinError."""

    def roll(self) -> int:
        """Bring the views `observation_minute`, `observation_hour` and `observation_day` up to what is on record."""

    def sort(self, least: int = ...) -> int:
        """Put what came in lately in an order in which a stream is found at once, if it is at least so many readings."""

    def tier(self, before: Mapping[str, datetime], least: int = ...) -> int:
        """Move readings of a stream type from before a time to where they take less room; `''` stands for all types that are not named.

        Every question goes on seeing them. Moves one slice of each, if it is of at least so many readings, and returns how many moved; 0 where there is
        nothing to move, or nowhere.
        """

    def erase(self, before: Mapping[str, datetime]) -> int:
        """Delete, for good, readings of a stream type from before a time, and put that on record and in the log. Roll-ups and leaves stay.

        Deletes one slice of each, and nothing of a type that is on hold (`hold_row`), or of which an asset or a stream is; returns how many.
        """

    def window(self, stream: str, since: datetime, until: datetime, most: int = 0) -> pa.Table:
        """The standing readings of a stream (id) in [since, until), the first `most` of them (0: all): time, value, quality, batch, by time."""

    def series(
        self,
        streams: Sequence[str] | None,
        since: datetime,
        until: datetime,
        step: int | str,
        columns: Sequence[str] = (),
    ) -> pa.Table:
        """Sums of standing readings of streams (ids; None: all) in [since, until) by steps: seconds, counted from 1970 UTC, or the city's `day`.

        Gives stream, time (the step's beginning) and the `columns` (all, where none is named): n, mean, low, high, first, last of good readings and the
        gravest quality of any, in no order; who names few of them waits less. A step
        of flagged readings alone has n = 0. Exactly what the readings add up to, however it is come by. Raises BadRequest.
        """

    def spans(self) -> pa.Table:
        """Of every stream that reported: key, stream, and the times of its first and last reading (since, until)."""

    def newest(self, stream: str) -> tuple[int, int] | None:
        """The key of a stream and the time of its last reading in microseconds since 1970 (before all time if there is none)."""

    def latest(self) -> pa.Table:
        """The last reading of every stream: stream, asset_id, stream_type, time, value, quality."""

    def part(self, assets: frozenset[str]) -> Store:
        """What there is of these assets, to be read alone, until it is closed."""

    def watch(self, listener: Callable[[Written], None], wanted: Callable[[], bool] = lambda: True) -> None:
        """Call `listener` with every recorded batch, after its commit, while it is `wanted`. Whoever writes waits for it: it should only take note."""

    def close(self) -> None:
        """Write everything out and release the store."""
