"""Who does what by when? Opens cases, appends what happens to them, and keeps up what is asked of them. State is the sum of the events (kernel/case.py)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from citytwin.engine import form, period
from citytwin.engine.decision import LONGEST_NOTE, person
from citytwin.engine.twin import Twin, find, rows
from citytwin.kernel import feel, sla
from citytwin.kernel.case import Act, Case, CaseType, Event, Source, after, case, missing, permit
from citytwin.kernel.errors import BadRequest, Conflict, NotFound
from citytwin.kernel.store import Change

Leaf = tuple[str, str, str]
TAKES: Mapping[str, tuple[str, ...]] = {
    "advance": ("to", "form", "files"),
    "return": ("to",),
    "reopen": ("to",),
    "wait": (),
    "resume": ("form", "files"),
    "assign": ("to",),
    "delegate": ("to",),
    "give_back": (),
    "join": ("bodies", "need"),
    "answer": ("body", "answer", "files"),
    "attach": ("files",),
    "comment": ("public",),
}
"""What people may do, and what goes with it."""


def handle(twin: Twin, now: datetime) -> int:
    """Open a case for every alarm whose rule opens one, unless one of that type is open at the asset, and those that recur. Idempotent.

    Reads alarms and cases; appends to `case_event`. Returns how many were opened.
    """
    with twin.turn:
        return _from_alarms(twin, now) + _recurring(twin, now)


def _from_alarms(twin: Twin, now: datetime) -> int:
    opened = 0
    for rule in twin.rules.values():
        if not rule.opens:
            continue
        kind = twin.cases[rule.opens]
        # what is held back is nobody's work until it is told
        sql = """
          SELECT a.alarm, a.asset_id, a.since FROM alarm AS a WHERE a.rule = $rule AND a.since <= $now AND a.state NOT IN ('shelved', 'suppressed', 'out_of_service')
            AND NOT EXISTS (SELECT 1 FROM case_file AS c WHERE c.alarm = a.alarm)
            AND NOT EXISTS (SELECT 1 FROM case_file AS c WHERE c.type = $type AND c.asset_id = a.asset_id AND c.opened <= a.since AND (c.closed IS NULL OR c.closed > a.since))
          ORDER BY a.since, a.alarm"""
        taken: set[str] = {
            r["asset_id"]
            for r in rows(
                twin.store.fetch(
                    "SELECT asset_id FROM case_file WHERE type = $type AND closed IS NULL", {"type": kind.id}
                )
            )
        }
        changes: list[Change] = []
        leaves: list[Leaf] = []
        for r in rows(twin.store.fetch(sql, {"rule": rule.id, "type": kind.id, "now": now})):
            if r["asset_id"] in taken:
                continue
            taken.add(r["asset_id"])
            id = _digest(f"{kind.id} {r['alarm']}")[:16]
            body = _opening(kind, "alarm", asset=r["asset_id"], alarm=r["alarm"])
            _append(twin, kind, None, [Event(id, 1, r["since"], "open", body=body)], changes, leaves)
            opened += 1
        if changes:
            twin.store.commit(*changes, leaves=leaves)
    return opened


def _recurring(twin: Twin, now: datetime) -> int:
    opened = 0
    for kind in twin.cases.values():
        if kind.recurs is None:
            continue
        at = period.start(now, kind.recurs.every, twin.city.zone)
        places = sorted(a for a, t in twin.asset_types.items() if t == kind.recurs.per) if kind.recurs.per else [""]
        ids = {_digest(f"{kind.id} {at.isoformat()} {asset}")[:16]: asset for asset in places}
        there = set(twin.store.fetch("SELECT case_id FROM case_file WHERE type = $type AND opened = $at", {"type": kind.id, "at": at})["case_id"].to_pylist())  # fmt: skip
        changes: list[Change] = []
        leaves: list[Leaf] = []
        for id, asset in ids.items():
            if id not in there:
                event = Event(id, 1, at, "open", body=_opening(kind, "schedule", asset=asset))
                _append(twin, kind, None, [event], changes, leaves)
                opened += 1
        if changes:
            twin.store.commit(*changes, leaves=leaves)
    return opened


def open_case(
    twin: Twin,
    type: str,
    by: str,
    source: Source = "hand",
    note: str = "",
    *,
    asset: str = "",
    measure: str = "",
    parent: str = "",
    alarm: str = "",
    longitude: float | None = None,
    latitude: float | None = None,
    form_: Mapping[str, Any] | None = None,
    files: Sequence[Mapping[str, str]] = (),
    reporter: Mapping[str, str] | None = None,
    address: str = "",
    media_url: str = "",
    at: datetime | None = None,
) -> Case:
    """Open a case by hand, from a citizen's form, for an alarm, for a measure (`plan.measure`), or under another case. Raises NotFound, BadRequest, Conflict, TooLarge, Unsupported.

    `reporter` is how who reported can be reached: it stays in the event, and no public answer has it.
    """
    with twin.turn:
        kind = find(twin.cases, type, "case type")
        by, note = person(by), _note(note)
        if asset and asset not in twin.asset_types:
            raise NotFound(f"there is no asset '{asset[:100]}'", "see /api/assets", "asset")
        if measure:
            plan, _, item = measure.partition(".")
            if item not in {m.id for m in twin.plan(plan).measures}:
                raise NotFound(f"there is no measure '{measure[:100]}'", "plan.measure, see /api/plans", "measure")
        if alarm:
            found = twin.store.fetch("SELECT asset_id FROM alarm WHERE alarm = $alarm", {"alarm": alarm})["asset_id"].to_pylist()  # fmt: skip
            if not found:
                raise NotFound(f"there is no alarm '{alarm[:100]}'", "see /api/alarms", "alarm")
            if taken := twin.store.fetch("SELECT case_id FROM case_file WHERE alarm = $alarm", {"alarm": alarm})["case_id"].to_pylist():  # fmt: skip
                raise Conflict(f"the alarm has a case already: {taken[0]}", f"see /api/cases/{taken[0]}", "alarm")
            asset = asset or found[0]
        if (longitude is None) != (latitude is None) or not (-180 <= (longitude or 0) <= 180 and -90 <= (latitude or 0) <= 90):  # fmt: skip
            raise BadRequest("the place is none", "longitude from -180 to 180 and latitude from -90 to 90", "longitude")
        filled = form.checked(kind.form, form_ or {}, "form")
        held_files = form.attached(twin, files, kind.attachments, _proofs(kind), 0)
        now = at or twin.clock.now()
        changes: list[Change] = []
        leaves: list[Leaf] = []
        id = secrets.token_hex(8)
        if parent:
            above, above_kind = load(twin, parent)
            if above.state == "closed":
                raise Conflict("the case above is closed", "reopen it first", parent)
            event = Event(parent, above.n + 1, now, "child", by, note, {"case": id})
            _append(twin, above_kind, above, [event], changes, leaves)
        body = _opening(
            kind, "case" if parent else "measure" if measure else "alarm" if alarm else source, asset=asset, alarm=alarm, measure=measure, parent=parent, longitude=longitude, latitude=latitude,
            form=filled, reporter=dict(reporter or {}), address=address, media_url=media_url, files=[msgspec.to_builtins(f) for f in held_files],
        )  # fmt: skip
        made = _append(twin, kind, None, [Event(id, 1, now, "open", by, note, body)], changes, leaves)
        twin.store.commit(*changes, leaves=leaves)
        return made


def act(
    twin: Twin, id: str, what: Act, by: str, note: str = "", body: Mapping[str, Any] | None = None, at: datetime | None = None
) -> Case:  # fmt: skip
    """Let something happen to a case. Raises NotFound, Conflict, BadRequest, TooLarge, Unsupported; then nothing is changed."""
    with twin.turn:
        held, kind = load(twin, id)
        by, note = person(by), _note(note)
        given = _taken(what, body or {})
        permit(kind, held, what, given, by, note)
        proofs = _proofs(kind)
        brought = form.attached(twin, given.get("files", ()), kind.attachments, proofs, len(held.files))
        if brought:
            given["files"] = [msgspec.to_builtins(f) for f in brought]
        step = kind.step(held.step)
        if what == "advance":
            there = kind.step(given["to"])
            assert step is not None  # permitted
            assert there is not None
            given["form"] = form.checked(step.form, given.get("form", {}), "form")
            _guarded(twin, kind, held, given)
            if lacking := missing([step, *([] if there.next else [there])], [*held.files, *brought]):
                told = "; ".join(f"{p.title.zh} {p.title.en} ({n} of {p.least})" for p, n in lacking)
                raise Conflict(f"proofs are missing: {told}", f"attach files with proof: {', '.join(p.id for p, _ in lacking)}", "files")  # fmt: skip
            given["ends"] = not there.next
        if what == "resume":
            given["form"] = form.checked(kind.form, given.get("form", {}), "form") if given.get("form") else {}
        if what in ("advance", "return", "reopen"):
            there = kind.step(given["to"])
            given |= {"bodies": [b.id for b in there.bodies], "need": there.need} if there and there.bodies else {}
        now = max(at or twin.clock.now(), _last(twin, id))
        changes: list[Change] = []
        leaves: list[Leaf] = []
        made = _append(twin, kind, held, [Event(id, held.n + 1, now, what, by, note, given)], changes, leaves)
        if held.parent and (made.state == "closed") != (held.state == "closed"):
            above, above_kind = load(twin, held.parent)
            told = "child_done" if made.state == "closed" else "child"
            _append(twin, above_kind, above, [Event(above.id, above.n + 1, now, told, by, "", {"case": id})], changes, leaves)  # type: ignore[arg-type]  # fmt: skip
        twin.store.commit(*changes, leaves=leaves)
        return made


def advance(twin: Twin, id: str, to: str, by: str, note: str = "", at: datetime | None = None, form_: Mapping[str, Any] | None = None) -> None:  # fmt: skip
    """Move a case to its next step. Raises NotFound, Conflict when it may not go on, BadRequest when the step does not follow."""
    act(twin, id, "advance", by, note, {"to": to, **({"form": form_} if form_ else {})}, at)


def follows(twin: Twin, kind: CaseType, held: Case) -> tuple[str, ...]:
    """The steps that may follow now, by the step's `next` and its guard."""
    step = kind.step(held.step)
    if step is None or held.state != "open":
        return ()
    allowed = _guard(twin, kind, step.guard, held.facts) if step.guard else None
    return tuple(s for s in step.next if allowed is None or s in allowed)


