"""How does an observation get in that comes with more than a number? Plain ones are readings; the others are kept beside them, or in their place."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from citytwin.engine.decode import Row
from citytwin.engine.ingest import Intake, Told
from citytwin.engine.register import Making, microseconds, nowhere, plain_id
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadBatch, BadRequest, CityTwinError, NotFound
from citytwin.kernel.observation import Batch, Receipt
from citytwin.kernel.register import Entry, Seen
from citytwin.kernel.stream import stream_parts

SOURCE = "sensorthings"
TIME = pa.timestamp("us", tz="UTC")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sent:
    """An observation on its way: its id, and the receipt to wait for before it is told."""

    id: str
    receipt: Future[Receipt] | None = None

    def done(self) -> str:
        """The id, once the observation is durable. Raises what kept it from being so."""
        if self.receipt:
            self.receipt.result()
        return self.id


@dataclass(slots=True)
class Many:
    """Observations of a stream on their way as one: the key and the times (microseconds since 1970) that make their ids, and the receipt to wait for."""

    key: int
    times: list[int]
    receipt: Future[Receipt]


@dataclass(slots=True)
class Judged:
    """What an observation is: `number` is its result as a reading has it, and `bare` whether a reading says all of it."""

    stream: str
    seen: Seen
    number: float | None
    registered: bool
    bare: bool


@dataclass(slots=True)
class _Landing:
    """An observation on its way: whoever waits for it is told once its place is no longer spoken for."""

    flying: set[tuple[str, int]]
    place: tuple[str, int]
    told: Told

    def land(self) -> None:
        """Its place is free, or taken by what is on record."""
        self.flying.discard(self.place)

    def set_result(self, receipt: Receipt, /) -> None:
        """It is durable."""
        self.land()
        self.told.set_result(receipt)

    def set_exception(self, error: BaseException, /) -> None:
        """It is not on record."""
        self.land()
        self.told.set_exception(error)


class Observing:
    """The way in for observations. A reading that a pack declares follows its rules; a registered stream takes whatever is observed."""

    def __init__(self, twin: Twin, intake: Intake) -> None:
        self.twin = twin
        self._intake = intake
        self._turn = threading.Lock()
        self._flying: set[tuple[str, int]] = set()
        """Single observations on their way: stream and time."""
        self._spans: dict[str, list[tuple[int, int]]] = {}
        """Of streams whose observations are on their way in numbers: from when to when."""
        self._ready: dict[str, str | None] = {}
        self._version = -1

    # -- in

    def plain(self, stream: str, time: datetime, value: float, told: Told, automatic: bool = True) -> str | None:
        """Send on a number at a time, if it is newer than all of its stream and nothing else is to be found out, and return its id; else None.

        `told` hears once it is durable; `automatic` says whether it is of the place where its thing is, as it names no feature.
        """
        if automatic and (self._version != self.twin.register_version or self._ready.get(stream, "") is not None):
            return None
        known = self.twin.store.newest(stream)
        at = microseconds(time)
        with self._turn:
            if known is None or at <= known[1] or self._spoken_for(stream, at) or self._away(known[0], at):
                return None
            self._flying.add((stream, at))
        self._post(_Landing(self._flying, (stream, at), told), stream, time, value)
        return f"{known[0]}-{at}"

    def _send(self, stream: str, key: int, time: datetime, value: float) -> Sent:
        at = microseconds(time)
        receipt: Future[Receipt] = Future()
        self._post(_Landing(self._flying, (stream, at), receipt), stream, time, value)
        return Sent(f"{key}-{at}", receipt)

    def _post(self, landing: _Landing, stream: str, time: datetime, value: float) -> None:
        try:
            self._intake.post(landing, [Row(stream, time, value)], source=SOURCE)
        except BaseException:
            landing.land()
            raise

    def many(
        self,
        streams: Sequence[str],
        counts: Sequence[int],
        time: np.ndarray,
        value: np.ndarray,
        automatic: bool = True,
    ) -> list[Many | None]:
        """Put numbers at times (microseconds since 1970) on record as one batch; the first `counts[0]` rows are of the first stream, and so on.

        `automatic` as in `plain`.

        Of each stream, in order, its rows on their way; None where any of them is more than a new reading, and then none of that stream was taken.
        """
        ends = np.cumsum(np.asarray(counts, np.int64))
        starts = ends - counts
        earliest, latest = np.minimum.reduceat(time, starts), np.maximum.reduceat(time, starts)
        step = np.diff(time) > 0
        step[ends[:-1] - 1] = True  # from one stream to the next
        rising = np.ones(len(streams), bool)
        rising[np.unique(np.searchsorted(ends, np.flatnonzero(~step), side="right"))] = False
        self._enroll(streams)
        keys = [self._place(stream) if automatic else self.twin.store.newest(stream) for stream in streams]
        taken: dict[str, int] = {}
        with self._turn:
            for n, (stream, known) in enumerate(zip(streams, keys, strict=True)):
                if known is None or stream in taken or earliest[n] <= known[1]:
                    continue
                if not rising[n] and len(np.unique(time[starts[n] : ends[n]])) < counts[n]:
                    continue
                if self.twin.moved and any(self._away(known[0], t) for t in time[starts[n] : ends[n]].tolist()):
                    continue
                span = (int(earliest[n]), int(latest[n]))
                if not self._clear(stream, span):
                    continue
                self._spans.setdefault(stream, []).append(span)
                taken[stream] = n
        told: list[Many | None] = [None] * len(streams)
        if not taken:
            return told
        mine = {stream: (int(earliest[n]), int(latest[n])) for stream, n in taken.items()}

        def land(_: object = None) -> None:
            with self._turn:
                for stream, span in mine.items():
                    self._spans[stream].remove(span)
                    if not self._spans[stream]:
                        del self._spans[stream]

        places = list(taken.values())
        whole = len(places) == len(streams)
        index = np.repeat(np.arange(len(places), dtype=np.int32), [counts[n] for n in places])
        rows = np.arange(len(time)) if whole else np.concatenate([np.arange(starts[n], ends[n]) for n in places])
        table = pa.table(
            {
                "stream": pa.DictionaryArray.from_arrays(pa.array(index), pa.array(list(taken), pa.string())),
                "time": pa.array(time[rows]).cast(TIME),
                "value": value[rows],
            }
        )
        try:
            receipt = self._intake.submit(Batch(table, source=SOURCE))
        except BadBatch:  # some rows are at fault: each is asked by itself, and answered
            land()
            return told
        except BaseException:
            land()
            raise
        receipt.add_done_callback(land)
        for n in places:
            known = keys[n]
            assert known is not None
            told[n] = Many(known[0], time[starts[n] : ends[n]].tolist(), receipt)
        return told

    def _enroll(self, streams: Sequence[str]) -> None:
        """Give declared streams that have not reported yet the keys that ids of observations are made of."""
        new = {s for s in streams if self.twin.store.newest(s) is None and s not in self.twin.registered}
        known = []
        for stream in sorted(new):
            try:
                self._declared(stream)
            except NotFound:
                continue  # its rows will be told
            known.append((stream, stream_parts(stream)[0]))
        if known:
            self.twin.store.commit(enroll=known)

    def _place(self, stream: str) -> tuple[int, int] | None:
        """Key and newest time of a stream whose new numbers are readings, whoever sends them; None where that is not sure."""
        known = self.twin.store.newest(stream)
        if known is not None and stream in self.twin.registered:
            self._renew()
            try:
                if self._feature(stream) is not None:
                    return None
            except CityTwinError:
                return None
        return known

    def _renew(self) -> None:
        """Forget what was found out before something was registered or changed."""
        if self._version != self.twin.register_version:
            self._ready.clear()
            self._version = self.twin.register_version

    def _spoken_for(self, stream: str, at: int) -> bool:
        """Whether an observation of a stream at a time is on its way; within `turn`."""
        spans = self._spans.get(stream) if self._spans else None
        return (stream, at) in self._flying or bool(spans and any(since <= at <= until for since, until in spans))

    def _clear(self, stream: str, span: tuple[int, int]) -> bool:
        """Whether nothing on its way to a stream is within a span of time; within `turn`."""
        if any(since <= span[1] and until >= span[0] for since, until in self._spans.get(stream, ())):
            return False
        return not any(name == stream and span[0] <= at <= span[1] for name, at in self._flying)

    def judge(self, stream: str, seen: Seen, automatic: bool = True) -> Judged:
        """What is to be put on record of an observation; `automatic` as in `plain`. Raises NotFound, BadRequest."""
        self._renew()
        registered = stream in self.twin.registered
        number = _number(seen.result)
        if not registered:
            if self.twin.store.newest(stream) is None:
                self._declared(stream)
            self._ready[stream] = None
            if number is None:
                number = self._state(stream, seen.result)
                if number is None:
                    raise BadRequest(
                        f"'{stream}' takes {'one of its states' if self.twin.has_states(stream) else 'numbers'}, not {str(seen.result)[:40]!r}",
                        "register a Datastream for other results",
                        "result",
                    )
                seen = replace(seen, result=number)
        elif automatic and seen.feature is None and (feature := self._feature(stream)) is not None:
            seen = replace(seen, feature=feature)
        return Judged(stream, seen, number, registered, number is not None and _bare(seen))

    def take(self, stream: str, seen: Seen, automatic: bool = True) -> Sent:
        """Put an observation of a stream on record; `automatic` as in `plain`. Raises NotFound, BadRequest, BadBatch."""
        one = self.judge(stream, seen, automatic)
        if one.registered and not (one.bare and self.free([(stream, seen.time)])[0]):
            return Sent(self._more(stream, one.seen))
        for fault in self.missing((one.seen.feature,)).values():
            raise fault
        assert one.number is not None
        known = self.twin.store.newest(stream)
        if known is None:  # the first reading gives the stream its key
            self._intake.send([Row(stream, seen.time, one.number)], source=SOURCE).result()
            sent = Sent(self.reading_id(stream, seen.time))
        else:
            sent = self._send(stream, known[0], seen.time, one.number)
        if not one.bare:
            sent.done()
            self._more(stream, one.seen, sent.id)
        return sent

    def reading_id(self, stream: str, time: datetime) -> str:
        """The id of the reading of a stream at a time."""
        known = self.twin.store.newest(stream)
        assert known is not None
        return f"{known[0]}-{microseconds(time)}"

    def missing(self, features: Iterable[str | Entry | None]) -> dict[str, CityTwinError]:
        """Of those of these features that are named and are not there, what whoever names them is told."""
        named = sorted({f for f in features if isinstance(f, str)})
        if not named:
            return {}
        there = self.twin.store.fetch("SELECT id FROM feature WHERE id IN (SELECT unnest($ids))", {"ids": named})
        return {f: nowhere("feature", f) for f in set(named).difference(there["id"].to_pylist())}

    def late(self, stream: str, at: int, newest: int | None) -> bool:
        """Whether a reading of a declared stream is judged by those around it and not newer than all of them; `newest` is one that goes in before it."""
        kind = stream_parts(stream)[1]
        declared = self.twin.streams.get(kind)
        if not (kind in self.twin.policies or stream in self.twin.edited or (declared and declared.qc)):
            return False
        known = self.twin.store.newest(stream)
        return (newest is not None and at <= newest) or (known is not None and at <= known[1])

    def record(self, readings: Sequence[Judged]) -> list[CityTwinError | None]:
        """Put readings on record as one batch; of each why it is not there, if it is not."""
        told: list[CityTwinError | None] = [None] * len(readings)
        left = list(range(len(readings)))
        while left:
            table = pa.table(
                {
                    "stream": pa.array([readings[n].stream for n in left], pa.string()),
                    "time": pa.array([readings[n].seen.time for n in left], TIME),
                    "value": pa.array([readings[n].number for n in left], pa.float64()),
                }
            )
            try:
                self._intake.accept(Batch(table, source=SOURCE))
                break
            except CityTwinError as e:  # rows at fault are named, but not all at once where they are many
                wrong = {int(f.where[4:]) - 1: f for f in e.faults if f.where.startswith("row ")}
                for place in wrong or range(len(left)):
                    told[left[place]] = BadBatch(e.message, e.hint, e.where, (wrong[place],)) if wrong else e
                left = [n for place, n in enumerate(left) if place not in wrong] if wrong else []
        return told

    def _away(self, key: int, at: int) -> bool:
        """Whether the id of a reading is that of an observation which was led elsewhere."""
        return bool(self.twin.moved) and f"{key}-{at}" in self.twin.moved

    def _state(self, stream: str, result: Any) -> float | None:
        """The code of a state that a declared stream reports by its word."""
        kind = self.twin.streams.get(stream.partition(".")[2])
        word = str(result).lower() if isinstance(result, bool) else result
        code = kind.code(word) if kind and isinstance(word, str) else None
        return None if code is None else float(code)

    def _declared(self, stream: str) -> None:
        """Raises NotFound where a stream is neither on record nor declared."""
        asset, _, kind = stream.partition(".")
        declared = self.twin.streams.get(kind)
        if declared is None or self.twin.asset_types.get(asset) != declared.asset:
            raise NotFound(f"there is no Datastream '{stream[:100]}'", "see /Datastreams", stream[:100])

    def free(self, places: Sequence[tuple[str, datetime]]) -> list[bool]:
        """Of places (registered stream, time) whether nothing is there yet, in order; if so the place is taken until a reading lands there, or `leave`."""
        told: list[bool] = []
        late: dict[tuple[int, int], int] = {}
        with self._turn:
            for stream, time in places:
                at, known = microseconds(time), self.twin.store.newest(stream)
                assert known is not None
                told.append(not (self._spoken_for(stream, at) or self._away(known[0], at)))
                if told[-1]:
                    self._flying.add((stream, at))
                    if at <= known[1]:
                        late[known[0], at] = len(told) - 1
        for place in self._there(list(late)) if late else ():
            told[late[place]] = False
            self.leave([places[late[place]]])
        return told

    def leave(self, places: Iterable[tuple[str, datetime]]) -> None:
        """Places are no longer spoken for."""
        with self._turn:
            self._flying.difference_update((stream, microseconds(time)) for stream, time in places)

    def _there(self, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those of these places (stream key, microseconds since 1970) at which there is an observation."""
        keys, times = (list(c) for c in zip(*places, strict=True))
        wanted = pa.table({"key": pa.array(keys, pa.int32()), "slot": pa.array(times, pa.int64()).cast(TIME)})
        sql = (
            "SELECT DISTINCT s.key, epoch_us(s.slot) AS at FROM sensing AS s JOIN wanted AS w ON w.key = s.key AND w.slot = s.slot "
            f"WHERE s.key IN ({', '.join(map(str, sorted(set(keys))))}) AND s.slot BETWEEN $since AND $until"
        )
        span = {"since": time_of(min(times)), "until": time_of(max(times))}
        found = self.twin.store.fetch(sql, span, {"wanted": wanted})
        return list(zip(found["key"].to_pylist(), found["at"].to_pylist(), strict=True))

    def _feature(self, stream: str) -> str | None:
        """The feature that an observation of a registered stream is of: None for that of the stream. Raises BadRequest if there is none."""
        if stream not in self._ready:
            with self.twin.turn:
                self._ready[stream] = self._look(stream)
                self._version = self.twin.register_version
        return self._ready[stream]

    def _look(self, stream: str) -> str | None:
        row = self.twin.store.fetch(
            "SELECT d.feature, d.thing, (SELECT min(p.location) FROM thing_location AS p WHERE p.thing = d.thing) AS place "
            "FROM datastream AS d WHERE d.id = $id",
            {"id": stream},
        ).to_pylist()
        if not row:
            raise NotFound(f"there is no Datastream '{stream[:100]}'", "see /Datastreams", stream[:100])
        of, place = row[0]["feature"], row[0]["place"]
        if of is not None and (place is None or of in (f"feature-of-{place}", place)):
            return None
        if of is not None and not of.startswith("feature-of-"):  # somebody chose it
            return None
        made = Making(self.twin)
        here = made.default_feature(row[0]["thing"])
        if of is None:
            made.set("datastream_row", stream, {"feature": here})
        made.commit()
        return None if of is None else here

    def _more(self, stream: str, seen: Seen, id: str = "", slot: datetime | None = None) -> str:
        with self.twin.turn:
            made = Making(self.twin)
            if id:
                made.end("id = $id", id=id)
            told = made.observation(stream, seen, id, slot)
            made.commit()
        known = self.twin.store.newest(stream)
        assert known is not None
        return told if id else f"{known[0]}{told}"

    # -- changing

    def change(self, id: str, key: int, slot: datetime, changes: Mapping[str, Any]) -> None:
        """Say parts of an observation anew; what it was stays on record."""
        stream, seen, read = found(self.twin, id, key, slot)
        given = dict(changes)
        if (span := given.pop("time", None)) is not None:
            given |= {"time": span[0], "until": span[1]}
        after = replace(seen, **given)
        if after == seen:
            return
        number = _number(after.result)
        declared = stream not in self.twin.registered
        if declared and number is None and (number := self._state(stream, after.result)) is not None:
            after = replace(after, result=number)
        if declared and (number is None or after.time != seen.time):
            raise BadRequest(
                f"'{stream}' is declared by a pack: its readings keep their time and stay numbers",
                "delete it and send another",
                id,
            )
        if read and self._stands(stream, slot):
            if number is not None and after.time == slot:
                self._intake.send([Row(stream, after.time, number)], source=SOURCE).result()
                if replace(after, result=seen.result) == Seen(after.time, after.time, seen.result):
                    with self.twin.turn:
                        made = Making(self.twin)
                        made.end("id = $id", id=id)
                        made.commit()
                    return
            else:
                self.twin.store.retract(pa.table({"stream": [stream], "time": pa.array([slot], TIME)}))
        self._more(stream, after, id, slot)

    def _stands(self, stream: str, time: datetime) -> bool:
        """Whether there is a reading at a time that was not withdrawn."""
        sql = "SELECT 1 FROM observation_all WHERE stream = $stream AND time = $time AND NOT superseded LIMIT 1"
        return bool(self.twin.store.fetch(sql, {"stream": stream, "time": time}).num_rows > 0)

    def withdraw(self, ids: Sequence[tuple[str, int, datetime]]) -> None:
        """Withdraw observations (id, stream key, time in the id); their history stays."""
        if not ids:
            return
        gone = self.twin.part([("observation", id) for id, _, _ in ids])  # while they can still be read
        keys = ", ".join(str(k) for k in sorted({key for _, key, _ in ids}))
        names = self.twin.store.fetch(f"SELECT key, id FROM datastream WHERE key IN ({keys})")
        stream = dict(zip(names["key"].to_pylist(), names["id"].to_pylist(), strict=True))
        read = [
            (stream[key], slot) for id, key, slot in ids if plain_id(id) and id not in self.twin.moved and key in stream
        ]
        if read:
            streams, times = zip(*read, strict=True)
            self.twin.store.retract(pa.table({"stream": list(streams), "time": pa.array(times, TIME)}))
        with self.twin.turn:
            made = Making(self.twin)
            made.end(f"key IN ({keys}) AND id IN (SELECT unnest($ids))", ids=[id for id, _, _ in ids])
            made.tell(f"{len(ids)} observations withdrawn", [id for id, _, _ in ids])
            for key in stream.values():
                made.touched["datastream", key] = "update"
            made.commit()
        gone()


