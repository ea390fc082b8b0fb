"""How does it arrive? Lamp controllers send a table of power readings."""

from __future__ import annotations

import hashlib
import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from citytwin.kernel.errors import BadBatch
from citytwin.kernel.observation import Batch


def parse_lamp_csv(payload: bytes) -> Batch:
    """Power readings from CSV with the columns `lamp`, `time` (ISO 8601 with offset) and `power_w`.

    The batch says that its values are in watts; ingest converts them. A payload sent twice is recorded once.
    """
    kinds = {"lamp": pa.string(), "time": pa.timestamp("us", tz="UTC"), "power_w": pa.float64()}
    options = csv.ConvertOptions(column_types=kinds, include_columns=list(kinds))
    try:
        rows = csv.read_csv(io.BytesIO(payload), convert_options=options)
    except (pa.ArrowInvalid, KeyError) as e:
        raise BadBatch(f"the lamp table cannot be read: {e}", f"columns: {', '.join(kinds)}") from e
    stream = pc.binary_join_element_wise(rows["lamp"], "hello.power", ".")
    unit = pa.array(["W"] * rows.num_rows, pa.string())
    table = pa.table({"stream": stream, "time": rows["time"], "value": rows["power_w"], "unit": unit})
    return Batch(table, key=hashlib.sha256(payload).hexdigest(), source="lamp_csv")
