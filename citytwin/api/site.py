"""What does a browser get? The built web app, from files beside this one."""

from __future__ import annotations

import re
import threading
import zlib
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citytwin.api.house import House

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
    ".pbf": "application/x-protobuf",
}
"""Named here, since what a machine's own tables say differs from one to the next."""
PACKED = {".html", ".js", ".mjs", ".css", ".json", ".map", ".svg", ".txt", ".webmanifest", ".wasm"}
BUILT = "app/"
"""The folder of what the build names by its contents; any other address may be a page of the app."""
HASHED = re.compile(r"app/.*-[A-Za-z0-9_-]{8}\.\w+")
KEPT_FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>CityTwin</title>
<p>这里还没有网页应用，请运行 <code>make web</code>。数据接口：<a href="/api/docs">/api/docs</a></p>
<p>The web app is not built yet: run <code>make web</code>. The data are at <a href="/api/docs">/api/docs</a>.</p></html>
"""


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the web app, as read."""

    stamp: tuple[int, int]
    media: str
    tag: str
    data: bytes
    packed: bytes | None


class Site:
    """ASGI app of everything that is not the interface: files, and for the addresses that the web app makes up its first page."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._root = house.static.resolve()
        self._files: dict[Path, _File] = {}
        self._turn = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].partition("/")[2].partition("/")[0] in ("api", "sta"):
            raise HTTPException(404, f"there is no {scope['path'][:200]}")
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, f"{scope['path'][:200]} does not take {scope['method']}", {"Allow": "GET, HEAD"})
        headers = Headers(scope=scope)
        work = partial(self._find, scope["path"].lstrip("/"), "text/html" in headers.get("accept", ""))
        name, file = await anyio.to_thread.run_sync(work, limiter=self._house.limiter)
        kept = {
            "Cache-Control": KEPT_FOR_EVER if HASHED.fullmatch(name) else ASK_AGAIN,
            "ETag": file.tag,
            "Vary": "Accept-Encoding",
        }
        if file.tag in [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]:
            await Response(None, 304, kept)(scope, receive, send)
            return
        data = file.data
        if file.packed is not None and "gzip" in headers.get("accept-encoding", ""):
            data = file.packed
            kept["Content-Encoding"] = "gzip"
        await Response(data, 200, kept, file.media)(scope, receive, send)

    def _find(self, name: str, browsing: bool) -> tuple[str, _File]:
        """The file of this name, or the first page where somebody is on their way into the app. Raises HTTPException 404."""
        found = self._file(name) if name and "\0" not in name else None
        if found:
            return name, found
        last = name.rpartition("/")[2]
        if name.startswith(BUILT) or ("." in last and not browsing):
            raise HTTPException(404, f"there is no /{name[:200]}")
        return "index.html", self._file("index.html") or _made(MISSING.encode(), ".html", (0, 0))

    def _file(self, name: str) -> _File | None:
        try:
            path = (self._root / name).resolve()
            if not path.is_relative_to(self._root) or not path.is_file():
                return None
            state = path.stat()
            stamp = (state.st_mtime_ns, state.st_size)
            with self._turn:
                kept = self._files.get(path)
            if kept is None or kept.stamp != stamp:
                kept = _made(path.read_bytes(), path.suffix.lower(), stamp)
                with self._turn:
                    self._files[path] = kept
        except OSError:  # a name too long, a file that is gone by now
            return None
        return kept


def _made(data: bytes, suffix: str, stamp: tuple[int, int]) -> _File:
    packed = None
    if suffix in PACKED and len(data) > 1024:
        gzip = zlib.compressobj(6, wbits=31)
        packed = gzip.compress(data) + gzip.flush()
    tag = f'"{sha256(data).hexdigest()[:24]}"'
    return _File(stamp, TYPES.get(suffix, "application/octet-stream"), tag, data, packed)
