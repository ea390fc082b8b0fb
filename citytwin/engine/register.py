"""What do clients bring along? Registers things, datastreams and all that goes with them; everything of one request in one commit, with a leaf in the log."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from citytwin.engine.catalog import geometry_fault
from citytwin.engine.twin import Twin
from citytwin.kernel import swe
from citytwin.kernel.errors import BadRequest, Conflict, NotFound
from citytwin.kernel.register import FIELDS, JSON_FIELDS, THING, Act, Entry, Kind, Seen
from citytwin.kernel.right import must
from citytwin.kernel.store import Change
from citytwin.kernel.stream import stream_parts

PREFIX: Mapping[str, str] = {"historical_location": "history", "observed_property": "property"}
"""How ids begin where the name of the kind is long."""
_TIME = pa.timestamp("us", tz="UTC")
_EPOCH, _UNZONED = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1)
_TYPES = {
    **dict.fromkeys(("time", "slot", "until", "result_time", "valid_since", "valid_until", "recorded", "ended"), _TIME),
    **dict.fromkeys(("multi", "boolean", "stands"), pa.bool_()),
    **dict.fromkeys(("n", "key"), pa.int32()),
    **dict.fromkeys(("number", "longitude", "latitude"), pa.float64()),
}
SHAPED = {"location": "location", "feature": "feature"}
"""Kinds that have a geometry, and the field that holds it."""


def create(twin: Twin, entry: Entry, making: type[Making] | None = None) -> str:
    """Register an entity with all that comes with it, or nothing of it; returns its id. Raises BadRequest, NotFound.

    `making` knows what may come with it: of 1.1, unless another is given.
    """
    with twin.turn:
        made = (making or Making)(twin)
        id = made.entity(entry)
        made.commit()
    return id


def update(twin: Twin, kind: Kind, id: str, values: Mapping[str, Any], links: Mapping[str, Sequence[str]]) -> None:
    """Say some fields of an entity anew and lead its links elsewhere. Raises NotFound, BadRequest, Conflict."""
    with twin.turn:
        made = Making(twin)
        made.registered(kind, id)
        if kind == "datastream" and {"unit", "type"} & values.keys() and not values.get("multi"):
            values = {**values, "result_type": None, "result_encoding": None}  # what 2.0 said of it holds no longer
        if kind == "datastream" and "properties" in links:
            made.set("datastream_row", id, {"result_type": made.renamed(id, links["properties"])})
        made.say(kind, id, values)
        made.relink(kind, id, links)
        made.touched[kind, id] = "update"
        made.tell(f"{kind} {id} changed", {"values": {k: str(v) for k, v in values.items()}, "links": dict(links)})
        made.commit()


def delete(twin: Twin, kind: Kind, id: str) -> None:
    """Delete an entity and what cannot be without it (18-088, table 25). Raises NotFound, Conflict."""
    with twin.turn:
        made = Making(twin)
        made.registered(kind, id)
        made.remove(kind, id)
        made.tell(f"{kind} {id} deleted", {})
        made.commit()


class Making:
    """The changes of one request, until they are committed together."""

    automatic = True
    """Whether an observation that names no feature is of the place where its thing is."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.now = twin.clock.now()
        found = twin.store.fetch("SELECT value FROM meta WHERE name = 'registered'")["value"].to_pylist()
        self._count = int(found[0]) if found else 0
        self._before = self._count
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._changes: list[Change] = []
        self._leaves: list[tuple[str, str, str]] = []
        self._new: set[tuple[str, str]] = set()
        self._enroll: list[tuple[str, str]] = []
        self._places: dict[str, list[str]] = {}
        self._since: dict[str, datetime] = {}
        self._gone: list[str] = []
        self._multi = self.twin.multi
        self._retract: list[pa.Table] = []
        self.touched: dict[tuple[str, str], Act] = {}
        """What of the city is new or changed, as `News` has it."""
        self.removed: dict[tuple[str, str], None] = {}
        """What is deleted: kind and id."""

    # -- writing

    def row(self, table: str, **values: Any) -> None:
        """A row to be inserted."""
        self._rows.setdefault(table, []).append(values)

    def run(self, sql: str, **params: Any) -> None:
        """A statement to be carried out, after what is to be inserted so far."""
        self._flush()
        self._changes.append(Change(sql, params))

    def set(self, table: str, id: str, columns: Mapping[str, Any]) -> None:
        """Columns of a row to be changed."""
        assigned = ", ".join(f"{name} = ${name}" for name in columns)
        self.run(f"UPDATE {table} SET {assigned} WHERE id = $id", id=id, **columns)

    def tell(self, subject: str, content: Any) -> None:
        """Seal what is done under this subject."""
        raw = msgspec.json.encode([subject, self.now, content], order="deterministic")
        self._leaves.append(("register", subject[:200], hashlib.sha256(raw).hexdigest()))

    def say(self, kind: Kind, id: str, values: Mapping[str, Any]) -> None:
        """Fields of an entity to be said anew."""
        if values:
            columns = {k: _stored(k, v) for k, v in values.items()}
            if kind in SHAPED and SHAPED[kind] in values:
                columns["shape"] = shape(values[SHAPED[kind]])
            self.set(f"{kind}_row", id, columns)
        if kind == "thing" and "name" in values:
            self.run(
                "UPDATE asset_row SET title_zh = $name, title_en = $name WHERE asset_id = $id",
                name=values["name"],
                id=id,
            )

    def renamed(self, stream: str, properties: Sequence[str]) -> str | None:
        """The resultType of a datastream that is of other properties from now on; None where none was said."""
        sql = "SELECT result_type FROM datastream_row WHERE id = $id"
        said = self.ids(sql, id=stream)
        if not said or said[0] is None or "types" in (component := msgspec.json.decode(said[0])):
            return said[0] if said else None
        sql = "SELECT property FROM datastream_property_row WHERE datastream = $id ORDER BY n"
        now = dict(zip(map(reference, self.ids(sql, id=stream)), map(reference, properties), strict=False))
        return _json(swe.defined(component, lambda leaf: str(now.get(leaf["definition"], leaf["definition"]))))

    def _flush(self) -> None:
        for table, rows in self._rows.items():
            names = list(rows[0])
            columns = {n: pa.array([r.get(n) for r in rows], _TYPES.get(n, pa.string())) for n in names}
            listed = ", ".join(names)
            sql = f"INSERT INTO {table} ({listed}) SELECT {listed} FROM incoming"
            if table in ("feature_row", "thing_location_row", "historical_location_place"):
                sql += " ON CONFLICT DO NOTHING"
            self._changes.append(Change(sql, tables={"incoming": pa.table(columns)}))
        self._rows.clear()

    def commit(self) -> None:
        """Carry everything out, or nothing."""
        self._flush()
        if self._count != self._before:
            sql = "INSERT OR REPLACE INTO meta VALUES ('registered', $n)"
            self._changes.insert(0, Change(sql, {"n": str(self._count)}))
        gone = self.twin.part(list(self.removed))  # while it can still be read
        self.twin.store.commit(*self._changes, leaves=self._leaves, enroll=self._enroll, retire=self._gone)
        self.twin.asset_types.update({id: THING.id for kind, id in self._new if kind == "thing"})
        self.twin.registered.update(stream for stream, _ in self._enroll)
        self.twin.registered.difference_update(self._gone)
        self.twin.multi = self._multi
        self.twin.register_version += 1
        for readings in self._retract:
            self.twin.store.retract(readings)
        acts: dict[tuple[str, str], Act] = {**self.touched, **dict.fromkeys(self._new, "create")}
        self.twin.tell([(kind, id, act) for (kind, id), act in acts.items() if (kind, id) not in self.removed])
        gone()

    # -- looking up

    def registered(self, kind: str, id: str) -> None:
        """Raises NotFound where there is none, Conflict where a pack or the city declares it."""
        if (kind, id) in self._new:
            return
        table = {"historical_location": "historical_location_row"}.get(kind, f"{kind}_row")
        if self.ids(f"SELECT id FROM {table} WHERE id = $id", id=id):
            return
        if self.exists(kind, id):
            raise Conflict(
                f"the {_said(kind)} '{id}' is declared by a pack or by the city", "change it where it is declared", id
            )
        raise NotFound(f"there is no {_said(kind)} '{id}'"[:200], "see the list of them", id[:100])

    def exists(self, kind: str, id: str) -> bool:
        """Whether there is such an entity, or will be."""
        return (kind, id) in self._new or bool(self.ids(f"SELECT id FROM {kind} WHERE id = $id", id=id))

    def ids(self, sql: str, **params: Any) -> list[str]:
        table = self.twin.store.fetch(sql, params)
        found: list[str] = table.column(0).to_pylist()
        return found

    def linked(self, kind: Kind, target: str | Entry | Seen) -> str:
        """The id behind a link. Raises BadRequest where it leads nowhere."""
        if isinstance(target, Entry):
            return self.entity(target)
        assert isinstance(target, str)
        if not self.exists(kind, target):
            raise nowhere(kind, target)
        return target

    # -- entities

    def entity(self, entry: Entry) -> str:
        """Register an entity and what comes with it."""
        makers = {"thing": self._thing, "datastream": self._datastream, "historical_location": self._history}
        id = self._id(entry.kind)
        if entry.kind in makers:
            id = makers[entry.kind](id, entry)
        else:
            self._plain(id, entry)
        said = {k: msgspec.to_builtins(v) for k, v in entry.values.items()}
        self.tell(f"{entry.kind} {id} registered", said)
        return id

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{PREFIX.get(kind, kind)}-{self._count}"

    def _plain(self, id: str, entry: Entry, table: str = "", **more: Any) -> None:
        kind = entry.kind
        columns = {name: _stored(name, entry.values.get(name)) for name in FIELDS[kind]}
        if kind in SHAPED:
            columns["shape"] = shape(entry.values[SHAPED[kind]])
        self.row(table or f"{kind}_row", id=id, **columns, **more)
        self._new.add((kind, id))
        for name in ("things", "datastreams"):
            for target in entry.links.get(name, ()):
                self._back(kind, id, name, target)

    def _back(self, kind: str, id: str, name: str, target: str | Entry | Seen) -> None:
        """A link that is kept on the other side: a new location's things, a new sensor's or property's datastreams."""
        if name == "things":
            thing = self.linked("thing", target)
            self.place(thing, [id])
        elif isinstance(target, Entry):
            link = "sensor" if kind == "sensor" else "properties"
            self.entity(Entry(target.kind, target.values, {**target.links, link: (id,)}))
        else:
            hint = "name the sensor or the property in the datastream"
            raise BadRequest("datastreams that are there are not linked from here", hint, name)

    def _thing(self, id: str, entry: Entry) -> str:
        self._plain(id, Entry(entry.kind, entry.values))
        name = entry.values["name"]
        self.row(
            "asset_row",
            asset_id=id,
            type=THING.id,
            title_zh=name,
            title_en=name,
            longitude=None,
            latitude=None,
            geometry=None,
            attributes="{}",
        )
        if locations := entry.links.get("locations"):
            self.place(id, [self.linked("location", t) for t in locations])
        for target in entry.links.get("datastreams", ()):
            if not isinstance(target, Entry):
                raise BadRequest("a new Thing cannot take over a Datastream", "update the Datastream", "Datastreams")
            self.entity(Entry(target.kind, target.values, {**target.links, "thing": (id,)}))
        return id

    def place(self, thing: str, locations: Sequence[str], when: datetime | None = None, history: bool = True) -> None:
        """Say where a thing is now; where it was stays in its history."""
        if (
            not self.ids("SELECT id FROM thing WHERE id = $id AND NOT declared", id=thing)
            and ("thing", thing) not in self._new
        ):
            raise Conflict(
                f"the Thing '{thing}' is declared by a pack or by the city", "it stays where it was put there", thing
            )
        self.run("DELETE FROM thing_location_row WHERE thing = $thing", thing=thing)
        self.touched["thing", thing] = "update"
        for location in dict.fromkeys(locations):
            self.row("thing_location_row", thing=thing, location=location)
        self._places[thing] = list(locations)
        self._since[thing] = when or self.now
        if history:
            past = self._id("historical_location")
            self.touched["historical_location", past] = "create"
            self.row("historical_location_row", id=past, thing=thing, time=when or self.now)
            self.tell(f"historical_location {past} registered", {"thing": thing, "time": when or self.now})
            for location in dict.fromkeys(locations):
                self.row("historical_location_place", historical_location=past, location=location)
        self.run(
            "UPDATE asset_row SET geometry = (SELECT min(l.shape) FROM location_row AS l JOIN thing_location_row AS p ON p.location = l.id "
            "WHERE p.thing = $thing) WHERE asset_id = $thing",
            thing=thing,
        )
        self.run(
            "UPDATE asset_row SET longitude = CAST(json_extract(geometry, '$.coordinates[0]') AS DOUBLE), "
            "latitude = CAST(json_extract(geometry, '$.coordinates[1]') AS DOUBLE) "
            "WHERE asset_id = $thing AND json_extract_string(geometry, '$.type') = 'Point'",
            thing=thing,
        )

    def _history(self, id: str, entry: Entry) -> str:
        (thing,) = entry.links.get("thing") or (None,)
        if thing is None:
            raise BadRequest("a HistoricalLocation belongs to a Thing", "name it", "Thing")
        owner = self.linked("thing", thing)
        locations = [self.linked("location", t) for t in entry.links.get("locations", ())]
        when = entry.values["time"]
        self.row("historical_location_row", id=id, thing=owner, time=when)
        self._new.add(("historical_location", id))
        for location in dict.fromkeys(locations):
            self.row("historical_location_place", historical_location=id, location=location)
        latest = self.twin.store.fetch("SELECT max(time) AS t FROM historical_location WHERE thing = $t", {"t": owner})[
            "t"
        ][0].as_py()
        latest = max((t for t in (latest, self._since.get(owner)) if t), default=None)
        if locations and (latest is None or when > latest):
            self.place(owner, locations, when, history=False)
        return id

    def _datastream(self, id: str, entry: Entry) -> str:
        ends: dict[str, list[str]] = {}
        for name, kind in (("thing", "thing"), ("sensor", "sensor"), ("properties", "observed_property")):
            ends[name] = [self.linked(kind, t) for t in entry.links.get(name, ())]  # type: ignore[arg-type]  # they are kinds
            if not ends[name]:
                raise BadRequest(f"a Datastream has a {_said(kind)}", "name it, or send it along", _said(kind))
        if not entry.values.get("multi") and entry.values.get("unit") is not None and len(ends["properties"]) > 1:
            raise BadRequest(
                "a Datastream with one unit has one ObservedProperty", "use a MultiDatastream", "ObservedProperty"
            )
        thing = ends["thing"][0]
        number = id.rpartition("-")[2]
        id = f"{thing}.open.{number}"
        columns = {name: _stored(name, entry.values.get(name)) for name in FIELDS["datastream"]}
        columns["multi"] = bool(entry.values.get("multi"))
        feature = next(iter(entry.links.get("feature", ())), None)
        columns["feature"] = self.linked("feature", feature) if feature is not None else None
        self._multi |= columns["multi"]
        self._new.add(("datastream", id))
        self._enroll.append((id, thing))
        seen = [s for s in entry.links.get("observations", ()) if isinstance(s, Seen)]
        if self.automatic and columns["feature"] is None and any(s.feature is None for s in seen):
            columns["feature"] = self.default_feature(thing)
        self.row("datastream_row", id=id, sensor=ends["sensor"][0], **columns)
        for n, target in enumerate(ends["properties"]):
            self.row("datastream_property_row", datastream=id, n=n, property=target)
        unit = entry.values.get("unit")
        symbol = str(unit.get("symbol") or "") if isinstance(unit, dict) else ""
        name = entry.values["name"]
        self.run(
            "INSERT OR REPLACE INTO stream_kind VALUES ($kind, '', $unit, 0, $name, $name)",
            kind=id.partition(".")[2],
            unit=symbol,
            name=name,
        )
        for one in seen:
            self.observation(id, one)
        return id

    def default_feature(self, thing: str) -> str:
        """The feature that observations of a thing are of where they name none: where it is now. Raises BadRequest where that is not known."""
        places = self._places.get(thing) or self.ids(
            "SELECT location FROM thing_location WHERE thing = $t ORDER BY location", t=thing
        )
        if not places:
            raise BadRequest(
                f"the Thing '{thing}' has no Location that an observation could be of",
                "give the Thing a Location, or the Observation a FeatureOfInterest",
                "FeatureOfInterest",
            )
        id = f"feature-of-{places[0]}"
        self.run(
            "INSERT INTO feature_row SELECT $id, name, description, definition, encoding, location, shape, properties "
            "FROM location WHERE id = $location ON CONFLICT DO NOTHING",
            id=id,
            location=places[0],
        )
        self._new.add(("feature", id))
        return id

    # -- observations that are more than a number at a time

    def observation(
        self, stream: str, seen: Seen, id: str = "", slot: datetime | None = None, stays: bool = True
    ) -> str:
        """Put an observation on record; `id` is that of the one it takes the place of, and `stays` whether it is in the stream that its id tells.

        Returns the id where it is known by now, else the end of it.
        """
        must(stream_parts(stream)[0], "Datastream", stream)
        feature = seen.feature
        if feature is not None:
            feature = self.linked("feature", feature)
        self._count += not id
        columns = self._cells(seen, slot or seen.time, feature, stays and self._stands(id))
        names = ", ".join(columns)
        tail = f"-{microseconds(columns['slot'])}-{self._count}"
        self._flush()
        self._changes.append(
            Change(
                f"INSERT INTO observation_row (id, key, {names}) "
                f"SELECT CASE WHEN $id = '' THEN CAST(s.key AS VARCHAR) || $tail ELSE $id END, s.key, {names} "
                "FROM incoming AS i JOIN stream_row AS s ON s.stream = $stream",
                {"id": id, "tail": tail, "stream": stream},
                {"incoming": pa.table({n: pa.array([v], _TYPES.get(n, pa.string())) for n, v in columns.items()})},
            )
        )
        said = [str(columns[n]) for n in columns]
        self.tell(f"observation of {stream}", said)
        self.touched[("observation", id) if id else (f"observation of {stream}", tail)] = "update" if id else "create"
        return id or tail

    def several(self, rows: Sequence[tuple[str, Seen, str]]) -> list[str]:
        """Put observations of streams that have keys on record at once, sealed together; each comes with the id of the reading whose place it takes, if there
        is one, and features that are named are there. Returns their ids."""
        ids: list[str] = []
        cells: list[dict[str, Any]] = []
        keys = {stream: self.twin.store.newest(stream) for stream in {stream for stream, _, _ in rows}}
        for stream, seen, id in rows:
            feature = self.linked("feature", seen.feature) if isinstance(seen.feature, Entry) else seen.feature
            known = keys[stream]
            assert known is not None
            if not id:
                self._count += 1
            made = id or f"{known[0]}-{microseconds(seen.time)}-{self._count}"
            ids.append(made)
            cells.append({"id": made, "key": known[0], **self._cells(seen, seen.time, feature, self._stands(id))})
            self.touched["observation", made] = "update" if id else "create"
        for stream in keys:
            self.touched["datastream", stream] = "update"
        names = list(cells[0])
        columns = {n: pa.array([c[n] for c in cells], _TYPES.get(n, pa.string())) for n in names}
        listed = ", ".join(names)
        sql = f"INSERT INTO observation_row ({listed}) SELECT {listed} FROM incoming"
        self._flush()
        self._changes.append(Change(sql, tables={"incoming": pa.table(columns)}))
        self.tell(f"{len(ids)} observations", cells)
        return ids

    def _cells(self, seen: Seen, slot: datetime, feature: str | None, stands: bool) -> dict[str, Any]:
        """An observation as a row has it, without its id and the key of its stream."""
        return {
            "slot": slot, "time": seen.time, "until": seen.until, "result_time": seen.result_time, **typed(seen.result),
            "quality": _json(seen.quality), "valid_since": seen.valid and seen.valid[0], "valid_until": seen.valid and seen.valid[1],
            "properties": _json(seen.properties), "feature": feature, "stands": stands, "recorded": self.now,
        }  # fmt: skip

    def _stands(self, id: str) -> bool:
        """Whether what has this id is shown in the place of a reading."""
        return plain_id(id) and id not in self.twin.moved

    def end_all(self, ids: Sequence[str]) -> None:
        """Let the present versions of what is shown in the place of these readings end; they stay on record."""
        if not ids:
            return
        parts = [id.partition("-") for id in ids]
        slots = [int(at) for _, _, at in parts]
        keys = ", ".join(sorted({key for key, _, _ in parts}))
        since, until = (_EPOCH + timedelta(microseconds=f(slots)) for f in (min, max))
        self._flush()
        self._changes.append(
            Change(
                "UPDATE observation_row SET ended = $now WHERE ended IS NULL "
                f"AND key IN ({keys}) AND slot BETWEEN $since AND $until AND id IN (SELECT id FROM replaced)",
                {"now": self.now, "since": since, "until": until},
                {"replaced": pa.table({"id": pa.array(ids, pa.string())})},
            )
        )

    def end(self, condition: str, **params: Any) -> None:
        """Let the present version of observations end; it stays on record."""
        self.run(f"UPDATE observation_row SET ended = $now WHERE ended IS NULL AND {condition}", now=self.now, **params)

    # -- links

    def relink(self, kind: Kind, id: str, links: Mapping[str, Sequence[str]]) -> None:
        """Lead links of an entity elsewhere."""
        for name, targets in links.items():
            match kind, name:
                case "thing", "locations":
                    self.place(id, [self.linked("location", t) for t in targets])
                case "location", "things":
                    for thing in targets:
                        self.place(self.linked("thing", thing), [id])
                case "datastream", "thing":
                    thing = self.linked("thing", targets[0])
                    self.run("UPDATE stream_row SET asset_id = $thing WHERE stream = $id", thing=thing, id=id)
                case "datastream", "sensor":
                    self.set("datastream_row", id, {"sensor": self.linked("sensor", targets[0])})
                case "datastream", "feature":
                    self.set("datastream_row", id, {"feature": self.linked("feature", targets[0])})
                case "datastream", "properties":
                    self.run("DELETE FROM datastream_property_row WHERE datastream = $id", id=id)
                    for n, target in enumerate(targets):
                        known = self.linked("observed_property", target)
                        self.row("datastream_property_row", datastream=id, n=n, property=known)
                case "historical_location", "thing":
                    self.set("historical_location_row", id, {"thing": self.linked("thing", targets[0])})
                case "historical_location", "locations":
                    self.run("DELETE FROM historical_location_place WHERE historical_location = $id", id=id)
                    for target in targets:
                        known = self.linked("location", target)
                        self.row("historical_location_place", historical_location=id, location=known)
                case (("thing" | "sensor" | "observed_property"), "datastreams"):
                    link = {"thing": "thing", "sensor": "sensor", "observed_property": "properties"}[kind]
                    for stream in targets:
                        self.registered("datastream", self.linked("datastream", stream))
                        self.relink("datastream", stream, {link: [id]})
                case _:
                    raise BadRequest(f"a {_said(kind)} has no link '{name}' to change", "", name)

    # -- deleting

    def remove(self, kind: str, id: str) -> None:
        """Delete an entity and what hangs on it."""
        self.removed[kind, id] = None
        match kind:
            case "thing":
                for stream in self.ids("SELECT stream FROM stream WHERE asset_id = $id", id=id):
                    self.remove("datastream", stream)
                for past in self.ids("SELECT id FROM historical_location WHERE thing = $id", id=id):
                    self.remove("historical_location", past)
                for table, column in (("thing_location_row", "thing"), ("asset_row", "asset_id")):
                    self.run(f"DELETE FROM {table} WHERE {column} = $id", id=id)
                self.run("DELETE FROM relation_row WHERE source = $id OR target = $id", id=id)
            case "location":
                sql = "SELECT historical_location FROM historical_location_place WHERE location = $id"
                for past in self.ids(sql, id=id):
                    self.remove("historical_location", past)
                self.run("DELETE FROM thing_location_row WHERE location = $id", id=id)
            case "historical_location":
                self.run("DELETE FROM historical_location_place WHERE historical_location = $id", id=id)
            case "sensor":
                for stream in self.ids("SELECT id FROM datastream_row WHERE sensor = $id", id=id):
                    self.remove("datastream", stream)
            case "observed_property":
                sql = "SELECT DISTINCT datastream FROM datastream_property_row WHERE property = $id"
                for stream in self.ids(sql, id=id):
                    self.remove("datastream", stream)
            case "datastream":
                key = "key = (SELECT key FROM stream_row WHERE stream = $id)"
                self.end(key, id=id)
                for table in ("datastream_property_row", "datastream_ultimate"):
                    self.run(f"DELETE FROM {table} WHERE datastream = $id", id=id)
                self._gone.append(id)
            case "feature":
                self.unfeature(id)
                for table in ("feature_feature_type", "datastream_ultimate"):
                    self.run(f"DELETE FROM {table} WHERE feature = $id", id=id)
            case "feature_type":
                self.run("DELETE FROM feature_feature_type WHERE feature_type = $id", id=id)
        self.run(f"DELETE FROM {kind}_row WHERE id = $id", id=id)

    def unfeature(self, id: str) -> None:
        """Observations of a feature go with it."""
        self.end("feature = $id", id=id)
        for stream in self.ids("SELECT id FROM datastream_row WHERE feature = $id", id=id):
            self.end("feature IS NULL AND key = (SELECT key FROM stream_row WHERE stream = $id)", id=stream)
            sql = "SELECT stream, time FROM observation_all WHERE stream = $s AND NOT superseded"
            self._retract.append(self.twin.store.fetch(sql, {"s": stream}))
            self.set("datastream_row", stream, {"feature": None})


