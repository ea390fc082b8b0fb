"""What does a filter of CQL2 (OGC 21-065r2) say? Its text and its JSON become one tree; nesting is bounded, not left to the stack."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NoReturn

import msgspec

from citytwin.api.sta import tree, wkt
from citytwin.api.sta.error import Malformed
from citytwin.api.sta.tree import Binary, Call, Limits, Literal, Node, Path, Unary, junction

COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "div", "^"})
SPATIAL = tuple(
    f"s_{n}" for n in ("intersects", "equals", "disjoint", "touches", "within", "overlaps", "crosses", "contains")
)
TEMPORAL = tuple(
    f"t_{n}"
    for n in (
        "after", "before", "contains", "disjoint", "during", "equals", "finishedby", "finishes", "intersects", "meets", "metby", "overlappedby", "overlaps",
        "startedby", "starts",
    )
)  # fmt: skip
FUNCTIONS: dict[str, int] = {"casei": 1, "accenti": 1, **dict.fromkeys((*SPATIAL, *TEMPORAL), 2)}
"""Every function that is known here and how many arguments it takes, by its name in lower case."""
_UNOFFERED = ("a_equals", "a_contains", "a_containedby", "a_overlaps")
_SHAPES = ("point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection")
OPEN = ".."
"""The end of an interval that has none."""

_BINDS = {"or": 1, "and": 2, "+": 6, "-": 6, "*": 7, "/": 7, "%": 7, "div": 7, "^": 9}
_BINDS |= dict.fromkeys((*COMPARISONS, "like", "between", "in", "is", "not"), 4)
_NOT, _COMPARED, _NEGATIVE = 3, 5, 8
"""How tightly operators bind; `not` before an expression takes the whole comparison after it."""

_WORD = re.compile(
    r"""\s*+(?:
      (?P<number>(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+\-]?[0-9]++)?)
    | '(?P<string>(?:[^'\\]|''|\\'?)*+)'
    | "(?P<quoted>(?:[^"]|"")++)"
    | (?P<name>[^\W\d][\w.:]*+|:[\w.:]++)
    | (?P<sign><=|>=|<>|[=<>+\-*/%^(),])
    )""",
    re.VERBOSE,
)


def read(text: str, language: str, limits: Limits | None = None) -> Node:
    """The tree of a filter in `cql2-text` or `cql2-json`. Raises Malformed saying where."""
    bounds = limits or Limits()
    if len(text) > bounds.length:
        raise Malformed(f"the filter has more than {bounds.length} characters", bounds.length)
    found = _Text(text, bounds).whole() if language == "cql2-text" else _from_json(text, bounds)
    if tree.depth(found) > bounds.depth:
        raise Malformed(f"the filter nests deeper than {bounds.depth}", 0)
    return found


@dataclass(frozen=True, slots=True)
class _Word:
    kind: str
    text: str
    at: int

    def says(self, word: str) -> bool:
        return self.kind in ("name", "sign") and self.text.lower() == word


class _Text:
    """Walks over the words of a text, one after the other; none is read twice."""

    def __init__(self, raw: str, limits: Limits) -> None:
        self.raw, self.limits = raw, limits
        self.nested = self.made = self.place = 0
        self.word = self._next()

    def _next(self) -> _Word:
        found = _WORD.match(self.raw, self.place)
        if found is None:
            rest = self.raw[self.place :].lstrip()
            at = len(self.raw) - len(rest)
            if rest:
                hint = "texts stand in single quotation marks, and '' is one in them" if rest[0] in "'\"" else ""
                raise Malformed("", at, rest, "a value, a property or an operator", hint)
            return _Word("end", "", at)
        kind = str(found.lastgroup)
        self.place = found.end()
        text = found[kind]
        if kind == "string":
            text = text.replace("''", "'").replace("\\'", "'")
        elif kind == "quoted":
            text = text.replace('""', '"')
        return _Word(kind, text, found.start(kind) - (kind in ("string", "quoted")))

    def step(self) -> _Word:
        word, self.word = self.word, self._next()
        return word

    def refuse(self, expected: str, hint: str = "") -> NoReturn:
        raise Malformed("", self.word.at, self.word.text, expected, hint)

    def take(self, *words: str) -> _Word:
        if not any(self.word.says(w) for w in words):
            self.refuse(" or ".join(f"'{w.upper()}'" for w in words))
        return self.step()

    def skip(self, word: str) -> bool:
        if self.word.says(word):
            self.step()
            return True
        return False

    def whole(self) -> Node:
        found = self.climb(0)
        if self.word.kind != "end":
            self.refuse("an operator or the end")
        return found

    def count(self, node: Node) -> Node:
        self.made += 1
        if self.made > self.limits.nodes:
            raise Malformed(f"the filter has more than {self.limits.nodes} parts", self.word.at)
        return node

    def climb(self, least: int) -> Node:
        self.nested += 1
        if self.nested > self.limits.depth:
            raise Malformed(f"the filter nests deeper than {self.limits.depth}", self.word.at)
        left = self.prefix()
        while self.word.kind in ("name", "sign") and least <= _BINDS.get(op := self.word.text.lower(), -1):
            at = self.step().at
            left = self.count(self.joined(left, op, at))
        self.nested -= 1
        return left

    def joined(self, left: Node, op: str, at: int) -> Node:
        if op in ("and", "or"):
            parts = [left, self.climb(_BINDS[op] + 1)]
            while self.skip(op):
                parts.append(self.climb(_BINDS[op] + 1))
            return junction(op, tuple(parts), at)
        if op == "not":
            if not any(self.word.says(w) for w in ("like", "between", "in")):
                self.refuse("LIKE, BETWEEN or IN after NOT")
            return Unary("not", self.joined(left, self.step().text.lower(), at), at)
        if op == "is":
            negated = self.skip("not")
            self.take("null")
            empty = Call("isnull", (left,), at)
            return Unary("not", empty, at) if negated else empty
        if op == "like":
            return Call("like", (left, self.climb(_COMPARED)), at)
        if op == "between":
            low = self.climb(_COMPARED)
            self.take("and")
            return Call("between", (left, low, self.climb(_COMPARED)), at)
        if op == "in":
            self.take("(")
            return Call("in", (left, *self.arguments(self.limits.items)), at)
        return Binary(op, left, self.climb(_BINDS[op] + (op != "^")), at)

    def arguments(self, most: int) -> tuple[Node, ...]:
        """What stands in parentheses, of which the first is behind us."""
        found = [self.climb(0)]
        while self.take(",", ")").text == ",":
            found.append(self.climb(0))
            if len(found) > most:
                raise Malformed(f"there are more than {most} values", self.word.at)
        return tuple(found)

    def prefix(self) -> Node:
        word = self.word
        match word.kind:
            case "number":
                self.step()
                return self.count(Literal("number", number(word.text, word.at), word.at))
            case "string":
                self.step()
                return self.count(Literal("string", word.text, word.at))
            case "quoted":
                self.step()
                return self.count(Path((word.text,), word.at))
            case "name":
                return self.named()
        if self.skip("("):
            inner = self.climb(0)
            self.take(")")
            return inner
        if self.skip("-"):
            operand = self.climb(_NEGATIVE)
            if isinstance(operand, Literal) and isinstance(operand.value, int | float):
                return Literal("number", -operand.value, word.at)
            return self.count(_negative(operand, word.at))
        if self.skip("+"):
            return self.climb(_NEGATIVE)
        return self.refuse("a property, a value, a function or '('")

    def named(self) -> Node:
        word = self.word
        said = word.text.lower()
        called = self.raw[self.place :].lstrip().startswith("(")
        if said == "not":
            self.step()
            return self.count(Unary("not", self.climb(_NOT), word.at))
        if not called and said in ("true", "false"):
            self.step()
            return self.count(Literal("boolean", said == "true", word.at))
        if said in _SHAPES and re.match(r"\s*(?:z\s*)?\(", self.raw[self.place :], re.IGNORECASE):
            return self.count(self.shape())
        if not called:
            if said in ("and", "or", "like", "between", "in", "is", "null", "div"):
                self.refuse("a property or a value", 'a property of that name stands in double quotation marks: "and"')
            self.step()
            return self.count(Path((word.text,), word.at))
        self.step()
        self.step()
        return self.count(_call(said, self.arguments(max(4, FUNCTIONS.get(said, 0)) + 2), word.at))

    def shape(self) -> Node:
        """A geometry, from its name to its last parenthesis."""
        at, end, deep = self.word.at, self.place, 0
        for end in range(self.place, len(self.raw)):
            deep += {"(": 1, ")": -1}.get(self.raw[end], 0)
            if self.raw[end] == ")" and not deep:
                break
        text = self.raw[at : end + 1]
        flat = re.match(r"(\w+)\s+z\s*(.*)", text, re.IGNORECASE | re.DOTALL)
        if flat:  # heights play no part in the comparisons there are
            text = flat[1] + re.sub(r"([^\s(),]+\s+[^\s(),]+)\s+[^\s(),]+", r"\1", flat[2])
        found = wkt.geometry(text, at, self.limits)
        self.place = end + 1
        self.word = self._next()
        return Literal("geometry", found, at)


def _negative(node: Node, at: int) -> Node:
    """The language has no sign before a property; its JSON says it as a product."""
    return Binary("*", Literal("number", -1, at), node, at)


def _call(name: str, arguments: tuple[Node, ...], at: int) -> Node:
    """A function, or a literal that looks like one."""
    if name in ("date", "timestamp"):
        (text,) = _counted(name, arguments, 1, at)
        return _moment(name, text.value if isinstance(text, Literal) else None, at)
    if name == "interval":
        ends = _counted(name, arguments, 2, at)
        return Call("interval", tuple(_end(e) for e in ends), at)
    if name == "bbox":
        numbers = [a.value for a in arguments if isinstance(a, Literal) and isinstance(a.value, int | float)]
        if len(numbers) != len(arguments):
            raise Malformed("", at, "BBOX", "numbers in BBOX(west, south, east, north)")
        return Literal("geometry", box(numbers, at), at)
    if name in _UNOFFERED:
        raise Malformed("lists are not compared here: no property is one", at, name)
    if name not in FUNCTIONS:
        raise Malformed("", at, name, "a function", f"there are {', '.join(sorted(FUNCTIONS))}")
    return Call(name, _counted(name, arguments, FUNCTIONS[name], at), at)


def _counted(name: str, arguments: tuple[Node, ...], wanted: int, at: int) -> tuple[Node, ...]:
    if len(arguments) != wanted:
        raise Malformed(f"{name} takes {wanted} arguments, not {len(arguments)}", at, name)
    return arguments


def _end(node: Node) -> Node:
    """An end of an interval: a property, a date, a time or nothing."""
    if not isinstance(node, Literal) or node.kind in ("date", "datetime"):
        return node
    if node.value == OPEN:
        return node
    kind = "date" if isinstance(node.value, str) and len(node.value) == 10 else "timestamp"
    return _moment(kind, node.value, node.at)


def _moment(kind: str, text: Any, at: int) -> Literal:
    try:
        if not isinstance(text, str):
            raise ValueError("no text")
        if kind == "date":
            return Literal("date", date.fromisoformat(text), at)
        made = datetime.fromisoformat(text)
        if made.tzinfo is None or "T" not in text:
            raise ValueError("no offset")
        return Literal("datetime", made.astimezone(UTC), at)
    except (ValueError, OverflowError):
        wanted = "DATE('2026-01-31')" if kind == "date" else "TIMESTAMP('2026-01-31T08:00:00Z')"
        raise Malformed("", at, str(text), wanted) from None


def number(text: str, at: int = 0) -> float | int:
    """A number; whole ones stay whole."""
    if text.isdigit() and len(text) < 16:
        return int(text)
    made = float(text)
    if not math.isfinite(made):
        raise Malformed("", at, text, "a number that is not beyond all bounds")
    return made


def box(numbers: Sequence[float], at: int = 0) -> tree.Geometry:
    """The rectangle west, south, east, north (with heights between them: 6 numbers); two of them where it crosses the date line."""
    if len(numbers) not in (4, 6):
        raise Malformed("", at, f"{len(numbers)} numbers", "4 or 6: west, south, east, north")
    west, south, east, north = (*numbers[:2], *numbers[len(numbers) // 2 : len(numbers) // 2 + 2])
    if south > north:
        raise Malformed("the box ends south of where it begins", at, "", "west, south, east, north")
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    rings = [
        f"(({w!r} {south!r}, {e!r} {south!r}, {e!r} {north!r}, {w!r} {north!r}, {w!r} {south!r}))" for w, e in spans
    ]
    return wkt.geometry(f"POLYGON{rings[0]}" if len(rings) == 1 else f"MULTIPOLYGON({', '.join(rings)})", at, Limits())


# -- JSON


def _from_json(text: str, limits: Limits) -> Node:
    try:
        said = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as e:
        raise Malformed(f"the filter is not JSON: {e}", 0) from None
    return _Json(limits).node(said, 0)


class _Json:
    def __init__(self, limits: Limits) -> None:
        self.limits, self.made = limits, 0

    def refuse(self, found: Any, expected: str) -> NoReturn:
        raise Malformed("", 0, str(found), expected)

    def node(self, said: Any, nested: int) -> Node:
        self.made += 1
        if self.made > self.limits.nodes:
            raise Malformed(f"the filter has more than {self.limits.nodes} parts", 0)
        if nested > self.limits.depth:
            raise Malformed(f"the filter nests deeper than {self.limits.depth}", 0)
        match said:
            case bool():
                return Literal("boolean", said)
            case int() | float():
                return Literal("number", number(repr(abs(said))) * (-1 if said < 0 else 1))
            case str():
                return Literal("string", said)
            case {"property": str(name)}:
                return Path((name,))
            case {"op": str(op), "args": list(args)}:
                return self.operation(op.lower(), args, nested)
            case {"date": text}:
                return _moment("date", text, 0)
            case {"timestamp": text}:
                return _moment("timestamp", text, 0)
            case {"interval": [start, end]}:
                return Call("interval", (_end(self.node(start, nested + 1)), _end(self.node(end, nested + 1))))
            case {"bbox": list(numbers)} if all(_is_number(n) for n in numbers):
                return Literal("geometry", box(numbers))
            case {"type": str()}:
                return Literal("geometry", wkt.geometry(text_of(said), 0, self.limits))
        return self.refuse(said, 'a value, {"property": …} or {"op": …, "args": […]}')

    def operation(self, op: str, args: list[Any], nested: int) -> Node:
        if op in ("casei", "accenti") and len(args) == 1 and isinstance(args[0], list):
            args = args[0]  # as an example of the standard has it
        if op == "in":
            if len(args) != 2 or not isinstance(args[1], list):
                self.refuse(args, '{"op": "in", "args": [value, [value, …]]}')
            args = [args[0], *args[1]]
            if len(args) > self.limits.items:
                raise Malformed(f"there are more than {self.limits.items} values", 0)
        parts = tuple(self.node(a, nested + 1) for a in args)
        if op in ("and", "or"):
            if len(parts) < 2:
                self.refuse(op, f"two or more conditions for {op}")
            return junction(op, parts)
        if op == "-" and len(parts) == 1:
            return _negative(parts[0], 0)
        if op in COMPARISONS or op in ARITHMETIC:
            left, right = _counted(op, parts, 2, 0)
            return Binary(op, left, right)
        if op in ("not", "isnull"):
            (operand,) = _counted(op, parts, 1, 0)
            return Unary("not", operand) if op == "not" else Call("isnull", (operand,))
        if op in ("like", "between"):
            return Call(op, _counted(op, parts, 2 if op == "like" else 3, 0))
        if op == "in":
            if len(parts) < 2:
                self.refuse(op, "values")
            return Call("in", parts)
        return _call(op, parts, 0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def text_of(geometry: Any) -> str:
    """A geometry of GeoJSON as well-known text; heights are left out. Raises Malformed."""
    depths = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}

    def listed(value: Any, depth: int) -> str:
        if not isinstance(value, list):
            raise Malformed("", 0, str(value), "a list of coordinates")
        if depth:
            return f"({', '.join(listed(v, depth - 1) for v in value)})"
        if not 2 <= len(value) <= 4 or not all(_is_number(v) for v in value):
            raise Malformed("", 0, str(value), "a position [longitude, latitude]")
        return f"{float(value[0])!r} {float(value[1])!r}"

    def one(said: Any, nested: int) -> str:
        match said:
            case {"type": "Point", "coordinates": at}:
                return f"POINT({listed(at, 0)})"
            case {"type": str(kind), "coordinates": at} if kind in depths:
                return f"{kind.upper()}{listed(at, depths[kind])}"
            case {"type": "GeometryCollection", "geometries": [_, *_] as parts} if nested < 4:
                return f"GEOMETRYCOLLECTION({', '.join(one(p, nested + 1) for p in parts)})"
        raise Malformed("", 0, str(said), "a geometry of GeoJSON")

    return one(geometry, 0)
