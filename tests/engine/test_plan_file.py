"""Is every fault of a plan file named at its line?"""

from __future__ import annotations

from pathlib import Path

import pytest

from citytwin.engine import load
from citytwin.kernel.errors import Fault

HEAD = "id: p\ntitle: {zh: 规划, en: Plan}\nissuer: [市]\ndocument: 1\n"
TARGET = (
    "  - {id: %s, subject: {zh: 目标, en: Target}, kind: numeric, comparator: '>=', value: 1, place: {section: 一, start: 0, end: 1}, "
    "not_measured: {zh: 无, en: None}%s}\n"
)
MEASURE = "  - {id: %s, title: {zh: 任务, en: Task}, place: {section: 一, start: 0, end: 1}%s}\n"


def faults(path: Path, text: str) -> list[Fault]:
    path.write_text(text, "utf-8")
    found: list[Fault] = []
    load.read_plan(path, found)
    return found


def test_a_sound_file_has_none(tmp_path: Path) -> None:
    text = f"{HEAD}targets:\n{TARGET % ('aa', '')}{TARGET % ('bb', ', part_of: aa')}measures:\n{MEASURE % ('m001', ', target: aa')}"
    assert faults(tmp_path / "p.yaml", text) == []


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        (f"targets:\n{TARGET % ('aa', '')}{TARGET % ('aa', '')}", 7, "stands twice"),
        (f"targets:\n{TARGET % ('A', '')}", 6, "not an id"),
        (
            f"targets:\n{TARGET % ('aa', ', measured_by: {indicator: x.y, asset: z}')}",
            6,
            "either measured_by or not_measured",
        ),
        (f"targets:\n{TARGET % ('aa', ', part_of: bb')}", 6, "no target 'bb'"),
        (f"measures:\n{MEASURE % ('m001', '')}{MEASURE % ('m001', '')}", 7, "stands twice"),
        (f"measures:\n{MEASURE % ('m001', ', target: aa')}", 6, "no target 'aa'"),
    ],
)
def test_a_fault_is_named_at_its_line(tmp_path: Path, body: str, line: int, says: str) -> None:
    found = faults(tmp_path / "p.yaml", HEAD + body)
    assert [f.where.rpartition(":")[2] for f in found] == [str(line)]
    assert says in found[0].message
