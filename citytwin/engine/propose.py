"""Which figure measures this promise? Proposes indicators for it, with the reasons, or says what data it lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from citytwin.engine.compare import common_unit, falling, opposed, plain
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.draft import Record
from citytwin.kernel.indicator import Indicator, Period
from citytwin.kernel.plan import Target
from citytwin.kernel.title import Title
from citytwin.science.likeness import Weights, cover, shared, weights

CONFIDENT = 0.4
"""A score from here on is worth a proposal: between what bindings made by hand score and what targets without data do."""
NEAR = 0.3
"""A name less like than this is not worth naming as the nearest miss."""
_BESIDE = 0.7
"""What a word counts that stands beside the name and not in it: in the scope, or in the title of pack or type."""
_LIGHT = re.compile(
    r"累计|定期|开展|完成|具备|能力|实施|推进|推动|达到|建成|建设|工作|情况|[的及或]|(?:个|套|台|家|条|路|种类|项目)?数量?$|"
    r"\b(?:number|share|rate|total|consumption|emissions?|use|with|under|their|regular)\b"
)
"""Words that say that something is done or counted, not what."""
_GROWTH = re.compile(r"新增|增设|\bnew(?:ly)?\b|\badded\b", re.IGNORECASE)
_SHORTEST = 3
"""Characters of an asset's title that is looked for in a scope: shorter ones stand in many words."""
_TOLD = 3
"""How many pieces that names have in common are told."""
_ASIDE = re.compile(r"[（(][^（）()]*[）)]")
_ADDED = re.compile(r"[（(][^（）()]*[）)]|, .*")
"""What a title adds to the name it shares with its variants: （当量值）, “, calorific”."""
_HAN = re.compile(r"[\u4e00-\u9fff]")
_EVERYWHERE = re.compile(r"全[市省国]|[本我]市|city-?wide|whole city", re.IGNORECASE)
_NUMBERS = re.compile(r"[到至在]?\d{4}年(?:\d+月)?[底末]?(?:之?前)?|全[市省国]|[\d.,]+[%个家台套处座条项]?")
_RURAL = re.compile(r"农村|乡村|\brural\b", re.IGNORECASE)
_EVERY: dict[Period, Title] = {
    "hour": Title("每小时", "hourly"),
    "day": Title("每日", "daily"),
    "month": Title("每月", "monthly"),
    "year": Title("每年", "yearly"),
}
_AGAINST, _GROWN, _VARIANT, _EMPTY, _BUSY = 0.6, 0.5, 0.98, 0.9, 0.97
"""What a score is multiplied by: better the other way, a growth held against a stock, a name with an addition, no figures yet,
figures more often than every month."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An indicator at an asset that may measure a promise.

    `score` is 0 to 1, for ordering: no probability. `figures` are on record; the newest, of the period that begins on `period`, is
    `value`, in the unit of the indicator.
    """

    indicator: str
    asset: str
    asset_title: Title
    score: float
    reason: Title
    figures: int
    period: date | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Proposals:
    """What may measure a promise, the best first; where nothing does, `lacks` says what data are missing."""

    items: tuple[Proposal, ...]
    lacks: Title | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A promise, as far as it matters here."""

    zh: str
    en: str
    scope: str
    document: str
    milestone: bool
    relative: bool
    comparator: str
    unit: str
    baseline: int | None
    names: str


@dataclass(frozen=True, slots=True)
class _Names:
    """The indicators in one language: their bare names, the same with what stands beside them, and what words weigh."""

    core: tuple[str, ...]
    beside: tuple[str, ...]
    known: Weights


@dataclass(slots=True)
class _Fit:
    """How one indicator fits, before its figures are known."""

    indicator: Indicator
    name: float
    score: float
    miss: Title | None = None
    doubt: Title | None = None
    notes: list[Title] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Asset:
    id: str
    title: Title
    named: bool
    figures: int = 0
    newest: datetime | None = None
    value: float | None = None


def propose(twin: Twin, wanted: Record | Target, limit: int = 5, document: str = "") -> Proposals:
    """The indicators that may measure a promise, at the asset they would measure it at. Reads only.

    `document` is the title of what it stands in: it often says whose figures are meant (公共机构…行动方案).

    An indicator is proposed where its name is like the promise's subject, its unit can be converted into the promise's, and one asset
    of its type stands for the scope. Whether more or less is better, and whether figures are on record, move its score.
    """
    asked = _asked(wanted, document)
    if asked.milestone:
        return Proposals((), _unregistered(asked))
    fits = _fits(twin, asked)
    close = [f for f in fits if f.miss is None and f.score >= NEAR]
    measured = _figures(twin, [f.indicator for f in close])
    assets = _assets(twin, {f.indicator.per for f in close})
    items = []
    for f in close:
        there = assets.get(f.indicator.per, {})
        chosen = _place(twin, asked, there, measured.get(f.indicator.id, {}))
        if chosen is None:
            f.miss = _only_per(twin, f.indicator)
            continue
        score = f.score * (_BUSY if f.indicator.every in ("hour", "day") else 1.0) * (1.0 if chosen.figures else _EMPTY)
        if score >= CONFIDENT:
            items.append(_proposal(twin, asked, f, chosen, score))
    items.sort(key=lambda p: (-p.score, len(p.indicator), p.indicator))
    return Proposals(tuple(items[:limit]), None if items else _lacking(asked, fits))


# -- how indicators fit -----------------------------------------------------------------------------------------------


def _fits(twin: Twin, asked: _Wanted) -> list[_Fit]:
    """Every indicator with how well it fits, the likeliest name first."""
    packs = tuple((p.id, p.title) for p in twin.packs)
    types = tuple((t.id, t.title) for t in twin.types.values())
    indicators = tuple(twin.indicators.values())
    systems = tuple(Title(s.zh, s.en) for s in twin.city.systems)
    zh, en = _index(indicators, packs, types, systems)
    beside = f"{asked.scope} {asked.document}"
    by_zh, by_en = _like(zh, asked.zh, beside), _like(en, asked.en, beside)
    out = []
    for k, indicator in enumerate(indicators):
        name = float(max(by_zh[k], by_en[k]))
        fit = _Fit(indicator, name, name)
        if name >= NEAR:
            fit.notes.append(_name_note(asked, zh, en, k))
            _judge(fit, asked, (zh if asked.zh else en).core[k])
        out.append(fit)
    return sorted(out, key=lambda f: (-f.name, f.indicator.id))


def _name_note(asked: _Wanted, zh: _Names, en: _Names, k: int) -> Title:
    """Which words the names have in common, in the language of the reader where the promise is named in it."""
    if (asked.zh and _core(asked.zh) == zh.core[k]) or (asked.en and _core(asked.en) == en.core[k]):
        return Title("指标名称一致", "same name")
    ours, theirs = (shared(_core(s), n.core[k], n.known) for s, n in ((asked.zh, zh), (asked.en, en)))
    return Title(
        f"指标名称相近（共有：{'、'.join((ours or theirs)[:_TOLD])}）",
        f"similar name (in common: {', '.join((theirs or ours)[:_TOLD])})",
    )


def _judge(fit: _Fit, asked: _Wanted, name: str) -> None:
    """Unit, sense and what the names tell apart: what forbids the indicator, what lowers its score, and what to say of it."""
    indicator, subject = fit.indicator, asked.zh or asked.en
    unit = _unit_note(asked, indicator)
    if unit is None:
        fit.miss = Title(
            f"它的单位是{_unit(indicator.unit).zh}，目标的是{_unit(asked.unit).zh}，不能换算",
            f"it is in {_unit(indicator.unit).en} and the target in {_unit(asked.unit).en}, which cannot be converted",
        )
        return
    fit.notes.append(unit)
    if _RURAL.search(subject) and not _RURAL.search(name):  # without a word for it, statistics are those of towns
        fit.miss = Title("它不是农村的数", "it is not about the countryside")
        return
    if opposed(plain(subject), name):
        fit.miss = Title("它统计的是另一类对象", "it is about another kind of thing")
        return
    rising = asked.comparator in (">=", ">", "increase_by")
    sinking = asked.comparator in ("<=", "<", "reduce_by") or (not rising and falling(subject))
    if (rising and indicator.better == "lower") or (sinking and indicator.better == "higher"):
        fit.score *= _AGAINST
        fit.doubt = Title("方向相反，请核对", "better the other way: check it")
    if _GROWTH.search(subject) and not _GROWTH.search(name) and asked.comparator != "increase_by":
        fit.score *= _GROWN
        fit.doubt = Title("目标计新增，指标计存量", "the target counts growth, the indicator what there is")
    for text in (indicator.title.zh, indicator.title.en):
        if _ADDED.search(text):
            fit.score *= _VARIANT


def _like(names: _Names, subject: str, beside: str) -> NDArray[np.float64]:
    """Likeness of each indicator's name and the subject: the cosine, with part of the credit for words that stand beside them."""
    if not subject:
        return np.zeros(len(names.core))
    asked, wider = [_core(subject)], [f"{_core(subject)} {plain(subject)} {plain(beside)}"]
    told = (1 - _BESIDE) * cover(asked, names.core, names.known) + _BESIDE * cover(asked, names.beside, names.known)
    meant = (1 - _BESIDE) * cover(names.core, asked, names.known) + _BESIDE * cover(names.core, wider, names.known)
    return np.asarray(np.sqrt(told[0] * meant[:, 0]))


