"""What did a new version of a plan change? Pairs the promises of two versions and says how each pair differs."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from citytwin.kernel.draft import PROMISES, Record
from citytwin.kernel.errors import CityTwinError
from citytwin.kernel.plan import Plan, Target
from citytwin.kernel.units import conversion, known_unit
from citytwin.reader.force import strength
from citytwin.reader.units import is_count
from citytwin.science.likeness import cover, likeness, weights

Change = Literal[
    "dropped", "loosened", "postponed", "added", "tightened", "advanced", "changed", "reworded", "same", "moved"
]
GRAVITY: tuple[Change, ...] = (
    "dropped", "loosened", "postponed", "added", "tightened", "advanced", "changed", "reworded", "same",
)  # fmt: skip
"""The kinds of difference, the gravest first."""
Value = str | float | date | tuple[str, ...] | None
Pair = tuple[Record | None, Record | None]

LIKE = 0.55
"""Below this two promises are two, not one that was changed: between what the tests' versions pair and what they keep apart."""
SURE = 0.6
"""Subjects less like than this are one only where number, unit and deadline are the same: 漏损率 and 覆盖率 of one network score 0.59."""
NAMED = 0.3
"""A subject less like than this pairs with no other, however alike the sentences around it are."""
_SAME_WORDS = (
    (r"标准煤", "标煤"),
    (r"(?:国内|地区)生产总值", "gdp"),
    (r"二氧化碳排放|碳排放|co2排放", "碳排放"),
    (r"能源消费|能源消耗|用能|综合能耗", "能耗"),
    (r"用电量|电耗|电力消费量|耗电量", "用电量"),
    (r"用水量|水耗|取水量|耗水量", "用水量"),
    (r"太阳能光伏|光伏发电|太阳能发电", "光伏"),
    (r"城镇|市区|城区(?!域)", "城市"),
    (r"劣(?:Ⅴ|v|五)类", "劣v类"),
    (r"carbon dioxide|co2", "carbon"),
    (r"photovoltaics?|solar pv|\bpv\b", "photovoltaic"),
    (r"waste ?water", "sewage"),
    (r"per capita|per head", "per person"),
)
"""Words by which documents call one thing: laws and statistics use either."""
_SAME = tuple((re.compile(words), one) for words, one in _SAME_WORDS)
_OPPOSED = tuple(
    tuple(re.compile(words) for words in group)
    for group in (
        (r"城市|县城|urban", r"农村|乡村|村庄|rural"),
        (r"污水|sewage", r"雨水|storm", r"供水|饮用水|自来水|drinking"),
        (r"新建|new build", r"既有|存量|老旧|existing"),
        (r"工业|industr", r"农业|农田|agricult", r"生活|domestic", r"建筑|building", r"交通|transport"),
        (r"用水|节水|水效|\bwater use", r"用电|\belectricity", r"能耗|节能|能效|\benergy", r"碳排放|\bcarbon"),
        (r"人均|per person", r"单位(?:建筑)?面积|per (?:floor )?area", r"单位gdp|万元|产值", r"总量|总额|\btotal"),
        (r"市级|市属|municipal", r"区级|区属|district-level"),
        (r"小学", r"中学", r"高校|大学", r"医院"),
        (r"化学需氧量|cod", r"氨氮|ammonia", r"总磷|phosph", r"总氮|nitrogen"),
    )
)
"""Words that tell two promises apart however much else they share: where each has another of a group, they are not one."""
_NAMED_PLACE = re.compile(
    r"(?![全各本我该每中主建新老市])[\u4e00-\u9fff]{2,4}?(?:新区|新片区|自治县|街道|(?<![小社地辖园校景片城成郊山库灾范护发能业])区|县(?!城)|镇|乡)"
)
_LESS = re.compile(
    r"排放|能耗|用电|用水|消耗|浓度|劣|漏损|损失|事故|死亡|投诉|时间|时限|时长|成本|覆盖不足|填埋|垃圾.{0,4}量|污染物|"
    r"emission|consumption|loss|time|cost|waste|worse"
)
"""Subjects of which less is better, where neither comparator says so."""
_UP, _DOWN = frozenset({">=", ">", "increase_by"}), frozenset({"<=", "<", "reduce_by"})
_CHANGE = frozenset({"increase_by", "reduce_by"})
_SOFT = frozenset({"approx", "basically", "initially", "左右", "约", "基本", "初步"})
_FIRMNESS = {"must": 3, "": 2, "promote": 2, "strive": 1, "expected": 1, "encourage": 0, "explore": 0}
_EXACT = 0.999
_PER_HUNDRED = frozenset({"%", "％", "‰", "permille"})


