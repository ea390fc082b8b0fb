"""What does the expression say? The part of FEEL (OMG DMN 1.5, clauses 9 and 10) that decision tables need: literals, arithmetic, comparison, logic, unary tests.

Numbers are decimal (34 digits), as DMN asks; what cannot be computed is null. Nothing here calls Python, loops or grows: an expression is as long as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, Overflow
from functools import lru_cache
from math import isfinite
from typing import Any

from citytwin.kernel import pattern
from citytwin.kernel.errors import BadRequest, TooLarge

LONGEST = 2_000
"""Characters of one expression."""
DEEPEST = 40
"""Brackets within brackets."""
MOST = 400
"""Words and signs of one expression: a tree is never deeper than half of it."""
NUMBERS = Context(prec=34, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Overflow])
Node = tuple[Any, ...]
INPUT = "?"
"""The name of the value that a unary test is about."""


@dataclass(frozen=True, slots=True)
class Months:
    """A duration of years and months."""

    n: int


@dataclass(frozen=True, slots=True)
class Range:
    """An interval; an end that is None has no bound."""

    low: Any
    low_in: bool
    high: Any
    high_in: bool


_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<op>\*\*|\.\.|<=|>=|!=|[-+*/()\[\]{},.:<>=?@])|(?P<name>[^\W\d]\w*))""",
    re.VERBOSE,
)
_WORDS = {"and", "or", "not", "true", "false", "null", "if", "then", "else", "between", "in"}
_LITERALS = ("date and time", "date", "time", "duration", "string length", "starts with", "ends with")


class Faulty(BadRequest):
    """The expression cannot be read."""


def compiled(text: str, names: frozenset[str] = frozenset()) -> Node:
    """The tree of an expression over these names (which may hold spaces and signs). Raises Faulty."""
    return _read(text, names, False)


def conditions(text: str, names: frozenset[str] = frozenset()) -> Node:
    """The tree of unary tests, such as `-`, `< 5`, `"a", "b"`, `not([1..3))`. Raises Faulty."""
    return _read(text, names, True)


@lru_cache(65_536)
def _read(text: str, names: frozenset[str], unary: bool) -> Node:
    if len(text) > LONGEST:
        raise Faulty(f"the expression has {len(text)} characters", f"at most {LONGEST}: use another table", text[:40])
    parser = _Parser(text, names)
    node = parser.unary() if unary else parser.expression()
    if parser.kind != "end":
        raise parser.fault(f"'{parser.text}' is not expected here")
    return node


