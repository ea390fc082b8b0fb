"""What would it look like? A hundred and twenty metered institutions, and a whole city's monthly reports."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from citytwin.kernel.asset import Asset
from citytwin.kernel.demo import Begun, Move, Scene
from citytwin.kernel.relation import Relation
from citytwin.kernel.stream import stream_id
from citytwin.kernel.title import Title
from citytwin.packs.institution.formulas import workday
from citytwin.packs.institution.models import holidays
from citytwin.science.geodesy import lonlat
from citytwin.science.synthetic import smooth, uniform
from citytwin.science.warmth import air_temperature

CASE_PATHS = {
    "red_card": (
        ("plan", "review", "rectify", "acceptance", ("advance", "publish", {"within_quota": True})),
        ("appeal", "withdrawn"),
        (
            "appeal", "plan", "review", "plan", "review", "rectify", "acceptance", ("advance", "rectify", {"within_quota": False}), ("extend", "30", "更换冷机工期"),
            "acceptance", ("advance", "publish", {"within_quota": True}),
        ),
    ),
    "meter_repair": (("repair", "confirm", "restored"), ("repair", "confirm", "repair", "confirm", "restored")),
    "saving_verification": (("confirm", "confirmed"), ("confirm", ("return", "verify", "基准期取数有误"), "confirm", "confirmed")),
}  # fmt: skip
CASE_FORMS = {"saving_verification": {"verify": {"saved_share": 0.17}}}
_GOOD = {"saving_share": 0.12, "meters_checked": True, "measures_costed": True}
_POOR = {"saving_share": 0.01, "meters_checked": False}
_SAVED = {"saved_tce": 24.5}
AUDITS: tuple[tuple[float, float, tuple[Move, ...]], ...] = (  # days before the city begins, energy of last year [tce], the path; each at the next institution
    (330.0, 640.0, ("audit", ("advance", "review", _GOOD), "plan", "evaluation", ("advance", "filed", _SAVED))),
    (290.0, 410.0, ("audit", ("advance", "review", _POOR), "audit", ("extend", "10", "补测分项计量"), ("advance", "review", _GOOD), "plan", "evaluation", ("advance", "filed", _SAVED))),
    (120.0, 350.0, ("audit", ("advance", "review", _GOOD), "plan", "evaluation")),
    (70.0, 320.0, ("audit", ("advance", "review", _GOOD), ("answer", "experts", "object", "照明潜力偏高"))),
    (72.0, 300.0, ("audit", ("wait", "待单位提供上年账单"))),
    (75.0, 505.0, ("audit",)),
    (24.0, 310.0, ("audit",)),
    (9.0, 12.0, ()),
)  # fmt: skip
CARDS: tuple[tuple[float, tuple[Move, ...]], ...] = (  # red cards of this year: days before, the path
    (150.0, ("plan", "review", "rectify", ("comment", "冷机已进场"))),
    (45.0, ("plan", "review", ("return", "plan", "措施未落实资金"))),
    (14.0, ("appeal",)),
)
CONTRACTS: tuple[tuple[float, float, int, tuple[Move, ...]], ...] = (  # days before, guaranteed share, years, the path
    (900.0, 0.15, 2, ("sign", "build", "operate", ("comment", "首年节能量已核定"))),
    (620.0, 0.20, 6, ("sign", "build", ("extend", "20", "停电窗口调整"), "operate")),
    (150.0, 0.12, 8, ("sign", "build")),
    (35.0, 0.18, 5, ("sign",)),
    (28.0, 0.05, 3, ("dropped",)),
)  # fmt: skip

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_DAY_S = 86_400
_REFERENCE = 2025  # the year in which an institution uses what its intensity says


class _Kind(NamedTuple):
    """What the institutions of a kind have in common; shares are of a year's electricity, gas or water."""

    id: str
    zh: str
    en: str
    number: int
    use: str  # of the buildings it occupies
    buildings: int
    area_m2: float  # where there are no buildings
    area_per_person_m2: float
    water_m3: float  # per person and year
    quota: str
    gas: float  # share of gas in its energy, where it has gas
    base: float  # share of electricity that runs day and night
    occupied: float
    cooling: float
    heating: float
    night_limit: float
    night_water_limit: float


