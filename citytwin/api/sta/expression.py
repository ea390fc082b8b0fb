"""What does `$filter` say? A parser that climbs the precedence of operators; nesting is bounded, not left to the stack."""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn, TypeVar

from citytwin.api.sta import tree
from citytwin.api.sta.error import Malformed
from citytwin.api.sta.lex import Token, tokens
from citytwin.api.sta.tree import Any, Binary, Call, Count, Limits, Literal, Node, Path, Unary, Within, junction

T = TypeVar("T")
BINDS = {"or": 1, "and": 2, "eq": 4, "ne": 4, "gt": 5, "ge": 5, "lt": 5, "le": 5}
BINDS |= {"add": 6, "sub": 6, "mul": 7, "div": 7, "mod": 7, "in": 9}
NOT, NEGATIVE = 3, 8
"""How tightly operators bind. `not` takes the whole comparison after it, as every client means it."""

FUNCTIONS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("substringof", "startswith", "endswith", "contains", "indexof", "concat"), (2, 2)),
    **dict.fromkeys(("length", "tolower", "toupper", "trim", "round", "floor", "ceiling", "geo.length"), (1, 1)),
    "substring": (2, 3),
    **dict.fromkeys(("year", "month", "day", "hour", "minute", "second", "fractionalseconds"), (1, 2)),
    **dict.fromkeys(("date", "time", "totaloffsetminutes"), (1, 2)),
    **dict.fromkeys(("now", "mindatetime", "maxdatetime"), (0, 0)),
    **dict.fromkeys(("interval", "cast", "geo.distance", "geo.intersects"), (2, 2)),
    **dict.fromkeys((f"st_{n}" for n in ("equals", "disjoint", "touches", "within", "overlaps", "crosses")), (2, 2)),
    **dict.fromkeys(("st_intersects", "st_contains"), (2, 2)),
    "st_relate": (3, 3),
}
"""Every function of the standard and how many arguments it takes."""

_VALUES = frozenset({"number", "string", "datetime", "date", "time", "duration", "interval", "geometry"})


