"""What would people do? Works on a demo's cases through the same door as people: in office hours, mostly in time, with every form, proof and answer that is asked for."""

from __future__ import annotations

import heapq
import logging
import struct
import zlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from citytwin.engine import arise, files, handle
from citytwin.engine.enter import Book, digest
from citytwin.engine.twin import Twin, rows
from citytwin.kernel import sla
from citytwin.kernel.case import Case, CaseType, Step, missing
from citytwin.kernel.demo import Begun, Move
from citytwin.kernel.errors import BadRequest, CityTwinError
from citytwin.kernel.store import Change
from citytwin.kernel.workday import DAY, HOURS

log = logging.getLogger("citytwin.perform")
SHARES = (0.35, 0.6, 0.85, 0.5, 0.7, 0.3, 0.9, 0.55, 1.25, 0.4, 0.75, 0.65, 0.8)
"""Shares of the time allowed that acts take, in turn: one in thirteen is late."""
PATIENCE = timedelta(days=4)
"""How long applicants take, and steps without a deadline."""
PEOPLE = ("陈志远", "李晓梅", "王建国", "赵敏", "周海涛", "吴雪", "孙立新", "郑洁", "何川", "林静", "徐浩", "高岚")
AFTERNOON = timedelta(hours=7.5)
"""From half past four to midnight."""
CITIZEN, PLAYER = "市民 citizen", "演示 demo"
Forms = Mapping[str, Mapping[str, Any]]


def perform(
    twin: Twin, pack: str, begun: Sequence[Begun], paths: Mapping[str, Sequence[Sequence[Move]]], forms: Mapping[str, Forms], now: datetime,
    whole: bool = False, most: int | None = None,
) -> int:  # fmt: skip
    """Open a demo's own cases, and let people act until `now` on these, on what opened by itself, and on what opened under both. Returns how many acts went on record, all at once. Idempotent.

    What a person opened, or did anything to, is never touched (again). How far each case is on its path stays on record: asked again later, the people go on from there.
    `whole`: the first cases on each path walk it to its end, however little time there was. Raises CityTwinError where a path does not go.
    `most`, while a city is served: so many moves at once, the earliest first, the others when asked next; where time took a case elsewhere and its path does not go, it is left alone.
    """
    with twin.turn:
        book = Book(twin)
        company = _Company(twin, book, now)
        own = {own_id(pack, b.name): b for b in begun}
        place = {id: n for n, id in enumerate(own)}
        fresh = {id: place[id] for b in begun if (id := company.begin(pack, b))}
        walks = [
            _Walk(id, own[id].path, {**forms.get(own[id].type, {}), **own[id].forms}, n, whole)
            for id, n in fresh.items()
        ]
        for id, kind, n, k in _walked(twin, pack):
            local = kind.partition(".")[2]
            if b := own.get(id):
                walks.append(_Walk(id, b.path, {**forms.get(local, {}), **b.forms}, place[id], whole, k))
            elif ways := paths.get(local):
                walks.append(_Walk(id, ways[n % len(ways)], forms.get(local, {}), n, whole and n < len(ways), k))
        for id, kind, n in _unclaimed(twin, pack):
            local = kind.partition(".")[2]
            if (ways := paths.get(local)) and id not in own:
                walks.append(_Walk(id, ways[n % len(ways)], forms.get(local, {}), n, whole and n < len(ways)))
        book.fetch(w.id for w in walks)
        before = {w.id: (w.k, book.held(w.id)[0].n) for w in walks if w.id not in fresh}
        company.act(walks, most)
        return book.commit(*_remembered(book, walks, own, before))


def _walked(twin: Twin, pack: str) -> list[tuple[str, str, int, int]]:
    """Cases that the demo's people are at: the id, the kind, which of its kind it is, and the next move. What a person touched is let go for good."""
    sql = """SELECT w.case_id, w.type, w.n, w.k, EXISTS (SELECT 1 FROM case_event AS e WHERE e.case_id = w.case_id AND e.n > w.seen AND e.actor <> '') AS touched
             FROM demo_walk AS w WHERE NOT w.over AND starts_with(w.type, $pack) ORDER BY w.type, w.n, w.case_id"""
    found = rows(twin.store.fetch(sql, {"pack": f"{pack}."}))
    if gone := [r["case_id"] for r in found if r["touched"]]:
        twin.store.commit(
            Change("UPDATE demo_walk SET over = true WHERE list_contains($gone, case_id)", {"gone": gone})
        )
    return [(r["case_id"], r["type"], r["n"], r["k"]) for r in found if not r["touched"]]


