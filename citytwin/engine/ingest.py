"""How does a reading get in? Convert to the canonical unit, check range and clock, flag, and record durably."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from citytwin.engine import states
from citytwin.engine.decode import SHOWN, Row, nulls, tabled
from citytwin.engine.plain import LATEST, Plain, Read
from citytwin.engine.twin import Twin
from citytwin.engine.vet import Vet, limits
from citytwin.kernel.errors import BadBatch, CityTwinError, Fault, Forbidden, StoreBusy, StoreFailed
from citytwin.kernel.observation import Batch, Quality, Receipt
from citytwin.kernel.right import REACH, reached
from citytwin.kernel.store import Arrival, Point
from citytwin.kernel.stream import StreamType, stream_parts
from citytwin.kernel.units import conversion, known_unit, quantity

log = logging.getLogger("citytwin.engine")
TIME = pa.timestamp("us", tz="UTC")
FUTURE = timedelta(minutes=5)
"""A reading this far ahead of our clock is refused: its source's clock is wrong, and it would hide all that follow."""
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that has been checked: what to record, and the faults of the rows left out."""

    arrival: Arrival
    faults: tuple[Fault, ...]
    refused: int
    passed: int = 0


def prepare(twin: Twin, batch: Batch, unit: str = "", on_time: bool = False) -> Prepared:
    """Check a table of stream, time, value against what is declared. Rows at fault are left out and named.

    `on_time`: they are from the past and are taken as if they had come when they were read.
    """
    table = batch.table
    n = table.num_rows
    number = table["row"].to_numpy() if "row" in table.column_names else np.arange(1, n + 1)
    stream = table["stream"].combine_chunks()
    if isinstance(stream, pa.ChunkedArray):
        stream = pa.concat_arrays(stream.chunks) if stream.num_chunks else pa.array([], pa.string())
    if not pa.types.is_dictionary(stream.type):
        stream = stream.dictionary_encode()
    names: list[str] = stream.dictionary.to_pylist()
    index = stream.indices.to_numpy(zero_copy_only=False).astype(np.int64) if n else np.array([], np.int64)
    time = table["time"].cast(TIME).cast(pa.int64()).to_numpy()
    value = table["value"].cast(pa.float64()).to_numpy(zero_copy_only=False).astype(float)
    empty = nulls(table["value"])
    ok = np.ones(n, bool)
    faults: list[Fault] = []
    refused = passed = 0

    def refuse(bad: np.ndarray, say: Any, hint: str = "") -> None:
        nonlocal refused
        rows = np.flatnonzero(bad & ok)
        refused += len(rows)
        room = SHOWN - len(faults)
        faults.extend(
            Fault(f"row {number[r]}", "ROW", say(r) if callable(say) else say, hint) for r in rows[: max(room, 0)]
        )
        ok[rows] = False

    # streams: known asset, declared stream type, and its quantity's unit and bounds
    low, high, floor, ceiling = (np.full(len(names), x) for x in (-np.inf, np.inf, -np.inf, np.inf))
    canonical = [""] * len(names)
    why: dict[int, str] = {}
    opened = np.zeros(len(names), bool)
    own: dict[int, str] = {}  # streams that have a policy of their own
    state_of: dict[int, StreamType] = {}  # streams that report states
    for i, name in enumerate(names):
        if name in twin.registered:  # what it may be is for its owner to say
            opened[i] = True
            continue
        asset, kind = stream_parts(name or "")
        declared = twin.streams.get(kind)
        if asset not in twin.asset_types:
            why[i] = f"stream '{name}': asset '{asset}' is not on record"
        elif declared is None:
            why[i] = f"stream '{name}': stream type '{kind}' is not declared"
        elif declared.asset != twin.asset_types[asset]:
            why[i] = f"stream '{name}': '{asset}' is a {twin.asset_types[asset]}, not a {declared.asset}"
        else:
            q = quantity(declared.quantity)
            canonical[i] = q.unit
            low[i] = declared.low if declared.low is not None else q.low
            high[i] = declared.high if declared.high is not None else q.high
            floor[i], ceiling[i] = q.low, q.high
            if kind in twin.policies:
                own[i] = kind
            if declared.choices:
                state_of[i] = declared
    if why:
        refuse(
            np.isin(index, list(why)),
            lambda r: why[int(index[r])],
            "a stream is <asset id>.<pack>.<stream type>; see /api/streams",
        )
    # states: words become their codes, and other numbers are none
    if state_of or "word" in table.column_names:
        value, empty = states.coded(table, state_of, index, value, empty, refuse)
    # units
    stated = table["unit"].to_pylist() if "unit" in table.column_names else None
    if stated is not None or unit:
        value = _convert(value, index, canonical, stated, unit, ok, refuse)
    # quality
    quality = np.full(n, Quality.GOOD, np.int8)
    if "quality" in table.column_names:
        given = table["quality"].cast(pa.float64()).to_numpy(zero_copy_only=False).astype(float)
        told = ~np.isnan(given)
        refuse(
            told & ~np.isin(given, [q.value for q in Quality]), lambda r: f"quality is {given[r]:g}", "1, 2, 3, 4 or 9"
        )
        quality[told & ok] = given[told & ok].astype(np.int8)
    # value
    refuse(
        ~empty & ~np.isfinite(value), "value is not a finite number", "leave it empty with quality 9 if it is missing"
    )
    refuse(empty & (quality != Quality.MISSING), "value is empty", "a missing value has quality 9")
    # clock
    earliest, latest = _span(twin)
    ends: Any = latest
    if own:
        least, age, flag_late, refuse_late = limits(twin, own, len(names))
        now = int(twin.clock.now().timestamp() * 1e6)
        ends = now + least[index]
    refuse(
        (time > ends) & ~opened[index],
        lambda r: f"time {_iso(time[r])} is in the future",
        "set the clock of the source, or its time zone",
    )
    refuse(
        time >= int(LATEST.timestamp() * 1e6),
        lambda r: f"time {_iso(time[r])} is out of all time",
        "check the time column and its unit",
    )
    refuse(
        time < earliest,
        lambda r: f"time {_iso(time[r])} is before 1900",
        "check the time column",
    )
    if own and not on_time:
        late = now - time > age[index]
        refuse(
            late & refuse_late[index],
            lambda r: (
                f"time {_iso(time[r])} is older than the {age[index[r]] // 1_000_000} s in which '{own[int(index[r])]}' is taken"
            ),
            "send readings sooner, or as an edit of the stream",
        )
        quality[late & flag_late[index] & (quality <= Quality.NOT_EVALUATED) & ok] = Quality.SUSPECT
    # one reading per stream and time
    order = np.lexsort((time, index)) if n and not _ascending(index, time) else np.arange(n)
    order = order[ok[order]]
    if len(order) > 1:
        same = (index[order][1:] == index[order][:-1]) & (time[order][1:] == time[order][:-1])
        if same.any():
            first, second = order[:-1][same], order[1:][same]
            equal = (value[first] == value[second]) | (np.isnan(value[first]) & np.isnan(value[second]))
            twice = np.zeros(n, bool)
            twice[second[~equal]] = True
            first_stands = [i for i, kind in own.items() if twin.policies[kind].duplicate == "keep_first"]
            if first_stands:
                over = twice & np.isin(index, first_stands)
                passed = int(over.sum())
                ok[over] = False
                twice &= ~over
            refuse(
                twice,
                lambda r: f"the stream has another value for {_iso(time[r])} in this batch",
                "send one value per stream and time",
            )
            ok[second[equal]] = False
            order = order[ok[order]]
    # range: kept, and flagged
    if n:
        judged = (quality <= Quality.NOT_EVALUATED) & ok
        with np.errstate(invalid="ignore"):
            quality[judged & ((value < low[index]) | (value > high[index]))] = Quality.SUSPECT
            quality[judged & ((value < floor[index]) | (value > ceiling[index]))] = Quality.BAD
    chosen = pa.array(order)
    clean = pa.table(
        {
            **({"sender": table["sender"].take(chosen)} if "sender" in table.column_names else {}),
            **({"row": pa.array(number).take(chosen)} if own else {}),
            "stream": pa.DictionaryArray.from_arrays(
                pa.array(index[order].astype(np.int32)), pa.array(names, pa.string())
            ),
            "time": pa.array(time).take(chosen).cast(TIME),
            "value": pa.array(value, mask=empty).take(chosen),
            "quality": pa.array(quality).take(chosen),
        }
    )
    if refused > len(faults):
        faults.append(Fault("batch", "ROW", f"and {refused - len(faults)} more rows at fault"))
    return Prepared(Arrival(clean, batch.key, batch.source), tuple(faults), refused, passed)


def _span(twin: Twin) -> tuple[int, int]:
    """From when to when a reading is plausible, microseconds since 1970."""
    return int(EARLIEST.timestamp() * 1e6), int((twin.clock.now() + FUTURE).timestamp() * 1e6)


def _convert(
    value: np.ndarray,
    index: np.ndarray,
    canonical: list[str],
    stated: list[str | None] | None,
    unit: str,
    ok: np.ndarray,
    refuse: Any,
) -> np.ndarray:
    names = np.array([(s or unit or "") for s in stated] if stated is not None else [unit] * len(value), object)
    value = value.copy()
    for name in set(names.tolist()) - {""}:
        for stream in np.unique(index[(names == name) & ok]).tolist():
            rows = (names == name) & (index == stream)
            if not known_unit(name):
                refuse(rows, f"unit '{name}' is not in the vocabulary", "see /api/units")
                continue
            try:
                factor, offset = conversion(name, canonical[stream])
            except CityTwinError as e:
                refuse(rows, e.message, e.hint)
                continue
            if (factor, offset) != (1.0, 0.0):
                value[rows] = value[rows] * factor + offset
    return value


def _ascending(index: np.ndarray, time: np.ndarray) -> bool:
    step = np.diff(index)
    return bool(((step > 0) | ((step == 0) & (np.diff(time) >= 0))).all())


def _iso(microseconds: int) -> str:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds))).isoformat()
    except OverflowError:
        return f"{microseconds} µs"


def _permitted(streams: Sequence[str | None]) -> None:
    """Raises Forbidden where whoever sends may not send readings of one of these; whether it is there at all is not told."""
    for name in streams:
        if not reached(stream_parts(name or "")[0]):
            raise Forbidden(
                f"you may not send readings of '{(name or '')[:100]}'; nothing was recorded", "ask your administrator", (name or "")[:100]
            )  # fmt: skip


class Told(Protocol):
    """Whoever waits to be told what became of what was sent; a `Future` is one."""

    def set_result(self, receipt: Receipt, /) -> None:
        """It is durable."""

    def set_exception(self, error: BaseException, /) -> None:
        """It is not on record."""


@dataclass(slots=True)
class _Few:
    """A few rows as they came; they are checked with those of others."""

    rows: Sequence[Row]
    unit: str
    partial: bool
    key: str
    source: str
    told: Told


@dataclass(slots=True)
class _Checked:
    """An arrival, and to whom its receipts go; with what was left out of it, if anything was."""

    arrival: Arrival
    senders: Sequence[tuple[Told, Prepared | None]]
    partial: bool = False


class Intake:
    """The door's queue: batches that arrive while one is being written are committed together (group commit)."""

    def __init__(self, twin: Twin, most_rows: int = 2_000_000, waiting: int = 10_000) -> None:
        self._twin = twin
        self._plain = Plain(twin)
        self._most = most_rows
        self._vet = Vet(twin)
        self._queue: queue.Queue[_Few | _Checked | None] = queue.Queue(waiting)
        self._heard: set[int] = set()
        """Who of the group that is being taken in was told what became of it."""
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    def accept(self, batch: Batch, unit: str = "", partial: bool = False, faults: Sequence[Fault] = ()) -> Receipt:
        """Record a batch; on return it is durable. Raises BadBatch naming every row at fault, and records nothing, unless `partial`.

        `faults` are those of rows that were already left out while decoding.
        """
        return self.submit(batch, unit, partial, faults).result()

    def submit(
        self, batch: Batch, unit: str = "", partial: bool = False, faults: Sequence[Fault] = ()
    ) -> Future[Receipt]:
        """The same without waiting: the future completes when the batch is durable."""
        future: Future[Receipt] = Future()
        if REACH.get() is not None:
            names = batch.table["stream"].combine_chunks()
            told = names.dictionary if pa.types.is_dictionary(names.type) else names.unique()
            _permitted(told.to_pylist())
        checked = self._check(batch, unit, partial, faults, future)
        if checked:
            self._queue.put(checked)
        return future

    def send(
        self, rows: Sequence[Row], unit: str = "", partial: bool = False, key: str = "", source: str = ""
    ) -> Future[Receipt]:
        """The same for a few rows, without checking them first: rows of several senders are checked together.

        Rows without a `key` share a batch, and its leaf, with those of others who name the same source. Raises StoreBusy if too many wait already.
        """
        future: Future[Receipt] = Future()
        self.post(future, rows, unit, partial, key, source)
        return future

    def post(
        self,
        told: Told,
        rows: Sequence[Row],
        unit: str = "",
        partial: bool = False,
        key: str = "",
        source: str = "",
    ) -> None:
        """The same, where somebody else than a Future waits to be told; they are called in the intake's own thread and must not keep it."""
        if REACH.get() is not None:
            _permitted([row.stream for row in rows])
        try:
            self._queue.put_nowait(_Few(rows, unit, partial, key, source, told))
        except queue.Full:
            raise StoreBusy("too many readings wait to be recorded", "send them again in a few seconds") from None

    def close(self) -> None:
        """Write out what is waiting and stop."""
        self._queue.put(None)
        self._thread.join()

    def _check(self, batch: Batch, unit: str, partial: bool, faults: Sequence[Fault], told: Told) -> _Checked | None:
        """The batch ready to be recorded; None if nothing is left of it, and its sender was told so. Raises BadBatch."""
        prepared = prepare(self._twin, batch, unit)
        prepared = replace(prepared, faults=(*faults, *prepared.faults), refused=prepared.refused + len(faults))
        if prepared.refused and not partial:
            raise BadBatch(
                f"{prepared.refused} of {batch.table.num_rows + len(faults)} rows are at fault; nothing was recorded",
                "mend them, or send partial=true to record the others",
                "batch",
                prepared.faults,
            )
        if prepared.arrival.rows.num_rows == 0:
            told.set_result(_finished(Receipt(0, 0), prepared))
            return None
        return _Checked(prepared.arrival, [(told, prepared)], partial)

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            rows = _size(first)
            stop = False
            while rows < self._most:
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    stop = True
                    break
                group.append(item)
                rows += _size(item)
            self._heard.clear()
            try:
                self._take(group)
            except BaseException as e:  # without this thread everybody would wait for ever
                self._fail(group, e)
            if stop:
                return

    def _take(self, group: Sequence[_Few | _Checked]) -> None:
        """Check and write what came in together."""
        whole = [item for item in group if isinstance(item, _Checked)]
        quick, others = self._quick([item for item in group if isinstance(item, _Few)])
        self._put(whole + quick + self._joined(others))

    def _fail(self, group: Sequence[_Few | _Checked], error: BaseException) -> None:
        """Tell everybody in the group who was not told yet of an error that nobody foresaw."""
        log.error("readings were not taken in", exc_info=error)
        self._vet.forget()
        said = (
            error
            if isinstance(error, CityTwinError)
            else StoreFailed(
                f"it is not known whether the readings are on record: {error}",
                "send them again: what is there is not stored twice; and see the log",
                "store",
            )
        )
        for item in group:
            for told in [item.told] if isinstance(item, _Few) else [told for told, _ in item.senders]:
                if id(told) not in self._heard:
                    self._tell(told, said)

    def _tell(self, told: Told, outcome: Receipt | BaseException) -> None:
        """Tell somebody, once. One who cannot listen must not keep the others from hearing."""
        self._heard.add(id(told))
        try:
            if isinstance(outcome, BaseException):
                told.set_exception(outcome)
            else:
                told.set_result(outcome)
        except Exception:
            log.exception("somebody could not be told what became of readings")

    def _quick(self, several: Sequence[_Few]) -> tuple[list[_Checked], list[_Few]]:
        """The few rows of many senders that need no second look, ready to be recorded; and the others, who may speak of the same streams as each other only."""
        if not several:
            return [], []
        earliest, latest = _span(self._twin)
        newest: dict[str, int] = {}
        shares: dict[Any, list[tuple[_Few, list[Read]]]] = {}
        others: list[_Few] = []
        apart: set[str] = set()
        """Streams that an earlier one of the others speaks of: what follows must not overtake it."""
        for n, few in enumerate(several):
            read = None
            if not few.unit and few.rows and not (apart and any(row.stream in apart for row in few.rows)):
                read = self._plain.read(few.rows, newest, latest, earliest)
            if read is None:
                others.append(few)
                apart.update(row.stream for row in few.rows)
            else:
                shares.setdefault(n if few.key else few.source, []).append((few, read))
        return [_shared(members) for members in shares.values()], others

    def _joined(self, several: Sequence[_Few]) -> list[_Checked]:
        """The few rows of many senders, checked: together where that changes nothing for any of them, else each by itself."""
        alike: dict[str, list[_Few]] = {}
        for few in several:
            alike.setdefault(few.unit, []).append(few)
        made: list[_Checked] = []
        alone: list[_Few] = []
        for unit, several in alike.items():
            together = self._together(several, unit)
            made += together
            alone += [] if together else several
        for few in alone:
            try:
                batch = Batch(tabled(few.rows, self._twin.city.zone), few.key, few.source)
                checked = self._check(batch, few.unit, few.partial, (), few.told)
            except Exception as e:  # whatever it is, its sender must hear of it
                self._tell(few.told, e)
            else:
                if checked is None:  # nothing was left of it, and it was told so
                    self._heard.add(id(few.told))
                made += [checked] if checked else []
        return made

    def _together(self, several: Sequence[_Few], unit: str) -> list[_Checked]:
        """Them all, checked at once; nothing if a row is at fault or two of them speak of the same stream and time."""
        rows = [row for few in several for row in few.rows]
        sender = np.repeat(np.arange(len(several)), [len(few.rows) for few in several])
        try:
            table = tabled(rows, self._twin.city.zone).append_column("sender", pa.array(sender))
            prepared = prepare(self._twin, Batch(table), unit)
        except Exception:  # nothing is lost: each is now checked by itself, and its sender told what is wrong
            return []
        clean = prepared.arrival.rows
        if (
            clean.num_rows < len(rows)
            or not all(few.rows for few in several)
            or self._vet.strict([r.stream for r in rows])
        ):
            return []
        shares: dict[Any, list[int]] = {}
        for n, few in enumerate(several):
            shares.setdefault(n if few.key else few.source, []).append(n)
        made: list[_Checked] = []
        whose = clean["sender"].to_numpy()
        for members in shares.values():
            first = several[members[0]]
            at = np.flatnonzero(np.isin(whose, members))
            share = clean.take(pa.array(at)).set_column(0, "sender", pa.array(np.searchsorted(members, whose[at])))
            made.append(
                _Checked(
                    Arrival(share, first.key, first.source, len(members)),
                    [(several[n].told, None) for n in members],
                )
            )
        return made

    def _put(self, group: Sequence[_Checked]) -> None:
        """Write the group, vetted where any of its streams asks for that."""
        if self._vet.idle:
            self._write(group)
            return
        self._vet.begin()
        ready: list[_Checked] = []
        for checked in group:
            try:
                if checked.arrival.points:
                    if not self._vet.asks({point[0] for point in checked.arrival.points}):
                        ready.append(checked)
                        continue
                    checked.arrival = replace(checked.arrival, rows=_table(checked.arrival.points), points=())
                if ready and self._vet.looks_back(checked.arrival):  # what it is compared with must be on record
                    self._write(ready)
                    ready = []
                    self._vet.begin()
                ready += self._vetted(checked)
            except Exception as e:  # whatever it is, its senders must hear of it
                for told, _ in checked.senders:
                    self._tell(told, e)
                self._write(ready)  # what was vetted before it knows nothing of it
                ready = []
                self._vet.forget()
        self._write(ready)

    def _vetted(self, checked: _Checked) -> list[_Checked]:
        """What is to be written of an arrival, and what it shows of readings on record. Raises BadBatch."""
        vetted = self._vet(checked.arrival)
        senders = checked.senders
        if vetted.refused or vetted.passed:
            ((told, prepared),) = senders  # such rows are checked by themselves
            prepared = prepared or Prepared(checked.arrival, (), 0)
            faulty = [
                Fault(f"row {row}", "ROW", why, "readings of this stream are not corrected")
                for row, why in vetted.refused
            ]
            refused = prepared.refused + len(faulty)
            faults = (*prepared.faults, *faulty)[:SHOWN]
            if faulty and not checked.partial:
                raise BadBatch(
                    f"{refused} of {checked.arrival.rows.num_rows} rows are at fault; nothing was recorded",
                    "mend them, or send partial=true to record the others",
                    "batch",
                    faults,
                )
            prepared = replace(prepared, faults=faults, refused=refused, passed=prepared.passed + vetted.passed)
            senders = [(told, prepared)]
        made: list[_Checked] = []
        if vetted.arrival.rows.num_rows or checked.arrival.key:
            made.append(_Checked(vetted.arrival, senders))
        else:
            for told, prepared in senders:
                self._tell(told, _finished(Receipt(0, 0), prepared) if prepared else Receipt(0, 0))
        if vetted.after:
            made.append(_Checked(vetted.after, [(Future(), Prepared(vetted.after, (), 0))]))
        return made

    def _write(self, group: Sequence[_Checked]) -> None:
        if not group:
            return
        try:
            receipts = iter(self._twin.store.record([checked.arrival for checked in group]))
        except Exception as e:  # whatever it is, each sender must hear of it: an unanswered batch would wait for ever
            self._vet.forget()
            if len(group) > 1:  # one of them may be the cause: the others must not suffer for it
                for checked in group:
                    self._write([checked])
                return
            said = (
                e if isinstance(e, CityTwinError) else StoreFailed(f"nothing was recorded: {e}", "see the log", "store")
            )
            for told, _ in group[0].senders:
                self._tell(told, said)
            return
        for checked in group:
            for told, prepared in checked.senders:
                receipt = next(receipts)
                self._tell(told, _finished(receipt, prepared) if prepared else receipt)


