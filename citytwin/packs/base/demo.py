"""What would it look like? A city of rings around a round lake by the sea, and its weather."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from citytwin.kernel.asset import Asset
from citytwin.kernel.demo import Begun, Scene
from citytwin.kernel.relation import Relation
from citytwin.kernel.stream import stream_id
from citytwin.kernel.title import Title
from citytwin.science.geodesy import lonlat
from citytwin.science.rain import storm_depth, storm_intensity
from citytwin.science.synthetic import smooth, uniform
from citytwin.science.warmth import air_temperature

CASE_PATHS = {
    "storm_response": (("patrol", "relief", "review"), ("patrol", "review"), ("unfounded",)),
    "station_repair": (("visit", "restored"), ("restored",)),
}
_GENERAL, _MAJOR, _NONE = (
    {"likelihood": 3, "severity": 2},
    {"likelihood": 4, "severity": 4},
    {"likelihood": 1, "severity": 1},
)
_PASSED, _FAILED = {"passed": True}, {"passed": False}
HAZARDS = (  # days before the city begins, metres east and north of the lake's centre, where, what is told, the path
    (33.0, 1500, 300, "road", "人行道地砖塌陷", (("advance", "rectify", _GENERAL), "inspect", ("advance", "closed", _PASSED))),
    (26.0, -1380, 560, "water", "亲水平台护栏松动", (("advance", "rectify_major", _MAJOR), "inspect", ("advance", "rectify_major", _FAILED), "inspect", ("advance", "closed", _PASSED))),
    (21.0, 2400, -900, "park", "枯枝悬挂在步道上方", (("advance", "rectify", _GENERAL), "inspect", ("advance", "rectify", _FAILED), ("extend", "5", "待雨停后施工"))),
    (17.0, -2600, 1900, "overhead", "广告牌螺栓脱落", (("advance", "rectify_major", _MAJOR),)),
    (12.0, 640, 2500, "other", "夜间有人说话声大", (("advance", "unfounded", _NONE),)),
    (9.0, -900, -2700, "road", "路灯箱门敞开", (("advance", "rectify", _GENERAL), ("comment", "已围挡，等待配件"))),
    (7.0, 1900, 1700, "park", "秋千链条磨损", (("wait", "请补充照片和位置"),)),
    (0.4, -1700, -1100, "road", "井盖缺失", ()),
)  # fmt: skip

# ── the plan of the city: metres from the lake's centre, angles in degrees from east, anticlockwise ──

Point = tuple[float, float]
Shape = list[Point]
Series = NDArray[np.floating[Any]]

SHORE = 1270.0
RINGS = (1420.0, 2000.0, 2640.0, 3440.0, 3960.0)
LOCAL_RINGS = (1710.0, 2905.0, 3175.0, 3760.0)
CANAL_RINGS = ((2285.0, 2335.0), (3485.0, 3535.0))
AVENUE_STEP = 22.5
STREET_STEP = 7.5
CANAL_ANGLES = (60.0, 97.5, 142.5, 187.5, 232.5, 277.5)  # canals from the inner ring canal to the outer one
SEA_ANGLE = 326.25  # straight out to sea; the lake's outlet runs this way
COAST_RADIUS, COAST_NEAREST = 12_000.0, 2_550.0
ISLANDS = (  # angle, distance, mean radius, titles
    (95.0, 640.0, 165.0, Title("北岛", "North Island")),
    (188.0, 720.0, 130.0, Title("西岛", "West Island")),
    (262.0, 690.0, 150.0, Title("南岛", "South Island")),
)
CAMPUSES = (3, 5, 7, 9, 11)  # sectors of the inner park belt that hold schools, museums and a hospital
HOME_ROWS = (  # rows of blocks in the residential rings
    (RINGS[2] + 34, LOCAL_RINGS[1] - 16),
    (LOCAL_RINGS[1] + 16, LOCAL_RINGS[2] - 16),
    (LOCAL_RINGS[2] + 16, RINGS[3] - 32),
    (CANAL_RINGS[1][1] + 30, LOCAL_RINGS[3] - 16),
    (LOCAL_RINGS[3] + 16, RINGS[4] - 30),
)
COLUMNS = tuple(-7300.0 + 450.0 * i for i in range(11))
ROWS = tuple(-2625.0 + 375.0 * i for i in range(15))
EXPRESSWAY, CANAL_COLUMN, CANAL_ROW = COLUMNS[4], COLUMNS[1], ROWS[3]

DISTRICTS = (  # id, first and last angle, titles, residents
    ("district-huanhu", 0.0, 360.0, Title("环湖商务片区", "Lakeside Business District"), 46_000),
    ("district-lianbei", 45.0, 112.5, Title("涟北生活片区", "Lianbei"), 71_000),
    ("district-lianxi", 112.5, 202.5, Title("涟西生活片区", "Lianxi"), 98_000),
    ("district-liannan", 202.5, 270.0, Title("涟南大学片区", "Liannan University Town"), 83_000),
    ("district-guanhai", 270.0, 405.0, Title("观海片区", "Guanhai Seaside"), 52_000),
    ("district-xinghan", 0.0, 2625.0, Title("星瀚科创片区", "Xinghan Science Park"), 39_000),
    ("district-yungang", -2625.0, 0.0, Title("云港智造片区", "Yungang Works"), 17_000),
)
STATIONS = (  # id, angle, distance, titles, acoustic zone; the order is the number of the rain gauge
    ("ws-huanhu", 174.0, 1345.0, Title("环湖西站", "Lakeside West"), "4a"),
    ("ws-lianbei", 80.0, 3040.0, Title("涟北站", "Lianbei"), "2"),
    ("ws-lianxi", 151.0, 2440.0, Title("涟西公园站", "Lianxi Park"), "1"),
    ("ws-liannan", 239.0, 2440.0, Title("大学城站", "University Town"), "1"),
    ("ws-haitang", 322.0, 2470.0, Title("海塘站", "Sea Wall"), "2"),
    ("ws-xinghan", 165.7, 6085.0, Title("星瀚站", "Xinghan"), "2"),
    ("ws-yungang", 197.0, 6180.0, Title("云港站", "Yungang"), "3"),
    ("ws-guanhai", 36.0, 3330.0, Title("观海站", "Guanhai"), "2"),
)
NIGHT_LIMIT_DB = {"1": 45.0, "2": 50.0, "3": 55.0, "4a": 55.0}  # GB 3096-2008 table 1, night
AVENUES = """
观海大道 Guanhai Avenue, 听潮路 Tingchao Road, 云帆大道 Yunfan Avenue, 银杏路 Yinxing Road,
朝晖大道 Zhaohui Avenue, 白鹭路 Bailu Road, 星瀚大道 Xinghan Avenue, 玉兰路 Yulan Road,
港城大道 Gangcheng Avenue, 水杉路 Shuishan Road, 云港大道 Yungang Avenue, 芦苇路 Luwei Road,
渔火大道 Yuhuo Avenue, 沙鸥路 Sha'ou Road, 远帆大道 Yuanfan Avenue, 晨曦路 Chenxi Road
"""
NAMES = """
海棠 Haitang, 杜鹃 Dujuan, 茉莉 Moli, 木槿 Mujin, 丁香 Dingxiang, 紫藤 Ziteng, 桂香 Guixiang, 竹影 Zhuying,
松涛 Songtao, 梅岭 Meiling, 兰汀 Lanting, 荷风 Hefeng, 柳浪 Liulang, 枫林 Fenglin, 榆荫 Yuyin, 梧桐 Wutong,
香樟 Xiangzhang, 石榴 Shiliu, 葵花 Kuihua, 蔷薇 Qiangwei, 海燕 Haiyan, 鸿雁 Hongyan, 青鸟 Qingniao, 鹭洲 Luzhou,
锦鲤 Jinli, 珊瑚 Shanhu, 珍珠 Zhenzhu, 海星 Haixing, 潮音 Chaoyin, 浪花 Langhua, 帆影 Fanying, 灯塔 Dengta,
锚地 Maodi, 渔歌 Yuge, 沙洲 Shazhou, 芦荡 Ludang, 朝霞 Zhaoxia, 晚霞 Wanxia, 星光 Xingguang, 月影 Yueying,
云栖 Yunqi, 风铃 Fengling, 雨花 Yuhua, 雪松 Xuesong, 晴川 Qingchuan, 虹彩 Hongcai, 天琴 Tianqin, 天鹅 Tian'e,
北斗 Beidou, 启明 Qiming, 长庚 Changgeng, 求知 Qiuzhi, 创新 Chuangxin, 智造 Zhizao, 芯谷 Xingu, 飞渡 Feidu,
层林 Cenglin, 远航 Yuanhang, 起帆 Qifan, 同顺 Tongshun, 万水 Wanshui, 千山 Qianshan, 云鹃 Yunjuan, 秋山 Qiushan,
方竹 Fangzhu, 雪绒 Xuerong, 花柏 Huabai, 紫杉 Zishan, 银桦 Yinhua, 金枣 Jinzao, 山茶 Shancha, 玉蝶 Yudie,
青檀 Qingtan, 白桦 Baihua, 红豆 Hongdou, 黄栌 Huanglu, 蓝莓 Lanmei, 橙果 Chengguo, 天工 Tiangong, 百工 Baigong,
巧匠 Qiaojiang, 精工 Jinggong, 铸剑 Zhujian, 炉火 Luhuo, 飞轮 Feilun, 齿轮 Chilun, 晶圆 Jingyuan, 量子 Liangzi,
光谱 Guangpu, 磁浮 Cifu, 新元 Xinyuan, 鼎新 Dingxin, 致远 Zhiyuan, 行知 Xingzhi, 博学 Boxue, 笃行 Duxing,
明德 Mingde, 格物 Gewu
"""
CANAL_NAMES = """
丹霞港 Danxia, 橙晖港 Chenghui, 金穗港 Jinsui, 碧波港 Bibo, 青岚港 Qinglan, 紫云港 Ziyun
"""
STOREY_M = {
    "residential": 2.95,
    "office": 4.0,
    "commercial": 4.8,
    "hotel": 3.6,
    "education": 3.9,
    "culture": 6.0,
    "health": 4.2,
    "research": 4.2,
    "industry": 8.0,
    "logistics": 9.5,
}
HOME_CYCLE = ("slabs", "slabs", "court", "slabs", "school", "slabs", "slabs", "court", "slabs", "garden", "slabs")
SEASIDE_CYCLE = ("terraces", "slabs", "terraces", "hotel", "slabs", "terraces", "garden")
BUSINESS_CYCLE = ("towers", "court", "towers", "mall", "towers", "court", "towers", "garden")
WOODS = (  # first and last angle, titles
    (50.0, 70.0, Title("北滩林地", "North Shoal Wood")),
    (71.0, 100.0, Title("鹭鸣林地", "Luming Wood")),
    (101.0, 129.0, Title("涟北林地", "Lianbei Wood")),
    (232.0, 250.0, Title("涟南林地", "Liannan Wood")),
    (251.0, 261.0, Title("南滩林地", "South Shoal Wood")),
)


def _names(text: str) -> list[tuple[str, str]]:
    """Chinese and English names from a list of them."""
    pairs = (name.strip().partition(" ") for name in text.split(","))
    return [(zh, en) for zh, _, en in pairs]


def _polar(r: float, angle: float) -> Point:
    return r * math.cos(math.radians(angle)), r * math.sin(math.radians(angle))


def _coast(angle: float) -> float:
    """Distance [m] from the lake's centre to the sea wall: it is an arc that bulges out to sea."""
    inland = COAST_RADIUS - COAST_NEAREST
    b = inland * math.cos(math.radians(angle - SEA_ANGLE))
    return -b + math.sqrt(b * b + COAST_RADIUS**2 - inland**2)


