"""Stage demo, models: does every model run, and write what it declares?"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from citytwin.engine import simulate
from citytwin.engine.check.stage import TIME, UNTIL, Play
from citytwin.kernel.errors import Fault
from citytwin.kernel.stream import stream_parts


def run(p: Play, model: str) -> None:
    """Run a model once, and look at what it gives."""
    where = p.pack.lines[model]
    local = model.partition(".")[2]

    def fault(message: str, hint: str) -> None:
        p.faults.append(Fault(where, "MODEL", message, hint))

    description = simulate.describe(model)
    try:
        with redirect_stdout(io.StringIO()):
            outputs = simulate.run_now(p.twin, model, UNTIL)
    except (Exception, SystemExit) as e:  # a model is foreign code
        p.faults.append(p.subject.raised(e, f"{local} runs", where))
        return
    p.ran.add(model)
    series = outputs.series
    missing = {"stream", "time", "value"} - set(series.column_names)
    if missing:
        fault(f"the series of {local} lack {', '.join(sorted(missing))}", "columns: stream, time, value")
        return
    if series.num_rows == 0 and not outputs.figures:
        fault(f"{local} gives neither series nor figures", "a run must say something")
        return
    if any(not np.isfinite(v) for v in outputs.figures.values()):
        fault(f"a figure of {local} is not a finite number", "guard divisions")
    known = {f.id for f in description.figures}
    for id in sorted(outputs.figures.keys() - known):
        fault(f"{local} gives the figure '{id}', and its figures do not declare it", "Figure(id, title, unit)")
    for id in sorted(known - outputs.figures.keys()):
        fault(f"{local} is to give the figure '{id}' and does not", "mend figures, or the model")
    written = set()
    for stream in pc.unique(series["stream"].cast(pa.string())).to_pylist():
        asset, kind = stream_parts(stream)
        if kind not in description.writes:
            fault(f"{local} writes '{stream}', and its writes does not list '{kind}'", "mend writes")
        elif p.twin.asset_types.get(asset) != p.twin.streams[kind].asset:
            fault(
                f"{local} writes '{stream}', and '{asset}' is {p.twin.asset_types.get(asset, 'no asset on record')}",
                f"write for assets of type {p.twin.streams[kind].asset}",
            )
        written.add(kind)
    for kind in description.writes:
        if kind not in written:
            fault(f"{local} is to write '{kind}' and gives none", "mend writes, or the model")
    if series.num_rows:
        values = series["value"].cast(pa.float64()).to_numpy()
        if not np.isfinite(values).all():
            fault(
                f"{int((~np.isfinite(values)).sum())} of {len(values)} values of {local} are not finite numbers",
                "a forecast that breaks down says so",
            )
        span = pc.min_max(series["time"].cast(TIME))
        if span["max"].as_py() > UNTIL + description.horizon + timedelta(seconds=1):
            fault(f"{local} looks further than its horizon, to {span['max'].as_py():%Y-%m-%d %H:%M}", "mend horizon")
    p.wrote |= written
