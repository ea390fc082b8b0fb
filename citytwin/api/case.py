"""Who does what by when? Cases: lists, board, calendar and map, what happened to each, and what people do to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from citytwin.api.house import House
from citytwin.api.page import Page, Paged, fetched, title, where
from citytwin.api.route import Body, Query, Route
from citytwin.engine import handle, tally
from citytwin.engine.tally import Tally
from citytwin.kernel import feel
from citytwin.kernel.case import Case, CaseType, File, Limits, Need, Proof, State, Step, missing
from citytwin.kernel.errors import BadRequest, NotFound
from citytwin.kernel.title import Title

By = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Note = Annotated[str, msgspec.Meta(max_length=10_000)]
Id = Annotated[str, msgspec.Meta(max_length=200)]
MOST_DAYS = 400
"""Days of one calendar, or of one span of statistics."""


class CaseItem(msgspec.Struct, frozen=True, kw_only=True):
    """A case: the step it is at, who is to act, and until when. `guessed` marks a deadline in a year whose working days are not known yet.

    `days_left` counts the working days after today up to the nearer of its deadlines (0: today is the last one, or it passed today; below 0: late by so many);
    null where there is none, or the clock stands.
    """

    id: str
    type: str
    title: Title
    asset: str
    asset_title: Title
    alarm: str | None
    step: str
    step_title: Title
    role: Title | None
    opened: datetime
    due: datetime | None
    overdue: bool
    closed: datetime | None
    state: State
    source: str
    measure: str
    parent: str
    holder: str
    whole_due: datetime | None
    guessed: bool
    returns: int
    reopens: int
    longitude: float | None
    latitude: float | None
    days_left: int | None


class Verdict(msgspec.Struct, frozen=True):
    """What the decision table of a step (`pack.table`) says of all that was filled in: its value, the rows that fit (from 1), or why it says nothing."""

    table: str
    value: Any
    rows: tuple[int, ...]
    fault: str


class Lacking(msgspec.Struct, frozen=True):
    """A proof that is not there yet: how many files there are of it, and the steps that the case does not get to without it."""

    proof: Proof
    have: int
    to: tuple[str, ...]


class Happened(msgspec.Struct, frozen=True):
    """Something that happened to a case: the n-th event, what was done, the step it was at then, and what it is about."""

    time: datetime
    step: str
    title: Title
    by: str
    note: str
    n: int
    act: str
    body: dict[str, Any]


class CaseDetail(CaseItem, frozen=True, kw_only=True):
    """A case with all its steps, what happened so far, and what may follow: `follows` are the steps that its guard lets it go to now, `verdict` is what the guard says.

    `form` is what was asked of who opened it, `attachments` what may be attached, `need` whose answers let it go on.
    """

    steps: tuple[Step, ...]
    history: list[Happened]
    follows: tuple[str, ...]
    facts: dict[str, Any]
    files: tuple[File, ...]
    answers: dict[str, str]
    children: list[CaseItem]
    waited_s: float
    form: Mapping[str, Any] | None
    attachments: Limits
    need: Need
    verdict: Verdict | None
    lacking: list[Lacking]
    whole_days: int


class CaseQuery(Paged, frozen=True, kw_only=True):
    """Which cases."""

    state: Literal["open", "waiting", "closed"] | None = None
    type: Annotated[str, msgspec.Meta(description="case type")] | None = None
    asset: Annotated[str, msgspec.Meta(description="asset")] | None = None
    holder: Annotated[str, msgspec.Meta(description="who has it: their tasks")] | None = None
    step: Annotated[str, msgspec.Meta(description="the step it is at")] | None = None
    parent: Annotated[str, msgspec.Meta(description="the case above")] | None = None
    measure: Annotated[str, msgspec.Meta(description="the measure (plan.measure)")] | None = None
    overdue: Annotated[bool, msgspec.Meta(description="whether it is late")] | None = None
    order: Annotated[Literal["newest", "due"], msgspec.Meta(description="which come first")] = "newest"


class MapQuery(Query, frozen=True, kw_only=True):
    """Which cases to put on the map, and how many at most."""

    state: Literal["open", "waiting", "closed"] | None = None
    type: Annotated[str, msgspec.Meta(description="case type")] | None = None
    holder: Annotated[str, msgspec.Meta(description="who has it")] | None = None
    asset: Annotated[str, msgspec.Meta(description="asset")] | None = None
    overdue: Annotated[bool, msgspec.Meta(description="whether it is late")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000, description="how many at most")] = 1000


class Bringing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file sent to /api/files before, and the proof that it is, if any."""

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    proof: Id = ""