def _wall(offset: float, first: float, last: float, steps: int) -> Shape:
    """Points `offset` metres inland of the sea wall; angles are those at the centre of its arc."""
    x, y = _polar(COAST_RADIUS - COAST_NEAREST, SEA_ANGLE - 180.0)
    bearings = (SEA_ANGLE + first + (last - first) * i / steps for i in range(steps + 1))
    return [(x + dx, y + dy) for dx, dy in (_polar(COAST_RADIUS - offset, b) for b in bearings)]


def _shoreward(radius: float, distance: float) -> Callable[[float], float]:
    """A radius that gives way where the sea wall would be nearer than `distance`."""
    return lambda angle: min(radius, _coast(angle) - distance)


def _arc(radius: float | Callable[[float], float], first: float, last: float, step: float = 2.5) -> Shape:
    """Points from angle `first` to `last` at `radius`, which may depend on the angle."""
    n = max(1, math.ceil(abs(last - first) / step))
    angles = [first + (last - first) * i / n for i in range(n + 1)]
    return [_polar(radius(a) if callable(radius) else radius, a) for a in angles]


def _band(r0: float, r1: float | Callable[[float], float], first: float, last: float, step: float = 2.5) -> Shape:
    """The piece of a ring between two angles."""
    return _arc(r1, first, last, step) + _arc(r0, last, first, step)


def _blob(center: Point, radius: float, phase: float, corners: int = 24) -> Shape:
    """A rounded shape that is no circle."""
    angles = [360.0 * i / corners for i in range(corners)]
    points = []
    for a in angles:
        bump = 1.0 + 0.16 * math.cos(math.radians(2 * a + phase)) + 0.07 * math.sin(math.radians(3 * a - phase))
        x, y = _polar(radius * bump, a)
        points.append((center[0] + x, center[1] + y))
    return points


