"""In what form is a page of entities sent? As CSV and as GeoJSON, beside JSON: one row or feature for each entity."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

GEOMETRIES = ("location", "feature", "observedArea")


def table(entities: Iterable[Mapping[str, Any]], key: str) -> bytes:
    """Entities as CSV (RFC 4180): what is within others has a name such as `unitOfMeasurement/symbol`; links are left out, lists are JSON.

    `key` is the name under which an entity tells its id.
    """
    rows = [dict(_flat(entity, "", key)) for entity in entities]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _flat(value: Any, name: str, id: str) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict) and name.rpartition("/")[2] not in GEOMETRIES:
        for key, inner in value.items():
            if key.endswith(("navigationLink", "nextLink", "selfLink")):
                continue
            yield from _flat(inner, f"{name}/{key}" if name else "id" if key == id else key, id)
    elif isinstance(value, dict | list):
        yield name, msgspec.json.encode(value).decode()
    else:
        yield name, "" if value is None else str(value).lower() if isinstance(value, bool) else value


def geojson(entities: Iterable[Mapping[str, Any]], key: str) -> bytes:
    """Entities as a FeatureCollection (RFC 7946); the geometry is their own or the first of what is expanded in them; `key` as in `table`."""
    features = [
        {
            "type": "Feature",
            "id": entity.get(key),
            "geometry": _geometry(entity, key),
            "properties": {k: v for k, v in _flat(entity, "", key) if k.rpartition("/")[2] not in GEOMETRIES},
        }
        for entity in entities
    ]
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


def _geometry(entity: Mapping[str, Any], key: str) -> Any:
    for name in GEOMETRIES:
        if isinstance(found := entity.get(name), dict):
            return found.get("geometry") if found.get("type") == "Feature" else found
    for value in entity.values():
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and key in inner and (found := _geometry(inner, key)):
            return found
    return None
