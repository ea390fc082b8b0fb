"""Which entities belong together? Creates, changes, links and deletes as SensorThings 2.0 has it: whole relations at once, and none that breaks what must hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from citytwin.engine import register
from citytwin.engine.observe import TIME, found, slot_of
from citytwin.engine.register import Making, reference
from citytwin.engine.twin import Twin
from citytwin.kernel import swe
from citytwin.kernel.errors import BadRequest, Conflict, NotFound
from citytwin.kernel.register import BONDS, Altered, Bond, Entry, Kind, Seen, addressed

Target = str | Entry | Seen | Altered
_OWNER: Mapping[str, Kind] = {
    "datastream_ultimate": "datastream",
    "datastream_property_row": "datastream",
    "historical_location_place": "historical_location",
}
"""Whose rows of links are: they change only with that entity."""
_INVERSE: Mapping[tuple[Kind, str], str] = {
    here: there[1]
    for here, one in BONDS.items()
    for there, other in BONDS.items()
    if (one.table, one.near, one.far) == (other.table, other.far, other.near)
}
_OM = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_"
_TYPES = {"Quantity": "Measurement", "Count": "CountObservation", "Boolean": "TruthObservation", "Category": "CategoryObservation"}  # fmt: skip


def create(twin: Twin, entry: Entry) -> str:
    """Register an entity with all that comes with it, or nothing of it; returns its id. Raises BadRequest, NotFound, Conflict."""
    return register.create(twin, entry, Relating)


def observe(twin: Twin, stream: Entry, seen: Seen) -> str:
    """Put an observation on record that brings its datastream along; returns its id."""
    with twin.turn:
        made = Relating(twin)
        tail = made.sighted(made.entity(stream), seen)
        made.commit()
        key = twin.store.newest(made.streams[-1])
    assert key is not None
    return f"{key[0]}{tail}"


def alter(twin: Twin, altered: Altered) -> None:
    """Say an entity anew with all that is inside it, or nothing of it. Raises BadRequest, NotFound, Conflict."""
    with twin.turn:
        made = Relating(twin)
        made.alter(altered)
        made.commit()


def link(twin: Twin, kind: Kind, id: str, name: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
    """Add links of an entity and take others away. Raises BadRequest where what must hold would not, NotFound, Conflict."""
    with twin.turn:
        made = Relating(twin)
        made.present(kind, id)
        if name == "observations":  # there may be millions of them
            made.observations(kind, id, add, remove)
        else:
            kept = [t for t in made.current(kind, id, name) if t not in remove]
            made.settle(kind, id, name, [*kept, *add])
            made.touched.setdefault((kind, id), "update")
        made.tell(f"{kind} {id} linked", {"name": name, "added": list(add), "removed": list(remove)})
        made.commit()


def lead(twin: Twin, kind: Kind, id: str, name: str, targets: Sequence[str]) -> None:
    """Lead a link of an entity to these and no others. Raises BadRequest where what must hold would not, NotFound, Conflict."""
    with twin.turn:
        made = Relating(twin)
        made.present(kind, id)
        made.settle(kind, id, name, list(dict.fromkeys(targets)))
        if kind != "observation":  # it told by itself, if it is another now
            made.touched.setdefault((kind, id), "update")
        made.tell(f"{kind} {id} linked", {"name": name, "to": list(targets)})
        made.commit()


def delete(twin: Twin, kind: Kind, ids: Iterable[str]) -> int:
    """Delete entities and what cannot be without them; returns how many there were. Raises NotFound, Conflict."""
    count = 0
    with twin.turn:
        made = Relating(twin)
        for id in ids:
            if (kind, id) not in made.removed:  # else it went with one before it
                made.registered(kind, id)
                made.remove(kind, id)
            made.tell(f"{kind} {id} deleted", {})
            count += 1
        made.commit()
    return count


def component(twin: Twin, stream: str) -> tuple[swe.Component | None, bool]:
    """What results of a registered datastream look like, as 2.0 said it, and whether records are lists."""
    sql = "SELECT result_type, result_encoding FROM datastream_row WHERE id = $id"
    rows = twin.store.fetch(sql, {"id": stream}).to_pylist()
    if not rows or rows[0]["result_type"] is None:
        return None, False
    known = msgspec.json.decode(rows[0]["result_type"])
    encoding = msgspec.json.decode(rows[0]["result_encoding"] or "{}")
    return (None, False) if "types" in known else (known, bool(encoding.get("recordsAsArrays")))


def check(result: Any, known: swe.Component | None, arrays: bool) -> None:
    """Raises BadRequest where a result is not what its datastream says."""
    if known is not None and (fault := swe.misfit(result, known, arrays)):
        raise BadRequest(
            f"the result {fault}", "the resultType of the Datastream tells what results look like", "result"
        )


class Relating(Making):
    """The changes of one request of SensorThings 2.0."""

    automatic = False

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self.streams: list[str] = []
        """Datastreams made, in order."""
        self._definitions: dict[str, str] = {}
        self._components: dict[str, tuple[swe.Component | None, bool]] = {}
        self._moved: dict[str, str] = {}
        self._brought: set[tuple[str, str]] = set()

    def commit(self) -> None:
        """Carry everything out, or nothing."""
        super().commit()
        for id, stream in self._moved.items():
            known = self.twin.store.newest(stream)
            assert known is not None
            self.twin.moved[id] = known[0]

    # -- new entities

    def entity(self, entry: Entry) -> str:
        """Register an entity, what comes with it, and its links to what is there."""
        kind, links = entry.kind, dict(entry.links)
        values = entry.values
        if kind == "datastream":
            values, links = self._described(values, links)
        if kind == "historical_location" and not links.get("locations"):
            raise BadRequest("a HistoricalLocation has a Location", "name it, or send it along", "Locations")
        base, after = dict[str, tuple[str | Entry | Seen, ...]](), dict[str, list[str | Entry | Seen]]()
        own = {"datastream": ("thing", "sensor", "properties", "feature", "observations")}.get(
            kind, ("thing", "locations", "things")
        )
        for name, targets in links.items():
            # what the entity cannot be without is made before it, the rest is linked to it
            mine = [t for t in targets if name in own and not (name == "observations" and not isinstance(t, Seen))]
            base[name] = tuple(mine)
            after[name] = [t for t in targets if t not in mine]
        id = super().entity(Entry(kind, values, {n: t for n, t in base.items() if t}))
        if kind == "observed_property":
            self._definitions[id] = values["definition"]
        if kind == "datastream":
            self.streams.append(id)
            arrays = bool((values.get("result_encoding") or {}).get("recordsAsArrays"))
            self._components[id] = (values["result_type"], arrays)
        for name, rest in after.items():
            if rest:
                self.settle(kind, id, name, [*self.current(kind, id, name), *rest])
        return id

    def _described(
        self, values: Mapping[str, Any], links: Mapping[str, tuple[str | Entry | Seen, ...]]
    ) -> tuple[dict[str, Any], dict[str, tuple[str | Entry | Seen, ...]]]:
        """A datastream whose resultType names the observed properties that it is linked to."""
        given = [self.linked("observed_property", t) for t in links.get("properties", ())]
        known, ids = self.described(values["result_type"], given)
        arrays = bool((values.get("result_encoding") or {}).get("recordsAsArrays"))
        for seen in links.get("observations", ()):
            if isinstance(seen, Seen):
                check(seen.result, known, arrays)
        return {**values, "result_type": known, **told(known, arrays, len(ids))}, {**links, "properties": tuple(ids)}

    def described(self, said: swe.Component, given: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
        """A resultType with entity-ids as definitions, and the observed properties behind them. Raises BadRequest where there are none, or others are given."""
        leaves = list(swe.leaves(said))
        ids: list[str] = []

        def define(leaf: swe.Component) -> str:
            definition = leaf.get("definition")
            if definition is None and len(leaves) == len(given) == 1:
                id = given[0]
            else:
                id = self._property(str(definition or ""), given)
            ids.append(id)
            return reference(id)

        made = swe.defined(said, define)
        unique = list(dict.fromkeys(ids))
        if given and set(given) != set(unique):
            raise BadRequest(
                "the ObservedProperties are not those that the resultType names",
                "name each in a definition of the resultType, by its @id or its own definition",
                "ObservedProperties",
            )
        return made, unique

    def _property(self, definition: str, given: Sequence[str]) -> str:
        """The observed property that a definition means: by its entity-id, or by the definition that it has itself."""
        address = addressed(definition)
        if address and address[0] == "ObservedProperties":
            if self.exists("observed_property", address[1]):
                return address[1]
        else:
            found = [id for id, own in self._definitions.items() if own == definition]
            found = found or self.ids(
                "SELECT id FROM observed_property WHERE definition = $d ORDER BY id", d=definition
            )
            named = [id for id in found if id in given] or found
            if len(named) == 1:
                return named[0]
            if named:
                raise BadRequest(
                    f"{len(named)} ObservedProperties have the definition '{definition[:100]}'",
                    f"name one by its @id, such as {reference(named[0])}",
                    "resultType",
                )
        raise BadRequest(
            f"the resultType names an ObservedProperty '{definition[:100]}' that is not there",
            "a definition is the @id of an ObservedProperty, or the definition of one",
            "resultType",
        )

    # -- changes

    def present(self, kind: Kind, id: str) -> None:
        """Raises NotFound where there is no such entity."""
        if kind != "observation" and not self.exists(kind, id):
            raise NotFound(f"there is no {kind} '{id[:100]}'", "see the list of them", id[:100])

    def alter(self, altered: Altered) -> None:
        """Say an entity anew, with all that is inside it."""
        kind, id = altered.kind, altered.id
        if kind == "observation":
            self._resight(id, altered.values, altered.links)
            return
        if altered.values:
            self.registered(kind, id)
        else:
            self.present(kind, id)
        values = dict(altered.values)
        links = {name: [t for t in targets if t is not None] for name, targets in altered.links.items()}
        if kind == "datastream" and (values.keys() & {"result_type", "result_encoding"} or "properties" in links):
            values |= self._redescribed(id, values, links.pop("properties", None))
        self.say(kind, id, values)
        self.touched.setdefault((kind, id), "update")
        for name, targets in links.items():
            self.settle(kind, id, name, targets)
        self.tell(f"{kind} {id} changed", {k: str(v) for k, v in values.items()})

    def _redescribed(self, id: str, values: Mapping[str, Any], given: Sequence[Target] | None) -> dict[str, Any]:
        """A datastream with another resultType; its links to observed properties follow."""
        self.registered("datastream", id)
        old, arrays = component(self.twin, id)
        said = values.get("result_type", old)
        if said is None:
            raise BadRequest("the Datastream says no resultType yet", "send it along", "resultType")
        targets = [self.target("datastream", id, "properties", t) for t in given or ()]
        known, ids = self.described(said, targets)
        if "result_encoding" in values:
            arrays = bool((values["result_encoding"] or {}).get("recordsAsArrays"))
        before = (swe.structure(old), component(self.twin, id)[1]) if old is not None else None
        if before is not None and before != (swe.structure(known), arrays) and self._observed(id):
            raise Conflict(
                "the Datastream has Observations, which would not fit another structure",
                "make another Datastream",
                "resultType",
            )
        if self.current("datastream", id, "properties") != ids:
            self.run("DELETE FROM datastream_property_row WHERE datastream = $id", id=id)
            for n, property in enumerate(ids):
                self.row("datastream_property_row", datastream=id, n=n, property=property)
        self._multi |= (says := told(known, arrays, len(ids)))["multi"]
        return {"result_type": known, **says}

    def _observed(self, stream: str) -> bool:
        sql = "SELECT s.id FROM sensing AS s JOIN stream_row AS r ON r.key = s.key WHERE r.stream = $id LIMIT 1"
        return bool(self.ids(sql, id=stream))

    # -- links

    def current(self, kind: Kind, id: str, name: str, most: int = 1_000_000) -> list[str]:
        """Where a link of an entity leads now; of observations at most so many."""
        if name == "observations":
            if kind == "feature":
                return self.ids(
                    "SELECT id FROM observation_row WHERE ended IS NULL AND feature = $id LIMIT $most", id=id, most=most
                )
            sql = "SELECT s.id FROM sensing AS s JOIN stream_row AS r ON r.key = s.key WHERE r.stream = $id LIMIT $most"
            return self.ids(sql, id=id, most=most)
        if kind == "observation":
            stream, seen, _ = found(self.twin, id, *slot_of(self.twin, id))
            one = stream if name == "stream" else seen.feature
            return [one] if isinstance(one, str) else []
        bond = BONDS[kind, name]
        # what packs declare is linked in the views alone
        table = {
            "stream_row": "stream",
            "thing_location_row": "thing_location",
            "datastream_property_row": "datastream_property",
        }.get(bond.table, bond.table)
        order = " ORDER BY n" if name == "properties" else ""
        sql = f"SELECT {bond.far} FROM {table} WHERE {bond.near} = $id AND {bond.far} IS NOT NULL{order}"
        return self.ids(sql, id=id)

    def target(self, kind: Kind, id: str, name: str, target: Target) -> str:
        """The id behind a link; what is new is made, what is changed is said anew."""
        if isinstance(target, Altered):
            self.alter(target)
            return target.id
        if isinstance(target, Seen):
            stream = id if kind == "datastream" else self._stream(target)
            feature = id if kind == "feature" else target.feature
            return self.sighted(stream, replace(target, feature=feature))
        if name in ("observations", "stream", "feature") and kind in ("datastream", "feature", "observation"):
            far: Kind = {"observations": "observation", "stream": "datastream"}.get(name, "feature")  # type: ignore[assignment]  # they are kinds
        else:
            far = BONDS[kind, name].target
        if isinstance(target, Entry):
            back = _INVERSE.get((kind, name))
            if back and (BONDS[kind, name].needed or BONDS[kind, name].kept == "far"):
                # where it can lead to one entity alone, that is the one it comes with
                said = target.links.get(back, ()) if BONDS[far, back].kept != "near" else ()
                target = replace(target, links={**target.links, back: (*said, id)})
                made = self.entity(target)
                self._brought.add((far, made))
                return made
            return self.entity(target)
        if far == "observation":
            try:
                found(self.twin, target, *slot_of(self.twin, target))
            except NotFound as e:
                raise BadRequest(f"the link leads nowhere: {e.message}", "create it first", target[:100]) from None
            return target
        return self.linked(far, target)

    def settle(self, kind: Kind, id: str, name: str, targets: Sequence[Target]) -> None:
        """Lead a link of an entity to these and no others."""
        # one more than wanted tells that some would have to go
        now = self.current(kind, id, name, *((len(targets) + 1,) if kind == "datastream" else ()))
        led = [(self.target(kind, id, name, t), t) for t in targets]
        ids = list(dict.fromkeys(far for far, said in led if not isinstance(said, Seen)))
        added, removed = [t for t in ids if t not in now], [t for t in now if t not in ids]
        if name == "observations" or kind == "observation":
            self._observations(kind, id, name, added, removed)
            return
        bond = BONDS[kind, name]
        if bond.target in ("location", "thing") and bond.table == "thing_location_row":
            self._placed(kind, id, ids, added, removed)
            return
        if (kind, name) == ("historical_location", "locations") and not ids:
            raise BadRequest("a HistoricalLocation has a Location", "name one", "Locations")
        for far in removed:
            self._part(kind, id, name, bond, far, ids)
        for far in added:
            if (bond.target, far) not in self._brought:
                self._join(kind, id, bond, far)

    def _placed(self, kind: Kind, id: str, ids: list[str], added: list[str], removed: list[str]) -> None:
        if kind == "thing":
            if added or removed:
                self.place(id, ids, history=bool(ids))
            return
        for thing in (*added, *removed):
            before = self._places.get(thing) or self.current("thing", thing, "locations")
            after = [*(p for p in before if p != id), *([id] if thing in added else [])]
            self.place(thing, after, history=bool(after))

    def _own(self, kind: Kind, id: str, bond: Bond, far: str) -> None:
        """Raises Conflict where the entity that keeps a link is declared by a pack."""
        owner = {"near": kind, "far": bond.target}.get(bond.kept) or _OWNER.get(bond.table)
        if owner is not None:
            self.registered(owner, id if owner == kind else far)

    def _join(self, kind: Kind, id: str, bond: Bond, far: str) -> None:
        """Add one link."""
        self._own(kind, id, bond, far)
        if bond.table == "datastream_property_row":
            raise _follows()
        if bond.kept == "apart":
            self.row(bond.table, **{bond.near: id, bond.far: far})
        elif bond.kept == "near":
            self.run(f"UPDATE {bond.table} SET {bond.far} = $far WHERE {bond.near} = $id", id=id, far=far)
        else:
            self.run(f"UPDATE {bond.table} SET {bond.near} = $id WHERE {bond.far} = $far", id=id, far=far)

    def _part(self, kind: Kind, id: str, name: str, bond: Bond, far: str, ids: Sequence[str]) -> None:
        """Take one link away, or leave it to the new one that takes its place."""
        if bond.kept == "near" and ids:
            return
        if bond.table == "datastream_property_row":
            raise _follows()
        if bond.needed and not self._spared(kind, name, bond, far):
            what = bond.target if bond.kept == "far" or kind == "location" else kind
            raise BadRequest(
                f"a {_said(what)} cannot be without this link",
                "lead it elsewhere from its own side, or delete the entity",
                far[:100],
            )
        self._own(kind, id, bond, far)
        if bond.kept == "apart":
            self.run(f"DELETE FROM {bond.table} WHERE {bond.near} = $id AND {bond.far} = $far", id=id, far=far)
        elif bond.kept == "near":
            self.run(f"UPDATE {bond.table} SET {bond.far} = NULL WHERE {bond.near} = $id", id=id)
        else:
            self.run(f"UPDATE {bond.table} SET {bond.near} = NULL WHERE {bond.far} = $far", far=far)

    def _spared(self, kind: Kind, name: str, bond: Bond, far: str) -> bool:
        """Whether a needed link may go because others like it stay."""
        if (kind, name) == ("historical_location", "locations"):
            return True
        return (kind, name) == ("location", "histories") and len(self.current(bond.target, far, "locations")) > 1

    # -- observations

    def _stream(self, seen: Seen) -> str:
        """The datastream of an observation that comes with something else."""
        if seen.stream is None:
            raise BadRequest("the Observation names no Datastream", 'link it: "Datastream": {"@id": …}', "Datastream")
        return self.linked("datastream", seen.stream)

    def sighted(self, stream: str, seen: Seen) -> str:
        """Put an observation on record; returns the end of its id."""
        self.registered("datastream", stream)
        if stream not in self._components:
            self._components[stream] = component(self.twin, stream)
        check(seen.result, *self._components[stream])
        return self.observation(stream, replace(seen, stream=None))

    def observations(self, kind: Kind, id: str, add: Sequence[str], remove: Sequence[str]) -> None:
        """Lead some observations to a datastream or a feature, and others away from it."""
        there = [t for t in remove if kind == "datastream" or self.current("observation", t, "feature") == [id]]
        self._observations(kind, id, "observations", [self.target(kind, id, "observations", t) for t in add], there)

    def _observations(self, kind: Kind, id: str, name: str, added: Sequence[str], removed: Sequence[str]) -> None:
        if kind == "observation":
            if name == "stream" and removed and not added:
                raise BadRequest(
                    "an Observation cannot be without a Datastream", "lead it to another one", "Datastream"
                )
            if added or removed:
                self._resight(id, {}, {name: (added[0] if added else None,)})
            return
        if kind == "datastream" and removed:
            raise BadRequest(
                "an Observation cannot be without a Datastream", "lead it elsewhere from its own side", "Observations"
            )
        part = "stream" if kind == "datastream" else "feature"
        for one in added:
            self._resight(one, {}, {part: (id,)})
        for one in removed:
            self._resight(one, {}, {part: (None,)})

    def _resight(self, id: str, values: Mapping[str, Any], links: Mapping[str, Sequence[Any]]) -> None:
        """Say an observation anew; what it was stays on record. One of another stream leaves the place that its id tells."""
        key, slot = slot_of(self.twin, id)
        stream, seen, read = found(self.twin, id, key, slot)
        given = dict(values)
        if (span := given.pop("time", None)) is not None:
            given |= {"time": span[0], "until": span[1]}
        if "feature" in links:
            (far,) = links["feature"]
            given["feature"] = None if far is None else self.target("observation", id, "feature", far)
        if links.get("stream") == (None,):
            raise BadRequest("an Observation cannot be without a Datastream", "lead it to another one", "Datastream")
        to = self.target("observation", id, "stream", links["stream"][0]) if "stream" in links else stream
        after = replace(seen, **given)
        if after == seen and to == stream:
            return
        for one in {stream, to}:
            known = self._components[one] if one in self._components else component(self.twin, one)
            if one == to:
                check(after.result, *known)
        changed = to != stream or replace(after, feature=seen.feature) != seen
        if changed:
            self.registered("datastream", stream)
            self.registered("datastream", to)
            if read:
                self._retract.append(pa.table({"stream": [stream], "time": pa.array([slot], TIME)}))
        if to != stream:
            self._moved[id] = to
        self.end("id = $id", id=id)
        self.observation(to, after, id, slot, to == stream)

    # -- deleting

    def remove(self, kind: str, id: str) -> None:
        """Delete an entity and what depends on it; a HistoricalLocation needs one of its Locations, an Observation no Feature."""
        if (kind, id) in self.removed:
            return
        self.removed[kind, id] = None
        if kind == "location":
            sql = (
                "SELECT historical_location FROM historical_location_place WHERE location = $id AND historical_location IN "
                "(SELECT historical_location FROM historical_location_place WHERE location <> $id)"
            )
            for past in self.ids(sql, id=id):
                self.run(
                    "DELETE FROM historical_location_place WHERE location = $id AND historical_location = $past",
                    id=id,
                    past=past,
                )
            sql = (
                "SELECT historical_location FROM historical_location_place WHERE location = $id AND historical_location NOT IN "
                "(SELECT historical_location FROM historical_location_place WHERE location <> $id)"
            )
            for past in self.ids(sql, id=id):
                self.remove("historical_location", past)
            self.run("DELETE FROM thing_location_row WHERE location = $id", id=id)
            self.run("DELETE FROM location_row WHERE id = $id", id=id)
            return
        super().remove(kind, id)

    def unfeature(self, id: str) -> None:
        """Observations and datastreams of a feature are of none from now on."""
        self.run(
            "INSERT INTO observation_row SELECT * REPLACE (NULL AS feature, $now AS recorded) FROM observation_row "
            "WHERE ended IS NULL AND feature = $id",
            id=id,
            now=self.now,
        )
        self.end("feature = $id", id=id)
        self.run("UPDATE datastream_row SET feature = NULL WHERE feature = $id", id=id)


def told(known: swe.Component, arrays: bool, properties: int) -> dict[str, Any]:
    """What 1.1 says of a datastream with this resultType: observation type and unit; several of them where its results are lists."""
    fields = known.get("fields")
    if (
        arrays
        and isinstance(fields, list)
        and len(fields) == properties
        and all(f["type"] in swe.SIMPLE for f in fields)
    ):
        return {"multi": True, "type": None, "unit": [_unit(f) for f in fields]}
    simple = known["type"] in swe.SIMPLE
    return {
        "multi": False,
        "type": _OM + _TYPES.get(known["type"], "Observation"),
        "unit": _unit(known) if simple else None,
    }


def _unit(known: swe.Component) -> dict[str, Any]:
    uom = known.get("uom") if isinstance(known.get("uom"), dict) else {}
    assert isinstance(uom, dict)
    code = uom.get("code")
    definition = uom.get("href") or (f"ucum:{code}" if code else known.get("codeSpace"))
    return {"name": uom.get("label") or code, "symbol": uom.get("symbol") or code, "definition": definition}


def _follows() -> BadRequest:
    return BadRequest(
        "the ObservedProperties of a Datastream are those that its resultType names",
        "change the resultType",
        "resultType",
    )


def _said(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.split("_"))


def slots(twin: Twin, ids: Iterable[str]) -> list[tuple[str, int, datetime]]:
    """Observations by id, stream key and the time in the id."""
    return [(id, *slot_of(twin, id)) for id in ids]
