"""What is behind the door? The routes of the HTTP interface and the web app, as one ASGI app."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import Route as Path
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from citytwin.api import (
    alarm,
    asset,
    bind,
    case,
    city,
    copy,
    decide,
    draft,
    edit,
    evidence,
    feed,
    file,
    health,
    indicator,
    influx,
    keep,
    live,
    measure,
    notify,
    oidc,
    openapi,
    people,
    plan,
    readings,
    report,
    run,
    stream,
    task,
    version,
)
from citytwin.api.flight import Bounded
from citytwin.api.gate import Gate
from citytwin.api.grafana.door import Door as Grafana
from citytwin.api.house import House
from citytwin.api.influx import Influx
from citytwin.api.live import Live
from citytwin.api.mqtt import door as mqtt
from citytwin.api.ogc.door import Door as Features
from citytwin.api.open311 import Door as Open311
from citytwin.api.problems import Problems
from citytwin.api.quick import Quick
from citytwin.api.route import Place, Route
from citytwin.api.session import Session, Welcome
from citytwin.api.site import Site
from citytwin.api.sta.desk import Desk
from citytwin.api.sta.desk2 import Desk2
from citytwin.api.sta.door import Door
from citytwin.api.view import Views
from citytwin.api.websub import Announced, WebSub

# readings come first: theirs is the route that is asked most often
ROUTES: tuple[Route, ...] = openapi.routes(
    (
        *stream.ROUTES,
        *readings.ROUTES,
        *live.ROUTES,
        *edit.ROUTES,
        *city.ROUTES,
        *health.ROUTES,
        *asset.ROUTES,
        *indicator.ROUTES,
        *plan.ROUTES,
        *bind.ROUTES,
        *measure.ROUTES,
        *report.ROUTES,
        *version.ROUTES,
        *draft.ROUTES,
        *file.ROUTES,
        *alarm.ROUTES,
        *task.ROUTES,  # before those of one case
        *case.ROUTES,
        *decide.ROUTES,
        *feed.ROUTES,
        *notify.ROUTES,
        *run.ROUTES,
        *evidence.ROUTES,
        *copy.ROUTES,
        *keep.ROUTES,
        *mqtt.ROUTES,
        *people.ROUTES,
        *oidc.ROUTES,
    )
)
"""Every route of the interface, below `/api`."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; "
    "child-src 'self' blob:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=()",
}
"""Everything comes from this house. The map draws in workers made from blobs and sets styles as it goes."""
HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
"""Said where TLS is in front (RFC 6797, 7.2: never over plain HTTP)."""
_RAW = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class App:
    """The ASGI app of a city; a server that can asks `quick` first."""

    def __init__(self, house: House) -> None:
        sensing = _sensing(house)
        doors = [Path("/open311/v2/{path:path}", Open311(house)), Path("/websub", WebSub(house))]
        doors += [Path("/api/session", Session(house)), Path("/api/welcome", Welcome(house))]
        elsewhere = oidc.Door(house)
        doors += [Path(path, elsewhere) for path in oidc.PATHS]
        points = Influx(house)
        doors += [Path(path, points) for path in influx.PATHS]
        first, *others = _rooms(house, sensing)
        router = Router([first, *doors, *others, Path("/{path:path}", Site(house))], redirect_slashes=False)

        def shell(inner: ASGIApp) -> ASGIApp:
            return Guarded(Bounded(Announced(Problems(inner)), house.flight))

        def looked_at(part: House) -> ASGIApp:
            return Bounded(Problems(Router(_rooms(part, _sensing(part)), redirect_slashes=False)), house.flight)

        rooms = Bounded(Announced(Problems(router)), house.flight)
        gate = Gate(rooms, house.people, house.key, Views(house, looked_at), house.rates, house.loopback)
        self.quick = Quick(house, sensing, shell, gate)
        self._app = Guarded(Problems(gate))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _sensing(house: House) -> list[Door]:
    return [Door(house, "/sta/v1.1", Desk(house)), Door(house, "/sta/v2.0", Desk2(house))]


def _rooms(house: House, sensing: Sequence[Door]) -> list[Path]:
    """What can be looked at in a house, be it the whole or a part."""
    places: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        places.setdefault(openapi.PREFIX + route.path, {})[route.method] = route
    first, *others = (Path(path, Place(house, routes)) for path, routes in places.items())  # the one asked most often
    doors = [Path("/api/live", Live(house))]
    for door in sensing:
        doors += [Path(door.prefix, door), Path(f"{door.prefix}/{{path:path}}", door)]
    features, boards = Features(house), Grafana(house)
    doors += [Path("/ogc", features), Path("/ogc/{path:path}", features)]
    doors += [Path("/grafana", boards), Path("/grafana/{path:path}", boards)]
    return [first, *doors, *others]


class Guarded:
    """ASGI middleware: the headers that every answer bears."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guard(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_RAW, *([HSTS] if scope.get("scheme") == "https" else [])]
            await send(message)

        await self._app(scope, receive, guard)
