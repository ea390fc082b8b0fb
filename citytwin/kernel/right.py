"""Who may do what? Rights, the roles that bundle them, and where a grant holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from citytwin.kernel.errors import NotFound
from citytwin.kernel.title import Title

RIGHTS: Mapping[str, Title] = MappingProxyType({
    "see": Title("查看资产、读数、指标、告警和办件", "See assets, readings, indicators, alarms and cases"),
    "send": Title("上报读数", "Send readings"),
    "act": Title("处置告警和办件", "Act on alarms and cases"),
    "run": Title("运行模型", "Run models"),
    "tend": Title("登记和订正数据、管理接入与保留", "Register and correct data, tend feeds and retention"),
    "plan": Title("审核规划、绑定目标、报告措施", "Review plans, bind targets, report measures"),
    "prove": Title("查看存证与操作记录", "See evidence and the record of who did what"),
    "rule": Title("管理人员、权限与系统", "Rule over people, rights and the system"),
})  # fmt: skip
"""What there is to be allowed. A right holds at once for all that its words name; what is not named is nobody's."""


@dataclass(frozen=True, slots=True)
class Role:
    """A bundle of rights that people are granted together."""

    id: str
    title: Title
    rights: frozenset[str]


def _role(id: str, zh: str, en: str, *rights: str) -> Role:
    return Role(id, Title(zh, en), frozenset(rights))


ROLES: Mapping[str, Role] = MappingProxyType({
    r.id: r
    for r in (
        _role("viewer", "查看者", "Viewer", "see"),
        _role("operator", "值班员", "Operator", "see", "act", "run"),
        _role("steward", "数据管理员", "Steward", "see", "act", "run", "send", "tend"),
        _role("planner", "规划员", "Planner", "see", "run", "plan"),
        _role("auditor", "审计员", "Auditor", "see", "prove"),
        _role("device", "设备", "Device", "send"),
        _role("administrator", "系统管理员", "Administrator", *RIGHTS),
    )
})  # fmt: skip
LEVELS = ("city", "district", "street", "unit")
"""Levels of bodies: 市, 区, 街道, 单位."""


@dataclass(frozen=True, slots=True)
class Body:
    """A public body or firm that people belong to; `parent` is the body above it, "" where there is none."""

    id: str
    title: Title
    level: str = "unit"
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that somebody has, for all of the city or for what belongs to a body (and those under it), lies within a region and is of a pack."""

    role: str
    body: str = ""
    place: str = ""
    pack: str = ""
    until: datetime | None = None

    @property
    def whole(self) -> bool:
        """Whether it holds for all of the city."""
        return not (self.body or self.place or self.pack)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a person or a service, the rights they have now, and by what they are known.

    `via` is `session`, `token`, `key` (the command line of the machine itself) or `open` (nobody is asked who they are).
    """

    id: str
    title: str
    rights: frozenset[str]
    via: str
    grants: tuple[Grant, ...] = ()
    body: str = ""
    token: str = ""
    """The id of the session or token."""

    def may(self, right: str) -> bool:
        """Whether they have this right, somewhere at least."""
        return right in self.rights

    def whole(self, right: str) -> bool:
        """Whether they have this right in all of the city."""
        return right in self.rights and (not self.grants or any(g.whole for g in self.by(right)))

    def by(self, right: str) -> tuple[Grant, ...]:
        """The grants that give it."""
        return tuple(g for g in self.grants if right in self.rights and right in ROLES[g.role].rights)


OPEN = Caller("", "", frozenset(RIGHTS), "open", (Grant("administrator"),))
"""Whoever asks where nobody is asked who they are."""
NOBODY = Caller("", "", frozenset(), "public")
"""Whoever asks where that is not known."""
HANDED_ON = Caller("", "", frozenset({"see", "send"}), "broker")
"""Whoever sends through a broker of the city's own choice: it has let them in, and is not asked for more than readings."""
CALLER: ContextVar[Caller] = ContextVar("caller", default=OPEN)
"""Who asks, in whatever is done for them; what a city does by itself, it does as OPEN."""
REACH: ContextVar[frozenset[str] | None] = ContextVar("reach", default=None)
"""The assets at which whoever asks may do what they are about to do; None: at all, and where there is none."""


def reached(asset: str) -> bool:
    """Whether whoever asks may do what they are about to do at this asset ("": where there is none)."""
    reach = REACH.get()
    return reach is None or asset in reach


def must(asset: str, noun: str, name: str) -> None:
    """Raises NotFound, as where there is no such thing, unless whoever asks may do what they are about to do at this asset."""
    if not reached(asset):
        raise NotFound(f"there is no {noun} '{name[:100]}'", "see what you may do it with", name[:100])


def good(grants: Iterable[Grant], now: datetime) -> tuple[Grant, ...]:
    """Those of these grants that hold now."""
    return tuple(g for g in grants if (g.until is None or g.until > now) and g.role in ROLES)


def rights(grants: Iterable[Grant], now: datetime, only: Iterable[str] | None = None) -> frozenset[str]:
    """The rights that these grants give now; of a token, `only` those it was made for."""
    found = {r for g in good(grants, now) for r in ROLES[g.role].rights}
    return frozenset(found if only is None else found & set(only))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account, or a service (`service`: a device or a program, which has tokens alone)."""

    id: str
    title: str
    body: str = ""
    email: str = ""
    service: bool = False
    disabled: bool = False
    grants: tuple[Grant, ...] = ()
    secured: bool = False
    """Whether a second factor is asked for."""
    created: datetime | None = None
    seen: datetime | None = field(default=None, compare=False)