def load(twin: Twin, id: str) -> tuple[Case, CaseType]:
    """A case and its kind. Raises NotFound."""
    found = events(twin, [id]).get(id)
    if not found:
        raise NotFound(f"there is no case '{id[:100]}'", "see /api/cases", id[:100])
    held = case(found)
    return held, find(twin.cases, held.type, "case type")


def events(twin: Twin, ids: Iterable[str] | None = None) -> dict[str, list[Event]]:
    """The events of cases (of all that are open, where none are named), oldest first."""
    ids = None if ids is None else list(ids)
    test = "case_id IN (SELECT case_id FROM case_file WHERE closed IS NULL)" if ids is None else "list_contains($ids, case_id)"  # fmt: skip
    sql = f"SELECT case_id, n, time, act, actor, note, body FROM case_event WHERE {test} ORDER BY case_id, n"
    found: dict[str, list[Event]] = {}
    for r in rows(twin.store.fetch(sql, None if ids is None else {"ids": ids})):
        event = Event(r["case_id"], r["n"], r["time"], r["act"], r["actor"], r["note"], msgspec.json.decode(r["body"]))
        found.setdefault(event.case, []).append(event)
    return found


def history(twin: Twin, id: str) -> list[dict[str, Any]]:
    """What happened to a case, oldest first: n, time, act, step it came to, actor, note, body."""
    found = rows(
        twin.store.fetch(
            "SELECT n, time, act, step, actor, note, body FROM case_event WHERE case_id = $id ORDER BY n", {"id": id}
        )
    )
    return [{**r, "body": msgspec.json.decode(r["body"])} for r in found]


