"""In what unit? The city's vocabulary of quantities, and exact conversion to the canonical unit of each."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from citytwin.kernel.errors import NotFound, UnitMismatch
from citytwin.kernel.title import Title


@dataclass(frozen=True, slots=True)
class Quantity:
    """A kind of magnitude with its one canonical `unit` and the bounds `low`-`high` of what is physically plausible."""

    id: str
    title: Title
    unit: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: value in the dimension's base = `factor` * value + `offset`."""

    id: str
    dimension: str
    factor: float
    offset: float = 0.0


# dimension: (unit, factor to the base, aliases). The base of a dimension is the unit with factor 1.
# Factors are exact by definition (SI Brochure, 9th ed.) unless the line says otherwise.
_TABLE: dict[str, list[tuple[str, float, str]]] = {
    "number": [
        ("1", 1, "count 个 家 台 套 处 座 条 路 种 艘 点位 项 株 户 次 道 层"),
        ("%", 0.01, "percent ％"),
        ("permille", 0.001, "‰"),
    ],
    "percentage point": [("pp", 1, "个百分点")],
    "person": [("person", 1, "人 p"), ("1e4person", 1e4, "万人")],
    "length": [
        ("m", 1, "米"),
        ("mm", 1e-3, "毫米"),
        ("cm", 1e-2, "厘米"),
        ("km", 1e3, "公里 千米"),
        ("ft", 0.3048, ""),
        ("in", 0.0254, ""),
    ],
    "area": [("m2", 1, "m² 平方米 ㎡"), ("km2", 1e6, "km² 平方公里"), ("ha", 1e4, "公顷"), ("mu", 10000 / 15, "亩")],
    "volume": [("m3", 1, "m³ 立方米"), ("L", 1e-3, "l 升"), ("1e4m3", 1e4, "万立方米 万m3"), ("ft3", 0.3048**3, "")],
    "flow": [
        ("m3/s", 1, "m³/s cms"),
        ("L/s", 1e-3, "l/s lps"),
        ("m3/h", 1 / 3600, "m³/h"),
        ("m3/d", 1 / 86400, "m³/d 吨/日"),
        ("1e4m3/d", 1e4 / 86400, "万立方米/日 万吨/日"),
        ("cfs", 0.3048**3, ""),
    ],
    "velocity": [("m/s", 1, "米/秒"), ("km/h", 1 / 3.6, "公里/小时")],
    "rain rate": [("mm/h", 1, "毫米/小时"), ("mm/min", 60, ""), ("in/h", 25.4, "")],
    "mass": [
        ("kg", 1, "千克 公斤"),
        ("g", 1e-3, "克"),
        ("t", 1e3, "吨"),
        ("kt", 1e6, "千吨"),
        ("Mt", 1e9, ""),
        ("1e4t", 1e7, "万吨"),
    ],
    "coal equivalent": [
        ("kgce", 1, "千克标准煤 kgtce"),
        ("tce", 1e3, "吨标准煤 吨标煤"),
        ("1e4tce", 1e7, "万吨标准煤"),
        ("Mtce", 1e9, ""),
    ],
    "energy": [
        ("kWh", 1, "千瓦时 度"),
        ("MWh", 1e3, "兆瓦时"),
        ("GWh", 1e6, ""),
        ("Wh", 1e-3, ""),
        ("MJ", 1 / 3.6, "兆焦"),
        ("GJ", 1e3 / 3.6, "吉焦"),
        ("1e4kWh", 1e4, "万千瓦时 万度"),
    ],
    "power": [("kW", 1, "千瓦"), ("W", 1e-3, "瓦"), ("MW", 1e3, "兆瓦"), ("GW", 1e6, "吉瓦"), ("1e4kW", 1e4, "万千瓦")],
    "temperature": [("degC", 1, "°C ℃ 摄氏度"), ("K", 1, ""), ("degF", 5 / 9, "°F")],
    "pressure": [
        ("kPa", 1, "千帕"),
        ("Pa", 1e-3, "帕"),
        ("MPa", 1e3, "兆帕"),
        ("bar", 100, ""),
        ("mH2O", 9.80665, "米水柱"),
    ],
    "concentration": [
        ("mg/L", 1, "mg/l 毫克/升 g/m3"),
        ("ug/L", 1e-3, "μg/L"),
        ("g/L", 1e3, ""),
        ("ug/m3", 1e-6, "μg/m3 µg/m3"),
    ],
    "conductivity": [("uS/cm", 1, "μS/cm µS/cm 微西门子/厘米"), ("mS/cm", 1e3, ""), ("S/m", 1e4, "")],
    "time": [("h", 1, "小时"), ("s", 1 / 3600, "秒"), ("min", 1 / 60, "分钟"), ("d", 24, "天 日")],
    "irradiance": [("W/m2", 1, "W/m²"), ("kW/m2", 1e3, "")],
    "sound level": [("dB", 1, "分贝 dB(A)")],
    "illuminance": [("lx", 1, "勒克斯")],
    "traffic flow": [("veh/h", 1, "辆/小时"), ("veh/min", 60, "")],
    "data rate": [("Gbps", 1, "G"), ("Mbps", 1e-3, ""), ("Tbps", 1e3, "")],
    "money": [("CNY", 1, "元 yuan"), ("1e4CNY", 1e4, "万元"), ("1e8CNY", 1e8, "亿元")],
    "energy per area": [("kgce/m2", 1, "千克标准煤/平方米"), ("tce/m2", 1e3, "")],
    "electricity per area": [("kWh/m2", 1, "千瓦时/平方米")],
    "energy per person": [("kgce/person", 1, "千克标准煤/人 kgce/p"), ("tce/person", 1e3, "")],
    "volume per person": [("m3/person", 1, "立方米/人"), ("L/person", 1e-3, "升/人")],
    "mass per area": [("kg/m2", 1, "千克/平方米"), ("t/m2", 1e3, "")],
    "mass per person": [("kg/person", 1, "kg/人 千克/人"), ("g/person", 1e-3, "")],
    "energy per volume": [("kWh/m3", 1, "千瓦时/立方米")],
    "coal equivalent per energy": [("kgce/kWh", 1, "")],
    "coal equivalent per volume": [("kgce/m3", 1, "")],
    "mass per energy": [("kg/kWh", 1, "kgCO2/kWh")],
    "mass per volume": [("kg/m3", 1, "kgCO2/m3")],
}
_OFFSETS = {"K": -273.15, "degF": -160 / 9}  # to degrees Celsius