class _Parser:
    def __init__(self, source: str, names: frozenset[str]) -> None:
        self.source = source
        self.names = sorted(names, key=len, reverse=True)
        self.at = 0
        self.depth = self.count = 0
        self.kind = self.text = ""
        self.next()

    def fault(self, message: str) -> Faulty:
        return Faulty(f"{message}: {self.source[:200]}", f"at character {self.at}", self.source[:40])

    def next(self) -> None:
        self.count += 1
        if self.count > MOST:
            raise self.fault(f"the expression has more than {MOST} words and signs")
        rest = self.source[self.at :]
        gap = len(rest) - len(rest.lstrip())
        for name in (*self.names, *_LITERALS):
            if rest.startswith(name, gap) and not re.match(r"\w", rest[gap + len(name) :]) and name not in _WORDS:
                if name in _LITERALS and name not in self.names and not re.match(r"\s*\(", rest[gap + len(name) :]):
                    continue
                self.kind, self.text = "name", name
                self.at += gap + len(name)
                return
        found = _TOKEN.match(self.source, self.at)
        if not found:
            if rest.strip():
                raise self.fault(f"'{rest.strip()[:10]}' cannot be read")
            self.kind, self.text = "end", "the end"
            return
        self.at = found.end()
        self.kind = found.lastgroup or ""
        self.text = found[self.kind]
        if self.kind == "name" and self.text in _WORDS:
            self.kind = "word"

    def here(self, *texts: str) -> bool:
        return self.kind in ("op", "word") and self.text in texts

    def take(self, text: str) -> None:
        if not self.here(text):
            raise self.fault(f"'{text}' is expected, not '{self.text}'")
        self.next()

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.fault(f"brackets are nested deeper than {DEEPEST}")

    def unary(self) -> Node:
        if self.here("-"):
            at, kind, text = self.at, self.kind, self.text
            self.next()
            if self.kind == "end":
                return ("any",)
            self.at, self.kind, self.text = at, kind, text
        if self.here("not"):
            self.next()
            self.take("(")
            inner = self.several()
            self.take(")")
            return ("none", inner)
        return ("some", self.several())

    def several(self) -> tuple[Node, ...]:
        found = [self.test()]
        while self.here(","):
            self.next()
            found.append(self.test())
        return tuple(found)

    def test(self) -> Node:
        if self.here("<", "<=", ">", ">=", "=", "!="):
            op = self.text
            self.next()
            return ("is", op, self.sum())
        return ("fits", self.expression())

    def expression(self) -> Node:
        self.deeper()
        if self.here("if"):
            self.next()
            asked = self.expression()
            self.take("then")
            then = self.expression()
            self.take("else")
            node: Node = ("if", asked, then, self.expression())
        else:
            node = self.conjunction()
            while self.here("or"):
                self.next()
                node = ("or", node, self.conjunction())
        self.depth -= 1
        return node

    def conjunction(self) -> Node:
        node = self.comparison()
        while self.here("and"):
            self.next()
            node = ("and", node, self.comparison())
        return node

    def comparison(self) -> Node:
        node = self.sum()
        while self.here("<", "<=", ">", ">=", "=", "!=", "between", "in"):
            op = self.text
            self.next()
            if op == "between":
                low = self.sum()
                self.take("and")
                node = ("within", node, low, self.sum())
            elif op == "in":
                node = ("among", node, self.listed())
            else:
                node = ("compare", op, node, self.sum())
        return node

    def listed(self) -> Node:
        """What stands after `in`: one test, or several in brackets."""
        if self.here("("):
            at, kind, text, depth = self.at, self.kind, self.text, self.depth
            self.next()
            with suppress(Faulty):
                inner = self.several()
                if self.here(")"):
                    self.next()
                    return ("some", inner)
            self.at, self.kind, self.text, self.depth = at, kind, text, depth
        return ("some", (self.test(),))

    def sum(self) -> Node:
        node = self.product()
        while self.here("+", "-"):
            op = self.text
            self.next()
            node = ("do", op, node, self.product())
        return node

    def product(self) -> Node:
        node = self.power()
        while self.here("*", "/"):
            op = self.text
            self.next()
            node = ("do", op, node, self.power())
        return node

    def power(self) -> Node:
        node = self.negation()
        while self.here("**"):
            self.next()
            node = ("do", "**", node, self.negation())
        return node

    def negation(self) -> Node:
        if self.here("-"):
            self.deeper()
            self.next()
            node: Node = ("minus", self.negation())
            self.depth -= 1
            return node
        return self.postfix()

    def postfix(self) -> Node:
        node = self.primary()
        while self.here("."):
            self.next()
            if self.kind != "name":
                raise self.fault(f"a name is expected after '.', not '{self.text}'")
            node = ("part", node, self.text)
            self.next()
        return node

    def primary(self) -> Node:
        kind, text = self.kind, self.text
        if kind == "number":
            self.next()
            return ("value", NUMBERS.create_decimal(text))
        if kind == "string":
            self.next()
            return ("value", _unquoted(text))
        if self.here("true", "false", "null"):
            self.next()
            return ("value", {"true": True, "false": False, "null": None}[text])
        if self.here("not"):
            self.next()
            self.take("(")
            inner = self.expression()
            self.take(")")
            return ("not", inner)
        if self.here("@"):
            self.next()
            literal = self.text
            if self.kind != "string":
                raise self.fault("a string is expected after '@'")
            self.next()
            return ("value", _at(_unquoted(literal)))
        if self.here("?"):
            self.next()
            return ("name", INPUT)
        if self.here("(", "["):
            return self.bracket()
        if self.here("]"):  # ]1..5[ is the open interval in the French way
            return self.bracket()
        if self.here("{"):
            return self.context()
        if kind == "name":
            self.next()
            if self.here("(") and text not in self.names:
                return self.call(text)
            if text not in self.names:
                raise self.fault(f"'{text}' is no name known here")
            return ("name", text)
        raise self.fault(f"'{text}' is not expected here")

    def bracket(self) -> Node:
        """A list, an interval or an expression in brackets."""
        opened = self.text
        self.deeper()
        self.next()
        if opened == "[" and self.here("]"):
            self.next()
            self.depth -= 1
            return ("list", ())
        first = self.expression()
        if self.here(".."):
            self.next()
            second = self.sum()
            if not self.here(")", "]", "["):
                raise self.fault("an interval ends with ), ] or [")
            node: Node = ("range", first, opened == "[", second, self.text == "]")
            self.next()
        elif opened == "[":
            items = [first]
            while self.here(","):
                self.next()
                items.append(self.expression())
            self.take("]")
            node = ("list", tuple(items))
        elif opened == "(":
            self.take(")")
            node = first
        else:
            raise self.fault("'..' is expected in an interval")
        self.depth -= 1
        return node

    def context(self) -> Node:
        self.deeper()
        self.next()
        entries: list[tuple[str, Node]] = []
        while not self.here("}"):
            if entries:
                self.take(",")
            if self.kind not in ("name", "string"):
                raise self.fault("a name is expected in {…}")
            key = self.text.strip('"')
            self.next()
            self.take(":")
            entries.append((key, self.expression()))
        self.next()
        self.depth -= 1
        return ("context", tuple(entries))

    def call(self, function: str) -> Node:
        if function not in FUNCTIONS:
            raise self.fault(f"there is no function '{function}'")
        self.next()
        given: list[Node] = []
        while not self.here(")"):
            if given:
                self.take(",")
            given.append(self.expression())
        self.next()
        if function == "matches" and all(g[0] == "value" for g in given[1:]):
            try:
                pattern.compiled(*(g[1] for g in given[1:]))
            except (BadRequest, TypeError, AttributeError) as e:
                raise self.fault(f"matches() is given no pattern: {e}") from None
        return ("call", function, tuple(given))


