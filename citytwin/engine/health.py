"""How are the streams? What is expected of every one, how much of it came, how late, and what is wrong now."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from citytwin.engine import period
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.errors import StoreFailed
from citytwin.kernel.title import Title
from citytwin.science import cadence as formula

log = logging.getLogger("citytwin.health")
TIME = pa.timestamp("us", tz="UTC")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS = 30
"""Days that are looked back: today and those before it."""
READ, LEAST = 100, timedelta(minutes=10)
"""Of every stream the readings of its last 100 cadences, and of ten minutes at least, are looked at one by one; all else is told by roll-ups."""
WINDOW = timedelta(hours=26)
"""Streams whose window is longer are few and far between: they are read apart, so that the others need not be read so far back."""
WORST = ("silent", "late", "unknown", "never", "fresh")
"""States, what needs somebody first."""

FEW = 16
"""Sources up to which it is cheaper to pick out the readings of each than to sort those of all."""

_STREAMS = """
  SELECT s.key, s.stream, s.asset_id, s.stream_type, CAST(k.cadence_s AS DOUBLE) AS cadence_s
  FROM stream_row AS s LEFT JOIN stream_kind AS k ON k.stream_type = s.stream_type
  WHERE NOT EXISTS (SELECT 1 FROM stream_gone AS g WHERE g.key = s.key) ORDER BY s.key"""
_STANDS = (
    "NOT EXISTS (SELECT 1 FROM superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch)"
)
_COUNTS = "SELECT stream AS key, period, n FROM rollup_{0} WHERE period >= $since AND period < $until"
_MORE_COUNTS = """
  SELECT key, date_trunc('{0}', slot) AS period, count(*) AS n FROM observation_row
  WHERE ended IS NULL AND NOT stands AND slot >= $since AND slot < $until GROUP BY key, date_trunc('{0}', slot)"""
_MORE_SPANS = "SELECT key, min(slot) AS since, max(slot) AS until FROM observation_row WHERE ended IS NULL GROUP BY key"
# the readings of some streams, each from a moment of its own on
_NEAR = f"""
  SELECT r.stream AS key, r.time, r.value, r.quality, r.batch FROM held AS r JOIN wanted AS w ON w.key = r.stream
  WHERE r.time >= $since AND r.time <= $now AND r.time >= w.since AND {_STANDS}"""
_MORE_NEAR = """
  SELECT o.key, o.slot AS time FROM observation_row AS o JOIN wanted AS w ON w.key = o.key
  WHERE o.ended IS NULL AND NOT o.stands AND o.slot >= w.since AND o.slot <= $now"""
_BATCHES = "SELECT b.batch, b.source, b.recorded FROM batch AS b JOIN wanted AS w ON w.batch = b.batch ORDER BY b.batch"
_SOURCE_OF = f"""
  SELECT r.stream AS key, min(b.source) AS source FROM held AS r JOIN wanted AS w ON w.key = r.stream AND w.time = r.time
  JOIN batch AS b ON b.batch = r.batch WHERE r.time >= $since AND {_STANDS} GROUP BY r.stream"""
_GAPS = f"""
  SELECT begin, "end" FROM (
    SELECT time AS "end", lag(time) OVER (ORDER BY time) AS begin FROM (
      SELECT r.time FROM held AS r WHERE r.stream = $key AND r.time >= $since AND r.time <= $now AND {_STANDS}
      UNION SELECT o.slot FROM observation_row AS o
      WHERE o.key = $key AND o.ended IS NULL AND o.slot >= $since AND o.slot <= $now
      UNION SELECT $since UNION SELECT $now) AS seen) AS step
  WHERE extract(epoch FROM "end" - begin) > $limit ORDER BY begin"""


@dataclass(frozen=True, slots=True)
class Tally:
    """How a set of streams stands: how many in each state, and shares (0 to 1) and seconds over them; NaN where nothing is known."""

    streams: int
    states: Mapping[str, int]
    hour: float
    day: float
    month: float
    trend: float
    flagged: float
    delay_s: float
    delay_p95_s: float
    days: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """All streams at one moment, one row each, and the counts of their days.

    `streams` has key, stream, asset_id, stream_type, kind (the stream type; `open` for all that clients registered), pack, cadence_s, estimated, first,
    last, age_s, state; hour, day and month (completeness); of its window n, flagged, delay, delay_p95, gaps, longest, jitter, unchanged; source; whether it is
    silent and nothing has come since from its asset or its source (asset_down, source_down); how many streams its asset has, and how many of
    these are silent. `days` are the beginnings of the last 30 days; `count` and `due` (streams × days) the readings fit for use and those expected.
    """

    now: datetime
    streams: pa.Table
    days: tuple[datetime, ...]
    count: np.ndarray
    due: np.ndarray
    sources: tuple[dict[str, Any], ...]

    def tally(self, chosen: np.ndarray | None = None) -> Tally:
        """Of the streams in these rows; of all where none are given."""
        chosen = np.arange(self.streams.num_rows) if chosen is None else chosen
        state = pc.index_in(self.streams["state"].take(pa.array(chosen)), value_set=pa.array(formula.STATES)).to_numpy()
        came, due = np.minimum(self.count[chosen], self.due[chosen]).sum(axis=0), self.due[chosen].sum(axis=0)
        late, early = slice(-8, -1), slice(-15, -8)  # the last seven whole days, and the seven before
        n, flagged = self._of("n", chosen), self._of("flagged", chosen)
        hour, day = (_weighted(self._of(c, chosen), self._of("cadence_s", chosen)) for c in ("hour", "day"))
        return Tally(
            len(chosen),
            dict(zip(formula.STATES, np.bincount(state, minlength=len(formula.STATES)).tolist(), strict=True)),
            hour,
            day,
            _share(came.sum(), due.sum()),
            _share(came[late].sum(), due[late].sum()) - _share(came[early].sum(), due[early].sum()),
            _share(np.nansum(n * flagged), np.nansum(n)),
            _median(self._of("delay", chosen)),
            _median(self._of("delay_p95", chosen)),
            tuple(_share(c, d) for c, d in zip(came, due, strict=True)),
        )

    def _of(self, name: str, chosen: np.ndarray) -> np.ndarray:
        values: np.ndarray = _floats(self.streams[name])[chosen]
        return values

    def by(self, column: str) -> dict[str, Tally]:
        """The same for each value of a column: kind, pack, source."""
        places: dict[str, list[int]] = {}
        for i, label in enumerate(self.streams[column].to_pylist()):
            if label is not None:
                places.setdefault(label, []).append(i)
        return {label: self.tally(np.array(places[label])) for label in sorted(places)}


@dataclass(frozen=True, slots=True)
class Near:
    """Readings of some streams in order of stream and time, in columns; `step_s` reaches back to the reading before, or where it `leads` to the moment asked from."""

    of: np.ndarray
    us: np.ndarray
    step_s: np.ndarray
    leads: np.ndarray
    value: np.ndarray
    quality: np.ndarray
    batch: np.ndarray


@dataclass
class Examiner:
    """Looks at all streams of a city. It remembers whence silent streams came and what cadence they showed: that is dear to look up, and stays until they report."""

    twin: Twin
    _source: dict[int, tuple[int, str]] = field(default_factory=dict)
    _cadence: dict[int, tuple[float, float]] = field(default_factory=dict)

    def examine(self, now: datetime) -> Health:
        """How all streams stand. Brings the roll-ups up first, then reads them, and the readings of the last day once."""
        twin, store = self.twin, self.twin.store
        try:
            store.roll()
        except StoreFailed as e:  # the disk is full, or read-only: what is on record can be told all the same
            log.warning("the roll-ups are not up to date: %s", e)
        found = store.fetch(_STREAMS)
        key = found["key"].to_numpy()
        n = len(key)
        place = np.full(int(key.max()) + 1 if n else 0, -1)
        place[key] = np.arange(n)
        first, last = self._spans(place, n)
        declared = _floats(found["cadence_s"])
        rhythm = np.where(declared > 0, declared, np.nan)
        estimated = np.isnan(rhythm) & np.isfinite(last)
        rhythm[estimated] = self._shown_cadence(key[estimated], last[estimated], now)
        moment = now.timestamp()
        age = moment - last
        hours, days = _starts(now, HOUR, 25, twin.city.zone), _starts(now, DAY, DAYS, twin.city.zone)
        hour_count, day_count = self._counts("hour", hours, place, n), self._counts("day", days, place, n)
        hour_length, day_length = _lengths(hours, first, moment), _lengths(days, first, moment)
        state = formula.states(age, rhythm)
        lately, whence, sources = self._lately(key, rhythm, first, last, now)
        silent = state == formula.STATES.index("silent")
        assets, of_asset = _codes(found["asset_id"])
        total = np.bincount(of_asset, minlength=len(assets))[of_asset]
        quiet = np.bincount(of_asset, weights=silent, minlength=len(assets))[of_asset]
        senders, of_sender = _codes(pa.chunked_array([pa.array([w or "" for w in whence], pa.string())]))
        pairs = np.unique(np.column_stack([of_sender, of_asset])[silent], axis=0)
        several = (np.bincount(pairs[:, 0], minlength=len(senders)) > 1)[of_sender]
        named = np.array([s != "" for s in senders], bool)[of_sender]
        source_down = silent & several & named & _quiet_together(of_sender, len(senders), last, rhythm)
        open_gap = np.minimum(age, _window_s(rhythm))
        trailing = np.nan_to_num(open_gap) > formula.GAP * rhythm
        kinds = found["stream_type"].to_pylist()
        columns = {
            "kind": pa.array([k if k in twin.streams else k.partition(".")[0] for k in kinds], pa.string()),
            "pack": pa.array([k.partition(".")[0] for k in kinds], pa.string()),
            "cadence_s": _column(rhythm),
            "estimated": pa.array(estimated & np.isfinite(rhythm)),
            "last": pa.array((np.nan_to_num(last) * 1e6).round().astype(np.int64), mask=np.isnan(last)).cast(TIME),
            "first": pa.array((np.nan_to_num(first) * 1e6).round().astype(np.int64), mask=np.isnan(first)).cast(TIME),
            "age_s": _column(age),
            "state": pa.array([formula.STATES[s] for s in state], pa.string()),
            "hour": _column(formula.completeness(hour_count[:, -2:-1], hour_length[:, -2:-1], rhythm)),
            "day": _column(formula.completeness(hour_count[:, :-1], hour_length[:, :-1], rhythm)),
            "month": _column(formula.completeness(day_count, day_length, rhythm)),
            **{c: _column(lately[c]) for c in ("flagged", "delay", "delay_p95", "jitter")},
            "n": _column(np.nan_to_num(lately["n"])),
            "gaps": _column(np.where(np.isnan(rhythm), np.nan, np.nan_to_num(lately["gaps"]) + trailing)),
            "longest": _column(np.fmax(lately["longest"], np.where(trailing, open_gap, np.nan))),
            "unchanged": pa.array(lately["unchanged"] == 1.0),
            "source": pa.array(whence, pa.string()),
            "asset_streams": pa.array(total.astype(np.int64)),
            "asset_silent": pa.array(quiet.astype(np.int64)),
            "asset_down": pa.array(silent & _quiet_together(of_asset, len(assets), last, rhythm)),
            "source_down": pa.array(source_down),
        }
        table = pa.table({**{c: found[c] for c in ("key", "stream", "asset_id", "stream_type")}, **columns})
        due = formula.expected(day_length, rhythm[:, None])
        return Health(now, table, tuple(days[:-1]), day_count, due, sources)

    def _spans(self, place: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Seconds since 1970 of the first and the last reading of every stream; NaN where there is none."""
        first, last = np.full(n, np.nan), np.full(n, np.nan)
        for table in (
            self.twin.store.spans(),
            *([self.twin.store.fetch(_MORE_SPANS)] if self.twin.registered else []),
        ):
            at, kept = _placed(table, place)
            first[at] = np.fmin(first[at], _seconds(table["since"])[kept])
            last[at] = np.fmax(last[at], _seconds(table["until"])[kept])
        return first, last

    def _shown_cadence(self, key: np.ndarray, last: np.ndarray, now: datetime) -> np.ndarray:
        """The cadences that streams show which declare none; those that did not report since the last look are remembered."""
        known, seen = self._cadence, zip(key.tolist(), last.tolist(), strict=True)
        new = np.array([i for i, (k, at) in enumerate(seen) if known.get(k, (0.0, 0.0))[0] != at], int)
        if len(new):
            found = self._estimate(key[new], last[new], now)
            known.update({int(key[i]): (float(last[i]), float(c)) for i, c in zip(new, found, strict=True)})
        return np.array([known[k][1] for k in key.tolist()], float)

    def _estimate(self, key: np.ndarray, last: np.ndarray, now: datetime) -> np.ndarray:
        """The cadences that the newest readings of these streams show: those of their last hour; where these are too few, of their last day, 30 days."""
        found = np.full(len(key), np.nan)
        for reach in (HOUR, DAY, DAYS * DAY):
            left = np.flatnonzero(np.isnan(found))
            if not len(left):
                break
            near = self._near(key[left], last[left] - reach.total_seconds(), now, more=True)
            inner = near.step_s[~near.leads]
            of = near.of[~near.leads]
            n = np.bincount(of, minlength=len(left)).astype(float)
            enough = n >= (2 if reach > DAY else 8)
            found[left[enough]] = formula.regular(formula.quantiles(of, inner, (0.25, 0.5, 0.75), len(left)), n)[enough]
        return found

    def _near(self, key: np.ndarray, since_s: np.ndarray, now: datetime, more: bool = False) -> Near:
        """The readings of some streams, each from a moment on, in order; with `more` also observations that are more than a number."""
        wanted = pa.table({"key": pa.array(key, pa.int32()), "since": _moments(since_s)})
        place = np.full(int(key.max()) + 1, -1)
        place[key] = np.arange(len(key))
        asked = {"since": _moment(since_s.min()), "now": now}
        told = self.twin.store.fetch(_NEAR, asked, {"wanted": wanted})
        if more and self.twin.registered:
            extra = self.twin.store.fetch(_MORE_NEAR, {"now": now}, {"wanted": wanted})
            told = pa.concat_tables([told, extra], promote_options="default")
        of, us = place[told["key"].to_numpy()], told["time"].cast(TIME).cast(pa.int64()).to_numpy()
        if not _ordered(of, us):
            order = np.lexsort((us, of))
            of, us, told = of[order], us[order], told.take(pa.array(order))
        leads = np.append(True, of[1:] != of[:-1])[: len(of)]
        before = np.append(0, us[:-1])[: len(us)]
        before[leads] = (since_s[of[leads]] * 1e6).astype(np.int64)
        rest = [told[c].to_numpy() for c in ("value", "quality", "batch")]
        return Near(of, us, (us - before) / 1e6, leads, *rest)

    def _counts(self, step: str, starts: Sequence[datetime], place: np.ndarray, n: int) -> np.ndarray:
        """Readings fit for use of every stream in every step, shape (streams, steps)."""
        counts = np.zeros((n, len(starts) - 1))
        begins = np.array([s.timestamp() for s in starts])
        span = {"since": starts[0], "until": starts[-1]}
        for sql in (_COUNTS, *([_MORE_COUNTS] if self.twin.registered else [])):
            told = self.twin.store.fetch(sql.format(step), span)
            at, kept = _placed(told, place)
            column = np.searchsorted(begins, _seconds(told["period"])[kept], side="right") - 1
            np.add.at(counts, (at, column), _floats(told["n"])[kept])
        return counts

    def _lately(
        self, key: np.ndarray, rhythm: np.ndarray, first: np.ndarray, last: np.ndarray, now: datetime
    ) -> tuple[dict[str, np.ndarray], list[str | None], tuple[dict[str, Any], ...]]:
        """What the readings of each stream's window show, who sent its last one, and what each source sent."""
        out = {
            c: np.full(len(key), np.nan)
            for c in ("n", "flagged", "delay", "delay_p95", "gaps", "longest", "jitter", "unchanged")
        }
        window = _window_s(rhythm)
        whence: list[str | None] = [None] * len(key)
        sent: list[tuple[np.ndarray, ...]] = []
        names: list[str] = []
        for chosen in (window <= WINDOW.total_seconds(), window > WINDOW.total_seconds()):
            at = np.flatnonzero(chosen & np.isfinite(first))
            if not len(at):
                continue
            begun = np.fmax(now.timestamp() - window[at], first[at])
            near = self._near(key[at], begun, now)
            for c, values in self._shown(near, rhythm[at]).items():
                out[c][at] = values
            delay, source, said = self._arrivals(near)
            out["delay"][at], out["delay_p95"][at] = formula.quantiles(near.of, delay, (0.5, 0.95), len(at)).T
            sent.append((source + len(names), delay, near.quality > 2))
            names += said
            ends = np.flatnonzero(np.append(near.of[1:] != near.of[:-1], True))[: len(near.of)]
            for stream, code in zip(at[near.of[ends]].tolist(), source[ends].tolist(), strict=True):
                whence[stream] = said[code]
        lost = np.array([w is None for w in whence], bool) & np.isfinite(last)
        self._look_up(key, last, np.flatnonzero(lost), whence)
        return out, whence, _of_sources(sent, names)

    def _shown(self, near: Near, rhythm: np.ndarray) -> dict[str, np.ndarray]:
        """Counts, gaps, jitter and whether the value ever changed, of every stream, by its readings alone."""
        n, of, step = len(rhythm), near.of, near.step_s
        count = np.bincount(of, minlength=n).astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            long = step > formula.GAP * rhythm[of]
            longest = np.full(n, -np.inf)
            np.maximum.at(longest, of[long], step[long])
            steady = ~long & ~near.leads
            off = np.bincount(of[steady], ((step - rhythm[of]) ** 2)[steady], minlength=n)
            jitter = np.sqrt(off / np.bincount(of[steady], minlength=n))
        valued = np.isfinite(near.value)
        low, high = np.full(n, np.inf), np.full(n, -np.inf)
        np.minimum.at(low, of[valued], near.value[valued])
        np.maximum.at(high, of[valued], near.value[valued])
        return {
            "n": count,
            "flagged": np.bincount(of, near.quality > 2, minlength=n) / np.where(count > 0, count, np.nan),
            "gaps": np.bincount(of[long], minlength=n).astype(float),
            "longest": np.where(np.isfinite(longest), longest, np.nan),
            "jitter": jitter,
            "unchanged": ((low == high) & (np.bincount(of[valued], minlength=n) > 2)).astype(float),
        }

    def _arrivals(self, near: Near) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Of every reading its delay in seconds and the number of its source; and the names of the sources."""
        coded = pa.array(near.batch, pa.int64()).dictionary_encode()
        told = self.twin.store.fetch(_BATCHES, tables={"wanted": pa.table({"batch": coded.dictionary})})
        of = np.searchsorted(told["batch"].to_numpy(), coded.dictionary.to_numpy())[coded.indices.to_numpy()]
        names, code = _codes(told["source"])
        recorded = told["recorded"].cast(TIME).cast(pa.int64()).to_numpy()
        return (recorded[of] - near.us) / 1e6, code[of], names

    def _look_up(self, key: np.ndarray, last: np.ndarray, at: np.ndarray, whence: list[str | None]) -> None:
        """Who sent the last reading of streams that were quiet for longer than their window."""
        us = np.nan_to_num(last * 1e6).round().astype(np.int64)
        new = np.array([i for i in at.tolist() if self._source.get(int(key[i]), (-1, ""))[0] != us[i]], int)
        if len(new):
            wanted = pa.table({"key": pa.array(key[new], pa.int32()), "time": pa.array(us[new]).cast(TIME)})
            told = self.twin.store.fetch(_SOURCE_OF, {"since": _moment(us[new].min() / 1e6)}, {"wanted": wanted})
            said = dict(zip(told["key"].to_pylist(), told["source"].to_pylist(), strict=True))
            self._source.update({int(key[i]): (int(us[i]), said.get(int(key[i]), "")) for i in new.tolist()})
        for i in at.tolist():
            whence[i] = self._source[int(key[i])][1]


def _of_sources(sent: Sequence[tuple[np.ndarray, ...]], names: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """What every source sent lately: readings, share that is flagged, delays in seconds."""
    if not sent:
        return ()
    of, delay, flagged = (np.concatenate(c) for c in zip(*sent, strict=True))
    listed, merged = np.unique(np.array(names), return_inverse=True)
    of = merged[of] if len(of) else of.astype(np.int64)
    count = np.bincount(of, minlength=len(listed))
    late = (
        np.array([np.quantile(delay[of == i], (0.5, 0.95)) for i in range(len(listed))])
        if 0 < len(listed) <= FEW
        else formula.quantiles(of, delay, (0.5, 0.95), len(listed))
    )
    bad = np.bincount(of, flagged, minlength=len(listed))
    return tuple(
        {"source": str(s), "readings": int(count[i]), "flagged": _share(bad[i], count[i]),
         "delay": float(late[i, 0]), "delay_p95": float(late[i, 1])}
        for i, s in enumerate(listed)
    )  # fmt: skip


def gaps(twin: Twin, key: int, cadence_s: float, first: datetime, now: datetime) -> list[tuple[datetime, datetime]]:
    """Intervals of more than 1.5 cadences without a reading of one stream, of the last 30 days, in order of time."""
    since = max(now - DAYS * DAY, first)
    asked = {"key": key, "since": since, "now": now, "limit": formula.GAP * cadence_s}
    return [(r["begin"], r["end"]) for r in rows(twin.store.fetch(_GAPS, asked))] if since < now else []


def advice(state: str, asset_down: bool, source_down: bool) -> Title | None:
    """Where to look first. What fails together has one cause: a source with all it sends, an asset with all its streams, or one sensor."""
    match state:
        case "silent" if source_down:
            return Title(
                "此后该来源没有任何数据：先查网关、接口或平台间链路。",
                "Nothing has come from this source since: look at the gateway or the link between the systems first.",
            )
        case "silent" if asset_down:
            return Title(
                "此后该设施没有任何数据：查供电、通信模块与卡费，必要时派人到现场。",
                "Nothing has come from this asset since: check power, modem and its contract, and send somebody if need be.",
            )
        case "silent":
            return Title(
                "此后该设施的其他数据流仍在上报：查该传感器、其接线与采集通道。",
                "Other streams of this asset have reported since: check this sensor, its wiring and its channel.",
            )
        case "late":
            return Title(
                "已缺一次以上读数：再等一个周期，仍无数据则按中断处理。",
                "More than one reading is missing: wait for one more, then treat it as silent.",
            )
        case "never":
            return Title(
                "已登记而从未上报：核对设备编号与地址，或取消登记。",
                "Registered, and never reported: check its id and the address it sends to, or take it off the register.",
            )
        case "unknown":
            return Title(
                "看不出固定间隔：如应定时上报，请在业务包中声明间隔。",
                "No regular interval shows: if it should report regularly, declare its cadence in a pack.",
            )
    return None


def _window_s(cadence_s: np.ndarray) -> np.ndarray:
    """How far back the readings of each stream are looked at: its last 100 cadences, 10 minutes at least and 30 days at most; a day without one."""
    found: np.ndarray = np.nan_to_num(
        np.clip(READ * cadence_s, LEAST.total_seconds(), (DAYS * DAY).total_seconds()), nan=DAY.total_seconds()
    )
    return found


def _starts(now: datetime, step: timedelta, n: int, zone: str) -> list[datetime]:
    """Beginnings of the last `n` hours or days by the clock of `zone`, the one in progress last, and its end."""
    every = "hour" if step == HOUR else "day"
    starts = [period.end(now, every, zone), period.start(now, every, zone)]  # type: ignore[arg-type]  # one of the two
    while len(starts) <= n:
        starts.append(period.start(starts[-1] - step / 2, every, zone))  # type: ignore[arg-type]
    return starts[::-1]


def _lengths(starts: Sequence[datetime], first: np.ndarray, until: float) -> np.ndarray:
    """Seconds of every step in which a stream was there: from its first reading on, until now."""
    edges = np.array([s.timestamp() for s in starts])
    begin = np.fmax(edges[None, :-1], first[:, None])
    length = np.minimum(edges[None, 1:], until) - begin
    return np.where(np.isnan(first)[:, None], 0.0, np.maximum(length, 0.0))


def _ordered(of: np.ndarray, us: np.ndarray) -> bool:
    """Whether rows are in the order of stream and time already, as those are that lie sorted on disk."""
    step = np.diff(of)
    return bool(((step > 0) | ((step == 0) & (np.diff(us) >= 0))).all())


def _placed(table: pa.Table, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which rows of a table with `key` are of streams that are shown: their places, and the rows."""
    key = table["key"].to_numpy()
    known = np.flatnonzero(key < len(place))
    known = known[place[key[known]] >= 0]
    return place[key[known]], known


