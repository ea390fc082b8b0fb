"""Stage demo, indicators: are their rows sound, and the same however their span is cut?"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from citytwin.engine import measure, period
from citytwin.engine.check.stage import TIME, UNTIL, Play
from citytwin.kernel.errors import CityTwinError, Fault
from citytwin.kernel.indicator import Indicator
from citytwin.kernel.store import Change


def figures(p: Play) -> None:
    """Compute every indicator over all there is, and look at the rows of the pack's own."""
    p.twin.store.roll()
    for indicator in measure.ordered(p.twin.indicators.values()):
        low, high = measure.span(p.twin, indicator, measure.BEGINNING, UNTIL)
        try:
            given = p.twin.store.fetch(indicator.sql, {"since": low, "until": high})
            names = {"indicator": indicator.id, "version": indicator.version, "now": UNTIL}
            p.twin.store.commit(
                Change("DELETE FROM indicator_row WHERE indicator = $indicator", {"indicator": indicator.id}),
                Change(
                    "INSERT INTO indicator_row SELECT $indicator, asset_id, period, value, $version, $now FROM given "
                    "WHERE value IS NOT NULL AND isfinite(value) AND period IS NOT NULL AND asset_id IS NOT NULL",
                    names,
                    {
                        "given": given.set_column(
                            given.column_names.index("value"), "value", given["value"].cast(pa.float64())
                        )
                    },
                ),
            )
            if indicator.id.startswith(f"{p.pack.id}."):
                _rows(p, indicator, given, high)
        except CityTwinError as e:
            where = p.pack.lines.get(indicator.id, indicator.id)
            p.faults.append(Fault(where, "FIGURE", e.message, e.hint))


def _rows(p: Play, indicator: Indicator, given: pa.Table, high: datetime) -> None:
    """Rows at fault: periods that begin elsewhere, assets of another type, doubles, no numbers, and figures that change with the span."""
    twin, where = p.twin, p.pack.lines[indicator.id]
    p.measured[indicator.id] = given.num_rows - given["value"].null_count

    def fault(message: str, hint: str) -> None:
        p.faults.append(Fault(where, "FIGURE", message, hint))

    zone = twin.city.zone
    periods = pc.unique(given["period"].cast(TIME)).to_pylist()
    odd = [t for t in periods if t is None or period.start(t, indicator.every, zone) != t]
    if odd:
        said = odd[0].astimezone(ZoneInfo(zone)).isoformat(timespec="minutes") if odd[0] else "empty"
        fault(
            f"a period is {said}, which is not the beginning of {_an(indicator.every)}",
            f"date_trunc('{indicator.every}', time)",
        )
    double = given.num_rows - given.group_by(["asset_id", "period"]).aggregate([]).num_rows
    if double:
        fault(f"gives {double} rows more than one for an asset and a period", "GROUP BY asset and period")
    strangers = sorted(
        {str(a) for a in pc.unique(given["asset_id"]).to_pylist() if twin.asset_types.get(a) != indicator.per}
    )
    if strangers:
        kind = twin.asset_types.get(strangers[0], "no asset on record")
        fault(f"gives rows for '{strangers[0]}', which is {kind}, not {indicator.per}", "mend per, or asset_id")
    values = given["value"].cast(pa.float64()).to_numpy()
    loose = int((~np.isfinite(values) & ~np.asarray(pc.is_null(given["value"]))).sum())
    if loose:
        fault(f"gives {loose} values that are not finite numbers", "guard divisions with nullif(…, 0)")
    if not odd and not double and len(periods) > 1:
        _sliced(p, indicator, given, sorted(periods), high)


def _an(every: str) -> str:
    return f"an {every}" if every == "hour" else f"a {every}"


def _sliced(p: Play, indicator: Indicator, given: pa.Table, periods: list[datetime], high: datetime) -> None:
    """Computed from a later period on, or up to an earlier one, the figures are the same: only so may what changed be computed again."""
    cut = periods[len(periods) * 2 // 3] if len(periods) > 2 else periods[-1]
    spans = (("from", cut, high), ("up to", measure.BEGINNING, cut))
    whole = _keyed(given)
    for word, low, end in spans:
        part = _keyed(p.twin.store.fetch(indicator.sql, {"since": low, "until": end}), low, end)
        expected = {k: v for k, v in whole.items() if low <= k[1] < end}
        off = [k for k in sorted(expected.keys() | part.keys()) if not _near(expected.get(k), part.get(k))]
        if off:
            asset, at = off[0]
            local = at.astimezone(ZoneInfo(p.twin.city.zone))
            said = f"{asset} {local:%Y-%m-%d %H:%M} is {_said(expected.get(off[0]))} in the whole span and {_said(part.get(off[0]))} when computed {word} {cut.astimezone(local.tzinfo):%Y-%m-%d %H:%M}"
            hint = "read back from $since as far as a period needs, and nothing after it"
            p.faults.append(Fault(p.pack.lines[indicator.id], "CUT", said, hint))
            return


def _keyed(
    table: pa.Table, low: datetime | None = None, end: datetime | None = None
) -> dict[tuple[str, datetime], float]:
    found = {
        (a, t): v
        for a, t, v in zip(
            table["asset_id"].to_pylist(),
            table["period"].cast(TIME).to_pylist(),
            table["value"].cast(pa.float64()).to_pylist(),
            strict=True,
        )
        if v is not None and np.isfinite(v)
    }
    return {k: v for k, v in found.items() if low is None or end is None or low <= k[1] < end}


def _near(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return abs(a - b) <= 1e-9 + 1e-7 * max(abs(a), abs(b))


def _said(value: float | None) -> str:
    return "absent" if value is None else f"{value:.6g}"
