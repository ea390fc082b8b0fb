"""Who does what by when? A case is work with steps, a role for each, and deadlines in working days; what it is now is what its events add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from citytwin.kernel.errors import BadRequest, Conflict
from citytwin.kernel.indicator import Period
from citytwin.kernel.title import Title

Act = Literal[
    "open", "advance", "return", "reopen", "wait", "resume", "extend", "assign", "delegate", "give_back", "join", "answer", "attach", "comment", "child",
    "child_done", "escalate", "notify",
]  # fmt: skip
State = Literal["open", "waiting", "closed"]
Source = Literal["alarm", "measure", "form", "schedule", "hand", "case"]
Need = Literal["all", "any", "answered"]


KNOWN = frozenset({"asset", "returns", "reopens"})
"""Facts that tables may ask of every case: the attributes of its asset (`asset.category`), and how often it came back."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What must be attached before a step is done: at least so many files of these media types (`image/*` too)."""

    id: str
    title: Title
    media: tuple[str, ...] = ()
    least: int = 1


@dataclass(frozen=True, slots=True)
class Body:
    """A body that is asked for its answer in a step handled jointly."""

    id: str
    title: Title


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is told when a step is late by so many working days; where it `hands_over`, the step is theirs from then on, whoever had it."""

    after_days: int
    to: Title
    hands_over: bool = False


@dataclass(frozen=True, slots=True)
class Opens:
    """Cases of kind `type` that are opened under a case as it comes to a step: one, or one for `each` item of a list that is known (the id of an asset: at it).

    `to` is a list of people: they have the cases in turn.
    """

    type: str
    each: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a case: the `role` that acts, within `days` working days, `calendar_days` or `hours` office hours; `next` are the steps it may lead to (none: the end).

    `form` (JSON Schema) is filled in by who takes the case on from here. `guard` is a decision table over all that was filled in: it says which step follows.
    `score` is a scorecard over the same: points and grade are facts from then on. `draw` asks for a draw whose seed was told: who was drawn is a fact of that name. `proofs` must be attached before the
    case goes on (at the end: before it gets there). `bodies` answer, and `need` says whose answer lets it go on. Who took the case on from one of the steps `apart`
    may not do so from here. Reminders come `remind` working days before the deadline, which may be put off by `extend` days in all. When it passes, the case goes on
    to `lapse` by itself, with no form and no proofs; bodies that said nothing agree. `opens` are cases opened under it as it gets here.
    """

    id: str
    title: Title
    role: Title
    days: int = 0
    next: tuple[str, ...] = ()
    hours: float = 0.0
    form: Mapping[str, Any] | None = None
    guard: str = ""
    proofs: tuple[Proof, ...] = ()
    bodies: tuple[Body, ...] = ()
    need: Need = "all"
    remind: tuple[int, ...] = ()
    escalate: tuple[Escalation, ...] = ()
    calendar_days: int = 0
    extend: int = 0
    lapse: str = ""
    apart: tuple[str, ...] = ()
    score: str = ""
    draw: str = ""
    opens: tuple[Opens, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be attached to a case: media types (`image/*` too), bytes of each file, how many files."""

    media: tuple[str, ...] = ("image/*", "application/pdf", "text/plain")
    largest: int = 20_000_000
    most: int = 50


@dataclass(frozen=True, slots=True)
class Recurring:
    """Opened anew every so often: at every asset of type `per`; under every case of kind `under` while it is at one of the steps `at`; or once for the city."""

    every: Period
    per: str = ""
    under: str = ""
    at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseType:
    """A kind of work. It starts at the first step, and is to end within `days` working days or `calendar_days` where any are given.

    `form` (JSON Schema) is filled in by who opens one. A `public` kind is a service that citizens may ask for (Open311); `about` tells them what it is for.
    `tells` are the facts that a case above it learns when it ends.
    """

    id: str
    title: Title
    steps: tuple[Step, ...]
    days: int = 0
    public: bool = False
    about: Title | None = None
    form: Mapping[str, Any] | None = None
    attachments: Limits = Limits()
    recurs: Recurring | None = None
    calendar_days: int = 0
    tells: tuple[str, ...] = ()

    def step(self, id: str) -> Step | None:
        return next((s for s in self.steps if s.id == id), None)

    def fields(self) -> frozenset[str]:
        """The names of everything that is filled in, or follows from it at a step."""
        forms = (self.form, *(s.form for s in self.steps))
        found = {name for f in forms if f for name in f.get("properties", {})}
        found |= {f"{s.score}_{part}" for s in self.steps if s.score for part in ("points", "grade")}
        return frozenset(found | {name for s in self.steps if s.draw for name in (s.draw, f"{s.draw}_draw")})


def facts(kinds: Iterable[CaseType]) -> frozenset[str]:
    """What the tables of a pack may ask about: everything that is filled in in cases of these kinds, and what is known of every case."""
    return KNOWN.union(*(k.fields() for k in kinds))


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a case: the n-th event (from 1). `body` holds what the act is about; nothing of it is looked up when events are added up."""

    case: str
    n: int
    time: datetime
    act: Act
    by: str = ""
    note: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """A span in which the clock stands, because the applicant must act."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file of the case, by the SHA-256 of its bytes; `proof` names what it shows, if anything that is asked for."""

    sha256: str
    name: str
    size: int
    media: str
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """How a case stands. `entered` is when it came to its step (with event `entry`), `visited` the steps it was at, in order.

    `holders` are those it was given to, the one who acts last; `charge` is whom the step was handed over to from its role; `answers` holds for every body that is
    asked its answer (`agree`, `object`, or nothing yet); `children` are the open ones; `told` are the notices that were given, and what was handed over; `facts` all
    that was filled in; `did` who took it on from each step; `extended` by how many days this step, and `longer` all of them, were put off.
    """

    id: str
    type: str
    step: str
    state: State
    opened: datetime
    entered: datetime
    entry: int
    n: int
    source: Source = "hand"
    asset: str = ""
    alarm: str | None = None
    measure: str = ""
    parent: str = ""
    longitude: float | None = None
    latitude: float | None = None
    closed: datetime | None = None
    visited: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    need: Need = "all"
    children: frozenset[str] = frozenset()
    files: tuple[File, ...] = ()
    comments: int = 0
    returns: int = 0
    reopens: int = 0
    pauses: tuple[Pause, ...] = ()
    told: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = field(default_factory=dict)
    charge: Title | None = None
    did: Mapping[str, str] = field(default_factory=dict)
    extended: int = 0
    longer: int = 0

    @property
    def holder(self) -> str:
        """Who has it now."""
        return self.holders[-1] if self.holders else ""


def case(events: Iterable[Event]) -> Case:
    """What events add up to. Raises ValueError where they do not begin with the opening, or one is missing."""
    made: Case | None = None
    for event in events:
        made = after(made, event)
    if made is None:
        raise ValueError("no events")
    return made


def after(held: Case | None, event: Event) -> Case:
    """The case after one more event. Pure: needs no declaration, no store, no clock."""
    body = event.body
    if held is None:
        if event.act != "open" or event.n != 1:
            raise ValueError(f"case {event.case} begins with '{event.act}'")
        return Case(
            id=event.case, type=body["type"], step=body["step"], state="open", opened=event.time, entered=event.time, entry=1, n=1,
            source=body.get("source", "hand"), asset=body.get("asset", ""), alarm=body.get("alarm"), measure=body.get("measure", ""),
            parent=body.get("parent", ""), longitude=body.get("longitude"), latitude=body.get("latitude"), visited=(body["step"],),
            facts=dict(body.get("form", {})), files=_files(body), **_asked(body),
        )  # fmt: skip
    if event.n != held.n + 1 or event.case != held.id:
        raise ValueError(f"event {event.n} of {event.case} does not follow {held.n} of {held.id}")
    now = replace(held, n=event.n)
    match event.act:
        case "advance" | "return" | "reopen":
            ends = bool(body.get("ends"))
            pauses = _ended(held.pauses, event.time)
            return replace(
                now, step=body["to"], state="closed" if ends else "open", closed=event.time if ends else None, entered=event.time, entry=event.n,
                visited=(*held.visited, body["to"]), holders=(), charge=None, extended=0, files=(*held.files, *_files(body)),
                facts={**held.facts, **body.get("form", {}), **body.get("facts", {})}, did={**held.did, held.step: event.by} if event.act == "advance" else held.did,
                returns=held.returns + (event.act == "return"), reopens=held.reopens + (event.act == "reopen"),
                pauses=(*pauses, Pause(held.closed, event.time)) if event.act == "reopen" and held.closed else pauses, **_asked(body),
            )  # fmt: skip
        case "wait":
            return replace(now, state="waiting", pauses=(*held.pauses, Pause(event.time)))
        case "resume":
            return replace(
                now,
                state="open",
                pauses=_ended(held.pauses, event.time),
                facts={**held.facts, **body.get("form", {})},
                files=(*held.files, *_files(body)),
            )
        case "extend":
            return replace(now, extended=held.extended + body["days"], longer=held.longer + body["days"])
        case "assign":
            return replace(now, holders=(body["to"],))
        case "delegate":
            return replace(now, holders=(*held.holders, body["to"]))
        case "give_back":
            return replace(now, holders=held.holders[:-1])
        case "join":
            more = {b: "" for b in body["bodies"] if b not in held.answers}
            return replace(now, answers={**held.answers, **more}, need=body.get("need", held.need))
        case "answer":
            return replace(now, answers={**held.answers, body["body"]: body["answer"]}, files=(*held.files, *_files(body)))  # fmt: skip
        case "attach":
            return replace(now, files=(*held.files, *_files(body)))
        case "comment":
            return replace(now, comments=held.comments + 1)
        case "child":
            return replace(now, children=held.children | {body["case"]})
        case "child_done":
            return replace(now, children=held.children - {body["case"]}, facts={**held.facts, **body.get("form", {})})
        case "escalate":
            return replace(now, charge=Title(**body["to"]), holders=(), told=held.told | {body["key"]})
        case "notify":
            return replace(now, told=held.told | {body["key"]})
    raise ValueError(f"there is no act '{event.act}'")


def permit(kind: CaseType, held: Case, act: Act, body: Mapping[str, Any], by: str, note: str) -> None:
    """Whether an act may happen to a case now, as far as the case itself can tell. Raises Conflict, BadRequest."""
    if held.state == "closed" and act not in ("reopen", "comment", "child_done"):
        raise Conflict("the case is closed", "reopen it first" if act != "advance" else "", held.id)
    if held.state == "waiting" and act in ("advance", "return", "wait", "extend", "escalate"):
        raise Conflict("the case waits for the applicant", "resume it first", held.id)
    if act in ("return", "reopen", "wait", "extend") and not note.strip():
        raise BadRequest(f"it is not said why ({act})", "give the reason in note", "note")
    lapses = bool(body.get("lapse"))
    if act in ("advance", "return", "wait", "extend") and not lapses:
        _permit_person(kind, held, act, str(body.get("role", "")), by)
    match act:
        case "advance":
            _permit_advance(kind, held, body["to"], lapses)
        case "extend":
            step = kind.step(held.step)
            left = (step.extend if step else 0) - held.extended
            if not 1 <= body["days"] <= left:
                raise Conflict(f"the step cannot be put off by {body['days']} days", f"at most {left} more" if left > 0 else "it was, or never is", "days")  # fmt: skip
        case "return" if body["to"] not in held.visited or body["to"] == held.step:
            raise BadRequest(f"the case was never at '{body['to']}'", f"it was at: {_listed(held, held.step)}", "to")
        case "reopen":
            if held.state != "closed":
                raise Conflict("the case is not closed", "return it to an earlier step", held.id)
            step = kind.step(body["to"])
            if body["to"] not in held.visited or step is None or not step.next:
                raise BadRequest(f"the case cannot be reopened at '{body['to']}'", f"it was at: {_listed(held, held.step)}", "to")  # fmt: skip
        case "resume" if held.state != "waiting":
            raise Conflict("the case does not wait", "there is nothing to resume", held.id)
        case "delegate" | "give_back" if held.holder and held.holder != by:
            raise Conflict(f"'{held.holder}' has the case", "only who has it hands it on", "by")
        case "give_back" if len(held.holders) < 2:
            raise Conflict("the case was not handed on", "assign it to somebody", held.id)
        case "delegate" if body["to"] in held.holders:
            raise Conflict(f"'{body['to']}' had the case already", "give it back instead", "to")
        case "answer" if body["body"] not in held.answers:
            raise BadRequest(f"'{body['body'][:100]}' is not asked", f"asked are: {', '.join(held.answers) or 'none'}", "body")  # fmt: skip


def _permit_person(kind: CaseType, held: Case, act: Act, role: str, by: str) -> None:
    """Whether it is theirs to act: who has the case acts; who says in which role acts in that of the step; no one does what others are to do apart."""
    step = kind.step(held.step)
    if held.holder and by != held.holder:
        raise Conflict(f"'{held.holder}' has the case", "assign it to yourself first, which stays on record", "by")
    charge = held.charge or (step.role if step else None)
    if role and charge and role not in (charge.zh, charge.en):
        raise Conflict(
            f"step '{held.step}' is not done by '{role[:100]}'", f"it is by: {charge.zh} {charge.en}", "role"
        )
    if act == "advance" and step:
        for other in step.apart:
            if by and held.did.get(other) == by:
                raise Conflict(f"'{by}' did step '{other}' of this case", f"somebody else does '{step.id}'", "by")


def _permit_advance(kind: CaseType, held: Case, to: str, lapses: bool) -> None:
    here, there = kind.step(held.step), kind.step(to)
    if here is None or there is None or to not in here.next:
        allowed = ", ".join(here.next) if here else ""
        raise BadRequest(f"step '{to[:100]}' does not follow '{held.step}'", f"what follows: {allowed}", "to")
    if held.answers and (why := _unanswered(held, lapses)):
        raise Conflict(why, "let them answer, or return the case", held.id)
    if not there.next and held.children:
        raise Conflict(f"{len(held.children)} cases under this one are open", f"close first: {', '.join(sorted(held.children)[:5])}", held.id)  # fmt: skip


def _unanswered(held: Case, lapses: bool = False) -> str:
    """Why the answers of the bodies do not let the case go on; nothing where they do. Where the step lapses, who said nothing agrees."""
    given = {b: a or "agree" for b, a in held.answers.items()} if lapses else held.answers
    if held.need == "any":
        return "" if "agree" in given.values() else f"none of {', '.join(given)} agreed"
    missing = [b for b, answer in given.items() if not answer or (held.need == "all" and answer != "agree")]
    return f"not yet agreed by: {', '.join(missing)}" if missing else ""


def missing(steps: Sequence[Step | None], files: Sequence[File]) -> list[tuple[Proof, int]]:
    """The proofs that these steps ask for and these files do not give: each with how many there are."""
    found = []
    for step in steps:
        for proof in step.proofs if step else ():
            n = len({f.sha256 for f in files if f.proof == proof.id and fits(f.media, proof.media)})
            if n < proof.least:
                found.append((proof, n))
    return found


def fits(media: str, wanted: Sequence[str]) -> bool:
    """Whether a media type is one of those (`image/*` stands for all images; none at all for any)."""
    return not wanted or any(media == w or (w.endswith("/*") and media.startswith(w[:-1])) for w in wanted)


def _files(body: Mapping[str, Any]) -> tuple[File, ...]:
    return tuple(f if isinstance(f, File) else File(**f) for f in body.get("files", ()))


def _asked(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"answers": dict.fromkeys(body.get("bodies", ()), ""), "need": body.get("need", "all")}


def _ended(pauses: tuple[Pause, ...], at: datetime) -> tuple[Pause, ...]:
    if pauses and pauses[-1].until is None:
        return (*pauses[:-1], Pause(pauses[-1].since, at))
    return pauses


def _listed(held: Case, but: str) -> str:
    return ", ".join(v for v in dict.fromkeys(held.visited) if v != but) or "no other step"