@lru_cache(maxsize=8)
def _index(
    indicators: tuple[Indicator, ...],
    packs: tuple[tuple[str, Title], ...],
    types: tuple[tuple[str, Title], ...],
    systems: tuple[Title, ...],
) -> tuple[_Names, _Names]:
    """The indicators' names in Chinese and English. What words weigh is learnt from everything the city names."""
    found = []
    pack, type = dict(packs), dict(types)
    for language in ("zh", "en"):
        titles = [str(getattr(i.title, language)) for i in indicators]
        core = tuple(_core(_ADDED.sub("", t)) for t in titles)
        beside = tuple(
            f"{c} {plain(t)} {plain(getattr(pack[i.id.partition('.')[0]], language))} {plain(getattr(type[i.per], language))}"
            for c, t, i in zip(core, titles, indicators, strict=True)
        )
        others = [plain(getattr(t, language)) for t in (*(t for _, t in packs), *(t for _, t in types), *systems)]
        found.append(_Names(core, beside, weights([*core, *others])))
    return found[0], found[1]


def _core(name: str) -> str:
    """A name made plain, without what stands in brackets and without words that only say that something is done."""
    return " ".join(_LIGHT.sub(" ", _ASIDE.sub("", plain(name))).split())


def _unit_note(asked: _Wanted, indicator: Indicator) -> Title | None:
    """What to say of the units, or None where one cannot become the other."""
    if asked.relative and asked.unit == "%":
        return Title(
            "目标是相对基准年的百分比，单位不限", "the target is a percentage of its baseline: any unit will do"
        )
    unit = "%" if asked.unit == "pp" else asked.unit
    if common_unit(indicator.unit, unit) is None:
        return None
    if _counted(unit):
        return Title("都是计数", "both are counts")
    if unit == indicator.unit:
        return Title(f"单位一致（{unit}）", f"same unit ({unit})")
    return Title(f"单位可换算（{indicator.unit}→{unit}）", f"the unit can be converted ({indicator.unit} to {unit})")


