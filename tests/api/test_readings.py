"""What goes out can come in again: readings in every form, whole, with their flags and units."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from citytwin.api.house import House
from citytwin.engine import decode, export
from tests.api.conftest import Caller

ASKED = "streams=lamp-2.trial.warmth"
MEDIA = {
    "csv": decode.CSV,
    "arrow": decode.ARROW,
    "parquet": decode.PARQUET,
    "json": decode.JSON,
    "senml": decode.SENML,
}


def state(house: House, columns: str) -> list[tuple[Any, ...]]:
    sql = f"SELECT {columns} FROM observation_all WHERE stream LIKE 'lamp-%' AND NOT superseded ORDER BY stream, time"
    return [tuple(r.values()) for r in house.twin.store.fetch(sql).to_pylist()]


@pytest.mark.parametrize("form", list(export.FORMS))
def test_what_goes_out_comes_in_the_same(
    build: Callable[..., House], portal: Any, house: House, client: Caller, form: str
) -> None:
    fresh = build()
    # the same city without its readings
    fresh.twin.store.retract(fresh.twin.store.fetch("SELECT stream, time FROM observation_all WHERE NOT superseded"))
    assert state(fresh, "value") == []
    data = client.get(f"/api/readings.{form}").content
    other = Caller(fresh, portal)
    if form == "lp":
        answer = other.post("/write?precision=ns", content=data)
        assert answer.status_code == 204, answer.text
    else:
        answer = other.post("/api/observations", content=data, headers={"content-type": MEDIA[form]})
        assert answer.status_code == 201, answer.text
    kept = "stream, time, value, quality" if form in ("csv", "arrow", "parquet", "json") else "stream, time, value"
    assert state(fresh, kept) == state(house, kept)
    assert len(state(fresh, "value")) == 36 * 60 + 2


def test_pages_follow_each_other(client: Caller) -> None:
    seen, after = [], ""
    while True:
        rows = client.get(
            "/api/readings.json",
            params={"asset": "lamp-1", "since": "2026-03-10T00:00:00Z", "rows": 100, "after": after},
        ).json()
        if not rows:
            break
        assert len(rows) <= 100
        seen += [r["time"] for r in rows]
        after = f"{rows[-1]['time']},{rows[-1]['stream']}"
    assert len(seen) == len(set(seen)) == 4 * 60


def test_units_and_flags_are_told(client: Caller) -> None:
    rows = client.get(f"/api/readings.csv?{ASKED}").text.splitlines()
    assert rows[0].replace('"', "") == "stream,time,value,quality,unit"
    assert rows[1].replace('"', "") == "lamp-2.trial.warmth,2026-03-08T22:00:00.000000Z,70,3,degC"


@pytest.mark.parametrize(
    "query", ["after=x", "after=2026-03-10T00:00:00,a", "rows=0", "rows=99999999", "since=x", "colour=red"]
)
def test_what_makes_no_sense_is_refused(client: Caller, query: str) -> None:
    assert client.get(f"/api/readings.csv?{query}").status_code == 400


@pytest.mark.parametrize(
    ("media", "body"),
    [
        (decode.PARQUET, b"PAR1nonsense"),
        (decode.PARQUET, b""),
        (decode.SENML, b"{}"),
        (decode.SENML, b'[{"n":"a","vs":"x"}]'),
    ],
)
def test_bodies_that_are_not_what_they_claim(client: Caller, media: str, body: bytes) -> None:
    assert client.post("/api/observations", content=body, headers={"content-type": media}).status_code == 400


def test_parquet_of_other_columns_names_what_is_missing(client: Caller) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), out)
    told = client.post("/api/observations", content=out.getvalue(), headers={"content-type": decode.PARQUET}).json()
    assert "stream, time, value" in told["detail"]


def test_a_text_that_repeats_in_parquet_is_kept_once(own: Caller) -> None:
    """Streams and units of Parquet are read as dictionaries."""
    out = io.BytesIO()
    time = pa.array([1773100000, 1773100060], pa.timestamp("s", "UTC"))
    pq.write_table(
        pa.table({"stream": ["lamp-3.trial.warmth"] * 2, "time": time, "value": [68.0, 50.0], "unit": ["degF"] * 2}),
        out,
    )
    told = own.post("/api/observations", content=out.getvalue(), headers={"content-type": decode.PARQUET})
    assert told.status_code == 201, told.text
    table, _ = decode.readings(out.getvalue(), decode.PARQUET, "UTC")
    assert pa.types.is_dictionary(table["stream"].type)
    found = own.get("/api/readings.json?streams=lamp-3.trial.warmth").json()
    assert [round(r["value"], 6) for r in found] == [20.0, 10.0]
