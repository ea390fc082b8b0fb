"""Stage demo, readings: are they sound, and the same however their span is cut?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from citytwin.engine import ingest
from citytwin.engine.check.stage import DAYS, TIME, UNTIL, Halt, Make, Play, tables
from citytwin.kernel.errors import Fault
from citytwin.kernel.observation import Batch, Quality
from citytwin.kernel.pack import Pack
from citytwin.kernel.store import Arrival
from citytwin.kernel.stream import stream_parts

CUT = timedelta(hours=40, minutes=7)
MOMENTS = 8
"""How many moments of silence are looked at for each rule that waits for one."""
MOST_BAD = 0.05


def shaped(p: Play, name: str, table: pa.Table) -> pa.Table:
    missing = {"stream", "time", "value"} - set(table.column_names)
    where = p.subject.defined("demo.py", name)
    if missing:
        p.faults.append(
            Fault(
                where,
                "DEMO",
                f"{name}() gives tables without {', '.join(sorted(missing))}",
                "columns: stream, time, value",
            )
        )
        raise Halt
    if not (pa.types.is_timestamp(table["time"].type) and table["time"].type.tz):
        p.faults.append(
            Fault(where, "DEMO", f"{name}() gives time as {table['time'].type}", 'pa.timestamp("us", tz="UTC")')
        )
        raise Halt
    return table.set_column(table.column_names.index("time"), "time", table["time"].cast(TIME))


def _sorted(tables: Sequence[pa.Table]) -> pa.Table:
    plain = [
        pa.table(
            {
                "stream": t["stream"].cast(pa.string()),
                "time": t["time"].cast(TIME),
                "value": t["value"].cast(pa.float64()),
            }
        )
        for t in tables
    ]
    if not plain:
        return pa.table(
            {"stream": pa.array([], pa.string()), "time": pa.array([], TIME), "value": pa.array([], pa.float64())}
        )
    return pa.concat_tables(plain).sort_by([("stream", "ascending"), ("time", "ascending")])


def cut(p: Play, name: str, make: Make, pack: Pack, whole: list[pa.Table], low: datetime) -> None:
    """The readings of two adjoining spans are those of their union."""
    where = p.subject.defined("demo.py", name)
    middle = low + CUT if name == "readings" else low + timedelta(days=183, minutes=7)
    parts = []
    for a, b in ((low, middle), (middle, UNTIL)):
        for t in (shaped(p, name, t) for t in tables(p, name, make, pack, a, b)):
            span = pc.min_max(t["time"])
            if span["min"].as_py() < a or span["max"].as_py() >= b:
                odd = span["min"].as_py() if span["min"].as_py() < a else span["max"].as_py()
                p.faults.append(
                    Fault(
                        where,
                        "CUT",
                        f"{name}() gives {odd:%Y-%m-%d %H:%M} when asked for {a:%Y-%m-%d %H:%M} to {b:%Y-%m-%d %H:%M}",
                        "give since <= time < until",
                    )
                )
                return
            parts.append(t)
    one, two = _sorted(whole), _sorted(parts)
    one = one.filter(pc.greater_equal(one["time"], pa.scalar(low, TIME)))
    same = one.num_rows == two.num_rows and one["stream"].equals(two["stream"]) and one["time"].equals(two["time"])
    if same:
        a, b = one["value"].to_numpy(), two["value"].to_numpy()
        off = np.flatnonzero(~(np.isclose(a, b, rtol=1e-9, atol=1e-9) | (np.isnan(a) & np.isnan(b))))
        if len(off):
            n = int(off[0])
            said = f"{one['stream'][n]} at {one['time'][n].as_py():%Y-%m-%d %H:%M} is {a[n]:g} in the whole span and {b[n]:g} in parts"
            p.faults.append(Fault(where, "CUT", said, "let values depend on the scene and the time stamp alone"))
        return
    keys = [set(zip(t["stream"].to_pylist(), t["time"].cast(pa.int64()).to_pylist(), strict=True)) for t in (one, two)]
    odd_ones = sorted(keys[0] ^ keys[1])
    if odd_ones:
        stream, at = odd_ones[0]
        side = "the whole span only" if odd_ones[0] in keys[0] else "parts only"
        said = f"{stream} at {datetime.fromtimestamp(at / 1e6, UTC):%Y-%m-%d %H:%M} stands in {side}"
    else:
        said = f"{name}() gives {one.num_rows} rows for the whole span and {two.num_rows} for its parts"
    p.faults.append(Fault(where, "CUT", said, "let series depend on the scene and the time stamp alone"))


def prepared(p: Play, given: list[tuple[str, pa.Table]]) -> list[tuple[str, pa.Table]]:
    """Readings as they would be recorded; those refused or bad are faults of the demo."""
    ready = []
    for source, table in given:
        made = ingest.prepare(p.twin, Batch(table, source=source), on_time=True)
        if made.refused:
            where = p.subject.defined("demo.py", "readings")
            f = made.faults[0]
            p.faults.append(
                Fault(
                    where,
                    "DEMO",
                    f"{made.refused} of {table.num_rows} readings of '{source}' are refused; {f.where}: {f.message}",
                    f.hint,
                )
            )
            raise Halt
        ready.append((source, made.arrival.rows))
    count: dict[str, list[int]] = {}
    for source, table in ready:
        if source != p.pack.id:
            continue
        column = table["stream"].combine_chunks()
        kinds = np.array([stream_parts(s)[1] for s in column.dictionary.to_pylist()], object)
        bad = table["quality"].to_numpy() == Quality.BAD
        index = column.indices.to_numpy()
        for kind in set(kinds.tolist()):
            mine = np.isin(index, np.flatnonzero(kinds == kind))
            tally = count.setdefault(kind, [0, 0])
            tally[0] += int(mine.sum())
            tally[1] += int((mine & bad).sum())
    for kind, (all_of_them, bad_ones) in sorted(count.items()):
        if bad_ones > MOST_BAD * all_of_them:
            where = p.pack.lines.get(kind, p.subject.defined("demo.py", "readings"))
            p.faults.append(
                Fault(
                    where,
                    "DEMO",
                    f"{bad_ones} of {all_of_them} readings of '{kind}' are physically impossible and flagged bad",
                    "mend demo.py, or the quantity",
                )
            )
    return ready


def moments(p: Play, prepared: list[tuple[str, pa.Table]]) -> list[datetime]:
    """When to look: twice a day, and in silences that last longer than a rule allows."""
    found = [UNTIL - timedelta(hours=12 * k) for k in range(1, 2 * DAYS)] if any(r.rows for r in p.pack.rules) else []
    for rule in p.pack.rules:
        if rule.silent_s is None:
            continue
        gaps: dict[str, list[int]] = {}
        for _, table in prepared:
            names = [
                n for n in table["stream"].combine_chunks().dictionary.to_pylist() if stream_parts(n)[1] == rule.stream
            ]
            part = (
                table.filter(pc.is_in(table["stream"].cast(pa.string()), pa.array(names, pa.string())))
                if names
                else None
            )
            if part is not None and part.num_rows:
                for name in names:
                    one = part.filter(pc.equal(part["stream"].cast(pa.string()), name))
                    gaps.setdefault(name, []).extend(one["time"].cast(pa.int64()).to_pylist())
        silences = []
        for times in gaps.values():
            stamps = np.sort(np.array(times, np.int64))
            longest = rule.silent_s * 1_000_000
            at = np.flatnonzero(np.diff(stamps) > longest + 1_000_000)
            silences += [int(stamps[i]) + longest + 1_000_000 for i in at]
        silences.sort()
        step = max(1, len(silences) // MOMENTS)
        found += [datetime.fromtimestamp(t / 1e6, UTC) for t in silences[::step][:MOMENTS]]
    return [m for m in found if m < UNTIL]


def record(p: Play, prepared: list[tuple[str, pa.Table]], since: datetime | None, until: datetime) -> None:
    arrivals = []
    for source, table in prepared:
        keep = pc.less(table["time"], pa.scalar(until, TIME))
        if since is not None:
            keep = pc.and_(keep, pc.greater_equal(table["time"], pa.scalar(since, TIME)))
        part = table.filter(keep)
        if part.num_rows:
            arrivals.append(Arrival(part, source=source))
    p.twin.store.record(arrivals)
