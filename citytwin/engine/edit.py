"""How is a stream corrected by people? Its script of edits is run on the readings as they came; what it makes of them is in force, and all of it is on record."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from citytwin.engine.decision import Step, drawn, newest
from citytwin.engine.raw import SPAN, before, raw
from citytwin.engine.script import ABOUT, TIME, Series, edits, holding, micro, moment, run, scripts, spans
from citytwin.engine.twin import Twin
from citytwin.kernel.edit import Edit, Edited
from citytwin.kernel.errors import BadRequest, CityTwinError, Conflict, NotFound
from citytwin.kernel.store import Change
from citytwin.kernel.stream import stream_parts

log = logging.getLogger("citytwin.edit")
MOST = 5_000_000
"""Readings within the spans of one script."""
_SEEN = "edit"
"""The watermark of `keep_up`."""
_IN_FORCE = """
  SELECT o.time, o.value, o.quality FROM observation_all AS o
  WHERE o.stream = $stream AND NOT o.superseded AND o.time >= $since AND o.time < $until
    AND EXISTS (SELECT 1 FROM span AS s WHERE o.time >= s.since AND o.time < s.until) ORDER BY o.time"""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is in force now in the spans concerned, what will be, and how many readings that changes, adds and withdraws."""

    now: Series
    then: Series
    put: np.ndarray
    gone: np.ndarray
    changed: int
    added: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class Applied:
    """What a decision changed; `n` is its number, 0 for a replay."""

    n: int
    changed: int
    added: int
    withdrawn: int


def preview(twin: Twin, stream: str, *more: Edit, undo: int | None = None) -> Difference:
    """What more edits, or the undoing of one, would change. Raises NotFound, BadRequest, Conflict."""
    known(twin, stream)
    there = edits(twin.store, stream)
    if undo is not None:
        taken = _one(there, undo)
        return difference(twin, stream, holding(e for e in there if e.n != undo), [taken.edit])
    asked = [judged(twin, stream, edit) for edit in more]
    return difference(twin, stream, [*holding(there), *asked])


def apply(twin: Twin, stream: str, by: str, edit: Edit, note: str, seen: int | None = None) -> Applied:
    """Take one more edit into the script and put in force what it makes of the readings. Raises NotFound, BadRequest, Conflict."""
    with twin.turn:
        known(twin, stream)
        _reasoned(note)
        edit = judged(twin, stream, edit)
        _seen(twin, stream, seen)
        found = difference(twin, stream, [*holding(edits(twin.store, stream)), edit])
        return _decided(twin, stream, by, Step(ABOUT + stream, "edit", {}, {"edit": edit}, note), found)


def undo(twin: Twin, stream: str, by: str, n: int, note: str = "", seen: int | None = None) -> Applied:
    """Take an edit out of the script: the readings are what they would be without it. Raises NotFound, BadRequest, Conflict."""
    with twin.turn:
        known(twin, stream)
        _seen(twin, stream, seen)
        there = edits(twin.store, stream)
        taken = _one(there, n)
        found = difference(twin, stream, holding(e for e in there if e.n != n), [taken.edit])
        return _decided(twin, stream, by, Step(ABOUT + stream, "undo", {"edit": n}, {}, note), found)


def replay(twin: Twin, stream: str) -> Applied:
    """Run the script anew on the readings as they came: what came late is edited too. Raises NotFound, BadRequest."""
    with twin.turn:
        known(twin, stream)
        there = edits(twin.store, stream)
        found = difference(twin, stream, holding(there), [e.edit for e in there])
        if len(found.put) or len(found.gone):
            twin.store.revise(stream, *_rows(found), newest(twin.store, ABOUT + stream))
            _follow(twin, stream)
        return Applied(0, found.changed, found.added, found.withdrawn)


def keep_up(twin: Twin) -> list[str]:
    """Replay the streams whose spans readings came into since the last time; returns which."""
    with twin.turn:
        if not twin.edited:
            return []
        store = twin.store
        read = "SELECT (SELECT coalesce(max(batch), 0) FROM batch) AS last, (SELECT max(batch) FROM watermark WHERE name = $name) AS seen"
        row = store.fetch(read, {"name": _SEEN}).to_pylist()[0]
        if row["seen"] is not None and row["seen"] >= row["last"]:
            return []
        streams = sorted({*twin.edited, *(e.stream for script in twin.edited.values() for e in script if e.stream)})
        touched = store.fetch(
            """SELECT k.stream FROM stream_row AS k JOIN wanted AS w ON w.stream = k.stream
               WHERE EXISTS (SELECT 1 FROM observation_all AS o WHERE o.stream = k.stream AND o.batch > $seen
                             AND NOT EXISTS (SELECT 1 FROM edit_batch AS e WHERE e.batch = o.batch))
                  OR EXISTS (SELECT 1 FROM superseded AS x WHERE x.stream = k.key AND x.by_batch > $seen
                             AND NOT EXISTS (SELECT 1 FROM edit_batch AS e WHERE e.batch = x.by_batch))""",
            {"seen": row["seen"] or 0},
            {"wanted": pa.table({"stream": pa.array(streams, pa.string())})},
        )["stream"].to_pylist()
        due = [s for s in twin.edited if s in touched or any(e.stream in touched for e in twin.edited[s])]
        for stream in due:
            try:
                replay(twin, stream)
            except CityTwinError as e:  # the others must not suffer for it
                log.warning("the edits of %s are not replayed: %s", stream, e)
        sql = "INSERT INTO watermark VALUES ($name, $batch, '', NULL) ON CONFLICT (name) DO UPDATE SET batch = excluded.batch"
        store.commit(Change(sql, {"name": _SEEN, "batch": row["last"]}))
        return due


