"""Is this a geometry? Well-known text is read once, so that no store is ever handed a text that it could stumble over."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NoReturn

from citytwin.api.sta.error import Malformed
from citytwin.api.sta.tree import Geometry, Limits

_TOKEN = re.compile(r"\s*(?:([A-Za-z]++)|([+\-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+\-]?[0-9]++)?)|([(),]))")
_SRID = re.compile(r"\s*(?i:srid)=([0-9]{1,9});")
_SHAPE = {"POINT": 0, "LINESTRING": 1, "POLYGON": 2, "MULTIPOINT": 1, "MULTILINESTRING": 2, "MULTIPOLYGON": 3}
"""How many lists of positions nest in each kind."""


def geometry(text: str, at: int, limits: Limits) -> Geometry:
    """The geometry that `text` tells of, normalised. Raises Malformed at `at`, where the literal began."""
    srid = _SRID.match(text)
    if srid and srid[1] != "4326":
        raise Malformed("", at, f"SRID={srid[1]}", "a geometry in WGS 84 (SRID 4326)")
    return Geometry(_Reader(text, srid.end() if srid else 0, at, limits).whole())


class _Reader:
    def __init__(self, text: str, pos: int, at: int, limits: Limits) -> None:
        self.text, self.pos, self.at, self.limits = text, pos, at, limits
        self.vertices = 0

    def whole(self) -> str:
        shape = self.shape(0)
        if self.text[self.pos :].strip():
            self.refuse("the end of the geometry")
        return shape

    def refuse(self, expected: str) -> NoReturn:
        found = self.text[self.pos :].strip()
        raise Malformed("", self.at, found or "the end of the geometry", expected, "geometries are well-known text")

    def token(self, group: int, expected: str) -> str:
        found = _TOKEN.match(self.text, self.pos)
        if not found or found[group] is None:
            self.refuse(expected)
        self.pos = found.end()
        return found[group]

    def mark(self, signs: str) -> str:
        before = self.pos
        sign = self.token(3, " or ".join(signs))
        if sign not in signs:
            self.pos = before
            self.refuse(" or ".join(signs))
        return sign

    def shape(self, nested: int) -> str:
        before = self.pos
        kind = self.token(1, "a kind of geometry").upper()
        if kind == "GEOMETRYCOLLECTION" and nested < 4:
            return f"{kind}{self.listed(lambda: self.shape(nested + 1), 1)}"
        if kind not in _SHAPE:
            self.pos = before
            self.refuse(f"one of {', '.join(_SHAPE)}")
        if kind == "POINT":
            self.mark("(")
            point = self.position()
            self.mark(")")
            return f"POINT({point})"
        return f"{kind}{self.positions(kind, _SHAPE[kind])}"

    def positions(self, kind: str, depth: int) -> str:
        if depth > 1:
            return self.listed(lambda: self.positions(kind, depth - 1), 1)
        if kind == "MULTIPOINT":
            return self.listed(self.either, 1)
        start = self.pos
        line = self.listed(self.position, 4 if "POLYGON" in kind else 2)
        if "POLYGON" in kind and (ends := line.strip("()").split(", "))[0] != ends[-1]:
            self.pos = start
            self.refuse("a ring that ends where it begins")
        return line

    def either(self) -> str:
        """A position of MULTIPOINT, which may stand in parentheses of its own."""
        found = _TOKEN.match(self.text, self.pos)
        if found and found[3] == "(":
            self.mark("(")
            point = self.position()
            self.mark(")")
            return point
        return self.position()

    def listed(self, item: Callable[[], str], least: int) -> str:
        start = self.pos
        self.mark("(")
        items = [item()]
        while self.mark(",)") == ",":
            items.append(item())
        if len(items) < least:
            self.pos = start
            self.refuse(f"at least {least} positions")
        return f"({', '.join(items)})"

    def position(self) -> str:
        self.vertices += 1
        if self.vertices > self.limits.vertices:
            raise Malformed(f"the geometry has more than {self.limits.vertices} positions", self.at)
        start = self.pos
        x, y = float(self.token(2, "a longitude")), float(self.token(2, "a latitude"))
        if not (math.isfinite(x) and math.isfinite(y) and abs(x) <= 180 and abs(y) <= 90):
            self.pos = start
            self.refuse("longitude within ±180 and latitude within ±90 degrees")
        return f"{x!r} {y!r}"
