"""Who carries how much of a target? Divides a target among institutions, districts or names, and checks that the parts come to the whole."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa

from citytwin.engine import period
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.errors import BadRequest, Fault, UnitMismatch
from citytwin.kernel.indicator import Indicator
from citytwin.kernel.plan import Binding, Plan, Target
from citytwin.kernel.title import Title
from citytwin.kernel.units import conversion, known_unit, unit
from citytwin.science import share

Way = Literal["equal", "baseline", "column"]
Rule = Literal["sum", "mean", "each"]

MOST = 1000
"""Parts of one target. Shanghai reports by 39 bodies; a division into more is a list of assets taken by mistake."""
LONGEST = 200
"""Characters of a name."""
_BODIES = frozenset(
    ["institution", "body", "district", "region", "county", "town", "street", "department", "bureau", "office"]
)
"""Words in the id of an asset type that tells of somebody who can be asked to do something."""

# Dimensions whose figures add up over parts; those of all others hold for each part or as a mean.
_ADDS = frozenset([
    "number", "person", "length", "area", "volume", "flow", "mass", "coal equivalent", "energy", "power", "data rate",
    "traffic flow", "money",
])  # fmt: skip
_PER = re.compile(
    r"人均|户均|平均|均值|单位(?:建筑|面积|GDP|国内|地区|生产|产值|产品|工业|水量)|每(?!年|月|日|周|季)|\b(?:average|mean)\b|\bper (?!year|month|day|week)",
    re.IGNORECASE,
)
_RATIO = re.compile(
    r"率|占比|比例|比重|比值|系数|指数|强度|浓度|得分|评分|PUE|\b(?:ratio|rate|share|index|factor|score|intensity)\b",
    re.IGNORECASE,
)
_HEIGHT = re.compile(r"水位|水深|深度|高程|标高|净空|\b(?:water level|depth|elevation|clearance)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """What one institution, district or name is to reach.

    `value` and `baseline_value` are in the units that the target's are in; `value` is None for milestones. `asset` is empty for plain names.
    `weight` is what the part counts in the mean of a ratio (its denominator), where one was given.
    """

    title: Title
    value: float | None
    asset: str = ""
    baseline_value: float | None = None
    lead: tuple[str, ...] = ()
    deadline: date | None = None
    weight: float | None = None


class Check(NamedTuple):
    """What the parts come to (`sum`) and how far that is from the target (`difference`, sum less goal), by `rule`.

    `sum`: the parts add up. `mean`: their mean, weighted by denominators or baselines. `each`: every part must reach the goal, and
    `sum` is the part that asks least. Nothing (None) where the target has no value.
    """

    sum: float | None
    difference: float | None
    rule: Rule


@dataclass(frozen=True, slots=True)
class Division:
    """A target divided: its parts, and what they come to (see Check)."""

    parts: tuple[Part, ...]
    sum: float | None
    goal: float | None
    difference: float | None
    rule: Rule


@dataclass(frozen=True, slots=True)
class _Member:
    """Somebody to give a part to."""

    title: Title
    asset: str = ""
    type: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


def preview(
    twin: Twin,
    plan: Plan,
    target: Target,
    among: str = "",
    by: Way = "equal",
    *,
    assets: Sequence[str] = (),
    names: Sequence[str] = (),
    column: str = "",
    weights: Sequence[float] = (),
) -> Division:
    """Divide a target among all assets of the type `among` (or those of it in `assets`), or among plain `names`.

    `by` says how: `equal` gives everybody the same, `baseline` goes by where each stood (the figure of the target's indicator in the baseline
    year, else the newest before the plan), `column` by a numeric attribute of the type or by `weights`, one per part in their order.
    Amounts are divided, and whole ones stay whole. Ratios and intensities are the same for each; by `baseline`, with a column or weights as
    their denominators, each starts from its own level. A change in percent is the same rate for each, or, by `column`, the rates
    whose amounts are shared by it. Reads only. Raises BadRequest.
    """
    members = _members(twin, among, assets, names)
    indicator = twin.indicators.get(target.measured_by.indicator) if target.measured_by else None
    given = _weights(twin, members, column, weights)
    stated, stood = _baselines(twin, plan, target, indicator, members)
    if by == "baseline" and stood is None:
        raise BadRequest(*_no_baselines(indicator, members), target.id)
    if by == "column" and given is None:
        raise BadRequest(
            "a division by column needs a column or weights",
            "name a numeric attribute, or send one weight per part",
            target.id,
        )
    values = _values(target, indicator, members, by, given, stood)
    parts = tuple(
        Part(
            m.title,
            value,
            m.asset,
            None if stated is None else stated[i],
            (m.title.zh,) if _is_body(m) else target.lead,
            target.deadline,
            None if given is None else given[i],
        )
        for i, (m, value) in enumerate(zip(members, values, strict=True))
    )
    found = check(target, parts, stood, weights=given, indicator=indicator)
    return Division(parts, found.sum, target.value, found.difference, found.rule)


def check(
    target: Target,
    parts: Sequence[Part],
    baselines: Sequence[float | None] | None = None,
    *,
    weights: Sequence[float] | None = None,
    indicator: Indicator | None = None,
) -> Check:
    """What these parts come to, and how far that is from the target.

    `baselines` are where the parts stood (left out: their own `baseline_value`), `weights` the denominators of a ratio. Without the
    weights or baselines that a mean needs, the rule is `each`. `indicator` is what measures the target, if anything does.
    Raises BadRequest where a part has no number.
    """
    kind = _kind(target, indicator)
    if target.value is None:
        return Check(None, None, "each")
    values = _numbers(parts)
    if not values:
        return Check(None, None, "sum" if kind == "amount" else "each")
    stood = list(baselines) if baselines is not None else [p.baseline_value for p in parts]
    if kind == "amount":
        return _against(target, math.fsum(values), "sum")
    scale = _scale(target, indicator, stood, weights)
    if scale is not None:
        return _against(target, share.mean(values, scale), "mean")
    if target.comparator in (">=", ">", "increase_by", "reduce_by"):
        least = min(values)
    elif target.comparator in ("<=", "<"):
        least = max(values)
    else:
        goal = target.value
        least = max(values, key=lambda v: abs(v - goal))
    return _against(target, least, "each")


def targets(twin: Twin, parent: Target, parts: Sequence[Part]) -> tuple[Target, ...]:
    """The parts as targets of their own: `<parent>_p01` and on, in the order given.

    A part at an asset is measured by the parent's indicator there, where that is reckoned for assets of its type; every other says why
    nothing measures it yet. Raises BadRequest for parts that no target can be made of.
    """
    faults = [
        Fault(f"part {i}", "PART", message, hint)
        for i, part in enumerate(parts, 1)
        for message, hint in _faults(twin, parent, part)
    ]
    seen: dict[str, int] = {}
    for i, part in enumerate(parts, 1):
        key = part.asset or part.title.zh
        if key in seen:
            faults.append(Fault(f"part {i}", "PART", f"'{key[:60]}' has part {seen[key]} already", "keep one of them"))
        seen.setdefault(key, i)
    if len(parts) > MOST:
        faults.append(
            Fault("parts", "PART", f"there are {len(parts)} parts, at most {MOST} are taken", "divide in two steps")
        )
    if faults:
        raise BadRequest(f"{len(faults)} faults in the parts", "mend the parts named", parent.id, tuple(faults))
    width = max(2, len(str(len(parts))))
    return tuple(_target(twin, parent, part, f"{parent.id}_p{i:0{width}}") for i, part in enumerate(parts, 1))


# --- who


def _members(twin: Twin, among: str, assets: Sequence[str], names: Sequence[str]) -> list[_Member]:
    if names and (among or assets):
        raise BadRequest("names and assets cannot be divided among together", "send one of them", "names")
    if names:
        return _named(names)
    if not among and not assets:
        raise BadRequest("nobody is named to divide among", "name an asset type, or send names", "among")
    if among and among not in twin.types:
        raise BadRequest(f"there is no asset type '{among}'", "see /api/types", "among")
    if len(assets) > MOST:
        raise BadRequest(f"{len(assets)} assets are named, at most {MOST} are taken", "divide in two steps", "assets")
    if assets:
        return _chosen(twin, among, assets)
    found = twin.store.fetch(
        "SELECT asset_id, type, title_zh, title_en, attributes FROM asset WHERE type = $type ORDER BY asset_id",
        {"type": among},
    )
    if found.num_rows == 0:
        raise BadRequest(f"there is no asset of type '{among}'", "choose another type, or send names", "among")
    if found.num_rows > MOST:
        raise BadRequest(
            f"there are {found.num_rows} assets of type '{among}', at most {MOST} are taken", "name the assets", "among"
        )
    return [_member(row) for row in rows(found)]


def _named(names: Sequence[str]) -> list[_Member]:
    if len(names) > MOST:
        raise BadRequest(f"{len(names)} names are sent, at most {MOST} are taken", "divide in two steps", "names")
    stripped = [n.strip() for n in names]
    for i, name in enumerate(stripped):
        if not 0 < len(name) <= LONGEST:
            raise BadRequest(f"name {i + 1} has {len(name)} characters", f"give 1 to {LONGEST}", "names")
        if name in stripped[:i]:
            raise BadRequest(f"the name '{name}' stands twice", "keep one of them", "names")
    return [_Member(Title(n, n)) for n in stripped]


def _chosen(twin: Twin, among: str, assets: Sequence[str]) -> list[_Member]:
    wanted = pa.table({"wanted_id": pa.array(list(assets), pa.string())})
    found = twin.store.fetch(
        "SELECT a.asset_id, a.type, a.title_zh, a.title_en, a.attributes FROM asset AS a JOIN wanted AS w ON w.wanted_id = a.asset_id",
        tables={"wanted": wanted},
    )
    held = {row["asset_id"]: row for row in rows(found)}
    for id in assets:
        if id not in held:
            raise BadRequest(f"there is no asset '{id}'", "see /api/assets", "assets")
        if among and held[id]["type"] != among:
            raise BadRequest(
                f"asset '{id}' is a {held[id]['type']}, not a {among}", "take it out of the list", "assets"
            )
    if len(set(assets)) < len(assets):
        raise BadRequest("an asset stands twice in the list", "keep one of them", "assets")
    return [_member(held[id]) for id in assets]


def _member(row: Mapping[str, Any]) -> _Member:
    return _Member(
        Title(row["title_zh"], row["title_en"]), row["asset_id"], row["type"], msgspec.json.decode(row["attributes"])
    )


def _is_body(member: _Member) -> bool:
    return not member.asset or not _BODIES.isdisjoint(member.type.rpartition(".")[2].split("_"))


# --- by what


def _weights(twin: Twin, members: Sequence[_Member], column: str, weights: Sequence[float]) -> list[float] | None:
    if column and weights:
        raise BadRequest("both a column and weights are given", "send one of them", "weights")
    if weights:
        if len(weights) != len(members):
            raise BadRequest(
                f"{len(weights)} weights are given for {len(members)} parts",
                "send one per part, in their order",
                "weights",
            )
        return _above_zero(list(weights), members, "weight")
    if not column:
        return None
    kinds = {m.type for m in members}
    if kinds == {""}:
        raise BadRequest("plain names have no columns", "send weights, or divide among assets", column)
    for kind in sorted(kinds):
        numbers = [a.id for a in twin.types[kind].attributes if a.kind in ("number", "integer")]
        if column not in numbers:
            has = (
                f"its numeric attributes: {', '.join(numbers)}"
                if numbers
                else "it has no numeric attribute; send weights"
            )
            raise BadRequest(f"'{column[:60]}' is no numeric attribute of '{kind}'", has, column[:60])
    return _above_zero([m.attributes.get(column) for m in members], members, column)


def _above_zero(values: Sequence[Any], members: Sequence[_Member], what: str) -> list[float]:
    """The values as weights. Raises BadRequest that names every part whose value is none."""
    sound, faults = [], []
    for member, value in zip(members, values, strict=True):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and math.isfinite(value) and value > 0:
            sound.append(float(value))
            continue
        told = "missing" if value is None else f"{value:g}" if number else f"{str(value)[:40]!r}"
        faults.append(
            Fault(
                member.asset or member.title.zh,
                "WEIGHT",
                f"{what} is {told}",
                "give a number above 0, or leave this part out",
            )
        )
    if faults:
        first = faults[0]
        raise BadRequest(
            f"{len(faults)} of {len(members)} parts cannot be weighted: the {first.message} for '{first.where}'",
            "a weight is a number above 0: mend it, leave the part out, or divide equally",
            first.where,
            tuple(faults),
        )
    return sound


def _baselines(
    twin: Twin, plan: Plan, target: Target, indicator: Indicator | None, members: Sequence[_Member]
) -> tuple[list[float | None] | None, list[float | None] | None]:
    """What may be stated as the baseline of each part, and where each stood, to weigh by; None where nothing tells.

    They differ when the baseline year has no figures for some: then the newest before the plan serve as weights for all, and nothing is stated.
    """
    if indicator is None or not _fits(indicator, members):
        return None, None
    zone = twin.city.zone
    if target.baseline is not None:
        first, last = (
            datetime(y, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) for y in (target.baseline, target.baseline + 1)
        )
        stated = _newest(twin, target, indicator, members, first, last)
        if None not in stated:
            return stated, stated
    before = datetime.combine(plan.issued, time(), ZoneInfo(zone)).astimezone(UTC) if plan.issued else twin.clock.now()
    # the period that holds this moment is not complete
    stood = _newest(
        twin, target, indicator, members, datetime(1900, 1, 1, tzinfo=UTC), period.start(before, indicator.every, zone)
    )
    known = stood if any(v is not None for v in stood) else None
    return (stated if target.baseline is not None else known), known


def _fits(indicator: Indicator, members: Sequence[_Member]) -> bool:
    """Whether the indicator is reckoned for assets like these."""
    return all(m.asset and indicator.per in ("*", m.type) for m in members)


def _newest(
    twin: Twin, target: Target, indicator: Indicator, members: Sequence[_Member], since: datetime, until: datetime
) -> list[float | None]:
    """The newest figure of each member whose period begins in [since, until), in the unit that the target is judged in."""
    found = twin.store.fetch(
        "SELECT v.asset_id, v.value FROM indicator_value AS v JOIN (SELECT i.asset_id, max(i.period) AS period FROM indicator_value AS i "
        "JOIN wanted AS w ON w.wanted_id = i.asset_id WHERE i.indicator = $indicator AND i.period >= $since AND i.period < $until "
        "GROUP BY i.asset_id) AS n ON n.asset_id = v.asset_id AND n.period = v.period WHERE v.indicator = $indicator",
        {"indicator": indicator.id, "since": since, "until": until},
        {"wanted": pa.table({"wanted_id": pa.array([m.asset for m in members], pa.string())})},
    )
    factor, offset = _conversion(target, indicator)
    held = {row["asset_id"]: factor * row["value"] + offset for row in rows(found)}
    return [held.get(m.asset) for m in members]


def _conversion(target: Target, indicator: Indicator) -> tuple[float, float]:
    """From the indicator's unit to the one that the target's baseline is stated in: its own, but the indicator's for changes."""
    if not _relative(target) and target.unit and known_unit(target.unit):
        try:
            return conversion(indicator.unit, target.unit)
        except UnitMismatch:
            pass
    return 1.0, 0.0


