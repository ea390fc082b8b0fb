"""Numbers in registers, against Python's struct; and no fewer requests would do, against trying all ways."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.engine.feeds.registers import FORMATS, blocks, number, smaller, width
from citytwin.kernel.feed import Register

KINDS = sorted(FORMATS)


def laid_out(raw: bytes, byte_order: str, word_order: str) -> list[int]:
    """The registers in which a device with these orders would show a number whose big-endian bytes are `raw`."""
    words = [raw[i : i + 2] for i in range(0, len(raw), 2)]
    if word_order == "little":
        words.reverse()
    return [struct.unpack(">H" if byte_order == "big" else "<H", word)[0] for word in words]


@given(
    st.sampled_from(KINDS),
    st.sampled_from(["big", "little"]),
    st.sampled_from(["big", "little"]),
    st.binary(min_size=8, max_size=8),
)
def test_any_bits_in_any_order_are_the_number_that_struct_makes(
    kind: str, byte_order: str, word_order: str, noise: bytes
) -> None:
    raw = noise[: struct.calcsize(FORMATS[kind])]
    wanted = float(struct.unpack(FORMATS[kind], raw)[0])
    told = number(laid_out(raw, byte_order, word_order), kind, byte_order, word_order)  # type: ignore[arg-type]
    assert struct.pack(">d", told) == struct.pack(">d", wanted)  # not a number is one, too


@pytest.mark.parametrize(
    ("words", "byte_order", "word_order"),
    [
        ([0x4049, 0x0FDB], "big", "big"),  # ABCD
        ([0x0FDB, 0x4049], "big", "little"),  # CDAB
        ([0x4940, 0xDB0F], "little", "big"),  # BADC
        ([0xDB0F, 0x4940], "little", "little"),  # DCBA
    ],
)
def test_pi_in_the_four_orders_that_manuals_name(words: list[int], byte_order: str, word_order: str) -> None:
    assert number(words, "float32", byte_order, word_order) == struct.unpack(">f", bytes.fromhex("40490fdb"))[0]  # type: ignore[arg-type]


registers = st.builds(
    lambda address, kind, n: Register(f"a.p.s{n}", address, kind),
    st.integers(0, 60),
    st.sampled_from(KINDS),
    st.integers(0, 1000),
)


def fewest(wanted: list[Register], gap: int, most: int) -> int:
    """The least number of requests, by trying every way to cut the places that are asked for."""
    spans = sorted({(r.address, r.address + width(r)) for r in wanted})
    best = {frozenset[tuple[int, int]](): 0}
    todo = frozenset(spans)
    while todo not in best:
        grown: dict[frozenset[tuple[int, int]], int] = {}
        for covered, count in best.items():
            start = min(todo - covered)[0]
            for end in range(start + 1, start + most + 1):
                inside = frozenset(s for s in spans if s[0] >= start and s[1] <= end)
                places = sorted({p for s in inside for p in range(*s)})
                if inside and all(b - a - 1 <= gap for a, b in pairwise(places)):
                    grown[covered | inside] = min(count + 1, grown.get(covered | inside, count + 1))
        best = grown
    return best[todo]


@given(st.lists(registers, min_size=1, max_size=7), st.integers(0, 20), st.integers(4, 20))
def test_blocks_read_every_register_once_within_the_limits_in_the_fewest_requests(
    wanted: list[Register], gap: int, most: int
) -> None:
    made = blocks(wanted, gap, most)
    assert sorted(id(r) for b in made for r in b.registers) == sorted(map(id, wanted))
    for block in made:
        assert block.count <= most
        places = sorted({p for r in block.registers for p in range(r.address, r.address + width(r))})
        assert places[0] == block.address
        assert places[-1] == block.address + block.count - 1
        assert all(b - a - 1 <= gap for a, b in pairwise(places))
    assert len(made) == fewest(wanted, gap, most)


def test_two_hundred_registers_in_a_row_are_two_requests() -> None:
    wanted = [Register(f"a.p.s{n}", n, "uint16") for n in range(200)]
    assert [(b.address, b.count) for b in blocks(wanted, 0, 125)] == [(0, 125), (125, 75)]
    assert len(blocks([Register(f"a.p.s{n}", n, "bool", "coil") for n in range(1900)], 0, 125)) == 1


def test_a_refused_block_is_cut_at_its_gaps_then_into_registers() -> None:
    wanted = [Register(f"a.p.s{n}", n, "uint16") for n in (0, 1, 10)]
    (block,) = blocks(wanted, 125, 125)
    close = smaller(block)
    assert [(b.address, b.count) for b in close] == [(0, 2), (10, 1)]
    assert [(b.address, b.count) for b in smaller(close[0])] == [(0, 1), (1, 1)]
    assert smaller(close[1]) == []
