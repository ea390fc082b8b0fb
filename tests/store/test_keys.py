"""Keys of batches in memory: none that is on record is ever passed over."""

from __future__ import annotations

import duckdb
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from citytwin.store import keys as module
from citytwin.store.keys import HASH, Keys, hashed


@given(st.lists(st.text(max_size=20), max_size=20))
def test_a_hash_against_that_of_the_database(names: list[str]) -> None:
    names = [n.replace("\0", "") for n in names]
    db = duckdb.connect()
    try:
        for key in names:
            assert db.execute(f"SELECT {HASH} FROM (SELECT ? AS key)", [key]).fetchone() == (hashed(key),)
    finally:
        db.close()


def test_every_key_that_was_added_may_be_there_and_others_are_not() -> None:
    module._RECENT, kept = 7, module._RECENT  # so that the newest are sorted in with the others
    try:
        known = Keys(np.array([hashed(f"old{n}") for n in range(50)], np.uint64))
        for n in range(40):
            known.add([f"new{n}"])
    finally:
        module._RECENT = kept
    there = [f"old{n}" for n in range(50)] + [f"new{n}" for n in range(40)]
    assert known.perhaps([*there, *(f"other{n}" for n in range(500))]) == set(there)
    assert Keys(np.array([], np.uint64)).perhaps(["a"]) == set()
