"""Which edits of a stream hold, and what do they make of its readings? A script is the sum of the decisions about it, run in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa

from citytwin.engine.decision import decisions
from citytwin.kernel.draft import Decision
from citytwin.kernel.edit import Edit, Edited
from citytwin.kernel.observation import Quality
from citytwin.kernel.store import Store
from citytwin.science import editing

ABOUT = "stream:"
TIME = pa.timestamp("us", tz="UTC")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Series:
    """Readings of one stream by time: microseconds since 1970, values (NaN: none), flags."""

    time: np.ndarray = field(default_factory=lambda: np.array([], np.int64))
    value: np.ndarray = field(default_factory=lambda: np.array([], float))
    quality: np.ndarray = field(default_factory=lambda: np.array([], np.int8))

    @classmethod
    def of(cls, table: pa.Table) -> Series:
        """From columns time, value and quality."""
        return cls(
            table["time"].cast(TIME).cast(pa.int64()).to_numpy(),
            table["value"].to_numpy(zero_copy_only=False).astype(float),
            table["quality"].to_numpy().astype(np.int8),
        )

    def table(self) -> pa.Table:
        """As columns time, value and quality."""
        value = pa.array(self.value, from_pandas=True)
        return pa.table({"time": pa.array(self.time).cast(TIME), "value": value, "quality": pa.array(self.quality)})

    def take(self, rows: np.ndarray | slice) -> Series:
        """Some of its rows."""
        return Series(self.time[rows], self.value[rows], self.quality[rows])

    def and_then(self, more: Series) -> Series:
        """This one with another behind it."""
        pairs = ((self.time, more.time), (self.value, more.value), (self.quality, more.quality))
        return Series(*(np.concatenate(pair) for pair in pairs))

    def merged(self, more: Series) -> Series:
        """Both by time, each moment once: where both have it, as here."""
        both = self.and_then(more)
        return both.take(np.unique(both.time, return_index=True)[1])

    @property
    def fit(self) -> np.ndarray:
        """Which readings have a value, and a flag with which they may be used."""
        return np.asarray((self.quality <= Quality.NOT_EVALUATED) & ~np.isnan(self.value))


Other = Callable[[str, int, int], Series]
"""The fit readings of another stream in a span (microseconds)."""


def edits(store: Store, stream: str) -> list[Edited]:
    """The edits of a stream, oldest first, those that were undone too."""
    return _folded(decisions(store, ABOUT + stream))


def holding(found: Iterable[Edited]) -> list[Edit]:
    """Those that hold, in order."""
    return [e.edit for e in found if e.undone is None]


def scripts(store: Store) -> dict[str, list[Edit]]:
    """Of every stream that has edits that hold: those."""
    by_stream: dict[str, list[Decision]] = {}
    for d in decisions(store, ABOUT):
        by_stream.setdefault(d.about.removeprefix(ABOUT), []).append(d)
    made = {stream: holding(_folded(taken)) for stream, taken in by_stream.items()}
    return {stream: script for stream, script in made.items() if script}


def _folded(taken: Sequence[Decision]) -> list[Edited]:
    made: dict[int, Edited] = {}
    for d in taken:
        if d.act == "edit":
            made[d.n] = Edited(d.n, d.time, d.by, d.note, msgspec.convert(d.after["edit"], Edit))
        elif d.act == "undo":
            n = int(d.before["edit"])
            made[n] = replace(made[n], undone=d.n)
    return list(made.values())


def run(script: Sequence[Edit], rows: Series, cadence_s: int, other: Other) -> Series:
    """What the steps make of readings, one after another. Readings outside of a step's span are left as they are."""
    with np.errstate(over="ignore", invalid="ignore"):
        for edit in script:
            rows = step(edit, rows, cadence_s, other)
    return rows


def step(edit: Edit, rows: Series, cadence_s: int, other: Other) -> Series:
    """What one step makes of readings."""
    since, until = micro(edit.since), micro(edit.until)
    if edit.kind == "interpolate":
        return _interpolated(edit, rows, since, until, (edit.step_s or cadence_s) * 1_000_000)
    if edit.kind == "fill":
        return _filled(edit, rows, since, until, cadence_s * 1_000_000, other)
    chosen = (rows.time >= since) & (rows.time < until)
    with np.errstate(invalid="ignore"):
        if edit.above is not None:
            chosen &= rows.value > edit.above
        if edit.below is not None:
            chosen &= rows.value < edit.below
    if edit.kind == "delete":
        return rows.take(~chosen)
    value, quality = rows.value.copy(), rows.quality.copy()
    by = edit.value if edit.value is not None else 0.0
    match edit.kind:
        case "set":
            value[chosen] = by
        case "shift":
            value[chosen] += by
        case "scale":
            value[chosen] *= by
        case "drift":
            value[chosen] = editing.drift(rows.time[chosen], value[chosen], since, until, by, edit.end or 0.0)
    if edit.quality is not None:
        quality[chosen] = edit.quality
    elif edit.kind == "set":
        quality[chosen] = Quality.NOT_EVALUATED
    return Series(rows.time, value, quality)


def _interpolated(edit: Edit, rows: Series, since: int, until: int, step_us: int) -> Series:
    fit = rows.fit
    inside = (rows.time >= since) & (rows.time < until)
    before = np.flatnonzero(fit & (rows.time < since))[-1:]
    after = np.flatnonzero(fit & (rows.time >= until))[:1]
    near = np.concatenate([before, np.flatnonzero(inside), after])
    known = near[fit[near]]
    value, quality = rows.value.copy(), rows.quality.copy()
    mend = np.flatnonzero(inside & ~fit)
    laid = editing.straight(rows.time[mend], rows.time[known], rows.value[known])
    reached = ~np.isnan(laid)
    value[mend[reached]] = laid[reached]
    quality[mend[reached]] = edit.quality or Quality.NOT_EVALUATED
    made = editing.gap_times(rows.time[near], since, until, step_us) if step_us else np.array([], np.int64)
    new = editing.straight(made, rows.time[known], rows.value[known])
    reached = ~np.isnan(new)
    return Series(rows.time, value, quality).merged(_new(edit, made[reached], new[reached]))


def _filled(edit: Edit, rows: Series, since: int, until: int, cadence_us: int, other: Other) -> Series:
    donor = other(edit.stream, since, until)
    # a reading of the other stream is wanted where this one has no fit reading within half its cadence
    wanted = editing.apart(donor.time, rows.time[rows.fit]) > cadence_us / 2
    wanted &= ~np.isin(donor.time, rows.time[rows.fit])
    return _new(edit, donor.time[wanted], donor.value[wanted]).merged(rows)


def _new(edit: Edit, time: np.ndarray, value: np.ndarray) -> Series:
    return Series(time, value, np.full(len(time), edit.quality or Quality.NOT_EVALUATED, np.int8))


def spans(script: Iterable[Edit]) -> list[tuple[int, int]]:
    """The spans of steps in microseconds, those that touch made one, by time."""
    made: list[tuple[int, int]] = []
    for since, until in sorted((micro(e.since), micro(e.until)) for e in script):
        if made and since <= made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], until))
        else:
            made.append((since, until))
    return made


def micro(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - EPOCH) // timedelta(microseconds=1)


def moment(us: int) -> datetime:
    """The moment so many microseconds after 1970 began."""
    return EPOCH + timedelta(microseconds=us)
