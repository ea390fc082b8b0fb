"""Line protocol: what the InfluxDB documentation says of its syntax, and that both readers agree."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citytwin.engine import lines
from citytwin.kernel.errors import BadBatch

NOW = 1_000_000


def named(measurement: str, tags: Any, field: str) -> tuple[str, str]:
    if measurement == "lost":
        return "", "lost"
    told = ",".join(f"{k}={v}" for k, v in sorted(tags.items()))
    return f"{measurement}|{told}|{field}", ""


def read(text: str | bytes, precision: str = "ns", how: Any = lines.read) -> tuple[list[tuple[Any, ...]], list[str]]:
    body = text.encode() if isinstance(text, str) else text
    table, faults = how(body, precision, NOW, named)
    time = table["time"].cast("int64").to_pylist()
    return list(zip(table["stream"].to_pylist(), time, table["value"].to_pylist(), strict=True)), [
        str(f) for f in faults
    ]


@pytest.mark.parametrize(
    ("line", "points"),
    [
        ("cpu,host=a value=1.5 2000", [("cpu|host=a|value", 2, 1.5)]),
        ("cpu value=1i 2000", [("cpu||value", 2, 1.0)]),
        ("cpu value=7u 2000", [("cpu||value", 2, 7.0)]),
        ("cpu value=-1.25e3 2000", [("cpu||value", 2, -1250.0)]),
        ("cpu a=1,b=2 2000", [("cpu||a", 2, 1.0), ("cpu||b", 2, 2.0)]),
        ("cpu a=t,b=FALSE 2000", [("cpu||a", 2, 1.0), ("cpu||b", 2, 0.0)]),
        ("cpu value=1", [("cpu||value", NOW, 1.0)]),
        ('cpu s="a b,c=d",v=1 2000', [("cpu||v", 2, 1.0)]),
        ('cpu s="two\nlines",v=1 2000', [("cpu||v", 2, 1.0)]),
        ('cpu s="quo\\"te",v=1 2000', [("cpu||v", 2, 1.0)]),
        (r"my\ cpu,ho\,st=a\=b fi\ eld=1 2000", [("my cpu|ho,st=a=b|fi eld", 2, 1.0)]),
        ("测,位=北 值=1 2000", [("测|位=北|值", 2, 1.0)]),
        ("# a comment\n\ncpu v=1 2000\r\n", [("cpu||v", 2, 1.0)]),
        ("cpu v=1 -5000", [("cpu||v", -5, 1.0)]),
    ],
)
def test_lines_against_the_documented_syntax(line: str, points: list[Any]) -> None:
    assert read(line) == (points, [])


@pytest.mark.parametrize(
    "line",
    ["cpu", "cpu ", "cpu v", "cpu v= 1", "cpu v=1 x", "cpu,host v=1", "cpu,host= v=1", ",host=a v=1", "cpu v=0x1", "cpu v=1.5i", "cpu v=nan", 'cpu s="open', "cpu v=1,", "cpu v=1 1 1", "lost v=1 1", "cpu v=1 99999999999999999999"],
)  # fmt: skip
def test_a_bad_line_is_named_and_the_others_are_read(line: str) -> None:
    points, faults = read(
        f"cpu a=1 1000\n{line}\ncpu b=2 2000" if '"' not in line else f"cpu a=1 1000\ncpu b=2 2000\n{line}"
    )
    assert [p[0] for p in points] == ["cpu||a", "cpu||b"]
    assert len(faults) == 1
    assert faults[0].startswith("line 3" if '"' in line else "line 2")


@pytest.mark.parametrize(
    ("precision", "us"),
    [
        ("ns", 5),
        ("us", 5000),
        ("ms", 5_000_000),
        ("s", 5_000_000_000),
        ("m", 300_000_000_000),
        ("h", 18_000_000_000_000),
    ],
)
def test_precisions(precision: str, us: int) -> None:
    for how in (lines.read, lines._careful):
        assert read("cpu v=1 5000", precision, how)[0] == [("cpu||v", us, 1.0)]


def test_an_unknown_precision_and_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadBatch, match="precision"):
        read("cpu v=1 1", "day")
    with pytest.raises(BadBatch, match="UTF-8"):
        read(b"cpu v=1 \xff\n# \xff")


WORD = st.text(st.sampled_from('abz0 ,=\\"#\n测.-it'), min_size=0, max_size=6)
PLAIN = st.text(st.sampled_from("abz0测.-"), min_size=1, max_size=4)
NUMBER = st.sampled_from(
    ["1", "-2.5", "3i", "4u", ".5", "1e3", "+7", "t", "nan", "1.5i", "", "1_0", "0x1", "2.", "1e999"]
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(
            PLAIN,
            st.lists(st.tuples(PLAIN, PLAIN), max_size=2),
            st.lists(st.tuples(PLAIN, NUMBER), min_size=1, max_size=3),
            st.sampled_from([" 1000", " -7", "", " 12345678901234", " x"]),
        ),
        max_size=5,
    )
)
def test_the_quick_reader_agrees_with_the_careful_one(rows: list[Any]) -> None:
    text = "\n".join(
        f"{m}{''.join(f',{k}={v}' for k, v in tags)} {','.join(f'{k}={v}' for k, v in fields)}{time}"
        for m, tags, fields, time in rows
    )
    quick = lines._quick(text.encode(), "ns", named)
    if quick is not None:
        table = quick[0]
        stream, time, value = (
            table["stream"].to_pylist(),
            table["time"].cast("int64").to_pylist(),
            table["value"].to_pylist(),
        )
        assert (list(zip(stream, time, value, strict=True)), [str(f) for f in quick[1]]) == read(
            text, how=lines._careful
        )


def test_the_quick_reader_reads_what_agents_write() -> None:
    body = b"".join(
        b"cpu,host=h%d,asset=a usage=%d.5,count=%di 17000000000000%05d\n" % (n % 3, n, n, n) for n in range(1000)
    )
    quick = lines._quick(body, "ns", named)
    assert quick is not None
    assert quick[0].num_rows == 2000
    assert read(body) == read(body, how=lines._careful)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORD, max_size=8).map(" ".join) | st.binary(max_size=60))
def test_no_body_breaks_the_readers(text: str | bytes) -> None:
    with contextlib.suppress(BadBatch):
        read(text)
