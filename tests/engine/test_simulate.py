"""Runs: what a model is given, what becomes of its series, and what happens when it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from citytwin.engine import catalog, ingest, load, simulate
from citytwin.engine.twin import Twin
from citytwin.kernel.asset import Asset
from citytwin.kernel.city import City
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import BadRequest, NotFound
from citytwin.kernel.observation import Batch
from citytwin.kernel.title import Title
from citytwin.store.duckdb import DuckStore

from ..conftest import FILES, NOW, ZONE

MODELS = '''
"""Models for tests."""
import os
from datetime import timedelta
import pyarrow as pa
from citytwin.kernel.model import Figure, Inputs, Outputs, Parameter
from citytwin.kernel.title import Title


class Doubled:
    title = Title("加倍", "Doubled")
    reads = ("{pack}.basin", "{pack}.level")
    writes = ("{pack}.level",)
    every = timedelta(hours=1)
    horizon = timedelta(hours=1)
    history = timedelta(hours=2)
    parameters = (Parameter("factor", Title("倍数", "Factor"), "1", 2.0, 0.0, 10.0), Parameter("mode", Title("方式", "Mode"), "1", 0.0, 0.0, 9.0))
    figures = (Figure("given", Title("读数", "Readings"), "1"), Figure("brim", Title("箱沿", "Brim"), "m"))

    def run(self, inputs: Inputs) -> Outputs:
        mode = inputs.parameters["mode"]
        if mode == 1:
            raise ValueError("the river runs uphill")
        if mode == 2:
            os._exit(3)
        stream = "t1.{pack}.level" if mode != 3 else "t1.{pack}.filled"
        assert os.path.isdir(inputs.folder)
        values = inputs.readings["value"].to_pylist()
        series = pa.table({{"stream": [stream], "time": pa.array([inputs.until + self.horizon], pa.timestamp("us", tz="UTC")),
                           "value": [inputs.parameters["factor"] * values[-1]]}})
        figures = {{"given": float(len(values)), "brim": inputs.assets[0]["brim_m"]}}
        return Outputs(series, {{**figures, "depth": 1.0}} if mode == 4 else figures)
'''


@pytest.fixture
def city(tmp_path: Path, clock: FixedClock, readings: Callable[..., pa.Table]) -> Iterator[Twin]:
    """The tiny city with a model; the pack's name is new each time, as Python remembers modules."""
    name = f"tank{abs(hash(tmp_path)) % 10**8}"
    folder = tmp_path / "packs" / name
    for file, text in FILES.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("tank.", f"{name}.").replace("id: tank\n", f"id: {name}\n"), "utf-8")
    (folder / "models.py").write_text(MODELS.format(pack=name), "utf-8")
    pack = load.ordered(load.pack_folders([tmp_path / "packs"]), [name])[0]
    store = DuckStore(None, ZONE, clock)
    store.define([pack], {})
    twin = Twin(
        store,
        City("t", Title("市", "City"), ZONE, (0, 0), (0, 0, 1, 1), (name,), ""),
        [pack],
        clock,
        (tmp_path / "packs",),
    )
    catalog.add(twin, [Asset("t1", f"{name}.basin", Title("一", "One"), None, {"brim_m": 4.0})])
    store.record(
        [
            ingest.prepare(
                twin, Batch(readings(f"t1.{name}.level", NOW - timedelta(hours=3), [1.0] * 12 + [3.0] * 12, 600))
            ).arrival
        ]
    )
    yield twin
    store.close()


def finished(twin: Twin, simulator: simulate.Simulator, run: str) -> dict[str, object]:
    """The run once it is over: its callbacks run in the pool's thread."""
    for _ in range(600):
        found = twin.store.fetch("SELECT state, error, figures FROM run WHERE run = $r", {"r": run}).to_pylist()[0]
        if found["state"] in ("done", "failed"):
            return found
        threading.Event().wait(0.05)
    raise AssertionError("the run did not end")


@pytest.fixture
def simulator(city: Twin) -> Iterator[simulate.Simulator]:
    with ThreadPoolExecutor(1) as pool:
        made = simulate.Simulator(city, pool)
        yield made


