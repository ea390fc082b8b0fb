"""Which documents does a file hold, and what does each say about itself?"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

from .load import Line, Text
from .tokens import last_day, period_end, year_of

_SOURCE = re.compile(r"(?:信息|文章|资料|稿件)?来源：")
_NUMBER = re.compile(r"[\u4e00-\u9fff]{1,12}(?:字|发|办|函)?〔(\d{4})〕(?:第)?\d{1,4}号")
_NUMBER_LINE = re.compile(rf"(?:文号：)?{_NUMBER.pattern}$")
_DATE = re.compile(
    r"((?:19|20)\d\d|二[〇○零][〇○零一二三四五六七八九]{2})年(\d{1,2}|十?[一二三四五六七八九十])月(\d{1,2}|"
    r"[二三]?十?[一二三四五六七八九十])日"
)
_ORGAN = re.compile(
    r"[\u4e00-\u9fff（）]{3,34}(?:部|委|局|厅|署|院|办|办公室|办公厅|委员会|政府|管委会|领导小组|联席会议|总队|"
    r"中心|公司|协会|行|会)$"
)
_KIND = r"(?:通知|意见|方案|规划|计划|要点|纲要|办法|条例|决定|措施|报告|公告|公报|批复|细则|规定|指引|指南|清单|任务|安排|行动|目标|战略|蓝图|政策|导则)"
_TITLE_END = re.compile(_KIND + r"(?:（[^）]{1,30}）)?》?(?:的通知|的意见|的公告|的函|的决定|的批复)?$")
_BODY_START = re.compile(
    r"(?:为|根据|按照|依据|各(?:区|市|县|省|有关|相关|单位)|\d{1,2}月\d{1,2}日|近日|日前|目录|附件|附：|索引号|"
    r"发布日期|文号|成文日期)"
)
# What a web page puts above the document itself.
_META = re.compile(
    r"(?:索引号|主题分类|主题词|发文机关|发文机构|发布机构|制发机关|成文日期|发布日期|发文日期|生成日期|发布时间|发文字号|文号|文件编号|有效性|效力状态|信息类别|公开方式|公开类别|"
    r"组配分类|体裁分类|名称|标题|字体|浏览次数|打印|分享|索取号|关键词)[：】\]]"
)
_HEADING = re.compile(
    r"(?:第[一二三四五六七八九十百]{1,4}[章节篇编部]|[一二三四五六七八九十]{1,3}、|（[一二三四五六七八九十]{1,3}）|"
    r"\d{1,3}[.、])"
)
_PLAN = re.compile(_KIND)
_REPORTED = re.compile(r"据悉|据介绍|记者|获悉|了解到|近日|日前|昨[天日]|介绍说|本报|图为|表示，")


@dataclass(frozen=True, slots=True)
class Part:
    """One document as cut out of the file."""

    index: int
    title: str
    number: str | None
    bodies: tuple[str, ...]
    issued: date | None
    year: int | None
    year_assumed: bool
    annual: bool  # its title promises one year's work
    horizon: date | None  # the deadline its title gives
    news: bool  # a report or essay: what it counts are facts unless it says 'will'
    start: int
    end: int
    head_end: int  # where the text after the title begins
    lines: tuple[Line, ...]


def split(text: Text) -> tuple[Part, ...]:
    """Cut a file into documents and read title, number, bodies and dates of each."""
    lines = text.lines
    cuts = [0]
    for i in range(1, len(lines)):
        words = text.plain[lines[i].start : lines[i].end]
        before = text.plain[lines[i - 1].start : lines[i - 1].end]
        if _SOURCE.match(before) and len(before) < 40 and lines[i].start > cuts[-1] and len(words) > 3:
            cuts.append(i)
        elif _NUMBER_LINE.match(words) and i - cuts[-1] > 8:
            top = _title_top(text, i, cuts[-1])
            if top is not None:
                cuts.append(top)
    parts: list[Part] = []
    for n, at in enumerate(cuts):
        stop = cuts[n + 1] if n + 1 < len(cuts) else len(lines)
        parts.append(_part(text, n + 1, lines[at:stop]))
    known = [p.year for p in parts if p.year]
    fallback = max(set(known), key=known.count) if known else None
    return tuple(p if p.year else _assumed(p, fallback or _first_year(text, p)) for p in parts)


def _assumed(part: Part, year: int | None) -> Part:
    return replace(part, year=year, year_assumed=year is not None)


def _first_year(text: Text, part: Part) -> int | None:
    """The earliest year that a document without a date says something will be done by: then it was written."""
    named = re.findall(r"(?<![较比从])(20\d\d)年(?:\d{1,2}月|底|末|[上下]半年)", text.plain[part.head_end : part.end])
    return min(map(int, named)) if named else None


def _title_top(text: Text, at: int, floor: int) -> int | None:
    """The first line of the title that stands above a document number, if a title stands there."""
    for top in range(at - 1, max(at - 4, floor + 3), -1):
        words = text.plain[text.lines[top].start : text.lines[at - 1].end]
        if len(words) > 80:
            return None
        if re.match(r".{0,30}关于", words) and _TITLE_END.search(words):
            return top
    return None


def _part(text: Text, index: int, lines: tuple[Line, ...]) -> Part:
    rows = [text.plain[line.start : line.end] for line in lines]
    start, end = lines[0].start, lines[-1].end
    above = 0
    while above < min(20, len(rows) - 1) and _META.match(rows[above]):
        above += 1
    taken = above + _title_lines(rows[above:], lines[above:])
    named = next((row[m.end() :] for row in rows[:above] if (m := re.match(r"(?:标题|名称)：", row))), "")
    full = named or "".join(rows[above:taken])
    title = _inner_title(full)
    at = text.plain.find(title, start, end)
    written = text.stripped[at : at + len(title)] if at >= 0 else title
    whole = text.plain[start:end]
    head = whole[:1500]
    found = next(
        (
            m
            for row in rows[:12]
            if (m := _NUMBER_LINE.match(row.strip("（）")) or re.search(rf"[文字]号：({_NUMBER.pattern})", row))
        ),
        None,
    )
    stated = _NUMBER.search(found.group()) if found else None
    number = stated.group() if stated else None
    bodies, signed = _signature(rows)
    spoken = next(
        (m for row in rows[1:5] if (m := _DATE.match(row.lstrip("-（")))), None
    )  # a report's date stands below its title
    issued = (
        signed
        or _dated(head)
        or _dated(whole[-300:], "印发")
        or (_date(spoken) if spoken else None)
        or _dated_last(rows)
    )
    lead = re.match(r"(.{2,40}?)(?:关于(?:印发|进一步|加快|推进|全面|实施|开展|做好|促进|加强|深入)|印发|发布《)", full)
    if not bodies and lead and not lead.group(1).startswith("关于"):
        bodies = (lead.group(1),)
    year, annual, horizon = _title_time(full)
    if issued and not (annual and year):
        year = issued.year
    if year is None and number and (of_number := re.search(r"〔(\d{4})〕", number)):
        year = int(of_number.group(1))
    if year is None and not _PLAN.search(title):
        dated = re.search(r"(20\d\d)年\d{1,2}月", head)
        year = int(dated.group(1)) if dated else None
    if issued and title.endswith("工作报告"):
        annual, horizon = True, date(issued.year, 12, 31)
    numbered = sum(bool(_HEADING.match(row)) for row in rows)
    official = bool(_TITLE_END.search(title)) or "关于" in title or annual
    news = numbered < 3 and not official and (any(_SOURCE.match(r) for r in rows[-3:]) or bool(_REPORTED.search(whole)))
    body = rows[taken:]
    head_end = lines[taken].start if body else start
    return Part(index, written, number, bodies, issued, year, False, annual, horizon, news, start, end, head_end, lines)


def _title_lines(rows: list[str], lines: tuple[Line, ...]) -> int:
    """How many of the first lines make up the title (0 where the text begins without one)."""
    if re.search(r"[。；]", rows[0]) or len(rows) == 1 or len(rows[0]) > 60 or _HEADING.match(rows[0]):
        return 0
    if rows[0].endswith(("，", "、")) or re.match(r"(?:到|至)?20\d\d年.{0,12}，", rows[0]):
        return 0
    n = 1
    while n < min(4, len(rows)):
        so_far, row = "".join(rows[:n]), rows[n]
        if _TITLE_END.search(so_far) and row not in ("的通知", "的意见"):
            break
        broken = n + 1 < len(rows) and not lines[n + 1].opens  # it runs on: a paragraph, not a title
        if (
            broken
            or len(row) > 34
            or re.search(r"[。；：]", row)
            or _BODY_START.match(row)
            or _HEADING.match(row)
            or _NUMBER.match(row.lstrip("（"))
        ):
            break
        if "，" in row or _DATE.match(row.lstrip("-（")) or row[-1] in "，、":
            break
        n += 1
    return n


def _inner_title(full: str) -> str:
    m = re.search(r"(?:关于)?(?:印发|发布|下达|公布|批转|转发).{0,4}《(.{2,90})》", full)
    if m:
        return m.group(1)
    m = re.search(r"关于印发(.{2,90}?)的通知$", full)
    return m.group(1) if m else full


def _signature(rows: list[str]) -> tuple[tuple[str, ...], date | None]:
    """The bodies that signed, read upwards from a line that is nothing but a date."""
    for i, row in enumerate(rows):
        m = _DATE.fullmatch(row)
        if not m or i == 0:
            continue
        names: list[str] = []
        for above in (rows[n] for n in range(i - 1, -1, -1)):
            if above.startswith("（") and above.endswith("）"):
                continue
            if not _ORGAN.fullmatch(above) and not (names and re.fullmatch(r"[\u4e00-\u9fff]{4,16}", above)):
                break
            names.append(above)
        if names:
            return tuple(reversed(names)), _date(m)
    return (), None


def _dated(words: str, behind: str = "") -> date | None:
    iso = (
        None
        if behind
        else re.search(
            r"(?:发布|成文|印发|公开|发文|生成)(?:日期|时间)：((?:19|20)\d\d)[-./](\d{1,2})[-./](\d{1,2})", words
        )
    )
    if iso:
        return _date(iso)
    pattern = (
        _DATE.pattern + behind if behind else r"(?:发布日期|成文日期|印发日期|发布时间|公开日期)：" + _DATE.pattern
    )
    m = re.search(pattern, words)
    return _date(m) if m else None


def _dated_last(rows: list[str]) -> date | None:
    """The date in the last lines, where body and date share one."""
    found = [m for row in rows[-6:] if len(row) < 40 and (m := re.search(_DATE.pattern + "(?:印发)?$", row))]
    return _date(found[-1]) if found else None


def _date(m: re.Match[str]) -> date | None:
    year, month, day = (year_of(m.group(1)), _small(m.group(2)), _small(m.group(3)))
    if not 1 <= month <= 12 or not 1 <= day <= last_day(year, month).day:
        return None
    return date(year, month, day)


def _small(text: str) -> int:
    if text.isascii():
        return int(text)
    tens, _, ones = text.rpartition("十")
    digits = "一二三四五六七八九"
    if "十" not in text:
        return digits.find(text) + 1
    return 10 * (digits.find(tens) + 1 if tens else 1) + (digits.find(ones) + 1 if ones else 0)


def _title_time(title: str) -> tuple[int | None, bool, date | None]:
    """The year a title speaks of, whether it is a plan of that one year, and the deadline it implies."""
    span = re.search(r"(20\d\d)年?[-~至到]{1,2}(20\d\d)年?", title)
    if span:
        return int(span.group(1)), span.group(1) == span.group(2), date(int(span.group(2)), 12, 31)
    period = re.search(r"十([二三四五六七八九])五|第十([二三四五六七八九])个五年", title)
    if period:
        last = period_end(10 + "一二三四五六七八九".index(period.group(1) or period.group(2)) + 1)
        return last - 4, False, date(last, 12, 31)
    one = re.search(r"(20\d\d)年", title)
    if not one:
        return None, False, None
    year = int(one.group(1))
    if title[one.end() : one.end() + 1] in ("前", "底"):
        return None, False, date(year, 12, 31)
    if re.search(rf"{year}年(?:度)?.{{0,30}}(?:要点|计划|安排|任务|工作|行动|方案|实事|报告|目标|措施)", title):
        return year, True, date(year, 12, 31)
    return year, False, None
