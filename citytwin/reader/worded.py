"""What does a clause promise without a digit? Full coverage, zero, a ban, a deliverable with a date."""

from __future__ import annotations

import re
from dataclasses import replace

from . import words as w
from .finding import Clause, Finding, Sentence
from .force import strength
from .subject import noun_after, noun_before
from .tokens import BLANK

# In a year's work plan only what is said to be finished counts without a date, not what is merely begun or built on.
FINISHED = re.compile(r"(?:建成|完成|出台|竣工|投用|编制完成|建成投用|印发|通过验收)(?!率|情况|度|后)[^，]{3,}")
_QUOTED = re.compile(f"“{BLANK}{{3,8}}”")
_NOUGHT = re.compile(r"零(?:增长|使用|填埋|直排|新增|发生|排放|进入)|全覆盖|动态清零")
# A clause without any of these words says nothing that is looked for here: most clauses need no closer look.
_SAYS = re.compile(
    "|".join(p.pattern for p in (w.MADE, w.COVER, w.ALL_OF, w.GONE_TO_ZERO, w.FORBID, w.HELD_ON))
    + f"|一|“{BLANK}|率先|下降|降低|减少|提高|提升|增长|增加|改善|扩大"
)
_FORMULA = re.compile(r"^特?(?:制定|编制|提出|印发)(?:本|以下|如下)|^特制定|现(?:予)?印发|印发给你们")


def worded(s: Sentence, clause: Clause) -> list[Finding]:
    """What a clause without a promised number states."""
    if not _SAYS.search(clause.text):
        return []
    moment = s.governing(clause.end, clause)
    left = _told_in_quotes(s, s.without_times(clause.start, clause.end))
    label = s.mask[clause.end : clause.end + 1] == "："
    if not left or label or _FORMULA.search(left) or (moment is not None and moment.role == "past"):
        return []
    gone = s.setting.past or s.setting.background or w.ALREADY.search(left[:12])
    if gone and moment is None:
        return []
    ahead = (
        moment is not None
        and moment.role == "by"
        and re.search(r"明|后|底|前|末|到", s.mask[moment.start : moment.end])
    )
    if s.setting.news and not (ahead or w.WILL.search(clause.text)):
        return []
    said = Finding("", clause.start, clause.end, "", moment=moment, qualifier=_qualifier(left))
    if re.match(r"[也还]?(?:需|须|应当?|必须)", left) and (moment is None or moment.start < clause.start):
        return []  # a duty of those named before, not a thing to be delivered
    dated = moment is not None or (s.setting.goals and s.setting.dated)
    found = (
        _covering(s.plain[clause.start : clause.end], left, said)
        or _banned(left, said)
        or _made(left, said, dated, s.setting.annual)
    )
    return [_strengthened(f, clause.text) for f in found]


def _told_in_quotes(s: Sentence, left: str) -> str:
    """With the words of a short quotation that is itself the promise: 实现“零填埋”."""
    for m in _QUOTED.finditer(left):
        at = s.mask.find(m.group(), s.start, s.end)
        inside = s.plain[at + 1 : at + len(m.group()) - 1] if at >= 0 else ""
        if _NOUGHT.fullmatch(inside):
            left = left.replace(m.group(), inside, 1)
    return left


def _strengthened(f: Finding, words: str) -> Finding:
    """With the word that says how strongly; inside the name of the thing (支持政策) no word counts."""
    at = words.find(f.subject) if len(f.subject) > 1 else -1
    word, force = strength(words[:at] if at > 0 else words)
    return replace(f, modality=word, force=force)


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
    if not m or re.search(r"(?:明确|规定|涉及|属于|列入|国家|明令|依法)$", left[: m.start()]):
        return []
    said = replace(said, subject=left[m.end() :][:60])
    if said.moment is not None:
        return [replace(said, kind="milestone", comparator="done_by", sure=0.8)]
    return [replace(said, kind="ban", comparator="=", value=0.0, sure=0.7)]


def _made(left: str, said: Finding, dated: bool, annual: bool) -> list[Finding]:
    """A deliverable with a date: 2023年底前，出台…标准."""
    bare = not dated and annual and FINISHED.match(w.ADVERBS.sub("", left))
    if not (dated or bare):
        return []
    core = w.ADVERBS.sub("", left)
    held = w.HELD_ON.search(core) if said.moment and said.start <= said.moment.start else None
    if w.PROCESS.match(core) and not held and not re.match(r"通过[^，]{0,12}(?:验收|评估|认定|审查)$", core):
        return []
    way = w.MEASURABLE.fullmatch(core)
    if way:
        sign = "reduce_by" if way.group("way") in ("减少", "下降", "降低") else "increase_by"
        return [replace(said, kind="qualitative", subject=core, comparator=sign, sure=0.5)]
    m = w.MADE.search(core) or held
    examined = m is held
    if held is None and re.search(r"(?:加快|加速|逐步|持续)$", core[: m.start()] if m else ""):
        return []  # 体系加快构建 says where things move, not what will stand
    if m and re.search(
        r"的(?:省份|地区|城市|企业|单位|区县|部门|项目|机构|个人|家庭|小区|村|街道|人员|车辆|设备)$", core
    ):
        return []  # 提前完成任务的省份: whom the rest of the sentence is about
    if not m or core[m.end() : m.end() + 1] in ("的", "后", "时", "率", "度", "量") or w.SOFT.search(core):
        return []
    if re.search(r"(?:已|对|经|所)$", core[: m.start()]):
        return []
    rest = re.sub(r"^(?:开展|组织|进行|完成|启动)", "", m.group()) if examined else core[m.end() :].strip("了的")
    if re.match(r"并|且|、|后|投[用产运入]|运[行营]|实施$|执行$|开放|通车|发电|达产|达效", rest):
        rest = ""  # 平台建成并运行: what is built stands before
    name = rest or noun_before(core[: m.start()])
    return [
        replace(
            said,
            kind="milestone",
            subject=name,
            comparator="done_by",
            sure=0.8 if said.moment else 0.6 if dated else 0.45,
        )
    ]