@dataclass(frozen=True, slots=True)
class Detail:
    """One field that differs. Values are each in the unit of their own record."""

    field: str
    before: Value
    after: Value
    change: Change


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of a promise: `old` is None where it was added, `new` where it was dropped. `kind` is the gravest of its details."""

    kind: Change
    old: Record | None
    new: Record | None
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences in the order of the new version, what was dropped last; how many there are of each kind."""

    changes: tuple[Difference, ...]
    counts: Mapping[str, int]


def compare(old: Sequence[Record], new: Sequence[Record]) -> Comparison:
    """How the promises of two versions of a document differ; what is no promise is left out.

    Records that a newer version dropped do not count as promises. Neither do those that people rejected; what the other version has in
    the same place is then left out too, unless people accepted it there.
    """
    pairs = match([r for r in old if _promises(r)], [r for r in new if _promises(r)])
    kept = (_without_rejected(*pair) for pair in pairs)
    changes = [difference(a, b) for a, b in kept if a or b]
    changes.sort(key=lambda d: (d.new is None, _order(d.new or d.old)))
    told = Counter(d.kind for d in changes)
    return Comparison(tuple(changes), {kind: told[kind] for kind in GRAVITY})


def match(old: Sequence[Record], new: Sequence[Record]) -> list[Pair]:
    """Which record of one version is which of the other: the assignment of the greatest likeness, each record once.

    Records without a counterpart stand alone, those of `new` in their order, those of `old` after them. The order in which they are
    given, and which version is called old, makes no difference.
    """
    a, b = sorted(old, key=_order), sorted(new, key=_order)
    turned = [_order(r) for r in a] > [_order(r) for r in b]
    if turned:  # ties fall the same way whichever comes first
        a, b = b, a
    found: list[tuple[Record, Record]] = []
    if a and b:
        like = _alike(a, b)
        # cubed, so that one good pair counts more than two poor ones
        rows, columns = linear_sum_assignment(np.where(like >= LIKE, like, 0.0) ** 3, maximize=True)
        found = [(a[i], b[j]) for i, j in zip(rows, columns, strict=True) if like[i, j] >= LIKE]
    pairs = {id(y): x for x, y in ((y, x) if turned else (x, y) for x, y in found)}
    paired = {id(x) for x in pairs.values()}
    return [(pairs.get(id(r)), r) for r in new] + [(r, None) for r in old if id(r) not in paired]


def difference(old: Record | None, new: Record | None) -> Difference:
    """How one promise differs from what it was."""
    if old is None:
        return Difference("added", None, new)
    if new is None:
        return Difference("dropped", old, None)
    details = tuple(_details(old, new))
    told = {"same" if d.change == "moved" else d.change for d in details}
    return Difference(next((k for k in GRAVITY if k in told), "same"), old, new, details)


def records_of(plan: Plan) -> tuple[Record, ...]:
    """The targets of a plan in force as accepted records, to hold a draft against them.

    Targets that are shares of another are left out: no document states them. A plan keeps no quotes.
    """
    return tuple(_record(t) for t in plan.targets if not t.part_of)


def common_unit(source: str, target: str) -> float | None:
    """The factor from one unit to another, or None where they measure different things. Counter words all count one.

    >>> common_unit("km", "m"), common_unit("家", "个"), common_unit("%", "家"), common_unit("tce/人", "kgce/person")
    (1000.0, 1.0, None, 1000.0)
    """
    if source == target:
        return 1.0
    if (source in _PER_HUNDRED) != (target in _PER_HUNDRED):
        return None  # a share and a count are both numbers, and are not the same
    if known_unit(source) and known_unit(target):
        try:
            factor, offset = conversion(source, target)
        except CityTwinError:
            return None
        return None if offset else factor
    if _counts(source) and _counts(target):
        return 1.0
    (above, _, below), (over, _, under) = source.partition("/"), target.partition("/")
    if not (below and under):
        return None
    factors = common_unit(above, over), common_unit(below, under)
    return factors[0] / factors[1] if factors[0] and factors[1] else None


@lru_cache(maxsize=16384)
def plain(name: str) -> str:
    """A name in lower case and one width, with one word for what has several.

    >>> plain("城镇生活污水收集率"), plain("CO2 emissions per head")
    ('城市生活污水收集率', 'carbon emissions per person')
    """
    name = unicodedata.normalize("NFKC", name).lower()
    for words, one in _SAME:
        name = words.sub(one, name)
    return name