def nowhere(kind: Kind, target: str) -> BadRequest:
    """What whoever links an entity is told that is not there."""
    return BadRequest(
        f"the link leads to a {_said(kind)} '{target[:100]}' that is not there", "create it first", target[:100]
    )


def typed(result: Any) -> dict[str, Any]:
    """A result as columns for its type."""
    made: dict[str, Any] = dict.fromkeys(("number", "string", "boolean", "object"))
    if isinstance(result, bool):
        made["boolean"] = result
    elif isinstance(result, int | float) and abs(result) <= 2**53:
        made["number"] = float(result)
    elif isinstance(result, str):
        made["string"] = result
    elif result is not None:
        made["object"] = _json(result)
    return made


def shape(value: Any) -> str | None:
    """The geometry in a sound GeoJSON geometry or feature as text; None where there is none."""
    if geometry_fault(value):
        return None
    return _json(value["geometry"] if value["type"] == "Feature" else value)


def reference(property: str) -> str:
    """How the resultType of a datastream names an observed property: its entity-id in 2.0."""
    return "ObservedProperties('" + property.replace("'", "''") + "')"


def plain_id(id: str) -> bool:
    """Whether the id of an observation is that of a reading: stream key and time, and no more."""
    return re.fullmatch(r"[0-9]+--?[0-9]+", id) is not None


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC; a moment without a zone is taken for UTC."""
    past = moment - (_EPOCH if moment.tzinfo else _UNZONED)  # to divide it by a microsecond takes ten times as long
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def _stored(name: str, value: Any) -> Any:
    return _json(value) if name in JSON_FIELDS else value


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _said(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.split("_")) if kind != "feature" else "FeatureOfInterest"
