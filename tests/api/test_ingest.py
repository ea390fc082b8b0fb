"""How readings come in over HTTP: what is taken, what is refused, and that nothing sent breaks the door."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.api.app import App
from citytwin.api.house import House
from tests.api.conftest import NOW, Caller, check_problem

ARROW = "application/vnd.apache.arrow.stream"
STREAM = "lamp-3.trial.warmth"
URL = "/api/observations"


def send(caller: Caller, body: Any, media: str = "application/json", query: str = "") -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return caller.post(f"{URL}{query}", content=content, headers={"Content-Type": media})


def row(value: Any = 20.0, time: str = "2026-03-10T03:00:00Z", stream: str = STREAM, **more: Any) -> dict[str, Any]:
    return {"stream": stream, "time": time, "value": value, **more}


def arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def last(caller: Caller, stream: str = STREAM) -> Any:
    return caller.get(f"/api/streams/{stream}").json()["latest"]


def test_json_is_recorded_sealed_and_read_back(own: Caller) -> None:
    size = own.get("/api/evidence").json()["size"]
    answer = send(own, [row(), row(21.5, "2026-03-10T11:30:00+08:00")])
    assert answer.status_code == 201
    receipt = answer.json()
    assert set(receipt) == {
        "batch", "accepted", "suspect", "corrected", "rejected", "passed", "repeated", "leaf", "faults",
    }  # fmt: skip
    assert (receipt["accepted"], receipt["rejected"], receipt["repeated"], receipt["faults"]) == (2, 0, False, [])
    assert last(own) == {"time": "2026-03-10T03:30:00Z", "value": 21.5, "quality": 1}
    proven = own.get(f"/api/evidence/leaves/{receipt['leaf']}").json()
    assert proven["leaf"]["index"] == size
    assert proven["leaf"]["subject"] == f"batch:{receipt['batch']}"
    assert proven["rows"] == 2


@pytest.mark.parametrize("form", ["csv", "arrow", "columns"])
def test_csv_arrow_and_columns_say_the_same_as_json(own: Caller, form: str) -> None:
    moment = datetime(2026, 3, 10, 3, tzinfo=UTC)
    if form == "csv":
        answer = send(own, f"stream,time,value\n{STREAM},2026-03-10T03:00:00Z,20\n".encode(), "text/csv; charset=utf-8")
    elif form == "arrow":
        table = pa.table({"stream": [STREAM], "time": pa.array([moment], pa.timestamp("ms", "UTC")), "value": [20.0]})
        answer = send(own, arrow(table), ARROW)
    else:
        answer = send(own, {"stream": [STREAM], "time": ["2026-03-10T03:00:00Z"], "value": [20]})
    assert answer.status_code == 201, answer.text
    assert last(own) == {"time": "2026-03-10T03:00:00Z", "value": 20.0, "quality": 1}


def test_unit_of_the_query_is_converted_to_the_canonical_one(own: Caller) -> None:
    assert send(own, [row(212.0)], query="?unit=degF&partial=true").status_code == 201
    assert last(own) == {"time": "2026-03-10T03:00:00Z", "value": 100.0, "quality": 3}  # converted, and beyond 60 °C


def test_a_key_makes_a_retry_harmless(own: Caller) -> None:
    first = send(own, [row()], query="?key=a&source=me").json()
    again = send(own, [row()], query="?key=a&source=me").json()
    assert again["repeated"]
    assert {**again, "repeated": False} == first


def test_a_correction_supersedes_and_shows_once(own: Caller) -> None:
    send(own, [row(20.0)])
    assert send(own, [row(22.0)]).json()["corrected"] == 1
    read = own.get(f"/api/streams/{STREAM}/observations").json()
    assert read["value"] == [22.0]


def test_rows_at_fault_are_each_named_and_nothing_is_recorded(own: Caller) -> None:
    bad = [row(), row(time="soon"), row(stream="moon-1.trial.warmth"), row("warm"), row(time="2027-01-01T00:00:00Z")]
    told = check_problem(send(own, bad), 400, "bad_batch")
    assert [f["where"] for f in told["faults"]] == ["row 2", "row 3", "row 4", "row 5"]
    assert last(own) is None


def test_partial_keeps_the_good_rows_and_names_the_others(own: Caller) -> None:
    answer = send(own, [row(), row(time="soon")], query="?partial=true")
    assert answer.status_code == 201
    receipt = answer.json()
    assert (receipt["accepted"], receipt["rejected"], [f["where"] for f in receipt["faults"]]) == (1, 1, ["row 2"])
    assert last(own)["value"] == 20.0


def test_a_missing_value_is_null_and_never_nan(own: Caller) -> None:
    send(own, [row(20.0), row(None, "2026-03-10T03:01:00Z", quality=9)])
    for url in (
        f"/api/streams/{STREAM}",
        "/api/streams",
        "/api/latest?type=trial.warmth",
        f"/api/streams/{STREAM}/observations",
        f"/api/streams/{STREAM}/observations?points=2&since=2026-03-10T00:00:00Z",
    ):
        text = own.get(url).text
        assert "NaN" not in text
        assert "Infinity" not in text
        json.loads(text, parse_constant=pytest.fail)
    assert last(own) == {"time": "2026-03-10T03:01:00Z", "value": None, "quality": 9}
    assert own.get("/api/latest?type=trial.warmth").json()["value"][-1] is None


@pytest.mark.parametrize("media", ["", "text/plain", "application/x-www-form-urlencoded", "image/png; q=1"])
def test_other_media_types_are_415_and_the_hint_names_those_taken(own: Caller, media: str) -> None:
    told = check_problem(send(own, [row()], media), 415, "unsupported")
    assert "text/csv" in told["hint"]
    assert told["where"] == "Content-Type"


def test_a_compressed_body_is_415(own: Caller) -> None:
    answer = own.post(URL, content=b"x", headers={"Content-Type": "text/csv", "Content-Encoding": "gzip"})
    check_problem(answer, 415, "unsupported")


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'"\xff"', "application/json"),
        (b"null", "application/json"),
        (b"3", "application/json"),
        (b"[1e999]", "application/json"),
        (b"", "text/csv"),
        (b"\xff\xfe", "text/csv"),
        (b"a,b\n1,2\n", "text/csv"),
        (b"stream,stream,time,value\n", "text/csv"),
        (b"", ARROW),
        (b"ARROW1", ARROW),
        (b"\xff\xff\xff\xff\x10\x00\x00\x00", ARROW),
    ],
)
def test_a_body_that_is_none_is_a_problem_and_not_a_failure(own: Caller, body: bytes, media: str) -> None:
    check_problem(send(own, body, media), 400, "bad_batch")


def test_an_empty_list_is_accepted_as_nothing(own: Caller) -> None:
    assert send(own, []).json()["accepted"] == 0


def test_a_body_announced_too_large_is_refused_whatever_comes(build: Callable[..., House]) -> None:
    asked, told = exchange(build(False, largest_batch=1000), [b"x" * 10], 1001)
    assert told["code"] == "too_large"
    assert asked == 1  # what is under way is passed over, so that the client comes to read why


def test_a_body_that_grows_too_large_is_refused_while_it_streams(build: Callable[..., House]) -> None:
    house = build(False, largest_batch=1000)
    asked, told = exchange(house, [b"x" * 300] * 100, None)
    assert told["code"] == "too_large"
    assert asked == 100  # the rest is passed over, so that the client comes to read why
    assert house.flight.held == 0


def exchange(house: House, parts: list[bytes], announced: int | None) -> tuple[int, Any]:
    """Send a body in parts; how many were taken, and the problem told."""
    asked = 0
    sent: list[Any] = []

    async def receive() -> Any:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": parts[asked - 1], "more_body": asked < len(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"text/csv")]
    if announced is not None:
        headers.append((b"content-length", str(announced).encode()))
    scope = {
        "type": "http", "method": "POST", "path": URL, "raw_path": URL.encode(), "query_string": b"", "root_path": "",
        "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("testville", 80), "client": None,
    }  # fmt: skip
    anyio.run(App(house), scope, receive, send)
    assert sent[0]["status"] == 413
    return asked, json.loads(sent[1]["body"])


def test_a_sender_that_goes_away_is_no_failure(own_house: House, caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": URL, "raw_path": URL.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"content-type", b"text/csv")], "http_version": "1.1", "scheme": "http",
        "server": ("testville", 80), "client": None,
    }  # fmt: skip
    anyio.run(App(own_house), scope, receive, send)
    assert sent == []
    assert not caplog.records


# -- whatever is sent, the answer is a receipt or a problem of the sender's

names = st.sampled_from(["lamp-1.trial.warmth", STREAM, "moon.trial.warmth", "room-1.trial.warmth", "", ".", "a.b.c"])
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), names,
    st.datetimes().map(str), st.sampled_from(["2026-03-10T03:00:00Z", "2026-03-10", "10:00", "m3", "degF", "NaN"]),
)  # fmt: skip
cells = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
keys = st.sampled_from(["stream", "time", "value", "quality", "unit", "readings", "row", "x"])
good = st.fixed_dictionaries({"stream": names, "time": st.just("2026-03-10T03:00:00Z"), "value": st.floats(-50, 90)})
objects = st.one_of(good, st.dictionaries(keys, cells, max_size=6))
bodies = st.one_of(
    cells, objects, st.lists(st.one_of(objects, good), max_size=5), st.dictionaries(keys, st.lists(cells, max_size=3))
)
queries = st.sampled_from(["", "?partial=true", "?unit=degF", "?unit=m3&partial=true", "?unit=x", "?key=k", "?key="])
FUZZ = settings(max_examples=int(os.environ.get("FUZZ", "40")), deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def target(build: Callable[..., House], portal: Any) -> Caller:
    return Caller(build(False), portal)


def fair(answer: Any) -> None:
    if answer.status_code == 201:
        json.loads(answer.text, parse_constant=pytest.fail)
    else:
        assert answer.status_code == 400, answer.text
        check_problem(answer, 400, answer.json()["code"])


@FUZZ
@given(body=bodies, query=queries)
def test_random_json_never_fails_the_door(target: Caller, body: Any, query: str) -> None:
    fair(send(target, body, query=query))


@FUZZ
@given(body=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)), query=queries)
def test_random_bytes_never_fail_the_door(target: Caller, body: bytes, query: str) -> None:
    for media in ("application/json", "text/csv", ARROW):
        fair(send(target, body, media, query))


lines = st.lists(st.lists(st.one_of(scalars.map(str), st.just("")), min_size=1, max_size=6).map(",".join), max_size=6)
heads = st.sampled_from(
    ["stream,time,value", "stream,time,value,quality,unit", "time,stream,value,row", "stream,value"]
)


@FUZZ
@given(head=heads, body=lines, end=st.sampled_from(["\n", "\r\n", "\r"]), query=queries)
def test_random_csv_never_fails_the_door(target: Caller, head: str, body: list[str], end: str, query: str) -> None:
    fair(send(target, end.join([head, *body]).encode("utf-8", "replace"), "text/csv", query))


kinds = st.sampled_from(
    [
        pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.int8(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(),
        pa.float64(), pa.bool_(), pa.null(), pa.date32(), pa.time64("us"), pa.timestamp("s"), pa.timestamp("ns", "UTC"),
        pa.timestamp("ms", "Asia/Shanghai"), pa.decimal128(10, 2), pa.list_(pa.int64()), pa.duration("s"),
        pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int8(), pa.int64()), pa.struct([("a", pa.int8())]),
    ]
)  # fmt: skip


@st.composite
def tables(draw: Any) -> pa.Table:
    rows = draw(st.integers(0, 4))
    fields = draw(
        st.lists(st.sampled_from(["stream", "time", "value", "quality", "unit", "row"]), min_size=3, max_size=6)
    )
    columns = []
    for name in fields:
        kind = draw(kinds)
        cell = names if name == "stream" else scalars
        wanted = [draw(st.one_of(st.none(), cell)) for _ in range(rows)]
        try:
            columns.append(pa.array(wanted).cast(kind))
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            columns.append(pa.nulls(rows, kind))
    return pa.Table.from_arrays(columns, names=fields)


@FUZZ
@given(table=tables(), query=queries, cut=st.integers(0, 400))
def test_random_arrow_never_fails_the_door(target: Caller, table: pa.Table, query: str, cut: int) -> None:
    body = arrow(table)
    fair(send(target, body, ARROW, query))
    fair(send(target, body[: max(0, len(body) - cut)], ARROW, query))


def test_times_without_an_offset_are_read_by_the_clock_of_the_city(own: Caller) -> None:
    send(own, [row(20.0, "2026-03-10T11:00:00")])
    assert last(own)["time"] == (NOW - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
