"""What is there of a part of the city, and what is not: every table that the store has is one or the other, on purpose."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pytest

from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadRequest, Forbidden
from citytwin.kernel.store import Arrival, Change
from citytwin.store.duckdb import DuckStore
from citytwin.store.part import Part

NOT_THERE = {
    "meta", "reading", "stream_end", "tier_file", "tier_gone", "hold_row", "rule_memory", "websub_row", "body_row", "person_row", "grant_row", "pass_row", "audit_row",
    "outbox_row", "outbox_read", "told_row", "identity_row", "identity_pass", "demo_walk",
}  # fmt: skip
"""What nobody is shown who sees a part: what the store is kept by, people and what they did, what is told to others. Readings are seen through `held`."""
T = datetime(2026, 3, 1, tzinfo=UTC)


def test_every_table_is_shown_in_part_or_not_at_all() -> None:
    tables = set(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", (files("citytwin.store") / "schema.sql").read_text()))
    shown = set(re.findall(r"CREATE VIEW (\w+)", (files("citytwin.store") / "part.sql").read_text()))
    assert shown - {"within", "stream_key", "held"} == tables - NOT_THERE
    assert tables >= NOT_THERE


@pytest.fixture
def part(twin: Twin, readings: Callable[..., pa.Table]) -> Part:
    for tank in ("tank-1", "tank-2"):
        twin.store.commit(Change("INSERT INTO asset_row VALUES ($a, 'tank.basin', $a, $a, NULL, NULL, NULL, '{}')", {"a": tank}))  # fmt: skip
    rows = pa.concat_tables([readings("tank-1.tank.level", T, [1.0, 2.0]), readings("tank-2.tank.level", T, [7.0, 8.0, 9.0])])  # fmt: skip
    twin.store.record([Arrival(_flagged(rows))])
    return twin.store.part(frozenset({"tank-1"}))  # type: ignore[return-value]


def _flagged(rows: pa.Table) -> pa.Table:
    return rows if "quality" in rows.column_names else rows.append_column("quality", pa.array([1] * rows.num_rows, pa.int8()))  # fmt: skip


def test_what_is_answered_from_memory_is_of_the_part(part: Part) -> None:
    both = ["tank-1.tank.level", "tank-2.tank.level"]
    span = (T - timedelta(days=1), T + timedelta(days=1))
    assert part.latest()["value"].to_pylist() == [2.0]
    assert part.spans()["stream"].to_pylist() == both[:1]
    assert [part.newest(s) is not None for s in both] == [True, False]
    assert [part.window(s, *span).num_rows for s in both] == [2, 0]
    assert part.series(both, *span, 3600)["mean"].to_pylist() == [1.5]
    assert part.series(None, *span, 3600)["n"].to_pylist() == [2]


def test_what_is_written_down_is_of_the_part_and_new_rows_are_there_at_once(part: Part, twin: Twin, readings: Callable[..., pa.Table]) -> None:  # fmt: skip
    count = "SELECT count(*) AS n, sum(value) AS total FROM observation"
    assert part.fetch(count).to_pylist() == [{"n": 2, "total": 3.0}]
    assert twin.store.fetch(count).to_pylist() == [{"n": 5, "total": 27.0}]
    assert part.fetch("SELECT asset_id FROM tank.basin")["asset_id"].to_pylist() == ["tank-1"]
    later = T + timedelta(hours=1)
    more = pa.concat_tables([readings("tank-1.tank.level", later, [3.0]), readings("tank-2.tank.level", later, [4.0])])
    twin.store.record([Arrival(_flagged(more))])
    assert part.fetch(count).to_pylist() == [{"n": 3, "total": 6.0}]


@pytest.mark.parametrize("table", sorted(NOT_THERE))
def test_a_table_that_is_not_shown_is_not_found(table: str, part: Part) -> None:
    with pytest.raises(BadRequest, match="does not exist"):
        part.fetch(f"SELECT * FROM {table}")


def test_nothing_is_written_in_a_part(part: Part) -> None:
    for write in (part.commit, part.record, part.retract, part.revise, part.erase, part.tier, part.backup, part.define, part.watch):  # fmt: skip
        with pytest.raises(Forbidden):
            write()
    for sql in ("INSERT INTO asset_row VALUES (1)", "DELETE FROM held", "UPDATE batch SET batch = 1"):
        with pytest.raises(BadRequest):
            part.fetch(sql)


def test_parts_do_not_mix(part: Part, twin: Twin) -> None:
    other = twin.store.part(frozenset({"tank-2"}))
    sql = "SELECT asset_id FROM asset WHERE asset_id LIKE 'tank-%'"
    for _ in range(3):  # connections are kept for the next question
        assert part.fetch(sql)["asset_id"].to_pylist() == ["tank-1"]
        assert other.fetch(sql)["asset_id"].to_pylist() == ["tank-2"]
        assert sorted(twin.store.fetch(sql)["asset_id"].to_pylist()) == ["tank-1", "tank-2"]
    assert twin.store.part(frozenset()).fetch(sql).num_rows == 0
    given = pa.table({"asset_id": ["tank-1", "tank-2"]})
    joined = "SELECT a.asset_id FROM asset AS a JOIN given AS g ON g.asset_id = a.asset_id"
    assert part.fetch(joined, tables={"given": given})["asset_id"].to_pylist() == ["tank-1"]
    other.close()
    assert part.fetch(sql).num_rows == 1


def test_a_part_outlives_new_declarations_and_a_database_that_gave_up(tmp_path: Path) -> None:
    store = DuckStore(tmp_path / "city.duckdb", "Asia/Shanghai")
    try:
        for a in ("a", "b"):
            store.commit(Change("INSERT INTO asset_row VALUES ($a, 't.t', $a, $a, NULL, NULL, NULL, '{}')", {"a": a}))
        part = store.part(frozenset({"a"}))
        sql = "SELECT asset_id FROM asset"
        assert part.fetch(sql)["asset_id"].to_pylist() == ["a"]
        store.define([], {})
        assert part.fetch(sql)["asset_id"].to_pylist() == ["a"]
        store._given_up = True  # as after a checkpoint that met a full disk
        store._revive()
        assert part.fetch(sql)["asset_id"].to_pylist() == ["a"]
    finally:
        store.close()
