"""What is shown? Panels of a closed list of kinds, drawn from what is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from citytwin.kernel.title import Title

PanelKind = Literal[
    "map-layer", "series", "stat", "table", "scorecard", "alarm-list", "case-board", "run-compare", "proof"
]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: `of` is the id it draws (asset type, stream type, indicator, rule, case type or model).

    `color` is for map layers: a CSS colour; `by` colours a map layer by a stream type or indicator of its assets;
    `height` extrudes polygons by an attribute, in metres.
    """

    id: str
    title: Title
    kind: PanelKind
    of: str = ""
    by: str = ""
    color: str = ""
    height: str = ""
