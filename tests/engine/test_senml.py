"""SenML against the examples of RFC 8428 and its rules."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citytwin.engine import senml
from citytwin.kernel.errors import BadBatch

NOW = datetime(2026, 3, 10, tzinfo=UTC)


def read(pack: Any) -> tuple[list[tuple[Any, ...]], int]:
    rows, faults = senml.rows(json.dumps(pack).encode(), NOW)
    return [(r["stream"], r["time"], r["value"], r["unit"]) for r in rows], len(faults)


def test_multiple_measurements_against_rfc_8428_5_1_3() -> None:
    pack = [
        {
            "bn": "urn:dev:ow:10e2073a0108006:",
            "bt": 1.276020076001e9,
            "bu": "A",
            "bver": 5,
            "n": "voltage",
            "u": "V",
            "v": 120.1,
        },
        {"n": "current", "t": -5, "v": 1.2},
        {"n": "current", "t": -4, "v": 1.3},
    ]
    base = datetime(1970, 1, 1, tzinfo=UTC)
    at = [base + timedelta(seconds=1.276020076001e9 + t) for t in (0, -5, -4)]
    name = "urn:dev:ow:10e2073a0108006:"
    assert read(pack) == (
        [
            (f"{name}voltage", at[0], 120.1, "V"),
            (f"{name}current", at[1], 1.2, "A"),
            (f"{name}current", at[2], 1.3, "A"),
        ],
        0,
    )


def test_times_near_zero_are_relative_to_now() -> None:
    """RFC 8428, 4.5.3."""
    assert read([{"n": "a", "v": 1}, {"n": "a", "t": -60, "v": 2}])[0] == [
        ("a", NOW, 1, None),
        ("a", NOW - timedelta(seconds=60), 2, None),
    ]


def test_a_base_value_is_added_and_truth_is_a_number() -> None:
    assert read([{"bn": "a", "bv": 20, "v": 1.5}, {"vb": True}])[0] == [("a", NOW, 21.5, None), ("a", NOW, 1, None)]


@pytest.mark.parametrize(
    "record",
    [{"n": "a"}, {"n": "a", "vs": 1}, {"n": "a", "vd": "aa"}, {"n": "a", "v": "1"}, {"n": "a", "v": True}, {"n": "a", "s": 1, "v": 1}, {"n": "a", "v": 1, "x_": 1}, {"n": 1, "v": 1}, {"n": "a", "t": 1e300, "v": 1}, {"n": "a", "bver": 11, "v": 1}],
)  # fmt: skip
def test_a_record_at_fault_is_left_out_and_named(record: Any) -> None:
    rows, faults = senml.rows(json.dumps([{"n": "b", "v": 1}, record]).encode(), NOW)
    assert [r["stream"] for r in rows] == ["b"]
    assert [f.where for f in faults] == ["row 2"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(["bn", "bt", "bu", "bv", "n", "v", "t", "u", "vb", "bver", "y_"]), st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3), max_size=5), max_size=4)
    | st.text(max_size=5)
)  # fmt: skip
def test_no_pack_breaks_the_reader(pack: Any) -> None:
    try:
        senml.rows(json.dumps(pack).encode(), NOW)
    except BadBatch:
        return