_KINDS = (
    _Kind("agency", "机关", "Agency", 40, "office", 1, 14e3, 28, 21, "sd2672_agency", 0.10, 0.30, 0.44, 0.19, 0.07, 75, 60),
    _Kind("school", "学校", "School", 30, "education", 3, 18e3, 10, 11, "", 0.15, 0.27, 0.45, 0.16, 0.12, 78, 60),
    _Kind("vocational", "职业院校", "Vocational college", 4, "education", 6, 55e3, 14, 30, "sh783_vocational", 0.18, 0.36, 0.36, 0.17, 0.11, 78, 60),
    _Kind("university", "高校", "University", 8, "education", 20, 180e3, 18, 42, "sh783_university", 0.20, 0.40, 0.34, 0.17, 0.09, 80, 60),
    _Kind("hospital", "医院", "Hospital", 12, "health", 1, 40e3, 16, 48, "sd2673_hospital", 0.22, 0.50, 0.25, 0.17, 0.08, 118, 95),
    _Kind("library", "图书馆", "Library", 6, "culture", 1, 9e3, 12, 8, "sd3780_library", 0.10, 0.31, 0.40, 0.21, 0.08, 75, 60),
    _Kind("museum", "博物馆", "Museum", 6, "culture", 1, 9e3, 12, 8, "sd3780_museum", 0.10, 0.38, 0.33, 0.21, 0.08, 80, 60),
    _Kind("gymnasium", "体育馆", "Gymnasium", 6, "culture", 1, 9e3, 12, 16, "sd3780_gymnasium", 0.20, 0.28, 0.43, 0.21, 0.08, 75, 60),
    _Kind("other", "事业单位", "Public service unit", 8, "research", 1, 12e3, 28, 21, "", 0.10, 0.30, 0.44, 0.19, 0.07, 75, 60),
)  # fmt: skip
_PLACES = tuple(kind for kind in _KINDS for _ in range(kind.number))

# Institutions (by number from 0) at which something is the matter.
_WASTEFUL = (4, 13, 27, 51, 66)  # much runs through the night
_LEAKY = (8, 33, 72)  # water runs through the night
_SPIKY = (85, 90)  # hospitals that exceed their contract every morning
_STUCK = {21: (6.0, 9.0), 58: (18.0, 21.0)}  # meters that repeat themselves but for three hours a day
_MORNING_ONLY, _EVENING_ONLY = 17, 44  # meters that are heard from 9 to 12 and from 20 to 23 only
_UNBILLED = {11: (2, 7, 8), 12: (5,)}  # months for which no bill came: one too few, and one that may be bridged