def test_a_run_is_given_what_it_reads_and_its_series_are_recorded(city: Twin, simulator: simulate.Simulator) -> None:
    (model,) = simulator.models()
    found = finished(city, simulator, simulator.start(model.id, "doubled", {"factor": 2.5}))
    assert found["state"] == "done", found
    assert found["figures"] == '{"given":12.0,"brim":4.0}'  # two hours of ten-minute readings before now
    series = city.store.fetch("SELECT stream, time, value FROM forecast").to_pylist()
    assert [(r["time"], r["value"]) for r in series] == [(NOW + timedelta(hours=1), 7.5)]
    assert city.store.fetch("SELECT kind FROM evidence ORDER BY leaf DESC LIMIT 1")["kind"].to_pylist() == ["run"]


@pytest.mark.parametrize(
    ("mode", "says"),
    [(1, "the river runs uphill"), (3, "which it does not declare"), (4, "'depth', which its figures")],
)
def test_a_run_that_fails_says_why_and_leaves_no_series(
    city: Twin, simulator: simulate.Simulator, mode: int, says: str
) -> None:
    found = finished(city, simulator, simulator.start(simulator.models()[0].id, "x", {"mode": float(mode)}))
    assert found["state"] == "failed"
    assert says in str(found["error"])
    assert city.store.fetch("SELECT count(*) AS n FROM forecast")["n"].to_pylist() == [0]


def test_a_worker_that_dies_fails_its_run_and_the_next_one_works(city: Twin) -> None:
    simulator = simulate.Simulator(city)
    model = simulator.models()[0].id
    assert finished(city, simulator, simulator.start(model, "x", {"mode": 2.0}))["state"] == "failed"
    assert finished(city, simulator, simulator.start(model, "x"))["state"] == "done"
    simulator.close()


def test_parameters_are_checked_before_anything_is_recorded(city: Twin, simulator: simulate.Simulator) -> None:
    model = simulator.models()[0].id
    with pytest.raises(BadRequest, match="outside 0 to 10"):
        simulator.start(model, "x", {"factor": 11.0})
    with pytest.raises(BadRequest, match="no parameter 'speed'"):
        simulator.start(model, "x", {"speed": 1.0})
    with pytest.raises(NotFound):
        simulator.start("nobody.Model")
    assert city.store.fetch("SELECT count(*) AS n FROM run")["n"].to_pylist() == [0]


def test_models_come_due_at_their_interval(city: Twin, clock: FixedClock, simulator: simulate.Simulator) -> None:
    (first,) = simulator.due(clock.now())
    finished(city, simulator, first)
    assert simulator.due(clock.now() + timedelta(minutes=59)) == []
    (second,) = simulator.due(clock.now() + timedelta(minutes=60))
    finished(city, simulator, second)


def test_runs_that_a_crash_cut_off_are_marked_failed(city: Twin, clock: FixedClock) -> None:
    from citytwin.kernel.store import Change

    city.store.commit(
        Change("INSERT INTO run_row VALUES ('r', 'm', 'running', '', '{}', $t, $t, NULL, '{}', '')", {"t": clock.now()})
    )
    with ThreadPoolExecutor(1) as pool:
        simulate.Simulator(city, pool)
    assert city.store.fetch("SELECT state, error FROM run").to_pylist() == [
        {"state": "failed", "error": "the process ended before the run did"}
    ]


def test_scratch_folders_are_removed(
    city: Twin, simulator: simulate.Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[str] = []

    def folder(prefix: str) -> str:
        path = tmp_path / f"{prefix}{len(made)}"
        path.mkdir()
        made.append(str(path))
        return str(path)

    monkeypatch.setattr(simulate.tempfile, "mkdtemp", folder)
    for mode in (0.0, 1.0):
        finished(city, simulator, simulator.start(simulator.models()[0].id, "x", {"mode": mode}))
    assert len(made) == 2
    assert not any(Path(p).exists() for p in made)


def test_the_moment_a_run_looks_from_is_its_until(city: Twin, simulator: simulate.Simulator) -> None:
    until: datetime = NOW - timedelta(hours=1)
    finished(city, simulator, simulator.start(simulator.models()[0].id, "x", until=until))
    assert city.store.fetch("SELECT until FROM run")["until"].to_pylist() == [until]