def _counted(unit: str) -> bool:
    return common_unit(unit, "个") is not None


def _unit(unit: str) -> Title:
    """How a unit is called in a sentence."""
    if _counted(unit):
        return Title(f"计数（{unit}）" if unit not in ("", "1") else "计数", "a count")
    return Title(unit, unit)


# -- where it would be measured ---------------------------------------------------------------------------------------


def _figures(twin: Twin, indicators: Sequence[Indicator]) -> dict[str, dict[str, tuple[int, datetime, float]]]:
    """How many figures are on record by indicator and asset, with the newest period and its value."""
    out: dict[str, dict[str, tuple[int, datetime, float]]] = {}
    if not indicators:
        return out
    found = twin.store.fetch(
        "SELECT v.indicator, v.asset_id, n.figures, n.newest, v.value FROM indicator_value AS v JOIN ("
        "SELECT indicator, asset_id, count(*) AS figures, max(period) AS newest FROM indicator_value "
        "WHERE indicator IN (SELECT indicator FROM wanted) GROUP BY indicator, asset_id) AS n "
        "ON v.indicator = n.indicator AND v.asset_id = n.asset_id AND v.period = n.newest",
        tables={"wanted": pa.table({"indicator": [i.id for i in indicators]})},
    )
    for row in rows(found):
        out.setdefault(row["indicator"], {})[row["asset_id"]] = (row["figures"], row["newest"], row["value"])
    return out