class Opening(Body, frozen=True, kw_only=True):
    """A case to be opened: what kind, by whom, what about (an asset, an alarm, a measure, a place), and its form."""

    type: Id
    by: By
    note: Note = ""
    asset: Id = ""
    measure: Id = ""
    parent: Id = ""
    alarm: Id = ""
    longitude: float | None = None
    latitude: float | None = None
    form: dict[str, Any] = msgspec.field(default_factory=dict)
    files: Annotated[list[Bringing], msgspec.Meta(max_length=200)] = msgspec.field(default_factory=list)


class Advance(Body, frozen=True, kw_only=True):
    """The step that follows, who takes it (and in which role), what there is to say, the form of the step and files, and the draw where one is asked for."""

    to: str
    by: By
    note: Note = ""
    role: Id = ""
    draw: Id = ""
    form: dict[str, Any] = msgspec.field(default_factory=dict)
    files: Annotated[list[Bringing], msgspec.Meta(max_length=200)] = msgspec.field(default_factory=list)


class Acting(Body, frozen=True, kw_only=True):
    """What somebody does to a case. `to` is a step (return, reopen) or a person (assign, delegate); `body` and `answer` are those of a body that is asked; `days`
    puts the deadline off (extend); `role` is the one in which they act."""

    act: Literal["return", "reopen", "wait", "resume", "extend", "assign", "delegate", "give_back", "join", "answer", "attach", "comment"]  # fmt: skip
    by: By
    note: Note = ""
    to: Id = ""
    bodies: Annotated[list[Id], msgspec.Meta(max_length=50)] = msgspec.field(default_factory=list)
    need: Literal["all", "any", "answered"] | None = None
    body: Id = ""
    answer: Literal["agree", "object"] | None = None
    public: bool = False
    days: Annotated[int, msgspec.Meta(ge=1, le=3660)] | None = None
    role: Id = ""
    form: dict[str, Any] = msgspec.field(default_factory=dict)
    files: Annotated[list[Bringing], msgspec.Meta(max_length=200)] = msgspec.field(default_factory=list)


class Lane(msgspec.Struct, frozen=True):
    """A column of the board: the cases at one step that are not closed, how many, and the first of them by deadline."""

    step: str
    title: Title
    role: Title
    total: int
    items: list[CaseItem]


class BoardQuery(Query, frozen=True, kw_only=True):
    """Which board, and how many cases of each step."""

    type: Annotated[str, msgspec.Meta(description="case type")]
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50


class SpanQuery(Query, frozen=True, kw_only=True):
    """Which days, of which kind."""

    since: Annotated[date, msgspec.Meta(description="first day")]
    until: Annotated[date, msgspec.Meta(description="day after the last")]
    type: Annotated[str, msgspec.Meta(description="case type")] | None = None


class Day(msgspec.Struct, frozen=True):
    """A day of the calendar: whether offices work (null: the table does not say), and what is due by its end."""

    day: date
    works: bool | None
    due: list[CaseItem]


class NoticeItem(msgspec.Struct, frozen=True):
    """Somebody to be told: of which case, what, whom, and since when."""

    case: str
    key: str
    kind: Literal["remind", "late", "escalate"]
    at: datetime
    to: Title
    holder: str
    due: datetime