def _no_baselines(indicator: Indicator | None, members: Sequence[_Member]) -> tuple[str, str]:
    hint = "divide equally, by a column or by weights"
    if indicator is None:
        return "no indicator measures this target, so nobody knows where the parts stood", f"bind it first, or {hint}"
    if not _fits(indicator, members):
        return (
            f"'{indicator.id}' is reckoned per {indicator.per}, not for these parts",
            f"divide among {indicator.per}, or {hint}",
        )
    return f"'{indicator.id}' has no figures for these parts before the plan", hint


# --- how much


def _relative(target: Target) -> bool:
    return target.comparator in ("increase_by", "reduce_by")


def _kind(target: Target, indicator: Indicator | None) -> Literal["amount", "level", "rate", "change"]:
    """What is divided: an amount that adds up, a level (ratio, intensity), a rate (change in percent), or a change of a level."""
    if _relative(target):
        if target.unit == "%":
            return "rate"
        return "amount" if target.unit != "pp" and _adds_up(target, target.unit) else "change"
    return "amount" if _adds_up(target, target.unit or (indicator.unit if indicator else "")) else "level"


def _adds_up(target: Target, symbol: str) -> bool:
    """Whether figures in this unit add up over parts. Where the unit is a bare number, the words of the subject decide."""
    words = f"{target.subject.zh} {target.subject.en}"
    if _PER.search(words):
        return False
    if not known_unit(symbol):
        if symbol:
            return "/" not in symbol and "每" not in symbol  # a counter word that the vocabulary lacks
        return not _RATIO.search(words)
    known = unit(symbol)
    if known.id in ("%", "permille") or known.dimension not in _ADDS:
        return False
    if symbol in ("1", "count"):
        return not _RATIO.search(words)
    return not (known.dimension == "length" and _HEIGHT.search(words))


