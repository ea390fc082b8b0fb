"""Whatever is sent to a door that takes readings is taken or refused in words: bodies of every form, spoiled in some bytes."""

from __future__ import annotations

import io
import os

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.engine import decode, unpack
from tests.api.conftest import Caller

STREAM = "lamp-3.trial.warmth"
TIMES = [1773100000, 1773100060, 1773100120]
TABLE = pa.table(
    {
        "stream": [STREAM] * 3,
        "time": pa.array(TIMES, pa.timestamp("s", "UTC")),
        "value": [20.0, 21.0, None],
        "quality": pa.array([1, 2, 3], pa.int8()),
        "unit": ["degC", None, "degF"],
    }
)


def arrow(packed: str | None, file: bool) -> bytes:
    sink = io.BytesIO()
    make = pa.ipc.new_file if file else pa.ipc.new_stream
    with make(sink, TABLE.schema, options=pa.ipc.IpcWriteOptions(compression=packed)) as writer:
        writer.write_table(TABLE)
    return sink.getvalue()


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(TABLE, sink)
    return sink.getvalue()


BODIES = [
    ("/api/observations", decode.JSON, b'[{"stream": "lamp-3.trial.warmth", "time": "2026-03-09T23:46:40Z", "value": 20, "unit": "degC", "quality": 1}]'),
    ("/api/observations?partial=true", decode.JSON, b'{"stream": ["lamp-3.trial.warmth"], "time": ["2026-03-09T23:46:40+08:00"], "value": [20]}'),
    ("/api/observations?partial=true", decode.CSV, b'stream,time,value,unit\nlamp-3.trial.warmth,2026-03-09T23:46:40Z,20,degC\n"a",b,c,d\n'),
    ("/api/observations?partial=true", decode.SENML, b'[{"bn": "lamp-3.", "n": "trial.warmth", "bt": 1773100000, "v": 20, "u": "Cel"}, {"n": "x", "vs": "a"}]'),
    ("/api/observations?partial=true", decode.ARROW, arrow(None, False)),
    ("/api/observations?partial=true", decode.ARROW, arrow("zstd", False)),
    ("/api/observations?partial=true", unpack.FILE, arrow("lz4", True)),
    ("/api/observations?partial=true", decode.PARQUET, parquet()),
    ("/write?db=x", "text/plain", b'warmth,asset=lamp-3,a=b value=20,b="x y",c=t,d=5i 1773100000000000000\ncpu v=1\n'),
    ("/api/v2/write?bucket=x&precision=s", "text/plain", b"warmth,asset=lamp-3 value=20 1773100000\n"),
    ("/sta/v1.1/CreateObservations", decode.JSON, b'[{"Datastream": {"@iot.id": "lamp-3.trial.warmth"}, "components": ["phenomenonTime", "result"], "dataArray": [["2026-03-09T23:46:40Z", 20]]}]'),
    ("/sta/v1.1/$batch", "multipart/mixed; boundary=b", b"--b\r\nContent-Type: application/http\r\n\r\nGET Things HTTP/1.1\r\n\r\n\r\n--b--\r\n"),
]  # fmt: skip
PIECES = st.one_of(
    st.binary(max_size=4),
    st.sampled_from([b"null", b"[", b"]", b"{", b"}", b'"', b",", b"1e999", b"9" * 30, b"NaN", b"-", b"\\ud800", b"\n", b"9999-12-31T23:59:59Z", b"0001-01-01T00:00:00Z"]),
)  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, str, bytes]:
    path, media, body = draw(st.sampled_from(BODIES))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(PIECES) + body[at + draw(st.integers(0, 12)) :]
    return path, media, body


@settings(max_examples=int(os.environ.get("FUZZ", "300")), deadline=None, suppress_health_check=list(HealthCheck))
@given(spoiled())
def test_a_spoiled_body_is_taken_or_refused_in_words(own: Caller, sent: tuple[str, str, bytes]) -> None:
    path, media, body = sent
    answer = own.post(path, content=body, headers={"Content-Type": media})
    assert answer.status_code in (200, 201, 204, 400, 413), (sent, answer.text[:500])
    if answer.status_code >= 400:
        told = answer.json()
        assert told.get("detail") or told.get("message") or told.get("error"), told
