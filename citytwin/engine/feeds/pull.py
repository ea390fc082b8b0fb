"""What does the address answer? HTTP(S) asked again and again for what is new, within bounds of time and size."""

from __future__ import annotations

import contextlib
import email.utils
import hashlib
import http.client
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from citytwin import __version__
from citytwin.engine.feeds import form
from citytwin.engine.feeds.deadline import Deadline
from citytwin.engine.feeds.secret import filled, reveal
from citytwin.engine.feeds.source import Delivery
from citytwin.engine.ingest import FUTURE
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadBatch, Fault, SourceFailed
from citytwin.kernel.feed import PullFeed
from citytwin.kernel.observation import Batch, Receipt

TIME = pa.timestamp("us", tz="UTC")
LONGEST_WAIT_S = 86_400.0
"""No server makes us wait longer than this, whatever it says."""
SHOWN = 120


class Pull:
    """An address as a source."""

    def __init__(self, feed: PullFeed, twin: Twin, home: Path) -> None:
        self.memory: MutableMapping[str, str] = {}
        self.again_s: float | None = None
        self._feed = feed
        self._twin = twin
        self._home = home

    def look(self) -> Iterator[Delivery]:
        """The answer, unless it is that of the last time."""
        feed, memory = self._feed, self.memory
        if memory.get("url") != feed.url:  # what was remembered is of another address
            memory.clear()
            memory["url"] = feed.url
        now = self._twin.clock.now()
        since, until = self._span(now)
        times = _places(since, until)
        secrets = {name: reveal(secret, self._home) for name, secret in feed.secrets.items()}
        url = filled(feed.url, {**times, **secrets}, lambda word: urllib.parse.quote(word, safe=""))
        asked = hashlib.sha256(url.encode()).hexdigest()
        headers = {name: filled(text, {**times, **secrets}) for name, text in feed.headers.items()}
        if memory.get("asked") == asked:
            if memory.get("etag"):
                headers["If-None-Match"] = memory["etag"]
            if memory.get("modified"):
                headers["If-Modified-Since"] = memory["modified"]
        answer = _Answer(feed, self._home, frozenset(n for n, text in feed.headers.items() if text != headers[n]))
        status, told, body = answer.of(url, headers)
        digest = hashlib.sha256(body).hexdigest()
        kind = feed.form or form.of_media(told.get("content-type", ""))
        # the same bytes say the same, unless they leave it to us to say when
        same = memory.get("asked") == asked and memory.get("digest") == digest and kind not in form.TIMELESS
        if status == 304 or same:
            self._past(until, now)
            return
        made: list[pa.Table] = []

        def read() -> tuple[Batch, list[Fault]]:
            if status == 204:
                return Batch(
                    pa.table(
                        {
                            "stream": pa.array([], pa.string()),
                            "time": pa.array([], TIME),
                            "value": pa.array([], pa.float64()),
                        }
                    )
                ), []
            if not kind and not feed.parser:
                raise BadBatch(
                    f"the answer comes as '{told.get('content-type', '')[:SHOWN]}'",
                    "say form: or parser: in feeds.yaml",
                    feed.url,
                )
            batch, faults = form.read(self._twin, body, kind, feed.parser, feed.streams, feed.id)
            made.append(batch.table)
            return batch, faults

        def recorded(_: Receipt) -> None:
            memory["asked"], memory["digest"] = asked, digest
            for name, header in (("etag", "etag"), ("modified", "last-modified")):
                if told.get(header):
                    memory[name] = told[header]
                else:
                    memory.pop(name, None)
            if made:
                self._reached(made[0], now)
            self._past(until, now)

        yield Delivery(feed.url, read, feed.unit, recorded=recorded)

    def close(self) -> None:
        """Nothing is held open."""

    def _span(self, now: datetime) -> tuple[datetime, datetime]:
        """From when to when is asked for."""
        feed = self._feed
        if "since" not in self.memory:  # whatever comes late, or however long it takes: asking begins here
            self.memory["since"] = (now - timedelta(seconds=feed.lookback_s)).isoformat()
        since = datetime.fromisoformat(self.memory["since"]) - timedelta(seconds=feed.overlap_s)
        since = min(since, now)  # our clock may have been ahead
        return since, min(now, since + timedelta(seconds=feed.overlap_s + feed.window_s))

    def _reached(self, table: pa.Table, now: datetime) -> None:
        """Remember the time of the last reading. One ahead of our clock was refused, and must not hide what follows."""
        time = table["time"].cast(TIME)
        last = pc.max(time.filter(pc.less_equal(time, pa.scalar(now + FUTURE, TIME)))).as_py()
        if last is not None:
            self._advance(min(last, now))

    def _past(self, until: datetime, now: datetime) -> None:
        """Where a span that has ended was asked for, go on to the next: at once."""
        if "{until" in self._feed.url and until < now:
            self._advance(until)
            self.again_s = 0.0

    def _advance(self, to: datetime) -> None:
        if datetime.fromisoformat(self.memory["since"]) < to:
            self.memory["since"] = to.astimezone(UTC).isoformat()


