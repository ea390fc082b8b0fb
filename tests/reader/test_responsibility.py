"""Statements of responsibility in their usual forms, against reading by hand."""

from __future__ import annotations

import pytest

from citytwin.reader.responsibility import bodies, statement

STATEMENTS = {
    "市水务局牵头": (["市水务局"], []),
    "市水务局牵头负责": (["市水务局"], []),
    "由市水务局牵头，市财政局配合": (["市水务局"], ["市财政局"]),
    "市水务局、市园林局牵头，市财政局、各区政府等按职责分工负责": (["市水务局", "市园林局"], ["市财政局", "各区政府"]),
    "市发展改革委牵头，会同市财政局、市水务局落实": (["市发展改革委"], ["市财政局", "市水务局"]),
    "自然资源部和林草局牵头，住房和城乡建设部等参与": (["自然资源部", "林草局"], ["住房和城乡建设部"]),
    "市教育局、市卫生健康委等部门按职责分工负责": (["市教育局", "市卫生健康委"], []),
    "各区政府，市有关部门按职责分工落实": (["各区政府", "市有关部门"], []),
    "市城管局负责": (["市城管局"], []),
    "市城管局负责，市公安局、各区政府配合": (["市城管局"], ["市公安局", "各区政府"]),
    "责任单位：市、区水务局，市文化和旅游局": (["市水务局", "区水务局", "市文化和旅游局"], []),
    "牵头单位：市商务局；责任单位：市财政局、各区政府": (["市商务局"], ["市财政局", "各区政府"]),
    "牵头单位：市商务局，配合单位：市财政局；完成时限：2024年底": (["市商务局"], ["市财政局"]),
    "责任部门：市交通运输局、市公安局（交警支队）": (["市交通运输局", "市公安局（交警支队）"], []),
}


@pytest.mark.parametrize(("inside", "want"), STATEMENTS.items(), ids=range(len(STATEMENTS)))
def test_statement_against_reading_by_hand(inside: str, want: tuple[list[str], list[str]]) -> None:
    read = statement(inside)
    assert read is not None
    _, lead, participants, _ = read
    assert (list(lead), list(participants)) == want


@pytest.mark.parametrize(
    "inside", ["以下简称本方案", "一、二类", "2023—2025年", "含新建、改建", "第一批", "大专及以上"]
)
def test_other_brackets_are_not_statements(inside: str) -> None:
    assert statement(inside) is None


def test_open_lists_are_marked() -> None:
    assert bodies("市教育局、市民政局等") == (("市教育局", "市民政局"), True)
    assert bodies("市教育局、市民政局") == (("市教育局", "市民政局"), False)
