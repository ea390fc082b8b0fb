"""Cadences: what is expected, what lacks and what is typical, against counting one by one and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.science import cadence


@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(0, 1, exclude_max=True))
def test_no_window_holds_fewer_instants_than_are_expected(length: int, step: int, phase: float) -> None:
    instants = sum(1 for k in range(length // step + 2) if phase * step + k * step < length)
    due = cadence.expected(np.array([float(length)]), np.array([float(step)]))[0]
    assert due <= instants <= due + 1


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=24), st.sampled_from([60.0, 420.0, 900.0, 3600.0, 7200.0, 1e9])
)
def test_completeness_against_counting(count: list[int], step: float) -> None:
    found = cadence.completeness(np.array([count], float), np.full((1, len(count)), 3600.0), np.array([step]))[0]
    due = int(3600 * len(count) // step)
    room = -(-3600 // step) + 1
    came = sum(min(n, room) for n in count)
    assert found == pytest.approx(min(came, due) / due) if due else np.isnan(found)


@given(
    st.dictionaries(st.integers(0, 4), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), max_size=5),
    st.sampled_from([0.05, 0.25, 0.5, 0.95, 1.0]),
)
def test_quantiles_of_groups_against_numpy(groups: dict[int, list[float]], level: float) -> None:
    group = np.array([g for g, values in groups.items() for _ in values], int)
    value = np.array([v for values in groups.values() for v in values], float)
    found = cadence.quantiles(group, value, (level,), 5)[:, 0]
    for g in range(5):
        if g in groups:
            assert found[g] == pytest.approx(np.quantile(groups[g], level), abs=1e-9)
        else:
            assert np.isnan(found[g])


def test_cadence_is_seen_through_jitter_and_gaps_and_not_in_events() -> None:
    rng = np.random.default_rng(4)
    steady = 60 + rng.normal(0, 2, 200)
    steady[rng.choice(200, 60, replace=False)] *= 7  # three of ten intervals lack readings
    events = rng.exponential(600, 200)
    quartiles = np.percentile(np.column_stack([steady, events]), [25, 50, 75], axis=0).T
    found = cadence.regular(quartiles, np.array([200.0, 200.0]))
    assert np.isnan(found[1])
    assert np.isnan(found[0]) or found[0] == pytest.approx(60, abs=2)
    calm = steady.copy()
    calm[calm > 100] /= 7
    calm[:40] *= 7  # one of five
    assert cadence.regular(np.percentile(calm, [25, 50, 75])[None], np.array([200.0]))[0] == pytest.approx(60, abs=2)
