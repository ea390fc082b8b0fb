"""What does a register say? Numbers made of 16-bit registers in any order of bytes and words, and the fewest requests that read them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from citytwin.kernel.feed import Order, Register

FORMATS = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "uint64": ">Q",
    "float32": ">f",
    "float64": ">d",
}
"""Of each type of number how `struct` calls it, the highest byte of the highest word first."""
BITS = ("coil", "discrete")
"""Tables whose places hold one bit each."""
BITS_AT_ONCE = 2000
"""Bits that one request may read."""


@dataclass(frozen=True, slots=True)
class Block:
    """`count` places of a table from `address` on, read at once, and the registers in them."""

    table: str
    address: int
    count: int
    registers: tuple[Register, ...]


def width(register: Register) -> int:
    """How many places the number takes."""
    return struct.calcsize(FORMATS[register.type]) // 2 if register.type in FORMATS else 1


def number(words: Sequence[int], type: str, byte_order: Order = "big", word_order: Order = "big") -> float:
    """The number that registers (0 to 65535 each) hold; a bit is 0 or 1.

    `word_order` big: the highest word comes first; `byte_order` big: the highest byte of each word comes first.

    >>> number([0x42F6, 0xE979], "float32") == number([0xE979, 0x42F6], "float32", word_order="little")
    True
    >>> number([0xFFFE], "int16"), number([1], "bool")
    (-2.0, 1.0)
    """
    if type == "bool":
        return float(bool(words[0]))
    ordered = words if word_order == "big" else words[::-1]
    raw = b"".join(int(word).to_bytes(2, byte_order) for word in ordered)
    return float(struct.unpack(FORMATS[type], raw)[0])


def blocks(registers: Sequence[Register], gap: int, most: int) -> list[Block]:
    """The fewest requests that read all these registers: at most `most` places each (2000 bits), none with more than `gap` unasked places in a row."""
    made: list[Block] = []
    for table in dict.fromkeys(r.table for r in registers):
        limit = BITS_AT_ONCE if table in BITS else most
        wait = sorted((r for r in registers if r.table == table), key=lambda r: (r.address, width(r)))
        while wait:
            start = end = wait[0].address
            taken: list[Register] = []
            rest: list[Register] = []
            for n, register in enumerate(wait):
                if taken and register.address > end + gap:
                    rest += wait[n:]
                    break
                if register.address + width(register) - start <= limit:
                    taken.append(register)
                    end = max(end, register.address + width(register))
                else:  # the next request takes it whole
                    rest.append(register)
            made.append(Block(table, start, end - start, tuple(taken)))
            wait = rest
    return made


def smaller(block: Block) -> list[Block]:
    """The same in smaller requests: without places that nobody asked for, else register by register. Empty where there is none smaller."""
    close = blocks(block.registers, 0, block.count)
    if len(close) > 1:
        return close
    places = dict.fromkeys((r.address, width(r)) for r in block.registers)
    if len(places) == 1:
        return []
    return [
        Block(block.table, address, size, tuple(r for r in block.registers if (r.address, width(r)) == (address, size)))
        for address, size in places
    ]