def _shared(members: Sequence[tuple[_Few, Sequence[Read]]]) -> _Checked:
    """Checked rows of several senders as one arrival."""
    first = members[0][0]
    points = [(*row, n) for n, (_, read) in enumerate(members) for row in read]
    arrival = Arrival(key=first.key, source=first.source, senders=len(members), points=points)
    return _Checked(arrival, [(few.told, None) for few, _ in members])


def _table(points: Sequence[Point]) -> pa.Table:
    """The same as the rows of an arrival."""
    names, at, value, quality, sender = zip(*sorted(points), strict=True)
    place = {name: n for n, name in enumerate(dict.fromkeys(names))}
    return pa.table(
        {
            "stream": pa.DictionaryArray.from_arrays(pa.array([place[n] for n in names], pa.int32()), list(place)),
            "time": pa.array(at, TIME),
            "value": pa.array(value, pa.float64()),
            "quality": pa.array(quality, pa.int8()),
            "sender": pa.array(sender, pa.int64()),
        }
    )


def _size(item: _Few | _Checked) -> int:
    return len(item.rows) if isinstance(item, _Few) else int(item.arrival.rows.num_rows)


def _finished(receipt: Receipt, prepared: Prepared) -> Receipt:
    """The receipt with what was refused."""
    if prepared.refused or prepared.passed:
        return replace(receipt, rejected=prepared.refused, passed=prepared.passed, faults=prepared.faults)
    return receipt