def _unclaimed(twin: Twin, pack: str) -> list[tuple[str, str, int]]:
    """Open cases that opened by themselves, or under a case that the demo's people are at, and that nobody touched: the id, the kind, and which of its kind it is."""
    sql = """SELECT f.case_id, f.type FROM case_file AS f
             WHERE f.state <> 'closed' AND starts_with(f.type, $pack) AND NOT EXISTS (SELECT 1 FROM demo_walk AS w WHERE w.case_id = f.case_id)
               AND NOT EXISTS (SELECT 1 FROM case_event AS e WHERE e.case_id = f.case_id AND e.actor <> '' AND (e.n > 1 OR f.source <> 'case'))
               AND (f.source <> 'case' OR EXISTS (SELECT 1 FROM demo_walk AS p WHERE p.case_id = f.parent AND
                    NOT EXISTS (SELECT 1 FROM case_event AS e WHERE e.case_id = p.case_id AND e.n > p.seen AND e.actor <> '')))
             ORDER BY f.type, f.opened, f.case_id"""
    counted = rows(twin.store.fetch("SELECT type, max(n) + 1 AS n FROM demo_walk WHERE starts_with(type, $pack) GROUP BY type", {"pack": f"{pack}."}))  # fmt: skip
    seen = {r["type"]: r["n"] for r in counted}
    found = []
    for r in rows(twin.store.fetch(sql, {"pack": f"{pack}."})):
        n = seen[r["type"]] = seen.get(r["type"], 0)
        seen[r["type"]] += 1
        found.append((r["case_id"], r["type"], n))
    return found


def _remembered(
    book: Book, walks: Sequence[_Walk], own: Container[str], before: Mapping[str, tuple[int, int]]
) -> tuple[Change, ...]:
    """How far each walk is now, and which event was the last; also of what was told of a case under it. The demo's own cases do not count among those of their kind."""
    held = book.known()
    rows_ = {
        w.id: (held[w.id].type, -1 if w.id in own else w.n, w.k, held[w.id].n, w.over or held[w.id].state == "closed")
        for w in walks
    }
    changed = {id: r for id, r in rows_.items() if before.get(id) != (r[2], r[3]) or r[4]}
    told = {id: c.n for id, c in held.items() if id not in rows_}
    changes: list[Change] = []
    if changed:
        table = pa.table(
            {
                "case_id": list(changed),
                **{name: [r[i] for r in changed.values()] for i, name in enumerate(("type", "n", "k", "seen", "over"))},
            }
        )
        changes.append(
            Change(
                "INSERT OR REPLACE INTO demo_walk SELECT case_id, type, n, k, seen, over FROM walks",
                tables={"walks": table},
            )
        )
    if told:
        table = pa.table({"case_id": list(told), "seen": list(told.values())})
        changes.append(
            Change(
                "UPDATE demo_walk SET seen = t.seen FROM told AS t WHERE t.case_id = demo_walk.case_id AND NOT demo_walk.over",
                tables={"told": table},
            )
        )
    return tuple(changes)


@dataclass
class _Walk:
    """A case on its path: the moves still to be made begin at `k`. A `whole` one is made however little time there is."""

    id: str
    path: Sequence[Move]
    forms: Forms
    n: int
    whole: bool
    k: int = 0
    over: bool = False


def own_id(pack: str, name: str) -> str:
    """The id of a case that a demo opens itself."""
    return digest(f"demo {pack} {name}")[:16]


