"""What is wrong at once? Judges readings as they come in, many rules in one go, from what it remembers of each stream."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from citytwin.engine.expect import expected, local
from citytwin.engine.hold import arrange
from citytwin.engine.judge import SECOND, TIME, Spell, around, back, beyond, limits, moment, reached, series
from citytwin.engine.learn import Memory, keep, kept, off_usual, touched
from citytwin.engine.twin import Twin, rows
from citytwin.engine.watch import END, alarm_id, opened, parts, retire, version_of, watch
from citytwin.kernel.errors import StoreFailed
from citytwin.kernel.rule import Rule
from citytwin.kernel.store import Change, Written
from citytwin.kernel.stream import stream_parts
from citytwin.science.spell import chains

log = logging.getLogger("citytwin.heed")
NEVER = np.iinfo(np.int64).min // 4
PAUSE_S = 0.03
"""How long more is waited for once something came in: to judge one reading costs as much as to judge a hundred."""
AT_ONCE = 100_000
"""Readings that are judged and put on record together, where so many came in meanwhile."""
MOST = 5_000_000
"""Readings that wait to be judged. Where there are more, `watch` judges them all."""
KEEP_S = 600.0
"""What rules with a memory know goes on record so often, and at the end."""
REMEMBERED = ("last", "good", "value", "run", "since", "left", "worst", "excess", "bound", "raised")
"""What of a cell goes on record with its memory."""
AGAIN_S = 5.0
"""How long a store that failed at the start is left alone."""
WAIT_S = 5.0
"""Whoever wants to know that all has been judged waits no longer."""


_Told = Written | threading.Event | None
"""What the judging thread is told: a batch, that somebody waits until it came here, or that it is to stop."""


def quick(rule: Rule) -> bool:
    """Whether the rule is judged as readings come in. What looks further back, or elsewhere, is left to `watch`."""
    told = rule.above is not None or rule.below is not None or rule.outside is not None or rule.seasons
    return bool(rule.stream and not rule.against and (told or rule.stuck_s is not None or rule.relative))


class Cells:
    """How each rule stands at each stream it judges: a column for each thing that is remembered."""

    COLUMNS: ClassVar[Mapping[str, tuple[type, Any]]] = {
        "rule": (np.int32, 0),
        "rules": (np.int32, 0),  # of the first cell of a stream: how many rules judge it
        "high": (np.float64, np.inf),
        "low": (np.float64, -np.inf),
        "deadband": (np.float64, 0.0),
        "wait": (np.int64, 0),  # the rule's on-delay, off-delay and stuck_s in microseconds (0: not a rule on what is stuck)
        "stay": (np.int64, 0),
        "stuck": (np.int64, 0),
        "last": (np.int64, NEVER),  # the newest reading of any quality; of good ones the newest, its value, and since when it is unchanged
        "good": (np.int64, NEVER),
        "value": (np.float64, np.nan),
        "run": (np.int64, NEVER),
        "since": (np.int64, NEVER),  # the state that is there: since when, since when it is off again, the worst value, how far out, and its limit
        "left": (np.int64, NEVER),
        "worst": (np.float64, np.nan),
        "excess": (np.float64, -np.inf),
        "bound": (np.float64, np.nan),
        "place": (np.int64, 0),  # in the memory of its rule
        "hour": (np.int64, NEVER),  # which hour of the clock (since 1970) these are for: what is usual, and its deviation
        "middle": (np.float64, np.nan),
        "spread": (np.float64, np.nan),
        "rolled": (np.int64, NEVER),  # readings up to this one are in the roll-ups
        "raised": (np.bool_, False),
        "fresh": (np.bool_, False),  # it became worse, and that is not on record
        "lost": (np.bool_, True),  # readings came that were not newer: how it stands is not known until `watch` has judged
    }  # fmt: skip

    def __init__(self) -> None:
        self.count = 0
        self.assets: list[str] = []
        self._held: dict[str, NDArray[Any]] = {
            name: np.full(1024, none, kind) for name, (kind, none) in self.COLUMNS.items()
        }

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name not in self.COLUMNS:
            raise AttributeError(name)
        return self.column(name)

    def column(self, name: str) -> NDArray[Any]:
        """What is remembered under this name, of every cell."""
        return self._held[name][: self.count]

    def add(self, asset: str, rule: int) -> int:
        """One more, of which nothing is known."""
        room = len(self._held["rule"])
        if self.count == room:
            for name, (kind, none) in self.COLUMNS.items():
                self._held[name] = np.concatenate([self._held[name], np.full(room, none, kind)])
        self.assets.append(asset)
        self.count += 1
        self.rule[-1] = rule
        return self.count - 1


class Lookout:
    """Listens to the store and judges, in a thread of its own, what is recorded. `watch` judges what it could not: late and corrected readings, rules that look further back.

    An alarm is on record and told some milliseconds after the readings that make it. What is judged here is what `watch` would find, with the same ids.
    """

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._rules = [r for r in twin.rules.values() if quick(r)]
        self._number = {r.id: n for n, r in enumerate(self._rules)}
        self._seasonal = [n for n, r in enumerate(self._rules) if r.seasons]
        self._relative = [n for n, r in enumerate(self._rules) if r.relative]
        self._memory = {n: Memory(twin, r) for n, r in enumerate(self._rules) if r.learns}
        self._kept: dict[int, float] = {}
        self._of_type: dict[str, list[int]] = {}
        for n, rule in enumerate(self._rules):
            self._of_type.setdefault(rule.stream, []).append(n)
        self._cells = Cells()
        self._first: dict[str, int] = {}
        """The first cell of each stream (-1: no rule judges it); those of its other rules follow."""
        self._undone: dict[int, set[int]] = {}
        """Of every batch that was judged and is not on the marks: the rules by which something of it was not."""
        self._queue: queue.SimpleQueue[_Told] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._waiting = 0
        """Readings in the queue."""
        self._missed = False
        """There was no room for some."""
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self._stale = False
        self._closed = False
        self._begun = False
        """Whether what is on record has been judged, and it is known how all things stand."""
        twin.store.watch(self._note, lambda: bool(self._rules) and not self._closed)
        twin.heard.append(lambda _: self._changed())

    def start(self) -> None:
        """Judge what is on record, look up how things stand, and judge what comes in from now on."""
        try:
            self._begin()
        except StoreFailed as e:  # as on a disk that is full: the city is served all the same
            log.warning("alarms are judged as soon as the store takes them: %s", e)
        self._thread = threading.Thread(target=self._run, name="heed", daemon=True)
        self._thread.start()

    def _begin(self) -> None:
        with self._twin.turn, self._twin.watching:
            retire(self._twin, self._twin.clock.now())
            watch(self._twin, self._twin.clock.now())
            for rule in self._rules:
                self.renew(rule, True)
            self._begun = True

    def close(self) -> None:
        """Judge what came in, and stop."""
        self._closed = True
        self._queue.put(None)
        self._hurry.set()
        if self._thread:
            self._thread.join()
            self._thread = None
            if not self._memory or not self._begun:
                return
            try:
                with self._twin.turn, self._twin.watching:
                    watch(self._twin, self._twin.clock.now(), self)  # so that the next start judges nothing anew
                    for n in self._memory:
                        self._twin.store.commit(*self._keep(n))
            except StoreFailed as e:
                log.warning("the next start judges some readings anew: %s", e)

    def _changed(self) -> None:
        self._stale = True  # attributes of assets may be limits

    # -- what `watch` asks

    def drain(self) -> None:
        """Return once what came in by now has been judged; before `start`, judge it here."""
        while not self._thread and not self._queue.empty():
            self._take(self._some(self._queue.get()))
        if self._thread and self._begun and self._thread is not threading.current_thread():
            done = threading.Event()
            self._queue.put(done)
            self._hurry.set()
            done.wait(WAIT_S)

    def judged(self, rule: Rule, batch: int) -> bool:
        """Whether nothing of a batch is left to be judged by this rule."""
        return rule.id in self._number and batch in self._undone and self._number[rule.id] not in self._undone[batch]

    def astray(self, rule: Rule, batch: int) -> Collection[str] | None:
        """At which assets it is not known how the rule stands; None where the batch was not told."""
        if rule.id not in self._number or batch not in self._undone:
            return None
        c = self._cells
        return {c.assets[k] for k in np.flatnonzero((c.rule == self._number[rule.id]) & c.lost).tolist()}

    def forget(self, batch: int) -> None:
        """Batches up to this one are on every rule's mark."""
        for number in [n for n in self._undone if n <= batch]:
            del self._undone[number]

    def flush(self, rule: Rule) -> Sequence[Change]:
        """What waits for its delay, and the worst values that became worse, if any of it is not on record."""
        n = self._number.get(rule.id)
        if n is None:
            return ()
        c = self._cells
        due = n in self._memory and monotonic() - self._kept.setdefault(n, monotonic()) > KEEP_S
        kept = self._keep(n) if due else []
        fresh = np.flatnonzero((c.rule == n) & c.fresh & ~c.lost)
        if not len(fresh):
            return kept
        c.fresh[fresh] = False
        worse = [k for k in fresh.tolist() if c.raised[k]]
        waiting = np.flatnonzero((c.rule == n) & ~c.raised & ~c.lost & (c.since > NEVER)).tolist()
        lost = [c.assets[k] for k in np.flatnonzero((c.rule == n) & c.lost).tolist()]
        told = pa.table(
            {
                "alarm": pa.array([alarm_id(rule, c.assets[k], moment(c.since[k])) for k in worse], pa.string()),
                "value": pa.array([float(c.worst[k]) for k in worse], pa.float64()),
                "bound": pa.array([_finite(c.bound[k]) for k in worse], pa.float64()),
            }
        )
        states = pa.table(
            {
                "asset_id": pa.array([c.assets[k] for k in waiting], pa.string()),
                "since": pa.array([moment(c.since[k]) for k in waiting], TIME),
            }
        )
        return (
            *kept,
            Change("UPDATE alarm_row SET value = t.value, bound = t.bound FROM told AS t WHERE t.alarm = alarm_row.alarm", tables={"told": told}),
            Change("DELETE FROM pending_row WHERE rule = $rule AND asset_id NOT IN (SELECT asset_id FROM lost)", {"rule": rule.id},
                   {"lost": pa.table({"asset_id": pa.array(lost, pa.string())})}),
            Change("INSERT INTO pending_row SELECT $rule, asset_id, since FROM states", {"rule": rule.id}, {"states": states}),
        )  # fmt: skip

    def _keep(self, n: int) -> list[Change]:
        """Put on record what the memory of a rule knows."""
        c, rule = self._cells, self._rules[n]
        self._kept[n] = monotonic()
        cell = np.flatnonzero((c.rule == n) & ~c.lost & (c.last > NEVER))
        columns = {f"c_{name}": c.column(name)[cell] for name in REMEMBERED}
        columns |= {f"m_{name}": held for name, held in self._memory[n].known(c.place[cell]).items()}
        sql = "SELECT coalesce(max(batch), 0) AS mark FROM watermark WHERE name = $name"
        mark = self._twin.store.fetch(sql, {"name": f"rule {rule.id}"})["mark"][0].as_py()
        seen = max([mark, *self._undone])
        # what nobody was told (withdrawn readings) counts from what `watch` had judged on
        return keep(rule, version_of(rule), [c.assets[k] for k in cell.tolist()], columns, seen, mark)

    def _recall(self, n: int, cell: NDArray[np.int64], newest: NDArray[np.int64]) -> dict[str, int]:
        """Know again what was put on record, where no reading came since that was not newer. Returns of those assets the last reading that is in it."""
        c, rule, found = self._cells, self._rules[n], {}
        at = {c.assets[k]: (k, t) for k, t in zip(cell.tolist(), newest.tolist(), strict=True) if not c.lost[k]}
        changed: dict[str, datetime] | None = None
        for held in kept(self._twin, rule, version_of(rule)):
            if changed is None:
                sql = "SELECT DISTINCT batch FROM batch_span WHERE batch > $batch AND stream_type = $id"
                after = self._twin.store.fetch(sql, {"batch": held.mark, "id": rule.stream})["batch"].to_pylist()
                changed = touched(self._twin, rule, [b for b in after if b > held.batch], after)
            rows_, cells = [], []
            for i, (asset, last) in enumerate(zip(held.assets, held.columns["c_last"].tolist(), strict=True)):
                k, newest_ = at.get(asset, (-1, -1))
                came = _micro(changed[asset]) if asset in changed else None
                if k >= 0 and (newest_ == last if came is None else came > last):
                    rows_.append(i)
                    cells.append(k)
                    found[asset] = last
            to, of = np.array(cells, np.int64), np.array(rows_, np.int64)
            for name in REMEMBERED:
                c.column(name)[to] = held.columns[f"c_{name}"][of]
            known = {name[2:]: column[of] for name, column in held.columns.items() if name.startswith("m_")}
            self._memory[n].recall(c.place[to], known)
        c.last[cell] = newest
        return found

    def renew(self, rule: Rule, whole: bool, assets: Collection[str] = ()) -> None:
        """Look up how the rule stands at the streams where that is not known and at those of some assets, or at all of them."""
        n = self._number.get(rule.id)
        if n is None:
            return
        latest = self._twin.store.latest()
        latest = latest.filter(pc.equal(latest["stream_type"], rule.stream))
        names: list[str] = latest["stream"].to_pylist()
        self._know(names)
        c, place = self._cells, self._of_type[rule.stream].index(n)
        cell = np.array([self._first[s] + place for s in names], np.int64)
        c.lost[np.setdiff1d(np.flatnonzero((c.rule == n) & (c.last > NEVER)), cell)] = (
            True  # all their readings were withdrawn
        )
        sql = "SELECT asset_id, max(since) AS since FROM alarm_standing WHERE rule = $rule AND cleared IS NULL GROUP BY asset_id"
        opened = {r["asset_id"]: r["since"] for r in rows(self._twin.store.fetch(sql, {"rule": rule.id}))}
        sql = "SELECT asset_id, since FROM pending_row WHERE rule = $rule"
        begun = {r["asset_id"]: r["since"] for r in rows(self._twin.store.fetch(sql, {"rule": rule.id}))} | opened
        # what was withdrawn is told to nobody: it shows where the record differs from what is remembered
        recorded = [_micro(begun[a]) if (a := c.assets[k]) in begun else NEVER for k in cell.tolist()]
        newest = latest["time"].cast(TIME).cast(pa.int64()).to_numpy()
        other = (c.since[cell] != np.array(recorded, np.int64)) | (newest < c.last[cell])
        named = np.array([c.assets[k] in assets for k in cell.tolist()], bool)
        take = np.flatnonzero(c.lost[cell] | other | whole | named) if len(cell) else np.zeros(0, np.int64)
        if not len(take):
            return
        cell = cell[take]
        time = latest["time"].cast(TIME).cast(pa.int64()).to_numpy()[take]
        value = latest["value"].to_numpy()[take]
        fit = np.isfinite(value) & (latest["quality"].to_numpy()[take] <= 2)
        for name in ("since", "left", "worst", "excess", "bound", "raised", "fresh"):
            c.column(name)[cell] = Cells.COLUMNS[name][1]
        c.last[cell], c.good[cell], c.value[cell] = time, np.where(fit, time, NEVER), np.where(fit, value, np.nan)
        c.run[cell] = c.good[cell]
        c.lost[cell] = [names[k] in self._twin.edited for k in take.tolist()]
        c.hour[cell] = NEVER
        self._limit(n, cell)
        recalled: dict[str, int] = {}
        if n in self._memory:
            self._memory[n].forget(c.place[cell])
            recalled = self._recall(n, cell, time) if whole else {}
        # the state that is there is judged once more from its readings, so that it goes on as if they had just come
        early = {
            a: begun.get(a, moment(t))
            for a, t in zip((c.assets[k] for k in cell.tolist()), time.tolist(), strict=True)
            if a not in recalled and (a in begun or rule.stuck_s is not None or rule.learns)
        }
        at = dict(zip((c.assets[k] for k in cell.tolist()), cell.tolist(), strict=True))
        for part in parts(early):
            self._again(rule, part, at)
        if more := {a: moment(t + 1) for a, t in recalled.items() if t < c.last[at[a]]}:
            for part in parts(more):
                self._again(rule, part, at, anew=False)
        for asset, k in at.items():
            stands = _micro(opened[asset]) if asset in opened else NEVER
            if (c.since[k] if c.raised[k] else NEVER) != stands:
                c.lost[k] = True

    def _again(self, rule: Rule, early: Mapping[str, datetime], at: Mapping[str, int], anew: bool = True) -> None:
        """Judge readings that are on record, as if they had just come; `anew`: of the cells, nothing else is known."""
        c = self._cells
        table = series(self._twin, rule, END, early)
        table = table.filter(pc.is_in(table["asset_id"], value_set=pa.array(list(early), pa.string())))
        if not table.num_rows:
            return
        cell = np.array([at[a] for a in table["asset_id"].to_pylist()], np.int64)
        time, value = table["time"].cast(TIME).cast(pa.int64()).to_numpy(), table["value"].to_numpy()
        old = time <= c.last[cell]  # what is newer is still to come
        if rule.learns:
            before = time < table["begin"].cast(TIME).cast(pa.int64()).to_numpy()
            if anew and (take := before & old).any():
                self._learned(self._number[rule.id], cell[take], time[take], value[take])
            old &= ~before
        cell, time, value = cell[old], time[old], value[old]
        if anew:
            c.good[cell], c.value[cell], c.run[cell] = NEVER, np.nan, NEVER
        self._judge(cell, time, value)
        c.fresh[cell] = False

    def _know(self, streams: Sequence[str]) -> None:
        """Make cells for streams that are new."""
        made: dict[int, list[int]] = {}
        for stream in streams:
            if stream in self._first:
                continue
            asset, kind = stream_parts(stream)
            judged = self._of_type.get(kind, ())
            cells = [self._cells.add(asset, n) for n in judged]
            first = self._first[stream] = cells[0] if cells else -1
            if cells:
                self._cells.rules[first] = len(cells)
                self._cells.lost[cells] = stream in self._twin.edited
            for k, n in zip(cells, judged, strict=True):
                made.setdefault(n, []).append(k)
        for n, cells in made.items():
            self._limit(n, np.array(cells))
            if n in self._memory:
                self._cells.place[cells] = len(self._memory[n]) + np.arange(len(cells))
                self._memory[n].grow(len(cells))

    def _limit(self, n: int, at: NDArray[np.int64] | None = None) -> None:
        """Look up the limits of a rule's cells, or of some of them."""
        c, rule = self._cells, self._rules[n]
        at = np.flatnonzero(c.rule == n) if at is None else at
        c.deadband[at], c.wait[at] = rule.deadband, rule.on_delay_s * SECOND
        c.stay[at], c.stuck[at] = rule.off_delay_s * SECOND, (rule.stuck_s or 0) * SECOND
        if len(at) and not rule.stuck_s and not rule.seasons and not rule.relative:
            names = [c.assets[k] for k in at.tolist()]
            c.high[at], c.low[at] = limits(self._twin, rule, names, np.arange(len(at)), np.zeros(len(at), np.int64))

    # -- what comes in

    def _note(self, batch: Written) -> None:
        with self._turn:
            if self._waiting > MOST:
                self._missed = True
                return
            self._waiting += len(batch)
        self._queue.put(batch)

    def _some(self, first: _Told) -> list[_Told]:
        """The first of what was told, and what else is there by now."""
        told, rows = [first], 0
        while rows < AT_ONCE and not self._queue.empty():
            told.append(self._queue.get())
            rows += len(told[-1]) if isinstance(told[-1], Written) else 0
        return told

    def _run(self) -> None:
        while not self._begun and not self._closed:
            self._hurry.wait(AGAIN_S)
            with contextlib.suppress(StoreFailed):
                self._begin()
        told: list[_Told] = []
        while None not in told and self._begun:
            first = self._queue.get()
            self._hurry.wait(PAUSE_S)
            self._hurry.clear()
            told = self._some(first)
            self._take(told)

    def _take(self, told: Sequence[_Told]) -> None:
        """Judge the batches among what was told; what came in while others were judged goes on record together."""
        batches = [t for t in told if isinstance(t, Written)]
        with self._turn:
            self._waiting -= sum(map(len, batches))
            missed, self._missed = self._missed, False
        if missed:
            log.warning(
                "more than %d readings waited to be judged: those that came then are judged within the minute", MOST
            )
        try:
            if missed:
                self._lose()
            self.heed(*batches)
        except Exception:  # `watch` judges the batches, since they are not known as judged
            log.exception("readings were not judged as they came in")
            self._lose()
        for done in told:
            if isinstance(done, threading.Event):
                done.set()

    def _lose(self) -> None:
        with self._twin.watching:
            self._cells.column("lost")[:] = True

    def heed(self, *batches: Written) -> None:
        """Judge batches as the store tells them, all in one go."""
        if not batches:
            return
        now = self._twin.clock.now()
        with self._twin.watching:
            if self._stale:
                self._stale = False
                for n in range(len(self._rules)):
                    self._limit(n)
            batch, twice = _together(batches)
            row, cell, undone = self._spread(batch, twice)
            if len(row):
                self._record(*self._judge(cell, batch.time[row], batch.value[row]), now)
            self._undone |= {b.number: undone for b in batches if b.number >= 0}

    def _spread(self, batch: Written, twice: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64], set[int]]:
        """The rows to judge and the cell of each, a row once for each rule, cells together; and the rules by which some are not judged.

        Of streams (codes) that came `twice` for a time it is not known here which reading holds.
        """
        begins = (
            np.flatnonzero(np.append(True, batch.code[1:] != batch.code[:-1])) if len(batch) else np.zeros(0, np.int64)
        )
        ends = np.append(begins[1:], len(batch)) - 1
        codes = batch.code[begins]
        names = [batch.names[code] for code in codes.tolist()]
        known = self._first
        try:
            first = np.fromiter(map(known.__getitem__, names), np.int64, len(names))
        except KeyError:
            self._know(names)
            first = np.fromiter(map(known.__getitem__, names), np.int64, len(names))
        time = batch.time
        fit = (batch.quality <= 2) & np.isfinite(batch.value)
        index = np.repeat(np.arange(len(names)), ends - begins + 1)
        unsure = np.isin(codes, twice) if len(twice) else np.zeros(len(names), bool)
        c = self._cells
        count = np.where(first >= 0, c.rules[first], 0) if c.count else np.zeros(len(names), np.int64)
        row_parts, cell_parts, undone = [], [], set()
        for slot in range(int(count.max(initial=0))):
            has = np.flatnonzero(count > slot)
            at = first[has] + slot
            late = (time[begins[has]] <= c.last[at]) | unsure[has]
            c.lost[at[late]] = True
            c.last[at] = np.maximum(c.last[at], time[ends[has]])
            lost = c.lost[at]
            undone |= set(np.unique(c.rule[at[lost]]).tolist())
            takes = np.zeros(len(names), bool)
            takes[has[~lost]] = True
            rows_ = np.flatnonzero(takes[index] & fit)
            row_parts.append(rows_)
            cell_parts.append(first[index[rows_]] + slot)
        if not row_parts:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), undone
        return np.concatenate(row_parts), np.concatenate(cell_parts), undone

    def _judge(
        self, cell: NDArray[np.int64], time: NDArray[np.int64], value: NDArray[np.float64]
    ) -> tuple[list[tuple[int, Spell]], list[tuple[int, Spell]]]:
        """Judge rows, cells together and in order of time. Returns the alarms (cell, spell) that came, over or not, and those on record that ended."""
        c = self._cells
        high, low = c.high[cell], c.low[cell]
        for n in self._seasonal:
            if (of := c.rule[cell] == n).any():
                names, index = np.unique(cell[of], return_inverse=True)
                assets = [c.assets[k] for k in names.tolist()]
                high[of], low[of] = limits(self._twin, self._rules[n], assets, index.astype(np.int64), time[of])
        learned, band = {}, c.deadband[cell]
        for n in self._relative:
            if (of := c.rule[cell] == n).any():
                if n in self._memory:
                    learned[n] = (of, self._learned(n, cell[of], time[of], value[of]))
                else:
                    high[of], low[of] = around(self._rules[n], *self._expected(n, cell[of], time[of]))
                    band[of] = back(self._rules[n], high[of], low[of])
        on, off, excess, bound = beyond(value, high, low, band)
        for of, (is_on, is_off, far, usual) in learned.values():
            on[of], off[of], excess[of], bound[of] = is_on, is_off, far, usual
        start = time.copy()
        newest = np.append(cell[1:] != cell[:-1], True)
        if c.stuck[cell].any():
            self._stuck(cell, time, value, on, off, excess, bound, start)
        ends = cell[newest]
        c.good[ends], c.value[ends] = time[newest], value[newest]
        # most streams are well, and stay well: only those that are not are looked at further
        busy = np.zeros(c.count, bool)
        busy[cell[on]] = True
        busy[ends] |= c.since[ends] > NEVER
        take = busy[cell]
        if not take.any():
            return [], []
        rows_: tuple[NDArray[Any], ...] = tuple(x[take] for x in (cell, time, value, on, off, excess, bound, start))
        cell, time, value, on, off, excess, bound, start = rows_
        touched = np.unique(cell)
        open_ = touched[c.since[touched] > NEVER]
        gone = open_[c.left[open_] > NEVER]
        n, m = len(open_), len(gone)
        # what was before goes on as a row of its own: it began, and it is off again
        yes, no = np.ones(n, bool), np.zeros(m, bool)
        parts = (
            np.concatenate([open_, gone, cell]),
            np.concatenate([c.since[open_], c.left[gone], time]),
            np.concatenate([np.zeros(n, int), np.ones(m, int), np.full(len(cell), 2)]),
            np.concatenate([yes, no, on]),
            np.concatenate([~yes, ~no, off]),
            np.concatenate([c.excess[open_], np.full(m, -np.inf), excess]),
            np.concatenate([c.worst[open_], np.full(m, np.nan), value]),
            np.concatenate([c.bound[open_], np.full(m, np.nan), bound]),
            np.concatenate([c.since[open_], c.left[gone], start]),
        )
        order = np.lexsort((parts[2], parts[1], parts[0]))
        merged: tuple[NDArray[Any], ...] = tuple(x[order] for x in parts)
        cell, time, _, on, off, excess, value, bound, start = merged
        found = chains(cell, time, on, off, c.wait[cell], c.stay[cell], start)
        was, began = c.raised.copy(), c.since.copy()
        c.since[touched], c.left[touched], c.raised[touched] = NEVER, NEVER, False
        raised: list[tuple[int, Spell]] = []
        ended: list[tuple[int, Spell]] = []
        if not len(found):
            return raised, ended
        begin, end, left, over, pending = found.T
        k = cell[begin]
        worst = _worst(begin, end, excess)
        since = start[begin]
        old = was[k] & (began[k] == since) & ~pending.astype(bool)
        last = np.append(k[1:] != k[:-1], True) & ~over.astype(bool)
        at = k[last]
        changed = (c.excess[at] != excess[worst[last]]) | ~old[last]
        c.fresh[at] |= changed
        c.since[at], c.raised[at] = since[last], ~pending[last].astype(bool)
        c.left[at] = np.where(left[last] >= 0, time[np.maximum(left[last], 0)], NEVER)
        c.worst[at], c.excess[at], c.bound[at] = value[worst[last]], excess[worst[last]], bound[worst[last]]
        tell = np.flatnonzero(~pending.astype(bool) & (~old | over.astype(bool)))
        for i in tell.tolist():
            spell = Spell(
                c.assets[k[i]],
                moment(since[i]),
                moment(time[left[i]]) if over[i] else None,
                float(value[worst[i]]),
                _finite(bound[worst[i]]),
            )
            (ended if old[i] else raised).append((int(k[i]), spell))
        # a state that waited and is over without having lasted is no longer on record as waiting
        c.fresh[touched[(began[touched] > NEVER) & ~was[touched] & (c.since[touched] == NEVER)]] = True
        return raised, ended

    def _expected(
        self, n: int, cell: NDArray[np.int64], time: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What is usual at rows of a rule, and its deviation; looked up once an hour of each stream."""
        c = self._cells
        day, hour = local(time, self._twin.city.zone)
        key = day * 24 + hour
        middle, spread = c.middle[cell], c.spread[cell]
        stale = np.flatnonzero(c.hour[cell] != key)
        if len(stale):
            which, index = np.unique(cell[stale], return_inverse=True)
            # the hour before this one, yesterday's last: it is in the roll-ups if what was there 23 hours ago is
            if (c.rolled[cell[stale]] < time[stale] - 22 * 3600 * SECOND).any():
                self._twin.store.roll()
                c.rolled[:] = np.where(c.lost, c.rolled, c.last)
            assets = [c.assets[k] for k in which.tolist()]
            found = expected(self._twin, self._rules[n], assets, index.astype(np.int64), time[stale], roll=False)
            middle[stale], spread[stale] = found
            c.hour[cell[stale]], c.middle[cell[stale]], c.spread[cell[stale]] = key[stale], *found
        return middle, spread

    def _learned(
        self, n: int, cell: NDArray[np.int64], time: NDArray[np.int64], value: NDArray[np.float64]
    ) -> tuple[NDArray[Any], ...]:
        """On, off, how far and what is usual, of rows of a rule with a memory; it learns from them."""
        rule, memory, place = self._rules[n], self._memory[n], self._cells.place[cell]
        if rule.unusual_days is not None:
            return (*reached(memory.judge(place, time, value)), np.full(len(time), np.nan))
        middle, spread = self._expected(n, cell, time)
        return (*reached(memory.judge(place, time, off_usual(rule, value, middle, spread))), middle)

    def _stuck(
        self,
        cell: NDArray[np.int64],
        time: NDArray[np.int64],
        value: NDArray[np.float64],
        on: NDArray[np.bool_],
        off: NDArray[np.bool_],
        excess: NDArray[np.float64],
        bound: NDArray[np.float64],
        start: NDArray[np.int64],
    ) -> None:
        """The same for rules on what is stuck, in place: unchanged since the row at which its run began."""
        c = self._cells
        opens = np.append(True, cell[1:] != cell[:-1])
        before = np.where(opens, c.value[cell], np.append(np.nan, value[:-1]))
        then = np.where(opens, c.good[cell], np.append(np.int64(NEVER), time[:-1]))
        with np.errstate(invalid="ignore"):
            same = (np.abs(value - before) <= c.deadband[cell]) & (time - then <= c.stuck[cell])
        row = np.maximum.accumulate(
            np.where(same & ~opens, 0, np.arange(len(cell)))
        )  # where its run began, or the cell's first row
        began = np.where(same[row], c.run[cell], time[row])
        of = c.stuck[cell] > 0
        on[of] = (same & (time - began >= c.stuck[cell]))[of]
        off[of], start[of] = ~same[of], began[of]
        excess[of], bound[of] = 0.0, np.nan
        newest = np.append(opens[1:], True)
        c.run[cell[newest]] = began[newest]

    def _record(self, raised: list[tuple[int, Spell]], ended: list[tuple[int, Spell]], now: datetime) -> None:
        if not (raised or ended):
            return
        c = self._cells
        changes: list[Change] = []
        by_rule: dict[int, list[Spell]] = {}
        for k, spell in raised:
            by_rule.setdefault(int(c.rule[k]), []).append(spell)
        if by_rule:
            changes.append(opened(*((self._rules[n], spells) for n, spells in by_rule.items())))
        if ended:
            over = pa.table(
                {
                    "alarm": [alarm_id(self._rules[c.rule[k]], s.asset, s.since) for k, s in ended],
                    "cleared": pa.array([s.cleared for _, s in ended], TIME),
                    "value": pa.array([s.value for _, s in ended], pa.float64()),
                    "bound": pa.array([s.bound for _, s in ended], pa.float64()),
                }
            )
            sql = "UPDATE alarm_row SET cleared = o.cleared, value = o.value, bound = o.bound FROM over AS o WHERE o.alarm = alarm_row.alarm"
            changes.append(Change(sql, tables={"over": over}))
        arrange(self._twin, now, *changes)


def _worst(begin: NDArray[np.int64], end: NDArray[np.int64], excess: NDArray[np.float64]) -> NDArray[np.int64]:
    """Of every span of rows the first that is furthest out."""
    edges = np.stack([begin, end], axis=1).ravel()
    most = np.maximum.reduceat(np.append(excess, -np.inf), edges)[::2]
    row = np.arange(len(excess))
    span = np.maximum(np.searchsorted(begin, row, "right") - 1, 0)
    hit = np.flatnonzero((row >= begin[span]) & (row < end[span]) & (excess == most[span]))
    which, first = np.unique(span[hit], return_index=True)
    found = begin.copy()
    found[which] = hit[first]
    return found


def _together(batches: Sequence[Written]) -> tuple[Written, NDArray[Any]]:
    """Batches of one store as one, and the streams (codes) of which two readings of one time came."""
    if len(batches) == 1:
        return batches[0], np.zeros(0, np.int64)
    code, time = (np.concatenate([getattr(b, name) for b in batches]) for name in ("code", "time"))
    order = np.lexsort((time, code))
    code, time = code[order], time[order]
    value, quality = (np.concatenate([getattr(b, name) for b in batches])[order] for name in ("value", "quality"))
    again = (code[1:] == code[:-1]) & (time[1:] == time[:-1])
    return Written(-1, batches[-1].names, code, time, value, quality), np.unique(code[1:][again])


def _micro(time: datetime) -> int:
    return round(time.timestamp() * 1_000_000)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
