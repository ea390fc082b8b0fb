"""What will happen? What if? Models and their runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa

from citytwin.api.house import House
from citytwin.api.page import Page, Paged, fetched, listed, title, where
from citytwin.api.route import Body, Query, Route
from citytwin.api.stream import run_series
from citytwin.engine.simulate import Description
from citytwin.kernel.errors import NotFound
from citytwin.kernel.model import Figure, Parameter
from citytwin.kernel.stream import stream_parts
from citytwin.kernel.title import Title

State = Literal["queued", "running", "done", "failed"]


class ModelItem(msgspec.Struct, frozen=True, kw_only=True):
    """A model: how often it runs, how far it looks, what it reads and writes, what a scenario may change, and the
    figures that a run gives.
    """

    id: str
    pack: str
    title: Title
    every_s: int
    horizon_s: int
    history_s: int
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    figures: tuple[Figure, ...]


class RunItem(msgspec.Struct, frozen=True, kw_only=True):
    """A run: of which model, with what, and what came of it; the model tells the titles and units of `figures`."""

    id: str
    model: str
    title: Title
    state: State
    scenario: str
    parameters: dict[str, Any]
    until: datetime
    started: datetime | None
    finished: datetime | None
    figures: dict[str, Any]
    error: str


class RunSeries(msgspec.Struct, frozen=True):
    """What a run wrote for one stream, and the ids and titles of all streams that it wrote."""

    run: str
    stream: str
    time: list[int]
    value: list[float | None]
    streams: list[str]
    titles: list[Title]


class RunQuery(Paged, frozen=True, kw_only=True):
    """Which runs."""

    model: Annotated[str, msgspec.Meta(description="model")] | None = None
    state: State | None = None


class SeriesQuery(Query, frozen=True, kw_only=True):
    """Of which stream; without one, of the first that the run wrote."""

    stream: Annotated[str, msgspec.Meta(description="stream")] | None = None


class Start(Body, frozen=True, kw_only=True):
    """The model to run, the name of the scenario, and the parameters it changes."""

    model: str
    scenario: Annotated[str, msgspec.Meta(max_length=200)] = ""
    parameters: dict[str, float] = msgspec.field(default_factory=dict)


def declared(m: Description) -> ModelItem:
    """A model as it is declared."""
    every, horizon, history = (round(t.total_seconds()) for t in (m.every, m.horizon, m.history))
    return ModelItem(
        id=m.id,
        pack=m.pack,
        title=m.title,
        every_s=every,
        horizon_s=horizon,
        history_s=history,
        reads=m.reads,
        writes=m.writes,
        parameters=m.parameters,
        figures=m.figures,
    )


def models(house: House, query: Paged) -> Page[ModelItem]:
    """The models of the city"""
    return listed(enumerate(declared(m) for m in house.simulator.models()), query)


_SELECT = """
  SELECT CAST(-extract(epoch FROM coalesce(r.started, r.until)) * 1000000 AS BIGINT) AS age, r.run, r.model, r.state,
         r.scenario, r.parameters, r.until, r.started, r.finished, r.figures, r.error
  FROM run AS r"""


def _item(house: House, row: Mapping[str, Any]) -> RunItem:
    titles = {m.id: m.title for m in house.simulator.models()}
    return RunItem(
        id=row["run"],
        model=row["model"],
        title=titles.get(row["model"], Title(row["model"], row["model"])),
        state=row["state"],
        scenario=row["scenario"],
        parameters=msgspec.json.decode(row["parameters"]),
        until=row["until"],
        started=row["started"],
        finished=row["finished"],
        figures=msgspec.json.decode(row["figures"]),
        error=row["error"],
    )


def runs(house: House, query: RunQuery) -> Page[RunItem]:
    """Runs, newest first"""
    clause, params = where({"r.model = $model": query.model, "r.state = $state": query.state})
    order = {"age": int, "run": str}
    return fetched(house, f"{_SELECT} {clause}", params, query, order, lambda r: _item(house, r))


def run(house: House, id: str) -> RunItem:
    """A run"""
    found = house.rows(f"{_SELECT} WHERE r.run = $id", {"id": id})
    if not found:
        raise NotFound(f"there is no run '{id}'", "see /api/runs", id)
    return _item(house, found[0])


def start(house: House, body: Start) -> RunItem:
    """Start a run; ask for it again to see how far it is"""
    return run(house, house.simulator.start(body.model, body.scenario, body.parameters))


def series(house: House, id: str, query: SeriesQuery) -> RunSeries:
    """What a run wrote for one stream"""
    run(house, id)
    found = house.fetch("SELECT DISTINCT stream FROM forecast WHERE run = $id ORDER BY stream", {"id": id})
    streams = found["stream"].to_pylist()
    stream = query.stream or (streams[0] if streams else "")
    if query.stream is not None and query.stream not in streams:
        raise NotFound(
            f"the run wrote nothing for '{query.stream}'", "`streams` of the answer names them all", "stream"
        )
    time, value = run_series(house, id, stream) if stream else ([], [])
    return RunSeries(id, stream, time, value, streams, _titles(house, streams))


def _titles(house: House, streams: list[str]) -> list[Title]:
    """What each stream is called: its asset, and what is measured there."""
    split = [stream_parts(s) for s in streams]
    assets = {
        r["asset_id"]: r
        for r in house.rows(
            "SELECT a.asset_id, a.title_zh, a.title_en FROM asset AS a JOIN wanted AS w ON w.asset_id = a.asset_id",
            tables={"wanted": pa.table({"asset_id": pa.array(sorted({asset for asset, _ in split}), pa.string())})},
        )
    }
    made = []
    for asset, kind in split:
        place = title(assets[asset], asset) if asset in assets else Title(asset, asset)
        what = house.twin.streams[kind].title if kind in house.twin.streams else Title(kind, kind)
        made.append(Title(f"{place.zh} · {what.zh}", f"{place.en} · {what.en}"))
    return made


ROUTES = (
    Route("GET", "/models", models),
    Route("GET", "/runs", runs),
    Route("POST", "/runs", start, status=202),
    Route("GET", "/runs/{id}", run),
    Route("GET", "/runs/{id}/series", series),
)
