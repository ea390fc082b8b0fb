"""Are forms, guards, tables and scorecards at fault named at their line? Breaks the permit of tests/engine/test_handle.py in one place after another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from citytwin.engine.check import names
from citytwin.engine.check.subject import Bench, Subject
from citytwin.kernel.errors import Fault

from ...conftest import FILES
from ..test_handle import CASES

CARD = """\
scorecards:
  - id: credit
    title: {zh: 信用, en: Credit}
    versions:
      - version: 1
        since: 2026-01-01
        base: 60
        factors: [{table: flows, title: {zh: 流量, en: Flow}}]
"""
FLOWS = """\
  - id: flows
    title: {zh: 流量分, en: Flow points}
    hit: F
    inputs: [{name: flow, kind: number}]
    outputs: [{name: points}]
    rows: [{when: ["> 5"], then: ["-2 * flow"]}, {when: ["-"], then: ["3"]}]
"""
SWAP = [
    ("guard: route", "guard: way", "there is no decision table 'way'"),
    ("{name: flow, kind: number}, {", "{name: flux, kind: number}, {", "asks for 'flux', which no form has"),
    ("then: ['\"grant\"']", "then: ['\"done\"']", "leads to 'done', which does not follow"),
    ('["< 50", \'"low"\']', '["<= 50", \'"low"\']', "rows 1 and 2 both fit where flow is 50"),
    ('["< 50", \'"low"\']', '["< 40", \'"low"\']', "no row fits where flow is 40"),
    ('["< 50", \'"low"\']', "[\"< 50\"]", "has 1 cells in `when`, not 2"),
    ('["< 50", \'"low"\']', "[\"< \", '\"low\"']", "is not expected here"),
    ("[{name: flow, kind: number}, {", "[{name: flow, of: route, kind: number}, {", "route → route"),
    ("[{name: flow, kind: number}]", "[{name: flow, of: route, kind: number}]", ""),
    ("titles: {zh: 风险, en: Risk}", "title: risk", "field 'risk' has no titles"),
    ("required: [risk]", "required: [risks]", "'risks' is required and no property"),
    ("minimum: 0", "minimum: low", "is no JSON Schema"),
    ("minimum: 0", '"$ref": "http://example.org/x"', "'$ref' is not known in a form"),
    ("enum: [home, plant]", "pattern: '(?=x)'", "has a pattern in 'use' that is not taken"),
    ("    days: 20\n", "    days: -1\n", "below nothing"),
    ("    about: {zh: 申请排水许可, en: Apply to discharge}\n", "", "public and says not what it is for"),
    ("{every: month, per: basin}", "{every: month, per: barrel}", "names 'barrel'"),
    ("        days: 2\n", "", "speaks of a deadline it does not have"),
    ("remind: [1]", "remind: [-1]", "below nothing"),
    ("table: flows", "table: flaws", "there is no decision table 'flaws'"),
    ("base: 60", "base: 60\n        grades: [{id: aa, title: {zh: 甲, en: A}, from_points: 1}, {id: bb, title: {zh: 乙, en: B}, from_points: 1}]", "begin at the same points"),
]  # fmt: skip


def faults(folder: Path, text: str) -> list[Fault]:
    folder.mkdir(exist_ok=True)
    for name in ("pack.yaml", "types.yaml"):
        (folder / name).write_text(FILES[name], "utf-8")
    (folder / "cases.yaml").write_text(text, "utf-8")
    bench = Bench({"tank": folder}, [], None, frozenset(), None)  # type: ignore[arg-type]
    subject = Subject(folder, bench)
    found = bench.read(folder)[1]
    return found or list(names.check(subject))


@pytest.mark.parametrize(("there", "put", "fault"), SWAP)
def test_what_decides_is_checked(tmp_path: Path, there: str, put: str, fault: str) -> None:
    whole = CASES + FLOWS + CARD
    assert whole.count(there) >= 1
    found = faults(tmp_path / "tank", whole.replace(there, put, 1))
    if fault:
        assert any(fault in f.message for f in found), found
        assert all("cases.yaml:" in f.where for f in found)
    else:
        assert found == []


def test_a_sound_pack_is_clean_and_an_idle_table_is_told(tmp_path: Path) -> None:
    assert faults(tmp_path / "tank", CASES + FLOWS + CARD) == []
    assert [f.code for f in faults(tmp_path / "tank", CASES + FLOWS)] == ["IDLE"]


def test_a_demo_fills_in_the_forms_of_its_cases(wells: Any) -> None:
    form = "form: {type: object, required: [depth], properties: {depth: {type: number, titles: {zh: 深, en: Depth}}}}"
    wells.replace("cases.yaml", "days: 1, next: [pump, drop]", f"days: 1, {form}, next: [pump, drop]")
    (told,) = {f.code for f in wells.check()} - {"IDLE"}
    assert told == "DEMO"
    wells.replace("demo.py", "CASE_PATHS = {", 'CASE_FORMS = {"pumping": {"check": {"depth": 2}}}\nCASE_PATHS = {')
    assert wells.check() == []