def opposed(a: str, b: str) -> bool:
    """Whether two names (made plain) speak of different things: town and country, sewage and rain, one district and another."""
    (ours, here), (theirs, there) = _apart(a), _apart(b)
    if here and there and not any(x in y or y in x for x in here for y in there):
        return True
    return any(x and y and x.isdisjoint(y) for x, y in zip(ours, theirs, strict=True))


@lru_cache(maxsize=16384)
def _apart(name: str) -> tuple[tuple[frozenset[int], ...], frozenset[str]]:
    """Which words of each group of opposites a name has, and which places it names."""
    found = tuple(frozenset(i for i, words in enumerate(group) if words.search(name)) for group in _OPPOSED)
    return found, frozenset(m.group() for m in _NAMED_PLACE.finditer(name))


def falling(subject: str) -> bool:
    """Whether less of it is better, as its name goes."""
    return _LESS.search(plain(subject)) is not None


# -- which is which ---------------------------------------------------------------------------------------------------


def _alike(a: Sequence[Record], b: Sequence[Record]) -> NDArray[np.float64]:
    """How alike records are, 0 to about 1, shape (len(a), len(b)); 0 for pairs that cannot be one promise."""
    quote = _texts([re.sub(r"[\d.]+", "", r.quote) for r in a], [re.sub(r"[\d.]+", "", r.quote) for r in b])
    subject = _names([plain(r.subject) for r in a], [plain(r.subject) for r in b])
    nameless = np.array([not r.subject for r in a])[:, None] | np.array([not r.subject for r in b])[None, :]
    subject = np.where(nameless, quote, subject)
    quoteless = np.array([not r.quote for r in a])[:, None] | np.array([not r.quote for r in b])[None, :]
    words = np.where(quoteless, subject, 0.75 * subject + 0.25 * quote)
    section = _texts([r.section_title for r in a], [r.section_title for r in b])
    where = np.abs(np.linspace(0, 1, len(a))[:, None] - np.linspace(0, 1, len(b))[None, :])
    like = 0.8 * words + 0.01 * section - 0.001 * where
    possible = (subject >= NAMED) & (words >= 0.3)
    for i, j in zip(*np.nonzero(possible), strict=True):
        x, y = a[i], b[j]
        facts = _facts(x, y)
        same = x.subject == y.subject and _scope(x) == _scope(y)
        if (subject[i, j] < SURE and facts < _EXACT) or (not same and opposed(_told(x), _told(y))):
            like[i, j] = 0.0
        else:
            like[i, j] += 0.2 * facts - 0.1 * _elsewhere(x, y)
    like = np.where(possible, np.maximum(like, 0.0), 0.0)
    for i, j in zip(*np.nonzero(quoteless & _overlap(a, b)), strict=True):
        if _facts(a[i], b[j]) >= _EXACT:  # the same number at the same place, under the name that people gave it
            like[i, j] = max(like[i, j], 0.9)
    return like


def _names(a: Sequence[str], b: Sequence[str]) -> NDArray[np.float64]:
    """Likeness of subjects: half for being the same, half for one saying what the other says too, and more."""
    known = weights([*a, *b])
    like = 0.5 * likeness(a, b, known) + 0.5 * np.maximum(cover(a, b, known), cover(b, a, known).T)
    return np.where(_equals(a, b), 1.0, like)


def _texts(a: Sequence[str], b: Sequence[str]) -> NDArray[np.float64]:
    return np.where(_equals(a, b), 1.0, likeness(a, b, weights([*a, *b])))


def _equals(a: Sequence[str], b: Sequence[str]) -> NDArray[np.bool_]:
    return np.asarray(np.array(a, object)[:, None] == np.array(b, object)[None, :])


def _overlap(a: Sequence[Record], b: Sequence[Record]) -> NDArray[np.bool_]:
    """Whether places have more than half of the shorter one in common, shape (len(a), len(b))."""
    ours, theirs = (np.array([(r.start, r.end) for r in side]) for side in (a, b))
    common = np.minimum(ours[:, None, 1], theirs[None, :, 1]) - np.maximum(ours[:, None, 0], theirs[None, :, 0])
    shorter = np.minimum(np.diff(ours), np.diff(theirs).T)
    return np.asarray(2 * common > shorter)