_BODIES = (  # id, name, share of energy, of area, of persons
    ("municipal", "市级机关与直属单位", "Municipal organs", 0.230, 0.175, 0.150),
    ("pudong", "浦东新区", "Pudong", 0.160, 0.165, 0.180),
    ("minhang", "闵行区", "Minhang", 0.085, 0.090, 0.095),
    ("yangpu", "杨浦区", "Yangpu", 0.070, 0.065, 0.070),
    ("xuhui", "徐汇区", "Xuhui", 0.068, 0.062, 0.060),
    ("songjiang", "松江区", "Songjiang", 0.052, 0.060, 0.065),
    ("baoshan", "宝山区", "Baoshan", 0.045, 0.050, 0.055),
    ("jiading", "嘉定区", "Jiading", 0.042, 0.048, 0.048),
    ("fengxian", "奉贤区", "Fengxian", 0.036, 0.044, 0.043),
    ("huangpu", "黄浦区", "Huangpu", 0.036, 0.032, 0.032),
    ("jingan", "静安区", "Jing'an", 0.036, 0.033, 0.034),
    ("putuo", "普陀区", "Putuo", 0.028, 0.032, 0.034),
    ("hongkou", "虹口区", "Hongkou", 0.026, 0.028, 0.029),
    ("qingpu", "青浦区", "Qingpu", 0.026, 0.034, 0.031),
    ("changning", "长宁区", "Changning", 0.025, 0.027, 0.025),
    ("jinshan", "金山区", "Jinshan", 0.021, 0.030, 0.027),
    ("chongming", "崇明区", "Chongming", 0.014, 0.025, 0.022),
)
# What the whole city reports, made up so that 2020 comes to 1.71 Mtce and 3.39 Mt, and 2023 keeps the energy cap
# but not the carbon cap.
_YEARS = (2019, 2020, 2021, 2022, 2023, 2024, 2025, 2026)
_CITY: dict[str, tuple[float, ...]] = {
    "body_electricity": (4610e6, 4520e6, 4730e6, 4560e6, 4590e6, 4700e6, 4660e6, 4640e6),  # kWh
    "body_natural_gas": (272e6, 265e6, 273e6, 257e6, 252e6, 247e6, 241e6, 236e6),  # m3
    "body_petrol": (38.0e6, 35.2e6, 36.0e6, 30.5e6, 31.0e6, 29.5e6, 27.8e6, 26.0e6),  # kg
    "body_diesel": (24.5e6, 23.7e6, 23.0e6, 20.5e6, 19.8e6, 18.6e6, 17.3e6, 16.1e6),  # kg
    "body_water": (131e6, 126e6, 128e6, 121.5e6, 122.5e6, 121.5e6, 120.5e6, 119.5e6),  # m3
    "body_floor_area": (77.6e6, 78.5e6, 79.4e6, 80.3e6, 81.2e6, 82.1e6, 82.9e6, 83.7e6),  # m2, mean of the year
    "body_persons": (4.18e6, 4.20e6, 4.23e6, 4.25e6, 4.28e6, 4.30e6, 4.32e6, 4.34e6),  # mean of the year
    # these at the end of the year: kW, and counts
    "body_pv_capacity": (27e3, 31e3, 36e3, 41.5e3, 46.5e3, 52e3, 58e3, 64e3),
    "body_audited": (310, 372, 455, 538, 612, 668, 731, 790),
    "body_vpp_ready": (0, 1, 3, 9, 17, 24, 31, 38),
    "body_contracts": (12, 18, 29, 46, 63, 78, 90, 101),
    "body_retrofits": (15, 24, 41, 62, 84, 103, 121, 138),
}
_MONTHLY: dict[str, tuple[float, ...]] = {  # share of a month in its year, before normalising
    "body_electricity": (1.02, 0.88, 0.90, 0.83, 0.88, 1.05, 1.28, 1.30, 1.10, 0.86, 0.88, 1.02),
    "body_natural_gas": (1.55, 1.35, 1.15, 0.85, 0.75, 0.72, 0.72, 0.70, 0.74, 0.85, 1.10, 1.50),
    "body_petrol": (1.0, 0.8, 1.0, 1.0, 1.0, 1.0, 1.05, 1.05, 1.0, 1.0, 1.0, 1.1),
    "body_diesel": (1.0, 0.8, 1.0, 1.0, 1.0, 1.0, 1.05, 1.05, 1.0, 1.0, 1.0, 1.1),
    "body_water": (0.92, 0.80, 0.95, 0.98, 1.02, 1.08, 1.08, 1.02, 1.12, 1.03, 1.0, 0.95),
}
_CLOSED = {  # how much of the usual bustle was left in months of epidemic control
    (2020, 2): 0.50, (2020, 3): 0.62, (2020, 4): 0.82, (2022, 4): 0.45, (2022, 5): 0.50, (2022, 6): 0.78, (2022, 12): 0.80,
}  # fmt: skip


# ── assets ──


def assets(scene: Scene) -> Iterable[Asset]:
    """The reporting bodies of the city, and metered institutions in the buildings of the scene (or around its centre)."""
    for id, zh, en, *_ in _BODIES:
        tier = "municipal" if id == "municipal" else "district"
        yield Asset(f"body-{id}", "institution.reporting_body", Title(zh, en), None, {"tier": tier})
    held = _buildings(scene)
    numbers: dict[str, int] = {}
    drafts = []
    for i, kind in enumerate(_PLACES):
        numbers[kind.id] = numbers.get(kind.id, 0) + 1
        area = sum(float(b.attributes["floor_area_m2"]) for b in held[i]) or kind.area_m2 * (
            0.6 + 0.8 * _one(scene.seed, 10, i)
        )
        level = (
            ("municipal", "district", "town")[int(3 * _one(scene.seed, 11, i))] if kind.id == "agency" else "district"
        )
        attributes: dict[str, Any] = {
            "kind": kind.id,
            "level": "municipal" if kind.id == "university" else level,
            "floor_area_m2": round(area),
            "persons": max(5, round(area / kind.area_per_person_m2 * (0.8 + 0.4 * _one(scene.seed, 12, i)))),
            "gas": kind.id in ("hospital", "university") or _one(scene.seed, 13, i) < 0.55,
            "night_share_limit": kind.night_limit,
            "night_water_limit": kind.night_water_limit,
        }
        if kind.quota:
            attributes["quota"] = kind.quota
            attributes["quota_correction"] = (
                round(1.05 + 0.4 * _one(scene.seed, 14, i), 2) if kind.id == "university" else 1.0
            )
        if kind.id == "hospital":
            attributes["beds"] = max(20, round(area / 105.0))
        title = Title(f"示例{kind.zh}{numbers[kind.id]:02d}", f"Demo {kind.en} {numbers[kind.id]:02d}")
        drafts.append(
            Asset(f"institution-{i + 1:03d}", "institution.institution", title, _point(scene, held[i], i), attributes)
        )
    peak = _Load(scene.seed, scene.zone, drafts).peak_kw
    for draft, kw in zip(drafts, peak, strict=True):
        step = 10.0 if kw < 1000 else 50.0
        contract = math.ceil(1.3 * kw / step) * step
        yield Asset(
            draft.id, draft.type, draft.title, draft.geometry, {**draft.attributes, "contract_demand_kw": contract}
        )