def _area(shape: Shape) -> float:
    """Area [m2] of a simple polygon, positive when anticlockwise (shoelace formula)."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(shape, [*shape[1:], shape[0]], strict=True)) / 2.0


def _length(shape: Shape) -> float:
    return sum(math.dist(p, q) for p, q in pairwise(shape))


def _spans(radius: float) -> list[tuple[float, float]]:
    """The angles on the landward side at which the sea wall is farther than `radius`: the full circle if it always is."""
    start, step = SEA_ANGLE - 360.0, 0.25
    angles = [start + step * i for i in range(round(360.0 / step) + 1)]
    land = [a for a in angles if _coast(a) > radius]
    return [(land[0], land[-1])] if land else []


class _Ground:
    """From metres around the scene's centre to GeoJSON."""

    def __init__(self, center: tuple[float, float]) -> None:
        self.center = center

    def ring(self, shape: Shape, clockwise: bool = False) -> list[list[float]]:
        turned = shape if (_area(shape) > 0) != clockwise else shape[::-1]
        ring = [list(lonlat(self.center, x, y)) for x, y in turned]
        return [*ring, ring[0]]

    def polygon(self, shape: Shape, *holes: Shape) -> dict[str, Any]:
        return {"type": "Polygon", "coordinates": [self.ring(shape), *(self.ring(h, clockwise=True) for h in holes)]}

    def line(self, shape: Shape) -> dict[str, Any]:
        return {"type": "LineString", "coordinates": [list(lonlat(self.center, x, y)) for x, y in shape]}

    def point(self, place: Point) -> dict[str, Any]:
        return {"type": "Point", "coordinates": list(lonlat(self.center, *place))}


# ── assets ──


def assets(scene: Scene) -> Iterable[Asset]:
    """Everything that stands in the city; the same for the same scene."""
    ground = _Ground(scene.center)
    yield from _regions(ground)
    yield from _waters(ground)
    yield from _greens(ground)
    yield from _roads(ground)
    for asset, _ in _buildings(ground, scene.seed):
        yield asset
    for id, angle, distance, title, zone in STATIONS:
        attributes = {"elevation_m": 4.5, "noise_class": zone, "night_limit": NIGHT_LIMIT_DB[zone]}
        yield Asset(id, "base.weather_station", title, ground.point(_polar(distance, angle)), attributes)


def cases(scene: Scene) -> Iterable[Begun]:
    """What citizens told of lately."""
    for n, (ago, east, north, kind, told, path) in enumerate(HAZARDS):
        longitude, latitude = lonlat(scene.center, east, north)
        form = {"place_kind": kind, "contact_wanted": n % 2 == 0}
        yield Begun(f"hazard-{n}", "hazard", ago, path, told, citizen=True, longitude=round(longitude, 6), latitude=round(latitude, 6), form=form)  # fmt: skip


def relations(scene: Scene) -> Iterable[Relation]:
    """Regions are part of the next larger one; buildings and stations lie in a district."""
    yield Relation("lingang", "base.part_of", "shanghai")
    for id, *_ in DISTRICTS:
        yield Relation(id, "base.part_of", "lingang")
    for asset, place in _buildings(_Ground(scene.center), scene.seed):
        yield Relation(asset.id, "base.lies_in", _district(place))
    for id, angle, distance, _, _ in STATIONS:
        yield Relation(id, "base.lies_in", _district(_polar(distance, angle)))


def _district(place: Point) -> str:
    r, angle = math.hypot(*place), math.degrees(math.atan2(place[1], place[0]))
    if r < RINGS[1]:
        return "district-huanhu"
    if r > RINGS[4] and place[0] < 0:
        return "district-xinghan" if place[1] > 0 else "district-yungang"
    return next(id for id, first, last, *_ in DISTRICTS[1:5] if first <= (angle - 45.0) % 360.0 + 45.0 < last)


def _regions(ground: _Ground) -> Iterator[Asset]:
    # Seventh national census 2020 and Shanghai Statistical Yearbook; State Council, Guofa (2019) 15: the whole new area.
    shanghai = {"rank": "city", "population": 24_870_895, "area_m2": 6_340_500_000.0}
    yield Asset("shanghai", "base.region", Title("上海市", "Shanghai"), None, shanghai)
    lingang = {"rank": "new_area", "area_m2": 873_000_000.0, "operators": 2}
    yield Asset("lingang", "base.region", Title("临港新片区", "Lingang Special Area"), None, lingang)
    for id, first, last, title, residents in DISTRICTS:
        if id == "district-huanhu":
            shape = _arc(RINGS[1], 0.0, 357.5)
        elif id in ("district-xinghan", "district-yungang"):
            side = math.copysign(1.0, first + last)
            edge = 180.0 - math.degrees(
                math.asin(ROWS[-1] / RINGS[4])
            )  # where the grid's last row meets the outer ring
            arc = [(x, side * y) for x, y in _arc(RINGS[4], 180.0, edge)]
            shape = [(COLUMNS[0], 0.0), *arc, (COLUMNS[0], side * ROWS[-1])]
        else:
            shape = _band(RINGS[1], _shoreward(RINGS[4], 0.0), first, last)
        attributes = {"rank": "district", "population": residents, "area_m2": round(abs(_area(shape)))}
        yield Asset(id, "base.region", title, ground.polygon(shape), attributes)


def _waters(ground: _Ground) -> Iterator[Asset]:
    def water(id: str, zh: str, en: str, kind: str, shape: Shape, *holes: Shape) -> Asset:
        area = abs(_area(shape)) - sum(abs(_area(h)) for h in holes)
        attributes = {"kind": kind, **({"area_m2": round(area)} if kind != "sea" else {})}
        return Asset(f"water-{id}", "base.water", Title(zh, en), ground.polygon(shape, *holes), attributes)

    islands = [_blob(_polar(distance, a), radius, a) for a, distance, radius, _ in ISLANDS]
    yield water("lake", "滴水湖", "Dishui Lake", "lake", _arc(SHORE, 0.0, 357.5), *islands)
    offing = [(x + dx, y + dy) for dx, dy in [_polar(9000.0, SEA_ANGLE)] for x, y in _wall(0.0, 62.0, -62.0, 6)]
    yield water("sea", "东海", "East China Sea", "sea", _wall(0.0, -62.0, 62.0, 62) + offing)
    inner, outer = CANAL_RINGS
    yield water(
        "canal-inner", "夏涟河", "Xialian Canal", "canal", _arc(inner[1], 0.0, 357.5), _arc(inner[0], 0.0, 357.5)
    )
    for first, last in _spans(outer[0]):
        yield water("canal-outer", "秋涟河", "Qiulian Canal", "canal", _band(*outer, first, last))
    for number, (angle, (zh, en)) in enumerate(zip(CANAL_ANGLES, _names(CANAL_NAMES), strict=True), 1):
        shape = _strip(_polar(inner[1] - 2, angle), _polar(outer[0] + 2, angle), 34.0)
        yield water(f"canal-{number}", zh, f"{en} Canal", "canal", shape)
    outlet = _strip(_polar(SHORE - 4, SEA_ANGLE), _polar(COAST_NEAREST + 4, SEA_ANGLE), 46.0)
    yield water("outlet", "出海港", "Sea Outlet", "canal", outlet)
    column = _strip((CANAL_COLUMN, ROWS[0]), (CANAL_COLUMN, ROWS[-1]), 36.0)
    yield water("canal-column", "经纬河", "Jingwei Canal", "canal", column)
    meets = -math.sqrt((outer[1] - 4) ** 2 - CANAL_ROW**2)
    yield water(
        "canal-row", "通海河", "Tonghai Canal", "canal", _strip((COLUMNS[0], CANAL_ROW), (meets, CANAL_ROW), 36.0)
    )
    for number, (place, radius, phase) in enumerate(_ponds(), 1):
        yield water(
            f"pond-{number}", f"第{number}景观湖", f"Park Pond {number}", "lake", _blob(place, radius, phase, 16)
        )


