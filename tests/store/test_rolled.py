"""Statements of packs that are answered from roll-ups, against the same statements as they are written: late, corrected, flagged, missing or withdrawn readings, partly rolled up, moved or deleted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from citytwin.engine import load
from citytwin.kernel.errors import CityTwinError
from citytwin.kernel.pack import Pack
from citytwin.kernel.store import Arrival
from citytwin.kernel.stream import StreamType
from citytwin.kernel.title import Title
from citytwin.store import rolled, tier
from citytwin.store.duckdb import DuckStore

BEGIN = datetime(2026, 3, 29, 14, 10, tzinfo=UTC)  # before midnight in both zones, and a month ends within
TIME = pa.timestamp("us", tz="UTC")
NAME = Title("p", "p")
KINDS = (("p.slow", 600), ("p.fast", 20), ("p.old", 600))
PACK = Pack("p", NAME, NAME, "", streams=tuple(StreamType(k, NAME, "p.thing", "level", s) for k, s in KINDS), tables=("factor",))  # fmt: skip
TABLES = {"p.factor": pa.table({"id": ["one", "two"], "value": [1.0, 2.0]})}
WITHIN = "v.time >= $since AND v.time < $until"
SUMS = "count(*) AS n, count(v.value) AS m, sum(v.value) AS s, avg(v.value) AS a, min(v.value) AS low, max(v.value) AS high"
FIT = {
    "day": f"SELECT v.asset_id, date_trunc('day', v.time) AS period, {SUMS} FROM p.slow AS v WHERE {WITHIN} GROUP BY v.asset_id, date_trunc('day', v.time)",
    "hour": f"SELECT date_trunc('hour', v.time) AS period, {SUMS} FROM p.slow AS v WHERE {WITHIN} GROUP BY date_trunc('hour', v.time)",
    "minute": f"SELECT v.asset_id, date_trunc('minute', v.time) AS period, {SUMS} FROM p.fast AS v WHERE {WITHIN} GROUP BY 1, 2",
    "month of all": f"""SELECT v.stream_type, count(DISTINCT v.stream) AS k, date_trunc('month', v.time) AS period, {SUMS} FROM observation AS v
        WHERE {WITHIN} AND v.stream_type <> 'p.old' GROUP BY v.stream_type, date_trunc('month', v.time)""",
    "joined": f"""SELECT v.asset_id, c.id, date_trunc('year', v.time) AS period, {SUMS}, max(c.value) AS c FROM p.factor AS c CROSS JOIN p.slow AS v
        LEFT JOIN p.factor AS d ON d.id = v.asset_id WHERE c.value > 0 AND {WITHIN} GROUP BY v.asset_id, c.id, date_trunc('year', v.time), d.id HAVING count(*) >= c.n""".replace("c.n", "2"),
    "nights": f"""SELECT v.asset_id, date_trunc('day', v.time) AS period, {SUMS} FROM p.fast AS v
        WHERE {WITHIN} AND (extract(hour FROM v.time) >= 22 OR extract(hour FROM v.time) < 3) GROUP BY v.asset_id, date_trunc('day', v.time)""",
    "looks back": """WITH x AS (SELECT asset_id, CAST(time AS DATE) AS day, avg(value) AS a FROM p.fast WHERE time >= $since - INTERVAL 1 DAY AND time < $until GROUP BY asset_id, CAST(time AS DATE))
        SELECT asset_id, max(a) AS a, NULL AS h FROM x WHERE day < CAST($until AS DATE) GROUP BY asset_id
        UNION ALL SELECT asset_id, min(h.low), max(h.high) FROM (SELECT asset_id, date_trunc('hour', time) AS t, min(value) AS low, max(value) AS high FROM p.slow
          WHERE time >= $since AND time < $until GROUP BY asset_id, date_trunc('hour', time)) AS h GROUP BY asset_id""",
}  # fmt: skip
"""Statements that roll-ups can answer."""
UNFIT = {
    "no end": "SELECT asset_id, date_trunc('day', time) AS t, sum(value) AS s FROM p.slow WHERE time >= $since GROUP BY 1, 2",
    "no group": f"SELECT date_trunc('day', v.time) AS t FROM p.slow AS v WHERE {WITHIN}",
    "no period": f"SELECT v.asset_id, max(v.time) AS t, max(date_trunc('day', v.time)) AS d FROM p.slow AS v WHERE {WITHIN} GROUP BY v.asset_id",
    "shifted": f"SELECT date_trunc('day', v.time + INTERVAL 2 HOUR) AS t, sum(v.value) AS s FROM p.slow AS v WHERE {WITHIN} GROUP BY 1",
    "of each reading": f"SELECT date_trunc('day', v.time) AS t, sum(v.value * v.value) AS s FROM p.slow AS v WHERE {WITHIN} GROUP BY 1",
    "where": f"SELECT date_trunc('day', v.time) AS t, count(*) AS s FROM p.slow AS v WHERE {WITHIN} AND v.value > 1 GROUP BY 1",
    "distinct": f"SELECT date_trunc('day', v.time) AS t, count(DISTINCT v.value) AS s FROM p.slow AS v WHERE {WITHIN} GROUP BY 1",
    "median": f"SELECT date_trunc('day', v.time) AS t, median(v.value) AS s FROM p.slow AS v WHERE {WITHIN} GROUP BY 1",
    "filtered": f"SELECT date_trunc('day', v.time) AS t, count(*) FILTER (WHERE v.value > 1) AS s FROM p.slow AS v WHERE {WITHIN} GROUP BY 1",
    "window": f"SELECT date_trunc('day', v.time) AS t, count(*) OVER () AS s FROM p.slow AS v WHERE {WITHIN} GROUP BY 1",
    "of another": f"SELECT date_trunc('day', v.time) AS t, sum(c.value) AS s FROM p.slow AS v CROSS JOIN p.factor AS c WHERE {WITHIN} GROUP BY 1",
    "optional": f"SELECT date_trunc('day', v.time) AS t, count(*) AS s FROM p.factor AS c LEFT JOIN p.slow AS v ON v.asset_id = c.id WHERE {WITHIN} GROUP BY 1",
    "at once": f"SELECT date_trunc('day', v.time) AS t, sum(v.value) AS s FROM p.slow AS v JOIN p.fast AS w ON w.time = v.time WHERE {WITHIN} GROUP BY 1",
    "unnamed": f"SELECT date_trunc('day', v.time) AS t, sum(v.value) AS s FROM p.slow AS v CROSS JOIN p.factor AS c WHERE {WITHIN} AND id = 'one' GROUP BY 1",
    "beside": f"SELECT date_trunc('day', v.time) AS t, count(*) AS s FROM p.slow AS v, (SELECT v.time AS x) AS y WHERE {WITHIN} GROUP BY 1",
    "within": f"SELECT date_trunc('day', v.time) AS t, count(*) AS s FROM p.slow AS v WHERE {WITHIN} AND EXISTS (SELECT 1 FROM p.factor AS c WHERE c.value < v.value) GROUP BY 1",
    "minutes of slow ones": f"SELECT date_trunc('minute', v.time) AS t, count(*) AS s FROM p.slow AS v WHERE {WITHIN} GROUP BY 1",
    "no view": "WITH observation AS (SELECT * FROM p.slow) SELECT date_trunc('day', time) AS t, count(*) AS n FROM observation WHERE time >= $since AND time < $until GROUP BY 1",
}  # fmt: skip
"""Statements that ask for more."""


def at(m: int) -> datetime:
    """The time of reading `m`: 70 minutes apart, and 20 seconds where the last digit says so."""
    return BEGIN + timedelta(minutes=70 * (m // 3), seconds=20 * (m % 3))


ASSETS = st.sampled_from(["a.p.slow", "b.p.slow", "a.p.fast"])
MOMENTS = st.integers(0, 240)
READING = st.tuples(st.sampled_from([1.0, 2.5, -3.0, 1e6, 0.125]), st.sampled_from([1, 1, 2, 3, 4])) | st.just(
    (None, 9)
)
"""All sums of these values are exact, so that no order of adding them differs from another."""
STEPS = st.lists(
    st.tuples(st.just("record"), st.dictionaries(st.tuples(ASSETS, MOMENTS), READING, min_size=1, max_size=25))
    | st.tuples(st.just("retract"), st.lists(st.tuples(ASSETS, MOMENTS), min_size=1, max_size=4))
    | st.tuples(st.sampled_from(["roll", "sort"]), st.none())
    | st.tuples(st.just("tier"), MOMENTS),
    min_size=1,
    max_size=7,
)
tags = count()
answered: dict[str, int] = {}


def kept(store: DuckStore, rows: dict[tuple[str, int], tuple[float | None, int]]) -> None:
    listed = sorted(rows.items())
    columns = {
        "stream": pa.array([s for (s, _), _ in listed]),
        "time": pa.array([at(m) for (_, m), _ in listed], TIME),
        "value": pa.array([v for _, (v, _) in listed], pa.float64()),
        "quality": pa.array([q for _, (_, q) in listed], pa.int8()),
    }
    store.record([Arrival(pa.table(columns))])


def play(store: DuckStore, steps: list[tuple[str, Any]]) -> None:
    """Carry steps out on streams of their own."""
    tag = f"n{next(tags)}"
    for act, what in steps:
        if act == "record":
            kept(store, {(f"{tag}{s}", m): r for (s, m), r in what.items()})
        elif act == "retract":
            times = pa.array([at(m) for _, m in what], TIME)
            store.retract(pa.table({"stream": [f"{tag}{s}" for s, _ in what], "time": times}))
        elif act == "tier":
            store.tier({"": at(what)}, 1)
        else:
            (store.roll if act == "roll" else store.sort)()


def told(table: pa.Table) -> list[Any]:
    return sorted((list(r.values()) for r in table.to_pylist()), key=repr)


def compare(store: DuckStore, sql: str, since: datetime, until: datetime) -> None:
    params = {"since": since, "until": until}
    assert told(store.fetch(sql, params)) == told(store._rows(sql, params)), sql


@pytest.fixture(scope="module", params=["Asia/Shanghai", "Asia/Kolkata"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    small = pytest.MonkeyPatch()
    small.setattr(tier, "MOST", 60)  # files of a few readings
    small.setattr(rolled, "LEAST", 0)
    answered.clear()
    prepare = rolled.prepare

    def counted(cursor: Any, made: rolled.Plan, *rest: Any) -> Any:
        ready = prepare(cursor, made, *rest)
        for n in range(len(made.blocks) if ready else 0):
            answered[made.blocks[n].unit] = answered.get(made.blocks[n].unit, 0) + 1
        return ready

    small.setattr(rolled, "prepare", counted)
    made = DuckStore(tmp_path_factory.mktemp("city") / "city.duckdb", request.param, threads=1)
    made.define([PACK], TABLES)
    kept(made, {(s, 0): (1.0, 1) for s in ("z.p.slow", "z.p.fast")})
    made.roll()
    yield made
    if answered.pop("examples", 0):
        assert min(answered.get(u, 0) for u in ("minute", "hour", "day")) > 5, answered
        assert tier.files(made._db), "no example moved a reading into a partition"
    made.close()
    small.undo()


FULL = {(s, m): (1.0, 1) for s in ("a.p.slow", "a.p.fast") for m in range(180)}


@settings(max_examples=10, deadline=None)
@given(STEPS, st.tuples(st.integers(-7200, 300_000), st.integers(0, 340_000)))
@example([("record", FULL), ("roll", None), ("retract", [("a.p.slow", 50), ("a.p.fast", 51)])], (0, 260_000))
@example(
    [("record", FULL), ("roll", None), ("record", {("a.p.slow", 50): (2.5, 1), ("a.p.fast", 9): (None, 9)})],
    (2000, 200_000),
)
def test_rolled_statements_against_them_as_written(
    store: DuckStore, steps: list[tuple[str, Any]], span: tuple[int, int]
) -> None:
    answered["examples"] = 1
    play(store, steps)
    since = BEGIN + timedelta(seconds=span[0])
    for name, sql in FIT.items():
        made = rolled.plan(sql, store._kinds, store.zone)
        assert made, name
        compare(store, sql, since, since + timedelta(seconds=span[1]))
    compare(store, FIT["day"], datetime(1970, 1, 1, tzinfo=UTC), BEGIN + timedelta(days=400))


@pytest.mark.parametrize("name", UNFIT)
def test_statements_that_ask_for_more_stay_as_they_are(store: DuckStore, name: str) -> None:
    assert rolled.plan(UNFIT[name], store._kinds, store.zone) is None


def test_deleted_readings_against_what_is_left(store: DuckStore) -> None:
    kept(store, {("e.p.old", m): (float(m), 1) for m in range(240)})
    store.roll()
    sql = FIT["day"].replace("p.slow", "p.old")
    span = BEGIN - timedelta(days=1), BEGIN + timedelta(days=9)
    before = store.fetch(sql, {"since": span[0], "until": span[1]})
    gone = at(100) + timedelta(seconds=30)
    while store.erase({"p.old": gone}):
        pass
    after = store.fetch(sql, {"since": span[0], "until": span[1]})
    assert sum(after["n"].to_pylist()) == sum(at(m) >= gone for m in range(240)) < sum(before["n"].to_pylist())
    compare(store, sql, *span)


def test_a_stream_type_that_reports_faster_than_before_against_its_readings(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as small:
        small.setattr(rolled, "LEAST", 0)
        made = DuckStore(tmp_path / "city.duckdb", "Asia/Shanghai", threads=1)
        made.define([PACK], TABLES)
        kept(made, {("a.p.slow", m): (1.0, 1) for m in range(30)} | {("a.p.fast", m): (1.0, 1) for m in range(30)})
        made.roll()
        quicker = replace(PACK, streams=tuple(replace(s, cadence_s=620 - s.cadence_s) for s in PACK.streams))
        for pack in (quicker, PACK, quicker):
            made.define([pack], TABLES)
            kept(made, {("a.p.slow", m): (2.0, 1) for m in range(30, 40)})
            made.roll()
            for kind in ("p.slow", "p.fast"):
                compare(made, FIT["minute"].replace("p.fast", kind), BEGIN, BEGIN + timedelta(days=5))
        made.close()


def test_a_fault_of_a_statement_is_told_as_before(store: DuckStore) -> None:
    for params in ({"since": BEGIN}, {"since": BEGIN, "until": BEGIN, "more": 1}, {"since": "x", "until": BEGIN}):
        with pytest.raises(CityTwinError, match="the statement cannot be answered"):
            store.fetch(FIT["day"], params)


def test_zones_whose_midnight_comes_twice_against_the_calendar() -> None:
    steady = {("Asia/Shanghai", "day"), ("Asia/Kolkata", "hour"), ("Europe/Berlin", "day"), ("Atlantic/Azores", "hour")}
    loose = {("Atlantic/Azores", "day"), ("America/Havana", "day"), ("Australia/Adelaide", "hour")}
    assert all(rolled.steady(*of) for of in steady)
    assert not any(rolled.steady(*of) for of in loose)


ROLLED = {
    "hello.electricity", "base.fine_particles_daily", "base.rainfall_daily", "base.rainfall_hourly", "base.temperature_mean",
    "drainage.data_yield", "drainage.infiltration_ratio", "drainage.level_swing", "drainage.plant_load", "drainage.station_energy",
    "institution.electricity_day", "institution.night_base_share",
}  # fmt: skip
"""The indicators of shipped packs that roll-ups answer."""


def test_statements_of_packs_against_them_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolled, "LEAST", 0)
    packs = load.ordered(load.pack_folders(), ["hello", "base", "drainage", "institution"])
    made = DuckStore(tmp_path / "city.duckdb", "Asia/Shanghai", threads=1)
    made.define(packs, load.tables(packs))
    kinds = [("x", "drainage.manhole", '{"network": "sewage"}'), ("y", "drainage.plant", '{"capacity": 5000}')]
    for asset, kind, attributes in kinds:
        made._writer.execute("INSERT INTO asset_row VALUES (?, ?, '', '', 0, 0, NULL, ?)", [asset, kind, attributes])
    plans = {i.id: rolled.plan(i.sql, made._kinds, made.zone) for p in packs for i in p.indicators}
    assert {id for id, plan in plans.items() if plan} == ROLLED
    read = {b.kind for plan in plans.values() if plan for b in plan.blocks}
    midnight = datetime(2026, 3, 9, 16, tzinfo=UTC)
    late = []
    for type in (s for p in packs for s in p.streams if s.id in read | {"institution.electricity_month"}):
        begin = midnight - timedelta(days=430) if type.cadence_s > 86400 else midnight
        times = [begin + timedelta(seconds=type.cadence_s * n) for n in range(max(3 * 86400 // type.cadence_s, 14))]
        for asset in "xy":
            scale = 4096 if type.id == "base.rainfall" else 1  # where it rains nobody tells infiltration
            values = [(1 + (n * 7919 % 64) / 8) / scale for n in range(len(times))]
            quality = [4 if n % 50 == 9 else 1 for n in range(len(times))]
            columns = {"stream": [f"{asset}.{type.id}"] * len(times), "time": pa.array(times, TIME), "value": values, "quality": pa.array(quality, pa.int8())}  # fmt: skip
            table = pa.table(columns)
            cut = len(times) * 5 // 6
            made.record([Arrival(table.slice(0, cut))])
            late.append(Arrival(table.slice(cut)))
    made.roll()
    for arrival in late:
        made.record([arrival])
    for indicator in (i for p in packs for i in p.indicators if i.id in ROLLED):
        span = {"since": midnight, "until": midnight + timedelta(days=3)}
        found = told(made.fetch(indicator.sql, span))
        assert found, indicator.id
        assert found == told(made._rows(indicator.sql, span)), indicator.id
    made.close()