def _assets(twin: Twin, types: set[str]) -> dict[str, dict[str, tuple[Title, bool]]]:
    """The assets of these types by type and id, with their titles and whether they are part of another of their type."""
    out: dict[str, dict[str, tuple[Title, bool]]] = {}
    if not types:
        return out
    found = twin.store.fetch(
        "SELECT a.asset_id, a.type, a.title_zh, a.title_en, "
        "EXISTS (SELECT 1 FROM relation AS r JOIN asset AS w ON w.asset_id = r.target "
        "WHERE r.source = a.asset_id AND w.type = a.type) AS part "
        "FROM asset AS a WHERE a.type IN (SELECT type FROM wanted) ORDER BY a.asset_id",
        tables={"wanted": pa.table({"type": sorted(types)})},
    )
    for row in rows(found):
        title = Title(row["title_zh"], row["title_en"])
        out.setdefault(row["type"], {})[row["asset_id"]] = (title, row["part"])
    return out


def _place(
    twin: Twin,
    asked: _Wanted,
    there: Mapping[str, tuple[Title, bool]],
    measured: Mapping[str, tuple[int, datetime, float]],
) -> _Asset | None:
    """The asset that stands for the scope: the one it names, else the only one with figures, else the whole area.

    The whole area is the asset called like the city, or the only one that is part of no other. None where many are alike.
    """
    named = [
        id
        for id, (title, _) in there.items()
        if any(len(t) >= _SHORTEST and t.lower() in asked.names for t in (title.zh, title.en))
    ]
    tops = [id for id, (_, part) in there.items() if not part]
    city = [id for id, (title, _) in there.items() if id == twin.city.id or title.zh == twin.city.title.zh]
    whole = [*tops, *city] if _EVERYWHERE.search(asked.scope) else [*city, *tops]
    if len(tops) != 1:
        whole = city
    seen = [id for id in measured if id in there]
    if named:
        id = max(named, key=lambda n: (len(there[n][0].zh), n in measured, n))
    elif len(seen) == 1:
        id = seen[0]
    elif whole:
        id = next((w for w in whole if w in measured), whole[0])
    else:
        return None
    return _Asset(id, there[id][0], bool(named), *measured.get(id, ()))


# -- what to say ------------------------------------------------------------------------------------------------------