def _strip(p: Point, q: Point, width: float) -> Shape:
    """A straight band of `width` from `p` to `q`."""
    length = math.dist(p, q)
    nx, ny = -(q[1] - p[1]) / length * width / 2, (q[0] - p[0]) / length * width / 2
    return [(p[0] - nx, p[1] - ny), (q[0] - nx, q[1] - ny), (q[0] + nx, q[1] + ny), (p[0] + nx, p[1] + ny)]


def _ponds() -> list[tuple[Point, float, float]]:
    """Ponds in parks: place, radius and a phase that makes each another shape."""
    belt = [(_polar(2480.0, a), 58.0, a) for a in (78.0, 124.0, 168.0, 214.0, 258.0)]
    return belt + [(_cell_center(i, j), 95.0, 40.0 * i) for i, j in _GRID_PARKS]


_GRID_PARKS = ((2, 9), (4, 12), (6, 9), (4, 5), (7, 2))


def _cell_center(i: int, j: int) -> Point:
    return (COLUMNS[i] + COLUMNS[i + 1]) / 2, (ROWS[j] + ROWS[j + 1]) / 2


def _greens(ground: _Ground) -> Iterator[Asset]:
    count = 0

    def green(zh: str, en: str, kind: str, shape: Shape, *holes: Shape) -> Asset:
        nonlocal count
        count += 1
        area = abs(_area(shape)) - sum(abs(_area(h)) for h in holes)
        geometry = ground.polygon(shape, *holes)
        return Asset(
            f"green-{count:03d}", "base.green", Title(zh, en), geometry, {"kind": kind, "area_m2": round(area)}
        )

    names = iter(_names(NAMES))
    for angle, distance, radius, title in ISLANDS:
        yield green(title.zh, title.en, "island", _blob(_polar(distance, angle), radius - 3.0, angle))
    for k in range(16):  # the promenade between lake and first ring road
        a = AVENUE_STEP * k
        yield green(
            f"环湖景观带{k + 1}段",
            f"Lake Promenade {k + 1}",
            "belt",
            _band(SHORE + 12, RINGS[0] - 26, a + 1.4, a + 21.1),
        )
    for k in range(16):  # the park belt, on both sides of the inner ring canal
        a, b = AVENUE_STEP * k, AVENUE_STEP * (k + 1)
        if k not in CAMPUSES:
            zh, en = next(names)
            yield green(
                f"{zh}公园", f"{en} Park", "park", _band(RINGS[1] + 30, CANAL_RINGS[0][0] - 14, a + 0.9, b - 0.9)
            )
        cuts = [a, *(c for c in CANAL_ANGLES if a < c < b), b]
        for first, last in pairwise(cuts):
            if last - first < 5.0:
                continue
            if min(_coast(first), _coast(last), _coast((first + last) / 2)) - 170.0 > CANAL_RINGS[0][1] + 70:
                outer = _shoreward(RINGS[2] - 30, 170.0)
                shape = _band(CANAL_RINGS[0][1] + 14, outer, first + 0.9, last - 0.9)
                holes = [_blob(p, r, f, 16) for p, r, f in _ponds() if _inside_band(p, first, last)]
                zh, en = next(names)
                yield green(f"{zh}绿环", f"{en} Green Ring", "park", shape, *holes)
    for k, first in enumerate(range(-40, 40, 8), 1):  # along the sea wall
        shape = _wall(62.0, first + 0.15, first + 7.85, 8) + _wall(150.0, first + 7.85, first + 0.15, 8)
        yield green(f"海堤绿带{k}段", f"Sea Wall Green {k}", "coast", shape)
    for k in range(48):  # where rows of blocks end short of the sea wall
        a, b = STREET_STEP * k, STREET_STEP * (k + 1)
        for row, (r0, r1) in enumerate(HOME_ROWS):
            if not _built_up(a, b, row, r1) and min(_coast(a), _coast(b)) - 175 > r0 + 50:
                shape = _band(r0, _shoreward(r1, 175.0), a + _margin(a, r0), b - _margin(b, r0))
                yield green(f"滨海草甸{k}-{row + 1}", f"Seaside Meadow {k}-{row + 1}", "coast", shape)
    for first, last, title in WOODS:

        def edge(a: float) -> float:
            return min(4700 + 120 * math.sin(a / 3), _coast(a) - 190)

        yield green(title.zh, title.en, "wood", _band(RINGS[4] + 40, edge, first, last))
    for (i, j), (place, radius, phase) in zip(_GRID_PARKS, _ponds()[-len(_GRID_PARKS) :], strict=True):
        zh, en = next(names)
        x, y = _cell_center(i, j)
        dx, dy = (COLUMNS[1] - COLUMNS[0]) / 2 - 24, (ROWS[1] - ROWS[0]) / 2 - 24
        shape = [(x - dx, y - dy), (x + dx, y - dy), (x + dx, y + dy), (x - dx, y + dy)]
        yield green(f"{zh}公园", f"{en} Park", "park", shape, _blob(place, radius, phase, 16))
    for block in _blocks():
        if block.kind == "garden":
            zh, en = next(names)
            outline = [(0.0, 0.0), (block.length, 0.0), (block.length, block.depth), (0.0, block.depth)]
            yield green(f"{zh}游园", f"{en} Garden", "park", block.place(outline))


def _inside_band(p: Point, first: float, last: float) -> bool:
    return first < math.degrees(math.atan2(p[1], p[0])) % 360.0 < last