def _places(since: datetime, until: datetime) -> dict[str, str]:
    """The times of a request in the ways that sources want them."""
    made = {}
    for name, moment in (("since", since), ("until", until)):
        us = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        made[name] = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        made[f"{name}_s"], made[f"{name}_ms"] = str(us // 1_000_000), str(us // 1000)
    return made


class _Answer:
    """One request and what came of it. No message tells the address with its secrets filled in."""

    def __init__(self, feed: PullFeed, home: Path, private: frozenset[str]) -> None:
        self._feed = feed
        self._home = home
        self._private = private
        self._most = int(feed.largest_mb * 1_000_000)
        self._socket: socket.socket | None = None
        self._late = Deadline(feed.timeout_s, lambda: self._socket)

    def of(self, url: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers (names in small letters) and body. Raises SourceFailed."""
        request = urllib.request.Request(
            url,
            headers={
                "User-Agent": f"citytwin/{__version__}",
                "Accept-Encoding": "gzip",
                "Connection": "close",
                **headers,
            },
        )
        feed = self._feed
        try:
            with self._late, self._opener().open(request, timeout=feed.timeout_s) as answer:
                told = {name.lower(): value for name, value in answer.headers.items()}
                return answer.status, told, self._body(answer, told)
        except urllib.error.HTTPError as e:
            with e:
                if e.code == 304:
                    return 304, {}, b""
                raise self._refusal(e) from None
        except TimeoutError:
            raise self._slow() from None
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as e:
            if self._late.passed or isinstance(getattr(e, "reason", None), TimeoutError):
                raise self._slow() from None
            reason = getattr(e, "reason", None) or e
            raise SourceFailed(
                f"it cannot be reached: {type(reason).__name__}: {str(reason)[:SHOWN]}",
                "is the address right, and the server up?",
                feed.url,
            ) from None

    def _opener(self) -> urllib.request.OpenerDirector:
        answer = self
        authorities = str(self._home / self._feed.certificates) if self._feed.certificates else None
        context = ssl.create_default_context(cafile=authorities)

        class Plain(urllib.request.HTTPHandler):
            def http_open(self, request: urllib.request.Request) -> Any:
                return self.do_open(answer._watched(http.client.HTTPConnection), request)

        class Secure(urllib.request.HTTPSHandler):
            def https_open(self, request: urllib.request.Request) -> Any:
                return self.do_open(answer._watched(http.client.HTTPSConnection), request, context=context)

        return urllib.request.build_opener(Plain, Secure(context=context), _Redirects(self._private))

    def _watched(self, kind: Any) -> Any:
        answer = self

        class Watched(kind):  # type: ignore[misc]  # of either kind
            def connect(self) -> None:
                super().connect()
                answer._socket = self.sock  # http.client lets go of it while the body is still being read
                if answer._late.passed:
                    raise TimeoutError

        return Watched

    def _body(self, answer: Any, told: Mapping[str, str]) -> bytes:
        """The whole body, unpacked. Raises SourceFailed where it is cut off or too large."""
        parts: list[bytes] = []
        size = 0
        while part := answer.read(min(self._most + 1 - size, 1 << 20)):
            parts.append(part)
            size += len(part)
            if size > self._most:
                raise self._large()
        if self._late.passed:
            raise self._slow()
        if answer.length:  # http.client says nothing of it where a body is read in parts
            raise SourceFailed(f"the answer is cut off: {answer.length:,} bytes are missing", "", self._feed.url)
        body = b"".join(parts)
        coding = told.get("content-encoding", "identity").strip().lower()
        if coding in ("identity", ""):
            return body
        if coding not in ("gzip", "x-gzip"):
            raise SourceFailed(f"the answer is packed as '{coding[:20]}'", "gzip, or as it is", self._feed.url)
        unpack = zlib.decompressobj(wbits=31)
        try:
            plain = unpack.decompress(body, self._most + 1)
        except zlib.error as e:
            raise SourceFailed(f"the answer is not gzip: {e}", "", self._feed.url) from e
        if len(plain) > self._most:
            raise self._large()
        if not unpack.eof:
            raise SourceFailed("the answer is cut off", "", self._feed.url)
        return plain

    def _large(self) -> SourceFailed:
        return SourceFailed(
            f"the answer has more than {self._most:,} bytes",
            "ask for less with {since} and {until} and a smaller window_s, or raise largest_mb",
            self._feed.url,
        )

    def _slow(self) -> SourceFailed:
        return SourceFailed(
            f"there is no whole answer after {self._feed.timeout_s:g} s",
            "raise timeout_s if it takes longer",
            self._feed.url,
        )

    def _refusal(self, error: urllib.error.HTTPError) -> SourceFailed:
        hint = {401: "look at its secrets", 403: "look at its secrets", 404: "look at its url"}.get(error.code, "")
        failed = SourceFailed(f"it answered {error.code} {str(error.reason)[:SHOWN]}", hint, self._feed.url)
        if error.code in (429, 503):
            failed.after_s = _wait(error.headers.get("Retry-After", ""))
        return failed


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Goes where it is sent, but never from a secret connection to an open one, and never with secrets to another house."""

    max_redirections = 5

    def __init__(self, private: frozenset[str]) -> None:
        self._private = {name.lower() for name in private} | {"authorization", "cookie"}

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """The request to the new address."""
        before, after = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if after.scheme not in ("http", "https") or (before.scheme == "https" and after.scheme == "http"):
            fp.close()
            raise urllib.error.URLError(f"it sends us to {after.scheme}://{after.hostname}, where we do not go")
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made is not None and (before.scheme, before.netloc) != (after.scheme, after.netloc):
            for name in [n for n in made.headers if n.lower() in self._private]:
                made.remove_header(name)
        return made


def _wait(text: str) -> float:
    """Seconds that a `Retry-After` means; 0 where it says nothing sensible."""
    if text.strip().isdigit():
        return min(float(text), LONGEST_WAIT_S)
    with contextlib.suppress(ValueError, TypeError):
        ahead = (email.utils.parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        return min(max(ahead, 0.0), LONGEST_WAIT_S)
    return 0.0