class Reader:
    """Walks over the words of one option."""

    def __init__(self, raw: str, start: int, limits: Limits) -> None:
        self.words: list[Token] = tokens(raw, start, limits)
        self.limits = limits
        self.place = 0
        self.nested = 0
        self.made = 0

    @property
    def next(self) -> Token:
        return self.words[self.place]

    def refuse(self, expected: str, hint: str = "") -> NoReturn:
        raise Malformed("", self.next.at, self.next.text, expected, hint)

    def take(self, kind: str, expected: str = "") -> Token:
        """The next word, which must be of that kind."""
        word = self.next
        if word.kind != kind:
            self.refuse(expected or f"'{kind}'")
        self.place += 1
        return word

    def skip(self, kind: str) -> bool:
        """Whether the next word is of that kind; if so it is behind us."""
        if self.next.kind != kind:
            return False
        self.place += 1
        return True

    def end(self, expected: str = "the end") -> None:
        """Nothing may follow."""
        if self.next.kind != "end":
            self.refuse(expected)

    def expression(self) -> Node:
        """The next expression, no deeper and no larger than allowed."""
        at = self.next.at
        node = self._climb(0)
        if tree.depth(node) > self.limits.depth:
            raise Malformed(f"the expression nests deeper than {self.limits.depth}", at)
        return node

    def path(self) -> Path:
        """The next path, as `$select` names properties."""
        first = self.take("name", "the name of a property")
        steps = [first.text]
        while self.skip("/"):
            steps.append(self.take("name", "the name of a property").text)
        return self._count(Path(tuple(steps), first.at))

    def _count(self, node: T) -> T:
        self.made += 1
        if self.made > self.limits.nodes:
            raise Malformed(f"the option has more than {self.limits.nodes} parts", self.next.at)
        return node

    def _enter(self) -> None:
        self.nested += 1
        if self.nested > self.limits.depth:
            raise Malformed(f"the expression nests deeper than {self.limits.depth}", self.next.at)

    def _climb(self, least: int) -> Node:
        self._enter()
        left = self._prefix()
        while (word := self.next).kind == "name" and least <= BINDS.get(op := word.text.lower(), -1):
            self.place += 1
            left = self._count(self._joined(left, op, word.at))
        self.nested -= 1
        return left

    def _joined(self, left: Node, op: str, at: int) -> Node:
        if op == "in":
            return Within(left, self._items(), at)
        right = self._climb(BINDS[op] + 1)
        if op not in ("and", "or"):
            return Binary(op, left, right, at)
        parts = [left, right]
        while self.next.kind == "name" and self.next.text.lower() == op:
            self.place += 1
            parts.append(self._climb(BINDS[op] + 1))
        return junction(op, tuple(parts), at)

    def _items(self) -> tuple[Literal, ...] | Path:
        if not self.skip("("):
            return self.path()
        items = [self._literal()]
        while self.skip(","):
            items.append(self._literal())
            if len(items) > self.limits.items:
                raise Malformed(f"the list has more than {self.limits.items} values", self.next.at)
        self.take(")", "',' or ')'")
        return tuple(items)

    def _literal(self) -> Literal:
        found = self._prefix()
        if not isinstance(found, Literal):
            self.place -= 1
            self.refuse("a value")
        return found

    def _prefix(self) -> Node:
        word = self.next
        if word.kind in _VALUES:
            self.place += 1
            return self._count(Literal(word.kind, word.value, word.at))  # type: ignore[arg-type]  # _VALUES are the kinds of literals
        if self.skip("-"):
            return self._count(self._negative(word.at))
        if self.skip("("):
            inner = self._climb(0)
            self.take(")", "an operator or ')'")
            return inner
        if word.kind != "name":
            self.refuse("a property, a value, a function or '('")
        follows = self.words[self.place + 1].kind
        if follows == "(":
            return self._call()
        said = word.text.lower()
        if follows != "/" and said in ("true", "false", "null"):
            self.place += 1
            value = None if said == "null" else said == "true"
            return self._count(Literal("null" if value is None else "boolean", value, word.at))
        if said == "not" and follows not in ("/", "end", ")", ","):
            self.place += 1
            return self._count(Unary("not", self._climb(NOT), word.at))
        return self._path()

    def _negative(self, at: int) -> Node:
        if self.next.kind == "number":
            value = self.take("number").value
            return Literal("number", -value, at)  # type: ignore[operator]  # the lexer made it a number
        if self.next.kind == "duration":
            span = self.take("duration").value
            assert isinstance(span, timedelta)
            return Literal("duration", -span, at)
        return Unary("-", self._climb(NEGATIVE), at)

    def _path(self) -> Node:
        first = self.take("name")
        steps = [first.text]
        while self.skip("/"):
            if self.next.kind == "option" and self.next.text == "$count":
                self.place += 1
                return self._count(Count(Path(tuple(steps), first.at), first.at))
            if self.next.text == "any" and self.words[self.place + 1].kind == "(":
                return self._any(Path(tuple(steps), first.at))
            steps.append(self.take("name", "the name of a property").text)
        return self._count(Path(tuple(steps), first.at))

    def _any(self, path: Path) -> Node:
        self.place += 2
        if self.skip(")"):
            return self._count(Any(path, "", Literal("boolean", True), path.at))
        variable = self.take("name", "a variable, as in any(x: x/result gt 5)").text
        self.take(":", "':' after the variable")
        self._enter()
        condition = self._climb(0)
        self.nested -= 1
        self.take(")", "an operator or ')'")
        return self._count(Any(path, variable, condition, path.at))

    def _call(self) -> Node:
        word = self.take("name")
        name = word.text.lower()
        if name == "not":
            return self._count(Unary("not", self._climb(NOT), word.at))
        if name not in FUNCTIONS:
            raise Malformed("", word.at, word.text, "a function", f"there are {', '.join(sorted(FUNCTIONS))}")
        self.take("(")
        arguments: list[Node] = []
        while not self.skip(")"):
            if arguments:
                self.take(",", "',' or ')'")
            arguments.append(self._climb(0))
        least, most = FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            takes = f"{least}" if least == most else f"{least} or {most}"
            raise Malformed(f"{name} takes {takes} arguments, not {len(arguments)}", word.at, word.text)
        return self._count(Call(name, tuple(arguments), word.at))
