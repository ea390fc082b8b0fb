"""What does a client ask for? The options behind the question mark, those of expanded properties included."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from citytwin.api.sta.error import Malformed, Unserved
from citytwin.api.sta.expression import Reader
from citytwin.api.sta.lex import decoded
from citytwin.api.sta.tree import Expand, Limits, Order, Path, Query

NESTED = ("filter", "select", "orderby", "skip", "top", "count", "expand")
"""The options that an expanded property takes."""
WHOLE = ("format", "resultformat", "skiptoken")
"""The options that only the URL as a whole takes; their value is taken as it is."""
ELSEWHERE = ("search", "apply", "compute", "levels", "index", "schemaversion", "deltatoken", "id")
"""Options of OData that the standard does not take over."""


def parse(raw: str, start: int = 0, limits: Limits | None = None) -> Query:
    """What the text behind the question mark says; it begins at `start` of the URL. Raises Malformed and Unserved."""
    limits = limits or Limits()
    if len(raw) > limits.length:
        raise Malformed(f"the query is longer than {limits.length} characters", start + limits.length)
    given: dict[str, Any] = {}
    budget = _Budget(limits)
    at = start
    for part in raw.split("&"):
        if part:
            encoded, equals, value = part.partition("=")
            name = _named(decoded(encoded, at)[0], at, given, (*NESTED, *WHOLE))
            if not equals:
                raise Malformed("", at + len(encoded), "", f"'=' and the value of ${name}")
            begin = at + len(encoded) + 1
            if name in WHOLE:
                given[name] = decoded(value, begin)[0]
            else:
                reader = Reader(value, begin, limits)
                given |= _option(name, reader, budget, 0)
                reader.end("'&' and another option, or the end" if name != "filter" else "an operator or the end")
        at += len(part) + 1
    return Query(**given)


class _Budget:
    """How many properties may still be expanded: of the whole URL, not of each level."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.left = limits.expands

    def spend(self, at: int, level: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise Malformed(f"more than {self.limits.expands} properties are expanded", at)
        if level >= self.limits.levels:
            raise Malformed(f"properties are expanded more than {self.limits.levels} levels deep", at)


def _named(text: str, at: int, given: dict[str, Any], known: tuple[str, ...]) -> str:
    """The name of an option without its dollar sign, in lower case."""
    name = text[1:].lower()
    if not text.startswith("$") or name not in known:
        if text.startswith("$") and name in ELSEWHERE:
            raise Unserved(f"the option {text} is not offered here", at, text)
        listed = ", ".join(f"${'resultFormat' if n == 'resultformat' else n}" for n in known)
        raise Malformed("", at, text, "an option", f"there are {listed}")
    if name in given:
        raise Malformed(f"the option {text} is given twice", at, text)
    return name


def _option(name: str, reader: Reader, budget: _Budget, level: int) -> dict[str, Any]:
    match name:
        case "filter":
            return {name: reader.expression()}
        case "orderby":
            return {name: _orderby(reader)}
        case "select":
            return _select(reader)
        case "expand":
            return {name: _expand(reader, budget, level)}
        case "count":
            word = reader.next
            if word.text not in ("true", "false"):
                reader.refuse("true or false")
            reader.take("name")
            return {name: word.text == "true"}
        case _:
            value = reader.next.value
            if not isinstance(value, int):
                reader.refuse("a whole number, 0 or more")
            reader.take("number")
            return {name: value}


def _orderby(reader: Reader) -> tuple[Order, ...]:
    keys: list[Order] = []
    while not keys or reader.skip(","):
        by = reader.expression()
        said = reader.next.text.lower() if reader.next.kind == "name" else ""
        if said in ("asc", "desc"):
            reader.take("name")
        keys.append(Order(by, said == "desc"))
    return tuple(keys)


def _select(reader: Reader) -> dict[str, Any]:
    distinct = reader.next.text == "distinct" and reader.words[reader.place + 1].kind == ":"
    if distinct:
        reader.place += 2
    paths: list[Path] = []
    while not paths or reader.skip(","):
        paths.append(reader.path())
    return {"select": tuple(paths), "distinct": distinct}


def _expand(reader: Reader, budget: _Budget, level: int) -> tuple[Expand, ...]:
    found: dict[str, Expand] = {}
    while not found or reader.skip(","):
        made = _expanded(reader, budget, level)
        found[made.name] = _merged(found[made.name], made) if made.name in found else made
    return tuple(found.values())


def _expanded(reader: Reader, budget: _Budget, level: int) -> Expand:
    """One path of `$expand`: `A($top=1)/B` is read as `A($top=1;$expand=B)`."""
    word = reader.take("name", "the name of a navigation property")
    budget.spend(word.at, level)
    query = _options(reader, budget, level + 1) if reader.skip("(") else Query()
    if reader.skip("/"):
        below = _expanded(reader, budget, level + 1)
        known = {e.name: e for e in query.expand}
        known[below.name] = _merged(known[below.name], below) if below.name in known else below
        query = replace(query, expand=tuple(known.values()))
    return Expand(word.text, query, word.at)


def _options(reader: Reader, budget: _Budget, level: int) -> Query:
    given: dict[str, Any] = {}
    while not reader.skip(")"):
        if given:
            reader.take(";", "';' or ')'")
        word = reader.take("option", f"one of {', '.join(f'${n}' for n in NESTED)}")
        name = _named(word.text, word.at, given, NESTED)
        reader.take("=")
        given |= _option(name, reader, budget, level)
    return Query(**given)


def _merged(one: Expand, other: Expand) -> Expand:
    """Two mentions of the same property (`A/B,A/C`); only one of them may carry options of its own."""
    bare = Query()
    if replace(one.query, expand=()) != bare and replace(other.query, expand=()) != bare:
        raise Malformed(f"{other.name} is expanded twice with options", other.at, other.name)
    keep, add = (one.query, other.query) if replace(other.query, expand=()) == bare else (other.query, one.query)
    known = {e.name: e for e in keep.expand}
    for below in add.expand:
        known[below.name] = _merged(known[below.name], below) if below.name in known else below
    return Expand(one.name, replace(keep, expand=tuple(known.values())), one.at)
