"""Who does what by when? Opens cases and lets people act on them, as far as the case and its kind permit. State is the sum of the events (kernel/case.py)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from citytwin.engine import arise, form, lots
from citytwin.engine.decision import LONGEST_NOTE, person
from citytwin.engine.enter import Book, events
from citytwin.engine.twin import Twin, find, rows
from citytwin.kernel import feel, scorecard, sla
from citytwin.kernel.case import Act, Case, CaseType, File, Source, Step, case, missing, permit
from citytwin.kernel.errors import BadRequest, Conflict, NotFound, TooLarge
from citytwin.kernel.right import must

__all__ = ["act", "advance", "events", "follows", "handle", "history", "load", "notices", "open_case", "told"]
TAKES: Mapping[str, tuple[str, ...]] = {
    "advance": ("to", "form", "files", "role", "draw"),
    "return": ("to", "role"),
    "reopen": ("to",),
    "wait": ("role",),
    "resume": ("form", "files"),
    "extend": ("days", "role"),
    "assign": ("to",),
    "delegate": ("to",),
    "give_back": (),
    "join": ("bodies", "need"),
    "answer": ("body", "answer", "files"),
    "attach": ("files",),
    "comment": ("public",),
}
"""What people may do, and what goes with it."""
MOST_DRAWN = 1000
"""Members that a draw named in a case may have drawn."""


def handle(twin: Twin, now: datetime) -> int:
    """Let everything happen to cases that nobody does: opened by alarms and on schedule, gone on where time ran out, handed over where late. Idempotent.

    Reads alarms and cases; appends to `case_event`. Returns how much happened.
    """
    return arise.arise(twin, now)


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
    id: str = "",
    book: Book | None = None,
) -> Case:
    """Open a case by hand, from a citizen's form, for an alarm, for a measure (`plan.measure`), or under another case. Raises NotFound, BadRequest, Conflict, TooLarge, Unsupported.

    `reporter` is how who reported can be reached: it stays in the event, and no public answer has it. With a `book` it goes on record when that is committed.
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
            must(found[0], "alarm", alarm)
            if taken := twin.store.fetch("SELECT case_id FROM case_file WHERE alarm = $alarm", {"alarm": alarm})["case_id"].to_pylist():  # fmt: skip
                raise Conflict(f"the alarm has a case already: {taken[0]}", f"see /api/cases/{taken[0]}", "alarm")
            asset = asset or found[0]
        must(asset, "asset", asset)
        if (longitude is None) != (latitude is None) or not (-180 <= (longitude or 0) <= 180 and -90 <= (latitude or 0) <= 90):  # fmt: skip
            raise BadRequest("the place is none", "longitude from -180 to 180 and latitude from -90 to 90", "longitude")
        filled = form.checked(kind.form, form_ or {}, "form")
        brought = form.attached(twin, files, kind.attachments, _proofs(kind), 0)
        mine = book or Book(twin)
        if parent:
            must(mine.held(parent)[0].asset, "case", parent)
            if mine.held(parent)[0].state == "closed":
                raise Conflict("the case above is closed", "reopen it first", parent)
        made = mine.open(
            kind, id or secrets.token_hex(8), at or twin.clock.now(), "case" if parent else "measure" if measure else "alarm" if alarm else source, by, note, asset=asset, alarm=alarm,
            measure=measure, parent=parent, longitude=longitude, latitude=latitude, form=filled, reporter=dict(reporter or {}), address=address, media_url=media_url,
            files=[msgspec.to_builtins(f) for f in brought],
        )  # fmt: skip
        if book is None:
            mine.commit()
        return made


