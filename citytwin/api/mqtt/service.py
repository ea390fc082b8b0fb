"""Which versions of SensorThings are there over MQTT? Each below a first level of topics, with the desk that answers for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from citytwin.api.house import House
from citytwin.api.sta.desk import Desk
from citytwin.api.sta.desk2 import Desk2
from citytwin.api.sta.show import Shown

V1, V2 = "v1.1/", "v2.0/"
"""How topics of the versions begin."""


@dataclass(frozen=True)
class Service:
    """A version of SensorThings. `prefix` is how its topics begin, `base` the address in the links of what it publishes."""

    prefix: str
    desk: Desk
    base: Callable[[], str]
    second: bool = False
    """Whether it is 2.0: entities are told without links (23-019, 11.3), with what became of them, and no wildcards lead to them."""

    @cached_property
    def kinds(self) -> dict[str, tuple[str, ...]]:
        """The entities that show what is of a kind, by that kind."""
        found: dict[str, tuple[str, ...]] = {"observation": ("Observation",)}
        for entity, form in self.desk.dialect.forms.items():
            found[form.kind] = (*found.get(form.kind, ()), entity)
        return found

    def kind(self, entity: str) -> str:
        """The kind of an entity."""
        return "observation" if entity == "Observation" else self.desk.dialect.forms[entity].kind

    def shown(self) -> Shown:
        """What shows entities as they are published."""
        return self.desk.shown(self.base(), not self.second)


def services(house: House, url: str) -> tuple[Service, Service]:
    """1.1 and 2.0; `url` is where the city is served over HTTP. What 2.0 says over MQTT names neither scheme nor host (23-019, 11.3)."""
    second = Desk2(house)
    second.http = f"{url}/sta/v2.0"
    return Service(V1, Desk(house), lambda: f"{url}/sta/v1.1"), Service(V2, second, lambda: V2.rstrip("/"), True)