def _roads(ground: _Ground) -> Iterator[Asset]:
    count = 0
    names = iter(_names(NAMES))

    def road(zh: str, en: str, kind: str, shape: Shape, lanes: int, ring: bool = False) -> Asset:
        nonlocal count
        count += 1
        attributes = {"class": kind, "length_m": round(_length(shape), 1), "lanes": lanes, "ring": ring}
        return Asset(f"road-{count:03d}", "base.road", Title(zh, en), ground.line(shape), attributes)

    def named(zh: str, en: str) -> tuple[str, str]:
        name_zh, name_en = next(names)
        return f"{name_zh}{zh}", f"{name_en} {en}"

    for number, radius in enumerate(RINGS):
        zh, en = "一二三四五"[number], ("First", "Second", "Third", "Fourth", "Fifth")[number]
        for first, last in _spans(radius + 46):
            kind, lanes = ("arterial", 6) if number in (0, 2, 3) else ("collector", 4)
            yield road(f"环湖{zh}路", f"{en} Lake Ring", kind, _arc(radius, first, last), lanes, last - first == 360.0)
    for radius in LOCAL_RINGS:
        for first, last in _spans(radius + (550 if radius == LOCAL_RINGS[3] else 46)):
            if radius == LOCAL_RINGS[0]:
                yield road("内环街", "Inner Ring Street", "local", _arc(radius, first, last), 2, True)
            else:
                cuts = [first, *(c for c in (45.0, 112.5, 202.5, 270.0) if first < c < last), last]
                for a, b in pairwise(cuts):
                    if b - a > 6:
                        yield road(*named("环街", "Crescent"), "local", _arc(radius, a, b), 2)
    for k, (zh, en) in enumerate(_names(AVENUES)):
        a = AVENUE_STEP * k
        end = min(RINGS[4], _coast(a) - 45.0)
        kind, lanes = ("arterial", 6) if k % 2 == 0 else ("collector", 4)
        far = (COLUMNS[0], 0.0) if a == 180.0 else _polar(end, a)  # the axis goes on through the western grid
        yield road(zh, en, kind, [_polar(RINGS[0], a), far], lanes)
    for k in range(16):
        a = AVENUE_STEP * k + AVENUE_STEP / 2
        if a != SEA_ANGLE:
            yield road(*named("街", "Street"), "local", [_polar(RINGS[0], a), _polar(RINGS[1], a)], 2)
    for k in range(48):
        a = STREET_STEP * k
        end = RINGS[4] if _coast(a) > RINGS[4] + 150 and not _inland_edge(a) else RINGS[3]
        if a % AVENUE_STEP and a not in CANAL_ANGLES and _coast(a) > RINGS[3] - 200:
            end = min(end, _coast(a) - 45)
            yield road(*named("路", "Road"), "local", [_polar(RINGS[2], a), _polar(end, a)], 2)
    for x in COLUMNS:
        kind, lanes = ("expressway", 8) if x == EXPRESSWAY else ("collector", 4)
        if x == CANAL_COLUMN:
            continue
        if x == EXPRESSWAY:
            yield road("沿海快速路", "Coastal Expressway", kind, [(x, ROWS[0] - 2600), (x, ROWS[-1] + 2400)], lanes)
        elif x <= -RINGS[4]:
            yield road(*named("路", "Road"), kind, [(x, ROWS[0]), (x, ROWS[-1])], lanes)
        elif (y := math.sqrt(RINGS[4] ** 2 - x * x)) < ROWS[-1]:
            zh, en = next(names)
            yield road(f"{zh}北路", f"{en} North Road", kind, [(x, y), (x, ROWS[-1])], lanes)
            yield road(f"{zh}南路", f"{en} South Road", kind, [(x, ROWS[0]), (x, -y)], lanes)
    for y in ROWS:
        if y not in (0.0, CANAL_ROW):
            x = -math.sqrt(RINGS[4] ** 2 - y * y)
            yield road(*named("街", "Street"), "local" if y % 750 else "collector", [(COLUMNS[0], y), (x, y)], 4)
    yield road("海塘路", "Sea Wall Road", "collector", _wall(45.0, -42.0, 44.0, 60), 4)
    for angle, distance, radius, title in ISLANDS:
        bridge = [_polar(distance + 0.3 * radius, angle), _polar(RINGS[0], angle)]
        yield road(f"{title.zh}桥", title.en.replace("Island", "Bridge"), "local", bridge, 2)


def _inland_edge(angle: float) -> bool:
    """Whether the outermost ring of blocks is left out here, as the sea is near."""
    return _coast(angle) < RINGS[4] + 300.0


def _built_up(first: float, last: float, row: int, outer: float) -> bool:
    """Whether there is a block in this row of the residential rings; near the sea wall there are meadows instead."""
    near_sea = row > 2 and (_inland_edge(first) or _inland_edge(last))
    return min(_coast(first), _coast(last)) > outer + 175.0 and not near_sea


# ── buildings: a block between streets is filled by what it is for, in metres along and across ──


@dataclass(frozen=True, slots=True)
class _Block:
    """A block `length` by `depth` [m]: `place` carries (along, across) to the plan; `vigour`, 0 to 1, says how central it is."""

    kind: str
    length: float
    depth: float
    vigour: float
    place: Callable[[Shape], Shape]
    nearest: float = 0.0  # from the lake's centre; nearer footprints are left out


def _ring_block(kind: str, r0: float, r1: float, first: float, last: float, vigour: float) -> _Block:
    middle = (r0 + r1) / 2.0
    per_m = math.degrees(1.0 / middle)

    def place(shape: Shape) -> Shape:
        points: Shape = []
        for (s, d), (s1, d1) in zip(shape, [*shape[1:], shape[0]], strict=True):
            pieces = min(4, max(1, math.ceil(abs(s1 - s) / 55.0)))  # long fronts follow the arc of the street
            points += [
                _polar(r0 + d + (d1 - d) * i / pieces, last - (s + (s1 - s) * i / pieces) * per_m)
                for i in range(pieces)
            ]
        return points

    return _Block(kind, math.radians(last - first) * middle, r1 - r0, vigour, place)


def _margin(angle: float, r: float) -> float:
    """Degrees to keep free beside the street or canal at `angle`, at radius `r`."""
    if (angle == SEA_ANGLE and r < COAST_NEAREST) or (angle in CANAL_ANGLES and r > RINGS[2]):
        clear_m = 44.0
    elif angle % AVENUE_STEP == 0:
        clear_m = 34.0 if angle % (2 * AVENUE_STEP) == 0 else 26.0
    else:
        clear_m = 17.0
    return math.degrees(clear_m / r)


