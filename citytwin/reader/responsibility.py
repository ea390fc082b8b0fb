"""Who leads, and who takes part? Brackets and lines that name the bodies responsible."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

from .record import Responsibility

_BRACKET = re.compile(
    r"（([^（）]{2,400}(?:（[^（）]{1,40}）[^（）]{0,200}){0,6})）|〔([^〔〕\d][^〔〕]{1,400})〕|【([^【】]{2,400})】"
)
_LABEL = r"(?:牵头|责任|落实|主办|负责|主责|实施|配合|协办|参与|参加|支持|协同)(?:单位|部门|主体|处室|科室|机构)(?:及(?:配合|参与)(?:单位|部门))?"
_DUE = r"(?:完成|办结|责任|落实|计划完成)?(?:时限|时间|期限|时间节点|进度安排|工期)"
_PERSON = r"(?:责任|分管|包保|牵头|挂点|联系|包抓|负责|主管)(?:市|区|县|校|院|局)?(?:领导|人|同志|责任人)"  # people, not bodies
_LABELLED = re.compile(rf"({_LABEL}|{_DUE}|{_PERSON})：")
_LINE = re.compile(rf"{_LABEL}：[^。]{{2,300}}[。；]?")
_LEADS = re.compile(r"^(.{2,200}?)(?:共同|联合)?(?:牵头|主办)(?:负责|组织实施|落实|实施)?(?:[，；。](.*))?$")
_JOINS = re.compile(
    r"(?:等(?:部门|单位)?)?(?:按(?:照)?(?:各自)?职(?:责|能)?(?:分工)?)?(?:积极|共同|协同|组织)?"
    r"(?:参与|配合|参加|协助|协办|支持|协同|落实|推进|负责|实施)(?:负责|实施|落实)?$"
)
_SHARED = re.compile(
    r"^(.{2,300}?)(?:按(?:照)?(?:各自)?职(?:责|能)(?:分工)?)(?:共同|分别)?(?:负责|落实|推进|做好|"
    r"组织实施)?(?:落实)?(?:[，；](.*))?$"
)
_IN_CHARGE = re.compile(r"^(.{2,200}?)(?:共同)?负责(?:落实|实施|组织实施)?(?:[，；](.*))?$")
_PREFIX = re.compile(r"(?:市|区|县|省|镇|各?市级|各?区级|国家|省级|县级|旗|州|乡|街道)$")
_BODY = re.compile(r".(?:部|委|局|厅|署|办|府|会|中心|公司|集团|银行|法院|检察院)$")
_ORGAN = re.compile(
    r"(?:部|委|局|厅|署|院|办|室|会|府|站|队|心|司|行|门|位|区|市|县|团|社|体|处|所|业|厂|港|校|镇|道|组|院校|法院|"
    r"检察院|集团|机构|银行|学院|大学)$"
)


def bodies(text: str) -> tuple[tuple[str, ...], bool]:
    """The bodies a list names, and whether it ended in 等. 市、区机管局 is two bodies."""
    etc = False
    names: list[str] = []
    waiting: list[str] = []  # prefixes that share the noun of the body after them
    for name in _pieces(text):
        if re.search(r"等(?:部门|单位|有关部门|相关部门)?$", name):
            etc = True
            name = re.sub(r"等(?:部门|单位|有关部门|相关部门)?$", "", name)
        if not name:
            continue
        if _PREFIX.fullmatch(name):
            waiting.append(name)
            continue
        if waiting:
            m = re.match(r"(?:市|区|县|省|镇|市级|区级|国家|省级|县级|旗|州|乡|街道)", name)
            rest = name[m.end() :] if m else name
            names += [w + rest for w in waiting]
            waiting = []
        names.append(name)
    names += waiting
    return tuple(dict.fromkeys(names)), etc


def _pieces(text: str) -> list[str]:
    out: list[str] = []
    depth = at = 0
    text = re.sub(r"会同|联合|以及", "、", text)
    for i, c in enumerate(text):
        depth += (c == "（") - (c == "）")
        # 住房和城乡建设部 is one body, 自然资源部和林草局 are two: what stands before 和 must be a body already.
        joint = c in "和及与" and (_PREFIX.fullmatch(text, at, i) or _BODY.search(text, at, i))
        if depth == 0 and (c in "、，；,;" or joint):
            out.append(text[at:i])
            at = i + 1
    out.append(text[at:])
    return [piece.strip("。：:. ") for piece in out if piece.strip("。：:. ")]


# ，12月底前完成: a deadline behind the bodies
_DONE_BY = re.compile(
    r"[，；]?((?:(?:20\d\d年|今年)(?:底|末|\d{1,2}月(?:底|末)?)?|\d{1,2}月(?:底|末)?|年底)(?:之?前)?)(?:完成|办结|落实|建成|见效|取得实效)$"
)


def statement(inside: str) -> tuple[str, tuple[str, ...], tuple[str, ...], bool] | None:
    """Read one statement of responsibility: (mode, lead, participants, etc), or None where it is something else."""
    inside = _DONE_BY.sub("", re.sub(r"^由", "", inside))
    labels = list(_LABELLED.finditer(inside))
    if labels and labels[0].start() < 4:
        return _labelled(inside, labels)
    m = _LEADS.match(inside)
    if m:
        lead, etc = bodies(m.group(1))
        rest = re.sub(r"^由", "", m.group(2) or "")
        joined: tuple[str, ...] = ()
        if rest:
            joined, more = bodies(_JOINS.sub("", re.sub(r"等?按(?:照)?职责分工.*$", "等", rest)))
            etc = etc or more or "等" in rest
        return ("lead_and_participants" if joined else "lead_only", lead, joined, etc) if _named(lead) else None
    m = _SHARED.match(inside)
    if m:
        lead, etc = bodies(m.group(1))
        joined = bodies(_JOINS.sub("", m.group(2)))[0] if m.group(2) else ()
        return ("joint_by_duty", lead, joined, etc) if _named(lead) else None
    m = _IN_CHARGE.match(inside)
    if m:
        lead, etc = bodies(m.group(1))
        joined = bodies(_JOINS.sub("", m.group(2)))[0] if m.group(2) else ()
        return ("lead_and_participants" if joined else "lead_only", lead, joined, etc) if _named(lead) else None
    return None


def listed(inside: str) -> tuple[str, tuple[str, ...], tuple[str, ...], bool] | None:
    """A bracket with nothing but names of bodies in it (市水务局、市住建局): all of them lead."""
    names, etc = bodies(inside)
    plain = all(_ALONE.fullmatch(n) for n in names)
    return ("responsible_units", names, (), etc) if names and plain and len(inside) >= 4 else None


def _named(names: tuple[str, ...]) -> bool:
    return bool(names) and all(len(n) <= 30 for n in names) and bool(_ORGAN.search(re.sub(r"（.*?）$", "", names[0])))


def _labelled(inside: str, labels: list[re.Match[str]]) -> tuple[str, tuple[str, ...], tuple[str, ...], bool] | None:
    lead: list[str] = []
    joined: list[str] = []
    etc, led = False, any(re.match(r"(?:牵头|主办)(?!.*[导人志]$)", m.group(1)) for m in labels)
    for i, m in enumerate(labels):
        stop = labels[i + 1].start() if i + 1 < len(labels) else len(inside)
        if re.fullmatch(f"{_DUE}|{_PERSON}", m.group(1)):
            continue
        names, more = bodies(inside[m.end() : stop])
        etc = etc or more
        word = m.group(1)[:2]
        # Where somebody leads, those merely 'responsible' take part; where nobody does, all of them lead.
        leads = word in ("牵头", "主办", "主责") or (word in ("责任", "负责", "实施", "落实") and not led)
        (lead if leads else joined).extend(names)
    if not lead and not joined:
        return None
    mode = "responsible_units" if not led and not joined else "lead_and_participants"
    return mode, tuple(dict.fromkeys(lead)), tuple(dict.fromkeys(joined)), etc


_ALONE = re.compile(
    r"(?:国家|省|市|区|县|州|旗|镇|乡|街道|各)[^，。、]{0,14}(?:局|委|厅|部|办|署|政府|中心|公司|集团|院|行|会|区|县|街道|办事处)(?:（[^（）]{1,12}）)?"
)


def due(inside: str) -> str:
    """The words of a deadline that stands with the bodies (完成时限：2024年12月底前), else nothing."""
    m = re.search(rf"{_DUE}：([^；。，）]{{2,30}})", inside)
    m = m or _DONE_BY.search(inside)
    return m.group(1) if m else ""


def responsibilities(plain: str, start: int, end: int, breaks: Sequence[int]) -> tuple[Responsibility, ...]:
    """Every statement of responsibility between two offsets; each answers for the text since the one before it.

    `breaks` are the offsets at which paragraphs begin, in order.
    """
    spans = [(m.start(), m.end(), next(g for g in m.groups() if g)) for m in _BRACKET.finditer(plain, start, end)]
    spans += [span for m in _LINE.finditer(plain, start, end) if (span := _line(plain, m, breaks))]
    found: list[Responsibility] = []
    since = start
    for a, b, inside in sorted(spans, key=lambda span: (span[0], -span[1])):
        read = statement(inside.rstrip("。；")) if a >= since else None
        if read is None and a >= since and plain[a] == "（" and plain[a - 1 : a] in "。；" and plain[b - 1] == "）":
            read = listed(inside)
        if read and not read[1] and found and a - found[-1].end <= 1:
            before = found.pop()  # 牵头部门：A。配合部门：B: one statement in two sentences
            joined = tuple(dict.fromkeys((*before.participants, *read[2])))
            since = before.covers[0]
            read = ("lead_and_participants", before.lead, joined, before.etc or read[3])
            a = before.start
        if read:
            found.append(Responsibility(*read, a, b, (since, b), due(inside)))
            since = b
    return tuple(found)


def _line(plain: str, m: re.Match[str], breaks: Sequence[int]) -> tuple[int, int, str] | None:
    """A statement without brackets: it opens a paragraph or follows a full stop, and ends with its paragraph,
    unless the next one goes on with another label."""
    at = bisect_left(breaks, m.start())
    opens = at < len(breaks) and breaks[at] == m.start()
    if not opens and plain[m.start() - 1 : m.start()] not in ("。", "；"):
        return None
    stop = m.end()
    for edge in breaks[at + opens : at + opens + 6]:
        if edge >= stop:
            break
        if not _LABELLED.match(plain, edge):
            stop = edge
            break
    return m.start(), stop, plain[m.start() : stop]
