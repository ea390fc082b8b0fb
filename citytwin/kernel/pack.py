"""Who are you? A pack is a folder of answers about one field of city life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from citytwin.kernel.asset import AssetType
from citytwin.kernel.case import CaseType
from citytwin.kernel.dmn import DecisionTable
from citytwin.kernel.indicator import Indicator
from citytwin.kernel.panel import Panel
from citytwin.kernel.relation import RelationType
from citytwin.kernel.rule import Rule
from citytwin.kernel.scorecard import Scorecard
from citytwin.kernel.stream import StreamType
from citytwin.kernel.title import Title
from citytwin.kernel.topic import Topic


@dataclass(frozen=True, slots=True)
class Manifest:
    """`pack.yaml`: who the pack is, the systems it serves, the packs whose declarations and facts it uses."""

    id: str
    title: Title
    summary: Title
    systems: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """A loaded pack: its declarations, with global ids.

    `models` and `feeds` are names of classes of `models.py` and functions of `feeds.py`; `tables` are its CSV reference tables,
    by name; decision tables keep the ids that they call each other by; `lines` tells where each declaration stands (`file:line` by global id).
    """

    id: str
    title: Title
    summary: Title
    folder: str
    systems: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    types: tuple[AssetType, ...] = ()
    relations: tuple[RelationType, ...] = ()
    streams: tuple[StreamType, ...] = ()
    topics: tuple[Topic, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    rules: tuple[Rule, ...] = ()
    cases: tuple[CaseType, ...] = ()
    decision_tables: tuple[DecisionTable, ...] = ()
    scorecards: tuple[Scorecard, ...] = ()
    panels: tuple[Panel, ...] = ()
    models: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    lines: Mapping[str, str] = field(default_factory=dict)
