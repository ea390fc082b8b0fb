"""Edits of a stream: replayed on the readings as they came they give what they gave one by one, and undone they leave nothing. The oracle is plain Python."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.engine import edit, ingest, measure, script
from citytwin.engine.twin import Twin
from citytwin.kernel.edit import Edit
from citytwin.kernel.errors import BadRequest, Conflict, NotFound
from citytwin.kernel.observation import Batch
from citytwin.store.duckdb import DuckStore

from ..conftest import NOW

A, B, C = "t1.tank.level", "t2.tank.level", "t3.tank.level"
START = NOW - timedelta(days=1)
CADENCE = 300
TIME = pa.timestamp("us", tz="UTC")
Rows = dict[int, tuple[float | None, int]]
"""Of each slot (a cadence long) value and flag."""


def at(slot: float) -> datetime:
    return START + timedelta(seconds=CADENCE * slot)


def bring(twin: Twin, rows: Rows, stream: str = A) -> None:
    """Record readings, as they come."""
    slots = sorted(rows)
    table = pa.table(
        {
            "stream": pa.array([stream] * len(slots), pa.string()),
            "time": pa.array([at(s) for s in slots], TIME),
            "value": pa.array([rows[s][0] for s in slots], pa.float64()),
            "quality": pa.array([rows[s][1] for s in slots], pa.int8()),
        }
    )
    intake = ingest.Intake(twin)
    try:
        intake.accept(Batch(table))
    finally:
        intake.close()


def stored(twin: Twin, stream: str = A) -> Rows:
    """What is in force."""
    sql = "SELECT time, value, quality FROM observation_all WHERE stream = $s AND NOT superseded"
    found = twin.store.fetch(sql, {"s": stream}).to_pylist()
    made = {round((r["time"] - START).total_seconds() / CADENCE): (r["value"], r["quality"]) for r in found}
    assert len(made) == len(found)  # one reading in force for each moment
    return made


def everything(twin: Twin) -> int:
    return twin.store.fetch("SELECT 1 FROM reading").num_rows + twin.store.fetch("SELECT 1 FROM superseded").num_rows


# -- the oracle: the same steps, reading by reading


def fit(row: tuple[float | None, int]) -> bool:
    return row[0] is not None and row[1] <= 2


def by_hand(steps: Sequence[Edit], rows: Rows, donors: dict[str, Rows]) -> Rows:
    rows = dict(rows)
    for e in steps:
        since, until = (round((t - START).total_seconds() / CADENCE) for t in (e.since, e.until))
        inside = [s for s in sorted(rows) if since <= s < until]
        if e.kind == "interpolate":
            good = sorted(s for s in rows if fit(rows[s]))
            before = dict(rows)
            edges = [
                max([s for s in good if s < since], default=None),
                *inside,
                min([s for s in good if s >= until], default=None),
            ]
            near = [s for s in edges if s is not None]
            wanted = [s for s in inside if not fit(rows[s])]
            for left, right in itertools.pairwise(near):
                wanted += [s for s in range(left + 1, right) if since <= s < until]
            for s in wanted:
                left, right = (
                    [k for k in near if k < s and fit(before[k])],
                    [k for k in near if k > s and fit(before[k])],
                )
                if left and right:
                    a, b = left[-1], right[0]
                    va, vb = before[a][0], before[b][0]
                    assert va is not None
                    assert vb is not None
                    rows[s] = (va + (vb - va) * (s - a) / (b - a), e.quality or 2)
            continue
        if e.kind == "fill":
            before = dict(rows)
            for s, row in donors[e.stream].items():
                if since <= s < until and fit(row) and not (s in before and fit(before[s])):
                    rows[s] = (row[0], e.quality or 2)
            continue
        for s in inside:
            v, q = rows[s]
            if e.above is not None and not (v is not None and v > e.above):
                continue
            if e.below is not None and not (v is not None and v < e.below):
                continue
            if e.kind == "delete":
                del rows[s]
                continue
            if e.kind == "set":
                v = e.value
            elif v is not None and e.kind == "shift":
                v = v + (e.value or 0)
            elif v is not None and e.kind == "scale":
                v = v * (e.value or 0)
            elif v is not None and e.kind == "drift":
                first, last = e.value or 0.0, e.end or 0.0
                v = v + first + (last - first) * (s - since) / (until - since)
            rows[s] = (v, e.quality if e.quality is not None else 2 if e.kind == "set" else q)
    return rows


def same(a: Rows, b: Rows) -> bool:
    return a.keys() == b.keys() and all(
        a[s][1] == b[s][1]
        and (
            a[s][0] is b[s][0] is None
            or (
                a[s][0] is not None
                and b[s][0] is not None
                and math.isclose(a[s][0], b[s][0], rel_tol=1e-9, abs_tol=1e-9)
            )
        )
        for s in a
    )


NUMBER = st.integers(-40, 40).map(lambda n: n / 8)
FLAG = st.sampled_from([None, 1, 2, 3, 4])
ROW = st.one_of(st.tuples(NUMBER.map(abs), st.sampled_from([1, 1, 1, 2, 3, 4])), st.just((None, 9)))
ROWS = st.dictionaries(st.integers(0, 15), ROW, min_size=1, max_size=12)


@st.composite
def steps(draw: st.DrawFn) -> Edit:
    kind = draw(st.sampled_from(["flag", "set", "shift", "scale", "drift", "delete", "interpolate", "fill"]))
    since = draw(st.integers(-1, 15))
    until = draw(st.integers(since + 1, 17))
    bounds = (
        {}
        if kind in ("interpolate", "fill")
        else {"above": draw(st.one_of(st.none(), NUMBER)), "below": draw(st.one_of(st.none(), NUMBER))}
    )
    more = {
        "flag": {"quality": draw(st.sampled_from([1, 2, 3, 4]))},
        "drift": {"value": draw(st.one_of(st.none(), NUMBER)), "end": draw(NUMBER)},
        "fill": {"stream": B},
    }.get(kind, {"value": draw(NUMBER)} if kind in ("set", "shift", "scale") else {})
    quality = {} if kind in ("flag", "delete") else {"quality": draw(FLAG)}
    return Edit(kind, at(since), at(until), **{**bounds, **more, **quality})  # type: ignore[arg-type]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, ROWS, st.lists(steps(), min_size=1, max_size=5), ROWS, st.data())
def test_a_script_against_plain_python_replayed_and_undone(
    make_twin: Callable[..., Twin], came: Rows, other: Rows, taken: list[Edit], late: Rows, data: st.DataObject
) -> None:
    twin = make_twin()
    bring(twin, came)
    bring(twin, other, B)
    numbers = []
    for n, step in enumerate(taken):
        seen = edit.preview(twin, A, step)
        made = edit.apply(twin, A, "Li", step, "a reason")
        assert (made.changed, made.added, made.withdrawn) == (seen.changed, seen.added, seen.withdrawn)
        numbers.append(made.n)
        assert same(stored(twin), by_hand(taken[: n + 1], came, {B: other}))  # one by one
    before = everything(twin)
    for _ in range(2):  # replaying changes nothing
        assert edit.replay(twin, A) == edit.Applied(0, 0, 0, 0)
    assert everything(twin) == before
    bring(twin, late)  # what comes late is edited too, as if it had come before
    came = came | late
    edit.replay(twin, A)
    assert same(stored(twin), by_hand(taken, came, {B: other}))
    order = data.draw(st.permutations(range(len(taken))))
    left = dict(enumerate(taken))
    for n in order:  # undone in any order, the others stay
        edit.undo(twin, A, "Li", numbers[n])
        del left[n]
        assert same(stored(twin), by_hand([left[k] for k in sorted(left)], came, {B: other}))
    assert stored(twin) == came  # exactly, to the last bit
    assert twin.edited == {}
    assert same(stored(twin, B), other)


@pytest.fixture
def tank(twin: Twin) -> Twin:
    bring(twin, {s: (1.0 + s / 10, 1) for s in range(10)})
    return twin


def test_what_came_in_stays_on_record_and_who_edited_it_too(tank: Twin) -> None:
    made = edit.apply(tank, A, "Li Hua 李华", Edit("shift", at(2), at(4), 0.5), "gauge read against the staff")
    rows = tank.store.fetch(
        "SELECT o.value, o.superseded, o.batch, e.decision FROM observation_all AS o LEFT JOIN edit_batch AS e ON e.batch = o.batch "
        "WHERE o.stream = $s AND o.time = $t ORDER BY o.batch",
        {"s": A, "t": at(3)},
    ).to_pylist()
    assert [(r["value"], r["superseded"], r["decision"]) for r in rows] == [(1.3, True, None), (1.8, False, made.n)]
    (held,) = script.edits(tank.store, A)
    assert (held.by, held.note, held.undone) == ("Li Hua 李华", "gauge read against the staff", None)
    kinds = tank.store.fetch("SELECT kind, subject FROM leaf ORDER BY leaf").to_pylist()
    assert {"kind": "decision", "subject": f"stream:{A}#1"} in kinds
    assert kinds[-1]["kind"] == "readings"


def test_indicators_follow_an_edit_and_its_undoing(tank: Twin) -> None:
    def mean() -> float:
        measure.measure(tank, tank.clock.now())
        return float(
            tank.store.fetch("SELECT avg(value) AS v FROM indicator_value WHERE indicator = 'tank.level_mean'")["v"][
                0
            ].as_py()
        )

    before = mean()
    made = edit.apply(tank, A, "Li", Edit("shift", at(-5), at(50), 1.0), "datum")
    assert mean() == pytest.approx(before + 1)
    edit.undo(tank, A, "Li", made.n)
    assert mean() == pytest.approx(before)


def test_what_is_withdrawn_by_its_owner_is_not_brought_back_by_a_replay(tank: Twin) -> None:
    edit.apply(tank, A, "Li", Edit("shift", at(0), at(10), 1.0), "datum")
    tank.store.retract(pa.table({"stream": [A], "time": pa.array([at(4)], TIME)}))
    edit.replay(tank, A)
    assert sorted(stored(tank)) == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_a_late_reading_in_an_edited_span_is_edited_by_itself_and_the_same_again_is_stored_once(tank: Twin) -> None:
    edit.apply(tank, A, "Li", Edit("shift", at(0), at(20), 1.0), "datum")
    assert edit.keep_up(tank) == [A]  # the first look finds what is there; nothing differs
    bring(tank, {4: (5.0, 1), 12: (6.0, 1)})
    assert edit.keep_up(tank) == [A]
    assert (stored(tank)[4], stored(tank)[12], stored(tank)[3]) == ((6.0, 1), (7.0, 1), (2.3, 1))
    assert edit.keep_up(tank) == []
    before = everything(tank)
    bring(tank, {4: (5.0, 1), 12: (6.0, 1), 3: (1.3, 1)})  # sent again
    assert everything(tank) == before
    assert edit.keep_up(tank) == []


def test_a_stream_that_is_filled_follows_the_one_it_is_filled_from(tank: Twin) -> None:
    bring(tank, dict.fromkeys(range(20), (3.0, 1)), B)
    edit.apply(tank, A, "Li", Edit("fill", at(0), at(20), stream=B), "logger was out")
    assert stored(tank)[15] == (3.0, 2)
    edit.apply(tank, B, "Li", Edit("shift", at(0), at(20), 1.0), "datum")
    assert stored(tank)[15] == (4.0, 2)
    assert stored(tank)[5] == (1.5, 1)
    bring(tank, {15: (8.0, 1)}, B)  # and what comes late there is first edited there
    edit.keep_up(tank)
    assert (stored(tank)[15], stored(tank, B)[15]) == ((9.0, 2), (9.0, 1))
    with pytest.raises(BadRequest, match="is itself filled from"):
        edit.apply(tank, B, "Li", Edit("fill", at(0), at(20), stream=A), "why not")


def test_the_last_reading_is_the_last_in_force(tank: Twin) -> None:
    def last() -> tuple[datetime, float]:
        (row,) = tank.store.latest().to_pylist()
        return row["time"], row["value"]

    made = edit.apply(tank, A, "Li", Edit("delete", at(8), at(20)), "frozen")
    assert last() == (at(7), 1.7)
    edit.undo(tank, A, "Li", made.n)
    assert last() == (at(9), 1.9)


def test_edits_hold_after_a_restart(make_twin: Callable[..., Twin], tmp_path: Path) -> None:
    path = tmp_path / "city.duckdb"
    twin = make_twin(path=path)
    bring(twin, dict.fromkeys(range(5), (1.0, 1)))
    made = edit.apply(twin, A, "Li", Edit("scale", at(0), at(3), 2.0), "wrong factor")
    edit.apply(twin, A, "Li", Edit("delete", at(4), at(5)), "frozen")
    wanted = stored(twin)
    twin.store.close()
    store = DuckStore(path, "Asia/Shanghai", twin.clock)
    store.define(twin.packs, {})
    again = Twin(store, twin.city, twin.packs, twin.clock)
    try:
        assert stored(again) == wanted
        assert list(again.edited) == [A]
        assert edit.replay(again, A) == edit.Applied(0, 0, 0, 0)
        newest = again.store.latest().to_pylist()
        assert [(r["value"], r["time"]) for r in newest] == [(1.0, at(3))]  # the last one was withdrawn
        edit.undo(again, A, "Li", made.n)
        assert stored(again) == dict.fromkeys(range(4), (1.0, 1))
    finally:
        store.close()


def test_nothing_is_decided_where_the_store_fails(tank: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stored(tank)
    with monkeypatch.context() as patch:
        patch.setattr(tank.store, "_append", lambda *_: (_ for _ in ()).throw(OSError("no space")))
        with pytest.raises(OSError, match="no space"):
            edit.apply(tank, A, "Li", Edit("shift", at(0), at(5), 1.0), "datum")
    assert stored(tank) == before
    assert script.edits(tank.store, A) == []
    assert edit.apply(tank, A, "Li", Edit("shift", at(0), at(5), 1.0), "datum").changed == 5


@pytest.mark.parametrize(
    ("wrong", "says", "where"),
    [
        (Edit("shift", at(3), at(3), 1.0), "ends before it begins", "until"),
        (Edit("shift", at(0), at(3)), "lacks value", "value"),
        (Edit("drift", at(0), at(3), 1.0), "lacks end", "end"),
        (Edit("flag", at(0), at(3)), "lacks quality", "quality"),
        (Edit("flag", at(0), at(3), quality=7), "quality is 7", "quality"),
        (Edit("delete", at(0), at(3), 1.0), "value means nothing", "value"),
        (Edit("set", at(0), at(3), math.inf), "value is inf", "value"),
        (Edit("fill", at(0), at(3)), "from which stream", "stream"),
        (Edit("fill", at(0), at(3), stream="t9.tank.level"), "no stream 't9.tank.level'", "t9.tank.level"),
        (Edit("fill", at(0), at(3), stream=A), "is itself filled", "stream"),
    ],
)
def test_an_edit_that_means_nothing_is_refused(tank: Twin, wrong: Edit, says: str, where: str) -> None:
    with pytest.raises((BadRequest, NotFound)) as caught:
        edit.apply(tank, A, "Li", wrong, "why")
    assert says in caught.value.message
    assert caught.value.where == where
    assert script.edits(tank.store, A) == []


def test_who_why_and_what_was_seen_are_asked_for(tank: Twin) -> None:
    step = Edit("shift", at(0), at(3), 1.0)
    with pytest.raises(BadRequest, match="not said why"):
        edit.apply(tank, A, "Li", step, "  ")
    with pytest.raises(BadRequest, match="not said who"):
        edit.apply(tank, A, "", step, "why")
    with pytest.raises(NotFound, match="no stream"):
        edit.apply(tank, C, "Li", step, "why")
    made = edit.apply(tank, A, "Li", step, "why", seen=0)
    with pytest.raises(Conflict, match="meanwhile"):
        edit.apply(tank, A, "Wang", step, "why", seen=0)
    with pytest.raises(NotFound, match="no edit 9"):
        edit.undo(tank, A, "Li", 9)
    edit.undo(tank, A, "Li", made.n)
    with pytest.raises(Conflict, match="undone already"):
        edit.undo(tank, A, "Li", made.n)


def test_a_script_over_too_many_readings_is_refused(tank: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit, "MOST", 5)
    with pytest.raises(BadRequest, match="cover 10 readings"):
        edit.preview(tank, A, Edit("shift", at(0), at(20), 1.0))
