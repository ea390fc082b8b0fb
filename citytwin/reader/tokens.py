"""Which characters are dates, baselines, names and quantities?"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from .fault import MAX_MOMENTS, ReaderError
from .units import Measure, canonical, measure, number

BLANK = "□"
_BRACKETS = re.compile(r"[（《“〔）》”〉〕]")
_TITLES = re.compile(r"《[^《》]{0,200}(?:《[^《》]{0,100}》[^《》]{0,100})?》|（[^（）]{0,300}）|〔[^〔〕]{0,20}〕")
_CN_DIGITS = dict(zip("〇○零一二三四五六七八九", (0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_COUNT = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}

_YEAR = r"(?:(?:19|20)\d\d|二[〇○零][〇○零一二三四五六七八九]{2})年"
_QUARTER = {"一季度": 3, "第一季度": 3, "二季度": 6, "第二季度": 6, "三季度": 9, "第三季度": 9, "四季度": 12, "第四季度": 12,
            "上半年": 6, "下半年": 12}  # fmt: skip
_IN_YEAR = (
    r"(?:(?P<month>\d{1,2})月份?(?:(?P<day>\d{1,2})日)?|(?P<quarter>第?[一二三四]季度|[上下]半年))?"
    r"(?P<tail>年?[底末初中]?(?:之前|以前|前|以来|起|开始)?)"
)
_BEFORE = r"(?P<before>力争到|截至|截止|到|至|自|从|由|较|比|与|同|以|在|于|按)?"
_ABSOLUTE = re.compile(
    rf"{_BEFORE}(?:(?P<from>(?:19|20)\d\d)年?[-~至到]{{1,2}})?(?P<year>{_YEAR})"
    rf"(?P<years>起?(?P<n>[\d一二两三四五六七八九十]{{1,2}})年内)?{_IN_YEAR}(?P<after>期间|相比|的?基础上|水平)?"
)
# 2000年底前建成的住宅小区: the date says which ones, not by when.
_ATTRIBUTIVE = re.compile(
    r"[^，。；：\d]{0,4}(?:建成|竣工|投用|投产|建造|交付|开工|审批|注册|登记|出生|成立|颁发|签订|入库|立项)(?:使用|投用|投产|入住)?的(?![基目])"
)
_BREAKDOWN = re.compile(r"(?:其中|包括|包含)[^（）]{2,12}?\d")  # 充电桩6万个（其中公共桩2万个，…）: more promises
_CITED = re.compile(r"(?:对照|根据|依据|参照|贯彻|落实)$")  # 对照2023年《…》: the year of another paper
_PERIOD = re.compile(
    r"(?P<before>到|至|较|比|与|同|在|截至)?[“\"]?十(?P<n>[一二三四五六七八九])五[”\"]?(?P<tail>规划期|期间|时期|末期|初期|期末|末|以来|时|期)?"
    r"(?P<after>相比|的?基础上)?"
)
_RELATIVE = re.compile(
    r"(?P<before>到|至|较|比|同)?(?:(?P<which>今年|本年度|本年|当年|明年|后年|上一年|上年|"
    r"去年)(?:(?P<month>\d{1,2})月份?|(?P<quarter>第?[一二三四]季度|[上下]半年))?"
    r"(?P<tail>以来|年?[底末]?(?:之前|前)?)|(?P<within>(?<![\d一二两三四五六七八九十几])年内|(?<![去上每\d])年[底末](?:之前|前)?|全年)|"
    r"(?P<bare>[上下]半年|第?[一二三四]季度)(?:末|底)?(?P<bare_tail>之?前)?"
    r"|(?<![\d年])(?P<bare_month>\d{1,2})月(?:(?:份|底)?(?P<month_tail>之?前)|底|末|份?(?=开工|竣工|投产|投用|建成|完工|通车|启动|完成|开放|封顶|试?运行))"
    r"|(?<![\d年])(?P<day_month>\d{1,2})月(?P<on_day>\d{1,2})日(?P<day_tail>之?前|以前)?)"
)
_SPAN = re.compile(r"(?:未来|今后|力争|用|经过)?(?P<n>[\d一二两三四五六七八九十]{1,2})年(?:左右)?(?:时间|内)")
_NUMBER = re.compile(r"(?<![\dA-Za-z.第_])\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,8})?(?![\d])")
_WORD_QUANTITY = re.compile(
    r"(?P<half>一半|半数|过半)|翻(?P<times>一|两|二|三)番|百分之(?P<pct>[一二三四五六七八九十百]{1,5})(?!之)|"
    r"(?P<fold>[一两二三四五])倍"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of text that names a time, and what it is there for."""

    start: int
    end: int
    role: str  # 'by' a deadline, 'past' a time gone by, 'base' a baseline, 'span' years without a first, 'name' no time at all
    when: date | None
    year: int
    relative: bool = False  # 今年, 年内: known only through the document's year