def _blocks() -> Iterator[_Block]:
    """Every block of the city, from the lake outwards."""
    number = 0
    for k in range(32):  # the business ring
        a, b = 11.25 * k, 11.25 * (k + 1)
        for row, (r0, r1) in enumerate(((RINGS[0] + 34, LOCAL_RINGS[0] - 16), (LOCAL_RINGS[0] + 16, RINGS[1] - 28))):
            west = abs((a + b) / 2 - 180.0)
            vigour = math.exp(-((west / 42.0) ** 2)) * (1.0 - 0.25 * row)
            number += 1
            if west < 24:
                kind = "towers"
            elif west < 130:
                kind = BUSINESS_CYCLE[number % 8]
            else:
                kind = ("court", "hotel", "court", "garden")[number % 4]
            yield _ring_block(kind, r0, r1, a + _margin(a, r0), b - _margin(b, r0), vigour)
    for k in CAMPUSES:
        a, b = AVENUE_STEP * k, AVENUE_STEP * (k + 1)
        r0, r1 = RINGS[1] + 34, CANAL_RINGS[0][0] - 34
        kind = {3: "culture", 5: "school", 7: "health", 9: "college", 11: "college"}[k]
        middle = (a + b) / 2
        yield _ring_block(kind, r0, r1, a + _margin(a, r0), middle - 0.2, 0.3)
        yield _ring_block(kind, r0, r1, middle + 0.2, b - _margin(b, r0), 0.3)
    for k in range(48):  # the residential rings
        a, b = STREET_STEP * k, STREET_STEP * (k + 1)
        for row, (r0, r1) in enumerate(HOME_ROWS):
            if not _built_up(a, b, row, r1):
                continue
            number += 1
            seaside = abs((a - SEA_ANGLE + 180.0) % 360.0 - 180.0) < 85.0
            kind = HOME_CYCLE[number * 7 % 11]
            if seaside and row < 3:
                kind = SEASIDE_CYCLE[number % 7]
            elif 203.0 < a < 250.0:
                kind = ("college", "college", "slabs", "court", "college", "slabs")[number % 6]
            vigour = 0.45 * math.exp(-(((a - 180.0) / 60.0) ** 2)) + 0.1
            yield _ring_block(kind, r0, r1, a + _margin(a, r0), b - _margin(b, r0), vigour)
    for i, (x0, x1) in enumerate(pairwise(COLUMNS)):
        for j, (y0, y1) in enumerate(pairwise(ROWS)):
            near = min(math.hypot(x, y) for x in (x0, x1) for y in (y0, y1))
            number += 1
            if (i, j) in _GRID_PARKS or near < RINGS[3]:
                continue
            chance = Random(number).random()  # the farther out, the more land is kept for later
            outward = (math.hypot(x0, (y0 + y1) / 2) - 4300.0) / 7000.0
            axis = abs((y0 + y1) / 2) < 400
            if chance < outward:
                if chance < outward / 2:
                    continue
                kind = "garden"
            elif axis:
                kind = ("lab", "towers", "lab", "court")[number % 4]
            elif y0 >= 0:
                kind = ("lab", "lab", "slabs", "lab", "court", "slabs", "lab", "halls")[int(chance * 800) % 8]
            else:
                kind = ("halls", "depot", "halls", "halls", "lab", "depot", "halls")[int(chance * 700) % 7]
            gap = {CANAL_COLUMN: 46.0, EXPRESSWAY: 48.0}
            left, right = x0 + gap.get(x0, 26.0), x1 - gap.get(x1, 26.0)
            low, high = y0 + (46.0 if y0 == CANAL_ROW else 24.0), y1 - (46.0 if y1 == CANAL_ROW else 24.0)

            def place(shape: Shape, left: float = left, low: float = low) -> Shape:
                return [(left + s, low + d) for s, d in shape]

            yield _Block(kind, right - left, high - low, 0.3 if axis else 0.12, place, nearest=RINGS[4] + 34.0)
    for angle, distance, radius, _ in ISLANDS:  # pavilions in a circle on each island

        def on_island(shape: Shape, angle: float = angle, distance: float = distance, radius: float = radius) -> Shape:
            x, y = _polar(distance, angle)
            turn = [_polar(0.3 * radius + d, angle + math.degrees(s / (0.4 * radius))) for s, d in shape]
            return [(x + dx, y + dy) for dx, dy in turn]

        yield _Block("pavilions", 2 * math.pi * 0.4 * radius, 0.3 * radius, 0.2, on_island)


def _box(s: float, d: float, length: float, depth: float) -> Shape:
    return [(s, d), (s + length, d), (s + length, d + depth), (s, d + depth)]


def _angle_house(s: float, d: float, length: float, depth: float, wing: float, mirror: bool) -> Shape:
    """An L: two wings at a right angle."""
    shape = [(0.0, 0.0), (length, 0.0), (length, wing), (wing, wing), (wing, depth), (0.0, depth)]
    return [(s + (length - x if mirror else x), d + y) for x, y in (shape[::-1] if mirror else shape)]


def _yard_house(s: float, d: float, length: float, depth: float, wing: float) -> Shape:
    """A U: three wings around a yard."""
    outside = [(0.0, 0.0), (length, 0.0), (length, depth), (length - wing, depth)]
    yard = [(length - wing, wing), (wing, wing), (wing, depth), (0.0, depth)]
    return [(s + x, d + y) for x, y in outside + yard]


House = tuple[Shape, str, int]  # footprint along and across, use, floors


def _cells(block: _Block, length: float, depth: float) -> Iterator[tuple[float, float, float, float]]:
    """The block cut into equal cells of about `length` by `depth`: corner and size."""
    nx, ny = max(1, round(block.length / length)), max(1, round(block.depth / depth))
    for j in range(ny):
        for i in range(nx):
            yield block.length / nx * i, block.depth / ny * j, block.length / nx, block.depth / ny


