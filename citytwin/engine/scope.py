"""At which assets may somebody do something, and why? What grants for a body, a place or a pack come to."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from citytwin.engine.people import People
from citytwin.engine.place import lying_in
from citytwin.engine.twin import Twin, find
from citytwin.kernel.errors import BadRequest, Fault, NotFound
from citytwin.kernel.right import ROLES, Caller, Grant, Person, good
from citytwin.kernel.store import Change

MOST = 200
"""Sets of assets that are remembered."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody may do something at an asset: they have this grant, which holds for it since it is (under) that body's."""

    person: Person
    grant: Grant
    body: str = ""
    """The body that the asset belongs to, where the grant is for a body."""


class Scopes:
    """Knows which body every asset belongs to, and what that makes of grants. Every method may be called from any thread."""

    def __init__(self, twin: Twin, people: People) -> None:
        self._twin, self._people = twin, people
        self._turn = threading.RLock()
        found = twin.store.fetch("SELECT asset_id, body FROM asset_body_row")
        self._body: dict[str, str] = dict(zip(found["asset_id"].to_pylist(), found["body"].to_pylist(), strict=True))
        self._of: dict[frozenset[tuple[str, str, str]], frozenset[str]] = {}
        self._places: dict[str, frozenset[str]] = {}
        twin.heard.append(lambda _: self._forget())
        people.changed.append(self._forget)
        people.checks.append(self.check)

    def check(self, grant: Grant) -> None:
        """Raises BadRequest where a grant is for a place or a pack that is not there."""
        if grant.place and grant.place not in self._twin.asset_types:
            raise BadRequest(
                f"there is no asset '{grant.place[:60]}'", "a place is an asset, such as a region", "grants"
            )
        if grant.pack and grant.pack not in {p.id for p in self._twin.packs}:
            raise BadRequest(f"there is no pack '{grant.pack[:60]}'", "see /api/packs", "grants")

    # -- which body an asset belongs to

    def body(self, asset: str) -> str:
        """The body that an asset belongs to; "" where none was named."""
        return self._body.get(asset, "")

    def belonging(self, body: str) -> list[str]:
        """The assets that belong to a body itself."""
        return sorted(a for a, b in self._body.items() if b == body)

    def count(self) -> Mapping[str, int]:
        """How many assets belong to each body."""
        counted: dict[str, int] = {}
        for b in self._body.values():
            counted[b] = counted.get(b, 0) + 1
        return counted

    def chosen(self, type: str, place: str) -> set[str]:
        """The assets of a type and in a place; "": of any. Raises NotFound."""
        kinds = self._twin.asset_types
        if type:
            find(self._twin.types, type, "type")
        if place:
            find(kinds, place, "asset")
        return {a for a in (lying_in(self._twin, place) if place else kinds) if type in ("", kinds.get(a))}

    def assign(self, given: Mapping[str, str]) -> dict[str, str]:
        """Say which body assets belong to ("": to none); returns what it was where it is another now. All or none. Raises BadRequest naming every one at fault."""
        with self._turn:
            bodies = {b.id for b in self._people.bodies}
            faults = [
                Fault(asset[:80], "ASSET", f"there is no asset '{asset[:80]}'", "see /api/assets")
                for asset in given
                if asset not in self._twin.asset_types
            ]
            faults += [
                Fault(asset[:80], "BODY", f"there is no body '{body[:60]}'", "see /api/bodies")
                for asset, body in given.items()
                if body and body not in bodies
            ]
            if faults:
                raise BadRequest(
                    f"{len(faults)} assets or bodies are not there; nothing was changed", "mend the ones named", "assets", tuple(faults[:100])
                )  # fmt: skip
            before = {a: self._body.get(a, "") for a, b in given.items() if self._body.get(a, "") != b}
            if not before:
                return {}
            table = pa.table({"asset_id": list(before), "body": [given[a] for a in before]})
            self._twin.store.commit(
                Change(
                    "DELETE FROM asset_body_row WHERE asset_id IN (SELECT asset_id FROM said)", tables={"said": table}
                ),
                Change(
                    "INSERT INTO asset_body_row SELECT asset_id, body FROM said WHERE body <> ''",
                    tables={"said": table},
                ),
            )
            for asset in before:
                if given[asset]:
                    self._body[asset] = given[asset]
                else:
                    self._body.pop(asset, None)
            self._forget()
            return before

    # -- what grants come to

    def assets(self, caller: Caller, *rights: str) -> frozenset[str] | None:
        """At which assets they have one of these rights; None: in all of the city."""
        if any(caller.whole(r) for r in rights):
            return None
        parts = frozenset((g.body, g.place, g.pack) for r in rights for g in caller.by(r))
        with self._turn:
            if parts not in self._of:
                if len(self._of) >= MOST:
                    self._of.clear()
                self._of[parts] = frozenset().union(*(self._covered(Grant("", *p)) for p in parts))
            return self._of[parts]

    def known(self, caller: Caller, *rights: str) -> frozenset[str] | None:
        """The same if it was found out before; None where it has to be, or where it is all of the city."""
        return self._of.get(frozenset((g.body, g.place, g.pack) for r in rights for g in caller.by(r)))

    def _covered(self, grant: Grant) -> set[str]:
        """The assets that a grant for a part holds for."""
        found = set(self._twin.asset_types)
        if grant.body:
            under = self._people.under(grant.body)
            found = {a for a, b in self._body.items() if b in under and a in found}
        if grant.place:
            if grant.place not in self._places:
                self._places[grant.place] = lying_in(self._twin, grant.place)
            found &= self._places[grant.place]
        if grant.pack:
            kinds = self._twin.asset_types
            found = {a for a in found if kinds[a].partition(".")[0] == grant.pack}
        return found

    def reasons(self, asset: str, right: str = "see") -> Sequence[Reason]:
        """Who has a right at an asset, by which grants. Raises NotFound."""
        if asset not in self._twin.asset_types:
            raise NotFound(f"there is no asset '{asset[:80]}'", "see /api/assets", asset[:80])
        now, found = self._people.now(), []
        with self._turn:
            for person in self._people.persons:
                for grant in () if person.disabled else good(person.grants, now):
                    if right in ROLES[grant.role].rights and (grant.whole or asset in self._covered(grant)):
                        found.append(Reason(person, grant, self.body(asset) if grant.body else ""))
        return found

    def _forget(self) -> None:
        with self._turn:
            self._of.clear()
            self._places.clear()
