"""Does the text fit? Regular expressions whose cost is bounded: no look-around, no references back, and time that grows with the text, never with its powers.

What XPath's `matches` (of which DMN's is one) and JSON Schema's `pattern` have in common: literals, `.`, classes, `\\d \\w \\s`, groups, `|`, `* + ? {m,n}`, `^ $`.
The states of an automaton (Thompson 1968, doi:10.1145/363347.363387) are walked all at once, and sets of them are remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from citytwin.kernel.errors import BadRequest, TooLarge

LONGEST = 500
"""Characters of a pattern."""
MOST = 500
"""States of its automaton: `{m,n}` is written out."""
TEXT = 5_000
"""Characters of a text."""
DEEPEST = 30
"""Groups within groups."""
KEPT = 2_000
"""Sets of states that are remembered at most."""
Test = Callable[[str], bool]
_Node = tuple[Any, ...]
_CLASSES: dict[str, Test] = {
    "d": lambda c: c.isdecimal(),
    "D": lambda c: not c.isdecimal(),
    "w": lambda c: c.isalnum() or c == "_",
    "W": lambda c: not (c.isalnum() or c == "_"),
    "s": str.isspace,
    "S": lambda c: not c.isspace(),
}
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}


@dataclass
class _State:
    """A state: what it takes (`test`), or none of the text but `begin` or `end`; and the states after it."""

    test: Test | None = None
    at: str = ""
    next: list[int] = field(default_factory=list)


class Pattern:
    """A regular expression. `fits` tells whether it is found anywhere in a text."""

    def __init__(self, source: str, ignore_case: bool = False, dot_all: bool = False) -> None:
        if len(source) > LONGEST:
            raise BadRequest(f"the pattern has {len(source)} characters", f"at most {LONGEST}", source[:40])
        self._fold = ignore_case
        self._dot_all = dot_all
        self._states: list[_State] = []
        reader = _Reader(source)
        tree = reader.choice()
        if reader.here():
            raise reader.fault(f"'{reader.here()}' is not expected here")
        last = self._new(_State())
        self._first = self._made(tree, last)
        self._last = last
        self._closed: dict[tuple[frozenset[int], bool, bool], frozenset[int]] = {}
        self._moves: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def fits(self, text: str) -> bool:
        """Whether the pattern is found anywhere in a text. Raises TooLarge."""
        if len(text) > TEXT:
            raise TooLarge(f"the text has {len(text)} characters", f"at most {TEXT} are held against a pattern", text[:40])  # fmt: skip
        if self._fold:
            text = text.lower()
        start = frozenset([self._first])
        held: frozenset[int] = frozenset()
        for n, c in enumerate(text):
            here = self._reach(held | start, n == 0, False)
            if self._last in here:
                return True
            key = (here, c)
            if key not in self._moves:
                if len(self._moves) > KEPT:
                    self._moves.clear()
                self._moves[key] = frozenset(t for s in here if (test := self._states[s].test) and test(c) for t in self._states[s].next)  # fmt: skip
            held = self._moves[key]
        return self._last in self._reach(held | start, not text, True)

    def _reach(self, states: frozenset[int], begin: bool, end: bool) -> frozenset[int]:
        """The states that are reached from these without taking any of the text."""
        key = (states, begin, end)
        if key not in self._closed:
            if len(self._closed) > KEPT:
                self._closed.clear()
            found, todo = set(states), list(states)
            while todo:
                state = self._states[todo.pop()]
                if state.test is None and (not state.at or (begin if state.at == "^" else end)):
                    for t in state.next:
                        if t not in found:
                            found.add(t)
                            todo.append(t)
            self._closed[key] = frozenset(found)
        return self._closed[key]

    def _new(self, state: _State) -> int:
        if len(self._states) >= MOST:
            raise BadRequest(f"the pattern has more than {MOST} states", "repeat less", "pattern")
        self._states.append(state)
        return len(self._states) - 1

    def _made(self, node: _Node, then: int) -> int:
        """The first state of a node that goes on to state `then`."""
        match node:
            case ("one", test):
                return self._new(_State(self._folded(test), next=[then]))
            case ("any",):
                return self._new(_State((lambda _: True) if self._dot_all else (lambda c: c not in "\n\r"), next=[then]))  # fmt: skip
            case ("at", where):
                return self._new(_State(at=str(where), next=[then]))
            case ("row", *parts):
                for part in reversed(parts):
                    then = self._made(part, then)
                return then
            case ("choice", *ways):
                return self._new(_State(next=[self._made(w, then) for w in ways]))
            case ("times", inner, least, most):
                if most is None:
                    loop = self._new(_State())
                    self._states[loop].next = [self._made(inner, loop), then]
                    then = loop
                else:
                    for _ in range(most - least):
                        then = self._new(_State(next=[self._made(inner, then), then]))
                for _ in range(least):
                    before, then = then, self._made(inner, then)
                    if then == before:  # it takes nothing, however often
                        break
                return then
        raise AssertionError(node)

    def _folded(self, test: Test) -> Test:
        return (lambda c: test(c) or test(c.upper())) if self._fold else test


class _Reader:
    """A pattern, read character by character."""

    def __init__(self, source: str) -> None:
        self.source, self.at, self.depth = source, 0, 0

    def here(self) -> str:
        return self.source[self.at : self.at + 1]

    def take(self) -> str:
        found = self.here()
        if not found:
            raise self.fault("the pattern ends too early")
        self.at += 1
        return found

    def fault(self, message: str) -> BadRequest:
        return BadRequest(f"{message}: {self.source[:100]}", f"at character {self.at + 1}", self.source[:40])

    def choice(self) -> _Node:
        ways = [self.row()]
        while self.here() == "|":
            self.at += 1
            ways.append(self.row())
        return ways[0] if len(ways) == 1 else ("choice", *ways)

    def row(self) -> _Node:
        parts: list[_Node] = []
        while self.here() not in ("", "|", ")"):
            parts.append(self.repeated(self.atom()))
        return ("row", *parts)

    def repeated(self, node: _Node) -> _Node:
        sign = self.here()
        if sign not in ("*", "+", "?", "{") or not sign:
            return node
        self.at += 1
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(sign) or self.bounds()
        if self.here() == "?":  # how much is taken first changes nothing about whether it fits
            self.at += 1
        if self.here() and self.here() in "*+?{":
            raise self.fault("one repetition follows another")
        return ("times", node, least, most)

    def bounds(self) -> tuple[int, int | None]:
        end = self.source.find("}", self.at)
        low, comma, high = self.source[self.at : max(end, self.at)].partition(",")
        if end < 0 or not low.isdecimal() or (high and not high.isdecimal()) or len(low + high) > 8:
            raise self.fault("a repetition is {n}, {n,} or {n,m}")
        self.at = end + 1
        least, most = int(low), int(high) if high else None if comma else int(low)
        if (most is not None and most < least) or max(least, most or 0) > MOST:
            raise self.fault(f"repetitions go up, at most to {MOST}")
        return least, most

    def atom(self) -> _Node:
        c = self.take()
        if c == "(":
            self.depth += 1
            if self.depth > DEEPEST:
                raise self.fault(f"groups are nested deeper than {DEEPEST}")
            if self.here() == "?":
                if self.source[self.at : self.at + 2] != "?:":
                    raise self.fault("looking around and named groups are not read")
                self.at += 2
            inner = self.choice()
            if self.here() != ")":
                raise self.fault("')' is missing")
            self.at += 1
            self.depth -= 1
            return inner
        if c == "[":
            return ("one", self.listed())
        if c == ".":
            return ("any",)
        if c in "^$":
            return ("at", c)
        if c == "\\":
            return ("one", self.escaped())
        if c in "*+?{":
            raise self.fault(f"nothing to repeat before '{c}'")
        return ("one", _is(c))

    def escaped(self) -> Test:
        c = self.take()
        if c in _CLASSES:
            return _CLASSES[c]
        if c == "u" and len(code := self.source[self.at : self.at + 4]) == 4 and all(h in "0123456789abcdefABCDEF" for h in code):  # fmt: skip
            self.at += 4
            return _is(chr(int(code, 16)))
        if c.isalnum() and c not in _PLAIN:
            raise self.fault(f"'\\{c}' is not read")
        return _is(_PLAIN.get(c, c))

    def listed(self) -> Test:
        """A class in brackets."""
        no = self.here() == "^"
        self.at += no
        singles: set[str] = set()
        spans: list[tuple[str, str]] = []
        tests: list[Test] = []
        first = True
        while first or self.here() != "]":
            first = False
            c = self.take()
            if c == "[":
                raise self.fault("classes within classes are not read")
            if c == "\\" and self.here() in _CLASSES:
                tests.append(_CLASSES[self.take()])
                continue
            low = self.single(c)
            if self.here() == "-" and self.source[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self.single(self.take())
                if high < low:
                    raise self.fault(f"the span {low}-{high} goes down")
                spans.append((low, high))
            else:
                singles.add(low)
        self.at += 1
        return lambda c: (c in singles or any(a <= c <= b for a, b in spans) or any(t(c) for t in tests)) != no

    def single(self, c: str) -> str:
        if c != "\\":
            return c
        e = self.take()
        if e == "u" and len(code := self.source[self.at : self.at + 4]) == 4 and all(h in "0123456789abcdefABCDEF" for h in code):  # fmt: skip
            self.at += 4
            return chr(int(code, 16))
        if e.isalnum() and e not in _PLAIN:
            raise self.fault(f"'\\{e}' is not read")
        return _PLAIN.get(e, e)


def _is(wanted: str) -> Test:
    return lambda c: c == wanted


@lru_cache(512)
def compiled(source: str, flags: str = "") -> Pattern:
    """The pattern; of XPath's flags `i` (letters of both cases) and `s` (`.` takes line ends too) are known. Raises BadRequest."""
    if set(flags) - {"i", "s"}:
        raise BadRequest(f"flags '{flags[:20]}' are not all known", "i, s", source[:40])
    return Pattern(source, "i" in flags, "s" in flags)
