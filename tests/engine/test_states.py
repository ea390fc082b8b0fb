"""Streams that report states: words and codes through every door, stored as codes, out again as words; everything else is refused by name."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from citytwin.engine import decode, edit, export, ingest, lines
from citytwin.engine.naming import stream_of_point
from citytwin.engine.observe import Observing
from citytwin.engine.twin import Twin
from citytwin.kernel.edit import Edit
from citytwin.kernel.errors import BadBatch, BadRequest
from citytwin.kernel.observation import Batch, Receipt
from citytwin.kernel.register import Seen

from ..conftest import NOW, ZONE

GATE, LEVEL = "t1.tank.gate", "t1.tank.level"
AT = NOW - timedelta(hours=1)
DECLARED = """\
  - id: gate
    title: {zh: 闸门, en: Gate}
    asset: basin
    quantity: category
    cadence_s: 300
    choices:
      - {code: 0, id: closed, title: {zh: 关, en: Closed}}
      - {code: 1, id: open, title: {zh: 开, en: Open}}
      - {code: 7, id: 卡住, title: {zh: 卡住, en: Stuck}}
"""


@pytest.fixture
def twin(tank_folder: Path, make_twin: Callable[..., Twin]) -> Twin:
    path = tank_folder / "streams.yaml"
    path.write_text(path.read_text("utf-8") + DECLARED, "utf-8")
    return make_twin()


@pytest.fixture
def intake(twin: Twin) -> Iterator[ingest.Intake]:
    made = ingest.Intake(twin)
    yield made
    made.close()


def arrow(values: pa.Array) -> bytes:
    time = pa.array([AT + timedelta(minutes=n) for n in range(len(values))], pa.timestamp("us", tz="UTC"))
    sink = pa.BufferOutputStream()
    table = pa.table({"stream": [GATE] * len(values), "time": time, "value": values})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def rows(*values: object) -> list[dict[str, object]]:
    return [{"stream": GATE, "time": (AT + timedelta(minutes=n)).isoformat(), "value": v} for n, v in enumerate(values)]


def senml(*values: tuple[str, object]) -> bytes:
    return json.dumps([{"n": GATE, "t": AT.timestamp() + 60 * n, k: v} for n, (k, v) in enumerate(values)]).encode()


def read(twin: Twin, body: bytes, media: str) -> tuple[pa.Table, list[object]]:
    if media == "lines":
        return lines.read(body, "s", 0, lambda *p: stream_of_point(twin, *p), twin.has_states)
    return decode.readings(body, media, ZONE)


def take(twin: Twin, intake: ingest.Intake, body: bytes, media: str) -> Receipt:
    table, faults = read(twin, body, media)
    return intake.accept(Batch(table), "", False, faults)


def point(value: str, minute: int) -> str:
    return f"reading,stream={GATE} state={value} {int(AT.timestamp()) + 60 * minute}\n"


DOORS = {
    "json": (json.dumps(rows("closed", "open", "卡住", 1, True, False)).encode(), decode.JSON, [0, 1, 7, 1, 1, 0]),
    "json columns": (
        json.dumps({k: [r[k] for r in rows("closed", "open", 7)] for k in ("stream", "time", "value")}).encode(),
        decode.JSON,
        [0, 1, 7],
    ),
    "csv": (
        ("stream,time,value\n" + "".join(f"{r['stream']},{r['time']},{r['value']}\n" for r in rows("closed", "open", "卡住", 1))).encode(),
        decode.CSV,
        [0, 1, 7, 1],
    ),
    "arrow text": (arrow(pa.array(["closed", "open", "卡住"])), decode.ARROW, [0, 1, 7]),
    "arrow dictionary": (arrow(pa.array(["closed", "open"]).dictionary_encode()), decode.ARROW, [0, 1]),
    "arrow boolean": (arrow(pa.array([False, True])), decode.ARROW, [0, 1]),
    "arrow code": (arrow(pa.array([0, 1, 7], pa.int8())), decode.ARROW, [0, 1, 7]),
    "senml": (senml(("vs", "closed"), ("vb", True), ("v", 7), ("vs", "卡住")), decode.SENML, [0, 1, 7, 7]),
    "lines": (
        (point('"closed"', 0) + point('"open"', 1) + point("7i", 2) + point("t", 3)).encode(), "lines", [0, 1, 7, 1],
    ),
}  # fmt: skip


def stored(twin: Twin, stream: str = GATE) -> list[float]:
    sql = "SELECT value FROM observation_all WHERE stream = $s AND NOT superseded ORDER BY time"
    return list(twin.store.fetch(sql, {"s": stream})["value"].to_pylist())


@pytest.mark.parametrize("door", sorted(DOORS))
def test_words_codes_and_booleans_come_in(twin: Twin, intake: ingest.Intake, door: str) -> None:
    body, media, codes = DOORS[door]
    assert take(twin, intake, body, media).accepted == len(codes)
    assert stored(twin) == codes


WRONG = {
    "json": (json.dumps(rows("open", "ajar", 3)).encode(), decode.JSON),
    "csv": (
        (
            "stream,time,value\n"
            + "".join(f"{r['stream']},{r['time']},{r['value']}\n" for r in rows("open", "ajar", 3))
        ).encode(),
        decode.CSV,
    ),
    "arrow": (arrow(pa.array(["open", "ajar", "3"])), decode.ARROW),
    "senml": (senml(("vs", "open"), ("vs", "ajar"), ("v", 3)), decode.SENML),
    "lines": ((point('"open"', 0) + point('"ajar"', 1) + point("3", 2)).encode(), "lines"),
}


@pytest.mark.parametrize("door", sorted(WRONG))
def test_what_is_no_state_is_refused_by_name(twin: Twin, intake: ingest.Intake, door: str) -> None:
    with pytest.raises(BadBatch) as caught:
        take(twin, intake, *WRONG[door])
    told = {f.where: (f.message, f.hint) for f in caught.value.faults}
    assert told["row 2"] == ("value is 'ajar'", "one of: closed (0), open (1), 卡住 (7)")
    assert told["row 3"] == ("value is 3, which is no state of this stream", "one of: closed (0), open (1), 卡住 (7)")
    assert stored(twin) == []


@pytest.mark.parametrize("value", ["open", True, "2.5"])
def test_a_stream_of_numbers_takes_no_word(twin: Twin, intake: ingest.Intake, value: object) -> None:
    body = json.dumps([{"stream": LEVEL, "time": AT.isoformat(), "value": value}]).encode()
    with pytest.raises(BadBatch) as caught:
        take(twin, intake, body, decode.JSON)
    assert caught.value.faults[0].hint == "a number"


def test_a_few_rows_of_many_senders(twin: Twin, intake: ingest.Intake) -> None:
    words = ["open", "closed", 7, "true"]
    futures = [intake.send([decode.Row(GATE, AT + timedelta(minutes=n), w)]) for n, w in enumerate(words)]
    futures.append(intake.send([decode.Row(LEVEL, AT, 2.5)]))
    wrong = intake.send([decode.Row(GATE, AT + timedelta(minutes=9), "ajar")])
    assert [f.result(30).accepted for f in futures] == [1] * 5
    assert isinstance(wrong.exception(30), BadBatch)
    assert stored(twin) == [1, 0, 7, 1]


def test_sensorthings_clients_say_words_too(twin: Twin, intake: ingest.Intake) -> None:
    observing = Observing(twin, intake)
    for n, result in enumerate(["open", 0, "卡住", True]):
        at = AT + timedelta(minutes=n)
        observing.take(GATE, Seen(at, at, result)).done()
    assert stored(twin) == [1, 0, 7, 1]
    late = AT + timedelta(minutes=9)
    with pytest.raises(BadRequest, match="takes one of its states, not 'ajar'"):
        observing.take(GATE, Seen(late, late, "ajar"))


@pytest.mark.parametrize("form", sorted(export.FORMS))
def test_what_goes_out_comes_in_again_unchanged(
    twin: Twin, intake: ingest.Intake, form: str, make_twin: Callable[..., Twin]
) -> None:
    mixed = [*rows("closed", "open", "卡住"), {"stream": LEVEL, "time": AT.isoformat(), "value": 2.5}]
    take(twin, intake, json.dumps(mixed).encode(), decode.JSON)
    page = export.page(twin, AT - timedelta(days=1), NOW)
    out = export.encoded(page, form)
    if form not in ("arrow", "parquet"):
        assert all(word in out.decode() for word in ("closed", "open", "卡住"))
    else:
        assert page["word"].to_pylist() == ["closed", None, "open", "卡住"]
    other = make_twin()
    media = {
        "csv": decode.CSV,
        "json": decode.JSON,
        "arrow": decode.ARROW,
        "parquet": decode.PARQUET,
        "senml": decode.SENML,
    }.get(form, "lines")
    if media == "lines":
        table, faults = lines.read(out, "ns", 0, lambda *p: stream_of_point(other, *p), other.has_states)
    else:
        table, faults = read(other, out, media)
    assert faults == []
    again = ingest.Intake(other)
    again.accept(Batch(table))
    again.close()
    assert stored(other) == [0, 1, 7]
    assert stored(other, LEVEL) == [2.5]


def test_a_csv_file_opens_with_words(twin: Twin, intake: ingest.Intake) -> None:
    take(twin, intake, json.dumps(rows("open")).encode(), decode.JSON)
    text = export.encoded(export.page(twin, AT - timedelta(days=1), NOW), "csv").decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert row == {
        "stream": GATE,
        "time": f"{AT:%Y-%m-%dT%H:%M:%S}.000000Z",
        "value": "open",
        "quality": "1",
        "unit": "1",
    }


def test_edits_of_states_keep_to_states(twin: Twin, intake: ingest.Intake) -> None:
    take(twin, intake, json.dumps(rows("open", "open")).encode(), decode.JSON)
    until: datetime = AT + timedelta(hours=1)
    for wrong, says in (
        (Edit("shift", AT, until, 1.0), "means nothing"),
        (Edit("set", AT, until, 3.0), "value 3 is no state"),
    ):
        with pytest.raises(BadRequest, match=says):
            edit.apply(twin, GATE, "Li", wrong, "why")
    edit.apply(twin, GATE, "Li", Edit("set", AT, until, 7.0, quality=1), "seen on site")
    assert stored(twin) == [7, 7]