def act(
    twin: Twin, id: str, what: Act, by: str, note: str = "", body: Mapping[str, Any] | None = None, at: datetime | None = None, book: Book | None = None
) -> Case:  # fmt: skip
    """Let something happen to a case. Raises NotFound, Conflict, BadRequest, TooLarge, Unsupported; then nothing is changed.

    With a `book` it goes on record when that is committed.
    """
    with twin.turn:
        mine = book or Book(twin)
        held, kind, _ = mine.held(id)
        must(held.asset, "case", id)
        by, note = person(by), _note(note)
        given = _taken(what, body or {})
        permit(kind, held, what, given, by, note)
        brought = form.attached(twin, given.get("files", ()), kind.attachments, _proofs(kind), len(held.files))
        if brought:
            given["files"] = [msgspec.to_builtins(f) for f in brought]
        now = at or twin.clock.now()
        match what:
            case "advance":
                given |= _advanced(twin, kind, held, given, now)
            case "resume":
                given["form"] = form.checked(kind.form, given.get("form", {}), "form") if given.get("form") else {}
            case "extend" if (due := sla.step_due(kind, held, twin.calendar, twin.city.zone)) is None or due.at < now:
                raise Conflict("the deadline has passed, or there is none", "it is put off before it passes", held.id)
            case "reopen" if held.parent and mine.held(held.parent)[0].state == "closed":
                raise Conflict("the case above is closed", "reopen it first", held.parent)
        there = kind.step(given["to"]) if what in ("advance", "return", "reopen") else None
        if there and there.bodies:
            given |= {"bodies": [b.id for b in there.bodies], "need": there.need}
        made = mine.next(id, what, now, by, note, given)
        if book is None:
            mine.commit()
        return made


def _advanced(twin: Twin, kind: CaseType, held: Case, given: dict[str, Any], now: datetime) -> dict[str, Any]:
    """What goes on record with a step taken: the form checked, draw and score as facts, whether the case ends. Raises BadRequest, Conflict, NotFound, TooLarge."""
    step, there = kind.step(held.step), kind.step(given["to"])
    assert step is not None  # permitted
    assert there is not None
    filled = form.checked(step.form, given.get("form", {}), "form")
    facts = _drawn(twin, step, given.get("draw", ""))
    if step.score:
        day = now.astimezone(ZoneInfo(twin.city.zone)).date()
        facts |= _scored(twin, kind, step.score, {**known(twin, held), **filled, **facts}, day)
    _guarded(twin, kind, step, {**known(twin, held), **filled, **facts}, given["to"])
    if lacking := missing([step, *([] if there.next else [there])], [*held.files, *_files(given)]):
        told = "; ".join(f"{p.title.zh} {p.title.en} ({n} of {p.least})" for p, n in lacking)
        raise Conflict(f"proofs are missing: {told}", f"attach files with proof: {', '.join(p.id for p, _ in lacking)}", "files")  # fmt: skip
    return {"form": filled, "ends": not there.next, **({"facts": facts} if facts else {})}


def _drawn(twin: Twin, step: Step, draw: str) -> dict[str, Any]:
    """The draw that a step asks for, as facts: who was drawn, and its id. Raises Conflict, NotFound, BadRequest, TooLarge."""
    if not step.draw:
        if draw:
            raise BadRequest(f"step '{step.id}' asks for no draw", "leave it out", "draw")
        return {}
    if not draw:
        raise Conflict(f"step '{step.id}' asks for a draw", "name one whose seed was told, see /api/draws", "draw")
    lot = lots.lot(twin, draw)
    if lot.seed is None:
        raise Conflict(f"the seed of draw '{draw}' was not told yet", "tell it first: nobody can check it before", "draw")  # fmt: skip
    if len(lot.drawn) > MOST_DRAWN:
        raise TooLarge(f"draw '{draw}' has {len(lot.drawn)} members", f"at most {MOST_DRAWN} for a case", "draw")
    return {step.draw: [d.id for d in lot.drawn], f"{step.draw}_draw": lot.id}


def _scored(twin: Twin, kind: CaseType, local: str, facts: Mapping[str, Any], day: Any) -> dict[str, Any]:
    """Points and grade by the version of a scorecard that holds on a day, as facts, with what each factor gave. Raises Conflict, NotFound."""
    pack = kind.id.partition(".")[0]
    try:
        found = scorecard.score(find(twin.scorecards, f"{pack}.{local}", "scorecard"), twin.decision_tables[pack], facts, day)  # fmt: skip
    except BadRequest as e:
        raise Conflict(f"scorecard '{local}' cannot score: {e.message}", e.hint, local) from None
    return {
        f"{local}_points": found.points,
        f"{local}_grade": found.grade,
        f"{local}_score": msgspec.to_builtins(found),
    }


