"""Who is said in the running text to lead or to act? 由市水务局牵头，会同…; 市水务局负责…; 市水务局要…"""

from __future__ import annotations

import re
from bisect import bisect_left

from .record import Responsibility
from .responsibility import bodies

_CUE = re.compile(
    r"(?P<leads>(?:共同|联合)?牵头(?!单位|部门|人|作用|抓总|方|机构|处室)(?:负责)?)|(?P<charged>(?:共同)?负责(?![人制任]|的态度|单位|部门))|"
    r"(?P<joins>会同|联合(?=市|省|区|县|相关|有关))|(?P<must>(?:要|应当|应|须|需|将)(?![求素点闻件道地害约用对急收]))"
)
_LAST = frozenset("局委厅部署办室府会团司心道镇院位门行社妇区县市）等处队联")  # how the name of a body ends
_EDGE = "。；，：！？|）（”“"
_STOP = re.compile(r"[。；！？]")
# A body ends in one of these; what follows must not make a longer name of it.
_TAIL = (
    r"(?:委员会|办公室|办公厅|管委会|街道办事处|管理处|研究院|总队|支队|大队|集团|公司|中心|街道|政府|部门|单位|联社|银行|供销社|工会|妇联|"
    r"团[市区县]?委|[^全内外各局本西东南北中分干一]部|[^格布结]局|[^编]委|厅|署|[^举兴主开承督创]办|[^医法学]院|镇)"
)
_ONE = re.compile(
    rf"[\u4e00-\u9fff]{{1,16}}?{_TAIL}(?:（[^（）]{{1,16}}）)?(?!办公室|办公厅|中心|公司|集团|分局|研究院|会|门|署)"
)
_BODY = re.compile(
    rf"(?:[\u4e00-\u9fff]{{1,20}}{_TAIL}|各[\u4e00-\u9fff]{{0,3}}[区县市镇](?:（[^（）]{{1,8}}）)?(?:[\u4e00-\u9fff]{{0,6}}政府)?)(?:（[^（）]{{1,16}}）)?"
)
_GENERAL = re.compile(
    r"各(?:级|部门|单位|地|有关|相关|成员|责任|牵头|项目)|有关|相关|责任|牵头|成员|用能|用水|建设单位|企业|本|我"
)
_JOIN = re.compile(r"[、和及与]|以及")
_WITH = re.compile(r"[，、]?(?:会同|联合|商|协同)")
_HELP = re.compile(
    r"等?(?:有关|相关)?(?:部门|单位)?(?:共同|积极|协同|按(?:照)?(?:各自)?职责(?:分工)?)?(?:配合|参与|协助|参加|支持|协同|落实|做好|推进|实施)"
)
_EMPTY = re.compile(
    r"^[，、]?(?:等?(?:有关|相关)?(?:部门|单位)?)?(?:共同|按(?:照)?(?:各自)?职责(?:分工)?|积极|协同)?(?:组织)?(?:配合|参与|协助|参加|支持|实施|落实|推进|做好|负责|抓好)*"
    r"(?:落实|实施|工作)?$"
)
_LONGEST = 200


def spoken(plain: str, start: int, end: int) -> tuple[Responsibility, ...]:
    """Who leads what in one paragraph, as its sentences say; each statement answers for its own sentence, or, where it
    says nothing else, for what stands before it."""
    cues = list(_CUE.finditer(plain, start, end))
    found: list[tuple[int, int, str, tuple[str, ...], tuple[str, ...], bool]] = []
    past = start
    for m in cues:
        if m.start() <= past or plain[m.start() - 1] not in _LAST:
            continue
        low = max(past, m.start() - _LONGEST)
        at = max(low, *(plain.rfind(c, low, m.start()) + 1 for c in _EDGE))
        by = plain.rfind("由", at, m.start())
        named, etc = bodies(plain[by + 1 if by >= 0 else at : m.start()])
        kind = m.lastgroup or ""
        if not named or not all(_BODY.fullmatch(n) for n in named) or (kind == "must" and _GENERAL.match(named[0])):
            continue
        stop = m.end()
        joined: tuple[str, ...] = ()
        if kind != "must":
            joined, stop = _others(plain, m.start() if kind == "joins" else stop, end)
        found.append((at, stop, kind, named, joined, etc))
        past = stop
    label = _labelled(plain, start, end)
    return (*_covering(plain, start, end, found), *((label,) if label else ()))


def _labelled(plain: str, start: int, end: int) -> Responsibility | None:
    """A paragraph that begins with a body and a colon: 市财政局：保障建设资金1亿元。"""
    colon = plain.find("：", start, min(end, start + 60))
    head = (
        re.sub(r"^(?:[\d（）一二三四五六七八九十]{1,4}[.、．）]?|[-·●■◆—])", "", plain[start:colon])
        if colon > start
        else ""
    )
    named, etc = bodies(head)
    if not named or not all(_BODY.fullmatch(n) for n in named) or _GENERAL.match(named[0]):
        return None
    return Responsibility("lead_only", named, (), etc, start, colon, (start, end))


def _others(plain: str, at: int, end: int) -> tuple[tuple[str, ...], int]:
    """The bodies that join in: behind 会同, or before 配合; and where their names end."""
    m = _WITH.match(plain, at, end)
    if m:
        names, stop = _names(plain, m.end(), end)
        return names, stop if names else at
    if plain[at : at + 1] in ("，", "、"):
        names, stop = _names(plain, at + 1, end)
        if names and (helped := _HELP.match(plain, stop, end)):
            return names, helped.end()
    return (), at


def _names(plain: str, at: int, end: int) -> tuple[tuple[str, ...], int]:
    start = stop = at
    while m := _ONE.match(plain, at, end):
        stop = m.end()
        joint = _JOIN.match(plain, stop, end)
        if joint is None:
            break
        at = joint.end()
    return bodies(plain[start:stop])[0] if stop > start else (), stop


def _covering(
    plain: str, start: int, end: int, found: list[tuple[int, int, str, tuple[str, ...], tuple[str, ...], bool]]
) -> tuple[Responsibility, ...]:
    out: list[Responsibility] = []
    stops = [m.start() for m in _STOP.finditer(plain, start, end)] if found else []
    since = start
    for n, (at, stop, kind, named, joined, etc) in enumerate(found):
        edge = bisect_left(stops, stop)
        close = stops[edge] if edge < len(stops) else end
        following = found[n + 1][0] if n + 1 < len(found) else end
        if kind in ("leads", "joins", "charged") and _EMPTY.match(plain[stop : min(close, stop + 60)]):
            covers = (since, close)
        else:
            covers = (at, min(close, following))
        mode = "lead_and_participants" if joined else "lead_only"
        out.append(Responsibility(mode if kind != "must" else "actor", named, joined, etc, at, stop, covers))
        since = covers[1]
    return tuple(out)
