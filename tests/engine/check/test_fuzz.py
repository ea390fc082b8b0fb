"""Does the checker stand whatever a file holds?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citytwin.engine import check as package
from citytwin.engine.check import check
from tests.engine.check.conftest import FILES, Wells, memory

BROKEN = sorted(n for n in FILES if n.endswith((".yaml", ".sql", ".csv")))
ODD = [b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"'", b'"', b"{", b"]", b"- ", b": ", b"&a ", b"*a", b"!!python/object ", b"\n\t", b"$since", b"--", b";",
       b"1e999", b"9" * 5000, b"(" * 300, b"[" * 300, b"\\ud800", b'"\\ud800"', b"{{", b"\r", "水".encode(), b"%", b"/*", b"SELECT", b"~", b"null", b"a.b.c"]  # fmt: skip


@st.composite
def mutations(draw: Any) -> tuple[str, bytes]:
    name = draw(st.sampled_from(BROKEN))
    data = bytearray(dedent(FILES[name]).encode())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.integers(0, 6))
        data[at : at + cut] = draw(st.one_of(st.sampled_from(ODD), st.binary(max_size=4)))
    return name, bytes(data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("streams.yaml", b"streams:\n  - {cadence_s: " + b"9" * 5000 + b"}\n"),
        ("streams.yaml", b"streams: " + b"[" * 3000),
        ("types.yaml", b'types: [{id: "\\ud800", title: {zh: a, en: b}}]\n'),
        ("pack.yaml", b'"\\ud800": 1\n'),
        ("grade.csv", b"name,least,source\nhigh,2.05,\xb2\n"),
        ("rows/rising.sql", b"SELECT asset_id, period AS since, value FROM wells.daily -- \xb2\n"),
        ("indicators/daily.sql", dedent(FILES["indicators/daily.sql"]).encode() + b"(" * 3000),
    ],
)
def test_known_to_be_hard(wells: Wells, name: str, data: bytes) -> None:
    wells.write(name, data)
    faults = wells.check()
    assert name in {f.where.partition("/wells/")[2].rpartition(":")[0] for f in faults}
    assert all(str(f).encode() for f in faults)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(mutations())
def test_no_mutation_of_a_file_crashes_the_checker(change: tuple[str, bytes]) -> None:
    name, data = change
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "STAGES", tuple(s for s in package.STAGES if s.name not in ("science", "demo")))
        wells = Wells(Path(folder))
        for file, text in FILES.items():
            wells.write(file, dedent(text))
        wells.write(name, data)
        for fault in check(["wells"], [Path(folder)], memory):
            str(fault).encode()
            assert fault.code in package.CODES
            assert fault.where.rpartition(":")[2].isdigit(), fault
