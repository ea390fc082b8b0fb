"""How often may somebody ask? As often as their bucket has tokens: of a caller who is known, or of an address where nobody is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from citytwin.kernel.errors import TooMany
from citytwin.kernel.right import Caller
from citytwin.settings import Rate, Rates

MOST = 10_000
"""Callers and addresses that are remembered at once: who is forgotten begins with a full bucket."""


class Pace:
    """Token buckets. Readings (`send`) are never slowed: bodies under way bound them."""

    def __init__(self, rates: Rates, clock: Callable[[], float] = time.monotonic) -> None:
        self._rates, self._clock = rates, clock
        self._full: dict[str, float] = {}
        """For each bucket the moment at which it is full again: that is all there is to know of it (the generic cell rate algorithm)."""

    def ask(self, caller: Caller | None, address: str, right: str, unsafe: bool) -> None:
        """Take a token for one request. Raises TooMany, saying when to come again."""
        if caller is None:
            name, rate = f"of {network(address)}", self._rates.nobody
        elif right == "send" or caller.via in ("key", "open"):
            return
        elif unsafe and right != "see":  # questions may be asked with a body
            name, rate = f"{caller.id} changes", self._rates.change
        else:
            name, rate = f"{caller.id} reads", self._rates.read
        wait = self._take(name, rate)
        if wait > 0:
            who = "this address" if caller is None else "you"
            raise TooMany(
                f"{who} asked more than {rate.per_s:g} times a second",
                f"go on in {math.ceil(wait)} s",
                "rate",
                wait_s=wait,
            )

    def _take(self, name: str, rate: Rate) -> float:
        """Seconds until there is a token; 0 where one was taken."""
        if rate.per_s <= 0:
            return 0.0
        now = self._clock()
        full = max(self._full.get(name, now), now)
        wait = full - now - (rate.burst - 1) / rate.per_s
        if wait > 1e-9:
            return wait
        if len(self._full) >= MOST and name not in self._full:
            self._forget(now)
        self._full[name] = full + 1 / rate.per_s
        return 0.0

    def _forget(self, now: float) -> None:
        self._full = {n: full for n, full in self._full.items() if full > now}
        if len(self._full) > MOST // 2:  # so many at once: those who came first begin anew
            self._full = dict(list(self._full.items())[-MOST // 2 :])


def network(address: str) -> str:
    """What counts as one address: of IPv6 the 64 bits that a site is given, since it has all that begin so."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