@dataclass(frozen=True, slots=True)
class Quantity:
    """Digits with what they measure, in canonical unit."""

    start: int
    end: int
    value: float
    value_max: float | None
    unit: str
    word: str  # the unit as written
    fuzz: str
    base: str  # comparator given by the words themselves (翻一番), else ''


def masked(text: str) -> str:
    """The text with the inside of brackets, book titles and short quotations blanked, at the same length."""
    blanks: list[tuple[int, int]] = []
    opened: list[tuple[str, int]] = []
    close = {"）": "（", "》": "《", "”": "“", "〉": "〈", "〕": "〔"}
    for m in _BRACKETS.finditer(text):
        i, c = m.start(), m.group()
        if c not in close:
            if len(opened) < 8:
                opened.append((c, i))
            continue
        while opened and opened[-1][0] != close[c] and i - opened[-1][1] > 200:
            opened.pop()
        if not opened or opened[-1][0] != close[c]:
            continue
        _, at = opened.pop()
        if i - at > 300:
            continue
        # A quotation with a full stop in it is somebody speaking: its words count.
        if c == "”" and (i - at > 61 or text.find("。", at + 1, i) >= 0):
            continue
        while blanks and blanks[-1][0] > at:
            blanks.pop()
        if c == "）" and _BREAKDOWN.match(text, at + 1, i):
            continue
        blanks.append((at + 1, i))
    parts: list[str] = []
    at = 0
    for a, b in blanks:
        parts += (text[at:a], BLANK * (b - a))
        at = b
    return "".join([*parts, text[at:]])


def titles_masked(text: str) -> str:
    """As `masked`, but quotations stay: “十四五”期间 is a time."""
    return _TITLES.sub(lambda m: m.group()[0] + BLANK * (m.end() - m.start() - 2) + m.group()[-1], text)


def year_of(text: str) -> int:
    """2025年 or 二〇二五年 → 2025."""
    digits = text.removesuffix("年")
    if digits.isdigit() and digits.isascii():
        return int(digits)
    value = 0
    for c in digits:
        value = value * 10 + _CN_DIGITS.get(c, 0)
    return value


def last_day(year: int, month: int) -> date:
    """The last day of a month."""
    return date(year, month, calendar.monthrange(year, month)[1])


def count_of(text: str) -> int:
    """A small count in digits or in Chinese."""
    if text.isascii() and text.isdigit():
        return int(text)
    if len(text) == 2 and text[0] == "十":
        return 10 + _COUNT.get(text[1], 0)
    return _COUNT.get(text, 0)


def period_end(n: int) -> int:
    """The last year of the n-th five-year plan (the 10th ended in 2005)."""
    return 2005 + 5 * (n - 10)


def moments(text: str, year: int | None, annual: bool, written: int | None = None) -> list[Moment]:
    """Every time named in a text whose titles are masked, in order; `year` is what 今年 means there, `written` the year
    in which it was written: a plan for 2023 from December 2022 means 2023 by 明年."""
    found: list[Moment] = []
    for m in _ABSOLUTE.finditer(text):
        found.append(_absolute(text, m, year))
        if len(found) > MAX_MOMENTS:
            raise ReaderError(f"the text names more than {MAX_MOMENTS:,} dates", "Is it a plan? Split it.")
    for m in _PERIOD.finditer(text):
        found.append(_period(m, year))
    taken = bytearray(len(text) + 1)
    for t in found:
        taken[t.start : t.end] = b"\x01" * (t.end - t.start)
    if year:
        for m in _RELATIVE.finditer(text):
            if not any(taken[m.start() : m.end()]):
                near = _relative(m, written if written and m.group("which") in ("明年", "后年") else year, annual)
                if near:
                    found.append(near)
                    taken[near.start : near.end] = b"\x01" * (near.end - near.start)
        for m in _SPAN.finditer(text):
            n = count_of(m.group("n"))
            if n and not any(taken[m.start() : m.end()]):
                # 未来3年内 counts from now; a bare 3年内 from a start that only the document knows
                role = "by" if re.match(r"未来|今后|用|力争", m.group()) else "span"
                if role == "by" or m.group().endswith("内"):
                    found.append(Moment(m.start(), m.end(), role, date(year + n, 12, 31), year + n, True))
    return sorted(found, key=lambda t: t.start)