def found(twin: Twin, id: str, key: int, slot: datetime) -> tuple[str, Seen, bool]:
    """The stream of an observation, what was seen, and whether a reading stands behind it. Raises NotFound."""
    sql = (
        "SELECT d.id AS stream, s.* FROM sensing AS s JOIN datastream AS d ON d.key = s.key "
        "WHERE s.key = $key AND s.slot = $slot AND s.id = $id"
    )
    rows = twin.store.fetch(sql, {"key": key, "slot": slot, "id": id}).to_pylist()
    if not rows:
        raise NotFound(f"there is no Observation '{id[:100]}'", "", id[:100])
    row = rows[0]
    result: Any = next((row[k] for k in ("number", "string", "boolean") if row[k] is not None), None)
    if result is None and row["object"] is not None:
        result = msgspec.json.decode(row["object"])
    quality, properties = (
        msgspec.json.decode(row[k]) if row[k] is not None else None for k in ("quality", "properties")
    )
    valid = (row["valid_since"], row["valid_until"]) if row["valid_since"] is not None else None
    seen = Seen(
        row["time"],
        row["until"],
        result,
        row["result_time"],
        quality if row["more"] else None,
        valid,
        properties,
        row["feature"],
    )
    return row["stream"], seen, plain_id(id) and id not in twin.moved


