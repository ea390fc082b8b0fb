"""Errors in Chinese: against the messages in our own source, so that no translation outlives what it translates, and none that people meet is forgotten."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from citytwin.api import chinese, problems
from tests.api.conftest import Caller

ROOT = Path(problems.__file__).parents[1]
KINDS = {"NotFound", "BadRequest", "Conflict", "Forbidden", "Unauthorized", "TooMany", "TooLarge", "Unsupported", "StoreFailed"}  # fmt: skip
MET = ("engine/hold.py", "engine/handle.py", "engine/lots.py", "engine/form.py", "engine/files.py", "engine/enter.py", "kernel/case.py", "api/gate.py", "api/house.py")  # fmt: skip
"""Where people meet errors all day: every message there is in the table."""


def told(node: ast.AST) -> str:
    """A text of the source, `{}` for what is filled in; "" for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
    return ""


def raised(path: Path) -> list[str]:
    """The messages of the errors that a file makes."""
    calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call) and n.args]
    return [m for c in calls if getattr(c.func, "id", getattr(c.func, "attr", "")) in KINDS and (m := told(c.args[0]))]


def test_every_translation_against_the_texts_of_our_source() -> None:
    files = [p for p in ROOT.rglob("*.py") if p.name != "chinese.py"]
    texts = {told(n) for p in files for n in ast.walk(ast.parse(p.read_text("utf-8")))}
    assert [k for k in (*chinese.MESSAGES, *chinese.HINTS) if k not in texts] == []


def test_every_translation_fills_in_as_much_as_its_message() -> None:
    for text, said in {**chinese.MESSAGES, **chinese.HINTS}.items():
        if text == "it is by: {} {}":  # the role in both languages; one is enough
            continue
        if text == "it is not said why ({})":  # the act is plain from where it is told
            continue
        assert len(re.findall(r"\{\d?\}", said)) == text.count("{}"), text


def test_all_that_people_meet_is_in_the_table() -> None:
    assert [(f, m) for f in MET for m in raised(ROOT / f) if m not in chinese.MESSAGES] == []
    assert {code for _, code, _ in problems.codes()} <= set(chinese.TITLES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("there is no alarm 'a-1'", "没有告警“a-1”"),
        ("an alarm that is suppressed cannot acknowledge", "被抑制的告警不能确认"),
        ("5 cannot be drawn from 3", "不能从 3 个中抽取 5 个"),
        ("step 'a' does not follow 'b\nc'", "环节“a”不能接在“b\nc”之后"),
        ("nothing of the kind", ""),
    ],
)
def test_what_is_filled_in_comes_along(text: str, said: str) -> None:
    assert chinese.message(text) == said


def test_a_problem_is_told_in_both_languages_where_people_ask(client: Caller) -> None:
    problem = client.get("/api/alarms/none").json()
    assert (problem["detail"], problem["title_zh"], problem["detail_zh"]) == (
        "there is no alarm 'none'",
        "找不到",
        "没有告警“none”",
    )
    assert "hint_zh" not in problem  # an address of the interface is for machines
    asked = client.post(
        "/api/alarm-holds", json={"rule": "*", "asset": "*", "kind": "shelved", "reason": "x", "by": "王"}
    ).json()
    assert (asked["detail_zh"], asked["hint_zh"]) == ("不能一次搁置全市的告警", "指明规则或设施")
    assert "title_zh" not in client.get("/ogc/collections/none").json()