def difference(twin: Twin, stream: str, script: Sequence[Edit], changed: Iterable[Edit] = ()) -> Difference:
    """What a script makes of the readings as they came, beside what is in force; `changed` are steps whose spans are looked at although they may not be in it. Raises BadRequest."""
    asked = spans([*script, *changed])
    if not asked:
        nothing = np.array([], np.int64)
        return Difference(Series(), Series(), nothing, nothing, 0, 0, 0)
    table = pa.table(
        {
            "stream": [stream] * len(asked),
            "since": pa.array([s for s, _ in asked]).cast(TIME),
            "until": pa.array([u for _, u in asked]).cast(TIME),
        }
    ).cast(SPAN)
    params = {"stream": stream, "since": moment(asked[0][0]), "until": moment(asked[-1][1])}
    counted = twin.store.fetch(f"SELECT count(*) AS n FROM ({_IN_FORCE})", params, {"span": table})["n"][0].as_py()
    if counted > MOST:
        raise BadRequest(
            f"the edits of '{stream}' cover {counted:,} readings", f"at most {MOST:,}: edit shorter spans", "since"
        )
    came = Series.of(raw(twin.store, table))
    kind = twin.streams.get(stream_parts(stream)[1])
    for edit in script:
        if edit.kind == "interpolate":  # its lines begin and end at readings that may lie beyond all spans
            came = came.merged(_anchor(twin, stream, asked, edit, False)).merged(
                _anchor(twin, stream, asked, edit, True)
            )

    def other(id: str, since: int, until: int) -> Series:
        span = {"stream": id, "since": moment(since), "until": moment(until)}
        one = pa.table(
            {"since": [span["since"]], "until": [span["until"]]}, pa.schema([("since", TIME), ("until", TIME)])
        )
        found = Series.of(twin.store.fetch(f"{_IN_FORCE} LIMIT {MOST + 1}", span, {"span": one}))
        if len(found.time) > MOST:
            raise BadRequest(f"'{id}' has more than {MOST:,} readings there", "choose a shorter span", "until")
        return found.take(found.fit)

    then = run(script, came, kind.cadence_s if kind else 0, other)
    if np.isinf(then.value).any():
        raise BadRequest("the edits give values beyond all numbers", "check value and end", "value")
    then = then.take(_within(then.time, asked))
    now = Series.of(twin.store.fetch(_IN_FORCE, params, {"span": table}))
    there = np.isin(then.time, now.time)
    same = np.zeros(len(then.time), bool)
    at = np.searchsorted(now.time, then.time[there])
    value, quality = now.value[at], now.quality[at]
    same[there] = ((value == then.value[there]) | (np.isnan(value) & np.isnan(then.value[there]))) & (
        quality == then.quality[there]
    )
    gone = np.flatnonzero(~np.isin(now.time, then.time))
    return Difference(
        now, then, np.flatnonzero(~same), gone, int((there & ~same).sum()), int((~there).sum()), len(gone)
    )


def _anchor(twin: Twin, stream: str, asked: Sequence[tuple[int, int]], edit: Edit, after: bool) -> Series:
    """The nearest fit reading before (after) a step's span that lies in no span at all."""
    start = micro(edit.until if after else edit.since)
    while True:
        around = next(((s, u) for s, u in asked if s <= start <= u), None)
        if around:
            start = around[1] if after else around[0]
        found = before(twin.store, stream, moment(start), _LOOK, after)
        rows = Series.of(found)
        rows = rows.take(rows.fit & ~_within(rows.time, asked))
        if len(rows.time):
            return rows.take(slice(0, 1) if after else slice(-1, None))
        if not found.num_rows:
            return rows
        reached = micro(found["time"][-1 if after else 0].as_py())
        start = reached + 1 if after else reached


_LOOK = 200
"""Readings among which a fit one is looked for at once."""


