"""The constructions that the reference page lists: each of its examples is read, and must give what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from citytwin.reader import Commitment, read

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "reader.md"
HEAD = "清江市绿色低碳发展实施方案（2023—2025年）\n清政发〔2023〕6号\n一、重点任务\n（一）推进实施\n"
ROW = re.compile(r"\| (?P<about>\w+) \| (?P<what>[^|]+) \| `(?P<example>[^`]+)` \| (?P<read>.+) \|")
BAR, BREAK, NOTHING = "\\|", "⏎", "nothing"


def listed() -> list[tuple[str, str, list[str]]]:
    """Every row of the table: what it is about, its example, and the commitments the page promises."""
    out = []
    for line in PAGE.read_text("utf-8").partition("## What it understands")[2].partition("\n## ")[0].splitlines():
        m = ROW.fullmatch(line)
        if m:
            told = [] if m["read"] == NOTHING else re.findall(r"`([^`]+)`", m["read"])
            out.append((m["about"], m["example"].replace(BAR, "|").replace(BREAK, "\n"), told))
    return out


def shown(c: Commitment) -> str:
    """A commitment as the page writes it."""
    value = "" if c.value is None else f" {c.value:.12g}" + (f"–{c.value_max:.12g}" if c.value_max is not None else "")
    words = c.kind + (f" {c.comparator}" if c.comparator else "") + value + (f" {c.unit}" if c.unit else "")
    more = [f"since {c.baseline}"] if c.baseline else []
    more += [f"from {c.baseline_value:.12g}"] if c.baseline_value is not None else []
    more += [word for word in (c.force, c.qualifier) if word]
    more += [f"in {c.scope}"] if c.sources.get("scope") == "stated" else []
    more += ["led by " + "、".join(c.lead)] if c.lead else []
    more += ["with " + "、".join(c.participants)] if c.participants else []
    when = f", {c.deadline}" if c.deadline else ""
    subject = f": {c.subject}" if c.subject else ""
    return words + when + subject + (f" ({'; '.join(more)})" if more else "")


@pytest.mark.parametrize(("about", "example", "told"), listed(), ids=lambda x: x[:16] if isinstance(x, str) else "")
def test_construction_against_the_page(about: str, example: str, told: list[str]) -> None:
    (document,) = read((HEAD + example + "\n").encode()).documents
    assert [shown(c) for c in document.commitments] == told, about


def test_the_page_covers_every_difficulty() -> None:
    rows = listed()
    assert {about for about, _, _ in rows} == {*map(str, range(1, 17)), "who"}
    assert len(rows) >= 60
    assert len({example for _, example, _ in rows}) == len(rows)
