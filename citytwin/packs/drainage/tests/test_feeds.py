"""Are exports read as they are written? Real forms of them, and every bad line by its number."""

from datetime import UTC, datetime

import pytest

from citytwin.kernel.errors import BadBatch
from citytwin.packs.drainage.feeds import parse_level_csv

HEAD = "点位编号,时间,水位(m),流量(m3/s),电导率"


def readings(payload: str | bytes) -> dict[tuple[str, datetime], float]:
    table = parse_level_csv(payload.encode() if isinstance(payload, str) else payload).table
    rows = table.to_pylist()
    return {(r["stream"], r["time"].astimezone(UTC)): r["value"] for r in rows}


def test_a_line_is_three_readings_at_beijing_time() -> None:
    time = datetime(2026, 6, 30, 16, 5, tzinfo=UTC)
    assert readings(f"{HEAD}\nMH-W001,2026-07-01 00:05:00,1.234,0.0561,986\n") == {
        ("mh-w001.drainage.level", time): 1.234,
        ("mh-w001.drainage.flow", time): 0.0561,
        ("mh-w001.drainage.conductivity", time): 986.0,
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_every_usual_encoding_is_read(encoding: str) -> None:
    assert len(readings(f"{HEAD}\r\nMH-W001,2026/07/01 00:05,1.2,,\r\n".encode(encoding))) == 1


@pytest.mark.parametrize(
    "time",
    ["2026-07-01 00:05:00", "2026/7/1 0:05", "20260701000500", "2026-07-01T00:05:00+08:00", "2026-06-30T16:05:00Z"],
)
def test_every_usual_time_is_the_same_moment(time: str) -> None:
    assert {t for _, t in readings(f"{HEAD}\nMH-W001,{time},1.2,,")} == {datetime(2026, 6, 30, 16, 5, tzinfo=UTC)}


def test_units_in_brackets_are_converted() -> None:
    got = readings(
        "点位编号\t时间\t水位（cm）\t流量(L/s)\t电导率(mS/cm)\nmh-y002\t2026-07-01 00:05\t123.4\t56.1\t0.986"
    )
    assert sorted(got.values()) == pytest.approx([0.0561, 1.234, 986.0])


def test_empty_cells_are_no_readings_and_empty_lines_no_faults() -> None:
    assert len(readings(f"\n{HEAD}\nMH-W001,2026-07-01 00:05,1.2,-,\n\n,,,,\nMH-W001,2026-07-01 00:10,,0.05,--\n")) == 2


def test_every_bad_line_is_named_and_none_is_kept() -> None:
    lines = [HEAD, "MH-W001,2026-07-01 00:05,1.2,0.05,900", "MH-W001,yesterday,1.2,0.05,900", "井1号,2026-07-01 00:05,1.2,0.05,900",
             "MH-W001,2026-07-01 00:10,deep,0.05,900", "MH-W001,2026-07-01 00:15,1.2"]  # fmt: skip
    with pytest.raises(BadBatch) as caught:
        parse_level_csv("\n".join(lines).encode())
    assert [f.where for f in caught.value.faults] == ["line 3", "line 4", "line 5", "line 6"]
    assert "deep" in caught.value.faults[2].message


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "empty"),
        (b"\xff\xff\xff", "UTF-8"),
        ("时间,水位(m)\n2026-07-01 00:05,1.2".encode(), "点位编号"),
        ("点位编号,时间,雨量\nA,2026-07-01 00:05,1.2".encode(), "no column of readings"),
        ("点位编号,时间,水位(ft)\nA,2026-07-01 00:05,1.2".encode(), "is in ft"),
    ],
)
def test_what_is_no_export_is_refused_in_plain_words(payload: bytes, says: str) -> None:
    with pytest.raises(BadBatch, match=says):
        parse_level_csv(payload)