def _whole(target: Target) -> bool:
    """Whether the amount cannot be cut: counts of things and people."""
    symbol = target.unit
    counted = not known_unit(symbol) or unit(symbol).id in ("1", "person")
    return counted and target.value is not None and target.value >= 0 and target.value == int(target.value)


def _scale(
    target: Target, indicator: Indicator | None, stood: Sequence[float | None], weights: Sequence[float] | None
) -> list[float] | None:
    """The weights by which the mean of the parts is what the target speaks of; None where they are not known.

    Levels weigh by their denominators. Rates of an amount weigh by the baselines, those of an intensity by baseline and denominator:
    sum(w b r) / sum(w b) is the change of the whole while the denominators stay as they are.
    """
    if _kind(target, indicator) != "rate":
        return None if weights is None else list(weights)
    known = [b for b in stood if b is not None and math.isfinite(b) and b > 0]
    if len(known) < len(stood):
        return None
    if _adds_up(target, indicator.unit if indicator else ""):
        return known
    return None if weights is None else [b * w for b, w in zip(known, weights, strict=True)]


def _values(
    target: Target,
    indicator: Indicator | None,
    members: Sequence[_Member],
    by: Way,
    given: list[float] | None,
    stood: list[float | None] | None,
) -> Sequence[float | None]:
    goal, n = target.value, len(members)
    if goal is None or not math.isfinite(goal):
        if by != "equal":
            raise BadRequest(
                "the target has no value to divide", "divide equally: then every part has to do it", target.id
            )
        return [None] * n
    kind = _kind(target, indicator)
    if kind == "amount":
        weights = (
            given
            if by == "column"
            else _above_zero(stood or [], members, "baseline")
            if by == "baseline"
            else [1.0] * n
        )
        assert weights is not None  # preview refuses a division by column that has none
        if _whole(target):
            return [float(u) for u in share.apportion(int(goal), weights)]
        return list(share.proportional(goal, weights, _digits(goal, n)))
    if kind == "rate":
        if by != "column" or given is None or not _adds_up(target, indicator.unit if indicator else ""):
            return [goal] * n
        if stood is None:
            raise BadRequest("rates that differ need to know where the parts stood", "divide equally", target.id)
        return _rates(target, goal, members, given, _above_zero(stood, members, "baseline"))
    if by != "baseline":
        return [goal] * n
    if given is None:
        raise BadRequest(
            "levels that differ come to the goal as a weighted mean only",
            "name the column of their denominators (or weights), or divide equally",
            target.id,
        )
    return _levels(target, goal, kind, indicator, _above_zero(stood or [], members, "baseline"), given)