def value(node: Node, facts: Mapping[str, Any]) -> Any:
    """What the tree of an expression comes to with these facts; null where it cannot be computed."""
    match node:
        case ("value", held):
            return held
        case ("name", name):
            return facts.get(name)
        case ("part", inner, name):
            return _part(value(inner, facts), name)
        case ("do", op, a, b):
            return _arithmetic(op, value(a, facts), value(b, facts))
        case ("minus", inner):
            return _arithmetic("*", value(inner, facts), Decimal(-1))
        case ("compare", op, a, b):
            return compare(op, value(a, facts), value(b, facts))
        case ("and", a, b):
            return _both(value(a, facts), value(b, facts))
        case ("or", a, b):
            return _not(_both(_not(value(a, facts)), _not(value(b, facts))))
        case ("not", inner):
            return _not(value(inner, facts))
        case ("if", asked, then, other):
            return value(then, facts) if value(asked, facts) is True else value(other, facts)
        case ("within", inner, low, high):
            held = value(inner, facts)
            return _both(compare(">=", held, value(low, facts)), compare("<=", held, value(high, facts)))
        case ("among", inner, wanted):
            return holds(wanted, value(inner, facts), facts)
        case ("list", items):
            return [value(i, facts) for i in items]
        case ("range", low, low_in, high, high_in):
            return Range(value(low, facts), low_in, value(high, facts), high_in)
        case ("context", entries):
            return {key: value(inner, facts) for key, inner in entries}
        case ("call", function, given):
            try:
                return FUNCTIONS[function](*(value(g, facts) for g in given))
            except (TypeError, ValueError, ArithmeticError, AttributeError):
                return None
    raise AssertionError(node)


def holds(node: Node, given: Any, facts: Mapping[str, Any]) -> bool:
    """Whether a value passes unary tests."""
    match node:
        case ("any",):
            return True
        case ("none", inner):
            return not any(holds(n, given, facts) for n in inner)
        case ("some", inner):
            return any(holds(n, given, facts) for n in inner)
        case ("is", op, inner):
            return compare(op, given, value(inner, facts)) is True
        case ("fits", inner):
            wanted = value(inner, {**facts, INPUT: given})
            if isinstance(wanted, Range):
                return within(given, wanted)
            if isinstance(wanted, bool) and not isinstance(given, bool) and _asks(inner):
                return wanted
            if isinstance(wanted, list) and not isinstance(given, list):
                return any(within(given, w) if isinstance(w, Range) else compare("=", given, w) is True for w in wanted)
            return compare("=", given, wanted) is True or (wanted is True and _asks(inner))
    raise AssertionError(node)