def _within(time: np.ndarray, asked: Sequence[tuple[int, int]]) -> np.ndarray:
    since, until = np.array([s for s, _ in asked]), np.array([u for _, u in asked])
    at = np.searchsorted(since, time, side="right") - 1
    return np.asarray((at >= 0) & (time < until[np.maximum(at, 0)]))


def known(twin: Twin, stream: str) -> None:
    """Raises NotFound where a stream has no readings."""
    if twin.store.newest(stream) is None:
        raise NotFound(f"there is no stream '{stream[:200]}' with readings", "see /api/streams", stream[:200])


def judged(twin: Twin, stream: str, edit: Edit) -> Edit:
    """The edit, its times read by the city's clock where they say no offset. Raises BadRequest where it contradicts itself or what is declared."""
    try:
        edit = zoned(edit, twin.city.zone)
    except OverflowError:
        raise BadRequest("a time is none that this city knows of", "see since and until", "since") from None
    if not 1600 < edit.since.year <= edit.until.year < 2600:
        raise BadRequest("a time is none that this city knows of", "see since and until", "since")
    for name, message, hint in edit.faults():
        raise BadRequest(message, hint, name)
    kind = twin.streams.get(stream_parts(stream)[1])
    if kind and kind.choices:
        if edit.kind in ("shift", "scale", "drift", "interpolate"):
            raise BadRequest(
                f"'{stream}' reports states: a step '{edit.kind}' means nothing", "set, flag, delete or fill", "kind"
            )
        if edit.kind == "set" and edit.value not in [c.code for c in kind.choices]:
            known_codes = ", ".join(f"{c.code} ({c.id})" for c in kind.choices)
            raise BadRequest(f"value {edit.value:g} is no state of '{stream}'", f"one of: {known_codes}", "value")
    if edit.kind == "interpolate" and not edit.step_s and kind is None:
        raise BadRequest("the stream is declared by no pack and has no cadence", "say step_s", "step_s")
    step_s = edit.step_s or (kind.cadence_s if kind else 0)
    if edit.kind == "interpolate" and (edit.until - edit.since).total_seconds() > MOST * step_s:
        raise BadRequest(f"the step could make more than {MOST:,} readings", "choose a shorter span", "until")
    if edit.kind != "fill":
        return edit
    known(twin, edit.stream)
    donor = twin.streams.get(stream_parts(edit.stream)[1])
    if kind and donor and kind.quantity != donor.quantity:
        raise BadRequest(
            f"'{edit.stream}' measures {donor.quantity}, not {kind.quantity}",
            "name a stream of the same quantity",
            "stream",
        )
    seen: set[str] = set()
    waiting = [edit.stream]
    while waiting:
        at = waiting.pop()
        if at == stream:
            raise BadRequest(
                f"'{edit.stream}' is itself filled from '{stream}'", "undo that, or name another", "stream"
            )
        if at not in seen:
            seen.add(at)
            waiting += [e.stream for e in twin.edited.get(at, ()) if e.kind == "fill"]
    return edit


def zoned(edit: Edit, zone: str) -> Edit:
    """The edit with times in UTC; one without an offset is read by the clock of a zone."""
    since, until = (
        (t if t.tzinfo else t.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC) for t in (edit.since, edit.until)
    )
    return Edit(**{f.name: getattr(edit, f.name) for f in fields(Edit)} | {"since": since, "until": until})


def _reasoned(note: str) -> None:
    if not note.strip():
        raise BadRequest("it is not said why", "give the reason of the edit", "note")


def _seen(twin: Twin, stream: str, seen: int | None) -> None:
    if seen is not None and seen < newest(twin.store, ABOUT + stream):
        raise Conflict("somebody edited the stream meanwhile", "look at its edits again", stream)


def _one(there: Sequence[Edited], n: int) -> Edited:
    found = next((e for e in there if e.n == n), None)
    if found is None:
        raise NotFound(f"there is no edit {n} of this stream", "see its edits", str(n))
    if found.undone is not None:
        raise Conflict(f"edit {n} is undone already", "see the edits of the stream", str(n))
    return found


def _decided(twin: Twin, stream: str, by: str, step: Step, found: Difference) -> Applied:
    (made,), changes, leaves = drawn(twin, by, step)
    twin.store.revise(stream, *_rows(found), made.n, *changes, leaves=leaves)
    twin.edited = scripts(twin.store)
    _follow(twin, stream)
    return Applied(made.n, found.changed, found.added, found.withdrawn)


def _rows(found: Difference) -> tuple[pa.Table, pa.Table]:
    return found.then.take(found.put).table(), found.now.take(found.gone).table().select(["time"])


def _follow(twin: Twin, stream: str) -> None:
    """Replay the streams that are filled from one that changed; there are no circles."""
    for other, script in twin.edited.items():
        if any(e.stream == stream for e in script):
            replay(twin, other)
