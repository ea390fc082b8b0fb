"""How does Grafana come in? The paths of its JSON data sources, old and new, below `/grafana`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citytwin.api.grafana import lists, series, table
from citytwin.api.grafana.ask import Note, Panel, Target, Window, Words, chosen, payload, read, window
from citytwin.api.house import House
from citytwin.api.route import JSON, Call, encoded
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadRequest, TooLarge
from citytwin.kernel.stream import stream_parts

PREFIX = "/grafana"
LARGEST = 1024 * 1024
"""Bytes of one request."""
TARGETS = 50
"""Queries of one panel at most."""
_LISTS: Mapping[str, Callable[[House, Words], Any]] = {
    "/metrics": lists.metrics,
    "/metric-payload-options": lists.options,
    "/variable": lists.variable,
    "/search": lists.search,
    "/tag-keys": lists.tag_keys,
    "/tag-values": lists.tag_values,
}


class Door:
    """The data source of one city."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"][len(PREFIX) :], scope["method"]
        allowed = "GET, HEAD" if path in ("", "/") else "POST"
        if path not in ("", "/", "/query", "/annotations", *_LISTS):
            raise HTTPException(404, f"there is nothing at {scope['path'][:200]}")
        if method == "OPTIONS":
            await Response(b"", 204, {"Allow": f"{allowed}, OPTIONS"})(scope, receive, send)
            return
        if method not in allowed.split(", "):
            raise HTTPException(405, f"{scope['path'][:200]} does not take {method}", {"Allow": f"{allowed}, OPTIONS"})
        call = Call(scope, receive)
        body = await call.body(LARGEST)
        packed = "gzip" in call.headers.get("accept-encoding", "")
        work = partial(self._answer, path, body, packed)
        data, coding = await anyio.to_thread.run_sync(work, limiter=self._house.limiter)
        headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding", **coding}
        await Response(data if method != "HEAD" else b"", 200, headers, JSON)(scope, receive, send)

    def _answer(self, path: str, body: bytes, packed: bool) -> tuple[bytes, dict[str, str]]:
        if path in ("", "/"):
            return encoded({"status": "ok", "city": self._house.twin.city.title}, False)
        if path == "/query":
            return encoded(query(self._house, read(body, Panel)), packed)
        if path == "/annotations":
            return encoded(notes(self._house, read(body, Note)), packed)
        return encoded(_LISTS[path](self._house, read(body, Words)), packed)


def query(house: House, panel: Panel) -> list[dict[str, Any]]:
    """Series and tables of all queries of a panel, in their order. Raises BadRequest naming the query at fault."""
    if len(panel.targets) > TARGETS:
        raise TooLarge(f"the panel has more than {TARGETS} queries", "make it two panels", "targets")
    over = window(panel, house.twin.city.zone, house.now())
    found: list[dict[str, Any]] = []
    for one in panel.targets:
        if not one.hide and (names := chosen(one.target)):
            found += _one(house, one, names, panel, over)
    return found


def _one(house: House, one: Target, names: list[str], panel: Panel, over: Window) -> list[dict[str, Any]]:
    wanted = payload(one.payload, one.ref)
    noun = names[0]
    if noun in table.TABLES:
        return [{**table.TABLES[noun](house, over, wanted), "refId": one.ref}]
    if noun == lists.FIGURES:
        (id, *more) = chosen(wanted.get("indicator")) or [""]
        if not id or more:
            raise BadRequest(
                "of which indicator is not said", 'name one: {"indicator": "drainage.plant_load"}', one.ref
            )
        lines = series.figures(house, id, wanted, panel.adhoc_filters)
    elif noun in house.twin.indicators:
        lines = series.figures(house, noun, wanted, panel.adhoc_filters)
    else:
        if noun != lists.READINGS:
            wanted = {**wanted, **_named(house.twin, names, one.ref)}
        lines = series.streams(house, wanted, panel.adhoc_filters)
    made = series.told(house, lines, over, wanted, one.ref)
    return [{**table.of_series(made), "refId": one.ref}] if one.type == "table" else made


def _named(twin: Twin, names: list[str], ref: str) -> dict[str, list[str]]:
    """What a query names directly: stream types or streams. Raises BadRequest for what can be neither."""
    kinds = [n for n in names if n in twin.streams]
    if len(kinds) == len(names):
        return {"type": kinds}
    for name in names:
        asset, kind = stream_parts(name)
        if asset not in twin.asset_types or not kind:
            hint = f"a stream, a stream type, an indicator, or one of {', '.join((lists.READINGS, lists.FIGURES, *table.TABLES))}"
            raise BadRequest(f"'{name[:100]}' is nothing to be shown", hint, ref)
    return {"stream": names}


def notes(house: House, note: Note) -> list[dict[str, Any]]:
    """Alarms as annotations; the query may narrow them: `level=high rule=drainage.surcharge`."""
    asked = note.annotation if isinstance(note.annotation, dict) else {}
    wanted: dict[str, Any] = {}
    for word in str(asked.get("query") or "").split():
        name, sign, value = word.partition("=")
        if not sign or name not in ("level", "rule", "asset", "state", "title"):
            raise BadRequest(f"'{word[:100]}' narrows no annotations", "level=, rule=, asset=, state=, title=", "query")
        wanted[name] = value
    return table.notes(house, window(note, house.twin.city.zone, house.now()), wanted, note.annotation)