def _houses(block: _Block, random: Random) -> Iterator[House]:
    """What stands in a block. Footprints of one block never meet."""
    u = random.uniform
    if block.kind == "towers":
        for s, d, length, depth in _cells(block, 74.0, 84.0):
            if random.random() < 0.1:
                continue
            w, h = u(0.44, 0.62) * length, u(0.40, 0.56) * depth
            floors = 9 + 44 * block.vigour * u(0.35, 1.0) ** 1.5 + u(0, 6)
            use = (
                "commercial"
                if floors < 14 and random.random() < 0.3
                else "hotel"
                if random.random() < 0.12
                else "office"
            )
            yield (
                _box(s + u(0.1, 0.9) * (length - w) * 0.5 + 4, d + u(0.1, 0.9) * (depth - h) * 0.5 + 4, w, h),
                use,
                round(floors),
            )
    elif block.kind == "court":
        yield from _court(block, random)
    elif block.kind == "mall":
        middle = block.length * 0.36
        yield _box(block.length * 0.32, block.depth * 0.22, middle, block.depth * 0.56), "commercial", 5
        for s in (0.04, 0.74):
            for d in (0.06, 0.56):
                w, h = block.length * u(0.16, 0.2), block.depth * u(0.26, 0.34)
                yield _box(block.length * s, block.depth * d, w, h), "office", round(12 + 26 * block.vigour + u(0, 8))
    elif block.kind == "hotel":
        for s, d, length, depth in _cells(block, 130.0, 120.0):
            if random.random() < 0.6:
                yield _yard_house(s + 14, d + 12, length - 34, depth - 32, 19.0), "hotel", round(u(5, 12))
            else:
                yield (
                    _angle_house(s + 14, d + 14, length - 40, depth - 34, 20.0, random.random() < 0.5),
                    "commercial",
                    round(u(3, 7)),
                )
    elif block.kind == "slabs":
        yield from _slabs(block, random)
    elif block.kind == "terraces":
        for s, d, length, _ in _cells(block, 58.0, 46.0):
            if random.random() < 0.92:
                yield _box(s + 6, d + 10 + u(0, 4), length - 14, 12.5), "residential", round(u(3, 4.4))
    elif block.kind in ("school", "college", "culture", "health"):
        use = {"school": "education", "college": "education"}.get(block.kind, block.kind)
        tall = {"health": 11, "college": 7, "culture": 3, "school": 4}[block.kind]
        for n, (s, d, length, depth) in enumerate(_cells(block, 112.0, 96.0)):
            floors = round(u(0.6, 1.2) * tall)
            if n % 4 == 0:
                yield _yard_house(s + 12, d + 10, length - 32, depth - 26, 15.0), use, floors
            elif n % 4 == 1:
                yield _angle_house(s + 12, d + 10, length - 36, depth - 26, 16.0, random.random() < 0.5), use, floors
            elif n % 4 == 2 or block.kind == "culture":
                yield _box(s + 14, d + 14, length - 44, depth - 44), use, max(1, floors - 2)
            else:
                yield _box(s + 10, d + 10, length - 28, 15.0), use, floors
                yield _box(s + 10, d + depth - 32, length - 28, 15.0), use, floors
    elif block.kind == "lab":
        for n, (s, d, length, depth) in enumerate(_cells(block, 130.0, 108.0)):
            if random.random() < 0.12:
                continue
            floors = round(4 + 12 * block.vigour * u(0.6, 1.6) + u(0, 3))
            if n % 3 == 0:
                yield (
                    _angle_house(s + 10, d + 10, length - 26, depth - 24, 18.0, random.random() < 0.5),
                    "research",
                    floors,
                )
            elif n % 3 == 1:
                yield _box(s + 12, d + 14, length - 32, depth - 40), "research", floors
            else:
                yield _box(s + 10, d + 10, 24.0, depth - 26), "office", floors + 3
                yield _box(s + 46, d + 10, length - 60, depth - 26), "research", max(2, floors - 1)
    elif block.kind in ("halls", "depot"):
        use = "industry" if block.kind == "halls" else "logistics"
        for s, d, length, depth in _cells(block, 190.0 if use == "industry" else 380.0, 105.0):
            office = min(42.0, length * 0.22)
            yield _box(s + 8, d + 9, length - office - 30, depth - 26), use, 1 + (random.random() < 0.35)
            if random.random() < 0.8:
                yield (
                    _box(s + length - office - 10, d + 12, office - 6, u(0.35, 0.7) * (depth - 26)),
                    "office",
                    round(u(3, 6)),
                )
    elif block.kind == "pavilions":
        for s, d, length, depth in _cells(block, 62.0, 40.0):
            yield (
                _box(s + 6, d + 4, length - 18, depth - 12),
                "hotel" if random.random() < 0.5 else "culture",
                round(u(2, 5)),
            )


def _court(block: _Block, random: Random) -> Iterator[House]:
    """A block built along its edges around a garden."""
    deep, gap = 15.0, 15.0
    floors = round(6 + 14 * block.vigour + random.uniform(0, 4))
    shops = "commercial" if block.vigour > 0.3 else "residential"
    pieces = max(2, round(block.length / 78.0))
    front = (block.length - gap * (pieces - 1)) / pieces
    for i in range(pieces):
        yield _box(i * (front + gap), 0.0, front, deep), shops, floors
        yield _box(i * (front + gap), block.depth - deep, front, deep), "residential", floors + 2
    side = block.depth - 2 * deep - 2 * gap
    halves = 1 if side < 95 else 2
    wing = (side - gap * (halves - 1)) / halves
    for s in (0.0, block.length - deep):
        for i in range(halves):
            yield _box(s, deep + gap + i * (wing + gap), deep, wing), "residential", floors
    if block.length > 200 and side > 80:
        for s in (0.34, 0.58):
            yield _box(block.length * s, block.depth * 0.4, 24.0, 24.0), "residential", floors + 8


def _slabs(block: _Block, random: Random) -> Iterator[House]:
    """Rows of flats that follow the street, with a taller row of points at the back."""
    rows = max(2, round(block.depth / 52.0))
    pitch = block.depth / rows
    columns = max(2, round(block.length / 92.0))
    front = block.length / columns
    floors = 6 + round(12 * block.vigour + random.uniform(0, 8))
    for row in range(rows):
        points = row == rows - 1 and random.random() < 0.5
        for column in range(columns):
            if random.random() < 0.07:
                continue
            if points:
                yield (
                    _box(front * column + front / 2 - 14, pitch * row + pitch / 2 - 11, 28.0, 22.0),
                    "residential",
                    floors + 9,
                )
            else:
                shift = random.uniform(0, 5)
                low = random.random() < 0.04
                size = (front - 22, 12.0) if low else (front - 15, 14.5)
                yield (
                    _box(front * column + 4 + shift, pitch * row + 10, *size),
                    "education" if low else "residential",
                    3 if low else floors,
                )


def _clear(block: _Block, shape: Shape) -> bool:
    """Whether a footprint keeps away from the sea wall, from the canal through the grid and from what lies nearer."""
    for x, y in shape:
        r = math.hypot(x, y)
        if r < block.nearest or r > _coast(math.degrees(math.atan2(y, x))) - 170.0:
            return False
        if abs(y - CANAL_ROW) < 34.0 and x < 0 and r > RINGS[3]:
            return False
    return True


def _buildings(ground: _Ground, seed: int) -> Iterator[tuple[Asset, Point]]:
    """Every building and a point of it, numbered from the lake outwards."""
    count, names = 0, _names(NAMES)
    for number, block in enumerate(_blocks(), 1):
        random = Random(seed * 100_003 + number)
        zh, en = names[number * 37 % len(names)]
        house = 0
        built_around = random.randint(2006, 2022)
        for outline, use, floors in _houses(block, random):
            shape = block.place(outline)
            if not _clear(block, shape):
                continue
            count, house = count + 1, house + 1
            attributes = {
                "use": use,
                "floors": floors,
                "height_m": round(floors * STOREY_M[use] + 1.5, 1),
                "floor_area_m2": round(abs(_area(shape)) * floors),
                "built": min(2025, built_around + random.randint(0, 4)),
            }
            title = Title(f"{zh}{number}街坊{house}号楼", f"{en} Block {number}, Building {house}")
            yield Asset(f"building-{count:04d}", "base.building", title, ground.polygon(shape), attributes), shape[0]


# ── weather ──

_DAY_S = 86_400
_OUTAGE_S = 129_600  # in every 36 h two stations lose their link for a few hours
_SERVICE_S = 43_200  # every 12 h another station's particle monitor goes to the workshop