def _rates(
    target: Target, goal: float, members: Sequence[_Member], weights: list[float], stood: list[float]
) -> list[float]:
    """Rates [%] whose amounts are shared by `weights` and come to `goal` percent of what all stood at."""
    amount, whole = goal / 100.0 * math.fsum(stood), math.fsum(weights)
    rates = [100.0 * amount * (w / whole) / b for w, b in zip(weights, stood, strict=True)]
    most = max(range(len(rates)), key=rates.__getitem__)
    if target.comparator == "reduce_by" and rates[most] > 100.0:
        raise BadRequest(
            f"'{members[most].title.zh}' would have to reduce by {rates[most]:.0f} %",
            "choose another column, or divide equally",
            members[most].asset or members[most].title.zh,
        )
    return rates


def _levels(
    target: Target, goal: float, kind: str, indicator: Indicator | None, stood: list[float], weights: list[float]
) -> list[float]:
    symbol = target.unit if kind == "level" else indicator.unit if indicator else ""
    ceiling = {"%": 100.0, "permille": 1000.0}.get(unit(symbol).id if known_unit(symbol) else "", math.inf)
    if kind == "level":
        return share.moved(stood, weights, goal, ceiling)
    sign = 1.0 if target.comparator == "increase_by" else -1.0
    reached = share.mean(stood, weights) + sign * goal
    if not 0.0 <= reached <= ceiling:
        raise BadRequest(
            f"a change by {goal:g} would take the mean of the parts to {reached:g}",
            "check value and unit of the target",
            target.id,
        )
    return [sign * (x - b) for x, b in zip(share.moved(stood, weights, reached, ceiling), stood, strict=True)]


