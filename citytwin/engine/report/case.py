"""What became of it? The report of one case: what it was about, what was filled in, who did what and when, and the files that prove it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from citytwin.engine import handle, seal
from citytwin.engine.report import words
from citytwin.engine.report.content import Block, Content, Section, Table, Text
from citytwin.engine.report.words import Language, line
from citytwin.engine.twin import Twin, rows
from citytwin.kernel import sla
from citytwin.kernel.case import Case, CaseType, Event, after
from citytwin.kernel.title import Title

ACTS: Mapping[str, Title] = {
    "open": Title("立案", "opened"),
    "advance": Title("转至", "passed on to"),
    "return": Title("退回", "sent back to"),
    "reopen": Title("重新办理", "reopened at"),
    "wait": Title("等待申请人补正", "waits for the applicant"),
    "resume": Title("恢复办理", "resumed"),
    "assign": Title("指派给", "assigned to"),
    "delegate": Title("委托给", "delegated to"),
    "give_back": Title("交回", "given back"),
    "join": Title("请求会办", "asked to join"),
    "answer": Title("答复", "answered"),
    "attach": Title("添加附件", "attached files"),
    "comment": Title("留言", "comment"),
    "child": Title("下级工单立案", "case opened under it"),
    "child_done": Title("下级工单办结", "case under it closed"),
    "notify": Title("提醒", "notified"),
}
SOURCES: Mapping[str, Title] = {
    "alarm": Title("告警", "an alarm"),
    "measure": Title("规划任务", "a measure of a plan"),
    "form": Title("市民报告", "a citizen's report"),
    "schedule": Title("定期", "schedule"),
    "hand": Title("人工立案", "by hand"),
    "case": Title("上级工单", "a case above it"),
}
STATES: Mapping[str, Title] = {
    "open": Title("办理中", "open"),
    "waiting": Title("等待申请人，计时暂停", "waits for the applicant, the clock stands"),
    "closed": Title("已办结", "closed"),
}
ANSWERS: Mapping[str, Title] = {
    "agree": Title("同意", "agrees"),
    "object": Title("不同意", "objects"),
    "": Title("尚未答复", "no answer yet"),
}
LONGEST = 600
"""Characters of a note or of a field."""


def case_content(twin: Twin, id: str, lang: Language = "zh") -> Content:
    """The report of a case as it stands now. How a reporter can be reached is left out. Reads only. Raises NotFound."""
    held, kind = handle.load(twin, id)
    return _Writer(twin, held, kind, handle.events(twin, [id])[id], lang).content()


def entries(schema: Mapping[str, Any] | None, given: Mapping[str, Any], lang: Language) -> Iterable[tuple[str, str]]:
    """What was filled in, by the titles of the form, in its order; values by their titles where it has any."""
    fields: Mapping[str, Any] = (schema or {}).get("properties", {})
    for name in [n for n in fields if n in given] + [n for n in given if n not in fields]:
        field = fields.get(name, {})
        yield str(field.get("titles", {}).get(lang) or name), _value(field, given[name], lang)


def _value(field: Mapping[str, Any], value: Any, lang: Language) -> str:
    if isinstance(value, bool):
        return {"zh": "是" if value else "否", "en": "yes" if value else "no"}[lang]
    if isinstance(value, list):
        return ("、" if lang == "zh" else ", ").join(_value(field.get("items", {}), v, lang) for v in value)
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {text}" for name, text in entries(field, value, lang))
    titles = [o.get("titles", {}).get(lang) for o in field.get("oneOf", ()) if o.get("const") == value]
    return str(titles[0] if titles and titles[0] else value)


class _Writer:
    """Writes one report in one language."""

    def __init__(self, twin: Twin, held: Case, kind: CaseType, events: Sequence[Event], lang: Language) -> None:
        self.twin, self.held, self.kind, self.events, self.lang = twin, held, kind, events, lang
        self.zone = ZoneInfo(twin.city.zone)

    def content(self) -> Content:
        say = self.say
        name = self.title(self.kind.title)
        place = self.place()
        parts = [
            (say("基本情况", "The case"), self.basics()),
            (say("填报内容", "What was filled in"), self.filled()),
            (say("办理过程", "What was done"), self.course()),
            (say("附件与证明", "Files and proofs"), self.files()),
        ]
        if self.held.answers:
            parts.append((say("会办意见", "Bodies that were asked"), self.answers()))
        below = rows(self.twin.store.fetch("SELECT case_id, type, step, closed FROM case_file WHERE parent = $id ORDER BY opened, case_id", {"id": self.held.id}))  # fmt: skip
        if below:
            parts.append((say("下级工单", "Cases under it"), self.below(below)))
        now = self.twin.clock.now().astimezone(self.zone).date()
        return Content(
            self.lang,
            say(f"{name}办理报告", f"Report of a case: {name}"),
            say(f"（{place}）", place) if place else self.held.id,
            tuple(
                Section(say(f"{words.numeral(i, 'zh')}、{title}", f"{words.numeral(i, 'en')}. {title}"), tuple(blocks))
                for i, (title, blocks) in enumerate(parts, 1)
            ),
            (Section(say("数据存证与核验", "Evidence, and how to verify it"), tuple(self.evidence())),),
            (),
            words.day(now, self.lang),
            now,
        )

    def basics(self) -> Iterable[Block]:
        held, say, step = self.held, self.say, self.kind.step(self.held.step)
        due = sla.step_due(self.kind, held, self.twin.calendar, self.twin.city.zone)
        whole = sla.whole_due(self.kind, held, self.twin.calendar, self.twin.city.zone)
        facts = [
            (say("编号", "Id"), held.id),
            (say("设施或地点", "Asset or place"), self.place() or "—"),
            (say("来源", "Opened by"), self.title(SOURCES[held.source]) + (f"\n{held.alarm}" if held.alarm else "") + (f"\n{held.measure}" if held.measure else "")),
            (say("立案时间", "Opened"), self.moment(held.opened)),
            (say("现状", "State"), self.title(STATES[held.state])),
            (say("当前环节", "Step"), f"{self.step(held.step)}" + (f"\n{self.title(step.role)}" if step else "")),
            (say("经办人", "In charge"), held.holder or "—"),
        ]  # fmt: skip
        if due:
            facts.append((say("环节期限", "Step due"), self.until(due.at)))
        if whole:
            facts.append((say("总期限", "Whole case due"), self.until(whole.at)))
        if held.closed:
            facts.append((say("办结时间", "Closed"), self.moment(held.closed)))
        if held.returns or held.reopens:
            facts.append((say("返工", "Rework"), say(f"退回{held.returns}次，重新办理{held.reopens}次", f"sent back {held.returns} times, reopened {held.reopens} times")))  # fmt: skip
        if held.pauses:
            facts.append((say("计时暂停", "Clock stood"), "\n".join(f"{self.moment(p.since)} – {self.moment(p.until) if p.until else say('至今', 'now')}" for p in held.pauses)))  # fmt: skip
        yield Table((say("事项", "What"), say("内容", "Content")), (36, 120), tuple((name, lines(text)) for name, text in facts))  # fmt: skip
        if self.events[0].note:
            yield Text(say("立案说明：", "Said on opening: ") + line(self.events[0].note, LONGEST))

    def filled(self) -> Iterable[Block]:
        found: list[tuple[str, str, str]] = []
        held: Case | None = None
        for event in self.events:
            schema = self.kind.form if held is None else None
            if held is not None and event.act == "advance":
                here = self.kind.step(held.step)
                schema = here.form if here else None
            elif event.act == "resume":
                schema = self.kind.form
            where = self.say("立案", "Opening") if held is None else self.step(held.step)
            found += [
                (where, name, lines(text)) for name, text in entries(schema, event.body.get("form", {}), self.lang)
            ]
            held = after(held, event)
        if not found:
            yield Text(self.say("没有填报内容。", "Nothing was filled in."))
            return
        yield Table((self.say("环节", "Step"), self.say("项目", "Field"), self.say("内容", "Content")), (30, 46, 80), tuple(found))  # fmt: skip

    def course(self) -> Iterable[Block]:
        found = []
        held: Case | None = None
        for event in self.events:
            held = after(held, event)
            about = self.about(event)
            deed = self.title(ACTS[event.act]) + (f"{self.say('：', ': ')}{about}" if about else "")
            found.append((str(event.n), self.moment(event.time), line(event.by, 60) or self.say("系统", "the system"), deed, line(event.note, LONGEST) or "—"))  # fmt: skip
        say = self.say
        yield Table((say("序号", "No."), say("时间", "Time"), say("办理人", "By"), say("办理", "What"), say("说明", "Note")), (10, 30, 28, 40, 48), tuple(found))  # fmt: skip

    def about(self, event: Event) -> str:
        body = event.body
        match event.act:
            case "open":
                return self.step(body["step"])
            case "advance" | "return" | "reopen":
                return self.step(body["to"])
            case "assign" | "delegate":
                return line(str(body["to"]), 60)
            case "join":
                return self.say("、", ", ").join(self.body(b) for b in body["bodies"])
            case "answer":
                return f"{self.body(body['body'])} {self.title(ANSWERS[body['answer']])}"
            case "attach":
                return self.say("、", ", ").join(line(str(f["name"]), 60) for f in body["files"])
            case "child" | "child_done":
                return str(body["case"])
        return ""

    def files(self) -> Iterable[Block]:
        if not self.held.files:
            yield Text(self.say("没有附件。", "There are no files."))
            return
        proofs = {p.id: self.title(p.title) for s in self.kind.steps for p in s.proofs}
        say = self.say
        yield Table(
            (say("文件", "File"), say("证明", "Proves"), say("字节", "Bytes"), "SHA-256"),
            (46, 30, 20, 60),
            tuple((line(f.name, 200), proofs.get(f.proof, "—"), f"{f.size:,}", f.sha256) for f in self.held.files),
        )

    def answers(self) -> Iterable[Block]:
        given = {e.body["body"]: e for e in self.events if e.act == "answer"}
        say = self.say
        yield Table(
            (say("单位", "Body"), say("意见", "Answer"), say("答复人", "By"), say("时间", "Time"), say("说明", "Note")),
            (36, 24, 24, 30, 42),
            tuple(
                (
                    self.body(b), self.title(ANSWERS[answer]), *(
                        (line(given[b].by, 60), self.moment(given[b].time), line(given[b].note, LONGEST) or "—") if answer and b in given else ("—", "—", "—")
                    ),
                )
                for b, answer in self.held.answers.items()
            ),
        )  # fmt: skip

    def below(self, found: Sequence[Mapping[str, Any]]) -> Iterable[Block]:
        def kind(id: str) -> CaseType | None:
            return self.twin.cases.get(id)

        def told(r: Mapping[str, Any]) -> tuple[str, ...]:
            of = kind(r["type"])
            step = of.step(r["step"]) if of else None
            name = self.title(of.title) if of else r["type"]
            return (r["case_id"], name, self.title(step.title) if step else r["step"], self.moment(r["closed"]) if r["closed"] else "—")  # fmt: skip

        say = self.say
        yield Table((say("编号", "Id"), say("类型", "Kind"), say("环节", "Step"), say("办结", "Closed")), (44, 44, 36, 32), tuple(map(told, found)))  # fmt: skip

    def evidence(self) -> Iterable[Block]:
        size, root = seal.checkpoint(self.twin.store)
        say = self.say
        now = self.moment(self.twin.clock.now())
        yield Text(
            say(
                f"本工单的每一步在发生时即写入只增不改的存证日志（RFC 6962梅克尔树，SHA-256）。报告生成时（{now}）日志共有{size}条，根值为：",
                f"Every event of this case was sealed in an append-only log (Merkle tree of RFC 6962, SHA-256) as it happened. When this report was made ({now}, {self.twin.city.zone}) "
                f"the log had {size:,} entries; its root is:",
            )
        )
        yield Text(root)
        sql = (
            "SELECT leaf, subject, digest FROM evidence WHERE kind = 'case' AND starts_with(subject, $id) ORDER BY leaf"
        )
        found = rows(self.twin.store.fetch(sql, {"id": f"{self.held.id}#"}))
        yield Text(say("各步的叶序号与叶哈希如下，由/api/evidence/leaves/〈序号〉取得存证路径。", "The leaves of its events follow; /api/evidence/leaves/<leaf> gives the proof of each."))  # fmt: skip
        yield Table((say("步", "Event"), say("叶序号", "Leaf"), "SHA-256"), (20, 26, 110), tuple((r["subject"].rpartition("#")[2], str(r["leaf"]), r["digest"]) for r in found))  # fmt: skip

    # --- phrases

    def say(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    def title(self, t: Title) -> str:
        return t.zh if self.lang == "zh" else t.en or t.zh

    def step(self, id: str) -> str:
        step = self.kind.step(id)
        return self.title(step.title) if step else id

    def body(self, id: str) -> str:
        known = next((b.title for s in self.kind.steps for b in s.bodies if b.id == id), None)
        return self.title(known) if known else line(id, 60)

    def place(self) -> str:
        held = self.held
        if held.asset:
            found = rows(self.twin.store.fetch("SELECT title_zh, title_en FROM asset WHERE asset_id = $id", {"id": held.asset}))  # fmt: skip
            return line(self.title(Title(found[0]["title_zh"], found[0]["title_en"]))) if found else held.asset
        address = line(str(self.events[0].body.get("address", "")), 200)
        if held.longitude is not None and held.latitude is not None:
            return f"{address} {held.longitude:.5f}, {held.latitude:.5f}".strip()
        return address

    def until(self, t: datetime) -> str:
        """A deadline: midnight is the end of the day before, as people say it."""
        at = t.astimezone(self.zone)
        return f"{at - timedelta(days=1):%Y-%m-%d} 24:00" if (at.hour, at.minute) == (0, 0) else self.moment(t)

    def moment(self, t: datetime) -> str:
        at = (t if t.tzinfo else t.replace(tzinfo=UTC)).astimezone(self.zone)
        return f"{at:%Y-%m-%d %H:%M}"


def lines(text: str) -> str:
    """Lines of a cell, each clean."""
    return "\n".join(line(part, LONGEST) for part in text.split("\n"))
