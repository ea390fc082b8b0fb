"""Rows that need no second look, against the check that every other batch goes through."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.engine import ingest
from citytwin.engine.decode import Row, tabled
from citytwin.engine.plain import Plain
from citytwin.engine.twin import Twin
from citytwin.kernel.observation import Batch
from citytwin.kernel.store import Arrival

from ..conftest import NOW, ZONE

KNOWN = datetime(2025, 6, 30, 3, tzinfo=UTC)
TIMES = st.one_of(
    st.datetimes(datetime(2025, 6, 29), datetime(2025, 7, 2), timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))])),
    st.sampled_from([KNOWN, NOW + timedelta(minutes=4), NOW + timedelta(minutes=6), datetime(1850, 1, 1, tzinfo=UTC), datetime(2025, 6, 30, 9)]),
)  # fmt: skip
ROWS = st.builds(
    Row,
    st.sampled_from(["t1.tank.level", "t2.tank.level", "t9.tank.level", "t1.tank.other", "t1", ""]),
    TIMES,
    st.one_of(st.none(), st.floats(), st.floats(-5, 200), st.sampled_from([0.0, -0.0, 1e308])),
    st.sampled_from([None, None, None, 3]),
    st.sampled_from([None, None, None, "cm"]),
)


def seed(twin: Twin) -> None:
    if not twin.store.latest().num_rows:
        table = pa.table(
            {
                "stream": ["t1.tank.level"],
                "time": pa.array([KNOWN], pa.timestamp("us", tz="UTC")),
                "value": [1.0],
                "quality": pa.array([1], pa.int8()),
            }
        )
        twin.store.record([Arrival(table)])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=4))
def test_what_passes_at_a_glance_against_the_whole_check(twin: Twin, rows: list[Row]) -> None:
    seed(twin)
    earliest, latest = ingest._span(twin)
    newest = {"t2.tank.level": 5}
    read = Plain(twin).read(rows, newest, latest, earliest)
    if read is None:
        assert newest == {"t2.tank.level": 5}
        return
    checked = ingest.prepare(twin, Batch(tabled(rows, ZONE)))
    assert not checked.refused
    table = checked.arrival.rows
    whole = zip(
        table["stream"].to_pylist(),
        table["time"].cast(pa.int64()).to_pylist(),
        table["value"].to_pylist(),
        table["quality"].to_pylist(),
        strict=True,
    )
    assert sorted(read) == sorted(whole)
    assert all(newest[stream] >= time for stream, time, _, _ in read)


def test_what_passes_at_a_glance_is_what_sensors_send(twin: Twin) -> None:
    seed(twin)
    earliest, latest = ingest._span(twin)

    def passes(**other: object) -> bool:
        told: dict[str, object] = {"stream": "t1.tank.level", "time": KNOWN + timedelta(seconds=1), "value": 2.0}
        return Plain(twin).read([Row(**{**told, **other})], {}, latest, earliest) is not None  # type: ignore[arg-type]  # some are wrong on purpose

    assert passes()
    assert passes(stream="t2.tank.level")  # it has not reported yet
    assert passes(value=1e6)  # beyond its range: kept and flagged
    assert not passes(time=KNOWN)
    assert not passes(time=datetime(2025, 6, 30, 12))
    assert not passes(value=math.inf)
    assert not passes(unit="m")
    assert not passes(quality=1)
    assert not passes(stream="t9.tank.level")


def test_an_asset_that_changes_its_type_is_looked_up_anew(twin: Twin) -> None:
    earliest, latest = ingest._span(twin)
    plain = Plain(twin)
    row = [Row("t1.tank.level", KNOWN, 2.0)]
    assert plain.read(row, {}, latest, earliest)
    twin.asset_types["t1"] = "tank.pipe"
    assert plain.read(row, {}, latest, earliest) is None