def cases(scene: Scene) -> Iterable[Begun]:
    """Audits and performance contracts of institutions, the largest first."""
    held = sorted(scene.assets["institution.institution"], key=lambda a: (-float(a.attributes["floor_area_m2"]), a.id))
    small = min(held, key=lambda a: float(a.attributes["floor_area_m2"]))
    for n, (ago, energy, path) in enumerate(AUDITS):
        yield Begun(f"audit-{n}", "energy_audit", ago, path, "年度审计名单", held[n % len(held)].id, form={"energy_tce": energy})  # fmt: skip
    yield Begun("audit-small", "energy_audit", 40.0, ("exempt",), "年度审计名单", small.id, form={"energy_tce": 8.0})
    for n, (ago, moves) in enumerate(CARDS):
        yield Begun(f"card-{n}", "red_card", ago, moves, "年度考核超约束值", held[(2 * n + 5) % len(held)].id)
    for n, (ago, share, years, moves) in enumerate(CONTRACTS):
        form = {"guaranteed_share": share, "years": years}
        yield Begun(f"contract-{n}", "performance_contract", ago, moves, "", held[(n + 3) % len(held)].id, form=form)
    # one whose term ended: it was under the guarantee, and made it up
    ended: tuple[Move, ...] = ("sign", "build", "operate", ("days", 700), "compensate", "settle", "done")
    yield Begun("contract-old", "performance_contract", 1400.0, ended, "", held[-2].id, form={"guaranteed_share": 0.25, "years": 1})  # fmt: skip
    verified = {"verify": {"saved_share": 0.19}}
    yield Begun("verified-old", "saving_verification", 900.0, ("confirm", "confirmed"), "", held[-2].id, under="contract-old", form={"guaranteed_share": 0.25}, forms=verified)  # fmt: skip


def relations(scene: Scene) -> Iterable[Relation]:
    """Institutions occupy buildings and report to a body; all bodies lie within the city as a whole."""
    regions = scene.assets.get("base.region", ())
    city = next((r.id for r in regions if r.id == "shanghai"), regions[0].id if regions else "shanghai")
    for id, *_ in _BODIES:
        yield Relation(f"body-{id}", "institution.within", city)
    held = _buildings(scene)
    for i, kind in enumerate(_PLACES):
        institution = f"institution-{i + 1:03d}"
        yield Relation(
            institution, "institution.reports_to", "body-municipal" if kind.id == "university" else "body-pudong"
        )
        for building in held[i]:
            yield Relation(institution, "institution.occupies", building.id)


