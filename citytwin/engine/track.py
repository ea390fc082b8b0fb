"""How do we stand with what was promised? Compares indicators with the path from baseline to deadline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from citytwin.engine import period
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import CityTwinError
from citytwin.kernel.indicator import Indicator
from citytwin.kernel.plan import Plan, Progress, Status, Target
from citytwin.kernel.store import Change
from citytwin.kernel.title import Title
from citytwin.kernel.units import conversion, known_unit
from citytwin.science.trend import Trend, trend

YEAR_S = 365.2425 * 86400
CLOSE = 0.05
"""`approx` is attained within 5 % of the goal: the reading of 左右 and 基本 in plan documents."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A target's figures over time, its path to the deadline, and the forecast; all in `unit`.

    A figure stands at the last second of its period: that of 2023 at the end of 2023, where a deadline is judged.
    """

    unit: str
    time: list[datetime] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    path: list[tuple[datetime, float]] = field(default_factory=list)
    forecast: list[tuple[datetime, float, float, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Standing:
    progress: Progress
    trajectory: Trajectory


def progress(twin: Twin, as_of: date, plans: Sequence[Plan] | None = None) -> list[Progress]:
    """How every target stands at the end of `as_of`, from what was measured by then. Reads only."""
    pairs = [(plan, target) for plan in (plans if plans is not None else twin.plans) for target in plan.targets]
    return [s.progress for s in _stand(twin, pairs, as_of)]


def trajectory(twin: Twin, id: str, as_of: date) -> Trajectory:
    """The figures behind one target's progress. Reads only."""
    return next(iter(_stand(twin, [twin.target(id)], as_of))).trajectory


def track(twin: Twin, until: datetime) -> None:
    """Put today's progress of every target on record. Idempotent: the day's row is replaced."""
    today = until.astimezone(ZoneInfo(twin.city.zone)).date()
    found = progress(twin, today)
    if not found:
        return
    names = (
        "target",
        "plan",
        "as_of",
        "status",
        "value",
        "goal",
        "baseline",
        "expected",
        "forecast",
        "low",
        "high",
        "probability",
    )
    kinds = {"target": pa.string(), "plan": pa.string(), "as_of": pa.date32(), "status": pa.string()}
    table = pa.table({n: pa.array([getattr(p, n) for p in found], kinds.get(n, pa.float64())) for n in names})
    with twin.turn:
        twin.store.commit(
            Change("DELETE FROM target_progress_row WHERE as_of = $today", {"today": today}),
            Change(f"INSERT INTO target_progress_row SELECT {', '.join(names)} FROM found", tables={"found": table}),
        )


def _stand(twin: Twin, pairs: Sequence[tuple[Plan, Target]], as_of: date) -> Iterable[_Standing]:
    zone = ZoneInfo(twin.city.zone)
    end = datetime.combine(as_of + timedelta(days=1), time(), zone).astimezone(UTC)
    bindings = sorted({(t.measured_by.indicator, t.measured_by.asset) for _, t in pairs if t.measured_by})
    figures: dict[tuple[str, str], tuple[list[datetime], list[float]]] = {b: ([], []) for b in bindings}
    if bindings:
        wanted = pa.table({"indicator": [b[0] for b in bindings], "asset_id": [b[1] for b in bindings]})
        found = twin.store.fetch(
            "SELECT v.indicator, v.asset_id, v.period, v.value FROM indicator_value AS v "
            "JOIN wanted AS w ON w.indicator = v.indicator AND w.asset_id = v.asset_id WHERE v.period < $finish ORDER BY v.period",
            {"finish": end},
            {"wanted": wanted},
        )
        for indicator, asset, moment, value in zip(
            *(found[c].to_pylist() for c in ("indicator", "asset_id", "period", "value")), strict=True
        ):
            figures[indicator, asset][0].append(moment)
            figures[indicator, asset][1].append(value)
    for plan, target in pairs:
        found = _one(twin, plan, target, figures, as_of, end)
        yield replace(found, progress=replace(found.progress, part=True)) if target.part_of else found