def _asks(node: Any) -> bool:
    """Whether an expression speaks of the input (`?`)."""
    return isinstance(node, tuple) and (node[:2] == ("name", INPUT) or any(_asks(n) for n in node))


def within(given: Any, wanted: Range) -> bool:
    """Whether a value lies in an interval."""
    above = wanted.low is None or compare(">=" if wanted.low_in else ">", given, wanted.low) is True
    return above and (wanted.high is None or compare("<=" if wanted.high_in else "<", given, wanted.high) is True)


def compare(op: str, a: Any, b: Any) -> bool | None:
    """a op b; null where they are not of one kind."""
    a, b = number(a), number(b)
    if op in ("=", "!="):
        if a is None or b is None:
            return (a is b) == (op == "=")
        if _kind(a) != _kind(b):
            return None
        return bool(a == b) == (op == "=")
    if a is None or b is None or _kind(a) != _kind(b) or isinstance(a, bool | list | dict | Range):
        return None
    if isinstance(a, Months):
        a, b = a.n, b.n
    try:
        return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]  # type: ignore[no-any-return]
    except TypeError:  # one has an offset from UTC, the other none
        return None


def number(given: Any, depth: int = 0) -> Any:
    """A value as FEEL holds it: numbers as decimals; what is no number, or nested too deep, is null."""
    if isinstance(given, bool) or not isinstance(given, int | float | list | tuple):
        return given
    if isinstance(given, list | tuple):
        return [number(g, depth + 1) for g in given] if depth < DEEPEST else None
    if isinstance(given, int):
        return Decimal(given)
    return Decimal(repr(given)) if isfinite(given) else None


def plain(given: Any) -> Any:
    """A value as JSON holds it: decimals as whole numbers or floats, times as text."""
    if isinstance(given, Decimal):
        return int(given) if given == given.to_integral_value() and abs(given) < 2**53 else float(given)
    if isinstance(given, list):
        return [plain(g) for g in given]
    if isinstance(given, dict):
        return {k: plain(v) for k, v in given.items()}
    return given.isoformat() if isinstance(given, date | time) else given


def names(node: Any) -> set[str]:
    """The names that a tree speaks of."""
    if not isinstance(node, tuple):
        return set()
    if node[:1] == ("name",):
        return {node[1]} - {INPUT}
    return {name for part in node for name in names(part)}


def _kind(given: Any) -> str:
    if isinstance(given, datetime):
        return "datetime"
    return next((t.__name__ for t in (bool, Decimal, str, date, time, timedelta, Months, list, dict, Range) if isinstance(given, t)), "?")  # fmt: skip


def _both(a: Any, b: Any) -> bool | None:
    """Three-valued: false wins over null (DMN 1.5, table 50)."""
    if a is False or b is False:
        return False
    return True if a is True and b is True else None


def _not(a: Any) -> bool | None:
    return not a if isinstance(a, bool) else None


def _part(held: Any, name: str) -> Any:
    if isinstance(held, Mapping):
        return held.get(name)
    if isinstance(held, date | time) and name in ("year", "month", "day", "hour", "minute", "second", "weekday"):
        found = getattr(held, name, None)
        return Decimal(found() + 1 if callable(found) else found) if found is not None else None
    return None


def _arithmetic(op: str, a: Any, b: Any) -> Any:
    a, b = number(a), number(b)
    try:
        match op, a, b:
            case ("+", str(), str()):
                return a + b
            case (_, Decimal(), Decimal()):
                made = {"+": NUMBERS.add, "-": NUMBERS.subtract, "*": NUMBERS.multiply, "**": NUMBERS.power}.get(op)
                return made(a, b) if made else NUMBERS.divide(a, b) if b else None
            case ("+" | "-", date(), timedelta()):
                return a + b if op == "+" else a - b
            case ("-", date(), date()) if _kind(a) == _kind(b):
                return a - b
            case ("+" | "-", date(), Months()):
                return _moved(a, b.n if op == "+" else -b.n)
            case ("+" | "-", timedelta(), timedelta()):
                return a + b if op == "+" else a - b
            case ("+" | "-", Months(), Months()):
                return Months(a.n + b.n if op == "+" else a.n - b.n)
            case ("*" | "/", timedelta(), Decimal()):
                return a * float(b) if op == "*" else a / float(b)
            case ("*", Months(), Decimal()):
                return Months(int(a.n * b))
    except (ArithmeticError, TypeError, ValueError):
        pass
    return None