def _digits(goal: float, n: int) -> int:
    """Decimals for the shares: those of the goal, and enough to tell a thousandth of an equal share."""
    stated = len(f"{abs(goal):.9f}".rstrip("0").partition(".")[2])
    fine = math.ceil(-math.log10(abs(goal) / n / 1000.0)) if goal else 0
    return min(9, max(0, stated, fine))


def _against(target: Target, came_to: float, rule: Rule) -> Check:
    goal = target.value
    assert goal is not None  # check returns before
    if abs(came_to - goal) <= 1e-9 * max(1.0, abs(goal)):  # equal to rounding
        return Check(goal, 0.0, rule)
    return Check(float(f"{came_to:.12g}"), float(f"{came_to - goal:.12g}"), rule)


# --- as targets


def _numbers(parts: Sequence[Part]) -> list[float]:
    for i, part in enumerate(parts, 1):
        if part.value is None or not math.isfinite(part.value):
            raise BadRequest(f"part {i} ('{part.title.zh[:60]}') has no number", "give each part a value", f"part {i}")
    return [p.value for p in parts if p.value is not None]


def _faults(twin: Twin, parent: Target, part: Part) -> list[tuple[str, str]]:
    found = []
    if not part.title.zh.strip() or not part.title.en.strip():
        found.append(("the title is empty", "give a name in Chinese and in English"))
    if max(len(part.title.zh), len(part.title.en)) > LONGEST:
        found.append((f"the title has more than {LONGEST} characters", "shorten it"))
    if parent.value is not None and (part.value is None or not math.isfinite(part.value)):
        found.append((f"the value is {part.value}, not a number", "give the value it is to reach"))
    if part.baseline_value is not None and not math.isfinite(part.baseline_value):
        found.append((f"the baseline is {part.baseline_value}, not a number", "give a number, or leave it out"))
    if part.weight is not None and not (math.isfinite(part.weight) and part.weight > 0):
        found.append((f"the weight is {part.weight}, not a number above 0", "give one, or leave it out"))
    if part.asset and part.asset not in twin.asset_types:
        found.append((f"there is no asset '{part.asset[:64]}'", "see /api/assets, or leave the asset out"))
    return found


