"""What does a clause promise without a digit? Full coverage, zero, a ban, a deliverable with a date."""

from __future__ import annotations

import re
from dataclasses import replace

from . import words as w
from .finding import Clause, Finding, Sentence
from .subject import noun_after, noun_before

_FORMULA = re.compile(r"^特?(?:制定|编制|提出|印发)(?:本|以下|如下)|^特制定|现(?:予)?印发|印发给你们")


def worded(s: Sentence, clause: Clause) -> list[Finding]:
    """What a clause without a promised number states."""
    moment = s.governing(clause.end, clause)
    left = s.without_times(clause.start, clause.end)
    label = s.mask[clause.end : clause.end + 1] == "："
    if not left or label or _FORMULA.search(left) or (moment is not None and moment.role == "past"):
        return []
    gone = s.setting.past or s.setting.background or w.ALREADY.search(left[:12])
    if gone and moment is None:
        return []
    if s.setting.news and not w.WILL.search(clause.text):
        return []
    said = Finding("", clause.start, clause.end, "", moment=moment, modality=modality(left), qualifier=_qualifier(left))
    dated = moment is not None or (s.setting.goals and s.setting.dated)
    return _covering(s.plain[clause.start : clause.end], left, said) or _banned(left, said) or _made(left, said, dated)


def _qualifier(left: str) -> str | None:
    return "basically" if w.BASICALLY.search(left) else "initially" if w.INITIALLY.search(left) else None


def _covering(quote: str, left: str, said: Finding) -> list[Finding]:
    m = w.COVER.search(left) or w.ALL_OF.search(left)
    near = "approx" if said.qualifier else "="
    said = replace(said, kind="coverage", comparator=near, unit="%")
    if m and not (w.PROCESS.match(left) and "覆盖" not in m.group()):
        return [replace(said, subject=noun_before(left[: m.start()]), value=100.0, sure=0.75)]
    m = w.GONE_TO_ZERO.search(left)
    if m:
        name = noun_before(left[: m.start()]) + left[m.end() : m.end() + 20]
        return [replace(said, subject=name, value=0.0, sure=0.7)]
    m = w.ONE_EACH.search(quote)
    if m and m.group(1) != m.group(2):
        name = noun_after(quote[m.end() :]) or noun_before(left[:20])
        each = f"{m.group(2)}/{m.group(1)}"  # 一区一点: one 点 for each 区
        return [replace(said, subject=name, comparator=">=", value=1.0, unit=each, sure=0.5)]
    return []


def _banned(left: str, said: Finding) -> list[Finding]:
    m = w.FORBID.search(left)
    if not m:
        return []
    said = replace(said, subject=left[m.end() :][:60])
    if said.moment is not None:
        return [replace(said, kind="milestone", comparator="done_by", sure=0.8)]
    return [replace(said, kind="ban", comparator="=", value=0.0, sure=0.7)]


def _made(left: str, said: Finding, dated: bool) -> list[Finding]:
    """A deliverable with a date: 2023年底前，出台…标准."""
    if not dated:
        return []
    core = w.ADVERBS.sub("", left)
    if w.PROCESS.match(core):
        return []
    way = w.MEASURABLE.fullmatch(core)
    if way:
        sign = "reduce_by" if way.group("way") in ("减少", "下降", "降低") else "increase_by"
        return [replace(said, kind="qualitative", subject=core, comparator=sign, sure=0.5)]
    m = w.MADE.search(core)
    if not m or core[m.end() : m.end() + 1] in ("的", "后", "时", "率", "度", "量") or w.SOFT.search(core):
        return []
    if re.search(r"(?:已|对|经|所)$", core[: m.start()]):
        return []
    name = core[m.end() :].strip("了的") or noun_before(core[: m.start()])
    return [replace(said, kind="milestone", subject=name, comparator="done_by", sure=0.8 if said.moment else 0.6)]


def modality(left: str) -> str | None:
    """The word that softens a promise (力争, 争取, 探索), kept beside it and never a reason to drop it."""
    m = w.MODAL.search(left)
    return m.group() if m else None
