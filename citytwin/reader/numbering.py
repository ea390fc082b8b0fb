"""Which number does a word processor draw before a paragraph? It stands nowhere in the text, only in numbering.xml."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree as ET

_DIGITS = "〇一二三四五六七八九"
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_LEGAL = str.maketrans("〇零一二三四五六七八九十百千", "零零壹贰叁肆伍陆柒捌玖拾佰仟")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"),
    (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_CHINESE = frozenset(
    ("chineseCounting", "chineseCountingThousand", "japaneseCounting", "taiwaneseCounting", "taiwaneseCountingThousand")
)
_DEEPEST = 9


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a list: where it starts and how its number is drawn."""

    start: int = 1
    format: str = "decimal"
    text: str = ""
    restart: int | None = None  # the level whose step restarts it; 0 never
    legal: bool = False  # all numbers in it as 1, 2, 3


@dataclass(slots=True)
class _List:
    levels: dict[int, Level] = field(default_factory=dict)
    styles: dict[str, int] = field(default_factory=dict)  # paragraph style → level
    link: str = ""  # the style that holds the real list


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph style says about numbers."""

    name: str = ""
    based: str = ""
    num: str | None = None
    level: int | None = None


class Numbering:
    """The lists of a document and how far each has counted."""

    def __init__(self, numbering: bytes, styles: bytes) -> None:
        self.styles = _styles(styles)
        self.lists: dict[str, _List] = {}
        self.nums: dict[str, tuple[str, dict[int, int], dict[int, Level]]] = {}
        self.counts: dict[str, dict[int, int]] = {}
        self.begun: set[tuple[str, int]] = set()
        if numbering:
            self._read(ET.fromstring(numbering))

    def _read(self, root: ET.Element) -> None:
        for e in root:
            if _local(e) == "abstractNum":
                made = _List()
                for child in e:
                    if _local(child) == "lvl":
                        at = _int(_attr(child, "ilvl"))
                        made.levels[at] = _level(child)
                        style = _value(child, "pStyle")
                        if style:
                            made.styles[style] = at
                    elif _local(child) == "numStyleLink":
                        made.link = _attr(child, "val")
                self.lists[_attr(e, "abstractNumId")] = made
            elif _local(e) == "num":
                starts: dict[int, int] = {}
                levels: dict[int, Level] = {}
                for child in e:
                    if _local(child) == "lvlOverride":
                        at = _int(_attr(child, "ilvl"))
                        start = _value(child, "startOverride")
                        if start:
                            starts[at] = _int(start)
                        own = next((c for c in child if _local(c) == "lvl"), None)
                        if own is not None:
                            levels[at] = _level(own)
                self.nums[_attr(e, "numId")] = (_value(e, "abstractNumId"), starts, levels)

    def contents(self, style: str) -> bool:
        """Whether a style is that of a table of contents."""
        return self.styles.get(style, Style()).name.lower().startswith("toc ") or style.lower().startswith("toc")

    def label(self, style: str, num: str | None, level: int | None) -> str:
        """The number before the next paragraph of a style (with its own list and level, where it has them)."""
        num, level = self._of_style(style, num, level)
        if not num or num == "0" or num not in self.nums:
            return ""
        which, starts, own = self.nums[num]
        made = self._resolved(which)
        if level is None:
            level = made.styles.get(style, 0)
        level = min(max(level, 0), _DEEPEST - 1)
        levels = {**made.levels, **own}
        here = levels.get(level)
        if here is None:
            return ""
        counts = self.counts.setdefault(which, {})
        first = starts.get(level, here.start)
        if level in starts and (num, level) not in self.begun:
            self.begun.add((num, level))
            counts.pop(level, None)
        counts[level] = counts[level] + 1 if level in counts else first
        for at in range(level + 1, _DEEPEST):
            deeper = levels.get(at)
            if deeper is None or deeper.restart is None or (deeper.restart and level < deeper.restart):
                counts.pop(at, None)
        return _drawn(here, levels, counts)

    def _of_style(self, style: str, num: str | None, level: int | None) -> tuple[str | None, int | None]:
        for _ in range(20):  # styles may be based on each other in a circle
            said = self.styles.get(style)
            if said is None or (num is not None and level is not None):
                break
            if num is None and said.num is not None:
                num = said.num
                level = level if level is not None else said.level
                if level is None and num in self.nums:
                    level = self._resolved(self.nums[num][0]).styles.get(style)
                break
            style = said.based
        return num, level

    def _resolved(self, which: str) -> _List:
        made = self.lists.get(which, _List())
        if made.link and not made.levels:
            num = self.styles.get(made.link, Style()).num
            if num in self.nums:
                made = self.lists.get(self.nums[num or ""][0], made)
        return made


def _drawn(here: Level, levels: dict[int, Level], counts: dict[int, int]) -> str:
    if here.format == "bullet":
        return "·"

    def number(m: re.Match[str]) -> str:
        at = int(m.group(1)) - 1
        level = levels.get(at, Level())
        value = counts.get(at, level.start)
        return shown(value, "decimal" if here.legal else level.format)

    return re.sub(r"%([1-9])", number, here.text)


def shown(value: int, format: str) -> str:
    """A counter in one of the formats of WordprocessingML; one that is not known is drawn in digits."""
    if format == "none":
        return ""
    if not 0 <= value <= 9999:
        return str(value)
    if format in _CHINESE:
        return chinese(value)
    if format in ("ideographDigital", "japaneseDigitalTenThousand", "taiwaneseDigital"):
        return "".join(_DIGITS[int(c)] for c in str(value))
    if format in ("chineseLegalSimplified", "ideographLegalTraditional", "japaneseLegal"):
        return chinese(value).translate(_LEGAL)
    if format == "ideographTraditional" and 1 <= value <= 10:
        return _STEMS[value - 1]
    if format == "ideographZodiac" and 1 <= value <= 12:
        return _BRANCHES[value - 1]
    if format.startswith("decimalEnclosedCircle") and 1 <= value <= 20:
        return chr(0x2460 + value - 1)
    if format == "decimalEnclosedParen":
        return f"({value})"
    if format == "decimalZero":
        return f"{value:02d}"
    if format in ("lowerRoman", "upperRoman") and value:
        roman = ""
        for size, letters in _ROMAN:
            roman += letters * (value // size)
            value %= size
        return roman if format == "lowerRoman" else roman.upper()
    if format in ("lowerLetter", "upperLetter") and value:
        letter = chr(ord("a") + (value - 1) % 26) * min((value - 1) // 26 + 1, 20)
        return letter if format == "lowerLetter" else letter.upper()
    return str(value)


def chinese(value: int) -> str:
    """12 → 十二, 105 → 一百零五."""
    if value < 10:
        return _DIGITS[value]
    out, gap = "", False
    for size, word in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // size % 10
        if digit:
            out += ("零" if gap and out else "") + _DIGITS[digit] + word
        gap = not digit
    return out[1:] if 10 <= value < 20 else out


def _styles(data: bytes) -> dict[str, Style]:
    out: dict[str, Style] = {}
    for e in ET.fromstring(data) if data else ():
        if _local(e) != "style":
            continue
        made = Style(_value(e, "name"), _value(e, "basedOn"))
        for n in e.iter():
            if _local(n) == "numPr":
                level = _value(n, "ilvl")
                made = replace(made, num=_value(n, "numId") or None, level=_int(level) if level else None)
        out[_attr(e, "styleId")] = made
    return out


def _level(e: ET.Element) -> Level:
    restart = _value(e, "lvlRestart")
    legal = next((c for c in e if _local(c) == "isLgl"), None)
    return Level(
        _int(_value(e, "start") or "1"),
        _value(e, "numFmt") or next((_attr(c, "val") for c in e.iter() if _local(c) == "numFmt"), "decimal"),
        _value(e, "lvlText")[:40],
        _int(restart) if restart else None,
        legal is not None and _attr(legal, "val") not in ("0", "false"),
    )


def _local(e: ET.Element) -> str:
    return str(e.tag).rpartition("}")[2]


def _attr(e: ET.Element, name: str) -> str:
    return next((v for k, v in e.attrib.items() if k.rpartition("}")[2] == name), "")


def _value(e: ET.Element, name: str) -> str:
    return next((_attr(c, "val") for c in e if _local(c) == name), "")


def _int(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,6}", text) else 0
