"""Stage names, rules: does every rule look at one thing that is there, with one limit that fits?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from citytwin.engine import load
from citytwin.engine.check.ids import Ids
from citytwin.engine.check.reference import unit
from citytwin.engine.check.subject import Subject
from citytwin.kernel.asset import AssetType
from citytwin.kernel.errors import Fault
from citytwin.kernel.rule import Rule, Season
from citytwin.science.anomaly import BLOCK, PEAKS

NEEDED = BLOCK * PEAKS
"""Readings before anything is unusual."""
LONGEST = 400
"""Days that a rule learns at most."""


def rules(subject: Subject, ids: Ids) -> Iterator[Fault]:
    named = set()
    for i, rule in enumerate(subject.pack.rules):
        at = partial(subject.at, "rules", "rules", i)
        local = rule.id.partition(".")[2]
        looks = [k for k in ("stream", "indicator", "forecast", "rows") if getattr(rule, k)]
        if len(looks) != 1:
            yield Fault(
                at(),
                "NAMES",
                f"rule '{local}' looks at {' and '.join(looks) or 'nothing'}",
                "exactly one of stream, indicator, forecast, rows",
            )
            continue
        named.add(rule.rows)
        yield from _limits(subject, rule, local, i)
        yield from _unit(subject, rule, local, i)
        if rule.stream:
            yield from ids.lost(rule.stream, ("stream",), at("stream"), f"rule '{local}'")
        if rule.indicator:
            yield from ids.lost(rule.indicator, ("indicator",), at("indicator"), f"rule '{local}'")
        if rule.forecast:
            yield from ids.lost(rule.forecast, ("stream",), at("forecast"), f"rule '{local}'")
        yield from _level(rule, local, at)
        yield from _modifiers(rule, ids, local, at)
        if rule.rows and not (
            rule.rows.endswith(".sql") and "/" not in rule.rows and (subject.folder / "rows" / rule.rows).is_file()
        ):
            yield Fault(
                at("rows"),
                "NAMES",
                f"rule '{local}' names rows/{rule.rows}, which is not here",
                "a file <id>.sql in rows/",
            )
        if rule.opens:
            yield from ids.lost(rule.opens, ("case",), at("opens"), f"rule '{local}'")
        for key in ("deadband", "on_delay_s", "off_delay_s"):
            if getattr(rule, key) < 0:
                yield Fault(at(key), "NAMES", f"{key} is below nothing", "a number from 0 on")
        for key in ("above", "below"):
            limit = getattr(rule, key)
            if isinstance(limit, str):
                yield from _limit_attribute(subject, rule, limit, at(key))
        for n, season in enumerate(rule.seasons):
            yield from _season(season, local, partial(at, "seasons", n))
            for key in ("above", "below"):
                if isinstance(limit := getattr(season, key), str):
                    yield from _limit_attribute(subject, rule, limit, at("seasons", n, key))
    for path in sorted((subject.folder / "rows").glob("*.sql")):
        if path.name not in named:
            yield Fault(
                load.place(path, 1), "NAMES", f"no rule names rows/{path.name}", "name it in rules.yaml, or remove it"
            )


def _limits(subject: Subject, rule: Rule, local: str, i: int) -> Iterator[Fault]:
    limits = list(rule.conditions)
    where = subject.at("rules", "rules", i, *limits[1:2])
    if rule.rows:
        if limits:
            where = subject.at("rules", "rules", i, limits[0])
            yield Fault(
                where,
                "NAMES",
                f"rule '{local}' has rows and {' and '.join(limits)}",
                "the statement says when it holds: drop the limits",
            )
        return
    if len(limits) != 1:
        yield Fault(
            where,
            "NAMES",
            f"rule '{local}' has {' and '.join(limits) or 'no limit'}",
            "exactly one of above, below, outside, seasons, rising, silent_s, stuck_s, deviation, unusual_days",
        )
    packs = [subject.pack, *(p for u in subject.pack.uses if (p := subject.bench.pack(u)))]
    cadence_s = next((s.cadence_s for p in packs for s in p.streams if s.id == rule.stream), 0)
    yield from _fits(rule, local, limits, cadence_s, partial(subject.at, "rules", "rules", i))
    if rule.silent_s is not None:
        if rule.indicator:
            yield Fault(
                subject.at("rules", "rules", i, "silent_s"),
                "NAMES",
                "an indicator is not silent",
                "silent_s belongs to streams",
            )
        if rule.silent_s <= 0:
            yield Fault(
                subject.at("rules", "rules", i, "silent_s"),
                "NAMES",
                f"silent_s is {rule.silent_s}",
                "seconds without a reading",
            )
    if rule.outside is not None and rule.outside[0] >= rule.outside[1]:
        yield Fault(subject.at("rules", "rules", i, "outside"), "NAMES", "outside goes from high to low", "[low, high]")


def _level(rule: Rule, local: str, at: Callable[..., str]) -> Iterator[Fault]:
    """A level is given, or follows."""
    if not rule.level:
        yield Fault(at(), "NAMES", f"rule '{local}' has no level", "level, or consequence and urgency")
    elif (rule.consequence is None) != (rule.urgency is None):
        given = "consequence" if rule.consequence else "urgency"
        yield Fault(at(given), "NAMES", f"rule '{local}' has {given} alone", "consequence and urgency, or neither")


def _fits(rule: Rule, local: str, limits: list[str], cadence_s: int, at: Callable[..., str]) -> Iterator[Fault]:
    """Conditions belong to what they can be asked of, and carry what they need."""
    reading = ("rising", "stuck_s", "deviation", "unusual_days")
    if not rule.stream:
        for key in (k for k in limits if k in reading):
            yield Fault(at(key), "NAMES", f"rule '{local}' has {key} and no stream", f"{key} belongs to streams")
        if rule.forecast and rule.silent_s is not None:
            yield Fault(at("silent_s"), "NAMES", "a forecast is not silent", "silent_s belongs to streams")
        if rule.against:
            yield Fault(
                at("against"), "NAMES", f"rule '{local}' has against and no stream", "against belongs to streams"
            )
    if rule.method != "residual" and rule.deviation is None:
        yield Fault(at("method"), "NAMES", f"rule '{local}' has method {rule.method} and no deviation", "drop it, or deviation: the limit of the chart")  # fmt: skip
    if rule.alike != "all" and rule.deviation is None:
        yield Fault(at("alike"), "NAMES", f"rule '{local}' has alike and no deviation", "drop it: only deviations look at earlier days")  # fmt: skip
    if not 5 <= rule.learn_days <= LONGEST:
        yield Fault(at("learn_days"), "NAMES", f"learn_days is {rule.learn_days}", f"5 to {LONGEST} days tell what is usual")  # fmt: skip
    if rule.alike == "workday" and rule.learn_days < 21:
        yield Fault(at("learn_days"), "NAMES", f"learn_days is {rule.learn_days}", "three weeks or more have five days off in them")  # fmt: skip
    if rule.seasons and (set(limits) & {*reading, "silent_s", "outside"}):
        yield Fault(
            at("seasons"), "NAMES", f"rule '{local}' has seasons and {limits[0]}", "seasons change above and below"
        )
    if rule.against and not set(limits) <= {"above", "below", "outside", "seasons"}:
        yield Fault(at("against"), "NAMES", f"rule '{local}' has against and {limits[0]}", "against goes with above, below, outside")  # fmt: skip
    for key, of in (
        ("rising", "rising"),
        ("over_s", "rising"),
        ("stuck_s", "stuck_s"),
        ("deviation", "deviation"),
        ("unusual_days", "unusual_days"),
    ):
        if getattr(rule, of) is not None and not getattr(rule, key) > 0:
            yield Fault(
                at(key),
                "NAMES",
                f"rule '{local}' has {of} and {key} is {getattr(rule, key)}",
                f"{key} is above nothing",
            )
    if rule.unusual_days is not None and cadence_s * NEEDED > rule.learn_days * 86_400:
        days = -(-cadence_s * NEEDED // 86_400)
        yield Fault(at("unusual_days"), "NAMES", f"rule '{local}' looks at a stream of one reading in {cadence_s} s, and learns for {rule.learn_days} days", f"{NEEDED} readings tell what is unusual: learn_days from {days} on")  # fmt: skip
    if rule.over_s and rule.rising is None:
        yield Fault(at("over_s"), "NAMES", f"rule '{local}' has over_s and nothing that rises", "rising, or drop it")


def _season(season: Season, local: str, at: Callable[..., str]) -> Iterator[Fault]:
    """A season is in the calendar and changes something."""
    for key, low, high in (("months", 1, 12), ("weekdays", 1, 7)):
        if wrong := [n for n in getattr(season, key) if not low <= n <= high]:
            yield Fault(at(key), "NAMES", f"{key} has {wrong[0]}", f"{low} to {high}")
    if season.hours is not None and not (0 <= season.hours[0] <= 23 and 0 <= season.hours[1] <= 24 and season.hours[0] != season.hours[1]):  # fmt: skip
        yield Fault(
            at("hours"), "NAMES", f"hours are {season.hours[0]} to {season.hours[1]}", "from 0 to 23, to before 1 to 24"
        )
    if season.above is None and season.below is None:
        yield Fault(at(), "NAMES", f"a season of rule '{local}' has no limit", "above or below")


def _modifiers(rule: Rule, ids: Ids, local: str, at: Callable[..., str]) -> Iterator[Fault]:
    """What a rule names beside what it looks at."""
    what = "silent_s" if rule.silent_s is not None else "rows" if rule.rows else "forecast" if rule.forecast else ""
    idle = {"silent_s": ("deadband", "on_delay_s", "off_delay_s"), "rows": ("deadband", "off_delay_s"), "forecast": ("off_delay_s",)}  # fmt: skip
    for key in idle.get(what, ()):
        if getattr(rule, key):
            hint = "silent_s is the delay" if what == "silent_s" else "it is over once it is no longer so: drop it"
            yield Fault(at(key), "NAMES", f"rule '{local}' has {what} and {key}", hint)
    if rule.against:
        yield from ids.lost(rule.against, ("stream",), at("against"), f"rule '{local}'")
    for n, suppression in enumerate(rule.suppressed_by):
        place = at("suppressed_by", n)
        yield from ids.lost(suppression.rule, ("rule",), place, f"rule '{local}'")
        if suppression.through:
            yield from ids.lost(suppression.through, ("relation",), place, f"rule '{local}'")
        elif suppression.rule == rule.id:
            yield Fault(
                place, "NAMES", f"rule '{local}' explains itself", "another rule, or a relation that leads elsewhere"
            )


def _unit(subject: Subject, rule: Rule, local: str, i: int) -> Iterator[Fault]:
    """What a statement gives has no unit unless the rule names it; a stream or an indicator has its own."""
    if rule.rows and not rule.unit:
        yield Fault(
            subject.at("rules", "rules", i, "rows"),
            "NAMES",
            f"rule '{local}' has rows and no unit",
            "unit: that of the statement's value",
        )
    elif rule.unit and not rule.rows:
        yield Fault(
            subject.at("rules", "rules", i, "unit"),
            "NAMES",
            f"rule '{local}' has a unit and no rows",
            "drop it: the value has the unit of what is looked at",
        )
    else:
        yield from unit(rule.unit, subject.at("rules", "rules", i, "unit"), f"rule '{local}'")


def _limit_attribute(subject: Subject, rule: Rule, limit: str, where: str) -> Iterator[Fault]:
    """The limit is an attribute of the asset looked at: it must be there, and be a number."""
    kind = _looked_at(subject, rule)
    if kind is None:
        return  # the reference leads nowhere, which is told above
    attribute = next((a for a in kind.attributes if a.id == limit), None)
    if attribute is None:
        numeric = ", ".join(a.id for a in kind.attributes if a.kind in ("number", "integer"))
        yield Fault(
            where, "NAMES", f"type '{kind.id}' has no attribute '{limit}'", f"it has: {numeric or 'no numbers'}"
        )
    elif attribute.kind not in ("number", "integer"):
        yield Fault(where, "NAMES", f"attribute '{limit}' of '{kind.id}' is {attribute.kind}", "a limit is a number")


def _looked_at(subject: Subject, rule: Rule) -> AssetType | None:
    """The type of the assets that a threshold rule judges."""
    packs = [subject.pack, *(p for u in subject.pack.uses if (p := subject.bench.pack(u)))]
    ids = [s.asset for p in packs for s in p.streams if s.id == rule.stream]
    ids += [s.asset for p in packs for s in p.streams if s.id == rule.forecast]
    ids += [i.per for p in packs for i in p.indicators if i.id == rule.indicator]
    return next((t for p in packs for t in p.types if t.id in ids), None)
