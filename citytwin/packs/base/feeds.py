"""How does it arrive? Weather stations send a table, one row per station and time."""

from __future__ import annotations

import hashlib
import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from citytwin.kernel.errors import BadBatch
from citytwin.kernel.observation import Batch

COLUMNS = ("temperature", "humidity", "wind_speed", "rainfall", "noise", "fine_particles")


def parse_weather_csv(payload: bytes) -> Batch:
    """Readings from CSV with the columns `station`, `time` (ISO 8601 with offset) and any of the pack's stream types.

    Values are in canonical units; an empty cell is no reading. A payload sent twice is recorded once.
    """
    kinds = {"station": pa.string(), "time": pa.timestamp("us", tz="UTC"), **dict.fromkeys(COLUMNS, pa.float64())}
    try:
        rows = csv.read_csv(io.BytesIO(payload), convert_options=csv.ConvertOptions(column_types=kinds))
    except pa.ArrowInvalid as e:
        raise BadBatch(
            f"the weather table cannot be read: {e}", "comma-separated, times like 2025-07-01T08:00+08:00"
        ) from e
    unknown = set(rows.column_names) - set(kinds)
    lacking = {"station", "time"} - set(rows.column_names)
    if unknown or lacking:
        what = f"has unknown columns {sorted(unknown)}" if unknown else f"lacks the columns {sorted(lacking)}"
        raise BadBatch(f"the weather table {what}", f"columns: station, time, {', '.join(COLUMNS)}")
    parts = []
    for local in COLUMNS:
        if local in rows.column_names:
            some = rows.filter(pc.is_valid(rows[local]))
            stream = pc.binary_join_element_wise(some["station"], f"base.{local}", ".")
            parts.append(pa.table({"stream": stream, "time": some["time"], "value": some[local]}))
    if not parts:
        raise BadBatch("the weather table has no column of readings", f"columns: station, time, {', '.join(COLUMNS)}")
    return Batch(pa.concat_tables(parts), key=hashlib.sha256(payload).hexdigest(), source="weather_csv")