def known(twin: Twin, held: Case) -> dict[str, Any]:
    """What tables may ask of a case: all that was filled in, attributes of its asset (`asset`), how often it came back."""
    found = twin.store.fetch("SELECT attributes FROM asset WHERE asset_id = $id", {"id": held.asset}) if held.asset else None  # fmt: skip
    asset = msgspec.json.decode(found["attributes"][0].as_py() or "{}") if found is not None and found.num_rows else {}
    return {"asset": asset, "returns": held.returns, "reopens": held.reopens, **held.facts}


def _files(given: Mapping[str, Any]) -> list[Any]:
    """The files that go with an act."""
    return [f if isinstance(f, File) else File(**f) for f in given.get("files", ())]


def advance(twin: Twin, id: str, to: str, by: str, note: str = "", at: datetime | None = None, form_: Mapping[str, Any] | None = None) -> None:  # fmt: skip
    """Move a case to its next step. Raises NotFound, Conflict when it may not go on, BadRequest when the step does not follow."""
    act(twin, id, "advance", by, note, {"to": to, **({"form": form_} if form_ else {})}, at)


def follows(twin: Twin, kind: CaseType, held: Case) -> tuple[str, ...]:
    """The steps that may follow now, by the step's `next` and its guard."""
    step = kind.step(held.step)
    if step is None or held.state != "open":
        return ()
    allowed = _guard(twin, kind, step.guard, known(twin, held)) if step.guard else None
    return tuple(s for s in step.next if allowed is None or s in allowed)


def load(twin: Twin, id: str) -> tuple[Case, CaseType]:
    """A case and its kind. Raises NotFound."""
    held, kind, _ = Book(twin).held(id)
    return held, kind


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
    days = max((k for kind in twin.cases.values() for s in kind.steps for k in s.remind), default=0)
    # whose deadline is further off than any reminder reaches, festivals and weekends counted, is nobody's news
    near = twin.store.fetch(
        "SELECT case_id FROM case_file WHERE closed IS NULL AND least(due, whole_due) <= $until",
        {"until": now + timedelta(days=2 * days + 15)},
    )
    for those in events(twin, near["case_id"].to_pylist()).values():
        held = case(those)
        kind = twin.cases.get(held.type)
        if kind is not None:
            found += sla.notices(kind, held, twin.calendar, twin.city.zone, now)
    return sorted(found, key=lambda n: (n.at, n.case, n.key))


def told(twin: Twin, notice: sla.Notice, by: str) -> None:
    """Put on record that a notice was given: it is not due again. Idempotent. Raises NotFound."""
    with twin.turn:
        book = Book(twin)
        held, _, _ = book.held(notice.case)
        if notice.key in held.told or held.state == "closed":
            return
        body = {"key": notice.key, "kind": notice.kind, "to": msgspec.to_builtins(notice.to)}
        book.next(held.id, "notify", twin.clock.now(), person(by), "", body)
        book.commit()


def _guarded(twin: Twin, kind: CaseType, step: Step, facts: Mapping[str, Any], to: str) -> None:
    if not step.guard:
        return
    allowed = _guard(twin, kind, step.guard, facts, strict=True)
    if to not in allowed:
        raise Conflict(f"table '{step.guard}' does not let the case go to '{to}'", f"it says: {', '.join(allowed) or 'nothing'}", "to")  # fmt: skip


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
    for name, asked in needed.items():
        if asked and name not in given:
            raise BadRequest(f"'{name}' is missing", f"{what} takes: {', '.join(known)}", name)
    if what == "extend" and (isinstance(given.get("days"), bool) or not isinstance(given.get("days"), int)):
        raise BadRequest("'days' is missing, or no whole number", "by how many days the deadline is put off", "days")
    if what in ("assign", "delegate"):
        given["to"] = person(given["to"])
    return given


def _proofs(kind: CaseType) -> dict[str, tuple[str, ...]]:
    return {p.id: p.media for s in kind.steps for p in s.proofs}


def _note(note: str) -> str:
    if len(note) > LONGEST_NOTE or "\0" in note:
        raise BadRequest("the note is too long or not text", f"at most {LONGEST_NOTE} characters", "note")
    return note
