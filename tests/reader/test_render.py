"""Rows, table and draft of a reading."""

from __future__ import annotations

import json
import re

from citytwin.reader import draft, read, rows, table
from citytwin.reader.load import columns

TEXT = """关于印发《南山区2024年城市更新工作要点》的通知
南更发〔2024〕7号
各街道：
南山区城市更新局
2024年1月9日
一、重点工作
（一）改造提升。全年改造老旧小区25个，加装电梯不少于120台，居民满意率达到90%左右。（区更新局牵头）
（二）规范管理。6月底前，出台项目管理办法。禁止擅自改变建筑用途。目前已改造小区140个，环境质量水平持续提高。
"""


def test_rows_against_the_annotation_format() -> None:
    found = rows(read(TEXT.encode()))
    needed = {
        "doc", "doc_title", "section", "section_title", "kind", "quote", "subject", "comparator", "value", "unit", "scope", "baseline",
        "deadline", "deadline_source", "lead", "participants", "start", "end", "raw_start", "raw_end", "confidence", "sources",
    }  # fmt: skip
    assert all(needed <= set(row) for row in found)
    assert json.loads(json.dumps(found, ensure_ascii=False)) == found
    assert [row["kind"] for row in found] == ["numeric", "numeric", "numeric", "milestone", "ban", "fact"]
    assert [row["value"] for row in found[:3]] == [25, 120, 90]


def test_table_columns_align() -> None:
    text = table(read(TEXT.encode()))
    lines = text.splitlines()
    assert lines[0] == "1. 南山区2024年城市更新工作要点 南更发〔2024〕7号 2024-01-09"
    at = {columns(line[: m.start()]) for line in lines[2:7] if (m := re.search(r"\d{4}-\d\d-\d\d|—", line))}
    assert len(at) == 1
    assert "≥ 120 台" in text
    assert "140" not in text  # a fact is no commitment


def test_draft_is_plain_and_stable() -> None:
    (plan,) = draft(read(TEXT.encode()))
    assert plan == draft(read(TEXT.encode()))[0]
    assert re.fullmatch(r"[a-z][a-z0-9_]{1,39}", str(plan["id"]))
    assert (plan["number"], plan["issued"], plan["bodies"]) == ("南更发〔2024〕7号", "2024-01-09", ["南山区城市更新局"])
    targets = plan["targets"]
    assert isinstance(targets, list)
    assert [t["id"] for t in targets] == ["t001", "t002", "t003", "t004", "t005"]
    assert targets[0]["lead"] == ["区更新局"]
    assert json.loads(json.dumps(plan)) == plan
