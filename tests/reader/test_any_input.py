"""Nothing a file may hold makes the reader fall, and no text makes it slow."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.reader import ReaderError, draft, read, rows, table

SAMPLE = (
    "关于印发《东川市“十四五”供水规划》的通知\n东政发〔2022〕3号\n各区：\n现印发给你们。\n东川市人民政府\n2022年1月5日\n"
    "一、现状\n“十三五”期间，新增供水能力5万立方米/日。\n二、规划目标\n到2025年，漏损率由12%降至8%以下，用水量、排污量分别"
    "较2020年下降3%、4.5%。\n三、任务\n（一）管网。改造管网120公里，基本消除隐患。（市水务局牵头，市、区财政局等配合）\n"
    "1.2023年底前，出台“一户一表”实施细则；对年用水量5万立方米以上的企业开展审计。\n专栏1 指标\n漏损率 % 12 8 约束性\n来源：东川日报\n"
)
ALPHABET = (
    "0123456789.,%一二三四五六七八九十百千万亿年月日底前到至从较比达分别和、，。；：（）《》“”〔〕号第章节个家公里吨千瓦米以上下内"
    "约完成建成新增下降提高覆盖禁止责任单位牵头来源专栏 \n\t　-—~+/①aG"
)


def check(data: bytes) -> None:
    """Read, and render every way there is; only ReaderError may come out."""
    try:
        reading = read(data, "any")
    except ReaderError as error:
        told = (error.message, error.hint)
    else:
        told = ()
    if told:
        assert all(told)
        return
    stripped = "".join(reading.text.split())
    for row in rows(reading, qualitative=True):
        json.dumps(row, allow_nan=False)
        assert stripped[row["start"] : row["end"]] == row["quote"]  # type: ignore[misc]
        assert 0.0 <= row["confidence"] <= 1.0  # type: ignore[operator]
    table(reading)
    json.dumps(draft(reading))


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_random_bytes(data: bytes) -> None:
    check(data)


@given(st.text(alphabet=ALPHABET, max_size=300))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_words(text: str) -> None:
    check(text.encode())


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_characters(text: str) -> None:
    check(text.encode("utf-8", "surrogatepass") if text.isprintable() else text.encode("utf-8", "replace"))


@given(st.integers(0, len(SAMPLE)), st.integers(0, len(SAMPLE)), st.integers(0, len(SAMPLE)))
@settings(max_examples=150, deadline=None)
def test_random_cuts_of_a_plan(a: int, b: int, c: int) -> None:
    a, b, c = sorted((a, b, c))
    check((SAMPLE[:a] + SAMPLE[b:c] + SAMPLE[a:b]).encode())


@given(st.integers(0, len(SAMPLE.encode("gb18030"))))
@settings(max_examples=50, deadline=None)
def test_plans_cut_inside_a_character(at: int) -> None:
    check(SAMPLE.encode("gb18030")[:at])


@pytest.mark.parametrize(
    "piece",
    [
        "中",
        "1",
        "（",
        "“",
        "2025年，",
        "一半",
        "5%、",
        "百分之",
        "1、\n",
        "到2025年达到10%以上，",
        "By 2025, build 5 km. ",
        "1. A\n",
        "甲|乙\n",
        "指标|单位|2025年\n",
        "市水务局牵头，",
        "会同市财政局",
        "要",
        "（市水务局牵头）",
        "2025年底前建成的",
        "不少于5甲",
    ],
)
def test_a_megabyte_of_one_thing_is_read_in_seconds(piece: str) -> None:
    # About one second on a quiet core, two for the worst. What grows faster than the text takes minutes: the margin tells them apart on any machine.
    assert seconds(piece, 1_000_000) < 30.0


def test_what_is_too_large_is_refused_with_the_limit() -> None:
    for data, said in [
        (b"a " * 1_600_000, "3 million characters"),
        (b"1\n" * 100_000, "60,000 lines"),
        ("2025年，".encode() * 51_000, "50,000 dates"),
        ("一半。".encode() * 11_000, "10,000 commitments"),
    ]:
        with pytest.raises(ReaderError, match=said) as caught:
            read(data)
        assert caught.value.hint


CHILD = """
import contextlib, sys, time
from citytwin.reader import ReaderError, read
data = (sys.argv[1] * (int(sys.argv[2]) // len(sys.argv[1].encode()))).encode()
begun = time.process_time()
said = "read"
try:
    read(data)
except ReaderError as error:
    said = error.message
# not ru_maxrss: that of a child begins with what its parent held
status = open("/proc/self/status").read()
print(time.process_time() - begun, int(status.split("VmHWM:")[1].split()[0]) // 1024, said)
"""


@pytest.mark.parametrize(
    "piece", ["到2025年，新建泵站3座，改造管网120公里。\n", "供水管网", "plain words of no plan at all. ", "1、\n"]
)
def test_fifty_megabytes_of_text_are_refused_in_seconds_and_bounded_memory(piece: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, piece, str(50_000_000)], capture_output=True, text=True, check=True
    )
    took, megabytes, said = done.stdout.split(maxsplit=2)
    assert "more than" in said
    assert float(took) < 30.0  # a second or two on a quiet core
    assert int(megabytes) < 500  # of it 50 for the file and up to 200 for its characters


@pytest.mark.parametrize(
    "piece",
    ["）", "到2025年达到10%以上，", "1、\n", "市局、", "一、甲\n", "来源：某报\n标题某某某\n", "2022年1月1日\n", "《", "10万千瓦/", "一半", "5%、"],
)  # fmt: skip
def test_time_grows_with_the_text_and_not_with_its_square(piece: str) -> None:
    seconds(piece, 10_000)  # warm
    once, eight = seconds(piece, 30_000), seconds(piece, 240_000)
    assert eight < 32.0 * once + 1.0  # with its square it would be 64 times


def seconds(piece: str, size: int) -> float:
    """Processor time to read so many bytes of one piece repeated."""
    data = (piece * (size // len(piece.encode()))).encode()
    begun = time.process_time()
    with contextlib.suppress(ReaderError):
        read(data)
    return time.process_time() - begun
