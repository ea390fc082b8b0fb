"""How does it arrive? Exports of level and flow surveys."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa

from citytwin.kernel.errors import BadBatch, Fault
from citytwin.kernel.observation import Batch
from citytwin.kernel.stream import stream_id

BEIJING = timezone(timedelta(hours=8))
"""Times in these exports are Beijing time, all over the country and all the year round."""
POINT, TIME = "点位编号", "时间"
COLUMNS = {  # column, unit in brackets left out: stream type, canonical unit, its other units and factors
    "水位": ("drainage.level", {"m": 1.0, "cm": 0.01, "mm": 0.001}),
    "流量": ("drainage.flow", {"m3/s": 1.0, "l/s": 0.001, "m3/h": 1 / 3600, "m3/d": 1 / 86400}),
    "电导率": ("drainage.conductivity", {"us/cm": 1.0, "ms/cm": 1000.0}),
}
FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y%m%d%H%M%S")
MISSING = ("", "-", "--", "/", "null", "NULL")


def parse_level_csv(payload: bytes) -> Batch:
    """Readings of a survey or SCADA export with the columns 点位编号, 时间, 水位(m), 流量(m3/s), 电导率.

    UTF-8 or GB 18030, comma or tab; times without an offset are Beijing time; a point's number is the manhole's id, in
    capitals or not; an empty cell is no reading. Units may stand in brackets after the column's name. Raises BadBatch
    naming every bad line.
    """
    lines = _text(payload).splitlines()
    first = next((n for n, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise BadBatch("the export is empty", f"the first line names the columns: {POINT},{TIME},…", "line 1")
    reader = csv.reader(io.StringIO("\n".join(lines[first:])), delimiter="\t" if "\t" in lines[first] else ",")
    head = [cell.strip() for cell in next(reader)]
    if POINT not in head or TIME not in head:
        lacking = "、".join(c for c in (POINT, TIME) if c not in head)
        raise BadBatch(
            f"the export lacks the column {lacking}",
            f"columns: {POINT},{TIME},水位(m),流量(m3/s),电导率",
            f"line {first + 1}",
        )
    measured = _measured(head, first + 1)
    streams: list[str] = []
    times: list[datetime] = []
    values: list[float] = []
    faults: list[Fault] = []
    for row in reader:
        where = f"line {first + reader.line_num}"
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(head):
            faults.append(
                Fault(where, "ROW", f"has {len(row)} cells, not {len(head)}", "quote cells that hold a comma")
            )
            continue
        cells = [cell.strip() for cell in row]
        point, time = cells[head.index(POINT)].lower(), _time(cells[head.index(TIME)])
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", point):
            faults.append(
                Fault(where, "ROW", f"{POINT} is '{cells[head.index(POINT)]}'", "the id of a manhole, such as MH-W001")
            )
            continue
        if time is None:
            faults.append(Fault(where, "ROW", f"{TIME} is '{cells[head.index(TIME)]}'", "such as 2026-07-01 08:05:00"))
            continue
        for column, (name, stream_type, factor) in measured.items():
            if cells[column] in MISSING:
                continue
            try:
                value = float(cells[column]) * factor
            except ValueError:
                faults.append(Fault(where, "ROW", f"{name} is '{cells[column]}'", "a number, or nothing"))
                continue
            streams.append(stream_id(point, stream_type))
            times.append(time)
            values.append(value)
    if faults:
        raise BadBatch(
            f"{len(faults)} lines of the export are at fault", "mend them and send it again", "", tuple(faults)
        )
    table = {
        "stream": pa.array(streams, pa.string()),
        "time": pa.array(times, pa.timestamp("us", tz="UTC")),
        "value": pa.array(values, pa.float64()),
    }
    return Batch(pa.table(table), source="level_csv")


def _text(payload: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return payload.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadBatch("the export is neither UTF-8 nor GB 18030", "save it as UTF-8", "line 1")


def _measured(head: list[str], line: int) -> dict[int, tuple[str, str, float]]:
    """By column number: its name, stream type and factor to the canonical unit."""
    found = {}
    for column, cell in enumerate(head):
        name, _, rest = cell.replace("（", "(").replace("）", ")").partition("(")
        if name.strip() not in COLUMNS:
            continue
        stream_type, units = COLUMNS[name.strip()]
        unit = rest.rstrip(")").strip().lower().replace("³", "3").replace("μ", "u").replace("µ", "u")
        if unit and unit not in units:
            raise BadBatch(f"column '{cell}' is in {unit}", f"one of: {', '.join(units)}", f"line {line}")
        found[column] = (name.strip(), stream_type, units[unit] if unit else 1.0)
    if not found:
        raise BadBatch("the export has no column of readings", f"one of: {'、'.join(COLUMNS)}", f"line {line}")
    return found


def _time(cell: str) -> datetime | None:
    for form in FORMATS:
        try:
            return datetime.strptime(cell, form).replace(tzinfo=BEIJING).astimezone(UTC)
        except ValueError:
            continue
    try:
        time = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=BEIJING)).astimezone(UTC)
