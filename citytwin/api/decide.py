"""What follows from the facts? Kinds of cases and their drawings, decision tables, scorecards and draws."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, Literal

import anyio.to_thread
import msgspec
import yaml

from citytwin.api.house import House
from citytwin.api.page import Page, Paged, listed, read, title
from citytwin.api.route import Body, Call, Route
from citytwin.engine import bpmn, lots, rank
from citytwin.engine.lots import Lot
from citytwin.engine.twin import find
from citytwin.kernel import feel
from citytwin.kernel import scorecard as scoring
from citytwin.kernel.case import CaseType
from citytwin.kernel.dmn import DecisionTable
from citytwin.kernel.errors import NotFound
from citytwin.kernel.scorecard import Score, Scorecard
from citytwin.kernel.title import Title

XML = "application/xml"
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class TableItem(msgspec.Struct, frozen=True):
    """A decision table of a pack; `id` is `pack.table`."""

    id: str
    pack: str
    table: DecisionTable


class Facts(Body, frozen=True, kw_only=True):
    """What is known, by name."""

    facts: dict[str, Any]


class Decided(msgspec.Struct, frozen=True):
    """What a table says, which rows fit (from 1), or the fault that keeps it from saying anything."""

    value: Any
    rows: tuple[int, ...]
    fault: str


class Scored(Body, frozen=True, kw_only=True):
    """What is known, by name, and the day whose version is to score (today's where none is given)."""

    facts: dict[str, Any]
    day: date | None = None


class Committed(Body, frozen=True, kw_only=True):
    """A draw before its seed is told: SHA-256 (hex) of the seed, the list, and how many are to be drawn."""

    title: Text
    commitment: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    members: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=lots.MOST)]
    size: Annotated[int, msgspec.Meta(ge=1, le=lots.MOST)]
    by: Text


class Revealed(Body, frozen=True, kw_only=True):
    """The seed that was committed to."""

    seed: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
    by: Text


class Imported(msgspec.Struct, frozen=True):
    """A kind of case as a drawing shows it, and how it is written in cases.yaml."""

    case: CaseType
    yaml: str


def case_types(house: House, query: Paged) -> Page[CaseType]:
    """Kinds of cases"""
    return listed(enumerate(house.twin.cases.values()), query)


def drawing(house: House, id: str) -> bytes:
    """A kind of case as BPMN 2.0"""
    return bpmn.written(find(house.twin.cases, id, "case type"))


async def drawn(house: House, call: Call) -> Imported:
    """What a BPMN 2.0 document says as a kind of case; nothing is kept"""
    data = await call.body(bpmn.LARGEST)
    kind = await anyio.to_thread.run_sync(partial(bpmn.read, data), limiter=house.limiter)
    said = {k: v for k, v in msgspec.to_builtins(kind).items() if v not in (None, [], {}, 0, False)}
    said["steps"] = [{k: v for k, v in s.items() if v not in (None, [], {}, 0, "")} for s in said["steps"]]
    return Imported(kind, yaml.safe_dump({"cases": [said]}, allow_unicode=True, sort_keys=False, width=160))


def decision_tables(house: House, query: Paged) -> Page[TableItem]:
    """Decision tables of all packs"""
    found = [TableItem(f"{p}.{t.id}", p, t) for p, ts in house.twin.decision_tables.items() for t in ts.tables.values()]
    return listed(enumerate(found), query)


def decided(house: House, id: str, body: Facts) -> Decided:
    """What a decision table says of these facts"""
    pack, _, local = id.partition(".")
    tables = house.twin.decision_tables.get(pack)
    if tables is None or local not in tables.tables:
        raise NotFound(f"there is no decision table '{id}'", "see /api/decision-tables", id)
    found = tables.decide(local, body.facts)
    return Decided(feel.plain(found.value), found.rows, found.fault)


def scorecards(house: House, query: Paged) -> Page[Scorecard]:
    """Scorecards of all packs, with all their versions"""
    return listed(enumerate(house.twin.scorecards.values()), query)


def scorecard(house: House, id: str) -> Scorecard:
    """A scorecard with all its versions"""
    return find(house.twin.scorecards, id, "scorecard")


class ScoresQuery(Paged, frozen=True, kw_only=True):
    """Which scores: by what version, of what grade; the highest first, else the newest. Of a case the last one, unless `all`."""

    version: int | None = None
    grade: Annotated[str, msgspec.Meta(max_length=200)] = ""
    order: Literal["points", "newest"] = "points"
    all: bool = False


