"""An invented plan, read into a draft of the tiny city."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from citytwin import reader
from citytwin.engine.drafts import judge
from citytwin.engine.drafts import read as drafts
from citytwin.engine.twin import Twin
from citytwin.kernel.draft import Draft, Record

PLAN = """青山区水务提升三年行动计划
青水〔2026〕7号

一、主要目标
到2028年，全区污水集中收集率达到85%以上，新建雨水调蓄池6座，供水管网漏损率控制在9%以内。

二、重点任务
（一）完善污水管网
2027年底前，改造老旧污水管网120公里。（责任单位：区水务局、区城管局）
（二）建设智慧水务平台
2026年底前，建成智慧水务平台。（区水务局牵头，区数据局、区财政局配合）
"""


class Desk:
    """Somebody who reads and decides; the draft is always the newest."""

    def __init__(self, twin: Twin, by: str = "李工") -> None:
        self.twin = twin
        self.by = by
        self.draft = self.read(PLAN)

    def read(self, text: str, of: str = "") -> Draft:
        self.draft = drafts.read(self.twin, text.encode(), "plan.txt", self.by, of, reads=reader.read)[0]
        return self.draft

    def act(self, act: Any, *records: str, **given: Any) -> judge.Judged:
        asked = judge.Asked(act, given.pop("by", self.by), given.pop("seen", self.draft.decisions), records, **given)
        made = judge.judge(self.twin, self.draft.id, asked)
        self.draft = made.draft
        return made

    def record(self, subject: str) -> Record:
        """The one record whose subject holds these words."""
        found = [r for r in self.draft.records if subject in r.subject]
        assert len(found) == 1, [r.subject for r in self.draft.records]
        return found[0]


@pytest.fixture
def desk(make_twin: Callable[..., Twin]) -> Desk:
    return Desk(make_twin())
