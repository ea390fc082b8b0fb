"""Which city does somebody see? The whole, or a part of it that looks and answers like one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp

from citytwin.api.house import House
from citytwin.engine.twin import PartOfTwin
from citytwin.kernel.right import Caller

MOST = 64
"""Parts that are kept ready; the one that was asked for longest ago goes."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of the city, and what answers there."""

    house: House
    app: ASGIApp


class Views:
    """The parts of a house, each made when somebody first looks at it. `rooms` makes what answers in a part."""

    def __init__(self, house: House, rooms: Callable[[House], ASGIApp]) -> None:
        self._house, self._rooms = house, rooms
        self._turn = threading.Lock()
        self._made: dict[frozenset[str], View] = {}

    def assets(self, caller: Caller, *rights: str) -> frozenset[str] | None:
        """At which assets they have one of these rights; None: in all of the city."""
        return self._house.scopes.assets(caller, *rights) if self._house.scopes else None

    def ready(self, caller: Caller, *rights: str) -> View | None:
        """What there is for them, as it is now, where nothing has to be looked up for that."""
        assets = self._house.scopes.known(caller, *rights) if self._house.scopes else None
        return self.of(assets) if assets is not None and assets in self._made else None

    def of(self, assets: frozenset[str]) -> View:
        """What there is of these assets, as it is now."""
        with self._turn:
            view = self._made.pop(assets, None)
            if view is None:
                house = self._house.part(assets)
                view = View(house, self._rooms(house))
                while len(self._made) >= MOST:
                    self._made.pop(next(iter(self._made))).house.twin.close()  # type: ignore[attr-defined]  # a PartOfTwin
            self._made[assets] = view
        assert isinstance(view.house.twin, PartOfTwin)
        view.house.twin.renew()
        return view
