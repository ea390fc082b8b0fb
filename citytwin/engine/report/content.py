"""What does the report say? Figures on record, put into the sentences and tables of an official report; nothing is judged or invented here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from citytwin.engine import seal
from citytwin.engine.report import words
from citytwin.engine.report.words import Language, Scale, line
from citytwin.engine.twin import Twin
from citytwin.kernel.indicator import Indicator
from citytwin.kernel.plan import Measure, Plan, Progress, Report, Status, Target
from citytwin.kernel.title import Title

SOON, LATER = 90, 180
"""Days within which something falls due next."""
MONTH_DAYS = 365.2425 / 12
BRIEF = 80
"""Characters of a title where it is repeated; the tables of section 二 hold it whole."""
NOTE = 300
"""Characters of a note that somebody left."""
LAGGING: tuple[Status, ...] = ("at_risk", "missed")


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the second level, numbered."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose head is repeated on every page. Cells hold lines; `widths` are the columns' [mm], 156 together."""

    head: tuple[str, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Text | Heading | Table


@dataclass(frozen=True, slots=True)
class Section:
    """A section with its numbered title."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """A report, ready to be written in any format. `date` is the day it was made, `day` in words."""

    lang: Language
    title: str
    subtitle: str
    sections: tuple[Section, ...]
    annexes: tuple[Section, ...]
    issuer: tuple[str, ...]
    day: str
    date: date


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a report is made of. `since` tells since which day a target is on record as lagging, `size` and `root` the log's checkpoint."""

    plan: Plan
    progress: Mapping[str, Progress]
    reports: Mapping[str, Report]
    as_of: date
    made: datetime
    zone: str
    indicators: Mapping[str, Indicator]
    since: Mapping[str, date] = field(default_factory=dict)
    size: int = 0
    root: str = ""


def content(
    twin: Twin,
    plan: Plan,
    progress: Sequence[Progress],
    reports: Mapping[str, Report],
    as_of: date,
    lang: Language = "zh",
) -> Content:
    """The report of `plan` at the end of `as_of`. `reports` holds the last report of each measure by its id. Reads only."""
    size, root = seal.checkpoint(twin.store)
    facts = Facts(
        plan,
        {p.target: p for p in progress},
        reports,
        as_of,
        twin.clock.now(),
        twin.city.zone,
        twin.indicators,
        _since(twin, plan, as_of),
        size,
        root,
    )
    return compose(facts, lang)


def compose(facts: Facts, lang: Language) -> Content:
    """The report of these facts: the same facts make the same report."""
    return _Writer(facts, lang).content()


def _since(twin: Twin, plan: Plan, as_of: date) -> dict[str, date]:
    """Since which day each target has been on record as lagging without a day between that was not."""
    found = twin.store.fetch(
        "SELECT p.target, min(p.as_of) AS since FROM target_progress AS p LEFT JOIN ("
        "SELECT target, max(as_of) AS well FROM target_progress WHERE plan = $plan AND as_of <= $day AND status NOT IN ('at_risk', 'missed') "
        "GROUP BY target) AS w ON w.target = p.target "
        "WHERE p.plan = $plan AND p.as_of <= $day AND (w.well IS NULL OR p.as_of > w.well) GROUP BY p.target",
        {"plan": plan.id, "day": as_of},
    )
    return dict(zip(found["target"].to_pylist(), found["since"].to_pylist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Row:
    """A target as it stands: its number in the table, how its figures are written, and whether more is better."""

    n: str
    target: Target
    stands: Progress
    scale: Scale
    rising: bool

    @property
    def lags(self) -> bool:
        return self.stands.status in LAGGING


@dataclass(frozen=True, slots=True)
class _Work:
    """A measure as it stands."""

    measure: Measure
    report: Report | None
    overdue: int
    """Days since the deadline, 0 where it is not over."""

    @property
    def state(self) -> str:
        return self.report.state if self.report else "not_started"


class _Writer:
    """Writes one report in one language."""

    def __init__(self, facts: Facts, lang: Language) -> None:
        self.facts, self.lang = facts, lang
        self.rows = list(self._rows())
        self.works = [self._work(m) for m in facts.plan.measures]

    # --- the whole

    def content(self) -> Content:
        plan, say = self.facts.plan, self.say
        name = line(self.title(plan.title), 200)
        inner = name.replace("《", "〈").replace("》", "〉")
        parts = (
            (say("总体情况", "Overview"), self.overview()),
            (say("各项目标进展", "Progress"), self.progress()),
            (say("滞后事项及原因", "What lags, and why"), self.lagging()),
            (say("下一步工作", "Next steps"), self.next_steps()),
        )
        made = self.facts.made.astimezone(ZoneInfo(self.facts.zone)).date()
        return Content(
            self.lang,
            say(f"关于《{inner}》实施情况的报告", f"Report on the implementation of “{name}”"),
            say(f"（截至{self.day(self.facts.as_of)}）", f"As of {self.day(self.facts.as_of)}"),
            tuple(
                Section(say(f"{words.numeral(i, 'zh')}、{title}", f"{words.numeral(i, 'en')}. {title}"), tuple(blocks))
                for i, (title, blocks) in enumerate(parts, 1)
            ),
            (
                Section(say("数据来源与口径", "Sources of the figures"), tuple(self.sources())),
                Section(say("数据存证与核验", "Evidence, and how to verify it"), tuple(self.evidence())),
            ),
            tuple(line(body, 60) for body in plan.issuer),
            self.day(made),
            made,
        )

    # --- 一、总体情况

    def overview(self) -> Iterable[Block]:
        facts, say = self.facts, self.say
        tops = [r for r in self.rows if "." not in r.n]
        name = line(self.title(facts.plan.title), 200)
        number = line(facts.plan.number)
        named = say(f"《{name}》", f"“{name}”") + (say(f"（{number}）", f" ({number})") if number else "")
        if facts.plan.issued:
            issued = self.day(facts.plan.issued)
            named += say(f"于{issued}印发。", f" was issued on {issued}.")
        else:
            named += say("的实施情况如下。", " stands as follows.")
        today = self.day(facts.as_of)
        if tops:
            held = Counter(r.stands.status for r in tops)
            counts = self.counted((words.STATUSES[s], held[s]) for s in words.STATUSES)
            measured = len(tops) - held["not_measured"]
            text = say(
                f"截至{today}，共有目标{len(tops)}项，其中{counts}。",
                f" As of {today} it has {self.many(len(tops), 'target')}: {counts}.",
            )
            if measured:
                well = held["met"] + held["on_track"]
                share = f"{100 * well / measured:.0f}"
                text += say(
                    f"有数据的{measured}项中，已达成和按期推进的{well}项，占{share}%。",
                    f" Of the {measured} with figures, {well} ({share}%) are met or on track.",
                )
            parts = [r for r in self.rows if "." in r.n]
            if parts:
                behind = sum(r.lags for r in parts)
                text += say(
                    f"另有分解到各单位的分项目标{len(parts)}项，其中存在风险或未达成{behind}项。",
                    f" Divided among bodies there are {len(parts)} more, {behind} of them at risk or missed.",
                )
        else:
            text = say(f"截至{today}，没有登记目标。", f" As of {today} no targets are on record.")
        yield Text(named + text)
        if self.works:
            states = Counter(w.state for w in self.works)
            counts = self.counted((words.STATES[s], states[s]) for s in ("done", "under_way", "delayed", "not_started"))
            overdue = sum(w.overdue > 0 for w in self.works)
            yield Text(
                say(
                    f"任务措施共{len(self.works)}项，其中{counts}；超过期限尚未完成的{overdue}项。",
                    f"There are {self.many(len(self.works), 'measure')}: {counts}; {overdue} past the deadline and not done.",
                )
            )
        else:
            yield Text(say("没有登记任务措施。", "No measures are on record."))
        periods = [r.stands.period for r in self.rows if r.stands.period]
        used = len(self._used())
        if periods:
            newest = self.day(max(periods))
            yield Text(
                say(
                    f"目标数据取自{used}项指标，最新一期截至{newest}，来源与口径见附件1；任务进展由各单位填报。数据存证见附件2。",
                    f"The figures come from {self.many(used, 'indicator')}, the newest for the period to {newest} (annex 1); "
                    "how measures stand is reported by the bodies in charge. Annex 2 tells how to verify the figures.",
                )
            )
        else:
            yield Text(
                say(
                    "各项目标尚无数据；任务进展由各单位填报。数据存证见附件2。",
                    "No target has figures yet; how measures stand is reported by the bodies in charge. Annex 2 tells how to verify records.",
                )
            )

    # --- 二、各项目标进展

    def progress(self) -> Iterable[Block]:
        say = self.say
        yield self.heading(1, say("目标", "Targets"))
        if self.rows:
            yield Table(
                (
                    say("序号", "No."),
                    say("目标", "Target"),
                    say("要求", "Required"),
                    say("当前值", "Now"),
                    say("数据期", "Period"),
                    say("当期应达", "Expected by now"),
                    say("到期预测\n90%区间", "Forecast\n90% interval"),
                    say("状态", "Status"),
                    say("牵头单位", "Lead"),
                ),
                (9, 22, 29, 15, 17, 15, 19, 15, 15),
                tuple(self.target_row(r) for r in self.rows),
            )
        else:
            yield Text(say("没有登记目标。", "No targets are on record."))
        yield self.heading(2, say("任务措施", "Measures"))
        if self.works:
            yield Table(
                (
                    say("序号", "No."),
                    say("任务措施", "Measure"),
                    say("牵头单位", "Lead"),
                    say("期限", "Deadline"),
                    say("进展", "State"),
                    say("最近填报", "Last report"),
                ),
                (9, 51, 27, 25, 19, 25),
                tuple(
                    (
                        str(i),
                        line(self.title(w.measure.title)),
                        self.bodies(w.measure.lead),
                        self.day(w.measure.deadline) if w.measure.deadline else "—",
                        self.standing(w),
                        self.moment(w.report.time) if w.report else "—",
                    )
                    for i, w in enumerate(self.works, 1)
                ),
            )
        else:
            yield Text(say("没有登记任务措施。", "No measures are on record."))

    def target_row(self, r: _Row) -> tuple[str, ...]:
        s, scale = r.stands, r.scale
        now = "—"
        if s.value is not None:
            now = (scale.number(s.value) if s.goal is None else scale.apart(s.value, s.goal)) + scale.suffix()
        forecast = "—"
        if s.forecast is not None:
            near = s.forecast if s.goal is None else s.goal
            forecast = scale.apart(s.forecast, near) + scale.suffix()
            if s.low is not None and s.high is not None:
                forecast += "\n" + scale.between(s.low, s.high)
        return (
            r.n,
            line(self.title(r.target.subject)),
            self.required(r),
            now,
            self.period(r),
            scale.figure(s.expected) if s.expected is not None else "—",
            forecast,
            self.title(words.STATUSES[s.status]),
            self.bodies(r.target.lead),
        )

    def standing(self, w: _Work) -> str:
        state = self.title(words.STATES[w.report.state] if w.report else words.STATES["not_started"])
        return state + (
            self.say(f"\n超期{w.overdue}天", f"\noverdue {self.many(w.overdue, 'day')}") if w.overdue else ""
        )

    # --- 三、滞后事项及原因

    def lagging(self) -> Iterable[Block]:
        say = self.say
        noted: dict[str, list[_Work]] = {}
        for w in self.works:
            if w.measure.target and w.report and w.report.note.strip():
                noted.setdefault(w.measure.target.removeprefix(f"{self.facts.plan.id}."), []).append(w)
        behind = [r for r in self.rows if r.lags]
        yield self.heading(1, say("存在风险和未达成的目标", "Targets at risk or missed"))
        if not behind:
            yield Text(say("没有。", "None."))
        for i, r in enumerate(behind, 1):
            yield Text(self.numbered(i, self.behind(r, noted.get(r.target.id, []))))
        late = [w for w in self.works if w.overdue or w.state == "delayed"]
        yield self.heading(2, say("超期和滞后的任务措施", "Measures overdue or delayed"))
        if not late:
            yield Text(say("没有。", "None."))
        for i, w in enumerate(late, 1):
            yield Text(self.numbered(i, self.late(w)))

    def behind(self, r: _Row, noted: Sequence[_Work]) -> str:
        s, scale, say, target = r.stands, r.scale, self.say, r.target
        said = [
            say(
                f"{line(self.title(target.subject), BRIEF)}：要求{self.required(r, apart='，')}。",
                f"{line(self.title(target.subject), BRIEF)}: required {self.required(r, apart=', ')}.",
            )
        ]
        if s.value is not None and s.goal is not None:
            now = scale.apart(s.value, s.goal) + scale.suffix()
            said.append(say(f"{self.period(r)}为{now}", f"{self.on(r)} {self.period(r)} it was {now}"))
            passed = target.deadline is not None and target.deadline < self.facts.as_of
            by_path = s.expected is not None and not passed
            compared = s.expected if s.expected is not None and not passed else s.goal
            gap = (compared - s.value) if r.rising else (s.value - compared)
            path = scale.figure(compared)
            mark = say(f"当期应达{path}", f"the {path} expected by now") if by_path else say("要求", "the goal")
            if gap > 0:
                away = scale.gap(gap)
                less = say("少", "short of") if r.rising else say("多", "above")
                said[-1] += say(f"，比{mark}{less}{away}。", f", {away} {less} {mark}.")
            else:
                said[-1] += say(f"，已不落后于{mark}。", f", not behind {mark}.")
            if s.forecast is not None and s.low is not None and s.high is not None:
                odds = (
                    ""
                    if s.probability is None
                    else say(
                        f"，按期达成的概率{self.odds(s.probability)}",
                        f"; probability of attainment {self.odds(s.probability)}",
                    )
                )
                said.append(
                    say(
                        f"按现有趋势，到期预计{scale.apart(s.forecast, s.goal)}{scale.suffix()}（90%区间{scale.between(s.low, s.high)}）{odds}。",
                        f"On the present trend {scale.apart(s.forecast, s.goal)}{scale.suffix()} are expected at the deadline (90% interval {scale.between(s.low, s.high)}){odds}.",
                    )
                )
        if target.deadline and target.deadline < self.facts.as_of:
            days = (self.facts.as_of - target.deadline).days
            said.append(say(f"期限已过{days}天。", f"The deadline passed {self.many(days, 'day')} ago."))
        since = self.facts.since.get(f"{self.facts.plan.id}.{target.id}")
        if since:
            said.append(
                say(f"按跟踪记录，自{self.day(since)}起滞后。", f"On record as lagging since {self.day(since)}.")
            )
        said.append(self.led(target.lead))
        if s.reason:
            said.append(say(f"说明：{line(s.reason.zh, NOTE)}。", f"Note: {line(s.reason.en, NOTE)}."))
        said += [self.note(w.report) for w in noted if w.report]
        if not noted:
            said.append(say("原因尚无单位填报。", "No body has reported the cause yet."))
        return self.joined(said)

    def late(self, w: _Work) -> str:
        say, m = self.say, w.measure
        title = line(self.title(m.title), BRIEF)
        deadline = self.day(m.deadline) if m.deadline else ""
        state = self.title(words.STATES[w.report.state] if w.report else words.STATES["not_started"])
        if w.overdue:
            said = [
                say(
                    f"{title}：期限{deadline}，已超期{w.overdue}天，{state}。",
                    f"{title}: due on {deadline}, overdue by {self.many(w.overdue, 'day')}, {state}.",
                )
            ]
        else:
            until = say(f"期限{deadline}，", f"due on {deadline}, ") if deadline else ""
            said = [say(f"{title}：{until}{state}。", f"{title}: {until}{state}.")]
        said.append(self.led(m.lead))
        said.append(self.note(w.report) if w.report else say("尚未填报。", "No report yet."))
        return self.joined(said)

    def note(self, report: Report) -> str:
        when, by = self.moment(report.time), line(report.by, 60)
        note = line(report.note, NOTE)
        if not note:
            return self.say(f"{by}于{when}填报，未作说明。", f"{by} reported on {when} without a note.")
        return self.say(f"最近说明（{by}，{when}）：“{note}”。", f"Last note ({by}, {when}): “{note}”.")

    # --- 四、下一步工作

    def next_steps(self) -> Iterable[Block]:
        say, today = self.say, self.facts.as_of
        soon, later = today + timedelta(days=SOON), today + timedelta(days=LATER)
        due = self.due(later)
        yield self.heading(1, say(f"未来{SOON}天内到期的事项", f"Due within {SOON} days"))
        yield self.due_table([d for d in due if d[0] <= soon])
        yield self.heading(2, say(f"未来{SOON + 1}至{LATER}天内到期的事项", f"Due in {SOON + 1} to {LATER} days"))
        yield self.due_table([d for d in due if d[0] > soon])
        yield self.heading(3, say("滞后目标所需进度", "What lagging targets need"))
        needs = [
            self.needed(r) for r in self.rows if r.lags and r.stands.value is not None and r.stands.goal is not None
        ]
        if needs:
            yield Table(
                (
                    say("序号", "No."),
                    say("目标", "Target"),
                    say("尚差", "Still missing"),
                    say("剩余时间", "Time left"),
                    say("每月需完成", "Needed a month"),
                    say("牵头单位", "Lead"),
                ),
                (12, 50, 24, 20, 26, 24),
                tuple(needs),
            )
        else:
            yield Text(say("没有。", "None."))
        yield self.heading(4, say("尚缺数据的目标", "Targets without figures"))
        lacking = [r for r in self.rows if r.stands.status == "not_measured"]
        if lacking:
            yield Table(
                (
                    say("序号", "No."),
                    say("目标", "Target"),
                    say("所缺数据", "What is missing"),
                    say("牵头单位", "Lead"),
                ),
                (12, 55, 59, 30),
                tuple(
                    (
                        r.n,
                        line(self.title(r.target.subject), BRIEF),
                        line(
                            self.title(
                                r.stands.reason or r.target.not_measured or Title("原因未登记", "No reason on record")
                            ),
                            NOTE,
                        ),
                        self.bodies(r.target.lead),
                    )
                    for r in lacking
                ),
            )
        else:
            yield Text(say("没有。", "None."))

    def due(self, until: date) -> list[tuple[date, str, str, str]]:
        """Day, what, who, how it stands: everything unfinished that falls due from now to `until`; the body whose turn is first comes first."""
        say, today = self.say, self.facts.as_of
        found = [
            (
                r.target.deadline,
                say("目标：", "Target: ") + line(self.title(r.target.subject), BRIEF),
                self.bodies(r.target.lead),
                self.title(words.STATUSES[r.stands.status]),
            )
            for r in self.rows
            if r.target.deadline and today <= r.target.deadline <= until and r.stands.status != "met"
        ]
        found += [
            (
                w.measure.deadline,
                say("任务：", "Measure: ") + line(self.title(w.measure.title), BRIEF),
                self.bodies(w.measure.lead),
                self.standing(w),
            )
            for w in self.works
            if w.measure.deadline and today <= w.measure.deadline <= until and w.state != "done"
        ]
        first: dict[str, date] = {}
        for d in sorted(found, key=lambda d: d[0]):
            first.setdefault(d[2], d[0])
        return sorted(found, key=lambda d: (first[d[2]], d[2], d[0]))

    def due_table(self, due: Sequence[tuple[date, str, str, str]]) -> Block:
        say = self.say
        if not due:
            return Text(say("没有。", "None."))
        head = (say("牵头单位", "Lead"), say("事项", "What"), say("期限", "Deadline"), say("现状", "Now"))
        return Table(head, (36, 70, 28, 22), tuple((who, what, self.day(when), how) for when, what, who, how in due))

    def needed(self, r: _Row) -> tuple[str, ...]:
        s, say, deadline = r.stands, self.say, r.target.deadline
        assert s.value is not None  # next_steps asks for rows with figures only
        assert s.goal is not None
        gap = (s.goal - s.value) if r.rising else (s.value - s.goal)
        missing = say("无（须保持）", "nothing (to be kept)") if gap <= 0 else r.scale.gap(gap)
        if not r.rising and gap > 0:
            missing = say(f"高出{missing}", f"{missing} too much")
        days = (deadline - self.facts.as_of).days if deadline else 0
        if deadline is None:
            left, rate = say("未写明期限", "no deadline stated"), "—"
        elif days <= 0:
            left, rate = say("期限已过", "deadline passed"), "—"
        elif gap <= 0:
            left, rate = self.left(days), "—"
        else:
            # within the last month what is missing is needed whole
            a_month = gap / max(days / MONTH_DAYS, 1.0)
            rate = r.scale.gap(a_month, 1)
            left = self.left(days)
            rate = rate if r.rising else say(f"降低{rate}", f"{rate} less")
        return r.n, line(self.title(r.target.subject), BRIEF), missing, left, rate, self.bodies(r.target.lead)

    def left(self, days: int) -> str:
        months = days / MONTH_DAYS
        return self.many(days, "day", "天") if months < 2 else self.say(f"{months:.1f}个月", f"{months:.1f} months")

    # --- 附件

    def sources(self) -> Iterable[Block]:
        say, used = self.say, self._used()
        if not used:
            yield Text(say("本期没有取用指标数据。", "No indicator has been used."))
            return
        yield Table(
            (
                say("指标", "Indicator"),
                say("单位", "Unit"),
                say("频次", "Every"),
                say("最新数据期", "Newest period"),
                say("口径和来源", "How it is reckoned"),
            ),
            (36, 22, 14, 24, 60),
            tuple(
                (
                    line(self.title(i.title)),
                    words.unit_name(i.unit, self.lang) or "—",
                    self.title(words.EVERY[i.every]),
                    words.span(last, i.every, self.lang) if last else "—",
                    line(self.title(i.source), NOTE),
                )
                for i, last in used
            ),
        )

    def evidence(self) -> Iterable[Block]:
        facts, say = self.facts, self.say
        made = facts.made.astimezone(ZoneInfo(facts.zone))
        moment = f"{self.day(made.date())} {made:%H:%M}"
        yield Text(
            say(
                f"所有数据、填报和决定在入库时即写入只增不改的存证日志（RFC 6962梅克尔树，SHA-256）。报告生成时（{moment}）日志共有{facts.size}条，根值为：",
                f"Every reading, report and decision is sealed in an append-only log (Merkle tree of RFC 6962, SHA-256) as it is recorded. "
                f"When this report was made ({moment}, {facts.zone}) the log had {self.many(facts.size, 'entry', plural='entries')}; its root is:",
            )
        )
        yield Text(facts.root)
        if facts.size:
            yield Text(
                say(
                    f"核验方法：从本系统接口/api/evidence/leaves/0至/api/evidence/leaves/{facts.size - 1}取得前{facts.size}条的叶哈希，按RFC 6962第2.1节"
                    "重算根值，应与上值一致；不一致即表明其中有记录被改动。单条记录的存证路径由同一接口给出。",
                    f"To verify: take the leaf hashes of the first {self.many(facts.size, 'entry', plural='entries')} from /api/evidence/leaves/0 to "
                    f"/api/evidence/leaves/{facts.size - 1} and compute the root as in RFC 6962, section 2.1. It must be the one above; "
                    "if it is not, a record was altered. The same address gives the proof of any single entry.",
                )
            )
        files = [(w.measure, a) for w in self.works if w.report for a in w.report.attachments]
        if files:
            yield Text(
                say(
                    "各项任务最近一次填报所附的证明材料如下，以文件的SHA-256值核对。",
                    "Files attached to the last report of each measure, each with the SHA-256 of its bytes.",
                )
            )
            yield Table(
                (say("任务措施", "Measure"), say("文件", "File"), "SHA-256"),
                (50, 46, 60),
                tuple((line(self.title(m.title), BRIEF), line(a.name, 200), line(a.sha256, 64)) for m, a in files),
            )

    # --- how targets and measures stand

    def _rows(self) -> Iterable[_Row]:
        """Targets in the plan's order, each followed by its parts: 3, 3.1, 3.2."""
        targets = self.facts.plan.targets
        ids = {t.id for t in targets}
        parts: dict[str, list[Target]] = {}
        for t in targets:
            if t.part_of in ids and t.part_of != t.id:
                parts.setdefault(t.part_of, []).append(t)
        # a stack, not a recursion: a part may be divided again
        tops = [t for t in targets if t.part_of not in ids or t.part_of == t.id]
        stack = [(str(n), t) for n, t in enumerate(tops, 1)][::-1]
        while stack:
            n, t = stack.pop()
            yield self._row(n, t)
            stack += [(f"{n}.{k}", part) for k, part in enumerate(parts.get(t.id, ()), 1)][::-1]

    def _row(self, n: str, t: Target) -> _Row:
        id = f"{self.facts.plan.id}.{t.id}"
        stands = self.facts.progress.get(id) or Progress(
            id, self.facts.plan.id, self.facts.as_of, "not_measured", t.unit
        )
        indicator = self.facts.indicators.get(t.measured_by.indicator) if t.measured_by else None
        match t.comparator:
            case ">=" | ">" | "increase_by" | "done_by":
                rising = True
            case "<=" | "<" | "reduce_by":
                rising = False
            case _:
                rising = indicator is None or indicator.better != "lower"
        # figures in the target's own unit say what is counted (家), those of the indicator only that it is a number
        same = words.unit_name(stands.unit, "en") == words.unit_name(t.unit, "en") and t.comparator not in (
            "increase_by",
            "reduce_by",
        )
        scale = words.scale(t.unit if same else stands.unit, [stands.goal, stands.value], self.lang)
        return _Row(n, t, stands, scale, rising)

    def _work(self, m: Measure) -> _Work:
        report = self.facts.reports.get(m.id)
        done = report is not None and report.state == "done"
        late = (self.facts.as_of - m.deadline).days if m.deadline and not done else 0
        return _Work(m, report, max(late, 0))

    def _used(self) -> list[tuple[Indicator, date | None]]:
        """The indicators that measure targets, with the newest period used."""
        newest: dict[str, date | None] = {}
        for r in self.rows:
            if (
                r.target.measured_by
                and r.target.measured_by.indicator in self.facts.indicators
                and r.stands.value is not None
            ):
                id, last = r.target.measured_by.indicator, r.stands.period
                held = newest.setdefault(id, last)
                newest[id] = max(held, last) if held and last else held or last
        return [(self.facts.indicators[id], last) for id, last in newest.items()]

    def period(self, r: _Row) -> str:
        if r.stands.period is None:
            return "—"
        bound = r.target.measured_by
        indicator = self.facts.indicators.get(bound.indicator) if bound else None
        return words.span(r.stands.period, indicator.every if indicator else "day", self.lang)

    def on(self, r: _Row) -> str:
        """The English preposition for the period of a figure."""
        bound = r.target.measured_by
        indicator = self.facts.indicators.get(bound.indicator) if bound else None
        return "In" if indicator and indicator.every in ("month", "year") else "On"

    def required(self, r: _Row, apart: str = "\n") -> str:
        """What the document asks for, and by when."""
        t, say = r.target, self.say
        asked = self._asked(t)
        if t.comparator in ("increase_by", "reduce_by") and r.stands.goal is not None:
            goal = r.scale.figure(r.stands.goal)
            asked += say(f"（即{goal}）", f" (to {goal})")
        if t.deadline:
            year_end = (t.deadline.month, t.deadline.day) == (12, 31)
            until = f"{t.deadline.year}年底前" if year_end else f"{self.day(t.deadline)}前"
            asked += apart + say(until, f"by {self.day(t.deadline)}")
        return asked

    def _asked(self, t: Target) -> str:
        say = self.say
        if t.comparator == "done_by":
            return say("完成", "to be done")
        if t.value is None:
            return say("按文件要求", "as the document says")
        scale = words.scale(t.unit, [t.value], self.lang)
        value = scale.stated(t.value)
        if t.value_max is not None:
            value = say(
                f"{scale.number(t.value, 6)}至{scale.stated(t.value_max)}",
                f"{scale.number(t.value, 6)}–{scale.stated(t.value_max)}",
            )
        year = f"{t.baseline}" if t.baseline is not None else ""
        match t.comparator:
            case ">=":
                return (say("不少于", "at least ") if scale.whole else say("不低于", "at least ")) + value
            case "<=":
                return (say("不超过", "at most ") if scale.whole else say("不高于", "at most ")) + value
            case ">":
                return say("高于", "more than ") + value
            case "<":
                return say("低于", "less than ") + value
            case "approx":
                return say(f"{value}左右", f"about {value}")
            case "increase_by" | "reduce_by":
                up = t.comparator == "increase_by"
                verb = say("提高" if up else "下降", "up by " if up else "down by ")
                return say(f"较{year}年" if year else "", "") + verb + value + say("", f" from {year}" if year else "")
        return value

    # --- phrases

    def say(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    def title(self, t: Title) -> str:
        """The title in this language; in the other one where it has none."""
        return t.zh if self.lang == "zh" else t.en or t.zh

    def day(self, d: date) -> str:
        return words.day(d, self.lang)

    def moment(self, t: datetime) -> str:
        """The day of a moment by the city's clock. A moment without a zone is read as UTC."""
        aware = t if t.tzinfo else t.replace(tzinfo=UTC)
        return self.day(aware.astimezone(ZoneInfo(self.facts.zone)).date())

    def bodies(self, names: Sequence[str]) -> str:
        return self.say("、", ", ").join(line(n, 60) for n in names) or "—"

    def led(self, names: Sequence[str]) -> str:
        if not names:
            return self.say("未写明牵头单位。", "No lead body is named.")
        return self.say(f"牵头单位：{self.bodies(names)}。", f"Lead: {self.bodies(names)}.")

    def counted(self, counts: Iterable[tuple[Title, int]]) -> str:
        return self.say("、", ", ").join(self.say(f"{t.zh}{n}项", f"{n} {t.en}") for t, n in counts)

    def many(self, n: int, noun: str, zh: str = "", plural: str = "") -> str:
        return self.say(f"{n}{zh}", f"{n:,} {noun if n == 1 else plural or noun + 's'}")

    def odds(self, probability: float) -> str:
        """A probability, never told as certain where it is not.

        0 and 1 exactly mean that no doubt is left; below 1 % and above 99 % are said as such.
        """
        percent = 100.0 * probability
        if 0.0 < percent < 1.0:
            return self.say("低于1%", "below 1%")
        if 99.0 < percent < 100.0:
            return self.say("高于99%", "above 99%")
        return f"{percent:.0f}%"

    def joined(self, sentences: Sequence[str]) -> str:
        return self.say("", " ").join(sentences)

    def numbered(self, i: int, text: str) -> str:
        return self.say(f"{i}.{text}", f"{i}. {text}")

    def heading(self, i: int, text: str) -> Heading:
        return Heading(self.say(f"（{words.numeral(i, 'zh')}）{text}", f"({i}) {text}"))
