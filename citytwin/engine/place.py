"""Where is it, in words that people use? The district, region or street of assets, by the relations that lead there."""

from __future__ import annotations

from dataclasses import dataclass

from citytwin.engine.twin import Twin, find, rows
from citytwin.kernel.title import Title


@dataclass(frozen=True, slots=True)
class Way:
    """A way from assets to the places that people speak of: the path of relation types `through` which it leads, and what these places are called."""

    through: str
    title: Title


def ways(twin: Twin) -> list[Way]:
    """The ways to areas that assets of any type may take, and on to the areas above these, as far as relations are on record. The nearest areas first."""
    there = {r["type"] for r in rows(twin.store.fetch("SELECT DISTINCT type FROM relation"))}
    known = [r for r in twin.relations.values() if r.id in there]
    found: list[Way] = []
    for r in known:
        area = twin.types.get(r.target)
        if r.source != "*" or area is None or area.geometry != "polygon":
            continue
        found.append(Way(r.id, area.title))
        above = [a for a in known if a.source == a.target == r.target]
        found += [
            Way(f"{r.id}/{a.id}", Title(f"{area.title.zh}（上一级）", f"{area.title.en}, the one above")) for a in above
        ]
    return found


def places(twin: Twin, through: str) -> dict[str, str]:
    """Of every asset from which it leads somewhere: where a path of relation types leads, such as `base.lies_in`, or `base.lies_in/base.part_of` for the area above.

    A step that an asset has no relation for is the end of its path; of several relations the first by the id of its target counts. Raises NotFound for a type that is none.
    """
    found: dict[str, str] = {}
    for n, kind in enumerate(through.split("/")):
        find(twin.relations, kind, "relation type")
        sql = "SELECT source, min(target) AS target FROM relation WHERE type = $type GROUP BY source"
        step = {r["source"]: r["target"] for r in rows(twin.store.fetch(sql, {"type": kind}))}
        found = step if n == 0 else {asset: step.get(place, place) for asset, place in found.items()}
    return found