def _moved(day: date, months: int) -> date:
    """So many months later; the last day of the month where it has no such day."""
    n = day.year * 12 + day.month - 1 + months
    for last in (day.day, 30, 29, 28):
        with suppress(ValueError):
            return day.replace(n // 12, n % 12 + 1, min(day.day, last))
    raise ValueError(f"no month {months} from {day}")


def _unquoted(text: str) -> str:
    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", _escape, text[1:-1])


def _escape(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else {"n": "\n", "t": "\t", "r": "\r"}.get(code, code)


def _date(*given: Any) -> date | None:
    if len(given) == 3:
        return date(*(int(g) for g in given))
    (one,) = given
    if isinstance(one, datetime):
        return one.date()
    if not isinstance(one, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", one):
        return None
    return date.fromisoformat(one)


def _time(one: Any) -> time | None:
    return time.fromisoformat(one) if isinstance(one, str) and re.match(r"\d\d:\d\d:\d\d", one) else None


def _moment(*given: Any) -> datetime | None:
    if len(given) == 2 and isinstance(given[0], date) and isinstance(given[1], time):
        return datetime.combine(given[0], given[1])
    (one,) = given
    if not isinstance(one, str):
        return None
    return datetime.fromisoformat(one) if "T" in one else datetime.combine(date.fromisoformat(one), time())


_SPAN = re.compile(r"(-?)P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def _duration(one: Any) -> Months | timedelta | None:
    found = _SPAN.fullmatch(one) if isinstance(one, str) else None
    if not found or not any(found.groups()[1:]):
        return None
    years, months, days, hours, minutes, seconds = (float(g or 0) for g in found.groups()[1:])
    sign = -1 if found[1] else 1
    if found[2] or found[3]:
        return Months(sign * int(years * 12 + months)) if not (days or hours or minutes or seconds) else None
    return sign * timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _at(text: str) -> Any:
    """A literal `@"…"`: a date, a time, a moment or a duration, whichever it is."""
    for reads in (_date, _duration, _time, _moment):
        with suppress(ValueError):
            if (found := reads(text)) is not None:
                return found
    return None


def _spread(given: tuple[Any, ...]) -> list[Any]:
    return list(given[0]) if len(given) == 1 and isinstance(given[0], list) else list(given)


def _least(*given: Any) -> Any:
    found = _spread(given)
    return min(found) if found and len({_kind(f) for f in found}) == 1 else None


def _most(*given: Any) -> Any:
    found = _spread(given)
    return max(found) if found and len({_kind(f) for f in found}) == 1 else None


def _total(*given: Any) -> Any:
    found = [number(f) for f in _spread(given)]
    return sum(found, Decimal()) if found and all(isinstance(f, Decimal) for f in found) else None


def _contains(held: Any, wanted: Any) -> bool | None:
    return wanted in held if isinstance(held, str) and isinstance(wanted, str) else None


def _matches(held: Any, source: Any, flags: Any = "") -> bool | None:
    """Whether a text fits a pattern (XPath's `matches`); null where there is no text, or no pattern that is taken."""
    if not isinstance(held, str) or not isinstance(source, str) or not isinstance(flags, str):
        return None
    try:
        return pattern.compiled(source, flags).fits(held)
    except (BadRequest, TooLarge):
        return None


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "date": _date,
    "time": _time,
    "date and time": _moment,
    "duration": _duration,
    "min": _least,
    "max": _most,
    "sum": _total,
    "count": lambda *given: Decimal(len(_spread(given))),
    "abs": lambda n: abs(n),
    "floor": lambda n: n.to_integral_value("ROUND_FLOOR"),
    "ceiling": lambda n: n.to_integral_value("ROUND_CEILING"),
    "contains": _contains,
    "starts with": lambda held, wanted: held.startswith(wanted),
    "ends with": lambda held, wanted: held.endswith(wanted),
    "string length": lambda held: Decimal(len(held)) if isinstance(held, str) else None,
    "matches": _matches,
    "list contains": lambda held, wanted: any(compare("=", h, wanted) is True for h in held),
}
"""What an expression may call."""
