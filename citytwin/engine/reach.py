"""How do we call a server that somebody named to us, without being turned against our own network? One request to an address that was looked at first."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import citytwin
from citytwin.kernel.errors import BadRequest, CityTwinError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LARGEST = 64 * 1024
"""Bytes of an answer that are read."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Unreached(CityTwinError):
    """The server did not answer, or may not be called. `asked` where it may have got the question all the same."""

    code = "unreached"
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the beginning of the body, and the headers (names in lower case)."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def parsed(url: str) -> SplitResult:
    """The parts of an address that may be called: http or https, a host, no password. Raises BadRequest."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as e:
        raise BadRequest(f"'{url[:200]}' is no address: {e}", "https://host/path", "url") from None
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username is not None
        or parts.fragment
        or port == 0
        or len(url) > 2000
        or not url.isascii()
        or any(c <= " " or c == "\x7f" for c in url)
    ):
        raise BadRequest(
            f"'{url[:200]}' is not an address that is called",
            "http or https, with a host, without user, password and #",
            "url",
        )
    return parts


def permitted(address: Address, networks: Sequence[Network]) -> bool:
    """Whether an address may be called: it lies in the public internet, or in one of the networks that were named for it."""
    real: Address = address
    if isinstance(address, ipaddress.IPv6Address):  # an address of the old kind may hide in one of the new
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        real = inner or address
    if any(a.version == n.version and a in n for n in networks for a in (address, real)):
        return True
    return real.is_global and not real.is_multicast


def addresses(host: str, port: int, networks: Sequence[Network]) -> list[Address]:
    """Where a host is, as far as it may be called. Raises Unreached."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as e:
        raise Unreached(f"there is no host '{host[:200]}': {e}", "", host[:200]) from e
    every = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    kept = [a for a in dict.fromkeys(every) if permitted(a, networks)]
    if not kept:
        hint = "start the server with --callback-network and the network it lies in, if it is to be called"
        raise Unreached(f"{host[:200]} lies in a network that is not called from here", hint, host[:200])
    return kept


def request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    networks: Sequence[Network] = (),
    within: float = 10.0,
    certificates: str | None = None,
) -> Answer:
    """Ask once, without following where it sends us, and be done `within` seconds; `certificates` (PEM) are those to trust in place of the usual ones.

    Raises BadRequest and Unreached. What was posted is not posted again to another address of the host.
    """
    parts = parsed(url)
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    end = time.monotonic() + within
    last: Exception | None = None
    asked = False
    for address in addresses(host, port, networks)[:4]:
        line = None
        try:
            # the address that was looked at is the one that is called: a name may lead elsewhere a moment later
            line = socket.create_connection((str(address), port), timeout=max(0.1, end - time.monotonic()))
            if parts.scheme == "https":
                line = ssl.create_default_context(cafile=certificates).wrap_socket(line, server_hostname=host)
            asked = True
            return _ask(line, host, port, parts, method, headers, body, end)
        except (OSError, http.client.HTTPException, ValueError) as e:
            last = e
        finally:
            if line is not None:
                line.close()
        if asked and method == "POST":
            break
    failed = Unreached(f"{host}:{port} did not answer: {type(last).__name__} {last}", "", f"{host}:{port}")
    failed.asked = asked
    raise failed from last


def _ask(
    line: socket.socket,
    host: str,
    port: int,
    parts: SplitResult,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    end: float,
) -> Answer:
    late = threading.Event()

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    # each byte that trickles in would begin a time-out of its own
    watch = threading.Timer(max(0.1, end - time.monotonic()), cut)
    watch.daemon = True
    watch.start()
    asking = http.client.HTTPConnection(host, port)
    try:
        asking.sock = line
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        named = {"User-Agent": f"CityTwin/{citytwin.__version__}", "Connection": "close", **headers}
        asking.request(method, target, body if method == "POST" else None, named)
        answer = asking.getresponse()
        try:
            found = Answer(answer.status, answer.read(LARGEST), {k.lower(): v for k, v in answer.getheaders()})
        finally:
            answer.close()
        if late.is_set():  # an answer that was cut off looks like one that ended
            raise TimeoutError("it took too long")
        return found
    finally:
        watch.cancel()
        watch.join()
        asking.close()