SELECT = """
  SELECT CASE WHEN c.closed IS NULL THEN 0 ELSE 1 END AS done,
         CAST(-extract(epoch FROM c.opened) * 1000000 AS BIGINT) AS age,
         coalesce(CAST(extract(epoch FROM least(c.due, c.whole_due)) * 1000000 AS BIGINT), 9223372036854775806) AS due_us, c.*, a.title_zh, a.title_en, coalesce(c.longitude, a.longitude) AS x,
         coalesce(c.latitude, a.latitude) AS y
  FROM case_file AS c LEFT JOIN asset AS a ON a.asset_id = c.asset_id"""
ORDER: Mapping[str, type] = {"done": int, "age": int, "case_id": str}
"""Open ones first, and of those the newest."""
BY_DUE: Mapping[str, type] = {"done": int, "due_us": int, "case_id": str}
"""Open ones first, and of those the ones due first."""


def fields(house: House, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row of SELECT says of a case."""
    kind = house.twin.cases.get(row["type"])
    step = kind.step(row["step"]) if kind else None
    now = house.now()
    dues = [row[k] for k in ("due", "whole_due") if row[k] is not None] if row["closed"] is None and row["state"] != "waiting" else []  # fmt: skip
    return {
        "id": row["case_id"],
        "type": row["type"],
        "title": kind.title if kind else Title(row["type"], row["type"]),
        "asset": row["asset_id"],
        "asset_title": title(row, row["asset_id"]),
        "alarm": row["alarm"],
        "step": row["step"],
        "step_title": step.title if step else Title(row["step"], row["step"]),
        "role": Title(row["charge_zh"], row["charge_en"]) if row["charge_zh"] else step.role if step else None,
        "opened": row["opened"],
        "due": row["due"],
        "overdue": row["closed"] is None and any(row[k] is not None and row[k] < now for k in ("due", "whole_due")),
        "closed": row["closed"],
        "longitude": row["x"],
        "latitude": row["y"],
        "days_left": _days_left(house, min(dues), now) if dues else None,
        **{k: row[k] for k in ("state", "source", "measure", "parent", "holder", "whole_due", "guessed", "returns", "reopens")},
    }  # fmt: skip


def _days_left(house: House, due: datetime, now: datetime) -> int:
    zone = ZoneInfo(house.twin.city.zone)
    last = (due - timedelta(microseconds=1)).astimezone(zone).date()
    return house.twin.calendar.between(now.astimezone(zone).date(), last, guess=True)


def _item(house: House, row: Mapping[str, Any]) -> CaseItem:
    return CaseItem(**fields(house, row))


def cases(house: House, query: CaseQuery) -> Page[CaseItem]:
    """Cases, open and newest first"""
    open_ = None if query.state is None else query.state != "closed"
    clause, params = where(
        {
            "(c.closed IS NULL) = $open": open_,
            "c.state = $state": query.state if query.state == "waiting" else None,
            "c.type = $type": query.type,
            "c.asset_id = $asset": query.asset,
            "c.holder = $holder": query.holder,
            "c.step = $step": query.step,
            "c.parent = $parent": query.parent,
            "c.measure = $measure": query.measure,
        }
    )
    if query.overdue is not None:
        late = (
            "(c.closed IS NULL AND (coalesce(c.due < $now, FALSE) OR coalesce(c.whole_due < $now, FALSE))) = $overdue"
        )
        clause = f"{clause} AND {late}" if clause else f"WHERE {late}"
        params |= {"now": house.now(), "overdue": query.overdue}
    return fetched(
        house, f"{SELECT} {clause}", params, query, BY_DUE if query.order == "due" else ORDER, lambda r: _item(house, r)
    )


def of_asset(house: House, asset: str, limit: int) -> list[CaseItem]:
    """The newest cases of one asset."""
    sql = f"{SELECT} WHERE c.asset_id = $asset ORDER BY age, case_id LIMIT {limit:d}"
    return [_item(house, r) for r in house.rows(sql, {"asset": asset})]


def case(house: House, id: str) -> CaseDetail:
    """A case with its steps, what happened so far, and what may follow"""
    found = house.rows(f"{SELECT} WHERE c.case_id = $id", {"id": id})
    if not found:
        raise NotFound(f"there is no case '{id}'", "see /api/cases", id)
    kind = house.twin.cases.get(found[0]["type"])
    history = []
    for event in handle.history(house.twin, id):
        step = kind.step(event["step"]) if kind else None
        name = step.title if step else Title(event["step"], event["step"])
        at = (event["time"], event["step"], name, event["actor"], event["note"])
        history.append(Happened(*at, event["n"], event["act"], event["body"]))
    held: Case | None = handle.load(house.twin, id)[0] if kind else None
    waited = sum(((p.until or house.now()) - p.since for p in held.pauses), timedelta()) if held else timedelta()
    below = house.rows(f"{SELECT} WHERE c.parent = $id ORDER BY age, case_id LIMIT 100", {"id": id})
    return CaseDetail(
        **fields(house, found[0]), steps=kind.steps if kind else (), history=history, follows=handle.follows(house.twin, kind, held) if kind and held else (),
        facts=dict(held.facts) if held else {}, files=held.files if held else (), answers=dict(held.answers) if held else {}, children=[_item(house, r) for r in below],
        waited_s=waited.total_seconds(), form=kind.form if kind else None, attachments=kind.attachments if kind else Limits(), need=held.need if held else "all",
        verdict=_verdict(house, kind, held) if kind and held else None, lacking=_lacking(kind, held) if kind and held else [], whole_days=kind.days if kind else 0,
    )  # fmt: skip


def _verdict(house: House, kind: CaseType, held: Case) -> Verdict | None:
    step = kind.step(held.step)
    if step is None or not step.guard:
        return None
    pack = kind.id.partition(".")[0]
    found = house.twin.decision_tables[pack].decide(step.guard, handle.known(house.twin, held))
    return Verdict(f"{pack}.{step.guard}", feel.plain(found.value), found.rows, found.fault)


def _lacking(kind: CaseType, held: Case) -> list[Lacking]:
    here = kind.step(held.step)
    found: dict[str, Lacking] = {}
    for to in here.next if here else ():
        there = kind.step(to)
        for proof, have in missing([here, there if there and not there.next else None], held.files):
            found[proof.id] = Lacking(proof, have, (*(found[proof.id].to if proof.id in found else ()), to))
    return list(found.values())


def open_case(house: House, body: Opening) -> CaseDetail:
    """Open a case by hand, for an alarm or a measure, or under another case"""
    made = handle.open_case(
        house.twin, body.type, body.by, "hand", body.note, asset=body.asset, measure=body.measure, parent=body.parent, alarm=body.alarm,
        longitude=body.longitude, latitude=body.latitude, form_=body.form, files=[msgspec.to_builtins(f) for f in body.files],
    )  # fmt: skip
    return case(house, made.id)


def advance(house: House, id: str, body: Advance) -> CaseDetail:
    """Take the next step of a case"""
    given = {k: v for k, v in msgspec.to_builtins(body).items() if k not in ("by", "note")}
    handle.act(house.twin, id, "advance", body.by, body.note, given)
    return case(house, id)


def act(house: House, id: str, body: Acting) -> CaseDetail:
    """Do something to a case: send it back, wait, hand it on, ask others, answer, attach, comment"""
    given = msgspec.to_builtins(body)
    what, by, note = given.pop("act"), given.pop("by"), given.pop("note")
    if not given["public"]:
        del given["public"]
    handle.act(house.twin, id, what, by, note, given)
    return case(house, id)


def board(house: House, query: BoardQuery) -> list[Lane]:
    """The cases of one kind that are not closed, by step, those due first in front"""
    kind = house.twin.cases.get(query.type)
    if kind is None:
        raise NotFound(f"there is no case type '{query.type}'", "see /api/packs", "type")
    sql = f"""SELECT * FROM (SELECT m.*, row_number() OVER (PARTITION BY step ORDER BY due_us, age, case_id) AS place, count(*) OVER (PARTITION BY step) AS total
                FROM ({SELECT} WHERE c.type = $type AND c.closed IS NULL) AS m) AS n WHERE place <= $most ORDER BY step, place"""
    lanes: dict[str, list[Mapping[str, Any]]] = {}
    for row in house.rows(sql, {"type": query.type, "most": query.limit}):
        lanes.setdefault(row["step"], []).append(row)
    return [
        Lane(s.id, s.title, s.role, lanes[s.id][0]["total"] if s.id in lanes else 0, [_item(house, r) for r in lanes.get(s.id, ())])
        for s in kind.steps
        if s.next
    ]  # fmt: skip


def calendar(house: House, query: SpanQuery) -> list[Day]:
    """Days with what is due on each, and whether offices work"""
    since, until = _span(house, query)
    zone = ZoneInfo(house.twin.city.zone)
    sql = f"{SELECT} WHERE c.closed IS NULL AND least(c.due, c.whole_due) > $since AND least(c.due, c.whole_due) <= $until AND ($type = '' OR c.type = $type) ORDER BY due_us, case_id"
    due: dict[date, list[CaseItem]] = {}
    for row in house.rows(sql, {"since": since, "until": until, "type": query.type or ""}):
        first = min(row[k] for k in ("due", "whole_due") if row[k] is not None)
        last = (first - timedelta(microseconds=1)).astimezone(zone).date()
        due.setdefault(last, []).append(_item(house, row))
    days = house.twin.calendar
    found = []
    for k in range((query.until - query.since).days):
        day = query.since + timedelta(days=k)
        found.append(Day(day, days.works(day) if day.year in days.years else None, due.get(day, [])))
    return found


def places(house: House, query: MapQuery) -> dict[str, Any]:
    """Cases that have a place, as GeoJSON: their own, or that of their asset"""
    made: dict[str, Any] = {"type": "FeatureCollection", "features": []}
    page = cases(house, CaseQuery(**msgspec.structs.asdict(query)))
    for item in page.items:
        if item.longitude is not None and item.latitude is not None:
            point = {"type": "Point", "coordinates": [item.longitude, item.latitude]}
            made["features"].append({"type": "Feature", "id": item.id, "geometry": point, "properties": msgspec.to_builtins(item)})  # fmt: skip
    return made


def statistics(house: House, query: SpanQuery) -> list[Tally]:
    """What was done on time, how old what is open is, how often work came back: cases opened in a span of days, by kind"""
    since, until = _span(house, query)
    return tally.tally(house.twin, since, until, house.now(), query.type or "")


def notices(house: House) -> list[NoticeItem]:
    """Who is to be told of which case by now, and was not"""
    return [NoticeItem(**{f: getattr(n, f) for f in n.__slots__}) for n in handle.notices(house.twin, house.now())]


def holders(house: House) -> dict[str, int]:
    """Who has how many cases that are not closed"""
    found = house.rows("SELECT holder, count(*) AS n FROM case_file WHERE closed IS NULL AND holder <> '' GROUP BY holder ORDER BY n DESC, holder LIMIT 1000")  # fmt: skip
    return dict(Counter({r["holder"]: r["n"] for r in found}))


def _span(house: House, query: SpanQuery) -> tuple[datetime, datetime]:
    if not 0 < (query.until - query.since).days <= MOST_DAYS:
        raise BadRequest("the span is none, or too long", f"until is 1 to {MOST_DAYS} days after since", "until")
    zone = ZoneInfo(house.twin.city.zone)
    a, b = (datetime(d.year, d.month, d.day, tzinfo=zone) for d in (query.since, query.until))
    return a, b


ROUTES = (
    Route("GET", "/cases", cases),
    Route("POST", "/cases", open_case, status=201),
    Route("GET", "/cases/board", board),
    Route("GET", "/cases/calendar", calendar),
    Route("GET", "/cases/map", places, media="application/geo+json"),
    Route("GET", "/cases/statistics", statistics),
    Route("GET", "/cases/notices", notices),
    Route("GET", "/cases/holders", holders),
    Route("GET", "/cases/{id}", case),
    Route("POST", "/cases/{id}/advance", advance),
    Route("POST", "/cases/{id}/acts", act),
)