def readings(scene: Scene, since: datetime, until: datetime) -> Iterator[pa.Table]:
    """One table per UTC day: temperature, humidity, wind, noise (15 min), rain (5 min) and fine particles (hourly)."""
    begin, end = _seconds(since), _seconds(until)
    order = sorted(range(len(STATIONS)), key=lambda i: STATIONS[i][0])
    for day in range(math.floor(begin / _DAY_S), math.ceil(end / _DAY_S)):
        first, last = max(begin, day * _DAY_S), min(end, (day + 1) * _DAY_S)
        zone_s = _zone_s(scene.zone, day)
        streams: list[str] = []
        times: list[NDArray[np.int64]] = []
        values: list[Series] = []
        for station in order:
            for local, (cadence_s, series) in sorted(_SERIES.items()):
                time_s = np.arange(math.ceil(first / cadence_s) * cadence_s, last, cadence_s, dtype=np.int64)
                if local != "rainfall":  # the rain gauge has a battery and a link of its own
                    time_s = time_s[~_cut_off(scene.seed, station, time_s)]
                if local == "fine_particles":
                    time_s = time_s[~_in_service(station, time_s)]
                streams.append(stream_id(STATIONS[station][0], f"base.{local}"))
                times.append(time_s)
                values.append(series(scene.seed, station, time_s, zone_s))
        yield _table(streams, times, values)


def records(scene: Scene, since: datetime, until: datetime) -> Iterator[pa.Table]:  # noqa: ARG001 - the demo's signature
    """Nothing: all streams of this pack are faster than a day."""
    return iter(())


def _seconds(time: datetime) -> float:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)


def _zone_s(zone: str, day: int) -> float:
    """Seconds by which the zone is ahead of UTC at the start of a day."""
    offset = datetime.fromtimestamp(day * _DAY_S, ZoneInfo(zone)).utcoffset()
    return offset.total_seconds() if offset else 0.0


def _table(streams: Sequence[str], times: list[NDArray[np.int64]], values: list[Series]) -> pa.Table:
    codes = np.repeat(np.arange(len(streams), dtype=np.int32), [len(t) for t in times])
    stream = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(streams, pa.string()))
    time = pa.array(np.concatenate(times) * 1_000_000, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    return pa.table({"stream": stream, "time": time, "value": pa.array(np.concatenate(values), pa.float64())})


def _cut_off(seed: int, station: int, time_s: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the station's link is down: for 2.5 to 5 h of every slot at two stations in turn."""
    slot = time_s // _OUTAGE_S
    begin = 28_800 + 57_600 * uniform(seed, 910 + station, slot)
    length = 9_000 + 9_000 * uniform(seed, 930 + station, slot)
    turn = (3 * slot - station) % len(STATIONS)
    within = time_s - slot * _OUTAGE_S - begin
    out: NDArray[np.bool_] = ((turn == 0) | (turn == len(STATIONS) // 2)) & (within >= 0) & (within < length)
    return out


def _in_service(station: int, time_s: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the station's particle monitor is away; the next one goes three hours before, so that one always is."""
    within = (time_s - _SERVICE_S * station) % (_SERVICE_S * len(STATIONS))
    out: NDArray[np.bool_] = within < _SERVICE_S + 10_800
    return out


def _hour(time_s: NDArray[np.int64], zone_s: float) -> Series:
    hour: Series = (time_s + zone_s) % _DAY_S / 3600.0
    return hour


def _temperature(seed: int, station: int, time_s: NDArray[np.int64], zone_s: float) -> Series:
    place = 1.2 * float(uniform(seed, 101, np.array([station]))[0]) - 0.6
    own = 0.5 * smooth(seed, 110 + station, time_s / 10_800.0) + 0.1 * smooth(seed, 130 + station, time_s / 900.0)
    return np.round(air_temperature(seed, station, time_s, zone_s) + place + own, 1)


def _humidity(seed: int, station: int, time_s: NDArray[np.int64], zone_s: float) -> Series:
    day = np.cos(2.0 * np.pi * (_hour(time_s, zone_s) - 14.5) / 24.0)
    wet = 24.0 * np.tanh(storm_intensity(seed, station, time_s - 900.0) / 6.0)
    value = 74.0 - 11.0 * day + 6.0 * smooth(seed, 200 + station, time_s / 43_200.0) + wet
    rounded: Series = np.round(np.clip(value, 18.0, 100.0))
    return rounded


def _wind_speed(seed: int, station: int, time_s: NDArray[np.int64], zone_s: float) -> Series:
    breeze = 1.0 + 0.35 * np.cos(2.0 * np.pi * (_hour(time_s, zone_s) - 15.0) / 24.0)
    open_air = (3.4, 2.8, 2.6, 2.7, 4.6, 3.0, 3.1, 3.6)[station]
    front = 9.5 * np.sqrt(storm_intensity(seed, station, time_s + 300.0) / 45.0)
    value = open_air * breeze * np.exp(0.28 * smooth(seed, 300 + station, time_s / 14_400.0)) + front
    rounded: Series = np.round(value, 1)
    return rounded


def _rainfall(seed: int, station: int, time_s: NDArray[np.int64], zone_s: float) -> Series:  # noqa: ARG001 - one signature for every quantity
    return np.round(storm_depth(seed, station, time_s, time_s + 300.0), 2)


def _noise(seed: int, station: int, time_s: NDArray[np.int64], zone_s: float) -> Series:
    beside_ring_road = 2.6 if station == 0 else -5.5  # where lorries run at night
    quiet = NIGHT_LIMIT_DB[STATIONS[station][4]] + beside_ring_road
    awake = 0.5 * (1.0 + np.tanh(4.0 * np.cos(2.0 * np.pi * (_hour(time_s, zone_s) - 14.0) / 24.0) + 1.0))
    rounded: Series = np.round(quiet + 9.0 * awake + 1.2 * smooth(seed, 400 + station, time_s / 2700.0), 1)
    return rounded


def _fine_particles(seed: int, station: int, time_s: NDArray[np.int64], zone_s: float) -> Series:
    rush = 1.0 + 0.15 * np.cos(4.0 * np.pi * (_hour(time_s, zone_s) - 8.0) / 24.0)
    slow = 0.45 * smooth(seed, 500, time_s / 86_400.0) + 0.12 * smooth(seed, 510 + station, time_s / 14_400.0)
    washed = 1.0 - 0.5 * np.tanh(storm_intensity(seed, station, time_s - 1800.0) / 8.0)
    rounded: Series = np.round(27.0 * rush * np.exp(slow) * washed)
    return rounded


_SERIES: dict[str, tuple[int, Callable[[int, int, NDArray[np.int64], float], Series]]] = {
    "temperature": (900, _temperature),
    "humidity": (900, _humidity),
    "wind_speed": (900, _wind_speed),
    "rainfall": (300, _rainfall),
    "noise": (900, _noise),
    "fine_particles": (3600, _fine_particles),
}
