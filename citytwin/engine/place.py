"""Where is it, in words that people use? The district, region or street of assets, by the relations that lead there."""

from __future__ import annotations

from citytwin.engine.twin import Twin, find, rows


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
