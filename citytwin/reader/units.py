"""How much is it, and of what? Numbers, magnitudes and unit words."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAGNITUDES = {
    "万亿": 1e12, "千亿": 1e11, "百亿": 1e10, "亿": 1e8, "千万": 1e7, "百万": 1e6, "十万": 1e5, "万": 1e4, "千": 1e3, "百": 1e2,
}  # fmt: skip

# unit word → (canonical unit, factor). One quantity keeps one canonical unit.
DIMENSIONS: dict[str, tuple[str, float]] = {
    "%": ("%", 1), "个百分点": ("pp", 1), "百分点": ("pp", 1), "‰": ("‰", 1),
    "吨标准煤": ("tce", 1), "吨标煤": ("tce", 1), "t标准煤": ("tce", 1), "t标煤": ("tce", 1), "tce": ("tce", 1), "千克标准煤": ("tce", 1e-3),
    "克标准煤": ("gce", 1), "吨二氧化碳当量": ("tCO2", 1), "吨二氧化碳": ("tCO2", 1), "tCO2": ("tCO2", 1), "蒸吨": ("蒸吨", 1),
    "吨": ("t", 1), "t": ("t", 1), "千克": ("kg", 1), "公斤": ("kg", 1), "kg": ("kg", 1), "克": ("g", 1), "毫克": ("mg", 1),
    "mg": ("mg", 1), "微克": ("μg", 1), "μg": ("μg", 1),
    "千瓦时": ("kWh", 1), "kWh": ("kWh", 1), "兆瓦时": ("kWh", 1e3), "吉瓦时": ("kWh", 1e6), "度电": ("kWh", 1),
    "千瓦": ("kW", 1), "kW": ("kW", 1), "兆瓦": ("kW", 1e3), "MW": ("kW", 1e3), "吉瓦": ("kW", 1e6), "GW": ("kW", 1e6), "瓦": ("kW", 1e-3),
    "千伏安": ("kVA", 1), "兆伏安": ("kVA", 1e3), "千伏": ("kV", 1), "kV": ("kV", 1),
    "平方公里": ("m2", 1e6), "平方千米": ("m2", 1e6), "km²": ("m2", 1e6), "平方米": ("m2", 1), "平米": ("m2", 1), "㎡": ("m2", 1), "m²": ("m2", 1),
    "公顷": ("m2", 1e4), "亩": ("mu", 1), "立方米": ("m3", 1), "m³": ("m3", 1), "方": ("m3", 1), "升": ("L", 1),
    "公里": ("km", 1), "千米": ("km", 1), "km": ("km", 1), "海里": ("nmi", 1), "米": ("m", 1), "厘米": ("m", 1e-2), "毫米": ("mm", 1),
    "个小时": ("h", 1), "小时": ("h", 1), "分钟": ("min", 1), "秒": ("s", 1), "毫秒": ("ms", 1), "个工作日": ("工作日", 1), "工作日": ("工作日", 1),
    "年一遇": ("年一遇", 1), "天": ("天", 1), "个月": ("个月", 1), "岁": ("岁", 1), "倍": ("倍", 1), "分贝": ("dB", 1), "℃": ("℃", 1), "摄氏度": ("℃", 1),
    "元人民币": ("CNY", 1), "元": ("CNY", 1), "美元": ("USD", 1), "欧元": ("EUR", 1),
    "Gbps": ("Gbps", 1), "Mbps": ("Gbps", 1e-3), "Tbps": ("Gbps", 1e3), "G": ("Gbps", 1), "TEU": ("TEU", 1), "标准箱": ("TEU", 1), "标箱": ("TEU", 1),
    "EFLOPS": ("EFLOPS", 1), "PFLOPS": ("EFLOPS", 1e-3), "TB": ("TB", 1), "PB": ("PB", 1), "吉焦": ("GJ", 1),
}  # fmt: skip

# Counters stay as written: 家 and 个 are labels of one dimension. Each may be followed by its noun.
COUNTERS = frozenset(
    [
        "个",
        "家",
        "台",
        "套",
        "台套",
        "处",
        "座",
        "条",
        "路",
        "种",
        "艘",
        "点位",
        "道",
        "层",
        "户",
        "人次",
        "人",
        "名",
        "件",
        "辆",
        "次",
        "所",
        "篇",
        "类",
        "支",
        "口",
        "眼",
        "间",
        "栋",
        "幢",
        "株",
        "只",
        "张",
        "部",
        "项",
        "门",
        "例",
        "份",
        "宗",
        "场次",
        "场",
        "组",
        "枚",
        "棵",
        "头",
        "块",
        "款",
        "根",
        "架",
        "列",
        "位",
        "泊位",
        "车位",
        "床位",
        "学位",
        "机架",
        "标准机架",
        "机柜",
        "户次",
        "标台",
        "班次",
        "航次",
        "标段",
        "批次",
        "盏",
        "具",
        "顶",
        "艇",
        "羽",
        "尾",
        "课时",
        "学时",
        "册",
        "幅",
        "桩",
        "枪",
        "车次",
        "趟",
        "剂次",
        "人份",
        "笔",
        "床",
        "席",
        "片",
    ]
)

# Digits before these belong to a name, not to a count: 10部门, 5G网络, 3位一体.
_NAMES = re.compile(
    r"部[门委署]|位[一数]|人[民大才均口工]|方[面案式向]|名[称录]|类[别型]|组[织成]|层[次级]|次[级生]|条[件例]|"
    r"片区|场[景地]|克服|块链|列车|"
    r"G[网基通室信深规产+-]|亩产|路[侧由网]|元[旦素]|家庭|项目经理"
)
_UNIT_WORDS = sorted({*DIMENSIONS, *COUNTERS}, key=len, reverse=True)
_UNIT = re.compile("|".join(re.escape(u) for u in _UNIT_WORDS))
_MAGNITUDE = re.compile("|".join(MAGNITUDES))
_PER = re.compile(
    r"(?:/(?:[百千万]?(?:平方公里|平方米|立方米|公里|千瓦时|元|人次|人|户|吨|升|年|月|日|天|小时|次|㎡|m3|m2|kWh)|"
    r"kWh)){1,2}(?:·(?:日|天|年))?"
)
_LATIN = re.compile(r"[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Measure:
    """What follows the digits: the words as written, and where they end."""

    magnitude: str
    unit: str
    per: str
    fuzz: str  # 余 or 多, "a little more than"
    end: int


def measure(text: str, at: int) -> Measure:
    """Read magnitude and unit at an offset. The longest unit comes first: 5万千瓦 is 50,000 kilowatts, 6千吨 6,000 t."""
    fuzz = magnitude = ""
    end = at
    found = None if text[at : at + 1] in ("余", "多") else _unit_at(text, at)
    if found is None:
        if text[end : end + 1] in ("余", "多"):
            fuzz, end = text[end], end + 1
            found = _unit_at(text, end)
        m = _MAGNITUDE.match(text, end) if found is None else None
        if m:
            magnitude, end = m.group(), m.end()
            if text[end : end + 1] in ("余", "多") and not fuzz:
                fuzz, end = text[end], end + 1
            found = _unit_at(text, end)
    if found is None:
        return Measure(magnitude, "", "", fuzz, end)
    end += len(found)
    per = _PER.match(text, end)
    return Measure(magnitude, found, per.group() if per else "", fuzz, per.end() if per else end)


def _unit_at(text: str, at: int) -> str | None:
    m = _UNIT.match(text, at)
    if m is None or _NAMES.match(text, at):
        return None
    if _LATIN.match(m.group()[-1]) and _LATIN.match(text, m.end()):  # the t of "top" is no tonne
        return None
    return m.group()


def number(text: str) -> float:
    """The value of digits with optional thousands commas."""
    return float(text.replace(",", ""))


def canonical(magnitude: str, unit: str, per: str) -> tuple[str, float]:
    """Canonical unit and the factor that leads to it."""
    base, factor = DIMENSIONS.get(unit, (unit, 1.0))
    factor *= MAGNITUDES.get(magnitude, 1.0)
    if not per:
        return base, factor
    for word, short in (
        ("立方米", "m3"),
        ("平方米", "m2"),
        ("㎡", "m2"),
        ("平方公里", "km2"),
        ("公里", "km"),
        ("千瓦时", "kWh"),
        ("小时", "h"),
    ):
        per = per.replace(word, short)
    return base + per, factor


def is_count(unit: str) -> bool:
    """Whether the unit word counts things rather than measures them."""
    return unit in COUNTERS
