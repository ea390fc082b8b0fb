"""What has a stream shown so far? What rules with a memory (charts, and what is unusual) remember of each stream, and how that outlives a restart."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from citytwin.engine.twin import Twin
from citytwin.kernel.rule import Rule
from citytwin.kernel.store import Change
from citytwin.science.anomaly import TOLD, Detector
from citytwin.science.chart import Charts

DAY = 86_400_000_000
NONE = -(1 << 40)
BACK = 0.75
"""What reached its limit is over once it is below so much of it."""
CADENCE_S = 300.0
"""Between two readings of a stream type that does not say."""
LEAST = 1e-9
"""Of what is usual: a deviation below that is rounding."""
PART = 1000
"""Streams that go on record together."""
BEFORE = (
    "DELETE FROM rule_memory WHERE rule = $rule",
    "INSERT INTO rule_memory VALUES ($rule, $version, $part, $batch, $mark, $data)",
)


def span(rule: Rule) -> int:
    """How long a memory lasts [microseconds]: it begins anew so often, and is asked once it is as old."""
    return rule.learn_days * DAY


class Memory:
    """What a rule remembers of each of its streams.

    Time is cut into spans of `learn_days`, from 1970 on. What is remembered begins with a span, is asked in the next one, and is given up after that; so there are two of each stream, one that is asked and
    one that will be. What is told of a reading thus follows from the readings of its span and the span before, and from nothing else: judged as they come, or anew from what is on record, it
    is the same, however far the record goes back.
    """

    def __init__(self, twin: Twin, rule: Rule, count: int = 0) -> None:
        cadence = float(twin.streams[rule.stream].cadence_s or CADENCE_S) if rule.stream in twin.streams else CADENCE_S
        self.course: Charts | Detector
        if rule.unusual_days is not None:
            self.course = Detector(cadence, 0, risk(rule, cadence), hold=0)
        else:
            assert rule.deviation is not None
            self.course = Charts(rule.method, rule.deviation, cadence, 0)
        self.cadence = cadence
        self.span = span(rule)
        self.block = np.empty(0, np.int64)
        self.grow(count)

    def __len__(self) -> int:
        return len(self.block)

    def grow(self, count: int) -> None:
        """Take in so many more streams."""
        if isinstance(self.course, Detector):
            self.course.grow(2 * count, self.cadence)
        else:
            self.course.grow(2 * count)
        self.block = np.append(self.block, np.full(count, NONE))

    def judge(self, stream: NDArray[np.int64], time: NDArray[np.int64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        """How unlike each reading is to what its stream has shown, in limits: 1 and more is an alarm. Learns from them.

        Parameters: `stream` (its place), `time` (microseconds since 1970), `x` (deviations from what is usual for a chart, else the value), shape (n,), rows of a stream in order of time.
        """
        block = time // self.span
        told = np.zeros(len(time))
        for b in np.unique(block).tolist():
            rows = np.flatnonzero(block == b)
            of, old, new = stream[rows], 1 - (b & 1), b & 1
            moved = np.unique(of[self.block[of] != b])
            if len(moved):
                self.course.clear(2 * moved + new)
                self.course.clear(2 * moved[self.block[moved] != b - 1] + old)
                self.block[moved] = b
            both: NDArray[np.int64] = (2 * of[:, None] + np.arange(2)).ravel()  # those of a stream lie side by side
            told[rows] = self.course.update(np.repeat(time[rows], 2), np.repeat(x[rows], 2), both)[old::2]
        return told / TOLD if isinstance(self.course, Detector) else told

    def forget(self, stream: NDArray[np.int64]) -> None:
        """Know nothing of these streams."""
        self.block[stream] = NONE  # the rest is cleared with the next reading

    def known(self, stream: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """What is remembered of these streams, a row each."""
        found: dict[str, NDArray[Any]] = {"block": self.block[stream]}
        for slot in (0, 1):
            found |= {f"{slot}{name}": held for name, held in self.course.known(2 * stream + slot).items()}
        return found

    def recall(self, stream: NDArray[np.int64], known: Mapping[str, NDArray[Any]]) -> None:
        """Remember of these streams what `known` told."""
        self.block[stream] = known["block"]
        for slot in (0, 1):
            self.course.recall(2 * stream + slot, {n[1:]: held for n, held in known.items() if n[0] == str(slot)})


def risk(rule: Rule, cadence_s: float) -> float:
    """False alarms per reading, where one in `unusual_days` at each stream is accepted."""
    assert rule.unusual_days is not None
    return min(cadence_s / (rule.unusual_days * 86_400.0), 0.5)


def off_usual(
    rule: Rule, value: NDArray[np.float64], middle: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How many deviations values are from what is usual; deviations below the deadband are taken for as much."""
    least = np.maximum(np.maximum(spread, rule.deadband), LEAST * np.abs(middle))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (value - middle) / least


# -- over a restart


@dataclass(frozen=True, slots=True)
class Kept:
    """What was put on record of some streams of a rule: the columns, a row for each of `assets`; `batch`, the last that is in it, and `mark`, the last that `watch` had judged."""

    assets: Sequence[str]
    columns: Mapping[str, NDArray[Any]]
    batch: int
    mark: int


def keep(
    rule: Rule, version: str, assets: Sequence[str], columns: Mapping[str, NDArray[Any]], batch: int, mark: int
) -> list[Change]:
    """Put what is remembered on record, in place of what was."""
    changes = [Change(BEFORE[0], {"rule": rule.id})]
    for part, low in enumerate(range(0, len(assets), PART)):
        sink = io.BytesIO()
        some = {name: held[low : low + PART] for name, held in columns.items()}
        np.savez(sink, allow_pickle=False, assets=np.array(assets[low : low + PART], np.str_), **some)
        given = {
            "rule": rule.id,
            "version": version,
            "part": part,
            "batch": batch,
            "mark": mark,
            "data": sink.getvalue(),
        }
        changes.append(Change(BEFORE[1], given))
    return changes


def kept(twin: Twin, rule: Rule, version: str) -> Iterator[Kept]:
    """What is on record of the memory of a rule that has not changed since."""
    sql = "SELECT batch, mark, data FROM rule_memory WHERE rule = $rule AND version = $version ORDER BY part"
    for row in twin.store.fetch(sql, {"rule": rule.id, "version": version}).to_pylist():
        with np.load(io.BytesIO(row["data"]), allow_pickle=False) as held:
            columns = {name: held[name] for name in held.files if name != "assets"}
            yield Kept(held["assets"].tolist(), columns, row["batch"], row["mark"])


def touched(
    twin: Twin, rule: Rule, batches: Sequence[int], withdrawing: Sequence[int] | None = None
) -> dict[str, datetime]:
    """Of every asset with readings of these batches for the rule, or with some that were superseded by `withdrawing` (None: the same batches): the earliest time."""
    sql = """
      SELECT asset_id, min(time) AS since FROM (
        SELECT o.asset_id, o.time FROM observation_all AS o JOIN came ON came.batch = o.batch WHERE o.stream_type = $id
        UNION ALL
        SELECT s.asset_id, x.time FROM superseded AS x JOIN gone ON gone.batch = x.by_batch JOIN stream_row AS s ON s.key = x.stream WHERE s.stream_type = $id) AS t
      GROUP BY asset_id"""
    some = {"came": batches, "gone": batches if withdrawing is None else withdrawing}
    tables = {name: pa.table({"batch": pa.array(held, pa.int64())}) for name, held in some.items()}
    table = twin.store.fetch(sql, {"id": rule.stream}, tables)
    return dict(zip(table["asset_id"].to_pylist(), table["since"].to_pylist(), strict=True))