def _absolute(text: str, m: re.Match[str], year: int | None) -> Moment:
    y = year_of(m.group("year"))
    before, after, tail = m.group("before") or "", m.group("after") or "", m.group("tail") or ""
    start = m.start() + (len(before) if before in ("按", "于", "在", "与", "同", "以", "自", "从", "由") else 0)
    following = text[m.end() : m.end() + 3]
    if (
        before in ("较", "比")
        or after in ("相比", "基础上", "的基础上")
        or following.startswith(("为基", "相比", "可比"))
        or after == "水平"
    ):
        return Moment(m.start(), m.end(), "base", None, y)
    if (
        before in ("从", "由") and not m.group("month") and re.match(r"的?(?:约|近)?\d|的", following)
    ):  # 从2020年的7.8%提高到10%
        return Moment(start, m.end(), "base", None, y)
    if m.group("years"):
        n = count_of(m.group("n"))
        return Moment(start, m.end(), "by", date(min(y + max(n, 1) - 1, 9999), 12, 31), y)
    when = date(y, 12, 31)
    month = int(m.group("month") or 0)
    if 1 <= month <= 12:
        when = last_day(y, month)
        day = int(m.group("day") or 0)
        if 1 <= day <= when.day:
            when = date(y, month, day)
    elif m.group("quarter"):
        when = last_day(y, _QUARTER[m.group("quarter")])
    if tail.endswith(("以来", "起", "开始")) or following.startswith("以来"):
        past = year is None or y <= year
        return Moment(start, m.end(), "past" if past and tail.endswith("以来") else "name", when, y)
    if before in ("自",) or (m.group("day") and not tail.endswith("前") and before not in ("到", "至", "力争到")):
        return Moment(start, m.end(), "past" if m.group("day") else "name", when, y)
    if _ATTRIBUTIVE.match(text, m.end()) or _CITED.search(text, max(0, start - 4), start):
        return Moment(start, m.end(), "name", when, y)
    gone = year is not None and (y < year or (y == year and before.startswith("截")))
    return Moment(start, m.end(), "past" if gone else "by", when, y)


def _period(m: re.Match[str], year: int | None) -> Moment:
    n = 10 + _COUNT[m.group("n")]
    end = period_end(n)
    before, tail, after = m.group("before") or "", m.group("tail") or "", m.group("after")
    if before in ("较", "比") or after:
        return Moment(m.start(), m.end(), "base", None, end - 5 if tail.startswith("初") else end)
    if not tail and before not in ("到", "至"):
        return Moment(m.start(), m.end(), "name", None, end)
    if tail == "以来":
        return Moment(m.start(), m.end(), "past", date(end, 12, 31), end)
    # The year in which a period ends may still be ahead of a plan published in it.
    gone = year is not None and end < year
    return Moment(m.start(), m.end(), "past" if gone else "by", date(end, 12, 31), end)


def _relative(m: re.Match[str], year: int, annual: bool) -> Moment | None:
    which = m.group("which")
    if which == "当年" and not annual:
        return None  # 到2030年，当年新增…: that year, not this one
    if which in ("上年", "上一年", "去年"):
        base = m.group("before") in ("较", "比", "同")
        return Moment(m.start(), m.end(), "base" if base else "past", date(year - 1, 12, 31), year - 1, True)
    if m.group("tail") == "以来":
        return Moment(m.start(), m.end(), "past", date(year, 12, 31), year, True)
    if m.group("on_day"):
        return _day_of(m, year)
    y = year + {"明年": 1, "后年": 2}.get(which or "", 0)
    when = date(y, 12, 31)
    if m.group("within") == "全年" and not annual:
        return None  # 全年优良天数: a property of any year
    month = int(m.group("month") or m.group("bare_month") or 0)
    quarter = m.group("quarter") or m.group("bare")
    if m.group("bare") and not (annual or m.group("bare_tail") or m.group("before")):
        return None
    if 1 <= month <= 12:
        when = last_day(y, month)
    elif quarter:
        when = last_day(y, _QUARTER[quarter])
    return Moment(m.start(), m.end(), "by", when, y, True)


