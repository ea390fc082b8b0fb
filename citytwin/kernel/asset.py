"""What is there? Assets and their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from citytwin.kernel.title import Title

AttributeKind = Literal["number", "integer", "text", "boolean", "date", "choice"]
GeometryKind = Literal["point", "line", "polygon", "none"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an asset type.

    `unit` is a unit of the vocabulary; `choices`, the values that kind `choice` may take with their titles, belong to that kind alone.
    """

    id: str
    title: Title
    kind: AttributeKind = "number"
    unit: str = ""
    required: bool = False
    low: float | None = None
    high: float | None = None
    choices: Mapping[str, Title] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AssetType:
    """A kind of thing the city has. `id` is local in the file and `pack.local` once loaded."""

    id: str
    title: Title
    geometry: GeometryKind = "point"
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """One thing of the city.

    `id` matches `^[a-z0-9][a-z0-9_-]{0,63}$`; `geometry` is a GeoJSON geometry in WGS 84 (longitude, latitude) or None.
    """

    id: str
    type: str
    title: Title
    geometry: Mapping[str, Any] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
