"""What will happen? Runs models in a pool of workers and puts their series beside what is measured."""

from __future__ import annotations

import hashlib
import inspect
import logging
import multiprocessing
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from citytwin.engine import load
from citytwin.engine.twin import Twin, find, rows
from citytwin.kernel.errors import BadRequest, CityTwinError, StoreFailed
from citytwin.kernel.model import Figure, Inputs, Model, Outputs, Parameter
from citytwin.kernel.store import Change
from citytwin.kernel.stream import stream_parts
from citytwin.kernel.title import Title

log = logging.getLogger("citytwin.simulate")
TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Description:
    """What a model says of itself."""

    id: str
    pack: str
    title: Title
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    every: timedelta
    horizon: timedelta
    history: timedelta
    parameters: tuple[Parameter, ...]
    figures: tuple[Figure, ...]


def describe(id: str) -> Description:
    """The model `pack.Class`, read from its pack."""
    pack, _, name = id.partition(".")
    kind = getattr(load.module(pack, "models"), name)
    return Description(
        id,
        pack,
        kind.title,
        tuple(kind.reads),
        tuple(kind.writes),
        kind.every,
        kind.horizon,
        kind.history,
        tuple(kind.parameters),
        tuple(kind.figures),
    )


def inputs(twin: Twin, model: Description, until: datetime, parameters: Mapping[str, float], folder: str) -> Inputs:
    """What a run at `until` is given. Reads the store; appends nothing."""
    wanted = set(model.reads)
    kinds = [r for r in wanted if r in twin.types]
    links = [r for r in wanted if r in twin.relations]
    streams = [r for r in wanted if r in twin.streams]
    figures = [r for r in wanted if r in twin.indicators]
    unknown = wanted - {*kinds, *links, *streams, *figures}
    if unknown:
        raise BadRequest(
            f"model '{model.id}' reads {', '.join(sorted(unknown))}, which nothing declares", "mend its reads", model.id
        )

    def among(sql: str, column: str, ids: list[str], **params: Any) -> pa.Table:
        return twin.store.fetch(sql, params, {"wanted": pa.table({column: pa.array(ids, pa.string())})})

    assets = among(
        "SELECT a.asset_id, a.type, a.title_zh, a.title_en, a.geometry, a.attributes FROM asset_row AS a JOIN wanted AS w ON w.type = a.type ORDER BY a.asset_id",
        "type",
        kinds,
    )
    relations = among(
        "SELECT r.source, r.type, r.target FROM relation AS r JOIN wanted AS w ON w.type = r.type ORDER BY 1, 2, 3",
        "type",
        links,
    )
    readings = among(
        "SELECT o.stream, o.asset_id, o.stream_type, o.time, o.value FROM observation AS o JOIN wanted AS w ON w.stream_type = o.stream_type "
        "WHERE o.time >= $since AND o.time < $until ORDER BY o.stream, o.time",
        "stream_type",
        streams,
        since=until - model.history,
        until=until,
    )
    indicators = among(
        "SELECT v.indicator, v.asset_id, v.period, v.value FROM indicator_value AS v JOIN wanted AS w ON w.indicator = v.indicator "
        "WHERE v.period >= $since AND v.period < $until ORDER BY v.indicator, v.asset_id, v.period",
        "indicator",
        figures,
        since=until - model.history,
        until=until,
    )
    return Inputs(
        until=until,
        assets=tuple(
            {
                "id": r["asset_id"],
                "type": r["type"],
                "title_zh": r["title_zh"],
                "title_en": r["title_en"],
                "geometry": msgspec.json.decode(r["geometry"]) if r["geometry"] else None,
                **msgspec.json.decode(r["attributes"]),
            }
            for r in rows(assets)
        ),
        relations=tuple(rows(relations)),
        readings=readings,
        indicators=indicators,
        parameters={**{p.id: p.default for p in model.parameters}, **parameters},
        folder=folder,
        ahead=until.astimezone(ZoneInfo(twin.city.zone)).utcoffset() or timedelta(0),
    )