def notices(twin: Twin, now: datetime) -> list[sla.Notice]:
    """Whoever is to be told about open cases by now and was not: reminders, lateness, escalation, the oldest first."""
    found: list[sla.Notice] = []
    for those in events(twin).values():
        held = case(those)
        kind = twin.cases.get(held.type)
        if kind is not None:
            found += sla.notices(kind, held, twin.calendar, twin.city.zone, now)
    return sorted(found, key=lambda n: (n.at, n.case, n.key))


def told(twin: Twin, notice: sla.Notice, by: str) -> None:
    """Put on record that a notice was given: it is not due again. Idempotent. Raises NotFound."""
    with twin.turn:
        held, kind = load(twin, notice.case)
        if notice.key in held.told or held.state == "closed":
            return
        changes: list[Change] = []
        leaves: list[Leaf] = []
        body = {"key": notice.key, "kind": notice.kind, "to": msgspec.to_builtins(notice.to)}
        event = Event(held.id, held.n + 1, max(twin.clock.now(), _last(twin, held.id)), "notify", person(by), "", body)
        _append(twin, kind, held, [event], changes, leaves)
        twin.store.commit(*changes, leaves=leaves)


def _guarded(twin: Twin, kind: CaseType, held: Case, given: Mapping[str, Any]) -> None:
    step = kind.step(held.step)
    if step is None or not step.guard:
        return
    allowed = _guard(twin, kind, step.guard, {**held.facts, **given.get("form", {})}, strict=True)
    if given["to"] not in allowed:
        raise Conflict(f"table '{step.guard}' does not let the case go to '{given['to']}'", f"it says: {', '.join(allowed) or 'nothing'}", "to")  # fmt: skip


