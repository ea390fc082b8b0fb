"""What every store must do. The fixtures `store` and `reopen` come once per store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.engine import load
from citytwin.kernel.errors import BadRequest, StoreFailed
from citytwin.kernel.store import Arrival, Change, Store, Written
from citytwin.science import merkle

UTC_US = pa.timestamp("us", tz="UTC")
START = datetime(2025, 6, 1, tzinfo=UTC)


def arrival(rows: list[tuple[str, int, float | None]], key: str = "", quality: int = 1) -> Arrival:
    """Rows of (stream, seconds after START, value)."""
    rows = sorted(rows)
    base = int(START.timestamp() * 1e6)
    return Arrival(
        pa.table(
            {
                "stream": pa.array([r[0] for r in rows], pa.string()),
                "time": pa.array([base + r[1] * 1_000_000 for r in rows], pa.int64()).cast(UTC_US),
                "value": pa.array([r[2] for r in rows], pa.float64()),
                "quality": pa.array([quality if r[2] is not None else 9 for r in rows], pa.int8()),
            }
        ),
        key,
    )


def current(store: Store) -> list[tuple[str, int, float]]:
    found = store.fetch("SELECT stream, time, value FROM observation ORDER BY stream, time").to_pylist()
    return [(r["stream"], int((r["time"] - START).total_seconds()), r["value"]) for r in found]


def test_readings_come_back_as_sent(store: Store) -> None:
    (receipt,) = store.record([arrival([("a.p.x", 0, 1.5), ("a.p.x", 60, 2.5), ("b.p.x", 0, -1.0)])])
    assert (receipt.accepted, receipt.corrected, receipt.repeated) == (3, 0, False)
    assert current(store) == [("a.p.x", 0, 1.5), ("a.p.x", 60, 2.5), ("b.p.x", 0, -1.0)]


def test_readings_survive_reopening(reopen: Callable[[], Store]) -> None:
    reopen().record([arrival([("a.p.x", 0, 1.5)])])
    store = reopen()
    assert current(store) == [("a.p.x", 0, 1.5)]
    assert store.latest()["value"].to_pylist() == [1.5]


def test_a_correction_wins_and_the_history_stays(store: Store) -> None:
    store.record([arrival([("a.p.x", 0, 1.0), ("a.p.x", 60, 2.0)])])
    (receipt,) = store.record([arrival([("a.p.x", 0, 9.0)])])
    assert receipt.corrected == 1
    assert current(store) == [("a.p.x", 0, 9.0), ("a.p.x", 60, 2.0)]
    every = store.fetch("SELECT value, superseded FROM observation_all ORDER BY value").to_pylist()
    assert every == [
        {"value": 1.0, "superseded": True},
        {"value": 2.0, "superseded": False},
        {"value": 9.0, "superseded": False},
    ]


def test_the_last_of_several_corrections_wins(store: Store) -> None:
    store.record([arrival([("a.p.x", 0, 1.0)]), arrival([("a.p.x", 0, 2.0)]), arrival([("a.p.x", 0, 3.0)])])
    store.record([arrival([("a.p.x", 0, 2.0)])])
    assert current(store) == [("a.p.x", 0, 2.0)]
    assert store.latest()["value"].to_pylist() == [2.0]


def test_the_same_reading_again_changes_nothing(store: Store) -> None:
    store.record([arrival([("a.p.x", 0, 1.0), ("a.p.x", 60, None)])])
    (receipt,) = store.record([arrival([("a.p.x", 0, 1.0), ("a.p.x", 60, None)])])
    assert receipt.corrected == 0
    assert store.fetch("SELECT count(*) AS n FROM observation_all")["n"][0].as_py() == 2


def test_a_key_is_accepted_once(reopen: Callable[[], Store]) -> None:
    store = reopen()
    first, again = store.record([arrival([("a.p.x", 0, 1.0)], "k1"), arrival([("a.p.x", 60, 2.0)], "k1")])
    assert (first.repeated, again.repeated, again.batch) == (False, True, first.batch)
    (later,) = reopen().record([arrival([("a.p.x", 120, 3.0)], "k1")])
    assert (later.repeated, later.batch) == (True, first.batch)


def test_late_readings_take_their_place(store: Store) -> None:
    store.record([arrival([("a.p.x", 600, 1.0)])])
    (receipt,) = store.record([arrival([("a.p.x", 0, 5.0)])])
    assert receipt.corrected == 0
    assert current(store) == [("a.p.x", 0, 5.0), ("a.p.x", 600, 1.0)]
    assert store.latest()["value"].to_pylist() == [1.0]


def test_flagged_readings_are_kept_out_of_what_packs_read(store: Store) -> None:
    store.record([arrival([("a.p.x", 0, 1.0)], quality=4), arrival([("a.p.x", 60, 2.0)], quality=2)])
    assert current(store) == [("a.p.x", 60, 2.0)]
    assert store.fetch("SELECT count(*) AS n FROM observation_all")["n"][0].as_py() == 2


def test_days_begin_at_midnight_in_the_citys_zone(store: Store) -> None:
    store.record(
        [arrival([("a.p.x", 16 * 3600 - 1, 1.0), ("a.p.x", 16 * 3600, 2.0)])]
    )  # midnight in Shanghai is 16:00 UTC
    days = store.fetch(
        "SELECT date_trunc('day', time) AS day, avg(value) AS v FROM observation GROUP BY 1 ORDER BY 1"
    ).to_pylist()
    assert [(d["day"], d["v"]) for d in days] == [
        (datetime(2025, 5, 31, 16, tzinfo=UTC), 1.0),
        (datetime(2025, 6, 1, 16, tzinfo=UTC), 2.0),
    ]


def test_a_commit_is_all_or_nothing(store: Store) -> None:
    good = Change("INSERT INTO meta VALUES ('a', 'b')")
    with pytest.raises(StoreFailed):
        store.commit(good, Change("INSERT INTO no_such_table VALUES (1)"))
    assert store.fetch("SELECT count(*) AS n FROM meta WHERE name = 'a'")["n"][0].as_py() == 0
    store.commit(good)
    assert store.fetch("SELECT value FROM meta WHERE name = 'a'")["value"].to_pylist() == ["b"]


def test_a_batch_that_fails_leaves_no_trace(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.record([arrival([("a.p.x", 0, 1.0)])])
    before = store.fetch("SELECT count(*) AS n, max(leaf) AS leaf FROM evidence").to_pylist()

    def broken(*_: object) -> bytes:
        raise ValueError("no digest")

    with monkeypatch.context() as m:
        m.setattr(merkle, "readings_digest", broken)
        with pytest.raises(ValueError, match="no digest"):
            store.record([arrival([("new.p.x", 0, 1.0)])])
    assert store.fetch("SELECT count(*) AS n, max(leaf) AS leaf FROM evidence").to_pylist() == before
    store.record([arrival([("new.p.x", 0, 1.0)])])
    assert current(store) == [("a.p.x", 0, 1.0), ("new.p.x", 0, 1.0)]


def test_a_stream_exists_once_it_has_a_reading(store: Store) -> None:
    rows = arrival([("a.p.x", 0, 1.0)]).rows
    named = pa.DictionaryArray.from_arrays(pa.array([1], pa.int32()), pa.array(["unused.p.x", "a.p.x"]))
    store.record([Arrival(rows.set_column(0, "stream", named))])
    assert store.fetch("SELECT stream FROM stream")["stream"].to_pylist() == ["a.p.x"]


def test_every_batch_is_a_leaf_over_its_canonical_bytes(store: Store) -> None:
    rows = [("b.p.x", 0, 2.0), ("a.p.x", 0, 1.0), ("a.p.x", 60, 3.0)]
    store.record([arrival(rows)])
    base = int(START.timestamp() * 1e6)
    digest = merkle.readings_digest(
        ["a.p.x", "b.p.x"],
        np.array([0, 0, 1]),
        np.array([base, base + 60_000_000, base]),
        np.array([1.0, 3.0, 2.0]),
        np.array([1, 1, 1], np.int8),
    )
    leaf = store.fetch("SELECT digest FROM evidence WHERE kind = 'readings'")["digest"][0].as_py()
    assert leaf == merkle.leaf_hash(digest).hex()


def test_the_digest_does_not_depend_on_the_order_in_which_streams_were_first_seen(store: Store) -> None:
    store.record([arrival([("z.p.x", 0, 0.0)])])
    store.record([arrival([("z.p.x", 60, 2.0), ("a.p.x", 60, 1.0)])])
    base = int(START.timestamp() * 1e6) + 60_000_000
    digest = merkle.readings_digest(
        ["a.p.x", "z.p.x"], np.array([0, 1]), np.array([base, base]), np.array([1.0, 2.0]), np.array([1, 1], np.int8)
    )
    assert (
        store.fetch("SELECT digest FROM evidence ORDER BY leaf")["digest"][1].as_py() == merkle.leaf_hash(digest).hex()
    )


def test_listeners_hear_what_was_recorded(store: Store) -> None:
    heard: list[Written] = []
    store.watch(heard.append)
    store.record([arrival([("b.p.x", 0, 2.0), ("a.p.x", 0, 1.0), ("a.p.x", 60, 3.0)])])
    (told,) = heard
    rows = zip(
        [told.names[k] for k in told.code], told.time.tolist(), told.value.tolist(), told.quality.tolist(), strict=True
    )
    at = int(START.timestamp() * 1_000_000)
    assert sorted(rows) == [("a.p.x", at, 1.0, 1), ("a.p.x", at + 60_000_000, 3.0, 1), ("b.p.x", at, 2.0, 1)]
    assert told.number == 1
    assert sorted(zip(told.code, told.time, strict=True)) == list(zip(told.code, told.time, strict=True))


def test_a_wrong_statement_is_the_askers_fault(store: Store) -> None:
    with pytest.raises(BadRequest, match="nowhere"):
        store.fetch("SELECT * FROM nowhere")


def test_views_of_a_pack_against_its_declarations(store: Store, tank_folder: Path) -> None:
    pack = load.pack(tank_folder)
    store.define([pack], {})
    store.define([pack], {})  # twice is as good as once
    row = ("t1", "tank.basin", "一", "one", 1.0, 2.0, None, '{"brim_m": 4.5, "material": "steel"}')
    store.commit(
        Change("INSERT INTO asset_row VALUES ($a, $b, $c, $d, $e, $f, $g, $h)", dict(zip("abcdefgh", row, strict=True)))
    )
    store.record([arrival([("t1.tank.level", 0, 3.0), ("t1.tank.filled", 0, 8.0)])])
    assert store.fetch("SELECT brim_m, material FROM tank.basin").to_pylist() == [{"brim_m": 4.5, "material": "steel"}]
    assert store.fetch("SELECT asset_id, value FROM tank.level").to_pylist() == [{"asset_id": "t1", "value": 3.0}]
    assert store.fetch("SELECT quantity, unit FROM stream WHERE stream = 't1.tank.filled'").to_pylist() == [
        {"quantity": "volume", "unit": "m3"}
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.floats(-5, 5)),
            min_size=1,
            max_size=6,
            unique_by=lambda r: r[:2],
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_sequence_of_batches_against_a_dictionary(
    reopen: Callable[[], Store], batches: list[list[tuple[str, int, float]]]
) -> None:
    store = reopen()
    tag = str(store.fetch("SELECT count(*) AS n FROM batch")["n"][0].as_py())  # fresh streams for each example
    model: dict[tuple[str, int], float] = {}
    for rows in batches:
        named = [(f"{s}{tag}.p.x", t, v) for s, t, v in rows]
        store.record([arrival(named)])
        model.update({(s, t): v for s, t, v in named})
    mine = [r for r in current(store) if r[0].split(".")[0].endswith(tag) and r[0][1:].split(".")[0] == tag]
    assert mine == sorted((s, t, v) for (s, t), v in model.items())
    last = {r["stream"]: r["value"] for r in store.latest().to_pylist()}
    for stream in {s for s, _ in model}:
        newest = max(t for s, t in model if s == stream)
        assert last[stream] == model[stream, newest]


def test_time_is_utc_whatever_the_zone(store: Store) -> None:
    store.record([arrival([("a.p.x", 0, 1.0)])])
    found = store.fetch("SELECT time FROM observation")
    assert found.schema.field("time").type == UTC_US
    assert found["time"][0].as_py() == START