def _facts(a: Record, b: Record) -> float:
    """How much of unit, deadline, value and sense is the same, 0 to 1."""
    factor = common_unit(b.unit, a.unit)
    found = 0.2 * (factor is not None) + 0.2 * (_kind(a) == _kind(b) and _way(a) == _way(b))
    if a.deadline and b.deadline:
        found += 0.35 * max(0.0, 1.0 - abs(a.deadline.year - b.deadline.year) / 3)
    elif a.deadline == b.deadline:
        found += 0.35
    if a.value is None or b.value is None or factor is None:
        return found + 0.25 * (a.value is b.value is None)
    return found + 0.25 * max(0.0, 1.0 - abs(a.value - factor * b.value) / (abs(a.value) or abs(b.value) or 1.0))


def _way(r: Record) -> tuple[bool, bool]:
    return r.comparator in _CHANGE, r.comparator in _DOWN or (r.comparator not in _UP and not _sense(r, r))


def _elsewhere(a: Record, b: Record) -> float:
    """1 where two stated scopes have nothing in common, 0 where they are the same or one is not stated."""
    x, y = _scope(a), _scope(b)
    if not x or not y or x == y or x in y or y in x:
        return 0.0
    return 1.0 - len(set(x) & set(y)) / len(set(x) | set(y))


def _scope(r: Record) -> str:
    """The scope where the sentence states one: what a reader took from elsewhere says nothing of a change."""
    return plain(r.scope) if r.sources.get("scope", "stated") in ("stated", "edited") else ""


def _told(r: Record) -> str:
    return f"{plain(r.subject)} {_scope(r)}"


# -- how it differs ---------------------------------------------------------------------------------------------------


def _details(old: Record, new: Record) -> Iterable[Detail]:
    facts = (*_goal(old, new), *_force(old, new), *_deadline(old, new), *_others(old, new))
    yield from facts
    if _bare(old.subject) != _bare(new.subject):
        yield Detail("subject", old.subject, new.subject, "reworded")
    elif not facts and old.quote and new.quote and _wording(old.quote) != _wording(new.quote):
        yield Detail("quote", old.quote, new.quote, "reworded")  # where facts differ, so must the words
    if old.quote and new.quote and (old.section, old.section_title) != (new.section, new.section_title):
        before, after = (f"{r.section} {r.section_title}".strip() for r in (old, new))
        yield Detail("section", before, after, "moved")


def _others(old: Record, new: Record) -> Iterable[Detail]:
    """Fields of which none is tighter than another."""
    if _kind(old) != _kind(new):
        yield Detail("kind", old.kind, new.kind, "changed")
    if old.baseline != new.baseline:
        yield Detail("baseline", old.baseline, new.baseline, "changed")
    if not _equal(old.baseline_value, new.baseline_value, common_unit(new.unit, old.unit)):
        yield Detail("baseline_value", old.baseline_value, new.baseline_value, "changed")
    before, after = _scope(old), _scope(new)
    named = all(_scope(r) in plain(r.subject) for r in (old, new))  # then the subjects show what became of it
    if before and after and before != after and not named:
        yield Detail("scope", old.scope, new.scope, "changed")
    if set(old.lead) != set(new.lead):
        yield Detail("lead", old.lead, new.lead, "changed")
    if set(old.participants) != set(new.participants):
        yield Detail("participants", old.participants, new.participants, "changed")


def _goal(old: Record, new: Record) -> Iterable[Detail]:
    """Comparator, value, unit and qualifier, in the sense of the promise."""
    factor = common_unit(new.unit, old.unit)
    if factor is None:
        yield Detail("unit", old.unit, new.unit, "changed")
    elif old.unit != new.unit:
        yield Detail("unit", old.unit, new.unit, "reworded")
    up, turned = _sense(old, new), _sense(old, new) != _sense(new, old)
    relative = {r.comparator for r in (old, new)} & _CHANGE
    other = factor is None or turned or (bool(relative) and old.comparator != new.comparator)
    if old.comparator != new.comparator:
        firmer = _firm(new) - _firm(old)
        yield Detail("comparator", old.comparator, new.comparator, "changed" if other else _tighter(firmer))
    elif old.qualifier != new.qualifier:
        softer = (old.qualifier in _SOFT) - (new.qualifier in _SOFT)
        yearly = "annual" in (old.qualifier, new.qualifier)
        yield Detail(
            "qualifier", old.qualifier, new.qualifier, "changed" if yearly else _tighter(softer, "reworded")
        )  # fmt: skip
    for name in ("value", "value_max"):
        before, after = getattr(old, name), getattr(new, name)
        if _equal(before, after, factor):
            continue
        if before is None or after is None:
            gained = (after is not None) - (before is not None)
            yield Detail(name, before, after, _tighter(gained) if name == "value" else "changed")
        elif other or factor is None:
            yield Detail(name, before, after, "changed")
        else:
            yield Detail(name, before, after, _tighter((factor * after - before) * (1 if up else -1)))