def work(id: str, roots: tuple[str, ...], given: Inputs) -> tuple[bytes, dict[str, float]]:
    """Run one model, in whatever process this is. The series come back as an Arrow stream, which is cheap to send."""
    if hasattr(os, "nice") and multiprocessing.parent_process() is not None:
        os.nice(5)  # a run must not make the pages slow
    load.pack_folders([Path(r) for r in roots])
    pack, _, name = id.partition(".")
    model: Model = getattr(load.module(pack, "models"), name)()
    made: Outputs = model.run(given)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, made.series.schema) as writer:
        writer.write_table(made.series)
    return sink.getvalue().to_pybytes(), {k: float(v) for k, v in made.figures.items()}


def run_now(twin: Twin, id: str, until: datetime, parameters: Mapping[str, float] | None = None) -> Outputs:
    """Run a model in this process and record nothing: for checks."""
    folder = tempfile.mkdtemp(prefix="citytwin-run-")
    try:
        data, figures = work(
            id, tuple(map(str, twin.pack_roots)), inputs(twin, describe(id), until, parameters or {}, folder)
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Outputs(pa.ipc.open_stream(data).read_all(), figures)


class Simulator:
    """Runs of a city's models. `executor` is any concurrent.futures.Executor; by default one worker process."""

    def __init__(self, twin: Twin, executor: Executor | None = None) -> None:
        self._twin = twin
        self._given = executor
        self._executor = executor
        self._lock = threading.Lock()
        self._models = {id: describe(id) for id in twin.models}
        self._futures: dict[str, Future[tuple[bytes, dict[str, float]]]] = {}
        # runs that were under way when the process ended will not come back
        left = "state IN ('queued', 'running')"
        if twin.store.fetch(f"SELECT 1 FROM run_row WHERE {left} LIMIT 1").num_rows:
            try:
                twin.store.commit(
                    Change(
                        f"UPDATE run_row SET state = 'failed', error = 'the process ended before the run did', finished = $now WHERE {left}",
                        {"now": twin.clock.now()},
                    )
                )
            except StoreFailed as e:  # on a full disk the city is served all the same; the next start says it
                log.warning("runs that were cut off go on being shown as under way: %s", e)

    def models(self) -> list[Description]:
        """Every model of the city."""
        return list(self._models.values())

    def start(
        self,
        model: str,
        scenario: str = "",
        parameters: Mapping[str, float] | None = None,
        until: datetime | None = None,
    ) -> str:
        """Queue a run and return its id. Raises NotFound or BadRequest before anything is recorded."""
        description = find(self._models, model, "model")
        given = dict(parameters or {})
        known = {p.id: p for p in description.parameters}
        for name, value in given.items():
            if name not in known:
                raise BadRequest(
                    f"model '{model}' has no parameter '{name}'", f"it has: {', '.join(known) or 'none'}", name
                )
            p = known[name]
            if not p.low <= value <= p.high:
                raise BadRequest(f"{name} is {value:g}, outside {p.low:g} to {p.high:g} {p.unit}", "", name)
        now = self._twin.clock.now()
        until = until or now
        run = hashlib.sha256(
            f"{model} {scenario} {given} {until.isoformat()} {now.isoformat()} {os.urandom(4).hex()}".encode()
        ).hexdigest()[:16]
        folder = tempfile.mkdtemp(prefix="citytwin-run-")
        try:
            data = inputs(self._twin, description, until, given, folder)
            self._twin.store.commit(
                Change(
                    "INSERT INTO run_row VALUES ($run, $model, 'running', $scenario, $parameters, $until, $now, NULL, '{}', '')",
                    {
                        "run": run,
                        "model": model,
                        "scenario": scenario,
                        "parameters": msgspec.json.encode(data.parameters).decode(),
                        "until": until,
                        "now": now,
                    },
                )
            )
            future = self._submit(model, data)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._futures[run] = future
        future.add_done_callback(lambda done: self._finish(run, description, folder, done))
        return run

    def _submit(self, model: str, data: Inputs) -> Future[tuple[bytes, dict[str, float]]]:
        roots = tuple(map(str, self._twin.pack_roots))
        with self._lock:
            if self._executor is None:
                self._executor = ProcessPoolExecutor(
                    1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=50
                )
            try:
                return self._executor.submit(work, model, roots, data)
            except RuntimeError:  # the pool broke when a worker died: a fresh one takes over
                if self._given is not None:
                    raise
                self._executor = ProcessPoolExecutor(
                    1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=50
                )
                return self._executor.submit(work, model, roots, data)

    def _finish(self, run: str, model: Description, folder: str, done: Future[tuple[bytes, dict[str, float]]]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._futures.pop(run, None)
        now = self._twin.clock.now()
        try:
            data, figures = done.result()
            self._declared(model, figures)
            series = self._checked(model, pa.ipc.open_stream(data).read_all())
            self._twin.store.commit(
                Change(
                    "INSERT INTO forecast_row SELECT $run, stream, time, value FROM series",
                    {"run": run},
                    {"series": series},
                ),
                Change(
                    "UPDATE run_row SET state = 'done', finished = $now, figures = $figures WHERE run = $run",
                    {"run": run, "now": now, "figures": msgspec.json.encode(figures).decode()},
                ),
                leaves=[("run", f"run:{run}", hashlib.sha256(data).hexdigest())],
            )
        except BaseException as e:  # a model is foreign code: whatever it raises is told to the user, not to the pool
            log.error("run %s of %s failed: %s", run, model.id, e)
            error = str(e) or type(e).__name__
            try:
                self._twin.store.commit(
                    Change(
                        "UPDATE run_row SET state = 'failed', finished = $now, error = $error WHERE run = $run",
                        {"run": run, "now": now, "error": error[:2000]},
                    )
                )
            except CityTwinError as lost:
                log.error("run %s: its failure was not recorded: %s", run, lost)

    def _declared(self, model: Description, figures: Mapping[str, float]) -> None:
        """Raises BadRequest for a figure that nobody could name: the model does not declare it."""
        undeclared = sorted(figures.keys() - {f.id for f in model.figures})
        if undeclared:
            raise BadRequest(
                f"the run gave {', '.join(map(repr, undeclared))}, which its figures do not declare",
                "mend figures",
                model.id,
            )

    def _checked(self, model: Description, series: pa.Table) -> pa.Table:
        """The series of a run, if they belong to streams that the model declares to write."""
        missing = {"stream", "time", "value"} - set(series.column_names)
        if missing:
            raise BadRequest(
                f"the run's series lack {', '.join(sorted(missing))}", "give stream, time, value", model.id
            )
        series = pa.table(
            {
                "stream": series["stream"].cast(pa.string()),
                "time": series["time"].cast(TIME),
                "value": series["value"].cast(pa.float64()),
            }
        )
        for stream in pc.unique(series["stream"]).to_pylist():
            asset, kind = stream_parts(stream)
            if kind not in model.writes or asset not in self._twin.asset_types:
                raise BadRequest(
                    f"the run wrote '{stream}', which it does not declare or which has no asset",
                    "mend writes",
                    model.id,
                )
        return series.filter(pc.is_finite(series["value"]))

    def due(self, now: datetime) -> list[str]:
        """Start every model whose time has come; returns the runs started."""
        last = {
            r["model"]: r["until"]
            for r in rows(
                self._twin.store.fetch("SELECT model, max(until) AS until FROM run WHERE scenario = '' GROUP BY model")
            )
        }
        started = []
        for model in self._models.values():
            before = last.get(model.id)
            if before is None or now - before >= model.every:
                try:
                    started.append(self.start(model.id, until=now))
                except CityTwinError as e:
                    log.error("model %s was not started: %s", model.id, e)
        return started

    def close(self) -> None:
        """Let go of the workers; runs that have not begun are dropped."""
        with self._lock:
            if self._executor is not None and self._given is None:
                self._executor.shutdown(wait=False, cancel_futures=True)
                for process in list(getattr(self._executor, "_processes", None) or {}):
                    log.debug("worker %s let go", process)


def is_model(kind: type) -> bool:
    """Whether a class has what a model needs."""
    members = ("title", "reads", "writes", "every", "horizon", "history", "parameters", "figures")
    return all(hasattr(kind, m) for m in members) and inspect.isfunction(getattr(kind, "run", None))
