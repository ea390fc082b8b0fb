"""Who is drawn, and can it be checked? A draw commits to a seed and a list first, and tells the seed later; both are sealed."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from citytwin.engine.decision import person
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.errors import BadRequest, Conflict, NotFound
from citytwin.kernel.store import Change
from citytwin.science import draw

MOST = 100_000
"""Members of one list."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Somebody who was drawn, with the ticket."""

    id: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Lot:
    """A draw of `size` from a list: what was committed to (SHA-256 of seed and list), and once the seed was told (and by whom), who was drawn, lowest ticket first."""

    id: str
    title: str
    commitment: str
    population: str
    members: int
    size: int
    by: str
    committed: datetime
    seed: str | None = None
    revealed: datetime | None = None
    drawn: tuple[Drawn, ...] = ()
    revealed_by: str = ""


def commit(twin: Twin, title: str, commitment: str, members: Sequence[str], size: int, by: str) -> Lot:
    """Put a draw on record before its seed is told, and seal it. Raises BadRequest."""
    if len(commitment) != 64 or any(c not in "0123456789abcdef" for c in commitment):
        raise BadRequest("the commitment is no SHA-256", "64 hexadecimal digits in lower case: SHA-256 of the seed", "commitment")  # fmt: skip
    if len(members) > MOST:
        raise BadRequest(f"the list has {len(members)} members", f"at most {MOST}", "members")
    if not 1 <= size <= len(members):
        raise BadRequest(f"{size} cannot be drawn from {len(members)}", "from 1 to as many as there are", "size")
    try:
        population = draw.population(members)
    except ValueError as e:
        raise BadRequest(f"the list is none: {e}", "every member once", "members") from None
    lot = Lot(secrets.token_hex(8), title, commitment, population, len(members), size, person(by), twin.clock.now())
    with twin.turn:
        if rows(twin.store.fetch("SELECT draw FROM draw_row WHERE commitment = $c", {"c": commitment})):
            raise Conflict("this seed was committed to already", "every draw has a seed of its own", "commitment")
        insert = Change(
            "INSERT INTO draw_row VALUES ($draw, $title, $commitment, $population, $size, $members, $actor, $committed, NULL, NULL, NULL, '')",
            {
                "draw": lot.id, "title": title, "commitment": commitment, "population": population, "size": size, "actor": lot.by, "committed": lot.committed,
                "members": msgspec.json.encode(sorted(members)).decode(),
            },
        )  # fmt: skip
        twin.store.commit(insert, leaves=[("draw", f"{lot.id} committed", _digest(lot))])
    return lot


def reveal(twin: Twin, id: str, seed: str, by: str) -> Lot:
    """Tell the seed of a draw, and draw; sealed. Raises NotFound, Conflict where it was told, BadRequest where it is another seed."""
    by = person(by)
    with twin.turn:
        lot, members = _held(twin, id)
        if lot.seed is not None:
            raise Conflict("the seed was told already", "see who was drawn", id)
        if not draw.opens(seed, lot.commitment):
            raise BadRequest("this is not the seed that was committed to", f"its SHA-256 is {lot.commitment}", "seed")
        found = tuple(Drawn(*d) for d in draw.drawn(seed, members, lot.size))
        now = twin.clock.now()
        made = replace(lot, seed=seed, revealed=now, drawn=found, revealed_by=by)
        update = Change(
            "UPDATE draw_row SET seed = $seed, drawn = $drawn, revealed = $now, revealed_by = $by WHERE draw = $draw",
            {"seed": seed, "drawn": msgspec.json.encode(found).decode(), "now": now, "by": by, "draw": id},
        )
        twin.store.commit(update, leaves=[("draw", f"{id} drawn", _digest(made))])
    return made


def lot(twin: Twin, id: str) -> Lot:
    """A draw. Raises NotFound."""
    return _held(twin, id)[0]


def lots(twin: Twin) -> list[Lot]:
    """All draws, the oldest first."""
    return [_read(r)[0] for r in rows(twin.store.fetch("SELECT * FROM draw_row ORDER BY committed, draw"))]


def members(twin: Twin, id: str) -> list[str]:
    """The list of a draw, sorted. Raises NotFound."""
    return _held(twin, id)[1]


def _held(twin: Twin, id: str) -> tuple[Lot, list[str]]:
    found = rows(twin.store.fetch("SELECT * FROM draw_row WHERE draw = $id", {"id": id}))
    if not found:
        raise NotFound(f"there is no draw '{id[:100]}'", "see /api/draws", id[:100])
    return _read(found[0])


def _read(r: dict[str, Any]) -> tuple[Lot, list[str]]:
    held: list[str] = msgspec.json.decode(r["members"])
    drawn: list[dict[str, Any]] = msgspec.json.decode(r["drawn"]) if r["drawn"] else []
    made = Lot(
        r["draw"], r["title"], r["commitment"], r["population"], len(held), r["size"], r["actor"], r["committed"], r["seed"], r["revealed"],
        tuple(Drawn(**d) for d in drawn), r["revealed_by"] or "",
    )  # fmt: skip
    return made, held


def _digest(lot: Lot) -> str:
    told = msgspec.to_builtins(lot)
    if not lot.revealed_by:  # draws of before it was on record keep the digests that seal them
        del told["revealed_by"]
    return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()
