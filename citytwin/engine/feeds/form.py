"""What is in a delivery? A body in one of the open forms, or one that a pack knows how to parse, as columns."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from citytwin.engine import decode, lines, load
from citytwin.engine.naming import stream_of_point
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadBatch, Fault
from citytwin.kernel.feed import Named
from citytwin.kernel.observation import Batch

log = logging.getLogger("citytwin.feeds")

ARROW_FILE = "application/vnd.apache.arrow.file"
MEDIA: Mapping[str, str] = {
    "csv": decode.CSV,
    "json": decode.JSON,
    "arrow": ARROW_FILE,
    "arrows": decode.ARROW,
    "parquet": decode.PARQUET,
    "senml": decode.SENML,
}
"""The media type of each form; line protocol has none of its own."""
ENDINGS: Mapping[str, str] = {**{f".{form}": form for form in MEDIA}, ".feather": "arrow", ".lp": "lp"}
"""The form of a file by its ending."""
TIMELESS = ("senml", "lp")
"""Forms in which a reading may leave it to the reader to say when it was."""


def of_media(media: str) -> str:
    """The form of a media type, or ''."""
    kind = media.partition(";")[0].strip().lower()
    return next((form for form, known in MEDIA.items() if known == kind), "")


def read(
    twin: Twin, body: bytes, form: str, parser: str, streams: Sequence[Named], source: str
) -> tuple[Batch, list[Fault]]:
    """The readings of a body as a batch of `source`, and the faults of rows left out. Raises BadBatch where it cannot be read."""
    faults: list[Fault] = []
    if parser:
        table = _parsed(body, parser)
    elif form == "lp":
        now = int(twin.clock.now().timestamp() * 1e6)
        table, faults = lines.read(body, "ns", now, partial(stream_of_point, twin))
    else:
        table, faults = decode.readings(body, MEDIA[form], twin.city.zone)
    return Batch(named(table, streams) if streams else table, source=source), faults


def _parsed(body: bytes, parser: str) -> pa.Table:
    pack, _, name = parser.partition(".")
    try:
        return getattr(load.module(pack, "feeds"), name)(body).table
    except BadBatch:
        raise
    except Exception as e:  # whatever a stranger's bytes bring to light in a parser, the others go on
        log.warning("%s failed", parser, exc_info=True)
        raise BadBatch(f"{parser} failed: {type(e).__name__}: {e}", "see the log", parser) from e


def named(table: pa.Table, streams: Sequence[Named]) -> pa.Table:
    """The table with the names that its source uses put into ours, and the units that belong to them; other names stay."""
    by_name = {n.source: n for n in streams}
    stream = pc.cast(table["stream"], pa.string()).combine_chunks()
    coded = pa.chunked_array([stream]).combine_chunks().dictionary_encode()
    names: list[str] = coded.dictionary.to_pylist()
    ours = [by_name[n].stream if n in by_name else n for n in names]
    units = [by_name[n].unit if n in by_name else "" for n in names]
    renamed = pa.array(ours, pa.string()).take(coded.indices)
    table = table.set_column(table.column_names.index("stream"), "stream", renamed)
    if not any(units):
        return table
    unit = pa.array([u or None for u in units], pa.string()).take(coded.indices)
    if "unit" in table.column_names:  # what the row itself says goes first
        given = pc.cast(table["unit"], pa.string()).combine_chunks()
        return table.set_column(table.column_names.index("unit"), "unit", pc.coalesce(given, unit))
    return table.append_column("unit", unit)