def _codes(column: pa.ChunkedArray) -> tuple[list[str], np.ndarray]:
    """The distinct texts of a column, and the place of each row's among them."""
    coded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    coded = pa.concat_arrays(coded.chunks) if isinstance(coded, pa.ChunkedArray) else coded
    return coded.dictionary.to_pylist(), coded.indices.to_numpy()


def _quiet_together(of: np.ndarray, n: int, last: np.ndarray, rhythm: np.ndarray) -> np.ndarray:
    """Whether nothing of a stream's group (0 to n - 1) has come since the stream fell silent: had the group failed as one, no other could be a cadence ahead."""
    newest = np.full(n, -np.inf)
    np.fmax.at(newest, of, last)
    with np.errstate(invalid="ignore"):
        quiet: np.ndarray = newest[of] <= last + np.fmax(formula.GAP * rhythm, 1.0)
    return quiet


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    values: np.ndarray = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _column(values: np.ndarray) -> pa.Array:
    """NaN becomes null: it is not known."""
    return pa.array(np.asarray(values, float), pa.float64(), from_pandas=True)


def _seconds(column: pa.ChunkedArray) -> np.ndarray:
    seconds: np.ndarray = column.cast(TIME).cast(pa.int64()).to_numpy() / 1e6
    return seconds


def _moments(seconds: np.ndarray) -> pa.Array:
    return pa.array((seconds * 1e6).astype(np.int64)).cast(TIME)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _weighted(values: np.ndarray, cadence_s: np.ndarray) -> float:
    """Mean of completenesses, each stream by the readings expected of it."""
    known = np.isfinite(values) & (cadence_s > 0)
    weight = 1 / cadence_s[known]
    return _share(float((values[known] * weight).sum()), float(weight.sum()))