def _proposal(twin: Twin, asked: _Wanted, fit: _Fit, at: _Asset, score: float) -> Proposal:
    every = _EVERY[fit.indicator.every]
    newest = at.newest.astimezone(ZoneInfo(twin.city.zone)).date() if at.newest else None
    notes = [*fit.notes, *([fit.doubt] if fit.doubt else []), Title(f"对象：{at.title.zh}", f"at {at.title.en}")]
    if asked.scope and not at.named and not _EVERYWHERE.search(asked.scope):
        notes.append(Title(f"目标写的是“{asked.scope}”，请核对", f"the target says “{asked.scope}”: check it"))
    if newest:
        figures = f"{at.figures} figure{'' if at.figures == 1 else 's'}"
        notes.append(
            Title(
                f"{every.zh}一期，已有{at.figures}期数据，最新一期始于{newest}",
                f"{every.en}, {figures} on record, newest period from {newest}",
            )
        )
    else:
        notes.append(Title(f"{every.zh}一期，尚无数据", f"{every.en}, no figures yet"))
    reason = Title("；".join(n.zh for n in notes), "; ".join(n.en for n in notes))
    return Proposal(
        fit.indicator.id, at.id, at.title, round(min(score, 1.0), 3), reason, at.figures, newest, at.value
    )  # fmt: skip


def _unregistered(asked: _Wanted) -> Title:
    return Title(
        f"这是一项须完成的工作，不由指标衡量：缺少“{asked.zh or asked.en}”完成情况的登记（完成时登记一次，附证明材料）",
        f"This is work to be completed, which no indicator measures: a record of the completion of “{asked.en or asked.zh}” "
        "is missing (once, when it is done, with its proof)",
    )


def _lacking(asked: _Wanted, fits: Sequence[_Fit]) -> Title:
    """What data would measure the promise, and why the nearest indicator does not."""
    unit = _unit("%" if asked.unit == "pp" else asked.unit)
    if asked.relative and asked.unit == "%":
        unit = Title("前后一致即可", "one unit throughout")
    scope = asked.scope
    since = (
        Title(f"，并须有{asked.baseline}年的基准值", f", with the baseline of {asked.baseline}")
        if asked.baseline
        else Title("", "")
    )
    per = Title(f"，对象为{scope}", f", for {scope}") if scope else Title("", "")
    zh = f"缺少“{asked.zh or asked.en}”的数据：单位：{unit.zh}{per.zh}，每年至少一期{since.zh}"
    en = f"Data of “{asked.en or asked.zh}” are missing: {'as' if _counted(asked.unit) else 'in'} {unit.en}{per.en}, at least once a year{since.en}"
    nearest = next((f for f in fits if f.name >= (CONFIDENT if f.miss else NEAR)), None)
    if nearest is None:
        return Title(f"{zh}。已装指标中没有相近的", f"{en}. No indicator installed comes near")
    why = nearest.miss or nearest.doubt or Title("它的名称与目标相差较大", "its name is too far from the target's")
    title = nearest.indicator.title
    return Title(
        f"{zh}。最接近的指标是“{title.zh}”，但{why.zh}", f"{en}. The nearest indicator is “{title.en}”, but {why.en}"
    )


def _only_per(twin: Twin, indicator: Indicator) -> Title:
    type = twin.types[indicator.per].title
    return Title(
        f"它按单个{type.zh}统计，没有全域的数", f"it is counted for each {type.en.lower()} and not for the whole"
    )


def _asked(wanted: Record | Target, document: str) -> _Wanted:
    if isinstance(wanted, Target):
        zh, en = wanted.subject.zh, wanted.subject.en
    else:
        zh, en = wanted.subject, wanted.subject_en
        if not en and (not zh or _EVERYWHERE.fullmatch(zh)):
            zh = _NUMBERS.sub("", wanted.quote)  # a subject that names nothing: the sentence does
    if not _HAN.search(zh):
        zh, en = "", en or zh
    if _HAN.search(en):
        en = ""  # a title given in Chinese for both
    return _Wanted(
        zh=zh,
        en=en,
        scope=wanted.scope,
        document=document,
        milestone=wanted.kind == "milestone" or wanted.comparator == "done_by",
        relative=wanted.comparator in ("increase_by", "reduce_by"),
        comparator=wanted.comparator or "=",
        unit=wanted.unit,
        baseline=wanted.baseline,
        names=" ".join((zh, en, wanted.scope, *wanted.lead)).lower(),
    )
