"""What happened that somebody is to be told? Alarms, cases, feeds and targets become letters in the outbox, each once, from where the last look ended."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from citytwin.engine import handle
from citytwin.engine.feeds.run import Runner
from citytwin.engine.notify import outbox
from citytwin.engine.notify.declare import Declared
from citytwin.engine.notify.outbox import Letter
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.case import case
from citytwin.kernel.errors import CityTwinError, StoreFailed
from citytwin.kernel.message import EVERYBODY, IN_APP, MessageRoute, Person, What, digest_at, loud_from
from citytwin.kernel.rota import duty
from citytwin.kernel.rule import Level, Rule
from citytwin.kernel.sla import Notice
from citytwin.kernel.store import Change
from citytwin.kernel.title import Title
from citytwin.kernel.units import quantity

log = logging.getLogger("citytwin.notify")
MOST = 2000
"""Events that are taken up in one look; the others follow in the next."""
BY = "CityTwin"
"""Who gives notices."""
GRACE_S = 900.0
"""A feed that has brought nothing for so long, and for three of its intervals, is told to fail."""
HELD = ("shelved", "suppressed", "out_of_service")
OVER = ("cleared", "returned", "latched", "latched_acknowledged")


@dataclass(frozen=True, slots=True)
class News:
    """Something happened. `key` is its name for ever; `people` (names), `roles` and `bodies` are whom it concerns."""

    key: str
    what: What
    level: Level
    time: datetime
    facts: Mapping[str, Any]
    pack: str = ""
    rule: str = ""
    case_type: str = ""
    asset: str = ""
    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()
    after_min: float = 0.0
    """How long an alarm was not answered."""


@dataclass
class Gatherer:
    """Looks for what is new. `declared` is asked each time, so that a changed file holds at once; `feeds` is what asks sources, if anything does."""

    twin: Twin
    declared: Callable[[], Declared]
    feeds: Runner | None = None
    channels: Callable[[], Mapping[str, tuple[Title, datetime | None, str]]] = dict
    """Of every channel that was used: its title, since when it fails (None: it does not), and why."""
    began: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.twin.clock.now()
        with contextlib.suppress(StoreFailed):  # on a full disk, the first look does it
            self._begin()

    def _begin(self) -> None:
        """Mark what there is as known, where nobody was told anything before."""
        store = self.twin.store
        if _mark(self.twin, "alarm") is None:  # what was before anybody was to be told is news to nobody
            n = store.fetch("SELECT (SELECT coalesce(max(n), 0) FROM alarm_event) AS alarm, (SELECT coalesce(max(leaf), -1) FROM leaf) AS leaf")  # fmt: skip
            marks = {"alarm": n["alarm"][0].as_py(), "case": n["leaf"][0].as_py(), "first": n["alarm"][0].as_py()}
            standing = [Change("INSERT OR REPLACE INTO told_row VALUES ($about, $what, $since)", {"about": about, "what": one.what, "since": self.began}) for about, one in self._targets(self.began)]  # fmt: skip
            store.commit(*(_marked(name, n) for name, n in marks.items()), *standing)

    # -- what is looked at often

    def look(self, now: datetime) -> frozenset[str]:
        """Write letters for alarms and cases that changed since the last look. Idempotent. Returns for whom there is something new in the app."""
        self._begin()
        told: frozenset[str] = frozenset()
        for name, find in (("alarm", self._alarms), ("case", self._cases)):
            while True:
                mark = _mark(self.twin, name) or 0
                news, last = find(mark)
                if last == mark:
                    break
                letters = [x for one in news for x in self.letters(one, now)]
                outbox.put(self.twin.store, letters, now, _marked(name, last))
                told |= _in_app(letters)
        return told

    def _alarms(self, mark: int) -> tuple[list[News], int]:
        sql = f"""
          SELECT e.n, e.alarm, e.rule, e.asset_id, e.time, e.before, e.state, e.actor, e.reason, r.level, r.since, r.value, r.bound, a.title_zh, a.title_en
          FROM alarm_event AS e LEFT JOIN alarm_row AS r ON r.alarm = e.alarm LEFT JOIN asset AS a ON a.asset_id = e.asset_id
          WHERE e.n > $mark ORDER BY e.n LIMIT {MOST:d}"""
        found = rows(self.twin.store.fetch(sql, {"mark": mark}))
        return [one for r in found if (one := self._alarm(r))], found[-1]["n"] if found else mark

    def _alarm(self, r: Mapping[str, Any]) -> News | None:
        rule = self.twin.rules.get(r["rule"])
        raised = r["state"] == "active" and r["before"] in ("", "cleared", *HELD)
        over = r["state"] in OVER and r["before"] in ("active", "acknowledged")
        if not (raised or over):
            return None
        level: Level = r["level"] or (rule.level if rule else "") or "medium"
        facts = {
            "title": _zh_en(rule.title if rule else Title(r["rule"], r["rule"])), "place": _place(r), "since": _iso(r["since"] or r["time"]), "value": r["value"],
            "limit": r["bound"], "unit": _unit(self.twin, rule), "advice": _zh_en(rule.advice) if rule and rule.advice and raised else None,
            "reason": "withdrawn" if r["reason"] == "withdrawn" else "released" if r["before"] in HELD else "", "link": f"/alarms/{r['alarm']}",
        }  # fmt: skip
        pack = r["rule"].partition(".")[0]
        return News(f"alarm:{r['n']}", "alarm" if raised else "alarm_ended", level, r["time"], _said(facts), pack, r["rule"], asset=r["asset_id"])  # fmt: skip

    def _cases(self, mark: int) -> tuple[list[News], int]:
        # the leaves of the log are numbered in the order in which things were put on record, whatever time they bear
        sql = f"""
          SELECT l.leaf, e.case_id, e.n, e.time, e.act, e.step, e.actor, e.note, e.body, c.type, c.asset_id, c.due, a.title_zh, a.title_en
          FROM (SELECT leaf, subject FROM leaf WHERE leaf > $mark AND kind = 'case' ORDER BY leaf LIMIT {MOST:d}) AS l
          LEFT JOIN case_event AS e ON l.subject = e.case_id || '#' || CAST(e.n AS VARCHAR)
          LEFT JOIN case_row AS c ON c.case_id = e.case_id LEFT JOIN asset AS a ON a.asset_id = c.asset_id ORDER BY l.leaf"""
        found = rows(self.twin.store.fetch(sql, {"mark": mark}))
        return [one for r in found if r["act"] and (one := self._case(r))], found[-1]["leaf"] if found else mark

    def _case(self, r: Mapping[str, Any]) -> News | None:
        body = msgspec.json.decode(r["body"])
        acts: dict[str, tuple[What, Level]] = {
            "open": ("case_opened", "medium"), "assign": ("case_assigned", "medium"), "delegate": ("case_assigned", "medium"), "give_back": ("case_assigned", "medium"),
            "advance": ("case_closed" if body.get("ends") else "case_moved", "low"), "resume": ("case_moved", "low"), "join": ("case_moved", "medium"),
            "return": ("case_returned", "medium"), "reopen": ("case_returned", "medium"), "wait": ("case_waiting", "low"),
        }  # fmt: skip
        if r["act"] not in acts:
            return None
        what, level = acts[r["act"]]
        holder = body.get("to", "") if r["act"] in ("assign", "delegate") else ""
        if r["act"] in ("give_back", "resume", "wait"):  # who had it then, and not who has it now
            holder = case(handle.events(self.twin, [r["case_id"]])[r["case_id"]][: r["n"]]).holder
        return self._of_case(f"case:{r['case_id']}:{r['n']}", what, level, r, holder, tuple(body.get("bodies", ())))

    def _of_case(self, key: str, what: What, level: Level, r: Mapping[str, Any], holder: str, bodies: tuple[str, ...] = (), to: Title | None = None, **more: Any) -> News:  # fmt: skip
        kind = self.twin.cases.get(r["type"])
        step = kind.step(r["step"]) if kind else None
        role = to or (step.role if step else None)
        facts = {
            "title": _zh_en(kind.title if kind else Title(r["type"], r["type"])), "place": _place(r), "since": _iso(r["time"]), "step": _zh_en(step.title) if step else None,
            "due": _iso(r["due"]) if r["due"] and what != "case_closed" else None, "by": r["actor"], "note": r["note"], "to": {"zh": holder, "en": holder} if holder else _zh_en(role) if role else None,
            "link": f"/cases/{r['case_id']}", **more,
        }  # fmt: skip
        titled = [t for b in (step.bodies if step else ()) if b.id in bodies for t in (b.title.zh, b.title.en)]
        return News(
            key, what, level, r["time"], _said(facts), (r["type"] or "").partition(".")[0], case_type=r["type"] or "", asset=r["asset_id"] or "",
            people=(holder,) if holder else (), roles=(role.zh, role.en) if role and not holder else (), bodies=(*bodies, *titled),
        )  # fmt: skip

    # -- what is looked at now and then

    def look_around(self, now: datetime) -> frozenset[str]:
        """Write letters for deadlines of cases, and for feeds, targets and channels that changed how they stand. Idempotent."""
        return self._deadlines(now) | self._standing(now) | self._unanswered(now)

    def _unanswered(self, now: datetime) -> frozenset[str]:
        """Alarms that nobody acknowledged for as long as a route says: once for each time that an alarm was raised."""
        letters: list[Letter] = []
        sql = f"""
          SELECT e.n, e.alarm, e.rule, e.asset_id, e.time, e.before, e.state, e.reason, r.level, r.since, r.value, r.bound, a.title_zh, a.title_en
          FROM (SELECT alarm, max(n) AS n FROM alarm_event WHERE n > $first AND state = 'active' GROUP BY alarm) AS t
          JOIN alarm_event AS e ON e.n = t.n JOIN alarm AS m ON m.alarm = e.alarm AND m.state = 'active' JOIN alarm_row AS r ON r.alarm = e.alarm
          LEFT JOIN asset AS a ON a.asset_id = e.asset_id
          WHERE e.time <= $until AND NOT EXISTS (SELECT 1 FROM outbox_row AS o WHERE o.event = 'unanswered:' || CAST(e.n AS VARCHAR) || $suffix)
          ORDER BY e.n LIMIT {MOST:d}"""
        routes = self.declared().file.routes
        for minutes in sorted({r.after_min for r in routes if "alarm_unanswered" in r.what}):
            params = {
                "first": _mark(self.twin, "first") or 0,
                "until": now - timedelta(minutes=minutes),
                "suffix": f":{minutes:g}",
            }
            for r in rows(self.twin.store.fetch(sql, params)):
                one = self._alarm({**r, "before": ""})
                if one is not None:
                    key = f"unanswered:{r['n']}:{minutes:g}"
                    letters += self.letters(
                        replace(one, key=key, what="alarm_unanswered", time=now, after_min=minutes), now
                    )
        outbox.put(self.twin.store, letters, now)
        return _in_app(letters)

    def _deadlines(self, now: datetime) -> frozenset[str]:
        due = handle.notices(self.twin, now)
        if not due:
            return frozenset()
        sql = """SELECT c.case_id, c.type, c.step, c.asset_id, c.due, a.title_zh, a.title_en FROM case_row AS c LEFT JOIN asset AS a ON a.asset_id = c.asset_id
                 WHERE list_contains($ids, c.case_id)"""
        held = {r["case_id"]: r for r in rows(self.twin.store.fetch(sql, {"ids": sorted({n.case for n in due})}))}
        letters: list[Letter] = []
        given: list[Notice] = []
        for notice in due[:MOST]:
            made = self.letters(self._notice(notice, held[notice.case]), now)
            letters += made
            given += [notice] if made else []
        outbox.put(self.twin.store, letters, now)
        for (
            notice
        ) in given:  # after what tells it is on record: in between, it would be derived again, and change nothing
            try:
                handle.told(self.twin, notice, BY)
            except CityTwinError as e:
                log.warning("notice %s of case %s is not on its record: %s", notice.key, notice.case, e)
        return _in_app(letters)

    def _notice(self, notice: Notice, r: Mapping[str, Any]) -> News:
        whats: dict[str, tuple[What, Level]] = {"remind": ("case_reminder", "medium"), "late": ("case_late", "high"), "escalate": ("case_escalated", "high")}  # fmt: skip
        what, level = whats[notice.kind]
        row = {**r, "time": notice.at, "actor": "", "note": "", "due": notice.due}
        holder = "" if notice.kind == "escalate" else notice.holder
        return self._of_case(f"case:{notice.case}:{notice.key}", what, level, row, holder, to=notice.to)

    def _standing(self, now: datetime) -> frozenset[str]:
        before = {r["about"]: r for r in rows(self.twin.store.fetch("SELECT about, what, since FROM told_row"))}
        bad, good = self._conditions(now)
        changes, letters = [], []
        for about, one in bad.items():
            if about in before and before[about]["what"] == one.what:
                continue
            letters += self.letters(one, now)
            changes.append(Change("INSERT OR REPLACE INTO told_row VALUES ($about, $what, $since)", {"about": about, "what": one.what, "since": now}))  # fmt: skip
        for about, back in good.items():
            if about not in before:
                continue
            changes.append(Change("DELETE FROM told_row WHERE about = $about", {"about": about}))
            letters += self.letters(back(before[about]["since"]), now) if back else []
        outbox.put(self.twin.store, letters, now, *changes)
        return _in_app(letters)

    def _conditions(self, now: datetime) -> tuple[dict[str, News], dict[str, Callable[[datetime], News] | None]]:
        """What stands badly, and what is known to stand well (with what is told where it did not before). What is in neither is not known yet."""
        bad: dict[str, News] = {}
        good: dict[str, Callable[[datetime], News] | None] = {}

        def state(about: str, failing: What, back: What, title: Title, since: datetime | None, why: str, link: str, level: Level) -> None:  # fmt: skip
            facts = {"title": _zh_en(title), "note": why, "link": link}
            if since is not None:
                bad[about] = News(f"{about}:{failing}:{_iso(now)}", failing, level, now, _said({**facts, "since": _iso(since)}))  # fmt: skip
            else:
                good[about] = lambda then: News(f"{about}:{back}:{_iso(now)}", back, "low", now, _said({**facts, "note": "", "since": _iso(then)}))  # fmt: skip

        for feed in self.feeds.declared.feeds if self.feeds else ():
            assert self.feeds is not None
            stands = self.feeds.state(feed.id)
            at_fault = self.feeds.declared.faults.get("", ()) + self.feeds.declared.faults.get(feed.id, ())
            since = stands.last_success or self.began
            failing = bool(at_fault) or (stands.failures > 0 and now - since > timedelta(seconds=max(GRACE_S, 3 * feed.every_s)))  # fmt: skip
            if failing or (stands.failures == 0 and stands.last_success):
                why = at_fault[0].message if at_fault else stands.last_failure.message if stands.last_failure else ""
                state(f"feed:{feed.id}", "feed_failing", "feed_back", feed.title, since if failing else None, why, f"/feeds/{feed.id}", "high")  # fmt: skip
        for id, (title, failed, why) in self.channels().items():
            state(f"channel:{id}", "channel_failing", "channel_back", title, failed, why, "/notify", "high")
        standing = dict(self._targets(now))
        bad |= standing
        for r in rows(self.twin.store.fetch("SELECT about FROM told_row WHERE about LIKE 'target:%'")):
            if r["about"] not in standing:
                good[r["about"]] = None
        return bad, good

    def _targets(self, now: datetime) -> Iterator[tuple[str, News]]:
        sql = "SELECT target, arg_max(status, as_of) AS status, arg_max(value, as_of) AS value, arg_max(goal, as_of) AS goal FROM target_progress_row GROUP BY target ORDER BY target"
        whats: dict[str, tuple[What, Level]] = {"at_risk": ("target_at_risk", "medium"), "missed": ("target_missed", "high")}  # fmt: skip
        for r in rows(self.twin.store.fetch(sql)):
            if r["status"] not in whats:
                continue
            try:
                target = self.twin.target(r["target"])[1]
            except CityTwinError:
                continue
            what, level = whats[r["status"]]
            facts = {"title": _zh_en(target.subject), "since": _iso(now), "value": r["value"], "limit": r["goal"], "unit": target.unit or "", "link": f"/targets/{r['target']}"}  # fmt: skip
            yield (
                f"target:{r['target']}",
                News(f"target:{r['target']}:{what}:{_iso(now)}", what, level, now, _said(facts)),
            )

    # -- who is to be told

    def letters(self, news: News, now: datetime) -> list[Letter]:
        """Everything that is to be sent of an event. Who should get it and cannot, or whom nobody could name, is not passed over: it lies in the app for all to see."""
        declared = self.declared()
        channels = declared.file.channels()
        made: dict[tuple[str, str], Letter] = {}
        for route in declared.file.routes:
            if not self._takes(route, news):
                continue
            people, everybody = self._meant(declared, route, news, now)
            for via in route.via:
                kind = channels.get(via, ("", None))[0]
                room = kind not in ("", "smtp")
                names = [*people, *([EVERYBODY] if everybody or (room and not people) else [])]
                for name in [EVERYBODY] if everybody and via == IN_APP else names or [EVERYBODY]:
                    reached = _reached(declared.file.people, kind, name) if names else []
                    for one in reached:
                        self._add(made, news, route, one, via, now)
                    if not reached:
                        lacks = {**news.facts, "unsent": "nobody" if name == EVERYBODY else via}
                        self._add(made, replace(news, facts=lacks), route, Person("", name), IN_APP, now)
        return list(made.values())

    def _add(self, made: dict[tuple[str, str], Letter], news: News, route: MessageRoute, person: Person, via: str, now: datetime) -> None:  # fmt: skip
        zone = self.twin.city.zone
        due = now
        if via != IN_APP:
            due = digest_at(route.digest, route.daily_at, now, zone)
            if news.level not in route.wakes:
                due = loud_from(person.quiet, due, person.zone or zone, self.twin.calendar)
        digest = via != IN_APP and route.digest != "none"
        letter = Letter(news.key, news.what, news.level, person.name, via, news.time, due, digest, news.facts)
        held = made.get((person.name, via))
        if held is None or letter.due < held.due or "unsent" in letter.facts:
            made[person.name, via] = letter

    def _takes(self, route: MessageRoute, news: News) -> bool:
        where = {news.asset, self.twin.asset_types.get(news.asset, "")}
        return (
            news.what in route.what
            and (news.what != "alarm_unanswered" or route.after_min == news.after_min)
            and (not route.levels or news.level in route.levels)
            and (not route.packs or news.pack in route.packs)
            and (not route.rules or news.rule in route.rules)
            and (not route.case_types or news.case_type in route.case_types)
            and (not route.places or bool(where & set(route.places)))
        )

    def _meant(self, declared: Declared, route: MessageRoute, news: News, now: datetime) -> tuple[list[str], bool]:
        """The names of those a route means, and whether it means everybody."""
        people = {p.id: p for p in declared.file.people}
        to, found = route.to, dict[str, None]()

        def add(names: Iterable[str]) -> None:
            found.update(dict.fromkeys(n for n in names if n))

        add(people[id].name for id in to.people if id in people)
        add(_filled(declared.file.people, to.roles, to.bodies))
        for rota in declared.file.rotas:
            if rota.id in to.on_call and (who := people.get(duty(rota, now, self.twin.city.zone, self.twin.calendar).person)):  # fmt: skip
                add([who.name])
        if to.concerned:
            add(news.people)
            add(_filled(declared.file.people, news.roles, news.bodies))
        return list(found), to.everybody


def _filled(people: Sequence[Person], roles: Sequence[str], bodies: Sequence[str]) -> Iterator[str]:
    for person in people:
        if set(person.roles) & set(roles) or set(person.bodies) & set(bodies):
            yield person.name


def _reached(people: Sequence[Person], kind: str, name: str) -> list[Person]:
    """Those that a name stands for, as far as a kind of channel reaches them: mail needs an address."""
    if kind != "smtp":
        return [next((p for p in people if p.name == name), Person("", name))]
    return [p for p in people if p.email and name in (p.name, EVERYBODY)]


def _in_app(letters: Sequence[Letter]) -> frozenset[str]:
    return frozenset(x.person for x in letters if x.channel == IN_APP)


def _mark(twin: Twin, name: str) -> int | None:
    """How far has been told: the number of the last event."""
    held = twin.store.fetch("SELECT value FROM meta WHERE name = $name", {"name": f"notify:{name}"})["value"]
    return int(held[0].as_py()) if len(held) else None


def _marked(name: str, n: int) -> Change:
    return Change("INSERT OR REPLACE INTO meta VALUES ($name, $value)", {"name": f"notify:{name}", "value": str(n)})


def _zh_en(title: Title) -> dict[str, str]:
    return {"zh": title.zh, "en": title.en}


def _place(r: Mapping[str, Any]) -> dict[str, str] | None:
    return {"zh": r["title_zh"], "en": r["title_en"] or r["title_zh"]} if r["title_zh"] else None


def _iso(at: datetime) -> str:
    return at.astimezone(ZoneInfo("UTC")).isoformat()


def _said(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in facts.items() if v not in (None, "", {})}


def _unit(twin: Twin, rule: Rule | None) -> str:
    """The unit of what a rule looks at."""
    if rule is None or rule.silent_s is not None:
        return "s" if rule else ""
    if rule.rows:
        return rule.unit
    if rule.stream in twin.streams:
        return quantity(twin.streams[rule.stream].quantity).unit
    return twin.indicators[rule.indicator].unit if rule.indicator in twin.indicators else ""