def _guard(twin: Twin, kind: CaseType, guard: str, facts: Mapping[str, Any], strict: bool = False) -> tuple[str, ...]:
    pack = kind.id.partition(".")[0]
    outcome = twin.decision_tables[pack].decide(guard, facts)
    if outcome.fault and strict:
        raise Conflict(f"table '{guard}' cannot decide: {outcome.fault}", "mend the form, or the table", guard)
    said = feel.plain(outcome.value)
    said = list(said.values()) if isinstance(said, dict) else said if isinstance(said, list) else [said]
    return tuple(s for s in said if isinstance(s, str))


def _taken(what: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an act, with nothing in it that is not of it. Raises BadRequest."""
    known = TAKES.get(what)
    if known is None:
        raise BadRequest(f"'{what}' is nothing that people do to a case", f"one of: {', '.join(TAKES)}", "act")
    given = {k: v for k, v in body.items() if v not in (None, "", [], (), {})}
    if unknown := sorted(set(given) - set(known)):
        raise BadRequest(f"'{unknown[0][:60]}' does not go with '{what}'", f"what goes with it: {', '.join(known) or 'a note'}", unknown[0][:60])  # fmt: skip
    needed = {"to": known[:1] == ("to",), "bodies": what == "join", "body": what == "answer", "answer": what == "answer", "files": what == "attach"}  # fmt: skip
    for name, must in needed.items():
        if must and name not in given:
            raise BadRequest(f"'{name}' is missing", f"{what} takes: {', '.join(known)}", name)
    if what in ("assign", "delegate"):
        given["to"] = person(given["to"])
    return given


def _opening(kind: CaseType, source: Source, **more: Any) -> dict[str, Any]:
    first = kind.steps[0]
    body = {"type": kind.id, "step": first.id, "source": source, **{k: v for k, v in more.items() if v not in (None, "", [], {})}}  # fmt: skip
    return {**body, "bodies": [b.id for b in first.bodies], "need": first.need} if first.bodies else body


def _append(twin: Twin, kind: CaseType, held: Case | None, more: Sequence[Event], changes: list[Change], leaves: list[Leaf]) -> Case:  # fmt: skip
    """Add events to a case, with the changes and leaves that put them, and how it stands then, on record."""
    new = held is None
    for event in more:
        held = after(held, event)
        changes.append(
            Change(
                "INSERT INTO case_event VALUES ($case, $n, $time, $act, $step, $actor, $note, $body)",
                {
                    "case": event.case, "n": event.n, "time": event.time, "act": event.act, "step": held.step, "actor": event.by, "note": event.note,
                    "body": msgspec.json.encode(event.body).decode(),
                },
            )
        )  # fmt: skip
        leaves.append(("case", f"{event.case}#{event.n}", hashlib.sha256(msgspec.json.encode(event, order="deterministic")).hexdigest()))  # fmt: skip
    assert held is not None
    step_due = sla.step_due(kind, held, twin.calendar, twin.city.zone)
    whole = sla.whole_due(kind, held, twin.calendar, twin.city.zone)
    row: dict[str, Any] = {
        "step": held.step, "state": held.state, "holder": held.holder, "due": step_due.at if step_due else None, "closed": held.closed, "entered": held.entered,
        "whole_due": whole.at if whole else None, "guessed": bool((step_due and step_due.guessed) or (whole and whole.guessed)), "returns": held.returns,
        "reopens": held.reopens,
    }  # fmt: skip
    if new:
        row |= {
            "type": held.type, "asset_id": held.asset, "alarm": held.alarm, "opened": held.opened, "source": held.source, "measure": held.measure,
            "parent": held.parent, "longitude": held.longitude, "latitude": held.latitude,
        }  # fmt: skip
        names = ", ".join(row)
        sql = f"INSERT INTO case_row (case_id, {names}) VALUES ($case, {', '.join(f'${k}' for k in row)})"
    else:
        sql = f"UPDATE case_row SET {', '.join(f'{k} = ${k}' for k in row)} WHERE case_id = $case"
    changes.append(Change(sql, {"case": held.id, **row}))
    return held


def _proofs(kind: CaseType) -> dict[str, tuple[str, ...]]:
    return {p.id: p.media for s in kind.steps for p in s.proofs}


def _last(twin: Twin, id: str) -> datetime:
    """The time of the newest event: nothing happens before it."""
    found = twin.store.fetch("SELECT max(time) AS t FROM case_event WHERE case_id = $id", {"id": id})["t"][0].as_py()
    assert isinstance(found, datetime)
    return found


def _note(note: str) -> str:
    if len(note) > LONGEST_NOTE or "\0" in note:
        raise BadRequest("the note is too long or not text", f"at most {LONGEST_NOTE} characters", "note")
    return note


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