class _Company:
    """People who act on cases, in a book."""

    def __init__(self, twin: Twin, book: Book, now: datetime) -> None:
        self.twin, self.book, self.now = twin, book, now
        self._kept: dict[tuple[str, int], str] = {}

    def begin(self, pack: str, b: Begun) -> str:
        """Open a case. Returns its id; nothing where it is there already."""
        id = own_id(pack, b.name)
        if self.book.there(id):
            return ""
        at = self._in_office(self.now - timedelta(days=b.ago), len(b.name) * 17)
        by = CITIZEN if b.citizen else self._person(self.twin.cases[f"{pack}.{b.type}"].steps[0], None, len(b.name))
        handle.open_case(
            self.twin, f"{pack}.{b.type}", by, "form" if b.citizen else "hand", b.note, asset=b.asset, parent=own_id(pack, b.under) if b.under else "",
            longitude=b.longitude, latitude=b.latitude, form_=b.form, at=min(at, self.now), id=id, book=self.book,
        )  # fmt: skip
        return id

    def act(self, walks: Sequence[_Walk], most: int | None = None) -> None:
        """Make the moves of all paths in the order of time, for as long as there is any, `most` of them; then somebody has each case."""
        todo = [(self._when(w), k) for k, w in enumerate(walks)]
        heapq.heapify(todo)
        made = 0
        while todo and (most is None or made < most):
            at, k = heapq.heappop(todo)
            w = walks[k]
            if w.k == len(w.path) or (at > self.now and not w.whole):
                self._assign(w)
                continue
            at = min(at, self.now)
            made += 1
            try:
                arise.hand_over(self.book, w.id, at)
                held, kind, _ = self.book.held(w.id)
                self._make(w.path[w.k], kind, held, w.forms, w.n, at)
            except CityTwinError as e:
                if w.whole or most is None:
                    raise
                log.info("the demo leaves case %s alone: %s", w.id, e)  # time took it elsewhere
                w.over = True
                continue
            w.k += 1
            heapq.heappush(todo, (self._when(w), k))

    def _assign(self, w: _Walk) -> None:
        """Let somebody have a case that is open: two of three are."""
        held, kind, last = self.book.held(w.id)
        step = kind.step(held.step)
        if held.state == "open" and not held.holder and step and w.n % 3:
            handle.act(self.twin, w.id, "assign", PLAYER, "", {"to": self._person(step, held, w.n)}, last, self.book)

    def _make(self, move: Move, kind: CaseType, held: Case, forms: Forms, n: int, at: datetime) -> None:
        step = kind.step(held.step)
        what, *given = ("advance", move) if isinstance(move, str) else move
        by = held.holder or (self._person(step, held, n) if step else PLAYER)

        def act(name: Any, note: str = "", **body: Any) -> None:
            handle.act(self.twin, held.id, name, by, note, body, at, self.book)

        match what:
            case "advance":
                for body, answer in held.answers.items():
                    if not answer:
                        act("answer", "无意见", body=body, answer="agree")
                there = kind.step(given[0])
                lacking = missing([step, *([] if there is None or there.next else [there])], held.files)
                brought = [{"sha256": self._proof(p.media, k), "proof": p.id} for p, have in lacking for k in range(have, p.least)]  # fmt: skip
                act(
                    "advance",
                    to=given[0],
                    form=dict(given[1] if len(given) > 1 else forms.get(held.step, {})),
                    files=brought,
                )
            case "return":
                act("return", given[1], to=given[0])
            case "wait":
                act("wait", given[0])
            case "resume":
                by = CITIZEN
                act("resume", "已补齐")
            case "extend":
                act("extend", given[1], days=int(given[0]))
            case "answer":
                by = given[0]
                act("answer", given[2] if len(given) > 2 else "", body=given[0], answer=given[1])
            case "comment":
                act("comment", given[0], public=True)
            case _:
                raise BadRequest(f"a demo does not know the move '{what}'", "advance, return, wait, resume, extend, answer or comment", kind.id)  # fmt: skip

    def _when(self, w: _Walk) -> datetime:
        """When the next move comes: after a share of the time allowed, in office hours; after so many days where the path says so."""
        held, kind, last = self.book.held(w.id)
        share, days = SHARES[(w.n + w.k) % len(SHARES)], 0.0
        while w.k < len(w.path) and w.path[w.k][0] == "days":
            days += float(w.path[w.k][1])
            w.k += 1
        due = sla.step_due(kind, held, self.twin.calendar, self.twin.city.zone)
        allowed = timedelta(days=days) if days else share * (due.at - held.entered if due else PATIENCE)
        since = last if days or due is None else held.entered
        at = self._in_office(since + allowed, (w.n + w.k) * 37)
        if due and share <= 1 and at >= due.at:  # nobody in time waits for the next day
            at = due.at - AFTERNOON
        return max(at, last)

    def _in_office(self, at: datetime, minute: int) -> datetime:
        """This moment, or, where offices are closed, some minutes after they open next."""
        zone, calendar = ZoneInfo(self.twin.city.zone), self.twin.calendar
        local = at.astimezone(zone)
        day = local.date()
        if calendar.works(day, guess=True) and HOURS[0][0] <= local.time() < HOURS[-1][1]:
            return at
        if local.time() >= HOURS[-1][1]:
            day += DAY
        while not calendar.works(day, guess=True):
            day += DAY
        return (datetime.combine(day, time(9), zone) + timedelta(minutes=minute % 170)).astimezone(at.tzinfo)

    def _person(self, step: Step, held: Case | None, n: int) -> str:
        """Somebody of the role, who is not one of those that are to keep apart."""
        taken = {held.did.get(other) for other in step.apart} if held else set()
        first = int(digest(step.role.zh)[:4], 16) + n % 2
        return next(p for k in range(len(PEOPLE)) if (p := PEOPLE[(first + k) % len(PEOPLE)]) not in taken)

    def _proof(self, media: Sequence[str], n: int) -> str:
        """A file of one of these media types, kept once for the whole demo."""
        kind = next((m for m in media if m in ("image/*", "image/png", "application/pdf", "text/plain")), "image/png")
        if (kind, n) not in self._kept:
            data, name = {
                "application/pdf": lambda: (paper(n), f"演示文件{n + 1}.pdf"),
                "text/plain": lambda: (f"演示文件 {n + 1} demo\n".encode(), f"演示文件{n + 1}.txt"),
            }.get(kind, lambda: (picture(n), f"演示照片{n + 1}.png"))()
            self._kept[kind, n] = files.keep(self.twin, data, name, PLAYER).sha256
        return self._kept[kind, n]


def picture(n: int) -> bytes:
    """A small PNG that shows nothing: 160 by 120 pixels, a shade for every number."""
    lines = b"".join(b"\0" + bytes(c for x in range(160) for c in (x // 2 + 90, y + 100, 60 + 40 * (n % 4))) for y in range(120))  # fmt: skip

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 160, 120, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")


def paper(n: int) -> bytes:
    """A PDF of one page that says that it is one of the demo."""
    text = f"BT /F1 24 Tf 72 720 Td (Demo document {n + 1}) Tj ET".encode()
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    made, places = b"%PDF-1.4\n", []
    for k, part in enumerate(parts, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (k, part)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1) + b"".join(b"%010d 00000 n \n" % p for p in places)
    return made + table + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, len(made))