def _target(twin: Twin, parent: Target, part: Part, id: str) -> Target:
    bound, reason = _measured(twin, parent, part)
    return replace(
        parent,
        id=id,
        subject=Title(f"{parent.subject.zh}（{part.title.zh}）", f"{parent.subject.en} ({part.title.en})"),
        scope=part.title.zh,
        value=part.value if parent.value is not None else None,
        # the upper end of a range is the whole's: parts of amounts have none
        value_max=parent.value_max if _kind(parent, None) == "level" else None,
        baseline_value=part.baseline_value,
        lead=part.lead,
        deadline=part.deadline,
        measured_by=bound,
        not_measured=reason,
        part_of=parent.id,
        asset=part.asset,
        weight=part.weight,
    )


def _measured(twin: Twin, parent: Target, part: Part) -> tuple[Binding | None, Title | None]:
    """What measures a part, or why nothing does."""
    if parent.measured_by is None:
        return None, parent.not_measured
    if not part.asset:
        return None, Title("未指明对应的资产，没有数据", "No asset is named for this part, so there are no figures")
    indicator = twin.indicators.get(parent.measured_by.indicator)
    if indicator is None:
        gone = parent.measured_by.indicator
        return None, Title(f"指标 {gone} 未安装", f"Indicator {gone} is not installed")
    if indicator.per in ("*", twin.asset_types[part.asset]):
        return Binding(indicator.id, part.asset), None
    per = twin.types[indicator.per].title if indicator.per in twin.types else Title(indicator.per, indicator.per)
    return None, Title(
        f"指标“{indicator.title.zh}”按{per.zh}统计，没有{part.title.zh}的数据",
        f"'{indicator.title.en}' is reckoned per {per.en}: there are no figures for {part.title.en}",
    )
