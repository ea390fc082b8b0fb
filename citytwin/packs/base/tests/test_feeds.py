"""Does the weather table arrive?"""

from datetime import UTC, datetime

import pytest

from citytwin.kernel.errors import BadBatch
from citytwin.packs.base.feeds import parse_weather_csv


def test_a_table_becomes_readings() -> None:
    batch = parse_weather_csv(
        b"station,time,temperature,rainfall\nws-1,2025-07-01T08:00+08:00,28.5,\nws-2,2025-07-01T00:05Z,27.0,1.2\n"
    )
    assert batch.table.to_pylist() == [
        {"stream": "ws-1.base.temperature", "time": datetime(2025, 7, 1, 0, 0, tzinfo=UTC), "value": 28.5},
        {"stream": "ws-2.base.temperature", "time": datetime(2025, 7, 1, 0, 5, tzinfo=UTC), "value": 27.0},
        {"stream": "ws-2.base.rainfall", "time": datetime(2025, 7, 1, 0, 5, tzinfo=UTC), "value": 1.2},
    ]


def test_the_same_payload_has_the_same_key() -> None:
    payload = b"station,time,noise\nws-1,2025-07-01T08:00+08:00,51\n"
    assert parse_weather_csv(payload).key == parse_weather_csv(payload).key
    assert parse_weather_csv(payload).key != parse_weather_csv(payload.replace(b"51", b"52")).key


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (b"", "cannot be read"),
        (b"station,time,temperature\nws-1,yesterday,28\n", "cannot be read"),
        (b"station,temperature\nws-1,28\n", "lacks the columns"),
        (b"station,time,snow\nws-1,2025-07-01T08:00+08:00,28\n", "unknown columns"),
        (b"station,time\nws-1,2025-07-01T08:00+08:00\n", "no column of readings"),
    ],
)
def test_what_cannot_be_read_is_told(payload: bytes, what: str) -> None:
    with pytest.raises(BadBatch, match=what):
        parse_weather_csv(payload)