_ID = re.compile(r"([0-9]{1,9})-(-?[0-9]{1,17})(?:-[0-9]{1,18})?")


def parts_of(id: str) -> tuple[int, datetime] | None:
    """Stream key and time that the id of an observation tells; None where it is none."""
    told = _ID.fullmatch(id)
    try:
        return (int(told[1]), time_of(int(told[2]))) if told else None
    except OverflowError:
        return None


def slot_of(twin: Twin, id: str) -> tuple[int, datetime]:
    """Where an observation is kept: the key of its stream and the time in its id. Raises NotFound where the id is none."""
    told = parts_of(id)
    if told is None:
        raise NotFound(f"there is no Observation '{id[:100]}'", "", id[:100])
    return twin.moved.get(id, told[0]), told[1]


def time_of(at: int) -> datetime:
    """A moment from microseconds since 1970."""
    return EPOCH + timedelta(microseconds=at)


def _bare(seen: Seen) -> bool:
    """Whether an observation is no more than a result at a time."""
    rest = (seen.result_time, seen.quality, seen.valid, seen.properties, seen.feature, seen.stream)
    return seen.until == seen.time and rest == _NOTHING


_NOTHING = (None,) * 6


def _number(result: Any) -> float | None:
    """A result as a reading can hold it."""
    plain = isinstance(result, int | float) and not isinstance(result, bool) and abs(result) <= 2**53
    return float(result) if plain else None