def _buildings(scene: Scene) -> list[list[Asset]]:
    """The buildings of each institution: neighbours of the right use, each taken once as long as there are enough."""
    free: dict[str, list[Asset]] = {}
    for building in scene.assets.get("base.building", ()):
        free.setdefault(str(building.attributes["use"]), []).append(building)
    wanted: dict[str, int] = {}
    for kind in _PLACES:
        wanted[kind.use] = wanted.get(kind.use, 0) + kind.buildings
    taken = dict.fromkeys(wanted, 0)
    held = []
    for kind in _PLACES:
        stock = free.get(kind.use, [])
        spread = max(1, len(stock) // wanted[kind.use])
        first = taken[kind.use] * spread
        held.append([stock[(first + k) % len(stock)] for k in range(min(kind.buildings, len(stock)))] if stock else [])
        taken[kind.use] += kind.buildings
    return held


def _point(scene: Scene, buildings: Sequence[Asset], i: int) -> dict[str, Any]:
    if buildings and buildings[0].geometry:
        ring = buildings[0].geometry["coordinates"][0][:-1]
        place = [round(sum(p[k] for p in ring) / len(ring), 7) for k in (0, 1)]
    else:  # sunflower spiral around the centre
        r, angle = 300.0 * math.sqrt(i + 1), 2.399963 * i
        place = list(lonlat(scene.center, r * math.cos(angle), r * math.sin(angle)))
    return {"type": "Point", "coordinates": place}


def _one(seed: int, series: int, step: int) -> float:
    return float(uniform(seed, series, np.array([step]))[0])


# ── what drives a load ──


def _ramp(hour: NDArray[np.floating], opens: float, closes: float, width: float = 1.0) -> Floats:
    """1 between opening and closing hour, rising and falling over `width` hours before and after."""
    ramp: Floats = np.clip(np.minimum((hour - opens) / width + 1.0, (closes - hour) / width + 1.0), 0.0, 1.0)
    return ramp


def _drivers(seed: int, time_s: NDArray[np.floating], zone_s: float) -> tuple[Floats, Floats, Floats]:
    """What drives electricity, gas and water of each kind: arrays (kind, term, time).

    Terms of electricity: always, occupied, cooling, heating; of gas: always, meals, heating; of water: always,
    occupied, cooling.
    """
    local = time_s + zone_s
    hour = local % _DAY_S / 3600.0
    date = np.floor(local / _DAY_S).astype(np.int64).astype("datetime64[D]")
    day, inverse = np.unique(date, return_inverse=True)
    off, made_up = holidays()
    work = workday(day, off, made_up)[inverse]
    month = date.astype("datetime64[M]")
    month_of_year = month.astype(np.int64) % 12 + 1
    of_month = (date - month.astype("datetime64[D]")).astype(np.int64)
    winter_break = ((month_of_year == 1) & (of_month >= 20)) | ((month_of_year == 2) & (of_month < 15))
    vacation = np.isin(month_of_year, (7, 8)) | winter_break
    monday = (date.astype(np.int64) + 3) % 7 == 0
    bustle = np.ones(len(time_s))
    for (y, m), left in _CLOSED.items():
        bustle[month == np.datetime64(f"{y}-{m:02d}")] = left

    office = _ramp(hour, 8.0, 18.0) * (1.0 - 0.12 * _ramp(hour, 12.0, 13.0, 0.5)) * np.where(work, 1.0, 0.10)
    lessons = _ramp(hour, 7.5, 16.5) * np.where(work, 1.0, 0.06) * np.where(vacation, 0.18, 1.0)
    campus = _ramp(hour, 8.0, 21.5, 1.5) * np.where(work, 1.0, 0.72) * np.where(vacation, 0.45, 1.0)
    ward = 0.35 + 0.65 * _ramp(hour, 8.0, 17.0, 1.5) * np.where(work, 1.0, 0.72)
    visit = _ramp(hour, 9.0, 20.0) * np.where(monday & work, 0.15, np.where(work, 0.9, 1.1))
    by_kind = {"agency": office, "other": office, "school": lessons, "vocational": campus, "university": campus}
    by_kind["hospital"] = ward
    occupied = np.stack([by_kind.get(kind.id, visit) for kind in _KINDS]) * bustle

    warmth = air_temperature(seed, 0, time_s, zone_s)
    always = np.ones_like(occupied)
    cooling = np.maximum(warmth - 21.0, 0.0) * (0.22 + 0.78 * occupied)
    heating = np.maximum(12.0 - warmth, 0.0) * (0.18 + 0.82 * occupied)
    kitchen = _ramp(hour, 6.5, 8.0, 0.5) * 0.5 + _ramp(hour, 10.5, 12.5, 0.5) + _ramp(hour, 16.5, 18.0, 0.5) * 0.6
    on_free_days = [{"hospital": 0.9, "university": 0.8}.get(kind.id, 0.15) for kind in _KINDS]
    people = np.stack([np.where(work, 1.0, free) for free in on_free_days]) * bustle
    return (
        np.stack([always, occupied, cooling, heating], axis=1),
        np.stack([always, kitchen * people, heating], axis=1),
        np.stack([always, occupied, cooling], axis=1),
    )


@cache
def _reference(seed: int, zone: str) -> tuple[Floats, Floats, Floats]:
    """Drivers of every hour of the reference year."""
    begin = datetime(_REFERENCE, 1, 1, tzinfo=ZoneInfo(zone)).timestamp()
    return _drivers(seed, begin + 3600.0 * np.arange(8760) + 1800.0, _zone_s(zone, begin))


class _Load:
    """How institutions answer to their drivers: coefficients (institution, term) of electricity, gas and water per hour."""

    def __init__(self, seed: int, zone: str, institutions: Sequence[Asset]) -> None:
        self.ids = [a.id for a in institutions]
        n = len(institutions)
        self.number = np.array([int(a.id.rpartition("-")[2]) - 1 for a in institutions], np.int64)
        kinds = [_PLACES[i % len(_PLACES)] for i in self.number]
        self.kind = np.array([_KINDS.index(k) for k in kinds])
        self.gas = np.array([bool(a.attributes["gas"]) for a in institutions])
        self.contract = np.array([float(a.attributes.get("contract_demand_kw", 0.0)) for a in institutions])
        self.drift = 0.035 * uniform(seed, 20, self.number) - 0.025  # a year
        energy = np.array([_intensity(seed, int(i), k) for i, k in zip(self.number, kinds, strict=True)])
        energy *= [
            float(a.attributes["floor_area_m2"]) * float(a.attributes.get("quota_correction", 1.0))
            for a in institutions
        ]
        by_gas = energy * [k.gas for k in kinds] * self.gas
        # kgce per kWh on the basis of the quota, as in factor.csv
        coal = np.array([0.31 if k.quota.startswith("sd") else 0.28078 for k in kinds])
        wasteful, leaky = np.isin(self.number, _WASTEFUL), np.isin(self.number, _LEAKY)
        shares = np.array([(k.base, k.occupied, k.cooling, k.heating) for k in kinds])
        shares[wasteful, 1:] *= 0.22
        shares[wasteful, 0] = 1.0 - shares[wasteful, 1:].sum(axis=1)
        gas_shares = np.broadcast_to([0.15, 0.45, 0.40], (n, 3))
        water_shares = np.where(leaky[:, None], [0.78, 0.18, 0.04], [0.09, 0.76, 0.15])
        persons = np.array([float(a.attributes["persons"]) for a in institutions])
        water = persons * [k.water_m3 for k in kinds] * (0.8 + 0.4 * uniform(seed, 21, self.number))
        reference = _reference(seed, zone)
        totals = [r.sum(axis=2)[self.kind] for r in reference]
        self.electricity = ((energy - by_gas) / coal)[:, None] * shares / totals[0]
        self.natural_gas = (by_gas / 1.29971)[:, None] * gas_shares / totals[1]
        self.water = water[:, None] * water_shares / totals[2]
        self.peak_kw = np.array([(self.electricity[j] @ reference[0][k]).max() for j, k in enumerate(self.kind)])

    def rates(self, seed: int, time_s: Floats, zone_s: float) -> tuple[Floats, Floats, Floats]:
        """Electricity [kW], gas [m3/h] and water [m3/h] of each institution at each time, without noise."""
        drivers = _drivers(seed, time_s, zone_s)
        years = (time_s - 1_735_689_600.0) / 31_556_952.0  # since 2025
        growth = np.exp(self.drift[:, None] * years)
        answers = zip((self.electricity, self.natural_gas, self.water), drivers, strict=True)
        electricity, gas, water = (np.matmul(c[:, None, :], d[self.kind])[:, 0, :] * growth for c, d in answers)
        return electricity, gas, water


@cache
def _quotas() -> Mapping[str, tuple[float, float, float]]:
    with Path(__file__).with_name("quota.csv").open(encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    return {r["id"]: (float(r["guide"]), float(r["baseline"] or r["guide"]), float(r["limit_value"])) for r in rows}


def _intensity(seed: int, i: int, kind: _Kind) -> float:
    """Energy intensity [kgce/m2] in the reference year, on the basis of the quota, spread over its bands."""
    first = _PLACES.index(kind)
    u = ((i - first) * 0.618_034 + 0.31) % 1.0  # evenly spread, so that every band occurs
    if not kind.quota:
        return 8.0 + 9.0 * u
    guide, baseline, limit = _quotas()[kind.quota]
    marks = (0.78 * guide, guide, baseline, limit, 1.3 * limit)
    return float(np.interp(u, (0.0, 0.15, 0.50, 0.85, 1.0), marks)) * (1.0 + 0.02 * (_one(seed, 22, i) - 0.5))


# ── readings ──


def readings(scene: Scene, since: datetime, until: datetime) -> Iterator[pa.Table]:
    """One table per UTC day: power and electricity (15 min), water and gas (hourly) of the metered institutions."""
    begin, end = since.timestamp(), until.timestamp()
    load = _load(scene)
    for day in range(math.floor(begin / _DAY_S), math.ceil(end / _DAY_S)):
        first, last = max(begin, day * _DAY_S), min(end, (day + 1) * _DAY_S)
        if first < last:
            yield _day(scene, load, first, last, _zone_s(scene.zone, day * _DAY_S))


def _load(scene: Scene) -> _Load:
    own = scene.assets.get("institution.institution")
    if not own:
        own = tuple(a for a in assets(scene) if a.type == "institution.institution")
    return _Load(scene.seed, scene.zone, sorted(own, key=lambda a: a.id))


def _day(scene: Scene, load: _Load, first: float, last: float, zone_s: float) -> pa.Table:
    quarter = np.arange(math.ceil(first / 900.0) * 900, last, 900.0)
    hourly = np.arange(math.ceil(first / 3600.0) * 3600, last, 3600.0)
    n = load.number[:, None]
    power, _, _ = load.rates(scene.seed, quarter + 450.0, zone_s)
    _, gas, water = load.rates(scene.seed, hourly + 1800.0, zone_s)
    step, hour_step = (quarter // 900).astype(np.int64), (hourly // 3600).astype(np.int64)
    whim = 0.03 * smooth(scene.seed, 1000 + n, quarter / 5400.0) + 0.06 * (uniform(scene.seed, 2000 + n, step) - 0.5)
    power *= 1.0 + np.clip(whim, -0.12, 0.12)
    clock = (quarter + zone_s) % _DAY_S / 3600.0
    burst = (clock >= 10.0) & (clock < 10.75)
    power = np.where(np.isin(n, _SPIKY) & burst, 1.15 * load.contract[:, None], power)
    power = np.round(power, 2)
    energy = np.round(power / 4.0, 3)
    for i, (wakes, sticks) in _STUCK.items():
        asleep = (n == i) & ((clock < wakes) | (clock >= sticks))
        power = np.where(asleep, np.round(load.electricity[:, :1] * 1.5, 2), power)
    gas = np.round(gas * (0.9 + 0.2 * uniform(scene.seed, 3000 + n, hour_step)), 3)
    water = np.round(water * (0.9 + 0.2 * uniform(scene.seed, 4000 + n, hour_step)), 3)

    heard = uniform(scene.seed, 5000 + n, step) >= 0.003
    heard &= ~((n == _MORNING_ONLY) & ~((clock >= 9.0) & (clock < 12.0)))
    heard &= ~((n == _EVENING_ONLY) & ~((clock >= 20.0) & (clock < 23.0)))
    always = np.ones(water.shape, bool)
    return _table(  # in the order of stream ids
        load.ids,
        [
            ("institution.electricity", quarter, energy, heard),
            ("institution.natural_gas", hourly, gas, always & load.gas[:, None]),
            ("institution.power", quarter, power, heard),
            ("institution.water_use", hourly, water, always),
        ],
    )


# ── records ──


def records(scene: Scene, since: datetime, until: datetime) -> Iterator[pa.Table]:
    """One table per year: monthly bills of the institutions and monthly reports of the bodies.

    A month is on record in the last quarter of an hour of its last day, by the clock of the city.
    """
    load = _load(scene)
    zone = ZoneInfo(scene.zone)
    for year in range(since.astimezone(zone).year, until.astimezone(zone).year + 1):
        following = [datetime(year + m // 12, m % 12 + 1, 1, tzinfo=zone) for m in range(1, 13)]
        stamps = np.array([month.timestamp() - 900.0 for month in following])
        chosen = np.flatnonzero((stamps >= since.timestamp()) & (stamps < until.timestamp()))
        if len(chosen):
            yield _year(scene, load, year, stamps, chosen)


def _year(scene: Scene, load: _Load, year: int, stamps: Floats, chosen: Integers) -> pa.Table:
    n = load.number[:, None]
    bills = np.empty((3, len(load.ids), len(chosen)))
    for column, m in enumerate(chosen):
        begin = datetime(year, int(m) + 1, 1, tzinfo=ZoneInfo(scene.zone)).timestamp()
        hours = np.arange(begin, stamps[m] + 900.0, 3600.0) + 1800.0
        bills[:, :, column] = [rate.sum(axis=1) for rate in load.rates(scene.seed, hours, _zone_s(scene.zone, begin))]
    step = 12 * year + chosen
    for k in range(3):
        bills[k] *= 0.99 + 0.02 * uniform(scene.seed, 6000 + 1000 * k + n, step)
    bills = np.round(bills, 1)
    billed = np.ones((len(load.ids), len(chosen)), bool)
    for i, missing in _UNBILLED.items():
        billed &= ~((n == i) & np.isin(chosen + 1, missing))
    times = stamps[chosen]
    metered = _table(
        load.ids,
        [
            ("institution.electricity_month", times, bills[0], billed),
            ("institution.natural_gas_month", times, bills[1], billed & load.gas[:, None]),
            ("institution.water_month", times, bills[2], billed),
        ],
    )
    bodies = sorted(range(len(_BODIES)), key=lambda b: _BODIES[b][0])
    everything = np.ones((len(bodies), len(chosen)), bool)
    reported = _table(
        [f"body-{_BODIES[b][0]}" for b in bodies],
        [
            (f"institution.{stream}", times, _reported(scene.seed, stream, year)[bodies][:, chosen], everything)
            for stream in sorted(_CITY)
        ],
    )
    return pa.concat_tables([reported, metered]).unify_dictionaries()


def _city(stream: str, year: float) -> float:
    """The whole city's figure of a year; beyond the last year known it goes on as in the last one."""
    values = _CITY[stream]
    if year > _YEARS[-1]:
        return values[-1] + (values[-1] - values[-2]) * (year - _YEARS[-1]) * (0.5 if values[-1] < values[-2] else 1.0)
    return float(np.interp(year, _YEARS, values))


def _reported(seed: int, stream: str, year: int) -> Floats:
    """What each body reports in each month of a year: array (body, month)."""
    number = np.arange(len(_BODIES))[:, None]
    month = np.arange(12)
    noise = 0.97 + 0.06 * uniform(seed, 9000 + 100 * sorted(_CITY).index(stream) + number, 12 * year + month)
    area = np.array([b[4] for b in _BODIES])
    at_end = np.array([_city(stream, year - 1 + m / 12.0) for m in range(1, 13)])
    reported: Floats
    if stream in _MONTHLY:
        bustle = np.array([_CLOSED.get((year, m), 1.0) for m in range(1, 13)])
        share = np.array([b[3] for b in _BODIES])[:, None] * np.array(_MONTHLY[stream]) * (0.45 + 0.55 * bustle) * noise
        reported = np.round(_city(stream, year) * share / share.sum(), 1)
    elif stream in ("body_floor_area", "body_persons"):
        part = area if stream == "body_floor_area" else np.array([b[5] for b in _BODIES])
        total = np.array([_city(stream, year + (m - 6.5) / 12.0) for m in range(1, 13)])
        reported = np.round(part[:, None] / part.sum() * total)
    elif stream == "body_pv_capacity":
        reported = np.round(area[:, None] / area.sum() * at_end, 1)
    else:  # the k-th institution on the register belongs to the same body for ever
        entries = np.arange(int(at_end.max()) + 1)
        draw = uniform(seed, 8000 + sorted(_CITY).index(stream), entries)
        body = np.searchsorted(np.cumsum(area) / area.sum(), draw)
        listed = entries[:, None] < np.floor(at_end + 1e-9)
        reported = ((body == number)[:, :, None] & listed[None]).sum(axis=1).astype(float)
    return reported


def _zone_s(zone: str, time_s: float) -> float:
    """Seconds by which the zone is ahead of UTC at a time."""
    offset = datetime.fromtimestamp(time_s, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return offset.total_seconds() if offset else 0.0


_Block = tuple[str, Floats, Floats, NDArray[np.bool_]]


def _table(ids: Sequence[str], blocks: Sequence[_Block]) -> pa.Table:
    """Rows sorted by stream and time of blocks (stream type, times, values (asset, time), which of them exist)."""
    names = [stream_id(id, stream) for id in ids for stream, *_ in blocks]
    kept = [np.concatenate([keep[a] for _, _, _, keep in blocks]) for a in range(len(ids))]
    counts = [int(keep[a].sum()) for a in range(len(ids)) for _, _, _, keep in blocks]
    times = np.concatenate([times for _, times, _, _ in blocks]) * 1e6
    values = np.concatenate([values for _, _, values, _ in blocks], axis=1)
    keep = np.stack(kept)
    codes = np.repeat(np.arange(len(names), dtype=np.int32), counts)
    time = np.broadcast_to(times.astype(np.int64), keep.shape)[keep]
    stream = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string()))
    moments = pa.array(time, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    return pa.table({"stream": stream, "time": moments, "value": pa.array(values[keep], pa.float64())})
