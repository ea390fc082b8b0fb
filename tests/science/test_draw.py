"""Draws against Rivest's published tickets, and against counting."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from citytwin.science import draw


def test_tickets_against_rivests_published_ones() -> None:
    # consistent_sampler 0.9, docstrings of first_ticket and make_ticket_heap
    assert draw.ticket("01382438112797316654", "AB-130") == "0.26299714122838008416507544297546663599715395525154425586041245287750224561854"  # fmt: skip
    found = dict(draw.drawn("xy()134!g2n", ["dog", "cat", "fish", "goat"], 4))
    assert found == {
        "cat": "0.24866413894129579898796850445568128508290132707747976039848637531569373309555",
        "dog": "0.33886035615681875183111698317327684455682722683976874746986356932751818935066",
        "goat": "0.49599842072022713663423753308080171636735689997237236247068925068573448764387",
        "fish": "0.74685932088827950509145941729789143204056041958068799542050396198792954500593",
    }
    assert list(found) == ["cat", "dog", "goat", "fish"]


@given(st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=30), st.text(max_size=20), st.data())
def test_a_draw_is_consistent(ids: set[str], seed: str, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, len(ids)))
    whole = [id for id, _ in draw.drawn(seed, ids, len(ids))]
    assert [id for id, _ in draw.drawn(seed, sorted(ids), n)] == whole[:n]
    some = data.draw(st.sets(st.sampled_from(sorted(ids))))
    assert [id for id, _ in draw.drawn(seed, some, len(some))] == [id for id in whole if id in some]


def test_everyone_is_drawn_as_often_against_chi_square() -> None:
    ids = [f"site-{n}" for n in range(20)]
    count = Counter(id for k in range(800) for id, _ in draw.drawn(f"seed {k}", ids, 5))
    assert sum(count.values()) == 4000
    assert stats.chisquare([count[id] for id in ids]).pvalue > 1e-3


def test_a_seed_is_bound_by_its_commitment() -> None:
    held = draw.commitment("20 dice: 3141")
    assert draw.opens("20 dice: 3141", held)
    assert not draw.opens("20 dice: 3142", held)
    assert draw.population(["ab", "c"]) != draw.population(["a", "bc"])
    with pytest.raises(ValueError, match="'a' stands twice"):
        draw.population(["a", "b", "a"])
    with pytest.raises(ValueError, match="cannot be drawn from 1"):
        draw.drawn("s", ["a"], 2)
    with pytest.raises(ValueError, match="twice"):
        draw.drawn("s", ["a", "a"], 1)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 40), min_size=1),
    st.integers(0, 120),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 9)),
)
def test_shares_add_up_and_ask_no_more_than_there_are(sizes: dict[str, int], n: int, weights: dict[str, float]) -> None:
    got = draw.shares(sizes, n, weights)
    assert all(0 <= got[g] <= sizes[g] for g in sizes)
    assert all(got[g] == 0 for g in sizes if weights.get(g, 1.0) == 0)
    assert sum(got.values()) == min(n, sum(s for g, s in sizes.items() if weights.get(g, 1.0) > 0))


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 40), min_size=1), st.integers(0, 40))
def test_shares_without_weights_keep_quota(sizes: dict[str, int], n: int) -> None:
    total = sum(sizes.values())
    n = min(n, total)
    got = draw.shares(sizes, n)
    assert all(abs(got[g] - n * sizes[g] / total) < 1 for g in sizes)


def test_groups_are_drawn_by_the_same_tickets() -> None:
    groups = {"good": [f"g{n}" for n in range(90)], "poor": [f"p{n}" for n in range(10)]}
    got = draw.stratified("seed", groups, 20, {"good": 1, "poor": 9})
    assert {g: len(v) for g, v in got.items()} == {"good": 10, "poor": 10}
    assert got["good"] == draw.drawn("seed", groups["good"], 10)
