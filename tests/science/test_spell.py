"""Spells with delays, against a state machine that reads one row after another."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from citytwin.science.spell import asof, chains, turns

ROW = st.tuples(st.integers(1, 4), st.sampled_from(["on", "off", "between"]))
SERIES = st.lists(st.tuples(st.lists(ROW, min_size=1, max_size=25), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=4)  # fmt: skip


def machine(rows: list[tuple[int, str]], on_delay: int, off_delay: int) -> list[tuple[int, int | None, bool]]:
    """Since, until (None: it goes on) and pending of each alarm of one series of (time, state)."""
    phase, since, left = "quiet", 0, 0
    found: list[tuple[int, int | None, bool]] = []
    for time, state in rows:
        if phase == "pending" and time - since >= on_delay:
            phase = "alarm"
        if phase == "returning" and time - left >= off_delay:
            found.append((since, left, False))
            phase = "quiet"
        if phase == "quiet" and state == "on":
            phase, since = "pending", time
        elif phase == "returning" and state == "on":
            phase = "alarm"
        elif phase == "pending" and state == "off":
            phase = "quiet"
        elif phase == "alarm" and state == "off":
            phase, left = "returning", time
        if phase == "pending" and time - since >= on_delay:
            phase = "alarm"
        if phase == "returning" and time - left >= off_delay:
            found.append((since, left, False))
            phase = "quiet"
    if phase in ("pending", "alarm", "returning"):
        found.append((since, None, phase == "pending"))
    return found


@given(SERIES)
def test_chains_against_a_state_machine(drawn: list[tuple[list[tuple[int, str]], int, int]]) -> None:
    expected, series, time, state, on_delay, off_delay = [], [], [], [], [], []
    for n, (steps, on, off) in enumerate(drawn):
        times = np.cumsum([s for s, _ in steps]).tolist()
        rows = list(zip(times, [w for _, w in steps], strict=True))
        expected += [(n, *alarm) for alarm in machine(rows, on, off)]
        series += [n] * len(rows)
        time += times
        state += [w for _, w in rows]
        on_delay += [on] * len(rows)
        off_delay += [off] * len(rows)
    t, s, words = np.array(time), np.array(series), np.array(state)
    found = chains(s, t, words == "on", words == "off", np.array(on_delay), np.array(off_delay))
    told = [
        (int(s[b]), int(t[b]), int(t[left]) if over else None, bool(pending))
        for b, _, left, over, pending in found.tolist()
    ]
    assert told == expected


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), max_size=20, unique=True),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), max_size=10),
    st.integers(0, 10),
)
def test_asof_against_a_search_of_every_row(
    rows: list[tuple[int, int]], asked: list[tuple[int, int]], age: int
) -> None:
    rows = sorted(rows)
    expected = []
    for of, at in asked:
        fits = [n for n, (s, t) in enumerate(rows) if s == of and at - age <= t <= at]
        expected.append(max(fits, default=-1))
    series, time = (np.array([r[k] for r in rows], np.int64) for k in (0, 1))
    of, at = (np.array([a[k] for a in asked], np.int64) for k in (0, 1))
    assert asof(series, time, of, at, age).tolist() == expected


@given(st.lists(st.integers(0, 4), max_size=30))
def test_turns_against_taking_one_of_each_at_a_time(series: list[int]) -> None:
    left = list(enumerate(series))
    for turn in turns(np.array(series, int)):
        expected = {}
        for row, of in left:
            expected.setdefault(of, row)
        assert sorted(turn.tolist()) == sorted(expected.values())
        left = [(row, of) for row, of in left if row not in expected.values()]
    assert left == []