class ScoreItem(msgspec.Struct, frozen=True, kw_only=True):
    """A score that a case was given, when and by whom; `place` counts from 1 in the list that was asked for."""

    place: int
    case: str
    type: str
    title: Title
    asset: str
    asset_title: Title
    time: datetime
    by: str
    version: int
    points: float
    grade: str
    parts: tuple[scoring.Part, ...]


def scores(house: House, id: str, query: ScoresQuery) -> Page[ScoreItem]:
    """Cases by the scores that they were given under a scorecard"""
    read(query.cursor, (int,))
    find(house.twin.scorecards, id, "scorecard")
    found = rank.given(house.twin, id)
    if not query.all:
        found = rank.last(found)
    kept = [g for g in found if query.version in (None, g.score.version) and query.grade in ("", g.score.grade)]
    kept.sort(key=lambda g: (-g.score.points if query.order == "points" else 0.0, -g.time.timestamp(), g.case, -g.n))
    page = listed(enumerate(kept), query)
    first = next((n for n, g in enumerate(kept) if page.items and g is page.items[0]), 0) + 1
    sql = "SELECT asset_id, title_zh, title_en FROM asset WHERE list_contains($assets, asset_id)"
    assets = {r["asset_id"]: r for r in house.rows(sql, {"assets": [g.asset for g in page.items]})}
    items = [_scored(house, assets, n, g) for n, g in enumerate(page.items, first)]
    return Page(items, page.total, page.next)


def _scored(house: House, assets: Mapping[str, Mapping[str, Any]], place: int, g: rank.Given) -> ScoreItem:
    kind = house.twin.cases.get(g.type)
    return ScoreItem(
        place=place, case=g.case, type=g.type, title=kind.title if kind else Title(g.type, g.type), asset=g.asset, time=g.time, by=g.by, version=g.score.version,
        points=g.score.points, grade=g.score.grade, parts=g.score.parts,
        asset_title=title(assets[g.asset], g.asset) if g.asset in assets else Title(g.asset, g.asset),
    )  # fmt: skip


def score_course(house: House, id: str) -> list[rank.Month]:
    """How scores under a scorecard went, by month and version"""
    find(house.twin.scorecards, id, "scorecard")
    return rank.course(rank.given(house.twin, id), house.twin.city.zone)


def score(house: House, id: str, body: Scored) -> Score:
    """The score of these facts, with what each factor gave"""
    card = find(house.twin.scorecards, id, "scorecard")
    return scoring.score(card, house.twin.decision_tables[id.partition(".")[0]], body.facts, body.day or house.today())


def draws(house: House, query: Paged) -> Page[Lot]:
    """Draws, the oldest first"""
    return listed(enumerate(lots.lots(house.twin)), query)


def draw(house: House, id: str) -> Lot:
    """A draw: what was committed to, and who was drawn"""
    return lots.lot(house.twin, id)


def members(house: House, id: str) -> list[str]:
    """The list of a draw, sorted: with it and the seed anybody can draw again"""
    return lots.members(house.twin, id)


def commit_draw(house: House, body: Committed) -> Lot:
    """Commit to a draw before its seed is told"""
    return lots.commit(house.twin, body.title, body.commitment, body.members, body.size, body.by)


def reveal_draw(house: House, id: str, body: Revealed) -> Lot:
    """Tell the seed of a draw: who is drawn follows from it"""
    return lots.reveal(house.twin, id, body.seed, body.by)


ROUTES = (
    Route("GET", "/case-types", case_types),
    Route("POST", "/case-types/bpmn", drawn, bodies=(XML,)),
    Route("GET", "/case-types/{id}/bpmn", drawing, media=XML, response=bytes),
    Route("GET", "/decision-tables", decision_tables),
    Route("POST", "/decision-tables/{id}/decide", decided),
    Route("GET", "/scorecards", scorecards),
    Route("GET", "/scorecards/{id}", scorecard),
    Route("GET", "/scorecards/{id}/scores", scores),
    Route("GET", "/scorecards/{id}/course", score_course),
    Route("POST", "/scorecards/{id}/score", score),
    Route("GET", "/draws", draws),
    Route("POST", "/draws", commit_draw, status=201),
    Route("GET", "/draws/{id}", draw),
    Route("GET", "/draws/{id}/members", members),
    Route("POST", "/draws/{id}/reveal", reveal_draw),
)