def _one(
    twin: Twin,
    plan: Plan,
    target: Target,
    figures: dict[tuple[str, str], tuple[list[datetime], list[float]]],
    as_of: date,
    end: datetime,
) -> _Standing:
    id = f"{plan.id}.{target.id}"

    def unmeasured(reason: Title | None, unit: str = target.unit) -> _Standing:
        return _Standing(Progress(id, plan.id, as_of, "not_measured", unit, reason=reason), Trajectory(unit))

    if target.measured_by is None:
        told = _reported(twin, plan, target, as_of, end) if target.kind == "milestone" else None
        return _Standing(told, Trajectory(target.unit)) if told else unmeasured(target.not_measured)
    indicator = twin.indicators.get(target.measured_by.indicator)
    if indicator is None:
        return unmeasured(
            Title(
                f"指标 {target.measured_by.indicator} 未安装",
                f"Indicator {target.measured_by.indicator} is not installed",
            )
        )
    unit, factor, offset = _common_unit(target, indicator)
    starts, raw = figures[target.measured_by.indicator, target.measured_by.asset]
    zone = twin.city.zone
    ends = [period.end(s, indicator.every, zone) for s in starts]
    values = [factor * v + offset for v in raw]
    # a period still running counts only while there is no complete one
    complete = [i for i, e in enumerate(ends) if e <= end] or list(range(len(ends)))
    ends, values = [min(ends[i], end) for i in complete], [values[i] for i in complete]
    if not values:
        return unmeasured(Title("尚无数据", "No figures yet"), unit)
    base, base_time = _baseline(target, plan, ends, values, zone)
    goal = _goal(target, base)
    if goal is None:
        return unmeasured(
            Title(f"缺少 {target.baseline} 年基准值", f"The baseline of {target.baseline} is not known"), unit
        )
    rising = _rising(target, indicator)
    due = (
        datetime.combine(target.deadline + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
        if target.deadline
        else None
    )
    line = _line(ends, values, base_time)
    path = [(base_time, base), (due, goal)] if base is not None and base_time and due and base_time < due else []
    status, reason, at = _status(target, ends, values, goal, rising, line, due, end, path)
    forecast = low = high = probability = None
    future: list[tuple[datetime, float, float, float]] = []
    if due and end < due and line:
        bounds = (0.0, 100.0) if unit == "%" and not _relative(target) else (-np.inf, np.inf)
        forecast, low, high = (float(np.clip(x, *bounds)) for x in line.predict(_years(due)))
        above = line.probability_above(_years(due), goal)
        probability = above if rising else 1.0 - above
        steps = [ends[-1] + (due - ends[-1]) * k / 24 for k in range(25)]
        for step in steps:
            value, lower, upper = (float(np.clip(x, *bounds)) for x in line.predict(_years(step)))
            future.append((_last(step), value, lower, upper))
    made = Progress(
        target=id,
        plan=plan.id,
        as_of=as_of,
        status=status,
        unit=unit,
        value=values[at],
        period=(ends[at] - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date(),
        goal=goal,
        baseline=base,
        expected=_on_path(path, end),
        forecast=forecast,
        low=low,
        high=high,
        probability=probability,
        reason=reason,
    )
    return _Standing(made, Trajectory(unit, [_last(e) for e in ends], values, [(_last(m), v) for m, v in path], future))


def _reported(twin: Twin, plan: Plan, target: Target, as_of: date, end: datetime) -> Progress | None:
    """How a deliverable stands by what was reported of the measure that makes it; None while nothing was."""
    held = twin.in_force.get(plan.id)
    measure = next((m for m in plan.measures if m.target == target.id), None)
    said = held.report(measure.id, end) if held and measure else None
    if said is None:
        return None
    on = said.on or said.time.astimezone(ZoneInfo(twin.city.zone)).date()
    late = target.deadline is not None and (on if said.state == "done" else as_of) > target.deadline
    status: Status
    match said.state:
        case "done":
            status = "missed" if late else "met"
            reason = Title(f"{said.by}报告于{on}完成", f"Reported done on {on} by {said.by}")
        case state:
            status = "missed" if late else "on_track" if state == "under_way" else "at_risk"
            words = {
                "under_way": ("推进中", "under way"),
                "delayed": ("滞后", "delayed"),
                "not_started": ("未启动", "not started"),
            }
            reason = Title(
                f"{said.by}于{on}报告：{words[state][0]}",
                f"{words[state][1].capitalize()}, reported on {on} by {said.by}",
            )
    done = float(said.state == "done")
    return Progress(
        f"{plan.id}.{target.id}", plan.id, as_of, status, target.unit, value=done, period=on, goal=1.0, reason=reason
    )


def _last(end: datetime) -> datetime:
    """The last second before the end of a period."""
    return end - timedelta(seconds=1)


def _relative(target: Target) -> bool:
    return target.comparator in ("increase_by", "reduce_by")


def _common_unit(target: Target, indicator: Indicator) -> tuple[str, float, float]:
    """The unit to show, and how the indicator's figures get there."""
    if not _relative(target) and target.unit and known_unit(target.unit):
        try:
            return target.unit, *conversion(indicator.unit, target.unit)
        except CityTwinError:
            pass
    return indicator.unit, 1.0, 0.0


def _goal(target: Target, base: float | None) -> float | None:
    if target.comparator == "done_by":
        return 1.0
    if not _relative(target) or target.value is None:
        return target.value
    if base is None:
        return None
    sign = 1.0 if target.comparator == "increase_by" else -1.0
    return base * (1.0 + sign * target.value / 100.0) if target.unit == "%" else base + sign * target.value


def _rising(target: Target, indicator: Indicator) -> bool:
    """Whether more is better."""
    match target.comparator:
        case ">=" | ">" | "increase_by" | "done_by":
            return True
        case "<=" | "<" | "reduce_by":
            return False
    return indicator.better != "lower"


def _attained(target: Target, value: float, goal: float, rising: bool) -> bool:
    if target.comparator == "approx":
        slack = CLOSE * (abs(goal) or 1.0)
        return value >= goal - slack if rising else value <= goal + slack
    if target.comparator == ">":
        return value > goal
    if target.comparator == "<":
        return value < goal
    slack = 1e-9 * max(1.0, abs(goal))  # units were converted: equal means equal to rounding
    return value >= goal - slack if rising else value <= goal + slack


def _baseline(
    target: Target, plan: Plan, ends: list[datetime], values: list[float], zone: str
) -> tuple[float | None, datetime | None]:
    """Value and moment from which the path starts: the baseline year's end, else the plan's issue, else the first figure."""
    if target.baseline is not None:
        moment = datetime(target.baseline + 1, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        if target.baseline_value is not None:
            return target.baseline_value, moment
        held = [
            v
            for e, v in zip(ends, values, strict=True)
            if datetime(target.baseline, 1, 1, tzinfo=ZoneInfo(zone)) < e <= moment
        ]
        return (held[-1] if held else None), moment
    if target.baseline_value is not None and plan.issued:
        return target.baseline_value, datetime.combine(plan.issued, time(), ZoneInfo(zone)).astimezone(UTC)
    if plan.issued:
        issued = datetime.combine(plan.issued, time(), ZoneInfo(zone)).astimezone(UTC)
        before = [(v, e) for e, v in zip(ends, values, strict=True) if e <= issued]
        if before:
            return before[-1][0], before[-1][1]
    return values[0], ends[0]


def _years(moment: datetime) -> float:
    return moment.timestamp() / YEAR_S


def _line(ends: list[datetime], values: list[float], since: datetime | None) -> Trend | None:
    """The line through the figures since the baseline: what was done for the plan, not what came before it."""
    chosen = [(e, v) for e, v in zip(ends, values, strict=True) if since is None or e >= since]
    if len(chosen) < 3:
        chosen = list(zip(ends, values, strict=True))
    return trend(np.array([_years(e) for e, _ in chosen]), np.array([v for _, v in chosen]))


def _on_path(path: list[tuple[datetime, float]], moment: datetime) -> float | None:
    if not path:
        return None
    return float(np.interp(moment.timestamp(), [p[0].timestamp() for p in path], [p[1] for p in path]))


def _status(
    target: Target,
    ends: list[datetime],
    values: list[float],
    goal: float,
    rising: bool,
    line: Trend | None,
    due: datetime | None,
    end: datetime,
    path: list[tuple[datetime, float]],
) -> tuple[Status, Title | None, int]:
    """Status, what must be known to judge it, and which figure decided."""
    last = len(values) - 1
    now = _attained(target, values[last], goal, rising)
    if due is None:
        return ("met" if now else "at_risk"), Title("文件未写明期限", "The document states no deadline"), last
    if end >= due:
        in_time = [i for i, e in enumerate(ends) if e <= due]
        if in_time:
            return ("met" if _attained(target, values[in_time[-1]], goal, rising) else "missed"), None, in_time[-1]
        reason = Title(
            f"期限之后才开始测量（{ends[0]:%Y-%m-%d}起）",
            f"Measured only after the deadline (since {ends[0]:%Y-%m-%d})",
        )
        return ("met" if _attained(target, values[0], goal, rising) else "missed"), reason, 0
    if now and rising:
        return "met", Title("已提前达到", "Attained before the deadline"), last
    if line is None:
        expected = _on_path(path, end)
        ahead = now or (expected is not None and (values[last] >= expected if rising else values[last] <= expected))
        return (
            ("on_track" if ahead else "at_risk"),
            Title("数据不足三期，按路径判断", "Fewer than three figures: judged by the path"),
            last,
        )
    above = line.probability_above(_years(due), goal)
    likely = (above if rising else 1.0 - above) >= 0.5
    return ("on_track" if likely else "at_risk"), None, last