def _force(old: Record, new: Record) -> Iterable[Detail]:
    if not all(r.quote or r.modality or r.force for r in (old, new)):
        return  # a plan in force keeps only the words that soften: without one it tells nothing
    before, after = (r.force or strength(r.modality)[1] for r in (old, new))
    firmer = _FIRMNESS.get(after, 2) - _FIRMNESS.get(before, 2)
    if firmer or old.modality != new.modality:
        yield Detail("modality", old.modality, new.modality, _tighter(firmer, "reworded"))


def _deadline(old: Record, new: Record) -> Iterable[Detail]:
    before, after = old.deadline, new.deadline
    if before == after:
        return
    if before is None or after is None:
        yield Detail("deadline", before, after, "tightened" if after else "loosened")
    else:
        yield Detail("deadline", before, after, "postponed" if after > before else "advanced")


def _sense(r: Record, other: Record) -> bool:
    """Whether a higher number is the tighter promise. A comparator without direction takes it from the other record, else from the subject."""
    for asked in (r, other):
        if asked.comparator in _CHANGE:
            return True  # a bigger change is more
        if asked.comparator in _UP:
            return True
        if asked.comparator in _DOWN:
            return False
    return not (falling(r.subject) or falling(other.subject) or 0 in (r.value, other.value))


def _firm(r: Record) -> int:
    if r.comparator == "approx" or r.qualifier in _SOFT:
        return 0
    return 2 if r.comparator in (">", "<") else 1


def _tighter(sign: float, level: Change = "changed") -> Change:
    return "tightened" if sign > 0 else "loosened" if sign < 0 else level


def _equal(before: float | None, after: float | None, factor: float | None) -> bool:
    if before is None or after is None:
        return before is after
    return math.isclose(before, (factor or 1.0) * after, rel_tol=1e-9, abs_tol=1e-12)


def _kind(r: Record) -> str:
    return "numeric" if r.kind == "coverage" else r.kind


def _counts(unit: str) -> bool:
    return unit in ("", "1", "count") or is_count(unit) or (known_unit(unit) and _counter(unit))


def _counter(unit: str) -> bool:
    """Whether a known unit is a counter word."""
    try:
        return conversion(unit, "1") == (1.0, 0.0)
    except CityTwinError:
        return False


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text).lower())


def _wording(quote: str) -> str:
    """The words of a quote: without its dates and numbers, which are compared as such."""
    return _bare(re.sub(r"(?:到|至|在)?\d{4}年(?:\d+月)?[底末]?(?:之?前)?|[\d.,%]+", "", quote))


def _order(r: Record | None) -> tuple[str, ...]:
    """A fixed order of records, by place first."""
    assert r is not None  # a difference has one side at least
    return (f"{r.start:09}", f"{r.end:09}", r.id, r.subject, r.quote, repr(r))


def _promises(r: Record) -> bool:
    return r.kind in PROMISES and r.standing != "dropped"


def _without_rejected(old: Record | None, new: Record | None) -> Pair:
    """A pair without what people rejected, nor what stands for the same words in the other version."""
    if old and old.standing == "rejected":
        return None, new if new and new.standing == "accepted" else None
    if new and new.standing == "rejected":
        return old if old and old.standing == "accepted" else None, None
    return old, new


def _record(t: Target) -> Record:
    word, force = strength(t.qualifier)
    return Record(
        id=t.id,
        kind=t.kind,
        quote="",
        section=t.place.section,
        section_title="",
        subject=t.subject.zh,
        subject_en=t.subject.en,
        start=t.place.start,
        end=t.place.end,
        raw_start=0,
        raw_end=0,
        comparator=t.comparator,
        value=t.value,
        value_max=t.value_max,
        unit=t.unit,
        scope=t.scope,
        baseline=t.baseline,
        baseline_value=t.baseline_value,
        deadline=t.deadline,
        modality=word or "",
        force=force,
        qualifier="" if word else t.qualifier,
        lead=t.lead,
        participants=t.participants,
        standing="accepted",
        measured_by=t.measured_by,
    )