def _day_of(m: re.Match[str], year: int) -> Moment | None:
    """A day without its year: 6月30日前 is a deadline, 1月17日 at the head of a report is gone by."""
    month, day = int(m.group("day_month")), int(m.group("on_day"))
    if not (1 <= month <= 12 and 1 <= day <= last_day(year, month).day):
        return None
    ahead = bool(m.group("day_tail")) or m.group("before") in ("到", "至")
    return Moment(m.start(), m.end(), "by" if ahead else "past", date(year, month, day), year, True)


def quantities(text: str, start: int, end: int, taken: list[Moment]) -> Iterator[Quantity]:
    """Every number with a unit in text[start:end] (masked), dates excluded."""
    after = start
    for m in _NUMBER.finditer(text, start, end):
        if m.start() < after or any(t.start <= m.start() < t.end for t in taken):
            continue
        if text[m.start() - 1 : m.start()] in ("第", "/", "+", "#", "-", "×") and m.start() > start:
            continue
        low, tail = number(m.group()), measure(text, m.end())
        top: float | None = None
        span = re.match(r"[-~至到]{1,2}", text[tail.end : tail.end + 2]) if not tail.fuzz else None
        if span:
            second = _NUMBER.match(text, tail.end + span.end(), end) or re.compile(r"\d{1,12}(?:\.\d{1,8})?").match(
                text, tail.end + span.end(), end
            )
            if second:
                upper = measure(text, second.end())
                if upper.unit or upper.magnitude:
                    top, tail = number(second.group()), _merged(tail, upper)
        if tail.end > end:
            continue
        if not tail.unit and text[tail.end : tail.end + 1] in (
            "年",
            "月",
            "日",
            "时",
            "号",
            "区",
            "期",
            "版",
            "级",
            "片",
            "标",
            "线",
            "+",
            "/",
            "-",
        ):
            continue
        unit, factor = canonical(tail.magnitude, tail.unit, tail.per)
        low = exact(low * factor)
        top = None if top is None else exact(top * factor)
        after = tail.end
        yield Quantity(m.start(), tail.end, low, top, unit, tail.unit, tail.fuzz, "")
    for m in _WORD_QUANTITY.finditer(text, start, end):
        if m.group("half"):
            yield Quantity(m.start(), m.end(), 50, None, "%", "%", "", ">=" if m.group("half") == "过半" else "")
        elif m.group("times"):
            yield Quantity(
                m.start(),
                m.end(),
                exact(2.0 ** count_of(m.group("times")) * 100 - 100),
                None,
                "%",
                "%",
                "",
                "increase_by",
            )
        elif m.group("pct"):
            yield Quantity(m.start(), m.end(), float(_hundred(m.group("pct"))), None, "%", "%", "", "")
        else:
            yield Quantity(m.start(), m.end(), float(count_of(m.group("fold"))), None, "倍", "倍", "", "")


def _merged(low: Measure, top: Measure) -> Measure:
    # 3-5万个: the lower number borrows the magnitude and unit written once, behind the upper.
    return Measure(top.magnitude or low.magnitude, top.unit or low.unit, top.per or low.per, top.fuzz, top.end)


def exact(value: float) -> float:
    """A product without the last digits that binary fractions add."""
    return float(f"{value:.12g}")


def _hundred(text: str) -> int:
    value = 0
    for part in re.findall(r"([一二三四五六七八九]?)(百|十|$)|([一二三四五六七八九])", text):
        unit = {"百": 100, "十": 10, "": 1}[part[1]]
        value += (_COUNT.get(part[0], 0) or (1 if unit > 1 else 0)) * unit + _COUNT.get(part[2], 0)
    return value
