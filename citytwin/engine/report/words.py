"""How is it written? Words, dates, numbers and units for people, in Chinese and in English."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from citytwin.kernel.indicator import Period
from citytwin.kernel.plan import MeasureState, Status
from citytwin.kernel.title import Title
from citytwin.kernel.units import known_unit, unit

Language = Literal["zh", "en"]

STATUSES: dict[Status, Title] = {
    "met": Title("已达成", "met"),
    "on_track": Title("按期推进", "on track"),
    "at_risk": Title("存在风险", "at risk"),
    "missed": Title("未达成", "missed"),
    "not_measured": Title("尚未测量", "not yet measured"),
}
STATES: dict[MeasureState, Title] = {
    "not_started": Title("未启动", "not started"),
    "under_way": Title("推进中", "under way"),
    "delayed": Title("滞后", "delayed"),
    "done": Title("已完成", "done"),
}
EVERY: dict[Period, Title] = {
    "hour": Title("逐时", "hourly"),
    "day": Title("逐日", "daily"),
    "month": Title("逐月", "monthly"),
    "year": Title("逐年", "yearly"),
}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
# Units of the vocabulary by their usual Chinese names; the others are international symbols in Chinese texts too.
_CHINESE = {
    "1": "", "pp": "个百分点", "permille": "‰", "person": "人", "1e4person": "万人", "m": "米", "mm": "毫米", "cm": "厘米", "km": "公里",
    "m2": "平方米", "km2": "平方公里", "ha": "公顷", "mu": "亩", "m3": "立方米", "L": "升", "1e4m3": "万立方米", "m3/s": "立方米/秒",
    "m3/h": "立方米/小时", "m3/d": "立方米/日", "1e4m3/d": "万立方米/日", "m/s": "米/秒", "km/h": "公里/小时", "kg": "千克", "g": "克", "t": "吨",
    "kt": "千吨", "1e4t": "万吨", "kgce": "千克标准煤", "tce": "吨标准煤", "1e4tce": "万吨标准煤", "kWh": "千瓦时", "MWh": "兆瓦时",
    "1e4kWh": "万千瓦时", "MJ": "兆焦", "GJ": "吉焦", "kW": "千瓦", "W": "瓦", "MW": "兆瓦", "GW": "吉瓦", "1e4kW": "万千瓦", "degC": "℃",
    "kPa": "千帕", "MPa": "兆帕", "mg/L": "毫克/升", "ug/m3": "微克/立方米", "h": "小时", "min": "分钟", "s": "秒", "d": "天", "dB": "分贝",
    "lx": "勒克斯", "veh/h": "辆/小时", "CNY": "元", "1e4CNY": "万元", "1e8CNY": "亿元", "kgce/m2": "千克标准煤/平方米",
    "kWh/m2": "千瓦时/平方米", "kgce/person": "千克标准煤/人", "m3/person": "立方米/人", "L/person": "升/人", "kg/m2": "千克/平方米",
    "t/m2": "吨/平方米", "kg/person": "千克/人", "g/person": "克/人", "kWh/m3": "千瓦时/立方米", "kg/kWh": "千克/千瓦时",
}  # fmt: skip
_ENGLISH = {
    "1": "", "pp": "percentage points", "permille": "‰", "person": "persons", "degC": "°C", "CNY": "yuan",
    "1e4CNY": "10⁴ yuan", "1e8CNY": "10⁸ yuan", "1e4person": "10⁴ persons", "mu": "mu", "d": "days",
}  # fmt: skip
# What XML cannot hold, what is no character, and what turns the direction of the text around it.
_UNFIT = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff\ufdd0-\ufdef]"
)


def clean(text: str) -> str:
    """The text without what XML and HTML cannot hold, or what would garble its surroundings. Line breaks stay."""
    return _UNFIT.sub("", text)


def line(text: str, most: int = 10_000) -> str:
    """The text as one clean line of at most `most` characters."""
    flat = " ".join(clean(text).split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def day(d: date, lang: Language) -> str:
    """A day in words.

    >>> day(date(2025, 6, 30), "zh"), day(date(2025, 6, 30), "en")
    ('2025年6月30日', '30 June 2025')
    """
    return f"{d.year}年{d.month}月{d.day}日" if lang == "zh" else f"{d.day} {_MONTHS[d.month - 1]} {d.year}"


def span(last: date, every: Period, lang: Language) -> str:
    """The period that ends with the day `last`.

    >>> span(date(2025, 5, 31), "month", "zh"), span(date(2024, 12, 31), "year", "en")
    ('2025年5月', '2024')
    """
    if every == "year":
        return f"{last.year}年" if lang == "zh" else str(last.year)
    if every == "month":
        return f"{last.year}年{last.month}月" if lang == "zh" else f"{_MONTHS[last.month - 1]} {last.year}"
    return day(last, lang)


_DIGITS = "零一二三四五六七八九"


def numeral(n: int, lang: Language) -> str:
    """The ordinal of a heading, from 1 to 99: Chinese or Roman.

    >>> [numeral(n, "zh") for n in (1, 10, 12, 20, 35)], [numeral(n, "en") for n in (1, 4, 9)]
    (['一', '十', '十二', '二十', '三十五'], ['I', 'IV', 'IX'])
    """
    if lang == "zh":
        tens, ones = divmod(n, 10)
        return (_DIGITS[tens] if tens > 1 else "") + ("十" if tens else "") + (_DIGITS[ones] if ones else "")
    text = ""
    for value, letters in ((90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        count, n = divmod(n, value)
        text += letters * count
    return text


def unit_name(symbol: str, lang: Language) -> str:
    """A unit as it is written after a number; nothing for bare numbers. Counter words are Chinese only."""
    symbol = line(symbol, 20)
    if not known_unit(symbol):
        return "" if lang == "en" and len(symbol) < 3 and not symbol.isascii() else symbol
    id = unit(symbol).id
    if lang == "zh":
        # a counter word says what is counted; the id of its unit does not
        return symbol if id == "1" and symbol not in ("1", "count") else _CHINESE.get(id, _raised(id))
    return _ENGLISH.get(id, _raised(id))


def _raised(id: str) -> str:
    text = re.sub(r"(?<=m)([23])(?!\d)", lambda m: "²³"[int(m[1]) - 2], id)
    return re.sub(r"\bu(?=[a-zA-Z])", "µ", text).replace("1e4", "10⁴ ").replace("CO2", "CO₂")


@dataclass(frozen=True, slots=True)
class Scale:
    """How the figures of one row are written: divided by `factor`, then the word for it (`prefix`: 万, million), then the unit."""

    lang: Language
    symbol: str
    factor: float
    prefix: str
    whole: bool

    def number(self, value: float, digits: int | None = None) -> str:
        """The number alone: sensible decimals, or up to `digits` where they are given."""
        if not math.isfinite(value):
            return "—"
        x = value / self.factor
        size = abs(x)
        if size >= 1e15 or 0 < size < 1e-6:
            return f"{x:.3g}"
        if digits is None:
            digits = self._decimals(size)
        text = f"{x:,.{digits}f}" if self.lang == "en" else f"{x:.{digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text

    def _decimals(self, size: float) -> int:
        if self.whole and self.factor == 1.0:
            return 0
        if self.symbol in ("%", "pp"):
            return 1 if size >= 1 else 2
        if self.factor > 1.0:
            return 2
        return (
            0
            if size >= 1000
            else 1
            if size >= 100
            else 2
            if size >= 1
            else 2 - math.floor(math.log10(size))
            if size
            else 0
        )

    def figure(self, value: float, digits: int | None = None) -> str:
        """The number with its unit."""
        return self.number(value, digits) + self.suffix()

    def stated(self, value: float) -> str:
        """A figure of the document: all the decimals it has."""
        return self.figure(value, 6)

    def apart(self, value: float, other: float) -> str:
        """The number, with as many decimals more as keep it from looking like another one from which it differs."""
        text = self.number(value)
        if value == other or math.isclose(value, other, rel_tol=1e-9):
            return text
        digits = 0 if self.whole else self._decimals(abs(value / self.factor))
        while text == self.number(other, max(digits, 6)) and digits < 6:
            digits += 1
            text = self.number(value, digits)
        return text

    def gap(self, value: float, digits: int = 0) -> str:
        """How far two figures are apart, with its unit: never told as nothing where it is something. `digits` are for whole things.

        Percentages are apart by percentage points.
        """
        text = self.number(value, digits) if self.whole and self.factor == 1.0 else self.apart(value, 0.0)
        if text == "0":
            text = self.apart(value, 0.0)
        symbol = "pp" if self.symbol == "%" else self.symbol
        return text + Scale(self.lang, symbol, self.factor, self.prefix, self.whole).suffix()

    def between(self, low: float, high: float) -> str:
        """A range without its unit: 4.7至5.3万, 82.1–85.7%."""
        sign = "%" if self.symbol == "%" else ""
        return f"{self.number(low)}{'至' if self.lang == 'zh' else '–'}{self.number(high)}{self.prefix}{sign}"

    def suffix(self) -> str:
        """What stands after the number."""
        name = unit_name(self.symbol, self.lang)
        if self.lang == "en" and name not in ("%", ""):
            name = f" {name}"
        return self.prefix + name


def scale(symbol: str, values: Sequence[float | None], lang: Language) -> Scale:
    """How to write figures of this unit that stand beside each other; the first one known decides whether they are counted in 万 or 亿 (millions, billions).

    >>> s = scale("kW", [50000.0], "zh")
    >>> s.figure(50000.0), s.figure(43251.0)
    ('5万千瓦', '4.33万千瓦')
    """
    counted = not known_unit(symbol) or unit(symbol).id in ("1", "person")
    known = [v for v in values if v is not None and math.isfinite(v)]
    whole = counted and bool(known) and known[0] == int(known[0])
    size = abs(known[0]) if known else 0.0
    name = unit_name(symbol, "zh")
    steps = ((1e8, "亿"), (1e4, "万")) if lang == "zh" else ((1e9, " billion"), (1e6, " million"))
    if name[:1] not in ("万", "亿", "%", "‰") and symbol != "pp":
        for factor, prefix in steps:
            if size >= factor:
                return Scale(lang, symbol, factor, prefix, whole)
    return Scale(lang, symbol, 1.0, "", whole)