@cache
def _units() -> dict[str, Unit]:
    table: dict[str, Unit] = {}
    for dimension, rows in _TABLE.items():
        for id, factor, aliases in rows:
            unit = Unit(id, dimension, float(factor), _OFFSETS.get(id, 0.0))
            for name in (id, *aliases.split()):
                table[name] = unit
    return table


def unit(name: str) -> Unit:
    """The unit called `name` (its id or an alias, Chinese ones included)."""
    found = _units().get(name.strip())
    if found is None:
        raise NotFound(f"unit '{name}' is not in the vocabulary", "see /api/quantities for the units that are", name)
    return found


def known_unit(name: str) -> bool:
    """Whether `name` is a unit of the vocabulary."""
    return name.strip() in _units()


def units() -> tuple[Unit, ...]:
    """Every unit once, in the order of the vocabulary."""
    return tuple(dict.fromkeys(_units().values()))


def conversion(source: str, target: str) -> tuple[float, float]:
    """Factor and offset that turn a value in `source` into `target`: `factor * value + offset`.

    >>> factor, offset = conversion("degF", "degC")
    >>> round(factor * 212 + offset, 9)
    100.0
    >>> conversion("万千瓦", "kW")
    (10000.0, 0.0)
    """
    a, b = unit(source), unit(target)
    if a.dimension != b.dimension:
        raise UnitMismatch(
            f"'{source}' measures {a.dimension}, '{target}' measures {b.dimension}",
            f"send the value in a unit of {b.dimension}",
            source,
        )
    return a.factor / b.factor, (a.offset - b.offset) / b.factor


@cache
def quantities() -> dict[str, Quantity]:
    """The vocabulary: every quantity of the city by id."""
    text = files("citytwin.kernel").joinpath("quantities.csv").read_text("utf-8")
    return {
        row["id"]: Quantity(row["id"], Title(row["zh"], row["en"]), row["unit"], float(row["low"]), float(row["high"]))
        for row in csv.DictReader(text.splitlines())
    }


def quantity(id: str) -> Quantity:
    """The quantity `id` of the vocabulary."""
    found = quantities().get(id)
    if found is None:
        raise NotFound(f"quantity '{id}' is not in the vocabulary", "see citytwin/kernel/quantities.csv", id)
    return found
