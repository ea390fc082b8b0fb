"""What devices say on the topics of packs, against what was published; and what is wrong with a message."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from citytwin.engine import load
from citytwin.engine.topics import MOST, Topics
from citytwin.kernel.demo import Scene
from citytwin.kernel.errors import BadBatch, BadRequest, CityTwinError, NotFound
from citytwin.kernel.pack import Pack
from citytwin.kernel.topic import Topic, filter_fault, matches
from citytwin.packs.hello import demo

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
EIGHT = timezone(timedelta(hours=8))


def pack(*topics: Topic) -> Pack:
    made, faults = load.read_pack(load.PACKS / "hello")
    assert made
    assert not faults
    return replace(made, topics=topics)


def said(topic: Topic, name: str, payload: Any) -> list[tuple[Any, ...]]:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    found = Topics([pack(topic)]).read(name, raw, NOW)
    assert not found.faults
    return [(r.stream, r.time, r.value, r.unit) for r in found.rows]


PLAIN = Topic("hello/{asset}/{stream}", "number")
FIELDS = Topic(
    "hello/up", "json", asset="id", time="ts", fields={"d.lux": "hello.light", "w": "hello.power"}, units={"w": "W"}
)
VALUE = Topic("hello/{asset}/power", "json", stream="hello.power", unit="W")
MORE = Topic("hello/{asset}/{stream}/json", "json", value="v", time="t")
SENML = Topic("hello/{asset}/senml", "senml")


def test_a_number_is_read_when_it_comes() -> None:
    assert said(PLAIN, "hello/LAMP-01/power", b" 0.1\n") == [("lamp-01.hello.power", NOW, 0.1, None)]
    assert said(PLAIN, "hello/lamp-01/base.noise", b"-1e1") == [("lamp-01.base.noise", NOW, -10.0, None)]


def test_fields_of_an_object_are_streams() -> None:
    body = {"id": "lamp-02", "ts": "2026-01-05T15:00:00+08:00", "d": {"lux": "15.5"}, "w": 98}
    at = datetime(2026, 1, 5, 15, tzinfo=EIGHT)
    both = [("lamp-02.hello.light", at, 15.5, None), ("lamp-02.hello.power", at, 98.0, "W")]
    assert said(FIELDS, "hello/up", body) == both
    assert said(FIELDS, "hello/up", [body, {"id": "lamp-03", "w": True}]) == [
        *both,
        ("lamp-03.hello.power", NOW, 1.0, "W"),
    ]
    assert said(VALUE, "hello/lamp-01/power", {"value": 7}) == [("lamp-01.hello.power", NOW, 7.0, "W")]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-05T07:00:00Z", datetime(2026, 1, 5, 7, tzinfo=UTC)),
        (1767596400, datetime(2026, 1, 5, 7, tzinfo=UTC)),
        (1767596400.25, datetime(2026, 1, 5, 7, 0, 0, 250_000, tzinfo=UTC)),
        (1767596400_000, datetime(2026, 1, 5, 7, tzinfo=UTC)),
        (1767596400_000_000, datetime(2026, 1, 5, 7, tzinfo=UTC)),
        ("2026-01-05 15:00:00", datetime(2026, 1, 5, 15)),
        (None, NOW),
    ],
)
def test_times_as_devices_write_them(written: Any, meant: datetime) -> None:
    assert said(MORE, "hello/lamp-01/light/json", {"t": written, "v": 1}) == [("lamp-01.hello.light", meant, 1.0, None)]


def test_a_pack_of_senml_against_rfc_8428() -> None:
    body = [{"bt": 1767596400, "bu": "W", "n": "power", "v": 98}, {"n": "hello.light", "u": "lx", "v": 15, "t": 60}]
    at = datetime(2026, 1, 5, 7, tzinfo=UTC)
    assert said(SENML, "hello/lamp-01/senml", body) == [
        ("lamp-01.hello.power", at, 98.0, "W"), ("lamp-01.hello.light", at + timedelta(minutes=1), 15.0, "lx"),
    ]  # fmt: skip
    whole = replace(SENML, topic="hello/senml")
    assert (
        said(whole, "hello/senml", [{"bn": "lamp-01.hello.", "n": "power", "v": 1, "bt": 1767596400}])[0][0]
        == "lamp-01.hello.power"
    )


def test_a_feed_reads_what_it_reads() -> None:
    topics = Topics([pack(Topic("hello/table", "feed", feed="parse_lamp_csv"))])
    batch = topics.read("hello/table", b"lamp,time,power_w\nlamp-01,2026-01-05T15:00+08:00,98.5\n", NOW).batch
    assert batch is not None
    assert batch.table["value"] == pa.chunked_array([[98.5]])
    with pytest.raises(BadBatch, match="cannot be read"):
        topics.read("hello/table", b"", NOW)


def test_the_topic_with_more_levels_written_out_is_meant() -> None:
    topics = Topics([pack(PLAIN, VALUE)])
    assert topics.read("hello/lamp-01/power", b'{"value": 5}', NOW).rows[0].unit == "W"
    assert topics.read("hello/lamp-01/light", b"5", NOW).rows[0].unit is None
    assert topics.filters == ["hello/+/+", "hello/+/power"]


@pytest.mark.parametrize(
    ("topic", "name", "payload", "reason"),
    [
        (PLAIN, "hello/lamp-01/power", b"high", "not a number"),
        (PLAIN, "hello/lamp-01/power", b"1_000", "not a number"),
        (PLAIN, "hello/lamp-01/power", b"\xff\xfe", "not a number"),
        (PLAIN, "hello/lamp-01/power", b"", "not a number"),
        (PLAIN, "hello/lamp-01", b"1", "no pack declares"),
        (VALUE, "hello/lamp-01/power", b"{", "not JSON"),
        (VALUE, "hello/lamp-01/power", b"[" * 100_000, "not JSON"),
        (VALUE, "hello/lamp-01/power", json.dumps([{"value": 1}] * (MOST + 1)).encode(), "more than"),
        (SENML, "hello/lamp-01/senml", b'{"n": "x"}', "no SenML pack"),
    ],
)
def test_what_cannot_be_read_is_told(topic: Topic, name: str, payload: bytes, reason: str) -> None:
    with pytest.raises(CityTwinError, match=reason) as told:
        Topics([pack(topic)]).read(name, payload, NOW)
    assert isinstance(told.value, NotFound | BadRequest | BadBatch)
    assert told.value.hint


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"t": 1, "value": 3}, "there is no v"),
        ({"v": [1]}, "not a number"),
        ({"v": 1, "t": "dusk"}, "time is 'dusk'"),
        ({"v": 1, "t": 1e300}, "time is 1e+300"),
        ({"v": 1, "t": True}, "time is True"),
        (7, "7 is no object"),
    ],
)
def test_a_row_at_fault_is_named_and_the_others_are_read(item: Any, reason: str) -> None:
    raw = json.dumps([{"v": 1, "t": 1767596400}, item]).encode()
    found = Topics([pack(MORE)]).read("hello/lamp-01/light/json", raw, NOW)
    assert [r.value for r in found.rows] == [1.0]
    assert [f.where for f in found.faults] == ["row 2"]
    assert reason in found.faults[0].message


@pytest.mark.parametrize(
    ("filter", "topic", "wanted"),
    [
        # the examples of MQTT 3.1.1, 4.7.1 and 4.7.2
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("#", "anything/at/all", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/uptime", False),
        ("+/monitor/Clients", "$SYS/monitor/Clients", False),
        ("$SYS/#", "$SYS/uptime", True),
    ],
)
def test_filters_against_the_examples_of_the_standard(filter: str, topic: str, wanted: bool) -> None:
    assert matches(filter, topic) is wanted


def test_filters_that_are_none() -> None:
    assert all(filter_fault(f) for f in ("", "sport+", "sport/tennis#", "sport/tennis/#/ranking", "a\0b"))
    assert not any(filter_fault(f) for f in ("+", "#", "+/tennis/#", "sport/+/player1", "/"))


def test_shipped_packs_declare_topics_that_are_heard() -> None:
    for name in ("hello", "drainage"):
        made, faults = load.read_pack(load.PACKS / name)
        assert made
        assert not faults
        assert made.topics


def test_a_template_is_loaded_with_global_ids(tmp_path: Path) -> None:
    made, _ = load.read_pack(load.PACKS / "hello")
    assert made
    assert made.topics[1].fields == {"lux": "hello.light", "watts": "hello.power"}


def test_messages_of_the_lamps_of_the_template_are_readings() -> None:
    topics = Topics([pack(*_hello().topics)])
    scene = Scene((121.93, 30.89), "Asia/Shanghai", 7, {})
    heard = {topic: topics.read(topic, payload, NOW).rows for topic, payload in demo.messages(scene, NOW)}
    assert [(r.stream, r.value, r.unit) for r in heard["hello/lamp-01/light"]] == [("lamp-01.hello.light", 15.2, None)]
    assert [(r.stream, r.time, r.value, r.unit) for r in heard["hello/controller"]] == [
        ("lamp-02.hello.light", NOW, 15.0, None), ("lamp-02.hello.power", NOW, 100.0, "W"),
        ("lamp-03.hello.light", NOW, 15.0, None), ("lamp-03.hello.power", NOW, 100.0, "W"),
    ]  # fmt: skip


def _hello() -> Pack:
    return load.pack(load.PACKS / "hello")
