"""How does it arrive? Monthly bills, as spreadsheets of the direct-report platform export them."""

from __future__ import annotations

import csv
import io
import math
import re
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa

from citytwin.kernel.errors import BadBatch, CityTwinError, Fault
from citytwin.kernel.observation import Batch
from citytwin.kernel.stream import stream_id
from citytwin.kernel.units import conversion

_COLUMNS = {  # name in the export: stream type, canonical unit
    "用电量": ("institution.electricity_month", "kWh"),
    "天然气": ("institution.natural_gas_month", "m3"),
    "用水量": ("institution.water_month", "m3"),
}
_ZONE = timezone(timedelta(hours=8))  # bills are drawn up in Beijing time
_WATER_KG_PER_M3 = 1000.0  # water bills count tonnes for cubic metres
_MONTH = re.compile(r"(\d{4})\s*[-/.年]?\s*(\d{1,2})\s*月?$")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def parse_bill_csv(payload: bytes) -> Batch:
    """Monthly bills as CSV (UTF-8 or GB 18030): 机构编号, 月份 and any of 用电量, 天然气, 用水量 with units in brackets.

    Values are turned into canonical units and stamped in the last quarter of an hour of their month; empty cells are
    left out.
    Raises BadBatch naming every line at fault: unknown month, bad number, negative value, missing id, a bill that
    stands twice.

    >>> text = "机构编号,月份,用电量(万千瓦时),用水量(吨)\\ninstitution-001,2026年3月,1.5,200\\n"
    >>> table = parse_bill_csv(text.encode()).table
    >>> table["value"].to_pylist(), str(table["time"][0])
    ([15000.0, 200.0], '2026-03-31 15:45:00+00:00')
    """
    rows = list(csv.reader(io.StringIO(_text(payload))))
    if not rows:
        raise BadBatch(
            "the file is empty",
            "the first line names the columns",
            "line 1",
            (Fault("line 1", "EMPTY", "there is no header"),),
        )
    faults: list[Fault] = []
    found = _header([cell.strip() for cell in rows[0]], faults)
    if faults:
        raise BadBatch(
            "the header cannot be read",
            "机构编号,月份,用电量(千瓦时),天然气(立方米),用水量(吨)",
            "line 1",
            tuple(faults),
        )
    id_at, month_at, values_at = found
    streams: list[str] = []
    times: list[datetime] = []
    values: list[float] = []
    seen: dict[tuple[str, datetime], int] = {}
    for n, row in enumerate(rows[1:], 2):
        where = f"line {n}"
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(rows[0]):
            faults.append(
                Fault(
                    where,
                    "CELLS",
                    f"there are {len(row)} cells, the header has {len(rows[0])}",
                    "quote cells that hold a comma",
                )
            )
            continue
        id, month = row[id_at].strip().lower(), _month(row[month_at])
        if not _ID.fullmatch(id):
            faults.append(Fault(where, "ID", f"'{row[id_at]}' is not the number of an institution"))
        if month is None:
            faults.append(Fault(where, "MONTH", f"'{row[month_at]}' is not a month", "write 2026-03"))
        if not _ID.fullmatch(id) or month is None:
            continue
        if (id, month) in seen:
            faults.append(
                Fault(
                    where,
                    "TWICE",
                    f"{id} already has a bill of this month in line {seen[id, month]}",
                    "keep one of them",
                )
            )
            continue
        seen[id, month] = n
        for column, stream, factor in values_at:
            cell = row[column].strip().replace(",", "").replace("，", "")
            if not cell:
                continue
            value = _number(cell)
            if value is None or value < 0:
                what = "is not a number" if value is None else "is negative"
                faults.append(
                    Fault(
                        where,
                        "VALUE",
                        f"{rows[0][column].strip()}: '{row[column].strip()}' {what}",
                        "leave the cell empty if unknown",
                    )
                )
                continue
            streams.append(stream_id(id, stream))
            times.append(month)
            values.append(value * factor)
    if faults:
        raise BadBatch(
            f"{len(faults)} faults in the bills",
            "mend the lines named and send the file again",
            faults[0].where,
            tuple(faults),
        )
    table = pa.table(
        {
            "stream": pa.array(streams, pa.string()),
            "time": pa.array(times, pa.timestamp("us", tz="UTC")),
            "value": pa.array(values, pa.float64()),
        }
    )
    return Batch(table, source="bill_csv")


def _text(payload: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return payload.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadBatch(
        "the file is neither UTF-8 nor GB 18030",
        "export it as CSV again",
        "line 1",
        (Fault("line 1", "ENCODING", "unreadable bytes"),),
    )


def _header(cells: list[str], faults: list[Fault]) -> tuple[int, int, list[tuple[int, str, float]]]:
    """Where id, month and values stand, with the factor to the canonical unit of each value column."""
    places = {"机构编号": -1, "月份": -1}
    values: list[tuple[int, str, float]] = []
    for column, cell in enumerate(cells):
        match = re.fullmatch(r"([^()（）]+?)\s*(?:[(（]([^()（）]+)[)）])?", cell)
        name, unit = (match[1], match[2]) if match else (cell, None)
        if name in places:
            places[name] = column
        elif name in _COLUMNS:
            stream, canonical = _COLUMNS[name]
            try:
                values.append((column, stream, _factor(unit or "", canonical, name)))
            except CityTwinError as e:
                faults.append(Fault("line 1", "UNIT", f"{cell}: {e.message}", e.hint))
    faults += [Fault("line 1", "COLUMN", f"column {name} is missing") for name, place in places.items() if place < 0]
    if not values and not faults:
        faults.append(Fault("line 1", "COLUMN", "there is no column of amounts", f"one of: {', '.join(_COLUMNS)}"))
    return places["机构编号"], places["月份"], values


def _factor(unit: str, canonical: str, name: str) -> float:
    try:
        return conversion(unit, canonical)[0]
    except CityTwinError:
        if name == "用水量":
            return conversion(unit, "kg")[0] / _WATER_KG_PER_M3
        raise


def _month(cell: str) -> datetime | None:
    """The last quarter of an hour of the month (UTC)."""
    match = _MONTH.fullmatch(cell.strip())
    if not match or not 1 <= int(match[2]) <= 12 or not 1990 <= int(match[1]) <= 2100:
        return None
    year, month = int(match[1]), int(match[2])
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=_ZONE)
    return (following - timedelta(minutes=15)).astimezone(UTC)


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
